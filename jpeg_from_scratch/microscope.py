"""What is where in a file: every segment with its offset, in words, on one screen.

The microscope looks at files of every coding process, also those that `decoder` does not decode: it reads
headers and steps over entropy-coded data to the next marker, which byte stuffing makes possible (B.1.1.5).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from . import tables
from .errors import FormatError
from .jpeg_data import (
    AppData,
    Comment,
    HuffmanTable,
    HuffmanTables,
    OtherSegment,
    QuantizationTable,
    QuantizationTables,
    RestartInterval,
)
from .markers import find_marker, is_standalone, marker_name, parse_segment, payload_bounds
from .metadata import EXIF_HEADER, ICC_HEADER, adobe_transform, jfif_version
from .quantization import scale_table
from .sampling import SUBSAMPLINGS

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
        yield FilePart(offset, end - offset, name, _words(data, offset, marker, data[start:end]))
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


# --------------------------------------------------------------------------------------------------
# Segments in words


def _words(data: bytes, offset: int, marker: int, payload: bytes) -> str:
    if marker in tables.PROCESSES:
        return _frame_words(marker, payload)
    if marker == tables.SOS:
        return _scan_words(payload)
    segment, _ = parse_segment(data, offset, marker, None)
    match segment:
        case QuantizationTables(quantization_tables):
            return "; ".join(map(_quantization_words, quantization_tables))
        case HuffmanTables(huffman_tables):
            return "; ".join(map(_huffman_words, huffman_tables))
        case RestartInterval(interval):
            return f"a restart marker every {interval:,} MCUs" if interval else "no restart markers"
        case Comment(comment):
            return _quote(comment)
        case AppData():
            return _application_words(segment)
        case OtherSegment():
            return f"{len(payload):,} bytes"
    return ""


def _frame_words(marker: int, payload: bytes) -> str:
    if len(payload) < 6 or len(payload) != 6 + 3 * payload[5]:
        return f"{tables.PROCESSES[marker]}, with a length that does not fit"
    height, width = int.from_bytes(payload[1:3]), int.from_bytes(payload[3:5])
    components = [payload[i : i + 3] for i in range(6, len(payload), 3)]
    factors = [divmod(component[1], 16) for component in components]
    names = {pair: name for name, pair in SUBSAMPLINGS.items()}
    subsampling = ""
    if len(factors) == 3 and factors[1:] == [(1, 1), (1, 1)] and factors[0] in names:
        subsampling = f" {names[factors[0]]}"
    each = "; ".join(
        f"component {component[0]}: {h}×{v}, table {component[2]}"
        for component, (h, v) in zip(components[:4], factors)
    )
    more = f"; {len(components) - 4} more" if len(components) > 4 else ""
    count = f"{len(components)} component{'s' * (len(components) != 1)}"
    size = f"{width} × {height}, {payload[0]} bit"
    return f"{size}, {count}{subsampling}, {tables.PROCESSES[marker]}; {each}{more}"


def _scan_words(payload: bytes) -> str:
    count = payload[0] if payload else 0
    if len(payload) != 4 + 2 * count:
        return "with a length that does not fit"
    members = [
        f"{payload[i]} (DC {payload[i + 1] >> 4}, AC {payload[i + 1] & 15})"
        for i in range(1, 1 + 2 * count, 2)
    ]
    start, end, approx = payload[-3:]
    band = (
        ""
        if (start, end, approx) == (0, 63, 0)
        else f"; Ss {start}, Se {end}, Ah {approx >> 4}, Al {approx & 15}"
    )
    return f"component{'s' * (count != 1)} {', '.join(members)}{band}"


def _quantization_words(table: QuantizationTable) -> str:
    steps = table.array()
    # Table 0 is the luminance table by custom. Low qualities, all steps 255, are those of both bases.
    bases = (tables.LUMINANCE_QUANTIZATION, tables.CHROMINANCE_QUANTIZATION)
    bases = bases if table.destination == 0 else bases[::-1]
    qualities = [
        q for base in bases for q in range(100, 0, -1) if np.array_equal(scale_table(base, q), steps)
    ]
    quality = f" (quality {qualities[0]})" if qualities else ""
    first = " ".join(str(step) for step in steps[0])
    return f"table {table.destination}, {8 << table.precision} bit, first row {first}{quality}"


def _huffman_words(table: HuffmanTable) -> str:
    lengths = [length for length, count in enumerate(table.spec.bits, 1) if count]
    codes = f"{len(table.spec.values)} code{'s' * (len(table.spec.values) != 1)}"
    if lengths:
        span = f"{lengths[0]} ... {lengths[-1]}" if len(lengths) > 1 else f"{lengths[0]}"
        codes += f" of {span} bit{'s' * (lengths[-1] > 1)}"
    kind = ("DC", "AC")[table.table_class]
    typical = type(table.spec).typical_ac() if table.table_class else type(table.spec).typical_dc()
    source = " (K.3's typical table)" if table.spec in typical else ""
    return f"{kind} table {table.destination}: {codes}{source}"


def _application_words(segment: AppData) -> str:
    payload = segment.payload
    if (version := jfif_version(segment)) is not None:
        unit = {0: "no unit", 1: "per inch", 2: "per cm"}.get(payload[7], "unknown unit")
        density = f"{int.from_bytes(payload[8:10])}×{int.from_bytes(payload[10:12])}"
        return f"JFIF {version[0]}.{version[1]:02}, density {density} ({unit})"
    if (transform := adobe_transform(segment)) is not None:
        return f"Adobe, colour transform {transform}"
    if segment.n == 1 and payload.startswith(EXIF_HEADER):
        return f"Exif, {len(payload) - len(EXIF_HEADER):,} bytes"
    if segment.n == 2 and payload.startswith(ICC_HEADER) and len(payload) >= 14:
        return f"ICC profile, part {payload[12]} of {payload[13]}"
    return _quote(payload)


def _quote(payload: bytes, most: int = 40) -> str:
    """Show the printable start of some bytes."""
    text = "".join(c if c.isprintable() else "·" for c in payload[:most].decode("latin-1"))
    return f'"{text}"' + (f" ... {len(payload):,} bytes" if len(payload) > most else "")
