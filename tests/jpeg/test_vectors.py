"""The kernels' own machine instructions and vectors of sixteen lanes, against NumPy.

Values are random over the whole range, and extremes next to each other, where sums and products wrap. With
compilation off the Python definitions that stand in are tested the same way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from jpeg_from_scratch.coefficients import zigzag

pytestmark = pytest.mark.both_backends

Array = npt.NDArray[Any]
LANES = 16
SHIFTS = (0, 1, 7, 15)


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile a function that uses lanes, as kernels are."""
    import numba

    return numba.njit(function)


def values(dtype: str, seed: int, count: int = 40 * LANES) -> Array:
    """Return numbers of a type: random ones of every magnitude, and many extremes."""
    rng = np.random.default_rng(seed)
    least, most = np.iinfo(dtype).min, np.iinfo(dtype).max
    bits = rng.integers(0, np.iinfo(dtype).bits, count)
    numbers = rng.integers(least, most, count, endpoint=True) >> bits
    extremes = rng.choice([least, least + 1, -1 if least else 1, 0, 1, most - 1, most], count)
    return np.where(rng.random(count) < 0.3, extremes, numbers).astype(dtype)


# Lanes


@pytest.mark.parametrize("dtype", ["int16", "int32"])
def test_arithmetic_of_lanes(dtype: str) -> None:
    """Sums, differences and products keep their width and wrap; so do those with one number."""
    from jpeg_from_scratch._kernels._lanes import load, store

    @compiled
    def calculate(left: Array, right: Array, number: int, out: Array) -> None:
        for i in range(0, left.shape[0], LANES):
            x, y = load(left, i), load(right, i)
            store(out[0], i, x + y)
            store(out[1], i, x - y)
            store(out[2], i, x * y)
            store(out[3], i, x + number)
            store(out[4], i, number - x)
            store(out[5], i, x * number)
            store(out[6], i, (x + y) * 5 - 3)

    x, y = values(dtype, 1), values(dtype, 2)
    out = np.zeros((7, len(x)), dtype)
    for number in (0, 1, -1, 181, np.iinfo(dtype).max, np.iinfo(dtype).min):
        calculate(x, y, number, out)
        a, b, n = x.astype(np.int64), y.astype(np.int64), np.int64(number)
        expected = [a + b, a - b, a * b, a + n, n - a, a * n, (a + b) * 5 - 3]
        np.testing.assert_array_equal(out, np.stack(expected).astype(dtype))


@pytest.mark.parametrize("dtype", ["int16", "int32"])
def test_shifts_of_lanes(dtype: str) -> None:
    """By one number, and each lane by its own: to the left bits are lost, to the right the sign stays."""
    from jpeg_from_scratch._kernels._lanes import load, store

    @compiled
    def shifted(left: Array, right: Array, number: int, out: Array) -> None:
        for i in range(0, left.shape[0], LANES):
            x, y = load(left, i), load(right, i)
            store(out[0], i, x << number)
            store(out[1], i, x >> number)
            store(out[2], i, x << y)
            store(out[3], i, x >> y)

    x = values(dtype, 3)
    amounts = (np.arange(len(x)) * 7 % np.iinfo(dtype).bits).astype(dtype)
    out = np.zeros((4, len(x)), dtype)
    for number in SHIFTS:
        shifted(x, amounts, number, out)
        wide = x.astype(np.int64)
        expected = [wide << number, wide >> number, wide << amounts, wide >> amounts]
        np.testing.assert_array_equal(out, np.stack(expected).astype(dtype))


def test_widths_and_limits() -> None:
    """int16 to int32 and back; clamped to limits; saturated."""
    from jpeg_from_scratch._kernels._lanes import clamped, load, narrow, saturated, store, wide

    @compiled
    def convert(small: Array, large: Array, low: int, high: int, narrows: Array, wides: Array) -> None:
        for i in range(0, small.shape[0], LANES):
            x, y = load(small, i), load(large, i)
            store(wides[0], i, wide(x))
            store(wides[1], i, wide(x) * wide(x))
            store(wides[2], i, clamped(y, low, high))
            store(narrows[0], i, narrow(y))
            store(narrows[1], i, saturated(y))
            store(narrows[2], i, clamped(x, low, high))

    x, y = values("int16", 4), values("int32", 5)
    narrows, wides = np.zeros((3, len(x)), np.int16), np.zeros((3, len(x)), np.int32)
    for low, high in ((0, 255), (-32768, 32767), (-1, 0), (7, 7)):
        convert(x, y, low, high, narrows, wides)
        np.testing.assert_array_equal(wides, [x, x.astype(np.int32) ** 2, y.clip(low, high)])
        expected = [y.astype(np.int16), y.clip(-32768, 32767), x.clip(low, high)]
        np.testing.assert_array_equal(narrows, expected)


def test_any_beyond() -> None:
    """One lane is enough, at any place; −32768 counts as 32768."""
    from jpeg_from_scratch._kernels._lanes import any_beyond, load

    @compiled
    def beyond(array: Array, position: int, limit: int) -> bool:
        return any_beyond(load(array, position), limit)

    for limit in (1, 2, 255, 1024, 32767, 32768):
        for number in {limit - 1, limit, 1 - limit, -limit, -32768, 32767, 0}:
            if not -32768 <= number <= 32767:
                continue
            for place in range(LANES):
                array = np.full(3 * LANES, -32768, np.int16)
                array[LANES : 2 * LANES] = 0
                array[LANES + place] = number
                assert bool(beyond(array, LANES, limit)) == (abs(number) >= limit), (limit, number, place)


@pytest.mark.parametrize("dtype", ["uint8", "int16", "int32"])
def test_loads_and_stores(dtype: str) -> None:
    """At any position, and not a byte beside it; bytes come without a sign, and keep the low eight bits."""
    from jpeg_from_scratch._kernels._lanes import load, store

    @compiled
    def copy(source: Array, at: int, target: Array, to: int) -> None:
        store(target, to, load(source, at) + 1)

    source = values(dtype, 6, 64)
    for at in range(20):
        target = np.full(64, 9, dtype)
        expected = target.copy()
        expected[at + 3 : at + 3 + LANES] = (source[at : at + LANES].astype(np.int64) + 1).astype(dtype)
        copy(source, at, target, at + 3)
        np.testing.assert_array_equal(target, expected)


@pytest.mark.parametrize("dtype", ["uint8", "int16"])
def test_stores_by_turns(dtype: str) -> None:
    """Two or three vectors of lanes, element by element, and not a byte beside them."""
    from jpeg_from_scratch._kernels._lanes import load, store_pairs, store_triples

    @compiled
    def mix(source: Array, pairs: Array, triples: Array, to: int) -> None:
        x, y, z = load(source, 0), load(source, LANES), load(source, 2 * LANES)
        store_pairs(pairs, to, x, y)
        store_triples(triples, to, x, y, z)

    source = values("int16", 7, 3 * LANES)
    rows = source.reshape(3, LANES).astype(dtype)
    for to in range(20):
        outs = np.full((2, 80), 9, dtype)
        expected = outs.copy()
        expected[0, to : to + 2 * LANES] = rows[:2].T.ravel()
        expected[1, to : to + 3 * LANES] = rows.T.ravel()
        mix(source, *outs, to)
        np.testing.assert_array_equal(outs, expected)


def test_transposed() -> None:
    """Two 8×8 matrices side by side, taken from two places, each turned into its transpose."""
    from jpeg_from_scratch._kernels._lanes import load_halves, store, transposed

    @compiled
    def turn(source: Array, second: int, out: Array) -> None:
        rows = transposed(
            (
                load_halves(source, 0, second),
                load_halves(source, 8, second + 8),
                load_halves(source, 16, second + 16),
                load_halves(source, 24, second + 24),
                load_halves(source, 32, second + 32),
                load_halves(source, 40, second + 40),
                load_halves(source, 48, second + 48),
                load_halves(source, 56, second + 56),
            )
        )
        for i in range(8):
            store(out, LANES * i, rows[i])

    source, out = values("int16", 8, 200), np.zeros(128, np.int16)
    for second in (64, 71, 136, 0):
        turn(source, second, out)
        matrices = [source[at : at + 64].reshape(8, 8).T for at in (0, second)]
        np.testing.assert_array_equal(out.reshape(8, LANES), np.hstack(matrices))


# Instructions for whole blocks


def blocks_of_coefficients() -> Iterator[Array]:
    """Yield blocks with one coefficient at each place, and random ones, sparse and dense."""
    for place in range(64):
        for value in (1, -1, 256, -32768):
            block = np.zeros(64, np.int16)
            block[place] = value
            yield block
    rng = np.random.default_rng(9)
    for density in (0, 0.05, 0.5, 1):
        for _ in range(20):
            yield values("int16", int(rng.integers(1 << 30)), 64) * (rng.random(64) < density)


def test_not_zero_in_zigzag() -> None:
    """One bit for each coefficient, in zigzag order; what stands beside the block has no say."""
    from jpeg_from_scratch._kernels._bits import not_zero_in_zigzag

    @compiled
    def mask(array: Array, start: int) -> int:
        return not_zero_in_zigzag(array, start)

    for n, block in enumerate(blocks_of_coefficients()):
        start = n % 67
        array = np.full(200, -1, np.int16)
        array[start : start + 64] = block
        expected = sum(1 << k for k, value in enumerate(zigzag(block.reshape(8, 8))) if value)
        assert int(mask(array, start)) == expected


def products(block: Array, right: Array, left: Array) -> Array:
    """Return (left · ((block · right + 2^15) >> 16) + 2^15) >> 16, the matrices laid out as in the kernel."""
    matrix = np.array([[right[row // 2, column, row % 2] for column in range(8)] for row in range(8)])
    half = block.astype(np.int64) @ matrix + (1 << 15) >> 16
    return left.astype(np.int64) @ half + (1 << 15) >> 16


def pairs_of_matrices() -> Iterator[tuple[Array, Array]]:
    """Yield the matrices of the forward transform, and random ones that are even and odd as it wants them."""
    from jpeg_from_scratch._kernels.dct import FROM_LEFT, FROM_RIGHT

    yield FROM_RIGHT.reshape(4, 8, 2), FROM_LEFT.reshape(8, 8)
    rng = np.random.default_rng(10)
    for largest in (1, 100, 8192):
        right = rng.integers(-2 * largest, 2 * largest, (4, 8, 2), endpoint=True)
        half = rng.integers(-largest, largest, (8, 4), endpoint=True)
        signs = np.where(np.arange(8) % 2, -1, 1)[:, None]
        yield right.astype(np.int16), np.hstack([half, signs * half[:, ::-1]]).astype(np.int16)


def test_transform_block() -> None:
    """Two products of matrices, of which high halves are kept: random blocks, and those of largest sums."""
    from jpeg_from_scratch._kernels._bits import transform_block

    @compiled
    def transform(
        samples: Array, position: int, stride: int, right: Array, left: Array, out: Array, place: int
    ) -> None:
        transform_block(samples, position, stride, right, left, out, place)

    rng = np.random.default_rng(11)
    for right, left in pairs_of_matrices():
        signs = [np.sign(np.outer(left[v], left[u])) for v in range(8) for u in range(8)]
        blocks = [np.where(sign < 0, -4096, 4064) for sign in signs]
        blocks += [-block - 32 for block in blocks]
        blocks += [rng.integers(-128, 128, (8, 8)) << 5 for _ in range(200)]
        blocks += [rng.choice([-4096, 4064], (8, 8)) for _ in range(200)]
        for n, block in enumerate(blocks):
            position, stride, place = n % 11, 8 + n % 13, n % 17
            samples = np.full(200, 30000, np.int16)
            for y in range(8):
                samples[position + stride * y : position + stride * y + 8] = block[y]
            out = np.full(96, 77, np.int16)
            expected = out.copy()
            expected[place : place + 64] = products(block, right, left).ravel()
            transform(samples, position, stride, right.ravel(), left.ravel(), out, place)
            np.testing.assert_array_equal(out, expected)
