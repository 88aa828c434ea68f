"""The sweep: pictures × codecs × qualities, each point measured once, in parallel, and kept at once.

`measure_point` is one point, start to end; `sweep` runs all of them on processes, or on any executor, such
as a Dask cluster's, and streams them to a CSV file from which a stopped sweep goes on.

What is measured of a point: the bytes of the file; MSE, PSNR over all samples and of the luma, SSIM, MS-SSIM;
the seconds of one encoding and one decoding. Each process runs a codec once untimed before it times it. A
single run of a point is noisy; means over many pictures are not, but processes that run side by side share
caches and memory: for exact times take one job on a quiet machine.
"""

from __future__ import annotations

import os
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from tqdm import tqdm

from codec_eval import metrics
from codec_eval.codec import Codec, Image, check_quality
from codec_eval.images import load
from codec_eval.points import RatePoint, write_points
from codec_eval.registry import default_qualities, make_codec
from codec_eval.similarity import MS_SSIM_SMALLEST_SIDE, SSIM_WINDOW, ssim_and_ms_ssim
from codec_eval.sweep_record import PointStream, Settings, finished_points
from codec_eval.workers import available_processors, on_executor, on_processes

__all__ = ["SweepSummary", "describe_codecs", "measure_point", "picture_paths", "sweep"]

PICTURE_SUFFIXES = (
    ".png",
    ".bmp",
    ".tif",
    ".tiff",
    ".webp",
    ".ppm",
    ".pgm",
    ".pbm",
    ".pnm",
    ".gif",
    ".tga",
) + (
    ".jpg",
    ".jpeg",
    ".jp2",
    ".j2k",
    ".avif",
)
_LONGEST_MESSAGE = 300


class _Task(NamedTuple):
    path: str
    codec: str
    quality: int

    @property
    def key(self) -> tuple[str, str, int]:
        """That of its point."""
        return Path(self.path).name, self.codec, self.quality


@dataclass(frozen=True)
class SweepSummary:
    """What a sweep did.

    Attributes
    ----------
    points : list of RatePoint
        All of them, as the CSV file holds them: by picture, then codec as given, then quality.
    measured, reused : int
        How many points were measured now, failed ones included, and how many an earlier run had finished.
    failed : int
        How many of `points` have an error.
    seconds : float
        How long it took.
    """

    points: list[RatePoint]
    measured: int
    reused: int
    failed: int
    seconds: float


def picture_paths(folder: str | os.PathLike[str]) -> list[Path]:
    """Return the picture files of a folder, by name; of folders below it none.

    Raises
    ------
    OSError
        If the folder cannot be read.
    ValueError
        If there is none among its files that has a picture's suffix.
    """
    folder = Path(folder)
    paths = sorted(
        path
        for path in folder.iterdir()
        if path.suffix.lower() in PICTURE_SUFFIXES and not path.name.startswith(".") and not path.is_dir()
    )
    if not paths:
        raise ValueError(f"{folder}: no pictures in this folder")
    return paths


def measure_point(path: str | os.PathLike[str], codec_spec: str, quality: int) -> RatePoint:
    """Measure one picture through one codec at one quality; a fault of either is in the point, not raised.

    Parameters
    ----------
    path : path-like
        Of the picture.
    codec_spec : str
        A name that `registry.make_codec` knows, or ``"module:object"``.
    quality : int
        In the codec's range.

    Returns
    -------
    RatePoint
        With `error` if the picture cannot be read, the codec cannot be made or raises, or what it gives back
        has another shape or dtype. SSIM and MS-SSIM are None for pictures that are too small for them.
    """
    path = Path(path)
    try:
        image = _load_cached(str(path), path.stat().st_mtime_ns)
    except Exception as error:
        return RatePoint(path.name, codec_spec, quality, 0, 0, 0, error=_one_line(str(error)))
    height, width = image.shape[:2]
    point = RatePoint(path.name, codec_spec, quality, width, height, image[0, 0].size)
    try:
        codec = _make_cached(codec_spec)
        check_quality(codec, quality)
        return replace(point, **_measures(image, codec, codec_spec, quality))
    except Exception as error:  # a third party's codec may raise anything
        return replace(point, error=_message(error))


def sweep(
    folder: str | os.PathLike[str],
    codecs: Sequence[str],
    qualities: Sequence[int] | Mapping[str, Sequence[int]] | None,
    out_csv: str | os.PathLike[str],
    *,
    jobs: int | None = None,
    executor: Executor | None = None,
    progress: bool = True,
) -> SweepSummary:
    """Measure all pictures of a folder through codecs at qualities, and keep the points in a CSV file.

    Parameters
    ----------
    folder : path-like
        Whose pictures.
    codecs : sequence of str
        Names that `registry.make_codec` knows, or ``"module:object"``.
    qualities : sequence of int, mapping of str to sequence of int, or None
        For every codec, or for those that are named; otherwise each one's own, `registry.default_qualities`.
    out_csv : path-like
        Made, or continued: see `sweep_record`. Its folder is made if needed.
    jobs : int, optional
        Processes; as many as there are processors by default. Not used with `executor`.
    executor : concurrent.futures.Executor, optional
        Where to run instead; its workers must see the pictures under the same paths.
    progress : bool
        A bar on stderr, if that is a terminal. Failures are told on stderr in any case.

    Returns
    -------
    SweepSummary
        Failed points are in it, and in the file, with their message.

    Raises
    ------
    ValueError
        If there are no pictures, a codec is not known, a quality is out of a codec's range, or the file
        belongs to another sweep.
    OSError
        If the folder cannot be read, the file cannot be written, or the workers went away.
    """
    start = time.perf_counter()
    paths = picture_paths(folder)
    made = {name: make_codec(name) for name in codecs}
    if not made:
        raise ValueError("no codecs")
    if jobs is not None and jobs < 1:
        raise ValueError(f"jobs is {jobs}: at least 1 is needed")
    tasks = _plan(paths, made, qualities)
    wanted = {task.key for task in tasks}

    out_csv = Path(out_csv)
    out_csv.parent.mkdir(parents=True, exist_ok=True)
    settings = Settings.of(made, paths)
    points = finished_points(out_csv, settings, wanted)
    reused = len(points)
    pending = [task for task in tasks if task.key not in points]
    settings.write(out_csv.parent)
    if executor is None:
        prepare = partial(_compile_kernels, tuple(made))
        outcomes = on_processes(measure_point, pending, jobs or available_processors(), prepare)
    else:
        outcomes = on_executor(measure_point, pending, executor)
    bar = tqdm(
        total=len(tasks), initial=reused, disable=None if progress else True, file=sys.stderr, unit="point"
    )
    with bar, PointStream(out_csv, list(points.values())) as stream, closing(outcomes):
        reporter = _Reporter()
        for task, outcome in outcomes:
            point = outcome if isinstance(outcome, RatePoint) else _failed(task, outcome)
            stream.append(point)
            points[point.key] = point
            reporter.tell(point, unreadable=isinstance(outcome, RatePoint) and point.width == 0)
            bar.update()
    ordered = [points[task.key] for task in tasks]
    write_points(out_csv, ordered)
    _tell_small_pictures(ordered)
    failed = sum(bool(point.error) for point in ordered)
    return SweepSummary(ordered, len(pending), reused, failed, time.perf_counter() - start)


def describe_codecs(codecs: Sequence[str]) -> list[str]:
    """Return the descriptions of codecs: what the workers of a cluster must agree on."""
    return [make_codec(name).description for name in codecs]


# --- one point --------------------------------------------------------------------------------------


def _measures(image: Image, codec: Codec, spec: str, quality: int) -> dict[str, Any]:
    """The fields of a point from `n_bytes` on."""
    _warm_up(image, codec, spec, quality)
    original = image.copy()  # what the codec does to its argument must not touch the measurement
    start = time.perf_counter()
    data = codec.encode(original, quality)
    encoded = time.perf_counter()
    if not isinstance(data, bytes):
        raise TypeError(f"encode returned {type(data).__name__}, not bytes")
    start_decoding = time.perf_counter()
    decoded = codec.decode(data)
    decode_seconds = time.perf_counter() - start_decoding
    if not isinstance(decoded, np.ndarray) or decoded.dtype != np.uint8:
        kind = getattr(decoded, "dtype", type(decoded).__name__)
        raise TypeError(f"decode returned {kind}, not an array of uint8")
    if decoded.shape != image.shape:
        raise ValueError(f"decode returned shape {decoded.shape}, not {image.shape}")
    error = metrics.mse(image, decoded)
    similarity, multi_scale = ssim_and_ms_ssim(image, decoded, data_range=255)
    return {
        "n_bytes": len(data),
        "bpp": metrics.bits_per_pixel(len(data), image.shape),
        "mse": error,
        "psnr": metrics.psnr_from_mse(error, data_range=255),
        "psnr_y": metrics.psnr_luma(image, decoded, data_range=255),
        "ssim": similarity,
        "ms_ssim": multi_scale,
        "encode_seconds": encoded - start,
        "decode_seconds": decode_seconds,
    }


_warm: set[tuple[str, int, int | None]] = set()


def _warm_up(image: Image, codec: Codec, spec: str, quality: int) -> None:
    """Run a codec once in this process before it is timed: imports, compilation, tables."""
    # Where qualities are few, each may have weights of its own to load.
    key = (spec, image.ndim, quality if hasattr(codec, "qualities") else None)
    if key not in _warm:
        with suppress(Exception):  # the run that counts will say it, and say it better
            codec.decode(codec.encode(image.copy(), quality))
            _warm.add(key)


@lru_cache(maxsize=2)
def _load_cached(path: str, modified: int) -> Image:
    """The picture; the points of a picture follow each other, so that each process reads it once or so."""
    return load(path)


@lru_cache(maxsize=64)
def _make_cached(spec: str) -> Codec:
    return make_codec(spec)


def _message(error: BaseException) -> str:
    """What went wrong, with the kind of error: the messages of some make no sense without."""
    return _one_line(f"{type(error).__name__}: {error}" if str(error) else type(error).__name__)


def _one_line(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= _LONGEST_MESSAGE else text[: _LONGEST_MESSAGE - 1] + "…"


# --- the sweep --------------------------------------------------------------------------------------


def _plan(
    paths: Sequence[Path],
    codecs: dict[str, Codec],
    qualities: Sequence[int] | Mapping[str, Sequence[int]] | None,
) -> list[_Task]:
    """All points in their final order."""
    named = qualities if isinstance(qualities, Mapping) else {}
    for_all = None if isinstance(qualities, Mapping) else qualities
    unknown = ", ".join(sorted(set(named) - set(codecs)))
    if unknown:
        raise ValueError(f"qualities are given for {unknown}, which is not to be measured")
    asked: dict[str, list[int]] = {}
    for name, codec in codecs.items():
        of_codec = named.get(name, for_all)
        asked[name] = sorted(set(default_qualities(codec) if of_codec is None else of_codec))
        for quality in asked[name]:
            check_quality(codec, quality)
    if not all(asked.values()):
        raise ValueError("no qualities")
    return [
        _Task(os.path.abspath(path), name, quality)
        for path in paths
        for name, of_codec in asked.items()
        for quality in of_codec
    ]


def _compile_kernels(codecs: Sequence[str]) -> None:
    """Have every codec and metric run once: what Numba compiles is on disk before more processes start."""
    from jpeg_from_scratch.backend import announce_compilation

    side = MS_SSIM_SMALLEST_SIDE
    grey = np.add.outer(np.arange(side), np.arange(side)).astype(np.uint8)
    with announce_compilation():
        for image in (grey, np.stack([grey] * 3, axis=-1)):
            for name in codecs:
                try:
                    codec = make_codec(name)
                    _measures(image, codec, name, default_qualities(codec, 1)[0])
                except Exception:  # the points of this codec will say it
                    continue


def _failed(task: _Task, error: BaseException) -> RatePoint:
    """The point of a task that came to no end of its own: its process died, or left."""
    if isinstance(error, KeyboardInterrupt):
        raise error
    name, codec, quality = task.key
    return RatePoint(name, codec, quality, 0, 0, 0, error=_message(error))


class _Reporter:
    """Tells failures on stderr, each once: a picture that cannot be read fails with every codec."""

    def __init__(self) -> None:
        self._told: Counter[tuple[str, str]] = Counter()

    def tell(self, point: RatePoint, *, unreadable: bool) -> None:
        """Say it if it is new."""
        if not point.error:
            return
        key = (point.picture if unreadable else point.codec, point.error)
        self._told[key] += 1
        if self._told[key] == 1:
            what = point.picture if unreadable else f"{point.codec}, {point.picture}, quality {point.quality}"
            _say(f"failed: {what}: {point.error}")


def _tell_small_pictures(points: Sequence[RatePoint]) -> None:
    """Say which pictures have no SSIM or no MS-SSIM."""
    for name, side in (("ssim", SSIM_WINDOW), ("ms_ssim", MS_SSIM_SMALLEST_SIDE)):
        small = list(dict.fromkeys(p.picture for p in points if not p.error and getattr(p, name) is None))
        if small:
            some = ", ".join(small[:5]) + (f" and {len(small) - 5} more" if len(small) > 5 else "")
            label = name.upper().replace("_", "-")
            _say(f"no {label}: {some} (sides under {side}): left empty")


def _say(text: str) -> None:
    tqdm.write(f"codec-eval: {text}", file=sys.stderr)
