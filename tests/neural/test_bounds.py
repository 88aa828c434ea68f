"""Values above a bound: which gradients pass, and that training comes back from below."""

from __future__ import annotations

import numpy as np
import pytest

from neural_from_scratch import ops
from neural_from_scratch.ops.bounds import PEDESTAL
from neural_from_scratch.tensor import Tensor


def test_lower_bound_passes_what_leads_up() -> None:
    """All four cases and the bound itself: below it only a negative gradient passes."""
    x = Tensor(np.array([1.0, 1.0, 2.0, 2.0, 3.0, 3.0, 1.0]), requires_grad=True)
    y = ops.lower_bound(x, 2.0)
    np.testing.assert_array_equal(y.data, [2, 2, 2, 2, 3, 3, 2])
    y.backward(np.array([5.0, -5.0, 5.0, -5.0, 5.0, -5.0, 0.0]))
    np.testing.assert_array_equal(x.grad, [0, -5, 5, -5, 5, -5, 0])


def test_training_comes_back_from_below_the_bound() -> None:
    """A clipped parameter stays where it fell; a bounded one finds its target above."""
    for function, expected in (lambda x: ops.lower_bound(x, 0.1), 1.0), (lambda x: ops.clip(x, 0.1), 0.1):
        x = np.array([-0.5])
        for _ in range(200):
            leaf = Tensor(x, requires_grad=True)
            ((function(leaf) - 1.0) ** 2).sum().backward()
            assert leaf.grad is not None
            x = x - 0.05 * leaf.grad
        assert function(x).item() == pytest.approx(expected, abs=1e-6)


def test_training_down_to_the_bound_stays_there() -> None:
    """Gradients that lead further down are stopped."""
    x = np.array([1.0])
    for _ in range(200):
        leaf = Tensor(x, requires_grad=True)
        ops.lower_bound(leaf, 0.25).sum().backward()
        assert leaf.grad is not None
        x = x - 0.01 * leaf.grad
    assert 0.23 < x.item() <= 0.25


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("minimum", [0.0, 1e-6, 0.5])
def test_nonnegative_is_the_reparametrisation_of_compressai(dtype: type, minimum: float) -> None:
    """max(p, √(minimum + 2⁻³⁶))² − 2⁻³⁶: not below the minimum, and the identity after storing."""
    p = np.array([-2.0, -1e-3, 0.0, 2.0**-18, 1e-3, 0.7, 3.0], dtype)
    v = ops.nonnegative(p, minimum).data
    expected = np.maximum(p.astype(np.float64), np.sqrt(minimum + 2.0**-36)) ** 2 - 2.0**-36
    rounding = float(np.finfo(dtype).eps)
    np.testing.assert_allclose(v, expected, rtol=4 * rounding, atol=2.0**-36 * 4 * rounding)
    assert v.min() >= minimum * (1 - 4 * rounding)
    values = np.array([0.0, 1e-6, 0.1, 1.0, 50.0], dtype)
    back = ops.nonnegative(ops.nonnegative_stored(values)).data
    assert back.dtype == dtype
    np.testing.assert_allclose(back, values, rtol=4 * rounding, atol=1e-15)


def test_nonnegative_stays_alive_at_zero() -> None:
    """At v = 0 a gradient that leads up passes with slope 2 · 2⁻¹⁸, and from far below too."""
    stored = Tensor(np.array([2.0**-18, -4.0]), requires_grad=True)
    ops.nonnegative(stored).backward(np.array([-1.0, -1.0]))
    np.testing.assert_allclose(stored.grad, [-(2.0**-17)] * 2)
    assert PEDESTAL == 2.0**-36


def test_negative_values_are_stored_as_zero() -> None:
    """They stand for nothing."""
    np.testing.assert_array_equal(ops.nonnegative_stored(np.array([-1.0, 0.0])), [2.0**-18] * 2)


@pytest.mark.parametrize("minimum", [-1e-9, float("nan")])
def test_a_negative_minimum_is_refused(minimum: float) -> None:
    """It would have no root."""
    with pytest.raises(ValueError, match=f"nonnegative: minimum is {minimum}"):
        ops.nonnegative(np.ones(2), minimum)


@pytest.mark.reference
@pytest.mark.parametrize("bound", [0.0, 0.3])
def test_lower_bound_as_a_function_of_pytorch(bound: float) -> None:
    """The same rule written for its tape."""
    torch = pytest.importorskip("torch")

    class LowerBound(torch.autograd.Function):
        @staticmethod
        def forward(context, x):  # type: ignore[no-untyped-def]
            context.save_for_backward(x)
            return torch.clamp(x, min=bound)

        @staticmethod
        def backward(context, gradient):  # type: ignore[no-untyped-def]
            (x,) = context.saved_tensors
            return gradient * ((x >= bound) | (gradient < 0))

    rng = np.random.default_rng(0)
    array, weights = rng.standard_normal((3, 4, 5)), rng.standard_normal((3, 4, 5))
    ours, theirs = Tensor(array, requires_grad=True), torch.tensor(array, requires_grad=True)
    (ops.lower_bound(ours, bound) ** 2).backward(weights)
    (LowerBound.apply(theirs) ** 2).backward(torch.tensor(weights))
    np.testing.assert_allclose(ours.grad, theirs.grad.numpy(), rtol=1e-14)
