"""`codec-eval compare`, end to end: what it prints, what it writes, and how it says no."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import codec_eval
from codec_eval.cli import main

pytestmark = pytest.mark.filterwarnings("ignore:Numba is not installed")

ROOT = Path(__file__).resolve().parents[2]


def picture(height: int, width: int, channels: int = 3) -> np.ndarray:
    """Waves and noise, uint8."""
    rows, columns = np.mgrid[:height, :width]
    wave = 128 + 60 * np.sin(rows / 5) + 40 * np.cos(columns / 7)
    noise = np.random.default_rng(9).normal(0, 10, (height, width, channels))
    image = np.clip(wave[..., np.newaxis] + noise, 0, 255).astype(np.uint8)
    return image if channels == 3 else image[..., 0]


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """A colour picture in a PNG file."""
    path = tmp_path / "photo.png"
    Image.fromarray(picture(40, 50)).save(path)
    return path


def run(*arguments: object) -> int:
    """Run the command in this process and return its exit code."""
    try:
        return main(["compare", *map(str, arguments)])
    except SystemExit as error:
        return int(error.code or 0)


def rows_of_table(output: str) -> dict[str, list[str]]:
    """The cells of each row by the codec's name."""
    lines = output.splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith("─"))
    rows = [line.split() for line in lines[start + 1 : lines.index("", start)]]
    return {row[0]: row[1:] for row in rows}


def error_line(capsys: pytest.CaptureFixture[str]) -> str:
    """What was said on stderr: exactly one line, and nothing on stdout."""
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert captured.err.startswith("codec-eval: error: ")
    return captured.err


def test_files_table_and_figure_agree(
    photo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "new" / "folder"
    assert run(photo, "--quality", 60, "--subsampling", "4:4:4", "--out", out) == 0
    output = capsys.readouterr().out
    rows = rows_of_table(output)
    names = {"jpeg-ours-444", "jpeg-pillow-444", "jpeg-ours-444-optimised", "jpeg-pillow-444-optimised"}
    assert set(rows) == names
    assert set(os.listdir(out)) == {f"photo-q60-{name}.jpg" for name in names} | {"photo-q60-444.png"}
    original = np.asarray(Image.open(photo))
    for name, (n_bytes, bpp, n_compression, psnr, ssim, *times) in rows.items():
        data = (out / f"photo-q60-{name}.jpg").read_bytes()
        file = io.BytesIO()
        Image.fromarray(original).save(
            file, format="JPEG", quality=60, subsampling="4:4:4", optimize=name.endswith("optimised")
        )
        assert data == file.getvalue()
        decoded = np.asarray(Image.open(io.BytesIO(data)))
        assert int(n_bytes.replace(",", "")) == len(data)
        assert float(bpp) == pytest.approx(8 * len(data) / 2000, abs=6e-4)
        assert float(n_compression) == pytest.approx(len(data) / 6000, abs=6e-5)
        assert float(psnr) == pytest.approx(codec_eval.psnr(original, decoded, data_range=255), abs=6e-3)
        assert float(ssim) == pytest.approx(codec_eval.ssim(original, decoded, data_range=255), abs=6e-5)
        assert all(float(ms) > 0 for ms in times)
    assert "Our bytes are identical to Pillow's" in output
    assert str(out) in output
    for wanted in ("jpeg_from_scratch 0", "in Pillow", "chroma 4:4:4", "Annex K.3", "optimised"):
        assert wanted in output


def test_a_grey_picture(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Image.fromarray(picture(33, 17, channels=1)).save(tmp_path / "grey.png")
    assert run(tmp_path / "grey.png", "--subsampling", "4:1:1", "--out", tmp_path / "out") == 0
    output = capsys.readouterr().out
    assert "17 × 33 grey" in output
    assert len(rows_of_table(output)) == 4  # grey has no chroma: Pillow can take part
    assert "identical to Pillow's" in output
    assert (tmp_path / "out" / "grey-q75.png").is_file()


@pytest.mark.parametrize("size", [(1, 1), (10, 30), (3, 200)])
def test_a_picture_smaller_than_the_window_has_no_ssim(
    tmp_path: Path, size: tuple[int, int], capsys: pytest.CaptureFixture[str]
) -> None:
    Image.fromarray(picture(*size)).save(tmp_path / "tiny.png")
    assert run(tmp_path / "tiny.png", "--out", tmp_path) == 0
    output = capsys.readouterr().out
    assert all(cells[4] == "–" for cells in rows_of_table(output).values())
    assert "smaller than SSIM's window" in output


def test_a_subsampling_that_pillow_lacks(
    photo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(photo, "--subsampling", "4:1:0", "--out", tmp_path / "out") == 0
    output = capsys.readouterr().out
    assert set(rows_of_table(output)) == {"jpeg-ours-410", "jpeg-ours-410-optimised"}
    assert "Pillow has no 4:1:0" in output
    assert "No file of Pillow's" in output


@pytest.mark.big
def test_without_a_photo_the_sample_is_cropped_and_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run() == 0
    output = capsys.readouterr().out
    assert "off its own 8×8 grid" in output
    assert len(os.listdir("codec-eval-out")) == 6
    original = codec_eval.load("codec-eval-out/grace_hopper-original.png")
    np.testing.assert_array_equal(original, codec_eval.default_photograph().pixels)


@pytest.mark.big
def test_a_kodak_picture(codec_data_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(codec_data_folder / "kodak" / "kodim05.png", "--out", tmp_path) == 0
    output = capsys.readouterr().out
    # libjpeg-turbo 3.2.0's figures, SSIM by scikit-image 0.26.
    assert rows_of_table(output)["jpeg-ours"][:5] == ["101,048", "2.056", "0.0857", "32.31", "0.9414"]
    assert "identical to Pillow's" in output


def test_a_file_name_of_any_characters(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "über $x_1$ 写真.tar.png"
    Image.fromarray(picture(12, 12)).save(path)
    assert run(path, "--out", tmp_path / "out") == 0
    assert (tmp_path / "out" / "über $x_1$ 写真.tar-q75-jpeg-ours.jpg").is_file()


@pytest.mark.parametrize("quality", ["0", "101", "-3", "7.5", "high", ""])
def test_a_wrong_quality(
    photo: Path, tmp_path: Path, quality: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(photo, f"--quality={quality}", "--out", tmp_path / "out") == 2
    assert quality in error_line(capsys)
    assert not (tmp_path / "out").exists()


def test_a_wrong_subsampling(photo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(photo, "--subsampling", "4:2:1") == 2
    assert "4:2:1" in error_line(capsys)


def test_a_photo_that_is_missing_no_picture_or_a_folder(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "text.txt").write_text("hello")
    for name, reason in [
        ("absent.png", "No such file"),
        ("text.txt", "not a picture"),
        (".", "directory"),
    ]:
        assert run(tmp_path / name, "--out", tmp_path / "out") == 2
        line = error_line(capsys)
        assert str(tmp_path / name) in line
        assert reason in line.replace("Permission denied", "directory")  # Windows' word for a folder
    assert not (tmp_path / "out").exists()


def test_an_output_folder_that_cannot_be_made(
    photo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for out in (photo, photo / "below"):
        assert run(photo, "--out", out) == 2
        assert str(photo) in error_line(capsys)
    assert os.listdir(tmp_path) == ["photo.png"]


def test_a_full_disk_leaves_nothing_half_written(
    photo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    replace = Path.replace

    def fail_at_the_figure(self: Path, target: Path) -> Path:
        if target.suffix == ".png":
            raise OSError(28, "No space left on device", str(target))
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", fail_at_the_figure)
    assert run(photo, "--out", out) == 2
    assert "No space left" in error_line(capsys)
    assert len(os.listdir(out)) == 4
    for name in os.listdir(out):
        with Image.open(out / name) as whole:
            whole.load()


def python_m(*arguments: object, **options: object) -> subprocess.CompletedProcess[str]:
    """Run ``python -m codec_eval`` as a process of its own."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [sys.executable, "-m", "codec_eval", *map(str, arguments)],
        capture_output=True,
        text=True,
        encoding="utf-8",
        env={**environment, "PYTHONIOENCODING": str(options.get("io_encoding", "utf-8"))},
        check=False,
        timeout=120,
    )


def test_as_a_process_it_prints_on_stdout_and_writes_the_files(photo: Path, tmp_path: Path) -> None:
    result = python_m("compare", photo, "--out", tmp_path / "out", io_encoding="ascii")
    assert result.returncode == 0, result.stderr
    assert "photo.png: 50 ? 40 RGB" in result.stdout  # a terminal without "×" is no reason to fail
    assert "%|" not in result.stderr  # no progress bar where no terminal is
    assert len(os.listdir(tmp_path / "out")) == 5


def test_as_a_process_it_fails_in_one_line_and_code_2(tmp_path: Path) -> None:
    result = python_m("compare", tmp_path / "absent.png")
    assert (result.returncode, result.stdout, result.stderr.count("\n")) == (2, "", 1)
    result = python_m("compress")
    assert (result.returncode, result.stdout, result.stderr.count("\n")) == (2, "", 1)


def test_version_and_help(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments, pattern in [
        (["--version"], rf"^codec-eval {re.escape(codec_eval.__version__)}\n$"),
        (["--help"], r"examples:\n  codec-eval compare"),
        (["compare", "--help"], r"--quality Q(.|\n)*examples:\n  codec-eval compare"),
    ]:
        with pytest.raises(SystemExit) as leaving:
            main(arguments)
        assert leaving.value.code == 0
        assert re.search(pattern, capsys.readouterr().out)
