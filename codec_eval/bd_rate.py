r"""How much less does one codec spend for the same quality? Bjøntegaard's deltas between two curves.

A rate–distortion curve is a handful of points. Through each curve goes a monotone cubic (PCHIP), with the
logarithm of the rate as a function of the quality; over the interval of quality that both curves cover, the
mean distance between the two is a ratio of rates, and that is `bd_rate`. With the axes swapped it is a mean
gain in dB at equal rate: `bd_psnr`.

The figure belongs to its interval: another interval gives another figure. So every result carries the
interval, and the number of points that each curve has in it; and where the curves hardly overlap there is no
result but a `ValueError`.

Rules of ours, where the field has none:

- *Enough overlap*: at least `FEWEST_POINTS` points of each curve in the common interval (its ends included),
  and an interval of at least `SMALLEST_SHARE` of the shorter of the two ranges.
- *Order*: points may come in any order. Points that are given twice count once.
- *Monotone*: along a curve more rate must mean more quality, strictly. A codec whose curve turns back has no
  single rate for a quality; it is refused, with the pair of points at fault, and not smoothed.
- *Without loss*: points of infinite quality (the PSNR of a lossless file) lie on no finite curve and are left
  out.

References
----------
G. Bjøntegaard: Calculation of average PSNR differences between RD-curves. ITU-T SG16/Q6, VCEG-M33, 2001.
F. N. Fritsch, R. E. Carlson: Monotone piecewise cubic interpolation. SIAM J. Numer. Anal. 17(2), 1980.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["FEWEST_POINTS", "SMALLEST_SHARE", "BdPsnr", "BdResult", "bd_psnr", "bd_rate", "decibels"]

FEWEST_POINTS = 2
"""Points that each curve must have in the common interval."""

SMALLEST_SHARE = 0.25
"""The least length of the common interval, as a share of the shorter curve's range."""

Curve = NDArray[np.float64]


@dataclass(frozen=True)
class BdResult:
    """The outcome of `bd_rate`.

    Attributes
    ----------
    percent : float
        How much more curve b spends than curve a at the same quality; −36 means 36 % fewer bits.
    interval : tuple of float
        The qualities, from–to, over which the mean was taken.
    points_a, points_b : int
        How many points of each curve lie in it.
    """

    percent: float
    interval: tuple[float, float]
    points_a: int
    points_b: int


@dataclass(frozen=True)
class BdPsnr:
    """The outcome of `bd_psnr`.

    Attributes
    ----------
    decibels : float
        How much better curve b is than curve a at the same rate.
    interval : tuple of float
        The rates, from–to, over which the mean was taken; in the unit they were given in.
    points_a, points_b : int
        How many points of each curve lie in it.
    """

    decibels: float
    interval: tuple[float, float]
    points_a: int
    points_b: int


def bd_rate(rate_a: ArrayLike, quality_a: ArrayLike, rate_b: ArrayLike, quality_b: ArrayLike) -> BdResult:
    r"""Mean difference of rate at equal quality: curve b against curve a.

    Parameters
    ----------
    rate_a, quality_a : array_like of float, shape (n,)
        The curve that is compared *with*: rates above 0 (bpp, bytes: only ratios count), and qualities in dB.
        MS-SSIM is put in dB first, with `decibels`.
    rate_b, quality_b : array_like of float, shape (m,)
        The curve that is judged.

    Returns
    -------
    BdResult
        With :math:`\ell(q)` the PCHIP of :math:`\log_{10}` rate and :math:`[q_0, q_1]` the common interval,

        .. math:: 100 \left(10^{\frac{1}{q_1 - q_0} \int_{q_0}^{q_1} \ell_b - \ell_a \, dq} - 1\right) \%

        The integral is exact, cubic by cubic.

    Raises
    ------
    ValueError
        If a curve has other lengths of rates and qualities, fewer than two points, a rate that is not
        positive, or a NaN; if it is not monotone; if the curves overlap too little (see the top of this
        file).

    Examples
    --------
    Half the rate at every quality:

    >>> bd_rate([0.2, 0.4, 0.8], [28, 31, 34], [0.1, 0.2, 0.4], [28, 31, 34])
    BdResult(percent=-50.0, interval=(28.0, 34.0), points_a=3, points_b=3)
    """
    log_a, a = _curve(rate_a, quality_a, "a")
    log_b, b = _curve(rate_b, quality_b, "b")
    low, high = _common_interval(a, b, "quality", lambda q: f"{q:.2f}")
    mean = _mean(b, log_b, low, high) - _mean(a, log_a, low, high)
    percent = round(100.0 * (10.0**mean - 1.0), 12)  # below any meaning, and −0.0 and 1e-14 are 0
    return BdResult(percent + 0.0, (low, high), _inside(a, low, high), _inside(b, low, high))


def bd_psnr(rate_a: ArrayLike, quality_a: ArrayLike, rate_b: ArrayLike, quality_b: ArrayLike) -> BdPsnr:
    r"""Mean difference of quality at equal rate: curve b against curve a.

    Parameters and errors are those of `bd_rate`; the overlap is one of :math:`\log_{10}` rate here.

    Returns
    -------
    BdPsnr
        The mean of quality b − quality a over the common interval of :math:`\log_{10}` rate.

    Examples
    --------
    >>> bd_psnr([0.2, 0.4, 0.8], [28, 31, 34], [0.2, 0.4, 0.8], [29, 32, 35]).decibels
    1.0
    """
    log_a, a = _curve(rate_a, quality_a, "a")
    log_b, b = _curve(rate_b, quality_b, "b")
    low, high = _common_interval(log_a, log_b, "rate", lambda r: f"{10.0**r:.3f}")
    gain = round(_mean(log_b, b, low, high) - _mean(log_a, a, low, high), 12) + 0.0
    interval = (10.0**low, 10.0**high)
    return BdPsnr(gain, interval, _inside(log_a, low, high), _inside(log_b, low, high))


def decibels(similarity: ArrayLike) -> Curve:
    r"""MS-SSIM (or SSIM) on a logarithmic scale, :math:`-10 \log_{10}(1 - x)`.

    Near 1, where good codecs differ in the third decimal, it spreads the values out; curves of MS-SSIM are
    compared in this scale.

    Parameters
    ----------
    similarity : array_like of float
        At most 1.

    Returns
    -------
    ndarray of float64, shape of `similarity`
        Infinite for 1.

    Raises
    ------
    ValueError
        If a value is above 1 or NaN.

    Examples
    --------
    >>> decibels([0.9, 0.99]).round(6).tolist()
    [10.0, 20.0]
    """
    values = np.asarray(similarity, dtype=np.float64)
    if not np.all(values <= 1.0):
        raise ValueError("a similarity is above 1 or no number")
    with np.errstate(divide="ignore"):
        return -10.0 * np.log10(1.0 - values)


# --- inside -----------------------------------------------------------------------------------------


def _curve(rate: ArrayLike, quality: ArrayLike, which: str) -> tuple[Curve, Curve]:
    """Check a curve; return log10 of its rates and its qualities, both strictly increasing."""
    r, q = np.asarray(rate, dtype=np.float64), np.asarray(quality, dtype=np.float64)
    if r.ndim != 1 or r.shape != q.shape:
        raise ValueError(f"curve {which} has rates of shape {r.shape} and qualities of shape {q.shape}")
    if not (np.all(r > 0) and np.all(np.isfinite(r)) and np.all(q > -math.inf)):
        raise ValueError(f"curve {which} has a rate that is not above 0, or a value that is no number")
    points = np.unique(np.stack([r, q], axis=1)[q < math.inf], axis=0)  # sorted by rate, then quality
    if len(points) < 2:
        raise ValueError(f"curve {which} has {len(points)} different points with a loss: 2 are needed")
    for (r0, q0), (r1, q1) in itertools.pairwise(points.tolist()):
        if r1 <= r0 or q1 <= q0:
            raise ValueError(
                f"curve {which} is not monotone: rate {r0:.6g} gives {q0:.6g}, rate {r1:.6g} gives {q1:.6g}"
            )
    return np.log10(points[:, 0]), points[:, 1]


def _common_interval(a: Curve, b: Curve, axis: str, text: Callable[[float], str]) -> tuple[float, float]:
    """The part of the axis that both curves cover; `ValueError` where it is too small to mean anything."""
    low, high = float(max(a[0], b[0])), float(min(a[-1], b[-1]))
    shorter = float(min(a[-1] - a[0], b[-1] - b[0]))
    points = min(_inside(a, low, high), _inside(b, low, high))
    if high - low >= SMALLEST_SHARE * shorter and points >= FEWEST_POINTS:
        return low, high
    overlap = (
        f"overlap in {axis} only from {text(low)} to {text(high)}, {100 * (high - low) / shorter:.0f} % of "
        f"the shorter range, with {_inside(a, low, high)} and {_inside(b, low, high)} points inside"
        if high > low
        else f"do not overlap in {axis}: {text(a[0])} to {text(a[-1])} and {text(b[0])} to {text(b[-1])}"
    )
    raise ValueError(
        f"the curves {overlap}; needed are {100 * SMALLEST_SHARE:.0f} % and {FEWEST_POINTS} points of each"
    )


def _inside(values: Curve, low: float, high: float) -> int:
    return int(np.count_nonzero((values >= low) & (values <= high)))


def _mean(x: Curve, y: Curve, low: float, high: float) -> float:
    """Mean over [low, high] of the monotone cubic through (x, y)."""
    from scipy.interpolate import PchipInterpolator  # slow to import, and few commands need it

    return float(PchipInterpolator(x, y).integrate(low, high)) / (high - low)
