"""One arithmetic-coded scan ↔ coefficients or differences, in both back ends, and as libjpeg-turbo has it."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import product
from typing import Any

import codec_data
import jpeg_peers as peers
import numpy as np
import numpy.typing as npt
import pytest
from conftest import BACKENDS
from hypothesis import given, settings
from hypothesis import strategies as st
from jpeg_cases import Tally

from jpeg_from_scratch import decode, tables, write
from jpeg_from_scratch.arithmetic import Bins, Encoder, encode_difference
from jpeg_from_scratch.backend import ScanCoder, get_backend
from jpeg_from_scratch.errors import FormatError, JpegError
from jpeg_from_scratch.intervals import Progress, Status, resynchronise
from jpeg_from_scratch.jpeg_data import (
    ArithmeticConditioning,
    Conditioning,
    FrameComponent,
    FrameHeader,
    JpegData,
    QuantizationTable,
    QuantizationTables,
    RestartInterval,
    ScanComponent,
    ScanHeader,
)
from jpeg_from_scratch.prediction import MISSING
from jpeg_from_scratch.reader import Limits, Reader
from jpeg_from_scratch.scan import Scan

Array = npt.NDArray[Any]
Entry = dict[str, Any]

BOUNDED = settings(derandomize=True, max_examples=60, deadline=None)
EOI = b"\xff\xd9"
LIMITS = Limits(2**26, 300, 2**29)
LAYOUTS = {"4:2:0": "2x2,1x1,1x1", "4:4:4": "1x1,1x1,1x1", "grey": "1x1"}

# SOF, Ss, Se, Ah, Al
KINDS = {
    "sequential": (tables.SOF9, 0, 63, 0, 0),
    "DC first": (tables.SOF10, 0, 0, 0, 2),
    "DC refined": (tables.SOF10, 0, 0, 2, 1),
    "AC first": (tables.SOF10, 3, 40, 0, 1),
    "AC refined": (tables.SOF10, 3, 40, 1, 0),
    "lossless": (tables.SOF11, 1, 0, 0, 0),
}


def scan_of(
    kind: str,
    factors: Sequence[tuple[int, int]] = ((1, 1),),
    height: int = 24,
    width: int = 40,
    interval: int = 0,
    destinations: Sequence[tuple[int, int]] | None = None,
    bounds: tuple[int, int, int] = (0, 1, 5),
) -> Scan:
    """Return a scan of all components of a picture; each has its own destination, or those given."""
    marker, *parameters = KINDS[kind]
    components = tuple(FrameComponent(i + 1, h, v, 0) for i, (h, v) in enumerate(factors))
    places = destinations or [(i, i) for i in range(len(factors))]
    members = tuple(ScanComponent(i, *place) for i, place in enumerate(places))
    lower, upper, kx = bounds
    return Scan(
        FrameHeader(marker, 8, height, width, components),
        ScanHeader(members, *parameters),
        interval,
        dc_conditioning=((lower, upper),) * len(factors),
        ac_conditioning=(kx,) * len(factors),
    )


def coder(scan: Scan, backend: str) -> ScanCoder:
    """Return the coder of a scan."""
    return get_backend(backend).scan_coder(scan.frame)


def shapes(scan: Scan) -> list[tuple[int, int]]:
    """Return (rows, columns) of data units that a scan covers, per component."""
    return [(scan.layout.mcu_rows * v, scan.layout.mcu_columns * h) for v, h in scan.layout.factors]


def random_arrays(scan: Scan, seed: int, density: float = 0.1, largest: int = 300) -> list[Array]:
    """Return coefficients, or differences, of which a share is not zero."""
    rng = np.random.default_rng(seed)
    arrays = []
    for shape in shapes(scan):
        shape = shape if scan.frame.is_lossless else (*shape, 8, 8)
        values = rng.integers(-largest, largest + 1, shape) // rng.integers(1, 40, shape)
        values *= rng.random(shape) < density
        arrays.append(values.astype(np.int32 if scan.frame.is_lossless else np.int16))
    return arrays


def known(scan: Scan, arrays: Sequence[Array], before: bool = False) -> list[Array]:
    """Return what is known of coefficients or differences after a scan, or before it (A.4)."""
    header = scan.header
    if not scan.frame.is_progressive:
        return [np.full_like(a, MISSING if scan.frame.is_lossless else 0) if before else a for a in arrays]
    low = header.approx_high if before else header.approx_low
    found = []
    for array in arrays:
        zz = array.reshape(-1, 64)[:, tables.NATURAL_INDEX].astype(int)
        band = slice(header.spectral_start, header.spectral_end + 1)
        kept = np.zeros(zz.shape, int)
        if not before or header.approx_high:
            kept[:, band] = np.sign(zz[:, band]) * (np.abs(zz[:, band]) >> low << low)
            if header.spectral_start == 0:
                kept[:, 0] = zz[:, 0] >> low << low
        natural = np.zeros(zz.shape, np.int16)
        natural[:, tables.NATURAL_INDEX] = kept
        found.append(natural.reshape(array.shape))
    return found


def decoded(
    scan: Scan, data: bytes, backend: str, arrays: Sequence[Array], strict: bool = True
) -> tuple[Status, Progress]:
    """Decode a scan into arrays."""
    progress = Progress(0)
    return coder(scan, backend).decode(data, scan, arrays, progress, strict), progress


def read(data: bytes, backend: str, strict: bool = True) -> Reader:
    """Read a file; return the reader, done."""
    reader = Reader(data, LIMITS, get_backend(backend), strict)
    reader.read()
    return reader


def scan_data_differs(data: bytes, backend: str) -> bool:
    """Read a file and code every scan again; say whether any byte is another."""
    reader = read(data, backend)
    offsets = [o for o, s in zip(reader.offsets, reader.jpeg.segments) if isinstance(s, ScanHeader)]
    for offset, (slots, header) in zip(offsets, reader.jpeg.scans_with_tables()):
        scan = Scan.of(reader.jpeg.frame, header, slots)
        members = [reader.jpeg.units[member.component] for member in header.components]
        start = offset + 2 + int.from_bytes(data[offset + 2 : offset + 4])
        again = coder(scan, backend).encode(scan, members)
        if data[start : start + len(again) + 1] != again + b"\xff":
            return True
    return False


# libjpeg-turbo


def cjpeg_switches(quality: int, layout: str, progressive: bool, restart: int) -> list[str]:
    """Return the switches of a case."""
    switches = ["-arithmetic", "-quality", str(quality), "-sample", LAYOUTS[layout]]
    switches += ["-grayscale"] if layout == "grey" else []
    switches += ["-progressive"] if progressive else []
    return switches + (["-restart", f"{restart}B"] if restart else [])


@pytest.mark.usefixtures("cjpeg")
def test_files_by_cjpeg_again(backend: str, kodak: Any, count: Any) -> None:
    """Small pictures, every combination: reading and coding again gives the same bytes in every scan."""
    picture = kodak["kodim23"][100:133, 300:347]
    tally = Tally(f"arithmetic, scans of cjpeg again [{backend}]")
    qualities = (10, 75, 95) if backend == BACKENDS[0] else (75,)
    for case in product(qualities, LAYOUTS, (False, True), (0, 1, 5)):
        tally.tried += 1
        if scan_data_differs(peers.cjpeg(picture, *cjpeg_switches(*case)), backend):
            tally.different.append(str(case))
    count(tally.line())
    assert not tally.different, tally.report()


@pytest.mark.big
@pytest.mark.usefixtures("cjpeg")
def test_kodak_by_cjpeg_again(kodak: Any, count: Any) -> None:
    """All pictures, three qualities; layout, process and restarts take turns. The whole files, too."""
    tally = Tally("arithmetic, Kodak files of cjpeg again")
    turns = list(product(LAYOUTS, (False, True), (0, 1, 100)))
    for number, (name, quality) in enumerate(product(kodak, (10, 75, 95))):
        layout, progressive, restart = turns[5 * number % len(turns)]
        data = peers.cjpeg(kodak[name], *cjpeg_switches(quality, layout, progressive, restart))
        tally.tried += 1
        if write(read(data, BACKENDS[0]).jpeg) != data:
            tally.different.append(f"{name}, {quality}, {layout}, {progressive}, {restart}")
    count(tally.line())
    assert tally.tried == 72
    assert not tally.different, tally.report()


def coefficients_by_jpegtran(data: bytes) -> list[Array] | None:
    """Return the coefficients that jpegtran reads, by way of a Huffman-coded file; None if it cannot."""
    run = subprocess.run(["jpegtran", "-optimize"], input=data, capture_output=True, check=False)
    if not run.stdout.endswith(EOI):
        return None
    return covered(read(run.stdout, BACKENDS[0]).jpeg)


def covered(jpeg: JpegData) -> list[Array]:
    """Return the coefficients without the padding to whole MCUs."""
    found = []
    for i, blocks in enumerate(jpeg.coefficients):
        rows, columns = jpeg.block_shape(i)
        found.append(blocks[:rows, :columns])
    return found


def equal(ours: Sequence[Array] | None, theirs: Sequence[Array] | None) -> bool:
    """Compare lists of arrays."""
    return ours is not None and theirs is not None and all(map(np.array_equal, ours, theirs))


needs_jpegtran = pytest.mark.skipif(shutil.which("jpegtran") is None, reason="jpegtran is not installed")

DC_BOUNDS = [(0, 1), (0, 0), (1, 3), (2, 15), (4, 4), (0, 15)]
SCRIPTS = {
    "sequential": [(0, 63, 0, 0)],
    "progressive": [(0, 0, 0, 1), (1, 5, 0, 2), (6, 63, 0, 2), (1, 63, 2, 1), (0, 0, 1, 0), (1, 63, 1, 0)],
}


def made_file(process: str, seed: int, bounds: tuple[int, int], kx: int, shared: bool) -> JpegData:
    """Return a file with chosen conditioning, of random coefficients in the range of 8-bit samples."""
    rng = np.random.default_rng(seed)
    marker = tables.SOF9 if process == "sequential" else tables.SOF10
    components = (FrameComponent(1, 2, 1, 0), FrameComponent(2, 1, 1, 0), FrameComponent(3, 1, 1, 0))
    frame = FrameHeader(marker, 8, 30, 61, components)
    destinations = [(1, 3)] * 3 if shared else [(0, 1), (2, 1), (3, 0)]
    members = tuple(ScanComponent(i, *place) for i, place in enumerate(destinations))
    dc = tuple(Conditioning(0, n, bounds[0] + 16 * bounds[1]) for n in range(4))
    segments: list[Any] = [
        QuantizationTables((QuantizationTable(0, 0, (1,) * 64),)),
        frame,
        ArithmeticConditioning((*dc, *(Conditioning(1, n, kx) for n in range(4)))),
        RestartInterval(int(rng.integers(0, 5))),
    ]
    for parameters in SCRIPTS[process]:
        alone = [(member,) for member in members] if parameters[0] else [members]
        segments += [ScanHeader(group, *parameters) for group in alone]
    data = JpegData(segments)
    for i in range(3):
        blocks = rng.integers(-1023, 1024, (*frame.padded_block_shape(i), 64))
        blocks //= rng.integers(1, 800, blocks.shape)
        blocks *= rng.random(blocks.shape) < rng.choice([0.03, 0.3, 1.0], (*blocks.shape[:2], 1))
        data.coefficients.append(blocks.reshape(*blocks.shape[:2], 8, 8).astype(np.int16))
    return data


@needs_jpegtran
@pytest.mark.parametrize("process", SCRIPTS)
def test_f14414_conditioning_as_libjpeg_reads_it(process: str, count: Any) -> None:
    """L, U and Kx from DAC segments, destinations shared or not: jpegtran reads our coefficients."""
    tally = Tally(f"arithmetic, conditioning read by jpegtran, {process}")
    for seed, (bounds, kx, shared) in enumerate(product(DC_BOUNDS, (1, 5, 20, 63), (False, True))):
        jpeg = made_file(process, seed, bounds, kx, shared)
        data = write(jpeg)
        tally.tried += 1
        if not equal(covered(jpeg), coefficients_by_jpegtran(data)):
            tally.different.append(f"{bounds}, {kx}, {shared}: jpegtran")
        elif not equal(covered(jpeg), covered(read(data, BACKENDS[0]).jpeg)):
            tally.different.append(f"{bounds}, {kx}, {shared}: ours")
    count(tally.line())
    assert not tally.different, tally.report()


@needs_jpegtran
@pytest.mark.parametrize("process", SCRIPTS)
def test_damaged_scans_as_libjpeg_reads_them(process: str, count: Any) -> None:
    """One to three bytes of the scans replaced: jpegtran, which only warns, has the same coefficients.

    It cannot write coefficients beyond ±1023; such cases are left out.
    """
    tally, left_out = Tally(f"arithmetic, damaged scans as jpegtran reads them, {process}"), 0
    rng = np.random.default_rng(77)
    for seed in range(12):
        sound = write(made_file(process, seed, (0, 1), 5, False))
        first = sound.index(b"\xff\xda") + 40
        for _ in range(20):
            data = bytearray(sound)
            for at in rng.integers(first, len(sound) - 2, rng.integers(1, 4)):
                data[at] = rng.choice([0x00, 0xFF, 0x5A, data[at] ^ 1 << int(rng.integers(8))])
            theirs = coefficients_by_jpegtran(bytes(data))
            try:
                ours = covered(read(bytes(data), BACKENDS[0], strict=False).jpeg)
            except JpegError:
                ours = None
            if theirs is None:
                left_out += 1
                continue
            tally.tried += 1
            if not equal(ours, theirs):
                tally.different.append(f"seed {seed}: {[i for i, b in enumerate(data) if b != sound[i]]}")
    count(f"{tally.line()}, left out {left_out}")
    assert tally.tried > 100
    assert not tally.different, tally.report()


# The corpus


def arithmetic_files(manifest: Sequence[Entry], kind: str) -> Iterator[tuple[Entry, bytes]]:
    """Yield the arithmetic-coded files that some reference exists for."""
    for entry in manifest:
        if entry["kind"] == kind and entry["features"].get("sof") in (9, 10, 11):
            yield entry, codec_data.jpeg_file(entry)


def digest(arrays: Sequence[Array], dtype: str) -> str:
    """Return the SHA-256 of arrays one after the other."""
    return hashlib.sha256(
        b"".join(np.ascontiguousarray(a).astype(dtype).tobytes() for a in arrays)
    ).hexdigest()


def lossless_samples(jpeg: JpegData) -> Array:
    """Return the samples of a lossless file as libjpeg-turbo gives them."""
    height, width = jpeg.frame.height, jpeg.frame.width
    samples = np.stack([plane[:height, :width] for plane in jpeg.samples], axis=-1)
    return samples.astype("<u1" if jpeg.frame.precision <= 8 else "<u2")


def test_valid_files_of_the_corpus(backend: str, jpeg_manifest: list[Entry], count: Any) -> None:
    """All are read strictly: coefficients as libjpeg-turbo has them, samples as in the Huffman twins."""
    tally = Tally(f"arithmetic, valid files [{backend}]")
    (twin,) = (e for e in jpeg_manifest if "lossless-huffman-32x32x8-grayscale.jpg" in e["name"])
    twin_samples = lossless_samples(read(codec_data.jpeg_file(twin), backend).jpeg)
    kinds = dict.fromkeys((9, 10, 11), 0)
    for entry, data in arithmetic_files(jpeg_manifest, "valid"):
        tally.tried += 1
        jpeg, ref = read(data, backend).jpeg, entry["ref"]
        derived = ref.get("derived", {})
        kinds[entry["features"]["sof"]] += 1
        if "coef_sha256" in ref:
            same = digest(covered(jpeg), "<i2") == ref["coef_sha256"]
        elif "up_sha256" in derived:
            same = hashlib.sha256(lossless_samples(jpeg).tobytes()).hexdigest() == derived["up_sha256"]
        elif "sha256" in derived:
            same = hashlib.sha256(decode(data, backend=backend).tobytes()).hexdigest() == derived["sha256"]
        else:  # a lossless file with DNL; its twin of the same picture has none
            same = bool(np.array_equal(lossless_samples(jpeg), twin_samples))
        if not same:
            tally.different.append(entry["name"])
    count(f"{tally.line()}; by SOF {kinds}")
    assert not tally.different, tally.report()


def test_broken_files_of_the_corpus(backend: str, jpeg_manifest: list[Entry], count: Any) -> None:
    """Those that libjpeg-turbo decodes with warnings: the same coefficients, and an error if strict."""
    tally, content = Tally(f"arithmetic, broken files [{backend}]"), []
    for entry, data in arithmetic_files(jpeg_manifest, "broken"):
        if entry["ref"]["status"] != "ok":
            continue
        tally.tried += 1
        if digest(covered(read(data, backend, strict=False).jpeg), "<i2") != entry["ref"]["coef_sha256"]:
            tally.different.append(entry["name"])
        try:
            read(data, backend)
        except JpegError:
            continue
        content.append(entry["name"])
    count(tally.line())
    assert not tally.different, tally.report()
    assert not content, f"strict, yet read: {content}"


# There and back


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("interval", [0, 1, 5])
def test_there_and_back(kind: str, interval: int) -> None:
    """Every back end writes the same bytes, and reads what was known after the scan; to the last byte."""
    alone = kind.startswith("AC")
    scan = scan_of(kind, ((1, 1),) if alone else ((2, 1), (1, 1), (1, 2)), interval=5 * interval)
    if kind == "lossless":
        scan = replace(scan, restart_interval=interval * scan.layout.mcu_columns)
    arrays = random_arrays(scan, 4 + interval)
    files = {backend: coder(scan, backend).encode(scan, arrays) for backend in BACKENDS}
    data = files[BACKENDS[0]]
    assert all(other == data for other in files.values())
    for backend in BACKENDS:
        found = known(scan, arrays, before=True)
        status, progress = decoded(scan, data + EOI, backend, found)
        assert status == Status.DONE
        assert equal(found, known(scan, arrays))
        assert (progress.position, progress.mcu) == (len(data), scan.layout.mcus)
        assert (progress.starved_mcus, progress.bad_codes, progress.last_fed) == (0, 0, scan.layout.mcus - 1)


@BOUNDED
@given(st.data())
def test_any_scan_there_and_back(data: st.DataObject) -> None:
    """Kinds, conditioning, densities and sizes at random, in both back ends."""
    kind = data.draw(st.sampled_from(list(KINDS)))
    lower = data.draw(st.integers(0, 15))
    bounds = (lower, data.draw(st.integers(lower, 15)), data.draw(st.integers(1, 63)))
    two = not kind.startswith("AC") and data.draw(st.booleans())
    place = (data.draw(st.integers(0, 15)), data.draw(st.integers(0, 15)))
    scan = scan_of(
        kind,
        ((1, 2), (1, 1)) if two else ((1, 1),),
        data.draw(st.integers(1, 20)),
        data.draw(st.integers(1, 20)),
        destinations=[place, (3, 3)] if two else [place],
        bounds=bounds,
    )
    density, largest = (
        data.draw(st.sampled_from([0.0, 0.02, 0.5, 1.0])),
        data.draw(st.sampled_from([1, 16000])),
    )
    arrays = random_arrays(scan, data.draw(st.integers(0, 99)), density, largest)
    files = {backend: coder(scan, backend).encode(scan, arrays) for backend in BACKENDS}
    assert len(set(files.values())) == 1
    for backend in BACKENDS:
        found = known(scan, arrays, before=True)
        assert decoded(scan, files[backend] + EOI, backend, found)[0] == Status.DONE
        assert equal(found, known(scan, arrays))


def test_an_output_larger_than_expected() -> None:
    """Dense coefficients: the buffer of the compiled encoder grows in the midst of a scan."""
    for kind in ("sequential", "AC first", "lossless"):
        scan = scan_of(kind, height=256, width=320)
        arrays = random_arrays(scan, 1, 1.0, 16000)
        data = coder(scan, BACKENDS[0]).encode(scan, arrays)
        assert len(data) > 40_000
        found = known(scan, arrays, before=True)
        assert decoded(scan, data + EOI, BACKENDS[0], found)[0] == Status.DONE
        assert equal(found, known(scan, arrays))


def test_a_shared_destination_shares_bins(backend: str) -> None:
    """Two equal components cost less where the second finds what the first has learnt."""
    sizes = []
    for destinations in ([(0, 0), (1, 1)], [(2, 2), (2, 2)]):
        scan = scan_of("sequential", ((1, 1), (1, 1)), 64, 64, destinations=destinations)
        first = random_arrays(scan, 3, 0.2)[0]
        sizes.append(len(coder(scan, backend).encode(scan, [first, first])))
    assert sizes[1] < sizes[0] - 40


def test_h123_conditioning_begins_anew_with_a_restart(backend: str) -> None:
    """With restarts each line is coded as if nothing stood above it: equal lines are equal bytes."""
    scan = scan_of("lossless", height=6, width=40, interval=40)
    line = random_arrays(scan, 8, 0.6)[0][:1]
    data = coder(scan, backend).encode(scan, [np.repeat(line, 6, axis=0)])
    pieces = []
    for m in range(5):
        piece, data = data.split(bytes((0xFF, 0xD0 + m)), 1)
        pieces.append(piece)
    assert len({*pieces, data}) == 1


def test_h123_the_largest_differences(backend: str) -> None:
    """32768 is coded; −32768, the same modulo 2^16, is not (H.1.2.1), but read as 32768."""
    scan = scan_of("lossless", height=1, width=4)
    arrays = [np.array([[32768, -32767, 0, 32768]], np.int32)]
    data = coder(scan, backend).encode(scan, arrays)
    found = known(scan, arrays, before=True)
    assert decoded(scan, data + EOI, backend, found)[0] == Status.DONE
    assert equal(found, arrays)
    with pytest.raises(ValueError, match="-32768"):
        coder(scan, backend).encode(scan, [np.array([[1, -32768, 0, 0]], np.int32)])
    odd, bins = Encoder(), Bins(158)
    for s0, x1, difference in ((0, 100, -32768), (60, 100, 7), (60, 100, 0), (0, 100, 0)):
        encode_difference(odd, bins, s0, x1, difference)
    found = [np.full((1, 4), MISSING, np.int32)]
    assert decoded(scan, odd.flush() + EOI, backend, found)[0] == Status.DONE
    assert found[0].tolist() == [[32768, 7, 0, 0]]


@pytest.mark.parametrize("kind", ["sequential", "DC first"])
def test_values_that_the_tree_does_not_reach(backend: str, kind: str) -> None:
    """A DC difference beyond ±32768 is a mistake of the caller; ±32768 is not."""
    scan = replace(scan_of(kind, height=8, width=16), header=ScanHeader((ScanComponent(0, 0, 0),)))
    blocks = np.zeros((1, 2, 8, 8), np.int16)
    blocks[0, :, 0, 0] = -32768, 0
    assert coder(scan, backend).encode(scan, [blocks])
    blocks[0, 1, 0, 0] = 1
    with pytest.raises(ValueError, match="magnitude 32769, codes exist up to 32768"):
        coder(scan, backend).encode(scan, [blocks])


# Ends, restarts and damage


def outcome(scan: Scan, data: bytes, backend: str, strict: bool, before: Sequence[Array]) -> Any:
    """Decode; return the status, the progress, and, unless an error stopped it, the values."""
    arrays = [array.copy() for array in before]
    status, progress = decoded(scan, data, backend, arrays, strict)
    stopped = strict and status != Status.DONE
    return status, replace(progress, prepared=()), None if stopped else [array.tolist() for array in arrays]


@pytest.mark.both_backends
@pytest.mark.parametrize("kind", KINDS)
def test_damage_in_both_back_ends(kind: str, count: Any) -> None:
    """Each byte replaced, each truncation point: the same status, counters and values, strict and lenient."""
    scan = scan_of(kind, ((1, 1),) if kind.startswith("AC") else ((1, 1), (1, 1)), 16, 48)
    scan = replace(scan, restart_interval=scan.layout.mcu_columns)
    arrays = random_arrays(scan, 21, 0.15)
    if kind == "lossless":
        scan = scan_of(kind, ((1, 1), (1, 1)), 4, 12, interval=24)
        arrays = random_arrays(scan, 21, 0.9)
    before = known(scan, arrays, before=True)
    sound = coder(scan, BACKENDS[0]).encode(scan, arrays)
    rng, files = np.random.default_rng(9), []
    for at in range(len(sound)):
        files += [sound[:at], sound[:at] + EOI]
        for byte in (0x00, 0xFF, sound[at] ^ 1 << int(rng.integers(8)), int(rng.integers(256))):
            files.append(sound[:at] + bytes((byte,)) + sound[at + 1 :] + EOI)
    statuses = dict.fromkeys(Status, 0)
    for number, data in enumerate(files[:: max(1, len(files) // 300)]):
        for strict in (True, False):
            results = [outcome(scan, data, backend, strict, before) for backend in BACKENDS]
            assert results[0] == results[1], f"file {number}, strict={strict}"
            statuses[results[0][0]] += 1
    count(f"arithmetic, damage, {kind}: {', '.join(f'{s.name} {n}' for s, n in statuses.items())}")
    assert statuses[Status.DONE] > 0
    assert statuses[Status.PREMATURE_END] > 0
    assert statuses[Status.BAD_RESTART] > 0


def test_e24_bytes_left_over_before_a_restart_marker(backend: str) -> None:
    """As libjpeg-turbo, which warns of them: what the decoder did not ask for stands in the way."""
    scan = scan_of("sequential", height=8, width=32, interval=2)
    arrays = random_arrays(scan, 2)
    data = coder(scan, backend).encode(scan, arrays)
    extra = data.replace(b"\xff\xd0", b"\x00\x00\x00\x00\xff\xd0") + EOI
    status, progress = decoded(scan, extra, backend, known(scan, arrays, before=True))
    assert (status, progress.mcu) == (Status.BAD_RESTART, 2)
    assert extra[progress.position :].startswith(b"\x00")


def test_d18_data_end_at_a_marker_without_a_word(backend: str) -> None:
    """A scan of nothing at all is one of zeros: no warning, nothing starved."""
    scan = scan_of("sequential", height=8, width=32)
    found = [np.zeros((1, 4, 8, 8), np.int16)]
    status, progress = decoded(scan, EOI, backend, found)
    assert (status, progress.position, progress.starved_mcus) == (Status.DONE, 0, 0)
    assert progress.last_fed == 3


def test_the_file_ends_within_a_scan(backend: str) -> None:
    """Strict, an error at the end of the file; else zeros, and the MCUs since then are counted."""
    scan = scan_of("sequential", height=64, width=64)
    arrays = random_arrays(scan, 5, 0.3)
    data = coder(scan, backend).encode(scan, arrays)[:200]
    found = known(scan, arrays, before=True)
    status, progress = decoded(scan, data, backend, found)
    assert (status, progress.position) == (Status.PREMATURE_END, 200)
    found = known(scan, arrays, before=True)
    status, progress = decoded(scan, data, backend, found, strict=False)
    assert (status, progress.starved_at, progress.last_fed) == (Status.DONE, 200, 63)
    first = 64 - progress.starved_mcus
    assert 0 < first < 64
    assert np.array_equal(found[0].reshape(64, 64)[: first - 1], arrays[0].reshape(64, 64)[: first - 1])


def spoiled_interval() -> tuple[Scan, list[Array], bytes]:
    """Return a scan of four intervals; in the second, block 1 has a run past its end."""
    scan = scan_of("sequential", height=8, width=96, interval=3)
    arrays = random_arrays(scan, 6)
    parts = coder(scan, BACKENDS[0]).encode(scan, arrays).split(b"\xff\xd0", 1)
    second, bins = Encoder(), Bins(245)
    dc = Bins(49)
    encode_difference(second, dc, 0, 20, 5)
    second.code(bins, 0, 1)
    encode_difference(second, dc, 12, 20, 2)
    second.code(bins, 0, 0)
    second.code(bins, 1, 1)
    second.code_fixed(1)
    second.code(bins, 2, 0)
    second.code(bins, 3, 0)
    for k in range(2, 64):
        second.code(bins, 3 * k - 2, 0)
    third = parts[1].index(b"\xff\xd1")
    return scan, arrays, parts[0] + b"\xff\xd0" + second.flush() + parts[1][third:] + EOI


def test_f24_decisions_that_are_no_value(backend: str) -> None:
    """Strict: an error in that MCU. Else as libjpeg: the rest of the interval stays, the next one is read."""
    scan, arrays, data = spoiled_interval()
    status, progress = decoded(scan, data, backend, known(scan, arrays, before=True))
    assert (status, progress.mcu) == (Status.BAD_CODE, 4)
    assert data[: progress.position + 1].count(b"\xff\xd1") == 0
    found = known(scan, arrays, before=True)
    status, progress = decoded(scan, data, backend, found, strict=False)
    assert (status, progress.bad_codes, progress.starved_mcus) == (Status.DONE, 1, 0)
    assert progress.last_fed == 11
    zz = found[0].reshape(12, 64)[:, tables.NATURAL_INDEX]
    assert zz[3:6, :4].tolist() == [[5, 0, 0, 0], [7, -1, 0, 0], [0, 0, 0, 0]]
    original = arrays[0].reshape(12, 64)[:, tables.NATURAL_INDEX]
    assert np.array_equal(zz[:3], original[:3])
    assert np.array_equal(zz[6:], original[6:])


def test_coefficients_wrap_to_16_bits(backend: str) -> None:
    """Damaged files only: 32768 + 32768 is stored as 0, an AC coefficient 32768 as −32768, as by libjpeg."""
    scan = scan_of("sequential", height=8, width=16)
    wild, dc, ac = Encoder(), Bins(49), Bins(245)
    encode_difference(wild, dc, 0, 20, 32768)
    for s, decision in ((0, 0), (1, 1)):
        wild.code(ac, s, decision)
    wild.code_fixed(0)
    for s in (2, 2, *range(189, 202)):
        wild.code(ac, s, 1)
    wild.code(ac, 202, 0)
    for _ in range(14):
        wild.code(ac, 216, 1)
    wild.code(ac, 3, 1)
    encode_difference(wild, dc, 12, 20, 32768)
    wild.code(ac, 0, 1)
    found = [np.zeros((1, 2, 8, 8), np.int16)]
    assert decoded(scan, wild.flush() + EOI, backend, found)[0] == Status.DONE
    assert found[0][0, :, 0, :2].tolist() == [[-32768, -32768], [0, 0]]


def test_a_wrong_restart_marker_and_fill_bytes_cost_no_time(backend: str) -> None:
    """Many intervals without data behind a long row of fill bytes: the work is bounded by both, added."""
    scan = scan_of("DC refined", height=8, width=8 * 3000, interval=1)
    data = b"\xff" * 100_000 + b"\xd9"
    found = [np.zeros((1, 3000, 8, 8), np.int16)]
    status, progress = decoded(scan, data, backend, found, strict=False)
    assert (status, progress.mcu) == (Status.BAD_RESTART, 1)
    resynchronise(data, scan, progress)
    assert coder(scan, backend).decode(data, scan, found, progress, False) == Status.DONE
    assert (progress.position, progress.mcu, progress.bad_codes) == (99_999, 3000, 0)


def test_the_error_names_the_scan(backend: str, kodak: Any) -> None:
    """A file whose scan has a byte too many: `FormatError` with the offset of that byte."""
    picture = kodak["kodim05"][:32, :32]
    data = peers.cjpeg(picture, "-arithmetic", "-grayscale")
    with pytest.raises(FormatError) as caught:
        read(data[:-2] + b"\x12\x34\x56" + EOI, backend)
    assert caught.value.offset in range(len(data) - 2, len(data) + 1)
