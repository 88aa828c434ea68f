"""Lesson 10: what a learner gets wrong most often, and what the checks say to it. No clock is read."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from lessons.tools.catalog import find_lesson
from lessons.tools.exercises import check_call

pytestmark = pytest.mark.both_backends  # the lesson imports Numba
FIGURES = ("compiled", "fig", "jpeg", "def my_fdct")
PARTS = find_lesson(10).text.split("# %%")


@pytest.fixture(scope="module")
def lesson() -> dict[str, Any]:
    """What the script defines, without its figures and measurements."""
    namespace: dict[str, Any] = {}
    for part in PARTS:
        unwanted = part.startswith((" [markdown]", *(f"\n{name}" for name in FIGURES)))
        if not unwanted and not check_call(part):
            exec(uncompiled(part) if "numba.njit" in part else part, namespace)
    return namespace


def uncompiled(text: str) -> str:
    """The check of the kernel without the compiler, which takes seconds."""
    assert "numba.njit(fn)(" in text
    return text.replace("numba.njit(fn)(", "fn(")


def timed(function: Callable[[], None], clock: Callable[[], float], repeats: int) -> list[float]:
    """Times of single calls."""
    times = []
    for _ in range(repeats):
        start = clock()
        function()
        times.append(clock() - start)
    return times


def cold(function: Any, repeats: int = 5, clock: Any = time.perf_counter) -> float:
    """The first call counts, too."""
    return float(np.median(timed(function, clock, repeats + 1)))


def warm(rule: Callable[[list[float]], float]) -> Callable[..., float]:
    """A watch that makes one number of times by another rule."""

    def watch(function: Any, repeats: int = 5, clock: Any = time.perf_counter) -> float:
        function()
        return float(rule(timed(function, clock, repeats)))

    return watch


def around(function: Any, repeats: int = 5, clock: Any = time.perf_counter) -> float:
    """One reading for all calls."""
    function()
    start = clock()
    for _ in range(repeats):
        function()
    return float(clock() - start)


def swapped(blocks: Any, matrix: Any, out: Any) -> None:
    """Rows for columns."""
    out[:] = [waves(matrix) @ block.T @ waves(matrix).T for block in blocks]


def never_zero(blocks: Any, matrix: Any, out: Any) -> None:
    """A sum that goes on."""
    out[:] = np.cumsum([waves(matrix) @ block @ waves(matrix).T for block in blocks], axis=0)


def one_side(blocks: Any, matrix: Any, out: Any) -> None:
    """Over y only."""
    out[:] = [waves(matrix) @ block for block in blocks]


def first_row(blocks: Any, matrix: Any, out: Any) -> None:
    """A result that is not kept."""
    out[:, 0] = [(waves(matrix) @ block @ waves(matrix).T)[0] for block in blocks]


def waves(matrix: Any) -> Any:
    """The matrix as numbers."""
    return np.asarray(matrix, float)


def reciprocal(shift: int, more: int = 1) -> Callable[[int], tuple[int, int]]:
    """A shift of another size, or nothing added."""

    def found(d: int) -> tuple[int, int]:
        s = shift + (d - 1).bit_length()
        return (1 << s) // d + more, s

    return found


MISTAKES: list[tuple[str, Callable[..., Any], str]] = [
    ("check_10_1", lambda function, *rest: function(), "are 6, not 1"),
    ("check_10_1", cold, "the first call has no clock"),
    ("check_10_1", warm(np.mean), "that is the mean"),
    ("check_10_1", warm(min), "that is the shortest"),
    ("check_10_1", around, "read before and after each call"),
    ("check_10_2", lambda blocks, matrix, out: None, "not all of `out` was filled"),
    ("check_10_2", first_row, "not all of `out` was filled"),
    ("check_10_2", swapped, "swapped"),
    ("check_10_2", one_side, "wrong: S_00 must be"),
    ("check_10_2", never_zero, "does a sum start at 0"),
    ("check_10_3", reciprocal(15, more=0), "24 // 24 is 1, by you 0; m must be a little more"),
    ("check_10_3", reciprocal(10), "s is too small"),
    ("check_10_3", reciprocal(20), "16 at most: s is too large"),
    ("check_10_4", lambda seconds, gains: sum(gains.values()), "with gains {}: 1"),
    ("check_10_4", lambda s, g: sum(s.values()) / sum(v for k, v in s.items() if k not in g), "1.67"),
    ("check_10_4", lambda s, g: sum(s[k] / g.get(k, 1) for k in s) / sum(s.values()), "1.67, yours 0.6"),
]


@pytest.mark.parametrize(("check", "mistake", "words"), MISTAKES)
def test_a_check_teaches(lesson: dict[str, Any], check: str, mistake: Callable[..., Any], words: str) -> None:
    """The message names what is wrong."""
    with pytest.raises(AssertionError, match=words):
        lesson[check](mistake)


def test_products_are_counted(lesson: dict[str, Any]) -> None:
    """The definition is right, and sent back for its products; the kernel takes 1024."""
    with pytest.raises(AssertionError, match="with 8192 products a block"):
        lesson["check_10_2"](lesson["definition"])
    lesson["check_10_2"](lesson["kernel"])
    assert lesson["Counted"].products == 3 * 1024


def test_a_product_that_fits_is_the_librarys(lesson: dict[str, Any]) -> None:
    """The reciprocals of the exercise and of the library are one."""
    from jpeg_from_scratch._kernels.dct import reciprocals

    divisors = np.arange(1, 256)
    _, factor, shift = reciprocals(divisors)
    found = [reciprocal(15)(8 * int(d)) for d in divisors]
    assert found == list(zip(factor.tolist(), shift.tolist()))
    assert [lesson["reciprocal"](8 * int(d)) for d in divisors] == found
