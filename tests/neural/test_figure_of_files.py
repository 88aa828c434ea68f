"""The figure of a coded file shows what is in it, for any picture."""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest
from codec_cases import picture, small_weights
from PIL import Image

from neural_from_scratch import codec, inspection, latent_channels, plots
from neural_from_scratch.inspection import Inspection
from neural_from_scratch.plots import content as content_plot
from neural_from_scratch.plots import page, parts


def looked_at(image: np.ndarray) -> Inspection:
    """The inspection of a picture's file."""
    return inspection.inspect(codec.encode(image, weights=small_weights()), weights=small_weights())


@pytest.fixture(scope="module")
def found() -> Inspection:
    """Of a picture of 64×48 pixels."""
    return looked_at(picture(48, 64))


@pytest.mark.parametrize("form", plots.FORMATS)
def test_each_format(found: Inspection, form: str) -> None:
    """The same bytes each time; words and numbers are in it."""
    image = codec.pixels_of(found.content)
    one, again = (plots.render(plots.plot_content(found, image, "$hill_1$.nfs"), form) for _ in range(2))
    assert one == again
    if form == "png":
        with Image.open(io.BytesIO(one)) as drawn:
            assert drawn.width == page.WIDTH * page.DPI
    if form == "svg":
        text = one.decode("utf-8")
        strongest = found.strongest()[0]
        assert ">What is in $hill_1$.nfs<" in text
        assert f"channel {strongest.number} · {strongest.bits / found.bits:.1%} · ±" in text
        assert f"{strongest.bits / strongest.size:.2f} bits each" in text
        assert f"99% in {found.holding(0.99)}" in text


def test_maps_and_bars_are_the_latents(found: Inspection) -> None:
    """The picture, the strongest channels in their order, and the bits of all."""
    image = codec.pixels_of(found.content)
    figure = plots.plot_content(found, image, "x")
    shown = [np.asarray(axes.images[0].get_array()) for axes in figure.axes if axes.images]
    ranked = found.strongest()
    assert np.array_equal(shown[0], image)
    assert len(shown) == 9
    for array, channel in zip(shown[1:], ranked):
        assert np.array_equal(array, found.content.symbols[channel.number])
    (bars,) = [axes for axes in figure.axes if len(axes.patches) == len(ranked)]
    heights = [bar.get_height() for bar in bars.patches]
    assert heights == pytest.approx([channel.bits for channel in ranked])


def test_densities_are_those_of_table_and_model(found: Inspection) -> None:
    """Steps are the table's frequencies, bars the counts, and the line meets the steps in their middle."""
    figure = plots.plot_content(found, codec.pixels_of(found.content), "x")
    charts = [axes for axes in figure.axes if axes.get_title(loc="left").startswith("channel")]
    assert 1 <= len(charts) <= 3
    for axes in charts:
        number = int(axes.get_title(loc="left").split(",")[0].split()[1])
        channel = found.channels[number]
        steps = [patch for patch in axes.patches if hasattr(patch, "get_data")]
        values, edges, _ = steps[0].get_data()
        expected = latent_channels.table_probabilities(small_weights().tables, number)[:-1]
        assert np.array_equal(values, expected)
        bars = [patch for patch in axes.patches if not hasattr(patch, "get_data")]
        assert [bar.get_height() for bar in bars] == pytest.approx(list(channel.counts / channel.size))
        x, y = (np.asarray(part, float) for part in axes.lines[0].get_data())
        middles = edges[:-1] + 0.5
        inside = (middles > x[0]) & (middles < x[-1])
        assert np.interp(middles[inside], x, y) == pytest.approx(values[inside], abs=2e-4)


@pytest.mark.parametrize(("height", "width"), [(1, 1), (16, 130), (130, 16)])
def test_any_shape(height: int, width: int) -> None:
    """One pixel, stripes, towers; in grey."""
    found = looked_at(picture(height, width)[:, :, 0])
    figure = plots.plot_content(found, codec.pixels_of(found.content), "x")
    data = plots.render(figure, "png")
    with Image.open(io.BytesIO(data)) as drawn:
        assert 800 < drawn.height < 1500


def test_values_beyond_all_bounds() -> None:
    """A forged file: the axes stay where the table is, and nothing warns."""
    found = looked_at(picture(48, 64))
    symbols = found.content.symbols.copy()
    strongest = found.strongest()[0].number
    symbols[strongest, 0, :2] = 2**31 - 1, -(2**31)
    content = replace(found.content, symbols=symbols)
    channels = latent_channels.count_channels(symbols, content.weights)
    forged = Inspection(found.size, content, found.fields, channels)
    figure = plots.plot_content(forged, codec.pixels_of(content), "x")
    plots.render(figure, "png")
    for axes in figure.axes:
        if axes.get_title(loc="left").startswith("channel"):
            low, high = axes.get_xlim()
            assert -content_plot.WIDEST - 1 <= low < high <= content_plot.WIDEST + 1


def test_large_pictures_become_small() -> None:
    """Averaged over squares; what is small enough stays as it is."""
    small = picture(40, 900)
    assert parts.reduced(small) is small
    large = np.zeros((900, 1802, 3), np.uint8)
    large[1::3] = 90
    reduced = parts.reduced(large)
    assert reduced.shape == (300, 600, 3)
    assert (reduced == 30).all()
    assert parts.reduced(np.zeros((2, 5000), np.uint8)).shape == (2, 5000)
