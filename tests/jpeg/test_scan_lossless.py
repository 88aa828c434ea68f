"""Lossless scans (H.1.2.2, H.2): bits by hand, whole files there and back, libjpeg-turbo, and damage."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator
from dataclasses import astuple, replace
from typing import Any

import codec_data
import numpy as np
import pytest
from conftest import BACKENDS, NO_DATA
from hypothesis import given, settings
from hypothesis import strategies as st
from jpeg_cases import Tally
from jpeg_lossless import Array, lossless_file, picture_of, scan_of, smooth_samples

import jpeg_from_scratch as jpeg
from jpeg_from_scratch.backend import ScanCoder, get_backend
from jpeg_from_scratch.bitio import BitWriter
from jpeg_from_scratch.errors import FormatError
from jpeg_from_scratch.huffman import HuffmanSpec, optimal_spec
from jpeg_from_scratch.jpeg_data import FrameHeader, JpegData, RestartInterval
from jpeg_from_scratch.prediction import MISSING
from jpeg_from_scratch.reader import MAX_MEMORY, MAX_PIXELS, MAX_SCANS, Limits, Reader
from jpeg_from_scratch.scan import Progress, Scan, Status, resynchronise, scan_error

BOUNDED = settings(derandomize=True, max_examples=40, deadline=None)
ONE = [(1, 1)]
EOI = b"\xff\xd9"
# Category n has the code n, in five bits
SPEC = HuffmanSpec((0, 0, 0, 0, 17, *[0] * 11), tuple(range(17)))


def coder(backend: str) -> ScanCoder:
    """Return the coder of lossless scans."""
    return get_backend(backend).scan_coders["lossless"]


def read_with(backend: str, data: bytes, strict: bool = True) -> Reader:
    """Read a file with a back end."""
    reader = Reader(data, Limits(MAX_PIXELS, MAX_SCANS, MAX_MEMORY), get_backend(backend), strict)
    reader.read()
    return reader


def empty_arrays(scan: Scan) -> list[Array]:
    """Return arrays for the differences of a scan, none of them known."""
    shapes = [scan.frame.padded_block_shape(member.component) for member in scan.header.components]
    return [np.full(shape, MISSING, np.int32) for shape in shapes]


def random_differences(scan: Scan, seed: int, largest: int = 40) -> list[Array]:
    """Return differences for all that a scan codes; `MISSING` where it codes nothing."""
    rng = np.random.default_rng(seed)
    arrays = empty_arrays(scan)
    for array, (v, h) in zip(arrays, scan.layout.factors):
        rows, columns = scan.layout.mcu_rows * v, scan.layout.mcu_columns * h
        array[:rows, :columns] = rng.integers(-largest, largest + 1, (rows, columns))
    return arrays


def decoded(backend: str, data: bytes, scan: Scan) -> tuple[list[Array], Progress]:
    """Decode a scan strictly."""
    arrays, progress = empty_arrays(scan), Progress(0)
    status = coder(backend).decode(data, scan, arrays, progress, True)
    if status != Status.DONE:
        raise scan_error(data, scan, progress, status)
    return arrays, progress


def decoded_leniently(backend: str, data: bytes, scan: Scan) -> tuple[list[Array], Progress]:
    """Decode a scan as libjpeg would."""
    arrays, progress = empty_arrays(scan), Progress(0)
    while coder(backend).decode(data, scan, arrays, progress, False) != Status.DONE:
        resynchronise(data, scan, progress)
    return arrays, progress


# Table H.2


def test_table_h2_by_hand(backend: str) -> None:
    """0, ±1, −5, 6, ±32767; and 32768, which has a code but no additional bits."""
    differences = np.array([[0, 1, -1, -5, 6, 32767, -32767, 32768]], np.int32)
    scan = scan_of(ONE, 1, 8, spec=SPEC)
    bits = "000000000110000100001101000011110"
    bits += "01111" + 15 * "1" + "01111" + 15 * "0" + "10000"
    bits += "1" * (-len(bits) % 8)
    expected = int(bits, 2).to_bytes(len(bits) // 8).replace(b"\xff", b"\xff\x00")
    assert coder(backend).encode(scan, [differences]) == expected
    arrays, end = decoded(backend, expected + EOI, scan)
    assert arrays[0].tolist() == differences.tolist()
    assert end.position == len(expected)


def test_symbols_are_counted_per_component(backend: str) -> None:
    """In the table of the class DC; there is no AC."""
    scan = scan_of([(2, 1), (1, 1)], 1, 4)
    count = coder(backend).count
    assert count is not None
    dc, ac = count(scan, [np.array([[0, 1, -1, 32768]], np.int32), np.array([[7, 0]], np.int32)])
    assert {k: int(dc[0, k]) for k in np.flatnonzero(dc[0])} == {0: 1, 1: 2, 16: 1}
    assert {k: int(dc[1, k]) for k in np.flatnonzero(dc[1])} == {0: 1, 3: 1}
    assert ac.shape == (2, 256)
    assert not ac.any()


@pytest.mark.parametrize("value", [-32768, 32769, 70000, -(2**31)])
def test_differences_without_a_symbol(backend: str, value: int) -> None:
    """Counting and coding say which difference it was."""
    scan = scan_of(ONE, 2, 2, spec=SPEC)
    differences = [np.array([[0, 1], [value, 40000]], np.int32)]
    count = coder(backend).count
    assert count is not None
    with pytest.raises(ValueError, match=f"a difference of {value}, codes exist for -32767 ... 32768"):
        coder(backend).encode(scan, differences)
    with pytest.raises(ValueError, match=f"a difference of {value}, codes exist for -32767 ... 32768"):
        count(scan, differences)


def test_a_symbol_without_a_code_is_named(backend: str) -> None:
    """Only categories 0 and 1 have codes."""
    scan = scan_of(ONE * 2, 1, 1, spec=HuffmanSpec((1, 1, *[0] * 14), (0, 1)))
    differences = [np.array([[1]], np.int32), np.array([[9]], np.int32)]
    with pytest.raises(ValueError, match="DC table of component 1 of the scan has no code for symbol X'04'"):
        coder(backend).encode(scan, differences)


# A.2.3, E.1.4 – the order of samples, and restart intervals


def test_a23_samples_are_coded_in_the_order_of_the_layout(backend: str) -> None:
    """An MCU of 2 × 2 samples of one component, line by line, and one sample of each other component."""
    scan = scan_of([(2, 2), (1, 1), (1, 1)], 3, 3, spec=SPEC)
    differences = [np.zeros((4, 4), np.int32), np.zeros((2, 2), np.int32), np.zeros((2, 2), np.int32)]
    order = [unit for mcu in range(4) for unit in scan.layout.blocks(mcu)]
    assert order[:7] == [(0, 0, 0), (0, 0, 1), (0, 1, 0), (0, 1, 1), (1, 0, 0), (2, 0, 0), (0, 0, 2)]
    for number, (j, row, column) in enumerate(order, 1):
        differences[j][row, column] = number
    writer = BitWriter()
    for number in range(1, len(order) + 1):
        size = number.bit_length()
        writer.put(size, 5)
        writer.put(number, size)
    writer.pad()
    assert coder(backend).encode(scan, differences) == bytes(writer.data)
    arrays, _ = decoded(backend, bytes(writer.data) + EOI, scan)
    for ours, expected in zip(arrays, differences):
        np.testing.assert_array_equal(ours, expected)


@pytest.mark.parametrize("rows", [1, 2, 3, 19, 20, 21])
def test_e14_restart_markers_count_modulo_8(backend: str, rows: int) -> None:
    """RST0 … RST7, RST0 …, one between two intervals and none at the end."""
    scan = scan_of(ONE * 3, 20, 3, rows=rows, spec=SPEC)
    differences = random_differences(scan, rows)
    data = coder(backend).encode(scan, differences)
    markers = [marker[0] - 0xD0 for marker in re.findall(rb"\xff([\xd0-\xd7])", data)]
    assert markers == [m % 8 for m in range((20 - 1) // rows)]
    arrays, end = decoded(backend, data + EOI, scan)
    for ours, expected in zip(arrays, differences):
        np.testing.assert_array_equal(ours, expected)
    assert end.position == len(data)


def test_h11_a_restart_interval_of_broken_rows_is_refused(backend: str) -> None:
    """It must be a whole number of rows of MCUs."""
    scan = scan_of(ONE, 4, 5, rows=1)
    data = lossless_file(scan, smooth_samples(scan))
    place = next(i for i, segment in enumerate(data.segments) if isinstance(segment, RestartInterval))
    file = jpeg.write(data)
    marker = file.index(b"\xff\xdd\x00\x04\x00\x05")
    broken = file[: marker + 5] + b"\x07" + file[marker + 6 :]
    assert isinstance(data.segments[place], RestartInterval)
    for strict in (True, False):
        with pytest.raises(FormatError, match="a restart interval of 7 MCUs, no whole rows") as caught:
            read_with(backend, broken, strict)
        assert caught.value.clause == "H.1.1"


# Whole files


def picture_scans() -> Iterator[Scan]:
    """Every predictor × precision × three point transforms; components, factors and restarts in turn."""
    factors = ([(1, 1)], [(1, 1)] * 3, [(1, 1)] * 4, [(2, 2), (1, 1), (1, 1)], [(1, 1)] * 2, [(2, 1)])
    number = 0
    for predictor in range(1, 8):
        for precision in range(2, 17):
            for point_transform in sorted({0, precision // 2, precision - 1}):
                number += 1
                yield scan_of(
                    factors[number % 6],
                    *((5, 7), (1, 9), (9, 1), (6, 4), (1, 1))[number % 5],
                    predictor=predictor,
                    precision=precision,
                    point_transform=point_transform,
                    rows=(0, 1, 2, 3)[number % 4],
                )


def test_write_and_read_give_the_samples_again(count: Callable[[str], None]) -> None:
    """In one scan or in one for each component, by each back end; and both write the same bytes."""
    tally = Tally("lossless, files written and read")
    for number, scan in enumerate(picture_scans()):
        samples = smooth_samples(scan, number)
        for interleaved in (True, False):
            data = lossless_file(scan, samples, interleaved)
            file = jpeg.write(data)
            for backend in BACKENDS:
                again = read_with(backend, file).jpeg
                name = f"{scan.frame} {scan.header} {interleaved} {backend}"
                assert again.segments == data.segments, name
                for ours, expected in zip(again.samples, data.samples):
                    tally.check(name, ours, expected)
            if interleaved:
                slots, header = next(data.scans_with_tables())
                whole = Scan.of(data.frame, header, slots)
                results = [encoded_by(backend, whole, samples) for backend in BACKENDS]
                assert results == results[:1] * len(BACKENDS), scan
    count(tally.report())
    assert tally.tried > 2000
    assert not tally.different, tally.report()


def encoded_by(backend: str, scan: Scan, samples: list[Array]) -> bytes:
    """Predict and encode with one back end."""
    engine = get_backend(backend)
    differences = [engine.samples_to_differences(array, scan, j) for j, array in enumerate(samples)]
    return coder(backend).encode(scan, differences)


def test_write_checks_the_samples() -> None:
    """Shape and dtype of each array, and their number."""
    scan = scan_of([(2, 2), (1, 1)], 3, 3)
    data = lossless_file(scan, smooth_samples(scan))
    for samples, said in (
        (data.samples[:1], "1 sample arrays for 2 components"),
        ([data.samples[0][:3], data.samples[1]], r"samples\[0\] is uint16 \(3, 4\), must be uint16 \(4, 4\)"),
        ([data.samples[0], data.samples[1].astype(np.uint8)], r"samples\[1\] is uint8"),
    ):
        with pytest.raises(ValueError, match=said):
            jpeg.write(JpegData(data.segments, samples=samples))


# libjpeg-turbo, through imagecodecs


def peer_options(image: Array, bits: int, predictor: int) -> dict[str, Any]:
    """Return arguments for ``jpeg8_encode``; colours are kept as they are."""
    options: dict[str, Any] = {"lossless": True, "predictor": predictor, "bitspersample": bits}
    if image.ndim == 3:
        space = {3: "RGB", 4: "CMYK"}[image.shape[2]]
        options |= {"colorspace": space, "outcolorspace": space}
    return options


@pytest.mark.reference
def test_files_by_libjpeg_turbo(count: Callable[[str], None]) -> None:
    """Read exactly, and written again to the same bytes: 1, 3 and 4 components, 2 … 16 bits, 7 predictors."""
    imagecodecs = pytest.importorskip("imagecodecs")
    read, written = Tally("lossless, files by libjpeg-turbo read"), Tally("… and written again")
    rng = np.random.default_rng(5)
    for bits in range(2, 17):
        for predictor in range(1, 8):
            for components in (1, 3, 4):
                shape = (13, 11) if components == 1 else (7, 9, components)
                walk = rng.integers(-1 << bits >> 4, (1 << bits >> 4) + 2, shape).cumsum(0).cumsum(1)
                image = walk.clip(0, (1 << bits) - 1).astype(np.uint8 if bits <= 8 else np.uint16)
                data = imagecodecs.jpeg8_encode(image, **peer_options(image, bits, predictor))
                name = f"{bits} bits, predictor {predictor}, {components} components"
                for backend in BACKENDS:
                    ours = read_with(backend, data).jpeg
                    read.check(f"{name} {backend}", picture_of(ours), image)
                written.check(name, jpeg.write(ours), data)
    count(read.report())
    count(written.report())
    assert read.tried >= 315
    assert not read.different, read.report()
    assert not written.different, written.report()


@pytest.mark.reference
def test_our_files_in_libjpeg_turbo(count: Callable[[str], None]) -> None:
    """All it can read: point transforms, restarts, sampling factors, one scan or several.

    Left out, for there it departs from H.1.1: a component that is alone in a scan has Vi lines in a row of
    MCUs of the frame, and the library starts prediction anew only where such a row begins.
    """
    imagecodecs = pytest.importorskip("imagecodecs")
    tally = Tally("lossless, our files in libjpeg-turbo")
    left_out = 0
    for number, scan in enumerate(picture_scans()):
        if len(scan.frame.components) == 2:
            continue
        rows = scan.restart_interval // scan.layout.mcu_columns
        for interleaved in (True, False):
            alone = not interleaved or len(scan.frame.components) == 1
            if alone and rows % scan.frame.v_max:
                left_out += 1
                continue
            data = lossless_file(scan, smooth_samples(scan, number), interleaved)
            theirs = imagecodecs.jpeg8_decode(jpeg.write(data))
            tally.check(f"{scan} {interleaved}", picture_of(data), theirs.reshape(picture_of(data).shape))
    count(f"{tally.report()}, left out {left_out}")
    assert tally.tried > 400
    assert not tally.different, tally.report()


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


# The corpus


def lossless_entries(manifest: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    """Return the files of SOF3 of which the samples are known."""
    entries = [e for e in manifest if e["kind"] == kind and e["features"]["sof"] == 3]
    return [e for e in entries if e["ref"].get("up_sha256")]


@pytest.mark.parametrize("kind", ["valid", "broken"])
def test_corpus(kind: str, jpeg_manifest: list[dict[str, Any]], count: Callable[[str], None]) -> None:
    """Every file of SOF3: the samples of libjpeg-turbo by their digest; small ones by each back end."""
    tally = Tally(f"corpus, lossless, {kind}")
    entries = lossless_entries(jpeg_manifest, kind)
    assert entries
    for entry in entries:
        data = codec_data.jpeg_file(entry)
        small = entry["features"]["width"] * entry["features"]["height"] <= 1 << 14
        for backend in BACKENDS if small else BACKENDS[:1]:
            picture = picture_of(read_with(backend, data, strict=kind == "valid").jpeg)
            digest = hashlib.sha256(picture.tobytes()).hexdigest()
            tally.check(f"{entry['name']} {backend}", digest.encode(), entry["ref"]["up_sha256"].encode())
    count(f"{tally.report()} ({len(entries)} files)")
    assert not tally.different, tally.report()


def test_corpus_files_are_written_again(
    jpeg_manifest: list[dict[str, Any]], count: Callable[[str], None]
) -> None:
    """The same samples from our file; and the same bytes, but for files whose encoder padded otherwise."""
    same = 0
    entries = lossless_entries(jpeg_manifest, "valid")
    for entry in entries:
        data = codec_data.jpeg_file(entry)
        first = jpeg.read(data)
        file = jpeg.write(first)
        assert jpeg.read(file) == first, entry["name"]
        same += file == data
    count(f"corpus, lossless, written again: {len(entries)} files, same bytes {same}")
    assert same >= len(entries) - 6


def test_t83_stream_o2_has_the_samples_of_its_source(jpeg_manifest: list[dict[str, Any]]) -> None:
    """T.83: component D, 85 × 257 samples of 16 bits, is D16.SRC."""
    path = codec_data.folder() / "jpeg" / "T83" / "D16.SRC"
    entry = next((e for e in jpeg_manifest if "O2-JPG" in e["name"]), None)
    if entry is None or not path.is_file():
        pytest.skip(f"{NO_DATA}{path}")
    source = np.frombuffer(path.read_bytes(), ">u2").reshape(257, 85)
    component = jpeg.read(codec_data.jpeg_file(entry)).samples[3]
    np.testing.assert_array_equal(component[:257], source)
    assert not component[257:].any()


# Damage


def damaged_outcome(backend: str, data: bytes, scan: Scan) -> list[Any]:
    """Return status, progress and differences, strict and lenient; strict differences only at the end."""
    arrays, progress = empty_arrays(scan), Progress(0)
    status = coder(backend).decode(data, scan, arrays, progress, True)
    facts: list[Any] = [status, astuple(progress)]
    facts.append([array.tolist() for array in arrays] if status == Status.DONE else None)
    arrays, progress = decoded_leniently(backend, data, scan)
    return [*facts, astuple(progress), [array.tolist() for array in arrays]]


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
