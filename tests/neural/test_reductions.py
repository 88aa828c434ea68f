"""Sums, means, maxima and ln Σ eˣ: values, ties, infinite numbers, and axes that are none."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import scipy.special

from neural_from_scratch import ops
from neural_from_scratch.tensor import Tensor

NAMES = ["sum", "mean", "amax", "logsumexp"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("axis", [None, 0, -1, (0, 2), (1, -1), (2, 1, 0), ()])
@pytest.mark.parametrize("keepdims", [False, True])
def test_values(name: str, axis: Any, keepdims: bool) -> None:
    """Those of NumPy and SciPy."""
    x = np.random.default_rng(0).standard_normal((2, 3, 4))
    definition = {"sum": np.sum, "mean": np.mean, "amax": np.max, "logsumexp": scipy.special.logsumexp}[name]
    if name == "logsumexp" and axis == ():
        expected = x
    else:
        expected = definition(x, axis=axis, keepdims=keepdims)
    ours = getattr(ops, name)(x, axis, keepdims).data
    assert ours.shape == np.shape(expected)
    np.testing.assert_allclose(ours, expected, rtol=1e-14)


def test_maximum_is_shared_by_equals() -> None:
    """In equal parts, along each line for itself."""
    x = Tensor(np.array([[1.0, 3.0, 3.0], [2.0, 0.0, 1.0]]), requires_grad=True)
    ops.amax(x, axis=1).backward(np.array([10.0, 7.0]))
    np.testing.assert_array_equal(x.grad, [[0, 5, 5], [7, 0, 0]])


def test_logsumexp_of_large_and_infinite_numbers() -> None:
    """Nothing overflows; e^−∞ adds nothing and gets no gradient; of nothing else it is −∞, without NaN."""
    x = np.array([[1e4, 1e4 - 1, 0], [-1e4, -1e4, -1e4], [0, -np.inf, 0], [np.inf, 0, 0]])
    np.testing.assert_allclose(ops.logsumexp(x, 1).data, scipy.special.logsumexp(x, axis=1), rtol=1e-15)
    inputs = Tensor(np.array([[0, -np.inf, 0], [-np.inf] * 3]), requires_grad=True)
    with np.errstate(divide="ignore"):
        y = ops.logsumexp(inputs, 1)
    np.testing.assert_array_equal(y.data, [math.log(2), -np.inf])
    y.backward(np.ones(2))
    np.testing.assert_allclose(inputs.grad, [[0.5, 0, 0.5], [0, 0, 0]])


def test_nan_is_greater_than_all() -> None:
    """It must not get lost in a maximum."""
    assert np.isnan(ops.amax(np.array([1.0, np.nan, 3.0])).item())
    assert np.isnan(ops.logsumexp(np.array([1.0, np.nan])).item())


@pytest.mark.parametrize("name", ["sum", "mean"])
def test_float32_sums_are_exact_to_its_rounding(name: str) -> None:
    """A million numbers near 1: added one by one they would be off by thousands of roundings."""
    x = np.random.default_rng(0).uniform(0.9, 1.1, (4, 3, 256, 400)).astype(np.float32)
    for axis in (None, (0, 2, 3), (2, 3), (1, 2, 3)):
        expected = getattr(np, name)(x.astype(np.float64), axis=axis)
        np.testing.assert_allclose(getattr(ops, name)(x, axis).data, expected, rtol=5e-6, err_msg=str(axis))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("axis", [2, -3, (0, 0), (0, -2), (0, 5)])
def test_axes_that_are_none_are_named(name: str, axis: Any) -> None:
    """Out of range, or twice; with the shape."""
    with pytest.raises(ValueError) as caught:
        getattr(ops, name)(np.ones((2, 3)), axis)
    assert str(caught.value).startswith(f"{name}: axis is {axis}, must name axes of x, of shape (2, 3)")


@pytest.mark.parametrize("name", ["mean", "amax", "logsumexp"])
def test_nothing_has_no_mean_nor_maximum(name: str) -> None:
    """The shape is named; a sum of nothing is 0; empty batches whose pictures are reduced are no problem."""
    with pytest.raises(ValueError, match=rf"{name}: nothing to take it of, x has shape \(0, 3\)"):
        getattr(ops, name)(np.ones((0, 3)), 0)
    assert getattr(ops, name)(np.ones((0, 3)), 1).shape == (0,)
    assert ops.sum(np.ones((0, 3))).item() == 0


@pytest.mark.parametrize("axis", [None, (0, 2, 3), (1, 2, 3), 0])
@pytest.mark.parametrize("order", [(0, 1, 2, 3), (0, 3, 1, 2), (3, 2, 1, 0)])
def test_sums_are_precise_in_any_layout(axis, order):
    """float32 numbers near 1: added one after the other in float32, 100 000 of them lose up to 1e-3."""
    array = np.random.default_rng(3).uniform(0.9, 1.1, (300, 350, 3, 2)).astype(np.float32)
    view = np.moveaxis(array, range(4), order)
    for operation, name in ((ops.sum, "sum"), (ops.mean, "mean")):
        result = operation(view, axis).data
        expected = getattr(view.astype(np.float64), name)(axis=axis)
        assert result.dtype == np.float32
        np.testing.assert_allclose(result, expected, rtol=1e-7)
