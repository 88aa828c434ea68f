"""The warm start: the best step, principal axes, and that step 0 is a linear transform codec."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from neural_from_scratch import seeds, warm_start
from neural_from_scratch.data import Pictures, generate_pictures, open_folder
from neural_from_scratch.layers import GDN
from neural_from_scratch.models import FactorizedPrior
from neural_from_scratch.tensor import Tensor, no_grad
from neural_from_scratch.train import estimate


@pytest.fixture(scope="module")
def leaves() -> Pictures:
    """Pictures from nothing, of coarse leaves."""
    return Pictures(
        [
            (f"{i}", np.repeat(np.repeat(picture, 4, 0), 4, 1))
            for i, picture in enumerate(
                generate_pictures(seed=1, count=6, side=48).picture(number) for number in range(6)
            )
        ]
    )


def started(pictures: Pictures, weight: float = 0.013, width: int = 24, latents: int = 40) -> FactorizedPrior:
    """A model after its warm start."""
    model = FactorizedPrior(width, latents, rng=seeds.stream(0, "weights"))
    warm_start.warm_start(model, pictures, weight, seed=0, squares=12, side=96)
    model.entropy_bottleneck.find_quantiles()
    return model


def test_step_is_where_the_loss_is_least() -> None:
    """λ Δ²/12 − 3 log₂ Δ, on a fine grid of Δ."""
    steps = np.linspace(1, 200, 200_000)
    for weight in (0.0018, 0.013, 0.18):
        losses = weight * steps**2 / 12 - 3 * np.log2(steps)
        assert warm_start.optimal_step(weight) == pytest.approx(steps[losses.argmin()], abs=2e-3)
    for wrong in (0.0, -1.0, math.inf, math.nan):
        with pytest.raises(ValueError, match="must be positive"):
            warm_start.optimal_step(wrong)


def test_principal_axes_make_coefficients_uncorrelated() -> None:
    """Orthonormal rows, by falling variance, the first one a mean."""
    rng = np.random.default_rng(0)
    samples = rng.standard_normal((500, 1)) + 0.3 * rng.standard_normal((500, 6)) * np.arange(1, 7)
    covariance = samples.T @ samples / 500
    axes = warm_start.principal_axes(covariance, 6)
    np.testing.assert_allclose(axes @ axes.T, np.eye(6), atol=1e-12)
    found = axes @ covariance @ axes.T
    np.testing.assert_allclose(found, np.diag(np.diag(found)), atol=1e-9)
    assert (np.diff(np.diag(found)) <= 0).all()
    assert (axes.sum(axis=1) >= 0).all()
    np.testing.assert_array_equal(warm_start.principal_axes(covariance, 2), axes[:2])


def test_first_stage_loses_nothing(leaves: Pictures) -> None:
    """Twelve coefficients of 2×2 pixels of three colours: the transpose is the inverse, at the border too."""
    model = started(leaves)
    x = leaves.batch(9, 9, 2, 32)
    with no_grad():
        coefficients = model.g_a[0](Tensor(x)).data
        live = np.where(np.arange(24)[:, None, None] < 12, coefficients, np.float32(77))  # nobody listens
        back = model.g_s[6](Tensor(live)).data
    np.testing.assert_allclose(back, x, atol=1e-5)
    energy = warm_start.GAIN**2 * ((x - model.g_s[6].bias.data[:, None, None]) ** 2).sum()
    assert (coefficients[:, :12] ** 2).sum() == pytest.approx(energy, rel=1e-5)


def test_normalisation_is_near_the_identity(leaves: Pictures) -> None:
    """And undone by its inverse much better than that."""
    model = started(leaves)
    assert isinstance(model.g_a[1], GDN)
    x = Tensor(np.random.default_rng(0).normal(0, 4, (1, 24, 8, 8)).astype(np.float32))
    y = model.g_a[1](x)
    back = model.g_s[1](y)
    assert np.abs(y.data / x.data - 1).max() < 0.15
    assert np.abs(back.data / x.data - 1).max() < 0.04


def test_step_0_is_a_codec(leaves: Pictures) -> None:
    """Few bits and many decibels, where default first weights give noise."""
    picture = leaves.picture(0)
    warm = estimate(started(leaves), picture)
    cold_model = FactorizedPrior(24, 40, rng=seeds.stream(0, "weights"))
    cold_model.entropy_bottleneck.find_quantiles()
    cold = estimate(cold_model, picture)
    assert warm.psnr > 20
    assert warm.psnr > cold.psnr + 6
    assert warm.bpp < 1.2


def test_larger_weights_buy_quality_with_bits(leaves: Pictures) -> None:
    """Only the step differs."""
    fine, coarse = (estimate(started(leaves, weight), leaves.picture(1)) for weight in (0.1, 0.003))
    assert fine.bpp > 1.5 * coarse.bpp
    assert fine.psnr > coarse.psnr


def test_densities_fit_their_channels(leaves: Pictures) -> None:
    """Medians where the latents have theirs, and as wide as the latents are."""
    model = started(leaves)
    batch = leaves.batch(0, 0, 4, 96)
    made = model(batch, np.random.default_rng(0))
    y = made.latents.data
    assert np.abs(np.median(y, axis=(0, 2, 3)) - model.entropy_bottleneck.medians[:, 0, 0]).max() < 3
    bits = -np.log2(made.likelihoods["y"].data).mean(axis=(0, 2, 3))
    entropy = np.log2(np.maximum(y.std(axis=(0, 2, 3)), 0.3) * math.sqrt(2 * math.pi * math.e))
    assert np.abs(bits - entropy).max() < 2.5


def test_the_same_every_time(leaves: Pictures) -> None:
    """Of a seed; and wrong sizes are refused before anything changes."""
    one, other = started(leaves).state_dict(), started(leaves).state_dict()
    for name, array in one.items():
        np.testing.assert_array_equal(array, other[name])
    model = FactorizedPrior(4, 4, rng=seeds.stream(0, "weights"))
    before = model.state_dict()
    for squares, side, weight in ((0, 32, 0.01), (4, 40, 0.01), (4, 0, 0.01), (4, 32, 0.0)):
        with pytest.raises(ValueError, match="must be"):
            warm_start.warm_start(model, leaves, weight, seed=0, squares=squares, side=side)
    for name, array in model.state_dict().items():
        np.testing.assert_array_equal(array, before[name])


def test_another_weight_only_changes_the_scale_of_latents(leaves: Pictures) -> None:
    """By √(new / old); pictures without rounding stay, densities and their quantiles go with the latents."""
    model, x = started(leaves), leaves.batch(2, 2, 2, 32)
    before = model.analyse(x).data
    decoded = model.synthesise(before).data
    levels = model.entropy_bottleneck.logits(model.entropy_bottleneck.quantiles.data[:, 0].astype(np.float64))
    warm_start.change_weight(model, 0.01, 0.04)
    after = model.analyse(x).data
    np.testing.assert_allclose(after, 2 * before, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(model.synthesise(after).data, decoded, atol=1e-5)
    density = model.entropy_bottleneck
    scaled = density.logits(density.quantiles.data[:, 0].astype(np.float64))
    np.testing.assert_allclose(scaled, levels, atol=1e-3)
    found = density.quantiles.data.copy()
    density.find_quantiles()
    np.testing.assert_allclose(density.quantiles.data, found, rtol=1e-3, atol=1e-3)


def test_on_photographs(codec_data_folder: Path) -> None:
    """Step 0 of a small network, on a picture of which it has seen nothing."""
    folders = [codec_data_folder / "photos" / name for name in ("train", "validation")]
    if not all(folder.is_dir() for folder in folders):
        pytest.skip(f"no data: {folders[0].parent}")
    seen, unseen = (open_folder(folder, 128, memory=4 << 20) for folder in reversed(folders))
    model = started(seen, width=32, latents=48)
    found = estimate(model, unseen.picture(0)[:256, :256])
    assert found.psnr > 25
    assert found.bpp < 2
