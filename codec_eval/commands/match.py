"""``codec-eval match``: every codec to the same bytes, rate or PSNR, as files, a table and a strip."""

from __future__ import annotations

import argparse
import math
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tqdm import tqdm

from codec_eval import metrics
from codec_eval.codec import Codec, qualities_of
from codec_eval.commands.settings import file_part
from codec_eval.images import Picture, read_picture, write_atomically
from codec_eval.plots import render_png
from codec_eval.rate_control import Match, Target, match_quality
from codec_eval.registry import codec_names, make_codec
from codec_eval.strip import build_strip, strip_figure

__all__ = ["EXAMPLES", "add_parser", "run"]

EXAMPLES = """\
  codec-eval match photo.png --bpp 0.5                  same bits: who looks better?
  codec-eval match photo.png --psnr 35                  same quality: who is smaller?
  codec-eval match photo.png --bytes 30000 --codecs jpeg-ours,webp --out matched
"""

_CROP = (96, 72)  # less slender than on a page, which has to fit a phone
_FEW = 20  # qualities: some per cent of the bytes from one to the next
_USUAL = ("jpeg-ours", "jpeg-ours-optimised", "jpeg2000", "webp", "avif")


def add_parser(commands: Any) -> None:
    """Declare the command and its arguments.

    Parameters
    ----------
    commands : the object that `argparse.ArgumentParser.add_subparsers` returns
    """
    match = commands.add_parser(
        "match",
        help="one photograph, every codec at the same bytes, bits per pixel or PSNR",
        description="Find for each codec the quality that meets a target: the most bytes that are not above\n"
        "a number of bytes or bits per pixel, the lowest PSNR that is not below one. Writes the\n"
        "files, prints a table, and draws a strip: the same piece of each, and what was lost.",
        epilog="examples:\n" + EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    match.add_argument("photo", type=Path, metavar="PHOTO", help="a picture, 8 bits, grey or RGB")
    target = match.add_mutually_exclusive_group(required=True)
    target.add_argument("--bpp", type=float, metavar="R", help="bits per pixel, of the whole file")
    target.add_argument("--bytes", type=int, metavar="N", help="bytes, of the whole file")
    target.add_argument("--psnr", type=float, metavar="DB", help="dB, over all samples")
    match.add_argument(
        "--codecs",
        metavar="LIST",
        help="names with commas between, or module:object "
        f"(default: {','.join(_USUAL)}, those that are here; known: {', '.join(codec_names())})",
    )
    match.add_argument(
        "--out",
        type=Path,
        default=Path("codec-eval-out"),
        metavar="DIR",
        help="folder for the files, made if needed (default: codec-eval-out)",
    )
    match.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Do the command."""
    target = next(
        Target(kind, getattr(arguments, kind))
        for kind in ("bytes", "bpp", "psnr")
        if getattr(arguments, kind) is not None
    )
    codecs = [make_codec(spec) for spec in _specs(arguments.codecs)]
    _match(arguments.photo, target, codecs, arguments.out)


def format_matches(matches: Sequence[Match], picture: Picture) -> str:
    """Lay the matches out as one table, numbers aligned on the right.

    Parameters
    ----------
    matches : sequence of Match
        One a row.
    picture : Picture
        The original, for SSIM.

    Returns
    -------
    str
        Lines without a final newline; what is to be said about a row stands behind it.
    """
    header = ("codec", "quality", "bytes", "bpp", "PSNR dB", "SSIM", "off target")
    rows = [
        (
            m.codec.name,
            str(m.trial.quality),
            f"{m.trial.n_bytes:,}",
            f"{m.trial.bits_per_pixel:.3f}",
            f"{m.trial.psnr:.2f}" if math.isfinite(m.trial.psnr) else "∞",
            _ssim(picture, m),
            _distance(m),
        )
        for m in matches
    ]
    widths = [max(len(cell) for cell in column) for column in zip(header, *rows)]
    lines = [
        "  ".join([row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:]))])
        for row in (header, *rows)
    ]
    remarks = ["", *(_remark(match) for match in matches)]
    lines = [f"{line}  {remark}".rstrip() for line, remark in zip(lines, remarks)]
    return "\n".join([lines[0], "─" * len(lines[0]), *lines[1:]])


def _specs(text: str | None) -> list[str]:
    """The codecs asked for, each once, in the order given."""
    if text is None:
        known = codec_names()
        return [name for name in _USUAL if name in known]
    specs = list(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))
    if not specs:
        raise ValueError("--codecs: no name given")
    return specs


def _match(photo: Path, target: Target, codecs: Sequence[Codec], out: Path) -> None:
    """Search, write, print: the whole command."""
    from jpeg_from_scratch.backend import announce_compilation

    picture = read_picture(photo)
    if out.exists() and not out.is_dir():
        raise ValueError(f"--out {out}: not a folder")
    out.mkdir(parents=True, exist_ok=True)
    matches = []
    with announce_compilation(), tqdm(disable=None, leave=False, file=sys.stderr, unit="file") as progress:
        for codec in codecs:
            progress.set_description(codec.name)
            matches.append(match_quality(codec, picture.pixels, target, step=progress.update))

    stem = Path(picture.name).stem
    written = [out / f"{stem}-{file_part(m.codec.name)}-q{m.trial.quality}{m.codec.suffix}" for m in matches]
    for path, match in zip(written, matches):
        write_atomically(path, match.trial.data)
    strip_path = out / f"{stem}-strip.png"
    strip = build_strip(picture.name, picture.pixels, matches, crop=_CROP)
    with warnings.catch_warnings():
        # A file's name may hold characters that the figure's font lacks: it draws a box.
        warnings.filterwarnings("ignore", message=r"Glyph .* missing from (current )?font")
        write_atomically(strip_path, render_png(strip_figure(strip)))
    _print_report(picture, target, matches)
    print(f"\nFiles in {out}: {', '.join(path.name for path in written)}\nStrip: {strip_path}")


def _print_report(picture: Picture, target: Target, matches: Sequence[Match]) -> None:
    height, width = picture.pixels.shape[:2]
    side = "nearest not below it" if target.kind == "psnr" else "nearest not above it"
    print(f"{picture.name}: {width} × {height}; target {target}, {side}")
    for note in picture.notes:
        print(f"Note: {note}")
    print(f"\n{format_matches(matches, picture)}\n")
    longest = max(len(m.codec.name) for m in matches)
    for m in matches:
        print(f"{m.codec.name.ljust(longest)}  {m.codec.description}")


def _ssim(picture: Picture, match: Match) -> str:
    if min(picture.pixels.shape[:2]) < metrics.SSIM_WINDOW:
        return "–"
    return f"{metrics.ssim(picture.pixels, match.trial.decoded, data_range=255):.4f}"


def _distance(match: Match) -> str:
    if match.target.kind == "psnr":
        return f"{match.distance:+.2f} dB"
    return f"{100 * match.distance:+.1f} %"


def _remark(match: Match) -> str:
    """What a reader of the row should know."""
    remarks = []
    known = qualities_of(match.codec)
    if not match.reached:
        remarks.append(f"out of reach: the nearest of qualities {known[0]} to {known[-1]}")
    elif len(known) <= _FEW:
        remarks.append(f"the nearest of {len(known)} qualities only")
    if not match.monotone:
        remarks.append("not monotone: another quality may be nearer")
    return "; ".join(remarks)
