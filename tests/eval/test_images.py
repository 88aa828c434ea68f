"""Pictures in and out: every mode is taken exactly or refused, files are written whole or not at all."""

from __future__ import annotations

import io
import os
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from codec_eval import images

RGB = np.random.default_rng(1).integers(0, 256, (5, 7, 3), dtype=np.uint8)
GREY = RGB[..., 0].copy()

Saver = Callable[..., Path]


@pytest.fixture
def save(tmp_path: Path) -> Saver:
    """Save a Pillow picture under a name and return its path."""

    def saver(picture: Image.Image, name: str = "picture.png", **options: object) -> Path:
        path = tmp_path / name
        picture.save(path, **options)
        return path

    return saver


@pytest.mark.parametrize("suffix", ["png", "bmp", "tiff", "ppm", "webp"])
@pytest.mark.parametrize("pixels", [RGB, GREY], ids=["rgb", "grey"])
def test_grey_and_rgb_files_are_read_exactly(save: Saver, pixels: np.ndarray, suffix: str) -> None:
    if suffix == "webp":
        path = save(Image.fromarray(pixels), "p.webp", lossless=True)
    else:
        path = save(Image.fromarray(pixels), f"p.{suffix}")
    loaded = images.load(path)
    assert loaded.dtype == np.uint8
    if suffix == "webp" and pixels.ndim == 2:  # WebP has no grey
        pixels = np.stack([pixels] * 3, axis=-1)
    np.testing.assert_array_equal(loaded, pixels)


def test_a_bilevel_picture_becomes_grey_of_0_and_255(save: Saver) -> None:
    path = save(Image.fromarray(GREY > 127))
    np.testing.assert_array_equal(images.load(path), np.where(GREY > 127, 255, 0))


def test_a_palette_picture_becomes_rgb(save: Saver) -> None:
    palette = Image.fromarray(RGB).quantize(16)
    np.testing.assert_array_equal(images.load(save(palette)), np.asarray(palette.convert("RGB")))


def test_exif_orientation_is_applied_and_noted(save: Saver) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: rotate by 90° clockwise to view
    picture = images.read_picture(save(Image.fromarray(RGB), exif=exif))
    np.testing.assert_array_equal(picture.pixels, np.rot90(RGB, -1))
    assert "EXIF" in picture.notes[0]
    assert not images.read_picture(save(Image.fromarray(RGB), "plain.png")).notes


@pytest.mark.parametrize("pixels", [RGB, GREY], ids=["rgb", "grey"])
def test_opaque_alpha_is_dropped_and_transparency_refused(save: Saver, pixels: np.ndarray) -> None:
    alpha = Image.new("L", (7, 5), 255)
    picture = Image.fromarray(pixels)
    picture.putalpha(alpha)
    np.testing.assert_array_equal(images.load(save(picture)), pixels)
    alpha.putpixel((6, 4), 254)
    picture.putalpha(alpha)
    with pytest.raises(ValueError, match="transparent"):
        images.load(save(picture))


def test_transparency_by_palette_entry_or_key_colour_is_refused(save: Saver) -> None:
    used = int(GREY[0, 0])
    with pytest.raises(ValueError, match="transparent"):
        images.load(save(Image.fromarray(GREY), transparency=used))
    unused = next(level for level in range(256) if level not in GREY)
    np.testing.assert_array_equal(images.load(save(Image.fromarray(GREY), transparency=unused)), GREY)
    palette = Image.fromarray(RGB).quantize(16)
    with pytest.raises(ValueError, match="transparent"):
        images.load(save(palette, transparency=palette.getpixel((0, 0))))


def test_16_bit_grey_is_refused(save: Saver) -> None:
    with pytest.raises(ValueError, match="more than 8 bits"):
        images.load(save(Image.fromarray(GREY.astype(np.uint16) * 257)))


def test_16_bit_rgb_is_refused_though_pillow_opens_it_as_8_bit(tmp_path: Path) -> None:
    path = tmp_path / "deep.ppm"
    path.write_bytes(b"P6 7 5 65535\n" + (RGB.astype(">u2") * 257).tobytes())
    with Image.open(path) as opened:
        assert opened.mode == "RGB"  # the trap
    with pytest.raises(ValueError, match="more than 8 bits"):
        images.load(path)


def deep_png(samples: np.ndarray) -> bytes:
    """Write 16-bit RGB samples as PNG, which Pillow cannot: no filters, one chunk of data."""
    height, width = samples.shape[:2]
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in samples)
    chunks = (
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 16, 2, 0, 0, 0)),
        (b"IDAT", zlib.compress(rows)),
        (b"IEND", b""),
    )
    body = b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + body


def test_16_bit_rgb_png_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "deep.png"
    path.write_bytes(deep_png(RGB.astype(np.uint16) * 257))
    with Image.open(path) as opened:
        assert opened.mode == "RGB"  # the trap
    with pytest.raises(ValueError, match="more than 8 bits"):
        images.load(path)


@pytest.mark.parametrize("mode", ["CMYK", "YCbCr", "LAB", "F"])
def test_other_colour_spaces_and_floats_are_refused(save: Saver, mode: str) -> None:
    with pytest.raises(ValueError, match=r"p\.tiff: (is stored as|has more than 8 bits)"):
        images.load(save(Image.new(mode, (4, 4)), "p.tiff"))


def test_a_jpeg_file_is_read_with_a_note(save: Saver) -> None:
    path = save(Image.fromarray(RGB), "p.jpg")
    picture = images.read_picture(path)
    np.testing.assert_array_equal(picture.pixels, np.asarray(Image.open(path)))
    assert "JPEG" in picture.notes[0]


def test_the_first_of_several_frames_is_taken_with_a_note(save: Saver) -> None:
    first = Image.fromarray(RGB)
    picture = images.read_picture(save(first, "p.tiff", save_all=True, append_images=[first.rotate(180)]))
    np.testing.assert_array_equal(picture.pixels, RGB)
    assert "2 frames" in picture.notes[0]


def test_unreadable_files_say_which_and_why(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        images.load(tmp_path / "absent.png")
    text = tmp_path / "text.png"
    text.write_text("not a picture")
    with pytest.raises(ValueError, match=r"text\.png: not a picture"):
        images.load(text)
    file = io.BytesIO()
    Image.fromarray(RGB).save(file, format="PNG")
    data = file.getvalue()
    refused = 0
    for length in range(len(data)):
        text.write_bytes(data[:length])
        try:
            pixels = images.load(text)
        except ValueError as error:
            assert "text.png: " in str(error)  # noqa: PT017 - some cuts only lose what nobody needs
            refused += 1
        else:
            np.testing.assert_array_equal(pixels, RGB)
    assert refused >= len(data) - 20  # checksums and the end chunk


@pytest.mark.parametrize("pixels", [RGB, GREY], ids=["rgb", "grey"])
def test_a_saved_png_is_read_back_exactly(tmp_path: Path, pixels: np.ndarray) -> None:
    images.save_png(tmp_path / "p.png", pixels)
    np.testing.assert_array_equal(images.load(tmp_path / "p.png"), pixels)
    assert os.listdir(tmp_path) == ["p.png"]


def test_save_png_names_a_wrong_picture(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="float64"):
        images.save_png(tmp_path / "p.png", RGB / 2)
    for shape in [(0, 4), (4, 4, 4), (4,)]:
        with pytest.raises(ValueError, match="image has shape"):
            images.save_png(tmp_path / "p.png", np.zeros(shape, np.uint8))
    assert not os.listdir(tmp_path)


def test_a_failed_write_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "result.bin"
    images.write_atomically(path, b"old")

    def full_disk(self: Path, target: Path) -> Path:
        raise OSError(28, "No space left on device", str(self))

    monkeypatch.setattr(Path, "replace", full_disk)
    with pytest.raises(OSError, match="No space"):
        images.write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["result.bin"]


def test_a_written_file_has_the_usual_permissions(tmp_path: Path) -> None:
    images.write_atomically(tmp_path / "a", b"1")
    (tmp_path / "b").write_bytes(b"1")
    assert (tmp_path / "a").stat().st_mode == (tmp_path / "b").stat().st_mode


def test_the_default_photograph_lies_off_its_own_block_grid() -> None:
    from matplotlib import cbook

    picture = images.default_photograph()
    with Image.open(str(cbook.get_sample_data("grace_hopper.jpg", asfileobj=False))) as whole:
        np.testing.assert_array_equal(picture.pixels, np.asarray(whole)[4:596, 4:508])
    assert picture.pixels.shape == (592, 504, 3)
    assert "8×8 grid" in picture.notes[0]
