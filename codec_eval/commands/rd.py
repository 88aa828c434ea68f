"""``codec-eval rd``: rate–distortion of codecs on a folder of pictures, as points, BD-rates and a report."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Any

from codec_eval.anchors import KODAK_PICTURES
from codec_eval.averages import AveragePoint, average_points, common_pictures
from codec_eval.bd_rate import bd_rate, decibels
from codec_eval.rate_distortion import SweepSummary, describe_codecs, picture_paths, sweep
from codec_eval.workers import dask_executor

__all__ = ["add_parser", "run"]

EXAMPLES = """\
  codec-eval rd photos --out report                       five codecs, eight qualities each
  codec-eval rd photos --codecs jpeg-ours,webp,my_package:codec --qualities 10,30,50,70,90
  codec-eval rd photos --codecs jpeg-ours,factorized-prior --qualities jpeg-ours=10,30,50,70,90
  codec-eval rd photos --dask tcp://scheduler:8786        the same on a Dask cluster
"""

DEFAULT_CODECS = "jpeg-ours,jpeg-pillow,jpeg-pillow-optimised,jpeg2000,webp"


def add_parser(commands: Any) -> None:
    """Declare the command and its arguments.

    Parameters
    ----------
    commands : the object that `argparse.ArgumentParser.add_subparsers` returns
    """
    rd = commands.add_parser(
        "rd",
        help="rate–distortion of codecs on a folder of pictures: curves, BD-rates, speed, a report",
        description="Measure every picture of a folder through every codec at every quality, and write a\n"
        "report. Points are kept in points.csv as they come: after a stop, the same command goes on;\n"
        "points that failed are tried again. Times are of one run each, after one that is not timed.",
        epilog="examples:\n" + EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    rd.add_argument("folder", type=Path, metavar="FOLDER", help="with pictures, 8 bits, grey or RGB")
    rd.add_argument(
        "--codecs",
        type=_names,
        default=_names(DEFAULT_CODECS),
        metavar="NAME[,NAME…]",
        help="what to measure, names or module:object; the first is what BD-rates are against "
        f"(default: {DEFAULT_CODECS})",
    )
    rd.add_argument(
        "--qualities",
        action="append",
        type=_qualities,
        metavar="[NAME=]Q[,Q…]",
        help="for every codec, or for one; can be given several times (default: eight over the useful range "
        "of each, and all of a codec that has a few only)",
    )
    where = rd.add_mutually_exclusive_group()
    where.add_argument("--jobs", type=int, metavar="N", help="processes (default: as many as processors)")
    where.add_argument(
        "--dask",
        metavar="ADDRESS",
        help="scheduler of a Dask cluster that sees FOLDER under the same path; workers of one thread each "
        "give the best times",
    )
    rd.add_argument(
        "--anchors",
        action=argparse.BooleanOptionalAction,
        help="published curves beside ours; they are means over the 24 Kodak pictures (default: if FOLDER "
        "holds those)",
    )
    rd.add_argument(
        "--out",
        type=Path,
        default=Path("report"),
        metavar="DIR",
        help="folder for points and report, made if needed (default: report)",
    )
    rd.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Do the command."""
    folder, out = arguments.folder, arguments.out
    names = tuple(path.name for path in picture_paths(folder))
    anchors = names == KODAK_PICTURES if arguments.anchors is None else arguments.anchors
    if out.exists() and not out.is_dir():
        raise ValueError(f"--out {out}: not a folder")
    cluster = (
        dask_executor(arguments.dask, partial(describe_codecs, arguments.codecs))
        if arguments.dask
        else nullcontext()
    )
    points_csv = out / "points.csv"
    try:
        with cluster as executor:
            summary = sweep(
                folder,
                arguments.codecs,
                _by_codec(arguments.qualities, arguments.codecs),
                points_csv,
                jobs=arguments.jobs,
                executor=executor,
            )
    except KeyboardInterrupt:
        print(
            f"codec-eval: what is measured is kept in {points_csv}; the same command goes on from there",
            file=sys.stderr,
        )
        raise
    averages = average_points(summary.points)
    if not averages:
        raise ValueError(f"no point could be measured: {points_csv} says why")
    from codec_eval.report import write_report  # brings Matplotlib along, which a failed sweep does not need

    written = write_report(points_csv, folder, out, anchors=anchors)
    _print_summary(summary, points_csv)
    for measure, label in (("psnr", "PSNR"), ("ms_ssim", "MS-SSIM")):
        print("\n".join(["", *bd_lines(averages, measure, label)]))
    pages = [str(path) for path in written if path.suffix in (".html", ".md")]
    print(f"\nReport: {', '.join(pages)}, and {len(written) - len(pages)} figures")


def bd_lines(averages: Sequence[AveragePoint], measure: str, label: str) -> list[str]:
    """Return BD-rates against the first codec as lines: interval and numbers of points, or why there is none.

    Parameters
    ----------
    averages : sequence of AveragePoint
    measure : str
        ``"psnr"``, or ``"ms_ssim"``, which is compared in decibels.
    label : str
        Its name.
    """
    curves: dict[str, tuple[list[float], list[float]]] = {}
    for point in averages:
        rates, qualities = curves.setdefault(point.codec, ([], []))
        value = getattr(point, measure)
        if value is not None:
            rates.append(point.bpp)
            qualities.append(value if measure == "psnr" else float(decibels(value)))
    anchor, *others = curves
    lines = [f"BD-rate against {anchor} at equal {label}; below 0 is fewer bits"]
    width = max(map(len, curves))
    for name in others:
        try:
            result = bd_rate(*curves[anchor], *curves[name])
        except ValueError as error:
            lines.append(f"  {name.ljust(width)}       –    {error}")
            continue
        low, high = result.interval
        lines.append(
            f"  {name.ljust(width)}  {result.percent:+7.1f} %  {low:.1f} to {high:.1f} dB, "
            f"{result.points_a} points of {anchor} and {result.points_b} of {name} inside"
        )
    return lines


def _print_summary(summary: SweepSummary, points_csv: Path) -> None:
    points = summary.points
    pictures = list(dict.fromkeys(point.picture for point in points))
    print(
        f"{len(pictures)} pictures, {len({point.codec for point in points})} codecs, {len(points)} points: "
        f"{summary.measured} measured in {summary.seconds:.1f} s, {summary.reused} taken over, "
        f"{summary.failed} failed"
    )
    if summary.failed:
        print(f"What failed stands in {points_csv} with its reason; the same command tries it again.")
    common = common_pictures(points)
    if len(common) < len(pictures):
        whose = f"the {len(common)} that every codec finished" if common else "each codec's own"
        print(f"Averages are over {whose}.")


def _names(text: str) -> list[str]:
    """The parts of a list with commas, each once."""
    names = list(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))
    if not names:
        raise argparse.ArgumentTypeError("a name is needed")
    return names


def _qualities(text: str) -> tuple[str, list[int]]:
    """The codec's name, "" where it is left out, and its qualities."""
    name, _, numbers = text.rpartition("=")
    try:
        return name.strip(), [int(part) for part in _names(numbers)]
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r}: whole numbers with commas between are needed") from None


def _by_codec(given: list[tuple[str, list[int]]] | None, codecs: Sequence[str]) -> dict[str, list[int]]:
    """The qualities of each codec that has been given some; a codec's own go before those for every codec."""
    asked = dict(given or [])
    for_all = asked.pop("", None)
    return asked if for_all is None else dict.fromkeys(codecs, for_all) | asked
