"""Quantisation: where a JPEG loses, and the quality knob.

Each of the 64 frequencies has a step size; a coefficient is divided by it and rounded (A.3.4). The steps are
small for low frequencies and large for high ones, coarser for colour than for brightness. Everything that is
lost in a JPEG file, apart from the halved colour planes and a rounding here and there, is lost in this line:

    Sq = round(S / Q)            and back:   R = Sq · Q

The quality setting is not part of the standard. It scales the example tables of Annex K.1 by a percentage;
the formula is that of the Independent JPEG Group's library, which everybody copied.
"""

from __future__ import annotations

import numpy as np

from ._types import Array

__all__ = ["dequantize", "quality_scaling", "quantize", "scale_table"]


def quality_scaling(quality: int) -> int:
    """Return by how many percent the tables are scaled at a quality of 1 ... 100.

    Notes
    -----
    5000 / quality below 50, 200 − 2·quality from 50 on: 50 gives the tables of Annex K.1 as they are, 75 half
    the steps, 100 zero, so that every step becomes 1.

    Examples
    --------
    >>> [quality_scaling(quality) for quality in (1, 25, 50, 75, 100)]
    [5000, 200, 100, 50, 0]
    """
    return 5000 // quality if quality < 50 else 200 - 2 * quality


def scale_table(base: Array, quality: int) -> Array:
    """Scale a table of step sizes by the quality.

    Parameters
    ----------
    base : ndarray of int, shape (8, 8)
        Step sizes at quality 50, natural order: those of Annex K.1.
    quality : int
        1 (smallest file) ... 100 (all steps 1).

    Returns
    -------
    ndarray of int32, shape (8, 8)
        Step sizes 1 ... 255, as a baseline file must have them.

    References
    ----------
    ``jcparam.c`` of libjpeg (`jpeg_quality_scaling`, `jpeg_add_quant_table` with ``force_baseline``).

    Examples
    --------
    >>> from jpeg_from_scratch.tables import LUMINANCE_QUANTIZATION
    >>> scale_table(LUMINANCE_QUANTIZATION, 75)[0]
    array([ 8,  6,  5,  8, 12, 20, 26, 31], dtype=int32)
    """
    scaled = (np.asarray(base, np.int32) * np.int32(quality_scaling(quality)) + 50) // 100
    return np.clip(scaled, 1, 255).astype(np.int32)


def quantize(coefficients: Array, table: Array) -> Array:
    """Divide coefficients by their step sizes and round to the nearest integer (A.3.4).

    Parameters
    ----------
    coefficients : ndarray, shape (..., 8, 8)
        DCT coefficients S_vu on the scale of A.3.3, integer or floating point.
    table : ndarray of int, shape (8, 8)
        Step sizes Q_vu, natural order.

    Returns
    -------
    ndarray of int32, shape (..., 8, 8)

    Notes
    -----
    Halves are rounded away from zero: Sq = sign(S) · ⌊|S| / Q + ½⌋. The fast kernels compute the same from
    eightfold integers, (|8S| + 4Q) div 8Q. In float64 nothing is lost against them: S is a multiple of ⅛, so
    the quotient is either a whole number or at least 1 / 8Q away from one.

    Examples
    --------
    >>> quantize(np.full((8, 8), -24.0), np.full((8, 8), 16))[0, :3]
    array([-2, -2, -2], dtype=int32)
    """
    magnitudes = np.floor(np.abs(coefficients) / table + 0.5)
    return (np.sign(coefficients) * magnitudes).astype(np.int32)


def dequantize(quantized: Array, table: Array, precision: int = 8) -> Array:
    """Multiply quantised coefficients by their step sizes (A.3.4).

    Parameters
    ----------
    quantized : ndarray of int16, shape (..., 8, 8)
        Sq_vu, natural order.
    table : ndarray of int, shape (8, 8)
        Step sizes Q_vu, natural order.
    precision : {8, 12}
        Bits of a sample.

    Returns
    -------
    ndarray of int32 (8 bits) or int64 (12 bits), shape (..., 8, 8)
        R_vu = Sq_vu · Q_vu. In a damaged file of 8 bits products beyond ±32767 occur; they wrap to 16 bits,
        as they do in the vector code of libjpeg-turbo, so that both give the same picture.

    Examples
    --------
    >>> dequantize(np.full((8, 8), -2, np.int16), np.full((8, 8), 16))[0, :3]
    array([-32, -32, -32], dtype=int32)
    """
    if precision == 12:
        return quantized.astype(np.int64) * np.asarray(table, np.int64)
    products = quantized.astype(np.int32) * np.asarray(table, np.int32)
    return products.astype(np.int16).astype(np.int32)
