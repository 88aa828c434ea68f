"""`codec-eval table`, end to end, and the examples of docs/add-a-codec.md, which use it."""

from __future__ import annotations

import csv
import importlib
import io
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from table_cases import picture

from codec_eval import make_codec, metrics
from codec_eval.cli import main

pytestmark = pytest.mark.filterwarnings("ignore:Numba is not installed")

ROOT = Path(__file__).resolve().parents[2]
GUIDE = ROOT / "docs" / "add-a-codec.md"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three pictures, written in another order than their names', and files that are none."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for seed, name in enumerate(("c.png", "a.png", "B.bmp")):
        Image.fromarray(picture(165 + seed, 170, seed)).save(folder / name)
    (folder / "notes.txt").write_text("not a picture")
    (folder / "folder.png").mkdir()
    return folder


def run(*arguments: object) -> int:
    """Run the command in this process and return its exit code."""
    try:
        return main(["table", *map(str, arguments)])
    except SystemExit as error:
        return int(error.code or 0)


def rows_of_markdown(text: str) -> list[list[str]]:
    """The cells of all rows of all tables, without headings and rules."""
    lines = [line for line in text.splitlines() if line.startswith("| ") and not line.startswith("| picture")]
    return [[cell.strip().strip("*") for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]


def rows_of_csv(text: str) -> list[dict[str, str]]:
    """The rows by column."""
    return list(csv.DictReader(io.StringIO(text)))


def test_the_table_holds_what_is_measured_and_the_average(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(folder, "--codec", "jpeg-pillow-444", "--quality", 60) == 0
    output = capsys.readouterr()
    *rows, average = rows_of_markdown(output.out)
    assert [row[0] for row in rows] == ["B.bmp", "a.png", "c.png"]
    codec, values = make_codec("jpeg-pillow-444"), []
    for name, size, n_bytes, *numbers in rows:
        original = np.asarray(Image.open(folder / name))
        data = codec.encode(original, 60)
        decoded = codec.decode(data)
        assert size == f"{original.shape[1]}×{original.shape[0]}"
        assert n_bytes == f"{len(data):,}"
        values.append(
            [
                8 * len(data) / (original.size / 3),
                len(data) / original.size,
                *(
                    f(original, decoded, data_range=255)
                    for f in (metrics.psnr, metrics.ssim, metrics.ms_ssim)
                ),
            ]
        )
        assert [float(number) for number in numbers] == pytest.approx(values[-1], abs=6e-3)
        assert [float(number) for number in numbers[3:]] == pytest.approx(values[-1][3:], abs=6e-5)
    assert average[:3] == ["average of 3", "", ""]
    assert [float(number) for number in average[3:]] == pytest.approx(np.mean(values, axis=0), abs=6e-3)
    assert "## jpeg-pillow-444, quality 60" in output.out
    assert codec.description in output.out
    assert "Left out" not in output.out


def test_several_codecs_and_both_forms_agree(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    codecs = ["--codec", "webp,jpeg2000", "--codec", "jpeg-pillow", "--codec", "webp"]
    assert run(folder, *codecs, "--format", "csv") == 0
    rows = rows_of_csv(capsys.readouterr().out)
    names = ["B.bmp", "a.png", "c.png", "average"]
    order = [(codec, name) for codec in ("webp", "jpeg2000", "jpeg-pillow") for name in names]
    assert [(row["codec"], row["picture"]) for row in rows] == order
    out = tmp_path / "new" / "table.md"
    assert run(folder, *codecs, "--out", out) == 0
    assert capsys.readouterr().out == f"Table: {out}\n"
    for from_csv, cells in zip(rows, rows_of_markdown(out.read_text("utf-8")), strict=True):
        columns = ("bpp", "n_compression", "psnr", "ssim", "ms_ssim")
        for column, cell in zip(columns, cells[3:], strict=True):
            digits = len(cell.split(".")[1])
            assert float(cell) == pytest.approx(float(from_csv[column]), abs=0.51 * 10**-digits)
        assert from_csv["quality"] == "75"
        assert from_csv["error"] == ""
    assert rows[0]["width"] == "170"
    assert rows[0]["height"] == "167"
    assert rows[3]["n_bytes"] == rows[3]["width"] == ""


def test_the_same_again_is_the_same_file(folder: Path, tmp_path: Path) -> None:
    outs = [tmp_path / name for name in ("1.csv", "2.csv", "1.md", "2.md")]
    elsewhere = folder.rename(tmp_path / "copy")
    (elsewhere / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    elsewhere.rename(folder)
    for i, out in enumerate(outs):
        where = folder if i % 2 == 0 else folder.rename(tmp_path / "elsewhere")
        assert run(where, "--codec", "jpeg-pillow", "--out", out) == 0
        if i % 2:
            where.rename(folder)
    assert outs[0].read_bytes() == outs[1].read_bytes()
    assert outs[2].read_bytes() == outs[3].read_bytes()
    assert outs[0].read_text().startswith("picture,codec,quality,")


def test_a_picture_that_cannot_be_read_is_told_and_left_out(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole = (folder / "a.png").read_bytes()
    (folder / "a.png").write_bytes(whole[: len(whole) // 2])
    assert run(folder, "--codec", "jpeg-pillow") == 0
    output = capsys.readouterr()
    assert re.fullmatch(
        r"codec-eval: left out: jpeg-pillow, a\.png: cannot be read as a picture.*\n", output.err
    )
    assert [row[0] for row in rows_of_markdown(output.out)] == ["B.bmp", "c.png", "average of 2"]
    assert "**Left out of table and average: 1 of 3 pictures.**\n\n- a.png: cannot be read" in output.out
    assert run(folder, "--codec", "jpeg-pillow", "--format", "csv") == 0
    (failed,) = [row for row in rows_of_csv(capsys.readouterr().out) if row["error"]]
    assert failed["picture"] == "a.png"
    assert failed["width"] == failed["n_bytes"] == failed["psnr"] == ""


def test_nothing_that_can_be_read_is_an_error(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("a.png", "B.bmp", "c.png"):
        (folder / name).write_bytes(b"nothing")
    assert run(folder, "--out", tmp_path / "t.md") == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 4
    assert lines[-1].startswith("codec-eval: error: no picture could be measured; B.bmp: not a picture")
    assert not (tmp_path / "t.md").exists()


def test_a_codec_that_cannot_do_a_picture_is_told_and_averages_are_marked(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Image.fromarray(picture(12, 40)[..., 0]).save(folder / "small|grey.png")
    Image.fromarray(picture(8, 40)).save(folder / "tiny.png")
    assert run(folder, "--codec", "webp,jpeg-pillow") == 0
    output = capsys.readouterr()
    assert "left out: webp, small|grey.png: ValueError: WebP has no grey pictures" in output.err
    rows = {row[0]: row for row in rows_of_markdown(output.out)}
    assert rows[r"small\|grey.png"][1] == "40×12 grey"
    assert rows[r"small\|grey.png"][-1] == "–"
    assert rows["tiny.png"][-2:] == ["–", "–"]
    assert "–" not in rows["average of 5"]
    assert "Note: 2 of 5 pictures are under 161×161: no MS-SSIM." in output.out
    assert "Note: 1 of 5 pictures are under 11×11: no SSIM." in output.out
    assert output.out.endswith("**The averages are not over the same pictures: do not compare them.**\n")


def test_a_lossless_picture_has_no_finite_psnr(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Image.fromarray(np.full((16, 16, 3), 128, np.uint8)).save(tmp_path / "flat.png")
    assert run(tmp_path, "--codec", "jpeg-pillow") == 0
    assert [row[5] for row in rows_of_markdown(capsys.readouterr().out)] == ["∞", "∞"]
    assert run(tmp_path, "--codec", "jpeg-pillow", "--format", "csv") == 0
    assert [row["psnr"] for row in rows_of_csv(capsys.readouterr().out)] == ["inf", "inf"]


def test_wrong_arguments_are_one_line_and_exit_code_2(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("")
    for arguments, message in [
        ((tmp_path / "empty",), "no pictures in this folder"),
        ((tmp_path / "missing",), "No such file"),
        ((tmp_path / "file",), "Not a directory"),
        ((folder, "--codec", "jpeg-xl"), "no codec is called 'jpeg-xl'; known: jpeg-ours"),
        ((folder, "--codec", "nowhere:codec"), "'nowhere:codec' cannot be made: ModuleNotFoundError"),
        ((folder, "--quality", "101"), "quality is 101: jpeg-ours takes 1 to 100"),
        ((folder, "--quality", "half"), "argument --quality"),
        ((folder, "--format", "html"), "argument --format"),
        ((folder, "--out", folder), "is a folder"),
        ((folder, "--out", tmp_path / "file" / "t.md"), "File exists"),
        ((), "FOLDER"),
    ]:
        assert run(*arguments) == 2, arguments
        captured = capsys.readouterr()
        assert captured.out == ""
        assert captured.err.startswith("codec-eval: error: "), captured.err
        assert captured.err.count("\n") == 1
        assert message in captured.err


# --- docs/add-a-codec.md ----------------------------------------------------------------------------


@pytest.fixture
def guide(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], list[str]]:
    """The blocks of code of the guide by language, in a folder with `photos` and the guide's module."""
    text = GUIDE.read_text("utf-8")
    monkeypatch.chdir(folder.parent)
    monkeypatch.setattr(sys, "path", list(sys.path))
    blocks = re.findall(r"^```(\w+)\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    assert len(blocks) == 5
    Path("mine.py").write_text(next(code for language, code in blocks if language == "python"))
    monkeypatch.delitem(sys.modules, "mine", raising=False)
    importlib.invalidate_caches()
    return lambda wanted: [code for language, code in blocks if language == wanted]


def command(line: str) -> list[str]:
    """The arguments behind ``codec-eval table``."""
    program, name, *arguments = line.split()
    assert (program, name) == ("codec-eval", "table")
    return arguments


def test_the_codec_of_the_guide_is_ten_lines_and_runs_as_module_and_object(
    guide: Callable[[str], list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    module, _ = guide("python")
    assert sum(bool(line) for line in module.splitlines()) <= 10
    assert run(*command(guide("sh")[0])) == 0
    output = capsys.readouterr()
    assert "## mine:Mine, quality 5" in output.out
    assert "## jpeg-ours-444, quality 5" in output.out
    rows = rows_of_markdown(output.out)
    assert [row[0] for row in rows[:4]] == ["B.bmp", "a.png", "c.png", "average of 3"]
    # Two bits of eight are cut off: the error is 0, 1, 2 or 3, equally often.
    assert float(rows[3][5]) == pytest.approx(10 * np.log10(255**2 / 3.5), abs=0.1)


def test_the_codec_of_the_guide_runs_by_its_entry_point(
    guide: Callable[[str], list[str]], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import tomllib

    offers = tomllib.loads(guide("toml")[0])["project"]["entry-points"]["codec_eval.codecs"]
    info = Path("mine-1.0.dist-info")  # what installing the package leaves
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: mine\nVersion: 1.0\n")
    lines = "".join(f"{name} = {value}\n" for name, value in offers.items())
    (info / "entry_points.txt").write_text(f"[codec_eval.codecs]\n{lines}")
    monkeypatch.syspath_prepend(str(Path.cwd()))
    assert run(*command(guide("sh")[1])) == 0
    assert "## mine, quality 5" in capsys.readouterr().out


def test_the_last_example_of_the_guide_runs(guide: Callable[[str], list[str]]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", guide("python")[1]], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("[0, 2, 5, 7]\n")
    assert "zlib" in done.stdout
