"""``jpeg-from-scratch inspect``: a file's segments, bits and blocks, as text, JSON or a picture."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from ..microscope import inspect, inspection_text
from .files import named, read_bytes, write_bytes

__all__ = ["EXAMPLES", "add_parser", "run"]

EXAMPLES = """\
  jpeg-from-scratch inspect photo.jpg
  jpeg-from-scratch inspect photo.jpg --mcu 20 30 --component 0 --bits
  jpeg-from-scratch inspect photo.jpg --json | jq '.segments[].name'
  jpeg-from-scratch inspect photo.jpg --plot bits.png
  jpeg-from-scratch inspect photo.jpg --mcu 20 30 --plot blocks.png
"""


def add_parser(commands: Any) -> None:
    """Declare the command and its arguments."""
    inspector = commands.add_parser(
        "inspect",
        help="take a JPEG file apart: every field, and the bits of a block",
        description="Show every segment of a JPEG file with offset, field, value and clause of T.81; of one "
        "MCU, each run of bits with its code, value and coefficient. The file may be damaged.",
        epilog="examples:\n" + EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = inspector.add_argument
    add("input", metavar="FILE", help="the JPEG file; - for stdin")
    add("--mcu", type=int, nargs=2, metavar=("R", "C"), help="trace the blocks of the MCU in row R, column C")
    add("--component", type=int, metavar="I", help="with --mcu: only the blocks of component I, from 0 on")
    add("--bits", action="store_true", help="each run of bits of the MCU, and the codes of Huffman tables")
    add("--json", action="store_true", help="print JSON, in which all of this always is")
    add(
        "--plot",
        metavar="OUT",
        help="write a picture, PNG, SVG or PDF: the bits spent, over the photograph; with --mcu, the "
        "quantized blocks there",
    )
    inspector.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Inspect; print text or JSON, or write a picture."""
    name = Path(arguments.input).name
    mcu = None if arguments.mcu is None else (arguments.mcu[0], arguments.mcu[1])
    with named(arguments.input):
        data = read_bytes(arguments.input)
        inspection = inspect(data, mcu=mcu, component=arguments.component)
        if arguments.plot is not None:
            picture = _picture(data, arguments.plot, mcu, arguments.component or 0, name)
            write_bytes(arguments.plot, picture)
    if arguments.json:
        print(json.dumps({"file": name, **inspection.to_dict()}, ensure_ascii=False, indent=1))
    elif arguments.plot is None:
        print(inspection_text(inspection, bits=arguments.bits, name=name))


def _picture(data: bytes, path: str, mcu: tuple[int, int] | None, component: int, name: str) -> bytes:
    """Return the picture that ``--plot`` asks for, in the format of its suffix."""
    from ..microscope.plots import plot_bits, plot_blocks, render

    kind = "png" if path == "-" else Path(path).suffix.lower().removeprefix(".")
    figure = plot_bits(data, name=name) if mcu is None else plot_blocks(data, mcu, component, name=name)
    return render(figure, kind)
