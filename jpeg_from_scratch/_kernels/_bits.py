"""Machine instructions that Numba has no name for: counting bits, and eight bytes at once, big end first.

Loads and stores here are not checked against the bounds of the array, whatever Numba is told: whoever calls
them keeps eight bytes of room. With compilation off (``NUMBA_DISABLE_JIT=1``) plain Python stands in.
"""

from __future__ import annotations

import numpy as np
from llvmlite import ir
from numba import config, types
from numba.core import cgutils
from numba.extending import intrinsic

from .. import tables

WORD = ir.IntType(64)
TRUE, FALSE = ir.Constant(ir.IntType(1), 1), ir.Constant(ir.IntType(1), 0)


def or_python(definition):
    """Make an instruction of a code generator; or, with compilation off, take the Python definition."""

    def choose(instruction):
        return definition if config.DISABLE_JIT else intrinsic(instruction)

    return choose


@or_python(lambda word: (int(word) & -int(word)).bit_length() - 1)
def trailing_zeros(typing_context, word):
    """How many zero bits lie below the lowest one-bit of a uint64, which is not zero."""

    def generate(context, builder, signature, arguments):
        return builder.cttz(arguments[0], TRUE)

    return types.int64(types.uint64), generate


@or_python(lambda value: int(value).bit_length())
def bit_length(typing_context, value):
    """How many bits an int64 has, which is not negative."""

    def generate(context, builder, signature, arguments):
        return builder.sub(ir.Constant(WORD, 64), builder.ctlz(arguments[0], FALSE))

    return types.int64(types.int64), generate


@or_python(lambda array, position: np.uint64(int.from_bytes(array[position : position + 8].tobytes())))
def load_word(typing_context, array, position):
    """The eight bytes of a uint8 array from `position` on, as a uint64."""

    def generate(context, builder, signature, arguments):
        pointer = _byte_pointer(context, builder, signature, arguments)
        return builder.bswap(builder.load(builder.bitcast(pointer, WORD.as_pointer()), align=1))

    return types.uint64(array, types.int64), generate


def _store_in_python(array, position, word):
    array[position : position + 8] = np.frombuffer(int(word).to_bytes(8), np.uint8)


@or_python(_store_in_python)
def store_word(typing_context, array, position, word):
    """Write a uint64 into eight bytes of a uint8 array."""

    def generate(context, builder, signature, arguments):
        pointer = _byte_pointer(context, builder, signature, arguments)
        builder.store(builder.bswap(arguments[2]), builder.bitcast(pointer, WORD.as_pointer()), align=1)
        return context.get_dummy_value()

    return types.void(array, types.int64, types.uint64), generate


def _publish_in_python(array, value):
    array[0] = value


@or_python(_publish_in_python)
def publish(typing_context, array, value):
    """Put an int64 first in an array: a thread that reads it there sees all that was written before."""

    def generate(context, builder, signature, arguments):
        first = context.make_array(signature.args[0])(context, builder, arguments[0]).data
        builder.store_atomic(arguments[1], first, "release", 8)
        return context.get_dummy_value()

    return types.void(array, types.int64), generate


@or_python(lambda array: array[0])
def published(typing_context, array):
    """Read what another thread may be publishing."""

    def generate(context, builder, signature, arguments):
        first = context.make_array(signature.args[0])(context, builder, arguments[0]).data
        return builder.load_atomic(first, "acquire", 8)

    return types.int64(array), generate


def _byte_pointer(context, builder, signature, arguments):
    array = cgutils.create_struct_proxy(signature.args[0])(context, builder, value=arguments[0])
    return builder.gep(array.data, [arguments[1]])


INT16, INT32 = ir.IntType(16), ir.IntType(32)
EIGHT, SIXTEEN, PAIRS = ir.VectorType(INT32, 8), ir.VectorType(INT32, 16), ir.VectorType(INT16, 16)


def _transform_in_python(samples, position, stride, right, left, out, place):
    rows = np.stack([samples[position + stride * y : position + stride * y + 8] for y in range(8)])
    columns = (rows.astype(np.int64) @ right.reshape(4, 8, 2).swapaxes(1, 2).reshape(8, 8) + (1 << 15)) >> 16
    out[place : place + 64] = ((left.reshape(8, 8).astype(np.int64) @ columns + (1 << 15)) >> 16).ravel()


@or_python(_transform_in_python)
def transform_block(typing_context, samples, position, stride, right, left, out, place):
    """Multiply an 8×8 block by a matrix on its right and one on its left, int16, keeping high halves.

    ``out = (left · ((block · right + 2^15) >> 16) + 2^15) >> 16``. Row y of the block stands at ``position +
    stride · y``; 64 numbers of `out` from `place` on are written. `right` has two rows interleaved: element
    [p, column, k] is that of row 2p + k. `left` has 64 elements, and is even or odd in each row: ``left[v,
    7 − y] = ± left[v, y]``, plus where v is even. Sums of two rows after the first step must fit int16.

    What compilers do not find in loops: int16 numbers in pairs, which one instruction (``pmaddwd`` on x86)
    multiplies by another pair and adds up, eight such in a register; nothing is ever transposed.
    """

    def generate(context, builder, signature, arguments):
        def array(number):
            value = arguments[number]
            return cgutils.create_struct_proxy(signature.args[number])(context, builder, value=value).data

        def load(base, index, count):
            pointer = builder.gep(base, [index])
            vector = ir.VectorType(INT16, count)
            return builder.load(builder.bitcast(pointer, vector.as_pointer()), align=2)

        def shuffle(vector, indices):
            mask = ir.Constant(ir.VectorType(INT32, len(indices)), list(indices))
            return builder.shuffle_vector(vector, vector, mask)

        def dot(x, y):
            products = builder.mul(builder.sext(x, SIXTEEN), builder.sext(y, SIXTEEN))
            return builder.add(shuffle(products, range(0, 16, 2)), shuffle(products, range(1, 16, 2)))

        def number(value):
            return ir.Constant(WORD, value)

        samples, right, left, out = (array(i) for i in (0, 3, 4, 5))
        rounding, half = ir.Constant(EIGHT, [1 << 15] * 8), ir.Constant(EIGHT, [16] * 8)
        rights = [load(right, number(16 * p), 16) for p in range(4)]
        rows = []
        for y in range(8):
            total = rounding
            start = builder.add(arguments[1], builder.mul(arguments[2], number(y)))
            for p in range(4):
                two = load(samples, builder.add(start, number(2 * p)), 2)
                total = builder.add(total, dot(shuffle(two, [0, 1] * 8), rights[p]))
            rows.append(total)

        def pair(first, second):
            high = builder.and_(second, ir.Constant(EIGHT, [0xFFFF0000] * 8))
            return builder.bitcast(builder.or_(builder.lshr(first, half), high), PAIRS)

        outer = [pair(rows[0], rows[1]), pair(rows[2], rows[3])]
        inner = [pair(rows[7], rows[6]), pair(rows[5], rows[4])]
        sums = [builder.add(a, b) for a, b in zip(outer, inner)]
        differences = [builder.sub(a, b) for a, b in zip(outer, inner)]
        for v in range(8):
            total = rounding
            for p in range(2):
                two = load(left, number(8 * v + 2 * p), 2)
                total = builder.add(total, dot(shuffle(two, [0, 1] * 8), (differences if v % 2 else sums)[p]))
            result = builder.trunc(builder.ashr(total, half), ir.VectorType(INT16, 8))
            pointer = builder.gep(out, [builder.add(arguments[6], number(8 * v))])
            builder.store(result, builder.bitcast(pointer, ir.VectorType(INT16, 8).as_pointer()), align=2)
        return context.get_dummy_value()

    where = (types.int64, types.int64)
    return types.void(samples, *where, right, left, out, types.int64), generate


def _not_zero_in_python(coefficients, start):
    zigzag = coefficients[start : start + 64][tables.NATURAL_INDEX]
    return np.uint64(sum(1 << k for k in range(64) if zigzag[k]))


@or_python(_not_zero_in_python)
def not_zero_in_zigzag(typing_context, coefficients, start):
    """Which of 64 coefficients (int16, natural order) from `start` on are not zero: bit k, zigzag order."""

    def generate(context, builder, signature, arguments):
        array = cgutils.create_struct_proxy(signature.args[0])(context, builder, value=arguments[0])
        block = ir.VectorType(INT16, 64)
        pointer = builder.bitcast(builder.gep(array.data, [arguments[1]]), block.as_pointer())
        zeros = ir.Constant(block, [0] * 64)
        found = builder.icmp_signed("!=", builder.load(pointer, align=2), zeros)
        order = ir.Constant(ir.VectorType(INT32, 64), [int(i) for i in tables.NATURAL_INDEX])
        return builder.bitcast(builder.shuffle_vector(found, found, order), WORD)

    return types.uint64(coefficients, types.int64), generate
