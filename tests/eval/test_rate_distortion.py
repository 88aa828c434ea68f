"""The sweep: points that are right, files that go on where they stopped, faults that stay where they are."""

from __future__ import annotations

import dataclasses
import math
import multiprocessing
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import sweep_codecs
from codec_data import REPOSITORY
from PIL import Image

from codec_eval import metrics, registry
from codec_eval.averages import average_points
from codec_eval.points import RatePoint, read_points
from codec_eval.rate_distortion import SweepSummary, measure_point, picture_paths, sweep
from codec_eval.sweep_record import PointStream, read_settings
from codec_eval.workers import on_executor, on_processes

pytestmark = pytest.mark.filterwarnings("ignore:Numba is not installed")

WORKING = "sweep_codecs:working"


def picture(height: int, width: int, seed: int = 0) -> np.ndarray:
    """Waves and noise, RGB."""
    rows, columns = np.mgrid[:height, :width]
    wave = 128 + 60 * np.sin(rows / 5) + 40 * np.cos(columns / 7)
    noise = np.random.default_rng(seed).normal(0, 10, (height, width, 3))
    return np.clip(wave[..., np.newaxis] + noise, 0, 255).astype(np.uint8)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three pictures, the second one grey."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    for seed, name in enumerate(("a.png", "b.png", "c.bmp")):
        pixels = picture(24, 20, seed)
        Image.fromarray(pixels if name != "b.png" else pixels[..., 1]).save(folder / name)
    (folder / "notes.txt").write_text("no picture")
    return folder


@pytest.fixture
def marks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], int]:
    """How many calls of a kind the codecs have marked."""
    (tmp_path / "marks").mkdir()
    monkeypatch.setenv("SWEEP_MARKS", str(tmp_path / "marks"))
    return lambda what: len(sweep_codecs.marks(what))


def quick_sweep(
    folder: Path, codecs: Sequence[str] = (WORKING,), qualities: Sequence[int] | None = (2, 4, 6)
) -> SweepSummary:
    """A sweep on a thread of this process, into ``out`` beside the folder."""
    with ThreadPoolExecutor(1) as executor:
        return sweep(folder, codecs, qualities, folder.parent / "out" / "points.csv", executor=executor)


def without_times(points: Sequence[RatePoint]) -> list[RatePoint]:
    """The points but for what differs from run to run."""
    return [dataclasses.replace(point, encode_seconds=None, decode_seconds=None) for point in points]


# One point


def test_a_point_holds_what_the_metrics_say(folder: Path) -> None:
    path = folder / "large.png"
    image = picture(170, 165)
    Image.fromarray(image).save(path)
    point = measure_point(path, "jpeg-pillow", 40)
    codec = registry.make_codec("jpeg-pillow")
    data = codec.encode(image, 40)
    decoded = codec.decode(data)
    assert point.key == ("large.png", "jpeg-pillow", 40)
    assert (point.width, point.height, point.channels, point.n_bytes) == (165, 170, 3, len(data))
    assert point.bpp == 8 * len(data) / (165 * 170)
    assert point.mse == metrics.mse(image, decoded)
    for name, function in (("psnr", metrics.psnr), ("psnr_y", metrics.psnr_luma), ("ssim", metrics.ssim)):
        assert getattr(point, name) == pytest.approx(function(image, decoded, data_range=255), abs=1e-9)
    assert point.ms_ssim == pytest.approx(metrics.ms_ssim(image, decoded, data_range=255), abs=1e-9)
    assert point.encode_seconds is not None
    assert point.encode_seconds > 0
    assert point.error == ""


def test_a_codec_that_loses_nothing(folder: Path) -> None:
    point = measure_point(folder / "a.png", WORKING, 8)
    assert (point.mse, point.psnr, point.ssim) == (0, math.inf, pytest.approx(1))


@pytest.mark.parametrize(
    ("height", "width", "has_ssim", "has_ms_ssim"),
    [(1, 1, False, False), (10, 200, False, False), (11, 11, True, False), (160, 200, True, False)]
    + [(161, 161, True, True)],
)
def test_pictures_too_small_for_a_measure_lack_it(
    tmp_path: Path, height: int, width: int, has_ssim: bool, has_ms_ssim: bool
) -> None:
    path = tmp_path / "small.png"
    Image.fromarray(picture(height, width)).save(path)
    point = measure_point(path, WORKING, 4)
    assert point.error == ""
    assert (point.ssim is not None, point.ms_ssim is not None) == (has_ssim, has_ms_ssim)
    assert point.psnr is not None


@pytest.mark.parametrize(
    ("codec", "message"),
    [
        ("raising", "RuntimeError: too fine for me"),
        ("wrong_shape", "ValueError: decode returned shape (23, 20, 3), not (24, 20, 3)"),
        ("wrong_type", "TypeError: decode returned float64, not an array of uint8"),
        ("not_bytes", "TypeError: encode returned str, not bytes"),
        ("absent", "ValueError: "),
    ],
)
def test_a_codecs_fault_is_in_the_point(folder: Path, codec: str, message: str) -> None:
    point = measure_point(folder / "a.png", f"sweep_codecs:{codec}", 6)
    assert point.error.startswith(message)
    assert "\n" not in point.error
    assert (point.width, point.n_bytes, point.psnr) == (20, None, None)


def test_a_pictures_fault_is_in_the_point(folder: Path) -> None:
    (folder / "torn.png").write_bytes((folder / "a.png").read_bytes()[:300])
    for name in ("torn.png", "absent.png", "notes.txt"):
        point = measure_point(folder / name, WORKING, 6)
        assert str(folder / name) in point.error
        assert (point.width, point.height, point.channels, point.bpp) == (0, 0, 0, None)


def test_a_codec_that_changes_its_argument_fools_nobody(folder: Path) -> None:
    honest = measure_point(folder / "a.png", WORKING, 4)
    point = measure_point(folder / "a.png", "sweep_codecs:scribbling", 4)
    assert (point.mse, point.n_bytes) == (honest.mse, honest.n_bytes)


# The sweep


def test_the_file_holds_all_points_in_a_fixed_order(folder: Path) -> None:
    codecs = [WORKING, "jpeg-pillow"]
    summary = quick_sweep(folder, codecs, (6, 2, 4, 2))
    assert [point.key for point in summary.points] == [
        (name, codec, quality)
        for name in ("a.png", "b.png", "c.bmp")
        for codec in codecs
        for quality in (2, 4, 6)
    ]
    assert list(read_points(folder.parent / "out" / "points.csv")) == summary.points
    assert (summary.measured, summary.reused, summary.failed) == (18, 0, 0)
    assert sorted(os.listdir(folder.parent / "out")) == ["points.csv", "settings.json"]


def test_processes_give_the_same_points_as_a_thread(folder: Path) -> None:
    here = quick_sweep(folder, [WORKING, "jpeg-pillow"])
    there = sweep(folder, [WORKING, "jpeg-pillow"], (2, 4, 6), folder.parent / "there" / "points.csv", jobs=2)
    assert without_times(there.points) == without_times(here.points)
    assert multiprocessing.active_children() == []


def test_without_qualities_each_codec_has_its_own(folder: Path) -> None:
    summary = quick_sweep(folder, [WORKING, "jpeg-pillow"], None)
    for codec in (WORKING, "jpeg-pillow"):
        expected = registry.default_qualities(registry.make_codec(codec))
        assert [p.quality for p in summary.points if (p.picture, p.codec) == ("a.png", codec)] == expected


def test_each_point_is_in_the_file_at_once(folder: Path) -> None:
    """The next point is not started before the one before is a whole line on disk."""
    csv = folder.parent / "out" / "points.csv"
    lengths: list[int] = []

    class OneByOne(Executor):
        def submit(self, function, /, *args, **kwargs):  # type: ignore[no-untyped-def]
            lengths.append(csv.read_bytes().count(b"\n"))
            future: Future[RatePoint] = Future()
            future.set_result(function(*args, **kwargs))
            return future

    tasks = [(str(folder / "a.png"), WORKING, quality) for quality in (1, 2, 3)]
    csv.parent.mkdir()
    with PointStream(csv, []) as stream:
        for _, point in on_executor(measure_point, tasks, OneByOne(), most_at_once=1):
            assert isinstance(point, RatePoint)
            stream.append(point)
    assert lengths == [1, 2, 3]
    assert csv.read_bytes().count(b"\n") == 4


def test_a_stopped_sweep_goes_on(folder: Path, marks: Callable[[str], int]) -> None:
    whole = quick_sweep(folder)
    csv = folder.parent / "out" / "points.csv"
    lines = csv.read_bytes().splitlines(keepends=True)
    csv.write_bytes(b"".join([lines[0], *lines[4:7], lines[2], lines[8][:17]]))
    before = marks("encode")
    summary = quick_sweep(folder)
    assert (summary.measured, summary.reused) == (5, 4)
    assert marks("encode") - before == 5
    assert without_times(summary.points) == without_times(whole.points)
    assert list(read_points(csv)) == summary.points
    again = quick_sweep(folder)
    assert (again.measured, again.reused, marks("encode") - before) == (0, 9, 5)
    assert again.points == summary.points


def test_failed_points_are_tried_again(folder: Path, marks: Callable[[str], int]) -> None:
    sweep_codecs.mark("broken")
    broken = quick_sweep(folder, ["sweep_codecs:fragile", WORKING])
    assert broken.failed == 9
    assert sum(bool(p.error) for p in read_points(folder.parent / "out" / "points.csv")) == 9
    sweep_codecs.marks("broken")[0].unlink()
    mended = quick_sweep(folder, ["sweep_codecs:fragile", WORKING])
    assert (mended.measured, mended.reused, mended.failed) == (9, 9, 0)


def test_faults_are_told_once_and_cost_nothing_but_their_points(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "torn.png").write_bytes((folder / "a.png").read_bytes()[:300])
    codecs = [WORKING, "sweep_codecs:raising", "sweep_codecs:leaving"]
    summary = quick_sweep(folder, codecs)
    failed = [point for point in summary.points if point.error]
    assert {(p.codec, p.quality) for p in failed if p.picture == "torn.png"} == {
        (codec, quality) for codec in codecs for quality in (2, 4, 6)
    }
    others = {(p.codec, p.quality) for p in failed if p.picture != "torn.png"}
    assert others == {("sweep_codecs:raising", 6)} | {("sweep_codecs:leaving", q) for q in (2, 4, 6)}
    assert summary.failed == len(failed) == 9 + 3 + 9
    assert any(p.error == "SystemExit: enough" for p in failed)
    lines = [line for line in capsys.readouterr().err.splitlines() if "failed" in line]
    assert len(lines) == 3
    assert sum("torn.png: " in line for line in lines) == 1
    # Of a codec that fails for several pictures the first is named, and workers finish in any order.
    wanted = r"sweep_codecs:raising, (a\.png|b\.png|c\.bmp), quality 6: RuntimeError: too fine for me"
    assert any(re.search(wanted, line) for line in lines)
    assert [a.pictures for a in average_points(summary.points)] == [3] * 5  # raising has two qualities left


def test_small_pictures_are_told_once(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    quick_sweep(folder)
    lines = capsys.readouterr().err.splitlines()
    assert lines == ["codec-eval: no MS-SSIM: a.png, b.png, c.bmp (sides under 161): left empty"]


def test_a_sweep_may_grow(folder: Path) -> None:
    quick_sweep(folder)
    Image.fromarray(picture(30, 30)).save(folder / "d.png")
    summary = quick_sweep(folder, ["jpeg-pillow", WORKING], (2, 4, 5, 6))
    assert (summary.reused, summary.measured) == (9, 4 * 4 * 2 - 9)
    assert set(read_settings(folder.parent / "out").codecs) == {"jpeg-pillow", WORKING}


def test_a_file_of_another_sweep_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    csv = folder.parent / "out" / "points.csv"
    quick_sweep(folder, [WORKING, "jpeg-pillow"])
    before = csv.read_bytes()
    with pytest.raises(
        ValueError, match=r"not asked for now, such as a\.png through jpeg-pillow at quality 2"
    ):
        quick_sweep(folder)
    with pytest.raises(ValueError, match="not asked for now"):
        quick_sweep(folder, [WORKING, "jpeg-pillow"], (2, 4))
    with monkeypatch.context() as patch:
        patch.setattr(sweep_codecs.Bits, "description", "bits of samples, version 2")
        with pytest.raises(
            ValueError, match=r"another codec sweep_codecs:working \(bits of samples, zlib; now .* 2\)"
        ):
            quick_sweep(folder, [WORKING, "jpeg-pillow"])
    shutil.copy(folder / "a.png", folder / "b.png")
    with pytest.raises(ValueError, match=r"another picture b\.png"):
        quick_sweep(folder, [WORKING, "jpeg-pillow"])
    (csv.parent / "settings.json").unlink()
    with pytest.raises(ValueError, match=r"no settings\.json"):
        quick_sweep(folder, [WORKING, "jpeg-pillow"])
    (csv.parent / "settings.json").write_text("[]")
    with pytest.raises(ValueError, match="not the settings of a sweep"):
        quick_sweep(folder, [WORKING, "jpeg-pillow"])
    assert csv.read_bytes() == before


def test_what_failed_binds_nobody(folder: Path) -> None:
    """A codec that never worked can be left out, and a torn picture replaced."""
    (folder / "a.png").write_bytes(b"torn")
    quick_sweep(folder, [WORKING, "sweep_codecs:not_bytes"])
    Image.fromarray(picture(24, 20)).save(folder / "a.png")
    summary = quick_sweep(folder)
    assert (summary.reused, summary.measured, summary.failed) == (6, 3, 0)


def test_a_file_that_is_no_table_is_left_alone(folder: Path) -> None:
    csv = folder.parent / "out" / "points.csv"
    csv.parent.mkdir()
    csv.write_text("my thesis\n")
    with pytest.raises(ValueError, match="not a table of points"):
        quick_sweep(folder)
    assert csv.read_text() == "my thesis\n"


# What cannot be swept


def test_wrong_arguments(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out" / "points.csv"
    for codecs, qualities, jobs, message in [
        (["no-such"], None, 1, "no-such"),
        ([], None, 1, "no codecs"),
        ([WORKING], [], 1, "no qualities"),
        ([WORKING], [9], 1, "quality is 9: bits takes 1 to 8"),
        ([WORKING], None, 0, "jobs is 0"),
    ]:
        with pytest.raises(ValueError, match=message):
            sweep(folder, codecs, qualities, out, jobs=jobs)
    assert not out.parent.exists()


def test_folders_without_pictures(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no picture")
    (tmp_path / ".hidden.png").write_text("no picture")
    (tmp_path / "folder.png").mkdir()
    with pytest.raises(ValueError, match="no pictures in this folder"):
        picture_paths(tmp_path)
    for path in (tmp_path / "absent", tmp_path / "notes.txt"):
        with pytest.raises(OSError, match=path.name):
            picture_paths(path)


def test_a_full_disk_stops_the_sweep_and_its_processes(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    append = PointStream.append

    def append_two(self: PointStream, point: RatePoint) -> None:
        append(self, point)
        if self._path.read_bytes().count(b"\n") == 3:
            raise OSError(28, "No space left on device", str(self._path))

    csv = folder.parent / "out" / "points.csv"
    with monkeypatch.context() as patch:
        patch.setattr(PointStream, "append", append_two)
        with pytest.raises(OSError, match="No space left"):
            sweep(folder, [WORKING], (2, 4, 6), csv, jobs=2)
    assert multiprocessing.active_children() == []
    assert len(list(read_points(csv))) == 2
    assert quick_sweep(folder).reused == 2


# Processes that die


def test_a_process_that_dies_once_costs_no_point(folder: Path, marks: Callable[[str], int]) -> None:
    out = folder.parent / "out" / "points.csv"
    summary = sweep(folder, ["sweep_codecs:dying_once"], (2, 3, 4), out, jobs=2)
    assert (marks("died"), summary.failed, len(summary.points)) == (1, 0, 9)


def test_a_codec_that_kills_its_process_costs_its_points_only(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "b.png").unlink()
    summary = sweep(folder, ["sweep_codecs:dying"], (2, 3), folder.parent / "out" / "points.csv", jobs=2)
    assert [bool(point.error) for point in summary.points] == [False, True, False, True]
    assert "the process died" in summary.points[1].error
    assert "sweep_codecs:dying, a.png, quality 3: ChildProcessError" in capsys.readouterr().err


def test_a_process_computes_with_one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    names = ["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"]
    outcomes = dict(on_processes(os.getenv, [(name,) for name in names], 1, os.getpid))
    assert outcomes == {(name,): "1" for name in names}
    assert os.environ["OMP_NUM_THREADS"] == "7"
    assert os.environ.get("OPENBLAS_NUM_THREADS") != "1"


def test_a_process_leaves_ctrl_c_to_its_parent() -> None:
    [(_, handler)] = on_processes(signal.getsignal, [(signal.SIGINT,)], 1, os.getpid)
    assert handler == signal.SIG_IGN


def test_who_stops_waits_for_no_task() -> None:
    outcomes = on_processes(time.sleep, [(0,), (600,), (600,)], 2, os.getpid)
    assert next(outcomes)[0] == (0,)
    start = time.monotonic()
    outcomes.close()
    assert time.monotonic() - start < 60
    assert multiprocessing.active_children() == []


def test_a_preparation_that_kills_its_process_is_not_repeated() -> None:
    assert list(on_processes(abs, [(-1,)], 1, partial(os._exit, 3))) == [((-1,), 1)]


def test_a_script_without_a_guard_is_told_so(folder: Path, tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "from codec_eval.rate_distortion import sweep\n"
        f"sweep({str(folder)!r}, ['jpeg-pillow'], [50], {str(tmp_path / 'out.csv')!r}, jobs=1)\n"
    )
    done = subprocess.run(
        [sys.executable, script],
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert "ChildProcessError: worker processes die at once" in done.stderr.splitlines()[-1]


def test_an_executor_that_drops_its_tasks() -> None:
    class Gone(Executor):
        def submit(self, function, /, *args, **kwargs):  # type: ignore[no-untyped-def]
            future: Future[int] = Future()
            future.cancel()
            future.set_running_or_notify_cancel()
            return future

    with pytest.raises(ConnectionError, match="went away"):
        list(on_executor(abs, [(1,)], Gone()))
