"""Progressive scans with Huffman codes: four kinds of scans, in both back ends, and other people's files."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import codec_data
import jpeg_cases as cases
import jpeg_peers as peers
import numpy as np
import numpy.typing as npt
import pytest
from conftest import BACKENDS
from hypothesis import given, settings
from hypothesis import strategies as st
from jpeg_cases import Tally

from jpeg_from_scratch import read
from jpeg_from_scratch.backend import ScanCoder, get_backend
from jpeg_from_scratch.bitio import BitWriter
from jpeg_from_scratch.huffman import HuffmanSpec, encode_table, optimal_spec
from jpeg_from_scratch.intervals import Progress, Status, resynchronise
from jpeg_from_scratch.jpeg_data import FrameComponent, FrameHeader, JpegData, ScanComponent, ScanHeader
from jpeg_from_scratch.scan import Restart, Scan, Symbol, write_symbols
from jpeg_from_scratch.scan_progressive import MOST_BLOCKS_OF_A_RUN, scan_symbols
from jpeg_from_scratch.tables import NATURAL_INDEX

Blocks = list[npt.NDArray[np.int16]]
Band = tuple[int, int, int, int]

BOUNDED = settings(derandomize=True, max_examples=40, deadline=None)
END = b"\xff\xd9 and what follows \xff\x00\xff\xd0"

# Ss, Se, Ah, Al: every kind of scans, a band in the middle, of one coefficient, and at either end
SCRIPT: tuple[Band, ...] = (
    (0, 0, 0, 3),
    (1, 5, 0, 2),
    (6, 6, 0, 2),
    (7, 62, 0, 2),
    (63, 63, 0, 2),
    (0, 0, 3, 2),
    (1, 63, 2, 1),
    (0, 0, 2, 1),
    (0, 0, 1, 0),
    (1, 20, 1, 0),
    (21, 63, 1, 0),
)


def frame_of(factors: Sequence[tuple[int, int]], height: int, width: int) -> FrameHeader:
    """Return the frame header of a picture whose components have these factors (h, v)."""
    components = tuple(FrameComponent(i + 1, h, v, 0) for i, (h, v) in enumerate(factors))
    return FrameHeader(0xC2, 8, height, width, components)


def scan_of(frame: FrameHeader, band: Band, members: Sequence[int], interval: int = 0) -> Scan:
    """Return a scan without tables."""
    return Scan(frame, ScanHeader(tuple(ScanComponent(i, 0, 0) for i in members), *band), interval)


def scans_of(frame: FrameHeader, script: Sequence[Band], interval: int) -> Iterator[Scan]:
    """Yield the scans of a script: DC interleaved, AC of each component."""
    everything = range(len(frame.components))
    for band in script:
        for members in [everything] if band[0] == 0 else [(i,) for i in everything]:
            yield scan_of(frame, band, members, interval)


def grey(blocks: int, band: Band, interval: int = 0) -> Scan:
    """Return a scan of one component, a row of blocks."""
    return scan_of(frame_of([(1, 1)], 8, 8 * blocks), band, (0,), interval)


def coder(backend: str) -> ScanCoder:
    """Return the coder of progressive scans."""
    return get_backend(backend).scan_coders["progressive"]


def counted(backend: str, scan: Scan, blocks: Blocks) -> Any:
    """Count the symbols of a scan."""
    count = coder(backend).count
    assert count is not None
    return count(scan, blocks)


def with_optimal_tables(backend: str, scan: Scan, blocks: Blocks) -> Scan:
    """Return the scan with tables of just the codes that it needs."""
    dc, ac = counted(backend, scan, blocks)
    return replace(scan, dc=tuple(map(optimal_spec, dc)), ac=tuple(map(optimal_spec, ac)))


def blank(frame: FrameHeader) -> Blocks:
    """Return coefficients that are all zero."""
    return [np.zeros((*frame.padded_block_shape(i), 8, 8), np.int16) for i in range(len(frame.components))]


def random_blocks(frame: FrameHeader, seed: int, density: float, largest: int) -> Blocks:
    """Return coefficients of which a share is not zero, small ones more often; the AC padding is zero."""
    rng = np.random.default_rng(seed)
    arrays = []
    for i, array in enumerate(blank(frame)):
        values = largest * (2 * rng.random(array.shape) - 1) ** 5 * (rng.random(array.shape) < density)
        blocks = np.round(values).astype(np.int16)
        rows, columns = frame.block_shape(i)
        dc = blocks[..., 0, 0].copy()
        blocks[rows:], blocks[:, columns:] = 0, 0
        blocks[..., 0, 0] = dc
        arrays.append(blocks)
    return arrays


def members_of(scan: Scan, arrays: Blocks) -> Blocks:
    """Return the arrays of the components of a scan."""
    return [arrays[member.component] for member in scan.header.components]


def zigzag_block(**values: int) -> npt.NDArray[np.int16]:
    """Return a block: ``k3=5`` is coefficient 3 in zigzag order."""
    block = np.zeros(64, np.int16)
    for k, value in values.items():
        block[NATURAL_INDEX[int(k[1:])]] = value
    return block.reshape(8, 8)


# There and back


def assert_both_ways(
    frame: FrameHeader, blocks: Blocks, interval: int = 0, script: Sequence[Band] = SCRIPT
) -> None:
    """Code a whole script in every back end, with equal counts and bytes, and decode it again."""
    again = {name: blank(frame) for name in BACKENDS}
    for scan in scans_of(frame, script, interval):
        members = members_of(scan, blocks)
        counts = [counted(name, scan, members) for name in BACKENDS]
        full = with_optimal_tables(BACKENDS[0], scan, members)
        files = [coder(name).encode(full, members) for name in BACKENDS]
        for count, data in zip(counts, files):
            np.testing.assert_array_equal(count, counts[0])
            assert data == files[0]
        for name in BACKENDS:
            progress = Progress(2)
            status = coder(name).decode(
                b"\xff\xda" + files[0] + END, full, members_of(scan, again[name]), progress, True
            )
            assert status == Status.DONE
            expected = Progress(2 + len(files[0]), scan.layout.mcus, last_fed=scan.layout.mcus - 1)
            assert progress == expected, (name, scan.header)
    for name in BACKENDS:
        for ours, theirs in zip(again[name], blocks, strict=True):
            np.testing.assert_array_equal(ours, theirs, name)


@BOUNDED
@given(
    factors=st.sampled_from(
        [((1, 1),), ((2, 2), (1, 1), (1, 1)), ((2, 1), (1, 2), (1, 1)), ((1, 3), (3, 1))],
    ),
    size=st.tuples(st.integers(1, 40), st.integers(1, 40)),
    interval=st.integers(0, 5),
    seed=st.integers(0, 1000),
    density=st.sampled_from([0, 0.02, 0.2, 1]),
    largest=st.sampled_from([1, 3, 20, 1023, 16383]),
)
def test_any_coefficients_come_back(
    factors: tuple[tuple[int, int], ...],
    size: tuple[int, int],
    interval: int,
    seed: int,
    density: float,
    largest: int,
) -> None:
    """Any values, any restart interval, one to three components; the same bytes from each back end."""
    frame = frame_of(factors, *size)
    assert_both_ways(frame, random_blocks(frame, seed, density, largest), interval)


def test_extreme_values() -> None:
    """±32767 and ±1 in every place, next to each other, by the longest way from bit 13 to bit 0."""
    frame = frame_of([(1, 1)], 8, 48)
    blocks = [np.full((1, 6, 8, 8), 32767, np.int16)]
    blocks[0][0, 1::2] = -32767
    blocks[0][0, 2:4] //= 32767
    blocks[0][0, ::2, 0, 0] = 0
    script: list[Band] = [(0, 0, 0, 13), (1, 63, 0, 13)]
    for high in range(13, 0, -1):
        script += [(0, 0, high, high - 1), (1, 63, high, high - 1)]
    assert_both_ways(frame, blocks, 0, script)


def test_a4_point_transform() -> None:
    """The first scan alone: DC is shifted, AC divided towards zero."""
    frame = frame_of([(1, 1)], 8, 8)
    blocks = [zigzag_block(k0=-5, k1=-5, k2=5, k3=-3, k4=3, k5=-7).reshape(1, 1, 8, 8)]
    wanted = zigzag_block(k0=-8, k1=-4, k2=4, k5=-4)
    for name in BACKENDS:
        again = blank(frame)
        for scan in scans_of(frame, [(0, 0, 0, 2), (1, 63, 0, 2)], 0):
            full = with_optimal_tables(name, scan, blocks)
            data = coder(name).encode(full, blocks)
            assert coder(name).decode(data + END, full, again, Progress(0), True) == Status.DONE
        np.testing.assert_array_equal(again[0][0, 0], wanted)


# The symbols themselves


def symbols_of(scan: Scan, blocks: npt.NDArray[np.int16]) -> list[tuple[int | None, int, int] | str]:
    """Return (symbol, bits, length) of each symbol, and ``RSTm`` between intervals."""
    rows = blocks.reshape(1, -1, 8, 8)
    return [
        f"RST{item.m}" if isinstance(item, Restart) else (item.symbol, item.bits, item.length)
        for item in scan_symbols(scan, [rows])
    ]


def test_g122_the_worked_band() -> None:
    """The band of the file's docstring: a run over two old coefficients, whose correction bits follow."""
    block = zigzag_block(k2=-3, k5=2, k6=1)
    found = symbols_of(grey(1, (1, 7, 1, 0)), block)
    assert found == [(0x31, 0b110, 3), (0x00, 0, 0)]


def test_g122_symbols_of_a_first_scan() -> None:
    """ZRL, runs, values that the point transform makes zero, and the end of the band."""
    block = zigzag_block(k1=1, k19=-6, k21=5, k40=1)
    assert symbols_of(grey(1, (1, 40, 0, 1)), block) == [
        (0xF0, 0, 0),
        (0x22, 0b00, 2),
        (0x12, 0b10, 2),
        (0x00, 0, 0),
    ]
    assert symbols_of(grey(1, (40, 40, 0, 0)), block) == [(0x01, 1, 1)], "no end after the last coefficient"


def test_g123_zero_runs_of_a_refinement_scan() -> None:
    """ZRL takes the correction bits of what it passes; zeros before the end of a band need none."""
    block = zigzag_block(k3=2, k5=-3, k20=1, k30=3, k63=-2)
    assert symbols_of(grey(1, (1, 63, 1, 0)), block) == [
        (0xF0, 0b01, 2),  # sixteen zeros, passing 3 and 5, end at 18
        (0x11, 0b1, 1),
        (0x00, 0b10, 2),  # 42 zeros more, and the correction bits of 30 and 63
    ]


@pytest.mark.parametrize("blocks", [1, 2, 3, 4, 7, 8, 255, 256])
def test_table_g1_end_of_band_runs(blocks: int) -> None:
    """EOBn and its additional bits, for a run that ends with the scan."""
    n = blocks.bit_length() - 1
    found = symbols_of(grey(blocks, (1, 63, 0, 0)), np.zeros((blocks, 8, 8), np.int16))
    assert found == [(16 * n, blocks - (1 << n), n)]


def test_runs_end_at_restart_markers_and_values() -> None:
    """Five ended blocks, a value, two more; with an interval of three in between."""
    blocks = np.zeros((8, 8, 8), np.int16)
    blocks[5] = zigzag_block(k63=1)
    value = [(0xF0, 0, 0)] * 3 + [(0xE1, 1, 1)]
    assert symbols_of(grey(8, (1, 63, 0, 0)), blocks) == [(0x20, 0b01, 2), *value, (0x10, 0, 1)]
    assert symbols_of(grey(8, (1, 63, 0, 0), 3), blocks) == [
        (0x10, 1, 1),
        "RST0",
        (0x10, 0, 1),
        *value,
        "RST1",
        (0x10, 0, 1),
    ]


@pytest.mark.big
def test_the_longest_run() -> None:
    """A run of 32767 blocks is the longest; one more starts another, in both kinds of scans and back ends."""
    frame = frame_of([(1, 1)], 8 * 128, 8 * 257)
    blocks = blank(frame)
    for band in ((1, 2, 0, 0), (1, 2, 1, 0)):
        scan = with_optimal_tables(BACKENDS[0], scan_of(frame, band, (0,)), blocks)
        items = [item for item in scan_symbols(scan, blocks) if isinstance(item, Symbol)]
        assert [(item.symbol, item.bits, item.length) for item in items] == [
            (0xE0, MOST_BLOCKS_OF_A_RUN - (1 << 14), 14),
            (0x70, 128 * 257 - MOST_BLOCKS_OF_A_RUN - 128, 7),
        ]
        data = write_symbols(items, scan)
        assert coder(BACKENDS[0]).encode(scan, blocks) == data
        for name in BACKENDS:
            progress = Progress(0)
            assert coder(name).decode(data + END, scan, blocks, progress, True) == Status.DONE
            assert (progress.position, blocks[0].any()) == (len(data), False)


@pytest.mark.parametrize("corrections", [1, 32, 33, 63])
def test_a_run_with_many_correction_bits(corrections: int) -> None:
    """Beyond 937 bits a run is written, as by libjpeg; the last of them may exceed that by up to 63."""
    blocks = np.zeros((1000, 64), np.int16)
    blocks[:, NATURAL_INDEX[64 - corrections :]] = 3
    blocks[::3, NATURAL_INDEX[63]] = -2
    found = symbols_of(grey(1000, (1, 63, 1, 0)), blocks)
    lengths = [length - (symbol >> 4) for symbol, _, length in found]  # type: ignore[misc, operator]
    assert sum(lengths) == 1000 * corrections
    assert set(lengths[:-1]) == {-(-938 // corrections) * corrections}
    arrays = [blocks.reshape(1, 1000, 8, 8)]
    assert_both_ways(frame_of([(1, 1)], 8, 8000), arrays, script=[(1, 63, 0, 1), (1, 63, 1, 0)])


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    ("band", "values", "said"),
    [
        ((0, 0, 0, 0), {"k0": 2}, "DC table of component 0 of the scan has no code for symbol X'02'"),
        ((1, 63, 0, 0), {"k1": 3}, "AC table of component 0 of the scan has no code for symbol X'02'"),
        ((1, 63, 1, 0), {"k18": 1}, "AC table of component 0 of the scan has no code for symbol X'F0'"),
        ((1, 63, 1, 0), {"k1": 1}, "AC table of component 0 of the scan has no code for symbol X'00'"),
    ],
)
def test_a_symbol_without_a_code_is_named(
    backend: str, band: Band, values: dict[str, int], said: str
) -> None:
    """A mistake of the caller, in words."""
    dc, ac = HuffmanSpec((1, 1) + (0,) * 14, (0, 1)), HuffmanSpec((1,) + (0,) * 15, (0x01,))
    scan = replace(grey(1, band), dc=(dc,), ac=(ac,))
    with pytest.raises(ValueError, match=said):
        coder(backend).encode(scan, [zigzag_block(**values).reshape(1, 1, 8, 8)])


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("band", [(0, 0, 0, 0), (1, 63, 0, 0)])
def test_values_beyond_category_15(backend: str, band: Band) -> None:
    """No symbol stands for 16 bits: counting and coding say which value it was."""
    blocks = [zigzag_block(k0=-32768, k5=-32768).reshape(1, 1, 8, 8)]
    scan = replace(grey(1, band), dc=HuffmanSpec.typical_dc()[:1], ac=HuffmanSpec.typical_ac()[:1])
    for function in (coder(backend).encode, partial(counted, backend)):
        with pytest.raises(ValueError, match="-32768, codes exist up to ±32767"):
            function(scan, blocks)


# Symbols that no encoder should write

ODD_SYMBOLS = (0x00, 0x10, 0xF0, 0x01, 0x02, 0xE1, 0xF1, 0xF3, 0x0F)
ODD_SPEC = HuffmanSpec((0, 0, 0, 9) + (0,) * 12, ODD_SYMBOLS)


def decode_odd(
    backend: str, band: Band, block: npt.NDArray[np.int16], *items: tuple[int | None, int, int]
) -> tuple[Status, dict[int, int], Progress]:
    """Decode one block from (symbol, bits, length); return its coefficients by k, too."""
    table, writer = encode_table(ODD_SPEC), BitWriter()
    for symbol, bits, length in items:
        if symbol is not None:
            writer.put(int(table.codes[symbol]), int(table.lengths[symbol]))
        writer.put(bits, length)
    writer.pad()
    array, progress = block.reshape(1, 1, 8, 8).copy(), Progress(0)
    scan = replace(grey(1, band), dc=(None,), ac=(ODD_SPEC,))
    status = coder(backend).decode(bytes(writer.data) + END, scan, [array], progress, False)
    zz = array.ravel()[NATURAL_INDEX]
    return status, {int(k): int(zz[k]) for k in np.flatnonzero(zz)}, progress


def test_f1222_a_run_past_the_band_lands_where_it_ends(backend: str) -> None:
    """First scan: behind the band, or in place 63 if that is passed, too; counted, and no error."""
    empty = zigzag_block()
    for band, items, values, overlong in (
        ((1, 4, 0, 1), [(0x01, 1, 1), (0xF1, 0, 1)], {1: 2, 17: -2}, 1),
        ((1, 63, 0, 0), [(0xF0, 0, 0)] * 3 + [(0xE1, 1, 1)], {63: 1}, 0),
        ((1, 63, 0, 0), [(0xF0, 0, 0)] * 3 + [(0xF3, 7, 3)], {63: 7}, 1),
        ((1, 15, 0, 0), [(0xF0, 0, 0)], {}, 1),
        ((1, 16, 0, 0), [(0xF0, 0, 0)], {}, 0),
    ):
        status, found, progress = decode_odd(backend, band, empty, *items)
        assert (status, found, progress.overlong_runs, progress.bad_codes) == (
            Status.DONE,
            values,
            overlong,
            0,
        )


def test_g123_a_run_past_the_band_lands_behind_it(backend: str) -> None:
    """Refinement: with too few zeros, the value goes right behind the band, and corrections are made."""
    block = zigzag_block(k2=2, k63=-2)
    for band, items, values, overlong in (
        ((1, 4, 1, 0), [(0xE1, 0b11, 2)], {2: 3, 5: 1, 63: -2}, 1),
        ((1, 63, 1, 0), [(0xF0, 0, 1)] * 1 + [(0xF0, 0, 0)] * 2 + [(0xF1, 0b01, 2)], {2: 2, 63: -1}, 1),
        ((1, 4, 1, 0), [(0xF0, 1, 1)], {2: 3, 63: -2}, 1),
    ):
        status, found, progress = decode_odd(backend, band, block, *items)
        assert (status, found, progress.overlong_runs, progress.bad_codes) == (
            Status.DONE,
            values,
            overlong,
            0,
        )


def test_g123_new_coefficients_of_another_size(backend: str) -> None:
    """Only size 1 exists: strict, a bad code; lenient, taken for 1, as by libjpeg, and counted."""
    items = [(0x02, 1, 1), (0x0F, 0, 1), (0x00, 0, 0)]
    status, found, progress = decode_odd(backend, (1, 63, 2, 1), zigzag_block(), *items)
    assert (status, found) == (Status.DONE, {1: 2, 2: -2})
    assert (progress.bad_codes, progress.bad_code_at) == (2, 0)
    writer = BitWriter()
    for symbol in (0x01, 0x02):
        writer.put(int(encode_table(ODD_SPEC).codes[symbol]) << 1, 5)
    writer.pad()
    scan, progress = replace(grey(1, (1, 63, 2, 1)), ac=(ODD_SPEC,)), Progress(0)
    array = np.zeros((1, 1, 8, 8), np.int16)
    assert coder(backend).decode(bytes(writer.data) + END, scan, [array], progress, True) == Status.BAD_CODE
    assert (progress.position, progress.mcu) == (1, 0)


def test_a_bit_sent_twice_stays(backend: str) -> None:
    """A correction bit for a bit that is set already changes nothing, as in libjpeg."""
    items = [(0x00, 0b1111, 4)]
    _, found, _ = decode_odd(backend, (1, 63, 2, 1), zigzag_block(k1=3, k2=-3, k3=4, k4=-2), *items)
    assert found == {1: 3, 2: -5, 3: 6, 4: -2}, "−3 is …11101: its bit 1 is not set"


def test_dc_values_wrap_to_16_bits(backend: str) -> None:
    """Damaged files only: prediction goes on with what was not cut off."""
    spec = HuffmanSpec((0, 1) + (0,) * 14, (15,))
    writer = BitWriter()
    for _ in range(3):
        writer.put(0b00, 2)
        writer.put(20000, 15)
    writer.pad()
    array = np.zeros((1, 3, 8, 8), np.int16)
    scan = replace(grey(3, (0, 0, 0, 1)), dc=(spec,))
    assert coder(backend).decode(bytes(writer.data) + END, scan, [array], Progress(0), True) == Status.DONE
    assert array[0, :, 0, 0].tolist() == [40000 - 65536, 80000 - 65536, 120000 - 131072]


# Damage


def damaged_cases() -> Iterator[tuple[Scan, Blocks, bytes]]:
    """Yield small scans of each kind: what the scans before have left, and the bytes of the scan."""
    for factors, interval in ((((1, 1),), 0), (((2, 1), (1, 1)), 2)):
        frame = frame_of(factors, 16, 40)
        blocks = random_blocks(frame, 7, 0.15, 40)
        again = blank(frame)
        for scan in scans_of(frame, ((0, 0, 0, 1), (1, 63, 0, 1), (0, 0, 1, 0), (1, 63, 1, 0)), interval):
            full = with_optimal_tables(BACKENDS[0], scan, members_of(scan, blocks))
            data = coder(BACKENDS[0]).encode(full, members_of(scan, blocks))
            before = [array.copy() for array in members_of(scan, again)]
            coder(BACKENDS[0]).decode(data + END, full, members_of(scan, again), Progress(0), True)
            if scan.header.components[-1].component == len(factors) - 1:
                yield full, before, data


def outcome(name: str, data: bytes, scan: Scan, before: Blocks, strict: bool) -> Any:
    """Return status and progress of each attempt at a scan, and the coefficients.

    Of a scan that cannot be decoded strictly, only what the error says counts.
    """
    arrays = [array.copy() for array in before]
    progress = Progress(0)
    steps: list[Progress] = []
    while (status := coder(name).decode(data, scan, arrays, progress, strict)) == Status.BAD_RESTART:
        steps.append(replace(progress))
        if strict:
            break
        resynchronise(data, scan, progress)
        steps.append(replace(progress))
    if strict and status != Status.DONE:
        return status, progress.position, progress.mcu
    return status, progress, steps, [array.tolist() for array in arrays]


def test_damaged_bits_and_truncation() -> None:
    """Bits of each kind of scans, and lengths: the same outcome in every back end, in both modes."""
    tried, stopped = 0, 0
    for scan, before, data in damaged_cases():
        mutants = []
        for bit in range(0, 8 * len(data), 1 if len(data) < 60 else 3):
            damaged = bytearray(data + END)
            damaged[bit // 8] ^= 0x80 >> bit % 8
            mutants.append(bytes(damaged))
        mutants += [data[:end] + rest for end in range(0, len(data), 3) for rest in (b"", END)]
        for mutant in mutants:
            for strict in (True, False):
                results = [outcome(name, mutant, scan, before, strict) for name in BACKENDS]
                assert all(result == results[0] for result in results), (scan.header, strict, mutant.hex())
                tried += 1
                stopped += results[0][0] != Status.DONE
    assert tried > 1500
    assert 0 < stopped < tried


def test_without_data_nothing_changes(backend: str) -> None:
    """Lenient, the block in which the data end is finished with zero bits; those behind stay as they are."""
    for scan, before, data in damaged_cases():
        arrays, progress = [array.copy() for array in before], Progress(0)
        status = coder(backend).decode(data[: len(data) // 2] + END, scan, arrays, progress, False)
        if scan.restart_interval:
            assert status in (Status.BAD_RESTART, Status.DONE)
            continue
        assert status == Status.DONE
        assert progress.starved_at == len(data) // 2
        assert progress.starved_mcus == scan.layout.mcus - progress.last_fed
        for mcu in range(progress.last_fed + 1, scan.layout.mcus):
            for j, row, column in scan.layout.blocks(mcu):
                np.testing.assert_array_equal(arrays[j][row, column], before[j][row, column])


def test_bits_that_are_no_code(backend: str) -> None:
    """Strict, where the search ended; lenient, symbol 0: no difference, or the end of one band."""
    spec = HuffmanSpec((0, 3) + (0,) * 14, (0x01, 0x11, 0x02))
    scans = [replace(grey(2, band), dc=(spec,), ac=(spec,)) for band in ((0, 0, 0, 0), (1, 63, 0, 0))]
    for scan in scans:
        arrays = [np.zeros((1, 2, 8, 8), np.int16)]
        progress = Progress(0)
        data = bytes.fromhex("ff00ff0080") + bytes(40) + END
        assert coder(backend).decode(data, scan, arrays, progress, True) == Status.BAD_CODE
        assert (progress.position, progress.mcu) == (3, 0)
        progress = Progress(0)
        coder(backend).decode(data, scan, arrays, progress, False)
        assert (progress.bad_codes, progress.bad_code_at) == (1, 3)


# Other people's files


def coefficient_digest(data: JpegData) -> str:
    """Return the digest of the corpus: int16 little-endian, natural order, without MCU padding."""
    digest = hashlib.sha256()
    for i, blocks in enumerate(data.coefficients):
        rows, columns = data.block_shape(i)
        digest.update(np.ascontiguousarray(blocks[:rows, :columns]).astype("<i2").tobytes())
    return digest.hexdigest()


@pytest.mark.parametrize("kind", [pytest.param("valid", marks=pytest.mark.big), "broken"])
def test_corpus_coefficients(jpeg_manifest: list[dict[str, Any]], kind: str, count: Any) -> None:
    """Every SOF2 file of which libjpeg-turbo's coefficients are known; the broken ones with strict=False."""
    tally = Tally(f"progressive corpus, {kind}, coefficients")
    for entry in jpeg_manifest:
        if (entry["features"].get("sof"), entry["kind"]) != (2, kind) or "coef_sha256" not in entry["ref"]:
            continue
        tally.tried += 1
        data = cases.attempt(partial(read, codec_data.jpeg_file(entry), strict=kind == "valid"))
        if isinstance(data, Exception):
            tally.different.append(f"{entry['name']}: {type(data).__name__}: {data}")
        elif coefficient_digest(data) != entry["ref"]["coef_sha256"]:
            tally.different.append(f"{entry['name']}: other coefficients")
    count(tally.line())
    assert tally.tried > 40
    assert not tally.different, tally.report()


def entropy_coded(data: bytes) -> list[bytes]:
    """Cut the entropy-coded data out of a file, a piece for each scan, RST markers included."""
    pieces, at = [], 2
    while data[at + 1] != 0xD9:
        marker, length = data[at + 1], int.from_bytes(data[at + 2 : at + 4])
        at += 2 + length
        if marker == 0xDA:
            start = at
            while data[at] != 0xFF or data[at + 1] == 0 or 0xD0 <= data[at + 1] <= 0xD7:
                at += 1
            pieces.append(data[start:at])
    return pieces


def check_scans(tally: Tally, name: str, data: bytes, backend: str) -> None:
    """Read a file, and code each of its scans with optimal tables: the same tables, the same bytes."""
    jpeg = read(data)
    for n, ((slots, header), theirs) in enumerate(
        zip(jpeg.scans_with_tables(), entropy_coded(data), strict=True)
    ):
        scan = Scan.of(jpeg.frame, header, slots)
        members = members_of(scan, jpeg.coefficients)
        counts = np.stack(counted(backend, scan, members))
        specs = tuple(
            tuple(
                # Components that share a table are counted together.
                optimal_spec(counts[c, [other == table for other in numbers]].sum(axis=0)) if spec else None
                for spec, table in zip((scan.dc, scan.ac)[c], numbers)
            )
            for c, numbers in enumerate(
                ([m.dc_table for m in header.components], [m.ac_table for m in header.components])
            )
        )
        if specs != (scan.dc, scan.ac):
            tally.different.append(f"{name}, scan {n}: other tables")
        tally.check(f"{name}, scan {n}", coder(backend).encode(scan, members), theirs)


def test_libjpegs_scans_are_coded_to_the_same_bytes(kodak: Any, count: Any, backend: str, cjpeg: str) -> None:
    """Pillow's and cjpeg's progressive files: sizes, qualities, subsamplings, restarts, grey."""
    tally = Tally(f"progressive scans coded again [{backend}]")
    picture = kodak["kodim05"]
    grey_picture = np.ascontiguousarray(picture[..., 1])
    sizes = ((1, 1), (7, 9), (17, 33), (33, 17), (8, 32))
    sizes = (*sizes, *((h, w) for h in range(2, 33, 10) for w in range(3, 34, 10)))
    for n, (height, width) in enumerate(sizes):
        piece = np.ascontiguousarray(picture[200 : 200 + height, 300 : 300 + width])
        quality, sampling = (5, 40, 75, 95, 100)[n % 5], ("4:2:0", "4:4:4", "4:2:2")[n % 3]
        options: dict[str, Any] = {"quality": quality, "progressive": True}
        restarts = {"restart_marker_blocks": 3} if n % 2 else {}
        data = peers.pillow_encode(piece, subsampling=sampling, **options, **restarts)
        check_scans(tally, f"{height}x{width} {quality} {sampling}", data, backend)
        data = peers.pillow_encode(grey_picture[200 : 200 + height, 300 : 300 + width], **options)
        check_scans(tally, f"{height}x{width} {quality} grey", data, backend)
    small = np.ascontiguousarray(picture[:40, :56])
    for factors in ("1x2,1x1,1x1", "4x1,1x1,1x1", "4x2,1x1,1x1"):
        data = peers.cjpeg(small, "-progressive", "-sample", factors, "-restart", "5B")
        check_scans(tally, factors, data, backend)
    count(tally.line())
    assert tally.tried > 300
    assert not tally.different, tally.report()


@pytest.mark.big
def test_whole_pictures_are_coded_to_the_same_bytes(kodak: Any, count: Any, quick_backend: str) -> None:
    """Whole Kodak pictures, in which runs are long and correction bits many."""
    tally = Tally("progressive scans of Kodak pictures coded again")
    for n, name in enumerate(kodak):
        data = peers.pillow_encode(kodak[name], quality=(10, 50, 75, 95, 100)[n % 5], progressive=True)
        check_scans(tally, name, data, quick_backend)
    count(tally.line())
    assert tally.tried == 240
    assert not tally.different, tally.report()
