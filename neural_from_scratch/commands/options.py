"""What several commands ask of their arguments: numbers in a range, weights, places that can be written to.

Which model, which of its weights and which step may be said in several ways, not all of which go together:

=====================================  ===========================================================
``--model NAME --quality Q --step S``  shipped weights; each has a default
``--weights FILE --step S``            one's own, which know their model
``--model NAME --bpp R``               or ``--bytes``, ``--psnr``: what is best among the shipped
``--weights FILE --bpp R``             one's own; the step is chosen
=====================================  ===========================================================
"""

from __future__ import annotations

import argparse
import math
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ..codec import DEFAULT_MODEL, DEFAULT_QUALITY
from ..container import MAX_PIXELS
from ..errors import NeuralError
from ..integer_hyperprior import ONE_STEP
from ..models import MODELS

if TYPE_CHECKING:
    from ..weights import Weights

__all__ = [
    "add_effort",
    "add_max_pixels",
    "add_own_weights",
    "add_target",
    "add_weights",
    "check_together",
    "check_writable",
    "chosen_weights",
    "naming",
    "natural",
    "positive",
    "positive_number",
]


def positive(text: str) -> int:
    """Read a whole number from 1 on."""
    if (value := int(_number(text, int))) < 1:
        raise argparse.ArgumentTypeError(f"{text} is not 1 or more")
    return value


def natural(text: str) -> int:
    """Read a whole number from 0 on."""
    if (value := int(_number(text, int))) < 0:
        raise argparse.ArgumentTypeError(f"{text} is not 0 or more")
    return value


def positive_number(most: float = math.inf) -> Callable[[str], float]:
    """Return a reader of numbers above 0 and at most `most`."""

    def read(text: str) -> float:
        value = _number(text, float)
        if not 0 < value <= most or math.isinf(value):  # NaN fails too
            limit = f"above 0 and at most {most:.0f}" if math.isfinite(most) else "a number above 0"
            raise argparse.ArgumentTypeError(f"{text} is not {limit}")
        return value

    return read


def add_weights(parser: argparse.ArgumentParser) -> None:
    """Declare ``--model``, ``--quality``, ``--step``, and ``--weights``, which stands for the first two."""
    parser.add_argument(
        "--model",
        choices=tuple(model.name for model in MODELS.values()),
        metavar="NAME",
        help=f"%(choices)s (default: {DEFAULT_MODEL})",
    )
    parser.add_argument(
        "--quality",
        type=positive,
        metavar="Q",
        help=f"which of its shipped weights: 1 has the fewest bits (default: {DEFAULT_QUALITY})",
    )
    parser.add_argument(
        "--step",
        type=positive,
        metavar="S",
        help=f"with a hyperprior, how coarsely latents are rounded, in {ONE_STEP}ths: more has fewer bits "
        f"(default: {ONE_STEP}, as trained)",
    )
    add_own_weights(parser)


def add_target(parser: argparse.ArgumentParser) -> None:
    """Declare ``--bpp``, ``--bytes`` and ``--psnr``, of which one may be given."""
    target = parser.add_mutually_exclusive_group()
    target.add_argument(
        "--bpp",
        type=positive_number(),
        metavar="R",
        help="choose quality and step: the best picture in so many bits a pixel at most",
    )
    target.add_argument(
        "--bytes", type=positive, dest="n_bytes", metavar="N", help="the same in so many bytes"
    )
    target.add_argument(
        "--psnr", type=positive_number(), metavar="DB", help="the smallest file with at least this PSNR"
    )


def add_effort(parser: argparse.ArgumentParser) -> None:
    """Declare ``--effort``."""
    parser.add_argument(
        "--effort",
        type=natural,
        default=0,
        metavar="N",
        help="steps of a search for better latents, each some three times as long as decoding (default: 0)",
    )


def add_max_pixels(parser: argparse.ArgumentParser) -> None:
    """Declare ``--max-pixels``."""
    parser.add_argument(
        "--max-pixels",
        type=positive,
        default=MAX_PIXELS,
        metavar="N",
        help="refuse larger pictures (default: %(default)s)",
    )


def add_own_weights(parser: argparse._ActionsContainer) -> None:
    """Declare ``--weights``."""
    parser.add_argument(
        "--weights", type=Path, metavar="FILE", help="weights that train made, not shipped ones"
    )


def chosen_weights(arguments: argparse.Namespace) -> Weights:
    """Return the weights that ``--weights``, or ``--model`` and ``--quality`` name.

    Raises
    ------
    OSError, ValueError
        If there are none, or options do not go together.
    """
    from ..weights import load_weights, read_weights

    check_together(arguments)
    if arguments.weights is not None:
        return read_weights(arguments.weights)
    quality = DEFAULT_QUALITY if arguments.quality is None else arguments.quality
    return load_weights(quality, arguments.model or DEFAULT_MODEL)


def check_together(arguments: argparse.Namespace) -> None:
    """Raise `ValueError` for options of which one says what another one says already."""
    given = [name for name in ("bpp", "n_bytes", "psnr") if getattr(arguments, name, None) is not None]
    pairs = [("weights", "model"), ("weights", "quality")]
    for name, other in (*pairs, *((target, other) for target in given for other in ("quality", "step"))):
        if getattr(arguments, name) is not None and getattr(arguments, other) is not None:
            switch = name.removeprefix("n_")
            raise ValueError(f"--{other}: not allowed with --{switch}")


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Put a file's name in front of what is wrong with it."""
    try:
        yield
    except NeuralError as error:
        raise ValueError(f"{path}: {error}") from error


def check_writable(option: str, out: Path) -> None:
    """Raise now what writing a file would raise when the work is done."""
    folder = out.parent
    if out.is_dir():
        raise ValueError(f"{option} {out}: is a folder; name a file")
    if not folder.is_dir():
        raise ValueError(f"{option} {out}: there is no folder {folder}")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise ValueError(f"{option} {out}: the folder {folder} cannot be written to")


def _number(text: str, kind: type[int] | type[float]) -> float:
    try:
        return kind(text)
    except ValueError:
        what = "whole number" if kind is int else "number"
        raise argparse.ArgumentTypeError(f"{text!r} is not a {what}") from None
