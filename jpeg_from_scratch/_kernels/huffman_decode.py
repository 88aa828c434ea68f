"""Huffman codes → coefficients: twin of `scan_sequential.decode_scan`.

Why it is fast. A restart interval is first freed of its stuffed zeros, up to the next marker. Then the bits
that come next stand at the top of a 64-bit word; it is filled up before each symbol by one load, without
asking whether that is needed. The top 9 bits find most codes by one look into a table; longer codes go the
way of Figure F.16. Behind the end of the data come zeros: whether more was read than there is, is checked
once a block.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from .. import tables
from .._types import Array, Coefficients
from ..huffman import HuffmanSpec, canonical_codes, code_lengths, decode_table
from ..scan_sequential import (
    ScanEnd,
    ScanLayout,
    ScanTables,
    bad_code,
    premature_end,
    restart_position,
    skip_padding,
)
from ._bits import load_word
from ._jit import inline, jit
from ._scan import MAX_COMPONENTS, layout_arrays, slots

NATURAL = tables.NATURAL_INDEX.astype(np.int64)
PEEK = 9
BEHIND_THE_END = 64 * 4 + 16  # a block may be read on in zeros
DONE, PREMATURE_END, BAD_CODE, BAD_RESTART = range(4)


def decode_scan(
    data: bytes,
    position: int,
    layout: ScanLayout,
    scan_tables: ScanTables,
    restart_interval: int,
    coefficients: Sequence[Coefficients],
) -> ScanEnd:
    """Decode a scan; see `scan_sequential.decode_scan`."""
    units, factors = layout_arrays(layout)
    peek = np.zeros((2, MAX_COMPONENTS, 1 << PEEK), np.int64)
    slow = np.zeros((2, MAX_COMPONENTS, 2, 17), np.int64)
    values = np.zeros((2, MAX_COMPONENTS, 256), np.int64)
    for table_class, specs in enumerate((scan_tables.dc, scan_tables.ac)):
        for j, spec in enumerate(specs):
            peek[table_class, j] = peek_table(spec)
            table = decode_table(spec)
            slow[table_class, j, 0] = table.max_code
            slow[table_class, j, 1] = np.subtract(table.value_pointer, table.min_code)
            values[table_class, j, : len(table.values)] = table.values
    file_bytes = np.frombuffer(data, np.uint8)
    clean = np.zeros(longest_interval(file_bytes, position) + BEHIND_THE_END, np.uint8)
    status, offset, mcu, overlong_runs = decode_mcus(
        file_bytes,
        position,
        clean,
        slots(coefficients),
        units,
        factors,
        layout.mcu_columns,
        layout.mcus,
        restart_interval,
        peek,
        slow,
        values,
    )
    if status == PREMATURE_END:
        raise premature_end(offset, mcu, layout)
    if status == BAD_CODE:
        raise bad_code(offset, mcu, layout)
    if status == BAD_RESTART:
        restart_position(data, offset, mcu // restart_interval - 1)  # raises
    return ScanEnd(skip_padding(data, offset), overlong_runs)


@lru_cache(maxsize=64)
def peek_table(spec: HuffmanSpec) -> Array:
    """For each value of the next 9 bits, length << 8 | symbol of the code they start with, or 0."""
    entries = np.zeros(1 << PEEK, np.int64)
    lengths = code_lengths(spec)
    for symbol, code, length in zip(spec.values, canonical_codes(lengths), lengths):
        if length <= PEEK:
            first = code << (PEEK - length)
            entries[first : first + (1 << (PEEK - length))] = length << 8 | symbol
    return entries


@jit
def decode_mcus(
    data, position, clean, arrays, units, factors, mcu_columns, mcus, restart_interval, peek, slow, values
):
    """Decode all MCUs. Returns (status, offset, MCU, blocks with a run past the last coefficient)."""
    start = position
    end, filled = unstuff(data, start, clean)
    bits, count, taken = np.uint64(0), np.int64(0), np.int64(0)  # bytes taken from `clean`
    overlong_runs = 0
    dc_pred = np.zeros(MAX_COMPONENTS, np.int64)
    for mcu in range(mcus):
        if restart_interval and mcu and mcu % restart_interval == 0:
            position = offset_of(data, start, end, filled, taken - (count >> 3))
            start = after_restart(data, position, mcu // restart_interval - 1)
            if start < 0:
                return BAD_RESTART, position, mcu, overlong_runs
            end, filled = unstuff(data, start, clean)
            bits, count, taken = np.uint64(0), np.int64(0), np.int64(0)
            dc_pred[:] = 0
        mcu_row, mcu_column = mcu // mcu_columns, mcu % mcu_columns
        for unit in range(units.shape[0]):
            j = units[unit, 0]
            row = mcu_row * factors[j, 0] + units[unit, 1]
            column = mcu_column * factors[j, 1] + units[unit, 2]
            block = arrays[j][row, column].reshape(-1)

            bits, count, taken = refill(bits, count, taken, clean)
            length, size = next_symbol(bits, peek[0, j], slow[0, j], values[0, j])
            value, bits = extended(bits << np.uint64(length), size)
            count -= length + size
            dc_pred[j] += value
            block[0] = np.int16(dc_pred[j])

            ac_peek, ac_slow, ac_values = peek[1, j], slow[1, j], values[1, j]
            k = np.int64(1)
            while k < 64 and length <= 16:
                bits, count, taken = refill(bits, count, taken, clean)
                length, symbol = next_symbol(bits, ac_peek, ac_slow, ac_values)
                size = symbol & 15
                value, bits = extended(bits << np.uint64(length), size)
                count -= length + size
                k += symbol >> 4
                if size:
                    block[NATURAL[min(k, 63)]] = np.int16(value)
                elif symbol != 0xF0:
                    break
                overlong_runs += k > 63
                k += 1

            used = 8 * taken - count - (length > 16)  # a code that does not fit took 16 bits, not 17
            if used > 8 * filled:
                return PREMATURE_END, end, mcu, overlong_runs
            if length > 16:
                position = offset_of(data, start, end, filled, (used + 7) >> 3)
                return BAD_CODE, position - 1, mcu, overlong_runs
    return DONE, offset_of(data, start, end, filled, taken - (count >> 3)), mcus, overlong_runs


@jit
def longest_interval(data, position):
    """Return how many bytes lie between two markers at the most, from `position` to the end of the scan."""
    longest, start = 0, position
    for i in range(position, data.shape[0] - 1):
        if data[i] == 0xFF and data[i + 1] != 0 and data[i + 1] != 0xFF:
            longest = max(longest, i - start)
            start = i + 2
            if data[i + 1] < 0xD0 or data[i + 1] > 0xD7:
                return longest
    return max(longest, data.shape[0] - start)


@jit
def unstuff(data, position, clean):
    """Copy entropy-coded bytes up to the next marker; twin of `bitio.BitReader._next_byte`.

    Returns the offset of the marker and the number of bytes; zeros are put behind them.
    """
    filled = 0
    while position < data.shape[0]:
        byte = data[position]
        after = position + 1
        if byte == 0xFF:
            while after < data.shape[0] and data[after] == 0xFF:
                after += 1
            if after == data.shape[0] or data[after] != 0:
                break
            after += 1
        position = after
        clean[filled] = byte
        filled += 1
    clean[filled : filled + BEHIND_THE_END] = 0
    return position, filled


@jit
def offset_of(data, start, end, filled, index):
    """Return the offset in the file of byte `index` of the interval that starts at `start`."""
    if index >= filled:
        return end
    position = start
    for _ in range(index):
        byte = data[position]
        position += 1
        if byte == 0xFF:
            while data[position] == 0xFF:
                position += 1
            position += 1
    return position


@jit
def after_restart(data, position, index):
    """Return the offset behind the marker RSTm at `position`, or −1; twin of `restart_position`."""
    if position + 2 < data.shape[0] and data[position] == 0xFF and data[position + 1] == 0:
        position += 2  # as in `skip_padding`; it is a marker that must follow
    after = position
    while after < data.shape[0] and data[after] == 0xFF:
        after += 1
    if after == position or after == data.shape[0] or data[after] != 0xD0 + index % 8:
        return -1
    return after + 1


@inline
def refill(bits, count, taken, clean):
    """Fill the word up to 56 bits or more."""
    bits |= load_word(clean, taken) >> np.uint64(count)
    taken += (63 - count) >> 3
    return bits, count | 56, taken


@inline
def next_symbol(bits, peek, slow, values):
    """Return length and symbol of the code at the top of the word; length 17 if none fits."""
    entry = peek[np.int64(bits >> np.uint64(64 - PEEK))]
    if entry:
        return entry >> 8, entry & 255
    window = np.int64(bits >> np.uint64(48))
    for length in range(PEEK + 1, 17):
        code = window >> (16 - length)
        if code <= slow[0, length]:
            return np.int64(length), values[code + slow[1, length]]
    return np.int64(17), np.int64(0)


@inline
def extended(bits, size):
    """Take `size` bits off the top, RECEIVE and EXTEND in one. Returns the value and the rest."""
    value = np.int64((bits >> np.uint64(1)) >> np.uint64(63 - size))
    below = np.int64(value < ((1 << size) >> 1))
    return value - below * ((1 << size) - 1), bits << np.uint64(size)
