"""Lesson 6: what a learner gets wrong most often, and what the checks say to it."""

from __future__ import annotations

import heapq
import io
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from lesson_cases import defined_by
from PIL import Image

from jpeg_from_scratch import encode
from jpeg_from_scratch.huffman import HuffmanSpec, optimal_spec


@pytest.fixture(scope="module")
def lesson() -> dict[str, Any]:
    """What the script defines, without its figures."""
    return defined_by(6)


def codes(lengths: Any, add_late: bool = False, padded: bool = True) -> list[str]:
    """Canonical codes; or the one is added behind the zeros; or leading zeros are lost."""
    out: list[str] = []
    code = 0
    for i, length in enumerate(lengths):
        shift = length - lengths[i - 1] if i else 0
        if i:
            code = (code << shift) + 1 if add_late else (code + 1) << shift
        out.append(format(code, f"0{length}b" if padded else "b"))
    return out


def rounded_up(counts: Any) -> dict[Any, int]:
    """Shannon's code."""
    total = sum(counts.values())
    return {symbol: math.ceil(-math.log2(count / total)) for symbol, count in counts.items()}


def split_from_the_top(counts: Any) -> dict[Any, int]:
    """The code of Shannon and Fano."""
    if len(counts) == 1:
        return dict.fromkeys(counts, 0)
    order = sorted(counts, key=counts.get, reverse=True)
    sums = np.cumsum([counts[s] for s in order])
    cut = int(np.abs(2 * sums[:-1] - sums[-1]).argmin()) + 1
    parts = ({s: counts[s] for s in part} for part in (order[:cut], order[cut:]))
    return {s: n + 1 for part in parts for s, n in split_from_the_top(part).items()}


def one_by_one(counts: Any) -> dict[Any, int]:
    """One group only grows, by the next rarest symbol."""
    order = sorted(counts, key=counts.get, reverse=True)
    return {s: min(i + 1, len(order) - 1) for i, s in enumerate(order)}


def only_two_grow(counts: Any) -> dict[Any, int]:
    """The group's name gets longer, those within it do not."""
    groups = [(n, s) for s, n in counts.items()]
    heapq.heapify(groups)
    lengths = dict.fromkeys(counts, 0)
    while len(groups) > 1:
        (n, s), (m, t) = heapq.heappop(groups), heapq.heappop(groups)
        lengths[s] += 1
        lengths[t] += 1
        heapq.heappush(groups, (n + m, s))
    return lengths


def beginnings(lengths: Any, shift: int = 0, empty: int = -1) -> Any:
    """The table; or with stretches of another length, or something else where no code is."""
    out = np.full(1 << 16, empty)
    owners = np.repeat(np.arange(len(lengths)), 1 << (16 - shift - np.minimum(lengths, 16 - shift)))
    out[: len(owners)] = owners
    return out


def cut(numbers: Any, longest: int = 16) -> list[int]:
    """Too long codes become as long as allowed."""
    out = [*numbers[: longest + 1], *[0] * (longest + 1 - len(numbers))]
    out[longest] += sum(numbers[longest + 1 :])
    return out


def adjusted(numbers: Any, longest: int = 16, place: Callable[..., int] = max, both: int = 1) -> list[int]:
    """Adjust_BITS, with a choice of the place, and of how many codes get the common beginning."""
    out = [*numbers, *[0] * (longest + 1 - len(numbers))]
    for i in range(len(out) - 1, longest, -1):
        while out[i] > 0:
            j = place(length for length in range(1, i - 1) if out[length] > 0)
            out[i] -= 2
            out[i - 1] += both
            out[j + 1] += 2
            out[j] -= 1
    return out[: longest + 1]


def in_place(numbers: Any, longest: int = 16) -> list[int]:
    """The caller's list is changed."""
    numbers[:] = adjusted(numbers, longest)
    return [*numbers]


def by_symbol(frequencies: Any) -> HuffmanSpec:
    """Symbols in their own order."""
    spec = optimal_spec(frequencies)
    return HuffmanSpec(spec.bits, tuple(sorted(spec.values)))


def not_dropped(frequencies: Any) -> HuffmanSpec:
    """The code of 256 is still there."""
    spec = optimal_spec(frequencies)
    longest = max(i for i, n in enumerate(spec.bits) if n)
    bits = [n + (i == longest) for i, n in enumerate(spec.bits)]
    return HuffmanSpec(tuple(bits), spec.values)


def without_256(lesson: dict[str, Any]) -> Callable[..., HuffmanSpec]:
    """Nothing is reserved."""

    def table(frequencies: Any) -> HuffmanSpec:
        lengths = lesson["huffman_lengths"]({s: int(n) for s, n in enumerate(frequencies) if n})
        numbers = lesson["limit"](np.bincount([*lengths.values()]).tolist())
        return HuffmanSpec(tuple(numbers[1:]), tuple(sorted(lengths, key=lengths.get)))

    return table


MISTAKES: list[tuple[str, Callable[..., Any], str]] = [
    ("check_6_1", lambda lengths: None, "a list of four codes"),
    ("check_6_1", lambda lengths: [int(code, 2) for code in codes(lengths)], "00 is not 0; yours: 0"),
    ("check_6_1", lambda lengths: codes(lengths, padded=False), "0 should have 2 bits: leading zeros"),
    ("check_6_1", lambda lengths: codes(lengths, add_late=True), "before. you put zeros behind"),
    ("check_6_1", lambda lengths: ["00", "111", "10000", "10001"], "count upwards"),
    ("check_6_2", lambda counts: None, "a length for each of"),
    ("check_6_2", lambda counts: [2] * len(counts), "a length for each of"),
    ("check_6_2", lambda counts: dict.fromkeys(counts, 1), "their Kraft sum is 2.00"),
    ("check_6_2", only_two_grow, "their Kraft sum is|do the two rarest join each time"),
    ("check_6_2", one_by_one, "8 bits, yours 9: does a group count as all in it"),
    ("check_6_2", split_from_the_top, "87 bits, yours 89: do not split from the top"),
    ("check_6_2", rounded_up, "87 bits, yours 102"),
    ("check_6_3", lambda lengths: [], "65,536 numbers; your table"),
    ("check_6_3", lambda lengths: beginnings(lengths, shift=1), "0 … 32767 are code 0's"),
    ("check_6_3", lambda lengths: beginnings(lengths, empty=0), "must be −1"),
    ("check_6_4", in_place, "work on a copy"),
    ("check_6_4", lambda n, longest=16: adjusted(n, longest)[1:], "entries 0 … 4 are asked for"),
    ("check_6_4", cut, "Kraft sum of 1.125. Who pays"),
    ("check_6_4", lambda n, longest=16: adjusted(n, longest, min), "The greatest j"),
    ("check_6_4", lambda n, longest=16: adjusted(n, longest, both=2), "5 codes went in, 6 came out"),
    ("check_6_5", lambda f: (optimal_spec(f).bits, optimal_spec(f).values), "a HuffmanSpec, please"),
    ("check_6_5", lambda f: HuffmanSpec((0, *optimal_spec(f).bits), optimal_spec(f).values), "17 entries"),
    ("check_6_5", lambda f: HuffmanSpec(optimal_spec(f).bits, (*optimal_spec(f).values, 255)), "without 256"),
    ("check_6_5", not_dropped, "53 symbols, 54 codes"),
    ("check_6_5", by_symbol, "are enough: short codes' values first"),
]


@pytest.mark.parametrize(("check", "mistake", "words"), MISTAKES)
def test_a_check_teaches(lesson: dict[str, Any], check: str, mistake: Callable[..., Any], words: str) -> None:
    """The message names what is wrong."""
    with pytest.raises(AssertionError, match=words):
        lesson[check](mistake)


def test_the_code_of_all_ones_is_missed(lesson: dict[str, Any]) -> None:
    """Who reserves nothing is told about symbol 256."""
    with pytest.raises(AssertionError, match="was 256 in, and dropped"):
        lesson["check_6_5"](without_256(lesson))


def test_the_file_that_is_made(lesson: dict[str, Any]) -> None:
    """The learner's tables make a file of the same pixels, as short as the library's."""
    crop = np.ascontiguousarray(lesson["luma"][:64, :64])
    data = encode(crop, optimize=True, stages={"optimal_table": lesson["jpeg_table"]})
    best = encode(crop, optimize=True)
    assert abs(len(data) - len(best)) <= 2  # stuffed bytes fall elsewhere
    with Image.open(io.BytesIO(data)) as ours, Image.open(io.BytesIO(best)) as theirs:
        assert np.array_equal(np.asarray(ours), np.asarray(theirs))


def test_tables_of_few_symbols(lesson: dict[str, Any]) -> None:
    """One symbol, and all 256 as frequent: as many codes of each length as the library has."""
    for frequencies in (np.eye(256, dtype=int)[7], np.ones(256, int)):
        assert lesson["jpeg_table"](frequencies).bits == optimal_spec(frequencies).bits
