"""Segments → bytes: the way back from `markers`, one function for each kind of segment (Annex B)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from . import tables
from .jpeg_data import (
    AppData,
    ArithmeticConditioning,
    Comment,
    Conditioning,
    FrameHeader,
    HuffmanTable,
    HuffmanTables,
    NumberOfLines,
    OtherSegment,
    QuantizationTable,
    QuantizationTables,
    RestartInterval,
    ScanHeader,
    Segment,
)
from .markers import marker_name

__all__ = ["format_segment"]

_NATURAL_INDEX: list[int] = tables.NATURAL_INDEX.tolist()


def format_segment(segment: Segment, frame: FrameHeader) -> bytes:
    """Return the bytes of a segment, marker and length included.

    Raises
    ------
    ValueError
        If a number does not fit its field.
    """
    marker, payload = _marker_and_payload(segment, frame)
    if payload is None:
        return bytes((0xFF, marker))
    if len(payload) > 0xFFFF - 2:
        raise ValueError(f"{marker_name(marker)} segment of {len(payload)} bytes, at most 65533 fit")
    return bytes((0xFF, marker)) + (len(payload) + 2).to_bytes(2) + payload


def _marker_and_payload(segment: Segment, frame: FrameHeader) -> tuple[int, bytes | None]:
    match segment:
        case HuffmanTables(huffman_tables):
            return tables.DHT, b"".join(map(_format_huffman_table, huffman_tables))
        case QuantizationTables(quantization_tables):
            return tables.DQT, b"".join(map(_format_quantization_table, quantization_tables))
        case AppData(n, payload):
            return tables.APP0 + _fitting("n of APPn", n, 4), payload
        case Comment(payload):
            return tables.COM, payload
        case OtherSegment(marker, other):
            return marker, other
        case RestartInterval(interval):
            return tables.DRI, _word("Ri", interval)
        case NumberOfLines(lines):
            return tables.DNL, _word("NL", lines)
        case ArithmeticConditioning(conditioning):
            return tables.DAC, b"".join(map(_format_conditioning, conditioning))
        case FrameHeader():
            return segment.marker, _format_frame_header(segment)
        case ScanHeader():
            return tables.SOS, _format_scan_header(segment, frame)
    raise TypeError(f"{type(segment).__name__} is not a segment")


@lru_cache(maxsize=64)  # most files have the same few tables
def _format_quantization_table(table: QuantizationTable) -> bytes:
    if len(table.values) != 64:
        raise ValueError(f"a quantization table of {len(table.values)} steps, must be 64")
    zz = [table.values[i] for i in _NATURAL_INDEX]
    steps = b"".join(_word("Qk", step) for step in zz) if table.precision else _bytes("Qk", zz)
    return _nibbles("Pq, Tq", table.precision, table.destination) + steps


@lru_cache(maxsize=64)
def _format_huffman_table(table: HuffmanTable) -> bytes:
    bits, values = table.spec.bits, table.spec.values
    if len(bits) != 16 or sum(bits) != len(values):
        raise ValueError(
            f"a Huffman table of {len(bits)} counts, {sum(bits)} codes and {len(values)} symbols"
        )
    body = _bytes("Li", bits) + _bytes("Vi,j", values)
    return _nibbles("Tc, Th", table.table_class, table.destination) + body


def _format_conditioning(entry: Conditioning) -> bytes:
    return _nibbles("Tc, Tb", entry.table_class, entry.destination) + _byte("Cs", entry.value)


def _format_frame_header(frame: FrameHeader) -> bytes:
    payload = _byte("P", frame.precision) + _word("Y", frame.height) + _word("X", frame.width)
    payload += _byte("Nf", len(frame.components))
    for component in frame.components:
        payload += _byte("Ci", component.component_id)
        payload += _nibbles("Hi, Vi", component.h_samp, component.v_samp)
        payload += _byte("Tqi", component.quant_table)
    return payload


def _format_scan_header(scan: ScanHeader, frame: FrameHeader) -> bytes:
    payload = _byte("Ns", len(scan.components))
    for component in scan.components:
        payload += _byte("Csj", frame.components[component.component].component_id)
        payload += _nibbles("Tdj, Taj", component.dc_table, component.ac_table)
    payload += _byte("Ss", scan.spectral_start) + _byte("Se", scan.spectral_end)
    return payload + _nibbles("Ah, Al", scan.approx_high, scan.approx_low)


def _bytes(field: str, values: Sequence[int]) -> bytes:
    try:
        return bytes(values)
    except ValueError:
        return b"".join(_byte(field, value) for value in values)  # raises, and names the value


def _byte(field: str, value: int) -> bytes:
    return bytes((_fitting(field, value, 8),))


def _word(field: str, value: int) -> bytes:
    return _fitting(field, value, 16).to_bytes(2)


def _nibbles(field: str, high: int, low: int) -> bytes:
    return bytes((16 * _fitting(field, high, 4) + _fitting(field, low, 4),))


def _fitting(field: str, value: int, bits: int) -> int:
    if not 0 <= value < 1 << bits:
        raise ValueError(f"{field} = {value} does not fit {bits} bits")
    return value
