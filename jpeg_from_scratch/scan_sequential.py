"""One sequential scan ↔ coefficients, with Huffman codes (Annex F; the reference path).

A scan is a row of *minimum coded units* (MCU). In an interleaved scan, of two to four components, an MCU
holds Hi × Vi blocks of each component: the blocks that cover the same piece of the picture. In a scan of
one component an MCU is one block, and blocks come in raster order (A.2).

Each block is a DC difference and run-length symbols (`coefficients`), each symbol a Huffman code and
additional bits. With a restart interval, the scan falls into segments that can be decoded alone: before
each, the bits are padded to a byte, a marker RSTm is put, and the DC prediction starts from 0 again
(E.1.4).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from . import tables
from ._types import Array, Coefficients
from .bitio import BitReader, BitWriter, EndOfSegment
from .coefficients import ZRL, category, extend, magnitude_bits, run_length, zigzag, zigzag_inverse
from .errors import FormatError
from .huffman import DecodeTable, HuffmanSpec, decode_table, encode_table
from .jpeg_data import FrameHeader, ScanHeader
from .markers import find_marker, marker_name

__all__ = ["ScanEnd", "ScanLayout", "ScanTables", "count_symbols", "decode_scan", "encode_scan"]

MAX_CATEGORY = 15


# --------------------------------------------------------------------------------------------------
# The order of blocks


@dataclass(frozen=True)
class ScanLayout:
    """Which blocks the MCUs of a scan hold.

    Attributes
    ----------
    mcu_rows, mcu_columns : int
        The grid of MCUs.
    factors : tuple of (v, h)
        Per component of the scan, the rows and columns of blocks that it has in an MCU.
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
        """The blocks of one MCU in order: (component of the scan, row, column) within the MCU."""
        return [
            (j, v, h)
            for j, (rows, columns) in enumerate(self.factors)
            for v in range(rows)
            for h in range(columns)
        ]

    def blocks(self, mcu: int) -> Iterator[tuple[int, int, int]]:
        """Yield the blocks of MCU number `mcu`: (component of the scan, block row, block column)."""
        mcu_row, mcu_column = divmod(mcu, self.mcu_columns)
        for j, v, h in self.units:
            rows, columns = self.factors[j]
            yield j, mcu_row * rows + v, mcu_column * columns + h


@dataclass(frozen=True)
class ScanTables:
    """The Huffman tables of a scan, per component of the scan."""

    dc: tuple[HuffmanSpec, ...]
    ac: tuple[HuffmanSpec, ...]


# --------------------------------------------------------------------------------------------------
# Coefficients → symbols → bits


class Symbol(NamedTuple):
    """A symbol to be Huffman coded, and the value whose additional bits follow it."""

    component: int
    table_class: int  # 0 DC, 1 AC
    symbol: int
    value: int


class Restart(NamedTuple):
    """Between two restart intervals; `m` of the marker RSTm."""

    m: int


def scan_symbols(
    coefficients: Sequence[Coefficients],
    layout: ScanLayout,
    restart_interval: int,
    stages: Mapping[str, Callable[..., Any]] | None = None,
) -> Iterator[Symbol | Restart]:
    """Turn the coefficients of a scan into the symbols to be coded, in order."""
    stages = stages or {}
    order, run_lengths = stages.get("zigzag", zigzag), stages.get("run_length", run_length)
    dc_pred = [0] * len(coefficients)
    for mcu in range(layout.mcus):
        if restart_interval and mcu and mcu % restart_interval == 0:
            yield Restart((mcu // restart_interval - 1) % 8)
            dc_pred = [0] * len(coefficients)
        for j, row, column in layout.blocks(mcu):
            zz = order(coefficients[j][row, column])
            difference = int(zz[0]) - dc_pred[j]  # F.1.1.5.1 – Encoding model for DC coefficients
            dc_pred[j] = int(zz[0])
            yield Symbol(j, 0, _checked_category(difference), difference)
            for symbol, value in run_lengths(zz):
                _checked_category(value)
                yield Symbol(j, 1, int(symbol), int(value))


def _checked_category(value: int) -> int:
    size = category(int(value))
    if size > MAX_CATEGORY:
        raise ValueError(
            f"a coefficient or DC difference of {value}, codes exist up to ±{(1 << MAX_CATEGORY) - 1}"
        )
    return size


def count_symbols(
    coefficients: Sequence[Coefficients],
    layout: ScanLayout,
    restart_interval: int,
    stages: Mapping[str, Callable[..., Any]] | None = None,
) -> tuple[Array, Array]:
    """Count how often each symbol occurs in a scan: what `huffman.optimal_spec` needs.

    Returns
    -------
    dc, ac : ndarray of int64, shape (components of the scan, 256)
    """
    counts = np.zeros((2, len(coefficients), 256), np.int64)
    for item in scan_symbols(coefficients, layout, restart_interval, stages):
        if isinstance(item, Symbol):
            counts[item.table_class, item.component, item.symbol] += 1
    return counts[0], counts[1]


def encode_scan(
    coefficients: Sequence[Coefficients],
    layout: ScanLayout,
    scan_tables: ScanTables,
    restart_interval: int,
    stages: Mapping[str, Callable[..., Any]] | None = None,
) -> bytes:
    """Code a scan (F.1.2 – Baseline Huffman encoding procedures).

    Parameters
    ----------
    coefficients : sequence of ndarray of int16, shape (block rows, block columns, 8, 8)
        Per component of the scan.
    layout : ScanLayout
    scan_tables : ScanTables
    restart_interval : int
        In MCUs; 0 for none.
    stages : mapping, optional
        Functions that take the place of `zigzag` and `run_length`.

    Returns
    -------
    bytes
        The entropy-coded data, RST markers included, padded to a byte.

    Raises
    ------
    ValueError
        If a symbol has no code in its table.
    """
    codes = [[encode_table(spec) for spec in specs] for specs in (scan_tables.dc, scan_tables.ac)]
    writer = BitWriter()
    for item in scan_symbols(coefficients, layout, restart_interval, stages):
        if isinstance(item, Restart):
            writer.pad()
            writer.put_marker(tables.RST0 + item.m)
            continue
        j, table_class, symbol, value = item
        table = codes[table_class][j]
        if not table.lengths[symbol]:
            raise missing_code(table_class, j, symbol)
        writer.put(int(table.codes[symbol]), int(table.lengths[symbol]))
        size = symbol & 15
        if size:
            writer.put(magnitude_bits(value, size), size)
    writer.pad()
    return bytes(writer.data)


def missing_code(table_class: int, component: int, symbol: int) -> ValueError:
    """Return the error of a symbol that its table does not have."""
    kind = "AC" if table_class else "DC"
    return ValueError(
        f"the {kind} table of component {component} of the scan has no code for symbol X'{symbol:02X}'"
    )


# --------------------------------------------------------------------------------------------------
# Bits → symbols → coefficients


class ScanEnd(NamedTuple):
    """The offset behind the last byte of a scan, and how many blocks have runs past the last coefficient.

    Such a run breaks F.1.2.2, but libjpeg-turbo reads it without a word: it puts the value into the last
    place.
    """

    position: int
    overlong_runs: int


def decode_scan(
    data: bytes,
    position: int,
    layout: ScanLayout,
    scan_tables: ScanTables,
    restart_interval: int,
    coefficients: Sequence[Coefficients],
) -> ScanEnd:
    """Decode a scan (F.2.2 – Baseline Huffman decoding procedures).

    Parameters
    ----------
    data : bytes
        The file.
    position : int
        Offset of the first byte of entropy-coded data.
    layout, scan_tables, restart_interval
        As for `encode_scan`.
    coefficients : sequence of ndarray of int16, shape (block rows, block columns, 8, 8)
        Per component of the scan, zero; filled in.

    Returns
    -------
    ScanEnd

    Raises
    ------
    FormatError
        If the data ends early, no code matches, or a restart marker is not where it should be.
    """
    decoders = [[decode_table(spec) for spec in specs] for specs in (scan_tables.dc, scan_tables.ac)]
    reader = BitReader(data, position)
    dc_pred = [0] * len(coefficients)
    overlong_runs = 0
    for mcu in range(layout.mcus):
        if restart_interval and mcu and mcu % restart_interval == 0:
            reader = BitReader(data, restart_position(data, reader.position, mcu // restart_interval - 1))
            dc_pred = [0] * len(coefficients)
        for j, row, column in layout.blocks(mcu):
            try:
                size = decode_symbol(reader, decoders[0][j])
                dc_pred[j] += extend(reader.receive(size), size)
                zz, overlong = decode_ac(reader, decoders[1][j])
            except EndOfSegment as end:
                raise premature_end(end.offset, mcu, layout) from None
            except BadCode as bad:
                raise bad_code(bad.offset, mcu, layout) from None
            block = zigzag_inverse(zz)
            np.copyto(coefficients[j][row, column], block, where=block != 0)
            # libjpeg keeps coefficients in 16 bits, too; only a damaged file reaches the wrap.
            coefficients[j][row, column, 0, 0] = (dc_pred[j] + 0x8000) % 0x10000 - 0x8000
            overlong_runs += overlong
    return ScanEnd(skip_padding(data, reader.position), overlong_runs)


class BadCode(Exception):
    """No code of at most 16 bits matches. `offset`: of the byte in which the search ended."""

    def __init__(self, offset: int) -> None:
        super().__init__(offset)
        self.offset = offset


def decode_symbol(reader: BitReader, table: DecodeTable) -> int:
    """Read one Huffman code and return its symbol: DECODE (F.2.2.3; Figure F.16)."""
    code = 0
    for length in range(1, 17):
        code = code << 1 | reader.bit()
        if code <= table.max_code[length]:
            return table.values[table.value_pointer[length] + code - table.min_code[length]]
    raise BadCode(reader.position - 1)


def decode_ac(reader: BitReader, table: DecodeTable) -> tuple[list[int], bool]:
    """Read the AC coefficients of a block (F.2.2.2; Figure F.13). Also: whether a run passed the last one."""
    zz = [0] * 64
    k = 1
    while k < 64:
        symbol = decode_symbol(reader, table)
        run, size = divmod(symbol, 16)
        if size == 0 and symbol != ZRL:
            # EOB; F.1.2.2.1 leaves runs 1 ... 14 with size 0 undefined, and libjpeg-turbo ends the block
            # there.
            break
        k += run
        value = extend(reader.receive(size), size)
        if k > 63:
            if size:
                zz[63] = value
            return zz, True
        zz[k] = value
        k += 1
    return zz, False


def restart_position(data: bytes, position: int, index: int) -> int:
    """Check the marker RSTm between two restart intervals, and return the offset behind it (E.2.4).

    `index` counts the markers of the scan from 0; m is its remainder modulo 8.
    """
    try:
        offset, marker = find_marker(data, skip_padding(data, position))
    except FormatError as error:
        raise FormatError(
            f"{error.message}, RST{index % 8}", offset=error.offset, field="RSTm", clause="E.2.4"
        ) from None
    if marker != tables.RST0 + index % 8:
        raise FormatError(
            f"found {marker_name(marker)} where RST{index % 8} is due",
            offset=offset,
            field="RSTm",
            clause="E.2.4",
        )
    return offset + 2


def skip_padding(data: bytes, position: int) -> int:
    """Step over one byte of eight padding bits before a marker.

    F.1.2.3 fills the last byte with one-bits; some encoders, when nothing is to be filled, add a byte of
    them. Whether libjpeg-turbo warns of it depends on how far its bit buffer had read ahead.
    """
    padded = data[position : position + 2] == b"\xff\x00" and data[position + 2 : position + 3] == b"\xff"
    return position + 2 if padded and data[position + 3 : position + 4] != b"\x00" else position


def premature_end(offset: int, mcu: int, layout: ScanLayout) -> FormatError:
    """Return the error of a segment that ends inside an MCU."""
    return FormatError(
        f"the data ends in MCU {mcu} of {layout.mcus}",
        offset=offset,
        field="entropy-coded data",
        clause="F.2.2.5",
    )


def bad_code(offset: int, mcu: int, layout: ScanLayout) -> FormatError:
    """Return the error of bits that are no Huffman code."""
    return FormatError(
        f"no Huffman code fits the bits in MCU {mcu} of {layout.mcus}",
        offset=offset,
        field="entropy-coded data",
        clause="F.2.2.3",
    )
