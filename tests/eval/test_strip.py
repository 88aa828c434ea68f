"""The "same bits" strip: the pixels shown are the pixels that were decoded."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from codec_eval.codecs import PillowJpeg
from codec_eval.plots import render_png
from codec_eval.rate_control import Match, Target, match_quality
from codec_eval.strip import CROP, GAIN, build_strip, encode_png, signed_difference, strip_figure


def picture(height: int, width: int, channels: int = 3) -> np.ndarray:
    """A calm picture with a busy corner at the bottom right, uint8."""
    rows, columns = np.mgrid[:height, :width]
    image = 120 + 40 * np.sin(rows / 40)[..., np.newaxis] * np.ones(channels)
    noise = np.random.default_rng(5).normal(0, 40, (height, width, channels))
    image = image + noise * ((rows > height / 2) & (columns > width / 2))[..., np.newaxis]
    image = np.clip(image, 0, 255).astype(np.uint8)
    return image if channels == 3 else image[..., 0]


def matches(image: np.ndarray, bpp: float = 2.0) -> list[Match]:
    codecs = PillowJpeg(), PillowJpeg("4:4:4", True)
    return [match_quality(codec, image, Target("bpp", bpp)) for codec in codecs]


def test_the_difference_is_signed_amplified_and_clipped() -> None:
    original = np.array([[100, 100, 100, 0, 255]], np.uint8)
    decoded = np.array([[100, 103, 90, 255, 0]], np.uint8)
    np.testing.assert_array_equal(
        signed_difference(original, decoded), [[128, 128 + 3 * GAIN, 128 - 10 * GAIN, 255, 0]]
    )
    assert signed_difference(original, decoded, gain=1)[0, 2] == 118
    with pytest.raises(ValueError, match="equal"):
        signed_difference(original, decoded[:, :-1])


def test_panels_are_pieces_of_what_was_decoded() -> None:
    image = picture(300, 260)
    found = matches(image)
    strip = build_strip("p.png", image, found)
    assert strip.size == CROP
    piece = np.s_[strip.row : strip.row + CROP[0], strip.column : strip.column + CROP[1]]
    assert strip.row > 100  # the busy corner
    assert strip.column > 100
    np.testing.assert_array_equal(strip.panels[0].crop, image[piece])
    for match, panel in zip(found, strip.panels[1:], strict=True):
        np.testing.assert_array_equal(panel.crop, match.codec.decode(match.trial.data)[piece])
        np.testing.assert_array_equal(panel.below, signed_difference(image[piece], panel.crop))
        assert panel.name == match.codec.name
        assert panel.caption[0] == f"{8 * len(match.trial.data) / 78000:.3f} bpp"
    assert strip.where == (
        f"rows {strip.row}–{strip.row + CROP[0] - 1}, columns {strip.column}–{strip.column + CROP[1] - 1}"
    )


def test_the_overview_frames_the_piece() -> None:
    image = picture(300, 260)
    overview = build_strip("p.png", image, matches(image)).panels[0].below
    assert overview.shape[1] == 180  # as wide as the piece at 3×
    frame = (overview == (255, 176, 0)).all(axis=-1)
    assert frame.any()
    assert np.nonzero(frame)[0].min() > 60  # nothing in the calm half


@pytest.mark.parametrize("size", [(1, 1), (7, 9), (50, 400), (400, 50)])
@pytest.mark.parametrize("channels", [1, 3])
def test_pictures_smaller_than_the_piece_are_shown_whole(size: tuple[int, int], channels: int) -> None:
    image = picture(*size, channels)
    strip = build_strip("p.png", image, matches(image, 8.0))
    assert strip.size == (min(size[0], CROP[0]), min(size[1], CROP[1]))
    with Image.open(io.BytesIO(render_png(strip_figure(strip)))) as drawn:
        drawn.load()


@pytest.mark.parametrize("channels", [1, 3])
def test_the_png_shows_each_pixel_as_a_square(channels: int) -> None:
    image = picture(200, 150, channels)
    strip = build_strip("p.png", image, matches(image))
    drawn = np.asarray(Image.open(io.BytesIO(render_png(strip_figure(strip, zoom=2)))).convert("RGB"))
    for panel in strip.panels[1:]:
        for samples in (panel.crop, panel.below):
            square = samples.repeat(2, axis=0).repeat(2, axis=1)
            if channels == 1:
                square = np.stack([square] * 3, axis=-1)
            assert contains(drawn, square)


def contains(drawn: np.ndarray, part: np.ndarray) -> bool:
    """Whether `part` stands somewhere in `drawn`, exactly."""
    rows, columns = drawn.shape[0] - part.shape[0] + 1, drawn.shape[1] - part.shape[1] + 1
    first = (drawn[:rows, :columns] == part[0, 0]).all(axis=-1)
    for row, column in zip(*np.nonzero(first)):
        if (drawn[row : row + part.shape[0], column : column + part.shape[1]] == part).all():
            return True
    return False


def test_what_a_codec_could_not_reach_is_said() -> None:
    image = picture(60, 60)
    strip = build_strip("p.png", image, matches(image, 0.001))
    assert all("nearest" in panel.caption[-1] for panel in strip.panels[1:])


def test_no_match_is_an_error() -> None:
    with pytest.raises(ValueError, match="no codec"):
        build_strip("p.png", picture(30, 30), [])


def test_png_bytes_hold_the_samples(tmp_path: Path) -> None:
    image = picture(9, 7)
    (tmp_path / "p.png").write_bytes(encode_png(image))
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "p.png")), image)
