"""Bits in and out: byte stuffing, padding, markers, and where a segment ends."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jpeg_from_scratch.bitio import BitReader, BitWriter, EndOfSegment

BOUNDED = settings(derandomize=True, max_examples=150, deadline=None)

fields = st.lists(
    st.integers(0, 16).flatmap(
        lambda length: st.tuples(
            st.integers(0, (1 << length) - 1) | st.just((1 << length) - 1), st.just(length)
        )
    ),
    max_size=60,
)
# What may stand behind a segment: nothing, a marker, or a marker and more.
SLACK = [b"", b"\xff\xd9", b"\xff\xd0\x12\x34", b"\xff\xff\xda\x00\xff\x00"]


def written(items: list[tuple[int, int]]) -> bytes:
    """Return the bytes of some fields, padded."""
    writer = BitWriter()
    for bits, length in items:
        writer.put(bits, length)
    writer.pad()
    return bytes(writer.data)


def test_c3_bits_fill_a_byte_from_its_most_significant_end() -> None:
    """C.3: 1, 01, 00110 is the byte X'A6'; eleven bits reach into the next."""
    assert written([(0b1, 1), (0b01, 2), (0b00110, 5)]) == b"\xa6"
    assert written([(0b10100110_010, 11)]) == b"\xa6\x5f"


def test_f123_a_zero_byte_is_stuffed_behind_each_ff() -> None:
    """Also where X'FF' comes together from two fields, and twice in a row."""
    assert written([(0xFF, 8)]) == b"\xff\x00"
    assert written([(0b0000_1111, 8), (0b1111_0000, 8)]) == b"\x0f\xf0"
    assert written([(0b000_11111, 8), (0b111, 3), (0, 5)]) == b"\x1f\xe0"
    assert written([(0xFFFF, 16), (0xFFFF, 16)]) == b"\xff\x00" * 4
    assert written([(0xFE, 8), (0xFF00, 16)]) == b"\xfe\xff\x00\x00"


@pytest.mark.parametrize("length", range(9))
def test_f123_the_last_byte_is_padded_with_ones(length: int) -> None:
    """Zeros are followed by ones; no byte is begun where none is open; padding again adds nothing."""
    writer = BitWriter()
    writer.put(0, length)
    writer.pad()
    assert bytes(writer.data) == bytes([0xFF >> length] if length else [])
    writer.pad()
    assert len(writer.data) == bool(length)


def test_a_byte_padded_to_ff_is_stuffed() -> None:
    """Seven one-bits and a padding bit make X'FF', and not a marker."""
    assert written([(0x7F, 7)]) == b"\xff\x00"


def test_markers_stand_between_bytes() -> None:
    """No stuffing behind a marker; with loose bits it is a mistake."""
    writer = BitWriter()
    writer.put(0b101, 3)
    with pytest.raises(ValueError, match="3 loose bits"):
        writer.put_marker(0xD0)
    writer.pad()
    writer.put_marker(0xD0)
    writer.put(0x55, 8)
    writer.put_marker(0xD9)
    assert bytes(writer.data) == b"\xbf\xff\xd0\x55\xff\xd9"


@BOUNDED
@given(fields)
def test_no_marker_arises_from_data(items: list[tuple[int, int]]) -> None:
    """Every X'FF' that is written has a zero behind it."""
    data = written(items)
    assert data.count(b"\xff") == data.count(b"\xff\x00")
    length = sum(length for _, length in items)
    assert len(data) - data.count(b"\xff") == -(-length // 8)


@BOUNDED
@given(fields, st.sampled_from(SLACK), st.binary(max_size=3))
def test_exactly_what_was_written_is_read(items: list[tuple[int, int]], slack: bytes, before: bytes) -> None:
    """Every field comes back, and the reader stops behind the last byte, whatever follows."""
    data = before + written(items) + slack
    reader = BitReader(data, len(before))
    assert [reader.receive(length) for _, length in items] == [bits for bits, _ in items]
    reader.skip_to_byte()
    assert reader.position == len(data) - len(slack)


@BOUNDED
@given(fields, st.sampled_from(SLACK))
def test_f225_the_segment_ends_at_a_marker_or_with_the_data(
    items: list[tuple[int, int]], slack: bytes
) -> None:
    """Behind the padding bits there is nothing to read; the error knows the offset, and stays."""
    data = written(items)
    reader = BitReader(data + slack, 0)
    padding = -sum(length for _, length in items) % 8
    for _, length in items:
        reader.receive(length)
    assert reader.receive(padding) == (1 << padding) - 1
    for _ in range(2):
        with pytest.raises(EndOfSegment) as caught:
            reader.bit()
        assert caught.value.offset == len(data)
        assert reader.position == len(data)


@pytest.mark.parametrize(
    ("data", "first", "position"),
    [
        ("ff00 12", 0xFF, 2),
        ("ffff00 12", 0xFF, 3),  # libjpeg-turbo takes any number of X'FF' before the stuffed zero
        ("ffffffff00 12", 0xFF, 5),
        ("00 ff", 0x00, 1),
        ("fe ff", 0xFE, 1),
    ],
)
def test_stuffed_zeros_are_taken_out(data: str, first: int, position: int) -> None:
    """One byte X'FF' for X'FF00', and for X'FFFF00'."""
    reader = BitReader(bytes.fromhex(data), 0)
    assert reader.receive(8) == first
    assert reader.position == position


@pytest.mark.parametrize("data", ["", "ff", "ffff", "ffd9", "ffffd9", "ff01", "ffd000"])
def test_nothing_can_be_read_at_a_marker(data: str) -> None:
    """A marker, with fill bytes or without, a lone X'FF' at the end, and no data at all."""
    reader = BitReader(bytes.fromhex(data), 0)
    with pytest.raises(EndOfSegment) as caught:
        reader.bit()
    assert caught.value.offset == reader.position == 0


def test_receive_reports_the_end_in_the_middle_of_a_number() -> None:
    """Eight bits are there, nine were asked for."""
    reader = BitReader(b"\x12\xff\xd9", 0)
    with pytest.raises(EndOfSegment) as caught:
        reader.receive(9)
    assert caught.value.offset == 1


def test_receive_of_no_bits_reads_nothing() -> None:
    """Category 0 has no additional bits; at the end of a segment that is no error."""
    reader = BitReader(b"", 0)
    assert reader.receive(0) == 0
    assert reader.position == 0


# Zeros behind the end


@pytest.mark.parametrize("end", [b"", b"\xff", b"\xff\xd9", b"\xff\xff\xd0 and more"])
def test_zeros_behind_the_segment_when_asked_for(end: bytes) -> None:
    """No error, but zero bits without end; `exhausted` tells, and the marker stays where it is."""
    reader = BitReader(b"\xff\x00\xa5" + end, 0, zeros_behind=True)
    assert reader.receive(16) == 0xFFA5
    assert not reader.exhausted
    assert reader.receive(100) == 0
    assert reader.exhausted
    assert reader.position == 3


def test_zeros_may_begin_within_a_number() -> None:
    """Four bits that are there, and four that are not."""
    reader = BitReader(b"\x3f\xff\xd9", 0, zeros_behind=True)
    reader.receive(4)
    assert reader.receive(8) == 0xF0
    assert reader.exhausted


def test_nothing_is_exhausted_by_reading_to_the_end() -> None:
    """The last bit of the segment is still one of its own."""
    reader = BitReader(b"\x01", 0, zeros_behind=True)
    assert reader.receive(8) == 1
    assert not reader.exhausted
