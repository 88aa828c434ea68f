"""Tables and values for the tests of the range coder: ordinary, extreme, and far beyond the table."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from hypothesis import strategies as st

from neural_from_scratch.entropy_tables import TOTAL, CdfTables

INT32 = np.iinfo(np.int32)


def tables_of(frequencies: Sequence[Sequence[int]], offsets: Iterable[int]) -> CdfTables:
    """Tables of whole frequencies, each row with the sum 65536, the escape's last."""
    longest = max(len(row) for row in frequencies)
    cdf = np.zeros((len(frequencies), longest + 1), np.int32)
    for t, row in enumerate(frequencies):
        cdf[t, 1 : len(row) + 1] = np.cumsum(row)
    lengths = np.array([len(row) + 1 for row in frequencies], np.int32)
    return CdfTables(cdf, lengths, np.array(list(offsets), np.int32))


EXTREMES = [
    [TOTAL],  # nothing but the escape
    [65535, 1],
    [1, 65535],
    [1, 65534, 1],
    [1] * 100 + [TOTAL - 200] + [1] * 100,
    [TOTAL - 300] + [1] * 300,
    [256] * 256,
    [32768, 32768],
]


@st.composite
def frequencies(draw):
    """One row: an extreme one, or cuts at random."""
    if draw(st.integers(0, 2)) == 0:
        return draw(st.sampled_from(EXTREMES))
    cuts = sorted(draw(st.sets(st.integers(1, TOTAL - 1), max_size=12)))
    return np.diff([0, *cuts, TOTAL]).tolist()


@st.composite
def messages(draw, most=60):
    """Values, indexes and tables: in the table, about its edges, far beyond, at the ends of int32."""
    rows = draw(st.lists(frequencies(), min_size=1, max_size=4))
    edges = st.sampled_from([INT32.min, INT32.max - 400, 0, -3])
    offsets = [draw(st.one_of(st.integers(-20, 5), edges)) for _ in rows]
    tables = tables_of(rows, offsets)
    indexes = draw(st.lists(st.integers(0, len(rows) - 1), max_size=most))
    values = []
    for t in indexes:
        symbols = len(rows[t])
        inside = st.integers(0, symbols - 1)
        about = st.integers(-5, symbols + 5)
        power = st.integers(0, 32).map(lambda n: 1 << n)
        far = st.tuples(power, st.sampled_from([-1, 1]), st.integers(-1, 1)).map(lambda x: x[0] * x[1] + x[2])
        symbol = draw(st.one_of(inside, inside, about, far))
        values.append(min(max(offsets[t] + symbol, INT32.min), INT32.max))
    return np.array(values, np.int32), np.array(indexes, np.int32), tables


def steps(values, indexes, tables):
    """Steps of the coder: a value each, and the bits of escapes."""
    symbols = values.astype(np.int64) - tables.offsets[indexes]
    inside = (symbols >= 0) & (symbols < tables.lengths[indexes] - 2)
    return values.size + 66 * int((~inside).sum())


def laplacian(channels=24, size=200, low=0.05, high=5.0, seed=0):
    """Values (channels, size) of two-sided exponential channels, and their tables."""
    rng = np.random.default_rng(seed)
    spreads = np.geomspace(low, high, channels)
    values = np.rint(rng.laplace(size=(channels, size)) * spreads[:, None]).astype(np.int32)
    pmfs, offsets = [], []
    for spread in spreads:
        n = int(np.ceil(5 * spread))
        pmf = np.exp(-np.abs(np.arange(-n, n + 1)) / max(spread, 0.2))
        pmfs.append(0.999 * pmf / pmf.sum())
        offsets.append(-n)
    return values, CdfTables.from_pmfs(pmfs, offsets, [0.001] * channels)
