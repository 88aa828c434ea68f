"""Lesson 14: what its checks say to the mistakes that people make, and the file that its coder writes."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from lesson_cases import defined_by

from lessons.tools.catalog import find_lesson


@pytest.fixture(scope="module")
def lesson() -> dict[str, Any]:
    """What the script defines, without its figures and the file that it writes."""
    return defined_by(14, "write_bytes", change=lambda cell: cell.replace("[:640, :640]", "[:64, :80]"))


def counts(p: Any, total: int = 65536) -> Any:
    """The recipe, before what is left is handed out."""
    return 1 + np.floor(np.asarray(p) * (total - len(p))).astype(int)


def all_to(f: Any, symbol: int, total: int) -> Any:
    """What is left goes to one symbol."""
    f[symbol] += total - f.sum()
    return f


def narrow(pairs: Any, *, late: bool = False, cut: bool = False, still: bool = False) -> tuple[int, int, int]:
    """The coder: it grows before a symbol, cuts low to 64 bits, or leaves low where it was."""
    low, width, grown = 0, 2**64 - 1, 0
    for start, frequency in pairs:
        if late and width < 2**32:
            low, width, grown = low << 32, width << 32, grown + 1
        unit = width >> 16
        low, width = low + unit * start, unit * frequency
        if not late and width < 2**32:
            low, width, grown = low if still else low << 32, width << 32, grown + 1
        if cut:
            low %= 2**64
    return low, width, grown


def read(data: bytes, cdfs: Any, *, first: int = 8, off: bool = True, grows: bool = True) -> list[int]:
    """The decoder: it begins with too few bytes, leaves the distance as it is, or never grows."""
    width, place, out = 2**64 - 1, first, []
    distance = int.from_bytes(data[:first].ljust(first, b"\0"), "big")
    for cdf in cdfs:
        unit = max(1, width >> 16)
        s = min(bisect_right(cdf, distance // unit), len(cdf) - 1) - 1
        distance, width = distance - unit * cdf[s] * off, unit * (cdf[s + 1] - cdf[s])
        if grows and width < 2**32:
            digit = int.from_bytes(data[place : place + 4].ljust(4, b"\0"), "big")
            distance, width, place = distance << 32 | digit, width << 32, place + 4
        out.append(s)
    return out


def cell(cdf: Any, values: Any, half: float = 0.5) -> Any:
    """The probability of a cell."""
    return cdf(values + half) - cdf(values - half)


MISTAKES: list[tuple[str, Callable[..., Any], str]] = [
    ("check_14_1", lambda c, v: -np.log2(cell(c, v)), r"one number for all values, please; yours is \(4,\)"),
    ("check_14_1", lambda c, v: -np.log(cell(c, v)).sum(), "8.32 is in nats"),
    ("check_14_1", lambda c, v: -(cell(c, v) * np.log2(cell(c, v))).sum(), "1.5 is Σ −p log p"),
    ("check_14_1", lambda c, v: -np.log2(cell(c, v)).mean(), "12 bits, not 3.00"),
    ("check_14_1", lambda c, v: 12 if len(v) > 2 else -np.log2(cell(c, v, 0.25)).sum(), "½ to each side"),
    ("check_14_2", lambda p, total=65536: p * total, "6 integers, please"),
    ("check_14_2", lambda p, total=65536: np.rint(p * total).astype(int), "owns no count"),
    ("check_14_2", counts, "your counts add up to 65,53., not 65,536: what was left"),
    ("check_14_2", lambda p, total=65536: all_to(counts(p), 3, 65536), "not 16: what was left"),
    (
        "check_14_2",
        lambda p, total=65536: all_to(counts(p, total) // 2 + 1, 0, total),
        "bits wasted, by the recipe",
    ),
    ("check_14_3", lambda pairs: narrow((a + f, f) for a, f in pairs), "is low u·a, width u·f"),
    ("check_14_3", lambda pairs: narrow(pairs, late=True), "grow after a symbol, not before"),
    ("check_14_3", lambda pairs: (*narrow(pairs)[:2], 0), "grow it twice, not 0 times"),
    ("check_14_3", lambda pairs: narrow(pairs, cut=True), "cut in front"),
    ("check_14_3", lambda pairs: narrow(pairs, still=True), "left ungrown"),
    ("check_14_4", lambda data, cdfs: read(data, cdfs)[:-1], "1 cdfs, so 1 symbols, please; you return 0"),
    ("check_14_4", lambda data, cdfs: read(data, cdfs, first=9), "8 bytes, zeros behind the end"),
    ("check_14_4", lambda data, cdfs: read(data, cdfs, off=False), "u·a off"),
    ("check_14_4", lambda data, cdfs: read(data, cdfs, grows=False), "4 bytes more where it grows"),
]


@pytest.mark.parametrize(("check", "mistake", "words"), MISTAKES)
def test_a_check_teaches(lesson: dict[str, Any], check: str, mistake: Callable[..., Any], words: str) -> None:
    """The message names what is wrong."""
    with pytest.raises(AssertionError, match=words):
        lesson[check](mistake)


def test_the_coder_writes_the_librarys_bytes(lesson: dict[str, Any]) -> None:
    """Carries and ends among them, and the decoder reads them."""
    from neural_from_scratch import range_coder
    from neural_from_scratch.entropy_tables import CdfTables

    namespace = dict(lesson)
    part = next(part for part in find_lesson(14).text.split("# %%") if "def shortest" in part)
    exec(part[: part.index("\nrows = ")], namespace)
    rng = np.random.default_rng(14)
    for count in (1, 2, 3, 50, 900):
        f = lesson["frequencies"](rng.dirichlet(np.full(6, 0.2)))
        cdf = [0, *np.cumsum(f).tolist()]
        table = CdfTables(np.array([cdf], np.int32), np.array([7], np.int32), np.zeros(1, np.int32))
        sent = rng.choice(5, count, p=f[:5] / f[:5].sum()).astype(np.int32)
        data = namespace["shortest"](*lesson["narrow"]((cdf[s], cdf[s + 1] - cdf[s]) for s in sent.tolist()))
        assert data == range_coder.encode(sent, np.zeros(count, np.int32), table)
        assert lesson["read_symbols"](data, [cdf] * count) == sent.tolist()


def test_the_promise_is_the_librarys(lesson: dict[str, Any]) -> None:
    """With the density of the lesson's own network in place of a toy."""
    density, median = lesson["density"], lesson["density"].medians[3, 0, 0]
    values = (median + np.arange(-3, 4)).astype(np.float32)

    def cdf(x: Any) -> Any:
        return 1 / (1 + np.exp(-density.logits(np.broadcast_to(np.asarray(x, float), (96, 7)), only=3)[0]))

    everywhere = np.broadcast_to(values, (1, 96, 1, 7))
    expected = -np.log2(density.likelihood(everywhere).data[0, 3]).sum()
    assert math.isclose(lesson["promised_bits"](cdf, values), expected, rel_tol=1e-3)
