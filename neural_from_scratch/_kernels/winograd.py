"""Kernels of 5×5 with stride 2 in half as many multiplications: Winograd's short convolutions, by phases.

**In one dimension.** Two neighbouring results of a kernel w0 … w4 with stride 2 see seven numbers d0 … d6:
y0 = Σ w_i d_i and y1 = Σ w_i d_(i+2), ten products. The even and the odd numbers never meet the same
weights, so that this is the sum of two convolutions of stride 1, w0 w2 w4 over d0 d2 d4 d6 and w1 w3 over
d1 d3 d5. For these S. Winograd found (Arithmetic Complexity of Computations, 1980; A. Lavin and S. Gray,
arXiv:1509.09308, for networks) 4 and 3 products in place of 6 and 4. With

    s0 = d0 − d4        u0 = w0                 s4 = d4 − d2        u4 = ½(w0 − w2 + w4)
    s1 = d1 − d3        u1 = w1                 s5 = d2 − d6        u5 = w4
    s2 = d2 + d4        u2 = ½(w0 + w2 + w4)    s6 = d3 − d5        u6 = w3
    s3 = d3             u3 = w1 + w3

    m0 = s0 u0 + s1 u1      m1 = s2 u2 + s3 u3      m2 = s4 u4      m3 = s5 u5 + s6 u6
    y0 = m0 + m1 + m2       y1 = m1 − m2 − m3

Written with matrices, s = B d, u = G w, m = P (s ⊙ u), y = A m: seven *values* s, of which P adds up pairs,
to four *points* m.

**In two.** The same along rows and then along columns: a tile of 7×7 inputs gives 49 values, 2×2 outputs
come from 16 points, and 49 products stand in place of 100. Only the products meet other channels: for point
(p, q), all channels of the one, two or four values that belong to it form one column of C, 2C or 4C
numbers, all tiles side by side form a matrix, and

    M[p, q] = U[p, q] S[p, q]       (O × nC) (nC × tiles),  n ∈ {1, 2, 4}

is a matrix product (`products`, or BLAS). Everything else is additions over long lines.

**Backwards.** The operation is linear in d and in w, and so the two other sums of `ops.convolution` are its
transposes, with the same matrices read backwards: S̄ = Uᵀ (Aᵀ Ȳ A) and X̄ = Bᵀ S̄ B, where tiles overlap
and add up; Ū = (Aᵀ Ȳ A) Sᵀ and W̄ = Gᵀ Ū G.

**Rounding.** All factors are 1 and ½; errors are those of a few more additions. But a number that is not
finite, or is much larger than its neighbours, reaches the other three outputs of its tile too (as ∞ − ∞ =
NaN, or as rounding error).

A block of some rows of tiles goes through all stages while it is in the cache. Tiles lie on lines of
`pitch` = (tiles in a row) + 1: the additional one keeps rows apart, so that every loop runs over a whole
block, however small the maps are.

**Measured** on two cores with AVX-512. Blocks of 200 to 250 columns were fastest; with 160 and less a call
took up to a third longer, as the weights are read again for each block. The products are two thirds of a
call. They reach 150 GFLOP/s on a core with weights in the order in which they are read, and 130 without.
The transform of the weights is 4 to 8 % of a call on small maps; as a product with G ⊗ G it was 20 %. A
direct sum of all taps over shifted lines of pixels, without values and points, took longer for each layer
of the bench, by 4 to 40 %, before the last gains: lines that end at the next multiple of 16, and not of 32
(4 to 10 %).
"""

from __future__ import annotations

import numpy as np
from numba import njit

from ._threads import buffer, run_all
from .lines import (
    accumulate,
    accumulate_alternating,
    accumulate_two,
    add,
    biased,
    biased_alternating,
    biased_negated,
    copy,
    half_alternating,
    half_sum,
    minus,
    mix,
    mix4,
    negate,
    plus,
    split2,
    split4,
    subtract,
)  # fmt: skip
from .products import LANES, group_of, is_tiled, multiply_grouped

__all__ = ["correlate", "correlate_transposed", "correlate_weights"]

G = np.array(
    [
        [1, 0, 0, 0, 0],
        [0, 1, 0, 0, 0],
        [0.5, 0, 0.5, 0, 0.5],
        [0, 1, 0, 1, 0],
        [0.5, 0, -0.5, 0, 0.5],
        [0, 0, 0, 0, 1],
        [0, 0, 0, 1, 0],
    ]
)
POINTS = ((0, 1), (2, 3), (4,), (5, 6))  # which values each point adds up

# Values are kept in the order of the points that they belong to: SLOTS[r, s] is where value (r, s) is.
ORDER = [(r, s) for rows in POINTS for columns in POINTS for r in rows for s in columns]
SLOTS = np.array([[ORDER.index((r, s)) for s in range(7)] for r in range(7)])
STARTS = np.cumsum([0] + [len(rows) * len(columns) for rows in POINTS for columns in POINTS])
POINT = np.repeat(np.arange(16), np.diff(STARTS))  # of each value
WIDTH = np.diff(STARTS)[POINT]  # values of its point
TRANSFORM = np.array([np.outer(G[r], G[s]).ravel() for r, s in ORDER], np.float32)  # 49 × 25

LINE = 224  # tiles in a block, about
TASKS = 16  # parts that a call is cut into, at most
SMALL = 1 << 13  # kernels that are not worth a second thread to transform them


def correlate(x, weight, bias, padding):
    """Return Y, shape (N, O, H', W')."""
    outputs, channels = weight.shape[:2]
    y = np.empty(
        (len(x), outputs, *(((x.shape[2 + i] + 2 * padding[i] - 5) // 2 + 1) for i in range(2))), np.float32
    )
    if bias is None:
        bias = np.zeros(outputs, np.float32)
    group = group_of(outputs)
    factors = _transformed(weight, group, False)
    blocks, rows, tiles = _blocks(y.shape)

    def task(number):
        for first, last in blocks[number]:
            length = _length(last - first, tiles)
            values = buffer("values", 49 * channels * length).reshape(49, channels, length)
            points = buffer("points", 16 * outputs * length).reshape(16, outputs, length)
            scratch = buffer("scratch", 40 * length + 64)
            work = (values, points, scratch)
            _correlate(x, factors, group, bias, padding, first, last, rows, tiles, *work, y)

    run_all(task, len(blocks), blas=not is_tiled(group))
    return y


def correlate_transposed(gradient, weight, bias, padding, shape):
    """Return X̄, shape (N, C, *shape)."""
    outputs, channels = weight.shape[:2]
    x = np.empty((len(gradient), channels, *shape), np.float32)
    group = group_of(channels)
    factors = _transformed(weight, group, True)
    blocks, rows, tiles = _blocks(gradient.shape)
    if bias is None:
        bias = np.zeros(channels, np.float32)
    if 4 * rows + 3 - padding[0] < shape[0]:  # below all tiles
        x[:, :, 4 * rows + 3 - padding[0] :] = bias.reshape(-1, 1, 1)
    # Tiles overlap by three rows. A task puts its first three aside, as another one may be at work on them.
    edges = np.empty((len(blocks), channels, 3, shape[1]), np.float32)

    def task(number):
        start = blocks[number][0][0]
        for first, last in blocks[number]:
            length = _length(last - first, tiles)
            values = buffer("values", 49 * channels * length).reshape(49, channels, length)
            points = buffer("points", 16 * outputs * length).reshape(16, outputs, length)
            scratch = buffer("scratch", 40 * length + 64)
            _transposed(
                gradient,
                factors,
                group,
                bias,
                padding,
                first,
                last,
                start,
                rows,
                tiles,
                values,
                points,
                scratch,
                edges[number],
                x,
            )

    run_all(task, len(blocks), blas=not is_tiled(group))
    for number, parts in enumerate(blocks):
        picture, row = divmod(parts[0][0], rows)
        if row:
            top = 4 * row - padding[0]
            inside = slice(max(top, 0), min(top + 3, shape[0]))
            x[picture, :, inside] += edges[number][:, inside.start - top : inside.stop - top]
    return x


def correlate_weights(x, gradient, padding):
    """Return W̄, shape (O, C, 5, 5)."""
    channels, outputs = x.shape[1], gradient.shape[1]
    # Sums over pixels want long lines, and each task has its own: fewer and larger ones.
    blocks, rows, tiles = _blocks(gradient.shape, 2 * LINE, TASKS // 4)
    sums = np.empty((max(len(blocks), 1), 49 * channels * outputs), np.float32)

    def task(number):
        start = blocks[number][0][0]
        product = buffer("product", 4 * channels * outputs)
        for first, last in blocks[number]:
            length = _length(last - first, tiles)
            values = buffer("values", 49 * channels * length).reshape(49, channels, length)
            points = buffer("points", 16 * outputs * length).reshape(16, outputs, length)
            scratch = buffer("scratch", 40 * length + 64)
            work = (values, points, scratch, product)
            _weights(x, gradient, padding, first, last, rows, tiles, *work, sums[number], first == start)

    run_all(task, len(blocks))
    weight = np.empty((outputs, channels, 5, 5), np.float32)
    parts = _quarters(channels)
    sums = sums.reshape(-1, 49, channels, outputs)

    def transform(number):
        part = parts[number]
        taps = TRANSFORM.T @ sums[:, :, part].sum(axis=0).reshape(49, -1)
        weight[:, part] = taps.reshape(5, 5, -1, outputs).transpose(3, 2, 0, 1)

    run_all(transform, len(parts))
    return weight


def _transformed(weight, group, turned):
    """Return U in the order in which `multiply_grouped` takes it, as one line.

    For `correlate`, point after point: (O / group, n, C, group) for its n values. If `turned`, for
    `correlate_transposed`, value after value: (C / group, O, group).
    """
    outputs, channels = weight.shape[:2]
    rows, others = (channels, outputs) if turned else (outputs, channels)
    factors = buffer("factors", 49 * channels * outputs)
    groups = rows // group
    per_task = max(1, -(-groups // 4), min(groups, SMALL // (group * others)))

    def task(number):
        first = number * per_task
        last = min(first + per_task, groups)
        # One after the other they would want the same places of the first-level cache.
        pitch = others * group + 16
        lines = buffer("taps", 32 * pitch).reshape(32, pitch)
        _transform(weight.reshape(outputs, channels, 25), group, turned, first, last, lines, factors)

    run_all(task, -(-groups // per_task), blas=False)
    return factors


def _quarters(channels):
    step = -(-channels // 4)
    return [slice(start, min(start + step, channels)) for start in range(0, channels, step)]


def _length(rows, tiles):
    """Return the numbers in a line of a block: those of its tiles, and zeros up to an odd multiple of 16.

    Lines at a distance of a power of 2 would all want the same places of the first-level cache.
    """
    return (-(-rows * (tiles + 1) // LANES) | 1) * LANES


def _blocks(shape, line=LINE, tasks=TASKS):
    """Cut a map's rows of tiles into tasks, and these into blocks; return them, and how many rows and tiles.

    Rows are counted through all pictures. The cut depends on nothing but the shape of the map.
    """
    count, _, height, width = shape
    rows, tiles = (height + 1) // 2, (width + 1) // 2
    total = count * rows
    per_block = max(1, min(line // (tiles + 1), (total + 1) // 2))
    starts = list(range(0, total, per_block))
    per_task = -(-len(starts) // tasks)
    blocks = [(start, min(start + per_block, total)) for start in starts]
    return [blocks[i : i + per_task] for i in range(0, len(blocks), per_task)], rows, tiles


@njit(nogil=True, cache=True)
def _transform(weight, group, turned, first, last, lines, factors):
    """Fill in U of the groups `first` to `last` of rows; kernels in lines, a line for each of their taps."""
    rows, others = (weight.shape[1], weight.shape[0]) if turned else weight.shape[:2]
    size = others * group
    for g in range(first, last):
        for k in range(others):
            for i in range(group):
                row = g * group + i
                for tap in range(25):
                    lines[tap, k * group + i] = weight[k, row, tap] if turned else weight[row, k, tap]
        for r in range(7):
            for b in range(5):
                _apply(r, lines, b, 5, size, lines[25 + b, :size])
            for s in range(7):
                slot = SLOTS[r, s]
                start, width = (slot, 1) if turned else (STARTS[POINT[slot]], WIDTH[slot])
                at = start * rows * others + (g * width + slot - start) * size
                _apply(s, lines, 25, 1, size, factors[at : at + size])


@njit(nogil=True, cache=True)
def _apply(row, lines, at, step, size, out):
    """Write row `row` of G applied to five of the lines, `step` apart."""
    if row == 2:
        half_sum(out, lines[at, :size], lines[at + 2 * step, :size], lines[at + 4 * step, :size])
    elif row == 3:
        add(out, lines[at + step, :size], lines[at + 3 * step, :size])
    elif row == 4:
        half_alternating(out, lines[at, :size], lines[at + 2 * step, :size], lines[at + 4 * step, :size])
    else:
        copy(out, lines[at + (0, 1, 0, 0, 0, 4, 3)[row] * step, :size])


# --------------------------------------------------------------------------------------------------
# One block: rows `first` to `last` of tiles


@njit(nogil=True, cache=True)
def _correlate(x, factors, group, bias, padding, first, last, rows, tiles, values, points, scratch, y):
    channels, length = values.shape[1:]
    outputs = y.shape[1]
    _values_of(x, padding, first, last, rows, tiles, values, scratch)
    for point in range(16):
        start, stop = STARTS[point], STARTS[point + 1]
        size = (stop - start) * channels
        multiply_grouped(
            factors[start * channels * outputs : stop * channels * outputs],
            values[start:stop].reshape(size, length),
            points[point],
            group,
        )
    lines = scratch[: 12 * length].reshape(12, length)
    height, width = y.shape[2:]
    for o in range(outputs):
        for p in range(4):
            plus(lines[p], points[4 * p, o], points[4 * p + 1, o], points[4 * p + 2, o])
            minus(lines[4 + p], points[4 * p + 1, o], points[4 * p + 2, o], points[4 * p + 3, o])
        for j in range(2):
            plus(lines[8 + j], lines[4 * j], lines[4 * j + 1], lines[4 * j + 2])
            minus(lines[10 + j], lines[4 * j + 1], lines[4 * j + 2], lines[4 * j + 3])
        for row in range(first, last):
            n, at, start = row // rows, 2 * (row % rows), (row - first) * (tiles + 1)
            for i in range(min(2, height - at)):
                target = y[n, o, at + i]
                even, odd = lines[8 + 2 * i, start : start + tiles], lines[9 + 2 * i, start : start + tiles]
                mix(target, even, odd, width // 2, bias[o])
                if width % 2:
                    target[width - 1] = even[tiles - 1] + bias[o]


@njit(nogil=True, cache=True)
def _transposed(
    gradient, factors, group, bias, padding, first, last, start, rows, tiles, values, points, scratch, edge, x
):
    channels, length = values.shape[1:]
    outputs = points.shape[1]
    _points_of(gradient, first, last, rows, tiles, points, scratch)
    for point in range(16):
        begin, end = STARTS[point], STARTS[point + 1]
        size = (end - begin) * channels
        multiply_grouped(
            factors[begin * channels * outputs : end * channels * outputs],
            points[point],
            values[begin:end].reshape(size, length),
            group,
        )
    phases = scratch[: 4 * length].reshape(4, length)
    lines = scratch[4 * length : 32 * length].reshape(7, 4 * length)
    height, width = x.shape[2:]
    top, left = padding
    for c in range(channels):
        for r in range(7):
            _columns_back(values, SLOTS[r], c, phases, length)
            mix4(lines[r], phases, length)
        for row in range(first, last):
            n, at, begin = row // rows, 4 * (row % rows) - top, (row - first) * (tiles + 1) * 4 + left
            end, low, high = begin + width, max(-at, 0), min(height - at, 7)
            if row % rows == 0:
                _upper(x[n, c], at, low, high, lines, begin, end, bias[c])
            elif row == start:
                _upper(edge[c], 0, low, high, lines, begin, end, np.float32(0))
            else:
                _add_upper(x[n, c], at, low, high, lines, begin, end)
            _lower(x[n, c], at, low, high, lines, begin, end, bias[c])


@njit(nogil=True, cache=True)
def _weights(
    x, gradient, padding, first, last, rows, tiles, values, points, scratch, product, sums, is_first
):
    channels, length = values.shape[1:]
    outputs = points.shape[1]
    _values_of(x, padding, first, last, rows, tiles, values, scratch)
    _points_of(gradient, first, last, rows, tiles, points, scratch)
    for point in range(16):
        start, stop = STARTS[point], STARTS[point + 1]
        size = (stop - start) * channels
        total = sums[start * channels * outputs : stop * channels * outputs]
        part = total if is_first else product[: size * outputs]
        np.dot(values[start:stop].reshape(size, length), points[point].T, part.reshape(size, outputs))
        if not is_first:
            for i in range(total.size):
                total[i] += part[i]


@njit(nogil=True, cache=True)
def _values_of(x, padding, first, last, rows, tiles, values, scratch):
    """Fill in S = B D Bᵀ of every tile and channel."""
    channels, length = values.shape[1:]
    height, width = x.shape[2:]
    top, left = padding
    pitch = 4 * (tiles + 1)
    width = min(width, pitch - left)
    lines = scratch[: 7 * (4 * length + 4)].reshape(7, 4 * length + 4)
    phases = scratch[lines.size : lines.size + 4 * (length + 1)].reshape(4, length + 1)
    lines[:] = 0
    empty = np.zeros(x.shape[3], x.dtype)
    for c in range(channels):
        for row in range(first, last):
            n, at, begin = row // rows, 4 * (row % rows) - top, (row - first) * pitch + left
            here = lines[:, begin : begin + width]
            d0 = x[n, c, at] if 0 <= at < height else empty
            d1 = x[n, c, at + 1] if 0 <= at + 1 < height else empty
            d2 = x[n, c, at + 2] if 0 <= at + 2 < height else empty
            d3 = x[n, c, at + 3] if 0 <= at + 3 < height else empty
            d4 = x[n, c, at + 4] if 0 <= at + 4 < height else empty
            d5 = x[n, c, at + 5] if 0 <= at + 5 < height else empty
            d6 = x[n, c, at + 6] if 0 <= at + 6 < height else empty
            subtract(here[0], d0, d4)
            subtract(here[1], d1, d3)
            add(here[2], d2, d4)
            copy(here[3], d3)
            subtract(here[4], d4, d2)
            subtract(here[5], d2, d6)
            subtract(here[6], d3, d5)
        for r in range(7):
            split4(lines[r], phases, length + 1)
            slots = SLOTS[r]
            a0, a1, a2, a3 = phases[0], phases[1], phases[2], phases[3]
            subtract(values[slots[0], c], a0, a0[1:])
            subtract(values[slots[1], c], a1, a3)
            add(values[slots[2], c], a2, a0[1:])
            copy(values[slots[3], c], a3)
            subtract(values[slots[4], c], a0[1:], a2)
            subtract(values[slots[5], c], a2, a2[1:])
            subtract(values[slots[6], c], a3, a1[1:])


@njit(nogil=True, cache=True)
def _points_of(gradient, first, last, rows, tiles, points, scratch):
    """Fill in Aᵀ Ȳ A of every tile and output channel; zero between rows."""
    outputs, length = points.shape[1:]
    height, width = gradient.shape[2:]
    pitch = 2 * (tiles + 1)
    lines = scratch[: 8 * length].reshape(4, 2 * length)
    phases = scratch[8 * length : 10 * length].reshape(2, length)
    lines[:] = 0
    empty = np.zeros(width, gradient.dtype)
    for o in range(outputs):
        for row in range(first, last):
            n, at, begin = row // rows, 2 * (row % rows), (row - first) * pitch
            here = lines[:, begin : begin + width]
            g0 = gradient[n, o, at]
            g1 = gradient[n, o, at + 1] if at + 1 < height else empty
            copy(here[0], g0)
            add(here[1], g0, g1)
            subtract(here[2], g0, g1)
            subtract(here[3], empty, g1)
        for p in range(4):
            split2(lines[p], phases, length)
            copy(points[4 * p, o], phases[0])
            add(points[4 * p + 1, o], phases[0], phases[1])
            subtract(points[4 * p + 2, o], phases[0], phases[1])
            negate(points[4 * p + 3, o], phases[1])


@njit(nogil=True, cache=True)
def _columns_back(values, slots, c, phases, length):
    """Bᵀ along a line: what values of a tile and of its left neighbour add to each of four columns."""
    s0, s1, s2, s3 = values[slots[0], c], values[slots[1], c], values[slots[2], c], values[slots[3], c]
    s4, s5, s6 = values[slots[4], c], values[slots[5], c], values[slots[6], c]
    a0, a1, a2, a3 = phases[0], phases[1], phases[2], phases[3]
    a0[0], a1[0], a2[0] = s0[0], s1[0], s2[0] - s4[0] + s5[0]
    subtract(a0[1:], s0[1:], s0)
    accumulate_two(a0[1:], s2, s4)
    subtract(a1[1:], s1[1:], s6)
    minus(a2[1:], s2[1:], s4[1:], s5)
    for t in range(1, length):
        a2[t] += s5[t]
    for t in range(length):
        a3[t] = s3[t] + s6[t] - s1[t]


# Bᵀ down the columns, with h for `lines`: seven rows for each row of tiles, of which the upper three are also
# the last three of the tiles above. Each loop is a call of its own, with lines that are cut out just there:
# views that are passed on from function to function have their references counted, which took longer.


@njit(nogil=True, cache=True)
def _upper(out, at, low, high, h, begin, end, bias):
    """Write rows 0 to 2, as far as they are from `low` to `high`."""
    if low <= 0 < high:
        biased(out[at], h[0, begin:end], bias)
    if low <= 1 < high:
        biased(out[at + 1], h[1, begin:end], bias)
    if low <= 2 < high:
        biased_alternating(out[at + 2], h[2, begin:end], h[4, begin:end], h[5, begin:end], bias)


@njit(nogil=True, cache=True)
def _add_upper(out, at, low, high, h, begin, end):
    """Add rows 0 to 2."""
    if low <= 0 < high:
        accumulate(out[at], h[0, begin:end])
    if low <= 1 < high:
        accumulate(out[at + 1], h[1, begin:end])
    if low <= 2 < high:
        accumulate_alternating(out[at + 2], h[2, begin:end], h[4, begin:end], h[5, begin:end])


@njit(nogil=True, cache=True)
def _lower(out, at, low, high, h, begin, end, bias):
    """Write rows 3 to 6, as far as they are from `low` to `high`."""
    if low <= 3 < high:
        biased_alternating(out[at + 3], h[3, begin:end], h[1, begin:end], h[6, begin:end], bias)
    if low <= 4 < high:
        biased_alternating(out[at + 4], h[2, begin:end], h[0, begin:end], h[4, begin:end], bias)
    if low <= 5 < high:
        biased_negated(out[at + 5], h[6, begin:end], bias)
    if low <= 6 < high:
        biased_negated(out[at + 6], h[5, begin:end], bias)
