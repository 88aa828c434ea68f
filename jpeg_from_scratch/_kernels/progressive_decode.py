"""Progressive Huffman codes → coefficients: twin of `scan_progressive.decode_scan`.

One kernel for each kind of scans decodes a restart interval; `decode_mcus` leads them from interval to
interval. `_bit_reader` says how bits are read. The blocks of an end-of-band run in a first scan are stepped
over all at once; in a refinement scan, coefficients are passed over by the bits of two words.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .. import tables
from .._types import Coefficients
from ..intervals import Progress, Status
from ..scan import Scan
from ._bit_reader import (
    ENDED,
    LAST_FED,
    MCU,
    OVERLONG_RUNS,
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
from ._bits import trailing_zeros
from ._jit import jit
from ._scan import MAX_COMPONENTS, layout_arrays, slots
from .huffman_encode import ONE
from .progressive_encode import ZRL, band_mask, not_below

NATURAL = tables.NATURAL_INDEX.astype(np.int64)
DONE, PREMATURE_END, BAD_CODE, BAD_RESTART = map(int, Status)


def decode_scan(
    data: bytes, scan: Scan, coefficients: Sequence[Coefficients], progress: Progress, strict: bool
) -> Status:
    """Decode a scan; see `scan_progressive.decode_scan`."""
    if not progress.prepared:
        file_bytes = np.frombuffer(data, np.uint8)
        header, layout = scan.header, scan.layout
        progress.prepared = (
            file_bytes,
            clean_buffer(file_bytes, progress.position),
            slots(coefficients),
            (*layout_arrays(layout), layout.mcu_columns),
            layout.mcus,
            scan.restart_interval,
            decode_tables(scan.ac if header.spectral_start else scan.dc),
            (header.spectral_start, header.spectral_end, header.approx_high, header.approx_low),
        )
    state = state_of(progress)
    status = decode_mcus(*progress.prepared, state, strict)
    update(progress, state)
    return Status(status)


@jit
def decode_mcus(data, clean, arrays, layout, mcus, restart_interval, codes, band, state, strict):
    """Decode MCUs from the state on, to the last or to what is wrong; keep the state."""
    spectral_start, _, approx_high, approx_low = band
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
            place = data, start, end, filled
            if spectral_start == 0 and approx_high == 0:
                mcu, used, bad = dc_first(
                    clean, place, arrays, layout, mcu, stop, codes, approx_low, state, strict
                )
            elif spectral_start == 0:
                mcu, used, bad = dc_refinement(clean, filled, arrays, layout, mcu, stop, approx_low)
            elif approx_high == 0:
                mcu, used, bad = ac_first(
                    clean, place, arrays[0], layout[2], mcu, stop, codes, band, state, strict
                )
            else:
                mcu, used, bad = ac_refinement(
                    clean, place, arrays[0], layout[2], mcu, stop, codes, band, state, strict
                )
            state[POSITION] = offset_of(data, start, end, filled, (used + 7) >> 3)
            starved = used > 8 * filled
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
    return DONE


# Each of these decodes the MCUs of one restart interval, to the last or to the one in which the data run out
# or, strict, a code is bad. They return its number, how many bits are used, and whether a code was bad.


@jit
def dc_first(clean, place, arrays, layout, mcu, stop, codes, low, state, strict):
    """Twin of `DcFirstDecoder`."""
    data, start, end, filled = place
    units, factors, mcu_columns = layout
    dc_pred = np.zeros(MAX_COMPONENTS, np.int64)
    bits, count, taken = np.uint64(0), np.int64(0), np.int64(0)  # bytes taken from `clean`
    while mcu < stop:
        mcu_row, mcu_column = mcu // mcu_columns, mcu % mcu_columns
        for unit in range(units.shape[0]):
            j = units[unit, 0]
            row = mcu_row * factors[j, 0] + units[unit, 1]
            column = mcu_column * factors[j, 1] + units[unit, 2]
            bits, count, taken = refill(bits, count, taken, clean)
            length, size = next_symbol(bits, codes, j)
            if length > 16:
                if strict:
                    return mcu, 8 * taken - count + 16, True
                note_bad_code(state, data, start, end, filled, 8 * taken - count)
            value, bits = extended(bits << np.uint64(length), size)
            count -= length + size
            if strict and 8 * taken - count > 8 * filled:
                return mcu, 8 * taken - count, False
            dc_pred[j] += value
            arrays[j][row, column, 0, 0] = np.int16(dc_pred[j] << low)
        if 8 * taken - count > 8 * filled:
            break
        mcu += 1
    return mcu, 8 * taken - count, False


@jit
def dc_refinement(clean, filled, arrays, layout, mcu, stop, low):
    """Twin of `DcRefinementDecoder`."""
    units, factors, mcu_columns = layout
    used = np.int64(0)
    while mcu < stop:
        mcu_row, mcu_column = mcu // mcu_columns, mcu % mcu_columns
        for unit in range(units.shape[0]):
            j = units[unit, 0]
            row = mcu_row * factors[j, 0] + units[unit, 1]
            column = mcu_column * factors[j, 1] + units[unit, 2]
            bit = (np.int64(clean[used >> 3]) >> (7 - (used & 7))) & 1
            arrays[j][row, column, 0, 0] |= np.int16(bit << low)
            used += 1
        if used > 8 * filled:
            break
        mcu += 1
    return mcu, used, False


@jit
def ac_first(clean, place, blocks, columns, mcu, stop, codes, band, state, strict):
    """Twin of `AcFirstDecoder`."""
    data, start, end, filled = place
    spectral_start, spectral_end, _, low = band
    bits, count, taken = np.uint64(0), np.int64(0), np.int64(0)
    while mcu < stop:
        block = blocks[mcu // columns, mcu % columns].reshape(-1)
        eob_run = np.int64(1)
        k = spectral_start
        while k <= spectral_end:
            bits, count, taken = refill(bits, count, taken, clean)
            length, symbol = next_symbol(bits, codes, 0)
            if length > 16:
                if strict:
                    return mcu, 8 * taken - count + 16, True
                note_bad_code(state, data, start, end, filled, 8 * taken - count)
            bits <<= np.uint64(length)
            run, size = symbol >> 4, symbol & 15
            if size == 0 and symbol != ZRL:
                eob_run = (1 << run) + np.int64((bits >> np.uint64(1)) >> np.uint64(63 - run))
                bits <<= np.uint64(run)
                count -= length + run
                break
            value, bits = extended(bits, size)
            count -= length + size
            k += run
            state[OVERLONG_RUNS] += k > spectral_end
            if size:
                block[NATURAL[min(k, 63)]] = np.int16(value << low)
            k += 1
        if 8 * taken - count > 8 * filled:
            break
        mcu += eob_run
    return min(mcu, stop), 8 * taken - count, False


@jit
def ac_refinement(clean, place, blocks, columns, mcu, stop, codes, band, state, strict):
    """Twin of `AcRefinementDecoder`. Bit k of `nonzero` and `empty`: coefficient k is to be passed over."""
    data, start, end, filled = place
    spectral_start, spectral_end, _, low = band
    bits, count, taken = np.uint64(0), np.int64(0), np.int64(0)
    eob_run = np.int64(0)  # this block included
    while mcu < stop:
        block = blocks[mcu // columns, mcu % columns].reshape(-1)
        whole = band_mask(spectral_start, spectral_end)
        nonzero = not_below(block, 1) & whole
        empty = whole ^ nonzero
        k = np.int64(spectral_start)
        while k <= spectral_end:
            symbol, size, value = np.int64(0), np.int64(0), np.int64(0)
            if eob_run == 0:
                bits, count, taken = refill(bits, count, taken, clean)
                length, symbol = next_symbol(bits, codes, 0)
                if length > 16:
                    if strict:
                        return mcu, 8 * taken - count + 16, True
                    note_bad_code(state, data, start, end, filled, 8 * taken - count)
                bits <<= np.uint64(length)
                count -= length
                run, size = symbol >> 4, symbol & 15
                if size > 1:
                    if strict:
                        return mcu, 8 * taken - count, True
                    note_bad_code(state, data, start, end, filled, 8 * taken - count - 16)
                if size:
                    value = (np.int64(bits >> np.uint64(63)) * 2 - 1) * (1 << low)
                    bits <<= np.uint64(1)
                    count -= 1
                elif symbol != ZRL:
                    eob_run = (1 << run) + np.int64((bits >> np.uint64(1)) >> np.uint64(63 - run))
                    bits <<= np.uint64(run)
                    count -= run
            if eob_run:
                empty = np.uint64(0)
            else:
                while run and empty:
                    empty &= empty - ONE
                    run -= 1
            passed = nonzero & (empty ^ (empty - ONE)) if empty else nonzero
            nonzero ^= passed
            while passed:
                at = NATURAL[trailing_zeros(passed)]
                passed &= passed - ONE
                if count == 0:
                    bits, count, taken = refill(bits, count, taken, clean)
                old = np.int64(block[at])
                change = (np.int64(bits >> np.uint64(63)) << low) & ~old
                block[at] = np.int16(old + change if old > 0 else old - change)
                bits <<= np.uint64(1)
                count -= 1
            if eob_run:
                break
            k = spectral_end + 1
            if empty:
                k = trailing_zeros(empty)
                empty &= empty - ONE
            state[OVERLONG_RUNS] += k > spectral_end
            if size:
                block[NATURAL[min(k, 63)]] = np.int16(value)
            k += 1
        if 8 * taken - count > 8 * filled:
            break
        eob_run -= eob_run > 0
        mcu += 1
    return mcu, 8 * taken - count, False
