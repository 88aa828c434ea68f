"""First weights: their spread, their dtype, and that they are PyTorch's rules."""

import numpy as np
import pytest

from neural_from_scratch import init

SHAPE = (48, 32, 5, 3)
FAN_IN, FAN_OUT = 32 * 15, 48 * 15


def rng(seed=0):
    return np.random.default_rng(seed)


def test_fans_count_products_per_result_and_per_input():
    assert init.fans(SHAPE) == (FAN_IN, FAN_OUT)
    assert init.fans((7, 5)) == (5, 7)


@pytest.mark.parametrize("shape", [(), (4,), (4, 0, 3, 3), (0, 4)])
def test_shapes_without_fans_are_refused(shape):
    with pytest.raises(ValueError, match="has no fans"):
        init.fans(shape)


@pytest.mark.parametrize(
    ("rule", "variance", "bound"),
    [
        (init.fan_in_uniform, 1 / (3 * FAN_IN), (1 / FAN_IN) ** 0.5),
        (init.kaiming_uniform, 2 / FAN_IN, (6 / FAN_IN) ** 0.5),
        (init.kaiming_normal, 2 / FAN_IN, np.inf),
        (init.xavier_uniform, 2 / (FAN_IN + FAN_OUT), (6 / (FAN_IN + FAN_OUT)) ** 0.5),
        (init.xavier_normal, 2 / (FAN_IN + FAN_OUT), np.inf),
    ],
)
def test_weights_have_mean_0_and_the_stated_variance(rule, variance, bound):
    weights = rule(rng(), SHAPE, dtype=np.float64)
    n = weights.size
    assert weights.shape == SHAPE
    assert abs(weights.mean()) < 5 * (variance / n) ** 0.5
    assert weights.var() == pytest.approx(variance, rel=5 * (2 / n) ** 0.5)
    largest = np.abs(weights).max()
    assert largest <= bound
    if bound < np.inf:
        assert largest > 0.999 * bound
    else:
        assert 3.5 < largest / variance**0.5 < 6  # of 23 040 normal numbers


@pytest.mark.parametrize(
    "rule",
    [init.kaiming_uniform, init.kaiming_normal, init.xavier_uniform, init.xavier_normal],
)
def test_the_gain_is_a_factor(rule):
    assert np.allclose(rule(rng(), SHAPE, gain=3.0), 3 * rule(rng(), SHAPE, gain=1.0), rtol=1e-6)


def test_a_bias_takes_the_fan_of_its_weight():
    bias = init.fan_in_uniform(rng(), (2000,), fan_in=400, dtype=np.float64)
    assert 0.0499 < np.abs(bias).max() <= 0.05


@pytest.mark.parametrize("rule", [init.fan_in_uniform, init.kaiming_normal, init.xavier_uniform])
def test_float32_and_float64_start_from_the_same_weights(rule):
    single, double = rule(rng(7), SHAPE), rule(rng(7), SHAPE, dtype=np.float64)
    assert single.dtype == np.float32
    assert double.dtype == np.float64
    assert (single == double.astype(np.float32)).all()


def test_constants():
    assert (init.zeros((2, 3)) == np.zeros((2, 3), np.float32)).all()
    assert (init.constant((4,), 0.25, dtype=np.float64) == [0.25] * 4).all()
    assert init.zeros((2,)).dtype == init.constant((2,), 1).dtype == np.float32


def test_kaiming_keeps_the_size_of_what_passes_through_many_relus():
    x = rng(1).standard_normal((256, 64))
    for layer in range(20):
        x = np.maximum(x @ init.kaiming_normal(rng(layer), (64, 64), dtype=np.float64).T, 0)
    assert 0.1 < (x**2).mean() < 10


@pytest.mark.reference
def test_bounds_are_those_that_pytorch_draws_from():
    torch = pytest.importorskip("torch")
    layer = torch.nn.Conv2d(32, 48, (5, 3))
    transposed = torch.nn.ConvTranspose2d(32, 48, (5, 3))
    pairs = [
        (init.fan_in_uniform(rng(), SHAPE), layer.weight),
        (init.fan_in_uniform(rng(), (32, 48, 5, 3)), transposed.weight),
        (
            init.kaiming_uniform(rng(), SHAPE),
            torch.nn.init.kaiming_uniform_(torch.empty(SHAPE), nonlinearity="relu"),
        ),
        (init.xavier_uniform(rng(), SHAPE), torch.nn.init.xavier_uniform_(torch.empty(SHAPE))),
    ]
    for ours, theirs in pairs:
        theirs = theirs.detach().numpy()
        assert ours.shape == theirs.shape
        assert np.abs(ours).max() == pytest.approx(np.abs(theirs).max(), rel=2e-3)
        assert ours.std() == pytest.approx(theirs.std(), rel=0.02)
    bias = np.abs(transposed.bias.detach().numpy()).max()
    assert bias <= 1 / init.fans((32, 48, 5, 3))[0] ** 0.5
