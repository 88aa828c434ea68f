"""Lesson 9: what a learner gets wrong most often, and what the checks say to it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from lesson_cases import defined_by

from lessons.tools.catalog import find_lesson

PARTS = find_lesson(9).text.split("# %%")


@pytest.fixture(scope="module")
def lesson() -> dict[str, Any]:
    """What the script defines, of a piece of the photograph, without its figures and its file."""
    return defined_by(9, "\nmine", change=lambda cell: cell.replace("min(side, 768)", "min(side, 96)"))


def received(zz: Any, scans: Any, dc: Any = None, ac: Any = None, extra: int = 1) -> Any:
    """What is known, with another rule for DC or AC, or another end of the band."""
    known = np.zeros_like(zz)
    for start, end, _, low in scans:
        band = zz[..., start : end + extra]
        by_size = np.sign(band) * (np.abs(band) >> low) << low
        rule = ac if start else dc
        right = by_size if start else band >> low << low
        known[..., start : end + extra] = right if rule is None else rule(band, low)
    return known


def truncated(band: Any, low: int) -> Any:
    """Divide towards zero."""
    return np.sign(band) * (np.abs(band) >> low) << low


def end_of_band(blocks: int, corrections: str = "") -> list[tuple[int, str]]:
    """The right one."""
    return [(16 * (blocks.bit_length() - 1), f"{blocks:b}"[1:] + corrections)] if blocks else []


def first_scan(bands: list[list[int]], mistake: str = "") -> list[tuple[int, str]]:
    """A first scan with a mistake, named by what is done."""
    items: list[tuple[int, str]] = []
    waiting = 0
    for band in bands:
        zeros = 0
        for value in band:
            if value == 0:
                zeros += 1
                if mistake == "F0 at once" and zeros == 16:
                    items.append((0xF0, ""))
                    zeros = 0
                continue
            size = abs(value).bit_length()
            bits = value if value > 0 or mistake == "sizes" else value + (1 << size) - 1
            if mistake != "never told":
                items += end_of_band(waiting)
                waiting = 0
            if mistake != "long runs":
                items += [(0xF0, "")] * (zeros // 16)
                zeros %= 16
            items.append((16 * zeros + size, format(abs(bits), f"0{size}b")))
            zeros = 0
        waiting += zeros > 0 or mistake == "always"
        if mistake == "each":
            items += end_of_band(waiting)
            waiting = 0
    return items if mistake == "forgotten" else items + end_of_band(waiting)


def refining_scan(bands: list[list[int]], mistake: str = "") -> list[tuple[int, str]]:
    """A refining scan with a mistake, named by what is done."""
    items: list[tuple[int, str]] = []
    waiting, owed = 0, ""
    for band in bands:
        last = max((k for k, value in enumerate(band) if abs(value) == 1), default=-1)
        zeros, bits = 0, ""
        for k, value in enumerate(band):
            if value and zeros > 15 and (k <= last or mistake == "F0 for nothing"):
                items += [*end_of_band(waiting, owed), (0xF0, bits)]
                zeros, bits, waiting, owed = zeros - 16, "", 0, ""
            if abs(value) == 1:
                items += end_of_band(waiting, owed)
                sign = str(int((value > 0) != (mistake == "sign")))
                items.append((16 * zeros + 1, bits + sign if mistake == "order" else sign + bits))
                zeros, bits, waiting, owed = 0, "", 0, ""
            elif value:
                bits += str(value & 1 if mistake != "top" else 1)
                zeros += mistake == "old ones count"
            else:
                zeros += 1
        if zeros or (bits and mistake != "only zeros wait"):
            waiting, owed = waiting + 1, owed + bits
    return items + end_of_band(waiting, owed)


MISTAKES: list[tuple[str, Callable[..., Any], str]] = [
    ("check_9_1", lambda zz, scans: received(zz, scans, dc=truncated), "yours -6"),
    ("check_9_1", lambda zz, scans: received(zz, scans, dc=lambda b, low: b >> low), "restore its place"),
    ("check_9_1", lambda zz, scans: received(zz, scans, ac=lambda b, low: b >> low << low), "yours -4"),
    ("check_9_1", lambda zz, scans: received(zz, scans, extra=0), "DC .7 without its lowest bit"),
    ("check_9_1", lambda zz, scans: received(zz, scans[-1:]), "spoiled what the first"),
    ("check_9_1", lambda zz, scans: received(zz[0], scans), "became an array of shape"),
    ("check_9_2", lambda n, c="": [(n.bit_length() - 1, f"{n:b}"[1:])] if n else [], "the symbol is 16·n"),
    ("check_9_2", lambda n, c="": end_of_band(max(n - 1, 0), c), "one block is symbol 0"),
    ("check_9_2", lambda n, c="": [(v, f"{n:b}" + c) for v, _ in end_of_band(n)], "without bits"),
    ("check_9_2", lambda n, c="": end_of_band(n), "corrections 01"),
    ("check_9_3", lambda bands: first_scan(bands, "sizes"), "0, 5, 0, -1"),
    ("check_9_3", lambda bands: first_scan(bands, "always"), "whose last is not 0 needs no end"),
    ("check_9_3", lambda bands: first_scan(bands, "forgotten"), "the zeros at the end are symbol 0"),
    ("check_9_3", lambda bands: first_scan(bands, "each"), "five empty blocks are one run"),
    ("check_9_3", lambda bands: first_scan(bands, "never told"), "2 wait before the 2"),
    ("check_9_3", lambda bands: first_scan(bands, "long runs"), "33 zeros: F0 F0"),
    ("check_9_3", lambda bands: first_scan(bands, "F0 at once"), "zeros at the end are not counted"),
    ("check_9_4", lambda bands: refining_scan(bands, "sign"), "its sign, 0 for −"),
    ("check_9_4", lambda bands: refining_scan(bands, "order"), "sign, then corrections"),
    ("check_9_4", lambda bands: refining_scan(bands, "old ones count"), "sign, then corrections"),
    ("check_9_4", lambda bands: refining_scan(bands, "top"), "sign, then corrections"),
    ("check_9_4", lambda bands: refining_scan(bands, "only zeros wait"), "goes with the end"),
    ("check_9_4", lambda bands: refining_scan(bands, "F0 for nothing"), "no new one behind the zeros"),
    ("check_9_4", first_scan, "sign, then corrections"),
]


@pytest.mark.parametrize(("check", "mistake", "words"), MISTAKES)
def test_a_check_teaches(lesson: dict[str, Any], check: str, mistake: Callable[..., Any], words: str) -> None:
    """The message names what is wrong."""
    with pytest.raises(AssertionError, match=words):
        lesson[check](mistake)


@pytest.mark.parametrize(
    ("check", "right"),
    [
        ("check_9_1", received),
        ("check_9_2", end_of_band),
        ("check_9_3", first_scan),
        ("check_9_4", refining_scan),
    ],
)
def test_another_right_answer_passes(lesson: dict[str, Any], check: str, right: Callable[..., Any]) -> None:
    """What the mistakes above are made of is right without them."""
    lesson[check](right)


def test_the_file_is_libjpegs(
    lesson: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    """The waves make the file that libjpeg's script makes."""
    monkeypatch.chdir(tmp_path)
    exec(next(part for part in PARTS if part.startswith("\nmine")), dict(lesson))
    assert capsys.readouterr().out.endswith("libjpeg's file: True\n")
