"""An `Inspection` on paper: segments with their fields, then the bits and numbers of the blocks.

Long lists are laid out in the form in which they are read: step sizes as a block in natural order, symbols in
hexadecimal, and on request each Huffman code beside its symbol.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from .. import tables
from .._types import Array
from ..huffman import HuffmanSpec, canonical_codes, code_lengths
from .block_trace import BlockTrace, SampleTrace, ScanTrace
from .segment_fields import Field, SegmentView
from .trace_decisions import Decision
from .trace_steps import Step

if TYPE_CHECKING:
    from ..microscope import Inspection

__all__ = ["inspection_text"]

WIDTH = 110
MOST_RESTARTS = 8
NATURAL_INDEX: list[int] = tables.NATURAL_INDEX.tolist()
PREDICTORS = {  # Table H.1
    1: "Ra",
    2: "Rb",
    3: "Rc",
    4: "Ra + Rb − Rc",
    5: "Ra + ((Rb − Rc) >> 1)",
    6: "Rb + ((Ra − Rc) >> 1)",
    7: "(Ra + Rb) >> 1",
}


def inspection_text(inspection: Inspection, *, bits: bool = False, name: str = "file") -> str:
    """Return an inspection as text.

    Parameters
    ----------
    inspection : Inspection
    bits : bool
        Also show each run of bits of the MCU, and the codes of Huffman tables.
    name : str
        What to call the file.

    Returns
    -------
    str
        Lines of at most 110 characters, but for what the file itself says.
    """
    lines = [f"{name}: {inspection.size:,} bytes", ""]
    lines.append(f"{'offset':>9}  {'field':<14}{'value':<13}{'meaning':<52}T.81")
    for segment in inspection.segments:
        lines += _segment_lines(segment, bits)
    for unit in inspection.units:
        lines += [
            "",
            *(_block_lines(unit, bits) if isinstance(unit, BlockTrace) else _sample_lines(unit, bits)),
        ]
    if inspection.problems:
        lines += ["", "problems", *(f"  {problem}" for problem in inspection.problems)]
    return "\n".join(line.rstrip() for line in lines)


# --------------------------------------------------------------------------------------------------
# Segments


def _segment_lines(segment: SegmentView, bits: bool) -> Iterator[str]:
    words = segment.words
    if segment.name.startswith("SOF") or segment.name == "DHP":
        words = words.split(";")[0]  # the components follow
    yield f"{segment.offset:>9}  {segment.name:<6}{segment.length:>9,} bytes   {words}"
    restarts = 0
    counts: tuple[int, ...] = ()
    for field in segment.fields:
        if field.name == "RSTm":
            restarts += 1
            if restarts > MOST_RESTARTS:
                continue
        yield from _field_lines(field)
        if field.name == "Li" and isinstance(field.value, tuple):
            counts = field.value
        elif field.name == "Vi,j" and bits and isinstance(field.value, tuple):
            yield from _code_lines(HuffmanSpec(counts, field.value))
    if restarts > MOST_RESTARTS:
        yield f"{'':>11}... {restarts - MOST_RESTARTS:,} more"
    if segment.problem:
        yield f"{'':>11}! {segment.problem}"


def _field_lines(field: Field) -> Iterator[str]:
    place = f"{field.offset:>9}" + {"high": "ʰ", "low": "ˡ"}.get(field.half, " ")
    if isinstance(field.value, tuple):
        meaning = field.meaning.replace("zigzag", "natural") if field.name == "Qk" else field.meaning
        yield f"{place}   {field.name:<13}{'':<13}{meaning:<52}{field.clause}"
        yield from _list_lines(field.name, field.value)
    elif len(str(field.value)) > 12:
        yield f"{place}   {field.name:<13}{field.value}"
    else:
        yield f"{place}   {field.name:<13}{field.value:<13}{field.meaning:<52}{field.clause}"


def _list_lines(name: str, values: Sequence[int]) -> Iterator[str]:
    indent = " " * 24
    if name == "Qk":
        natural = np.asarray(values)[tables.ZIGZAG_INDEX]
        yield from (indent + line for line in _matrix(natural, max(4, len(str(max(values))) + 1)))
        return
    cells = [f"{value:02X}" if name == "Vi,j" else str(value) for value in values]
    for start in range(0, len(cells), 16):
        yield indent + " ".join(cells[start : start + 16])


def _code_lines(spec: HuffmanSpec) -> Iterator[str]:
    """Yield each code with its symbol, four in a line."""
    lengths = code_lengths(spec)
    try:
        codes = canonical_codes(lengths)
    except ValueError as error:
        yield f"{'':>24}! {error}"
        return
    cells = [f"{code:0{length}b} {value:02X}" for code, length, value in zip(codes, lengths, spec.values)]
    for start in range(0, len(cells), 4):
        yield " " * 24 + "".join(f"{cell:<21}" for cell in cells[start : start + 4])


# --------------------------------------------------------------------------------------------------
# Blocks and samples


def _block_lines(trace: BlockTrace, bits: bool) -> Iterator[str]:
    place = f"block row {trace.row}, column {trace.column}"
    total = sum(scan.bits for scan in trace.scans)
    yield f"component {trace.component} (Ci = {trace.component_id}), {place}: {_bits(total)}"
    for scan in trace.scans:
        yield from _scan_lines(scan, bits, trace.step_sizes)
    if not trace.scans:
        yield "  in no scan: the block is only padding, or the file ends before it"
    yield ""
    left = ["quantized Sq", *_matrix(trace.quantized, 5)]
    if trace.dequantized is None or trace.step_sizes is None or trace.samples is None:
        yield from ("  " + line for line in left)
        return
    width = max(6, len(str(np.abs(trace.dequantized).max())) + 2)
    yield from _beside(left, ["dequantized R = Sq · Q", *_matrix(trace.dequantized, width)])
    yield ""
    size = len(str(trace.step_sizes.max())) + 2
    yield from _beside(
        ["step sizes Q", *_matrix(trace.step_sizes, max(5, size))],
        ["samples", *_matrix(trace.samples, max(6, width))],
    )


def _sample_lines(trace: SampleTrace, bits: bool) -> Iterator[str]:
    place = f"sample row {trace.row}, column {trace.column}"
    yield f"component {trace.component} (Ci = {trace.component_id}), {place}"
    for scan in trace.scans:
        yield from _scan_lines(scan, bits, None)
    if not trace.scans:
        yield "  in no scan: the file ends before it, or it only completes the MCU"
    neighbours = (("Ra", trace.left), ("Rb", trace.above), ("Rc", trace.above_left))
    yield "  " + ", ".join(f"{name} = {'–' if value is None else value}" for name, value in neighbours)
    if trace.difference is not None and trace.scans:
        predictor = trace.scans[-1].header.spectral_start
        rule = f"predictor {predictor}: {PREDICTORS.get(predictor, 'none')}, but at edges"
        sum_words = f"{trace.prediction} + {_signed(trace.difference)} = {trace.sample}"
        yield f"  sample = prediction + difference = {sum_words}   ({rule}; modulo 65536)"


def _scan_lines(scan: ScanTrace, bits: bool, step_sizes: Array | None) -> Iterator[str]:
    header = scan.header
    band = f"Ss {header.spectral_start}, Se {header.spectral_end}"
    bit_range = f"Ah {header.approx_high}, Al {header.approx_low}"
    place = f"scan {scan.scan}, SOS at byte {scan.offset}, MCU {scan.mcu}"
    yield f"  {place}: {band}, {bit_range}; {_bits(scan.bits)}"
    run = scan.end_of_band_run
    if run:
        yield (
            f"    the band ends here: a run of blocks, coded at byte {run.offset}.{run.bit} in block "
            f"({run.row}, {run.column})"
        )
    if scan.problem:
        yield f"    ! {scan.problem}"
    if not bits or not scan.steps:
        return
    if isinstance(scan.steps[0], Decision):
        head = f"    {'byte':>9}  {'bin':<11}{'question':<20}{'is':<4}{'expected':<26}"
        yield f"{head}{'bits':>7}  {'value':>6}  ZZ(k)"
    else:
        yield (
            f"    {'byte.bit':>11}  {'code':<17}{'bits':<15}{'what':<15}{'run/size':<10}"
            f"{'value':>7}  {'ZZ(k)':<18}{'R'}"
        )
    for step in scan.steps:
        yield _decision_line(step) if isinstance(step, Decision) else _step_line(step, step_sizes)


def _decision_line(step: Decision) -> str:
    expected = f"{step.mps} (Qe = X'{step.qe:04X}', row {step.row})"
    value = "" if step.value is None else _signed(step.value)
    coefficient = "" if step.coefficient is None else f"ZZ({step.k}) = {_signed(step.coefficient)}"
    place = f"{step.name:<4}" + ("" if step.name == "0.5" else f"bin {step.bin}")
    return (
        f"    {step.offset:>9}  {place:<11}{step.question:<20}{step.decision:<4}{expected:<26}"
        f"{step.bits:>7.3f}  {value:>6}  {coefficient}"
    )


def _step_line(step: Step, step_sizes: Array | None) -> str:
    category = "" if step.size is None else str(step.size) if step.run is None else f"{step.run}/{step.size}"
    value = "" if step.value is None else _signed(step.value)
    coefficient, dequantized = "", ""
    if step.coefficient is not None and step.k is not None:
        coefficient = f"ZZ({step.k}) = {_signed(step.coefficient)}"
        if step_sizes is not None:
            q = int(step_sizes.ravel()[NATURAL_INDEX[step.k]])
            dequantized = f"× {q} = {_signed(step.coefficient * q)}"
    line = (
        f"    {step.offset:>9}.{step.bit}  {step.code:<17}{step.extra:<15}{step.name:<15}{category:<10}"
        f"{value:>7}  {coefficient:<18}{dequantized}"
    )
    return line + (f"  ! {step.problem}" if step.problem else "")


def _matrix(values: Array, width: int) -> list[str]:
    return ["".join(f"{_signed(int(value)):>{width}}" for value in row) for row in values]


def _beside(left: Sequence[str], right: Sequence[str]) -> Iterator[str]:
    width = max(map(len, left)) + 4
    for one, other in zip(left, right):
        yield f"  {one:<{width}}{other}"


def _bits(count: float) -> str:
    if isinstance(count, int):
        return f"{count:,} bit{'s' * (count != 1)}"
    return f"{count:,.1f} bits"


def _signed(value: int) -> str:
    """Return a number with a real minus sign."""
    return str(value).replace("-", "−")
