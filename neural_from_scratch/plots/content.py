"""The figure of a coded file: the picture, its strongest latents, what they cost, and what was expected.

Three readings. *Maps*: a channel is a small picture of what one filter has found; the strongest look like
the photograph's light and colour, the next like its edges and textures. *Bits*: some channels carry far more
of a file than others. *Densities*: a value costs what the learned density says, whatever this picture is
like. On a scale of logarithms the height of a step is its price, upside down; where bars and steps part, bits
are lost.

A file of a hyperprior has another page, `foreseen`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..inspection import Inspection
from ..latent_channels import Channel, densities, table_probabilities
from .foreseen import plot_foreseen
from .page import FAINT, GAP, INK, MARGIN, MARK, SIGNED, STYLE, TINT, WIDTH, Page, counted
from .parts import SHARES, draw_bits, held, reduced, summary

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["plot_content"]

TITLE, CAPTION, BETWEEN, LOWER, FOOT = 0.85, 0.5, 0.85, 2.9, 0.62  # inches
ACROSS, DOWN, LABEL, NARROWEST = 4, 2, 0.19, 1.4  # maps; inches above each one, and for what stands there
FAINTEST = 4  # full colour is for this at least: maps of −1, 0, 1 are faint
WIDEST = 40  # symbols to each side of zero
BESIDE = 0.2  # inches between densities
FINE = 16  # points of the density's line a symbol


def plot_content(inspection: Inspection, picture: NDArray[np.uint8], name: str) -> Figure:
    """Draw what `inspection.inspect` found.

    Parameters
    ----------
    inspection : Inspection
    picture : ndarray of uint8, shape (H, W, 3) or (H, W)
        As `codec.pixels_of` makes it.
    name : str
        What to call the file.

    Returns
    -------
    matplotlib.figure.Figure
        Save it with `render`.
    """
    from matplotlib import rc_context

    if inspection.prediction is not None:
        return plot_foreseen(inspection, picture, name)
    rows, columns = picture.shape[:2]
    panel = (WIDTH - 2 * MARGIN - 2 * GAP) / 3
    tall = panel * min(max(rows / columns, 0.4), 1.4)  # stripes and towers leave room at the sides
    height = TITLE + CAPTION + tall + BETWEEN + LOWER + FOOT
    ranked = inspection.strongest()
    with rc_context(STYLE):
        page = Page(height)
        page.title(f"What is in {name}", summary(inspection))
        top, second = TITLE + CAPTION, MARGIN + panel + GAP
        page.heading(MARGIN, top, "The picture", f"{counted(columns)} × {counted(rows)} pixels, decoded")
        axes = page.axes(MARGIN, top, panel, tall)
        axes.imshow(reduced(picture), cmap="gray", vmin=0, vmax=255, interpolation="antialiased")
        axes.set_anchor("NW")
        _draw_maps(page, inspection, ranked[: ACROSS * DOWN], (second, top, 2 * panel + GAP, tall))
        below = top + tall + BETWEEN
        page.heading(
            MARGIN, below, "Bits per channel", f"the strongest first; of all bits {held(inspection)}"
        )
        draw_bits(page.chart(MARGIN + 0.5, below, panel - 0.95, LOWER), inspection, ranked[: ACROSS * DOWN])
        page.heading(
            second + 0.35,
            below,
            "Expected and found",
            "how often a value comes: bars in this picture, steps in the integer tables, line in the learned "
            "density",
        )
        chosen = _chosen(inspection, ranked)
        wide = (2 * panel + GAP - 0.35 - 2 * BESIDE) / 3
        for i, channel in enumerate(chosen):
            left = second + 0.35 + i * (wide + BESIDE)
            axes = page.chart(left, below + 0.36, wide, LOWER - 0.36)
            _draw_density(axes, inspection, channel, ranked.index(channel) + 1)
            axes.tick_params(labelleft=i == 0)  # the others have the same scale
    return page.figure


# --------------------------------------------------------------------------------------------------
# Maps and densities


def _draw_maps(
    page: Page, inspection: Inspection, channels: list[Channel], place: tuple[float, float, float, float]
) -> None:
    """The strongest channels, each with a range of its own."""
    left, top, width, height = place
    maps, rows, columns = inspection.content.symbols.shape
    caption = (
        f"the strongest of {maps} channels of {columns} × {rows} whole numbers, their share of the bits, and "
        "their range; white is zero"
    )
    page.heading(left, top, "Its latents", caption)
    high = height / DOWN - LABEL
    wide = min(high * columns / rows, width / ACROSS - 0.1)
    high = min(high, wide * rows / columns)
    step = (width - max(wide, NARROWEST)) / (ACROSS - 1)  # the last one ends where the page does
    total = inspection.bits
    for i, channel in enumerate(channels):
        row, column = divmod(i, ACROSS)
        x, y = left + column * step, top + row * height / DOWN + LABEL
        symbols = inspection.content.symbols[channel.number]
        largest = abs(channel.largest)
        words = f"channel {channel.number} · {channel.bits / total:.1%} · ±{counted(largest)}"
        page.write(x, y - 0.05, words, size=8, color=FAINT)
        limit = max(largest, FAINTEST)
        axes = page.axes(x, y, wide, high)
        axes.imshow(symbols, cmap=SIGNED, vmin=-limit, vmax=limit, interpolation="nearest")


def _chosen(inspection: Inspection, ranked: list[Channel]) -> list[Channel]:
    """The strongest, one where half of the bits are reached, one where 99 % are."""
    ranks = {1, inspection.holding(SHARES[0]), inspection.holding(SHARES[-1])}
    return [ranked[rank - 1] for rank in sorted(ranks)]


def _draw_density(axes: Axes, inspection: Inspection, channel: Channel, rank: int) -> None:
    """One channel's histogram, the table, and the density."""
    from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator

    content = inspection.content
    probabilities = table_probabilities(content.weights.tables, channel.number)[:-1]
    offset = int(content.weights.tables.offsets[channel.number])
    lowest = min(0.3 / channel.size, 1e-3)  # a value that comes once is seen
    symbols = offset + np.arange(probabilities.size)
    likely = symbols[probabilities >= lowest]
    inside = channel.values[(channel.values >= offset) & (channel.values < offset + probabilities.size)]
    ends = [0, *likely[:1], *likely[-1:], *inside[:1], *inside[-1:]]
    low, high = max(min(ends), -WIDEST), min(max(ends), WIDEST)
    shares = channel.counts / channel.size
    axes.bar(channel.values, shares, width=1, color=TINT, linewidth=0)
    edges = np.append(symbols, offset + probabilities.size) - 0.5
    axes.stairs(probabilities, edges, baseline=None, color=INK, linewidth=1.1)
    fine = np.linspace(low - 0.5, high + 0.5, FINE * (high - low + 1) + 1)
    grid = np.zeros((len(inspection.channels), fine.size))
    grid[channel.number] = fine
    axes.plot(fine, densities(content.weights.model, grid)[channel.number], color=MARK, linewidth=1.6)
    axes.set(yscale="log", xlim=(low - 0.7, high + 0.7), ylim=(lowest, 1.6))
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True, steps=[1, 2, 5, 10]))
    axes.yaxis.set_major_locator(FixedLocator([10.0**-power for power in range(6)]))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:g}%"))
    place = "the strongest" if rank == 1 else f"the {_ordinal(rank)} strongest"
    title = f"channel {channel.number}, {place}"
    price, own = channel.bits / channel.size, channel.own_bits / channel.size
    words = f"{price:.2f} bits each; by its own counts {own:.2f}"
    axes.set_title(f"{title}\n{words}", fontsize=8, color=FAINT, loc="left", linespacing=1.4)


def _ordinal(number: int) -> str:
    ending = "th" if number // 10 % 10 == 1 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"
