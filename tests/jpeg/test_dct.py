"""The transform: from the definition, and the integers of files against it."""

from __future__ import annotations

from itertools import product
from math import cos, pi, sqrt
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import scipy.fft
from hypothesis import given, settings
from hypothesis.extra import numpy as hnp

from jpeg_from_scratch.dct import (
    dct_matrix,
    fdct,
    fdct_definition,
    fdct_islow,
    idct_definition,
    idct_islow,
)

Array = npt.NDArray[Any]

BOUNDED = settings(derandomize=True, max_examples=100, deadline=None)
MOST_FDCT_ERROR = 0.25
# ½ is the rounding to whole grey levels; pass 1 keeps two bits, which adds up to 0.12.
MOST_IDCT_ERROR = 0.65


def basis_patterns() -> Array:
    """Return the 64 cosine patterns, (64, 8, 8) float64."""
    matrix = dct_matrix()
    return np.einsum("vy,ux->vuyx", matrix, matrix).reshape(64, 8, 8)


def sample_blocks(kind: str) -> Array:
    """Return level-shifted blocks (n, 8, 8): noise, faint noise, nothing but extremes, or extreme patterns.

    A pattern of extremes that has the signs of a cosine pattern makes its coefficient as large as can be.
    """
    rng = np.random.default_rng(len(kind))
    if kind == "patterns":
        largest = np.where(basis_patterns() > 0, 127, -128)
        return np.concatenate((largest, -1 - largest))
    return {
        "noise": lambda: rng.integers(-128, 128, (3000, 8, 8)),
        "faint noise": lambda: rng.integers(-5, 6, (3000, 8, 8)),
        "extremes": lambda: rng.choice([-128, 127], (3000, 8, 8)),
        "shades": lambda: np.clip(rng.normal(0, 4, (3000, 8, 8)).cumsum(1).cumsum(2), -128, 127).astype(int),
    }[kind]()


KINDS = ("noise", "faint noise", "extremes", "shades", "patterns")

# The definition


def test_a33_matrix_is_orthonormal() -> None:
    """Rows and columns of the 1-D transform have length 1 and right angles: its transpose undoes it."""
    matrix = dct_matrix()
    assert matrix.dtype == np.float64
    np.testing.assert_allclose(matrix @ matrix.T, np.eye(8), atol=1e-15)
    np.testing.assert_allclose(matrix.T @ matrix, np.eye(8), atol=1e-15)


def quadruple_loop(block: Array, *, inverse: bool) -> Array:
    """Transcribe the formulas of A.3.3 sum by sum."""

    def c(frequency: int) -> float:
        return 1 / sqrt(2) if frequency == 0 else 1.0

    out = np.zeros((8, 8))
    for v, u, y, x in product(range(8), repeat=4):
        cosines = cos((2 * x + 1) * u * pi / 16) * cos((2 * y + 1) * v * pi / 16)
        if inverse:
            out[y, x] += 0.25 * c(u) * c(v) * block[v, u] * cosines
        else:
            out[v, u] += 0.25 * c(u) * c(v) * block[y, x] * cosines
    return out


def test_a33_formulas_as_printed() -> None:
    """Both definitions are the quadruple sums; rows of the result are vertical frequencies."""
    for block in sample_blocks("noise")[:4]:
        np.testing.assert_allclose(fdct_definition(block), quadruple_loop(block, inverse=False), atol=1e-10)
        np.testing.assert_allclose(idct_definition(block), quadruple_loop(block, inverse=True), atol=1e-10)
    stripes = np.tile([1, -1], (8, 4))  # change along a row: horizontal frequencies, all in row 0
    assert np.abs(fdct_definition(stripes)[1:]).max() < 1e-12


@pytest.mark.parametrize("kind", KINDS)
def test_definition_is_scipys_orthonormal_dct(kind: str) -> None:
    """`scipy.fft.dctn` of type 2 with ``norm="ortho"``, and its inverse."""
    blocks = sample_blocks(kind)
    coefficients = scipy.fft.dctn(blocks, axes=(-2, -1), norm="ortho")
    np.testing.assert_allclose(fdct_definition(blocks), coefficients, atol=1e-10)
    np.testing.assert_allclose(idct_definition(coefficients), blocks, atol=1e-10)


@BOUNDED
@given(hnp.arrays(np.int64, (8, 8), elements={"min_value": -128, "max_value": 127}))
def test_energy_is_kept(block: Array) -> None:
    """Parseval: the squares of the coefficients sum to those of the samples."""
    coefficients = fdct_definition(block)
    assert (coefficients**2).sum() == pytest.approx((block**2).sum(), abs=1e-6)
    np.testing.assert_allclose(idct_definition(coefficients), block, atol=1e-9)


# The forward transform of files


@pytest.mark.parametrize("kind", KINDS)
def test_fdct_is_close_to_the_definition(kind: str) -> None:
    """Within 0.25 of a coefficient of up to ±1024; noise comes to 0.18."""
    blocks = sample_blocks(kind)
    error = np.abs(fdct(blocks) - fdct_definition(blocks)).max()
    assert error < MOST_FDCT_ERROR


@BOUNDED
@given(hnp.arrays(np.int64, (8, 8), elements={"min_value": -128, "max_value": 127}))
def test_fdct_is_close_to_the_definition_for_any_block(block: Array) -> None:
    """Also for what Hypothesis thinks of."""
    assert np.abs(fdct(block) - fdct_definition(block)).max() < MOST_FDCT_ERROR


def test_fdct_is_fdct_islow_in_eighths() -> None:
    """The scale of A.3.3, exactly."""
    blocks = sample_blocks("noise")[:50]
    assert fdct_islow(blocks).dtype == np.int32
    np.testing.assert_array_equal(8 * fdct(blocks), fdct_islow(blocks))


def test_fdct_islow_stays_below_2_14() -> None:
    """The largest coefficients there are: |8S| reaches 8192 and no more than the error above it."""
    assert 8192 <= np.abs(fdct_islow(sample_blocks("patterns"))).max() < 8192 + 8 * MOST_FDCT_ERROR
    assert fdct_islow(np.full((8, 8), -128))[0, 0] == -8192


@pytest.mark.parametrize("level", [-128, -1, 0, 1, 10, 127])
def test_flat_blocks_have_only_a_dc_coefficient(level: int) -> None:
    """S_00 is eight times the level, exactly, and the others are zero; and back."""
    block = np.full((8, 8), level)
    expected = np.zeros((8, 8))
    expected[0, 0] = 8 * level
    np.testing.assert_array_equal(fdct(block), expected)
    np.testing.assert_array_equal(idct_islow(expected.astype(int)), block)


def islow_forward(samples: list[int], gain: int, plain_shift: int, product_shift: int) -> list[int]:
    """Transform eight numbers by the even and odd matrices of whole-number cosines, in Python integers.

    The constants, rounded once as sums, would be other numbers: these are the sums of the rounded ones.
    """
    c = {"298": 2446, "390": 3196, "541": 4433, "765": 6270, "899": 7373, "1175": 9633}
    c |= {"1501": 12299, "1847": 15137, "1961": 16069, "2053": 16819, "2562": 20995, "3072": 25172}
    even, odd = (
        [samples[i] + samples[7 - i] for i in range(4)],
        [samples[i] - samples[7 - i] for i in range(4)],
    )
    x, y = even[0] - even[3], even[1] - even[2]
    products = {
        2: (c["541"] + c["765"]) * x + c["541"] * y,
        6: c["541"] * x + (c["541"] - c["1847"]) * y,
    }
    a, b, d, e = odd[3], odd[2], odd[1], odd[0]
    z = c["1175"] * (a + b + d + e)
    products[7] = c["298"] * a - c["899"] * (a + e) - c["1961"] * (a + d) + z
    products[5] = c["2053"] * b - c["2562"] * (b + d) - c["390"] * (b + e) + z
    products[3] = c["3072"] * d - c["2562"] * (b + d) - c["1961"] * (a + d) + z
    products[1] = c["1501"] * e - c["899"] * (a + e) - c["390"] * (b + e) + z
    out = {k: (value + (1 << (product_shift - 1))) >> product_shift for k, value in products.items()}
    rounding = (1 << plain_shift) >> 1
    out[0] = (sum(even) * gain + rounding) >> plain_shift
    out[4] = ((even[0] - even[1] - even[2] + even[3]) * gain + rounding) >> plain_shift
    return [out[k] for k in range(8)]


@pytest.mark.parametrize("kind", KINDS)
def test_fdct_islow_by_python_integers(kind: str) -> None:
    """Rows first, 2 bits kept; then columns: every number of every block, by arithmetic without a width."""
    blocks = sample_blocks(kind)[:60]
    for block, result in zip(blocks.tolist(), fdct_islow(blocks).tolist()):
        rows = [islow_forward(row, 4, 0, 11) for row in block]
        columns = [islow_forward(list(column), 1, 2, 15) for column in zip(*rows)]
        assert result == [list(row) for row in zip(*columns)]


# The inverse transform of files


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("step", [1, 8, 32])
def test_idct_islow_is_close_to_the_definition(kind: str, step: int) -> None:
    """Coefficients of real blocks, rounded to a step size: samples within 0.65, ½ of which is rounding."""
    coefficients = np.rint(fdct_definition(sample_blocks(kind)) / step).astype(int) * step
    exact = np.clip(idct_definition(coefficients), -128, 127)
    assert np.abs(idct_islow(coefficients) - exact).max() < MOST_IDCT_ERROR


@pytest.mark.parametrize("k", range(64))
def test_blocks_of_a_single_coefficient(k: int) -> None:
    """The cosine pattern of coefficient k, at every height from −1024 to 1024 in steps of 61."""
    heights = np.arange(-1024, 1025, 61)
    coefficients = np.zeros((len(heights), 64), int)
    coefficients[:, k] = heights
    exact = np.clip(heights[:, None, None] * basis_patterns()[k], -128, 127)
    assert np.abs(idct_islow(coefficients.reshape(-1, 8, 8)) - exact).max() < 0.55


def test_transforms_undo_each_other() -> None:
    """Coefficients rounded to whole numbers still give every sample back to within one."""
    blocks = sample_blocks("noise")
    back = idct_islow(np.rint(fdct(blocks)).astype(int))
    assert back.dtype == np.int32
    assert np.abs(back - blocks).max() <= 1


def ieee_1180_random(count: int, low: int, high: int) -> Array:
    """Return the numbers of IEEE 1180's generator: x ← 1103515245 x + 12345 mod 2^32, from 1.

    x_n = a^n x_0 + c (a^0 + … + a^(n−1)), so that all can be had at once.
    """
    powers = np.cumprod(np.full(count, 1103515245, np.uint32), dtype=np.uint32)
    sums = np.cumsum(np.concatenate(([1], powers[:-1])), dtype=np.uint32)
    states = powers + np.uint32(12345) * sums
    fractions = (states & np.uint32(0x7FFFFFFE)) / 0x7FFFFFFF
    return (fractions * (high - low + 1)).astype(int) + low


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("reach", [(-256, 255), (-5, 5), (-300, 300)])
def test_ieee_1180_accuracy(reach: tuple[int, int], sign: int) -> None:
    """IEEE 1180-1990, 10,000 blocks in each range: peak, mean square and mean errors of the rounded samples.

    The limits are the standard's. It clamps to 9 bits, our transform to 8, and the reference here with it.
    """
    blocks = sign * ieee_1180_random(640_000, *reach).reshape(-1, 8, 8)
    coefficients = np.clip(np.rint(fdct_definition(blocks)), -2048, 2047).astype(int)
    reference = np.clip(np.rint(idct_definition(coefficients)), -128, 127)
    error = idct_islow(coefficients) - reference
    assert np.abs(error).max() <= 1, "peak error of a sample"
    assert (error**2).mean(axis=0).max() <= 0.06, "mean square error of a place"
    assert (error**2).mean() <= 0.02, "mean square error over all"
    assert np.abs(error.mean(axis=0)).max() <= 0.015, "mean error of a place"
    assert abs(error.mean()) <= 0.0015, "mean error over all"


def test_ieee_1180_zero_in_zero_out() -> None:
    """All coefficients zero: all samples zero."""
    assert not idct_islow(np.zeros((8, 8), int)).any()


# Coefficients that no picture has


def wrap(value: int, bits: int) -> int:
    """Reduce to a signed number of so many bits."""
    return (value + (1 << (bits - 1))) % (1 << bits) - (1 << (bits - 1))


def islow_inverse(c: list[int], shift: int, low: int, high: int) -> list[int]:
    """Transform eight numbers back in Python integers: sums of two wrap to 16 bits, products to 32.

    These are the widths of libjpeg-turbo's vector code; the result is clamped.
    """
    tmp2 = 4433 * (c[2] + c[6]) - 15137 * c[6]
    tmp3 = 4433 * (c[2] + c[6]) + 6270 * c[2]
    tmp0, tmp1 = wrap(c[0] + c[4], 16) << 13, wrap(c[0] - c[4], 16) << 13
    even = [tmp0 + tmp3, tmp1 + tmp2, tmp1 - tmp2, tmp0 - tmp3]
    z3, z4 = wrap(c[7] + c[3], 16), wrap(c[5] + c[1], 16)
    z5 = 9633 * (z3 + z4)
    odd = [
        12299 * c[1] - 7373 * (c[7] + c[1]) - 3196 * z4 + z5,
        25172 * c[3] - 20995 * (c[5] + c[3]) - 16069 * z3 + z5,
        16819 * c[5] - 20995 * (c[5] + c[3]) - 3196 * z4 + z5,
        2446 * c[7] - 7373 * (c[7] + c[1]) - 16069 * z3 + z5,
    ]
    sums = [e + o for e, o in zip(even, odd)] + [e - o for e, o in zip(even, odd)][::-1]
    return [min(max(wrap(x + (1 << (shift - 1)), 32) >> shift, low), high) for x in sums]


def islow_inverse_block(block: list[list[int]]) -> list[list[int]]:
    """Transform a block back: columns, then rows. A block of row 0 only takes the short cut, which wraps."""
    if any(map(any, block[1:])):
        columns = [islow_inverse(list(column), 11, -32768, 32767) for column in zip(*block)]
    else:
        columns = [[wrap(first << 2, 16)] * 8 for first in block[0]]
    return [islow_inverse(list(row), 18, -128, 127) for row in zip(*columns)]


def damaged_blocks() -> Array:
    """Return blocks of dequantised coefficients as only damaged files have them, (n, 8, 8)."""
    rng = np.random.default_rng(7)
    wild = rng.integers(-32768, 32768, (150, 8, 8))
    extreme = rng.choice([-32768, 32767, 0], (100, 8, 8))
    flat = np.zeros((120, 8, 8), int)
    flat[:, 0] = rng.integers(-32768, 32768, (120, 8))
    dc = np.zeros((9, 8, 8), int)
    dc[:, 0, 0] = -32768, -8193, -8192, -8191, 8190, 8191, 8192, 8193, 32767
    nearly_flat = flat[:60].copy()
    nearly_flat[:, 5, 3] = 1
    sane = np.rint(fdct_definition(sample_blocks("noise")[:50])).astype(int)
    return np.concatenate((wild, extreme, flat, dc, nearly_flat, sane))


def test_idct_islow_by_python_integers() -> None:
    """Wraps and clamps are where the vector code of libjpeg-turbo has them, for damaged and sane blocks."""
    blocks = damaged_blocks()
    result = idct_islow(blocks)
    for i, block in enumerate(blocks.tolist()):
        assert result[i].tolist() == islow_inverse_block(block), f"block {i}"


def test_the_short_cut_of_flat_blocks_wraps_where_the_rule_clamps() -> None:
    """DC 8192 becomes 32768 in pass 1: −32768 by the short cut, 32767 with a coefficient below row 0."""
    block = np.zeros((8, 8), int)
    block[0, 0] = 8192
    assert (idct_islow(block) == -128).all()
    block[7, 7] = 1
    assert (idct_islow(block) == 127).all()


@pytest.mark.parametrize("transform", [fdct, fdct_islow, idct_islow, fdct_definition, idct_definition])
def test_each_block_is_transformed_alone(transform: Any) -> None:
    """Any leading axes, any memory order; the argument stays as it was."""
    blocks = sample_blocks("noise")[:6]
    before = blocks.copy()
    alone = np.stack([transform(block) for block in blocks])
    np.testing.assert_allclose(transform(blocks), alone, atol=1e-9)
    np.testing.assert_allclose(transform(blocks.reshape(2, 3, 8, 8)), alone.reshape(2, 3, 8, 8), atol=1e-9)
    np.testing.assert_allclose(transform(np.asfortranarray(blocks)), alone, atol=1e-9)
    assert transform(blocks[:0]).shape == (0, 8, 8)
    np.testing.assert_array_equal(blocks, before)
