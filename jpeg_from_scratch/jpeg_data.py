"""`JpegData`: the seam between bytes and pixels.

A JPEG file has two halves that know nothing of each other. One half turns pixels into quantised
coefficients: colour, sampling, DCT, quantisation; all loss happens there. The other turns coefficients into
bytes: prediction, run-lengths, Huffman codes, segments; it loses nothing. Between the two stands this value
object, and each half can be tested, replaced or skipped alone:

    pixels ──encoder──▶ JpegData ──write──▶ bytes
    pixels ◀──decoder── JpegData ◀──read─── bytes

`JpegData` holds the segments of the file in file order – a table may be replaced between two scans, so order
matters – and, for each component, all its quantised coefficients.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import dropwhile
from typing import TypeAlias

import numpy as np

from . import tables
from ._types import Array, Coefficients
from .huffman import HuffmanSpec

__all__ = [
    "AppData",
    "ArithmeticConditioning",
    "Comment",
    "Conditioning",
    "FrameComponent",
    "FrameHeader",
    "HuffmanTable",
    "HuffmanTables",
    "JpegData",
    "NumberOfLines",
    "OtherSegment",
    "QuantizationTable",
    "QuantizationTables",
    "RestartInterval",
    "ScanComponent",
    "ScanHeader",
    "Segment",
    "TableSlots",
]

BLOCK = 8  # A.1.3: a data unit of a DCT process is a block of 8 × 8 samples

# Frame headers by their process (Table B.1)
PROGRESSIVE = (tables.SOF2, tables.SOF10)
LOSSLESS = (tables.SOF3, tables.SOF11)
ARITHMETIC = (tables.SOF9, tables.SOF10, tables.SOF11)


@dataclass(frozen=True)
class AppData:
    """APPn (B.2.4.6): `payload` is what follows the length field; n is 0 ... 15."""

    n: int
    payload: bytes


@dataclass(frozen=True)
class Comment:
    """COM (B.2.4.5)."""

    payload: bytes


@dataclass(frozen=True)
class QuantizationTable:
    """One table of a DQT segment.

    `destination` (Tq) 0 ... 3; `precision` (Pq) 0 for 8-bit elements, 1 for 16-bit; `values`: the 64 step
    sizes in *natural* order (the file has them in zigzag order).
    """

    destination: int
    precision: int
    values: tuple[int, ...]

    def __post_init__(self) -> None:
        """Make any sequence of values a tuple: tables are remembered by what they hold."""
        object.__setattr__(self, "values", tuple(self.values))

    def array(self) -> Array:
        """Return the step sizes as int32, shape (8, 8)."""
        return np.array(self.values, np.int32).reshape(BLOCK, BLOCK)


@dataclass(frozen=True)
class QuantizationTables:
    """DQT (B.2.4.1)."""

    tables: tuple[QuantizationTable, ...]


@dataclass(frozen=True)
class HuffmanTable:
    """One table of a DHT segment: `table_class` (Tc) 0 for DC, 1 for AC; `destination` (Th) 0 ... 3."""

    table_class: int
    destination: int
    spec: HuffmanSpec


@dataclass(frozen=True)
class HuffmanTables:
    """DHT (B.2.4.2)."""

    tables: tuple[HuffmanTable, ...]


@dataclass(frozen=True)
class Conditioning:
    """One entry of a DAC segment: `table_class` (Tc) 0 for DC, 1 for AC; `destination` (Tb) 0 ... 15.

    `value` (Cs): for DC the bounds L + 16·U of F.1.4.4.1.4, for AC the bound Kx of F.1.4.4.2.1.
    """

    table_class: int
    destination: int
    value: int


@dataclass(frozen=True)
class ArithmeticConditioning:
    """DAC (B.2.4.3)."""

    tables: tuple[Conditioning, ...]


@dataclass(frozen=True)
class NumberOfLines:
    """DNL (B.2.5): the height of the picture, where the frame header says 0."""

    lines: int


@dataclass(frozen=True)
class RestartInterval:
    """DRI (B.2.4.4): the number of MCUs between two RST markers; 0 for none."""

    interval: int


@dataclass(frozen=True)
class FrameComponent:
    """One component of a frame header: Ci, Hi, Vi, Tqi."""

    component_id: int
    h_samp: int
    v_samp: int
    quant_table: int


@dataclass(frozen=True)
class FrameHeader:
    """SOFn (B.2.2), and the geometry that follows from it (A.1.1, A.2)."""

    marker: int
    precision: int
    height: int
    width: int
    components: tuple[FrameComponent, ...]

    @property
    def is_progressive(self) -> bool:
        """Whether the process is a progressive one (Annex G)."""
        return self.marker in PROGRESSIVE

    @property
    def is_lossless(self) -> bool:
        """Whether the process is a lossless one (Annex H): it codes samples, not coefficients."""
        return self.marker in LOSSLESS

    @property
    def is_arithmetic(self) -> bool:
        """Whether entropy coding is arithmetic (Annex D)."""
        return self.marker in ARITHMETIC

    @property
    def unit(self) -> int:
        """The side of a data unit in samples (A.1.3): 8, or 1 in a lossless process."""
        return 1 if self.is_lossless else BLOCK

    @cached_property
    def h_max(self) -> int:
        """Largest horizontal sampling factor."""
        return max(component.h_samp for component in self.components)

    @cached_property
    def v_max(self) -> int:
        """Largest vertical sampling factor."""
        return max(component.v_samp for component in self.components)

    @cached_property
    def mcu_shape(self) -> tuple[int, int]:
        """(rows, columns) of MCUs that cover the picture when all components are interleaved (A.2.3)."""
        return (
            ceil_div(self.height, self.unit * self.v_max),
            ceil_div(self.width, self.unit * self.h_max),
        )

    def component_shape(self, i: int) -> tuple[int, int]:
        """(height, width) of component `i` in samples (A.1.1: yi = ⌈Y·Vi/Vmax⌉, xi = ⌈X·Hi/Hmax⌉)."""
        component = self.components[i]
        return (
            ceil_div(self.height * component.v_samp, self.v_max),
            ceil_div(self.width * component.h_samp, self.h_max),
        )

    def block_shape(self, i: int) -> tuple[int, int]:
        """(rows, columns) of data units that cover component `i`: what a scan of it alone codes (A.2.2)."""
        return self._block_shapes[i]

    def padded_block_shape(self, i: int) -> tuple[int, int]:
        """(rows, columns) of data units of component `i` in whole MCUs, for interleaved scans (A.2.4)."""
        return self._padded_block_shapes[i]

    @cached_property
    def _block_shapes(self) -> list[tuple[int, int]]:
        unit = self.unit
        shapes = [self.component_shape(i) for i in range(len(self.components))]
        return [(ceil_div(height, unit), ceil_div(width, unit)) for height, width in shapes]

    @cached_property
    def _padded_block_shapes(self) -> list[tuple[int, int]]:
        rows, columns = self.mcu_shape
        return [(rows * component.v_samp, columns * component.h_samp) for component in self.components]


@dataclass(frozen=True)
class ScanComponent:
    """One component of a scan header.

    `component` is the index into the frame's components (a header stores Csj, that component's identifier);
    `dc_table` and `ac_table` are Tdj and Taj.
    """

    component: int
    dc_table: int
    ac_table: int


@dataclass(frozen=True)
class ScanHeader:
    """SOS (B.2.3).

    A sequential scan has Ss = 0, Se = 63, Ah = Al = 0. In a lossless one Ss is the predictor, 1 ... 7, and Al
    the point transform.
    """

    components: tuple[ScanComponent, ...]
    spectral_start: int = 0
    spectral_end: int = 63
    approx_high: int = 0
    approx_low: int = 0


@dataclass(frozen=True)
class OtherSegment:
    """A marker that says nothing about the picture: skipped, and written again. `payload` None: no length."""

    marker: int
    payload: bytes | None


Segment: TypeAlias = (
    AppData
    | Comment
    | QuantizationTables
    | HuffmanTables
    | ArithmeticConditioning
    | NumberOfLines
    | RestartInterval
    | FrameHeader
    | ScanHeader
    | OtherSegment
)


@dataclass(eq=False)
class JpegData:
    """A JPEG file, taken apart but not decoded.

    Attributes
    ----------
    segments : list of Segment
        Everything between SOI and EOI in file order, scans by their headers.
    coefficients : list of ndarray of int16, shape (block rows, block columns, 8, 8)
        Per component of the frame, the quantised coefficients in natural order: ``[r, c, v, u]`` is the one
        of vertical frequency v and horizontal frequency u in the block at row r and column c. The arrays
        cover whole MCUs (`FrameHeader.padded_block_shape`). Empty for a lossless process.
    samples : list of ndarray of uint16, shape (rows, columns)
        For a lossless process, the samples of each component after the point transform (A.4), in whole MCUs.
        Empty for the others.
    """

    segments: list[Segment] = field(default_factory=list)
    coefficients: list[Coefficients] = field(default_factory=list)
    samples: list[Array] = field(default_factory=list)

    @property
    def frame(self) -> FrameHeader:
        """The frame header, with the height of a DNL segment if its own is 0; `ValueError` without one.

        B.2.5 has the DNL segment after the first scan; one that stands elsewhere says nothing.
        """
        frame = next((segment for segment in self.segments if isinstance(segment, FrameHeader)), None)
        if frame is None:
            raise ValueError("JpegData has no frame header among its segments")
        if frame.height:
            return frame
        behind = dropwhile(lambda segment: not isinstance(segment, ScanHeader), self.segments)
        lines = [segment.lines for segment in behind if isinstance(segment, NumberOfLines)]
        return replace(frame, height=lines[0]) if lines else frame

    @property
    def units(self) -> list[Array]:
        """What the scans code: the coefficients, or the samples of a lossless process."""
        return self.samples if self.frame.is_lossless else self.coefficients

    @property
    def scans(self) -> list[ScanHeader]:
        """The scan headers in file order."""
        return [segment for segment in self.segments if isinstance(segment, ScanHeader)]

    def block_shape(self, i: int) -> tuple[int, int]:
        """(rows, columns) of blocks that cover component `i`, without the padding to whole MCUs."""
        return self.frame.block_shape(i)

    def quantization_tables(self) -> list[QuantizationTable | None]:
        """Per component of the frame, the table in force at its first scan; None if it is in no scan."""
        in_force: dict[int, QuantizationTable | None] = {}
        components = self.frame.components
        for slots, scan in self.scans_with_tables():
            for scan_component in scan.components:
                i = scan_component.component
                in_force.setdefault(i, slots.quantization.get(components[i].quant_table))
        return [in_force.get(i) for i in range(len(components))]

    def scans_with_tables(self) -> Iterator[tuple[TableSlots, ScanHeader]]:
        """Walk the scans in file order, each with the tables in force at that point (one object, updated)."""
        slots = TableSlots()
        for segment in self.segments:
            if isinstance(segment, ScanHeader):
                yield slots, segment
            else:
                slots.install(segment)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, JpegData):
            return NotImplemented
        return (
            self.segments == other.segments
            and len(self.coefficients) == len(other.coefficients)
            and len(self.samples) == len(other.samples)
            and all(map(np.array_equal, self.coefficients, other.coefficients))
            and all(map(np.array_equal, self.samples, other.samples))
        )


class TableSlots:
    """The tables in force at one point of a file, and the restart interval.

    A file defines a table into one of four *destinations*; a later definition replaces it. Two pairs of
    Huffman destinations start with the typical tables of K.3: T.81 has them empty, but the frames of a
    Motion-JPEG film leave the tables out, and libjpeg-turbo reads them this way. It does so for sequential
    processes only.
    """

    def __init__(self) -> None:
        self.quantization: dict[int, QuantizationTable] = {}
        self.dc = dict(enumerate(HuffmanSpec.typical_dc()))
        self.ac = dict(enumerate(HuffmanSpec.typical_ac()))
        self.defined: set[tuple[int, int]] = set()  # class and destination of those that the file defines
        self.dc_conditioning: dict[int, tuple[int, int]] = {}  # L and U, where not the default
        self.ac_conditioning: dict[int, int] = {}  # Kx
        self.restart_interval = 0

    def install(self, segment: Segment) -> None:
        """Take over what `segment` defines, if it defines anything."""
        if isinstance(segment, QuantizationTables):
            for quantization_table in segment.tables:
                self.quantization[quantization_table.destination] = quantization_table
        elif isinstance(segment, HuffmanTables):
            for table in segment.tables:
                (self.ac if table.table_class else self.dc)[table.destination] = table.spec
                self.defined.add((table.table_class, table.destination))
        elif isinstance(segment, ArithmeticConditioning):
            for entry in segment.tables:
                if entry.table_class:
                    self.ac_conditioning[entry.destination] = entry.value
                else:
                    self.dc_conditioning[entry.destination] = (entry.value & 15, entry.value >> 4)
        elif isinstance(segment, RestartInterval):
            self.restart_interval = segment.interval
        elif isinstance(segment, FrameHeader) and (segment.is_progressive or segment.is_lossless):
            self.dc = {i: spec for i, spec in self.dc.items() if (0, i) in self.defined}
            self.ac = {i: spec for i, spec in self.ac.items() if (1, i) in self.defined}


def ceil_div(a: int, b: int) -> int:
    """⌈a / b⌉ for positive integers."""
    return -(-a // b)


def describe_process(marker: int) -> str:
    """Name the coding process that a start-of-frame marker announces (Table B.1)."""
    return tables.PROCESSES.get(marker, f"marker X'FF{marker:02X}'")
