"""From the bits that a decoder reads to steps with a meaning: code, run and size, value, coefficient.

A `NotingReader` takes the place of the reader inside a decoder of the reference path, and notes what is
read in one piece: a Huffman code, or bits without one. What the pieces mean follows from the kind of scan;
each kind has a function here, which goes through the notes of one block as the figures of T.81 go through the
bits. So the notes are what the decoder did, and the steps are their explanation.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import NamedTuple

from ..coefficients import extend
from ..huffman import DecodeTable
from ..intervals import Progress
from ..jpeg_data import ScanHeader
from ..scan import Scan
from ..scan_sequential import HuffmanReader

__all__ = ["NotingReader", "Step", "steps_of"]


class Note(NamedTuple):
    """What was read in one piece: where, the bits, whether they are a Huffman code, symbol or number."""

    offset: int
    bit: int
    bits: str
    is_code: bool
    value: int
    problem: str


class NotingReader(HuffmanReader):
    """A reader that keeps notes while `notes` is a list.

    Attributes
    ----------
    notes : list of Note or None
    used : int
        How many bits of the file have been read.
    last_code : tuple of (int, int)
        Offset and bit of the code that was read last.
    """

    def __init__(self, data: bytes, position: int, progress: Progress) -> None:
        super().__init__(data, position, progress, strict=False)
        self.notes: list[Note] | None = None
        self.used = 0
        self.last_code = (position, 0)
        self._bits: list[str] = []
        self._inside = False
        self._byte_offset = position

    def symbol(self, table: DecodeTable) -> int:
        """Read one code, and note it."""
        bad_codes = self.progress.bad_codes
        self.last_code = self._place()
        return self._noted(
            lambda: super(NotingReader, self).symbol(table),
            is_code=True,
            problem=lambda: "no code" if self.progress.bad_codes > bad_codes else "",
        )

    def receive(self, length: int) -> int:
        """Read bits, and note them."""
        return self._noted(lambda: super(NotingReader, self).receive(length))

    def bit(self) -> int:
        """Read one bit, and note it if it was asked for alone."""
        return self._noted(self._next_bit)

    def skip(self, length: int) -> None:
        """Step over bits without a note."""
        for _ in range(length // 8):
            self._next_byte()
        super().receive(length % 8)

    def _next_bit(self) -> int:
        bit = super().bit()
        self.used += not self.exhausted
        self._bits.append("01"[bit])
        return bit

    def _noted(
        self, read: Callable[[], int], is_code: bool = False, problem: Callable[[], str] = lambda: ""
    ) -> int:
        if self._inside or self.notes is None:
            return read()
        self._inside, self._bits, place = True, [], self._place()
        value = read()
        self._inside = False
        if self._bits:
            words = "behind the end of the data" if self.exhausted else problem()
            self.notes.append(Note(*place, "".join(self._bits), is_code, value, words))
        return value

    def _place(self) -> tuple[int, int]:
        """Return offset and bit, 0 the most significant, of what is read next."""
        return (self._byte_offset, 8 - self._count) if self._count else (self.position, 0)

    def _next_byte(self) -> int:
        self._byte_offset = self.position
        return super()._next_byte()


@dataclass(frozen=True)
class Step:
    """One step of decoding: a Huffman code with its additional bits, or bits that need no code.

    Attributes
    ----------
    offset, bit : int
        Of the first bit: the byte in the file, and the bit in it, 0 the most significant.
    code, extra : str
        The bits; stuffed zero bytes between them are left out.
    name : str
        What they are: ``"DC"``, ``"AC"``, ``"ZRL"``, ``"EOB"``, ``"EOB3"``, ``"DC bit"``,
        ``"correction bit"``, ``"difference"``.
    clause : str
        Of T.81.
    symbol, run, size : int or None
        The symbol of the code, and its two halves.
    value : int or None
        The number that the additional bits stand for; for EOBn how many blocks have ended.
    k : int or None
        The place of the coefficient in the zigzag sequence.
    coefficient : int or None
        What it is after this scan.
    problem : str
        What is wrong here; empty if nothing.
    """

    offset: int
    bit: int
    code: str
    extra: str
    name: str
    clause: str
    symbol: int | None = None
    run: int | None = None
    size: int | None = None
    value: int | None = None
    k: int | None = None
    coefficient: int | None = None
    problem: str = ""


Notes = deque[Note]


def steps_of(notes: Sequence[Note], scan: Scan, before: Sequence[int], after: Sequence[int]) -> list[Step]:
    """Explain the notes of one data unit.

    Parameters
    ----------
    notes : sequence of Note
    scan : Scan
        With Huffman codes.
    before, after : sequence of int
        The unit before and after the scan: 64 coefficients in zigzag order, or one difference.

    Returns
    -------
    list of Step
        They have all bits of the notes in order.
    """
    left = deque(notes)
    steps: list[Step] = []
    with suppress(IndexError):  # notes of a unit that is not complete
        for step in _explain(scan)(left, scan.header, before, after):
            steps.append(step)
    return steps + [_step(note, None, "bits", "F.2.2.4") for note in left]


Explanation = Callable[[Notes, ScanHeader, Sequence[int], Sequence[int]], Iterator[Step]]


def _explain(scan: Scan) -> Explanation:
    if scan.frame.is_lossless:
        return lossless_steps
    if not scan.frame.is_progressive:
        return sequential_steps
    kinds = ((dc_first_steps, dc_refinement_steps), (ac_first_steps, ac_refinement_steps))
    return kinds[scan.header.spectral_start > 0][scan.header.approx_high > 0]


def sequential_steps(
    notes: Notes, header: ScanHeader, before: Sequence[int], after: Sequence[int]
) -> Iterator[Step]:
    """F.2.2.1, F.2.2.2 – a DC difference, and run and size up to EOB."""
    yield from dc_first_steps(notes, header, before, after)
    k = 1
    while k < 64:
        code = notes.popleft()
        run, size = divmod(code.value, 16)
        if size == 0 and run < 15:
            yield _step(code, None, "EOB", "F.1.2.2.1", run=run, size=size)
            return
        k += run
        yield _ac_step(code, notes, "F.2.2.2", run, size, k, after)
        k += 1


def dc_first_steps(
    notes: Notes, header: ScanHeader, before: Sequence[int], after: Sequence[int]
) -> Iterator[Step]:
    """F.2.2.1 – the difference to the DC coefficient of the block before."""
    code = notes.popleft()
    size = code.value
    extra = notes.popleft() if size else None
    value = extend(extra.value, size) if extra else 0
    yield _step(code, extra, "DC", "F.2.2.1", size=size, value=value, k=0, coefficient=after[0])


def dc_refinement_steps(
    notes: Notes, header: ScanHeader, before: Sequence[int], after: Sequence[int]
) -> Iterator[Step]:
    """G.1.2.1 – bit Al of the DC coefficient."""
    note = notes.popleft()
    yield _step(None, note, "DC bit", "G.1.2.1", value=note.value, k=0, coefficient=after[0])


def ac_first_steps(
    notes: Notes, header: ScanHeader, before: Sequence[int], after: Sequence[int]
) -> Iterator[Step]:
    """G.1.2.2 – run and size, up to the end of the band or a run of such ends."""
    k = header.spectral_start
    while notes and k <= header.spectral_end:
        code = notes.popleft()
        run, size = divmod(code.value, 16)
        if size == 0 and run < 15:
            yield _end_of_band(code, notes, run)
            return
        k += run
        yield _ac_step(code, notes, "G.1.2.2", run, size, k, after)
        k += 1


def ac_refinement_steps(
    notes: Notes, header: ScanHeader, before: Sequence[int], after: Sequence[int]
) -> Iterator[Step]:
    """G.1.2.3 – new coefficients, and a correction bit for each old one that is passed over."""
    k, end = header.spectral_start, header.spectral_end
    while notes and notes[0].is_code and k <= end:
        code = notes.popleft()
        run, size = divmod(code.value, 16)
        if size == 0 and run < 15:
            yield _end_of_band(code, notes, run)
            break
        passed, place = _passed_over(before, k, end, run)
        if size:
            yield _ac_step(code, notes, "G.1.2.3", run, 1, place, after)
        else:
            yield _step(code, None, "ZRL", "G.1.2.3", run=run, size=size, k=min(place, 63))
        yield from _corrections(notes, passed, after)
        k = place + 1
    yield from _corrections(notes, [place for place in range(k, end + 1) if before[place]], after)


def lossless_steps(
    notes: Notes, header: ScanHeader, before: Sequence[int], after: Sequence[int]
) -> Iterator[Step]:
    """H.1.2.2 – the difference of a sample from its prediction."""
    code = notes.popleft()
    extra = notes.popleft() if 0 < code.value < 16 else None
    yield _step(code, extra, "difference", "H.1.2.2", size=code.value, value=after[0])


def _passed_over(before: Sequence[int], k: int, end: int, zeros: int) -> tuple[list[int], int]:
    """Return the places not zero before, from `k` to the zero behind so many zeros, and the place of it."""
    passed = []
    while k <= end:
        if before[k]:
            passed.append(k)
        elif zeros == 0:
            break
        else:
            zeros -= 1
        k += 1
    return passed, k


def _corrections(notes: Notes, places: Sequence[int], after: Sequence[int]) -> Iterator[Step]:
    for k in places:
        note = notes.popleft()
        yield _step(None, note, "correction bit", "G.1.2.3", value=note.value, k=k, coefficient=after[k])


def _end_of_band(code: Note, notes: Notes, n: int) -> Step:
    """Table G.1 – EOBn code run length extensions."""
    extra = notes.popleft() if n else None
    blocks = (1 << n) + (extra.value if extra else 0)
    return _step(code, extra, f"EOB{n}", "G.1.2.2", run=n, size=0, value=blocks)


def _ac_step(
    code: Note, notes: Notes, clause: str, run: int, size: int, k: int, after: Sequence[int]
) -> Step:
    if size == 0:
        return _step(code, None, "ZRL", clause, run=run, size=size, k=min(k, 63))
    extra = notes.popleft()
    value = extend(extra.value, size)
    problem = f"a run past coefficient 63, to {k}" if k > 63 else ""
    k = min(k, 63)
    return _step(
        code, extra, "AC", clause, problem, run=run, size=size, value=value, k=k, coefficient=after[k]
    )


def _step(
    code: Note | None, extra: Note | None, name: str, clause: str, problem: str = "", **numbers: int
) -> Step:
    first = code or extra
    assert first is not None
    return Step(
        first.offset,
        first.bit,
        code.bits if code and code.is_code else "",
        extra.bits if extra else code.bits if code and not code.is_code else "",
        name,
        clause,
        symbol=code.value if code and code.is_code else None,
        problem=(code and code.problem) or (extra and extra.problem) or problem,
        **numbers,
    )
