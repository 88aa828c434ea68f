"""What is where in a file: parts that are the whole file, for every coding process, and their words."""

from __future__ import annotations

import json
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
from jpeg_from_scratch.microscope import FilePart, describe, file_parts, inspect
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


# Every field


def fields_of(data: bytes, name: str, which: int = 0) -> list[tuple[object, ...]]:
    """Return offset from the marker, symbol and value of each field of a segment."""
    segment = [segment for segment in inspect(data).segments if segment.name == name][which]
    return [(field.offset - segment.offset, field.name, field.value) for field in segment.fields]


@pytest.mark.parametrize("name", [*bad_files.sound_files(), *bad_files.unsupported_files()])
def test_segments_are_the_parts_of_the_file(name: str) -> None:
    """Segment for segment those of `file_parts`; the fields of each cover it without a gap."""
    data = {**bad_files.sound_files(), **{n: d for n, (d, _) in bad_files.unsupported_files().items()}}[name]
    inspection = inspect(data)
    assert inspection.size == len(data)
    parts = [(part.offset, part.length, part.name) for part in file_parts(data)]
    assert [(s.offset, s.length, s.name) for s in inspection.segments] == parts
    for segment in inspection.segments:
        assert not segment.problem
        if segment.name in ("data", "trailer", "SOI", "EOI"):
            continue
        assert segment.words
        position = segment.offset + 2
        for field in segment.fields:
            assert field.clause
            assert field.offset == (position - 1 if field.half == "low" else position)
            position += 0 if field.half == "low" else field.length
            if isinstance(field.value, int):
                number = int.from_bytes(data[field.offset : field.offset + field.length])
                shown = {"high": number >> 4, "low": number & 15}.get(field.half, number)
                assert field.value == shown
        assert position == segment.offset + segment.length


def test_fields_of_a_frame_header() -> None:
    """B.2.2 – symbols in the order of Table B.2, half bytes told apart, component sizes by A.1.1."""
    data = small_file().replace(
        bytes(surgery.having(small_file(), SOF0)[0]), bytes(surgery.sof(17, 33, [(1, 2, 2, 0), (7, 1, 1, 3)]))
    )
    symbols = [(2, "Lf", 14), (4, "P", 8), (5, "Y", 17), (7, "X", 33), (9, "Nf", 2)]
    symbols += [(10, "Ci", 1), (11, "Hi", 2), (11, "Vi", 2), (12, "Tqi", 0)]
    symbols += [(13, "Ci", 7), (14, "Hi", 1), (14, "Vi", 1), (15, "Tqi", 3)]
    assert fields_of(data, "SOF0") == symbols
    segment = next(segment for segment in inspect(data).segments if segment.name == "SOF0")
    assert [f.meaning for f in segment.fields if f.name == "Ci"] == [
        "component of 33 × 17 samples",
        "component of 17 × 9 samples",
    ]
    assert {field.clause for field in segment.fields} == {"B.1.1.4", "B.2.2"}


def test_fields_of_other_segments() -> None:
    """Tables B.3 to B.11, each with numbers chosen by hand."""
    data = small_file(
        Part(DRI, b"\x01\x02"),
        Part(0xCC, b"\x13\x07\x02\x31"),
        Part(COM, b"a\x00b"),
        Part(0xDC, b"\x00\x08"),
        Part(0xDF, b"\x10"),
        Part(DHT, bytes([0x11, 1, 2, *[0] * 14, 5, 6, 7])),
        Part(DQT, bytes([0x12]) + b"".join(i.to_bytes(2, "big") for i in range(300, 364))),
    )
    assert fields_of(data, "DRI") == [(2, "Lr", 4), (4, "Ri", 258)]
    conditioning = [(4, "Tc", 1), (4, "Tb", 3), (5, "Cs", 7), (6, "Tc", 0), (6, "Tb", 2), (7, "Cs", 0x31)]
    assert fields_of(data, "DAC") == [(2, "La", 6), *conditioning]
    assert fields_of(data, "COM") == [(2, "Lc", 5), (4, "Cm", '"a·b"')]
    assert fields_of(data, "DNL") == [(2, "Ld", 4), (4, "NL", 8)]
    assert fields_of(data, "EXP") == [(2, "Le", 3), (4, "Eh", 1), (4, "Ev", 0)]
    counts = (1, 2, *[0] * 14)
    huffman = [(4, "Tc", 1), (4, "Th", 1), (5, "Li", counts), (21, "Vi,j", (5, 6, 7))]
    assert fields_of(data, "DHT") == [(2, "Lh", 22), *huffman]
    steps = tuple(range(300, 364))
    assert fields_of(data, "DQT") == [(2, "Lq", 131), (4, "Pq", 1), (4, "Tq", 2), (5, "Qk", steps)]
    scan = [(4, "Ns", 1), (5, "Csj", 1), (6, "Tdj", 0), (6, "Taj", 0), (7, "Ss", 0), (8, "Se", 63)]
    assert fields_of(data, "SOS") == [(2, "Ls", 8), *scan, (9, "Ah", 0), (9, "Al", 0)]


def test_fields_of_application_data() -> None:
    """JFIF, Adobe, Exif and ICC by their own fields; what follows in one piece."""
    jfif = small_file(Part(APP0, b"JFIF\0\x01\x02\x01\0\x48\x01\x2c\x01\x01rgb"))
    names = [
        "Lp",
        "identifier",
        "version",
        "units",
        "Hdensity",
        "Vdensity",
        "HthumbnailA",
        "VthumbnailA",
        "Api",
    ]
    assert [name for _, name, _ in fields_of(jfif, "APP0")] == names
    assert [value for _, _, value in fields_of(jfif, "APP0")][2:] == [258, 1, 72, 300, 1, 1, '"rgb"']
    adobe = small_file(Part(0xEE, b"Adobe\0\x64\x80\0\0\x01\x02"))
    assert [value for _, _, value in fields_of(adobe, "APP14")] == [14, '"Adobe"', 100, 0x8000, 1, 2]
    icc = small_file(Part(0xE2, b"ICC_PROFILE\0\x02\x05abc"))
    assert [value for _, _, value in fields_of(icc, "APP2")][2:] == [2, 5, '"abc"']
    exif = small_file(Part(0xE1, b"Exif\0\0II*\0"))
    assert [name for _, name, _ in fields_of(exif, "APP1")] == ["Lp", "identifier", "Api"]


def test_restart_markers_are_fields_of_the_data() -> None:
    """Each with its place; the list of a file with very many ends somewhere."""
    data = bad_files.sound_files()["restarts"]
    (segment,) = [segment for segment in inspect(data).segments if segment.name == "data"]
    assert [field.value for field in segment.fields] == [0, 1, 2, 3, 4]
    for field in segment.fields:
        assert data[field.offset : field.offset + 2] == bytes([0xFF, 0xD0 + int(str(field.value))])
    many = surgery.sos([(1, 0, 0)], b"".join(bytes([1, 0xFF, 0xD0 + i % 8]) for i in range(3000)))
    long = surgery.join([Part(SOI), surgery.sof(8, 8, [(1, 1, 1, 0)]), many, Part(EOI)])
    (segment,) = [segment for segment in inspect(long).segments if segment.name == "data"]
    assert len(segment.fields) == 1000
    assert segment.words == "0 stuffed zeros, 3,000 restart markers"


def test_very_many_segments() -> None:
    """A file made of nothing but short segments is listed up to a bound."""
    data = b"\xff\xd8" + b"\xff\xfe\x00\x02" * 30_000 + b"\xff\xd9"
    segments = inspect(data).segments
    assert len(segments) == 10_001
    assert segments[-1].problem == "more than 10,000 segments"
    assert segments[-1].offset + segments[-1].length == len(data)


def test_hierarchical_headers_are_shown() -> None:
    """B.3.2, B.3.3 – DHP, EXP and a differential frame, which no decoder here decodes."""
    header = surgery.sof(64, 48, [(1, 1, 1, 0)])
    parts = [Part(SOI), Part(0xDE, header.payload), header, Part(0xDF, b"\x11"), Part(0xC5, header.payload)]
    data = surgery.join([*parts, Part(EOI)])
    inspection = inspect(data, mcu=(0, 0))
    names = [segment.name for segment in inspection.segments]
    assert names == ["SOI", "DHP", "SOF0", "EXP", "SOF5", "EOI"]
    assert fields_of(data, "DHP")[:4] == [(2, "Lf", 11), (4, "P", 8), (5, "Y", 64), (7, "X", 48)]
    assert "hierarchical" in inspection.segments[1].words
    assert inspection.units == ()
    assert "hierarchical" in inspection.problems[0]
    assert "hierarchical" in describe(data)


# Damage, field by field


@pytest.mark.parametrize("marker", [SOF0, SOS, DQT, DHT, DRI])
def test_segments_that_end_early_or_late(marker: int) -> None:
    """Fields up to where the segment ends; bytes too many are shown as such."""
    data = small_file(Part(DRI, b"\0\0"))
    part = surgery.having(data, marker)[0]
    name = MARKER_NAMES[marker]
    whole = fields_of(data, name)
    for end in range(len(part.payload)):
        changed = data.replace(bytes(part), bytes(Part(marker, part.payload[:end], part.entropy)), 1)
        segment = next(segment for segment in inspect(changed).segments if segment.name == name)
        shown = [(field.offset - segment.offset, field.name, field.value) for field in segment.fields]
        assert segment.problem or len(part.payload) == end or (marker in (DQT, DHT) and end == 0)
        assert [symbol for _, symbol, _ in shown[1:]] == [symbol for _, symbol, _ in whole[1 : len(shown)]]
    longer = data.replace(bytes(part), bytes(Part(marker, part.payload + b"\xee", part.entropy)), 1)
    segment = next(segment for segment in inspect(longer).segments if segment.name == name)
    assert segment.problem


@pytest.mark.parametrize("name", STRUCTURE)
def test_a_damaged_file_is_shown_to_its_end(name: str) -> None:
    """The segments are the whole file, with what is wrong; only what has no SOI is an error."""
    data = STRUCTURE[name]
    if not data.startswith(b"\xff\xd8"):
        with pytest.raises(FormatError, match="not a JPEG file"):
            inspect(data)
        return
    segments = inspect(data).segments
    position = 0
    for segment in segments:
        assert not data[position : segment.offset].strip(b"\xff")
        position = segment.offset + segment.length
    assert position == len(data)
    try:
        list(file_parts(data))
    except FormatError:
        assert any(segment.problem for segment in segments)


@pytest.mark.big
def test_every_file_of_the_corpus_is_taken_apart(
    jpeg_manifest: list[dict[str, Any]], count: Callable[[str], None]
) -> None:
    """Sound or broken: segments that are the whole file, and JSON of them."""
    tally = cases.Tally("microscope, corpus: segments and fields")
    for entry in jpeg_manifest:
        data = codec_data.jpeg_file(entry)
        if len(data) > 300_000:
            continue
        tally.tried += 1
        result = cases.attempt(lambda data=data: inspect(data))
        if isinstance(result, Exception):
            if data.startswith(b"\xff\xd8"):
                tally.different.append(f"{entry['name']}: {type(result).__name__}: {result}")
            continue
        end = result.segments[-1].offset + result.segments[-1].length
        if end != len(data) or json.loads(json.dumps(result.to_dict()))["size"] != len(data):
            tally.different.append(f"{entry['name']}: {end} of {len(data)} bytes")
    count(tally.line())
    assert tally.tried > 0
    assert not tally.different, tally.report()
