"""One figure for one measurement: the original, the decoded picture, a crop of both, the error map.

The figure is laid out in pixels of the PNG, so that pictures are shown one to one (or in whole multiples
or fractions) and each pixel of the crop is exactly a square of 4×4: nothing is resampled behind the
reader's back. Matplotlib is imported here only and only when a figure is asked for; the figure is drawn
by Agg without `pyplot`, so it needs no display and leaves no global state.
"""

from __future__ import annotations

import io
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from codec_eval.codec import Image

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["comparison_figure", "detail_region", "error_map", "render_png"]

_DPI = 100
_LARGEST = 800  # a panel's longest side, in pixels
_NARROWEST, _LOWEST = 480, 160  # a panel's cell, so that its captions fit
_CROP_ZOOM, _CROP_GAP = 4, 8
_MARGIN, _GAP, _TITLE, _COLORBAR = 28, 36, 58, 78
_INK, _FAINT, _ACCENT = "#1a1a1a", "#5f5f5f", "#ffb000"
_STYLE: Any = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "text.color": _INK,
    "axes.edgecolor": "#b0b0b0",
    "axes.linewidth": 0.8,
    "image.interpolation": "nearest",
    "image.resample": False,
}


def error_map(original: Image, decoded: Image) -> NDArray[np.float64]:
    """The absolute error of each pixel, for colour the mean over its channels.

    Parameters
    ----------
    original, decoded : ndarray of uint8, shape (H, W) or (H, W, C)
        The two pictures.

    Returns
    -------
    ndarray of float64, shape (H, W)
        In grey levels, 0 to 255. Its mean is `codec_eval.metrics.mean_absolute_difference`.
    """
    original, decoded = np.atleast_3d(original), np.atleast_3d(decoded)
    error = np.zeros(original.shape[:2])
    for channel in range(original.shape[2]):  # one at a time: a third of the memory
        error += np.abs(np.subtract(original[..., channel], decoded[..., channel], dtype=np.float64))
    return error / original.shape[2]


def detail_region(image: Image, height: int, width: int) -> tuple[int, int]:
    """Where the picture has most detail: the top left corner of the region.

    Parameters
    ----------
    image : ndarray of uint8, shape (H, W) or (H, W, C)
        The picture.
    height, width : int
        Of the region, at most those of the picture.

    Returns
    -------
    row, column : int
        Of the region over which the local variance of the grey values (in 9×9 neighbourhoods) has the
        largest mean: texture wins over a single strong edge. The first such region in reading order, so
        the answer is always the same.
    """
    grey = image.mean(axis=2) if image.ndim == 3 else image.astype(np.float64)
    local_mean = ndimage.uniform_filter(grey, 9, mode="reflect")
    # Rounding can leave −1e-12 where the picture is flat.
    variance = np.maximum(ndimage.uniform_filter(grey * grey, 9, mode="reflect") - local_mean**2, 0)
    # An integral image gives the sum over every region by four look-ups.
    integral = np.pad(variance, ((1, 0), (1, 0))).cumsum(axis=0).cumsum(axis=1)
    sums = (
        integral[height:, width:]
        - integral[:-height, width:]
        - integral[height:, :-width]
        + integral[:-height, :-width]
    )
    # Rounded so that the last bits of a sum do not choose between equal regions.
    row, column = np.unravel_index(np.argmax(np.round(sums, 3)), sums.shape)
    return int(row), int(column)


def comparison_figure(
    original: Image, decoded: Image, *, name: str, codec: str, numbers: str, max_side: int = _LARGEST
) -> Figure:
    """Draw the figure.

    Parameters
    ----------
    original, decoded : ndarray of uint8, shape (H, W) or (H, W, 3)
        The two pictures.
    name : str
        What the original is called.
    codec : str
        What made the decoded one, with its settings.
    numbers : str
        The caption of the decoded picture: bytes, PSNR and so on.
    max_side : int
        Pictures with a longer side are shown reduced, by whole numbers.

    Returns
    -------
    matplotlib.figure.Figure
        With a canvas of Agg; save it by `render_png`.

    Raises
    ------
    ValueError
        If the pictures differ in shape.
    """
    if original.shape != decoded.shape:
        raise ValueError(f"original has shape {original.shape}, decoded {decoded.shape}: they must be equal")
    from matplotlib import rc_context
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    layout = _Layout.of(original.shape[0], original.shape[1], max_side)
    with rc_context(_STYLE):
        figure = Figure(
            figsize=(layout.figure_width / _DPI, layout.figure_height / _DPI), dpi=_DPI, facecolor="white"
        )
        FigureCanvasAgg(figure)
        shape = f"{original.shape[1]} × {original.shape[0]}, {'RGB' if original.ndim == 3 else 'grey'}"
        _title(figure, layout, 0, f"Original: {_printable(name)}", f"{shape}{layout.scale_note()}")
        _draw_picture(figure, layout, 0, layout.scaled(original))
        _title(figure, layout, 1, f"Decoded: {codec}", numbers)
        _draw_picture(figure, layout, 1, layout.scaled(decoded))
        _draw_crops(figure, layout, original, decoded)
        _draw_error(figure, layout, error_map(original, decoded), original.ndim == 3)
    return figure


def render_png(figure: Figure) -> bytes:
    """The figure as the bytes of a PNG file, pixel for pixel as it was laid out.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        Of `comparison_figure`.

    Returns
    -------
    bytes
        The file.
    """
    from matplotlib import rc_context

    file = io.BytesIO()
    with rc_context({**_STYLE, "savefig.bbox": None}):
        figure.savefig(file, format="png", dpi=_DPI)
    return file.getvalue()


@dataclass(frozen=True)
class _Layout:
    """Where things are, in pixels from the top left corner of the figure.

    Four cells: two rows of two, or one row for tall pictures. A picture is shown at ``enlarge`` or
    1 / ``reduce`` of its size, one of which is 1; a cell is at least wide enough for captions.
    """

    rows: int
    columns: int
    cell_height: int
    cell_width: int
    enlarge: int
    reduce: int

    @classmethod
    def of(cls, height: int, width: int, max_side: int) -> _Layout:
        """The layout for a picture of this size."""
        reduce = max(1, math.ceil(max(height, width) / max_side))
        enlarge = max(1, min(math.ceil(_NARROWEST / width), max_side // max(height, width)))
        cell_height = max(_LOWEST, math.ceil(height / reduce) * enlarge)
        cell_width = max(_NARROWEST, math.ceil(width / reduce) * enlarge)
        rows, columns = (1, 4) if cell_height > 1.3 * cell_width else (2, 2)
        return cls(rows, columns, cell_height, cell_width, enlarge, reduce)

    @property
    def figure_width(self) -> int:
        return 2 * _MARGIN + self.columns * self.cell_width + (self.columns - 1) * _GAP + _COLORBAR

    @property
    def figure_height(self) -> int:
        return 2 * _MARGIN + self.rows * (_TITLE + self.cell_height) + (self.rows - 1) * _GAP

    @property
    def stacked(self) -> bool:
        """Whether the two crops stand one above the other, as they do in a tall cell."""
        return self.cell_height > self.cell_width

    @property
    def crop_room(self) -> tuple[int, int]:
        """Height and width that each of the two crops may take."""
        if self.stacked:
            return (self.cell_height - _CROP_GAP) // 2, self.cell_width
        return self.cell_height, (self.cell_width - _CROP_GAP) // 2

    @property
    def zoom(self) -> int:
        """Pixels of the figure for a pixel of the crop: 4, unless the whole picture is enlarged as much.

        Then it is twice the picture's, as long as 8 pixels have room in each direction.
        """
        if self.enlarge <= 2:
            return _CROP_ZOOM
        return max(_CROP_ZOOM, min(2 * self.enlarge, min(self.crop_room) // 8))

    def corner(self, cell: int) -> tuple[int, int]:
        """Left and top of a cell's picture."""
        row, column = divmod(cell, self.columns)
        left = _MARGIN + column * (self.cell_width + _GAP)
        return left, _MARGIN + _TITLE + row * (self.cell_height + _TITLE + _GAP)

    def axes(self, figure: Figure, left: int, top: int, width: int, height: int) -> Axes:
        """Axes at exact pixels, with a frame and no ticks."""
        bottom = self.figure_height - top - height
        box = (
            left / self.figure_width,
            bottom / self.figure_height,
            width / self.figure_width,
            height / self.figure_height,
        )
        axes = figure.add_axes(box)
        axes.set_xticks([])
        axes.set_yticks([])
        axes.spines[:].set_visible(False)
        return axes

    def scaled(self, samples: NDArray[Any]) -> NDArray[Any]:
        """The picture at the size shown: pixels repeated, or averaged over squares."""
        if self.enlarge > 1:
            return samples.repeat(self.enlarge, axis=0).repeat(self.enlarge, axis=1)
        if self.reduce == 1:
            return samples
        rows = np.arange(0, samples.shape[0], self.reduce)
        columns = np.arange(0, samples.shape[1], self.reduce)
        # Row by row: the sums of a large picture need not exist all at once.
        sums = np.stack(
            [
                np.add.reduceat(
                    samples[row : row + self.reduce].sum(axis=0, dtype=np.float64), columns, axis=0
                )
                for row in rows
            ]
        )
        heights = np.minimum(self.reduce, samples.shape[0] - rows)
        widths = np.minimum(self.reduce, samples.shape[1] - columns)
        area = np.multiply.outer(heights, widths).reshape(*sums.shape[:2], *(1,) * (sums.ndim - 2))
        means = sums / area
        return np.rint(means).astype(np.uint8) if samples.dtype == np.uint8 else means

    def scale_note(self) -> str:
        """How the pictures are shown, unless that is one to one."""
        if self.enlarge > 1:
            return f" · shown at {self.enlarge}×"
        return (
            f" · shown at 1/{self.reduce}, averages of {self.reduce}×{self.reduce}" if self.reduce > 1 else ""
        )


def _title(figure: Figure, layout: _Layout, cell: int, title: str, caption: str) -> None:
    """A bold line and a faint one above a cell."""
    left, top = layout.corner(cell)
    lines: list[tuple[str, int, dict[str, Any]]] = [
        (title, 32, {"fontsize": 11.5, "fontweight": "bold", "color": _INK}),
        (caption, 11, {"fontsize": 9.5, "color": _FAINT}),
    ]
    for text, above, style in lines:
        figure.text(
            left / layout.figure_width,
            1 - (top - above) / layout.figure_height,
            text,
            va="baseline",
            ha="left",
            parse_math=False,  # a file name may hold dollar signs
            **style,
        )


def _show(axes: Axes, samples: NDArray[Any], **options: Any) -> Any:
    """Draw samples so that they fill the axes; uint8 is shown as it is, never stretched."""
    if samples.dtype == np.uint8 and samples.ndim == 2:
        samples = np.stack([samples] * 3, axis=-1)  # through a grey colour map some levels come out one off
    return axes.imshow(samples, aspect="auto", interpolation="none", **options)


def _draw_picture(figure: Figure, layout: _Layout, cell: int, samples: NDArray[Any], **options: Any) -> Any:
    left, top = layout.corner(cell)
    axes = layout.axes(figure, left, top, samples.shape[1], samples.shape[0])
    return _show(axes, samples, **options)


def _draw_crops(figure: Figure, layout: _Layout, original: Image, decoded: Image) -> None:
    """The region with most detail from both pictures, side by side or, in a tall cell, stacked."""
    zoom, stacked = layout.zoom, layout.stacked
    room_down, room_across = layout.crop_room
    height = min(original.shape[0], room_down // zoom)
    width = min(original.shape[1], room_across // zoom)
    # A picture that is shown reduced is searched as coarsely: the detail is found in less memory.
    step = layout.reduce
    found = detail_region(original[::step, ::step], max(1, height // step), max(1, width // step))
    row = min(found[0] * step, original.shape[0] - height)
    column = min(found[1] * step, original.shape[1] - width)
    where = f"rows {row}–{row + height - 1}, columns {column}–{column + width - 1}: the frame in the original"
    if (height, width) == original.shape[:2]:
        zoom = min(room_down // height, room_across // width)
        where = "the whole picture"
    else:
        _frame(figure.axes[0], layout, row, column, height, width)
    sides = "above, decoded below" if stacked else "left, decoded right"
    _title(figure, layout, 2, f"Crop at {zoom}×: original {sides}", where)
    left, top = layout.corner(2)
    for index, image in enumerate((original, decoded)):
        crop = image[row : row + height, column : column + width]
        crop = crop.repeat(zoom, axis=0).repeat(zoom, axis=1)
        right_by = 0 if stacked else index * (crop.shape[1] + _CROP_GAP)
        down_by = index * (crop.shape[0] + _CROP_GAP) if stacked else 0
        _show(layout.axes(figure, left + right_by, top + down_by, crop.shape[1], crop.shape[0]), crop)


def _frame(axes: Axes, layout: _Layout, row: int, column: int, height: int, width: int) -> None:
    """Show in the original where the crop is taken."""
    from matplotlib.patches import Rectangle

    scale = layout.enlarge / layout.reduce
    corner = (column * scale - 0.5, row * scale - 0.5)
    for color, line in (("black", 3.2), (_ACCENT, 1.6)):  # seen on any background
        axes.add_patch(
            Rectangle(corner, width * scale, height * scale, fill=False, edgecolor=color, linewidth=line)
        )


def _draw_error(figure: Figure, layout: _Layout, error: NDArray[np.float64], colour: bool) -> None:
    """The error map with its colour bar; Magma's lightness rises evenly: it needs no colour vision."""
    from matplotlib.ticker import MaxNLocator

    shown = layout.scaled(error)
    top_level = max(1.0, math.ceil(float(np.percentile(shown, 99.5))))
    over = float(shown.max()) > top_level
    _title(
        figure,
        layout,
        3,
        "Error map: |original − decoded|" + (", mean of R, G, B" if colour else ""),
        f"mean {error.mean():.2f}, largest {error.max():.1f} grey levels{layout.scale_note()}",
    )
    image = _draw_picture(figure, layout, 3, shown, cmap="magma", vmin=0, vmax=top_level)
    left, top = layout.corner(3)
    bar_axes = layout.axes(figure, left + shown.shape[1] + 14, top, 14, max(shown.shape[0], _LOWEST))
    bar = figure.colorbar(image, cax=bar_axes, extend="max" if over else "neither")
    bar.locator = MaxNLocator(8, integer=True)
    bar.update_ticks()
    bar.outline.set_visible(False)
    bar.set_label("grey levels", fontsize=9.5, color=_FAINT)
    bar.ax.tick_params(labelsize=9, length=3, color=_FAINT, labelcolor=_FAINT)


def _printable(text: str, longest: int = 36) -> str:
    """A name on one line that fits, without characters that no font draws."""
    clean = "".join(c if c.isprintable() else "�" for c in text)
    return clean if len(clean) <= longest else f"{clean[: longest // 2]}…{clean[-longest // 2 + 1 :]}"
