"""``neural-from-scratch decompress``: a file of the learned codec into a picture."""

from __future__ import annotations

import argparse
import io
from pathlib import Path
from typing import Any

from .options import add_max_pixels, add_own_weights, check_writable, naming

__all__ = ["add_parser", "run"]

EXAMPLES = """\
  neural-from-scratch decompress photo.nfs                   writes photo.png
  neural-from-scratch decompress photo.nfs --out photo.tif
"""


def add_parser(commands: Any) -> None:
    """Declare the command and its arguments."""
    parser = commands.add_parser(
        "decompress",
        help="a file into a picture",
        description="Decode a file that compress wrote. The picture is written whole or not at all.",
        epilog="examples:\n" + EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("file", type=Path, metavar="FILE", help="what compress wrote")
    parser.add_argument(
        "--out",
        type=Path,
        metavar="PICTURE",
        help="PNG, TIFF, BMP, PPM ... by its suffix (default: the file's name with .png)",
    )
    add_max_pixels(parser)
    add_own_weights(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Decode, write, tell."""
    import PIL.Image

    from ..codec import decode
    from ..pictures import write_atomically
    from ..weights import read_weights

    out: Path = arguments.out or Path(arguments.file.name).with_suffix(".png")
    check_writable("--out", out)
    form = PIL.Image.registered_extensions().get(out.suffix.lower())
    if form is None or form not in PIL.Image.SAVE:
        raise ValueError(f"--out {out}: {out.suffix or 'no suffix'} is no picture format that can be written")
    weights = None if arguments.weights is None else read_weights(arguments.weights)
    data = arguments.file.read_bytes()
    with naming(arguments.file):
        picture = decode(data, max_pixels=arguments.max_pixels, weights=weights)
    buffer = io.BytesIO()
    PIL.Image.fromarray(picture).save(buffer, form)
    write_atomically(out, buffer.getvalue())
    rows, columns = picture.shape[:2]
    print(f"{out}: {columns}×{rows}, {'RGB' if picture.ndim == 3 else 'grey'}")
