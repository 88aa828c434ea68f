"""Lesson 8: what a learner gets wrong most often, and what the checks say to it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from lesson_cases import defined_by

from lessons.tools.catalog import find_lesson


@pytest.fixture(scope="module")
def lesson() -> dict[str, Any]:
    """What the script defines, without its figures and the cells that need the whole picture."""
    return defined_by(8, "\nsteps", "\njpeg", "\nfor offset")


def bytes_of(bits: str, fill: str) -> bytes:
    """Bits in bytes, the last one filled up."""
    bits += fill * (-len(bits) % 8)
    return bytes(int(bits[i : i + 8], 2) for i in range(0, len(bits), 8))


def stuffed_before_the_end(bits: str) -> bytes:
    """A zero behind each FF, but not behind the one that filling up makes."""
    whole = len(bits) // 8 * 8
    return bytes_of(bits[:whole], "").replace(b"\xff", b"\xff\0") + bytes_of(bits[whole:], "1")


def walk(data: bytes, plain: int = 0, ends: Callable[[int], bool] = lambda code: code != 0) -> list[Any]:
    """A walk with an error: `plain` is what the length lacks, `ends` what ends coded data."""
    parts, at = [], 0
    while True:
        while data[at + 1] == 0xFF:
            at += 1
        code = data[at + 1]
        size = 0 if code in (0xD8, 0xD9) else int.from_bytes(data[at + 2 : at + 4])
        parts.append((at, code, data[at + 4 : at + 2 + size - plain]))
        if code == 0xD9:
            return parts
        at += 2 + size if code != 0 and not 0xD0 <= code <= 0xD7 else 2
        while code in (0xDA, 0, *range(0xD0, 0xD8)) and (data[at] < 0xFF or not ends(data[at + 1])):
            at += 1


def search(data: bytes) -> list[Any]:
    """Take every FF with something behind it for a marker."""
    places = [at for at in range(len(data) - 1) if data[at] == 0xFF and 0 < data[at + 1] < 0xFF]
    return [(at, data[at + 1], b"") for at in places if not 0xD0 <= data[at + 1] <= 0xD7]


def block(next_bit: Callable[[], str], dc: Any, ac: Any, zeros: int = 15, stop: int = 64) -> list[int]:
    """Read a block; `zeros`: of F0 before its own value, `stop`: how many numbers are enough."""
    from jpeg_from_scratch.coefficients import extend

    def symbol(symbols: Any) -> Any:
        code = next_bit()
        while code not in symbols:
            code += next_bit()
        return symbols[code]

    def number(size: int) -> int:
        return extend(int("0" + "".join(next_bit() for _ in range(size)), 2), size)

    zz = [number(symbol(dc))]
    while len(zz) < stop:
        run, size = divmod(symbol(ac), 16)
        if run == size == 0:
            break
        zz += [0] * (zeros if run == 15 else run) + [number(size)]
    return zz + [0] * (64 - len(zz))


def segment(marker: int, payload: bytes, more: int = 2, order: Any = "big") -> bytes:
    """A segment whose length has `more` than the payload."""
    return bytes([0xFF, marker]) + (len(payload) + more).to_bytes(2, order) + payload


MISTAKES: list[tuple[str, Callable[..., Any], str]] = [
    ("check_8_1", lambda m, p: segment(m, p, 0), "the length counts its own two bytes"),
    ("check_8_1", lambda m, p: segment(m, p, 2, "little"), "low byte first"),
    ("check_8_1", lambda m, p: segment(m, p)[1:], "begins with ff fe, yours with fe 00"),
    ("check_8_1", lambda m, p: segment(m, p, 4), "ff fe 00 07 Hello, not"),
    ("check_8_2", lambda bits: bytes_of(bits, "0"), "filled up with ones, not with zeros"),
    ("check_8_2", lambda bits: bytes_of(bits, "1"), "no zero behind FF"),
    ("check_8_2", stuffed_before_the_end, "1111 filled up gives FF as well"),
    ("check_8_2", lambda bits: bytes_of(bits[::-1], "1"), "top bit first, no more; yours 82"),
    ("check_8_2", lambda bits: bytes_of(bits + "1" * 8, "1"), "no more; yours 41 ff"),
    ("check_8_3", search, "leap over it by the length"),
    ("check_8_3", lambda data: walk(data, ends=lambda code: True), "FF 00 in coded data is a byte"),
    ("check_8_3", walk, "FF D0 is a restart"),
    ("check_8_3", lambda data: walk(data, 1, lambda c: not 0 <= c <= 0xD7 or c == 1), "6 bytes, yours"),
    ("check_8_4", lambda n, dc, ac: block(n, dc, ac, zeros=16), "but your number 17"),
    ("check_8_4", lambda n, dc, ac: block(n, dc, ac, stop=65), "you took 2 bits too many"),
    ("check_8_4", lambda n, dc, ac: [abs(v) for v in block(n, dc, ac)], "but your number 0: .4, 0, 0, 5"),
]


@pytest.mark.parametrize(("check", "mistake", "words"), MISTAKES)
def test_a_check_teaches(lesson: dict[str, Any], check: str, mistake: Callable[..., Any], words: str) -> None:
    """The message names what is wrong."""
    with pytest.raises(AssertionError, match=words):
        lesson[check](mistake)


def test_the_file_is_pillows(
    lesson: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    """What the learner writes equals Pillow's file, byte for byte."""
    monkeypatch.chdir(tmp_path)
    text = next(part for part in find_lesson(8).text.split("# %%") if part.startswith("\nsteps"))
    exec(text, {**lesson, "luma": np.ascontiguousarray(lesson["luma"][200:248, 200:264])})
    assert capsys.readouterr().out == "Equal to Pillow's: True\n"


def test_the_stranger_is_read(lesson: dict[str, Any], capsys: Any) -> None:
    """A small colour file of Pillow's: the learner's reader has the library's coefficients."""
    import io

    from PIL import Image

    out = io.BytesIO()
    Image.fromarray(lesson["pixels"][200:233, 200:250]).save(out, "JPEG")
    text = next(part for part in find_lesson(8).text.split("# %%") if part.startswith("\njpeg"))
    exec(text, {**lesson, "stranger": out.getvalue()})
    assert "the library's: True" in capsys.readouterr().out
