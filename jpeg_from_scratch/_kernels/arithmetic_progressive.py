"""One progressive scan ↔ coefficients, arithmetic coding: twin of `scan_progressive_arithmetic`."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .. import tables
from .._types import Coefficients
from ..arithmetic import too_large
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
    FIXED_BIN,
    MOST_BYTES_OF_A_BLOCK,
    NO_CODE,
    REGISTERS,
    ST,
    WRITTEN,
    decode,
    decode_ac,
    encode,
    encode_ac,
    model_arrays,
    next_interval,
    reset,
    restart_encoder,
    settle,
    start_decoder,
)
from .arithmetic_scan import decode_with, encode_with
from .arithmetic_sequential import decode_dc, encode_dc

NATURAL = tables.NATURAL_INDEX.astype(np.int64)
DC_FIRST, DC_REFINEMENT, AC_FIRST, AC_REFINEMENT = range(4)


def kind_and_parameters(scan: Scan) -> tuple[int, tuple[int, int], int]:
    """Return which of the four kinds a scan is, its band, and Al."""
    header = scan.header
    kind = 2 * (header.spectral_start > 0) + (header.approx_high > 0)
    return kind, (header.spectral_start, header.spectral_end), header.approx_low


def encode_scan(scan: Scan, coefficients: Sequence[Coefficients]) -> bytes:
    """Code a scan; see `scan_progressive_arithmetic.encode_scan`."""
    parameters = (model_arrays(scan), *kind_and_parameters(scan))
    dc = np.zeros((2, MAX_COMPONENTS), np.int64)
    return encode_with(encode_mcus, scan, coefficients, parameters, (dc,), MOST_BYTES_OF_A_BLOCK, too_large)


def decode_scan(
    data: bytes, scan: Scan, coefficients: Sequence[Coefficients], progress: Progress, strict: bool
) -> Status:
    """Decode a scan; see `scan_progressive_arithmetic.decode_scan`."""
    parameters = (model_arrays(scan), *kind_and_parameters(scan))
    return decode_with(decode_mcus, data, scan, coefficients, parameters, progress, strict)


@jit
def encode_mcus(
    arrays,
    units,
    factors,
    mcu_columns,
    mcus,
    restart_interval,
    model,
    kind,
    band,
    low,
    q,
    bins,
    dc,
    out,
    mcu,
):
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
            if kind == DC_FIRST:
                encode_dc(q, out, bins, dc_areas[j], bounds[j], dc, j, np.int64(block[0]) >> low)
            elif kind == DC_REFINEMENT:
                encode(q, out, bins, FIXED_BIN, np.int64(block[0]) >> low & 1)
            elif kind == AC_FIRST:
                encode_ac(q, out, bins, ac_areas[j], block, NATURAL, band, bounds[j, 2], low)
            else:
                encode_refinement(q, out, bins, ac_areas[j], block, band, low)
            if q[NO_CODE]:
                return mcu
        mcu += 1
    return mcu


@jit
def decode_mcus(
    data,
    arrays,
    units,
    factors,
    mcu_columns,
    mcus,
    restart_interval,
    model,
    kind,
    band,
    low,
    state,
    strict,
):
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
            if kind == DC_FIRST:
                value = decode_dc(q, data, bins, dc_areas[j], bounds[j], dc, j)
                if q[FAILED] == 0:
                    block[0] = np.int16(value << low)
            elif kind == DC_REFINEMENT:
                block[0] |= np.int16(decode(q, data, bins, FIXED_BIN) << low)
            elif kind == AC_FIRST:
                decode_ac(q, data, bins, ac_areas[j], block, NATURAL, band, bounds[j, 2], low)
            else:
                decode_refinement(q, data, bins, ac_areas[j], block, band, 1 << low)
        status = settle(q, state, mcu, failed_before, strict)
        if status != DONE:
            return status
    state[MCU], state[POSITION] = mcus, q[AT]
    return DONE


@step
def last_above(block, band, low):
    """Return the last k of a band with a magnitude that is not zero, shifted right by `low`; else 0."""
    k = band[1]
    while k >= band[0]:
        if abs(np.int64(block[NATURAL[k]])) >> low:
            return k
        k -= 1
    return np.int64(0)


@step
def encode_refinement(q, out, bins, area, block, band, low):
    """Twin of `scan_progressive_arithmetic.encode_refinement`."""
    last, last_before = last_above(block, band, low), last_above(block, band, low + 1)
    continues = False
    for k in range(band[0], band[1] + 1):
        se = area + 3 * (k - 1)
        if k > last_before and not continues:
            encode(q, out, bins, se, np.int64(k > last))
            if k > last:
                return
        value = np.int64(block[NATURAL[k]])
        magnitude = abs(value) >> low
        if magnitude > 1:
            encode(q, out, bins, se + 2, magnitude & 1)
        else:
            encode(q, out, bins, se + 1, magnitude)
        if magnitude == 1:
            encode(q, out, bins, FIXED_BIN, np.int64(value < 0))
        continues = magnitude == 0


@step
def decode_refinement(q, data, bins, area, block, band, change):
    """Twin of `scan_progressive_arithmetic.decode_refinement`."""
    last_before = last_above(block, band, 0)
    continues = False
    for k in range(band[0], band[1] + 1):
        se = area + 3 * (k - 1)
        if k > last_before and not continues and decode(q, data, bins, se):
            return
        value = np.int64(block[NATURAL[k]])
        if value:
            changes, negative = decode(q, data, bins, se + 2), np.int64(value < 0)
        else:
            changes, negative = decode(q, data, bins, se + 1), np.int64(0)
            if changes:
                negative = decode(q, data, bins, FIXED_BIN)
        if changes:
            block[NATURAL[k]] = np.int16(value - change if negative else value + change)
        continues = value == 0 and not changes
    if continues:
        q[FAILED] = 1
