"""Colour conversion and downsampling in one pass over the picture: twin of `color` and `sampling`.

Why it is fast. A group of Vmax rows is converted and shrunk while it is still in the cache; a component that
keeps its size is written into its plane at once. Every intermediate result is cast back to int32: Numba makes
int32 · int32 an int64, which halves the vector width. Pairs of samples to be added are read as one 16-bit
number, so that no vector has to be taken apart into odd and even samples.

Measured on 1792×1200, milliseconds: 2.1 → 1.25 with 4:2:0, 2.8 → 1.15 with 4:4:4. Planes written at once
gain 0.4, pairs 0.4 (0.22 → 0.03 a plane). What is left is the conversion, 0.9, a quarter of it to take red,
green and blue apart. Tried there, and lost: positive factors of 15 bits only, by way of complements, so
that the compiler takes `pmaddwd` instead of the slower `pmulld` (0.86); factors from an array (1.6: the
compiler widens to 64 bits); taking the colours apart in a loop of its own (0.83).
"""

from __future__ import annotations

import numpy as np

from .. import reference
from .._types import Samples
from ..jpeg_data import BLOCK, FrameHeader
from ..sampling import component_plane, pad_to
from ._jit import inline, jit

u16 = np.uint16
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
            row = group * v_max + v
            y_row = row_to_fill(y_rows, v, ratio0, plane0, row)
            cb_row = row_to_fill(cb_rows, v, ratio1, plane1, row)
            cr_row = row_to_fill(cr_rows, v, ratio2, plane2, row)
            convert_row(lines[min(row, height - 1)], width, y_row, cb_row, cr_row)
            repeat_last_sample(y_row, width)
            repeat_last_sample(cb_row, width)
            repeat_last_sample(cr_row, width)
        shrink_group(y_rows, ratio0, plane0, group * (v_max // ratio0[1]))
        shrink_group(cb_rows, ratio1, plane1, group * (v_max // ratio1[1]))
        shrink_group(cr_rows, ratio2, plane2, group * (v_max // ratio2[1]))
    repeat_last_row(plane0, groups * (v_max // ratio0[1]))
    repeat_last_row(plane1, groups * (v_max // ratio1[1]))
    repeat_last_row(plane2, groups * (v_max // ratio2[1]))


@jit
def row_to_fill(rows, v, ratio, plane, row):
    """Return the row of a plane that is not shrunk, or else a scratch row."""
    if ratio[0] == 1 and ratio[1] == 1 and row < plane.shape[0]:
        return plane[row]
    return rows[v]


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
    """Twin of `sampling.downsample` for one group of rows; those of ratio 1 × 1 are in place already."""
    h_ratio, v_ratio = ratio
    if h_ratio == 1 and v_ratio == 1:
        return
    for i in range(rows.shape[0] // v_ratio):
        if first_row + i < plane.shape[0]:
            out = plane[first_row + i]
            if h_ratio == 2 and v_ratio == 1:
                halve(pairs(rows[i], out), out)
            elif h_ratio == 2 and v_ratio == 2:
                quarter(pairs(rows[2 * i], out), pairs(rows[2 * i + 1], out), out)
            else:
                shrink(rows[i * v_ratio :], h_ratio, v_ratio, out)


@jit
def pairs(row, out):
    """Two samples as one 16-bit number, for each sample of `out`."""
    return row[: 2 * out.shape[0]].view(np.uint16)


@inline
def sum_of_pair(pair):
    """Add the two samples; which comes first does not matter."""
    return u16(u16(pair & u16(0xFF)) + u16(pair >> u16(8)))


@jit
def halve(row, out):
    """2:1, rounding down and up in turn; `row` has pairs."""
    for x in range(out.shape[0]):
        total = u16(sum_of_pair(row[x]) + u16(u16(x) & u16(1)))
        out[x] = np.uint8(u16(total >> u16(1)))


@jit
def quarter(top, bottom, out):
    """2×2 : 1, with 1 and 2 added in turn before the division; the rows have pairs."""
    for x in range(out.shape[0]):
        total = u16(sum_of_pair(top[x]) + sum_of_pair(bottom[x]))
        total = u16(total + u16(u16(1) + u16(u16(x) & u16(1))))
        out[x] = np.uint8(u16(total >> u16(2)))


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
