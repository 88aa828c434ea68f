"""Bits in and out of entropy-coded data, with byte stuffing.

Inside entropy-coded data a byte X'FF' could be taken for the start of a marker. So the writer *stuffs* a zero
byte behind each X'FF' it makes, and the reader takes X'FF00' for the one byte X'FF' (B.1.1.5). That is why a
decoder can find the next marker without decoding: markers are the only X'FF' not followed by a zero.
Bits fill a byte from its most significant end (C.3). The last byte of a segment is padded with one-bits.
"""

from __future__ import annotations

__all__ = ["BitReader", "BitWriter", "EndOfSegment"]


class BitWriter:
    """Collect bits into bytes, most significant bit first, with a zero byte stuffed after each X'FF'.

    Examples
    --------
    >>> writer = BitWriter()
    >>> writer.put(0b11111111, 8)
    >>> writer.put(0b10, 2)
    >>> writer.pad()
    >>> writer.data.hex()
    'ff00bf'
    """

    def __init__(self) -> None:
        self.data = bytearray()
        self._bits = 0  # the bits that do not fill a byte yet ...
        self._count = 0  # ... and how many they are, 0 ... 7

    def put(self, bits: int, length: int) -> None:
        """Append the `length` low bits of `bits`."""
        self._bits = self._bits << length | bits
        self._count += length
        while self._count >= 8:
            self._count -= 8
            byte = self._bits >> self._count
            self._bits &= (1 << self._count) - 1
            self.data.append(byte)
            if byte == 0xFF:  # F.1.2.3 – Byte stuffing
                self.data.append(0x00)

    def pad(self) -> None:
        """Fill the last byte with one-bits (F.1.2.3), as before every marker."""
        if self._count:
            self.put((1 << (8 - self._count)) - 1, 8 - self._count)

    def put_marker(self, marker: int) -> None:
        """Append a marker, to which no stuffing applies. Only between bytes: call `pad` first."""
        if self._count:
            raise ValueError(f"a marker cannot follow {self._count} loose bits; pad() comes first")
        self.data += bytes((0xFF, marker))


class EndOfSegment(Exception):
    """A bit was asked for beyond the entropy-coded segment. `offset`: of the marker there, or of the end."""

    def __init__(self, offset: int) -> None:
        super().__init__(offset)
        self.offset = offset


class BitReader:
    """Hand out the bits of one entropy-coded segment.

    Parameters
    ----------
    data : bytes
        The file.
    position : int
        Offset of the first byte of the segment.
    zeros_behind : bool
        Whether zero bits follow the segment, instead of `EndOfSegment`.

    Attributes
    ----------
    position : int
        Offset of the byte that is read next.
    exhausted : bool
        Whether bits behind the segment were handed out.

    Examples
    --------
    >>> reader = BitReader(bytes.fromhex("ff00bfffd9"), 0)
    >>> reader.receive(10)
    1022
    >>> reader.skip_to_byte()
    >>> reader.position
    3
    """

    def __init__(self, data: bytes, position: int, zeros_behind: bool = False) -> None:
        self.data = data
        self.position = position
        self.zeros_behind = zeros_behind
        self.exhausted = False
        self._byte = 0
        self._count = 0  # bits of _byte not handed out yet

    def bit(self) -> int:
        """Return the next bit: NEXTBIT (Figure F.18). `EndOfSegment` at a marker or the end of the data."""
        if self._count == 0 and self.exhausted:
            return 0
        if self._count == 0:
            try:
                self._byte = self._next_byte()
            except EndOfSegment:
                if not self.zeros_behind:
                    raise
                self._byte, self.exhausted = 0, True
            self._count = 8
        self._count -= 1
        return self._byte >> self._count & 1

    def receive(self, length: int) -> int:
        """Return the next `length` bits as a number: RECEIVE (Figure F.17)."""
        bits = 0
        for _ in range(length):
            bits = bits << 1 | self.bit()
        return bits

    def skip_to_byte(self) -> None:
        """Leave the padding bits of the current byte unread."""
        self._count = 0

    def _next_byte(self) -> int:
        data, position = self.data, self.position
        if position >= len(data):
            raise EndOfSegment(position)
        byte = data[position]
        position += 1
        if byte == 0xFF:
            # Any number of X'FF' may stand before a marker code (B.1.1.2), and libjpeg-turbo allows the same
            # before the stuffed zero.
            while position < len(data) and data[position] == 0xFF:
                position += 1
            if position >= len(data) or data[position] != 0x00:
                raise EndOfSegment(self.position)
            position += 1
        self.position = position
        return byte
