"""Pictures of a file: where its bits went, and what its blocks hold.

`plot_bits` lays the cost of each place over the photograph. `plot_blocks` shows blocks as the file has them:
quantised coefficients, most of them zero, beside the samples that they become.

Figures are made without pyplot, so that nothing global is changed. The colours can be told apart with any
colour vision: `cividis` for amounts, `PuOr` for what is below and above zero.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from .._types import Array
from ..arguments import checked_bytes
from ..backend import get_backend
from ..color import rgb_to_ycbcr
from ..decoder import decode
from ..errors import JpegError
from ..jpeg_data import FrameHeader, JpegData, describe_process
from ..quantization import dequantize
from ..reader import MAX_MEMORY, MAX_PIXELS, MAX_SCANS, Limits, Reader
from .bit_counts import bits_per_block
from .block_trace import wanted_units

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["bits_per_pixel", "plot_bits", "plot_blocks", "render"]

Extent: TypeAlias = tuple[int, int, int, int]
"""Left, right, bottom and top of a picture, in pixels or samples."""

FORMATS = ("png", "svg", "pdf")
CELL = 8  # pixels
LARGEST_SIDE = 1600  # of a photograph in a figure, in pixels
AMOUNTS, SIGNED = "cividis", "PuOr"
INK, FAINT, MARK = "#222222", "#888888", "#d95f02"
STYLE: Any = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.titlelocation": "left",
    "text.color": INK,
    "axes.edgecolor": FAINT,
    "axes.labelcolor": INK,
    "xtick.color": FAINT,
    "ytick.color": FAINT,
    "axes.linewidth": 0.8,
    "text.parse_math": False,
    "svg.hashsalt": "jpeg-from-scratch",
}


# --------------------------------------------------------------------------------------------------
# Where the bits went


def plot_bits(data: bytes, *, name: str = "") -> Figure:
    """Draw the bits spent on each place over the photograph.

    Parameters
    ----------
    data : bytes
        The file.
    name : str
        What to call it.

    Returns
    -------
    matplotlib.figure.Figure
        With a canvas of Agg; `render` makes a file of it.

    Raises
    ------
    JpegError
        If nothing can be read.
    """
    data = checked_bytes(data)
    jpeg = _read(data)
    frame = jpeg.frame
    rates = bits_per_pixel(frame, bits_per_block(data))
    photograph = _photograph(data)
    with _style():
        width = 11.0
        height = 1.5 + (width - 2) / 2 * frame.height / frame.width
        figure = _figure(width, float(np.clip(height, 3.2, 11)))
        left, right = figure.subplots(1, 2)
        pixels = frame.width * frame.height
        title = f"{name}: " if name else ""
        figure.suptitle(
            f"{title}{len(data):,} bytes, {8 * len(data) / pixels:.3f} bits per pixel – "
            f"{frame.width} × {frame.height}, {describe_process(frame.marker)}",
            x=0.01,
            ha="left",
            fontsize=11,
        )
        extent: Extent = (0, frame.width, frame.height, 0)
        _show_photograph(left, photograph, extent, "The picture")
        _show_photograph(right, _grey(photograph), extent, f"Bits per pixel, in cells of {CELL} × {CELL}")
        image = right.imshow(
            rates,
            cmap=AMOUNTS,
            alpha=0.72,
            vmin=0,
            vmax=float(np.quantile(rates, 0.995)) or 1.0,
            extent=(0, CELL * rates.shape[1], CELL * rates.shape[0], 0),
            interpolation="nearest",
        )
        right.set(xlim=extent[:2], ylim=extent[2:])
        _bar(figure, right, image, extend="max").set_label("bits per pixel")
    return figure


def bits_per_pixel(frame: FrameHeader, counts: list[Array]) -> Array:
    """Spread the bits of blocks over the pixels that they code.

    Parameters
    ----------
    frame : FrameHeader
    counts : list of ndarray, shape (rows, columns)
        Of `bits_per_block`.

    Returns
    -------
    ndarray of float64
        Bits per pixel in cells of 8 × 8 pixels, shape (⌈height / 8⌉, ⌈width / 8⌉). A component of fewer
        samples has larger blocks: each cell has its share of the one that covers it.
    """
    rows, columns = -(-frame.height // CELL), -(-frame.width // CELL)
    total = np.zeros((rows, columns))
    for component, bits in zip(frame.components, counts):
        blocks = _in_blocks(bits) if frame.is_lossless else bits
        vertical, horizontal = component.v_samp / frame.v_max, component.h_samp / frame.h_max
        row = np.minimum(((np.arange(rows) + 0.5) * vertical).astype(int), blocks.shape[0] - 1)
        column = np.minimum(((np.arange(columns) + 0.5) * horizontal).astype(int), blocks.shape[1] - 1)
        total += blocks[np.ix_(row, column)] * (vertical * horizontal) / CELL**2
    return total


def _in_blocks(bits: Array) -> Array:
    """Add up the bits of samples in blocks of 8 × 8; those at the edges are filled up with their mean."""
    rows = np.add.reduceat(bits, np.arange(0, bits.shape[0], CELL), axis=0, dtype=np.float64)
    blocks = np.add.reduceat(rows, np.arange(0, bits.shape[1], CELL), axis=1)
    heights = np.diff(np.append(np.arange(0, bits.shape[0], CELL), bits.shape[0]))
    widths = np.diff(np.append(np.arange(0, bits.shape[1], CELL), bits.shape[1]))
    return blocks * CELL**2 / np.outer(heights, widths)


def _photograph(data: bytes) -> Array | None:
    """Return the picture in 0 ... 1, grey or RGB, reduced by whole numbers; None if it cannot be had."""
    try:
        pixels = np.asarray(decode(data, strict=False))
    except (JpegError, ValueError):
        return None
    step = -(-max(pixels.shape[:2]) // LARGEST_SIDE)
    pixels = pixels[::step, ::step]
    top = 255 if pixels.dtype == np.uint8 else max(1, int(pixels.max()))
    shown = pixels.astype(np.float64) / top
    if shown.ndim == 3 and shown.shape[2] == 4:  # CMYK as stored: inverted, as nearly all files have it
        shown = shown[..., :3] * shown[..., 3:]
    return shown if shown.ndim == 2 or shown.shape[2] == 3 else shown[..., 0]


def _grey(photograph: Array | None) -> Array | None:
    if photograph is None or photograph.ndim == 2:
        return photograph
    return rgb_to_ycbcr(np.rint(photograph * 255).astype(np.uint8))[..., 0] / 255


def _show_photograph(axes: Axes, picture: Array | None, extent: Extent, title: str) -> None:
    axes.set_title(title)
    axes.set_aspect("equal")
    axes.set_facecolor("#dddddd")
    if picture is not None:
        axes.imshow(picture, cmap="gray", vmin=0, vmax=1, extent=extent)
    axes.set(xlim=extent[:2], ylim=extent[2:])
    for side in axes.spines.values():
        side.set_visible(False)


# --------------------------------------------------------------------------------------------------
# What the blocks hold


def plot_blocks(
    data: bytes, mcu: tuple[int, int] = (0, 0), component: int = 0, *, name: str = "", around: int = 6
) -> Figure:
    """Draw quantised blocks and their samples around a place.

    Parameters
    ----------
    data : bytes
        The file.
    mcu : (int, int)
        Row and column of an MCU, as for `inspect`; its first block of the component is shown in numbers.
    component : int
        Of the frame.
    name : str
        What to call the file.
    around : int
        How many blocks are shown on each side.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    JpegError
        If nothing can be read.
    ValueError
        If there is no such MCU or component, or if the process is lossless: it has no blocks.
    """
    jpeg = _read(checked_bytes(data))
    frame = jpeg.frame
    row, column = _first_block(frame, mcu, component)
    table = jpeg.quantization_tables()[component]
    if table is None:
        raise ValueError(f"component {component} is in no scan")
    steps = table.array()
    rows, columns = frame.block_shape(component)
    window = (
        slice(max(0, row - around), min(rows, row + around + 1)),
        slice(max(0, column - around), min(columns, column + around + 1)),
    )
    blocks = jpeg.coefficients[component][window]
    height, width = 8 * blocks.shape[0], 8 * blocks.shape[1]
    samples = get_backend("fast").coefficients_to_plane(
        np.ascontiguousarray(blocks), steps, height, width, frame.precision
    )
    place = row - window[0].start, column - window[1].start
    corner = 8 * window[1].start, 8 * window[0].start
    top = (1 << frame.precision) - 1
    with _style():
        figure = _figure(11, 9.2)
        halves: Any = figure.subfigures(2, 1, height_ratios=(1.35, 1))
        left, right = halves[0].subplots(1, 2)
        title = f"{name}: " if name else ""
        figure.suptitle(
            f"{title}component {component} (Ci = {frame.components[component].component_id}), "
            f"blocks around row {row}, column {column}",
            x=0.01,
            ha="left",
            fontsize=11,
        )
        extent = (corner[0], corner[0] + width, corner[1] + height, corner[1])
        left.imshow(samples, cmap="gray", vmin=0, vmax=top, extent=extent, interpolation="nearest")
        _grid(left, extent, place, "Samples")
        _coefficient_map(figure, right, blocks.swapaxes(1, 2).reshape(height, width), extent, place)
        block = blocks[place]
        values = dequantize(block, steps, frame.precision)
        pixels = samples[8 * place[0] : 8 * place[0] + 8, 8 * place[1] : 8 * place[1] + 8]
        quantized, dequantized, decoded = halves[1].subplots(1, 3)
        _numbers(quantized, block, "This block: quantized Sq")
        _numbers(dequantized, values, "× step size Q: dequantized R")
        _numbers(decoded, pixels, "inverse DCT and level shift: samples", top)
    return figure


def _first_block(frame: FrameHeader, mcu: tuple[int, int], component: int) -> tuple[int, int]:
    if frame.is_lossless:
        raise ValueError(f"{describe_process(frame.marker)}: a lossless process has no blocks")
    _, row, column = wanted_units(frame, mcu, component)[0]
    return row, column


def _coefficient_map(
    figure: Figure, axes: Axes, values: Array, extent: Extent, place: tuple[int, int]
) -> None:
    """Draw quantised coefficients."""
    norm = _signed_norm(values)
    most = int(norm.vmax)
    image = axes.imshow(values, cmap=SIGNED, norm=norm, extent=extent, interpolation="nearest")
    _grid(axes, extent, place, "Quantized coefficients, DC at the top left of each block")
    bar = _bar(figure, axes, image)
    ticks = [tick for tick in (1, 10, 100, 1000, 10000) if tick <= most]
    bar.set_ticks([*(-tick for tick in reversed(ticks)), 0, *ticks])
    bar.set_ticklabels([str(tick).replace("-", "−") for tick in bar.get_ticks().astype(int)])
    bar.ax.minorticks_off()


def _signed_norm(values: Array) -> Any:
    """Return a scale around zero on which ones stay visible beside a large DC coefficient."""
    from matplotlib.colors import SymLogNorm

    most = max(2, int(np.abs(values).max()))
    return SymLogNorm(1, linscale=0.6, vmin=-most, vmax=most, base=10)


def _grid(axes: Axes, extent: Extent, place: tuple[int, int], title: str) -> None:
    """Draw lines between blocks, and a frame around one."""
    from matplotlib.patches import Rectangle

    axes.set_title(title)
    axes.set_xticks(range(extent[0], extent[1] + 1, 8), minor=True)
    axes.set_yticks(range(extent[3], extent[2] + 1, 8), minor=True)
    axes.grid(which="minor", color=FAINT, linewidth=0.4, alpha=0.6)
    axes.tick_params(which="both", length=0)
    corner = extent[0] + 8 * place[1], extent[3] + 8 * place[0]
    axes.add_patch(Rectangle(corner, 8, 8, fill=False, edgecolor="white", linewidth=3.2))
    axes.add_patch(Rectangle(corner, 8, 8, fill=False, edgecolor=MARK, linewidth=1.8))


def _numbers(axes: Axes, values: Array, title: str, top: int = 0) -> None:
    """Draw a block as a table: samples 0 ... `top`, or signed coefficients."""
    from matplotlib.colors import Normalize

    norm = Normalize(0, top) if top else _signed_norm(values)
    image = axes.imshow(values, cmap="gray" if top else SIGNED, norm=norm)
    size = 8 if np.abs(values).max() < 1000 else 6.5
    for (row, column), value in np.ndenumerate(values):
        red, green, blue, _ = image.cmap(norm(value))
        dark = 0.3 * red + 0.59 * green + 0.11 * blue < 0.5
        color = "white" if dark else INK if value or top else FAINT
        text = str(value).replace("-", "−")
        axes.text(column, row, text, ha="center", va="center", fontsize=size, color=color)
    axes.set_title(title)
    axes.set_xticks([])
    axes.set_yticks([])
    for side in axes.spines.values():
        side.set_visible(False)


# --------------------------------------------------------------------------------------------------
# Files and figures


def render(figure: Figure, kind: str = "png") -> bytes:
    """Return a figure as a file: ``"png"``, ``"svg"`` or ``"pdf"``; `ValueError` for another kind."""
    if kind not in FORMATS:
        raise ValueError(f"a figure as {kind!r}, allowed are {', '.join(FORMATS)}")
    stream = io.BytesIO()
    dates = {"png": {"Software": None}, "svg": {"Date": None}, "pdf": {"CreationDate": None}}
    with _style():
        figure.savefig(stream, format=kind, dpi=150, metadata=dates[kind])
    return stream.getvalue()


def _read(data: bytes) -> JpegData:
    """Read what can be read; the error of a file in which no scan can be."""
    reader = Reader(data, Limits(MAX_PIXELS, MAX_SCANS, MAX_MEMORY), get_backend("fast"), strict=False)
    try:
        reader.read()
    except JpegError:
        if not reader.scanned:
            raise
    return reader.jpeg


def _style() -> Any:
    from matplotlib import rc_context

    return rc_context(STYLE)


def _bar(figure: Figure, axes: Axes, image: Any, extend: Any = "neither") -> Any:
    """Draw a colour bar as high as the picture."""
    bar: Any = figure.colorbar(image, cax=axes.inset_axes((1.02, 0, 0.03, 1)), extend=extend)
    bar.solids.set_alpha(1)
    bar.outline.set_visible(False)
    return bar


def _figure(width: float, height: float) -> Figure:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    return figure
