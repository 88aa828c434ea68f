"""Keeping a parameter above a bound, so that it can still be trained.

The norm of GDN, β + Σ γ x², must stay positive, and so must the scales of an entropy model; an optimiser
knows nothing of that. With y = max(x, bound) the value is safe, but the derivative is 0 below the bound: a
parameter that has fallen below stays there for ever. So the gradient is bent by agreement ("identity if
towards" in TensorFlow Compression): a step of descent moves x against ḡ, upwards if ḡ < 0, and such a
gradient may pass.
"""

from __future__ import annotations

import math

from ..arrays import Array, array_module
from ..tensor import Tensor, as_tensor, is_recorded, record
from .elementwise import multiply, subtract

__all__ = ["PEDESTAL", "lower_bound", "nonnegative", "nonnegative_stored"]

PEDESTAL = 2.0**-36


def lower_bound(x: Tensor | Array, bound: float) -> Tensor:
    """max(x, bound), with the gradient ḡ where x ≥ bound or ḡ < 0, else 0.

    Parameters
    ----------
    x : tensor or array, any shape
    bound : float

    Returns
    -------
    Tensor, of the shape of x

    Notes
    -----
    This is no derivative: central differences below the bound give 0, and a loss that wants x higher gets a
    gradient all the same.

    References
    ----------
    J. Ballé et al., TensorFlow Compression, `lower_bound` with ``gradient="identity_if_towards"``;
    CompressAI, `LowerBound`.

    Examples
    --------
    >>> import numpy as np
    >>> x = Tensor(np.array([-1.0, -1.0, 3.0, 3.0]), requires_grad=True)
    >>> y = lower_bound(x, 0.5)
    >>> y.data
    array([0.5, 0.5, 3. , 3. ])
    >>> y.backward(np.array([1.0, -1.0, 1.0, -1.0]))
    >>> x.grad
    array([ 0., -1.,  1., -1.])
    """
    x = as_tensor("lower_bound", "x", x)
    xp = array_module(x.data)
    result = xp.maximum(x.data, bound)
    above = (x.data >= bound) if is_recorded((x,)) else None

    def backward(gradient: Array) -> tuple[Array]:
        return (xp.where(above | (gradient < 0), gradient, 0),)

    return record("lower_bound", result, (x,), backward)


def nonnegative(stored: Tensor | Array, minimum: float = 0.0) -> Tensor:
    """Return the value ≥ minimum that a stored parameter stands for.

    v = max(p, √(minimum + δ))² − δ, with the pedestal δ = 2⁻³⁶.

    Parameters
    ----------
    stored : tensor or array, any shape
        p, what the optimiser moves.
    minimum : float
        Not negative.

    Returns
    -------
    Tensor
        v, of the same shape.

    Raises
    ------
    ValueError
        For a negative minimum.

    Notes
    -----
    Steps in p are steps of 2p in v: smaller ones for smaller values, so that training does not throw v across
    0. At p = 0 that would be no step at all; the pedestal δ keeps p at 2⁻¹⁸ or more, and the gradient alive.
    The maximum has the one-sided gradient of `lower_bound`.

    References
    ----------
    J. Ballé, V. Laparra, E. Simoncelli, "Density modeling of images using a generalized normalization
    transformation", ICLR 2016; in this form in CompressAI, `NonNegativeParametrizer`.

    Examples
    --------
    >>> import numpy as np
    >>> nonnegative(nonnegative_stored(np.array([0.0, 0.1, 1.0]))).data.round(12)
    array([0. , 0.1, 1. ])
    """
    if not minimum >= 0:
        raise ValueError(f"nonnegative: minimum is {minimum}, must not be negative")
    bounded = lower_bound(as_tensor("nonnegative", "stored", stored), math.sqrt(minimum + PEDESTAL))
    return subtract(multiply(bounded, bounded), PEDESTAL)


def nonnegative_stored(value: Array) -> Array:
    """Return what to store for an array of values v, p = √(max(v, 0) + δ): the inverse of `nonnegative`."""
    xp = array_module(value)
    return xp.sqrt(xp.maximum(value, 0) + PEDESTAL)
