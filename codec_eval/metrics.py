"""How far is a decoded picture from its original, and how many bits did it take?

Distortion compares two arrays of the same shape, `original` and `decoded`:

=============================  ===============================================================
`mse`, `psnr`                  mean squared error, and the same on a logarithmic scale (dB)
`mean_absolute_difference`     the error in the unit of the samples
`ssim`, `ssim_map`             structural similarity of Wang et al. (2004), Gaussian window
`ssim_global`                  the same formula with one window: the whole picture
`dssim`                        1 − `ssim`, so that 0 is perfect
=============================  ===============================================================

Rate needs only the length of the file and the shape of the picture: `bits_per_pixel`,
`compression_ratio` and its inverse `n_compression`.

Samples are cast to float64 before anything is subtracted: in uint8, 3 − 5 is 254. The range of the
samples, `data_range`, is always the caller's to say (255 for 8 bits): the data cannot tell.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

__all__ = [
    "SSIM_WINDOW",
    "bits_per_pixel",
    "compression_ratio",
    "dssim",
    "mean_absolute_difference",
    "mse",
    "n_compression",
    "psnr",
    "ssim",
    "ssim_global",
    "ssim_map",
]

SSIM_WINDOW = 11
"""Side of the Gaussian window of `ssim`, in samples: smaller pictures have no SSIM."""

_SIGMA = 1.5
_K1, _K2 = 0.01, 0.03
_RADIUS = SSIM_WINDOW // 2
_SLAB_SAMPLES = 1 << 18
_TILE_ROWS, _TILE_COLUMNS = 64, 256  # a tile and its products stay in the processor's cache


# --- distortion -------------------------------------------------------------------------------------


def mse(original: ArrayLike, decoded: ArrayLike) -> float:
    r"""Mean squared error over all samples.

    Parameters
    ----------
    original, decoded : array_like
        Real numbers of any one shape, such as ``(H, W)`` or ``(H, W, C)``; integers of any dtype.

    Returns
    -------
    float
        :math:`\frac1N \sum_i (x_i - y_i)^2` with N = H·W·C: for a colour picture the mean runs over
        all 3·H·W samples.

    Raises
    ------
    ValueError
        If the shapes differ, an array is empty, or a value is NaN or infinite.
    TypeError
        If an array does not hold real numbers.

    Examples
    --------
    >>> mse(np.array([[3, 5]], np.uint8), np.array([[5, 5]], np.uint8))
    2.0
    """
    x, y = _pair(original, decoded)
    return math.fsum(float(np.sum(slab * slab)) for slab in _differences(x, y)) / x.size


def psnr(original: ArrayLike, decoded: ArrayLike, *, data_range: float) -> float:
    r"""Peak signal-to-noise ratio in decibels.

    Parameters
    ----------
    original, decoded : array_like
        As for `mse`.
    data_range : float
        The distance from the smallest to the largest value that a sample *can* take, 255 for 8 bits.

    Returns
    -------
    float
        :math:`10 \log_{10}(\mathrm{data\_range}^2 / \mathrm{MSE})`; infinity for identical pictures.
        The MSE of a colour picture runs over all 3·H·W samples: this is neither the mean of three
        PSNRs nor the PSNR of the luma.

    Raises
    ------
    ValueError, TypeError
        As for `mse`; `ValueError` also if `data_range` is not positive.

    Examples
    --------
    >>> round(psnr(np.array([[3, 5]], np.uint8), np.array([[5, 5]], np.uint8), data_range=255), 2)
    45.12
    """
    peak = _positive(data_range, "data_range")
    error = mse(original, decoded)
    # A difference of logarithms: the quotient would overflow for errors near the smallest float.
    return math.inf if error == 0.0 else 20.0 * math.log10(peak) - 10.0 * math.log10(error)


def mean_absolute_difference(original: ArrayLike, decoded: ArrayLike) -> float:
    r"""Mean of the absolute differences, :math:`\frac1N \sum_i |x_i - y_i|`, in the unit of the samples.

    Parameters, errors and the meaning of N are those of `mse`.

    Examples
    --------
    >>> mean_absolute_difference(np.array([[3, 5]], np.uint8), np.array([[5, 5]], np.uint8))
    1.0
    """
    x, y = _pair(original, decoded)
    return math.fsum(float(np.sum(np.abs(slab))) for slab in _differences(x, y)) / x.size


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
    x, y, (c1, c2) = _ssim_arguments(original, decoded, data_range)
    total = math.fsum(float(tile.sum()) for _, tile in _ssim_tiles(x, y, c1, c2))
    rows, columns, channels = x.shape
    return total / ((rows - SSIM_WINDOW + 1) * (columns - SSIM_WINDOW + 1) * channels)


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
    for position, tile in _ssim_tiles(x, y, c1, c2):
        similarity[position] = tile
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
    x, y = _pair(original, decoded)
    _require_picture(x)
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


# --- rate -------------------------------------------------------------------------------------------


def bits_per_pixel(n_bytes: int, shape: Sequence[int]) -> float:
    """Bits of the file for each pixel, 8·n_bytes / (H·W): a colour pixel counts once.

    Parameters
    ----------
    n_bytes : int
        Length of the compressed file, headers and all, at least 1.
    shape : sequence of int
        Of the picture: ``(H, W)`` or ``(H, W, C)``.

    Returns
    -------
    float
        Bits per pixel.

    Raises
    ------
    ValueError
        If `n_bytes` or a side is not positive, or `shape` has another length.
    TypeError
        If one of them is not an integer.

    Examples
    --------
    >>> bits_per_pixel(49_152, (512, 768, 3))
    1.0
    """
    pixels, _ = _pixels_and_samples(shape)
    return 8.0 * _count(n_bytes, "n_bytes") / pixels


def compression_ratio(n_bytes: int, shape: Sequence[int]) -> float:
    """How many times smaller the file is than the samples at one byte each, H·W·C / n_bytes.

    Parameters and errors are those of `bits_per_pixel`. Meant for 8-bit samples.

    Examples
    --------
    >>> compression_ratio(49_152, (512, 768, 3))
    24.0
    """
    return 1.0 / n_compression(n_bytes, shape)


def n_compression(n_bytes: int, shape: Sequence[int]) -> float:
    """Compressed bytes for each byte of samples, n_bytes / (H·W·C): the inverse of `compression_ratio`.

    Parameters and errors are those of `bits_per_pixel`. Meant for 8-bit samples. Smaller is better; 1
    means that nothing was saved.

    Examples
    --------
    >>> n_compression(294_912, (512, 768, 3))
    0.25
    """
    _, samples = _pixels_and_samples(shape)
    return _count(n_bytes, "n_bytes") / samples


# --- inside MSE -------------------------------------------------------------------------------------


def _differences(x: NDArray[np.generic], y: NDArray[np.generic]) -> Iterator[NDArray[np.float64]]:
    """Yield x − y in float64, some rows at a time: a large picture is never held as floats."""
    x, y = np.atleast_1d(x), np.atleast_1d(y)
    rows = max(1, _SLAB_SAMPLES * len(x) // x.size)
    for top in range(0, len(x), rows):
        # Both are cast first: nothing wraps.
        yield np.subtract(x[top : top + rows], y[top : top + rows], dtype=np.float64)


# --- inside SSIM ------------------------------------------------------------------------------------


def _ssim_arguments(
    original: ArrayLike, decoded: ArrayLike, data_range: float
) -> tuple[NDArray[np.generic], NDArray[np.generic], tuple[float, float]]:
    """Check the arguments of `ssim`; return both pictures as (H, W, C) and the constants C1 and C2."""
    x, y = _pair(original, decoded)
    _require_picture(x)
    if min(x.shape[:2]) < SSIM_WINDOW:
        raise ValueError(
            f"SSIM needs pictures of at least {SSIM_WINDOW}×{SSIM_WINDOW} samples, the size of its window; "
            f"original and decoded have shape {x.shape}"
        )
    return np.atleast_3d(x), np.atleast_3d(y), _ssim_constants(data_range)


def _ssim_constants(data_range: float) -> tuple[float, float]:
    peak = _positive(data_range, "data_range")
    return (_K1 * peak) ** 2, (_K2 * peak) ** 2


def _ssim_tiles(
    x: NDArray[np.generic], y: NDArray[np.generic], c1: float, c2: float
) -> Iterator[tuple[tuple[slice, slice, int], NDArray[np.float64]]]:
    """Yield the SSIM map in tiles, each with its place in the map, channel by channel."""
    rows, columns = x.shape[0] - SSIM_WINDOW + 1, x.shape[1] - SSIM_WINDOW + 1
    for channel in range(x.shape[2]):
        for top in range(0, rows, _TILE_ROWS):
            bottom = min(top + _TILE_ROWS, rows)
            for left in range(0, columns, _TILE_COLUMNS):
                right = min(left + _TILE_COLUMNS, columns)
                # The window reaches 2·radius samples further than the tile.
                source = (
                    slice(top, bottom + 2 * _RADIUS),
                    slice(left, right + 2 * _RADIUS),
                    channel,
                )
                tile = _ssim_tile(x[source].astype(np.float64), y[source].astype(np.float64), c1, c2)
                yield (slice(top, bottom), slice(left, right), channel), tile


def _ssim_tile(x: NDArray[np.float64], y: NDArray[np.float64], c1: float, c2: float) -> NDArray[np.float64]:
    """Equation (13) from four filtered planes; only the *sum* of the two variances is needed."""
    mean_x, mean_y = _window_mean(x), _window_mean(y)
    mean_power = _window_mean(x * x + y * y)
    mean_product = _window_mean(x * y)
    means_product = mean_x * mean_y
    means_power = mean_x * mean_x + mean_y * mean_y
    numerator = (2 * means_product + c1) * (2 * (mean_product - means_product) + c2)
    return numerator / ((means_power + c1) * (mean_power - means_power + c2))


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


# --- arguments --------------------------------------------------------------------------------------


def _pair(original: ArrayLike, decoded: ArrayLike) -> tuple[NDArray[np.generic], NDArray[np.generic]]:
    x, y = _real_array(original, "original"), _real_array(decoded, "decoded")
    if x.shape != y.shape:
        raise ValueError(f"original has shape {x.shape}, decoded {y.shape}: they must be equal")
    return x, y


def _real_array(values: ArrayLike, name: str) -> NDArray[np.generic]:
    array = np.asarray(values)
    if array.dtype.kind not in "uif":
        raise TypeError(f"{name} has dtype {array.dtype}: integers or real floats are needed")
    if array.size == 0:
        raise ValueError(f"{name} is empty: shape {array.shape}")
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise ValueError(f"{name} holds NaN or infinite values")
    return array


def _require_picture(array: NDArray[np.generic]) -> None:
    if array.ndim not in (2, 3):
        raise ValueError(f"original and decoded have shape {array.shape}: (H, W) or (H, W, C) is needed")


def _positive(value: float, name: str) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float, np.integer, np.floating)):
        raise TypeError(f"{name} is {value!r}: a number is needed")
    if not (math.isfinite(value) and value > 0):
        raise ValueError(f"{name} is {value!r}: it must be finite and greater than 0")
    return float(value)


def _count(value: int, name: str) -> int:
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
        raise TypeError(f"{name} is {value!r}: an integer is needed")
    if value < 1:
        raise ValueError(f"{name} is {value!r}: it must be at least 1")
    return int(value)


def _pixels_and_samples(shape: Sequence[int]) -> tuple[int, int]:
    sides = [_count(side, f"shape[{axis}]") for axis, side in enumerate(shape)]
    if len(sides) not in (2, 3):
        raise ValueError(f"shape is {tuple(shape)}: (H, W) or (H, W, C) is needed")
    return sides[0] * sides[1], math.prod(sides)
