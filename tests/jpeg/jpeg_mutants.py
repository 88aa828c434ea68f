"""Random damage to JPEG files, the same in every run.

Bytes that are changed at random mostly end up in entropy-coded data, and most files are then refused for the
same few reasons. So half of what is done here knows where the segments are: lengths that lie, segments that
are swapped, doubled or left out, fields of headers that are changed, markers where none belong, and the head
of one file before the tail of another. Every mutant has a recipe, and comes again from its number.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import codec_data
import jpeg_bad_files as bad_files
import numpy as np

LARGEST_SEED = 16384
SOF = (0xC0, 0xC1, 0xC2, 0xC3, 0xC9, 0xCA, 0xCB)
OTHER_SOF = (0xC5, 0xC6, 0xC7, 0xC8, 0xCD, 0xCE, 0xCF, 0xF7)
ALONE = (0x01, *range(0xD0, 0xDA))  # Table B.1: no length, no parameters
INTERESTING = (0, 1, 2, 3, 0x10, 0x11, 0x3F, 0x40, 0x7F, 0x80, 0xFE, 0xFF)
SIDES = (0, 1, 2, 7, 8, 9, 16, 17, 33, 64, 100, 255, 256, 1000, 2048, 65500, 65535)


@dataclass(frozen=True)
class Seed:
    """A file that mutants are made from."""

    name: str
    data: bytes


@dataclass(frozen=True)
class Seeds:
    """Files that a decoder reads, and files that it refuses; most mutants come from the former."""

    readable: tuple[Seed, ...]
    refused: tuple[Seed, ...] = ()

    def choose(self, rng: np.random.Generator) -> Seed:
        """Choose a file."""
        pool = self.refused if self.refused and rng.random() < 0.15 else self.readable
        return pool[int(rng.integers(len(pool)))]


@dataclass(frozen=True)
class Mutant:
    """A damaged file, and how it was made."""

    series: int
    number: int
    recipe: str
    data: bytes


def of(sound: bytes, number: int, seed: int = 0) -> Iterator[bytes]:
    """Yield `number` damaged copies of a file: bytes changed, bits flipped, pieces cut, doubled or moved."""
    for i in range(number):
        rng = np.random.default_rng((seed, i, len(sound)))
        data = bytearray(sound)
        for _ in range(int(rng.integers(1, 4))):
            damage(data, rng)
        yield bytes(data)


def corpus_seeds() -> Seeds:
    """Return the small files of the corpus, sound and broken, of every process; empty where it is absent."""
    entries = sorted(codec_data.jpeg_manifest(), key=lambda entry: entry["name"])
    small = [entry for entry in entries if entry["bytes"] <= LARGEST_SEED]
    readable = [entry for entry in small if entry["kind"] == "valid" or entry["ref"]["status"] == "ok"]
    refused = [entry for entry in small if entry not in readable]
    return Seeds(tuple(map(seed_of, readable)), tuple(map(seed_of, refused)))


def seed_of(entry: dict[str, Any]) -> Seed:
    """Return the file of an entry of the corpus."""
    return Seed(entry["name"], codec_data.jpeg_file(entry))


def made_seeds() -> Seeds:
    """Return small sound files that need no corpus."""
    return Seeds(tuple(Seed(name, data) for name, data in bad_files.sound_files().items()))


def mutant(seeds: Seeds, number: int, series: int = 0) -> Mutant:
    """Return mutant `number` of a series: a seed, damaged one to five times."""
    rng = np.random.default_rng((series, number))
    seed = seeds.choose(rng)
    data, steps = bytearray(seed.data), [seed.name]
    for _ in range(int(rng.choice([1, 1, 1, 2, 2, 3, 5]))):
        if rng.random() < 0.1:
            steps.append(splice(data, seeds.choose(rng), rng))
        elif rng.random() < 0.5:
            steps.append(damage(data, rng))
        else:
            operation = STRUCTURAL[int(rng.integers(len(STRUCTURAL)))]
            steps.append(operation(data, rng))
    recipe = f"series {series}, mutant {number}: " + "; ".join(filter(None, steps))
    return Mutant(series, number, recipe, bytes(data))


# --------------------------------------------------------------------------------------------------
# Damage to bytes


def damage(data: bytearray, rng: np.random.Generator) -> str:
    """Do one thing to a file, in place, and say what."""
    if not data:
        return ""
    at, there = sorted(int(i) for i in rng.integers(0, len(data), 2))
    length = int(rng.integers(1, 12))
    kind = int(rng.integers(0, 8))
    if kind <= 1:
        bit = int(rng.integers(0, 8))
        data[at] ^= 1 << bit
        return f"bit {bit} of byte {at} flipped"
    if kind == 2:
        data[at] = int(rng.integers(0, 256))
        return f"byte {at} set to {data[at]}"
    if kind == 3:
        data[at] = int(rng.choice([0, 1, 0x7F, 0x80, 0xFE, 0xFF]))
        return f"byte {at} set to {data[at]}"
    if kind == 4:
        del data[at : at + length]
        return f"{length} bytes cut at {at}"
    if kind == 5:
        data[at:at] = data[there : there + length]
        return f"{length} bytes of {there} copied to {at}"
    if kind == 6:
        data[at : at + 2] = bytes([0xFF, int(rng.integers(0xC0, 0x100))])
        return f"marker X'FF{data[at + 1]:02X}' over bytes {at}"
    end = max(there, len(data) // 2)
    del data[end:]
    return f"cut off at {end}"


def splice(data: bytearray, other: Seed, rng: np.random.Generator) -> str:
    """Put the tail of another file behind the head of this one, at segments or anywhere."""
    if rng.random() < 0.7:
        ours, theirs = borders(data), borders(other.data)
    else:
        ours, theirs = list(range(len(data) + 1)), list(range(len(other.data) + 1))
    here, there = ours[int(rng.integers(len(ours)))], theirs[int(rng.integers(len(theirs)))]
    data[here:] = other.data[there : there + LARGEST_SEED]
    return f"from {here} on, {other.name} from {there} on"


# --------------------------------------------------------------------------------------------------
# Damage to structure


@dataclass(frozen=True)
class Piece:
    """A segment of a file that may be damaged: the marker's code, and where it starts and ends.

    `scan` is where entropy-coded data starts behind it, equal to `end` if there is none.
    """

    marker: int
    start: int
    scan: int
    end: int


def pieces(data: bytes | bytearray) -> list[Piece]:
    """Find the segments of a file, as far as they can be followed."""
    found, position = [], 0
    while True:
        start = next_marker(data, position)
        if start + 1 >= len(data):
            return found
        marker = data[start + 1]
        position = start + 2
        if marker not in ALONE:
            position += min(int.from_bytes(data[position : position + 2]), len(data) - position)
        scan = position
        if marker == 0xDA:
            while (position := next_marker(data, position)) + 1 < len(data):
                if not 0xD0 <= data[position + 1] <= 0xD7:
                    break
                position += 2
        found.append(Piece(marker, start, scan, position))


def next_marker(data: bytes | bytearray, position: int) -> int:
    """Return the offset of the next X'FF' followed by neither 0 nor X'FF', or the length of the file."""
    while (position := data.find(b"\xff", position)) >= 0 and position + 1 < len(data):
        if data[position + 1] not in (0x00, 0xFF):
            return position
        position += 1
    return len(data)


def borders(data: bytes | bytearray) -> list[int]:
    """Return where segments start, and the end of the file."""
    return [piece.start for piece in pieces(data)] + [len(data)]


def some(data: bytearray, rng: np.random.Generator, *markers: int) -> Piece | None:
    """Choose a segment, one of some kinds if there are such, that has a length."""
    found = [piece for piece in pieces(data) if piece.marker not in ALONE]
    found = [piece for piece in found if not markers or piece.marker in markers]
    return found[int(rng.integers(len(found)))] if found else None


def set_byte(data: bytearray, at: int, value: int) -> None:
    """Change a byte, if it is there."""
    if at < len(data):
        data[at] = value & 255


def lie_about_length(data: bytearray, rng: np.random.Generator) -> str:
    """Change a length field."""
    piece = some(data, rng)
    if piece is None or piece.start + 4 > len(data):
        return ""
    length = int.from_bytes(data[piece.start + 2 : piece.start + 4])
    choices = [0, 1, 2, 3, length - 1, length + 1, length + 2, 2 * length, 65535, int(rng.integers(65536))]
    lie = int(rng.choice(choices)) % 65536
    data[piece.start + 2 : piece.start + 4] = lie.to_bytes(2)
    return f"length {length} at {piece.start + 2} said to be {lie}"


def rearrange(data: bytearray, rng: np.random.Generator) -> str:
    """Swap two segments, put one elsewhere, double it or leave it out; scans go with their data."""
    found = pieces(data)
    if len(found) < 2:
        return ""
    one, two = sorted(int(i) for i in rng.integers(0, len(found), 2))
    first, second = (bytes(data[found[i].start : found[i].end]) for i in (one, two))
    kind = int(rng.integers(4))
    if kind == 0:
        data[found[two].start : found[two].end] = first
        data[found[one].start : found[one].end] = second
        return f"segments {one} and {two} swapped"
    if kind == 1:
        data[found[one].start : found[one].start] = second
        return f"segment {two} doubled before segment {one}"
    if kind == 2:
        data[found[two].end : found[two].end] = first
        return f"segment {one} doubled behind segment {two}"
    del data[found[one].start : found[one].end]
    return f"segment {one} left out"


def put_marker(data: bytearray, rng: np.random.Generator) -> str:
    """Insert a marker, alone or with a small segment, into data or between segments."""
    places = borders(data) if rng.random() < 0.4 else range(2, len(data) + 1)
    if len(places) == 0:
        return ""
    at = int(places[int(rng.integers(len(places)))])
    marker = int(rng.choice([*range(0xC0, 0xE1), *range(0xD0, 0xDA), 0xEE, 0xF7, 0xFE, 0x01, 0x02]))
    data[at:at] = bytes([0xFF, marker])
    if marker not in ALONE and rng.random() < 0.6:
        payload = rng.integers(0, 256, int(rng.integers(0, 8)), dtype=np.uint8).tobytes()
        data[at + 2 : at + 2] = (len(payload) + 2).to_bytes(2) + payload
    return f"marker X'FF{marker:02X}' put at {at}"


def change_restart_marker(data: bytearray, rng: np.random.Generator) -> str:
    """Take an RST marker away, double it, or give it another number."""
    found = [at for at in range(len(data) - 1) if data[at] == 0xFF and 0xD0 <= data[at + 1] <= 0xD7]
    if not found:
        return change_restart_interval(data, rng)
    at = found[int(rng.integers(len(found)))]
    kind = int(rng.integers(3))
    if kind == 0:
        del data[at : at + 2]
        return f"RST at {at} taken away"
    if kind == 1:
        data[at:at] = data[at : at + 2]
        return f"RST at {at} doubled"
    data[at + 1] = 0xD0 + int(rng.integers(8))
    return f"RST at {at} now RST{data[at + 1] - 0xD0}"


def change_restart_interval(data: bytearray, rng: np.random.Generator) -> str:
    """Put a DRI segment before a scan."""
    piece = some(data, rng, 0xDA)
    if piece is None:
        return ""
    interval = int(rng.choice([0, 1, 2, 3, 4, 5, 7, 8, 16, 100, 65535]))
    data[piece.start : piece.start] = b"\xff\xdd\x00\x04" + interval.to_bytes(2)
    return f"DRI {interval} put at {piece.start}"


def change_process(data: bytearray, rng: np.random.Generator) -> str:
    """Announce another process."""
    piece = some(data, rng, *SOF)
    if piece is None:
        return ""
    data[piece.start + 1] = int(rng.choice(SOF if rng.random() < 0.9 else OTHER_SOF))
    return f"process of {piece.start} now X'FF{data[piece.start + 1]:02X}'"


def change_frame(data: bytearray, rng: np.random.Generator) -> str:
    """Change precision, a side, the number of components, an identifier, factors or a table of a frame."""
    piece = some(data, rng, *SOF)
    if piece is None:
        return ""
    start, kind = piece.start, int(rng.integers(6))
    component = start + 10 + 3 * int(rng.integers(4))
    if kind == 0:
        set_byte(data, start + 4, int(rng.choice([2, 7, 8, 9, 12, 16])))
        return f"precision of {start} changed"
    if kind <= 2:
        side = int(rng.choice(SIDES))
        data[start + 3 + 2 * kind : start + 5 + 2 * kind] = side.to_bytes(2)
        return f"side of {start} now {side}"
    if kind == 3:
        set_byte(data, component, int(rng.integers(5)))
        return f"byte {component} (Ci) changed"
    if kind == 4:
        h_samp, v_samp = (int(value) for value in rng.integers(0, 6, 2))
        set_byte(data, component + 1, 16 * h_samp + v_samp)
        return f"byte {component + 1} (Hi, Vi) now {h_samp}x{v_samp}"
    set_byte(data, component + 2, int(rng.integers(5)))
    return f"byte {component + 2} (Tqi) changed"


def change_scan(data: bytearray, rng: np.random.Generator) -> str:
    """Change a component, tables, or Ss, Se, Ah and Al of a scan header."""
    piece = some(data, rng, 0xDA)
    if piece is None or piece.scan - piece.start < 10:
        return ""
    at = int(rng.integers(piece.start + 4, piece.scan))
    last = at >= piece.scan - 3
    value = int(rng.choice(INTERESTING)) if rng.random() < 0.5 else int(rng.integers(64 if last else 5))
    set_byte(data, at, value)
    return f"byte {at} of the scan header at {piece.start} now {value}"


def change_parameter(data: bytearray, rng: np.random.Generator) -> str:
    """Change a byte in front of entropy-coded data."""
    piece = some(data, rng)
    if piece is None or piece.scan - piece.start < 5:
        return ""
    at = int(rng.integers(piece.start + 4, piece.scan))
    value = int(rng.choice(INTERESTING)) if rng.random() < 0.5 else int(rng.integers(256))
    set_byte(data, at, value)
    return f"byte {at} of segment X'FF{piece.marker:02X}' now {value}"


def damage_data(data: bytearray, rng: np.random.Generator) -> str:
    """Change entropy-coded data, and nothing else."""
    scans = [piece for piece in pieces(data) if piece.end > piece.scan]
    if not scans:
        return ""
    piece = scans[int(rng.integers(len(scans)))]
    at = int(rng.integers(piece.scan, piece.end))
    kind = int(rng.integers(4))
    if kind == 0:
        data[at] ^= 1 << int(rng.integers(8))
    elif kind == 1:
        data[at] = int(rng.choice(INTERESTING))
    elif kind == 2:
        del data[at : min(at + int(rng.integers(1, 9)), piece.end)]
    else:
        data[at:at] = rng.integers(0, 255, int(rng.integers(1, 9)), dtype=np.uint8).tobytes()
    return f"data of the scan at {piece.start} changed at {at}"


def end_early(data: bytearray, rng: np.random.Generator) -> str:
    """Cut a file off, with EOI or without it."""
    end = int(rng.integers(2, len(data) + 1)) if len(data) > 2 else len(data)
    ending = b"\xff\xd9" if rng.random() < 0.5 else b""
    data[end:] = ending
    return f"cut off at {end}" + " with EOI" * bool(ending)


STRUCTURAL: tuple[Callable[[bytearray, np.random.Generator], str], ...] = (
    lie_about_length,
    rearrange,
    put_marker,
    change_restart_marker,
    change_restart_interval,
    change_process,
    change_frame,
    change_scan,
    change_parameter,
    end_early,
    damage_data,
    damage_data,
    damage_data,
    damage_data,
)
