"""Bytes → `JpegData` → pixels, on one page. `reader` has the first half."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, overload

import numpy as np

from ._types import Array, Samples
from .arguments import checked_bytes, checked_choice
from .backend import Backend, get_backend
from .errors import FormatError
from .jpeg_data import JpegData, ScanHeader, describe_process
from .metadata import Metadata, color_space, gather_metadata, jfif_version
from .orientation import exif_orientation, oriented
from .parallel import threads_for
from .pipeline import make
from .reader import MAX_MEMORY, MAX_PIXELS, MAX_SCANS, Limits, Reader
from .smoothing import smooth, smoothing_applies

__all__ = ["DecodeInfo", "decode", "read", "to_planes"]

MAX_COMPONENTS = 10  # of a picture; `read` takes all 255


@dataclass(frozen=True)
class DecodeInfo:
    """What `decode` found out beside the pixels.

    Attributes
    ----------
    width, height, precision, process, sampling, color_space
        In samples, as stored (before any rotation); bits of a sample; ``"baseline DCT (SOF0)"``; factors
        (horizontal, vertical) per component; ``"grey"``, ``"YCbCr"``, ``"RGB"``, ``"CMYK"``, ``"YCCK"`` or
        ``"unknown"``: the colour space in the file.
    orientation : int
        1 ... 8, from the Exif segment; 1 without one.
    mcus_decoded, mcus_total : int
        Over all scans; the former those whose data were all there.
    smoothed : bool
        Whether missing coefficients were estimated (`smoothing`).
    warnings : tuple of str
        Departures from T.81 that were read nevertheless: with ``strict=True`` those that libjpeg-turbo reads
        without a word, with ``strict=False`` also those of which it warns.
    metadata : Metadata
    """

    width: int
    height: int
    precision: int
    process: str
    sampling: tuple[tuple[int, int], ...]
    color_space: str
    orientation: int
    mcus_decoded: int
    mcus_total: int
    smoothed: bool
    warnings: tuple[str, ...]
    metadata: Metadata


@overload
def decode(
    data: bytes,
    *,
    strict: bool = ...,
    info: Literal[False] = ...,
    cmyk: str = ...,
    orientation: bool = ...,
    tables: bytes | None = ...,
    max_pixels: int = ...,
    max_scans: int = ...,
    max_memory: int = ...,
    threads: int | None = ...,
    backend: str = ...,
) -> Samples:
    """Return the pixels."""


@overload
def decode(
    data: bytes,
    *,
    strict: bool = ...,
    info: Literal[True],
    cmyk: str = ...,
    orientation: bool = ...,
    tables: bytes | None = ...,
    max_pixels: int = ...,
    max_scans: int = ...,
    max_memory: int = ...,
    threads: int | None = ...,
    backend: str = ...,
) -> tuple[Samples, DecodeInfo]:
    """Return the pixels and what was found out beside them."""


def decode(
    data: bytes,
    *,
    strict: bool = True,
    info: bool = False,
    cmyk: str = "stored",
    orientation: bool = False,
    tables: bytes | None = None,
    max_pixels: int = MAX_PIXELS,
    max_scans: int = MAX_SCANS,
    max_memory: int = MAX_MEMORY,
    threads: int | None = None,
    backend: str = "fast",
) -> Samples | tuple[Samples, DecodeInfo]:
    """Decode a JPEG file of any process of T.81 but the hierarchical ones.

    Parameters
    ----------
    data : bytes
        The file; anything with the buffer interface.
    strict : bool
        True: raise where libjpeg-turbo warns or refuses. False: raise where it refuses, and read on where it
        warns, to the same pixels; missing samples are mid grey. See Notes.
    info : bool
        Also return a `DecodeInfo`, with the warnings and the number of MCUs decoded.
    cmyk : {"stored", "inverted"}
        Pictures of four components: the samples as stored; or each subtracted from the largest value. Adobe's
        programs store the opposite of the ink, and Pillow always inverts.
    orientation : bool
        Turn the picture upright, as its Exif segment says.
    tables : bytes, optional
        A file of nothing but tables (B.5) that stands before: for files that leave theirs out (B.4 –
        Abbreviated format for compressed image data), like the strips of a TIFF file.
    max_pixels : int
        Limit on width × height.
    max_scans : int
        Limit on the number of scans.
    max_memory : int
        Limit on the bytes that decoding takes, by `reader.memory_estimate`.
    threads : int, optional
        How many threads share the work; the pixels are the same. By default all cores for a large picture,
        and one for a small.
    backend : {"fast", "reference"}
        Compiled kernels or readable Python. The pixels are the same.

    Returns
    -------
    ndarray, shape (H, W) or (H, W, C)
        uint8, or uint16 for more than 8 bits. Grey; RGB; CMYK; or, for other numbers of components, the
        samples as stored. In a lossless process always the samples as stored. With ``info=True`` (ndarray,
        DecodeInfo).

    Raises
    ------
    FormatError
        If the file is damaged: offset, field and clause say where and how.
    UnsupportedError
        If it is hierarchical, JPEG-LS, or of more than 10 components.
    LimitError
        If a limit would be passed, or a side is above 65500; before memory is taken.
    TypeError, ValueError
        If an argument is wrong.

    Notes
    -----
    Pixels equal those of libjpeg-turbo with its defaults: ``islow`` transform, triangle-filter upsampling,
    smoothing of progressive files that end early. Ratios of sampling factors like 3 : 2, which it refuses,
    are resampled linearly (`sampling.upsample`); SOF11, DNL segments and scans of components beyond the
    fourth, which it refuses too, are read.

    Strict reading refuses what libjpeg-turbo warns of, with few exceptions; the largest is a file that lacks
    nothing but EOI, its last MCU complete, which decodes with a warning in `DecodeInfo`.
    ``docs/hostile-files.md`` lists them all.

    Colour follows libjpeg: `metadata.color_space`.

    Examples
    --------
    >>> import numpy as np
    >>> from jpeg_from_scratch import encode
    >>> decode(encode(np.full((2, 3), 77, np.uint8)))
    array([[77, 77, 77],
           [77, 77, 77]], dtype=uint8)
    """
    data = checked_bytes(data)
    checked_choice("cmyk", cmyk, ("stored", "inverted"))
    # The size of the picture is not known yet, but that of the file tells whether it can be large.
    engine = get_backend(backend, threads_for(threads, 8 * len(data)))
    limits = Limits(max_pixels, max_scans, max_memory)
    before = None if tables is None else read(tables)
    reader = Reader(data, limits, engine, strict, MAX_COMPONENTS, tables=before, follow=True)
    jpeg = reader.read()
    frame = jpeg.frame
    engine = get_backend(backend, threads_for(threads, frame.width * frame.height))
    space = _checked_color_space(reader)
    pixels, smoothed = reader.image, False
    if pixels is None:
        pixels, smoothed = _to_image(reader, engine, space)
    if cmyk == "inverted" and len(frame.components) == 4:
        pixels = pixels.dtype.type((1 << frame.precision) - 1) - pixels
    metadata = gather_metadata(jpeg.segments)
    turn = exif_orientation(metadata.exif)
    if orientation:
        pixels = oriented(pixels, turn)
    if not info:
        return pixels
    return pixels, DecodeInfo(
        width=frame.width,
        height=frame.height,
        precision=frame.precision,
        process=describe_process(frame.marker),
        sampling=tuple((c.h_samp, c.v_samp) for c in frame.components),
        color_space=space,
        orientation=turn,
        mcus_decoded=reader.fed_mcus,
        mcus_total=reader.mcus,
        smoothed=smoothed,
        warnings=tuple(reader.warnings),
        metadata=metadata,
    )


def read(
    data: bytes,
    *,
    strict: bool = True,
    tables: bytes | None = None,
    max_pixels: int = MAX_PIXELS,
    max_scans: int = MAX_SCANS,
    max_memory: int = MAX_MEMORY,
) -> JpegData:
    """Take a file apart into its segments and quantised coefficients, or lossless samples.

    Parameters and errors as for `decode`; any number of components. A file of nothing but tables (B.5 –
    Abbreviated format for table-specification data) is read too; those of `tables` stand before all other
    segments in the result.

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
    before = None if tables is None else read(tables)
    engine = get_backend("fast")
    return Reader(checked_bytes(data), limits, engine, strict, tables_only=True, tables=before).read()


# --------------------------------------------------------------------------------------------------
# JpegData → planes → pixels


def _to_image(reader: Reader, engine: Backend, space: str) -> tuple[Samples, bool]:
    """Turn what was read into pixels. Also returns whether missing coefficients were estimated."""
    frame, steps = reader.jpeg.frame, _steps(reader.jpeg)
    # One thread gains nothing by strips, and without them it needs less memory at a time.
    if engine.strips is not None and engine.threads > 1 and not smoothing_applies(reader.progression, steps):
        strips = engine.strips(reader.jpeg.coefficients, [_known(table) for table in steps], frame, space)
        if strips is not None:
            return make(strips, engine.threads), False
    planes, smoothed = to_planes(reader, engine)
    return engine.planes_to_image(planes, frame, "unknown" if frame.is_lossless else space), smoothed


def to_planes(reader: Reader, engine: Backend) -> tuple[list[Samples], bool]:
    """Turn what was read into one plane per component, at its own size.

    Uses up ``reader.jpeg.coefficients``, so that memory is free for the planes. Also returns whether missing
    coefficients were estimated.
    """
    jpeg = reader.jpeg
    frame = jpeg.frame
    if frame.is_lossless:
        return _lossless_planes(jpeg), False
    steps = _steps(jpeg)
    smoothed = smoothing_applies(reader.progression, steps)
    planes = []
    for i, table in enumerate(steps):
        coefficients = jpeg.coefficients.pop(0)
        known = _known(table)
        if smoothed and reader.progression is not None:
            coefficients = smooth(coefficients, frame, i, reader.progression, known, reader.last_fed_row)
        shape = frame.component_shape(i)
        planes.append(engine.coefficients_to_plane(coefficients, known, *shape, frame.precision))
    return planes, smoothed


def _steps(jpeg: JpegData) -> list[Array | None]:
    """Return the step sizes of each component; None for one that is in no scan."""
    return [None if table is None else table.array() for table in jpeg.quantization_tables()]


def _known(steps: Array | None) -> Array:
    """Return step sizes: of a component in no scan every coefficient is zero, whatever they are."""
    return np.ones((8, 8), np.int32) if steps is None else steps


def _lossless_planes(jpeg: JpegData) -> list[Samples]:
    """Undo the point transform (H.2.1), and crop to the components' true sizes."""
    frame = jpeg.frame
    point_transform = {member.component: scan.approx_low for scan in jpeg.scans for member in scan.components}
    dtype: Any = np.uint8 if frame.precision <= 8 else np.uint16
    planes = []
    for i, samples in enumerate(jpeg.samples):
        height, width = frame.component_shape(i)
        planes.append((samples[:height, :width] << point_transform.get(i, 0)).astype(dtype))
    return planes


def _checked_color_space(reader: Reader) -> str:
    """Find out what the components are; refuse, if strict, what libjpeg-turbo warns about."""
    jpeg = reader.jpeg
    for segment, offset in zip(jpeg.segments, reader.offsets):
        version = jfif_version(segment)
        if version is not None and version[0] != 1:
            message = f"the unknown JFIF version {version[0]}.{version[1]:02}"
            reader.complain(FormatError(message, offset=offset, field="APP0", clause="B.2.4.6"))
    # What comes after the first scan header is too late to count.
    first_scan = next(i for i, segment in enumerate(jpeg.segments) if isinstance(segment, ScanHeader))
    metadata = gather_metadata(jpeg.segments[:first_scan])
    transform = metadata.adobe_transform
    known = {3: (None, 0, 1), 4: (None, 0, 2)}.get(len(jpeg.frame.components))
    beaten = len(jpeg.frame.components) == 3 and metadata.jfif_version is not None
    if known is not None and transform not in known and not beaten:
        message = f"the unknown Adobe colour transform {transform}"
        offset = reader.offsets[first_scan]
        reader.complain(FormatError(message, offset=offset, field="APP14", clause="B.2.4.6"))
    return color_space(jpeg.frame, metadata)
