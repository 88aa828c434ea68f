"""What to expect of the latents, computed in whole numbers: the same on every machine, to the last bit.

A decoder that reads y with tables chosen by σ must choose the tables that the encoder chose. One latent with
another table, and everything behind it is noise. But σ comes out of a network, h_s, and floating-point sums
depend on their order: on the processor, the library, the number of threads. Files of the field's own
libraries do not always decode on another computer than the one that wrote them, for just this reason. Here
h_s runs in integers (J. Ballé, N. Johnston, D. Minnen, "Integer networks for data compression with
latent-variable models", ICLR 2019), made of the trained weights, without training anew.

**Numbers.** A value v is the integer v · 2¹⁰, rounded: ten bits after the point. A weight w of layer l is w ·
2^g, rounded (halves to the even one), with the largest g, from 0 to 15, that keeps all of the layer's weights
within ±2¹⁵. Weights are kept as float16, which are integers times a power of two, so that this rounding is
the same everywhere.

    a_l = act(clip((W_l a_(l−1) + b_l + 2^(g−1)) >> g))          b_l has 10 + g bits after the point     (1)

`>>` rounds down, clip is to ±2²⁴, that is ±16384. ReLU is max(a, 0); LeakyReLU is a where a ≥ 0, else
(41 a + 2¹¹) >> 12, a slope of 0.01001. What goes in, a_0, is z: its whole numbers, and the medians rounded.

**One kind of layer.** A 3×3 convolution makes each place of the 3×3 around it. So does the transposed 5×5 one
with stride 2: row i of what goes in meets the rows 2i − 2 … 2i + 2 of what comes out, so that row 2i is made
of i − 1, i and i + 1, and row 2i + 1 of i and i + 1. Both are one matrix with 9 C columns for C channels; the
transposed one has four rows for each channel that comes out, one for each place of a 2×2 square, with zeros
where a place is not met.

**No sum overflows.** |a| ≤ 2²⁴ and |W| ≤ 2¹⁵, and a sum has at most 2¹³ products (checked: that is 910
channels): together at most 2⁵². A bias of float16 is at most 65504, that is below 2⁴¹ with up to 25 bits
after the point, and the half that rounds is at most 2¹⁴. So every partial sum is below 2⁵³.

**Whole numbers in float64.** Below 2⁵³ every sum and every product of whole numbers is exact in a float64,
and exact sums do not depend on their order. So products of matrices may be done by any BLAS, with any number
of threads, with or without fused multiplication, in wider registers, with subnormals flushed to zero: the
result is *the* integer. (Only what adds before it multiplies, as Strassen's method does, has larger numbers
on the way, and no BLAS does that unasked.) The tests hold it against arithmetic in Python's own integers.

**What it costs.** Values are off by a thousandth or two, and one σ in some hundreds is on the other side of
an edge, where both tables are as good; ``benchmarks/integer_cost.py`` counts the bits.

**From values to tables.** The edges between the 64 levels (`gaussian_model`) are integers too, kept with
the weights. A latent's table is the number of edges that its σ is above. Its mean, μ · 2¹⁰, is put back by
the decoder in float32, after the entropy decoder is done.

**Finer and coarser.** A file may be coded with a *step* other than 1, in 64ths: k = round((y − μ) · 64 /
step). Then σ is larger by 64 / step, in steps of the coder, and what is compared is 64 σ with step · edge:
for whole σ the same as σ with ⌊step · edge / 64⌋.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from .gaussian_model import scale_levels
from .layers import Conv2d, ConvTranspose2d, Layer, LeakyReLU, ReLU
from .models.hyperprior import FURTHER, Hyperprior

__all__ = ["ONE_STEP", "POINT", "Expected", "IntegerHyperDecoder", "scale_edges"]

POINT = 10  # bits after the point
LIMIT = 1 << 24  # of values
WEIGHT_BITS = 15
MOST_PRODUCTS = 1 << 13  # in a sum
TAPS = 9  # of the 3×3 around a place
SLOPE, SLOPE_BITS = 41, 12  # of LeakyReLU
ONE_STEP = 64  # the step of 1, in 64ths
BLOCK = (32, 64)  # places that are computed at once: columns of 21 MB for 144 channels

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
        """Return the number of the table for each latent, (M, h, w).

        Parameters
        ----------
        edges : ndarray of int32, shape (T − 1,)
            Between the tables, rising.
        step : int
            In 64ths, at most 2¹⁰.
        """
        thresholds = edges.astype(np.int64) * step // ONE_STEP
        indexes = np.empty(self.scales.shape, np.int32)
        for channel, scales in zip(indexes, self.scales):  # what is found has 64 bits: never all at once
            channel[:] = np.searchsorted(thresholds, scales, side="left")
        return indexes

    @cached_property
    def float_means(self) -> NDArray[np.float32]:
        """μ in float32, exactly; 0 without means."""
        if self.means is None:
            return np.zeros((), np.float32)
        return np.ldexp(self.means.astype(np.float32), -POINT)


@dataclass(frozen=True, eq=False)
class _Layer:
    """One layer in integers: equation 1."""

    matrix: Whole  # (outputs · places, 9 · inputs); columns by taps, then channels
    bias: Whole  # (outputs · places, 1), with the half that rounds
    shift: int  # g
    places: int  # 1, or 4 where both sides are doubled
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
        If a weight is not one of float16, not finite or above 2¹⁵, a layer too wide, or of another kind:
        equation 1 would not be exact.
    """

    def __init__(self, model: Hyperprior) -> None:
        self._latents, self._has_means = model.latents, model.has_means
        self._medians = _whole(np.asarray(model.entropy_bottleneck.medians), POINT)
        layers = [*model.h_s]
        self._layers = [
            _layer_of(layer, after)
            for layer, after in zip(layers, [*layers[1:], None])
            if not isinstance(layer, ReLU | LeakyReLU)
        ]

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
        values = np.clip(symbols * 2.0**POINT + self._medians, -LIMIT, LIMIT).astype(np.int32)
        for layer in self._layers:
            values = _run(layer, values)
        told = values[:, :rows, :columns]
        if not self._has_means:
            return Expected(told, None)
        return Expected(told[: self._latents], told[self._latents :])


def _layer_of(layer: Layer, after: Layer | None) -> _Layer:
    """Make a layer's weights integers, and check that equation 1 is exact."""
    kind = type(layer), getattr(layer, "kernel", None), getattr(layer, "stride", None)
    if kind not in ((Conv2d, (3, 3), (1, 1)), (ConvTranspose2d, (5, 5), (2, 2))):
        raise ValueError(f"h_s has a layer that integers are not made for: {layer.describe()}")
    assert isinstance(layer, Conv2d)
    assert layer.bias is not None
    if layer.inputs * TAPS > MOST_PRODUCTS:
        raise ValueError(
            f"a layer of h_s has sums of {layer.inputs * TAPS} products, {MOST_PRODUCTS} are allowed"
        )
    weight = np.asarray(layer.weight.data)
    largest = float(np.abs(weight).max())
    if not 0 <= largest <= 2**WEIGHT_BITS:
        raise ValueError(f"a weight of h_s is {largest}, must be {2**WEIGHT_BITS} at most")
    shift = WEIGHT_BITS
    while largest * 2**shift > 2**WEIGHT_BITS:
        shift -= 1
    matrix = (_spread if isinstance(layer, ConvTranspose2d) else _in_columns)(_whole(weight, shift))
    places = len(matrix) // layer.outputs
    bias = _whole(np.asarray(layer.bias.data), POINT + shift) + (2.0 ** (shift - 1) if shift else 0.0)
    slope = 0 if isinstance(after, ReLU) else SLOPE if isinstance(after, LeakyReLU) else None
    return _Layer(matrix, np.repeat(bias, places)[:, np.newaxis], shift, places, slope)


def _whole(values: NDArray[np.floating], bits: int) -> Whole:
    """Return numbers of float16 times 2^bits, rounded to whole ones: exact but for the rounding."""
    with np.errstate(over="ignore"):
        kept = values.astype(np.float16)
    if not (np.isfinite(kept).all() and (kept == values).all()):
        raise ValueError("the weights of h_s must be finite numbers of float16")
    return np.rint(np.ldexp(kept.astype(np.float64), bits))


def _in_columns(weight: Whole) -> Whole:
    """A 3×3 convolution as a matrix: (O, C, 3, 3) → (O, 9 C)."""
    return np.ascontiguousarray(weight.transpose(0, 2, 3, 1)).reshape(len(weight), -1)


def _spread(weight: Whole) -> Whole:
    """A transposed 5×5 convolution with stride 2 as a matrix: (C, O, 5, 5) → (4 O, 9 C).

    Row i + d of what goes in, d = −1, 0, 1, meets row 2i + p of what comes out with weights [p + 2 − 2d].
    """
    inputs, outputs = weight.shape[:2]
    matrix = np.zeros((outputs, 2, 2, 3, 3, inputs))
    for p, q in np.ndindex(2, 2):
        for d, e in np.ndindex(3, 3):
            row, column = p + 4 - 2 * d, q + 4 - 2 * e
            if row < 5 and column < 5:
                matrix[:, p, q, d, e] = weight[:, :, row, column].T
    return matrix.reshape(4 * outputs, TAPS * inputs)


def _run(layer: _Layer, values: NDArray[np.int32]) -> NDArray[np.int32]:
    """Equation 1, block by block: (C, h, w) → (O, h, w), or (O, 2h, 2w)."""
    channels, rows, columns = values.shape
    side = 2 if layer.places == 4 else 1
    outputs = len(layer.matrix) // layer.places
    made = np.empty((outputs, rows, side, columns, side), np.int32)
    padded = np.pad(values, ((0, 0), (1, 1), (1, 1)))
    for top in range(0, rows, BLOCK[0]):
        for left in range(0, columns, BLOCK[1]):
            height, width = min(BLOCK[0], rows - top), min(BLOCK[1], columns - left)
            around = np.empty((TAPS, channels, height, width))
            for tap, (i, j) in zip(around, np.ndindex(3, 3)):
                tap[:] = padded[:, top + i : top + i + height, left + j : left + j + width]
            sums = layer.matrix @ around.reshape(TAPS * channels, -1)
            _finish(layer, sums)
            block = sums.reshape(outputs, side, side, height, width).transpose(0, 3, 1, 4, 2)
            made[:, top : top + height, :, left : left + width] = block
    return made.reshape(outputs, side * rows, side * columns)


def _finish(layer: _Layer, sums: Whole) -> None:
    """From W a to act(clip((W a + b) >> g)), in place."""
    sums += layer.bias
    sums *= 2.0**-layer.shift
    np.floor(sums, out=sums)
    np.clip(sums, -LIMIT, LIMIT, out=sums)
    if layer.slope == 0:
        np.maximum(sums, 0, out=sums)
    elif layer.slope is not None:
        below = sums * layer.slope
        below += 2.0 ** (SLOPE_BITS - 1)
        below *= 2.0**-SLOPE_BITS
        np.maximum(sums, np.floor(below, out=below), out=sums)  # the slope is below 1
