"""A hyperprior's own layers learn alone: from telling each channel's spread to telling that of each place."""

from __future__ import annotations

import numpy as np
import pytest
from hyper_cases import NAMES

from neural_from_scratch import Tensor, hyper_start, losses, no_grad, seeds
from neural_from_scratch.data import generate_pictures
from neural_from_scratch.hyper_start import (
    LOUD,
    last_layer,
    latents_of_squares,
    learn_alone,
    price,
    step_sizes,
)
from neural_from_scratch.models import MeanScaleHyperprior, ScaleHyperprior, model_named
from neural_from_scratch.models.hyperprior import Hyperprior

SPREADS = np.array([40.0, 5.0, 1.0, 2.0, 10.0, 0.5], np.float32)


def fresh(name: str) -> Hyperprior:
    cls = model_named(name)
    assert cls in (ScaleHyperprior, MeanScaleHyperprior)
    model: Hyperprior = cls(8, 6, rng=seeds.stream(0, "weights"))
    return model


def latents(count: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    """Latents whose spread is ten times as large on one half of each square as on the other."""
    rng = np.random.default_rng(3)
    y = rng.standard_normal((count, 6, 16, 16), np.float32) * SPREADS[:, np.newaxis, np.newaxis]
    for square, where in zip(y, rng.integers(0, 2, count)):
        square[:, :, 8 * where : 8 * where + 8] *= 0.1
    return y


def bits(model: Hyperprior, y: np.ndarray[tuple[int, ...], np.dtype[np.float32]]) -> float:
    with no_grad():
        rounded = model.rounded({"y": Tensor(y), **model.further_latents(Tensor(y))})
        return losses.rate(model.likelihoods(rounded), y[:, 0].size * 256).item()


@pytest.mark.parametrize("name", NAMES)
def test_at_first_each_channel_has_its_spread(name: str) -> None:
    model, y = fresh(name), latents(32)
    learn_alone(model, y, 0, 0)
    with no_grad():
        z = model.hyper_analyse(Tensor(y))
        scales, means = model.expected(z, 16, 16)
    np.testing.assert_allclose(z.data.std(axis=(0, 2, 3)), LOUD, rtol=0.01)
    spread = np.abs(y).mean(axis=(0, 2, 3)) * np.sqrt(np.pi / 2)
    told = scales.data.mean(axis=(0, 2, 3))
    assert (np.abs(told / np.maximum(spread, 0.3) - 1) < 0.35).all(), told / spread
    if means is not None:
        assert (np.abs(means.data.mean(axis=(0, 2, 3))) < 0.35 * np.maximum(spread, 0.3)).all()


@pytest.mark.parametrize("name", NAMES)
def test_bits_fall(name: str) -> None:
    """By what it costs to know the place and not the channel only; on squares that were not learned."""
    model, y, others = fresh(name), latents(32), latents(48)[32:]
    learn_alone(model, y, 0, 0)
    before = bits(model, others)
    model = fresh(name)
    learned = learn_alone(model, y, 0, 150, rate=5e-3)
    after = bits(model, others)
    assert after < 0.93 * before
    assert abs(learned - after) < 0.08 * after  # what is returned is what the model does once all is folded


@pytest.mark.parametrize("name", NAMES)
def test_what_is_sent_is_what_counts(name: str) -> None:
    """±0.4 rounds to nothing, and costs next to nothing; noise would make it look ten times as wide."""
    model, y, others = fresh(name), 0.4 * np.sign(latents(32)), 0.4 * np.sign(latents(48)[32:])
    learn_alone(model, y, 0, 0)
    before = bits(model, others)
    learn_alone(model, y, 0, 200, rate=5e-3)
    assert bits(model, others) < 0.1 * before
    with no_grad():
        scales, _ = model.expected(
            model.rounded({"y": Tensor(others), **model.further_latents(Tensor(others))})["z"], 16, 16
        )
    assert np.median(scales.data) < 0.2


@pytest.mark.parametrize("name", NAMES)
def test_side_information_has_its_price(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The dearer it is, the less z says."""
    y, loud = latents(32), []
    for value in (0.0, 30.0):
        monkeypatch.setattr(hyper_start, "price", lambda step, steps, value=value: value)
        model = fresh(name)
        learn_alone(model, y, 0, 60, rate=5e-3)
        loud.append(model.hyper_analyse(Tensor(y)).data.std())
    assert loud[1] < 0.8 * loud[0], loud


def test_the_price_is_full_in_the_end() -> None:
    prices = [price(step, 50) for step in range(50)]
    assert prices == sorted(prices)
    assert 0 < prices[0] < 0.03
    assert prices[40:] == [1.0] * 10


def test_who_goes_on_pays_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(hyper_start, "price")
    model, y = fresh("scale-hyperprior"), latents(4)
    learn_alone(model, y, 0, 1, from_nothing=False)
    with pytest.raises(NameError):
        learn_alone(model, y, 0, 1)


def test_going_on_keeps_what_was_learned() -> None:
    y, others = latents(32), latents(48)[32:]
    model = fresh("mean-scale-hyperprior")
    learn_alone(model, y, 0, 150, rate=5e-3)
    before = bits(model, others)
    learn_alone(model, y, 0, 30, rate=1e-3, from_nothing=False)
    assert bits(model, others) < 1.01 * before
    learn_alone(model, y, 0, 0)
    assert bits(model, others) > 1.05 * before


@pytest.mark.parametrize("name", NAMES)
def test_steps_are_of_the_size_of_the_channel(name: str) -> None:
    model = fresh(name)
    sizes = step_sizes(model, latents(32))
    spread = np.maximum(np.abs(latents(32)).mean(axis=(0, 2, 3)) * np.sqrt(np.pi / 2), 0.3)
    told = np.tile(spread, 2 if model.has_means else 1)
    hears, *tells = sorted(sizes)  # h_a.0.weight, h_s.….bias, h_s.….weight
    assert hears == "h_a.0.weight"
    assert [key.rsplit(".", 1)[1] for key in tells] == ["bias", "weight"]
    np.testing.assert_allclose(sizes[hears].ravel(), 1 / spread, rtol=0.05)
    for key in tells:
        np.testing.assert_allclose(sizes[key].ravel(), told, rtol=0.05)


def test_transforms_stay() -> None:
    model = fresh("scale-hyperprior")
    before = {key: array for key, array in model.state_dict().items() if key.startswith(("g_a.", "g_s."))}
    y = latents_of_squares(model, generate_pictures(0, count=2, side=64), 0, squares=5, side=64)
    assert y.shape == (5, 6, 4, 4)
    tells = last_layer(model).weight.data.copy()
    learn_alone(model, y, 0, 2)
    learn_alone(model, y, 0, 2, from_nothing=False)
    after = model.state_dict()
    assert all((after[key] == array).all() for key, array in before.items())
    assert (last_layer(model).weight.data != tells).any()
