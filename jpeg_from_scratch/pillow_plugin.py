"""A plugin for Pillow: `Image.open` reads the JPEG files that Pillow refuses, `Image.save` writes ours.

    >>> from jpeg_from_scratch.pillow_plugin import register_pillow
    >>> register_pillow()

Pillow asks its plugins in the order of a list, `Image.ID`, and goes on to the next where one raises
`SyntaxError`. Some JPEG files are refused when Pillow's own plugin opens them, others fail only when pixels
are asked for, and then nobody else is asked. So this plugin stands at the head of the list. It reads the
headers, up to the first scan, and takes a file only

* if Pillow's own plugin, tried on it, refuses it: sample precisions other than 8 bits; a height that is not
  in the frame header, but in a DNL segment; and whatever else makes it raise `SyntaxError`
* if Pillow would fail later: arithmetic-coded files of more than 64 KiB, which do not fit Pillow's buffer,
  and its decoder can not wait; lossless ones with arithmetic coding (SOF11); lossless YCbCr and YCCK files;
  ratios of sampling factors that are not whole, such as 3 : 2

From any other file it steps aside, and Pillow opens it as it would without this plugin.

Pixels are those of `decode`. One component gives mode "L", or "I;16" above 8 bits, samples as stored;
`info["precision"]` tells how many bits count. Three components give "RGB", or "YCbCr" for a lossless file in
that colour space, whose samples are not converted. Four give "CMYK", inverted as Pillow does with all JPEG
files. Pillow has no mode for colours of more than 8 bits: these are scaled to 8 bits; for all bits, call
`decode`. Two components, and more than four, are left to nobody.

This module imports Pillow, so nothing else in the package imports it.
"""

from __future__ import annotations

import io
import os
from typing import IO, Any

import numpy as np
from PIL import Image, ImageFile, JpegImagePlugin

from . import tables
from ._types import Array
from .decoder import decode, read
from .encoder import encode
from .errors import JpegError
from .jpeg_data import FrameHeader, Segment, describe_process
from .markers import is_standalone, parse_segment
from .metadata import EXIF_HEADER, Metadata, color_space, gather_metadata

__all__ = ["FORMAT", "JpegFromScratchFile", "register_pillow"]

FORMAT = "JPEG-FS"
PILLOW_BUFFER = 65536  # ImageFile.decodermaxblock: what an arithmetic-coded file must fit into
WRITABLE_MODES = ("L", "RGB", "CMYK", "I;16")


def register_pillow() -> None:
    """Make Pillow ask this plugin; a second call changes nothing."""
    Image.register_open(FORMAT, JpegFromScratchFile, _accept)
    Image.register_save(FORMAT, _save)
    Image.register_mime(FORMAT, "image/jpeg")
    Image.ID.remove(FORMAT)
    Image.ID.insert(0, FORMAT)


def _accept(prefix: bytes) -> bool:
    return prefix.startswith(b"\xff\xd8\xff")


# --------------------------------------------------------------------------------------------------
# Reading


class JpegFromScratchFile(ImageFile.ImageFile):
    """A JPEG file that Pillow can not read, opened; pixels are decoded when they are asked for.

    What is wrong with a file is found then, and is an `OSError`, as in Pillow. With
    `ImageFile.LOAD_TRUNCATED_IMAGES`, damaged files are read as by ``decode(strict=False)``.
    """

    format = FORMAT
    format_description = "JPEG (ITU-T T.81), read by jpeg_from_scratch"

    def _open(self) -> None:
        assert self.fp is not None
        try:
            frame, segments = _headers(self.fp)
        except JpegError as error:
            raise SyntaxError(str(error)) from error
        metadata = gather_metadata(segments)
        space = color_space(frame, metadata)
        if len(frame.components) not in (1, 3, 4):
            raise SyntaxError(f"no mode for {len(frame.components)} components")
        file_size = self.fp.seek(0, os.SEEK_END)
        if not _fails_late(frame, space, file_size) and not _is_refused(self.fp):
            raise SyntaxError("left to Pillow's own plugin")
        self._mode = _mode(frame, space)
        self._size = frame.width, frame.height or self._height_of_dnl()
        self._decoded = False
        self.precision = frame.precision
        self.info = _info(frame, metadata)

    def _height_of_dnl(self) -> int:
        try:
            return read(self._bytes(), strict=False).frame.height
        except JpegError as error:
            raise SyntaxError(str(error)) from error

    def _bytes(self) -> bytes:
        assert self.fp is not None
        self.fp.seek(0)
        return self.fp.read()

    def load(self) -> Any:
        """Decode, if that has not been done, and return access to the pixels."""
        if not self._decoded:
            pixels = self._pixels(self._bytes())
            if self.fp is not None and self._exclusive_fp:
                self.fp.close()
            self.fp = io.BytesIO(pixels.tobytes())
            self.tile = [ImageFile._Tile("raw", (0, 0, *self.size), 0, self.mode)]
            self._decoded = True
        return super().load()

    def _pixels(self, data: bytes) -> Array:
        width, height = self.size
        try:
            # Pillow has a limit of its own on the number of pixels, and has seen to it.
            pixels: Array = decode(
                data,
                strict=not ImageFile.LOAD_TRUNCATED_IMAGES,
                cmyk="inverted",
                max_pixels=width * height,
            )
        except JpegError as error:
            raise OSError(f"broken JPEG file: {error}") from error
        if pixels.ndim == 3 and self.precision > 8:
            largest = (1 << self.precision) - 1
            return ((pixels.astype(np.uint32) * 255 + largest // 2) // largest).astype(np.uint8)
        return pixels.astype("<u2") if self.precision > 8 else pixels


def _headers(stream: IO[bytes]) -> tuple[FrameHeader, list[Segment]]:
    """Read the frame header, and all application segments and comments up to the first scan."""
    stream.seek(0)
    if stream.read(2) != bytes((0xFF, tables.SOI)):
        raise SyntaxError("not a JPEG file")
    frame: FrameHeader | None = None
    segments: list[Segment] = []
    while True:
        marker = _next_marker(stream)
        if marker == tables.SOS and frame is not None:
            return frame, segments
        if is_standalone(marker) or marker == tables.SOS:
            raise SyntaxError("no scan behind a frame header")
        length = stream.read(2)
        segment_bytes = bytes((0xFF, marker)) + length + stream.read(max(int.from_bytes(length) - 2, 0))
        if marker in tables.PROCESSES or marker == tables.COM or tables.APP0 <= marker <= tables.APP15:
            segment, _ = parse_segment(segment_bytes, 0, marker, frame)
            segments.append(segment)
            frame = segment if isinstance(segment, FrameHeader) else frame


def _next_marker(stream: IO[bytes]) -> int:
    """Read a marker, and fill bytes before it (B.1.1.2 – Markers)."""
    byte = stream.read(1)
    if byte != b"\xff":
        raise SyntaxError("no marker where one is due")
    while byte == b"\xff":
        byte = stream.read(1)
    if not byte:
        raise SyntaxError("the file ends where a marker is due")
    return byte[0]


def _fails_late(frame: FrameHeader, space: str, file_size: int) -> bool:
    """Whether Pillow's own plugin opens a file, and fails when pixels are asked for."""
    if frame.marker == tables.SOF11:
        return True
    if any(frame.h_max % c.h_samp or frame.v_max % c.v_samp for c in frame.components):
        return True
    if frame.is_lossless:
        return space in ("YCbCr", "YCCK")
    return frame.is_arithmetic and file_size > PILLOW_BUFFER


def _is_refused(stream: IO[bytes]) -> bool:
    """Whether Pillow's own plugin refuses to open a file."""
    stream.seek(0)
    try:
        JpegImagePlugin.JpegImageFile(stream)
    except Exception:  # whatever it is, nobody will read the file with that plugin
        return True
    return False


def _mode(frame: FrameHeader, space: str) -> str:
    if len(frame.components) == 1:
        return "L" if frame.precision <= 8 else "I;16"
    if len(frame.components) == 4:
        return "CMYK"
    return "YCbCr" if frame.is_lossless and space == "YCbCr" else "RGB"


def _info(frame: FrameHeader, metadata: Metadata) -> dict[str | tuple[int, int], Any]:
    """Return what Pillow puts into `Image.info`, under its names."""
    info: dict[str | tuple[int, int], Any] = {
        "precision": frame.precision,
        "process": describe_process(frame.marker),
    }
    if frame.is_progressive:
        info["progressive"] = info["progression"] = 1
    if metadata.jfif_version is not None and metadata.density is not None:
        unit, *density = metadata.density
        info["jfif_version"], info["jfif_unit"], info["jfif_density"] = (
            metadata.jfif_version,
            unit,
            tuple(density),
        )
        if unit in (1, 2):
            per_inch = 1 if unit == 1 else 2.54
            info["dpi"] = tuple(value * per_inch for value in density)
    if metadata.adobe_transform is not None:
        info["adobe_transform"] = metadata.adobe_transform
    if metadata.exif is not None:
        info["exif"] = EXIF_HEADER + metadata.exif
    if metadata.icc_profile is not None:
        info["icc_profile"] = metadata.icc_profile
    if metadata.comments:
        info["comment"] = metadata.comments[-1]
    return info


# --------------------------------------------------------------------------------------------------
# Writing


def _save(image: Image.Image, stream: IO[bytes], filename: str | bytes) -> None:
    """Write a picture: ``image.save(..., format="JPEG-FS", quality=90, progressive=True)``.

    All options are those of `encode`, and no others; an unknown one is a `TypeError`. A picture of mode
    "I;16" becomes a file of 12 bits, or a lossless one of 16, unless `precision` says otherwise; one of mode
    "CMYK" is inverted.
    """
    if image.mode not in WRITABLE_MODES:
        modes = ", ".join(WRITABLE_MODES)
        raise OSError(f"cannot write mode {image.mode} as {FORMAT}, only {modes}")
    options = dict(image.encoderinfo)
    pixels: Array = np.asarray(image)
    if image.mode == "CMYK":
        pixels = 255 - pixels
        options.setdefault("color", "CMYK")
    if image.mode == "I;16":
        options.setdefault("precision", 16 if options.get("lossless") else 12)
    exif = options.get("exif")
    if isinstance(exif, Image.Exif):
        options["exif"] = exif.tobytes()
    stream.write(encode(pixels, **options))
