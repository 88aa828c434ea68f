"""Exif orientation: read, written, and applied; beside Pillow's `ImageOps.exif_transpose`."""

from __future__ import annotations

import io
import struct
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import codec_data
import jpeg_peers as peers
import jpeg_pictures as pictures
import numpy as np
import pytest
from PIL import Image, ImageOps

from jpeg_from_scratch import read
from jpeg_from_scratch.metadata import gather_metadata
from jpeg_from_scratch.orientation import (
    SYMMETRIES,
    exif_orientation,
    oriented,
    set_orientation,
    set_size,
)

EXIF = b"Exif\0\0"
ORDERS = {"big": ">", "little": "<"}
BYTE, ASCII, SHORT, LONG, RATIONAL = 1, 2, 3, 4, 5


def entry(order: str, tag: int, kind: int, count: int, value: int) -> bytes:
    """Return an entry of a directory; a value of one or two bytes stands at the left of its four."""
    field = {BYTE: "B3x", SHORT: "H2x"}.get(kind, "L") if count == 1 else "L"
    return struct.pack(ORDERS[order] + "HHL" + field, tag, kind, count, value)


def tiff(
    order: str, *entries: bytes, count: int | None = None, start: int = 8, after: bytes = bytes(4)
) -> bytes:
    """Return a TIFF structure of one directory at offset `start`."""
    mark = ORDERS[order]
    header = (b"MM" if order == "big" else b"II") + struct.pack(mark + "HL", 42, start)
    stated = len(entries) if count is None else count
    return header + bytes(max(start - 8, 0)) + struct.pack(mark + "H", stated) + b"".join(entries) + after


def pillow_upright(picture: np.ndarray, exif: bytes) -> np.ndarray:
    """Return what Pillow makes of a picture with this Exif payload."""
    image = Image.fromarray(picture)
    image.info["exif"] = EXIF + exif
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of corrupt Exif data
        return np.asarray(ImageOps.exif_transpose(image))


# Turning


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("orientation", range(1, 9))
def test_pixels_as_pillow_turns_them(orientation: int, order: str) -> None:
    """All eight, in both byte orders, grey and colour."""
    exif = tiff(order, entry(order, 0x0112, SHORT, 1, orientation))
    assert exif_orientation(exif) == exif_orientation(EXIF + exif) == orientation
    for picture in (pictures.synthetic(5, 9), pictures.grey(pictures.synthetic(6, 4))):
        turned = oriented(picture, exif_orientation(exif))
        assert np.array_equal(turned, pillow_upright(picture, exif))
        assert turned.flags.c_contiguous


def test_pixels_of_any_dtype_and_depth() -> None:
    """16 bits, four components; orientation 1 copies nothing."""
    picture = np.arange(2 * 3 * 4, dtype=np.uint16).reshape(2, 3, 4)
    turned = oriented(picture, 8)
    assert (turned.dtype, turned.shape) == (np.uint16, (3, 2, 4))
    assert np.array_equal(turned, np.rot90(picture))
    assert np.array_equal(oriented(picture, 6), np.rot90(picture, -1))
    assert oriented(picture, 1) is picture


@pytest.mark.parametrize("wrong", [0, 9, -1, None, "6"])
def test_there_are_eight_orientations(wrong: Any) -> None:
    """Another is a caller's mistake."""
    for call in (lambda: oriented(np.zeros((2, 2)), wrong), lambda: set_orientation(b"", wrong)):
        with pytest.raises(ValueError, match=r"allowed are 1 \.\.\. 8"):
            call()
    assert sorted(SYMMETRIES) == list(range(1, 9))
    assert len(set(SYMMETRIES.values())) == 8


# Reading


@pytest.mark.parametrize("order", ORDERS)
def test_the_tag_among_others(order: str) -> None:
    """Anywhere in the first directory, wherever that is; as a LONG too; the first of several counts."""
    others = [entry(order, 0x010F, ASCII, 4, 0), entry(order, 0x011A, RATIONAL, 1, 20)]
    for kind in (SHORT, LONG):
        tag = entry(order, 0x0112, kind, 1, 3)
        second = entry(order, 0x0112, SHORT, 1, 6)
        for exif in (
            tiff(order, *others, tag),
            tiff(order, tag, *others, second),
            tiff(order, tag, start=1001),
        ):
            assert exif_orientation(exif) == 3
            assert np.array_equal(
                pillow_upright(pictures.synthetic(3, 4), exif), oriented(pictures.synthetic(3, 4), 3)
            )


def tag(value: int, kind: int = SHORT, count: int = 1) -> bytes:
    """Return an Orientation entry, big-endian."""
    return entry("big", 0x0112, kind, count, value)


SOUND = tiff("big", tag(6))
MALFORMED = {
    "nothing": b"",
    "header only": EXIF,
    "half a byte order": b"M",
    "byte order only": b"MM\0*",
    "other byte order": b"XX" + SOUND[2:],
    "not 42": SOUND[:3] + b"," + SOUND[4:],
    "no tag": tiff("big", entry("big", 0x010F, ASCII, 1, 0)),
    "empty directory": tiff("big"),
    "directory at the end": tiff("big")[:10],
    "offset at the end": SOUND[:4] + struct.pack(">L", len(SOUND)) + SOUND[8:],
    "offset one before the end": SOUND[:4] + struct.pack(">L", len(SOUND) - 1) + SOUND[8:],
    "offset far away": SOUND[:4] + b"\xff\xff\xff\xff" + SOUND[8:],
    "entry cut": SOUND[:21],
    "value 0": tiff("big", tag(0)),
    "value 9": tiff("big", tag(9)),
    "value 65535": tiff("big", tag(65535)),
    "three values": tiff("big", tag(0x00060006, count=3)),
    "byte": tiff("big", tag(6, kind=BYTE)),
    "first of two tags": tiff("big", tag(9), tag(6)),
    "no value": tiff("big", tag(6, count=0)),
    "very many values": tiff("big", tag(6, count=0xFFFFFFFF)),
    "text": tiff("big", tag(6, kind=ASCII)),
    "fraction": tiff("big", tag(6, kind=RATIONAL)),
    "unknown type": tiff("big", tag(6, kind=99)),
    "orientation elsewhere": tiff("big", after=struct.pack(">L", 14))
    + struct.pack(">H", 1)
    + tag(6)
    + bytes(4),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_malformed_exif_is_orientation_1(name: str) -> None:
    """Never an error; the tag of the second directory is a thumbnail's."""
    exif = MALFORMED[name]
    assert exif_orientation(exif) == 1
    picture = pictures.synthetic(3, 4)
    try:
        theirs = pillow_upright(picture, exif)
    except Exception:
        return  # Pillow does not get over all of these
    assert np.array_equal(theirs, picture)


def test_no_exif() -> None:
    """None is what metadata have without a segment."""
    assert exif_orientation(None) == 1


def test_a_directory_that_states_too_many_entries() -> None:
    """Those that are there count."""
    assert exif_orientation(tiff("big", tag(6), count=65535)) == 6


def test_any_bytes(count: Callable[[str], None]) -> None:
    """Damaged payloads: always an orientation, and changes that keep the length or are refused."""
    rng = np.random.default_rng(7)
    inner = {order: tiff(order, entry(order, 0xA002, SHORT, 1, 7))[8:] for order in ORDERS}
    sound = [
        tiff(order, entry(order, 0x0112, SHORT, 1, 5), entry(order, 0x8769, LONG, 1, 38)) + inner[order]
        for order in ORDERS
    ]
    refused = 0
    for i in range(4000):
        data = bytearray(sound[i % 2])
        for _ in range(rng.integers(1, 6)):
            data[rng.integers(len(data))] = rng.choice([0, 1, 8, 0x12, 0x87, 0x69, 0xFF, rng.integers(256)])
        exif = bytes(data[: rng.integers(len(data) + 1)])
        assert exif_orientation(exif) in SYMMETRIES
        assert len(set_size(exif, 3, 4)) == len(exif)
        assert len(set_orientation(exif, 1)) == len(exif)
        try:
            assert exif_orientation(set_orientation(exif, 7)) == 7
        except ValueError:
            refused += 1
    count(f"damaged Exif: 4000 payloads, {refused} to which no tag could be added")
    assert 0 < refused < 2500


# Writing


def with_pillow(exif: bytes) -> dict[int, Any]:
    """Return the tags of the first directory as Pillow reads them."""
    read_again = Image.Exif()
    read_again.load(EXIF + exif)
    return dict(read_again)


@pytest.mark.parametrize("order", ORDERS)
def test_a_tag_is_changed_in_place(order: str) -> None:
    """Two bytes differ, at most; types that are wide become a SHORT."""
    exif = tiff(order, entry(order, 0x010F, SHORT, 1, 500), entry(order, 0x0112, SHORT, 1, 6))
    for value in SYMMETRIES:
        changed = set_orientation(exif, value)
        assert exif_orientation(changed) == value
        assert with_pillow(changed) == {0x010F: 500, 0x0112: value}
        assert sum(a != b for a, b in zip(changed, exif, strict=True)) <= 1
    wide = tiff(order, entry(order, 0x0112, LONG, 1, 6))
    assert set_orientation(wide, 4) == tiff(order, entry(order, 0x0112, SHORT, 1, 4))
    assert set_orientation(EXIF + wide, 4) == EXIF + set_orientation(wide, 4)


@pytest.mark.parametrize("order", ORDERS)
def test_a_tag_is_added(order: str) -> None:
    """In its place among the others, in a new directory; what was there stays where it was."""
    exif = tiff(
        order,
        entry(order, 0x010F, ASCII, 9, 38),
        entry(order, 0x0128, SHORT, 1, 2),
        after=bytes(4) + b"a maker\0\0" + b"odd",
    )
    assert set_orientation(exif, 1) == exif
    for value in range(2, 9):
        added = set_orientation(exif, value)
        assert added[8 : len(exif)] == exif[8:]
        assert with_pillow(added) == {0x010F: "a maker\0", 0x0112: value, 0x0128: 2}
        assert exif_orientation(set_orientation(added, 1)) == 1
        start = int.from_bytes(added[4:8], order)  # type: ignore[arg-type]
        assert start % 2 == 0
        tags = [int.from_bytes(added[at : at + 2], order) for at in range(start + 2, start + 38, 12)]  # type: ignore[arg-type]
        assert tags == sorted(tags)


def test_a_structure_is_made_from_nothing() -> None:
    """The smallest that Pillow reads."""
    for value in range(2, 9):
        for empty in (b"", EXIF):
            made = set_orientation(empty, value)
            assert with_pillow(made.removeprefix(EXIF)) == {0x0112: value}
    assert set_orientation(b"", 1) == b""


@pytest.mark.parametrize("exif", [b"no TIFF structure", SOUND[:7], MALFORMED["offset far away"]])
def test_a_tag_can_not_be_added_to_anything(exif: bytes) -> None:
    """But orientation 1 is what such a payload has already."""
    with pytest.raises(ValueError, match="no TIFF structure"):
        set_orientation(exif, 6)
    assert set_orientation(exif, 1) == exif


def test_size_in_the_exif_directory() -> None:
    """Width and height, where they are stated; nothing else, and nothing in other directories."""
    inner = struct.pack(">H", 3) + b"".join(
        entry("big", tag, kind, 1, value)
        for tag, kind, value in ((0x9000, LONG, 7), (0xA002, SHORT, 10), (0xA003, LONG, 20))
    )
    exif = (
        tiff("big", entry("big", 0xA002, SHORT, 1, 5), entry("big", 0x8769, LONG, 1, 38)) + inner + bytes(4)
    )
    changed = set_size(EXIF + exif, 300, 70_000)
    loaded = Image.Exif()
    loaded.load(changed)
    assert dict(loaded.get_ifd(0x8769)) == {0x9000: 7, 0xA002: 70_000, 0xA003: 300}
    assert loaded[0xA002] == 5
    for nothing in (SOUND, b"", b"MM\0*", MALFORMED["offset far away"]):
        assert set_size(nothing, 1, 2) == nothing


# Files


def differing(entries: Sequence[dict[str, Any]]) -> tuple[int, list[str]]:
    """Return how many files of the corpus have an orientation, and those where ours is another."""
    tried, different = 0, []
    for item in entries:
        stated = item["features"].get("exif_orientation")
        if stated is None or item["kind"] != "valid" or item["features"]["sof"] not in (0, 1):
            continue
        tried += 1
        exif = gather_metadata(read(codec_data.jpeg_file(item)).segments).exif
        if exif_orientation(exif) != (stated if stated in SYMMETRIES else 1):
            different.append(f"{item['name']}: {exif_orientation(exif)}, stated {stated}")
    return tried, different


def test_orientation_of_the_corpus(jpeg_manifest: list[dict[str, Any]], count: Callable[[str], None]) -> None:
    """Cameras' files."""
    tried, different = differing(jpeg_manifest)
    count(f"corpus, orientation: tried {tried}, not equal {len(different)}")
    assert not different
    assert tried > 5


def test_a_file_as_pillow_turns_it() -> None:
    """From the segment to the pixels."""
    data = peers.pillow_encode(pictures.synthetic(24, 16), exif=EXIF + set_orientation(b"", 7))
    with Image.open(io.BytesIO(data)) as picture:
        expected = np.asarray(ImageOps.exif_transpose(picture))
    exif = gather_metadata(read(data).segments).exif
    assert np.array_equal(oriented(peers.pillow_decode(data), exif_orientation(exif)), expected)
