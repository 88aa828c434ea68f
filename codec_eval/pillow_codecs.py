"""Peers through Pillow that are not JPEG: JPEG 2000, WebP, AVIF.

Each says in its `description` which library did the work, in which version and with which settings, because
other settings are another codec: without its colour transform, OpenJPEG needs up to 2.7 times the bytes on
Kodak pictures.

Two numbers that look alike are not: the quality of one codec says nothing about that of another. Codecs are
compared at equal bits, or at equal distortion.
"""

from __future__ import annotations

import io
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import PIL
import PIL.Image
from PIL import features

from codec_eval.codec import Image

__all__ = ["Avif", "Jpeg2000", "WebP", "avif_available", "decode_with_pillow"]


def decode_with_pillow(data: bytes, file_format: str) -> Image:
    """Decode a grey or RGB file.

    Parameters
    ----------
    data : bytes
        A complete file.
    file_format : str
        Pillow's name of the format, the only one that is tried: ``"JPEG2000"``.

    Returns
    -------
    ndarray of uint8, shape (H, W) or (H, W, 3)
        The picture.

    Raises
    ------
    ValueError
        If the file holds other samples than 8-bit grey or RGB.
    OSError
        If it is damaged, or of another format.
    """
    with PIL.Image.open(io.BytesIO(data), formats=(file_format,)) as picture:
        if picture.mode not in ("L", "RGB"):
            raise ValueError(f"data is a {file_format} file of mode {picture.mode}: grey or RGB is needed")
        return np.asarray(picture)


class _PillowCodec(ABC):
    """What these codecs share: a call of Pillow in each direction."""

    _format: ClassVar[str]

    @abstractmethod
    def _options(self, image: Image, quality: int) -> dict[str, Any]:
        """What is passed to ``PIL.Image.Image.save``."""

    def encode(self, image: Image, quality: int) -> bytes:
        """Compress uint8, ``(H, W)`` or ``(H, W, 3)``, into a complete file."""
        file = io.BytesIO()
        PIL.Image.fromarray(image).save(file, format=self._format, **self._options(image, quality))
        return file.getvalue()

    def decode(self, data: bytes) -> Image:
        """Decode a grey or RGB file; `ValueError` for other kinds."""
        return decode_with_pillow(data, self._format)


@dataclass(frozen=True)
class Jpeg2000(_PillowCodec):
    """JPEG 2000 (ITU-T T.800) by OpenJPEG: the irreversible 9/7 wavelet, one quality layer, one tile.

    Its encoder has no quality scale, it cuts the file where the picture reaches a wanted PSNR. The scale here
    is that target:

        PSNR = 20 dB + quality / 4,    20.25 dB (1) to 45 dB (100)

    and photographs meet it within 0.3 dB, with 0.7 dB less at the very top, where OpenJPEG's smallest
    quantisation step begins to show. More quality is never fewer bytes. Colour passes through the
    irreversible colour transform (``mct=1``); Pillow's default leaves it out.
    """

    _format = "JPEG2000"
    name: ClassVar[str] = "jpeg2000"
    suffix: ClassVar[str] = ".jp2"
    quality_range: ClassVar[tuple[int, int]] = (1, 100)
    useful_range: ClassVar[tuple[int, int]] = (15, 95)

    @property
    def description(self) -> str:
        """Encoder and version, transform, how the quality is understood."""
        return (
            f"OpenJPEG {features.version('jpg_2000')} in Pillow {PIL.__version__}; JP2 file, 9/7 wavelet, "
            "colour transform, one layer cut at PSNR = 20 dB + quality/4"
        )

    def _options(self, image: Image, quality: int) -> dict[str, Any]:
        return {
            "quality_mode": "dB",
            "quality_layers": [20 + quality / 4],
            "irreversible": True,
            "mct": 1 if image.ndim == 3 else 0,
        }


@dataclass(frozen=True)
class WebP(_PillowCodec):
    """Lossy WebP (VP8 intra frames) by libwebp, method 4, chroma 4:2:0; colour only: it has no grey."""

    _format = "WEBP"
    name: ClassVar[str] = "webp"
    suffix: ClassVar[str] = ".webp"
    quality_range: ClassVar[tuple[int, int]] = (0, 100)

    @property
    def description(self) -> str:
        """Encoder and version, settings."""
        return (
            f"libwebp {features.version('webp')} in Pillow {PIL.__version__}; lossy, method 4, chroma 4:2:0"
        )

    def encode(self, image: Image, quality: int) -> bytes:
        """Compress RGB; `ValueError` for grey, which the file could not tell from RGB."""
        if image.ndim == 2:
            raise ValueError("WebP has no grey pictures: convert the picture to RGB first")
        return super().encode(image, quality)

    def _options(self, image: Image, quality: int) -> dict[str, Any]:
        return {"quality": quality, "method": 4, "lossless": False}


@dataclass(frozen=True)
class Avif(_PillowCodec):
    """AVIF (AV1 intra frames) by libaom through libavif, in one thread.

    Parameters
    ----------
    subsampling : str
        Of the chroma of colour pictures, ``"4:2:0"`` or ``"4:4:4"``; grey ones have none.
    speed : int
        0 (slowest) to 10. At 6, libavif's default, a picture of 768×512 takes about half a second on one
        core; at 4 it takes some 2 s and gains some tenths of a decibel.

    Raises
    ------
    ValueError
        If a parameter is none of these.
    """

    subsampling: str = "4:2:0"
    speed: int = 6

    _format = "AVIF"
    suffix: ClassVar[str] = ".avif"
    quality_range: ClassVar[tuple[int, int]] = (0, 100)

    def __post_init__(self) -> None:
        if self.subsampling not in ("4:2:0", "4:4:4"):
            raise ValueError(f"subsampling is {self.subsampling!r}: Avif takes 4:2:0, 4:4:4")
        if self.speed not in range(11):
            raise ValueError(f"speed is {self.speed!r}: Avif takes 0 to 10")

    @property
    def name(self) -> str:
        """``"avif"``, with ``-444`` and ``-speed4`` and so on where they are not the default."""
        chroma = "" if self.subsampling == "4:2:0" else "-444"
        return "avif" + chroma + ("" if self.speed == 6 else f"-speed{self.speed}")

    @property
    def description(self) -> str:
        """Encoder, decoder and their versions, settings."""
        from PIL import _avif

        return (
            f"{_avif.codec_versions()} through libavif {features.version('avif')} in Pillow "
            f"{PIL.__version__}; speed {self.speed}, one thread, chroma {self.subsampling} (if colour)"
        )

    def _options(self, image: Image, quality: int) -> dict[str, Any]:
        return {
            "quality": quality,
            "speed": self.speed,
            "subsampling": self.subsampling if image.ndim == 3 else "4:0:0",
            "codec": "aom",
            "max_threads": 1,
        }


def avif_available() -> bool:
    """Whether this build of Pillow writes AVIF with libaom and reads it."""
    if not features.check_module("avif"):
        return False
    from PIL import _avif

    decoders = ("dav1d", "aom", "libgav1")
    return bool(_avif.encoder_codec_available("aom")) and any(map(_avif.decoder_codec_available, decoders))
