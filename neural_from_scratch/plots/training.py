"""The figure of a training run: its curves, and its way through rate and distortion.

Each step sees other crops, so that a curve jumps from step to step by more than it falls in a thousand. What
the eye follows is a mean over the steps around; the cloud behind it is what was measured.

On the plane of rate and quality, grey lines join points of equal loss: along them bits are traded for error
at the price λ. A run goes across them, towards fewer bits or less error, whichever is cheaper at that price.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .page import FAINT, GAP, INK, LINE, MARGIN, MARK, STYLE, WIDTH, Page, counted, window_means

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from ..train import Settings

__all__ = ["plot_training"]

TITLE, CAPTION, CURVE, APART, FOOT = 0.85, 0.5, 1.55, 0.6, 0.62  # inches
SMOOTH, LEAST = 0.015, 10  # to each side of a step: a part of the run, and how many steps at least
START = 0.02  # of the run: what comes before does not decide how high the charts are
CLOUD = 800  # dots of full strength, about: more of them are fainter
STEPS = "cividis_r"  # the end is dark
Points = Sequence[tuple[int, float, float]]


@dataclass(frozen=True)
class _Measure:
    """A distortion as it is trained, and as it is shown."""

    name: str
    error: str
    unit: str
    digits: int

    def shown(self, distortion: ArrayLike) -> NDArray[np.float64]:
        """Return PSNR of a mean squared error, or MS-SSIM of 1 − MS-SSIM."""
        error = np.asarray(distortion, np.float64)
        if self.name == "PSNR":
            return 10 * np.log10(255**2 / np.maximum(error, 1e-4))
        return 1 - error

    def distortion(self, shown: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the opposite of `shown`."""
        return 255**2 / 10 ** (shown / 10) if self.name == "PSNR" else 1 - shown

    def words(self, shown: float) -> str:
        """A value with its unit."""
        return f"{shown:.{self.digits}f}{self.unit}"


MEASURES = {
    "mse": _Measure("PSNR", "mean squared error in 8-bit units", " dB", 2),
    "ms-ssim": _Measure("MS-SSIM", "(1 − MS-SSIM)", "", 4),
}


def plot_training(
    curves: Mapping[str, NDArray[Any]], settings: Settings, name: str, validation: Points | None = None
) -> Figure:
    """Draw a run of `train.Trainer`, finished or not.

    Parameters
    ----------
    curves : mapping of str to ndarray, shape (steps,)
        `Trainer.curves`: ``"loss"``, ``"bpp"`` and ``"distortion"``. Zeros at the end are steps that are yet
        to come.
    settings : Settings
        Of the run.
    name : str
        What it is called.
    validation : sequence of (step, bpp, quality), optional
        What was measured on the way on pictures that are not learned. Quality is PSNR in dB, for training
        with MS-SSIM that.

    Returns
    -------
    matplotlib.figure.Figure
        Save it with `render`.

    Raises
    ------
    ValueError
        If no step has been done, a curve is missing or has another length, or a number is not finite.
    """
    from matplotlib import rc_context

    raw, points = _checked(curves), _checked_points(validation)
    panel = (WIDTH - 2 * MARGIN - 2 * GAP) / 3
    height = TITLE + CAPTION + 3 * CURVE + 2 * APART + FOOT
    half = max(LEAST, round(SMOOTH * len(raw[0])))
    mean = [_smooth(curve, half) for curve in raw]
    with rc_context(STYLE):
        page = Page(height)
        page.title(f"Training of {name}", _summary(settings, mean))
        _draw_curves(page, 2 * panel + GAP - 0.8, raw, mean, points, settings)
        left, top = MARGIN + 2 * (panel + GAP) + 0.45, TITLE + CAPTION
        wide, tall = panel - 0.45, 2 * CURVE + APART
        measure = MEASURES[settings.distortion]
        unit = f"{measure.name}{' in dB' if measure.unit else ''}"
        page.heading(
            left - 0.45, top, "Rate and quality", f"{unit} over bits a pixel; grey: lines of equal loss"
        )
        path = [_smooth(curve, 2 * half) for curve in raw]
        _draw_path(page.chart(left, top, wide, tall), path[1], measure.shown(path[2]), points, settings)
        _draw_key(page, (left, top + tall + 0.5, wide), settings, len(points))
    return page.figure


def _checked(curves: Mapping[str, NDArray[Any]]) -> list[NDArray[np.float64]]:
    """Return loss, bpp and distortion of the steps that are done."""
    missing = [name for name in ("loss", "bpp", "distortion") if name not in curves]
    if missing:
        raise ValueError(f"plot_training: there is no curve {', '.join(missing)}")
    found = [np.asarray(curves[name], np.float64) for name in ("loss", "bpp", "distortion")]
    if any(curve.ndim != 1 or curve.shape != found[0].shape for curve in found):
        raise ValueError(f"plot_training: curves have shapes {[curve.shape for curve in found]}")
    done = int(np.flatnonzero(found[0])[-1]) + 1 if found[0].any() else 0
    if not done:
        raise ValueError("plot_training: no step has been done")
    if not all(np.isfinite(curve).all() for curve in found):
        raise ValueError("plot_training: a curve is not finite")
    return [curve[:done] for curve in found]


def _checked_points(validation: Points | None) -> NDArray[np.float64]:
    points = np.array([] if validation is None else list(validation), np.float64)
    if points.size and (points.ndim != 2 or points.shape[1] != 3 or not np.isfinite(points).all()):
        raise ValueError("plot_training: validation must be (step, bpp, quality), all of them finite")
    return points.reshape(-1, 3)


def _smooth(curve: NDArray[np.float64], half: int) -> NDArray[np.float64]:
    """The mean over `half` steps to each side, or as many as there are; twice, so near ones count more."""
    step = np.arange(len(curve))
    first, last = np.maximum(step - half, 0), np.minimum(step + half + 1, len(curve))
    return window_means(window_means(curve, first, last), first, last)


def _summary(settings: Settings, mean: list[NDArray[np.float64]]) -> str:
    measure, done, steps = MEASURES[settings.distortion], len(mean[0]), settings.steps
    what = f"{counted(done)} steps" if done == steps else f"{counted(done)} of {counted(steps)} steps"
    first, last = (measure.words(float(measure.shown(mean[2][i]))) for i in (0, -1))
    crops = f"{settings.batch} crops of {settings.side} × {settings.side} pixels"
    return (
        f"λ = {settings.weight:g} · {what} of {crops} · from {mean[1][0]:.3f} bits a pixel and {first} "
        f"to {mean[1][-1]:.3f} and {last}"
    )


# --------------------------------------------------------------------------------------------------
# Parts


def _draw_curves(
    page: Page,
    width: float,
    raw: list[NDArray[np.float64]],
    mean: list[NDArray[np.float64]],
    points: NDArray[np.float64],
    settings: Settings,
) -> None:
    """Loss, rate and quality, one below the other."""
    measure = MEASURES[settings.distortion]
    charts = (
        ("Loss", f"bits a pixel + λ · {measure.error}", raw[0], mean[0]),
        ("Bits a pixel", "with noise, by the densities", raw[1], mean[1]),
        (measure.name, "of crops, with noise", measure.shown(raw[2]), measure.shown(mean[2])),
    )
    for i, (title, caption, each, smooth) in enumerate(charts):
        top = TITLE + CAPTION + i * (CURVE + APART)
        page.heading(MARGIN, top, title, caption)
        axes = page.chart(MARGIN + 0.5, top, width, CURVE)
        _draw_curve(axes, each, smooth, settings.steps)
        if i and len(points):  # the loss of a mean PSNR is no mean loss
            _draw_points(axes, points[:, 0], points[:, i])
        axes.tick_params(labelbottom=i == 2)
    axes.set_xlabel("step", loc="right")


def _draw_curve(axes: Axes, raw: NDArray[np.float64], mean: NDArray[np.float64], steps: int) -> None:
    """What was measured, a cloud of dots, and its mean."""
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    done = np.arange(1, len(raw) + 1)
    alpha = min(max(CLOUD / len(raw), 0.06), 0.5)
    axes.plot(done, raw, "o", color=LINE, alpha=alpha, markersize=1.7, markeredgewidth=0, rasterized=True)
    axes.plot(done, mean, color=LINE, linewidth=2, solid_capstyle="round")
    settled = slice(min(round(START * len(raw)), len(raw) - 1), None)
    low, high = np.quantile(raw[settled], (0.05, 0.95))
    _set_limits(axes.set_ylim, np.array([low, high, *mean[settled]]))
    axes.set_xlim(0, 1.02 * steps)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: counted(value)))
    axes.xaxis.set_major_locator(MaxNLocator(8, integer=True))
    axes.yaxis.set_major_locator(MaxNLocator(4))


def _draw_points(axes: Axes, steps: NDArray[np.float64], values: NDArray[np.float64]) -> None:
    """Dots for the pictures that are not learned; the chart grows until it holds them."""
    axes.plot(steps, values, color=MARK, linewidth=1, alpha=0.6)
    axes.plot(steps, values, "o", color=MARK, markersize=5, markeredgecolor="white", zorder=5, clip_on=False)
    low, high = axes.get_ylim()
    room = 0.06 * (high - low)
    axes.set_ylim(min(low, values.min() - room), max(high, values.max() + room))


def _draw_path(
    axes: Axes,
    bpp: NDArray[np.float64],
    quality: NDArray[np.float64],
    points: NDArray[np.float64],
    settings: Settings,
) -> None:
    """Quality over rate, coloured by step, on lines of equal loss."""
    from matplotlib.collections import LineCollection
    from matplotlib.ticker import MaxNLocator

    measure = MEASURES[settings.distortion]
    _set_limits(axes.set_xlim, np.concatenate([bpp, points[:, 1]]))
    _set_limits(axes.set_ylim, np.concatenate([quality, points[:, 2]]))
    across, up = np.linspace(*axes.get_xlim(), 80), np.linspace(*axes.get_ylim(), 80)
    losses = across[np.newaxis] + settings.weight * measure.distortion(up)[:, np.newaxis]
    axes.contour(across, up, losses, levels=12, colors="#d2d2d7", linewidths=0.8, zorder=1)
    at = np.stack([bpp, quality], axis=-1)
    segments = LineCollection(
        list(np.stack([at[:-1], at[1:]], axis=1)), cmap=STEPS, linewidths=2.4, capstyle="round", zorder=3
    )
    segments.set_array(np.arange(1, len(at)))
    segments.set_clim(0, settings.steps)
    axes.add_collection(segments)
    _draw_dots(axes, at[[0, -1], 0], at[[0, -1], 1], np.array([1, len(at)]), settings, marker="s")
    if len(points):
        axes.plot(points[:, 1], points[:, 2], color=MARK, linewidth=1, alpha=0.6, zorder=2)
        _draw_dots(axes, points[:, 1], points[:, 2], points[:, 0], settings, edgecolors=MARK)
    axes.grid(visible=False)
    axes.xaxis.set_major_locator(MaxNLocator(4))
    axes.yaxis.set_major_locator(MaxNLocator(6))


def _draw_dots(
    axes: Axes,
    bpp: NDArray[np.float64],
    quality: NDArray[np.float64],
    steps: NDArray[Any],
    settings: Settings,
    **style: Any,
) -> None:
    """Places on the plane, with the colours of their steps."""
    style = {"edgecolors": "white", **style}
    axes.scatter(
        bpp,
        quality,
        c=steps,
        cmap=STEPS,
        vmin=0,
        vmax=settings.steps,
        s=42,
        linewidths=1.2,
        zorder=4,
        **style,
    )


def _draw_key(page: Page, place: tuple[float, float, float], settings: Settings, points: int) -> None:
    """What lines, dots and colours mean."""
    left, top, width = place
    gradient = page.axes(left, top, width, 0.12)
    gradient.imshow(np.arange(256)[np.newaxis], cmap=STEPS, aspect="auto")
    page.write(left, top + 0.3, "first step", size=8, color=FAINT)
    page.write(left + width, top + 0.3, f"step {counted(settings.steps)}", size=8, color=FAINT, ha="right")
    lines = [
        ("▬", LINE, "mean of the steps around; behind: each step"),
        ("■", INK, "where the run begins and ends"),
    ]
    if points:
        lines.append(("●", MARK, "pictures that are not learned"))
    for i, (sign, colour, words) in enumerate(lines):
        y = top + 0.62 + 0.21 * i
        page.write(left, y, sign, size=9, color=colour)
        page.write(left + 0.22, y, words, size=9, color=FAINT)


def _set_limits(set_limits: Callable[[float, float], object], values: NDArray[np.float64]) -> None:
    """Leave some room on both sides; a constant has room as well."""
    low, high = float(values.min()), float(values.max())
    room = 0.08 * (high - low) or max(abs(low), 1e-3) * 0.05
    set_limits(low - room, high + room)
