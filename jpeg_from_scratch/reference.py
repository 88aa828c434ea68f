"""The reference path: the stages of the teaching files, put in a row.

`backend` says what each of these functions is for, and their compiled twins stand in ``_kernels/``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from . import color, dct, quantization, sampling
from ._types import Array, Coefficients, Samples
from .jpeg_data import FrameHeader, ceil_div

__all__ = ["coefficients_to_plane", "component_planes", "plane_to_coefficients", "planes_to_image"]


def component_planes(
    image: Samples,
    frame: FrameHeader,
    color_space: str,
    rgb_to_ycbcr: Callable[..., Samples] = color.rgb_to_ycbcr,
    downsample: Callable[..., Samples] = sampling.downsample,
) -> list[Samples]:
    """Colour conversion and downsampling."""
    samples = image[..., np.newaxis] if image.ndim == 2 else image
    deep = () if frame.precision == 8 else (frame.precision,)
    if color_space == "YCbCr":
        samples = rgb_to_ycbcr(samples, *deep)
    elif color_space == "YCCK":
        samples = color.cmyk_to_ycck(samples, *deep)
    return [
        sampling.component_plane(samples[..., i], frame, i, downsample) for i in range(len(frame.components))
    ]


def plane_to_coefficients(
    plane: Samples,
    table: Array,
    out: Coefficients,
    precision: int,
    fdct: Callable[..., Array] = dct.fdct,
    quantize: Callable[[Array, Array], Array] = quantization.quantize,
) -> None:
    """Level shift, DCT and quantisation (F.1.1.2), a row of blocks at a time: memory stays small."""
    deep = () if precision == 8 else (precision,)
    for row, strip in enumerate(np.split(plane, plane.shape[0] // 8)):
        blocks = sampling.to_blocks(strip)[0].astype(np.int32) - (1 << (precision - 1))  # A.3.1 – Level shift
        out[row, : len(blocks)] = quantize(fdct(blocks, *deep), table)


def coefficients_to_plane(
    coefficients: Coefficients, table: Array, height: int, width: int, precision: int
) -> Samples:
    """Dequantisation, inverse DCT and level shift (F.2.1.4, F.2.1.5), a row of blocks at a time."""
    rows, columns = ceil_div(height, 8), ceil_div(width, 8)
    plane = np.empty((8 * rows, 8 * columns), np.uint8 if precision == 8 else np.uint16)
    for row, blocks in enumerate(coefficients[:rows, :columns]):
        values = quantization.dequantize(blocks, table, precision)
        flat = ~blocks[:, 1:].any(axis=(1, 2))
        samples = dct.idct_islow(values, precision, flat) + (1 << (precision - 1))
        plane[8 * row : 8 * row + 8] = sampling.from_blocks(samples[np.newaxis])
    return plane[:height, :width]


def planes_to_image(planes: Sequence[Samples], frame: FrameHeader, color_space: str) -> Samples:
    """Upsampling and colour conversion."""
    enlarged = [
        sampling.upsample(
            plane,
            frame.height,
            frame.width,
            h_samp=component.h_samp,
            h_max=frame.h_max,
            v_samp=component.v_samp,
            v_max=frame.v_max,
            triangle=not frame.is_lossless,
        )
        for plane, component in zip(planes, frame.components)
    ]
    if len(enlarged) == 1:
        return np.ascontiguousarray(enlarged[0])
    samples = np.stack(enlarged, axis=-1)
    if color_space == "YCbCr":
        return color.ycbcr_to_rgb(samples, frame.precision)
    return color.ycck_to_cmyk(samples, frame.precision) if color_space == "YCCK" else samples
