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
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from functools import cached_property
from typing import Any, NamedTuple, Protocol, TypeAlias

import numpy as np

from . import tables
from ._types import Array
from .bitio import BitWriter, EndOfSegment
from .errors import FormatError
from .huffman import HuffmanSpec, encode_table
from .jpeg_data import FrameHeader, ScanHeader, TableSlots
from .markers import find_marker, marker_name

__all__ = [
    "BadCode",
    "Progress",
    "Restart",
    "Scan",
    "ScanLayout",
    "Status",
    "Symbol",
    "count",
    "decode_intervals",
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


# --------------------------------------------------------------------------------------------------
# Decoding, interval by interval


class Status(IntEnum):
    """Why decoding has stopped."""

    DONE = 0
    PREMATURE_END = 1  # strict only: the data end in `Progress.mcu`
    BAD_CODE = 2  # strict only: no code fits the bits at `Progress.position`
    BAD_RESTART = 3  # no RSTm at `Progress.position`, where one is due before `Progress.mcu`


@dataclass
class Progress:
    """How far a scan is decoded, and what was wrong on the way.

    Attributes
    ----------
    position : int
        Offset of the first byte of the interval to decode; afterwards, behind the last byte used.
    mcu : int
        The first MCU not decoded yet. Decoding (re)starts at the first MCU of a restart interval only.
    starved : bool
        The data of the interval have run out: Huffman-coded units that follow stay as they are, up to the
        next restart marker.
    ended : bool
        A marker stands at `position` that is no restart marker: the intervals that follow have no data, and
        no markers are looked for.
    starved_mcus, bad_codes, overlong_runs : int
        MCUs without all their data, codes that do not exist, runs past the last coefficient of a band.
    starved_at, bad_code_at : int
        Offsets of the first of each; −1 for none.
    last_fed : int
        The last MCU that began before the data had run out; −1 for none.
    prepared : tuple
        What the coder made at its first call, for the next ones: there is one after each wrong marker.
    """

    position: int
    mcu: int = 0
    starved: bool = False
    ended: bool = False
    starved_mcus: int = 0
    starved_at: int = -1
    bad_codes: int = 0
    bad_code_at: int = -1
    overlong_runs: int = 0
    last_fed: int = -1
    prepared: tuple[Any, ...] = field(default=(), compare=False, repr=False)

    def note_starved(self, offset: int) -> None:
        """Note that the data ran out before a marker, or the end of the file, at `offset`."""
        if self.starved_at < 0:
            self.starved_at = offset
        self.starved = True

    def note_bad_code(self, offset: int) -> None:
        """Note bits that are no code."""
        if self.bad_code_at < 0:
            self.bad_code_at = offset
        self.bad_codes += 1


class BadCode(Exception):
    """Strict only: no code fits the bits. `offset`: of the byte in which the search ended."""

    def __init__(self, offset: int) -> None:
        super().__init__(offset)
        self.offset = offset


class IntervalDecoder(Protocol):
    """The decoder of one restart interval, made anew for each: predictions and statistics start there.

    Strict, `decode_unit` raises `EndOfSegment` or `BadCode`; otherwise it goes on as libjpeg does – with zero
    bits behind the end of the data – and notes what was wrong in the `Progress`.
    """

    @property
    def position(self) -> int:
        """Offset of the byte that is read next."""

    def decode_unit(self, j: int, row: int, column: int) -> None:
        """Decode one data unit of component `j` of the scan."""


def decode_intervals(
    data: bytes,
    scan: Scan,
    progress: Progress,
    strict: bool,
    make_decoder: Callable[[int], IntervalDecoder],
    starves: bool = True,
    finish: int = 1,
) -> Status:
    """Decode a scan from ``progress.mcu`` on; the loop that all kinds of scans share.

    Parameters
    ----------
    data : bytes
        The file.
    scan : Scan
    progress : Progress
        Where to begin; kept up to date.
    strict : bool
        Stop at the first thing that is wrong.
    make_decoder : callable
        Takes the offset of an interval's first byte.
    starves : bool
        Whether units stay as they are once the data have run out (Huffman codes), or are decoded from zeros
        (arithmetic coding).
    finish : int
        Once the data have run out, as many MCUs as complete a multiple of this are decoded all the same.

    Returns
    -------
    Status
    """
    decoder = make_decoder(progress.position)
    first = progress.mcu
    without_data = False
    for mcu in range(first, scan.layout.mcus):
        if mcu > first and scan.starts_interval(mcu):
            progress.mcu, progress.position = mcu, decoder.position
            if not progress.ended:
                after = after_restart(data, progress.position, scan.restart_number(mcu), padding=starves)
                if after < 0:
                    return Status.BAD_RESTART
                progress.position, progress.starved = after, False
            decoder = make_decoder(progress.position)
        if mcu % finish == 0:
            without_data = progress.starved and starves
        if without_data:
            if progress.ended or not scan.restart_interval:
                progress.starved_mcus += scan.layout.mcus - mcu
                break
            progress.starved_mcus += 1
            continue
        progress.last_fed = mcu
        try:
            for j, row, column in scan.layout.blocks(mcu):
                decoder.decode_unit(j, row, column)
        except EndOfSegment as end:
            progress.mcu, progress.position = mcu, end.offset
            return Status.PREMATURE_END
        except BadCode as bad:
            progress.mcu, progress.position = mcu, bad.offset
            return Status.BAD_CODE
        progress.starved_mcus += progress.starved
    progress.mcu, progress.position = scan.layout.mcus, decoder.position
    return Status.DONE


def after_restart(data: bytes, position: int, m: int, padding: bool = True) -> int:
    """Return the offset behind the marker RSTm that is due at `position`, −1 if it is not there (E.2.4)."""
    try:
        offset, marker = find_marker(data, skip_padding(data, position) if padding else position)
    except FormatError:
        return -1
    return offset + 2 if marker == tables.RST0 + m else -1


def skip_padding(data: bytes, position: int) -> int:
    """Step over one byte of eight padding bits before a marker.

    F.1.2.3 fills the last byte with one-bits; some encoders, when nothing is to be filled, add a byte of
    them. Whether libjpeg-turbo warns of it depends on how far its bit buffer had read ahead.
    """
    padded = data[position : position + 2] == b"\xff\x00" and data[position + 2 : position + 3] == b"\xff"
    return position + 2 if padded and data[position + 3 : position + 4] != b"\x00" else position


def scan_error(data: bytes, scan: Scan, progress: Progress, status: Status) -> FormatError:
    """Return the error of a scan that could not be decoded to its end."""
    offset, mcu = progress.position, f"MCU {progress.mcu} of {scan.layout.mcus}"
    if status == Status.PREMATURE_END:
        return FormatError(
            f"the data ends in {mcu}", offset=offset, field="entropy-coded data", clause="F.2.2.5"
        )
    if status == Status.BAD_CODE:
        message, clause = f"no Huffman code fits the bits in {mcu}", "F.2.2.3"
        if scan.frame.is_arithmetic:
            message, clause = f"the arithmetic code in {mcu} stands for no value", "F.2.4.3"
        return FormatError(message, offset=offset, field="entropy-coded data", clause=clause)
    wanted = f"RST{scan.restart_number(progress.mcu)}"
    try:
        offset, marker = find_marker(data, skip_padding(data, offset))
    except FormatError as error:
        message, offset = f"{error.message}, {wanted}", error.offset
    else:
        message = f"found {marker_name(marker)} where {wanted} is due"
    return FormatError(message, offset=offset, field="RSTm", clause="E.2.4")


def resynchronise(data: bytes, scan: Scan, progress: Progress) -> None:
    """Find the place to go on after a restart marker that is missing or wrong, as libjpeg-turbo does.

    A marker that is no RSTm ends the scan: the intervals that follow have no data. One of the next two
    markers that are due is left in place for its own interval, and this one has no data. One of the two
    before is skipped, with all up to the next marker. Any other RSTm is taken for the one that is due.

    References
    ----------
    T.81 leaves recovery to the decoder (E.2.4); the rule is `jpeg_resync_to_restart` of ``jdmarker.c``.
    """
    position = progress.position
    while True:
        offset, marker = next_marker(data, position)
        ahead = (marker - tables.RST0 - scan.restart_number(progress.mcu)) % 8
        if marker < tables.SOF0:
            position = offset + 2
        elif not tables.RST0 <= marker <= tables.RST7:
            progress.position, progress.ended = offset, True
            return
        elif ahead in (1, 2):
            progress.position = offset
            return
        elif ahead in (6, 7):
            position = offset + 2
        else:
            progress.position, progress.starved = offset + 2, False
            return


def next_marker(data: bytes, position: int) -> tuple[int, int]:
    """Skip everything up to the next marker, X'FF' followed by neither 0 nor X'FF'.

    Returns
    -------
    offset, marker : int
        Where there is none, the end of the data and EOI.
    """
    while (position := data.find(b"\xff", position)) >= 0 and position + 1 < len(data):
        if data[position + 1] not in (0x00, 0xFF):
            return position, data[position + 1]
        position += 1 if data[position + 1] == 0xFF else 2
    return len(data), tables.EOI


def check_arrays(arrays: Sequence[Array], scan: Scan) -> None:
    """Raise `ValueError` if there is not an array for each component of a scan."""
    if len(arrays) != len(scan.header.components):
        raise ValueError(f"{len(arrays)} arrays for {len(scan.header.components)} components of a scan")
