"""One sequential scan ↔ coefficients, arithmetic coding: twin of `scan_sequential_arithmetic`."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .. import tables
from .._types import Coefficients
from ..arithmetic import DC_X1, too_large
from ..intervals import Progress, Status
from ..scan import Scan
from ._bit_reader import LAST_FED, MCU, POSITION
from ._jit import jit, step
from ._scan import MAX_COMPONENTS
from .arithmetic import (
    AT,
    BAD_RESTART,
    BINS,
    DONE,
    FAILED,
    MOST_BYTES_OF_A_BLOCK,
    NO_CODE,
    REGISTERS,
    ST,
    WRITTEN,
    decode_ac,
    decode_difference,
    difference_class,
    encode_ac,
    encode_difference,
    model_arrays,
    next_interval,
    reset,
    restart_encoder,
    settle,
    start_decoder,
)
from .arithmetic_scan import decode_with, encode_with

NATURAL = tables.NATURAL_INDEX.astype(np.int64)


def encode_scan(scan: Scan, coefficients: Sequence[Coefficients]) -> bytes:
    """Code a scan; see `scan_sequential_arithmetic.encode_scan`."""
    parameters = (model_arrays(scan),)
    dc = np.zeros((2, MAX_COMPONENTS), np.int64)
    return encode_with(encode_mcus, scan, coefficients, parameters, (dc,), MOST_BYTES_OF_A_BLOCK, too_large)


def decode_scan(
    data: bytes, scan: Scan, coefficients: Sequence[Coefficients], progress: Progress, strict: bool
) -> Status:
    """Decode a scan; see `scan_sequential_arithmetic.decode_scan`."""
    parameters = (model_arrays(scan),)
    return decode_with(decode_mcus, data, scan, coefficients, parameters, progress, strict)


@jit
def encode_mcus(arrays, units, factors, mcu_columns, mcus, restart_interval, model, q, bins, dc, out, mcu):
    """Code MCUs from `mcu` on, until the last or until `out` is nearly full; return the next one."""
    dc_areas, ac_areas, bounds = model
    room = MOST_BYTES_OF_A_BLOCK * units.shape[0]
    while mcu < mcus and q[WRITTEN] + 2 * q[ST] + room <= out.shape[0]:
        if restart_interval and mcu and mcu % restart_interval == 0:
            restart_encoder(q, out, bins, (mcu // restart_interval - 1) % 8)
            dc[:] = 0
        mcu_row, mcu_column = mcu // mcu_columns, mcu % mcu_columns
        for unit in range(units.shape[0]):
            j = units[unit, 0]
            row = mcu_row * factors[j, 0] + units[unit, 1]
            column = mcu_column * factors[j, 1] + units[unit, 2]
            block = arrays[j][row, column].reshape(-1)
            encode_dc(q, out, bins, dc_areas[j], bounds[j], dc, j, np.int64(block[0]))
            encode_ac(q, out, bins, ac_areas[j], block, NATURAL, (1, 63), bounds[j, 2], 0)
            if q[NO_CODE]:
                return mcu
        mcu += 1
    return mcu


@jit
def decode_mcus(data, arrays, units, factors, mcu_columns, mcus, restart_interval, model, state, strict):
    """Decode MCUs from the state on, to the last or to what is wrong; keep the state."""
    dc_areas, ac_areas, bounds = model
    q, bins = np.zeros(REGISTERS, np.int64), np.zeros(BINS, np.uint8)
    dc = np.zeros((2, MAX_COMPONENTS), np.int64)
    first = state[MCU]
    start_decoder(q, data, state[POSITION])
    reset(bins)
    for mcu in range(first, mcus):
        if restart_interval and mcu > first and mcu % restart_interval == 0:
            if not next_interval(q, data, bins, state, mcu, restart_interval):
                return BAD_RESTART
            dc[:] = 0
        state[LAST_FED] = mcu
        failed_before = q[FAILED]
        mcu_row, mcu_column = mcu // mcu_columns, mcu % mcu_columns
        for unit in range(units.shape[0]):
            if q[FAILED]:
                break
            j = units[unit, 0]
            row = mcu_row * factors[j, 0] + units[unit, 1]
            column = mcu_column * factors[j, 1] + units[unit, 2]
            block = arrays[j][row, column].reshape(-1)
            value = decode_dc(q, data, bins, dc_areas[j], bounds[j], dc, j)
            if q[FAILED] == 0:
                block[0] = np.int16(value)
                decode_ac(q, data, bins, ac_areas[j], block, NATURAL, (1, 63), bounds[j, 2], 0)
        status = settle(q, state, mcu, failed_before, strict)
        if status != DONE:
            return status
    state[MCU], state[POSITION] = mcus, q[AT]
    return DONE


@step
def encode_dc(q, out, bins, area, bounds, dc, j, value):
    """Twin of `DcModel.encode`; `dc` holds the predictions, and the bins S0."""
    difference = value - dc[0, j]
    encode_difference(q, out, bins, area + dc[1, j], area + DC_X1, difference)
    dc[0, j] = value
    dc[1, j] = 4 * difference_class(difference, bounds[0], bounds[1])


@step
def decode_dc(q, data, bins, area, bounds, dc, j):
    """Twin of `DcModel.decode`."""
    difference = decode_difference(q, data, bins, area + dc[1, j], area + DC_X1)
    dc[0, j] += difference
    dc[1, j] = 4 * difference_class(difference, bounds[0], bounds[1])
    return dc[0, j]
