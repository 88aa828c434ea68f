"""The fast convolutions against the reference in double precision; layouts; the same bits each time."""

from importlib.util import find_spec

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neural_from_scratch.backend import get_backend
from neural_from_scratch.ops import convolution as reference

if find_spec("numba") is not None:
    from neural_from_scratch._kernels import columns, products, winograd

pytestmark = pytest.mark.both_backends

FAST = get_backend("fast")
TOLERANCE = 5e-6  # of the largest number; sums of some thousand products of float32


def distance(ours: np.ndarray, expected: np.ndarray) -> float:
    """Return the largest distance, as a part of the largest number."""
    assert ours.shape == expected.shape
    assert ours.dtype == np.float32
    if not expected.size:
        return 0.0
    return float(np.abs(ours - expected).max() / max(np.abs(expected).max(), 1e-6))


def all_three(seed, shape, outputs, kernel, stride, padding, groups, with_bias=True):
    """Return the largest distance of the three sums from the reference's."""
    random = np.random.default_rng(seed)
    x = random.standard_normal(shape, np.float32)
    weight = random.standard_normal((outputs, shape[1] // groups, *kernel), np.float32)
    biases = [
        random.standard_normal(n).astype(np.float32) if with_bias else None for n in (outputs, shape[1])
    ]
    doubles = [None if bias is None else bias.astype(float) for bias in biases]
    rest = (stride, padding, groups)
    expected = reference.correlate(x.astype(float), weight.astype(float), doubles[0], *rest)
    gradient = random.standard_normal(expected.shape).astype(np.float32)
    back = reference.correlate_transposed(
        gradient.astype(float), weight.astype(float), doubles[1], *rest, shape[2:]
    )
    weights = reference.correlate_weights(x.astype(float), gradient.astype(float), kernel, *rest)
    return max(
        distance(FAST.correlate(x, weight, biases[0], *rest), expected),
        distance(FAST.correlate_transposed(gradient, weight, biases[1], *rest, shape[2:]), back),
        distance(FAST.correlate_weights(x, gradient, kernel, *rest), weights),
    )


@settings(max_examples=60, deadline=None, derandomize=True)
@given(data=st.data())
def test_any_shape_is_the_reference(data: st.DataObject) -> None:
    small = st.integers(1, 3)
    groups = data.draw(small)
    kernel = tuple(data.draw(st.tuples(st.integers(1, 6), st.integers(1, 6))))
    stride = data.draw(st.tuples(st.integers(1, 4), st.integers(1, 4)))
    padding = data.draw(st.tuples(st.integers(0, 5), st.integers(0, 5)))
    size = tuple(data.draw(st.integers(max(1, kernel[i] - 2 * padding[i]), 20)) for i in range(2))
    shape = (data.draw(small), groups * data.draw(small), *size)
    seed, with_bias = data.draw(st.integers(0, 1000)), data.draw(st.booleans())
    assert (
        all_three(seed, shape, groups * data.draw(small), kernel, stride, padding, groups, with_bias)
        < TOLERANCE
    )


@settings(max_examples=40, deadline=None, derandomize=True)
@given(
    shape=st.tuples(st.integers(1, 3), st.integers(8, 11), st.integers(5, 40), st.integers(5, 40)),
    outputs=st.integers(8, 11),
    padding=st.tuples(st.integers(0, 4), st.integers(0, 4)),
    seed=st.integers(0, 1000),
    with_bias=st.booleans(),
)
def test_short_convolutions_are_the_reference(shape, outputs, padding, seed, with_bias) -> None:
    assert all_three(seed, shape, outputs, (5, 5), (2, 2), padding, 1, with_bias) < TOLERANCE


@pytest.mark.parametrize(
    "shape",
    [
        (1, 8, 1, 1),
        (1, 8, 1, 9),
        (8, 16, 2, 2),
        (1, 8, 3, 1700),
        (1, 8, 130, 6),
        (2, 9, 66, 70),
        (8, 16, 16, 16),
    ],
    ids=str,
)
@pytest.mark.parametrize("outputs", [8, 17])
def test_short_convolutions_of_unusual_maps(shape, outputs) -> None:
    assert all_three(1, shape, outputs, (5, 5), (2, 2), (2, 2), 1) < TOLERANCE


def test_both_ways_give_the_same_layer() -> None:
    random = np.random.default_rng(9)
    x = random.standard_normal((2, 9, 21, 18), np.float32)
    weight = random.standard_normal((12, 9, 5, 5), np.float32)
    stride, padding = (2, 2), (2, 2)
    forward = [
        columns.correlate(x, weight, None, stride, padding, 1),
        winograd.correlate(x, weight, None, padding),
    ]
    y = forward[0]
    back = [
        columns.correlate_transposed(y, weight, None, stride, padding, 1, x.shape[2:]),
        winograd.correlate_transposed(y, weight, None, padding, x.shape[2:]),
    ]
    for one, other in (forward, back):
        assert distance(one, other.astype(float)) < TOLERANCE


def test_several_blocks_of_columns() -> None:
    assert all_three(2, (2, 3, 150, 203), 6, (5, 5), (2, 2), (2, 2), 1) < TOLERANCE
    assert all_three(3, (1, 16, 90, 120), 16, (3, 3), (1, 1), (1, 1), 2) < TOLERANCE
    assert all_three(4, (1, 4, 64, 64), 200, (1, 1), (1, 1), (0, 0), 1) < TOLERANCE


@pytest.mark.parametrize("channels", [3, 16])
def test_arrays_that_are_not_contiguous(channels) -> None:
    random = np.random.default_rng(5)
    x = random.standard_normal((20, 24, channels, 2), np.float32).transpose(3, 2, 0, 1)
    weight = random.standard_normal((5, 5, 2 * channels, 32), np.float32).transpose(3, 2, 0, 1)[:, ::2]
    rest = ((2, 2), (2, 2), 1)
    y = FAST.correlate(x, weight, None, *rest)
    gradient = y[:, :, ::-1, ::-1]
    copies = [array.copy() for array in (x, weight, gradient)]
    np.testing.assert_array_equal(y, FAST.correlate(*copies[:2], None, *rest))
    np.testing.assert_array_equal(
        FAST.correlate_transposed(gradient, weight, None, *rest, (20, 24)),
        FAST.correlate_transposed(copies[2], copies[1], None, *rest, (20, 24)),
    )
    np.testing.assert_array_equal(
        FAST.correlate_weights(x, gradient, (5, 5), *rest),
        FAST.correlate_weights(copies[0], copies[2], (5, 5), *rest),
    )


@pytest.mark.parametrize("channels", [3, 16])
@pytest.mark.parametrize("size", [(90, 110), (40, 33)], ids=str)
def test_the_same_bits_with_one_thread_and_with_all(channels, size) -> None:
    import numba

    random = np.random.default_rng(6)
    x = random.standard_normal((2, channels, *size), np.float32)
    weight = random.standard_normal((16, channels, 5, 5), np.float32)
    rest = ((2, 2), (2, 2), 1)

    def results() -> list[np.ndarray]:
        y = FAST.correlate(x, weight, None, *rest)
        back = FAST.correlate_transposed(y, weight, None, *rest, x.shape[2:])
        return [y, back, FAST.correlate_weights(x, y, (5, 5), *rest)]

    before, several = numba.get_num_threads(), results()
    try:
        numba.set_num_threads(1)
        one = results()
    finally:
        numba.set_num_threads(before)
    for a, b, c in zip(several, one, results(), strict=True):
        np.testing.assert_array_equal(a, b)
        np.testing.assert_array_equal(a, c)


@pytest.mark.parametrize("channels", [2, 16])
def test_an_empty_batch_and_one_that_was_larger_before(channels) -> None:
    weight = np.ones((16, channels, 5, 5), np.float32)
    rest = ((2, 2), (2, 2), 1)
    FAST.correlate(
        np.full((3, channels, 30, 30), np.nan, np.float32), weight, None, *rest
    )  # spoils the work buffers
    empty = FAST.correlate(np.ones((0, channels, 8, 8), np.float32), weight, None, *rest)
    assert empty.shape == (0, 16, 4, 4)
    assert not FAST.correlate_weights(np.ones((0, channels, 8, 8), np.float32), empty, (5, 5), *rest).any()
    assert FAST.correlate_transposed(empty, weight, None, *rest, (8, 8)).shape == (0, channels, 8, 8)
    assert all_three(7, (1, channels, 9, 13), 16, (5, 5), (2, 2), (2, 2), 1) < TOLERANCE


@pytest.mark.parametrize("channels", [2, 16])
def test_nan_flows_through_to_all_that_sees_it(channels) -> None:
    x = np.ones((1, channels, 40, 40), np.float32)
    x[0, 1, 20, 20] = np.nan
    y = FAST.correlate(x, np.ones((16, channels, 5, 5), np.float32), None, (2, 2), (2, 2), 1)
    assert np.isnan(y[0, :, 9:12, 9:12]).all()
    assert np.isfinite(y[0, :, :8]).all()
    assert np.isfinite(y[0, :, 13:]).all()


def test_float64_is_computed_in_float64() -> None:
    x, weight = np.ones((1, 8, 9, 9)), np.full((8, 8, 5, 5), 0.1)
    y = FAST.correlate(x, weight, None, (2, 2), (2, 2), 1)
    assert y.dtype == np.float64
    np.testing.assert_array_equal(y, reference.correlate(x, weight, None, (2, 2), (2, 2), 1))


@pytest.mark.parametrize(("rows", "columns"), [(16, 64), (16, 80), (8, 16), (12, 64), (16, 50)])
def test_a_product_in_groups_is_a_product(rows: int, columns: int) -> None:
    random = np.random.default_rng(11)
    a, b = random.standard_normal((rows, 7), np.float32), random.standard_normal((7, columns), np.float32)
    group = products.group_of(rows)
    c = np.empty((rows, columns), np.float32)
    products.multiply_grouped(a.reshape(-1, group, 7).swapaxes(1, 2).ravel(), b, c, group)
    assert distance(c, a.astype(float) @ b) < 1e-6
