"""``jpeg-from-scratch encode``: a picture to a JPEG file, of any process but the hierarchical ones."""

from __future__ import annotations

import argparse
from typing import Any

from ..encoder import encode
from ..options import COLOR_SPACES
from ..sampling import SUBSAMPLINGS
from .files import read_picture, write_bytes

__all__ = ["EXAMPLES", "add_parser", "run"]

EXAMPLES = """\
  jpeg-from-scratch encode photo.png photo.jpg
  jpeg-from-scratch encode photo.png small.jpg -q 30 --subsampling 4:2:0 --progressive
  jpeg-from-scratch encode scan.png exact.jpg --lossless --predictor 7
  jpeg-from-scratch encode - - < photo.png > photo.jpg
"""


def add_parser(commands: Any) -> None:
    """Declare the command and its arguments."""
    encoder = commands.add_parser(
        "encode",
        help="compress a picture to a JPEG file",
        description="Compress a picture to a JPEG file: baseline unless a process is chosen.",
        epilog="examples:\n" + EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = encoder.add_argument
    add("input", metavar="IN", help="PNG, BMP, TIFF, WebP, PPM ...: grey or RGB; - for stdin")
    add("output", metavar="OUT", help="the JPEG file; - for stdout")
    add("-q", "--quality", type=int, default=75, metavar="Q", help="1 ... 100 (default: 75)")
    add("--subsampling", metavar="S", help=f"of the colours: {', '.join(SUBSAMPLINGS)} (default: 4:2:0)")
    add("--color", metavar="C", help=f"of the file: {', '.join(COLOR_SPACES)} (default: grey or YCbCr)")
    add("--optimize", action="store_true", help="Huffman tables made for this picture: smaller file")
    add("--progressive", action="store_true", help="in several scans, coarse first (SOF2)")
    add("--arithmetic", action="store_true", help="arithmetic coding (SOF9 ... 11): smallest, rarely read")
    add("--lossless", action="store_true", help="prediction instead of the DCT (SOF3): exact")
    add("--predictor", type=int, metavar="N", help="of --lossless: 1 ... 7 (default: 1)")
    add("--point-transform", type=int, metavar="N", help="of --lossless: drop N low bits (default: 0)")
    add("--precision", type=int, metavar="P", help="bits of a sample: 8, 12; with --lossless 2 ... 16")
    add("--restart", type=int, default=0, metavar="N", help="a restart marker every N MCUs")
    add("--threads", type=int, metavar="N", help="default: all cores for a large picture, one for a small")
    encoder.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Read, encode, write."""
    image = read_picture(arguments.input, arguments.color in ("CMYK", "YCCK"))
    data = encode(
        image,
        arguments.quality,
        subsampling=arguments.subsampling,
        color=arguments.color,
        optimize=arguments.optimize,
        progressive=arguments.progressive,
        arithmetic=arguments.arithmetic,
        lossless=arguments.lossless,
        predictor=arguments.predictor,
        point_transform=arguments.point_transform,
        precision=arguments.precision,
        restart_interval=arguments.restart,
        threads=arguments.threads,
    )
    write_bytes(arguments.output, data)
