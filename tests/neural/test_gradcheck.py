"""The check of gradients: right ones pass, and each way to be wrong is caught."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from neural_from_scratch import ops
from neural_from_scratch.gradcheck import gradient_error
from neural_from_scratch.tensor import Tensor, record

BAR = 1e-6
rng = np.random.default_rng(3)
X, W = rng.standard_normal((3, 3)), rng.standard_normal((3, 3))


def with_gradient(
    forward: Callable[..., np.ndarray], backward: Callable[..., tuple[Any, ...]]
) -> Callable[..., Tensor]:
    """Return an operation; `backward` takes the gradient and the inputs."""
    return lambda *x: record(
        "tried", forward(*(one.data for one in x)), x, lambda g: backward(g, *(one.data for one in x))
    )


WRONG = {
    "a factor": (lambda x: x * x, lambda g, x: (g * x,), [X]),
    "a factor near 1": (np.exp, lambda g, x: (g * np.exp(x) * (1 + 1e-5),), [X]),
    "the sign": (np.cos, lambda g, x: (g * np.sin(x),), [X]),
    "a missing term": (lambda x: x + x**3, lambda g, x: (g * 3 * x**2,), [X]),
    "transposed": (lambda x, w: x @ w, lambda g, x, w: ((g @ w.T).T, x.T @ g), [X, W]),
    "a factor transposed": (lambda x, w: x @ w, lambda g, x, w: (g @ w, x.T @ g), [X, W]),
    "two inputs exchanged": (lambda x, w: x * w, lambda g, x, w: (g * x, g * w), [X, W]),
    "one input forgotten": (lambda x, w: x * w, lambda g, x, w: (g * w, np.zeros_like(w)), [X, W]),
    "nothing at one border": (
        lambda x: x[:, ::-1] * 2,
        lambda g, x: (2 * g[:, ::-1] * np.array([0, 1, 1.0]),),
        [X],
    ),
    "moved by one": (lambda x: 2.0 * x, lambda g, x: (2.0 * np.roll(g, 1, axis=1),), [X]),
    "the mean for the sum": (lambda x: x.sum(0), lambda g, x: (np.broadcast_to(g / 3, x.shape),), [X]),
    "the gradient not looked at": (np.tanh, lambda g, x: (1 - np.tanh(x) ** 2,), [X]),
    "NaN": (lambda x: x * x, lambda g, x: (g * np.nan,), [X]),
    "NaN in one place": (lambda x: x * x, lambda g, x: (np.where(x == x.max(), np.nan, 2 * g * x),), [X]),
    "infinite": (lambda x: x * x, lambda g, x: (g * np.inf,), [X]),
    "float32": (
        np.exp,
        lambda g, x: ((g * np.exp(x)).astype(np.float32).astype(np.float64) * (1 + 2e-6),),
        [X],
    ),
}


@pytest.mark.parametrize("way", WRONG)
def test_wrong_gradient_is_caught(way: str) -> None:
    """Each of these is over the bar that all operations are held to."""
    forward, backward, inputs = WRONG[way]
    assert not gradient_error(with_gradient(forward, backward), inputs) < BAR


RIGHT = {
    "a square": (lambda x: x * x, lambda g, x: (2 * g * x,), [X]),
    "a product": (lambda x, w: x @ w, lambda g, x, w: (g @ w.T, x.T @ g), [X, W]),
    "a sum": (lambda x: x.sum(0), lambda g, x: (np.broadcast_to(g, x.shape),), [X]),
    "no numbers": (lambda x: x * x, lambda g, x: (2 * g * x,), [np.zeros((0, 2))]),
}


@pytest.mark.parametrize("way", RIGHT)
def test_right_gradient_passes(way: str) -> None:
    """The same operations, derived properly."""
    forward, backward, inputs = RIGHT[way]
    assert gradient_error(with_gradient(forward, backward), inputs) < 1e-9


def test_wrong_operation_of_the_package_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """A convolution whose way back misses one tap of its kernel."""
    from neural_from_scratch.backend import reference_backend, use_backend
    from neural_from_scratch.ops import convolution

    def forgetful(gradient: Any, weight: Any, *rest: Any) -> Any:
        weight = weight.copy()
        weight[:, :, -1, -1] = 0
        return convolution.correlate_transposed(gradient, weight, *rest)

    def error() -> float:
        with use_backend("reference"):
            return gradient_error(
                lambda x: ops.conv2d(x, np.ones((2, 1, 3, 3)), padding=1), [rng.standard_normal((1, 1, 4, 4))]
            )

    assert error() < BAR
    import dataclasses

    broken = dataclasses.replace(reference_backend(), correlate_transposed=forgetful)
    monkeypatch.setattr("neural_from_scratch.ops.convolution.backend_for", lambda _: broken)
    assert error() > 0.01


def test_surrogate_is_what_is_compared_with() -> None:
    """Rounding against the identity agrees, against itself it does not: its differences are 0."""
    from neural_from_scratch.quantization import round_straight_through

    x = np.array([0.3, 1.2, -7.7])
    assert gradient_error(round_straight_through, [x], surrogate=lambda t: t) < 1e-9
    assert gradient_error(round_straight_through, [x]) > 0.1


def test_arrays_are_left_alone() -> None:
    """The points at which functions are compared are not moved."""
    x = X.copy()
    gradient_error(ops.tanh, [x])
    np.testing.assert_array_equal(x, X)
