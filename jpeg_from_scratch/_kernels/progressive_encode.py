"""Coefficients → progressive Huffman codes: twin of `scan_progressive.encode_scan` and `count_symbols`.

MCUs become a list of *items*, each a symbol and the bits behind it, as many as fit; then the symbols are
counted, or the items are written by the steps of `huffman_encode`. As there, the coefficients that are not
zero are found through the one-bits of a word. The correction bits of an end-of-band run wait in a list of
their own.
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
ALL = np.uint64(2**64 - 1)
ZRL = 0xF0
# An item: component, symbol, number of bits, the bits
COMPONENT, SYMBOL, SIZE = 49, 40, 32  # where they start
NO_SYMBOL = 256  # an item of bits only
PIECE = 32  # bits of an item without a symbol, at most
MOST_WAITING = MOST_CORRECTION_BITS + 64  # correction bits, and so their items
MOST_ITEMS_OF_A_UNIT = MOST_WAITING + 4 * 64
ROOM = 4 * MOST_ITEMS_OF_A_UNIT  # for items
MOST_BYTES_OF_AN_ITEM = 6
# What a kernel returns when it cannot go on
MISSING_CODE, TOO_LARGE = -1, -2
# The state of a scan encoder, an array of int64: DC predictions behind the rest
MCU, WRITTEN, BITS, BIT_COUNT = range(4)
RUN_BLOCKS, RUN_BITS, RUN_ITEMS, DC_PRED = range(4, 8)


def encode_scan(scan: Scan, coefficients: Sequence[Coefficients]) -> bytes:
    """Code a scan; see `scan_progressive.encode_scan`."""
    specs = scan.ac if scan.header.spectral_start else scan.dc
    codes = np.zeros((MAX_COMPONENTS, 257), np.int64)  # NO_SYMBOL has an empty code
    for j, spec in enumerate(specs):
        if spec is not None:
            table = encode_table(spec)
            codes[j, :256] = table.codes.astype(np.int64) << LENGTH_BITS | table.lengths
    arguments, state, items, waiting = _arguments(scan, coefficients)
    mcus = scan.layout.mcus
    raw = np.empty(MOST_BYTES_OF_AN_ITEM * ROOM + 16, np.uint8)
    out = np.empty(8 * len(scan.layout.units) * mcus + 4 * len(raw), np.uint8)
    while state[MCU] < mcus:
        status = encode_mcus(*arguments, codes, state, items, waiting, raw, out)
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
    arguments, state, items, waiting = _arguments(scan, coefficients)
    worst = count_mcus(*arguments, counts[table_class], state, items, waiting)
    if worst:
        checked_category(int(worst))
    return counts[0, : len(coefficients), :256], counts[1, : len(coefficients), :256]


def _arguments(
    scan: Scan, coefficients: Sequence[Coefficients]
) -> tuple[tuple[object, ...], Array, Array, Array]:
    """Return what both kernels take: the scan; the state; room for items and for correction bits."""
    header, layout = scan.header, scan.layout
    band = header.spectral_start, header.spectral_end, header.approx_high, header.approx_low
    units = (*layout_arrays(layout), layout.mcu_columns)
    arguments = slots(coefficients), units, layout.mcus, scan.restart_interval, band
    state = np.zeros(DC_PRED + MAX_COMPONENTS, np.int64)
    return arguments, state, np.empty(ROOM, np.int64), np.empty((MOST_WAITING, 2), np.int64)


@jit
def encode_mcus(arrays, layout, mcus, restart_interval, band, codes, state, items, waiting, raw, out):
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
        mcu, found = next_items(arrays, layout, mcu, mcus, restart_interval, band, state, items, waiting)
        if found < 0:
            state[0] = items[0]
            return TOO_LARGE
        for i in range(found):
            j, symbol = items[i] >> COMPONENT, items[i] >> SYMBOL & 511
            entry = codes[j, symbol]
            if entry == 0 and symbol != NO_SYMBOL:
                state[0], state[1] = j, symbol
                return MISSING_CODE
            bits, count, position = put(bits, count, entry, items[i] >> SIZE & 255, items[i], raw, position)
        if mcu == mcus:
            position = pad(bits, count, raw, position)
        written = stuff(raw, position, out, written)
    state[MCU], state[WRITTEN], state[BITS], state[BIT_COUNT] = mcu, written, np.int64(bits), count
    return 0


@jit
def count_mcus(arrays, layout, mcus, restart_interval, band, counts, state, items, waiting):
    """Count the symbols of all MCUs. Returns 0, or a value too large to have a symbol."""
    mcu = np.int64(0)
    while mcu < mcus:
        mcu, found = next_items(arrays, layout, mcu, mcus, restart_interval, band, state, items, waiting)
        if found < 0:
            return items[0]
        for i in range(found):
            counts[items[i] >> COMPONENT, items[i] >> SYMBOL & 511] += 1
    return np.int64(0)


# --------------------------------------------------------------------------------------------------
# MCUs → items


@jit
def next_items(arrays, layout, mcu, mcus, restart_interval, band, state, items, waiting):
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
    blocks, columns, found = arrays[0], layout[2], np.int64(0)
    while mcu < stop and 0 <= found <= ROOM - MOST_ITEMS_OF_A_UNIT:
        block = blocks[mcu // columns, mcu % columns].reshape(-1)
        if approx_high:
            found = refinement_items(block, spectral_start, spectral_end, low, found, state, items, waiting)
        else:
            found = first_items(block, spectral_start, spectral_end, low, found, state, items, waiting)
        mcu += 1
    if mcu == stop and found >= 0:
        found = end_run(found, state, items, waiting)
    return mcu, found


@jit
def dc_items(arrays, layout, mcu, stop, approx_high, low, state, items):
    """Twin of `dc_first_symbols` and `dc_refinement_symbols`."""
    units, factors, mcu_columns = layout
    found = np.int64(0)
    while mcu < stop and found <= ROOM - MOST_ITEMS_OF_A_UNIT:
        mcu_row, mcu_column = mcu // mcu_columns, mcu % mcu_columns
        for unit in range(units.shape[0]):
            j = units[unit, 0]
            row = mcu_row * factors[j, 0] + units[unit, 1]
            column = mcu_column * factors[j, 1] + units[unit, 2]
            value = np.int64(arrays[j][row, column, 0, 0]) >> low
            if approx_high:
                found = add_item(items, found, NO_SYMBOL, value & 1, 1)
                continue
            difference = value - state[DC_PRED + j]
            state[DC_PRED + j] = value
            size = bit_length(abs(difference))
            if size > MAX_CATEGORY:
                items[0] = difference
                return mcu, np.int64(-1)
            found = add_item(items, found, j << 9 | size, difference, size)
        mcu += 1
    return mcu, found


@inline
def first_items(block, spectral_start, spectral_end, low, found, state, items, waiting):
    """Twin of `ac_first_symbols` for one block."""
    left = not_below(block, 1 << low) & band_mask(spectral_start, spectral_end)
    before = np.int64(spectral_start - 1)
    if left:
        found = end_run(found, state, items, waiting)
    while left:
        k = trailing_zeros(left)
        left &= left - ONE
        zeros = k - before - 1
        before = k
        while zeros > 15:
            found = add_item(items, found, ZRL, 0, 0)
            zeros -= 16
        value = np.int64(block[NATURAL[k]])
        value = value >> low if value >= 0 else -(-value >> low)
        size = bit_length(abs(value))
        if size > MAX_CATEGORY:
            items[0] = value
            return np.int64(-1)
        found = add_item(items, found, 16 * zeros + size, value, size)
    if before < spectral_end:
        state[RUN_BLOCKS] += 1
        if state[RUN_BLOCKS] == MOST_BLOCKS_OF_A_RUN:
            found = end_run(found, state, items, waiting)
    return found


@inline
def refinement_items(block, spectral_start, spectral_end, low, found, state, items, waiting):
    """Twin of `ac_refinement_symbols` for one block."""
    left = not_below(block, 1 << low) & band_mask(spectral_start, spectral_end)
    new = left & ~not_below(block, 2 << low)  # those of magnitude 1
    before, zeros = np.int64(spectral_start - 1), np.int64(0)
    corrections, length = np.uint64(0), np.int64(0)
    while left:
        k = trailing_zeros(left)
        left &= left - ONE
        zeros += k - before - 1
        before = k
        while zeros > 15 and new:
            found = end_run(found, state, items, waiting)
            found = add_item(items, found, ZRL, 0, 0)
            found = add_bits(items, found, corrections, length)
            corrections, length = np.uint64(0), np.int64(0)
            zeros -= 16
        value = np.int64(block[NATURAL[k]])
        magnitude = abs(value) >> low
        if magnitude > 1:
            corrections = corrections << ONE | np.uint64(magnitude & 1)
            length += 1
            continue
        new &= new - ONE
        found = end_run(found, state, items, waiting)
        found = add_item(items, found, 16 * zeros + 1, 1 if value > 0 else -1, 1)
        found = add_bits(items, found, corrections, length)
        corrections, length, zeros = np.uint64(0), np.int64(0), np.int64(0)
    if before < spectral_end or zeros or length:
        found = lengthen_run(found, corrections, length, state, items, waiting)
    return found


@inline
def band_mask(spectral_start, spectral_end):
    """Bits Ss ... Se."""
    return (ALL >> np.uint64(63 - spectral_end)) & (ALL << np.uint64(spectral_start))


@inline
def not_below(block, bound):
    """Bit k: the AC coefficient k of the zigzag sequence is ±`bound` or beyond. All at once: without a loop."""
    found = np.uint64(0)
    for k in range(1, 64):
        found |= np.uint64(abs(np.int64(block[NATURAL[k]])) >= bound) << np.uint64(k)
    return found


@inline
def lengthen_run(found, corrections, length, state, items, waiting):
    """Twin of `EndOfBandRun.add`."""
    state[RUN_BLOCKS] += 1
    state[RUN_BITS] += length
    while length > 0:
        size = min(length, PIECE)
        length -= size
        waiting[state[RUN_ITEMS], 0] = np.int64(corrections >> np.uint64(length)) & ((1 << size) - 1)
        waiting[state[RUN_ITEMS], 1] = size
        state[RUN_ITEMS] += 1
    if state[RUN_BLOCKS] == MOST_BLOCKS_OF_A_RUN or state[RUN_BITS] > MOST_CORRECTION_BITS:
        found = end_run(found, state, items, waiting)
    return found


@inline
def end_run(found, state, items, waiting):
    """Twin of `EndOfBandRun.symbols`."""
    blocks = state[RUN_BLOCKS]
    if blocks:
        n = bit_length(blocks) - 1
        found = add_item(items, found, 16 * n, blocks, n)  # the bit above the n low ones is not written
        for i in range(state[RUN_ITEMS]):
            found = add_item(items, found, NO_SYMBOL, waiting[i, 0], waiting[i, 1])
        state[RUN_BLOCKS], state[RUN_BITS], state[RUN_ITEMS] = 0, 0, 0
    return found


@inline
def add_bits(items, found, bits, length):
    """Append up to 63 bits without a symbol."""
    while length > 0:
        size = min(length, PIECE)
        length -= size
        piece = np.int64(bits >> np.uint64(length)) & ((1 << size) - 1)
        found = add_item(items, found, NO_SYMBOL, piece, size)
    return found


@inline
def add_item(items, found, symbol, value, size):
    """Append a symbol and the `size` bits of a value; twin of `coefficients.magnitude_bits`."""
    items[found] = symbol << SYMBOL | size << SIZE | ((value + (value >> 63)) & ((1 << size) - 1))
    return found + 1
