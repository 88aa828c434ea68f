"""The sweep on a Dask cluster: a scheduler and two workers, processes of their own, talking over loopback."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from codec_data import REPOSITORY
from PIL import Image

from codec_eval.points import RatePoint, read_points

pytestmark = pytest.mark.cluster

CODECS = "sweep_codecs:dying_once,sweep_codecs:raising,jpeg-pillow"
QUALITIES = "2,3,4,5"


@dataclasses.dataclass
class Cluster:
    """A running cluster."""

    address: str
    workers: list[subprocess.Popen[bytes]]
    environment: dict[str, str]
    marks: Path


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    """A scheduler and two workers of one thread each, without nannies: a worker that dies stays dead."""
    marks = tmp_path / "marks"
    marks.mkdir()
    path = os.pathsep.join([str(REPOSITORY), str(Path(__file__).parent)])
    environment = {**os.environ, "PYTHONPATH": path, "SWEEP_MARKS": str(marks)}
    address_file = tmp_path / "scheduler.json"
    processes: list[subprocess.Popen[bytes]] = []

    def start(*arguments: str) -> None:
        log = (tmp_path / f"log{len(processes)}").open("wb")
        command = [sys.executable, "-m", "dask", *arguments, "--scheduler-file", str(address_file)]
        processes.append(
            subprocess.Popen(command, env=environment, cwd=tmp_path, stdout=log, stderr=subprocess.STDOUT)
        )
        log.close()

    start("scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard")
    for _ in range(2):
        start("worker", "--nthreads", "1", "--no-nanny", "--no-dashboard", "--host", "127.0.0.1")
    try:
        yield Cluster(wait_for_address(address_file), processes[1:], environment, marks)
    finally:
        for process in processes:
            process.kill()  # asked to terminate, a worker that lost its scheduler may wait for it
        for process in processes:
            process.wait(timeout=30)


def wait_for_address(path: Path) -> str:
    """The address that the scheduler wrote into its file."""
    deadline = time.monotonic() + 60
    while True:
        try:
            return str(json.loads(path.read_text())["address"])
        except (OSError, ValueError):
            assert time.monotonic() < deadline, "the scheduler does not start"
            time.sleep(0.05)


def rd(
    cluster: Cluster, folder: Path, out: Path, *where: str, version: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run ``codec-eval rd`` as a process, with codecs of some version."""
    command = [sys.executable, "-m", "codec_eval", "rd", str(folder), "--codecs", CODECS, *where]
    return subprocess.run(
        [*command, "--qualities", QUALITIES, "--out", str(out)],
        env={**cluster.environment, "SWEEP_VERSION": version},
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=120,
        check=False,
    )


def without_times(path: Path) -> list[RatePoint]:
    """The points of a file, but for what differs from run to run."""
    return [dataclasses.replace(p, encode_seconds=None, decode_seconds=None) for p in read_points(path)]


def test_a_sweep_on_two_workers_of_which_one_dies(cluster: Cluster, tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for seed in range(3):
        pixels = np.random.default_rng(seed).integers(0, 256, (40, 50, 3), np.uint8)
        Image.fromarray(pixels).save(folder / f"{seed}.png")
    first = rd(cluster, folder, tmp_path / "far", "--dask", cluster.address)
    assert first.returncode == 0, first.stderr
    assert first.stderr.count("too fine for me") == 1
    assert "36 points: 36 measured" in first.stdout
    assert "3 failed" in first.stdout  # the codec that raises at quality 5, on three pictures
    assert len(list(cluster.marks.glob("died-*"))) == 1
    assert sorted(worker.poll() is None for worker in cluster.workers) == [False, True]
    assert len({path.name.split("-")[1] for path in cluster.marks.iterdir()}) == 2  # both did work

    # The same points as on processes of this machine, in the same order.
    near = rd(cluster, folder, tmp_path / "near", "--jobs", "1")
    assert near.returncode == 0, near.stderr
    assert without_times(tmp_path / "far" / "points.csv") == without_times(tmp_path / "near" / "points.csv")

    # On what is left of the cluster the sweep goes on, unless its codecs are not those of this machine.
    again = rd(cluster, folder, tmp_path / "far", "--dask", cluster.address)
    assert "3 measured" in again.stdout
    assert "33 taken over" in again.stdout
    other = rd(cluster, folder, tmp_path / "other", "--dask", cluster.address, version=" 2")
    assert other.returncode == 2
    assert "would measure something else" in other.stderr.splitlines()[-1]
