"""The measurement, its table and its figure."""

from __future__ import annotations

import io
import math
import time
from dataclasses import dataclass, replace

import numpy as np
import pytest
from PIL import Image

from codec_eval import Measurement, compare_bytes, format_table, measure, metrics
from codec_eval.plots import comparison_figure, detail_region, error_map, render_png


@dataclass
class Rounding:
    """A codec for tests: keeps the upper bits of each sample, and counts its calls."""

    name: str = "rounding"
    description: str = "rounds"
    suffix: str = ".bin"
    quality_range: tuple[int, int] = (0, 7)
    seconds: float = 0.0
    encoded: int = 0

    def encode(self, image: np.ndarray, quality: int) -> bytes:
        self.encoded += 1
        time.sleep(self.seconds)
        step = 2 ** (7 - quality)
        return np.array(image.shape, np.int32).tobytes() + (image // step * step).tobytes()

    def decode(self, data: bytes) -> np.ndarray:
        return np.frombuffer(data[12:], np.uint8).reshape(np.frombuffer(data[:12], np.int32))


RGB = np.random.default_rng(4).integers(0, 256, (20, 30, 3), dtype=np.uint8)


def test_a_measurement_holds_what_the_metrics_say() -> None:
    codec, steps = Rounding(), []
    m = measure(codec, RGB, 4, step=lambda: steps.append(None))
    assert m.data == Rounding().encode(RGB, 4)
    np.testing.assert_array_equal(m.decoded, RGB // 8 * 8)
    assert m.bits_per_pixel == 8 * 1812 / 600
    assert m.n_compression == 1812 / 1800
    assert m.psnr == metrics.psnr(RGB, m.decoded, data_range=255)
    assert m.ssim == metrics.ssim(RGB, m.decoded, data_range=255)
    assert len(steps) == 3
    assert codec.encoded == 8  # one to warm up, seven timed


def test_a_slow_codec_is_timed_once_after_its_warm_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("codec_eval.compare._TIMING_BUDGET", 0.01)
    codec = Rounding(seconds=0.02)
    m = measure(codec, RGB, 4)
    assert codec.encoded == 2
    assert 0.02 <= m.encode_seconds < 2.0


def test_measure_refuses_a_quality_out_of_range_and_a_wrong_shape() -> None:
    with pytest.raises(ValueError, match="quality is 8: rounding takes 0 to 7"):
        measure(Rounding(), RGB, 8)

    class Cropping(Rounding):
        def decode(self, data: bytes) -> np.ndarray:
            return super().decode(data)[1:]

    with pytest.raises(ValueError, match="shape"):
        measure(Cropping(), RGB, 4)


def fake(name: str, data: bytes) -> Measurement:
    """A measurement of a codec of that name."""
    return Measurement(Rounding(name), data, RGB, 1.5, 0.25, 30.125, 0.98765, 0.0123, 12.3456)


def test_the_table_is_aligned_and_has_every_column() -> None:
    rows = [fake("a", bytes(1234567)), replace(fake("a-long-name", b"1"), ssim=None, psnr=math.inf)]
    lines = format_table(rows).splitlines()
    assert len({len(line) for line in lines}) == 1
    header = "codec bytes bpp N_compression PSNR dB SSIM encode ms decode ms"
    assert " ".join(lines[0].split()) == header
    assert lines[2].split() == ["a", "1,234,567", "1.500", "0.2500", "30.12", "0.9877", "12.30", "12345.60"]
    assert lines[3].split() == ["a-long-name", "1", "1.500", "0.2500", "inf", "–", "12.30", "12345.60"]


def test_bytes_are_really_compared() -> None:
    same = [fake("jpeg-ours", b"abcd"), fake("jpeg-pillow", b"abcd")]
    assert compare_bytes(same) == "Our bytes are identical to Pillow's: all 4 of jpeg-ours."
    optimised = [fake("jpeg-ours-optimised", b"abcd"), fake("jpeg-pillow-optimised", b"abxd")]
    sentence = compare_bytes([*same, *optimised])
    assert sentence.startswith("Our bytes differ from Pillow's: jpeg-ours-optimised (4 bytes)")
    assert sentence.endswith("from byte 2 on.")
    assert "from byte 3 on" in compare_bytes([fake("jpeg-ours", b"abc"), fake("jpeg-pillow", b"abcd")])
    assert compare_bytes([fake("jpeg-ours", b"a")]).startswith("No file of Pillow's")


def test_the_error_map_has_the_mean_absolute_difference_as_its_mean() -> None:
    decoded = RGB[::-1]
    for original, other in ((RGB, decoded), (RGB[..., 0], decoded[..., 0])):
        error = error_map(original, other)
        assert error.shape == original.shape[:2]
        assert error.mean() == pytest.approx(metrics.mean_absolute_difference(original, other))


def test_the_crop_is_taken_where_the_texture_is() -> None:
    image = np.full((100, 140), 90, np.uint8)
    image[60:80, 90:120] += np.random.default_rng(5).integers(0, 100, (20, 30), dtype=np.uint8)
    row, column = detail_region(image, 20, 30)
    assert abs(row - 60) <= 4
    assert abs(column - 90) <= 4
    assert detail_region(np.full((40, 50, 3), 7, np.uint8), 10, 10) == (0, 0)
    assert detail_region(image, 100, 140) == (0, 0)


def figure_pixels(original: np.ndarray, decoded: np.ndarray, name: str = "a name") -> np.ndarray:
    """The figure as it is saved, RGB."""
    figure = comparison_figure(original, decoded, name=name, codec="c", numbers="n")
    with Image.open(io.BytesIO(render_png(figure))) as picture:
        return np.asarray(picture.convert("RGB"))


def find(needle: np.ndarray, haystack: np.ndarray) -> bool:
    """Whether a picture lies somewhere in another, sample for sample."""
    height, width = needle.shape[:2]
    for row, column in np.argwhere((haystack == needle[0, 0]).all(axis=-1)):
        if np.array_equal(haystack[row : row + height, column : column + width], needle):
            return True
    return False


def test_the_figure_shows_pictures_one_to_one_and_the_crop_in_squares_of_4() -> None:
    image = np.random.default_rng(6).integers(0, 256, (200, 490, 3), dtype=np.uint8)
    decoded = image // 16 * 16
    pixels = figure_pixels(image, decoded)
    assert find(decoded, pixels)
    row, column = detail_region(image, 50, 60)
    for picture in (image, decoded):
        crop = picture[row : row + 50, column : column + 60]
        assert find(crop.repeat(4, axis=0).repeat(4, axis=1), pixels)


def test_a_large_picture_is_shown_as_averages() -> None:
    image = np.random.default_rng(7).integers(0, 256, (40, 1700), dtype=np.uint8)
    pixels = figure_pixels(image, image)
    padded = np.pad(image.astype(float), ((0, 2), (0, 1)), constant_values=np.nan)
    means = np.nanmean(padded.reshape(14, 3, 567, 3), axis=(1, 3))
    assert find(np.repeat(np.rint(means).astype(np.uint8)[..., np.newaxis], 3, axis=-1), pixels)


@pytest.mark.parametrize("shape", [(1, 1), (1, 900), (900, 1, 3), (17, 33), (3, 5, 3), (500, 100, 3)])
def test_every_size_makes_a_figure(shape: tuple[int, ...]) -> None:
    image = np.random.default_rng(8).integers(0, 256, shape, dtype=np.uint8)
    pixels = figure_pixels(image, image // 2, name="a $ name_{x}^ \n" + "long " * 30)
    assert max(pixels.shape) < 4000
    assert (pixels[0] == 255).all()  # the margin is blank


def test_a_figure_needs_two_pictures_of_one_shape() -> None:
    with pytest.raises(ValueError, match="shape"):
        comparison_figure(RGB, RGB[1:], name="", codec="", numbers="")
