"""Lesson 12: what a learner gets wrong most often, and what the checks say to it."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
from lesson_cases import defined_by

from neural_from_scratch import ops, use_backend


@pytest.fixture(scope="module")
def lesson() -> dict[str, Any]:
    """What the script defines, without its figures."""
    return defined_by(12)


def bins(a: Any, b: Any, edges: Any, side: str = "left", middle: float | None = None) -> Any:
    """Widths of bins that own their right edges, or are taken about a middle that is not theirs."""
    found = []
    for low, high in itertools.pairwise(edges):
        inside = (low <= a) & (a < high) if side == "left" else (low < a) & (a <= high)
        part = b[inside]
        about = part.mean() if middle is None and part.size else middle or 0.0
        found.append(np.sqrt(np.mean((part - about) ** 2)) if part.size else np.nan)
    return np.array(found)


def normalised(x: Any, beta: Any, gamma: Any, power: float = 0.5) -> Any:
    """GDN with another exponent."""
    energy = np.einsum("ij,njhw->nihw", gamma, x**2) + beta[:, None, None]
    return x / energy**power


def backward(x: Any, beta: Any, gamma: Any, slope: Any, factor: float = 2, turn: bool = False) -> Any:
    """GDN backwards, with a factor before the part through n, and γ turned or not."""
    n = beta + x**2 @ gamma.T
    h = -0.5 * slope * x * n**-1.5
    through = h @ (gamma.T if turn else gamma)
    return slope / np.sqrt(n) + factor * x * through, h.sum(axis=0), h.T @ x**2


def kernel(axes: Any, first: int = 2, order: tuple[int, ...] = (0, 1, 2, 3)) -> Any:
    """A matrix in the four taps that begin at `first`."""
    found = np.zeros((len(axes), axes.shape[1] // 4, 5, 5))
    taps = axes.reshape(len(axes), -1, 2, 2).transpose(order)
    found[:, :, first : first + 2, first : first + 2] = taps
    return found


def without(place: int, wrong: Callable[[Any], Any]) -> Callable[..., Any]:
    """Return what spoils one of the three slopes."""

    def found(*arguments: Any) -> list[Any]:
        right = list(backward(*arguments))
        right[place] = wrong(right[place])
        return right

    return found


EDGES = "a = 1 belongs to the bin above"
MISTAKES: list[tuple[str, Callable[..., Any], str]] = [
    ("check_12_1", lambda a, b, edges: bins(a, b, edges, side="right"), EDGES),
    ("check_12_1", lambda a, b, edges: bins(a, b, edges, middle=b.mean()), "width 1, not"),
    ("check_12_1", lambda a, b, edges: np.nan_to_num(bins(a, b, edges)), "NaN, not 0.0"),
    ("check_12_1", lambda a, b, edges: bins(a, b, edges) ** 2, "width 3, not 9.00"),
    ("check_12_2", lambda x, beta, gamma: normalised(x, beta, gamma)[0], r"your y \(2, 1, 1\)"),
    ("check_12_2", lambda x, beta, gamma: normalised(x, beta, gamma, 1), "the root is missing"),
    ("check_12_2", lambda x, beta, gamma: normalised(x, beta, gamma.T), r"γ\[i, j\]: what j adds"),
    (
        "check_12_2",
        lambda x, b, g: x / np.sqrt(np.einsum("ij,njhw->nihw", g, x**2) + b.mean()),
        "β is along",
    ),
    (
        "check_12_2",
        lambda x, beta, gamma: normalised(x, beta, gamma).astype(float),
        "float32 came in: keep it",
    ),
    ("check_12_3", partial(backward, factor=0), "x also acts through n"),
    ("check_12_3", partial(backward, factor=1), "half of it"),
    ("check_12_3", partial(backward, turn=True), "Σ over i, γ_ik"),
    ("check_12_3", without(1, lambda by_beta: by_beta[None].repeat(5, 0)), r"is \(5, 3\), not \(3,\)"),
    ("check_12_3", without(1, lambda by_beta: -by_beta), "∂L/∂β is Σ h"),
    ("check_12_3", without(2, np.transpose), "∂L/∂γ: transposed"),
    ("check_12_3", without(2, lambda by_gamma: 2 * by_gamma), "∂L/∂γ: Σ h_i"),
    ("check_12_4", lambda axes: kernel(axes).transpose(1, 0, 2, 3), r"make \(5, 2, 5, 5\), not \(2, 5"),
    ("check_12_4", lambda axes: kernel(axes, first=1), r"your first tap is \[1 1\]"),
    ("check_12_4", lambda axes: kernel(axes, order=(0, 1, 3, 2)), "the order: c, then a, then b"),
    ("check_12_4", lambda axes: np.ones((5, 2, 5, 5)), "40 numbers, but 250 weights"),
]


@pytest.mark.parametrize(("check", "mistake", "words"), MISTAKES)
def test_a_check_teaches(lesson: dict[str, Any], check: str, mistake: Callable[..., Any], words: str) -> None:
    """The message names what is wrong."""
    with pytest.raises(AssertionError, match=words):
        lesson[check](mistake)


def test_a_transposed_convolution_undoes_the_linear_start(lesson: dict[str, Any]) -> None:
    """What the text says of the kernel: with an orthonormal matrix nothing is lost."""
    draw = np.random.default_rng(0)
    matrix, x = np.linalg.qr(draw.normal(size=(8, 8)))[0], draw.normal(size=(1, 2, 6, 10))
    weights = lesson["as_kernel"](matrix)
    with use_backend("reference"):
        y = ops.conv2d(x, weights, stride=2, padding=2)
        back = ops.conv_transpose2d(y, weights, None, 2, 2, 1)
    assert np.allclose(back.data, x)


def test_the_layer_of_the_lesson_writes_the_file_of_the_library(lesson: dict[str, Any]) -> None:
    """The learner's GDN is that of the trained network, up to rounding."""
    from neural_from_scratch.weights import load_weights

    layer: Any = load_weights(1).model.g_a[1]
    beta, gamma = ops.nonnegative(layer.beta, layer.beta_min).data, ops.nonnegative(layer.gamma).data
    x = np.random.default_rng(0).normal(size=(1, 64, 4, 4)).astype(np.float32)
    with use_backend("reference"):
        right = ops.gdn(x, beta, gamma).data
    assert np.allclose(lesson["gdn"](x, beta, gamma), right, rtol=1e-5, atol=1e-6)
