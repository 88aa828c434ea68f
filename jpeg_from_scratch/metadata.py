"""What a file says beside the picture: JFIF, Adobe, Exif, ICC, comments – and what its colours are.

T.81 does not say what the components of a picture mean. Application segments do: JFIF (T.871) says that one
component is grey and three are YCbCr; Adobe's APP14 names the transform; many files say nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from .jpeg_data import AppData, Comment, FrameHeader, Segment

__all__ = ["Metadata", "adobe_transform", "color_space", "gather_metadata", "jfif_version"]

EXIF_HEADER = b"Exif\x00\x00"
ICC_HEADER = b"ICC_PROFILE\x00"


@dataclass(frozen=True)
class Metadata:
    """What a file says beside the picture.

    `jfif_version` and `density` (unit, horizontal, vertical) are None without a JFIF segment;
    `adobe_transform` is None without an Adobe segment; `exif` is the TIFF structure of the Exif segment;
    `icc_profile` the profile put together from its segments, None if there is none or a part is missing.
    """

    jfif_version: tuple[int, int] | None = None
    density: tuple[int, int, int] | None = None
    adobe_transform: int | None = None
    comments: tuple[bytes, ...] = ()
    exif: bytes | None = None
    icc_profile: bytes | None = None


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


def gather_metadata(segments: Iterable[Segment]) -> Metadata:
    """Collect the metadata of a file; of several JFIF or Adobe segments the last counts."""
    version, density, transform, exif = None, None, None, None
    comments: list[bytes] = []
    icc_parts: dict[int, bytes] = {}
    icc_count = 0
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
            # ICC.1, B.4: sequence number from 1, count of parts, part of the profile
            icc_parts[payload[12]] = payload[14:]
            icc_count = payload[13]
    complete = icc_count > 0 and sorted(icc_parts) == list(range(1, icc_count + 1))
    profile = b"".join(icc_parts[n] for n in sorted(icc_parts)) if complete else None
    return Metadata(version, density, transform, tuple(comments), exif, profile)


def color_space(frame: FrameHeader, metadata: Metadata) -> str:
    """Tell what the components are: ``"grey"``, ``"YCbCr"``, ``"RGB"`` or ``"unknown"``.

    Notes
    -----
    The rule is libjpeg's (``jdapimin.c``). For three components: a JFIF segment means YCbCr; else Adobe's
    transform 0 means RGB and others YCbCr; else the identifiers "R", "G", "B" mean RGB and others YCbCr.
    """
    if len(frame.components) == 1:
        return "grey"
    if len(frame.components) != 3:
        return "unknown"
    if metadata.jfif_version is not None:
        return "YCbCr"
    if metadata.adobe_transform is not None:
        return "RGB" if metadata.adobe_transform == 0 else "YCbCr"
    identifiers = bytes(component.component_id for component in frame.components)
    return "RGB" if identifiers == b"RGB" else "YCbCr"
