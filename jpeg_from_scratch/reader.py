"""Bytes → `JpegData`: a walk through the file, once, from SOI to EOI (E.2.1).

Strict, the first thing that breaks T.81 is an error. Lenient (``strict=False``), what libjpeg-turbo would
only warn of becomes a warning here too, and reading goes on in the same way, so that the coefficients are
the same: bytes that belong nowhere are skipped, restart markers are looked for (`intervals`), and where the
data run out, what is missing stays zero.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np

from . import pipeline, tables
from ._types import Array, Samples
from .arguments import checked_integer
from .backend import Backend, Strips
from .errors import FormatError, LimitError, UnsupportedError
from .huffman import HuffmanSpec, decode_table
from .intervals import Progress, Status, resynchronise, scan_error, skip_padding
from .jpeg_data import (
    ArithmeticConditioning,
    FrameHeader,
    HuffmanTables,
    JpegData,
    OtherSegment,
    QuantizationTables,
    ScanHeader,
    Segment,
    TableSlots,
    ceil_div,
)
from .markers import MAX_DIMENSION, find_marker, next_marker, parse_segment
from .metadata import color_space, gather_metadata
from .prediction import MISSING
from .progression import Progression
from .scan import Scan, needed_tables

__all__ = ["Limits", "Reader", "memory_estimate"]

MAX_PIXELS = 2**28
MAX_SCANS = 1000
MAX_MEMORY = 2**31
# Sequential and lossless processes send a component once. libjpeg-turbo reads it again and again, and so does
# this, but for SOF11: a scan of a few bytes takes as long as any there, since zeros follow its data.
SCANS_OF_COMPONENT = 4
MOST_WARNINGS = 1000  # of a damaged file; there is one for each restart marker that is wrong
TABLES = (QuantizationTables, HuffmanTables, ArithmeticConditioning)
EOI_FOREVER = bytes((0xFF, tables.EOI)) * (1 << 15)  # more than any segment can ask for


class Limits:
    """What reading may cost."""

    def __init__(self, max_pixels: int, max_scans: int, max_memory: int) -> None:
        self.max_pixels = checked_integer("max_pixels", max_pixels, 0)
        self.max_scans = checked_integer("max_scans", max_scans, 0)
        self.max_memory = checked_integer("max_memory", max_memory, 0)

    @staticmethod
    def check(limit: str, value: int, allowed: int) -> None:
        """Raise `LimitError` for a value above what is allowed."""
        if value > allowed:
            raise LimitError(limit, value, allowed)


def memory_estimate(frame: FrameHeader) -> int:
    """Bytes that decoding takes: coefficients or differences, planes, the picture."""
    padded = 0
    for i in range(len(frame.components)):
        rows, columns = frame.padded_block_shape(i)
        padded += rows * columns * frame.unit**2
    size = 1 if frame.precision <= 8 else 2
    # Per sample: a coefficient of 2 bytes; or a lossless sample of 2 bytes and a difference of 4.
    coded = 6 if frame.is_lossless else 2
    return (coded + size) * padded + size * frame.width * frame.height * len(frame.components)


@dataclass
class Reader:
    """Read a file.

    Attributes
    ----------
    jpeg : JpegData
        What has been read.
    offsets : list of int
        Of its segments.
    warnings : list of str
    mcus, fed_mcus : int
        Over all scans, the MCUs and those of them whose data were all there.
    progression : Progression or None
        Of a progressive file.
    last_fed_row : int
        The row of MCUs of an interleaved scan in which the data of the last scan ran out.
    """

    data: bytes
    limits: Limits
    engine: Backend
    strict: bool = True
    components: int = 255  # how many a frame may have
    tables_only: bool = False  # whether a file without a frame is read
    tables: JpegData | None = None  # a file of tables that stands before
    follow: bool = False  # whether threads may make the picture while its only scan is decoded
    warnings: list[str] = field(default_factory=list)
    mcus: int = 0
    fed_mcus: int = 0
    last_fed_row: int = -1
    progression: Progression | None = None

    def __post_init__(self) -> None:
        self.size = len(self.data)
        self.jpeg = JpegData()
        self.offsets: list[int] = []
        self.slots = TableSlots()
        self.frame: FrameHeader | None = None
        self.scanned: set[int] = set()
        self.scans = 0
        self.only_scan = False
        self.scans_of: Counter[int] = Counter()
        self.image: Samples | None = None
        self.units: list[Array] = []  # the coefficients or samples of the picture
        for segment in self.tables.segments if self.tables is not None else ():
            if isinstance(segment, TABLES):
                self.jpeg.segments.append(segment)
                self.offsets.append(0)
                self.slots.install(segment)

    def read(self) -> JpegData:
        """Read the whole file.

        Raises
        ------
        FormatError, UnsupportedError, LimitError
        """
        try:
            return self._read_segments()
        except FormatError as error:
            raise self._within_file(error) from None

    def _read_segments(self) -> JpegData:
        if self.data[:2] != bytes((0xFF, tables.SOI)):
            found = self.data[:2].hex(" ").upper() or "nothing"
            raise FormatError(
                f"not a JPEG file: it starts with {found}, not FF D8", offset=0, field="SOI", clause="B.2.1"
            )
        position = 2
        while True:
            offset, marker = self._find_marker(position)
            if marker == tables.EOI:
                self._check_complete(offset)
                return self.jpeg
            segment, position = self._parse(offset, marker)
            self.jpeg.segments.append(segment)
            self.offsets.append(offset)
            self.slots.install(segment)
            if isinstance(segment, FrameHeader):
                self._start_frame(segment)
            elif isinstance(segment, ScanHeader):
                position = self._read_scan(segment, offset, position)

    def _parse(self, offset: int, marker: int) -> tuple[Segment, int]:
        """Parse the segment at `offset`; lenient, also one that the end of the file cuts off."""
        try:
            return parse_segment(self.data, offset, marker, self.frame, self.complain)
        except FormatError as caught:
            if caught.field != "segment length" or caught.clause != "B.1.1.4":
                raise
            error = caught
        self.complain(error)
        if int.from_bytes(self.data[offset + 2 : offset + 4]) < 2 and offset + 4 <= len(self.data):
            if tables.APP0 <= marker <= tables.APP15 or marker in (tables.COM, tables.DNL):
                return OtherSegment(marker, b""), offset + 4
            raise error
        # libjpeg reads on in markers EOI, one after the other.
        self.data += EOI_FOREVER
        return parse_segment(self.data, offset, marker, self.frame, self.complain)

    def complain(self, error: FormatError) -> None:
        """Take what libjpeg-turbo would warn of."""
        if self.strict:
            raise error
        self.warnings.append(str(self._within_file(error)))

    def _within_file(self, error: FormatError) -> FormatError:
        """Move the offset of an error from the markers that are made up to the end of the file."""
        error.offset = min(error.offset, self.size)
        return error

    def _find_marker(self, position: int) -> tuple[int, int]:
        """Return offset and code of the next marker; EOI, with a warning, if the file ends before one."""
        try:
            return find_marker(self.data, position)
        except FormatError as error:
            if self._only_eoi_is_missing(error):
                self.warnings.append("the file ends without EOI")
            else:
                self.complain(error)
        return next_marker(self.data, position)

    def _only_eoi_is_missing(self, error: FormatError) -> bool:
        """Whether there is no marker because the file ends right behind a scan that completes the picture."""
        complete = self.frame is not None and len(self.scanned) == len(self.frame.components)
        after_scan = bool(self.jpeg.segments) and isinstance(self.jpeg.segments[-1], ScanHeader)
        return complete and after_scan and error.offset == len(self.data)

    def _check_complete(self, offset: int) -> None:
        if self.frame is None and self.tables_only:
            return
        if self.frame is None or not self.scanned:
            what = "frame header" if self.frame is None else "scan"
            message = f"the file ends without a {what}"
            raise FormatError(message, offset=offset, field="EOI", clause="B.2.1")
        for i, component in enumerate(self.frame.components):
            if i not in self.scanned:
                message = f"the file ends without a scan of component {i} (Ci = {component.component_id})"
                self.complain(FormatError(message, offset=offset, field="EOI", clause="B.2.1"))

    # ----------------------------------------------------------------------------------------------
    # Frames

    def _start_frame(self, frame: FrameHeader) -> None:
        if len(frame.components) > self.components:
            raise UnsupportedError(f"a picture of {len(frame.components)} components")
        self._check_size(frame)
        self.frame = frame
        if frame.is_progressive:
            self.progression = Progression(len(frame.components))

    def _check_size(self, frame: FrameHeader) -> None:
        self.limits.check("max_pixels", frame.width * frame.height, self.limits.max_pixels)
        self.limits.check("max_memory", memory_estimate(frame), self.limits.max_memory)

    def _start_picture(self, position: int) -> FrameHeader:
        """Make room for what the scans hold; at the first scan, whose data start at `position`."""
        assert self.frame is not None  # parse_segment has seen to that
        frame = self.frame
        if frame.height == 0:
            frame = replace(frame, height=self._lines_after_scan(position))
            self._check_size(frame)
        shapes = [frame.padded_block_shape(i) for i in range(len(frame.components))]
        if frame.is_lossless:
            self.jpeg.samples = self.units = [np.zeros(shape, np.uint16) for shape in shapes]
        else:
            self.jpeg.coefficients = self.units = [np.zeros((*shape, 8, 8), np.int16) for shape in shapes]
        return frame

    def _lines_after_scan(self, position: int) -> int:
        """Return the number of lines from the DNL segment behind the first scan (B.2.5)."""
        while True:
            offset, marker = next_marker(self.data, position)
            if not tables.RST0 <= marker <= tables.RST7:
                break
            position = offset + 2
        segment = self.data[offset + 2 : offset + 6]
        lines = segment[2:]
        if marker != tables.DNL or len(lines) < 2 or segment[:2] != b"\0\4" or not any(lines):
            message = (
                "Y = 0 in the frame header, and no DNL segment with the number of lines after the first scan"
            )
            raise FormatError(message, offset=offset, field="Y", clause="B.2.5")
        if int.from_bytes(lines) > MAX_DIMENSION:
            raise LimitError("max_dimension", int.from_bytes(lines), MAX_DIMENSION)
        return int.from_bytes(lines)

    # ----------------------------------------------------------------------------------------------
    # Scans

    def _read_scan(self, header: ScanHeader, offset: int, position: int) -> int:
        """Decode one scan; return the offset behind it."""
        self.scans += 1
        self.limits.check("max_scans", self.scans, self.limits.max_scans)
        if self.scans == 1:
            self.frame = self._start_picture(position)
        frame = self.frame
        assert frame is not None
        self._check_scan(frame, header, offset)
        scan = Scan.of(frame, header, self.slots)
        units = [self.units[member.component] for member in header.components]
        members = [np.full(u.shape, MISSING, np.int32) for u in units] if frame.is_lossless else units
        fresh = not self.scanned.intersection(member.component for member in header.components)
        progress = Progress(position, fresh=fresh)
        strips = self._strips(scan)
        if strips is None:
            self._decode(scan, members, progress)
        else:
            progress.complete_rows = strips.complete_rows
            decode = partial(self._decode, scan, members, progress)
            self.image = pipeline.make_while(decode, strips, self.engine.threads)
        if frame.is_lossless:
            for j, samples in enumerate(units):
                samples[:] = self.engine.differences_to_samples(members[j], scan, j)
        self._note_damage(scan, progress, offset)
        self.scanned.update(member.component for member in header.components)
        self.mcus += scan.layout.mcus
        self.fed_mcus += scan.layout.mcus - progress.starved_mcus
        return progress.position if frame.is_arithmetic else skip_padding(self.data, progress.position)

    def _decode(self, scan: Scan, members: Sequence[Array], progress: Progress) -> None:
        """Decode the data of a scan; lenient, go on behind what is wrong."""
        decode = self.engine.scan_coder(scan.frame).decode
        while (status := decode(self.data, scan, members, progress, self.strict)) != Status.DONE:
            error = scan_error(self.data, scan, progress, status)
            self.complain(error)
            resynchronise(self.data, scan, progress)

    def _strips(self, scan: Scan) -> Strips | None:
        """Return the picture as it can be made while its only scan is decoded, where that gains something."""
        frame, engine = scan.frame, self.engine
        if not (self.follow and self.only_scan and engine.threads > 1 and engine.strips is not None):
            return None
        # Other coders do not tell how far they are; restart intervals are shared by the threads.
        if frame.is_arithmetic or frame.is_lossless or scan.restart_interval:
            return None
        if frame.width * frame.height < pipeline.WORTH:
            return None
        steps = [self.slots.quantization[component.quant_table].array() for component in frame.components]
        space = color_space(frame, gather_metadata(self.jpeg.segments))
        return engine.strips(self.units, steps, frame, space)

    def _check_scan(self, frame: FrameHeader, header: ScanHeader, offset: int) -> None:
        if self.scans == 1:
            self.only_scan = not frame.is_progressive and len(header.components) == len(frame.components)
        elif self.only_scan:
            message = "a second scan, where the first has all components"
            raise FormatError(message, offset=offset, field="SOS", clause="B.2.1")
        for member in header.components if frame.is_arithmetic and frame.is_lossless else ():
            self.scans_of[member.component] += 1
            self.limits.check("scans_of_component", self.scans_of[member.component], SCANS_OF_COMPONENT)
        for member in header.components if not frame.is_lossless else ():
            wanted = frame.components[member.component].quant_table
            if member.component not in self.scanned and wanted not in self.slots.quantization:
                message = f"quantization table {wanted} is used but not defined"
                raise FormatError(message, offset=offset, field="Tqi", clause="B.2.4.1")
        if self.progression is not None and (problem := self.progression.add(header)):
            self.complain(FormatError(problem, offset=offset, field="Ss, Se, Ah, Al", clause="G.1.1.1"))
        if frame.is_lossless and self.slots.restart_interval % Scan(frame, header).layout.mcu_columns:
            message = (
                f"a restart interval of {self.slots.restart_interval} MCUs, no whole rows of a lossless scan"
            )
            raise FormatError(message, offset=offset, field="Ri", clause="H.1.1")
        needed = needed_tables(frame, header)
        for member in header.components:
            if needed[0]:
                self._check_huffman_table(0, member.dc_table, 16 if frame.is_lossless else 15, offset)
            if needed[1]:
                self._check_huffman_table(1, member.ac_table, 255, offset)

    def _check_huffman_table(self, table_class: int, destination: int, most: int, offset: int) -> None:
        """Check a table that a scan uses: only now, as libjpeg does."""
        kind = "AC" if table_class else "DC"
        spec: HuffmanSpec | None = (self.slots.ac if table_class else self.slots.dc).get(destination)
        if spec is None:
            message = f"{kind} Huffman table {destination} is used but not defined"
            raise FormatError(message, offset=offset, field="Tdj, Taj", clause="B.2.3")
        try:
            decode_table(spec)
        except ValueError as error:
            message = f"{kind} Huffman table {destination} is impossible: {error}"
            raise FormatError(message, offset=offset, field="Li", clause="C.2") from None
        if table_class == 0 and max(spec.values, default=0) > most:
            message = f"DC Huffman table {destination} has category {max(spec.values)}, at most {most} exists"
            raise FormatError(message, offset=offset, field="Vi,j", clause="F.1.2.1.2")

    def _note_damage(self, scan: Scan, progress: Progress, offset: int) -> None:
        where = f"the scan at byte {offset}"
        if progress.starved_at >= 0:
            self.warnings.append(
                f"the data of {where} run out at byte {min(progress.starved_at, self.size)}: "
                f"{progress.starved_mcus:,} of {scan.layout.mcus:,} MCUs are not complete"
            )
        if progress.bad_codes:
            self.warnings.append(
                f"{progress.bad_codes:,} codes of {where} do not exist, "
                f"the first at byte {progress.bad_code_at}"
            )
        if progress.overlong_runs:
            self.warnings.append(f"{progress.overlong_runs} blocks of {where} have runs past coefficient 63")
        if progress.last_fed >= 0:
            row = progress.last_fed // scan.layout.mcu_columns
            alone = len(scan.header.components) == 1
            v_samp = scan.frame.components[scan.header.components[0].component].v_samp if alone else 1
            self.last_fed_row = ceil_div(row + 1, v_samp) - 1
