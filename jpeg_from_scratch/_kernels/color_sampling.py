"""Colour conversion and downsampling in one pass over the picture: twin of `color` and `sampling`.

A group of Vmax rows is converted into scratch rows and shrunk while it is still in the cache. Every
intermediate result is cast back to int32: Numba makes int32 · int32 an int64, which halves the vector width.
"""

from __future__ import annotations

import numpy as np

from .. import reference
from .._types import Samples
from ..jpeg_data import BLOCK, FrameHeader
from ..sampling import component_plane, pad_to
from ._jit import jit

i32 = np.int32
HALF = i32(1 << 15)
CHROMA = i32((128 << 16) + (1 << 15) - 1)


def component_planes(image: Samples, frame: FrameHeader, color_space: str) -> list[Samples]:
    """Make the planes of a picture; see `backend.component_planes`."""
    if image.ndim == 2:
        return [grey_plane(image, frame)]
    if color_space != "YCbCr" or frame.precision != 8:
        # Rarer pictures are left to the array code.
        return reference.component_planes(image, frame, color_space)
    h_max, v_max = frame.h_max, frame.v_max
    if any(h_max % c.h_samp or v_max % c.v_samp for c in frame.components):
        # Fractional ratios are rare: convert here, shrink by the array code.
        full = np.empty((3, frame.height, frame.width), np.uint8)
        convert_and_shrink(
            np.ascontiguousarray(image), (1, 1), full[0], (1, 1), full[1], (1, 1), full[2], (1, 1)
        )
        return [component_plane(samples, frame, i) for i, samples in enumerate(full)]
    planes = []
    ratios = []
    for i, c in enumerate(frame.components):
        rows, columns = frame.block_shape(i)
        planes.append(np.empty((BLOCK * rows, BLOCK * columns), np.uint8))
        ratios.append((h_max // c.h_samp, v_max // c.v_samp))
    convert_and_shrink(
        np.ascontiguousarray(image),
        (h_max, v_max),
        planes[0],
        ratios[0],
        planes[1],
        ratios[1],
        planes[2],
        ratios[2],
    )
    return planes


def grey_plane(image: Samples, frame: FrameHeader) -> Samples:
    """A grey picture needs no arithmetic, only whole blocks."""
    rows, columns = frame.block_shape(0)
    return np.ascontiguousarray(pad_to(image, BLOCK * rows, BLOCK * columns))


@jit
def convert_and_shrink(rgb, largest, plane0, ratio0, plane1, ratio1, plane2, ratio2):
    """Fill the three planes of an RGB picture; `largest` and the ratios are (horizontal, vertical)."""
    height, width = rgb.shape[:2]
    lines = rgb.reshape(height, 3 * width)
    v_max = largest[1]
    groups = (height + v_max - 1) // v_max
    # Scratch rows reach as far as the widest plane, enlarged again.
    padded = max(plane0.shape[1] * ratio0[0], plane1.shape[1] * ratio1[0], plane2.shape[1] * ratio2[0], width)
    y_rows = np.empty((v_max, padded), np.uint8)
    cb_rows = np.empty((v_max, padded), np.uint8)
    cr_rows = np.empty((v_max, padded), np.uint8)
    for group in range(groups):
        for v in range(v_max):
            row = min(group * v_max + v, height - 1)
            convert_row(lines[row], width, y_rows[v], cb_rows[v], cr_rows[v])
            repeat_last_sample(y_rows[v], width)
            repeat_last_sample(cb_rows[v], width)
            repeat_last_sample(cr_rows[v], width)
        shrink_group(y_rows, ratio0, plane0, group * (v_max // ratio0[1]))
        shrink_group(cb_rows, ratio1, plane1, group * (v_max // ratio1[1]))
        shrink_group(cr_rows, ratio2, plane2, group * (v_max // ratio2[1]))
    repeat_last_row(plane0, groups * (v_max // ratio0[1]))
    repeat_last_row(plane1, groups * (v_max // ratio1[1]))
    repeat_last_row(plane2, groups * (v_max // ratio2[1]))


@jit
def convert_row(rgb, width, y_row, cb_row, cr_row):
    """Twin of `color.rgb_to_ycbcr` for one row, in which red, green and blue take turns."""
    for x in range(width):
        red, green, blue = i32(rgb[3 * x]), i32(rgb[3 * x + 1]), i32(rgb[3 * x + 2])
        y = i32(i32(i32(19595) * red) + i32(i32(38470) * green))
        y = i32(i32(y + i32(i32(7471) * blue)) + HALF)
        cb = i32(i32(i32(-11059) * red) + i32(i32(-21709) * green))
        cb = i32(i32(cb + i32(i32(32768) * blue)) + CHROMA)
        cr = i32(i32(i32(32768) * red) + i32(i32(-27439) * green))
        cr = i32(i32(cr + i32(i32(-5329) * blue)) + CHROMA)
        y_row[x] = np.uint8(i32(y >> i32(16)))
        cb_row[x] = np.uint8(i32(cb >> i32(16)))
        cr_row[x] = np.uint8(i32(cr >> i32(16)))


@jit
def repeat_last_sample(row, filled):
    """Repeat sample `filled` − 1 to the end of a row."""
    for x in range(filled, row.shape[0]):
        row[x] = row[filled - 1]


@jit
def shrink_group(rows, ratio, plane, first_row):
    """Twin of `sampling.downsample` for one group of rows."""
    h_ratio, v_ratio = ratio
    for i in range(rows.shape[0] // v_ratio):
        if first_row + i < plane.shape[0]:
            out = plane[first_row + i]
            if h_ratio == 1 and v_ratio == 1:
                out[:] = rows[i, : out.shape[0]]
            elif h_ratio == 2 and v_ratio == 1:
                halve(rows[i], out)
            elif h_ratio == 2 and v_ratio == 2:
                quarter(rows[2 * i], rows[2 * i + 1], out)
            else:
                shrink(rows[i * v_ratio :], h_ratio, v_ratio, out)


@jit
def halve(row, out):
    """2:1, rounding down and up in turn."""
    for x in range(out.shape[0]):
        total = i32(i32(row[2 * x]) + i32(row[2 * x + 1]))
        out[x] = np.uint8(i32(i32(total + i32(x & 1)) >> i32(1)))


@jit
def quarter(top, bottom, out):
    """2×2 : 1, with 1 and 2 added in turn before the division."""
    for x in range(out.shape[0]):
        upper = i32(i32(top[2 * x]) + i32(top[2 * x + 1]))
        lower = i32(i32(bottom[2 * x]) + i32(bottom[2 * x + 1]))
        out[x] = np.uint8(i32(i32(i32(upper + lower) + i32(1 + (x & 1))) >> i32(2)))


@jit
def shrink(rows, h_ratio, v_ratio, out):
    """Any other whole ratio, rounding halves up."""
    area = h_ratio * v_ratio
    for x in range(out.shape[0]):
        total = area // 2
        for v in range(v_ratio):
            for h in range(h_ratio):
                total += np.int64(rows[v, h_ratio * x + h])
        out[x] = total // area


@jit
def repeat_last_row(plane, filled):
    """Repeat row `filled` − 1 down to the end of the plane."""
    for row in range(filled, plane.shape[0]):
        plane[row] = plane[filled - 1]
