"""What the figures of coded files share: a line about the file, the picture made small, bits per channel."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ..container import RGB
from ..inspection import Inspection
from ..latent_channels import Channel
from .page import INK, LINE, MARK, TINT, counted

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["SHARES", "draw_bits", "held", "reduced", "summary"]

SHARES = (0.5, 0.9, 0.99)
LARGEST_SIDE = 900  # of the picture in the figure


def summary(inspection: Inspection) -> str:
    """Return the line under the title."""
    header, weights = inspection.content.header, inspection.content.weights
    quality = f", quality {header.quality}" if header.quality else ""
    zeros = sum(channel.zeros for channel in inspection.channels) / inspection.content.symbols.size
    return (
        f"{counted(inspection.size)} bytes, {8 * inspection.size / inspection.pixels:.3f} bits a pixel"
        f"{'' if header.mode == RGB else ', grey'} · {weights.model.name}{quality}, λ = {weights.weight:g} · "
        f"{counted(inspection.content.symbols.size)} latents, of which {zeros:.0%} are zero"
    )


def reduced(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Average over squares until the picture is small enough for a figure."""
    factor = -(-max(picture.shape[:2]) // LARGEST_SIDE)
    if factor == 1 or min(picture.shape[:2]) < factor:
        return picture
    rows, columns = (side // factor for side in picture.shape[:2])
    cut = picture[: rows * factor, : columns * factor]
    squares = cut.reshape(rows, factor, columns, factor, *picture.shape[2:])
    return np.rint(squares.mean(axis=(1, 3), dtype=np.float32)).astype(np.uint8)


def held(inspection: Inspection) -> str:
    """Return how many channels hold how much, in words."""
    return ", ".join(f"{share:.0%} in {inspection.holding(share)}" for share in SHARES)


def draw_bits(axes: Axes, inspection: Inspection, shown: Collection[Channel]) -> None:
    """Bars for the channels of y, dark for those that are shown, and a line for what they have together."""
    from matplotlib.ticker import FuncFormatter, MaxNLocator, PercentFormatter

    ranked = inspection.strongest()
    bits = np.array([channel.bits for channel in ranked])
    ranks = np.arange(1, len(bits) + 1)
    colours = [LINE if channel in shown else TINT for channel in ranked]
    axes.bar(ranks, bits, width=0.8, color=colours)
    first, highest, words = 0.3, bits.max(), "channels; dark: those above"
    if inspection.prediction is not None:
        side = inspection.prediction.side_bits
        wide = max(len(bits) / 40, 0.8)
        axes.bar(-wide, side, width=wide, color=INK)
        first, highest, words = (
            -1.9 * wide,
            max(highest, side),
            "channels of y; dark: those above; black: all of z",
        )
    axes.set_xlim(first, len(bits) + 0.7)
    axes.set_xlabel(words, loc="right")
    axes.set_ylim(0, 1.05 * highest)
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: counted(value)))
    together = axes.twinx()
    together.spines[:].set_visible(False)
    together.tick_params(length=0, colors=MARK)
    together.set_ylim(0, 1.05)
    together.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    sums = np.cumsum(bits) / bits.sum()
    together.plot(ranks, sums, color=MARK, linewidth=1.8, solid_capstyle="round")
    for share in SHARES:
        rank = inspection.holding(share)
        together.plot(rank, sums[rank - 1], "o", color=MARK, markersize=5, markeredgecolor="white", zorder=5)
        together.annotate(
            str(rank), (rank, sums[rank - 1]), (4, -11), textcoords="offset points", fontsize=8, color=MARK
        )
