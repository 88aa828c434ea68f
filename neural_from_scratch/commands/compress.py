"""``neural-from-scratch compress``: a picture into a file of the learned codec."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from .options import add_effort, add_weights, check_writable, chosen_weights

__all__ = ["add_parser", "run"]

EXAMPLES = """\
  neural-from-scratch compress photo.png                     writes photo.nfs
  neural-from-scratch compress photo.jpg --quality 2 --effort 50 --out small.nfs
"""


def add_parser(commands: Any) -> None:
    """Declare the command and its arguments."""
    parser = commands.add_parser(
        "compress",
        help="a picture into a file",
        description="Compress a picture with the factorised-prior model and print what it cost.",
        epilog="examples:\n" + EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "picture", type=Path, metavar="PICTURE", help="8 bits, grey or RGB: PNG, JPEG, WebP, TIFF, PPM ..."
    )
    parser.add_argument(
        "--out", type=Path, metavar="FILE", help="the file (default: the picture's name with .nfs)"
    )
    add_weights(parser)
    add_effort(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Look at everything that can be wrong, compress, write, tell."""
    from ..codec import decode, encode
    from ..pictures import read_picture, write_atomically

    out: Path = arguments.out or Path(arguments.picture.name).with_suffix(".nfs")
    check_writable("--out", out)
    weights = chosen_weights(arguments)
    picture = read_picture(arguments.picture)
    data = encode(picture, weights=weights, effort=arguments.effort)
    decoded = decode(data, max_pixels=None, weights=weights)
    write_atomically(out, data)
    print(f"{out}: {report(picture, decoded, len(data))}")


def report(picture: Any, decoded: Any, size: int) -> str:
    """Return size, bits a pixel, ratio and PSNR in words."""
    import numpy as np

    rows, columns = picture.shape[:2]
    error = float(np.mean(np.square(np.subtract(picture, decoded, dtype=np.float64))))
    psnr = f"{10 * np.log10(255**2 / error):.2f} dB" if error else "no error at all"
    return (
        f"{columns}×{rows}, {size:,} bytes, {8 * size / (rows * columns):.3f} bits a pixel, "
        f"compression ratio {picture.size / size:.1f}, PSNR {psnr}"
    )
