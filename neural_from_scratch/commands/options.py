"""What several commands ask of their arguments: numbers in a range, and places that can be written to."""

from __future__ import annotations

import argparse
import math
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ..container import MAX_PIXELS
from ..errors import NeuralError

if TYPE_CHECKING:
    from ..weights import Weights

__all__ = [
    "add_effort",
    "add_max_pixels",
    "add_own_weights",
    "add_weights",
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
    """Declare ``--quality`` and ``--weights``, of which one may be given."""
    which = parser.add_mutually_exclusive_group()
    which.add_argument(
        "--quality", type=positive, metavar="Q", help="which of the shipped weights: 1 has the fewest bits"
    )
    add_own_weights(which)


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
    """Return the weights that ``--quality`` or ``--weights`` names."""
    from ..codec import DEFAULT_QUALITY
    from ..weights import load_weights, read_weights

    if arguments.weights is not None:
        return read_weights(arguments.weights)
    return load_weights(DEFAULT_QUALITY if arguments.quality is None else arguments.quality)


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
