"""Huffman codes → coefficients: twin of `scan_sequential.decode_scan`.

The bits wait in a 64-bit number, filled byte by byte up to the next marker. The next 9 bits find most codes by
one look into a table; longer codes go the way of Figure F.16.
"""

from __future__ import annotations

from collections.abc import Sequence

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
from ._jit import jit
from ._scan import MAX_COMPONENTS, layout_arrays, slots

NATURAL = tables.NATURAL_INDEX.astype(np.int64)
PEEK = 9
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
    status, offset, mcu, overlong_runs = decode_mcus(
        np.frombuffer(data, np.uint8),
        position,
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


def peek_table(spec: HuffmanSpec) -> Array:
    """For each value of the next 9 bits, length << 8 | symbol of the code they start with; 0 if it is longer."""
    entries = np.zeros(1 << PEEK, np.int64)
    lengths = code_lengths(spec)
    for symbol, code, length in zip(spec.values, canonical_codes(lengths), lengths):
        if length <= PEEK:
            first = code << (PEEK - length)
            entries[first : first + (1 << (PEEK - length))] = length << 8 | symbol
    return entries


@jit
def decode_mcus(
    data, position, arrays, units, factors, mcu_columns, mcus, restart_interval, peek, slow, values
):
    """Decode all MCUs. Returns (status, offset, MCU, blocks with a run past the last coefficient)."""
    bits, count = np.int64(0), np.int64(0)
    overlong_runs = 0
    dc_pred = np.zeros(4, np.int64)
    for mcu in range(mcus):
        if restart_interval and mcu and mcu % restart_interval == 0:
            position = step_back(data, position, count >> 3)
            after = after_restart(data, position, mcu // restart_interval - 1)
            if after < 0:
                return 3, position, mcu, overlong_runs
            position = after
            count = np.int64(0)
            dc_pred[:] = 0
        for unit in range(units.shape[0]):
            j = units[unit, 0]
            row = mcu // mcu_columns * factors[j, 0] + units[unit, 1]
            column = mcu % mcu_columns * factors[j, 1] + units[unit, 2]
            block = arrays[j][row, column].ravel()

            if count < 32:
                position, bits, count = refill(data, position, bits, count)
            length, size = next_symbol(bits, count, peek[0, j], slow[0, j], values[0, j])
            if length > 16 and count >= 16:
                return 2, step_back(data, position, (count - 16) >> 3) - 1, mcu, overlong_runs
            if length + size > count:
                return 1, position, mcu, overlong_runs
            count -= length + size
            dc_pred[j] += extended(bits, count, size)
            block[0] = np.int16(dc_pred[j])

            k = 1
            while k < 64:
                if count < 32:
                    position, bits, count = refill(data, position, bits, count)
                length, symbol = next_symbol(bits, count, peek[1, j], slow[1, j], values[1, j])
                size = symbol & 15
                if length > 16 and count >= 16:
                    return 2, step_back(data, position, (count - 16) >> 3) - 1, mcu, overlong_runs
                if length + size > count:
                    return 1, position, mcu, overlong_runs
                count -= length
                if size == 0 and symbol != 0xF0:
                    break
                count -= size
                k += symbol >> 4
                if k > 63:
                    overlong_runs += 1
                    if size:
                        block[63] = np.int16(extended(bits, count, size))
                    break
                if size:
                    block[NATURAL[k]] = np.int16(extended(bits, count, size))
                k += 1
    return 0, step_back(data, position, count >> 3), mcus, overlong_runs


@jit
def refill(data, position, bits, count):
    """Take in bytes until more than 48 bits wait, or up to a marker; twin of `bitio.BitReader._next_byte`."""
    while count <= 48 and position < data.shape[0]:
        byte = np.int64(data[position])
        after = position + 1
        if byte == 0xFF:
            while after < data.shape[0] and data[after] == 0xFF:
                after += 1
            if after == data.shape[0] or data[after] != 0:
                break
            after += 1
        position = after
        bits = (bits << 8) | byte
        count += 8
    return position, bits, count


@jit
def next_symbol(bits, count, peek, slow, values):
    """Return length and symbol of the code at the head of the bits; length 17 if none fits.

    Missing bits are taken as zeros: the caller compares the length with the count.
    """
    window = (bits >> (count - 16) if count >= 16 else bits << (16 - count)) & 0xFFFF
    entry = peek[window >> (16 - 9)]
    if entry:
        return entry >> 8, entry & 255
    for length in range(10, 17):
        code = window >> (16 - length)
        if code <= slow[0, length]:
            return np.int64(length), values[code + slow[1, length]]
    return np.int64(17), np.int64(0)


@jit
def extended(bits, count, size):
    """Twin of RECEIVE and EXTEND, for the `size` bits above the lowest `count`."""
    if size == 0:
        return np.int64(0)
    value = (bits >> count) & ((1 << size) - 1)
    return value if value >> (size - 1) else value - (1 << size) + 1


@jit
def step_back(data, position, unread):
    """Return the offset of the first of `unread` bytes that were taken in before `position`, stuffing counted."""
    for _ in range(unread):
        if data[position - 1] == 0 and data[position - 2] == 0xFF:
            position -= 2
            while data[position - 1] == 0xFF:
                position -= 1
        else:
            position -= 1
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
