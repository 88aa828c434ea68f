"""The range coder on uint64: the bytes of `range_coder`, a hundred times as fast.

Low, range and distance are below 2^64, so that one machine word holds each, and a carry is an addition that
wraps round. `range_coder` has the derivations; the names are the same.

Two things differ, and neither changes a bit. The encoder counts escapes before it begins, which tells how
many digits there can be, so that the loop need not ask. The decoder finds the owner of a count by looking on
from `CdfTables.starts`, not by bisection: most symbols of a peaked table are found at the first look.
"""

from __future__ import annotations

import numpy as np
from numba import uint32, uint64

from ..range_coder import BEYOND, CUT, ENDING, GAMMA, ZEROS, bad_data
from ._jit import jit

__all__ = ["decode_values", "encode_values"]

MASK = np.uint64(0xFFFF_FFFF_FFFF_FFFF)
NARROW = np.uint64(1 << 32)
NINE = np.uint32(0xFFFF_FFFF)
DIGIT = np.uint64(32)
PRECISION = np.uint64(16)
TOTAL = np.uint64(1 << 16)
ZERO, ONE = np.uint64(0), np.uint64(1)
ESCAPE_DIGITS = 3  # behind an escape: 64 bits, or 66 where there is nothing but the escape; and some room
SMALLEST, LARGEST = -(1 << 31), (1 << 31) - 1


def encode_values(values, indexes, repeat, tables) -> bytes:
    """See `range_coder.encode_values`."""
    if not values.size:
        return b""
    values, indexes = np.ascontiguousarray(values), np.ascontiguousarray(indexes)
    arrays = (tables.cdf, tables.lengths, tables.offsets)
    escapes = count_escapes(values, indexes, repeat, tables.lengths, tables.offsets)
    # 2^15 values lose less than a bit by rounding; the last digits are those of the ending.
    digits = np.empty(values.size // 2 + (values.size >> 15) + ESCAPE_DIGITS * escapes + 4, np.uint32)
    with np.errstate(over="ignore"):  # where nothing is compiled, a carry would warn
        used, cell, length = encode_kernel(values, indexes, repeat, *arrays, digits)
    return digits[:used].astype(">u4").tobytes() + int(cell).to_bytes(8, "big")[:length]


def decode_values(data, indexes, repeat, tables):
    """See `range_coder.decode_values`."""
    values = np.empty(indexes.size * repeat, np.int32)
    if not values.size:
        return values, 0
    digits = np.frombuffer(data + bytes(12 - len(data) % 4), ">u4").astype(np.uint32)
    arrays = (tables.cdf, tables.lengths, tables.offsets, tables.starts)
    indexes = np.ascontiguousarray(indexes)
    with np.errstate(over="ignore"):
        cause, position = decode_kernel(digits, len(data), indexes, repeat, *arrays, values)
    if cause:
        raise bad_data(cause, position, len(data))
    return values, position


@jit
def count_escapes(values, indexes, repeat, lengths, offsets):
    """How many values are beyond their tables."""
    escapes = 0
    for j in range(indexes.size):
        t = indexes[j]
        first = np.int64(offsets[t])
        stop = first + lengths[t] - 2
        for i in range(j * repeat, (j + 1) * repeat):
            escapes += (values[i] < first) | (values[i] >= stop)
    return escapes


@jit
def carry(digits, used):
    """Add 1 to the digits that are out."""
    last = used - ONE
    while digits[last] == NINE:
        digits[last] = np.uint32(0)
        last -= ONE
    digits[last] += np.uint32(1)


@jit
def encode_bit(low, width, digits, used, bit):
    """One bit, and the new low, range and number of digits."""
    unit = width >> ONE
    moved = low + unit * bit
    if moved < low:
        carry(digits, used)
    width = unit
    if width < NARROW:
        digits[used] = uint32(moved >> DIGIT)
        used += ONE
        moved <<= DIGIT
        width <<= DIGIT
    return moved, width, used


@jit
def encode_excess(low, width, digits, used, symbol, escape):
    """Side and gamma code of a value beyond the table."""
    is_below = symbol < 0
    low, width, used = encode_bit(low, width, digits, used, ONE if is_below else ZERO)
    number = -symbol if is_below else symbol - escape + 1
    zeros = 0
    while number >> (zeros + 1):
        zeros += 1
    for place in range(2 * zeros, -1, -1):
        low, width, used = encode_bit(low, width, digits, used, uint64((number >> place) & 1))
    return low, width, used


@jit
def encode_kernel(values, indexes, repeat, cdf, lengths, offsets, digits):
    """All values; the number of digits, the last cell and how many of its bytes are wanted."""
    low, width, used = ZERO, MASK, ZERO
    for j in range(indexes.size):
        t = uint64(indexes[j])
        offset = np.int64(offsets[t])
        escape = np.int64(lengths[t]) - 2
        for i in range(j * repeat, (j + 1) * repeat):
            symbol = values[i] - offset
            is_beyond = uint64(symbol) >= uint64(escape)  # below 0 is far above, without a sign
            place = uint64(escape) if is_beyond else uint64(symbol)
            start = uint64(cdf[t, place])
            unit = width >> PRECISION
            step = unit * start
            low += step
            if low < step:
                carry(digits, used)
            width = unit * (uint64(cdf[t, place + ONE]) - start)
            if width < NARROW:
                digits[used] = uint32(low >> DIGIT)
                used += ONE
                low <<= DIGIT
                width <<= DIGIT
            if is_beyond:
                low, width, used = encode_excess(low, width, digits, used, symbol, escape)
    up, length = ending(low, width)
    if low + up < low:
        carry(digits, used)
    return used, low + up, length


@jit
def ending(low, width):
    """See `range_coder.ending`."""
    for length in range(1, 6):
        cell = ONE << uint64(64 - 8 * length)
        up = (~low + ONE) & (cell - ONE)
        if up + cell <= width:
            return up, length
    return ZERO, 8


@jit
def decode_bit(distance, width, digits, position, size):
    """A bit, or the negative of a cause, and the new distance, range and place among the digits."""
    unit = width >> ONE
    bit = distance // unit
    if bit > ONE:
        return np.int64(-BEYOND), distance, width, position
    distance -= unit * bit
    width = unit
    if width < NARROW:
        position += 1
        if 4 * position > size:
            return np.int64(-CUT), distance, width, position
        distance = distance << DIGIT | uint64(digits[position + 1])
        width <<= DIGIT
    return np.int64(bit), distance, width, position


@jit
def decode_excess(distance, width, digits, position, size):
    """Side and gamma code: a cause or 0, the signed number, and the state."""
    side, distance, width, position = decode_bit(distance, width, digits, position, size)
    if side < 0:
        return -side, side, distance, width, position
    zeros = 0
    while True:
        bit, distance, width, position = decode_bit(distance, width, digits, position, size)
        if bit < 0:
            return -bit, bit, distance, width, position
        if bit == 1:
            break
        zeros += 1
        if zeros > ZEROS:
            return np.int64(GAMMA), bit, distance, width, position
    number = np.int64(1)
    for _ in range(zeros):
        bit, distance, width, position = decode_bit(distance, width, digits, position, size)
        if bit < 0:
            return -bit, bit, distance, width, position
        number = number << 1 | bit
    return np.int64(0), (-number if side == 1 else number), distance, width, position


@jit
def decode_kernel(digits, size, indexes, repeat, cdf, lengths, offsets, starts, values):
    """All values, into `values`: (0, bytes consumed) or (cause, where in bytes)."""
    distance = uint64(digits[0]) << DIGIT | uint64(digits[1])
    width = MASK
    position = 0
    for j in range(indexes.size):
        t = uint64(indexes[j])
        offset = np.int64(offsets[t])
        escape = uint64(lengths[t] - 2)
        for i in range(j * repeat, (j + 1) * repeat):
            unit = width >> PRECISION
            count = distance // unit
            if count >= TOTAL:
                return BEYOND, 4 * position
            symbol = uint64(starts[t, count >> uint64(8)])
            start, stop = uint64(cdf[t, symbol]), uint64(cdf[t, symbol + ONE])
            while stop <= count:
                symbol += ONE
                start, stop = stop, uint64(cdf[t, symbol + ONE])
            distance -= unit * start
            width = unit * (stop - start)
            if width < NARROW:
                position += 1
                if 4 * position > size:
                    return CUT, 4 * position
                distance = distance << DIGIT | uint64(digits[position + 1])
                width <<= DIGIT
            value = offset + np.int64(symbol)
            if symbol == escape:
                cause, number, distance, width, position = decode_excess(
                    distance, width, digits, position, size
                )
                if cause:
                    return cause, 4 * position
                value = offset + number if number < 0 else value + number - 1
                if value < SMALLEST or value > LARGEST:
                    return GAMMA, 4 * position
            values[i] = value
    low = (uint64(digits[position]) << DIGIT | uint64(digits[position + 1])) - distance
    up, length = ending(low, width)
    if 4 * position + length > size:
        return CUT, 4 * position
    if distance - up >= ONE << uint64(64 - 8 * length):  # below up is far above, without a sign
        return ENDING, 4 * position
    return 0, 4 * position + length
