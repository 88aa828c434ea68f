"""The integer hyper-decoder: Python's own integers, ends of ranges, any order of sums, and the float h_s."""

from __future__ import annotations

import itertools
import math
import tracemalloc
from fractions import Fraction

import numpy as np
import pytest
import threadpoolctl
from codec_cases import picture
from hyper_cases import NAMES, hyper_weights
from hypothesis import example, given, settings
from hypothesis import strategies as st

from neural_from_scratch import codec, integer_layers, use_backend
from neural_from_scratch.backend import BACKENDS
from neural_from_scratch.integer_hyperprior import Expected, IntegerHyperDecoder, scale_edges
from neural_from_scratch.integer_layers import LIMIT, MOST_PRODUCTS, run_layer, whole_layer
from neural_from_scratch.layers import Conv2d, ConvTranspose2d, LeakyReLU, ReLU, Sequential
from neural_from_scratch.models import MeanScaleHyperprior, ScaleHyperprior
from neural_from_scratch.models.hyperprior import Hyperprior
from neural_from_scratch.tensor import Tensor, no_grad

INT32 = np.iinfo(np.int32)
Maps = list[list[list[int]]]  # channels, rows, columns


# --------------------------------------------------------------------------------------------------
# Equation 1 in Python's own integers


def whole(number: float, bits: int) -> int:
    """A number times 2^bits, rounded; halves to the even one."""
    return round(Fraction(float(number)) * 2**bits)


def shift_of(weight: np.ndarray) -> int:
    """The largest g, from 0 to 15, that keeps weights within ±2^15."""
    largest = Fraction(float(np.abs(weight).max()))
    return max(g for g in range(16) if largest * 2**g <= 2**15)


def by_definition(layer: Conv2d, after: object, a: Maps) -> Maps:
    """One layer, loop by loop."""
    weight = layer.weight.data
    g = shift_of(weight)
    rows, columns = len(a[0]), len(a[0][0])
    is_transposed = isinstance(layer, ConvTranspose2d)
    side = 2 if is_transposed else 1
    biases = [whole(bias, 10 + g) for bias in layer.bias.data]
    sums = [[[bias] * (side * columns) for _ in range(side * rows)] for bias in biases]
    for index in np.ndindex(*weight.shape):
        c, o = index[:2] if is_transposed else index[1::-1]
        w = whole(weight[index], g)
        for i, j in np.ndindex(rows, columns):
            if is_transposed:
                to, source = (2 * i - 2 + index[2], 2 * j - 2 + index[3]), (i, j)
            else:
                to, source = (i, j), (i - 1 + index[2], j - 1 + index[3])
            inside = zip((*to, *source), (side * rows, side * columns, rows, columns))
            if all(0 <= place < size for place, size in inside):
                sums[o][to[0]][to[1]] += w * a[c][source[0]][source[1]]
    half = 2 ** (g - 1) if g else 0
    return [[[activated(clipped(total + half >> g), after) for total in row] for row in p] for p in sums]


def clipped(number: int) -> int:
    return max(-(2**24), min(2**24, number))


def activated(number: int, after: object) -> int:
    if isinstance(after, ReLU):
        return max(number, 0)
    if isinstance(after, LeakyReLU) and number < 0:
        return 41 * number + 2**11 >> 12
    return number


def expected_by_definition(model: Hyperprior, symbols: np.ndarray) -> np.ndarray:
    """What h_s makes of symbols, not cut."""
    medians = [whole(median, 10) for median in model.entropy_bottleneck.medians.ravel()]
    a = [
        [[clipped(1024 * k + median) for k in row] for row in plane]
        for plane, median in zip(symbols.tolist(), medians)
    ]
    layers = [*model.h_s, None]
    for layer, after in itertools.pairwise(layers):
        if isinstance(layer, Conv2d):
            a = by_definition(layer, after, a)
    return np.array(a)


def drawn_model(kind: type, seed: int, exponents: tuple[int, int, int], biases: int) -> Hyperprior:
    """A model of 2 channels; weights up to 2 to the exponents, some of them 0, some float16's smallest."""
    random = np.random.default_rng(seed)
    model: Hyperprior = kind(2, 2, rng=random)
    layers = [layer for layer in model.h_s if isinstance(layer, Conv2d)]
    for layer, exponent in zip(layers, exponents):
        assert layer.bias is not None
        shape = layer.weight.shape
        drawn = random.choice([random.uniform(-1, 1, shape), np.ones(shape), -np.ones(shape)]) * 2.0**exponent
        drawn = np.where(random.random(shape) < 0.1, 2.0**-24, drawn) * (random.random(shape) < 0.8)
        layer.weight.data = drawn.astype(np.float16).astype(np.float32)
        drawn = np.clip(random.uniform(-1, 1, layer.bias.shape) * 2.0**biases, -65504, 65504)
        layer.bias.data = drawn.astype(np.float16).astype(np.float32)
    medians = random.choice([random.uniform(-8, 8, (2, 1)), np.full((2, 1), 65504.0)])
    model.entropy_bottleneck.quantiles.data[:, :, 1] = medians.astype(np.float16)
    return model


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    st.sampled_from([ScaleHyperprior, MeanScaleHyperprior]),
    st.integers(0, 2**32 - 1),
    st.tuples(*[st.integers(-24, 15)] * 3),
    st.integers(-20, 16),
    st.lists(st.one_of(st.integers(-40, 40), st.integers(INT32.min, INT32.max)), min_size=8, max_size=8),
    st.sampled_from([(1, 1), (4, 8), (3, 6), (8, 5)]),
)
@example(ScaleHyperprior, 1, (-30, -30, -30), -30, [5] * 8, (4, 8))  # weights that are all 0
@example(MeanScaleHyperprior, 2, (15, 15, 15), 16, [INT32.min, INT32.max] * 4, (4, 8))
@example(MeanScaleHyperprior, 3, (-1, -1, -1), 2, [INT32.max, INT32.min, 0, 0, 1, -1, 2, -2], (8, 4))
def test_it_is_equation_1(kind, seed, exponents, biases, symbols, size) -> None:
    """Any weights, any symbols, both back ends: each number is that of plain loops in Python's integers."""
    model = drawn_model(kind, seed, exponents, biases)
    z = np.resize(np.array(symbols, np.int32), (2, -(-size[0] // 4), -(-size[1] // 4)))
    expected = expected_by_definition(model, z)[:, : size[0], : size[1]]
    for backend in BACKENDS:
        with use_backend(backend):
            found = IntegerHyperDecoder(model).expected(z, *size)
        np.testing.assert_array_equal(found.scales, expected[:2])
        assert found.scales.dtype == np.int32
        if kind is MeanScaleHyperprior:
            np.testing.assert_array_equal(found.means, expected[2:])
            np.testing.assert_array_equal(found.float_means.astype(np.float64) * 1024, expected[2:])
        else:
            assert found.means is None
            assert found.float_means == 0


def test_medians_are_added() -> None:
    """What h_s meets is z, not its symbols; the loops above might have forgotten it too."""
    model = drawn_model(MeanScaleHyperprior, 7, (-3, -3, -3), 0)
    zero = np.zeros((2, 1, 1), np.int32)
    found = []
    for median, symbols in ((3, zero), (4, zero), (4, zero - 1)):
        model.entropy_bottleneck.quantiles.data[:, :, 1] = median
        found.append(IntegerHyperDecoder(model).expected(symbols, 4, 4))
    assert same(found[0], found[2])
    assert not same(found[0], found[1])


# --------------------------------------------------------------------------------------------------
# Ranges


def test_the_largest_sums_are_exact() -> None:
    """910 channels of the largest values, weights and bias: below 2^53, and each partial sum is exact."""
    layer = Conv2d(910, 1, 3, padding=1, rng=np.random.default_rng(0))
    layer.weight.data[:] = 1
    layer.weight.data[:, ::2] = np.float32(1 - 2**-11)
    layer.weight.data[0, -1, 2, 2] = 2.0**-15
    assert layer.bias is not None
    layer.bias.data[:] = 65504
    made = whole_layer(layer, None)
    column = np.full(910 * 9, float(LIMIT))
    column[-1] = LIMIT - 1  # meets the weight 1: an odd sum
    weights, values = made.matrix[0], column
    assert (weights.max(), weights[-1]) == (2**15, 1)
    assert made.shift == 15
    integers = [int(w) * int(v) for w, v in zip(weights, values)]
    for order in (1, -1):
        exact = list(itertools.accumulate([int(made.bias[0, 0]), *integers[::order]]))
        in_floats = np.cumsum([made.bias[0, 0], *(weights * values)[::order]])
        assert [int(number) for number in in_floats] == exact
        assert exact[-1] % 2
        assert 2**51.9 < exact[-1] < 2**53
    assert int(weights @ values + made.bias[0, 0]) == exact[-1]
    # and the bound of the docstring, which no weights can pass
    assert MOST_PRODUCTS * 2**15 * LIMIT + 65504 * 2**25 + 2**14 < 2**53
    assert float(2**53 + 1) == 2**53  # one bit more would be lost


@pytest.mark.parametrize("order", ["halves", "reversed", "mixed"])
def test_one_unit_is_seen_behind_the_largest_partial_sums(order: str) -> None:
    """+2^51 and −2^51 cancel, and a unit less moves the result."""
    sign = np.where(np.arange(910) < 455, 1.0, -1.0)
    small = {"halves": 909, "reversed": 0, "mixed": 500}[order]
    if order == "mixed":
        np.random.default_rng(0).shuffle(sign)
    elif order == "reversed":
        sign = sign[::-1]
    layer = Conv2d(910, 1, 3, padding=1, rng=np.random.default_rng(0))
    layer.weight.data[:] = sign[:, np.newaxis, np.newaxis]
    layer.weight.data[0, small] = 0
    layer.weight.data[0, small, 1, 1] = 2.0**-15
    other = int(np.flatnonzero(np.sign(sign) == -sign[small])[3])
    layer.weight.data[0, other] = 0
    layer.bias.data[:] = 0
    values = np.full((910, 3, 3), LIMIT, np.int32)
    for value, expected in ((2**14, 1), (2**14 - 1, 0), (-(2**14), 0), (-(2**14) - 1, -1)):
        values[small, 1, 1] = value
        assert run_layer(whole_layer(layer, None), values)[0, 1, 1] == expected


@pytest.mark.parametrize("kind", [Conv2d, ConvTranspose2d])
def test_wider_layers_are_refused(kind: type) -> None:
    """911 channels would have 8199 products; a transposed layer has as many taps at most."""
    setting = {"padding": 1} if kind is Conv2d else {"stride": 2, "padding": 2, "output_padding": 1}
    kernel = 3 if kind is Conv2d else 5
    model = ScaleHyperprior(2, 2, rng=np.random.default_rng(0))
    for channels in (910, 911):
        layer = kind(channels, 1, kernel, **setting, rng=np.random.default_rng(0))
        layer.weight.data[:], layer.bias.data[:] = 1, 0
        model.h_s = Sequential(layer, ReLU())
        if channels == 910:
            IntegerHyperDecoder(model)
            assert (whole_layer(layer, None).matrix != 0).sum(axis=1).max() == 910 * 9 <= MOST_PRODUCTS
        else:
            with pytest.raises(ValueError, match="sums of 8199 products, 8192 are allowed"):
                IntegerHyperDecoder(model)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (32800.0, "a weight of h_s is 32800.0, must be 32768 at most"),
        (65504.0, "65504"),
        (1e5, "100000"),
        (math.nan, "is nan"),
        (math.inf, "is inf"),
        (1 + 2**-12, "numbers of float16"),
        (1e-9, "numbers of float16"),
    ],
)
def test_weights_that_would_not_be_exact(value: float, words: str) -> None:
    model = drawn_model(ScaleHyperprior, 0, (0, 0, 0), 0)
    layer = model.h_s[2]
    assert isinstance(layer, Conv2d)
    layer.weight.data[0, 0, 0, 0] = value
    with pytest.raises(ValueError, match=words):
        IntegerHyperDecoder(model)


def test_other_numbers_that_would_not_be_exact() -> None:
    """Biases and medians that float16 has not; layers of another kind; symbols of another shape."""
    for change in ("bias", "median"):
        model = drawn_model(ScaleHyperprior, 0, (0, 0, 0), 0)
        last = model.h_s[4]
        assert isinstance(last, Conv2d)
        assert last.bias is not None
        changed = last.bias if change == "bias" else model.entropy_bottleneck.quantiles
        changed.data[-1] = 1e5
        with pytest.raises(ValueError, match="numbers of float16"):
            IntegerHyperDecoder(model)
    model = drawn_model(ScaleHyperprior, 0, (0, 0, 0), 0)
    decoder = IntegerHyperDecoder(model)
    with pytest.raises(ValueError, match=r"shape \(2, 1, 1\), must be \(2, 2, 1\)"):
        decoder.expected(np.zeros((2, 1, 1), np.int32), 5, 4)
    model.h_s = Sequential(Conv2d(2, 2, 5, padding=2, rng=np.random.default_rng(0)), ReLU())
    with pytest.raises(ValueError, match=r"not made for: Conv2d\(2 → 2, 5×5"):
        IntegerHyperDecoder(model)


def test_the_largest_weight_that_is_allowed() -> None:
    """32768 has no bits after the point."""
    model = drawn_model(ScaleHyperprior, 0, (15, 15, 15), 0)
    for layer in model.h_s:
        if isinstance(layer, Conv2d):
            layer.weight.data[0, 0, 0, 0] = 32768
            assert whole_layer(layer, None).shift == 0
    IntegerHyperDecoder(model)


# --------------------------------------------------------------------------------------------------
# Any order, any number of threads, any blocks


def side_information(name: str) -> tuple[IntegerHyperDecoder, np.ndarray, tuple[int, int]]:
    """A decoder, and the symbols that the encoder found for a picture."""
    weights = hyper_weights(name)
    coding, symbols = codec.latents_of(picture(90, 150), weights)
    assert weights.hyper_decoder is not None
    assert coding.side is not None
    assert np.ptp(coding.side) > 10
    return weights.hyper_decoder, coding.side, symbols.shape[1:]


def same(one: Expected, other: Expected) -> bool:
    """Whether all numbers are equal."""
    means = (one.means is None and other.means is None) or np.array_equal(one.means, other.means)
    return means and np.array_equal(one.scales, other.scales)


@pytest.mark.parametrize("name", NAMES)
def test_order_threads_and_blocks_make_no_difference(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sums in int64 and in extended precision, backwards, with one thread and two, in blocks of any size."""
    decoder, z, size = side_information(name)
    usual = decoder.expected(z, *size)
    assert np.ptp(usual.scales) > 1000
    for threads in (1, 2):
        with threadpoolctl.threadpool_limits(threads):
            for backend in BACKENDS:
                with use_backend(backend):
                    assert same(decoder.expected(z, *size), usual)
    for block in ((1, 1), (2, 3), (5, 4), (100, 100)):
        monkeypatch.setattr(integer_layers, "BLOCK", block)
        with use_backend("reference"):
            assert same(decoder.expected(z, *size), usual)

    class Backwards(np.ndarray):
        """A matrix that multiplies from the last column to the first."""

        def __matmul__(self, other):
            return np.asarray(self)[:, ::-1] @ other[::-1]

    class Wide(np.ndarray):
        """A matrix whose products are sums of another dtype, without BLAS."""

        dtype_of_sums = np.int64

        def __matmul__(self, other):
            kind = self.dtype_of_sums
            return np.einsum("ij,jk->ik", np.asarray(self).astype(kind), other.astype(kind)).astype(float)

    matrices = [layer.matrix for layer in decoder._layers]
    for kind, sums in ((Backwards, None), (Wide, np.int64), (Wide, np.longdouble)):
        Wide.dtype_of_sums = sums  # type: ignore[assignment]
        for layer, matrix in zip(decoder._layers, matrices):
            object.__setattr__(layer, "matrix", matrix.view(kind))
        try:
            with use_backend("reference"):
                assert same(decoder.expected(z, *size), usual)
        finally:
            for layer, matrix in zip(decoder._layers, matrices):
                object.__setattr__(layer, "matrix", matrix)


def test_large_pictures_need_memory_for_what_they_say_and_little_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Maps in int32, and one block at a time."""
    monkeypatch.setattr(integer_layers, "BLOCK", (4, 8))
    decoder = hyper_weights(NAMES[1]).hyper_decoder
    assert decoder is not None
    rows, columns = 40, 100
    z = np.zeros((12, rows // 4, columns // 4), np.int32)
    tracemalloc.start()
    # One thread, for small blocks on a machine that may have other work
    with use_backend("reference"), threadpoolctl.threadpool_limits(1):
        expected = decoder.expected(z, rows, columns)
        expected.indexes(scale_edges())
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    maps = 4 * rows * columns * (2 * 72 + 96)  # in, in with its edge, and out
    block = 8 * 4 * 8 * (9 * 72 + 2 * 96)
    assert peak < 1.2 * (maps + block)
    inside = expected.scales[:, 8:-12, 8:-12]
    assert (inside == expected.scales[:, 12:-8, 12:-8]).all()  # z is everywhere the same


# --------------------------------------------------------------------------------------------------
# The float h_s, and what the difference does


def with_bound(model: Hyperprior, z: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return h_s of z in float64, and how far off equation 1 can be from it: interval arithmetic.

    Off by e, values give sums that are off by |W| e; weights are off by 2^−(g+1), biases by 2^−(11+g), the
    result of a layer is rounded by 2^−11. LeakyReLU rounds once more, and has another slope.
    """
    values, off = z.astype(np.float64), np.full(z.shape, 2.0**-11)
    layers = [*model.h_s, None]
    for layer, after in itertools.pairwise(layers):
        if not isinstance(layer, Conv2d):
            continue
        weight, bias = layer.weight.data.astype(np.float64), layer.bias.data.astype(np.float64)
        g = shift_of(weight)

        def product(x: np.ndarray, w: np.ndarray, layer: Conv2d = layer) -> np.ndarray:
            with no_grad():
                made = type(layer)(
                    *(layer.inputs, layer.outputs, layer.kernel, layer.stride, layer.padding),
                    **({"output_padding": 1} if isinstance(layer, ConvTranspose2d) else {}),
                    rng=np.random.default_rng(0),
                    dtype=np.float64,
                )
                made.weight.data, made.bias.data = w, np.zeros(layer.outputs)
                return made(Tensor(x[np.newaxis])).data[0]

        rounded = np.full(weight.shape, 2.0 ** -(g + 1))
        off = product(off, np.abs(weight) + rounded) + product(np.abs(values), rounded)
        off += 2.0**-11 + 2.0 ** -(11 + g)
        values = product(values, weight) + bias[:, np.newaxis, np.newaxis]
        if isinstance(after, LeakyReLU):
            off += 2.0**-11 + np.abs(values) * (41 / 4096 - 0.01)
            values = np.where(values < 0, 0.01 * values, values)
        elif isinstance(after, ReLU):
            values = np.maximum(values, 0)
    return values, off


@pytest.mark.parametrize("name", NAMES)
def test_it_is_close_to_the_float_network(name: str, count) -> None:
    """Each value within its own bound; a table is another one only next to an edge, and then the next one."""
    weights = hyper_weights(name)
    decoder, symbols, size = side_information(name)
    z = symbols + np.asarray(weights.model.entropy_bottleneck.medians)
    values, off = (part[:, : size[0], : size[1]] for part in with_bound(weights.model, z))
    found = decoder.expected(symbols, *size)
    whole_ones = found.scales if found.means is None else np.concatenate([found.scales, found.means])
    error = np.abs(whole_ones / 1024 - values)
    assert (error <= off).all()
    assert off.max() < 2 < np.ptp(values) / 10
    assert error.max() < 0.004
    with no_grad():
        in_float32 = weights.model.expected(Tensor(z[np.newaxis].astype(np.float32)), *size)
    np.testing.assert_allclose(in_float32[0].data[0], values[: len(found.scales)], atol=1e-4)
    edges = scale_edges()
    scales = values[: len(found.scales)]
    tables = found.indexes(edges)
    by_floats = np.searchsorted(edges / 1024, scales)
    moved = tables != by_floats
    assert np.abs(tables - by_floats).max() <= 1
    nearest = np.abs(scales[..., np.newaxis] - edges / 1024).min(axis=-1)
    assert (nearest[moved] <= error[: len(scales)][moved] + 2**-10).all()
    assert moved.mean() < 0.02
    count(
        f"integer hyper-decoder, {name}: off by {error.max():.4f} at most (bound {off.max():.4f}), "
        f"{moved.mean():.2%} of the tables are the next one"
    )
