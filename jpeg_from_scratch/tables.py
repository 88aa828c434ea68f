"""Data of the standard, and nothing else: marker codes, the zigzag order, the tables of Annex K.

Order of coefficients. *Natural order* is row by row through the 8×8 block, row = vertical frequency,
column = horizontal frequency. *Zigzag order* is the order in which a file stores them (T.81 Figure A.6):
along the anti-diagonals, low frequencies first, so that the zeros gather at the end.
"""

from __future__ import annotations

import numpy as np

# --------------------------------------------------------------------------------------------------
# B.1.1.3 – Marker assignments (Table B.1). A marker is the byte X'FF' followed by one of these codes.

SOF0 = 0xC0  # baseline DCT, Huffman
SOF1 = 0xC1  # extended sequential DCT, Huffman
SOF2 = 0xC2  # progressive DCT, Huffman
SOF3 = 0xC3  # lossless, Huffman
SOF9 = 0xC9  # extended sequential DCT, arithmetic
SOF10 = 0xCA  # progressive DCT, arithmetic
SOF11 = 0xCB  # lossless, arithmetic
DHT = 0xC4  # define Huffman tables
DAC = 0xCC  # define arithmetic coding conditioning
RST0 = 0xD0  # restart with modulo 8 count 0 ... RST7 = 0xD7
RST7 = 0xD7
SOI = 0xD8  # start of image
EOI = 0xD9  # end of image
SOS = 0xDA  # start of scan
DQT = 0xDB  # define quantization tables
DNL = 0xDC  # define number of lines
DRI = 0xDD  # define restart interval
DHP = 0xDE  # define hierarchical progression
EXP = 0xDF  # expand reference components
APP0 = 0xE0  # application data ... APP15 = 0xEF
APP14 = 0xEE
APP15 = 0xEF
COM = 0xFE  # comment
TEM = 0x01  # for temporary private use in arithmetic coding

MARKER_NAMES: dict[int, str] = {
    **{0xC0 + n: f"SOF{n}" for n in range(16) if n not in (4, 8, 12)},
    DHT: "DHT",
    0xC8: "JPG",
    DAC: "DAC",
    **{RST0 + n: f"RST{n}" for n in range(8)},
    SOI: "SOI",
    EOI: "EOI",
    SOS: "SOS",
    DQT: "DQT",
    DNL: "DNL",
    DRI: "DRI",
    DHP: "DHP",
    EXP: "EXP",
    **{APP0 + n: f"APP{n}" for n in range(16)},
    **{0xF0 + n: f"JPG{n}" for n in range(14)},
    COM: "COM",
    TEM: "TEM",
}

# The coding process that a start-of-frame marker announces (Table B.1).
PROCESSES: dict[int, str] = {
    0xC0: "baseline DCT (SOF0)",
    0xC1: "extended sequential DCT (SOF1)",
    0xC2: "progressive DCT (SOF2)",
    0xC3: "lossless (SOF3)",
    0xC5: "hierarchical, differential sequential DCT (SOF5)",
    0xC6: "hierarchical, differential progressive DCT (SOF6)",
    0xC7: "hierarchical, differential lossless (SOF7)",
    0xC9: "extended sequential DCT with arithmetic coding (SOF9)",
    0xCA: "progressive DCT with arithmetic coding (SOF10)",
    0xCB: "lossless with arithmetic coding (SOF11)",
    0xCD: "hierarchical, differential sequential DCT with arithmetic coding (SOF13)",
    0xCE: "hierarchical, differential progressive DCT with arithmetic coding (SOF14)",
    0xCF: "hierarchical, differential lossless with arithmetic coding (SOF15)",
}
HIERARCHICAL = (0xC5, 0xC6, 0xC7, 0xCD, 0xCE, 0xCF)  # SOF5 ... SOF7, SOF13 ... SOF15

# --------------------------------------------------------------------------------------------------
# A.3.6 – Zig-zag sequence (Figure A.6). ZIGZAG_INDEX[row, column] is the place k of a coefficient in the
# zigzag sequence; NATURAL_INDEX[k] is the place 8·row + column in natural order of the k-th of the sequence.

ZIGZAG_INDEX = np.array(
    [
        [0, 1, 5, 6, 14, 15, 27, 28],
        [2, 4, 7, 13, 16, 26, 29, 42],
        [3, 8, 12, 17, 25, 30, 41, 43],
        [9, 11, 18, 24, 31, 40, 44, 53],
        [10, 19, 23, 32, 39, 45, 52, 54],
        [20, 22, 33, 38, 46, 51, 55, 60],
        [21, 34, 37, 47, 50, 56, 59, 61],
        [35, 36, 48, 49, 57, 58, 62, 63],
    ]
)
NATURAL_INDEX = np.argsort(ZIGZAG_INDEX.ravel())

# --------------------------------------------------------------------------------------------------
# K.1 – Quantization tables for luminance and chrominance components, natural order.

# Table K.1
LUMINANCE_QUANTIZATION = np.array(
    [
        [16, 11, 10, 16, 24, 40, 51, 61],
        [12, 12, 14, 19, 26, 58, 60, 55],
        [14, 13, 16, 24, 40, 57, 69, 56],
        [14, 17, 22, 29, 51, 87, 80, 62],
        [18, 22, 37, 56, 68, 109, 103, 77],
        [24, 35, 55, 64, 81, 104, 113, 92],
        [49, 64, 78, 87, 103, 121, 120, 101],
        [72, 92, 95, 98, 112, 100, 103, 99],
    ]
)
# Table K.2
CHROMINANCE_QUANTIZATION = np.array(
    [
        [17, 18, 24, 47, 99, 99, 99, 99],
        [18, 21, 26, 66, 99, 99, 99, 99],
        [24, 26, 56, 99, 99, 99, 99, 99],
        [47, 66, 99, 99, 99, 99, 99, 99],
        [99, 99, 99, 99, 99, 99, 99, 99],
        [99, 99, 99, 99, 99, 99, 99, 99],
        [99, 99, 99, 99, 99, 99, 99, 99],
        [99, 99, 99, 99, 99, 99, 99, 99],
    ]
)

# --------------------------------------------------------------------------------------------------
# K.3 – Typical Huffman tables for 8-bit precision luminance and chrominance, as BITS (how many codes of each
# length 1 ... 16) and HUFFVAL (the symbols in order of increasing code).

# Table K.3
DC_LUMINANCE_BITS = (0, 1, 5, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0)
DC_LUMINANCE_VALUES = tuple(range(12))

# Table K.4
DC_CHROMINANCE_BITS = (0, 3, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0)
DC_CHROMINANCE_VALUES = tuple(range(12))

# Table K.5
AC_LUMINANCE_BITS = (0, 2, 1, 3, 3, 2, 4, 3, 5, 5, 4, 4, 0, 0, 1, 125)
AC_LUMINANCE_VALUES = tuple(
    bytes.fromhex(
        "01 02 03 00 04 11 05 12 21 31 41 06 13 51 61 07"
        "22 71 14 32 81 91 A1 08 23 42 B1 C1 15 52 D1 F0"
        "24 33 62 72 82 09 0A 16 17 18 19 1A 25 26 27 28"
        "29 2A 34 35 36 37 38 39 3A 43 44 45 46 47 48 49"
        "4A 53 54 55 56 57 58 59 5A 63 64 65 66 67 68 69"
        "6A 73 74 75 76 77 78 79 7A 83 84 85 86 87 88 89"
        "8A 92 93 94 95 96 97 98 99 9A A2 A3 A4 A5 A6 A7"
        "A8 A9 AA B2 B3 B4 B5 B6 B7 B8 B9 BA C2 C3 C4 C5"
        "C6 C7 C8 C9 CA D2 D3 D4 D5 D6 D7 D8 D9 DA E1 E2"
        "E3 E4 E5 E6 E7 E8 E9 EA F1 F2 F3 F4 F5 F6 F7 F8"
        "F9 FA"
    )
)

# Table K.6
AC_CHROMINANCE_BITS = (0, 2, 1, 2, 4, 4, 3, 4, 7, 5, 4, 4, 0, 1, 2, 119)
AC_CHROMINANCE_VALUES = tuple(
    bytes.fromhex(
        "00 01 02 03 11 04 05 21 31 06 12 41 51 07 61 71"
        "13 22 32 81 08 14 42 91 A1 B1 C1 09 23 33 52 F0"
        "15 62 72 D1 0A 16 24 34 E1 25 F1 17 18 19 1A 26"
        "27 28 29 2A 35 36 37 38 39 3A 43 44 45 46 47 48"
        "49 4A 53 54 55 56 57 58 59 5A 63 64 65 66 67 68"
        "69 6A 73 74 75 76 77 78 79 7A 82 83 84 85 86 87"
        "88 89 8A 92 93 94 95 96 97 98 99 9A A2 A3 A4 A5"
        "A6 A7 A8 A9 AA B2 B3 B4 B5 B6 B7 B8 B9 BA C2 C3"
        "C4 C5 C6 C7 C8 C9 CA D2 D3 D4 D5 D6 D7 D8 D9 DA"
        "E2 E3 E4 E5 E6 E7 E8 E9 EA F2 F3 F4 F5 F6 F7 F8"
        "F9 FA"
    )
)


# --------------------------------------------------------------------------------------------------
# Table D.3 – Qe values and probability estimation state machine

_ESTIMATION_TEXT = (
    "5A1D 1 1 1, 2586 14 2 0, 1114 16 3 0, 080B 18 4 0, 03D8 20 5 0, 01DA 23 6 0,"
    "00E5 25 7 0, 006F 28 8 0, 0036 30 9 0, 001A 33 10 0, 000D 35 11 0, 0006 9 12 0,"
    "0003 10 13 0, 0001 12 13 0, 5A7F 15 15 1, 3F25 36 16 0, 2CF2 38 17 0, 207C 39 18 0,"
    "17B9 40 19 0, 1182 42 20 0, 0CEF 43 21 0, 09A1 45 22 0, 072F 46 23 0, 055C 48 24 0,"
    "0406 49 25 0, 0303 51 26 0, 0240 52 27 0, 01B1 54 28 0, 0144 56 29 0, 00F5 57 30 0,"
    "00B7 59 31 0, 008A 60 32 0, 0068 62 33 0, 004E 63 34 0, 003B 32 35 0, 002C 33 9 0,"
    "5AE1 37 37 1, 484C 64 38 0, 3A0D 65 39 0, 2EF1 67 40 0, 261F 68 41 0, 1F33 69 42 0,"
    "19A8 70 43 0, 1518 72 44 0, 1177 73 45 0, 0E74 74 46 0, 0BFB 75 47 0, 09F8 77 48 0,"
    "0861 78 49 0, 0706 79 50 0, 05CD 48 51 0, 04DE 50 52 0, 040F 50 53 0, 0363 51 54 0,"
    "02D4 52 55 0, 025C 53 56 0, 01F8 54 57 0, 01A4 55 58 0, 0160 56 59 0, 0125 57 60 0,"
    "00F6 58 61 0, 00CB 59 62 0, 00AB 61 63 0, 008F 61 32 0, 5B12 65 65 1, 4D04 80 66 0,"
    "412C 81 67 0, 37D8 82 68 0, 2FE8 83 69 0, 293C 84 70 0, 2379 86 71 0, 1EDF 87 72 0,"
    "1AA9 87 73 0, 174E 72 74 0, 1424 72 75 0, 119C 74 76 0, 0F6B 74 77 0, 0D51 75 78 0,"
    "0BB6 77 79 0, 0A40 77 48 0, 5832 80 81 1, 4D1C 88 82 0, 438E 89 83 0, 3BDD 90 84 0,"
    "34EE 91 85 0, 2EAE 92 86 0, 299A 93 87 0, 2516 86 71 0, 5570 88 89 1, 4CA9 95 90 0,"
    "44D9 96 91 0, 3E22 97 92 0, 3824 99 93 0, 32B4 99 94 0, 2E17 93 86 0, 56A8 95 96 1,"
    "4F46 101 97 0, 47E5 102 98 0, 41CF 103 99 0, 3C3D 104 100 0, 375E 99 93 0, 5231 105 102 0,"
    "4C0F 106 103 0, 4639 107 104 0, 415E 103 99 0, 5627 105 106 1, 50E7 108 107 0, 4B85 109 103 0,"
    "5597 110 109 0, 504F 111 107 0, 5A10 110 111 1, 5522 112 109 0, 59EB 112 111 1"
)
# By index: Qe, Next_Index_LPS, Next_Index_MPS, Switch_MPS.
ESTIMATION: tuple[tuple[int, int, int, int], ...] = tuple(
    (int(qe, 16), int(next_lps), int(next_mps), int(switch))
    for qe, next_lps, next_mps, switch in map(str.split, _ESTIMATION_TEXT.split(","))
)
