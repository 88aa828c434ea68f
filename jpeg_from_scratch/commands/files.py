"""Pictures and files, for the commands: read whole, written whole or not at all."""

from __future__ import annotations

import contextlib
import io
import secrets
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import JpegError

if TYPE_CHECKING:
    from PIL import Image

    from .._types import Samples

__all__ = ["named", "picture_format", "read_bytes", "read_picture", "write_bytes", "write_picture"]

NETPBM = {"PPM", "PGM"}


def read_picture(path: str, four_inks: bool = False) -> Samples:
    """Read a picture: 8 bits, grey or RGB; 16 bits, grey; with `four_inks` CMYK.

    Raises
    ------
    ValueError
        If it is no picture, or has what JPEG cannot hold.
    """
    from PIL import Image, ImageOps, UnidentifiedImageError

    data = read_bytes(path)
    try:
        with Image.open(io.BytesIO(data)) as opened:
            return np.asarray(_suitable(ImageOps.exif_transpose(opened), four_inks))
    except UnidentifiedImageError:
        raise ValueError(f"{path}: not a picture in a format that Pillow reads") from None
    except (OSError, ValueError, SyntaxError, EOFError, Image.DecompressionBombError) as error:
        raise ValueError(f"{path}: {error}") from None


def _suitable(picture: Image.Image, four_inks: bool) -> Image.Image:
    if picture.has_transparency_data:
        picture = picture.convert("RGBA")
        if picture.getchannel("A").getextrema() != (255, 255):
            raise ValueError("the picture is partly transparent, which JPEG cannot say; flatten it first")
        return picture.convert("RGB")
    if picture.mode in ("1", "L", "LA"):
        return picture.convert("L")
    if picture.mode in ("RGB", "RGBA", "P"):
        return picture.convert("RGB")
    if picture.mode.startswith("I;16"):
        return picture.convert("I;16")
    if picture.mode == "CMYK" and four_inks:
        return picture
    raise ValueError(
        f"the picture has the mode {picture.mode}; needed is grey or RGB of 8 bits, grey of 16 bits, "
        "or, with --color, CMYK"
    )


def picture_format(path: str, wanted: str | None) -> str:
    """Return Pillow's name of the format to be written, or ``"NPY"``."""
    from PIL import Image

    Image.init()
    suffix = Path(path).suffix.lower()
    if (wanted or suffix[1:]).upper() in ("NPY", *NETPBM):
        return (wanted or suffix[1:]).upper()
    if wanted is None:
        kind = "PNG" if path == "-" else Image.registered_extensions().get(suffix, "")
        message = f"{path}: the suffix {Path(path).suffix!r} names no picture format; try --format PNG"
    else:
        kind = {"JPG": "JPEG", "TIF": "TIFF"}.get(wanted.upper(), wanted.upper())
        message = f"--format {wanted}: unknown, allowed are PNG, PPM, BMP, TIFF, WEBP, NPY ..."
    if kind not in Image.SAVE:
        raise ValueError(message)
    return kind


def write_picture(path: str, pixels: Samples, kind: str, largest: int) -> None:
    """Write a picture in a format of `picture_format`; samples are 0 ... `largest`.

    Raises
    ------
    ValueError
        If the format cannot hold it.
    """
    from PIL import Image

    stream = io.BytesIO()
    channels = 1 if pixels.ndim == 2 else pixels.shape[2]
    if kind == "NPY":
        np.save(stream, pixels)
    elif kind in NETPBM and channels in (1, 3):
        height, width = pixels.shape[:2]
        stream.write(f"P{5 if channels == 1 else 6}\n{width} {height}\n{largest}\n".encode())
        stream.write(pixels.astype(">u2" if largest > 255 else np.uint8).tobytes())
    else:
        mode = {1: "L", 3: "RGB", 4: "CMYK"}.get(channels)
        if mode is None or (pixels.dtype != np.uint8 and channels > 1):
            bits = 8 * pixels.dtype.itemsize
            raise ValueError(
                f"{kind} holds no picture of {channels} channels of {bits} bits; try --format NPY"
            )
        options: dict[str, Any] = {"lossless": True} if kind == "WEBP" else {}
        picture = Image.fromarray(np.ascontiguousarray(pixels), mode if channels == 4 else None)
        try:
            picture.save(stream, kind, **options)
        except OSError as error:
            raise ValueError(f"{kind}: {error}; try --format TIFF or NPY") from None
    write_bytes(path, stream.getvalue())


def read_bytes(path: str) -> bytes:
    """Read a file; ``-`` is stdin."""
    return sys.stdin.buffer.read() if path == "-" else Path(path).read_bytes()


def write_bytes(path: str, data: bytes) -> None:
    """Write all of a file, or nothing: into a temporary file beside it, then rename."""
    if path == "-":
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
        return
    target = Path(path)
    if target.is_dir():
        raise IsADirectoryError(21, "Is a directory", path)
    temporary = target.with_name(f".{secrets.token_hex(8)}.part")
    try:
        with temporary.open("xb") as file:
            file.write(data)
        temporary.replace(target)
    except OSError as error:
        raise OSError(error.errno, error.strerror, path) from None
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()


@contextlib.contextmanager
def named(path: str) -> Iterator[None]:
    """Put the name of the file before an error about it."""
    try:
        yield
    except JpegError as error:
        raise ValueError(f"{path}: {error}") from error
