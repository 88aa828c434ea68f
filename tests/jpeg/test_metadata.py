"""JFIF, Adobe, Exif, ICC and comments, and what they say about the colours."""

from __future__ import annotations

import io
from collections.abc import Sequence

import jpeg_peers as peers
import jpeg_pictures as pictures
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from jpeg_from_scratch import read
from jpeg_from_scratch.jpeg_data import AppData, Comment, FrameComponent, FrameHeader, Segment
from jpeg_from_scratch.metadata import (
    Metadata,
    adobe_transform,
    color_space,
    gather_metadata,
    jfif_version,
)

JFIF = b"JFIF\0" + bytes([1, 2, 1, 0, 72, 1, 44, 0, 0])
EXIF = b"Exif\0\0"


def adobe(transform: int) -> AppData:
    """Return Adobe's segment: version 100, two words of flags, the transform."""
    return AppData(14, b"Adobe" + bytes([0, 100, 0, 0, 0, 0, transform]))


def icc(number: int, count: int, part: bytes) -> AppData:
    """Return one segment of an ICC profile (ICC.1, B.4)."""
    return AppData(2, b"ICC_PROFILE\0" + bytes([number, count]) + part)


def frame_of(identifiers: Sequence[int]) -> FrameHeader:
    """Return a frame header with components of these identifiers."""
    return FrameHeader(0xC0, 8, 8, 8, tuple(FrameComponent(c, 1, 1, 0) for c in identifiers))


def test_no_segments_say_nothing() -> None:
    """All fields empty."""
    assert gather_metadata([]) == Metadata(None, None, None, (), None, None)


# JFIF


def test_t871_jfif_version_and_density() -> None:
    """Version 1.02, unit 1 (per inch), 72 × 300."""
    metadata = gather_metadata([AppData(0, JFIF)])
    assert (metadata.jfif_version, metadata.density) == ((1, 2), (1, 72, 300))


@pytest.mark.parametrize(
    "segment",
    [
        pytest.param(AppData(0, JFIF[:-1]), id="13 bytes"),
        pytest.param(AppData(1, JFIF), id="in APP1"),
        pytest.param(AppData(0, b"JFXX\0" + JFIF[5:]), id="JFXX"),
        pytest.param(AppData(0, b"JFIF " + JFIF[5:]), id="without the zero"),
        pytest.param(AppData(0, b""), id="empty"),
        pytest.param(Comment(JFIF), id="comment"),
    ],
)
def test_what_is_no_jfif_segment(segment: Segment) -> None:
    """APP0 of at least 14 bytes that starts with ``JFIF`` and a zero, and nothing else."""
    assert jfif_version(segment) is None
    metadata = gather_metadata([segment])
    assert (metadata.jfif_version, metadata.density) == (None, None)


def test_a_thumbnail_behind_the_jfif_header() -> None:
    """Longer than 14 bytes is no fault."""
    assert jfif_version(AppData(0, JFIF[:-2] + bytes([1, 1, 9, 9, 9]))) == (1, 2)


def test_of_several_segments_the_last_counts() -> None:
    """Two JFIF headers, two Adobe segments."""
    later = AppData(0, b"JFIF\0" + bytes([1, 1, 0, 0, 1, 0, 2, 0, 0]))
    metadata = gather_metadata([AppData(0, JFIF), adobe(1), later, adobe(0)])
    assert (metadata.jfif_version, metadata.density, metadata.adobe_transform) == ((1, 1), (0, 1, 2), 0)


# Adobe


@pytest.mark.parametrize("transform", [0, 1, 2, 5, 255])
def test_adobe_transform(transform: int) -> None:
    """The twelfth byte."""
    assert adobe_transform(adobe(transform)) == transform
    assert gather_metadata([adobe(transform)]).adobe_transform == transform


@pytest.mark.parametrize(
    "segment",
    [
        pytest.param(AppData(14, adobe(1).payload[:-1]), id="11 bytes"),
        pytest.param(AppData(13, adobe(1).payload), id="in APP13"),
        pytest.param(AppData(14, b"adobe" + adobe(1).payload[5:]), id="another name"),
        pytest.param(Comment(adobe(1).payload), id="comment"),
    ],
)
def test_what_is_no_adobe_segment(segment: Segment) -> None:
    """APP14 of at least 12 bytes that starts with ``Adobe``, and nothing else."""
    assert adobe_transform(segment) is None
    assert gather_metadata([segment]).adobe_transform is None


# Comments and Exif


def test_comments_in_order() -> None:
    """All of them, as bytes, also an empty one."""
    segments = [Comment(b"one"), AppData(3, b"two"), Comment(b""), Comment(b"\xff\0")]
    assert gather_metadata(segments).comments == (b"one", b"", b"\xff\0")


def test_exif_is_the_tiff_structure() -> None:
    """What follows the header; an XMP segment, also in APP1, is none, nor is one in APP2."""
    xmp = AppData(1, b"http://ns.adobe.com/xap/1.0/\0<x/>")
    metadata = gather_metadata([xmp, AppData(1, EXIF + b"MM\0*"), AppData(2, EXIF + b"II*\0")])
    assert metadata.exif == b"MM\0*"
    assert gather_metadata([xmp]).exif is None
    assert gather_metadata([AppData(1, EXIF)]).exif == b""


# ICC


@settings(derandomize=True, max_examples=60, deadline=None)
@given(st.lists(st.binary(max_size=20), min_size=1, max_size=255), st.randoms(use_true_random=False))
def test_icc_parts_in_any_order(parts: list[bytes], random: object) -> None:
    """Up to 255 parts, numbered from 1, with other segments between them."""
    segments: list[Segment] = [icc(i, len(parts), part) for i, part in enumerate(parts, 1)]
    segments += [Comment(b"between"), AppData(2, b"FPXR\0")]
    random.shuffle(segments)  # type: ignore[attr-defined]
    assert gather_metadata(segments).icc_profile == b"".join(parts)


@pytest.mark.parametrize(
    "segments",
    [
        pytest.param([icc(1, 3, b"a"), icc(3, 3, b"c")], id="second of three missing"),
        pytest.param([icc(1, 2, b"a")], id="last missing"),
        pytest.param([icc(2, 2, b"b")], id="first missing"),
        pytest.param([icc(0, 1, b"a")], id="numbered from 0"),
        pytest.param([icc(1, 0, b"a")], id="of none"),
        pytest.param([icc(1, 2, b"a"), icc(2, 2, b"b"), icc(3, 2, b"c")], id="one too many"),
        pytest.param([AppData(2, b"ICC_PROFILE\0\1")], id="too short"),
        pytest.param([AppData(1, icc(1, 1, b"a").payload)], id="in APP1"),
    ],
)
def test_an_incomplete_icc_profile_is_none(segments: list[Segment]) -> None:
    """Half a profile is worse than none."""
    assert gather_metadata(segments).icc_profile is None


def test_an_empty_icc_part() -> None:
    """A part may be empty; a profile that is, is there nevertheless."""
    assert gather_metadata([icc(1, 1, b"")]).icc_profile == b""
    assert gather_metadata([icc(2, 2, b"b"), icc(1, 2, b"")]).icc_profile == b"b"


def test_what_pillow_writes() -> None:
    """A file with everything: what Pillow put in and reads back is found."""
    profile, exif = bytes(range(256)) * 300, EXIF + b"MM\0*\0\0\0\x08\0\0\0\0\0\0"
    data = peers.pillow_encode(
        pictures.synthetic(8, 8), icc_profile=profile, exif=exif, comment=b"hello", dpi=(72, 300)
    )
    metadata = gather_metadata(read(data).segments)
    with Image.open(io.BytesIO(data)) as picture:
        assert metadata.icc_profile == picture.info["icc_profile"] == profile
        assert EXIF + (metadata.exif or b"") == picture.info["exif"]
        assert metadata.comments == (picture.info["comment"],)
        assert metadata.jfif_version == picture.info["jfif_version"]
        assert metadata.density == (picture.info["jfif_unit"], *picture.info["jfif_density"])


# What the colours are

LETTERS, NUMBERS, OTHERS = b"RGB", bytes([1, 2, 3]), bytes([0, 1, 2])


@pytest.mark.parametrize(
    ("identifiers", "jfif", "transform", "expected"),
    [
        (NUMBERS, True, None, "YCbCr"),
        (LETTERS, True, None, "YCbCr"),  # JFIF beats identifiers …
        (NUMBERS, True, 0, "YCbCr"),  # … and Adobe
        (LETTERS, True, 0, "YCbCr"),
        (NUMBERS, False, 0, "RGB"),  # Adobe beats identifiers
        (LETTERS, False, 1, "YCbCr"),
        (NUMBERS, False, 1, "YCbCr"),
        (LETTERS, False, 0, "RGB"),
        (NUMBERS, False, 2, "YCbCr"),  # an odd transform is YCbCr to libjpeg
        (NUMBERS, False, 77, "YCbCr"),
        (NUMBERS, False, None, "YCbCr"),  # nothing but identifiers
        (LETTERS, False, None, "RGB"),
        (OTHERS, False, None, "YCbCr"),
        (b"rgb", False, None, "YCbCr"),
        (b"BGR", False, None, "YCbCr"),
    ],
)
def test_colour_space_of_three_components(
    identifiers: bytes, jfif: bool, transform: int | None, expected: str
) -> None:
    """libjpeg's order of belief: JFIF, then Adobe's transform, then the identifiers."""
    metadata = Metadata(jfif_version=(1, 1) if jfif else None, adobe_transform=transform)
    assert color_space(frame_of(identifiers), metadata) == expected


@pytest.mark.parametrize("transform", [None, 0, 1, 2])
@pytest.mark.parametrize(("count", "expected"), [(1, "grey"), (2, "unknown"), (4, "unknown"), (5, "unknown")])
def test_colour_space_of_other_numbers_of_components(
    count: int, expected: str, transform: int | None
) -> None:
    """One component is grey whatever is said; what two or more than three mean is not known."""
    for version in (None, (1, 1)):
        metadata = Metadata(jfif_version=version, adobe_transform=transform)
        assert color_space(frame_of(range(1, count + 1)), metadata) == expected
