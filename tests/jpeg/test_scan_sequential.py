"""One scan ↔ coefficients, in both back ends: order of blocks, restarts, ends, damage, and odd symbols."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from conftest import BACKENDS
from hypothesis import given, settings
from hypothesis import strategies as st

from jpeg_from_scratch.backend import ScanCoder, get_backend
from jpeg_from_scratch.bitio import BitWriter
from jpeg_from_scratch.coefficients import EOB, ZRL, category, magnitude_bits
from jpeg_from_scratch.errors import FormatError
from jpeg_from_scratch.huffman import HuffmanSpec, encode_table, optimal_spec
from jpeg_from_scratch.intervals import Progress, Status, scan_error, skip_padding
from jpeg_from_scratch.jpeg_data import FrameComponent, FrameHeader, ScanComponent, ScanHeader
from jpeg_from_scratch.scan import Scan
from jpeg_from_scratch.tables import NATURAL_INDEX

Array = npt.NDArray[Any]
Blocks = list[npt.NDArray[np.int16]]

BOUNDED = settings(derandomize=True, max_examples=40, deadline=None)
SLACK = b"\xff\xd9 and what follows \xff\x00\xff\xd0"


def frame_of(factors: Sequence[tuple[int, int]], height: int, width: int) -> FrameHeader:
    """Return the frame header of a picture whose components have these factors (h, v)."""
    components = tuple(FrameComponent(i + 1, h, v, 0) for i, (h, v) in enumerate(factors))
    return FrameHeader(0xC0, 8, height, width, components)


def scan_of(
    factors: Sequence[tuple[int, int]], height: int, width: int, *members: int, interval: int = 0
) -> Scan:
    """Return a scan, without tables, of some components, or of all."""
    indices = members or tuple(range(len(factors)))
    header = ScanHeader(tuple(ScanComponent(i, 0, 0) for i in indices))
    return Scan(frame_of(factors, height, width), header, interval)


def with_tables(scan: Scan, dc: Sequence[HuffmanSpec], ac: Sequence[HuffmanSpec]) -> Scan:
    """Return the scan with these Huffman tables, one of each class for each component."""
    return replace(scan, dc=tuple(dc), ac=tuple(ac))


def coder(backend: str) -> ScanCoder:
    """Return the coder of sequential scans."""
    return get_backend(backend).scan_coders["sequential"]


def shapes(scan: Scan) -> list[tuple[int, int]]:
    """Return (block rows, block columns) that a scan covers, per component."""
    return [(scan.layout.mcu_rows * v, scan.layout.mcu_columns * h) for v, h in scan.layout.factors]


def random_blocks(scan: Scan, seed: int, density: float, largest: int) -> Blocks:
    """Return coefficients of which a share is not zero; no DC difference passes ±32767."""
    rng = np.random.default_rng(seed)
    arrays = []
    for rows, columns in shapes(scan):
        blocks = rng.integers(-largest, largest + 1, (rows, columns, 8, 8))
        blocks *= rng.random(blocks.shape) < density
        blocks[..., 0, 0] = np.clip(blocks[..., 0, 0], -16383, 16383)
        arrays.append(blocks.astype(np.int16))
    return arrays


def counted(backend: str, scan: Scan, blocks: Blocks) -> tuple[Array, Array]:
    """Count the symbols of a scan."""
    count = coder(backend).count
    assert count is not None
    return count(scan, blocks)


def with_optimal_tables(backend: str, scan: Scan, blocks: Blocks) -> Scan:
    """Return the scan with tables of just the codes that it needs."""
    dc, ac = counted(backend, scan, blocks)
    return with_tables(scan, [*map(optimal_spec, dc)], [*map(optimal_spec, ac)])


def decoded(backend: str, data: bytes, scan: Scan, at: int = 0) -> tuple[Blocks, Progress]:
    """Decode a scan strictly into new arrays; return them and where it ended. Raise what is wrong."""
    blocks = [np.zeros((*shape, 8, 8), np.int16) for shape in shapes(scan)]
    progress = Progress(at)
    status = coder(backend).decode(data, scan, blocks, progress, True)
    if status != Status.DONE:
        raise scan_error(data, scan, progress, status)
    return blocks, progress


# A.2 – the order of blocks


def test_a23_interleaved_order_of_4_2_0() -> None:
    """17 rows of 33 samples: 2 × 3 MCUs of 2 × 2 blocks Y, one Cb, one Cr; worked by hand."""
    scan = scan_of([(2, 2), (1, 1), (1, 1)], 17, 33)
    assert (scan.layout.mcu_rows, scan.layout.mcu_columns, scan.layout.mcus) == (2, 3, 6)
    assert shapes(scan) == [(4, 6), (2, 3), (2, 3)]
    expected = {
        0: [(0, 0, 0), (0, 0, 1), (0, 1, 0), (0, 1, 1), (1, 0, 0), (2, 0, 0)],
        1: [(0, 0, 2), (0, 0, 3), (0, 1, 2), (0, 1, 3), (1, 0, 1), (2, 0, 1)],
        2: [(0, 0, 4), (0, 0, 5), (0, 1, 4), (0, 1, 5), (1, 0, 2), (2, 0, 2)],
        3: [(0, 2, 0), (0, 2, 1), (0, 3, 0), (0, 3, 1), (1, 1, 0), (2, 1, 0)],
        5: [(0, 2, 4), (0, 2, 5), (0, 3, 4), (0, 3, 5), (1, 1, 2), (2, 1, 2)],
    }
    for mcu, blocks in expected.items():
        assert list(scan.layout.blocks(mcu)) == blocks, mcu


def test_a22_non_interleaved_order_ignores_the_factors() -> None:
    """Y alone: 3 × 5 blocks in raster order, an MCU each, and none of the padding to whole MCUs."""
    scan = scan_of([(2, 2), (1, 1), (1, 1)], 17, 33, 0)
    assert scan.layout.mcus == 15
    order = [block for mcu in range(15) for block in scan.layout.blocks(mcu)]
    assert order == [(0, row, column) for row in range(3) for column in range(5)]
    chroma = scan_of([(2, 2), (1, 1), (1, 1)], 17, 33, 2)
    assert [*chroma.layout.blocks(4)] == [(0, 1, 1)]
    assert chroma.layout.mcus == 6


def test_a23_a_scan_of_two_components() -> None:
    """Cb and Y of 4:2:0 in one scan, in the order of the scan header: MCUs as large as for all three."""
    scan = scan_of([(2, 2), (1, 1), (1, 1)], 17, 33, 0, 2)
    assert [*scan.layout.blocks(1)] == [(0, 0, 2), (0, 0, 3), (0, 1, 2), (0, 1, 3), (1, 0, 1)]


def test_a23_columns_before_rows_within_an_mcu() -> None:
    """A component of 4 × 2: the blocks of an MCU from left to right, then the next row."""
    scan = scan_of([(4, 2), (1, 1)], 16, 64)
    assert [*scan.layout.blocks(1)][:8] == [(0, row, column) for row in (0, 1) for column in (4, 5, 6, 7)]


def test_blocks_are_coded_in_the_order_of_the_layout(backend: str) -> None:
    """Each DC coefficient is its place in the order; a decoder of the same layout puts it there."""
    scan = scan_of([(2, 2), (1, 1), (1, 1)], 17, 33)
    blocks = [np.zeros((*shape, 8, 8), np.int16) for shape in shapes(scan)]
    counters = [0, 0, 0]
    for mcu in range(scan.layout.mcus):
        for j, row, column in scan.layout.blocks(mcu):
            counters[j] += 1
            blocks[j][row, column, 0, 0] = counters[j]
    counts, _ = counted(backend, scan, blocks)
    assert [np.flatnonzero(row).tolist() for row in counts] == [[1], [1], [1]], "every difference is 1"
    scan = with_tables(scan, HuffmanSpec.typical_dc()[:1] * 3, HuffmanSpec.typical_ac()[:1] * 3)
    # Category 1 is 010, the value 1 is 1, EOB is 1010.
    bits = "01011010" * 36
    assert coder(backend).encode(scan, blocks) == int(bits, 2).to_bytes(36)


# F.1.2 – bits worked by hand


def test_f12_a_block_by_hand(backend: str) -> None:
    """DC −3, then 2 at k = 1, −1 at k = 4, and 1 at k = 22, by the tables K.3 and K.5.

    −3: category 2 is 011, bits 00. 2: 0/2 is 01, bits 10. −1: 2/1 is 11100, bit 0. 1 after 17 zeros: ZRL
    is 11111111001, 1/1 is 1100, bit 1. EOB is 1010. Padding: one-bits.
    """
    scan = scan_of([(1, 1)], 8, 8)
    block = np.zeros(64, np.int16)
    block[NATURAL_INDEX[[0, 1, 4, 22]]] = -3, 2, -1, 1
    scan = with_tables(scan, HuffmanSpec.typical_dc()[:1], HuffmanSpec.typical_ac()[:1])
    data = coder(backend).encode(scan, [block.reshape(1, 1, 8, 8)])
    bits = "01100011011100011111111001110011010" + "1" * 5
    expected = int(bits, 2).to_bytes(5).replace(b"\xff", b"\xff\x00")
    assert data == expected
    again, end = decoded(backend, data + SLACK, scan)
    assert again[0].ravel().tolist() == block.tolist()
    assert (end.position, end.overlong_runs) == (len(data), 0)


# E.1.4 – restart intervals


@pytest.mark.parametrize("interval", [1, 2, 3, 7, 20, 21])
def test_e14_restart_markers_count_modulo_8(backend: str, interval: int) -> None:
    """RST0 … RST7, RST0 …, one between two intervals and none at the end."""
    scan = scan_of([(1, 1)], 8, 160, interval=interval)
    blocks = random_blocks(scan, 1, 0.2, 50)
    scan = with_optimal_tables(backend, scan, blocks)
    data = coder(backend).encode(scan, blocks)
    markers = [marker[0] - 0xD0 for marker in re.findall(rb"\xff([\xd0-\xd7])", data)]
    assert markers == [m % 8 for m in range((20 - 1) // interval)]
    again, end = decoded(backend, data + SLACK, scan)
    np.testing.assert_array_equal(again[0], blocks[0])
    assert end.position == len(data)


def test_e14_prediction_starts_again_at_a_restart(backend: str) -> None:
    """Equal DC coefficients: with an interval of 1 each difference is the coefficient itself."""
    scan = scan_of([(1, 1)], 8, 32)
    blocks = [np.zeros((1, 4, 8, 8), np.int16)]
    blocks[0][..., 0, 0] = 5
    counts, _ = counted(backend, replace(scan, restart_interval=1), blocks)
    assert counts[0, 3] == 4
    counts, _ = counted(backend, replace(scan, restart_interval=2), blocks)
    assert (counts[0, 3], counts[0, 0]) == (2, 2)


def scan_with_restarts(backend: str) -> tuple[bytes, Scan, Blocks]:
    """Return a small scan of two intervals of one MCU."""
    scan = scan_of([(1, 1)], 8, 16, interval=1)
    blocks = random_blocks(scan, 3, 0.1, 20)
    scan = with_optimal_tables(backend, scan, blocks)
    return coder(backend).encode(scan, blocks), scan, blocks


@pytest.mark.parametrize(
    ("instead", "said"),
    [
        (b"\xff\xd1", "found RST1 where RST0 is due"),
        (b"\xff\xd9", "found EOI where RST0 is due"),
        (b"\xff\xfe", "found COM where RST0 is due"),
        (b"\x12\x34", "where a marker is due"),
        (b"", "where a marker is due"),
    ],
)
def test_e24_another_thing_where_a_restart_marker_is_due(backend: str, instead: bytes, said: str) -> None:
    """A `FormatError` with the offset at which RST0 should stand."""
    data, scan, _ = scan_with_restarts(backend)
    at = data.index(b"\xff\xd0")
    damaged = data[:at] + instead + data[at + 2 :]
    with pytest.raises(FormatError, match=said) as caught:
        decoded(backend, damaged + b"\xff\xd9", scan)
    assert (caught.value.offset, caught.value.field, caught.value.clause) == (at, "RSTm", "E.2.4")


def test_e24_the_data_end_where_a_restart_marker_is_due(backend: str) -> None:
    """The offset is the length of the file."""
    data, scan, _ = scan_with_restarts(backend)
    at = data.index(b"\xff\xd0")
    for rest in (b"", b"\xff"):
        with pytest.raises(FormatError, match="RST0") as caught:
            decoded(backend, data[:at] + rest, scan)
        assert (caught.value.offset, caught.value.field) == (at + len(rest), "RSTm")


@pytest.mark.parametrize("fill", [b"\xff", b"\xff\xff\xff"])
def test_b112_fill_bytes_before_a_restart_marker(backend: str, fill: bytes) -> None:
    """X'FF' may be repeated before a marker."""
    data, scan, blocks = scan_with_restarts(backend)
    filled = data.replace(b"\xff\xd0", fill + b"\xff\xd0")
    again, end = decoded(backend, filled + SLACK, scan)
    np.testing.assert_array_equal(again[0], blocks[0])
    assert end.position == len(filled)


def test_a_whole_byte_of_padding_is_stepped_over(backend: str) -> None:
    """Some encoders put X'FF00' before a marker although nothing is to be filled."""
    data, scan, blocks = scan_with_restarts(backend)
    padded = data.replace(b"\xff\xd0", b"\xff\x00\xff\xd0") + b"\xff\x00"
    again, end = decoded(backend, padded + b"\xff\xd9", scan)
    np.testing.assert_array_equal(again[0], blocks[0])
    assert skip_padding(padded + b"\xff\xd9", end.position) == len(padded)


# Both ways, and both back ends


def assert_both_ways(scan: Scan, blocks: Blocks) -> int:
    """Code and decode with every back end; return the length of the scan.

    Every back end counts the same symbols, writes the same bytes, reads any other's, and ends where they end.
    """
    files, counts = [], []
    for name in BACKENDS:
        counts.append(np.stack(counted(name, scan, blocks)))
        ready = with_optimal_tables(name, scan, blocks)
        files.append(coder(name).encode(ready, blocks))
    for count, data in zip(counts, files):
        np.testing.assert_array_equal(count, counts[0])
        assert data == files[0]
    before = b"\xff\xda before "
    for name in BACKENDS:
        again, end = decoded(name, before + files[0] + SLACK, ready, len(before))
        for ours, theirs in zip(again, blocks, strict=True):
            np.testing.assert_array_equal(ours, theirs, name)
        assert end.position == len(before) + len(files[0]), name
        assert (end.mcu, end.last_fed) == (scan.layout.mcus, scan.layout.mcus - 1), name
        assert (end.starved_mcus, end.bad_codes, end.overlong_runs) == (0, 0, 0), name
    return len(files[0])


@BOUNDED
@given(
    factors=st.sampled_from(
        [
            ((1, 1),),
            ((2, 2), (1, 1), (1, 1)),
            ((2, 1), (1, 2), (1, 1)),
            ((4, 2), (1, 1), (1, 1)),
            ((1, 3), (3, 1)),
            ((1, 1), (2, 2), (1, 1), (1, 4)),
        ]
    ),
    size=st.tuples(st.integers(1, 40), st.integers(1, 40)),
    interval=st.integers(0, 5),
    seed=st.integers(0, 1000),
    density=st.sampled_from([0, 0.02, 0.2, 1]),
    largest=st.sampled_from([1, 20, 1023, 32767]),
)
def test_any_coefficients_come_back(
    factors: tuple[tuple[int, int], ...],
    size: tuple[int, int],
    interval: int,
    seed: int,
    density: float,
    largest: int,
) -> None:
    """Up to ±32767, which no picture has; any restart interval; one to four components."""
    scan = scan_of(factors, *size, interval=interval)
    assert_both_ways(scan, random_blocks(scan, seed, density, largest))


PAIRS = [(h, v) for h in range(1, 5) for v in range(1, 5)]


@pytest.mark.parametrize("first", PAIRS)
def test_every_layout_of_two_components(first: tuple[int, int]) -> None:
    """Factors 1 … 4 in both directions, with at most ten blocks to an MCU (B.2.3)."""
    for second in PAIRS:
        if first[0] * first[1] + second[0] * second[1] <= 10:
            scan = scan_of([first, second], 33, 33, interval=1)
            assert_both_ways(scan, random_blocks(scan, 5, 0.02, 100))


def test_extreme_values() -> None:
    """±32767 in every AC place, and DC differences of ±32767, in turn."""
    scan = scan_of([(1, 1)], 8, 32)
    blocks = [np.full((1, 4, 8, 8), 32767, np.int16)]
    blocks[0][0, 1] = blocks[0][0, 3] = -32767
    blocks[0][0, :, 0, 0] = 32767, 0, -32767, 0
    assert assert_both_ways(scan, blocks) > 4 * 63 * 15 // 8


def test_coefficients_of_any_memory_order() -> None:
    """Planes that are a part of something larger."""
    scan = scan_of([(1, 1)], 24, 24, interval=2)
    blocks = random_blocks(scan, 8, 0.3, 40)[0]
    larger = np.zeros((6, 3, 8, 16), np.int16)
    larger[::2, :, :, ::2] = blocks
    assert_both_ways(scan, [larger[::2, :, :, ::2]])
    assert_both_ways(scan, [np.asfortranarray(blocks)])


def long_codes() -> HuffmanSpec:
    """Return a table of 16-bit codes that begin with X'FF', but for symbols X'B0', X'C0' …, which are unused.

    Codes 0, 10, 110, … of one to eight bits go to those, so that the others start with eight one-bits.
    """
    unused = tuple(range(0x10, 0x90, 0x10))
    others = tuple(symbol for symbol in range(256) if symbol not in unused)
    return HuffmanSpec((1,) * 8 + (0,) * 7 + (len(others),), unused + others)


@pytest.mark.parametrize("interval", [0, 1, 700])
def test_far_more_bytes_than_blocks(interval: int) -> None:
    """31 bits a coefficient, and X'FF' all over: more than any buffer that a back end has to begin with."""
    scan = scan_of([(1, 1)], 8, 8 * 1500, interval=interval)
    blocks = [np.full((1, 1500, 8, 8), 32767, np.int16)]
    blocks[0][0, ::3] = -32767
    blocks[0][..., 0, 0] = np.arange(1500) % 7 * 2000
    dc = spec_of_lengths([4] * 12 + [5] * 4)
    scan = with_tables(scan, [dc], [long_codes()])
    files = [coder(name).encode(scan, blocks) for name in BACKENDS]
    assert len(files[0]) > 1500 * 63 * 31 // 8 * 1.3, "with many stuffed zeros"
    assert all(data == files[0] for data in files)
    for name in BACKENDS:
        again, end = decoded(name, files[0] + SLACK, scan)
        np.testing.assert_array_equal(again[0], blocks[0])
        assert end.position == len(files[0])


def spec_of_lengths(lengths: Sequence[int]) -> HuffmanSpec:
    """Return a table with codes of these lengths, which rise, for symbols 0, 1, 2, …."""
    counts = [list(lengths).count(length) for length in range(1, 17)]
    return HuffmanSpec(tuple(counts), tuple(range(len(lengths))))


# What has no code


def one_block(*values: tuple[int, int]) -> Blocks:
    """Return one block with coefficients (k, value) in zigzag order."""
    block = np.zeros(64, np.int16)
    for k, value in values:
        block[NATURAL_INDEX[k]] = value
    return [block.reshape(1, 1, 8, 8)]


@pytest.mark.parametrize(
    ("blocks", "said"),
    [
        (one_block((0, 2)), "DC table of component 0 of the scan has no code for symbol X'02'"),
        (one_block((1, 3)), "AC table of component 0 of the scan has no code for symbol X'02'"),
        (one_block((3, 1)), "AC table of component 0 of the scan has no code for symbol X'21'"),
        (one_block((17, 1)), "AC table of component 0 of the scan has no code for symbol X'F0'"),
        (one_block((1, 1)), "AC table of component 0 of the scan has no code for symbol X'00'"),
    ],
    ids=["DC", "AC size", "AC run", "ZRL", "EOB"],
)
def test_a_symbol_without_a_code_is_named(backend: str, blocks: Blocks, said: str) -> None:
    """Tables with DC 0 and 1, and AC 0/1 only: a mistake of the caller, in words."""
    dc, ac = HuffmanSpec((1, 1) + (0,) * 14, (0, 1)), HuffmanSpec((1,) + (0,) * 15, (0x01,))
    scan = with_tables(scan_of([(1, 1)], 8, 8), [dc], [ac])
    with pytest.raises(ValueError, match=re.escape(said)):
        coder(backend).encode(scan, blocks)


def test_a_symbol_without_a_code_in_a_later_component(backend: str) -> None:
    """The message has the number of the component within the scan."""
    scan = scan_of([(1, 1), (1, 1), (1, 1)], 8, 8)
    blocks = [*one_block(), *one_block(), *one_block((0, -1))]
    dc, zero = HuffmanSpec((1, 1) + (0,) * 14, (0, 1)), HuffmanSpec((1,) + (0,) * 15, (0,))
    scan = with_tables(scan, [dc, dc, zero], [zero] * 3)
    with pytest.raises(ValueError, match="DC table of component 2 of the scan has no code for symbol X'01'"):
        coder(backend).encode(scan, blocks)


@pytest.mark.parametrize(
    ("blocks", "value"),
    [
        (one_block((0, -32768)), -32768),
        (one_block((5, -32768)), -32768),
        ([np.concatenate((*one_block((0, 20000)), *one_block((0, -20000))), axis=1)], -40000),
    ],
    ids=["DC", "AC", "DC difference"],
)
def test_values_beyond_category_15(backend: str, blocks: Blocks, value: int) -> None:
    """No symbol stands for 16 bits: counting and coding say which value it was."""
    scan = scan_of([(1, 1)], 8, 8 * blocks[0].shape[1])
    scan = with_tables(scan, [spec_of_lengths([4] * 12 + [5] * 4)], [long_codes()])
    with pytest.raises(ValueError, match=f"{value}, codes exist up to ±32767"):
        coder(backend).encode(scan, blocks)
    with pytest.raises(ValueError, match=f"{value}, codes exist up to ±32767"):
        counted(backend, scan, blocks)


# F.2.2 – symbols that no encoder should write

DC_SPEC = spec_of_lengths([2, 2, 2, 3])  # categories 0 … 3
AC_SYMBOLS = (EOB, ZRL, 0x01, 0x03, 0xE1, 0xF1, 0x10, 0x70, 0xE0)
AC_SPEC = HuffmanSpec((0, 0, 0, 9) + (0,) * 12, AC_SYMBOLS)


def coded(*symbols: tuple[int, int], dc: int = 0) -> bytes:
    """Return a block of a DC difference and AC symbols with their values, padded."""
    writer = BitWriter()
    for spec, items in ((DC_SPEC, [(category(dc), dc)]), (AC_SPEC, symbols)):
        table = encode_table(spec)
        for symbol, value in items:
            writer.put(int(table.codes[symbol]), int(table.lengths[symbol]))
            writer.put(magnitude_bits(value, symbol & 15), symbol & 15)
    writer.pad()
    return bytes(writer.data)


def decode_block(backend: str, data: bytes) -> tuple[dict[int, int], int, int]:
    """Return the coefficients that are not zero by k, the number of overlong runs, and the bytes read."""
    scan = with_tables(scan_of([(1, 1)], 8, 8), [DC_SPEC], [AC_SPEC])
    blocks, end = decoded(backend, data + SLACK, scan)
    zz = blocks[0].ravel()[NATURAL_INDEX]
    return {int(k): int(zz[k]) for k in np.flatnonzero(zz)}, end.overlong_runs, end.position


def ones(count: int) -> dict[int, int]:
    """Return AC coefficients 1 … `count` that are all 1."""
    return dict.fromkeys(range(1, count + 1), 1)


@pytest.mark.parametrize(
    ("symbols", "values", "overlong"),
    [
        pytest.param([(ZRL, 0)] * 3 + [(0xE1, 1)], {63: 1}, 0, id="the longest run that fits"),
        pytest.param([(ZRL, 0)] * 3 + [(0xF1, -1)], {63: -1}, 1, id="one zero too many"),
        pytest.param([(ZRL, 0)] * 4, {}, 1, id="64 zeros"),
        pytest.param([(0x01, 1)] * 40 + [(0xF1, 1)] * 2, {**ones(40), 56: 1, 63: 1}, 1, id="far"),
        pytest.param([(0x01, 1)] * 62 + [(0xF1, -1)], {**ones(62), 63: -1}, 1, id="from 63"),
        pytest.param([(0x01, 1)] * 62 + [(ZRL, 0)], ones(62), 1, id="ZRL from 63"),
    ],
)
def test_f1222_runs_past_the_last_coefficient_are_counted(
    backend: str, symbols: list[tuple[int, int]], values: dict[int, int], overlong: int
) -> None:
    """As libjpeg-turbo reads them: the value lands in the last place, and the block ends there."""
    data = coded(*symbols)
    assert decode_block(backend, data) == (values, overlong, len(data))


@pytest.mark.parametrize("symbol", [0x10, 0x70, 0xE0])
def test_runs_of_1_to_14_with_size_0_end_the_block(backend: str, symbol: int) -> None:
    """F.1.2.2.1 leaves them undefined; libjpeg-turbo takes them for EOB."""
    data = coded((0x01, 1), (symbol, 0))
    assert decode_block(backend, data) == ({1: 1}, 0, len(data))


def test_the_dc_coefficient_wraps_to_16_bits(backend: str) -> None:
    """Damaged files only: 32767 + 32767 is stored as −2, as by libjpeg; prediction goes on from 65534."""
    spec, zero = spec_of_lengths([4] * 12 + [5] * 4), HuffmanSpec((1,) + (0,) * 15, (0,))
    writer = BitWriter()
    table = encode_table(spec)
    for difference in (32767, 32767, 5, -32767):
        size = category(difference)
        writer.put(int(table.codes[size]), int(table.lengths[size]))
        writer.put(magnitude_bits(difference, size), size)
        writer.put(0, 1)  # EOB
    writer.pad()
    scan = with_tables(scan_of([(1, 1)], 8, 32), [spec], [zero])
    blocks, _ = decoded(backend, bytes(writer.data), scan)
    assert blocks[0][0, :, 0, 0].tolist() == [32767, -2, 3, -32764]


# Damage


def outcome(name: str, data: bytes, scan: Scan) -> Any:
    """Return the coefficients and the end, or the facts of the `FormatError`; let anything else through."""
    try:
        blocks, end = decoded(name, data, scan)
    except FormatError as error:
        return error.offset, error.field, error.clause, error.message
    return [array.tolist() for array in blocks], end


@pytest.mark.parametrize("interval", [0, 2])
def test_one_damaged_bit(interval: int) -> None:
    """Every bit of a scan in turn: a `FormatError`, or other coefficients, the same in every back end.

    Only padding bits can change without a consequence.
    """
    scan = scan_of([(2, 1), (1, 1)], 8, 64, interval=interval)
    blocks = random_blocks(scan, 4, 0.05, 60)
    scan = with_tables(scan, HuffmanSpec.typical_dc()[:1] * 2, HuffmanSpec.typical_ac()[:1] * 2)
    data = coder(BACKENDS[0]).encode(scan, blocks)
    sound = outcome(BACKENDS[0], data + SLACK, scan)
    harmless, errors = [], 0
    for bit in range(8 * len(data)):
        damaged = bytearray(data + SLACK)
        damaged[bit // 8] ^= 0x80 >> bit % 8
        results = [outcome(name, bytes(damaged), scan) for name in BACKENDS]
        assert all(result == results[0] for result in results), f"bit {bit}: {[r[:4] for r in results]}"
        errors += isinstance(results[0][0], int)
        if results[0] == sound:
            harmless.append(bit)
    assert errors > 0
    ends = [*(match.start() for match in re.finditer(rb"\xff[\xd0-\xd7]", data)), len(data)]
    assert all(any(8 * end - 7 <= bit < 8 * end for end in ends) for bit in harmless)


def test_every_truncation_point() -> None:
    """Cut anywhere, the data end early: one `FormatError`, the same in every back end."""
    scan = scan_of([(2, 1), (1, 1)], 8, 48, interval=2)
    blocks = random_blocks(scan, 6, 0.2, 60)
    scan = with_optimal_tables(BACKENDS[0], scan, blocks)
    data = coder(BACKENDS[0]).encode(scan, blocks)
    for end in range(len(data)):
        for rest in (b"", b"\xff\xd9"):
            results = [outcome(name, data[:end] + rest, scan) for name in BACKENDS]
            assert all(result == results[0] for result in results), f"{end} bytes: {[r[:4] for r in results]}"
            assert isinstance(results[0][0], int), f"{end} bytes"
            assert 0 <= results[0][0] <= end + len(rest)


def test_f223_bits_that_are_no_code(backend: str) -> None:
    """Sixteen one-bits: the offset is of the byte in which the search ended, the message names the MCU."""
    scan = with_tables(scan_of([(1, 1)], 8, 24), [DC_SPEC], [AC_SPEC])
    sound = coded((EOB, 0), dc=0)
    assert len(sound) == 1  # six bits, and two ones of padding: the next block's DC code of 11 …
    with pytest.raises(FormatError, match="MCU 1 of 3") as caught:
        decoded(backend, sound + b"\xff\x00" * 3 + SLACK, scan)
    assert (caught.value.field, caught.value.clause) == ("entropy-coded data", "F.2.2.3")
    assert caught.value.offset == 4, "bits 6 … 21 end in the second byte X'FF', whose stuffed zero is byte 4"


def test_f225_the_data_end_within_an_mcu(backend: str) -> None:
    """The offset is of the marker that came too early."""
    scan = with_tables(scan_of([(1, 1)], 8, 24), [DC_SPEC], [AC_SPEC])
    data = coded((0x03, 5), (0x03, -5), (EOB, 0), dc=7)
    with pytest.raises(FormatError, match="data ends in MCU 1 of 3") as caught:
        decoded(backend, data + SLACK, scan)
    assert caught.value.field == "entropy-coded data"
    assert caught.value.clause == "F.2.2.5"
    assert caught.value.offset == len(data)


def test_an_empty_table_decodes_nothing(backend: str) -> None:
    """A table without codes (B.2.4.2 allows it) matches no bits."""
    nothing = HuffmanSpec((0,) * 16, ())
    scan = with_tables(scan_of([(1, 1)], 8, 8), [nothing], [nothing])
    with pytest.raises(FormatError, match="no Huffman code"):
        decoded(backend, bytes(8), scan)
