"""Rate control: the right quality, with few encodings, also for codecs that are not monotone."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from codec_eval import metrics
from codec_eval.codecs import PillowJpeg
from codec_eval.rate_control import Kind, Match, Target, match_quality

PICTURE = np.random.default_rng(3).integers(0, 256, (20, 30, 3)).astype(np.uint8)  # 600 pixels


class Knob:
    """A codec whose file length and error are given functions of its quality."""

    name, description, suffix = "knob", "a test's", ".bin"

    def __init__(
        self,
        length: Callable[[int], int] = lambda quality: 10 * quality,
        error: Callable[[int], int] = lambda quality: 101 - quality,
        quality_range: tuple[int, int] = (1, 100),
    ) -> None:
        self.length, self.error, self.quality_range = length, error, quality_range
        self.encoded: list[int] = []

    def encode(self, image: np.ndarray, quality: int) -> bytes:
        assert self.quality_range[0] <= quality <= self.quality_range[1]
        self.encoded.append(quality)
        return bytes([self.error(quality)]) + bytes(self.length(quality) - 1)

    def decode(self, data: bytes) -> np.ndarray:
        return (PICTURE.astype(int) + np.where(PICTURE < 128, 1, -1) * data[0]).astype(np.uint8)


def psnr_at(error: int) -> float:
    """PSNR where every sample is off by `error`."""
    return 20 * math.log10(255 / error)


def search(codec: Any, kind: Kind, value: float) -> Match:
    return match_quality(codec, PICTURE, Target(kind, value))


@pytest.mark.parametrize(("value", "quality"), [(500, 50), (509, 50), (499, 49), (10, 1), (1000, 100)])
def test_bytes_are_the_most_that_are_not_above_the_target(value: int, quality: int) -> None:
    match = search(Knob(), "bytes", value)
    assert match.trial.quality == quality
    assert match.trial.n_bytes == len(match.trial.data) <= value
    assert match.reached
    assert match.monotone
    assert match.distance == pytest.approx(10 * quality / value - 1)


def test_bits_per_pixel_count_all_bytes_of_the_file() -> None:
    match = search(Knob(), "bpp", 5.0)  # 600 pixels: 375 bytes
    assert match.trial.quality == 37
    assert match.trial.bits_per_pixel == pytest.approx(8 * 370 / 600)


def test_psnr_is_the_lowest_that_is_not_below_the_target() -> None:
    target = psnr_at(20)
    assert search(Knob(), "psnr", target - 1e-9).trial.quality == 81
    above = search(Knob(), "psnr", target + 1e-9)
    assert above.trial.quality == 82
    assert above.trial.psnr >= target
    assert above.distance == pytest.approx(psnr_at(19) - target)


def test_each_quality_is_encoded_once_and_few_are() -> None:
    for value in (10, 15, 333, 999, 1000):
        codec = Knob()
        steps = iter(range(14))
        match = match_quality(codec, PICTURE, Target("bytes", value), step=steps.__next__)
        assert len(codec.encoded) == len(set(codec.encoded)) == next(steps, 14)
        assert match.tried == tuple(sorted(codec.encoded))


@pytest.mark.parametrize(
    ("kind", "value", "quality"),
    [("bytes", 9, 1), ("bytes", 1001, 100), ("psnr", 1.0, 1), ("psnr", 60.0, 100)],
)
def test_a_target_out_of_reach_gives_the_nearest_end(kind: Kind, value: float, quality: int) -> None:
    match = search(Knob(), kind, value)
    assert match.trial.quality == quality
    assert not match.reached


@pytest.mark.parametrize(("odd", "n_bytes"), [(48, 498), (51, 499)])
def test_a_neighbour_out_of_order_is_found_and_told(odd: int, n_bytes: int) -> None:
    """By bisection alone it would be 49, with 490 bytes: 50 is above the target."""
    match = search(Knob(lambda quality: n_bytes if quality == odd else 10 * quality), "bytes", 499)
    assert match.trial.quality == odd
    assert not match.monotone


def test_of_equal_files_the_better_picture_wins() -> None:
    match = search(Knob(length=lambda quality: 10 * (quality // 10 + 1)), "bytes", 55)
    assert match.trial.n_bytes == 50
    assert match.trial.quality == max(quality for quality in match.tried if quality < 50)


def test_a_codec_of_one_quality() -> None:
    codec = Knob(quality_range=(7, 7))
    assert search(codec, "bytes", 70).reached
    assert not search(codec, "bytes", 71).reached
    assert search(codec, "bytes", 71).trial.quality == 7


def test_a_lossless_end() -> None:
    match = search(Knob(error=lambda quality: 100 - quality), "psnr", 60.0)
    assert match.trial.quality == 100
    assert math.isinf(match.trial.psnr)
    assert match.reached


@pytest.mark.parametrize(("kind", "values"), [("bytes", (400, 900, 1500)), ("psnr", (12.0, 20.0, 33.0))])
def test_jpeg_agrees_with_trying_every_quality(kind: Kind, values: tuple[float, ...]) -> None:
    codec = PillowJpeg("4:4:4", True)
    tried = {}
    for quality in range(1, 101):
        data = codec.encode(PICTURE, quality)
        psnr = metrics.psnr(PICTURE, codec.decode(data), data_range=255)
        tried[quality] = float(len(data)) if kind == "bytes" else psnr
    for value in values:
        side = [v for v in tried.values() if (v <= value if kind == "bytes" else v >= value)]
        best = max(side) if kind == "bytes" else min(side)
        match = search(codec, kind, value)
        assert match.target.of(match.trial) == best
        assert tried[match.trial.quality] == best


def test_another_shape_is_an_error() -> None:
    codec = Knob()
    codec.decode = lambda data: PICTURE[:-1]  # type: ignore[method-assign]
    with pytest.raises(ValueError, match=r"knob gives back .*\(19, 30, 3\)"):
        search(codec, "bytes", 500)


@pytest.mark.parametrize("value", [0.0, -1.0, math.inf, math.nan])
def test_a_target_is_a_positive_number(value: float) -> None:
    with pytest.raises(ValueError, match="positive"):
        Target("bpp", value)


def test_a_target_has_a_known_kind_and_can_be_said() -> None:
    with pytest.raises(ValueError, match="ssim"):
        Target("ssim", 0.9)  # type: ignore[arg-type]
    targets = Target("bytes", 30000), Target("bpp", 0.5), Target("psnr", 35)
    assert list(map(str, targets)) == ["30,000 bytes", "0.5 bpp", "35 dB PSNR"]
