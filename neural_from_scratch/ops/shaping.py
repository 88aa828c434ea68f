"""Numbers that only move: reshape, transpose, slice, concatenate, pad, and depth to space.

Each of these is a linear map with a matrix of zeros and ones: y = P x, with at most one 1 in each row. Going
back, Pᵀ ḡ: every number of the gradient goes where its number came from; where one number went to several
places (padding by reflection), their gradients are added; where it went nowhere (outside of a slice), its
gradient is 0.

Reshape, transpose and slice return views where the array module does: nobody writes into a tensor's array.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..arrays import Array, array_module
from ..tensor import Tensor, as_tensor, record

__all__ = [
    "concatenate",
    "depth_to_space",
    "getitem",
    "pad",
    "reshape",
    "space_to_depth",
    "transpose",
]

MODES = ("zero", "reflect", "replicate")


def reshape(x: Tensor | Array, shape: int | Sequence[int]) -> Tensor:
    """Return the numbers of x in another shape, the last axis running fastest.

    Parameters
    ----------
    x : tensor or array, any shape
    shape : int or sequence of int
        With as many numbers; one length may be −1, and is found from the others.

    Raises
    ------
    ValueError
        If the number of numbers differs.

    Examples
    --------
    >>> import numpy as np
    >>> reshape(np.arange(6.0), (2, -1)).data
    array([[0., 1., 2.],
           [3., 4., 5.]])
    """
    x = as_tensor("reshape", "x", x)
    wanted = tuple(shape) if isinstance(shape, Sequence) else (shape,)
    if len(wanted) == 1 and isinstance(wanted[0], Sequence):  # x.reshape((2, 3)) as well as x.reshape(2, 3)
        wanted = tuple(wanted[0])
    try:
        result = x.data.reshape(wanted)
    except ValueError:
        raise ValueError(f"reshape: x of shape {x.shape} does not go into shape {wanted}") from None
    before = x.shape
    return record("reshape", result, (x,), lambda gradient: (gradient.reshape(before),))


def transpose(x: Tensor | Array, axes: Sequence[int] | None = None) -> Tensor:
    """Return x with its axes in another order; going back, in the inverse order.

    Parameters
    ----------
    x : tensor or array, any shape
    axes : sequence of int, optional
        Which axis of x each axis of the result is; by default the last is first.

    Raises
    ------
    ValueError
        If `axes` does not name each axis once.
    """
    x = as_tensor("transpose", "x", x)
    order = tuple(reversed(range(x.ndim))) if axes is None else tuple(axes)
    if sorted(order_of_one % max(x.ndim, 1) for order_of_one in order) != list(range(x.ndim)) or not all(
        -x.ndim <= one < x.ndim for one in order
    ):
        raise ValueError(f"transpose: axes is {order}, must name each axis of x, of shape {x.shape}, once")
    order = tuple(one % x.ndim for one in order)
    inverse = tuple(sorted(range(x.ndim), key=order.__getitem__))
    return record("transpose", x.data.transpose(order), (x,), lambda gradient: (gradient.transpose(inverse),))


def getitem(x: Tensor | Array, index: Any) -> Tensor:
    """Return the part x[index]; the gradient of all other numbers is 0.

    Parameters
    ----------
    x : tensor or array, any shape
    index : int, slice, None, ... or a tuple of these

    Raises
    ------
    TypeError
        For an index of another kind: one with an array could name a number twice.
    IndexError
        If x has no such axis or element.
    """
    x = as_tensor("getitem", "x", x)
    for one in index if isinstance(index, tuple) else (index,):
        if not (
            one is None
            or one is Ellipsis
            or (isinstance(one, int | np.integer | slice) and not isinstance(one, bool))
        ):
            raise TypeError(
                f"getitem: index has a {type(one).__name__}, may be of int, slice, None and ... only"
            )
    xp, shape = array_module(x.data), x.shape
    try:
        result = x.data[index]
    except IndexError as error:
        raise IndexError(f"getitem: x of shape {shape}: {error}") from None

    def backward(gradient: Array) -> tuple[Array]:
        part = xp.zeros(shape, dtype=gradient.dtype)
        part[index] = gradient
        return (part,)

    return record("getitem", result, (x,), backward)


def concatenate(tensors: Sequence[Tensor | Array], axis: int = 0) -> Tensor:
    """Return tensors one after the other along an axis; going back, each gets its part.

    Parameters
    ----------
    tensors : sequence of tensor or array
        At least one, of one dtype, and of one shape but for the axis.
    axis : int

    Raises
    ------
    TypeError
        If dtypes are mixed.
    ValueError
        If there is none, the axis is none, or shapes do not fit; the first two that do not are named.
    """
    parts = [as_tensor("concatenate", f"tensors[{i}]", tensor) for i, tensor in enumerate(tensors)]
    if not parts or not -parts[0].ndim <= axis < parts[0].ndim:
        shape = f"of shape {parts[0].shape}" if parts else "none"
        raise ValueError(f"concatenate: axis is {axis}, the first tensor is {shape}")
    first, axis = parts[0], axis % parts[0].ndim
    for i, part in enumerate(parts):
        if part.dtype != first.dtype:
            raise TypeError(f"concatenate: tensors[0] is {first.dtype}, tensors[{i}] is {part.dtype}")
        if _without(part.shape, axis) != _without(first.shape, axis) or part.ndim != first.ndim:
            raise ValueError(
                f"concatenate: tensors[0] of shape {first.shape} and tensors[{i}] of shape {part.shape} "
                f"do not go together along axis {axis}"
            )
    ends = [0]
    for part in parts:
        ends.append(ends[-1] + part.shape[axis])
    wanted = [part.requires_grad for part in parts]

    def backward(gradient: Array) -> list[Array | None]:
        return [
            _along(gradient, axis, slice(start, end)) if want else None
            for want, start, end in zip(wanted, ends, ends[1:])
        ]

    xp = array_module(first.data)
    return record("concatenate", xp.concatenate([part.data for part in parts], axis=axis), parts, backward)


def _without(shape: tuple[int, ...], axis: int) -> tuple[int, ...]:
    return shape[:axis] + shape[axis + 1 :]


# --------------------------------------------------------------------------------------------------
# Padding


def pad(x: Tensor | Array, padding: int | Sequence[int | tuple[int, int]], mode: str = "zero") -> Tensor:
    """Add numbers at both ends of the last axes.

    Parameters
    ----------
    x : tensor or array, (..., height, width)
    padding : int, or sequence of int or (int, int)
        How many before and after, for each of the last axes in their order: ``(1, (0, 2))`` adds a row above
        and one below, and two columns on the right. One int is for all ends of the last two axes. Not
        negative.
    mode : {"zero", "reflect", "replicate"}
        What is added to a b c d: 0 0; the mirror image without the edge itself, c b | a b c d | c b; or the
        edge.

    Returns
    -------
    Tensor, (..., before + height + after, before + width + after)

    Raises
    ------
    ValueError
        For padding that is negative, or given for axes that x does not have; for a mode that is none; for a
        reflection of more than there is (length − 1), and replicas of an edge that is not there.

    Examples
    --------
    >>> import numpy as np
    >>> pad(np.array([1.0, 2.0, 3.0]), [(2, 1)], "reflect").data
    array([3., 2., 1., 2., 3., 2.])
    """
    x = as_tensor("pad", "x", x)
    ends = _padding_of_axes(x, padding)
    if mode not in MODES:
        raise ValueError(f"pad: mode is {mode!r}, allowed are {', '.join(map(repr, MODES))}")
    result = x.data
    for axis, before, after in ends:
        length = result.shape[axis]
        most = {"zero": math.inf, "reflect": length - 1, "replicate": math.inf if length else 0}[mode]
        if max(before, after) > most:
            raise ValueError(
                f"pad: padding is {(before, after)} for axis {axis} of x, of shape {x.shape}: "
                f"too few to {mode}"
            )
        result = padded(result, axis, before, after, mode)

    def backward(gradient: Array) -> tuple[Array]:
        for axis, before, after in reversed(ends):
            gradient = padded_transposed(gradient, axis, before, after, mode)
        return (gradient,)

    return record("pad", result, (x,), backward)


def _padding_of_axes(x: Tensor, padding: int | Sequence[int | tuple[int, int]]) -> list[tuple[int, int, int]]:
    """Return (axis, before, after) for each axis that gets any."""
    if isinstance(padding, int):
        padding = (padding, padding)
    pairs = [(one, one) if isinstance(one, int) else tuple(one) for one in padding]
    if len(pairs) > x.ndim or any(len(ends) != 2 or min(ends) < 0 for ends in pairs):
        raise ValueError(
            f"pad: padding is {padding}, must be (before, after) for each of the last axes of x, "
            f"of shape {x.shape}, none negative"
        )
    first = x.ndim - len(pairs)
    return [(first + i, before, after) for i, (before, after) in enumerate(pairs) if before or after]


def padded(x: Array, axis: int, before: int, after: int, mode: str) -> Array:
    """Return an array with padding along one axis."""
    xp, length = array_module(x), x.shape[axis]
    shape = (*x.shape[:axis], before + length + after, *x.shape[axis + 1 :])
    result = (xp.zeros if mode == "zero" else xp.empty)(shape, dtype=x.dtype)
    _along(result, axis, slice(before, before + length))[...] = x
    for place, source in _copies(length, before, after, mode):
        _along(result, axis, place)[...] = _along(x, axis, source)
    return result


def padded_transposed(gradient: Array, axis: int, before: int, after: int, mode: str) -> Array:
    """Return the transpose of `padded`: the middle, and to it what was copied to the ends."""
    length = gradient.shape[axis] - before - after
    middle = _along(gradient, axis, slice(before, before + length))
    copies = _copies(length, before, after, mode)
    if copies:
        middle = middle.copy()
    for place, source in copies:
        part = _along(gradient, axis, place)
        if mode == "replicate":
            part = part.sum(axis=axis, keepdims=True)
        _along(middle, axis, source)[...] += part
    return middle


def _copies(length: int, before: int, after: int, mode: str) -> list[tuple[slice, slice]]:
    """Return, for each end that is padded, where copies go to, and which part of x they are of."""
    if mode == "zero":
        return []
    low, high = slice(0, before), slice(before + length, before + length + after)
    if mode == "reflect":
        sources = (
            slice(before, 0, -1),
            slice(length - 2, length - 2 - after if length - 2 - after >= 0 else None, -1),
        )
    else:
        sources = slice(0, 1), slice(length - 1, length)
    return [(place, source) for place, source, count in zip((low, high), sources, (before, after)) if count]


def _along(x: Array, axis: int, part: slice) -> Array:
    """Return a view of a part of an axis."""
    return x[(slice(None),) * axis + (part,)]


# --------------------------------------------------------------------------------------------------
# Channels and pixels


def depth_to_space(x: Tensor | Array, block: int) -> Tensor:
    """Lay r² channels out as blocks of r × r pixels: y[n, c, r h + i, r w + j] = x[n, c r² + i r + j, h, w].

    Parameters
    ----------
    x : tensor or array, (batch, channels r², height, width)
    block : int
        r.

    Returns
    -------
    Tensor, (batch, channels, height r, width r)

    Raises
    ------
    ValueError
        If x has not four axes, or r² does not divide its channels.

    Notes
    -----
    PyTorch's order of channels (`pixel_shuffle`); TensorFlow's `depth_to_space` has c run fastest.

    Examples
    --------
    >>> import numpy as np
    >>> depth_to_space(np.arange(4.0).reshape(1, 4, 1, 1), 2).data
    array([[[[0., 1.],
             [2., 3.]]]])
    """
    x = as_tensor("depth_to_space", "x", x)
    if x.ndim != 4 or not isinstance(block, int) or block < 1 or x.shape[1] % block**2:
        raise ValueError(
            f"depth_to_space: x has shape {x.shape} and block is {block}, "
            "must be (batch, channels, height, width) with block² dividing channels"
        )
    result = _depth_to_space(x.data, block)
    return record("depth_to_space", result, (x,), lambda gradient: (_space_to_depth(gradient, block),))


def space_to_depth(x: Tensor | Array, block: int) -> Tensor:
    """Turn blocks of r × r pixels into r² channels: the inverse of `depth_to_space`.

    Parameters
    ----------
    x : tensor or array, (batch, channels, height, width)
    block : int
        r.

    Returns
    -------
    Tensor, (batch, channels r², height / r, width / r)

    Raises
    ------
    ValueError
        If x has not four axes, or r does not divide height and width.
    """
    x = as_tensor("space_to_depth", "x", x)
    if x.ndim != 4 or not isinstance(block, int) or block < 1 or x.shape[2] % block or x.shape[3] % block:
        raise ValueError(
            f"space_to_depth: x has shape {x.shape} and block is {block}, "
            "must be (batch, channels, height, width) with block dividing height and width"
        )
    result = _space_to_depth(x.data, block)
    return record("space_to_depth", result, (x,), lambda gradient: (_depth_to_space(gradient, block),))


def _depth_to_space(x: Array, r: int) -> Array:
    n, c, h, w = x.shape
    c //= r * r
    return x.reshape(n, c, r, r, h, w).transpose(0, 1, 4, 2, 5, 3).reshape(n, c, h * r, w * r)


def _space_to_depth(x: Array, r: int) -> Array:
    n, c, h, w = x.shape
    h, w = h // r, w // r
    return x.reshape(n, c, h, r, w, r).transpose(0, 1, 3, 5, 2, 4).reshape(n, c * r * r, h, w)
