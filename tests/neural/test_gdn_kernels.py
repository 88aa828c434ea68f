"""The kernels of GDN and the reference: equal but for rounding; the same bits for any number of threads."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from neural_from_scratch.backend import get_backend

pytestmark = pytest.mark.both_backends

COMMON = [(2, 0.5), (1, 1)]
TOLERANCE = {"float32": 3e-6, "float64": 1e-14}
WANTED = (True, True, True, False, False)


def run(backend, arrays, exponents, inverse, wanted=WANTED):
    gradient, *inputs = arrays
    y, *kept = backend.gdn(*inputs, *exponents, inverse)
    return y, *backend.gdn_backward(gradient, *inputs, *exponents, inverse, tuple(kept), wanted)[:3]


def case(shape, dtype, seed=0):
    rng = np.random.default_rng(seed)
    channels = shape[1]
    arrays = (
        rng.standard_normal(shape),
        rng.standard_normal(shape),
        rng.uniform(0.1, 1, channels),
        rng.uniform(0, 1 / channels, (channels, channels)),
    )
    return [array.astype(dtype) for array in arrays]


def assert_close(ours, theirs, dtype):
    for one, other in zip(ours, theirs, strict=True):
        assert one.dtype == other.dtype == dtype
        assert one.shape == other.shape
        scale = np.abs(other).max()
        np.testing.assert_allclose(one, other, rtol=0, atol=TOLERANCE[dtype] * scale)


@settings(max_examples=30, deadline=None, derandomize=True)
@given(
    st.tuples(st.integers(1, 4), st.integers(1, 40), st.integers(1, 20), st.integers(1, 20)),
    st.sampled_from(["float32", "float64"]),
    st.sampled_from(COMMON),
    st.booleans(),
)
def test_kernels_compute_what_the_reference_does(shape, dtype, exponents, inverse):
    arrays = case(shape, dtype)
    ours, theirs = (run(get_backend(name), arrays, exponents, inverse) for name in ("fast", "reference"))
    assert_close(ours, theirs, dtype)


@pytest.mark.parametrize("exponents", COMMON)
def test_blocks_that_end_inside_of_a_picture_or_of_the_next(exponents, monkeypatch):
    """Blocks of 32 pixels, and pictures of 1, 15, 31, 32, 33 and 70: every way to lie across each other."""
    from neural_from_scratch._kernels import gdn

    monkeypatch.setattr(gdn, "BLOCK", 32 * 3 * 8)
    for pixels in (1, 15, 31, 32, 33, 70):
        for pictures in (1, 2, 5, 40):
            arrays = case((pictures, 3, 1, pixels), "float64")
            ours, theirs = (run(get_backend(name), arrays, exponents, True) for name in ("fast", "reference"))
            assert_close(ours, theirs, "float64")


def test_items_hold_every_pixel_once(monkeypatch):
    from neural_from_scratch._kernels import gdn

    for shape in ((1, 1, 1), (3, 64, 5000), (2, 128, 98304), (1, 5000, 7), (9, 7, 1)):
        flat = np.broadcast_to(np.float32(0), shape)
        block, items = gdn.plan(flat)
        assert [first for first, _ in items] == [0, *(stop for _, stop in items[:-1])]
        assert items[-1][1] == shape[0] * shape[2]
        assert all(first < stop for first, stop in items)
        assert block % 64 == 32  # an odd number of tiles


@pytest.mark.parametrize("exponents", COMMON)
def test_bits_do_not_depend_on_threads_or_runs(exponents, monkeypatch):
    import numba

    from neural_from_scratch._kernels import gdn

    monkeypatch.setattr(gdn, "BLOCK", 1 << 12)
    arrays = case((3, 24, 31, 33), "float32")
    several = [run(get_backend("fast"), arrays, exponents, False) for _ in range(3)]
    threads = numba.get_num_threads()
    numba.set_num_threads(1)
    try:
        one = run(get_backend("fast"), arrays, exponents, False)
    finally:
        numba.set_num_threads(threads)
    for result in several:
        for array, other in zip(result, one):
            np.testing.assert_array_equal(array, other)


def test_nothing_is_kept_where_nothing_is_to_go_back():
    _, *inputs = case((1, 3, 4, 5), "float32")
    assert len(get_backend("fast").gdn(*inputs, 2, 0.5, False, False)) == 1


def test_inputs_are_not_changed():
    arrays = case((2, 8, 9, 10), "float32")
    copies = [array.copy() for array in arrays]
    run(get_backend("fast"), arrays, (2, 0.5), True)
    for array, copy in zip(arrays, copies):
        np.testing.assert_array_equal(array, copy)


@pytest.mark.parametrize("wanted", [(True, False, False), (False, True, False), (False, False, True)])
def test_each_gradient_alone_is_that_of_all_together(wanted):
    arrays = case((2, 8, 9, 10), "float32")
    together = run(get_backend("fast"), arrays, (2, 0.5), False)[1:]
    alone = run(get_backend("fast"), arrays, (2, 0.5), False, (*wanted, False, False))[1:]
    for is_wanted, one, other in zip(wanted, alone, together):
        if is_wanted:
            np.testing.assert_array_equal(one, other)
        else:
            assert one is None


@pytest.mark.parametrize("exponents", COMMON)
def test_a_measure_beyond_float32_is_infinite_not_nan(exponents):
    x = np.full((1, 2, 1, 20), 1e30, np.float32)
    gamma = np.full((2, 2), 1e12, np.float32)
    with np.errstate(over="ignore"):
        y, *_ = get_backend("fast").gdn(x, np.ones(2, np.float32), gamma, *exponents, False)
    np.testing.assert_array_equal(y, np.zeros_like(x))


@pytest.mark.parametrize(
    "shape", [(1, 8, 1, 1), (3, 16, 1, 31), (2, 64, 3, 11), (1, 64, 41, 53), (5, 24, 33, 7)]
)
@pytest.mark.parametrize("inverse", [False, True])
def test_zeros_that_fill_up_tiles_add_nothing(shape, inverse):
    """After a run on NaN, too, which leaves NaN in the work buffers."""
    arrays = case(shape, "float32")
    bad = [np.full_like(arrays[0], np.nan), np.full_like(arrays[1], np.nan), *arrays[2:]]
    for exponents in COMMON:
        expected = run(get_backend("reference"), arrays, exponents, inverse)
        run(get_backend("fast"), bad, exponents, inverse)
        assert_close(run(get_backend("fast"), arrays, exponents, inverse), expected, "float32")


def test_a_little_work_is_one_item():
    from neural_from_scratch._kernels import gdn

    assert len(gdn.plan(np.broadcast_to(np.float32(0), (1, 64, 1024)))[1]) == 1
    assert len(gdn.plan(np.broadcast_to(np.float32(0), (1, 64, 1025)))[1]) == 2
