"""``jpeg-from-scratch decode``: a JPEG file to a picture."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from ..decoder import decode
from ..reader import MAX_MEMORY, MAX_PIXELS, MAX_SCANS
from .files import named, picture_format, read_bytes, write_picture

__all__ = ["EXAMPLES", "add_parser", "run"]

EXAMPLES = """\
  jpeg-from-scratch decode photo.jpg photo.png
  jpeg-from-scratch decode broken.jpg rescued.png --lenient
  jpeg-from-scratch decode - - --format ppm < photo.jpg > photo.ppm
"""


MOST_NOTES = 10


def add_parser(commands: Any) -> None:
    """Declare the command and its arguments."""
    decoder = commands.add_parser(
        "decode",
        help="decode a JPEG file to a picture",
        description="Decode a JPEG file to a picture, sample for sample as libjpeg-turbo does.",
        epilog="examples:\n" + EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = decoder.add_argument
    add("input", metavar="IN", help="the JPEG file; - for stdin")
    add("output", metavar="OUT", help="the picture, its format by its suffix; - for stdout")
    add(
        "--format",
        metavar="F",
        help="PNG, PPM, TIFF, NPY ... (default: by the suffix of OUT; PNG on stdout); "
        "colour of more than 8 bits needs PPM or NPY",
    )
    add("--lenient", action="store_true", help="decode what can be decoded of a damaged file")
    add("--inverted-cmyk", action="store_true", help="subtract CMYK samples from the largest, as Pillow does")
    add("--upright", action="store_true", help="turn the picture as its Exif segment says")
    add(
        "--max-pixels", type=int, default=MAX_PIXELS, metavar="N", help=f"refuse more (default: {MAX_PIXELS})"
    )
    add("--max-scans", type=int, default=MAX_SCANS, metavar="N", help=f"refuse more (default: {MAX_SCANS})")
    add("--max-memory", type=int, default=MAX_MEMORY, metavar="N", help=f"in bytes (default: {MAX_MEMORY})")
    add("--threads", type=int, metavar="N", help="default: all cores for a large picture, one for a small")
    decoder.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Read, decode, write; what a lenient decoder found wrong becomes a note on stderr."""
    kind = picture_format(arguments.output, arguments.format)
    with named(arguments.input):
        pixels, info = decode(
            read_bytes(arguments.input),
            info=True,
            strict=not arguments.lenient,
            cmyk="inverted" if arguments.inverted_cmyk else "stored",
            orientation=arguments.upright,
            max_pixels=arguments.max_pixels,
            max_scans=arguments.max_scans,
            max_memory=arguments.max_memory,
            threads=arguments.threads,
        )
    write_picture(arguments.output, pixels, kind, (1 << max(info.precision, 8)) - 1)
    for warning in info.warnings[:MOST_NOTES]:
        print(f"jpeg-from-scratch: note: {warning}", file=sys.stderr)
    if len(info.warnings) > MOST_NOTES:
        print(f"jpeg-from-scratch: note: and {len(info.warnings) - MOST_NOTES:,} more", file=sys.stderr)
