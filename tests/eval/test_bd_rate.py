"""BD-rate: closed forms, the published tables, the package `bjontegaard`, and what is refused."""

from __future__ import annotations

import importlib
import math
import warnings
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from codec_eval.anchors import published_points
from codec_eval.bd_rate import SMALLEST_SHARE, bd_psnr, bd_rate, decibels

RATES = [0.1, 0.2, 0.4, 0.8]
QUALITIES = [26.0, 29.0, 32.0, 35.0]


def published(codec: str, measure: str) -> tuple[list[float], list[float]]:
    """The rates and qualities of a published curve, MS-SSIM in dB."""
    points = [p for p in published_points() if p.codec == codec and getattr(p, measure) is not None]
    values = [getattr(point, measure) for point in points]
    return [p.bpp for p in points], values if measure == "psnr" else decibels(values).tolist()


@pytest.mark.parametrize(("factor", "percent"), [(0.5, -50.0), (1.0, 0.0), (2.0, 100.0), (3.0, 200.0)])
def test_a_constant_factor_is_the_result(factor: float, percent: float) -> None:
    result = bd_rate(RATES, QUALITIES, [factor * rate for rate in RATES], QUALITIES)
    assert result.percent == pytest.approx(percent, abs=1e-9)
    assert (result.interval, result.points_a, result.points_b) == ((26.0, 35.0), 4, 4)


def test_a_constant_gain_is_the_result() -> None:
    result = bd_psnr(RATES, QUALITIES, RATES, [quality + 1.25 for quality in QUALITIES])
    assert result.decibels == pytest.approx(1.25)
    assert result.interval == pytest.approx((0.1, 0.8))


def test_only_the_common_interval_counts_and_is_told() -> None:
    # Both on one line of 3 dB an octave: the answer is 0 wherever they overlap.
    result = bd_rate(RATES, QUALITIES, [0.15, 0.3, 0.6, 1.2], [q + 3 * math.log2(1.5) for q in QUALITIES])
    assert result.percent == pytest.approx(0, abs=1e-9)
    assert result.interval == (26 + 3 * math.log2(1.5), 35.0)
    assert (result.points_a, result.points_b) == (3, 3)


@given(st.permutations(range(4)))
def test_the_order_of_points_and_repeated_points_do_not_matter(order: list[int]) -> None:
    rates, qualities = [0.11, 0.19, 0.5, 0.7], [26.5, 29.1, 33.0, 34.5]
    expected = bd_rate(RATES, QUALITIES, rates, qualities)
    shuffled = [*order, order[0]]
    assert expected == bd_rate(
        RATES, QUALITIES, [rates[i] for i in shuffled], [qualities[i] for i in shuffled]
    )


def test_swapping_the_curves_inverts_the_ratio() -> None:
    a, b = published("jpeg", "psnr"), published("webp", "psnr")
    forth, back = bd_rate(*a, *b).percent, bd_rate(*b, *a).percent
    assert (1 + forth / 100) * (1 + back / 100) == pytest.approx(1)


# Against JPEG, BPG and VTM on Kodak, from the same points by another program.
@pytest.mark.parametrize(
    ("anchor", "measure", "expected"),
    [
        (
            "jpeg",
            "psnr",
            {"jpeg2000": -35.9, "webp": -36.2, "bpg-444": -58.9, "hm": -60.1, "av1": -62.4, "vtm": -67.6}
            | {"bmshj2018-factorized": -44.5, "bmshj2018-hyperprior": -55.0, "mbt2018-mean": -58.0}
            | {"mbt2018": -61.0, "cheng2020-anchor": -65.4, "elic2022": -67.9}
            | {"bmshj2018-factorized-msssim": -15.7, "mbt2018-mean-msssim": -26.6},
        ),
        (
            "jpeg",
            "ms_ssim",
            {"jpeg2000": -13.3, "webp": -23.4, "bpg-444": -47.8, "vtm": -58.3, "bmshj2018-factorized": -46.5}
            | {"bmshj2018-hyperprior-msssim": -68.8},
        ),
        (
            "bpg-444",
            "psnr",
            {"jpeg": 143.0, "jpeg2000": 55.8, "bmshj2018-factorized": 32.6, "elic2022": -26.6},
        ),
        ("vtm", "psnr", {"jpeg": 208.5, "av1": 16.2, "cheng2020-anchor": 3.7}),
    ],
)
def test_the_published_tables(anchor: str, measure: str, expected: dict[str, float]) -> None:
    for codec, percent in expected.items():
        result = bd_rate(*published(anchor, measure), *published(codec, measure))
        assert result.percent == pytest.approx(percent, abs=0.2), codec


@pytest.mark.reference
@pytest.mark.parametrize("measure", ["psnr", "ms_ssim"])
def test_equal_to_the_package_bjontegaard(measure: str, count: Callable[[str], None]) -> None:
    peer = importlib.import_module("bjontegaard")
    names = [
        name for name in dict.fromkeys(p.codec for p in published_points()) if published(name, measure)[0]
    ]
    pairs = [(a, b) for a in names for b in names]
    settings = {"method": "pchip", "require_matching_points": False, "min_overlap": 0}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for a, b in pairs:
            curves = *published(a, measure), *published(b, measure)
            assert bd_rate(*curves).percent == pytest.approx(peer.bd_rate(*curves, **settings), abs=1e-8), (
                a,
                b,
            )
            assert bd_psnr(*curves).decibels == pytest.approx(peer.bd_psnr(*curves, **settings), abs=1e-8), (
                a,
                b,
            )
    count(f"BD-rate and BD-PSNR against bjontegaard, {measure}: {len(pairs)} pairs of published curves equal")


def test_no_overlap_and_too_little_of_it_are_refused() -> None:
    with pytest.raises(ValueError, match=r"do not overlap in quality: 26\.00 to 35\.00 and 36\.00 to 45\.00"):
        bd_rate(RATES, QUALITIES, RATES, [q + 10 for q in QUALITIES])
    with pytest.raises(
        ValueError, match=r"only from 33\.00 to 35\.00, 22 %.*1 and 1 points inside; needed are 25 %"
    ):
        bd_rate(RATES, QUALITIES, RATES, [q + 7 for q in QUALITIES])
    with pytest.raises(ValueError, match="do not overlap in rate"):
        bd_psnr(RATES, QUALITIES, [20 * r for r in RATES], QUALITIES)


def test_where_the_overlap_becomes_enough() -> None:
    # The shorter curve is 8 dB long, with points every 0.5 dB: only the share decides.
    fine = np.arange(0, 8.1, 0.5)
    shift = 8 * (1 - SMALLEST_SHARE)
    assert bd_rate(2**fine, fine + 20, 2**fine, fine + 20 + shift).interval == (26.0, 28.0)
    with pytest.raises(ValueError, match="overlap in quality only"):
        bd_rate(2**fine, fine + 20, 2**fine, fine + 20 + shift + 0.01)
    # Half of the range is common, but one curve has a single point there.
    with pytest.raises(ValueError, match="1 and 2 points inside"):
        bd_rate([1, 2, 8], [20, 24, 40], [1, 2, 3], [25, 39, 45])


def test_a_curve_that_turns_back_is_refused_with_the_place() -> None:
    with pytest.raises(ValueError, match=r"curve b is not monotone: rate 0\.2 gives 29, rate 0\.4 gives 28"):
        bd_rate(RATES, QUALITIES, RATES, [26.0, 29.0, 28.0, 35.0])
    for rates, qualities in [([0.1, 0.1, 0.4], [26, 29, 32]), ([0.1, 0.2, 0.4], [26, 29, 29])]:
        with pytest.raises(ValueError, match="curve a is not monotone"):
            bd_rate(rates, qualities, RATES, QUALITIES)


def test_lossless_points_are_left_out() -> None:
    expected = bd_rate(RATES, QUALITIES, RATES, QUALITIES)
    assert bd_rate([*RATES, 9.0], [*QUALITIES, math.inf], RATES, QUALITIES) == expected


@pytest.mark.parametrize(
    ("rate", "quality", "message"),
    [
        ([1.0, 2.0], [30.0], "shape"),
        ([], [], "0 different points"),
        ([1.0], [30.0], "1 different points"),
        ([1.0, 1.0], [30.0, 30.0], "1 different points"),
        ([0.0, 1.0], [30.0, 31.0], "not above 0"),
        ([math.nan, 1.0], [30.0, 31.0], "no number"),
        ([1.0, 2.0], [30.0, math.nan], "no number"),
        ([1.0, math.inf], [30.0, 31.0], "no number"),
        ([[1.0, 2.0]], [[30.0, 31.0]], "shape"),
    ],
)
def test_what_is_no_curve(rate: list[float], quality: list[float], message: str) -> None:
    for function in (bd_rate, bd_psnr):
        with pytest.raises(ValueError, match=message):
            function(rate, quality, RATES, QUALITIES)


def test_similarity_in_decibels() -> None:
    np.testing.assert_allclose(decibels([0.0, 0.9, 0.999]), [0, 10, 30], atol=1e-9)
    assert decibels(1.0) == math.inf
    for wrong in (1.01, math.nan):
        with pytest.raises(ValueError, match="above 1"):
            decibels(wrong)
