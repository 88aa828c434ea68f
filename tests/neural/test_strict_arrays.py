"""Every operation on arrays that refuse to become NumPy arrays; and the stand-in itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import strict_arrays
from operation_cases import CASES, OPERATIONS, Case
from strict_arrays import StrictArray, from_numpy, to_numpy

from neural_from_scratch import ops
from neural_from_scratch.arrays import array_module
from neural_from_scratch.backend import use_backend
from neural_from_scratch.tensor import Tensor, as_tensor, checks_finite, no_grad, record


def run(case: Case, convert: Callable[[np.ndarray], Any]) -> tuple[Any, list[Any]]:
    """Return the result of a case and the gradients of all inputs, as arrays of the module of `convert`."""
    leaves = [Tensor(convert(array), requires_grad=True) for array in case.arrays]
    result = case.function(*leaves)
    weights = np.random.default_rng(1).standard_normal(result.shape).astype(result.dtype)
    result.backward(convert(weights))
    return result.data, [leaf.grad for leaf in leaves]


def in_float32(convert: Callable[[np.ndarray], Any]) -> Callable[[np.ndarray], Any]:
    """Return the conversion after one to float32."""
    return lambda array: convert(array.astype(np.float32))


@pytest.mark.parametrize("operation", OPERATIONS)
def test_operation_stays_in_its_array_module(operation: str) -> None:
    """Forward and backward, float64 and float32: no conversion, arrays out of arrays in, NumPy's numbers."""
    for case in (case for case in CASES if case.operation == operation):
        for of, margin in (lambda convert: convert, 1e-12), (in_float32, 1e-5):
            result, gradients = run(case, of(from_numpy))
            with use_backend("reference"):
                expected, expected_gradients = run(case, of(np.array))
            for ours, theirs in zip((result, *gradients), (expected, *expected_gradients), strict=True):
                assert isinstance(ours, StrictArray)
                assert ours.dtype == theirs.dtype
                np.testing.assert_allclose(
                    to_numpy(ours), theirs, rtol=margin, atol=margin, err_msg=str(case)
                )


def test_tape_stays_in_its_array_module() -> None:
    """A loss, shared inputs, a second backward, the operators, and the check for finite numbers."""
    with checks_finite():
        x = Tensor(from_numpy(np.array([1.0, 2.0, 3.0])), requires_grad=True)
        y = (2 * x - x / 4) ** 2 + abs(-x)
        loss = (y[1:] * y[1:]).mean() + y.sum()
        loss.backward(retain=True)
        loss.backward()
        twice = to_numpy(x.grad)
    reference = Tensor(np.array([1.0, 2.0, 3.0]), requires_grad=True)
    y = (2 * reference - reference / 4) ** 2 + abs(-reference)
    ((y[1:] * y[1:]).mean() + y.sum()).backward()
    np.testing.assert_allclose(twice, 2 * reference.grad, rtol=1e-14)
    assert isinstance(loss.item(), float)
    with no_grad():
        assert not (x * x).requires_grad
    with checks_finite(), pytest.raises(FloatingPointError, match="log"), np.errstate(divide="ignore"):
        ops.log(from_numpy(np.zeros(2)))


def test_noise_of_another_module_is_refused() -> None:
    """A NumPy generator beside arrays of another module is named."""
    from neural_from_scratch.quantization import add_uniform_noise

    with pytest.raises(TypeError, match=r"generator is one of numpy, x .* array of strict_arrays"):
        add_uniform_noise(from_numpy(np.zeros(3)), np.random.default_rng(0))


def test_stored_parameters_stay_in_their_array_module() -> None:
    """The one function of `ops` that is not on the tape."""
    stored = ops.nonnegative_stored(from_numpy(np.array([0.0, 1.0])))
    np.testing.assert_allclose(to_numpy(stored), [2.0**-18, 1.0], rtol=1e-10)


# --------------------------------------------------------------------------------------------------
# Would the stand-in notice?

X = np.array([0.5, 1.5])
CONVERSIONS: dict[str, Callable[[StrictArray], Any]] = {
    "numpy.asarray": lambda x: np.asarray(x),
    "numpy.array with a dtype": lambda x: np.array(x, np.float32),
    "ufunc": lambda x: np.exp(x),
    "NumPy function": lambda x: np.concatenate([x, x]),
    "reduction": lambda x: np.sum(x),
    "ndarray + x": lambda x: X + x,
    "x + ndarray": lambda x: x + X,
    "ndarray += x": lambda x: X.copy().__iadd__(x),
    "ndarray[:] = x": lambda x: X.copy().__setitem__(slice(None), x),
    "x[:] = ndarray": lambda x: x.__setitem__(slice(None), X),
    "x == ndarray": lambda x: x == X,
    "NumPy number": lambda x: x * np.float64(2),
    "module's function of ndarray": lambda x: strict_arrays.exp(X),
    "out=ndarray": lambda x: strict_arrays.exp(x, out=X.copy()),
    "asarray of ndarray": lambda x: strict_arrays.asarray(X),
    "float": lambda x: float(x[0]),
    "int": lambda x: int(x[0]),
    "index": lambda x: [1, 2][x[0]],
    "list": lambda x: list(x),
    "indexed with an ndarray": lambda x: x[np.array([0])],
    "mixed dtypes": lambda x: x + x.astype(np.float32),
    "mixed dtypes in a list": lambda x: strict_arrays.concatenate([x, x.astype(np.float32)]),
}


@pytest.mark.parametrize("way", CONVERSIONS)
def test_conversion_is_noticed(way: str) -> None:
    """Each way in which an array becomes a NumPy array, or one comes in."""
    with pytest.raises(TypeError):
        CONVERSIONS[way](from_numpy(X))


def test_functions_that_cupy_has_not_are_noticed() -> None:
    """What is not in the list does not exist."""
    with pytest.raises(AttributeError, match="strict_arrays has no nan_to_num_fast"):
        _ = strict_arrays.nan_to_num_fast
    with pytest.raises(AttributeError, match="has no tolist"):
        from_numpy(X).tolist()


def careless(forward: Callable[[Any], Any], slope: Callable[[Any], Any]) -> Callable[[Any], Tensor]:
    """Return an operation as somebody might write it."""

    def operation(x: Any) -> Tensor:
        x = as_tensor("careless", "x", x)
        data = x.data
        return record("careless", forward(data), (x,), lambda gradient: (gradient * slope(data),))

    return operation


def test_operation_with_conversion_is_caught() -> None:
    """Whether it is in the forward or in the backward part; written properly, it passes."""

    def good_forward(x: Any) -> Any:
        return array_module(x).tanh(x)

    def good_slope(x: Any) -> Any:
        return 1 - array_module(x).tanh(x) ** 2

    for forward, slope, fails in [
        (good_forward, good_slope, False),
        (np.tanh, good_slope, True),
        (good_forward, lambda x: 1 - np.tanh(x) ** 2, True),
        (good_forward, lambda x: 1 - np.asarray(x) ** 2, True),
    ]:
        case = Case("careless", "", careless(forward, slope), (X,))
        run(case, np.array)  # on NumPy arrays nobody notices
        if fails:
            with pytest.raises(TypeError):
                run(case, from_numpy)
        else:
            run(case, from_numpy)


def test_arithmetic_of_the_stand_in_is_right() -> None:
    """Operators forward, reflected and in place; arrays without axes stay arrays."""
    x = from_numpy(X)
    for ours, expected in [
        (1 - x, 1 - X), (x / 2, X / 2), (2**x, 2**X), (-x, -X), (abs(-x), X), (x @ x, X @ X), (x > 1, X > 1),
    ]:  # fmt: skip
        np.testing.assert_array_equal(to_numpy(ours), expected)
    assert isinstance(x @ x, StrictArray)
    y = x.copy()
    z = y
    z *= 3
    z[1:] += 1
    assert z is y
    np.testing.assert_array_equal(to_numpy(y), [1.5, 5.5])
    strict_arrays.exp(x, out=y)
    np.testing.assert_array_equal(to_numpy(y), np.exp(X))
    np.testing.assert_array_equal(to_numpy(x), X)
