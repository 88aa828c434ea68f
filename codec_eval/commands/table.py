"""``codec-eval table``: a folder of pictures through codecs at one quality, as Markdown or CSV."""

from __future__ import annotations

import argparse
import sys
import textwrap
from pathlib import Path
from typing import Any

from tqdm import tqdm

from codec_eval.codec import Codec, check_quality
from codec_eval.images import write_atomically
from codec_eval.points import RatePoint
from codec_eval.rate_distortion import picture_paths
from codec_eval.registry import codec_names, make_codec
from codec_eval.table import csv_table, markdown_table, measure_pictures

__all__ = ["add_parser", "run"]

EXAMPLES = """\
  codec-eval table photos                                 our JPEG at quality 75
  codec-eval table photos --codec jpeg-ours --codec webp --quality 50 --out table.csv
  codec-eval table photos --codec my_module:MyCodec       your own codec
"""

DEFAULT_CODEC = "jpeg-ours"
DEFAULT_QUALITY = 75


def add_parser(commands: Any) -> None:
    """Declare the command and its arguments.

    Parameters
    ----------
    commands : the object that `argparse.ArgumentParser.add_subparsers` returns
    """
    table = commands.add_parser(
        "table",
        help="a folder of pictures through codecs: SSIM, PSNR, N_compression, bpp of each, and the average",
        description="Compress every picture of a folder; print what each cost and kept, and the average.\n"
        "Pictures that fail are named, on stderr and in the table, and left out of the average; the\n"
        "exit code is 0 as long as one was measured.",
        epilog="examples:\n" + EXAMPLES + f"\ncodecs:\n  {_listed_codecs()}\n",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    table.add_argument("folder", type=Path, metavar="FOLDER", help="with pictures, 8 bits, grey or RGB")
    table.add_argument(
        "--codec",
        action="extend",
        type=_names,
        metavar="NAME[,NAME…]",
        help=f"a codec below, or module:object; can be given several times (default: {DEFAULT_CODEC})",
    )
    table.add_argument(
        "--quality",
        type=int,
        default=DEFAULT_QUALITY,
        metavar="Q",
        help=f"on each codec's own scale (default: {DEFAULT_QUALITY})",
    )
    table.add_argument(
        "--format",
        choices=("markdown", "csv"),
        help="of the table (default: csv where --out ends in .csv, otherwise markdown)",
    )
    table.add_argument("--out", type=Path, metavar="FILE", help="where to, instead of to the screen")
    table.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Do the command."""
    specs = list(dict.fromkeys(arguments.codec or [DEFAULT_CODEC]))
    codecs = {spec: make_codec(spec) for spec in specs}
    for codec in codecs.values():
        check_quality(codec, arguments.quality)
    paths = picture_paths(arguments.folder)
    out: Path | None = arguments.out
    if out is not None:
        if out.is_dir():
            raise ValueError(f"--out {out}: is a folder, the name of a file is needed")
        out.parent.mkdir(parents=True, exist_ok=True)

    points = _measure(paths, specs, arguments.quality)
    if all(point.error for of_codec in points.values() for point in of_codec):
        first = points[specs[0]][0]
        raise ValueError(f"no picture could be measured; {first.picture}: {first.error}")
    is_csv = arguments.format == "csv" or (
        arguments.format is None and out is not None and out.suffix.lower() == ".csv"
    )
    text = _as_csv(points) if is_csv else _as_markdown(points, codecs)
    if out is None:
        sys.stdout.write(text)
    else:
        write_atomically(out, text.encode("utf-8", "surrogateescape"))
        print(f"Table: {out}")


def _measure(paths: list[Path], specs: list[str], quality: int) -> dict[str, list[RatePoint]]:
    """The points of each codec; failures and what Numba compiles are told on stderr."""
    from jpeg_from_scratch.backend import announce_compilation

    total = len(paths) * len(specs)
    with (
        tqdm(total=total, disable=None, leave=False, file=sys.stderr, unit="picture") as bar,
        announce_compilation(),
    ):

        def step(point: RatePoint) -> None:
            if point.error:
                tqdm.write(f"codec-eval: left out: {point.codec}, {point.picture}: {point.error}", sys.stderr)
            bar.update()

        points = {}
        for spec in specs:
            bar.set_description(spec)
            points[spec] = measure_pictures(paths, spec, quality, step=step)
    return points


def _as_csv(points: dict[str, list[RatePoint]]) -> str:
    return csv_table(point for of_codec in points.values() for point in of_codec)


def _as_markdown(points: dict[str, list[RatePoint]], codecs: dict[str, Codec]) -> str:
    text = "\n".join(markdown_table(of_codec, codecs[spec]) for spec, of_codec in points.items())
    measured = {frozenset(p.picture for p in of_codec if not p.error) for of_codec in points.values()}
    if len(measured) > 1:
        text += "\n**The averages are not over the same pictures: do not compare them.**\n"
    return text


def _names(text: str) -> list[str]:
    """The names between the commas."""
    return [name for name in (part.strip() for part in text.split(",")) if name]


def _listed_codecs() -> str:
    return "\n  ".join(textwrap.wrap(", ".join(codec_names()), 100, break_on_hyphens=False))
