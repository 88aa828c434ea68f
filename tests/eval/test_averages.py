"""From points to curves: which mean, and over which pictures."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import pytest

from codec_eval.averages import average_points, common_pictures
from codec_eval.points import RatePoint


def points_of(codec: str, pictures: Sequence[str], mse: float) -> Iterator[RatePoint]:
    """Finished points at two qualities."""
    for name in pictures:
        for quality in (10, 20):
            psnr = 10 * math.log10(255**2 / mse)
            yield RatePoint(name, codec, quality, 8, 8, 3, 64, 8.0, mse, psnr, psnr, 0.9, None, 0.1, 0.2)
            mse *= 4


def test_mean_of_psnr_is_not_psnr_of_mean_mse() -> None:
    [low, high] = average_points(points_of("x", ["a", "b"], 1.0))
    assert (low.quality, high.quality, low.pictures) == (10, 20, 2)
    assert low.psnr == pytest.approx(10 * math.log10(255**2) - 10 * math.log10(16) / 2)  # MSE 1 and 16
    assert low.psnr_of_mean_mse == pytest.approx(10 * math.log10(255**2 / 8.5))
    assert (low.bpp, low.ssim, low.ms_ssim) == (8.0, pytest.approx(0.9), None)
    assert (low.encode_seconds, low.decode_seconds) == (pytest.approx(0.1), pytest.approx(0.2))


def test_averages_are_over_the_pictures_that_all_codecs_finished() -> None:
    points = [*points_of("x", ["a", "b", "c"], 1.0), *points_of("y", ["a", "b", "c"], 1.0)]
    points += [*points_of("z", ["a", "c"], 1.0), RatePoint("b", "z", 10, 8, 8, 3, error="RuntimeError")]
    points += [RatePoint(name, "never", 10, 8, 8, 3, error="RuntimeError") for name in "abc"]
    assert common_pictures(points) == {"a", "c"}
    averages = average_points(points)
    assert [a.codec for a in averages] == ["x", "x", "y", "y", "z", "z"]
    assert {a.pictures for a in averages} == {2}
    # Where none is common, each has its own, and says how many.
    apart = [*points_of("x", ["a", "b"], 1.0), *points_of("y", ["c"], 1.0)]
    assert [(a.codec, a.pictures) for a in average_points(apart)] == [("x", 2), ("x", 2), ("y", 1), ("y", 1)]
    assert average_points([]) == []
