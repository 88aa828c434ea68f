"""The CSV of points: what is written is read, and what is no point is refused."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from codec_eval.points import COLUMNS, RatePoint, encode_row, format_row, header, read_points, write_points
from codec_eval.sweep_record import PointStream

WHOLE = RatePoint("a.png", "jpeg", 50, 768, 512, 3, 1000, 0.02, 1 / 3, 52.9, 53.1, 0.99, 0.999, 0.01, 0.002)
FAILED = RatePoint("b.png", "m:codec", 5, 0, 0, 0, error='ValueError: "quoted", with a comma')
LOSSLESS = RatePoint("c.png", "png", 1, 8, 8, 1, 70, 8.75, 0.0, math.inf, math.inf, None, None, 0.0, 0.0)


def test_points_come_back_exactly(tmp_path: Path) -> None:
    path = tmp_path / "points.csv"
    write_points(path, [WHOLE, FAILED, LOSSLESS])
    assert list(read_points(path)) == [WHOLE, FAILED, LOSSLESS]
    lines = path.read_text().splitlines()
    assert lines[0].split(",") == list(COLUMNS)
    assert lines[2].startswith("b.png,m:codec,5,0,0,0,,,,,,,,,,")  # a missing value is an empty cell


@pytest.mark.parametrize("name", ["ü 写真.png", "a,b.png", 'a"b.png', "a\nb.png", "a\r\nb.png", "\udcff.png"])
def test_names_of_any_characters(tmp_path: Path, name: str) -> None:
    path = tmp_path / "points.csv"
    point = RatePoint(name, "jpeg", 1, 2, 3, 1)
    write_points(path, [point])
    assert list(read_points(path)) == [point]


def test_a_line_that_was_cut_off_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "points.csv"
    line = encode_row(WHOLE)
    for length in range(len(line)):
        path.write_bytes(header().encode() + encode_row(LOSSLESS) + line[:length])
        assert list(read_points(path)) == [LOSSLESS]


def test_a_line_is_added_to_a_mended_file(tmp_path: Path) -> None:
    path = tmp_path / "points.csv"
    path.write_bytes(header().encode() + encode_row(WHOLE) + encode_row(FAILED)[:9])
    with PointStream(path, list(read_points(path))) as stream:
        stream.append(FAILED)
    assert list(read_points(path)) == [WHOLE, FAILED]


def test_no_points_yet(tmp_path: Path) -> None:
    path = tmp_path / "points.csv"
    write_points(path, [])
    assert list(read_points(path)) == []


@pytest.mark.parametrize("text", ["", "a,b\n1,2\n", header().replace("bpp", "rate")])
def test_another_table(tmp_path: Path, text: str) -> None:
    path = tmp_path / "points.csv"
    path.write_text(text)
    with pytest.raises(ValueError, match="not a table of points"):
        list(read_points(path))


@pytest.mark.parametrize("line", ["a.png,jpeg,5\n", format_row(WHOLE).replace(",50,", ",fifty,")])
def test_a_line_that_is_no_point(tmp_path: Path, line: str) -> None:
    path = tmp_path / "points.csv"
    path.write_text(header() + format_row(WHOLE) + line)
    with pytest.raises(ValueError, match=r"line 3: not a point"):
        list(read_points(path))
