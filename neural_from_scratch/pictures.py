"""A photograph in, a file out: what the command needs to know about files.

Networks want numbers about zero and of about the size of one, channels first; files have bytes, channels
last. Both ways are here, and the writing of a file that is either complete or not there.
"""

from __future__ import annotations

import os
import secrets
import warnings
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import PIL.Image

__all__ = [
    "default_photograph",
    "read_photograph",
    "read_picture",
    "to_network",
    "to_pixels",
    "write_atomically",
]

Pixels = npt.NDArray[np.uint8]


def default_photograph() -> Path:
    """Return the photograph that comes with Matplotlib, found without importing it.

    It is a portrait of Grace Hopper, 512×600, by the United States Navy, in the public domain.

    Raises
    ------
    ValueError
        If Matplotlib, or its sample data, is not installed.
    """
    spec = find_spec("matplotlib")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        path = Path(folder, "mpl-data", "sample_data", "grace_hopper.jpg")
        if path.is_file():
            return path
    raise ValueError("Matplotlib's sample photograph is not installed: name one of yours")


def read_photograph(path: str | os.PathLike[str], most: int, least: int) -> Pixels:
    """Read a picture file through Pillow, upright and in colour; a large one is made smaller.

    Parameters
    ----------
    path : path-like
    most : int
        Pixels that it may have; with more it is averaged over squares of 2×2, 3×3 … pixels.
    least : int
        Rows and columns that it must have.

    Returns
    -------
    ndarray of uint8, shape (H, W, 3)
        Grey ones have three equal channels. Transparency is dropped: this is for looking, not for measuring
        codecs.

    Raises
    ------
    OSError
        If the file cannot be read.
    ValueError
        If it is no picture, is damaged, or is too small.
    """
    path = Path(path)
    picture = _opened(path).convert("RGB")
    factor = 1
    while picture.width * picture.height > most * factor**2:
        factor += 1
    if factor > 1:
        picture = picture.reduce(factor)
    if min(picture.size) < least:
        shape = f"{picture.width}×{picture.height}{f' (reduced by {factor})' if factor > 1 else ''}"
        raise ValueError(f"{path}: the picture is {shape}, at least {least}×{least} is needed")
    return np.array(picture, np.uint8)


def read_picture(path: str | os.PathLike[str]) -> Pixels:
    """Read a picture file that is to be compressed: as it is, or not at all.

    Parameters
    ----------
    path : path-like

    Returns
    -------
    ndarray of uint8, shape (H, W) or (H, W, 3)
        Grey for grey and bilevel files, RGB for colour and palettes; upright.

    Raises
    ------
    OSError
        If the file cannot be read.
    ValueError
        If it is no picture, is damaged, or is none of 8 bits in grey or RGB: transparency, more bits and
        other colour spaces would be lost without a word.
    """
    path = Path(path)
    picture = _opened(path)
    if picture.mode in ("1", "L"):
        return np.array(picture.convert("L"), np.uint8)
    if picture.has_transparency_data and picture.convert("RGBA").getchannel("A").getextrema() != (255, 255):
        raise ValueError(f"{path}: has transparent parts, which this format cannot hold")
    if picture.mode not in ("RGB", "RGBA", "LA", "P"):
        raise ValueError(f"{path}: has mode {picture.mode}; 8 bits a sample, grey or RGB, are needed")
    return np.array(picture.convert("L" if picture.mode == "LA" else "RGB"), np.uint8)


def _opened(path: Path) -> PIL.Image.Image:
    """Return the picture in a file, decoded and upright."""
    import PIL.Image  # only those who come with a file need Pillow
    from PIL import ImageOps

    with path.open("rb") as file:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", PIL.Image.DecompressionBombWarning)
                with PIL.Image.open(file) as opened:
                    picture = ImageOps.exif_transpose(opened)
                    picture.load()
                    return picture
        except PIL.UnidentifiedImageError:
            raise ValueError(f"{path}: not a picture that Pillow can open") from None
        except Exception as error:  # Pillow's readers raise nearly anything for a damaged file
            raise ValueError(f"{path}: cannot be read as a picture: {error}") from error


def to_network(pixels: Pixels) -> npt.NDArray[np.float32]:
    """Map (H, W, 3) of 0 … 255 to (1, 3, H, W) of −1 … 1.

    Examples
    --------
    >>> to_network(np.full((1, 1, 3), 255, np.uint8)).ravel()
    array([1., 1., 1.], dtype=float32)
    """
    return np.ascontiguousarray(pixels.transpose(2, 0, 1)[np.newaxis] / np.float32(127.5) - np.float32(1))


def to_pixels(samples: npt.NDArray[np.float32]) -> Pixels:
    """Map (1, 3, H, W) back: rounded to whole levels, what lies outside is clipped.

    Examples
    --------
    >>> to_pixels(np.array([-3, 0.1, 1], np.float32).reshape(1, 3, 1, 1)).ravel()
    array([  0, 140, 255], dtype=uint8)
    """
    levels = np.rint((samples[0].transpose(1, 2, 0) + 1) * 127.5)
    return np.clip(levels, 0, 255).astype(np.uint8)


def write_atomically(path: str | os.PathLike[str], data: bytes) -> None:
    """Write a file so that `path` never holds half of it: a temporary one beside it, then a rename.

    Raises
    ------
    OSError
        If it cannot be written; nothing is left behind then.
    """
    path = Path(path)
    temporary = path.with_name(f".{secrets.token_hex(8)}.part")
    try:
        with temporary.open("xb") as file:
            file.write(data)
        temporary.replace(path)
    finally:
        with suppress(OSError):
            temporary.unlink()
