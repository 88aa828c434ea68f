"""Optimisers: from gradients to better parameters.

**Adam** (Kingma & Ba 2015, "Adam: a method for stochastic optimization", algorithm 1) keeps two running means
for each parameter θ with gradient g, both from 0: of the gradient, and of its square.

    m ← β₁ m + (1 − β₁) g        v ← β₂ v + (1 − β₂) g²
    θ ← θ − η · m̂ / (√v̂ + ε),    m̂ = m / (1 − β₁ᵗ),  v̂ = v / (1 − β₂ᵗ)

m̂ and v̂ correct for the start at 0: at step t = 1 they are g and g², so that the first step is η · sgn g.
While a gradient keeps its sign, Adam goes η a step whatever the gradient's size; where it is mostly noise,
m̂ ≪ √v̂, less.

**Clipping** by the norm of all gradients together keeps a rare steep place from throwing the parameters far
away, and leaves the direction as it is.

**Warm-up and cosine** make a factor for the rate: up in a line while v settles, then down half a cosine wave
(Loshchilov & Hutter 2017, "SGDR", eq. 5, without restarts).

**Sizes.** One rate is one size of step for all weights, and so asks for weights of about one size. Where they
cannot be that, a parameter's steps are multiplied by its size s: all goes as if θ / s were the parameter.

Examples
--------
>>> import numpy as np
>>> x = Tensor(np.array([3.0]), requires_grad=True)
>>> adam = Adam([x], rate=0.3)
>>> for step in range(60):
...     adam.clear_gradients()
...     (x * x).sum().backward()
...     adam.step(scale=warmup_cosine(step, steps=60, warmup=5))
>>> abs(x.item()) < 0.05
True
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from .arrays import Array, array_module
from .backend import backend_for
from .tensor import Tensor

__all__ = ["Adam", "Group", "adam_step", "clip_gradients", "warmup_cosine"]

Parameters: TypeAlias = Mapping[str, Tensor] | Iterable[Tensor | tuple[str, Tensor]]


@dataclass(frozen=True)
class Group:
    """Parameters with settings of their own; what is None is taken from `Adam`.

    Attributes
    ----------
    parameters : mapping or iterable
        Name → tensor, pairs of both, or tensors alone.
    rate : float, optional
    betas : tuple of float, optional
    epsilon : float, optional
    sizes : mapping of str to array, optional
        Name → s, of the parameter's dtype, which goes with its shape by broadcasting; 1 without.
    """

    parameters: Parameters
    rate: float | None = None
    betas: tuple[float, float] | None = None
    epsilon: float | None = None
    sizes: Mapping[str, Array] | None = None


@dataclass
class _State:
    """A parameter, its settings, and its two running means, which are made at its first step."""

    tensor: Tensor
    rate: float
    betas: tuple[float, float]
    epsilon: float
    size: Array | None = None
    steps: int = 0
    mean: Array | None = None
    square: Array | None = None


class Adam:
    """Adam, as in PyTorch; parameters change in place, and with them each array that shares their memory.

    Parameters
    ----------
    parameters : mapping, iterable, or list of `Group`
        Name → tensor (or pairs of both, such as ``network.named_parameters()``), or tensors alone, which get
        the names "0", "1", …; or groups of them with rates of their own.
    rate : float
        η.
    betas : tuple of float
        β₁, β₂.
    epsilon : float
        ε, added after the root.

    Raises
    ------
    ValueError
        If a setting is out of its range, if a size does not fit, if there is no parameter, or if two have one
        name or are the same.
    TypeError
        If a parameter is no tensor that requires a gradient.
    """

    def __init__(
        self,
        parameters: Parameters | Iterable[Group],
        rate: float = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        epsilon: float = 1e-8,
    ) -> None:
        given = parameters if isinstance(parameters, Mapping) else list(parameters)
        if not isinstance(given, Mapping) and given and all(isinstance(item, Group) for item in given):
            groups: list[Group] = given  # type: ignore[assignment]
        else:
            groups = [Group(given)]  # type: ignore[arg-type]
        self._states: dict[str, _State] = {}
        seen: dict[int, str] = {}
        for group in groups:
            settings = (
                rate if group.rate is None else group.rate,
                betas if group.betas is None else group.betas,
                epsilon if group.epsilon is None else group.epsilon,
            )
            _check_settings(*settings)
            for name, tensor in _named("Adam", group.parameters, start=len(self._states)):
                if name in self._states:
                    raise ValueError(f"Adam: two parameters have the name {name!r}")
                if id(tensor) in seen:
                    raise ValueError(f"Adam: {name!r} and {seen[id(tensor)]!r} are the same parameter")
                if not tensor.requires_grad:
                    raise TypeError(f"Adam: parameter {name!r} of shape {tensor.shape} requires no gradient")
                seen[id(tensor)] = name
                size = None if group.sizes is None else group.sizes.get(name)
                _check_size(name, tensor, size)
                self._states[name] = _State(tensor, *settings, size)
        if not self._states:
            raise ValueError("Adam: there are no parameters")

    def clear_gradients(self) -> None:
        """Forget all gradients; else the next `backward` adds to them."""
        for state in self._states.values():
            state.tensor.grad = None

    def step(self, scale: float = 1.0) -> None:
        """Change every parameter that has a gradient; the others, and their count of steps, stay as they are.

        Parameters
        ----------
        scale : float
            Factor for all rates at this step: what a schedule says.

        Raises
        ------
        FloatingPointError
            If a gradient has NaN or infinity; the parameters are named, and none has been changed.
        """
        moving = {name: state for name, state in self._states.items() if state.tensor.grad is not None}
        _check_finite("Adam.step", {name: state.tensor.grad for name, state in moving.items()})
        for state in moving.values():
            value, gradient = state.tensor.data, state.tensor.grad
            if state.mean is None or state.square is None:
                xp = array_module(value)
                state.mean, state.square = xp.zeros_like(value), xp.zeros_like(value)
            state.steps += 1
            how = (scale * state.rate, *state.betas, state.epsilon, state.steps)
            adam = backend_for(value).adam
            if state.size is None:
                adam(value, gradient, state.mean, state.square, *how)
            else:
                change = array_module(value).zeros_like(value)
                adam(change, gradient * state.size, state.mean, state.square, *how)
                value += change * state.size

    def state_dict(self) -> dict[str, Array]:
        """Return what is needed to go on later.

        That is ``steps.NAME``, ``mean.NAME`` and ``square.NAME`` of all that moved, and ``size.NAME`` where
        it has one. The arrays are copies. Other settings are not among them.
        """
        state: dict[str, Array] = {}
        for name, own in self._states.items():
            if own.mean is not None and own.square is not None:
                state[f"steps.{name}"] = array_module(own.mean).asarray(own.steps, dtype=np.int64)
                state[f"mean.{name}"] = own.mean.copy()
                state[f"square.{name}"] = own.square.copy()
                if own.size is not None:
                    state[f"size.{name}"] = own.size.copy()
        return state

    def load_state_dict(self, state: Mapping[str, Array]) -> None:
        """Go on from a state: afterwards the next steps are those that would have come then.

        Raises
        ------
        ValueError
            If keys are missing, left over or of the wrong shape or dtype: all of them are listed, and nothing
            has been changed.
        """
        wrong: list[str] = []
        known: set[str] = set()
        loaded: dict[str, tuple[int, Array, Array, Array | None]] = {}
        for name, own in self._states.items():
            keys = [f"{part}.{name}" for part in ("steps", "mean", "square")]
            shapes = [((), np.dtype(np.int64)), *[(own.tensor.shape, own.tensor.dtype)] * 2]
            if own.size is not None:
                keys.append(f"size.{name}")
                shapes.append((own.size.shape, own.tensor.dtype))
            present = [key for key in keys if key in state]
            wrong += [f"missing {key}" for key in keys if present and key not in present]
            for key, (shape, dtype) in zip(keys, shapes):
                if key in state and (state[key].shape != shape or state[key].dtype != dtype):
                    found = f"{state[key].dtype} of shape {state[key].shape}"
                    wrong.append(f"{key} is {found}, must be {dtype} of shape {shape}")
            if present == keys and not wrong:
                steps, mean, square, *size = (state[key].copy() for key in keys)
                loaded[name] = (int(steps.item()), mean, square, size[0] if size else None)
            known |= set(keys)
        wrong += [f"unknown {key}" for key in state if key not in known]
        if wrong:
            raise ValueError("Adam.load_state_dict: " + "; ".join(wrong))
        for name, own in self._states.items():
            own.steps, own.mean, own.square, own.size = loaded.get(name, (0, None, None, own.size))


def adam_step(
    value: Array,
    gradient: Array,
    mean: Array,
    square: Array,
    rate: float,
    beta1: float,
    beta2: float,
    epsilon: float,
    step: int,
) -> None:
    """Do step t = `step`, from 1, of the equations above, in place.

    The first four are arrays of one shape and dtype.
    """
    xp = array_module(value)
    mean *= beta1
    mean += (1 - beta1) * gradient
    square *= beta2
    square += (1 - beta2) * gradient * gradient
    root = xp.sqrt(square)
    root *= 1 / math.sqrt(1 - beta2**step)
    root += epsilon
    value -= rate / (1 - beta1**step) * mean / root


def clip_gradients(parameters: Parameters, max_norm: float) -> float:
    """Shorten all gradients by one factor, where their norm together is larger than `max_norm`.

    Parameters
    ----------
    parameters : mapping or iterable
        As for `Adam`; those without a gradient count for nothing.
    max_norm : float

    Returns
    -------
    float
        The norm before: √ Σ g² over every number of every gradient.

    Raises
    ------
    FloatingPointError
        If a gradient has NaN or infinity; the parameters are named, and nothing has been changed.
    ValueError
        If `max_norm` is not positive.
    """
    if not max_norm > 0:
        raise ValueError(f"clip_gradients: max_norm={max_norm}, must be positive")
    moving = {
        name: tensor for name, tensor in _named("clip_gradients", parameters) if tensor.grad is not None
    }
    _check_finite("clip_gradients", {name: tensor.grad for name, tensor in moving.items()})
    squares = [
        (tensor.grad * tensor.grad).sum(dtype=np.float64).item()  # type: ignore[operator]
        for tensor in moving.values()
    ]
    norm = math.sqrt(sum(squares))
    if norm > max_norm:
        for tensor in moving.values():
            tensor.grad *= max_norm / norm  # type: ignore[operator]
    return norm


def warmup_cosine(step: int, steps: int, warmup: int = 0, final: float = 0.0) -> float:
    """Return the factor for the rate at a step: from 0 up to 1 in a line, then half a cosine wave down.

    Parameters
    ----------
    step : int
        From 0. From `steps` on the factor stays `final`.
    steps : int
        How many there will be.
    warmup : int
        How many of them go up; the first one's factor is 1 / warmup.
    final : float
        Where the wave ends.

    Raises
    ------
    ValueError
        If not 0 <= warmup <= steps, 0 < steps, 0 <= step and 0 <= final <= 1.

    Examples
    --------
    >>> [round(warmup_cosine(step, steps=8, warmup=4), 2) for step in range(9)]
    [0.25, 0.5, 0.75, 1.0, 1.0, 0.85, 0.5, 0.15, 0.0]
    """
    if not (0 <= warmup <= steps and steps > 0 and step >= 0 and 0 <= final <= 1):
        raise ValueError(
            f"warmup_cosine: step={step}, steps={steps}, warmup={warmup}, final={final}, must be 0 <= step, "
            "0 <= warmup <= steps, 0 < steps and 0 <= final <= 1"
        )
    if step < warmup:
        return (step + 1) / warmup
    if step >= steps:
        return final
    return final + (1 - final) * (1 + math.cos(math.pi * (step - warmup) / (steps - warmup))) / 2


# --------------------------------------------------------------------------------------------------
# Checks


def _named(operation: str, parameters: Parameters, start: int = 0) -> Iterator[tuple[str, Tensor]]:
    items = parameters.items() if isinstance(parameters, Mapping) else parameters
    for number, item in enumerate(items, start):
        name, tensor = item if isinstance(item, tuple) else (str(number), item)
        if not isinstance(tensor, Tensor):
            raise TypeError(f"{operation}: parameter {name!r} is a {type(tensor).__name__}, must be a tensor")
        yield name, tensor


def _check_settings(rate: float, betas: tuple[float, float], epsilon: float) -> None:
    # Written so that NaN fails too.
    if not (0 <= rate < math.inf):
        raise ValueError(f"Adam: rate={rate}, must be finite and not negative")
    if len(betas) != 2 or not all(0 <= beta < 1 for beta in betas):
        raise ValueError(f"Adam: betas={betas}, must be two numbers of 0 to below 1")
    if not (0 <= epsilon < math.inf):
        raise ValueError(f"Adam: epsilon={epsilon}, must be finite and not negative")


def _check_size(name: str, tensor: Tensor, size: Array | None) -> None:
    if size is None:
        return
    try:
        fits = np.broadcast_shapes(size.shape, tensor.shape) == tensor.shape and size.dtype == tensor.dtype
    except ValueError:
        fits = False
    if not fits:
        raise ValueError(
            f"Adam: the size of {name!r} is {size.dtype} of shape {size.shape}, must go with "
            f"{tensor.dtype} of shape {tensor.shape}"
        )
    if not bool(((size > 0) & (size < math.inf)).all()):
        raise ValueError(f"Adam: the size of {name!r} must be positive and finite")


def _check_finite(operation: str, gradients: Mapping[str, Array]) -> None:
    bad = []
    for name, gradient in gradients.items():
        xp = array_module(gradient)
        # The sum is finite only if all is, or nearly all is huge: one pass over it, and no array of truths.
        if not bool(xp.isfinite(gradient.sum())) and not bool(xp.isfinite(gradient).all()):
            bad.append(f"{name} of shape {gradient.shape}")
    if bad:
        raise FloatingPointError(f"{operation}: gradients that are not finite: {', '.join(bad)}")
