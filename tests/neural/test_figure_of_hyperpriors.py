"""The figure of a hyperprior's file shows what is in it, for any picture."""

from __future__ import annotations

import io
from dataclasses import replace
from functools import lru_cache

import numpy as np
import pytest
from codec_cases import picture
from hyper_cases import NAMES, hyper_weights
from matplotlib.colors import LogNorm, to_rgba
from matplotlib.figure import Figure
from PIL import Image

from neural_from_scratch import codec, inspection, plots
from neural_from_scratch.inspection import Inspection
from neural_from_scratch.latent_coding import HyperCoding
from neural_from_scratch.plots import foreseen, page
from neural_from_scratch.prediction import foresee, prices, told

both = pytest.mark.parametrize("name", NAMES)


def looked_at(image: np.ndarray, name: str) -> Inspection:
    """The inspection of a picture's file."""
    data = codec.encode(image, weights=hyper_weights(name), step=96)
    return inspection.inspect(data, weights=hyper_weights(name))


@lru_cache
def found(name: str) -> Inspection:
    """Of a picture of 100×72 pixels: 7×5 latents, 2×2 of z."""
    return looked_at(picture(72, 100), name)


@lru_cache
def figure_of(name: str) -> Figure:
    """Drawn once."""
    return plots.plot_content(found(name), codec.pixels_of(found(name).content), "$hill_1$.nfs")


def maps_in(figure: Figure) -> list[np.ndarray]:
    """All pictures in the figure, in their order."""
    return [np.asarray(axes.images[0].get_array()) for axes in figure.axes if axes.images]


@both
def test_maps_of_bits(name: str) -> None:
    """The picture first; then bits of y and of z, divided by the pixels that each square really has."""
    looked = found(name)
    assert looked.prediction is not None
    maps = maps_in(figure_of(name))
    assert np.array_equal(maps[0], codec.pixels_of(looked.content))
    tall, wide = np.array([16, 16, 16, 16, 8]), np.array([16, 16, 16, 16, 16, 16, 4])
    np.testing.assert_allclose(maps[1] * np.outer(tall, wide), looked.prediction.map)
    np.testing.assert_allclose(maps[-1] * np.outer([64, 8], [64, 36]), looked.prediction.side_map)


@both
def test_maps_of_channels(name: str) -> None:
    """Channels as columns, the strongest first; what rows are depends on whether there are means."""
    looked = found(name)
    coding = looked.content.coding
    assert isinstance(coding, HyperCoding)
    images = [axes.images[0] for axes in figure_of(name).axes if axes.images][2:-1]
    across = len(images) // 4
    assert foreseen.LEAST_ACROSS <= across <= foreseen.MOST_ACROSS
    assert len(images) == 4 * across
    channels = foreseen._chosen(looked, coding, across)
    assert channels[0] is looked.strongest()[0]
    assert len({channel.number for channel in channels}) == across
    for column, channel in enumerate(channels):
        one, two, three, four = images[column::across]
        symbols = looked.content.symbols[channel.number]
        scales, means = told(coding, channel.number)
        latents = coding.dequantize(looked.content.symbols)[0, channel.number] / coding.step
        np.testing.assert_allclose(one.get_array(), latents, rtol=1e-5, atol=1e-5)
        if means is None:
            expected = [scales, symbols / scales, prices(looked.content, channel.number)[1]]
            scale = two
        else:
            expected = [means, scales, symbols]
            scale = three
            assert one.norm.vmax == two.norm.vmax == four.norm.vmax >= np.abs(latents).max()
        for drawn, array in zip((two, three, four), expected):
            np.testing.assert_allclose(drawn.get_array(), array, rtol=1e-6)
        assert isinstance(scale.norm, LogNorm)
        assert scale.norm.vmin <= scales.min() <= scales.max() <= scale.norm.vmax


@both
def test_colour_bars_are_labelled(name: str) -> None:
    """Each row of maps has one, and both maps of bits."""
    figure = figure_of(name)
    labels = [axes.get_ylabel() for axes in figure.axes if axes.get_ylabel()]
    rows = ["σ in steps", "latent / σ", "bits each"] if name == NAMES[0] else ["of its range", "σ in steps"]
    assert len(labels) == 4
    assert set(labels) == {"of its range", *rows}
    (bar,) = [axes for axes in figure.axes if axes.get_ylabel() == "σ in steps"]
    ticks = [float(label.get_text()) for label in bar.get_yticklabels()]
    assert ticks == pytest.approx(list(bar.get_yticks()))
    assert sum(text.get_text() == "bits a pixel" for text in figure.texts) == 2


@both
def test_bars_and_histogram(name: str) -> None:
    """Bits of all channels with those of z before them; the shares that `prediction` finds."""
    looked = found(name)
    prediction = looked.prediction
    assert prediction is not None
    axes = figure_of(name).axes
    (bars,) = [one for one in axes if len(one.patches) == len(looked.channels) + 1]
    heights = [bar.get_height() for bar in bars.patches]
    assert heights == pytest.approx([c.bits for c in looked.strongest()] + [prediction.side_bits])
    coding = looked.content.coding
    assert isinstance(coding, HyperCoding)
    dark = [bar.get_facecolor() == to_rgba(page.LINE) for bar in bars.patches[:-1]]
    shown = foreseen._chosen(looked, coding, sum(dark))
    assert dark == [channel in shown for channel in looked.strongest()]
    assert bars.get_xlim()[0] < bars.patches[-1].get_x() < 0
    (chart,) = [one for one in axes if one.get_title(loc="left")]
    values, edges, _ = chart.patches[0].get_data()  # type: ignore[attr-defined]
    assert (values * np.diff(edges)).tolist() == pytest.approx(prediction.normalised(edges).tolist())
    latents, bits = prediction.wide_share
    title = f"{latents:.0%} of the latents, {bits:.0%} of the bits of y"
    assert chart.get_title(loc="left").startswith(title)
    line = np.asarray(chart.lines[0].get_ydata(), float)
    assert line.max() == pytest.approx(1 / np.sqrt(2 * np.pi))


def test_channels_that_were_told_most() -> None:
    """Of the others those come first whose scale changes with the place, weighed by their bits."""
    looked = found(NAMES[0])
    coding = looked.content.coding
    assert isinstance(coding, HyperCoding)
    ranked = looked.strongest()
    weak = ranked[-1].number
    scales = np.full_like(coding.expected.scales, 2048)
    scales[weak, 0], scales[ranked[5].number, 0] = 2**18, 2060
    told_otherwise = replace(coding, expected=replace(coding.expected, scales=scales))
    chosen = foreseen._chosen(looked, told_otherwise, 3)
    assert [channel.number for channel in chosen] == [ranked[0].number, weak, ranked[5].number]


def test_words_are_in_it() -> None:
    """Names as they are, no formulas; shares of bits."""
    looked, name = found(NAMES[1]), NAMES[1]
    text = plots.render(figure_of(name), "svg").decode("utf-8")
    assert looked.prediction is not None
    side, strongest = looked.prediction.side_bits, looked.strongest()[0]
    for words in (
        "What is in $hill_1$.nfs",
        f"those of y, {looked.bits / (looked.bits + side):.1%} of all",
        f"z, {side / (looked.bits + side):.1%} of all bits; one square is 64 pixels wide",
        f"channel {strongest.number} · {strongest.bits / looked.bits:.1%} · ±",
        f"of y, the strongest first: 50% in {looked.holding(0.5)}, ",
        *("latents", "mean told", "scale told", "what is left"),
    ):
        assert words in text
    assert f"· {name}, λ = 0.02 ·" in text


@pytest.mark.parametrize(("height", "width", "name"), [(1, 1, NAMES[0]), (16, 530, NAMES[1])])
def test_any_shape(height: int, width: int, name: str) -> None:
    """One pixel, stripes; in grey."""
    looked = looked_at(picture(height, width)[:, :, 0], name)
    drawn = plots.render(plots.plot_content(looked, codec.pixels_of(looked.content), "x"), "png")
    with Image.open(io.BytesIO(drawn)) as image:
        assert 1000 < image.height < 1900


def test_values_beyond_all_bounds() -> None:
    """A forged file: axes stay where a Gaussian is, and nothing warns."""
    looked = found(NAMES[0])
    symbols = looked.content.symbols.copy()
    symbols[looked.strongest()[0].number, 0, :2] = 2**31 - 1, -(2**31)
    content = replace(looked.content, symbols=symbols)
    forged = Inspection(looked.size, content, looked.fields, *foresee(content))
    figure = plots.plot_content(forged, codec.pixels_of(content), "x")
    plots.render(figure, "svg")
    (chart,) = [axes for axes in figure.axes if axes.get_title(loc="left")]
    assert chart.get_xlim() == (-5, 5)


def test_no_wide_latents() -> None:
    """Where nothing is expected to be a step wide the chart says so."""
    looked = found(NAMES[0])
    assert looked.prediction is not None
    counts = np.zeros_like(looked.prediction.counts)
    counts[:10, 2048] = 7
    narrow = replace(looked, prediction=replace(looked.prediction, counts=counts))
    figure = plots.plot_content(narrow, codec.pixels_of(looked.content), "x")
    (chart,) = [axes for axes in figure.axes if axes.get_title(loc="left")]
    assert chart.get_title(loc="left").endswith("there are none")
