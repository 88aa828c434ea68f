"""How far is a decoded picture from its original, and how many bits did it take?

Distortion compares two arrays of the same shape, `original` and `decoded`:

=============================  ===============================================================
`mse`, `psnr`                  mean squared error, and the same on a logarithmic scale (dB)
`psnr_luma`                    PSNR of the luma alone
`psnr_from_mse`                  PSNR from an MSE that is known, such as a mean over pictures
`mean_absolute_difference`     the error in the unit of the samples
`ssim`, `ms_ssim` …            structural similarity on one scale and on five: `codec_eval.similarity`
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

from codec_eval.arguments import count, pair, pixels_and_samples, positive
from codec_eval.similarity import (
    MS_SSIM_SMALLEST_SIDE,
    SSIM_WINDOW,
    dssim,
    ms_ssim,
    ssim,
    ssim_and_ms_ssim,
    ssim_global,
    ssim_map,
)

__all__ = [
    "MS_SSIM_SMALLEST_SIDE",
    "SSIM_WINDOW",
    "bits_per_pixel",
    "compression_ratio",
    "dssim",
    "mean_absolute_difference",
    "ms_ssim",
    "mse",
    "n_compression",
    "psnr",
    "psnr_from_mse",
    "psnr_luma",
    "ssim",
    "ssim_and_ms_ssim",
    "ssim_global",
    "ssim_map",
]

LUMA_WEIGHTS = (0.299, 0.587, 0.114)
"""Of R, G and B in the luma Y: Rec. ITU-R BT.601, full range, as in JPEG files (T.871)."""

_SLAB_SAMPLES = 1 << 18


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
    x, y = pair(original, decoded)
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
    positive(data_range, "data_range")  # the cheap check first
    return psnr_from_mse(mse(original, decoded), data_range=data_range)


def psnr_from_mse(error: float, *, data_range: float) -> float:
    """PSNR in decibels from a mean squared error; infinity for 0.

    Parameters
    ----------
    error : float
        At least 0. The mean MSE of many pictures gives "the PSNR of the mean MSE", which is never above the
        mean of their PSNRs.
    data_range : float
        As for `psnr`.

    Raises
    ------
    ValueError
        If `error` is negative or not a number, or `data_range` is not positive.

    Examples
    --------
    >>> round(psnr_from_mse(2.0, data_range=255), 2)
    45.12
    """
    peak = positive(data_range, "data_range")
    if not error >= 0.0:
        raise ValueError(f"error is {error!r}: a mean squared error is at least 0")
    # A difference of logarithms: the quotient would overflow for errors near the smallest float.
    return math.inf if error == 0.0 else 20.0 * math.log10(peak) - 10.0 * math.log10(error)


def psnr_luma(original: ArrayLike, decoded: ArrayLike, *, data_range: float) -> float:
    r"""PSNR of the luma, in decibels: "PSNR-Y".

    Parameters
    ----------
    original, decoded : array_like, shape (H, W) or (H, W, 3)
        Grey or RGB.
    data_range : float
        Of the samples, as for `psnr`; the luma has the same.

    Returns
    -------
    float
        The PSNR of :math:`Y = 0.299 R + 0.587 G + 0.114 B`; for grey that of `psnr`.

    Raises
    ------
    ValueError, TypeError
        As for `psnr`; `ValueError` also if the pictures are neither grey nor RGB.

    Notes
    -----
    Y is computed in float64 and not rounded, full range (0 to `data_range`). Programs that round Y to
    integers, or that use the limited range 16 to 235 as video does, give other values, by up to some tenths
    of a decibel where the error is small. For colour codecs, PSNR-Y is above the PSNR over R, G and B: the
    chroma, which is coded more coarsely, does not count.

    Examples
    --------
    >>> round(psnr_luma(np.array([[[9, 9, 9]]]), np.array([[[9, 9, 19]]]), data_range=255), 2)
    46.99
    """
    positive(data_range, "data_range")
    x, y = pair(original, decoded)
    if x.ndim == 2:
        return psnr(x, y, data_range=data_range)
    if x.ndim != 3 or x.shape[2] != 3:
        raise ValueError(f"original and decoded have shape {x.shape}: (H, W) or (H, W, 3) is needed")
    # The luma is linear: its difference is the luma of the differences.
    lumas = (slab @ np.array(LUMA_WEIGHTS) for slab in _differences(x, y))
    error = math.fsum(float(np.sum(luma * luma)) for luma in lumas) / (x.shape[0] * x.shape[1])
    return psnr_from_mse(error, data_range=data_range)


def mean_absolute_difference(original: ArrayLike, decoded: ArrayLike) -> float:
    r"""Mean of the absolute differences, :math:`\frac1N \sum_i |x_i - y_i|`, in the unit of the samples.

    Parameters, errors and the meaning of N are those of `mse`.

    Examples
    --------
    >>> mean_absolute_difference(np.array([[3, 5]], np.uint8), np.array([[5, 5]], np.uint8))
    1.0
    """
    x, y = pair(original, decoded)
    return math.fsum(float(np.sum(np.abs(slab))) for slab in _differences(x, y)) / x.size


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
    pixels, _ = pixels_and_samples(shape)
    return 8.0 * count(n_bytes, "n_bytes") / pixels


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
    _, samples = pixels_and_samples(shape)
    return count(n_bytes, "n_bytes") / samples


# --- inside MSE -------------------------------------------------------------------------------------


def _differences(x: NDArray[np.generic], y: NDArray[np.generic]) -> Iterator[NDArray[np.float64]]:
    """Yield x − y in float64, some rows at a time: a large picture is never held as floats."""
    x, y = np.atleast_1d(x), np.atleast_1d(y)
    rows = max(1, _SLAB_SAMPLES * len(x) // x.size)
    for top in range(0, len(x), rows):
        # Both are cast first: nothing wraps.
        yield np.subtract(x[top : top + rows], y[top : top + rows], dtype=np.float64)
