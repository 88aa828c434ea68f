"""The kernels of the range coder are its reference, bit for bit and error for error."""

import numpy as np
import pytest
from coder_cases import INT32, laplacian, messages, tables_of
from hypothesis import given, settings
from hypothesis import strategies as st

from neural_from_scratch import range_coder
from neural_from_scratch.backend import get_backend
from neural_from_scratch.entropy_tables import TOTAL
from neural_from_scratch.errors import FormatError

pytestmark = pytest.mark.both_backends

PROPERTY = settings(max_examples=120, deadline=None, derandomize=True)
FAST, REFERENCE = get_backend("fast"), get_backend("reference")


def outcome(backend, data, indexes, repeat, tables):
    """What comes of decoding: values and length, or the words of the error."""
    try:
        values, consumed = backend.range_decode(data, indexes, repeat, tables)
    except FormatError as error:
        return str(error)
    return values.tolist(), consumed


@PROPERTY
@given(messages(), st.integers(1, 3))
def test_same_bytes_and_same_values(message, repeat):
    values, indexes, tables = message
    values = values[: values.size // repeat * repeat]
    indexes = indexes[: values.size // repeat]
    data = FAST.range_encode(values, indexes, repeat, tables)
    assert data == REFERENCE.range_encode(values, indexes, repeat, tables)
    assert outcome(FAST, data, indexes, repeat, tables) == (values.tolist(), len(data))
    assert outcome(REFERENCE, data, indexes, repeat, tables) == (values.tolist(), len(data))


@PROPERTY
@given(messages(), st.data())
def test_same_errors_and_same_values_of_damaged_data(message, draw):
    values, indexes, tables = message
    data = REFERENCE.range_encode(values, indexes, 1, tables)
    length = draw.draw(st.integers(0, len(data)))
    damaged = data[:length] + draw.draw(st.binary(max_size=20)) + data[length + 1 :]
    assert outcome(FAST, damaged, indexes, 1, tables) == outcome(REFERENCE, damaged, indexes, 1, tables)


def test_same_errors_at_every_cut_and_every_bit():
    values, tables = laplacian(channels=6, size=20)
    values[2, 4:8] = 10**6, -(10**6), INT32.max, INT32.min
    channels = np.arange(6, dtype=np.int32)
    data = FAST.range_encode(values.ravel(), channels, 20, tables)
    assert data == REFERENCE.range_encode(values.ravel(), channels, 20, tables)
    damaged = [data[:length] for length in range(len(data))]
    for bit in range(8 * len(data)):
        changed = bytearray(data)
        changed[bit // 8] ^= 1 << bit % 8
        damaged.append(bytes(changed))
    outcomes = {True: 0, False: 0}
    for mutant in damaged:
        ours = outcome(FAST, mutant, channels, 20, tables)
        assert ours == outcome(REFERENCE, mutant, channels, 20, tables)
        outcomes[isinstance(ours, str)] += 1
    assert min(outcomes.values()) > 10


@pytest.mark.parametrize("value", [INT32.min, INT32.max, 0])
def test_room_for_the_longest_codes(value):
    """The escape with one count of 65536, and the longest gamma codes: 82 bits a value."""
    tables = tables_of([[TOTAL - 1, 1]], [INT32.min if value == INT32.max else 0])
    values, indexes = np.full(700, value, np.int32), np.zeros(700, np.int32)
    data = FAST.range_encode(values, indexes, 1, tables)
    assert data == REFERENCE.range_encode(values, indexes, 1, tables)
    assert outcome(FAST, data, indexes, 1, tables) == (values.tolist(), len(data))


def test_room_for_the_longest_codes_without_escapes():
    tables = tables_of([[1, TOTAL - 1]], [0])
    values = np.zeros(3000, np.int32)
    data = FAST.range_encode(values, values, 1, tables)
    assert data == REFERENCE.range_encode(values, values, 1, tables)
    assert len(data) > 2 * values.size - 1


def test_arrays_that_are_not_contiguous():
    values, tables = laplacian(channels=8, size=40)
    channels = np.arange(16, dtype=np.int32)[::2] // 2
    wide = np.repeat(values.ravel(), 2)[::2]
    assert not wide.flags.c_contiguous
    assert FAST.range_encode(wide, channels, 40, tables) == range_coder.encode_channels(values, tables)


@pytest.mark.big
def test_a_picture_of_kodaks_size():
    values, tables = laplacian(channels=192, size=32 * 48, seed=3)
    channels = np.arange(192, dtype=np.int32)
    data = FAST.range_encode(values.ravel(), channels, 32 * 48, tables)
    assert data == REFERENCE.range_encode(values.ravel(), channels, 32 * 48, tables)
    decoded, consumed = FAST.range_decode(data, channels, 32 * 48, tables)
    np.testing.assert_array_equal(decoded, values.ravel())
    assert consumed == len(data)
    bits = tables.code_length(values, channels[:, None])
    assert abs(8 * len(data) - bits) < 16
