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


def _byte_pointer(context, builder, signature, arguments):
    array = cgutils.create_struct_proxy(signature.args[0])(context, builder, value=arguments[0])
    return builder.gep(array.data, [arguments[1]])
