"""The command ``jpeg-from-scratch inspect``: text, JSON, pictures, and one line per error."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import codec_data
import jpeg_bad_files as bad_files
import jpeg_surgery as surgery
import jpeg_traced as traced
import pytest
from PIL import Image

from jpeg_from_scratch.cli import main
from jpeg_from_scratch.microscope import inspect


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """A baseline file."""
    path = tmp_path / "photo.jpg"
    path.write_bytes(traced.files()["baseline 4:2:0"])
    return path


def shown(capsys: pytest.CaptureFixture[str], *argv: str) -> str:
    """Run the command, which must succeed, and return what it prints."""
    assert main(["inspect", *argv]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    return out


def refused(capsys: pytest.CaptureFixture[str], *argv: str) -> str:
    """Run the command, which must fail with one line on stderr, and return the line."""
    try:
        code = main(["inspect", *argv])
    except SystemExit as stop:  # argparse leaves this way
        code = stop.code if isinstance(stop.code, int) else 1
    out, err = capsys.readouterr()
    assert (code, out) == (2, "")
    assert len(err.splitlines()) == 1
    return err


def test_segments(photo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Every segment and every field, with offset, value and clause."""
    lines = shown(capsys, str(photo)).splitlines()
    data = photo.read_bytes()
    assert lines[0] == f"photo.jpg: {len(data):,} bytes"
    inspection = inspect(data)
    for segment in inspection.segments:
        assert any(line.split()[:2] == [str(segment.offset), segment.name] for line in lines)
        for field in segment.fields:
            here = [line for line in lines if line.lstrip().startswith(str(field.offset))]
            assert any(field.name in line and field.clause in line for line in here), field
    assert not any(line.startswith("component 0") for line in lines)
    assert max(map(len, lines)) <= 110


def test_an_mcu(photo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Coefficients, step sizes, dequantised coefficients and samples of its blocks."""
    out = shown(capsys, str(photo), "--mcu", "1", "2")
    for block in inspect(photo.read_bytes(), mcu=(1, 2)).units:
        assert f"component {block.component} (Ci = {block.component_id})" in out
        assert f"block row {block.row}, column {block.column}" in out
    for words in (
        "quantized Sq",
        "step sizes Q  ",
        "dequantized R = Sq · Q",
        " samples\n",
        "scan 0, SOS at byte",
    ):
        assert out.count(words) == 6
    assert "EOB" not in out
    one = shown(capsys, str(photo), "--mcu", "1", "2", "--component", "2")
    assert one.count("block row") == 1


def test_bits_of_an_mcu(photo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each run of bits; and the codes of the Huffman tables."""
    lines = shown(capsys, str(photo), "--mcu", "0", "1", "--component", "0", "--bits").splitlines()
    for block in inspect(photo.read_bytes(), mcu=(0, 1), component=0).units:
        for step in block.scans[0].steps:
            (line,) = [line for line in lines if line.split()[:1] == [f"{step.offset}.{step.bit}"]]
            assert line.split()[1] == step.code
            if step.k is not None and step.coefficient is not None:
                assert f"ZZ({step.k}) = {step.coefficient}".replace("-", "−") in line
    assert any(line.split() == ["00", "00", "010", "01", "011", "02", "100", "03"] for line in lines)


def test_bits_of_other_processes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Decisions of arithmetic coding; samples of a lossless process; end-of-band runs."""
    path = tmp_path / "x.jpg"
    path.write_bytes(traced.files()["arithmetic"])
    out = shown(capsys, str(path), "--mcu", "0", "0", "--bits")
    for words in ("V ≠ 0?", "end before ZZ(1)?", "Sz ≥ 1?", "Qe = X'5A1D'"):
        assert words in out
    path.write_bytes(traced.files()["lossless"])
    out = shown(capsys, str(path), "--mcu", "3", "3", "--bits")
    assert "predictor 6: Rb + ((Ra − Rc) >> 1)" in out
    assert out.count("sample = prediction + difference") == 3
    path.write_bytes(traced.files()["progressive, smooth"])
    out = shown(capsys, str(path), "--mcu", "2", "2", "--bits")
    assert "the band ends here: a run of blocks, coded at byte" in out


def test_json(photo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """All of the inspection, as `to_dict` has it."""
    found = json.loads(shown(capsys, str(photo), "--json", "--mcu", "2", "3"))
    data = photo.read_bytes()
    assert found == json.loads(json.dumps({"file": "photo.jpg", **inspect(data, mcu=(2, 3)).to_dict()}))
    assert found["size"] == len(data)
    frame = next(segment for segment in found["segments"] if segment["name"] == "SOF0")
    width = next(field for field in frame["fields"] if field["name"] == "X")
    assert (width["value"], width["clause"], width["offset"]) == (56, "B.2.2", frame["offset"] + 7)
    assert len(found["units"]) == 6
    assert found["units"][0]["scans"][0]["steps"][0]["name"] == "DC"


def test_pictures(photo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """``--plot`` writes a file of the kind that its suffix says, and prints nothing."""
    for argv, name in (([], "bits.png"), (["--mcu", "1", "1"], "blocks.PNG"), ([], "bits.svg")):
        assert shown(capsys, str(photo), *argv, "--plot", str(tmp_path / name)) == ""
    sizes = []
    for name in ("bits.png", "blocks.PNG"):
        with Image.open(tmp_path / name) as picture:
            assert picture.format == "PNG"
            sizes.append(picture.size)
    assert sizes[0] != sizes[1]
    assert (tmp_path / "bits.svg").read_bytes().startswith(b"<?xml")
    out = shown(capsys, str(photo), "--json", "--plot", str(tmp_path / "again.png"))
    assert json.loads(out)["file"] == "photo.jpg"


def test_pipes(photo: Path) -> None:
    """A file on stdin, a picture on stdout."""
    command = [sys.executable, "-m", "jpeg_from_scratch", "inspect", "-"]
    data = photo.read_bytes()
    text = subprocess.run(command, input=data, capture_output=True, check=True, cwd=codec_data.REPOSITORY)
    assert text.stdout.decode().startswith(f"-: {len(data):,} bytes")
    done = subprocess.run(
        [*command, "--plot", "-"], input=data, capture_output=True, check=True, cwd=codec_data.REPOSITORY
    )
    with Image.open(io.BytesIO(done.stdout)) as picture:
        assert picture.format == "PNG"


@pytest.mark.parametrize("name", bad_files.wrong_files())
def test_damaged_files(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """They are shown, with what is wrong; what is no JPEG file is refused in one line."""
    path = tmp_path / "bad.jpg"
    data = bad_files.wrong_files()[name]
    path.write_bytes(data)
    if data.startswith(b"\xff\xd8"):
        assert "bad.jpg" in shown(capsys, str(path))
    else:
        assert "bad.jpg" in refused(capsys, str(path))


def test_problems_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Of the file, of a segment, and of the bits of a block."""
    data = traced.files()["baseline 4:2:0"]
    path = tmp_path / "cut.jpg"
    path.write_bytes(data[: surgery.having(data, surgery.SOS)[0].offset + 134])
    out = shown(capsys, str(path), "--mcu", "2", "3")
    assert "! the file ends without EOI" in out
    assert "! no data" in out
    assert "problems" in out
    assert "run out" in out


def test_mistakes(photo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One line each, exit 2, and no file left behind."""
    before = set(os.listdir(tmp_path))
    for argv, word in (
        (["--mcu", "3", "0"], "3 rows of 4 MCUs"),
        (["--mcu", "0"], "--mcu"),
        (["--mcu", "a", "b"], "--mcu"),
        (["--mcu", "0", "0", "--component", "7"], "component=7"),
        (["--component", "0"], "mcu"),
        (["--plot", str(tmp_path / "x.bmp")], "bmp"),
        (["--plot", str(tmp_path / "nowhere" / "x.png")], "nowhere"),
    ):
        assert word in refused(capsys, str(photo), *argv)
        assert set(os.listdir(tmp_path)) == before
    assert "nothing.jpg" in refused(capsys, str(tmp_path / "nothing.jpg"))


def test_help(capsys: pytest.CaptureFixture[str]) -> None:
    """Examples that can be copied."""
    with pytest.raises(SystemExit) as stop:
        main(["inspect", "--help"])
    assert not stop.value.code
    out = capsys.readouterr().out
    for words in ("examples:", "jpeg-from-scratch inspect photo.jpg --mcu", "--json", "--plot", "--bits"):
        assert words in out
