"""Upsampling and colour conversion in one pass over the picture: twin of `sampling` and `color`.

A row of the picture needs at most two rows of each component. They are enlarged into scratch rows, which stay
in the cache until the colours are converted.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .. import reference, sampling
from .._types import Samples
from ..jpeg_data import FrameComponent, FrameHeader
from ._jit import jit

REPEAT, TRIANGLE_H, TRIANGLE_HV, TRIANGLE_V = range(4)
i32 = np.int32
HALF = i32(1 << 15)
CENTER = i32(128)


def planes_to_image(planes: Sequence[Samples], frame: FrameHeader, color_space: str) -> Samples:
    """Enlarge the planes and convert their colours; see `backend.planes_to_image`."""
    if len(planes) != 3 or frame.precision != 8 or frame.is_lossless:
        # One plane is copied; rarer pictures are left to the array code.
        return reference.planes_to_image(planes, frame, color_space)
    prepared: list[object] = []
    for plane, component in zip(planes, frame.components):
        prepared += _prepare(plane, component, frame)
    image = np.empty((frame.height, frame.width, 3), np.uint8)
    enlarge_and_convert(*prepared, color_space == "YCbCr", image)
    return image


def _prepare(
    plane: Samples, component: FrameComponent, frame: FrameHeader
) -> tuple[Samples, tuple[int, int, int]]:
    """Return a plane and (mode, horizontal ratio, vertical ratio), the choice of `sampling.upsample`."""
    h_samp, v_samp, h_max, v_max = component.h_samp, component.v_samp, frame.h_max, frame.v_max
    if h_max % h_samp or v_max % v_samp:
        # Fractional ratios are rare: array code enlarges, the kernel converts.
        enlarged = sampling.upsample(
            plane, frame.height, frame.width, h_samp=h_samp, h_max=h_max, v_samp=v_samp, v_max=v_max
        )
        return enlarged, (REPEAT, 1, 1)
    ratios = h_max // h_samp, v_max // v_samp
    wide = plane.shape[1] > 2
    modes = {
        (2, 1): TRIANGLE_H if wide else REPEAT,
        (2, 2): TRIANGLE_HV if wide else REPEAT,
        (1, 2): TRIANGLE_V,
    }
    return plane, (modes.get(ratios, REPEAT), *ratios)


@jit
def enlarge_and_convert(plane0, how0, plane1, how1, plane2, how2, is_ycbcr, image):
    """Fill an RGB picture from three planes."""
    height, width = image.shape[:2]
    lines = image.reshape(height, 3 * width)
    row0 = np.empty(width + 8, np.uint8)
    row1 = np.empty(width + 8, np.uint8)
    row2 = np.empty(width + 8, np.uint8)
    sums = np.empty(width + 8, np.int16)
    for row in range(height):
        enlarge_row(plane0, how0, row, sums, row0)
        enlarge_row(plane1, how1, row, sums, row1)
        enlarge_row(plane2, how2, row, sums, row2)
        if is_ycbcr:
            convert_row(row0, row1, row2, width, lines[row])
        else:
            join_row(row0, row1, row2, width, lines[row])


@jit
def enlarge_row(plane, how, row, sums, out):
    """Twin of `sampling.upsample` for one row of the picture; may write past its width, within `out`."""
    mode, h_ratio, v_ratio = how
    near = plane[row // v_ratio]
    count = near.shape[0]
    # Of a pair of rows, the upper leans on the row above, the lower on the row below.
    neighbour = row // v_ratio - 1 if row % 2 == 0 else row // v_ratio + 1
    far = plane[min(max(neighbour, 0), plane.shape[0] - 1)]
    if mode == REPEAT:
        if h_ratio == 1:
            out[:count] = near
        else:
            for x in range(min(count * h_ratio, out.shape[0])):
                out[x] = near[x // h_ratio]
    elif mode == TRIANGLE_V:
        bias = i32(1 + row % 2)
        for x in range(count):
            out[x] = np.uint8(i32(i32(i32(i32(3) * i32(near[x])) + i32(i32(far[x]) + bias)) >> i32(2)))
    elif mode == TRIANGLE_H:
        for x in range(count):
            sums[x] = near[x]
        triangle_columns(sums, count, i32(1), i32(2), i32(2), out)
    else:
        for x in range(count):
            sums[x] = np.int16(i32(i32(i32(3) * i32(near[x])) + i32(far[x])))
        triangle_columns(sums, count, i32(8), i32(7), i32(4), out)


@jit
def triangle_columns(sums, count, even_bias, odd_bias, shift, out):
    """Twin of `sampling._triangle_columns`; `count` is at least 3."""
    last = count - 1
    out[0] = i32(i32(i32(4) * i32(sums[0])) + even_bias) >> shift
    # Between two old samples lie two new ones: one loop writes both, so that whole vectors leave it.
    for x in range(last):
        here, after = i32(sums[x]), i32(sums[x + 1])
        out[2 * x + 1] = np.uint8(i32(i32(i32(i32(3) * here) + i32(after + odd_bias)) >> shift))
        out[2 * x + 2] = np.uint8(i32(i32(i32(i32(3) * after) + i32(here + even_bias)) >> shift))
    out[2 * last + 1] = i32(i32(i32(4) * i32(sums[last])) + odd_bias) >> shift


@jit
def convert_row(y_row, cb_row, cr_row, width, rgb):
    """Twin of `color.ycbcr_to_rgb` for one row."""
    for x in range(width):
        y = i32(y_row[x])
        cb = i32(i32(cb_row[x]) - CENTER)
        cr = i32(i32(cr_row[x]) - CENTER)
        red = i32(i32(i32(i32(91881) * cr) + HALF) >> i32(16))
        green = i32(i32(i32(-22554) * cb) + i32(i32(-46802) * cr))
        green = i32(i32(green + HALF) >> i32(16))
        blue = i32(i32(i32(i32(116130) * cb) + HALF) >> i32(16))
        rgb[3 * x] = np.uint8(min(max(i32(y + red), i32(0)), i32(255)))
        rgb[3 * x + 1] = np.uint8(min(max(i32(y + green), i32(0)), i32(255)))
        rgb[3 * x + 2] = np.uint8(min(max(i32(y + blue), i32(0)), i32(255)))


@jit
def join_row(row0, row1, row2, width, image):
    """Put three rows together without a change."""
    for x in range(width):
        image[3 * x] = row0[x]
        image[3 * x + 1] = row1[x]
        image[3 * x + 2] = row2[x]
