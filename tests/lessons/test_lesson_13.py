"""Lesson 13: what a learner gets wrong most often, and what the checks say to it."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
from lesson_cases import defined_by

from neural_from_scratch import Tensor, ops, use_backend
from neural_from_scratch.tensor import record


@pytest.fixture(scope="module")
def lesson() -> dict[str, Any]:
    """What the script defines, without its figures."""
    return defined_by(13)


def rounded(x: Tensor, factor: float, in_place: bool = False) -> Tensor:
    """Rounding whose gradient comes back times a factor."""
    y = np.rint(x.data)
    if in_place:
        x.data[:] = y
    return record("rounded", y, (x,), lambda slope: (factor * slope,))


def truncated(x: Tensor) -> Tensor:
    """`astype(int)` in the place of rounding."""
    return record("truncated", np.trunc(x.data), (x,), lambda slope: (slope,))


def difference(upper: Tensor, lower: Tensor) -> Tensor:
    """The plain difference, 0 far to the right."""
    return ops.sigmoid(upper) - ops.sigmoid(lower)


def mirrored(upper: Tensor, lower: Tensor, kind: str) -> Tensor:
    """The mirror with a sign that is 0 at 0, on the tape, forgotten, or of the other side."""
    total = upper.data + lower.data
    sign: Any = -np.sign(total) if kind == "zero" else np.where(total > 0, -1.0, 1.0)
    sign = (-sign if kind == "other" else sign).astype(upper.dtype)
    p = ops.sigmoid(upper * sign) - ops.sigmoid(lower * sign)
    return p if kind == "unsigned" else p * sign


def cut_off(upper: Tensor, lower: Tensor) -> Tensor:
    """Right, but without a way back to the lower end."""
    return mirrored(upper, lower.detach(), "right")


def network(
    x: Tensor, matrices: Any, biases: Any, factors: Any, wrong: str, steps: range = range(5)
) -> Tensor:
    """The network of the density, with one mistake."""
    for i in steps:
        matrix = matrices[i] if wrong == "softplus" else ops.softplus(matrices[i])
        x = matrix @ x if wrong == "bias" else matrix @ x + biases[i]
        if i < len(factors):
            bend = factors[i] if wrong == "tanh" else ops.tanh(factors[i])
            x = bend * ops.tanh(x) if wrong == "added" else x + bend * ops.tanh(x)
    return x


def cost(
    x: Any,
    decoded: Tensor,
    p: Tensor,
    weight: float,
    *,
    bits: float = 1,
    per: int = 40,
    scale: float = 255**2,
) -> Tensor:
    """R + λD, with the rate times `bits` over `per`, and the error times `scale`."""
    error = decoded - x
    return ops.sum(ops.log(p)) * (-bits / (math.log(2) * per)) + ops.mean(error * error) * (weight * scale)


MISTAKES: list[tuple[str, Callable[..., Any], str]] = [
    ("check_13_1", lambda x: np.rint(x.data), "a Tensor by `record`, please; yours is a ndarray"),
    ("check_13_1", truncated, "round to −1, 0, 3, not to"),
    ("check_13_1", lambda x: Tensor(np.rint(x.data)), "nothing is on the tape"),
    ("check_13_1", partial(rounded, factor=0), "the honest slope of stairs"),
    ("check_13_1", partial(rounded, factor=2), "unchanged, please"),
    ("check_13_1", partial(rounded, factor=1, in_place=True), "x itself has been rounded"),
    ("check_13_2", lambda upper, lower: difference(upper, lower).data, "have a way back"),
    ("check_13_2", difference, "mirror where u"),
    ("check_13_2", partial(mirrored, kind="zero"), "your sign of it makes p = 0"),
    ("check_13_2", partial(mirrored, kind="unsigned"), "0.2449, 0.1497 …, not"),
    ("check_13_2", partial(mirrored, kind="other"), "mirror where u"),
    ("check_13_2", cut_off, "the gradient check fails"),
    ("check_13_3", partial(network, wrong="softplus"), "of 96 channels L falls somewhere: softplus of Ĥ"),
    ("check_13_3", partial(network, wrong="bias"), r"L rises, but is not \(1\)"),
    ("check_13_3", partial(network, wrong="tanh"), "L rises, but is not|L falls somewhere"),
    ("check_13_3", partial(network, wrong="added"), r"h \+ …"),
    ("check_13_3", partial(network, wrong="", steps=range(4)), r"not \(96, 3, 19\)"),
    ("check_13_4", lambda *given: cost(*given).item(), "a Tensor, please: `ops.log`"),
    ("check_13_4", partial(cost, bits=math.log(2)), "log₂ p is ln p / ln 2"),
    ("check_13_4", partial(cost, bits=-1), "bits are −log₂ p"),
    ("check_13_4", partial(cost, per=672), "P is pixels"),
    ("check_13_4", partial(cost, per=120), "not 11.2.*; P?"),
    ("check_13_4", partial(cost, scale=1), "= 8.45, not 0.00"),
]


@pytest.mark.parametrize(("check", "mistake", "words"), MISTAKES)
def test_a_check_teaches(lesson: dict[str, Any], check: str, mistake: Callable[..., Any], words: str) -> None:
    """The message names what is wrong."""
    with pytest.raises(AssertionError, match=words):
        lesson[check](mistake)


def test_the_density_of_the_lesson_is_that_of_the_library(lesson: dict[str, Any]) -> None:
    """The learner's three functions together give the likelihoods of the trained codec."""
    latents = np.random.default_rng(0).normal(0, 6, (1, 96, 3, 4)).astype(np.float32)
    found = lesson["likelihood"](Tensor(latents)).data.reshape(96, 12)
    with use_backend("reference"):
        right = lesson["density"].likelihood(latents).data.reshape(96, 12)
    assert np.allclose(found, right, rtol=1e-4, atol=1e-9)
