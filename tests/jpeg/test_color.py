"""RGB ↔ YCbCr against the real formulas of ITU-T T.871, over every triple that there is."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from jpeg_from_scratch.color import rgb_to_ycbcr, ycbcr_to_rgb

Array = npt.NDArray[Any]

# 0.5 is the rounding; the rest comes from coefficients of 16 bits. 127.5 + 128 = 255.5 cannot be nearer.
MOST_DEVIATION_FORWARD = (0.5012, 0.5002, 0.5002)
# Green takes two products, of which each coefficient is off by up to 2^-17.
MOST_DEVIATION_INVERSE = (0.499, 0.502, 0.5001)


def real_ycbcr(red: Array, green: Array, blue: Array) -> tuple[Array, Array, Array]:
    """T.871 clause 7, neither rounded nor clamped."""
    luma = 0.299 * red + 0.587 * green + 0.114 * blue
    return luma, (blue - luma) / 1.772 + 128, (red - luma) / 1.402 + 128


def real_rgb(luma: Array, blue_difference: Array, red_difference: Array) -> tuple[Array, Array, Array]:
    """T.871 clause 7, the way back: `real_ycbcr` solved for R, G and B."""
    red = luma + 1.402 * (red_difference - 128)
    blue = luma + 1.772 * (blue_difference - 128)
    return red, (luma - 0.299 * red - 0.114 * blue) / 0.587, blue


def triples(first: int) -> Array:
    """Return all (first, b, c), (256, 256, 3) uint8."""
    b, c = np.mgrid[:256, :256]
    return np.stack((np.full_like(b, first), b, c), axis=-1).astype(np.uint8)


def test_t871_forward_and_round_trip_of_every_triple() -> None:
    """All 2^24 triples: the greatest deviation from the real formula, and what is lost there and back."""
    deviation, lost, unchanged = np.zeros(3), np.zeros(3, int), 0
    for red in range(256):
        rgb = triples(red)
        ycbcr = rgb_to_ycbcr(rgb)
        exact = real_ycbcr(*np.moveaxis(rgb.astype(float), -1, 0))
        for i in range(3):
            deviation[i] = max(deviation[i], np.abs(exact[i] - ycbcr[..., i]).max())
        error = np.abs(ycbcr_to_rgb(ycbcr).astype(np.int16) - rgb)
        lost = np.maximum(lost, error.max(axis=(0, 1)))
        unchanged += int((error.max(axis=-1) == 0).sum())
    assert (deviation <= MOST_DEVIATION_FORWARD).all(), deviation
    assert lost.tolist() == [1, 1, 1]
    assert unchanged == pytest.approx(0.2384 * 2**24, rel=1e-3), "about a quarter of all colours survive"


def test_t871_inverse_of_every_chroma_pair() -> None:
    """All 2^16 pairs Cb, Cr with 18 values of Y: the deviation from the real formula, clamped to 0 … 255."""
    deviation = np.zeros(3)
    for luma in range(0, 256, 15):
        ycbcr = triples(luma)
        rgb = ycbcr_to_rgb(ycbcr)
        exact = real_rgb(*np.moveaxis(ycbcr.astype(float), -1, 0))
        for i in range(3):
            deviation[i] = max(deviation[i], np.abs(np.clip(exact[i], 0, 255) - rgb[..., i]).max())
    assert (deviation <= MOST_DEVIATION_INVERSE).all(), deviation


def test_coefficients_of_the_inverse_have_16_bits() -> None:
    """What is added to Y, for every pair Cb, Cr: products of round(2^16 · coefficient), rounded once.

    Y is 0 where that is positive, else 255, so that nothing is clamped.
    """
    blue, red = (plane.astype(int) - 128 for plane in np.mgrid[:256, :256])
    to_red, to_blue = round(1.402 * 2**16) * red, round(1.772 * 2**16) * blue
    to_green = -round(0.34414 * 2**16) * blue - round(0.71414 * 2**16) * red
    for i, products in enumerate((to_red, to_green, to_blue)):
        added = np.floor(products / 2**16 + 0.5).astype(int)
        luma = np.where(added > 0, 0, 255)
        rgb = ycbcr_to_rgb(np.stack((luma, blue + 128, red + 128), axis=-1).astype(np.uint8))
        np.testing.assert_array_equal(rgb[..., i], luma + added, "RGB"[i])


def test_grey_stays_grey() -> None:
    """R = G = B becomes (Y, 128, 128) with Y the same number, and comes back as it was."""
    grey = np.repeat(np.arange(256, dtype=np.uint8)[:, np.newaxis], 3, axis=1)
    ycbcr = rgb_to_ycbcr(grey)
    np.testing.assert_array_equal(ycbcr[:, 0], np.arange(256))
    assert (ycbcr[:, 1:] == 128).all()
    np.testing.assert_array_equal(ycbcr_to_rgb(ycbcr), grey)


@pytest.mark.parametrize(
    ("rgb", "ycbcr"),
    [
        ((0, 0, 0), (0, 128, 128)),
        ((255, 255, 255), (255, 128, 128)),
        ((255, 0, 0), (76, 85, 255)),  # Cr = 255.5 is rounded down
        ((0, 255, 0), (150, 44, 21)),
        ((0, 0, 255), (29, 255, 107)),  # Cb = 255.5
        ((0, 255, 255), (179, 171, 0)),  # Cr = 0.5
        ((255, 0, 255), (105, 212, 235)),
        ((255, 255, 0), (226, 0, 149)),  # Cb = 0.5
    ],
)
def test_corners_of_the_colour_cube(rgb: tuple[int, ...], ycbcr: tuple[int, ...]) -> None:
    """Worked by hand. Halves of Cb and Cr are rounded down: up, the pure colours would wrap to 0."""
    assert rgb_to_ycbcr(np.array(rgb, np.uint8)).tolist() == list(ycbcr)


@pytest.mark.parametrize(
    ("ycbcr", "rgb"),
    [
        ((255, 255, 255), (255, 121, 255)),  # R = 433, B = 480
        ((0, 0, 0), (0, 135, 0)),  # R = −179, B = −227
        ((255, 0, 0), (76, 255, 28)),  # G = 390
        ((0, 255, 255), (178, 0, 225)),  # G = −134
        ((128, 128, 255), (255, 37, 128)),  # R = 306
        ((128, 255, 128), (128, 84, 255)),  # B = 353
    ],
)
def test_colours_outside_the_cube_are_clamped(ycbcr: tuple[int, ...], rgb: tuple[int, ...]) -> None:
    """What leaves 0 … 255 stops at the end and does not wrap."""
    assert ycbcr_to_rgb(np.array(ycbcr, np.uint8)).tolist() == list(rgb)


@pytest.mark.parametrize("convert", [rgb_to_ycbcr, ycbcr_to_rgb])
def test_samples_are_widened_before_arithmetic(convert: Any) -> None:
    """The trap of ``uint8``: arithmetic on it wraps. Narrow and wide input give the same, in ``uint8``."""
    rng = np.random.default_rng(3)
    samples = rng.integers(0, 256, (500, 3), dtype=np.uint8)
    before = samples.copy()
    narrow = convert(samples)
    assert narrow.dtype == np.uint8
    np.testing.assert_array_equal(narrow, convert(samples.astype(np.int64)))
    np.testing.assert_array_equal(samples, before)


@pytest.mark.parametrize("convert", [rgb_to_ycbcr, ycbcr_to_rgb])
def test_any_shape_and_memory_order(convert: Any) -> None:
    """Colours are the last axis, whatever stands before it, and however the array lies in memory."""
    samples = np.random.default_rng(4).integers(0, 256, (3, 4, 5, 3), dtype=np.uint8)
    expected = np.array([convert(triple) for triple in samples.reshape(-1, 3)]).reshape(samples.shape)
    np.testing.assert_array_equal(convert(samples), expected)
    np.testing.assert_array_equal(convert(samples[::-1, ::2, ::-1]), expected[::-1, ::2, ::-1])
    planes_first = np.ascontiguousarray(np.moveaxis(samples, -1, 0))
    np.testing.assert_array_equal(convert(np.moveaxis(planes_first, 0, -1)), expected)
    assert convert(samples[:0]).shape == (0, 4, 5, 3)
