"""Canonical codes, tables for decoding, and optimal tables: by brute force and by plain Huffman codes."""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence
from fractions import Fraction
from itertools import pairwise

import jpeg_peers as peers
import jpeg_pictures as pictures
import jpeg_surgery as surgery
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jpeg_from_scratch import read
from jpeg_from_scratch.huffman import (
    DecodeTable,
    HuffmanSpec,
    canonical_codes,
    code_lengths,
    decode_table,
    encode_table,
    optimal_spec,
)
from jpeg_from_scratch.scan import Scan
from jpeg_from_scratch.scan_sequential import count_symbols

BOUNDED = settings(derandomize=True, max_examples=80, deadline=None)

TYPICAL = [*HuffmanSpec.typical_dc(), *HuffmanSpec.typical_ac()]


def spec_of(lengths: Sequence[int], first_symbol: int = 0) -> HuffmanSpec:
    """Return a table with codes of these lengths, which rise, for symbols that count up."""
    counts = [list(lengths).count(length) for length in range(1, 17)]
    return HuffmanSpec(tuple(counts), tuple(range(first_symbol, first_symbol + len(lengths))))


def frequencies_of(counts: Mapping[int, int]) -> list[int]:
    """Return the frequencies of all 256 symbols, zero but for some."""
    frequencies = [0] * 256
    for symbol, count in counts.items():
        frequencies[symbol] = count
    return frequencies


def kraft_sum(spec: HuffmanSpec) -> Fraction:
    """Return Σ 2^−length: 1 if the codes fill the tree."""
    return sum((Fraction(n, 2**length) for length, n in enumerate(spec.bits, 1)), Fraction(0))


def lengths_by_symbol(spec: HuffmanSpec) -> dict[int, int]:
    """Return the code length of each symbol."""
    return dict(zip(spec.values, code_lengths(spec), strict=True))


def code_words(spec: HuffmanSpec) -> dict[int, str]:
    """Return the code of each symbol as a string of 0 and 1."""
    lengths = code_lengths(spec)
    codes = canonical_codes(lengths)
    return {
        symbol: format(code, f"0{length}b")
        for symbol, code, length in zip(spec.values, codes, lengths, strict=True)
    }


frequency_tables = st.dictionaries(
    st.integers(0, 255), st.integers(1, 10**6) | st.integers(1, 3), min_size=1, max_size=256
)
specs = frequency_tables.map(lambda counts: optimal_spec(frequencies_of(counts)))

# Annex C – codes from lengths


def test_figures_c1_and_c2_by_hand() -> None:
    """Count upwards; a longer code appends zeros."""
    assert code_lengths(HuffmanSpec((0, 2, 1, 0, 2) + (0,) * 11, (9, 8, 7, 6, 5))) == [2, 2, 3, 5, 5]
    codes = canonical_codes([2, 2, 3, 5, 5])
    assert codes == [0b00, 0b01, 0b100, 0b10100, 0b10101]
    assert canonical_codes([]) == []
    assert canonical_codes([1]) == [0]
    assert canonical_codes([16]) == [0]


@BOUNDED
@given(specs)
def test_no_code_starts_another(spec: HuffmanSpec) -> None:
    """Prefix-free, and in rising order of length and of code."""
    words = list(code_words(spec).values())
    assert all(not b.startswith(a) for a in words for b in words if a is not b)
    assert words == sorted(words)
    assert [len(word) for word in words] == sorted(len(word) for word in words)


def test_the_longest_codes_that_fit() -> None:
    """Lengths 1, 2, …, 16 fill the tree up to the code of all ones; one more of 16 bits would be that."""
    codes = canonical_codes(list(range(1, 17)))
    assert codes == [(1 << length) - 2 for length in range(1, 17)]
    with pytest.raises(ValueError, match="16 bits overflow into the code of all ones"):
        canonical_codes([*range(1, 17), 16])


@pytest.mark.parametrize(
    ("lengths", "fault"),
    [
        pytest.param([1, 1], 1, id="all ones, 1 bit"),
        pytest.param([2, 2, 2, 2], 2, id="all ones, 2 bits"),
        pytest.param([1, 2, 3, 3], 3, id="all ones, 3 bits"),
        pytest.param([1, 1, 1], 1, id="over-full, 1 bit"),
        pytest.param([1, 2, 3, 3, 3, 3], 3, id="over-full, 3 bits"),
        pytest.param([1, 1, 5], 1, id="full before longer codes"),
        pytest.param([8] * 256, 8, id="256 of 8 bits"),
    ],
)
def test_c2_codes_of_all_ones_and_overfull_tables_are_refused(lengths: list[int], fault: int) -> None:
    """By each of the three ways to a code, and the message names the length at fault."""
    message = f"codes of {fault} bits overflow into the code of all ones"
    with pytest.raises(ValueError, match=message):
        canonical_codes(lengths)
    with pytest.raises(ValueError, match=message):
        encode_table(spec_of(lengths))
    with pytest.raises(ValueError, match=message):
        decode_table(spec_of(lengths))


def test_255_codes_of_8_bits_are_allowed() -> None:
    """All of 8 bits but the one of all ones."""
    assert canonical_codes([8] * 255) == list(range(255))


@BOUNDED
@given(specs)
def test_figure_c3_encode_table(spec: HuffmanSpec) -> None:
    """Codes by symbol; length 0 where a symbol has none."""
    table = encode_table(spec)
    assert table.codes.shape == table.lengths.shape == (256,)
    words = code_words(spec)
    for symbol in range(256):
        length = int(table.lengths[symbol])
        assert length == len(words.get(symbol, ""))
        if length:
            assert format(int(table.codes[symbol]), f"0{length}b") == words[symbol]


# F.2.2.3 – the tables of DECODE


def decoded(window: str, table: DecodeTable) -> tuple[int, int] | None:
    """Transcribe Figure F.16: the symbol that a string of 16 bits starts with, and its length."""
    for length in range(1, 17):
        code = int(window[:length], 2)
        if code <= table.max_code[length]:
            return table.values[table.value_pointer[length] + code - table.min_code[length]], length
    return None


def assert_decodes(spec: HuffmanSpec, windows: Sequence[int]) -> None:
    """Compare DECODE with a search through all code words."""
    table = decode_table(spec)
    words = {word: symbol for symbol, word in code_words(spec).items()}
    for window in windows:
        bits = format(window, "016b")
        starts = [(words[bits[:n]], n) for n in range(1, 17) if bits[:n] in words]
        assert decoded(bits, table) == (starts[0] if starts else None), bits


@pytest.mark.parametrize("spec", TYPICAL, ids=["K.3", "K.4", "K.5", "K.6"])
def test_typical_tables_decode_every_16_bits(spec: HuffmanSpec) -> None:
    """Brute force: every eleventh of all 65536, the ends included."""
    assert_decodes(spec, [*range(0, 1 << 16, 11), *range((1 << 16) - 40, 1 << 16)])


@settings(BOUNDED, max_examples=30)
@given(specs, st.lists(st.integers(0, 0xFFFF), min_size=1, max_size=100))
def test_any_table_decodes(spec: HuffmanSpec, windows: list[int]) -> None:
    """Brute force over random tables and bits."""
    assert_decodes(spec, [*windows, 0, 0xFFFF, 0xFFFE])


def test_gaps_between_lengths() -> None:
    """Lengths that do not occur match nothing."""
    spec = spec_of([3, 9, 16], first_symbol=100)
    assert_decodes(spec, range(0, 1 << 16, 5))
    table = decode_table(spec)
    assert [length for length in range(1, 17) if table.max_code[length] >= 0] == [3, 9, 16]


# K.2 – optimal tables


def huffman_cost(counts: Sequence[int]) -> int:
    """Return the bits of a plain Huffman code: the sum of all joined pairs."""
    heap, cost = [count for count in counts if count], 0
    heapq.heapify(heap)
    while len(heap) > 1:
        pair = heapq.heappop(heap) + heapq.heappop(heap)
        cost += pair
        heapq.heappush(heap, pair)
    return cost


def assert_valid(spec: HuffmanSpec, symbols: set[int]) -> None:
    """Check that a table is one of B.2.4.2 and C.2, and has a code for just these symbols."""
    assert len(spec.bits) == 16
    assert all(0 <= count <= 255 for count in spec.bits)
    assert sum(spec.bits) == len(spec.values) == len(symbols)
    assert set(spec.values) == symbols
    assert kraft_sum(spec) <= 1 - Fraction(1, 2**16)
    canonical_codes(code_lengths(spec))


@BOUNDED
@given(frequency_tables)
def test_k2_no_code_is_shorter(counts: dict[int, int]) -> None:
    """With the reserved code, the bits are those of a plain Huffman code, where no code exceeds 16 bits.

    The reserved code is the leaf that is missing in the tree, and it stands for a symbol that occurs once.
    """
    spec = optimal_spec(frequencies_of(counts))
    assert_valid(spec, set(counts))
    reserved = 1 - kraft_sum(spec)
    assert reserved.numerator == 1, "one leaf is missing, and no more"
    bits = sum(counts[symbol] * length for symbol, length in lengths_by_symbol(spec).items())
    optimum = huffman_cost([*counts.values(), 1])
    assert bits + reserved.denominator.bit_length() - 1 >= optimum
    if reserved.denominator < 2**16:  # else lengths may have been cut
        assert bits + reserved.denominator.bit_length() - 1 == optimum


@BOUNDED
@given(frequency_tables)
def test_k2_rarer_symbols_have_no_shorter_codes(counts: dict[int, int]) -> None:
    """Also where lengths were cut. Figure K.4: of symbols of one uncut length the smaller comes first."""
    spec = optimal_spec(frequencies_of(counts))
    lengths = lengths_by_symbol(spec)
    by_frequency = sorted(counts, key=lambda symbol: counts[symbol])
    for rare, common in pairwise(by_frequency):
        assert lengths[rare] >= lengths[common] or counts[rare] == counts[common]
    if max(lengths.values()) < 16:
        assert list(spec.values) == sorted(spec.values, key=lambda symbol: (lengths[symbol], symbol))


@pytest.mark.parametrize("powers", [15, 16, 17, 18, 25, 40])
def test_figure_k3_adjust_bits(powers: int) -> None:
    """Frequencies 1, 2, 4, … make a tree that is a chain: above 16 powers the longest codes are cut."""
    frequencies = frequencies_of({symbol: 2**symbol for symbol in range(powers)})
    spec = optimal_spec(frequencies)
    assert_valid(spec, set(range(powers)))
    lengths = lengths_by_symbol(spec)
    if powers <= 16:  # the reserved symbol and the rarest have the longest code, of `powers` bits
        assert [lengths[symbol] for symbol in range(powers)] == list(range(powers, 0, -1))
    else:
        assert max(lengths.values()) == 16
        assert kraft_sum(spec) == 1 - Fraction(1, 2**16), "the cut tree is full again"
        assert [lengths[powers - 1], lengths[powers - 2]] == [1, 2], "the commonest keep their codes"


def test_figure_k3_adjust_bits_by_hand() -> None:
    """Seventeen powers: a chain of lengths 1 … 16, and 17 twice, for symbol 0 and the reserved one.

    Of the pair, one takes the prefix of 16 bits. The next shorter length with a code, going down from
    15, is 15 itself: its code becomes two of 16 bits. So BITS(15) = 0, BITS(16) = 1 + 1 + 2, less the
    reserved code.
    """
    spec = optimal_spec(frequencies_of({symbol: 2**symbol for symbol in range(17)}))
    assert spec.bits == (1,) * 14 + (0, 3)
    assert spec.values == tuple(range(16, -1, -1)), "in the order of the lengths before the cut"


def test_fibonacci_frequencies() -> None:
    """The slowest growth whose Huffman tree is a chain: 40 symbols, cut to 16 bits."""
    fibonacci = [1, 1]
    while len(fibonacci) < 40:
        fibonacci.append(fibonacci[-1] + fibonacci[-2])
    spec = optimal_spec(frequencies_of(dict(enumerate(fibonacci))))
    assert_valid(spec, set(range(40)))
    assert max(code_lengths(spec)) == 16


def test_ties_take_the_larger_symbol_first() -> None:
    """Two symbols, once each: 9 is joined with the reserved symbol, so 5 has the shorter code."""
    assert optimal_spec(frequencies_of({5: 1, 9: 1})) == HuffmanSpec((1, 1) + (0,) * 14, (5, 9))
    assert optimal_spec(frequencies_of({0: 4, 200: 4})) == HuffmanSpec((1, 1) + (0,) * 14, (0, 200))


@pytest.mark.parametrize("symbol", [0, 7, 255])
def test_one_symbol(symbol: int) -> None:
    """One code, 0, of one bit, however often it occurs."""
    for count in (1, 10**9):
        spec = optimal_spec(frequencies_of({symbol: count}))
        assert spec == HuffmanSpec((1,) + (0,) * 15, (symbol,))
        assert code_words(spec) == {symbol: "0"}


def test_no_symbol() -> None:
    """An empty table, which makes no code and decodes nothing."""
    spec = optimal_spec([0] * 256)
    assert spec == HuffmanSpec((0,) * 16, ())
    assert not encode_table(spec).lengths.any()
    assert decoded("0" * 16, decode_table(spec)) is None


@pytest.mark.parametrize("count", [1, 2, 1000])
def test_256_symbols_alike(count: int) -> None:
    """257 leaves: 255 of eight bits, and two of nine, of which one is reserved; 255 is the larger symbol."""
    spec = optimal_spec([count] * 256)
    assert spec.bits == (0,) * 7 + (255, 1) + (0,) * 7
    assert spec.values == tuple(range(256))


def test_frequencies_are_left_alone() -> None:
    """Arrays of any integers are taken, and not written to."""
    frequencies = np.array(frequencies_of({1: 5, 2: 2, 3: 2**40}), np.int64)
    before = frequencies.copy()
    assert optimal_spec(frequencies) == optimal_spec(before.tolist())
    np.testing.assert_array_equal(frequencies, before)


@pytest.mark.parametrize("quality", [5, 60, 97])
def test_optimal_tables_are_libjpegs(quality: int) -> None:
    """The tables in a small optimised file, from the counts of its own coefficients, ties included."""
    data = peers.pillow_encode(pictures.grey(pictures.noise(24, 40)), quality=quality, optimize=True)
    jpeg = read(data)
    dc, ac = count_symbols(Scan(jpeg.frame, jpeg.scans[0]), jpeg.coefficients)
    for part, counts in zip(surgery.having(data, surgery.DHT), (dc[0], ac[0]), strict=True):
        spec = optimal_spec(counts)
        assert bytes((*spec.bits, *spec.values)) == part.payload[1:]
