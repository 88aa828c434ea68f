"""Picture → coefficients in one call: `color_sampling` and `dct` by turns, a row of MCUs after the other.

Why it is fast. The planes of a row of MCUs are some ten kilobytes, which are still in the cache when they are
transformed; planes of a whole picture go to memory and come back. And a thread that shares the work needs
Python once a band, not four times: to wait for the other thread to let go of the interpreter, and to be woken
again, takes as long as a tenth of a megapixel.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .._types import Array, Coefficients, Samples
from ..jpeg_data import BLOCK, FrameHeader
from ._jit import jit
from .color_sampling import component_planes, convert_and_shrink
from .dct import FROM_LEFT, FROM_RIGHT, divisors, plane_to_coefficients, transform_plane


def image_to_coefficients(
    image: Samples,
    frame: FrameHeader,
    color_space: str,
    steps: Sequence[Array],
    coefficients: Sequence[Coefficients],
) -> None:
    """Make the coefficients of a picture; see `backend.image_to_coefficients`."""
    h_max, v_max = frame.h_max, frame.v_max
    whole = all(h_max % c.h_samp == 0 and v_max % c.v_samp == 0 for c in frame.components)
    if color_space != "YCbCr" or frame.precision != 8 or not whole:
        planes = component_planes(image, frame, color_space)
        for table, out in zip(steps, coefficients):
            plane_to_coefficients(planes.pop(0), table, out, frame.precision)
        return
    components = []
    for i, (component, table, out) in enumerate(zip(frame.components, steps, coefficients)):
        rows, columns = frame.block_shape(i)
        ratio = h_max // component.h_samp, v_max // component.v_samp
        components.append((ratio, divisors(tuple(table.ravel().tolist())), out[:rows], columns))
    transform_picture(np.ascontiguousarray(image), (h_max, v_max), *components, FROM_RIGHT, FROM_LEFT)


@jit
def transform_picture(rgb, largest, component0, component1, component2, right, left):
    """Fill the coefficients of three components, each (ratio, divisors, blocks, columns of blocks)."""
    height = BLOCK * largest[1]  # of a row of MCUs
    plane0 = plane_of(component0, height)
    plane1 = plane_of(component1, height)
    plane2 = plane_of(component2, height)
    for row in range((rgb.shape[0] + height - 1) // height):
        strip0, blocks0 = strip(plane0, component0, row)
        strip1, blocks1 = strip(plane1, component1, row)
        strip2, blocks2 = strip(plane2, component2, row)
        pixels = rgb[row * height : min((row + 1) * height, rgb.shape[0])]
        convert_and_shrink(
            pixels, largest, strip0, component0[0], strip1, component1[0], strip2, component2[0]
        )
        transform_plane(strip0, right, left, *component0[1], blocks0)
        transform_plane(strip1, right, left, *component1[1], blocks1)
        transform_plane(strip2, right, left, *component2[1], blocks2)


@jit
def plane_of(component, height):
    """Make room for the samples that a component has in a row of MCUs."""
    ratio, _, _, columns = component
    return np.empty((height // ratio[1], BLOCK * columns), np.uint8)


@jit
def strip(plane, component, row):
    """Return the samples and the blocks of a row of MCUs; in the last, there may be fewer."""
    blocks = component[2]
    step = plane.shape[0] // BLOCK
    part = blocks[row * step : min((row + 1) * step, blocks.shape[0])]
    return plane[: BLOCK * part.shape[0]], part
