"""Arithmetic coding: the QM-coder, and the models that tell it what to expect (Annex D, F.1.4, F.2.4).

A Huffman code spends whole bits, at least one on each symbol. An arithmetic coder has no such limit: a
decision that comes out as expected 99 times in 100 costs 0.015 bits. All that it codes is made of
*decisions* between 0 and 1.

**The interval.** A whole scan becomes one number, a binary fraction, and each decision narrows the interval
in which it lies. The coder keeps the lower end of the interval, C, and its size, A. One of the two decisions
is the more probable symbol (MPS), the other the less probable (LPS), with an estimated probability Qe. The
lower part of the interval belongs to the MPS, the upper part to the LPS:

    C                        C + A − Qe          C + A
    ├────────── MPS ──────────────┼────── LPS ──────┤

The exact size of the LPS's part would be A · Qe. The QM-coder does without the product: whenever A falls
below X'8000' it is doubled (*renormalised*), so that it stays near its unit X'AAAA', and A · Qe near Qe. If
the part of the MPS turns out smaller than the other, they change owners (*conditional exchange*). The first
decisions with a new estimate, Qe = X'5A1D', about one half; let them be 0 and 0, where 0 is the MPS:

    start                         C = X'0000'   A = X'10000'
    0   A − Qe = X'A5E3'          C = X'0000'   A = X'A5E3'    still large: no bit is shifted out
    0   A − Qe = X'4BC6' < Qe     C = X'4BC6'   A = X'5A1D'    exchanged: the MPS gets the upper part
        renormalised              C = X'978C'   A = X'B43A'    one bit shifted out; Qe falls to X'2586'

Any number from X'4BC6' up to X'A5E2' now stands for "0, 0"; the shortest is X'80' with zeros behind it.

**The estimate.** A *bin* stands for decisions of one kind. It remembers which of them is the MPS, and a row
of Table D.3: Qe, and the next row after an MPS, with a smaller Qe, or after an LPS, with a larger one. It
learns only when A is renormalised. The decoder does the same, so that probabilities are never sent.

**The carry.** C grows by addition, and a carry can run through bytes that are complete. So the last byte
stays open to it, and bytes X'FF' behind that one, which would pass it on, are only counted (ST, the
*stack*).

**The end.** Of the numbers in the last interval, the one with the most zeros at its end is written, without
its zero bytes: a decoder supplies zeros when it meets a marker. So it cannot tell that data end too early.

**The models.** What makes the code short is which decisions share a bin. A coefficient becomes a path
through a tree – is it zero? its sign? is it above 1, 2, 4, 8, ...? – with bins for the place in the tree and
for what the neighbours were (F.1.4). `scan_progressive_arithmetic` and `scan_lossless_arithmetic` add some
of their own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from . import tables
from .bitio import BitReader, EndOfSegment
from .errors import FormatError
from .markers import find_marker

__all__ = [
    "AC_BINS",
    "DC_BINS",
    "DC_X1",
    "ESTIMATION",
    "FIXED",
    "LARGEST",
    "Bins",
    "Decoder",
    "Encoder",
    "ImpossibleValue",
    "decode_ac",
    "decode_difference",
    "difference_class",
    "encode_ac",
    "encode_difference",
    "too_large",
]

# Table D.3, and behind it a row for what is coded with the fixed estimate 0.5: it leads to itself.
FIXED = len(tables.ESTIMATION)
ESTIMATION = (*tables.ESTIMATION, (tables.ESTIMATION[0][0], FIXED, FIXED, 0))


# --------------------------------------------------------------------------------------------------
# The coder


class Bins:
    """A statistics area: what is known about each kind of decisions (D.1.2, D.1.5).

    Attributes
    ----------
    index : list of int
        Index(S): rows of Table D.3.
    mps : list of int
        MPS(S), 0 or 1.
    """

    def __init__(self, count: int, index: int = 0) -> None:
        self.index = [index] * count
        self.mps = [0] * count

    def qe(self, s: int) -> int:
        """Return Qe(Index(S)): the probability of the LPS, in units of 1 / X'AAAA'."""
        return ESTIMATION[self.index[s]][0]

    def estimate_after_lps(self, s: int) -> None:
        """Figure D.5 – Probability estimation after coding an LPS."""
        _, next_lps, _, switch_mps = ESTIMATION[self.index[s]]
        self.mps[s] ^= switch_mps
        self.index[s] = next_lps

    def estimate_after_mps(self, s: int) -> None:
        """Figure D.6 – Probability estimation after coding an MPS."""
        self.index[s] = ESTIMATION[self.index[s]][2]


class Encoder:
    """Decisions → bytes (D.1).

    Attributes
    ----------
    data : bytearray
        The bytes so far. The last one may still take a carry.

    Examples
    --------
    >>> encoder, bins = Encoder(), Bins(1)
    >>> for decision in (0, 0):
    ...     encoder.code(bins, 0, decision)
    >>> f"{encoder.c:04X} {encoder.a:04X} {bins.qe(0):04X}"
    '978C B43A 2586'
    >>> encoder.flush().hex()
    '80'
    """

    def __init__(self) -> None:
        # Figure D.12 – Initenc
        self.a = 0x10000
        self.c = 0
        self.ct = 11  # shifts until the next byte is complete
        self.st = 0  # bytes X'FF' that are held back
        self.data = bytearray()
        self._fixed = Bins(1, FIXED)

    def code(self, bins: Bins, s: int, decision: int) -> None:
        """Code one decision, 0 or 1: Code_0(S) and Code_1(S) (Figures D.1 and D.2)."""
        qe = bins.qe(s)
        self.a -= qe
        if decision != bins.mps[s]:
            # Figure D.3 – Code_LPS with conditional MPS/LPS exchange
            if self.a >= qe:
                self.c += self.a
                self.a = qe
            bins.estimate_after_lps(s)
            self._renormalise()
        elif self.a < 0x8000:
            # Figure D.4 – Code_MPS with conditional MPS/LPS exchange
            if self.a < qe:
                self.c += self.a
                self.a = qe
            bins.estimate_after_mps(s)
            self._renormalise()

    def code_fixed(self, decision: int) -> None:
        """Code a decision with the fixed estimate 0.5, which never learns."""
        self.code(self._fixed, 0, decision)

    def flush(self) -> bytes:
        """End the segment and return its bytes (D.1.8; Figure D.13)."""
        # Figure D.14 – Clear_final_bits
        end = self.c + self.a - 1 & ~0xFFFF
        self.c = end if end >= self.c else end + 0x8000
        self.c <<= self.ct
        self._byte_out()
        self.c <<= 8
        self._byte_out()
        # Figure D.15 – Discard_final_zeros; the zero that was stuffed behind X'FF' stays.
        while self.data and self.data[-1] == 0:
            self.data.pop()
        if self.data and self.data[-1] == 0xFF:
            self.data.append(0)
        return bytes(self.data)

    def _renormalise(self) -> None:
        """Figure D.7 – Renorm_e."""
        while self.a < 0x8000:
            self.a <<= 1
            self.c <<= 1
            self.ct -= 1
            if self.ct == 0:
                self._byte_out()
                self.ct = 8

    def _byte_out(self) -> None:
        """Figure D.8 – Byte_out: a byte is complete, in bits 19 ... 26 of C; bit 27 is the carry."""
        byte = self.c >> 19
        self.c &= 0x7FFFF
        if byte == 0xFF:
            self.st += 1
            return
        if byte > 0xFF:
            self._carry()
        else:
            self.data += b"\xff\x00" * self.st  # Figure D.11 – Output_stacked_X'FF's
        self.st = 0
        self.data.append(byte & 0xFF)

    def _carry(self) -> None:
        """Add a carry to the last byte; the bytes X'FF' on the stack become zeros."""
        self.data[-1] += 1
        if self.data[-1] == 0xFF:
            self.data.append(0)  # Figure D.9 – Stuff_0
        self.data += bytes(self.st)  # Figure D.10 – Output_stacked_zeros


class Decoder:
    """Bytes → decisions (D.2).

    C holds what is left of the number above the lower end of the interval; its upper 16 bits are Cx.

    Parameters
    ----------
    data : bytes
        The file.
    position : int
        Offset of the first byte of the segment.

    Attributes
    ----------
    past_end : bool
        A byte was asked for behind the end of the data, where not even a marker stands.

    Examples
    --------
    >>> decoder, bins = Decoder(bytes.fromhex("80ffd9"), 0), Bins(1)
    >>> [decoder.decode(bins, 0) for _ in range(2)]
    [0, 0]
    """

    def __init__(self, data: bytes, position: int) -> None:
        self.reader = BitReader(data, position)
        self.past_end = False
        self._ended = False
        self._fixed = Bins(1, FIXED)
        # Figure D.22 – Initdec
        self.a = 0x10000
        self.c = 0
        self.ct = 0  # shifts until the next byte is needed
        for _ in range(2):
            self._byte_in()
            self.c <<= 8

    @property
    def position(self) -> int:
        """Offset of the byte that is read next: of the marker, once the data are used up."""
        return self.reader.position

    def decode(self, bins: Bins, s: int) -> int:
        """Decode one decision: Decode(S) (Figure D.16).

        The figure renormalises at once. Here that waits for the next decision, so that no byte is read before
        it is needed: bytes that are left over at the end of a segment can be told.
        """
        self._renormalise()
        qe = bins.qe(s)
        self.a -= qe
        decision = bins.mps[s]
        if self.c >> 16 < self.a:
            if self.a >= 0x8000:
                return decision
            # Figure D.18 – Conditional MPS exchange
            exchanged = self.a < qe
        else:
            # Figure D.17 – Conditional LPS exchange
            exchanged = self.a >= qe
            self.c -= self.a << 16
            self.a = qe
        if exchanged:
            bins.estimate_after_lps(s)
            return 1 - decision
        bins.estimate_after_mps(s)
        return decision

    def decode_fixed(self) -> int:
        """Decode a decision that was coded with the fixed estimate."""
        return self.decode(self._fixed, 0)

    def _renormalise(self) -> None:
        """Figure D.19 – Renorm_d."""
        while self.a < 0x8000:
            if self.ct == 0:
                self._byte_in()
                self.ct = 8
            self.a <<= 1
            self.c <<= 1
            self.ct -= 1

    def _byte_in(self) -> None:
        """Figure D.20 – Byte_in; at a marker, and behind the end of the data, a zero byte."""
        if self._ended:
            return
        try:
            self.c += self.reader.receive(8) << 8
        except EndOfSegment as end:
            self._ended = True
            try:
                find_marker(self.reader.data, end.offset)
            except FormatError:
                self.past_end = True


# --------------------------------------------------------------------------------------------------
# F.1.4.3 – Numbers as decisions

LARGEST = 1 << 15  # the magnitude that the tree reaches to


class ImpossibleValue(Exception):
    """The decisions lead out of the tree: past the largest magnitude, or past the end of a block."""


def too_large(magnitude: int) -> ValueError:
    """Return the error of a number that the tree does not reach."""
    return ValueError(f"a coefficient or difference of magnitude {magnitude}, codes exist up to {LARGEST}")


class Magnitude(NamedTuple):
    """The bins of Sz, the magnitude less one (Figures F.8 and F.9).

    "Is Sz at least 1?" is decided with the bin `first`, "at least 2?" with `x1`, then 4, 8, ... with `x2`
    and those behind it. The first *no* tells how many bits Sz has; those below its leading one follow, all
    with the bin 14 places behind that of the no.
    """

    first: int
    x1: int
    x2: int

    def bin(self, i: int) -> int:
        """Return the bin for "is Sz at least 2^i?"."""
        return self[i] if i < 2 else self.x2 + i - 2

    def encode(self, encoder: Encoder, bins: Bins, sz: int) -> None:
        """Code Sz, 0 ... 32767 (`ValueError` for more)."""
        if sz >= LARGEST:
            raise too_large(sz + 1)
        length = sz.bit_length()
        for i in range(length):
            encoder.code(bins, self.bin(i), 1)
        encoder.code(bins, self.bin(length), 0)
        for i in range(length - 2, -1, -1):
            encoder.code(bins, self.bin(length) + 14, sz >> i & 1)

    def decode(self, decoder: Decoder, bins: Bins) -> int:
        """Decode Sz (Figures F.23 and F.24)."""
        length = 0
        while decoder.decode(bins, self.bin(length)):
            length += 1
            if length == 16:
                raise ImpossibleValue
        sz = min(length, 1)
        for _ in range(length - 1):
            sz = sz << 1 | decoder.decode(bins, self.bin(length) + 14)
        return sz


# --------------------------------------------------------------------------------------------------
# F.1.4.4.1 – Differences: of DC coefficients, and of the samples of a lossless process

DC_BINS = 49
DC_X1 = 20


def difference_class(difference: int, lower: int, upper: int) -> int:
    """Classify a difference, for what comes after it (F.1.4.4.1.2, Conditioning of the DC differences).

    Parameters
    ----------
    difference : int
        Da, the difference coded before.
    lower, upper : int
        The bounds L and U, 0 ... 15.

    Returns
    -------
    int
        0 for zero and what is small enough to count as zero, 1 and 2 for small differences above and below
        zero, 3 and 4 for large ones.

    Examples
    --------
    >>> [difference_class(difference, 0, 1) for difference in (0, 1, -1, 2, -2, 3, -300)]
    [0, 1, 2, 1, 2, 3, 4]
    """
    if abs(difference) <= 1 << lower >> 1:
        return 0
    return 1 + (difference < 0) + 2 * (abs(difference) > 1 << upper)


def encode_difference(encoder: Encoder, bins: Bins, s0: int, x1: int, difference: int) -> None:
    """Code a difference (Figures F.4, F.6 and F.7).

    Parameters
    ----------
    encoder : Encoder
    bins : Bins
    s0 : int
        The bin of "is it other than zero?"; behind it SS, the sign, and SP and SN, "is Sz at least 1?".
    x1 : int
        The bin of "is Sz at least 2?"; behind it those for larger magnitudes.
    difference : int
        −32768 ... 32768.
    """
    encoder.code(bins, s0, int(difference != 0))
    if difference:
        negative = int(difference < 0)
        encoder.code(bins, s0 + 1, negative)
        Magnitude(s0 + 2 + negative, x1, x1 + 1).encode(encoder, bins, abs(difference) - 1)


def decode_difference(decoder: Decoder, bins: Bins, s0: int, x1: int) -> int:
    """Decode a difference (Figures F.19, F.21 and F.22). `ImpossibleValue` if there is none."""
    if not decoder.decode(bins, s0):
        return 0
    negative = decoder.decode(bins, s0 + 1)
    magnitude = Magnitude(s0 + 2 + negative, x1, x1 + 1).decode(decoder, bins) + 1
    return -magnitude if negative else magnitude


# --------------------------------------------------------------------------------------------------
# F.1.4.4.2 – AC coefficients

AC_BINS = 245


def ac_magnitude(k: int, kx: int) -> Magnitude:
    """Return the bins for the magnitude of coefficient `k` (Table F.5)."""
    first = 3 * (k - 1) + 2
    return Magnitude(first, first, 189 if k <= kx else 217)


def encode_ac(encoder: Encoder, bins: Bins, zz: Sequence[int], start: int, end: int, kx: int) -> None:
    """Code the coefficients `start` ... `end` of a zigzag sequence (Figure F.5).

    Parameters
    ----------
    encoder : Encoder
    bins : Bins
        `AC_BINS` of them.
    zz : sequence of 64 int
        −32768 ... 32768.
    start, end : int
        The band; 1 and 63 in a sequential scan.
    kx : int
        Kx: coefficients above it have other bins for large magnitudes (F.1.4.4.2.1).
    """
    last = max((k for k in range(start, end + 1) if zz[k]), default=0)
    k = start
    while k <= end:
        encoder.code(bins, 3 * (k - 1), int(k > last))  # end of block?
        if k > last:
            return
        while zz[k] == 0:
            encoder.code(bins, 3 * (k - 1) + 1, 0)
            k += 1
        encoder.code(bins, 3 * (k - 1) + 1, 1)
        encoder.code_fixed(int(zz[k] < 0))
        ac_magnitude(k, kx).encode(encoder, bins, abs(zz[k]) - 1)
        k += 1


def decode_ac(decoder: Decoder, bins: Bins, start: int, end: int, kx: int) -> Iterator[tuple[int, int]]:
    """Decode the coefficients of a band (Figure F.20): yield (k, value) of those that are not zero.

    Raises
    ------
    ImpossibleValue
        At a run of zeros past the end of the band, or a magnitude above 32768.
    """
    k = start
    while k <= end and not decoder.decode(bins, 3 * (k - 1)):
        while not decoder.decode(bins, 3 * (k - 1) + 1):
            k += 1
            if k > end:
                raise ImpossibleValue
        negative = decoder.decode_fixed()
        magnitude = ac_magnitude(k, kx).decode(decoder, bins) + 1
        yield k, -magnitude if negative else magnitude
        k += 1
