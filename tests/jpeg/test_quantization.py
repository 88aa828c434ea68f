"""Step sizes by quality, and the rounding of the division, over all values that can come."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jpeg_from_scratch.quantization import dequantize, quality_scaling, quantize, scale_table
from jpeg_from_scratch.tables import CHROMINANCE_QUANTIZATION, LUMINANCE_QUANTIZATION

Array = npt.NDArray[Any]

BOUNDED = settings(derandomize=True, max_examples=100, deadline=None)
MOST_EIGHTFOLD = (1 << 14) - 1  # |8S| < 2^14, with room: 8-bit samples give at most 8192
WIDE_STEPS = (1, 2, 255, 256, 257, 1000, 1023, 1024, 2047, 4095, 4096, 4097, 8191, 8192, 32767, 32768, 65535)


def eightfold_coefficients() -> Array:
    """Return every whole number 8S with |8S| < 2^14."""
    return np.arange(-MOST_EIGHTFOLD, MOST_EIGHTFOLD + 1)


def integer_rule(eightfold: Array, step: Array) -> Array:
    """Divide 8S by 8Q and round halves away from zero, in integers: sign · (|8S| + 4Q) div 8Q."""
    return np.sign(eightfold) * ((np.abs(eightfold) + 4 * step) // (8 * step))


# The quality setting


@pytest.mark.parametrize("base", [LUMINANCE_QUANTIZATION, CHROMINANCE_QUANTIZATION], ids=["K.1", "K.2"])
@pytest.mark.parametrize("quality", range(1, 101))
def test_ijg_formula(base: Array, quality: int) -> None:
    """The formula of the Independent JPEG Group at every quality, in plain Python."""
    percent = 5000 // quality if quality < 50 else 200 - quality * 2
    assert quality_scaling(quality) == percent
    expected = [[min(max((int(step) * percent + 50) // 100, 1), 255) for step in row] for row in base]
    table = scale_table(base, quality)
    assert table.dtype == np.int32
    assert table.tolist() == expected


def test_landmarks_of_quality() -> None:
    """50 leaves the table, 100 makes every step 1, 1 clamps every step to 255, 75 halves, 25 doubles."""
    base = LUMINANCE_QUANTIZATION
    np.testing.assert_array_equal(scale_table(base, 50), base)
    assert (scale_table(base, 100) == 1).all()
    assert (scale_table(base, 1) == 255).all()
    np.testing.assert_array_equal(scale_table(base, 75), (base + 1) // 2)
    np.testing.assert_array_equal(scale_table(base, 25), 2 * base)


def test_steps_never_grow_with_quality() -> None:
    """A higher quality is nowhere coarser."""
    steps = np.stack([scale_table(LUMINANCE_QUANTIZATION, quality) for quality in range(1, 101)])
    assert (np.diff(steps, axis=0) <= 0).all()
    assert steps.min() == 1
    assert steps.max() == 255


# A.3.4 – Quantisation


@pytest.mark.parametrize(
    ("coefficient", "step", "expected"),
    [
        (8, 16, 1),  # a half goes away from zero
        (-8, 16, -1),
        (7.875, 16, 0),
        (-7.875, 16, 0),
        (8.125, 16, 1),
        (24, 16, 2),  # half to even would agree here …
        (40, 16, 3),  # … but not here: 2.5
        (-40, 16, -3),
        (0.5, 1, 1),
        (-0.5, 1, -1),
        (0, 255, 0),
        (1024, 1, 1024),
        (-1024, 1, -1024),
    ],
)
def test_halves_are_rounded_away_from_zero(coefficient: float, step: int, expected: int) -> None:
    """Worked by hand."""
    assert quantize(np.full((8, 8), coefficient), np.full((8, 8), step)).tolist() == [[expected] * 8] * 8


def test_every_coefficient_by_every_step() -> None:
    """8.4 million divisions: floats and integers agree for all |8S| < 2^14 and all Q 1 … 255."""
    eightfold = eightfold_coefficients()
    for first in (1, 65, 129, 192):
        table = np.arange(first, first + 64).reshape(8, 8)
        coefficients = np.broadcast_to(eightfold[:, None, None], (len(eightfold), 8, 8))
        quantized = quantize(coefficients / 8, table)
        assert quantized.dtype == np.int32
        np.testing.assert_array_equal(quantized, integer_rule(coefficients, table))
    assert table.max() == 255


def test_every_coefficient_by_wide_steps() -> None:
    """Steps of 16 bits: borders, and others at random."""
    rng = np.random.default_rng(5)
    steps = np.concatenate((WIDE_STEPS, rng.integers(256, 65536, 64 - len(WIDE_STEPS)))).reshape(8, 8)
    eightfold = np.broadcast_to(eightfold_coefficients()[:, None, None], (2 * MOST_EIGHTFOLD + 1, 8, 8))
    np.testing.assert_array_equal(quantize(eightfold / 8, steps), integer_rule(eightfold, steps))


def test_each_coefficient_has_its_own_step() -> None:
    """Natural order on both sides, whatever axes stand before."""
    table = np.arange(1, 65).reshape(8, 8)
    coefficients = np.tile(3.0 * table, (2, 5, 1, 1))
    quantized = quantize(coefficients, table)
    assert quantized.shape == (2, 5, 8, 8)
    assert (quantized == 3).all()
    np.testing.assert_array_equal(dequantize(quantized.astype(np.int16), table), coefficients)


@BOUNDED
@given(st.integers(-8192, 8192), st.integers(1, 255))
def test_what_is_lost_is_at_most_half_a_step(eightfold: int, step: int) -> None:
    """|S − R| ≤ Q / 2, and quantising R again loses nothing more."""
    table = np.full((8, 8), step)
    quantized = quantize(np.full((8, 8), eightfold / 8), table)
    restored = dequantize(quantized.astype(np.int16), table)
    assert abs(restored[0, 0] - eightfold / 8) <= step / 2
    np.testing.assert_array_equal(quantize(restored, table), quantized)


# The kernels divide by multiplying


def divide_by_reciprocals(eightfold: Array, half: Array, factor: Array, shift: Array) -> Array:
    """Do what the kernel does, in uint64, and check that the product fits into 32 bits."""
    products = (np.abs(eightfold) + half.astype(np.int64)).astype(np.uint64) * factor.astype(np.uint64)
    assert products.max() < 1 << 32
    return np.sign(eightfold) * (products >> shift.astype(np.uint64)).astype(np.int64)


@pytest.mark.both_backends
def test_reciprocals_for_every_coefficient_and_step() -> None:
    """Product and shift are the division for all |8S| < 2^14 and all Q 1 … 255."""
    from jpeg_from_scratch._kernels.dct import reciprocals

    eightfold = eightfold_coefficients()[:, None]
    for first in (1, 65, 129, 192):
        steps = np.arange(first, first + 64)
        quantized = divide_by_reciprocals(eightfold, *reciprocals(steps.reshape(8, 8)))
        np.testing.assert_array_equal(quantized, integer_rule(eightfold, steps))


@pytest.mark.both_backends
def test_reciprocals_of_wide_steps() -> None:
    """Steps of 16 bits: borders, and others at random."""
    from jpeg_from_scratch._kernels.dct import reciprocals

    rng = np.random.default_rng(6)
    steps = np.concatenate((WIDE_STEPS, rng.integers(256, 65536, 64 - len(WIDE_STEPS))))
    eightfold = eightfold_coefficients()[:, None]
    quantized = divide_by_reciprocals(eightfold, *reciprocals(steps.reshape(8, 8)))
    np.testing.assert_array_equal(quantized, integer_rule(eightfold, steps))


# A.3.4 – Dequantisation


@pytest.mark.parametrize(
    ("quantized", "step", "expected"),
    [
        (3, 16, 48),
        (-3, 16, -48),
        (1, 32767, 32767),
        (1, 32768, -32768),  # from here on only damaged files: products wrap to 16 bits
        (1, 65535, -1),
        (2, 32767, -2),
        (-32768, 2, 0),
        (32767, 255, 32767 * 255 - 127 * 65536),
        (32767, 65535, -32767),
        (5, 0, 0),
    ],
)
def test_dequantisation(quantized: int, step: int, expected: int) -> None:
    """The product; beyond 16 bits, what is left of it in 16 bits."""
    restored = dequantize(np.full((2, 8, 8), quantized, np.int16), np.full((8, 8), step))
    assert restored.dtype == np.int32
    assert (restored == expected).all()
