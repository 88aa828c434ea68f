"""Lesson 1: what a learner gets wrong most often, and what the checks say to it."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from lesson_cases import defined_by
from scipy import ndimage

from codec_eval import mse, ssim_map
from lessons.tools.catalog import find_lesson

WEIGHTS = np.exp(-(np.arange(-5, 6) ** 2) / 4.5)
WEIGHTS /= WEIGHTS.sum()
C1, C2 = 2.55**2, 7.65**2


@pytest.fixture(scope="module")
def lesson() -> dict[str, Any]:
    """What the script defines for its checks, without figures and damaged pictures."""
    return defined_by(1, "seven = {")


def shares(values: Any, bins: int = 256) -> Any:
    """How often each value 0 … comes, zeros included."""
    return np.bincount(np.ravel(values) + 3, minlength=bins) / np.size(values)


def nats(values: Any) -> float:
    """The entropy by another logarithm."""
    p = shares(values)
    return float(-(p[p > 0] * np.log(p[p > 0])).sum())


def with_nan(values: Any) -> float:
    """The logarithm of nothing."""
    p = shares(values)
    with np.errstate(all="ignore"):
        return float(-(p * np.log2(p)).sum())


def decibels(x: Any, y: Any, peak: float = 255) -> float:
    """PSNR, without a special case."""
    with np.errstate(divide="ignore"):
        return float(10 * np.log10(np.float64(peak**2) / np.mean((x.astype(float) - y) ** 2)))


def similarity(x: Any, y: Any, mean: Callable[[Any], Any], spread: Callable[[Any], Any]) -> Any:
    """The formula, with means and spreads of the caller's."""
    x, y = x.astype(float), y.astype(float)
    mx, my = mean(x), mean(y)
    vx, vy, both = spread(x), spread(y), (spread(x + y) - spread(x) - spread(y)) / 2
    return (2 * mx * my + C1) * (2 * both + C2) / ((mx**2 + my**2 + C1) * (vx + vy + C2))


def local_mean(plane: Any) -> Any:
    """The mean in every window."""
    return ndimage.correlate(np.asarray(plane, float), np.outer(WEIGHTS, WEIGHTS))[5:-5, 5:-5]


MISTAKES: list[tuple[str, Callable[..., Any], str]] = [
    ("check_1_1", nats, r"0\.69 is in nats"),
    ("check_1_1", with_nan, "nan for values 0 and 255: what never comes"),
    ("check_1_1", lambda v: -nats(v) / math.log(2), "not -1.000: a sign"),
    ("check_1_1", lambda v: math.log2(len(np.unique(v))), "¾ and ¼: 0.811 bits, yours 1.000"),
    ("check_1_2", lambda x, y: float(10 * np.log10(255**2 / np.mean((x - y) ** 2))), "20² is 144 in uint8"),
    ("check_1_2", lambda x, y: decibels(x - y, 0), "3 − 5 is 254 in uint8"),
    ("check_1_2", lambda x, y: decibels(x, y, max(x.max(), y.max())), "not the largest one"),
    ("check_1_2", lambda x, y: decibels(x, y, 255**0.5), r"is 42\.11 dB, not .*: L²"),
    ("check_1_2", lambda x, y: 20 * math.log10(255 / np.mean(np.abs(x - y.astype(float)))), "errors 0, 20"),
    ("check_1_2", lambda x, y: min(decibels(x, y), 100.0), "PSNR is infinite"),
    ("check_1_3", lambda x, y: similarity(x, y, np.mean, np.var), "coarse: .*: weights in σ² too"),
    ("check_1_3", lambda x, y: abs(similarity(x, y, np.mean, np.var)), "σ_xy keeps its sign"),
    ("check_1_3", lambda x, y: similarity(x, y, lambda v: 1, np.var), "the first factor"),
    ("check_1_4", lambda x, y: ssim_map(x, y, data_range=255).mean(), r"each of 30×20 windows, not \(\)"),
    ("check_1_4", lambda x, y: similarity(x, y, local_mean, lambda v: local_mean(v * v)), "look at σ_xy"),
]


@pytest.mark.parametrize(("check", "mistake", "words"), MISTAKES)
def test_a_check_teaches(lesson: dict[str, Any], check: str, mistake: Callable[..., Any], words: str) -> None:
    """The message names what is wrong."""
    with pytest.raises(AssertionError, match=words):
        lesson[check](mistake)


def test_products_in_bytes(lesson: dict[str, Any]) -> None:
    """Who squares in uint8 hears of it."""

    def wraps(x: Any, y: Any) -> Any:
        mx, my = local_mean(x), local_mean(y)
        vx, vy, both = local_mean(x * x) - mx * mx, local_mean(y * y) - my * my, local_mean(x * y) - mx * my
        return (2 * mx * my + C1) * (2 * both + C2) / ((mx**2 + my**2 + C1) * (vx + vy + C2))

    with pytest.raises(AssertionError, match="off by up to"):
        lesson["check_1_4"](wraps)


def test_the_learners_map_is_the_librarys(lesson: dict[str, Any]) -> None:
    """What is built in the lesson equals what papers report, on the photograph."""
    grey = lesson["grey"][:100, :120]
    coarse = grey // 8 * 8
    assert np.allclose(lesson["ssim_everywhere"](grey, coarse), ssim_map(grey, coarse, data_range=255))


def test_equal_errors(lesson: dict[str, Any]) -> None:
    """The search for a strength ends near the error of a move, whatever the damage."""
    part = next(part for part in find_lesson(1).text.split("# %%") if "seven = {" in part)
    small = {**lesson, "grey": lesson["grey"][200:280, 150:230], "height": 80, "width": 80}
    exec(part.replace("range(1, 100, 2)", "range(1, 100, 50)"), small)
    assert len(small["seven"]) == 7
    errors = [mse(small["grey"], image) for name, image in small["seven"].items() if name != "JPEG"]
    assert max(errors) < 1.5 * min(errors)
