"""``neural-from-scratch info``: what a file says about itself, and what its bits are spent on."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..container import RGB
from .options import add_max_pixels, add_own_weights, check_writable, naming

if TYPE_CHECKING:
    from ..inspection import Inspection
    from ..latent_channels import Channel

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
        "also latent maps, and learned densities beside the histograms of this picture; with a\n"
        "hyperprior, what its side information costs, what it tells, and whether that is right.",
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
    bit_lines = _bit_lines if inspection.prediction is None else _prediction_lines
    sections = (_field_lines, _size_lines, _latent_lines, bit_lines, _channel_lines)
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
    inside = payload - sum(inspection.streams.values())
    yield f"overhead   {extra} bytes" + (f", and {inside} in the payload" if inside else "")


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
    bits, columns = "the bits", ["spread", "zero", "largest"]
    if inspection.prediction is not None:
        bits, columns = "the bits of y", ["expected", "found", "zero", "largest", "escapes"]
    yield f"channels   {SHARE:.0%} of {bits} are in {held} channel{plural} of {len(inspection.channels)}"
    heads = "".join(f"{name:>9}" for name in columns)
    yield f"  {'channel':>7}{'bits':>13}{'share':>9}{'together':>10}{heads}"
    for channel in inspection.strongest()[:LISTED]:
        together += channel.bits
        yield (
            f"  {channel.number:>7}{channel.bits:>13,.1f}{channel.bits / total:>9.1%}"
            f"{together / total:>10.1%}" + "".join(f"{CELLS[name](channel):>9}" for name in columns)
        )
    if "expected" in columns:
        yield "  expected: the root mean square of the scales that were told, in steps; found: of the latents"


def _prediction_lines(inspection: Inspection) -> Iterator[str]:
    """What is said of a hyperprior in place of `_bit_lines`: both streams, and from promise to file."""
    prediction = inspection.prediction
    assert prediction is not None
    side, y = (8 * inspection.streams[name] for name in ("side information", "y"))
    floats = prediction.side_density_bits, inspection.density_bits
    estimates = (
        ("by likelihoods, float hyper-decoder", *floats),
        ("by likelihoods, integer hyper-decoder", floats[0], prediction.likelihood_bits),
        ("by the integer tables of the weights", prediction.side_bits, inspection.bits),
        ("in the file", side, y),
    )
    before = 0.0
    yield f"{'bits':<11}{'side information':>16}{'latents':>15}{'together':>15}"
    for words, *parts in estimates:
        numbers = (
            f"{bits:,.1f}" if isinstance(bits, float) else f"{bits:,}  " for bits in (*parts, sum(parts))
        )
        yield f"{_in_columns(*numbers)}  {words:<39}{_more(sum(parts), before)}"
        before = sum(parts)
    yield _in_columns(f"{side / (side + y):.1%}", f"{y / (side + y):.1%}")
    yield f"the file   {_more(side + y, sum(floats))} beside what the float model promised"
    latents, bits = prediction.wide_share
    words = f"{latents:.1%} of the latents, with {bits:.1%} of their bits"
    yield f"foreseen   {words}, are expected to be a step wide or more"
    if latents:
        yield f"{'':<11}these are {prediction.width:.2f} times as wide as expected"


def _in_columns(first: str, *others: str) -> str:
    return f"{first:>27}" + "".join(f"{other:>15}" for other in others)


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


CELLS: dict[str, Callable[[Channel], str]] = {
    "spread": lambda channel: f"{channel.spread:.2f}",
    "expected": lambda channel: f"{channel.scale or 0:.2f}",
    "found": lambda channel: f"{channel.size_of_values:.2f}",
    "zero": lambda channel: f"{channel.zeros / channel.size:.1%}",
    "largest": lambda channel: _signed(channel.largest),
    "escapes": lambda channel: f"{channel.escapes:,}",
}
