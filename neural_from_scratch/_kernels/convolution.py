"""Convolution for NumPy arrays: which kernel does which shape.

- 5×5 with stride 2, one group and some channels, the layer of nearly every learned codec: `winograd`, half
  the products.
- All other shapes in float32: `columns`, matrix products over blocks of pixels.
- float64, which is for checks: the reference.
- Maps, batches or channels of size zero: the reference too, where there is nothing to gain.

Arrays that are not contiguous are copied once, at the beginning.
"""

from __future__ import annotations

import numpy as np

from ..ops import convolution as reference
from . import columns, winograd

__all__ = ["correlate", "correlate_transposed", "correlate_weights"]

FEW = 8  # channels; with fewer, transforming costs more than products that it saves


def correlate(x, weight, bias, stride, padding, groups):
    """See `ops.convolution.correlate`."""
    if _is_left_to_reference(x, weight):
        return reference.correlate(x, weight, bias, stride, padding, groups)
    x, weight = np.ascontiguousarray(x), np.ascontiguousarray(weight)
    if _is_for_winograd(weight.shape, stride, padding, groups):
        return winograd.correlate(x, weight, bias, padding)
    return columns.correlate(x, weight, bias, stride, padding, groups)


def correlate_transposed(gradient, weight, bias, stride, padding, groups, shape):
    """See `ops.convolution.correlate_transposed`."""
    if _is_left_to_reference(gradient, weight):
        return reference.correlate_transposed(gradient, weight, bias, stride, padding, groups, shape)
    gradient, weight = np.ascontiguousarray(gradient), np.ascontiguousarray(weight)
    if _is_for_winograd(weight.shape, stride, padding, groups):
        return winograd.correlate_transposed(gradient, weight, bias, padding, shape)
    return columns.correlate_transposed(gradient, weight, bias, stride, padding, groups, shape)


def correlate_weights(x, gradient, kernel, stride, padding, groups):
    """See `ops.convolution.correlate_weights`."""
    if _is_left_to_reference(x, gradient):
        return reference.correlate_weights(x, gradient, kernel, stride, padding, groups)
    x, gradient = np.ascontiguousarray(x), np.ascontiguousarray(gradient)
    if _is_for_winograd((gradient.shape[1], x.shape[1], *kernel), stride, padding, groups):
        return winograd.correlate_weights(x, gradient, padding)
    return columns.correlate_weights(x, gradient, kernel, stride, padding, groups)


def _is_left_to_reference(*arrays):
    return any(array.dtype != np.float32 or array.size == 0 for array in arrays)


def _is_for_winograd(shape, stride, padding, groups):
    outputs, channels, *kernel = shape
    return (
        kernel == [5, 5]
        and stride == (2, 2)
        and max(padding) < 5
        and groups == 1
        and min(outputs, channels) >= FEW
    )
