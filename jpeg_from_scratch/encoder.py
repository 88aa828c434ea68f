"""Pixels → `JpegData` → bytes, on one page. `writer` has the second half.

`encode` reads from top to bottom as Figure 4 of T.81: colour and sampling, DCT and quantisation, entropy
coding.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np

from ._types import Array, Coefficients, Samples
from .arguments import Subsampling
from .backend import Backend, get_backend
from .huffman import optimal_spec
from .jpeg_data import BLOCK, FrameHeader, JpegData, QuantizationTables, Segment
from .options import Plan, plan
from .parallel import bands, run_all, shared_by, threads_for
from .sampling import complete_partial_mcus
from .scan_scripts import ScriptEntry
from .stages import backend_with_stages, checked_stages
from .writer import optimize_tables, scan_segments, write_with

__all__ = ["encode"]

BAND = 1 << 20  # pixels transformed at once by a thread: its planes take less memory than the picture's


def encode(
    image: Samples,
    quality: int = 75,
    *,
    subsampling: Subsampling | None = None,
    optimize: bool = False,
    progressive: bool = False,
    scans: Sequence[ScriptEntry] | None = None,
    arithmetic: bool = False,
    lossless: bool = False,
    predictor: int | None = None,
    point_transform: int | None = None,
    precision: int | None = None,
    color: str | None = None,
    restart_interval: int = 0,
    quant_tables: Array | Sequence[Array] | None = None,
    comment: str | bytes | None = None,
    exif: bytes | None = None,
    icc_profile: bytes | None = None,
    threads: int | None = None,
    backend: str = "fast",
    stages: Mapping[str, Callable[..., Any]] | None = None,
) -> bytes:
    """Encode a picture as a JPEG file: baseline unless something else is asked for.

    Parameters
    ----------
    image : ndarray of uint8 or uint16, shape (H, W), (H, W, 3) or (H, W, 4)
        Grey; RGB; or, with `color`, CMYK. Each side 1 ... 65500.
    quality : int
        1 ... 100, scales the tables of Annex K.1 (`quantization.scale_table`). 75 is libjpeg's default. A
        lossless file has no quality.
    subsampling : str or sequence of (int, int), optional
        ``"4:4:4"``, ``"4:4:0"``, ``"4:2:2"``, ``"4:2:0"``, ``"4:1:1"``, ``"4:1:0"``; or for each component
        its factors (horizontal, vertical), 1 ... 4. By default 4:2:0 for YCbCr and YCCK, and 4:4:4 for the
        others. A grey picture has no colour to shrink; the names leave it at 1×1.
    optimize : bool
        Make Huffman tables for this picture (K.2) instead of taking the typical ones (K.3). The pixels stay
        the same, the file gets smaller. Progressive, lossless and 12-bit files always have tables of their
        own.
    progressive : bool
        Send the picture in several scans, coarse first (SOF2; Annex G). The pixels stay the same.
    scans : sequence of (components, Ss, Se, Ah, Al), optional
        A scan script: for each scan the indices of its components, the first and last coefficient in zigzag
        order, and the bit positions of successive approximation (`scan_scripts`). By default libjpeg's
        script for progressive files, and one scan for others.
    arithmetic : bool
        Arithmetic instead of Huffman coding (SOF9, SOF10, SOF11; Annex D): smaller files, which few programs
        read.
    lossless : bool
        Prediction instead of the DCT (SOF3, SOF11; Annex H): the samples come back as they are.
    predictor : int, optional
        1 ... 7, with `lossless` (Table H.1); 1 by default.
    point_transform : int, optional
        With `lossless`, how many low bits of each sample are dropped; 0 by default.
    precision : int, optional
        Bits of a sample: 8, or 12 for uint16; 2 ... 16 with `lossless`. By default 8 for uint8, 12 for
        uint16, and 16 for uint16 with `lossless`.
    color : str, optional
        The colour space of the file: ``"grey"``; ``"YCbCr"`` (default) or ``"RGB"`` (default with
        `lossless`); ``"CMYK"`` or ``"YCCK"``, without a default, because four channels may as well be RGBA.
        CMYK samples are stored as they are.
    restart_interval : int
        Put a restart marker after so many MCUs, 1 ... 65535; 0 for none. In a lossless file it must be a
        multiple of the width.
    quant_tables : array_like of int, shape (8, 8) or (n, 8, 8), optional
        Step sizes in natural order, used as they are; `quality` then has no say. Component i uses table i,
        or the last. Steps 1 ... 255; up to 65535 makes an extended file (SOF1) with 16-bit tables.
    comment : str or bytes, optional
        Goes into a COM segment; a string as UTF-8.
    exif : bytes, optional
        A TIFF structure, for an Exif segment (APP1).
    icc_profile : bytes, optional
        A colour profile, for as many APP2 segments as it takes.
    threads : int, optional
        How many threads share the work; the bytes are the same. By default all cores for a large picture, and
        one for a small.
    backend : {"fast", "reference"}
        Compiled kernels or readable Python. The bytes are the same.
    stages : mapping of str to callable, optional
        Functions that take the place of stages; the reference path runs then, whatever `backend` says.
        Keys, with the function that each replaces and whose docstring says what it must do:
        ``"rgb_to_ycbcr"`` (`color.rgb_to_ycbcr`), ``"downsample"`` (`sampling.downsample`), ``"fdct"``
        (`dct.fdct`), ``"quantize"`` (`quantization.quantize`), ``"zigzag"`` (`coefficients.zigzag`),
        ``"run_length"`` (`coefficients.run_length`), ``"optimal_table"`` (`huffman.optimal_spec`; used with
        `optimize`).

    Returns
    -------
    bytes
        The file: byte for byte what libjpeg-turbo writes with these settings, where it has them. Ratios of
        sampling factors that are not whole, and SOF11, are ours.

    Raises
    ------
    TypeError, ValueError
        If an argument is wrong, or two do not go together; the message names them and says why.

    Examples
    --------
    >>> import numpy as np
    >>> image = np.full((16, 16, 3), 200, np.uint8)
    >>> data = encode(image, quality=90, subsampling="4:4:4")
    >>> data[:4].hex(), len(data)
    ('ffd8ffe0', 634)
    """
    planned = plan(
        image,
        quality,
        subsampling=subsampling,
        optimize=optimize,
        progressive=progressive,
        scans=scans,
        arithmetic=arithmetic,
        lossless=lossless,
        predictor=predictor,
        point_transform=point_transform,
        precision=precision,
        color=color,
        restart_interval=restart_interval,
        quant_tables=quant_tables,
        comment=comment,
        exif=exif,
        icc_profile=icc_profile,
        stages=stages if stages is None else (stages := checked_stages(stages)),
    )
    frame = planned.frame
    threads = threads_for(threads, frame.height * frame.width)
    engine = get_backend(backend, threads) if stages is None else backend_with_stages(stages)
    segments: list[Segment] = [*planned.head]
    segments += [QuantizationTables((table,)) for table in planned.steps]
    segments.append(frame)
    segments += scan_segments(frame, planned.scans, planned.restart_interval, planned.optimize)
    data = JpegData(segments)
    if frame.is_lossless:
        data.samples = _samples(image, planned)
    else:
        data.coefficients = _coefficients(image, planned, engine)
    if planned.optimize:
        data.segments = optimize_tables(data, engine, (stages or {}).get("optimal_table", optimal_spec))
    return write_with(data, engine)


def _coefficients(image: Samples, planned: Plan, engine: Backend) -> list[Coefficients]:
    """Pixels → quantised coefficients."""
    frame = planned.frame
    arrays = {table.destination: table.array() for table in planned.steps}
    steps = [arrays[component.quant_table] for component in frame.components]
    interleaved = {
        member.component for scan in planned.scans if len(scan.components) > 1 for member in scan.components
    }
    coefficients = [_empty_blocks(frame, i) for i in range(len(frame.components))]
    group = BLOCK * frame.v_max

    def transform(rows: range) -> None:
        """Turn rows of the picture into rows of blocks: they depend on no others."""
        first = rows.start // group
        outs = [out[first * c.v_samp :] for c, out in zip(frame.components, coefficients)]
        part = image[rows.start : rows.stop], _part(frame, len(rows)), planned.color_space
        if engine.image_to_coefficients is not None:
            engine.image_to_coefficients(*part, steps, outs)
            return
        planes = engine.component_planes(*part)
        for table, out in zip(steps, outs):
            engine.plane_to_coefficients(planes.pop(0), table, out, frame.precision)

    pixels = frame.height * frame.width
    threads = shared_by(engine.threads, sum(array.size for array in coefficients))
    run_all(transform, bands(frame.height, group, max(threads, pixels // BAND)), threads)
    for i in interleaved:
        complete_partial_mcus(coefficients[i], frame.block_shape(i), frame.components[i].h_samp)
    return coefficients


@lru_cache(maxsize=64)
def _part(frame: FrameHeader, height: int) -> FrameHeader:
    """Return the frame of a picture that is as high as a band."""
    return replace(frame, height=height)


def _empty_blocks(frame: FrameHeader, i: int) -> Coefficients:
    """Make room for the coefficients of a component: only the blocks that complete partial MCUs are zero."""
    blocks = np.empty((*frame.padded_block_shape(i), BLOCK, BLOCK), np.int16)
    rows, columns = frame.block_shape(i)
    blocks[rows:] = 0
    blocks[:rows, columns:] = 0
    return blocks


def _samples(image: Samples, planned: Plan) -> list[Array]:
    """Pixels → the samples of a lossless process, after the point transform (A.4)."""
    channels = image[..., np.newaxis] if image.ndim == 2 else image
    shifted = channels.astype(np.uint16) >> planned.point_transform
    return [np.ascontiguousarray(shifted[..., i]) for i in range(shifted.shape[2])]
