"""Bytes → segments: the syntax of Annex B, one function for each kind. `segment_bytes` has the way back.

A JPEG file is a row of *marker segments*: X'FF', a code, a two-byte length that counts itself, and
parameters (B.1.1.4). After the scan header SOS, entropy-coded data follows, up to the next marker. Numbers
are big-endian; two four-bit numbers share a byte, the first in the high half (B.1.1.1).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import NoReturn, TypeAlias

import numpy as np

from . import tables
from .errors import FormatError, LimitError, UnsupportedError
from .huffman import HuffmanSpec
from .jpeg_data import (
    AppData,
    ArithmeticConditioning,
    Comment,
    Conditioning,
    FrameComponent,
    FrameHeader,
    HuffmanTable,
    HuffmanTables,
    NumberOfLines,
    OtherSegment,
    QuantizationTable,
    QuantizationTables,
    RestartInterval,
    ScanComponent,
    ScanHeader,
    Segment,
)

__all__ = ["find_marker", "is_standalone", "next_marker", "parse_segment", "payload_bounds"]

MAX_DIMENSION = 65500  # libjpeg's limit on a side; T.81 allows 65535
SAMPLING_FACTORS = range(1, 5)
Complaint: TypeAlias = Callable[[FormatError], None]
"""Takes what is wrong but can be read nevertheless: raises it, or makes a note of it."""


# --------------------------------------------------------------------------------------------------
# Finding segments


def find_marker(data: bytes, position: int) -> tuple[int, int]:
    """Read the marker at `position`, over any fill bytes (B.1.1.2: X'FF' may be repeated before a marker).

    Returns
    -------
    offset, marker : int
        The offset of the marker's last X'FF', and its code. `FormatError` if something else stands there.
    """
    offset = position
    while offset < len(data) and data[offset] == 0xFF:
        offset += 1
    if offset >= len(data):
        raise FormatError(
            "the file ends where a marker is due", offset=len(data), field="marker", clause="B.2.1"
        )
    if offset == position or data[offset] == 0x00:
        junk = _bytes_before_marker(data, position)
        raise FormatError(
            f"{junk} extraneous bytes where a marker is due, the first X'{data[position]:02X}'",
            offset=position,
            field="marker",
            clause="B.1.1.2",
        )
    return offset - 1, data[offset]


def _bytes_before_marker(data: bytes, position: int) -> int:
    """Count the bytes from `position` to the next marker or the end of the file."""
    offset = position
    while (offset := data.find(b"\xff", offset)) >= 0:
        if data[offset + 1 : offset + 2] not in (b"\x00", b"\xff"):
            return offset - position
        offset += 1
    return len(data) - position


def next_marker(data: bytes, position: int) -> tuple[int, int]:
    """Skip everything up to the next marker, X'FF' followed by neither 0 nor X'FF'.

    Returns
    -------
    offset, marker : int
        Where there is none, the end of the data and EOI.
    """
    while (position := data.find(b"\xff", position)) >= 0 and position + 1 < len(data):
        if data[position + 1] not in (0x00, 0xFF):
            return position, data[position + 1]
        position += 1 if data[position + 1] == 0xFF else 2
    return len(data), tables.EOI


def is_standalone(marker: int) -> bool:
    """Whether a marker has no length and no parameters (Table B.1, the codes marked *)."""
    return marker in (tables.SOI, tables.EOI, tables.TEM) or tables.RST0 <= marker <= tables.RST7


def payload_bounds(data: bytes, offset: int, marker: int) -> tuple[int, int]:
    """Return where the parameters of the segment at `offset` start and end (B.1.1.4)."""

    def wrong(message: str, at: int) -> FormatError:
        return FormatError(message, offset=at, field="segment length", clause="B.1.1.4")

    if offset + 4 > len(data):
        raise wrong(f"the file ends in the length of the {marker_name(marker)} segment", len(data))
    length = int.from_bytes(data[offset + 2 : offset + 4])
    end = offset + 2 + length
    if length >= 2 and end <= len(data):
        return offset + 4, end
    name = marker_name(marker)
    if length < 2:
        raise wrong(f"a length of {length} in the {name} segment; it counts its own two bytes", offset + 2)
    over = end - len(data)
    raise wrong(f"the {name} segment of {length} bytes passes the end of the file by {over}", offset + 2)


def marker_name(marker: int) -> str:
    """Return the symbol of Table B.1, or the code where it has none."""
    return tables.MARKER_NAMES.get(marker, f"X'FF{marker:02X}'")


# --------------------------------------------------------------------------------------------------
# Bytes → segments


def refuse(error: FormatError) -> None:
    """Raise what is complained about: what a strict reader does."""
    raise error


class Parameters:
    """Read the parameters of one segment in order; errors know the segment, the field and the offset."""

    def __init__(
        self, data: bytes, start: int, end: int, marker: int, clause: str, complain: Complaint
    ) -> None:
        self.data, self.position, self.end = data, start, end
        self.complain = complain
        self.length_offset = start - 2
        self.marker, self.clause = marker, clause

    @property
    def left(self) -> int:
        """Bytes not read yet."""
        return self.end - self.position

    def byte(self, field: str) -> int:
        """Read one byte."""
        if self.position >= self.end:
            self.bad_length(f"it ends before {field}")
        self.position += 1
        return self.data[self.position - 1]

    def nibbles(self, field: str) -> tuple[int, int]:
        """Read two 4-bit numbers, high half first."""
        byte = self.byte(field)
        return byte >> 4, byte & 15

    def word(self, field: str) -> int:
        """Read two bytes, big-endian."""
        return int.from_bytes(self.take(2, field))

    def take(self, count: int, field: str) -> bytes:
        """Read `count` bytes."""
        start = self.position
        if self.end - start < count:
            self.bad_length(f"it ends before {field}")
        self.position = start + count
        return self.data[start : start + count]

    def finish(self) -> None:
        """Check that nothing is left."""
        if self.left:
            self.bad_length(f"{self.left} bytes are left over")

    def bad_length(self, why: str) -> NoReturn:
        """Raise the error of a length that does not fit the contents."""
        raise self.length_error(why)

    def length_error(self, why: str) -> FormatError:
        """Return the error of a length that does not fit the contents."""
        return FormatError(
            f"the {marker_name(self.marker)} segment has the wrong length: {why}",
            offset=self.length_offset,
            field="segment length",
            clause=self.clause,
        )

    def error(self, message: str, field: str, back: int = 1) -> FormatError:
        """Return the error of a wrong value, read `back` bytes ago."""
        return FormatError(message, offset=self.position - back, field=field, clause=self.clause)


def parse_segment(
    data: bytes, offset: int, marker: int, frame: FrameHeader | None, complain: Complaint = refuse
) -> tuple[Segment, int]:
    """Parse the marker segment at `offset`.

    Parameters
    ----------
    data : bytes
        The file.
    offset : int
        Of the marker's X'FF'.
    marker : int
        Its code.
    frame : FrameHeader or None
        The frame header, if it came already: a scan header refers to it.
    complain : callable
        Takes a `FormatError` that libjpeg-turbo would only warn of.

    Returns
    -------
    segment, end : Segment, int
        The segment and the offset behind it.

    Raises
    ------
    FormatError, UnsupportedError, LimitError
    """
    if is_standalone(marker):
        if marker == tables.SOI:
            raise FormatError("a second SOI", offset=offset, field="SOI", clause="B.2.1")
        return OtherSegment(marker, None), offset + 2
    _check_marker(marker, offset)
    start, end = payload_bounds(data, offset, marker)
    if tables.APP0 <= marker <= tables.APP15:
        return AppData(marker - tables.APP0, data[start:end]), end
    parse, clause = _PARSERS.get(marker, (_parse_other, "B.1.1.4"))
    parameters = Parameters(data, start, end, marker, clause, complain)
    if marker == tables.SOS:
        return _parse_scan_header(parameters, frame), end
    if marker in tables.PROCESSES and frame is not None:
        raise FormatError("a second frame header", offset=offset, field="SOF", clause="B.2.1")
    if marker in tables.HIERARCHICAL:
        raise UnsupportedError(tables.PROCESSES[marker])
    return parse(parameters, marker), end


def _check_marker(marker: int, offset: int) -> None:
    if marker == 0xF7:
        raise UnsupportedError("JPEG-LS (marker SOF55 of ITU-T T.87)")
    if marker in (tables.DHP, tables.EXP):
        raise UnsupportedError(f"hierarchical mode (marker {marker_name(marker)})")
    if marker not in tables.MARKER_NAMES or marker == 0xC8 or 0xF0 <= marker <= 0xFD:
        raise FormatError(
            f"the reserved marker X'FF{marker:02X}'", offset=offset, field="marker", clause="B.1.1.3"
        )


def _parse_comment(parameters: Parameters, marker: int) -> Comment:
    return Comment(parameters.take(parameters.left, "Cm"))


def _parse_other(parameters: Parameters, marker: int) -> OtherSegment:
    return OtherSegment(marker, parameters.take(parameters.left, "parameters"))


def _parse_quantization_tables(parameters: Parameters, marker: int) -> QuantizationTables:
    """B.2.4.1 – Quantization table-specification syntax (Table B.4)."""
    parsed = []
    while parameters.left:
        precision, destination = parameters.nibbles("Pq, Tq")
        if destination > 3:
            raise parameters.error(f"Tq = {destination}, allowed are 0 ... 3", "Tq")
        if precision > 1:
            parameters.complain(parameters.error(f"Pq = {precision}, allowed are 0 and 1", "Pq"))
            precision = 1
        elements = parameters.take(64 << precision, "Qk")
        parsed.append(_quantization_table(destination, precision, elements))
    return QuantizationTables(tuple(parsed))


@lru_cache(maxsize=64)  # most files have the same few tables
def _quantization_table(destination: int, precision: int, elements: bytes) -> QuantizationTable:
    zz = np.frombuffer(elements, ">u2" if precision else np.uint8)
    return QuantizationTable(destination, precision, tuple(zz[tables.ZIGZAG_INDEX.ravel()].tolist()))


def _parse_huffman_tables(parameters: Parameters, marker: int) -> HuffmanTables:
    """B.2.4.2 – Huffman table-specification syntax (Table B.5)."""
    parsed = []
    while parameters.left:
        table_class, destination = parameters.nibbles("Tc, Th")
        if table_class > 1:
            raise parameters.error(f"Tc = {table_class}, allowed are 0 (DC) and 1 (AC)", "Tc")
        if destination > 3:
            raise parameters.error(f"Th = {destination}, allowed are 0 ... 3", "Th")
        bits = parameters.take(16, "Li")
        if sum(bits) > 256:
            raise parameters.error(
                f"the counts Li sum to {sum(bits)} codes, at most 256 symbols exist", "Li", 16
            )
        values = parameters.take(sum(bits), "Vi,j")
        parsed.append(HuffmanTable(table_class, destination, _huffman_spec(bits, values)))
    return HuffmanTables(tuple(parsed))


@lru_cache(maxsize=64)
def _huffman_spec(bits: bytes, values: bytes) -> HuffmanSpec:
    return HuffmanSpec(tuple(bits), tuple(values))


def _parse_arithmetic_conditioning(parameters: Parameters, marker: int) -> ArithmeticConditioning:
    """B.2.4.3 – Arithmetic conditioning table-specification syntax (Table B.6)."""
    parsed = []
    while parameters.left:
        table_class, destination = parameters.nibbles("Tc, Tb")
        if table_class > 1:
            raise parameters.error(f"Tc = {table_class}, allowed are 0 (DC) and 1 (AC)", "Tc")
        value = parameters.byte("Cs")
        if table_class == 0 and value & 15 > value >> 4:
            message = f"L = {value & 15} is above U = {value >> 4} of DC table {destination}"
            raise parameters.error(message, "Cs")
        parsed.append(Conditioning(table_class, destination, value))
    return ArithmeticConditioning(tuple(parsed))


def _parse_number_of_lines(parameters: Parameters, marker: int) -> Segment:
    """B.2.5 – Define number of lines syntax (Table B.10)."""
    if parameters.left != 2:
        parameters.complain(parameters.length_error(f"{parameters.left} bytes for NL"))
        return _parse_other(parameters, marker)
    return NumberOfLines(parameters.word("NL"))


def _parse_restart_interval(parameters: Parameters, marker: int) -> RestartInterval:
    """B.2.4.4 – Restart interval definition syntax (Table B.7)."""
    interval = parameters.word("Ri")
    parameters.finish()
    return RestartInterval(interval)


def _parse_frame_header(parameters: Parameters, marker: int) -> FrameHeader:
    """B.2.2 – Frame header syntax (Table B.2)."""
    precision = parameters.byte("P")
    low, high = (2, 16) if marker in (tables.SOF3, tables.SOF11) else (8, 12)
    if not low <= precision <= high or (low == 8 and precision not in (8, 12)):
        allowed = "2 ... 16" if low == 2 else "8 and 12"
        raise parameters.error(f"P = {precision} bits, allowed are {allowed}", "P")
    height = parameters.word("Y")
    width = parameters.word("X")
    if width == 0:
        raise parameters.error("X = 0 samples per line", "X", 2)
    if max(height, width) > MAX_DIMENSION:
        raise LimitError("max_dimension", max(height, width), MAX_DIMENSION)
    count = parameters.byte("Nf")
    if count == 0:
        raise parameters.error("Nf = 0 components", "Nf")
    components = []
    for _ in range(count):
        component_id = parameters.byte("Ci")
        h_samp, v_samp = parameters.nibbles("Hi, Vi")
        if h_samp not in SAMPLING_FACTORS or v_samp not in SAMPLING_FACTORS:
            raise parameters.error(f"sampling factors {h_samp}x{v_samp}, allowed are 1 ... 4", "Hi, Vi")
        components.append(FrameComponent(component_id, h_samp, v_samp, parameters.byte("Tqi")))
    parameters.finish()
    return FrameHeader(marker, precision, height, width, tuple(components))


def _parse_scan_header(parameters: Parameters, frame: FrameHeader | None) -> ScanHeader:
    """B.2.3 – Scan header syntax (Table B.3)."""
    if frame is None:
        raise FormatError(
            "a scan before the frame header", offset=parameters.length_offset - 2, field="SOS", clause="B.2.1"
        )
    count = parameters.byte("Ns")
    if not 1 <= count <= 4:
        raise parameters.error(f"Ns = {count} components, allowed are 1 ... 4", "Ns")
    components: list[ScanComponent] = []
    for i in range(count):
        component_id = parameters.byte("Csj")
        # Components follow each other as in the frame header. Looking from the i-th to the fourth is
        # libjpeg-turbo's rule; it also reads frames in which identifiers repeat. Those behind the fourth
        # are ours.
        count_in_frame = len(frame.components)
        candidates = (*range(i, min(4, count_in_frame)), *range(4, count_in_frame))
        found = [c for c in candidates if frame.components[c].component_id == component_id]
        if not found or any(found[0] == other.component for other in components):
            raise parameters.error(f"Csj = {component_id} is no component of the frame in its order", "Csj")
        components.append(ScanComponent(found[0], *parameters.nibbles("Tdj, Taj")))
    spectral_start, spectral_end = parameters.byte("Ss"), parameters.byte("Se")
    approx_high, approx_low = parameters.nibbles("Ah, Al")
    parameters.finish()
    scan = ScanHeader(tuple(components), spectral_start, spectral_end, approx_high, approx_low)
    wrong = scan_problem(frame, scan)
    if wrong:
        error = parameters.error(wrong, "Ss, Se, Ah, Al", 3)
        if frame.is_progressive or frame.is_lossless:
            raise error
        parameters.complain(error)
        scan = ScanHeader(scan.components)
    members = [frame.components[component.component] for component in components]
    blocks = sum(member.h_samp * member.v_samp for member in members)
    if count > 1 and blocks > 10:
        raise FormatError(
            f"an MCU of {blocks} blocks, allowed are 10",
            offset=parameters.length_offset - 2,
            field="Csj",
            clause="B.2.3",
        )
    return scan


def scan_problem(frame: FrameHeader, scan: ScanHeader) -> str:
    """Say what is wrong with Ss, Se, Ah and Al of a scan (Table B.3; G.1.1.1, H.1.2.1); empty if nothing."""
    start, end, high, low = scan.spectral_start, scan.spectral_end, scan.approx_high, scan.approx_low
    found = f"Ss = {start}, Se = {end}, Ah = {high}, Al = {low}"
    if frame.is_lossless:
        if 1 <= start <= 7 and end == 0 and high == 0 and low < frame.precision:
            return ""
        return f"{found} in a lossless scan, which has a predictor 1 ... 7, 0, 0, and a transform below P"
    if not frame.is_progressive:
        return (
            ""
            if (start, end, high, low) == (0, 63, 0, 0)
            else (f"{found} in a sequential scan, which has 0, 63, 0, 0")
        )
    if start == 0 and end:
        return f"{found}: DC and AC coefficients in one progressive scan"
    if not start <= end <= 63:
        return f"{found}: a band must have Ss <= Se <= 63"
    if start and len(scan.components) > 1:
        return f"{found}: AC coefficients of {len(scan.components)} components in one progressive scan"
    if high and low != high - 1:
        return f"{found}: a later scan must refine by one bit, Al = Ah - 1"
    return f"{found}: Al is at most 13" if low > 13 else ""


_PARSERS: dict[int, tuple[Callable[[Parameters, int], Segment], str]] = {
    tables.DQT: (_parse_quantization_tables, "B.2.4.1"),
    tables.DHT: (_parse_huffman_tables, "B.2.4.2"),
    tables.DAC: (_parse_arithmetic_conditioning, "B.2.4.3"),
    tables.DRI: (_parse_restart_interval, "B.2.4.4"),
    tables.DNL: (_parse_number_of_lines, "B.2.5"),
    tables.COM: (_parse_comment, "B.2.4.5"),
    tables.SOS: (_parse_other, "B.2.3"),
    **dict.fromkeys(tables.PROCESSES, (_parse_frame_header, "B.2.2")),
}
