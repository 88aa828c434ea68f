"""``codec-eval table``: pictures through codecs at one quality each, as Markdown or CSV.

With ``--match-bytes`` the other codecs appear once more, at the bytes of one of them.
"""

from __future__ import annotations

import argparse
import sys
import textwrap
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tqdm import tqdm

from codec_eval.codec import Codec
from codec_eval.commands.settings import DEFAULT_QUALITY, parse_settings, settled_quality
from codec_eval.images import write_atomically
from codec_eval.points import RatePoint
from codec_eval.rate_distortion import PICTURE_SUFFIXES, picture_paths
from codec_eval.registry import codec_names, make_codec
from codec_eval.table import Section, csv_table, markdown_table, measure_pictures
from codec_eval.table_pairs import averages_table, measure_matched, pairs_table

__all__ = ["add_parser", "run"]

EXAMPLES = """\
  codec-eval table photos                                 our JPEG at quality 75
  codec-eval table photos --codec jpeg-ours --codec webp --quality 50 --out table.csv
  codec-eval table photos --codec my_module:MyCodec       your own codec
  codec-eval table photos --codec jpeg-ours@75,factorized-prior@4 --match-bytes factorized-prior
                                                          each as it is, then JPEG at the network's bytes
"""

DEFAULT_CODEC = "jpeg-ours"


def add_parser(commands: Any) -> None:
    """Declare the command and its arguments.

    Parameters
    ----------
    commands : the object that `argparse.ArgumentParser.add_subparsers` returns
    """
    table = commands.add_parser(
        "table",
        help="pictures through codecs: SSIM, PSNR, N_compression, bpp of each, and the average",
        description="Compress every picture of a folder; print what each cost and kept, and the average.\n"
        "Pictures that fail are named, on stderr and in the table, and left out of the average; the\n"
        "exit code is 0 as long as one was measured.",
        epilog="examples:\n" + EXAMPLES + f"\ncodecs:\n  {_listed_codecs()}\n",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    table.add_argument(
        "pictures",
        nargs="+",
        type=Path,
        metavar="FOLDER",
        help="with pictures, 8 bits, grey or RGB; or pictures by name",
    )
    table.add_argument(
        "--codec",
        action="extend",
        type=parse_settings,
        metavar="NAME[@Q][,NAME…]",
        help="a codec below, or module:object, behind @ its quality; can be given several times "
        f"(default: {DEFAULT_CODEC})",
    )
    table.add_argument(
        "--quality",
        type=int,
        metavar="Q",
        help=f"on each codec's own scale, where none is named (default: {DEFAULT_QUALITY}, or the middle of "
        "a codec's that has no such quality)",
    )
    table.add_argument(
        "--match-bytes",
        type=_one_setting,
        metavar="NAME[@Q]",
        help="measure the other codecs once more, each picture at the quality whose file is nearest in "
        "length to that of this one",
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
    asked = arguments.codec or [(DEFAULT_CODEC, None)]
    reference = _reference(asked, arguments.match_bytes)
    asked = list(dict.fromkeys([*asked, *([reference] if reference else [])]))
    codecs = {spec: make_codec(spec) for spec, _ in asked}

    def settled(spec: str, own: int | None) -> tuple[str, int]:
        return spec, settled_quality(codecs[spec], own, arguments.quality)

    settings = list(dict.fromkeys(settled(*setting) for setting in asked))
    matched_to = settled(*reference) if reference else None
    others = [spec for spec in codecs if matched_to is not None and spec != matched_to[0]]
    if matched_to is not None and not others:
        raise ValueError(f"--match-bytes {matched_to[0]}: there is no other codec to match")
    paths = _paths(arguments.pictures)
    out: Path | None = arguments.out
    if out is not None:
        if out.is_dir():
            raise ValueError(f"--out {out}: is a folder, the name of a file is needed")
        out.parent.mkdir(parents=True, exist_ok=True)

    sections = _measure(paths, settings, matched_to, others)
    if not any(section.measured for section in sections):
        first = sections[0].points[0]
        raise ValueError(f"no picture could be measured; {first.picture}: {first.error}")
    is_csv = arguments.format == "csv" or (
        arguments.format is None and out is not None and out.suffix.lower() == ".csv"
    )
    text = csv_table(sections) if is_csv else _as_markdown(sections, codecs)
    if out is None:
        sys.stdout.write(text)
    else:
        write_atomically(out, text.encode("utf-8", "surrogateescape"))
        print(f"Table: {out}")


def _measure(
    paths: list[Path], settings: list[tuple[str, int]], matched_to: tuple[str, int] | None, others: list[str]
) -> list[Section]:
    """All sections; failures and what Numba compiles are told on stderr."""
    from jpeg_from_scratch.backend import announce_compilation

    total = len(paths) * (len(settings) + len(others))
    with (
        tqdm(total=total, disable=None, leave=False, file=sys.stderr, unit="picture") as bar,
        announce_compilation(),
    ):

        def step(point: RatePoint) -> None:
            if point.error:
                tqdm.write(f"codec-eval: left out: {point.codec}, {point.picture}: {point.error}", sys.stderr)
            bar.update()

        sections = {}
        for spec, quality in settings:
            bar.set_description(spec)
            sections[spec, quality] = Section(measure_pictures(paths, spec, quality, step=step))
        matched = []
        for spec in others:
            assert matched_to is not None
            bar.set_description(f"{spec}, matched")
            matched.append(measure_matched(paths, spec, sections[matched_to], step=step))
    return [*sections.values(), *matched]


def _as_markdown(sections: Sequence[Section], codecs: dict[str, Codec]) -> str:
    parts = [
        (markdown_table if section.reference is None else pairs_table)(section, codecs[section.codec])
        for section in sections
    ]
    if any(section.reference for section in sections):
        parts.append(averages_table(sections))
    text = "\n".join(parts)
    if len({frozenset(point.picture for point in section.measured) for section in sections}) > 1:
        text += "\n**The averages are not over the same pictures: do not compare them.**\n"
    return text


def _reference(
    asked: list[tuple[str, int | None]], wanted: tuple[str, int | None] | None
) -> tuple[str, int | None] | None:
    """What is to be matched; its quality may stand with ``--codec``."""
    if wanted is None or wanted[1] is not None:
        return wanted
    there = [setting for setting in dict.fromkeys(asked) if setting[0] == wanted[0]]
    if len(there) > 1:
        raise ValueError(f"--match-bytes {wanted[0]}: at which of its qualities? {wanted[0]}@Q says it")
    return there[0] if there else wanted


def _paths(given: Sequence[Path]) -> list[Path]:
    """The pictures of folders, and those given by name, each once."""
    found: list[Path] = []
    for path in given:
        is_picture = path.suffix.lower() in PICTURE_SUFFIXES and path.is_file()
        found += [path] if is_picture else picture_paths(path)
    found = list(dict.fromkeys(found))
    twice = [name for name, times in Counter(path.name for path in found).items() if times > 1]
    if twice:
        raise ValueError(f"two pictures are called {twice[0]}: a table could not tell them apart")
    return found


def _one_setting(text: str) -> tuple[str, int | None]:
    settings = parse_settings(text)
    if len(settings) != 1:
        raise argparse.ArgumentTypeError(f"{text!r}: one codec is needed")
    return settings[0]


def _listed_codecs() -> str:
    return "\n  ".join(textwrap.wrap(", ".join(codec_names()), 100, break_on_hyphens=False))
