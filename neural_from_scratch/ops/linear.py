"""Matrix products, of single matrices and of stacks of them.

For Y = X W with X (m, k) and W (k, n), the sum y_ij = Σ_l x_il w_lj gives ∂L/∂x_il = Σ_j ḡ_ij w_lj and
∂L/∂w_lj = Σ_i x_il ḡ_ij, with ḡ = ∂L/∂Y:

    ∂L/∂X = Ḡ Wᵀ   (m, n) (n, k) → (m, k)
    ∂L/∂W = Xᵀ Ḡ   (k, m) (m, n) → (k, n)

The shapes leave no other way to multiply. Axes before the last two are a stack, broadcast like those of
elementwise operations: a matrix that met several gets the sum of their gradients.
"""

from __future__ import annotations

import math

import numpy as np

from ..arrays import Array
from ..tensor import Tensor, as_tensor, record, unbroadcast

__all__ = ["matmul"]


def matmul(x: Tensor | Array, y: Tensor | Array) -> Tensor:
    """Return the matrix products x y of the last two axes; the gradients are derived above.

    Parameters
    ----------
    x : tensor or array, (..., m, k), or (k,) for a row
    y : tensor or array, (..., k, n), or (k,) for a column
        Of the same dtype; the axes before the last two are broadcast.

    Returns
    -------
    Tensor, (..., m, n)
        Without the axis m for a row x, without n for a column y.

    Raises
    ------
    TypeError
        If the dtypes differ.
    ValueError
        If the shapes do not fit, or one is of a number without axes.

    Examples
    --------
    >>> x = np.array([[1.0, 2.0], [3.0, 4.0]])
    >>> matmul(x, np.array([1.0, 10.0])).data
    array([21., 43.])
    """
    x, y = as_tensor("matmul", "x", x), as_tensor("matmul", "y", y)
    if x.dtype != y.dtype:
        raise TypeError(f"matmul: x is {x.dtype} of shape {x.shape}, y is {y.dtype} of shape {y.shape}")
    if not _fit(x.shape, y.shape):
        raise ValueError(f"matmul: x of shape {x.shape} and y of shape {y.shape} do not go together")
    left = x.data if x.ndim > 1 else x.data.reshape(1, -1)
    right = y.data if y.ndim > 1 else y.data.reshape(-1, 1)
    product = left @ right
    x_shape, y_shape = x.shape, y.shape
    x_wanted, y_wanted, shape = x.requires_grad, y.requires_grad, product.shape

    def backward(gradient: Array) -> tuple[Array | None, Array | None]:
        gradient = gradient.reshape(shape)
        by_x = by_y = None
        if x_wanted:
            by_x = unbroadcast(gradient @ right.swapaxes(-1, -2), left.shape).reshape(x_shape)
        if y_wanted and right.ndim == 2:  # one matrix for all of the stack: the stack is one tall matrix
            tall = math.prod(shape[:-1])
            by_y = left.reshape(tall, left.shape[-1]).T @ gradient.reshape(tall, shape[-1])
        elif y_wanted:
            by_y = unbroadcast(left.swapaxes(-1, -2) @ gradient, right.shape)
        return by_x, None if by_y is None else by_y.reshape(y_shape)

    without = ([-2] if x.ndim == 1 else []) + ([-1] if y.ndim == 1 else [])
    return record("matmul", product.squeeze(tuple(without)) if without else product, (x, y), backward)


def _fit(x_shape: tuple[int, ...], y_shape: tuple[int, ...]) -> bool:
    if not x_shape or not y_shape or x_shape[-1] != (y_shape[-2] if len(y_shape) > 1 else y_shape[0]):
        return False
    try:
        np.broadcast_shapes(x_shape[:-2], y_shape[:-2])
    except ValueError:
        return False
    return True
