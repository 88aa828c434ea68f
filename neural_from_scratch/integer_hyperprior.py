"""What to expect of the latents, computed in whole numbers: the same on every machine, to the last bit.

A decoder that reads y with tables chosen by σ must choose the tables that the encoder chose. One latent with
another table, and everything behind it is noise. But σ comes out of a network, h_s, and floating-point sums
depend on their order: on the processor, the library, the number of threads. Files of the field's own
libraries do not always decode on another computer than the one that wrote them, for just this reason. Here
h_s runs in integers (J. Ballé, N. Johnston, D. Minnen, "Integer networks for data compression with
latent-variable models", ICLR 2019), made of the trained weights, without training anew.

**Numbers.** A value v is the integer v · 2¹⁰, rounded: ten bits after the point. A weight w of layer l is w ·
2^g, rounded, with the largest g, at most 15, that keeps all of the layer's weights within ±2¹⁵. Weights are
kept as float16, which are integers times a power of two, so that this rounding is the same everywhere.

    a_l = clip(act((W_l a_(l−1) + b_l + 2^(g−1)) >> g))          b_l has 10 + g bits after the point     (1)

`>>` rounds down, clip is to ±2²⁴, that is ±16384. ReLU is max(a, 0); LeakyReLU is a where a ≥ 0, else
(41 a + 2¹¹) >> 12, a slope of 0.01001.

**No sum overflows.** |a| ≤ 2²⁴ and |W| ≤ 2¹⁵, and a sum has at most 2¹³ products (checked: a 3×3
convolution of up to 910 channels, a transposed 5×5 one, of whose taps at most 9 meet, likewise): at most 2⁵²
together, and with a bias below 2⁵² (checked) every partial sum is below 2⁵³.

**Whole numbers in float64.** Below 2⁵³ every sum and every product of whole numbers is exact in a float64,
and exact sums do not depend on their order. So products of matrices may be done by any BLAS, with any number
of threads, with or without fused multiplication: the result is *the* integer. The tests hold it against
arithmetic in Python's own integers.

**From values to tables.** The edges between the 64 levels (`gaussian_model`) are integers too, kept with
the weights. A latent's table is the number of edges that its σ is above. Its mean, μ · 2¹⁰, is put back by
the decoder in float32, after the entropy decoder is done.

**Finer and coarser.** A file may be coded with a *step* other than 1, in 64ths: k = round((y − μ) · 64 /
step). Then σ is larger by 64 / step, in steps of the coder, and what is compared is 64 σ with step · edge.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from .gaussian_model import scale_levels
from .layers import Conv2d, ConvTranspose2d, LeakyReLU, ReLU
from .models.hyperprior import FURTHER, Hyperprior

__all__ = ["ONE_STEP", "POINT", "Expected", "IntegerHyperDecoder", "scale_edges"]

POINT = 10  # bits after the point
LIMIT = 1 << 24  # of values
WEIGHT_BITS = 15
MOST_PRODUCTS = 1 << 13  # in a sum
MOST_BIAS = 1 << 52
SLOPE, SLOPE_BITS = 41, 12  # of LeakyReLU
ONE_STEP = 64  # the step of 1, in 64ths

Whole: TypeAlias = NDArray[np.float64]
"""Whole numbers below 2⁵³, kept as float64."""


def scale_edges() -> NDArray[np.int32]:
    """Return the 63 edges between the levels, as integers with `POINT` bits after the point.

    An edge is the geometric mean of its neighbours, rounded down: σ above it belongs to the upper one.

    Examples
    --------
    >>> scale_edges()[[0, 1, 62]]
    array([   119,    135, 246501], dtype=int32)
    """
    levels = scale_levels()
    return np.floor(np.sqrt(levels[1:] * levels[:-1]) * 2**POINT).astype(np.int32)


@dataclass(frozen=True, eq=False)
class Expected:
    """What to expect of latents, in integers.

    Attributes
    ----------
    scales : ndarray of int32, shape (M, h, w)
        σ · 2¹⁰; below 0 for "as narrow as can be".
    means : ndarray of int32, shape (M, h, w), or None
        μ · 2¹⁰.
    """

    scales: NDArray[np.int32]
    means: NDArray[np.int32] | None

    def indexes(self, edges: NDArray[np.int32], step: int = ONE_STEP) -> NDArray[np.int32]:
        """Return the number of the table for each latent, (M, h, w)."""
        scales = self.scales.astype(np.int64) * ONE_STEP
        return np.searchsorted(edges.astype(np.int64) * step, scales, side="left").astype(np.int32)

    @cached_property
    def float_means(self) -> NDArray[np.float32]:
        """μ in float32, exactly; 0 without means."""
        if self.means is None:
            return np.zeros((), np.float32)
        return np.ldexp(self.means.astype(np.float32), -POINT)


@dataclass(frozen=True, eq=False)
class _Layer:
    """One layer in integers: equation 1."""

    weight: Whole
    bias: Whole  # (outputs, 1, 1), with the half that rounds
    shift: int  # g
    is_transposed: bool
    slope: int | None  # of the activation in 4096ths; None: there is none


class IntegerHyperDecoder:
    """h_s of a hyperprior in integers.

    Parameters
    ----------
    model : Hyperprior
        Of NumPy, with weights as they are kept: numbers that float16 has.

    Raises
    ------
    ValueError
        If a weight is not finite or not one of float16, a layer too wide, or a bias too large: equation 1
        would not be exact.
    """

    def __init__(self, model: Hyperprior) -> None:
        self._latents, self._has_means = model.latents, model.has_means
        self._medians = _whole(np.asarray(model.entropy_bottleneck.medians), POINT)
        self._layers = []
        layers = [*model.h_s]
        for i, layer in enumerate(layers):
            if isinstance(layer, Conv2d):
                after = layers[i + 1] if i + 1 < len(layers) else None
                self._layers.append(_layer_of(layer, after))

    def expected(self, symbols: NDArray[np.int32], rows: int, columns: int) -> Expected:
        """Return what to expect of y, (M, rows, columns), if the side information has these symbols.

        Parameters
        ----------
        symbols : ndarray of int32, shape (N, ⌈rows/4⌉, ⌈columns/4⌉)
            z less its medians, any numbers.

        Raises
        ------
        ValueError
            For another shape.
        """
        shape = (len(self._medians), -(-rows // FURTHER), -(-columns // FURTHER))
        if symbols.shape != shape:
            raise ValueError(f"symbols have shape {symbols.shape}, must be {shape}")
        values = np.clip(symbols * 2.0**POINT + self._medians, -LIMIT, LIMIT)
        for layer in self._layers:
            values = _run(layer, values)
        told = values[:, :rows, :columns].astype(np.int32)
        if not self._has_means:
            return Expected(told, None)
        return Expected(told[: self._latents], told[self._latents :])


def _layer_of(layer: Conv2d, after: object) -> _Layer:
    """Make a layer's weights integers, and check that equation 1 is exact."""
    weight = np.asarray(layer.weight.data)
    is_transposed = isinstance(layer, ConvTranspose2d)
    taps = 9 if is_transposed else weight.shape[2] * weight.shape[3]
    inputs = weight.shape[0] if is_transposed else weight.shape[1]
    if inputs * taps > MOST_PRODUCTS:
        raise ValueError(f"a layer of h_s has sums of {inputs * taps} products, {MOST_PRODUCTS} are allowed")
    largest = float(np.abs(weight).max())
    if not 0 <= largest <= 2**WEIGHT_BITS:
        raise ValueError(f"a weight of h_s is {largest}, must be {2**WEIGHT_BITS} at most")
    shift = WEIGHT_BITS
    while largest * 2**shift > 2**WEIGHT_BITS:
        shift -= 1
    assert layer.bias is not None
    bias = _whole(np.asarray(layer.bias.data)[:, np.newaxis, np.newaxis], POINT + shift)
    if not (np.abs(bias) < MOST_BIAS).all():
        raise ValueError("a bias of h_s is too large")
    half = 2.0 ** (shift - 1) if shift else 0.0
    slope = 0 if isinstance(after, ReLU) else SLOPE if isinstance(after, LeakyReLU) else None
    return _Layer(_whole(weight, shift), bias + half, shift, is_transposed, slope)


def _whole(values: NDArray[np.floating], bits: int) -> Whole:
    """Return numbers of float16 times 2^bits, rounded to whole ones: exact but for the rounding."""
    kept = values.astype(np.float16)
    if not (np.isfinite(kept).all() and (kept == values).all()):
        raise ValueError("the weights of h_s must be finite numbers of float16")
    return np.rint(np.ldexp(kept.astype(np.float64), bits))


def _run(layer: _Layer, values: Whole) -> Whole:
    """Equation 1."""
    sums = _transposed(values, layer.weight) if layer.is_transposed else _convolved(values, layer.weight)
    sums += layer.bias
    made = np.floor(np.ldexp(sums, -layer.shift))
    if layer.slope is not None:
        below = np.clip(made, -LIMIT, 0) * layer.slope + 2.0 ** (SLOPE_BITS - 1)
        made = np.where(made < 0, np.floor(np.ldexp(below, -SLOPE_BITS)), made)
    return np.clip(made, -LIMIT, LIMIT)


def _convolved(x: Whole, weight: Whole) -> Whole:
    """3×3 with padding 1, a tap at a time: (C, h, w), (O, C, 3, 3) → (O, h, w)."""
    channels, rows, columns = x.shape
    padded = np.pad(x, ((0, 0), (1, 1), (1, 1)))
    sums = np.zeros((len(weight), rows * columns))
    for i in range(3):
        for j in range(3):
            part = padded[:, i : i + rows, j : j + columns].reshape(channels, -1)
            sums += weight[:, :, i, j] @ part
    return sums.reshape(len(weight), rows, columns)


def _transposed(x: Whole, weight: Whole) -> Whole:
    """5×5 with stride 2, padding 2 and one more row and column: (C, h, w), (C, O, 5, 5) → (O, 2h, 2w)."""
    channels, rows, columns = x.shape
    flat = x.reshape(channels, -1)
    sums = np.zeros((weight.shape[1], 2 * rows + 4, 2 * columns + 4))
    for i in range(5):
        for j in range(5):
            part = weight[:, :, i, j].T @ flat
            sums[:, i : i + 2 * rows : 2, j : j + 2 * columns : 2] += part.reshape(-1, rows, columns)
    return sums[:, 2:-2, 2:-2]
