"""Distortion and rate: against scikit-image, against closed forms, and on the traps of small integers."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from codec_eval import metrics

peers = pytest.importorskip("skimage.metrics")

PAIRWISE = [metrics.mse, metrics.mean_absolute_difference]
RANGED = [metrics.psnr, metrics.psnr_luma, metrics.ssim, metrics.ssim_map, metrics.ssim_global, metrics.dssim]

pictures = hnp.arrays(np.uint8, st.sampled_from([(11, 11), (11, 40, 3), (17, 33), (13, 12, 3)]))


def noisy_pair(shape: tuple[int, ...], seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """A smooth picture and the same with noise, uint8."""
    rng = np.random.default_rng(seed)
    wave = 128 + 90 * np.sin(np.arange(math.prod(shape)) / 37).reshape(shape)
    noise = rng.normal(0, 12, shape)
    return np.clip(wave, 0, 255).astype(np.uint8), np.clip(wave + noise, 0, 255).astype(np.uint8)


# 11 and 12 are the smallest sizes; 80×300 and 74×266 end beyond, or exactly at, the edge of a tile.
@pytest.mark.parametrize(
    "shape", [(11, 11), (12, 11), (17, 33), (80, 300), (74, 266), (40, 50, 3), (64, 64, 1)]
)
def test_ssim_equals_scikit_image(shape: tuple[int, ...]) -> None:
    original, decoded = noisy_pair(shape)
    expected, expected_map = peers.structural_similarity(
        original,
        decoded,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        data_range=255,
        channel_axis=2 if len(shape) == 3 else None,
        full=True,
    )
    assert metrics.ssim(original, decoded, data_range=255) == pytest.approx(expected, abs=1e-9)
    similarity = metrics.ssim_map(original, decoded, data_range=255)
    assert similarity.shape == (shape[0] - 10, shape[1] - 10, *shape[2:])
    np.testing.assert_allclose(similarity, expected_map[5:-5, 5:-5], atol=1e-9)


def test_ssim_equals_scikit_image_on_floats_of_another_range() -> None:
    original, decoded = (picture / 255.0 for picture in noisy_pair((30, 31)))
    settings_of_wang: dict[str, Any] = {
        "gaussian_weights": True,
        "sigma": 1.5,
        "use_sample_covariance": False,
    }
    expected = peers.structural_similarity(original, decoded, data_range=1.0, **settings_of_wang)
    assert metrics.ssim(original, decoded, data_range=1.0) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("shape", [(17, 33), (17, 33, 3)])
def test_mse_and_psnr_equal_scikit_image(shape: tuple[int, ...]) -> None:
    original, decoded = noisy_pair(shape)
    assert metrics.mse(original, decoded) == pytest.approx(peers.mean_squared_error(original, decoded))
    expected = peers.peak_signal_noise_ratio(original, decoded, data_range=255)
    assert metrics.psnr(original, decoded, data_range=255) == pytest.approx(expected)


def test_a_picture_and_its_negative_have_the_closed_form() -> None:
    black, white = np.zeros((16, 16), np.uint8), np.full((16, 16), 255, np.uint8)
    assert metrics.mse(black, white) == 255**2
    assert metrics.psnr(black, white, data_range=255) == 0.0
    assert metrics.mean_absolute_difference(black, white) == 255.0
    # Without variance the formula is C1 / (255² + C1), and C1 is (0.01·255)².
    constant = 0.0001 / 1.0001
    assert metrics.ssim(black, white, data_range=255) == pytest.approx(constant, rel=1e-12)
    assert metrics.ssim_global(black, white, data_range=255) == pytest.approx(constant, rel=1e-12)
    assert metrics.dssim(black, white, data_range=255) == pytest.approx(1 - constant, rel=1e-12)


def test_psnr_of_colour_is_over_all_samples_not_a_mean_over_channels() -> None:
    original = np.zeros((4, 5, 3), np.uint8)
    decoded = original.copy()
    decoded[..., 0] = 30  # the mean of three PSNRs would be infinite
    assert metrics.psnr(original, decoded, data_range=255) == pytest.approx(10 * math.log10(255**2 / 300))


def test_psnr_of_the_luma_weighs_the_channels() -> None:
    original, decoded = noisy_pair((31, 40, 3))
    luma = np.array([0.299, 0.587, 0.114])
    expected = metrics.psnr(original @ luma, decoded @ luma, data_range=255)
    assert metrics.psnr_luma(original, decoded, data_range=255) == pytest.approx(expected, abs=1e-10)
    for channel, weight in enumerate(luma):
        changed = np.zeros((4, 5, 3), np.uint8)
        changed[..., channel] = 10
        expected = 20 * math.log10(255 / (10 * weight))
        assert metrics.psnr_luma(np.zeros_like(changed), changed, data_range=255) == pytest.approx(expected)
    assert metrics.psnr_luma(original, original, data_range=255) == math.inf


def test_psnr_of_the_luma_of_grey_is_psnr() -> None:
    pair = noisy_pair((31, 40))
    assert metrics.psnr_luma(*pair, data_range=255) == metrics.psnr(*pair, data_range=255)


@pytest.mark.parametrize("shape", [(4,), (4, 4, 1), (4, 4, 4), (4, 4, 3, 1)])
def test_psnr_of_the_luma_needs_grey_or_rgb(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"\(H, W\) or \(H, W, 3\)"):
        metrics.psnr_luma(np.zeros(shape), np.zeros(shape), data_range=255)


def test_psnr_from_an_mse() -> None:
    assert metrics.psnr_from_mse(255.0**2 / 1000, data_range=255) == pytest.approx(30.0)
    assert metrics.psnr_from_mse(0.0, data_range=255) == math.inf
    for wrong in (-1.0, math.nan):
        with pytest.raises(ValueError, match="error is"):
            metrics.psnr_from_mse(wrong, data_range=255)


def test_psnr_uses_the_given_range() -> None:
    original, decoded = np.zeros((2, 2)), np.full((2, 2), 0.1)
    assert metrics.psnr(original, decoded, data_range=1.0) == pytest.approx(20.0)


def test_ssim_of_colour_is_the_mean_over_channels() -> None:
    original, decoded = noisy_pair((20, 21, 3))
    for function in (metrics.ssim, metrics.ssim_global):
        channels = [function(original[..., c], decoded[..., c], data_range=255) for c in range(3)]
        assert function(original, decoded, data_range=255) == pytest.approx(np.mean(channels), abs=1e-12)


def test_ssim_global_is_the_textbook_formula_with_population_moments() -> None:
    original, decoded = noisy_pair((9, 14))
    x, y = original.astype(float).ravel(), decoded.astype(float).ravel()
    (vx, vxy), (_, vy) = np.cov(x, y, bias=True)
    c1, c2 = 2.55**2, 7.65**2
    expected = (2 * x.mean() * y.mean() + c1) * (2 * vxy + c2)
    expected /= (x.mean() ** 2 + y.mean() ** 2 + c1) * (vx + vy + c2)
    assert metrics.ssim_global(original, decoded, data_range=255) == pytest.approx(expected, rel=1e-12)


def test_only_the_windowed_form_sees_noise_in_flat_areas() -> None:
    halves = np.repeat([[60.0, 190.0]], 32, axis=1).repeat(64, axis=0)
    noisy = halves + np.random.default_rng(10).normal(0, 10, halves.shape)
    assert metrics.ssim_global(halves, noisy, data_range=255) > 0.95
    assert metrics.ssim(halves, noisy, data_range=255) < 0.6


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int8, np.float32])
def test_small_integers_are_not_subtracted_in_their_own_dtype(dtype: type) -> None:
    low, high = np.full((12, 12), 3, dtype), np.full((12, 12), 5, dtype)
    assert metrics.mse(low, high) == metrics.mse(high, low) == 4.0
    assert metrics.mean_absolute_difference(low, high) == 2.0
    assert metrics.psnr(low, high, data_range=255) == pytest.approx(42.1102, abs=1e-4)


def test_arrays_of_different_dtypes_can_be_compared() -> None:
    assert metrics.mse(np.array([[250]], np.uint8), np.array([[-6]], np.int16)) == 256.0**2


@given(data=st.data())
@settings(max_examples=40, deadline=None)
def test_distortion_is_symmetric_bounded_and_zero_only_for_equal_pictures(data: st.DataObject) -> None:
    x = data.draw(pictures)
    y = data.draw(st.one_of(st.just(x.copy()), hnp.arrays(np.uint8, x.shape)))
    equal = np.array_equal(x, y)
    for error in PAIRWISE:
        assert error(x, y) == error(y, x)
        assert (error(x, y) == 0.0) == equal
    assert metrics.mean_absolute_difference(x, y) ** 2 <= metrics.mse(x, y) * (1 + 1e-12)
    assert (metrics.psnr(x, y, data_range=255) == math.inf) == equal
    for similarity in (metrics.ssim, metrics.ssim_global):
        value = similarity(x, y, data_range=255)
        assert value == pytest.approx(similarity(y, x, data_range=255), abs=1e-12)
        assert -1.0 <= value <= 1.0 + 1e-9
        if equal:
            assert value == pytest.approx(1.0, abs=1e-9)
    assert metrics.dssim(x, y, data_range=255) == 1.0 - metrics.ssim(x, y, data_range=255)


@given(x=pictures)
@settings(max_examples=15, deadline=None)
def test_metrics_leave_their_arguments_alone(x: np.ndarray) -> None:
    y = x.astype(np.float64)
    y.setflags(write=False)
    before = x.copy()
    for pairwise in PAIRWISE:
        pairwise(x, y)
    for ranged in RANGED:
        ranged(x, y, data_range=255)
    np.testing.assert_array_equal(x, before)


@pytest.mark.parametrize("function", RANGED)
def test_data_range_is_never_guessed(function: Any) -> None:
    picture = np.zeros((12, 12), np.uint8)
    with pytest.raises(TypeError, match="data_range"):
        function(picture, picture)
    with pytest.raises(TypeError, match="positional"):
        function(picture, picture, 255)
    for wrong in (0, -1, math.nan, math.inf):
        with pytest.raises(ValueError, match="data_range is"):
            function(picture, picture + 1, data_range=wrong)
    for wrong_type in ("255", None, True):
        with pytest.raises(TypeError, match="data_range is"):
            function(picture, picture + 1, data_range=wrong_type)


@pytest.mark.parametrize("function", [*PAIRWISE, *RANGED])
def test_wrong_arrays_are_named(function: Any) -> None:
    options = {} if function in PAIRWISE else {"data_range": 255}
    good = np.zeros((12, 12), np.uint8)
    with pytest.raises(ValueError, match=r"original has shape \(12, 12\), decoded \(12, 13\)"):
        function(good, np.zeros((12, 13), np.uint8), **options)
    with pytest.raises(ValueError, match="shape"):  # would broadcast
        function(good, np.zeros((12, 12, 1), np.uint8), **options)
    with pytest.raises(ValueError, match="original is empty"):
        function(np.zeros((0, 12)), np.zeros((0, 12)), **options)
    with pytest.raises(TypeError, match="decoded has dtype complex128"):
        function(good, good.astype(complex), **options)
    with pytest.raises(TypeError, match="original has dtype bool"):
        function(good.astype(bool), good, **options)
    with pytest.raises(ValueError, match="decoded holds NaN"):
        function(good, np.full((12, 12), np.nan), **options)


@pytest.mark.parametrize("shape", [(10, 11), (11, 10, 3), (1, 1), (8, 400)])
def test_ssim_says_that_a_picture_is_smaller_than_its_window(shape: tuple[int, ...]) -> None:
    picture = np.zeros(shape, np.uint8)
    with pytest.raises(ValueError, match="at least 11×11"):
        metrics.ssim(picture, picture, data_range=255)
    assert metrics.ssim_global(picture, picture, data_range=255) == 1.0


@pytest.mark.parametrize("shape", [(12,), (12, 12, 3, 1)])
def test_ssim_needs_a_picture(shape: tuple[int, ...]) -> None:
    array = np.zeros(shape)
    for function in (metrics.ssim, metrics.ssim_global):
        with pytest.raises(ValueError, match=r"\(H, W\) or \(H, W, C\)"):
            function(array, array, data_range=255)


def test_rates_count_pixels_or_samples() -> None:
    assert metrics.bits_per_pixel(300, (10, 20)) == 12.0
    assert metrics.bits_per_pixel(300, (10, 20, 3)) == 12.0  # a colour pixel is one pixel
    assert metrics.n_compression(300, (10, 20, 3)) == 0.5
    assert metrics.n_compression(300, (10, 20)) == 1.5
    assert metrics.compression_ratio(300, (10, 20, 3)) == 2.0


@given(
    n_bytes=st.integers(1, 10**12),
    shape=st.lists(st.integers(1, 65500), min_size=2, max_size=3).map(tuple),
)
def test_compression_ratio_and_n_compression_are_inverse(n_bytes: int, shape: tuple[int, ...]) -> None:
    product = metrics.compression_ratio(n_bytes, shape) * metrics.n_compression(n_bytes, shape)
    assert product == pytest.approx(1.0, rel=1e-12)


@pytest.mark.parametrize(
    "function", [metrics.bits_per_pixel, metrics.compression_ratio, metrics.n_compression]
)
def test_wrong_rate_arguments_are_named(function: Any) -> None:
    for error, n_bytes, shape, message in [
        (ValueError, 0, (1, 1), "n_bytes is 0"),
        (TypeError, 1.5, (1, 1), "n_bytes is 1.5"),
        (ValueError, 1, (4, 0), r"shape\[1\] is 0"),
        (TypeError, 1, (4.0, 4), r"shape\[0\] is 4.0"),
        (ValueError, 1, (4,), r"shape is \(4,\)"),
    ]:
        with pytest.raises(error, match=message):
            function(n_bytes, shape)
