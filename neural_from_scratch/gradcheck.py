"""Is a gradient right? Central differences say.

For L(x) = Σ r ⊙ f(x), with fixed random numbers r, the tape computes all of ∂L/∂x at once. The definition
gives one number at a time: (L(x + h e_i) − L(x − h e_i)) / 2h, whose error is of the order h² L''' from the
formula and ε L / h from rounding. In float64 (ε ≈ 10⁻¹⁶) with h = 10⁻⁵ both stay near 10⁻¹⁰, far below the
error of a wrong derivation.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from .arrays import Array
from .tensor import Tensor

__all__ = ["gradient_error"]

STEP = 1e-5


def gradient_error(
    function: Callable[..., Tensor],
    arrays: Sequence[Array],
    *,
    step: float = STEP,
    seed: int = 0,
    surrogate: Callable[..., Tensor] | None = None,
) -> float:
    """Compare the gradients of a function with central differences.

    Parameters
    ----------
    function : callable
        Takes a tensor for each array, returns a tensor.
    arrays : sequence of ndarray of float64
        Where to compare; every element of each is moved. Not closer than `step` to a kink.
    step : float
        h.
    seed : int
        Of the numbers r that weight the results.
    surrogate : callable, optional
        The function whose differences are taken instead, where the gradient is by agreement another's:
        rounding with straight-through gradient has that of the identity.

    Returns
    -------
    float
        max |a − n| / max(1, max |a|, max |n|) over all arrays, a from the tape and n from differences;
        infinite if any of these is not finite.

    Examples
    --------
    >>> from neural_from_scratch import ops
    >>> gradient_error(ops.tanh, [np.array([0.3, -2.0])]) < 1e-9
    True
    """
    points = [np.array(array, np.float64) for array in arrays]
    leaves = [Tensor(point.copy(), requires_grad=True) for point in points]
    result = function(*leaves)
    weights = np.random.default_rng(seed).standard_normal(result.shape)
    result.backward(weights)
    compared = surrogate or function

    def loss() -> float:
        return float((weights * compared(*(Tensor(point) for point in points)).data).sum())

    worst = 0.0
    for point, leaf in zip(points, leaves):
        numeric = np.empty_like(point)
        for index in np.ndindex(point.shape):
            middle = point[index]
            point[index] = middle + step
            above = loss()
            point[index] = middle - step
            below = loss()
            point[index] = middle
            numeric[index] = (above - below) / (2 * step)
        analytic = leaf.grad if leaf.grad is not None else np.zeros_like(point)
        if not (np.isfinite(analytic).all() and np.isfinite(numeric).all()):
            return math.inf
        scale = max(1.0, np.abs(analytic).max(initial=0), np.abs(numeric).max(initial=0))
        worst = max(worst, float(np.abs(analytic - numeric).max(initial=0)) / scale)
    return worst
