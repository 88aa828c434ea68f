"""`codec-eval match`, end to end: the files are what the table says, and the target is kept."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import codec_eval
from codec_eval.cli import main
from codec_eval.registry import make_codec

pytestmark = pytest.mark.filterwarnings("ignore:Numba is not installed")

CODECS = "jpeg-pillow,jpeg-pillow-444-optimised,webp"


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """A colour picture in a PNG file."""
    rows, columns = np.mgrid[:90, :120]
    wave = 128 + 60 * np.sin(rows / 5) + 40 * np.cos(columns / 7)
    noise = np.random.default_rng(9).normal(0, 10, (90, 120, 3))
    image = np.clip(wave[..., np.newaxis] + noise, 0, 255).astype(np.uint8)
    path = tmp_path / "photo.png"
    Image.fromarray(image).save(path)
    return path


def run(*arguments: object) -> int:
    """Run the command in this process and return its exit code."""
    try:
        return main(["match", *map(str, arguments)])
    except SystemExit as error:
        return int(error.code or 0)


def rows_of_table(output: str) -> dict[str, list[str]]:
    """The cells of each row by the codec's name."""
    lines = output.splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith("─"))
    rows = [line.split() for line in lines[start + 1 : lines.index("", start)]]
    return {row[0]: row[1:] for row in rows}


@pytest.mark.parametrize(
    ("option", "value", "unit"), [("--bpp", 1.5, "%"), ("--bytes", 2025, "%"), ("--psnr", 27, "dB")]
)
def test_files_table_and_target_agree(
    photo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], option: str, value: float, unit: str
) -> None:
    out = tmp_path / "out"
    assert run(photo, option, value, "--codecs", CODECS, "--out", out) == 0
    output = capsys.readouterr().out
    rows = rows_of_table(output)
    assert list(rows) == CODECS.split(",")
    original = np.asarray(Image.open(photo))
    files = {"photo-strip.png"}
    for name, (quality, n_bytes, bpp, psnr, ssim, distance, in_unit, *remark) in rows.items():
        codec = make_codec(name)
        files.add(f"photo-{name}-q{quality}{codec.suffix}")
        data = (out / f"photo-{name}-q{quality}{codec.suffix}").read_bytes()
        assert data == codec.encode(original, int(quality))
        decoded = codec.decode(data)
        assert int(n_bytes.replace(",", "")) == len(data)
        assert float(bpp) == pytest.approx(8 * len(data) / 10800, abs=6e-4)
        exact = codec_eval.psnr(original, decoded, data_range=255)
        assert float(psnr) == pytest.approx(exact, abs=6e-3)
        assert float(ssim) == pytest.approx(codec_eval.ssim(original, decoded, data_range=255), abs=6e-5)
        assert in_unit == unit
        assert "out of reach" not in " ".join(remark)
        if unit == "dB":
            assert exact >= value
            assert float(distance) == pytest.approx(exact - value, abs=6e-3)
        else:
            assert len(data) <= 2025
            assert float(distance) == pytest.approx(100 * (len(data) / 2025 - 1), abs=6e-2)
    assert set(os.listdir(out)) == files
    with Image.open(out / "photo-strip.png") as strip:
        strip.load()
    assert "in Pillow" in output  # which encoder, in which version
    assert str(out / "photo-strip.png") in output


def test_a_target_out_of_reach_is_said(
    photo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(photo, "--bytes", 100, "--codecs", "jpeg-pillow", "--out", tmp_path / "out") == 0
    row = next(line for line in capsys.readouterr().out.splitlines() if line.startswith("jpeg-pillow "))
    assert "out of reach: the nearest of qualities 1 to 100" in row
    assert "%" in row


def test_the_usual_codecs_without_a_list(
    photo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(photo, "--bpp", 1, "--out", tmp_path / "out") == 0
    assert list(rows_of_table(capsys.readouterr().out))[:4] == [
        "jpeg-ours",
        "jpeg-ours-optimised",
        "jpeg2000",
        "webp",
    ]


def test_a_grey_picture_too_small_for_ssim(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    image = np.random.default_rng(1).integers(0, 256, (7, 9)).astype(np.uint8)
    Image.fromarray(image).save(tmp_path / "grey.png")
    assert run(tmp_path / "grey.png", "--psnr", 20, "--codecs", "jpeg-pillow", "--out", tmp_path / "o") == 0
    assert rows_of_table(capsys.readouterr().out)["jpeg-pillow"][4] == "–"


def test_a_codec_from_a_module(photo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spec = "codec_eval.codecs:PillowJpeg"
    assert run(photo, "--bpp", 1, "--codecs", f"{spec},{spec}", "--out", tmp_path / "out") == 0
    assert list(rows_of_table(capsys.readouterr().out)) == ["jpeg-pillow"]


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ([], "required"),
        (["--bpp", "0.5", "--psnr", "30"], "not allowed with"),
        (["--bpp", "0"], "positive"),
        (["--bytes", "-3"], "positive"),
        (["--psnr", "nan"], "positive"),
        (["--bytes", "1.5"], "invalid int"),
        (["--bpp", "1", "--codecs", "jpeg-nobody"], "jpeg-nobody"),
        (["--bpp", "1", "--codecs", " , "], "no name given"),
    ],
)
def test_a_wrong_call_is_one_line(
    photo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], reason: str
) -> None:
    assert run(photo, *arguments, "--out", tmp_path / "out") == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert reason in captured.err
    assert not (tmp_path / "out").exists()


def test_a_photo_or_a_folder_that_is_not_there(
    photo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(tmp_path / "absent.png", "--bpp", 1, "--out", tmp_path / "out") == 2
    assert "No such file" in capsys.readouterr().err
    assert run(photo, "--bpp", 1, "--codecs", "webp", "--out", photo) == 2
    assert "not a folder" in capsys.readouterr().err
