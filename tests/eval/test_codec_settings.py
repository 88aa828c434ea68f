"""``NAME@Q``, further codecs of `codec-eval compare`, and qualities for single codecs of `codec-eval rd`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from codec_eval import make_codec
from codec_eval.cli import main
from codec_eval.commands import match, rd
from codec_eval.commands.settings import file_part, parse_settings, settled_quality
from codec_eval.rate_control import Target, match_quality

pytestmark = pytest.mark.filterwarnings("ignore:Numba is not installed")

PICTURE = np.random.default_rng(3).integers(0, 256, (20, 30, 3)).astype(np.uint8)


class Few:
    """A codec of four qualities with gaps between; a file of quality q has 10 q bytes."""

    name, description, suffix, quality_range = "few", "a test's", ".few", (2, 9)
    qualities = (2, 3, 7, 9)

    def encode(self, image: np.ndarray, quality: int) -> bytes:
        assert quality in self.qualities
        return bytes([quality]) * (10 * quality)

    def decode(self, data: bytes) -> np.ndarray:
        return (PICTURE // data[0] * data[0]).astype(np.uint8)


def test_a_number_behind_the_last_at_is_the_quality() -> None:
    assert parse_settings("jpeg-ours@75, webp,,a:b@c,a:b@c@-3") == [
        ("jpeg-ours", 75),
        ("webp", None),
        ("a:b@c", None),
        ("a:b@c", -3),
    ]
    assert parse_settings("jpeg-ours@half") == [("jpeg-ours@half", None)]
    assert parse_settings("") == []


def test_the_quality_is_the_codecs_own_then_that_for_all_then_75_then_the_middle() -> None:
    jpeg, few = make_codec("jpeg-pillow"), Few()
    assert settled_quality(jpeg, 20, 30) == 20
    assert settled_quality(jpeg, None, 30) == 30
    assert settled_quality(jpeg, None, None) == 75
    assert settled_quality(few, None, None) == 3
    with pytest.raises(ValueError, match="quality is 8: few takes 2, 3, 7, 9"):
        settled_quality(few, 8, 9)
    with pytest.raises(ValueError, match="quality is 0: few takes"):
        settled_quality(few, None, 0)


def test_a_codecs_name_in_a_files_name() -> None:
    assert file_part("jpeg-ours_1.x") == "jpeg-ours_1.x"
    assert file_part("a:b/c d") == "a_b_c_d"


@pytest.mark.parametrize(
    ("value", "either_side", "quality", "reached"),
    [(70, False, 7, True), (69, False, 3, True), (69, True, 7, True), (31, True, 3, True)]
    + [(5, False, 2, False), (99, True, 9, False)],
)
def test_rate_control_stays_on_the_qualities_that_there_are(
    value: int, either_side: bool, quality: int, reached: bool
) -> None:
    found = match_quality(Few(), PICTURE, Target("bytes", value, either_side))
    assert (found.trial.quality, found.reached) == (quality, reached)
    assert set(found.tried) <= set(Few.qualities)
    line = match._remark(found)
    assert line == (
        "the nearest of 4 qualities only" if reached else "out of reach: the nearest of qualities 2 to 9"
    )


def test_a_psnr_may_be_missed_on_either_side_where_that_is_allowed() -> None:
    jpeg = make_codec("jpeg-pillow")
    reached = match_quality(jpeg, PICTURE, Target("psnr", 11)).trial.psnr
    just_above = Target("psnr", reached + 0.001)
    assert match_quality(jpeg, PICTURE, just_above).trial.psnr > just_above.value
    nearest = Target("psnr", just_above.value, either_side=True)
    assert match_quality(jpeg, PICTURE, nearest).trial.psnr == reached


# --- codec-eval compare --codec ---------------------------------------------------------------------


def run(*arguments: object) -> int:
    """Run a command in this process and return its exit code."""
    try:
        return main([*map(str, arguments)])
    except SystemExit as error:
        return int(error.code or 0)


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """A colour picture in a PNG file."""
    Image.fromarray(PICTURE).save(tmp_path / "photo.png")
    return tmp_path / "photo.png"


def test_compare_with_further_codecs_tells_their_qualities(
    photo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    further = "webp@40,jpeg-ours@20,factorized-prior"
    assert run("compare", photo, "--quality", 60, "--codec", further, "--out", out) == 0
    output = capsys.readouterr().out
    lines = output.splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith("─"))
    assert lines[start - 1].split()[:3] == ["codec", "quality", "bytes"]
    rows = [line.split()[:3] for line in lines[start + 1 : lines.index("", start)]]
    *jpegs, webp, again, network = [(name, int(quality)) for name, quality, _ in rows]
    assert {quality for _, quality in jpegs} == {60}
    assert (webp, again, network[0]) == (("webp", 40), ("jpeg-ours", 20), "factorized-prior")
    for name, quality, n_bytes in rows:
        codec = make_codec(name)
        data = (out / f"photo-q{quality}-{name}{codec.suffix}").read_bytes()
        assert len(data) == int(n_bytes.replace(",", ""))
        assert data == codec.encode(PICTURE, int(quality))
    assert len(os.listdir(out)) == 8  # seven files and the figure
    assert "Our bytes are identical to Pillow's" in output  # of equal quality


def test_compare_refuses_a_further_codec_before_anything_is_made(
    photo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for codec, message in (("webp@101", "webp takes 0 to 100"), ("jpeg-xl", "no codec is called 'jpeg-xl'")):
        assert run("compare", photo, "--codec", codec, "--out", tmp_path / "out") == 2
        assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


# --- codec-eval rd --qualities ----------------------------------------------------------------------


def test_qualities_for_one_codec_go_before_those_for_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, photo: Path
) -> None:
    asked: list[Any] = []

    def stop(_folder: Path, _codecs: list[str], qualities: Any, *_: object, **__: object) -> None:
        asked.append(qualities)
        raise ValueError("far enough")

    monkeypatch.setattr(rd, "sweep", stop)
    command = ["rd", photo.parent, "--codecs", "webp,a:b", "--out", tmp_path / "report"]
    assert run(*command) == 2
    assert run(*command, "--qualities", "5,9") == 2
    assert run(*command, "--qualities", "a:b=3,1") == 2
    assert run(*command, "--qualities", "5,9", "--qualities", "webp=7") == 2
    assert asked == [{}, {"webp": [5, 9], "a:b": [5, 9]}, {"a:b": [3, 1]}, {"webp": [7], "a:b": [5, 9]}]


def test_qualities_for_a_codec_that_takes_no_part_are_an_error(
    photo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["rd", photo.parent, "--codecs", "jpeg-pillow", "--out", tmp_path / "report"]
    for qualities, message in (
        ("webp=5", "qualities are given for webp, which is not to be measured"),
        ("jpeg-pillow=5,x", "whole numbers"),
        ("jpeg-pillow=", "a name is needed"),
        ("jpeg-pillow=0", "quality is 0: jpeg-pillow takes 1 to 100"),
    ):
        assert run(*command, "--qualities", qualities) == 2
        assert message in capsys.readouterr().err
