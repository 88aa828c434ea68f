"""Lesson 2: what a learner gets wrong most often, and what the checks say to it."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from lesson_cases import defined_by
from PIL import Image

from codec_eval import psnr
from jpeg_from_scratch import color, encode, sampling
from lessons.tools.catalog import find_lesson


@pytest.fixture(scope="module")
def lesson() -> dict[str, Any]:
    """What the script defines, without its figures and its file."""
    return defined_by(2, "mine = {")


def matrix(red: float = 0.299, blue: float = 0.114, scale: bool = True, green: float | None = None) -> Any:
    """The right one, by its rows; or a wrong one."""
    luma = np.array([red, 1 - red - blue if green is None else green, blue])
    differences = np.array([[0, 0, 1], [1, 0, 0]]) - luma
    steepest = 2 * differences.max(axis=1, keepdims=True) if scale else 2
    return np.vstack([luma, differences / steepest])


def exactly(rgb: Any, middle: int = 128) -> Any:
    """Y, Cb, Cr, not rounded."""
    return rgb @ matrix().T + [0, middle, middle]


def sums(plane: Any) -> Any:
    """Of 2×2 samples."""
    wide = plane.astype(int)
    return wide[0::2, 0::2] + wide[0::2, 1::2] + wide[1::2, 0::2] + wide[1::2, 1::2]


def wrapping(plane: Any) -> Any:
    """The mean of bytes that wrap."""
    return (plane[0::2, 0::2] + plane[0::2, 1::2] + plane[1::2, 0::2] + plane[1::2, 1::2]) // 4


def upsample(plane: Any, columns: int = 2, rows: int = 2) -> Any:
    """The library's, where a factor is 2."""
    repeated = plane.repeat(2 // rows, axis=0).repeat(2 // columns, axis=1)
    height, width = 2 * plane.shape[0], 2 * plane.shape[1]
    return sampling.upsample(repeated, height, width, h_samp=1, h_max=columns, v_samp=1, v_max=rows)


def between(plane: Any) -> Any:
    """New samples on the old ones and half-way to the next."""
    for _ in range(2):
        following = np.concatenate((plane[1:], plane[-1:])).astype(float)
        plane = np.stack([plane, (plane + following) / 2], axis=1).reshape(-1, plane.shape[1]).T
    return plane


def wrong_edges(plane: Any) -> Any:
    """Beyond the edge is nothing."""
    return upsample(np.pad(plane, 1))[2:-2, 2:-2] if np.ptp(plane) else upsample(plane)


MISTAKES: list[tuple[str, Callable[..., Any], str]] = [
    ("check_2_1", lambda r=0.3, b=0.1: matrix(r, b)[0], r"nine numbers, please; your array is \(3,\)"),
    ("check_2_1", lambda r=0.299, b=0.114: matrix(r, b, green=0.587), "K_G: the rest"),
    ("check_2_1", lambda r=0.299, b=0.114: matrix(r, b, scale=False), "½ is asked for, reached when"),
    ("check_2_1", lambda r=0.299, b=0.114: matrix(r, b)[[0, 2, 1]], "row 1 is B − Y"),
    ("check_2_1", lambda r=0.299, b=0.114: matrix(r, b) * [[1], [2], [2]], "½ is asked for"),
    ("check_2_1", lambda r=0.299, b=0.114: matrix(r, b) - [[0] * 3, [0.1] * 3, [0] * 3], "grey gets the"),
    ("check_2_2", lambda rgb: exactly(rgb), "uint8, please, not float64"),
    ("check_2_2", lambda rgb: exactly(rgb, 0).astype(np.int8).view(np.uint8), "so add 128"),
    ("check_2_2", lambda rgb: np.rint(exactly(rgb)).astype(np.int32).astype(np.uint8), "the least"),
    ("check_2_2", lambda rgb: exactly(rgb).astype(np.uint8), "do not just cut off|M or M transposed"),
    (
        "check_2_2",
        lambda rgb: np.clip(rgb @ matrix() + [0, 128, 128], 0, 255).astype(np.uint8),
        "M transposed",
    ),
    ("check_2_3", lambda s: sums(s) / 4, "uint8, please, not float64"),
    ("check_2_3", wrapping, "In uint8"),
    ("check_2_3", lambda s: (sums(s) // 4).astype(np.uint8), r"drifts by -0\.37.*cut off"),
    ("check_2_3", lambda s: ((sums(s) + 2) // 4).astype(np.uint8), r"drifts by \+0\.12.*halves go the same"),
    ("check_2_3", lambda s: s[: len(s) // 2, : s.shape[1] // 2], "which four belong together|In uint8"),
    ("check_2_3", lambda s: s.reshape(-1, 4).mean(axis=1), r"become 2×6, not \(12,\)"),
    ("check_2_4", lambda s: s.repeat(2, 0), r"become 6×8, not \(6, 4\)"),
    ("check_2_4", lambda s: s.repeat(2, 0).repeat(2, 1), "across.*that repeats"),
    ("check_2_4", lambda s: upsample(s, 2, 1), "down.*that repeats"),
    ("check_2_4", lambda s: upsample(s, 1, 2), "across.*that repeats"),
    ("check_2_4", between, "on old ones and half-way"),
    ("check_2_4", wrong_edges, "the edges go on|comes after the first 0"),
]


@pytest.mark.parametrize(("check", "mistake", "words"), MISTAKES)
def test_a_check_teaches(lesson: dict[str, Any], check: str, mistake: Callable[..., Any], words: str) -> None:
    """The message names what is wrong."""
    with pytest.raises(AssertionError, match=words):
        lesson[check](mistake)


@pytest.mark.parametrize(
    ("check", "function"),
    [
        ("check_2_2", color.rgb_to_ycbcr),
        ("check_2_3", lambda s: sampling.downsample(s, 1, 2, 1, 2)),
        ("check_2_4", upsample),
    ],
)
def test_the_library_passes(lesson: dict[str, Any], check: str, function: Callable[..., Any]) -> None:
    """What a learner may well write: the integers of libjpeg."""
    lesson[check](function)


def test_the_file_that_is_made(lesson: dict[str, Any]) -> None:
    """The learner's colours and planes make a file that Pillow opens, nearly equal to the picture."""
    part = next(part for part in find_lesson(2).text.split("# %%") if "mine = {" in part)
    stages = eval(part.split("mine = ")[1].splitlines()[0], lesson)
    crop = np.ascontiguousarray(lesson["rgb"][200:264, 200:264])
    data = encode(crop, 95, stages=stages)
    with Image.open(io.BytesIO(data)) as opened:
        assert opened.format == "JPEG"
        assert psnr(crop, np.asarray(opened), data_range=255) > 33


def test_the_stripes_are_of_equal_brightness(lesson: dict[str, Any]) -> None:
    """So that nothing is left of them in 4:2:0."""
    stripes = np.array([[60, 60, 255], [180, 48, 0]], np.uint8)
    assert "[60, 60, 255], [180, 48, 0]" in find_lesson(2).text
    assert np.ptp(lesson["to_ycbcr"](stripes)[:, 0]) == 0
