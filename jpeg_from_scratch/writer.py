"""`JpegData` → bytes, and the segments that a scan needs before it: the mirror of `reader`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from . import tables
from ._types import Array
from .backend import Backend, get_backend
from .huffman import HuffmanSpec, optimal_spec
from .jpeg_data import (
    ArithmeticConditioning,
    Conditioning,
    FrameHeader,
    HuffmanTable,
    HuffmanTables,
    JpegData,
    RestartInterval,
    ScanHeader,
    Segment,
)
from .scan import Scan, needed_tables
from .segment_bytes import format_segment

__all__ = ["optimize_tables", "scan_segments", "write", "write_with"]

DEFAULT_BOUNDS = 16 * 1 + 0  # F.1.4.4.1.4: L = 0, U = 1
DEFAULT_KX = 5  # F.1.4.4.2.1


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
    return write_with(data, get_backend("fast"))


def write_with(data: JpegData, engine: Backend) -> bytes:
    """SOI, the segments, the entropy-coded data after each scan header, EOI (Figure B.2)."""
    if not any(isinstance(segment, FrameHeader) for segment in data.segments):
        return _tables_only(data)
    _check_units(data)
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
            parts.append(coder.encode(scan, _scan_units(data, scan, engine)))
    parts.append(bytes((0xFF, tables.EOI)))
    return b"".join(parts)


def _tables_only(data: JpegData) -> bytes:
    """B.5 – Abbreviated format for table-specification data."""
    if data.scans:
        raise ValueError("JpegData has scans, but no frame header among its segments")
    nothing = FrameHeader(tables.SOF0, 8, 0, 0, ())
    segments = b"".join(format_segment(segment, nothing) for segment in data.segments)
    return bytes((0xFF, tables.SOI)) + segments + bytes((0xFF, tables.EOI))


def _scan_units(data: JpegData, scan: Scan, engine: Backend) -> list[Array]:
    """Return what a scan codes: coefficients; or, of a lossless process, differences."""
    units = [data.units[member.component] for member in scan.header.components]
    if not scan.frame.is_lossless:
        return units
    return [engine.samples_to_differences(samples, scan, j) for j, samples in enumerate(units)]


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


def _check_units(data: JpegData) -> None:
    frame = data.frame
    name, dtype = ("sample", "uint16") if frame.is_lossless else ("coefficient", "int16")
    if len(data.units) != len(frame.components):
        raise ValueError(f"{len(data.units)} {name} arrays for {len(frame.components)} components")
    for i, array in enumerate(data.units):
        expected = frame.padded_block_shape(i) + (() if frame.is_lossless else (8, 8))
        if array.shape != expected or array.dtype != dtype:
            raise ValueError(f"{name}s[{i}] is {array.dtype} {array.shape}, must be {dtype} {expected}")


# --------------------------------------------------------------------------------------------------
# What stands before a scan


def scan_segments(
    frame: FrameHeader, headers: Sequence[ScanHeader], restart_interval: int, optimize: bool
) -> list[Segment]:
    """Return scan headers with the segments that they need before them, in libjpeg's order.

    Before each scan stand its tables – DHT, the typical ones of K.3, each only once unless they are to be
    replaced by `optimize_tables`; or DAC – and before the first the restart interval.
    """
    segments: list[Segment] = []
    sent: set[tuple[int, int]] = set()
    for number, header in enumerate(headers):
        if frame.is_arithmetic:
            segments += _conditioning(frame, header)
        else:
            tables_of_scan = _table_names(frame, header)
            segments += [
                HuffmanTables((_typical_table(*name),))
                for name in tables_of_scan
                if optimize or name not in sent
            ]
            sent.update(tables_of_scan)
        if number == 0 and restart_interval:
            segments.append(RestartInterval(restart_interval))
        segments.append(header)
    return segments


def _table_names(frame: FrameHeader, header: ScanHeader) -> list[tuple[int, int]]:
    """The Huffman tables that a scan uses, (class, destination), in the order DC 0, AC 0, DC 1, AC 1."""
    needed = needed_tables(frame, header)
    names = {(0, member.dc_table) for member in header.components if needed[0]}
    names |= {(1, member.ac_table) for member in header.components if needed[1]}
    return sorted(names, key=lambda name: name[::-1])


def _typical_table(table_class: int, destination: int) -> HuffmanTable:
    typical = HuffmanSpec.typical_ac() if table_class else HuffmanSpec.typical_dc()
    return HuffmanTable(table_class, destination, typical[min(destination, 1)])


def _conditioning(frame: FrameHeader, header: ScanHeader) -> list[Segment]:
    """The default conditioning of the statistics that a scan uses (F.1.4.4.1.4, F.1.4.4.2.1), said aloud."""
    uses_dc = frame.is_lossless or (header.spectral_start == 0 and header.approx_high == 0)
    dc = {Conditioning(0, member.dc_table, DEFAULT_BOUNDS) for member in header.components if uses_dc}
    ac = {Conditioning(1, member.ac_table, DEFAULT_KX) for member in header.components if header.spectral_end}
    entries = sorted(dc | ac, key=lambda entry: (entry.destination, entry.table_class))
    return [ArithmeticConditioning(tuple(entries))] if entries else []


def optimize_tables(
    data: JpegData, engine: Backend, optimal_table: Callable[[Array], HuffmanSpec] = optimal_spec
) -> list[Segment]:
    """Return the segments of `data`, the Huffman tables before each scan replaced by tables made for it."""
    optimized: list[Segment] = []
    scans = data.scans_with_tables()
    pending: list[HuffmanTable] = []
    count = engine.scan_coder(data.frame).count
    if count is None:
        raise ValueError("arithmetic coding has no Huffman tables to optimise")
    for segment in data.segments:
        if isinstance(segment, HuffmanTables):
            pending += segment.tables
            continue
        if isinstance(segment, ScanHeader):
            slots, header = next(scans)
            scan = Scan.of(data.frame, header, slots)
            counts = count(scan, _scan_units(data, scan, engine))
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
