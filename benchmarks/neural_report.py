"""What `neural_ops` measured, to be shown: a table in Markdown, and a drawing with bars and aims."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.figure import Figure

TITLES = {
    "conv": "convolution, 5×5, stride 2",
    "transposed": "transposed convolution, 5×5, stride 2",
    "GDN": "GDN and IGDN",
    "network": "analysis and synthesis",
    "training": "training step",
}
COLOURS = {
    "conv": "#0072b2",
    "transposed": "#56b4e9",
    "GDN": "#009e73",
    "network": "#cc79a7",
    "training": "#e69f00",
}
FAINT = "#6e6e73"
STYLE = {"svg.fonttype": "none", "svg.hashsalt": "neural", "font.size": 8.5, "axes.edgecolor": "#c7c7cc"}
ROW = 0.19  # inches


def table(rows: Sequence[dict[str, Any]]) -> str:
    """Return the table of docs/performance-neural.md."""
    lines = [
        "| work | ours, ms | PyTorch, ms | ratio (all rounds) | GFLOP | MB | GFLOP/s, theirs | bound |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        ours, theirs = statistics.median(row["ours"]), statistics.median(row["theirs"])
        ratio = f"{row['ratio']:.2f} ({row['ratios'][0]:.2f}–{row['ratios'][-1]:.2f})"
        cells = (
            row["name"],
            f"{1000 * ours:.1f}",
            f"{1000 * theirs:.1f}",
            ratio if row["ratio"] <= row["bar"] else f"**{ratio}**",
            f"{row['operations'] / 1e9:.2f}",
            f"{row['bytes'] / 1e6:.1f}",
            f"{row['gflops']:.0f}, {row['their_gflops']:.0f}",
            f"{row['bound'] / ours:.0%}",
        )
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def draw(rows: Sequence[dict[str, Any]], path: Path) -> None:
    """Draw what `neural_ops` measured: medians, and the ratios of all rounds as a thin line."""
    kinds = [kind for kind in TITLES if any(row["kind"] == kind for row in rows)]
    groups = [[row for row in rows if row["kind"] == kind] for kind in kinds]
    with matplotlib.rc_context(STYLE):
        height = ROW * (len(rows) + 2.2 * len(kinds)) + 0.7
        figure = Figure(figsize=(7.6, height), layout="constrained")
        panels = figure.subplots(
            len(kinds), 1, sharex=True, squeeze=False, height_ratios=[len(group) + 0.6 for group in groups]
        )[:, 0]
        for panel, kind, group in zip(panels, kinds, groups):
            places = range(len(group))
            ratios = [row["ratio"] for row in group]
            panel.barh(places, ratios, 0.62, color=COLOURS[kind])
            for place, row in zip(places, group):
                panel.plot(
                    [row["ratios"][0], row["ratios"][-1]], [place, place], color="#1d1d1f", linewidth=0.9
                )
                panel.text(
                    max(row["ratios"][-1], row["ratio"]) + 0.015, place, f"{row['ratio']:.2f}", va="center"
                )
            bar, aim = group[0]["bar"], group[0]["aim"]
            panel.axvline(bar, color="#d55e00", linewidth=1.2)
            panel.axvline(aim, color="#d55e00", linewidth=1.0, linestyle=(0, (2, 2)))
            panel.axvline(1, color=FAINT, linewidth=0.6)
            names = [row["name"].removeprefix(f"{kind} " if kind != "GDN" else "") for row in group]
            panel.set_yticks(places, names)
            panel.set_ylim(len(group) - 0.4, -0.6)
            panel.set_title(
                f"{TITLES[kind]}: at most {bar}, aim {aim}", loc="left", fontsize=9, weight="bold"
            )
            panel.tick_params(length=0)
            panel.spines[["top", "right", "bottom"]].set_visible(False)
        panels[-1].set_xlim(0, max(1.45, 1.1 * max(row["ratios"][-1] for row in rows)))
        panels[-1].set_xlabel(
            "our time by PyTorch's: 1 is as fast, 0.5 twice as fast; thin lines span all rounds"
        )
        metadata = {"Date": None} if path.suffix == ".svg" else None
        figure.savefig(path, facecolor="white", metadata=metadata, dpi=110)
