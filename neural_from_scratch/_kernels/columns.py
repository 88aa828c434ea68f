"""Convolution of any shape as matrix products over columns of pixels, a block at a time.

*im2col* writes all pixels that a kernel sees at one position into a column of C·kh·kw numbers. With W as a
matrix of O rows, the three sums of `ops.convolution` become

    Y = W · columns(X)        columns(X̄) = Wᵀ · Ȳ        W̄ = Ȳ · columns(X)ᵀ

and X̄ is what its columns add up to, each number at the pixel that it came from. All columns of a picture
would take kh·kw (divided by the strides) times its memory. Here those of a few rows are made, multiplied
and forgotten, in a buffer that stays in the cache.

Adding up for X̄ goes by *phases*: tap j adds to columns u = s·x + j − p, whose remainder after division by
s is the same for all x. There are s lines, one for each remainder; all additions run along them without
gaps; at the end they are interleaved. A block owns some rows of X̄, and computes all columns that reach
these, so that no two blocks write to the same place; a few are computed twice.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from ._threads import buffer, run_all
from .lines import accumulate, interleave, take

__all__ = ["correlate", "correlate_transposed", "correlate_weights"]

NUMBERS = 1 << 19  # in a block of columns, about: 2 MiB of float32
TASKS = 8  # parts that `correlate_weights` is cut into, at most


def correlate(x, weight, bias, stride, padding, groups):
    """Return Y, shape (N, O, H', W')."""
    outputs, inner, *kernel = weight.shape
    height, width = ((x.shape[2 + i] + 2 * padding[i] - kernel[i]) // stride[i] + 1 for i in range(2))
    y = np.empty((len(x), outputs, height, width), np.float32)
    matrix = weight.reshape(groups, outputs // groups, -1)
    bias = np.zeros(outputs, np.float32) if bias is None else bias
    jobs = _jobs(len(x), groups, height, width * matrix.shape[2])

    def task(number):
        n, group, first, last = jobs[number]
        length = (last - first) * width
        columns = buffer("columns", matrix.shape[2] * length).reshape(-1, length)
        product = buffer("product", matrix.shape[1] * length).reshape(-1, length)
        _columns(
            x[n, group * inner : (group + 1) * inner],
            kernel[0],
            kernel[1],
            stride,
            padding,
            first,
            width,
            columns,
        )
        np.dot(matrix[group], columns, out=product)
        part = slice(group * matrix.shape[1], (group + 1) * matrix.shape[1])
        _store(product, bias[part], first, y[n, part])

    run_all(task, len(jobs))
    return y


def correlate_transposed(gradient, weight, bias, stride, padding, groups, shape):
    """Return X̄, shape (N, C, *shape)."""
    outputs, inner, *kernel = weight.shape
    x = np.empty((len(gradient), groups * inner, *shape), np.float32)
    matrix = np.ascontiguousarray(weight.reshape(groups, outputs // groups, -1).transpose(0, 2, 1))
    bias = np.zeros(groups * inner, np.float32) if bias is None else bias
    height, width = gradient.shape[2:]
    # Blocks of at least four kernels' height, or too much would be computed twice.
    jobs = _jobs(len(x), groups, shape[0], -(-width * matrix.shape[1] // stride[0]), 4 * kernel[0])

    def task(number):
        n, group, first, last = jobs[number]
        start = max(0, -(-(first + padding[0] - kernel[0] + 1) // stride[0]))
        stop = max(start, min(height, (last - 1 + padding[0]) // stride[0] + 1))
        length = (stop - start) * width
        columns = buffer("columns", matrix.shape[1] * length).reshape(matrix.shape[1], length)
        pixels = buffer("product", matrix.shape[2] * length).reshape(matrix.shape[2], length)
        part = slice(group * matrix.shape[2], (group + 1) * matrix.shape[2])
        pixels.reshape(matrix.shape[2], stop - start, width)[:] = gradient[n, part, start:stop]
        np.dot(matrix[group], pixels, out=columns)
        part = slice(group * inner, (group + 1) * inner)
        lines = buffer("lines", stride[1] * (shape[1] + 1)).reshape(stride[1], -1)
        _pixels(
            columns,
            kernel[0],
            kernel[1],
            stride,
            padding,
            first,
            last,
            start,
            stop,
            width,
            bias[part],
            lines,
            x[n, part],
        )

    run_all(task, len(jobs))
    return x


def correlate_weights(x, gradient, kernel, stride, padding, groups):
    """Return W̄, shape (O, C / groups, *kernel)."""
    count, outputs, height, width = gradient.shape
    inner, outer = x.shape[1] // groups, outputs // groups
    size = inner * kernel[0] * kernel[1]
    jobs = _jobs(count, groups, height, width * size)
    per_task = max(1, -(-len(jobs) // TASKS))
    parts = [jobs[i : i + per_task] for i in range(0, len(jobs), per_task)]
    sums = np.zeros((max(len(parts), 1), groups, outer, size), np.float32)

    def task(number):
        for n, group, first, last in parts[number]:
            length = (last - first) * width
            columns = buffer("columns", size * length).reshape(size, length)
            pixels = buffer("product", outer * length).reshape(outer, length)
            _columns(
                x[n, group * inner : (group + 1) * inner],
                kernel[0],
                kernel[1],
                stride,
                padding,
                first,
                width,
                columns,
            )
            pixels.reshape(outer, last - first, width)[:] = gradient[
                n, group * outer : (group + 1) * outer, first:last
            ]
            product = buffer("sum", outer * size).reshape(outer, size)
            sums[number, group] += np.dot(pixels, columns.T, out=product)

    run_all(task, len(parts))
    return sums.sum(axis=0).reshape(outputs, inner, *kernel)


def _jobs(count, groups, height, numbers, least=1):
    """Return (picture, group, first row, last row) of all blocks, where a row makes so many numbers."""
    rows = max(1, least, min(NUMBERS // max(numbers, 1), -(-height // 2)))
    return [
        (n, group, first, min(first + rows, height))
        for n in range(count)
        for group in range(groups)
        for first in range(0, height, rows)
    ]


@njit(nogil=True, cache=True)
def _columns(x, kh, kw, stride, padding, first, width, columns):
    channels, rows, wide = x.shape
    count = columns.shape[1] // width
    step = stride[1]
    for c in range(channels):
        for i in range(kh):
            for j in range(kw):
                line = columns[(c * kh + i) * kw + j]
                shift = j - padding[1]
                start = min(
                    max(0, -(shift // step)), width
                )  # the first position that sees a pixel, and the last
                stop = max(start, min(width, (wide - 1 - shift) // step + 1))
                for row in range(count):
                    u = (first + row) * stride[0] + i - padding[0]
                    out = line[row * width : (row + 1) * width]
                    if u < 0 or u >= rows:
                        out[:] = 0
                        continue
                    out[:start] = 0
                    out[stop:] = 0
                    if stop > start:
                        take(out[start:stop], x[c, u, start * step + shift :], step)


@njit(nogil=True, cache=True)
def _store(product, bias, first, y):
    outputs, _, width = y.shape
    count = product.shape[1] // width
    for o in range(outputs):
        for row in range(count):
            source, target = product[o, row * width : (row + 1) * width], y[o, first + row]
            for t in range(width):
                target[t] = source[t] + bias[o]


@njit(nogil=True, cache=True)
def _pixels(columns, kh, kw, stride, padding, first, last, start, stop, width, bias, lines, x):
    channels, _, wide = x.shape
    step = stride[1]
    for c in range(channels):
        for u in range(first, last):
            lines[:] = bias[c]
            for i in range(kh):
                row, rest = divmod(u + padding[0] - i, stride[0])
                if rest != 0 or row < start or row >= stop:
                    continue
                for j in range(kw):
                    shift, phase = divmod(j - padding[1], step)
                    # Position t adds to number t + shift of its phase.
                    low = min(max(0, -shift), width)
                    high = max(low, min(width, (wide - phase + step - 1) // step - shift))
                    begin = (row - start) * width
                    if high > low:
                        source = columns[(c * kh + i) * kw + j, begin + low : begin + high]
                        accumulate(lines[phase, low + shift : high + shift], source)
            interleave(x[c, u], lines, step)
