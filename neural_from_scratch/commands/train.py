"""``neural-from-scratch train``: weights from a folder of pictures, or from none at all."""

from __future__ import annotations

import argparse
import shlex
import sys
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..codec import DEFAULT_MODEL
from ..models import MODELS
from .options import check_writable, natural, positive, positive_number

if TYPE_CHECKING:
    from ..arrays import Array
    from ..data import Pictures
    from ..models import TransformCodec
    from ..train import Settings, Trainer
    from ..weights import Weights

__all__ = ["add_parser", "run"]

EXAMPLES = """\
  neural-from-scratch train --data photos --lambda 0.013 --steps 16000 --out mine.npz
  neural-from-scratch train --data photos --lambda 0.025 --steps 4000 --start mine.npz --out finer.npz
  neural-from-scratch train --data photos --lambda 0.013 --model mean-scale-hyperprior --start mine.npz \\
      --out told.npz
  neural-from-scratch train --lambda 0.013 --steps 500 --out leaves.npz      without any pictures
  neural-from-scratch compress photo.png --weights mine.npz
"""
GENERATED = 128  # pictures of dead leaves where there is no folder
MS_SSIM_SCALE = (
    1280  # λ of 1 − MS-SSIM by λ of 255² · MSE, for about the same rate (CompressAI's: 16.64, 0.013)
)
COUNTED = 1024  # squares, for the tables of a hyperprior
VALIDATED = 12  # pictures that are looked at along the way


def add_parser(commands: Any) -> None:
    """Declare the command and its arguments."""
    parser = commands.add_parser(
        "train",
        help="learn weights from a folder of pictures",
        description="Train a model for one rate, and write weights that compress takes.\n"
        "A checkpoint stands beside them until training is over; the same command goes on from it.",
        epilog="examples:\n" + EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    rate = parser.add_argument_group("what to learn")
    rate.add_argument(
        "--lambda",
        dest="weight",
        type=positive_number(),
        required=True,
        metavar="L",
        help="how much 255² · MSE weighs beside bits: 0.0018 gives few bits, 0.05 many",
    )
    rate.add_argument("--steps", type=natural, default=16000, metavar="N", help="default: %(default)s")
    rate.add_argument("--out", type=Path, required=True, metavar="FILE", help="the weights, .npz")
    rate.add_argument("--distortion", choices=("mse", "ms-ssim"), default="mse", help="default: %(default)s")
    rate.add_argument(
        "--model",
        choices=tuple(model.name for model in MODELS.values()),
        default=DEFAULT_MODEL,
        metavar="NAME",
        help="%(choices)s (default: %(default)s)",
    )
    rate.add_argument("--width", type=positive, default=64, metavar="N", help="channels inside (default: 64)")
    rate.add_argument(
        "--latents", type=positive, default=96, metavar="M", help="channels of the latents (default: 96)"
    )
    rate.add_argument(
        "--start",
        type=Path,
        metavar="WEIGHTS",
        help="begin with these weights, of another λ, or the transforms of another model (default: a linear "
        "transform from statistics)",
    )
    rate.add_argument(
        "--alone",
        type=natural,
        default=4000,
        metavar="N",
        help="quick steps of a hyperprior first, while the transforms stay, where --start has only these; "
        "they have no checkpoint (default: %(default)s)",
    )
    rate.add_argument(
        "--finish",
        type=natural,
        default=4000,
        metavar="N",
        help="such steps last, after --steps of everything together (default: %(default)s)",
    )
    data = parser.add_argument_group("pictures")
    data.add_argument(
        "--data", type=Path, metavar="FOLDER", help="to learn from (default: generated ones of dead leaves)"
    )
    data.add_argument(
        "--validate",
        type=Path,
        metavar="FOLDER",
        help="to look at along the way, as real files; never learned",
    )
    data.add_argument("--batch", type=positive, default=8, metavar="N", help="crops a step (default: 8)")
    data.add_argument(
        "--side", type=positive, metavar="N", help="their rows and columns (default: 128; for ms-ssim 192)"
    )
    how = parser.add_argument_group("how")
    how.add_argument(
        "--rate", type=positive_number(), default=1e-3, metavar="R", help="of Adam (default: 0.001)"
    )
    how.add_argument("--seed", type=natural, default=0, metavar="N", help="default: 0")
    how.add_argument("--every", type=positive, default=1000, metavar="N", help="steps between checkpoints")
    how.add_argument(
        "--checkpoint", type=Path, metavar="FILE", help="default: that of --out with .checkpoint.npz"
    )
    how.add_argument("--device", choices=("cpu", "gpu"), default="cpu", help="gpu: through CuPy (extra gpu)")
    how.add_argument("--plot", type=Path, metavar="FIGURE", help="curves of the training, .png, .svg or .pdf")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Prepare, train, and write weights with a card that says how they were made."""
    from ..data import generate_pictures, open_folder
    from ..hyper_start import SIDE as ALONE_SIDE
    from ..train import Settings, Trainer, train
    from ..weights import make_weights, read_weights, write_weights

    out: Path = arguments.out
    checkpoint: Path = arguments.checkpoint or out.with_suffix(".checkpoint.npz")
    for option, path in (("--out", out), ("--checkpoint", checkpoint), ("--plot", arguments.plot)):
        if path is not None:
            check_writable(option, path)
    form = _figure_format(arguments.plot)
    if not arguments.steps:
        _check_alone(arguments)
    settings = Settings(
        arguments.weight,
        arguments.steps,
        distortion=arguments.distortion,
        batch=arguments.batch,
        side=arguments.side or (128 if arguments.distortion == "mse" else 192),
        rate=arguments.rate,
        seed=arguments.seed,
    )
    start = None if arguments.start is None else read_weights(arguments.start)
    validation = _Validation(arguments.validate)
    least = max(ALONE_SIDE if _is_hyperprior(arguments.model) else 1, settings.side)
    if arguments.data is None:
        pictures = generate_pictures(settings.seed, GENERATED, max(256, least))
    else:
        pictures = open_folder(arguments.data, least)
    for name, reason in pictures.skipped:
        print(f"left out: {name}: {reason}", file=sys.stderr)
    model = _first_model(arguments, settings, start, None if checkpoint.is_file() else pictures)
    sizes = _step_sizes(model, pictures, settings.seed)
    if arguments.device == "gpu":
        model.to(_cupy())
    trainer = Trainer(model, pictures, settings, sizes)
    if checkpoint.is_file():
        trainer.resume(checkpoint)
        print(f"going on from step {trainer.steps_done} of {checkpoint}", file=sys.stderr)
    train(trainer, checkpoint, every=arguments.every, progress=sys.stderr.isatty(), look=validation.look)
    _learn_alone(model, pictures, settings.seed, arguments.finish, last=True)
    weights = make_weights(model.state_dict(), {"lambda": settings.weight})
    if _is_hyperprior(arguments.model):
        weights = _with_fitted_tables(weights, pictures, settings.seed)
        validation.look(trainer, weights)
    seen = trainer.notes.get("validation", [])
    card = {
        "model": model.describe(),
        "lambda": settings.weight,
        "distortion": settings.distortion,
        "steps": settings.steps,
        "batch": settings.batch,
        "side": settings.side,
        "rate": settings.rate,
        "seed": settings.seed,
        "pictures": len(pictures),
        "data": "dead leaves" if arguments.data is None else arguments.data.name,
        **({"alone": arguments.alone, "finish": arguments.finish} if sizes else {}),
        "start": "linear transform" if arguments.start is None else arguments.start.name,
        "hours": round(trainer.notes["seconds"] / 3600, 2),
        "command": shlex.join(["neural-from-scratch", *sys.argv[1:]]),
        "validation": seen[-1] if seen else None,
    }
    write_weights(out, replace(weights, card=card))
    if form is not None:
        from ..pictures import write_atomically
        from ..plots import render
        from ..plots.training import plot_training

        figure = plot_training(trainer.curves, settings, out.name, _points(seen, settings))
        write_atomically(arguments.plot, render(figure, form))
    checkpoint.unlink(missing_ok=True)
    print(f"{out}: {_summary(trainer, arguments.alone + arguments.finish)}")


def _is_hyperprior(name: str) -> bool:
    """Whether a model of this name has layers that learn alone."""
    from ..models import model_named
    from ..models.hyperprior import Hyperprior

    return issubclass(model_named(name), Hyperprior)


def _check_alone(arguments: argparse.Namespace) -> None:
    """Raise `ValueError` unless this model can be made in no steps of training everything."""
    if not _is_hyperprior(arguments.model):
        raise ValueError(f"--steps 0: {arguments.model} has no layers that learn alone")
    if arguments.start is None:
        raise ValueError("--steps 0: transforms are needed: --start")
    if arguments.plot is not None:
        raise ValueError("--plot: with --steps 0 there are no curves")


def _summary(trainer: Trainer, alone: int) -> str:
    """Return what the last line says."""
    settings, last = trainer.settings, slice(-100, None)
    if not settings.steps:
        return f"{alone} steps of the hyperprior alone, λ = {settings.weight:g}"
    return (
        f"{settings.steps} steps, λ = {settings.weight:g}; the last hundred: "
        f"loss {trainer.curves['loss'][last].mean():.4f}, {trainer.curves['bpp'][last].mean():.4f} bpp"
    )


def _first_model(
    arguments: argparse.Namespace, settings: Settings, start: Weights | None, pictures: Pictures | None
) -> TransformCodec:
    """Return a model with the weights to begin with; without pictures, any weights: a checkpoint follows."""
    from .. import seeds
    from ..models import model_named
    from ..warm_start import change_weight, warm_start

    cls: Any = model_named(arguments.model)
    model: TransformCodec = cls(
        arguments.width, arguments.latents, rng=seeds.stream(settings.seed, "weights")
    )
    if pictures is None:
        return model
    side = min(settings.side, 128)
    if start is None:
        alike = 1 if settings.distortion == "mse" else MS_SSIM_SCALE
        warm_start(model, pictures, settings.weight / alike, settings.seed, side=side)
        _learn_alone(model, pictures, settings.seed, arguments.alone)
        return model
    state = start.model.state_dict()
    is_other = type(start.model) is not cls
    if is_other:
        transforms = {name: array for name, array in state.items() if name.startswith(("g_a.", "g_s."))}
        state = model.state_dict() | transforms
    try:
        model.load_state_dict(state)
    except ValueError as error:
        raise ValueError(f"--start {arguments.start}: {error}") from error
    if start.card.get("distortion", "mse") == settings.distortion:
        change_weight(model, start.weight, settings.weight)
    if is_other:
        _learn_alone(model, pictures, settings.seed, arguments.alone)
    return model


def _learn_alone(
    model: TransformCodec, pictures: Pictures, seed: int, steps: int, last: bool = False
) -> bool:
    """Let what a hyperprior has besides its transforms learn; False where there is none, or nothing to do."""
    from ..hyper_start import latents_of_squares, learn_alone
    from ..models.hyperprior import Hyperprior

    if not isinstance(model, Hyperprior) or (last and not steps):
        return False
    model.to(np)
    latents = latents_of_squares(model, pictures, seed)
    shown = sys.stderr.isatty()
    learn_alone(model, latents, seed, steps, from_nothing=not last, progress=shown)
    return True


def _with_fitted_tables(weights: Weights, pictures: Pictures, seed: int) -> Weights:
    """Return the weights of a hyperprior with tables that are counted on squares of the pictures."""
    from ..fitted_tables import fit_tables
    from ..hyper_start import latents_of_squares
    from ..models.hyperprior import Hyperprior

    assert isinstance(weights.model, Hyperprior)
    return fit_tables(weights, latents_of_squares(weights.model, pictures, seed, squares=COUNTED))


def _step_sizes(model: TransformCodec, pictures: Pictures, seed: int) -> Mapping[str, Array] | None:
    """Return the sizes of a hyperprior's steps; a checkpoint has its own, and these are not looked at."""
    from ..hyper_start import FEW, latents_of_squares, step_sizes
    from ..models.hyperprior import Hyperprior

    if not isinstance(model, Hyperprior):
        return None
    return step_sizes(model, latents_of_squares(model, pictures, seed, squares=FEW))


class _Validation:
    """Looks at pictures that are never learned, as real files, and at the clock.

    What it sees is noted with the checkpoint.
    """

    def __init__(self, folder: Path | None) -> None:
        from ..data import picture_files
        from ..pictures import read_picture

        paths = [] if folder is None else list(picture_files(folder))
        paths = paths[:: max(1, len(paths) // VALIDATED)][:VALIDATED]
        self._pictures = [read_picture(path) for path in paths]
        self._then = time.monotonic()

    def look(self, trainer: Trainer, weights: Weights | None = None) -> None:
        """Measure, remember, and print a line; the weights are the trainer's if not given."""
        from ..evaluation import mean_of, measure
        from ..weights import make_weights

        now = time.monotonic()
        trainer.notes["seconds"] = trainer.notes.get("seconds", 0) + now - self._then
        self._then = now
        if not self._pictures:
            return
        if weights is None:
            weights = make_weights(trainer.model.state_dict(), {"lambda": trainer.settings.weight})
        mean = mean_of([measure(picture, weights) for picture in self._pictures])
        found = {"step": trainer.steps_done, "bpp": mean.bpp, "psnr": mean.psnr, "ms_ssim": mean.ms_ssim}
        trainer.notes.setdefault("validation", []).append(found)
        print(
            f"step {trainer.steps_done}: {mean.bpp:.4f} bpp, PSNR {mean.psnr:.3f} dB, MS-SSIM "
            f"{mean.ms_ssim:.4f} on {len(self._pictures)} pictures",
            file=sys.stderr,
        )


def _points(seen: list[dict[str, float]], settings: Settings) -> list[tuple[int, float, float]]:
    """Return (step, bpp, PSNR) of each look; MS-SSIM where that is what is trained."""
    quality = "psnr" if settings.distortion == "mse" else "ms_ssim"
    return [(int(look["step"]), look["bpp"], look[quality]) for look in seen]


def _figure_format(path: Path | None) -> str | None:
    from ..plots import figure_format

    return None if path is None else figure_format(path)


def _cupy() -> Any:
    try:
        import cupy
    except ImportError:
        raise ValueError("--device gpu: CuPy is not installed (extra gpu)") from None
    return cupy
