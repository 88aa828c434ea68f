"""Small files with one thing wrong, each named by it, and sound ones that look odd."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache

import jpeg_peers as peers
import jpeg_pictures as pictures
import jpeg_surgery as surgery
import numpy as np
from jpeg_surgery import APP0, APP14, COM, DHT, DQT, DRI, EOI, SOF0, SOI, SOS

HEIGHT, WIDTH = 24, 40
SIMPLE_DC = surgery.dht(0, 0, [1], [0])  # one code, 0, for size 0
SIMPLE_AC = surgery.dht(1, 0, [1], [0])  # one code, 0, for EOB


@lru_cache(maxsize=1)
def sound_files() -> dict[str, bytes]:
    """Return small sound files by name: the ones that are cut and damaged."""
    colour = pictures.synthetic(HEIGHT, WIDTH, seed=5)
    planes = [
        pictures.grey(pictures.synthetic(*size, seed=i))
        for i, size in enumerate(surgery.component_sizes(((2, 2), (1, 1), (1, 1)), HEIGHT, WIDTH))
    ]
    return {
        "grey": peers.pillow_encode(pictures.grey(colour), quality=60),
        "4:2:0": peers.pillow_encode(colour, quality=60),
        "4:4:4 optimised": peers.pillow_encode(colour, quality=90, subsampling="4:4:4", optimize=True),
        "restarts": peers.pillow_encode(colour, quality=60, restart_marker_blocks=1),
        "three scans": surgery.spliced(planes, ((2, 2), (1, 1), (1, 1)), HEIGHT, WIDTH, quality=60),
    }


def wrong_lengths() -> Iterator[tuple[str, bytes]]:
    """Length fields that are one too short, one too long, 0, 1, 2, or beyond the end of the file."""
    data = surgery.inserted(sound_files()["restarts"], DQT, bytes(surgery.Part(COM, b"comment")))
    for name, marker in {"DQT": DQT, "SOF0": SOF0, "DHT": DHT, "DRI": DRI, "SOS": SOS}.items():
        for change in (-1, 1):
            yield f"{name} length {change:+d}", surgery.with_length(data, marker, change)
    for name, marker in {"APP0": APP0, "COM": COM, "DQT": DQT, "SOF0": SOF0, "DHT": DHT, "SOS": SOS}.items():
        for length in (0, 1, 65535):
            yield f"{name} length {length}", surgery.with_length(data, marker, length, relative=False)
    for name, marker in {"DQT": DQT, "SOF0": SOF0, "DRI": DRI, "SOS": SOS}.items():
        yield f"{name} length 2", surgery.with_length(data, marker, 2, relative=False)


def wrong_structure() -> Iterator[tuple[str, bytes]]:
    """Markers that are missing, doubled, reserved or out of order; bytes between segments."""
    data = sound_files()["4:2:0"]
    yield "empty", b""
    yield "one byte", b"\xff"
    yield "SOI only", b"\xff\xd8"
    yield "SOI and EOI only", b"\xff\xd8\xff\xd9"
    yield "text", b"This is no JPEG file, and long enough to be one.\n" * 4
    yield "PNG signature", b"\x89PNG\r\n\x1a\n" + bytes(40)
    yield "a byte before SOI", b"\0" + data
    yield "no SOI", data[2:]
    yield "two SOI", data[:2] + data
    yield "SOI within", surgery.inserted(data, SOF0, b"\xff\xd8")
    yield "two SOF", surgery.inserted(data, DHT, bytes(surgery.having(data, SOF0)[0]))
    yield "no SOF, hence SOS before SOF", surgery.without(data, SOF0)
    yield "no SOS", surgery.without(data, SOS)
    yield "no tables and no frame", surgery.join([surgery.Part(SOI), surgery.Part(EOI)])
    for marker, name in ((DQT, "DQT"), (SOF0, "SOF0"), (DHT, "DHT"), (SOS, "SOS")):
        yield f"a byte before {name}", surgery.inserted(data, marker, b"\x00")
        yield f"text before {name}", surgery.inserted(data, marker, b"hello")
    yield "bytes before EOI", data[:-2] + b"\x12\x34" * 40 + data[-2:]
    yield "reserved marker X'FF02'", surgery.inserted(data, SOF0, b"\xff\x02\x00\x04ab")
    yield "JPG0", surgery.inserted(data, SOF0, b"\xff\xf0\x00\x04ab")
    yield "JPG13", surgery.inserted(data, SOF0, b"\xff\xfd\x00\x04ab")
    yield "JFIF major version 2", surgery.patched(data, APP0, 5, 2)
    adobe = bytes(surgery.Part(APP14, b"Adobe\0\x64\0\0\0\0\x05"))
    yield "unknown Adobe transform 5", surgery.without(surgery.inserted(data, DQT, adobe), APP0)


def wrong_headers() -> Iterator[tuple[str, bytes]]:
    """Fields of SOF, SOS, DQT, DHT and DRI with values that cannot be."""
    data = sound_files()["4:2:0"]
    yield "zero width", surgery.patched(data, SOF0, 3, 0, 0)
    yield (
        "no components",
        surgery.join(
            replace(part, payload=part.payload[:5] + b"\0") if part.marker == SOF0 else part
            for part in surgery.split(data)[0]
        ),
    )
    for factors in (0x00, 0x01, 0x10, 0x51, 0x15, 0xF1):
        yield f"sampling factors X'{factors:02X}'", surgery.patched(data, SOF0, 7, factors)
    eleven = surgery.patched(surgery.patched(data, SOF0, 7, 0x42), SOF0, 10, 0x21)
    yield "11 blocks in an MCU", eleven
    yield "quantisation table 4 in SOF", surgery.patched(data, SOF0, 8, 4)
    yield "precision 9", surgery.patched(data, SOF0, 0, 9)
    yield "precision 0", surgery.patched(data, SOF0, 0, 0)
    yield "unknown component in SOS", surgery.patched(data, SOS, 1, 77)
    yield "one component twice in SOS", surgery.patched(data, SOS, 3, 1)
    yield "no component in SOS", surgery.patched(data, SOS, 0, 0)
    yield "five components in SOS", surgery.patched(data, SOS, 0, 5)
    yield "DC table 4 in SOS", surgery.patched(data, SOS, 2, 0x40)
    yield "AC table 15 in SOS", surgery.patched(data, SOS, 2, 0x0F)
    for name, (at, value) in {
        "Ss = 1": (7, 1),
        "Se = 62": (8, 62),
        "Se = 0": (8, 0),
        "Se = 64": (8, 64),
    }.items():
        yield name, surgery.patched(data, SOS, at, value)
    yield "Ah = 1", surgery.patched(data, SOS, 9, 0x10)
    yield "Al = 1", surgery.patched(data, SOS, 9, 0x01)
    yield "quantisation table 4 in DQT", surgery.patched(data, DQT, 0, 4)
    yield "Huffman table 4 in DHT", surgery.patched(data, DHT, 0, 4)
    yield "Huffman class 2 in DHT", surgery.patched(data, DHT, 0, 0x20)
    yield "257 codes in DHT", surgery.patched(data, DHT, 1, *[16] * 15, 17, which=1)
    yield "no quantisation table", surgery.without(data, DQT)
    yield "quantisation table 1 missing", surgery.without(data, DQT, 1)
    for slot in (2, 3):
        yield f"DC table {slot} missing", surgery.patched(data, SOS, 2, slot << 4)
        yield f"AC table {slot} missing", surgery.patched(data, SOS, 2, slot)


def wrong_codes() -> Iterator[tuple[str, bytes]]:
    """Huffman tables that are no code, and bits that are no data."""
    two = surgery.dht(0, 0, [2], [0, 1])
    yield "DC codes 0 and 1: all ones is a code", surgery.one_block(two, SIMPLE_AC, "00")
    yield "three codes of one bit", surgery.one_block(surgery.dht(0, 0, [3], [0, 1, 2]), SIMPLE_AC, "00")
    over = surgery.dht(1, 0, [1, 1, 1, 3], [0, 1, 2, 3, 4, 5])
    yield "over-full AC code", surgery.one_block(SIMPLE_DC, over, "00")
    full = surgery.dht(1, 0, [1, 1, 2], [0, 1, 2, 3])
    yield "AC code of all ones, three bits", surgery.one_block(SIMPLE_DC, full, "00")
    yield "DC size 16", surgery.one_block(surgery.dht(0, 0, [1, 1], [0, 16]), SIMPLE_AC, "00")
    yield "DC size 255 in the table", surgery.one_block(surgery.dht(0, 0, [1, 1], [0, 255]), SIMPLE_AC, "00")
    yield "DC bits that are no code", surgery.one_block(SIMPLE_DC, SIMPLE_AC, "1" * 40)
    yield "AC bits that are no code", surgery.one_block(SIMPLE_DC, SIMPLE_AC, "0" + "1" * 40)
    yield "no code at all", surgery.one_block(surgery.dht(0, 0, [], []), SIMPLE_AC, "0" * 40)
    yield "no entropy-coded data", surgery.one_block(SIMPLE_DC, SIMPLE_AC, "")
    restarts = sound_files()["restarts"]
    first = restarts.index(b"\xff\xd0")
    for name, value in (("RST1 for RST0", 0xD1), ("RST7 for RST0", 0xD7), ("COM for RST0", COM)):
        yield name, restarts[: first + 1] + bytes([value]) + restarts[first + 2 :]
    yield "RST0 missing", restarts[:first] + restarts[first + 2 :]
    yield "RST0 twice", restarts[:first] + b"\xff\xd0" + restarts[first:]
    yield "restart markers without DRI", surgery.without(restarts, DRI)
    yield (
        "DRI without restart markers",
        surgery.inserted(sound_files()["4:2:0"], SOS, bytes(surgery.Part(DRI, b"\0\2"))),
    )
    yield "a marker within the data", (data := sound_files()["grey"])[:-30] + b"\xff\xe3" + data[-30:]


def wrong_files() -> dict[str, bytes]:
    """Return every file that a strict decoder must refuse as badly formed."""
    return {
        name: data
        for files in (wrong_lengths(), wrong_structure(), wrong_headers(), wrong_codes())
        for name, data in files
    }


def odd_but_sound_files() -> dict[str, tuple[bytes, bytes]]:
    """Return files that look odd but are sound, each with a plain file of the same pixels."""
    data, restarts = sound_files()["4:2:0"], sound_files()["restarts"]
    parts = surgery.split(data)[0]
    tables = [part for part in parts if part.marker == DHT]
    one_dht = surgery.Part(DHT, b"".join(part.payload for part in tables))
    one_dqt = surgery.Part(DQT, b"".join(part.payload for part in parts if part.marker == DQT))
    wide = b"".join(
        bytes([0x10 | part.payload[0]]) + b"".join(bytes([0, step]) for step in part.payload[1:])
        for part in parts
        if part.marker == DQT
    )

    def exchanged(marker: int, part: surgery.Part) -> bytes:
        return surgery.inserted(surgery.without(data, marker), SOS, bytes(part))

    junk = np.random.default_rng(1).integers(0, 256, 300, dtype=np.uint8).tobytes()
    return {
        "fill bytes before every marker": (
            surgery.join(replace(part, fill=3 * (part.marker != SOI)) for part in parts),
            data,
        ),
        "fill bytes before RST": (restarts.replace(b"\xff\xd0", b"\xff\xff\xff\xd0"), restarts),
        "junk after EOI": (data + junk, data),
        "a second picture after EOI": (data + restarts, data),
        "Huffman tables missing in slots 0 and 1": (surgery.without(data, DHT), data),
        "all Huffman tables in one DHT": (exchanged(DHT, one_dht), data),
        "all quantisation tables in one DQT, after the frame": (exchanged(DQT, one_dqt), data),
        "16-bit quantisation tables": (exchanged(DQT, surgery.Part(DQT, wide)), data),
        "SOF1": (data.replace(b"\xff\xc0", b"\xff\xc1"), data),
        "unknown application segments": (
            surgery.inserted(
                data, SOF0, bytes(surgery.Part(0xEB, b"x" * 500)) + bytes(surgery.Part(0xE0, b""))
            ),
            data,
        ),
        "an empty comment": (surgery.inserted(data, SOF0, bytes(surgery.Part(COM))), data),
        "TEM": (surgery.inserted(data, SOF0, b"\xff\x01"), data),
        "DRI 0": (surgery.inserted(data, SOS, bytes(surgery.Part(DRI, b"\0\0"))), data),
        "an over-full table that no scan uses": (
            surgery.inserted(data, SOS, bytes(surgery.dht(0, 2, [3], [0, 1, 2]))),
            data,
        ),
        "a table defined twice": (surgery.inserted(data, SOS, bytes(tables[0])), data),
        "only EOI missing": (data[:-2], data),
        "half of EOI missing": (data[:-1], data),
    }


def unsupported_files() -> dict[str, tuple[bytes, str]]:
    """Return files of processes that are not done, each with a word that the feature's name contains."""
    data = sound_files()["4:2:0"]
    hierarchical = (0xC5, 0xC6, 0xC7, 0xCD, 0xCE, 0xCF)
    return {
        f"SOF{marker - 0xC0}": (data.replace(b"\xff\xc0", bytes([0xFF, marker])), "differential")
        for marker in hierarchical
    }
