"""``neural-from-scratch compress``: a picture into a file of the learned codec."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from ..codec import DEFAULT_MODEL
from ..integer_hyperprior import ONE_STEP
from ..models import model_named
from ..models.hyperprior import Hyperprior
from .options import add_effort, add_target, add_weights, check_together, check_writable, chosen_weights

__all__ = ["add_parser", "run"]

EXAMPLES = """\
  neural-from-scratch compress photo.png                     writes photo.nfs
  neural-from-scratch compress photo.jpg --quality 2 --effort 50 --out small.nfs
  neural-from-scratch compress photo.png --model mean-scale-hyperprior --quality 3 --step 80
  neural-from-scratch compress photo.png --model mean-scale-hyperprior --bpp 0.5
  neural-from-scratch compress photo.png --model scale-hyperprior --bytes 30000
  neural-from-scratch compress photo.png --weights mine.npz --psnr 34
"""


def add_parser(commands: Any) -> None:
    """Declare the command and its arguments."""
    parser = commands.add_parser(
        "compress",
        help="a picture into a file",
        description="Compress a picture with a learned codec and print what it cost.",
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
    add_target(parser)
    add_effort(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Look at everything that can be wrong, compress, write, tell."""
    from ..codec import decode, encode
    from ..pictures import read_picture, write_atomically
    from ..rate_control import encode_to
    from ..weights import read_weights

    out: Path = arguments.out or Path(arguments.picture.name).with_suffix(".nfs")
    check_writable("--out", out)
    check_together(arguments)
    targets = {name: getattr(arguments, name) for name in ("bpp", "n_bytes", "psnr")}
    own = None if arguments.weights is None else read_weights(arguments.weights)
    weights, step, tried = None, arguments.step or ONE_STEP, ""
    if not any(targets.values()):
        weights = chosen_weights(arguments) if own is None else own
    picture = read_picture(arguments.picture)
    if weights is not None:
        data = encode(picture, weights=weights, step=step, effort=arguments.effort)
        model, quality = weights.model.name, weights.quality
    else:
        model = arguments.model or DEFAULT_MODEL
        chosen = encode_to(picture, **targets, model=model, effort=arguments.effort, weights=own)
        data, model, quality, step = chosen.data, chosen.model, chosen.quality, chosen.step
        tried = f", the best of {chosen.files} files"
    decoded = decode(data, max_pixels=None, weights=own)
    write_atomically(out, data)
    print(f"{out}: {report(picture, decoded, len(data))}")
    made = f"quality {quality}" if own is None else f"weights {arguments.weights}"
    if issubclass(model_named(model), Hyperprior):
        made += f", step {step}/{ONE_STEP}"
    print(f"made with {model}, {made}{tried}")


def report(picture: Any, decoded: Any, size: int) -> str:
    """Return size, bits a pixel, ratio and PSNR in words."""
    from ..rate_control import psnr_of

    rows, columns = picture.shape[:2]
    reached = psnr_of(picture, decoded)
    psnr = f"{reached:.2f} dB" if reached < float("inf") else "no error at all"
    return (
        f"{columns}×{rows}, {size:,} bytes, {8 * size / (rows * columns):.3f} bits a pixel, "
        f"compression ratio {picture.size / size:.1f}, PSNR {psnr}"
    )
