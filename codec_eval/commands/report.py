"""``codec-eval report``: the report of a sweep once more, from its points."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

__all__ = ["EXAMPLES", "add_parser", "run"]

EXAMPLES = """\
  codec-eval report report/points.csv photos            the report of a sweep, made again
"""


def add_parser(commands: Any) -> None:
    """Declare the command and its arguments.

    Parameters
    ----------
    commands : the object that `argparse.ArgumentParser.add_subparsers` returns
    """
    report = commands.add_parser(
        "report",
        help="make the report of a sweep again, from its points",
        description="Make the report from the points.csv of `codec-eval rd`: a page, the same as Markdown,\n"
        "and the figures. Nothing is measured; the folder of pictures is for the strip alone.",
        epilog="examples:\n" + EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    report.add_argument("points", type=Path, metavar="POINTS.CSV", help="of a sweep")
    report.add_argument("folder", type=Path, metavar="FOLDER", help="the pictures that were measured")
    report.add_argument(
        "--anchors",
        action="store_true",
        help="draw published curves too; they are of the 24 Kodak pictures, and the report says so",
    )
    report.add_argument(
        "--out",
        type=Path,
        metavar="DIR",
        help="folder for the report, made if needed (default: where the points are)",
    )
    report.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Do the command."""
    from codec_eval.report import write_report  # brings Matplotlib along

    out = arguments.points.parent if arguments.out is None else arguments.out
    if out.exists() and not out.is_dir():
        raise ValueError(f"--out {out}: not a folder")
    written = write_report(arguments.points, arguments.folder, out, anchors=arguments.anchors)
    print("\n".join(map(str, written)))
