"""Coefficients → progressive Huffman codes: twin of `scan_progressive.encode_scan` and `count_symbols`.

MCUs become a list of *items*, each a symbol and the bits behind it, as many as fit; then the symbols are
counted, or the items are written by the steps of `huffman_encode`. As there, the coefficients that are not
zero are found through the one-bits of a word. An end-of-band run takes its place in the list when it begins,
and is filled in when it ends; the correction bits of its blocks are behind it by then.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .. import tables
from .._types import Array, Coefficients
from ..huffman import encode_table
from ..scan import Scan, missing_code
from ..scan_progressive import MOST_BLOCKS_OF_A_RUN, MOST_CORRECTION_BITS
from ..scan_sequential import MAX_CATEGORY, checked_category
from ._bits import bit_length, trailing_zeros
from ._jit import inline, jit
from ._scan import MAX_COMPONENTS, layout_arrays, slots
from .huffman_encode import LENGTH_BITS, ONE, pad, put, stuff

NATURAL = tables.NATURAL_INDEX.astype(np.int64)
NOTHING, ALL = np.uint64(0), np.uint64(2**64 - 1)
ZRL = 0xF0
# An item, from its highest bit: component, symbol, number of bits behind it, these bits
COMPONENT, SYMBOL, LENGTH = 49, 40, 32  # where they start
MOST_BITS = 32  # of an item
NO_SYMBOL = 256  # an item of bits only
MOST_ITEMS_OF_AN_MCU = 2 * 64
ROOM = 4096  # for items, of which a run may keep MOST_CORRECTION_BITS + 65
MOST_BYTES_OF_AN_ITEM = 6
# What a kernel returns when it cannot go on
MISSING_CODE, TOO_LARGE = -1, -2
# The state of a scan encoder, an array of int64: DC predictions behind the rest
MCU, WRITTEN, BITS, BIT_COUNT = range(4)
RUN_BLOCKS, RUN_BITS, KEPT, DC_PRED = range(4, 8)  # the run that has not ended, and how many items it keeps


def encode_scan(scan: Scan, coefficients: Sequence[Coefficients]) -> bytes:
    """Code a scan; see `scan_progressive.encode_scan`."""
    codes = np.zeros((MAX_COMPONENTS, 257), np.int64)  # NO_SYMBOL has an empty code
    for j, spec in enumerate(scan.ac if scan.header.spectral_start else scan.dc):
        if spec is not None:
            table = encode_table(spec)
            codes[j, :256] = table.codes.astype(np.int64) << LENGTH_BITS | table.lengths
    arguments, state, items = _arguments(scan, coefficients)
    mcus = scan.layout.mcus
    raw = np.empty(MOST_BYTES_OF_AN_ITEM * ROOM + 16, np.uint8)
    out = np.empty(8 * len(scan.layout.units) * mcus + 4 * len(raw), np.uint8)
    while state[MCU] < mcus:
        status = encode_mcus(*arguments, codes, state, items, raw, out)
        if status == MISSING_CODE:
            table_class = int(scan.header.spectral_start > 0)
            raise missing_code(table_class, int(state[0]), int(state[1]))
        if status == TOO_LARGE:
            checked_category(int(state[0]))
        if state[MCU] < mcus:  # the buffer is full
            out = np.concatenate((out, np.empty_like(out)))
    return out[: state[WRITTEN]].tobytes()


def count_symbols(scan: Scan, coefficients: Sequence[Coefficients]) -> tuple[Array, Array]:
    """Count the symbols of a scan; see `scan_progressive.count_symbols`."""
    counts = np.zeros((2, MAX_COMPONENTS, 257), np.int64)
    table_class = int(scan.header.spectral_start > 0)
    arguments, state, items = _arguments(scan, coefficients)
    worst = count_mcus(*arguments, counts[table_class], state, items)
    if worst:
        checked_category(int(worst))
    return counts[0, : len(coefficients), :256], counts[1, : len(coefficients), :256]


def _arguments(scan: Scan, coefficients: Sequence[Coefficients]) -> tuple[tuple[object, ...], Array, Array]:
    """Return what both kernels take: the scan; the state; room for items."""
    header, layout = scan.header, scan.layout
    band = header.spectral_start, header.spectral_end, header.approx_high, header.approx_low
    units = (*layout_arrays(layout), layout.mcu_columns)
    arguments = slots(coefficients), units, layout.mcus, scan.restart_interval, band
    return arguments, np.zeros(DC_PRED + MAX_COMPONENTS, np.int64), np.empty(ROOM, np.int64)


@jit
def encode_mcus(arrays, layout, mcus, restart_interval, band, codes, state, items, raw, out):
    """Code MCUs from the state on, until the last or until `out` is nearly full; keep the state."""
    mcu, written, bits, count = state[MCU], state[WRITTEN], np.uint64(state[BITS]), state[BIT_COUNT]
    while mcu < mcus and written + 2 * raw.shape[0] + 8 <= out.shape[0]:
        position = np.int64(0)  # in `raw`
        if restart_interval and mcu and mcu % restart_interval == 0:
            position = pad(bits, count, raw, position)
            written = stuff(raw, position, out, written)
            out[written] = 0xFF
            out[written + 1] = 0xD0 + (mcu // restart_interval - 1) % 8
            written += 2
            position, count = np.int64(0), np.int64(0)
        mcu, found = next_items(arrays, layout, mcu, mcus, restart_interval, band, state, items)
        if found < 0:
            state[0] = items[0]
            return TOO_LARGE
        for i in range(found):
            item = items[i]
            j, symbol = item >> COMPONENT, item >> SYMBOL & 511
            entry = codes[j, symbol]
            if entry == 0 and symbol != NO_SYMBOL:
                state[0], state[1] = j, symbol
                return MISSING_CODE
            bits, count, position = put(bits, count, entry, item >> LENGTH & 255, item, raw, position)
        move_kept(items, found, state[KEPT])
        if mcu == mcus:
            position = pad(bits, count, raw, position)
        written = stuff(raw, position, out, written)
    state[MCU], state[WRITTEN], state[BITS], state[BIT_COUNT] = mcu, written, np.int64(bits), count
    return 0


@jit
def count_mcus(arrays, layout, mcus, restart_interval, band, counts, state, items):
    """Count the symbols of all MCUs. Returns 0, or a value too large to have a symbol."""
    mcu = np.int64(0)
    while mcu < mcus:
        mcu, found = next_items(arrays, layout, mcu, mcus, restart_interval, band, state, items)
        if found < 0:
            return items[0]
        for i in range(found):
            counts[items[i] >> COMPONENT, items[i] >> SYMBOL & 511] += 1
        move_kept(items, found, state[KEPT])
    return np.int64(0)


@jit
def move_kept(items, found, kept):
    """Move the items of a run that has not ended to the front."""
    for i in range(kept):
        items[i] = items[found + i]


# --------------------------------------------------------------------------------------------------
# MCUs → items


@jit
def next_items(arrays, layout, mcu, mcus, restart_interval, band, state, items):
    """Turn MCUs from `mcu` on into items, to the end of the restart interval or until `items` is nearly full.

    Returns the next MCU, and the number of items. It is −1 if a value is too large to have a symbol; that
    value is in ``items[0]``.
    """
    spectral_start, spectral_end, approx_high, low = band
    stop = mcus
    if restart_interval:
        into = mcu % restart_interval
        stop = min(mcu + restart_interval - into, mcus)
        if into == 0:
            state[DC_PRED:] = 0
    if spectral_start == 0:
        return dc_items(arrays, layout, mcu, stop, approx_high, low, state, items)
    if approx_high == 0:
        return first_items(arrays[0], layout[2], mcu, stop, spectral_start, spectral_end, low, state, items)
    return refinement_items(arrays[0], layout[2], mcu, stop, spectral_start, spectral_end, low, state, items)


@jit
def dc_items(arrays, layout, mcu, stop, approx_high, low, state, items):
    """Twin of `dc_first_symbols` and `dc_refinement_symbols`."""
    units, factors, mcu_columns = layout
    found = np.int64(0)
    while mcu < stop and found <= ROOM - MOST_ITEMS_OF_AN_MCU:
        mcu_row, mcu_column = mcu // mcu_columns, mcu % mcu_columns
        for unit in range(units.shape[0]):
            j = units[unit, 0]
            row = mcu_row * factors[j, 0] + units[unit, 1]
            column = mcu_column * factors[j, 1] + units[unit, 2]
            value = np.int64(arrays[j][row, column, 0, 0]) >> low
            if approx_high:
                items[found] = item_of(NO_SYMBOL, np.uint64(value), 1)
            else:
                difference = value - state[DC_PRED + j]
                state[DC_PRED + j] = value
                size = bit_length(abs(difference))
                if size > MAX_CATEGORY:
                    items[0] = difference
                    return mcu, np.int64(-1)
                items[found] = j << COMPONENT | item_of(size, magnitude_bits(difference), size)
            found += 1
        mcu += 1
    return mcu, found


@jit
def first_items(blocks, columns, mcu, stop, spectral_start, spectral_end, low, state, items):
    """Twin of `ac_first_symbols`."""
    found, run_at, run_blocks = state[KEPT], np.int64(0), state[RUN_BLOCKS]
    while mcu < stop and found <= ROOM - MOST_ITEMS_OF_AN_MCU:
        block = blocks[mcu // columns, mcu % columns].reshape(-1)
        mcu += 1
        left = not_below(block, 1 << low) & band_mask(spectral_start, spectral_end)
        if left and run_blocks:
            items[run_at] = run_item(run_blocks)
            run_blocks = np.int64(0)
        before = np.int64(spectral_start - 1)
        while left:
            k = trailing_zeros(left)
            left &= left - ONE
            zeros = k - before - 1
            before = k
            while zeros > 15:
                items[found] = item_of(ZRL, NOTHING, 0)
                found += 1
                zeros -= 16
            value = np.int64(block[NATURAL[k]])
            value = value >> low if value >= 0 else -(-value >> low)
            size = bit_length(abs(value))
            if size > MAX_CATEGORY:
                items[0] = value
                return mcu, np.int64(-1)
            items[found] = item_of(16 * zeros + size, magnitude_bits(value), size)
            found += 1
        if before < spectral_end:
            if run_blocks == 0:
                run_at = found
                found += 1
            run_blocks += 1
            if run_blocks == MOST_BLOCKS_OF_A_RUN:
                items[run_at] = run_item(run_blocks)
                run_blocks = np.int64(0)
    return mcu, leave_run(mcu == stop, found, run_at, run_blocks, 0, state, items)


@jit
def refinement_items(blocks, columns, mcu, stop, spectral_start, spectral_end, low, state, items):
    """Twin of `ac_refinement_symbols`."""
    found, run_at, run_blocks, run_bits = state[KEPT], np.int64(0), state[RUN_BLOCKS], state[RUN_BITS]
    while mcu < stop and found <= ROOM - MOST_ITEMS_OF_AN_MCU:
        block = blocks[mcu // columns, mcu % columns].reshape(-1)
        mcu += 1
        left = not_below(block, 1 << low) & band_mask(spectral_start, spectral_end)
        new = left & ~not_below(block, 2 << low)  # those of magnitude 1
        if new and run_blocks:
            items[run_at] = run_item(run_blocks)
            run_blocks, run_bits = np.int64(0), np.int64(0)
        before, zeros = np.int64(spectral_start - 1), np.int64(0)
        corrections, length = NOTHING, np.int64(0)
        while left:
            k = trailing_zeros(left)
            left &= left - ONE
            zeros += k - before - 1
            before = k
            while zeros > 15 and new:
                found = add_item(items, found, ZRL, corrections, length)
                corrections, length = NOTHING, np.int64(0)
                zeros -= 16
            value = np.int64(block[NATURAL[k]])
            magnitude = abs(value) >> low
            if magnitude > 1:
                corrections = corrections << ONE | np.uint64(magnitude & 1)
                length += 1
            else:
                new &= new - ONE
                sign = np.uint64(value > 0) << np.uint64(length)
                found = add_item(items, found, 16 * zeros + 1, sign | corrections, length + 1)
                corrections, length, zeros = NOTHING, np.int64(0), np.int64(0)
        if before < spectral_end or zeros or length:
            if run_blocks == 0:
                run_at = found
                found += 1
            run_blocks += 1
            run_bits += length
            if length:
                found = add_item(items, found, NO_SYMBOL, corrections, length)
            if run_blocks == MOST_BLOCKS_OF_A_RUN or run_bits > MOST_CORRECTION_BITS:
                items[run_at] = run_item(run_blocks)
                run_blocks, run_bits = np.int64(0), np.int64(0)
    return mcu, leave_run(mcu == stop, found, run_at, run_blocks, run_bits, state, items)


@jit
def leave_run(at_end, found, run_at, run_blocks, run_bits, state, items):
    """End the run at the end of a restart interval, else keep it. Returns the number of items before it."""
    if at_end and run_blocks:
        items[run_at] = run_item(run_blocks)
        run_blocks, run_bits = np.int64(0), np.int64(0)
    ready = run_at if run_blocks else found
    state[RUN_BLOCKS], state[RUN_BITS], state[KEPT] = run_blocks, run_bits, found - ready
    return ready


@inline
def band_mask(spectral_start, spectral_end):
    """Bits Ss ... Se."""
    return (ALL >> np.uint64(63 - spectral_end)) & (ALL << np.uint64(spectral_start))


@inline
def not_below(block, bound):
    """Bit k: AC coefficient k of the zigzag sequence is ±`bound` or beyond. The loop is unrolled."""
    found = NOTHING
    for k in range(1, 64):
        found |= np.uint64(abs(np.int64(block[NATURAL[k]])) >= bound) << np.uint64(k)
    return found


@inline
def magnitude_bits(value):
    """Twin of `coefficients.magnitude_bits`; the bits above them are still to be cut off."""
    return np.uint64(value + (value >> 63))


@inline
def item_of(symbol, bits, length):
    """Join a symbol and the `length` low bits of a word, 32 at most."""
    return symbol << SYMBOL | length << LENGTH | np.int64(bits & ((ONE << np.uint64(length)) - ONE))


@inline
def run_item(blocks):
    """Twin of `EndOfBandRun.symbols`: the highest bit of `blocks` is in the symbol."""
    n = bit_length(blocks) - 1
    return item_of(16 * n, np.uint64(blocks), n)


@inline
def add_item(items, found, symbol, bits, length):
    """Append a symbol and up to 64 bits; as two items if they are too many for one."""
    if length > MOST_BITS:
        items[found] = item_of(symbol, bits >> np.uint64(MOST_BITS), length - MOST_BITS)
        found += 1
        symbol, length = NO_SYMBOL, MOST_BITS
    items[found] = item_of(symbol, bits, length)
    return found + 1
