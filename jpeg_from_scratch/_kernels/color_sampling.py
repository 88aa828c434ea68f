"""Colour conversion and downsampling in one pass over the picture: twin of `color` and `sampling`.

A group of Vmax rows is converted into scratch rows and shrunk while it is still in the cache. Every
intermediate result is cast back to int32: Numba makes int32 · int32 an int64, which halves the vector width.
"""

from __future__ import annotations

import numpy as np

from .._types import Samples
from ..jpeg_data import BLOCK, FrameHeader
from ..sampling import component_plane, pad_to
from ._jit import jit

HALF = np.int32(1 << 15)
CHROMA = np.int32((128 << 16) + (1 << 15) - 1)


def component_planes(image: Samples, frame: FrameHeader) -> list[Samples]:
    """Make the planes of a picture; see `backend.component_planes`."""
    if image.ndim == 2:
        return [grey_plane(image, frame)]
    h_max, v_max = frame.h_max, frame.v_max
    if any(h_max % c.h_samp or v_max % c.v_samp for c in frame.components):
        # Fractional ratios are rare: convert here, shrink by the array code.
        full = np.empty((3, frame.height, frame.width), np.uint8)
        convert_and_shrink(np.ascontiguousarray(image), (1, 1), full[0], (1, 1), full[1], (1, 1), full[2], (1, 1))
        return [component_plane(samples, frame, i) for i, samples in enumerate(full)]
    planes = []
    ratios = []
    for i, c in enumerate(frame.components):
        rows, columns = frame.block_shape(i)
        planes.append(np.empty((BLOCK * rows, BLOCK * columns), np.uint8))
        ratios.append((h_max // c.h_samp, v_max // c.v_samp))
    convert_and_shrink(
        np.ascontiguousarray(image), (h_max, v_max), planes[0], ratios[0], planes[1], ratios[1], planes[2], ratios[2]
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
    h_max, v_max = largest
    groups = (height + v_max - 1) // v_max
    # Scratch rows reach as far as the widest plane, enlarged again.
    padded = max(plane0.shape[1] * ratio0[0], plane1.shape[1] * ratio1[0], plane2.shape[1] * ratio2[0], width)
    y_rows = np.empty((v_max, padded), np.uint8)
    cb_rows = np.empty((v_max, padded), np.uint8)
    cr_rows = np.empty((v_max, padded), np.uint8)
    for group in range(groups):
        for v in range(v_max):
            row = min(group * v_max + v, height - 1)
            convert_row(rgb[row], y_rows[v], cb_rows[v], cr_rows[v])
        shrink_group(y_rows, ratio0, plane0, group * (v_max // ratio0[1]))
        shrink_group(cb_rows, ratio1, plane1, group * (v_max // ratio1[1]))
        shrink_group(cr_rows, ratio2, plane2, group * (v_max // ratio2[1]))
    repeat_last_row(plane0, groups * (v_max // ratio0[1]))
    repeat_last_row(plane1, groups * (v_max // ratio1[1]))
    repeat_last_row(plane2, groups * (v_max // ratio2[1]))


@jit
def convert_row(rgb, y_row, cb_row, cr_row):
    """Twin of `color.rgb_to_ycbcr` for one row; the last sample is repeated to the end of the scratch rows."""
    width = rgb.shape[0]
    for x in range(width):
        red, green, blue = np.int32(rgb[x, 0]), np.int32(rgb[x, 1]), np.int32(rgb[x, 2])
        y = np.int32(
            np.int32(np.int32(19595) * red)
            + np.int32(np.int32(38470) * green)
            + np.int32(np.int32(7471) * blue)
            + HALF
        )
        cb = np.int32(
            np.int32(np.int32(-11059) * red)
            + np.int32(np.int32(-21709) * green)
            + np.int32(np.int32(32768) * blue)
            + CHROMA
        )
        cr = np.int32(
            np.int32(np.int32(32768) * red)
            + np.int32(np.int32(-27439) * green)
            + np.int32(np.int32(-5329) * blue)
            + CHROMA
        )
        y_row[x] = y >> 16
        cb_row[x] = cb >> 16
        cr_row[x] = cr >> 16
    for x in range(width, y_row.shape[0]):
        y_row[x] = y_row[width - 1]
        cb_row[x] = cb_row[width - 1]
        cr_row[x] = cr_row[width - 1]


@jit
def shrink_group(rows, ratio, plane, first_row):
    """Twin of `sampling.downsample` for one group of rows."""
    h_ratio, v_ratio = ratio
    count = rows.shape[0] // v_ratio
    for i in range(count):
        if first_row + i >= plane.shape[0]:
            break
        out = plane[first_row + i]
        top = rows[i * v_ratio]
        if h_ratio == 1 and v_ratio == 1:
            for x in range(out.shape[0]):
                out[x] = top[x]
        elif h_ratio == 2 and v_ratio == 1:
            for x in range(out.shape[0]):
                out[x] = (np.int32(top[2 * x]) + np.int32(top[2 * x + 1]) + np.int32(x & 1)) >> 1
        elif h_ratio == 2 and v_ratio == 2:
            bottom = rows[i * v_ratio + 1]
            for x in range(out.shape[0]):
                upper = np.int32(top[2 * x]) + np.int32(top[2 * x + 1])
                lower = np.int32(bottom[2 * x]) + np.int32(bottom[2 * x + 1])
                out[x] = (upper + lower + np.int32(1 + (x & 1))) >> 2
        else:
            area = h_ratio * v_ratio
            for x in range(out.shape[0]):
                total = area // 2
                for v in range(v_ratio):
                    for h in range(h_ratio):
                        total += rows[i * v_ratio + v, h_ratio * x + h]
                out[x] = total // area


@jit
def repeat_last_row(plane, filled):
    """Repeat row `filled` − 1 down to the end of the plane."""
    for row in range(filled, plane.shape[0]):
        plane[row] = plane[filled - 1]
