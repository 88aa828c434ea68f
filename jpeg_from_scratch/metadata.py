"""What a file says beside the picture: JFIF, Adobe, Exif, ICC, comments – and what its colours are.

T.81 does not say what the components of a picture mean. Application segments do: JFIF (T.871) says that one
component is grey and three are YCbCr; Adobe's APP14 names the transform; many files say nothing.

First the segments are read, then there is a function to write each of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from ._types import Array, Samples
from .arguments import checked_comment, checked_integer
from .jpeg_data import AppData, Comment, FrameHeader, Segment

__all__ = [
    "Metadata",
    "adobe_segment",
    "adobe_transform",
    "color_space",
    "comment_segment",
    "exif_segment",
    "gather_metadata",
    "icc_segments",
    "jfif_segment",
    "jfif_thumbnail",
    "jfif_version",
    "join_icc_parts",
]

MAX_PAYLOAD = 0xFFFF - 2  # B.1.1.4: the length counts its own two bytes
EXIF_HEADER = b"Exif\x00\x00"
ICC_HEADER = b"ICC_PROFILE\x00"
ICC_PART = MAX_PAYLOAD - len(ICC_HEADER) - 2
JFXX_JPEG, JFXX_PALETTE, JFXX_RGB = 0x10, 0x11, 0x13


@dataclass(frozen=True)
class Metadata:
    """What a file says beside the picture.

    `jfif_version` and `density` (unit, horizontal, vertical) are None without a JFIF segment;
    `adobe_transform` is None without an Adobe segment; `exif` is the TIFF structure of the Exif segment;
    `icc_profile` the profile put together from its segments, None if there is none or if libjpeg would not
    accept it; `thumbnail` that of JFIF, an array of uint8, shape (H, W, 3), or the bytes of a JPEG file;
    `problems` says what was left out because it made no sense. Comparisons leave the thumbnail out.
    """

    jfif_version: tuple[int, int] | None = None
    density: tuple[int, int, int] | None = None
    adobe_transform: int | None = None
    comments: tuple[bytes, ...] = ()
    exif: bytes | None = None
    icc_profile: bytes | None = None
    thumbnail: Samples | bytes | None = field(default=None, compare=False)
    problems: tuple[str, ...] = ()


# --------------------------------------------------------------------------------------------------
# Reading


def jfif_version(segment: Segment) -> tuple[int, int] | None:
    """Return (major, minor) if the segment is a JFIF header (T.871, 10.1), at least 14 bytes long."""
    if isinstance(segment, AppData) and segment.n == 0 and len(segment.payload) >= 14:
        payload = segment.payload
        return (payload[5], payload[6]) if payload.startswith(b"JFIF\x00") else None
    return None


def adobe_transform(segment: Segment) -> int | None:
    """Return the colour transform if the segment is Adobe's: 0 none, 1 YCbCr, 2 YCCK."""
    if isinstance(segment, AppData) and segment.n == 14 and len(segment.payload) >= 12:
        return segment.payload[11] if segment.payload.startswith(b"Adobe") else None
    return None


def jfif_thumbnail(segment: Segment) -> Samples | bytes | None:
    """Return the thumbnail of a JFIF segment or a JFIF extension segment.

    Returns
    -------
    ndarray of uint8, shape (H, W, 3), or bytes or None
        RGB, also where the segment has a palette; the bytes of a JPEG file (T.871, 10.2: extension code
        X'10'); None without a thumbnail.

    Raises
    ------
    ValueError
        If pixels are missing, or if an extension has an unknown code.
    """
    if not isinstance(segment, AppData) or segment.n != 0:
        return None
    payload = segment.payload
    if jfif_version(segment) is not None:
        return _thumbnail_pixels(payload[12:], 0)
    if not payload.startswith(b"JFXX\x00") or len(payload) < 6:
        return None
    if payload[5] == JFXX_JPEG:
        return payload[6:]
    if payload[5] not in (JFXX_PALETTE, JFXX_RGB):
        raise ValueError(f"a JFIF extension of the unknown code X'{payload[5]:02X}'")
    return _thumbnail_pixels(payload[6:], 256 if payload[5] == JFXX_PALETTE else 0)


def _thumbnail_pixels(content: bytes, colors: int) -> Samples | None:
    """Take apart width, height, a palette of so many colours, and pixels."""
    if len(content) < 2:
        raise ValueError("a JFIF thumbnail without a size")
    width, height = content[:2]
    if not width * height:
        return None
    palette, pixels = content[2 : 2 + 3 * colors], content[2 + 3 * colors :]
    size = width * height * (1 if colors else 3)
    if len(pixels) < size:
        raise ValueError(f"a JFIF thumbnail of {width}×{height} pixels in {len(content)} bytes")
    values = np.frombuffer(pixels[:size], np.uint8)
    if colors:
        values = np.frombuffer(palette, np.uint8).reshape(colors, 3)[values]
    return values.reshape(height, width, 3).copy()


def join_icc_parts(parts: Sequence[bytes]) -> tuple[bytes | None, list[str]]:
    """Put an ICC profile together.

    Parameters
    ----------
    parts : sequence of bytes
        What follows ``ICC_PROFILE`` and a zero in each segment, in file order: the number of the part,
        counted from 1, how many there are, and the part itself (ICC.1, B.4).

    Returns
    -------
    profile : bytes or None
    problems : list of str
        Why there is no profile; empty if there is one, or if there are no parts.

    Notes
    -----
    Parts may come in any order. As in libjpeg (``jdicc.c``), everything else – a part twice or missing, a
    number out of range, parts that disagree on how many there are, nothing in any of them – means that there
    is no profile: half a profile is worse than none.

    Examples
    --------
    >>> join_icc_parts([bytes((2, 2)) + b"file", bytes((1, 2)) + b"pro"])
    (b'profile', [])
    >>> join_icc_parts([bytes((2, 2)) + b"file"])
    (None, ['part 1 of 2 of the ICC profile is missing'])
    """
    if not parts:
        return None, []
    count = parts[0][1]
    problems = []
    content: dict[int, bytes] = {}
    for part in parts:
        number = part[0]
        if part[1] != count:
            problems.append(f"one part of the ICC profile says that there are {count}, another {part[1]}")
        elif not 1 <= number <= count:
            problems.append(f"a part number {number} of {count} of the ICC profile")
        elif number in content:
            problems.append(f"part {number} of {count} of the ICC profile is there twice")
        content.setdefault(number, part[2:])
    missing = [number for number in range(1, count + 1) if number not in content]
    problems += [f"part {number} of {count} of the ICC profile is missing" for number in missing]
    if not problems and not any(content.values()):
        problems.append("the ICC profile is empty")
    return (None if problems else b"".join(content[n] for n in range(1, count + 1))), problems


def gather_metadata(segments: Iterable[Segment]) -> Metadata:
    """Collect the metadata of a file; of several segments of a kind the last counts."""
    version, density, transform, exif, thumbnail = None, None, None, None, None
    comments: list[bytes] = []
    problems: list[str] = []
    icc_parts: list[bytes] = []
    for segment in segments:
        if isinstance(segment, Comment):
            comments.append(segment.payload)
        if not isinstance(segment, AppData):
            continue
        payload = segment.payload
        if (found := jfif_version(segment)) is not None:
            version = found
            density = (payload[7], int.from_bytes(payload[8:10]), int.from_bytes(payload[10:12]))
        elif (code := adobe_transform(segment)) is not None:
            transform = code
        elif segment.n == 1 and payload.startswith(EXIF_HEADER):
            exif = payload[len(EXIF_HEADER) :]
        elif segment.n == 2 and payload.startswith(ICC_HEADER) and len(payload) >= 14:
            icc_parts.append(payload[len(ICC_HEADER) :])
        try:
            picture = jfif_thumbnail(segment)
        except ValueError as error:
            problems.append(str(error))
        else:
            thumbnail = thumbnail if picture is None else picture
    profile, icc_problems = join_icc_parts(icc_parts)
    problems += icc_problems
    return Metadata(version, density, transform, tuple(comments), exif, profile, thumbnail, tuple(problems))


def color_space(frame: FrameHeader, metadata: Metadata) -> str:
    """Tell what the components are.

    ``"grey"``, ``"YCbCr"``, ``"RGB"``, ``"CMYK"``, ``"YCCK"`` or ``"unknown"``.

    Notes
    -----
    The rule is libjpeg's (``jdapimin.c``). For three components: a JFIF segment means YCbCr; else Adobe's
    transform 0 means RGB and others YCbCr; else the identifiers "R", "G", "B" mean RGB and others YCbCr, or
    RGB in a lossless process unless they are 1, 2, 3. For four: Adobe's transform 0, or none, means CMYK and
    others YCCK.
    """
    count = len(frame.components)
    transform = metadata.adobe_transform
    if count == 1:
        return "grey"
    if count == 4:
        return "YCCK" if transform else "CMYK"
    if count != 3:
        return "unknown"
    if metadata.jfif_version is not None:
        return "YCbCr"
    if transform is not None:
        return "RGB" if transform == 0 else "YCbCr"
    identifiers = bytes(component.component_id for component in frame.components)
    if frame.is_lossless:
        return "YCbCr" if identifiers == b"\x01\x02\x03" else "RGB"
    return "RGB" if identifiers == b"RGB" else "YCbCr"


# --------------------------------------------------------------------------------------------------
# Writing


def jfif_segment(
    version: tuple[int, int] = (1, 1),
    density: tuple[int, int, int] = (0, 1, 1),
    thumbnail: Array | None = None,
) -> AppData:
    """Make a JFIF segment (T.871, 10.1).

    Parameters
    ----------
    version : (int, int)
        Major, which is 1, and minor.
    density : (int, int, int)
        The unit – 0 none, so that the others are a ratio, 1 per inch, 2 per centimetre – and the horizontal
        and vertical density, 1 ... 65535.
    thumbnail : ndarray of uint8, shape (H, W, 3), optional
        Each side 1 ... 255, at most 21839 pixels, so that it fits the segment.

    Raises
    ------
    TypeError, ValueError
        If an argument is wrong.

    Examples
    --------
    >>> jfif_segment(density=(1, 300, 300)).payload.hex(" ")
    '4a 46 49 46 00 01 01 01 01 2c 01 2c 00 00'
    """
    major, minor = version
    unit, horizontal, vertical = density
    header = bytes(
        (checked_integer("major version", major, 1, 1), checked_integer("minor version", minor, 0, 255))
    )
    header += bytes((checked_integer("unit of density", unit, 0, 2),))
    for value in (horizontal, vertical):
        header += checked_integer("density", value, 1, 0xFFFF).to_bytes(2)
    if thumbnail is None:
        return AppData(0, b"JFIF\x00" + header + bytes(2))
    if thumbnail.dtype != np.uint8 or thumbnail.ndim != 3 or thumbnail.shape[2] != 3:
        raise ValueError(f"thumbnail is {thumbnail.dtype} {thumbnail.shape}, must be uint8 (H, W, 3)")
    height, width = thumbnail.shape[:2]
    if not (1 <= height <= 255 and 1 <= width <= 255):
        raise ValueError(f"thumbnail has shape {thumbnail.shape}, each side must be 1 ... 255")
    payload = b"JFIF\x00" + header + bytes((width, height)) + thumbnail.tobytes()
    return AppData(0, _fitting("a JFIF segment with this thumbnail", payload))


def adobe_segment(transform: int) -> AppData:
    """Make Adobe's segment as libjpeg does: version 100, no flags, and the transform.

    Parameters
    ----------
    transform : int
        0 for RGB and CMYK, 1 for YCbCr, 2 for YCCK.

    Examples
    --------
    >>> adobe_segment(2).payload
    b'Adobe\\x00d\\x00\\x00\\x00\\x00\\x02'
    """
    transform = checked_integer("transform", transform, 0, 2)
    return AppData(14, b"Adobe" + bytes((0, 100, 0, 0, 0, 0, transform)))


def exif_segment(exif: bytes) -> AppData:
    """Make an Exif segment.

    Parameters
    ----------
    exif : bytes
        A TIFF structure of at most 65527 bytes; ``Exif`` and two zeros may stand before it.
    """
    payload = exif if exif.startswith(EXIF_HEADER) else EXIF_HEADER + exif
    return AppData(1, _fitting("an Exif segment", payload))


def icc_segments(profile: bytes) -> list[AppData]:
    """Cut an ICC profile into segments (ICC.1, B.4).

    Parameters
    ----------
    profile : bytes
        1 ... 255 · 65519 bytes.

    Returns
    -------
    list of AppData
        Every one but the last as long as a segment can be.

    Examples
    --------
    >>> [len(segment.payload) for segment in icc_segments(bytes(70_000))]
    [65533, 4495]
    """
    if not 1 <= len(profile) <= 255 * ICC_PART:
        raise ValueError(f"an ICC profile of {len(profile)} bytes, allowed are 1 ... {255 * ICC_PART}")
    parts = [profile[start : start + ICC_PART] for start in range(0, len(profile), ICC_PART)]
    return [
        AppData(2, ICC_HEADER + bytes((number, len(parts))) + part) for number, part in enumerate(parts, 1)
    ]


def comment_segment(comment: str | bytes) -> Comment:
    """Make a comment of at most 65533 bytes; a string becomes UTF-8."""
    return Comment(checked_comment(comment))


def _fitting(what: str, payload: bytes) -> bytes:
    if len(payload) > MAX_PAYLOAD:
        raise ValueError(f"{what} has {len(payload)} bytes, at most {MAX_PAYLOAD} fit")
    return payload
