"""Lesson 4: what a learner gets wrong most often, and what the checks say to it."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from lesson_cases import defined_by
from PIL import Image
from scipy import stats

from codec_eval import bits_per_pixel, mse
from jpeg_from_scratch import decode, encode
from jpeg_from_scratch.tables import LUMINANCE_QUANTIZATION as K1


@pytest.fixture(scope="module")
def lesson() -> dict[str, Any]:
    """What the script defines, without its figures."""
    return defined_by(4)


def nearest(values: Any, table: Any, add: Any = 0.5) -> Any:
    """Halves away from zero, or another threshold."""
    return (np.sign(values) * np.floor(np.abs(values) / table + add)).astype(int)


def knob(quality: int, low: int = 1, high: int = 255, half: int = 50, percent: float | None = None) -> Any:
    """The table for a quality, or a wrong one."""
    if percent is None:
        percent = 5000 // quality if quality < 50 else 200 - 2 * quality
    return np.clip((K1 * percent + half) // 100, low, high).astype(int)


def bits_of(numbers: Any, base: float = 2) -> float:
    """The entropy of all numbers together."""
    return float(stats.entropy(np.unique(numbers, return_counts=True)[1], base=base))


def cost(s: Any, table: Any, base: float = 2, of: Callable[..., Any] = np.mean, back: Any = None) -> Any:
    """Bits and error, right or wrong."""
    q = nearest(s, table)
    bits = of([bits_of(q[..., v, u], base) for v in range(8) for u in range(8)])
    return bits, np.mean((s - q * (table if back is None else back)) ** 2)


def lazily(s: Any, table: Any, add: float = 0.4, dc: float = 0.5) -> Any:
    """With a wide zero, or a wrong one."""
    offset = np.full((8, 8), add)
    offset[0, 0] = dc
    return nearest(s, table, offset)


MISTAKES: list[tuple[str, Callable[..., Any], str]] = [
    ("check_4_1", lambda s, q: s / q, "whole numbers, please"),
    ("check_4_1", lambda s, q: np.trunc(s / q), r"0, 1, 2, not \[0. 0. 1.\]: cut off"),
    ("check_4_1", lambda s, q: np.rint(s / q).astype(int), r"go up to 1, 3, not \[0 2\]: to the even one"),
    ("check_4_1", lambda s, q: np.floor(s / q + 0.5).astype(int), "away from 0, not"),
    ("check_4_1", lambda s, q: nearest(s, q) + (s < -8), r"−9, −25 by 16 give"),
    ("check_4_1", lambda s, q: nearest(s, np.ravel(q)[0]), "a stack of blocks is wrong"),
    ("check_4_2", lambda quality: knob(quality, low=0), "quality 100 gives steps of 0"),
    ("check_4_2", lambda quality: knob(quality, high=9999), "quality 1 has a step of 6050"),
    ("check_4_2", lambda quality: knob(quality, percent=100 - quality + 50), "so 50 %: 16 becomes 8, not 12"),
    ("check_4_2", lambda quality: knob(quality, percent=200 - 2 * quality), "16 becomes 32, not 24"),
    ("check_4_2", lambda quality: knob(quality, half=0), "row and column .* off by one"),
    ("check_4_2", lambda quality: knob(quality, percent=5000 / quality if quality < 50 else None), "cut off"),
    ("check_4_3", lambda s, t: cost(s, t, of=np.sum), "a block has 64 pixels"),
    ("check_4_3", lambda s, t: cost(s, t, base=np.e), r"not 0\.347: base 2"),
    ("check_4_3", lambda s, t: (bits_of(nearest(s, t)), 0), "a histogram of its own"),
    ("check_4_3", lambda s, t: cost(s, t, back=1), "times Δ again"),
    ("check_4_3", lambda s, t: (cost(s, t)[0], cost(s, t)[1] ** 0.5), r"quality 85: MSE .*, not"),
    ("check_4_4", lambda s, t, add=0.4: lazily(s, t, dc=add), r"DC 5\.5 by 10 goes to 1, as ever, not 0"),
    ("check_4_4", lambda s, t, add=0.4: nearest(s, t), r"5\.5 by 10 goes to 0, not to 1"),
    ("check_4_4", lambda s, t, add=0.4: np.where(abs(s) < 0.6 * t, 0, nearest(s, t)), r"5 by 10 goes to"),
    ("check_4_4", lambda s, t, add=0.4: lazily(s, t, 0.4), "add = 0.5 is plain rounding"),
    ("check_4_4", lambda s, t, add=0.4: lazily(s, t, add)[0], r"a stack \(2, 8, 8\) became \(8, 8\)"),
]


@pytest.mark.parametrize(("check", "mistake", "words"), MISTAKES)
def test_a_check_teaches(lesson: dict[str, Any], check: str, mistake: Callable[..., Any], words: str) -> None:
    """The message names what is wrong."""
    with pytest.raises(AssertionError, match=words), np.errstate(invalid="ignore"):
        lesson[check](mistake)


def test_what_is_foretold_comes_true(lesson: dict[str, Any]) -> None:
    """Rate and distortion without a file are near those of the file."""
    luma, table = np.ascontiguousarray(lesson["luma"][:320, :320]), lesson["table_for"](60)
    bits, error = lesson["rate_and_distortion"](lesson["S"][:40, :40], table)
    data = encode(luma, quant_tables=table, optimize=True)
    assert bits == pytest.approx(bits_per_pixel(len(data), luma.shape), rel=0.1)
    assert error == pytest.approx(mse(luma, decode(data)), rel=0.05)


def test_the_file_that_is_made(lesson: dict[str, Any]) -> None:
    """The learner's rounding makes a smaller file that Pillow opens, at nearly the same error."""
    crop = np.ascontiguousarray(lesson["luma"][200:328, 200:328])
    plain = encode(crop, 60, stages={"quantize": lesson["quantize"]})
    lazy = encode(crop, 60, stages={"quantize": lesson["quantize_lazily"]})
    assert plain == encode(crop, 60)
    assert len(lazy) < 0.95 * len(plain)
    with Image.open(io.BytesIO(lazy)) as opened:
        assert opened.format == "JPEG"
        assert mse(crop, np.asarray(opened)) < 1.2 * mse(crop, decode(plain))
