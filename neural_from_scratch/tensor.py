"""The tape: reverse-mode differentiation over arrays.

A `Tensor` holds an array, and remembers which operation made it, from which tensors, and how a gradient goes
back through that operation. That memory is the tape. Let L be a number computed from x by y = f(x) and
further steps. If ḡ = ∂L/∂y is known, the chain rule gives ∂L/∂x = Jᵀ ḡ with the Jacobian J = ∂y/∂x. No
operation writes down J; each has a function `backward` that computes Jᵀ ḡ, and stands beside what it computes
forward (`ops`).

`Tensor.backward` walks the tape from the end: it starts with ∂L/∂L = 1, and comes to a tensor only when all
gradients of those made from it have arrived, and are added up (the multivariate chain rule). What arrives at
a *leaf* – a tensor that no operation made, and that asks for a gradient – is kept in its `grad`.

That is all there is to it, and it is enough for recurrent, adversarial and any other models: the tape is made
anew each time, by running the model.

Examples
--------
>>> import numpy as np
>>> x = Tensor(np.array([1.0, 2.0, 3.0]), requires_grad=True)
>>> loss = (x * x).sum()
>>> loss.backward()
>>> x.grad
array([2., 4., 6.])
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeAlias

import numpy as np

from .arrays import Array, array_module, as_array, is_array

__all__ = [
    "FLOATS",
    "Node",
    "Number",
    "Tensor",
    "as_tensor",
    "checks_finite",
    "no_grad",
    "record",
    "unbroadcast",
]

FLOATS = (np.dtype(np.float32), np.dtype(np.float64))
Number: TypeAlias = int | float
Backward: TypeAlias = Callable[[Array], Sequence[Array | None]]

_recording: ContextVar[bool] = ContextVar("recording", default=True)
_checking: ContextVar[bool] = ContextVar("checking", default=False)


class Node:
    """A line of the tape: what made a tensor.

    It does not hold the arrays that went in or came out, only their shapes: an array lives on as long as
    somebody has the tensor, or the `backward` of some operation needs it.

    Attributes
    ----------
    operation : str
    shape, dtype
        Of the result.
    inputs : tuple of Node, Tensor or None
        Where the gradients go: to the node that made an input, to the leaf that it is, or nowhere.
    backward : callable or None
        Takes the gradient with respect to the result, and returns one for each input, of its shape and dtype;
        None for an input that needs none. It must not change the array that it takes. None when the tape has
        been used up.
    fresh : bool
        Whether each array that `backward` returns is made anew by every call, and belongs to nobody else: no
        view of another, none twice. Then a leaf keeps it, and need not copy it.
    """

    __slots__ = ("backward", "dtype", "fresh", "inputs", "operation", "shape")

    def __init__(
        self,
        operation: str,
        result: Array,
        inputs: tuple[Node | Tensor | None, ...],
        backward: Backward,
        fresh: bool = False,
    ) -> None:
        self.operation = operation
        self.shape: tuple[int, ...] = result.shape
        self.dtype = result.dtype
        self.inputs = inputs
        self.backward: Backward | None = backward
        self.fresh = fresh


class Tensor:
    """An array on the tape.

    Parameters
    ----------
    data : array of float32 or float64
        Of NumPy or another array module; not copied.
    requires_grad : bool
        Whether `backward` shall find a gradient for it.

    Attributes
    ----------
    data : array
    grad : array or None
        The sum of the gradients of all `backward` calls that reached this leaf; of the shape and dtype of
        `data`. None before the first.
    requires_grad : bool
        For the result of an operation, whether any of its inputs requires a gradient.

    Raises
    ------
    TypeError
        If `data` is no array of float32 or float64.
    """

    __slots__ = ("__weakref__", "data", "grad", "node", "requires_grad")
    __array_ufunc__ = None  # array + tensor is the tensor's business

    def __init__(self, data: Array, requires_grad: bool = False, node: Node | None = None) -> None:
        if not is_array(data):
            raise TypeError(
                f"Tensor: data is a {type(data).__name__}, must be an array of float32 or float64"
            )
        if data.dtype not in FLOATS:
            raise TypeError(f"Tensor: data has dtype {data.dtype}, must be float32 or float64")
        self.data = as_array(data)
        self.grad: Array | None = None
        self.requires_grad = requires_grad
        self.node = node

    # ----------------------------------------------------------------------------------------------
    # What it is

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of its array."""
        return self.data.shape

    @property
    def dtype(self) -> Any:
        """The dtype of its array."""
        return self.data.dtype

    @property
    def ndim(self) -> int:
        """How many axes its array has."""
        return self.data.ndim

    @property
    def size(self) -> int:
        """How many numbers its array has."""
        return self.data.size

    def __len__(self) -> int:
        return len(self.data)

    def __array__(self, *_: Any, **__: Any) -> Any:
        raise TypeError(
            "a Tensor does not become an array by itself, which would lose its past: use its .data"
        )

    def __repr__(self) -> str:
        made = f", made by {self.node.operation}" if self.node is not None else ""
        return f"Tensor({self.data!r}{', requires_grad=True' if self.requires_grad else ''}{made})"

    def item(self) -> float:
        """Return the number of a tensor that has only one."""
        return float(self.data.item())

    def detach(self) -> Tensor:
        """Return the same array without its past: a constant for all that follows."""
        return Tensor(self.data)

    # ----------------------------------------------------------------------------------------------
    # Backwards

    def backward(self, gradient: Array | None = None, *, retain: bool = False) -> None:
        """Add ∂L/∂x to the `grad` of every leaf x that this tensor was computed from.

        Parameters
        ----------
        gradient : array, optional
            ∂L/∂self, of this tensor's shape and dtype. By default 1, for a tensor of one number: L itself.
        retain : bool
            Keep the tape. Without, it is used up on the way, and the arrays that it holds are set free as
            soon as they have served.

        Raises
        ------
        RuntimeError
            If no leaf asks for a gradient; or if the tape has been used up. With ``retain=True``, a second
            call adds the same gradients once more.
        ValueError
            If the gradient is missing for a tensor of several numbers, or is not of its shape and dtype.
        FloatingPointError
            If L is not a finite number: every gradient would be NaN.
        """
        if not self.requires_grad:
            raise RuntimeError("backward: nothing that this tensor was computed from requires a gradient")
        end = self.node or self
        arriving = {id(end): self._first_gradient(gradient)}
        owned: set[int] = set()  # arrays that are nobody else's, and may be added to in place
        order = _order_of(end)
        while order:
            place = order.pop()
            total = arriving.pop(id(place))
            if isinstance(place, Tensor):
                place._keep(total, id(place) in owned)
                continue
            assert place.backward is not None  # `_order_of` has looked
            parts, inputs = place.backward(total), place.inputs
            if not retain:
                place.backward, place.inputs = None, ()
            for number, (source, part) in enumerate(zip(inputs, parts, strict=True)):
                if source is None:
                    continue
                part = _checked(place.operation, number, source, part)
                key = id(source)
                if key not in arriving:
                    arriving[key] = part
                    if place.fresh:
                        owned.add(key)
                elif key in owned:
                    arriving[key] += part
                else:
                    arriving[key] = as_array(arriving[key] + part)
                    owned.add(key)
            del total, part, parts  # or they would live until the next step

    def _first_gradient(self, gradient: Array | None) -> Array:
        xp = array_module(self.data)
        if gradient is None:
            if self.size != 1:
                raise ValueError(
                    f"backward: a tensor of shape {self.shape} needs a gradient, only one number does not"
                )
            if not bool(xp.isfinite(self.data).all()):
                raise FloatingPointError(
                    f"backward: the loss is {self.item()}; `checks_finite` finds where from"
                )
            return xp.ones_like(self.data)
        if gradient.shape != self.shape or gradient.dtype != self.dtype:
            raise ValueError(
                f"backward: the gradient is {gradient.dtype} of shape {gradient.shape}, "
                f"must be {self.dtype} of shape {self.shape}"
            )
        return gradient

    def _keep(self, gradient: Array, owned: bool) -> None:
        if self.grad is not None:
            self.grad = as_array(self.grad + gradient)
        else:
            # A copy: an operation may pass one array on to several parents, or a view of it.
            self.grad = gradient if owned else gradient.copy()

    # ----------------------------------------------------------------------------------------------
    # Operators; see `ops`, which imports this file

    def __add__(self, other: Tensor | Array | Number) -> Tensor:
        return _ops().add(self, other)

    __radd__ = __add__

    def __sub__(self, other: Tensor | Array | Number) -> Tensor:
        return _ops().subtract(self, other)

    def __rsub__(self, other: Tensor | Array | Number) -> Tensor:
        return _ops().subtract(other, self)

    def __mul__(self, other: Tensor | Array | Number) -> Tensor:
        return _ops().multiply(self, other)

    __rmul__ = __mul__

    def __truediv__(self, other: Tensor | Array | Number) -> Tensor:
        return _ops().divide(self, other)

    def __rtruediv__(self, other: Tensor | Array | Number) -> Tensor:
        return _ops().divide(other, self)

    def __neg__(self) -> Tensor:
        return _ops().negative(self)

    def __pow__(self, exponent: Tensor | Array | Number) -> Tensor:
        return _ops().power(self, exponent)

    def __rpow__(self, base: Array | Number) -> Tensor:
        return _ops().power(base, self)

    def __matmul__(self, other: Tensor | Array) -> Tensor:
        return _ops().matmul(self, other)

    def __rmatmul__(self, other: Array) -> Tensor:
        return _ops().matmul(other, self)

    def __getitem__(self, index: Any) -> Tensor:
        return _ops().getitem(self, index)

    def __abs__(self) -> Tensor:
        return _ops().absolute(self)

    def sum(self, axis: int | tuple[int, ...] | None = None, keepdims: bool = False) -> Tensor:
        """Add up; see `ops.sum`."""
        return _ops().sum(self, axis, keepdims)

    def mean(self, axis: int | tuple[int, ...] | None = None, keepdims: bool = False) -> Tensor:
        """Return the mean; see `ops.mean`."""
        return _ops().mean(self, axis, keepdims)

    def reshape(self, *shape: int) -> Tensor:
        """Return the same numbers in another shape; see `ops.reshape`."""
        return _ops().reshape(self, shape)

    def transpose(self, *axes: int) -> Tensor:
        """Return the axes in another order, the last first if none is given; see `ops.transpose`."""
        return _ops().transpose(self, axes or None)


def _ops() -> Any:
    from . import ops

    return ops


# --------------------------------------------------------------------------------------------------
# For those who write operations


def record(
    operation: str, data: Array, parents: Sequence[Tensor], backward: Backward, fresh: bool = False
) -> Tensor:
    """Return the result of an operation, with its line on the tape if any parent requires a gradient.

    `backward` and `fresh` are described at `Node`.
    """
    if _checking.get() and not bool(array_module(data).isfinite(data).all()):
        raise FloatingPointError(
            f"{operation}: the result has values that are not finite; inputs of shape "
            f"{', '.join(str(parent.shape) for parent in parents)}"
        )
    if not is_recorded(parents):
        return Tensor(data)
    inputs = tuple((parent.node or parent) if parent.requires_grad else None for parent in parents)
    return Tensor(data, True, Node(operation, data, inputs, backward, fresh))


def is_recorded(parents: Sequence[Tensor]) -> bool:
    """Tell whether the result of these inputs gets a `backward`, so that what that needs must be kept."""
    return _recording.get() and any(parent.requires_grad for parent in parents)


def as_tensor(operation: str, argument: str, value: Tensor | Array) -> Tensor:
    """Return a tensor for an argument that may be a bare array, a constant.

    Raises
    ------
    TypeError
        If it is neither, or of another dtype; operation and argument are named.
    """
    if isinstance(value, Tensor):
        return value
    if not is_array(value) or value.dtype not in FLOATS:
        what = f"has dtype {value.dtype}" if is_array(value) else f"is a {type(value).__name__}"
        raise TypeError(f"{operation}: {argument} {what}, must be a tensor or an array of float32 or float64")
    return Tensor(value)


def unbroadcast(gradient: Array, shape: tuple[int, ...]) -> Array:
    """Sum a gradient over the axes that broadcasting added or stretched: the transpose of copying is adding.

    Examples
    --------
    >>> unbroadcast(np.ones((2, 3)), (3,))
    array([2., 2., 2.])
    """
    if gradient.shape == shape:
        return gradient
    added = gradient.ndim - len(shape)
    stretched = [
        added + i for i, length in enumerate(shape) if length == 1 and gradient.shape[added + i] != 1
    ]
    return gradient.sum(axis=(*range(added), *stretched)).reshape(shape)


@contextmanager
def no_grad() -> Iterator[None]:
    """Record nothing inside: for measuring, and for steps of an optimiser."""
    token = _recording.set(False)
    try:
        yield
    finally:
        _recording.reset(token)


@contextmanager
def checks_finite() -> Iterator[None]:
    """Raise `FloatingPointError` at the first operation inside whose result, or gradient, is not finite.

    It costs a pass over every result: for finding out where a NaN comes from.
    """
    token = _checking.set(True)
    try:
        yield
    finally:
        _checking.reset(token)


def _checked(operation: str, number: int, source: Node | Tensor, gradient: Array | None) -> Array:
    if gradient is None:
        raise RuntimeError(f"backward of {operation}: no gradient for input {number}, which requires one")
    if gradient.shape != source.shape or gradient.dtype != source.dtype:
        raise RuntimeError(
            f"backward of {operation}: the gradient for input {number} is {gradient.dtype} "
            f"of shape {gradient.shape}, must be {source.dtype} of shape {source.shape}"
        )
    if _checking.get() and not bool(array_module(gradient).isfinite(gradient).all()):
        raise FloatingPointError(
            f"backward of {operation}: the gradient for input {number} of shape {source.shape} is not finite"
        )
    return as_array(gradient)


def _order_of(end: Node | Tensor) -> list[Node | Tensor]:
    """Return all that `end` was made from, inputs before results: a depth-first walk without recursion."""
    order: list[Node | Tensor] = []
    seen = {id(end)}
    path = [(end, iter(_inputs(end)))]
    while path:
        place, inputs = path[-1]
        for source in inputs:
            if source is not None and id(source) not in seen:
                seen.add(id(source))
                path.append((source, iter(_inputs(source))))
                break
        else:
            order.append(place)
            path.pop()
    return order


def _inputs(place: Node | Tensor) -> tuple[Node | Tensor | None, ...]:
    if isinstance(place, Tensor):
        return ()
    if place.backward is None:
        raise RuntimeError(
            "backward: the tape has been used up by a call before; backward(retain=True) keeps it"
        )
    return place.inputs
