"""The command line beyond baseline: every process, deep pictures, CMYK, damaged files, transcoding."""

from __future__ import annotations

import io
from pathlib import Path

import jpeg_bad_files as bad_files
import jpeg_peers as peers
import jpeg_pictures as pictures
import numpy as np
import pytest
from PIL import Image

from jpeg_from_scratch import decode, encode, read
from jpeg_from_scratch.cli import main

COLOUR = pictures.piece(31, 45)
GREY = pictures.grey(COLOUR)
DEEP = (GREY.astype(np.uint16) << 4) + 7


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """A PNG file with a colour picture."""
    path = tmp_path / "photo.png"
    Image.fromarray(COLOUR).save(path)
    return path


def failing(argv: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """Run a command that must fail: exit 2, and one line on stderr, which is returned."""
    try:
        code = main(argv)
    except SystemExit as stop:
        code = stop.code if isinstance(stop.code, int) else 1
    out, err = capsys.readouterr()
    assert (code, out) == (2, "")
    assert err.count("\n") == 1
    return err


ENCODINGS = {
    "--progressive": {"progressive": True},
    "--arithmetic": {"arithmetic": True},
    "--arithmetic --progressive -q 30": {"arithmetic": True, "progressive": True, "quality": 30},
    "--lossless": {"lossless": True},
    "--lossless --arithmetic --predictor 7": {"lossless": True, "arithmetic": True, "predictor": 7},
    "--lossless --point-transform 2": {"lossless": True, "point_transform": 2},
    "--color RGB": {"color": "RGB"},
    "--restart 3 --progressive": {"restart_interval": 3, "progressive": True},
}


@pytest.mark.parametrize("switches", ENCODINGS)
def test_encode(switches: str, photo: Path, tmp_path: Path) -> None:
    """Each switch is the argument of its name."""
    out = tmp_path / "out.jpg"
    assert main(["encode", str(photo), str(out), *switches.split()]) == 0
    assert out.read_bytes() == encode(COLOUR, **ENCODINGS[switches])


def test_encode_deep_pictures(tmp_path: Path) -> None:
    """16-bit grey pictures: 12 bits where they fit, 16 without a loss."""
    path, out, back = (tmp_path / name for name in ("deep.png", "out.jpg", "back.png"))
    Image.fromarray(DEEP).save(path)
    assert main(["encode", str(path), str(out)]) == 0
    assert out.read_bytes() == encode(DEEP)
    assert main(["encode", str(path), str(out), "--lossless"]) == 0
    assert main(["decode", str(out), str(back)]) == 0
    with Image.open(back) as picture:
        assert np.array_equal(np.asarray(picture), DEEP)


def test_encode_cmyk(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """CMYK pictures need ``--color``; decoded, they go into TIFF, and not into PNG."""
    four = pictures.four_inks(16, 24)
    path, out = tmp_path / "four.tif", tmp_path / "out.jpg"
    Image.fromarray(four, "CMYK").save(path)
    assert "--color" in failing(["encode", str(path), str(out)], capsys)
    assert main(["encode", str(path), str(out), "--color", "YCCK"]) == 0
    assert out.read_bytes() == encode(four, color="YCCK")
    for switches, wanted in (([], "stored"), (["--inverted-cmyk"], "inverted")):
        assert main(["decode", str(out), str(tmp_path / "back.tif"), *switches]) == 0
        with Image.open(tmp_path / "back.tif") as picture:
            assert np.array_equal(np.asarray(picture), decode(out.read_bytes(), cmyk=wanted))
    assert "TIFF" in failing(["decode", str(out), str(tmp_path / "back.png")], capsys)


def test_decode_deep_colour(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Colour of 12 bits goes into PPM, big-endian, or NPY; Pillow has no format for it."""
    deep = (COLOUR.astype(np.uint16) << 4) + 3
    path = tmp_path / "deep.jpg"
    path.write_bytes(encode(deep, 95))
    pixels = decode(path.read_bytes())
    assert main(["decode", str(path), str(tmp_path / "out.npy")]) == 0
    assert np.array_equal(np.load(tmp_path / "out.npy"), pixels)
    assert main(["decode", str(path), str(tmp_path / "out.ppm")]) == 0
    written = (tmp_path / "out.ppm").read_bytes()
    assert written.startswith(b"P6\n45 31\n4095\n")
    assert written[-pixels.size * 2 :] == pixels.astype(">u2").tobytes()
    assert "NPY" in failing(["decode", str(path), str(tmp_path / "out.png")], capsys)


def test_decode_upright(tmp_path: Path) -> None:
    """``--upright`` turns the picture as its Exif segment says."""
    exif = b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"
    path, out = tmp_path / "turned.jpg", tmp_path / "out.png"
    path.write_bytes(encode(COLOUR, exif=exif))
    for switches, shape in (([], (31, 45, 3)), (["--upright"], (45, 31, 3))):
        assert main(["decode", str(path), str(out), *switches]) == 0
        with Image.open(out) as picture:
            assert np.asarray(picture).shape == shape


def test_decode_lenient(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A cut file: refused, with the reason; with ``--lenient`` the picture, and notes on stderr."""
    path, out = tmp_path / "cut.jpg", tmp_path / "out.png"
    path.write_bytes(bad_files.sound_files()["4:2:0"][:-150])
    failing(["decode", str(path), str(out)], capsys)
    assert not out.exists()
    assert main(["decode", str(path), str(out), "--lenient"]) == 0
    assert "run out" in capsys.readouterr().err
    with Image.open(out) as picture:
        assert np.array_equal(np.asarray(picture), decode(path.read_bytes(), strict=False))


@pytest.mark.parametrize("limit", ["--max-pixels", "--max-scans", "--max-memory"])
def test_decode_limits(limit: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A file above a limit is refused by the limit's name."""
    path = tmp_path / "photo.jpg"
    path.write_bytes(encode(COLOUR, progressive=True))
    line = failing(["decode", str(path), str(tmp_path / "out.png"), limit, "5"], capsys)
    assert limit[2:].replace("-", "_") in line


TRANSCODINGS = {
    "": {},
    "--progressive": {"progressive": True},
    "--arithmetic": {"arithmetic": True},
    "--optimize --restart 2": {"optimize": True, "restart_interval": 2},
}


@pytest.mark.parametrize("switches", TRANSCODINGS)
def test_transcode(switches: str, tmp_path: Path) -> None:
    """A baseline file becomes what `encode` would have made of the picture."""
    path, out = tmp_path / "photo.jpg", tmp_path / "out.jpg"
    path.write_bytes(encode(COLOUR, 60, comment="kept"))
    assert main(["transcode", str(path), str(out), *switches.split()]) == 0
    assert out.read_bytes() == encode(COLOUR, 60, comment="kept", **TRANSCODINGS[switches])


def test_transcode_turned(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Rotated, mirrored and cropped, as the pixels are; partial MCUs are refused, or dropped on request."""
    path, out = tmp_path / "photo.jpg", tmp_path / "out.jpg"
    image = pictures.piece(32, 48)
    path.write_bytes(encode(image, 90, subsampling="4:4:4"))
    pixels = decode(path.read_bytes()).astype(int)
    for switches, wanted in (
        (["--rotate", "90"], np.rot90(pixels, -1)),
        (["--rotate", "180"], np.rot90(pixels, 2)),
        (["--flip", "horizontal"], pixels[:, ::-1]),
        (["--flip", "vertical", "--progressive"], pixels[::-1]),
        (["--crop", "20x10+8+16"], pixels[16:26, 8:28]),
    ):
        assert main(["transcode", str(path), str(out), *switches]) == 0
        assert np.abs(decode(out.read_bytes()).astype(int) - wanted).max() <= 3, switches
    path.write_bytes(encode(pictures.piece(33, 48), 90))
    assert "edges" in failing(["transcode", str(path), str(out), "--flip", "vertical"], capsys)
    assert main(["transcode", str(path), str(out), "--flip", "vertical", "--edges", "trim"]) == 0
    assert read(out.read_bytes()).frame.height == 32
    for crop in ("10x10", "axb+0+0", "0x5+0+0", "10x10+99+0"):
        failing(["transcode", str(path), str(out), "--crop", crop], capsys)


def test_transcode_errors(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Errors of files and of arguments: one line, exit 2, no output."""
    path, out = tmp_path / "bad.jpg", tmp_path / "out.jpg"
    path.write_bytes(b"no JPEG file")
    assert "bad.jpg" in failing(["transcode", str(path), str(out)], capsys)
    path.write_bytes(encode(COLOUR))
    assert "arithmetic" in failing(["transcode", str(path), str(out), "--arithmetic", "--optimize"], capsys)
    assert "65535" in failing(["transcode", str(path), str(out), "--restart", "70000"], capsys)
    path.write_bytes(encode(COLOUR, lossless=True))
    assert "lossless" in failing(["transcode", str(path), str(out), "--progressive"], capsys)
    assert not out.exists()


def test_peers_read_what_is_written(photo: Path, tmp_path: Path) -> None:
    """Pillow opens the progressive and the arithmetic file, with our pixels."""
    out = tmp_path / "out.jpg"
    for switch in ("--progressive", "--arithmetic"):
        assert main(["encode", str(photo), str(out), switch]) == 0
        data = out.read_bytes()
        assert np.array_equal(peers.pillow_decode(data), decode(data))
        with Image.open(io.BytesIO(data)) as picture:
            assert bool(picture.info.get("progressive")) == (switch == "--progressive")
