"""How many bits each data unit takes: twin of `noting.add_unit_bits`, for Huffman codes.

A restart interval is walked through code by code, without storing a coefficient. Arithmetic coding has
nothing that could be stepped over; the reference does it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .. import tables
from .._types import Array
from ..intervals import Progress
from ..microscope import noting
from ..scan import Scan
from ._bit_reader import (
    after_restart,
    clean_buffer,
    decode_tables,
    next_symbol,
    offset_of,
    refill,
    unstuff,
)
from ._jit import inline, jit
from ._scan import layout_arrays, slots

NATURAL = tables.NATURAL_INDEX.astype(np.int64)
SEQUENTIAL, LOSSLESS, DC_FIRST, DC_REFINEMENT, AC_FIRST, AC_REFINEMENT = range(6)
ZRL = 0xF0


def add_unit_bits(
    data: bytes, scan: Scan, arrays: Sequence[Array], progress: Progress, counts: Sequence[Array]
) -> None:
    """Add up the bits of each data unit; see `noting.add_unit_bits`."""
    if scan.frame.is_arithmetic:
        noting.add_unit_bits(data, scan, arrays, progress, counts)
        return
    header, layout = scan.header, scan.layout
    kind = LOSSLESS if scan.frame.is_lossless else SEQUENTIAL
    if scan.frame.is_progressive:
        kinds = ((DC_FIRST, DC_REFINEMENT), (AC_FIRST, AC_REFINEMENT))
        kind = kinds[header.spectral_start > 0][header.approx_high > 0]
    # A lossless scan has samples instead of blocks, and nothing to look up in them.
    blocks = [np.zeros((0, 0, 8, 8), np.int16)] if kind == LOSSLESS else arrays
    file_bytes = np.frombuffer(data, np.uint8)
    clean = clean_buffer(file_bytes, progress.position)
    codes = decode_tables(scan.dc), decode_tables(scan.ac)
    band = header.spectral_start, header.spectral_end
    mcu, position = progress.mcu, progress.position
    starved, ended = progress.starved, progress.ended
    while mcu < layout.mcus:
        stop = min(mcu + scan.restart_interval, layout.mcus) if scan.restart_interval else layout.mcus
        if not starved:
            end, filled = unstuff(file_bytes, position, clean)
            used = walk(
                clean,
                filled,
                kind,
                slots(blocks),
                slots(counts),
                *layout_arrays(layout),
                layout.mcu_columns,
                mcu,
                stop,
                codes,
                band,
            )
            starved = used > 8 * filled
            position = offset_of(file_bytes, position, end, filled, (used + 7) >> 3)
        mcu = stop
        if mcu < layout.mcus and not ended:
            position = after_restart(file_bytes, position, scan.restart_number(mcu), True)
            if position < 0:
                return
            starved = False


@jit
def walk(clean, filled, kind, arrays, counts, units, factors, mcu_columns, mcu, stop, codes, band):
    """Count the bits of a restart interval, up to `stop` or to where the data run out; return their sum."""
    word = np.uint64(0), np.int64(0), np.int64(0)
    eob_run = np.int64(0)
    before = np.int64(0)
    while mcu < stop:
        mcu_row, mcu_column = mcu // mcu_columns, mcu % mcu_columns
        for unit in range(units.shape[0]):
            j = units[unit, 0]
            row = mcu_row * factors[j, 0] + units[unit, 1]
            column = mcu_column * factors[j, 1] + units[unit, 2]
            dc = codes[0], j
            ac = codes[1], j
            if kind == SEQUENTIAL:
                word = skip_value(word, clean, dc)
                word, _ = skip_band(word, clean, ac, 1, 63, False)
            elif kind == DC_FIRST:
                word = skip_value(word, clean, dc)
            elif kind == LOSSLESS:
                word = skip_difference(word, clean, dc)
            elif kind == DC_REFINEMENT:
                word = skip(word, clean, 1)
            elif kind == AC_FIRST:
                if eob_run:
                    eob_run -= 1
                else:
                    word, eob_run = skip_band(word, clean, ac, band[0], band[1], True)
                    eob_run = max(eob_run - 1, 0)
            else:
                block = arrays[j][row, column].reshape(-1)
                word, eob_run = skip_refinement(word, clean, ac, block, band[0], band[1], eob_run)
            used = 8 * word[2] - word[1]
            counts[j][row, column] += np.float32(min(used, 8 * filled) - min(before, 8 * filled))
            before = used
        if before > 8 * filled:
            break
        mcu += 1
    return before


@inline
def skip(word, clean, length):
    """Step over bits."""
    bits, count, taken = word
    bits, count, taken = refill(bits, count, taken, clean)
    return bits << np.uint64(length), count - length, taken


@inline
def symbol_of(word, clean, table):
    """Step over a code and return its symbol; of bits that are no code, 17 and symbol 0."""
    bits, count, taken = word
    bits, count, taken = refill(bits, count, taken, clean)
    length, symbol = next_symbol(bits, table[0], table[1])
    return (bits << np.uint64(length), count - length, taken), symbol


@inline
def skip_value(word, clean, table):
    """Step over a DC difference."""
    word, size = symbol_of(word, clean, table)
    return skip(word, clean, size)


@inline
def skip_difference(word, clean, table):
    """Step over the difference of a sample: category 16 has no further bits (Table H.2)."""
    word, size = symbol_of(word, clean, table)
    return skip(word, clean, size & 15)


@inline
def skip_band(word, clean, table, k, end, has_runs):
    """Step over run and size up to the end of the band; return how many blocks end with it, or 0."""
    blocks = np.int64(0)
    while k <= end:
        word, symbol = symbol_of(word, clean, table)
        run, size = symbol >> 4, symbol & 15
        if size == 0 and symbol != ZRL:
            if has_runs:
                word, blocks = run_of_blocks(word, run)
            break
        word = skip(word, clean, size)
        k += run + 1
    return word, blocks


@inline
def run_of_blocks(word, n):
    """Read the additional bits of EOBn (Table G.1)."""
    bits, count, taken = word
    blocks = (1 << n) + np.int64((bits >> np.uint64(1)) >> np.uint64(63 - n))
    return (bits << np.uint64(n), count - n, taken), blocks


@inline
def skip_refinement(word, clean, table, block, k, end, eob_run):
    """Step over new coefficients and correction bits; return how many blocks are to end without codes."""
    while eob_run == 0 and k <= end:
        word, symbol = symbol_of(word, clean, table)
        run, size = symbol >> 4, symbol & 15
        if size == 0 and symbol != ZRL:
            word, eob_run = run_of_blocks(word, run)
            break
        word = skip(word, clean, np.int64(size > 0))
        k, word = skip_corrections(word, clean, block, k, end, run)
        k += 1
    if eob_run:
        k, word = skip_corrections(word, clean, block, k, end, 64)
        eob_run -= 1
    return word, eob_run


@inline
def skip_corrections(word, clean, block, k, end, zeros):
    """Step over the correction bits from `k` on, to the zero behind so many zeros."""
    while k <= end:
        if block[NATURAL[k]]:
            word = skip(word, clean, 1)
        elif zeros == 0:
            break
        else:
            zeros -= 1
        k += 1
    return k, word
