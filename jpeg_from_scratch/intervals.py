"""Decoding a scan, one restart interval after the other, and how to go on where a marker is missing (E.2.4).

A scan decoder works on an *interval*: the data from one restart marker to the next. It says how far it got in
a `Progress`, and why it stopped by a `Status`. Where a marker is not what it should be, it stops, and can go
on at the first MCU of any interval, so that the search for a place to go on (`resynchronise`) is nobody's
business but this file's.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any, Protocol

import numpy as np

from . import tables
from ._types import Array
from .bitio import EndOfSegment
from .errors import FormatError
from .markers import find_marker, marker_name, next_marker
from .scan import Scan

__all__ = [
    "BadCode",
    "IntervalDecoder",
    "Progress",
    "Status",
    "after_restart",
    "decode_intervals",
    "resynchronise",
    "scan_error",
    "skip_padding",
]


class Status(IntEnum):
    """Why decoding has stopped."""

    DONE = 0
    PREMATURE_END = 1  # strict only: the data end in `Progress.mcu`
    BAD_CODE = 2  # strict only: no code fits the bits at `Progress.position`
    BAD_RESTART = 3  # no RSTm at `Progress.position`, where one is due before `Progress.mcu`


@dataclass
class Progress:
    """How far a scan is decoded, and what was wrong on the way.

    Attributes
    ----------
    position : int
        Offset of the first byte of the interval to decode; afterwards, behind the last byte used.
    mcu : int
        The first MCU not decoded yet. Decoding (re)starts at the first MCU of a restart interval only.
    starved : bool
        The data of the interval have run out: Huffman-coded units that follow stay as they are, up to the
        next restart marker.
    ended : bool
        A marker stands at `position` that is no restart marker: the intervals that follow have no data, and
        no markers are looked for.
    starved_mcus, bad_codes, overlong_runs : int
        MCUs without all their data, codes that do not exist, runs past the last coefficient of a band.
    starved_at, bad_code_at : int
        Offsets of the first of each; −1 for none.
    last_fed : int
        The last MCU that began before the data had run out; −1 for none.
    fresh : bool
        The arrays hold nothing yet: a coder that has gone astray may begin again.
    complete_rows : ndarray of int64, shape (1,)
        Rows of MCUs that will not change any more, for other threads to look at. Only some coders keep it up
        to date while they are at work.
    prepared : tuple
        What the coder made at its first call, for the next ones: there is one after each wrong marker.
    """

    position: int
    mcu: int = 0
    starved: bool = False
    ended: bool = False
    starved_mcus: int = 0
    starved_at: int = -1
    bad_codes: int = 0
    bad_code_at: int = -1
    overlong_runs: int = 0
    last_fed: int = -1
    fresh: bool = False
    complete_rows: Array = field(default_factory=lambda: np.zeros(1, np.int64), compare=False, repr=False)
    prepared: tuple[Any, ...] = field(default=(), compare=False, repr=False)

    def note_starved(self, offset: int) -> None:
        """Note that the data ran out before a marker, or the end of the file, at `offset`."""
        if self.starved_at < 0:
            self.starved_at = offset
        self.starved = True

    def note_bad_code(self, offset: int) -> None:
        """Note bits that are no code."""
        if self.bad_code_at < 0:
            self.bad_code_at = offset
        self.bad_codes += 1


class BadCode(Exception):
    """Strict only: no code fits the bits. `offset`: of the byte in which the search ended."""

    def __init__(self, offset: int) -> None:
        super().__init__(offset)
        self.offset = offset


class IntervalDecoder(Protocol):
    """The decoder of one restart interval, made anew for each: predictions and statistics start there.

    Strict, `decode_unit` raises `EndOfSegment` or `BadCode`; otherwise it goes on as libjpeg does – with zero
    bits behind the end of the data – and notes what was wrong in the `Progress`.
    """

    @property
    def position(self) -> int:
        """Offset of the byte that is read next."""

    def decode_unit(self, j: int, row: int, column: int) -> None:
        """Decode one data unit of component `j` of the scan."""


def decode_intervals(
    data: bytes,
    scan: Scan,
    progress: Progress,
    strict: bool,
    make_decoder: Callable[[int], IntervalDecoder],
    starves: bool = True,
    finish: int = 1,
) -> Status:
    """Decode a scan from ``progress.mcu`` on; the loop that all kinds of scans share.

    Parameters
    ----------
    data : bytes
        The file.
    scan : Scan
    progress : Progress
        Where to begin; kept up to date.
    strict : bool
        Stop at the first thing that is wrong.
    make_decoder : callable
        Takes the offset of an interval's first byte.
    starves : bool
        Whether units stay as they are once the data have run out (Huffman codes), or are decoded from zeros
        (arithmetic coding).
    finish : int
        Once the data have run out, as many MCUs as complete a multiple of this are decoded all the same.

    Returns
    -------
    Status
    """
    decoder = make_decoder(progress.position)
    first = progress.mcu
    without_data = False
    for mcu in range(first, scan.layout.mcus):
        if mcu > first and scan.starts_interval(mcu):
            progress.mcu, progress.position = mcu, decoder.position
            if not progress.ended:
                after = after_restart(data, progress.position, scan.restart_number(mcu), padding=starves)
                if after < 0:
                    return Status.BAD_RESTART
                progress.position, progress.starved = after, False
            decoder = make_decoder(progress.position)
        if mcu % finish == 0:
            without_data = progress.starved and starves
        if without_data:
            if progress.ended or not scan.restart_interval:
                progress.starved_mcus += scan.layout.mcus - mcu
                break
            progress.starved_mcus += 1
            continue
        progress.last_fed = mcu
        try:
            for j, row, column in scan.layout.blocks(mcu):
                decoder.decode_unit(j, row, column)
        except EndOfSegment as end:
            progress.mcu, progress.position = mcu, end.offset
            return Status.PREMATURE_END
        except BadCode as bad:
            progress.mcu, progress.position = mcu, bad.offset
            return Status.BAD_CODE
        progress.starved_mcus += progress.starved
    progress.mcu, progress.position = scan.layout.mcus, decoder.position
    return Status.DONE


def after_restart(data: bytes, position: int, m: int, padding: bool = True) -> int:
    """Return the offset behind the marker RSTm that is due at `position`, −1 if it is not there (E.2.4)."""
    try:
        offset, marker = find_marker(data, skip_padding(data, position) if padding else position)
    except FormatError:
        return -1
    return offset + 2 if marker == tables.RST0 + m else -1


def skip_padding(data: bytes, position: int) -> int:
    """Step over one byte of eight padding bits before a marker.

    F.1.2.3 fills the last byte with one-bits; some encoders, when nothing is to be filled, add a byte of
    them. Whether libjpeg-turbo warns of it depends on how far its bit buffer had read ahead.
    """
    padded = data[position : position + 2] == b"\xff\x00" and data[position + 2 : position + 3] == b"\xff"
    return position + 2 if padded and data[position + 3 : position + 4] != b"\x00" else position


def scan_error(data: bytes, scan: Scan, progress: Progress, status: Status) -> FormatError:
    """Return the error of a scan that could not be decoded to its end."""
    offset, mcu = progress.position, f"MCU {progress.mcu} of {scan.layout.mcus}"
    if status == Status.PREMATURE_END:
        return FormatError(
            f"the data ends in {mcu}", offset=offset, field="entropy-coded data", clause="F.2.2.5"
        )
    if status == Status.BAD_CODE:
        message, clause = f"no Huffman code fits the bits in {mcu}", "F.2.2.3"
        if scan.frame.is_arithmetic:
            message, clause = f"the arithmetic code in {mcu} stands for no value", "F.2.4.3"
        return FormatError(message, offset=offset, field="entropy-coded data", clause=clause)
    wanted = f"RST{scan.restart_number(progress.mcu)}"
    try:
        offset, marker = find_marker(data, skip_padding(data, offset))
    except FormatError as error:
        message, offset = f"{error.message}, {wanted}", error.offset
    else:
        message = f"found {marker_name(marker)} where {wanted} is due"
    return FormatError(message, offset=offset, field="RSTm", clause="E.2.4")


def resynchronise(data: bytes, scan: Scan, progress: Progress) -> None:
    """Find the place to go on after a restart marker that is missing or wrong, as libjpeg-turbo does.

    A marker that is no RSTm ends the scan: the intervals that follow have no data. One of the next two
    markers that are due is left in place for its own interval, and this one has no data. One of the two
    before is skipped, with all up to the next marker. Any other RSTm is taken for the one that is due.

    References
    ----------
    T.81 leaves recovery to the decoder (E.2.4); the rule is `jpeg_resync_to_restart` of ``jdmarker.c``.
    """
    position = progress.position
    while True:
        offset, marker = next_marker(data, position)
        ahead = (marker - tables.RST0 - scan.restart_number(progress.mcu)) % 8
        if marker < tables.SOF0:
            position = offset + 2
        elif not tables.RST0 <= marker <= tables.RST7:
            progress.position, progress.ended = offset, True
            return
        elif ahead in (1, 2):
            progress.position = offset
            return
        elif ahead in (6, 7):
            position = offset + 2
        else:
            progress.position, progress.starved = offset + 2, False
            return
