"""Layers: operations that keep their own weights.

=============================  ===================================================================
`Conv2d`, `ConvTranspose2d`    `ops.conv2d`, `ops.conv_transpose2d`, with weight and bias
`GDN`                          `ops.gdn`, with parameters that cannot become negative
`ReLU`, `LeakyReLU`            no parameters
`Sequential`                   one layer after the other
=============================  ===================================================================

What all layers have in common – parameters and their names, state dictionaries – is `parameters.Layer`. Here
each one adds its first weights (`init`) and a call of its operation (`ops`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeAlias, overload

import numpy as np
from numpy.typing import DTypeLike

from . import init, ops
from .arrays import Array
from .parameters import Layer
from .tensor import Tensor

__all__ = ["GDN", "Conv2d", "ConvTranspose2d", "Layer", "LeakyReLU", "ReLU", "Sequential"]

Pair: TypeAlias = tuple[int, int]

ALPHA_MIN, EPSILON_MIN = 1.0, 1e-6  # of the exponents of GDN


# --------------------------------------------------------------------------------------------------
# Convolutions


class Conv2d(Layer):
    """Convolution; see `ops.conv2d`.

    Parameters
    ----------
    inputs, outputs : int
        Numbers of channels.
    kernel : int or (int, int)
        Its height and width.
    stride, padding : int or (int, int)
    groups : int
        Divides both numbers of channels.
    bias : bool
        Whether to add one.
    rng : numpy.random.Generator
        Where the first weights come from, as `init.fan_in_uniform` draws them: the weight first, then the
        bias.
    dtype : dtype
        float32 or float64.

    Attributes
    ----------
    weight : Tensor, shape (outputs, inputs / groups, kh, kw)
    bias : Tensor, shape (outputs,), or None

    Raises
    ------
    TypeError, ValueError
        For arguments that are no whole numbers, too small, or do not fit together.

    Examples
    --------
    >>> Conv2d(3, 64, 5, stride=2, padding=2, rng=np.random.default_rng(0))
    Conv2d(3 → 64, 5×5, stride 2, padding 2)  weight 64×3×5×5, bias 64  4 864 parameters
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: int | Pair,
        stride: int | Pair = 1,
        padding: int | Pair = 0,
        groups: int = 1,
        bias: bool = True,
        *,
        rng: np.random.Generator,
        dtype: DTypeLike = np.float32,
    ) -> None:
        name = type(self).__name__
        self.inputs, self.outputs = _count(name, "inputs", inputs), _count(name, "outputs", outputs)
        self.kernel, self.stride = _pair(name, "kernel", kernel, 1), _pair(name, "stride", stride, 1)
        self.padding, self.groups = _pair(name, "padding", padding, 0), _count(name, "groups", groups)
        if inputs % groups or outputs % groups:
            raise ValueError(f"{name}: groups={groups} does not divide inputs={inputs} and outputs={outputs}")
        shape = self._weight_shape()
        self.weight = _drawn(rng, shape, init.fans(shape)[0], dtype)
        self.bias = _drawn(rng, (outputs,), init.fans(shape)[0], dtype) if bias else None

    def _weight_shape(self) -> tuple[int, int, int, int]:
        return (self.outputs, self.inputs // self.groups, *self.kernel)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, inputs, H, W) to (N, outputs, ⌊(H + 2 padding − kh) / stride⌋ + 1, W likewise)."""
        return ops.conv2d(x, self.weight, self.bias, self.stride, self.padding, self.groups)

    def describe(self) -> str:
        """Return name and settings."""
        settings = [f"{self.inputs} → {self.outputs}", "×".join(map(str, self.kernel))]
        for setting, usual in (
            ("stride", (1, 1)),
            ("padding", (0, 0)),
            ("output_padding", (0, 0)),
            ("groups", 1),
        ):
            value = getattr(self, setting, usual)
            if value != usual:
                short = value[0] if isinstance(value, tuple) and value[0] == value[1] else value
                settings.append(f"{setting.replace('_', ' ')} {short}")
        return f"{type(self).__name__}({', '.join(settings)})"


class ConvTranspose2d(Conv2d):
    """Transposed convolution; see `ops.conv_transpose2d`.

    Parameters
    ----------
    inputs, outputs, kernel, stride, padding, groups, bias, rng, dtype
        As for `Conv2d`.
    output_padding : int or (int, int)
        Rows and columns more at the end, less than the stride. With kernel 5, stride 2 and padding 2, 1 gives
        exactly twice the height and width.

    Attributes
    ----------
    weight : Tensor, shape (inputs, outputs / groups, kh, kw)
        Inputs first, other than in `Conv2d`.
    bias : Tensor, shape (outputs,), or None

    Examples
    --------
    >>> layer = ConvTranspose2d(9, 6, 5, stride=2, padding=2, output_padding=1, rng=np.random.default_rng(0))
    >>> print(layer.describe())
    ConvTranspose2d(9 → 6, 5×5, stride 2, padding 2, output padding 1)
    >>> layer(Tensor(np.zeros((1, 9, 4, 6), np.float32))).shape
    (1, 6, 8, 12)
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: int | Pair,
        stride: int | Pair = 1,
        padding: int | Pair = 0,
        output_padding: int | Pair = 0,
        groups: int = 1,
        bias: bool = True,
        *,
        rng: np.random.Generator,
        dtype: DTypeLike = np.float32,
    ) -> None:
        self.output_padding = _pair("ConvTranspose2d", "output_padding", output_padding, 0)
        super().__init__(inputs, outputs, kernel, stride, padding, groups, bias, rng=rng, dtype=dtype)
        if self.output_padding[0] >= self.stride[0] or self.output_padding[1] >= self.stride[1]:
            raise ValueError(
                f"ConvTranspose2d: output_padding={self.output_padding} must be below stride={self.stride}"
            )

    def _weight_shape(self) -> tuple[int, int, int, int]:
        return (self.inputs, self.outputs // self.groups, *self.kernel)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, inputs, H, W) to (N, outputs, H', W').

        H' = (H − 1) stride − 2 padding + kh + output_padding, and W' likewise.
        """
        return ops.conv_transpose2d(
            x, self.weight, self.bias, self.stride, self.padding, self.output_padding, self.groups
        )


# --------------------------------------------------------------------------------------------------
# Nonlinearities


class GDN(Layer):
    """Generalised divisive normalisation, or its inverse; see `ops.gdn`.

    Parameters
    ----------
    channels : int
    inverse : bool
        IGDN, for synthesis.
    alpha : number, or array of shape (), (channels,) or (channels, channels)
    epsilon : number, or array of shape () or (channels,)
        The exponents. (2, ½) is CompressAI's GDN, (1, 1) its GDN1; both, as numbers, are fast.
    learn_alpha, learn_epsilon : bool
        Whether the exponents are parameters, of the shape given, that start there: α ≥ 1, ε ≥ 10⁻⁶.
    beta_min : float
        What β cannot fall below.
    gamma_init : float
        The diagonal of γ at the start; β starts at 1, the rest of γ at 0: y = x / √(1 + 0.1 x²).
    dtype : dtype
        float32 or float64.

    Raises
    ------
    TypeError, ValueError
        For a number of channels that is none, exponents of another shape or below their bounds, a `beta_min`
        that is not positive or a `gamma_init` that is negative.

    Attributes
    ----------
    beta : Tensor, shape (channels,)
    gamma : Tensor, shape (channels, channels)
        Both as *stored*, not as used; so are `alpha` and `epsilon`, if learned.

    Notes
    -----
    β must stay positive and γ must not become negative, whatever steps an optimiser takes. So each is stored
    as the root of itself, p = √(v + 2⁻³⁶), and computed as

        v = max(p, √(v_min + 2⁻³⁶))² − 2⁻³⁶                                                        (1)

    which is `ops.nonnegative`. Its maximum has a gradient that lets p come back from below. Squaring makes
    steps smaller where v is small; 2⁻³⁶ keeps the gradient 2p off zero there (Ballé, Laparra & Simoncelli
    2017, "End-to-end optimized image compression", appendix; CompressAI's ``NonNegativeParametrizer``).
    Learned exponents are kept in the same way.

    Examples
    --------
    >>> gdn = GDN(2)
    >>> gdn(Tensor(np.full((1, 2, 1, 1), 3.0, np.float32))).data.ravel().round(4)  # 3 / √1.9
    array([2.1764, 2.1764], dtype=float32)
    """

    ignored_keys = tuple(
        f"{name}_reparam.{buffer}"
        for name in ("beta", "gamma")
        for buffer in ("pedestal", "lower_bound.bound")
    )

    def __init__(
        self,
        channels: int,
        inverse: bool = False,
        alpha: float | Array = 2,
        epsilon: float | Array = 0.5,
        *,
        learn_alpha: bool = False,
        learn_epsilon: bool = False,
        beta_min: float = 1e-6,
        gamma_init: float = 0.1,
        dtype: DTypeLike = np.float32,
    ) -> None:
        _count("GDN", "channels", channels)
        if not beta_min > 0 or not gamma_init >= 0:
            raise ValueError(f"GDN: beta_min={beta_min} must be positive, gamma_init={gamma_init} at least 0")
        self.inverse, self.beta_min = bool(inverse), float(beta_min)
        self.beta = _stored(np.ones(channels), dtype)
        self.gamma = _stored(gamma_init * np.eye(channels), dtype)
        shapes = ((), (channels,), (channels, channels))
        self.alpha = _exponent("alpha", alpha, ALPHA_MIN, shapes, learn_alpha, dtype)
        self.epsilon = _exponent("epsilon", epsilon, EPSILON_MIN, shapes[:2], learn_epsilon, dtype)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, channels, H, W) to the same shape."""
        alpha, epsilon = self.alpha, self.epsilon
        return ops.gdn(
            x,
            ops.nonnegative(self.beta, self.beta_min),
            ops.nonnegative(self.gamma, 0.0),
            ops.nonnegative(alpha, ALPHA_MIN) if isinstance(alpha, Tensor) else alpha,
            ops.nonnegative(epsilon, EPSILON_MIN) if isinstance(epsilon, Tensor) else epsilon,
            self.inverse,
        )

    def describe(self) -> str:
        """Return name and settings."""
        settings = [str(self.beta.size)]
        for name, exponent, usual in (("alpha", self.alpha, 2), ("epsilon", self.epsilon, 0.5)):
            if isinstance(exponent, Tensor):
                settings.append(f"{name} learned")
            elif isinstance(exponent, int | float):
                settings += [f"{name} {exponent:g}"] if exponent != usual else []
            else:
                settings.append(f"{name} {'×'.join(map(str, exponent.shape)) or 'an array'}")
        return f"{'IGDN' if self.inverse else 'GDN'}({', '.join(settings)})"


class ReLU(Layer):
    """max(x, 0); see `ops.relu`."""

    def forward(self, x: Tensor) -> Tensor:
        """Map any shape to the same."""
        return ops.relu(x)


class LeakyReLU(Layer):
    """x where positive, slope · x elsewhere; see `ops.leaky_relu`."""

    def __init__(self, slope: float = 0.01) -> None:
        self.slope = slope

    def forward(self, x: Tensor) -> Tensor:
        """Map any shape to the same."""
        return ops.leaky_relu(x, self.slope)

    def describe(self) -> str:
        """Return name and slope."""
        return f"LeakyReLU({self.slope:g})"


class Sequential(Layer):
    """One layer after the other; they are named by their places: ``0.weight``, ``1.beta`` …

    Parameters
    ----------
    *layers : Layer

    Raises
    ------
    TypeError
        If one is no layer.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> Sequential(Conv2d(3, 64, 5, 2, 2, rng=rng), GDN(64), Conv2d(64, 96, 5, 2, 2, rng=rng))
    Sequential                                                                 162 720 parameters
      0  Conv2d(3 → 64, 5×5, stride 2, padding 2)   weight 64×3×5×5, bias 64     4 864
      1  GDN(64)                                    beta 64, gamma 64×64         4 160
      2  Conv2d(64 → 96, 5×5, stride 2, padding 2)  weight 96×64×5×5, bias 96  153 696
    """

    def __init__(self, *layers: Layer) -> None:
        for i, layer in enumerate(layers):
            if not isinstance(layer, Layer):
                raise TypeError(f"Sequential: item {i} is a {type(layer).__name__}, must be a layer")
        self.layers = layers

    def parts(self) -> Iterator[tuple[str, Tensor | Layer]]:
        """Yield the layers with their places."""
        return ((str(i), layer) for i, layer in enumerate(self.layers))

    def forward(self, x: Tensor) -> Tensor:
        """Pass x through all layers."""
        for layer in self.layers:
            x = layer(x)
        return x

    def __len__(self) -> int:
        return len(self.layers)

    @overload
    def __getitem__(self, place: int) -> Layer: ...
    @overload
    def __getitem__(self, place: slice) -> Sequential: ...
    def __getitem__(self, place: int | slice) -> Layer | Sequential:
        return Sequential(*self.layers[place]) if isinstance(place, slice) else self.layers[place]

    def __iter__(self) -> Iterator[Layer]:
        return iter(self.layers)


# --------------------------------------------------------------------------------------------------
# Inside


def _drawn(rng: np.random.Generator, shape: Sequence[int], fan_in: int, dtype: DTypeLike) -> Tensor:
    return Tensor(init.fan_in_uniform(rng, shape, fan_in=fan_in, dtype=dtype), requires_grad=True)


def _stored(value: Array, dtype: DTypeLike) -> Tensor:
    """Return the parameter p for a value v of equation (1) of `GDN`."""
    return Tensor(ops.nonnegative_stored(value).astype(dtype), requires_grad=True)


def _exponent(
    name: str,
    value: float | Array,
    least: float,
    shapes: Sequence[tuple[int, ...]],
    learn: bool,
    dtype: DTypeLike,
) -> float | Array | Tensor:
    """Return an exponent of `GDN`: a number or array as given, or a stored parameter."""
    array = np.asarray(value, np.float64)
    if array.shape not in shapes:
        raise ValueError(f"GDN: {name} has shape {array.shape}, must be {' or '.join(map(str, shapes))}")
    if not (array >= least).all():
        raise ValueError(f"GDN: {name}={value} must be at least {least:g}")
    if learn:
        return _stored(array, dtype)
    return value if isinstance(value, int | float) else array.astype(dtype)


def _count(layer: str, argument: str, value: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        raise TypeError(f"{layer}: {argument}={value!r} must be a whole number")
    if value < 1:
        raise ValueError(f"{layer}: {argument}={value} must be at least 1")
    return int(value)


def _pair(layer: str, argument: str, value: int | Pair, least: int) -> Pair:
    pair = tuple(value) if isinstance(value, tuple | list) else (value, value)
    if len(pair) != 2 or not all(isinstance(part, int | np.integer) for part in pair):
        raise TypeError(f"{layer}: {argument}={value!r} must be a whole number or two")
    if min(pair) < least:
        raise ValueError(f"{layer}: {argument}={value!r} must be at least {least}")
    return int(pair[0]), int(pair[1])
