"""RGB ↔ YCbCr: one brightness and two colour differences (ITU-T T.871, clause 7). CMYK ↔ YCCK.

The eye sees detail in brightness and little in colour. So JPEG does not store red, green and blue, which are
all three bright *and* coloured, but

    Y  =  0.299 R    + 0.587 G    + 0.114 B
    Cb = −0.168736 R − 0.331264 G + 0.5 B       + 128
    Cr =  0.5 R      − 0.418688 G − 0.081312 B  + 128

after which Cb and Cr can be stored at a quarter of the size (`sampling`) and with coarser steps
(`quantization`). The way back:

    R = Y + 1.402 (Cr − 128)
    G = Y − 0.344136 (Cb − 128) − 0.714136 (Cr − 128)
    B = Y + 1.772 (Cb − 128)

The coefficients are written here as integers, multiplied by 2^16 and rounded: `19595 / 65536 = 0.29900`. An
integer gives the same answer on every machine, and these are the integers of libjpeg, so the samples are
equal to its samples, not merely close.

Samples of 12 bits run to 4095 and are centred on 2048; nothing else changes. Pictures for print have four
inks, cyan, magenta, yellow and black. YCCK takes the first three for a picture in RGB, turned round, and
leaves black as it is.
"""

from __future__ import annotations

import numpy as np

from ._types import Array

__all__ = ["cmyk_to_ycck", "rgb_to_ycbcr", "ycbcr_to_rgb", "ycck_to_cmyk"]

SCALE_BITS = 16
HALF = 1 << (SCALE_BITS - 1)


def rgb_to_ycbcr(rgb: Array, precision: int = 8) -> Array:
    """Convert RGB samples to YCbCr.

    Parameters
    ----------
    rgb : ndarray of uint8 or uint16, shape (..., 3)
        Red, green, blue, 0 ... 255, or 0 ... 4095.
    precision : {8, 12}
        Bits of a sample.

    Returns
    -------
    ndarray of the same dtype, shape (..., 3)
        Y, Cb, Cr. Grey (R = G = B) becomes (Y, 128, 128) exactly, or (Y, 2048, 2048).

    Notes
    -----
    Each row of three integers sums to 65536 (Y) or 0 (Cb, Cr), so no result leaves the range. Y is rounded
    half up; Cb and Cr are rounded half *down* – the 32767 – which keeps 128 + 127.5 from becoming 256.

    References
    ----------
    ITU-T T.871 (05/2011), clause 7. The fixed-point form is that of libjpeg's ``jccolor.c``.

    Examples
    --------
    >>> rgb_to_ycbcr(np.array([[255, 0, 0], [90, 90, 90]], np.uint8))
    array([[ 76,  85, 255],
           [ 90, 128, 128]], dtype=uint8)
    """
    red, green, blue = (rgb[..., i].astype(np.int32) for i in range(3))
    chroma_offset = (1 << (precision - 1 + SCALE_BITS)) + HALF - 1
    ycbcr = np.empty(rgb.shape, rgb.dtype)
    ycbcr[..., 0] = (19595 * red + 38470 * green + 7471 * blue + HALF) >> SCALE_BITS
    ycbcr[..., 1] = (-11059 * red - 21709 * green + 32768 * blue + chroma_offset) >> SCALE_BITS
    ycbcr[..., 2] = (32768 * red - 27439 * green - 5329 * blue + chroma_offset) >> SCALE_BITS
    return ycbcr


def ycbcr_to_rgb(ycbcr: Array, precision: int = 8) -> Array:
    """Convert YCbCr samples to RGB.

    Parameters
    ----------
    ycbcr : ndarray of uint8 or uint16, shape (..., 3)
        Y, Cb, Cr, 0 ... 255, or 0 ... 4095.
    precision : {8, 12}
        Bits of a sample.

    Returns
    -------
    ndarray of the same dtype, shape (..., 3)
        Red, green, blue. Many triples YCbCr lie outside the RGB cube; they are clamped to it.

    References
    ----------
    ITU-T T.871 (05/2011), clause 7. The fixed-point form is that of libjpeg's ``jdcolor.c``.

    Examples
    --------
    >>> ycbcr_to_rgb(np.array([[76, 85, 255], [90, 128, 128]], np.uint8))
    array([[254,   0,   0],
           [ 90,  90,  90]], dtype=uint8)
    """
    center, most = 1 << (precision - 1), (1 << precision) - 1
    luma = ycbcr[..., 0].astype(np.int32)
    blue_difference = ycbcr[..., 1].astype(np.int32) - center
    red_difference = ycbcr[..., 2].astype(np.int32) - center
    red = luma + ((91881 * red_difference + HALF) >> SCALE_BITS)
    green = luma + ((-22554 * blue_difference - 46802 * red_difference + HALF) >> SCALE_BITS)
    blue = luma + ((116130 * blue_difference + HALF) >> SCALE_BITS)
    rgb = np.empty(ycbcr.shape, ycbcr.dtype)
    for i, samples in enumerate((red, green, blue)):
        rgb[..., i] = np.clip(samples, 0, most)
    return rgb


def cmyk_to_ycck(cmyk: Array, precision: int = 8) -> Array:
    """Convert CMYK samples to YCCK: C, M, Y for the opposite of R, G, B; K stays.

    Parameters
    ----------
    cmyk : ndarray of uint8 or uint16, shape (..., 4)
    precision : {8, 12}

    Returns
    -------
    ndarray of the same dtype and shape

    Examples
    --------
    >>> cmyk_to_ycck(np.array([[0, 255, 255, 9]], np.uint8))
    array([[ 76,  85, 255,   9]], dtype=uint8)
    """
    most = cmyk.dtype.type((1 << precision) - 1)
    return np.concatenate((rgb_to_ycbcr(most - cmyk[..., :3], precision), cmyk[..., 3:]), axis=-1)


def ycck_to_cmyk(ycck: Array, precision: int = 8) -> Array:
    """Convert YCCK samples to CMYK; the inverse of `cmyk_to_ycck`, but for rounding.

    Examples
    --------
    >>> ycck_to_cmyk(np.array([[76, 85, 255, 9]], np.uint8))
    array([[  1, 255, 255,   9]], dtype=uint8)
    """
    most = ycck.dtype.type((1 << precision) - 1)
    return np.concatenate((most - ycbcr_to_rgb(ycck[..., :3], precision), ycck[..., 3:]), axis=-1)
