"""Transform and quantisation of whole planes: twin of `dct` and `quantization`.

Why it is fast. A *strip* of up to 32 blocks lies side by side in a flat array of 8 rows: element ``row ·
STRIP + 8 · block + column``. A 1-D transform of all columns of a strip is then one long loop in which
neighbours do the same to neighbouring numbers, and the compiler makes vector code of it; the same loop
serves the rows after each block has been transposed. Everything is cast back to int32, because Numba would
make int64 of it. And the division by the step size is a multiplication and a shift by
numbers made beforehand, exact over the whole range (`reciprocals`).
"""

from __future__ import annotations

import numpy as np

from .. import reference
from .._types import Array, Coefficients, Samples
from ..dct import (
    FIX_0_298631336,
    FIX_0_390180644,
    FIX_0_541196100,
    FIX_0_765366865,
    FIX_0_899976223,
    FIX_1_175875602,
    FIX_1_501321110,
    FIX_1_847759065,
    FIX_1_961570560,
    FIX_2_053119869,
    FIX_2_562915447,
    FIX_3_072711026,
)
from ..jpeg_data import ceil_div
from ._jit import jit

BLOCKS = 32  # of a strip: its arrays take 8 KB each and stay in the first-level cache
STRIP = 8 * BLOCKS

i32 = np.int32
u32 = np.uint32
F0298 = i32(FIX_0_298631336)
F0390 = i32(FIX_0_390180644)
F0541 = i32(FIX_0_541196100)
F0765 = i32(FIX_0_765366865)
F0899 = i32(FIX_0_899976223)
F1175 = i32(FIX_1_175875602)
F1501 = i32(FIX_1_501321110)
F1847 = i32(FIX_1_847759065)
F1961 = i32(FIX_1_961570560)
F2053 = i32(FIX_2_053119869)
F2562 = i32(FIX_2_562915447)
F3072 = i32(FIX_3_072711026)


@jit
def transpose_blocks(source, target, blocks):
    """Transpose each 8×8 block of a strip."""
    for block in range(blocks):
        for row in range(8):
            for column in range(8):
                target[STRIP * row + 8 * block + column] = source[STRIP * column + 8 * block + row]


def over_strip(table: Array) -> Array:
    """Repeat a table of 64 entries for each block of a strip."""
    return np.tile(table.reshape(8, 8), (1, BLOCKS)).ravel()


# --------------------------------------------------------------------------------------------------
# Forward


def plane_to_coefficients(plane: Samples, table: Array, out: Coefficients, precision: int) -> None:
    """Transform and quantise the blocks of a plane; see `backend.plane_to_coefficients`."""
    if precision != 8:
        reference.plane_to_coefficients(plane, table, out, precision)
        return
    half, factor, shift = reciprocals(table)
    transform_plane(plane, over_strip(half), over_strip(factor), over_strip(shift), out)


def reciprocals(table: Array) -> tuple[Array, Array, Array]:
    """Return `half`, `factor` and `shift` with which (x + half) · factor >> shift is (x + 4Q) div 8Q.

    Notes
    -----
    For n ≤ 2^15 and a divisor d = 8Q ≤ 2^15, let s = 15 + ⌈log2 d⌉ and m = ⌊2^s / d⌋ + 1. Then m·d exceeds
    2^s by at most d, so n·m / 2^s exceeds n / d by at most n / 2^s ≤ 1 / d, too little to reach the next
    whole number but for n = d = 2^15, which is exact; and n·m ≤ 2^15 · (2^16 + 1) fits an unsigned 32-bit
    number. |8S| stays below 2^14, so larger divisors, for which the quotient is 0, may be taken as 2^15.
    """
    divisor = np.minimum(8 * table.astype(np.int64).ravel(), 1 << 15)
    shift = 15 + np.ceil(np.log2(divisor)).astype(np.int64)
    factor = (1 << shift) // divisor + 1
    return (divisor // 2).astype(np.int32), factor.astype(np.uint32), shift.astype(np.uint32)


@jit
def transform_plane(plane, half, factor, shift, out):
    """Fill ``out[row, column]`` with the quantised coefficients of the plane's blocks."""
    samples = np.zeros(8 * STRIP, np.int32)
    work = np.zeros(8 * STRIP, np.int32)
    quantized = np.zeros(8 * STRIP, np.int16)
    columns = plane.shape[1] // 8
    for row in range(plane.shape[0] // 8):
        target = out[row].reshape(-1)
        for first in range(0, columns, BLOCKS):
            blocks = min(BLOCKS, columns - first)
            for y in range(8):
                level_shift(plane[8 * row + y, 8 * first :], samples[STRIP * y :], 8 * blocks)
            transpose_blocks(samples, work, blocks)
            forward_pass(work, 11, 2, 0)
            transpose_blocks(work, samples, blocks)
            forward_pass(samples, 15, 0, 2)
            quantize(samples, half, factor, shift, quantized)
            store_blocks(quantized, target[64 * first :], blocks)


@jit
def store_blocks(quantized, target, blocks):
    """Put the blocks of a strip one after the other."""
    for block in range(blocks):
        for v in range(8):
            for u in range(8):
                target[64 * block + 8 * v + u] = quantized[STRIP * v + 8 * block + u]


@jit
def level_shift(line, samples, count):
    """A.3.1 – Level shift, for a piece of one row."""
    for x in range(count):
        samples[x] = i32(i32(line[x]) - i32(128))


@jit
def forward_pass(d, shift, up, down):
    """Twin of `dct._fdct_1d` down the columns of a strip, in place."""
    shift, up, down = i32(shift), i32(up), i32(down)
    rounding = i32(i32(1) << i32(shift - i32(1)))
    plain_rounding = i32(i32(i32(1) << down) >> i32(1))
    for i in range(STRIP):
        d0, d1, d2, d3 = d[i], d[STRIP + i], d[2 * STRIP + i], d[3 * STRIP + i]
        d4, d5, d6, d7 = d[4 * STRIP + i], d[5 * STRIP + i], d[6 * STRIP + i], d[7 * STRIP + i]
        sum0, difference0 = i32(d0 + d7), i32(d0 - d7)
        sum1, difference1 = i32(d1 + d6), i32(d1 - d6)
        sum2, difference2 = i32(d2 + d5), i32(d2 - d5)
        sum3, difference3 = i32(d3 + d4), i32(d3 - d4)

        even0, even3 = i32(sum0 + sum3), i32(sum0 - sum3)
        even1, even2 = i32(sum1 + sum2), i32(sum1 - sum2)
        d[i] = i32(i32(i32(i32(even0 + even1) << up) + plain_rounding) >> down)
        d[4 * STRIP + i] = i32(i32(i32(i32(even0 - even1) << up) + plain_rounding) >> down)
        z1 = i32(i32(i32(even2 + even3) * F0541) + rounding)
        d[2 * STRIP + i] = i32(i32(z1 + i32(even3 * F0765)) >> shift)
        d[6 * STRIP + i] = i32(i32(z1 - i32(even2 * F1847)) >> shift)

        z1 = i32(i32(difference3 + difference0) * F0899)
        z2 = i32(i32(difference2 + difference1) * F2562)
        z3 = i32(difference3 + difference1)
        z4 = i32(difference2 + difference0)
        z5 = i32(i32(i32(z3 + z4) * F1175) + rounding)
        z3 = i32(z5 - i32(z3 * F1961))
        z4 = i32(z5 - i32(z4 * F0390))
        d[7 * STRIP + i] = i32(i32(i32(i32(difference3 * F0298) - z1) + z3) >> shift)
        d[5 * STRIP + i] = i32(i32(i32(i32(difference2 * F2053) - z2) + z4) >> shift)
        d[3 * STRIP + i] = i32(i32(i32(i32(difference1 * F3072) - z2) + z3) >> shift)
        d[STRIP + i] = i32(i32(i32(i32(difference0 * F1501) - z1) + z4) >> shift)


@jit
def quantize(coefficients, half, factor, shift, quantized):
    """Twin of `quantization.quantize`, on eightfold coefficients."""
    for i in range(8 * STRIP):
        value = coefficients[i]
        sign = i32(value >> i32(31))  # 0, or −1 for a negative value
        magnitude = u32(i32(i32(i32(value ^ sign) - sign) + half[i]))
        quotient = i32(u32(u32(magnitude * factor[i]) >> shift[i]))
        quantized[i] = np.int16(i32(i32(quotient ^ sign) - sign))


# --------------------------------------------------------------------------------------------------
# Inverse


def coefficients_to_plane(
    coefficients: Coefficients, table: Array, height: int, width: int, precision: int
) -> Samples:
    """Dequantise blocks and transform them back; see `backend.coefficients_to_plane`."""
    if precision != 8:
        return reference.coefficients_to_plane(coefficients, table, height, width, precision)
    plane = np.empty((8 * ceil_div(height, 8), 8 * ceil_div(width, 8)), np.uint8)
    inverse_plane(np.ascontiguousarray(coefficients), table.astype(np.int32).ravel(), plane)
    return plane[:height, :width]


@jit
def inverse_plane(coefficients, table, plane):
    """Fill a plane, in whole blocks, with the samples of blocks of quantised coefficients."""
    values = np.zeros(8 * STRIP, np.int32)
    work = np.zeros(8 * STRIP, np.int32)
    columns = plane.shape[1] // 8
    for row in range(plane.shape[0] // 8):
        source = coefficients[row].reshape(-1)
        for first in range(0, columns, BLOCKS):
            blocks = min(BLOCKS, columns - first)
            dequantize(source[64 * first :], table, values, blocks)
            if largest_magnitude(values) < 8192:
                inverse_pass(values, 11, -32768, 32767)
            else:
                inverse_pass_of_damage(values, work, source[64 * first :], blocks)
            transpose_blocks(values, work, blocks)
            inverse_pass(work, 18, -128, 127)
            transpose_blocks(work, values, blocks)
            for y in range(8):
                level_shift_back(values[STRIP * y :], plane[8 * row + y, 8 * first :], 8 * blocks)


@jit
def dequantize(source, table, values, blocks):
    """Twin of `quantization.dequantize`; lays the blocks side by side."""
    for block in range(blocks):
        for v in range(8):
            for u in range(8):
                product = i32(i32(source[64 * block + 8 * v + u]) * table[8 * v + u])
                values[STRIP * v + 8 * block + u] = i32(np.int16(product))


@jit
def largest_magnitude(values):
    """Largest magnitude in the first row of a strip."""
    largest = i32(0)
    for i in range(STRIP):
        largest = max(largest, i32(abs(values[i])))
    return largest


@jit
def inverse_pass_of_damage(values, work, source, blocks):
    """First pass for values no sane file has, among which the short cut of `dct.idct_islow` shows."""
    work[:] = values
    inverse_pass(values, 11, -32768, 32767)
    for block in range(blocks):
        lower = np.int16(0)
        for i in range(8, 64):
            lower |= source[64 * block + i]
        if lower == 0:
            for u in range(8):
                first = i32(np.int16(i32(work[8 * block + u] << i32(2))))
                for v in range(8):
                    values[STRIP * v + 8 * block + u] = first


@jit
def inverse_pass(c, shift, low, high):
    """Twin of `dct._idct_1d` down the columns of a strip, in place, and of the clamp behind it."""
    shift, low, high = i32(shift), i32(low), i32(high)
    rounding = i32(i32(1) << i32(shift - i32(1)))
    for i in range(STRIP):
        c0, c1, c2, c3 = c[i], c[STRIP + i], c[2 * STRIP + i], c[3 * STRIP + i]
        c4, c5, c6, c7 = c[4 * STRIP + i], c[5 * STRIP + i], c[6 * STRIP + i], c[7 * STRIP + i]
        z1 = i32(i32(c2 + c6) * F0541)
        tmp2 = i32(z1 - i32(c6 * F1847))
        tmp3 = i32(z1 + i32(c2 * F0765))
        tmp0 = i32(i32(i32(np.int16(i32(c0 + c4))) << i32(13)) + rounding)
        tmp1 = i32(i32(i32(np.int16(i32(c0 - c4))) << i32(13)) + rounding)
        even0, even3 = i32(tmp0 + tmp3), i32(tmp0 - tmp3)
        even1, even2 = i32(tmp1 + tmp2), i32(tmp1 - tmp2)

        z1 = i32(i32(c7 + c1) * F0899)
        z2 = i32(i32(c5 + c3) * F2562)
        z3 = i32(np.int16(i32(c7 + c3)))
        z4 = i32(np.int16(i32(c5 + c1)))
        z5 = i32(i32(z3 + z4) * F1175)
        z3 = i32(z5 - i32(z3 * F1961))
        z4 = i32(z5 - i32(z4 * F0390))
        odd3 = i32(i32(i32(c7 * F0298) - z1) + z3)
        odd2 = i32(i32(i32(c5 * F2053) - z2) + z4)
        odd1 = i32(i32(i32(c3 * F3072) - z2) + z3)
        odd0 = i32(i32(i32(c1 * F1501) - z1) + z4)

        c[i] = min(max(i32(i32(even0 + odd0) >> shift), low), high)
        c[7 * STRIP + i] = min(max(i32(i32(even0 - odd0) >> shift), low), high)
        c[STRIP + i] = min(max(i32(i32(even1 + odd1) >> shift), low), high)
        c[6 * STRIP + i] = min(max(i32(i32(even1 - odd1) >> shift), low), high)
        c[2 * STRIP + i] = min(max(i32(i32(even2 + odd2) >> shift), low), high)
        c[5 * STRIP + i] = min(max(i32(i32(even2 - odd2) >> shift), low), high)
        c[3 * STRIP + i] = min(max(i32(i32(even3 + odd3) >> shift), low), high)
        c[4 * STRIP + i] = min(max(i32(i32(even3 - odd3) >> shift), low), high)


@jit
def level_shift_back(values, line, count):
    """The inverse of `level_shift`; the values are clamped already."""
    for x in range(count):
        line[x] = np.uint8(i32(values[x] + i32(128)))
