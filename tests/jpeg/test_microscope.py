"""What is where in a file: parts that are the whole file, for every coding process, and their words."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import codec_data
import jpeg_bad_files as bad_files
import jpeg_cases as cases
import jpeg_peers as peers
import jpeg_pictures as pictures
import jpeg_surgery as surgery
import numpy as np
import pytest
from jpeg_surgery import APP0, COM, DHT, DQT, DRI, EOI, SOF0, SOI, SOS, Part

from jpeg_from_scratch import FormatError
from jpeg_from_scratch.microscope import FilePart, describe, file_parts
from jpeg_from_scratch.tables import MARKER_NAMES

CODES = {name: code for code, name in MARKER_NAMES.items()}
COLOUR = pictures.synthetic(24, 40, seed=8)


def assert_tiles(data: bytes) -> list[FilePart]:
    """Check that parts follow each other through the whole file, with nothing but fill bytes between them.

    And that a marker with the part's name stands at its offset.
    """
    parts = list(file_parts(data))
    position = 0
    for part in parts:
        assert not data[position : part.offset].strip(b"\xff"), f"{part.name} leaves bytes out"
        if part.name not in ("data", "trailer"):
            marker = data[part.offset : part.offset + 2]
            assert marker == bytes([0xFF, CODES[part.name]]), part
        position = part.offset + part.length
    assert position == len(data)
    assert parts[0] == FilePart(0, 2, "SOI", "start of image")
    return parts


def words_of(data: bytes, name: str, which: int = 0) -> str:
    """Return the words of one part."""
    return [part for part in file_parts(data) if part.name == name][which].words


def small_file(*middle: Part, trailer: bytes = b"") -> bytes:
    """Return a file of one grey block with other parts after SOI."""
    frame = surgery.sof(8, 8, [(1, 1, 1, 0)])
    scan = surgery.sos([(1, 0, 0)], surgery.entropy_bits("00"))
    tail = [surgery.dqt([1] * 64), frame, bad_files.SIMPLE_DC, bad_files.SIMPLE_AC, scan, Part(EOI)]
    return surgery.join([Part(SOI), *middle, *tail], trailer)


# Every part of every kind of file


@pytest.mark.parametrize("name", bad_files.sound_files())
def test_parts_of_sound_files(name: str) -> None:
    """The parts are those that `split` of the tests' own finds, and the data in between."""
    data = bad_files.sound_files()[name]
    expected = []
    for part in surgery.split(data)[0]:
        length = len(bytes(part)) - len(part.entropy)
        expected.append((part.offset, length, MARKER_NAMES[part.marker]))
        if part.marker == SOS:
            expected.append((part.offset + length, len(part.entropy), "data"))
    assert [(part.offset, part.length, part.name) for part in assert_tiles(data)] == expected


@pytest.mark.parametrize("name", [n for n in bad_files.odd_but_sound_files() if "EOI missing" not in n])
def test_parts_of_odd_files(name: str) -> None:
    """Fill bytes, trailers, TEM, 16-bit tables …"""
    assert_tiles(bad_files.odd_but_sound_files()[name][0])


@pytest.mark.parametrize("name", bad_files.unsupported_files())
def test_files_that_are_not_decoded_are_described(name: str) -> None:
    """Other processes, 12 bits, four components: the frame is named all the same."""
    data, word = bad_files.unsupported_files()[name]
    parts = assert_tiles(data)
    frame = next(part for part in parts if part.name.startswith("SOF"))
    words = (word, "hierarchical") if word == "differential" else (word,)
    assert any(w in frame.words for w in words), frame.words
    assert frame.words.split(";")[0] in describe(data, name).splitlines()[0]


def test_a_progressive_file() -> None:
    """Ten scans by Pillow, each with its band and bits."""
    data = peers.pillow_encode(COLOUR, progressive=True)
    parts = assert_tiles(data)
    scans = [part.words for part in parts if part.name == "SOS"]
    assert len(scans) == sum(part.name == "data" for part in parts) == 10
    assert scans[0] == "components 1 (DC 0, AC 0), 2 (DC 1, AC 0), 3 (DC 1, AC 0); Ss 0, Se 0, Ah 0, Al 1"
    assert scans[1].endswith("; Ss 1, Se 5, Ah 0, Al 2")
    assert "40 × 24, 8 bit, 3 components 4:2:0, progressive DCT (SOF2)" in describe(data)


@pytest.mark.parametrize(("switch", "process"), [((), "SOF9"), (("-progressive",), "SOF10")])
def test_an_arithmetic_file(cjpeg: str, switch: tuple[str, ...], process: str) -> None:
    """By cjpeg; there are no Huffman tables in it."""
    data = peers.cjpeg(COLOUR, "-arithmetic", *switch)
    names = [part.name for part in assert_tiles(data)]
    assert process in names
    assert "DHT" not in names
    assert f"with arithmetic coding ({process})" in describe(data)


@pytest.mark.big
def test_every_valid_file_of_the_corpus(
    jpeg_manifest: list[dict[str, Any]], count: Callable[[str], None]
) -> None:
    """Files of every process: the parts tile each, and the headline has its size and precision."""
    tally = cases.Tally("microscope, corpus: parts tile the file")
    for entry in jpeg_manifest:
        features = entry["features"]
        if entry["kind"] != "valid" or not features["eoi"]:
            continue
        data = codec_data.jpeg_file(entry)
        tally.tried += 1
        try:
            assert_tiles(data)
            headline = describe(data).splitlines()[0]
            if features["sof"] is not None:  # an abbreviated file (B.5) has tables only
                assert f", {features['width']} × " in headline, headline
                assert f" {features['precision']} bit, " in headline, headline
        except (AssertionError, FormatError) as error:
            tally.different.append(f"{entry['name']}: {type(error).__name__}: {str(error)[:200]}")
    count(tally.line())
    assert tally.tried > 0
    assert not tally.different, tally.report()


# Trailers and restarts


@pytest.mark.parametrize("trailer", [b"\0", b"\xff\xd8\xff\xd9", b"\xff", bytes(1000)])
def test_what_follows_eoi_is_a_trailer(trailer: bytes) -> None:
    """One part, whatever is in it, and counted apart from headers."""
    data = small_file(trailer=trailer)
    *_, eoi, last = assert_tiles(data)
    assert eoi.name == "EOI"
    assert (last.offset, last.length, last.name) == (len(data) - len(trailer), len(trailer), "trailer")
    assert describe(data).endswith(f", after EOI {len(trailer):,}")
    assert "after EOI" not in describe(data[: last.offset])


def test_restart_markers_are_counted() -> None:
    """They belong to the data."""
    data = bad_files.sound_files()["restarts"]  # 2 × 3 MCUs, an interval of 1
    assert words_of(data, "data") == "5 restart markers"
    assert words_of(data, "DRI") == "a restart marker every 1 MCUs"
    assert words_of(small_file(Part(DRI, b"\0\0")), "DRI") == "no restart markers"
    assert words_of(small_file(), "data") == ""


def test_data_end_before_the_fill_bytes_of_the_next_marker() -> None:
    """Stuffed zeros and restart markers are stepped over, also behind fill bytes."""
    entropy = b"\x12\xff\x00\x34\xff\xd0\x56\xff\xff\xd1\x78\xff\xff\x00\x9a"
    scan = surgery.sos([(1, 0, 0)], entropy)
    data = surgery.join([Part(SOI), surgery.sof(8, 8, [(1, 1, 1, 0)]), scan, Part(EOI, fill=3)])
    part = next(part for part in file_parts(data) if part.name == "data")
    assert data[part.offset :].startswith(entropy)
    assert part.words == "2 restart markers"
    assert not data[part.offset + len(entropy) : part.offset + part.length].strip(b"\xff")
    assert_tiles(data)


# Words


def test_describe_is_a_table_with_sums() -> None:
    """A headline, a line for each part with offset and length, and the sums in bytes."""
    data = bad_files.sound_files()["4:2:0"]
    lines = describe(data, "photo.jpg").splitlines()
    assert lines[0].startswith(
        f"photo.jpg: {len(data):,} bytes, 40 × 24, 8 bit, 3 components 4:2:0, baseline DCT"
    )
    parts = list(file_parts(data))
    assert len(lines) == 2 + len(parts) + 1
    for part, line in zip(parts, lines[2:-1], strict=True):
        assert line.split()[:3] == [str(part.offset), str(part.length), part.name]
        assert line.endswith(part.words)
    coded = sum(part.length for part in parts if part.name == "data")
    share = f"{coded / len(data):.1%}"
    expected = f"entropy-coded data {coded:,} bytes ({share}), markers and headers {len(data) - coded:,}"
    assert lines[-1] == expected


@pytest.mark.parametrize(
    ("segment", "words"),
    [
        (Part(APP0, b"JFIF\0\x01\x02\x01\x00\x48\x01\x2c\0\0"), "JFIF 1.02, density 72×300 (per inch)"),
        (Part(APP0, b"JFIF\0\x01\x01\x00\x00\x01\x00\x01\0\0"), "JFIF 1.01, density 1×1 (no unit)"),
        (Part(APP0, b"JFIF\0\x01\x01\x02\x00\x01\x00\x01\0\0"), "JFIF 1.01, density 1×1 (per cm)"),
        (Part(APP0, b"JFIF\0\x01\x01\x09\x00\x01\x00\x01\0\0"), "JFIF 1.01, density 1×1 (unknown unit)"),
        (Part(0xEE, b"Adobe\0\x64\0\0\0\0\x02"), "Adobe, colour transform 2"),
        (Part(0xE1, b"Exif\0\0" + bytes(1234)), "Exif, 1,234 bytes"),
        (Part(0xE2, b"ICC_PROFILE\0\x02\x05abc"), "ICC profile, part 2 of 5"),
        (Part(0xEB, b"\x01text\xe9"), '"·texté"'),
        (Part(0xEB), '""'),
        (Part(COM, b"x" * 41), '"' + "x" * 40 + '" ... 41 bytes'),
        (Part(COM, b"a\nb\0"), '"a·b·"'),
        (Part(0xDC, b"\0\x08"), "8 lines"),
        (Part(0xCC, b"\0\x10\x11\x05"), "DC table 0: L = 0, U = 1; AC table 1: Kx = 5"),
        (Part(0xDF, b"\x10"), "the reference picture is doubled in width"),
        (Part(0xDF, b"\x11"), "the reference picture is doubled in width and height"),
        (Part(0xF7, b"\x08\0\x08"), "3 bytes"),
        (Part(0x01), ""),
    ],
)
def test_words_of_segments(segment: Part, words: str) -> None:
    """Application data by what they are, and what cannot be printed as a dot."""
    data = small_file(segment)
    name = MARKER_NAMES[segment.marker]
    assert words_of(data, name) == words
    assert_tiles(data)
    assert "\n" not in words_of(data, name)


@pytest.mark.parametrize("quality", [1, 7, 50, 75, 99, 100])
def test_the_quality_is_recognised(quality: int) -> None:
    """By number and steps. Where several qualities have them, as with nothing but 255, the best is named."""
    qualities: dict[bytes, int] = {}
    for q in range(1, 101):
        for part in surgery.having(peers.pillow_encode(COLOUR, quality=q), DQT):
            qualities[part.payload] = q
    data = peers.pillow_encode(COLOUR, quality=quality)
    for i, part in enumerate(surgery.having(data, DQT)):
        assert words_of(data, "DQT", i).endswith(f"(quality {qualities[part.payload]})")
    assert qualities[bytes([0] + [255] * 64)] == 1, "K.1 has a step of 10"
    assert qualities[bytes([1] + [255] * 64)] == 3, "K.2 has no step below 17"


def test_words_of_tables() -> None:
    """Number, width, first row; number of codes and their lengths, and whether they are the typical ones."""
    odd = small_file(surgery.dqt([2, *range(1, 64)], slot=3), Part(DQT, b"\x11" + bytes([1, 0] * 64)))
    assert words_of(odd, "DQT", 0) == "table 3, 8 bit, first row 2 1 5 6 14 15 27 28"
    assert words_of(odd, "DQT", 1) == "table 1, 16 bit, first row " + " ".join(["256"] * 8)
    both = small_file(Part(DQT, bytes([0, *[7] * 64, 1, *[9] * 64])))
    assert words_of(both, "DQT").count("; table 1") == 1
    assert words_of(odd, "DHT", 0) == "DC table 0: 1 code of 1 bit"
    empty = small_file(surgery.dht(1, 3, [], []))
    assert words_of(empty, "DHT") == "AC table 3: 0 codes"
    typical = peers.pillow_encode(COLOUR)
    assert words_of(typical, "DHT", 0) == "DC table 0: 12 codes of 2 ... 9 bits (K.3's typical table)"
    assert words_of(typical, "DHT", 3) == "AC table 1: 162 codes of 2 ... 16 bits (K.3's typical table)"
    own = peers.pillow_encode(COLOUR, optimize=True)
    assert "typical" not in words_of(own, "DHT", 0)


def test_words_of_frames() -> None:
    """Size, components with factors and tables; a name of subsampling where there is one."""
    data = small_file()
    assert (
        words_of(data, "SOF0") == "8 × 8, 8 bit, 1 component, baseline DCT (SOF0); component 1: 1×1, table 0"
    )
    odd = data.replace(
        bytes(surgery.having(data, SOF0)[0]), bytes(surgery.sof(7, 9, [(i, 2, 1, i % 4) for i in range(6)]))
    )
    words = words_of(odd, "SOF0")
    assert words.startswith("9 × 7, 8 bit, 6 components, baseline DCT (SOF0); component 0: 2×1, table 0;")
    assert words.endswith("component 3: 2×1, table 3; 2 more")
    for name, text in (("4:4:4", "1x1"), ("4:2:2", "2x1"), ("4:2:0", "2x2")):
        factors = [tuple(map(int, text.split("x"))), (1, 1), (1, 1)]
        frame = surgery.sof(8, 8, [(i, h, v, 0) for i, (h, v) in enumerate(factors)])
        named = data.replace(bytes(surgery.having(data, SOF0)[0]), bytes(frame))
        assert f"3 components {name}, baseline" in words_of(named, "SOF0")


def test_words_of_scans() -> None:
    """Components with their tables; band and bits only where they are not those of a sequential scan."""
    scans = [part.words for part in file_parts(bad_files.sound_files()["three scans"]) if part.name == "SOS"]
    assert scans == [f"component {i} (DC 0, AC 0)" for i in (1, 2, 3)]
    data = small_file()
    changed = surgery.patched(data, SOS, 2, 0x13, 5, 60, 0x21)
    assert words_of(changed, "SOS") == "component 1 (DC 1, AC 3); Ss 5, Se 60, Ah 2, Al 1"


@pytest.mark.parametrize("marker", [SOF0, SOS])
def test_headers_whose_length_does_not_fit(marker: int) -> None:
    """The microscope shows what it can: such a header is named, and the file goes on."""
    data = small_file()
    part = surgery.having(data, marker)[0]
    for payload in (b"", part.payload[:-1], part.payload + b"\0"):
        changed = data.replace(bytes(part), bytes(Part(marker, payload, part.entropy)))
        assert words_of(changed, MARKER_NAMES[marker]).endswith("with a length that does not fit")
        assert_tiles(changed)


# Damage


STRUCTURE = {
    **dict(bad_files.wrong_lengths()),
    **dict(bad_files.wrong_structure()),
}
# The microscope does not judge whether a file has a picture, how often a header stands there, whether scans
# fit frames, and what application segments say.
DESCRIBED = {
    "two SOI",
    "SOI within",
    "SOI and EOI only",
    "no SOF, hence SOS before SOF",
    "two SOF",
    "no SOS",
    "no tables and no frame",
    "JFIF major version 2",
    "unknown Adobe transform 5",
}


@pytest.mark.parametrize("name", STRUCTURE)
def test_a_damaged_file_is_a_format_error(name: str) -> None:
    """Or it is described to its end, if its segments do follow each other."""
    data = STRUCTURE[name]
    result = cases.attempt(lambda: assert_tiles(data))
    if isinstance(result, FormatError):
        assert name not in DESCRIBED
        assert 0 <= result.offset <= len(data)
        with pytest.raises(FormatError, match=re.escape(str(result))):
            describe(data)
    else:
        assert name in DESCRIBED or "length" in name or "bytes before EOI" in name, result
        assert describe(data).count("\n") == len(result) + 2


def test_every_truncation_point() -> None:
    """Cut anywhere before EOI, the segments do not come to an end."""
    data = small_file(Part(COM, b"comment"), Part(DHT))
    for end in range(len(data)):
        with pytest.raises(FormatError) as caught:
            describe(data[:end])
        assert 0 <= caught.value.offset <= end


def test_random_bytes_are_no_surprise() -> None:
    """A file of noise behind SOI: a `FormatError` or a description, never another error."""
    rng = np.random.default_rng(9)
    described = 0
    for _ in range(500):
        noise = bytearray(rng.integers(0, 256, 200, dtype=np.uint8).tobytes())
        noise[::4] = b"\xff" * 50
        try:
            describe(b"\xff\xd8" + bytes(noise) + b"\xff\xd9")
            described += 1
        except FormatError:
            pass
    assert described < 500
