"""The figure of the demonstration: the photograph, the network before and after, its errors, its latents."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from ..demo import Learned, Snapshot
from .page import FAINT, GAP, LINE, MARGIN, MARK, SIGNED, STYLE, WIDTH, Page, counted, window_means

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["plot_learned"]

TITLE, CAPTION, BETWEEN, LOWER, FOOT = 0.85, 0.5, 0.72, 3.1, 0.62  # inches
THUMBNAIL = 56.0  # points


def plot_learned(learned: Learned, name: str) -> Figure:
    """Draw what `demo.learn` returned.

    Parameters
    ----------
    learned : Learned
        With at least one step.
    name : str
        What the photograph is called.

    Returns
    -------
    matplotlib.figure.Figure
        Save it with `render`.
    """
    from matplotlib import rc_context

    rows, columns = learned.photograph.shape[:2]
    panel = (WIDTH - 2 * MARGIN - 2 * GAP) / 3
    tall = panel * min(max(rows / columns, 0.4), 1.4)  # stripes and towers leave room at the sides
    height = TITLE + CAPTION + tall + BETWEEN + LOWER + FOOT
    before, after = learned.snapshots[0], learned.snapshots[-1]
    with rc_context(STYLE):
        page = Page(height)
        page.title(f"A tiny autoencoder learns {name}", _summary(learned))
        panels = (
            (learned.photograph, "The photograph", f"{columns} × {rows} pixels, 3 numbers each"),
            (before.picture, "Before", f"first weights are drawn at random · {before.psnr:.1f} dB"),
            (after.picture, "After", f"{counted(after.step)} steps later · {after.psnr:.1f} dB"),
        )
        top = TITLE + CAPTION
        for i, (picture, title, caption) in enumerate(panels):
            left = MARGIN + i * (panel + GAP)
            page.heading(left, top, title, caption)
            axes = page.axes(left, top, panel, tall)
            axes.imshow(picture, interpolation="antialiased")
            axes.set_anchor("NW")
        below = top + tall + BETWEEN
        page.heading(
            MARGIN,
            below,
            "What it learns from",
            "mean squared error of each step, with noise in the place of rounding",
        )
        _draw_curve(page.chart(MARGIN + 0.42, below, 2 * panel + GAP - 0.6, LOWER), learned)
        _draw_latents(page, learned, MARGIN + 2 * (panel + GAP), below, panel)
    return page.figure


def _summary(learned: Learned) -> str:
    steps, weights = counted(len(learned.losses)), counted(learned.network.parameter_count())
    return (
        f"{steps} steps in {learned.seconds:.0f} seconds change {weights} weights, until "
        f"{learned.numbers_per_pixel:.3g} whole numbers a pixel are enough to paint the picture again."
    )


def _draw_curve(axes: Axes, learned: Learned) -> None:
    """The loss of each step, its running mean, and the snapshots in between."""
    from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, NullFormatter, NullLocator

    losses = np.array(learned.losses)
    smooth = _smooth(losses)
    steps = np.arange(1, len(losses) + 1)
    axes.set(xscale="log", yscale="log", xlim=(0.6, 2 * len(losses)))
    axes.plot(steps, losses, color=LINE, alpha=0.22, linewidth=0.8)
    axes.plot(steps, smooth, color=LINE, linewidth=2.2, solid_capstyle="round")
    low = smooth.min() / 2
    room = 1 - (THUMBNAIL + 28) / (72 * LOWER)  # the rest of the height is for a thumbnail above the curve
    high = low * (smooth.max() / low) ** (1 / room)
    axes.set_ylim(low, high)
    axes.xaxis.set_major_locator(LogLocator(10))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: counted(value)))
    axes.xaxis.set_minor_formatter(NullFormatter())
    ticks = [
        value
        for value in (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5)
        if low < value < high
    ]
    axes.yaxis.set_major_locator(FixedLocator(ticks))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.set_xlabel("step", loc="right")
    last = learned.snapshots[-1]
    for snapshot in learned.snapshots:
        if snapshot is last or 2.5 * snapshot.step < last.step:  # or the next thumbnail would cover it
            _draw_snapshot(axes, snapshot, float(smooth[max(snapshot.step, 1) - 1]))


def _draw_snapshot(axes: Axes, snapshot: Snapshot, loss: float) -> None:
    """A dot on the curve, and above it what the whole photograph looked like then."""
    from matplotlib.offsetbox import AnnotationBbox, OffsetImage

    at = (max(snapshot.step, 1), loss)
    axes.plot(*at, "o", color=MARK, markersize=5.5, markeredgecolor="white", zorder=5, clip_on=False)
    factor = math.ceil(max(snapshot.picture.shape[:2]) / 200)
    small = snapshot.picture[::factor, ::factor]
    zoom = THUMBNAIL / max(small.shape[:2])
    box = AnnotationBbox(
        OffsetImage(small, zoom=zoom, interpolation="antialiased"),
        at,
        xybox=(0, 9),
        boxcoords="offset points",
        box_alignment=(0.5, 0),
        pad=0.1,
        bboxprops={"edgecolor": "#c7c7cc", "linewidth": 0.6},
    )
    axes.add_artist(box)
    above = (0, 9 + zoom * small.shape[0] + 5)
    words = f"{snapshot.psnr:.1f} dB"
    axes.annotate(words, at, above, textcoords="offset points", ha="center", fontsize=7.5, color=FAINT)


def _smooth(losses: np.ndarray) -> np.ndarray:
    """The mean over the steps around each one: from 0.85 to 1.18 times its number."""
    steps = np.arange(1, len(losses) + 1)
    first = np.floor(steps * 0.85).astype(int).clip(0, steps - 1)
    last = np.rint(steps * 1.18).astype(int).clip(steps, len(losses))
    return window_means(losses, first, last)


def _draw_latents(page: Page, learned: Learned, left: float, top: float, width: float) -> None:
    """Every channel of the latents, each with a range of its own."""
    count, rows, columns = learned.latents.shape
    caption = f"{count} channels of {columns} × {rows} whole numbers; white is zero"
    page.heading(left, top, "What it keeps", caption)
    gap = 0.05

    def scale(across: int) -> float:
        down = math.ceil(count / across)
        return min((width - (across - 1) * gap) / across / columns, (LOWER - (down - 1) * gap) / down / rows)

    across = max(range(1, count + 1), key=scale)
    size = scale(across)
    for i, channel in enumerate(learned.latents):
        row, column = divmod(i, across)
        axes = page.axes(
            left + column * (columns * size + gap),
            top + row * (rows * size + gap),
            columns * size,
            rows * size,
        )
        largest = max(float(np.abs(channel).max()), 1.0)
        axes.imshow(channel, cmap=SIGNED, vmin=-largest, vmax=largest, interpolation="nearest", aspect="auto")
