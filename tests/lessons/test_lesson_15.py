"""Lesson 15: what a learner gets wrong most often, and what the checks say to it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from lesson_cases import defined_by
from scipy.special import erfc

from neural_from_scratch.gaussian_model import scale_levels


@pytest.fixture(scope="module")
def lesson() -> dict[str, Any]:
    """What the exercises and checks define: they need neither files nor the photograph."""
    return defined_by(
        15, "default_photograph()", given={"np": np, "erfc": erfc, "scale_levels": scale_levels}
    )


def phi(x: Any) -> Any:
    return erfc(-x / np.sqrt(2)) / 2


def right(k: Any, scale: Any) -> Any:
    return phi((0.5 - np.abs(k)) / scale) - phi((-0.5 - np.abs(k)) / scale)


def level(values: Any, scales: Any, least: float = 1e-9, density: Any = right) -> tuple[int, float]:
    p = density(np.ravel(values)[:, np.newaxis], np.asarray(scales))
    bits = -np.log2(np.maximum(p, least)).sum(axis=0)
    return int(bits.argmin()), float(bits.min())


def squares(channel: Any, n: int, scales: Any, side: Callable[[Any], float], edges: bool = True) -> Any:
    rows, columns = (size if edges else size // n * n for size in channel.shape)
    corners = [(r, c) for r in range(0, rows, n) for c in range(0, columns, n)]
    found = [level(channel[r : r + n, c : c + n], scales) for r, c in corners]
    return side([index for index, _ in found]), sum(bits for _, bits in found)


def entropy(indexes: Any) -> float:
    counts = np.unique(indexes, return_counts=True)[1]
    return float(-(counts * np.log2(counts / counts.sum())).sum())


def layer(weights: Any, inputs: Any, bits: int, half: int = 1, late: bool = False) -> Any:
    matrix = np.rint(np.asarray(weights) * (1 if late else 2.0**bits)).astype(np.int64)
    return (matrix @ inputs * (2**bits if late else 1) + half * (1 << (bits - 1))) >> bits


MISTAKES: list[tuple[str, Callable[..., Any], str]] = [
    ("check_15_1", lambda k, s: phi((k + 0.5) / s) - phi((k - 0.5) / s), r"p\(30\) is 0, p\(−30\) is not"),
    ("check_15_1", lambda k, s: np.exp(-(k**2) / (2 * s**2)) / s, "the sum of all p is"),
    ("check_15_1", lambda k, s: phi((k + 0.5) / s**2) - phi((k - 0.5) / s**2), "divide by σ"),
    ("check_15_1", lambda k, s: right(3, 1.5), "gave an array of shape"),
    ("check_15_2", lambda v, s: level(v, s, 1e-300), "one value far out"),
    ("check_15_2", lambda v, s: (0, 0.0), "you chose 0.11"),
    ("check_15_2", lambda v, s: (level(v, s)[0], level(v, s)[1] / np.size(v)), "bits a value"),
    ("check_15_3", lambda c, n, s: squares(c, n, s, lambda i: 6.0 * len(i)), "telling costs 0 bits"),
    ("check_15_3", lambda c, n, s: squares(c, n, s, lambda i: entropy(i) / len(i)), "4 bits to tell, not 1"),
    ("check_15_3", lambda c, n, s: squares(c, n, s, entropy, False), "squares are missing"),
    ("check_15_4", lambda w, x, b: np.rint(np.asarray(w) @ x), "whole numbers, please"),
    ("check_15_4", lambda w, x, b: layer(w, x, b, late=True), "off: round weights"),
    ("check_15_4", lambda w, x, b: layer(w, x, b, half=0), "add half before"),
]


@pytest.mark.parametrize(("check", "mistake", "words"), MISTAKES)
def test_a_check_teaches(lesson: dict[str, Any], check: str, mistake: Callable[..., Any], words: str) -> None:
    with pytest.raises(AssertionError, match=words), np.errstate(divide="ignore"):
        lesson[check](mistake)


def test_others_who_are_right_pass(lesson: dict[str, Any]) -> None:
    lesson["check_15_1"](right)
    lesson["check_15_2"](level)
    lesson["check_15_3"](lambda c, n, s: squares(c, n, s, entropy))
    lesson["check_15_4"](layer)
