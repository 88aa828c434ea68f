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
from ..scan import Scan, missing_code
from ..scan_sequential import MAX_CATEGORY
from ._bits import bit_length, store_word, trailing_zeros
from ._jit import inline, jit
from ._scan import MAX_COMPONENTS, layout_arrays, slots

NATURAL = tables.NATURAL_INDEX.astype(np.int64)
ONE = np.uint64(1)
MOST_BYTES_OF_A_BLOCK = 64 * 4  # a code has at most 16 bits, and at most 15 follow it
MOST_SYMBOLS = 64 + 3  # of a block: one for each coefficient, and zero runs only where there are zeros
RAW_BYTES = 1 << 15  # gathered before zeros are stuffed
# What a kernel returns when it cannot go on
MISSING_CODE, TOO_LARGE = -1, -2
AC = 256  # where the AC symbols start in a table of both kinds
LENGTH_BITS = 5  # of an entry of the code table: code << 5 | length


def encode_scan(scan: Scan, coefficients: Sequence[Coefficients]) -> bytes:
    """Code a scan; see `scan_sequential.encode_scan`."""
    codes = np.zeros((MAX_COMPONENTS, 2 * AC), np.int64)
    for table_class, specs in enumerate((scan.dc, scan.ac)):
        for j, spec in enumerate(specs):
            if spec is not None:
                table = encode_table(spec)
                entries = table.codes.astype(np.int64) << LENGTH_BITS | table.lengths
                codes[j, AC * table_class : AC * (table_class + 1)] = entries
    layout = scan.layout
    arrays, (units, factors) = slots(coefficients), layout_arrays(layout)
    raw = np.empty(RAW_BYTES + MOST_BYTES_OF_A_BLOCK * len(units) + 8, np.uint8)
    out = np.empty(16 * len(units) * layout.mcus + 4 * len(raw), np.uint8)
    state = np.zeros(4 + MAX_COMPONENTS, np.int64)  # MCU, bytes, bits, bit count, DC predictions
    while state[0] < layout.mcus:
        status = encode_mcus(
            arrays,
            units,
            factors,
            layout.mcu_columns,
            layout.mcus,
            scan.restart_interval,
            codes,
            raw,
            out,
            state,
        )
        if status == MISSING_CODE:
            table_class, symbol = divmod(int(state[1]), AC)
            raise missing_code(table_class, int(state[0]), symbol)
        if status == TOO_LARGE:
            raise _too_large(int(state[0]))
        if state[0] < layout.mcus:  # the buffer is full
            out = np.concatenate((out, np.empty_like(out)))
    return out[: state[1]].tobytes()


def count_symbols(scan: Scan, coefficients: Sequence[Coefficients]) -> tuple[Array, Array]:
    """Count the symbols of a scan; see `scan_sequential.count_symbols`."""
    units, factors = layout_arrays(scan.layout)
    counts = np.zeros((MAX_COMPONENTS, 2 * AC), np.int64)
    worst = count_mcus(
        slots(coefficients),
        units,
        factors,
        scan.layout.mcu_columns,
        scan.layout.mcus,
        scan.restart_interval,
        counts,
    )
    if worst:
        raise _too_large(worst)
    return counts[: len(coefficients), :AC], counts[: len(coefficients), AC:]


def _too_large(value: int) -> ValueError:
    return ValueError(
        f"a coefficient or DC difference of {value}, codes exist up to ±{(1 << MAX_CATEGORY) - 1}"
    )


@jit
def encode_mcus(arrays, units, factors, mcu_columns, mcus, restart_interval, codes, raw, out, state):
    """Code MCUs from ``state[0]`` on, until the last or until `out` is nearly full; keep the state."""
    mcu, written, bits, count = state[0], state[1], np.uint64(state[2]), state[3]
    dc_pred = state[4:]
    symbols, values = np.empty(MOST_SYMBOLS, np.int64), np.empty(MOST_SYMBOLS, np.int64)
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
            found = block_symbols(arrays[j][row, column].reshape(-1), dc_pred, j, symbols, values)
            if found < 0:
                state[0] = values[0]
                return TOO_LARGE
            table = codes[j]
            for i in range(found):
                symbol = symbols[i]
                entry = table[symbol]
                if entry == 0:
                    state[0], state[1] = j, symbol
                    return MISSING_CODE
                bits, count, position = put(bits, count, entry, symbol & 15, values[i], raw, position)
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
def block_symbols(block, dc_pred, j, symbols, values):
    """Turn a block into symbols and their values, DC first; twin of `coefficients.run_length`.

    AC symbols are raised by 256, so that one table holds both kinds. Returns how many symbols there are; or
    −1, and the value in ``values[0]``, if one is too large to have a symbol.
    """
    waiting = np.uint64(0)  # bit k: coefficient k of the zigzag sequence is not zero
    for k in range(1, 64):
        waiting |= np.uint64(block[NATURAL[k]] != 0) << np.uint64(k)
    difference = np.int64(block[0]) - dc_pred[j]
    dc_pred[j] = block[0]
    symbols[0], values[0] = bit_length(abs(difference)), difference
    largest = symbols[0]
    found = np.int64(1)
    last = np.int64(0)
    while waiting:
        k = trailing_zeros(waiting)
        waiting &= waiting - ONE
        run = k - last - 1
        last = k
        while run > 15:
            symbols[found], values[found] = AC + 0xF0, 0
            found += 1
            run -= 16
        value = np.int64(block[NATURAL[k]])
        size = bit_length(abs(value))
        largest = max(largest, size)
        symbols[found], values[found] = AC + 16 * run + size, value
        found += 1
    if last < 63:
        symbols[found], values[found] = AC, 0
        found += 1
    if largest > MAX_CATEGORY:
        for i in range(found):
            if bit_length(abs(values[i])) > MAX_CATEGORY:
                values[0] = values[i]
        return np.int64(-1)
    return found


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
    dc_pred = np.zeros(MAX_COMPONENTS, np.int64)
    symbols, values = np.empty(MOST_SYMBOLS, np.int64), np.empty(MOST_SYMBOLS, np.int64)
    for mcu in range(mcus):
        if restart_interval and mcu % restart_interval == 0:
            dc_pred[:] = 0
        mcu_row, mcu_column = mcu // mcu_columns, mcu % mcu_columns
        for unit in range(units.shape[0]):
            j = units[unit, 0]
            row = mcu_row * factors[j, 0] + units[unit, 1]
            column = mcu_column * factors[j, 1] + units[unit, 2]
            found = block_symbols(arrays[j][row, column].reshape(-1), dc_pred, j, symbols, values)
            if found < 0:
                return values[0]
            for i in range(found):
                counts[j, symbols[i]] += 1
    return np.int64(0)
