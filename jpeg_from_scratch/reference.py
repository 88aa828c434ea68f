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
    rgb_to_ycbcr: Callable[[Samples], Samples] = color.rgb_to_ycbcr,
    downsample: Callable[..., Samples] = sampling.downsample,
) -> list[Samples]:
    """Colour conversion and downsampling."""
    samples = image[..., np.newaxis] if image.ndim == 2 else rgb_to_ycbcr(image)
    return [
        sampling.component_plane(samples[..., i], frame, i, downsample) for i in range(len(frame.components))
    ]


def plane_to_coefficients(
    plane: Samples,
    table: Array,
    out: Coefficients,
    fdct: Callable[[Array], Array] = dct.fdct,
    quantize: Callable[[Array, Array], Array] = quantization.quantize,
) -> None:
    """Level shift, DCT and quantisation (F.1.1.2), a row of blocks at a time: memory stays small."""
    for row, strip in enumerate(np.split(plane, plane.shape[0] // 8)):
        blocks = sampling.to_blocks(strip)[0].astype(np.int32) - 128  # A.3.1 – Level shift
        out[row, : len(blocks)] = quantize(fdct(blocks), table)


def coefficients_to_plane(coefficients: Coefficients, table: Array, height: int, width: int) -> Samples:
    """Dequantisation, inverse DCT and level shift (F.2.1.4, F.2.1.5), a row of blocks at a time."""
    rows, columns = ceil_div(height, 8), ceil_div(width, 8)
    plane = np.empty((8 * rows, 8 * columns), np.uint8)
    for row, blocks in enumerate(coefficients[:rows, :columns]):
        samples = dct.idct_islow(quantization.dequantize(blocks, table)) + 128
        plane[8 * row : 8 * row + 8] = sampling.from_blocks(samples[np.newaxis])
    return plane[:height, :width]


def planes_to_image(planes: Sequence[Samples], frame: FrameHeader, is_ycbcr: bool) -> Samples:
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
        )
        for plane, component in zip(planes, frame.components)
    ]
    if len(enlarged) == 1:
        return np.ascontiguousarray(enlarged[0])
    samples = np.stack(enlarged, axis=-1)
    return color.ycbcr_to_rgb(samples) if is_ycbcr else samples
