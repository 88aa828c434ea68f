"""Transform and quantisation of whole planes: twin of `dct` and `quantization`.

Both passes of the transform work on eight columns at once, which a compiler turns into vector code by itself;
between them the block is transposed. The division by the step size is a multiplication and a shift by numbers
made beforehand, exact over the whole range (`reciprocals`).
"""

from __future__ import annotations

import numpy as np

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

F0298 = np.int32(FIX_0_298631336)
F0390 = np.int32(FIX_0_390180644)
F0541 = np.int32(FIX_0_541196100)
F0765 = np.int32(FIX_0_765366865)
F0899 = np.int32(FIX_0_899976223)
F1175 = np.int32(FIX_1_175875602)
F1501 = np.int32(FIX_1_501321110)
F1847 = np.int32(FIX_1_847759065)
F1961 = np.int32(FIX_1_961570560)
F2053 = np.int32(FIX_2_053119869)
F2562 = np.int32(FIX_2_562915447)
F3072 = np.int32(FIX_3_072711026)


# --------------------------------------------------------------------------------------------------
# Forward


def plane_to_coefficients(plane: Samples, table: Array, out: Coefficients) -> None:
    """Transform and quantise the blocks of a plane; see `backend.plane_to_coefficients`."""
    transform_plane(plane, *reciprocals(table), out)


def reciprocals(table: Array) -> tuple[Array, Array, Array]:
    """Return `half`, `factor` and `shift` with which (x + half) · factor >> shift is (x + 4Q) div 8Q.

    Notes
    -----
    For n < 2^15 and a divisor d = 8Q ≤ 2^15, let s = 15 + ⌈log2 d⌉ and m = ⌊2^s / d⌋ + 1. Then m·d exceeds 2^s by
    at most d, so n·m / 2^s exceeds n / d by at most n / 2^s < 1 / d, too little to reach the next whole number;
    and n·m < 2^15 · (2^16 + 1) fits an unsigned 32-bit number. |8S| stays below 2^14, so larger divisors, for
    which the quotient is 0, may be taken as 2^15.
    """
    divisor = np.minimum(8 * table.astype(np.int64).ravel(), 1 << 15)
    shift = 15 + np.ceil(np.log2(divisor)).astype(np.int64)
    factor = (1 << shift) // divisor + 1
    return (divisor // 2).astype(np.int32), factor.astype(np.uint32), shift.astype(np.uint32)


@jit
def transform_plane(plane, half, factor, shift, out):
    """Fill ``out[row, column, 8, 8]`` with the quantised coefficients of the plane's blocks."""
    work = np.empty((8, 8), np.int32)
    turned = np.empty((8, 8), np.int32)
    for row in range(plane.shape[0] // 8):
        for column in range(plane.shape[1] // 8):
            # Transposed on loading, so that the rows of samples stand in columns.
            for y in range(8):
                for x in range(8):
                    turned[x, y] = np.int32(plane[8 * row + y, 8 * column + x]) - np.int32(128)
            forward_pass(turned, work, 11, 2, 0)
            for y in range(8):
                for x in range(8):
                    turned[y, x] = work[x, y]
            forward_pass(turned, work, 15, 0, 2)
            block = out[row, column].ravel()
            coefficients = work.ravel()
            for i in range(64):
                value = coefficients[i]
                magnitude = np.uint32(abs(value) + half[i])
                quotient = np.int32(np.uint32(np.uint32(magnitude * factor[i]) >> shift[i]))
                block[i] = -quotient if value < 0 else quotient


@jit
def forward_pass(d, out, shift, up, down):
    """Twin of `dct._fdct_1d` down the columns of an (8, 8) block."""
    rounding = np.int32(1 << (shift - 1))
    plain_rounding = np.int32((1 << down) >> 1)
    shift = np.int32(shift)
    for i in range(8):
        sum0, difference0 = np.int32(d[0, i] + d[7, i]), np.int32(d[0, i] - d[7, i])
        sum1, difference1 = np.int32(d[1, i] + d[6, i]), np.int32(d[1, i] - d[6, i])
        sum2, difference2 = np.int32(d[2, i] + d[5, i]), np.int32(d[2, i] - d[5, i])
        sum3, difference3 = np.int32(d[3, i] + d[4, i]), np.int32(d[3, i] - d[4, i])

        even0, even3 = np.int32(sum0 + sum3), np.int32(sum0 - sum3)
        even1, even2 = np.int32(sum1 + sum2), np.int32(sum1 - sum2)
        out[0, i] = np.int32(np.int32(np.int32(even0 + even1) << np.int32(up)) + plain_rounding) >> np.int32(down)
        out[4, i] = np.int32(np.int32(np.int32(even0 - even1) << np.int32(up)) + plain_rounding) >> np.int32(down)
        z1 = np.int32(np.int32(even2 + even3) * F0541)
        out[2, i] = np.int32(z1 + np.int32(even3 * F0765) + rounding) >> shift
        out[6, i] = np.int32(z1 - np.int32(even2 * F1847) + rounding) >> shift

        z1 = np.int32(np.int32(difference3 + difference0) * F0899)
        z2 = np.int32(np.int32(difference2 + difference1) * F2562)
        z3 = np.int32(difference3 + difference1)
        z4 = np.int32(difference2 + difference0)
        z5 = np.int32(np.int32(z3 + z4) * F1175)
        z3 = np.int32(z5 - np.int32(z3 * F1961))
        z4 = np.int32(z5 - np.int32(z4 * F0390))
        out[7, i] = np.int32(np.int32(difference3 * F0298) - z1 + z3 + rounding) >> shift
        out[5, i] = np.int32(np.int32(difference2 * F2053) - z2 + z4 + rounding) >> shift
        out[3, i] = np.int32(np.int32(difference1 * F3072) - z2 + z3 + rounding) >> shift
        out[1, i] = np.int32(np.int32(difference0 * F1501) - z1 + z4 + rounding) >> shift


# --------------------------------------------------------------------------------------------------
# Inverse


def coefficients_to_plane(coefficients: Coefficients, table: Array, height: int, width: int) -> Samples:
    """Dequantise blocks and transform them back; see `backend.coefficients_to_plane`."""
    plane = np.empty((8 * ceil_div(height, 8), 8 * ceil_div(width, 8)), np.uint8)
    inverse_plane(coefficients, table.astype(np.int32).ravel(), plane)
    return plane[:height, :width]


@jit
def inverse_plane(coefficients, table, plane):
    """Fill a plane, in whole blocks, with the samples of blocks of quantised coefficients."""
    work = np.empty((8, 8), np.int32)
    turned = np.empty((8, 8), np.int32)
    for row in range(plane.shape[0] // 8):
        for column in range(plane.shape[1] // 8):
            block = coefficients[row, column].ravel()
            flat = turned.ravel()
            lower = np.int32(0)
            for i in range(64):
                flat[i] = np.int32(np.int16(np.int32(np.int32(block[i]) * table[i])))
            for i in range(8, 64):
                lower |= flat[i]
            if lower == 0:
                # Twin of the short cut in `dct.idct_islow`; in smooth regions most blocks take it.
                for x in range(8):
                    first = np.int32(np.int16(np.int32(turned[0, x] << np.int32(2))))
                    for y in range(8):
                        work[y, x] = first
            else:
                inverse_pass(turned, work, 11, -32768, 32767)
            for y in range(8):
                for x in range(8):
                    turned[x, y] = work[y, x]
            inverse_pass(turned, work, 18, -128, 127)
            for y in range(8):
                for x in range(8):
                    plane[8 * row + y, 8 * column + x] = work[x, y] + 128


@jit
def inverse_pass(c, out, shift, low, high):
    """Twin of `dct._idct_1d` down the columns of an (8, 8) block, and of the clamp behind it."""
    rounding = np.int32(1 << (shift - 1))
    shift, low, high = np.int32(shift), np.int32(low), np.int32(high)
    for i in range(8):
        z1 = np.int32(np.int32(c[2, i] + c[6, i]) * F0541)
        tmp2 = np.int32(z1 - np.int32(c[6, i] * F1847))
        tmp3 = np.int32(z1 + np.int32(c[2, i] * F0765))
        tmp0 = np.int32(np.int32(np.int16(c[0, i] + c[4, i])) << np.int32(13))
        tmp1 = np.int32(np.int32(np.int16(c[0, i] - c[4, i])) << np.int32(13))
        even0, even3 = np.int32(tmp0 + tmp3 + rounding), np.int32(tmp0 - tmp3 + rounding)
        even1, even2 = np.int32(tmp1 + tmp2 + rounding), np.int32(tmp1 - tmp2 + rounding)

        z1 = np.int32(np.int32(c[7, i] + c[1, i]) * F0899)
        z2 = np.int32(np.int32(c[5, i] + c[3, i]) * F2562)
        z3 = np.int32(np.int16(c[7, i] + c[3, i]))
        z4 = np.int32(np.int16(c[5, i] + c[1, i]))
        z5 = np.int32(np.int32(z3 + z4) * F1175)
        z3 = np.int32(z5 - np.int32(z3 * F1961))
        z4 = np.int32(z5 - np.int32(z4 * F0390))
        odd3 = np.int32(np.int32(c[7, i] * F0298) - z1 + z3)
        odd2 = np.int32(np.int32(c[5, i] * F2053) - z2 + z4)
        odd1 = np.int32(np.int32(c[3, i] * F3072) - z2 + z3)
        odd0 = np.int32(np.int32(c[1, i] * F1501) - z1 + z4)

        out[0, i] = min(max(np.int32(even0 + odd0) >> shift, low), high)
        out[7, i] = min(max(np.int32(even0 - odd0) >> shift, low), high)
        out[1, i] = min(max(np.int32(even1 + odd1) >> shift, low), high)
        out[6, i] = min(max(np.int32(even1 - odd1) >> shift, low), high)
        out[2, i] = min(max(np.int32(even2 + odd2) >> shift, low), high)
        out[5, i] = min(max(np.int32(even2 - odd2) >> shift, low), high)
        out[3, i] = min(max(np.int32(even3 + odd3) >> shift, low), high)
        out[4, i] = min(max(np.int32(even3 - odd3) >> shift, low), high)
