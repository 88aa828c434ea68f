"""The tape: what is recorded, what comes back, and what is refused."""

from __future__ import annotations

import gc
import threading
import weakref
from typing import Any

import numpy as np
import pytest

from neural_from_scratch import ops
from neural_from_scratch.gradcheck import gradient_error
from neural_from_scratch.tensor import Tensor, as_tensor, checks_finite, no_grad, record, unbroadcast


def leaf(*numbers: float) -> Tensor:
    """A tensor that asks for a gradient."""
    return Tensor(np.array(numbers, np.float64), requires_grad=True)


# --------------------------------------------------------------------------------------------------
# Backward


def test_gradient_of_an_input_used_many_times_is_the_sum() -> None:
    """x along three ways of different length to the same end."""
    x = leaf(2.0, -3.0)
    y = x * x
    (y * x + y + x).sum().backward()
    np.testing.assert_allclose(x.grad, 3 * x.data**2 + 2 * x.data + 1)


def test_diamonds_in_a_row_are_walked_once() -> None:
    """2⁶⁰ ways lead from end to start; each step of the tape is taken once."""
    x = leaf(1.0)
    y = x
    for _ in range(60):
        y = y + y
    y.backward()
    np.testing.assert_array_equal(x.grad, [2.0**60])


def test_long_tapes_need_no_recursion() -> None:
    """More steps than Python's stack is deep."""
    x = leaf(1.0)
    y = x
    for _ in range(20_000):
        y = y + 1.0
    y.backward()
    np.testing.assert_array_equal(x.grad, [1.0])


def test_a_random_expression_has_the_gradient_of_differences() -> None:
    """Many operations, shared parts, broadcasting."""

    def expression(x: Tensor, y: Tensor) -> Tensor:
        a = ops.tanh(x @ y) + y.sum(axis=0)
        b = ops.exp(a * 0.3) / (1 + a**2)
        return (b * a.mean() - 2 ** (-b)).reshape(-1)[1:] - abs(a).sum()

    rng = np.random.default_rng(0)
    assert gradient_error(expression, [rng.standard_normal((2, 3)), rng.standard_normal((3, 4))]) < 1e-8


def test_gradients_add_up_over_calls() -> None:
    """A second loss adds to `grad`; the array that `grad` was is not changed under its owner's hands."""
    x = leaf(1.0, 2.0)
    (x * 3).sum().backward()
    first = x.grad
    assert first is not None
    (x * 4).sum().backward()
    np.testing.assert_array_equal(first, [3.0, 3.0])
    np.testing.assert_array_equal(x.grad, [7.0, 7.0])


def test_second_backward_adds_again_if_the_tape_was_kept() -> None:
    """As its docstring says."""
    x = leaf(1.0, 2.0)
    loss = (x * x).sum()
    loss.backward(retain=True)
    loss.backward(retain=True)
    loss.backward()
    np.testing.assert_array_equal(x.grad, 3 * 2 * x.data)
    with pytest.raises(RuntimeError, match="used up"):
        loss.backward()


def test_used_tape_changes_nothing() -> None:
    """Where another loss has used up a part of the tape, the call fails before any gradient has arrived."""
    x, z = leaf(1.0), leaf(1.0)
    y = x * x
    first, second = y * 2, y * 3 + z * z
    first.backward()
    before = np.array(x.grad)
    with pytest.raises(RuntimeError, match=r"used up .*retain=True"):
        second.backward()
    np.testing.assert_array_equal(x.grad, before)
    assert z.grad is None


def test_tape_is_set_free_on_the_way() -> None:
    """Without `retain` the arrays that an operation kept do not outlive `backward`, though the loss does."""
    x = leaf(*range(10))
    middle = ops.exp(x)
    kept = weakref.ref(middle.data)
    loss = (middle * middle).sum()
    del middle
    gc.collect()
    assert kept() is not None
    loss.backward()
    gc.collect()
    assert kept() is None


def test_results_do_not_keep_what_backward_does_not_want() -> None:
    """The sum of a product needs the factors, not the product."""
    x = leaf(1.0, 2.0)
    product = x * x
    array = weakref.ref(product.data)
    loss = product.sum()
    del product
    gc.collect()
    assert array() is None
    assert loss.requires_grad


def test_intermediate_results_get_no_grad() -> None:
    """Only leaves keep what arrives."""
    x = leaf(1.0)
    y = x * 2
    (y * y).backward()
    assert y.grad is None
    assert x.grad is not None


def test_backward_of_a_leaf() -> None:
    """∂x/∂x = 1."""
    x = leaf(3.0)
    x.backward()
    np.testing.assert_array_equal(x.grad, [1.0])
    x.backward(np.array([5.0]))
    np.testing.assert_array_equal(x.grad, [6.0])


def test_grad_is_an_array_of_its_own() -> None:
    """Not the gradient that was handed in, nor another leaf's: an optimiser may write into it."""
    x, y = leaf(1.0, 2.0), leaf(3.0, 4.0)
    given = np.ones(2)
    (x + y).backward(given)
    assert x.grad is not None
    x.grad *= 0
    np.testing.assert_array_equal(y.grad, [1.0, 1.0])
    np.testing.assert_array_equal(given, [1.0, 1.0])
    total = leaf(1.0, 2.0)
    total.sum().backward()
    assert total.grad is not None
    total.grad += 1  # a broadcast array would refuse


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_numbers_without_axes_stay_arrays(dtype: type) -> None:
    """NumPy would make scalars of them on the way."""
    x = Tensor(np.array(2.0, dtype), requires_grad=True)
    y = x * x + x
    for _ in range(3):
        y.backward(retain=True)
    for array in x.data, y.data, x.grad:
        assert isinstance(array, np.ndarray)
        assert array.dtype == dtype
    assert y.item() == 6
    assert x.grad == 15


def test_backward_needs_a_gradient_for_several_numbers() -> None:
    """The shape is named; so are both, and both dtypes, where they differ."""
    y = leaf(1.0, 2.0) * 2
    with pytest.raises(ValueError, match=r"shape \(2,\) needs a gradient"):
        y.backward()
    with pytest.raises(ValueError, match=r"float64 of shape \(3,\), must be float64 of shape \(2,\)"):
        y.backward(np.ones(3))
    with pytest.raises(ValueError, match="float32 of shape"):
        y.backward(np.ones(2, np.float32))


def test_backward_without_anything_to_learn() -> None:
    """Constants, detached tensors, and what was made under `no_grad`."""
    x = leaf(1.0)
    with no_grad():
        made = x * 2
    for y in Tensor(np.ones(1)), x.detach() * 2, made:
        with pytest.raises(RuntimeError, match="requires a gradient"):
            y.backward()


def test_loss_that_is_not_finite_is_refused() -> None:
    """NaN would be in every parameter after one step."""
    for number in np.nan, np.inf:
        with pytest.raises(FloatingPointError, match=f"the loss is {number}"):
            (leaf(number) * 1.0).backward()


# --------------------------------------------------------------------------------------------------
# What operations must keep to


@pytest.mark.parametrize(
    ("gradient", "match"),
    [
        (np.ones(3), r"input 0 is float64 of shape \(3,\), must be float64 of shape \(2,\)"),
        (np.ones(2, np.float32), "is float32"),
        (None, "no gradient for input 0"),
    ],
)
def test_operation_with_a_gradient_that_does_not_fit_is_named(gradient: Any, match: str) -> None:
    """Shape, dtype, or nothing at all."""
    x = leaf(1.0, 2.0)
    y = record("crooked", x.data * 2, (x,), lambda _: (gradient,))
    with pytest.raises(RuntimeError, match=f"backward of crooked: .*{match}"):
        y.backward(np.ones(2))


def test_operation_with_too_few_gradients_is_noticed() -> None:
    """One for each input."""
    x, z = leaf(1.0), leaf(2.0)
    y = record("short", x.data * z.data, (x, z), lambda g: (g,))
    with pytest.raises(ValueError, match="zip"):
        y.backward()


# --------------------------------------------------------------------------------------------------
# Recording


def test_no_grad_is_undone_by_an_error_and_nests() -> None:
    """Recording goes on after the block, however it is left."""
    x = leaf(1.0)
    with pytest.raises(KeyError), no_grad():
        raise KeyError
    assert (x * 2).requires_grad
    with no_grad():
        with no_grad():
            pass
        assert not (x * 2).requires_grad
    assert (x * 2).requires_grad


def test_no_grad_is_for_this_thread_only() -> None:
    """Measuring in one thread does not stop training in another."""
    seen = []
    with no_grad():
        thread = threading.Thread(target=lambda: seen.append((leaf(1.0) * 2).requires_grad))
        thread.start()
        thread.join()
    assert seen == [True]


def test_detach_shares_the_numbers_and_forgets_the_past() -> None:
    """A constant from there on."""
    x = leaf(2.0)
    y = x * x
    constant = y.detach()
    assert constant.data is y.data
    (constant * x).backward()
    np.testing.assert_array_equal(x.grad, [4.0])


# --------------------------------------------------------------------------------------------------
# NaN


def test_checks_finite_names_the_first_operation() -> None:
    """Forward, with the shapes that went in; without the check NaN goes through."""
    x = leaf(-1.0, 4.0)
    with np.errstate(invalid="ignore"):
        assert np.isnan(ops.exp(ops.sqrt(x)).data[0])
        with checks_finite(), pytest.raises(FloatingPointError, match=r"sqrt: .*inputs of shape \(2,\)"):
            ops.exp(ops.sqrt(x))


def test_checks_finite_names_the_way_back() -> None:
    """√0 is finite, its slope is not."""
    x = leaf(0.0, 4.0)
    with checks_finite(), np.errstate(divide="ignore"):
        y = ops.sqrt(x).sum()
        with pytest.raises(
            FloatingPointError, match=r"backward of sqrt: the gradient for input 0 of shape \(2,\)"
        ):
            y.backward()


def test_checks_finite_ends_with_its_block() -> None:
    """And is off by default."""
    with checks_finite():
        pass
    assert np.isinf((leaf(np.inf) * 1.0).data).all()


# --------------------------------------------------------------------------------------------------
# What a tensor is


@pytest.mark.parametrize(
    "data", [np.arange(3), np.array([True]), np.ones(2, np.float16), np.ones(2, complex)]
)
def test_other_dtypes_are_refused(data: np.ndarray) -> None:
    """The dtype is named."""
    with pytest.raises(TypeError, match=f"data has dtype {data.dtype}"):
        Tensor(data)


@pytest.mark.parametrize("data", [1.0, [1.0], None, "x"])
def test_what_is_no_array_is_refused(data: Any) -> None:
    """Its type is named."""
    with pytest.raises(TypeError, match=f"data is a {type(data).__name__}"):
        Tensor(data)


def test_other_byte_order_is_refused() -> None:
    """Numbers as another machine writes them are slow everywhere, and unknown to BLAS."""
    with pytest.raises(TypeError, match=">f4"):
        Tensor(np.ones(2, ">f4"))


def test_as_tensor_names_operation_and_argument() -> None:
    """And leaves a tensor alone."""
    x = leaf(1.0)
    assert as_tensor("try", "x", x) is x
    with pytest.raises(TypeError, match="try: weight is a list"):
        as_tensor("try", "weight", [1.0])  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="try: weight has dtype int64"):
        as_tensor("try", "weight", np.arange(3))


def test_a_tensor_does_not_become_an_array_by_itself() -> None:
    """The gradient would be lost in silence."""
    x = leaf(1.0, 2.0)
    with pytest.raises(TypeError, match=r"use its \.data"):
        np.asarray(x)
    with pytest.raises(TypeError):
        np.exp(x)


def test_operators_with_arrays_and_numbers_on_both_sides() -> None:
    """A tensor results, also where NumPy is asked first; a number takes the dtype."""
    a = np.array([1.0, 4.0], np.float32)
    x = Tensor(a, requires_grad=True)
    other = np.array([2.0, 3.0], np.float32)
    for result, expected in [
        (x + other, a + other), (other + x, other + a), (other - x, other - a), (x - other, a - other),
        (other * x, other * a), (other / x, other / a), (x / other, a / other), (other**x, other**a),
        (x**other, a**other), (2 - x, 2 - a), (2 / x, 2 / a), (2**x, 2**a), (x**0.5, a**0.5), (-x, -a),
        (other @ x, other @ a), (x @ other, a @ other), (x[1:], a[1:]), (abs(-x), a), (x.mean(), a.mean()),
        (x.sum(0, keepdims=True), a.sum(0, keepdims=True)), (x.reshape(2, 1), a[:, None]),
        (x.reshape(2, 1).transpose(), a[None]), (x.reshape(2, 1).transpose(1, 0), a[None]),
    ]:  # fmt: skip
        assert isinstance(result, Tensor)
        assert result.requires_grad
        assert result.dtype == np.float32
        np.testing.assert_allclose(result.data, expected, rtol=1e-6)


def test_size_and_words() -> None:
    """Shape, length, and what is printed."""
    x = Tensor(np.ones((2, 3)))
    assert (x.shape, x.ndim, x.size, len(x), x.dtype) == ((2, 3), 2, 6, 2, np.float64)
    assert repr(leaf(1.0) * 2) == "Tensor(array([2.]), requires_grad=True, made by multiply)"
    assert repr(leaf(1.0)) == "Tensor(array([1.]), requires_grad=True)"
    with pytest.raises(ValueError, match=r"size 1|scalar"):
        x.item()


@pytest.mark.parametrize("shape", [(), (3,), (1, 3), (2, 1), (2, 3), (1, 1, 1), (4, 2, 3), (1, 2, 1)])
def test_unbroadcast_is_the_transpose_of_broadcasting(shape: tuple[int, ...]) -> None:
    """⟨ḡ, broadcast x⟩ = ⟨unbroadcast ḡ, x⟩ for any ḡ and x."""
    rng = np.random.default_rng(len(shape))
    x, gradient = rng.standard_normal(shape), rng.standard_normal((4, 2, 3))
    back = unbroadcast(gradient, shape)
    assert back.shape == shape
    np.testing.assert_allclose((back * x).sum(), (gradient * np.broadcast_to(x, gradient.shape)).sum())
