"""Published points: what ships is what was published, and this machine's JPEG stands where theirs does."""

from __future__ import annotations

import csv
import itertools
import statistics
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path

from conftest import Pictures

from codec_eval import metrics
from codec_eval.anchors import KODAK_PICTURES, Anchor, published_points
from codec_eval.codecs import PillowJpeg


def test_the_table_ships_with_the_package_and_is_small() -> None:
    table = files("codec_eval") / "data" / "kodak_anchors.csv"
    assert len(table.read_bytes()) < 30_000
    assert table.read_text("utf-8").startswith("codec,bpp,psnr,ms_ssim,source\n")


def test_the_codecs_and_that_rates_and_qualities_rise() -> None:
    curves: dict[str, list[Anchor]] = {}
    for point in published_points():
        curves.setdefault(point.codec, []).append(point)
    wanted = {"jpeg", "jpeg2000", "webp", "bpg-444", "av1", "vtm", "bmshj2018-factorized", "mbt2018-mean"}
    assert wanted | {"bmshj2018-hyperprior", "mbt2018", "cheng2020-anchor"} <= curves.keys()
    for codec, points in curves.items():
        assert len(points) >= 6
        assert all(a.bpp < b.bpp and a.psnr < b.psnr for a, b in itertools.pairwise(points)), codec
        assert all(point.source.startswith("CompressAI results/image/kodak/") for point in points)
        with_ms_ssim = [point.ms_ssim for point in points if point.ms_ssim is not None]
        assert len(with_ms_ssim) == (0 if codec == "elic2022" else len(points))
        assert all(0.8 < value < 1 for value in with_ms_ssim)


def test_every_point_is_a_published_one(codec_data_folder: Path) -> None:
    path = codec_data_folder / "kodak_results" / "kodak_points.csv"
    with path.open(encoding="utf-8") as file:
        rows = {
            (row["codec"], float(row["bpp"]), row["psnr_rgb"], row["ms_ssim_rgb"])
            for row in csv.DictReader(file)
            if row["source"] == "compressai"
        }
    for point in published_points():
        name = point.source.split("/")[-1].split(".json")[0]
        ms_ssim = "" if point.ms_ssim is None else f"{point.ms_ssim:.6f}"
        assert (name, point.bpp, f"{point.psnr:.4f}", ms_ssim) in rows


def test_the_list_is_the_callers_own() -> None:
    published_points().clear()
    assert published_points()


def test_pillows_jpeg_reproduces_the_published_points(kodak: Pictures, count: Callable[[str], None]) -> None:
    """Bpp within 0.5 %, PSNR within 0.15 dB; `benchmarks/published_points.py` explains the rest."""
    assert [f"{name}.png" for name in kodak] == list(KODAK_PICTURES)
    codec = PillowJpeg()
    published = [point for point in published_points() if point.codec == "jpeg"]
    assert len(published) == 19
    rates, gains = [], []
    for quality, point in zip(range(5, 100, 5), published):
        bpp, psnr = [], []
        for image in kodak.values():
            data = codec.encode(image, quality)
            bpp.append(metrics.bits_per_pixel(len(data), image.shape))
            psnr.append(metrics.psnr(image, codec.decode(data), data_range=255))
        rates.append(statistics.fmean(bpp) / point.bpp - 1)
        gains.append(statistics.fmean(psnr) - point.psnr)
        assert abs(rates[-1]) < 0.005, quality
        assert abs(gains[-1]) < 0.15, quality
    count(
        f"published JPEG points: 19 of 19; bpp {100 * min(rates):+.2f} to {100 * max(rates):+.2f} %, "
        f"PSNR {min(gains):+.3f} to {max(gains):+.3f} dB"
    )
