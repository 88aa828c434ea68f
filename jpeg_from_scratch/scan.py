"""One scan: which units its MCUs hold, how it falls into restart intervals, what all kinds of scans share.

A scan is a row of *minimum coded units* (MCU). In an interleaved scan, of two to four components, an MCU
holds Hi × Vi *data units* of each component: those that cover the same piece of the picture. In a scan of one
component an MCU is one data unit, and they come in raster order (A.2). A data unit is a block of 8 × 8
coefficients, or, in a lossless process, one sample.

With a restart interval, the scan falls into segments that can be decoded alone: before each, the bits are
padded to a byte, a marker RSTm is put, and predictions and statistics start anew (E.1.4, E.2.4).

There are six kinds of scans, a file each: `scan_sequential`, `scan_progressive`, `scan_lossless` with Huffman
codes, and the same three with arithmetic coding. Each file has

    encode_scan(scan, arrays) -> bytes
    decode_scan(data, scan, arrays, progress, strict) -> Status
    count_symbols(scan, arrays)             (Huffman codes only: what optimal tables are made from)

where `arrays` are, per component of the scan, its quantised coefficients or differences, in whole MCUs.
`intervals` has what their decoders share.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple, TypeAlias

import numpy as np

from . import tables
from ._types import Array
from .bitio import BitWriter
from .huffman import HuffmanSpec, encode_table
from .jpeg_data import FrameHeader, ScanHeader, TableSlots

__all__ = [
    "Restart",
    "Scan",
    "ScanLayout",
    "Symbol",
    "count",
    "needed_tables",
    "write_symbols",
]


# --------------------------------------------------------------------------------------------------
# The order of data units


@dataclass(frozen=True)
class ScanLayout:
    """Which data units the MCUs of a scan hold.

    Attributes
    ----------
    mcu_rows, mcu_columns : int
        The grid of MCUs.
    factors : tuple of (v, h)
        Per component of the scan, the rows and columns of data units that it has in an MCU.
    """

    mcu_rows: int
    mcu_columns: int
    factors: tuple[tuple[int, int], ...]

    @classmethod
    def of(cls, frame: FrameHeader, scan: ScanHeader) -> ScanLayout:
        """Lay out a scan (A.2.2 – Non-interleaved order, A.2.3 – Interleaved order)."""
        if len(scan.components) == 1:
            return cls(*frame.block_shape(scan.components[0].component), ((1, 1),))
        members = [frame.components[component.component] for component in scan.components]
        return cls(*frame.mcu_shape, tuple((member.v_samp, member.h_samp) for member in members))

    @property
    def mcus(self) -> int:
        """The number of MCUs."""
        return self.mcu_rows * self.mcu_columns

    @property
    def units(self) -> list[tuple[int, int, int]]:
        """The data units of one MCU in order: (component of the scan, row, column) within the MCU."""
        return [
            (j, v, h)
            for j, (rows, columns) in enumerate(self.factors)
            for v in range(rows)
            for h in range(columns)
        ]

    def blocks(self, mcu: int) -> Iterator[tuple[int, int, int]]:
        """Yield the data units of MCU number `mcu`: (component of the scan, row, column)."""
        mcu_row, mcu_column = divmod(mcu, self.mcu_columns)
        for j, v, h in self.units:
            rows, columns = self.factors[j]
            yield j, mcu_row * rows + v, mcu_column * columns + h


@dataclass(frozen=True)
class Scan:
    """All that the coder of a scan has to know.

    Attributes
    ----------
    frame : FrameHeader
    header : ScanHeader
    restart_interval : int
        In MCUs; 0 for none.
    dc, ac : tuple of HuffmanSpec or None
        Per component of the scan, its Huffman tables; None for one that this scan does not use.
    dc_conditioning : tuple of (int, int)
        Per component of the scan, the bounds L and U of arithmetic coding (F.1.4.4.1.4).
    ac_conditioning : tuple of int
        Per component of the scan, Kx (F.1.4.4.2.1).
    """

    frame: FrameHeader
    header: ScanHeader
    restart_interval: int = 0
    dc: tuple[HuffmanSpec | None, ...] = ()
    ac: tuple[HuffmanSpec | None, ...] = ()
    dc_conditioning: tuple[tuple[int, int], ...] = ()
    ac_conditioning: tuple[int, ...] = ()

    @classmethod
    def of(cls, frame: FrameHeader, header: ScanHeader, slots: TableSlots) -> Scan:
        """Gather what is in force at a scan. A table that it uses and that is not defined is None."""
        needs_dc, needs_ac = needed_tables(frame, header)
        members = header.components
        return cls(
            frame,
            header,
            slots.restart_interval,
            tuple(slots.dc.get(member.dc_table) if needs_dc else None for member in members),
            tuple(slots.ac.get(member.ac_table) if needs_ac else None for member in members),
            tuple(slots.dc_conditioning.get(member.dc_table, (0, 1)) for member in members),
            tuple(slots.ac_conditioning.get(member.ac_table, 5) for member in members),
        )

    @cached_property
    def layout(self) -> ScanLayout:
        """The order of its data units."""
        return ScanLayout.of(self.frame, self.header)

    def intervals(self) -> Iterator[range]:
        """Yield the MCUs of each restart interval; all of them at once without restarts."""
        mcus = self.layout.mcus
        step = self.restart_interval or mcus
        for first in range(0, mcus, step):
            yield range(first, min(first + step, mcus))

    def starts_interval(self, mcu: int) -> bool:
        """Whether a restart marker precedes MCU number `mcu`."""
        return bool(self.restart_interval) and mcu > 0 and mcu % self.restart_interval == 0

    def restart_number(self, mcu: int) -> int:
        """Return m of the marker RSTm that precedes MCU number `mcu`, the first of a restart interval."""
        return (mcu // self.restart_interval - 1) % 8


def needed_tables(frame: FrameHeader, header: ScanHeader) -> tuple[bool, bool]:
    """Tell whether a scan uses Huffman tables of the classes DC and AC."""
    if frame.is_arithmetic:
        return False, False
    if frame.is_lossless:
        return True, False
    if frame.is_progressive:
        # G.1.2.1 – later DC scans are bare bits
        return header.spectral_start == 0 and header.approx_high == 0, header.spectral_start > 0
    return True, True


# --------------------------------------------------------------------------------------------------
# Encoding with Huffman codes: a scan is a row of symbols


class Symbol(NamedTuple):
    """A symbol to be Huffman coded, and the bits that follow its code as they are.

    `table_class` is 0 for a DC table, 1 for an AC table. `symbol` is None where no code comes before the
    bits.
    """

    component: int
    table_class: int
    symbol: int | None
    bits: int = 0
    length: int = 0


class Restart(NamedTuple):
    """Between two restart intervals; `m` of the marker RSTm."""

    m: int


Symbols: TypeAlias = Iterable[Symbol | Restart]


def count(symbols: Symbols, components: int) -> tuple[Array, Array]:
    """Count how often each symbol occurs: what `huffman.optimal_spec` needs.

    Returns
    -------
    dc, ac : ndarray of int64, shape (components of the scan, 256)
    """
    counts = np.zeros((2, components, 256), np.int64)
    for item in symbols:
        if isinstance(item, Symbol) and item.symbol is not None:
            counts[item.table_class, item.component, item.symbol] += 1
    return counts[0], counts[1]


def write_symbols(symbols: Symbols, scan: Scan) -> bytes:
    """Write symbols as bits, RST markers between the intervals, each padded to a byte.

    Raises
    ------
    ValueError
        If a symbol has no code in its table.
    """
    codes = [
        [encode_table(spec) if spec is not None else None for spec in specs] for specs in (scan.dc, scan.ac)
    ]
    writer = BitWriter()
    for item in symbols:
        if isinstance(item, Restart):
            writer.pad()
            writer.put_marker(tables.RST0 + item.m)
            continue
        if item.symbol is not None:
            table = codes[item.table_class][item.component]
            if table is None or not table.lengths[item.symbol]:
                raise missing_code(item.table_class, item.component, item.symbol)
            writer.put(int(table.codes[item.symbol]), int(table.lengths[item.symbol]))
        if item.length:
            writer.put(item.bits, item.length)
    writer.pad()
    return bytes(writer.data)


def missing_code(table_class: int, component: int, symbol: int) -> ValueError:
    """Return the error of a symbol that its table does not have."""
    kind = "AC" if table_class else "DC"
    return ValueError(
        f"the {kind} table of component {component} of the scan has no code for symbol X'{symbol:02X}'"
    )
