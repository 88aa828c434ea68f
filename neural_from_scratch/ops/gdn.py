"""GDN: generalised divisive normalisation, the nonlinearity of learned image codecs, and its inverse.

Every channel is divided by a measure of how much is going on at the same pixel in all channels:

    n_i = β_i + Σ_j γ_ij |x_j|^α_ij      y_i = x_i / n_i^ε_i  (GDN)      y_i = x_i · n_i^ε_i  (inverse, IGDN)

The classic is α = 2, ε = ½: a channel divided by the root of a weighted energy (Ballé, Laparra & Simoncelli
2016, "Density modeling of images using a generalized normalization transformation", eq. 3). Johnston et al.
2019, "Computationally efficient neural image compression", take α = ε = 1, which needs no root. Both are one
matrix product γ · |x|^α over all pixels, with cheap work around it.

Where γ = 0 the channels are independent. IGDN is what a synthesis network uses; it undoes GDN only roughly,
since it measures its own input.

**Backward.** With s = −ε for GDN and s = +ε for IGDN, y_i = x_i n_i^s. The input x_k acts on y_k as the
factor in front, and on every y_i through n_i, with ∂n_i/∂x_k = γ_ik α_ik |x_k|^(α_ik − 1) sgn x_k. Call what
arrives at n_i

    h_i = ∂L/∂n_i = s_i g_i x_i n_i^(s_i − 1),        g = ∂L/∂y.                                           (1)

Then, with sums over batch and pixels (b, p) in all but the first,

    ∂L/∂x_k  = g_k n_k^s_k + sgn x_k Σ_i γ_ik α_ik |x_k|^(α_ik − 1) h_i                                    (2)
    ∂L/∂β_i  = Σ_bp h_i                                                                                    (3)
    ∂L/∂γ_ij = Σ_bp h_i |x_j|^α_ij                                                                         (4)
    ∂L/∂α_ij = γ_ij Σ_bp h_i |x_j|^α_ij ln |x_j|                                                           (5)
    ∂L/∂ε_i  = ±Σ_bp g_i y_i ln n_i        (− for GDN, + for IGDN)                                         (6)

For α = 2 equation 2 is g · n^s + 2 x ⊙ (γᵀ h): one product with the transposed matrix. Equation 4 is
the third.
"""

from __future__ import annotations

from typing import Any, TypeAlias

from ..arrays import Array, array_module
from ..backend import backend_for
from ..tensor import Number, Tensor, as_tensor, is_recorded, record, unbroadcast

__all__ = ["gdn", "gdn_backward", "gdn_forward"]

Exponent: TypeAlias = Any  # a plain number, or an array


def gdn(
    x: Tensor | Array,
    beta: Tensor | Array,
    gamma: Tensor | Array,
    alpha: Tensor | Array | Number = 2,
    epsilon: Tensor | Array | Number = 0.5,
    inverse: bool = False,
) -> Tensor:
    """y_i = x_i / (β_i + Σ_j γ_ij |x_j|^α_ij)^ε_i, or times instead of divided by; see the equations above.

    Parameters
    ----------
    x : tensor (N, C, H, W)
    beta : tensor (C,)
        Positive; the effective value (`layers.GDN` reparametrises).
    gamma : tensor (C, C)
        Not negative; γ[i, j] is what channel j adds to the measure of channel i, as in CompressAI and in the
        weight of a 1×1 convolution. TensorFlow Compression stores it transposed.
    alpha : number, or tensor of shape (), (C,) or (C, C)
        At least 1: below, the gradient has a pole at x = 0. Shape (C,) is α_j, one exponent for each input
        channel.
    epsilon : number, or tensor of shape () or (C,)
    inverse : bool
        IGDN.

    Returns
    -------
    tensor (N, C, H, W)

    Raises
    ------
    TypeError
        If dtypes differ, or an argument is no tensor or array (no number, for α and ε).
    ValueError
        If shapes do not fit.

    Notes
    -----
    At x_k = 0 the gradient of |x_k| is taken to be 0. NaN in one channel spreads to all channels of its
    pixel. (α, ε) = (2, ½) and (1, 1), given as numbers, are fast for NumPy arrays; everything else runs as
    array code. One array of the size of x is kept for the backward pass.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.array([3.0, 4.0]).reshape(1, 2, 1, 1)
    >>> gdn(x, beta=np.zeros(2), gamma=np.ones((2, 2))).data.ravel()
    array([0.6, 0.8])
    """
    x = as_tensor("gdn", "x", x)
    beta, gamma = as_tensor("gdn", "beta", beta), as_tensor("gdn", "gamma", gamma)
    shapes = _check_shapes(x, beta, gamma)
    # Plain numbers stay numbers: the fast cases are told by them.
    alpha_tensor = None if isinstance(alpha, int | float) else as_tensor("gdn", "alpha", alpha)
    epsilon_tensor = None if isinstance(epsilon, int | float) else as_tensor("gdn", "epsilon", epsilon)
    if alpha_tensor is not None:
        _check_like("alpha", alpha_tensor, x, shapes)
    if epsilon_tensor is not None:
        _check_like("epsilon", epsilon_tensor, x, shapes[:2])
    exponents = (
        alpha if alpha_tensor is None else alpha_tensor.data,
        epsilon if epsilon_tensor is None else epsilon_tensor.data,
    )
    given = (x, beta, gamma, alpha_tensor, epsilon_tensor)
    is_tensor = [tensor is not None for tensor in given]
    wanted = tuple(tensor is not None and tensor.requires_grad for tensor in given)
    parents = tuple(tensor for tensor in given if tensor is not None)
    backend = backend_for(x.data)
    inputs = (x.data, beta.data, gamma.data, *exponents, inverse)
    y, *kept = backend.gdn(*inputs, is_recorded(parents))

    def backward(gradient: Array) -> tuple[Array | None, ...]:
        gradients = backend.gdn_backward(gradient, *inputs, tuple(kept), wanted)
        return tuple(part for part, given in zip(gradients, is_tensor) if given)

    return record("gdn", y, parents, backward, fresh=True)


# --------------------------------------------------------------------------------------------------
# The reference: array code


def gdn_forward(
    x: Array,
    beta: Array,
    gamma: Array,
    alpha: Exponent,
    epsilon: Exponent,
    inverse: bool,
    keep: bool = True,
) -> tuple[Array, ...]:
    """Return y, and the measure n if it is to be kept for `gdn_backward`; both (N, C, H, W)."""
    xp = array_module(x)
    flat = _flat(x)
    magnitude = xp.abs(flat)
    if _ndim(alpha) == 2:
        # No product of matrices: each measure has powers of its own.
        measures = [
            (gamma[i][:, None] * magnitude ** alpha[i][:, None]).sum(axis=1) for i in range(x.shape[1])
        ]
        n = xp.stack(measures, axis=1) + beta[:, None]
    else:
        n = xp.matmul(gamma, magnitude ** _column(alpha)) + beta[:, None]
    y = flat * n ** _column(epsilon if inverse else -epsilon)
    return (y.reshape(x.shape), n.reshape(x.shape)) if keep else (y.reshape(x.shape),)


def gdn_backward(
    gradient: Array,
    x: Array,
    beta: Array,
    gamma: Array,
    alpha: Exponent,
    epsilon: Exponent,
    inverse: bool,
    kept: tuple[Array, ...],
    wanted: tuple[bool, ...],
) -> tuple[Array | None, ...]:
    """Return the gradients with respect to x, β, γ, α and ε: equations 2 to 6; None where not wanted."""
    xp = array_module(x)
    shape = x.shape
    g, x, n = _flat(gradient), _flat(x), _flat(kept[0])
    s = _column(epsilon if inverse else -epsilon)
    y_over_x = n**s
    h = s * g * x * (y_over_x / n)  # (1)
    magnitude = xp.abs(x)
    # 0^(α − 1) and ln 0 stand only where their factor is 0; a 1 instead keeps infinity out of that.
    positive = xp.where(magnitude == 0, xp.ones_like(magnitude), magnitude)
    dx = dbeta = dgamma = dalpha = depsilon = None
    if wanted[0]:
        if _ndim(alpha) == 2:
            through = xp.zeros_like(x)
            for i in range(shape[1]):
                exponents = alpha[i][:, None]
                through += gamma[i][:, None] * exponents * positive ** (exponents - 1) * h[:, i : i + 1]
        else:
            through = xp.matmul(gamma.T, h) * (_column(alpha) * positive ** (_column(alpha) - 1))
        dx = (g * y_over_x + xp.sign(x) * through).reshape(shape)  # (2)
    if wanted[1]:
        dbeta = h.sum(axis=(0, 2))  # (3)
    if wanted[2]:
        dgamma = _products(h, magnitude, alpha)  # (4)
    if wanted[3]:
        dalpha = unbroadcast(gamma * _products(h, magnitude, alpha, xp.log(positive)), alpha.shape)  # (5)
    if wanted[4]:
        each = (g * x * y_over_x * xp.log(n)).sum(axis=(0, 2))  # (6)
        depsilon = unbroadcast(each if inverse else -each, epsilon.shape)
    return dx, dbeta, dgamma, dalpha, depsilon


def _products(h: Array, magnitude: Array, alpha: Exponent, factor: Array | None = None) -> Array:
    """Return Σ_bp h_i |x_j|^α_ij f_j of shape (C, C), of arrays of shape (N, C, P); f is 1 if not given."""
    xp = array_module(h)
    if _ndim(alpha) < 2:
        power = magnitude ** _column(alpha)
        power = power if factor is None else power * factor
        return xp.matmul(h, power.transpose(0, 2, 1)).sum(axis=0)
    rows = []
    for i in range(h.shape[1]):
        power = magnitude ** alpha[i][:, None]
        power = power if factor is None else power * factor
        rows.append((h[:, i : i + 1] * power).sum(axis=(0, 2)))
    return xp.stack(rows)


def _flat(x: Array) -> Array:
    """Return (N, C, H, W) as (N, C, H · W), also where one of them is 0."""
    return x.reshape(*x.shape[:2], x.shape[2] * x.shape[3])


def _ndim(exponent: Exponent) -> int:
    return 0 if isinstance(exponent, int | float) else exponent.ndim


def _column(exponent: Exponent) -> Exponent:
    """Return numbers of the channels as a column, to stand beside (N, C, P); one for all as it is."""
    return exponent[:, None] if _ndim(exponent) == 1 else exponent


# --------------------------------------------------------------------------------------------------
# Checks


def _check_shapes(x: Tensor, beta: Tensor, gamma: Tensor) -> tuple[tuple[int, ...], ...]:
    """Check x, β and γ; return the shapes that an exponent may have."""
    if x.ndim != 4:
        raise ValueError(f"gdn: x has shape {x.shape}, must be (N, C, H, W)")
    channels = x.shape[1]
    _check_like("beta", beta, x, ((channels,),))
    _check_like("gamma", gamma, x, ((channels, channels),))
    return (), (channels,), (channels, channels)


def _check_like(argument: str, tensor: Tensor, x: Tensor, shapes: tuple[tuple[int, ...], ...]) -> None:
    if tensor.dtype != x.dtype:
        raise TypeError(
            f"gdn: {argument} is {tensor.dtype} of shape {tensor.shape}, x is {x.dtype} of shape {x.shape}"
        )
    if tensor.shape not in shapes:
        raise ValueError(
            f"gdn: {argument} has shape {tensor.shape}, must be {' or '.join(map(str, shapes))} "
            f"for x of shape {x.shape}"
        )
