"""Coefficients → Huffman codes: twin of `scan_sequential.encode_scan` and `count_symbols`.

Why it is fast. What a processor cannot predict is the costly part, so there is little to predict: the
non-zero coefficients of a block are found through the one-bits of a word instead of looking at all 64; and
each code stores the whole word of bits that are waiting, eight bytes, and moves on by those that are
complete. (Storing only when 32 bits had gathered took twice as long.) Zeros are stuffed afterwards, while
the bytes are still in the cache.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .. import tables
from .._types import Array, Coefficients
from ..huffman import encode_table
from ..scan_sequential import MAX_CATEGORY, ScanLayout, ScanTables, missing_code
from ._bits import bit_length, store_word, trailing_zeros
from ._jit import inline, jit
from ._scan import MAX_COMPONENTS, layout_arrays, slots

NATURAL = tables.NATURAL_INDEX.astype(np.int64)
ONE = np.uint64(1)
MOST_BYTES_OF_A_BLOCK = 64 * 4  # a code has at most 16 bits, and at most 15 follow it
RAW_BYTES = 1 << 15  # gathered before zeros are stuffed
# What a kernel returns in place of the number of MCUs it has done.
MISSING_CODE, TOO_LARGE = -1, -2
LENGTH_BITS = 5  # of an entry of the code table: code << 5 | length


def encode_scan(
    coefficients: Sequence[Coefficients], layout: ScanLayout, scan_tables: ScanTables, restart_interval: int
) -> bytes:
    """Code a scan; see `scan_sequential.encode_scan`."""
    codes = np.zeros((2, MAX_COMPONENTS, 256), np.int64)
    for table_class, specs in enumerate((scan_tables.dc, scan_tables.ac)):
        for j, spec in enumerate(specs):
            table = encode_table(spec)
            codes[table_class, j] = table.codes.astype(np.int64) << LENGTH_BITS | table.lengths
    arrays, (units, factors) = slots(coefficients), layout_arrays(layout)
    raw = np.empty(RAW_BYTES + MOST_BYTES_OF_A_BLOCK * len(units) + 8, np.uint8)
    out = np.empty(16 * len(units) * layout.mcus + 4 * len(raw), np.uint8)
    state = np.zeros(4 + MAX_COMPONENTS, np.int64)  # MCU, bytes, bits, bit count, DC predictions
    while state[0] < layout.mcus:
        status = encode_mcus(
            arrays, units, factors, layout.mcu_columns, layout.mcus, restart_interval, codes, raw, out, state
        )
        if status == MISSING_CODE:
            table_class, j, symbol = state[:3]
            raise missing_code(int(table_class), int(j), int(symbol))
        if status == TOO_LARGE:
            raise _too_large(int(state[0]))
        if state[0] < layout.mcus:  # the buffer is full
            out = np.concatenate((out, np.empty_like(out)))
    return out[: state[1]].tobytes()


def count_symbols(
    coefficients: Sequence[Coefficients], layout: ScanLayout, restart_interval: int
) -> tuple[Array, Array]:
    """Count the symbols of a scan; see `scan_sequential.count_symbols`."""
    units, factors = layout_arrays(layout)
    counts = np.zeros((2, MAX_COMPONENTS, 256), np.int64)
    worst = count_mcus(
        slots(coefficients), units, factors, layout.mcu_columns, layout.mcus, restart_interval, counts
    )
    if worst:
        raise _too_large(worst)
    return counts[0, : len(coefficients)], counts[1, : len(coefficients)]


def _too_large(value: int) -> ValueError:
    return ValueError(
        f"a coefficient or DC difference of {value}, codes exist up to ±{(1 << MAX_CATEGORY) - 1}"
    )


@jit
def encode_mcus(arrays, units, factors, mcu_columns, mcus, restart_interval, codes, raw, out, state):
    """Code MCUs from ``state[0]`` on, until the last or until `out` is nearly full; keep the state."""
    mcu, written, bits, count = state[0], state[1], np.uint64(state[2]), state[3]
    dc_pred = state[4:]
    zz = np.empty(64, np.int16)
    position = np.int64(0)  # in `raw`
    while mcu < mcus and written + 2 * raw.shape[0] + 8 <= out.shape[0]:
        if restart_interval and mcu and mcu % restart_interval == 0:
            position = pad(bits, count, raw, position)
            written = stuff(raw, position, out, written)
            out[written] = 0xFF
            out[written + 1] = 0xD0 + (mcu // restart_interval - 1) % 8
            written += 2
            position, count = np.int64(0), np.int64(0)
            dc_pred[:] = 0
        mcu_row, mcu_column = mcu // mcu_columns, mcu % mcu_columns
        for unit in range(units.shape[0]):
            j = units[unit, 0]
            row = mcu_row * factors[j, 0] + units[unit, 1]
            column = mcu_column * factors[j, 1] + units[unit, 2]
            waiting = to_zigzag(arrays[j][row, column].reshape(-1), zz)

            difference = np.int64(zz[0]) - dc_pred[j]
            dc_pred[j] = zz[0]
            size = bit_length(abs(difference))
            if size > 15:
                state[0] = difference
                return TOO_LARGE
            entry = codes[0, j, size]
            if entry == 0:
                state[0], state[1], state[2] = 0, j, size
                return MISSING_CODE
            bits, count, position = put(bits, count, entry, size, difference, raw, position)

            ac_codes = codes[1, j]
            last = np.int64(0)
            while waiting:
                k = trailing_zeros(waiting)
                waiting &= waiting - ONE
                run = k - last - 1
                last = k
                while run > 15:
                    entry = ac_codes[0xF0]
                    if entry == 0:
                        state[0], state[1], state[2] = 1, j, 0xF0
                        return MISSING_CODE
                    bits, count, position = put(bits, count, entry, 0, 0, raw, position)
                    run -= 16
                value = np.int64(zz[k])
                size = bit_length(abs(value))
                if size > 15:
                    state[0] = value
                    return TOO_LARGE
                entry = ac_codes[16 * run + size]
                if entry == 0:
                    state[0], state[1], state[2] = 1, j, 16 * run + size
                    return MISSING_CODE
                bits, count, position = put(bits, count, entry, size, value, raw, position)
            if last < 63:
                entry = ac_codes[0]
                if entry == 0:
                    state[0], state[1], state[2] = 1, j, 0
                    return MISSING_CODE
                bits, count, position = put(bits, count, entry, 0, 0, raw, position)
        mcu += 1
        if position >= RAW_BYTES:
            written = stuff(raw, position, out, written)
            position = np.int64(0)
    if mcu == mcus:
        position = pad(bits, count, raw, position)
    written = stuff(raw, position, out, written)
    state[0], state[1], state[2], state[3] = mcu, written, np.int64(bits), count
    return 0


@inline
def to_zigzag(block, zz):
    """Read a block in zigzag order. Returns a word whose bit k tells whether AC coefficient k is not zero."""
    waiting = np.uint64(0)
    for k in range(64):
        value = block[NATURAL[k]]
        zz[k] = value
        waiting |= np.uint64(value != 0) << np.uint64(k)
    return waiting & ~ONE


@inline
def put(bits, count, entry, size, value, raw, position):
    """Write a code and the `size` bits of the value behind it, at most 31, after at most 7 that wait.

    Twin of `bitio.BitWriter.put`, and of `coefficients.magnitude_bits`: −1 is added to a negative value, of
    which the low bits are taken.
    """
    length = entry & 31
    extra = (value + (value >> 63)) & ((1 << size) - 1)
    bits = (bits << np.uint64(length + size)) | np.uint64(((entry >> LENGTH_BITS) << size) | extra)
    count += length + size
    store_word(raw, position, bits << np.uint64(64 - count))
    return bits, count & 7, position + (count >> 3)


@inline
def pad(bits, count, raw, position):
    """Twin of `bitio.BitWriter.pad`: complete the last byte with one-bits."""
    if count:
        raw[position] = ((np.int64(bits) << (8 - count)) & 0xFF) | ((1 << (8 - count)) - 1)
        position += 1
    return position


@jit
def stuff(raw, count, out, written):
    """F.1.2.3 – Byte stuffing: append `count` bytes to the output, a zero byte behind each X'FF'."""
    for i in range(count):
        byte = raw[i]
        out[written] = byte
        written += 1
        if byte == 0xFF:
            out[written] = 0
            written += 1
    return written


@jit
def count_mcus(arrays, units, factors, mcu_columns, mcus, restart_interval, counts):
    """Count the symbols of all MCUs. Returns 0, or a value too large to have a symbol."""
    dc_pred = np.zeros(4, np.int64)
    zz = np.empty(64, np.int16)
    for mcu in range(mcus):
        if restart_interval and mcu % restart_interval == 0:
            dc_pred[:] = 0
        mcu_row, mcu_column = mcu // mcu_columns, mcu % mcu_columns
        for unit in range(units.shape[0]):
            j = units[unit, 0]
            row = mcu_row * factors[j, 0] + units[unit, 1]
            column = mcu_column * factors[j, 1] + units[unit, 2]
            waiting = to_zigzag(arrays[j][row, column].reshape(-1), zz)
            difference = np.int64(zz[0]) - dc_pred[j]
            dc_pred[j] = zz[0]
            size = bit_length(abs(difference))
            if size > 15:
                return difference
            counts[0, j, size] += 1
            last = np.int64(0)
            while waiting:
                k = trailing_zeros(waiting)
                waiting &= waiting - ONE
                run = k - last - 1
                last = k
                size = bit_length(abs(np.int64(zz[k])))
                if size > 15:
                    return np.int64(zz[k])
                counts[1, j, 0xF0] += run >> 4
                counts[1, j, 16 * (run & 15) + size] += 1
            if last < 63:
                counts[1, j, 0] += 1
    return np.int64(0)
