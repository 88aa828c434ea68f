"""Coefficients as symbols: DC prediction, the zigzag order, run-lengths, and numbers as category plus bits.

After quantisation most coefficients are zero and the others are small. Three steps turn that into few bits,
before any Huffman code is chosen:

1. The DC coefficient, the mean of the block, resembles the last block's: only the *difference* is coded
   (A.3.5; differential pulse code modulation, DPCM).
2. The 63 AC coefficients are read in zigzag order, which gathers the zeros into long runs (A.3.6).
3. A value is split in two: its *category* SSSS, the number of bits of its magnitude, and these bits
   themselves (Tables F.1, F.2). The category is Huffman coded, together with the length of the run of zeros
   before it; the bits follow as they are, for they are nearly random.

A number of category 3 is one of −7 ... −4, 4 ... 7. Its three additional bits are the number itself if it is
positive, and the number minus one, in two's complement, if it is negative:

    −7  000    −6  001    −5  010    −4  011    4  100    5  101    6  110    7  111
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from . import tables
from ._types import Array

__all__ = [
    "EOB",
    "ZRL",
    "category",
    "dc_differences",
    "dc_values",
    "extend",
    "magnitude_bits",
    "run_length",
    "run_length_inverse",
    "zigzag",
    "zigzag_inverse",
]

EOB = 0x00  # end of block: all that follows is zero
ZRL = 0xF0  # zero run length: sixteen zeros, more to come

_NATURAL_INDEX: list[int] = tables.NATURAL_INDEX.tolist()


def dc_differences(dc: Array, dc_pred: int = 0) -> Array:
    """Subtract from each DC coefficient the one before it (A.3.5: DIFF = DC − PRED).

    Parameters
    ----------
    dc : ndarray of int, shape (n,)
        DC coefficients of one component in the order of coding.
    dc_pred : int
        PRED for the first: 0 at the start of a scan and of each restart interval.

    Returns
    -------
    ndarray of int32, shape (n,)

    Examples
    --------
    >>> dc_differences(np.array([50, 52, 49]))
    array([50,  2, -3], dtype=int32)
    """
    return np.diff(np.asarray(dc, np.int32), prepend=np.int32(dc_pred))


def dc_values(differences: Array, dc_pred: int = 0) -> Array:
    """Add the differences up again; the inverse of `dc_differences`.

    Examples
    --------
    >>> dc_values(np.array([50, 2, -3]))
    array([50, 52, 49], dtype=int32)
    """
    return np.cumsum(np.asarray(differences, np.int32), dtype=np.int32) + np.int32(dc_pred)


def zigzag(block: Array) -> list[int]:
    """Read a block in zigzag order (A.3.6).

    Parameters
    ----------
    block : ndarray of int, shape (8, 8)
        Quantised coefficients in natural order.

    Returns
    -------
    list of 64 int
        ZZ(0) ... ZZ(63): the DC coefficient, then the AC coefficients by rising frequency.

    Examples
    --------
    >>> zigzag(np.arange(64).reshape(8, 8))[:10]
    [0, 1, 8, 16, 9, 2, 3, 10, 17, 24]
    """
    natural = block.ravel().tolist()
    return [natural[i] for i in _NATURAL_INDEX]


def zigzag_inverse(zz: Sequence[int]) -> Array:
    """Put 64 coefficients in zigzag order back into an (8, 8) block in natural order.

    Examples
    --------
    >>> block = np.arange(64).reshape(8, 8)
    >>> bool(np.all(zigzag_inverse(zigzag(block)) == block))
    True
    """
    return np.asarray(zz)[tables.ZIGZAG_INDEX]


def category(value: int) -> int:
    """Return SSSS: how many bits the magnitude of `value` has (Tables F.1 and F.2).

    Examples
    --------
    >>> [category(v) for v in (0, 1, -1, 2, -3, 4, -7, 1023)]
    [0, 1, 1, 2, 2, 3, 3, 10]
    """
    return abs(value).bit_length()


def magnitude_bits(value: int, size: int) -> int:
    """Return the additional bits that tell `value` apart within its category (F.1.2.1.1).

    Parameters
    ----------
    value : int
        The number to code.
    size : int
        Its category SSSS.

    Returns
    -------
    int
        `size` bits: `value` itself if positive, the low bits of `value` − 1 if negative.

    Examples
    --------
    >>> [format(magnitude_bits(v, 3), "03b") for v in (-7, -4, 4, 7)]
    ['000', '011', '100', '111']
    """
    return value if value >= 0 else value + (1 << size) - 1


def extend(bits: int, size: int) -> int:
    """Return the number that `size` additional bits stand for: EXTEND (Figure F.12).

    Examples
    --------
    >>> [extend(bits, 3) for bits in (0b000, 0b011, 0b100, 0b111)]
    [-7, -4, 4, 7]
    """
    if size == 0:
        return 0
    return bits if bits >> (size - 1) else bits - (1 << size) + 1


def run_length(zz: Sequence[int]) -> list[tuple[int, int]]:
    """Turn the AC coefficients of a block into symbols (F.1.2.2.1; Figure F.2).

    Parameters
    ----------
    zz : sequence of 64 int
        Coefficients in zigzag order; ``zz[0]``, the DC coefficient, is left out.

    Returns
    -------
    list of (symbol, value)
        `symbol` is RRRRSSSS: 16 × the number of zeros before the value, plus the value's category. Sixteen
        zeros before a later value are the symbol `ZRL`; zeros up to the end are one `EOB`. Both have value 0.

    Examples
    --------
    >>> zz = [99, 5, 0, 0, -2] + [0] * 59
    >>> [(hex(symbol), value) for symbol, value in run_length(zz)]
    [('0x3', 5), ('0x22', -2), ('0x0', 0)]
    """
    symbols = []
    run = 0
    for value in zz[1:]:
        if value == 0:
            run += 1
            continue
        while run > 15:
            symbols.append((ZRL, 0))
            run -= 16
        symbols.append((16 * run + category(value), value))
        run = 0
    if run:
        symbols.append((EOB, 0))
    return symbols


def run_length_inverse(symbols: Sequence[tuple[int, int]], dc: int = 0) -> list[int]:
    """Turn the symbols of a block back into 64 coefficients in zigzag order.

    Raises
    ------
    ValueError
        If the runs pass the last coefficient.

    Examples
    --------
    >>> run_length_inverse([(0x03, 5), (0x22, -2), (EOB, 0)], dc=99)[:6]
    [99, 5, 0, 0, -2, 0]
    """
    zz = [dc] + [0] * 63
    k = 1
    for symbol, value in symbols:
        if symbol == EOB:
            break
        k += symbol >> 4
        if k > 63:
            raise ValueError(f"a run of {symbol >> 4} zeros passes the last coefficient")
        zz[k] = value
        k += 1
    return zz
