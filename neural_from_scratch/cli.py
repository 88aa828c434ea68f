"""The command ``neural-from-scratch``: its parser, its one command so far, and how errors leave it.

An error is one line on stderr and exit code 2; the figure is complete or not there.
"""

from __future__ import annotations

import argparse
import io
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from .demo import Learned

__all__ = ["main"]

PROGRAM = "neural-from-scratch"
LONGEST = 86400.0  # seconds
MOST_PIXELS = 1 << 19
EXAMPLES = """\
examples:
  neural-from-scratch demo                            a photograph that comes with Matplotlib
  neural-from-scratch demo photo.jpg                  yours: JPEG, PNG, TIFF, WebP ...
  neural-from-scratch demo photo.jpg --seconds 120 --out learned.pdf
  neural-from-scratch demo --steps 300 --seed 7       the same network each time
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    argv : sequence of str, optional
        The arguments without the program's name; those of the process by default.

    Returns
    -------
    int
        The exit code: 0; 2 for an error; 130 if interrupted. Mistakes in the arguments themselves leave
        through `SystemExit`, with 2 as well.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal that has no "×" shows "?"
    arguments = _parser().parse_args(argv)
    try:
        arguments.run(arguments)
        sys.stdout.flush()
    except BrokenPipeError:  # the reader of our output, `head` say, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (OSError, ValueError, FloatingPointError, MemoryError) as error:
        print(f"{PROGRAM}: error: {_one_line(error)}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"{PROGRAM}: interrupted", file=sys.stderr)
        return 130
    return 0


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line, where `argparse` prints the usage as well."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{PROGRAM}: error: {message} (try: {self.prog} --help)\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog=PROGRAM,
        description="Learned image codecs, from scratch: gradients by hand, on NumPy arrays.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    demo = commands.add_parser(
        "demo",
        help="a tiny autoencoder learns one photograph while you watch",
        description="Train a tiny autoencoder on patches of one photograph, and draw what it learned:\n"
        "the picture before and after, the loss on the way, the latents. Larger photographs than\n"
        "half a megapixel are made smaller first.",
        epilog=EXAMPLES,
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
        type=_seconds,
        default=30.0,
        metavar="S",
        help="how long to learn (default: 30)",
    )
    length.add_argument(
        "--steps",
        type=_positive,
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
        "--seed", type=_natural, default=0, metavar="N", help="of all random numbers (default: 0)"
    )
    demo.set_defaults(run=_demo)
    return parser


def _demo(arguments: argparse.Namespace) -> None:
    """Look at everything that can be wrong, learn, draw, write, tell."""
    from .demo import PATCH, learn
    from .pictures import default_photograph, read_photograph, write_atomically
    from .plots import figure_format, plot_learned, render

    out: Path = arguments.out
    form = figure_format(out)
    _check_writable(out)
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


def _check_writable(out: Path) -> None:
    """Raise now what writing the figure would raise in half a minute."""
    folder = out.parent
    if out.is_dir():
        raise ValueError(f"--out {out}: is a folder; name a file")
    if not folder.is_dir():
        raise ValueError(f"--out {out}: there is no folder {folder}")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise ValueError(f"--out {out}: the folder {folder} cannot be written to")


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


def _seconds(text: str) -> float:
    value = _number(text, float)
    if not 0 < value <= LONGEST:  # NaN fails too
        raise argparse.ArgumentTypeError(f"{text} is not above 0 and at most {LONGEST:.0f}")
    return value


def _positive(text: str) -> int:
    value = int(_number(text, int))
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text} is not 1 or more")
    return value


def _natural(text: str) -> int:
    value = int(_number(text, int))
    if value < 0:
        raise argparse.ArgumentTypeError(f"{text} is not 0 or more")
    return value


def _number(text: str, kind: type[int] | type[float]) -> float:
    try:
        return kind(text)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r} is not a {'whole ' if kind is int else ''}number"
        ) from None


def _one_line(error: BaseException) -> str:
    """Return the message without line breaks; for errors of the system which file and why."""
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return " ".join(str(error).split()) or type(error).__name__
