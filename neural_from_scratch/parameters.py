"""How a network keeps its parameters: finds them, names them, hands them out and takes them back.

A layer is an object with tensors for attributes. Each *tensor* that it holds is a parameter, which training
changes; each *layer* it holds is a part of it, with parameters of its own; lists of either count as well.
Other attributes (numbers, bare arrays) are settings. That is all the base class `Layer` needs to find every
parameter of a network and to name it, by the path to it: ``g_a.0.weight`` is the tensor `weight` of layer 0
of the layer `g_a`.

Those names, and the shapes, are CompressAI's (and PyTorch's), so that weights can be exchanged: `state_dict`
gives a plain dictionary from names to arrays, `load_state_dict` takes one, `checkpoint` puts it on disk.

A new layer is a class with `__init__` and `forward`; `layers` has the usual ones.

>>> class Scale(Layer):
...     def __init__(self, channels):
...         self.factor = Tensor(np.ones((channels, 1, 1), np.float32), requires_grad=True)
...
...     def forward(self, x):
...         return x * self.factor
>>> Scale(3).state_dict()["factor"].shape
(3, 1, 1)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.typing import DTypeLike

from .arrays import Array, array_module, is_array
from .tensor import FLOATS, Tensor

__all__ = ["Layer", "Unloaded", "moved"]

Self = TypeVar("Self", bound="Layer")


class Unloaded(NamedTuple):
    """What `Layer.load_state_dict` with ``strict=False`` left alone.

    Attributes
    ----------
    missing : tuple of str
        Parameters that keep their values, because the dictionary has none for them.
    extra : tuple of str
        Keys of the dictionary that no parameter has.
    """

    missing: tuple[str, ...]
    extra: tuple[str, ...]


class Layer:
    """The base of all layers: finds parameters, hands them out, takes them back."""

    ignored_keys: tuple[str, ...] = ()
    """Keys that state dictionaries of others have for such a layer, and that say nothing new."""

    def forward(self, x: Tensor) -> Tensor:
        """Compute the layer's result; a call of the layer does this."""
        raise NotImplementedError(f"{type(self).__name__} has no forward()")

    def __call__(self, *inputs: Any) -> Any:
        return self.forward(*inputs)

    # ----------------------------------------------------------------------------------------------
    # Parameters and their names

    def parts(self) -> Iterator[tuple[str, Tensor | Layer]]:
        """Yield the parameters and layers that this layer holds itself, by name, as they were assigned."""
        for name, value in vars(self).items():
            if isinstance(value, Tensor | Layer):
                yield name, value
            elif isinstance(value, list | tuple):
                for i, item in enumerate(value):
                    if isinstance(item, Tensor | Layer):
                        yield f"{name}.{i}", item

    def children(self) -> Iterator[tuple[str, Layer]]:
        """Yield the layers that this layer holds itself, with their names."""
        return ((name, part) for name, part in self.parts() if isinstance(part, Layer))

    def named_parameters(self) -> Iterator[tuple[str, Tensor]]:
        """Yield every parameter with its name; one that two layers share has two names.

        Examples
        --------
        >>> from neural_from_scratch.layers import GDN, Conv2d, Sequential
        >>> network = Sequential(Conv2d(3, 8, 5, rng=np.random.default_rng(0)), GDN(8))
        >>> [name for name, _ in network.named_parameters()]
        ['0.weight', '0.bias', '1.beta', '1.gamma']
        """
        for name, part in self.parts():
            if isinstance(part, Tensor):
                yield name, part
            else:
                for inner, parameter in part.named_parameters():
                    yield f"{name}.{inner}", parameter

    def parameters(self) -> list[Tensor]:
        """Return every parameter once: what an optimiser takes."""
        return list({id(parameter): parameter for _, parameter in self.named_parameters()}.values())

    def parameter_count(self) -> int:
        """Return how many numbers the parameters have together."""
        return sum(parameter.size for parameter in self.parameters())

    def zero_grad(self) -> None:
        """Forget the gradients of all parameters."""
        for parameter in self.parameters():
            parameter.grad = None

    # ----------------------------------------------------------------------------------------------
    # In and out

    def state_dict(self) -> dict[str, Array]:
        """Return a copy of every parameter's array, by its name."""
        return {name: parameter.data.copy() for name, parameter in self.named_parameters()}

    def load_state_dict(self, state: Mapping[str, Array], strict: bool = True) -> Unloaded:
        """Set the parameters to the arrays of a state dictionary.

        Parameters
        ----------
        state : mapping of str to array
            Of floating-point numbers, of any array module: they are copied to the parameters' dtype and
            module. The constants that CompressAI keeps among its weights (``beta_reparam.pedestal``,
            ``beta_reparam.lower_bound.bound`` and those of gamma) are ignored.
        strict : bool
            Whether missing and extra keys are errors. Wrong shapes always are.

        Returns
        -------
        Unloaded
            The missing and extra keys; both empty if strict.

        Raises
        ------
        ValueError
            If a key is missing or extra, an array has another shape than its parameter, or does not hold
            floating-point numbers: all of them in one message. No parameter is changed then.

        Examples
        --------
        >>> from neural_from_scratch.layers import Conv2d
        >>> layer = Conv2d(1, 1, 1, rng=np.random.default_rng(0))
        >>> layer.load_state_dict({"weight": np.ones((1, 1, 3, 3)), "biass": np.zeros(1)})
        Traceback (most recent call last):
        ...
        ValueError: load_state_dict: Conv2d and the dictionary do not fit
          missing: bias
          extra: biass
          misfit: weight is float64 of shape (1, 1, 3, 3), must be floating-point of shape (1, 1, 1, 1)
        """
        parameters = dict(self.named_parameters())
        ignored = set(self._ignored())
        missing = tuple(name for name in parameters if name not in state)
        extra = tuple(key for key in state if key not in parameters and key not in ignored)
        misfits = [
            f"misfit: {name} {_is_what(state[name])}, must be floating-point of shape {parameter.shape}"
            for name, parameter in parameters.items()
            if name in state and not _fits(state[name], parameter)
        ]
        lines = []
        if missing and strict:
            lines.append(f"missing: {', '.join(missing)}")
        if extra and strict:
            lines.append(f"extra: {', '.join(extra)}")
        if lines or misfits:
            title = f"load_state_dict: {type(self).__name__} and the dictionary do not fit"
            raise ValueError("\n  ".join([title, *lines, *misfits]))
        for name, parameter in parameters.items():
            if name in state:
                array = moved(state[name], array_module(parameter.data))
                parameter.data = array.astype(parameter.dtype, order="C")  # a copy in any case
        return Unloaded(missing, extra)

    def _ignored(self) -> Iterator[str]:
        yield from self.ignored_keys
        for name, child in self.children():
            yield from (f"{name}.{key}" for key in child._ignored())

    def to(self: Self, module: Any = None, dtype: DTypeLike | None = None) -> Self:
        """Move all parameters and constant arrays to an array module, or to a dtype, in place.

        Parameters
        ----------
        module : module, optional
            `numpy`, or `cupy` for a graphics card. As before if not given.
        dtype : dtype, optional
            float32 or float64. As before if not given.

        Returns
        -------
        Layer
            This one. Gradients are dropped; give the parameters to an optimiser afterwards.

        Raises
        ------
        TypeError
            For another dtype.
        """
        if dtype is not None and np.dtype(dtype) not in FLOATS:
            raise TypeError(f"to: dtype is {np.dtype(dtype)}, must be float32 or float64")

        def there(array: Array) -> Array:
            array = array if module is None else moved(array, module)
            return array if dtype is None or array.dtype not in FLOATS else array.astype(dtype, copy=False)

        for parameter in self.parameters():
            parameter.data, parameter.grad = there(parameter.data), None
        self._move_constants(there)
        return self

    def _move_constants(self, there: Callable[[Array], Array]) -> None:
        for name, value in vars(self).items():
            if is_array(value) and not isinstance(value, Tensor):
                setattr(self, name, there(value))
        for _, child in self.children():
            child._move_constants(there)

    # ----------------------------------------------------------------------------------------------
    # In words

    def describe(self) -> str:
        """Return name and settings of this layer, in one line."""
        return type(self).__name__

    def __repr__(self) -> str:
        rows = list(self._rows("", ""))
        a, b, c = (max(len(row[column]) for row in rows) for column in range(3))
        gap = "  " if b else ""
        lines = [f"{row[0]:{a}}  {row[1]:{b}}{gap}{row[2]:>{c}}".rstrip() for row in rows]
        lines[0] += " parameters" if rows[0][2] else ""
        return "\n".join(lines)

    def _rows(self, indent: str, name: str) -> Iterator[tuple[str, str, str]]:
        own = ", ".join(
            f"{key} {'×'.join(map(str, part.shape)) or '1'}"
            for key, part in self.parts()
            if isinstance(part, Tensor)
        )
        count = self.parameter_count()
        total = f"{count:,}".replace(",", " ") if count else ""
        yield f"{indent}{name}{'  ' if name else ''}{self.describe()}", own, total
        for key, child in self.children():
            yield from child._rows(indent + "  ", key)


# --------------------------------------------------------------------------------------------------
# Inside


def moved(array: Array, module: Any) -> Array:
    """Return an array as one of another module, by way of NumPy and by explicit copies only."""
    here = array_module(array)
    if here is module:
        return array
    on_cpu = array if here is np else array.get()  # CuPy's name for it
    return on_cpu if module is np else module.asarray(on_cpu)


def _fits(array: object, parameter: Tensor) -> bool:
    return is_array(array) and array.dtype.kind == "f" and array.shape == parameter.shape  # type: ignore[attr-defined]


def _is_what(value: Any) -> str:
    if not is_array(value):
        return f"is a {type(value).__name__}"
    return f"is {value.dtype} of shape {value.shape}"
