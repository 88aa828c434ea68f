"""The 8×8 discrete cosine transform, from its definition and in whole numbers.

The DCT writes a block of 8×8 samples as a sum of 64 cosine patterns, from flat to finely chequered, and
returns how much of each there is. Nothing is lost and nothing is gained – but in a photograph nearly all of
the sum is in the few smooth patterns, and the rest can be rounded away (`quantization`).

Two versions stand here, each forward and back:

`fdct_definition`, `idct_definition`
    the formulas of A.3.3 as printed, in float64. 64 products for each coefficient; to learn from, and to
    measure the others by.
`fdct_islow`, `idct_islow`
    the algorithm of Loeffler, Ligtenberg and Moschytz (ICASSP 1989) in fixed-point integers, which libjpeg
    calls ``islow``: 12 products for a row of 8 samples, where the definition takes 64. Integer arithmetic
    gives the same bits on every machine. That, and not speed, is why it is the transform of files here:
    every decoder worth the name has it, so that encoder and decoder drift apart by nothing.

How far apart they are: over random, extreme and basis-pattern blocks `fdct` differs from the definition by
less than 0.25, where a coefficient is up to ±1024; `idct_islow` by less than 0.65 of a grey level, 0.5 of
which is the rounding to an integer. So a rounded transform moves a quantised coefficient only if it lay
close to the border between two steps anyway.

How the fixed-point algorithm works. A 1-D DCT of 8 samples splits into an even part, on the sums d0+d7,
d1+d6, ..., and an odd part, on the differences. The even part splits again into sum and difference, and
into one rotation by 3π/8 (z1 below, factored to 3 products instead of 4). The odd part is a matrix of 16
products, which by sharing z1 ... z5 becomes 9. What remains is scaled by √8 against the orthonormal DCT in
each direction, so a 2-D result is 8 times the coefficient of A.3.3. Constants are cosines times 2^13;
intermediate results of the first pass keep 2 extra bits, 1 if samples have 12 bits.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ._types import Array

__all__ = ["dct_matrix", "fdct", "fdct_definition", "fdct_islow", "idct_definition", "idct_islow"]

CONST_BITS = 13
PASS1_BITS = {8: 2, 12: 1}  # by the precision of the samples

# round(2^13 · c), named by c as in libjpeg.
FIX_0_298631336 = 2446
FIX_0_390180644 = 3196
FIX_0_541196100 = 4433
FIX_0_765366865 = 6270
FIX_0_899976223 = 7373
FIX_1_175875602 = 9633
FIX_1_501321110 = 12299
FIX_1_847759065 = 15137
FIX_1_961570560 = 16069
FIX_2_053119869 = 16819
FIX_2_562915447 = 20995
FIX_3_072711026 = 25172


def dct_matrix() -> Array:
    """Return the matrix A of the 1-D DCT: A[u, x] = ½ C(u) cos((2x + 1) u π / 16), C(0) = 1/√2, else 1.

    Its rows are orthonormal, so the inverse is its transpose.

    Examples
    --------
    >>> a = dct_matrix()
    >>> bool(np.allclose(a @ a.T, np.eye(8)))
    True
    """
    u, x = np.mgrid[:8, :8]
    scale = np.where(u == 0, np.sqrt(0.5), 1.0)
    return 0.5 * scale * np.cos((2 * x + 1) * u * np.pi / 16)


def fdct_definition(blocks: Array) -> Array:
    """Forward DCT from the definition (A.3.3).

    S_vu = ¼ C(u) C(v) Σ_x Σ_y s_yx cos((2x + 1) u π / 16) cos((2y + 1) v π / 16)

    Parameters
    ----------
    blocks : ndarray, shape (..., 8, 8)
        Level-shifted samples s_yx, −128 ... 127 (A.3.1), rows y, columns x.

    Returns
    -------
    ndarray of float64, shape (..., 8, 8)
        Coefficients S_vu, rows v, columns u, |S| ≤ 1024.

    Examples
    --------
    >>> fdct_definition(np.full((8, 8), 10))[0, 0].round(6).item()
    80.0
    """
    a = dct_matrix()
    # The double sum, one dimension after the other: the cosines of x and y are separate factors.
    return np.einsum("vy,...yx,ux->...vu", a, np.asarray(blocks, np.float64), a, optimize=True)


def idct_definition(coefficients: Array) -> Array:
    """Inverse DCT from the definition (A.3.3).

    s_yx = ¼ Σ_u Σ_v C(u) C(v) S_vu cos((2x + 1) u π / 16) cos((2y + 1) v π / 16)

    Parameters
    ----------
    coefficients : ndarray, shape (..., 8, 8)
        Dequantised coefficients, natural order.

    Returns
    -------
    ndarray of float64, shape (..., 8, 8)
        Level-shifted samples, neither rounded nor clamped.

    Examples
    --------
    >>> blocks = np.arange(64).reshape(8, 8) - 32
    >>> bool(np.allclose(idct_definition(fdct_definition(blocks)), blocks))
    True
    """
    a = dct_matrix()
    return np.einsum("vy,...vu,ux->...yx", a, np.asarray(coefficients, np.float64), a, optimize=True)


def fdct(blocks: Array, precision: int = 8) -> Array:
    """Forward DCT of files: `fdct_islow` on the scale of A.3.3.

    Parameters and result as for `fdct_definition`; the result is a multiple of ⅛, exactly represented. This
    is the stage ``"fdct"`` of the encoder's reference path.
    """
    return fdct_islow(blocks, precision) / 8.0


def fdct_islow(blocks: Array, precision: int = 8) -> Array:
    """Forward DCT in fixed-point integers, rows first, then columns.

    Parameters
    ----------
    blocks : ndarray of int, shape (..., 8, 8)
        Level-shifted samples, −128 ... 127; −2048 ... 2047 for 12 bits.
    precision : {8, 12}
        Bits of a sample.

    Returns
    -------
    ndarray of int32 (8 bits) or int64 (12 bits), shape (..., 8, 8)
        Eight times the coefficients of A.3.3, |8S| < 2^14, or 2^18. The factor stays, because the division by
        the step size that follows rounds anyway: one rounding instead of two.

    References
    ----------
    C. Loeffler, A. Ligtenberg, G. Moschytz, "Practical fast 1-D DCT algorithms with 11 multiplications",
    ICASSP 1989. Constants, order and rounding are those of libjpeg's ``jfdctint.c``.

    Examples
    --------
    >>> fdct_islow(np.full((8, 8), 10))[0, 0].item()
    640
    """
    integer = np.int32 if precision == 8 else np.int64
    rows = np.asarray(blocks, integer)
    bits = PASS1_BITS[precision]
    # Pass 1: rows; results are scaled by √8 · 2^bits, |·| < 2^14 for 8 bits.
    columns = _fdct_1d(rows, integer(1 << bits), 0, CONST_BITS - bits)
    # Pass 2: columns; the scale of 2^bits goes, a factor of 8 is left.
    return _fdct_1d(columns.swapaxes(-1, -2), integer(1), bits, CONST_BITS + bits).swapaxes(-1, -2)


def _fdct_1d(d: Array, gain: np.signedinteger[Any], plain_shift: int, product_shift: int) -> Array:
    """Transform the last axis. Results 0 and 4, which take no product, are scaled apart from the others."""
    sum0, sum1, sum2, sum3 = (d[..., i] + d[..., 7 - i] for i in range(4))
    difference3, difference2, difference1, difference0 = (d[..., 3 - i] - d[..., 4 + i] for i in range(4))
    out = np.empty(d.shape, d.dtype)

    # Even part
    even0, even3 = sum0 + sum3, sum0 - sum3
    even1, even2 = sum1 + sum2, sum1 - sum2
    out[..., 0] = _descale((even0 + even1) * gain, plain_shift)
    out[..., 4] = _descale((even0 - even1) * gain, plain_shift)
    z1 = (even2 + even3) * FIX_0_541196100
    out[..., 2] = _descale(z1 + even3 * FIX_0_765366865, product_shift)
    out[..., 6] = _descale(z1 - even2 * FIX_1_847759065, product_shift)

    # Odd part
    odd7, odd5, odd3, odd1 = _odd_part(difference3, difference2, difference1, difference0)
    out[..., 7] = _descale(odd7, product_shift)
    out[..., 5] = _descale(odd5, product_shift)
    out[..., 3] = _descale(odd3, product_shift)
    out[..., 1] = _descale(odd1, product_shift)
    return out


def idct_islow(coefficients: Array, precision: int = 8, flat: Array | None = None) -> Array:
    """Inverse DCT in fixed-point integers, columns first, then rows.

    Parameters
    ----------
    coefficients : ndarray of int, shape (..., 8, 8)
        Dequantised coefficients, natural order; −32768 ... 32767 for 8 bits.
    precision : {8, 12}
        Bits of a sample.
    flat : ndarray of bool, shape (...), optional
        Which blocks were nothing but their first row before they were dequantised; found out here otherwise.
        It makes a difference only where a step size is 0 and a coefficient far out of range.

    Returns
    -------
    ndarray of int32 (8 bits) or int64 (12 bits), shape (..., 8, 8)
        Level-shifted samples, rounded and clamped to −128 ... 127, or −2048 ... 2047.

    Notes
    -----
    Coefficients that come from samples stay far from any overflow. Those of a damaged file do not; the sums
    and results that libjpeg-turbo's vector code keeps in 16 bits are wrapped or clamped here in the same
    places, so that even noise is the same noise. For 12 bits it has no vector code: sums are exact, and the
    result wraps to 14 bits before it is clamped.

    References
    ----------
    As for `fdct_islow`; ``jidctint.c`` of libjpeg.

    Examples
    --------
    >>> coefficients = np.zeros((8, 8), int)
    >>> coefficients[0, 0] = 80
    >>> idct_islow(coefficients)[3, 3].item()
    10
    """
    if precision == 12:
        return _idct_islow_12(np.asarray(coefficients, np.int64))
    c = np.asarray(coefficients, np.int32)
    rows = _idct_1d(c.swapaxes(-1, -2), CONST_BITS - PASS1_BITS[8]).swapaxes(-1, -2)
    rows = np.clip(rows, -32768, 32767)
    # A block of nothing but its first row takes a short cut, which wraps where the rule clamps.
    shortened = np.asarray(~c[..., 1:, :].any(axis=(-1, -2)) if flat is None else flat)
    rows = np.where(shortened[..., np.newaxis, np.newaxis], _wrap16(c[..., :1, :] << PASS1_BITS[8]), rows)
    return np.clip(_idct_1d(rows, CONST_BITS + PASS1_BITS[8] + 3), -128, 127)


def _idct_islow_12(c: Array) -> Array:
    rows = _idct_1d(c.swapaxes(-1, -2), CONST_BITS - PASS1_BITS[12]).swapaxes(-1, -2)
    rows = rows.astype(np.int32).astype(np.int64)
    samples = _idct_1d(rows, CONST_BITS + PASS1_BITS[12] + 3)
    return np.clip((samples + (1 << 13)) % (1 << 14) - (1 << 13), -2048, 2047)


def _idct_1d(c: Array, shift: int) -> Array:
    """Transform the last axis back and divide by 2^shift, rounding."""
    # Even part
    z1 = (c[..., 2] + c[..., 6]) * FIX_0_541196100
    tmp2 = z1 - c[..., 6] * FIX_1_847759065
    tmp3 = z1 + c[..., 2] * FIX_0_765366865
    tmp0 = _wrap16(c[..., 0] + c[..., 4]) << CONST_BITS
    tmp1 = _wrap16(c[..., 0] - c[..., 4]) << CONST_BITS
    even0, even3 = tmp0 + tmp3, tmp0 - tmp3
    even1, even2 = tmp1 + tmp2, tmp1 - tmp2

    # Odd part
    odd3, odd2, odd1, odd0 = _odd_part(c[..., 7], c[..., 5], c[..., 3], c[..., 1])

    out = np.empty(c.shape, c.dtype)
    for i, (even, odd) in enumerate(zip((even0, even1, even2, even3), (odd0, odd1, odd2, odd3))):
        out[..., i] = _descale(even + odd, shift)
        out[..., 7 - i] = _descale(even - odd, shift)
    return out


def _odd_part(a: Array, b: Array, c: Array, d: Array) -> tuple[Array, Array, Array, Array]:
    """Multiply (a, b, c, d) by the matrix of odd cosines, which is symmetric: it serves both directions."""
    z1, z2 = a + d, b + c
    z3, z4 = _wrap16(a + c), _wrap16(b + d)
    z5 = (z3 + z4) * FIX_1_175875602
    z1 = z1 * -FIX_0_899976223
    z2 = z2 * -FIX_2_562915447
    z3 = z3 * -FIX_1_961570560 + z5
    z4 = z4 * -FIX_0_390180644 + z5
    return (
        a * FIX_0_298631336 + z1 + z3,
        b * FIX_2_053119869 + z2 + z4,
        c * FIX_3_072711026 + z2 + z3,
        d * FIX_1_501321110 + z1 + z4,
    )


def _descale(x: Array, shift: int) -> Array:
    """Divide by 2^shift, rounding halves up."""
    return (x + ((1 << shift) >> 1)) >> shift


def _wrap16(x: Array) -> Array:
    """Keep 16 bits of the sums of 8-bit data, which are int32; those of 12-bit data, int64, stay."""
    return x.astype(np.int16).astype(np.int32) if x.dtype == np.int32 else x
