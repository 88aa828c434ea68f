"""GDN and IGDN: the definition in loops, gradients by differences, what PyTorch says, and wrong input."""

import numpy as np
import pytest
from conftest import BACKENDS

from neural_from_scratch import ops
from neural_from_scratch.backend import use_backend
from neural_from_scratch.gradcheck import gradient_error
from neural_from_scratch.tensor import Tensor, checks_finite

SHAPES = [(2, 3, 4, 5), (1, 1, 1, 1), (3, 1, 2, 2), (1, 4, 1, 1), (2, 5, 1, 7)]
COMMON = [(2, 0.5), (1, 1)]


@pytest.fixture(params=BACKENDS, autouse=True)
def backend(request):
    with use_backend(request.param):
        yield request.param


def case(shape, dtype=np.float64, seed=0):
    """x away from the kink at 0; β and γ as they come out of training."""
    rng = np.random.default_rng(seed)
    x = rng.uniform(0.1, 2, shape) * rng.choice([-1, 1], shape)
    beta = rng.uniform(0.5, 1.5, shape[1])
    gamma = rng.uniform(0, 0.3, (shape[1], shape[1]))
    return [array.astype(dtype) for array in (x, beta, gamma)]


def by_definition(x, beta, gamma, alpha, epsilon, inverse):
    channels = x.shape[1]
    alpha = np.broadcast_to(alpha, (channels, channels))
    epsilon = np.broadcast_to(epsilon, (channels,))
    result = np.empty_like(x)
    for n, i, row, column in np.ndindex(x.shape):
        measure = beta[i]
        for j in range(channels):
            measure += gamma[i, j] * abs(x[n, j, row, column]) ** alpha[i, j]
        factor = measure ** epsilon[i]
        result[n, i, row, column] = x[n, i, row, column] * (factor if inverse else 1 / factor)
    return result


@pytest.mark.parametrize("inverse", [False, True])
@pytest.mark.parametrize("shape", SHAPES)
def test_values_are_those_of_the_definition(shape, inverse):
    x, beta, gamma = case(shape)
    rng = np.random.default_rng(1)
    channels = shape[1]
    exponents = [
        *COMMON,
        (1.5, 0.7),
        (rng.uniform(1, 3, channels), rng.uniform(0.2, 1, channels)),
        (rng.uniform(1, 3, (channels, channels)), 0.5),
        (np.array(2.5), np.array(0.25)),
    ]
    for alpha, epsilon in exponents:
        got = ops.gdn(x, beta, gamma, alpha, epsilon, inverse).data
        np.testing.assert_allclose(got, by_definition(x, beta, gamma, alpha, epsilon, inverse), rtol=1e-12)


def test_gamma_row_is_the_channel_that_is_divided():
    """CompressAI's layout: γ[0, 1] lets channel 1 divide channel 0."""
    x = np.array([1.0, 2.0]).reshape(1, 2, 1, 1)
    gamma = np.array([[0.0, 3.0], [0.0, 0.0]])
    np.testing.assert_allclose(ops.gdn(x, np.ones(2), gamma, 1, 1).data.ravel(), [1 / 7, 2])


@pytest.mark.parametrize("inverse", [False, True])
@pytest.mark.parametrize("exponents", [*COMMON, (1.5, 0.7)])
@pytest.mark.parametrize("shape", SHAPES)
def test_gradients_with_fixed_exponents(shape, exponents, inverse):
    error = gradient_error(lambda x, beta, gamma: ops.gdn(x, beta, gamma, *exponents, inverse), case(shape))
    assert error < 1e-6


@pytest.mark.parametrize("inverse", [False, True])
@pytest.mark.parametrize("shape", SHAPES)
def test_gradients_of_learned_exponents(shape, inverse):
    rng = np.random.default_rng(2)
    channels = shape[1]
    for alpha_shape in ((), (channels,), (channels, channels)):
        for epsilon_shape in ((), (channels,)):
            alpha, epsilon = rng.uniform(1.2, 3, alpha_shape), rng.uniform(0.2, 1, epsilon_shape)
            error = gradient_error(
                lambda x, beta, gamma, alpha, epsilon: ops.gdn(x, beta, gamma, alpha, epsilon, inverse),
                [*case(shape), np.array(alpha), np.array(epsilon)],
            )
            assert error < 1e-6, (alpha_shape, epsilon_shape)


@pytest.mark.parametrize("wanted", range(3))
def test_only_wanted_gradients_are_found(wanted):
    tensors = [
        Tensor(array, requires_grad=number == wanted) for number, array in enumerate(case((2, 3, 4, 5)))
    ]
    all_of_them = [Tensor(tensor.data, requires_grad=True) for tensor in tensors]
    for given in (tensors, all_of_them):
        ops.gdn(*given).backward(np.ones((2, 3, 4, 5)))
    np.testing.assert_array_equal(tensors[wanted].grad, all_of_them[wanted].grad)
    assert [tensor.grad is not None for tensor in tensors] == [number == wanted for number in range(3)]


@pytest.mark.parametrize("exponents", COMMON)
def test_gradient_at_zero_is_that_of_the_factor(exponents):
    x = Tensor(np.zeros((1, 2, 1, 1)), requires_grad=True)
    ops.gdn(x, np.full(2, 4.0), np.ones((2, 2)), *exponents).backward(np.ones((1, 2, 1, 1)))
    np.testing.assert_allclose(x.grad, 4.0 ** -exponents[1])


@pytest.mark.parametrize("exponents", [*COMMON, (1.5, 0.7)])
@pytest.mark.parametrize("shape", [(0, 3, 4, 5), (2, 3, 0, 5)])
def test_empty_batches_and_maps(shape, exponents):
    x = Tensor(np.zeros(shape, np.float32), requires_grad=True)
    gamma = Tensor(np.ones((3, 3), np.float32), requires_grad=True)
    y = ops.gdn(x, np.ones(3, np.float32), gamma, *exponents)
    y.backward(np.zeros(shape, np.float32))
    assert y.shape == x.grad.shape == shape
    np.testing.assert_array_equal(gamma.grad, np.zeros((3, 3)))


@pytest.mark.parametrize("exponents", COMMON)
def test_inputs_need_not_be_contiguous(exponents):
    x, beta, gamma = case((4, 6, 8, 10))
    views = x[::2, ::-2, 1::3].transpose(0, 1, 3, 2), beta[::-2], gamma[::2, 1::2].T
    copies = [np.ascontiguousarray(view) for view in views]
    gradient = np.random.default_rng(3).standard_normal(views[0].shape[::-1]).T
    found = []
    for arrays in (views, copies):
        tensors = [Tensor(array, requires_grad=True) for array in arrays]
        y = ops.gdn(*tensors, *exponents)
        y.backward(gradient)
        found.append([y.data, *(tensor.grad for tensor in tensors)])
    for one, other in zip(*found):
        np.testing.assert_allclose(one, other, rtol=1e-13)


@pytest.mark.parametrize("exponents", [*COMMON, (1.5, 0.7)])
def test_nan_spreads_over_its_pixel_only_and_is_found(exponents):
    x, beta, gamma = case((1, 3, 2, 2))
    x[0, 1, 0, 1] = np.nan
    y = ops.gdn(x, beta, gamma, *exponents).data
    expected = np.zeros((1, 3, 2, 2), bool)
    expected[:, :, 0, 1] = True
    np.testing.assert_array_equal(np.isnan(y), expected)
    with checks_finite(), pytest.raises(FloatingPointError, match="gdn"):
        ops.gdn(x, beta, gamma, *exponents)


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"x": np.zeros((2, 3, 4))}, ValueError, r"gdn: x has shape \(2, 3, 4\)"),
        ({"beta": np.ones(4)}, ValueError, r"gdn: beta has shape \(4,\).*\(3,\).*\(2, 3, 4, 5\)"),
        ({"gamma": np.ones((3, 4))}, ValueError, r"gdn: gamma has shape \(3, 4\).*\(3, 3\)"),
        ({"alpha": np.ones(2)}, ValueError, r"gdn: alpha has shape \(2,\)"),
        ({"epsilon": np.ones((3, 3))}, ValueError, r"gdn: epsilon has shape \(3, 3\)"),
        ({"beta": np.ones(3, np.float32)}, TypeError, r"gdn: beta is float32 of shape \(3,\), x is float64"),
        ({"alpha": np.float32(2)}, TypeError, "gdn: alpha is float32"),
        ({"gamma": [[1.0]]}, TypeError, "gdn: gamma is a list"),
        ({"epsilon": "half"}, TypeError, "gdn: epsilon is a str"),
        ({"x": np.zeros((2, 3, 4, 5), int)}, TypeError, "gdn: x has dtype int64"),
    ],
)
def test_wrong_arguments_are_named(change, error, words):
    arguments = {"x": np.ones((2, 3, 4, 5)), "beta": np.ones(3), "gamma": np.ones((3, 3))}
    with pytest.raises(error, match=words):
        ops.gdn(**arguments | change)


@pytest.mark.reference
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("inverse", [False, True])
@pytest.mark.parametrize("exponents", COMMON)
def test_values_and_gradients_are_pytorchs(exponents, inverse, dtype):
    torch = pytest.importorskip("torch")
    arrays = case((2, 16, 9, 7), dtype)
    gradient = np.random.default_rng(4).standard_normal(arrays[0].shape).astype(dtype)
    ours = [Tensor(array, requires_grad=True) for array in arrays]
    y = ops.gdn(*ours, *exponents, inverse)
    y.backward(gradient)

    theirs = [torch.from_numpy(array.copy()).requires_grad_() for array in arrays]
    x, beta, gamma = theirs
    n = torch.nn.functional.conv2d(x.abs() ** exponents[0], gamma[:, :, None, None], beta)
    n = n if exponents[1] == 1 else n.sqrt()
    expected = x * n if inverse else x / n
    expected.backward(torch.from_numpy(gradient))

    tolerance = 1e-5 if dtype == np.float32 else 1e-13
    np.testing.assert_allclose(y.data, expected.detach().numpy(), rtol=tolerance, atol=tolerance)
    for one, other in zip(ours, theirs):
        scale = float(other.grad.abs().max())
        np.testing.assert_allclose(one.grad, other.grad.numpy(), rtol=0, atol=tolerance * scale)


def test_leaves_keep_fresh_gradients_and_copy_others():
    """`gdn` promises arrays of its own; an operation that promises nothing may hand out what it keeps."""
    from neural_from_scratch.tensor import record

    for fresh in (False, True):
        made = np.ones(3)
        leaf = Tensor(np.zeros(3), requires_grad=True)
        record("test", leaf.data, (leaf,), lambda gradient, made=made: (made,), fresh).backward(np.ones(3))
        assert np.shares_memory(leaf.grad, made) == fresh
        assert np.array_equal(leaf.grad, np.ones(3))


def test_gradients_of_several_uses_and_calls_are_sums_of_their_own():
    rng = np.random.default_rng(5)
    x = Tensor(rng.standard_normal((2, 3, 4, 5)), requires_grad=True)
    beta, gamma = Tensor(np.ones(3), requires_grad=True), Tensor(np.full((3, 3), 0.1), requires_grad=True)
    leaves, arriving = (x, beta, gamma), rng.standard_normal(x.shape)
    ops.gdn(x, beta, gamma).backward(arriving)
    once = [leaf.grad for leaf in leaves]
    before = [gradient.copy() for gradient in once]
    y = ops.gdn(x, beta, gamma) + ops.gdn(x, beta, gamma)
    y.backward(arriving)
    for leaf, kept, value in zip(leaves, once, before, strict=True):
        assert np.array_equal(kept, value)  # nobody added to it in place
        np.testing.assert_allclose(leaf.grad, 3 * value, rtol=1e-12)
    assert not any(np.shares_memory(leaf.grad, array) for leaf in leaves for array in (*once, arriving))
