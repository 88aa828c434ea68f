"""One progressive scan ↔ coefficients, with arithmetic coding (G.1.3, G.2; the reference path).

The scans are cut as with Huffman codes: see `scan_progressive`, and `progression`. Coding them needs less,
though. There are no runs over blocks: a band that is empty costs one decision, and where most bands are, the
estimate makes it cheap. And the correction bits need no queue, since each decision is coded at its place.

1. **DC, first** (G.1.3.1). As in a sequential scan, after the point transform.
2. **DC, refined** (G.1.3.1). Bit Al of each coefficient, with the fixed estimate 0.5.
3. **AC, first** (G.1.3.2). As in a sequential scan, for a band and after the point transform.
4. **AC, refined** (G.1.3.3). Each coefficient of the band has three bins (Table G.2): SE, whether the band
   ends before it; S0, for one that was zero so far, whether it becomes ±1; SC, for one that was not, the
   correction bit. SE is not asked up to the last coefficient that was not zero before this scan (EOBx): the
   band cannot end there.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from . import tables
from ._types import Coefficients
from .arithmetic import AC_BINS, Bins, Decoder, Encoder, ImpossibleValue, decode_ac, encode_ac
from .coefficients import zigzag
from .intervals import Progress, Status, decode_intervals
from .scan import Scan
from .scan_sequential import wrap16
from .scan_sequential_arithmetic import (
    DcModel,
    IntervalDecoder,
    IntervalEncoder,
    encode_intervals,
    statistics_areas,
)

__all__ = ["decode_scan", "encode_scan"]

REFINEMENT_BINS = 189

_NATURAL_INDEX: list[int] = tables.NATURAL_INDEX.tolist()


# --------------------------------------------------------------------------------------------------
# Coefficients → decisions → bytes


def encode_scan(scan: Scan, coefficients: Sequence[Coefficients]) -> bytes:
    """Code a scan (G.1.3).

    Parameters
    ----------
    scan : Scan
    coefficients : sequence of ndarray of int16, shape (block rows, block columns, 8, 8)
        Per component of the scan, the whole coefficients: the scan takes its band and its bits.

    Returns
    -------
    bytes
        The entropy-coded data, RST markers included.

    Raises
    ------
    ValueError
        If a DC difference is beyond ±32768.
    """
    kinds = ((DcFirstEncoder, DcRefinementEncoder), (AcFirstEncoder, AcRefinementEncoder))
    kind = kinds[scan.header.spectral_start > 0][scan.header.approx_high > 0]
    return encode_intervals(scan, partial(kind, scan, coefficients))


class ProgressiveEncoder(IntervalEncoder):
    """Code the blocks of one restart interval: what the four kinds share."""

    def __init__(self, scan: Scan, coefficients: Sequence[Coefficients]) -> None:
        super().__init__()
        self.header = scan.header
        self.coefficients = coefficients
        self.dc = DcModel(scan)
        self.ac_bins = statistics_areas([member.ac_table for member in scan.header.components], AC_BINS)
        self.kx = scan.ac_conditioning

    def magnitudes_and_signs(self, j: int, row: int, column: int) -> tuple[list[int], list[int]]:
        """Return the AC coefficients of a block after the point transform, in zigzag order (A.4)."""
        zz = zigzag(self.coefficients[j][row, column])
        return [abs(value) >> self.header.approx_low for value in zz], [int(value < 0) for value in zz]


class DcFirstEncoder(ProgressiveEncoder):
    """G.1.3.1 – the first scan of the DC coefficients."""

    def encode_unit(self, j: int, row: int, column: int) -> None:
        """Code one block."""
        value = int(self.coefficients[j][row, column, 0, 0])
        self.dc.encode(self.encoder, j, value >> self.header.approx_low)


class DcRefinementEncoder(ProgressiveEncoder):
    """G.1.3.1 – one more bit of each DC coefficient, in two's complement."""

    def encode_unit(self, j: int, row: int, column: int) -> None:
        """Code one block."""
        value = int(self.coefficients[j][row, column, 0, 0])
        self.encoder.code_fixed(value >> self.header.approx_low & 1)


class AcFirstEncoder(ProgressiveEncoder):
    """G.1.3.2 – the first scan of a band of AC coefficients."""

    def encode_unit(self, j: int, row: int, column: int) -> None:
        """Code the band of one block."""
        magnitudes, signs = self.magnitudes_and_signs(j, row, column)
        values = [-magnitude if sign else magnitude for magnitude, sign in zip(magnitudes, signs)]
        start, end = self.header.spectral_start, self.header.spectral_end
        encode_ac(self.encoder, self.ac_bins[j], values, start, end, self.kx[j])


class AcRefinementEncoder(ProgressiveEncoder):
    """G.1.3.3 – one more bit of a band of AC coefficients."""

    def encode_unit(self, j: int, row: int, column: int) -> None:
        """Code the band of one block."""
        magnitudes, signs = self.magnitudes_and_signs(j, row, column)
        band = (self.header.spectral_start, self.header.spectral_end)
        encode_refinement(self.encoder, self.ac_bins[j], magnitudes, signs, *band)


def encode_refinement(
    encoder: Encoder, bins: Bins, magnitudes: Sequence[int], signs: Sequence[int], start: int, end: int
) -> None:
    """Code a bit of each coefficient of a band: Encode_AC_Coefficients_SA (Figures G.10 and G.11).

    Parameters
    ----------
    encoder : Encoder
    bins : Bins
        `REFINEMENT_BINS` of them.
    magnitudes, signs : sequence of 64 int
        In zigzag order. A coefficient of magnitude 1 is new in this scan; a larger one was not zero before. A
        sign is 1 for negative.
    start, end : int
        The band.
    """
    last = max((k for k in range(start, end + 1) if magnitudes[k]), default=0)
    last_before = max((k for k in range(start, end + 1) if magnitudes[k] > 1), default=0)  # EOBx
    continues = False  # within a run of zeros SE is not asked again
    for k in range(start, end + 1):
        se = 3 * (k - 1)
        if k > last_before and not continues:
            encoder.code(bins, se, int(k > last))
            if k > last:
                return
        if magnitudes[k] > 1:
            encoder.code(bins, se + 2, magnitudes[k] & 1)
        else:
            encoder.code(bins, se + 1, magnitudes[k])
        if magnitudes[k] == 1:
            encoder.code_fixed(signs[k])
        continues = magnitudes[k] == 0


# --------------------------------------------------------------------------------------------------
# Bytes → decisions → coefficients


def decode_scan(
    data: bytes, scan: Scan, coefficients: Sequence[Coefficients], progress: Progress, strict: bool
) -> Status:
    """Decode a scan (G.2 – Progressive decoding of the DCT).

    Parameters
    ----------
    data, scan, progress, strict
        As for `scan_sequential.decode_scan`, and so is the result.
    coefficients : sequence of ndarray of int16, shape (block rows, block columns, 8, 8)
        Per component of the scan, as the scans before have left them; refined.
    """
    kinds = ((DcFirstDecoder, DcRefinementDecoder), (AcFirstDecoder, AcRefinementDecoder))
    kind = kinds[scan.header.spectral_start > 0][scan.header.approx_high > 0]
    make = partial(kind, data, scan, coefficients, progress, strict)
    return decode_intervals(data, scan, progress, strict, make, starves=False)


class ProgressiveDecoder(IntervalDecoder):
    """Decode the blocks of one restart interval: what the four kinds share."""

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
        self.header = scan.header
        self.coefficients = coefficients
        self.dc = DcModel(scan)
        self.ac_bins = statistics_areas([member.ac_table for member in scan.header.components], AC_BINS)
        self.kx = scan.ac_conditioning


class DcFirstDecoder(ProgressiveDecoder):
    """G.1.3.1 – the first scan of the DC coefficients."""

    def decode_values(self, j: int, row: int, column: int) -> None:
        """Decode one block."""
        value = self.dc.decode(self.decoder, j) << self.header.approx_low
        self.coefficients[j][row, column, 0, 0] = wrap16(value)


class DcRefinementDecoder(ProgressiveDecoder):
    """G.1.3.1 – one more bit of each DC coefficient, in two's complement."""

    def decode_values(self, j: int, row: int, column: int) -> None:
        """Decode one block."""
        self.coefficients[j][row, column, 0, 0] |= self.decoder.decode_fixed() << self.header.approx_low


class AcFirstDecoder(ProgressiveDecoder):
    """G.1.3.2 – the first scan of a band of AC coefficients."""

    def decode_values(self, j: int, row: int, column: int) -> None:
        """Decode the band of one block."""
        block = self.coefficients[j][row, column].reshape(64)
        start, end = self.header.spectral_start, self.header.spectral_end
        for k, value in decode_ac(self.decoder, self.ac_bins[j], start, end, self.kx[j]):
            block[_NATURAL_INDEX[k]] = wrap16(value << self.header.approx_low)


class AcRefinementDecoder(ProgressiveDecoder):
    """G.1.3.3 – one more bit of a band of AC coefficients."""

    def decode_values(self, j: int, row: int, column: int) -> None:
        """Decode the band of one block."""
        block = self.coefficients[j][row, column].reshape(64)
        decode_refinement(
            self.decoder,
            self.ac_bins[j],
            block,
            self.header.spectral_start,
            self.header.spectral_end,
            1 << self.header.approx_low,
        )


def decode_refinement(
    decoder: Decoder, bins: Bins, block: Coefficients, start: int, end: int, step: int
) -> None:
    """Decode a bit of each coefficient of a band; the inverse of `encode_refinement`.

    Parameters
    ----------
    decoder : Decoder
    bins : Bins
        `REFINEMENT_BINS` of them.
    block : ndarray of int16, shape (64,)
        In natural order; refined.
    start, end : int
        The band.
    step : int
        2^Al.

    Raises
    ------
    ImpossibleValue
        At a run of zeros past the end of the band.
    """
    last_before = max((k for k in range(start, end + 1) if block[_NATURAL_INDEX[k]]), default=0)  # EOBx
    continues = False
    for k in range(start, end + 1):
        se = 3 * (k - 1)
        if k > last_before and not continues and decoder.decode(bins, se):
            return
        value = int(block[_NATURAL_INDEX[k]])
        if value:
            change = decoder.decode(bins, se + 2)
            negative = value < 0
        else:
            change = decoder.decode(bins, se + 1)
            negative = bool(change and decoder.decode_fixed())
        if change:
            block[_NATURAL_INDEX[k]] = wrap16(value - step if negative else value + step)
        continues = value == 0 and not change
    if continues:
        raise ImpossibleValue
