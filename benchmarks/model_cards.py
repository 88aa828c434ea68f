"""The cards of the shipped weights, and what they do on pictures that nobody trained on, as Markdown.

    python benchmarks/model_cards.py                      Kodak and the validation photographs of CODEC_DATA
    python benchmarks/model_cards.py --effort 30          with a search for better latents at encoding
    python benchmarks/model_cards.py --folder photos      other pictures
    python benchmarks/model_cards.py --model scale-hyperprior

Each row is a mean over pictures of real files: bits a pixel, PSNR, MS-SSIM. Beside it stands Pillow's JPEG
with default and with optimised Huffman tables: the bits a pixel at the same mean PSNR, and the MS-SSIM at
the same bits a pixel, both interpolated on the curve of means at qualities 5, 10, … 95; and below, the
BD-rates of these means, with JPEG cut at 1 bit a pixel and with all of it, and those of a hyperprior against
the factorised prior.
"""

from __future__ import annotations

import argparse
import io
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import _neural_environment  # noqa: F401
import numpy as np
import PIL.Image
from tqdm import tqdm

from codec_eval.bd_rate import bd_rate
from codec_eval.metrics import ms_ssim
from neural_from_scratch.data import picture_files
from neural_from_scratch.evaluation import mean_of, measure
from neural_from_scratch.models import MODELS
from neural_from_scratch.pictures import read_picture
from neural_from_scratch.weights import FOLDER, load_weights, qualities

DATA = Path(os.environ.get("CODEC_DATA", "../shared/data"))
JPEG_QUALITIES = range(5, 100, 5)


def jpeg_curve(pictures: Sequence[np.ndarray[Any, Any]], optimize: bool) -> np.ndarray[Any, Any]:
    """Return mean bits a pixel, PSNR and MS-SSIM of Pillow's JPEG, a row for each quality."""
    rows = []
    for quality in tqdm(JPEG_QUALITIES, unit="quality", disable=None, leave=False):
        found = []
        for picture in pictures:
            file = io.BytesIO()
            PIL.Image.fromarray(picture).save(file, "JPEG", quality=quality, optimize=optimize)
            decoded = np.asarray(PIL.Image.open(file))
            error = float(np.mean(np.square(np.subtract(picture, decoded, dtype=np.float64))))
            bpp = 8 * file.tell() / (picture.shape[0] * picture.shape[1])
            found.append((bpp, 10 * np.log10(255**2 / error), ms_ssim(picture, decoded, data_range=255)))
        rows.append(np.mean(found, axis=0))
    return np.array(rows)


def cards(model: str) -> None:
    """Print how each set of weights was made."""
    print("| quality | λ | steps | from | hours | bytes | hash | 12 pictures: bpp, PSNR, MS-SSIM |")
    print("|---|---|---|---|---|---|---|---|")
    for quality in qualities(model):
        weights = load_weights(quality, model)
        card, size = weights.card, (FOLDER / f"{weights.model.name}-{quality}.npz").stat().st_size
        seen, steps = card["validation"], card["steps"] or f"{card['alone'] + card['finish']} alone"
        print(
            f"| {quality} | {card['lambda']:g} | {steps} | {card['start']} | {card['hours']} "
            f"| {size:,} | `{weights.hash.hex()}` "
            f"| {seen['bpp']:.3f}, {seen['psnr']:.2f}, {seen['ms_ssim']:.4f} |"
        )
    for quality in qualities(model):
        print(load_weights(quality, model).card["command"].replace("; ", "\n"))


def results(folder: Path, models: Sequence[str], effort: int) -> None:
    """Print what the weights do on the pictures of a folder."""
    pictures = [read_picture(path) for path in picture_files(folder)]
    jpeg = [jpeg_curve(pictures, optimize) for optimize in (False, True)]
    curves: dict[str, np.ndarray[Any, Any]] = {}
    for model in models:
        print(f"\n{model}, {folder.name}, {len(pictures)} pictures, effort {effort}:\n")
        curves[model] = ours = result(model, pictures, jpeg, effort)
        print()
        others = {
            f"JPEG with {words} tables, {part}": curve[
                : None if part == "all" else (curve[:, 0] <= 1).sum(), :2
            ]
            for words, curve in zip(("default", "optimised"), jpeg)
            for part in ("up to 1 bpp", "all")
        }
        others |= {name: curve for name, curve in curves.items() if name != model}
        for name, curve in others.items():
            found = bd_rate(*curve.T, *ours.T)
            low, high = found.interval
            print(f"BD-rate against {name}: {found.percent:+.1f} % ({low:.2f}–{high:.2f} dB)")


def result(
    model: str,
    pictures: Sequence[np.ndarray[Any, Any]],
    curves: Sequence[np.ndarray[Any, Any]],
    effort: int,
) -> np.ndarray[Any, Any]:
    """Print a row for each quality of a model; return bits a pixel and PSNR, a row for each."""
    print(
        "| quality | bpp | PSNR | MS-SSIM | JPEG's bpp at that PSNR: default, optimised | ours is "
        "| JPEG's MS-SSIM at that bpp |\n|---|---|---|---|---|---|---|"
    )
    means = []
    for quality in qualities(model):
        weights = load_weights(quality, model)
        bar = tqdm(pictures, unit="picture", disable=None, leave=False)
        mean = mean_of([measure(picture, weights, effort=effort) for picture in bar])
        means.append((mean.bpp, mean.psnr))
        alike = [float(np.exp(np.interp(mean.psnr, curve[:, 1], np.log(curve[:, 0])))) for curve in curves]
        similar = float(np.interp(np.log(mean.bpp), np.log(curves[0][:, 0]), curves[0][:, 2]))
        saved = ", ".join(f"{100 * (mean.bpp / bpp - 1):+.1f} %" for bpp in alike)
        print(
            f"| {quality} | {mean.bpp:.4f} | {mean.psnr:.2f} | {mean.ms_ssim:.4f} "
            f"| {alike[0]:.4f}, {alike[1]:.4f} | {saved} | {similar:.4f} |",
            flush=True,
        )
    return np.array(means)


def main() -> int:
    """Print cards and results."""
    title, _, usage = (__doc__ or "").partition("\n\n")
    parser = argparse.ArgumentParser(
        description=title, epilog=usage, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--effort", type=int, default=0, metavar="N")
    shipped = [model.name for model in MODELS.values() if qualities(model.name)]
    parser.add_argument("--model", choices=shipped, action="append", help="default: all of them")
    parser.add_argument("--folder", type=Path, action="append", metavar="FOLDER")
    options = parser.parse_args()
    folders = options.folder or [DATA / "kodak", DATA / "photos" / "validation"]
    missing = [folder for folder in folders if not folder.is_dir()]
    if missing:
        print(f"model_cards: error: no folder {missing[0]} (CODEC_DATA, or --folder)", file=sys.stderr)
        return 2
    models = options.model or shipped
    for model in models:
        print(f"\n{model}:\n")
        cards(model)
    for folder in folders:
        results(folder, models, options.effort)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
