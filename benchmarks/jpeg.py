"""How fast `jpeg_from_scratch` is, how much memory it takes, and how soon its command answers.

    python benchmarks/jpeg.py               speed beside Pillow, simplejpeg and imagecodecs
    python benchmarks/jpeg.py --quick       the same on one picture, in seconds
    python benchmarks/jpeg.py --stages      where our own time goes
    python benchmarks/jpeg.py --memory      peak of resident memory per pixel
    python benchmarks/jpeg.py --startup     first and later runs of the command line
    python benchmarks/jpeg.py --json FILE   what was measured, for machines

Speed: all contestants take turns in one process, in one thread, warm; a figure is the median of the runs,
with the fastest and the slowest beside it. A ratio is the peer's median time by ours: 1 is as fast, 0.25 a
quarter as fast.
"""

from __future__ import annotations

import _environment  # noqa: F401

# isort: split
import argparse
import json
import os
import platform
import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from importlib.metadata import PackageNotFoundError, version
from itertools import product
from pathlib import Path
from typing import Any

import codec_data
import jpeg_costs
import jpeg_peers as peers
import jpeg_pictures as pictures
import numpy as np
from PIL import features

import jpeg_from_scratch as jpeg

try:
    import simplejpeg
except ModuleNotFoundError:
    simplejpeg = None
try:
    import imagecodecs
except ModuleNotFoundError:
    imagecodecs = None

Picture = pictures.Picture
Rows = list[dict[str, Any]]

RUNS = 15
LARGE = (1200, 1792)
SUBSAMPLINGS = ("4:2:0", "4:4:4")
PEERS = ("Pillow", "simplejpeg", "imagecodecs")
OPTIONS: dict[str, dict[str, Any]] = {
    "standard": {},
    "optimised": {"optimize": True},
    "progressive": {"progressive": True},
    "arithmetic": {"arithmetic": True},
    "lossless": {"lossless": True},
}


def mosaic() -> tuple[str, Picture]:
    """Return a picture of 1792×1200: the middle of 3×3 Kodak pictures, or the sample photograph in tiles."""
    paths = codec_data.kodak_paths()
    if len(paths) == 24:
        named = {path.stem: codec_data.load_picture(path) for path in paths}
        wide = [named[name] for name in sorted(named) if named[name].shape[0] < named[name].shape[1]][:9]
        whole = np.vstack([np.hstack(wide[i : i + 3]) for i in (0, 3, 6)])
        name = "Kodak mosaic"
    else:
        photograph = pictures.photograph()
        whole = np.hstack([np.vstack([photograph, photograph[::-1]] * 2)] * 4)
        name = "photograph, tiled"
    top, left = ((a - b) // 2 for a, b in zip(whole.shape, LARGE))
    return f"{name} 1792×1200", np.ascontiguousarray(whole[top : top + LARGE[0], left : left + LARGE[1]])


def test_pictures(quick: bool) -> Iterator[tuple[str, Picture]]:
    """Yield the pictures by name."""
    yield mosaic()
    if quick:
        return
    for path in codec_data.kodak_paths():
        if path.stem in ("kodim05", "kodim23"):
            yield f"{path.stem} 768×512", codec_data.load_picture(path)


def take_turns(contestants: Mapping[str, Callable[[], Any]], runs: int) -> dict[str, list[float]]:
    """Return the seconds of each run of each contestant; in every round the order is another one."""
    names = list(contestants)
    for name in names:  # warm: compiled, loaded, caches filled
        contestants[name]()
        contestants[name]()
    seconds: dict[str, list[float]] = {name: [] for name in names}
    for i in range(runs):
        shift = i % len(names)
        for name in names[shift:] + names[:shift]:
            start = time.perf_counter()
            contestants[name]()
            seconds[name].append(time.perf_counter() - start)
    return seconds


def encoders(image: Picture, quality: int, subsampling: str, coding: str) -> dict[str, Callable[[], bytes]]:
    """Return the contestants in encoding.

    simplejpeg writes the typical tables only, and nobody but us arithmetic codes within this process.
    """
    ours = {"quality": quality, "subsampling": subsampling} | OPTIONS[coding]
    found: dict[str, Callable[[], bytes]] = {"ours": lambda: jpeg.encode(image, **ours)}
    if coding in ("standard", "optimised", "progressive"):
        found["Pillow"] = lambda: peers.pillow_encode(image, **ours)
    if simplejpeg is not None and coding == "standard":
        short = subsampling.replace(":", "")
        found["simplejpeg"] = lambda: simplejpeg.encode_jpeg(image, quality, "RGB", short, fastdct=False)
    if imagecodecs is not None and coding == "lossless":
        found["imagecodecs"] = lambda: bytes(imagecodecs.jpeg8_encode(image, lossless=True, predictor=1))
    return found


def decoders(data: bytes, coding: str) -> dict[str, Callable[[], Picture]]:
    """Return the contestants in decoding; Pillow has trouble with arithmetic and lossless files."""
    found: dict[str, Callable[[], Picture]] = {"ours": lambda: jpeg.decode(data)}
    if coding in ("standard", "optimised", "progressive"):
        found["Pillow"] = lambda: peers.pillow_decode(data)
        if simplejpeg is not None:
            found["simplejpeg"] = lambda: simplejpeg.decode_jpeg(
                data, "RGB", fastdct=False, fastupsample=False
            )
    elif imagecodecs is not None:
        found["imagecodecs"] = lambda: imagecodecs.jpeg8_decode(data)
    return found


def speed(quick: bool, runs: int) -> Rows:
    """Time encoding and decoding; every file and picture is compared with a peer's before it is timed."""
    rows: Rows = []
    qualities = (75,) if quick else (75, 90)
    for name, image in test_pictures(quick):
        for quality, subsampling, coding in product(qualities, SUBSAMPLINGS, OPTIONS):
            if coding == "lossless" and (quality, subsampling) != (75, "4:4:4"):
                continue  # has neither quality nor subsampling
            settings = {"picture": name, "q": quality, "subsampling": subsampling, "coding": coding}
            writing = encoders(image, quality, subsampling, coding)
            data = writing["ours"]()
            rows.append(measured("encode", settings, equal(writing), writing, runs))
            show(rows[-1])
            reading = decoders(data, coding)
            rows.append(measured("decode", settings, equal(reading), reading, runs))
            show(rows[-1])
    return rows


def equal(contestants: Mapping[str, Callable[[], Any]]) -> bool:
    """Tell whether Pillow and imagecodecs, where they take part, give what we give."""
    ours = contestants["ours"]()
    judges = [contestants[name] for name in ("Pillow", "imagecodecs") if name in contestants]
    return all(np.array_equal(np.asarray(ours), np.asarray(judge())) for judge in judges)


def measured(
    operation: str,
    settings: dict[str, Any],
    same: bool,
    contestants: Mapping[str, Callable[[], Any]],
    runs: int,
) -> dict[str, Any]:
    """Return one row: settings, equality, seconds and ratios."""
    seconds = take_turns(contestants, runs)
    middle = {name: statistics.median(times) for name, times in seconds.items()}
    ratios = {name: middle[name] / middle["ours"] for name in middle if name != "ours"}
    return {**settings, "operation": operation, "equal": same, "seconds": seconds, "ratios": ratios}


def show(row: dict[str, Any]) -> None:
    """Print one row of the table of speed."""
    text = f"{row['picture']:26} {row['q']:3} {row['subsampling']:6} {row['coding']:11} {row['operation']:6}"
    for name in ("ours", *PEERS):
        times = [1000 * t for t in row["seconds"].get(name, [])]
        spread = f"{statistics.median(times):.1f} ({min(times):.1f}–{max(times):.1f})" if times else "–"
        text += f" {spread:>20}"
    for name in PEERS:
        text += f" {row['ratios'][name]:8.2f}" if name in row["ratios"] else f" {'–':>8}"
    print(text + ("" if row["equal"] else "   NOT EQUAL"), flush=True)


def heading() -> None:
    """Print the head of the table of speed."""
    text = f"{'picture':26} {'q':>3} {'':6} {'coding':11} {'':6}"
    for name in ("ours", *PEERS):
        text += f" {name + ', ms (min–max)':>20.20}"
    print(text + "".join(f" {'/ ' + name:>8.8}" for name in PEERS))


def conditions() -> dict[str, str]:
    """Return what the figures depend on."""

    def package(name: str) -> str:
        try:
            return version(name)
        except PackageNotFoundError:
            return "not installed"

    return {
        "machine": processor(),
        "Python": platform.python_version(),
        "jpeg_from_scratch": jpeg.__version__,
        "numba": package("numba"),
        "Pillow": f"{package('pillow')} (libjpeg-turbo: {features.check_feature('libjpeg_turbo')})",
        "simplejpeg": package("simplejpeg"),
        "imagecodecs": package("imagecodecs"),
        "threads": "1",
    }


def processor() -> str:
    """Return the name of the processor."""
    listing = Path("/proc/cpuinfo")
    if listing.is_file():
        for line in listing.read_text().splitlines():
            if line.startswith("model name"):
                return f"{line.split(':', 1)[1].strip()}, {os.cpu_count()} cores"
    return f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores"


def main() -> int:
    """Run what the command line asks for."""
    summary, _, usage = (__doc__ or "").partition("\n\n")
    parser = argparse.ArgumentParser(
        description=summary, epilog=usage, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="one picture, one quality, 5 runs")
    parser.add_argument("--runs", type=int, help=f"runs of each contestant (default {RUNS})")
    parser.add_argument("--memory", action="store_true", help="peak of resident memory per pixel")
    parser.add_argument("--startup", action="store_true", help="first and later runs of the command line")
    parser.add_argument("--stages", action="store_true", help="time of each stage")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write what was measured")
    options = parser.parse_args()

    results: dict[str, Any] = {"conditions": conditions()}
    print("; ".join(f"{key} {value}" for key, value in results["conditions"].items()))
    if options.memory:
        results["memory"] = jpeg_costs.memory()
    if options.startup:
        results["startup"] = jpeg_costs.startup(3 if options.quick else 7)
    if options.stages:
        results["stages"] = jpeg_costs.stages(mosaic()[1], options.runs or RUNS)
    if not (options.memory or options.startup or options.stages):
        heading()
        results["speed"] = speed(options.quick, options.runs or (5 if options.quick else RUNS))
    if options.json:
        options.json.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n", "utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
