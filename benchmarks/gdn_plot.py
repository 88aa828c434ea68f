"""A drawing of what `gdn_study` found: losses along the way, from both beginnings, and the bits saved."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib import rc_context
from matplotlib.figure import Figure

from neural_from_scratch.pictures import write_atomically
from neural_from_scratch.plots import figure_format, render
from neural_from_scratch.plots.page import FAINT, RULE, STYLE

if TYPE_CHECKING:
    from gdn_study import Run, Variant

TITLES = ("From the same linear codec", "From random weights")


def draw(
    variants: Sequence[Variant], runs: Sequence[Run], saved: Mapping[str, Sequence[float]], path: Path
) -> None:
    """Draw into a file; `saved` has for each variant the share of each seed."""
    form = figure_format(path)
    groups = [[one for one in variants if one.is_cold == is_cold] for is_cold in (False, True)]
    shown = [(title, group) for title, group in zip(TITLES, groups) if group]
    compared = [one for one in variants if saved[one.key]]
    with rc_context(STYLE):
        count = len(shown) + bool(compared)
        figure = Figure(figsize=(4 * count, 4.3), layout="constrained", facecolor="white")
        panels = list(figure.subplots(1, count, squeeze=False)[0])
        for panel, (title, group) in zip(panels, shown):
            _curves(panel, group, runs)
            panel.set_title(title, loc="left", weight="bold")
        if compared:
            _shares(panels[-1], compared, saved)
        for panel in panels:
            panel.spines[["top", "right"]].set_visible(False)
            panel.tick_params(length=0)
            panel.set_axisbelow(True)
    write_atomically(path, render(figure, form))


def _curves(panel: Any, variants: Sequence[Variant], runs: Sequence[Run]) -> None:
    """The mean over the seeds, and from the least to the largest; from a quarter of the way on."""
    late = []
    for variant in variants:
        curves = np.array([run.curve for run in runs if run.key == variant.key])
        steps, losses = curves[0, :, 0], curves[:, :, 1]
        style = (0, (4, 2)) if "learned_by" in variant.options else "solid"
        panel.plot(steps, losses.mean(axis=0), color=variant.colour, linestyle=style, label=variant.label)
        bounds = losses.min(axis=0), losses.max(axis=0)
        panel.fill_between(steps, *bounds, color=variant.colour, alpha=0.1, linewidth=0)
        late.append(losses[:, len(steps) // 4 :])
    low, high = np.min(late), np.max(late)
    panel.set_ylim(low - 0.05 * (high - low), high + 0.1 * (high - low))
    panel.set_xlabel("steps")
    panel.set_ylabel("loss on pictures not trained on")
    panel.grid(color=RULE)
    panel.legend(frameon=False)


def _shares(panel: Any, variants: Sequence[Variant], saved: Mapping[str, Sequence[float]]) -> None:
    """A dot for each seed, a stroke for their mean."""
    for place, variant in enumerate(variants):
        shares = [100 * share for share in saved[variant.key]]
        mean, colour = float(np.mean(shares)), variant.colour
        panel.plot(shares, [place] * len(shares), "o", color=colour, markersize=5, alpha=0.6)
        panel.plot([mean, mean], [place - 0.28, place + 0.28], color=colour, linewidth=2)
    panel.set_yticks(range(len(variants)), [one.label for one in variants])
    panel.invert_yaxis()
    panel.axvline(0, color=FAINT, linewidth=0.8)
    panel.set_title("Bits saved, from the linear codec", loc="left", weight="bold")
    panel.set_xlabel("per cent of those of none; a dot is a seed")
    panel.grid(axis="x", color=RULE)
