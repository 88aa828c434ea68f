"""Larger and smaller pictures: against SciPy, against the definitions in plain loops; and bad arguments."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import scipy.ndimage
import scipy.signal

from neural_from_scratch import ops
from neural_from_scratch.tensor import Tensor

FACTORS = [1, 2, 3, 4, 5, 8]
rng = np.random.default_rng(1)


@pytest.mark.parametrize("factor", FACTORS)
@pytest.mark.parametrize("size", [(5, 7), (1, 1), (1, 4), (2, 2)])
def test_bilinear_is_scipys(factor: int, size: tuple[int, int]) -> None:
    """`scipy.ndimage.zoom` of order 1, for pixels that are squares."""
    x = rng.standard_normal((2, 3, *size))
    ours = ops.upsample_bilinear(x, factor).data
    expected = scipy.ndimage.zoom(x, (1, 1, factor, factor), order=1, mode="nearest", grid_mode=True)
    np.testing.assert_allclose(ours, expected, rtol=1e-12, atol=1e-12)


def keys(distance: float) -> float:
    """Keys 1981, equation 4 with conditions 5 to 7 for a = −3/4: pieces of third degree."""
    a, d = -0.75, abs(distance)
    if d < 1:
        return (a + 2) * d**3 - (a + 3) * d**2 + 1
    return a * d**3 - 5 * a * d**2 + 8 * a * d - 4 * a if d < 2 else 0.0


@pytest.mark.parametrize("factor", FACTORS)
@pytest.mark.parametrize("size", [(4, 5), (1, 1), (1, 3), (2, 2)])
def test_bicubic_is_its_definition(factor: int, size: tuple[int, int]) -> None:
    """Each pixel for itself, from 4×4 neighbours, the border repeated."""
    x = rng.standard_normal(size)
    ours = ops.upsample_bicubic(x[None, None], factor).data[0, 0]
    for row, column in np.ndindex(*ours.shape):
        u, v = (row + 0.5) / factor - 0.5, (column + 0.5) / factor - 0.5
        total = 0.0
        for i in range(math.floor(u) - 1, math.floor(u) + 3):
            for j in range(math.floor(v) - 1, math.floor(v) + 3):
                pixel = x[min(max(i, 0), size[0] - 1), min(max(j, 0), size[1] - 1)]
                total += pixel * keys(u - i) * keys(v - j)
        assert ours[row, column] == pytest.approx(total, abs=1e-12)


@pytest.mark.parametrize("name", ["upsample_bilinear", "upsample_bicubic"])
def test_grey_stays_grey_and_factor_1_is_nothing(name: str) -> None:
    """The weights of each pixel add up to 1."""
    for factor in FACTORS:
        np.testing.assert_allclose(getattr(ops, name)(np.ones((1, 1, 2, 3)), factor).data, 1, rtol=1e-14)
    x = rng.standard_normal((1, 2, 3, 4))
    np.testing.assert_array_equal(getattr(ops, name)(x, 1).data, x)


@pytest.mark.parametrize("name", ["upsample_bilinear", "upsample_bicubic"])
@pytest.mark.parametrize(
    ("shape", "factor"),
    [((2, 3, 4), 2), ((1, 1, 0, 4), 2), ((1, 1, 4, 0), 2), ((1, 1, 2, 2), 0), ((1, 1, 2, 2), 1.5)],
)
def test_bad_enlargements_are_named(name: str, shape: tuple[int, ...], factor: Any) -> None:
    """With the shape and the factor."""
    with pytest.raises(ValueError) as caught:
        getattr(ops, name)(np.ones(shape), factor)
    assert str(caught.value).startswith(f"{name}: x has shape {shape} and factor is {factor}, must be")


@pytest.mark.parametrize(
    ("size", "stride"), [((2, 2), (2, 2)), ((3, 2), (1, 3)), ((1, 4), (2, 1)), ((5, 6), (1, 1))]
)
def test_average_pool_is_a_correlation(size: tuple[int, int], stride: tuple[int, int]) -> None:
    """`scipy.signal.correlate2d` with a flat kernel, at every stride-th place."""
    x = rng.standard_normal((2, 3, 5, 6))
    ours = ops.average_pool(x, size, stride).data
    for n, c in np.ndindex(2, 3):
        means = scipy.signal.correlate2d(x[n, c], np.full(size, 1 / (size[0] * size[1])), "valid")
        np.testing.assert_allclose(ours[n, c], means[:: stride[0], :: stride[1]], rtol=1e-12, atol=1e-14)


def test_pixels_that_fill_no_window_get_no_gradient() -> None:
    """The last column of three, with windows of two."""
    x = Tensor(np.ones((1, 1, 2, 3)), requires_grad=True)
    ops.average_pool(x, 2).backward(np.full((1, 1, 1, 1), 8.0))
    np.testing.assert_array_equal(x.grad[0, 0], [[2, 2, 0], [2, 2, 0]])  # type: ignore[index]


@pytest.mark.parametrize(
    ("shape", "size", "stride"),
    [((2, 3, 4), 2, None), ((1, 1, 2, 4), 3, None), ((1, 1, 4, 2), (1, 3), None), ((1, 1, 4, 4), 0, None),
     ((1, 1, 4, 4), 2, 0), ((1, 1, 4, 4), (2, -1), 1)],
)  # fmt: skip
def test_bad_windows_are_named(shape: tuple[int, ...], size: Any, stride: Any) -> None:
    """Not four axes, larger than the picture, below 1."""
    with pytest.raises(ValueError) as caught:
        ops.average_pool(np.ones(shape), size, stride)
    assert str(caught.value).startswith(f"average_pool: x has shape {shape}, size is ")
