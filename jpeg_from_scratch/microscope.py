"""What is where in a file: every segment with its offset, in words, on one screen.

The microscope looks at files of every coding process, also those that `decoder` does not decode: it reads
headers and steps over entropy-coded data to the next marker, which byte stuffing makes possible (B.1.1.5).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from . import tables
from .errors import FormatError
from .markers import find_marker, is_standalone, marker_name, payload_bounds
from .segment_words import segment_words

__all__ = ["FilePart", "describe", "file_parts"]


@dataclass(frozen=True)
class FilePart:
    """One piece of a file: offset and length in bytes, a marker or ``"data"`` or ``"trailer"``, words."""

    offset: int
    length: int
    name: str
    words: str


def describe(data: bytes, name: str = "file") -> str:
    """Describe a file on one screen.

    Parameters
    ----------
    data : bytes
        The file.
    name : str
        What to call it.

    Returns
    -------
    str
        A headline, a line for each part with offset and length in bytes, and the sums.

    Raises
    ------
    FormatError
        If the segments do not follow each other to EOI.
    """
    parts = list(file_parts(data))
    frames = [part for part in parts if part.name.startswith("SOF")]
    headline = f"{name}: {len(data):,} bytes" + (f", {frames[0].words.split(';')[0]}" if frames else "")
    coded = sum(part.length for part in parts if part.name == "data")
    trailer = sum(part.length for part in parts if part.name == "trailer")
    lines = [headline, f"{'offset':>10}  {'length':>9}  part"]
    lines += [f"{part.offset:>10}  {part.length:>9}  {part.name:<8}{part.words}".rstrip() for part in parts]
    head = len(data) - coded - trailer
    sums = f"entropy-coded data {coded:,} bytes ({coded / len(data):.1%}), markers and headers {head:,}"
    lines.append(sums + (f", after EOI {trailer:,}" if trailer else ""))
    return "\n".join(lines)


def file_parts(data: bytes) -> Iterator[FilePart]:
    """Yield the parts of a file in order; together they are the whole file but for fill bytes.

    Raises
    ------
    FormatError
        As `describe`.
    """
    if data[:2] != bytes((0xFF, tables.SOI)):
        message = f"not a JPEG file: it starts with {data[:2].hex(' ').upper() or 'nothing'}, not FF D8"
        raise FormatError(message, offset=0, field="SOI", clause="B.2.1")
    yield FilePart(0, 2, "SOI", "start of image")
    position = 2
    while True:
        offset, marker = find_marker(data, position)
        name = marker_name(marker)
        if is_standalone(marker):
            position = offset + 2
            yield FilePart(offset, 2, name, "end of image" if marker == tables.EOI else "")
            if marker == tables.EOI:
                break
            continue
        start, end = payload_bounds(data, offset, marker)
        yield FilePart(offset, end - offset, name, segment_words(data, offset, marker, data[start:end]))
        position = end
        if marker == tables.SOS:
            position, restarts = _end_of_scan(data, end)
            words = f"{restarts:,} restart markers" if restarts else ""
            yield FilePart(end, position - end, "data", words)
    if position < len(data):
        yield FilePart(position, len(data) - position, "trailer", "not part of the picture")


def _end_of_scan(data: bytes, position: int) -> tuple[int, int]:
    """Return where entropy-coded data ends, and how many RST markers are in it."""
    restarts = 0
    while (position := data.find(b"\xff", position)) >= 0:
        code = data[position + 1] if position + 1 < len(data) else tables.EOI
        if tables.RST0 <= code <= tables.RST7:
            restarts += 1
        elif code not in (0x00, 0xFF):
            return position, restarts
        position += 1 if code == 0xFF else 2
    return len(data), restarts
