"""JPEG files taken apart and put together byte by byte, by nothing that is under test.

`split` and `join` work on marker segments (T.81 B.1.1); the builders make files that no encoder at hand
writes: any sampling factors in scans of one component, and tables and bits chosen by hand.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import product

import jpeg_peers as peers
import numpy as np
import numpy.typing as npt

Picture = npt.NDArray[np.uint8]
Factors = Sequence[tuple[int, int]]

SOF0, SOF1, SOF2, DHT, SOI, EOI, SOS, DQT, DRI, COM = (
    0xC0,
    0xC1,
    0xC2,
    0xC4,
    0xD8,
    0xD9,
    0xDA,
    0xDB,
    0xDD,
    0xFE,
)
APP0, APP14 = 0xE0, 0xEE
ALONE = {0x01, SOI, EOI, *range(0xD0, 0xD8)}  # Table B.1: no length, no parameters


@dataclass(frozen=True)
class Part:
    """One marker with what belongs to it; `entropy` is what follows an SOS up to the next marker but RST."""

    marker: int
    payload: bytes = b""
    entropy: bytes = b""
    offset: int = 0
    fill: int = 0

    def __bytes__(self) -> bytes:
        head = b"\xff" * (1 + self.fill) + bytes([self.marker])
        if self.marker in ALONE:
            return head
        return head + (len(self.payload) + 2).to_bytes(2, "big") + self.payload + self.entropy


def split(data: bytes) -> tuple[list[Part], bytes]:
    """Return the parts of a sound file from SOI to EOI, and what follows EOI."""
    parts: list[Part] = []
    at = 0
    while True:
        start = at
        assert data[at] == 0xFF, f"no marker at byte {at}"
        while data[at] == 0xFF:
            at += 1
        marker, fill = data[at], at - start - 1
        at += 1
        if marker in ALONE:
            parts.append(Part(marker, offset=start, fill=fill))
            if marker == EOI:
                return parts, data[at:]
            continue
        length = int.from_bytes(data[at : at + 2], "big")
        payload = data[at + 2 : at + length]
        at += length
        end = at
        if marker == SOS:
            while not (data[end] == 0xFF and data[end + 1] not in (0x00, 0xFF, *range(0xD0, 0xD8))):
                end += 1
        parts.append(Part(marker, payload, data[at:end], start, fill))
        at = end


def join(parts: Iterable[Part], trailer: bytes = b"") -> bytes:
    """Return the file made of `parts`."""
    return b"".join(map(bytes, parts)) + trailer


def having(data: bytes, marker: int) -> list[Part]:
    """Return the parts of `data` that have this marker."""
    return [part for part in split(data)[0] if part.marker == marker]


def without(data: bytes, marker: int, which: int | None = None) -> bytes:
    """Return `data` without the parts that have this marker, or without the one numbered `which`."""
    parts = split(data)[0]
    gone = [part for part in parts if part.marker == marker]
    gone = gone if which is None else [gone[which]]
    return join(part for part in parts if part not in gone)


def patched(data: bytes, marker: int, at: int, *values: int, which: int = 0) -> bytes:
    """Return `data` with payload bytes of one segment replaced, from byte `at` of the payload on."""
    part = having(data, marker)[which]
    start = part.offset + part.fill + 4 + at
    return data[:start] + bytes(values) + data[start + len(values) :]


def with_length(data: bytes, marker: int, length: int, *, relative: bool = True) -> bytes:
    """Return `data` with the length field of its first segment of this kind changed, and nothing else."""
    part = having(data, marker)[0]
    start = part.offset + part.fill + 2
    value = length + (len(part.payload) + 2 if relative else 0)
    return data[:start] + value.to_bytes(2, "big") + data[start + 2 :]


def inserted(data: bytes, marker: int, more: bytes, which: int = 0) -> bytes:
    """Return `data` with bytes put in front of one segment."""
    start = having(data, marker)[which].offset
    return data[:start] + more + data[start:]


# Builders


def dqt(values: Sequence[int], slot: int = 0) -> Part:
    """DQT with one 8-bit table, `values` in the order of the file (zigzag)."""
    return Part(DQT, bytes([slot, *values]))


def dht(table_class: int, slot: int, bits: Sequence[int], symbols: Sequence[int]) -> Part:
    """DHT with one table; `bits` are the numbers of codes of length 1, 2, …, padded to 16 with zeros."""
    return Part(DHT, bytes([table_class << 4 | slot, *bits, *[0] * (16 - len(bits)), *symbols]))


def sof(
    height: int,
    width: int,
    components: Iterable[tuple[int, int, int, int]],
    marker: int = SOF0,
    precision: int = 8,
) -> Part:
    """SOFn; `components` are (identifier, horizontal factor, vertical factor, quantisation table)."""
    components = list(components)
    body = b"".join(bytes([c, h << 4 | v, q]) for c, h, v, q in components)
    size = height.to_bytes(2, "big") + width.to_bytes(2, "big")
    return Part(marker, bytes([precision]) + size + bytes([len(components)]) + body)


def sos(components: Iterable[tuple[int, int, int]], entropy: bytes, last: Sequence[int] = (0, 63, 0)) -> Part:
    """SOS; `components` are (identifier, DC table, AC table)."""
    components = list(components)
    body = b"".join(bytes([c, dc << 4 | ac]) for c, dc, ac in components)
    return Part(SOS, bytes([len(components)]) + body + bytes(last), entropy)


def entropy_bits(bits: str) -> bytes:
    """Return a string of 0 and 1 as entropy-coded bytes: padded with ones, FF followed by 00 (F.1.2.3)."""
    bits += "1" * (-len(bits) % 8)
    return bytes(int(bits[i : i + 8], 2) for i in range(0, len(bits), 8)).replace(b"\xff", b"\xff\x00")


def one_block(dc: Part, ac: Part, bits: str) -> bytes:
    """Return a grey file of one block with chosen tables and bits."""
    frame = sof(8, 8, [(1, 1, 1, 0)])
    return join([Part(SOI), dqt([1] * 64), frame, dc, ac, sos([(1, 0, 0)], entropy_bits(bits)), Part(EOI)])


def spliced(
    planes: Sequence[Picture],
    factors: Factors,
    height: int,
    width: int,
    *,
    quality: int = 90,
    identifiers: Sequence[int] = (1, 2, 3),
) -> bytes:
    """Return a file of three scans of one component each, taken from grey files that Pillow writes.

    `planes[i]` is component i at its own size, ⌈height·v/vmax⌉ × ⌈width·h/hmax⌉ (A.1.1). So any factors 1 … 4
    can be had, also those for which an MCU of all components would be too large, and fractional ratios.
    """
    files = [peers.pillow_encode(plane, quality=quality, optimize=True) for plane in planes]
    components = [(c, h, v, 0) for c, (h, v) in zip(identifiers, factors)]
    parts = [Part(SOI), having(files[0], DQT)[0], sof(height, width, components)]
    for identifier, data in zip(identifiers, files):
        scan = having(data, SOS)[0]
        parts += [*having(data, DHT), replace(scan, payload=bytes([1, identifier, 0, 0, 63, 0]))]
    return join([*parts, Part(EOI)])


def component_sizes(factors: Factors, height: int, width: int) -> list[tuple[int, int]]:
    """Return (height, width) of each component (A.1.1)."""
    h_max, v_max = max(h for h, _ in factors), max(v for _, v in factors)
    return [(-(-height * v // v_max), -(-width * h // h_max)) for h, v in factors]


def is_fractional(factors: Factors) -> bool:
    """Whether some component's factor does not divide the largest one: what libjpeg-turbo refuses."""
    h_max, v_max = max(h for h, _ in factors), max(v for _, v in factors)
    return any(h_max % h or v_max % v for h, v in factors)


def all_factors() -> list[Factors]:
    """Return every choice of factors 1 … 4 for three components, 4096 in all."""
    pairs = list(product(range(1, 5), repeat=2))
    return list(product(pairs, repeat=3))
