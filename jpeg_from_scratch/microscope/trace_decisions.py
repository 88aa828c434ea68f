"""From the decisions of an arithmetic decoder to what they mean: bins, questions, coefficients.

Arithmetic-coded data have no runs of bits that could be pointed at: a decision costs a fraction of a bit, and
all of a restart interval is one number. What can be shown is each decision: which question it answers, in
which bin, what the bin expected, and what the answer has cost. A `NotingDecoder` takes the place of the
decoder inside the reference path, and the functions here go through its notes as the figures of F.2.4 do.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from math import log2
from typing import NamedTuple, TypeAlias

from ..arithmetic import Bins, Decoder
from ..jpeg_data import ScanHeader
from ..scan import Scan

__all__ = ["Decision", "NotingDecoder", "decisions_of"]


class Note(NamedTuple):
    """One decision as the coder sees it."""

    offset: int
    bin: int
    row: int
    qe: int
    mps: int
    decision: int
    bits: float


class NotingDecoder(Decoder):
    """A decoder that keeps notes while `notes` is a list.

    Attributes
    ----------
    notes : list of Note or None
    used : float
        How many bits of information have been read: −log₂ of the share of the interval that each decision
        left.
    """

    def __init__(self, data: bytes, position: int) -> None:
        super().__init__(data, position)
        self.notes: list[Note] | None = None
        self.used = 0.0

    def decode(self, bins: Bins, s: int) -> int:
        """Decode one decision, and note it."""
        offset, row, mps, qe = self.position, bins.index[s], bins.mps[s], bins.qe(s)
        # The interval before the decision is that after the one before, doubled to X'8000' or more.
        before = self.a << max(0, 16 - self.a.bit_length())
        decision = super().decode(bins, s)
        bits = log2(before / self.a)
        self.used += bits
        if self.notes is not None:
            self.notes.append(Note(offset, s, row, qe, mps, decision, bits))
        return decision


@dataclass(frozen=True)
class Decision:
    """One binary decision.

    Attributes
    ----------
    offset : int
        Of the byte that the decoder takes next. It has read up to three bytes ahead.
    name : str
        Of the bin in Tables F.4, F.5, G.2 and H.3: ``"S0"``, ``"SP"``, ``"X2"``, ``"M4"``; ``"0.5"`` for the
        fixed estimate.
    question : str
        What 1 means.
    decision : int
        0 or 1.
    bin : int
        The number of the bin in its statistics area.
    row, qe, mps : int
        What the bin expected: row of Table D.3, its Qe, and the more probable decision.
    bits : float
        What the decision has cost.
    value : int or None
        At the last decision of a number, the number.
    k : int or None
        The place of the coefficient in the zigzag sequence.
    coefficient : int or None
        What it is after this scan, at the last decision about it.
    clause : str
        Of T.81.
    """

    offset: int
    name: str
    question: str
    decision: int
    bin: int
    row: int
    qe: int
    mps: int
    bits: float
    value: int | None
    k: int | None
    coefficient: int | None
    clause: str


Notes: TypeAlias = deque[Note]
Decisions: TypeAlias = Iterator[Decision]


def decisions_of(
    notes: Sequence[Note], scan: Scan, before: Sequence[int], after: Sequence[int]
) -> list[Decision]:
    """Explain the notes of one data unit; parameters as for `trace_steps.steps_of`."""
    left = deque(notes)
    decisions: list[Decision] = []
    with suppress(IndexError):  # notes of a unit that is not complete
        for decision in _explain(left, scan, before, after):
            decisions.append(decision)
    return decisions + [_named(note, "?", "", "F.2.4") for note in left]


def _explain(notes: Notes, scan: Scan, before: Sequence[int], after: Sequence[int]) -> Decisions:
    header = scan.header
    if scan.frame.is_lossless:
        yield from _difference(notes, after, None, "H.1.2.3")
    elif header.approx_high and header.spectral_start == 0:
        bit = _named(notes.popleft(), "0.5", f"bit {header.approx_low} of ZZ(0)", "G.1.3.1")
        yield replace(bit, value=bit.decision, k=0, coefficient=after[0])
    elif header.approx_high:
        yield from _refinement(notes, header, before, after)
    else:
        if header.spectral_start == 0:
            yield from _difference(notes, after, 0, "F.1.4.1")
        if header.spectral_end:
            yield from _band(notes, header, after)


def _difference(notes: Notes, after: Sequence[int], k: int | None, clause: str) -> Decisions:
    """F.1.4.1 – a difference, of DC coefficients or of samples."""
    zero = _named(notes.popleft(), "S0", "V ≠ 0?", clause)
    if not zero.decision:
        yield replace(zero, value=0, k=k, coefficient=None if k is None else after[0])
        return
    yield zero
    sign = _named(notes.popleft(), "SS", "V < 0?", clause)
    yield sign
    yield from _magnitude(notes, "SN" if sign.decision else "SP", bool(sign.decision), k, after, clause)


def _magnitude(
    notes: Notes, first: str, negative: bool, k: int | None, after: Sequence[int], clause: str
) -> Decisions:
    """F.1.4.3.1.2, F.1.4.3.1.3 – Sz = |V| − 1: its category, and the bits below its leading one."""
    made: list[Decision] = []
    while not made or made[-1].decision:
        i = len(made)
        made.append(_named(notes.popleft(), f"X{i}" if i else first, f"Sz ≥ {1 << i}?", clause))
    length = len(made) - 1
    sz = min(length, 1)
    for bit in range(length - 2, -1, -1):
        made.append(_named(notes.popleft(), f"M{length}", f"bit {bit} of Sz", clause))
        sz = sz << 1 | made[-1].decision
    value = -sz - 1 if negative else sz + 1
    coefficient = None if k is None else after[k]
    yield from made[:-1]
    yield replace(made[-1], value=value, k=k, coefficient=coefficient)


def _band(notes: Notes, header: ScanHeader, after: Sequence[int]) -> Decisions:
    """F.1.4.2, G.1.3.2 – the coefficients of a band, the first time."""
    k = max(header.spectral_start, 1)
    while k <= header.spectral_end and notes:
        end = _named(notes.popleft(), "SE", f"end before ZZ({k})?", "F.1.4.2")
        yield end
        if end.decision:
            return
        while True:
            zero = _named(notes.popleft(), "S0", f"ZZ({k}) ≠ 0?", "F.1.4.2")
            yield zero
            if zero.decision:
                break
            k += 1
        sign = _named(notes.popleft(), "0.5", "V < 0?", "F.1.4.2")
        yield sign
        first = "SN" if sign.decision else "SP"
        yield from _magnitude(notes, first, bool(sign.decision), k, after, "F.1.4.2")
        k += 1


def _refinement(notes: Notes, header: ScanHeader, before: Sequence[int], after: Sequence[int]) -> Decisions:
    """G.1.3.3 – one more bit of each coefficient of a band."""
    clause = "G.1.3.3"
    end = header.spectral_end
    last_before = max((k for k in range(header.spectral_start, end + 1) if before[k]), default=0)
    continues = False
    for k in range(header.spectral_start, end + 1):
        if k > last_before and not continues:
            ended = _named(notes.popleft(), "SE", f"end before ZZ({k})?", clause)
            yield ended
            if ended.decision:
                return
        if before[k]:
            bit = _named(notes.popleft(), "SC", f"bit {header.approx_low} of |ZZ({k})|", clause)
            yield replace(bit, value=bit.decision, k=k, coefficient=after[k])
            continues = False
            continue
        new = _named(notes.popleft(), "S0", f"ZZ({k}) ≠ 0?", clause)
        yield new
        continues = not new.decision
        if new.decision:
            sign = _named(notes.popleft(), "0.5", "V < 0?", clause)
            yield replace(sign, value=1 - 2 * sign.decision, k=k, coefficient=after[k])


def _named(note: Note, name: str, question: str, clause: str) -> Decision:
    return Decision(
        note.offset,
        name,
        question,
        note.decision,
        note.bin,
        note.row,
        note.qe,
        note.mps,
        round(note.bits, 4),
        None,
        None,
        None,
        clause,
    )
