"""``neural-from-scratch eval``: real files of many pictures, as a table."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from ..integer_hyperprior import ONE_STEP
from .options import add_effort, add_weights, chosen_weights

__all__ = ["add_parser", "run"]

EXAMPLES = """\
  neural-from-scratch eval photos                            every picture in a folder
  neural-from-scratch eval a.png b.png --quality 3 --effort 50
  neural-from-scratch eval photos --model scale-hyperprior --quality 3 --step 90
"""


def add_parser(commands: Any) -> None:
    """Declare the command and its arguments."""
    parser = commands.add_parser(
        "eval",
        help="compress many pictures and print what they cost",
        description="Compress and decode each picture, and print bytes, bits a pixel, the model's own\n"
        "estimate of them, PSNR, MS-SSIM and seconds; then the mean. Nothing is written.",
        epilog="examples:\n" + EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("pictures", type=Path, nargs="+", metavar="PICTURE", help="files, or folders of them")
    add_weights(parser)
    add_effort(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Measure each picture; those that cannot be read are named, and left out."""
    from tqdm import tqdm

    from ..data import picture_files
    from ..evaluation import format_table, measure
    from ..pictures import read_picture

    weights, step = chosen_weights(arguments), arguments.step or ONE_STEP
    paths = [file for path in arguments.pictures for file in picture_files(path)]
    found, skipped = [], []
    for path in tqdm(paths, unit="picture", disable=None, leave=False, file=sys.stderr):
        try:
            picture = read_picture(path)
        except (OSError, ValueError) as error:
            skipped.append(str(error))
            continue
        found.append(measure(picture, weights, path.name, arguments.effort, step))
    if not found:
        raise ValueError(f"no picture to measure{': ' + skipped[0] if skipped else ''}")
    print(format_table(found))
    for reason in skipped:
        print(f"left out: {reason}", file=sys.stderr)
