"""Functions of each number: values against NumPy and SciPy, far out, at kinks; and bad arguments."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.special

from neural_from_scratch import ops
from neural_from_scratch.tensor import Tensor

FAR = np.array(
    [-1e4, -200.0, -30.0, -9.5, -3.0, -0.7, -1e-3, -1e-12, 0.0, 1e-12, 1e-3, 0.7, 3.0, 9.5, 30.0, 200.0, 1e4]
)
ABOVE = np.array([1e-30, 1e-6, 0.3, 1.0, 2.5, 1e6, 1e30])
VALUES: dict[str, tuple[Callable[[np.ndarray], np.ndarray], np.ndarray]] = {
    "negative": (np.negative, FAR),
    "absolute": (np.abs, FAR),
    "exp": (np.exp, FAR[np.abs(FAR) < 80]),
    "log": (np.log, ABOVE),
    "sqrt": (np.sqrt, ABOVE),
    "tanh": (np.tanh, FAR),
    "sigmoid": (scipy.special.expit, FAR),
    "softplus": (lambda x: np.logaddexp(0, x), FAR),
    "relu": (lambda x: x * (x > 0), FAR),
    "leaky_relu": (lambda x: np.where(x > 0, x, 0.01 * x), FAR),
    "erf": (scipy.special.erf, FAR),
    "erfc": (scipy.special.erfc, FAR),
}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", VALUES)
def test_values(name: str, dtype: type) -> None:
    """Those of float64, rounded, from very small to very large: nothing overflows, nothing is lost."""
    definition, x = VALUES[name]
    x = x.astype(dtype)
    ours = getattr(ops, name)(x).data
    assert ours.dtype == dtype
    expected = definition(x.astype(np.float64))
    least = float(np.finfo(dtype).tiny)
    np.testing.assert_allclose(ours, expected, rtol=8 * np.finfo(dtype).eps, atol=least)


def gradient_at(function: Callable[[Tensor], Tensor], *numbers: float, dtype: Any = np.float64) -> np.ndarray:
    """Return f' at some numbers."""
    x = Tensor(np.array(numbers, dtype), requires_grad=True)
    y = function(x)
    y.backward(np.ones_like(y.data))
    assert x.grad is not None
    return x.grad


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_slopes_far_out(dtype: type) -> None:
    """Exactly 0 or 1 where they round to that, never NaN; and small ones are right, not 0."""
    far = (-1e4, -200.0, 200.0, 1e4)
    for function, expected in [
        (ops.tanh, (0, 0, 0, 0)),
        (ops.sigmoid, (0, 0, 0, 0)),
        (ops.softplus, (0, 0, 1, 1)),
        (ops.erf, (0, 0, 0, 0)),
        (ops.erfc, (0, 0, 0, 0)),
        (ops.relu, (0, 0, 1, 1)),
    ]:
        np.testing.assert_allclose(gradient_at(function, *far, dtype=dtype), expected, atol=1e-80)
    small = gradient_at(ops.softplus, -30.0, -12.0, dtype=dtype)
    np.testing.assert_allclose(small, scipy.special.expit([-30.0, -12.0]), rtol=1e-5)


def test_slopes_at_kinks() -> None:
    """Those that the docstrings choose."""
    for function, numbers, expected in [
        (ops.absolute, (0.0, -0.0), (0, 0)),
        (ops.relu, (0.0, -0.0), (0, 0)),
        (lambda x: ops.leaky_relu(x, 0.25), (0.0,), (0.25,)),
        (lambda x: ops.clip(x, -1, 2), (-1.0, 2.0, -1.001, 2.001), (1, 1, 0, 0)),
        (lambda x: ops.maximum(x, 1.0), (1.0, 0.9, 1.1), (0.5, 0, 1)),
        (lambda x: ops.minimum(x, 1.0), (1.0, 0.9, 1.1), (0.5, 1, 0)),
        (lambda x: ops.maximum(x, x), (3.0,), (1,)),
        (lambda x: x**0, (0.0, 2.0), (0, 0)),
        (lambda x: x**1, (0.0,), (1,)),
        (lambda x: x**2, (0.0,), (0,)),
        (lambda n: ops.power(np.zeros(3), n), (0.0, 1.0, 2.5), (0, 0, 0)),
        (lambda x: ops.power(x, np.zeros(2)), (0.0, 2.0), (0, 0)),
    ]:
        np.testing.assert_array_equal(gradient_at(function, *numbers), expected)


def test_power_of_a_negative_number_has_no_slope_for_the_exponent() -> None:
    """NaN there, and only there."""
    x, n = Tensor(np.array([-2.0, 2.0]), requires_grad=True), Tensor(np.array([3.0, 3.0]), requires_grad=True)
    y = x**n
    np.testing.assert_array_equal(y.data, [-8.0, 8.0])
    with np.errstate(invalid="ignore"):
        y.backward(np.ones(2))
    np.testing.assert_allclose(x.grad, [12.0, 12.0])
    assert n.grad is not None
    assert np.isnan(n.grad[0])
    np.testing.assert_allclose(n.grad[1], 8 * np.log(2))


def test_numbers_take_the_dtype_of_the_array() -> None:
    """Also those that float32 cannot hold exactly."""
    x = np.ones(3, np.float32)
    for result in [
        ops.add(x, 0.1), ops.subtract(0.1, x), ops.multiply(x, 3), ops.divide(1, x), ops.power(x, 0.3),
        ops.power(0.3, x), ops.maximum(x, 0.1), ops.minimum(2, x), ops.clip(x, 0.1, 0.7),
        ops.leaky_relu(x, 0.3),
    ]:  # fmt: skip
        assert result.dtype == np.float32


TWO = ["add", "subtract", "multiply", "divide", "power", "maximum", "minimum"]


@pytest.mark.parametrize("name", TWO)
def test_shapes_that_do_not_go_together_are_named(name: str) -> None:
    """Operation, arguments and both shapes."""
    with pytest.raises(ValueError, match=rf"{name}: x of shape \(2, 3\) and y of shape \(4, 3\)"):
        getattr(ops, name)(np.ones((2, 3)), np.ones((4, 3)))


@pytest.mark.parametrize("name", TWO)
def test_mixed_dtypes_are_named(name: str) -> None:
    """With both shapes; NumPy would make float64 of both."""
    with pytest.raises(
        TypeError, match=rf"{name}: x is float32 of shape \(2,\), y is float64 of shape \(3, 1\)"
    ):
        getattr(ops, name)(np.ones(2, np.float32), np.ones((3, 1)))


@pytest.mark.parametrize("name", TWO)
@pytest.mark.parametrize("wrong", ["x", None, [1.0], 1j, np.arange(2)])
def test_what_is_no_operand_is_named(name: str, wrong: Any) -> None:
    """On either side; two plain numbers are nothing to work on either."""
    x = np.ones(2)
    with pytest.raises(TypeError, match=f"{name}: y (is a|has dtype)"):
        getattr(ops, name)(x, wrong)
    with pytest.raises(TypeError, match=f"{name}: x (is a|has dtype)"):
        getattr(ops, name)(wrong, x)
    with pytest.raises(TypeError, match=f"{name}: x is a int"):
        getattr(ops, name)(1, 2)


@pytest.mark.parametrize(("low", "high"), [(None, None), (1, 0), (float("nan"), 1.0)])
def test_clip_without_an_interval(low: Any, high: Any) -> None:
    """No bound, bounds in the wrong order, or NaN."""
    with pytest.raises(ValueError, match=f"clip: low is {low} and high is {high}"):
        ops.clip(np.ones(2), low, high)


@pytest.mark.parametrize("slope", [0, -0.1, 1.5, float("nan")])
def test_leaky_relu_with_a_slope_that_is_none(slope: float) -> None:
    """It would no longer have the sign of x, or not be the greater of two."""
    with pytest.raises(ValueError, match=f"leaky_relu: slope is {slope}"):
        ops.leaky_relu(np.ones(2), slope)
