"""Lesson 7: what a learner gets wrong most often, and what the checks say to it."""

from __future__ import annotations

import io
import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from lesson_cases import defined_by
from PIL import Image

from jpeg_from_scratch import encode
from jpeg_from_scratch import scan_sequential_arithmetic as scans


@pytest.fixture(scope="module")
def lesson() -> dict[str, Any]:
    """What the script defines, without its figures."""
    return defined_by(7)


def narrowed(decisions: Any, zero: Any, low_first: bool = True, one_below: bool = False) -> Any:
    """Narrow; or the size changes before `low` grows; or the lower part is that of decision 1."""
    low, size = Fraction(0), Fraction(1)
    for decision in decisions:
        before, part = size, zero if decision == 0 else 1 - zero
        size *= part
        if one_below:
            low += (before if low_first else size) * (1 - zero) * (1 - decision)
        else:
            low += (before if low_first else size) * zero * decision
    return low, size


def fraction_bits(low: Any, size: Any, round_: Callable[..., int] = math.ceil, pad: bool = True) -> str:
    """Search the shortest; or round down; or lose leading zeros."""
    n = 0
    while math.ceil(low * 2**n) >= (low + size) * 2**n:
        n += 1
    return format(round_(low * 2**n), f"0{n}b" if pad else "b") if n else ""


def by_logarithm(low: Any, size: Any) -> str:
    """As many bits as are always enough, not as few as do."""
    n = math.ceil(-math.log2(size)) + 1
    return format(math.ceil(low * 2**n), f"0{n}b")


def undone(bits: str, zero: Any, count: int, edge: bool = True, anew: bool = True) -> list[int]:
    """Decode; or the edge belongs to 0; or the number stays what it was."""
    number, decisions = Fraction(int("0" + bits, 2), 2 ** len(bits)), []
    for _ in range(count):
        decisions.append(int(number >= zero if edge else number > zero))
        if anew:
            number = (number - zero) / (1 - zero) if decisions[-1] else number / zero
    return decisions


def laplace(decisions: Any, itself: int = 0, start: int = 1) -> float:
    """Add up bits one by one; or count the decision itself; or begin with other counts."""
    counts, bits = [start, start], 0.0
    for decision in decisions.tolist():
        counts[decision] += itself
        bits -= math.log2(counts[decision] / sum(counts))
        counts[decision] += 1 - itself
    return bits


def without_exchange(a: int, c: int, qe: int, probable: bool) -> tuple[int, int]:
    """The MPS always has the lower part."""
    return (a - qe, c) if probable else (qe, c + a - qe)


def lps_below(a: int, c: int, qe: int, probable: bool) -> tuple[int, int]:
    """The LPS has the lower part."""
    return (a - qe, c + qe) if probable else (qe, c)


def c_stays(a: int, c: int, qe: int, probable: bool) -> tuple[int, int]:
    """C does not grow."""
    return (a - qe, c) if probable == (a - qe >= qe) else (qe, c)


def exchange_at_equality(a: int, c: int, qe: int, probable: bool) -> tuple[int, int]:
    """They change places while the lower part is still the larger."""
    rest = a - qe
    return (rest, c) if probable == (rest >= qe + 0x300) else (qe, c + rest)


MISTAKES: list[tuple[str, Callable[..., Any], str]] = [
    ("check_7_1", lambda d, zero: None, "low and size are asked for, not None"),
    ("check_7_1", lambda d, zero: narrowed(d, zero, low_first=False), "What lies below part 1"),
    ("check_7_1", lambda d, zero: narrowed(d, zero, one_below=True), "What lies below part 1"),
    ("check_7_1", lambda d, zero: narrowed(d, 1 - zero), "a product of probabilities"),
    ("check_7_2", lambda low, size: low + size / 2, "a string of 0 and 1, please"),
    ("check_7_2", lambda low, size: fraction_bits(low, size, math.floor), "rounded down"),
    ("check_7_2", lambda low, size: fraction_bits(low, size, pad=False), "or a zero lost"),
    ("check_7_2", by_logarithm, "shorter than"),
    ("check_7_3", lambda bits, zero, count: None, "4 decisions, please, not None"),
    (
        "check_7_3",
        lambda bits, zero, count: undone(bits, zero, count, edge=False),
        "edge is the upper part's",
    ),
    ("check_7_3", lambda bits, zero, count: undone(bits, zero, count, anew=False), "divided anew"),
    ("check_7_4", lambda d: np.zeros(len(d)), "one number is asked for"),
    ("check_7_4", lambda d: laplace(d, itself=1), "is decision i itself counted"),
    ("check_7_4", lambda d: laplace(d, start=2), "i . 2, and . 1"),
    ("check_7_5", without_exchange, "MPS: take the upper part"),
    ("check_7_5", lps_below, "MPS: take the lower part"),
    ("check_7_5", c_stays, "LPS: take the upper part"),
    ("check_7_5", exchange_at_equality, "K.4.1 fails: do you compare"),
]


@pytest.mark.parametrize(("check", "mistake", "words"), MISTAKES)
def test_a_check_teaches(lesson: dict[str, Any], check: str, mistake: Callable[..., Any], words: str) -> None:
    """The message names what is wrong."""
    with pytest.raises(AssertionError, match=words):
        lesson[check](mistake)


def test_there_and_back(lesson: dict[str, Any]) -> None:
    """Three hundred decisions of the picture come back out of one fraction of as many bits as they carry."""
    decisions = lesson["flags"][..., 35].ravel()[:300].tolist()
    zero = Fraction(9, 10)
    low, size = lesson["interval"](decisions, zero)
    bits = lesson["shortest"](low, size)
    assert lesson["decisions_of"](bits, zero, 300) == decisions
    carried = -sum(math.log2(1 - zero if decision else zero) for decision in decisions)
    assert len(bits) <= math.ceil(carried) < 300


def test_the_order_does_not_matter_to_counters(lesson: dict[str, Any]) -> None:
    """By Laplace's rule only how many ones there are tells the cost, and it is that of naming them."""
    for decisions in ([0] * 6 + [1] * 3, [1, 0, 0] * 3):
        bits = lesson["adaptive_bits"](np.array(decisions))
        assert math.isclose(bits, math.log2(10 * math.comb(9, 3)))


def test_the_file_that_is_made(lesson: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Through the learner's step the file is the library's, and Pillow opens it."""
    crop = np.ascontiguousarray(lesson["luma"][:64, :64])
    expected = encode(crop, arithmetic=True)
    calls = []

    def step(*arguments: Any) -> Any:
        calls.append(arguments)
        return lesson["qm_step"](*arguments)

    monkeypatch.setattr(scans, "Encoder", lesson["coder"](step))
    data = encode(crop, arithmetic=True, backend="reference")
    assert data == expected
    assert len(calls) > 1000
    with Image.open(io.BytesIO(data)) as opened:
        assert opened.format == "JPEG"
        opened.load()
