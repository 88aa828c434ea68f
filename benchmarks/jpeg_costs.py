"""What `jpeg_from_scratch` costs beside time at full speed: memory, the first start, each stage's share."""

from __future__ import annotations

import dataclasses
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

import jpeg_peers as peers
import jpeg_pictures as pictures
import numpy as np
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

    Each figure is the difference of two processes. The picture is part of it, 3 bytes a pixel: the argument
    of `encode`, the result of `decode`.
    """
    pixels = LARGE[0] * LARGE[1]
    rows = []
    print(f"\nrise of peak memory from {SMALL[1]}×{SMALL[0]} to {LARGE[1]}×{LARGE[0]}")
    with tempfile.TemporaryDirectory() as folder:
        for operation in ("encode", "decode"):
            for subsampling in ("4:2:0", "4:4:4"):
                peaks = []
                for height, width in (SMALL, SMALL, LARGE):  # the first run may compile: not counted
                    path = str(Path(folder, "in.npy" if operation == "encode" else "in.jpg"))
                    picture = large_picture(height, width)
                    if operation == "encode":
                        np.save(path, picture)
                    else:
                        Path(path).write_bytes(peers.pillow_encode(picture, subsampling=subsampling))
                    del picture
                    peaks.append(in_process(operation, subsampling, path))
                rise = (peaks[2] - peaks[1]) / pixels
                rows.append({"operation": operation, "subsampling": subsampling, "bytes_per_pixel": rise})
                print(
                    f"{operation} {subsampling}: {peaks[1] / 2**20:6.0f} MiB → {peaks[2] / 2**20:6.0f} MiB, "
                    f"{rise:5.2f} bytes a pixel, {rise - 3:5.2f} without the picture",
                    flush=True,
                )
    return rows


def in_process(*arguments: str) -> int:
    """Return the peak memory of a process that encodes or decodes once."""
    command = [sys.executable, str(Path(__file__).with_name("_peak.py")), *arguments]
    return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def startup(runs: int) -> dict[str, Any]:
    """Print and return the seconds of the command line on a picture of 512×512, first and later runs."""
    results: dict[str, Any] = {}
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

        print("\nthe command line, 512×512, seconds")
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
    return results


def stages(image: pictures.Picture, runs: int) -> list[dict[str, Any]]:
    """Print and return the milliseconds of each stage of the fast back end, medians over runs."""
    rows = []
    print(f"\nstages, {image.shape[1]}×{image.shape[0]}, q 75, milliseconds (medians)")
    for subsampling in ("4:2:0", "4:4:4"):
        data = jpeg.encode(image, subsampling=subsampling)
        for operation, function in (
            ("encode", lambda s=subsampling: jpeg.encode(image, subsampling=s)),
            ("encode, optimised", lambda s=subsampling: jpeg.encode(image, subsampling=s, optimize=True)),
            ("decode", lambda d=data: jpeg.decode(d)),
        ):
            parts = stage_times(function, runs)
            rows.append({"operation": operation, "subsampling": subsampling, "milliseconds": parts})
            text = ", ".join(f"{name} {value:.1f}" for name, value in parts.items())
            print(f"{operation} {subsampling}: {text}", flush=True)
    return rows


def stage_times(function: Callable[[], Any], runs: int) -> dict[str, float]:
    """Return the median milliseconds of every stage that `function` runs, of the rest, and of all."""
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
    watched = dataclasses.replace(fast, **{name: timed(name, getattr(fast, name)) for name in names})
    with (
        mock.patch.multiple(encoder, get_backend=lambda _name: watched),
        mock.patch.multiple(decoder, get_backend=lambda _name: watched),
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
