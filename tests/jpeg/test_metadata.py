"""JFIF, Adobe, Exif, ICC and comments, and what they say about the colours."""

from __future__ import annotations

import io
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import codec_data
import jpeg_peers as peers
import jpeg_pictures as pictures
import jpeg_surgery as surgery
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from jpeg_from_scratch import read, write
from jpeg_from_scratch.jpeg_data import AppData, Comment, FrameComponent, FrameHeader, Segment
from jpeg_from_scratch.metadata import (
    Metadata,
    adobe_segment,
    adobe_transform,
    color_space,
    comment_segment,
    exif_segment,
    gather_metadata,
    icc_segments,
    jfif_segment,
    jfif_thumbnail,
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
    metadata = gather_metadata(segments)
    assert metadata.icc_profile == (b"".join(parts) or None)
    assert metadata.problems == (() if any(parts) else ("the ICC profile is empty",))


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
    """A part may be empty; a profile that is, is none."""
    assert gather_metadata([icc(1, 1, b"")]).icc_profile is None
    assert gather_metadata([icc(2, 2, b"b"), icc(1, 2, b"")]).icc_profile == b"b"


ICC_PROBLEMS = {
    "missing": ([icc(1, 3, b"a"), icc(3, 3, b"c")], "part 2 of 3 of the ICC profile is missing"),
    "twice": (
        [icc(1, 2, b"a"), icc(2, 2, b"b"), icc(1, 2, b"a")],
        "part 1 of 2 of the ICC profile is there twice",
    ),
    "twice, one empty": ([icc(1, 1, b"a"), icc(1, 1, b"")], "part 1 of 1 of the ICC profile is there twice"),
    "number 0": ([icc(1, 1, b"a"), icc(0, 1, b"a")], "a part number 0 of 1 of the ICC profile"),
    "number too high": ([icc(1, 1, b"a"), icc(2, 1, b"a")], "a part number 2 of 1 of the ICC profile"),
    "disagreement": (
        [icc(1, 2, b"a"), icc(2, 3, b"b")],
        "one part of the ICC profile says that there are 2, another 3",
    ),
    "of none": ([icc(1, 0, b"a")], "a part number 1 of 0 of the ICC profile"),
    "empty": ([icc(2, 2, b""), icc(1, 2, b"")], "the ICC profile is empty"),
}
ICC_SOUND = {
    "one": [icc(1, 1, b"a")],
    "any order": [icc(3, 3, b"c"), icc(1, 3, b"a"), Comment(b"x"), icc(2, 3, b"b")],
    "one part empty": [icc(1, 2, b""), icc(2, 2, b"b")],
    "a short segment beside": [AppData(2, b"ICC_PROFILE\0\1"), icc(1, 1, b"a")],
    "none": [AppData(2, b"ICC_PROFILE\0\1")],
}


@pytest.mark.parametrize("name", ICC_PROBLEMS)
def test_what_is_wrong_with_an_icc_profile_is_said(name: str) -> None:
    """And there is no profile then."""
    segments, problem = ICC_PROBLEMS[name]
    metadata = gather_metadata(segments)
    assert metadata.icc_profile is None
    assert problem in metadata.problems


@pytest.mark.parametrize("name", [*ICC_PROBLEMS, *ICC_SOUND])
def test_icc_profiles_as_djpeg_sees_them(name: str, djpeg: str, tmp_path: Path) -> None:
    """A profile where libjpeg-turbo finds one, with the same bytes, and none where it warns."""
    segments = ICC_PROBLEMS[name][0] if name in ICC_PROBLEMS else ICC_SOUND[name]
    data = read(peers.pillow_encode(pictures.synthetic(8, 8)))
    data.segments[1:1] = segments
    target = tmp_path / "profile.icc"
    command = [djpeg, "-icc", str(target), "-outfile", str(tmp_path / "out.ppm")]
    run = subprocess.run(command, input=write(data), capture_output=True, check=False)
    theirs = target.read_bytes() if target.is_file() and target.stat().st_size else None
    metadata = gather_metadata(data.segments)
    assert metadata.icc_profile == theirs
    assert bool(metadata.problems) == (b"bad ICC marker" in run.stderr)


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
@pytest.mark.parametrize(("count", "expected"), [(1, "grey"), (2, "unknown"), (5, "unknown")])
def test_colour_space_of_other_numbers_of_components(
    count: int, expected: str, transform: int | None
) -> None:
    """One component is grey whatever is said; what two or more than four mean is not known."""
    for version in (None, (1, 1)):
        metadata = Metadata(jfif_version=version, adobe_transform=transform)
        assert color_space(frame_of(range(1, count + 1)), metadata) == expected


@pytest.mark.parametrize(("transform", "expected"), [(None, "CMYK"), (0, "CMYK"), (1, "YCCK"), (2, "YCCK")])
def test_colour_space_of_four_components(transform: int | None, expected: str) -> None:
    """Adobe's transform decides; JFIF, which knows of no such pictures, has no say."""
    for version in (None, (1, 1)):
        metadata = Metadata(jfif_version=version, adobe_transform=transform)
        assert color_space(frame_of(b"CMYK"), metadata) == expected


# Thumbnails

PIXELS = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3)


def jfif_with(width: int, height: int, pixels: bytes) -> AppData:
    """Return a JFIF segment with a thumbnail."""
    return AppData(0, JFIF[:-2] + bytes([width, height]) + pixels)


def jfxx(code: int, content: bytes) -> AppData:
    """Return a JFIF extension segment."""
    return AppData(0, b"JFXX\0" + bytes([code]) + content)


def test_t871_thumbnail_in_the_jfif_segment() -> None:
    """RGB, three bytes a pixel; what follows them is of no meaning."""
    for rest in (b"", b"more"):
        metadata = gather_metadata([jfif_with(3, 2, PIXELS.tobytes() + rest)])
        assert np.array_equal(metadata.thumbnail, PIXELS)
        assert metadata.problems == ()
    assert gather_metadata([AppData(0, JFIF)]).thumbnail is None
    assert gather_metadata([jfif_with(0, 7, b""), jfif_with(7, 0, b"")]).thumbnail is None


def test_t871_thumbnails_in_extension_segments() -> None:
    """A JPEG file, a palette of 256 colours, or RGB; the last one counts."""
    palette = np.random.default_rng(5).integers(0, 256, (256, 3), np.uint8)
    indices = bytes([0, 255, 7, 8, 9, 0])
    paletted = jfxx(0x11, bytes([3, 2]) + palette.tobytes() + indices)
    expected = palette[list(indices)].reshape(2, 3, 3)
    rgb = jfxx(0x13, bytes([3, 2]) + PIXELS.tobytes())
    assert gather_metadata([AppData(0, JFIF), jfxx(0x10, b"\xff\xd8")]).thumbnail == b"\xff\xd8"
    assert np.array_equal(gather_metadata([AppData(0, JFIF), paletted]).thumbnail, expected)
    assert np.array_equal(gather_metadata([AppData(0, JFIF), paletted, rgb]).thumbnail, PIXELS)


@pytest.mark.parametrize(
    "segment",
    [
        pytest.param(jfif_with(3, 2, PIXELS.tobytes()[:-1]), id="a pixel is cut"),
        pytest.param(jfif_with(255, 255, b""), id="no pixels"),
        pytest.param(jfxx(0x11, bytes([1, 1]) + bytes(768)), id="a palette and no pixel"),
        pytest.param(jfxx(0x11, bytes([1, 1, 9])), id="no palette"),
        pytest.param(jfxx(0x13, b"\1"), id="half a size"),
        pytest.param(jfxx(0x13, b""), id="no size"),
        pytest.param(jfxx(0x12, bytes([1, 1, 1, 2, 3])), id="unknown code"),
    ],
)
def test_what_is_no_thumbnail_is_a_problem(segment: AppData) -> None:
    """None, and a word about it; the segments beside it count."""
    metadata = gather_metadata([segment, Comment(b"c")])
    assert metadata.thumbnail is None
    assert len(metadata.problems) == 1
    assert metadata.comments == (b"c",)


def test_comparisons_leave_the_thumbnail_out() -> None:
    """Two arrays can not be compared by a single truth value."""
    with_one = gather_metadata([jfif_with(3, 2, PIXELS.tobytes())])
    assert with_one == gather_metadata([AppData(0, JFIF)])
    assert hash(with_one) == hash(gather_metadata([AppData(0, JFIF)]))


# Writing


def segments_of(data: bytes, n: int) -> list[Segment]:
    """Return the APPn segments of a file."""
    return [segment for segment in read(data).segments if isinstance(segment, AppData) and segment.n == n]


@pytest.mark.parametrize("size", [1, 65518, 65519, 65520, 200_000])
def test_icc_segments_as_pillow_writes_them(size: int) -> None:
    """Each one full but the last."""
    profile = np.random.default_rng(size).bytes(size)
    segments = icc_segments(profile)
    assert segments == segments_of(peers.pillow_encode(pictures.synthetic(8, 8), icc_profile=profile), 2)
    assert gather_metadata(reversed(segments)).icc_profile == profile


def test_the_largest_icc_profile() -> None:
    """255 parts of 65519 bytes; one byte more does not fit."""
    largest = bytes(255 * 65519)
    segments = icc_segments(largest)
    assert (len(segments), {len(segment.payload) for segment in segments}) == (255, {65533})
    assert gather_metadata(segments).icc_profile == largest
    for wrong in (largest + b"x", b""):
        with pytest.raises(ValueError, match="an ICC profile of"):
            icc_segments(wrong)


def test_exif_segment_as_pillow_writes_it() -> None:
    """With or without the header; as long as fits."""
    tiff = b"MM\0*\0\0\0\x08\0\0\0\0\0\0"
    theirs = segments_of(peers.pillow_encode(pictures.synthetic(8, 8), exif=EXIF + tiff), 1)
    assert [exif_segment(tiff)] == [exif_segment(EXIF + tiff)] == theirs
    assert gather_metadata([exif_segment(tiff)]).exif == tiff
    assert len(exif_segment(bytes(65527)).payload) == 65533
    with pytest.raises(ValueError, match="65534 bytes, at most 65533"):
        exif_segment(bytes(65528))


@pytest.mark.parametrize("unit", [1, 2])
def test_jfif_segment_as_pillow_writes_it(unit: int) -> None:
    """The default, and a density in dots per inch; per centimetre as read back."""
    plain = peers.pillow_encode(pictures.synthetic(8, 8))
    assert [jfif_segment()] == segments_of(plain, 0)
    dense = peers.pillow_encode(pictures.synthetic(8, 8), dpi=(72, 300))
    assert [jfif_segment(density=(1, 72, 300))] == segments_of(dense, 0)
    metadata = gather_metadata([jfif_segment((1, 2), (unit, 65535, 1))])
    assert (metadata.jfif_version, metadata.density) == ((1, 2), (unit, 65535, 1))


def test_jfif_segment_with_a_thumbnail() -> None:
    """Goes there and back; a side of 0 or 256, or too many pixels, do not fit."""
    assert np.array_equal(gather_metadata([jfif_segment(thumbnail=PIXELS)]).thumbnail, PIXELS)
    assert np.array_equal(jfif_thumbnail(jfif_segment(thumbnail=PIXELS[:, ::-1])), PIXELS[:, ::-1])
    for shape in ((0, 5, 3), (5, 256, 3), (255, 255, 3), (5, 5), (5, 5, 4)):
        with pytest.raises(ValueError, match="thumbnail"):
            jfif_segment(thumbnail=np.zeros(shape, np.uint8))
    with pytest.raises(ValueError, match="uint16"):
        jfif_segment(thumbnail=PIXELS.astype(np.uint16))


@pytest.mark.parametrize(
    "arguments",
    [
        {"version": (2, 0)},
        {"version": (1, 256)},
        {"density": (3, 1, 1)},
        {"density": (0, 0, 1)},
        {"density": (0, 1, 65536)},
    ],
)
def test_bad_jfif_arguments(arguments: dict[str, tuple[int, ...]]) -> None:
    """Values that have no place in the segment."""
    with pytest.raises(ValueError, match="allowed are"):
        jfif_segment(**arguments)  # type: ignore[arg-type]


def test_adobe_segment_as_libjpeg_writes_it() -> None:
    """Pillow's CMYK files have one of transform 0."""
    stream = io.BytesIO()
    Image.new("CMYK", (8, 8)).save(stream, "JPEG")
    parts, _ = surgery.split(stream.getvalue())
    assert [part.payload for part in parts if part.marker == 0xEE] == [adobe_segment(0).payload]
    assert [adobe_transform(adobe_segment(transform)) for transform in (0, 1, 2)] == [0, 1, 2]
    with pytest.raises(ValueError, match="transform=3"):
        adobe_segment(3)


def test_comment_segment() -> None:
    """Strings in UTF-8, bytes as they are."""
    assert comment_segment("grün") == Comment("grün".encode())
    assert comment_segment(b"\xff\0") == Comment(b"\xff\0")
    with pytest.raises(ValueError, match="65534 bytes"):
        comment_segment(bytes(65534))


@pytest.mark.filterwarnings("ignore:Image appears to be a malformed MPO")
def test_metadata_of_the_corpus(jpeg_manifest: list[dict[str, Any]], count: Callable[[str], None]) -> None:
    """Other people's files: Exif, ICC profile and the last comment are what Pillow finds.

    One file has the only part of its profile twice, before and behind the frame header. Pillow does not look
    behind it; to libjpeg, and here, there is no profile.
    """
    tried = profiles = 0
    different = []
    for entry in jpeg_manifest:
        small = (
            entry["features"]["width"] and entry["features"]["width"] * entry["features"]["height"] < 10**6
        )
        if entry["kind"] != "valid" or entry["features"]["sof"] not in (0, 1) or not small:
            continue
        data = codec_data.jpeg_file(entry)
        try:
            with Image.open(io.BytesIO(data)) as picture:
                theirs = picture.info.get("icc_profile"), picture.info.get("comment")
                exif = picture.info.get("exif")
        except OSError:
            continue
        metadata = gather_metadata(read(data).segments)
        ours = metadata.icc_profile, metadata.comments[-1] if metadata.comments else None
        tried += 1
        profiles += theirs[0] is not None
        if ours != theirs or (EXIF + metadata.exif if metadata.exif is not None else None) != exif:
            different.append(entry["name"])
    count(f"corpus, metadata: tried {tried}, {profiles} with a profile, not equal {len(different)}")
    assert different == ["valid/0b283de7ed_Pillow-icc-after-SOF.jpg"]
    assert tried > 100
