"""``neural-from-scratch demo``: a tiny autoencoder learns one photograph while you watch."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .options import check_writable, natural, positive, positive_number

if TYPE_CHECKING:
    from ..demo import Learned

__all__ = ["add_parser", "run"]

LONGEST = 86400.0  # seconds
MOST_PIXELS = 1 << 19
EXAMPLES = """\
  neural-from-scratch demo                            a photograph that comes with Matplotlib
  neural-from-scratch demo photo.jpg                  yours: JPEG, PNG, TIFF, WebP ...
  neural-from-scratch demo photo.jpg --seconds 120 --out learned.pdf
  neural-from-scratch demo --steps 300 --seed 7       the same network each time
"""


def add_parser(commands: Any) -> None:
    """Declare the command and its arguments."""
    demo = commands.add_parser(
        "demo",
        help="a tiny autoencoder learns one photograph while you watch",
        description="Train a tiny autoencoder on patches of one photograph, and draw what it learned:\n"
        "the picture before and after, the loss on the way, the latents. Larger photographs than\n"
        "half a megapixel are made smaller first.",
        epilog="examples:\n" + EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    demo.add_argument(
        "photo",
        nargs="?",
        type=Path,
        metavar="PHOTO",
        help="a picture of at least 64×64 pixels (default: Matplotlib's sample photograph)",
    )
    length = demo.add_mutually_exclusive_group()
    length.add_argument(
        "--seconds",
        type=positive_number(LONGEST),
        default=30.0,
        metavar="S",
        help="how long to learn (default: 30)",
    )
    length.add_argument(
        "--steps",
        type=positive,
        metavar="N",
        help="how many steps to learn instead, whatever time that takes",
    )
    demo.add_argument(
        "--out",
        type=Path,
        default=Path("learned.png"),
        metavar="FIGURE",
        help="the figure, .png, .svg or .pdf (default: learned.png)",
    )
    demo.add_argument(
        "--seed", type=natural, default=0, metavar="N", help="of all random numbers (default: 0)"
    )
    demo.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Look at everything that can be wrong, learn, draw, write, tell."""
    from ..demo import PATCH, learn
    from ..pictures import default_photograph, read_photograph, write_atomically
    from ..plots import figure_format, plot_learned, render

    out: Path = arguments.out
    form = figure_format(out)
    check_writable("--out", out)
    path = default_photograph() if arguments.photo is None else arguments.photo
    photograph = read_photograph(path, MOST_PIXELS, PATCH)
    with _Progress(arguments.seconds, arguments.steps) as progress:
        learned = learn(
            photograph,
            seconds=arguments.seconds,
            steps=arguments.steps,
            seed=arguments.seed,
            progress=progress.show,
        )
    write_atomically(out, render(plot_learned(learned, path.name), form))
    print(_report(learned, path.name), f"figure: {out}", sep="\n")


class _Progress:
    """A bar on stderr, if that is a terminal."""

    def __init__(self, seconds: float, steps: int | None) -> None:
        from tqdm import tqdm

        shape = "{l_bar}{bar}| {n:.0f}/{total:.0f} {unit}{postfix}"
        if sys.stderr.isatty():
            print("getting ready (the first time on a machine, kernels are compiled) ...", file=sys.stderr)
        self.bar = tqdm(
            total=steps or seconds,
            unit="steps" if steps else "s",
            bar_format=shape,
            disable=None,  # no bar where there is no terminal
            leave=False,
            file=sys.stderr,
            desc="learning",
        )

    def __enter__(self) -> _Progress:
        return self

    def __exit__(self, *_: object) -> None:
        self.bar.close()

    def show(self, done: float, learned: Learned) -> None:
        """Move the bar, and say how good the last look was."""
        self.bar.set_postfix_str(
            f"step {len(learned.losses)}, photograph at {learned.snapshots[-1].psnr:.1f} dB", refresh=False
        )
        self.bar.update(done * self.bar.total - self.bar.n)


def _report(learned: Learned, name: str) -> str:
    """What was learned, in words."""
    rows, columns = learned.photograph.shape[:2]
    before, after = learned.snapshots[0], learned.snapshots[-1]
    channels, high, wide = learned.latents.shape
    least, largest = learned.latents.min(), learned.latents.max()
    return (
        f"{name}: {columns} × {rows} pixels; {len(learned.losses)} steps in {learned.seconds:.1f} s changed "
        f"{learned.network.parameter_count()} weights\n"
        f"PSNR of the photograph: {before.psnr:.2f} dB before, {after.psnr:.2f} dB after\n"
        f"latents: {channels} × {high} × {wide} whole numbers, from {least:.0f} to {largest:.0f}: "
        f"{learned.numbers_per_pixel:.3g} a pixel instead of 3"
    )
