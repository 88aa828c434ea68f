"""Coefficients → picture, some rows of MCUs at a time: inverse transform, upsampling and colours in one call.

A strip of rows can be made as soon as its coefficients are there, by any thread. Where the triangle filter
looks at the samples above and below, the rows of blocks next to the strip are transformed too, a second time:
strips depend on coefficients only, and not on each other. For 4:2:0 and strips of eight rows of MCUs that is
a twelfth of the transform.

One call for a strip, because each return to Python asks for the interpreter's lock, and the samples stay in
the cache between the stages.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .._types import Array, Coefficients
from ..jpeg_data import FrameHeader, ceil_div
from ._bits import published
from ._jit import jit
from .inverse_dct import inverse_plane, steps_of
from .upsampling import TRIANGLE_HV, TRIANGLE_V, enlarge_and_convert, mode_of


def strips_of(
    coefficients: Sequence[Coefficients], tables: Sequence[Array], frame: FrameHeader, color_space: str
) -> Strips | None:
    """Return a picture to be made in strips; see `backend.Backend.strips`."""
    # A lossless process has no coefficients.
    whole = all(frame.h_max % c.h_samp == 0 and frame.v_max % c.v_samp == 0 for c in frame.components)
    two_blocks = all(blocks.shape[1] >= 2 for blocks in coefficients)  # the least the transform takes
    if len(coefficients) != 3 or frame.precision != 8 or not (whole and two_blocks):
        return None
    return Strips(coefficients, tables, frame, color_space)


class Strips:
    """A picture of three components that is made in strips; see `backend.Strips`."""

    def __init__(
        self,
        coefficients: Sequence[Coefficients],
        tables: Sequence[Array],
        frame: FrameHeader,
        color_space: str,
    ) -> None:
        self.frame = frame
        self.rows = frame.mcu_shape[0]
        self.image = np.empty((frame.height, frame.width, 3), np.uint8)
        self.complete_rows: Array = np.zeros(1, np.int64)
        self._coefficients = tuple(coefficients)
        self._steps = tuple(map(steps_of, tables))
        shapes = [frame.component_shape(i) for i in range(3)]
        self._modes = tuple(mode_of(c, shape[1], frame) for c, shape in zip(frame.components, shapes))
        beside = [int(mode[0] in (TRIANGLE_V, TRIANGLE_HV)) for mode in self._modes]
        self.reach = max(beside)
        factors = [component.v_samp for component in frame.components]
        self._geometry = np.array([(*row, *shape) for *row, shape in zip(factors, beside, shapes)])
        self._is_ycbcr = color_space == "YCbCr"

    def complete(self) -> int:
        """How many rows of MCUs the decoder of the scan has told of."""
        return int(rows_told(self.complete_rows))

    def make(self, first: int, stop: int) -> None:
        """Make the lines of the picture that the rows of MCUs from `first` to before `stop` cover."""
        line = 8 * self.frame.v_max
        lines = self.image[first * line : stop * line]
        planes = tuple(
            np.empty((8 * v_samp * (stop - first + 2), 8 * max(ceil_div(width, 8), 2)), np.uint8)
            for v_samp, _, _, width in self._geometry.tolist()
        )
        make_strip(
            self._coefficients,
            self._steps,
            planes,
            self._modes,
            self._geometry,
            self._is_ycbcr,
            first,
            stop,
            lines,
        )


@jit
def rows_told(complete_rows):
    """Read what `huffman_decode.decode_mcus` publishes."""
    return published(complete_rows)


@jit
def make_strip(coefficients, steps, planes, modes, geometry, is_ycbcr, first, stop, lines):
    """Fill the lines of a picture that the rows of MCUs from `first` to before `stop` cover.

    Planes have room for a row of MCUs above and one below. Of each component the geometry has: rows of blocks
    in an MCU, rows of blocks beside the strip that are looked at, height and width.
    """
    top = max(first - 1, 0)
    plane0 = transformed(coefficients[0], steps[0], planes[0], geometry[0], top, first, stop)
    plane1 = transformed(coefficients[1], steps[1], planes[1], geometry[1], top, first, stop)
    plane2 = transformed(coefficients[2], steps[2], planes[2], geometry[2], top, first, stop)
    first_line = (first - top) * (8 * geometry[0, 0] * modes[0][2])
    enlarge_and_convert(plane0, modes[0], plane1, modes[1], plane2, modes[2], is_ycbcr, first_line, lines)


@jit
def transformed(coefficients, steps, plane, geometry, top, first, stop):
    """Transform a component of a strip; return its plane, which starts at row `top` of the MCUs."""
    v_samp, beside, height, width = geometry
    begin = max(v_samp * first - beside, 0)
    end = min(v_samp * stop + beside, (height + 7) // 8)
    above = v_samp * top
    inverse_plane(coefficients[begin:end], steps, plane[8 * (begin - above) : 8 * (end - above)])
    return plane[: min(8 * end, height) - 8 * above, :width]
