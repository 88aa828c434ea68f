"""The data of the standard: marker codes, the zigzag order, the tables of Annex K."""

from __future__ import annotations

from fractions import Fraction

import jpeg_peers as peers
import jpeg_pictures as pictures
import jpeg_surgery as surgery
import numpy as np
import numpy.typing as npt
import pytest

from jpeg_from_scratch import tables
from jpeg_from_scratch.huffman import HuffmanSpec, encode_table

HUFFMAN_TABLES = {
    "K.3": (tables.DC_LUMINANCE_BITS, tables.DC_LUMINANCE_VALUES),
    "K.4": (tables.DC_CHROMINANCE_BITS, tables.DC_CHROMINANCE_VALUES),
    "K.5": (tables.AC_LUMINANCE_BITS, tables.AC_LUMINANCE_VALUES),
    "K.6": (tables.AC_CHROMINANCE_BITS, tables.AC_CHROMINANCE_VALUES),
}

# Codes as Annex K.3 prints them: per table, symbol (for AC: 16 · run + size) and code.
PRINTED_CODES = {
    "K.3": {
        0: "00",
        1: "010",
        2: "011",
        3: "100",
        4: "101",
        5: "110",
        6: "1110",
        7: "11110",
        8: "111110",
        9: "1111110",
        10: "11111110",
        11: "111111110",
    },
    "K.4": {
        0: "00",
        1: "01",
        2: "10",
        3: "110",
        4: "1110",
        5: "11110",
        6: "111110",
        7: "1111110",
        8: "11111110",
        9: "111111110",
        10: "1111111110",
        11: "11111111110",
    },
    "K.5": {
        0x00: "1010",
        0x01: "00",
        0x02: "01",
        0x03: "100",
        0x04: "1011",
        0x05: "11010",
        0x06: "1111000",
        0x07: "11111000",
        0x08: "1111110110",
        0x09: "1111111110000010",
        0x0A: "1111111110000011",
        0x11: "1100",
        0x12: "11011",
        0x21: "11100",
        0x31: "111010",
        0xF0: "11111111001",
        0xFA: "1111111111111110",
    },
    "K.6": {
        0x00: "00",
        0x01: "01",
        0x02: "100",
        0x03: "1010",
        0x04: "11000",
        0x11: "1011",
        0xF0: "1111111010",
        0xFA: "1111111111111110",
    },
}


def anti_diagonal_walk() -> list[tuple[int, int]]:
    """Walk an 8×8 block as Figure A.6 draws it: (row, column) along the anti-diagonals, turning at the edges.

    Even diagonals rise to the right, odd ones fall to the left.
    """
    walk = []
    for diagonal in range(15):
        places = [(row, diagonal - row) for row in range(8) if 0 <= diagonal - row < 8]
        walk += places if diagonal % 2 else places[::-1]
    return walk


def test_figure_a6_zigzag_sequence() -> None:
    """The zigzag order is the walk along the anti-diagonals, and visits each coefficient once."""
    walk = anti_diagonal_walk()
    assert walk[:6] == [(0, 0), (0, 1), (1, 0), (2, 0), (1, 1), (0, 2)]
    assert [tables.ZIGZAG_INDEX[place] for place in walk] == list(range(64))
    assert tables.NATURAL_INDEX.tolist() == [8 * row + column for row, column in walk]


def test_the_two_zigzag_indices_are_inverse_permutations() -> None:
    """From natural order to zigzag order and back."""
    assert sorted(tables.NATURAL_INDEX.tolist()) == list(range(64))
    assert tables.ZIGZAG_INDEX.ravel()[tables.NATURAL_INDEX].tolist() == list(range(64))
    assert tables.NATURAL_INDEX[tables.ZIGZAG_INDEX.ravel()].tolist() == list(range(64))


def test_table_b1_marker_codes() -> None:
    """Codes and names of the markers, and the codes that Table B.1 reserves have no name."""
    expected = {
        **{f"SOF{n}": 0xC0 + n for n in (0, 1, 2, 3, 5, 6, 7, 9, 10, 11, 13, 14, 15)},
        "DHT": 0xC4,
        "JPG": 0xC8,
        "DAC": 0xCC,
        **{f"RST{n}": 0xD0 + n for n in range(8)},
        "SOI": 0xD8,
        "EOI": 0xD9,
        "SOS": 0xDA,
        "DQT": 0xDB,
        "DNL": 0xDC,
        "DRI": 0xDD,
        "DHP": 0xDE,
        "EXP": 0xDF,
        "COM": 0xFE,
        "TEM": 0x01,
        **{f"APP{n}": 0xE0 + n for n in range(16)},
        **{f"JPG{n}": 0xF0 + n for n in range(14)},
    }
    assert {name: code for code, name in tables.MARKER_NAMES.items()} == expected
    assert len(tables.MARKER_NAMES) == len(expected)
    constants = ("SOF0", "SOF1", "DHT", "DAC", "RST0", "RST7", "SOI", "EOI", "SOS", "DQT", "DNL", "DRI")
    for name in (*constants, "DHP", "EXP", "APP0", "APP14", "APP15", "COM", "TEM"):
        assert getattr(tables, name) == expected[name], name


def test_table_b1_processes() -> None:
    """Every frame marker announces a process, which names it; SOF9 and above are arithmetic."""
    frames = {code for code, name in tables.MARKER_NAMES.items() if name.startswith("SOF")}
    assert set(tables.PROCESSES) == frames
    for code, words in tables.PROCESSES.items():
        assert words.endswith(f"({tables.MARKER_NAMES[code]})")
        assert ("arithmetic" in words) == (code >= 0xC9)
        assert ("hierarchical" in words) == (code % 8 in (5, 6, 7))
        assert ("lossless" in words) == (code % 4 == 3)
        assert ("progressive" in words) == (code % 4 == 2)


# Annex K.1


def libjpeg_tables(image: pictures.Picture) -> list[npt.NDArray[np.uint8]]:
    """Return the quantisation tables of libjpeg at quality 50, put in natural order by the walk."""
    parts = surgery.having(peers.pillow_encode(image, quality=50), surgery.DQT)
    natural = []
    for part in parts:
        table = np.zeros((8, 8), np.uint8)
        for place, step in zip(anti_diagonal_walk(), part.payload[1:]):
            table[place] = step
        natural.append(table)
    return natural


def test_tables_k1_and_k2_are_those_of_libjpeg() -> None:
    """Quality 50 of libjpeg means the tables of Annex K.1 as they are."""
    luminance, chrominance = libjpeg_tables(pictures.synthetic(8, 8))
    np.testing.assert_array_equal(tables.LUMINANCE_QUANTIZATION, luminance)
    np.testing.assert_array_equal(tables.CHROMINANCE_QUANTIZATION, chrominance)


def test_tables_k1_and_k2_by_hand() -> None:
    """Corners, sums of rows, and the shape that the standard's tables have."""
    luminance, chrominance = tables.LUMINANCE_QUANTIZATION, tables.CHROMINANCE_QUANTIZATION
    assert luminance.shape == chrominance.shape == (8, 8)
    assert luminance.sum(axis=1).tolist() == [229, 256, 289, 362, 490, 568, 723, 771]
    assert (luminance[0, 0], luminance[0, 7], luminance[7, 0], luminance[7, 7]) == (16, 61, 72, 99)
    assert (luminance.min(), luminance.max(), luminance[6, 5]) == (10, 121, 121)
    assert chrominance[:4, :4].tolist() == [
        [17, 18, 24, 47],
        [18, 21, 26, 66],
        [24, 26, 56, 99],
        [47, 66, 99, 99],
    ]
    np.testing.assert_array_equal(chrominance, chrominance.T)
    assert (chrominance == 99).sum() == 51


# Annex K.3


@pytest.mark.parametrize("name", HUFFMAN_TABLES)
def test_bits_count_the_values(name: str) -> None:
    """BITS has sixteen counts, which sum to the number of symbols; no symbol stands twice."""
    bits, values = HUFFMAN_TABLES[name]
    assert len(bits) == 16
    assert sum(bits) == len(values) == len(set(values))


@pytest.mark.parametrize("name", ["K.3", "K.4"])
def test_dc_tables_have_every_category(name: str) -> None:
    """F.1.2.1.2: differences of 8-bit samples have the categories 0 … 11."""
    assert sorted(HUFFMAN_TABLES[name][1]) == list(range(12))


@pytest.mark.parametrize("name", ["K.5", "K.6"])
def test_ac_tables_have_every_symbol(name: str) -> None:
    """F.1.2.2.1: every run 0 … 15 with every size 1 … 10, EOB and ZRL."""
    expected = {16 * run + size for run in range(16) for size in range(1, 11)} | {0x00, 0xF0}
    assert set(HUFFMAN_TABLES[name][1]) == expected
    assert len(expected) == 162


@pytest.mark.parametrize("name", HUFFMAN_TABLES)
def test_kraft_sum_leaves_one_code_of_all_ones(name: str) -> None:
    """The codes fill the tree but for one leaf: the code of all ones, which C.2 reserves."""
    bits, _ = HUFFMAN_TABLES[name]
    longest = max(length for length, count in enumerate(bits, 1) if count)
    kraft = sum(Fraction(count, 2**length) for length, count in enumerate(bits, 1))
    assert kraft == 1 - Fraction(1, 2**longest)


@pytest.mark.parametrize("name", HUFFMAN_TABLES)
def test_codes_as_printed_in_annex_k3(name: str) -> None:
    """The canonical procedure makes the codes that the tables print."""
    table = encode_table(HuffmanSpec(*HUFFMAN_TABLES[name]))
    for symbol, code in PRINTED_CODES[name].items():
        assert format(int(table.codes[symbol]), f"0{int(table.lengths[symbol])}b") == code, f"{symbol:02X}"


def test_huffman_tables_are_those_of_libjpeg() -> None:
    """A file of libjpeg that was not optimised holds K.3, K.5, K.4, K.6 in this order."""
    parts = surgery.having(peers.pillow_encode(pictures.synthetic(8, 8)), surgery.DHT)
    expected = [(0x00, "K.3"), (0x10, "K.5"), (0x01, "K.4"), (0x11, "K.6")]
    found = [(part.payload[0], part.payload[1:]) for part in parts]
    assert found == [
        (head, bytes((*HUFFMAN_TABLES[name][0], *HUFFMAN_TABLES[name][1]))) for head, name in expected
    ]
