"""Bits out of entropy-coded data, for kernels: twin of `bitio.BitReader` and `scan_sequential.HuffmanReader`.

Why it is fast. A restart interval is first freed of its stuffed zeros, up to the next marker, eight bytes at
a time where none of them is X'FF' (half a megabyte took 0.25 ms byte by byte, and takes 0.06). Then the bits
that come next stand at the top of a 64-bit word; it is filled up before each symbol by one load, without
asking whether that is needed. The top 10 bits find most codes by one look into a table; longer codes go the
way of Figure F.16. Behind the end of the data come zeros: whether more was read than there is, is checked
once a block or an MCU.

Steps that take arrays are `_jit.step`: with references counted, a symbol took half as long again. Tables are
as small as they can be, to stay in the first-level cache; with 9 bits more codes are long (9% slower), with
12 the tables crowd each other out (3%).
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from .._types import Array
from ..huffman import HuffmanSpec, canonical_codes, code_lengths, decode_table
from ..intervals import Progress
from ._bits import load_word, store_word
from ._jit import inline, jit, step
from ._scan import MAX_COMPONENTS

PEEK = 10
ALL_BITS = np.uint64(0xFFFFFFFFFFFFFFFF)
LOW_BITS = np.uint64(0x7F7F7F7F7F7F7F7F)  # the lower seven of each byte
BEHIND_THE_END = 10 * 64 * 4 + 16  # an MCU may be read on in zeros
# The state of a scan decoder, an array of int64: the numbers of a `Progress`, in order
POSITION, MCU, STARVED, ENDED, STARVED_MCUS = range(5)
STARVED_AT, BAD_CODES, BAD_CODE_AT, OVERLONG_RUNS, LAST_FED = range(5, 10)


def state_of(progress: Progress) -> Array:
    """Return a `Progress` as an array."""
    p = progress
    numbers = (p.position, p.mcu, p.starved, p.ended, p.starved_mcus, p.starved_at)
    return np.array((*numbers, p.bad_codes, p.bad_code_at, p.overlong_runs, p.last_fed), np.int64)


def update(progress: Progress, state: Array) -> None:
    """Put the numbers of an array back into a `Progress`."""
    p = progress
    p.position, p.mcu, starved, ended, p.starved_mcus, p.starved_at = map(int, state[:6])
    p.bad_codes, p.bad_code_at, p.overlong_runs, p.last_fed = map(int, state[6:])
    p.starved, p.ended = bool(starved), bool(ended)


@lru_cache(maxsize=16)
def decode_tables(specs: tuple[HuffmanSpec | None, ...]) -> tuple[Array, Array, Array]:
    """Return the tables of up to four components: `peek_table`; MAXCODE and VALPTR − MINCODE; the symbols.

    They are kept for the next file, and not to be changed.
    """
    peek = np.zeros((MAX_COMPONENTS, 1 << PEEK), np.int16)
    slow = np.zeros((MAX_COMPONENTS, 2, 17), np.int64)
    values = np.zeros((MAX_COMPONENTS, 256), np.uint8)
    for j, spec in enumerate(specs):
        if spec is not None:
            peek[j] = peek_table(spec)
            table = decode_table(spec)
            slow[j, 0] = table.max_code
            slow[j, 1] = np.subtract(table.value_pointer, table.min_code)
            values[j, : len(table.values)] = table.values
    return peek, slow, values


def clean_buffer(file_bytes: Array, position: int) -> Array:
    """Return room for the longest restart interval of a scan without its stuffed zeros."""
    return np.zeros(longest_interval(file_bytes, position) + BEHIND_THE_END, np.uint8)


@lru_cache(maxsize=64)
def peek_table(spec: HuffmanSpec) -> Array:
    """For each value of the next `PEEK` bits, length << 8 | symbol of the code they start with, or 0."""
    entries = np.zeros(1 << PEEK, np.int16)
    lengths = code_lengths(spec)
    for symbol, code, length in zip(spec.values, canonical_codes(lengths), lengths):
        if length <= PEEK:
            first = code << (PEEK - length)
            entries[first : first + (1 << (PEEK - length))] = length << 8 | symbol
    return entries


@jit
def note_starved(state, offset):
    """Twin of `Progress.note_starved`."""
    if state[STARVED_AT] < 0:
        state[STARVED_AT] = offset
    state[STARVED] = 1


@jit
def note_bad_code(state, data, start, end, filled, used):
    """Twin of `Progress.note_bad_code`, for 16 bits after `used` bits of the interval."""
    if state[BAD_CODE_AT] < 0:
        state[BAD_CODE_AT] = offset_of(data, start, end, filled, (used + 16 + 7) >> 3) - 1
    state[BAD_CODES] += 1


@jit
def note_bad_codes(state, data, start, end, filled, used, number):
    """The same for so many at once, of which the first is the one after `used` bits."""
    note_bad_code(state, data, start, end, filled, used)
    state[BAD_CODES] += number - 1


@jit
def longest_interval(data, position):
    """Return how many bytes lie between two markers at the most, from `position` to the end of the scan.

    A marker below X'FFC0' is no end: recovery goes on behind it.
    """
    longest, start = 0, position
    i = next_ff(data, position)
    while i < data.shape[0] - 1:
        if data[i + 1] != 0 and data[i + 1] != 0xFF:
            longest = max(longest, i - start)
            start = i + 2
            if data[i + 1] >= 0xC0 and (data[i + 1] < 0xD0 or data[i + 1] > 0xD7):
                return longest
        i = next_ff(data, i + 1)
    return max(longest, data.shape[0] - start)


@step
def next_ff(data, position):
    """Return the offset of the next X'FF' from `position` on, eight bytes at a time; or the end."""
    while position + 8 <= data.shape[0] and not has_ff(load_word(data, position)):
        position += 8
    while position < data.shape[0] and data[position] != 0xFF:
        position += 1
    return position


@step
def has_ff(word):
    """Whether one of the eight bytes of a word is X'FF': of its complement, one is zero."""
    complement = ~word
    return (((complement & LOW_BITS) + LOW_BITS) | complement | LOW_BITS) != ALL_BITS


@jit
def unstuff(data, position, clean):
    """Copy entropy-coded bytes up to the next marker; twin of `bitio.BitReader._next_byte`.

    Returns the offset of the marker and the number of bytes; zeros are put behind them.
    """
    filled = 0
    while position < data.shape[0]:
        while position + 8 <= data.shape[0]:
            word = load_word(data, position)
            if has_ff(word):
                break
            store_word(clean, filled, word)
            position += 8
            filled += 8
        if position == data.shape[0]:
            break
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
def after_restart(data, position, m, padding):
    """Return the offset behind the marker RSTm at `position`, or −1; twin of `intervals.after_restart`."""
    if padding and position + 2 < data.shape[0] and data[position] == 0xFF and data[position + 1] == 0:
        position += 2  # as in `skip_padding`; it is a marker that must follow
    after = position
    while after < data.shape[0] and data[after] == 0xFF:
        after += 1
    if after == position or after == data.shape[0] or data[after] != 0xD0 + m:
        return -1
    return after + 1


@step
def refill(bits, count, taken, clean):
    """Fill the word up to 56 bits or more."""
    bits |= load_word(clean, taken) >> np.uint64(count)
    taken += (63 - count) >> 3
    return bits, count | 56, taken


@step
def next_symbol(bits, codes, j):
    """Return length and symbol of the code at the top of the word; length 17 if none fits."""
    peek, slow, values = codes
    entry = np.int64(peek[j, np.int64(bits >> np.uint64(64 - PEEK))])
    if entry:
        return entry >> 8, entry & 255
    window = np.int64(bits >> np.uint64(48))
    for length in range(PEEK + 1, 17):
        code = window >> (16 - length)
        if code <= slow[j, 0, length]:
            return np.int64(length), np.int64(values[j, code + slow[j, 1, length]])
    return np.int64(17), np.int64(0)


@inline
def extended(bits, size):
    """Take `size` bits off the top, RECEIVE and EXTEND in one. Returns the value and the rest."""
    value = np.int64((bits >> np.uint64(1)) >> np.uint64(63 - size))
    below = np.int64(value < ((1 << size) >> 1))
    return value - below * ((1 << size) - 1), bits << np.uint64(size)
