"""Block smoothing: a guess at what the missing scans of a progressive file would have said.

A progressive file that ends early – cut off, or made short on purpose – knows the mean of each block and
perhaps a few coefficients of low precision. Shown as it is, it is a mosaic. The lowest AC coefficients can be
estimated from the DC coefficients of the blocks around: if the means rise from left to right, the block rises
too. T.81 describes the idea for a window of 3 × 3 blocks (K.8.1 – AC prediction); libjpeg-turbo estimates
nine coefficients from 5 × 5, and so is it done here, to the last bit.

An estimate is a sum of the 25 DC coefficients with the weights below, scaled from the DC step size to that
of the coefficient, rounded, and never so large that the bits already sent contradict it. If nothing but DC
coefficients is known, other weights are used, and the DC coefficient itself is smoothed.
"""

from __future__ import annotations

import numpy as np

from . import tables
from ._types import Array, Coefficients
from .jpeg_data import FrameHeader
from .progression import Progression

__all__ = ["smooth", "smoothing_applies"]

ESTIMATED = range(1, 10)  # the zigzag indices of the coefficients that are estimated
WEIGHT_BITS = 8
BLOCKS_AT_ONCE = 4096


def _weights(*rows: str) -> Array:
    return np.array([row.split() for row in rows], np.int64)


# By zigzag index: what each of 5 × 5 DC coefficients contributes, in 1/256.
DC_ONLY = {
    0: _weights("-2 -6 -8 -6 -2", "-6 6 42 6 -6", "-8 42 152 42 -8", "-6 6 42 6 -6", "-2 -6 -8 -6 -2"),
    1: _weights("-1 -1 0 1 1", "-3 13 0 -13 3", "-3 38 0 -38 3", "-3 13 0 -13 3", "-1 -1 0 1 1"),
    3: _weights("0 0 1 0 0", "0 2 7 2 0", "0 -5 -14 -5 0", "0 2 7 2 0", "0 0 1 0 0"),
    4: _weights("-1 0 0 0 1", "0 9 0 -9 0", "0 0 0 0 0", "0 -9 0 9 0", "1 0 0 0 -1"),
    6: _weights("0 0 0 0 0", "0 1 0 -1 0", "0 2 0 -2 0", "0 1 0 -1 0", "0 0 0 0 0"),
    7: _weights("0 0 0 0 0", "0 1 -3 1 0", "0 0 0 0 0", "0 -1 3 -1 0", "0 0 0 0 0"),
}
SOME_AC = {
    1: _weights("0 0 0 0 0", "0 0 0 0 0", "-7 50 0 -50 7", "0 0 0 0 0", "0 0 0 0 0"),
    3: _weights("0 0 -1 0 0", "0 0 13 0 0", "0 0 -24 0 0", "0 0 13 0 0", "0 0 -1 0 0"),
    4: _weights("0 -1 0 1 0", "-1 10 0 -10 1", "0 0 0 0 0", "1 -10 0 10 -1", "0 1 0 -1 0"),
}
# What holds for columns holds for rows.
for _known, _mirrored in ((1, 2), (3, 5), (7, 8), (6, 9)):
    for _table in (DC_ONLY, SOME_AC):
        if _known in _table:
            _table[_mirrored] = _table[_known].T


def smoothing_applies(progression: Progression | None, steps: list[Array | None]) -> bool:
    """Tell whether a file is to be smoothed.

    Parameters
    ----------
    progression : Progression or None
        What is known of the coefficients; None if the file is not progressive.
    steps : list of ndarray of int, shape (8, 8), or None
        Per component its step sizes.

    Returns
    -------
    bool
        Whether all DC coefficients are known at least in part, some of the first nine AC coefficients are not
        known to the last bit, and no step size is zero.
    """
    if progression is None or (progression.missing[:, 0] < 0).any():
        return False
    for table in steps:
        if table is None or not table.ravel()[tables.NATURAL_INDEX[:10]].all():
            return False
    return bool(progression.missing[:, 1:10].any())


def smooth(
    coefficients: Coefficients,
    frame: FrameHeader,
    i: int,
    progression: Progression,
    table: Array,
    last_fed_row: int,
) -> Coefficients:
    """Estimate what is missing of a component.

    Parameters
    ----------
    coefficients : ndarray of int16, shape (block rows, block columns, 8, 8)
        Of component `i`, in whole MCUs.
    frame : FrameHeader
    i : int
    progression : Progression
    table : ndarray of int, shape (8, 8)
        The step sizes of the component.
    last_fed_row : int
        The row of MCUs in which the data of the last scan ran out: below it, what the last scan would have
        added is not known.

    Returns
    -------
    ndarray of int16, shape (block rows, block columns, 8, 8)
        The blocks that cover the component; a copy.

    References
    ----------
    T.81 K.8.1. Weights, edges and rounding are those of libjpeg-turbo's ``jdcoefct.c``.
    """
    rows, columns = frame.block_shape(i)
    dc = coefficients[:, :columns, 0, 0].astype(np.int64)
    sides = np.pad(dc, ((0, 0), (2, 2)), mode="edge")
    result = coefficients[:rows, :columns].copy()
    v_samp, mcu_rows = frame.components[i].v_samp, frame.mcu_shape[0]
    windows = np.array([_window_rows(row, rows, v_samp, mcu_rows) for row in range(rows)])
    fed = min((last_fed_row + 1) * v_samp, rows)
    before = progression.missing_before[i] if progression.scans > 1 else np.full(64, -1)
    at_once = max(BLOCKS_AT_ONCE // columns, 1)
    for part, missing in ((range(fed), progression.missing[i]), (range(fed, rows), before)):
        for first in part[::at_once]:
            chunk = slice(first, min(first + at_once, part.stop))
            _smooth_rows(result[chunk], sides[windows[chunk]], missing, table.ravel().astype(np.int64))
    return result


def _window_rows(row: int, rows: int, v_samp: int, mcu_rows: int) -> list[int]:
    """Return the rows of blocks, two above to two below, on which a row leans; repeated at the edges.

    libjpeg-turbo counts the rows of the last row of MCUs in a way of its own: if there are few of them, the
    second row above is taken to be missing.
    """
    mcu_row, inside = divmod(row, v_samp)
    last = mcu_row == mcu_rows - 1
    here = (rows % v_samp or v_samp) if last else v_samp
    counted, total = mcu_row * here + inside, here * mcu_rows
    above = row - (counted > 0)
    below = row + (counted < total - 1)
    return [above - (counted > 1), above, row, below, below + (counted < total - 2)]


def _smooth_rows(blocks: Coefficients, windows: Array, missing: Array, steps: Array) -> None:
    """Estimate what is missing of blocks (rows, columns, 8, 8) from their windows (rows, 5, columns + 4)."""
    columns = blocks.shape[1]
    flat = blocks.reshape(-1, 64)
    dc_only = bool((missing[1:10] == -1).all())
    for k, weights in (DC_ONLY if dc_only else SOME_AC).items():
        place = tables.NATURAL_INDEX[k]
        if k and missing[k] == 0:
            continue
        window_sums = np.zeros(blocks.shape[:2], np.int64)
        for column in range(5):
            window_sums += weights[:, column] @ windows[:, :, column : column + columns]
        sums = window_sums.ravel() * steps[0]
        step = int(steps[place])
        estimate = ((step << (WEIGHT_BITS - 1)) + np.abs(sums)) // (step << WEIGHT_BITS)
        if k and missing[k] > 0:
            estimate = np.minimum(estimate, (1 << int(missing[k])) - 1)
        estimate = np.where(sums < 0, -estimate, estimate).astype(np.int16)
        flat[:, place] = np.where(flat[:, place] == 0, estimate, flat[:, place]) if k else estimate
