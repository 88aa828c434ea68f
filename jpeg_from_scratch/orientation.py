"""Exif orientation: which way up a picture is meant to be seen.

A camera held upright turns no pixels; it writes down how it was held. The Orientation tag of Exif says where
row 0 and column 0 of the stored picture belong, as one of the eight symmetries of a rectangle:

    1  as stored              5  transposed
    2  mirrored               6  turned by 90°, clockwise
    3  turned by 180°         7  transposed over the other diagonal
    4  mirrored top to bottom 8  turned by 270°, clockwise

(what is to be *done* to see it upright). Exif is a TIFF structure: two letters for the byte order, the number
42, the offset of a directory; a directory is a count and entries of 12 bytes – tag, type, number of values,
and the value itself if it fits into 4 bytes. Offsets in a file may point anywhere, so each is checked before
it is followed, and none is followed twice.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from ._types import Array

__all__ = ["SYMMETRIES", "Symmetry", "exif_orientation", "oriented", "set_orientation", "set_size"]

EXIF_HEADER = b"Exif\x00\x00"
ORIENTATION = 0x0112
EXIF_DIRECTORY = 0x8769
IMAGE_WIDTH, IMAGE_HEIGHT = 0xA002, 0xA003
SHORT, LONG = 3, 4
INTEGER_SIZES = {SHORT: 2, LONG: 4}
ENTRY = 12


# --------------------------------------------------------------------------------------------------
# The eight symmetries


class Symmetry(NamedTuple):
    """A symmetry of the rectangle: rows and columns change places first, then the order of each is reversed.

    Attributes
    ----------
    transposed : bool
    vertical, horizontal : bool
        Whether top and bottom, left and right change places (of the transposed picture).
    """

    transposed: bool
    vertical: bool
    horizontal: bool


SYMMETRIES = {
    1: Symmetry(False, False, False),
    2: Symmetry(False, False, True),
    3: Symmetry(False, True, True),
    4: Symmetry(False, True, False),
    5: Symmetry(True, False, False),
    6: Symmetry(True, False, True),
    7: Symmetry(True, True, True),
    8: Symmetry(True, True, False),
}


def oriented(pixels: Array, orientation: int) -> Array:
    """Turn a picture upright.

    Parameters
    ----------
    pixels : ndarray, shape (H, W) or (H, W, C)
        As stored.
    orientation : int
        1 ... 8, the value of the Exif tag.

    Returns
    -------
    ndarray, shape (H, W, ...) or, for 5 ... 8, (W, H, ...)
        The array itself for 1, a copy otherwise.

    Raises
    ------
    ValueError
        If there is no such orientation.

    Examples
    --------
    >>> oriented(np.array([[1, 2, 3], [4, 5, 6]]), 6)
    array([[4, 1],
           [5, 2],
           [6, 3]])
    """
    if orientation not in SYMMETRIES:
        raise ValueError(f"orientation={orientation!r}, allowed are 1 ... 8")
    symmetry = SYMMETRIES[orientation]
    turned = pixels.swapaxes(0, 1) if symmetry.transposed else pixels
    turned = turned[::-1] if symmetry.vertical else turned
    turned = turned[:, ::-1] if symmetry.horizontal else turned
    return np.ascontiguousarray(turned)


# --------------------------------------------------------------------------------------------------
# The tag


def exif_orientation(exif: bytes | None) -> int:
    """Return the orientation that an Exif payload states.

    Parameters
    ----------
    exif : bytes or None
        The TIFF structure, with or without ``Exif`` and two zeros before it.

    Returns
    -------
    int
        1 ... 8; 1 if nothing, nothing legible or no possible value is stated. Never an error.

    Examples
    --------
    >>> exif_orientation(set_orientation(b"", 6)), exif_orientation(b"no TIFF structure")
    (6, 1)
    """
    tiff = _Tiff(exif or b"")
    for offset in tiff.entries(tiff.first_directory, ORIENTATION):
        value = tiff.value(offset)
        if value >= 0:
            return value if value in SYMMETRIES else 1
    return 1


def set_orientation(exif: bytes, orientation: int) -> bytes:
    """Return an Exif payload with another orientation.

    Parameters
    ----------
    exif : bytes
        As for `exif_orientation`. If it is empty, a structure is made that holds nothing else.
    orientation : int
        1 ... 8.

    Returns
    -------
    bytes
        Changed in the value only, where there is a tag; without a tag, unchanged for orientation 1, and for
        others with a new first directory at the end, so that no other offset has to change.

    Raises
    ------
    ValueError
        If there is no such orientation, or if a tag has to be added to what is no TIFF structure.
    """
    if orientation not in SYMMETRIES:
        raise ValueError(f"orientation={orientation!r}, allowed are 1 ... 8")
    tiff = _Tiff(exif)
    found = list(tiff.entries(tiff.first_directory, ORIENTATION))
    for offset in found:
        tiff.put_entry(offset, ORIENTATION, SHORT, orientation)
    if not found and orientation != 1:
        tiff.add_entry(ORIENTATION, SHORT, orientation)
    return tiff.bytes()


def set_size(exif: bytes, height: int, width: int) -> bytes:
    """Return an Exif payload with another size of the picture, where it states one.

    Notes
    -----
    The tags are ExifImageWidth and ExifImageHeight of the Exif directory; like jpegtran, no others are
    changed, and none is added.
    """
    tiff = _Tiff(exif)
    for pointer in tiff.entries(tiff.first_directory, EXIF_DIRECTORY):
        directory = tiff.value(pointer)
        for tag, size in ((IMAGE_WIDTH, width), (IMAGE_HEIGHT, height)):
            for offset in tiff.entries(directory, tag):
                tiff.put_entry(offset, tag, LONG, size)
        break
    return tiff.bytes()


# --------------------------------------------------------------------------------------------------
# TIFF structures


class _Tiff:
    """A TIFF structure whose numbers are read, and written, with their bounds checked."""

    def __init__(self, exif: bytes) -> None:
        self.header = EXIF_HEADER if exif.startswith(EXIF_HEADER) else b""
        self.data = bytearray(exif[len(self.header) :])
        self.big = self.data[:2] == b"MM"
        self.legible = self.data[:4] in (b"MM\x00\x2a", b"II\x2a\x00") and len(self.data) >= 8

    def bytes(self) -> bytes:
        return self.header + bytes(self.data)

    def number(self, offset: int, size: int) -> int:
        return int.from_bytes(self.data[offset : offset + size], "big" if self.big else "little")

    def put(self, offset: int, size: int, number: int) -> None:
        self.data[offset : offset + size] = number.to_bytes(size, "big" if self.big else "little")

    @property
    def first_directory(self) -> int:
        return self.number(4, 4) if self.legible else -1

    def directory(self, start: int) -> range:
        """The offsets of the entries of a directory, as far as they lie inside the data."""
        if not 0 <= start <= len(self.data) - 2:
            return range(0)
        stated, room = self.number(start, 2), (len(self.data) - start - 2) // ENTRY
        return range(start + 2, start + 2 + min(stated, room) * ENTRY, ENTRY)

    def entries(self, start: int, tag: int) -> Iterator[int]:
        """Yield the offsets of the entries of a directory with a tag."""
        return (offset for offset in self.directory(start) if self.number(offset, 2) == tag)

    def value(self, offset: int) -> int:
        """Return the value of an entry, the first of two SHORTs; −1 if it is no integer inside the entry."""
        size = INTEGER_SIZES.get(self.number(offset + 2, 2), 0)
        inside = 1 <= self.number(offset + 4, 4) * size <= 4
        return self.number(offset + 8, size) if inside else -1

    def put_entry(self, offset: int, tag: int, kind: int, value: int) -> None:
        self.data[offset : offset + ENTRY] = bytes(ENTRY)
        self.put(offset, 2, tag)
        self.put(offset + 2, 2, kind)
        self.put(offset + 4, 4, 1)
        self.put(offset + 8, INTEGER_SIZES[kind], value)

    def add_entry(self, tag: int, kind: int, value: int) -> None:
        """Append a copy of the first directory with one entry more; entries are in order of their tags."""
        if not self.data:
            self.data = bytearray(b"MM\x00\x2a\x00\x00\x00\x08\x00\x00\x00\x00\x00\x00")
            self.big = self.legible = True
        old = self.directory(self.first_directory)
        if not self.legible or self.first_directory > len(self.data) - 2 or len(old) == 0xFFFF:
            raise ValueError("the Exif payload is no TIFF structure to which a tag could be added")
        copies = [bytes(self.data[offset : offset + ENTRY]) for offset in old]
        next_directory = self.number(old.stop, 4)
        before = sum(self.number(offset, 2) < tag for offset in old)
        start = len(self.data) + len(self.data) % 2
        self.data += bytes(start - len(self.data) + 2 + (len(copies) + 1) * ENTRY + 4)
        self.put(4, 4, start)
        self.put(start, 2, len(copies) + 1)
        for i, entry in enumerate([*copies[:before], bytes(ENTRY), *copies[before:]]):
            self.data[start + 2 + i * ENTRY : start + 2 + (i + 1) * ENTRY] = entry
        self.put_entry(start + 2 + before * ENTRY, tag, kind, value)
        self.put(len(self.data) - 4, 4, next_directory)
