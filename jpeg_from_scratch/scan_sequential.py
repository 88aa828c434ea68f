"""One sequential scan ↔ coefficients, with Huffman codes (F.1.2, F.2.2; the reference path).

Each block is a DC difference and run-length symbols (`coefficients`), each symbol a Huffman code and
additional bits. `scan` says how blocks follow each other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from ._types import Array, Coefficients
from .bitio import BitReader
from .coefficients import ZRL, category, extend, magnitude_bits, run_length, zigzag, zigzag_inverse
from .huffman import DecodeTable, decode_table
from .intervals import BadCode, Progress, Status, decode_intervals
from .scan import Restart, Scan, Symbol, count, write_symbols

__all__ = ["count_symbols", "decode_scan", "encode_scan", "scan_symbols"]

MAX_CATEGORY = 15
Stages = Mapping[str, Callable[..., Any]]


# --------------------------------------------------------------------------------------------------
# Coefficients → symbols → bits


def scan_symbols(
    scan: Scan, coefficients: Sequence[Coefficients], stages: Stages | None = None
) -> Iterator[Symbol | Restart]:
    """Turn the coefficients of a scan into the symbols to be coded, in order."""
    stages = stages or {}
    order, run_lengths = stages.get("zigzag", zigzag), stages.get("run_length", run_length)
    for interval in scan.intervals():
        if interval.start:
            yield Restart(scan.restart_number(interval.start))
        dc_pred = [0] * len(coefficients)
        for mcu in interval:
            for j, row, column in scan.layout.blocks(mcu):
                zz = order(coefficients[j][row, column])
                difference = int(zz[0]) - dc_pred[j]  # F.1.1.5.1 – Encoding model for DC coefficients
                dc_pred[j] = int(zz[0])
                yield _symbol(j, 0, checked_category(difference), difference)
                for symbol, value in run_lengths(zz):
                    checked_category(value)
                    yield _symbol(j, 1, int(symbol), int(value))


def _symbol(j: int, table_class: int, symbol: int, value: int) -> Symbol:
    size = symbol & 15
    return Symbol(j, table_class, symbol, magnitude_bits(value, size) if size else 0, size)


def checked_category(value: int) -> int:
    """Return the category of a value; `ValueError` if no code exists for it."""
    size = category(int(value))
    if size > MAX_CATEGORY:
        raise ValueError(
            f"a coefficient or DC difference of {value}, codes exist up to ±{(1 << MAX_CATEGORY) - 1}"
        )
    return size


def count_symbols(
    scan: Scan, coefficients: Sequence[Coefficients], stages: Stages | None = None
) -> tuple[Array, Array]:
    """Count how often each symbol occurs in a scan; see `scan.count`."""
    return count(scan_symbols(scan, coefficients, stages), len(coefficients))


def encode_scan(scan: Scan, coefficients: Sequence[Coefficients], stages: Stages | None = None) -> bytes:
    """Code a scan (F.1.2 – Baseline Huffman encoding procedures).

    Parameters
    ----------
    scan : Scan
    coefficients : sequence of ndarray of int16, shape (block rows, block columns, 8, 8)
        Per component of the scan.
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
    return write_symbols(scan_symbols(scan, coefficients, stages), scan)


# --------------------------------------------------------------------------------------------------
# Bits → symbols → coefficients


def decode_scan(
    data: bytes, scan: Scan, coefficients: Sequence[Coefficients], progress: Progress, strict: bool
) -> Status:
    """Decode a scan (F.2.2 – Baseline Huffman decoding procedures).

    Parameters
    ----------
    data : bytes
        The file.
    scan : Scan
    coefficients : sequence of ndarray of int16, shape (block rows, block columns, 8, 8)
        Per component of the scan, zero; filled in.
    progress : Progress
        Where to begin; kept up to date.
    strict : bool
        Stop at the first thing that is wrong; else go on as libjpeg does.

    Returns
    -------
    Status
    """
    make = partial(SequentialDecoder, data, scan, coefficients, progress, strict)
    return decode_intervals(data, scan, progress, strict, make)


class SequentialDecoder:
    """Decode the blocks of one restart interval."""

    def __init__(
        self,
        data: bytes,
        scan: Scan,
        coefficients: Sequence[Coefficients],
        progress: Progress,
        strict: bool,
        position: int,
    ) -> None:
        self.reader = HuffmanReader(data, position, progress, strict)
        self.progress = progress
        self.coefficients = coefficients
        self.tables = [
            [decode_table(spec) for spec in specs if spec is not None] for specs in (scan.dc, scan.ac)
        ]
        self.dc_pred = [0] * len(coefficients)

    @property
    def position(self) -> int:
        """Offset of the byte that is read next."""
        return self.reader.position

    def decode_unit(self, j: int, row: int, column: int) -> None:
        """Decode one block."""
        dc_table, ac_table = self.tables[0][j], self.tables[1][j]
        size = self.reader.symbol(dc_table)
        self.dc_pred[j] += extend(self.reader.receive(size), size)
        block = zigzag_inverse(self._ac_coefficients(ac_table))
        target = self.coefficients[j][row, column]
        np.copyto(target, block, where=block != 0)
        # libjpeg keeps coefficients in 16 bits, too; only a damaged file reaches the wrap.
        target[0, 0] = wrap16(self.dc_pred[j])

    def _ac_coefficients(self, table: DecodeTable) -> list[int]:
        """Read the AC coefficients of a block (F.2.2.2; Figure F.13)."""
        zz = [0] * 64
        k = 1
        while k < 64:
            run, size = divmod(self.reader.symbol(table), 16)
            if size == 0 and 16 * run != ZRL:
                # EOB; F.1.2.2.1 leaves runs 1 ... 14 with size 0 undefined, and libjpeg-turbo ends the block
                # there.
                break
            k += run
            value = extend(self.reader.receive(size), size)
            if k > 63:
                # Such a run breaks F.1.2.2; libjpeg-turbo puts the value into the last place.
                self.progress.overlong_runs += 1
            if size:
                zz[min(k, 63)] = wrap16(value)
            k += 1
        return zz


class HuffmanReader(BitReader):
    """Reads Huffman codes: strict, or as libjpeg does where the data have run out or are no code."""

    def __init__(self, data: bytes, position: int, progress: Progress, strict: bool) -> None:
        super().__init__(data, position, zeros_behind=not strict)
        self.progress = progress
        self.strict = strict

    def symbol(self, table: DecodeTable) -> int:
        """Read one code and return its symbol: DECODE (F.2.2.3; Figure F.16)."""
        code = 0
        for length in range(1, 17):
            code = code << 1 | self.bit()
            if code <= table.max_code[length]:
                return table.values[table.value_pointer[length] + code - table.min_code[length]]
        if self.strict:
            raise BadCode(self.position - 1)
        # libjpeg has looked at one bit more, and goes on with symbol 0.
        self.progress.note_bad_code(self.position - 1)
        self.bit()
        return 0

    def bit(self) -> int:
        """Return the next bit: NEXTBIT (Figure F.18)."""
        bit = super().bit()
        if self.exhausted and not self.progress.starved:
            self.progress.note_starved(self.position)
        return bit


def wrap16(value: int) -> int:
    """Keep the low 16 bits of a number, as a signed one."""
    return (value + 0x8000) % 0x10000 - 0x8000
