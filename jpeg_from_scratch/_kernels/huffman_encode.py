"""Coefficients → Huffman codes: twin of `scan_sequential.encode_scan` and `count_symbols`.

Bits gather in a 64-bit number and leave it 32 at a time. Only if one of the four bytes is X'FF', which needs a
zero stuffed behind it, are they looked at one by one.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .. import tables
from .._types import Array, Coefficients
from ..huffman import encode_table
from ..scan_sequential import MAX_CATEGORY, ScanLayout, ScanTables, missing_code
from ._jit import jit
from ._scan import MAX_COMPONENTS, layout_arrays, slots

NATURAL = tables.NATURAL_INDEX.astype(np.int64)
BIT_LENGTH = np.array([n.bit_length() for n in range(256)], np.uint8)
# A code has at most 16 bits and 15 bits follow it: 4 bytes for each coefficient, twice that if all are stuffed.
MOST_BYTES_OF_A_BLOCK = 64 * 8
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
    margin = MOST_BYTES_OF_A_BLOCK * len(units) + 64
    out = np.empty(16 * len(units) * layout.mcus + margin, np.uint8)
    state = np.zeros(4 + MAX_COMPONENTS, np.int64)  # MCU, bytes, bits, bit count, DC predictions
    while state[0] < layout.mcus:
        status = encode_mcus(
            arrays, units, factors, layout.mcu_columns, layout.mcus, restart_interval, codes, margin, out, state
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
    return ValueError(f"a coefficient or DC difference of {value}, codes exist up to ±{(1 << MAX_CATEGORY) - 1}")


@jit
def encode_mcus(arrays, units, factors, mcu_columns, mcus, restart_interval, codes, margin, out, state):
    """Code MCUs from ``state[0]`` on, until the last or until `out` is nearly full; keep the state."""
    mcu, position, bits, count = state[0], state[1], state[2], state[3]
    dc_pred = state[4:]
    while mcu < mcus and position + margin <= out.shape[0]:
        if restart_interval and mcu and mcu % restart_interval == 0:
            bits, count, position = pad(bits, count, out, position)
            out[position] = 0xFF
            out[position + 1] = 0xD0 + (mcu // restart_interval - 1) % 8
            position += 2
            dc_pred[:] = 0
        for unit in range(units.shape[0]):
            j = units[unit, 0]
            row = mcu // mcu_columns * factors[j, 0] + units[unit, 1]
            column = mcu % mcu_columns * factors[j, 1] + units[unit, 2]
            block = arrays[j][row, column].ravel()

            difference = np.int64(block[0]) - dc_pred[j]
            dc_pred[j] = block[0]
            size, extra = category_and_bits(difference)
            if size > 15:
                state[0] = difference
                return -2
            entry = codes[0, j, size]
            if entry == 0:
                state[0], state[1], state[2] = 0, j, size
                return -1
            bits, count, position = put(bits, count, entry, size, extra, out, position)

            run = 0
            for k in range(1, 64):
                value = np.int64(block[NATURAL[k]])
                if value == 0:
                    run += 1
                    continue
                while run > 15:
                    entry = codes[1, j, 0xF0]
                    if entry == 0:
                        state[0], state[1], state[2] = 1, j, 0xF0
                        return -1
                    bits, count, position = put(bits, count, entry, 0, 0, out, position)
                    run -= 16
                size, extra = category_and_bits(value)
                if size > 15:
                    state[0] = value
                    return -2
                entry = codes[1, j, 16 * run + size]
                if entry == 0:
                    state[0], state[1], state[2] = 1, j, 16 * run + size
                    return -1
                bits, count, position = put(bits, count, entry, size, extra, out, position)
                run = 0
            if run:
                entry = codes[1, j, 0]
                if entry == 0:
                    state[0], state[1], state[2] = 1, j, 0
                    return -1
                bits, count, position = put(bits, count, entry, 0, 0, out, position)
        mcu += 1
    if mcu == mcus:
        bits, count, position = pad(bits, count, out, position)
    state[0], state[1], state[2], state[3] = mcu, position, bits, count
    return 0


@jit
def category_and_bits(value):
    """Twin of `coefficients.category` and `magnitude_bits`."""
    magnitude = abs(value)
    if magnitude < 256:
        size = np.int64(BIT_LENGTH[magnitude])
    else:
        size = np.int64(8) + BIT_LENGTH[min(magnitude >> 8, 255)]
    return size, value if value > 0 else value + (1 << size) - 1


@jit
def put(bits, count, entry, size, extra, out, position):
    """Twin of `bitio.BitWriter.put`, for a code and the `size` bits after it: at most 31, behind at most 31."""
    length = entry & 31
    bits = (bits << (length + size)) | ((entry >> 5) << size) | extra
    count += length + size
    if count >= 32:
        count -= 32
        word = (bits >> count) & 0xFFFFFFFF
        # Adding one to each byte carries out of a byte X'FF', and only of such a one if the high bits are set.
        if word & 0x80808080 & ~(word + 0x01010101):
            for shift in (24, 16, 8, 0):
                position = put_byte((word >> shift) & 0xFF, out, position)
        else:
            out[position] = word >> 24
            out[position + 1] = (word >> 16) & 0xFF
            out[position + 2] = (word >> 8) & 0xFF
            out[position + 3] = word & 0xFF
            position += 4
    return bits, count, position


@jit
def put_byte(byte, out, position):
    """Append a byte, stuffed if need be."""
    out[position] = byte
    position += 1
    if byte == 0xFF:
        out[position] = 0
        position += 1
    return position


@jit
def pad(bits, count, out, position):
    """Twin of `bitio.BitWriter.pad`: write what is left, the last byte filled with one-bits."""
    while count > 0:
        if count >= 8:
            byte = (bits >> (count - 8)) & 0xFF
        else:
            byte = ((bits << (8 - count)) & 0xFF) | ((1 << (8 - count)) - 1)
        position = put_byte(byte, out, position)
        count -= 8
    return np.int64(0), np.int64(0), position


@jit
def count_mcus(arrays, units, factors, mcu_columns, mcus, restart_interval, counts):
    """Count the symbols of all MCUs. Returns 0, or a value too large to have a symbol."""
    dc_pred = np.zeros(4, np.int64)
    for mcu in range(mcus):
        if restart_interval and mcu % restart_interval == 0:
            dc_pred[:] = 0
        for unit in range(units.shape[0]):
            j = units[unit, 0]
            row = mcu // mcu_columns * factors[j, 0] + units[unit, 1]
            column = mcu % mcu_columns * factors[j, 1] + units[unit, 2]
            block = arrays[j][row, column].ravel()
            difference = np.int64(block[0]) - dc_pred[j]
            dc_pred[j] = block[0]
            size, _ = category_and_bits(difference)
            if size > 15:
                return difference
            counts[0, j, size] += 1
            run = 0
            for k in range(1, 64):
                value = np.int64(block[NATURAL[k]])
                if value == 0:
                    run += 1
                    continue
                counts[1, j, 0xF0] += run >> 4
                size, _ = category_and_bits(value)
                if size > 15:
                    return value
                counts[1, j, 16 * (run & 15) + size] += 1
                run = 0
            if run:
                counts[1, j, 0] += 1
    return 0
