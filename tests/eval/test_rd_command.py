"""`codec-eval rd`, end to end: what it prints and writes, how it is stopped and goes on, how it says no."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from codec_data import REPOSITORY
from PIL import Image

from codec_eval import workers
from codec_eval.cli import main
from codec_eval.points import read_points

pytestmark = pytest.mark.filterwarnings("ignore:Numba is not installed")

SLOW = "sweep_codecs:slow"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two pictures that are large enough for every measure."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    rows, columns = np.mgrid[:168, :176]
    for seed, name in enumerate(("a.png", "b.png")):
        wave = 128 + 60 * np.sin(rows / 5) + 40 * np.cos(columns / (7 + seed))
        noise = np.random.default_rng(seed).normal(0, 10, (168, 176, 3))
        pixels = np.clip(wave[..., np.newaxis] + noise, 0, 255).astype(np.uint8)
        Image.fromarray(pixels).save(folder / name)
    return folder


def run(*arguments: object) -> int:
    """Run the command in this process and return its exit code."""
    try:
        return main(["rd", *map(str, arguments)])
    except SystemExit as error:
        return int(error.code or 0)


def error_line(capsys: pytest.CaptureFixture[str]) -> str:
    """Standard error, which must be one line, with nothing on standard output."""
    output, error = capsys.readouterr()
    assert output == ""
    assert error.count("\n") == 1
    assert error.startswith("codec-eval: error: ")
    return error


def start(folder: Path, marks: Path, out: Path, **options: object) -> subprocess.Popen[str]:
    """Start a slow sweep as a process of its own."""
    marks.mkdir(exist_ok=True)
    path = os.pathsep.join([str(REPOSITORY), str(Path(__file__).parent)])
    command = [
        sys.executable,
        "-m",
        "codec_eval",
        "rd",
        folder,
        "--codecs",
        SLOW,
        "--out",
        out,
        "--jobs",
        "2",
    ]
    return subprocess.Popen(
        [*map(str, command), "--qualities", "1,2,3,4,5,6,7,8"],
        env={**os.environ, "PYTHONPATH": path, "SWEEP_MARKS": str(marks)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        start_new_session=True,
    )


def wait_for_lines(path: Path, lines: int) -> None:
    """Wait until a file has so many."""
    deadline = time.monotonic() + 60
    while not path.exists() or path.read_bytes().count(b"\n") < lines:
        assert time.monotonic() < deadline, f"{path} has no {lines} lines"
        time.sleep(0.01)


def processes_of(marks: Path) -> set[int]:
    """The worker processes that have left marks."""
    return {int(path.name.split("-")[1]) for path in marks.iterdir()}


def wait_until_gone(processes: set[int]) -> None:
    """Wait until these processes have ended."""
    deadline = time.monotonic() + 30
    while any(Path(f"/proc/{process}").exists() for process in processes):
        assert time.monotonic() < deadline, f"still there: {processes}"
        time.sleep(0.05)


def test_a_report_of_two_pictures(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "report"
    codecs = "jpeg-pillow,jpeg-pillow-optimised,webp"
    assert run(folder, "--codecs", codecs, "--qualities", "20,50,80", "--out", out, "--jobs", "1") == 0
    output = capsys.readouterr().out
    assert "2 pictures, 3 codecs, 18 points: 18 measured" in output
    assert "0 failed" in output
    for label in ("PSNR", "MS-SSIM"):
        assert f"BD-rate against jpeg-pillow at equal {label}" in output
    [line] = re.findall(r"jpeg-pillow-optimised +(-\d+\.\d) %  .*", output.split("MS-SSIM")[0])
    assert -30 < float(line) < 0
    assert re.search(r"to \d+\.\d dB, 3 points of jpeg-pillow and 3 of jpeg-pillow-optimised inside", output)
    assert len(list(read_points(out / "points.csv"))) == 18
    assert (out / "report.html").is_file()
    assert "webp" in (out / "report.html").read_text("utf-8")


def test_curves_that_do_not_overlap_have_no_bd_rate(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    codecs = "jpeg-pillow,sweep_codecs:working"
    assert (
        run(folder, "--codecs", codecs, "--qualities", "7,8", "--out", tmp_path / "report", "--jobs", "1")
        == 0
    )
    output = capsys.readouterr().out
    assert re.search(r"sweep_codecs:working +– +(curve b has 1 different|the curves do not overlap)", output)


def test_what_failed_is_told_and_the_rest_reported(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "torn.png").write_bytes((folder / "a.png").read_bytes()[:2000])
    arguments = ["--codecs", "sweep_codecs:raising,jpeg-pillow", "--qualities", "2,4,6"]
    assert run(folder, *arguments, "--out", tmp_path / "report", "--jobs", "1") == 0
    captured = capsys.readouterr()
    assert "3 pictures, 2 codecs, 18 points: 18 measured" in captured.out
    assert "8 failed" in captured.out
    assert "Averages are over the 2 that every codec finished" in captured.out
    assert captured.err.count("torn.png") == 2  # once as the picture, once in its path
    assert "too fine for me" in captured.err


def test_when_everything_failed_there_is_no_report(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "report"
    assert run(folder, "--codecs", "sweep_codecs:not_bytes", "--out", out, "--jobs", "1") == 2
    assert "no point could be measured" in capsys.readouterr().err
    assert sorted(os.listdir(out)) == ["points.csv", "settings.json"]


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks for processes in /proc")
def test_a_sweep_that_is_killed_and_one_that_is_interrupted_go_on(folder: Path, tmp_path: Path) -> None:
    marks, out = tmp_path / "marks", tmp_path / "report"
    csv = out / "points.csv"
    killed = start(folder, marks, out)
    wait_for_lines(csv, 4)
    killed.kill()
    killed.communicate(timeout=60)
    wait_until_gone(processes_of(marks))  # the workers leave with their parent
    first = {point.key: point for point in read_points(csv)}
    assert 3 <= len(first) < 16

    interrupted = start(folder, marks, out)
    wait_for_lines(csv, len(first) + 4)
    os.killpg(interrupted.pid, signal.SIGINT)  # as a terminal does it: to all of the group
    _, error = interrupted.communicate(timeout=60)
    wait_until_gone(processes_of(marks))
    assert interrupted.returncode == 130
    assert error.splitlines() == [
        f"codec-eval: what is measured is kept in {csv}; the same command goes on from there",
        "codec-eval: interrupted",
    ]
    second = {point.key: point for point in read_points(csv)}
    assert len(first) + 3 <= len(second) < 16

    for path in marks.iterdir():
        path.unlink()
    finished = start(folder, marks, out)
    output, error = finished.communicate(timeout=60)
    assert f"16 points: {16 - len(second)} measured" in output, error
    # A point is one encoding. To these come the preparation, 2 × 2, and the warm-up of the second process;
    # the encodings of the parent process are those of the report.
    by_workers = [path for path in marks.iterdir() if int(path.name.split("-")[1]) != finished.pid]
    assert len(by_workers) <= 16 - len(second) + 5
    last = {point.key: point for point in read_points(csv)}
    assert len(last) == 16
    assert all(last[key] == point for key, point in (first | second).items())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--codecs", "no-such"], "no-such"),
        (["--codecs", ","], "a name is needed"),
        (["--qualities", "5,high"], "whole numbers"),
        (["--qualities", "0"], "quality is 0"),
        (["--jobs", "0"], "jobs is 0"),
        (["--jobs", "1", "--dask", "tcp://127.0.0.1:1"], "not allowed with"),
    ],
)
def test_wrong_arguments(
    folder: Path, tmp_path: Path, arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(folder, *arguments, "--out", tmp_path / "report") == 2
    assert message in error_line(capsys)
    assert not (tmp_path / "report").exists()


def test_a_folder_without_pictures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for folder, reason in [(tmp_path, "no pictures"), (tmp_path / "absent", "No such file")]:
        assert run(folder, "--out", tmp_path / "report") == 2
        assert reason in error_line(capsys)


def test_an_output_that_cannot_be_written(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for out in (folder / "a.png", folder / "a.png" / "below"):
        assert run(folder, "--codecs", "jpeg-pillow", "--out", out, "--jobs", "1") == 2
        assert str(folder / "a.png") in error_line(capsys)


@pytest.mark.cluster
def test_a_scheduler_that_is_not_there(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(workers, "_DASK_TIMEOUT", 1)
    assert run(folder, "--dask", "tcp://127.0.0.1:1", "--out", tmp_path / "report") == 2
    assert "127.0.0.1:1" in capsys.readouterr().err.splitlines()[-1]


def test_without_the_package_distributed_dask_says_so(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    assert run(folder, "--dask", "tcp://127.0.0.1:1", "--out", tmp_path / "report") == 2
    assert "pip install" in error_line(capsys)
