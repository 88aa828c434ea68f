"""What a marker segment says, in one line: sizes and factors, steps and codes, who wrote it.

The words are those of a person who looks at a file, not of the standard: a quality instead of 64 steps, the
name of a subsampling instead of factors. `segment_fields` has every field by its symbol.
"""

from __future__ import annotations

from functools import lru_cache

from .. import tables
from ..jpeg_data import (
    AppData,
    ArithmeticConditioning,
    Comment,
    Conditioning,
    HuffmanTable,
    HuffmanTables,
    NumberOfLines,
    OtherSegment,
    QuantizationTable,
    QuantizationTables,
    RestartInterval,
)
from ..markers import parse_segment
from ..metadata import EXIF_HEADER, ICC_HEADER, adobe_transform, jfif_version
from ..quantization import scale_table
from ..sampling import SUBSAMPLINGS

__all__ = ["quoted", "segment_words"]


def segment_words(data: bytes, offset: int, marker: int, payload: bytes) -> str:
    """Return the words of the segment at `offset` that has these parameters.

    Raises
    ------
    JpegError
        If a table segment cannot be read. Headers of frames and scans can always be described.
    """
    if marker in tables.PROCESSES or marker == tables.DHP:
        return _frame_words(marker, payload)
    if marker == tables.EXP and len(payload) == 1:
        doubled = [axis for axis, bits in (("width", 4), ("height", 0)) if payload[0] >> bits & 15]
        return f"the reference picture is doubled in {' and '.join(doubled) or 'no direction'}"
    if marker == tables.SOS:
        return _scan_words(payload)
    if marker in (tables.EXP, 0xF7):
        return f"{len(payload):,} bytes"
    segment, _ = parse_segment(data, offset, marker, None)
    match segment:
        case QuantizationTables(quantization_tables):
            return "; ".join(map(_quantization_words, quantization_tables))
        case HuffmanTables(huffman_tables):
            return "; ".join(map(_huffman_words, huffman_tables))
        case ArithmeticConditioning(conditioning):
            return "; ".join(map(_conditioning_words, conditioning))
        case RestartInterval(interval):
            return f"a restart marker every {interval:,} MCUs" if interval else "no restart markers"
        case NumberOfLines(lines):
            return f"{lines:,} lines"
        case Comment(comment):
            return quoted(comment)
        case AppData():
            return _application_words(segment)
        case OtherSegment():
            return f"{len(payload):,} bytes"
    return ""


def _frame_words(marker: int, payload: bytes) -> str:
    process = tables.PROCESSES.get(marker, "hierarchical, the finished picture (DHP)")
    if len(payload) < 6 or len(payload) != 6 + 3 * payload[5]:
        return f"{process}, with a length that does not fit"
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
    return f"{size}, {count}{subsampling}, {process}; {each}{more}"


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
    quality = _qualities(table.destination == 0).get(table.values)
    words = f"table {table.destination}, {8 << table.precision} bit"
    first = " ".join(str(step) for step in table.values[:8])
    return f"{words}, first row {first}" + (f" (quality {quality})" if quality else "")


@lru_cache(maxsize=2)
def _qualities(luminance_first: bool) -> dict[tuple[int, ...], int]:
    """Return the qualities of K.1's tables by their 64 steps; where several have the same, the best.

    Table 0 is the luminance table by custom. Low qualities, all steps 255, are those of both tables.
    """
    bases = (tables.LUMINANCE_QUANTIZATION, tables.CHROMINANCE_QUANTIZATION)
    qualities: dict[tuple[int, ...], int] = {}
    for base in bases if luminance_first else bases[::-1]:
        for quality in range(100, 0, -1):
            qualities.setdefault(tuple(scale_table(base, quality).ravel().tolist()), quality)
    return qualities


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


def _conditioning_words(entry: Conditioning) -> str:
    if entry.table_class:
        return f"AC table {entry.destination}: Kx = {entry.value}"
    return f"DC table {entry.destination}: L = {entry.value & 15}, U = {entry.value >> 4}"


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
    return quoted(payload)


def quoted(payload: bytes, most: int = 40) -> str:
    """Return the printable start of some bytes, in quotation marks."""
    text = "".join(c if c.isprintable() else "·" for c in payload[:most].decode("latin-1"))
    return f'"{text}"' + (f" ... {len(payload):,} bytes" if len(payload) > most else "")
