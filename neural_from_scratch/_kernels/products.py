"""A matrix product whose operands lie as they are needed, without BLAS's copies: C = A·B for blocks in the
cache.

BLAS repacks both operands of every product, which pays for large ones. The products of `winograd` are
small, each of their right sides is used once, and both sides are made by this package anyway. So the
innermost loop is here: a tile of 8×32 numbers of C stays in 16 registers of AVX-512 while k runs, and each
step loads 32 numbers of B and 8 of A for 512 operations. Numba has no vectors; an *intrinsic* hands the few
lines to LLVM directly. Elsewhere – other processors, numbers of rows that 8 does not divide, kernels as
plain Python – it is `np.dot`. The order of summation is that of k.

An A that is used for many B is worth laying out as tiles read it: `group` rows side by side, for each k, one
group after the other. `multiply_grouped` then reads it from beginning to end for each 32 columns of B.
"""

from __future__ import annotations

import numpy as np
from llvmlite import binding, ir
from numba import config, njit, types
from numba.core import cgutils
from numba.extending import intrinsic

__all__ = ["COLUMNS", "LANES", "group_of", "is_tiled", "multiply", "multiply_grouped"]

ROWS, COLUMNS = 8, 32  # of a tile; the last tiles of a row may be half as wide
LANES = 16
HAS_VECTORS = not config.DISABLE_JIT and bool(binding.get_host_cpu_features().get("avx512f"))  # type: ignore[attr-defined]


def group_of(rows):
    """Return how many rows of A lie side by side for `multiply_grouped`: those of a tile, or all."""
    return ROWS if HAS_VECTORS and rows % ROWS == 0 else rows


def is_tiled(group):
    """Tell whether `multiply_grouped` does without BLAS, for columns that 16 divides."""
    return HAS_VECTORS and group == ROWS


@njit(nogil=True, cache=True)
def multiply_grouped(a, b, c, group):
    """Write A·B into C; A as numbers (rows / group, k, group) in one line, all contiguous float32."""
    rows, columns = c.shape
    count = b.shape[0]
    if not HAS_VECTORS or group != ROWS or columns % LANES:
        for row in range(0, rows, group):
            part = a[row * count : (row + group) * count].reshape(count, group)
            np.dot(part.T, b, c[row : row + group])
        return
    from_a, from_b, to = a.ctypes.data, b.ctypes.data, c.ctypes.data
    pitch = 4 * columns
    whole = columns // COLUMNS * COLUMNS
    for column in range(0, whole, COLUMNS):
        for row in range(0, rows, ROWS):
            here, there = from_a + 4 * row * count, to + 4 * (row * columns + column)
            _tile(here, from_b + 4 * column, there, count, 4, 4 * ROWS, pitch)
    if whole < columns:
        for row in range(0, rows, ROWS):
            here, there = from_a + 4 * row * count, to + 4 * (row * columns + whole)
            _half_tile(here, from_b + 4 * whole, there, count, 4, 4 * ROWS, pitch)


@njit(nogil=True, cache=True)
def multiply(a, b, c, turned):
    """Write A·B, or Aᵀ·B if `turned`, into C; all contiguous float32."""
    rows, columns = c.shape
    if not HAS_VECTORS or rows % ROWS or columns % COLUMNS:
        if turned:
            np.dot(a.T, b, c)
        else:
            np.dot(a, b, c)
        return
    down, along = (4, 4 * a.shape[1]) if turned else (4 * a.shape[1], 4)
    from_a, from_b, to = a.ctypes.data, b.ctypes.data, c.ctypes.data
    for column in range(0, columns, COLUMNS):
        for row in range(0, rows, ROWS):
            _tile(
                from_a + row * down,
                from_b + 4 * column,
                to + 4 * (row * columns + column),
                b.shape[0],
                down,
                along,
                4 * columns,
            )


@intrinsic
def _tile(context, a, b, c, count, down, along, pitch):
    """Tile at c = Σ_k a[k] b[k]: addresses, and distances in bytes of a's rows, a's k, lines of b and c."""
    return types.void(*[types.intp] * 7), _generator(2)


@intrinsic
def _half_tile(context, a, b, c, count, down, along, pitch):
    """The same for 16 columns."""
    return types.void(*[types.intp] * 7), _generator(1)


def _generator(vectors):
    """Return what writes the instructions of a tile that is so many vectors wide."""

    def generate(target, builder, _, arguments):
        a, b, c, count, down, along, pitch = arguments
        word, number = a.type, ir.FloatType()
        vector = ir.VectorType(number, LANES)
        form = ir.FunctionType(vector, [vector] * 3)
        fma = cgutils.get_or_insert_function(builder.module, form, f"llvm.fma.v{LANES}f32")
        before = builder.block
        loop, after = builder.append_basic_block("k"), builder.append_basic_block("done")
        offsets = [builder.mul(down, ir.Constant(word, i)) for i in range(ROWS)]
        builder.branch(loop)

        builder.position_at_end(loop)
        k, at_a, at_b = (builder.phi(word) for _ in range(3))
        sums = [builder.phi(vector) for _ in range(vectors * ROWS)]
        for phi, start in zip((k, at_a, at_b), (ir.Constant(word, 0), a, b)):
            phi.add_incoming(start, before)
        right = []
        for half in range(vectors):
            address = builder.add(at_b, ir.Constant(word, 4 * LANES * half))
            right.append(builder.load(builder.inttoptr(address, vector.as_pointer()), align=4))
        for i in range(ROWS):
            one = builder.load(builder.inttoptr(builder.add(at_a, offsets[i]), number.as_pointer()), align=4)
            undefined = ir.Constant(vector, ir.Undefined)
            first = builder.insert_element(undefined, one, ir.Constant(ir.IntType(32), 0))
            zeros = ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES)
            left = builder.shuffle_vector(first, undefined, zeros)
            for half in range(vectors):
                total = sums[vectors * i + half]
                total.add_incoming(ir.Constant(vector, [0.0] * LANES), before)
                total.add_incoming(builder.call(fma, [left, right[half], total]), loop)
        following = builder.add(k, ir.Constant(word, 1))
        k.add_incoming(following, loop)
        at_a.add_incoming(builder.add(at_a, along), loop)
        at_b.add_incoming(builder.add(at_b, pitch), loop)
        builder.cbranch(builder.icmp_signed("<", following, count), loop, after)

        builder.position_at_end(after)
        for i in range(ROWS):
            for half in range(vectors):
                address = builder.add(c, builder.mul(pitch, ir.Constant(word, i)))
                address = builder.add(address, ir.Constant(word, 4 * LANES * half))
                result = sums[vectors * i + half].incomings[1][0]
                builder.store(result, builder.inttoptr(address, vector.as_pointer()), align=4)
        return target.get_dummy_value()

    return generate
