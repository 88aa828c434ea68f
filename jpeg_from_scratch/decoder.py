"""Bytes → `JpegData` → pixels, on one page."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, overload

import numpy as np

from . import tables
from ._types import Samples
from .arguments import checked_bytes, checked_integer
from .backend import Backend, get_backend
from .errors import FormatError, LimitError, UnsupportedError
from .huffman import HuffmanSpec, decode_table
from .jpeg_data import (
    FrameHeader,
    JpegData,
    ScanHeader,
    TableSlots,
    describe_process,
)
from .markers import find_marker, parse_segment
from .metadata import Metadata, color_space, gather_metadata, jfif_version
from .scan_sequential import ScanLayout, ScanTables

__all__ = ["DecodeInfo", "decode", "memory_estimate", "read"]

MAX_PIXELS = 2**28
MAX_SCANS = 1000
MAX_MEMORY = 2**31


@dataclass(frozen=True)
class DecodeInfo:
    """What `decode` found out beside the pixels.

    Attributes
    ----------
    width, height, process, sampling, color_space
        ``"baseline DCT (SOF0)"``; factors (horizontal, vertical) per component; ``"grey"``, ``"YCbCr"``,
        ``"RGB"`` or ``"unknown"``: the colour space in the file.
    mcus_decoded, mcus_total : int
        Over all scans.
    warnings : tuple of str
        Departures from T.81 that libjpeg-turbo reads without a word, and so does `decode`.
    metadata : Metadata
    """

    width: int
    height: int
    process: str
    sampling: tuple[tuple[int, int], ...]
    color_space: str
    mcus_decoded: int
    mcus_total: int
    warnings: tuple[str, ...]
    metadata: Metadata


@overload
def decode(
    data: bytes,
    *,
    strict: bool = ...,
    info: Literal[False] = ...,
    max_pixels: int = ...,
    max_scans: int = ...,
    max_memory: int = ...,
    backend: str = ...,
) -> Samples:
    """Return the pixels."""


@overload
def decode(
    data: bytes,
    *,
    strict: bool = ...,
    info: Literal[True],
    max_pixels: int = ...,
    max_scans: int = ...,
    max_memory: int = ...,
    backend: str = ...,
) -> tuple[Samples, DecodeInfo]:
    """Return the pixels and what was found out beside them."""


def decode(
    data: bytes,
    *,
    strict: bool = True,
    info: bool = False,
    max_pixels: int = MAX_PIXELS,
    max_scans: int = MAX_SCANS,
    max_memory: int = MAX_MEMORY,
    backend: str = "fast",
) -> Samples | tuple[Samples, DecodeInfo]:
    """Decode a baseline or 8-bit extended sequential JPEG file (SOF0, SOF1, Huffman coded).

    Parameters
    ----------
    data : bytes
        The file; anything with the buffer interface.
    strict : bool
        True, the only mode so far: raise where libjpeg-turbo warns or refuses. See Notes.
    info : bool
        Also return a `DecodeInfo`.
    max_pixels : int
        Limit on width × height.
    max_scans : int
        Limit on the number of scans.
    max_memory : int
        Limit on the bytes that decoding takes, by `memory_estimate`.
    backend : {"fast", "reference"}
        Compiled kernels or readable Python. The pixels are the same.

    Returns
    -------
    ndarray of uint8, shape (H, W) or (H, W, C)
        Grey; RGB; or, for two components, the samples as stored. With ``info=True`` (ndarray, DecodeInfo).

    Raises
    ------
    FormatError
        If the file is damaged: offset, field and clause say where and how.
    UnsupportedError
        If it is progressive, arithmetic-coded, lossless, hierarchical, of 12 bits, or of more than 3
        components.
    LimitError
        If a limit would be passed, or a side is above 65500; before memory is taken.
    TypeError, ValueError
        If an argument is wrong.

    Notes
    -----
    Pixels equal those of libjpeg-turbo with its defaults: ``islow`` transform, triangle-filter upsampling.
    Ratios of sampling factors like 3 : 2, which it refuses, are resampled linearly (`sampling.upsample`).

    Four departures from "raise exactly where libjpeg-turbo warns or refuses". A file that lacks nothing but
    EOI, its last MCU complete, decodes, with a warning in `DecodeInfo`. A file that has no scan for a
    component is refused, where libjpeg-turbo fills in grey. Where its own warning depends on how far it has
    read ahead – a few bytes too many behind a scan, a code that does not exist in the midst of one – the file
    is refused; but one whole byte of padding bits before a marker, which it may warn of too, is read.

    Colour follows libjpeg: three components are YCbCr if there is a JFIF segment; else an Adobe segment
    decides; else the identifiers "R", "G", "B" mean RGB and any others YCbCr.

    Examples
    --------
    >>> import numpy as np
    >>> from jpeg_from_scratch import encode
    >>> decode(encode(np.full((2, 3), 77, np.uint8)))
    array([[77, 77, 77],
           [77, 77, 77]], dtype=uint8)
    """
    if not strict:
        raise ValueError("strict=False is not available yet, allowed is True")
    engine = get_backend(backend)
    reader = _Reader(checked_bytes(data), _Limits(max_pixels, max_scans, max_memory), engine, components=3)
    jpeg = reader.read()
    frame = jpeg.frame
    space = _checked_color_space(reader)
    pixels = _pixels(jpeg, space == "YCbCr", engine)
    if not info:
        return pixels
    return pixels, DecodeInfo(
        width=frame.width,
        height=frame.height,
        process=describe_process(frame.marker),
        sampling=tuple((c.h_samp, c.v_samp) for c in frame.components),
        color_space=space,
        mcus_decoded=reader.mcus,
        mcus_total=reader.mcus,
        warnings=tuple(reader.warnings),
        metadata=gather_metadata(jpeg.segments),
    )


def read(
    data: bytes, *, max_pixels: int = MAX_PIXELS, max_scans: int = MAX_SCANS, max_memory: int = MAX_MEMORY
) -> JpegData:
    """Take a file apart into its segments and quantised coefficients.

    Parameters and errors as for `decode`; any number of components.

    Examples
    --------
    >>> import numpy as np
    >>> from jpeg_from_scratch import encode, write
    >>> data = encode(np.full((8, 8), 200, np.uint8))
    >>> read(data).coefficients[0][0, 0, 0, 0].item()
    72
    >>> write(read(data)) == data
    True
    """
    return _Reader(
        checked_bytes(data), _Limits(max_pixels, max_scans, max_memory), get_backend("fast")
    ).read()


def memory_estimate(frame: FrameHeader) -> int:
    """Bytes that decoding takes: coefficients (2 a sample), planes (1 a sample), the picture."""
    samples = 0
    for i in range(len(frame.components)):
        rows, columns = frame.padded_block_shape(i)
        samples += 64 * rows * columns
    return 3 * samples + frame.width * frame.height * len(frame.components)


class _Limits:
    """What decoding may cost."""

    def __init__(self, max_pixels: int, max_scans: int, max_memory: int) -> None:
        self.max_pixels = checked_integer("max_pixels", max_pixels, 0)
        self.max_scans = checked_integer("max_scans", max_scans, 0)
        self.max_memory = checked_integer("max_memory", max_memory, 0)

    @staticmethod
    def check(limit: str, value: int, allowed: int) -> None:
        """Raise `LimitError` for a value above what is allowed."""
        if value > allowed:
            raise LimitError(limit, value, allowed)


# --------------------------------------------------------------------------------------------------
# Bytes → JpegData


@dataclass
class _Reader:
    """Walk the file once (E.2.1 – Control procedure for decoding compressed image data)."""

    data: bytes
    limits: _Limits
    engine: Backend
    warnings: list[str] = field(default_factory=list)
    mcus: int = 0
    components: int = 255  # how many a frame may have

    def __post_init__(self) -> None:
        self.jpeg = JpegData()
        self.offsets: list[int] = []  # of the segments
        self.slots = TableSlots()
        self.frame: FrameHeader | None = None
        self.scanned: set[int] = set()
        self.scans = 0

    def read(self) -> JpegData:
        if self.data[:2] != bytes((0xFF, tables.SOI)):
            found = self.data[:2].hex(" ").upper() or "nothing"
            raise FormatError(
                f"not a JPEG file: it starts with {found}, not FF D8", offset=0, field="SOI", clause="B.2.1"
            )
        position = 2
        while True:
            if self._only_eoi_is_missing(position):
                self.warnings.append("the file ends without EOI")
                return self.jpeg
            offset, marker = find_marker(self.data, position)
            if marker == tables.EOI:
                self._check_complete(offset)
                return self.jpeg
            segment, position = parse_segment(self.data, offset, marker, self.frame)
            self.jpeg.segments.append(segment)
            self.offsets.append(offset)
            self.slots.install(segment)
            if isinstance(segment, FrameHeader):
                self._start_frame(segment)
            elif isinstance(segment, ScanHeader):
                position = self._read_scan(segment, offset, position)

    def _only_eoi_is_missing(self, position: int) -> bool:
        """Whether the file ends right behind a scan that completes the picture."""
        complete = self.frame is not None and len(self.scanned) == len(self.frame.components)
        after_scan = bool(self.jpeg.segments) and isinstance(self.jpeg.segments[-1], ScanHeader)
        return complete and after_scan and not self.data[position:].strip(b"\xff")

    def _check_complete(self, offset: int) -> None:
        if self.frame is None:
            raise FormatError(
                "the file ends without a frame header", offset=offset, field="EOI", clause="B.2.1"
            )
        for i, component in enumerate(self.frame.components):
            if i not in self.scanned:
                message = f"the file ends without a scan of component {i} (Ci = {component.component_id})"
                raise FormatError(message, offset=offset, field="EOI", clause="B.2.1")

    def _start_frame(self, frame: FrameHeader) -> None:
        self.limits.check("max_pixels", frame.width * frame.height, self.limits.max_pixels)
        if len(frame.components) > self.components:
            raise UnsupportedError(f"a picture of {len(frame.components)} components")
        self.limits.check("max_memory", memory_estimate(frame), self.limits.max_memory)
        self.frame = frame
        self.jpeg.coefficients = [
            np.zeros((*frame.padded_block_shape(i), 8, 8), np.int16) for i in range(len(frame.components))
        ]

    def _read_scan(self, scan: ScanHeader, offset: int, position: int) -> int:
        """Decode one scan; return the offset behind it."""
        assert self.frame is not None  # parse_segment has seen to that
        self.scans += 1
        self.limits.check("max_scans", self.scans, self.limits.max_scans)
        for component in scan.components:
            wanted = self.frame.components[component.component].quant_table
            if component.component not in self.scanned and wanted not in self.slots.quantization:
                message = f"quantization table {wanted} is used but not defined"
                raise FormatError(message, offset=offset, field="Tqi", clause="B.2.4.1")
        specs = ScanTables(
            tuple(self._huffman_table(0, component.dc_table, offset) for component in scan.components),
            tuple(self._huffman_table(1, component.ac_table, offset) for component in scan.components),
        )
        layout = ScanLayout.of(self.frame, scan)
        members = [self.jpeg.coefficients[component.component] for component in scan.components]
        end = self.engine.decode_scan(
            self.data, position, layout, specs, self.slots.restart_interval, members
        )
        if end.overlong_runs:
            self.warnings.append(
                f"{end.overlong_runs} blocks of the scan at byte {offset} have runs past coefficient 63"
            )
        self.scanned.update(component.component for component in scan.components)
        self.mcus += layout.mcus
        return end.position

    def _huffman_table(self, table_class: int, destination: int, offset: int) -> HuffmanSpec:
        """Look up a table that a scan uses, and check it: only now, as libjpeg does."""
        kind = "AC" if table_class else "DC"
        spec = (self.slots.ac if table_class else self.slots.dc).get(destination)
        if spec is None:
            message = f"{kind} Huffman table {destination} is used but not defined"
            raise FormatError(message, offset=offset, field="Tdj, Taj", clause="B.2.3")
        try:
            decode_table(spec)
        except ValueError as error:
            message = f"{kind} Huffman table {destination} is impossible: {error}"
            raise FormatError(message, offset=offset, field="Li", clause="C.2") from None
        if table_class == 0 and max(spec.values, default=0) > 15:
            message = f"DC Huffman table {destination} has category {max(spec.values)}, at most 15 exists"
            raise FormatError(message, offset=offset, field="Vi,j", clause="F.1.2.1.2")
        return spec


# --------------------------------------------------------------------------------------------------
# JpegData → pixels


def _pixels(jpeg: JpegData, is_ycbcr: bool, engine: Backend) -> Samples:
    """Turn coefficients into pixels. Uses up `jpeg.coefficients`, so that memory is free for the planes."""
    frame = jpeg.frame
    planes = []
    for i, table in enumerate(jpeg.quantization_tables()):
        assert table is not None  # every component has been in a scan
        planes.append(
            engine.coefficients_to_plane(jpeg.coefficients.pop(0), table.array(), *frame.component_shape(i))
        )
    return engine.planes_to_image(planes, frame, is_ycbcr)


def _checked_color_space(reader: _Reader) -> str:
    """Find out what the components are; refuse what libjpeg-turbo warns about."""
    jpeg = reader.jpeg
    for segment, offset in zip(jpeg.segments, reader.offsets):
        version = jfif_version(segment)
        if version is not None and version[0] != 1:
            message = f"the unknown JFIF version {version[0]}.{version[1]:02}"
            raise FormatError(message, offset=offset, field="APP0", clause="B.2.4.6")
    # What comes after the first scan header is too late to count.
    first_scan = next(i for i, segment in enumerate(jpeg.segments) if isinstance(segment, ScanHeader))
    metadata = gather_metadata(jpeg.segments[:first_scan])
    transform = metadata.adobe_transform
    if len(jpeg.frame.components) == 3 and metadata.jfif_version is None and (transform or 0) > 1:
        message = f"the unknown Adobe colour transform {transform}"
        raise FormatError(message, offset=reader.offsets[first_scan], field="APP14", clause="B.2.4.6")
    return color_space(jpeg.frame, metadata)
