"""Upsampling and colour conversion in one pass over the picture: twin of `sampling` and `color`.

A row of the picture needs at most two rows of each component. They are enlarged into scratch rows, which stay
in the cache until the colours are converted.

Why it is fast: sixteen pixels at a time (`_lanes`). The factors of the colour conversion are split into whole
multiples of 2^16, which need no multiplication, and a rest that fits 16 bits: products of int16 take one
instruction. Per 2.15 megapixels, milliseconds, 4:2:0, all of the stage 3.8 → 1.5: colours 1.9 → 1.0, triangle
filter of both components 0.8 → 0.2; the copy of rows 0.5 → 0.05 (``out[:n] = row`` does not vectorise, a loop
does). Tried and lost: the same loops for single numbers, each intermediate cast to int32, in three rows that
are joined afterwards: 1.6 + 0.3, because LLVM proves that the casts change nothing, drops them, and
multiplies in 64 bits; red and blue by the upper halves of products of 16 bits: 1.0, no gain.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .. import reference, sampling
from .._types import Samples
from ..jpeg_data import FrameComponent, FrameHeader
from ..parallel import bands, run_all, shared_by
from ._jit import jit, step
from ._lanes import LANES, clamped, load, narrow, store_pairs, store_triples, wide

REPEAT, TRIANGLE_H, TRIANGLE_HV, TRIANGLE_V = range(4)
i32 = np.int32
ONE, HALF = 1 << 16, 1 << 15
ROOM = 3 * LANES  # behind a row, for sums at its edges and lanes that reach beyond it


def planes_to_image(
    planes: Sequence[Samples], frame: FrameHeader, color_space: str, threads: int = 1
) -> Samples:
    """Enlarge the planes and convert their colours; see `backend.planes_to_image`."""
    if len(planes) != 3 or frame.precision != 8 or frame.is_lossless:
        # One plane is copied; rarer pictures are left to the array code.
        return reference.planes_to_image(planes, frame, color_space)
    prepared: list[object] = []
    for plane, component in zip(planes, frame.components):
        prepared += _prepare(plane, component, frame)
    image = np.empty((frame.height, frame.width, 3), np.uint8)

    def convert_rows(rows: range) -> None:
        """Make some rows of the picture; planes are looked at beyond them."""
        part = image[rows.start : rows.stop]
        enlarge_and_convert(*prepared, color_space == "YCbCr", rows.start, part)

    parts = shared_by(threads, frame.height * frame.width)
    run_all(convert_rows, bands(frame.height, 1, parts), parts)
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
    return plane, mode_of(component, plane.shape[1], frame)


def mode_of(component: FrameComponent, width: int, frame: FrameHeader) -> tuple[int, int, int]:
    """Return (mode, horizontal ratio, vertical ratio) for a component of so many columns."""
    ratios = frame.h_max // component.h_samp, frame.v_max // component.v_samp
    wide = width > 2
    modes = {
        (2, 1): TRIANGLE_H if wide else REPEAT,
        (2, 2): TRIANGLE_HV if wide else REPEAT,
        (1, 2): TRIANGLE_V,
    }
    return modes.get(ratios, REPEAT), *ratios


@jit
def enlarge_and_convert(plane0, how0, plane1, how1, plane2, how2, is_ycbcr, first_row, image):
    """Fill rows of an RGB picture, from number `first_row` on, from three planes."""
    height, width = image.shape[:2]
    samples = image.reshape(-1)
    row0 = np.empty(width + ROOM, np.uint8)
    row1 = np.empty(width + ROOM, np.uint8)
    row2 = np.empty(width + ROOM, np.uint8)
    sums = np.empty(width + ROOM, np.int16)
    last = np.empty(3 * LANES, np.uint8)
    whole = width - width % LANES
    for row in range(height):
        enlarge_row(plane0, how0, first_row + row, sums, row0)
        enlarge_row(plane1, how1, first_row + row, sums, row1)
        enlarge_row(plane2, how2, first_row + row, sums, row2)
        start = 3 * width * row
        for x in range(0, whole, LANES):
            convert(row0, row1, row2, x, is_ycbcr, samples, start + 3 * x)
        if whole < width:
            convert(row0, row1, row2, whole, is_ycbcr, last, 0)
            for i in range(3 * (width - whole)):
                samples[start + 3 * whole + i] = last[i]


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
            for x in range(count):
                out[x] = near[x]
        else:
            for x in range(min(count * h_ratio, out.shape[0])):
                out[x] = near[x // h_ratio]
    elif mode == TRIANGLE_V:
        for x in range(count):
            out[x] = np.uint8((3 * i32(near[x]) + i32(far[x]) + 1 + row % 2) >> 2)
    elif mode == TRIANGLE_H:
        for x in range(count):
            sums[1 + x] = near[x]
        triangle_columns(sums, count, 1, 2, 2, out)
    else:
        for x in range(count):
            sums[1 + x] = 3 * i32(near[x]) + i32(far[x])
        triangle_columns(sums, count, 8, 7, 4, out)


@jit
def triangle_columns(sums, count, even_bias, odd_bias, shift, out):
    """Twin of `sampling._triangle_columns`; the first of `count` sums stands at 1."""
    sums[0] = sums[1]
    sums[count + 1] = sums[count]
    for x in range(0, count, LANES):
        near = 3 * load(sums, x + 1)
        even = near + load(sums, x) + even_bias >> shift
        odd = near + load(sums, x + 2) + odd_bias >> shift
        store_pairs(out, 2 * x, even, odd)


@step
def convert(row0, row1, row2, x, is_ycbcr, out, position):
    """Twin of `color.ycbcr_to_rgb` for sixteen pixels; without a conversion, only put them together."""
    first, second, third = load(row0, x), load(row1, x), load(row2, x)
    if is_ycbcr:
        y, cb, cr = first, second - 128, third - 128
        first = y + cr + scaled(wide(cr) * (91881 - ONE))
        second = y - cr + scaled(wide(cr) * (ONE - 46802) - wide(cb) * 22554)
        third = y + cb + cb + scaled(wide(cb) * (116130 - 2 * ONE))
        first, second, third = clamped(first, 0, 255), clamped(second, 0, 255), clamped(third, 0, 255)
    store_triples(out, position, first, second, third)


@step
def scaled(lanes):
    """Divide by 2^16 and round halves up."""
    return narrow((lanes + HALF) >> 16)
