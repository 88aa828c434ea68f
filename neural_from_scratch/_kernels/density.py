"""The likelihoods of `entropy_models` and their gradients without the tape, in registers and first-level
cache.

Equation 1 there is a network of five tiny layers, run twice for each latent. On the tape each of its
thirty operations writes an array three times the size of the latents, and reads it again on the way back;
the work itself is nothing. Here 64 values of a channel go through all of it at once, in arrays that stay
in the first-level cache:

- all layers are written as (3, 3), the first and the last one padded with zeros: one loop for all;
- inner loops run over the 64 values, and do for all of them the same: vector instructions;
- `tanh`, 24 of them for a value, is a quotient of polynomials, which is a vector instruction too, other
  than a call of the C library's;
- going back, the layers are computed once more instead of kept: that is cheaper than writing them down;
- gradients of the parameters are added up for each of the 64 lanes apart, and the lanes in float64 at the
  end.

A channel is never cut in two: the same bits for any number of threads. Other dtypes than float32 take the
tape.

Equation 3: tanh x = x P(x²) / Q(x²), P and Q of degree 4, fitted by least squares with weights moved
towards the largest errors (after Sanathanan & Koerner 1963) on |x| ≤ 9, beyond which tanh is 1 in
float32. It is right to 2·10⁻⁸, in float32 arithmetic to 4·10⁻⁷.
"""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np

from ..entropy_models import likelihood_on_tape
from ..tensor import Tensor, record
from ._jit import jit
from ._threads import run_all

__all__ = ["likelihood"]

LANES = 64
ITEMS = 16
ONE = np.float32(1)
LAYERS = 5


def likelihood(values, matrices, biases, factors) -> Tensor:
    """Return the likelihoods of values (N, C, H, W); see `entropy_models.likelihood_on_tape`."""
    if values.dtype != np.float32 or not values.size:
        return likelihood_on_tape(values, matrices, biases, factors)
    n, channels, height, width = values.shape
    x = by_channel(values.data)
    packed = pack(matrices, biases, factors)
    result = np.empty_like(x)

    items = plan(channels)
    run_all(lambda number: forward(*items[number], x, *packed, result), len(items))
    p = np.ascontiguousarray(result.reshape(channels, n, height, width).swapaxes(0, 1))
    shapes = [[one.shape for one in group] for group in (matrices, biases, factors)]

    def go_back(gradient):
        g, dx = by_channel(gradient), np.empty_like(x)
        sums = [np.zeros(part.shape, np.float32) for part in packed]
        run_all(lambda number: backward(*items[number], g, x, *packed, dx, *sums), len(items))
        dvalues = np.ascontiguousarray(dx.reshape(channels, n, height, width).swapaxes(0, 1))
        return (dvalues, *unpack(sums, shapes))

    return record("density", p, (values, *matrices, *biases, *factors), go_back)


def plan(channels) -> list[tuple[int, int]]:
    """Return the first and last + 1 channel of each item of work.

    Examples
    --------
    >>> plan(5), len(plan(192))
    ([(0, 1), (1, 2), (2, 3), (3, 4), (4, 5)], 16)
    """
    number = min(channels, ITEMS)
    return list(pairwise(channels * i // number for i in range(number + 1)))


def by_channel(array) -> np.ndarray:
    """Return (N, C, H, W) as (C, N · H · W), contiguous."""
    return np.ascontiguousarray(array.swapaxes(0, 1)).reshape(array.shape[1], -1)


def pack(matrices, biases, factors) -> list[np.ndarray]:
    """Return H as (C, 5, 3, 3), b as (C, 5, 3) and a as (C, 4, 3), with zeros where a layer is smaller."""
    channels = matrices[0].shape[0]
    h, b = np.zeros((channels, 5, 3, 3), np.float32), np.zeros((channels, 5, 3), np.float32)
    a = np.zeros((channels, 4, 3), np.float32)
    for i in range(LAYERS):
        _, rows, columns = matrices[i].shape
        h[:, i, :rows, :columns] = matrices[i].data
        b[:, i, :rows] = biases[i].data[:, :, 0]
        if i < len(factors):
            a[:, i] = factors[i].data[:, :, 0]
    return [h, b, a]


def unpack(sums, shapes) -> list[np.ndarray]:
    """Undo `pack` for gradients: a list of all matrices', biases' and factors'."""
    h, b, a = sums
    parts = [h[:, i, : shape[1], : shape[2]] for i, shape in enumerate(shapes[0])]
    parts += [b[:, i, : shape[1], None] for i, shape in enumerate(shapes[1])]
    parts += [a[:, i, : shape[1], None] for i, shape in enumerate(shapes[2])]
    return [np.ascontiguousarray(part) for part in parts]


# --------------------------------------------------------------------------------------------------
# Kernels. All arrays are float32; `lanes` stands for 64 values.


@jit
def forward(first, stop, x, h, b, a, result):
    """Compute p of some channels."""
    for c in range(first, stop):
        forward_channel(x[c], h[c], b[c], a[c], result[c])


@jit
def backward(first, stop, gradient, x, h, b, a, dx, dh, db, da):
    """Compute the gradients of some channels."""
    for c in range(first, stop):
        backward_channel(gradient[c], x[c], h[c], b[c], a[c], dx[c], dh[c], db[c], da[c])


@jit
def forward_channel(x, h, b, a, result):
    """Compute p of all values of a channel, (P,)."""
    inputs, bent = np.zeros((5, 3, LANES), np.float32), np.empty((5, 3, LANES), np.float32)
    upper, lower = np.empty(LANES, np.float32), np.empty(LANES, np.float32)
    for start in range(0, x.size, LANES):
        count = min(LANES, x.size - start)
        load(x, start, count, np.float32(0.5), inputs[0, 0])
        logits(inputs, bent, h, b, a, upper)
        load(x, start, count, np.float32(-0.5), inputs[0, 0])
        logits(inputs, bent, h, b, a, lower)
        for k in range(count):
            s = np.float32(-1) if upper[k] + lower[k] > 0 else np.float32(1)
            result[start + k] = s * (logistic(s * upper[k]) - logistic(s * lower[k]))


@jit
def backward_channel(gradient, x, h, b, a, dx, dh, db, da):
    """Compute the gradients with respect to the values and to all parameters of a channel."""
    inputs, bent = np.zeros((2, 5, 3, LANES), np.float32), np.empty((2, 5, 3, LANES), np.float32)
    ends, slopes = np.empty((2, LANES), np.float32), np.zeros((2, LANES), np.float32)
    into, out = np.zeros((3, LANES), np.float32), np.zeros((3, LANES), np.float32)
    sums_h = np.zeros((5, 3, 3, LANES), np.float32)
    sums_b, sums_a = np.zeros((5, 3, LANES), np.float32), np.zeros((4, 3, LANES), np.float32)
    total = np.empty(LANES, np.float32)
    for start in range(0, x.size, LANES):
        count = min(LANES, x.size - start)
        for side in range(2):
            load(x, start, count, np.float32(0.5 - side), inputs[side, 0, 0])
            logits(inputs[side], bent[side], h, b, a, ends[side])
        slopes[:] = 0  # of the lanes beyond the last value too
        for k in range(count):
            s = np.float32(-1) if ends[0, k] + ends[1, k] > 0 else np.float32(1)
            u, v = logistic(s * ends[0, k]), logistic(s * ends[1, k])
            slopes[0, k] = gradient[start + k] * u * (ONE - u)
            slopes[1, k] = -gradient[start + k] * v * (ONE - v)
        total[:] = 0
        for side in range(2):
            out[0, :] = slopes[side]
            out[1:, :] = 0
            back(inputs[side], bent[side], h, a, out, into, sums_h, sums_b, sums_a)
            for k in range(LANES):
                total[k] += into[0, k]
        for k in range(count):
            dx[start + k] = total[k]
    for i in range(5):
        for r in range(3):
            db[i, r] = added(sums_b[i, r])
            if i < 4:
                da[i, r] = added(sums_a[i, r])
            for c in range(3):
                dh[i, r, c] = added(sums_h[i, r, c])


@jit
def load(x, start, count, shift, lanes):
    """Copy values into the lanes, moved by ±½; lanes that are left over stand at that shift."""
    for k in range(count):
        lanes[k] = x[start + k] + shift
    for k in range(count, LANES):
        lanes[k] = shift


@jit
def logits(inputs, bent, h, b, a, end):
    """Equation 1 for the lanes in inputs[0, 0]; keep each layer's inputs xᵏ, and tanh(hᵏ) in `bent`."""
    for i in range(4):
        for r in range(3):
            layer(h[i, r], b[i, r], inputs[i], bent[i, r])
            bend(bent[i, r], a[i, r], inputs[i + 1, r])
    layer(h[4, 0], b[4, 0], inputs[4], end)


@jit
def layer(weights, bias, x, y):
    """One row of H x + b."""
    w0, w1, w2 = weights[0], weights[1], weights[2]
    x0, x1, x2 = x[0], x[1], x[2]
    for k in range(LANES):
        y[k] = w0 * x0[k] + w1 * x1[k] + w2 * x2[k] + bias


@jit
def bend(lanes, factor, result):
    """h + a tanh(h) into `result`, and tanh(h) in the place of h: equation 3."""
    for k in range(LANES):
        x = lanes[k]
        y = min(max(x, np.float32(-9)), np.float32(9))
        z = y * y
        p = np.float32(1.335512404e-08) * z + np.float32(2.060944017e-05)
        p = (p * z + np.float32(3.495610891e-03)) * z + np.float32(1.338104513e-01)
        q = np.float32(7.776754749e-07) * z + np.float32(3.285671337e-04)
        q = (q * z + np.float32(2.587706982e-02)) * z + np.float32(4.671436074e-01)
        t = y * (p * z + ONE) / (q * z + ONE)
        lanes[k] = t
        result[k] = x + factor * t


@jit
def back(inputs, bent, h, a, out, into, sums_h, sums_b, sums_a):
    """From ∂/∂h⁴ in `out` to ∂/∂x⁰ in `into`, adding up what arrives at the parameters."""
    for step in range(5):
        i = 4 - step
        for r in range(3 if i < 4 else 1):
            d, s = out[r], sums_b[i, r]
            for k in range(LANES):
                s[k] += d[k]
            for c in range(3 if i > 0 else 1):
                s, x = sums_h[i, r, c], inputs[i, c]
                for k in range(LANES):
                    s[k] += d[k] * x[k]
        for c in range(3):
            w0, w1, w2 = h[i, 0, c], h[i, 1, c], h[i, 2, c]
            g, d0, d1, d2 = into[c], out[0], out[1], out[2]
            for k in range(LANES):
                g[k] = w0 * d0[k] + w1 * d1[k] + w2 * d2[k]
        if i > 0:
            for r in range(3):
                unbend(into[r], bent[i - 1, r], a[i - 1, r], out[r], sums_a[i - 1, r])


@jit
def unbend(gradient, t, factor, result, total):
    """From ∂/∂xᵏ⁺¹ to ∂/∂hᵏ, with the slope 1 + a (1 − tanh²)."""
    for k in range(LANES):
        g = gradient[k]
        total[k] += g * t[k]
        result[k] = g * (ONE + factor * (ONE - t[k] * t[k]))


@jit
def logistic(x):
    """σ(x) = 1 / (1 + e⁻ˣ); 0 where e⁻ˣ is infinite."""
    return ONE / (ONE + math.exp(-x))


@jit
def added(lanes):
    """The sum of the lanes, in float64."""
    total = 0.0
    for k in range(LANES):
        total += lanes[k]
    return np.float32(total)
