"""Damaged lossless scans: as libjpeg-turbo reads them, and the same in both back ends."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from conftest import BACKENDS
from hypothesis import given, settings
from hypothesis import strategies as st
from jpeg_cases import Tally
from jpeg_lossless import (
    EOI,
    ONE,
    SPEC,
    coder,
    decoded,
    decoded_leniently,
    empty_arrays,
    lossless_file,
    picture_of,
    random_differences,
    read_with,
    scan_of,
    smooth_samples,
)

import jpeg_from_scratch as jpeg
from jpeg_from_scratch.errors import FormatError
from jpeg_from_scratch.huffman import HuffmanSpec, optimal_spec
from jpeg_from_scratch.intervals import Progress, Status
from jpeg_from_scratch.jpeg_data import FrameHeader
from jpeg_from_scratch.prediction import MISSING
from jpeg_from_scratch.scan import Scan

BOUNDED = settings(derandomize=True, max_examples=40, deadline=None)


# One scan


def damaged_outcome(backend: str, data: bytes, scan: Scan) -> list[Any]:
    """Return status, progress and differences, strict and lenient; strict differences only at the end."""
    arrays, progress = empty_arrays(scan), Progress(0)
    status = coder(backend).decode(data, scan, arrays, progress, True)
    facts: list[Any] = [status, replace(progress, prepared=())]
    facts.append([array.tolist() for array in arrays] if status == Status.DONE else None)
    arrays, progress = decoded_leniently(backend, data, scan)
    return [*facts, replace(progress, prepared=()), [array.tolist() for array in arrays]]


@pytest.mark.parametrize("rows", [0, 1])
def test_one_damaged_bit(rows: int) -> None:
    """Every bit of a scan in turn: the same in every back end, strict and lenient."""
    scan = scan_of([(2, 1), (1, 1)], 4, 6, rows=rows)
    differences = random_differences(scan, 3)
    count = coder(BACKENDS[0]).count
    assert count is not None
    scan = replace(scan, dc=(optimal_spec(count(scan, differences)[0].sum(0)),) * 2)
    data = coder(BACKENDS[0]).encode(scan, differences) + EOI
    ends = set()
    for bit in range(8 * (len(data) - 2)):
        damaged = bytearray(data)
        damaged[bit // 8] ^= 0x80 >> bit % 8
        results = [damaged_outcome(name, bytes(damaged), scan) for name in BACKENDS]
        assert all(result == results[0] for result in results), f"bit {bit}"
        ends.add(results[0][0])
    assert ends >= {Status.DONE, Status.PREMATURE_END} | ({Status.BAD_RESTART} if rows else set())


@BOUNDED
@given(data=st.binary(max_size=60), rows=st.integers(0, 2), last=st.integers(1, 17))
def test_any_bytes(data: bytes, rows: int, last: int) -> None:
    """Noise as a scan, with a table that knows few codes: the same in every back end."""
    spec = HuffmanSpec((0, 0, 0, 0, last, *[0] * 11), tuple(range(last)))
    scan = scan_of([(1, 1), (2, 1)], 5, 4, rows=rows, spec=spec)
    results = [damaged_outcome(name, data, scan) for name in BACKENDS]
    assert all(result == results[0] for result in results)


def test_every_truncation_point() -> None:
    """Cut anywhere: strict, an early end or a missing marker; lenient, whole rows are missing."""
    scan = scan_of(ONE * 3, 5, 4, rows=2, spec=SPEC)
    differences = random_differences(scan, 9)
    data = coder(BACKENDS[0]).encode(scan, differences)
    for end in range(len(data)):
        for rest in (b"", EOI):
            results = [damaged_outcome(name, data[:end] + rest, scan) for name in BACKENDS]
            assert all(result == results[0] for result in results), f"{end} bytes"
            assert results[0][0] in (Status.PREMATURE_END, Status.BAD_RESTART)
            missing = [[row.count(MISSING) for row in array] for array in results[0][4]]
            assert {number for array in missing for number in array} <= {0, 4}, f"{end} bytes"


def test_the_row_in_which_the_data_run_out_is_finished(backend: str) -> None:
    """An end within the second sample: zeros complete the row, and the next interval is decoded.

    What is left are the bits 000011 00; with zeros behind them they are 1, 0, 0.
    """
    scan = scan_of(ONE, 4, 3, rows=2, spec=SPEC)
    ones = np.ones((4, 3), np.int32)
    whole = coder(backend).encode(scan, [ones])
    first, second = whole.split(b"\xff\xd0")
    assert len(first) == 5
    arrays, progress = decoded_leniently(backend, first[:1] + b"\xff\xd0" + second + EOI, scan)
    assert arrays[0].tolist() == [[1, 0, 0], [MISSING] * 3, [1, 1, 1], [1, 1, 1]]
    assert (progress.starved_mcus, progress.starved_at, progress.bad_codes) == (5, 1, 0)
    with pytest.raises(FormatError, match="the data ends in MCU 1 of 12"):
        decoded(backend, first[:1] + b"\xff\xd0" + second + EOI, scan)


def test_a_code_that_does_not_exist(backend: str) -> None:
    """Strict, an error with its offset; lenient, symbol 0, and 17 bits are gone, as in libjpeg."""
    scan = scan_of(ONE, 1, 4, spec=SPEC)
    # 00001 1, then 11 and 15 ones more, then 00010 10 and 00000, then ones
    bits = "000011" + "1" * 17 + "0001010" + "00000" + "1" * 5
    data = int(bits, 2).to_bytes(5).replace(b"\xff", b"\xff\x00") + EOI
    arrays, progress = decoded_leniently(backend, data, scan)
    assert arrays[0].tolist() == [[1, 0, 2, 0]]
    assert (progress.bad_codes, progress.bad_code_at, progress.starved_mcus) == (1, 3, 0)
    with pytest.raises(FormatError, match="no Huffman code fits the bits in MCU 1 of 4") as caught:
        decoded(backend, data, scan)
    assert caught.value.offset == 3


def test_a_long_row_without_data(backend: str) -> None:
    """65,500 samples from zero bits, each of the longest code and 15 bits: far behind the end of the data."""
    scan = scan_of(ONE, 2, 65500, spec=HuffmanSpec((*[0] * 15, 1), (15,)))
    arrays, progress = decoded_leniently(backend, EOI, scan)
    assert (arrays[0][0] == -32767).all()
    assert (arrays[0][1] == MISSING).all()
    assert (progress.starved_mcus, progress.position) == (131000, 0)


def test_a_tiny_file_of_a_huge_picture(quick_backend: str) -> None:
    """Two bytes of data for 16 million samples are soon read."""
    scan = scan_of(ONE, 4000, 4000, predictor=6, rows=1, spec=SPEC)
    one_line = scan_of(ONE, 1, 1, predictor=6)
    file = jpeg.write(lossless_file(one_line, smooth_samples(one_line)))
    at = file.index(b"\xff\xc3") + 5
    huge = file[:at] + bytes((0x0F, 0xA0, 0x0F, 0xA0)) + file[at + 4 :]
    reader = read_with(quick_backend, huge, strict=False)
    assert isinstance(reader.jpeg.frame, FrameHeader)
    assert reader.fed_mcus < 10
    assert (reader.jpeg.samples[0][1:] == 128).all()
    assert scan.layout.mcus == reader.mcus


# libjpeg-turbo, through imagecodecs


def mutants(data: bytes, start: int, rng: np.random.Generator) -> Iterator[bytes]:
    """Cut, flip, drop and overwrite with markers, from `start` on."""
    place = [int(at) for at in rng.integers(start, len(data), 4)]
    yield data[: place[0]]
    flipped = bytearray(data)
    flipped[place[1]] ^= 1 << int(rng.integers(8))
    yield bytes(flipped)
    yield data[: place[2]] + data[place[2] + int(rng.integers(1, 20)) :]
    marker = bytes((0xFF, int(rng.choice([0xD0, 0xD1, 0xD2, 0xD7, 0x00, 0xD9, 0x01]))))
    yield data[: place[3]] + marker + data[place[3] + 2 :]


@pytest.mark.reference
def test_damaged_files_as_libjpeg_turbo(count: Callable[[str], None]) -> None:
    """Lenient, the same samples; and in both back ends the same samples, warnings and counts.

    The library refuses a file of several scans that ends before the last of them; we do not.
    """
    imagecodecs = pytest.importorskip("imagecodecs")
    tally, refused = Tally("lossless, damaged files"), 0
    rng = np.random.default_rng(6)
    for number in range(60):
        scan = scan_of(
            ONE * int(rng.choice([1, 3, 4])),
            *map(int, rng.integers(1, 25, 2)),
            predictor=number % 7 + 1,
            precision=number % 15 + 2,
            rows=int(rng.choice([0, 0, 1, 2, 5])),
        )
        sound = lossless_file(scan, smooth_samples(scan, number), interleaved=bool(number % 3))
        file = jpeg.write(sound)
        for damaged in mutants(file, file.index(b"\xff\xda") + 8, rng):
            results = [outcome(name, damaged) for name in BACKENDS]
            assert all(result == results[0] for result in results), number
            try:
                theirs = imagecodecs.jpeg8_decode(damaged)
            except imagecodecs.Jpeg8Error:
                refused += 1
                continue
            ours = jpeg.read(damaged, strict=False)
            tally.check(f"{number} {scan}", picture_of(ours), theirs.reshape(picture_of(ours).shape))
    count(f"{tally.report()}, refused by the library {refused}")
    assert tally.tried > 200
    assert not tally.different, tally.report()


def outcome(backend: str, file: bytes) -> list[Any]:
    """Return what reading gives, strict and lenient: digest and report, or the facts of the error."""
    facts: list[Any] = []
    for strict in (True, False):
        try:
            reader = read_with(backend, file, strict)
        except FormatError as error:
            facts.append((error.offset, error.field, error.clause, error.message))
        else:
            digest = hashlib.sha256(b"".join(array.tobytes() for array in reader.jpeg.samples)).hexdigest()
            facts.append((digest, reader.warnings, reader.mcus, reader.fed_mcus, reader.last_fed_row))
    return facts
