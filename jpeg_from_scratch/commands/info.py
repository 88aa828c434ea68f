"""``jpeg-from-scratch info``: what is where in a file, on one screen."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from ..microscope import describe
from .files import named, read_bytes

__all__ = ["EXAMPLES", "add_parser", "run"]

EXAMPLES = """\
  jpeg-from-scratch info photo.jpg
"""


def add_parser(commands: Any) -> None:
    """Declare the command and its arguments."""
    info = commands.add_parser(
        "info",
        help="show what is where in a JPEG file",
        description="Show what is where in a JPEG file.",
        epilog="examples:\n" + EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    info.add_argument("input", metavar="FILE", help="the JPEG file; - for stdin")
    info.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Print the description."""
    with named(arguments.input):
        print(describe(read_bytes(arguments.input), Path(arguments.input).name))
