"""The reference path: the stages of the teaching files, put in a row.

`backend` says what each of these functions is for, and their compiled twins stand in ``_kernels/``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from . import color, dct, quantization, sampling
from ._types import Array, Coefficients, Samples
from .jpeg_data import FrameHeader, ceil_div

__all__ = ["coefficients_to_plane", "component_planes", "plane_to_coefficients", "planes_to_image"]


STRIP = 1 << 17  # pixels converted at once: memory stays small
BLOCKS = 512  # and blocks transformed at once


def component_planes(
    image: Samples,
    frame: FrameHeader,
    color_space: str,
    rgb_to_ycbcr: Callable[..., Samples] = color.rgb_to_ycbcr,
    downsample: Callable[..., Samples] = sampling.downsample,
) -> list[Samples]:
    """Colour conversion and downsampling."""
    samples = image[..., np.newaxis] if image.ndim == 2 else image
    convert = {"YCbCr": rgb_to_ycbcr, "YCCK": color.cmyk_to_ycck}.get(color_space)
    if convert is not None:
        deep = () if frame.precision == 8 else (frame.precision,)
        samples = np.empty(image.shape, image.dtype)
        for rows in _strips(frame):
            samples[rows] = convert(image[rows], *deep)
    return [
        sampling.component_plane(samples[..., i], frame, i, downsample) for i in range(len(frame.components))
    ]


def _strips(frame: FrameHeader) -> Iterator[slice]:
    """Cut the rows of a picture into strips, each of whole groups of Vmax rows."""
    step = max(STRIP // frame.width // frame.v_max, 1) * frame.v_max
    for first in range(0, frame.height, step):
        yield slice(first, min(first + step, frame.height))


def plane_to_coefficients(
    plane: Samples,
    table: Array,
    out: Coefficients,
    precision: int,
    fdct: Callable[..., Array] = dct.fdct,
    quantize: Callable[[Array, Array], Array] = quantization.quantize,
) -> None:
    """Level shift, DCT and quantisation (F.1.1.2), some rows of blocks at a time: memory stays small."""
    deep = () if precision == 8 else (precision,)
    columns = plane.shape[1] // 8
    for rows in _rows_of_blocks(plane.shape[0] // 8, columns):
        samples = sampling.to_blocks(plane[8 * rows.start : 8 * rows.stop]).astype(np.int32)
        shifted = samples - (1 << (precision - 1))  # A.3.1 – Level shift
        out[rows, :columns] = quantize(fdct(shifted, *deep), table)


def coefficients_to_plane(
    coefficients: Coefficients, table: Array, height: int, width: int, precision: int
) -> Samples:
    """Dequantisation, inverse DCT and level shift (F.2.1.4, F.2.1.5), some rows of blocks at a time."""
    height_in_blocks, columns = ceil_div(height, 8), ceil_div(width, 8)
    plane = np.empty((8 * height_in_blocks, 8 * columns), np.uint8 if precision == 8 else np.uint16)
    for rows in _rows_of_blocks(height_in_blocks, columns):
        blocks = coefficients[rows, :columns]
        values = quantization.dequantize(blocks, table, precision)
        flat = blocks[..., 1:, :].any(axis=(-1, -2)) == 0
        samples = dct.idct_islow(values, precision, flat) + (1 << (precision - 1))
        plane[8 * rows.start : 8 * rows.stop] = sampling.from_blocks(samples)
    return plane[:height, :width]


def _rows_of_blocks(rows: int, columns: int) -> Iterator[slice]:
    """Cut the rows of blocks of a plane into groups."""
    step = max(BLOCKS // columns, 1)
    for first in range(0, rows, step):
        yield slice(first, min(first + step, rows))


def planes_to_image(planes: Sequence[Samples], frame: FrameHeader, color_space: str) -> Samples:
    """Upsampling and colour conversion, a strip of rows at a time."""
    if len(planes) == 1:
        return np.ascontiguousarray(planes[0])
    convert = {"YCbCr": color.ycbcr_to_rgb, "YCCK": color.ycck_to_cmyk}.get(color_space)
    image = np.empty((frame.height, frame.width, len(planes)), planes[0].dtype)
    for rows in _strips(frame):
        for i, plane in enumerate(planes):
            image[rows, :, i] = _enlarged(plane, frame, i, rows)
        if convert is not None:
            image[rows] = convert(image[rows], frame.precision)
    return image


def _enlarged(plane: Samples, frame: FrameHeader, i: int, rows: slice) -> Samples:
    """Upsample some rows of component `i`."""
    component, v_max = frame.components[i], frame.v_max
    # The rows that they are made of, and one more on each side, which the triangle filter looks at.
    first = max(rows.start * component.v_samp // v_max - 1, 0)
    end = ceil_div(rows.stop * component.v_samp, v_max) + 1
    if v_max % component.v_samp:
        first, end = 0, plane.shape[0]  # rows of a fractional ratio do not come in groups
    before = first * v_max // component.v_samp
    enlarged = sampling.upsample(
        plane[first:end],
        rows.stop - before,
        frame.width,
        h_samp=component.h_samp,
        h_max=frame.h_max,
        v_samp=component.v_samp,
        v_max=v_max,
        triangle=not frame.is_lossless,
    )
    return enlarged[rows.start - before :]
