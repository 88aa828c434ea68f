"""A page to draw on: places in inches, the house's colours, and a figure as the bytes of a file.

Figures are drawn without `pyplot`, so they need no display and change nothing global. What is below and above
zero has the colours of `PuOr`, which can be told apart with any colour vision.
"""

from __future__ import annotations

import io
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["FORMATS", "Page", "counted", "figure_format", "render", "window_means"]

FORMATS = ("png", "svg", "pdf")
WIDTH = 12.0  # inches
MARGIN, GAP = 0.42, 0.24
DPI = 130
INK, FAINT, RULE, LINE, MARK = "#1d1d1f", "#6e6e73", "#ececf0", "#5e3c99", "#e66101"
TINT = "#b2abd2"  # of LINE, for areas
SIGNED = "PuOr_r"
STYLE: Any = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 9,
    "text.color": INK,
    "axes.edgecolor": "#c7c7cc",
    "axes.labelcolor": FAINT,
    "axes.linewidth": 0.8,
    "xtick.color": FAINT,
    "ytick.color": FAINT,
    "text.parse_math": False,
    "svg.fonttype": "none",
    "svg.hashsalt": "neural-from-scratch",
}


def render(figure: Figure, form: str) -> bytes:
    """Return the figure as the bytes of a file of one of `FORMATS`."""
    from matplotlib import rc_context

    file = io.BytesIO()
    with rc_context({**STYLE, "savefig.bbox": None}):
        metadata = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}.get(form)
        figure.savefig(file, format=form, dpi=DPI, metadata=metadata)
    return file.getvalue()


def figure_format(path: PurePath) -> str:
    """Return which of `FORMATS` a file's name asks for; `ValueError` for another."""
    form = path.suffix.lower().removeprefix(".")
    if form not in FORMATS:
        raise ValueError(f"{path}: the figure's name must end in {', '.join('.' + form for form in FORMATS)}")
    return form


class Page:
    """A figure, with places in inches from its top left corner.

    Parameters
    ----------
    height : float
        Of the page, in inches; its width is `WIDTH`.
    """

    def __init__(self, height: float) -> None:
        from matplotlib.figure import Figure

        self.figure, self.height = Figure(figsize=(WIDTH, height), facecolor="white"), height

    def title(self, title: str, summary: str) -> None:
        """The two lines at the top of the page."""
        self.write(MARGIN, 0.48, title, size=16, weight="bold")
        self.write(MARGIN, 0.75, summary, size=10, color=FAINT)

    def heading(self, left: float, top: float, title: str, caption: str) -> None:
        """Two lines above a place."""
        self.write(left, top - 0.28, title, size=11.5, weight="bold")
        self.write(left, top - 0.09, caption, size=9, color=FAINT)

    def write(self, left: float, top: float, text: str, *, size: float, **style: Any) -> None:
        """A line of text that begins here; `top` is that of its baseline."""
        self.figure.text(left / WIDTH, 1 - top / self.height, text, fontsize=size, va="baseline", **style)

    def axes(self, left: float, top: float, width: float, height: float) -> Axes:
        """Axes without a frame and ticks, for pictures."""
        axes = self._axes(left, top, width, height)
        axes.set_xticks([])
        axes.set_yticks([])
        return axes

    def chart(self, left: float, top: float, width: float, height: float) -> Axes:
        """Axes with numbers on both sides, a line at the bottom and faint ones across."""
        axes = self._axes(left, top, width, height)
        axes.spines["bottom"].set_visible(True)
        axes.grid(axis="y", color=RULE, linewidth=0.8)
        axes.tick_params(length=0, which="both")
        axes.set_axisbelow(True)
        return axes

    def _axes(self, left: float, top: float, width: float, height: float) -> Axes:
        bottom = 1 - (top + height) / self.height
        axes = self.figure.add_axes((left / WIDTH, bottom, width / WIDTH, height / self.height))
        axes.spines[:].set_visible(False)
        return axes


def counted(number: float) -> str:
    """Return digits in groups of three."""
    return f"{number:,.0f}".replace(",", "\N{NARROW NO-BREAK SPACE}")


def window_means(values: np.ndarray, first: np.ndarray, last: np.ndarray) -> np.ndarray:
    """Return the mean of ``values[first[i] : last[i]]`` for each i.

    Examples
    --------
    >>> window_means(np.array([1.0, 2.0, 6.0]), np.array([0, 0, 1]), np.array([1, 3, 3]))
    array([1., 3., 4.])
    """
    sums = np.concatenate([[0.0], np.cumsum(values, dtype=np.float64)])
    return (sums[last] - sums[first]) / (last - first)
