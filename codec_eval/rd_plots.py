"""Rate–distortion curves: one figure a measure, as SVG for a page and as PNG.

A curve is named where it ends, in a column on the right, so no legend has to be searched. The names are
spread so that none overlaps another, and a thin line leads from the curve to its name. Codecs are told
apart by colour, by marker and by dashes: any one of the three is enough. The colours are those of Okabe
and Ito [1]_ without their yellow, which is too light for lines on white.

Units: a figure is laid out in CSS pixels, which are the user units of the SVG, so the text of a figure that
is shown at its own width has the size that was meant. Equal input gives equal bytes.

References
----------
.. [1] M. Okabe, K. Ito, "Color Universal Design", 2008.
"""

from __future__ import annotations

import io
import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from codec_eval.bd_rate import decibels

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = [
    "MEASURES",
    "NARROW",
    "NOTES",
    "WIDE",
    "Curve",
    "Measure",
    "curve_style",
    "rd_figure",
    "render_png",
    "render_svg",
    "spread",
]

WIDE, NARROW = 540, 340
"""Widths of a figure in CSS pixels: half a page, and a phone."""

NOTES = "notes:"
"""Begins the identifier of a curve in the SVG, which is the notes of its points as JSON."""

_INK, _FAINT, _GRID, _GREY = "#1a1a1a", "#5f5f5f", "#e4e4e4", "#9a9a9a"
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#1a1a1a")
_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "p", "<", ">", "h")
_SOLID = "PX"  # too thin to be hollow
_DASHES: tuple[Any, ...] = ("-", (0, (5, 2)), (0, (1.5, 1.5)), (0, (6, 2, 1.5, 2)), (0, (3, 1, 1, 1, 1, 1)))
_TEXT, _NAME = 12.0, 11.5  # px
_TOP, _BOTTOM, _LEFT, _LEADER, _EDGE = 30, 46, 46, 26, 6  # px around the axes; leader: from axes to names
_LEAST_HEIGHT = {WIDE: 380, NARROW: 360}
_LINE, _NAME_GAP = 14.0, 3.0  # px: height of a line of a name, space between names
_STYLE: Any = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": _TEXT,
    "text.color": _INK,
    "text.parse_math": False,  # a codec's name may hold dollar signs
    "axes.edgecolor": _FAINT,
    "axes.linewidth": 0.8,
    "svg.fonttype": "none",
    "svg.hashsalt": "codec-eval",
    "savefig.bbox": None,
}


@dataclass(frozen=True)
class Measure:
    """A measure of quality: what a vertical axis shows.

    Parameters
    ----------
    key : str
        Fit for a file name.
    title, unit : str
        Unit is "" for a pure number.
    value : callable
        From a point to the measure, or None where it does not exist.
    decimals : int
        With which it is printed.
    """

    key: str
    title: str
    unit: str
    value: Callable[[Any], float | None]
    decimals: int

    @property
    def label(self) -> str:
        """Title and unit: ``"MS-SSIM, dB"``."""
        return f"{self.title}, {self.unit}" if self.unit else self.title

    def text(self, value: float | None) -> str:
        """A value as it is printed, without the unit; a missing one is "–"."""
        if value is None:
            return "–"
        return f"{value:.{self.decimals}f}" if math.isfinite(value) else "∞"


def _in_decibel(ms_ssim: float | None) -> float | None:
    return None if ms_ssim is None else float(decibels(ms_ssim))


MEASURES = (
    Measure("psnr", "PSNR (RGB)", "dB", lambda point: point.psnr, 2),
    Measure("psnr-luma", "PSNR (luma)", "dB", lambda point: point.psnr_y, 2),
    Measure("ssim", "SSIM", "", lambda point: point.ssim, 4),
    Measure("ms-ssim", "MS-SSIM", "", lambda point: point.ms_ssim, 4),
    Measure("ms-ssim-db", "MS-SSIM", "dB", lambda point: _in_decibel(point.ms_ssim), 2),
)


@dataclass(frozen=True)
class Curve:
    """One codec on one figure.

    Parameters
    ----------
    name : str
        As it is printed.
    points : sequence of (float, float)
        Rate in bits per pixel, and the measure.
    style : int or None
        Which colour, marker and dashes (`curve_style`); None for a published curve, thin and grey.
    notes : sequence of str
        What a browser shows when a point is pointed at, one for each point, or none at all.
    """

    name: str
    points: Sequence[tuple[float, float]]
    style: int | None = None
    notes: Sequence[str] = ()


def curve_style(index: int) -> tuple[str, str, Any]:
    """Colour, marker and dashes of the codec with this number; none repeats as a whole for 385 codecs."""
    return _COLOURS[index % 7], _MARKERS[index % 11], _DASHES[index % 5]


def rd_figure(measure: Measure, curves: Sequence[Curve], *, width: int = WIDE) -> Figure:
    """Draw the curves of one measure over the rate.

    Parameters
    ----------
    measure : Measure
        For title and axis.
    curves : sequence of Curve
        Points in any order; those at a rate of 0 or a value that is not finite are left out.
    width : int
        `WIDE` or `NARROW`; the height follows, so that all names have room.

    Returns
    -------
    matplotlib.figure.Figure
        With a canvas of Agg, 72 dots an inch: a dot is a CSS pixel. Save it by `render_svg` or `render_png`.

    Raises
    ------
    ValueError
        If no curve has a point.
    """
    from matplotlib import rc_context
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    drawn = _drawable(curves)
    if not drawn:
        raise ValueError(f"no point has a value of {measure.title}")
    names = [_wrap(curve.name, 60 if width == WIDE else 15) for curve in drawn]
    heights = [_LINE * name.count("\n") + _LINE + _NAME_GAP for name in names]
    height = max(_LEAST_HEIGHT.get(width, width * 3 // 4), math.ceil(sum(heights)) + _TOP + _BOTTOM)
    with rc_context(_STYLE):
        figure = Figure(figsize=(width / 72, height / 72), dpi=72, facecolor="white")
        FigureCanvasAgg(figure)
        room = _LEADER + 12 + _widest(figure, names) + _EDGE
        axes = figure.add_axes(
            (_LEFT / width, _BOTTOM / height, (width - _LEFT - room) / width, 1 - (_TOP + _BOTTOM) / height)
        )
        _draw_axes(axes, measure, drawn)
        for curve in drawn:
            _draw_curve(axes, curve)
        _draw_names(figure, axes, drawn, names, heights)
    return figure


def render_png(figure: Figure, *, scale: int = 2) -> bytes:
    """Return the figure as a PNG file.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        Of `rd_figure`.
    scale : int
        Dots for a CSS pixel.
    """
    from matplotlib import rc_context

    file = io.BytesIO()
    with rc_context(_STYLE):
        figure.savefig(file, format="png", dpi=72 * scale, metadata={"Software": None})
    return file.getvalue()


def render_svg(figure: Figure) -> str:
    """Return the figure as an SVG file with text as text; `codec_eval.inline_svg` fits it into a page.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
        Of `rd_figure`.
    """
    from matplotlib import rc_context

    file = io.StringIO()
    with rc_context(_STYLE):
        figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None})
    return file.getvalue()


def spread(wanted: Sequence[float], heights: Sequence[float], low: float, high: float) -> list[float]:
    """Move labels apart as little as possible: where their centres go on a line.

    Parameters
    ----------
    wanted : sequence of float
        Where each centre would like to be, in increasing order.
    heights : sequence of float
        How much of the line each takes.
    low, high : float
        The ends of the line, on which all labels fit together.

    Returns
    -------
    list of float
        Centres with no overlap, which minimise the sum of squared moves before the ends are heeded.

    Notes
    -----
    Less the room that the labels before it take, each centre has only to be no lower than the one before:
    an isotonic regression, solved by pooling adjacent violators. Clipping an isotonic solution to an
    interval gives the optimum under bounds.
    """
    offsets = np.concatenate(([0.0], np.cumsum(heights)[:-1])) + np.asarray(heights) / 2
    pools: list[tuple[float, int]] = []  # (mean, how many)
    for goal in np.asarray(wanted) - offsets:
        mean, count = float(goal), 1
        while pools and pools[-1][0] > mean:
            before, many = pools.pop()
            mean, count = (before * many + mean * count) / (many + count), many + count
        pools.append((mean, count))
    starts = np.concatenate([np.full(count, mean) for mean, count in pools])
    return (np.clip(starts, low, high - sum(heights)) + offsets).tolist()


def _drawable(curves: Sequence[Curve]) -> list[Curve]:
    """Curves in order of rate, without points that have no place; published ones only where ours are."""
    kept = []
    for curve in curves:
        order = sorted(range(len(curve.points)), key=lambda i: curve.points[i])
        order = [i for i in order if curve.points[i][0] > 0 and math.isfinite(curve.points[i][1])]
        notes = [curve.notes[i] for i in order] if curve.notes else []
        kept.append(Curve(curve.name, [curve.points[i] for i in order], curve.style, notes))
    ours = np.array([point for curve in kept if curve.style is not None for point in curve.points])
    if len(ours):
        margin = 0.15 * np.ptp(ours[:, 1])
        lowest = np.array([ours[:, 0].min() / 1.25, ours[:, 1].min() - margin])
        highest = np.array([ours[:, 0].max() * 1.25, ours[:, 1].max() + margin])
        kept = [
            curve
            if curve.style is not None
            else Curve(curve.name, [p for p in curve.points if (lowest <= p).all() and (p <= highest).all()])
            for curve in kept
        ]
    return [curve for curve in kept if curve.points]


def _wrap(name: str, longest: int) -> str:
    """Break a name behind hyphens and spaces so that lines are not longer than this, if that is possible."""
    lines = [""]
    for part in name.replace("-", "-\0").replace(" ", " \0").split("\0"):
        if lines[-1] and len((lines[-1] + part).rstrip()) > longest:
            lines.append("")
        lines[-1] += part
    return "\n".join(line.rstrip() for line in lines)


def _widest(figure: Figure, names: Sequence[str]) -> float:
    """Width of the widest name in px, by the font of the PNG; a browser's own is hardly ever wider."""
    texts = [figure.text(0, 0, name, fontsize=_NAME) for name in names]
    widest = max(text.get_window_extent().width for text in texts)
    for text in texts:
        text.remove()
    return widest


def _draw_axes(axes: Axes, measure: Measure, curves: Sequence[Curve]) -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

    rates = [rate for curve in curves for rate, _ in curve.points]
    values = [value for curve in curves for _, value in curve.points]
    low, high = math.log(min(rates)), math.log(max(rates))
    margin = max(0.04 * (high - low), 0.02)
    axes.set_xscale("log")
    axes.set_xlim(math.exp(low - margin), math.exp(high + margin))
    span = max(values) - min(values) or abs(values[0]) or 1.0
    axes.set_ylim(min(values) - 0.05 * span, max(values) + 0.05 * span)
    axes.xaxis.set_major_locator(LogLocator(base=10, subs=_ticks_of_a_decade(axes)))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda rate, _: f"{rate:g}"))
    axes.yaxis.set_major_locator(MaxNLocator(7))
    axes.grid(color=_GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(length=3, color=_FAINT, labelcolor=_FAINT, labelsize=_NAME)
    axes.set_xlabel("bits per pixel (log scale)", fontsize=_NAME, color=_FAINT, labelpad=6)
    axes.annotate(
        measure.label,
        (0, 1),
        xycoords="axes fraction",
        xytext=(-_LEFT + _EDGE, 12),
        textcoords="offset points",
        fontsize=_TEXT + 1,
        fontweight="bold",
    )


def _ticks_of_a_decade(axes: Axes) -> tuple[int, ...]:
    """As many as have room for their labels, such as 0.05, which is 28 px wide."""
    low, high = axes.get_xlim()
    decade = axes.get_window_extent().width / math.log10(high / low)
    for ticks, narrowest in (((1, 2, 5), 0.30), ((1, 3), 0.47)):
        if narrowest * decade >= 36:
            return ticks
    return (1,)


def _draw_curve(axes: Axes, curve: Curve) -> None:
    rates, values = zip(*curve.points)
    if curve.style is None:
        axes.plot(rates, values, color=_GREY, linewidth=1.1, zorder=2)
        axes.plot(rates[-1:], values[-1:], color=_GREY, marker=".", markersize=5, zorder=2)
        return
    colour, marker, dashes = curve_style(curve.style)
    (line,) = axes.plot(
        rates,
        values,
        color=colour,
        linestyle=dashes,
        linewidth=1.8,
        marker=marker,
        markersize=5.5,
        markerfacecolor=colour if marker in _SOLID else "white",
        markeredgewidth=1.4,
        clip_on=False,
        zorder=3 + 0.01 * curve.style,
    )
    if curve.notes:
        line.set_gid(NOTES + json.dumps(curve.notes))  # an identifier is the one text that a line can carry


def _draw_names(
    figure: Figure, axes: Axes, curves: Sequence[Curve], names: Sequence[str], heights: Sequence[float]
) -> None:
    """Each curve's marker and name in the column on the right, with a line from where the curve ends."""
    from matplotlib.transforms import Affine2D

    # Laid out in dots at 72 an inch; this takes them to the dots of whatever the figure is saved at.
    in_px: Any = Affine2D().scale(1 / 72) + figure.dpi_scale_trans
    box = axes.get_window_extent()
    ends = [axes.transData.transform(curve.points[-1]) for curve in curves]
    # Of two curves that end at one height, the one that ends further left is named higher: its line passes
    # over the other's end.
    order = sorted(range(len(curves)), key=lambda i: (ends[i][1] + 0.5 * (box.x1 - ends[i][0]), i))
    centres = spread(
        [ends[i][1] for i in order], [heights[i] for i in order], box.y0, max(box.y1, box.y0 + sum(heights))
    )
    for i, centre in zip(order, centres):
        style = curves[i].style
        colour, marker, _ = (_GREY, "", "") if style is None else curve_style(style)
        at = box.x1 + _LEADER
        axes.plot(
            (ends[i][0] + (2 if style is None else 6), at - 3),
            (ends[i][1], centre),
            color=colour,
            linewidth=0.7,
            alpha=0.8,
            transform=in_px,
            clip_on=False,
            zorder=1,
        )
        if style is not None:
            axes.plot(
                [at + 4],
                [centre],
                color=colour,
                marker=marker,
                markersize=6,
                markerfacecolor=colour if marker in _SOLID else "white",
                markeredgewidth=1.6,
                transform=in_px,
                clip_on=False,
            )
        axes.annotate(
            names[i],
            (at + (0 if style is None else 12), centre),
            xycoords=in_px,
            va="center",
            ha="left",
            fontsize=_NAME,
            linespacing=1.1,
            color=_FAINT if style is None else _INK,
            annotation_clip=False,
        )
