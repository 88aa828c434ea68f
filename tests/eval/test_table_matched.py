"""`codec-eval table` with a quality for each codec, pictures by name, and ``--match-bytes``."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from table_cases import picture

from codec_eval import make_codec, metrics
from codec_eval.cli import main
from codec_eval.points import RatePoint
from codec_eval.table import Section
from codec_eval.table_pairs import pairs_table

pytestmark = pytest.mark.filterwarnings("ignore:Numba is not installed")

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "term-paper.md"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three small pictures."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for seed, name in enumerate(("a.png", "b.png", "c.png")):
        Image.fromarray(picture(48 + 8 * seed, 64, seed)).save(folder / name)
    return folder


def run(*arguments: object) -> int:
    """Run the command in this process and return its exit code."""
    try:
        return main(["table", *map(str, arguments)])
    except SystemExit as error:
        return int(error.code or 0)


def table_below(text: str, heading: str) -> list[list[str]]:
    """The cells of the table in the section of a heading, with its headings."""
    section = text.split(f"## {heading}\n")[1].split("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]


def rows_of_csv(text: str) -> list[dict[str, str]]:
    """The rows by column."""
    return list(csv.DictReader(io.StringIO(text)))


def plain(cell: str) -> str:
    """A cell without emphasis."""
    return cell.replace("**", "")


def test_each_codec_may_have_its_quality_and_one_codec_several(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    codecs = ["--codec", "webp@30,jpeg-pillow", "--codec", "webp@80", "--codec", "webp@30"]
    assert run(folder, *codecs, "--quality", 55, "--format", "csv") == 0
    rows = rows_of_csv(capsys.readouterr().out)
    names = ["a.png", "b.png", "c.png", "average"]
    order = [
        (codec, quality, name)
        for codec, quality in (("webp", "30"), ("jpeg-pillow", "55"), ("webp", "80"))
        for name in names
    ]
    assert [(row["codec"], row["quality"], row["picture"]) for row in rows] == order
    for row in rows:
        assert row["matched_to"] == row["off_target"] == ""
        if row["picture"] != "average":
            original = np.asarray(Image.open(folder / row["picture"]))
            assert int(row["n_bytes"]) == len(make_codec(row["codec"]).encode(original, int(row["quality"])))
    assert float(rows[3]["psnr"]) < float(rows[-1]["psnr"])


def test_each_picture_gets_the_quality_with_the_nearest_length(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of all hundred qualities; the table, the CSV and the files say the same."""
    command = [folder, "--codec", "jpeg-pillow@75,jpeg2000@60", "--match-bytes", "jpeg2000"]
    assert run(*command, "--format", "csv") == 0
    rows = rows_of_csv(capsys.readouterr().out)
    assert len(rows) == 12
    wanted = {row["picture"]: int(row["n_bytes"]) for row in rows[4:7]}
    matched = rows[8:]
    jpeg = make_codec("jpeg-pillow")
    for row in matched[:3]:
        original = np.asarray(Image.open(folder / row["picture"]))
        files = {quality: jpeg.encode(original, quality) for quality in range(1, 101)}
        distances = {quality: abs(len(data) - wanted[row["picture"]]) for quality, data in files.items()}
        data = files[int(row["quality"])]
        assert distances[int(row["quality"])] == min(distances.values())
        assert row["matched_to"] == "jpeg2000@60"
        assert float(row["off_target"]) == pytest.approx(len(data) / wanted[row["picture"]] - 1, abs=1e-6)
        exact = metrics.psnr(original, jpeg.decode(data), data_range=255)
        assert float(row["psnr"]) == pytest.approx(exact, abs=1e-6)
    average = matched[3]
    assert (average["picture"], average["quality"], average["off_target"]) == ("average", "", "")
    assert float(average["psnr"]) == pytest.approx(np.mean([float(row["psnr"]) for row in matched[:3]]))

    assert run(*command) == 0
    text = capsys.readouterr().out
    heading = "jpeg-pillow at the bytes of jpeg2000, quality 60"
    head, *pairs, average_of_other, average_of_ours = table_below(text, heading)
    assert head[:4] == ["picture", "codec", "quality", "bytes"]
    for other, ours, row, of_other in zip(pairs[::2], pairs[1::2], matched[:3], rows[4:7], strict=True):
        assert other[:4] == [row["picture"], "jpeg2000", "60", f"{wanted[row['picture']]:,}"]
        off = f"{100 * float(row['off_target']):+.1f} %".replace("-0.0", "+0.0")
        assert ours[:4] == ["", "jpeg-pillow", row["quality"], f"{int(row['n_bytes']):,} ({off})"]
        assert plain(ours[6]) == f"{float(row['psnr']):.2f}"
        assert plain(other[7]) == f"{float(of_other['ssim']):.4f}"
        for column in (6, 7):
            mine, theirs = float(plain(ours[column])), float(plain(other[column]))
            assert ours[column].startswith("**") == (mine > theirs)
            assert other[column].startswith("**") == (theirs > mine)
    assert average_of_other[0] == "**average of 3**"
    assert plain(average_of_ours[6]) == f"{float(average['psnr']):.2f}"
    ahead = sum(float(a["psnr"]) > float(b["psnr"]) for a, b in zip(rows[4:7], matched))
    assert f"jpeg2000 has the higher PSNR on {ahead} of 3, SSIM on " in text
    titles = ["codec and setting", "jpeg-pillow, quality 75", "jpeg2000, quality 60", heading]
    assert [row[0] for row in table_below(text, "Averages")] == titles
    assert table_below(text, "Averages")[-1][4] == plain(average_of_ours[6])


def test_the_network_and_jpeg_at_its_bytes(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With a name alone the middle quality; one that is not among the codecs is measured too."""
    codec = make_codec("factorized-prior")
    assert run(folder / "a.png", "--codec", "jpeg-pillow@75", "--match-bytes", "factorized-prior") == 0
    text = capsys.readouterr().out
    found = re.findall(r"## factorized-prior, quality (\d+)\n", text)
    assert len(found) == 1
    n_bytes = len(codec.encode(picture(48, 64), int(found[0])))
    _, network, jpeg, *_ = table_below(
        text, f"jpeg-pillow at the bytes of factorized-prior, quality {found[0]}"
    )
    assert network[:4] == ["a.png", "factorized-prior", found[0], f"{n_bytes:,}"]
    assert jpeg[1] == "jpeg-pillow"
    assert codec.description in text


def test_lengths_that_are_far_off_are_told(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """No JPEG of these pictures is as long as a file of eight bits a sample."""
    command = [folder, "--codec", "jpeg-pillow", "--match-bytes", "sweep_codecs:working@8"]
    assert run(*command) == 0
    note = "on 3 of 3 pictures the nearest length is more than 5 % off"
    assert note in capsys.readouterr().out


def test_a_picture_that_one_of_the_two_cannot_do_is_no_pair(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Image.fromarray(picture(20, 20)[..., 0]).save(folder / "grey.png")
    assert run(folder, "--codec", "jpeg-pillow,webp", "--match-bytes", "webp") == 0
    output = capsys.readouterr()
    assert "jpeg-pillow, grey.png: nothing to match: webp failed" in output.err
    rows = table_below(output.out, "jpeg-pillow at the bytes of webp, quality 75")
    assert [row[0] for row in rows if row[0]] == ["picture", "a.png", "b.png", "c.png", "**average of 3**"]
    assert "- grey.png: nothing to match: webp failed" in output.out
    assert output.out.endswith("**The averages are not over the same pictures: do not compare them.**\n")

    assert run(folder, "--codec", "jpeg-pillow,webp", "--match-bytes", "jpeg-pillow", "--format", "csv") == 0
    failed = rows_of_csv(capsys.readouterr().out)[-2]
    assert (failed["picture"], failed["quality"], failed["n_bytes"]) == ("grey.png", "", "")
    assert failed["matched_to"] == "jpeg-pillow@75"
    assert "WebP has no grey pictures" in failed["error"]


def test_equal_figures_are_not_emphasised_and_missing_ones_not_counted() -> None:
    a = RatePoint("x.png", "first", 5, 9, 9, 3, 100, 1.0, 1.0, 30.001, None, 0.5, None)
    b = RatePoint("x.png", "second", 7, 9, 9, 3, 125, 1.0, 1.0, 30.004, None, 0.6, None)
    text = pairs_table(Section([a], Section([b])), make_codec("webp"))
    rows = table_below(text, "first at the bytes of second, quality 7")
    assert rows[1][6:] == ["30.00", "**0.6000**", "–"]
    assert rows[2][3:] == ["100 (-20.0 %)", "1.000", "0.4115", "30.00", "0.5000", "–"]
    assert "second has the higher PSNR on 1 of 1, SSIM on 1 of 1 pictures." in text
    with pytest.raises(ValueError, match="not matched to anything"):
        pairs_table(Section([a]), make_codec("webp"))


def test_pictures_by_name_beside_folders_each_once(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def pictures(*given: Path) -> list[str]:
        assert run(*given, "--codec", "jpeg-pillow", "--format", "csv") == 0
        return [row["picture"] for row in rows_of_csv(capsys.readouterr().out)[:-1]]

    assert pictures(folder / "c.png", folder / "a.png") == ["c.png", "a.png"]
    assert pictures(folder / "b.png", folder) == ["b.png", "a.png", "c.png"]
    other = tmp_path / "other"
    other.mkdir()
    Image.fromarray(picture(20, 20)).save(other / "a.png")
    assert run(folder, other / "a.png") == 2
    assert "two pictures are called a.png" in capsys.readouterr().err


def test_what_cannot_be_matched_is_one_line_and_exit_code_2(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for arguments, message in [
        (("--match-bytes", "jpeg-ours"), "--match-bytes jpeg-ours: there is no other codec to match"),
        (("--codec", "webp@5,webp@9", "--match-bytes", "webp"), "at which of its qualities? webp@Q says it"),
        (("--match-bytes", "webp,jpeg2000"), "one codec is needed"),
        (("--match-bytes", "jpeg-xl"), "no codec is called 'jpeg-xl'"),
        (("--match-bytes", "webp@101"), "quality is 101: webp takes 0 to 100"),
        (("--codec", "jpeg-ours@0"), "quality is 0: jpeg-ours takes 1 to 100"),
        (("--codec", "factorized-prior", "--quality", "75"), "quality is 75: factorized-prior takes"),
    ]:
        assert run(folder, *arguments, "--out", tmp_path / "t.md") == 2, arguments
        captured = capsys.readouterr()
        assert captured.out == ""
        assert captured.err.startswith("codec-eval: error: "), captured.err
        assert captured.err.count("\n") == 1
        assert message in captured.err
    assert not (tmp_path / "t.md").exists()


# --- docs/term-paper.md -----------------------------------------------------------------------------


def test_the_command_of_the_page_runs_on_the_readers_pictures(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    commands = re.findall(r"^codec-eval (table (?:.*\\\n)*.*)", PAGE.read_text("utf-8"), re.MULTILINE)
    mine, kodak = (re.sub(r"\\\n", "", command).split() for command in commands[:2])
    monkeypatch.chdir(folder.parent)
    assert mine[1] == folder.name
    assert main(mine) == 0
    printed = capsys.readouterr().out
    assert "jpeg-ours at the bytes of factorized-prior" in printed
    assert mine[2:] == kodak[3:-2]
    assert kodak[-2] == "--out"
    sections = (ROOT / kodak[-1]).read_text("utf-8")
    for heading in re.findall(r"^## .*", printed, re.MULTILINE):
        assert f"{heading}\n" in sections
