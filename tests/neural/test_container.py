"""The file around the range coder's bytes: its layout, and every way in which it can be wrong."""

import hashlib
import pickle
import zlib

import numpy as np
import pytest
from coder_cases import laplacian
from hypothesis import given, settings
from hypothesis import strategies as st

from neural_from_scratch import range_coder
from neural_from_scratch.container import GREY, MAGIC, RGB, Header, model_hash, pack, unpack, varint
from neural_from_scratch.errors import FormatError, LimitError, ModelError, NeuralError

PROPERTY = settings(max_examples=100, deadline=None, derandomize=True)
HASH = bytes.fromhex("01234567")
HEADERS = st.builds(
    Header,
    st.integers(0, 255),
    st.integers(0, 255),
    st.binary(min_size=4, max_size=4),
    st.integers(1, 2**32 - 1),
    st.integers(1, 2**32 - 1),
    st.sampled_from([GREY, RGB]),
)


def header(width=768, height=512, mode=RGB):
    return Header(1, 4, HASH, width, height, mode)


def sealed(content):
    """A file whose checksum is right, whatever is in it."""
    return content + zlib.crc32(content).to_bytes(4, "big")


# Layout


@PROPERTY
@given(HEADERS, st.binary(max_size=300))
def test_header_and_payload_come_back(fields, payload):
    assert unpack(pack(fields, payload), max_pixels=None) == (fields, payload)


def test_the_example_of_the_documentation():
    data = pack(header(), b"payload")
    assert data.hex() == "9e4e46531301040123456780068004077061796c6f6164a7981d00"


@pytest.mark.parametrize(
    ("width", "height", "payload", "overhead"),
    [
        (1, 1, 3, 18),
        (768, 512, 30_000, 22),
        (4000, 3000, 900_000, 22),
        (16383, 16383, 1 << 21, 23),
        (1 << 20, 255, 1 << 21, 24),
        ((1 << 28) - 1, 1, 1 << 21, 24),
    ],
)
def test_overhead_is_at_most_24_bytes(width, height, payload, overhead):
    data = pack(header(width, height), bytes(payload))
    assert len(data) - payload == overhead
    assert unpack(data)[0] == header(width, height)


@pytest.mark.parametrize(
    ("number", "text"), [(0, "00"), (127, "7f"), (128, "8001"), (768, "8006"), (2**32 - 1, "ffffffff0f")]
)
def test_varints(number, text):
    assert varint(number).hex() == text


def test_views_of_bytes_are_read():
    data = pack(header(), b"abc")
    for view in (bytearray(data), memoryview(data)):
        assert unpack(view) == (header(), b"abc")
    with pytest.raises(TypeError, match="must be bytes"):
        unpack("text")


# Damage


def mutants(data):
    """Every cut, every flipped bit, bytes behind."""
    yield from (data[:length] for length in range(len(data)))
    for bit in range(8 * len(data)):
        changed = bytearray(data)
        changed[bit // 8] ^= 1 << bit % 8
        yield bytes(changed)
    yield from (data + rest for rest in (b"\0", b"\n", data))


@pytest.mark.parametrize("mode", [GREY, RGB])
def test_every_cut_and_every_flipped_bit_is_an_error_with_its_place(mode):
    values, tables = laplacian(channels=4, size=30)
    data = pack(header(300, 200, mode), range_coder.encode_channels(values, tables))
    for mutant in mutants(data):
        with pytest.raises(FormatError) as caught:
            unpack(mutant)
        assert 0 <= caught.value.offset <= len(data)
        assert caught.value.field in str(caught.value)


def test_flipped_bits_of_a_forged_file_decode_to_an_error_or_to_other_values():
    """With the checksum put right, the coder is the last guard: an error, or values whose bytes these are."""
    values, tables = laplacian(channels=4, size=30)
    payload = range_coder.encode_channels(values, tables)
    errors = 0
    for mutant in mutants(payload):
        _, read = unpack(pack(header(), mutant))
        try:
            decoded = range_coder.decode_channels(read, values.shape, tables)
        except FormatError:
            errors += 1
        else:
            assert (decoded != values).any()
            assert range_coder.encode_channels(decoded, tables) == mutant
    assert errors >= len(payload) + 3


@PROPERTY
@given(st.one_of(st.binary(max_size=60), st.binary(max_size=60).map(lambda tail: MAGIC + b"\x13" + tail)))
def test_arbitrary_bytes_are_an_error(data):
    with pytest.raises(FormatError):
        unpack(data)


@PROPERTY
@given(st.binary(max_size=30))
def test_arbitrary_fields_with_a_right_checksum_are_an_error_or_a_header(tail):
    try:
        fields, payload = unpack(sealed(MAGIC + b"\x13" + tail))
    except (FormatError, LimitError):
        return
    assert pack(fields, payload) == sealed(MAGIC + b"\x13" + tail)


BEGIN = MAGIC + b"\x13\x01\x04" + HASH


@pytest.mark.parametrize(
    ("data", "offset", "field", "words"),
    [
        (b"", 0, "magic", "no bytes at all"),
        (MAGIC[:3], 3, "magic", "ends after 3"),
        (b"\x89PNG\r\n", 0, "magic", "another kind of file"),
        (MAGIC + b"\x23", 4, "version", "2; this is a reader of version 1"),
        (BEGIN[:9], 9, "header", "ends after 9"),
        (BEGIN, 11, "width", "ends here"),
        (BEGIN + b"\x80", 12, "width", "ends here"),
        (BEGIN + b"\x80\x00\x01\x00", 12, "width", "needless 0"),
        (BEGIN + b"\x01\xff\xff\xff\xff\x10", 12, "height", "beyond"),
        (BEGIN + b"\x01\x01\xff\xff\xff\xff\xff\xff", 13, "payload length", "beyond"),
        (BEGIN + b"\x01\x01\x05abcd", 18, "payload", "is cut"),
        (sealed(BEGIN + b"\x01\x01\x01a") + b"b", 19, "payload", "goes on behind"),
        (BEGIN + b"\x01\x01\x01aabcd", 15, "checksum", "damaged"),
        (sealed(BEGIN + b"\x00\x01\x00"), 11, "width", "0 pixels"),
        (sealed(BEGIN + b"\x80\x01\x00\x00"), 13, "height", "0 pixels"),
        (sealed(MAGIC + b"\x12" + BEGIN[5:] + b"\x01\x01\x00"), 4, "mode", "2, must be 1"),
    ],
)
def test_what_is_wrong_and_where(data, offset, field, words):
    with pytest.raises(FormatError, match=words) as caught:
        unpack(data)
    assert (caught.value.offset, caught.value.field) == (offset, field)


def test_a_tiny_file_that_declares_a_huge_picture_is_refused():
    data = pack(header(2**32 - 1, 2**32 - 1), b"")
    assert len(data) < 40
    with pytest.raises(LimitError, match="max_pixels") as caught:
        unpack(data)
    assert caught.value.value == (2**32 - 1) ** 2
    data = pack(header(100, 100), b"")
    assert unpack(data, max_pixels=10_000)[0].width == 100
    with pytest.raises(LimitError):
        unpack(data, max_pixels=9_999)


def test_a_payload_length_beyond_the_file_asks_for_no_memory():
    with pytest.raises(FormatError, match="should have 42949"):
        unpack(BEGIN + b"\x01\x01\xff\xff\xff\xff\x0f" + bytes(50))


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"model_id": 256}, ValueError),
        ({"quality": -1}, ValueError),
        ({"width": 0}, ValueError),
        ({"height": 2**32}, ValueError),
        ({"mode": 2}, ValueError),
        ({"model_hash": b"abc"}, ValueError),
        ({"model_hash": "abcd"}, ValueError),
        ({"width": 7.0}, TypeError),
        ({"quality": True}, TypeError),
    ],
)
def test_headers_that_cannot_be_written(change, error):
    fields = {"model_id": 1, "quality": 1, "model_hash": HASH, "width": 1, "height": 1, "mode": 1}
    with pytest.raises(error, match=next(iter(change))):
        Header(**(fields | change))


# The hash


def test_hash_names_numbers_dtypes_shapes_and_names():
    base = {"b": np.arange(6, dtype=np.float16).reshape(2, 3), "a": np.array([1, 2], np.int32)}
    same = model_hash(base)
    assert same == model_hash(dict(reversed(base.items())))
    assert same == model_hash(base | {"b": np.asfortranarray(base["b"])})
    assert same == model_hash(base | {"a": base["a"].astype(">i4")})
    numbers = (b"\1\0\0\0\2\0\0\0", bytes.fromhex("0000003c0040004200440045"))
    text = b"a\0i4\0(2,)\0" + numbers[0] + b"b\0f2\0(2, 3)\0" + numbers[1]
    assert same == hashlib.sha256(text).digest()[:4]
    others = [
        base | {"a": np.array([1, 3], np.int32)},
        base | {"a": np.array([1, 2], np.uint32)},
        base | {"a": np.array([1, 2], np.int64)},
        base | {"a": np.array([[1, 2]], np.int32)},
        {"b": base["b"], "c": base["a"]},
        {"b": base["b"]},
    ]
    assert len({same, *map(model_hash, others)}) == 7
    with pytest.raises(TypeError, match="a has dtype"):
        model_hash({"a": np.array(["x"])})


# Errors


def test_errors_say_everything_and_travel_between_processes():
    for error, words in (
        (FormatError("0 pixels", offset=11, field="width"), "byte 11, width: 0 pixels"),
        (LimitError("max_pixels", 10**6, 10), "max_pixels: the file asks for 1,000,000, allowed are 10"),
        (ModelError("quality 9, there are 1 … 6", model_id=1), "model 1: quality 9, there are 1 … 6"),
    ):
        assert isinstance(error, NeuralError)
        assert str(error) == words
        copy = pickle.loads(pickle.dumps(error))
        assert type(copy) is type(error)
        assert (str(copy), vars(copy)) == (words, vars(error))
