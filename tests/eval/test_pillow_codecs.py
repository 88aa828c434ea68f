"""JPEG 2000, WebP and AVIF through Pillow: shapes, the quality scale, and what the files hold."""

from __future__ import annotations

import io
import itertools
import pickle
import time
from typing import Any

import numpy as np
import pytest
from PIL import Image, features

from codec_eval import Avif, Codec, Jpeg2000, WebP, psnr
from codec_eval.pillow_codecs import avif_available, decode_with_pillow

CODECS: list[Codec] = [Jpeg2000(), WebP(), *([Avif(), Avif("4:4:4", speed=9)] if avif_available() else [])]
NAMES = [codec.name for codec in CODECS]
SIZES = [(1, 1), (1, 40), (7, 9), (17, 33), (64, 48)]


def photograph(height: int, width: int) -> np.ndarray:
    """Smooth colours, an edge and some grain, uint8."""
    rows, columns = np.mgrid[:height, :width]
    wave = np.stack(
        [128 + 90 * np.sin(rows / 17 + i) * np.cos(columns / (11 + i)) for i in range(3)], axis=-1
    )
    wave[rows + columns > width] *= 0.6
    return np.clip(wave + np.random.default_rng(3).normal(0, 4, wave.shape), 0, 255).astype(np.uint8)


RGB = photograph(96, 128)


@pytest.mark.parametrize("codec", CODECS, ids=NAMES)
def test_a_peer_is_a_codec_that_can_be_sent_to_a_worker(codec: Codec) -> None:
    assert isinstance(codec, Codec)
    copy = pickle.loads(pickle.dumps(codec))
    assert copy == codec
    assert copy.encode(RGB, 60) == codec.encode(RGB, 60)  # the same file, each time
    lowest, highest = codec.quality_range
    for wrong in (codec.name, codec.description):
        assert "\n" not in wrong
    assert lowest < highest
    assert codec.suffix.startswith(".")


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("codec", CODECS, ids=NAMES)
def test_colour_comes_back_in_its_shape_at_every_size(codec: Codec, size: tuple[int, int]) -> None:
    image = photograph(*size)
    for quality in (codec.quality_range[0], 50, 100):
        decoded = codec.decode(codec.encode(image, quality))
        assert (decoded.dtype, decoded.shape) == (np.uint8, image.shape)
    assert psnr(image, decoded, data_range=255) > (36 if min(size) > 8 else 20)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(
    "codec", [c for c in CODECS if c.name != "webp"], ids=[n for n in NAMES if n != "webp"]
)
def test_grey_comes_back_grey(codec: Codec, size: tuple[int, int]) -> None:
    image = photograph(*size)[..., 1]
    decoded = codec.decode(codec.encode(image, 90))
    assert (decoded.dtype, decoded.shape) == (np.uint8, image.shape)
    assert psnr(image, decoded, data_range=255) > 36


def test_webp_says_that_it_has_no_grey() -> None:
    with pytest.raises(ValueError, match="WebP has no grey"):
        WebP().encode(RGB[..., 0], 75)


@pytest.mark.parametrize("codec", CODECS, ids=NAMES)
@pytest.mark.parametrize("image", [np.full((40, 50, 3), 77, np.uint8), np.zeros((9, 9, 3), np.uint8)])
def test_a_flat_picture_survives_every_quality(codec: Codec, image: np.ndarray) -> None:
    for quality in (codec.quality_range[0], 30, 100):
        decoded = codec.decode(codec.encode(image, quality))
        assert np.abs(decoded.astype(int) - image).max() <= 3


@pytest.mark.parametrize("codec", CODECS, ids=NAMES)
def test_more_quality_is_more_bytes_and_a_better_picture(codec: Codec) -> None:
    files = [codec.encode(RGB, quality) for quality in (10, 30, 50, 70, 90)]
    assert all(len(a) < len(b) for a, b in itertools.pairwise(files))
    errors = [psnr(RGB, codec.decode(data), data_range=255) for data in files]
    assert all(a < b for a, b in itertools.pairwise(errors))


def test_jpeg_2000_meets_the_psnr_that_its_quality_stands_for(kodak: Any) -> None:
    codec = Jpeg2000()
    for name in ("kodim05", "kodim20"):
        for quality in (20, 50, 80, 100):
            decoded = codec.decode(codec.encode(kodak[name], quality))
            target = 20 + quality / 4
            reached = psnr(kodak[name], decoded, data_range=255)
            assert reached == pytest.approx(target, abs=0.8 if quality == 100 else 0.3), (name, quality)


def test_every_quality_of_jpeg_2000_is_at_least_as_large_as_the_one_below() -> None:
    sizes = [len(Jpeg2000().encode(RGB, quality)) for quality in range(1, 101)]
    assert all(a <= b for a, b in itertools.pairwise(sizes))
    assert len(set(sizes)) > 75


def test_jpeg_2000_has_the_colour_transform_and_the_irreversible_wavelet() -> None:
    """A.6.1: the byte after the layers in COD is the colour transform; the last but one field the wavelet."""
    data = Jpeg2000().encode(RGB, 60)
    assert data[4:8] == b"jP  "  # a JP2 file, not a bare codestream
    cod = data.index(b"\xff\x52")
    progression_and_layers, colour_transform = data[cod + 5 : cod + 8], data[cod + 8]
    assert int.from_bytes(progression_and_layers[1:], "big") == 1
    assert colour_transform == 1
    assert data[cod + 13] == 0  # 0: the 9/7 wavelet, 1: the 5/3


def test_without_the_colour_transform_jpeg_2000_would_be_twice_the_size(kodak: Any) -> None:
    image, codec, file = kodak["kodim05"], Jpeg2000(), io.BytesIO()
    data = codec.encode(image, 60)
    options: dict[str, Any] = {"quality_mode": "dB", "quality_layers": [35], "irreversible": True}
    Image.fromarray(image).save(file, format="JPEG2000", **options)
    with_transform, without = (psnr(image, codec.decode(d), data_range=255) for d in (data, file.getvalue()))
    assert with_transform == pytest.approx(without, abs=0.1)
    assert len(file.getvalue()) > 2 * len(data)


def test_webp_is_lossy_with_half_the_chroma() -> None:
    assert WebP().encode(RGB, 100)[12:16] == b"VP8 "
    assert WebP.quality_range == (0, 100)


def test_avif_takes_part_where_the_build_has_it() -> None:
    assert avif_available() == any(codec.name == "avif" for codec in CODECS)
    if not features.check_module("avif"):
        assert not avif_available()


@pytest.mark.parametrize("codec", CODECS, ids=NAMES)
def test_the_description_names_library_version_and_settings(codec: Codec) -> None:
    version = {"jpeg2000": "jpg_2000", "webp": "webp"}.get(codec.name, "avif")
    assert str(features.version(version)) in codec.description
    assert f"Pillow {Image.__version__}" in codec.description
    for word in {
        "jpeg2000": ("9/7", "colour transform", "20 dB + quality/4"),
        "webp": ("method 4", "4:2:0"),
    }.get(codec.name, ("speed", "aom", "thread", "4:")):
        assert word in codec.description


def test_avif_parameters() -> None:
    assert Avif().name == "avif"
    assert Avif("4:4:4", speed=9).name == "avif-444-speed9"
    with pytest.raises(ValueError, match="subsampling is '4:1:1'"):
        Avif("4:1:1")
    with pytest.raises(ValueError, match="speed is 11"):
        Avif(speed=11)


@pytest.mark.parametrize("codec", [c for c in CODECS if c.name == "avif"], ids=lambda c: c.name)
def test_avif_is_done_in_bounded_time(codec: Codec) -> None:
    start = time.process_time()
    codec.encode(photograph(512, 768), 80)
    assert time.process_time() - start < 10


def test_a_file_of_another_kind_or_mode_is_refused() -> None:
    file = io.BytesIO()
    Image.new("RGBA", (8, 8)).save(file, format="WEBP", lossless=True)
    with pytest.raises(ValueError, match="mode RGBA"):
        WebP().decode(file.getvalue())
    with pytest.raises(OSError, match="cannot identify"):
        Jpeg2000().decode(file.getvalue())
    data = WebP().encode(RGB, 50)
    with pytest.raises((OSError, ValueError)):
        decode_with_pillow(data[: len(data) // 2], "WEBP")
