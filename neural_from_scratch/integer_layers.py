"""Layers in whole numbers: the sums of equation 1 (`integer_hyperprior`), done by products of matrices.

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
on the way, and no BLAS does that unasked. The fast twin, `_kernels/whole_layers`, does, with a proof of its
own.) The tests hold both against arithmetic in Python's own integers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from .layers import Conv2d, ConvTranspose2d, Layer, LeakyReLU, ReLU

__all__ = ["LIMIT", "POINT", "Whole", "WholeLayer", "run_layer", "whole", "whole_layer"]

POINT = 10  # bits after the point
LIMIT = 1 << 24  # of values
WEIGHT_BITS = 15
MOST_PRODUCTS = 1 << 13  # in a sum
TAPS = 9  # of the 3×3 around a place
SLOPE, SLOPE_BITS = 41, 12  # of LeakyReLU
BLOCK = (32, 64)  # places that are computed at once: columns of 21 MB for 144 channels

Whole: TypeAlias = NDArray[np.float64]
"""Whole numbers below 2⁵³, kept as float64."""


@dataclass(frozen=True, eq=False)
class WholeLayer:
    """One layer in integers: equation 1.

    Attributes
    ----------
    matrix : ndarray of float64, shape (O · side², 9 C)
        W; rows by channels, then places of a square; columns by taps, then channels.
    bias : ndarray of float64, shape (O, 1)
        b, with the half that rounds.
    shift : int
        g.
    side : int
        1, or 2 where both sides are doubled.
    slope : int or None
        Of the activation below 0, in 4096ths; None: there is none.
    """

    matrix: Whole
    bias: Whole
    shift: int
    side: int
    slope: int | None


def whole_layer(layer: Layer, after: Layer | None) -> WholeLayer:
    """Make a layer's weights integers, and check that equation 1 is exact.

    Raises
    ------
    ValueError
        If a weight is not one of float16, not finite or above 2¹⁵, the layer too wide, or of another kind.
    """
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
    matrix = (_spread if isinstance(layer, ConvTranspose2d) else _in_columns)(whole(weight, shift))
    bias = whole(np.asarray(layer.bias.data), POINT + shift) + (2.0 ** (shift - 1) if shift else 0.0)
    slope = 0 if isinstance(after, ReLU) else SLOPE if isinstance(after, LeakyReLU) else None
    side = 2 if isinstance(layer, ConvTranspose2d) else 1
    return WholeLayer(matrix, bias[:, np.newaxis], shift, side, slope)


def whole(values: NDArray[np.floating], bits: int) -> Whole:
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


def run_layer(layer: WholeLayer, values: NDArray[np.int32]) -> NDArray[np.int32]:
    """Equation 1, block by block: (C, h, w) → (O, side · h, side · w)."""
    channels, rows, columns = values.shape
    side, outputs = layer.side, len(layer.bias)
    made = np.empty((outputs, rows, side, columns, side), np.int32)
    padded = np.pad(values, ((0, 0), (1, 1), (1, 1)))
    for top in range(0, rows, BLOCK[0]):
        for left in range(0, columns, BLOCK[1]):
            height, width = min(BLOCK[0], rows - top), min(BLOCK[1], columns - left)
            around = np.empty((TAPS, channels, height, width))
            for tap, (i, j) in zip(around, np.ndindex(3, 3)):
                tap[:] = padded[:, top + i : top + i + height, left + j : left + j + width]
            sums = (layer.matrix @ around.reshape(TAPS * channels, -1)).reshape(outputs, side * side, -1)
            _finish(sums, layer)
            block = sums.reshape(outputs, side, side, height, width).transpose(0, 3, 1, 4, 2)
            made[:, top : top + height, :, left : left + width] = block
    return made.reshape(outputs, side * rows, side * columns)


def _finish(sums: Whole, layer: WholeLayer) -> None:
    """From W a to act(clip((W a + b) >> g)), in place."""
    sums += layer.bias[:, np.newaxis]
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
