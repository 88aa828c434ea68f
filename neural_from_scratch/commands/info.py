"""``neural-from-scratch info``: what a file says about itself, and what its bits are spent on."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..container import RGB
from .options import add_max_pixels, add_own_weights, check_writable, naming

if TYPE_CHECKING:
    from ..inspection import Inspection

__all__ = ["EXAMPLES", "add_parser", "run"]

EXAMPLES = """\
  neural-from-scratch info photo.nfs
  neural-from-scratch info photo.nfs --plot bits.png         and as a figure
"""
LISTED = 10  # channels
SHARE = 0.99


def add_parser(commands: Any) -> None:
    """Declare the command and its arguments."""
    parser = commands.add_parser(
        "info",
        help="what is where in a file, and what its bits are spent on",
        description="Print every field of a file, its latents, and the channels that cost most; as a figure\n"
        "also latent maps, and learned densities beside the histograms of this picture.",
        epilog="examples:\n" + EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("file", type=Path, metavar="FILE", help="what compress wrote")
    parser.add_argument("--plot", type=Path, metavar="FIGURE", help="draw it: .png, .svg or .pdf")
    add_max_pixels(parser)
    add_own_weights(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Look at everything that can be wrong, read, draw, write, tell."""
    from ..inspection import inspect
    from ..weights import read_weights

    form = None if arguments.plot is None else _checked_form(arguments.plot)
    weights = None if arguments.weights is None else read_weights(arguments.weights)
    path: Path = arguments.file
    data = path.read_bytes()
    with naming(path):
        inspection = inspect(data, max_pixels=arguments.max_pixels, weights=weights)
    words = describe(inspection, path.name)
    if form is not None:
        _draw(inspection, path.name, arguments.plot, form)
        words += f"\nfigure: {arguments.plot}"
    print(words)


def describe(inspection: Inspection, name: str) -> str:
    """Return an inspection as text.

    Parameters
    ----------
    inspection : Inspection
    name : str
        What to call the file.

    Returns
    -------
    str
        Lines of at most 110 characters, but for the name.
    """
    sections = (_field_lines, _size_lines, _latent_lines, _bit_lines, _channel_lines)
    lines = [f"{name}: {_headline(inspection)}"]
    for section in sections:
        lines += ["", *section(inspection)]
    return "\n".join(line.rstrip() for line in lines)


def _headline(inspection: Inspection) -> str:
    header = inspection.content.header
    mode = "RGB" if header.mode == RGB else "grey"
    return (
        f"{inspection.size:,} bytes, {header.width:,} × {header.height:,} pixels, {mode}, "
        f"{8 * inspection.size / inspection.pixels:.3f} bits a pixel"
    )


def _field_lines(inspection: Inspection) -> Iterator[str]:
    yield f"{'offset':>10}{'bytes':>10}  {'field':<17}{'as it stands':<17}meaning"
    for field in inspection.fields:
        stands = field.data.hex(" ") or ("..." if field.size else "")
        yield f"{field.offset:>10,}{field.size:>10,}  {field.name:<17}{stands:<17}{field.meaning}"


def _size_lines(inspection: Inspection) -> Iterator[str]:
    weights, payload = inspection.content.weights, len(inspection.content.payload)
    model, extra = weights.model, inspection.size - payload
    which = f"quality {weights.quality}" if weights.quality else "weights of one's own"
    widths = f"N = {model.width}, M = {model.latents}"
    yield f"model      {model.name}, {widths}, {which}, λ = {weights.weight:g}"
    rate = 8 * payload / inspection.pixels
    yield f"payload    {payload:,} bytes ({payload / inspection.size:.1%}), {rate:.4f} bits a pixel"
    yield f"overhead   {extra} bytes"


def _latent_lines(inspection: Inspection) -> Iterator[str]:
    maps, rows, columns = inspection.content.symbols.shape
    total = maps * rows * columns
    zeros = sum(channel.zeros for channel in inspection.channels)
    escapes = sum(channel.escapes for channel in inspection.channels)
    largest = max((channel.largest for channel in inspection.channels), key=abs)
    yield f"latents    {maps} channels of {columns:,} × {rows:,}, {total:,} in all"
    yield f"  zero     {zeros:,} ({zeros / total:.1%})"
    yield f"  largest  {_signed(largest)}"
    yield f"  escapes  {escapes:,} values beyond the tables"


def _bit_lines(inspection: Inspection) -> Iterator[str]:
    actual = 8 * len(inspection.content.payload)
    estimates = (
        (f"{inspection.density_bits:,.1f}", "by the learned densities", ""),
        (f"{inspection.bits:,.1f}", "by the integer tables", _more(inspection.bits, inspection.density_bits)),
        (f"{actual:,}  ", "in the file", _more(actual, inspection.bits)),
    )
    for i, (bits, words, more) in enumerate(estimates):
        yield f"{'' if i else 'bits':<11}{bits:>13}  {words:<26}{more}"


def _channel_lines(inspection: Inspection) -> Iterator[str]:
    held, total, together = inspection.holding(SHARE), inspection.bits, 0.0
    plural = "" if held == 1 else "s"
    yield f"channels   {SHARE:.0%} of the bits are in {held} channel{plural} of {len(inspection.channels)}"
    yield f"  {'channel':>7}{'bits':>13}{'share':>9}{'together':>10}{'spread':>9}{'zero':>9}{'largest':>9}"
    for channel in inspection.strongest()[:LISTED]:
        together += channel.bits
        share, zero = channel.bits / total, channel.zeros / channel.size
        yield (
            f"  {channel.number:>7}{channel.bits:>13,.1f}{share:>9.1%}{together / total:>10.1%}"
            f"{channel.spread:>9.2f}{zero:>9.1%}{_signed(channel.largest):>9}"
        )


def _more(bits: float, before: float) -> str:
    """Return by how much a number of bits is above another one."""
    return f"{bits / before - 1:+.3%}".replace("-", "−") if before else ""


def _signed(value: int) -> str:
    """Return a number with a real minus sign."""
    return f"{value:,}".replace("-", "−")


def _checked_form(path: Path) -> str:
    from ..plots import figure_format

    form = figure_format(path)
    check_writable("--plot", path)
    return form


def _draw(inspection: Inspection, name: str, path: Path, form: str) -> None:
    from ..codec import pixels_of
    from ..pictures import write_atomically
    from ..plots import plot_content, render

    figure = plot_content(inspection, pixels_of(inspection.content), name)
    write_atomically(path, render(figure, form))
