"""Lesson 16: what its checks say to the mistakes that people make, and its rivals at equal bytes."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from lesson_cases import defined_by

from codec_eval.bd_rate import bd_rate
from codec_eval.metrics import psnr, ssim


@pytest.fixture(scope="module")
def lesson() -> dict[str, Any]:
    """What the script defines, without its figures, descriptions and the table."""
    return defined_by(16, "def duel", change=lambda cell: cell.replace('    print(f"{name}', '    (f"{name}'))


def measured(x: Any, y: Any, span: float = 255) -> tuple[float, float]:
    """The two measures with one range."""
    return psnr(x, y, data_range=span), ssim(x, y, data_range=span)


def whole(y: Any, how: Callable[[Any], Any] = lambda y: np.rint(255 * np.clip(y, 0, 1))) -> Any:
    """A picture of floats, by default as it should be."""
    return y if y.dtype == np.uint8 else how(y).astype(np.uint8)


def mixed(x: Any, y: Any) -> tuple[float, float]:
    """PSNR of the picture, SSIM of the floats with the range of the picture."""
    like = measured(x, y)[1] if y.dtype == np.uint8 else measured(x / 255, y)[1]
    return measured(x, whole(y))[0], like


def tried(codec: Any, choose: Callable[[list[int], int], int]) -> Callable[[int], int]:
    """All files written, one chosen by their lengths; a place in the list."""
    return lambda n: choose([len(codec.encode(None, quality)) for quality in codec.qualities], n)


def nearest(sizes: list[int], n: int) -> int:
    """The right place."""
    return int(np.abs(np.array(sizes) - n).argmin())


def below(codec: Any, image: Any, n: int) -> int:
    """The largest file that is not longer."""
    return max((q for q in codec.qualities if 10 * q <= n), default=codec.qualities[0])


def gap(a: Any, pa: Any, b: Any, pb: Any, low: float, high: float) -> float:
    """The mean of the differences of logarithms over an interval."""
    q = np.linspace(low, high, 500)
    return float((np.interp(q, pb, np.log10(b)) - np.interp(q, pa, np.log10(a))).mean())


def exponent(a: Any, pa: Any, b: Any, pb: Any) -> float:
    """Over the right interval."""
    return gap(a, pa, b, pb, max(pa[0], pb[0]), min(pa[-1], pb[-1]))


MISTAKES: list[tuple[str, Callable[..., Any], str]] = [
    (
        "check_16_1",
        lambda x, y, n: (x.size / n, *measured(x, whole(y))),
        "0.25, not 4.00; the file stands above",
    ),
    ("check_16_1", lambda x, y, n: (3 * n / x.size, *measured(x, whole(y))), "0.75; three samples for each"),
    ("check_16_1", lambda x, y, n: (n / x.size, *measured(x, whole(y), 1)), "range"),
    (
        "check_16_1",
        lambda x, y, n: (n / x.size, 20 * math.log10(255) - 10 * math.log10(((x - whole(y)) ** 2).mean()), 1),
        "uint8 − uint8",
    ),
    ("check_16_1", lambda x, y, n: (n / x.size, *mixed(x, y)), "SSIM 1.000 in place of .* Which range"),
    ("check_16_1", lambda x, y, n: (n / x.size, *measured(x, y)), "dB: a picture first"),
    (
        "check_16_1",
        lambda x, y, n: (n / x.size, *measured(x, whole(y, lambda y: 255 * np.clip(y, 0, 1)))),
        "6.6 is 7",
    ),
    (
        "check_16_1",
        lambda x, y, n: (n / x.size, *measured(x, whole(y, lambda y: np.rint(255 * y).astype(int)))),
        "1.02 is cut",
    ),
    ("check_16_2", below, "506 bytes: 51 has 510, yours is 50; on which side"),
    ("check_16_2", lambda c, image, n: round(n / 10), "3 bytes: 1 has 10, yours is 0"),
    (
        "check_16_2",
        lambda c, image, n: c.qualities[tried(c, nearest)(n)],
        "100 files for one answer; with halving",
    ),
    ("check_16_2", lambda c, image, n: min(100, max(1, round(n / 10))), "62 bytes need 7, not 6: a place"),
    (
        "check_16_3",
        lambda a, pa, b, pb: 100 * (10 ** exponent(b, pb, a, pa) - 1),
        "b against a, not a against b",
    ),
    ("check_16_3", lambda a, pa, b, pb: 10 ** exponent(a, pa, b, pb) - 1, "not -0.5; a fraction"),
    (
        "check_16_3",
        lambda a, pa, b, pb: (
            100
            * float(
                np.mean(np.interp(np.linspace(31, 34), pb, b) / np.interp(np.linspace(31, 34), pa, a)) - 1
            )
        ),
        "half here, double there: 0 %, not",
    ),
    (
        "check_16_3",
        lambda a, pa, b, pb: 100 * (10 ** gap(a, pa, b, pb, min(pa[0], pb[0]), max(pa[-1], pb[-1])) - 1),
        "in 31 … 34 dB only",
    ),
    ("check_16_4", lambda wins, n: math.comb(n, wins) / 2**n, "not 0.117. That is exactly 7"),
    (
        "check_16_4",
        lambda wins, n: sum(math.comb(n, k) for k in range(wins + 1, n + 1)) / 2**n,
        "more than 7",
    ),
    ("check_16_4", lambda wins, n: 2 * sum(math.comb(n, k) for k in range(wins, n + 1)) / 2**n, "both ways"),
    ("check_16_4", lambda wins, n: 176 / 1024, "0 wins at least are certain"),
]


@pytest.mark.parametrize(("check", "mistake", "words"), MISTAKES)
def test_a_check_teaches(lesson: dict[str, Any], check: str, mistake: Callable[..., Any], words: str) -> None:
    """The message names what is wrong."""
    with pytest.raises(AssertionError, match=words):
        lesson[check](mistake)


def test_the_networks_of_the_registry_take_part(lesson: dict[str, Any]) -> None:
    """All that have a list of qualities, each with a colour; without the encoder's search."""
    from codec_eval import codec_names
    from codec_eval.neural_codecs import LearnedCodec

    ours = [
        name
        for name, codec in lesson["known"].items()
        if isinstance(codec, LearnedCodec) and not codec.effort
    ]
    assert ours
    assert set(ours) <= set(lesson["networks"]) <= set(codec_names())
    assert set(lesson["colours"]) == {*lesson["RIVALS"], *lesson["networks"]}


def test_ten_pictures(lesson: dict[str, Any]) -> None:
    """Pieces of one photograph are all of it."""
    assert len(lesson["pictures"]) == 10
    assert sum(piece.size for piece in lesson["pictures"]) == lesson["photo"].size


def test_the_quality_is_that_of_the_library(lesson: dict[str, Any]) -> None:
    """On a real codec and a real picture."""
    from codec_eval import OurJpeg
    from codec_eval.rate_control import Target, match_quality

    image, codec = lesson["pictures"][4][:64, :64], OurJpeg()
    match = match_quality(codec, image, Target("bytes", 1200, either_side=True))
    assert lesson["nearest_quality"](codec, image, 1200) == match.trial.quality


def test_the_bd_rate_is_near_the_librarys(lesson: dict[str, Any]) -> None:
    """Straight lines and cubics differ by less than a per cent here."""
    q = np.array([27.0, 30, 33, 36])
    curves = [0.1, 0.21, 0.45, 1.1], q, [0.08, 0.16, 0.37, 0.8], q + 0.4
    assert abs(lesson["bd_percent"](*curves) - bd_rate(*curves).percent) < 1
