"""How fast `jpeg_from_scratch` is, how much memory it takes, and how soon its command answers.

    python benchmarks/jpeg.py               speed beside Pillow, simplejpeg, imagecodecs, libturbojpeg
    python benchmarks/jpeg.py --quick       the same on one picture, in seconds
    python benchmarks/jpeg.py --stages      where our own time goes; --plot FILE draws it
    python benchmarks/jpeg.py --memory      peak of resident memory per pixel
    python benchmarks/jpeg.py --startup     import, first and later runs of the command line
    python benchmarks/jpeg.py --json FILE   what was measured, for machines

Speed: all contestants take turns in one process, warm: we with one thread and with two, the peers with one.
A figure is the median of the runs, with the fastest and the slowest beside it. A ratio is the peer's median
time by ours: 1 is as fast, 0.5 half as fast.
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

import _turbojpeg
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
SUBSAMPLINGS = ("4:2:0", "4:4:4")
OURS = {"1 thread": 1, "2 threads": 2}
BARE = "simplejpeg"  # libjpeg-turbo with next to nothing around it
OPTIONS: dict[str, dict[str, Any]] = {
    "standard": {},
    "optimised": {"optimize": True},
    "restarts": {"restart_interval": 64},
    "progressive": {"progressive": True},
    "arithmetic": {"arithmetic": True},
    "lossless": {"lossless": True},
}
BY_PILLOW = {"restart_interval": "restart_marker_blocks"}
KNOWN_TO_PILLOW = ("standard", "optimised", "restarts", "progressive")
# Ratios to reach and to aim at, with one thread and with two
BARS: dict[tuple[str, str], tuple[tuple[float, float], tuple[float, float] | None]] = {
    ("encode", "standard"): ((0.6, 0.9), (1.0, 1.4)),
    ("encode", "optimised"): ((0.6, 1.0), (1.0, 1.4)),
    ("decode", "standard"): ((0.6, 1.0), (1.0, 1.4)),
    ("decode", "optimised"): ((0.6, 1.0), (1.0, 1.4)),
    ("encode", "progressive"): ((0.5, 0.8), (0.7, 1.0)),
    ("decode", "progressive"): ((0.5, 0.8), (0.7, 1.0)),
    ("encode", "arithmetic"): ((0.5, 0.8), None),
    ("decode", "arithmetic"): ((0.5, 0.8), None),
}


def mosaic() -> tuple[str, Picture]:
    """Return 3×3 Kodak pictures as one of 2304×1536, or the sample photograph in tiles."""
    paths = codec_data.kodak_paths()
    if len(paths) == 24:
        named = {path.stem: codec_data.load_picture(path) for path in paths}
        wide = [named[name] for name in sorted(named) if named[name].shape[0] < named[name].shape[1]][:9]
        whole = np.vstack([np.hstack(wide[i : i + 3]) for i in (0, 3, 6)])
        return "Kodak mosaic 2304×1536", whole
    photograph = pictures.photograph()
    whole = np.hstack([np.vstack([photograph, photograph[::-1]] * 2)] * 5)[:1536, :2304]
    return "photograph 2304×1536", np.ascontiguousarray(whole)


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
    """Return the contestants in encoding: we, the peer that the ratios refer to, and simplejpeg.

    simplejpeg writes the typical tables only.
    """
    options = {"quality": quality, "subsampling": subsampling} | OPTIONS[coding]
    found: dict[str, Callable[[], bytes]] = {
        name: lambda threads=threads: jpeg.encode(image, threads=threads, **options)
        for name, threads in OURS.items()
    }
    if coding in KNOWN_TO_PILLOW:
        by_pillow = {BY_PILLOW.get(name, name): value for name, value in options.items()}
        found["Pillow"] = lambda: peers.pillow_encode(image, **by_pillow)
    if coding == "arithmetic" and _turbojpeg.loaded() is not None:
        found["libturbojpeg"] = lambda: _turbojpeg.encode_arithmetic(image, quality, subsampling)
    if coding == "lossless" and imagecodecs is not None:
        found["imagecodecs"] = lambda: bytes(imagecodecs.jpeg8_encode(image, lossless=True, predictor=1))
    if simplejpeg is not None and coding == "standard":
        short = subsampling.replace(":", "")
        found[BARE] = lambda: simplejpeg.encode_jpeg(image, quality, "RGB", short, fastdct=False)
    return found


def decoders(data: bytes, coding: str) -> dict[str, Callable[[], Picture]]:
    """Return the contestants in decoding; Pillow has trouble with arithmetic and lossless files."""
    found: dict[str, Callable[[], Picture]] = {
        name: lambda threads=threads: jpeg.decode(data, threads=threads) for name, threads in OURS.items()
    }
    if coding in KNOWN_TO_PILLOW:
        found["Pillow"] = lambda: peers.pillow_decode(data)
        if simplejpeg is not None:
            found[BARE] = lambda: simplejpeg.decode_jpeg(data, "RGB", fastdct=False, fastupsample=False)
    elif imagecodecs is not None:
        found["imagecodecs"] = lambda: imagecodecs.jpeg8_decode(data)
    return found


def peer_of(contestants: Mapping[str, Any]) -> str | None:
    """Return the contestant that the ratios refer to, if there is one."""
    return next((name for name in contestants if name not in OURS and name != BARE), None)


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
            data = writing["1 thread"]()
            rows.append(measured("encode", settings, equal(writing), writing, runs))
            show(rows[-1])
            reading = decoders(data, coding)
            rows.append(measured("decode", settings, equal(reading), reading, runs))
            show(rows[-1])
    return rows


def equal(contestants: Mapping[str, Callable[[], Any]]) -> bool:
    """Tell whether two threads, and the peer, give what one thread gives."""
    ours = np.asarray(contestants["1 thread"]())
    judges = [judge for name, judge in contestants.items() if name not in ("1 thread", BARE)]
    return all(np.array_equal(ours, np.asarray(judge())) for judge in judges)


def measured(
    operation: str,
    settings: dict[str, Any],
    same: bool,
    contestants: Mapping[str, Callable[[], Any]],
    runs: int,
) -> dict[str, Any]:
    """Return one row: settings, equality, seconds, and ratios to the peer and to bare libjpeg-turbo."""
    seconds = take_turns(contestants, runs)
    middle = {name: statistics.median(times) for name, times in seconds.items()}
    peer = peer_of(contestants)
    ratios = {} if peer is None else {name: middle[peer] / middle[name] for name in OURS}
    if BARE in middle:
        ratios[BARE] = middle[BARE] / middle["1 thread"]
    return {
        **settings,
        "operation": operation,
        "equal": same,
        "peer": peer,
        "seconds": seconds,
        "ratios": ratios,
    }


def show(row: dict[str, Any]) -> None:
    """Print one row of the table of speed."""
    text = f"{row['picture']:22} {row['q']:3} {row['subsampling']:6} {row['coding']:11} {row['operation']:6}"
    for name in (*OURS, row["peer"], BARE):
        times = [1000 * t for t in row["seconds"].get(name, [])]
        spread = f"{statistics.median(times):.1f} ({min(times):.1f}–{max(times):.1f})" if times else "–"
        text += f" {spread:>20}"
    text += f" {row['peer'] or '–':>13}"
    for name in (*OURS, BARE):
        text += f" {row['ratios'][name]:10.2f}" if name in row["ratios"] else f" {'–':>10}"
    print(text + ("" if row["equal"] else "   NOT EQUAL"), flush=True)


def heading() -> None:
    """Print the head of the table of speed."""
    if _turbojpeg.loaded() is None:
        print("libturbojpeg.so.0 is not installed: arithmetic encoding has no peer")
    text = f"{'ms (min–max)':22} {'q':>3} {'':6} {'coding':11} {'':6}"
    for name in (*OURS, "peer", BARE):
        text += f" {name:>20}"
    print(f"{text} {'peer / ours:':>13}" + "".join(f" {name:>10}" for name in (*OURS, BARE)))


def summary(rows: Rows) -> list[dict[str, Any]]:
    """Print and return, for each bar, the ratios of all pictures: of the medians, and of the fastest runs.

    The fastest run is the one that the rest of a busy machine disturbed least.
    """
    found = []
    print(f"\n{'peer / ours':32} {'of the medians':>21}    {'of the fastest runs':>21}")
    print(f"{'':32}" + 2 * f" {'lowest':>6} {'median':>6} {'highest':>7}   " + f" {'bar':>4} {'aim':>4}")
    for (operation, coding), bars in BARS.items():
        for name, bar in zip(OURS, bars):
            chosen = [
                row
                for row in rows
                if (row["operation"], row["coding"]) == (operation, coding) and name in row["ratios"]
            ]
            if bar is None or not chosen:
                continue
            medians = [row["ratios"][name] for row in chosen]
            fastest = [min(row["seconds"][row["peer"]]) / min(row["seconds"][name]) for row in chosen]
            text = f"{operation + ' ' + coding + ', ' + name:32}"
            for ratios in (medians, fastest):
                low, middle, high = min(ratios), statistics.median(ratios), max(ratios)
                text += f" {low:6.2f} {middle:6.2f} {high:7.2f}   "
            missed = sum(ratio < bar[0] for ratio in medians)
            verdict = f"  {missed} of {len(medians)} below the bar" if missed else ""
            print(f"{text} {bar[0]:4} {bar[1]:4}{verdict}")
            found.append(
                {
                    "operation": operation,
                    "coding": coding,
                    "threads": name,
                    "ratios": medians,
                    "ratios_of_fastest": fastest,
                    "bar": bar,
                }
            )
    return found


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
        "libturbojpeg": "installed" if _turbojpeg.loaded() is not None else "not installed",
        "two threads hash": f"{jpeg_costs.two_cores():.2f} times as fast as one",
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
    title, _, usage = (__doc__ or "").partition("\n\n")
    parser = argparse.ArgumentParser(
        description=title, epilog=usage, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="one picture, one quality, 5 runs")
    parser.add_argument("--runs", type=int, help=f"runs of each contestant (default {RUNS})")
    parser.add_argument("--memory", action="store_true", help="peak of resident memory per pixel")
    parser.add_argument("--startup", action="store_true", help="first and later runs of the command line")
    parser.add_argument("--stages", action="store_true", help="time of each stage")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="with --stages: draw them, as SVG or PNG")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write what was measured")
    options = parser.parse_args()
    if options.plot and not options.stages:
        parser.error("--plot goes with --stages")

    results: dict[str, Any] = {"conditions": conditions()}
    print("; ".join(f"{key} {value}" for key, value in results["conditions"].items()))
    if options.memory:
        results["memory"] = jpeg_costs.memory()
    if options.startup:
        results["startup"] = jpeg_costs.startup(3 if options.quick else 7)
    if options.stages:
        results["stages"] = jpeg_costs.stages(mosaic()[1], options.runs or RUNS, options.plot)
    if not (options.memory or options.startup or options.stages):
        heading()
        results["speed"] = speed(options.quick, options.runs or (5 if options.quick else RUNS))
        results["summary"] = summary(results["speed"])
        results["two cores, afterwards"] = free = jpeg_costs.two_cores()
        print(f"\nafterwards two threads hash {free:.2f} times as fast as one")
    if options.json:
        options.json.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n", "utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
