"""Convolution without columns and without transforms: every tap is a line of pixels, shifted.

The picture is padded and split once into the *phases* of its stride: of plane (c, p, q) number (i, j) is
pixel (s·i + p − padding, s·j + q − padding) of channel c. Tap (s·a + p, s·b + q) of the kernel then meets
output (y, x) at number (y + a, x + b) of its plane. With a plane written as one line, row after row, this
is number t + a·pitch + b for t = y·pitch + x: *one* shift for all outputs. So

    Y[o, t] = bias[o] + Σ_c Σ_taps w[o, c, tap] · line(c, phase)[t + shift(tap)]

where a few t between two rows belong to no output and are dropped. All pictures of a batch lie behind each
other in the same line, and small maps are as fast as large ones. Zeros at the end of one row serve as the
zeros in front of the next one, which keeps the t that are dropped few.

The transposed sum is one of the same kind for each phase of its *result*: with u + padding = s·m + r

    X̄[c, s·m + r − padding] = bias[c] + Σ_o Σ_a Ȳ[o, m − a] · w[o, c, s·a + r]

The weights are put into the order in which they are read.

**Why it is fast.** A tile of 8 channels × 48 pixels stays in 24 registers of AVX-512 while all channels and
taps run; each step is 3 loads of pixels, 8 of a weight for all lanes, and 24 multiply-adds. Numba has no
vectors: an *intrinsic* hands these lines to LLVM. Other processors get fewer and shorter vectors from the
same lines. The pixels that a tile of 128 channels sees take 0.3 MB, and all of its output channels follow
before the next tile comes, so that they stay in the second cache. The order of summation is fixed.
"""

from __future__ import annotations

import numpy as np
from llvmlite import binding, ir
from numba import config, njit, types
from numba.core import cgutils
from numba.extending import intrinsic

from ._threads import buffer, run_all
from .lines import interleave, take

__all__ = ["COLUMNS", "ROWS", "correlate", "correlate_transposed"]

COMPILED = not config.DISABLE_JIT  # type: ignore[attr-defined]
_FEATURES = binding.get_host_cpu_features()
LANES = 16 if _FEATURES.get("avx512f") else 8 if _FEATURES.get("avx") else 4
VECTORS = 3
ROWS, COLUMNS = 8 if LANES == 16 else 4, VECTORS * LANES  # of a tile
LINE = 16  # numbers in a line of the cache
GROUP = 2  # tiles that share weights while these are in the cache
PARTS = 64  # tasks, about: so many that two threads end at nearly the same time


def correlate(x, weight, bias, stride, padding):
    """Return Y, shape (N, O, H', W'); O at least `ROWS`, the kernel at least the stride."""
    outputs, channels, *kernel = weight.shape
    size = tuple((x.shape[2 + i] + 2 * padding[i] - kernel[i]) // stride[i] + 1 for i in range(2))
    y = np.empty((len(x), outputs, *size), np.float32)
    line, beside, rows, pitch = _planes(x, size, kernel, stride, padding)
    taps = np.arange(kernel[0] * kernel[1])
    i, j = np.divmod(taps, kernel[1])
    shifts = (i % stride[0] * stride[1] + j % stride[1]) * (beside // (stride[0] * stride[1]))
    shifts += i // stride[0] * pitch + j // stride[1]
    factors = _factors(weight.reshape(outputs, channels, -1), taps, np.array([0, len(taps)]))
    bias = np.zeros(outputs, np.float32) if bias is None else bias
    count, bands = _tasks(len(x) * rows * pitch, outputs)

    def task(number):
        group, band = divmod(number, len(bands) - 1)
        start, stop = bands[band : band + 2]
        at = group * GROUP * COLUMNS
        _correlate(factors, line, shifts, channels, beside, bias, start, stop, at, rows, pitch, y)

    run_all(task, count * (len(bands) - 1), blas=False)
    return y


def correlate_transposed(gradient, weight, bias, stride, padding, shape):
    """Return X̄, shape (N, C, *shape); C at least `ROWS`, the kernel at least the stride."""
    outputs, channels, *kernel = weight.shape
    x = np.empty((len(gradient), channels, *shape), np.float32)
    reach = [(kernel[i] - 1) // stride[i] for i in range(2)]
    first = [padding[i] // stride[i] for i in range(2)]  # m of the first number, and how many there are
    size = tuple((shape[i] - 1 + padding[i]) // stride[i] + 1 - first[i] for i in range(2))
    before = tuple(reach[i] - first[i] for i in range(2))
    line, beside, rows, pitch = _planes(gradient, size, [n + 1 for n in reach], (1, 1), before)
    phases = [
        [i * kernel[1] + j for i in range(p, kernel[0], stride[0]) for j in range(q, kernel[1], stride[1])]
        for p in range(stride[0])
        for q in range(stride[1])
    ]
    ends = np.cumsum([0] + [len(phase) for phase in phases])
    taps = np.concatenate(phases)
    i, j = np.divmod(taps, kernel[1])
    shifts = (reach[0] - i // stride[0]) * pitch + reach[1] - j // stride[1]
    factors = _factors(weight.reshape(outputs, channels, -1).transpose(1, 0, 2), taps, ends)
    bias = np.zeros(channels, np.float32) if bias is None else bias
    corner = tuple(stride[i] * first[i] - padding[i] for i in range(2))
    count, bands = _tasks(len(x) * rows * pitch, channels, stride[0])

    def task(number):
        rest, band = divmod(number, len(bands) - 1)
        group, p = divmod(rest, stride[0])
        start, stop = bands[band : band + 2]
        at = group * GROUP * COLUMNS
        where = (p, rows, pitch, size, stride, corner)
        _transposed(factors, line, shifts, ends, outputs, beside, bias, start, stop, at, *where, x)

    run_all(task, count * stride[0] * (len(bands) - 1), blas=False)
    return x


def _tasks(numbers, rows, more=1):
    """Return how many groups of tiles there are, and where to cut the rows, for about `PARTS` tasks."""
    groups, whole = -(-numbers // (GROUP * COLUMNS)), -(-rows // ROWS)
    count = max(1, min(whole, -(-PARTS // max(groups * more, 1))))
    return groups, [whole * i // count for i in range(count + 1)]


def _factors(weight, taps, ends):
    """Return the weights in the order in which tiles take them: (bands, phases × channels × taps × ROWS)."""
    rows, channels = weight.shape[:2]
    bands = -(-rows // ROWS)
    factors = buffer("factors", bands * channels * len(taps) * ROWS).reshape(bands, -1)

    def task(band):
        first = min(band * ROWS, rows - ROWS)
        _pack(weight[first : first + ROWS], taps, ends, factors[band])

    run_all(task, bands, blas=False)
    return factors


def _planes(x, size, kernel, stride, padding):
    """Return the phases of x as one line, numbers in a channel of it, rows of a picture and its pitch."""
    reach = [(kernel[i] - 1) // stride[i] for i in range(2)]
    rows, pitch = (_distance(x.shape[2 + i], size[i], reach[i], stride[i], padding[i]) for i in range(2))
    length = len(x) * rows * pitch + reach[0] * pitch + reach[1]
    length = (-(-length // LINE) | 1) * LINE  # an odd number of lines: channels meet in no set of the cache
    channels, phases = x.shape[1], stride[0] * stride[1]
    whole = buffer("planes", channels * phases * length + COLUMNS)
    planes = whole[:-COLUMNS].reshape(channels, phases, length)
    per_task = max(1, channels // 8)

    def task(number):
        first = number * per_task
        _split(x, first, planes[first : first + per_task], rows, pitch, stride, padding)

    run_all(task, -(-channels // per_task), blas=False)
    return whole, planes[0].size, rows, pitch


def _distance(size, count, reach, stride, padding):
    """Return how far two rows are apart: as near as the zeros in front of one can end the other."""
    needed, distance = count + reach, count
    for phase in range(stride):
        zeros = max(0, -((phase - padding) // stride))
        data = min(needed, -((phase - padding - size) // stride))
        distance = max(distance, data, needed - zeros)
    return distance


@njit(nogil=True, cache=True)
def _split(x, first, planes, rows, pitch, stride, padding):
    count, _, height, width = x.shape
    top, left = padding
    planes[:] = 0
    for c in range(len(planes)):
        for q in range(stride[1]):
            start = min(pitch, max(0, -((q - left) // stride[1])))
            stop = max(start, min(pitch, -((q - left - width) // stride[1])))
            if start == stop:
                continue
            skip = start * stride[1] + q - left
            for p in range(stride[0]):
                plane = planes[c, p * stride[1] + q]
                low = max(0, -((p - top) // stride[0]))
                high = min(rows, -((p - top - height) // stride[0]))
                for n in range(count):
                    picture = x[n, first + c].reshape(-1)
                    for i in range(low, high):
                        at = (n * rows + i) * pitch
                        source = picture[(i * stride[0] + p - top) * width + skip :]
                        take(plane[at + start : at + stop], source, stride[1])


@njit(nogil=True, cache=True)
def _pack(weight, taps, ends, out):
    at = 0
    for phase in range(len(ends) - 1):
        for c in range(weight.shape[1]):
            for k in taps[ends[phase] : ends[phase + 1]]:
                for i in range(ROWS):
                    out[at + i] = weight[i, c, k]
                at += ROWS


@njit(nogil=True, cache=True)
def _correlate(factors, line, shifts, channels, beside, bias, start, stop, at, rows, pitch, y):
    """Compute the bands `start` to `stop` of a group of tiles that begins at number `at`."""
    count, outputs, height, width = y.shape
    sums = np.empty((ROWS, COLUMNS), np.float32)
    end = min(at + GROUP * COLUMNS, count * rows * pitch)
    for band in range(start, stop):
        first = min(band * ROWS, outputs - ROWS)
        for here in range(at, end, COLUMNS):
            _tile(factors[band], line[here:], shifts, channels, beside, bias[first:], sums)
            until = min(end, here + COLUMNS)
            _store(sums.reshape(-1), here, until, first, rows, pitch, (height, width), (1, 1), (0, 0), y)


@njit(nogil=True, cache=True)
def _transposed(
    factors, line, shifts, ends, outputs, beside, bias, start, stop, at, p, rows, pitch, size, stride, edge, x
):  # fmt: skip
    """Do the same for phase p of the rows, and all phases of the columns."""
    count, channels = x.shape[:2]
    step = stride[1]
    sums = np.empty((step, ROWS, COLUMNS), np.float32)
    mixed = np.empty((ROWS, step * COLUMNS), np.float32)
    end = min(at + GROUP * COLUMNS, count * rows * pitch)
    for band in range(start, stop):
        first = min(band * ROWS, channels - ROWS)
        for here in range(at, end, COLUMNS):
            for q in range(step):
                low, high = ends[p * step + q], ends[p * step + q + 1]
                part = factors[band, outputs * low * ROWS : outputs * high * ROWS]
                _tile(part, line[here:], shifts[low:high], outputs, beside, bias[first:], sums[q])
            interleave(mixed.reshape(-1), sums.reshape(step, -1), step)
            until = min(end, here + COLUMNS)
            place = (edge[0] + p, edge[1])
            _store(mixed.reshape(-1), here, until, first, rows, pitch, size, stride, place, x)


@njit(nogil=True, cache=True)
def _store(sums, start, stop, first, rows, pitch, size, stride, corner, y):
    """Put what belongs to the numbers `start` to `stop` of a line into its rows of `ROWS` maps."""
    _, channels, height, width = y.shape
    flat = y.reshape(-1)
    step = stride[1]
    at = start
    while at < stop:
        row, column = divmod(at, pitch)
        n, i = divmod(row, rows)
        length = min(stop - at, pitch - column)
        u = corner[0] + stride[0] * i
        begin = corner[1] + step * column
        low, high = max(0, begin), min(width, corner[1] + step * min(column + length, size[1]))
        if i < size[0] and 0 <= u < height and low < high:
            source = step * (at - start) + low - begin
            target = ((n * channels + first) * height + u) * width + low
            for _ in range(ROWS):
                take(flat[target : target + high - low], sums[source:], 1)
                source += step * COLUMNS
                target += height * width
        at += length


@njit(nogil=True, cache=True)
def _tile(factors, line, shifts, channels, beside, bias, sums):
    """Compute a tile: ``sums[i, t] = bias[i] + Σ_c Σ_k factors[c, k, i] line[c·beside + shifts[k] + t]``."""
    if COMPILED:
        _registers(
            factors.ctypes.data,
            line.ctypes.data,
            shifts.ctypes.data,
            len(shifts),
            channels,
            beside,
            bias.ctypes.data,
            sums.ctypes.data,
        )
    else:
        _plain(factors, line, shifts, channels, beside, bias, sums)


def _plain(factors, line, shifts, channels, beside, bias, sums):
    """Do the same without a compiler."""
    sums[:] = bias[:ROWS, None]
    columns = factors.reshape(-1, ROWS)
    for c in range(channels):
        for k, shift in enumerate(shifts):
            start = c * beside + shift
            sums += columns[c * len(shifts) + k, :, None] * line[start : start + COLUMNS]


@intrinsic
def _registers(context, factors, line, shifts, count, channels, beside, bias, sums):
    """The same with the sums in registers. Addresses in bytes; distances in numbers."""
    signature = types.void(*[types.intp] * 8)

    def generate(target, builder, _, arguments):
        factors, line, shifts, count, channels, beside, bias, sums = arguments
        word, number = factors.type, ir.FloatType()
        vector, index = ir.VectorType(number, LANES), ir.IntType(32)
        form = ir.FunctionType(vector, [vector] * 3)
        add = cgutils.get_or_insert_function(builder.module, form, f"llvm.fmuladd.v{LANES}f32")
        zero, one = ir.Constant(word, 0), ir.Constant(word, 1)

        def pointer(address, kind=number):
            return builder.inttoptr(address, kind.as_pointer())

        def after(address, numbers):
            return builder.add(address, builder.shl(numbers, ir.Constant(word, 2)))

        def everywhere(address):
            undefined = ir.Constant(vector, ir.Undefined)
            value = builder.load(pointer(address), align=4)
            single = builder.insert_element(undefined, value, ir.Constant(index, 0))
            lanes = ir.Constant(ir.VectorType(index, LANES), [0] * LANES)
            return builder.shuffle_vector(single, undefined, lanes)

        before = builder.block
        outer, inner, latch, done = (
            builder.append_basic_block(name) for name in ("channel", "tap", "next", "done")
        )
        starts = [everywhere(builder.add(bias, ir.Constant(word, 4 * i))) for i in range(ROWS)]
        builder.branch(outer)

        builder.position_at_end(outer)
        c, of_factors, of_line = (builder.phi(word) for _ in range(3))
        carried = [builder.phi(vector) for _ in range(ROWS * VECTORS)]
        builder.branch(inner)

        builder.position_at_end(inner)
        k, here = (builder.phi(word) for _ in range(2))
        totals = [builder.phi(vector) for _ in range(ROWS * VECTORS)]
        entry = builder.add(shifts, builder.shl(k, ir.Constant(word, 3)))
        there = after(of_line, builder.load(pointer(entry, word), align=8))
        pixels = []
        for j in range(VECTORS):
            address = builder.add(there, ir.Constant(word, 4 * LANES * j))
            pixels.append(builder.load(pointer(address, vector), align=4))
        results = []
        for i in range(ROWS):
            left = everywhere(builder.add(here, ir.Constant(word, 4 * i)))
            for j in range(VECTORS):
                results.append(builder.call(add, [left, pixels[j], totals[i * VECTORS + j]]))
        following, beyond = builder.add(k, one), builder.add(here, ir.Constant(word, 4 * ROWS))
        builder.cbranch(builder.icmp_signed("<", following, count), inner, latch)
        for phi, start, step in ((k, zero, following), (here, of_factors, beyond)):
            phi.add_incoming(start, outer)
            phi.add_incoming(step, inner)
        for total, start, result in zip(totals, carried, results):
            total.add_incoming(start, outer)
            total.add_incoming(result, inner)

        builder.position_at_end(latch)
        further, aside = builder.add(c, one), after(of_line, beside)
        for phi, start, step in (
            (c, zero, further),
            (of_factors, factors, beyond),
            (of_line, line, aside),
        ):
            phi.add_incoming(start, before)
            phi.add_incoming(step, latch)
        for i, total in enumerate(carried):
            total.add_incoming(starts[i // VECTORS], before)
            total.add_incoming(results[i], latch)
        builder.cbranch(builder.icmp_signed("<", further, channels), outer, done)

        builder.position_at_end(done)
        for i, result in enumerate(results):
            address = builder.add(sums, ir.Constant(word, 4 * LANES * i))
            builder.store(result, pointer(address, vector), align=4)
        return target.get_dummy_value()

    return signature, generate
