"""Lesson 5: what a learner gets wrong most often, and what the checks say to it."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from lesson_cases import defined_by
from PIL import Image

from jpeg_from_scratch import encode, prediction
from jpeg_from_scratch.coefficients import run_length


@pytest.fixture(scope="module")
def lesson() -> dict[str, Any]:
    """What the script defines, without its figures."""
    return defined_by(5)


def open_loop(samples: Any, step: int) -> Any:
    """Guess by the true values."""
    numbers = np.rint(np.diff(samples, prepend=0) / step).astype(int)
    return numbers.tolist(), (step * np.cumsum(numbers)).tolist()


def closed(samples: Any, step: int, whole: Any = round, tell: Callable[..., Any] = lambda a, b: a) -> Any:
    """Close the loop; or send fractions; or return something else than the decoder has."""
    numbers: list[Any] = []
    decoded: list[Any] = []
    last = 0
    for sample in samples:
        number = (sample - last) / step
        numbers.append(whole(number))
        last += step * numbers[-1]
        decoded.append(tell(last, sample))
    return numbers, decoded


def guesses(samples: Any, k: int, first: int = 128, dtype: Any = int, halve: Any = np.floor) -> Any:
    """Predict by the library's rules; or begin elsewhere; or wrap; or halve with another rounding."""
    samples = samples.astype(dtype)
    ra, rb, rc = samples[1:, :-1], samples[:-1, 1:], samples[:-1, :-1]
    ab, ac, mean = (halve(each / 2).astype(int) for each in (rb - rc, ra - rc, ra + rb))
    rules = [ra, rb, rc, ra + rb - rc, ra + ab, rb + ac, mean]
    out = np.full(samples.shape, first)
    out[0, 1:], out[1:, 0] = samples[0, :-1], samples[:-1, 0]
    out[1:, 1:] = rules[k - 1]
    return out


def without_edges(samples: Any, k: int) -> Any:
    """The first row and column are left at 128."""
    out = np.full(samples.shape, 128)
    out[1:, 1:] = guesses(samples, k)[1:, 1:]
    return out


def diagonals(n: int, both: bool = True, first_down: bool = False) -> list[tuple[int, int]]:
    """Zigzag; or all diagonals go the same way; or the first step goes down."""
    places = []
    for total in range(2 * n - 1):
        line = [(row, total - row) for row in range(n) if 0 <= total - row < n]
        up = both and total % 2 == int(first_down)
        places += line[::-1] if up else line
    return places


def symbols(
    zz: Any, longest: int = 15, eob: bool = True, always: bool = False, signed: bool = False
) -> list[tuple[int, int]]:
    """Run-lengths, with one thing wrong."""
    out, run = [], 0
    for value in zz[1:]:
        if value == 0:
            run += 1
            continue
        while run > longest:
            out.append((0xF0, 0))
            run -= longest + 1
        size = len(bin(value)) - 2 if signed else abs(value).bit_length()
        out.append((16 * run + size, value))
        run = 0
    return out + [(0, 0)] * int(always or (eob and run > 0))


def early_zrl(zz: Any) -> list[tuple[int, int]]:
    """ZRL wherever sixteen zeros are, though nothing else follows."""
    tail = len(zz[1:]) - len(np.trim_zeros(np.array(zz[1:]), "b"))
    out = run_length(zz)
    return out[:-1] + [(0xF0, 0)] * (tail // 16) + out[-1:] if tail else out


MISTAKES: list[tuple[str, Callable[..., Any], str]] = [
    ("check_5_1", np.diff, "four differences, the first from 0"),
    ("check_5_1", lambda v: np.diff(v, prepend=v[:1] * 0), "uint8 wraps"),
    ("check_5_1", lambda v: -np.diff(v.astype(int), prepend=0), "The new less the old one"),
    ("check_5_2", lambda samples, step: closed(samples, step)[0], "two lists of seven"),
    ("check_5_2", open_loop, "off by 20, over half a step: guessed by the true value"),
    ("check_5_2", lambda samples, step: closed(samples, step, whole=int), "over half a step.*Cut off"),
    ("check_5_2", lambda samples, step: closed(samples, step, whole=float), "whole numbers are sent"),
    ("check_5_2", lambda s, step: closed(s, step, tell=lambda last, sample: sample), "the decoder makes"),
    ("check_5_3", lambda s, k: guesses(s, k)[1:, 1:], "a guess for each of 3×3"),
    ("check_5_3", lambda s, k: guesses(s, k, first=0), "column 0 is 128, not 0; the first is 128"),
    ("check_5_3", without_edges, "the first is 128; then Ra, below Rb"),
    ("check_5_3", lambda s, k: guesses(s, k, dtype=np.uint8), "int, then >> 1"),
    ("check_5_3", lambda s, k: guesses(s, k, halve=np.trunc), "int, then >> 1"),
    ("check_5_3", lambda s, k: guesses(s, k % 2 + 1 if k < 3 else k), "predictor 1 of"),
    ("check_5_4", lambda n: [(0, 0)] * 64, "64 different places, please, not 1"),
    ("check_5_4", lambda n: diagonals(n, first_down=True), r"not to \(1, 0\)"),
    ("check_5_4", lambda n: [divmod(k, n) for k in range(n * n)], "row . column never falls"),
    ("check_5_4", lambda n: diagonals(n, both=False), r"3 is \(2, 0\), not \(0, 2\): every second diagonal"),
    ("check_5_4", lambda n: diagonals(8), "but not for 3"),
    ("check_5_5", lambda zz: None, "zeros only: one EOB"),
    ("check_5_5", lambda zz: symbols(zz, eob=False), "zeros only: one EOB"),
    ("check_5_5", early_zrl, "zeros only: one EOB"),
    ("check_5_5", lambda zz: symbols(zz, always=True), "no zeros, no EOB"),
    ("check_5_5", lambda zz: symbols(zz, longest=99), "16 zeros, 1: ZRL"),
    ("check_5_5", lambda zz: symbols(zz, longest=14), "15 zeros, 1: symbol 0xF1"),
    ("check_5_5", lambda zz: symbols(zz, signed=True), "the size of −2 is that of 2"),
    ("check_5_5", lambda zz: symbols([0, *zz]), "15 zeros, 1|the size of −2|zeros only"),
]


@pytest.mark.parametrize(("check", "mistake", "words"), MISTAKES)
def test_a_check_teaches(lesson: dict[str, Any], check: str, mistake: Callable[..., Any], words: str) -> None:
    """The message names what is wrong."""
    with pytest.raises(AssertionError, match=words):
        lesson[check](mistake)


def test_the_file_that_is_made(lesson: dict[str, Any]) -> None:
    """Through the learner's zigzag and runs the file is the library's, and Pillow opens it."""
    crop = np.ascontiguousarray(lesson["luma"][:64, :64])
    order = lesson["zigzag_order"](8)
    stages = {"zigzag": lambda block: [block[place] for place in order], "run_length": lesson["runs"]}
    data = encode(crop, optimize=True, stages=stages)
    assert data == encode(crop, optimize=True)
    with Image.open(io.BytesIO(data)) as opened:
        assert np.asarray(opened).shape == (64, 64)


def test_guesses_of_the_photograph(lesson: dict[str, Any]) -> None:
    """What is left of the picture after the learner's guesses is what the library's file codes."""
    crop = lesson["luma"][:40, :50]
    for k in range(1, 8):
        rule = prediction.Prediction(k, 128, 40, 50, 40)
        expected = prediction.predictions(crop.astype(int), rule)
        assert np.array_equal(lesson["predicted"](crop, k), expected)
