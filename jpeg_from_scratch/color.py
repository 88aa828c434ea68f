"""RGB ↔ YCbCr: one brightness and two colour differences (ITU-T T.871, clause 7).

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
"""

from __future__ import annotations

import numpy as np

from ._types import Array

__all__ = ["rgb_to_ycbcr", "ycbcr_to_rgb"]

SCALE_BITS = 16
HALF = 1 << (SCALE_BITS - 1)
CENTER = 128


def rgb_to_ycbcr(rgb: Array) -> Array:
    """Convert RGB samples to YCbCr.

    Parameters
    ----------
    rgb : ndarray of uint8, shape (..., 3)
        Red, green, blue, 0 ... 255.

    Returns
    -------
    ndarray of uint8, shape (..., 3)
        Y, Cb, Cr, 0 ... 255. Grey (R = G = B) becomes (Y, 128, 128) exactly.

    Notes
    -----
    Each row of three integers sums to 65536 (Y) or 0 (Cb, Cr), so no result leaves 0 ... 255. Y is rounded
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
    chroma_offset = (CENTER << SCALE_BITS) + HALF - 1
    ycbcr = np.empty(rgb.shape, np.uint8)
    ycbcr[..., 0] = (19595 * red + 38470 * green + 7471 * blue + HALF) >> SCALE_BITS
    ycbcr[..., 1] = (-11059 * red - 21709 * green + 32768 * blue + chroma_offset) >> SCALE_BITS
    ycbcr[..., 2] = (32768 * red - 27439 * green - 5329 * blue + chroma_offset) >> SCALE_BITS
    return ycbcr


def ycbcr_to_rgb(ycbcr: Array) -> Array:
    """Convert YCbCr samples to RGB.

    Parameters
    ----------
    ycbcr : ndarray of uint8, shape (..., 3)
        Y, Cb, Cr, 0 ... 255.

    Returns
    -------
    ndarray of uint8, shape (..., 3)
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
    luma = ycbcr[..., 0].astype(np.int32)
    blue_difference = ycbcr[..., 1].astype(np.int32) - CENTER
    red_difference = ycbcr[..., 2].astype(np.int32) - CENTER
    rgb = np.empty(ycbcr.shape, np.uint8)
    rgb[..., 0] = _clamp(luma + ((91881 * red_difference + HALF) >> SCALE_BITS))
    rgb[..., 1] = _clamp(luma + ((-22554 * blue_difference - 46802 * red_difference + HALF) >> SCALE_BITS))
    rgb[..., 2] = _clamp(luma + ((116130 * blue_difference + HALF) >> SCALE_BITS))
    return rgb


def _clamp(samples: Array) -> Array:
    return np.clip(samples, 0, 255)
