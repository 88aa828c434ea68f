"""The pictures that the microscope draws: what is on them, not how they look."""

from __future__ import annotations

import io
import subprocess
import sys
from typing import Any

import codec_data
import jpeg_surgery as surgery
import jpeg_traced as traced
import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from jpeg_from_scratch import FormatError, read
from jpeg_from_scratch.microscope.bit_counts import bits_per_block
from jpeg_from_scratch.microscope.plots import bits_per_pixel, plot_bits, plot_blocks, render


def words_on(figure: Figure) -> str:
    """Return all text of a figure."""
    from matplotlib.text import Text

    return " | ".join(text.get_text() for text in figure.findobj(Text) if isinstance(text, Text))


def images_on(figure: Figure) -> list[Any]:
    """Return the arrays of all images of a figure."""
    from matplotlib.image import AxesImage

    return [np.asarray(image.get_array()) for image in figure.findobj(AxesImage)]  # type: ignore[attr-defined]


# Bits


@pytest.mark.parametrize("name", traced.files())
def test_rates_add_up(name: str) -> None:
    """The mean over cells is the bits of the blocks over the pixels that they cover."""
    data = traced.files()[name]
    frame = read(data).frame
    counts = bits_per_block(data)
    rates = bits_per_pixel(frame, counts)
    assert rates.shape == (-(-frame.height // 8), -(-frame.width // 8))
    whole = np.zeros_like(rates)
    unit = frame.unit
    for i, bits in enumerate(counts):
        member = frame.components[i]
        height, width = unit * frame.v_max // member.v_samp, unit * frame.h_max // member.h_samp
        pixels = np.kron(bits / (height * width), np.ones((height, width)))[: frame.height, : frame.width]
        for row in range(rates.shape[0]):
            for column in range(rates.shape[1]):
                whole[row, column] += pixels[8 * row : 8 * row + 8, 8 * column : 8 * column + 8].mean()
    np.testing.assert_allclose(rates, whole, rtol=1e-5)


@pytest.mark.parametrize(
    "name", ["baseline 4:2:0", "arithmetic progressive", "lossless", "lossless, 16 bit", "extended, 12 bit"]
)
def test_bits_over_the_photograph(name: str) -> None:
    """Every process: the picture, the rates over it, and labels with the size of the file."""
    data = traced.files()[name]
    figure = plot_bits(data, name="photo.jpg")
    rates = bits_per_pixel(read(data).frame, bits_per_block(data))
    shown = images_on(figure)
    assert any(image.shape == rates.shape and np.array_equal(image, rates) for image in shown)
    assert len(shown) >= 3, "the picture, the picture in grey, the rates"
    words = words_on(figure)
    for word in ("photo.jpg", f"{len(data):,} bytes", "bits per pixel", "8 × 8"):
        assert word in words


def test_bits_of_a_damaged_file() -> None:
    """What can be read is drawn."""
    data = traced.files()["baseline 4:2:0"]
    figure = plot_bits(data[: surgery.having(data, surgery.SOS)[0].offset + 150])
    assert len(images_on(figure)) >= 3


# Blocks


def test_blocks_around_a_place() -> None:
    """Samples and coefficients of the neighbourhood, and the block itself in numbers."""
    data = traced.files()["baseline 4:2:2, restarts"]
    jpeg = read(data)
    figure = plot_blocks(data, (2, 1), 1, name="photo.jpg", around=1)
    blocks = jpeg.coefficients[1][1:4, 0:3]
    tiles = blocks.swapaxes(1, 2).reshape(24, 24)
    shown = images_on(figure)
    assert any(image.shape == (24, 24) and np.array_equal(image, tiles) for image in shown)
    assert any(np.array_equal(image, jpeg.coefficients[1][2, 1]) for image in shown)
    words = words_on(figure)
    assert "photo.jpg" in words
    assert "row 2, column 1" in words
    for value in jpeg.coefficients[1][2, 1].ravel():
        assert str(value).replace("-", "−") in words


@pytest.mark.parametrize("name", ["extended, 12 bit", "arithmetic", "progressive, smooth", "baseline 4:1:0"])
def test_blocks_of_every_process(name: str) -> None:
    """At a corner, where there are no neighbours on two sides."""
    data = traced.files()[name]
    rows, columns = read(data).frame.mcu_shape
    assert len(images_on(plot_blocks(data, (0, 0)))) >= 5
    assert len(images_on(plot_blocks(data, (rows - 1, columns - 1), around=0))) >= 5


@pytest.mark.parametrize(
    ("name", "arguments", "words"),
    [
        ("lossless", {}, "no blocks"),
        ("arithmetic", {"mcu": (9, 0)}, "mcu="),
        ("arithmetic", {"component": 3}, "component=3"),
    ],
)
def test_no_such_blocks(name: str, arguments: dict[str, Any], words: str) -> None:
    """The caller's mistakes are named."""
    with pytest.raises(ValueError, match=words):
        plot_blocks(traced.files()[name], **arguments)


# Files


def test_render() -> None:
    """PNG, SVG and PDF, the same bytes each time; nothing else."""
    data = traced.files()["progressive, smooth"]
    starts = {"png": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF"}
    for kind, start in starts.items():
        assert render(plot_blocks(data, around=0), kind).startswith(start)
    first, second = (render(plot_bits(data, name="twice")) for _ in range(2))
    assert first == second
    with Image.open(io.BytesIO(first)) as picture:
        pixels = np.asarray(picture.convert("RGB"))
    assert pixels.shape[1] == 1650
    assert len(np.unique(pixels.reshape(-1, 3), axis=0)) > 200
    with pytest.raises(ValueError, match="bmp"):
        render(plot_bits(data), "bmp")


def test_no_jpeg_file() -> None:
    """Nothing can be drawn of it."""
    for plot in (plot_bits, plot_blocks):
        with pytest.raises(FormatError):
            plot(b"text")


def test_nothing_global_is_touched() -> None:
    """No pyplot, and matplotlib only once something is drawn."""
    program = (
        "import sys; import numpy as np; from jpeg_from_scratch import encode; "
        "from jpeg_from_scratch.microscope import plots; "
        "assert not any(name.startswith('matplotlib') for name in sys.modules); "
        "plots.plot_bits(encode(np.zeros((8, 8), np.uint8))); "
        "assert 'matplotlib.figure' in sys.modules and 'matplotlib.pyplot' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True, cwd=codec_data.REPOSITORY)
