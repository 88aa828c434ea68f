"""Files of hyperpriors that are cut, changed or forged: an error that says where, or a picture, and soon.

And that no float of the hyper-decoder has a say in what is written or read.
"""

from __future__ import annotations

import time
import tracemalloc
from functools import lru_cache

import numpy as np
import pytest
from codec_cases import picture, small_weights
from hyper_cases import NAMES, hyper_weights

from neural_from_scratch import codec, container, range_coder, use_backend
from neural_from_scratch.codec import decode, encode
from neural_from_scratch.container import Header, varint
from neural_from_scratch.errors import FormatError, LimitError, ModelError, NeuralError
from neural_from_scratch.evaluation import estimated_bits
from neural_from_scratch.integer_layers import LIMIT
from neural_from_scratch.latent_coding import HyperCoding, write_payload
from neural_from_scratch.layers import Layer
from neural_from_scratch.models import MODELS
from neural_from_scratch.models.hyperprior import Hyperprior
from neural_from_scratch.weights import Weights, make_weights, qualities

both = pytest.mark.parametrize("name", NAMES)
INT32 = np.iinfo(np.int32)
SIZE = (24, 40)  # 2×3 latents a channel, and one of z


@lru_cache
def sample(name: str) -> bytes:
    """A sound file."""
    return encode(picture(*SIZE), weights=hyper_weights(name), step=40)


def outcome(data: bytes, weights: Weights, size: tuple[int, int] = SIZE) -> str:
    """Decode: "picture" for one of the right size, else the field of an error in the payload."""
    _, payload = container.unpack(data)
    stop = len(data) - 4
    caught = None
    try:
        decoded = decode(data, weights=weights)
    except FormatError as error:
        caught = error
    if caught is not None:
        assert stop - len(payload) <= caught.offset <= stop, caught
        return caught.field
    assert (decoded.shape, decoded.dtype) == ((*size, 3), np.uint8)
    return "picture"


# --------------------------------------------------------------------------------------------------
# Damage, found by the checksum; and behind a right checksum


@both
def test_damage_is_found(name: str, count) -> None:
    """Cut anywhere, one bit flipped anywhere: a clear error, never a picture."""
    data, tried = sample(name), 0
    flips = [bytes([*data[:at], data[at] ^ 1 << at % 8, *data[at + 1 :]]) for at in range(len(data))]
    for damaged in (*(data[:end] for end in range(len(data))), *flips, data + b"\0", data + data):
        with pytest.raises(NeuralError):
            decode(damaged, weights=hyper_weights(name))
        tried += 1
    count(f"{name}: {tried} damaged files refused")


@both
def test_a_payload_that_is_cut_is_refused_wherever_that_is(name: str) -> None:
    """In the fields, in the side information, between the streams, in the latents; the checksum is right."""
    header, payload = container.unpack(sample(name))
    found = [
        outcome(container.pack(header, payload[:end]), hyper_weights(name)) for end in range(len(payload))
    ]
    side = payload[1]
    assert found[0] == "step"
    assert set(found[1 : 2 + side]) == {"side length"}
    assert set(found[2 + side :]) == {"range-coded data"}


@both
def test_forged_payloads_end_in_order(name: str, count) -> None:
    """Random, flipped, spliced, with other lengths and steps: an error at its place, or a picture; soon."""
    weights = hyper_weights(name)
    header, payload = container.unpack(sample(name))
    side = payload[1]
    random = np.random.default_rng(11)
    found: dict[str, int] = {}
    start = time.process_time()
    for i in range(320):
        forged = bytearray(payload)
        match i % 8:
            case 0:  # nothing of it is sound
                forged = bytearray(random.bytes(int(random.integers(0, 90))))
            case 1:  # one bit
                forged[random.integers(len(forged))] ^= 1 << int(random.integers(8))
            case 2:  # other side information: whatever it says, y is read by it
                forged[2 : 2 + side] = random.bytes(side)
            case 3:  # one byte of it
                forged[2 + int(random.integers(side))] = int(random.integers(256))
            case 4:  # any step
                forged[:1] = varint(int(random.integers(0, 1200)))
            case 5:  # any side length
                forged[1:2] = varint(int(random.integers(0, len(forged) + 9)))
            case 6:  # other latents
                forged[2 + side :] = random.bytes(int(random.integers(0, 90)))
            case 7:  # what is sound twice, or a piece of it missing
                at = sorted(random.integers(0, len(forged), 2))
                forged = (
                    forged[: at[1]] + forged[at[0] :] if i % 16 < 8 else forged[: at[0]] + forged[at[1] :]
                )
        what = outcome(container.pack(header, bytes(forged)), weights)
        found[what] = found.get(what, 0) + 1
    assert time.process_time() - start < 60
    assert set(found) <= {"picture", "range-coded data", "side length", "step"}
    assert min(found.get(what, 0) for what in ("range-coded data", "side length", "step")) > 4
    assert found.get("picture", 0) < 40
    count(f"{name}: 320 forged payloads: " + ", ".join(f"{number} {what}" for what, number in found.items()))


# --------------------------------------------------------------------------------------------------
# Sound streams with senseless numbers


def spoken(name: str, side: np.ndarray, symbols: np.ndarray, step: int, size: tuple[int, int]) -> bytes:
    """A file that says just this, made as an encoder would."""
    weights = hyper_weights(name)
    assert weights.hyper_decoder is not None
    coding = HyperCoding(weights, side, weights.hyper_decoder.expected(side, *symbols.shape[1:]), step)
    header = Header(weights.model.model_id, 0, weights.hash, size[1], size[0], container.RGB)
    return container.pack(header, write_payload(coding, symbols))


@pytest.mark.parametrize("step", [1, 64, 1024])
@pytest.mark.parametrize(
    "values", [(INT32.max,), (INT32.min,), (INT32.min, INT32.max), (16000, -16000), (0, INT32.max, -1, 7)]
)
@both
def test_absurd_side_information(name: str, values: tuple[int, ...], step: int) -> None:
    """Symbols at the ends of int32: tables are still some of the 64, what was written is read, no warning."""
    weights = hyper_weights(name)
    side = np.resize(np.array(values, np.int32), (12, 1, 1))
    random = np.random.default_rng(0)
    for symbols in (
        random.integers(-3, 4, (48, 2, 3), dtype=np.int32),
        random.choice(np.array([INT32.min, INT32.max, 0, 1 << 20], np.int32), (48, 2, 3)),
    ):
        data = spoken(name, side, symbols, step, SIZE)
        content = codec.open_file(data, weights=weights)
        assert isinstance(content.coding, HyperCoding)
        np.testing.assert_array_equal(content.coding.side, side)
        np.testing.assert_array_equal(content.symbols, symbols)
        expected = content.coding.expected
        for told in (expected.scales, expected.means):
            assert told is None or np.abs(told).max() <= LIMIT
        indexes = content.coding.tables_of(symbols.shape)
        assert 0 <= indexes.min() <= indexes.max() <= 63
        assert decode(data, weights=weights).shape == (*SIZE, 3)


@both
def test_forged_side_information_asks_for_tables_that_are_there(name: str) -> None:
    """For the first one, for wide ones, and for nothing beyond them."""
    weights = hyper_weights(name)
    assert weights.hyper_decoder is not None
    assert weights.edges is not None
    asked = set()
    for seed in range(40):
        side = np.random.default_rng(seed).integers(-(2**31), 2**31, (12, 1, 1)).astype(np.int32)
        for step in (1, 1024):
            expected = weights.hyper_decoder.expected(side, 4, 4)
            asked |= set(expected.indexes(weights.edges, step).ravel().tolist())
    assert {0, 63} <= asked <= set(range(64))


# --------------------------------------------------------------------------------------------------
# Sizes


@both
def test_large_pictures_are_refused_before_memory_is_asked_for(name: str) -> None:
    header, payload = container.unpack(sample(name))
    huge = container.pack(Header(**{**header.__dict__, "width": 1 << 31, "height": 1 << 31}), payload)
    with pytest.raises(LimitError, match="max_pixels"):
        decode(huge, weights=hyper_weights(name))
    with pytest.raises(LimitError, match="max_pixels: the file asks for 960, allowed are 959"):
        decode(sample(name), weights=hyper_weights(name), max_pixels=959)


@both
def test_a_small_file_of_a_large_picture_costs_little(name: str) -> None:
    """Without side information nothing is computed; with it what it says, and the latents end at once."""
    weights = hyper_weights(name)
    header, _ = container.unpack(sample(name))

    def peak_of(side_length: int, payload: bytes) -> tuple[int, int]:
        large = Header(**{**header.__dict__, "width": side_length, "height": side_length})
        data = container.pack(large, payload)
        tracemalloc.start()
        with pytest.raises(FormatError, match="range-coded data: ends") as caught:
            decode(data, weights=weights)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return peak, caught.value.offset - (len(data) - 4 - len(payload))

    nothing = b"\x40\x00\x80\x12\x34"
    peak, at = peak_of(1 << 14, nothing)
    assert at == 2
    assert peak < 4 * 12 * 2**16 + 1e6
    quiet = range_coder.encode_channels(np.zeros((12, 8, 8), np.int32), weights.tables)
    told = b"\x40" + varint(len(quiet)) + quiet
    peak, at = peak_of(1 << 9, told + b"\x80\x12\x34")
    assert len(told) < at <= len(told) + 3
    assert peak < 3e7


# --------------------------------------------------------------------------------------------------
# Other models, other weights


@both
def test_other_weights(name: str) -> None:
    """A file names model and weights; neither another model nor other numbers stand in."""
    data, weights = sample(name), hyper_weights(name)
    with pytest.raises(ModelError, match="weights of one's own"):
        decode(data)
    with pytest.raises(ModelError, match="other ones"):
        decode(data, weights=small_weights())
    with pytest.raises(ModelError, match="other ones"):
        decode(data, weights=hyper_weights(NAMES[1 - NAMES.index(name)]))
    state = weights.model.state_dict()
    state["h_s.0.bias"] = state["h_s.0.bias"] + np.float32(0.5)
    with pytest.raises(ModelError, match="other ones"):
        decode(data, weights=make_weights(state, weights.card))
    header, payload = container.unpack(data)
    wrong_hash = {"model_hash": bytes(4), "quality": (qualities(name) or [250])[0]}
    changes: tuple[dict, ...] = ({"model_id": 200}, {"model_id": 0}, {"quality": 250}, wrong_hash)
    for change in changes:
        with pytest.raises(ModelError, match="model"):
            decode(container.pack(Header(**{**header.__dict__, **change}), payload))
    for model_id in (*MODELS, 99):
        if model_id != header.model_id:
            other = container.pack(Header(**{**header.__dict__, "model_id": model_id}), payload)
            with pytest.raises(ModelError, match="other ones"):
                decode(other, weights=weights)


# --------------------------------------------------------------------------------------------------
# Integers only


@pytest.fixture
def poisoned(monkeypatch: pytest.MonkeyPatch):
    """Return a function that makes every float layer of h_s of some weights raise."""

    def poison(weights: Weights) -> None:
        forbidden = {id(layer) for layer in (weights.model.h_s, *weights.model.h_s)}  # type: ignore[attr-defined]
        call = Layer.__call__

        def watched(self: Layer, *inputs):
            assert id(self) not in forbidden, "a float hyper-decoder"
            return call(self, *inputs)

        monkeypatch.setattr(Layer, "__call__", watched)
        monkeypatch.setattr(Hyperprior, "expected", None)

    return poison


@pytest.mark.parametrize("effort", [0, 2])
@both
def test_float_hyper_decoders_write_and_read_no_file(name: str, effort: int, poisoned) -> None:
    """With h_s out of order in floats, files are the same, as are the pictures; an estimate is impossible."""
    weights, image = hyper_weights(name), picture(*SIZE)
    estimated_bits(image, weights)
    data = encode(image, weights=weights, step=80, effort=effort)
    decoded = decode(data, weights=weights)
    poisoned(weights)
    with use_backend("reference"):  # whose analysis may differ in a last digit
        encode(image, weights=weights, step=80, effort=effort)
        decode(data, weights=weights)
    assert encode(image, weights=weights, step=80, effort=effort) == data
    np.testing.assert_array_equal(decode(data, weights=weights), decoded)
    with pytest.raises((AssertionError, TypeError)):
        estimated_bits(image, weights)


@both
def test_float_weights_of_h_s_that_change_later_change_nothing(name: str) -> None:
    """The integers are made once, of the numbers that the hash is of."""
    weights, image = hyper_weights(name), picture(*SIZE)
    changed = make_weights(weights.model.state_dict(), weights.card)
    assert changed.hash == weights.hash
    for parameter in changed.model.h_s.parameters():  # type: ignore[attr-defined]
        parameter.data = parameter.data * np.float32(1.5) + np.float32(0.1)
    assert encode(image, weights=changed, step=40) == sample(name)
    np.testing.assert_array_equal(
        decode(sample(name), weights=changed), decode(sample(name), weights=weights)
    )
