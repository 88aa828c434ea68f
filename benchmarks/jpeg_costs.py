"""What `jpeg_from_scratch` costs beside time at full speed: memory, the first start, each stage's share."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from pathlib import Path
from typing import Any
from unittest import mock

import jpeg_peers as peers
import jpeg_pictures as pictures
import numpy as np
import stage_plot
from _environment import REPOSITORY

import jpeg_from_scratch as jpeg
from jpeg_from_scratch import backend, decoder, encoder

SMALL, LARGE = (64, 64), (4000, 6000)


def large_picture(height: int, width: int) -> pictures.Picture:
    """Return a photograph of any size, made without anything larger than itself."""
    photograph = pictures.photograph()
    rows = np.resize(np.arange(photograph.shape[0]), height)
    picture = np.empty((height, width, 3), np.uint8)
    columns = np.resize(np.arange(photograph.shape[1]), width)
    for i, row in enumerate(rows):
        picture[i] = photograph[row, columns]
    return picture


def memory() -> list[dict[str, Any]]:
    """Print and return the rise of peak memory from 64×64 to 24 megapixels, divided by the pixels.

    Each figure is the difference of two processes. The picture, 3 bytes a pixel, is taken off: it is the
    argument of `encode` and the result of `decode`.
    """
    pixels = LARGE[0] * LARGE[1]
    rows = []
    print(
        f"\nrise of peak memory from {SMALL[1]}×{SMALL[0]} to {LARGE[1]}×{LARGE[0]}; bar: 8 bytes a pixel "
        "beside the picture"
    )
    with tempfile.TemporaryDirectory() as folder:
        for operation, subsampling in product(("encode", "decode"), ("4:2:0", "4:4:4")):
            peaks: dict[int, list[int]] = {1: [], 2: []}
            for height, width in (SMALL, SMALL, LARGE):  # the first run may compile: not counted
                path = str(Path(folder, "in.npy" if operation == "encode" else "in.jpg"))
                picture = large_picture(height, width)
                if operation == "encode":
                    np.save(path, picture)
                else:
                    Path(path).write_bytes(peers.pillow_encode(picture, subsampling=subsampling))
                del picture
                for threads, found in peaks.items():
                    found.append(in_process(operation, subsampling, str(threads), path))
            for threads, (_, small, large) in peaks.items():
                rise = (large - small) / pixels - 3
                rows.append(
                    {
                        "operation": operation,
                        "subsampling": subsampling,
                        "threads": threads,
                        "bytes_per_pixel_beside_picture": rise,
                    }
                )
                print(
                    f"{operation} {subsampling}, threads {threads}: {small / 2**20:6.0f} MiB → "
                    f"{large / 2**20:6.0f} MiB, {rise:5.2f} bytes a pixel beside the picture",
                    flush=True,
                )
    return rows


def in_process(*arguments: str) -> int:
    """Return the peak memory of a process that encodes or decodes once."""
    command = [sys.executable, str(Path(__file__).with_name("_peak.py")), *arguments]
    return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def startup(runs: int) -> dict[str, Any]:
    """Print and return the seconds of the import, and of the command line on a picture of 512×512."""
    results: dict[str, Any] = {"import": import_times(runs)}
    ours, numba = (statistics.median(results["import"][name]) for name in ("jpeg_from_scratch", "numba"))
    print(
        f"\nimport jpeg_from_scratch {ours:.2f} s, import numba {numba:.2f} s: {ours / numba:.2f} of it, "
        "bar 1.3"
    )
    with tempfile.TemporaryDirectory() as folder:
        ppm, jpg = Path(folder, "in.ppm"), Path(folder, "out.jpg")
        ppm.write_bytes(b"P6\n512 512\n255\n" + large_picture(512, 512).tobytes())
        environment = {**os.environ, "NUMBA_CACHE_DIR": str(Path(folder, "cache"))}

        def command(*argv: object) -> tuple[float, str]:
            start = time.perf_counter()
            done = subprocess.run(
                [sys.executable, "-m", "jpeg_from_scratch", *map(str, argv)],
                capture_output=True,
                text=True,
                check=True,
                cwd=REPOSITORY,
                env=environment,
            )
            return time.perf_counter() - start, done.stderr.strip()

        print("the command line, 512×512, seconds; bar for later runs: 1")
        for name, argv in (
            ("encode", ["encode", ppm, jpg]),
            ("decode", ["decode", jpg, Path(folder, "o.ppm")]),
        ):
            first, said = command(*argv)
            later = [command(*argv)[0] for _ in range(runs)]
            results[name] = {"first": first, "later": later, "said": said}
            print(
                f"{name}: first {first:.2f} (said: {said or 'nothing'}), "
                f"later {statistics.median(later):.2f} ({min(later):.2f}–{max(later):.2f})",
                flush=True,
            )
    cold = results["encode"]["first"] + results["decode"]["first"]
    print(f"cold start, both commands one after the other, with an empty cache: {cold:.1f}; bar 20")
    return results


def import_times(runs: int) -> dict[str, list[float]]:
    """Return the seconds that an import takes in processes of its own, by turns."""
    seconds: dict[str, list[float]] = {"jpeg_from_scratch": [], "numba": []}
    for i in range(runs + 1):
        for name, times in seconds.items():
            code = f"import time; t = time.perf_counter(); import {name}; print(time.perf_counter() - t)"
            command = [sys.executable, "-c", code]
            done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=REPOSITORY)
            if i:  # the first reads files from the disk
                times.append(float(done.stdout))
    return seconds


def two_cores() -> float:
    """Return how much faster two threads hash than one: 2 where the machine has two cores for us."""
    block = bytes(1 << 26)

    def seconds(threads: int) -> float:
        start = time.perf_counter()
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(lambda _: hashlib.sha256(block).digest(), range(threads)))
        return time.perf_counter() - start

    return statistics.median(2 * seconds(1) / seconds(2) for _ in range(5))


def copy_speed() -> float:
    """Return how many bytes one thread reads and writes in a second, when it copies 64 MiB."""
    source, target = np.ones(1 << 26, np.uint8), np.ones(1 << 26, np.uint8)
    seconds = []
    for _ in range(15):
        start = time.perf_counter()
        np.copyto(target, source)
        seconds.append(time.perf_counter() - start)
    return 2 * source.size / statistics.median(seconds)


def stages(image: pictures.Picture, runs: int, plot: Path | None = None) -> list[dict[str, Any]]:
    """Print and return the milliseconds of each stage of the fast back end, medians over runs.

    Beside each stands how long one thread would take to move the bytes that the stage reads and writes. After
    the stages as they are follow those that the fast back end has two of in one, taken one by one.
    """
    rows = []
    speed = copy_speed()
    pixels = image.shape[0] * image.shape[1]
    size = f"{image.shape[1]}×{image.shape[0]}"
    print(f"\nstages, {size}, q 75, one thread, milliseconds (medians) and the time to move their bytes,")
    print(f"copied at {speed / 1e9:.1f} GB/s")
    for subsampling in ("4:2:0", "4:4:4"):
        data = jpeg.encode(image, subsampling=subsampling)
        samples = pixels * 3 // (2 if subsampling == "4:2:0" else 1)
        moved = {
            "component_planes": 3 * pixels + samples,
            "plane_to_coefficients": 3 * samples,
            "count_symbols": 2 * samples,
            "encode_scan": 2 * samples + len(data),
            "decode_scan": len(data) + 2 * samples,
            "coefficients_to_plane": 3 * samples,
            "planes_to_image": samples + 3 * pixels,
            "image_to_coefficients": 3 * pixels + 2 * samples,
        }
        options: dict[str, Any] = {"subsampling": subsampling, "threads": 1}
        works: dict[str, Callable[[], Any]] = {
            "encode": lambda o=options: jpeg.encode(image, **o),
            "encode, optimised": lambda o=options: jpeg.encode(image, optimize=True, **o),
            "decode": lambda d=data: jpeg.decode(d, threads=1),
        }
        separate = {"image_to_coefficients": None}
        for operation, function, changes in (
            *((name, function, {}) for name, function in works.items()),
            ("encode, stage by stage", works["encode"], separate),
        ):
            parts = stage_times(function, runs, changes)
            bounds = {name: 1000 * moved[name] / speed for name in parts if name in moved}
            rows.append(
                {
                    "picture": size,
                    "operation": operation,
                    "subsampling": subsampling,
                    "milliseconds": parts,
                    "bounds": bounds,
                }
            )
            text = ", ".join(
                f"{name} {value:.2f}" + (f" ({bounds[name]:.2f})" if name in bounds else "")
                for name, value in parts.items()
            )
            print(f"{operation} {subsampling}: {text}", flush=True)
    if plot is not None:
        stage_plot.draw(rows, speed, plot)
    return rows


def stage_times(function: Callable[[], Any], runs: int, changes: Mapping[str, Any]) -> dict[str, float]:
    """Return the median milliseconds of every stage that `function` runs, of the rest, and of all.

    `changes` are fields of the back end that shall be others.
    """
    samples: dict[str, list[float]] = defaultdict(list)
    current: dict[str, float] = defaultdict(float)

    def timed(name: str, stage: Callable[..., Any]) -> Callable[..., Any]:
        def run(*args: Any, **keywords: Any) -> Any:
            start = time.perf_counter()
            try:
                return stage(*args, **keywords)
            finally:
                current[name] += 1000 * (time.perf_counter() - start)

        return run

    fast = backend.get_backend("fast")
    names = [f.name for f in dataclasses.fields(fast) if callable(getattr(fast, f.name))]
    coders = {
        kind: dataclasses.replace(
            coder,
            encode=timed("encode_scan", coder.encode),
            decode=timed("decode_scan", coder.decode),
            count=None if coder.count is None else timed("count_symbols", coder.count),
        )
        for kind, coder in fast.scan_coders.items()
    }
    watched_stages = {name: timed(name, getattr(fast, name)) for name in names}
    watched = dataclasses.replace(fast, scan_coders=coders, **(watched_stages | dict(changes)))
    with (
        mock.patch.multiple(encoder, get_backend=lambda *_: watched),
        mock.patch.multiple(decoder, get_backend=lambda *_: watched),
    ):
        for i in range(runs + 2):
            current.clear()
            start = time.perf_counter()
            function()
            total = 1000 * (time.perf_counter() - start)
            if i >= 2:  # warm
                for name, value in current.items():
                    samples[name].append(value)
                samples["rest"].append(total - sum(current.values()))
                samples["all"].append(total)
    return {name: statistics.median(values) for name, values in samples.items()}
