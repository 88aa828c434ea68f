"""Transform and quantisation of whole planes: twin of `dct` and `quantization`. The inverse: `inverse_dct`.

Why it is fast. A *strip* of up to 32 blocks is worked on at a time, small enough for the first-level cache.

A forward transform of rows or columns is exact up to its last rounding, so it is a product of matrices
(`matrices`). The famous algorithm saves products, at the price of 32-bit intermediate results and of two
transpositions; a vector unit multiplies pairs of 16-bit numbers eight at a time and adds them up, and
`_bits.transform_block` transposes nothing. Division by the step size is multiplication by numbers made
beforehand, exact over the whole range (`reciprocals`), of whose products only the upper 16 bits are kept.
Measured on 1792×1200, milliseconds for one plane: 2.3 → 0.85. The transform with its transpositions took
0.9 and takes 0.45 to 0.55 (1.03 with two separate products a block and shifts by 11 and 15 bits, 0.72
without the sums and differences before the second); quantisation and storing took 0.8 and take 0.25. Tried,
and lost: the famous algorithm on int16 with the shifts as arguments (the compiler widens to 64 bits, 0.4 a
pass instead of 0.2); quantising in loops of 8 by 8 (not made vector code, 1.9); a shift by s − 16 in place
of the second product (widened to 64 bits, 0.1 more).
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from .. import reference
from .._types import Array, Coefficients, Samples
from ..dct import CONST_BITS, _fdct_1d
from ._bits import transform_block
from ._jit import jit

BLOCKS = 32  # of a strip: its arrays take 4 KB each and stay in the first-level cache
STRIP = 8 * BLOCKS

i16 = np.int16
u16 = np.uint16
u32 = np.uint32


def plane_to_coefficients(plane: Samples, table: Array, out: Coefficients, precision: int) -> None:
    """Transform and quantise the blocks of a plane; see `backend.plane_to_coefficients`."""
    if precision != 8:
        reference.plane_to_coefficients(plane, table, out, precision)
        return
    transform_plane(plane, FROM_RIGHT, FROM_LEFT, *divisors(tuple(table.ravel().tolist())), out)


@lru_cache(maxsize=16)
def divisors(steps: tuple[int, ...]) -> tuple[Array, Array, Array]:
    """Return what `quantize` takes in place of 64 step sizes: for each coefficient of a strip.

    They are kept for the next picture: nobody writes into them.
    """
    half, factor, shift = reciprocals(np.array(steps))
    scale = 1 << (32 - shift.astype(np.int64))
    return (
        np.tile(half.astype(np.int16), BLOCKS),
        np.tile(factor.astype(np.uint16), BLOCKS),
        np.tile(scale.astype(np.uint16), BLOCKS),
    )


def matrices() -> tuple[Array, Array]:
    """Return the forward 1-D transform as the matrices that `transform_block` takes.

    Every 1-D transform of `dct.fdct_islow` is exact in whole numbers up to its last rounding, so it is a
    matrix: what it makes of unit vectors, A times 2^13. On the left it has another factor of 2 for the shift
    by 16 bits instead of 15; for the pass of the rows, by 11 bits, the samples bring a factor of 2^5.
    """
    matrix = _fdct_1d(np.eye(8, dtype=np.int64), np.int64(1 << CONST_BITS), 0, 0).T.astype(np.int16)
    return matrix.reshape(8, 4, 2).swapaxes(0, 1).ravel(), 2 * matrix.ravel()


FROM_RIGHT, FROM_LEFT = matrices()


def reciprocals(table: Array) -> tuple[Array, Array, Array]:
    """Return `half`, `factor` and `shift` with which (x + half) · factor >> shift is (x + 4Q) div 8Q.

    Notes
    -----
    For n ≤ 2^15 and a divisor d = 8Q ≤ 2^15, let s = 15 + ⌈log2 d⌉ and m = ⌊2^s / d⌋ + 1. Then m·d exceeds
    2^s by at most d, so n·m / 2^s exceeds n / d by at most n / 2^s ≤ 1 / d, too little to reach the next
    whole number but for n = d = 2^15, which is exact. n and m fit 16 bits without a sign, and 18 ≤ s ≤ 30, so
    the product's upper 16 bits suffice. |8S| stays below 2^14, so larger divisors, for which the quotient is
    0, may be taken as 2^15.
    """
    divisor = np.minimum(8 * table.astype(np.int64).ravel(), 1 << 15)
    shift = 15 + np.ceil(np.log2(divisor)).astype(np.int64)
    factor = (1 << shift) // divisor + 1
    return (divisor // 2).astype(np.int32), factor.astype(np.uint32), shift.astype(np.uint32)


@jit
def transform_plane(plane, right, left, half, factor, scale, out):
    """Fill ``out[row, column]`` with the quantised coefficients of the plane's blocks."""
    samples = np.zeros(8 * STRIP, np.int16)
    columns = plane.shape[1] // 8
    for row in range(plane.shape[0] // 8):
        target = out[row].reshape(-1)
        for first in range(0, columns, BLOCKS):
            blocks = min(BLOCKS, columns - first)
            for y in range(8):
                level_shift(plane[8 * row + y, 8 * first :], samples[STRIP * y :], 8 * blocks)
            for block in range(blocks):
                place = 64 * (first + block)
                transform_block(samples, 8 * block, STRIP, right, left, target, place)
            quantize(target[64 * first :], 64 * blocks, half, factor, scale)


@jit
def level_shift(line, samples, count):
    """A.3.1 – Level shift, for a piece of one row; times 2^5, see `matrices`."""
    for x in range(count):
        samples[x] = i16(i16(i16(line[x]) - i16(128)) << i16(5))


@jit
def quantize(coefficients, count, half, factor, scale):
    """Twin of `quantization.quantize`, on eightfold coefficients, in place.

    The shift by s of `reciprocals` is one by 16 bits, a product with 2^(32 − s), and another by 16 bits.
    """
    for i in range(count):
        value = coefficients[i]
        sign = i16(value >> i16(15))  # 0, or −1 for a negative value
        magnitude = u16(i16(i16(i16(value ^ sign) - sign) + half[i]))
        high = u16(u32(u32(magnitude) * u32(factor[i])) >> u32(16))
        quotient = i16(u16(u32(u32(high) * u32(scale[i])) >> u32(16)))
        coefficients[i] = i16(i16(quotient ^ sign) - sign)
