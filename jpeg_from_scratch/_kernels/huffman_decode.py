"""Huffman codes → coefficients: twin of `scan_sequential.decode_scan`. `_bit_reader` says why it is fast."""

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
from ._jit import jit
from ._scan import MAX_COMPONENTS, layout_arrays, slots

NATURAL = tables.NATURAL_INDEX.astype(np.int64)
DONE, PREMATURE_END, BAD_CODE, BAD_RESTART = map(int, Status)


def decode_scan(
    data: bytes, scan: Scan, coefficients: Sequence[Coefficients], progress: Progress, strict: bool
) -> Status:
    """Decode a scan; see `scan_sequential.decode_scan`."""
    if not progress.prepared:
        file_bytes = np.frombuffer(data, np.uint8)
        progress.prepared = (
            file_bytes,
            clean_buffer(file_bytes, progress.position),
            slots(coefficients),
            *layout_arrays(scan.layout),
            scan.layout.mcu_columns,
            scan.layout.mcus,
            scan.restart_interval,
            decode_tables(scan.dc),
            decode_tables(scan.ac),
        )
    state = state_of(progress)
    status = decode_mcus(*progress.prepared, state, strict)
    update(progress, state)
    return Status(status)


@jit
def decode_mcus(
    data, clean, arrays, units, factors, mcu_columns, mcus, restart_interval, dc, ac, state, strict
):
    """Decode MCUs from the state on, to the last or to what is wrong; keep the state."""
    dc_peek, dc_slow, dc_values = dc
    ac_peek, ac_slow, ac_values = ac
    first = state[MCU]
    start = state[POSITION]
    end, filled = unstuff(data, start, clean)
    bits, count, taken = np.uint64(0), np.int64(0), np.int64(0)  # bytes taken from `clean`
    dc_pred = np.zeros(MAX_COMPONENTS, np.int64)
    for mcu in range(first, mcus):
        if restart_interval and mcu > first and mcu % restart_interval == 0:
            state[MCU] = mcu
            state[POSITION] = offset_of(data, start, end, filled, taken - (count >> 3))
            if state[ENDED] == 0:
                after = after_restart(data, state[POSITION], (mcu // restart_interval - 1) % 8, True)
                if after < 0:
                    return BAD_RESTART
                state[POSITION], state[STARVED] = after, 0
            start = state[POSITION]
            end, filled = unstuff(data, start, clean)
            bits, count, taken = np.uint64(0), np.int64(0), np.int64(0)
            dc_pred[:] = 0
        if state[STARVED]:
            if state[ENDED] or not restart_interval:
                state[STARVED_MCUS] += mcus - mcu
                break
            state[STARVED_MCUS] += 1
            continue
        state[LAST_FED] = mcu
        mcu_row, mcu_column = mcu // mcu_columns, mcu % mcu_columns
        for unit in range(units.shape[0]):
            j = units[unit, 0]
            row = mcu_row * factors[j, 0] + units[unit, 1]
            column = mcu_column * factors[j, 1] + units[unit, 2]
            block = arrays[j][row, column].reshape(-1)

            bits, count, taken = refill(bits, count, taken, clean)
            length, size = next_symbol(bits, dc_peek[j], dc_slow[j], dc_values[j])
            bad = length > 16
            if bad and not strict:
                note_bad_code(state, data, start, end, filled, 8 * taken - count)
            value, bits = extended(bits << np.uint64(length), size)
            count -= length + size
            dc_pred[j] += value
            block[0] = np.int16(dc_pred[j])

            peek, slow, values = ac_peek[j], ac_slow[j], ac_values[j]
            k = np.int64(1)
            while k < 64 and not (bad and strict):
                bits, count, taken = refill(bits, count, taken, clean)
                length, symbol = next_symbol(bits, peek, slow, values)
                if length > 16:
                    bad = True
                    if not strict:
                        note_bad_code(state, data, start, end, filled, 8 * taken - count)
                size = symbol & 15
                value, bits = extended(bits << np.uint64(length), size)
                count -= length + size
                k += symbol >> 4
                if size:
                    block[NATURAL[min(k, 63)]] = np.int16(value)
                elif symbol != 0xF0:
                    break
                state[OVERLONG_RUNS] += k > 63
                k += 1

            if strict:
                used = 8 * taken - count - bad  # a code that does not fit took 16 bits, not 17
                if used > 8 * filled:
                    state[MCU], state[POSITION] = mcu, end
                    return PREMATURE_END
                if bad:
                    state[MCU] = mcu
                    state[POSITION] = offset_of(data, start, end, filled, (used + 7) >> 3) - 1
                    return BAD_CODE
        if 8 * taken - count > 8 * filled:
            note_starved(state, end)
            state[STARVED_MCUS] += 1
    state[MCU] = mcus
    state[POSITION] = offset_of(data, start, end, filled, taken - (count >> 3))
    return DONE
