"""Lesson 11: what a learner gets wrong most often, and what the checks say to it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from lesson_cases import defined_by

from neural_from_scratch import Tensor, ops
from neural_from_scratch.tensor import record


@pytest.fixture(scope="module")
def lesson() -> dict[str, Any]:
    """What the script defines, without its figures."""
    return defined_by(11)


def differences(loss: Any, w: Any, h: float, above: float, below: float, width: float) -> Any:
    """Divide the difference of two losses by `width`, one weight after the other."""
    each = np.eye(w.size).reshape(w.size, *w.shape) * h
    slopes = [(loss(w + above * push) - loss(w - below * push)) / width for push in each]
    return np.reshape(slopes, w.shape)


def autoencoder(x: Any, a: Any, b: Any, scale: float, through_b: bool = True) -> tuple[Any, Any, Any]:
    """Return loss and slopes with a factor, and with B on the way back to A or without."""
    error = x @ a @ b - x
    slope = scale * error
    back = slope @ b.T if through_b else slope[:, : a.shape[1]]
    return np.mean(error**2), x.T @ back, (x @ a).T @ slope


def bent(slope_of: Callable[[Any, Any], Any], result: Callable[[Any], Any] | None = None) -> Any:
    """Return a swish whose way back is `slope_of` of the numbers and of the slope that comes in."""

    def swish(x: Tensor) -> Tensor:
        y = (result or (lambda data: data * gate(data)))(x.data)
        return record("swish", y, (x,), lambda slope: (slope_of(x.data, slope),))

    return swish


def gate(data: Any) -> Any:
    """σ, which does not overflow."""
    return 0.5 + 0.5 * np.tanh(0.5 * data)


def overflowing(data: Any) -> Any:
    """x σ(x) by the wrong form: −∞ · 0 / ∞."""
    with np.errstate(all="ignore"):
        return data * np.exp(data) / (1 + np.exp(data))


def right(data: Any, slope: Any) -> Any:
    """The right slope."""
    return slope * gate(data) * (1 + data * (1 - gate(data)))


MISTAKES: list[tuple[str, Callable[..., Any], str]] = [
    ("check_11_1", lambda f, w, h=1e-5: differences(f, w, h, 1, 1, h), "Divide by 2h"),
    ("check_11_1", lambda f, w, h=1e-5: differences(f, w, h, 1, 0, h), "is it one-sided"),
    ("check_11_1", lambda f, w, h=1e-5: np.full(w.shape, f(w + h) - f(w - h)) / (2 * h), "one at a time"),
    ("check_11_2", lambda x, w, g: (g @ w, x.T @ g), "∂L/∂x: a transpose is missing"),
    ("check_11_2", lambda x, w, g: (g @ w.T, x @ g), "∂L/∂w: a transpose is missing"),
    ("check_11_2", lambda x, w, g: (g @ w.T, g.T @ x), "∂L/∂w: which index is summed"),
    ("check_11_3", lambda x, a, b: (np.sum((x @ a @ b - x) ** 2), a, b), "a mean of 120 squares"),
    ("check_11_3", lambda x, a, b: autoencoder(x, a, b, 2), "∂L/∂A: 120 times the right one"),
    ("check_11_3", lambda x, a, b: autoencoder(x, a, b, 2 / len(x)), "∂L/∂A: 6 times the right one"),
    ("check_11_3", lambda x, a, b: autoencoder(x, a, b, -2 / x.size), "∂L/∂A: -1 times the right one"),
    ("check_11_3", lambda x, a, b: autoencoder(x, a, b, 2 / x.size, False), "∂L/∂A: wrong way"),
    ("check_11_4", lambda x: x.data * gate(x.data), "a Tensor from `record`, please; yours is a ndarray"),
    ("check_11_4", lambda x: Tensor(x.data * gate(x.data)), "nothing is on the tape"),
    ("check_11_4", lambda x: ops.sigmoid(x), r"swish of \[-3"),
    ("check_11_4", bent(lambda x, g: g * gate(x)), "two terms"),
    ("check_11_4", bent(lambda x, g: right(x, 1.0)), "times the slope that comes in"),
    ("check_11_4", bent(right, overflowing), "overflow"),
]


@pytest.mark.parametrize(("check", "mistake", "words"), MISTAKES)
def test_a_check_teaches(lesson: dict[str, Any], check: str, mistake: Callable[..., Any], words: str) -> None:
    """The message names what is wrong."""
    with pytest.raises(AssertionError, match=words):
        lesson[check](mistake)


def test_the_slopes_by_hand_are_those_of_differences(lesson: dict[str, Any]) -> None:
    """What the lesson asks for: the two ways to a gradient agree, on blocks of the photograph."""
    draw = np.random.default_rng(0)
    x, a, b = lesson["seen"][:40, :6], draw.normal(size=(6, 2)), draw.normal(size=(2, 6))
    _, by_a, by_b = lesson["loss_and_slopes"](x, a, b)
    measured = lesson["slopes"](lambda w: np.mean((x @ w @ b - x) ** 2), a)
    assert np.allclose(by_a, measured, atol=1e-8)
    assert np.allclose(by_b, lesson["slopes"](lambda w: np.mean((x @ a @ w - x) ** 2), b), atol=1e-8)
