"""What does GDN buy? The same codec with it, with ReLU, and with nothing in its place, at equal budget.

    python benchmarks/gdn_study.py                        all of it: about a quarter of an hour of one core
    python benchmarks/gdn_study.py --plot gdn.svg         draw what was found, too
    python benchmarks/gdn_study.py --only none relu paper --seeds 1 --steps 300   a look, in a minute
    python benchmarks/gdn_study.py --json 1.json --seeds 1 --first-seed 1     in parts, for several processes
    python benchmarks/gdn_study.py --from 0.json 1.json --plot gdn.svg        all of them as one
    python benchmarks/gdn_study.py --train photos/train --validation photos/others    other pictures

A transform codec is a linear transform, rounding, and entropy coding. A *nonlinear* transform codec puts
something between its linear layers (`models.nonlinear_transform`), and this asks what, and what it is worth:

    none        nothing: three convolutions without anything between them are one lapped linear transform
    relu        max(x, 0) between the layers, as networks for other purposes have it
    paper       GDN with (α, ε) = (2, ½): each channel divided by the root of a weighted sum of squares
    abs         (1, 1): divided by a weighted sum of magnitudes
    root, square  (1, ½) and (2, 1): what is between, and beyond
    layer       α and ε learned, from (2, ½) on: a pair for each layer
    channel     the same, for each channel of each layer

**Equal budget.** All have the same widths, crops, noise, steps, rates of Adam and λ; for each seed they begin
with the same random weights. What differs is what stands between the layers, and the few parameters of it.

**Two beginnings.** A warm start (`warm_start`) makes each of them, at step 0, the same linear codec of
principal axes; ReLU has room for half as many axes, since it takes two channels for one. From there a network
shows what its nonlinearity adds. The second beginning is the usual one, random weights: ``cold-none``,
``cold-relu``, ``cold-paper``.

**What is measured.** The loss J = λ · 255² · MSE + bpp on pictures that no training sees. Along the way it is
estimated on squares from their middle; in the end it is that of real files, of whole pictures. For a codec on
the curve where λ is the exchange rate, a difference in J is, to first order, a difference in bits at equal
error. So (J of none − J) / bits of none is the share of the bits that a nonlinearity saves; the table says
that, with its least and largest value over the seeds.

With the folders photos/train and photos/validation of CODEC_DATA (../shared/data), or those that are named;
without them, on pictures of dead leaves. The same seed, machine and libraries give the same figures.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import _one_thread  # noqa: F401
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from neural_from_scratch import decode, encode, ops, seeds
from neural_from_scratch.commands.options import check_writable, natural, positive, positive_number
from neural_from_scratch.data import Pictures, generate_pictures, open_folder
from neural_from_scratch.layers import ALPHA_MIN, EPSILON_MIN, GDN
from neural_from_scratch.models import NonlinearTransform
from neural_from_scratch.pictures import write_atomically
from neural_from_scratch.plots import figure_format
from neural_from_scratch.tensor import Tensor
from neural_from_scratch.train import Settings, Trainer, estimate
from neural_from_scratch.warm_start import warm_start
from neural_from_scratch.weights import make_weights

DATA = Path(os.environ.get("CODEC_DATA", "../shared/data")) / "photos"
BATCH, SIDE = 8, 64  # crops a step
RATE = 1e-3  # of Adam
LOOKS = 8  # at pictures, after as many equal parts of the steps
LOOKED_AT, SQUARE = 20, 256  # how many squares, from the middle of pictures; their side
FILES = 12  # pictures that become real files in the end


@dataclass(frozen=True)
class Variant:
    """One codec: what it is called, how the model is asked for it, how it is drawn."""

    key: str
    label: str
    options: dict[str, Any]
    colour: str  # of Okabe and Ito: told apart with any colour vision
    is_cold: bool = False


_KINDS = (
    ("none", "none", {"nonlinearity": "none"}, "#6e6e73"),
    ("relu", "ReLU", {"nonlinearity": "relu"}, "#e69f00"),
    ("paper", "GDN (2, ½)", {}, "#0072b2"),
    ("abs", "GDN (1, 1)", {"alpha": 1, "epsilon": 1}, "#009e73"),
    ("root", "GDN (1, ½)", {"alpha": 1}, "#56b4e9"),
    ("square", "GDN (2, 1)", {"epsilon": 1}, "#1d1d1f"),
    ("layer", "learned, by layer", {"learned_by": "layer"}, "#cc79a7"),
    ("channel", "learned, by channel", {"learned_by": "channel"}, "#d55e00"),
)
VARIANTS = tuple(Variant(*kind) for kind in _KINDS) + tuple(
    Variant(f"cold-{key}", label, options, colour, is_cold=True)
    for key, label, options, colour in _KINDS
    if key in ("none", "relu", "paper")
)


@dataclass
class Run:
    """What came of one variant and one seed.

    Attributes
    ----------
    curve : list of (int, float)
        Steps done, and the mean loss on the squares.
    loss, bpp, psnr : float
        Means over real files.
    milliseconds : float
        A step, of the processor.
    exponents : list of (float, float)
        Mean α and mean ε of each normalisation of the analysis, the one next to the picture first.
    """

    key: str
    seed: int
    curve: list[tuple[int, float]] = field(default_factory=list)
    loss: float = math.nan
    bpp: float = math.nan
    psnr: float = math.nan
    milliseconds: float = math.nan
    exponents: list[tuple[float, float]] = field(default_factory=list)


@dataclass(frozen=True)
class Budget:
    """What all variants have in common."""

    steps: int
    width: int
    latents: int
    weight: float
    train: Pictures
    validation: Pictures

    def looks(self) -> set[int]:
        """Steps after which the loss is estimated, 0 among them."""
        return {round(i * self.steps / LOOKS) for i in range(LOOKS + 1)}


# --------------------------------------------------------------------------------------------------
# One run


def trained(variant: Variant, seed: int, budget: Budget, done: Callable[[], object]) -> Run:
    """Train one variant and measure it; `done` is called after each step."""
    model = NonlinearTransform(
        budget.width, budget.latents, rng=seeds.stream(seed, "weights"), **variant.options
    )
    if not variant.is_cold:
        warm_start(model, budget.train, budget.weight, seed, squares=48)
    settings = Settings(budget.weight, budget.steps, batch=BATCH, side=SIDE, rate=RATE, seed=seed)
    trainer = Trainer(model, budget.train, settings)
    run, spent = Run(variant.key, seed), 0.0
    while True:
        if trainer.steps_done in budget.looks():
            run.curve.append((trainer.steps_done, estimated_loss(model, budget)))
        if trainer.steps_done == budget.steps:
            break
        start = time.process_time()
        trainer.step()
        spent += time.process_time() - start
        done()
    run.milliseconds = 1000 * spent / budget.steps
    run.loss, run.bpp, run.psnr = of_files(model, budget)
    run.exponents = exponents(model)
    return run


def estimated_loss(model: NonlinearTransform, budget: Budget) -> float:
    """Return the mean loss on squares from the middle of validation pictures, by likelihoods."""
    model.entropy_bottleneck.find_quantiles()
    losses = []
    for number in spread(len(budget.validation), LOOKED_AT):
        found = estimate(model, middle(budget.validation.picture(number)))
        losses.append(loss(found.bpp, found.psnr, budget.weight))
    return float(np.mean(losses))


def of_files(model: NonlinearTransform, budget: Budget) -> tuple[float, float, float]:
    """Return mean loss, bits a pixel and PSNR of whole validation pictures, as files."""
    weights, found = make_weights(model.state_dict(), {"lambda": budget.weight}), []
    for number in spread(len(budget.validation), FILES):
        picture = budget.validation.picture(number)
        data = encode(picture, weights=weights)
        decoded = decode(data, max_pixels=None, weights=weights)
        error = float(np.mean(np.square(np.subtract(picture, decoded, dtype=np.float64))))
        bpp, psnr = 8 * len(data) / picture[..., 0].size, 10 * math.log10(255**2 / error)
        found.append((loss(bpp, psnr, budget.weight), bpp, psnr))
    means = np.mean(found, axis=0)
    return float(means[0]), float(means[1]), float(means[2])


def exponents(model: NonlinearTransform) -> list[tuple[float, float]]:
    """Return mean α and ε of each normalisation of the analysis."""

    def mean(value: Any, least: float) -> float:
        return float(np.mean(ops.nonnegative(value, least).data if isinstance(value, Tensor) else value))

    return [
        (mean(layer.alpha, ALPHA_MIN), mean(layer.epsilon, EPSILON_MIN))
        for layer in model.g_a
        if isinstance(layer, GDN)
    ]


def loss(bpp: float, psnr: float, weight: float) -> float:
    """Return λ · 255² · MSE + bpp; 255² · MSE of samples in [0, 1] is 255² / 10^(PSNR / 10)."""
    return weight * 255**2 / 10 ** (psnr / 10) + bpp


def middle(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return a square from the middle, or what there is of it."""
    top, left = (max(0, (side - SQUARE) // 2) for side in picture.shape[:2])
    return np.ascontiguousarray(picture[top : top + SQUARE, left : left + SQUARE])


def spread(there_are: int, wanted: int) -> list[int]:
    """Return which of so many to take: first, last, and evenly between.

    >>> spread(41, 5)
    [0, 10, 20, 30, 40]
    """
    return sorted({round(i) for i in np.linspace(0, there_are - 1, min(wanted, there_are))})


# --------------------------------------------------------------------------------------------------
# What came of it


def saved(runs: Sequence[Run], key: str) -> list[float]:
    """Return for each seed the share of the bits that a variant saves against none, from the same beginning.

    Cold ones have no share: they are so far from the curve that a first order says nothing.
    """
    base = {run.seed: run for run in runs if run.key == "none"}
    return [
        (base[run.seed].loss - run.loss) / base[run.seed].bpp
        for run in runs
        if run.key == key != "none" and not key.startswith("cold-") and run.seed in base
    ]


def table(variants: Sequence[Variant], runs: Sequence[Run]) -> str:
    """Return what was found, in Markdown."""
    lines = [
        "| start | nonlinearity | loss | bpp | PSNR | bits saved (seeds) | ms a step | α, ε learned |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for variant in variants:
        own = [run for run in runs if run.key == variant.key]
        loss, bpp, psnr, cost = np.mean([(r.loss, r.bpp, r.psnr, r.milliseconds) for r in own], axis=0)
        shares = saved(runs, variant.key)
        share = "–"
        if shares:
            share = f"{np.mean(shares):.1%}"
            share += f" ({min(shares):.1%} … {max(shares):.1%})" if len(shares) > 1 else ""
        learned = "–"
        if "learned_by" in variant.options:
            learned = "; ".join(
                f"{a:.2f}, {e:.2f}" for a, e in np.mean([run.exponents for run in own], axis=0)
            )
        start = "random" if variant.is_cold else "linear codec"
        cells = f"{loss:.4f} | {bpp:.4f} | {psnr:.2f} | {share.replace('-', '−')} | {cost:.0f} | {learned}"
        lines.append(f"| {start} | {variant.label} | {cells} |")
    return "\n".join(lines)


# --------------------------------------------------------------------------------------------------
# The command


def main() -> int:
    """Train all variants, and print what came of it."""
    title, _, usage = (__doc__ or "").partition("\n\n")
    parser = argparse.ArgumentParser(
        description=title, epilog=usage, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    keys = [variant.key for variant in VARIANTS]
    parser.add_argument(
        "--only", nargs="+", choices=keys, default=keys, metavar="WHICH", help=", ".join(keys)
    )
    parser.add_argument("--steps", type=positive, default=1200, metavar="N", help="default: %(default)s")
    parser.add_argument("--seeds", type=positive, default=2, metavar="N", help="default: %(default)s")
    parser.add_argument("--first-seed", type=natural, default=0, metavar="N", help="default: %(default)s")
    parser.add_argument("--width", type=positive, default=32, metavar="N", help="default: %(default)s")
    parser.add_argument("--latents", type=positive, default=48, metavar="M", help="default: %(default)s")
    parser.add_argument(
        "--lambda",
        dest="weight",
        type=positive_number(),
        default=0.013,
        metavar="L",
        help="default: %(default)s",
    )
    parser.add_argument("--train", type=Path, default=DATA / "train", metavar="FOLDER")
    parser.add_argument("--validation", type=Path, default=DATA / "validation", metavar="FOLDER")
    parser.add_argument("--plot", type=Path, metavar="FIGURE", help=".png, .svg or .pdf")
    parser.add_argument("--json", type=Path, metavar="FILE", help="what was measured, every run")
    parser.add_argument(
        "--from", dest="kept", type=Path, nargs="+", metavar="FILE", help="no training: what --json kept"
    )
    options = parser.parse_args()
    try:
        for option, path in (("--plot", options.plot), ("--json", options.json)):
            if path is not None:
                check_writable(option, path)
        if options.plot is not None:
            figure_format(options.plot)
        budget, runs = kept(options.kept) if options.kept else measured(options)
    except (OSError, ValueError) as error:
        print(f"gdn_study: error: {error}", file=sys.stderr)
        return 2
    variants = [one for one in VARIANTS if any(run.key == one.key for run in runs)]
    count = len({run.seed for run in runs})
    print(f"{budget}; {count} seed{'s' * (count > 1)}\n\n{table(variants, runs)}")
    if options.json is not None:
        found = {"budget": budget, "runs": [vars(run) for run in runs]}
        write_atomically(options.json, json.dumps(found, indent=1, ensure_ascii=False).encode())
    if options.plot is not None:
        from gdn_plot import draw

        draw(variants, runs, {one.key: saved(runs, one.key) for one in variants}, options.plot)
    return 0


def measured(options: argparse.Namespace) -> tuple[str, list[Run]]:
    """Train all variants that are asked for; return the budget in words, and what came of each run."""
    train, validation = pictures_of(options.train, options.validation)
    budget = Budget(options.steps, options.width, options.latents, options.weight, train, validation)
    variants = [one for one in VARIANTS if one.key in options.only]
    numbers = range(options.first_seed, options.first_seed + options.seeds)
    runs: list[Run] = []
    total = len(variants) * len(numbers) * budget.steps
    with tqdm(total=total, unit="step", disable=None, dynamic_ncols=True) as bar:
        for seed in numbers:
            for variant in variants:
                bar.set_postfix_str(f"{variant.key}, seed {seed}")
                run = trained(variant, seed, budget, bar.update)
                bar.write(
                    f"{run.key}, seed {seed}: loss {run.loss:.4f}, {run.bpp:.4f} bpp, {run.psnr:.2f} dB",
                    file=sys.stderr,
                )
                runs.append(run)
    words = (
        f"N, M = {budget.width}, {budget.latents}; λ = {budget.weight:g}; {budget.steps} steps of {BATCH} "
        f"crops of {SIDE}×{SIDE}; {len(train)} pictures to learn from, {min(FILES, len(validation))} of "
        f"{len(validation)} others as files"
    )
    return words, runs


def kept(paths: Sequence[Path]) -> tuple[str, list[Run]]:
    """Return what several runs of this program have kept, as one; `ValueError` for unequal budgets."""
    budgets, runs = set(), []
    for path in paths:
        try:
            part = json.loads(path.read_text("utf-8"))
            budgets.add(part["budget"])
            runs += [Run(**run) for run in part["runs"]]
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(f"{path}: not what --json writes: {error}") from error
    if len(budgets) != 1:
        raise ValueError("these were measured with different budgets")
    return budgets.pop(), runs


def pictures_of(train: Path, validation: Path) -> tuple[Pictures, Pictures]:
    """Return the pictures to learn from and those to look at: generated ones where there are no folders."""
    least = max(SIDE, 128)  # of the crops of training, and of the warm start
    if train.is_dir() or validation.is_dir():
        return open_folder(train, least), open_folder(validation, 16)
    print(f"no folders {train}, {validation}: generated pictures", file=sys.stderr)
    return generate_pictures(0, 64, 192), generate_pictures(1, 16, 256)


if __name__ == "__main__":
    sys.exit(main())
