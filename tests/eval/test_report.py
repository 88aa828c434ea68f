"""The report: it says what the points say, hides no failure, and is the same each time."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from codec_eval.anchors import KODAK_PICTURES
from codec_eval.averages import average_points
from codec_eval.bd_rate import bd_rate
from codec_eval.cli import main
from codec_eval.points import RatePoint, header, read_points, write_points
from codec_eval.rate_distortion import measure_point
from codec_eval.report import write_report
from codec_eval.report_page import MOST_POINTS

CODECS = ("jpeg-pillow", "jpeg-pillow-optimised", "webp")
FIGURES = ("psnr", "psnr-luma", "ssim", "ms-ssim", "ms-ssim-db")
VOID = {"meta", "link", "img", "br"}


@pytest.fixture(scope="session")
def sweep_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three small pictures in ``pictures``, and ``points.csv`` of three codecs at four qualities."""
    folder = tmp_path_factory.mktemp("sweep")
    (folder / "pictures").mkdir()
    rows, columns = np.mgrid[:180, :200]
    points = []
    for number in range(3):
        wave = 128 + 50 * np.sin(rows / (5 + number)) + 40 * np.cos(columns / 7)
        noise = np.random.default_rng(number).normal(0, 6 * (number + 1), (180, 200, 3))
        image = np.clip(wave[..., np.newaxis] + noise, 0, 255).astype(np.uint8)
        path = folder / "pictures" / f"p{number}.png"
        Image.fromarray(image).save(path)
        points += [measure_point(path, codec, quality) for codec in CODECS for quality in (10, 30, 60, 90)]
    assert not any(point.error for point in points)
    write_points(folder / "points.csv", points)
    return folder


@pytest.fixture
def points(sweep_folder: Path) -> list[RatePoint]:
    return list(read_points(sweep_folder / "points.csv"))


def report(points: list[RatePoint], folder: Path, out: Path, *, anchors: bool = False) -> tuple[str, str]:
    """Page and Markdown of the report of these points."""
    out.mkdir(exist_ok=True)
    write_points(out / "points.csv", points)
    written = write_report(out / "points.csv", folder / "pictures", out, anchors=anchors)
    return written[0].read_text("utf-8"), written[1].read_text("utf-8")


class Page(HTMLParser):
    """A strict reader of a page: every element is closed, in order; what is in it is counted."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert "svg" in self.open, f"<{tag}/> is no HTML"
        self.elements.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())

    def attributes(self, name: str) -> list[str]:
        return [attributes[name] for _, attributes in self.elements if name in attributes]

    def tags(self) -> Counter[str]:
        return Counter(tag for tag, _ in self.elements)


def test_files_are_written_and_named(points: list[RatePoint], sweep_folder: Path, tmp_path: Path) -> None:
    write_points(tmp_path / "points.csv", points)
    out = tmp_path / "new" / "folder"
    written = write_report(tmp_path / "points.csv", sweep_folder / "pictures", out)
    names = ["report.html", "report.md"]
    names += [f"figures/{figure}.{kind}" for figure in FIGURES for kind in ("svg", "png")]
    names += ["figures/same-bits.png"]
    assert [path.relative_to(out).as_posix() for path in written] == names
    assert {path for path in out.rglob("*") if path.is_file()} == set(written)
    for path in written:
        if path.suffix == ".png":
            with Image.open(path) as picture:
                picture.load()


def test_the_same_points_give_the_same_bytes(
    points: list[RatePoint], sweep_folder: Path, tmp_path: Path
) -> None:
    for name in "ab":
        report(points, sweep_folder, tmp_path / name)
    files = sorted(path.relative_to(tmp_path / "a") for path in (tmp_path / "a").rglob("*.*"))
    assert len(files) == 14
    for file in files:
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()


def test_the_page_is_well_formed_and_needs_nothing_else(
    points: list[RatePoint], sweep_folder: Path, tmp_path: Path
) -> None:
    html, _ = report(points, sweep_folder, tmp_path, anchors=True)
    page = Page(html)
    assert html.startswith("<!DOCTYPE html>")
    assert dict(page.elements)["html"] == {"lang": "en"}
    identifiers = page.attributes("id")
    assert len(identifiers) == len(set(identifiers))
    tags = page.tags()
    assert tags["script"] == 0
    assert tags["svg"] == 2 * len(FIGURES)
    assert tags["img"] == 2 * (1 + len(CODECS))
    links = page.attributes("href")
    assert all(link == "data:," or link[1:] in identifiers for link in links)
    assert all(source.startswith("data:image/png;base64,") for source in page.attributes("src"))
    assert not re.search(r"https?:|url\((?!#)|@import", re.sub(r'xmlns[^"]*"[^"]*"', "", html))
    assert all(attributes["alt"] for tag, attributes in page.elements if tag == "img")
    described = {label for labels in page.attributes("aria-labelledby") for label in labels.split()}
    assert described <= set(identifiers)
    levels = [int(tag[1]) for tag, _ in page.elements if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(b - a <= 1 for a, b in pairwise(levels))


def test_bd_rates_are_those_of_the_averages(
    points: list[RatePoint], sweep_folder: Path, tmp_path: Path
) -> None:
    html, markdown = report(points, sweep_folder, tmp_path)
    curves = {
        codec: [(point.bpp, point.psnr) for point in average_points(points) if point.codec == codec]
        for codec in CODECS
    }
    result = bd_rate(*zip(*curves["jpeg-pillow"]), *zip(*curves["webp"]))
    percent = f"{result.percent:+.1f} %".replace("-", "−")
    low, high = result.interval
    small = f"{low:.1f}–{high:.1f} dB, {result.points_b}/{result.points_a} pts"
    assert f"{percent}<small>{small}</small>" in html
    assert f"| webp | {percent}<br>{small} |" in markdown  # the row is judged against the column
    assert f"| webp | {percent} |" in markdown  # at a glance


def test_averages_speeds_and_single_points_are_on_the_page(
    points: list[RatePoint], sweep_folder: Path, tmp_path: Path
) -> None:
    points = [replace(point, encode_seconds=0.018, decode_seconds=0.0036) for point in points]
    html, markdown = report(points, sweep_folder, tmp_path)
    for average in average_points(points):
        row = f'<th scope="row">{average.quality}</th><td>{average.bpp:.3f}</td><td>{average.psnr:.2f}</td>'
        assert row + f"<td>{average.psnr_of_mean_mse:.2f}</td>" in html
    assert "<td>2.00<small>2.00–2.00</small></td><td>10.0<small>10.0–10.0</small></td><td>12</td>" in html
    for point in points:
        assert f"<td>{point.n_bytes:,}</td><td>{point.bpp:.3f}</td><td>{point.psnr:.2f}</td>" in html
    assert html.count("<details>") == 3
    assert "points.csv" in markdown


def test_a_refused_bd_rate_says_why(points: list[RatePoint], sweep_folder: Path, tmp_path: Path) -> None:
    points = [
        replace(point, psnr=(point.psnr or 0) + 60) if point.codec == "webp" else point for point in points
    ]
    html, markdown = report(points, sweep_folder, tmp_path)
    assert "<td>–<sup>1</sup></td>" in html
    assert "webp against jpeg-pillow: the curves do not overlap in quality" in Page(html).text
    assert "– [1]" in markdown
    assert "1. webp against jpeg-pillow: the curves do not overlap" in markdown


def test_failures_are_listed_and_their_pictures_left_out_of_averages(
    points: list[RatePoint], sweep_folder: Path, tmp_path: Path
) -> None:
    broken = replace(
        points[0],
        n_bytes=None,
        bpp=None,
        mse=None,
        psnr=None,
        psnr_y=None,
        error="RuntimeError: <it> | broke",
    )
    html, markdown = report([broken, *points[1:]], sweep_folder, tmp_path)
    text = Page(html).text
    assert "1 failure listed below" in text
    assert "RuntimeError: <it> | broke" in text
    assert "left out of averages p0.png: not every point of theirs was measured" in text
    assert "RuntimeError: \\<it\\> \\| broke" in markdown


def test_averages_over_different_pictures_are_called_so(
    points: list[RatePoint], sweep_folder: Path, tmp_path: Path
) -> None:
    apart = [point for point in points if (point.codec == "webp") == (point.picture == "p0.png")]
    assert "averages each over its own pictures" in Page(report(apart, sweep_folder, tmp_path)[0]).text


def test_nothing_measured_is_an_error(points: list[RatePoint], sweep_folder: Path, tmp_path: Path) -> None:
    failed = [replace(point, psnr=None, error="it broke") for point in points]
    with pytest.raises(ValueError, match=r"no point was measured \(it broke"):
        report(failed, sweep_folder, tmp_path)
    with pytest.raises(ValueError, match="it is empty"):
        report([], sweep_folder, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["points.csv"]


def test_without_the_pictures_only_the_strip_is_missing(points: list[RatePoint], tmp_path: Path) -> None:
    html, markdown = report(points, tmp_path / "absent", tmp_path)
    for text in (Page(html).text, markdown):
        assert re.search(r"No strip: p\d.png cannot be read", text)
    assert "<img" not in html
    assert not (tmp_path / "figures" / "same-bits.png").exists()


def test_a_codec_that_is_not_here_keeps_its_curves(
    points: list[RatePoint], sweep_folder: Path, tmp_path: Path
) -> None:
    points = [replace(point, codec="their-codec") if point.codec == "webp" else point for point in points]
    html, _ = report(points, sweep_folder, tmp_path)
    text = Page(html).text
    assert "Missing here: their-codec (no codec is called 'their-codec'" in text
    assert "not to be made here, so its version is unknown" in text
    assert html.count("<img") == 2 * 3


def test_codecs_without_a_common_rate_have_no_strip(
    points: list[RatePoint], sweep_folder: Path, tmp_path: Path
) -> None:
    points = [
        replace(point, bpp=(point.bpp or 0) * 100) if point.codec == "webp" else point for point in points
    ]
    assert "have no rate in common" in Page(report(points, sweep_folder, tmp_path)[0]).text


def test_a_measure_that_no_point_has_gets_no_figure(
    points: list[RatePoint], sweep_folder: Path, tmp_path: Path
) -> None:
    points = [replace(point, ms_ssim=None) for point in points]
    html, markdown = report(points, sweep_folder, tmp_path)
    assert html.count("<svg") == 2 * 3
    assert "ms-ssim" not in "".join(re.findall(r"\]\(([^)]*)\)", markdown))
    assert "no value of MS-SSIM" in Page(html).text


def test_one_codec_is_compared_with_nothing(
    points: list[RatePoint], sweep_folder: Path, tmp_path: Path
) -> None:
    points = [point for point in points if point.codec == "webp"]
    html, markdown = report(points, sweep_folder, tmp_path)
    assert "With one codec there is nothing to compare" in Page(html).text
    assert "1 codec on 3 pictures" in markdown


def test_infinite_psnr_is_printed_and_not_drawn(
    points: list[RatePoint], sweep_folder: Path, tmp_path: Path
) -> None:
    points = [
        replace(point, psnr=float("inf"), mse=0.0) if point.quality == 90 else point for point in points
    ]
    html, _ = report(points, sweep_folder, tmp_path)
    assert "<td>∞</td>" in html


def test_names_cannot_break_out(points: list[RatePoint], sweep_folder: Path, tmp_path: Path) -> None:
    hostile = '<script>alert("1")</script>&|`*.png'
    points = [replace(point, picture=hostile) if point.picture == "p0.png" else point for point in points]
    points = [replace(point, codec="a:b<c>&$x$") if point.codec == "webp" else point for point in points]
    html, markdown = report(points, sweep_folder, tmp_path)
    page = Page(html)
    assert page.tags()["script"] == 0
    assert hostile in page.text
    assert "a:b<c>&$x$" in page.text
    for line in markdown.splitlines():
        if line.startswith("| \\<script"):
            assert len(re.findall(r"(?<!\\)\|", line)) == 4  # picture and two codecs


def test_published_curves_are_of_kodak(points: list[RatePoint], sweep_folder: Path, tmp_path: Path) -> None:
    html, markdown = report(points, sweep_folder, tmp_path, anchors=True)
    for text in (Page(html).text, markdown):
        assert "Caution: this report is not about those 24 pictures" in text
    assert ">vtm</text>" in html
    of_p0 = [point for point in points if point.picture == "p0.png"]
    kodak = [replace(point, picture=name) for name in KODAK_PICTURES for point in of_p0]
    text = Page(report(kodak, sweep_folder, tmp_path, anchors=True)[0]).text
    assert "24 Kodak pictures" in text
    assert "Caution" not in text
    assert "Thin grey" not in report(points, sweep_folder, tmp_path)[0]


def test_many_points_are_left_to_the_csv(points: list[RatePoint], sweep_folder: Path, tmp_path: Path) -> None:
    copies = MOST_POINTS // len(points) + 1
    many = [replace(point, picture=f"{i}-{point.picture}") for i in range(copies) for point in points]
    html, _ = report(many, sweep_folder, tmp_path)
    assert "<details" not in html
    assert f"The {len(many):,} single measurements are in the CSV" in html


def test_the_report_can_be_made_again(
    sweep_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    csv, pictures = sweep_folder / "points.csv", sweep_folder / "pictures"
    assert main(["report", str(csv), str(pictures), "--out", str(tmp_path / "out")]) == 0
    assert capsys.readouterr().out.splitlines()[0] == str(tmp_path / "out" / "report.html")
    assert (tmp_path / "out" / "report.md").is_file()


def test_what_cannot_be_reported_is_one_line_and_exit_code_2(
    sweep_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("x")
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    (tmp_path / "empty.csv").write_text(header())
    good, pictures = str(sweep_folder / "points.csv"), str(sweep_folder / "pictures")
    for arguments, reason in [
        ([str(tmp_path / "absent.csv"), pictures], "No such file"),
        ([str(tmp_path / "other.csv"), pictures], "not a table of points"),
        ([str(tmp_path / "empty.csv"), pictures], "it is empty"),
        ([good, pictures, "--out", str(tmp_path / "file")], "not a folder"),
    ]:
        assert main(["report", *arguments]) == 2
        captured = capsys.readouterr()
        assert captured.err.count("\n") == 1
        assert reason in captured.err
