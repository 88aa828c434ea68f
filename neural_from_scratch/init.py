"""The first weights of a network.

A weight that starts too large makes what passes through it grow from layer to layer, one that starts too
small makes it fade; gradients fare alike on the way back. Let a layer add up `fan_in` products w · x, with
independent w of mean 0:

    Var[y] = fan_in · Var[w] · E[x²]

so Var[w] = 1 / fan_in keeps the size of what passes, if E[x²] = Var[x]. The rules below are variations of
this:

===================  ====================  ================================================================
function             Var[w]                from
===================  ====================  ================================================================
`fan_in_uniform`     1 / (3 fan_in)        what PyTorch's convolutions start from, weight and bias alike,
                                           and with them CompressAI's codecs: U(±1/√fan_in), after LeCun
                                           et al. 1998, "Efficient BackProp"
`kaiming_uniform`,   gain² / fan_in        He et al. 2015, "Delving deep into rectifiers", eq. 10: a ReLU
`kaiming_normal`                           halves E[x²], which gain² = 2 makes up for
`xavier_uniform`,    2 / (fan_in +         Glorot & Bengio 2010, "Understanding the difficulty of training
`xavier_normal`      fan_out)              deep feedforward neural networks", eq. 12: a compromise between
                                           forward and backward
`zeros`, `constant`  0
===================  ====================  ================================================================

All draw from a generator that is passed (`seeds`), in float64, and round to the dtype asked for: a network in
float32 and its twin in float64 start from the same weights. They return NumPy arrays; `parameters.Layer.to`
takes a network elsewhere.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

__all__ = [
    "constant",
    "fan_in_uniform",
    "fans",
    "kaiming_normal",
    "kaiming_uniform",
    "xavier_normal",
    "xavier_uniform",
    "zeros",
]


def fans(shape: Sequence[int]) -> tuple[int, int]:
    """Return how many products meet in a result, fan_in, and how many an input goes into, fan_out.

    Parameters
    ----------
    shape : sequence of int
        (out, in / groups, kh, kw) of a convolution, or (out, in) of a matrix.

    Returns
    -------
    tuple of int
        shape[1] · kh · kw and shape[0] · kh · kw: as PyTorch counts, without regard to stride and groups.

    Raises
    ------
    ValueError
        If the shape has fewer than two axes, or an empty one.

    Notes
    -----
    The weight of a transposed convolution is (in, out / groups, kh, kw). PyTorch takes its second axis for
    the inputs all the same; so does this function, so that first weights are the same there and here.

    Examples
    --------
    >>> fans((128, 3, 5, 5))
    (75, 3200)
    """
    if len(shape) < 2 or min(shape) < 1:
        raise ValueError(
            f"fans: shape {tuple(shape)} has no fans, (out, in, …) of at least one each is needed"
        )
    kernel = math.prod(shape[2:])
    return shape[1] * kernel, shape[0] * kernel


def fan_in_uniform(
    rng: np.random.Generator,
    shape: Sequence[int],
    *,
    fan_in: int | None = None,
    dtype: DTypeLike = np.float32,
) -> NDArray[Any]:
    """U(−1/√fan_in, 1/√fan_in): how PyTorch starts the weights and biases of convolutions.

    Parameters
    ----------
    rng : numpy.random.Generator
    shape : sequence of int
    fan_in : int, optional
        That of the shape if not given; a bias takes that of its weight.
    dtype : dtype
        float32 or float64.

    Returns
    -------
    ndarray of dtype, of that shape

    Examples
    --------
    >>> weight = fan_in_uniform(np.random.default_rng(0), (64, 4, 5, 5))
    >>> bool(np.abs(weight).max() <= 0.1)  # 1/√(4·5·5)
    True
    """
    return _uniform(rng, shape, 1 / math.sqrt(fans(shape)[0] if fan_in is None else fan_in), dtype)


def kaiming_uniform(
    rng: np.random.Generator,
    shape: Sequence[int],
    *,
    gain: float = math.sqrt(2),
    dtype: DTypeLike = np.float32,
) -> NDArray[Any]:
    """U(±gain √(3 / fan_in)): standard deviation gain / √fan_in.

    Parameters
    ----------
    rng, shape, dtype
        As for `fan_in_uniform`.
    gain : float
        √2 before a ReLU; √(2 / (1 + a²)) before a leaky one of slope a; 1 before none.
    """
    return _uniform(rng, shape, gain * math.sqrt(3 / fans(shape)[0]), dtype)


def kaiming_normal(
    rng: np.random.Generator,
    shape: Sequence[int],
    *,
    gain: float = math.sqrt(2),
    dtype: DTypeLike = np.float32,
) -> NDArray[Any]:
    """N(0, gain² / fan_in); the arguments of `kaiming_uniform`."""
    return _normal(rng, shape, gain / math.sqrt(fans(shape)[0]), dtype)


def xavier_uniform(
    rng: np.random.Generator, shape: Sequence[int], *, gain: float = 1.0, dtype: DTypeLike = np.float32
) -> NDArray[Any]:
    """U(±gain √(6 / (fan_in + fan_out))); the arguments of `kaiming_uniform`."""
    return _uniform(rng, shape, gain * math.sqrt(6 / sum(fans(shape))), dtype)


def xavier_normal(
    rng: np.random.Generator, shape: Sequence[int], *, gain: float = 1.0, dtype: DTypeLike = np.float32
) -> NDArray[Any]:
    """N(0, 2 gain² / (fan_in + fan_out)); the arguments of `kaiming_uniform`."""
    return _normal(rng, shape, gain * math.sqrt(2 / sum(fans(shape))), dtype)


def zeros(shape: Sequence[int], *, dtype: DTypeLike = np.float32) -> NDArray[Any]:
    """Return zeros."""
    return np.zeros(shape, dtype)


def constant(shape: Sequence[int], value: float, *, dtype: DTypeLike = np.float32) -> NDArray[Any]:
    """Return one value everywhere.

    Examples
    --------
    >>> constant((2,), 0.5)
    array([0.5, 0.5], dtype=float32)
    """
    return np.full(shape, value, dtype)


def _uniform(rng: np.random.Generator, shape: Sequence[int], bound: float, dtype: DTypeLike) -> NDArray[Any]:
    return rng.uniform(-bound, bound, shape).astype(dtype)


def _normal(
    rng: np.random.Generator, shape: Sequence[int], deviation: float, dtype: DTypeLike
) -> NDArray[Any]:
    return rng.normal(0.0, deviation, shape).astype(dtype)
