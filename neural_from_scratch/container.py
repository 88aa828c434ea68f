"""The file: twenty-odd bytes around the range coder's. Which model, which picture, and is all of it here?

======  ===========  ============================================================================
offset  bytes        field
======  ===========  ============================================================================
0       4            magic: ``9E 4E 46 53``, "NFS" behind a byte that no text begins with
4       1            version in the upper four bits (1), mode in the lower (1: grey, 3: RGB)
5       1            model_id: the number of the model, as ``models/`` lists them
6       1            quality: which of that model's weights
7       4            model_hash: the first bytes of a SHA-256 over tables and weights
11      1 to 5       width in pixels, a varint, 1 … 2^32 − 1
        1 to 5       height, the same
        1 to 5       length of the payload in bytes, the same, may be 0
        length       payload: what `range_coder` wrote
        4            checksum: CRC-32 of everything before it, the most significant byte first
======  ===========  ============================================================================

A *varint* (LEB128) is a number in groups of 7 bits, the lowest first; a byte that is not the last has bit 7
set. 768 is 0000110 0000000 in groups of seven, so the bytes 80 06. The last byte is never 0 but for the
number 0: each number is written in one way only.

A picture of Kodak's size costs 11 + 2 + 2 + 3 + 4 = 22 bytes. Below 2^28 pixels, and 2^28 bytes of payload,
it is never more than 24: sides of a and b bytes make 2^(7 (a + b − 2)) pixels at least, so that a + b ≤ 5.

**Trust.** The checksum is read before anything is believed, so that a flipped bit or a missing end is found
here, not as a strange picture. CRC-32 finds every error of up to three bits in files below 11 kB, of up to
two below 500 MB, and all but one in 2^32 of the others. It is no protection against a forger: sizes are held
against `max_pixels` before memory is asked for, and the payload's coder trusts nothing.

The hash answers another question: are the weights here those that the file was made with? Others would decode
it to noise and call it success. `model_hash` makes it; the caller, who knows the models, compares.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .errors import FormatError, LimitError

__all__ = ["GREY", "MAGIC", "MAX_PIXELS", "RGB", "VERSION", "Header", "model_hash", "pack", "unpack"]

MAGIC = b"\x9eNFS"
VERSION = 1
GREY, RGB = 1, 3
MAX_PIXELS = 1 << 28
HASH_BYTES = 4
CHECKSUM_BYTES = 4
LARGEST = (1 << 32) - 1  # of a varint
FIXED_BYTES = 11  # magic to hash


@dataclass(frozen=True)
class Header:
    """What a file says about itself.

    Attributes
    ----------
    model_id, quality : int
        0 … 255.
    model_hash : bytes
        Four.
    width, height : int
        In pixels, 1 … 2^32 − 1.
    mode : int
        `GREY` (1) or `RGB` (3).

    Raises
    ------
    TypeError, ValueError
        For a field out of its range.
    """

    model_id: int
    quality: int
    model_hash: bytes
    width: int
    height: int
    mode: int

    def __post_init__(self) -> None:
        for name, low, high in (
            *(("model_id", 0, 255), ("quality", 0, 255)),
            *(("width", 1, LARGEST), ("height", 1, LARGEST), ("mode", GREY, RGB)),
        ):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int):
                raise TypeError(f"{name} is a {type(value).__name__}, must be an int")
            if not low <= value <= high:
                raise ValueError(f"{name}={value}, must be {low} … {high}")
        if self.mode not in (GREY, RGB):
            raise ValueError(f"mode={self.mode}, must be {GREY} (grey) or {RGB} (RGB)")
        if not isinstance(self.model_hash, bytes) or len(self.model_hash) != HASH_BYTES:
            raise ValueError(f"model_hash={self.model_hash!r}, must be {HASH_BYTES} bytes")


def pack(header: Header, payload: bytes) -> bytes:
    """Return the file of a header and a payload.

    Raises
    ------
    ValueError
        If the payload has 2^32 bytes or more.

    Examples
    --------
    >>> data = pack(Header(1, 4, bytes.fromhex("01234567"), 768, 512, RGB), b"payload")
    >>> data.hex(" ")
    '9e 4e 46 53 13 01 04 01 23 45 67 80 06 80 04 07 70 61 79 6c 6f 61 64 a7 98 1d 00'
    >>> unpack(data)
    (Header(model_id=1, quality=4, model_hash=b'\\x01#Eg', width=768, height=512, mode=3), b'payload')
    """
    if len(payload) > LARGEST:
        raise ValueError(f"payload has {len(payload)} bytes, must be {LARGEST} at most")
    fixed = bytes((VERSION << 4 | header.mode, header.model_id, header.quality))
    sizes = b"".join(map(varint, (header.width, header.height, len(payload))))
    content = b"".join((MAGIC, fixed, header.model_hash, sizes, payload))
    return content + zlib.crc32(content).to_bytes(CHECKSUM_BYTES, "big")


def unpack(data: bytes, *, max_pixels: int | None = MAX_PIXELS) -> tuple[Header, bytes]:
    """Return the header and the payload of a file.

    Parameters
    ----------
    data : bytes-like
        The whole file, and nothing else.
    max_pixels : int or None
        Most pixels of a picture that is to be decoded; None: any number.

    Raises
    ------
    FormatError
        If this is not such a file, it is cut, something follows, a bit is wrong, or a field has no meaning.
    LimitError
        If it is sound, and the picture has more than `max_pixels` pixels.
    TypeError
        If `data` is no bytes.
    """
    if not isinstance(data, bytes | bytearray | memoryview):
        raise TypeError(f"data is a {type(data).__name__}, must be bytes")
    view = memoryview(data).cast("B")
    _check_beginning(bytes(view[: len(MAGIC) + 1]))
    if len(view) < FIXED_BYTES:
        raise FormatError(f"the file ends after {len(view)} bytes", offset=len(view), field="header")
    width, second = read_varint(view, FIXED_BYTES, "width")
    height, third = read_varint(view, second, "height")
    length, start = read_varint(view, third, "payload length")
    stop = start + length
    if len(view) != stop + CHECKSUM_BYTES:
        is_cut = len(view) < stop + CHECKSUM_BYTES
        raise FormatError(
            f"the file has {len(view)} bytes and should have {stop + CHECKSUM_BYTES}: it "
            + ("is cut" if is_cut else "goes on behind its end"),
            offset=len(view) if is_cut else stop + CHECKSUM_BYTES,
            field="payload",
        )
    found, stated = zlib.crc32(view[:stop]), int.from_bytes(view[stop:], "big")
    if found != stated:
        raise FormatError(
            f"{stated:08x}, but the bytes before it have {found:08x}: damaged", offset=stop, field="checksum"
        )
    for name, size, offset in (("width", width, FIXED_BYTES), ("height", height, second)):
        if not size:
            raise FormatError("0 pixels", offset=offset, field=name)
    mode = view[len(MAGIC)] & 15
    if mode not in (GREY, RGB):
        raise FormatError(f"{mode}, must be {GREY} (grey) or {RGB} (RGB)", offset=len(MAGIC), field="mode")
    if max_pixels is not None and width * height > max_pixels:
        raise LimitError("max_pixels", width * height, max_pixels)
    header = Header(view[5], view[6], bytes(view[7:FIXED_BYTES]), width, height, mode)
    return header, bytes(view[start:stop])


def model_hash(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """Return what names weights and tables in a file: the first four bytes of a SHA-256.

    Parameters
    ----------
    arrays : mapping of str to ndarray
        Everything that a decoder uses, weights as they are *kept* (float16, say), and the integer tables.

    Returns
    -------
    bytes
        Over names in the order of the alphabet, and of each its dtype, shape and numbers, little-endian: the
        same on any machine, and for any order of the mapping.

    Raises
    ------
    TypeError
        If an array holds anything but numbers.
    """
    digest = hashlib.sha256()
    for name in sorted(arrays):
        array = np.asarray(arrays[name])
        if array.dtype.kind not in "biuf":
            raise TypeError(f"{name} has dtype {array.dtype}, must be numbers")
        little = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))
        words = f"{name}\0{array.dtype.kind}{array.dtype.itemsize}\0{array.shape}\0"
        digest.update(words.encode("utf-8"))
        digest.update(little.tobytes())
    return digest.digest()[:HASH_BYTES]


def varint(number: int) -> bytes:
    """Return a number ≥ 0 as LEB128."""
    groups = bytearray()
    while number > 127:
        groups.append(number & 127 | 128)
        number >>= 7
    return bytes((*groups, number))


def read_varint(view: memoryview, start: int, field: str) -> tuple[int, int]:
    """Return the number that begins at `start`, and where the next field does; `FormatError` if none does."""
    number = 0
    for count, byte in enumerate(view[start : start + 5]):
        number |= (byte & 127) << 7 * count
        if byte < 128:
            if not byte and count:
                raise FormatError("a varint that ends with a needless 0", offset=start + count, field=field)
            if number > LARGEST:
                break
            return number, start + count + 1
    if len(view) < start + 5:
        raise FormatError("it ends here", offset=len(view), field=field)
    raise FormatError(f"a varint beyond {LARGEST}", offset=start, field=field)


def _check_beginning(beginning: bytes) -> None:
    if not beginning.startswith(MAGIC):
        found = beginning[: len(MAGIC)]
        if found and MAGIC.startswith(found):
            raise FormatError(f"the file ends after {len(found)} bytes", offset=len(found), field="magic")
        text = found.hex(" ") or "no bytes at all"
        raise FormatError(f"{text}, must be {MAGIC.hex(' ')}: another kind of file", offset=0, field="magic")
    if len(beginning) > len(MAGIC) and beginning[-1] >> 4 != VERSION:
        raise FormatError(
            f"{beginning[-1] >> 4}; this is a reader of version {VERSION}", offset=len(MAGIC), field="version"
        )
