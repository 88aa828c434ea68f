"""Rounding, and what stands for it while a network learns.

A codec rounds: what is written are whole numbers. Rounding has the derivative 0 nearly everywhere, which
teaches nothing, so two stand-ins are in use:

- *straight through*: round going forward, and pass the gradient as if nothing had been done (Theis et al.
  2017);
- *additive noise*: add a number from U(−½, ½) instead (Ballé et al. 2017). What comes out is spread as far
  about x as a rounding error, its density is that of x convolved with a box, which is also what entropy
  models want to know, and the derivative of x + u is honestly 1.
"""

from __future__ import annotations

from typing import Any

from .arrays import Array, array_module, as_array
from .tensor import Tensor, as_tensor, record

__all__ = ["add_uniform_noise", "round_straight_through"]


def round_straight_through(x: Tensor | Array) -> Tensor:
    """Round to the nearest whole number, halves to the even one; the gradient passes unchanged.

    Parameters
    ----------
    x : tensor or array, any shape

    Returns
    -------
    Tensor, of the shape of x

    References
    ----------
    L. Theis, W. Shi, A. Cunningham, F. Huszár, "Lossy image compression with compressive autoencoders", ICLR
    2017.

    Examples
    --------
    >>> import numpy as np
    >>> x = Tensor(np.array([-0.7, 0.5, 1.5]), requires_grad=True)
    >>> y = round_straight_through(x)
    >>> y.data
    array([-1.,  0.,  2.])
    >>> y.backward(np.array([5.0, 6.0, 7.0]))
    >>> x.grad
    array([5., 6., 7.])
    """
    x = as_tensor("round_straight_through", "x", x)
    result = array_module(x.data).rint(x.data)
    return record("round_straight_through", result, (x,), lambda gradient: (gradient,))


def add_uniform_noise(x: Tensor | Array, generator: Any) -> Tensor:
    """x + u, with u from U(−½, ½), a fresh one for each number; f' = 1.

    Parameters
    ----------
    x : tensor or array, any shape
    generator : Generator
        Of the array module of x: `numpy.random.Generator`, `cupy.random.Generator`.

    Returns
    -------
    Tensor, of the shape of x

    Raises
    ------
    TypeError
        If the generator is none, or makes arrays of another module.

    References
    ----------
    J. Ballé, V. Laparra, E. Simoncelli, "End-to-end optimized image compression", ICLR 2017.

    Examples
    --------
    >>> import numpy as np
    >>> noisy = add_uniform_noise(np.zeros(1000), np.random.default_rng(0)).data
    >>> bool(abs(noisy).max() <= 0.5), round(float(noisy.var()), 2)  # 1/12
    (True, 0.08)
    """
    x = as_tensor("add_uniform_noise", "x", x)
    if not callable(getattr(generator, "random", None)):
        raise TypeError(f"add_uniform_noise: generator is a {type(generator).__name__}, must be a Generator")
    noisy = as_array(generator.random(x.shape, dtype=x.dtype))
    if array_module(noisy) is not array_module(x.data):
        raise TypeError(
            f"add_uniform_noise: generator is one of {array_module(noisy).__name__}, "
            f"x of shape {x.shape} is an array of {array_module(x.data).__name__}"
        )
    noisy -= 0.5
    noisy += x.data
    return record("add_uniform_noise", noisy, (x,), lambda gradient: (gradient,))
