"""The same picture in other bytes: from one process to another without a loss.

`JpegData` is what all DCT processes have in common: quantised coefficients. Only their order in the file and
their codes differ, so that a baseline file becomes a progressive one, or an arithmetic-coded one, and back,
and no pixel changes. A lossless file can change its codes in the same way.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from . import tables
from .arguments import checked_integer
from .backend import get_backend
from .jpeg_data import (
    ArithmeticConditioning,
    FrameComponent,
    FrameHeader,
    HuffmanTables,
    JpegData,
    NumberOfLines,
    QuantizationTable,
    QuantizationTables,
    RestartInterval,
    ScanComponent,
    ScanHeader,
    Segment,
)
from .metadata import color_space, gather_metadata
from .options import table_numbers
from .sampling import complete_partial_mcus
from .scan_scripts import ScriptEntry, checked_script, default_script
from .writer import optimize_tables, scan_segments

__all__ = ["transcode"]

REPLACED = (HuffmanTables, ArithmeticConditioning, RestartInterval, ScanHeader, NumberOfLines, FrameHeader)


def transcode(
    data: JpegData,
    *,
    progressive: bool = False,
    arithmetic: bool = False,
    optimize: bool = False,
    restart_interval: int = 0,
    scans: Sequence[ScriptEntry] | None = None,
) -> JpegData:
    """Lay the coefficients of a file out anew.

    Parameters
    ----------
    data : JpegData
        What `read` returns. It is not changed.
    progressive, arithmetic, optimize, scans
        As for `encode`. With none of them the result is sequential, with the typical Huffman tables.
    restart_interval : int
        In MCUs; 0 for none, whatever the file had before.

    Returns
    -------
    JpegData
        With the same pixels. Application segments and comments stay, in their order.

    Raises
    ------
    TypeError, ValueError
        If arguments do not go together, or do not suit the file: a lossless one cannot become progressive.

    References
    ----------
    The bytes are those of ``jpegtran -copy all`` with the switches of the same names.

    Examples
    --------
    >>> import numpy as np
    >>> from jpeg_from_scratch import decode, encode, read, write
    >>> data = encode(np.arange(256, dtype=np.uint8).reshape(16, 16))
    >>> smaller = write(transcode(read(data), arithmetic=True))
    >>> len(smaller) < len(data), bool((decode(smaller) == decode(data)).all())
    (True, True)
    """
    restart_interval = checked_integer("restart_interval", restart_interval, 0, 65535)
    old = data.frame
    if old.is_lossless and (progressive or scans is not None):
        raise ValueError("a lossless file has samples and no coefficients: it cannot become progressive")
    if arithmetic and optimize:
        raise ValueError("optimize=True and arithmetic=True exclude each other: there are no Huffman tables")
    steps, destinations = _quantization(data)
    components = tuple(
        FrameComponent(c.component_id, c.h_samp, c.v_samp, destinations[i])
        for i, c in enumerate(old.components)
    )
    wide = any(table.precision for table in steps)
    frame = replace(old, marker=_process(old, progressive, arithmetic, wide), components=components)
    headers = _scans(data, frame, scans)
    optimize = not arithmetic and (optimize or progressive or old.is_lossless or old.precision > 8)
    segments: list[Segment] = [
        segment for segment in data.segments if not isinstance(segment, (*REPLACED, QuantizationTables))
    ]
    segments += [QuantizationTables((table,)) for table in steps]
    segments.append(frame)
    segments += scan_segments(frame, headers, restart_interval, optimize)
    result = JpegData(segments, [array.copy() for array in data.coefficients], data.samples)
    if not frame.is_lossless:
        _complete(result, headers)
    if optimize:
        result.segments = optimize_tables(result, get_backend("fast"))
    return result


def _process(old: FrameHeader, progressive: bool, arithmetic: bool, wide: bool) -> int:
    """Return the start-of-frame marker (Table B.1)."""
    if old.is_lossless:
        return tables.SOF11 if arithmetic else tables.SOF3
    if progressive:
        return tables.SOF10 if arithmetic else tables.SOF2
    if arithmetic:
        return tables.SOF9
    return tables.SOF1 if wide or old.precision > 8 else tables.SOF0


def _quantization(data: JpegData) -> tuple[list[QuantizationTable], list[int]]:
    """Return the tables in force at the first scan of each component, and the destination each now has.

    A file may replace a table between two scans. Tables that share a destination and differ move apart.
    """
    if data.frame.is_lossless:
        return [], [component.quant_table for component in data.frame.components]
    kept: list[QuantizationTable] = []
    destinations = []
    for table, component in zip(data.quantization_tables(), data.frame.components):
        if table is None:
            raise ValueError(
                f"component {component.component_id} is in no scan: it has no quantization table"
            )
        same = [other for other in kept if (other.precision, other.values) == (table.precision, table.values)]
        here = [other for other in same if other.destination == table.destination] or same
        if not here:
            free = sorted(set(range(4)) - {other.destination for other in kept})
            if not free:
                raise ValueError("more than four quantization tables: they do not fit into one set (B.2.4.1)")
            number = table.destination if table.destination in free else free[0]
            here = [replace(table, destination=number)]
            kept += here
        destinations.append(here[0].destination)
    return kept, destinations


def _scans(data: JpegData, frame: FrameHeader, scans: Sequence[ScriptEntry] | None) -> list[ScanHeader]:
    space = color_space(frame, gather_metadata(data.segments))
    numbers = table_numbers(space, len(frame.components))
    if scans is not None:
        return checked_script(scans, frame, numbers)
    fits = sum(component.h_samp * component.v_samp for component in frame.components) <= 10
    fits = fits and len(frame.components) <= 4
    if frame.is_progressive:
        return default_script(len(frame.components), space, interleaved=fits)
    first = data.scans[0]
    band = (0, 63, 0, 0)
    if frame.is_lossless:
        band = (first.spectral_start, 0, 0, first.approx_low)
        numbers = [0] * len(numbers)
    members = [
        ScanComponent(i, number, 0 if frame.is_lossless else number) for i, number in enumerate(numbers)
    ]
    if fits:
        return [ScanHeader(tuple(members), *band)]
    return [ScanHeader((member,), *band) for member in members]


def _complete(data: JpegData, headers: Sequence[ScanHeader]) -> None:
    """Fill partial MCUs for interleaved scans, and leave nothing in them for the others."""
    frame = data.frame
    interleaved = {
        member.component for header in headers if len(header.components) > 1 for member in header.components
    }
    for i, array in enumerate(data.coefficients):
        rows, columns = frame.block_shape(i)
        array[rows:] = 0
        array[:, columns:] = 0
        if i in interleaved:
            complete_partial_mcus(array, (rows, columns), frame.components[i].h_samp)
