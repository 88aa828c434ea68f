"""Matrix products: values, stacks, empty ones, and shapes that do not fit."""

from __future__ import annotations

import numpy as np
import pytest

from neural_from_scratch import ops
from neural_from_scratch.tensor import Tensor


def test_values_from_the_definition() -> None:
    """y_ij = Σ_l x_il w_lj, with plain loops; matrices that are broadcast."""
    rng = np.random.default_rng(0)
    x, w = rng.standard_normal((2, 1, 3, 4)), rng.standard_normal((5, 4, 2))
    y = ops.matmul(x, w).data
    assert y.shape == (2, 5, 3, 2)
    for a, b, i, j in np.ndindex(y.shape):
        assert y[a, b, i, j] == pytest.approx(sum(x[a, 0, i, k] * w[b, k, j] for k in range(4)), rel=1e-12)


@pytest.mark.parametrize(
    ("x", "y", "shape"),
    [((0, 3), (3, 2), (0, 2)), ((2, 0), (0, 3), (2, 3)), ((0,), (0,), ()), ((4, 2, 0), (0, 3), (4, 2, 3)),
     ((0, 2, 3), (3, 2), (0, 2, 2)), ((0, 2, 3), (0, 3, 2), (0, 2, 2))],
)  # fmt: skip
def test_empty_products(x: tuple[int, ...], y: tuple[int, ...], shape: tuple[int, ...]) -> None:
    """A sum of nothing is 0, and its gradients have the shapes of the factors."""
    left, right = Tensor(np.ones(x), requires_grad=True), Tensor(np.ones(y), requires_grad=True)
    product = left @ right
    np.testing.assert_array_equal(product.data, np.zeros(shape))
    product.backward(np.ones(shape))
    np.testing.assert_array_equal(left.grad, np.zeros(x))
    np.testing.assert_array_equal(right.grad, np.zeros(y))


@pytest.mark.parametrize(
    ("x", "y"),
    [((2, 3), (2, 3)), ((3,), (2,)), ((), (3,)), ((3,), ()), ((2, 2, 3), (3, 3, 2)), ((2, 3), (4, 2, 3))],
)
def test_shapes_that_do_not_fit_are_named(x: tuple[int, ...], y: tuple[int, ...]) -> None:
    """Both, with the operation."""
    with pytest.raises(ValueError) as caught:
        ops.matmul(np.ones(x), np.ones(y))
    assert str(caught.value) == f"matmul: x of shape {x} and y of shape {y} do not go together"


def test_a_plain_number_is_no_matrix() -> None:
    """Unlike for elementwise operations."""
    with pytest.raises(TypeError, match="matmul: y is a int"):
        ops.matmul(np.ones((2, 2)), 2)  # type: ignore[arg-type]
