"""Bytes → `JpegData` → pixels, on one page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, overload

from ._types import Samples
from .arguments import checked_bytes
from .backend import Backend, get_backend
from .errors import FormatError
from .jpeg_data import JpegData, ScanHeader, describe_process
from .metadata import Metadata, color_space, gather_metadata, jfif_version
from .reader import MAX_MEMORY, MAX_PIXELS, MAX_SCANS, Limits, Reader

__all__ = ["DecodeInfo", "decode", "read"]


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
    engine = get_backend(backend)
    limits = Limits(max_pixels, max_scans, max_memory)
    reader = Reader(checked_bytes(data), limits, engine, strict, components=10)
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
        mcus_decoded=reader.fed_mcus,
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
    limits = Limits(max_pixels, max_scans, max_memory)
    return Reader(checked_bytes(data), limits, get_backend("fast")).read()


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


def _checked_color_space(reader: Reader) -> str:
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
