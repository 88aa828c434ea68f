"""What is where in a file: every segment on one screen, every field, and the bits of a block.

The microscope looks at files of every coding process, also those that `decoder` does not decode: it reads
headers and steps over entropy-coded data to the next marker, which byte stuffing makes possible (B.1.1.5).
It has two magnifications. `describe` puts the whole file on one screen. `inspect` takes it apart: each
segment into its fields (`segment_fields`), and one MCU into bits, codes, coefficients and samples
(`block_trace`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

import numpy as np

from .. import tables
from ..arguments import checked_bytes
from ..errors import FormatError
from ..markers import find_marker, is_standalone, marker_name, payload_bounds
from ..reader import MAX_MEMORY, MAX_PIXELS, MAX_SCANS, Limits
from .block_trace import BlockTrace, SampleTrace, trace_mcu
from .segment_fields import SegmentView, file_segments
from .segment_words import segment_words

__all__ = ["FilePart", "Inspection", "describe", "file_parts", "inspect"]


# --------------------------------------------------------------------------------------------------
# One screen


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


# --------------------------------------------------------------------------------------------------
# Every field, and the bits of an MCU


@dataclass(frozen=True)
class Inspection:
    """What `inspect` has found.

    Attributes
    ----------
    size : int
        Bytes of the file.
    segments : tuple of SegmentView
        The whole file in order, each segment with its fields.
    mcu : (int, int) or None
        The MCU looked at, row and column.
    units : tuple of BlockTrace or SampleTrace
        Its blocks, or its samples in a lossless process.
    problems : tuple of str
        What is wrong with the file, found while decoding it; empty without an MCU.
    """

    size: int
    segments: tuple[SegmentView, ...]
    mcu: tuple[int, int] | None
    units: tuple[BlockTrace | SampleTrace, ...]
    problems: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return it as dictionaries, lists, numbers and strings, fit for `json.dumps`."""
        return {field.name: _plain(getattr(self, field.name)) for field in fields(self)}


def inspect(
    data: bytes,
    *,
    mcu: tuple[int, int] | None = None,
    component: int | None = None,
    max_pixels: int = MAX_PIXELS,
    max_scans: int = MAX_SCANS,
    max_memory: int = MAX_MEMORY,
) -> Inspection:
    """Take a file apart: every field of every segment, and, of one MCU, every bit.

    Parameters
    ----------
    data : bytes
        The file; anything with the buffer interface. It may be damaged, or of a process that `decode` does
        not decode: what can be read is shown.
    mcu : (int, int), optional
        Row and column, from 0 on, of an MCU whose blocks are traced through all scans.
    component : int, optional
        Trace only the blocks of this component.
    max_pixels, max_scans, max_memory : int
        Limits on what tracing may cost, as for `decode`.

    Returns
    -------
    Inspection

    Raises
    ------
    FormatError
        If the file does not start as a JPEG file does. All else that is wrong is told in `problem` and
        `problems`.
    TypeError, ValueError
        If an argument is wrong, or the picture has no such MCU.

    Examples
    --------
    >>> from jpeg_from_scratch import encode
    >>> block = np.tile(np.arange(8, dtype=np.uint8) * 9, (8, 1))  # from dark to bright
    >>> inspection = inspect(encode(block), mcu=(0, 0))
    >>> [(s.offset, s.name, s.length) for s in inspection.segments][:3]
    [(0, 'SOI', 2), (2, 'APP0', 18), (20, 'DQT', 69)]
    >>> for step in inspection.units[0].scans[0].steps:
    ...     print(step.offset, step.bit, step.code, step.extra, step.name, step.k, step.coefficient)
    328 0 11110 0011110 DC 0 -97
    329 4 11010 00100 AC 1 -27
    330 6 1111111000 01 AC 6 -2
    332 2 1010  EOB None None
    """
    data = checked_bytes(data)
    limits = Limits(max_pixels, max_scans, max_memory)
    segments = tuple(file_segments(data))
    if mcu is None:
        if component is not None:
            raise ValueError(f"component={component}, but no mcu")
        return Inspection(len(data), segments, None, (), ())
    row, column = mcu
    units, problems = trace_mcu(data, (row, column), component, limits)
    return Inspection(len(data), segments, (row, column), units, problems)


def _plain(value: Any) -> Any:
    """Turn dataclasses into dictionaries, and arrays and tuples into lists."""
    if is_dataclass(value):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    return value.tolist() if isinstance(value, np.ndarray | np.generic) else value
