"""Lossless transforms against jpegtran: coefficients, and whole files where the headers allow."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from itertools import product
from typing import Any

import codec_data
import jpeg_peers as peers
import jpeg_pictures as pictures
import numpy as np
import pytest
from jpeg_cases import Tally, attempt

from jpeg_from_scratch import JpegData, decode, read, write
from jpeg_from_scratch.huffman import HuffmanSpec
from jpeg_from_scratch.jpeg_data import (
    AppData,
    FrameComponent,
    FrameHeader,
    HuffmanTables,
    NumberOfLines,
    QuantizationTable,
    QuantizationTables,
    RestartInterval,
    ScanComponent,
    ScanHeader,
    Segment,
)
from jpeg_from_scratch.orientation import exif_orientation, oriented, set_orientation
from jpeg_from_scratch.transform import crop, flip, rotate, transpose, transverse, upright

Operation = Callable[..., JpegData]

SWITCHES: dict[str, tuple[tuple[str, ...], Operation]] = {
    "flip horizontal": (("-flip", "horizontal"), lambda data, **rest: flip(data, "horizontal", **rest)),
    "flip vertical": (("-flip", "vertical"), lambda data, **rest: flip(data, "vertical", **rest)),
    "rotate 90": (("-rotate", "90"), lambda data, **rest: rotate(data, 90, **rest)),
    "rotate 180": (("-rotate", "180"), lambda data, **rest: rotate(data, 180, **rest)),
    "rotate 270": (("-rotate", "270"), lambda data, **rest: rotate(data, 270, **rest)),
    "transpose": (("-transpose",), lambda data, edges="", **rest: transpose(data, **rest)),
    "transverse": (("-transverse",), lambda data, **rest: transverse(data, **rest)),
}
BY_ORIENTATION = dict(
    enumerate(
        (
            "flip horizontal",
            "rotate 180",
            "flip vertical",
            "transpose",
            "rotate 90",
            "transverse",
            "rotate 270",
        ),
        2,
    )
)
FACTORS = (
    "1x1,1x1,1x1",
    "2x2,1x1,1x1",
    "2x1,1x1,1x1",
    "1x2,1x1,1x1",
    "4x1,1x1,1x1",
    "2x2,2x1,1x2",
    "1x1,2x2,1x1",
)
SIZES = ((48, 64), (33, 47), (16, 32), (50, 31), (40, 17))


@pytest.fixture(scope="module")
def jpegtran() -> Callable[..., bytes]:
    """Return a function that runs libjpeg-turbo's jpegtran on a file."""
    program = shutil.which("jpegtran")
    if program is None:
        pytest.skip("the program jpegtran is not installed (Debian: libjpeg-turbo-progs)")

    def run(data: bytes, *switches: str) -> bytes:
        command = [program, "-copy", "all", *switches]
        return subprocess.run(command, input=data, capture_output=True, check=True).stdout

    return run


def edge_switches(edges: str) -> tuple[str, ...]:
    """Return jpegtran's switches for our `edges`."""
    return {"trim": ("-trim",), "perfect": ("-perfect",), "keep": ()}[edges]


def files() -> Iterator[tuple[str, bytes]]:
    """Yield baseline files of cjpeg: sizes × sampling factors, grey, and odd tables."""
    for (height, width), factors in product(SIZES, FACTORS):
        image = pictures.piece(height, width)
        yield f"{height}×{width} {factors}", peers.cjpeg(image, "-quality", "80", "-sample", factors)
    for height, width in SIZES:
        image = pictures.grey(pictures.piece(height, width))
        yield f"{height}×{width} grey", peers.cjpeg(image)
        yield f"{height}×{width} grey 2x2", peers.cjpeg(image, "-sample", "2x2")


def same(ours: JpegData, theirs: JpegData) -> bool:
    """Whether two files have the same frame, quantisation tables and coefficients."""
    return (
        replace(ours.frame, marker=0) == replace(theirs.frame, marker=0)
        and ours.quantization_tables() == theirs.quantization_tables()
        and all(map(np.array_equal, ours.coefficients, theirs.coefficients))
    )


def check_whole_file(tally: Tally, name: str, ours: Any, theirs: bytes) -> None:
    """Compare the file that `ours`, a `JpegData` or an exception, is written as."""
    tally.check(name, attempt(partial(write, ours)) if isinstance(ours, JpegData) else ours, theirs)


@pytest.mark.parametrize("name", SWITCHES)
def test_whole_files_equal_jpegtran(
    name: str, jpegtran: Callable[..., bytes], count: Callable[[str], None]
) -> None:
    """Baseline files with typical tables: not a byte differs, whatever is done about the edges."""
    switches, operation = SWITCHES[name]
    tally = Tally(f"jpegtran, whole files, {name}")
    for file, data in files():
        source = read(data)
        for edges in ("keep", "trim"):
            ours = attempt(partial(operation, source, edges=edges))
            if isinstance(ours, ValueError) and "nothing is left" in str(ours):
                continue  # jpegtran leaves such an edge as it is
            check_whole_file(tally, f"{file} {edges}", ours, jpegtran(data, *switches, *edge_switches(edges)))
    count(tally.line())
    assert not tally.different, tally.report()
    assert tally.tried > 70


@pytest.mark.parametrize("process", ["optimized", "progressive", "arithmetic", "arithmetic progressive"])
def test_other_processes_equal_jpegtran(
    process: str, jpegtran: Callable[..., bytes], count: Callable[[str], None]
) -> None:
    """The process stays; tables made for the old order of blocks are made anew."""
    kind = {
        "optimized": ("-optimize",),
        "progressive": ("-progressive",),
        "arithmetic": ("-arithmetic",),
        "arithmetic progressive": ("-arithmetic", "-progressive"),
    }[process]
    tally = Tally(f"jpegtran, {process}")
    for factors, (name, (switches, operation)) in product(("2x2,1x1,1x1", "1x1,1x1,1x1"), SWITCHES.items()):
        data = peers.cjpeg(pictures.piece(50, 41), *kind, "-sample", factors)
        ours = attempt(partial(operation, read(data), edges="keep"))
        check_whole_file(tally, f"{name} {factors}", ours, jpegtran(data, *kind, *switches))
    count(tally.line())
    assert not tally.different, tally.report()
    assert tally.tried == 2 * len(SWITCHES)


def test_scans_of_one_component(jpegtran: Callable[..., bytes]) -> None:
    """Nothing is interleaved, so nothing is put into the padding of MCUs."""
    data = peers.cjpeg(pictures.piece(30, 41), scans="2;0;1;")
    for switches, operation in SWITCHES.values():
        turned = operation(read(data), edges="keep")
        assert same(turned, read(jpegtran(data, *switches)))
        assert read(write(turned)) == turned


def test_restart_interval_stays(jpegtran: Callable[..., bytes]) -> None:
    """In MCUs, as the file has it; jpegtran has to be told."""
    data = peers.cjpeg(pictures.piece(48, 64), "-restart", "3B", "-optimize")
    for name, (switches, operation) in SWITCHES.items():
        turned = operation(read(data))
        assert RestartInterval(3) in turned.segments
        assert write(turned) == jpegtran(data, *switches, "-restart", "3B", "-optimize"), name


CROPS = ((0, 0, 50, 41), (0, 0, 10, 10), (16, 16, 20, 20), (17, 31, 33, 10), (49, 40, 1, 1), (8, 0, 16, 41))


def test_crop_equals_jpegtran(jpegtran: Callable[..., bytes], count: Callable[[str], None]) -> None:
    """Regions on and off the grid of MCUs, to the edges and within."""
    tally = Tally("jpegtran, crop")
    image = pictures.piece(50, 41)
    sources = {factors: peers.cjpeg(image, "-sample", factors) for factors in FACTORS}
    sources["grey 2x2"] = peers.cjpeg(pictures.grey(image), "-sample", "2x2")
    sources["optimized"] = peers.cjpeg(image, "-optimize")
    for (name, data), (top, left, height, width) in product(sources.items(), CROPS):
        switches = ["-crop", f"{width}x{height}+{left}+{top}", *(["-optimize"] * (name == "optimized"))]
        ours = attempt(partial(crop, read(data), top, left, height, width))
        check_whole_file(tally, f"{name} {top, left, height, width}", ours, jpegtran(data, *switches))
    count(tally.line())
    assert not tally.different, tally.report()
    assert tally.tried == len(sources) * len(CROPS)


def test_corpus_coefficients_equal_jpegtran(
    jpegtran: Callable[..., bytes], jpeg_manifest: list[dict[str, Any]], count: Callable[[str], None]
) -> None:
    """Other people's files, of all DCT processes of 8 bits: one transform each, all in turn."""
    tally = Tally("jpegtran, corpus")
    wanted = [
        entry
        for entry in jpeg_manifest
        if entry["kind"] == "valid"
        and entry["features"]["sof"] in (0, 1, 2, 9, 10)
        and entry["features"]["precision"] == 8
        and entry["features"]["width"] * entry["features"]["height"] <= 300_000
        and entry["ref"].get("coef_sha256")
    ]
    names = list(SWITCHES)
    for i, entry in enumerate(wanted):
        data = codec_data.jpeg_file(entry)
        switches, operation = SWITCHES[names[i % len(names)]]
        theirs = read(jpegtran(data, *switches))
        ours = attempt(partial(operation, read(data), edges="keep"))
        tally.tried += 1
        if not isinstance(ours, JpegData) or not same_blocks(ours, theirs):
            tally.different.append(f"{entry['name']} {' '.join(switches)}: {ours!r:.300}")
        elif not same_blocks(read(write(ours)), theirs):
            tally.different.append(f"{entry['name']} {' '.join(switches)}: written and read again")
    count(tally.line())
    assert not tally.different, tally.report()
    assert tally.tried > 200


def same_blocks(ours: JpegData, theirs: JpegData) -> bool:
    """Whether what can be seen is the same: size, factors, coefficients without the padding of MCUs."""
    if (ours.frame.height, ours.frame.width) != (theirs.frame.height, theirs.frame.width):
        return False
    for i in range(len(ours.frame.components)):
        rows, columns = ours.block_shape(i)
        if not np.array_equal(ours.coefficients[i][:rows, :columns], theirs.coefficients[i][:rows, :columns]):
            return False
    return len(ours.coefficients) == len(theirs.coefficients)


# What the transforms mean, with nobody's help


def steps(destination: int, values: Any, precision: int = 0) -> QuantizationTable:
    """Return a quantisation table."""
    return QuantizationTable(destination, precision, tuple(int(v) for v in np.ravel(values)))


def made_up(height: int, width: int, factors: tuple[tuple[int, int], ...], seed: int = 0) -> JpegData:
    """Return data of random coefficients; `factors` are (h, v)."""
    rng = np.random.default_rng((seed, height, width))
    components = tuple(FrameComponent(i + 1, h, v, 0) for i, (h, v) in enumerate(factors))
    frame = FrameHeader(0xC0, 8, height, width, components)
    scan = ScanHeader(tuple(ScanComponent(i, 0, 0) for i in range(len(factors))))
    coefficients = [
        rng.integers(-60, 60, (*frame.padded_block_shape(i), 8, 8)).astype(np.int16)
        for i in range(len(factors))
    ]
    table = QuantizationTables((steps(0, 3 + np.arange(64)),))
    return JpegData([table, frame, scan], coefficients)


@pytest.mark.parametrize("factors", [((1, 1),), ((2, 1), (1, 1)), ((2, 2), (1, 2), (1, 1))])
def test_laws_of_the_square(factors: tuple[tuple[int, int], ...]) -> None:
    """Each transform done by others: the group of the square, on whole MCUs."""
    data = made_up(64, 96, factors)
    shapes = [array.shape for array in data.coefficients]
    assert rotate(rotate(data, 90), 270).coefficients[0].shape == shapes[0]

    def chain(*names: str) -> JpegData:
        done = data
        for name in names:
            done = SWITCHES[name][1](done)
        return done

    nothing = chain("flip horizontal", "flip horizontal")
    assert all(map(np.array_equal, nothing.coefficients, data.coefficients))
    assert chain("flip vertical", "flip vertical") == nothing
    assert chain(*["rotate 90"] * 4) == nothing
    assert chain("transpose", "transpose") == nothing
    assert chain("transverse", "transverse") == nothing
    assert chain("flip horizontal", "flip vertical") == chain("rotate 180")
    assert chain("transpose", "flip horizontal") == chain("rotate 90")
    assert chain("transpose", "flip vertical") == chain("rotate 270")
    assert chain("rotate 180", "transpose") == chain("transverse")
    assert chain("rotate 90") != chain("rotate 270")


@pytest.mark.parametrize("orientation", range(2, 9))
def test_pixels_are_turned(orientation: int) -> None:
    """Turned blocks decode to turned pixels, but for the rounding of rows after columns."""
    image = pictures.grey(pictures.photograph()[:80, :112])
    data = read(peers.cjpeg(image, "-quality", "95"))
    turned = decode(write(SWITCHES[BY_ORIENTATION[orientation]][1](data)))
    expected = oriented(decode(write(data)), orientation)
    assert turned.shape == expected.shape
    assert np.abs(turned.astype(int) - expected).max() <= 1


def test_one_coefficient() -> None:
    """Where a coefficient of odd u and even v goes, and when it changes its sign."""
    data = made_up(16, 24, ((1, 1),))
    data.coefficients[0][:] = 0
    data.coefficients[0][0, 2, 4, 1] = 9  # row 0, column 2, v = 4, u = 1
    places = {
        "flip horizontal": ((0, 0, 4, 1), -9),
        "flip vertical": ((1, 2, 4, 1), 9),
        "rotate 90": ((2, 1, 1, 4), 9),
        "rotate 180": ((1, 0, 4, 1), -9),
        "rotate 270": ((0, 0, 1, 4), -9),
        "transpose": ((2, 0, 1, 4), 9),
        "transverse": ((0, 1, 1, 4), -9),
    }
    for name, (place, value) in places.items():
        turned = SWITCHES[name][1](data).coefficients[0]
        assert turned[place] == value, name
        assert np.count_nonzero(turned) == 1, name


def test_quantisation_tables_and_factors_change_places() -> None:
    """A step for (v, u) becomes that for (u, v), of 16 bits too; h and v of each component are exchanged."""
    data = made_up(33, 65, ((2, 1), (1, 1)))
    wide = steps(0, 300 + np.arange(64), precision=1)
    data.segments[0] = QuantizationTables((wide, steps(2, np.arange(1, 65))))
    turned = transpose(data)
    tables = next(s for s in turned.segments if isinstance(s, QuantizationTables)).tables
    assert np.array_equal(tables[0].array(), wide.array().T)
    assert np.array_equal(tables[1].array(), np.arange(1, 65).reshape(8, 8).T)
    assert (tables[0].precision, tables[1].destination) == (1, 2)
    assert (turned.frame.height, turned.frame.width) == (65, 33)
    assert [(c.h_samp, c.v_samp) for c in turned.frame.components] == [(1, 2), (1, 1)]
    flipped = flip(data, "vertical", edges="keep")
    assert flipped.segments[0] == data.segments[0]
    assert flipped.frame == data.frame


def test_the_source_is_not_changed() -> None:
    """Neither its segments nor its arrays."""
    data = read(peers.cjpeg(pictures.piece(32, 48)))
    before = JpegData(list(data.segments), [array.copy() for array in data.coefficients])
    for _, operation in SWITCHES.values():
        operation(data)
    turned = crop(data, 0, 0, 20, 20)
    turned.coefficients[0][:] = 1
    assert data == before


# Edges


def test_partial_mcus_are_refused_by_default() -> None:
    """Only where they would have to go to the left or to the top; the message names the way out."""
    wide, tall = made_up(32, 33, ((2, 2), (1, 1))), made_up(33, 32, ((2, 2), (1, 1)))
    refused = {
        "wide": ["flip horizontal", "rotate 180", "rotate 270", "transverse"],
        "tall": ["flip vertical", "rotate 90", "rotate 180", "transverse"],
    }
    for data, names in ((wide, refused["wide"]), (tall, refused["tall"])):
        for name, (_, operation) in SWITCHES.items():
            if name not in names:
                assert operation(data).coefficients
                continue
            with pytest.raises(ValueError, match=r'33 is no multiple of 16.*edges="trim".*edges="keep"'):
                operation(data)
            trimmed = operation(data, edges="trim").frame
            assert (trimmed.height, trimmed.width) == (32, 32)


def test_less_than_an_mcu_can_not_be_trimmed() -> None:
    """An empty picture is none."""
    data = made_up(15, 64, ((2, 2), (1, 1)))
    with pytest.raises(ValueError, match="nothing is left"):
        flip(data, "vertical", edges="trim")
    assert flip(data, "horizontal", edges="trim").frame.height == 15


def test_one_component_has_mcus_of_one_block() -> None:
    """Factors of 2×2 are no obstacle for a component alone; they become 1×1, as with jpegtran."""
    data = made_up(24, 40, ((2, 2),))
    turned = rotate(data, 180)
    assert turned.frame.components[0].h_samp == turned.frame.components[0].v_samp == 1
    assert turned.coefficients[0].shape == (3, 5, 8, 8)


# Segments


def test_a_dnl_segment_is_dissolved() -> None:
    """Its height goes into the frame header."""
    data = made_up(20, 30, ((1, 1),))
    frame = data.segments[1]
    assert isinstance(frame, FrameHeader)
    data.segments[1] = replace(frame, height=0)
    data.segments.append(NumberOfLines(20))
    turned = transpose(data)
    assert not [segment for segment in turned.segments if isinstance(segment, NumberOfLines)]
    assert (turned.segments[1].height, turned.segments[1].width) == (30, 20)  # type: ignore[union-attr]


def tables_of(data: JpegData) -> list[HuffmanSpec]:
    """Return all Huffman tables in file order."""
    return [
        table.spec
        for segment in data.segments
        if isinstance(segment, HuffmanTables)
        for table in segment.tables
    ]


def test_k3_typical_tables_stay_and_others_are_made_anew() -> None:
    """A table for the old order of blocks may lack a code for the new one."""
    image = pictures.piece(48, 48)
    typical, optimized = read(peers.cjpeg(image)), read(peers.cjpeg(image, "-optimize"))
    assert tables_of(rotate(typical, 90)) == tables_of(typical)
    turned = rotate(optimized, 90)
    assert len(tables_of(turned)) == 4
    assert tables_of(turned) != tables_of(optimized)
    assert read(write(turned)).coefficients[0].any()


def test_typical_tables_that_lack_a_code_are_replaced() -> None:
    """DC differences of category 12 and more, which the tables of K.3 do not have."""
    data = made_up(8, 24, ((1, 1),))
    data.coefficients[0][0, :, 0, 0] = 3000, 2990, 0
    with pytest.raises(ValueError, match="no code"):
        write(data)
    turned = flip(data, "horizontal")
    assert read(write(turned)).coefficients[0][0, :, 0, 0].tolist() == [0, 2990, 3000]


TIFF = (
    b"MM\0*\0\0\0\x08"
    b"\0\x02"  # two entries: Orientation, and the Exif directory at byte 38
    b"\x01\x12\0\x03\0\0\0\x01\0\x06\0\0"
    b"\x87\x69\0\x04\0\0\0\x01\0\0\0\x26"
    b"\0\0\0\0"
    b"\0\x02"  # ExifImageWidth as a SHORT, ExifImageHeight as a LONG
    b"\xa0\x02\0\x03\0\0\0\x01\0\x31\0\0"
    b"\xa0\x03\0\x04\0\0\0\x01\0\0\0\x20"
    b"\0\0\0\0"
)


def exif_of(data: JpegData) -> bytes:
    """Return the payload of APP1."""
    return next(
        segment.payload for segment in data.segments if isinstance(segment, AppData) and segment.n == 1
    )


def test_exif_size_as_jpegtran(jpegtran: Callable[..., bytes]) -> None:
    """Both tags are corrected to the new size; jpegtran does so where Exif is the first segment."""
    data = peers.cjpeg(pictures.piece(32, 49))
    segment = b"\xff\xe1" + (len(TIFF) + 8).to_bytes(2, "big") + b"Exif\0\0" + TIFF
    data = data[:2] + segment + data[20:]  # in the place of JFIF
    for name, (switches, operation) in SWITCHES.items():
        for edges in ("keep", "trim"):
            theirs = jpegtran(data, *switches, *edge_switches(edges))
            ours = operation(read(data), edges=edges)
            if (ours.frame.height, ours.frame.width) == (32, 49):
                continue  # jpegtran does not touch Exif where the size stays; ours makes a LONG of the SHORT
            assert write(ours) == theirs, (name, edges)
    assert exif_orientation(exif_of(rotate(read(data), 90))) == 6
    assert exif_orientation(exif_of(rotate(read(data), 90, reset_orientation=True))) == 1


@pytest.mark.parametrize("orientation", range(1, 9))
def test_upright(orientation: int) -> None:
    """What Exif states is done, and then stated no more; a second time nothing happens."""
    data = read(peers.cjpeg(pictures.piece(32, 48)))
    segment: Segment = AppData(1, b"Exif\0\0" + set_orientation(b"", orientation))
    data.segments.insert(1, segment)
    turned = upright(data)
    assert exif_orientation(exif_of(turned)) == 1
    if orientation > 1:
        expected = SWITCHES[BY_ORIENTATION[orientation]][1](data, reset_orientation=True)
        assert turned == expected
    assert upright(turned) == turned
    assert same(upright(read(peers.cjpeg(pictures.piece(32, 48)))), read(peers.cjpeg(pictures.piece(32, 48))))


# A caller's mistakes


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda data: rotate(data, 45), "degrees=45, allowed are 90, 180 and 270"),
        (lambda data: rotate(data, 0), "degrees=0"),
        (lambda data: flip(data, "sideways"), "direction='sideways'"),
        (lambda data: flip(data, "vertical", edges="drop"), "edges='drop'"),
        (lambda data: crop(data, 0, 0, 33, 1), "the region is not inside the 32 samples"),
        (lambda data: crop(data, 0, 48, 1, 1), "left, width = 48, 1"),
        (lambda data: crop(data, -1, 0, 1, 1), "-1"),
        (lambda data: crop(data, 0, 0, 0, 1), "0"),
        (lambda data: crop(data, 0, 47, 1, 2), "not inside the 48"),
    ],
)
def test_bad_arguments(call: Callable[[JpegData], JpegData], message: str) -> None:
    """A `ValueError` that says what is allowed."""
    with pytest.raises(ValueError, match=message):
        call(made_up(32, 48, ((2, 1), (1, 1))))


@pytest.mark.parametrize("marker", [0xC3, 0xCB])
def test_lossless_processes_are_refused(marker: int) -> None:
    """They have no blocks; the message says what to do instead."""
    frame = FrameHeader(marker, 8, 8, 8, (FrameComponent(1, 1, 1, 0),))
    data = JpegData([frame, ScanHeader((ScanComponent(0, 0, 0),), 1, 0)], [], [np.zeros((8, 8), np.uint16)])
    for call in (transpose, partial(rotate, degrees=90), partial(crop, top=0, left=0, height=1, width=1)):
        with pytest.raises(ValueError, match="only DCT processes"):
            call(data)


def test_parts_that_do_not_fit_are_refused() -> None:
    """Arrays of another size than the frame header's, and no frame header at all."""
    data = made_up(32, 48, ((2, 1), (1, 1)))
    data.coefficients[1] = data.coefficients[1][:1]
    with pytest.raises(ValueError, match="coefficients have shapes"):
        transpose(data)
    with pytest.raises(ValueError, match="no frame header"):
        transpose(JpegData())
