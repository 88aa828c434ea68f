"""Convolution and its transpose: the definition, SciPy, PyTorch, gradients, and what is refused."""

import numpy as np
import pytest
import scipy.signal

from neural_from_scratch import ops
from neural_from_scratch.backend import use_backend
from neural_from_scratch.gradcheck import gradient_error
from neural_from_scratch.ops import convolution
from neural_from_scratch.tensor import Tensor

# shape of x, outputs, kernel, stride, padding, groups
CASES = [
    ((2, 3, 7, 9), 4, (5, 5), (2, 2), (2, 2), 1),
    ((1, 8, 6, 5), 8, (5, 5), (2, 2), (2, 2), 1),
    ((2, 4, 5, 6), 6, (3, 3), (1, 1), (1, 1), 2),
    ((1, 1, 4, 4), 1, (1, 1), (1, 1), (0, 0), 1),
    ((1, 2, 1, 1), 3, (3, 3), (1, 1), (1, 1), 1),
    ((2, 1, 7, 8), 2, (2, 2), (3, 3), (0, 0), 1),
    ((1, 3, 6, 7), 3, (2, 3), (2, 1), (0, 2), 3),
    ((1, 2, 5, 5), 2, (1, 4), (1, 2), (2, 3), 1),
]
IDS = [
    f"{shape}-{outputs}-{kernel}-s{stride}-p{padding}-g{groups}".replace(" ", "")
    for shape, outputs, kernel, stride, padding, groups in CASES
]
each_case = pytest.mark.parametrize("case", CASES, ids=IDS)


def arrays(case, seed=0, transposed=False, dtype=np.float64):
    """Return x, weight and bias of a case; for the transpose, x is the small map."""
    shape, outputs, kernel, stride, padding, groups = case
    random = np.random.default_rng(seed)
    x = random.standard_normal(shape)
    weight = random.standard_normal((outputs, shape[1] // groups, *kernel))
    if transposed:
        x = random.standard_normal(
            (shape[0], outputs, *convolution.sizes_after(shape[2:], kernel, stride, padding))
        )
    bias = random.standard_normal(shape[1] if transposed else outputs)
    return x.astype(dtype), weight.astype(dtype), bias.astype(dtype)


def output_padding(case):
    """Return the rows and columns that the convolution of a case left over."""
    shape, _, kernel, stride, padding, _ = case
    return tuple((shape[2 + i] + 2 * padding[i] - kernel[i]) % stride[i] for i in range(2))


@each_case
def test_conv2d_is_equation_1(case) -> None:
    x, weight, bias = arrays(case)
    expected = convolution.correlate_definition(x, weight, bias, *case[3:])
    np.testing.assert_allclose(ops.conv2d(x, weight, bias, *case[3:]).data, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("backend", ["fast", "reference"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_conv2d_is_scipys_correlation(backend, dtype) -> None:
    for case in CASES:
        _, outputs, _, stride, padding, groups = case
        x, weight, _ = arrays(case, 1, dtype=dtype)
        padded = np.pad(x, ((0, 0), (0, 0), (padding[0],) * 2, (padding[1],) * 2)).astype(float)
        inner, each = weight.shape[1], outputs // groups
        expected = np.array(
            [
                [
                    sum(
                        scipy.signal.correlate2d(
                            picture[o // each * inner + c], weight[o, c].astype(float), "valid"
                        )
                        for c in range(inner)
                    )[:: stride[0], :: stride[1]]
                    for o in range(outputs)
                ]
                for picture in padded
            ]
        )
        with use_backend(backend):
            y = ops.conv2d(x, weight, None, stride, padding, groups).data
        assert y.dtype == dtype
        np.testing.assert_allclose(y, expected, rtol=0, atol=2e-5 if dtype == np.float32 else 1e-12)


@pytest.mark.parametrize("backend", ["fast", "reference"])
def test_conv_transpose2d_is_scipys_convolution_of_a_spread_map(backend) -> None:
    for case in CASES:
        shape, outputs, _, stride, padding, groups = case
        x, weight, _ = arrays(case, 2, transposed=True)
        spread = np.zeros((*x.shape[:2], *((x.shape[2 + i] - 1) * stride[i] + 1 for i in range(2))))
        spread[:, :, :: stride[0], :: stride[1]] = x
        inner, each = weight.shape[1], outputs // groups
        full = np.zeros((*shape[:2], *(shape[2 + i] + 2 * padding[i] for i in range(2))))
        for n in range(shape[0]):
            for o in range(outputs):
                for c in range(inner):
                    painted = scipy.signal.convolve2d(spread[n, o], weight[o, c])
                    full[n, o // each * inner + c, : painted.shape[0], : painted.shape[1]] += painted
        expected = full[:, :, padding[0] : padding[0] + shape[2], padding[1] : padding[1] + shape[3]]
        with use_backend(backend):
            y = ops.conv_transpose2d(x, weight, None, stride, padding, output_padding(case), groups).data
        np.testing.assert_allclose(y, expected, rtol=0, atol=1e-12)


@each_case
def test_gradients_of_conv2d(case) -> None:
    error = gradient_error(lambda x, weight, bias: ops.conv2d(x, weight, bias, *case[3:]), arrays(case, 3))
    assert error < 1e-6


@each_case
def test_gradients_of_conv_transpose2d(case) -> None:
    stride, padding, groups = case[3:]
    error = gradient_error(
        lambda x, weight, bias: ops.conv_transpose2d(
            x, weight, bias, stride, padding, output_padding(case), groups
        ),
        arrays(case, 4, transposed=True),
    )
    assert error < 1e-6


def test_only_gradients_that_are_asked_for() -> None:
    x, weight, bias = arrays(CASES[0])
    weight = Tensor(weight, requires_grad=True)
    ops.conv2d(Tensor(x), weight, Tensor(bias), 2, 2).sum().backward()
    assert weight.grad.shape == weight.shape


def test_an_empty_batch() -> None:
    weight = Tensor(np.ones((4, 3, 5, 5), np.float32), requires_grad=True)
    y = ops.conv2d(np.ones((0, 3, 8, 8), np.float32), weight, None, 2, 2)
    assert y.shape == (0, 4, 4, 4)
    y.sum().backward()
    assert not weight.grad.any()
    assert ops.conv_transpose2d(np.ones((0, 4, 4, 4), np.float32), weight, None, 2, 2, 1).shape == (
        0,
        3,
        8,
        8,
    )


def test_nan_flows_through() -> None:
    x = np.zeros((1, 1, 9, 9))
    x[0, 0, 4, 4] = np.nan
    y = ops.conv2d(x, np.ones((1, 1, 3, 3))).data[0, 0]
    assert np.isnan(y[2:5, 2:5]).all()
    assert np.isnan(y).sum() == 9


X, W = np.zeros((1, 4, 6, 6)), np.zeros((4, 4, 3, 3))


@pytest.mark.parametrize("operation", [ops.conv2d, ops.conv_transpose2d])
@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"x": X[0]}, ValueError, ["x", "(4, 6, 6)", "(4, 4, 3, 3)"]),
        ({"x": X[:, :3]}, ValueError, ["(1, 3, 6, 6)", "(4, 4, 3, 3)"]),
        ({"weight": W[0]}, ValueError, ["weight", "(4, 3, 3)", "(1, 4, 6, 6)"]),
        ({"weight": W[..., :0]}, ValueError, ["weight", "(4, 4, 3, 0)", "(1, 4, 6, 6)"]),
        ({"weight": W.astype(np.float32)}, TypeError, ["weight", "float32", "float64"]),
        ({"bias": np.zeros(3)}, ValueError, ["bias", "(3,)", "(4, 4, 3, 3)"]),
        ({"bias": np.zeros(4, np.float32)}, TypeError, ["bias", "float32", "float64"]),
        ({"groups": 3}, ValueError, ["groups=3", "(4, 4, 3, 3)"]),
        ({"groups": 0}, ValueError, ["groups=0"]),
        ({"groups": 1.0}, TypeError, ["groups=1.0"]),
        ({"padding": -1}, ValueError, ["padding=-1"]),
        ({"padding": (0, 1, 2)}, TypeError, ["padding=(0, 1, 2)"]),
        ({"stride": 0}, ValueError, ["stride=0"]),
        ({"stride": 1.5}, TypeError, ["stride=1.5"]),
        ({"x": np.zeros((1, 4, 6, 6), int)}, TypeError, ["x", "int64"]),
    ],
)
def test_what_is_refused_is_named(operation, arguments, error, words) -> None:
    with pytest.raises(error) as caught:
        operation(**{"x": X, "weight": W, **arguments})
    for word in [operation.__name__, *words]:
        assert word in str(caught.value)


def test_a_kernel_larger_than_the_picture_is_refused() -> None:
    with pytest.raises(
        ValueError, match=r"conv2d: weight of shape \(4, 4, 3, 3\) is larger than x of shape \(1, 4, 2, 6\)"
    ):
        ops.conv2d(X[:, :, :2], W)


def test_output_padding_of_a_whole_stride_is_refused() -> None:
    with pytest.raises(ValueError, match="output_padding"):
        ops.conv_transpose2d(X, W, stride=2, output_padding=2)
    with pytest.raises(ValueError, match="leave nothing"):
        ops.conv_transpose2d(X[:, :, :1], W, padding=2)


@pytest.mark.reference
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("transposed", [False, True], ids=["conv2d", "conv_transpose2d"])
@each_case
def test_values_and_gradients_are_pytorchs(case, transposed, dtype) -> None:
    torch = pytest.importorskip("torch")
    stride, padding, groups = case[3:]
    given = arrays(case, 5, transposed, dtype)
    leaves = [torch.from_numpy(array.copy()).requires_grad_() for array in given]
    tensors = [Tensor(array, requires_grad=True) for array in given]
    if transposed:
        more = output_padding(case)
        expected = torch.nn.functional.conv_transpose2d(*leaves, stride, padding, more, groups)
        y = ops.conv_transpose2d(*tensors, stride, padding, more, groups)
    else:
        expected = torch.nn.functional.conv2d(*leaves, stride, padding, 1, groups)
        y = ops.conv2d(*tensors, stride, padding, groups)
    gradient = np.random.default_rng(6).standard_normal(y.shape).astype(dtype)
    expected.backward(torch.from_numpy(gradient))
    y.backward(gradient)
    close = {"rtol": 1e-4, "atol": 1e-4} if dtype == np.float32 else {"rtol": 1e-11, "atol": 1e-11}
    np.testing.assert_allclose(y.data, expected.detach().numpy(), **close)
    for ours, theirs in zip(tensors, leaves, strict=True):
        np.testing.assert_allclose(ours.grad, theirs.grad.numpy(), **close)
