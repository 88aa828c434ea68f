"""Segments ↔ bytes: each kind there and back, and each fault with its offset, field and clause."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jpeg_surgery import APP0, COM, DHT, DQT, DRI, EOI, SOF0, SOF2, SOI, SOS

from jpeg_from_scratch import tables
from jpeg_from_scratch.errors import FormatError, JpegError, LimitError, UnsupportedError
from jpeg_from_scratch.huffman import HuffmanSpec
from jpeg_from_scratch.jpeg_data import (
    AppData,
    ArithmeticConditioning,
    Comment,
    Conditioning,
    FrameComponent,
    FrameHeader,
    HuffmanTable,
    HuffmanTables,
    NumberOfLines,
    OtherSegment,
    QuantizationTable,
    QuantizationTables,
    RestartInterval,
    ScanComponent,
    ScanHeader,
    Segment,
)
from jpeg_from_scratch.markers import find_marker, is_standalone, marker_name, parse_segment, payload_bounds
from jpeg_from_scratch.segment_bytes import format_segment

BOUNDED = settings(derandomize=True, max_examples=80, deadline=None)
DAC, DNL, TEM = 0xCC, 0xDC, 0x01
SOF3, SOF9, SOF10, SOF11 = 0xC3, 0xC9, 0xCA, 0xCB
LOSSLESS = (SOF3, SOF11)

FRAME = FrameHeader(
    SOF0,
    8,
    24,
    40,
    (FrameComponent(1, 2, 2, 0), FrameComponent(2, 1, 1, 1), FrameComponent(3, 1, 1, 1)),
)
# A segment never starts at the beginning of a file; offsets that forget so are found out.
BEFORE = b"\xff\xd8 and some"
START = len(BEFORE)


def segment_bytes(marker: int, payload: bytes) -> bytes:
    """Return a marker, a length and a payload."""
    return bytes([0xFF, marker]) + (len(payload) + 2).to_bytes(2, "big") + payload


def parsed(data: bytes, frame: FrameHeader | None = None, after: bytes = b"\xff\xd9") -> Segment:
    """Parse the bytes of one segment in the middle of a file, and check where it ends."""
    segment, end = parse_segment(BEFORE + data + after, START, data[1], frame)
    assert end == START + len(data)
    return segment


# There and back

small = st.integers(0, 3)
byte = st.integers(0, 255)
payloads = st.binary(max_size=300)


@st.composite
def quantization_tables(draw: st.DrawFn) -> QuantizationTable:
    """Draw a table of 8 or 16 bits; zero is a step that files have."""
    precision = draw(st.integers(0, 1))
    most = 65535 if precision else 255
    values = draw(st.lists(st.integers(0, most), min_size=64, max_size=64))
    return QuantizationTable(draw(small), precision, tuple(values))


@st.composite
def huffman_specs(draw: st.DrawFn) -> HuffmanSpec:
    """Draw BITS and HUFFVAL that fit each other; whether they make a code is not a matter of syntax."""
    bits = draw(st.lists(st.integers(0, 16), min_size=16, max_size=16))
    return HuffmanSpec(tuple(bits), tuple(draw(st.binary(min_size=sum(bits), max_size=sum(bits)))))


frame_components = st.builds(FrameComponent, byte, st.integers(1, 4), st.integers(1, 4), byte)
markers_and_precisions = st.one_of(
    st.tuples(st.sampled_from([SOF0, 0xC1, SOF2, SOF9, SOF10]), st.sampled_from([8, 12])),
    st.tuples(st.sampled_from(LOSSLESS), st.integers(2, 16)),
)
frames = st.builds(
    lambda process, *rest: FrameHeader(*process, *rest),
    markers_and_precisions,
    st.integers(0, 65500),
    st.integers(1, 65500),
    st.lists(frame_components, min_size=1, max_size=255).map(tuple),
)
conditionings = st.one_of(
    st.builds(Conditioning, st.just(1), st.integers(0, 15), byte),
    st.builds(
        lambda destination, bounds: Conditioning(0, destination, min(bounds) + 16 * max(bounds)),
        st.integers(0, 15),
        st.tuples(st.integers(0, 15), st.integers(0, 15)),
    ),
)
scan_components = st.tuples(
    *(st.builds(ScanComponent, st.just(i), st.integers(0, 15), st.integers(0, 15)) for i in range(3))
)
scans = st.builds(
    lambda components, chosen: ScanHeader(tuple(components[i] for i in sorted(chosen))),
    scan_components,
    st.sets(st.integers(0, 2), min_size=1),
)

SEGMENTS = {
    "APPn": st.builds(AppData, st.integers(0, 15), payloads),
    "COM": st.builds(Comment, payloads),
    "DQT": st.lists(quantization_tables(), max_size=4).map(lambda t: QuantizationTables(tuple(t))),
    "DHT": st.lists(st.builds(HuffmanTable, st.integers(0, 1), small, huffman_specs()), max_size=3).map(
        lambda t: HuffmanTables(tuple(t))
    ),
    "DRI": st.builds(RestartInterval, st.integers(0, 65535)),
    "SOF": frames,
    "SOS": scans,
    "DNL": st.builds(NumberOfLines, st.integers(0, 65535)),
    "DAC": st.lists(conditionings, max_size=32).map(lambda t: ArithmeticConditioning(tuple(t))),
    "alone": st.builds(OtherSegment, st.sampled_from([TEM, *range(0xD0, 0xD8)]), st.none()),
}


@pytest.mark.parametrize("kind", SEGMENTS)
def test_parse_undoes_format(kind: str) -> None:
    """Any contents of each kind of segment: the same segment, and the same bytes again."""

    @BOUNDED
    @given(SEGMENTS[kind])
    def there_and_back(segment: Segment) -> None:
        data = format_segment(segment, FRAME)
        again = parsed(data, None if isinstance(segment, FrameHeader) else FRAME)
        assert again == segment
        assert format_segment(again, FRAME) == data

    there_and_back()


@pytest.mark.parametrize(
    ("segment", "expected"),
    [
        (Comment(b"hello"), "ff fe 0007 68656c6c6f"),
        (AppData(14, b"Adobe"), "ff ee 0007 41646f6265"),
        (RestartInterval(300), "ff dd 0004 012c"),
        (NumberOfLines(300), "ff dc 0004 012c"),
        (
            ArithmeticConditioning((Conditioning(0, 3, 0x21), Conditioning(1, 15, 7))),
            "ff cc 0006 03 21 1f 07",
        ),
        (OtherSegment(TEM, None), "ff 01"),
        (FRAME, "ff c0 0011 08 0018 0028 03 01 22 00 02 11 01 03 11 01"),
        (
            ScanHeader((ScanComponent(0, 0, 0), ScanComponent(2, 1, 1))),
            "ff da 000a 02 01 00 03 11 00 3f 00",
        ),
        (
            HuffmanTables((HuffmanTable(1, 2, HuffmanSpec((0, 2, 1) + (0,) * 13, (7, 8, 9))),)),
            "ff c4 0016 12 00 02 01" + "00" * 13 + "07 08 09",
        ),
    ],
    ids=["COM", "APP14", "DRI", "DNL", "DAC", "TEM", "SOF0", "SOS", "DHT"],
)
def test_bytes_by_hand(segment: Segment, expected: str) -> None:
    """B.2: lengths count themselves; two four-bit numbers share a byte, the first in the high half."""
    data = bytes.fromhex(expected)
    assert format_segment(segment, FRAME) == data
    assert parsed(data, None if segment is FRAME else FRAME) == segment


@pytest.mark.parametrize("precision", [0, 1])
def test_b241_elements_are_in_zigzag_order(precision: int) -> None:
    """The file has them in zigzag order, `QuantizationTable` in natural order; 16 bits are big-endian."""
    steps = [k + 1 + 1000 * precision for k in range(64)]
    elements = b"".join(step.to_bytes(1 + precision, "big") for step in steps)
    data = segment_bytes(DQT, bytes([16 * precision + 3]) + elements)
    segment = parsed(data)
    assert isinstance(segment, QuantizationTables)
    table = segment.tables[0]
    assert (table.destination, table.precision) == (3, precision)
    for row, column, k in ((0, 0, 0), (0, 1, 1), (1, 0, 2), (2, 0, 3), (7, 6, 62), (6, 7, 61), (7, 7, 63)):
        assert table.array()[row, column] == steps[k], (row, column)
    assert format_segment(segment, FRAME) == data


def test_several_tables_in_one_segment() -> None:
    """One DQT and one DHT may define several tables."""
    segment = parsed(segment_bytes(DQT, bytes([0, *[1] * 64]) + bytes([0x11, *[0, 2] * 64])))
    assert segment == QuantizationTables(
        (QuantizationTable(0, 0, (1,) * 64), QuantizationTable(1, 1, (2,) * 64))
    )
    one = bytes([0x00, 1, *[0] * 15, 5])
    two = bytes([0x13, *[0] * 15, 1, 6])
    segment = parsed(segment_bytes(DHT, one + two))
    assert segment == HuffmanTables(
        (
            HuffmanTable(0, 0, HuffmanSpec((1,) + (0,) * 15, (5,))),
            HuffmanTable(1, 3, HuffmanSpec((0,) * 15 + (1,), (6,))),
        )
    )


def test_b23_scan_components_follow_the_frames_order() -> None:
    """Repeated identifiers: the j-th of the scan is looked for from the j-th of the frame on."""
    frame = FrameHeader(SOF0, 8, 8, 8, tuple(FrameComponent(c, 1, 1, 0) for c in (1, 1, 2)))
    scan = parsed(segment_bytes(SOS, bytes([3, 1, 0x00, 1, 0x11, 2, 0x11, 0, 63, 0])), frame)
    assert isinstance(scan, ScanHeader)
    assert [component.component for component in scan.components] == [0, 1, 2]


def test_b23_ten_blocks_to_an_mcu_are_allowed() -> None:
    """Ten, in a scan of several components; any number in a scan of one."""
    components = (FrameComponent(1, 4, 2, 0), FrameComponent(2, 2, 1, 0), FrameComponent(3, 4, 4, 0))
    frame = FrameHeader(SOF0, 8, 64, 64, components)
    assert isinstance(parsed(segment_bytes(SOS, bytes([2, 1, 0, 2, 0, 0, 63, 0])), frame), ScanHeader)
    assert isinstance(parsed(segment_bytes(SOS, bytes([1, 3, 0, 0, 63, 0])), frame), ScanHeader)


# Each fault


def frame_payload(
    *components: tuple[int, int, int], precision: int = 8, height: int = 24, width: int = 40, count: int = -1
) -> bytes:
    """Return the parameters of a frame header; `components` are (Ci, Hi · 16 + Vi, Tqi)."""
    count = len(components) if count < 0 else count
    size = height.to_bytes(2, "big") + width.to_bytes(2, "big")
    return bytes([precision]) + size + bytes([count, *(value for each in components for value in each)])


def scan_payload(*pairs: int, last: Sequence[int] = (0, 63, 0)) -> bytes:
    """Return the parameters of a scan header."""
    return bytes([len(pairs) // 2, *pairs, *last])


ELEMENTS = bytes(range(1, 65))
COUNTS = bytes([1, *[0] * 15])
LENGTH = "segment length"

# name: marker, payload, offset within the segment, field, clause, words of the message
FAULTS: dict[str, tuple[int, bytes, int, str, str, str]] = {
    "DQT: Tq = 4": (DQT, b"\x04" + ELEMENTS, 4, "Tq", "B.2.4.1", "Tq = 4"),
    "DQT: Pq = 2": (DQT, b"\x20" + ELEMENTS, 4, "Pq", "B.2.4.1", "Pq = 2"),
    "DQT: second table": (DQT, b"\x00" + ELEMENTS + b"\x0f" + ELEMENTS, 69, "Tq", "B.2.4.1", "Tq = 15"),
    "DQT: an element is missing": (DQT, b"\x00" + ELEMENTS[:-1], 2, LENGTH, "B.2.4.1", "ends before Qk"),
    "DQT: a byte too many": (DQT, b"\x00" + ELEMENTS + b"\x00", 2, LENGTH, "B.2.4.1", "ends before Qk"),
    "DQT: 8 bits for 16": (DQT, b"\x10" + ELEMENTS, 2, LENGTH, "B.2.4.1", "ends before Qk"),
    "DHT: Tc = 2": (DHT, b"\x20" + COUNTS + b"\x05", 4, "Tc", "B.2.4.2", "Tc = 2"),
    "DHT: Th = 4": (DHT, b"\x14" + COUNTS + b"\x05", 4, "Th", "B.2.4.2", "Th = 4"),
    "DHT: 257 codes": (DHT, b"\x00" + bytes([255, 2, *[0] * 14]) + bytes(257), 5, "Li", "B.2.4.2", "257"),
    "DHT: a count is missing": (DHT, b"\x00" + COUNTS[:-1], 2, LENGTH, "B.2.4.2", "ends before Li"),
    "DHT: a symbol is missing": (DHT, b"\x00" + COUNTS, 2, LENGTH, "B.2.4.2", "ends before Vi,j"),
    "DHT: second table": (DHT, (b"\x00" + COUNTS + b"\x05") + b"\x44", 22, "Tc", "B.2.4.2", "Tc = 4"),
    "DRI: one byte": (DRI, b"\x01", 2, LENGTH, "B.2.4.4", "ends before Ri"),
    "DRI: three bytes": (DRI, b"\x01\x02\x03", 2, LENGTH, "B.2.4.4", "1 bytes are left over"),
    "DAC: Tc = 2": (DAC, b"\x20\x10", 4, "Tc", "B.2.4.3", "Tc = 2"),
    "DAC: L above U": (DAC, b"\x10\x05\x00\x12", 7, "Cs", "B.2.4.3", "L = 2 is above U = 1"),
    "DAC: half a pair": (DAC, b"\x00\x10\x01", 2, LENGTH, "B.2.4.3", "ends before Cs"),
    "DNL: one byte": (DNL, b"\x01", 2, LENGTH, "B.2.5", "1 bytes for NL"),
    "DNL: three bytes": (DNL, b"\x01\x02\x03", 2, LENGTH, "B.2.5", "3 bytes for NL"),
    "SOF: P = 9": (SOF0, frame_payload((1, 0x11, 0), precision=9), 4, "P", "B.2.2", "P = 9"),
    "SOF: P = 0": (SOF0, frame_payload((1, 0x11, 0), precision=0), 4, "P", "B.2.2", "P = 0"),
    "SOF: X = 0": (SOF0, frame_payload((1, 0x11, 0), width=0), 7, "X", "B.2.2", "X = 0"),
    "SOF: Nf = 0": (SOF0, frame_payload(), 9, "Nf", "B.2.2", "Nf = 0"),
    "SOF: Hi = 5": (SOF0, frame_payload((1, 0x51, 0)), 11, "Hi, Vi", "B.2.2", "5x1"),
    "SOF: Vi = 0": (SOF0, frame_payload((1, 0x22, 0), (2, 0x10, 0)), 14, "Hi, Vi", "B.2.2", "1x0"),
    "SOF: a component is missing": (SOF0, frame_payload((1, 0x11, 0), count=2), 2, LENGTH, "B.2.2", "Ci"),
    "SOF: a component too many": (
        SOF0,
        frame_payload((1, 0x11, 0), (2, 0x11, 0), count=1),
        2,
        LENGTH,
        "B.2.2",
        "3 bytes are left over",
    ),
    "SOS: Ns = 0": (SOS, scan_payload(), 4, "Ns", "B.2.3", "Ns = 0"),
    "SOS: Ns = 5": (SOS, scan_payload(1, 0, 2, 0, 3, 0, 4, 0, 5, 0), 4, "Ns", "B.2.3", "Ns = 5"),
    "SOS: unknown component": (SOS, scan_payload(1, 0, 9, 0), 7, "Csj", "B.2.3", "Csj = 9"),
    "SOS: a component twice": (SOS, scan_payload(1, 0, 1, 0), 7, "Csj", "B.2.3", "Csj = 1"),
    "SOS: against the frame's order": (SOS, scan_payload(2, 0, 1, 0), 7, "Csj", "B.2.3", "Csj = 1"),
    "SOS: Ss = 1": (SOS, scan_payload(1, 0, last=(1, 63, 0)), 7, "Ss, Se, Ah, Al", "B.2.3", "Ss = 1"),
    "SOS: Se = 5": (SOS, scan_payload(1, 0, last=(0, 5, 0)), 7, "Ss, Se, Ah, Al", "B.2.3", "Se = 5"),
    "SOS: Ah = 2": (SOS, scan_payload(1, 0, last=(0, 63, 0x20)), 7, "Ss, Se, Ah, Al", "B.2.3", "Ah = 2"),
    "SOS: Al = 1": (SOS, scan_payload(1, 0, 2, 0, last=(0, 63, 1)), 9, "Ss, Se, Ah, Al", "B.2.3", "Al = 1"),
    "SOS: too short": (SOS, scan_payload(1, 0)[:-1], 2, LENGTH, "B.2.3", "ends before Ah, Al"),
    "SOS: too long": (SOS, scan_payload(1, 0) + b"\x00", 2, LENGTH, "B.2.3", "1 bytes are left over"),
    "reserved X'FF02'": (0x02, b"ab", 0, "marker", "B.1.1.3", "X'FF02'"),
    "reserved X'FFBF'": (0xBF, b"ab", 0, "marker", "B.1.1.3", "X'FFBF'"),
    "JPG": (0xC8, b"ab", 0, "marker", "B.1.1.3", "X'FFC8'"),
    "JPG0": (0xF0, b"ab", 0, "marker", "B.1.1.3", "X'FFF0'"),
    "JPG13": (0xFD, b"ab", 0, "marker", "B.1.1.3", "X'FFFD'"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_each_fault_is_located(name: str) -> None:
    """The offset is of the field that is wrong; for a wrong length, of the length."""
    marker, payload, offset, field, clause, words = FAULTS[name]
    frame = None if marker == SOF0 else FRAME
    with pytest.raises(FormatError) as caught:
        parse_segment(BEFORE + segment_bytes(marker, payload) + b"\xff\xd9", START, marker, frame)
    error = caught.value
    assert (error.offset - START, error.field, error.clause) == (offset, field, clause)
    assert words in error.message


def test_faults_of_order() -> None:
    """A second SOI, a second frame header, a scan before the frame header: the marker itself is wrong."""
    for data, frame, field in (
        (b"\xff\xd8", FRAME, "SOI"),
        (segment_bytes(SOF0, frame_payload((1, 0x11, 0))), FRAME, "SOF"),
        (segment_bytes(SOF2, frame_payload((1, 0x11, 0))), FRAME, "SOF"),
        (segment_bytes(SOS, scan_payload(1, 0)), None, "SOS"),
    ):
        with pytest.raises(FormatError) as caught:
            parse_segment(BEFORE + data + bytes(4), START, data[1], frame)
        assert (caught.value.offset, caught.value.field, caught.value.clause) == (START, field, "B.2.1")


def test_b23_more_than_ten_blocks_to_an_mcu() -> None:
    """The scan header as a whole is wrong: its marker's offset."""
    frame = FrameHeader(SOF0, 8, 64, 64, (FrameComponent(1, 4, 2, 0), FrameComponent(2, 3, 1, 0)))
    data = BEFORE + segment_bytes(SOS, scan_payload(1, 0, 2, 0))
    with pytest.raises(FormatError, match="an MCU of 11 blocks, allowed are 10") as caught:
        parse_segment(data, START, SOS, frame)
    assert (caught.value.offset, caught.value.field, caught.value.clause) == (START, "Csj", "B.2.3")


@pytest.mark.parametrize(
    ("marker", "payload", "feature"),
    [
        *((m, frame_payload((1, 0x11, 0)), tables.PROCESSES[m]) for m in tables.HIERARCHICAL),
        (0xDE, b"ab", "hierarchical mode (marker DHP)"),
        (0xDF, b"\x11", "hierarchical mode (marker EXP)"),
        (0xF7, frame_payload((1, 0x11, 0)), "JPEG-LS"),
    ],
)
def test_what_is_not_supported_is_named(marker: int, payload: bytes, feature: str) -> None:
    """A sound file of another process is no `FormatError`."""
    with pytest.raises(UnsupportedError) as caught:
        parse_segment(BEFORE + segment_bytes(marker, payload), START, marker, None)
    assert feature in caught.value.feature


@pytest.mark.parametrize("marker", [SOF0, 0xC1, SOF2, SOF3, SOF9, SOF10, SOF11])
def test_table_b2_sample_precision(marker: int) -> None:
    """P is 8 or 12 with a DCT, 2 ... 16 without.

    T.81 has P = 8 alone for baseline, but libjpeg-turbo asks only at the first scan; so do we.
    """
    allowed = range(2, 17) if marker in LOSSLESS else (8, 12)
    for precision in range(256):
        data = segment_bytes(marker, frame_payload((1, 0x11, 0), precision=precision))
        if precision in allowed:
            frame = parsed(data)
            assert isinstance(frame, FrameHeader)
            assert frame.precision == precision
        else:
            with pytest.raises(FormatError, match=f"P = {precision}"):
                parsed(data)


def framed(marker: int, precision: int = 8) -> FrameHeader:
    """Return a frame header of three components."""
    return FrameHeader(marker, precision, 24, 40, FRAME.components)


# marker of the frame, components of the scan, Ss, Se, Ah, Al, words of the message; empty where it is legal
SELECTIONS: list[tuple[int, int, int, int, int, int, str]] = [
    (SOF2, 3, 0, 0, 0, 0, ""),
    (SOF2, 3, 0, 0, 0, 13, ""),
    (SOF2, 1, 1, 63, 0, 2, ""),
    (SOF10, 1, 5, 5, 3, 2, ""),
    (SOF2, 1, 63, 63, 1, 0, ""),
    (SOF2, 1, 0, 1, 0, 0, "DC and AC"),
    (SOF10, 1, 0, 63, 0, 0, "DC and AC"),
    (SOF2, 1, 6, 5, 0, 0, "Ss <= Se"),
    (SOF2, 1, 1, 64, 0, 0, "Ss <= Se"),
    (SOF10, 1, 255, 255, 0, 0, "Ss <= Se"),
    (SOF2, 2, 1, 5, 0, 0, "AC coefficients of 2 components"),
    (SOF2, 1, 1, 5, 2, 2, "refine by one bit"),
    (SOF2, 1, 0, 0, 1, 1, "refine by one bit"),
    (SOF10, 1, 1, 5, 3, 1, "refine by one bit"),
    (SOF2, 1, 1, 5, 0, 14, "Al is at most 13"),
    (SOF3, 3, 1, 0, 0, 0, ""),
    (SOF11, 1, 7, 0, 0, 7, ""),
    (SOF3, 1, 0, 0, 0, 0, "a predictor 1 ... 7"),
    (SOF11, 1, 8, 0, 0, 0, "a predictor 1 ... 7"),
    (SOF3, 1, 1, 1, 0, 0, "a predictor 1 ... 7"),
    (SOF3, 1, 1, 0, 1, 0, "a predictor 1 ... 7"),
    (SOF3, 1, 1, 0, 0, 8, "a transform below P"),
    (SOF9, 3, 0, 63, 0, 0, ""),
    (SOF9, 1, 0, 62, 0, 0, "0, 63, 0, 0"),
    (0xC1, 1, 0, 63, 0, 1, "0, 63, 0, 0"),
]


@pytest.mark.parametrize(("marker", "count", "start", "end", "high", "low", "words"), SELECTIONS)
def test_table_b3_selections(
    marker: int, count: int, start: int, end: int, high: int, low: int, words: str
) -> None:
    """Ss, Se, Ah and Al of each process (Table B.3; G.1.1.1 for progressive, H.1.2.1 for lossless scans)."""
    frame = framed(marker)
    pairs = [value for i in range(count) for value in (frame.components[i].component_id, 0)]
    payload = scan_payload(*pairs, last=(start, end, 16 * high + low))
    if words:
        with pytest.raises(FormatError, match=words) as caught:
            parsed(segment_bytes(SOS, payload), frame)
        assert (caught.value.field, caught.value.clause) == ("Ss, Se, Ah, Al", "B.2.3")
    else:
        scan = parsed(segment_bytes(SOS, payload), frame)
        assert isinstance(scan, ScanHeader)
        found = (scan.spectral_start, scan.spectral_end, scan.approx_high, scan.approx_low)
        assert found == (start, end, high, low)


@pytest.mark.parametrize(("marker", "lenient"), [(SOF0, True), (SOF9, True), (SOF2, False), (SOF3, False)])
def test_a_wrong_selection_can_be_overlooked(marker: int, lenient: bool) -> None:
    """In a sequential scan it says nothing: who does not complain gets 0, 63, 0, 0, as from libjpeg."""
    complaints: list[FormatError] = []
    data = BEFORE + segment_bytes(SOS, scan_payload(1, 0, last=(7, 3, 0x21))) + b"\xff\xd9"
    if not lenient:
        with pytest.raises(FormatError):
            parse_segment(data, START, SOS, framed(marker), complaints.append)
        assert not complaints
        return
    scan, _ = parse_segment(data, START, SOS, framed(marker), complaints.append)
    assert scan == ScanHeader((ScanComponent(0, 0, 0),))
    assert [complaint.field for complaint in complaints] == ["Ss, Se, Ah, Al"]


def test_what_libjpeg_overlooks_can_be_overlooked() -> None:
    """Pq from 2 on, which it takes for 1; and a DNL segment of any length, which it skips."""
    complaints: list[FormatError] = []
    data = BEFORE + segment_bytes(DQT, b"\x30" + bytes(range(1, 129))) + b"\xff\xd9"
    segment, _ = parse_segment(data, START, DQT, None, complaints.append)
    assert isinstance(segment, QuantizationTables)
    assert (segment.tables[0].precision, segment.tables[0].values[:2]) == (1, (0x0102, 0x0304))
    data = BEFORE + segment_bytes(DNL, b"abc") + b"\xff\xd9"
    assert parse_segment(data, START, DNL, None, complaints.append)[0] == OtherSegment(DNL, b"abc")
    assert [complaint.field for complaint in complaints] == ["Pq", LENGTH]


def test_b25_the_height_may_come_later() -> None:
    """Y = 0 is legal in a frame header: a DNL segment follows the first scan."""
    frame = parsed(segment_bytes(SOF0, frame_payload((1, 0x11, 0), height=0)))
    assert isinstance(frame, FrameHeader)
    assert frame.height == 0


def test_b23_components_behind_the_fourth() -> None:
    """libjpeg-turbo finds only the first four of a frame; T.81 allows 255, and so do we."""
    frame = FrameHeader(SOF0, 8, 8, 8, tuple(FrameComponent(c, 1, 1, 0) for c in range(255)))
    scan = parsed(segment_bytes(SOS, scan_payload(2, 0, 254, 0x11)), frame)
    assert isinstance(scan, ScanHeader)
    assert [component.component for component in scan.components] == [2, 254]


@pytest.mark.parametrize(("height", "width"), [(65501, 1), (1, 65501), (65535, 65535)])
def test_sides_beyond_libjpegs_limit(height: int, width: int) -> None:
    """65500 is allowed, one more is not."""
    data = segment_bytes(SOF0, frame_payload((1, 0x11, 0), height=height, width=width))
    with pytest.raises(LimitError) as caught:
        parsed(data)
    error = caught.value
    assert (error.limit, error.value, error.allowed) == ("max_dimension", max(height, width), 65500)
    most = parsed(segment_bytes(SOF0, frame_payload((1, 0x11, 0), height=65500, width=65500)))
    assert isinstance(most, FrameHeader)
    assert (most.height, most.width) == (65500, 65500)


@settings(BOUNDED, max_examples=300)
@given(
    st.sampled_from([DQT, DHT, DRI, SOF0, SOF2, SOF3, SOF9, SOS, DAC, DNL, COM, APP0]), st.binary(max_size=90)
)
def test_any_payload_is_parsed_or_refused(marker: int, payload: bytes) -> None:
    """Random parameters: a segment whose bytes are these again, or a `JpegError` within the segment."""
    data = segment_bytes(marker, payload)
    try:
        segment = parsed(data, None if marker in tables.PROCESSES else FRAME)
    except JpegError as error:
        offset = getattr(error, "offset", START)
    else:
        offset = START
        assert format_segment(segment, FRAME) == data
    assert START <= offset <= START + len(data)


# Finding segments


@pytest.mark.parametrize(("fill", "offset"), [(0, 3), (1, 4), (5, 8)])
def test_b112_fill_bytes_before_a_marker(fill: int, offset: int) -> None:
    """The offset is of the last X'FF', the one that belongs to the marker."""
    data = b"abc" + b"\xff" * (1 + fill) + bytes([EOI])
    assert find_marker(data, 3) == (offset, EOI)


@pytest.mark.parametrize(
    ("data", "offset", "said"),
    [
        (b"abc", 3, "the file ends"),
        (b"abc\xff", 4, "the file ends"),
        (b"abc\xff\xff\xff", 6, "the file ends"),
        (b"abc\x12\x34\xff\xd9", 3, "2 extraneous bytes where a marker is due, the first X'12'"),
        (b"abc\xff\x00\xff\xd9", 3, "2 extraneous bytes where a marker is due, the first X'FF'"),
        (b"abc\x00\xff\x00\x01\xff\xff\xd9", 3, "5 extraneous bytes"),
        (b"abchello", 3, "5 extraneous bytes"),
    ],
)
def test_no_marker_where_one_is_due(data: bytes, offset: int, said: str) -> None:
    """The end of the file, or how many bytes stand before the next marker (and its fill bytes)."""
    with pytest.raises(FormatError, match=said) as caught:
        find_marker(data, 3)
    assert (caught.value.offset, caught.value.field) == (offset, "marker")
    assert caught.value.clause == ("B.2.1" if "ends" in said else "B.1.1.2")


def test_table_b1_markers_that_stand_alone() -> None:
    """SOI, EOI, RST0 … RST7 and TEM have neither length nor parameters."""
    assert {m for m in range(1, 255) if is_standalone(m)} == {SOI, EOI, TEM, *range(0xD0, 0xD8)}


def test_marker_names() -> None:
    """Names of Table B.1, and the code for what has none."""
    assert [marker_name(m) for m in (SOF0, 0xCF, 0xD7, 0xE9, 0xF7)] == [
        "SOF0",
        "SOF15",
        "RST7",
        "APP9",
        "JPG7",
    ]
    assert marker_name(0x02) == "X'FF02'"


@pytest.mark.parametrize(
    ("data", "offset", "said"),
    [
        (b"\xff\xfe", 2, "ends in the length of the COM segment"),
        (b"\xff\xfe\x00", 3, "ends in the length of the COM segment"),
        (b"\xff\xfe\x00\x00", 2, "a length of 0"),
        (b"\xff\xfe\x00\x01a", 2, "a length of 1"),
        (b"\xff\xfe\x00\x03", 2, "of 3 bytes passes the end of the file by 1"),
        (b"\xff\xfe\xff\xffab", 2, "of 65535 bytes passes the end of the file by 65531"),
    ],
)
def test_b114_lengths(data: bytes, offset: int, said: str) -> None:
    """A length counts its own two bytes, and what it counts must be there."""
    with pytest.raises(FormatError, match=said) as caught:
        payload_bounds(BEFORE + data, START, COM)
    error = caught.value
    assert (error.offset - START, error.field, error.clause) == (offset, "segment length", "B.1.1.4")


def test_b114_payload_bounds() -> None:
    """Behind the length, up to what it counts; nothing, for a length of 2."""
    assert payload_bounds(BEFORE + b"\xff\xfe\x00\x05abcd", START, COM) == (START + 4, START + 7)
    assert payload_bounds(BEFORE + b"\xff\xfe\x00\x02", START, COM) == (START + 4, START + 4)


# Writing


TABLE = QuantizationTable(0, 0, (1,) * 64)


def test_the_longest_segment() -> None:
    """65533 bytes fit, one more does not."""
    assert len(format_segment(Comment(bytes(65533)), FRAME)) == 65537
    with pytest.raises(ValueError, match="COM segment of 65534 bytes, at most 65533 fit"):
        format_segment(Comment(bytes(65534)), FRAME)


def with_component(**changes: Any) -> FrameHeader:
    """Return the header of a grey frame with something changed in its component."""
    values = {"component_id": 1, "h_samp": 1, "v_samp": 1, "quant_table": 0, **changes}
    return FrameHeader(SOF0, 8, 8, 8, (FrameComponent(**values),))


def huffman_segment(bits: Sequence[int], values: Sequence[int], destination: int = 0) -> HuffmanTables:
    """Return a DHT segment of one DC table."""
    return HuffmanTables((HuffmanTable(0, destination, HuffmanSpec(tuple(bits), tuple(values))),))


@pytest.mark.parametrize(
    "segment",
    [
        pytest.param(RestartInterval(65536), id="Ri = 65536"),
        pytest.param(RestartInterval(-1), id="Ri = -1"),
        pytest.param(FrameHeader(SOF0, 8, 65536, 8, FRAME.components), id="Y = 65536"),
        pytest.param(FrameHeader(SOF0, 8, 8, 70000, FRAME.components), id="X = 70000"),
        pytest.param(FrameHeader(SOF0, 256, 8, 8, FRAME.components), id="P = 256"),
        pytest.param(FrameHeader(SOF0, 8, 8, 8, FRAME.components * 86), id="Nf = 258"),
        pytest.param(with_component(component_id=256), id="Ci = 256"),
        pytest.param(with_component(h_samp=16), id="Hi = 16"),
        pytest.param(with_component(v_samp=16), id="Vi = 16"),
        pytest.param(with_component(quant_table=256), id="Tqi = 256"),
        pytest.param(AppData(16, b""), id="APP16"),
        pytest.param(QuantizationTables((QuantizationTable(0, 0, (256,) * 64),)), id="8-bit step 256"),
        pytest.param(QuantizationTables((QuantizationTable(0, 1, (65536,) * 64),)), id="16-bit step 65536"),
        pytest.param(QuantizationTables((QuantizationTable(0, 0, (-1,) * 64),)), id="step -1"),
        pytest.param(QuantizationTables((QuantizationTable(0, 0, (1,) * 65),)), id="65 steps"),
        pytest.param(QuantizationTables((QuantizationTable(16, 0, (1,) * 64),)), id="Tq = 16"),
        pytest.param(huffman_segment((0,) * 16, (), destination=16), id="Th = 16"),
        pytest.param(huffman_segment((256,) + (0,) * 15, range(256)), id="Li = 256"),
        pytest.param(huffman_segment((3,) + (0,) * 15, (1,)), id="1 of 3 symbols"),
        pytest.param(huffman_segment((1,), (1,)), id="1 of 16 counts"),
        pytest.param(ScanHeader((ScanComponent(0, 16, 0),)), id="Td = 16"),
        pytest.param(ScanHeader((ScanComponent(0, 0, 16),)), id="Ta = 16"),
        pytest.param(ScanHeader((ScanComponent(0, 0, 0),), approx_low=16), id="Al = 16"),
        pytest.param(NumberOfLines(65536), id="NL = 65536"),
        pytest.param(ArithmeticConditioning((Conditioning(1, 0, 256),)), id="Cs = 256"),
        pytest.param(ArithmeticConditioning((Conditioning(16, 0, 1),)), id="Tc = 16"),
    ],
)
def test_numbers_that_do_not_fit_their_field(segment: Segment) -> None:
    """A `ValueError`, and never a segment that says something else."""
    with pytest.raises(ValueError):
        format_segment(segment, FRAME)


def test_what_is_no_segment() -> None:
    """Something else in the list of segments is a mistake of the caller."""
    with pytest.raises(TypeError, match="QuantizationTable is not a segment"):
        format_segment(TABLE, FRAME)  # type: ignore[arg-type]
