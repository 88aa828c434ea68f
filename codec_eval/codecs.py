"""The JPEGs of the bench: ours, and libjpeg's through Pillow as its peer.

Each comes with the default Huffman tables (the ones printed in T.81, Annex K.3) and with tables
optimised for the picture (Annex K.2). The two differ by several per cent of the bytes, so a JPEG that
something is compared with is named by encoder, subsampling and Huffman tables. Peers of other formats are in
`codec_eval.pillow_codecs`; `codec_eval.registry` knows them all by name.
"""

from __future__ import annotations

import io
import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import ClassVar

import PIL
import PIL.Image
from PIL import ImageFile, features

import jpeg_from_scratch
from codec_eval.codec import Codec, Image
from codec_eval.pillow_codecs import decode_with_pillow
from jpeg_from_scratch import sampling

__all__ = ["PILLOW_SUBSAMPLINGS", "SUBSAMPLINGS", "OurJpeg", "PillowJpeg", "jpeg_codecs"]

SUBSAMPLINGS = tuple(sampling.SUBSAMPLINGS)
"""The names that our encoder knows."""

PILLOW_SUBSAMPLINGS = ("4:4:4", "4:2:2", "4:2:0")
"""The names that Pillow knows; it takes ``"4:1:1"`` without complaint and writes 4:2:0."""


@dataclass(frozen=True)
class _Jpeg(ABC):
    """What both JPEG codecs share: their settings and how those are named.

    Parameters
    ----------
    subsampling : str
        Of the chroma of colour pictures; grey ones have none.
    optimize : bool
        Huffman tables made for the picture instead of those of Annex K.3.
    progressive : bool
        Spectral selection and successive approximation, in libjpeg's standard script of scans. The Huffman
        tables are then always optimised, whatever `optimize` says.
    """

    subsampling: str = "4:2:0"
    optimize: bool = False
    progressive: bool = False

    useful_range: ClassVar[tuple[int, int]] = (5, 95)

    _maker: ClassVar[str]
    _known: ClassVar[tuple[str, ...]] = SUBSAMPLINGS

    def __post_init__(self) -> None:
        if self.subsampling not in self._known:
            raise ValueError(
                f"subsampling is {self.subsampling!r}: {type(self).__name__} takes {', '.join(self._known)}"
            )
        if self.progressive:
            object.__setattr__(self, "optimize", True)

    @property
    def name(self) -> str:
        """``"jpeg-ours"``, with ``-444`` and so on unless 4:2:0, and with how it is coded.

        That is ``-progressive`` or ``-optimised``, and nothing where neither applies.
        """
        chroma = "" if self.subsampling == "4:2:0" else "-" + self.subsampling.replace(":", "")
        coding = "-progressive" if self.progressive else "-optimised" if self.optimize else ""
        return self._maker + chroma + coding

    @property
    def description(self) -> str:
        """Encoder and version, subsampling, Huffman tables."""
        waves = "; progressive" * self.progressive
        return f"{self._encoder()}{waves}; chroma {self.subsampling} (if colour); {self._codes()}"

    def _codes(self) -> str:
        return f"Huffman tables {'optimised for the picture' if self.optimize else 'of T.81 Annex K.3'}"

    @property
    def suffix(self) -> str:
        """``".jpg"``."""
        return ".jpg"

    @property
    def quality_range(self) -> tuple[int, int]:
        """1 to 100, the scale of libjpeg."""
        return 1, 100

    @abstractmethod
    def _encoder(self) -> str:
        """Program and version."""


@dataclass(frozen=True)
class OurJpeg(_Jpeg):
    """The JPEG of `jpeg_from_scratch`.

    Parameters
    ----------
    subsampling, optimize, progressive
        As the name of each says: chroma, Huffman tables, scans.
    arithmetic : bool
        The arithmetic coder of T.81 in place of Huffman codes; `optimize` then has nothing to say.

    Raises
    ------
    ValueError
        If `subsampling` is not one of `SUBSAMPLINGS`.
    """

    arithmetic: bool = False

    _maker = "jpeg-ours"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.arithmetic:
            object.__setattr__(self, "optimize", False)

    @property
    def name(self) -> str:
        """As for all, with ``-arithmetic`` behind where it applies."""
        return super().name + "-arithmetic" * self.arithmetic

    def encode(self, image: Image, quality: int) -> bytes:
        """Compress with `jpeg_from_scratch.encode`."""
        return jpeg_from_scratch.encode(
            image,
            quality,
            subsampling=None if image.ndim == 2 else self.subsampling,
            optimize=self.optimize,
            progressive=self.progressive,
            arithmetic=self.arithmetic,
        )

    def decode(self, data: bytes) -> Image:
        """Decode with `jpeg_from_scratch.decode`."""
        return jpeg_from_scratch.decode(data)

    def _codes(self) -> str:
        return "arithmetic coding" if self.arithmetic else super()._codes()

    def _encoder(self) -> str:
        return f"jpeg_from_scratch {jpeg_from_scratch.__version__}"


@dataclass(frozen=True)
class PillowJpeg(_Jpeg):
    """The JPEG of Pillow, which is libjpeg-turbo in its own wheels.

    Parameters
    ----------
    subsampling, optimize, progressive
        As for `OurJpeg`.

    Raises
    ------
    ValueError
        If `subsampling` is not one of `PILLOW_SUBSAMPLINGS`.
    """

    _maker = "jpeg-pillow"
    _known = PILLOW_SUBSAMPLINGS

    def encode(self, image: Image, quality: int) -> bytes:
        """Compress with ``PIL.Image.save(format="JPEG")``."""
        options: dict[str, object] = {
            "quality": quality,
            "optimize": self.optimize,
            "progressive": self.progressive,
        }
        if image.ndim == 3:  # given for a grey picture, it would change the grey component's factors
            options["subsampling"] = self.subsampling
        file = io.BytesIO()
        with _room_for_whole_file(image.size) if self.optimize else nullcontext():
            PIL.Image.fromarray(image).save(file, format="JPEG", **options)
        return file.getvalue()

    def decode(self, data: bytes) -> Image:
        """Decode a grey or RGB file; `ValueError` for other kinds."""
        return decode_with_pillow(data, "JPEG")

    def _encoder(self) -> str:
        library = "libjpeg-turbo" if features.check_feature("libjpeg_turbo") else "libjpeg"
        version = features.version("libjpeg_turbo") or features.version("jpg")
        return f"{library} {version} in Pillow {PIL.__version__}"


def jpeg_codecs(subsampling: str = "4:2:0", *, grey: bool = False) -> list[Codec]:
    """Our JPEG beside Pillow's, first with default then with optimised Huffman tables.

    Parameters
    ----------
    subsampling : str
        One of `SUBSAMPLINGS`.
    grey : bool
        Whether the codecs are meant for grey pictures, which have no chroma: Pillow then takes part
        whatever `subsampling` says.

    Returns
    -------
    list of Codec
        Four, or two where Pillow does not know the subsampling.

    Raises
    ------
    ValueError
        For an unknown `subsampling`.
    """
    if grey:
        subsampling = "4:2:0"
    codecs: list[Codec] = []
    for optimize in (False, True):
        codecs.append(OurJpeg(subsampling, optimize))
        if subsampling in PILLOW_SUBSAMPLINGS:
            codecs.append(PillowJpeg(subsampling, optimize))
    return codecs


_maxblock_lock = threading.Lock()


@contextmanager
def _room_for_whole_file(samples: int) -> Iterator[None]:
    """Let Pillow's encoder buffer hold any file that so many samples can make.

    With optimised tables libjpeg writes the file in one piece, and Pillow guesses a buffer of one byte
    a pixel: noise in 4:4:4 fails ("Suspension not allowed here"). A sample costs at most 16 bits of
    code and 11 of magnitude, under 4 bytes; untouched pages of the buffer cost nothing.
    """
    with _maxblock_lock:
        before = ImageFile.MAXBLOCK
        ImageFile.MAXBLOCK = max(before, 4 * samples + 65536)
        try:
            yield
        finally:
            ImageFile.MAXBLOCK = before
