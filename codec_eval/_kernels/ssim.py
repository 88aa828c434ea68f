"""The compiled twin of `codec_eval.similarity._tile_sums`: the local similarities of a tile, summed.

Why it is fast: each row is filtered along itself once and kept; the pass down the columns then reads eleven
kept rows. The kept rows lie at a distance that is known when compiling (`STRIDE`), so that the compiler sees
one array and makes vector code; the sums are kept per column for the same reason. Products and sums may be
fused (FMA), which moves the last bit. float32 was not taken: where a picture is flat, the variance is a small
difference of large numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numba
import numpy as np
from numpy.typing import NDArray

STRIDE = 256
"""Columns of the widest tile."""

RADIUS = 5

Weights: TypeAlias = tuple[float, float, float, float, float, float]
Row: TypeAlias = NDArray[np.float64]

_OPTIONS: dict[str, Any] = {"nogil": True, "fastmath": {"contract"}}


def _jit(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile at the first call and keep the code on disk; where no folder can be written, in memory."""
    try:
        return numba.njit(cache=True, **_OPTIONS)(function)
    except RuntimeError:
        return numba.njit(**_OPTIONS)(function)


# Where the caller's indices are known not to be negative, the loops below become vector code: twice as fast.
_inline = numba.njit(inline="always", **_OPTIONS)


@_inline
def _window_sum(w: Weights, a: Row, i: int, step: int) -> float:
    """Eleven samples from ``a[i]`` on, `step` apart; ``w[0]`` weighs both ends, ``w[5]`` the centre."""
    total = w[5] * a[i + 5 * step] + w[4] * (a[i + 4 * step] + a[i + 6 * step])
    total += w[3] * (a[i + 3 * step] + a[i + 7 * step]) + w[2] * (a[i + 2 * step] + a[i + 8 * step])
    return total + w[1] * (a[i + step] + a[i + 9 * step]) + w[0] * (a[i] + a[i + 10 * step])


@_inline
def _filter_along(w: Weights, row: Row, columns: int, kept: Row, start: int) -> None:
    for c in range(columns):
        kept[start + c] = _window_sum(w, row, c, 1)


@_inline
def _filter_down(w: Weights, kept: Row, start: int, columns: int, out: Row) -> None:
    for c in range(columns):
        out[c] = _window_sum(w, kept, start + c, STRIDE)


@_jit
def tile_sums(
    x: NDArray[np.float64], y: NDArray[np.float64], weights: Weights, c1: float, c2: float
) -> tuple[float, float]:
    """Sum the SSIM map and its contrast-structure part over a tile.

    Parameters
    ----------
    x, y : ndarray of float64, shape (h + 10, w + 10), C order
        The tile with the border that the window reaches into; w at most `STRIDE`.
    weights : tuple of 6 floats
        Of the one-dimensional window, from its end to its centre.
    c1, c2 : float
        The constants of SSIM.

    Returns
    -------
    tuple of float
        The sums over h·w positions of the similarity, and of its contrast-structure factor.
    """
    height, width = x.shape
    rows, columns = height - 2 * RADIUS, width - 2 * RADIUS
    if columns > STRIDE:
        raise ValueError("the tile is wider than STRIDE")
    kept_x, kept_y = np.empty(height * STRIDE), np.empty(height * STRIDE)
    kept_power, kept_product = np.empty(height * STRIDE), np.empty(height * STRIDE)
    power, product = np.empty(width), np.empty(width)
    for r in range(height):
        row_x, row_y = x[r], y[r]
        for c in range(width):
            power[c] = row_x[c] * row_x[c] + row_y[c] * row_y[c]
            product[c] = row_x[c] * row_y[c]
        _filter_along(weights, row_x, columns, kept_x, r * STRIDE)
        _filter_along(weights, row_y, columns, kept_y, r * STRIDE)
        _filter_along(weights, power, columns, kept_power, r * STRIDE)
        _filter_along(weights, product, columns, kept_product, r * STRIDE)

    similarity, contrast = np.zeros(columns), np.zeros(columns)
    mean_x, mean_y = np.empty(columns), np.empty(columns)
    mean_power, mean_product = np.empty(columns), np.empty(columns)
    for r in range(rows):
        _filter_down(weights, kept_x, r * STRIDE, columns, mean_x)
        _filter_down(weights, kept_y, r * STRIDE, columns, mean_y)
        _filter_down(weights, kept_power, r * STRIDE, columns, mean_power)
        _filter_down(weights, kept_product, r * STRIDE, columns, mean_product)
        for c in range(columns):
            means_product = mean_x[c] * mean_y[c]
            means_power = mean_x[c] * mean_x[c] + mean_y[c] * mean_y[c]
            ratio = (2 * (mean_product[c] - means_product) + c2) / (mean_power[c] - means_power + c2)
            contrast[c] += ratio
            similarity[c] += ratio * ((2 * means_product + c1) / (means_power + c1))
    return similarity.sum(), contrast.sum()
