"""`JpegData`: equality, the geometry of a frame, and which tables are in force where."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

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
    JpegData,
    NumberOfLines,
    OtherSegment,
    QuantizationTable,
    QuantizationTables,
    RestartInterval,
    ScanComponent,
    ScanHeader,
    Segment,
    TableSlots,
    ceil_div,
    describe_process,
)

BOUNDED = settings(derandomize=True, max_examples=150, deadline=None)

factor = st.integers(1, 4)
frames = st.builds(
    lambda height, width, factors: frame_of(factors, height, width),
    st.integers(1, 200),
    st.integers(1, 200),
    st.lists(st.tuples(factor, factor), min_size=1, max_size=4),
)


def frame_of(
    factors: Sequence[tuple[int, int]], height: int, width: int, tables: Sequence[int] = (0, 1, 1, 1)
) -> FrameHeader:
    """Return a frame header; `factors` are (h, v) per component."""
    components = tuple(FrameComponent(i + 1, h, v, tables[i]) for i, (h, v) in enumerate(factors))
    return FrameHeader(0xC0, 8, height, width, components)


def steps(destination: int, step: int) -> QuantizationTables:
    """Return a DQT segment of one flat table."""
    return QuantizationTables((QuantizationTable(destination, 0, (step,) * 64),))


def scan_of(*components: int) -> ScanHeader:
    """Return a scan header of some components."""
    return ScanHeader(tuple(ScanComponent(i, 0, 0) for i in components))


# Geometry


@pytest.mark.parametrize(
    ("factors", "size", "mcus", "blocks", "padded"),
    [
        ([(2, 2), (1, 1), (1, 1)], (17, 33), (2, 3), [(3, 5), (2, 3), (2, 3)], [(4, 6), (2, 3), (2, 3)]),
        ([(1, 1)], (17, 33), (3, 5), [(3, 5)], [(3, 5)]),
        ([(2, 2)], (17, 33), (2, 3), [(3, 5)], [(4, 6)]),
        ([(4, 2), (1, 1)], (1, 1), (1, 1), [(1, 1), (1, 1)], [(2, 4), (1, 1)]),
        ([(3, 1), (2, 1)], (8, 25), (1, 2), [(1, 4), (1, 3)], [(1, 6), (1, 4)]),
        ([(1, 1), (1, 2)], (16, 8), (1, 1), [(1, 1), (2, 1)], [(1, 1), (2, 1)]),
    ],
)
def test_a2_blocks_and_mcus_by_hand(
    factors: list[tuple[int, int]],
    size: tuple[int, int],
    mcus: tuple[int, int],
    blocks: list[tuple[int, int]],
    padded: list[tuple[int, int]],
) -> None:
    """MCUs of the picture, blocks of a component alone (A.2.2), and blocks in whole MCUs (A.2.4)."""
    frame = frame_of(factors, *size)
    indices = range(len(factors))
    assert frame.mcu_shape == mcus
    assert [frame.block_shape(i) for i in indices] == blocks
    assert [frame.padded_block_shape(i) for i in indices] == padded
    assert [JpegData([frame]).block_shape(i) for i in indices] == blocks


@BOUNDED
@given(frames)
def test_blocks_cover_the_picture_and_no_more(frame: FrameHeader) -> None:
    """A block or an MCU less would leave samples out; padding adds less than an MCU."""
    assert frame.h_max == max(component.h_samp for component in frame.components)
    assert frame.v_max == max(component.v_samp for component in frame.components)
    for size, mcus, largest in zip(
        (frame.height, frame.width), frame.mcu_shape, (frame.v_max, frame.h_max), strict=True
    ):
        assert 8 * largest * (mcus - 1) < size <= 8 * largest * mcus
    for i, component in enumerate(frame.components):
        factors = component.v_samp, component.h_samp
        for samples, blocks, padded, samp in zip(
            frame.component_shape(i), frame.block_shape(i), frame.padded_block_shape(i), factors, strict=True
        ):
            assert 8 * (blocks - 1) < samples <= 8 * blocks
            assert blocks <= padded
            assert padded % samp == 0
            assert padded - blocks < samp, "the last MCU holds a block of every component"


@pytest.mark.parametrize("marker", [0xC3, 0xCB])
def test_a13_a_data_unit_of_a_lossless_process_is_a_sample(marker: int) -> None:
    """17 rows of 33 samples, Y with 2 × 2: an MCU holds four samples of Y; worked by hand."""
    frame = replace(frame_of([(2, 2), (1, 1), (1, 1)], 17, 33), marker=marker)
    assert frame.unit == 1
    assert frame.mcu_shape == (9, 17)
    assert [frame.block_shape(i) for i in range(3)] == [(17, 33), (9, 17), (9, 17)]
    assert [frame.padded_block_shape(i) for i in range(3)] == [(18, 34), (9, 17), (9, 17)]


def test_table_b1_kinds_of_processes() -> None:
    """Which frame markers are progressive, lossless, arithmetic."""
    frames = {marker: FrameHeader(marker, 8, 8, 8, ()) for marker in (*range(0xC0, 0xC4), *range(0xC9, 0xCC))}
    assert [marker for marker in frames if frames[marker].is_progressive] == [0xC2, 0xCA]
    assert [marker for marker in frames if frames[marker].is_lossless] == [0xC3, 0xCB]
    assert [marker for marker in frames if frames[marker].is_arithmetic] == [0xC9, 0xCA, 0xCB]


def test_ceil_div() -> None:
    """Whole numbers, also where floats would not be exact."""
    assert [ceil_div(a, 8) for a in (1, 7, 8, 9, 16, 17)] == [1, 1, 1, 2, 2, 3]
    assert ceil_div(10**17 + 1, 10) == 10**16 + 1


def test_frame_and_scans_among_the_segments() -> None:
    """The frame header wherever it stands; the scans in file order; a `ValueError` without a frame."""
    frame, first, second = frame_of([(1, 1), (1, 1)], 8, 8), scan_of(1), scan_of(0)
    data = JpegData([Comment(b""), steps(0, 1), frame, first, Comment(b"x"), second])
    assert data.frame is frame
    assert data.scans == [first, second]
    with pytest.raises(ValueError, match="no frame header"):
        _ = JpegData([Comment(b"")]).frame
    assert JpegData().scans == []


# Equality


@pytest.mark.parametrize(
    ("declared", "lines", "height"), [(0, (30,), 30), (0, (30, 40), 30), (24, (30,), 24)]
)
def test_b25_the_height_of_a_dnl_segment(declared: int, lines: tuple[int, ...], height: int) -> None:
    """It counts where the frame header says 0, the first if there are several; else the header does."""
    segments: list[Segment] = [frame_of([(1, 1)], declared, 8), scan_of(0), *map(NumberOfLines, lines)]
    assert JpegData(segments).frame.height == height
    assert JpegData(segments).segments[0] == frame_of([(1, 1)], declared, 8), "the segment stays as it is"
    assert JpegData([NumberOfLines(9), *segments]).frame.height == height, "before the scan it says nothing"


def test_units_are_what_the_scans_code() -> None:
    """Samples of a lossless process, coefficients of the others."""
    data = sample()
    assert data.units is data.coefficients
    lossless = JpegData([replace(frame_of([(1, 1)], 8, 8), marker=0xC3)], [], [np.zeros((8, 8), np.uint16)])
    assert lossless.units is lossless.samples


def sample() -> JpegData:
    """Return a small `JpegData`, new each time."""
    segments: list[Segment] = [AppData(0, b"JFIF"), steps(0, 3), frame_of([(1, 1)], 8, 8), scan_of(0)]
    return JpegData(segments, [np.arange(64, dtype=np.int16).reshape(1, 1, 8, 8)])


def test_equal_parts_make_equal_data() -> None:
    """Equality is of contents, not of objects; the memory order of an array is no content."""
    assert sample() == sample()
    turned = sample()
    turned.coefficients = [np.asfortranarray(array) for array in turned.coefficients]
    assert turned == sample()


@pytest.mark.parametrize(
    "change", ["segment", "order", "payload", "coefficient", "shape", "array more", "samples"]
)
def test_any_difference_makes_unequal_data(change: str) -> None:
    """One segment, one byte, one coefficient, one array."""
    other = sample()
    if change == "segment":
        other.segments.pop()
    elif change == "order":
        other.segments[0], other.segments[1] = other.segments[1], other.segments[0]
    elif change == "payload":
        other.segments[0] = AppData(0, b"JFIf")
    elif change == "coefficient":
        other.coefficients[0][0, 0, 7, 7] += 1
    elif change == "shape":
        other.coefficients[0] = np.repeat(other.coefficients[0], 2, axis=1)
    elif change == "samples":
        other.samples.append(np.zeros((8, 8), np.uint16))
    else:
        other.coefficients.append(other.coefficients[0])
    assert other != sample()
    assert sample() != other


def test_data_are_equal_to_nothing_else() -> None:
    """Not to their parts, and not to None; and what can change has no hash."""
    assert sample() != sample().segments
    assert sample() != None  # noqa: E711
    with pytest.raises(TypeError, match="unhashable"):
        hash(sample())


def test_new_data_share_nothing() -> None:
    """Two empty ones have lists of their own."""
    first, second = JpegData(), JpegData()
    first.segments.append(Comment(b""))
    first.coefficients.append(np.zeros((1, 1, 8, 8), np.int16))
    assert second == JpegData()


@pytest.mark.parametrize("segment", [frame_of([(1, 1)], 8, 8), steps(0, 1), scan_of(0), Comment(b"")])
def test_segments_do_not_change(segment: Segment) -> None:
    """Segments are values: they can be shared, and used as keys."""
    name = next(iter(segment.__dataclass_fields__))
    with pytest.raises(AttributeError):
        setattr(segment, name, None)
    assert hash(segment) == hash(segment)


def test_quantization_table_as_an_array() -> None:
    """Natural order, int32, and a new array each time."""
    table = QuantizationTable(0, 1, tuple(range(1000, 1064)))
    array = table.array()
    assert (array.dtype, array.shape) == (np.int32, (8, 8))
    assert (array[0, 1], array[1, 0]) == (1001, 1008)
    array[...] = 0
    assert table.array()[7, 7] == 1063


# Tables in force

SPEC = HuffmanSpec((1,) + (0,) * 15, (5,))
OTHER_SPEC = HuffmanSpec((0, 1) + (0,) * 14, (6,))


def test_tables_made_of_lists_are_tables_made_of_tuples() -> None:
    """What is remembered of a table is looked up by its values, which a caller may have in a list."""
    table = QuantizationTable(1, 0, list(range(1, 65)))  # type: ignore[arg-type]
    spec = HuffmanSpec([0, 1, *[0] * 14], [7])  # type: ignore[arg-type]
    assert table == QuantizationTable(1, 0, tuple(range(1, 65)))
    assert spec == HuffmanSpec((0, 1, *[0] * 14), (7,))
    assert len({table, table, spec, HuffmanSpec(spec.bits, spec.values)}) == 2


def test_slots_start_with_the_typical_huffman_tables() -> None:
    """Pairs 0 and 1 hold K.3 … K.6, as libjpeg-turbo reads files without DHT; the rest is empty."""
    slots = TableSlots()
    assert slots.dc == dict(enumerate(HuffmanSpec.typical_dc()))
    assert slots.ac == dict(enumerate(HuffmanSpec.typical_ac()))
    assert slots.quantization == {}
    assert slots.dc_conditioning == slots.ac_conditioning == {}
    assert slots.restart_interval == 0


@pytest.mark.parametrize("marker", [0xC2, 0xC3])
def test_typical_tables_are_for_sequential_processes(marker: int) -> None:
    """Behind the frame header of another one, only those remain that the file has defined itself."""
    slots = TableSlots()
    slots.install(HuffmanTables((HuffmanTable(0, 1, SPEC), HuffmanTable(1, 2, SPEC))))
    slots.install(replace(frame_of([(1, 1)], 8, 8), marker=marker))
    assert slots.dc == {1: SPEC}
    assert slots.ac == {2: SPEC}


def test_b24_a_later_definition_replaces_an_earlier_one() -> None:
    """By destination and, for Huffman tables, class; several tables of a segment in order."""
    slots = TableSlots()
    slots.install(
        HuffmanTables((HuffmanTable(0, 1, SPEC), HuffmanTable(1, 3, SPEC), HuffmanTable(1, 3, OTHER_SPEC)))
    )
    assert slots.dc == {0: HuffmanSpec.typical_dc()[0], 1: SPEC}
    assert slots.ac == {**dict(enumerate(HuffmanSpec.typical_ac())), 3: OTHER_SPEC}
    first, second = (QuantizationTable(2, 0, (step,) * 64) for step in (4, 9))
    slots.install(QuantizationTables((first, second)))
    assert slots.quantization == {2: second}
    slots.install(RestartInterval(7))
    assert slots.restart_interval == 7
    slots.install(RestartInterval(0))
    assert slots.restart_interval == 0


def test_b243_conditioning_by_class_and_destination() -> None:
    """For DC the low half is L, the high half U; for AC the byte is Kx; later ones replace earlier ones."""
    slots = TableSlots()
    first = (Conditioning(0, 3, 0xF1), Conditioning(1, 3, 0x3F), Conditioning(1, 15, 1))
    slots.install(ArithmeticConditioning(first))
    slots.install(ArithmeticConditioning((Conditioning(1, 3, 5),)))
    assert slots.dc_conditioning == {3: (1, 15)}
    assert slots.ac_conditioning == {3: 5, 15: 1}


@pytest.mark.parametrize(
    "segment",
    [
        NumberOfLines(5),
        AppData(1, b"x"),
        Comment(b"x"),
        OtherSegment(0xDC, b"\0\1"),
        frame_of([(1, 1)], 8, 8),
        scan_of(0),
    ],
)
def test_other_segments_define_no_table(segment: Segment) -> None:
    """Nothing changes."""
    slots = TableSlots()
    slots.install(segment)
    assert vars(slots) == vars(TableSlots())


def test_tables_may_be_defined_anew_between_scans() -> None:
    """Each scan sees what stands before it, and nothing that comes later."""
    data = JpegData(
        [
            steps(0, 1),
            frame_of([(1, 1), (1, 1)], 8, 8, (0, 0)),
            HuffmanTables((HuffmanTable(0, 0, SPEC),)),
            scan_of(0),
            steps(0, 2),
            RestartInterval(4),
            HuffmanTables((HuffmanTable(0, 0, OTHER_SPEC),)),
            scan_of(1),
            RestartInterval(0),
        ]
    )
    seen = []
    for slots, scan in data.scans_with_tables():
        table = slots.quantization[0]
        seen.append((scan.components[0].component, table.values[0], slots.dc[0], slots.restart_interval))
    assert seen == [(0, 1, SPEC, 0), (1, 2, OTHER_SPEC, 4)]


def step_of_each(data: JpegData) -> list[int | None]:
    """Return the (flat) step size of each component's table, None for none."""
    return [table and table.values[0] for table in data.quantization_tables()]


def test_the_quantisation_table_is_frozen_at_the_first_scan() -> None:
    """A table defined anew counts for components that come later, and not for one that has been there."""
    frame = frame_of([(1, 1), (1, 1), (1, 1)], 8, 8, (0, 0, 1))
    segments: list[Segment] = [steps(0, 1), steps(1, 5), frame, scan_of(0), steps(0, 2), scan_of(0, 1)]
    assert step_of_each(JpegData([*segments, steps(1, 6), scan_of(2)])) == [1, 2, 6]
    assert step_of_each(JpegData([*segments, scan_of(2), steps(1, 6)])) == [1, 2, 5]


def test_a_component_in_no_scan_has_no_table() -> None:
    """Nor has one whose table is not defined when its first scan comes."""
    frame = frame_of([(1, 1), (1, 1), (1, 1)], 8, 8, (0, 3, 0))
    data = JpegData([steps(0, 1), frame, scan_of(0), scan_of(1), steps(3, 8), scan_of(1)])
    assert step_of_each(data) == [1, None, None]


def test_tables_after_the_frame_header_count() -> None:
    """Tables may stand anywhere before the scan (B.2.4)."""
    assert step_of_each(JpegData([frame_of([(1, 1)], 8, 8), steps(0, 9), scan_of(0)])) == [9]


def test_processes_by_name() -> None:
    """Table B.1; a code that is no frame marker is shown."""
    assert describe_process(0xC0) == "baseline DCT (SOF0)"
    assert describe_process(0xC9) == "extended sequential DCT with arithmetic coding (SOF9)"
    assert describe_process(0xC4) == "marker X'FFC4'"
