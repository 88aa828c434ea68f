"""From scales in integers to tables: edges between the levels, and which table a latent takes at any step."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from neural_from_scratch.gaussian_model import scale_levels
from neural_from_scratch.integer_hyperprior import Expected, scale_edges
from neural_from_scratch.integer_layers import LIMIT

INT32 = np.iinfo(np.int32)


def test_edges() -> None:
    """They rise strictly, lie between their levels, and are the geometric means rounded down."""
    edges, levels = scale_edges(), scale_levels()
    assert edges.dtype == np.int32
    assert edges.shape == (63,)
    assert (np.diff(edges) > 0).all()
    assert ((levels[:-1] * 1024 < edges) & (edges < levels[1:] * 1024)).all()
    for edge, lower, upper in zip(edges.tolist(), levels, levels[1:]):
        square = Fraction(float(lower)) * Fraction(float(upper)) * 2**20
        assert edge**2 <= square < (edge + 1) ** 2


def table_by_definition(scale: int, step: int, edges: np.ndarray) -> int:
    """How many edges σ is above, in steps of the coder."""
    sigma = Fraction(scale, 1024) / Fraction(step, 64)
    return sum(sigma > Fraction(int(edge), 1024) for edge in edges)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(
    st.one_of(st.integers(-LIMIT, LIMIT), st.integers(0, 1 << 12), st.integers(0, 1 << 18)),
    st.one_of(st.integers(1, 1024), st.just(64)),
    st.integers(0, 62),
    st.integers(-1, 1),
)
def test_tables_are_those_of_fractions(scale: int, step: int, which: int, aside: int) -> None:
    """Anywhere, and right beside an edge; they rise with σ, and fall as the step rises."""
    edges = scale_edges()
    beside = int(edges[which]) * step // 64 + aside
    scales = np.array([[[scale, scale + 1, beside, INT32.max, INT32.min, 0]]], np.int32)
    found = Expected(scales, None).indexes(edges, step)
    assert found.dtype == np.int32
    assert found.shape == scales.shape
    assert found.ravel().tolist() == [table_by_definition(int(s), step, edges) for s in scales.ravel()]
    assert found[0, 0, 0] <= found[0, 0, 1]
    assert found[0, 0, 3:].tolist()[:2] == [63, 0]
    if step < 1024:
        assert (Expected(scales, None).indexes(edges, step + 1) <= found).all()


def test_every_table_is_chosen_by_its_level() -> None:
    """A σ that is a level has its own table, at any step that leaves it within the tables."""
    whole_levels = np.rint(scale_levels() * 1024).astype(np.int32)[np.newaxis, np.newaxis]
    np.testing.assert_array_equal(Expected(whole_levels, None).indexes(scale_edges())[0, 0], np.arange(64))
    for step in (16, 256, 1024):
        scaled = (scale_levels() * 1024 * step / 64).round().astype(np.int32)[np.newaxis, np.newaxis]
        difference = np.abs(Expected(scaled, None).indexes(scale_edges(), step)[0, 0] - np.arange(64))
        assert difference.max() == 0
