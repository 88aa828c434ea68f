"""One lossless scan ↔ differences, with Huffman codes (H.1.2.2, H.2; the reference path).

A data unit is one sample, and what is coded is the difference between it and its prediction (`prediction`).
Each difference is coded as that of a DC coefficient: its category SSSS is a symbol of a DC table, and SSSS
additional bits tell it apart within the category. Table H.2 adds one category, 16, that holds one number
only, 32768, and so needs no additional bits.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

from ._types import Array
from .coefficients import category, extend, magnitude_bits
from .huffman import decode_table
from .intervals import Progress, Status, decode_intervals
from .scan import Restart, Scan, Symbol, count, write_symbols
from .scan_sequential import HuffmanReader

__all__ = ["count_symbols", "decode_scan", "encode_scan", "out_of_range", "scan_symbols"]

LARGEST = 32768  # of category 16
LARGEST_CATEGORY = 16


# --------------------------------------------------------------------------------------------------
# Differences → symbols → bits


def scan_symbols(scan: Scan, differences: Sequence[Array]) -> Iterator[Symbol | Restart]:
    """Turn the differences of a scan into the symbols to be coded, in order."""
    for interval in scan.intervals():
        if interval.start:
            yield Restart(scan.restart_number(interval.start))
        for mcu in interval:
            for j, row, column in scan.layout.blocks(mcu):
                yield difference_symbol(j, int(differences[j][row, column]))


def difference_symbol(j: int, difference: int) -> Symbol:
    """Return the symbol of a difference (Table H.2), and its additional bits.

    Examples
    --------
    >>> difference_symbol(0, -5)
    Symbol(component=0, table_class=0, symbol=3, bits=2, length=3)
    >>> difference_symbol(0, 32768)
    Symbol(component=0, table_class=0, symbol=16, bits=0, length=0)
    """
    if not -LARGEST < difference <= LARGEST:
        raise out_of_range(difference)
    size = category(difference)
    if size in (0, LARGEST_CATEGORY):
        return Symbol(j, 0, size)
    return Symbol(j, 0, size, magnitude_bits(difference, size), size)


def out_of_range(difference: int) -> ValueError:
    """Return the error of a difference that has no category."""
    return ValueError(f"a difference of {difference}, codes exist for {1 - LARGEST} ... {LARGEST}")


def count_symbols(scan: Scan, differences: Sequence[Array]) -> tuple[Array, Array]:
    """Count how often each symbol occurs in a scan; see `scan.count`."""
    return count(scan_symbols(scan, differences), len(differences))


def encode_scan(scan: Scan, differences: Sequence[Array]) -> bytes:
    """Code a scan (H.1.2.2 – Huffman coding of the modulo difference).

    Parameters
    ----------
    scan : Scan
    differences : sequence of ndarray of int32, shape (rows, columns)
        Per component of the scan, −32767 ... 32768, in whole MCUs.

    Returns
    -------
    bytes
        The entropy-coded data, RST markers included, padded to a byte.

    Raises
    ------
    ValueError
        If a symbol has no code in its table, or a difference has no symbol.
    """
    return write_symbols(scan_symbols(scan, differences), scan)


# --------------------------------------------------------------------------------------------------
# Bits → symbols → differences


def decode_scan(
    data: bytes, scan: Scan, differences: Sequence[Array], progress: Progress, strict: bool
) -> Status:
    """Decode a scan (H.2 – Lossless decoder processes).

    Parameters
    ----------
    data, scan, progress, strict
        As for `scan_sequential.decode_scan`, and so is the result.
    differences : sequence of ndarray of int32, shape (rows, columns)
        Per component of the scan; filled in. Where the data have run out they stay as they are, whole rows of
        MCUs at a time: give arrays of `prediction.MISSING`.

    Notes
    -----
    The row of MCUs in which the data run out is decoded to its end, from zero bits, as libjpeg-turbo does,
    which works on whole rows here.
    """
    make = partial(LosslessDecoder, data, scan, differences, progress, strict)
    return decode_intervals(data, scan, progress, strict, make, finish=scan.layout.mcu_columns)


class LosslessDecoder:
    """Decode the differences of one restart interval."""

    def __init__(
        self,
        data: bytes,
        scan: Scan,
        differences: Sequence[Array],
        progress: Progress,
        strict: bool,
        position: int,
    ) -> None:
        self.reader = HuffmanReader(data, position, progress, strict)
        self.differences = differences
        self.tables = [decode_table(spec) if spec is not None else None for spec in scan.dc]

    @property
    def position(self) -> int:
        """Offset of the byte that is read next."""
        return self.reader.position

    def decode_unit(self, j: int, row: int, column: int) -> None:
        """Decode one difference."""
        table = self.tables[j]
        assert table is not None
        size = self.reader.symbol(table)
        if size == LARGEST_CATEGORY:
            self.differences[j][row, column] = LARGEST
        else:
            self.differences[j][row, column] = extend(self.reader.receive(size), size)
