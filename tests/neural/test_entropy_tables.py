"""Probabilities become whole frequencies: the best ones, with a bound on the waste; what a table is."""

from itertools import product

import numpy as np
import pytest
from coder_cases import INT32, tables_of
from hypothesis import given, settings
from hypothesis import strategies as st

from neural_from_scratch import entropy_tables
from neural_from_scratch.entropy_tables import TOTAL, CdfTables, quantize_pmf, trim_tails

PROPERTY = settings(max_examples=80, deadline=None, derandomize=True)
PMFS = st.lists(
    st.one_of(st.floats(0, 1), st.floats(0, 1e-4), st.just(0.0), st.sampled_from([1e-300, 5e-324, 1e308])),
    min_size=1,
    max_size=40,
).filter(lambda p: max(p) > 0)


def normalised(pmf):
    p = np.array(pmf) / max(pmf)
    return p / p.sum()


def cost(p, frequencies):
    """Mean bits of a symbol."""
    return float((p * np.log2(TOTAL / np.asarray(frequencies))).sum())


def waste(p, frequencies):
    kept = p > 0
    return float((p[kept] * np.log2(p[kept] * TOTAL / frequencies[kept])).sum())


def gaussian(deviation, half_width):
    p = np.exp(-0.5 * (np.arange(-half_width, half_width + 1) / deviation) ** 2)
    return p / p.sum()


# The rule


@PROPERTY
@given(PMFS)
def test_frequencies_are_positive_and_sum_to_the_total(pmf):
    frequencies = quantize_pmf(pmf)
    assert frequencies.dtype == np.int32
    assert frequencies.min() >= 1
    assert frequencies.sum() == TOTAL


@PROPERTY
@given(PMFS)
def test_waste_is_below_the_bound_of_equation_2(pmf):
    assert waste(normalised(pmf), quantize_pmf(pmf)) < np.log2(TOTAL / (TOTAL - len(pmf)))


@PROPERTY
@given(PMFS)
def test_no_move_of_one_count_saves_anything(pmf):
    p, f = normalised(pmf), quantize_pmf(pmf).astype(float)
    gain = (p * np.log2((f + 1) / f)).max()
    kept = f > 1
    loss = (p[kept] * np.log2(f[kept] / (f[kept] - 1))).min()
    assert gain <= loss * (1 + 1e-9)


@pytest.mark.parametrize("total", [4, 7, 16])
def test_the_best_of_all_frequencies_by_trying_all(total, monkeypatch):
    monkeypatch.setattr(entropy_tables, "TOTAL", total)
    rng = np.random.default_rng(total)
    for _ in range(40):
        p = rng.dirichlet(np.full(4, rng.choice([0.1, 1.0, 10.0])))
        best = min(cost(p, f) for f in product(range(1, total - 2), repeat=4) if sum(f) == total)
        assert cost(p, quantize_pmf(p)) == pytest.approx(best, abs=1e-12)


def test_the_vector_of_compressai_keeps_its_proportions():
    """CompressAI: [0, 21845, 65534, 65535, 65536] – its rounding loss goes elsewhere, by one count."""
    assert quantize_pmf([0.1, 0.2, 0.0, 0.0]).tolist() == [21845, 43689, 1, 1]


@pytest.mark.parametrize(
    ("deviation", "most"), [(0.3, 5e-4), (1.3, 1e-4), (15, 5e-4), (52, 1e-3), (256, 2e-3)]
)
def test_relative_waste_of_gaussian_tables(deviation, most):
    pmf, _, escape = trim_tails(gaussian(deviation, int(6.2 * deviation) + 1), 0, 1e-9)
    p = np.array([*pmf, escape])
    assert waste(p, quantize_pmf(p)) < most * cost(p, p * TOTAL)


def test_one_symbol_and_as_many_as_there_are_counts():
    assert quantize_pmf([0.3]).tolist() == [TOTAL]
    assert quantize_pmf(np.arange(TOTAL) + 1.0).tolist() == [1] * TOTAL


@pytest.mark.parametrize("pmf", [[], [[0.5, 0.5]], [-0.1, 1.1], [np.nan, 1], [np.inf, 1], [0.0, 0.0], 0.5])
def test_what_is_no_pmf(pmf):
    with pytest.raises(ValueError, match="pmf"):
        quantize_pmf(pmf)
    with pytest.raises(ValueError, match="pmf"):
        quantize_pmf(np.ones(TOTAL + 1))


# Tails


@pytest.mark.parametrize("deviation", [0.2, 1.0, 7.0, 60.0])
def test_trimming_saves_bits_escapes_included(deviation):
    half_width = int(9 * deviation) + 2
    p = gaussian(deviation, half_width)

    def mean_bits(pmf, offset, escape):
        tables = CdfTables.from_pmfs([pmf], [offset], [escape])
        values = np.arange(-half_width, half_width + 1, dtype=np.int32)
        zero = np.zeros(1, np.int32)
        return sum(q * tables.code_length(v[None], zero) for q, v in zip(p, values))

    whole = mean_bits(p, -half_width, 1e-12)
    trimmed = trim_tails(p, -half_width, 1e-12)
    assert len(trimmed[0]) < len(p)
    assert mean_bits(*trimmed) < whole + 1e-6


def test_trimming_keeps_the_sum_and_one_symbol():
    pmf, offset, escape = trim_tails([1e-9, 3e-9, 2e-9], 10, 0.5)
    assert (pmf.tolist(), offset) == ([3e-9], 11)
    assert escape == pytest.approx(0.5 + 3e-9, rel=1e-15)
    with pytest.raises(ValueError, match="pmf has shape"):
        trim_tails([], 0, 1.0)


# Tables


def test_tables_of_different_lengths_are_padded_with_zeros():
    tables = CdfTables.from_pmfs([[0.5, 0.25], []], [-3, 7], [0.25, 1.0])
    assert tables.cdf.tolist() == [[0, 32768, 49152, 65536], [0, 65536, 0, 0]]
    assert tables.lengths.tolist() == [4, 2]
    assert tables.offsets.tolist() == [-3, 7]
    assert len(tables) == 2


def test_tables_do_not_change_with_the_arrays_they_were_made_of():
    cdf = np.array([[0, 5, TOTAL]], np.int32)
    tables = CdfTables(cdf, np.array([3], np.int32), np.array([0], np.int32))
    cdf[0, 1] = 9
    assert tables.cdf[0, 1] == 5
    with pytest.raises(ValueError, match="read-only"):
        tables.cdf[0, 1] = 9


@pytest.mark.parametrize(
    ("row", "length", "offset"),
    [
        ([1, 5, TOTAL, 0], 3, 0),
        ([0, 5, TOTAL - 1, 0], 3, 0),
        ([0, 5, 5, TOTAL], 4, 0),
        ([0, 6, 5, TOTAL], 4, 0),
        ([0, 5, TOTAL, 1], 3, 0),
        ([0, -5, TOTAL, 0], 3, 0),
        ([0, 5, TOTAL, 0], 2, 0),
        ([0, 5, TOTAL, 0], 4, 0),
        ([0, 5, TOTAL, 0], 5, 0),
        ([0, 5, TOTAL, 0], 1, 0),
        ([0, 5, TOTAL, 0], -1, 0),
        ([0, 5, 6, TOTAL], 4, INT32.max),
    ],
)
def test_rows_that_are_no_tables(row, length, offset):
    cdf = np.array([[0, TOTAL, 0, 0], row], np.int32)
    with pytest.raises(ValueError, match="table 1 "):
        CdfTables(cdf, np.array([2, length], np.int32), np.array([0, offset], np.int32))


@pytest.mark.parametrize(
    ("shapes", "dtype", "error"),
    [
        (((1, 2), (2,), (1,)), np.int32, ValueError),
        (((1, 2), (1,), (1, 1)), np.int32, ValueError),
        (((2,), (1,), (1,)), np.int32, ValueError),
        (((1, 1), (1,), (1,)), np.int32, ValueError),
        (((1, 2), (1,), (1,)), np.int64, TypeError),
    ],
)
def test_arrays_that_do_not_fit(shapes, dtype, error):
    with pytest.raises(error):
        CdfTables(*(np.zeros(shape, dtype) for shape in shapes))


def test_no_tables_at_all_are_tables():
    assert len(CdfTables.from_pmfs([], [], [])) == 0


def test_starts_are_the_owners_of_every_256th_count():
    tables = tables_of([[100, 200, 1, 65235], [65536]], [0, 0])
    owners = np.searchsorted([0, 100, 300, 301], np.arange(0, TOTAL, 256), side="right") - 1
    assert tables.starts.tolist() == [owners.tolist(), [0] * 256]


def test_code_length_counts_side_and_gamma_code():
    tables = tables_of([[32768, 16384, 16384]], [-1])
    zero = np.zeros(1, np.int32)
    expected = {
        -1: 1,
        0: 2,
        1: 2 + 1 + 1,
        -2: 2 + 1 + 1,
        2: 2 + 1 + 3,
        3: 2 + 1 + 3,
        4: 2 + 1 + 5,
        1000: 2 + 1 + 19,
    }
    expected |= {INT32.min: 2 + 1 + 61, INT32.max: 2 + 1 + 61}
    for value, bits in expected.items():
        assert tables.code_length(np.array([value], np.int32), zero) == bits, value
    assert tables.code_length(np.zeros((3, 4), np.int32), np.zeros((3, 1), np.int32)) == 24
