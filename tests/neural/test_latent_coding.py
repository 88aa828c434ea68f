"""Latents into the payload of a file and back: byte by byte, at any step and size; what is refused where."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from codec_cases import picture, psnr, small_weights
from hyper_cases import NAMES, hyper_weights

from neural_from_scratch import codec, container, range_coder, strips
from neural_from_scratch.errors import FormatError
from neural_from_scratch.gaussian_model import scale_levels
from neural_from_scratch.latent_coding import (
    LARGEST_STEP,
    Coding,
    FactorizedCoding,
    HyperCoding,
    coding_for,
    read_payload,
    write_payload,
)
from neural_from_scratch.refinement import refine
from neural_from_scratch.tensor import Tensor, no_grad
from neural_from_scratch.weights import Weights

both = pytest.mark.parametrize("name", NAMES)
ALL = ("factorized-prior", *NAMES)


def weights_of(name: str) -> Weights:
    """Small ones."""
    return small_weights() if name == "factorized-prior" else hyper_weights(name)


def coded(name: str, image: np.ndarray, step: int = 64) -> tuple[HyperCoding, np.ndarray]:
    """What the encoder makes of a picture."""
    coding, symbols = codec.latents_of(image, hyper_weights(name), step=step)
    assert isinstance(coding, HyperCoding)
    return coding, symbols


# --------------------------------------------------------------------------------------------------
# Layout


@both
@pytest.mark.parametrize(
    ("step", "begin"), [(1, "01"), (64, "40"), (127, "7f"), (128, "8001"), (1024, "8008")]
)
def test_bytes(name: str, step: int, begin: str) -> None:
    """Step, side length, side information, y, and nothing else; each stream coded in plain Python."""
    coding, symbols = coded(name, picture(40, 70), step)
    weights = hyper_weights(name)
    assert weights.edges is not None
    assert weights.scale_tables is not None
    assert coding.side.shape == (12, 1, 2)
    assert symbols.shape == (48, 3, 5)
    side = range_coder.encode_values(coding.side.ravel(), np.arange(12, dtype=np.int32), 2, weights.tables)
    above = coding.expected.scales.astype(object)[..., np.newaxis] * 64 > weights.edges.astype(object) * step
    indexes = np.array(above.sum(axis=-1), np.int32)
    y = range_coder.encode_values(symbols.ravel(), indexes.ravel(), 1, weights.scale_tables)
    assert 0 < len(side) < 128
    payload = bytes.fromhex(begin) + bytes([len(side)]) + side + y
    assert write_payload(coding, symbols) == payload
    if step == 1:
        payload = bytes.fromhex("40") + payload[1:]
        with pytest.raises(FormatError):
            read_payload(payload, weights, 3, 5)  # another step has other tables


@both
def test_a_long_side_length(name: str) -> None:
    """Above 127 bytes it has two, the lower seven bits first."""
    weights = hyper_weights(name)
    assert weights.hyper_decoder is not None
    side = np.random.default_rng(0).integers(-300, 300, (12, 3, 4), dtype=np.int32)
    coding = HyperCoding(weights, side, weights.hyper_decoder.expected(side, 10, 13), 64)
    symbols = np.zeros((48, 10, 13), np.int32)
    payload = write_payload(coding, symbols)
    length = len(range_coder.encode_channels(side, weights.tables))
    assert 128 <= length < 1 << 14
    assert payload[1:3] == bytes([length & 127 | 128, length >> 7])
    found, read = read_payload(payload, weights, 10, 13)
    np.testing.assert_array_equal(found.side, side)
    np.testing.assert_array_equal(read, symbols)


# --------------------------------------------------------------------------------------------------
# There and back


SIZES = [(1, 1), (17, 40), (70, 50), (64, 16)]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("step", [1, 64, 1024])
@both
def test_any_size_and_step_comes_back(name: str, step: int, size: tuple[int, int]) -> None:
    """Side information, expectations and latents are the encoder's own; so is the picture, RGB or grey."""
    weights, image = hyper_weights(name), picture(*size)
    for original in (image, image[..., 1]):
        coding, symbols = coded(name, original, step)
        data = codec.encode(original, weights=weights, step=step)
        content = codec.open_file(data, weights=weights)
        found = content.coding
        assert isinstance(found, HyperCoding)
        assert (found.sixty_fourths, found.step) == (step, step / 64)
        np.testing.assert_array_equal(found.side, coding.side)
        np.testing.assert_array_equal(found.expected.scales, coding.expected.scales)
        assert (found.expected.means is None) == (name == "scale-hyperprior")
        np.testing.assert_array_equal(found.expected.float_means, coding.expected.float_means)
        np.testing.assert_array_equal(content.symbols, symbols)
        np.testing.assert_array_equal(found.dequantize(content.symbols), coding.dequantize(symbols))
        decoded = codec.decode(data, weights=weights)
        assert (decoded.shape, decoded.dtype) == (original.shape, np.uint8)


@pytest.mark.parametrize("name", ALL)
def test_latents_are_rounded_by_half_a_step(name: str) -> None:
    """About the medians or the means; with 64 steps as many, errors are 64 times as small."""
    weights = weights_of(name)
    latents = strips.analyse(weights.model, codec.to_samples(picture(70, 50)))
    for step in (1, 20, 64, 1024) if name in NAMES else (64,):
        coding = coding_for(weights, latents, step)
        symbols = coding.quantize(latents)
        assert symbols.dtype == np.int32
        error = np.abs(coding.dequantize(symbols) - latents)
        assert error.max() <= step / 128 * 1.001
        assert error.max() > step / 128 * 0.8 or step == 1024
    if name == "mean-scale-hyperprior":
        assert isinstance(coding, HyperCoding)
        assert np.abs(coding.expected.float_means).max() > 1


@both
def test_coarser_is_smaller_and_worse(name: str) -> None:
    image = picture(70, 50)
    sizes, errors = [], []
    for step in (16, 64, 256):
        data = codec.encode(image, weights=hyper_weights(name), step=step)
        sizes.append(len(data))
        errors.append(psnr(image, codec.decode(data, weights=hyper_weights(name))))
    assert sizes[0] > 1.3 * sizes[1] > 1.6 * sizes[2]
    assert errors[0] > errors[1] > errors[2]


def test_a_factorised_prior_is_coded_as_it_was() -> None:
    """One stream, channel by channel, and one step."""
    weights = small_weights()
    latents = strips.analyse(weights.model, codec.to_samples(picture(40, 70)))
    coding = coding_for(weights, latents)
    assert isinstance(coding, FactorizedCoding)
    symbols = coding.quantize(latents)
    payload = write_payload(coding, symbols)
    assert payload == range_coder.encode_channels(symbols, weights.tables)
    assert (coding.tables_of(symbols.shape) == np.arange(48)[:, np.newaxis, np.newaxis]).all()
    np.testing.assert_array_equal(read_payload(payload, weights, 3, 5)[1], symbols)
    with pytest.raises(ValueError, match="step=65, must be 64: factorized-prior has one only"):
        codec.encode(picture(16, 16), weights=weights, step=65)


@pytest.mark.parametrize(
    ("step", "error"),
    [
        (0, ValueError),
        (-64, ValueError),
        (LARGEST_STEP + 1, ValueError),
        (64.0, TypeError),
        ("64", TypeError),
    ],
)
def test_no_such_step(step: object, error: type[Exception]) -> None:
    with pytest.raises(error, match=r"1 … 1024|integer"):
        codec.encode(picture(16, 16), weights=hyper_weights(NAMES[0]), step=step)  # type: ignore[arg-type]


def test_latents_that_are_not_finite() -> None:
    coding, _ = coded(NAMES[1], picture(16, 16))
    latents = np.zeros((1, 48, 1, 1), np.float32)
    for value in (np.nan, np.inf, 3e9):
        latents[0, 5] = value
        with pytest.raises(ValueError, match="not finite, or too large"):
            coding.quantize(latents)


# --------------------------------------------------------------------------------------------------
# Parts of a picture


@pytest.mark.parametrize("name", ALL)
def test_parts_are_coded_as_the_whole(name: str) -> None:
    """What is expected of some rows, which the search for better latents asks for."""
    weights = weights_of(name)
    samples = codec.to_samples(picture(130, 40))
    latents = strips.analyse(weights.model, samples)
    coding = coding_for(weights, latents, 150 if name in NAMES else 64)
    symbols = coding.quantize(latents)
    with no_grad():
        likely = coding.likelihood(Tensor(coding.dequantize(symbols))).data
        for first, last in ((0, 2), (3, 7), (8, 9)):
            part: Coding = coding.part(first, last)
            np.testing.assert_array_equal(part.quantize(latents[:, :, first:last]), symbols[:, first:last])
            again = part.dequantize(symbols[:, first:last])
            np.testing.assert_array_equal(again, coding.dequantize(symbols)[:, :, first:last])
            np.testing.assert_array_equal(part.likelihood(Tensor(again)).data, likely[:, :, first:last])
    found = refine(coding, samples, latents, 2)
    assert coding.quantize(found).shape == symbols.shape


@both
@pytest.mark.parametrize("step", [16, 64, 300])
def test_likelihoods_are_those_of_the_tables(name: str, step: int) -> None:
    """What a search counts is what the coder writes: within 2 % for any step, where few values escape."""
    coding, symbols = coded(name, picture(96, 120), step)
    with no_grad():
        bits = -np.log2(coding.likelihood(Tensor(coding.dequantize(symbols))).data).sum()
    weights = hyper_weights(name)
    assert weights.scale_tables is not None
    inside = np.abs(symbols) < 3 * scale_levels()[coding.tables_of(symbols.shape)] + 1
    assert inside.mean() > 0.9
    by_tables = weights.scale_tables.bits(symbols, coding.tables_of(symbols.shape))
    with no_grad():
        likely = coding.likelihood(Tensor(coding.dequantize(symbols))).data[0]
    np.testing.assert_allclose(-np.log2(likely)[inside].sum(), by_tables[inside].sum(), rtol=0.02)
    assert bits > 0


@pytest.mark.big
@both
def test_large_pictures(name: str) -> None:
    """More than a strip: the file of the whole, latents that are those of its middle, and no seam."""
    weights = hyper_weights(name)
    image = np.tile(picture(128, 128), (9, 9, 1))[:1100, :1000]
    samples = codec.to_samples(image)
    assert samples.shape[2] * samples.shape[3] > strips.PIXELS
    data = codec.encode(image, weights=weights, step=90)
    content = codec.open_file(data, weights=weights)
    whole = strips.analyse(weights.model, samples, pixels=1 << 24)
    coding = coding_for(weights, whole, 90)
    np.testing.assert_array_equal(content.coding.side, coding.side)
    np.testing.assert_array_equal(content.symbols, coding.quantize(whole))
    np.testing.assert_array_equal(content.symbols[:, 24:32, 24:32], content.symbols[:, 32:40, 24:32])
    assert psnr(codec.decode(data, weights=weights), image) > 15


# --------------------------------------------------------------------------------------------------
# What is refused, and where in the file it is


def forged(data: bytes, change: Callable[[bytes], bytes]) -> bytes:
    """A file with another payload, and all that follows from it."""
    header, payload = container.unpack(data)
    return container.pack(header, change(payload))


@pytest.mark.parametrize(
    ("change", "field", "at", "words"),
    [
        (lambda p, n: b"", "step", 0, "ends here"),
        (lambda p, n: b"\x80", "step", 1, "ends here"),
        (lambda p, n: b"\xc0\x00" + p[1:], "step", 1, "needless 0"),
        (lambda p, n: b"\x00" + p[1:], "step", 0, r"0, must be 1 … 1024"),
        (lambda p, n: b"\x81\x08" + p[1:], "step", 0, r"1025, must be 1 … 1024"),
        (lambda p, n: b"\xff\xff\xff\xff\x0f" + p[1:], "step", 0, r"4294967295, must be 1 … 1024"),
        (lambda p, n: b"\xff\xff\xff\xff\x1f" + p[1:], "step", 0, "beyond 4294967295"),
        (lambda p, n: p[:1], "side length", 1, "ends here"),
        (lambda p, n: p[:1] + b"\xff\xff\x03" + p[2:], "side length", 1, "65535 bytes, but only"),
        (lambda p, n: p[: 2 + n - 1], "side length", 1, lambda n: f"{n} bytes, but only {n - 1} follow"),
        (lambda p, n: p[:1] + bytes([n + 1]) + p[2:], "range-coded data", None, "last 1 are not part of it"),
        (lambda p, n: p[:1] + bytes([n - 2]) + p[2:], "range-coded data", None, "end"),
        (lambda p, n: p[:1] + b"\x00" + p[2 + n :], "range-coded data", 2, "ends before"),
        (lambda p, n: p[: 2 + n], "range-coded data", lambda n: 2 + n, "ends before"),
        (lambda p, n: p[:-2], "range-coded data", None, "end"),
        (lambda p, n: p + b"\x00", "range-coded data", -1, "last 1 are not part of it"),
        (lambda p, n: p + b"abc", "range-coded data", -3, "last 3 are not part of it"),
    ],
)
@both
def test_errors_name_field_and_place(name: str, change, field: str, at, words) -> None:
    """Counted from the first byte of the file."""
    weights = hyper_weights(name)
    data = codec.encode(picture(40, 70), weights=weights)
    _, payload = container.unpack(data)
    length, start = payload[1], len(data) - 4 - len(payload)
    assert (payload[0], length < 100) == (64, True)
    bad = forged(data, lambda p: change(p, length))
    with pytest.raises(FormatError, match=words(length) if callable(words) else words) as caught:
        codec.decode(bad, weights=weights)
    assert caught.value.field == field
    first = len(bad) - 4 - len(change(payload, length))
    assert first - start in (0, -1)  # a payload below 128 bytes has a shorter length
    if at is None:
        assert first + 2 < caught.value.offset <= len(bad) - 4
    else:
        at = at(length) if callable(at) else at
        assert caught.value.offset == (first + at if at >= 0 else len(bad) - 4 + at)


@both
def test_a_side_length_too_large_by_one_is_found_where_the_side_information_ends(name: str) -> None:
    weights = hyper_weights(name)
    data = codec.encode(picture(40, 70), weights=weights)
    _, payload = container.unpack(data)
    length, start = payload[1], len(data) - 4 - len(payload)
    bad = forged(data, lambda p: p[:1] + bytes([length + 1]) + p[2:])
    with pytest.raises(FormatError) as caught:
        codec.decode(bad, weights=weights)
    assert caught.value.offset == start + 2 + length
