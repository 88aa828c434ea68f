"""The Gaussian that is told its scale and mean: against SciPy's, far out, at its bounds, and in tables.

Central differences, other array modules and PyTorch are in the table of operations (`cases_of_numbers`).
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
import pytest
from scipy.stats import norm

from neural_from_scratch.entropy_models import FLOOR
from neural_from_scratch.entropy_tables import TOTAL
from neural_from_scratch.gaussian_model import (
    LEAST_SCALE,
    LEVELS,
    REACH,
    gaussian_likelihood,
    scale_levels,
    scale_tables,
)
from neural_from_scratch.tensor import Tensor


def exact(values: np.ndarray, scales: np.ndarray, means: np.ndarray | float = 0.0) -> np.ndarray:
    """Equation 1 by SciPy, on the side where both terms are small."""
    distance = np.abs(values - means)
    return norm.sf((distance - 0.5) / scales) - norm.sf((distance + 0.5) / scales)


def grid(dtype: type = np.float64, furthest: float = 5.9) -> list[np.ndarray]:
    """Values, scales and means: every scale, from the mean to nearly where the floor is, on both sides."""
    scales = np.geomspace(LEAST_SCALE, 300, 40)[:, None]
    far = np.linspace(-furthest, furthest, 37)
    means = np.linspace(-7.3, 11, 40)[:, None]
    arrays = np.broadcast_arrays(means + scales * far, scales, means)
    return [array.astype(dtype) for array in arrays]


def slopes(wanted: np.ndarray | float, *arrays: np.ndarray) -> list[np.ndarray]:
    """The gradients of Σ wanted · p."""
    leaves = [Tensor(array, requires_grad=True) for array in arrays]
    p = gaussian_likelihood(*leaves)
    p.backward(np.broadcast_to(np.asarray(wanted, p.dtype), p.shape).copy())
    return [leaf.grad for leaf in leaves]


# --------------------------------------------------------------------------------------------------
# The definition


@pytest.mark.parametrize(("dtype", "margin"), [(np.float64, 1e-11), (np.float32, 1e-4)])
def test_it_is_scipys(dtype: type, margin: float) -> None:
    """To a small part of itself wherever it is above the floor, and in float32 too."""
    values, scales, means = grid(dtype)
    expected = np.maximum(exact(*(array.astype(np.float64) for array in (values, scales, means))), FLOOR)
    found = gaussian_likelihood(values, scales, means).data
    assert found.dtype == dtype
    np.testing.assert_allclose(found, expected, rtol=margin)
    distance = (values - means).astype(dtype)
    np.testing.assert_array_equal(gaussian_likelihood(distance, scales).data, found)


@pytest.mark.parametrize("scale", [0.01, 0.11, 0.5, 1.0, 40.0])
@pytest.mark.parametrize("offset", [0.0, 0.3, -0.5])
def test_probabilities_of_a_lattice_add_up_to_one(scale: float, offset: float) -> None:
    """Wherever the lattice lies."""
    x = np.arange(-400, 401.0) + offset
    total = gaussian_likelihood(x, np.full(x.shape, scale)).data.sum()
    assert abs(total - 1) < 1e-6  # the floor adds a little


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_both_tails_are_the_same(dtype: type) -> None:
    """Down to the floor, bit by bit; and what falls below is the floor."""
    distance = np.linspace(0, 12, 49).astype(dtype)
    for scale in (0.11, 1.0, 1.5):
        scales = np.full(distance.shape, scale, dtype)
        above, below = (gaussian_likelihood(side * distance, scales).data for side in (1, -1))
        np.testing.assert_array_equal(above, below)
        assert above.min() == dtype(FLOOR)
        assert (np.diff(above) <= 0).all()
    p = gaussian_likelihood(np.array([-6.2, 6.2], dtype), np.ones(2, dtype)).data  # 30 bits are 6.5 σ away
    np.testing.assert_allclose(p, 6.0e-9, rtol=0.01)


def test_slopes_are_those_of_the_bell() -> None:
    """∂p/∂μ = (φ(a) − φ(b)) / σ = −∂p/∂v, ∂p/∂σ = (a φ(a) − b φ(b)) / σ, a and b the edges in units of σ."""
    values, scales, means = (array[exact(*grid()) > 1.1 * FLOOR] for array in grid())
    a, b = (values - means - 0.5) / scales, (values - means + 0.5) / scales
    by_mean = (norm.pdf(a) - norm.pdf(b)) / scales
    by_scale = (a * norm.pdf(a) - b * norm.pdf(b)) / scales
    for found, expected in zip(slopes(1.0, values, scales, means), (-by_mean, by_scale, by_mean)):
        np.testing.assert_allclose(found, expected, rtol=1e-8, atol=1e-15)
    values_32 = [array.astype(np.float32) for array in (values, scales, means)]
    for found, expected in zip(slopes(1.0, *values_32), (-by_mean, by_scale, by_mean)):
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, expected, atol=1e-5 * np.abs(expected).max())


def test_in_the_middle_there_is_no_slope() -> None:
    """Although |v − μ| has a corner there."""
    by_value, by_scale, by_mean = slopes(1.0, np.full(2, 3.25), np.array([0.2, 1.0]), np.full(2, 3.25))
    assert not by_value.any()
    assert not by_mean.any()
    assert (by_scale < 0).all()  # wider is less likely here


# --------------------------------------------------------------------------------------------------
# Bounds


def test_floor_lets_only_gradients_pass_that_raise() -> None:
    """At 7 σ p is 10⁻¹¹: to make it higher, values come nearer and scales grow; nothing makes it lower."""
    values, scales, means = np.array([7.0, -7.0]), np.ones(2), np.zeros(2)
    assert (gaussian_likelihood(values, scales, means).data == FLOOR).all()
    by_value, by_scale, by_mean = slopes(-1.0, values, scales, means)
    assert (by_value * values > 0).all()  # a step of descent goes against it
    assert (by_mean * values < 0).all()
    assert (by_scale < 0).all()
    assert not any(slope.any() for slope in slopes(1.0, values, scales, means))
    far = slopes(-1.0, np.array([1e6, -1e30]), np.ones(2), np.zeros(2))
    assert all((slope == 0).all() for slope in far)


@pytest.mark.parametrize("scale", [0.0, 0.05, -3.0])
def test_scales_have_a_bound_that_can_be_left(scale: float) -> None:
    """Below 0.11 p is that of 0.11; who wants σ higher is heard, who wants it lower is not."""
    values, told, bound = np.array([0.0, 0.6, 1.0]), np.full(3, scale), np.full(3, LEAST_SCALE)
    np.testing.assert_array_equal(
        gaussian_likelihood(values, told).data, gaussian_likelihood(values, bound).data
    )
    free = slopes(1.0, values, bound)[1]
    assert (np.sign(free) == [-1, 1, 1]).all()
    for wanted in (1.0, -1.0):
        found = slopes(wanted, values, told)[1]
        np.testing.assert_array_equal(found, np.where(wanted * free < 0, wanted * free, 0))


def test_a_latent_in_its_place_costs_next_to_nothing() -> None:
    """8·10⁻⁶ bits at the sharpest."""
    p = gaussian_likelihood(np.zeros(1), np.zeros(1)).data
    assert -math.log2(p[0]) == pytest.approx(7.9e-6, rel=0.01)


def test_arguments_must_fit() -> None:
    """What differs is named; nothing is nothing."""
    three, four = np.zeros(3), np.zeros(4)
    with pytest.raises(ValueError, match=r"the same: values \(3,\), scales \(4,\)$"):
        gaussian_likelihood(three, four)
    with pytest.raises(ValueError, match=r"the same: values \(3,\), scales \(3,\), means \(4,\)$"):
        gaussian_likelihood(three, three, four)
    with pytest.raises(TypeError, match=r"the same: values float64, scales float64, means float32$"):
        gaussian_likelihood(three, three, three.astype(np.float32))
    with pytest.raises(TypeError, match="gaussian_likelihood: scales"):
        gaussian_likelihood(three, np.ones(3, np.int32))
    for wrong in (np.nan, np.inf):
        assert np.isnan(gaussian_likelihood(np.array([np.nan]), np.ones(1)).data).all()
        assert not (gaussian_likelihood(three, np.full(3, wrong)).data > 2e-9).any()
    assert gaussian_likelihood(np.zeros((0, 2)), np.zeros((0, 2))).shape == (0, 2)


# --------------------------------------------------------------------------------------------------
# Levels and tables


def test_levels_are_those_of_compressai() -> None:
    """64 from 0.11 to 256, each 1.131 times the one before."""
    levels = scale_levels()
    np.testing.assert_allclose(levels, np.exp(np.linspace(math.log(0.11), math.log(256), 64)), rtol=1e-13)
    assert len(levels) == LEVELS
    np.testing.assert_allclose(levels[1:] / levels[:-1], 1.130946, rtol=1e-6)
    assert norm.isf(0.5e-9) == pytest.approx(REACH, rel=1e-12)


def test_rows_are_the_probabilities() -> None:
    """Symmetric but for single counts, about 0; and no row wastes more than the bound of `entropy_tables`."""
    tables = scale_tables()
    assert len(tables) == LEVELS
    for level, (scale, row, length, offset) in enumerate(
        zip(scale_levels(), tables.cdf, tables.lengths, tables.offsets)
    ):
        frequencies = np.diff(row[:length]).astype(np.int64)
        symbols, values = frequencies[:-1], np.arange(offset, offset + length - 2)
        assert values[0] == -values[-1], level
        assert np.abs(symbols - symbols[::-1]).max() <= 1, level
        p = np.append(exact(values.astype(np.float64), scale), 2 * norm.sf((values[-1] + 0.5) / scale))
        assert 1 <= frequencies[-1] <= 1 + p[-1] * TOTAL, level
        waste = float((p * np.log2(p * TOTAL / frequencies)).sum())
        assert -1e-12 < waste < math.log2(TOTAL / (TOTAL - len(p))), level
    assert scale_tables() is tables


@lru_cache(maxsize=1)
def cost_of_levels() -> dict[str, np.ndarray]:
    """Bits that a latent costs more than its entropy, with the integer tables, at eighths of the levels."""
    levels, tables = scale_levels(), scale_tables()
    scales = np.geomspace(LEAST_SCALE, levels[-1], 8 * (LEVELS - 1) + 1)
    found: dict[str, list[float]] = {"nearest": [], "next higher": []}
    for i, scale in enumerate(scales):
        values = np.arange(-math.ceil(7 * scale) - 1, math.ceil(7 * scale) + 2, dtype=np.int32)
        p = exact(values.astype(np.float64), scale)
        entropy = -float((p[p > 0] * np.log2(p[p > 0])).sum())
        for name, tried in (("nearest", {(i + 3) // 8, (i + 4) // 8}), ("next higher", {(i + 7) // 8})):
            rows = (tables.bits(values, np.full(values.shape, level, np.int32)) for level in tried)
            found[name].append(max(float((p * bits).sum()) for bits in rows) - entropy)
    return {"scale": scales, **{name: np.array(costs) for name, costs in found.items()}}


def test_levels_cost_what_is_said() -> None:
    """0.0018 bits in the mean; 0.006 at most below σ = 50, 0.009 above; the next higher level 0.005."""
    cost = cost_of_levels()
    nearest, higher, scales = cost["nearest"], cost["next higher"], cost["scale"]
    assert nearest.min() > 0
    assert nearest.mean() == pytest.approx(0.0018, abs=0.0001)
    assert nearest[scales < 50].max() == pytest.approx(0.006, abs=0.0003)
    assert nearest.max() == pytest.approx(0.0087, abs=0.0003)
    assert higher.mean() == pytest.approx(0.005, abs=0.0003)


@pytest.mark.parametrize("factor", [math.sqrt(1.130946), 1.05, 0.97])
def test_a_wrong_scale_costs_the_square_of_its_logarithm(factor: float) -> None:
    """(ln r)² / ln 2 bits, for a Gaussian of many steps; 0.005 at the edge between two levels."""
    values = np.arange(-200.0, 201)
    p, told = exact(values, np.float64(20.0)), exact(values, np.float64(20.0 * factor))
    kept = p > 0
    more = float((p[kept] * np.log2(p[kept] / told[kept])).sum())
    assert more == pytest.approx(math.log(factor) ** 2 / math.log(2), rel=0.12)
