"""One lossless scan ↔ differences, arithmetic coding: twin of `scan_lossless_arithmetic`."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .._types import Array
from ..intervals import Progress, Status
from ..scan import Scan
from ..scan_lossless import LARGEST, out_of_range
from ..scan_lossless_arithmetic import LARGE, LOSSLESS_BINS, X1, X1_BELOW_LARGE
from ._bit_reader import LAST_FED, MCU, POSITION
from ._jit import jit, step
from .arithmetic import (
    AT,
    BAD_RESTART,
    BINS,
    DONE,
    FAILED,
    MOST_BYTES_OF_A_NUMBER,
    NO_CODE,
    REGISTERS,
    ST,
    WRITTEN,
    areas,
    decode_difference,
    difference_class,
    encode_difference,
    model_arrays,
    next_interval,
    reset,
    restart_encoder,
    settle,
    start_decoder,
)
from .arithmetic_scan import decode_with, encode_with


def lossless_model(scan: Scan) -> tuple[Array, Array]:
    """Return where each component's bins start, and its bounds L and U."""
    destinations = [member.dc_table for member in scan.header.components]
    return areas(destinations, 0, LOSSLESS_BINS), model_arrays(scan)[2]


def encode_scan(scan: Scan, differences: Sequence[Array]) -> bytes:
    """Code a scan; see `scan_lossless_arithmetic.encode_scan`."""
    parameters = (lossless_model(scan),)
    return encode_with(encode_mcus, scan, differences, parameters, (), MOST_BYTES_OF_A_NUMBER, out_of_range)


def decode_scan(
    data: bytes, scan: Scan, differences: Sequence[Array], progress: Progress, strict: bool
) -> Status:
    """Decode a scan; see `scan_lossless_arithmetic.decode_scan`."""
    parameters = (lossless_model(scan),)
    return decode_with(decode_mcus, data, scan, differences, parameters, progress, strict)


@jit
def encode_mcus(arrays, units, factors, mcu_columns, mcus, restart_interval, model, q, bins, out, mcu):
    """Code MCUs from `mcu` on, until the last or until `out` is nearly full; return the next one."""
    starts, bounds = model
    room = MOST_BYTES_OF_A_NUMBER * units.shape[0]
    interval = restart_interval if restart_interval else mcus
    first_row = mcu // interval * interval // mcu_columns
    while mcu < mcus and q[WRITTEN] + 2 * q[ST] + room <= out.shape[0]:
        if restart_interval and mcu and mcu % restart_interval == 0:
            restart_encoder(q, out, bins, (mcu // restart_interval - 1) % 8)
            first_row = mcu // mcu_columns
        mcu_row, mcu_column = mcu // mcu_columns, mcu % mcu_columns
        for unit in range(units.shape[0]):
            j = units[unit, 0]
            row = mcu_row * factors[j, 0] + units[unit, 1]
            column = mcu_column * factors[j, 1] + units[unit, 2]
            difference = np.int64(arrays[j][row, column])
            if difference <= -LARGEST or difference > LARGEST:
                q[NO_CODE] = difference
                return mcu
            s0, x1 = context(arrays[j], row, column, first_row * factors[j, 0], bounds[j])
            encode_difference(q, out, bins, starts[j] + s0, starts[j] + x1, difference)
        mcu += 1
    return mcu


@jit
def decode_mcus(data, arrays, units, factors, mcu_columns, mcus, restart_interval, model, state, strict):
    """Decode MCUs from the state on, to the last or to what is wrong; keep the state."""
    starts, bounds = model
    q, bins = np.zeros(REGISTERS, np.int64), np.zeros(BINS, np.uint8)
    first = state[MCU]
    first_row = first // mcu_columns
    start_decoder(q, data, state[POSITION])
    reset(bins)
    for mcu in range(first, mcus):
        if restart_interval and mcu > first and mcu % restart_interval == 0:
            if not next_interval(q, data, bins, state, mcu, restart_interval):
                return BAD_RESTART
            first_row = mcu // mcu_columns
        state[LAST_FED] = mcu
        failed_before = q[FAILED]
        mcu_row, mcu_column = mcu // mcu_columns, mcu % mcu_columns
        for unit in range(units.shape[0]):
            if q[FAILED]:
                break
            j = units[unit, 0]
            row = mcu_row * factors[j, 0] + units[unit, 1]
            column = mcu_column * factors[j, 1] + units[unit, 2]
            s0, x1 = context(arrays[j], row, column, first_row * factors[j, 0], bounds[j])
            difference = decode_difference(q, data, bins, starts[j] + s0, starts[j] + x1)
            if q[FAILED] == 0:
                arrays[j][row, column] = LARGEST if difference == -LARGEST else difference
        status = settle(q, state, mcu, failed_before, strict)
        if status != DONE:
            return status
    state[MCU], state[POSITION] = mcus, q[AT]
    return DONE


@step
def context(array, row, column, first_row, bounds):
    """Return S0 and X1 for a sample; twin of `LosslessModel.bins`."""
    left, above = np.int64(0), np.int64(0)
    if column:
        left = np.int64(array[row, column - 1])
    if row > first_row:
        above = np.int64(array[row - 1, column])
    left_class = difference_class(left, bounds[0], bounds[1])
    above_class = difference_class(above, bounds[0], bounds[1])
    return 20 * left_class + 4 * above_class, X1_BELOW_LARGE if above_class >= LARGE else X1
