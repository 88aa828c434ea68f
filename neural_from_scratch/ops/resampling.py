"""Pictures made larger and smaller: bilinear and bicubic upsampling, average pooling.

Pixels are squares, and a pixel's number stands at its middle. Enlarged r times, pixel o has its middle at s =
(o + ½) / r − ½ on the scale of the old ones. With o = r i + p this is s = i + (p + ½) / r − ½: all pixels
with the same *phase* p lie at the same place between old ones, and are the same weighted sum of their
neighbours. So one axis is enlarged by r filters of few taps, and their results are interleaved; the other
axis follows. At the border the neighbours that are missing are copies of the last pixel (`shaping.padded`).

Each step is linear, y = A x, and its transpose goes back: the weights that gathered now scatter.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from ..arrays import Array, array_module
from ..tensor import Tensor, as_tensor, record
from .shaping import padded, padded_transposed

__all__ = ["average_pool", "upsample_bicubic", "upsample_bilinear"]


def upsample_bilinear(x: Tensor | Array, factor: int) -> Tensor:
    """Enlarge a picture, in straight lines between pixels.

    Parameters
    ----------
    x : tensor or array, (batch, channels, height, width)
    factor : int
        r ≥ 1.

    Returns
    -------
    Tensor, (batch, channels, height r, width r)

    Raises
    ------
    ValueError
        If x has not four axes, height or width is 0, or the factor is no whole number ≥ 1.

    Notes
    -----
    Equal to PyTorch's ``interpolate(mode="bilinear", align_corners=False)``.

    Examples
    --------
    >>> import numpy as np
    >>> upsample_bilinear(np.array([[[[0.0, 8.0]]]]), 2).data[0, 0]
    array([[0., 2., 6., 8.],
           [0., 2., 6., 8.]])
    """
    return _upsample("upsample_bilinear", x, factor, _linear, 1)


def upsample_bicubic(x: Tensor | Array, factor: int) -> Tensor:
    """Enlarge a picture by Keys' cubic convolution with a = −3/4; for the rest see `upsample_bilinear`.

    References
    ----------
    R. Keys, "Cubic convolution interpolation for digital image processing", IEEE Trans. ASSP 29(6), 1981, eq.
    8, there with a = −½; −¾ is what PyTorch and OpenCV take.
    """
    return _upsample("upsample_bicubic", x, factor, _cubic, 2)


def _linear(distance: float) -> float:
    return max(0.0, 1 - abs(distance))


def _cubic(distance: float, a: float = -0.75) -> float:
    d = abs(distance)
    if d <= 1:
        return (a + 2) * d**3 - (a + 3) * d**2 + 1
    return a * (d**3 - 5 * d**2 + 8 * d - 4) if d < 2 else 0.0


def _upsample(
    operation: str, x: Tensor | Array, factor: int, kernel: Callable[[float], float], reach: int
) -> Tensor:
    x = as_tensor(operation, "x", x)
    if x.ndim != 4 or 0 in x.shape[2:] or not isinstance(factor, int) or factor < 1:
        raise ValueError(
            f"{operation}: x has shape {x.shape} and factor is {factor}, "
            "must be (batch, channels, height ≥ 1, width ≥ 1) and a whole number ≥ 1"
        )
    taps = phase_taps(factor, kernel, reach)
    result = enlarged(enlarged(x.data, 2, taps, reach), 3, taps, reach)

    def backward(gradient: Array) -> tuple[Array]:
        return (enlarged_transposed(enlarged_transposed(gradient, 3, taps, reach), 2, taps, reach),)

    return record(operation, result, (x,), backward)


def phase_taps(factor: int, kernel: Callable[[float], float], reach: int) -> list[list[tuple[int, float]]]:
    """Return, for each phase, which neighbours are taken with which weight; offsets from −reach to reach.

    Examples
    --------
    >>> phase_taps(2, _linear, 1)
    [[(-1, 0.25), (0, 0.75)], [(0, 0.75), (1, 0.25)]]
    """
    taps = []
    for phase in range(factor):
        place = (phase + 0.5) / factor - 0.5
        near = range(math.floor(place) - reach + 1, math.floor(place) + reach + 1)
        taps.append([(k, kernel(place - k)) for k in near if kernel(place - k) != 0])
    return taps


def enlarged(x: Array, axis: int, taps: list[list[tuple[int, float]]], reach: int) -> Array:
    """Return an array with one axis enlarged as many times as there are phases."""
    factor, length = len(taps), x.shape[axis]
    lead = (slice(None),) * axis
    shape = (*x.shape[:axis], length * factor, *x.shape[axis + 1 :])
    result = array_module(x).empty(shape, dtype=x.dtype)
    wide = padded(x, axis, reach, reach, "replicate")
    for phase, neighbours in enumerate(taps):
        (first, weight), *others = neighbours
        total = wide[(*lead, slice(reach + first, reach + first + length))] * weight
        for offset, weight in others:
            total += wide[(*lead, slice(reach + offset, reach + offset + length))] * weight
        result[(*lead, slice(phase, None, factor))] = total
    return result


def enlarged_transposed(gradient: Array, axis: int, taps: list[list[tuple[int, float]]], reach: int) -> Array:
    """Return the transpose of `enlarged`."""
    factor = len(taps)
    length = gradient.shape[axis] // factor
    lead = (slice(None),) * axis
    shape = (*gradient.shape[:axis], length + 2 * reach, *gradient.shape[axis + 1 :])
    wide = array_module(gradient).zeros(shape, dtype=gradient.dtype)
    for phase, neighbours in enumerate(taps):
        part = gradient[(*lead, slice(phase, None, factor))]
        for offset, weight in neighbours:
            wide[(*lead, slice(reach + offset, reach + offset + length))] += part * weight
    return padded_transposed(wide, axis, reach, reach, "replicate")


# --------------------------------------------------------------------------------------------------
# Smaller


def average_pool(
    x: Tensor | Array, size: int | tuple[int, int], stride: int | tuple[int, int] | None = None
) -> Tensor:
    """Return the means of windows: y[n, c, i, j] = 1 / (h w) Σ x[n, c, s i + k, t j + l], k < h, l < w.

    Parameters
    ----------
    x : tensor or array, (batch, channels, height, width)
    size : int or (int, int)
        h and w of a window.
    stride : int or (int, int), optional
        s and t, from a window to the next; by default its size.

    Returns
    -------
    Tensor, (batch, channels, (height − h) // s + 1, (width − w) // t + 1)
        Rows and columns that do not fill a window are left out.

    Raises
    ------
    ValueError
        If x has not four axes, size or stride is below 1, or a window is larger than x.

    Examples
    --------
    >>> import numpy as np
    >>> average_pool(np.array([[[[1.0, 2.0, 9.0], [3.0, 6.0, 9.0]]]]), 2).data
    array([[[[3.]]]])
    """
    x = as_tensor("average_pool", "x", x)
    h, w = (size, size) if isinstance(size, int) else size
    s, t = (h, w) if stride is None else (stride, stride) if isinstance(stride, int) else stride
    if x.ndim != 4 or min(h, w, s, t) < 1 or h > x.shape[2] or w > x.shape[3]:
        raise ValueError(
            f"average_pool: x has shape {x.shape}, size is {(h, w)} and stride {(s, t)}; must be "
            "(batch, channels, height, width), not below the size, and numbers ≥ 1"
        )
    xp, shape = array_module(x.data), x.shape
    rows, columns = (shape[2] - h) // s + 1, (shape[3] - w) // t + 1
    windows = [
        (..., slice(k, k + s * (rows - 1) + 1, s), slice(m, m + t * (columns - 1) + 1, t))
        for k in range(h)
        for m in range(w)
    ]  # for each place in a window, that place of all windows
    result = xp.zeros((*shape[:2], rows, columns), dtype=x.dtype)
    for places in windows:
        result += x.data[places]
    result *= 1 / (h * w)

    def backward(gradient: Array) -> tuple[Array]:
        share = gradient * (1 / (h * w))
        part = xp.zeros(shape, dtype=gradient.dtype)
        for places in windows:
            part[places] += share
        return (part,)

    return record("average_pool", result, (x,), backward)
