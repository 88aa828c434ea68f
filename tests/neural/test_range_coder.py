"""The range coder: there and back for any tables and values, exactly what was written, at the stated cost."""

import time

import numpy as np
import pytest
from coder_cases import EXTREMES, INT32, laplacian, messages, steps, tables_of
from hypothesis import given, settings
from hypothesis import strategies as st

from neural_from_scratch import range_coder
from neural_from_scratch.backend import use_backend
from neural_from_scratch.entropy_tables import TOTAL
from neural_from_scratch.errors import FormatError
from neural_from_scratch.range_coder import RangeEncoder, decode, decode_prefix, encode

PROPERTY = settings(max_examples=60, deadline=None, derandomize=True)
TWO = tables_of([[32767, 32768, 1]], [0])


@pytest.fixture(autouse=True, scope="module", params=["fast", "reference"])
def each_backend(request):
    with use_backend(request.param):
        yield


def unbounded_encode(values, indexes, tables):
    """The coder without digits or carries: low is one integer of any size. Values are in their tables."""
    low, width, shift = 0, 2**64 - 1, 64
    for value, t in zip(values.tolist(), indexes.tolist()):
        symbol = value - int(tables.offsets[t])
        start, stop = map(int, tables.cdf[t, symbol : symbol + 2])
        unit = width // TOTAL
        low, width = low + unit * start, unit * (stop - start)
        if width < 2**32:
            low, width, shift = low << 32, width << 32, shift + 32
    for length in range(shift // 8 + 1):
        cell = 1 << shift - 8 * length
        first = -(-low // cell)
        if (first + 1) * cell <= low + width:
            return first.to_bytes(length, "big")
    raise AssertionError


# There and back


@PROPERTY
@given(messages(), st.binary(max_size=12))
def test_values_come_back_and_what_follows_is_left(message, rest):
    values, indexes, tables = message
    data = encode(values, indexes, tables)
    np.testing.assert_array_equal(decode(data, indexes, tables), values)
    decoded, consumed = decode_prefix(data + rest, indexes, tables)
    np.testing.assert_array_equal(decoded, values)
    assert consumed == len(data)


@PROPERTY
@given(messages())
def test_cost_is_within_equation_3(message):
    values, indexes, tables = message
    bits = tables.code_length(values, indexes)
    assert 8 * len(encode(values, indexes, tables)) < bits + 2.3e-5 * steps(*message) + 9


@PROPERTY
@given(messages(), st.data())
def test_data_of_others_is_an_error_or_what_encode_writes(message, data):
    """Cut, extended, flipped or arbitrary bytes: never a crash, and nothing is accepted but encodings."""
    values, indexes, tables = message
    written = encode(values, indexes, tables)
    damages = [st.binary(max_size=40), st.binary(min_size=1, max_size=3).map(lambda rest: written + rest)]
    if written:
        damages.append(st.integers(0, len(written) - 1).map(lambda length: written[:length]))
        flip = st.integers(0, 8 * len(written) - 1)
        damages.append(flip.map(lambda bit: flipped(written, bit)))
    damaged = data.draw(st.one_of(damages))
    try:
        decoded = decode(damaged, indexes, tables)
    except FormatError as error:
        found = error
    else:
        assert decoded.dtype == np.int32
        assert encode(decoded, indexes, tables) == damaged
        return
    assert found.field == "range-coded data"
    assert 0 <= found.offset <= len(damaged)


def flipped(data, bit):
    changed = bytearray(data)
    changed[bit // 8] ^= 128 >> bit % 8
    return bytes(changed)


@pytest.mark.parametrize("row", EXTREMES, ids=lambda row: f"{len(row)}-{max(row)}")
def test_every_symbol_of_extreme_tables_and_its_neighbours(row):
    tables = tables_of([row], [-7])
    values = np.arange(-10, len(row) + 10, dtype=np.int32).repeat(3)
    indexes = np.zeros_like(values)
    data = encode(values, indexes, tables)
    np.testing.assert_array_equal(decode(data, indexes, tables), values)
    assert 8 * len(data) < tables.code_length(values, indexes) + 2.3e-5 * steps(values, indexes, tables) + 9


def test_frequencies_65535_and_1_cost_nothing_and_16_bits():
    tables = tables_of([[65535, 1]], [0])
    likely = np.zeros(45000, np.int32)
    assert len(encode(likely, likely, tables)) <= 2
    unlikely = tables_of([[1, 65535]], [0])
    assert len(encode(likely[:1000], likely[:1000], unlikely)) in (2000, 2001)


@pytest.mark.parametrize("offset", [INT32.min, -1, 0, 1, INT32.max - 1])
@pytest.mark.parametrize("value", [INT32.min, INT32.min + 1, -1, 0, 1, INT32.max - 1, INT32.max])
def test_all_of_int32_can_be_sent_with_any_table(offset, value):
    tables = tables_of([[30000, 30000, 5536]], [offset])
    values, indexes = np.array([value, value], np.int32), np.zeros(2, np.int32)
    np.testing.assert_array_equal(decode(encode(values, indexes, tables), indexes, tables), values)


def test_nothing_is_no_bytes():
    nothing = np.zeros(0, np.int32)
    assert encode(nothing, nothing, TWO) == b""
    assert decode(b"", nothing, TWO).shape == (0,)
    with pytest.raises(FormatError, match="1 bytes, of which the last 1"):
        decode(b"a", nothing, TWO)


# Intervals, carries, ends


def test_a_carry_runs_through_all_digits():
    """Every step keeps 0.5 inside, so that the digits become 7FFFFFFF FFFFFFFF …; the last goes above."""
    encoder, message = RangeEncoder(), []
    for _ in range(300):
        out = b"".join(digit.to_bytes(4, "big") for digit in encoder.digits)
        low = int.from_bytes(out, "big") << 64 | encoder.low
        half = 1 << 8 * len(out) + 63
        symbol = int(half >= low + (encoder.range >> 16) * 32767)
        encoder.encode(32767 * symbol, 32767 + symbol)
        message.append(symbol)
    assert encoder.digits[0] == 0x7FFFFFFF
    assert set(encoder.digits[1:]) == {0xFFFFFFFF}
    assert len(encoder.digits) > 5
    for tail in ([0] * 40, [1] * 40):
        values = np.array(message + tail, np.int32)
        data = encode(values, np.zeros_like(values), TWO)
        assert data[0] == (0x80 if tail[0] else 0x7F)
        assert data == unbounded_encode(values, np.zeros_like(values), TWO)
        np.testing.assert_array_equal(decode(data, np.zeros_like(values), TWO), values)


@PROPERTY
@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 3)), min_size=1, max_size=80))
def test_bytes_are_those_of_the_coder_without_digits(pairs):
    rows = [[1, 32766, 32767, 1, 1], [65532, 1, 1, 1, 1], [1, 1, 1, 65532, 1]]
    tables = tables_of(rows, [0, 0, 0])
    indexes, values = (np.array(column, np.int32) for column in zip(*pairs))
    assert encode(values, indexes, tables) == unbounded_encode(values, indexes, tables)


def test_these_bytes_are_the_format():
    """Written once, compared for ever: whoever changes them breaks every file."""
    tables = tables_of([[5000, 40000, 20000, 536], [1, 65534, 1], [TOTAL]], [-1, 0, 3])
    values = np.array([[-1, 0, 0, 1, 0, -2, 1000, 0], [0, 1, 1, 1, 1, 1, 1, -7], [0, 3, 4, 99, 0, 0, 0, 0]])
    values[2, 4:] = INT32.min, INT32.max, -1, 1
    data = range_coder.encode_channels(values.astype(np.int32), tables)
    assert data.hex() == GOLDEN


GOLDEN = "08eb959364f8144a72a2b735bcbbc60c001d010400ae06180074040ffdccb1"


@pytest.mark.parametrize("size", [0, 1, 2, 5, 100])
def test_every_cut_and_every_extension_is_seen_or_is_an_encoding(size):
    values, tables = laplacian(channels=3, size=size)
    indexes = np.arange(3, dtype=np.int32).repeat(size)
    data = encode(values.ravel(), indexes, tables)
    for length in range(len(data)):
        with pytest.raises(FormatError, match=r"ends before the last value|does not end as"):
            decode(data[:length], indexes, tables)
    for rest in (b"\0", b"\xff", bytes(9)):
        with pytest.raises(FormatError, match=f"of which the last {len(rest)}"):
            decode(data + rest, indexes, tables)


def test_a_number_that_no_symbol_owns_is_an_error():
    with pytest.raises(FormatError, match="no symbol owns"):
        decode(b"\xff" * 12, np.zeros(3, np.int32), TWO)


def test_a_gamma_code_without_an_end_is_an_error():
    tables = tables_of([[TOTAL]], [0])
    with pytest.raises(FormatError, match="beyond int32"):
        decode(bytes(40), np.zeros(1, np.int32), tables)


def test_a_gamma_code_of_33_zeros_is_given_up_there():
    encoder = RangeEncoder()
    encoder.encode(0, TOTAL)
    encoder.encode_bits(0, 1 + 33)
    encoder.encode_bits(1, 500)
    with pytest.raises(FormatError, match="beyond int32") as caught:
        decode(encoder.finish(), np.zeros(1, np.int32), tables_of([[TOTAL]], [0]))
    assert caught.value.offset == 4


def test_an_excess_that_leaves_int32_is_an_error():
    encoder = RangeEncoder()
    encoder.encode(0, TOTAL)
    encoder.encode_bits(0, 1)
    encoder.encode_bits(12, 7)  # 0001100: an excess of 11
    tables = tables_of([[TOTAL]], [INT32.max - 10])
    with pytest.raises(FormatError, match="beyond int32"):
        decode(encoder.finish(), np.zeros(1, np.int32), tables)
    lower = tables_of([[TOTAL]], [INT32.max - 11])
    assert decode(encoder.finish(), np.zeros(1, np.int32), lower).tolist() == [INT32.max]


def test_few_bytes_for_many_values_are_refused_soon():
    tables = tables_of([[32768, 32768]], [0])
    started = time.perf_counter()
    with pytest.raises(FormatError, match="ends before"):
        range_coder.decode_channels(b"\x12\x34\x56", (1, 5000, 2000), tables)
    assert time.perf_counter() - started < 5


# Channels


def test_channels_are_values_with_repeated_indexes():
    values, tables = laplacian(channels=5, size=12)
    planes = values.reshape(5, 3, 4)
    data = range_coder.encode_channels(planes, tables)
    assert data == encode(values.ravel(), np.arange(5, dtype=np.int32).repeat(12), tables)
    np.testing.assert_array_equal(range_coder.decode_channels(data, (5, 3, 4), tables), planes)
    assert range_coder.encode_channels(planes.transpose(0, 2, 1), tables) == range_coder.encode_channels(
        np.ascontiguousarray(planes.transpose(0, 2, 1)), tables
    )


def test_channels_of_no_values_and_of_one():
    _, tables = laplacian(channels=5, size=1)
    assert range_coder.encode_channels(np.zeros((5, 0, 7), np.int32), tables) == b""
    assert range_coder.decode_channels(b"", (5, 0, 7), tables).shape == (5, 0, 7)
    one = np.arange(5, dtype=np.int32)
    data = range_coder.encode_channels(one, tables)
    assert range_coder.decode_channels(data, (5,), tables).tolist() == [0, 1, 2, 3, 4]


# Arguments


def test_wrong_arguments_are_refused():
    two = np.zeros(2, np.int32)
    for error, values, indexes, tables in (
        (TypeError, two.astype(np.int64), two, TWO),
        (TypeError, two, two.astype(np.float32), TWO),
        (TypeError, [0, 0], two, TWO),
        (TypeError, two, two, TWO.cdf),
        (ValueError, two, two[:1], TWO),
        (ValueError, two.reshape(1, 2), two.reshape(1, 2), TWO),
        (ValueError, two, two + 1, TWO),
        (ValueError, two, two - 1, TWO),
    ):
        with pytest.raises(error):
            encode(values, indexes, tables)
    for error, data, indexes in (
        (TypeError, "text", two),
        (TypeError, b"", [0]),
        (ValueError, b"", two + 1),
        (ValueError, b"", two.reshape(1, 2)),
    ):
        with pytest.raises(error):
            decode(data, indexes, TWO)
    with pytest.raises(ValueError, match="first axis"):
        range_coder.encode_channels(np.zeros((2, 3), np.int32), TWO)
    with pytest.raises(ValueError, match="first axis"):
        range_coder.decode_channels(b"", (2, 3), TWO)
    with pytest.raises(ValueError, match="first axis"):
        range_coder.decode_channels(b"", (1, -3), TWO)


def test_views_of_bytes_are_read_and_arrays_left_alone():
    values, tables = laplacian(channels=3, size=50)
    before = values.copy()
    data = range_coder.encode_channels(values, tables)
    for view in (bytearray(data), memoryview(data)):
        np.testing.assert_array_equal(range_coder.decode_channels(view, values.shape, tables), values)
    np.testing.assert_array_equal(values, before)


def test_cost_of_two_hundred_thousand_values_is_that_of_the_tables(each_backend):
    values, tables = laplacian(channels=16, size=1500)
    bits = tables.code_length(values, np.arange(16, dtype=np.int32)[:, None])
    assert abs(8 * len(range_coder.encode_channels(values, tables)) - bits) < 10
