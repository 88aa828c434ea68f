"""Huffman codes → coefficients: twin of `scan_sequential.decode_scan`.

Why it is fast, beside what `_bit_reader` does. Of twenty AC symbols other than end of block nineteen are,
with their additional bits, no longer than 10 bits: one look into a table gives run, value and length of both.
Two of them take 20 bits at most, and leave enough in the word for a symbol of any length, so it is filled up
once for the two. Indices are masked, although they cannot be negative, because that tells the compiler so.

For a photograph in tiles, 1792×1200, 4:2:0, quality 75, 385 KB, milliseconds: 5.6; with values in the table
and no references counted 3.9; masked indices, blocks as rows of a table 3.05; two symbols a word 2.8; small
tables 2.7; stuffed zeros eight bytes at a time 2.55, which is 4 ns a symbol. Tried and lost: filling up when
fewer than 32 bits are left (2.9 instead of 2.8); three symbols a word, and one table for whole symbols and
bare codes (no gain).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from .. import tables
from .._types import Array, Coefficients
from ..huffman import HuffmanSpec
from ..intervals import Progress, Status
from ..parallel import bands, run_all
from ..scan import Scan
from ._bit_reader import (
    ENDED,
    LAST_FED,
    MCU,
    OVERLONG_RUNS,
    PEEK,
    POSITION,
    STARVED,
    STARVED_MCUS,
    after_restart,
    clean_buffer,
    decode_tables,
    extended,
    next_symbol,
    note_bad_codes,
    note_starved,
    offset_of,
    refill,
    state_of,
    unstuff,
    update,
)
from ._bits import publish
from ._jit import jit, step
from ._scan import MAX_COMPONENTS, layout_arrays, slots

# A run may pass coefficient 63; libjpeg-turbo then puts the value into the last place.
NATURAL = np.append(tables.NATURAL_INDEX, [63] * 64).astype(np.uint8)
DONE, PREMATURE_END, BAD_CODE, BAD_RESTART = map(int, Status)


def decode_scan(
    data: bytes,
    scan: Scan,
    coefficients: Sequence[Coefficients],
    progress: Progress,
    strict: bool,
    threads: int = 1,
) -> Status:
    """Decode a scan; see `scan_sequential.decode_scan`.

    Where there are restart markers, each thread decodes its share of the intervals. Should anything be wrong,
    all is decoded again by one, which tells what it was.
    """
    if not progress.prepared:
        file_bytes = np.frombuffer(data, np.uint8)
        arrays = slots(coefficients)
        widths = np.array([array.shape[1] for array in arrays])
        dc, ac, run_values = decode_tables(scan.dc), decode_tables(scan.ac), run_values_of(scan.ac)
        progress.prepared = (
            file_bytes,
            clean_buffer(file_bytes, progress.position),
            tuple(array.reshape(-1, 64) for array in arrays),
            (*layout_arrays(scan.layout), widths, scan.layout.mcu_columns),
            scan.layout.mcus,
            scan.restart_interval,
            (dc, ac, run_values),
        )
        if (
            threads > 1
            and scan.restart_interval
            and progress.fresh
            and _decode_apart(scan, progress, threads)
        ):
            return Status.DONE
    state = state_of(progress)
    status = decode_mcus(*progress.prepared, state, strict, progress.complete_rows)
    update(progress, state)
    return Status(status)


def _decode_apart(scan: Scan, progress: Progress, threads: int) -> bool:
    """Decode the intervals on some threads. Returns whether all went well; else the arrays are as before."""
    file_bytes, clean, arrays, layout, mcus, interval, codes = progress.prepared
    restarts = restart_markers(file_bytes, progress.position)
    if len(restarts) != (mcus - 1) // interval:
        return False

    def decode(part: range) -> Array:
        start = restarts[part.start - 1] + 2 if part.start else progress.position
        state = state_of(Progress(start, mcu=part.start * interval))
        last = min(part.stop * interval, mcus)
        room = np.empty_like(clean)
        complete = np.zeros(1, np.int64)  # of interest to nobody
        status = decode_mcus(file_bytes, room, arrays, layout, last, interval, codes, state, True, complete)
        in_place = part.stop > len(restarts) or state[POSITION] == restarts[part.stop - 1]
        state[STARVED] = status != DONE or not in_place
        return state

    states = run_all(decode, bands(len(restarts) + 1, 1, threads), threads)
    if any(state[STARVED] for state in states):
        for array in arrays:
            array[:] = 0
        return False
    states[-1][OVERLONG_RUNS] = sum(state[OVERLONG_RUNS] for state in states)
    update(progress, states[-1])
    return True


def restart_markers(file_bytes: Array, position: int) -> Array:
    """Return the offsets of the markers RST0, RST1 ... from `position` on; none if one is out of order."""
    escapes = position + np.flatnonzero(file_bytes[position:-1] == 0xFF)
    behind = file_bytes[escapes + 1]
    markers = (behind != 0) & (behind != 0xFF)
    offsets, names = escapes[markers], behind[markers]
    others = np.flatnonzero((names < tables.RST0) | (names > tables.RST7))
    count = others[0] if len(others) else len(names)
    in_order = np.array_equal(names[:count], tables.RST0 + np.arange(count) % 8)
    return offsets[:count] if in_order else offsets[:0]


@lru_cache(maxsize=16)
def run_values_of(specs: tuple[HuffmanSpec | None, ...]) -> Array:
    """Return `run_value_table` of up to four components, kept for the next file."""
    return run_value_table(decode_tables(specs)[0])


@jit
def run_value_table(peek):
    """For each value of the next bits that hold a whole AC symbol and its additional bits: what they mean.

    Packed as value << 16 | run << 8 | bits; 0 where there is more to read, for end of block, and for ZRL.
    """
    table = np.zeros(peek.shape, np.int32)
    for j in range(peek.shape[0]):
        for window in range(peek.shape[1]):
            entry = np.int64(peek[j, window])
            length, symbol = entry >> 8, entry & 255
            size = symbol & 15
            if length and size and length + size <= PEEK:
                value, _ = extended(np.uint64(window) << np.uint64(64 - PEEK + length), size)
                table[j, window] = value << 16 | (symbol >> 4) << 8 | (length + size)
    return table


@jit
def decode_mcus(data, clean, arrays, layout, mcus, restart_interval, codes, state, strict, complete_rows):
    """Decode MCUs from the state on, to the last or to what is wrong; keep the state.

    Other threads are told of each row that is complete.
    """
    dc_pred = np.zeros(MAX_COMPONENTS, np.int64)
    first = mcu = state[MCU]
    while mcu < mcus:
        if mcu > first:
            state[MCU] = mcu
            if state[ENDED] == 0:
                after = after_restart(data, state[POSITION], (mcu // restart_interval - 1) % 8, True)
                if after < 0:
                    return BAD_RESTART
                state[POSITION], state[STARVED] = after, 0
        stop = min(mcu + restart_interval, mcus) if restart_interval else mcus
        if state[STARVED] == 0:
            start = state[POSITION]
            end, filled = unstuff(data, start, clean)
            dc_pred[:] = 0
            place = data, start, end, filled
            mcu, used, bad_codes = decode_interval(
                clean, place, arrays, layout, mcu, stop, codes, dc_pred, state, strict, complete_rows
            )
            state[POSITION] = offset_of(data, start, end, filled, (used + 7) >> 3)
            starved, bad = used > 8 * filled, strict and bad_codes > 0
            state[LAST_FED] = mcu if starved or bad else stop - 1
            if strict and (starved or bad):
                state[MCU] = mcu
                state[POSITION] = end if starved else state[POSITION] - 1
                return PREMATURE_END if starved else BAD_CODE
            if starved:
                note_starved(state, end)
        if state[STARVED]:
            if state[ENDED] or not restart_interval:
                stop = mcus
            state[STARVED_MCUS] += stop - mcu
        mcu = stop
    state[MCU] = mcus
    publish(complete_rows, mcus // layout[3])
    return DONE


@step
def decode_interval(clean, place, arrays, layout, mcu, stop, codes, dc_pred, state, strict, complete_rows):
    """Decode the MCUs of a restart interval.

    To the last, or to the one in which the data run out or, strict, a code is bad. Returns its number, how
    many bits are used, and how many codes of the last block are bad.
    """
    data, start, end, filled = place
    units, factors, widths, mcu_columns = layout
    dc, ac, run_values = codes
    word = np.uint64(0), np.int64(0), np.int64(0)  # bits, their number, bytes taken from `clean`
    bad_codes = np.int64(0)
    while mcu < stop:
        mcu_row, mcu_column = mcu // mcu_columns, mcu % mcu_columns
        if mcu_column == 0:
            publish(complete_rows, mcu_row)
        for unit in range(units.shape[0]):
            j = units[unit, 0]
            row = mcu_row * factors[j, 0] + units[unit, 1]
            column = mcu_column * factors[j, 1] + units[unit, 2]
            block = arrays[j][row * widths[j] + column]
            word, difference, bad_codes, bad_at = decode_dc(word, clean, dc, j)
            dc_pred[j] += difference
            block[0] = np.int16(dc_pred[j])
            if not (bad_codes and strict):
                word, bad_codes, bad_at, overlong = decode_ac(
                    word, clean, ac, run_values[j], j, block, bad_codes, bad_at, strict
                )
                state[OVERLONG_RUNS] += overlong
            if bad_codes:
                if strict:
                    return mcu, used_of(word) - 1, bad_codes  # a code that does not fit took 16 bits, not 17
                note_bad_codes(state, data, start, end, filled, bad_at, bad_codes)
            if strict and used_of(word) > 8 * filled:
                return mcu, used_of(word), bad_codes
        if used_of(word) > 8 * filled:
            break
        mcu += 1
    return mcu, used_of(word), bad_codes


@step
def used_of(word):
    """How many bits are used."""
    return 8 * word[2] - word[1]


@step
def decode_dc(word, clean, codes, j):
    """Read a DC difference. Returns also how many bad codes there were, and behind how many bits."""
    bits, count, taken = word
    bits, count, taken = refill(bits, count, taken, clean)
    length, size = next_symbol(bits, codes, j)
    bad_at = 8 * taken - count
    value, bits = extended(bits << np.uint64(length), size)
    return (bits, count - length - size, taken), value, np.int64(length > 16), bad_at


@step
def decode_ac(word, clean, codes, run_values, j, block, bad_codes, bad_at, strict):
    """Read the AC coefficients of a block. Returns also whether its last run is too long."""
    bits, count, taken = word
    k = np.int64(1)
    while k < 64:
        bits, count, taken = refill(bits, count, taken, clean)
        entry = np.int64(0)
        for _ in range(2):
            entry = np.int64(run_values[np.int64(bits >> np.uint64(64 - PEEK))])
            if entry == 0:
                break
            bits <<= np.uint64(entry & 63)
            count -= entry & 63
            k += (entry >> 8) & 15
            block[NATURAL[k & 127]] = np.int16(entry >> 16)
            k += 1
            if k > 63:
                break
        if entry:
            continue
        length, symbol = next_symbol(bits, codes, j)
        if length > 16:
            if bad_codes == 0:
                bad_at = 8 * taken - count
            bad_codes += 1
            if strict:
                count -= length
                break
        size = symbol & 15
        value, bits = extended(bits << np.uint64(length), size)
        count -= length + size
        k += symbol >> 4
        if size:
            block[NATURAL[k & 127]] = np.int16(value)
        elif symbol != 0xF0:
            return (bits, count, taken), bad_codes, bad_at, False
        k += 1
    return (bits, count, taken), bad_codes, bad_at, k > 64
