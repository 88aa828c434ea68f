"""Every field of every marker segment: where it stands, its symbol in T.81, its value, what it means.

`markers` reads segments for a decoder and stops at the first thing that is wrong. This file reads them for a
person: nothing is judged but that a segment is too short or too long, and what is damaged, unknown or
hierarchical is shown as far as it goes. Each kind of segment is a function here, in the order of Annex B.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from .. import tables
from ..errors import FormatError, JpegError
from ..jpeg_data import ceil_div
from ..markers import find_marker, is_standalone, marker_name, next_marker, payload_bounds
from ..metadata import EXIF_HEADER, ICC_HEADER
from .segment_words import quoted, segment_words

__all__ = ["Field", "SegmentView", "file_segments"]

# Bounds on what is listed, for files made to be listed for ever
MOST_SEGMENTS = 10_000
MOST_RESTARTS = 1000

LOSSLESS = (0xC3, 0xC7, 0xCB, 0xCF)  # SOF3, SOF7, SOF11, SOF15

_RESTART = re.compile(rb"\xff([\xd0-\xd7])")
_NOT_IN_DATA = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")


@dataclass(frozen=True)
class Field:
    """One field of a segment.

    Attributes
    ----------
    offset, length : int
        Of its bytes in the file.
    half : str
        ``"high"`` or ``"low"`` for a field of four bits, the half of the byte in which it stands; else empty.
    name : str
        Its symbol in T.81: ``"Tq"``.
    value : int, str or tuple of int
        A number, the printable start of a text, or a list: Qk in zigzag order, Li, Vi,j.
    meaning : str
        In words; empty where the number says it all.
    clause : str
        Of T.81, or of another standard, by its name.
    """

    offset: int
    length: int
    half: str
    name: str
    value: int | str | tuple[int, ...]
    meaning: str
    clause: str


@dataclass(frozen=True)
class SegmentView:
    """A piece of the file: a marker segment, entropy-coded data, or bytes that belong nowhere.

    Attributes
    ----------
    offset, length : int
        In bytes, marker included.
    name : str
        Its marker, or ``"data"``, ``"trailer"`` (behind EOI), ``"bytes"`` (where a marker is due).
    words : str
        What it says, in one line.
    clause : str
    fields : tuple of Field
    problem : str
        What is wrong with it; empty if nothing.
    """

    offset: int
    length: int
    name: str
    words: str
    clause: str
    fields: tuple[Field, ...] = ()
    problem: str = ""


def file_segments(data: bytes) -> list[SegmentView]:
    """Return the segments of a file in order, whatever is wrong with it.

    Raises
    ------
    FormatError
        If the file does not start with SOI.

    Examples
    --------
    >>> dri = bytes.fromhex("ffd8 ffdd 0004 0010 ffd9")
    >>> [(field.offset, field.name, field.value) for field in file_segments(dri)[1].fields]
    [(4, 'Lr', 4), (6, 'Ri', 16)]
    """
    if data[:2] != bytes((0xFF, tables.SOI)):
        message = f"not a JPEG file: it starts with {data[:2].hex(' ').upper() or 'nothing'}, not FF D8"
        raise FormatError(message, offset=0, field="SOI", clause="B.2.1")
    segments: list[SegmentView] = []
    position, lossless = 0, False
    while position < len(data):
        if len(segments) >= MOST_SEGMENTS:
            segments.append(_rest(data, position, "bytes", f"more than {MOST_SEGMENTS:,} segments"))
            break
        try:
            offset, marker = find_marker(data, position)
        except FormatError as error:
            offset, _ = next_marker(data, position)
            segments.append(
                SegmentView(position, offset - position, "bytes", "", "B.1.1.2", problem=error.message)
            )
            position = offset
            continue
        segment = _segment(data, offset, marker, lossless)
        lossless = lossless or marker in LOSSLESS
        segments.append(segment)
        position = offset + segment.length
        if marker == tables.SOS:
            segments.append(_entropy_coded_data(data, position))
            position += segments[-1].length
        if marker == tables.EOI:
            if position < len(data):
                segments.append(_rest(data, position, "trailer", ""))
            return segments
    if not segments[-1].problem:
        segments.append(SegmentView(len(data), 0, "bytes", "", "B.2.1", problem="the file ends without EOI"))
    return segments


def _rest(data: bytes, position: int, name: str, problem: str) -> SegmentView:
    return SegmentView(
        position, len(data) - position, name, "not part of the picture", "B.2.1", problem=problem
    )


def _segment(data: bytes, offset: int, marker: int, lossless: bool) -> SegmentView:
    """Read the marker segment at `offset`; `lossless`: of the frame before."""
    name = marker_name(marker)
    if is_standalone(marker):
        words = {tables.SOI: "start of image", tables.EOI: "end of image"}.get(marker, "")
        return SegmentView(offset, 2, name, words, "B.1.1.3")
    problem, words = "", ""
    try:
        start, end = payload_bounds(data, offset, marker)
        words = segment_words(data, offset, marker, data[start:end])
    except JpegError as error:
        problem = error.message if isinstance(error, FormatError) else str(error)
        declared = int.from_bytes(data[offset + 2 : offset + 4])
        end = min(len(data), offset + 2 + max(2, declared))
    read, symbol, clause = _READERS.get(marker, (_other, "Lx", "B.1.1.4"))
    fields = Fields(data, offset + 2, end, clause, lossless)
    try:
        fields.number(symbol, 2, "bytes of this segment, these two included", "B.1.1.4")
        read(fields, marker)
        if fields.left:
            problem = problem or f"{fields.left} bytes are left over"
            fields.text("?", fields.left)
    except EndOfFields as early:
        problem = problem or f"it ends before {early}"
    return SegmentView(offset, end - offset, name, words, clause, tuple(fields.found), problem)


# --------------------------------------------------------------------------------------------------
# Fields of a segment


class EndOfFields(Exception):
    """The segment ends before a field."""


class Fields:
    """Read the fields of a segment in order, and keep them in `found`."""

    def __init__(self, data: bytes, position: int, end: int, clause: str, lossless: bool) -> None:
        self.data, self.position, self.end, self.clause = data, position, end, clause
        self.lossless = lossless  # whether the frame is of a lossless process
        self.found: list[Field] = []

    @property
    def left(self) -> int:
        """Bytes not read yet."""
        return self.end - self.position

    def starts_with(self, header: bytes) -> bool:
        """Whether these bytes come next."""
        return self.data.startswith(header, self.position) and self.left >= len(header)

    def number(
        self, name: str, length: int = 1, meaning: str | Callable[[int], str] = "", clause: str = ""
    ) -> int:
        """Read a number of one or two bytes."""
        value = int.from_bytes(self._take(length, name))
        words = meaning if isinstance(meaning, str) else meaning(value)
        self._add(length, "", name, value, words, clause)
        return value

    def halves(self, high: str, low: str, meaning: Callable[[int, int], tuple[str, str]]) -> tuple[int, int]:
        """Read two numbers of four bits each."""
        both = divmod(self._take(1, high)[0], 16)
        words = meaning(*both)
        self._add(1, "high", high, both[0], words[0])
        self._add(1, "low", low, both[1], words[1])
        return both

    def numbers(self, name: str, count: int, size: int = 1, meaning: str = "") -> tuple[int, ...]:
        """Read a list of numbers of `size` bytes each."""
        taken = self._take(count * size, name)
        values = tuple(int.from_bytes(taken[i : i + size]) for i in range(0, len(taken), size))
        self._add(len(taken), "", name, values, meaning)
        return values

    def text(self, name: str, length: int, meaning: str = "", clause: str = "") -> None:
        """Read bytes as a text, of which the start is kept."""
        self._add(length, "", name, quoted(self._take(length, name)), meaning, clause)

    def _take(self, length: int, name: str) -> bytes:
        if self.left < length:
            raise EndOfFields(name)
        self.position += length
        return self.data[self.position - length : self.position]

    def _add(
        self,
        length: int,
        half: str,
        name: str,
        value: int | str | tuple[int, ...],
        meaning: str,
        clause: str = "",
    ) -> None:
        offset = self.position - length
        self.found.append(Field(offset, length, half, name, value, meaning, clause or self.clause))


# --------------------------------------------------------------------------------------------------
# The kinds of segments


def _frame_header(fields: Fields, marker: int) -> None:
    """B.2.2 – Frame header syntax (Table B.2)."""
    fields.number("P", 1, "bits of a sample")
    height = fields.number("Y", 2, lambda lines: "lines" if lines else "lines: DNL will say")
    width = fields.number("X", 2, "samples per line")
    count = fields.number("Nf", 1, "components")
    factors = _factors_ahead(fields, count)
    h_max, v_max = max((h for h, _ in factors), default=1), max((v for _, v in factors), default=1)
    for h, v in factors:
        rows, columns = ceil_div(height * v, v_max or 1), ceil_div(width * h, h_max or 1)
        fields.number("Ci", 1, f"component of {columns} × {rows} samples")
        fields.halves("Hi", "Vi", lambda h, v: ("horizontal sampling factor", "vertical sampling factor"))
        fields.number("Tqi", 1, "its quantization table")
    if len(factors) < count:
        raise EndOfFields("Ci")


def _factors_ahead(fields: Fields, count: int) -> list[tuple[int, int]]:
    """Return (Hi, Vi) of the components that are all there."""
    there = min(count, fields.left // 3)
    return [divmod(fields.data[fields.position + 3 * i + 1], 16) for i in range(there)]


def _scan_header(fields: Fields, marker: int) -> None:
    """B.2.3 – Scan header syntax (Table B.3)."""
    for _ in range(fields.number("Ns", 1, "components in this scan")):
        fields.number("Csj", 1, "component, its Ci")
        fields.halves("Tdj", "Taj", lambda dc, ac: (f"DC table {dc}", f"AC table {ac}"))
    if fields.lossless:
        fields.number("Ss", 1, "predictor")
        fields.number("Se", 1)
        fields.halves("Ah", "Al", lambda high, low: ("", "point transform Pt"))
    else:
        fields.number("Ss", 1, "first coefficient of the band")
        fields.number("Se", 1, "last coefficient of the band")
        fields.halves("Ah", "Al", _approximation)


def _approximation(high: int, low: int) -> tuple[str, str]:
    before = f"bits down to {high} were sent before" if high else "the first scan of this band"
    return before, f"bits down to {low} are sent" if low else "all bits are sent"


def _quantization_tables(fields: Fields, marker: int) -> None:
    """B.2.4.1 – Quantization table-specification syntax (Table B.4)."""
    while fields.left:
        precision, _ = fields.halves(
            "Pq", "Tq", lambda p, t: (f"steps of {8 << min(p, 1)} bits", f"quantization table {t}")
        )
        fields.numbers("Qk", 64, 1 + (precision > 0), "64 step sizes in zigzag order")


def _huffman_tables(fields: Fields, marker: int) -> None:
    """B.2.4.2 – Huffman table-specification syntax (Table B.5)."""
    while fields.left:
        fields.halves("Tc", "Th", lambda c, d: (("DC", "AC")[min(c, 1)] + " table", f"Huffman table {d}"))
        counts = fields.numbers("Li", 16, 1, "how many codes have 1, 2, ... 16 bits")
        fields.numbers("Vi,j", sum(counts), 1, "their symbols, in order of increasing code")


def _conditioning(fields: Fields, marker: int) -> None:
    """B.2.4.3 – Arithmetic conditioning table-specification syntax (Table B.6)."""
    while fields.left:
        is_ac, _ = fields.halves(
            "Tc", "Tb", lambda c, d: (("DC", "AC")[min(c, 1)] + " conditioning", f"conditioning table {d}")
        )
        meaning: Callable[[int], str] = _ac_bound if is_ac else _dc_bounds
        fields.number("Cs", 1, meaning)


def _dc_bounds(value: int) -> str:
    return f"L = {value & 15}, U = {value >> 4}"


def _ac_bound(value: int) -> str:
    return f"Kx = {value}"


def _restart_interval(fields: Fields, marker: int) -> None:
    """B.2.4.4 – Restart interval definition syntax (Table B.7)."""
    fields.number("Ri", 2, lambda mcus: "MCUs between restart markers" if mcus else "no restart markers")


def _comment(fields: Fields, marker: int) -> None:
    """B.2.4.5 – Comment syntax (Table B.8)."""
    fields.text("Cm", fields.left, "comment")


def _number_of_lines(fields: Fields, marker: int) -> None:
    """B.2.5 – Define number of lines syntax (Table B.10)."""
    fields.number("NL", 2, "lines of the frame")


def _expansion(fields: Fields, marker: int) -> None:
    """B.3.3 – EXP segment syntax (Table B.11)."""
    fields.halves("Eh", "Ev", lambda h, v: ("doubled horizontally" * (h > 0), "doubled vertically" * (v > 0)))


def _other(fields: Fields, marker: int) -> None:
    fields.text("parameters", fields.left)


def _application_data(fields: Fields, marker: int) -> None:
    """B.2.4.6 – Application data syntax (Table B.9), and what is known of the applications."""
    n = marker - tables.APP0
    if n == 0 and fields.starts_with(b"JFIF\0") and fields.left >= 14:
        _jfif(fields)
    elif n == 14 and fields.starts_with(b"Adobe") and fields.left >= 12:
        fields.text("identifier", 5, "Adobe")
        fields.number("version", 2)
        fields.number("flags0", 2)
        fields.number("flags1", 2)
        fields.number("transform", 1, lambda code: {0: "none", 1: "YCbCr", 2: "YCCK"}.get(code, "unknown"))
    elif n == 1 and fields.starts_with(EXIF_HEADER):
        fields.text("identifier", len(EXIF_HEADER), "Exif")
    elif n == 2 and fields.starts_with(ICC_HEADER) and fields.left >= len(ICC_HEADER) + 2:
        fields.text("identifier", len(ICC_HEADER), "a part of a colour profile", "ICC.1 B.4")
        fields.number("part", 1, "from 1 on", "ICC.1 B.4")
        fields.number("parts", 1, "of the profile", "ICC.1 B.4")
    if fields.left:
        fields.text("Api", fields.left, "application data")


def _jfif(fields: Fields) -> None:
    clause = "T.871 10.1"
    fields.text("identifier", 5, "JFIF", clause)
    fields.number("version", 2, lambda version: f"{version >> 8}.{version & 255:02}", clause)
    fields.number("units", 1, lambda u: {0: "none", 1: "per inch", 2: "per cm"}.get(u, "unknown"), clause)
    fields.number("Hdensity", 2, "", clause)
    fields.number("Vdensity", 2, "", clause)
    fields.number("HthumbnailA", 1, "pixels in a line of the thumbnail", clause)
    fields.number("VthumbnailA", 1, "lines of the thumbnail", clause)


_READERS: dict[int, tuple[Callable[[Fields, int], None], str, str]] = {
    **dict.fromkeys(tables.PROCESSES, (_frame_header, "Lf", "B.2.2")),
    tables.SOS: (_scan_header, "Ls", "B.2.3"),
    tables.DQT: (_quantization_tables, "Lq", "B.2.4.1"),
    tables.DHT: (_huffman_tables, "Lh", "B.2.4.2"),
    tables.DAC: (_conditioning, "La", "B.2.4.3"),
    tables.DRI: (_restart_interval, "Lr", "B.2.4.4"),
    tables.COM: (_comment, "Lc", "B.2.4.5"),
    **dict.fromkeys(range(tables.APP0, tables.APP15 + 1), (_application_data, "Lp", "B.2.4.6")),
    tables.DNL: (_number_of_lines, "Ld", "B.2.5"),
    tables.DHP: (_frame_header, "Lf", "B.3.2"),
    tables.EXP: (_expansion, "Le", "B.3.3"),
}


# --------------------------------------------------------------------------------------------------
# Entropy-coded data


def _entropy_coded_data(data: bytes, position: int) -> SegmentView:
    """Step over the data of a scan: up to a marker other than RSTm (B.1.1.5)."""
    found = _NOT_IN_DATA.search(data, position)
    end = found.start() if found else len(data)
    # Fill bytes before the marker are the marker's (B.1.1.2), but a stuffed X'FF00' is data.
    while end > position and data[end - 1] == 0xFF:
        end -= 1
    stuffed = data.count(b"\xff\x00", position, end)
    restarts = sum(1 for _ in _restarts(data, position, end))
    words = f"{stuffed:,} stuffed zeros" + (f", {restarts:,} restart markers" if restarts else "")
    fields = []
    for i, offset in enumerate(_restarts(data, position, end)):
        if i == MOST_RESTARTS:
            break
        m = data[offset + 1] - tables.RST0
        fields.append(Field(offset, 2, "", "RSTm", m, f"restart interval {i + 1} follows", "B.2.1"))
    return SegmentView(position, end - position, "data", words, "B.1.1.5", tuple(fields))


def _restarts(data: bytes, start: int, end: int) -> Iterator[int]:
    return (match.start() for match in _RESTART.finditer(data, start, end))
