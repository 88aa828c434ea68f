"""A drawing of where the time goes: each stage beside the time that moving its bytes would take."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.figure import Figure

LABELS = {
    "component_planes": "colours, subsampling",
    "plane_to_coefficients": "transform, quantisation",
    "image_to_coefficients": "both, a row of MCUs at a time",
    "count_symbols": "counting symbols (optimised)",
    "encode_scan": "Huffman coding",
    "decode_scan": "Huffman decoding",
    "coefficients_to_plane": "dequantisation, inverse transform",
    "planes_to_image": "upsampling, colours",
}
ENCODING = 5  # of the labels
TIME, BOUND = "#0072b2", "#e69f00"  # told apart by the colour-blind, and in grey
THICK = 0.38
STYLE = {"svg.fonttype": "none", "svg.hashsalt": "stages", "font.size": 9}


def draw(rows: Sequence[dict[str, Any]], speed: float, path: Path) -> None:
    """Draw what `jpeg_costs.stages` found, a panel for each subsampling; the name's suffix says how."""
    kinds = list(dict.fromkeys(row["subsampling"] for row in rows))
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(8.6, 5.0), layout="constrained")
        panels = figure.subplots(1, len(kinds), sharex=True, sharey=True, squeeze=False)[0]
        for panel, kind in zip(panels, kinds):
            times, bounds = {}, {}
            for row in rows:
                if row["subsampling"] == kind:
                    times.update({k: v for k, v in row["milliseconds"].items() if k not in times})
                    bounds.update(row["bounds"])
            places = [i + (i >= ENCODING) * 0.5 for i in range(len(LABELS))]
            bars = (
                (times, -THICK / 2, TIME, "time of the stage, one thread"),
                (bounds, THICK / 2, BOUND, f"time to move its bytes, copied at {speed / 1e9:.0f} GB/s"),
            )
            for values, shift, colour, label in bars:
                widths = [values[name] for name in LABELS]
                drawn = panel.barh([p + shift for p in places], widths, THICK, color=colour, label=label)
                panel.bar_label(drawn, [f"{width:.1f}" for width in widths], padding=3, fontsize=8)
            panel.set_yticks(places, list(LABELS.values()))
            panel.set_title(kind)
            panel.set_xlabel("milliseconds")
            panel.grid(axis="x", color="#dddddd", linewidth=0.6)
            panel.set_axisbelow(True)
            panel.spines[["top", "right"]].set_visible(False)
            panel.margins(x=0.12)
        panels[0].invert_yaxis()
        figure.suptitle(f"Where the time goes: {rows[0]['picture']}, quality 75", fontsize=10)
        handles, labels = panels[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=2, frameon=False)
        metadata = {"Date": None} if path.suffix == ".svg" else None
        figure.savefig(path, facecolor="white", metadata=metadata, dpi=110)
