"""Rounding with its straight-through gradient, and the noise that stands for it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.stats

from neural_from_scratch.quantization import add_uniform_noise, round_straight_through
from neural_from_scratch.tensor import Tensor


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_halves_go_to_the_even_number(dtype: type) -> None:
    """As IEEE 754, NumPy and PyTorch round, not as at school."""
    x = np.array([-2.5, -1.5, -0.5, -0.2, 0.5, 0.500001, 1.5, 2.5, 1e7], dtype)
    y = round_straight_through(x).data
    assert y.dtype == dtype
    np.testing.assert_array_equal(y, [-2, -2, 0, 0, 0, 1, 2, 2, 1e7])


@pytest.mark.parametrize(
    "function", [round_straight_through, lambda x: add_uniform_noise(x, np.random.default_rng(0))]
)
def test_gradient_passes_unchanged(function: Any) -> None:
    """Whatever it is."""
    x = Tensor(np.array([0.2, 0.5, -7.9]), requires_grad=True)
    gradient = np.array([3.0, -1e9, 0.1])
    function(x).backward(gradient)
    np.testing.assert_array_equal(x.grad, gradient)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_noise_is_uniform_on_the_unit_interval_about_zero(dtype: type) -> None:
    """Kolmogorov–Smirnov; no number further than ½; neighbours know nothing of each other."""
    noise = add_uniform_noise(np.zeros((100, 200), dtype), np.random.default_rng(7)).data
    assert noise.dtype == dtype
    assert np.abs(noise).max() <= 0.5
    assert scipy.stats.kstest(noise.ravel(), scipy.stats.uniform(-0.5, 1).cdf).pvalue > 0.01
    assert abs(np.corrcoef(noise[:, :-1].ravel(), noise[:, 1:].ravel())[0, 1]) < 0.03


def test_noise_comes_from_the_generator_that_is_passed() -> None:
    """The same seed gives the same noise, the next call other noise, and no other source is touched."""
    x = np.linspace(0, 1, 50)
    generator = np.random.default_rng(3)
    first, second = add_uniform_noise(x, generator).data, add_uniform_noise(x, generator).data
    np.testing.assert_array_equal(first, add_uniform_noise(x, np.random.default_rng(3)).data)
    assert (first != second).all()
    np.testing.assert_allclose(first - x, np.random.default_rng(3).random(50) - 0.5, atol=1e-15)


@pytest.mark.parametrize("shape", [(), (0, 3), (1, 1)])
def test_noise_of_any_shape(shape: tuple[int, ...]) -> None:
    """Numbers without axes, and none at all."""
    noisy = add_uniform_noise(np.zeros(shape), np.random.default_rng(0))
    assert noisy.shape == shape
    assert isinstance(noisy.data, np.ndarray)


@pytest.mark.parametrize("generator", [0, None, np.random])
def test_what_is_no_generator_is_named(generator: Any) -> None:
    """A seed in its place, nothing, or a module that has `random` of another kind."""
    with pytest.raises(TypeError, match=r"generator|random\(\)"):
        add_uniform_noise(np.zeros(2), generator)
