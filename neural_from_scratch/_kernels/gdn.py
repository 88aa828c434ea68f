"""GDN and IGDN with (α, ε) = (2, ½) and (1, 1): block after block, each in a core's cache from beginning to
end.

`ops.gdn` is a matrix product of (C, C) and (C, pixels) with cheap work around it. Written with whole arrays,
the cheap work is not cheap: |x|^α, the measure n and the factor n^s each go out to memory and come back. Here
pixels are taken in blocks, so small that |x|^α and n of a block stay in the second-level cache:

1. a loop writes |x|^α of the block,
2. a product with γ (`products.multiply`, or BLAS for float64 and where 8 does not divide C),
3. a loop makes the factor n^s of each row, and y.

So x is read and y is written once. Backwards the same with one loop and one product more: h and |x|^α of a
block, γᵀ h, h (|x|^α)ᵀ, ∂L/∂x. What is kept from forward is not n but n^s: then equation 1 of `ops.gdn` is

    (α, ε) = (2, ½):  h = −½ g x (n^s)³   (GDN)     h = ½ g x / n^s   (IGDN)
    (α, ε) = (1, 1):  h = −g x (n^s)²     (GDN)     h = g x           (IGDN)

with no root, and one division at most. A block may reach over the end of a picture of the batch into the next
one, so that many small maps are as fast as a large one.

Measured (2 cores with 2 MiB of second-level cache each): the products take most of the time, at C = 128 two
thirds. With `products.multiply` instead of BLAS, which copies both sides of each product first, forward takes
15 to 18 % less at C = 64, and 5 % at C = 128, backward 10 and 3 %; h (|x|^α)ᵀ is still BLAS's, as both sides
lie along its sum. Factor and y in one loop instead of two: 8 to 15 % less. With Python's division, which may
raise, that loop was no vector loop and took 4 times as long. Sums over rows as a product with a column of
ones take a fifth of what a loop of 16 sums side by side did. Tried and lost: estimated reciprocal roots with
one step of Newton's method gain 2 to 5 %, and make NaN of an infinite n.

Blocks are filled up with zeros to whole tiles, and all of nearly one size, an even number of them. The work
is cut into 16 items, or fewer of at least four blocks, but two; the least work into one, as waking a second
thread takes longer. The cut is the same for any number of threads, and shares of ∂L/∂β and ∂L/∂γ are added in
order: the same bits always. Other exponents, and empty inputs, take the reference.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from ..arrays import Array
from ..ops.gdn import gdn_backward as reference_backward
from ..ops.gdn import gdn_forward as reference_forward
from ._jit import jit
from ._threads import buffer, run_all
from .products import COLUMNS, HAS_VECTORS, ROWS, multiply

__all__ = ["gdn_backward", "gdn_forward"]

BLOCK = 1 << 18  # bytes of |x|^α of a block
ITEMS = 16
SMALL = 1 << 22  # multiplications of a product that is not worth waking a second thread


def gdn_forward(x, beta, gamma, alpha, epsilon, inverse, keep=True) -> tuple[Array, ...]:
    """Return y, and n^s if it is to be kept; see `ops.gdn.gdn_forward`."""
    if not is_fast(x, alpha, epsilon):
        return reference_forward(x, beta, gamma, alpha, epsilon, inverse, keep)
    flat = _flat(x)
    beta, gamma = np.ascontiguousarray(beta), np.ascontiguousarray(gamma)
    y = np.empty_like(flat)
    factor = np.empty_like(flat) if keep else y  # not written if not kept
    block, items = plan(flat)
    tiled = _is_tiled(flat)

    def run(number: int) -> None:
        work = _work(2 * flat.shape[1] * block, flat.dtype)
        forward_block(
            flat, beta, gamma, alpha == 2, inverse, keep, tiled, *items[number], block, work, y, factor
        )  # fmt: skip

    run_all(run, len(items), blas=not tiled)
    return (y.reshape(x.shape), factor.reshape(x.shape)) if keep else (y.reshape(x.shape),)


def gdn_backward(gradient, x, beta, gamma, alpha, epsilon, inverse, kept, wanted) -> tuple[Array | None, ...]:
    """Return the gradients with respect to x, β and γ; see `ops.gdn.gdn_backward`."""
    if not is_fast(x, alpha, epsilon):
        return reference_backward(gradient, x, beta, gamma, alpha, epsilon, inverse, kept, wanted)
    flat, g, factor = _flat(x), _flat(gradient), _flat(kept[0])
    channels = flat.shape[1]
    gamma = np.ascontiguousarray(gamma)
    dx = np.empty_like(flat) if wanted[0] else flat  # not written if not wanted
    block, items = plan(flat)
    tiled = _is_tiled(flat)
    dbetas = np.zeros((len(items), channels), flat.dtype)
    dgammas = np.zeros((len(items) if wanted[2] else 1, channels, channels), flat.dtype)

    def run(number: int) -> None:
        work = _work(channels * (3 * block + channels), flat.dtype)
        backward_block(
            g, flat, factor, gamma, alpha == 2, inverse, tiled, *items[number], block, work,
            wanted[0], dx, dbetas[number], wanted[2], dgammas[number if wanted[2] else 0],
        )  # fmt: skip

    run_all(run, len(items))
    return (
        dx.reshape(x.shape) if wanted[0] else None,
        dbetas.sum(axis=0) if wanted[1] else None,
        dgammas.sum(axis=0) if wanted[2] else None,
        None,
        None,
    )


def is_fast(x, alpha, epsilon) -> bool:
    """Tell whether the kernels are for this: exponents (2, ½) or (1, 1) as plain numbers, and x not empty."""
    are_numbers = isinstance(alpha, int | float) and isinstance(epsilon, int | float)
    return are_numbers and (alpha, epsilon) in ((2, 0.5), (1, 1)) and x.size > 0


def plan(flat) -> tuple[int, list[tuple[int, int]]]:
    """Return how many pixels a block has, and the first and last + 1 of each item, counted over the whole
    batch.

    Examples
    --------
    >>> plan(np.empty((2, 64, 3000), np.float32))
    (1056, [(0, 3168), (3168, 6000)])
    """
    pictures, channels, pixels = flat.shape
    total = pictures * pixels
    blocks = -(-total // max(BLOCK // (channels * flat.itemsize), COLUMNS))
    blocks += blocks % 2  # two threads
    # An odd number of tiles: rows of a block at a distance of a power of 2 would all want the same places of
    # the first-level cache.
    block = (-(-total // (blocks * COLUMNS)) | 1) * COLUMNS
    blocks = -(-total // block)
    number = min(blocks, max(blocks // 8 * 2, 2), ITEMS) if total * channels**2 > SMALL else 1
    edges = [block * (blocks * i // number) for i in range(number)]
    return block, list(pairwise([*edges, total]))


def _is_tiled(flat) -> bool:
    """Tell whether `products.multiply` does the products with gamma, and not BLAS."""
    return HAS_VECTORS and flat.dtype == np.float32 and flat.shape[1] % ROWS == 0


def _flat(array) -> Array:
    """Return an array as (N, C, pixels), contiguous; copied if it is not."""
    return np.ascontiguousarray(array).reshape(*array.shape[:2], array.shape[2] * array.shape[3])


def _work(size, dtype) -> Array:
    """Return this thread's work buffer: `size` numbers of a dtype."""
    return buffer("gdn", size * dtype.itemsize // 4).view(dtype)


# --------------------------------------------------------------------------------------------------
# Kernels. `flat` and its like are (N, C, P); pixel q of all is pixel q mod P of picture q div P.


@jit
def forward_block(flat, beta, gamma, is_square, inverse, keep, tiled, first, stop, block, work, y, factor):
    """Compute y of pixels `first` to `stop`, and keep n^s."""
    channels, pixels = flat.shape[1:]
    for start in range(first, stop, block):
        width = min(block, stop - start)
        span = -(-width // COLUMNS) * COLUMNS  # whole tiles, the last filled up with zeros
        size = channels * span
        magnitudes = work[:size].reshape(channels, span)
        measures = work[size : 2 * size].reshape(channels, span)
        for c in range(channels):
            done = 0
            while done < width:
                picture, p = divmod(start + done, pixels)
                count = min(width - done, pixels - p)
                write_magnitude(
                    flat[picture, c, p : p + count], is_square, magnitudes[c, done : done + count]
                )
                done += count
            magnitudes[c, width:] = 0
        if tiled:
            multiply(gamma, magnitudes, measures, False)
        else:
            np.dot(gamma, magnitudes, measures)
        for c in range(channels):
            done = 0
            while done < width:
                picture, p = divmod(start + done, pixels)
                count = min(width - done, pixels - p)
                # A place of its own also for factors that nobody wants: written over n, they could not be
                # vectors.
                factor_row = factor[picture, c, p : p + count] if keep else magnitudes[c, done : done + count]
                write_result(
                    flat[picture, c, p : p + count], measures[c, done : done + count], beta[c],
                    is_square, inverse, factor_row, y[picture, c, p : p + count],
                )  # fmt: skip
                done += count


@jit
def backward_block(
    g,
    flat,
    factor,
    gamma,
    is_square,
    inverse,
    tiled,
    first,
    stop,
    block,
    work,
    want_x,
    dx,
    dbeta,
    want_gamma,
    dgamma,
):
    """Compute ∂L/∂x of pixels `first` to `stop`, and add their shares to ∂L/∂β and ∂L/∂γ."""
    channels, pixels = flat.shape[1:]
    share = work[: channels * channels].reshape(channels, channels)
    rest = work[channels * channels :]
    ones, sums = np.ones(block, flat.dtype), np.empty(channels, flat.dtype)
    for start in range(first, stop, block):
        width = min(block, stop - start)
        span = -(-width // COLUMNS) * COLUMNS
        size = channels * span
        magnitudes = rest[:size].reshape(channels, span)
        h = rest[size : 2 * size].reshape(channels, span)
        through = rest[2 * size : 3 * size].reshape(channels, span)
        for c in range(channels):
            done = 0
            while done < width:
                picture, p = divmod(start + done, pixels)
                count = min(width - done, pixels - p)
                x_row = flat[picture, c, p : p + count]
                h_row = h[c, done : done + count]
                write_h(
                    g[picture, c, p : p + count], x_row, factor[picture, c, p : p + count],
                    is_square, inverse, h_row,
                )  # fmt: skip
                if want_gamma:
                    write_magnitude(x_row, is_square, magnitudes[c, done : done + count])
                done += count
            h[c, width:] = 0
            magnitudes[c, width:] = 0
        np.dot(h, ones[:span], sums)  # one sum after the other would wait for itself
        dbeta += sums
        if want_gamma:
            np.dot(h, magnitudes.T, share)
            dgamma += share
        if want_x:
            if tiled:
                multiply(gamma, h, through, True)
            else:
                np.dot(gamma.T, h, through)
            for c in range(channels):
                done = 0
                while done < width:
                    picture, p = divmod(start + done, pixels)
                    count = min(width - done, pixels - p)
                    write_dx(
                        g[picture, c, p : p + count], flat[picture, c, p : p + count],
                        factor[picture, c, p : p + count], through[c, done : done + count],
                        is_square, dx[picture, c, p : p + count],
                    )  # fmt: skip
                    done += count


@jit
def write_magnitude(x, is_square, result):
    """|x|^α."""
    if is_square:
        for i in range(x.size):
            result[i] = x[i] * x[i]
    else:
        for i in range(x.size):
            result[i] = abs(x[i])


@jit
def write_result(x, n, beta, is_square, inverse, factor, y):
    """n^s and x n^s, for n without its β."""
    one = n.dtype.type(1)
    if is_square:
        if inverse:
            for i in range(n.size):
                factor[i] = np.sqrt(n[i] + beta)
                y[i] = x[i] * factor[i]
        else:
            for i in range(n.size):
                factor[i] = one / np.sqrt(n[i] + beta)
                y[i] = x[i] * factor[i]
    elif inverse:
        for i in range(n.size):
            factor[i] = n[i] + beta
            y[i] = x[i] * factor[i]
    else:
        for i in range(n.size):
            factor[i] = one / (n[i] + beta)
            y[i] = x[i] * factor[i]


@jit
def write_h(g, x, factor, is_square, inverse, h):
    """Equation 1, as at the top of this file."""
    half = x.dtype.type(0.5)
    if is_square:
        if inverse:
            for i in range(x.size):
                h[i] = half * g[i] * x[i] / factor[i]
        else:
            for i in range(x.size):
                h[i] = -half * g[i] * x[i] * factor[i] * factor[i] * factor[i]
    elif inverse:
        for i in range(x.size):
            h[i] = g[i] * x[i]
    else:
        for i in range(x.size):
            h[i] = -g[i] * x[i] * factor[i] * factor[i]


@jit
def write_dx(g, x, factor, through, is_square, dx):
    """Equation 2: g n^s + α |x|^(α − 1) sgn x · (γᵀ h)."""
    two = x.dtype.type(2)
    zero = x.dtype.type(0)
    if is_square:
        for i in range(x.size):
            dx[i] = g[i] * factor[i] + two * x[i] * through[i]
    else:
        for i in range(x.size):
            t = through[i]
            dx[i] = g[i] * factor[i] + (t if x[i] > zero else (-t if x[i] < zero else zero))
