"""The trace of an MCU: its bits are those of the file, and its numbers those of the decoder."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

import jpeg_bad_files as bad_files
import jpeg_cases as cases
import jpeg_mutants as mutants
import jpeg_surgery as surgery
import jpeg_traced as traced
import numpy as np
import pytest

from jpeg_from_scratch import FormatError, decode, read
from jpeg_from_scratch.coefficients import zigzag
from jpeg_from_scratch.microscope import Inspection, block_trace, inspect
from jpeg_from_scratch.microscope.block_trace import BlockTrace, SampleTrace, ScanTrace
from jpeg_from_scratch.microscope.trace_decisions import Decision
from jpeg_from_scratch.microscope.trace_start import Start, skip_intervals
from jpeg_from_scratch.microscope.trace_steps import Step

DC = surgery.dht(0, 0, [0, 1, 2], [2, 0, 3])  # 00: size 2, 010: size 0, 011: size 3
AC = surgery.dht(1, 0, [0, 1, 3, 2], [0x00, 0x21, 0xF0, 0x02, 0xE3, 0x30])  # 00, 010, 011, 100, 1010, 1011


@lru_cache(maxsize=20)
def every_unit(name: str) -> list[BlockTrace | SampleTrace]:
    """Return the traces of all data units of one of our files, MCU by MCU."""
    data = traced.files()[name]
    rows, columns = read(data).frame.mcu_shape
    return [
        unit
        for row in range(rows)
        for column in range(columns)
        for unit in inspect(data, mcu=(row, column)).units
    ]


def by_scan(units: list[BlockTrace | SampleTrace]) -> dict[int, list[ScanTrace]]:
    """Return the shares of each scan in the order of the scan."""
    scans: dict[int, list[tuple[int, int, ScanTrace]]] = defaultdict(list)
    for n, unit in enumerate(units):
        for share in unit.scans:
            scans[share.scan].append((share.mcu, n, share))
    return {scan: [share for *_, share in sorted(shares)] for scan, shares in scans.items()}


def entropy_coded_bits(data: bytes) -> Iterator[list[str]]:
    """Yield, per scan, the bits of each restart interval, stuffed zeros taken out, padding included."""
    for part in surgery.having(data, surgery.SOS):
        intervals = [b""]
        position = 0
        while position < len(part.entropy):
            byte, after = part.entropy[position], part.entropy[position + 1 : position + 2]
            position += 2 if byte == 0xFF else 1
            if byte == 0xFF and after != b"\0":
                intervals.append(b"")
            else:
                intervals[-1] += bytes([byte])
        yield ["".join(f"{byte:08b}" for byte in interval) for interval in intervals]


# The bits


@pytest.mark.parametrize("name", traced.huffman_files())
def test_the_bits_of_all_units_are_the_bits_of_the_file(name: str) -> None:
    """Put together in the order of each scan, codes and additional bits are its data but for the padding."""
    data = traced.huffman_files()[name]
    scans = by_scan(every_unit(name))
    whole = list(entropy_coded_bits(data))
    assert sorted(scans) == list(range(len(whole)))
    interval = surgery.having(data, surgery.DRI)
    step = int.from_bytes(interval[0].payload) if interval else 1 << 30
    for scan, intervals in enumerate(whole):
        found = [""] * len(intervals)
        for share in scans[scan]:
            assert all(isinstance(step, Step) and not step.problem for step in share.steps)
            bits = "".join(s.code + s.extra for s in share.steps if isinstance(s, Step))
            assert share.bits == len(bits)
            found[share.mcu // step] += bits
        for bits, expected in zip(found, intervals, strict=True):
            assert expected.startswith(bits)
            padding = expected[len(bits) :]
            assert len(padding) < 8
            assert set(padding) <= {"1"}


@pytest.mark.parametrize("name", traced.huffman_files())
def test_offsets_point_at_the_bits(name: str) -> None:
    """At its offset and bit the file has each step's bits, stuffed zeros taken out."""
    data = traced.huffman_files()[name]
    for unit in inspect(data, mcu=(1, 1)).units:
        for share in unit.scans:
            for step in share.steps:
                assert isinstance(step, Step)
                here = data[step.offset : step.offset + 12].replace(b"\xff\x00", b"\xff")
                bits = "".join(f"{byte:08b}" for byte in here)[step.bit :]
                assert bits.startswith(step.code + step.extra)
                assert data[step.offset - 1 : step.offset + 1] != b"\xff\x00", "a stuffed zero is no data"


@pytest.mark.parametrize("name", [name for name in traced.files() if traced.is_arithmetic(name)])
def test_decisions_cost_what_the_file_has(name: str) -> None:
    """The information in all decisions of a scan is its length, but for what ends a segment."""
    data = traced.files()[name]
    scans = by_scan(every_unit(name))
    for scan, intervals in enumerate(entropy_coded_bits(data)):
        bits = sum(share.bits for share in scans[scan])
        length = sum(map(len, intervals))
        # A segment ends with up to two bytes of C, and its zero bytes at the end are not written.
        assert -24 * len(intervals) < bits - length < 24 * len(intervals)
        for share in scans[scan]:
            for step in share.steps:
                assert isinstance(step, Decision)
                assert step.bits > 0
                assert step.name != "?"


# The numbers


def told(unit: BlockTrace) -> list[int]:
    """Return the coefficients in zigzag order as the steps tell them, in the order of the file."""
    zz = [0] * 64
    for share in unit.scans:
        for step in share.steps:
            if step.coefficient is not None and step.k is not None:
                zz[step.k] = step.coefficient
    return zz


@pytest.mark.parametrize("name", traced.files())
def test_numbers_are_those_of_the_decoder(name: str) -> None:
    """What the steps tell, `quantized`, and what `read` returns are the same; so are samples."""
    data = traced.files()[name]
    jpeg = read(data)
    for unit in every_unit(name):
        expected = jpeg.units[unit.component][unit.row, unit.column]
        assert jpeg.frame.components[unit.component].component_id == unit.component_id
        if isinstance(unit, SampleTrace):
            assert unit.sample == expected
            continue
        np.testing.assert_array_equal(unit.quantized, expected)
        assert told(unit) == zigzag(expected)
        assert unit.step_sizes is not None
        assert unit.dequantized is not None
        np.testing.assert_array_equal(unit.dequantized, expected.astype(int) * unit.step_sizes)


@pytest.mark.parametrize("name", ["baseline grey, noise", "extended, 12 bit", "progressive grey, restarts"])
def test_samples_are_the_pixels(name: str) -> None:
    """A grey picture is its samples."""
    data = traced.files()[name]
    pixels = decode(data)
    for unit in every_unit(name):
        assert isinstance(unit, BlockTrace)
        rows = slice(8 * unit.row, min(8 * unit.row + 8, pixels.shape[0]))
        columns = slice(8 * unit.column, min(8 * unit.column + 8, pixels.shape[1]))
        piece = pixels[rows, columns]
        np.testing.assert_array_equal(unit.samples[: piece.shape[0], : piece.shape[1]], piece)


@pytest.mark.parametrize("name", [name for name in traced.files() if name.startswith("lossless")])
def test_samples_of_lossless_files(name: str) -> None:
    """H.1.2.1 – a sample is its prediction and its difference; the bits say the difference."""
    data = traced.files()[name]
    jpeg = read(data)
    predictor, point_transform = jpeg.scans[0].spectral_start, jpeg.scans[0].approx_low
    interval = surgery.having(data, surgery.DRI)
    lines = int.from_bytes(interval[0].payload) // jpeg.frame.width if interval else 1 << 30
    for unit in every_unit(name):
        assert isinstance(unit, SampleTrace)
        assert unit.prediction is not None
        assert unit.difference is not None
        assert (unit.prediction + unit.difference) % 65536 == unit.sample
        assert unit.scans[0].steps[-1].value == unit.difference
        a, b, c = unit.left or 0, unit.above or 0, unit.above_left or 0
        if unit.row % lines == 0:
            origin = 1 << (jpeg.frame.precision - point_transform - 1)
            assert unit.prediction == (a if unit.column else origin)
        elif unit.column == 0:
            assert unit.prediction == b
        else:
            rules = {1: a, 4: (a + b - c) % 65536, 6: (b + (a - c >> 1)) % 65536, 7: (a + b) >> 1}
            assert unit.prediction == rules[predictor]


def test_a_block_by_hand() -> None:
    """F.2.2 – chosen bits, each with its meaning; also of ZRL."""
    bits = "011" + "101" + "010" + "0" + "011" + "010" + "1" + "100" + "01" + "00"
    #       DC size 3, +5   2/1, −1       ZRL     2/1, +1       0/2, −2      EOB
    data = surgery.one_block(DC, AC, bits)
    (block,) = inspect(data, mcu=(0, 0)).units
    assert isinstance(block, BlockTrace)
    steps = block.scans[0].steps
    start = data.index(b"\xff\xda") + 10
    rows = [(s.offset - start, s.bit, s.code, s.extra, s.name, s.run, s.size, s.value, s.k) for s in steps]
    assert rows == [
        (0, 0, "011", "101", "DC", None, 3, 5, 0),
        (0, 6, "010", "0", "AC", 2, 1, -1, 3),
        (1, 2, "011", "", "ZRL", 15, 0, None, 19),
        (1, 5, "010", "1", "AC", 2, 1, 1, 22),
        (2, 1, "100", "01", "AC", 0, 2, -2, 23),
        (2, 6, "00", "", "EOB", 0, 0, None, None),
    ]
    assert [s.coefficient for s in steps] == [5, -1, None, 1, -2, None]
    assert block.scans[0].bits == len(bits)


def test_overlong_runs_and_bad_codes_are_told() -> None:
    """What breaks T.81 is a problem of its step, and the block goes on as the decoder does."""
    overlong = "00" + "11" + ("1010" + "111") * 5
    data = surgery.one_block(DC, AC, overlong)
    steps = inspect(data, mcu=(0, 0)).units[0].scans[0].steps
    problems = [step.problem for step in steps if step.problem]
    assert problems == ["a run past coefficient 63, to 75"]
    bad = surgery.one_block(DC, AC, "00" + "11" + "1" * 24)
    inspection = inspect(bad, mcu=(0, 0))
    (problem,) = [step.problem for step in inspection.units[0].scans[0].steps if step.problem]
    assert problem == "no code"
    assert any("codes" in words and "do not exist" in words for words in inspection.problems)


# End-of-band runs


def test_blocks_inside_an_end_of_band_run() -> None:
    """G.1.2.2 – such a block has no steps, but the place of the code that has ended it."""
    name = "progressive, smooth"
    data = traced.files()[name]
    covered = 0
    for unit in every_unit(name):
        for share in unit.scans:
            run = share.end_of_band_run
            if run is None:
                assert share.steps
                continue
            covered += 1
            assert (run.row, run.column) < (unit.row, unit.column)
            assert all(step.name == "correction bit" for step in share.steps)
            begins = inspect(data, mcu=(run.row, run.column)).units[0].scans[share.scan].steps
            (code,) = [step for step in begins if step.name.startswith("EOB")]
            assert isinstance(code, Step)
            assert (code.offset, code.bit) == (run.offset, run.bit)
            distance = 7 * (unit.row - run.row) + unit.column - run.column
            assert code.value is not None
            assert 0 < distance < code.value
    assert covered > 20


# Where the reference begins


def interval_start(_engine: Any, data: bytes, scan: Any, _b: Any, _a: Any, progress: Any, mcu: int) -> Start:
    """Begin at the restart marker before."""
    skip_intervals(data, scan, progress, mcu)
    return Start()


@pytest.mark.parametrize("name", traced.files())
@pytest.mark.parametrize(
    "other", [lambda *_: Start(), interval_start], ids=["the beginning of the scan", "the marker before"]
)
def test_a_trace_is_the_same_wherever_it_begins(
    name: str, other: Callable[..., Start], monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the midst of an interval, at its beginning, or at the beginning of the scan."""
    data = traced.files()[name]
    rows, columns = read(data).frame.mcu_shape
    places = [(0, 0), (rows // 2, columns // 2), (rows - 1, columns - 1)]
    usual = [inspect(data, mcu=place).to_dict() for place in places]
    monkeypatch.setattr(block_trace, "starting_point", other)
    assert [inspect(data, mcu=place).to_dict() for place in places] == usual


# Arguments


def test_one_component() -> None:
    """`component` leaves the others out."""
    data = traced.files()["baseline 4:2:0"]
    whole, alone = inspect(data, mcu=(1, 2)), inspect(data, mcu=(1, 2), component=0)
    assert [unit.component for unit in whole.units] == [0, 0, 0, 0, 1, 2]
    assert [(unit.row, unit.column) for unit in whole.units][:4] == [(2, 4), (2, 5), (3, 4), (3, 5)]
    assert [unit.component for unit in alone.units] == [0, 0, 0, 0]
    assert alone.to_dict()["units"] == whole.to_dict()["units"][:4]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"mcu": (3, 0)}, "3 rows of 4 MCUs"),
        ({"mcu": (0, 4)}, "3 rows of 4 MCUs"),
        ({"mcu": (-1, 0)}, "3 rows of 4 MCUs"),
        ({"mcu": (0, 0), "component": 3}, "component=3"),
        ({"component": 0}, "no mcu"),
        ({"mcu": (0, 0), "max_pixels": -1}, "max_pixels"),
    ],
    ids=str,
)
def test_wrong_arguments(arguments: dict[str, Any], words: str) -> None:
    """Each is named, with what is there."""
    with pytest.raises(ValueError, match=words):
        inspect(traced.files()["baseline 4:2:0"], **arguments)


def test_limits_hold() -> None:
    """A picture above a limit is not decoded; its headers are shown."""
    inspection = inspect(traced.files()["baseline 4:2:0"], mcu=(0, 0), max_pixels=100)
    assert inspection.units == ()
    assert "max_pixels" in inspection.problems[0]
    assert any(segment.name == "SOS" for segment in inspection.segments)


# Damage


def test_padding_blocks_are_in_no_scan_of_their_own() -> None:
    """A.2.2, A.2.4 – blocks that only complete MCUs are in interleaved scans alone."""
    data = traced.files()["progressive 4:2:0"]  # 5 × 7 blocks, 3 × 4 MCUs
    units = inspect(data, mcu=(2, 3), component=0).units
    scans = [[share.scan for share in unit.scans] for unit in units]
    assert len(scans[0]) > 2
    assert scans[1] == scans[2] == scans[3] == [0, 6]


def test_data_that_end_early() -> None:
    """Units without data say so; the block where the data end tells which bits are made up."""
    data = traced.files()["baseline 4:2:0"]
    start = surgery.having(data, surgery.SOS)[0].offset
    cut = data[: start + 14 + 120]
    behind = [
        step.problem
        for column in range(4)
        for unit in inspect(cut, mcu=(0, column)).units
        for step in unit.scans[0].steps
    ]
    assert "behind the end of the data" in behind
    last = inspect(cut, mcu=(2, 3))
    assert all(unit.scans[0].steps == () for unit in last.units)
    assert all(unit.scans[0].problem.startswith("no data") for unit in last.units)
    assert any("run out" in problem for problem in last.problems)


@pytest.mark.parametrize("name", bad_files.wrong_files())
def test_wrong_files(name: str) -> None:
    """Whatever is wrong, it is told; no other error than that the file is no JPEG file at all."""
    data = bad_files.wrong_files()[name]
    result = cases.attempt(lambda: inspect(data, mcu=(0, 0)))
    if isinstance(result, FormatError):
        assert result.offset == 0
    elif not isinstance(result, ValueError):
        assert isinstance(result, Inspection), result
        assert result.problems or any(segment.problem for segment in result.segments) or result.units


def test_mutants_never_surprise(count: Callable[[str], None]) -> None:
    """Damaged files of every process, at three places: an inspection, or no such MCU."""
    tally = cases.Tally("microscope: MCUs of mutants")
    seeds = mutants.Seeds(tuple(mutants.Seed(name, data) for name, data in traced.files().items()))
    for number in range(400):
        mutant = mutants.mutant(seeds, number, series=77)
        for place in ((0, 0), (1, 2)):
            tally.tried += 1
            try:
                inspection = inspect(mutant.data, mcu=place, max_pixels=1 << 20)
                assert inspection.size == len(mutant.data)
            except Exception as error:
                no_jpeg = isinstance(error, FormatError) and error.field == "SOI"
                no_mcu = type(error) is ValueError and str(error).startswith("mcu=")
                if not no_jpeg and not no_mcu:
                    tally.different.append(f"{mutant.recipe}: {type(error).__name__}: {error}")
    count(tally.line())
    assert not tally.different, tally.report()
