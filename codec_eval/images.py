"""Pictures in and out of files: what goes into a measurement must be an honest original.

`read_picture` gives uint8 samples, grey or RGB, exactly as the file holds them, with a note for whatever
was done on the way (turned upright, say); where 8-bit grey or RGB cannot hold the picture it raises
instead of guessing:

=====================================  =======================================================
bilevel, grey, RGB                     as they are (0 and 255 for bilevel)
palette                                RGB
EXIF orientation                       turned as a viewer shows it: no sample changes its value
alpha, fully opaque                    dropped: it says nothing
alpha with transparency                `ValueError`: the colour behind would be a guess
more than 8 bits, floats               `ValueError`
CMYK, YCbCr, Lab, HSV                  `ValueError`: conversion rounds, or needs a profile
several frames                         the first
colour profile (ICC)                   set aside: the numbers are compared as stored
=====================================  =======================================================

JPEG 2000 and AVIF files deeper than 8 bits are the exception: Pillow has already reduced them when it
hands them over.
"""

from __future__ import annotations

import io
import os
import secrets
import warnings
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import PIL.Image
from PIL import ImageOps

from codec_eval.codec import Image

__all__ = ["Picture", "default_photograph", "load", "read_picture", "save_png", "write_atomically"]

_EXIF_ORIENTATION = 0x0112


@dataclass(frozen=True)
class Picture:
    """A picture to be measured.

    Parameters
    ----------
    pixels : ndarray of uint8, shape (H, W) or (H, W, 3)
        The samples.
    name : str
        What to call it: the file's name.
    notes : tuple of str
        What was done to it and what to bear in mind, one sentence each.
    """

    pixels: Image
    name: str
    notes: tuple[str, ...] = ()


def load(path: str | os.PathLike[str]) -> Image:
    """The samples of `read_picture`, without name and notes."""
    return read_picture(path).pixels


def read_picture(path: str | os.PathLike[str]) -> Picture:
    """Read a picture file through Pillow, by the rules at the top of this file.

    Parameters
    ----------
    path : path-like
        Of a PNG, BMP, TIFF, WebP, PPM, JPEG … file.

    Returns
    -------
    Picture
        Grey for bilevel and grey files, RGB otherwise.

    Raises
    ------
    OSError
        If the file cannot be read.
    ValueError
        If it is not a picture, is damaged, or holds what 8-bit grey or RGB cannot.
    """
    path = Path(path)
    with path.open("rb") as file:
        try:
            with warnings.catch_warnings():
                # Large is fine here; past twice that limit Pillow raises, and so do we.
                warnings.simplefilter("ignore", PIL.Image.DecompressionBombWarning)
                with PIL.Image.open(file) as opened:
                    return _to_picture(opened, path.name)
        except _NotMeasurable as error:
            raise ValueError(f"{path}: {error}") from None
        except PIL.UnidentifiedImageError:
            raise ValueError(f"{path}: not a picture that Pillow can open") from None
        except Exception as error:  # Pillow's readers raise nearly anything for a damaged file
            raise ValueError(f"{path}: cannot be read as a picture: {error}") from error


def default_photograph() -> Picture:
    """The photograph that Matplotlib ships, cropped off its own 8×8 grid: 504×592 RGB pixels.

    Notes
    -----
    "Grace Hopper" is a public domain portrait by the United States Navy, 512×600, stored as a JPEG file.
    On the block grid of that file most coefficients are multiples of its quantisation steps already: at
    quality 75 it seems to survive with 40.99 dB, against 34.95 dB four pixels aside. So rows 4–595 and
    columns 4–507 are taken: half a block from the grid, and whole blocks of 8.
    """
    # Matplotlib is slow to import, and only this function and plots.py need it.
    from matplotlib import cbook

    picture = read_picture(Path(str(cbook.get_sample_data("grace_hopper.jpg", asfileobj=False))))
    note = (
        "Matplotlib's sample photograph, itself a JPEG file: cropped to start at row 4, column 4, half a "
        "block off its own 8×8 grid, where compressing it again would look better than it is."
    )
    return Picture(np.ascontiguousarray(picture.pixels[4:596, 4:508]), picture.name, (note,))


def save_png(path: str | os.PathLike[str], image: Image) -> None:
    """Write a picture as PNG, whole or not at all.

    Parameters
    ----------
    path : path-like
        Where to; a file there is replaced.
    image : ndarray of uint8, shape (H, W) or (H, W, 3)
        The picture.

    Raises
    ------
    TypeError, ValueError
        If `image` has another dtype or shape.
    OSError
        If the file cannot be written.
    """
    if not isinstance(image, np.ndarray) or image.dtype != np.uint8:
        raise TypeError(
            f"image is {getattr(image, 'dtype', type(image).__name__)}: an array of uint8 is needed"
        )
    if image.size == 0 or not (image.ndim == 2 or (image.ndim == 3 and image.shape[2] == 3)):
        raise ValueError(f"image has shape {image.shape}: (H, W) or (H, W, 3) is needed, not empty")
    file = io.BytesIO()
    PIL.Image.fromarray(image).save(file, format="PNG")
    write_atomically(path, file.getvalue())


def write_atomically(path: str | os.PathLike[str], data: bytes) -> None:
    """Write a file so that `path` never holds half of it: a temporary beside it, then a rename.

    Parameters
    ----------
    path : path-like
        Where to; a file there is replaced.
    data : bytes
        All of the file.

    Raises
    ------
    OSError
        If it cannot be written; nothing is left behind then.
    """
    path = Path(path)
    temporary = path.with_name(f".{secrets.token_hex(8)}.part")  # not longer than the file systems allow
    try:
        with temporary.open("xb") as file:
            file.write(data)
        temporary.replace(path)
    finally:
        with suppress(OSError):
            temporary.unlink()


class _NotMeasurable(Exception):
    """The picture is fine, but 8-bit grey or RGB cannot hold it."""


def _to_picture(opened: PIL.Image.Image, name: str) -> Picture:
    """The samples of an opened file and the notes about them."""
    if _deeper_than_8_bits(opened):
        raise _NotMeasurable("has more than 8 bits a sample; reduce it to 8 bits first")
    notes = []
    if opened.format in ("JPEG", "MPO"):
        notes.append(
            f"{name} is a JPEG file itself: compressed again on the same 8×8 grid, it looks better than a "
            "fresh picture would."
        )
    if getattr(opened, "n_frames", 1) > 1:
        notes.append(f"{name} has {getattr(opened, 'n_frames', 1)} frames: the first is taken.")
    # Asked before loading: `exif_transpose` removes it from the turned copy.
    if opened.getexif().get(_EXIF_ORIENTATION, 1) not in (0, 1):
        notes.append(f"{name} is turned upright as its EXIF orientation says.")
    picture = _to_grey_or_rgb(ImageOps.exif_transpose(opened))
    return Picture(np.array(picture, dtype=np.uint8), name, tuple(notes))


def _to_grey_or_rgb(picture: PIL.Image.Image) -> PIL.Image.Image:
    """Mode ``"L"`` or ``"RGB"``, without changing what is seen."""
    if picture.mode not in ("1", "L", "LA", "P", "PA", "RGB", "RGBX", "RGBA"):
        raise _NotMeasurable(f"is stored as {picture.mode}; convert it to 8-bit grey or RGB first")
    plain = "L" if picture.mode in ("1", "L", "LA") else "RGB"
    if picture.has_transparency_data:
        with_alpha = picture.convert("LA" if plain == "L" else "RGBA")
        if with_alpha.getchannel("A").getextrema()[0] != 255:
            raise _NotMeasurable("has transparent pixels; flatten it onto a background first")
        picture = with_alpha
    return picture if picture.mode == plain else picture.convert(plain)


def _deeper_than_8_bits(opened: PIL.Image.Image) -> bool:
    """Whether the *file* has more than 8 bits a sample; Pillow opens 16-bit RGB as plain "RGB".

    The depth shows only in how the raw data is to be unpacked, such as ``"RGB;16B"``, or for PPM in the
    largest sample value.
    """
    if opened.mode.startswith(("I", "F")):
        return True
    for tile in getattr(opened, "tile", ()):
        arguments = tile[3] if isinstance(tile[3], tuple) else (tile[3],)
        if tile[0] in ("ppm", "ppm_plain") and any(isinstance(a, int) and a > 255 for a in arguments):
            return True
        if tile[0] == "SGI16" or any(
            isinstance(a, str) and ";16" in a and not a.startswith("BGR;16") for a in arguments
        ):
            return True
    return False
