"""Sampling: the size of each component, making colour planes smaller and large again, cutting into blocks.

The components of a frame may have different sizes. Component i has the sampling factors Hi × Vi; with the
largest factors Hmax × Vmax, it has ⌈X·Hi/Hmax⌉ columns and ⌈Y·Vi/Vmax⌉ rows (A.1.1). The well-known names
speak of Y, Cb and Cr; the factors of Y are, with 1×1 for the others:

    4:4:4  1×1    nothing dropped                    4:2:0  2×2    half the columns, half the rows
    4:2:2  2×1    colour at half the columns         4:1:1  4×1    a quarter of the columns
    4:4:0  1×2    colour at half the rows            4:1:0  4×2    a quarter of the columns, half the rows

How to shrink and enlarge the planes is not part of T.81. Both are done here as libjpeg does them, sample
for sample: shrinking by the mean, enlarging by a triangle filter where the factor is 2 and by repetition
elsewhere. Ratios like 3 to 2, which T.81 allows and libjpeg refuses, are resampled by area and by linear
interpolation.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ._types import Array, Samples
from .jpeg_data import BLOCK, FrameHeader

__all__ = [
    "SUBSAMPLINGS",
    "complete_partial_mcus",
    "component_plane",
    "downsample",
    "from_blocks",
    "pad_to",
    "to_blocks",
    "upsample",
]

SUBSAMPLINGS: dict[str, tuple[int, int]] = {
    "4:4:4": (1, 1),
    "4:4:0": (1, 2),
    "4:2:2": (2, 1),
    "4:2:0": (2, 2),
    "4:1:1": (4, 1),
    "4:1:0": (4, 2),
}
"""The factors (horizontal, vertical) of Y by name."""

# --------------------------------------------------------------------------------------------------
# Smaller


def downsample(plane: Samples, h_samp: int, h_max: int, v_samp: int, v_max: int) -> Samples:
    """Shrink a plane by h_samp : h_max horizontally and v_samp : v_max vertically.

    Parameters
    ----------
    plane : ndarray of uint8 or uint16, shape (height, width)
        Samples at full size; the width a multiple of `h_max`, the height of `v_max`.
    h_samp, h_max, v_samp, v_max : int
        The component's sampling factors, and the largest of the frame.

    Returns
    -------
    ndarray of the same dtype, shape (height · v_samp / v_max, width · h_samp / h_max)

    Notes
    -----
    Each new sample is the mean of those it covers. For 2:1 and 2×2 : 1 the rounding alternates from column to
    column, down, up, down, up (+0, +1 before halving; +1, +2 before quartering), so that it does not make the
    plane brighter on the whole. Other ratios round halves up.

    References
    ----------
    ``jcsample.c`` of libjpeg: `h2v1_downsample`, `h2v2_downsample`, `int_downsample`. Fractional ratios:
    ours.

    Examples
    --------
    >>> downsample(np.array([[10, 11, 10, 11]], np.uint8), 1, 2, 1, 1)
    array([[10, 11]], dtype=uint8)
    """
    if (h_samp, v_samp) == (h_max, v_max):
        return plane
    if h_max % h_samp or v_max % v_samp:
        return _downsample_by_area(plane, h_samp, h_max, v_samp, v_max)
    h_ratio, v_ratio = h_max // h_samp, v_max // v_samp
    height, width = plane.shape[0] // v_ratio, plane.shape[1] // h_ratio
    sums = plane.reshape(height, v_ratio, width, h_ratio).sum(axis=(1, 3), dtype=np.int32)
    if h_ratio == 2 and v_ratio <= 2:
        bias = np.arange(width, dtype=np.int32) % 2 + (v_ratio - 1)
    else:
        bias = np.full(width, h_ratio * v_ratio // 2, np.int32)
    return ((sums + bias) // (h_ratio * v_ratio)).astype(plane.dtype)


def _downsample_by_area(plane: Samples, h_samp: int, h_max: int, v_samp: int, v_max: int) -> Samples:
    """Mean over the area that a new sample covers, with parts of samples weighted by their share."""
    sums = _sum_over_cells(plane.astype(np.int32), h_samp, h_max)
    sums = _sum_over_cells(sums.T, v_samp, v_max).T
    area = h_max * v_max
    return ((sums + area // 2) // area).astype(plane.dtype)


def _sum_over_cells(values: Array, samp: int, largest: int) -> Array:
    """Weighted sums along the last axis. In units of 1/samp of a sample, a new sample is `largest` wide."""
    count = values.shape[-1] * samp // largest
    start = np.arange(count) * largest
    sums = np.zeros((values.shape[0], count), np.int32)
    for tap in range(-(-largest // samp) + 1):
        index = start // samp + tap
        overlap = np.minimum(start + largest, (index + 1) * samp) - np.maximum(start, index * samp)
        weights = np.maximum(overlap, 0).astype(np.int32)
        sums += values[:, np.minimum(index, values.shape[-1] - 1)] * weights
    return sums


def pad_to(plane: Array, height: int, width: int) -> Array:
    """Crop or enlarge a plane to a size, repeating its last row and column (A.2.4 leaves the how open)."""
    plane = plane[:height, :width]
    missing = ((0, height - plane.shape[0]), (0, width - plane.shape[1]))
    return np.pad(plane, missing, mode="edge") if any(after for _, after in missing) else plane


def component_plane(
    samples: Samples, frame: FrameHeader, i: int, shrink: Callable[..., Samples] = downsample
) -> Samples:
    """Make the plane of component `i` from its samples at full size.

    Parameters
    ----------
    samples : ndarray of uint8 or uint16, shape (frame.height, frame.width)
    frame : FrameHeader
    i : int
    shrink : callable
        Called as `downsample` is.

    Returns
    -------
    ndarray of the same dtype
        Shape 8 × ``frame.block_shape(i)``: whole blocks.

    Notes
    -----
    The edges as in libjpeg (``jcprepct.c``, ``jcsample.c``): the last column is repeated before shrinking;
    the last row is repeated up to a multiple of Vmax before, and the last *new* row up to whole blocks
    after it.
    """
    component = frame.components[i]
    h_max, v_max = frame.h_max, frame.v_max
    block_rows, block_columns = frame.block_shape(i)
    full_width = frame.mcu_shape[1] * BLOCK * h_max
    full_height = -(-frame.height // v_max) * v_max
    plane = shrink(pad_to(samples, full_height, full_width), component.h_samp, h_max, component.v_samp, v_max)
    return pad_to(plane, block_rows * BLOCK, block_columns * BLOCK)


# --------------------------------------------------------------------------------------------------
# Larger


def upsample(
    plane: Samples,
    height: int,
    width: int,
    *,
    h_samp: int,
    h_max: int,
    v_samp: int,
    v_max: int,
    triangle: bool = True,
) -> Samples:
    """Enlarge the plane of a component to the size of the picture.

    Parameters
    ----------
    plane : ndarray of uint8 or uint16
        The component at its true size, without padding to blocks (A.1.1). Beyond its edges the last sample is
        taken to go on.
    height, width : int
        The size of the picture.
    h_samp, h_max, v_samp, v_max : int
        The component's sampling factors, and the largest of the frame.
    triangle : bool
        Whether the triangle filter may be used; not in a lossless process.

    Returns
    -------
    ndarray of the dtype of `plane`, shape (height, width)

    Notes
    -----
    A new sample at twice the resolution lies a quarter of the old spacing from the nearest old sample;
    linear interpolation gives it ¾ of that one and ¼ of the one on its other side. That is the *triangle
    filter*. It is used for 2:1 horizontally, 2:1 vertically and both at once; like libjpeg, not
    horizontally for a plane of fewer than three columns. The rounding constants alternate, as in
    `downsample`. Every other whole ratio repeats samples. A ratio that is not whole interpolates linearly
    between sample centres.

    References
    ----------
    ``jdsample.c`` of libjpeg (`h2v1_fancy_upsample`, `h2v2_fancy_upsample`, `int_upsample`) and of
    libjpeg-turbo (`h1v2_fancy_upsample`). Fractional ratios: ours.

    Examples
    --------
    >>> upsample(np.array([[0, 100, 200]], np.uint8), 1, 6, h_samp=1, h_max=2, v_samp=1, v_max=1)
    array([[  0,  25,  75, 125, 175, 200]], dtype=uint8)
    """
    if h_max % h_samp or v_max % v_samp:
        return _upsample_linear(plane, height, width, h_samp, h_max, v_samp, v_max)
    h_ratio, v_ratio = h_max // h_samp, v_max // v_samp
    enlarged: Array
    if not triangle:
        enlarged = plane.repeat(v_ratio, axis=0).repeat(h_ratio, axis=1)
    elif (h_ratio, v_ratio) == (2, 1) and plane.shape[1] > 2:
        enlarged = _triangle_columns(plane.astype(np.int32), 2, (1, 2))
    elif (h_ratio, v_ratio) == (2, 2) and plane.shape[1] > 2:
        enlarged = _triangle_columns(_triangle_rows(plane), 4, (8, 7))
    elif (h_ratio, v_ratio) == (1, 2):
        rows = _triangle_rows(plane)
        enlarged = (rows + np.resize(np.array([[1], [2]], np.int32), (len(rows), 1))) >> 2
    else:
        enlarged = plane.repeat(v_ratio, axis=0).repeat(h_ratio, axis=1)
    return enlarged[:height, :width].astype(plane.dtype)


def _triangle_rows(plane: Samples) -> Array:
    """Twice the rows, each 3 · the nearer row + the further one: four times too large, not rounded yet."""
    near = 3 * plane.astype(np.int32)
    rows = np.empty((2 * plane.shape[0], plane.shape[1]), np.int32)
    rows[0::2] = near + np.concatenate((plane[:1], plane[:-1]))
    rows[1::2] = near + np.concatenate((plane[1:], plane[-1:]))
    return rows


def _triangle_columns(rows: Array, shift: int, bias: tuple[int, int]) -> Array:
    """Twice the columns, 3 · the nearer + the further one, plus the bias of even and odd columns, shifted."""
    columns = np.empty((rows.shape[0], 2 * rows.shape[1]), np.int32)
    columns[:, 0::2] = 3 * rows + np.concatenate((rows[:, :1], rows[:, :-1]), axis=1) + bias[0]
    columns[:, 1::2] = 3 * rows + np.concatenate((rows[:, 1:], rows[:, -1:]), axis=1) + bias[1]
    return columns >> shift


def _upsample_linear(
    plane: Samples, height: int, width: int, h_samp: int, h_max: int, v_samp: int, v_max: int
) -> Samples:
    row, row_weight = linear_taps(height, v_samp, v_max, plane.shape[0])
    column, column_weight = linear_taps(width, h_samp, h_max, plane.shape[1])
    rows = plane.astype(np.int32)
    rows = rows[row[0]] * row_weight[0][:, None] + rows[row[1]] * row_weight[1][:, None]
    sums = rows[:, column[0]] * column_weight[0] + rows[:, column[1]] * column_weight[1]
    total = 4 * h_max * v_max
    return ((sums + total // 2) // total).astype(plane.dtype)


def linear_taps(count: int, samp: int, largest: int, available: int) -> tuple[Array, Array]:
    """Return for each of `count` new samples the two old ones beside it and their weights.

    The centre of new sample i lies at (i + ½) · samp / largest − ½ among the old ones; in units of 1 / (2 ·
    largest) that is a whole number. Both results have shape (2, count), dtype int32; the weights of a pair
    sum to 2 · largest.
    """
    unit = 2 * largest
    position = (2 * np.arange(count) + 1) * samp - largest
    index = np.stack((position // unit, position // unit + 1))
    weight = np.stack((unit - position % unit, position % unit))
    return np.clip(index, 0, available - 1).astype(np.int32), weight.astype(np.int32)


# --------------------------------------------------------------------------------------------------
# Blocks


def to_blocks(plane: Array) -> Array:
    """Cut a plane into blocks.

    Parameters
    ----------
    plane : ndarray, shape (8 · rows, 8 · columns)

    Returns
    -------
    ndarray, shape (rows, columns, 8, 8)
        A copy.
    """
    rows, columns = plane.shape[0] // BLOCK, plane.shape[1] // BLOCK
    return plane.reshape(rows, BLOCK, columns, BLOCK).swapaxes(1, 2).copy()


def from_blocks(blocks: Array) -> Array:
    """Put blocks together to a plane; the inverse of `to_blocks`."""
    rows, columns = blocks.shape[:2]
    return blocks.swapaxes(1, 2).reshape(rows * BLOCK, columns * BLOCK)


def complete_partial_mcus(blocks: Array, block_shape: tuple[int, int], h_samp: int) -> None:
    """Fill the blocks that complete partial MCUs (A.2.4) as libjpeg does, in place.

    Parameters
    ----------
    blocks : ndarray of int16, shape (rows, columns, 8, 8)
        Quantised coefficients of a component in whole MCUs, zero where nothing is yet.
    block_shape : tuple of (int, int)
        The rows and columns of blocks that cover the component.
    h_samp : int
        How many of its blocks stand side by side in an MCU.

    Notes
    -----
    All zeros, but for the DC coefficient of the block coded before. Such a block costs the least bits that a
    block can cost: a DC difference of zero and an end of block.
    """
    rows, columns = block_shape
    blocks[:rows, columns:, 0, 0] = blocks[:rows, columns - 1, 0, 0][:, np.newaxis]
    for row in range(rows, blocks.shape[0]):
        # The block before is the rightmost of the same MCU in the row above.
        blocks[row, :, 0, 0] = blocks[row - 1, h_samp - 1 :: h_samp, 0, 0].repeat(h_samp)
