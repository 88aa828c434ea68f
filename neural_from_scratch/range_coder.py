"""The range coder: values and their tables become bytes, as few as the tables promise. Integers only.

**A message is an interval.** Take the line from 0 to 1 and two symbols, a with ¾ of it and b with the last ¼.
The message "ab" chooses a, [0, 0.75), then b *of that*, [0.5625, 0.75). Each symbol makes the interval as
much narrower as it was unlikely. A message ends as an interval of width p₁·p₂·…, and any number in it names
the message. Such a number needs about log2(1 / width) digits, which is Σ log2(1 / p): no symbol has to cost
whole bits.

**Whole numbers.** The number is written in digits of 32 bits. Of the interval only the part that is still
undecided is kept, as two integers:

    low       where it begins,    0 ≤ low < 2^64
    range     how wide it is,     2^32 ≤ range < 2^64

A symbol that owns the counts [start, start + frequency) of 2^16 (`entropy_tables`) takes its share:

    unit = ⌊range / 2^16⌋         low ← low + unit · start         range ← unit · frequency
    (1)

When range falls below 2^32, the 32 bits on top of low are all but decided: they are put out as one digit, and
both numbers move up by 32 bits. As unit ≥ 2^16 before, range ≥ 2^16 after (1), and one digit is always
enough.

**Carry.** "All but decided": low can still grow beyond 2^64, and then 1 is carried into digits that are out
already. In decimal, after the digits 3 9 9 with low = 0.96 and range = 0.06, a symbol at the upper end moves
low to 1.01:

    0.399|96  +  0.000|05  =  0.400|01

Every 9 from the end becomes 0, and the digit before them grows by 1. It cannot run further than that, and not
beyond the first digit, since the whole interval never leaves [0, 1). Here the digits are still in memory, so
the carry walks back and does just this (Martin 1979). Coders that send as they go count the nines and hold
them back, or give up some range so that no carry comes.

**The end.** At least one number must be named that is in [low, low + range), whatever bytes follow in the
file. A string of bytes that ends after k of them names all numbers with that beginning, a cell of width
256^−k. What is put out is the *shortest string whose cell fits into the interval*, the first of them. So the
decoder needs no mark of the end: when it has its last value it knows low and range, works out the same
string, and thereby how many bytes are the message's (`decode_prefix`); and what is not that string was not
written here. It reads up to eight bytes ahead of that, which may be anything, or not there.

**Decoding** follows with two numbers: range, and how far the number in the file is above low,

    count = ⌊distance / unit⌋      the symbol that owns it      distance ← distance − unit · start
    (2)

Carries need no care there: a difference does not know of them.

**Beyond the table**: the escape, one bit for the side (1: below), and the Elias gamma code of the excess
(`entropy_tables`, equation 3). A bit is a symbol with one count of two.

**Cost.** In (1) up to 2^16 − 1 of range ≥ 2^32 are lost: less than log2(1 / (1 − 2^−16)) < 2.3·10⁻⁵ bits a
step. An interval of width w holds a cell of every width up to w / 2. So a message of S steps (values, and
bits of escapes) that ideally needs I bits takes

    8 · bytes  <  I + 2.3·10⁻⁵ · S + 9
    (3)

Nothing that follows is random or a float, and the kernels in ``_kernels/range_coder.py`` give the same bytes.

References
----------
G. N. N. Martin, "Range encoding: an algorithm for removing redundancy from a digitised message", Video & Data
Recording Conference, Southampton, 1979. M. Schindler, "A fast renormalisation for arithmetic coding", DCC
1998.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .backend import backend_for
from .entropy_tables import PRECISION, TOTAL, CdfTables
from .errors import FormatError

__all__ = [
    "RangeDecoder",
    "RangeEncoder",
    "decode",
    "decode_channels",
    "decode_prefix",
    "encode",
    "encode_channels",
]

DIGIT = 32  # bits
TOP = 1 << 2 * DIGIT
MASK = TOP - 1
NARROW = 1 << DIGIT  # range below this puts out a digit
ZEROS = 32  # of the longest gamma code: an excess in int32 is below 2^32
INT32 = np.iinfo(np.int32)


def encode(values: NDArray[np.int32], indexes: NDArray[np.int32], tables: CdfTables) -> bytes:
    """Code each value with its table.

    Parameters
    ----------
    values : ndarray of int32, shape (n,)
        Anything; what is not in the table is escaped.
    indexes : ndarray of int32, shape (n,)
        Which table each one is coded with, 0 … T − 1.
    tables : CdfTables

    Returns
    -------
    bytes
        Empty if there are no values. Its length is within equation 3.

    Raises
    ------
    TypeError
        If an array has another dtype, or tables are none.
    ValueError
        If shapes do not fit, or there is no table of an index.

    Examples
    --------
    >>> tables = CdfTables.from_pmfs([[0.75, 0.25]], [0], [0.0])
    >>> data = encode(np.array([0, 1, 0, 0, 1000], np.int32), np.zeros(5, np.int32), tables)
    >>> len(data), round(tables.code_length(np.array([0, 1, 0, 0, 1000], np.int32), np.int32(0)), 2)  # bits
    (5, 39.25)
    >>> decode(data, np.zeros(5, np.int32), tables)
    array([   0,    1,    0,    0, 1000], dtype=int32)
    """
    _check(indexes=indexes, tables=tables)
    _check_array("values", values)
    if values.shape != indexes.shape:
        raise ValueError(f"values have shape {values.shape}, indexes {indexes.shape}: must be the same")
    return backend_for(values).range_encode(values, indexes, 1, tables)


def decode(data: bytes, indexes: NDArray[np.int32], tables: CdfTables) -> NDArray[np.int32]:
    """Read the values that `encode` wrote: all of `data`, neither less nor more.

    Parameters
    ----------
    data : bytes-like
    indexes : ndarray of int32, shape (n,)
        As `encode` had them.
    tables : CdfTables

    Returns
    -------
    ndarray of int32, shape (n,)

    Raises
    ------
    FormatError
        If `encode` cannot have written this: cut, extended, or damaged so that it shows. Damage that does not
        show gives other values; for those `encode` gives `data`.
    TypeError, ValueError
        As `encode`.
    """
    _check(indexes=indexes, tables=tables)
    return _whole(data, *_decode(data, indexes, 1, tables))


def decode_prefix(
    data: bytes, indexes: NDArray[np.int32], tables: CdfTables
) -> tuple[NDArray[np.int32], int]:
    """Read the values from the beginning of `data`, and say how many bytes were theirs; see `decode`.

    Returns
    -------
    values : ndarray of int32, shape (n,)
    consumed : int
        What follows belongs to somebody else, and may be anything.
    """
    _check(indexes=indexes, tables=tables)
    return _decode(data, indexes, 1, tables)


def encode_channels(values: NDArray[np.int32], tables: CdfTables) -> bytes:
    """Code all values of channel c with table c, channel by channel; no array of indexes is needed.

    Parameters
    ----------
    values : ndarray of int32, shape (C, ...)
    tables : CdfTables
        Of C tables.

    Returns
    -------
    bytes
        Those of `encode`, with the indexes 0, 0, …, 1, 1, …

    Raises
    ------
    TypeError, ValueError
        As `encode`.
    """
    _check(indexes=None, tables=tables)
    _check_array("values", values, dimensions=None)
    if not values.ndim or len(values) != len(tables):
        raise ValueError(f"values have shape {values.shape}: the first axis must be the {len(tables)} tables")
    channels = np.arange(len(tables), dtype=np.int32)
    return backend_for(values).range_encode(values.reshape(-1), channels, prod(values.shape[1:]), tables)


def decode_channels(data: bytes, shape: tuple[int, ...], tables: CdfTables) -> NDArray[np.int32]:
    """Read what `encode_channels` wrote: values of shape (C, ...), C the number of tables; see `decode`."""
    _check(indexes=None, tables=tables)
    if not shape or shape[0] != len(tables) or min(shape) < 0:
        raise ValueError(f"shape {shape}: the first axis must be the {len(tables)} tables")
    channels = np.arange(len(tables), dtype=np.int32)
    return _whole(data, *_decode(data, channels, prod(shape[1:]), tables)).reshape(shape)


class RangeEncoder:
    """The encoder, one step at a time."""

    def __init__(self) -> None:
        self.low = 0
        self.range = MASK
        self.digits: list[int] = []

    def encode(self, start: int, frequency: int, precision: int = PRECISION) -> None:
        """Narrow the interval to the counts [start, start + frequency) of 2^precision: equation 1."""
        unit = self.range >> precision
        self.low += unit * start
        self.range = unit * frequency
        if self.low >= TOP:
            self.low -= TOP
            self._carry()
        if self.range < NARROW:
            self.digits.append(self.low >> DIGIT)
            self.low = self.low << DIGIT & MASK
            self.range <<= DIGIT

    def encode_bits(self, number: int, count: int) -> None:
        """Code the `count` lowest bits of a number, the highest of them first."""
        for place in reversed(range(count)):
            self.encode(number >> place & 1, 1, precision=1)

    def finish(self) -> bytes:
        """Return the bytes; at least one value has been coded."""
        up, length = ending(self.low, self.range)
        cell = self.low + up
        if cell >= TOP:
            self._carry()
        digits = b"".join(digit.to_bytes(4, "big") for digit in self.digits)
        return digits + (cell % TOP).to_bytes(8, "big")[:length]

    def _carry(self) -> None:
        last = len(self.digits) - 1
        while self.digits[last] == NARROW - 1:
            self.digits[last] = 0
            last -= 1
        self.digits[last] += 1


class RangeDecoder:
    """The decoder, one step at a time; of bytes that are not there it reads zeros."""

    def __init__(self, data: bytes) -> None:
        self.data = bytes(data)
        self.range = MASK
        self.position = 0  # of the digit in the upper half of `distance`, in bytes
        self.distance = self._digit(0) << DIGIT | self._digit(4)

    def find(self, precision: int = PRECISION) -> int:
        """Return the count of 2^precision that is next: the first half of equation 2."""
        count = self.distance // (self.range >> precision)
        if count >> precision:
            raise bad_data(BEYOND, self.position, len(self.data))
        return count

    def decode(self, start: int, frequency: int, precision: int = PRECISION) -> None:
        """Follow the encoder to the counts [start, start + frequency): the second half."""
        unit = self.range >> precision
        self.distance -= unit * start
        self.range = unit * frequency
        if self.range < NARROW:
            self.position += 4
            if self.position > len(self.data):
                raise bad_data(CUT, self.position, len(self.data))
            self.distance = self.distance << DIGIT | self._digit(self.position + 4)
            self.range <<= DIGIT

    def decode_bit(self) -> int:
        """Return the next bit of `RangeEncoder.encode_bits`."""
        bit = self.find(precision=1)
        self.decode(bit, 1, precision=1)
        return bit

    def finish(self) -> int:
        """Return how many bytes were consumed; `FormatError` unless they end as the encoder ends them."""
        low = ((self._digit(self.position) << DIGIT | self._digit(self.position + 4)) - self.distance) % TOP
        up, length = ending(low, self.range)
        if self.position + length > len(self.data):
            raise bad_data(CUT, self.position, len(self.data))
        if not up <= self.distance < up + (TOP >> 8 * length):
            raise bad_data(ENDING, self.position, len(self.data))
        return self.position + length

    def _digit(self, position: int) -> int:
        return int.from_bytes(self.data[position : position + 4].ljust(4, b"\0"), "big")


def ending(low: int, range_: int) -> tuple[int, int]:
    """Return how far above low the first cell begins that fits in, and the bytes that name it.

    A cell of `length` bytes is 2^(64 − 8 length) wide and begins at a multiple of that. An interval twice as
    wide holds one, so that with range ≥ 2^32 five bytes are enough.
    """
    for length in range(1, 6):
        width = TOP >> 8 * length
        up = -low % width
        if up + width <= range_:
            return up, length
    raise AssertionError("range is below 2^32")


def encode_values(
    values: NDArray[np.int32], indexes: NDArray[np.int32], repeat: int, tables: CdfTables
) -> bytes:
    """The reference of `encode` and `encode_channels`: `repeat` values with each of the indexes."""
    if not values.size:
        return b""
    encoder = RangeEncoder()
    rows, offsets = _rows(tables)
    for value, t in zip(values.tolist(), _each(indexes, repeat)):
        cdf, symbol = rows[t], value - offsets[t]
        escape = len(cdf) - 2
        if 0 <= symbol < escape:
            encoder.encode(cdf[symbol], cdf[symbol + 1] - cdf[symbol])
            continue
        encoder.encode(cdf[escape], TOTAL - cdf[escape])
        excess = -1 - symbol if symbol < 0 else symbol - escape
        zeros = (excess + 1).bit_length() - 1
        encoder.encode_bits(int(symbol < 0), 1)
        encoder.encode_bits(excess + 1, 2 * zeros + 1)
    return encoder.finish()


def decode_values(
    data: bytes, indexes: NDArray[np.int32], repeat: int, tables: CdfTables
) -> tuple[NDArray[np.int32], int]:
    """The reference of `decode_prefix` and `decode_channels`."""
    values = np.empty(indexes.size * repeat, np.int32)
    if not values.size:
        return values, 0
    decoder = RangeDecoder(data)
    rows, offsets = _rows(tables)
    for i, t in enumerate(_each(indexes, repeat)):
        cdf = rows[t]
        symbol = bisect_right(cdf, decoder.find()) - 1
        decoder.decode(cdf[symbol], cdf[symbol + 1] - cdf[symbol])
        if symbol == len(cdf) - 2:
            is_below = decoder.decode_bit()
            zeros = 0
            while not decoder.decode_bit():
                zeros += 1
                if zeros > ZEROS:
                    raise bad_data(GAMMA, decoder.position, len(data))
            number = 1
            for _ in range(zeros):
                number = number << 1 | decoder.decode_bit()
            symbol = -number if is_below else symbol + number - 1
        if not INT32.min <= offsets[t] + symbol <= INT32.max:
            raise bad_data(GAMMA, decoder.position, len(data))
        values[i] = offsets[t] + symbol
    return values, decoder.finish()


BEYOND, GAMMA, CUT, ENDING = 1, 2, 3, 4  # what kernels say instead of raising
_CAUSES = {
    BEYOND: "is in a part of the interval that no symbol owns",
    GAMMA: "an escaped value that is beyond int32",
    CUT: "ends before the last value",
    ENDING: "does not end as the encoder ends",
}


def bad_data(cause: int, position: int, size: int) -> FormatError:
    """Return the error for a cause, found while the byte at `position` was being read."""
    return FormatError(_CAUSES[cause], offset=min(position, size), field="range-coded data")


def _rows(tables: CdfTables) -> tuple[list[list[int]], list[int]]:
    rows = [row[:length].tolist() for row, length in zip(tables.cdf, tables.lengths)]
    return rows, tables.offsets.tolist()


def _each(indexes: NDArray[np.int32], repeat: int) -> Iterator[int]:
    for t in indexes.tolist():
        for _ in range(repeat):
            yield t


def _decode(
    data: bytes, indexes: NDArray[np.int32], repeat: int, tables: CdfTables
) -> tuple[NDArray[np.int32], int]:
    if not isinstance(data, bytes | bytearray | memoryview):
        raise TypeError(f"data is a {type(data).__name__}, must be bytes")
    decode_with: Callable[..., Any] = backend_for(indexes).range_decode
    return decode_with(bytes(data), indexes, repeat, tables)


def _whole(data: bytes, values: NDArray[np.int32], consumed: int) -> NDArray[np.int32]:
    if consumed != len(data):
        raise FormatError(
            f"{len(data)} bytes, of which the last {len(data) - consumed} are not part of it",
            offset=consumed,
            field="range-coded data",
        )
    return values


def _check(indexes: NDArray[np.int32] | None, tables: CdfTables) -> None:
    if not isinstance(tables, CdfTables):
        raise TypeError(f"tables are a {type(tables).__name__}, must be CdfTables")
    if indexes is not None:
        _check_array("indexes", indexes)
        if indexes.size and not (indexes.min() >= 0 and indexes.max() < len(tables)):
            raise ValueError(
                f"indexes go from {indexes.min()} to {indexes.max()}, there are {len(tables)} tables"
            )


def _check_array(name: str, array: NDArray[np.int32], dimensions: int | None = 1) -> None:
    if not isinstance(array, np.ndarray) or array.dtype != np.int32:
        kind = f"an array of {array.dtype}" if isinstance(array, np.ndarray) else f"a {type(array).__name__}"
        raise TypeError(f"{name} are {kind}, must be an array of int32")
    if dimensions is not None and array.ndim != dimensions:
        raise ValueError(f"{name} have shape {array.shape}, must have {dimensions} dimension")
