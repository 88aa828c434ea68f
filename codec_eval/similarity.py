"""Structural similarity: SSIM on one scale, MS-SSIM on five.

Both ask how alike two pictures are within a Gaussian window that moves over them; MS-SSIM asks again of the
pictures at half the size, a quarter … down to a sixteenth, as seen from further away:

=============================  ===============================================================
`ssim`, `ssim_map`             Wang et al. (2004), window 11×11
`ms_ssim`                      Wang, Simoncelli, Bovik (2003), five scales
`ssim_and_ms_ssim`             both for the price of the second
`ssim_global`                  the formula with one window: the whole picture
`dssim`                        1 − `ssim`, so that 0 is perfect
=============================  ===============================================================

The window is separable: eleven products along the rows and eleven down the columns instead of 121. The
pictures are walked through in tiles that stay in the processor's cache. `_tile_sums` is the array code of a
tile; where Numba is installed, its compiled twin in `_kernels/ssim.py` does the same work.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterator
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

from codec_eval.arguments import pair, positive, require_picture

__all__ = [
    "MS_SSIM_SMALLEST_SIDE",
    "SSIM_WINDOW",
    "dssim",
    "ms_ssim",
    "ssim",
    "ssim_and_ms_ssim",
    "ssim_global",
    "ssim_map",
]

SSIM_WINDOW = 11
"""Side of the Gaussian window, in samples: smaller pictures have no SSIM."""

MS_SSIM_EXPONENTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
"""How much each scale counts, the finest first: section 3.2 of Wang, Simoncelli, Bovik (2003)."""

MS_SSIM_SMALLEST_SIDE = (SSIM_WINDOW - 1) * 2 ** (len(MS_SSIM_EXPONENTS) - 1) + 1
"""161: the shortest side on whose coarsest scale the window still fits."""

Plane: TypeAlias = NDArray[np.float64]

_SIGMA = 1.5
_K1, _K2 = 0.01, 0.03
_RADIUS = SSIM_WINDOW // 2
_TILE_ROWS, _TILE_COLUMNS = 64, 256  # a tile and its products stay in the processor's cache


# --- one scale --------------------------------------------------------------------------------------


def ssim(original: ArrayLike, decoded: ArrayLike, *, data_range: float) -> float:
    """Structural similarity (SSIM) of Wang et al. (2004), with their Gaussian window.

    Parameters
    ----------
    original, decoded : array_like, shape (H, W) or (H, W, C)
        Real numbers; H and W at least 11.
    data_range : float
        255 for 8-bit samples.

    Returns
    -------
    float
        The mean of `ssim_map`, at most 1; 1 means identical. For colour it is the mean over the
        channels, each taken alone.

    Raises
    ------
    ValueError
        If the shapes differ, a side is shorter than the window, `data_range` is not positive, or a
        value is NaN or infinite.
    TypeError
        If an array does not hold real numbers.

    Notes
    -----
    Averaged are the positions where the whole 11×11 window lies inside the picture: rows 5 to H − 6 and
    columns 5 to W − 6. That is what Wang's program does, and scikit-image, which crops the same
    border. The value equals ``skimage.metrics.structural_similarity(gaussian_weights=True, sigma=1.5,
    use_sample_covariance=False, data_range=…, channel_axis=…)``; that function's defaults (a uniform 7×7
    window, sample covariance) give other numbers. The picture is not scaled down first.

    References
    ----------
    Z. Wang, A. C. Bovik, H. R. Sheikh, E. P. Simoncelli: Image quality assessment: from error
    visibility to structural similarity. IEEE Transactions on Image Processing 13(4), 2004.

    Examples
    --------
    >>> ramp = np.tile(np.arange(64, dtype=np.uint8), (64, 1))
    >>> round(ssim(ramp, ramp // 8 * 8, data_range=255), 4)
    0.8965
    """
    x, y, constants = _ssim_arguments(original, decoded, data_range)
    channels = [_plane_means(x[:, :, c], y[:, :, c], *constants)[0] for c in range(x.shape[2])]
    return math.fsum(channels) / len(channels)


def ssim_map(original: ArrayLike, decoded: ArrayLike, *, data_range: float) -> NDArray[np.float64]:
    r"""The local SSIM around each sample: equation (13) of Wang et al. (2004).

    Parameters and errors are those of `ssim`.

    Returns
    -------
    ndarray of float64, shape (H - 10, W - 10) or (H - 10, W - 10, C)
        Entry ``[r, c]`` belongs to the window centred on sample ``[r + 5, c + 5]``. With window weights
        :math:`w_i` of a Gaussian of standard deviation 1.5, cut to 11×11 and normalised to sum 1,

        .. math:: \frac{(2\mu_x\mu_y + C_1)(2\sigma_{xy} + C_2)}
                       {(\mu_x^2 + \mu_y^2 + C_1)(\sigma_x^2 + \sigma_y^2 + C_2)}

        where :math:`\mu_x = \sum w_i x_i`, :math:`\sigma_{xy} = \sum w_i x_i y_i - \mu_x \mu_y` and so
        on, :math:`C_1 = (0.01\,L)^2`, :math:`C_2 = (0.03\,L)^2` and L is `data_range`.
    """
    x, y, (c1, c2) = _ssim_arguments(original, decoded, data_range)
    rows, columns, channels = x.shape
    similarity = np.empty((rows - SSIM_WINDOW + 1, columns - SSIM_WINDOW + 1, channels))
    for channel in range(channels):
        for place, tile_x, tile_y in _tiles(x[:, :, channel], y[:, :, channel]):
            similarity[*place, channel] = _tile_maps(tile_x, tile_y, c1, c2)[0]
    return similarity if np.ndim(original) == 3 else similarity[:, :, 0]


def ssim_global(original: ArrayLike, decoded: ArrayLike, *, data_range: float) -> float:
    """SSIM with a single window, the whole picture: the formula as textbooks print it.

    Parameters
    ----------
    original, decoded : array_like, shape (H, W) or (H, W, C)
        Real numbers, of any size from 1×1.
    data_range : float
        255 for 8-bit samples.

    Returns
    -------
    float
        The formula of `ssim_map` with the mean, variance and covariance of the whole channel (divided
        by N, not N − 1); for colour the mean over the channels.

    Raises
    ------
    ValueError, TypeError
        As for `ssim`, but no picture is too small.

    Notes
    -----
    Not what papers report as SSIM: without local windows it hardly sees blur or blocking. It is
    usually far higher than `ssim`, and the two must not stand in one column.

    Examples
    --------
    >>> ramp = np.tile(np.arange(64, dtype=np.uint8), (64, 1))
    >>> round(ssim_global(ramp, ramp // 8 * 8, data_range=255), 4)
    0.986
    """
    x, y = pair(original, decoded)
    require_picture(x)
    c1, c2 = _ssim_constants(data_range)
    samples_x = x.reshape(x.shape[0] * x.shape[1], -1).astype(np.float64)
    samples_y = y.reshape(samples_x.shape).astype(np.float64)
    mean_x, mean_y = samples_x.mean(axis=0), samples_y.mean(axis=0)
    samples_x -= mean_x
    samples_y -= mean_y
    power = np.mean(samples_x**2, axis=0) + np.mean(samples_y**2, axis=0)
    covariance = np.mean(samples_x * samples_y, axis=0)
    luminance = (2 * mean_x * mean_y + c1) / (mean_x**2 + mean_y**2 + c1)
    return float(np.mean(luminance * (2 * covariance + c2) / (power + c2)))


def dssim(original: ArrayLike, decoded: ArrayLike, *, data_range: float) -> float:
    """Structural dissimilarity, exactly 1 − `ssim`: 0 for identical pictures, at most 2.

    Some authors halve it, (1 − SSIM) / 2, and some programs of that name compute 1 / SSIM − 1: compare
    only with numbers whose definition is stated. Parameters and errors are those of `ssim`.
    """
    return 1.0 - ssim(original, decoded, data_range=data_range)


# --- five scales ------------------------------------------------------------------------------------


def ms_ssim(original: ArrayLike, decoded: ArrayLike, *, data_range: float) -> float:
    r"""Multi-scale structural similarity (MS-SSIM) of Wang, Simoncelli and Bovik (2003).

    Parameters
    ----------
    original, decoded : array_like, shape (H, W) or (H, W, C)
        Real numbers; H and W at least `MS_SSIM_SMALLEST_SIDE`, 161.
    data_range : float
        255 for 8-bit samples.

    Returns
    -------
    float
        0 to 1; 1 means identical. For colour the mean over the channels, each taken alone.

    Raises
    ------
    ValueError
        If the shapes differ, a side is too short, `data_range` is not positive, or a value is NaN or
        infinite.
    TypeError
        If an array does not hold real numbers.

    Notes
    -----
    Equation (7): with the mean contrast-structure factor :math:`cs_j` of scale j and the mean SSIM of the
    coarsest scale,

    .. math:: \mathrm{SSIM}_5^{\,0.1333} \prod_{j=1}^{4} cs_j^{\,w_j}, \qquad
              w = 0.0448, 0.2856, 0.3001, 0.2363

    where a negative mean counts as 0. The window is that of `ssim` on every scale, and only positions where
    it lies inside count. From scale to scale samples are averaged by 2×2. A side of odd length first gets a
    line of zeros before its first one, so that line is averaged with zeros.

    The paper leaves open how the average is taken and what becomes of odd sides and negative means; this is
    the choice of the program ``pytorch_msssim.ms_ssim``, with which learned codecs are measured. Values are
    equal but for the weights of its window, which are rounded to float32: some 1e-6 at most. Wang's MATLAB
    program mirrors the border when it scales down; its values differ slightly.

    References
    ----------
    Z. Wang, E. P. Simoncelli, A. C. Bovik: Multiscale structural similarity for image quality assessment.
    37th Asilomar Conference on Signals, Systems and Computers, 2003.

    Examples
    --------
    >>> ramp = np.tile(np.arange(192, dtype=np.uint8), (192, 1))
    >>> round(ms_ssim(ramp, ramp // 8 * 8, data_range=255), 4)
    0.9703
    """
    x, y, constants = _ssim_arguments(original, decoded, data_range)
    if min(x.shape[:2]) < MS_SSIM_SMALLEST_SIDE:
        raise ValueError(
            f"MS-SSIM needs pictures of at least {MS_SSIM_SMALLEST_SIDE}×{MS_SSIM_SMALLEST_SIDE} samples, so "
            f"that its window fits at a sixteenth of the size; original and decoded have shape "
            f"{np.shape(original)}"
        )
    return _both_means(x, y, constants)[1]


def ssim_and_ms_ssim(
    original: ArrayLike, decoded: ArrayLike, *, data_range: float
) -> tuple[float | None, float | None]:
    """`ssim` and `ms_ssim`, whose finest scales are the same work; None where the picture is too small.

    Parameters
    ----------
    original, decoded : array_like, shape (H, W) or (H, W, C)
        Real numbers; of any size.
    data_range : float
        255 for 8-bit samples.

    Returns
    -------
    tuple of (float or None)
        The same values, to the last bit, as the two functions give.

    Raises
    ------
    ValueError, TypeError
        As for `ssim`, but no picture is too small.
    """
    x, y = pair(original, decoded)
    require_picture(x)
    constants = _ssim_constants(data_range)
    shortest = min(x.shape[:2])
    if shortest < SSIM_WINDOW:
        return None, None
    if shortest < MS_SSIM_SMALLEST_SIDE:
        return ssim(x, y, data_range=data_range), None
    return _both_means(np.atleast_3d(x), np.atleast_3d(y), constants)


def _both_means(
    x: NDArray[np.generic], y: NDArray[np.generic], constants: tuple[float, float]
) -> tuple[float, float]:
    """SSIM and MS-SSIM of (H, W, C): the means over the channels."""
    channels = [
        _plane_scales(x[:, :, c].astype(np.float64), y[:, :, c].astype(np.float64), *constants)
        for c in range(x.shape[2])
    ]
    single, multiple = zip(*channels)
    return math.fsum(single) / len(channels), math.fsum(multiple) / len(channels)


def _plane_scales(x: Plane, y: Plane, c1: float, c2: float) -> tuple[float, float]:
    """SSIM and MS-SSIM of one channel."""
    finest, contrast = _plane_means(x, y, c1, c2)
    similarity, product = finest, 1.0
    for exponent in MS_SSIM_EXPONENTS[:-1]:
        product *= max(contrast, 0.0) ** exponent
        x, y = _halved(x), _halved(y)
        similarity, contrast = _plane_means(x, y, c1, c2)
    return finest, product * max(similarity, 0.0) ** MS_SSIM_EXPONENTS[-1]


def _halved(plane: Plane) -> Plane:
    """Average samples by 2×2, (H, W) to (⌈H/2⌉, ⌈W/2⌉): zeros stand before the first line of an odd side."""
    odd_rows, odd_columns = plane.shape[0] % 2, plane.shape[1] % 2
    if odd_rows or odd_columns:
        plane = np.pad(plane, ((odd_rows, 0), (odd_columns, 0)))
    rows = plane[0::2] + plane[1::2]
    return (rows[:, 0::2] + rows[:, 1::2]) * 0.25


# --- inside both ------------------------------------------------------------------------------------


def _ssim_arguments(
    original: ArrayLike, decoded: ArrayLike, data_range: float
) -> tuple[NDArray[np.generic], NDArray[np.generic], tuple[float, float]]:
    """Check the arguments of `ssim`; return both pictures as (H, W, C) and the constants C1 and C2."""
    x, y = pair(original, decoded)
    require_picture(x)
    if min(x.shape[:2]) < SSIM_WINDOW:
        raise ValueError(
            f"SSIM needs pictures of at least {SSIM_WINDOW}×{SSIM_WINDOW} samples, the size of its window; "
            f"original and decoded have shape {x.shape}"
        )
    return np.atleast_3d(x), np.atleast_3d(y), _ssim_constants(data_range)


def _ssim_constants(data_range: float) -> tuple[float, float]:
    peak = positive(data_range, "data_range")
    return (_K1 * peak) ** 2, (_K2 * peak) ** 2


def _plane_means(x: NDArray[np.generic], y: NDArray[np.generic], c1: float, c2: float) -> tuple[float, float]:
    """The means of the SSIM map and of its contrast-structure factor, for one channel (H, W)."""
    tile_sums = _fastest_tile_sums()
    sums = [tile_sums(tile_x, tile_y, c1, c2) for _, tile_x, tile_y in _tiles(x, y)]
    positions = (x.shape[0] - SSIM_WINDOW + 1) * (x.shape[1] - SSIM_WINDOW + 1)
    similarity, contrast = zip(*sums)
    return math.fsum(similarity) / positions, math.fsum(contrast) / positions


def _tiles(
    x: NDArray[np.generic], y: NDArray[np.generic]
) -> Iterator[tuple[tuple[slice, slice], Plane, Plane]]:
    """Yield tiles of the map, each as its place in the map and the float64 samples that it is made from."""
    rows, columns = x.shape[0] - SSIM_WINDOW + 1, x.shape[1] - SSIM_WINDOW + 1
    for top in range(0, rows, _TILE_ROWS):
        bottom = min(top + _TILE_ROWS, rows)
        for left in range(0, columns, _TILE_COLUMNS):
            right = min(left + _TILE_COLUMNS, columns)
            # The window reaches 2·radius samples further than the tile.
            source = slice(top, bottom + 2 * _RADIUS), slice(left, right + 2 * _RADIUS)
            yield (
                (slice(top, bottom), slice(left, right)),
                np.array(x[source], np.float64, order="C"),
                np.array(y[source], np.float64, order="C"),
            )


def _tile_maps(x: Plane, y: Plane, c1: float, c2: float) -> tuple[Plane, Plane]:
    """The SSIM map, equation (13), and its contrast-structure factor, from four filtered planes.

    Only the *sum* of the two variances is needed.
    """
    mean_x, mean_y = _window_mean(x), _window_mean(y)
    mean_power = _window_mean(x * x + y * y)
    mean_product = _window_mean(x * y)
    means_product = mean_x * mean_y
    means_power = mean_x * mean_x + mean_y * mean_y
    contrast = (2 * (mean_product - means_product) + c2) / (mean_power - means_power + c2)
    return contrast * ((2 * means_product + c1) / (means_power + c1)), contrast


def _tile_sums(x: Plane, y: Plane, c1: float, c2: float) -> tuple[float, float]:
    """The sums of both maps of a tile."""
    similarity, contrast = _tile_maps(x, y, c1, c2)
    return float(similarity.sum()), float(contrast.sum())


@functools.cache
def _fastest_tile_sums() -> Callable[[Plane, Plane, float, float], tuple[float, float]]:
    """The compiled twin of `_tile_sums`, or the array code itself where nothing is compiled."""
    try:
        import numba
    except ModuleNotFoundError:
        return _tile_sums
    if getattr(numba.config, "DISABLE_JIT", False):
        return _tile_sums
    from codec_eval._kernels import ssim as kernel

    weights = tuple(float(weight) for weight in _WEIGHTS[: _RADIUS + 1])
    return lambda x, y, c1, c2: kernel.tile_sums(x, y, weights, c1, c2)


def _gaussian_window() -> NDArray[np.float64]:
    offset = np.arange(-_RADIUS, _RADIUS + 1)
    weights = np.exp(-(offset**2) / (2 * _SIGMA**2))
    return weights / weights.sum()


_WEIGHTS = _gaussian_window()  # the 2-D window is its outer product with itself: two 1-D passes


def _window_mean(plane: NDArray[np.float64]) -> NDArray[np.float64]:
    """Weighted mean at each position where the window lies inside: (h, w) to (h - 10, w - 10)."""
    rows = plane.shape[0] - 2 * _RADIUS
    # Down the columns by whole rows: the window is symmetric, so its two halves share a product.
    down = plane[_RADIUS : _RADIUS + rows] * _WEIGHTS[_RADIUS]
    for k in range(_RADIUS):
        mirrored = plane[k : k + rows] + plane[2 * _RADIUS - k : 2 * _RADIUS - k + rows]
        mirrored *= _WEIGHTS[k]
        down += mirrored
    return ndimage.correlate1d(down, _WEIGHTS, axis=1)[:, _RADIUS:-_RADIUS]
