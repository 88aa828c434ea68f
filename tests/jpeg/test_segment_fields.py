"""Every field of every segment: its place, symbol, value and clause, in sound files and damaged ones."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import codec_data
import jpeg_bad_files as bad_files
import jpeg_cases as cases
import jpeg_surgery as surgery
import pytest
from jpeg_surgery import APP0, COM, DHT, DQT, DRI, EOI, SOF0, SOI, SOS, Part

from jpeg_from_scratch import FormatError
from jpeg_from_scratch.microscope import describe, file_parts, inspect
from jpeg_from_scratch.tables import MARKER_NAMES

STRUCTURE = {**dict(bad_files.wrong_lengths()), **dict(bad_files.wrong_structure())}


def small_file(*middle: Part) -> bytes:
    """Return a file of one grey block with other parts after SOI."""
    scan = surgery.sos([(1, 0, 0)], surgery.entropy_bits("00"))
    frame = surgery.sof(8, 8, [(1, 1, 1, 0)])
    tail = [surgery.dqt([1] * 64), frame, bad_files.SIMPLE_DC, bad_files.SIMPLE_AC, scan, Part(EOI)]
    return surgery.join([Part(SOI), *middle, *tail])


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
