"""The command ``jpeg-from-scratch``: pictures in and out, one line per error, and no half-written file."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path

import codec_data
import jpeg_bad_files as bad_files
import jpeg_peers as peers
import jpeg_pictures as pictures
import numpy as np
import pytest
from PIL import Image

from jpeg_from_scratch import __version__, decode
from jpeg_from_scratch.cli import main

COLOUR = pictures.synthetic(31, 45, seed=13)
GREY = pictures.grey(COLOUR)
LOSSLESS = ("png", "bmp", "tiff", "webp", "ppm")


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """A PNG file with a colour picture."""
    path = tmp_path / "photo.png"
    Image.fromarray(COLOUR).save(path)
    return path


@pytest.fixture
def jpeg_file(tmp_path: Path) -> Path:
    """A JPEG file."""
    path = tmp_path / "photo.jpg"
    path.write_bytes(peers.pillow_encode(COLOUR, comment="a comment", restart_marker_blocks=2))
    return path


def refused(argv: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    """Run a command that must fail: exit 2, nothing on stdout, one line on stderr. Return the line."""
    try:
        code = main(argv)
    except SystemExit as stop:  # argparse leaves this way
        code = stop.code if isinstance(stop.code, int) else 1
    out, err = capsys.readouterr()
    assert code == 2, f"exit {code}: {err}"
    assert out == ""
    assert "Traceback" not in err
    lines = [line for line in err.splitlines() if line.strip()]
    usage = lines and lines[0].startswith("usage:")
    assert len(lines) == 1 or usage, err
    return lines[-1]


def run(*argv: str, feed: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """Run the command as a process of its own."""
    command = [sys.executable, "-m", "jpeg_from_scratch", *argv]
    return subprocess.run(command, input=feed, capture_output=True, check=False, cwd=codec_data.REPOSITORY)


def pixels(path: Path) -> pictures.Picture:
    """Return the pixels of a picture file as Pillow reads it."""
    with Image.open(path) as picture:
        return np.asarray(picture)


# encode


@pytest.mark.parametrize("suffix", LOSSLESS)
def test_encode_reads(suffix: str, tmp_path: Path) -> None:
    """Every lossless format that Pillow reads gives Pillow's JPEG file."""
    path, out = tmp_path / f"in.{suffix}", tmp_path / "out.jpg"
    Image.fromarray(COLOUR).save(path, **({"lossless": True} if suffix == "webp" else {}))
    assert main(["encode", str(path), str(out)]) == 0
    assert out.read_bytes() == peers.pillow_encode(COLOUR)


def test_encode_grey(tmp_path: Path) -> None:
    """A grey picture stays grey."""
    path, out = tmp_path / "in.pgm", tmp_path / "out.jpg"
    Image.fromarray(GREY).save(path)
    assert main(["encode", str(path), str(out)]) == 0
    assert out.read_bytes() == peers.pillow_encode(GREY)


@pytest.mark.parametrize(
    ("switches", "options"),
    [
        (["-q", "30"], {"quality": 30}),
        (["--quality", "95"], {"quality": 95}),
        (["--subsampling", "4:4:4"], {"subsampling": "4:4:4"}),
        (["--subsampling", "4:2:2", "-q", "60"], {"subsampling": "4:2:2", "quality": 60}),
        (["--optimize"], {"optimize": True}),
        (["--restart", "3"], {"restart_marker_blocks": 3}),
    ],
    ids=str,
)
def test_encode_options(switches: list[str], options: dict[str, object], photo: Path, tmp_path: Path) -> None:
    """The switches are the arguments of `encode`."""
    out = tmp_path / "out.jpg"
    assert main(["encode", str(photo), str(out), *switches]) == 0
    assert out.read_bytes() == peers.pillow_encode(COLOUR, **options)
    assert main(["encode", *switches, str(photo), str(out)]) == 0, "switches may stand first"


@pytest.mark.parametrize("mode", ["RGBA", "P", "LA", "1", "CMYK", "I;16"])
def test_encode_other_modes(mode: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A picture of another mode is converted, or refused in one line; never written wrongly."""
    path, out = tmp_path / "in.tiff", tmp_path / "out.jpg"
    if mode == "I;16":
        Image.fromarray(GREY.astype(np.uint16) * 257).save(path)
    else:
        Image.fromarray(COLOUR).convert(mode).save(path)
    code = main(["encode", str(path), str(out), "-q", "100", "--subsampling", "4:4:4"])
    err = capsys.readouterr().err
    if code == 0:
        with Image.open(path) as picture:
            wanted = np.asarray(picture.convert("RGB") if mode != "I;16" else Image.fromarray(GREY))
        got = pixels(out)
        got, wanted = (np.dstack([x] * 3) if x.ndim == 2 else x for x in (got, wanted))
        assert np.abs(got.astype(int) - wanted).mean() < 3
    else:
        assert code == 2
        assert len(err.splitlines()) == 1
        assert not out.exists()


# decode


@pytest.mark.parametrize("suffix", LOSSLESS)
def test_decode_writes(suffix: str, jpeg_file: Path, tmp_path: Path) -> None:
    """The suffix of the output says the format; the pixels are all there."""
    out = tmp_path / f"out.{suffix}"
    assert main(["decode", str(jpeg_file), str(out)]) == 0
    np.testing.assert_array_equal(pixels(out), peers.pillow_decode(jpeg_file.read_bytes()))


def test_decode_grey(tmp_path: Path) -> None:
    """A grey file becomes a grey picture."""
    path, out = tmp_path / "in.jpg", tmp_path / "out.png"
    path.write_bytes(peers.pillow_encode(GREY))
    assert main(["decode", str(path), str(out)]) == 0
    np.testing.assert_array_equal(pixels(out), peers.pillow_decode(path.read_bytes()))


def test_decode_overwrites(jpeg_file: Path, tmp_path: Path) -> None:
    """An output that exists is replaced, and nothing else is left in the folder."""
    out = tmp_path / "out.png"
    out.write_bytes(b"old")
    before = set(os.listdir(tmp_path))
    assert main(["decode", str(jpeg_file), str(out)]) == 0
    assert set(os.listdir(tmp_path)) == before
    assert pixels(out).shape == COLOUR.shape


# stdin and stdout


def test_pipe_encode(photo: Path) -> None:
    """``encode - -``: any picture on stdin, JPEG on stdout."""
    done = run("encode", "-", "-", feed=photo.read_bytes())
    assert (done.returncode, done.stdout) == (0, peers.pillow_encode(COLOUR)), done.stderr.decode()


def test_pipe_decode(jpeg_file: Path) -> None:
    """``decode - -``: JPEG on stdin, PNG on stdout, or what ``--format`` says."""
    data = jpeg_file.read_bytes()
    for switches, kind in (([], "PNG"), (["--format", "ppm"], "PPM"), (["--format", "BMP"], "BMP")):
        done = run("decode", "-", "-", *switches, feed=data)
        assert done.returncode == 0, done.stderr.decode()
        with Image.open(io.BytesIO(done.stdout)) as picture:
            assert picture.format == kind
            np.testing.assert_array_equal(np.asarray(picture), peers.pillow_decode(data))


def test_pipe_errors() -> None:
    """A bad file on stdin: one line, exit 2, and not one byte on stdout."""
    for argv, feed in (
        (["decode", "-", "-"], bad_files.sound_files()["4:2:0"][:-60]),
        (["decode", "-", "-"], b""),
        (["encode", "-", "-"], b"no picture"),
        (["info", "-"], b"no picture"),
    ):
        done = run(*argv, feed=feed)
        err = done.stderr.decode()
        assert done.returncode == 2, err
        assert done.stdout == b""
        assert len(err.strip().splitlines()) == 1, err


def test_reader_that_goes_away(tmp_path: Path) -> None:
    """A closed pipe behind stdout gives no traceback."""
    path = tmp_path / "large.jpg"
    path.write_bytes(peers.pillow_encode(pictures.noise(700, 700)))
    command = [sys.executable, "-m", "jpeg_from_scratch", "decode", str(path), "-"]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=codec_data.REPOSITORY
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.read(1)
    process.stdout.close()
    err = process.stderr.read().decode()
    process.stderr.close()
    process.wait(60)
    assert "Traceback" not in err
    assert "Exception ignored" not in err


# info


def test_info(jpeg_file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One screen: segments with offsets, tables, sampling, sizes."""
    assert main(["info", str(jpeg_file)]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert len(out.splitlines()) <= 60
    for word in ("SOI", "APP0", "COM", "DQT", "SOF0", "DHT", "DRI", "SOS", "EOI", "45", "31", "JFIF", "2×2"):
        assert word in out or word.replace("×", "x") in out, f"{word} is not in\n{out}"
    data = jpeg_file.read_bytes()
    for mark in (b"\xff\xdb", b"\xff\xc0", b"\xff\xda"):
        assert str(data.index(mark)) in out, f"the offset {data.index(mark)} is not in\n{out}"
    assert f"{len(data):,}" in out or str(len(data)) in out


@pytest.mark.parametrize("name", bad_files.sound_files())
def test_info_of_sound_files(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Every kind of sound file has its screen."""
    path = tmp_path / "x.jpg"
    path.write_bytes(bad_files.sound_files()[name])
    assert main(["info", str(path)]) == 0
    assert capsys.readouterr().out.count("SOS") >= (3 if name == "three scans" else 1)


# help


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    """``--version`` prints the version."""
    with pytest.raises(SystemExit) as stop:
        main(["--version"])
    assert not stop.value.code
    assert __version__ in capsys.readouterr().out


@pytest.mark.parametrize("command", [[], ["encode"], ["decode"], ["info"]], ids=str)
def test_help(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """``--help`` shows examples of the command."""
    with pytest.raises(SystemExit) as stop:
        main([*command, "--help"])
    assert not stop.value.code
    out = capsys.readouterr().out
    assert "xample" in out
    assert f"jpeg-from-scratch {' '.join(command)}".strip() in out.split("xample", 1)[1]


# errors


@pytest.mark.parametrize("name", ["cut", "text", "empty", "hierarchical", "huge"])
def test_bad_file(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A bad file: one line with the file's name, exit 2, no output left, an old output untouched."""
    data = {
        "cut": bad_files.sound_files()["4:2:0"][:-100],
        "text": b"this is not a JPEG file",
        "empty": b"",
        "hierarchical": bad_files.unsupported_files()["SOF5"][0],
        "huge": bad_files.sound_files()["grey"].replace(b"\x08\x00\x18\x00\x28", b"\x08\xff\xdc\xff\xdc"),
    }[name]
    path, out = tmp_path / "bad.jpg", tmp_path / "out.png"
    path.write_bytes(data)
    for old in (None, b"old content"):
        if old is not None:
            out.write_bytes(old)
        before = set(os.listdir(tmp_path))
        line = refused(["decode", str(path), str(out)], capsys)
        assert "bad.jpg" in line
        assert set(os.listdir(tmp_path)) == before
        assert out.read_bytes() == old if old is not None else not out.exists()


def test_bad_picture(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What Pillow cannot read, or only half, is refused in one line."""
    path, out = tmp_path / "bad.png", tmp_path / "out.jpg"
    stream = io.BytesIO()
    Image.fromarray(pictures.noise(64, 64)).save(stream, "PNG")
    for data in (b"no picture", b"", stream.getvalue()[:3000]):
        path.write_bytes(data)
        line = refused(["encode", str(path), str(out)], capsys)
        assert "bad.png" in line
        assert not out.exists()
        assert os.listdir(tmp_path) == ["bad.png"]


def test_missing_and_impossible_paths(
    photo: Path, jpeg_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A missing input, a folder in place of a file, an output folder that does not exist."""
    nowhere = tmp_path / "nowhere"
    before = set(os.listdir(tmp_path))
    for argv, word in (
        (["encode", str(nowhere), str(tmp_path / "o.jpg")], "nowhere"),
        (["decode", str(nowhere), str(tmp_path / "o.png")], "nowhere"),
        (["info", str(nowhere)], "nowhere"),
        (["encode", str(tmp_path), str(tmp_path / "o.jpg")], tmp_path.name),
        (["decode", str(tmp_path), str(tmp_path / "o.png")], tmp_path.name),
        (["encode", str(photo), str(nowhere / "o.jpg")], "nowhere"),
        (["decode", str(jpeg_file), str(nowhere / "o.png")], "nowhere"),
        (["encode", str(photo), str(tmp_path)], tmp_path.name),
    ):
        assert word in refused(argv, capsys)
        assert set(os.listdir(tmp_path)) == before


@pytest.mark.parametrize(
    ("switches", "words"),
    [
        (["-q", "0"], ["quality", "0", "100"]),
        (["-q", "101"], ["quality", "101", "100"]),
        (["-q", "best"], ["best"]),
        (["--subsampling", "4:1:2"], ["subsampling", "4:1:2", "4:2:0"]),
        (["--restart", "-1"], ["restart", "-1"]),
        (["--restart", "65536"], ["restart", "65536", "65535"]),
        (["--nonsense"], ["--nonsense"]),
    ],
    ids=str,
)
def test_bad_switches(
    switches: list[str], words: list[str], photo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A switch out of range names itself, its value and what is allowed."""
    out = tmp_path / "out.jpg"
    line = refused(["encode", str(photo), str(out), *switches], capsys)
    for word in words:
        assert word in line, f"{word!r} is not in {line!r}"
    assert not out.exists()


def test_unknown_output_format(jpeg_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A suffix that names no format is refused before anything is written."""
    before = set(os.listdir(tmp_path))
    for name in ("out.xyz", "out"):
        assert name in refused(["decode", str(jpeg_file), str(tmp_path / name)], capsys)
    refused(["decode", str(jpeg_file), "-", "--format", "nonsense"], capsys)
    assert set(os.listdir(tmp_path)) == before


def test_no_command(capsys: pytest.CaptureFixture[str]) -> None:
    """Without a command there is nothing to do, and that is said."""
    refused([], capsys)


def test_decoded_by_name_and_by_function_are_equal(
    jpeg_file: Path, tmp_path: Path, quick_backend: str
) -> None:
    """The command writes what `decode` returns."""
    out = tmp_path / "out.png"
    assert main(["decode", str(jpeg_file), str(out)]) == 0
    np.testing.assert_array_equal(pixels(out), decode(jpeg_file.read_bytes(), backend=quick_backend))
