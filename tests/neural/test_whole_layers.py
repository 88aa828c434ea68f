"""The kernel of the integer hyper-decoder and its definition: equal, for all weights and values."""

from __future__ import annotations

import tracemalloc
from types import ModuleType

import numpy as np
import pytest
from hyper_cases import NAMES, hyper_weights
from hypothesis import given, settings
from hypothesis import strategies as st

from neural_from_scratch.integer_layers import LIMIT, WholeLayer, run_layer, whole_layer
from neural_from_scratch.layers import Conv2d, ConvTranspose2d, Layer, LeakyReLU, ReLU
from neural_from_scratch.weights import load_weights, qualities

pytestmark = pytest.mark.both_backends


@pytest.fixture
def kernel() -> ModuleType:
    """The module, which needs Numba."""
    from neural_from_scratch._kernels import whole_layers

    return whole_layers


def layer_of(kind: type, channels: int, outputs: int, after: Layer | None, seed: int) -> WholeLayer:
    """A layer of drawn weights, as long as they are numbers of float16."""
    random = np.random.default_rng(seed)
    setting = (3, 1, 1) if kind is Conv2d else (5, 2, 2, 1)
    layer = kind(channels, outputs, *setting, rng=random)
    for one, most in ((layer.weight, 2.0 ** random.integers(-3, 3)), (layer.bias, 100.0)):
        one.data = random.uniform(-most, most, one.shape).astype(np.float16).astype(np.float32)
    return whole_layer(layer, after)


@settings(max_examples=80, deadline=None, derandomize=True)
@given(
    st.sampled_from([Conv2d, ConvTranspose2d]),
    st.tuples(*[st.integers(1, 5)] * 2),
    st.tuples(*[st.integers(1, 11)] * 2),
    st.sampled_from([None, ReLU(), LeakyReLU()]),
    st.sampled_from([2, 1 << 10, 1 << 16, LIMIT]),
    st.sampled_from([(8, 32), (1, 1), (2, 3)]),
    st.integers(0, 2**32 - 1),
)
def test_equal_to_the_definition(kind, widths, size, after, largest, block, seed) -> None:
    """Any shape, any activation, any values, in blocks of any size."""
    from neural_from_scratch._kernels import whole_layers

    layer = layer_of(kind, *widths, after, seed)
    values = np.random.default_rng(seed).integers(-largest, largest + 1, (widths[0], *size), dtype=np.int32)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(whole_layers, "BLOCK", block)
        found = whole_layers.run_layer(layer, values)
    assert found.dtype == np.int32
    np.testing.assert_array_equal(found, run_layer(layer, values))


def test_it_is_taken_for_what_is_shipped(kernel: ModuleType) -> None:
    """No layer of the shipped weights is summed directly."""
    for name in ("scale-hyperprior", "mean-scale-hyperprior"):
        for quality in qualities(name):
            decoder = load_weights(quality, name).hyper_decoder
            assert decoder is not None
            assert not any(kernel._points_of(layer) is None for layer in decoder._layers)


@pytest.mark.parametrize("channels", [63, 65])
@pytest.mark.parametrize("kind", [Conv2d, ConvTranspose2d])
def test_it_is_taken_where_its_sums_are_exact(kind: type, channels: int, kernel: ModuleType) -> None:
    """63 channels of the largest weights and values are; 65 might not be, and are summed directly."""
    random = np.random.default_rng(channels)
    setting = (3, 1, 1) if kind is Conv2d else (5, 2, 2, 1)
    layer = kind(channels, 2, *setting, rng=random)
    layer.weight.data[:] = 1
    layer.weight.data[0, 0, 2, 2] = 2.0**-15
    layer.bias.data[:] = 65504, -65504
    whole = whole_layer(layer, None)
    assert whole.shift == 15
    assert (kernel._points_of(whole) is None) == (channels == 65)
    for values in (
        np.full((channels, 5, 3), LIMIT, np.int32),
        random.choice(np.array([-LIMIT, 1 - LIMIT, LIMIT - 1, LIMIT], np.int32), (channels, 4, 7)),
        random.integers(-3, 4, (channels, 1, 1), dtype=np.int32),
    ):
        np.testing.assert_array_equal(kernel.run_layer(whole, values), run_layer(whole, values))


def test_memory_is_maps_and_blocks(kernel: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """A large map in, one out, and a block for each thread."""
    import numba

    monkeypatch.setattr(kernel, "BLOCK", (2, 4))
    decoder = hyper_weights(NAMES[1]).hyper_decoder
    assert decoder is not None
    layer = decoder._layers[-1]
    outputs, channels = len(layer.bias), layer.matrix.shape[1] // 9
    kernel.run_layer(layer, np.zeros((channels, 2, 2), np.int32))  # weights as points are kept
    values = np.zeros((channels, 30, 50), np.int32)
    tracemalloc.start()
    made = kernel.run_layer(layer, values)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    maps = 4 * channels * 32 * 52 + made.nbytes  # in, with its edge, and out
    block = 8 * 2 * 4 * (4 * channels + 16 * outputs + 10)  # values and products of points, and lines
    assert peak < 1.1 * maps + numba.get_num_threads() * block
