"""``jpeg-from-scratch inspect``: a file's segments, bits and blocks, as text, JSON or a picture."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path

from .inspection_text import inspection_text
from .microscope import inspect

__all__ = ["EXAMPLES", "add_arguments", "run"]

EXAMPLES = """\
examples:
  jpeg-from-scratch inspect photo.jpg
  jpeg-from-scratch inspect photo.jpg --mcu 20 30 --component 0 --bits
  jpeg-from-scratch inspect photo.jpg --json | jq '.segments[].name'
  jpeg-from-scratch inspect photo.jpg --plot bits.png
  jpeg-from-scratch inspect photo.jpg --mcu 20 30 --plot blocks.png
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument("input", metavar="FILE", help="the JPEG file, sound or damaged; - for stdin")
    parser.add_argument(
        "--mcu", type=int, nargs=2, metavar=("R", "C"), help="trace the blocks of the MCU in row R, column C"
    )
    parser.add_argument("--component", type=int, metavar="I", help="only of component I, from 0 on")
    parser.add_argument(
        "--bits",
        action="store_true",
        help="each run of bits of the MCU, and the codes of Huffman tables",
    )
    parser.add_argument("--json", action="store_true", help="print JSON, which has all of this always")
    parser.add_argument(
        "--plot",
        metavar="OUT",
        help="write a picture (PNG, SVG, PDF): bits spent over the photograph; with --mcu the blocks there",
    )


def run(
    arguments: argparse.Namespace,
    read: Callable[[str], bytes],
    write: Callable[[str, bytes], None],
) -> None:
    """Run the command; `read` and `write` are those of the command line."""
    data = read(arguments.input)
    mcu = tuple(arguments.mcu) if arguments.mcu else None
    name = Path(arguments.input).name
    inspection = inspect(data, mcu=mcu, component=arguments.component)
    if arguments.plot is not None:
        write(arguments.plot, _picture(data, arguments.plot, mcu, arguments.component or 0, name))
    if arguments.json:
        print(json.dumps({"file": name, **inspection.to_dict()}, ensure_ascii=False, indent=1))
    elif arguments.plot is None:
        print(inspection_text(inspection, bits=arguments.bits, name=name))


def _picture(data: bytes, path: str, mcu: tuple[int, int] | None, component: int, name: str) -> bytes:
    """Return the picture that ``--plot`` asks for, in the format of its suffix."""
    from .plots import plot_bits, plot_blocks, render

    figure = plot_bits(data, name=name) if mcu is None else plot_blocks(data, mcu, component, name=name)
    return render(figure, "png" if path == "-" else Path(path).suffix.lower().removeprefix("."))
