"""The figure of a training run: its curves, its path, and what it refuses."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from neural_from_scratch import plots
from neural_from_scratch.plots import page
from neural_from_scratch.plots import training as training_plot
from neural_from_scratch.train import Settings


def curves(steps: int, done: int | None = None, distortion: str = "mse") -> dict[str, np.ndarray]:
    """A run that learns, as `Trainer.curves` has it."""
    rng = np.random.default_rng(0)
    falls = np.exp(-np.arange(steps) / (steps / 4)) * rng.uniform(0.8, 1.2, steps)
    error = 40 + 60 * falls if distortion == "mse" else 0.02 + 0.05 * falls
    bpp = 0.5 + 0.3 * falls
    weight = 0.01 if distortion == "mse" else 10.0
    made = {"loss": bpp + weight * error, "bpp": bpp, "distortion": error}
    for curve in made.values():
        curve[steps if done is None else done :] = 0
    return {name: curve.astype(np.float32) for name, curve in made.items()}


def titled(figure: object, steps: int) -> list[object]:
    """The three charts over steps."""
    return [axes for axes in figure.axes if axes.get_xlim()[1] == pytest.approx(1.02 * steps)]  # type: ignore[attr-defined]


@pytest.mark.parametrize("form", plots.FORMATS)
def test_each_format(form: str) -> None:
    """The same bytes each time; words and numbers are in it."""
    validation = [(10, 0.7, 29.0), (40, 0.6, 30.5)]
    settings = Settings(0.01, 60)
    one, again = (
        plots.render(plots.plot_training(curves(60), settings, "$a_1$.npz", validation), form)
        for _ in range(2)
    )
    assert one == again
    if form == "png":
        with Image.open(io.BytesIO(one)) as drawn:
            assert drawn.width == page.WIDTH * page.DPI
    if form == "svg":
        text = one.decode("utf-8")
        for words in (
            ">Training of $a_1$.npz<",
            "λ = 0.01 · 60 steps of 8 crops",
            "PSNR in dB",
            "not learned",
        ):
            assert words in text


def test_curves_are_what_was_measured() -> None:
    """Each step is there, behind it a mean that is smoother; distortion is shown as PSNR."""
    made = curves(400)
    figure = plots.plot_training(made, Settings(0.01, 400), "x")
    expected = (made["loss"], made["bpp"], 10 * np.log10(255**2 / made["distortion"]))
    charts = titled(figure, 400)
    assert len(charts) == 3
    for axes, values in zip(charts, expected):
        dots, mean = (np.asarray(line.get_ydata(), float) for line in axes.lines)  # type: ignore[attr-defined]
        assert dots == pytest.approx(values, rel=1e-5)
        assert len(mean) == 400
        assert np.abs(np.diff(mean)).max() < 0.1 * np.abs(np.diff(dots)).max()
        assert mean[200] == pytest.approx(values[180:221].mean(), rel=0.02)


def test_unfinished_runs_end_where_they_are() -> None:
    """Zeros at the end are steps to come: no curve is there, but the axis has room."""
    figure = plots.plot_training(curves(100, done=30), Settings(0.01, 100), "x")
    for axes in titled(figure, 100):
        for line in axes.lines:  # type: ignore[attr-defined]
            assert list(line.get_xdata()) == list(range(1, 31))
    assert any("30 of 100 steps" in text.get_text() for text in figure.texts)


def test_validation_is_in_three_charts() -> None:
    """Bits, quality, and the plane of both; the charts grow until it is seen."""
    validation = [(20, 0.3, 50.0), (50, 1.9, 20.0)]
    figure = plots.plot_training(curves(60), Settings(0.01, 60), "x", validation)
    _, bits, quality = titled(figure, 60)
    (plane,) = [axes for axes in figure.axes if len(axes.collections) > 1]
    for axes, (x, y) in ((bits, (0, 1)), (quality, (0, 2)), (plane, (1, 2))):
        dots = [point for line in axes.lines for point in zip(*line.get_data())]  # type: ignore[attr-defined]
        for point in validation:
            assert (point[x], point[y]) in dots
            low, high = axes.get_ylim()  # type: ignore[attr-defined]
            assert low < point[y] < high
    low, high = plane.get_xlim()
    assert low < 0.3 < 1.9 < high


def test_path_follows_the_run() -> None:
    """From many bits to few, and from low quality to high."""
    figure = plots.plot_training(curves(500), Settings(0.01, 500), "x")
    (plane,) = [axes for axes in figure.axes if len(axes.collections) > 1]
    (path,) = [c for c in plane.collections if c.get_array() is not None and len(c.get_array()) == 499]
    ends = path.get_segments()
    (first_bpp, first_psnr), (last_bpp, last_psnr) = ends[0][0], ends[-1][1]
    assert first_bpp - last_bpp > 0.1
    assert last_psnr - first_psnr > 1


def test_ms_ssim_has_its_own_scale() -> None:
    """One minus the distortion, without dB; and so have the validation's points."""
    settings = Settings(10.0, 80, distortion="ms-ssim", side=176)
    figure = plots.plot_training(curves(80, distortion="ms-ssim"), settings, "x", [(40, 0.6, 0.96)])
    quality = titled(figure, 80)[2]
    dots = np.asarray(quality.lines[0].get_ydata(), float)  # type: ignore[attr-defined]
    assert dots == pytest.approx(1 - curves(80, distortion="ms-ssim")["distortion"], rel=1e-5)
    words = " ".join(text.get_text() for text in figure.texts)
    assert "MS-SSIM" in words
    assert "dB" not in words


@pytest.mark.parametrize("steps", [1, 2, 7])
def test_short_runs(steps: int) -> None:
    """A chart of one step is still a chart, and nothing warns."""
    data = plots.render(plots.plot_training(curves(steps), Settings(0.01, steps), "x"), "png")
    assert data.startswith(b"\x89PNG")


def test_constant_curves() -> None:
    """No range to draw is no error."""
    flat = {name: np.full(20, value) for name, value in (("loss", 1.5), ("bpp", 0.5), ("distortion", 0.0))}
    plots.render(plots.plot_training(flat, Settings(0.01, 20), "x"), "png")


def test_nothing_to_draw_is_refused() -> None:
    """No steps, a curve that is missing, of another length or not finite, points that are none."""
    settings = Settings(0.01, 20)
    whole = curves(20)
    for broken, words in (
        ({**whole, "loss": np.zeros(20)}, "no step"),
        ({name: whole[name][:0] for name in whole}, "no step"),
        ({"loss": whole["loss"], "bpp": whole["bpp"]}, "no curve distortion"),
        ({**whole, "bpp": whole["bpp"][:-1]}, "shapes"),
        ({**whole, "bpp": np.full(20, np.nan)}, "not finite"),
    ):
        with pytest.raises(ValueError, match=words):
            plots.plot_training(broken, settings, "x")
    for validation in ([(1, 2)], [(1, 0.5, float("inf"))], [1, 2, 3]):
        with pytest.raises(ValueError, match="validation"):
            plots.plot_training(whole, settings, "x", validation)  # type: ignore[arg-type]


def test_smoothing_is_a_mean() -> None:
    """Constants stay; the ends have no more noise than four times the middle."""
    assert training_plot._smooth(np.full(50, 3.0), 7) == pytest.approx(3.0)
    noise = np.random.default_rng(1).normal(size=(300, 200))
    smooth = np.stack([training_plot._smooth(row, 20) for row in noise])
    assert smooth[:, 100].std() < 0.2
    assert smooth[:, 0].std() < 4 * smooth[:, 100].std()
