"""The figure of a hyperprior's file: where the bits are, what the side information told, and was it right?

*Maps of bits*: what a pixel costs, place by place. A hyperprior knows beforehand where a picture is hard.
*Latents and what was expected*: a channel of y, the scales that were told for it – dark where a decoder
expects nothing – and what is left once the prediction has been used. With means: latents less means. Without:
latents divided by scales, where a good prediction leaves noise that is alike everywhere; and what each costs.
*Expected and found*: the histogram of k / σ against the Gaussian that h_s was trained with (`prediction`);
tables are counted, and know better (`fitted_tables`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..gaussian_model import LEAST_SCALE
from ..inspection import Inspection
from ..latent_channels import Channel
from ..latent_coding import HyperCoding
from ..models.hyperprior import FURTHER
from ..prediction import Prediction, prices, told
from .page import FAINT, GAP, MARGIN, MARK, SIGNED, STYLE, TINT, WIDTH, Page, counted
from .parts import draw_bits, held, reduced, summary

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Normalize
    from matplotlib.figure import Figure

__all__ = ["plot_foreseen"]

TITLE, CAPTION, BETWEEN, LOWER, FOOT = 0.85, 0.5, 0.85, 2.9, 0.62  # inches
BAR, BAR_ROOM, SIDE_ROOM = (
    0.09,
    0.5,
    0.62,
)  # a colour bar; room below a map, and beside a row of maps, for one
LABEL, NAME, APART = 0.2, 0.24, 0.1  # above a column of maps, left of a row, between maps
KINDS, STRONGEST = 4, 1  # of maps; channels that are shown whatever was told of them
LEAST_ACROSS, MOST_ACROSS = 3, 4  # channels
FAINTEST = 4  # full colour is for this at least
LEAST_BAR, LEAST_TICK = 0.6, 0.12  # inches: a colour bar, and what is between its numbers
THINNEST = 0.06  # inches of a map
TICKS = (0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200)
SCALES, BITS = "viridis", "magma_r"
EDGES = np.arange(-5, 5.01, 0.25)


_Place: TypeAlias = tuple[float, float, float, float]
"""Left, top, width and height, in inches."""


@dataclass(frozen=True)
class _Row:
    """One kind of map, of all channels that are shown."""

    name: str
    maps: Sequence[NDArray[np.floating]]
    colours: str
    norms: Sequence[Normalize]  # of each map
    bar: Normalize  # of the colour bar
    ticks: dict[float, str]
    label: str


def plot_foreseen(inspection: Inspection, picture: NDArray[np.uint8], name: str) -> Figure:
    """Draw what `inspection.inspect` found in a file of a hyperprior.

    Parameters
    ----------
    inspection : Inspection
        With a prediction.
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

    prediction = inspection.prediction
    assert prediction is not None
    rows, columns = picture.shape[:2]
    panel = (WIDTH - 2 * MARGIN - 2 * GAP) / 3
    tall = panel * min(max(rows / columns, 0.4), 0.9)  # stripes and towers leave room at the sides
    maps = 2 * tall + BETWEEN + BAR_ROOM
    height = TITLE + CAPTION + maps + BETWEEN + LOWER + FOOT
    top, second = TITLE + CAPTION, MARGIN + panel + GAP
    third = second + panel + GAP
    lower, below = top + tall + BETWEEN, top + maps + BETWEEN
    shrink = inspection.content.weights.model.shrink
    side, y = prediction.side_bits, inspection.bits
    with rc_context(STYLE):
        page = Page(height)
        page.title(f"What is in {name}", summary(inspection))
        page.heading(MARGIN, top, "The picture", f"{counted(columns)} × {counted(rows)} pixels, decoded")
        axes, _ = _fitted(page, (MARGIN, top, panel, tall), rows, columns)
        axes.imshow(
            reduced(picture), cmap="gray", vmin=0, vmax=255, interpolation="antialiased", aspect="auto"
        )
        page.heading(MARGIN, lower, "Where the bits are", f"those of y, {y / (side + y):.1%} of all")
        _draw_bit_map(page, (MARGIN, lower, panel, tall), prediction.map, shrink, (rows, columns))
        shown = _draw_maps(page, inspection, (second, top, 2 * panel + GAP, maps))
        page.heading(MARGIN, below, "Bits per channel", f"of y, the strongest first: {held(inspection)}")
        draw_bits(page.chart(MARGIN + 0.5, below, panel - 0.95, LOWER), inspection, shown)
        words = f"z, {side / (side + y):.1%} of all bits; one square is {FURTHER * shrink} pixels wide"
        page.heading(second, below, "The side information", words)
        place = (second, below, panel, LOWER - BAR_ROOM + 0.2)
        _draw_bit_map(page, place, prediction.side_map, FURTHER * shrink, (rows, columns))
        page.heading(third, below, "Expected and found", "how far y is from where it was expected, in σ")
        _draw_residuals(page.chart(third + 0.4, below + 0.46, panel - 0.4, LOWER - 0.46), prediction)
    return page.figure


# --------------------------------------------------------------------------------------------------
# Maps of bits


def _fitted(page: Page, place: _Place, rows: int, columns: int) -> tuple[Axes, float]:
    """Axes at the top left of a place, in the shape of a picture; and how high they are."""
    left, top, width, height = place
    scale = min(width / columns, height / rows)
    high = max(scale * rows, THINNEST)
    return page.axes(left, top, max(scale * columns, THINNEST), high), high


def _draw_bit_map(
    page: Page, place: _Place, bits: NDArray[np.float64], square: int, shape: tuple[int, int]
) -> None:
    """Bits a pixel: those of each square, divided by how many pixels of the picture it has."""
    from matplotlib.ticker import MaxNLocator

    rows, columns = shape
    covered = [np.minimum(square, side - square * np.arange(count)) for side, count in zip(shape, bits.shape)]
    axes, high = _fitted(page, place, rows, columns)
    ends = (0, square * bits.shape[1], square * bits.shape[0], 0)
    density = bits / np.outer(*covered)
    drawn = axes.imshow(density, cmap=BITS, vmin=0, extent=ends, interpolation="nearest", aspect="auto")
    axes.set(xlim=(0, columns), ylim=(rows, 0))
    left, top, width, _ = place
    under, wide = top + high + 0.1, 0.6 * width
    bar = page.axes(left, under, wide, BAR)
    page.figure.colorbar(drawn, cax=bar, orientation="horizontal", ticks=MaxNLocator(4))
    _plain(bar)
    page.write(left + wide + 0.1, under + BAR, "bits a pixel", size=8, color=FAINT)


def _plain(bar: Axes) -> None:
    """A colour bar without a frame, its numbers small."""
    bar.tick_params(length=0, labelsize=8, pad=2)
    for spine in bar.spines.values():
        spine.set_visible(False)


# --------------------------------------------------------------------------------------------------
# Latents, and what was expected of them


def _draw_maps(page: Page, inspection: Inspection, place: _Place) -> list[Channel]:
    """Some channels, a column each; return which there was room for."""
    left, top, width, height = place
    maps, rows, columns = inspection.content.symbols.shape
    coding = inspection.content.coding
    assert isinstance(coding, HyperCoding)
    high = (height - LABEL - (KINDS - 1) * APART) / KINDS
    room = width - NAME - SIDE_ROOM
    across = int(np.clip((room + APART) // (high * columns / rows + APART), LEAST_ACROSS, MOST_ACROSS))
    channels = _chosen(inspection, coding, across)
    each = (room - (across - 1) * APART) / across
    scale = min(high / rows, each / columns)
    wide, high = max(scale * columns, THINNEST), max(scale * rows, THINNEST)
    tall = max(high, LEAST_BAR)  # of the colour bars
    apart = (height - LABEL - KINDS * tall) / (KINDS - 1)
    caption = (
        f"of {maps} channels of {columns} × {rows} the strongest, and those where the scale changes most; "
        "their share of the bits, their range"
    )
    page.heading(left, top, "Its latents, and what was expected of them", caption)
    rows_of_maps = _rows(inspection, coding, channels)
    for column, channel in enumerate(channels):
        share, limit = channel.bits / inspection.bits, rows_of_maps[0].norms[column].vmax
        words = f"channel {channel.number} · {share:.1%} · ±{counted(limit or 0)}"
        page.write(left + NAME + column * (each + APART), top + 0.1, words, size=8, color=FAINT)
    for i, row in enumerate(rows_of_maps):
        y = top + LABEL + i * (tall + apart)
        where = ((left + 0.1) / WIDTH, 1 - (y + tall / 2) / page.height)
        page.figure.text(*where, row.name, fontsize=9, rotation=90, ha="center", va="center")
        for column, (array, norm) in enumerate(zip(row.maps, row.norms)):
            axes = page.axes(left + NAME + column * (each + APART), y, wide, high)
            axes.imshow(array, cmap=row.colours, norm=norm, interpolation="nearest", aspect="auto")
        _draw_bar(page, row, (left + width - SIDE_ROOM + 0.1, y, BAR, tall))
    return channels


def _chosen(inspection: Inspection, coding: HyperCoding, count: int) -> list[Channel]:
    """The strongest, and behind it those for which it matters most that σ changes with the place."""
    ranked = inspection.strongest()

    def heard(channel: Channel) -> float:
        return channel.bits * float(np.log(told(coding, channel.number)[0]).std())

    return ranked[:STRONGEST] + sorted(ranked[STRONGEST:], key=heard, reverse=True)[: count - STRONGEST]


def _rows(inspection: Inspection, coding: HyperCoding, channels: list[Channel]) -> list[_Row]:
    """With means: latents, means, scales, what is left. Without: latents, scales, their ratio, bits."""
    from matplotlib.colors import LogNorm, Normalize
    from matplotlib.ticker import MaxNLocator

    symbols = [inspection.content.symbols[channel.number].astype(np.float32) for channel in channels]
    expected = [told(coding, channel.number) for channel in channels]
    scales = [scale for scale, _ in expected]
    means = [mean for _, mean in expected if mean is not None]
    latents = [k + mean for k, mean in zip(symbols, means)] if means else symbols
    limits = [max(float(np.abs(latent).max()), FAINTEST) for latent in latents]
    ranges = [Normalize(-limit, limit) for limit in limits]
    top = max(2.0, *(float(scale.max()) for scale in scales))
    log = LogNorm(LEAST_SCALE, top)

    def signed(name: str, maps: list[NDArray[np.float32]]) -> _Row:
        words = {-1.0: "−", 0.0: "0", 1.0: "+"}
        return _Row(name, maps, SIGNED, ranges, Normalize(-1, 1), words, "of its range")

    ticks = {tick: f"{tick:g}" for tick in TICKS if tick <= top}
    scale_row = _Row("scale told", scales, SCALES, [log] * len(scales), log, ticks, "σ in steps")
    first = signed("latents", latents)
    if means:
        return [first, signed("mean told", means), scale_row, signed("what is left", symbols)]
    four = Normalize(-4, 4)
    words = {-4.0: "−4", -2.0: "−2", 0.0: "0", 2.0: "2", 4.0: "4"}
    left = [k / scale for k, scale in zip(symbols, scales)]
    ratio = _Row("by scale", left, SIGNED, [four] * len(left), four, words, "latent / σ")
    bits = [prices(inspection.content, channel.number)[1] for channel in channels]
    most = max(1.0, *(float(price.max()) for price in bits))
    price = Normalize(0, most)
    even = {float(tick): f"{tick:g}" for tick in MaxNLocator(4).tick_values(0, most) if tick <= most}
    return [first, scale_row, ratio, _Row("bits", bits, BITS, [price] * len(bits), price, even, "bits each")]


def _draw_bar(page: Page, row: _Row, place: _Place) -> None:
    from matplotlib.cm import ScalarMappable

    bar = page.axes(*place)
    every = math.ceil(len(row.ticks) * LEAST_TICK / place[3])
    ticks = list(row.ticks)[::every]
    page.figure.colorbar(ScalarMappable(row.bar, row.colours), cax=bar, ticks=ticks)
    bar.set_yticklabels([row.ticks[tick] for tick in ticks])
    bar.minorticks_off()
    bar.set_ylabel(row.label, fontsize=8, color=FAINT, labelpad=1)
    _plain(bar)


# --------------------------------------------------------------------------------------------------
# Expected and found


def _draw_residuals(axes: Axes, prediction: Prediction) -> None:
    """The histogram of k / σ, and the Gaussian that it should be."""
    from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

    shares = prediction.normalised(EDGES)
    latents, bits = prediction.wide_share
    line = np.linspace(EDGES[0], EDGES[-1], 201)
    axes.stairs(shares / np.diff(EDGES), EDGES, fill=True, color=TINT, linewidth=0)
    axes.plot(line, np.exp(-(line**2) / 2) / np.sqrt(2 * np.pi), color=MARK, linewidth=1.8)
    axes.set(yscale="log", xlim=(EDGES[0], EDGES[-1]), ylim=(1e-5, 1))
    axes.yaxis.set_major_locator(FixedLocator([10.0**-power for power in range(6)]))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:g}%"))
    axes.set_xlabel("k / σ;  line: a Gaussian", loc="right")
    words = f"{latents:.0%} of the latents, {bits:.0%} of the bits of y: those with σ of a step or more"
    more = f"{prediction.width:.2f} times as wide as expected" if latents else "there are none"
    axes.set_title(f"{words}\n{more}", fontsize=8, color=FAINT, loc="left", linespacing=1.4, x=-0.13)
