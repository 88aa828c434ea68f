"""Lossless scans (H.1.2.2, H.2): bits by hand, whole files there and back, libjpeg-turbo, the corpus."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator
from typing import Any

import codec_data
import numpy as np
import pytest
from conftest import BACKENDS, COMPILED, NO_DATA
from jpeg_cases import Tally
from jpeg_lossless import (
    EOI,
    ONE,
    SPEC,
    Array,
    coder,
    decoded,
    lossless_file,
    picture_of,
    random_differences,
    read_with,
    scan_of,
    smooth_samples,
)

import jpeg_from_scratch as jpeg
from jpeg_from_scratch.backend import get_backend
from jpeg_from_scratch.bitio import BitWriter
from jpeg_from_scratch.errors import FormatError
from jpeg_from_scratch.huffman import HuffmanSpec
from jpeg_from_scratch.jpeg_data import JpegData
from jpeg_from_scratch.scan import Scan

# Table H.2


def test_table_h2_by_hand(backend: str) -> None:
    """0, ±1, −5, 6, ±32767; and 32768, which has a code but no additional bits."""
    differences = np.array([[0, 1, -1, -5, 6, 32767, -32767, 32768]], np.int32)
    scan = scan_of(ONE, 1, 8, spec=SPEC)
    codes = ["00000", "00001 1", "00001 0", "00011 010", "00011 110"]
    codes += ["01111" + 15 * "1", "01111" + 15 * "0", "10000"]
    bits = "".join(codes).replace(" ", "")
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
    file = jpeg.write(data)
    marker = file.index(b"\xff\xdd\x00\x04\x00\x05")
    broken = file[: marker + 5] + b"\x07" + file[marker + 6 :]
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
    assert tally.tried > 1000 * len(BACKENDS)
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


# The corpus


def lossless_entries(manifest: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    """Return the files of SOF3 of which the samples are known."""
    entries = [e for e in manifest if e["kind"] == kind and e["features"]["sof"] == 3]
    return [e for e in entries if e["ref"].get("up_sha256")]


@pytest.mark.parametrize("kind", ["valid", "broken"])
def test_corpus(kind: str, jpeg_manifest: list[dict[str, Any]], count: Callable[[str], None]) -> None:
    """Every file of SOF3: the samples of libjpeg-turbo by their digest; small ones by each back end.

    Where nothing is compiled, small ones only.
    """
    tally = Tally(f"corpus, lossless, {kind}")
    entries = lossless_entries(jpeg_manifest, kind)
    assert entries
    for entry in entries:
        data = codec_data.jpeg_file(entry)
        small = entry["features"]["width"] * entry["features"]["height"] <= 1 << 14
        for backend in BACKENDS if small else BACKENDS[:COMPILED]:
            picture = picture_of(read_with(backend, data, strict=kind == "valid").jpeg)
            digest = hashlib.sha256(picture.tobytes()).hexdigest()
            tally.check(f"{entry['name']} {backend}", digest.encode(), entry["ref"]["up_sha256"].encode())
    count(f"{tally.report()} ({len(entries)} files)")
    assert not tally.different, tally.report()


@pytest.mark.big
def test_corpus_files_are_written_again(
    jpeg_manifest: list[dict[str, Any]], count: Callable[[str], None]
) -> None:
    """To the same bytes; what stands behind EOI in five of them, one byte to nine, is gone."""
    tally = Tally("corpus, lossless, written again")
    entries = lossless_entries(jpeg_manifest, "valid")
    for entry in entries:
        data = codec_data.jpeg_file(entry)
        end = len(data) - entry["features"]["trailing_bytes"]
        tally.check(entry["name"], jpeg.write(jpeg.read(data)), data[:end])
    count(tally.report())
    assert not tally.different, tally.report()


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
