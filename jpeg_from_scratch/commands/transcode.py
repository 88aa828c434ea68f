"""``jpeg-from-scratch transcode``: the same picture in other bytes, turned or cut, without a loss."""

from __future__ import annotations

import argparse
from typing import Any

from .. import transform
from ..decoder import read
from ..transcoder import transcode
from ..writer import write
from .files import named, read_bytes, write_bytes

__all__ = ["EXAMPLES", "add_parser", "run"]

EXAMPLES = """\
  jpeg-from-scratch transcode photo.jpg smaller.jpg --progressive
  jpeg-from-scratch transcode photo.jpg smallest.jpg --arithmetic
  jpeg-from-scratch transcode photo.jpg upright.jpg --rotate 90 --edges trim --optimize
  jpeg-from-scratch transcode photo.jpg part.jpg --crop 320x240+64+32
"""


def add_parser(commands: Any) -> None:
    """Declare the command and its arguments."""
    command = commands.add_parser(
        "transcode",
        help="change the coding of a JPEG file, rotate, flip or crop it, without a loss",
        description="Change the coding of a JPEG file without decoding it: no coefficient changes.\n"
        "Without an option the result is sequential, with the typical Huffman tables.",
        epilog="examples:\n" + EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = command.add_argument
    add("input", metavar="IN", help="the JPEG file; - for stdin")
    add("output", metavar="OUT", help="the new JPEG file; - for stdout")
    add("--progressive", action="store_true", help="in several scans, coarse first")
    add("--arithmetic", action="store_true", help="arithmetic coding")
    add("--optimize", action="store_true", help="Huffman tables made for this picture")
    add("--restart", type=int, default=0, metavar="N", help="a restart marker every N MCUs (default: none)")
    add("--rotate", type=int, choices=(90, 180, 270), help="clockwise")
    add("--flip", choices=("horizontal", "vertical"), help="left to right, or top to bottom")
    add("--crop", metavar="WxH+X+Y", help="a part; its corner moves up and left to the grid of MCUs")
    add(
        "--edges",
        choices=("perfect", "trim", "keep"),
        default="perfect",
        help="partial MCUs at an edge that cannot be turned: refuse (default), drop, leave in place",
    )
    add("--lenient", action="store_true", help="take what can be read of a damaged file")
    command.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Read, transform, lay out anew, write."""
    corner = None if arguments.crop is None else _rectangle(arguments.crop)
    with named(arguments.input):
        data = read(read_bytes(arguments.input), strict=not arguments.lenient)
    if corner is not None:
        data = transform.crop(data, *corner)
    if arguments.flip:
        data = transform.flip(data, arguments.flip, edges=arguments.edges)
    if arguments.rotate:
        data = transform.rotate(data, arguments.rotate, edges=arguments.edges)
    data = transcode(
        data,
        progressive=arguments.progressive,
        arithmetic=arguments.arithmetic,
        optimize=arguments.optimize,
        restart_interval=arguments.restart,
    )
    write_bytes(arguments.output, write(data))


def _rectangle(text: str) -> tuple[int, int, int, int]:
    """Return (top, left, height, width) of ``WxH+X+Y``."""
    try:
        size, left, top = text.split("+")
        width, height = size.split("x")
        return int(top), int(left), int(height), int(width)
    except ValueError:
        raise ValueError(f"--crop {text}: must be WxH+X+Y, like 320x240+64+32") from None
