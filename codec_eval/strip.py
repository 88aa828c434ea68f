"""The "same bits" strip: one piece of a picture, as each codec gives it back from nearly equal bytes.

A curve says that a codec is 2 dB better; the strip shows what that looks like, and where the loss went.
Every panel shows the same piece, pixel for pixel at a whole-numbered zoom, and below it the signed
difference from the original: mid-grey where nothing was lost, brighter where the decoded picture is
brighter, four times amplified, the same for all. The piece is the most detailed one of the original
(`codec_eval.plots.detail_region`), so it was chosen before any codec was seen.
"""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import PIL.Image

from codec_eval.codec import Image
from codec_eval.plots import detail_region
from codec_eval.rate_control import Match

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["CROP", "GAIN", "Panel", "Strip", "build_strip", "encode_png", "signed_difference", "strip_figure"]

CROP = (104, 60)
"""Height and width of the piece in pixels: three times as wide, six stand side by side on a page."""

GAIN = 4
"""How much the difference is amplified: ±32 grey levels fill the scale."""

_MOST_COLUMNS, _ZOOM = 6, 3
_MARGIN, _GAP, _BETWEEN, _HEAD, _CAPTION = 24, 16, 6, 62, 92  # px of the PNG
_INK, _FAINT, _FRAME = "#1a1a1a", "#5f5f5f", (255, 176, 0)


@dataclass(frozen=True, eq=False)
class Panel:
    """One column of the strip.

    Parameters
    ----------
    name : str
        The codec's, or "original".
    caption : sequence of str
        Short lines below: what it cost, what it kept.
    crop : ndarray of uint8, shape (h, w) or (h, w, 3)
        The piece.
    below : ndarray of uint8
        Its signed difference; for the original the whole picture, small, with the piece framed.
    """

    name: str
    caption: Sequence[str]
    crop: Image
    below: Image


@dataclass(frozen=True, eq=False)
class Strip:
    """All panels, the original first.

    Parameters
    ----------
    picture : str
        The original's name.
    target : str
        What all codecs were to meet.
    row, column : int
        Top left corner of the piece.
    panels : sequence of Panel
    """

    picture: str
    target: str
    row: int
    column: int
    panels: Sequence[Panel]

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the piece."""
        height, width = self.panels[0].crop.shape[:2]
        return height, width

    @property
    def where(self) -> str:
        """``"rows 8–103, columns 40–119"``, counted from 0."""
        height, width = self.size
        return f"rows {self.row}–{self.row + height - 1}, columns {self.column}–{self.column + width - 1}"


def signed_difference(original: Image, decoded: Image, *, gain: int = GAIN) -> Image:
    """Draw what was lost as a picture.

    Parameters
    ----------
    original, decoded : ndarray of uint8, of one shape
    gain : int
        How much one grey level of difference is worth.

    Returns
    -------
    ndarray of uint8, of that shape
        128 + gain · (decoded − original), clipped to 0–255; each channel by itself.

    Raises
    ------
    ValueError
        If the shapes differ.
    """
    if original.shape != decoded.shape:
        raise ValueError(f"original has shape {original.shape}, decoded {decoded.shape}: they must be equal")
    difference = np.subtract(decoded, original, dtype=np.int32)
    return np.clip(128 + gain * difference, 0, 255).astype(np.uint8)


def build_strip(
    name: str, original: Image, matches: Sequence[Match], *, crop: tuple[int, int] = CROP
) -> Strip:
    """Cut the piece out of the original and out of what each codec made of it.

    Parameters
    ----------
    name : str
        The picture's.
    original : ndarray of uint8, shape (H, W) or (H, W, 3)
    matches : sequence of Match
        Of this picture, all for one target.
    crop : (int, int)
        Height and width of the piece; less where the picture is smaller.

    Returns
    -------
    Strip

    Raises
    ------
    ValueError
        If there is no match.
    """
    if not matches:
        raise ValueError("no codec to show")
    height, width = min(crop[0], original.shape[0]), min(crop[1], original.shape[1])
    row, column = detail_region(original, height, width)
    piece = (slice(row, row + height), slice(column, column + width))
    size = f"{original.shape[1]} × {original.shape[0]}"
    panels = [Panel("original", (size,), original[piece], _overview(original, row, column, height, width))]
    for match in matches:
        trial = match.trial
        psnr = f"{trial.psnr:.2f} dB" if math.isfinite(trial.psnr) else "lossless"
        caption = [f"{trial.bits_per_pixel:.3f} bpp", psnr, f"quality {trial.quality}"]
        if not match.reached:
            caption.append("the nearest it can")
        decoded = trial.decoded[piece]
        panels.append(Panel(match.codec.name, caption, decoded, signed_difference(original[piece], decoded)))
    return Strip(name, str(matches[0].target), row, column, panels)


def encode_png(image: Image) -> bytes:
    """Return the samples as a PNG file."""
    file = io.BytesIO()
    PIL.Image.fromarray(image).save(file, format="PNG", optimize=True)
    return file.getvalue()


def strip_figure(strip: Strip, *, zoom: int = _ZOOM) -> Figure:
    """Draw the strip, pixel for pixel; save it by `codec_eval.plots.render_png`.

    Parameters
    ----------
    strip : Strip
    zoom : int
        Pixels of the figure for a pixel of the piece.

    Returns
    -------
    matplotlib.figure.Figure
        With a canvas of Agg, at most six panels beside each other.
    """
    from matplotlib import rc_context
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    height, width = (side * zoom for side in strip.size)
    column_width = max(width, 190)  # room for captions
    count = len(strip.panels)
    rows = math.ceil(count / _MOST_COLUMNS)
    columns = math.ceil(count / rows)
    row_height = 2 * height + _BETWEEN + _CAPTION
    full_width = max(2 * _MARGIN + columns * column_width + (columns - 1) * _GAP, 660)
    full_height = _MARGIN + _HEAD + rows * row_height + (rows - 1) * _GAP + _MARGIN // 2
    with rc_context({"font.family": "sans-serif", "font.sans-serif": ["DejaVu Sans"]}):
        figure = Figure(figsize=(full_width / 100, full_height / 100), dpi=100, facecolor="white")
        FigureCanvasAgg(figure)
        sheet = _Sheet(figure, full_width, full_height)
        sheet.write(_MARGIN, _MARGIN + 14, f"{strip.picture} at {strip.target}", bold=True, size=11.5)
        sheet.write(
            _MARGIN,
            _MARGIN + 36,
            f"{strip.where}, {zoom}×; below: decoded − original, {GAIN}× amplified, mid-grey is no loss",
        )
        for index, panel in enumerate(strip.panels):
            row, column = divmod(index, columns)
            left = _MARGIN + column * (column_width + _GAP)
            top = _MARGIN + _HEAD + row * (row_height + _GAP)
            sheet.show(left, top, _enlarge(panel.crop, zoom))
            below = panel.below if index == 0 else _enlarge(panel.below, zoom)
            sheet.show(left, top + height + _BETWEEN, _fit(below, height, width))
            base = top + 2 * height + _BETWEEN
            sheet.write(left, base + 19, panel.name, bold=True)
            for line, text in enumerate(panel.caption):
                sheet.write(left, base + 36 + 16 * line, text)
    return figure


class _Sheet:
    """A figure in which places are pixels from the top left corner."""

    def __init__(self, figure: Figure, width: int, height: int) -> None:
        self.figure, self.width, self.height = figure, width, height

    def show(self, left: int, top: int, samples: Image) -> None:
        """Put samples on the sheet, one pixel for each."""
        if samples.ndim == 2:
            samples = np.stack([samples] * 3, axis=-1)
        height, width = samples.shape[:2]
        axes = self.figure.add_axes(
            (
                left / self.width,
                (self.height - top - height) / self.height,
                width / self.width,
                height / self.height,
            )
        )
        axes.set_axis_off()
        axes.imshow(samples, aspect="auto", interpolation="none", resample=False)

    def write(self, left: int, baseline: int, text: str, *, bold: bool = False, size: float = 9.0) -> None:
        """Write a line."""
        self.figure.text(
            left / self.width,
            1 - baseline / self.height,
            text,
            va="baseline",
            fontsize=size,
            fontweight="bold" if bold else "normal",
            color=_INK if bold else _FAINT,
            parse_math=False,
        )


def _enlarge(image: Image, zoom: int) -> Image:
    return image.repeat(zoom, axis=0).repeat(zoom, axis=1)


def _fit(image: Image, height: int, width: int) -> Image:
    """Reduce a picture until it fits; the overview is made for a zoom of 3."""
    if image.shape[0] <= height and image.shape[1] <= width:
        return image
    picture = PIL.Image.fromarray(image)
    picture.thumbnail((width, height), PIL.Image.Resampling.LANCZOS)
    return np.asarray(picture)


def _overview(original: Image, row: int, column: int, height: int, width: int) -> Image:
    """The whole picture, as large as a panel at a zoom of 3, with a frame around the piece; RGB."""
    colour = original if original.ndim == 3 else np.stack([original] * 3, axis=-1)
    picture = PIL.Image.fromarray(colour)
    scale = min(1.0, _ZOOM * height / colour.shape[0], _ZOOM * width / colour.shape[1])
    size = (max(1, round(colour.shape[1] * scale)), max(1, round(colour.shape[0] * scale)))
    small = np.array(picture.resize(size, PIL.Image.Resampling.LANCZOS))
    top, bottom = round(row * scale), min(size[1], round((row + height) * scale))
    left, right = round(column * scale), min(size[0], round((column + width) * scale))
    if scale < 1:
        for thickness, shade in ((2, (0, 0, 0)), (1, _FRAME)):  # seen on any background
            frame = np.zeros(small.shape[:2], bool)
            frame[
                max(0, top - thickness) : bottom + thickness, max(0, left - thickness) : right + thickness
            ] = True
            frame[top:bottom, left:right] = False
            small[frame] = shade
    return small
