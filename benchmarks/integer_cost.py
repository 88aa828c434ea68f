"""What whole numbers cost in rate: from densities in floating point to the bytes of a file, step by step.

    python benchmarks/integer_cost.py                     both hyperpriors as shipped, on Kodak of CODEC_DATA
    python benchmarks/integer_cost.py --folder photos --step 64 100
    python benchmarks/integer_cost.py --weights a.npz b.npz          one's own
    python benchmarks/integer_cost.py --each --json FILE             every picture; every number

A model is trained, and compared in papers, by −log₂ of likelihoods that a float h_s leads to. A file has less
freedom, and each column takes a further freedom away. They are the extra bits, y and z together, all pictures
together, in per cent of the first column:

==========  ===============================================================================
floats      h_s and Gaussians of any scale in floating point: bytes, not per cent
64 levels   of each scale only the nearest of the levels that there are tables for
integers    h_s in integers: other levels here and there, other means, and what is rounded
            about them
tables      whole frequencies of 65536 in the place of probabilities, escapes beyond them
counted     tables of what latents of each level are really like, in place of the Gaussian's
coder       the bytes that the range coder gives for y and z
file        all bytes, header, step and checksum too: 25 or so, in any file of any model
==========  ===============================================================================

Behind them, the worst of the pictures: "tables", and what "coder" has more than "counted", for counting is a
gain that does not come of integers. The bar of 0.5 % is held against it, for each picture. Then how many
latents have another table than with the float h_s; and how far off the integers are: scales and means, the
largest difference there is.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import _neural_environment  # noqa: F401
import numpy as np
from tqdm import tqdm

from neural_from_scratch import codec, container, strips
from neural_from_scratch.data import picture_files
from neural_from_scratch.gaussian_model import LEAST_SCALE, gaussian_likelihood, scale_levels
from neural_from_scratch.gaussian_model import scale_tables as gaussian_tables
from neural_from_scratch.integer_hyperprior import ONE_STEP
from neural_from_scratch.integer_layers import POINT
from neural_from_scratch.latent_coding import HyperCoding, coding_for, write_payload
from neural_from_scratch.models.hyperprior import Hyperprior
from neural_from_scratch.pictures import read_picture
from neural_from_scratch.tensor import Tensor, no_grad
from neural_from_scratch.weights import Weights, load_weights, qualities, read_weights

DATA = Path(os.environ.get("CODEC_DATA", "../shared/data"))
HYPERPRIORS = ("scale-hyperprior", "mean-scale-hyperprior")
BAR = 0.005
COLUMNS = ("floats", "64 levels", "integers", "tables", "counted", "coder", "file")
Doubles = np.ndarray[Any, np.dtype[np.float64]]


def bits_of(values: Doubles, scales: Doubles) -> float:
    """Return −Σ log₂ p of whole numbers by Gaussians of mean 0."""
    return float(-np.log2(gaussian_likelihood(values, scales).data).sum())


def steps_of(picture: np.ndarray[Any, Any], weights: Weights, step: int) -> dict[str, float]:
    """Return the bits of a picture for each of the columns, and how far the integers are off."""
    model, tables, counted_tables = weights.model, weights.tables, weights.scale_tables
    assert isinstance(model, Hyperprior)
    assert counted_tables is not None
    latents = strips.analyse(model, codec.to_samples(picture))
    coding = coding_for(weights, latents, step)
    assert isinstance(coding, HyperCoding)
    z = Tensor(model.entropy_bottleneck.dequantize(coding.side[np.newaxis]))
    with no_grad():
        told, centres = model.expected(z, *latents.shape[2:])
        likely = model.entropy_bottleneck.likelihood(z).data
    side = float(-np.log2(likely, dtype=np.float64).sum())
    y, scales = latents[0].astype(np.float64), told.data[0].astype(np.float64)
    means = np.zeros_like(y) if centres is None else centres.data[0].astype(np.float64)
    in_steps = np.maximum(scales / coding.step, LEAST_SCALE)
    by_floats = np.rint((y - means) / coding.step)
    levels = scale_levels()
    nearest = np.searchsorted(np.sqrt(levels[1:] * levels[:-1]), in_steps)
    symbols, indexes = coding.quantize(latents), coding.tables_of(y.shape)
    channels = np.arange(len(coding.side), dtype=np.int32)[:, np.newaxis, np.newaxis]
    coded_side = tables.code_length(coding.side, channels)
    payload = write_payload(coding, symbols)
    file = container.pack(codec.header_of(picture, weights), payload)
    _, start = container.read_varint(memoryview(payload), len(container.varint(step)), "side length")
    exact = coding.expected.scales * 2.0**-POINT
    counted = np.maximum(scales, LEAST_SCALE), np.maximum(exact, LEAST_SCALE)
    return {
        "floats": side + bits_of(by_floats, in_steps),
        "64 levels": side + bits_of(by_floats, levels[nearest]),
        "integers": side + bits_of(symbols.astype(np.float64), levels[indexes]),
        "tables": coded_side + gaussian_tables().code_length(symbols, indexes),
        "counted": coded_side + counted_tables.code_length(symbols, indexes),
        "coder": 8.0 * (len(payload) - start),
        "file": 8.0 * len(file),
        "other tables": float((nearest != indexes).mean()),
        "scales off": float(np.abs(counted[0] - counted[1]).max()),
        "means off": float(np.abs(means - coding.expected.float_means).max()),
        "pixels": float(picture.shape[0] * picture.shape[1]),
    }


def line(name: str, rows: Sequence[dict[str, float]]) -> str:
    """Return a line of the table: sums over pictures, and the worst of them."""
    total = {column: sum(row[column] for row in rows) for column in (*COLUMNS, "pixels")}
    worst = max((row["tables"] + row["coder"] - row["counted"]) / row["floats"] - 1 for row in rows)
    off = [max(row[column] for row in rows) for column in ("scales off", "means off")]
    extra = [total[column] / total["floats"] - 1 for column in COLUMNS[1:]]
    return (
        f"{name:40} {total['floats'] / total['pixels']:6.3f} {total['floats'] / 8:10,.0f} "
        + " ".join(f"{part:+10.3%}" for part in extra)
        + f" {worst:+8.3%} {np.mean([row['other tables'] for row in rows]):7.2%} {off[0]:7.4f} {off[1]:7.4f}"
        + ("" if worst <= BAR else "  OVER THE BAR")
    )


def chosen(options: argparse.Namespace) -> dict[str, Weights]:
    """Return the weights that the command line asks for, by what they are called."""
    if options.weights:
        return {path.stem: read_weights(path) for path in options.weights}
    shipped = [(name, quality) for name in HYPERPRIORS for quality in qualities(name)]
    return {f"{name} {quality}": load_weights(quality, name) for name, quality in shipped}


def main() -> int:
    """Run what the command line asks for."""
    title, _, usage = (__doc__ or "").partition("\n\n")
    parser = argparse.ArgumentParser(
        description=title, epilog=usage, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--weights", type=Path, nargs="+", metavar="FILE")
    parser.add_argument("--folder", type=Path, default=DATA / "kodak", metavar="FOLDER")
    parser.add_argument("--step", type=int, nargs="+", default=[ONE_STEP], metavar="64THS")
    parser.add_argument("--each", action="store_true", help="a line for each picture")
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args()
    files = picture_files(options.folder) if options.folder.is_dir() else []
    everything = chosen(options)
    if not files or not everything:
        print(f"no pictures in {options.folder}" if everything else "no hyperprior is shipped: --weights")
        return 1
    print(f"{len(files)} pictures; bar: {BAR:.1%} for the worst of them")
    words = ("bpp", "bytes", *COLUMNS[1:], "worst", "tables", "scales", "means")
    print(
        "{:40} {:>6} {:>10} {:>10} {:>10} {:>10} {:>10} {:>10} {:>10} {:>8} {:>7} {:>7} {:>7}".format(
            "", *words
        )
    )
    kept: dict[str, list[dict[str, float]]] = {}
    for called, weights in everything.items():
        for step in options.step:
            name = called if step == ONE_STEP else f"{called}, step {step}"
            rows = [
                steps_of(read_picture(path), weights, step)
                for path in tqdm(files, unit="picture", disable=None, leave=False)
            ]
            if options.each:
                print(*(line(f"  {path.stem}", [row]) for path, row in zip(files, rows)), sep="\n")
            print(line(name, rows), flush=True)
            kept[name] = rows
    if options.json:
        options.json.write_text(json.dumps(kept))
    return 0


if __name__ == "__main__":
    sys.exit(main())
