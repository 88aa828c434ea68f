"""`JpegData` → bytes, and the segments that a scan needs before it: the mirror of `reader`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import lru_cache
from itertools import chain
from typing import TypeVar

import numpy as np

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
    TableSlots,
)
from .parallel import run_all, shared_by
from .scan import Scan, needed_tables
from .segment_bytes import format_segment

__all__ = ["optimize_tables", "scan_segments", "write", "write_with"]

Result = TypeVar("Result")

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
    frame = data.frame
    _check_units(data, frame)
    coder = engine.scan_coder(frame)

    def written(segment: Segment, scan: Scan | None) -> tuple[bytes, bytes]:
        head = format_segment(segment, frame)
        if scan is None:
            return head, b""
        _check_tables(scan)
        return head, coder.encode(scan, _scan_units(data, scan, engine))

    parts = _for_each_segment(written, data, frame, engine)
    middle = b"".join(chain.from_iterable(parts))
    return bytes((0xFF, tables.SOI)) + middle + bytes((0xFF, tables.EOI))


def _for_each_segment(
    function: Callable[[Segment, Scan | None], Result], data: JpegData, frame: FrameHeader, engine: Backend
) -> list[Result]:
    """Call a function with each segment, and with its scan if it is a scan header.

    A scan is coded from the coefficients alone, whatever other scans have said of them: so threads take a
    scan each, should there be several.
    """
    slots = TableSlots()
    items: list[tuple[Segment, Scan | None]] = []
    for segment in data.segments:
        slots.install(segment)
        items.append((segment, Scan.of(frame, segment, slots) if isinstance(segment, ScanHeader) else None))
    several = sum(scan is not None for _, scan in items) > 1
    threads = shared_by(engine.threads, sum(array.size for array in data.coefficients)) if several else 1
    return run_all(lambda item: function(*item), items, threads, size=lambda item: _effort(item[1]))


def _effort(scan: Scan | None) -> float:
    """Guess how long it takes to code a scan, beside others: by the values that it may have to tell."""
    if scan is None:
        return 0
    header = scan.header
    units = scan.layout.mcus * len(scan.layout.units)
    return units * (header.spectral_end - header.spectral_start + 1) / 2**header.approx_low


def _tables_only(data: JpegData) -> bytes:
    """B.5 – Abbreviated format for table-specification data."""
    if data.scans:
        raise ValueError("JpegData has scans, but no frame header among its segments")
    nothing = FrameHeader(tables.SOF0, 8, 0, 0, ())
    segments = b"".join(format_segment(segment, nothing) for segment in data.segments)
    return bytes((0xFF, tables.SOI)) + segments + bytes((0xFF, tables.EOI))


def _scan_units(data: JpegData, scan: Scan, engine: Backend) -> list[Array]:
    """Return what a scan codes: coefficients; or, of a lossless process, differences."""
    if not scan.frame.is_lossless:
        return [data.coefficients[member.component] for member in scan.header.components]
    units = [data.samples[member.component] for member in scan.header.components]
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


def _check_units(data: JpegData, frame: FrameHeader) -> None:
    lossless = frame.is_lossless
    name, dtype = ("sample", np.uint16) if lossless else ("coefficient", np.int16)
    units = data.samples if lossless else data.coefficients
    if len(units) != len(frame.components):
        raise ValueError(f"{len(units)} {name} arrays for {len(frame.components)} components")
    for i, array in enumerate(units):
        expected = frame.padded_block_shape(i) + (() if lossless else (8, 8))
        if array.shape != expected or array.dtype != dtype:
            wanted = f"must be {np.dtype(dtype)} {expected}"
            raise ValueError(f"{name}s[{i}] is {array.dtype} {array.shape}, {wanted}")


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


@lru_cache(maxsize=8)
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
    pending: list[HuffmanTable] = []
    frame = data.frame
    count = engine.scan_coder(frame).count
    if count is None:
        raise ValueError("arithmetic coding has no Huffman tables to optimise")

    def counted(segment: Segment, scan: Scan | None) -> tuple[Array, Array] | None:
        return None if scan is None else count(scan, _scan_units(data, scan, engine))

    counts_of_all = _for_each_segment(counted, data, frame, engine)
    for segment, counts in zip(data.segments, counts_of_all):
        if isinstance(segment, HuffmanTables):
            pending += segment.tables
            continue
        if isinstance(segment, ScanHeader) and counts is not None:
            made = [
                HuffmanTables((replace(table, spec=optimal_table(_table_counts(table, segment, counts))),))
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
