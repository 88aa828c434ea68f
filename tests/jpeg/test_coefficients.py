"""Coefficients as symbols: EXTEND, run-lengths, the zigzag order and DC prediction, each with its inverse."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jpeg_from_scratch.coefficients import (
    EOB,
    ZRL,
    category,
    dc_differences,
    dc_values,
    extend,
    magnitude_bits,
    run_length,
    run_length_inverse,
    zigzag,
    zigzag_inverse,
)

Array = npt.NDArray[Any]

BOUNDED = settings(derandomize=True, max_examples=200, deadline=None)


# Categories and additional bits


def test_tables_f1_and_f2_categories() -> None:
    """Category SSSS holds the magnitudes 2^(SSSS−1) … 2^SSSS − 1; checked at every border."""
    assert category(0) == 0
    for size in range(1, 16):
        for magnitude in (1 << (size - 1), (1 << size) - 1):
            assert category(magnitude) == category(-magnitude) == size


def test_extend_undoes_magnitude_bits_for_every_value() -> None:
    """Every value −32767 … 32767: the bits have the category's length, and lead back (Figure F.12)."""
    for value in range(-32767, 32768):
        size = category(value)
        bits = magnitude_bits(value, size)
        assert 0 <= bits < 1 << size
        assert extend(bits, size) == value


@pytest.mark.parametrize("size", range(16))
def test_every_bit_pattern_of_a_category_is_one_value(size: int) -> None:
    """2^SSSS patterns, as many values, in rising order: negative ones start with a zero."""
    values = [extend(bits, size) for bits in range(1 << size)]
    assert values == sorted(set(values))
    assert all(category(value) == size for value in values)
    assert sum(value < 0 for value in values) == (1 << size) // 2
    assert [magnitude_bits(value, size) for value in values] == list(range(1 << size))


def test_table_f1_examples() -> None:
    """Worked by hand: 5 is 101, −5 the same bits inverted; −1 and 1 are 0 and 1."""
    assert (magnitude_bits(5, 3), magnitude_bits(-5, 3)) == (0b101, 0b010)
    assert (magnitude_bits(1, 1), magnitude_bits(-1, 1)) == (1, 0)
    assert (magnitude_bits(0, 0), extend(0, 0)) == (0, 0)


# Run-lengths


def zz_with(values: dict[int, int]) -> list[int]:
    """Return 64 coefficients in zigzag order, zero but for some."""
    zz = [0] * 64
    for k, value in values.items():
        zz[k] = value
    return zz


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        pytest.param({}, [(EOB, 0)], id="empty"),
        pytest.param({0: 7}, [(EOB, 0)], id="DC only"),
        pytest.param({1: -1}, [(0x01, -1), (EOB, 0)], id="first"),
        pytest.param({16: 9}, [(0xF4, 9), (EOB, 0)], id="run of 15"),
        pytest.param({17: 9}, [(ZRL, 0), (0x04, 9), (EOB, 0)], id="run of 16"),
        pytest.param({18: 9}, [(ZRL, 0), (0x14, 9), (EOB, 0)], id="run of 17"),
        pytest.param({32: 2}, [(ZRL, 0), (0xF2, 2), (EOB, 0)], id="run of 31"),
        pytest.param({33: 2}, [(ZRL, 0), (ZRL, 0), (0x02, 2), (EOB, 0)], id="run of 32"),
        pytest.param({63: 1}, [(ZRL, 0), (ZRL, 0), (ZRL, 0), (0xE1, 1)], id="run of 62: last only, no EOB"),
        pytest.param({1: 1, 63: -3}, [(0x01, 1), *[(ZRL, 0)] * 3, (0xD2, -3)], id="first and last"),
        pytest.param({62: 1}, [(ZRL, 0), (ZRL, 0), (ZRL, 0), (0xD1, 1), (EOB, 0)], id="last but one"),
        pytest.param({1: 1023, 2: -1023}, [(0x0A, 1023), (0x0A, -1023), (EOB, 0)], id="largest of 8 bits"),
        pytest.param({5: 32767}, [(0x4F, 32767), (EOB, 0)], id="category 15"),
    ],
)
def test_f1221_run_lengths_by_hand(values: dict[int, int], expected: list[tuple[int, int]]) -> None:
    """Runs at the borders of ZRL; EOB unless the last coefficient is not zero."""
    zz = zz_with(values)
    assert run_length(zz) == expected
    assert run_length_inverse(expected, dc=zz[0]) == zz


def test_all_63_coefficients_without_eob() -> None:
    """63 symbols of run 0, and no EOB behind the last."""
    zz = list(range(64))
    symbols = run_length(zz)
    assert symbols == [(category(value), value) for value in range(1, 64)]
    assert run_length_inverse(symbols) == zz


sparse_blocks = st.dictionaries(st.integers(0, 63), st.integers(-32767, 32767), max_size=63).map(zz_with)


@BOUNDED
@given(sparse_blocks)
def test_run_length_inverse_undoes_run_length(zz: list[int]) -> None:
    """Any block; and the symbols are those of Table F.2."""
    symbols = run_length(zz)
    assert run_length_inverse(symbols, dc=zz[0]) == zz
    for symbol, value in symbols:
        assert 0 <= symbol <= 255
        assert symbol & 15 == category(value)
        assert (value == 0) == (symbol in (EOB, ZRL))
    assert [symbol for symbol, _ in symbols].count(EOB) == (zz[63] == 0)
    assert (EOB, 0) not in symbols[:-1]
    for i, (symbol, _) in enumerate(symbols):
        if symbol == ZRL:  # never before EOB: sixteen zeros only where a value follows
            assert i + 1 < len(symbols)
            assert symbols[i + 1][0] != EOB


@pytest.mark.parametrize(
    "symbols",
    [
        [(ZRL, 0)] * 4,
        [(ZRL, 0)] * 3 + [(0xF1, 1)],
        [(0x01, 1)] * 64,
    ],
)
def test_runs_past_the_last_coefficient(symbols: list[tuple[int, int]]) -> None:
    """There are 63 AC coefficients and no more."""
    with pytest.raises(ValueError, match="passes the last coefficient"):
        run_length_inverse(symbols)


def test_what_follows_eob_is_not_read() -> None:
    """EOB ends the block."""
    assert run_length_inverse([(0x01, 1), (EOB, 0), (0x01, 1)]) == zz_with({1: 1})


# The zigzag order


def test_a36_zigzag_reads_along_anti_diagonals() -> None:
    """Figure A.6: the sum of row and column never falls, and grows by one fourteen times."""
    rows, columns = np.indices((8, 8))
    sums = zigzag(rows + columns)
    assert sums == sorted(sums)
    assert zigzag(rows)[:6] == [0, 0, 1, 2, 1, 0]
    assert zigzag(columns)[:6] == [0, 1, 0, 0, 1, 2]
    assert zigzag(rows)[-3:] == [6, 7, 7]
    assert zigzag(columns)[-3:] == [7, 6, 7]


@BOUNDED
@given(st.lists(st.integers(-32768, 32767), min_size=64, max_size=64))
def test_zigzag_inverse_undoes_zigzag(values: list[int]) -> None:
    """Both ways round, for any block and any memory order."""
    block = np.array(values, np.int16).reshape(8, 8)
    zz = zigzag(block)
    assert sorted(zz) == sorted(values)
    np.testing.assert_array_equal(zigzag_inverse(zz), block)
    assert zigzag(zigzag_inverse(values)) == values
    assert zigzag(np.asfortranarray(block)) == zz


def test_zigzag_returns_python_integers() -> None:
    """Sixteen bits would wrap in the difference of two DC coefficients."""
    assert all(type(value) is int for value in zigzag(np.full((8, 8), -32768, np.int16)))


# DC prediction


@BOUNDED
@given(st.lists(st.integers(-32768, 32767), min_size=1, max_size=40), st.integers(-32768, 32767))
def test_a35_dc_values_undo_dc_differences(dc: list[int], dc_pred: int) -> None:
    """DIFF = DC − PRED, and summed up again; differences of 16-bit numbers do not wrap."""
    differences = dc_differences(np.array(dc, np.int16), dc_pred)
    assert differences.dtype == np.int32
    assert differences.tolist() == [b - a for a, b in zip([dc_pred, *dc], dc)]
    assert dc_values(differences, dc_pred).tolist() == dc


def test_a35_prediction_starts_from_zero() -> None:
    """At the start of a scan and of a restart interval PRED is 0."""
    assert dc_differences(np.array([50, 52, 49])).tolist() == [50, 2, -3]
    assert dc_differences(np.array([50, 52, 49]), 50).tolist() == [0, 2, -3]
    assert dc_differences(np.array([], np.int16)).tolist() == []
