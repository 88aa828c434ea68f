"""Lossless scans: twin of `scan_lossless`.

Why it is fast. A row of MCUs passes through a line of numbers in the order of coding; so the loop over its
symbols knows nothing of components and sampling factors, but for the table of the next unit.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .._types import Array
from ..huffman import encode_table
from ..intervals import Progress, Status
from ..scan import Scan, missing_code
from ..scan_lossless import LARGEST, LARGEST_CATEGORY, out_of_range
from ._bit_reader import (
    ENDED,
    LAST_FED,
    MCU,
    POSITION,
    STARVED,
    STARVED_MCUS,
    after_restart,
    clean_buffer,
    decode_tables,
    extended,
    next_symbol,
    note_bad_code,
    note_starved,
    offset_of,
    refill,
    state_of,
    unstuff,
    update,
)
from ._bits import bit_length
from ._jit import inline, jit
from ._scan import MAX_COMPONENTS, layout_arrays, slots
from .huffman_encode import LENGTH_BITS, MISSING_CODE, TOO_LARGE, pad, put, stuff

DONE, PREMATURE_END, BAD_CODE, BAD_RESTART = map(int, Status)
SYMBOLS = 256
BYTES = 4  # a code has at most 16 bits, and at most 15 follow it


# --------------------------------------------------------------------------------------------------
# Encoding


def encode_scan(scan: Scan, differences: Sequence[Array]) -> bytes:
    """Code a scan; see `scan_lossless.encode_scan`."""
    codes = np.zeros((MAX_COMPONENTS, SYMBOLS), np.int64)
    for j, spec in enumerate(scan.dc):
        if spec is not None:
            table = encode_table(spec)
            codes[j] = table.codes.astype(np.int64) << LENGTH_BITS | table.lengths
    layout = scan.layout
    arrays, (units, factors) = slots(differences), layout_arrays(layout)
    line = np.empty(len(units) * layout.mcu_columns, np.int32)
    raw = np.empty(BYTES * len(line) + 16, np.uint8)
    out = np.empty(2 * len(line) * layout.mcu_rows + 4 * len(raw), np.uint8)
    rows = scan.restart_interval // layout.mcu_columns
    state = np.zeros(4, np.int64)  # MCU row, bytes, bits, bit count
    while state[0] < layout.mcu_rows:
        status = encode_rows(
            arrays, units, factors, layout.mcu_columns, layout.mcu_rows, rows, codes, line, raw, out, state
        )
        if status == MISSING_CODE:
            raise missing_code(0, int(state[0]), int(state[1]))
        if status == TOO_LARGE:
            raise out_of_range(int(state[0]))
        if state[0] < layout.mcu_rows:  # the buffer is full
            out = np.concatenate((out, np.empty_like(out)))
    return out[: state[1]].tobytes()


def count_symbols(scan: Scan, differences: Sequence[Array]) -> tuple[Array, Array]:
    """Count the symbols of a scan; see `scan_lossless.count_symbols`."""
    layout = scan.layout
    arrays, (units, factors) = slots(differences), layout_arrays(layout)
    line = np.empty(len(units) * layout.mcu_columns, np.int32)
    counts = np.zeros((MAX_COMPONENTS, SYMBOLS), np.int64)
    worst = count_rows(arrays, units, factors, layout.mcu_columns, layout.mcu_rows, line, counts)
    if worst:
        raise out_of_range(int(worst))
    return counts[: len(differences)], np.zeros_like(counts[: len(differences)])


@jit
def encode_rows(arrays, units, factors, mcu_columns, mcu_rows, interval, codes, line, raw, out, state):
    """Code rows of MCUs from ``state[0]`` on, until the last or until `out` is nearly full."""
    mcu_row, written, bits, count = state[0], state[1], np.uint64(state[2]), state[3]
    while mcu_row < mcu_rows and written + 2 * raw.shape[0] + 8 <= out.shape[0]:
        position = np.int64(0)  # in `raw`
        if interval and mcu_row and mcu_row % interval == 0:
            position = pad(bits, count, raw, position)
            written = stuff(raw, position, out, written)
            out[written] = 0xFF
            out[written + 1] = 0xD0 + (mcu_row // interval - 1) % 8
            written += 2
            position, count = np.int64(0), np.int64(0)
        gather(arrays, units, factors, mcu_row, line)
        i = np.int64(0)
        for _ in range(mcu_columns):
            for unit in range(units.shape[0]):
                value = np.int64(line[i])
                i += 1
                if value <= -LARGEST or value > LARGEST:
                    state[0] = value
                    return TOO_LARGE
                size = bit_length(abs(value))
                j = units[unit, 0]
                entry = codes[j, size]
                if entry == 0:
                    state[0], state[1] = j, size
                    return MISSING_CODE
                length = size if size < LARGEST_CATEGORY else np.int64(0)
                bits, count, position = put(bits, count, entry, length, value, raw, position)
        mcu_row += 1
        if mcu_row == mcu_rows:
            position = pad(bits, count, raw, position)
        written = stuff(raw, position, out, written)
    state[0], state[1], state[2], state[3] = mcu_row, written, np.int64(bits), count
    return 0


@jit
def count_rows(arrays, units, factors, mcu_columns, mcu_rows, line, counts):
    """Count the symbols of all rows of MCUs. Returns 0, or a difference that has no symbol."""
    for mcu_row in range(mcu_rows):
        gather(arrays, units, factors, mcu_row, line)
        i = np.int64(0)
        for _ in range(mcu_columns):
            for unit in range(units.shape[0]):
                value = np.int64(line[i])
                i += 1
                if value <= -LARGEST or value > LARGEST:
                    return value
                counts[units[unit, 0], bit_length(abs(value))] += 1
    return np.int64(0)


@inline
def gather(arrays, units, factors, mcu_row, line):
    """Copy a row of MCUs from the arrays of the components into the order of coding."""
    step = units.shape[0]
    for unit in range(step):
        j = units[unit, 0]
        source = arrays[j][mcu_row * factors[j, 0] + units[unit, 1]]
        line[unit::step] = source[units[unit, 2] :: factors[j, 1]][: line.shape[0] // step]


@inline
def scatter(line, arrays, units, factors, mcu_row):
    """Copy a row of MCUs from the order of coding into the arrays of the components."""
    step = units.shape[0]
    for unit in range(step):
        j = units[unit, 0]
        target = arrays[j][mcu_row * factors[j, 0] + units[unit, 1]]
        target[units[unit, 2] :: factors[j, 1]][: line.shape[0] // step] = line[unit::step]


# --------------------------------------------------------------------------------------------------
# Decoding


def decode_scan(
    data: bytes, scan: Scan, differences: Sequence[Array], progress: Progress, strict: bool
) -> Status:
    """Decode a scan; see `scan_lossless.decode_scan`."""
    if not progress.prepared:
        file_bytes = np.frombuffer(data, np.uint8)
        layout = scan.layout
        units, factors = layout_arrays(layout)
        progress.prepared = (
            file_bytes,
            clean_buffer(file_bytes, progress.position),
            slots(differences),
            units,
            factors,
            layout.mcu_columns,
            layout.mcu_rows,
            scan.restart_interval // layout.mcu_columns,
            decode_tables(scan.dc),
            np.empty(len(units) * layout.mcu_columns, np.int32),
        )
    state = state_of(progress)
    status = decode_rows(*progress.prepared, state, strict)
    update(progress, state)
    return Status(status)


@jit
def decode_rows(
    data, clean, arrays, units, factors, mcu_columns, mcu_rows, interval, tables, line, state, strict
):
    """Decode rows of MCUs from the state on, to the last or to what is wrong; keep the state."""
    first = state[MCU] // mcu_columns
    start = state[POSITION]
    end, filled = unstuff(data, start, clean)
    bits, count, taken = np.uint64(0), np.int64(0), np.int64(0)  # bytes taken from `clean`
    for mcu_row in range(first, mcu_rows):
        if interval and mcu_row > first and mcu_row % interval == 0:
            state[MCU] = mcu_row * mcu_columns
            state[POSITION] = offset_of(data, start, end, filled, taken - (count >> 3))
            if state[ENDED] == 0:
                after = after_restart(data, state[POSITION], (mcu_row // interval - 1) % 8, True)
                if after < 0:
                    return BAD_RESTART
                state[POSITION], state[STARVED] = after, 0
            start = state[POSITION]
            end, filled = unstuff(data, start, clean)
            bits, count, taken = np.uint64(0), np.int64(0), np.int64(0)
        if state[STARVED]:
            if state[ENDED] or not interval:
                state[STARVED_MCUS] += (mcu_rows - mcu_row) * mcu_columns
                break
            state[STARVED_MCUS] += mcu_columns
            continue
        i = np.int64(0)
        for mcu_column in range(mcu_columns):
            bad = False
            for unit in range(units.shape[0]):
                j = units[unit, 0]
                bits, count, taken = refill(bits, count, taken, clean)
                length, size = next_symbol(bits, tables, j)
                if length > 16:
                    bad = True
                    if strict:
                        count -= length
                        break
                    note_bad_code(state, data, start, end, filled, 8 * taken - count)
                if size == LARGEST_CATEGORY:
                    value, bits = np.int64(LARGEST), bits << np.uint64(length)
                    size = np.int64(0)
                else:
                    value, bits = extended(bits << np.uint64(length), size)
                count -= length + size
                line[i] = value
                i += 1
            used = 8 * taken - count
            if strict and (bad or used > 8 * filled):
                mcu = mcu_row * mcu_columns + mcu_column
                state[MCU], state[LAST_FED] = mcu, mcu
                used -= bad  # a code that does not fit took 16 bits, not 17
                if used > 8 * filled:
                    state[POSITION] = end
                    return PREMATURE_END
                state[POSITION] = offset_of(data, start, end, filled, (used + 7) >> 3) - 1
                return BAD_CODE
            if used > 8 * filled:
                if not state[STARVED]:
                    note_starved(state, end)
                state[STARVED_MCUS] += 1
                taken = min(taken, filled + 8)  # only zeros follow: stay among them
        state[LAST_FED] = (mcu_row + 1) * mcu_columns - 1
        scatter(line, arrays, units, factors, mcu_row)
    state[MCU] = mcu_rows * mcu_columns
    state[POSITION] = offset_of(data, start, end, filled, taken - (count >> 3))
    return DONE
