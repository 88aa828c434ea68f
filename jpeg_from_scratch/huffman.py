"""Huffman codes: canonical codes from (BITS, HUFFVAL), tables for decoding, optimal tables for a picture.

A file does not store its codes. It stores how many codes there are of each length 1 ... 16 (BITS) and the
symbols in order of increasing code (HUFFVAL); the codes follow (Annex C). Counting upwards, the next code is
the last plus one, and whenever the length grows, a zero is appended:

    BITS = 0 2 1 ...   HUFFVAL = a b c     a = 00, b = 01, c = 100

So a longer code never starts with a shorter one. The code of all ones is never used (C.2), because a decoder
that meets the one-bits with which a segment is padded must not take them for a symbol.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np

from . import tables
from ._types import Array

__all__ = ["DecodeTable", "EncodeTable", "HuffmanSpec", "decode_table", "encode_table", "optimal_spec"]

MAX_LENGTH = 16


@dataclass(frozen=True)
class HuffmanSpec:
    """A Huffman table as a file specifies it (B.2.4.2).

    `bits`: 16 counts, how many codes have length 1 ... 16; `values`: the symbols 0 ... 255 in order of
    increasing code, as many as `bits` counts.
    """

    bits: tuple[int, ...]
    values: tuple[int, ...]

    def __post_init__(self) -> None:
        """Make any sequences tuples: tables are remembered by what they hold."""
        object.__setattr__(self, "bits", tuple(self.bits))
        object.__setattr__(self, "values", tuple(self.values))

    def __hash__(self) -> int:
        """Return what tables made from this one are remembered by."""
        return self._hash

    @cached_property
    def _hash(self) -> int:
        return hash((self.bits, self.values))

    @staticmethod
    @lru_cache(maxsize=1)
    def typical_dc() -> tuple[HuffmanSpec, HuffmanSpec]:
        """Tables K.3 (luminance) and K.4 (chrominance)."""
        return (
            HuffmanSpec(tables.DC_LUMINANCE_BITS, tables.DC_LUMINANCE_VALUES),
            HuffmanSpec(tables.DC_CHROMINANCE_BITS, tables.DC_CHROMINANCE_VALUES),
        )

    @staticmethod
    @lru_cache(maxsize=1)
    def typical_ac() -> tuple[HuffmanSpec, HuffmanSpec]:
        """Tables K.5 (luminance) and K.6 (chrominance)."""
        return (
            HuffmanSpec(tables.AC_LUMINANCE_BITS, tables.AC_LUMINANCE_VALUES),
            HuffmanSpec(tables.AC_CHROMINANCE_BITS, tables.AC_CHROMINANCE_VALUES),
        )


def code_lengths(spec: HuffmanSpec) -> list[int]:
    """Return HUFFSIZE: the length of each code, in order of increasing code (Figure C.1).

    Examples
    --------
    >>> code_lengths(HuffmanSpec((0, 2, 1) + (0,) * 13, (7, 8, 9)))
    [2, 2, 3]
    """
    return [length for length, count in enumerate(spec.bits, 1) for _ in range(count)]


def canonical_codes(lengths: list[int]) -> list[int]:
    """Return HUFFCODE: the codes that belong to ascending code lengths (Figure C.2).

    Raises
    ------
    ValueError
        If there are more codes of some length than fit, or if the last code is all ones (C.2 forbids it).

    Examples
    --------
    >>> [format(code, "b") for code in canonical_codes([2, 2, 3])]
    ['0', '1', '100']
    """
    codes = []
    code = 0
    previous = lengths[0] if lengths else 0
    for length in lengths:
        code <<= length - previous
        previous = length
        if code >= (1 << length) - 1:
            raise ValueError(f"the codes of {length} bits overflow into the code of all ones")
        codes.append(code)
        code += 1
    return codes


@dataclass(frozen=True, eq=False)
class EncodeTable:
    """EHUFCO and EHUFSI: code and code length by symbol (Figure C.3). Length 0: the symbol has no code.

    Both are int32 arrays of shape (256,).
    """

    codes: Array
    lengths: Array


@lru_cache(maxsize=64)
def encode_table(spec: HuffmanSpec) -> EncodeTable:
    """Order the codes of a specification by symbol (Figure C.3). `ValueError` as for `canonical_codes`."""
    lengths = code_lengths(spec)
    table = EncodeTable(np.zeros(256, np.int32), np.zeros(256, np.int32))
    for symbol, code, length in zip(spec.values, canonical_codes(lengths), lengths):
        table.codes[symbol] = code
        table.lengths[symbol] = length
    return table


@dataclass(frozen=True, eq=False)
class DecodeTable:
    """MINCODE, MAXCODE and VALPTR (Figure F.15), and the symbols.

    Codes of one length are consecutive numbers. If the first `length` bits read are not above
    ``max_code[length]``, they are a code of this length, and its symbol is
    ``values[value_pointer[length] + bits − min_code[length]]``. ``max_code`` is −1 where no code has this
    length. All but `values` are lists of 17, index 0 unused.
    """

    min_code: list[int]
    max_code: list[int]
    value_pointer: list[int]
    values: tuple[int, ...]


@lru_cache(maxsize=64)
def decode_table(spec: HuffmanSpec) -> DecodeTable:
    """Derive the tables that DECODE (F.2.2.3) needs. `ValueError` as for `canonical_codes`."""
    codes = canonical_codes(code_lengths(spec))
    min_code, max_code, value_pointer = [0] * 17, [-1] * 17, [0] * 17
    first = 0
    for length, count in enumerate(spec.bits, 1):
        if count:
            value_pointer[length] = first
            min_code[length] = codes[first]
            max_code[length] = codes[first + count - 1]
            first += count
    return DecodeTable(min_code, max_code, value_pointer, spec.values)


def optimal_spec(frequencies: Array) -> HuffmanSpec:
    """Make the Huffman table that codes symbols of known frequencies in the fewest bits (K.2).

    Parameters
    ----------
    frequencies : array_like of int, shape (256,)
        How often each symbol occurs.

    Returns
    -------
    HuffmanSpec
        Codes for the symbols that occur, none longer than 16 bits, none all ones.

    Notes
    -----
    Huffman's construction joins the two rarest groups of symbols again and again; each time, the codes of
    both groups grow by one bit. Two additions make the result a JPEG table. A 257th symbol that occurs once
    takes the longest code, and is then dropped: it is the one that would have been all ones. And lengths
    above 16, which frequencies like 1, 2, 4, 8, ... bring about, are cut by moving codes in the tree
    (Adjust_BITS). Among equal frequencies the larger symbol is taken first, as the figures and libjpeg do
    it, so that files can be equal byte for byte.

    References
    ----------
    T.81, K.2: Figures K.1 (Code_size), K.2 (Count_BITS), K.3 (Adjust_BITS), K.4 (Sort_input).

    Examples
    --------
    >>> frequencies = np.zeros(256, int)
    >>> frequencies[[1, 2, 3]] = 50, 30, 20
    >>> optimal_spec(frequencies)
    HuffmanSpec(bits=(1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0), values=(1, 2, 3))
    """
    code_size = _code_sizes([*(int(count) for count in np.asarray(frequencies).tolist()), 1])
    # Figure K.2 – Procedure to find the number of codes of each size
    counts = [0] * (max(code_size) + 2)
    for size in code_size:
        counts[size] += 1
    counts[0] = 0  # symbols that do not occur
    # Figure K.4 – Sorting of input values according to code size; the 257th symbol is left out.
    values = [symbol for symbol in range(256) if code_size[symbol]]
    values.sort(key=code_size.__getitem__)
    return HuffmanSpec(tuple(_adjust_bits(counts)), tuple(values))


def _code_sizes(frequencies: list[int]) -> list[int]:
    """Figure K.1 – Procedure to find Huffman code sizes."""
    # A group goes by the symbol that was its rarest. Smallest count first; among equals, the larger symbol.
    # Groups are nodes of a tree, symbols its leaves: so a code grows with all others of its group at once.
    groups = [(count, -symbol, symbol) for symbol, count in enumerate(frequencies) if count]
    heapq.heapify(groups)
    parents = [0] * len(frequencies)
    while len(groups) > 1:
        count, name, node = heapq.heappop(groups)
        other_count, _, other = groups[0]
        parents[node] = parents[other] = len(parents)
        heapq.heapreplace(groups, (count + other_count, name, len(parents)))
        parents.append(0)
    code_size = [0] * len(parents)
    for node in range(len(parents) - 2, -1, -1):  # from the root, made last, down to the leaves
        if parents[node]:
            code_size[node] = code_size[parents[node]] + 1
    return code_size[: len(frequencies)]


def _adjust_bits(counts: list[int]) -> list[int]:
    """Figure K.3 – Procedure for limiting code lengths to 16 bits, and removal of the 257th symbol's code.

    Take a pair of codes of the longest length i. One of them gets the pair's common prefix, a code of i − 1
    bits. The other is put beside the next shorter code of j < i − 1 bits: this code and the newcomer become
    that code with a zero and a one appended.
    """
    counts = counts + [0] * (MAX_LENGTH + 1 - len(counts))
    for i in range(len(counts) - 1, MAX_LENGTH, -1):
        while counts[i] > 0:
            j = i - 2
            while counts[j] == 0:
                j -= 1
            counts[i] -= 2
            counts[i - 1] += 1
            counts[j + 1] += 2
            counts[j] -= 1
    longest = max((size for size, count in enumerate(counts) if count), default=0)
    if longest:
        counts[longest] -= 1
    return counts[1 : MAX_LENGTH + 1]
