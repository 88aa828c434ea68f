"""Pixels → `JpegData` → bytes, on one page.

`encode` reads from top to bottom as Figure 4 of T.81: colour and sampling, DCT and quantisation, entropy
coding.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from . import tables
from ._types import Array, Coefficients, Samples
from .arguments import (
    Subsampling,
    checked_comment,
    checked_image,
    checked_integer,
    quantization_tables,
    sampling_factors,
)
from .backend import Backend, get_backend
from .huffman import HuffmanSpec, optimal_spec
from .jpeg_data import (
    AppData,
    Comment,
    FrameComponent,
    FrameHeader,
    HuffmanTable,
    HuffmanTables,
    JpegData,
    QuantizationTable,
    QuantizationTables,
    RestartInterval,
    ScanComponent,
    ScanHeader,
    Segment,
)
from .markers import format_segment
from .scan import Scan, needed_tables
from .stages import backend_with_stages, checked_stages

__all__ = ["encode", "write"]

# JFIF 1.01, density 1:1 without a unit, no thumbnail (T.871, 10.1).
JFIF = AppData(0, b"JFIF\x00" + bytes((1, 1, 0, 0, 1, 0, 1, 0, 0)))


def encode(
    image: Samples,
    quality: int = 75,
    *,
    subsampling: Subsampling = "4:2:0",
    optimize: bool = False,
    restart_interval: int = 0,
    quant_tables: Array | Sequence[Array] | None = None,
    comment: str | bytes | None = None,
    backend: str = "fast",
    stages: Mapping[str, Callable[..., Any]] | None = None,
) -> bytes:
    """Encode a picture as a baseline JPEG file (SOF0, JFIF).

    Parameters
    ----------
    image : ndarray of uint8, shape (H, W) or (H, W, 3)
        Grey, or RGB. Each side 1 ... 65500.
    quality : int
        1 ... 100, scales the tables of Annex K.1 (`quantization.scale_table`). 75 is libjpeg's default.
    subsampling : str or sequence of (int, int)
        ``"4:4:4"``, ``"4:4:0"``, ``"4:2:2"``, ``"4:2:0"``, ``"4:1:1"``, ``"4:1:0"``; or for each component
        its factors (horizontal, vertical), 1 ... 4. A grey picture has no colour to shrink; the names leave
        it at 1×1.
    optimize : bool
        Make Huffman tables for this picture (K.2) instead of taking the typical ones (K.3). The pixels stay
        the same, the file gets smaller.
    restart_interval : int
        Put a restart marker after so many MCUs, 1 ... 65535; 0 for none.
    quant_tables : array_like of int, shape (8, 8) or (n, 8, 8), optional
        Step sizes in natural order, used as they are; `quality` then has no say. Component i uses table i,
        or the last. Steps 1 ... 255; up to 65535 makes an extended file (SOF1) with 16-bit tables.
    comment : str or bytes, optional
        Goes into a COM segment; a string as UTF-8.
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
        sampling factors that are not whole are ours.

    Raises
    ------
    TypeError, ValueError
        If an argument is wrong; the message names it, its value and what is allowed.

    Examples
    --------
    >>> import numpy as np
    >>> image = np.full((16, 16, 3), 200, np.uint8)
    >>> data = encode(image, quality=90, subsampling="4:4:4")
    >>> data[:4].hex(), len(data)
    ('ffd8ffe0', 634)
    """
    image = checked_image(image)
    height, width = image.shape[:2]
    channels = 1 if image.ndim == 2 else 3
    quality = checked_integer("quality", quality, 1, 100)
    restart_interval = checked_integer("restart_interval", restart_interval, 0, 65535)
    factors = sampling_factors(subsampling, channels)
    steps = quantization_tables(quant_tables, quality, channels)
    if stages is None:
        engine = get_backend(backend)
    else:
        stages = checked_stages(stages)
        engine = backend_with_stages(stages)

    extended = any(table.precision for table in steps)
    frame = FrameHeader(
        tables.SOF1 if extended else tables.SOF0,
        8,
        height,
        width,
        tuple(
            FrameComponent(i + 1, h_samp, v_samp, min(i, len(steps) - 1))
            for i, (h_samp, v_samp) in enumerate(factors)
        ),
    )
    segments: list[Segment] = [JFIF]
    if comment is not None:
        segments.append(Comment(checked_comment(comment)))
    segments += [QuantizationTables((table,)) for table in steps]
    segments.append(frame)
    for number, scan in enumerate(_scans(frame)):
        if number < 2 or optimize:  # the third scan of three uses the second's tables
            segments += [HuffmanTables((table,)) for table in _typical_tables(scan)]
        if number == 0 and restart_interval:
            segments.append(RestartInterval(restart_interval))
        segments.append(scan)

    data = JpegData(segments, _coefficients(image, frame, steps, engine))
    if optimize:
        data.segments = _optimized_segments(data, engine, (stages or {}).get("optimal_table", optimal_spec))
    return _write(data, engine)


def write(data: JpegData) -> bytes:
    """Turn a `JpegData` into a file: the inverse of `read`.

    Returns
    -------
    bytes
        For the data of a file by libjpeg, the same bytes again.

    Raises
    ------
    ValueError
        If the parts do not fit together: arrays of the wrong shape, a missing table, a symbol without a code.
    """
    _check_coefficients(data)
    return _write(data, get_backend("fast"))


def _write(data: JpegData, engine: Backend) -> bytes:
    """SOI, the segments, the entropy-coded data after each scan header, EOI (Figure B.2)."""
    frame = data.frame
    coder = engine.scan_coder(frame)
    parts = [bytes((0xFF, tables.SOI))]
    scans = data.scans_with_tables()
    for segment in data.segments:
        parts.append(format_segment(segment, frame))
        if isinstance(segment, ScanHeader):
            slots, header = next(scans)
            scan = Scan.of(frame, header, slots)
            _check_tables(scan)
            members = [data.units[component.component] for component in header.components]
            parts.append(coder.encode(scan, members))
    parts.append(bytes((0xFF, tables.EOI)))
    return b"".join(parts)


def _check_tables(scan: Scan) -> None:
    needed = needed_tables(scan.frame, scan.header)
    for j, member in enumerate(scan.header.components):
        for kind, used, specs, destination in (
            ("DC", needed[0], scan.dc, member.dc_table),
            ("AC", needed[1], scan.ac, member.ac_table),
        ):
            if used and specs[j] is None:
                message = (
                    f"a scan uses {kind} Huffman table {destination}, which no segment before it defines"
                )
                raise ValueError(message)


def _check_coefficients(data: JpegData) -> None:
    frame = data.frame
    if len(data.coefficients) != len(frame.components):
        raise ValueError(
            f"{len(data.coefficients)} coefficient arrays for {len(frame.components)} components"
        )
    for i, array in enumerate(data.coefficients):
        expected = (*frame.padded_block_shape(i), 8, 8)
        if array.shape != expected or array.dtype != np.int16:
            raise ValueError(f"coefficients[{i}] is {array.dtype} {array.shape}, must be int16 {expected}")


# --------------------------------------------------------------------------------------------------
# Pixels → quantised coefficients


def _coefficients(
    image: Samples, frame: FrameHeader, steps: Sequence[QuantizationTable], engine: Backend
) -> list[Coefficients]:
    interleaved = len(_scans(frame)[0].components) > 1
    planes = engine.component_planes(image, frame)
    coefficients = []
    for i, component in enumerate(frame.components):
        out = np.zeros((*frame.padded_block_shape(i), 8, 8), np.int16)
        engine.plane_to_coefficients(planes.pop(0), steps[component.quant_table].array(), out)
        if interleaved:
            _fill_dummy_blocks(out, frame.block_shape(i), component)
        coefficients.append(out)
    return coefficients


def _fill_dummy_blocks(out: Coefficients, block_shape: tuple[int, int], component: FrameComponent) -> None:
    """Complete partial MCUs (A.2.4) as libjpeg does: zeros, but for the DC of the block coded before.

    Such a block costs the least bits that a block can cost: a DC difference of zero and an end of block.
    """
    rows, columns = block_shape
    out[:rows, columns:, 0, 0] = out[:rows, columns - 1, 0, 0][:, np.newaxis]
    h_samp = component.h_samp
    for row in range(rows, out.shape[0]):
        # The block before is the rightmost of the same MCU in the row above.
        out[row, :, 0, 0] = out[row - 1, h_samp - 1 :: h_samp, 0, 0].repeat(h_samp)


# --------------------------------------------------------------------------------------------------
# Scans and Huffman tables


def _scans(frame: FrameHeader) -> list[ScanHeader]:
    """One interleaved scan; or a scan for each component, if an MCU had more than 10 blocks (B.2.3)."""
    members = [ScanComponent(i, min(i, 1), min(i, 1)) for i in range(len(frame.components))]
    if sum(component.h_samp * component.v_samp for component in frame.components) <= 10:
        return [ScanHeader(tuple(members))]
    return [ScanHeader((member,)) for member in members]


def _typical_tables(scan: ScanHeader) -> list[HuffmanTable]:
    """The tables of K.3 that a scan uses, in libjpeg's order: DC 0, AC 0, DC 1, AC 1."""
    dc, ac = HuffmanSpec.typical_dc(), HuffmanSpec.typical_ac()
    destinations = sorted({component.dc_table for component in scan.components})
    return [HuffmanTable(c, n, spec[n]) for n in destinations for c, spec in enumerate((dc, ac))]


def _optimized_segments(
    data: JpegData, engine: Backend, optimal_table: Callable[[Array], HuffmanSpec]
) -> list[Segment]:
    """Replace the tables before each scan by tables made for it."""
    optimized: list[Segment] = []
    scans = data.scans_with_tables()
    pending: list[HuffmanTable] = []
    count = engine.scan_coder(data.frame).count
    assert count is not None
    for segment in data.segments:
        if isinstance(segment, HuffmanTables):
            pending += segment.tables
            continue
        if isinstance(segment, ScanHeader):
            slots, header = next(scans)
            members = [data.coefficients[component.component] for component in header.components]
            counts = count(Scan.of(data.frame, header, slots), members)
            made = [
                HuffmanTables((replace(table, spec=optimal_table(_table_counts(table, header, counts))),))
                for table in pending
            ]
            # DHT comes before DRI, as libjpeg has it.
            place = len(optimized) - isinstance(optimized[-1], RestartInterval)
            optimized[place:place] = made
            pending = []
        optimized.append(segment)
    return optimized


def _table_counts(table: HuffmanTable, scan: ScanHeader, counts: tuple[Array, Array]) -> Array:
    """Sum the symbol counts of the components that use a table."""
    users = [
        j
        for j, component in enumerate(scan.components)
        if table.destination == (component.ac_table if table.table_class else component.dc_table)
    ]
    return counts[table.table_class][users].sum(axis=0)
