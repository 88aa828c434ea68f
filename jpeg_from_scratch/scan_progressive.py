"""One progressive scan ↔ coefficients, with Huffman codes (G.1.2, G.2; the reference path).

A progressive file sends the picture coarse first. `progression` tells how the coefficients are cut into
scans: by bands Ss ... Se of the zigzag sequence, and by bits, down to bit Al. What is left of a coefficient
above bit Al is its *point transform* (A.4): for DC a shift, so that negative values round down, for AC a
division that rounds towards zero. There are four kinds of scans, and four pairs of functions here:

1. **DC, first.** The sequential coding of DC differences, after the point transform (G.1.2.1).
2. **DC, refined.** Bit Al of each DC coefficient, as it is. No codes at all.
3. **AC, first** (G.1.2.2). Run and size as in a sequential scan, but the end of a band costs less: most
   blocks have nothing in most bands, so that EOBn stands for a *run* of 2ⁿ ... 2ⁿ⁺¹ − 1 blocks that end here,
   and n additional bits say how many (Table G.1). The symbol is 16 · n: size 0 with any run but 15, ZRL.
4. **AC, refined** (G.1.2.3). A coefficient that is zero so far may become ±1 at bit Al: it is coded as a run
   of zeros and a sign. A coefficient that is not zero any more gets one *correction bit*, the next bit of its
   magnitude. A run passes over those and does not count them; their correction bits follow its code.
   Magnitudes 0 3 0 0 2 1 0 at Al = 0, where 3 and 2 were 1 before, are

       run 3, size 1 | sign of the 1 | correction bits 1 (of 3), 0 (of 2) | EOB0

   An end-of-band run passes over coefficients, too. The correction bits of all its blocks follow its code, so
   an encoder has to keep them until the run ends.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

from . import tables
from ._types import Array, Coefficients
from .coefficients import ZRL, category, extend, magnitude_bits, zigzag
from .huffman import DecodeTable, decode_table
from .intervals import BadCode, Progress, Status, decode_intervals
from .scan import Restart, Scan, Symbol, count, write_symbols
from .scan_sequential import HuffmanReader, checked_category, wrap16

__all__ = ["count_symbols", "decode_scan", "encode_scan", "scan_symbols"]

# Choices of libjpeg, kept so that files are the same: when an end-of-band run is written before it has to be.
MOST_BLOCKS_OF_A_RUN = 0x7FFF
MOST_CORRECTION_BITS = 1000 - 64 + 1

_NATURAL_INDEX: list[int] = tables.NATURAL_INDEX.tolist()


# --------------------------------------------------------------------------------------------------
# Coefficients → symbols → bits


def scan_symbols(scan: Scan, coefficients: Sequence[Coefficients]) -> Iterator[Symbol | Restart]:
    """Turn the coefficients of a scan into the symbols to be coded, in order."""
    kinds = ((dc_first_symbols, dc_refinement_symbols), (ac_first_symbols, ac_refinement_symbols))
    symbols = kinds[scan.header.spectral_start > 0][scan.header.approx_high > 0]
    for interval in scan.intervals():
        if interval.start:
            yield Restart(scan.restart_number(interval.start))
        yield from symbols(scan, coefficients, interval)


def count_symbols(scan: Scan, coefficients: Sequence[Coefficients]) -> tuple[Array, Array]:
    """Count how often each symbol occurs in a scan; see `scan.count`."""
    return count(scan_symbols(scan, coefficients), len(coefficients))


def encode_scan(scan: Scan, coefficients: Sequence[Coefficients]) -> bytes:
    """Code a scan (G.1.2).

    Parameters
    ----------
    scan : Scan
    coefficients : sequence of ndarray of int16, shape (block rows, block columns, 8, 8)
        Per component of the scan, the whole coefficients: the scan takes its band and its bits.

    Returns
    -------
    bytes
        The entropy-coded data, RST markers included, padded to a byte.

    Raises
    ------
    ValueError
        If a symbol has no code in its table.
    """
    return write_symbols(scan_symbols(scan, coefficients), scan)


def dc_first_symbols(scan: Scan, coefficients: Sequence[Coefficients], interval: range) -> Iterator[Symbol]:
    """G.1.2.1 – differences of the DC coefficients, after the point transform."""
    dc_pred = [0] * len(coefficients)
    for mcu in interval:
        for j, row, column in scan.layout.blocks(mcu):
            value = int(coefficients[j][row, column, 0, 0]) >> scan.header.approx_low
            difference = value - dc_pred[j]
            dc_pred[j] = value
            size = checked_category(difference)
            yield Symbol(j, 0, size, magnitude_bits(difference, size), size)


def dc_refinement_symbols(
    scan: Scan, coefficients: Sequence[Coefficients], interval: range
) -> Iterator[Symbol]:
    """G.1.2.1 – one more bit of each DC coefficient, in two's complement."""
    for mcu in interval:
        for j, row, column in scan.layout.blocks(mcu):
            bit = int(coefficients[j][row, column, 0, 0]) >> scan.header.approx_low & 1
            yield Symbol(j, 0, None, bit, 1)


def ac_first_symbols(scan: Scan, coefficients: Sequence[Coefficients], interval: range) -> Iterator[Symbol]:
    """G.1.2.2 – Progressive encoding of AC coefficients with Huffman coding (Figures G.3 to G.6)."""
    ended = EndOfBandRun()
    for band in bands(scan, coefficients[0], interval):
        zeros = 0
        for coefficient in band:
            value = divide_towards_zero(coefficient, scan.header.approx_low)
            if value == 0:
                zeros += 1
                continue
            yield from ended.symbols()
            for _ in range(zeros // 16):
                yield Symbol(0, 1, ZRL)
            size = checked_category(value)
            yield Symbol(0, 1, 16 * (zeros % 16) + size, magnitude_bits(value, size), size)
            zeros = 0
        if zeros:
            yield from ended.add()
    yield from ended.symbols()


def ac_refinement_symbols(
    scan: Scan, coefficients: Sequence[Coefficients], interval: range
) -> Iterator[Symbol]:
    """G.1.2.3 – Coding model for subsequent scans of successive approximation (Figures G.7 to G.9)."""
    ended = EndOfBandRun()
    for band in bands(scan, coefficients[0], interval):
        magnitudes = [abs(coefficient) >> scan.header.approx_low for coefficient in band]
        last_new = max((k for k, magnitude in enumerate(magnitudes) if magnitude == 1), default=-1)
        zeros, corrections = 0, Bits()
        for k, magnitude in enumerate(magnitudes):
            if magnitude == 0:
                zeros += 1
                continue
            # Sixteen zeros need a code of their own only if another one comes; else the end of band has them.
            while zeros > 15 and k <= last_new:
                yield from ended.symbols()
                yield Symbol(0, 1, ZRL, *corrections.take())
                zeros -= 16
            if magnitude > 1:
                corrections.put(magnitude & 1, 1)
                continue
            yield from ended.symbols()
            sign = Bits(int(band[k] > 0), 1)
            sign.put(*corrections.take())
            yield Symbol(0, 1, 16 * zeros + 1, *sign.take())
            zeros = 0
        if zeros or corrections.length:
            yield from ended.add(corrections)
    yield from ended.symbols()


def bands(scan: Scan, coefficients: Coefficients, interval: range) -> Iterator[list[int]]:
    """Yield the coefficients Ss ... Se of each block: an AC scan has one component (G.1.1.1.1)."""
    for mcu in interval:
        row, column = divmod(mcu, scan.layout.mcu_columns)
        yield zigzag(coefficients[row, column])[scan.header.spectral_start : scan.header.spectral_end + 1]


def divide_towards_zero(value: int, low: int) -> int:
    """Divide by 2 ** `low`, the point transform of AC coefficients (A.4).

    Examples
    --------
    >>> [divide_towards_zero(value, 1) for value in (-3, -2, -1, 1, 2, 3)]
    [-1, -1, 0, 0, 1, 1]
    """
    return value >> low if value >= 0 else -(-value >> low)


class Bits:
    """Bits that wait for the code before them, as a number."""

    def __init__(self, bits: int = 0, length: int = 0) -> None:
        self.bits, self.length = bits, length

    def put(self, bits: int, length: int) -> None:
        """Append."""
        self.bits, self.length = self.bits << length | bits, self.length + length

    def take(self) -> tuple[int, int]:
        """Return bits and length; nothing is left."""
        taken = self.bits, self.length
        self.bits = self.length = 0
        return taken


class EndOfBandRun:
    """Blocks that have ended and are not told yet, and their correction bits.

    Examples
    --------
    >>> ended = EndOfBandRun()
    >>> for _ in range(5):
    ...     assert not list(ended.add())
    >>> list(ended.symbols())  # EOB2 stands for 4 ... 7 blocks; the two bits 01 for the second of these
    [Symbol(component=0, table_class=1, symbol=32, bits=1, length=2)]
    """

    def __init__(self) -> None:
        self.blocks = 0
        self.corrections = Bits()

    def add(self, corrections: Bits | None = None) -> Iterator[Symbol]:
        """Count one block more; yield the code of the run if it must not grow any further."""
        self.blocks += 1
        if corrections:
            self.corrections.put(*corrections.take())
        if self.blocks == MOST_BLOCKS_OF_A_RUN or self.corrections.length > MOST_CORRECTION_BITS:
            yield from self.symbols()

    def symbols(self) -> Iterator[Symbol]:
        """Yield the code of the run, if there is one: Encode_EOBRUN (Figure G.4)."""
        if self.blocks:
            n = category(self.blocks) - 1
            tail = Bits(self.blocks - (1 << n), n)
            tail.put(*self.corrections.take())
            yield Symbol(0, 1, 16 * n, *tail.take())
            self.blocks = 0


# --------------------------------------------------------------------------------------------------
# Bits → symbols → coefficients


def decode_scan(
    data: bytes, scan: Scan, coefficients: Sequence[Coefficients], progress: Progress, strict: bool
) -> Status:
    """Decode a scan (G.2 – Progressive decoding of the DCT).

    Parameters
    ----------
    data, scan, progress, strict
        As for `scan_sequential.decode_scan`, and so is the result.
    coefficients : sequence of ndarray of int16, shape (block rows, block columns, 8, 8)
        Per component of the scan, what the scans before have left; changed.
    """
    kinds = ((DcFirstDecoder, DcRefinementDecoder), (AcFirstDecoder, AcRefinementDecoder))
    kind = kinds[scan.header.spectral_start > 0][scan.header.approx_high > 0]
    return decode_intervals(
        data, scan, progress, strict, partial(kind, data, scan, coefficients, progress, strict)
    )


class ProgressiveDecoder:
    """What the decoders of one restart interval share; a subclass for each kind of scans."""

    def __init__(
        self,
        data: bytes,
        scan: Scan,
        coefficients: Sequence[Coefficients],
        progress: Progress,
        strict: bool,
        position: int,
    ) -> None:
        self.reader = HuffmanReader(data, position, progress, strict)
        self.progress = progress
        self.strict = strict
        self.coefficients = coefficients
        self.start, self.end = scan.header.spectral_start, scan.header.spectral_end
        self.low = scan.header.approx_low
        self.specs = scan.ac if self.start else scan.dc
        self.dc_pred = [0] * len(coefficients)
        self.eob_run = 0

    @property
    def position(self) -> int:
        """Offset of the byte that is read next."""
        return self.reader.position

    def table(self, j: int) -> DecodeTable:
        """Return the Huffman table of component `j` of the scan."""
        spec = self.specs[j]
        assert spec is not None
        return decode_table(spec)

    def decode_unit(self, j: int, row: int, column: int) -> None:
        """Decode one block."""
        raise NotImplementedError


class DcFirstDecoder(ProgressiveDecoder):
    """The DC coefficients without their lowest bits, by their differences."""

    def decode_unit(self, j: int, row: int, column: int) -> None:
        """Decode the DC coefficient of one block."""
        size = self.reader.symbol(self.table(j))
        self.dc_pred[j] += extend(self.reader.receive(size), size)
        self.coefficients[j][row, column, 0, 0] = wrap16(self.dc_pred[j] << self.low)


class DcRefinementDecoder(ProgressiveDecoder):
    """One bit more of the DC coefficients."""

    def decode_unit(self, j: int, row: int, column: int) -> None:
        """Decode one bit."""
        self.coefficients[j][row, column, 0, 0] |= self.reader.bit() << self.low


class AcFirstDecoder(ProgressiveDecoder):
    """A band of AC coefficients without their lowest bits."""

    def decode_unit(self, j: int, row: int, column: int) -> None:
        """Decode the band of one block, or find that it has ended."""
        if self.eob_run:
            self.eob_run -= 1
            return
        block = self.coefficients[j][row, column].flat
        k = self.start
        while k <= self.end:
            run, size = divmod(self.reader.symbol(self.table(j)), 16)
            if size == 0 and 16 * run != ZRL:
                self.eob_run = (1 << run) + self.reader.receive(run) - 1  # without this block
                return
            k += run
            value = extend(self.reader.receive(size), size) << self.low
            # A run past the band breaks G.1.2.2; libjpeg-turbo stores the value where the run ends.
            self.progress.overlong_runs += k > self.end
            if size:
                block[_NATURAL_INDEX[min(k, 63)]] = wrap16(value)
            k += 1


class AcRefinementDecoder(ProgressiveDecoder):
    """One bit more of a band of AC coefficients."""

    def decode_unit(self, j: int, row: int, column: int) -> None:
        """Decode one bit of the band of one block."""
        self.block = self.coefficients[j][row, column].flat
        k = self.start
        if not self.eob_run:
            k = self._new_coefficients(self.table(j))
        if self.eob_run:
            self._correct(k, 64)
            self.eob_run -= 1

    def _new_coefficients(self, table: DecodeTable) -> int:
        """Decode up to the last new coefficient; return the place behind it."""
        k = self.start
        while k <= self.end:
            run, size = divmod(self.reader.symbol(table), 16)
            if size == 0 and 16 * run != ZRL:
                self.eob_run = (1 << run) + self.reader.receive(run)  # with this block
                break
            if size > 1:
                self._note_bad_size()
            value = (1 if self.reader.bit() else -1) << self.low if size else 0
            k = self._correct(k, run)
            # Too few zeros for the run: libjpeg-turbo puts the value behind the band.
            self.progress.overlong_runs += k > self.end
            if value:
                self.block[_NATURAL_INDEX[min(k, 63)]] = value
            k += 1
        return k

    def _correct(self, k: int, zeros: int) -> int:
        """Read the correction bits from place `k` on, to the zero behind so many zeros; return its place."""
        while k <= self.end:
            value = int(self.block[_NATURAL_INDEX[k]])
            if value:
                bit = self.reader.bit() << self.low
                if bit and not value & bit:  # it is set already only if a scan is sent twice
                    self.block[_NATURAL_INDEX[k]] = wrap16(value + bit if value > 0 else value - bit)
            elif zeros == 0:
                break
            else:
                zeros -= 1
            k += 1
        return k

    def _note_bad_size(self) -> None:
        """A coefficient that is new at bit Al can only be ±1 there; libjpeg takes any size for 1."""
        if self.strict:
            raise BadCode(self.position - 1)
        self.progress.note_bad_code(self.position - 1)
