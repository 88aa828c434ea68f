"""Many numbers to one: sums, means, maxima, along some axes or all of them.

Each of these sends a number back to all that it came from. For y = Σ x the Jacobian is a row of ones, and its
transpose copies ḡ to each x: summing and broadcasting are each other's transposes (`tensor.unbroadcast`).

Sums are kept in float64 and rounded once. Adding n float32 numbers one after the other loses up to n/2 units
in the last place. NumPy avoids that by summing halves of halves, but only along numbers that are neighbours
in memory: a mean over the first axes, or of a transposed array, would be less precise than one over the last.

Examples
--------
>>> import numpy as np
>>> x = Tensor(np.array([[1.0, 2.0], [3.0, 4.0]]), requires_grad=True)
>>> y = sum(x, axis=0)
>>> y.data
array([4., 6.])
>>> y.backward(np.array([1.0, 10.0]))
>>> x.grad
array([[ 1., 10.],
       [ 1., 10.]])
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TypeAlias

from ..arrays import Array, array_module
from ..tensor import Tensor, as_tensor, record

__all__ = ["amax", "logsumexp", "mean", "sum"]

Axes: TypeAlias = int | tuple[int, ...] | None


def sum(x: Tensor | Array, axis: Axes = None, keepdims: bool = False) -> Tensor:
    """y = Σ x; ∂y/∂xᵢ = 1.

    Parameters
    ----------
    x : tensor or array, any shape
    axis : int or tuple of int, optional
        Axes that are summed over; all by default. Negative ones count from the last.
    keepdims : bool
        Keep those axes, with length 1.

    Returns
    -------
    Tensor

    Raises
    ------
    ValueError
        For an axis that x does not have, or that is named twice.
    """
    x, axes, kept, shape = _prepared("sum", x, axis, keepdims)
    xp, whole = array_module(x.data), x.shape

    def backward(gradient: Array) -> tuple[Array]:
        return (xp.broadcast_to(gradient.reshape(kept), whole),)

    return record("sum", _total(x.data, axes).reshape(shape), (x,), backward)


def mean(x: Tensor | Array, axis: Axes = None, keepdims: bool = False) -> Tensor:
    """y = 1/n Σ x over n numbers; ∂y/∂xᵢ = 1/n. For the parameters see `sum`; `ValueError` also for n = 0."""
    x, axes, kept, shape = _prepared("mean", x, axis, keepdims)
    count = _count("mean", x, axes)
    xp, whole = array_module(x.data), x.shape

    def backward(gradient: Array) -> tuple[Array]:
        return (xp.broadcast_to((gradient / count).reshape(kept), whole),)

    return record("mean", _total(x.data, axes, count).reshape(shape), (x,), backward)


def amax(x: Tensor | Array, axis: Axes = None, keepdims: bool = False) -> Tensor:
    """The greatest x; the gradient goes to it, in equal parts where there are several.

    For the parameters see `sum`; `ValueError` also for none to choose from.
    """
    x, axes, kept, shape = _prepared("amax", x, axis, keepdims)
    _count("amax", x, axes)
    x_data = x.data
    top = x_data.max(axis=axes, keepdims=True)

    def backward(gradient: Array) -> tuple[Array]:
        chosen = (x_data == top).astype(gradient.dtype)
        chosen *= gradient.reshape(kept) / chosen.sum(axis=axes, keepdims=True)
        return (chosen,)

    return record("amax", top.reshape(shape), (x,), backward)


def logsumexp(x: Tensor | Array, axis: Axes = None, keepdims: bool = False) -> Tensor:
    """y = ln Σ eˣ; ∂y/∂xᵢ = exp(xᵢ − y), the softmax.

    Computed as m + ln Σ exp(x − m) with m = max x, where nothing overflows. For the parameters see `sum`;
    `ValueError` also for a sum of nothing.

    Examples
    --------
    >>> import numpy as np
    >>> round(logsumexp(np.array([1000.0, 1000.0])).item() - 1000, 9)  # ln 2
    0.693147181
    """
    x, axes, kept, shape = _prepared("logsumexp", x, axis, keepdims)
    _count("logsumexp", x, axes)
    xp, x_data = array_module(x.data), x.data
    top = x_data.max(axis=axes, keepdims=True)
    top = xp.where(xp.isinf(top), 0, top)  # all −∞, or one +∞: nothing to take off
    result = top + xp.log(_total(xp.exp(x_data - top), axes))

    def backward(gradient: Array) -> tuple[Array]:
        # A sum of e^−∞ alone is −∞, with slopes of 0: −∞ − (−∞) would be NaN.
        part = xp.exp(x_data - xp.where(result == -math.inf, 0, result))
        part *= gradient.reshape(kept)
        return (part,)

    return record("logsumexp", result.reshape(shape), (x,), backward)


def _total(x: Array, axes: tuple[int, ...], count: int = 1) -> Array:
    """Return Σ x / count over some axes, which are kept: summed in float64, rounded to the dtype of x."""
    total = x.sum(axis=axes, keepdims=True, dtype="float64")
    return (total if count == 1 else total / count).astype(x.dtype, copy=False)


def _prepared(
    operation: str, x: Tensor | Array, axis: Axes, keepdims: bool
) -> tuple[Tensor, tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
    """Return the tensor, the axes from 0 up, the shape with their lengths as 1, and that of the result."""
    x = as_tensor(operation, "x", x)
    axes = tuple(range(x.ndim)) if axis is None else tuple(axis) if isinstance(axis, Sequence) else (axis,)
    if not all(-x.ndim <= one < x.ndim for one in axes) or len({one % x.ndim for one in axes}) < len(axes):
        raise ValueError(f"{operation}: axis is {axis}, must name axes of x, of shape {x.shape}, each once")
    axes = tuple(one % x.ndim for one in axes)
    kept = tuple(1 if i in axes else length for i, length in enumerate(x.shape))
    shape = kept if keepdims else tuple(length for i, length in enumerate(x.shape) if i not in axes)
    return x, axes, kept, shape


def _count(operation: str, x: Tensor, axes: tuple[int, ...]) -> int:
    count = math.prod(x.shape[one] for one in axes)
    if count == 0:
        raise ValueError(f"{operation}: nothing to take it of, x has shape {x.shape}")
    return count
