"""The learned density: what it is at first, far out and in sum; its kernel; its quantiles and its tables."""

from __future__ import annotations

import math

import numpy as np
import pytest
import strict_arrays
from hypothesis import given, settings
from hypothesis import strategies as st

from neural_from_scratch import ops, use_backend
from neural_from_scratch.entropy_models import FLOOR, FactorizedDensity, likelihood_on_tape
from neural_from_scratch.gradcheck import gradient_error
from neural_from_scratch.tensor import Tensor


def bent(channels: int, dtype: type = np.float64, seed: int = 0, size: float = 0.7) -> FactorizedDensity:
    """A density whose parameters are no longer the first ones; the same for both dtypes, up to rounding."""
    rng = np.random.default_rng(seed)
    density = FactorizedDensity(channels, 4.0, rng=rng, dtype=np.float64)
    for parameter in density.parameters():
        if parameter.requires_grad:
            parameter.data = (parameter.data + rng.normal(0, size, parameter.shape)).astype(dtype)
    density.quantiles.data = density.quantiles.data.astype(dtype)
    return density


def latents(shape: tuple[int, ...], seed: int = 1, spread: float = 8.0) -> np.ndarray:
    """Numbers of a wide range, both signs."""
    return np.random.default_rng(seed).laplace(0, spread, shape)


def run(density: FactorizedDensity, values: np.ndarray, weights: np.ndarray) -> list[np.ndarray]:
    """Likelihoods and all gradients."""
    x = Tensor(values.astype(density.quantiles.dtype), requires_grad=True)
    density.zero_grad()
    p = density.likelihood(x)
    p.backward(weights.astype(p.dtype))
    gradients = [parameter.grad for parameter in density.parameters() if parameter.requires_grad]
    return [p.data, x.grad, *gradients]


# --------------------------------------------------------------------------------------------------
# The definition


def test_first_density_is_the_logistic_one() -> None:
    """With â = 0 and without biases, c(x) = σ(x / scale)."""
    density = FactorizedDensity(2, 7.0, rng=np.random.default_rng(0), dtype=np.float64)
    for bias in density.biases:
        bias.data[:] = 0
    x = np.array([-30.0, -2.0, 0.0, 0.4, 55.0])
    expected = 1 / (1 + np.exp(-(x + 0.5) / 7)) - 1 / (1 + np.exp(-(x - 0.5) / 7))
    found = density.likelihood(np.tile(x, (2, 1)).reshape(1, 2, 1, 5)).data[0, :, 0]
    np.testing.assert_allclose(found, np.tile(expected, (2, 1)), rtol=1e-11)


def test_first_matrices_are_those_of_compressai() -> None:
    """log(expm1(1 / scale / width)), with scale = 10^(1/5)."""
    density = FactorizedDensity(3, rng=np.random.default_rng(0))
    for matrix, width in zip(density.matrices, (3, 3, 3, 3, 1)):
        np.testing.assert_allclose(matrix.data, math.log(math.expm1(1 / 10 ** (1 / 5) / width)), rtol=1e-6)
    assert all(np.abs(bias.data).max() <= 0.5 and np.ptp(bias.data) > 0 for bias in density.biases)


def test_names_and_shapes() -> None:
    """Those of CompressAI's state dictionary."""
    shapes = {name: array.shape for name, array in bent(5).state_dict().items()}
    assert shapes == {
        "matrices.0": (5, 3, 1),
        "matrices.4": (5, 1, 3),
        "biases.4": (5, 1, 1),
        "quantiles": (5, 1, 3),
        **{f"matrices.{i}": (5, 3, 3) for i in (1, 2, 3)},
        **{f"biases.{i}": (5, 3, 1) for i in range(4)},
        **{f"factors.{i}": (5, 3, 1) for i in range(4)},
    }


@pytest.mark.parametrize("offset", [0.0, 0.3, -0.5])
def test_probabilities_of_a_lattice_add_up_to_one(offset: float) -> None:
    """Wherever the lattice lies: they are what lies in its cells."""
    x = np.broadcast_to(np.arange(-400, 401.0) + offset, (1, 4, 1, 801))
    total = bent(4).likelihood(x).data.sum(axis=3)
    np.testing.assert_allclose(total, 1, atol=1e-6)  # the floor adds a little


def test_gradients_of_the_tape() -> None:
    """With respect to the values and every parameter, as stored."""
    density = bent(2)
    stored = [*density.matrices, *density.biases, *density.factors]

    def function(x: Tensor, *parameters: Tensor) -> Tensor:
        return likelihood_on_tape(
            x,
            [ops.softplus(parameter) for parameter in parameters[:5]],
            list(parameters[5:10]),
            [ops.tanh(parameter) for parameter in parameters[10:]],
        )

    arrays = [latents((2, 2, 1, 3)), *(parameter.data for parameter in stored)]
    assert gradient_error(function, arrays) < 1e-7


@pytest.mark.parametrize("side", [-1, 1])
def test_far_out_no_precision_is_lost(side: int, backend: str) -> None:
    """At ±150 of a logistic density of scale 10 the two terms are 3·10⁻⁸ apart, both next to 0 or to 1."""
    density = FactorizedDensity(1, rng=np.random.default_rng(0))
    for bias in density.biases:
        bias.data[:] = 0
    x = np.full((1, 1, 1, 1), 150.0 * side, np.float32)
    with use_backend(backend):
        found = run(density, x, np.ones_like(x))
    exact = 1 / (1 + math.exp(14.95)) - 1 / (1 + math.exp(15.05))
    np.testing.assert_allclose(found[0].item(), exact, rtol=1e-4)
    np.testing.assert_allclose(found[1].item(), -side * exact / 10, rtol=1e-3)


def test_floor_lets_only_gradients_pass_that_raise(backend: str) -> None:
    """At ±200 of scale 10, p is 2·10⁻¹⁰: who wants it higher gets a slope, who wants it lower none."""
    x = np.array([-200.0, 200.0, -9e5, 9e5], np.float32).reshape(1, 1, 1, 4)
    density = FactorizedDensity(1, rng=np.random.default_rng(0))
    for wanted in (-1.0, 1.0):
        with use_backend(backend):
            p, slope, *_ = run(density, x, np.full(x.shape, wanted))
        np.testing.assert_array_equal(p, np.float32(FLOOR))
        near, far = slope[..., :2].ravel(), slope[..., 2:].ravel()
        assert not far.any()
        assert (wanted * near * x[..., :2].ravel() < 0).all() if wanted < 0 else not near.any()


# --------------------------------------------------------------------------------------------------
# The kernel


@pytest.mark.big
@pytest.mark.both_backends
@settings(max_examples=25, deadline=None, derandomize=True)
@given(
    st.tuples(st.integers(1, 3), st.integers(1, 20), st.integers(1, 13), st.integers(1, 13)),
    st.integers(0, 1000),
)
def test_kernel_computes_what_the_tape_does(shape: tuple[int, ...], seed: int) -> None:
    """Likelihoods and all gradients in float32, beside the tape in float64."""
    values, weights = latents(shape, seed), np.random.default_rng(seed).standard_normal(shape)
    values = values.astype(np.float32)  # the same numbers for both
    exact = run(bent(shape[1], np.float64, seed), values, weights)
    with use_backend("fast"):
        fast = run(bent(shape[1], np.float32, seed), values, weights)
    for ours, theirs in zip(fast, exact, strict=True):
        assert ours.dtype == np.float32
        assert ours.shape == theirs.shape
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=3e-5 * max(np.abs(theirs).max(), 1e-6))


@pytest.mark.big
@pytest.mark.both_backends
def test_kernel_takes_any_number_of_values() -> None:
    """Less than the lanes, just as many, and one more: lanes that are left over add nothing."""
    for count in (1, 63, 64, 65, 128, 200):
        shape = (1, 2, 1, count)
        values, weights = latents(shape, count).astype(np.float32), np.ones(shape)
        exact, fast = run(bent(2), values, weights), run(bent(2, np.float32), values, weights)
        for ours, theirs in zip(fast, exact, strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=0, atol=3e-5 * np.abs(theirs).max())


@pytest.mark.big
@pytest.mark.both_backends
def test_bits_do_not_depend_on_threads() -> None:
    """A channel is never cut."""
    numba = pytest.importorskip("numba")
    values, weights = latents((2, 40, 9, 9)), np.ones((2, 40, 9, 9))
    several = run(bent(40, np.float32), values, weights)
    threads = numba.get_num_threads()
    numba.set_num_threads(1)
    try:
        one = run(bent(40, np.float32), values, weights)
    finally:
        numba.set_num_threads(threads)
    for ours, theirs in zip(several, one, strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.big
@pytest.mark.both_backends
def test_nan_goes_through_the_kernel() -> None:
    """It is not clipped away."""
    values = np.array([0.0, np.nan], np.float32).reshape(1, 1, 1, 2)
    assert np.isnan(bent(1, np.float32).likelihood(values).data).ravel().tolist() == [False, True]


def test_arrays_of_another_module() -> None:
    """The tape on arrays that never become NumPy's."""
    density, values = bent(3, np.float32), latents((2, 3, 2, 4)).astype(np.float32)
    expected = run(density, values, np.ones(values.shape))
    for parameter in density.parameters():
        parameter.data, parameter.grad = strict_arrays.from_numpy(parameter.data), None
    x = Tensor(strict_arrays.from_numpy(values), requires_grad=True)
    p = density.likelihood(x)
    p.backward(strict_arrays.from_numpy(np.ones(values.shape, np.float32)))
    np.testing.assert_allclose(strict_arrays.to_numpy(p.data), expected[0], rtol=1e-4, atol=1e-7)
    np.testing.assert_allclose(strict_arrays.to_numpy(x.grad), expected[1], rtol=1e-3, atol=1e-6)


# --------------------------------------------------------------------------------------------------
# After training


def test_quantiles_are_where_they_should_be() -> None:
    """Of logistic densities they are known: the median, and ± scale · ln(2 / tail − 1) about it."""
    density = FactorizedDensity(3, rng=np.random.default_rng(0), dtype=np.float64)
    middle, scale = np.array([0.0, -3.25, 40.0]), np.array([10.0, 0.05, 300.0])
    density.fit_logistic(middle, scale * 2 * math.log(2))
    density.find_quantiles(1e-6)
    reach = scale * math.log(2 / 1e-6 - 1)
    expected = np.stack([middle - reach, middle, middle + reach], axis=1)
    np.testing.assert_allclose(density.quantiles.data[:, 0], expected, rtol=1e-9, atol=1e-9)


def test_quantiles_of_a_bent_density() -> None:
    """Half of the probability lies below the median, and about 10⁻⁹ beyond the tails."""
    density = bent(6)
    density.find_quantiles()
    low, median, high = density.quantiles.data[:, 0].T
    assert (low < median).all()
    assert (median < high).all()
    for channel in range(6):
        below = median[channel] - 0.5 - np.arange(300)
        values = np.broadcast_to(below, (1, 6, 1, 300))
        assert abs(density.likelihood(values).data[0, channel].sum() - 0.5) < 1e-6


def test_symbols_are_whole_distances_from_the_median() -> None:
    """And what comes back is within half a step of what went in."""
    density = bent(3, np.float32)
    density.find_quantiles()
    y = latents((2, 3, 4, 5)).astype(np.float32)
    symbols = density.quantize(y)
    assert symbols.dtype == np.int32
    back = density.dequantize(symbols)
    assert back.dtype == np.float32
    assert np.abs(back - y).max() <= 0.5 + 1e-5
    np.testing.assert_array_equal(density.quantize(back), symbols)
    for bad in (np.nan, np.inf, 4e9):
        y[0, 0, 0, 0] = bad
        with pytest.raises(ValueError, match="not finite, or too large"):
            density.quantize(y)


def test_tables_cost_what_the_likelihoods_say() -> None:
    """Ideal bits by the integer tables against −log₂ p, over symbols drawn from the densities themselves."""
    density = bent(8, size=0.4)
    density.find_quantiles()
    tables = density.tables()
    assert len(tables) == 8
    rng = np.random.default_rng(3)
    drawn = density._solve(np.log(1 / rng.uniform(0.0005, 0.9995, 4000) - 1))  # (8, 4000) latents
    y = np.round(drawn - density.medians[:, 0]).astype(np.int32)
    p = density.likelihood((y + density.medians[:, 0]).reshape(1, 8, 1, 4000)).data
    indexes = np.broadcast_to(np.arange(8, dtype=np.int32)[:, None], y.shape)
    assert tables.code_length(y, indexes) == pytest.approx(-np.log2(p).sum(), rel=1e-3)


def test_tables_of_very_wide_and_very_narrow_densities() -> None:
    """Bounded tables, and a symbol at least."""
    density = FactorizedDensity(2, rng=np.random.default_rng(0))
    density.fit_logistic(np.array([0.4, -7.0]), np.array([5e4, 0.0]))
    density.find_quantiles()
    tables = density.tables()
    assert tables.lengths[0] <= 2 * 8192 + 3
    assert tables.lengths[1] >= 2
    assert tables.code_length(np.array([0], np.int32), np.array([1], np.int32)) < 0.01


def test_wrong_arguments() -> None:
    """Each error names what is wrong."""
    density = bent(3, np.float32)
    with pytest.raises(ValueError, match=r"shape \(1, 2, 4, 4\), must be \(N, 3, H, W\)"):
        density.likelihood(np.zeros((1, 2, 4, 4), np.float32))
    with pytest.raises(TypeError, match="float64, parameters float32"):
        density.likelihood(np.zeros((1, 3, 4, 4)))
    for channels, scale in ((0, 10.0), (3, 0.0), (3, math.nan)):
        with pytest.raises(ValueError, match="must be > 0"):
            FactorizedDensity(channels, scale, rng=np.random.default_rng(0))


@pytest.mark.reference
def test_a_twin_in_pytorch() -> None:
    """Equation 1 written down there, with its autograd."""
    torch = pytest.importorskip("torch")
    density, values = bent(4, np.float32), latents((2, 4, 5, 6)).astype(np.float32)
    ours = run(density, values, np.ones(values.shape))
    stored = [*density.matrices, *density.biases, *density.factors]
    leaves = [torch.tensor(parameter.data, requires_grad=True) for parameter in stored]
    x = torch.tensor(values, requires_grad=True)

    def logits(v):
        for i in range(5):
            v = torch.matmul(torch.nn.functional.softplus(leaves[i]), v) + leaves[5 + i]
            if i < 4:
                v = v + torch.tanh(leaves[10 + i]) * torch.tanh(v)
        return v

    flat = x.permute(1, 0, 2, 3).reshape(4, 1, -1)
    upper, lower = logits(flat + 0.5), logits(flat - 0.5)
    sign = -torch.sign(upper + lower).detach()
    p = torch.abs(torch.sigmoid(sign * upper) - torch.sigmoid(sign * lower))
    p = p.reshape(4, 2, 5, 6).permute(1, 0, 2, 3).clamp_min(1e-9)
    p.sum().backward()
    theirs = [p.detach(), x.grad, *(leaf.grad for leaf in leaves)]
    for one, other in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(one, other.numpy(), rtol=1e-4, atol=2e-5 * float(other.abs().max()))
