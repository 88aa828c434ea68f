"""MS-SSIM: against its definition written out, closed forms, pytorch-msssim; and the compiled tile sums."""

from __future__ import annotations

import importlib
import math
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from conftest import HAS_NUMBA
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.lib.stride_tricks import sliding_window_view

from codec_eval import PillowJpeg, metrics, ms_ssim, ssim, ssim_and_ms_ssim
from codec_eval import similarity as module

C1, C2 = 2.55**2, 7.65**2
EXPONENTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)


def noisy_pair(shape: tuple[int, ...], noise: float = 12.0) -> tuple[np.ndarray, np.ndarray]:
    """Waves of several lengths, and the same with noise that grows from left to right, uint8."""
    rng = np.random.default_rng(7)
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    wave = 120 + 60 * np.sin(rows / 19) + 40 * np.cos(columns / 5) + 20 * np.sin((rows + columns) / 2)
    if len(shape) == 3:
        wave = wave[..., np.newaxis] + 12 * np.arange(shape[2])
    growth = np.linspace(0, 2, shape[1]).reshape(-1, *[1] * (len(shape) - 2))
    changed = wave + growth * rng.normal(0, noise, shape)
    original, decoded = (np.clip(np.rint(a), 0, 255).astype(np.uint8) for a in (wave, changed))
    return original, decoded


def mean_similarities(x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """Mean SSIM and mean contrast-structure, from whole 11×11 windows and deviations from their means."""
    offsets = np.arange(-5, 6)
    window = np.exp(-(offsets[:, np.newaxis] ** 2 + offsets**2) / (2 * 1.5**2))
    window /= window.sum()
    patches = [sliding_window_view(a, (11, 11)) for a in (x, y)]
    mean_x, mean_y = (np.einsum("rcij,ij->rc", patch, window) for patch in patches)
    deviations = [patch - mean[..., None, None] for patch, mean in zip(patches, (mean_x, mean_y))]
    variances = sum(np.einsum("rcij,rcij,ij->rc", d, d, window) for d in deviations)
    covariance = np.einsum("rcij,rcij,ij->rc", *deviations, window)
    contrast = (2 * covariance + C2) / (variances + C2)
    luminance = (2 * mean_x * mean_y + C1) / (mean_x**2 + mean_y**2 + C1)
    return float(np.mean(luminance * contrast)), float(np.mean(contrast))


def pooled(a: np.ndarray) -> np.ndarray:
    """2×2 means, sample by sample, an odd side with zeros before its first line."""
    odd = [side % 2 for side in a.shape]
    sides = [(side + 1) // 2 for side in a.shape]
    out = np.zeros(sides)
    for r in range(sides[0]):
        for c in range(sides[1]):
            for i in range(2 * r - odd[0], 2 * r - odd[0] + 2):
                for j in range(2 * c - odd[1], 2 * c - odd[1] + 2):
                    out[r, c] += a[i, j] / 4 if i >= 0 and j >= 0 else 0.0
    return out


def ms_ssim_by_definition(x: np.ndarray, y: np.ndarray) -> float:
    """Equation (7) of Wang, Simoncelli, Bovik (2003) for one channel."""
    x, y = x.astype(np.float64), y.astype(np.float64)
    value = 1.0
    for scale, exponent in enumerate(EXPONENTS):
        similarity, contrast = mean_similarities(x, y)
        value *= max(similarity if scale == 4 else contrast, 0.0) ** exponent
        x, y = pooled(x), pooled(y)
    return value


@pytest.fixture(
    params=["array code", pytest.param("compiled", marks=[pytest.mark.both_backends, pytest.mark.big])]
)
def tile_sums(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the tiles summed by the array code, then by the kernel."""
    if request.param == "array code":
        monkeypatch.setattr(module, "_fastest_tile_sums", lambda: module._tile_sums)
    else:
        monkeypatch.setattr(module, "_fastest_tile_sums", lambda: kernel_sums)


def kernel_sums(x: np.ndarray, y: np.ndarray, c1: float, c2: float) -> tuple[float, float]:
    """The kernel, called as `codec_eval.similarity` calls it."""
    from codec_eval._kernels import ssim as kernel

    return kernel.tile_sums(x, y, tuple(float(weight) for weight in module._WEIGHTS[:6]), c1, c2)


# --- MS-SSIM ----------------------------------------------------------------------------------------


# 161 is the smallest side, and odd on each of its five scales; 176 is even down to the last; 163 is both.
@pytest.mark.parametrize("shape", [(161, 161), (176, 163)])
@pytest.mark.usefixtures("tile_sums")
def test_ms_ssim_is_its_definition(shape: tuple[int, ...]) -> None:
    original, decoded = noisy_pair(shape)
    expected = ms_ssim_by_definition(original, decoded)
    assert 0.5 < expected < 0.99
    assert ms_ssim(original, decoded, data_range=255) == pytest.approx(expected, abs=1e-12)


def test_ms_ssim_of_known_pictures_is_pinned() -> None:
    # By pytorch-msssim 1.0.0 in float64; the weights of its window are rounded to float32.
    theirs = {(161, 200): 0.9719680647, (192, 256, 3): 0.9718844507, (161, 177, 3): 0.9722758630}
    for shape, value in theirs.items():
        assert ms_ssim(*noisy_pair(shape), data_range=255) == pytest.approx(value, abs=3e-7)


def test_two_constant_pictures_have_the_closed_form() -> None:
    x, y = np.full((176, 176), 100, np.uint8), np.full((176, 176), 130, np.uint8)
    # Nothing varies, so every contrast is 1, and only the luminance of the coarsest scale is left.
    luminance = (2 * 100 * 130 + C1) / (100**2 + 130**2 + C1)
    assert ms_ssim(x, y, data_range=255) == pytest.approx(luminance**0.1333, rel=1e-12)


def test_a_line_of_an_odd_side_is_averaged_with_zeros() -> None:
    halved = module._halved(np.full((5, 4), 8.0))
    np.testing.assert_array_equal(halved, [[4, 4], [8, 8], [8, 8]])
    np.testing.assert_array_equal(module._halved(np.full((3, 3), 8.0)), [[2, 4], [4, 8]])


def test_a_negative_mean_counts_as_zero() -> None:
    rng = np.random.default_rng(1)
    noise = rng.normal(0, 40, (161, 161))
    assert mean_similarities(128 + noise, 128 - noise)[1] < -0.5
    assert ms_ssim(128 + noise, 128 - noise, data_range=255) == 0.0


def test_ms_ssim_of_colour_is_the_mean_over_channels() -> None:
    original, decoded = noisy_pair((165, 170, 3))
    channels = [ms_ssim(original[..., c], decoded[..., c], data_range=255) for c in range(3)]
    assert max(channels) - min(channels) > 1e-6
    assert ms_ssim(original, decoded, data_range=255) == pytest.approx(np.mean(channels), abs=1e-14)


@given(seed=st.integers(0, 99), noise=st.floats(0, 60))
@settings(max_examples=6, deadline=None)
def test_ms_ssim_is_symmetric_bounded_and_one_for_equal_pictures(seed: int, noise: float) -> None:
    rng = np.random.default_rng(seed)
    x = rng.integers(0, 256, (161, 163), dtype=np.uint8)
    y = np.clip(x + rng.normal(0, noise, x.shape), 0, 255).astype(np.uint8)
    value = ms_ssim(x, y, data_range=255)
    assert value == pytest.approx(ms_ssim(y, x, data_range=255), abs=1e-12)
    assert 0 <= value <= 1 + 1e-12
    assert ms_ssim(x, x, data_range=255) == pytest.approx(1.0, abs=1e-12)


def test_both_at_once_are_the_same_as_each() -> None:
    for shape in ((161, 300, 3), (170, 161)):
        pair = noisy_pair(shape)
        both = ssim_and_ms_ssim(*pair, data_range=255)
        assert both == (ssim(*pair, data_range=255), ms_ssim(*pair, data_range=255))


@pytest.mark.parametrize("shape", [(160, 161), (161, 160, 3), (11, 300), (10, 300), (1, 1, 3)])
def test_pictures_smaller_than_the_pyramid(shape: tuple[int, ...]) -> None:
    pair = noisy_pair(shape)
    with pytest.raises(ValueError, match="at least"):
        ms_ssim(*pair, data_range=255)
    single, multiple = ssim_and_ms_ssim(*pair, data_range=255)
    assert multiple is None
    assert single == (ssim(*pair, data_range=255) if min(shape[:2]) >= 11 else None)
    if min(shape[:2]) >= 11:
        with pytest.raises(ValueError, match="MS-SSIM needs pictures of at least 161×161"):
            ms_ssim(*pair, data_range=255)


@pytest.mark.parametrize("function", [ms_ssim, ssim_and_ms_ssim])
def test_wrong_arguments_are_named(function: Callable[..., Any]) -> None:
    good = np.zeros((161, 161), np.uint8)
    with pytest.raises(TypeError, match="data_range"):
        function(good, good)
    with pytest.raises(ValueError, match="data_range is 0"):
        function(good, good, data_range=0)
    with pytest.raises(ValueError, match="decoded holds NaN"):
        function(good, np.full(good.shape, np.nan), data_range=255)
    with pytest.raises(ValueError, match=r"original has shape \(161, 161\), decoded \(161, 162\)"):
        function(good, np.zeros((161, 162)), data_range=255)
    with pytest.raises(ValueError, match=r"\(H, W\) or \(H, W, C\)"):
        function(np.zeros(300), np.zeros(300), data_range=255)


def test_the_metrics_are_left_where_they_were() -> None:
    assert metrics.ssim is ssim
    assert metrics.ms_ssim is ms_ssim
    assert metrics.MS_SSIM_SMALLEST_SIDE == 161


# --- the compiled twin ------------------------------------------------------------------------------


@pytest.mark.both_backends
@pytest.mark.parametrize("shape", [(11, 11), (12, 40), (40, 12), (25, 266)])
def test_the_kernel_sums_what_the_array_code_sums(shape: tuple[int, int]) -> None:
    rng = np.random.default_rng(4)
    flat = np.full(shape, 200.0)
    for x, y in (
        (rng.uniform(0, 255, shape), rng.uniform(0, 255, shape)),
        (flat, flat + rng.integers(-1, 2, shape)),
        (flat, np.zeros(shape)),
        (rng.normal(0, 1e4, shape), rng.normal(0, 1e4, shape)),
    ):
        expected = module._tile_sums(x, y, C1, C2)
        assert kernel_sums(x, y, C1, C2) == pytest.approx(expected, rel=1e-9, abs=1e-9)


@pytest.mark.both_backends
def test_the_kernel_takes_any_tile_of_the_array_code_and_refuses_wider_ones() -> None:
    from codec_eval._kernels import ssim as kernel

    assert module._TILE_COLUMNS <= kernel.STRIDE
    assert module.SSIM_WINDOW == 2 * kernel.RADIUS + 1
    wide = np.zeros((11, kernel.STRIDE + 11))
    with pytest.raises(ValueError, match="STRIDE"):
        kernel_sums(wide, wide, C1, C2)


@pytest.mark.parametrize("shape", [(12, 11), (75, 267), (64, 40, 3)])
@pytest.mark.usefixtures("tile_sums")
def test_ssim_is_the_mean_of_its_map(shape: tuple[int, ...]) -> None:
    pair = noisy_pair(shape)
    similarity = module.ssim_map(*pair, data_range=255)
    assert ssim(*pair, data_range=255) == pytest.approx(similarity.mean(), abs=1e-12)


def test_without_numba_the_array_code_works() -> None:
    program = (
        "import sys; sys.modules['numba'] = None\n"
        "import importlib, numpy as np; s = importlib.import_module('codec_eval.similarity')\n"
        "assert s._fastest_tile_sums() is s._tile_sums\n"
        "print(s.ssim(np.zeros((12, 12)), np.ones((12, 12)), data_range=1))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) == pytest.approx(1e-4 / (1 + 1e-4))


def test_compiled_code_is_used_where_it_can_be() -> None:
    compiled = HAS_NUMBA and not importlib.import_module("numba").config.DISABLE_JIT
    assert (module._fastest_tile_sums() is not module._tile_sums) == compiled


# --- other people's ---------------------------------------------------------------------------------


@pytest.mark.reference
@pytest.mark.parametrize("noise", [1.0, 12.0, 60.0])
def test_ms_ssim_equals_pytorch_msssim(noise: float, count: Callable[[str], None]) -> None:
    shapes = [(161, 200), (192, 256, 3), (161, 177, 3), (203, 165, 3), (330, 161)]
    compare_with_pytorch([noisy_pair(shape, noise) for shape in shapes], f"synthetic, noise {noise:g}", count)


@pytest.mark.reference
def test_ms_ssim_equals_pytorch_msssim_on_kodak(kodak: Any, count: Callable[[str], None]) -> None:
    codec = PillowJpeg()
    names, qualities = ("kodim01", "kodim13"), (5, 50, 95)
    pairs = [(kodak[n], codec.decode(codec.encode(kodak[n], q))) for n in names for q in qualities]
    compare_with_pytorch(pairs, "JPEG files of Kodak", count)


def compare_with_pytorch(
    pairs: list[tuple[np.ndarray, np.ndarray]], title: str, count: Callable[[str], None]
) -> None:
    """Theirs in float64, with an exact window, and with their own, which is rounded to float32."""
    for exact, bound in ((True, 1e-11), (False, 1e-5)):
        largest = max(
            abs(ms_ssim(*pair, data_range=255) - pytorch_ms_ssim(*pair, exact=exact)) for pair in pairs
        )
        window = "exact window" if exact else "its float32 window"
        count(f"MS-SSIM and pytorch-msssim, {len(pairs)} {title}, {window}: at most {largest:.1e} apart")
        assert largest < bound


def pytorch_ms_ssim(original: np.ndarray, decoded: np.ndarray, *, exact: bool) -> float:
    """The value of their program."""
    import torch
    from pytorch_msssim import ms_ssim as theirs

    torch.set_num_threads(1)  # more threads than free processors wait for each other
    planes = [np.moveaxis(np.atleast_3d(a), 2, 0).astype(np.float64) for a in (original, decoded)]
    tensors = [torch.from_numpy(np.ascontiguousarray(a))[None] for a in planes]
    window = torch.from_numpy(module._WEIGHTS).repeat(len(planes[0]), 1, 1, 1) if exact else None
    value = theirs(*tensors, data_range=255, win=window).item()
    assert math.isfinite(value)
    return value
