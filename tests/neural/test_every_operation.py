"""What all operations keep to, in every case of the table: what `ops` promises at the top of its file."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest
from operation_cases import CASES, OPERATIONS, Case

from neural_from_scratch import ops
from neural_from_scratch.backend import use_backend
from neural_from_scratch.tensor import Tensor, checks_finite, no_grad


def cases_of(operation: str) -> list[Case]:
    """Return the cases of an operation."""
    return [case for case in CASES if case.operation == operation]


def run(
    case: Case, arrays: tuple[np.ndarray, ...], wanted: tuple[bool, ...] | None = None, frozen: bool = False
) -> tuple[np.ndarray, list[np.ndarray | None]]:
    """Return the result of a case on arrays, and the gradients of the inputs that want one."""
    leaves = [
        Tensor(array, requires_grad=want) for array, want in zip(arrays, wanted or [True] * len(arrays))
    ]
    result = case.function(*leaves)
    weights = np.random.default_rng(1).standard_normal(result.shape).astype(result.dtype)
    weights.flags.writeable = not frozen
    result.backward(weights)
    return result.data, [leaf.grad for leaf in leaves]


def assert_close(ours: Any, theirs: Any, margin: float, case: Case) -> None:
    """Compare results and gradients; None only beside None."""
    assert ours[0].dtype == theirs[0].dtype
    for one, other in zip((ours[0], *ours[1]), (theirs[0], *theirs[1]), strict=True):
        np.testing.assert_allclose(one, other, rtol=margin, atol=margin, err_msg=str(case))


@pytest.mark.parametrize("operation", OPERATIONS)
def test_any_part_of_the_inputs_may_be_constant(operation: str) -> None:
    """The gradient of one input is the same whether or not others want theirs, and nobody else gets one."""
    for case in cases_of(operation):
        result, gradients = run(case, case.arrays)
        for number in range(len(case.arrays)):
            wanted = tuple(other == number for other in range(len(case.arrays)))
            expected = [gradient if want else None for gradient, want in zip(gradients, wanted)]
            ours, found = run(case, case.arrays, wanted)
            assert [gradient is None for gradient in found] == [not want for want in wanted], str(case)
            assert_close(
                (ours, [g for g in found if g is not None]),
                (result, [g for g in expected if g is not None]),
                1e-12,
                case,
            )


@pytest.mark.parametrize("operation", OPERATIONS)
def test_arrays_are_neither_changed_nor_need_be_in_order(operation: str) -> None:
    """Inputs and gradients that cannot be written to; inputs with gaps, backwards, in Fortran's order."""

    def spread(x: np.ndarray) -> np.ndarray:
        """The same numbers as every other of a larger array, with the first axis backwards."""
        if x.ndim == 0:
            return x.copy()
        large = np.full([2 * length for length in x.shape], np.nan)
        view = large[tuple(slice(None, None, -2) for _ in x.shape)]
        view[...] = x
        return view

    for case in cases_of(operation):
        expected = run(case, case.arrays)
        for lay_out in np.array, partial(np.array, order="F"), spread:
            arrays = tuple(lay_out(array) for array in case.arrays)
            for array in arrays:
                array.flags.writeable = False
            assert_close(run(case, arrays, frozen=True), expected, 1e-12, case)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_float32_stays_float32(operation: str, backend: str) -> None:
    """Result and gradients, and their numbers are those of float64 but for rounding."""
    with use_backend(backend):
        for case in cases_of(operation):
            result, gradients = run(case, tuple(array.astype(np.float32) for array in case.arrays))
            assert {result.dtype, *(gradient.dtype for gradient in gradients)} == {np.dtype(np.float32)}, str(
                case
            )
            expected, expected_gradients = run(case, case.arrays)
            pairs = zip((result, *gradients), (expected, *expected_gradients))
            if operation == "add_uniform_noise":  # other random numbers
                continue
            for one, other in pairs:
                np.testing.assert_allclose(
                    one, other, rtol=2e-4, atol=2e-4 * max(1, np.abs(other).max(initial=0))
                )


@pytest.mark.parametrize("operation", OPERATIONS)
def test_nan_goes_through_and_is_found(operation: str) -> None:
    """Of NaN comes NaN, unasked; asked, the operation says so."""
    for case in cases_of(operation):
        arrays = [np.full_like(case.arrays[0], np.nan), *case.arrays[1:]]
        tensors = [Tensor(array) for array in arrays]
        result = case.function(*tensors).data
        if not run(case, case.arrays)[1][0].any():  # nothing depends on it: x⁰ is 1, as in C
            continue
        assert np.isnan(result).any(), str(case)
        with checks_finite(), pytest.raises(FloatingPointError):
            case.function(*tensors)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_nothing_is_recorded_where_nothing_is_wanted(operation: str) -> None:
    """Of constants, and inside of `no_grad`."""
    for case in cases_of(operation):
        assert not case.function(*(Tensor(array) for array in case.arrays)).requires_grad
        with no_grad():
            result = case.function(*(Tensor(array, requires_grad=True) for array in case.arrays))
        assert not result.requires_grad
        assert result.node is None


# --------------------------------------------------------------------------------------------------
# Empty batches

EMPTY = {
    "absolute": lambda x: ops.absolute(x),
    "softplus": lambda x: ops.softplus(x),
    "leaky_relu": lambda x: ops.leaky_relu(x),
    "erf": lambda x: ops.erf(x),
    "clip": lambda x: ops.clip(x, 0, 1),
    "power": lambda x: x**2,
    "maximum": lambda x: ops.maximum(x, 0.5),
    "sum": lambda x: ops.sum(x),
    "sum of each": lambda x: ops.sum(x, axis=(1, 2, 3)),
    "mean of each": lambda x: ops.mean(x, axis=(1, 2, 3)),
    "amax of each": lambda x: ops.amax(x, axis=1),
    "logsumexp of each": lambda x: ops.logsumexp(x, axis=-1),
    "matmul": lambda x: x @ np.ones((4, 2)),
    "reshape": lambda x: ops.reshape(x, (0, 64)),
    "transpose": lambda x: ops.transpose(x, (0, 2, 3, 1)),
    "getitem": lambda x: x[:, 1:],
    "concatenate": lambda x: ops.concatenate([x, x], 1),
    "pad": lambda x: ops.pad(x, 1, "reflect"),
    "depth_to_space": lambda x: ops.depth_to_space(x, 2),
    "space_to_depth": lambda x: ops.space_to_depth(x, 2),
    "upsample_bilinear": lambda x: ops.upsample_bilinear(x, 2),
    "upsample_bicubic": lambda x: ops.upsample_bicubic(x, 3),
    "average_pool": lambda x: ops.average_pool(x, 2),
    "lower_bound": lambda x: ops.lower_bound(x, 0.5),
    "conv2d": lambda x: ops.conv2d(x, np.ones((3, 4, 3, 3)), np.ones(3), stride=2, padding=1),
    "conv_transpose2d": lambda x: ops.conv_transpose2d(x, np.ones((4, 2, 3, 3)), np.ones(2), stride=2),
    "gdn": lambda x: ops.gdn(x, np.ones(4), np.ones((4, 4))),
}


@pytest.mark.parametrize("operation", EMPTY)
def test_empty_batch_works(operation: str) -> None:
    """No picture in, no picture out; or a sum of 0; and a gradient without numbers."""
    x = Tensor(np.zeros((0, 4, 4, 4)), requires_grad=True)
    result = EMPTY[operation](x)
    assert result.shape[:1] in ((0,), ())
    result.backward(np.zeros(result.shape))
    assert x.grad is not None
    assert x.grad.shape == x.shape


def test_gradients_for_a_weight_of_an_empty_batch_are_zero() -> None:
    """Of nothing seen nothing is learned: zeros of the weight's shape."""
    x = np.zeros((0, 4, 5, 5))
    for function, shapes in [
        (lambda w, b: ops.conv2d(x, w, b), [(3, 4, 3, 3), (3,)]),
        (lambda w, b: ops.conv_transpose2d(x, w, b), [(4, 3, 3, 3), (3,)]),
        (lambda b, g: ops.gdn(x, b, g), [(4,), (4, 4)]),
        (lambda w: Tensor(np.zeros((0, 2))) @ w, [(2, 3)]),
        (lambda w: Tensor(np.zeros((0, 5, 2))) @ w, [(2, 3)]),
        (lambda w: Tensor(np.zeros((3, 0))) @ w, [(0, 3)]),
    ]:
        leaves = [Tensor(np.ones(shape), requires_grad=True) for shape in shapes]
        result = function(*leaves)
        result.backward(np.zeros(result.shape))
        for leaf, shape in zip(leaves, shapes):
            np.testing.assert_array_equal(leaf.grad, np.zeros(shape))


# --------------------------------------------------------------------------------------------------
# Mixed dtypes

TWO_INPUTS = sorted({case.operation for case in CASES if len(case.arrays) > 1})


@pytest.mark.parametrize("operation", TWO_INPUTS)
def test_mixed_dtypes_are_refused(operation: str) -> None:
    """`TypeError` with the operation and both dtypes, for each input that may differ."""
    case = next(case for case in cases_of(operation) if len(case.arrays) > 1)
    for number in range(len(case.arrays)):
        arrays = [
            Tensor(array.astype(np.float32) if other == number else array)
            for other, array in enumerate(case.arrays)
        ]
        with pytest.raises(TypeError, match=rf"{operation}: .*float(32|64).*float(32|64)"):
            case.function(*arrays)


@pytest.mark.parametrize("operation", [name for name in OPERATIONS if name != "ms_ssim"])
@pytest.mark.parametrize("wrong", [np.array([[[[1]]]]), np.array(["x"]), [1.0, 2.0], None, "text"], ids=repr)
def test_what_is_no_array_of_floats_is_refused(operation: str, wrong: Any) -> None:
    """`TypeError` that names the operation."""
    case = cases_of(operation)[0]
    rest = [Tensor(array) for array in case.arrays[1:]]
    with pytest.raises(TypeError, match=operation):
        case.function(wrong, *rest)
