"""What became of the bits of one MCU: every scan's share in every block, from the bits to the samples.

The whole file is decoded by the compiled path. But each scan that holds one of the blocks looked at is
decoded a second time, from the restart marker before, by the reference path with a `NotingReader` in it: the
trace is what the decoder did. Files of a lossless process have samples instead of blocks, and are traced
likewise.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain, repeat
from typing import Any, TypeAlias

import numpy as np

from .._types import Array
from ..backend import ScanCoder, get_backend
from ..coefficients import zigzag
from ..errors import JpegError
from ..intervals import Progress, Status, decode_intervals
from ..jpeg_data import FrameHeader, QuantizationTable, ScanHeader
from ..quantization import dequantize
from ..reader import Limits, Reader
from ..scan import Scan
from .noting import interval_decoder, noting
from .trace_decisions import Decision, decisions_of
from .trace_start import Start, starting_point
from .trace_steps import NotingReader, Step, steps_of

__all__ = ["BlockTrace", "EndOfBandRun", "SampleTrace", "ScanTrace", "trace_mcu", "wanted_units"]

MOST_PROBLEMS = 20
NO_DATA = "no data: they end, or a marker is missing, before this unit"
Place: TypeAlias = tuple[int, int, int]
"""Component of the frame, or of the scan, row and column."""


@dataclass(frozen=True)
class EndOfBandRun:
    """A run of blocks whose band has ended (Table G.1): where its code is, and in which block."""

    offset: int
    bit: int
    row: int
    column: int


@dataclass(frozen=True)
class ScanTrace:
    """The share of one scan in one data unit.

    Attributes
    ----------
    scan : int
        Which scan of the file, from 0 on.
    offset : int
        Of its SOS marker.
    header : ScanHeader
    mcu : int
        The MCU of the scan that holds the unit.
    steps : tuple of Step, or of Decision for arithmetic coding
    bits : int or float
        How many there are in the steps, or what the decisions have cost.
    end_of_band_run : EndOfBandRun or None
        The run that has ended this band, if it was begun in a block before.
    problem : str
        Why there are no steps, though there should be; else empty.
    """

    scan: int
    offset: int
    header: ScanHeader
    mcu: int
    steps: tuple[Step | Decision, ...]
    bits: float
    end_of_band_run: EndOfBandRun | None = None
    problem: str = ""


@dataclass(frozen=True, eq=False)
class BlockTrace:
    """A block of a DCT process, from bits to samples.

    Attributes
    ----------
    component, component_id : int
        Its number in the frame, and Ci.
    row, column : int
        The block in its component, in blocks.
    scans : tuple of ScanTrace
    quantized : ndarray of int16, shape (8, 8)
        Coefficients Sq in natural order, after the last scan.
    step_sizes : ndarray of int32, shape (8, 8), or None
        Q; None if the file ends before the table is used.
    dequantized : ndarray of int, shape (8, 8), or None
        R = Sq · Q (A.3.4).
    samples : ndarray of uint8 or uint16, shape (8, 8), or None
        After the inverse DCT and the level shift.
    """

    component: int
    component_id: int
    row: int
    column: int
    scans: tuple[ScanTrace, ...]
    quantized: Array
    step_sizes: Array | None
    dequantized: Array | None
    samples: Array | None


@dataclass(frozen=True)
class SampleTrace:
    """A sample of a lossless process.

    Attributes
    ----------
    component, component_id, row, column, scans
        As in `BlockTrace`; in samples.
    left, above, above_left : int or None
        Ra, Rb, Rc; None beyond the edge of the picture.
    prediction, difference : int or None
        Px, and what the bits say; None if the sample is in no scan.
    sample : int
        Their sum modulo 2¹⁶, before the point transform is undone (A.4).
    """

    component: int
    component_id: int
    row: int
    column: int
    scans: tuple[ScanTrace, ...]
    left: int | None
    above: int | None
    above_left: int | None
    prediction: int | None
    difference: int | None
    sample: int


def trace_mcu(
    data: bytes, mcu: tuple[int, int], component: int | None, limits: Limits
) -> tuple[tuple[BlockTrace | SampleTrace, ...], tuple[str, ...]]:
    """Trace the data units of one MCU through all scans.

    Parameters
    ----------
    data : bytes
        The file.
    mcu : (int, int)
        Row and column of the MCU, in the grid of MCUs of all components (A.2.3). The units are the same
        where each component has a scan of its own.
    component : int, optional
        Of the frame: only the units of this one.
    limits : Limits
        On what decoding may cost.

    Returns
    -------
    units : tuple of BlockTrace or SampleTrace
        In the order of an interleaved scan, as far as the file could be read.
    problems : tuple of str
        What is wrong with the file, at most 20.

    Raises
    ------
    ValueError
        If the picture has no such MCU or component.
    """
    tracer = _Tracer(data, mcu, component, limits)
    problems = []
    try:
        tracer.reader.read()
    except JpegError as error:
        problems.append(str(error))
    problems += tracer.reader.warnings
    if len(problems) > MOST_PROBLEMS:
        problems[MOST_PROBLEMS:] = [f"and {len(problems) - MOST_PROBLEMS:,} more"]
    return tracer.units(), tuple(problems)


# --------------------------------------------------------------------------------------------------
# A reader that looks on


class _Traced(Exception):
    """All units of the scan that are wanted have been traced."""


class _Tracer:
    """Reads a file with the compiled path, and each scan that matters once more with the reference."""

    def __init__(self, data: bytes, mcu: tuple[int, int], component: int | None, limits: Limits) -> None:
        self.data = data
        self.mcu = mcu
        self.component = component
        fast = get_backend("fast")
        coders = {
            kind: replace(coder, decode=partial(self._decode, coder))
            for kind, coder in fast.scan_coders.items()
        }
        self.engine = fast
        self.reader = Reader(data, limits, replace(fast, scan_coders=coders), strict=False)
        self.traces: dict[Place, list[ScanTrace]] = {}
        self.differences: dict[Place, int] = {}
        self.missing: dict[Place, int] = {}
        self.scan: Scan | None = None
        self.number = -1

    def _decode(
        self,
        coder: ScanCoder,
        data: bytes,
        scan: Scan,
        arrays: Sequence[Array],
        progress: Progress,
        strict: bool,
    ) -> Status:
        """Decode a scan, and trace it."""
        if scan is not self.scan:
            self.scan, self.number = scan, self.number + 1
            self.missing = self._wanted_of(scan)
        before = [array.copy() for array in arrays] if self.missing else []
        start = replace(progress)
        status = coder.decode(data, scan, arrays, progress, strict)
        if self.missing:
            self._trace(scan, before, arrays, start)
        if status == Status.DONE:
            self._note_missing(scan)
        return status

    def _wanted_of(self, scan: Scan) -> dict[Place, int]:
        """Return the units wanted that a scan holds, with their MCUs."""
        if not self.traces:
            self.traces = {unit: [] for unit in wanted_units(scan.frame, self.mcu, self.component)}
        found = {}
        for j, member in enumerate(scan.header.components):
            rows, columns = scan.layout.factors[j]
            for i, row, column in self.traces:
                mcu_row, mcu_column = row // rows, column // columns
                inside = mcu_row < scan.layout.mcu_rows and mcu_column < scan.layout.mcu_columns
                if i == member.component and inside:
                    found[j, row, column] = mcu_row * scan.layout.mcu_columns + mcu_column
        return found

    def _trace(self, scan: Scan, arrays: Sequence[Array], after: Sequence[Array], progress: Progress) -> None:
        """Decode a scan with the reference, up to the last unit that is wanted."""
        mcu = min(self.missing.values())
        start = starting_point(self.engine, self.data, scan, arrays, after, progress, mcu)
        kind, options = interval_decoder(scan)
        # The restart intervals that follow, if the unit is there, are decoded from their beginning.
        starts = chain([start], repeat(Start()))
        make = partial(_TracedInterval, self, scan, arrays, progress, kind, starts)
        with suppress(_Traced):
            decode_intervals(self.data, scan, progress, False, make, **options)

    def _note_missing(self, scan: Scan) -> None:
        """Take it down that units have no data in a scan."""
        for (j, row, column), mcu in self.missing.items():
            place = (scan.header.components[j].component, row, column)
            trace = ScanTrace(self.number, self.reader.offsets[-1], scan.header, mcu, (), 0, problem=NO_DATA)
            self.traces[place].append(trace)
        self.missing = {}

    def note(
        self,
        j: int,
        row: int,
        column: int,
        steps: Sequence[Step | Decision],
        run: EndOfBandRun | None,
        after: Sequence[int],
    ) -> None:
        """Take the trace of one unit in the scan at hand."""
        assert self.scan is not None
        header = self.scan.header
        place = (header.components[j].component, row, column)
        mcu = self.missing.pop((j, row, column))
        bits = sum(step.bits if isinstance(step, Decision) else len(step.code + step.extra) for step in steps)
        offset = self.reader.offsets[-1]
        self.traces[place].append(ScanTrace(self.number, offset, header, mcu, tuple(steps), bits, run))
        if self.scan.frame.is_lossless:
            self.differences[place] = after[0]
        if not self.missing:
            raise _Traced

    def units(self) -> tuple[BlockTrace | SampleTrace, ...]:
        """Return what has been traced."""
        jpeg = self.reader.jpeg
        if not self.traces:
            return ()
        if jpeg.frame.is_lossless:
            return tuple(self._sample(place, scans) for place, scans in self.traces.items())
        in_force = jpeg.quantization_tables()
        return tuple(self._block(place, scans, in_force[place[0]]) for place, scans in self.traces.items())

    def _block(self, place: Place, scans: list[ScanTrace], table: QuantizationTable | None) -> BlockTrace:
        """Go on from the coefficients of a block to its samples."""
        i, row, column = place
        frame = self.reader.jpeg.frame
        quantized = self.reader.jpeg.coefficients[i][row, column].copy()
        steps = table.array() if table else None
        dequantized = None if steps is None else dequantize(quantized, steps, frame.precision)
        samples = None
        if steps is not None:
            samples = self.engine.coefficients_to_plane(
                quantized[np.newaxis, np.newaxis], steps, 8, 8, frame.precision
            )
        identifier = frame.components[i].component_id
        return BlockTrace(i, identifier, row, column, tuple(scans), quantized, steps, dequantized, samples)

    def _sample(self, place: Place, scans: list[ScanTrace]) -> SampleTrace:
        """Tell a sample from its prediction and its difference."""
        i, row, column = place
        plane = self.reader.jpeg.samples[i]
        sample = int(plane[row, column])
        difference = self.differences.get(place)
        return SampleTrace(
            i,
            self.reader.jpeg.frame.components[i].component_id,
            row,
            column,
            tuple(scans),
            left=int(plane[row, column - 1]) if column else None,
            above=int(plane[row - 1, column]) if row else None,
            above_left=int(plane[row - 1, column - 1]) if row and column else None,
            prediction=None if difference is None else (sample - difference) % 0x10000,
            difference=difference,
            sample=sample,
        )


class _TracedInterval:
    """The decoder of a restart interval, with a reader that takes notes of the units that are wanted."""

    def __init__(
        self,
        tracer: _Tracer,
        scan: Scan,
        arrays: Sequence[Array],
        progress: Progress,
        kind: Callable[..., Any],
        starts: Iterator[Start],
        position: int,
    ) -> None:
        self.tracer, self.scan, self.arrays, self.progress = tracer, scan, arrays, progress
        self.decoder = kind(tracer.data, scan, arrays, progress, False, position)
        self.notes_of = noting(self.decoder, scan, tracer.data, position, progress)
        self.run: EndOfBandRun | None = None
        start = next(starts)
        if isinstance(self.notes_of, NotingReader):
            self.notes_of.skip(start.bits)
        if start.dc_pred and hasattr(self.decoder, "dc_pred"):
            self.decoder.dc_pred = list(start.dc_pred)

    @property
    def position(self) -> int:
        """Offset of the byte that is read next."""
        return self.decoder.position

    def decode_unit(self, j: int, row: int, column: int) -> None:
        """Decode one data unit; note how, if it is wanted."""
        run = self.run if getattr(self.decoder, "eob_run", 0) else None
        if (j, row, column) not in self.tracer.missing:
            self.decoder.decode_unit(j, row, column)
        else:
            before = values(self.arrays[j], row, column)
            self.notes_of.notes = []
            self.decoder.decode_unit(j, row, column)
            after = values(self.arrays[j], row, column)
            self.tracer.note(j, row, column, self._steps(before, after), run, after)
            self.notes_of.notes = None
        if run is None and isinstance(self.notes_of, NotingReader):
            # If a run of blocks ends here, this was its code.
            self.run = EndOfBandRun(*self.notes_of.last_code, row, column)

    def _steps(self, before: Sequence[int], after: Sequence[int]) -> Sequence[Step | Decision]:
        if isinstance(self.notes_of, NotingReader):
            return steps_of(self.notes_of.notes or [], self.scan, before, after)
        return decisions_of(self.notes_of.notes or [], self.scan, before, after)


def values(array: Array, row: int, column: int) -> list[int]:
    """Return a data unit as a list: coefficients in zigzag order, or one difference."""
    unit = array[row, column]
    return zigzag(unit) if unit.ndim else [int(unit)]


def wanted_units(frame: FrameHeader, mcu: tuple[int, int], component: int | None) -> list[Place]:
    """Return (component, row, column) of the data units of an MCU; `ValueError` if there are none."""
    rows, columns = frame.mcu_shape
    if not (0 <= mcu[0] < rows and 0 <= mcu[1] < columns):
        raise ValueError(f"mcu={mcu}, the picture has {rows} rows of {columns} MCUs, counted from 0")
    if component is not None and not 0 <= component < len(frame.components):
        raise ValueError(f"component={component}, the picture has {len(frame.components)}, counted from 0")
    return [
        (i, mcu[0] * member.v_samp + v, mcu[1] * member.h_samp + h)
        for i, member in enumerate(frame.components)
        if component in (None, i)
        for v in range(member.v_samp)
        for h in range(member.h_samp)
    ]
