"""One sequential scan ↔ coefficients, with arithmetic coding (F.1.4, F.2.4; the reference path).

Each block is coded as the difference of its DC coefficient and as its AC coefficients, by the models of
`arithmetic`. A DC difference is expected to resemble the one before it in the same component: was that zero,
small or large, above or below zero? Five classes have their own bins (Table F.4). An AC coefficient has bins
for its place in the zigzag sequence (Table F.5).

The bins belong to a conditioning table's destination: components that name the same one share them. All
start anew with each restart interval (F.1.4.4.1.5, F.1.4.4.2).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from functools import partial

from . import tables
from ._types import Array, Coefficients
from .arithmetic import (
    AC_BINS,
    DC_BINS,
    DC_X1,
    Bins,
    Decoder,
    Encoder,
    ImpossibleValue,
    decode_ac,
    decode_difference,
    difference_class,
    encode_ac,
    encode_difference,
)
from .bitio import EndOfSegment
from .coefficients import zigzag
from .intervals import BadCode, Progress, Status, decode_intervals
from .scan import Scan
from .scan_sequential import wrap16

__all__ = ["decode_scan", "encode_scan"]

_NATURAL_INDEX: list[int] = tables.NATURAL_INDEX.tolist()


# --------------------------------------------------------------------------------------------------
# What the three kinds of arithmetic-coded scans share


class IntervalEncoder(ABC):
    """The encoder of one restart interval, made anew for each."""

    def __init__(self) -> None:
        self.encoder = Encoder()

    @abstractmethod
    def encode_unit(self, j: int, row: int, column: int) -> None:
        """Code one data unit of component `j` of the scan."""


def encode_intervals(scan: Scan, make_encoder: Callable[[], IntervalEncoder]) -> bytes:
    """Code a scan, RST markers included."""
    data = bytearray()
    for interval in scan.intervals():
        if interval.start:
            data += bytes((0xFF, tables.RST0 + scan.restart_number(interval.start)))
        coder = make_encoder()
        for mcu in interval:
            for j, row, column in scan.layout.blocks(mcu):
                coder.encode_unit(j, row, column)
        data += coder.encoder.flush()
    return bytes(data)


class IntervalDecoder(ABC):
    """The decoder of one restart interval; a `scan.IntervalDecoder`.

    Zeros follow a marker, and that is legal; it is not where the file ends without one. After decisions that
    make no value the rest of the interval stays as it is, as libjpeg leaves it.
    """

    def __init__(self, data: bytes, progress: Progress, strict: bool, position: int) -> None:
        self.decoder = Decoder(data, position)
        self.progress = progress
        self.strict = strict
        self.failed = False

    @property
    def position(self) -> int:
        """Offset of the byte that is read next."""
        return self.decoder.position

    def decode_unit(self, j: int, row: int, column: int) -> None:
        """Decode one data unit of component `j` of the scan."""
        if self.failed:
            return
        try:
            self.decode_values(j, row, column)
        except ImpossibleValue:
            self.failed = True
        if self.decoder.past_end:
            if self.strict:
                raise EndOfSegment(self.position)
            self.progress.note_starved(self.position)
        if self.failed:
            if self.strict:
                raise BadCode(self.position)
            self.progress.note_bad_code(self.position)

    @abstractmethod
    def decode_values(self, j: int, row: int, column: int) -> None:
        """Decode one data unit of component `j` of the scan; `ImpossibleValue` if there is none."""


def statistics_areas(destinations: Sequence[int], count: int) -> list[Bins]:
    """Return new bins for each component of a scan: the same ones where destinations are the same."""
    areas = {destination: Bins(count) for destination in destinations}
    return [areas[destination] for destination in destinations]


class DcModel:
    """DC coefficients as differences, each conditioned on the one before (F.1.4.4.1)."""

    def __init__(self, scan: Scan) -> None:
        self.bins = statistics_areas([member.dc_table for member in scan.header.components], DC_BINS)
        self.bounds = scan.dc_conditioning
        self.dc_pred = [0] * len(self.bins)
        self.s0 = [0] * len(self.bins)  # Table F.4: the bin S0 for the next difference

    def encode(self, encoder: Encoder, j: int, value: int) -> None:
        """Code the next DC coefficient of component `j`: Encode_DC_DIFF (Figure F.4)."""
        difference = value - self.dc_pred[j]
        encode_difference(encoder, self.bins[j], self.s0[j], DC_X1, difference)
        self._remember(j, difference)

    def decode(self, decoder: Decoder, j: int) -> int:
        """Decode the next DC coefficient of component `j`: Decode_DC_DIFF (Figure F.19)."""
        self._remember(j, decode_difference(decoder, self.bins[j], self.s0[j], DC_X1))
        return self.dc_pred[j]

    def _remember(self, j: int, difference: int) -> None:
        self.dc_pred[j] += difference
        self.s0[j] = 4 * difference_class(difference, *self.bounds[j])


# --------------------------------------------------------------------------------------------------
# Coefficients → decisions → bytes


def encode_scan(scan: Scan, coefficients: Sequence[Coefficients]) -> bytes:
    """Code a scan (F.1.4 – Baseline arithmetic encoding procedures, Annex D).

    Parameters
    ----------
    scan : Scan
    coefficients : sequence of ndarray of int16, shape (block rows, block columns, 8, 8)
        Per component of the scan.

    Returns
    -------
    bytes
        The entropy-coded data, RST markers included.

    Raises
    ------
    ValueError
        If a DC difference is beyond ±32768.
    """
    return encode_intervals(scan, partial(SequentialEncoder, scan, coefficients))


class SequentialEncoder(IntervalEncoder):
    """Code the blocks of one restart interval."""

    def __init__(self, scan: Scan, coefficients: Sequence[Array]) -> None:
        super().__init__()
        self.coefficients = coefficients
        self.dc = DcModel(scan)
        self.ac_bins = statistics_areas([member.ac_table for member in scan.header.components], AC_BINS)
        self.kx = scan.ac_conditioning

    def encode_unit(self, j: int, row: int, column: int) -> None:
        """Code one block."""
        zz = zigzag(self.coefficients[j][row, column])
        self.dc.encode(self.encoder, j, zz[0])
        encode_ac(self.encoder, self.ac_bins[j], zz, 1, 63, self.kx[j])


# --------------------------------------------------------------------------------------------------
# Bytes → decisions → coefficients


def decode_scan(
    data: bytes, scan: Scan, coefficients: Sequence[Coefficients], progress: Progress, strict: bool
) -> Status:
    """Decode a scan (F.2.4 – Baseline arithmetic decoding procedures).

    Parameters
    ----------
    data, scan, progress, strict
        As for `scan_sequential.decode_scan`, and so is the result.
    coefficients : sequence of ndarray of int16, shape (block rows, block columns, 8, 8)
        Per component of the scan, zero; filled in.
    """
    make = partial(SequentialDecoder, data, scan, coefficients, progress, strict)
    return decode_intervals(data, scan, progress, strict, make, starves=False)


class SequentialDecoder(IntervalDecoder):
    """Decode the blocks of one restart interval."""

    def __init__(
        self,
        data: bytes,
        scan: Scan,
        coefficients: Sequence[Coefficients],
        progress: Progress,
        strict: bool,
        position: int,
    ) -> None:
        super().__init__(data, progress, strict, position)
        self.coefficients = coefficients
        self.dc = DcModel(scan)
        self.ac_bins = statistics_areas([member.ac_table for member in scan.header.components], AC_BINS)
        self.kx = scan.ac_conditioning

    def decode_values(self, j: int, row: int, column: int) -> None:
        """Decode one block."""
        block = self.coefficients[j][row, column].reshape(64)
        # libjpeg keeps coefficients in 16 bits, too; only a damaged file reaches the wrap.
        block[0] = wrap16(self.dc.decode(self.decoder, j))
        for k, value in decode_ac(self.decoder, self.ac_bins[j], 1, 63, self.kx[j]):
            block[_NATURAL_INDEX[k]] = wrap16(value)
