"""Rates between those of trained weights: what do steps cost, beside networks trained for each rate?

    python benchmarks/rate_control.py                     both hyperpriors as shipped, on Kodak of CODEC_DATA
    python benchmarks/rate_control.py --model scale-hyperprior --folder photos
    python benchmarks/rate_control.py --weights a.npz b.npz c.npz    one's own, from few bits to many
    python benchmarks/rate_control.py --json FILE --plot FIGURE      every point; extra rate over rate

A hyperprior's latents may be rounded more coarsely or more finely than in training, so that one set of
weights serves a range of rates, and its neighbours serve it too. All points are of real files, whole ones,
and means over the pictures. The yardstick is the curve through the points of all weights at the step that
they were trained with, a monotone cubic in ln rate: near what a network trained for that rate would do.

The first table pulls each set of weights to its neighbours: how much more rate it needs, with another step,
for the PSNR that the neighbour below and the one above have with their own (a dash: no step reaches that);
and its BD-rate against the yardstick, from the one neighbour's PSNR to the other's.

The second asks `encode_to` for the sizes in the middle between two neighbours, by ratio, where steps have
farthest to go, picture by picture: how near it comes to the bytes asked for, and by how much the picture is
worse than the yardstick's at that size, in dB and as rate; how often the upper of the two was chosen.
Pictures for which rate or PSNR do not rise from each of the weights to the next are left out of it.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import _neural_environment  # noqa: F401
import numpy as np
from scipy.interpolate import PchipInterpolator
from tqdm import tqdm

from codec_eval.bd_rate import bd_rate
from neural_from_scratch.data import picture_files
from neural_from_scratch.integer_hyperprior import ONE_STEP
from neural_from_scratch.models.hyperprior import Hyperprior
from neural_from_scratch.pictures import read_picture
from neural_from_scratch.rate_control import Analysed, encode_to
from neural_from_scratch.weights import Weights, load_weights, qualities, read_weights

DATA = Path(os.environ.get("CODEC_DATA", "../shared/data"))
HYPERPRIORS = ("scale-hyperprior", "mean-scale-hyperprior")
STEPS = (16, 20, 24, 32, 40, 48, 56, 64, 76, 91, 108, 128, 160)
TRAINED = STEPS.index(ONE_STEP)
Pictures = Sequence[np.ndarray[Any, Any]]
Points = np.ndarray[Any, Any]


def points_of(pictures: Pictures, ladder: Sequence[Weights]) -> Points:
    """Return bits a pixel and PSNR, (pictures, weights, steps, 2)."""
    found = np.empty((len(pictures), len(ladder), len(STEPS), 2))
    for i, picture in enumerate(tqdm(pictures, unit="picture", disable=None, leave=False)):
        for j, weights in enumerate(ladder):
            analysed = Analysed(picture, weights)
            for k, step in enumerate(STEPS):
                trial = analysed.trial(step)
                found[i, j, k] = 8 * len(trial.data) / (picture.shape[0] * picture.shape[1]), trial.psnr
    return found


def rises(points: Points) -> bool:
    """Whether each of the points (weights, 2) has more rate and a better picture than the one before."""
    return bool((np.diff(points, axis=0) > 0).all())


def yardstick(points: Points) -> tuple[PchipInterpolator, PchipInterpolator]:
    """Return PSNR over ln rate, and ln rate over PSNR, through trained points (weights, 2)."""
    rates, psnrs = np.log(points[:, 0]), points[:, 1]
    if not rises(points):
        raise ValueError("the weights are not in order: rate and PSNR must rise from one to the next")
    return PchipInterpolator(rates, psnrs), PchipInterpolator(psnrs, rates)


def pulled(ladder: Sequence[Weights], points: Points) -> list[dict[str, Any]]:
    """Print and return the first table, of mean points (weights, steps, 2)."""
    print(
        "| weights | λ | bpp | PSNR | rate at the PSNR of the one below | of the one above "
        "| BD-rate, from–to |"
    )
    print("|---|---|---|---|---|---|---|")
    rows = []
    for j, weights in enumerate(ladder):
        trained, own = points[:, TRAINED], points[j, ::-1]  # rising
        row: dict[str, Any] = {"weights": name_of(weights, j), "lambda": weights.weight}
        row |= {"bpp": trained[j, 0], "psnr": trained[j, 1]}
        for name, other in (("below", j - 1), ("above", j + 1)):
            row[name] = None
            if 0 <= other < len(ladder) and own[0, 1] <= trained[other, 1] <= own[-1, 1]:
                needed = float(PchipInterpolator(own[:, 1], np.log(own[:, 0]))(trained[other, 1]))
                row[name] = 100 * math.expm1(needed - math.log(trained[other, 0]))
        near = trained[max(j - 1, 0) : j + 2]
        try:
            bd = bd_rate(*near.T, *own.T)
            row["bd_rate"], row["interval"] = bd.percent, bd.interval
            last = f"{bd.percent:+.2f} %, {bd.interval[0]:.2f}–{bd.interval[1]:.2f} dB"
        except ValueError as error:
            row["bd_rate"], last = None, f"none: {error}"
        cells = ("–" if row[name] is None else f"{row[name]:+.1f} %" for name in ("below", "above"))
        print(
            f"| {row['weights']} | {weights.weight:g} | {row['bpp']:.4f} | {row['psnr']:.2f} "
            f"| {' | '.join(cells)} | {last} |"
        )
        rows.append(row)
    return rows


def between(pictures: Pictures, ladder: Sequence[Weights], points: Points) -> list[dict[str, Any]]:
    """Print and return the second table."""
    print(
        "\n| between | bytes of those asked for: mean, least | PSNR beside the yardstick, dB "
        "| rate beside it | upper chosen | files, seconds a picture |\n|---|---|---|---|---|---|"
    )
    rows = []
    for j in range(len(ladder) - 1):
        found = []
        for picture, trained in zip(pictures, points[:, :, TRAINED]):
            if not rises(trained):
                continue
            psnr_at, rate_at = yardstick(trained)
            pixels = picture.shape[0] * picture.shape[1]
            target = int(math.sqrt(trained[j, 0] * trained[j + 1, 0]) * pixels / 8)
            start = time.perf_counter()
            chosen = encode_to(picture, n_bytes=target, weights=ladder)
            seconds, size = time.perf_counter() - start, len(chosen.data)
            rate = math.log(8 * size / pixels)
            saved = rate - float(rate_at(chosen.psnr))
            is_upper = chosen.step > ONE_STEP
            found.append(
                (size / target, chosen.psnr - float(psnr_at(rate)), saved, is_upper, chosen.files, seconds)
            )
        if not found:
            raise ValueError("of no picture do rate and PSNR rise from each of the weights to the next")
        values = np.array(found)
        mean = values.mean(axis=0)
        row: dict[str, Any] = {"between": [name_of(ladder[j], j), name_of(ladder[j + 1], j + 1)]}
        row |= {"filled": mean[0], "least_filled": values[:, 0].min(), "psnr": mean[1]}
        row |= {"rate": 100 * math.expm1(mean[2]), "upper": mean[3], "files": mean[4], "seconds": mean[5]}
        print(
            f"| {' and '.join(row['between'])} | {mean[0]:.2%}, {values[:, 0].min():.2%} | {mean[1]:+.3f} "
            f"| {row['rate']:+.2f} % | {mean[3]:.0%} | {mean[4]:.1f}, {mean[5]:.2f} |",
            flush=True,
        )
        rows.append(row)
    return rows


def name_of(weights: Weights, number: int) -> str:
    """Return what a table calls weights."""
    return f"quality {weights.quality}" if weights.quality else f"weights {number + 1}"


def draw(results: dict[str, dict[str, Any]], path: Path) -> None:
    """Draw how much more rate than the yardstick's each set of weights needs, over its rate."""
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "steps", "font.size": 8.5}):
        figure = Figure(figsize=(7.6, 3.3 * len(results)), layout="constrained")
        panels = figure.subplots(len(results), 1, squeeze=False)[:, 0]
        for panel, (model, result) in zip(panels, results.items()):
            points = np.array(result["points"])
            trained = points[:, TRAINED]
            _, rate_at = yardstick(trained)
            for j, own in enumerate(points):
                inside = (own[:, 1] >= trained[0, 1]) & (own[:, 1] <= trained[-1, 1])
                extra = 100 * np.expm1(np.log(own[inside, 0]) - rate_at(own[inside, 1]))
                colour = f"C{j}"
                panel.plot(own[inside, 0], extra, color=colour, linewidth=1.2)
                panel.plot(own[inside, 0], extra, ".", color=colour, markersize=4)
                panel.plot(trained[j, 0], 0, "o", color=colour, markersize=11)
                panel.text(trained[j, 0], 0, str(j + 1), color="white", ha="center", va="center", fontsize=7)
            panel.set_xscale("log")
            ticks = [t for t in (0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 1, 1.5, 2) if trained[0, 0] / 1.2 <= t]
            panel.set_xticks([t for t in ticks if t <= 1.2 * trained[-1, 0]])
            panel.xaxis.set_major_formatter("{x:g}")
            panel.xaxis.set_minor_locator(matplotlib.ticker.NullLocator())
            panel.axhline(0, color="#6e6e73", linewidth=0.6)
            panel.set_ylim(-6, 30)
            panel.set_title(
                f"{model}: a line for each set of weights, a dot for each step", loc="left", fontsize=9
            )
            panel.set_ylabel("more rate than trained for it, %")
            panel.set_xlabel("bits a pixel; numbered: the step of training")
            panel.spines[["top", "right"]].set_visible(False)
        metadata = {"Date": None} if path.suffix == ".svg" else None
        figure.savefig(path, facecolor="white", metadata=metadata, dpi=110)


def main() -> int:
    """Measure what the command line asks for."""
    title, _, usage = (__doc__ or "").partition("\n\n")
    parser = argparse.ArgumentParser(
        description=title, epilog=usage, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--model", choices=HYPERPRIORS)
    which.add_argument("--weights", type=Path, nargs="+", metavar="FILE")
    parser.add_argument("--folder", type=Path, default=DATA / "kodak", metavar="FOLDER")
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--plot", type=Path, metavar="FIGURE")
    options = parser.parse_args()
    try:
        run(options)
    except (OSError, ValueError) as error:
        print(f"rate_control: error: {error}", file=sys.stderr)
        return 2
    return 0


def run(options: argparse.Namespace) -> None:
    """Measure, print, keep, draw."""
    ladders = [own_ladder(options.weights)] if options.weights else shipped_ladders(options.model)
    if not options.folder.is_dir():
        raise ValueError(f"no folder {options.folder} (CODEC_DATA, or --folder)")
    pictures = [read_picture(path) for path in picture_files(options.folder)]
    if not pictures:
        raise ValueError(f"no pictures in {options.folder}")
    results = {}
    for ladder in ladders:
        model = ladder[0].model.name
        points = points_of(pictures, ladder)
        print(f"\n{model}, {options.folder.name}, {len(pictures)} pictures:\n", flush=True)
        means = points.mean(axis=0)
        yardstick(means[:, TRAINED])
        results[model] = {"steps": STEPS, "pulled": pulled(ladder, means)}
        results[model] |= {"between": between(pictures, ladder, points), "points": means.tolist()}
    if options.json:
        options.json.write_text(json.dumps(results))
    if options.plot:
        draw(results, options.plot)


def own_ladder(paths: Sequence[Path]) -> list[Weights]:
    """Return weights of files; `ValueError` unless they are two or more of one hyperprior."""
    ladder = [read_weights(path) for path in paths]
    if len(ladder) < 2 or len({weights.model.name for weights in ladder}) > 1:
        raise ValueError("--weights: two files or more, of one model, are needed")
    if not isinstance(ladder[0].model, Hyperprior):
        raise ValueError(f"--weights: {ladder[0].model.name} has no steps")
    return ladder


def shipped_ladders(model: str | None) -> list[list[Weights]]:
    """Return the shipped weights of one model or of both; `ValueError` if there are not two sets."""
    names = HYPERPRIORS if model is None else (model,)
    found = [[load_weights(quality, name) for quality in qualities(name)] for name in names]
    enough = [ladder for ladder in found if len(ladder) > 1]
    if not enough:
        raise ValueError(f"fewer than two sets of weights are shipped for {' and '.join(names)}")
    return enough


if __name__ == "__main__":
    raise SystemExit(main())
