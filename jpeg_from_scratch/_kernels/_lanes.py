"""Vectors: sixteen numbers side by side, on which one instruction does the same to all.

A kernel that is written with them reads like one for single numbers, ``(a + b) * 5 >> 2``, and does not
depend on whether the compiler finds out that a loop may run sixteen numbers at a time. Nor does it need
casts: lanes of int16 stay int16, lanes of int32 stay int32, and what does not fit wraps. They are vectors of
LLVM, which cuts them up to suit the machine: nothing here belongs to one kind of processor.

With compilation off (``NUMBA_DISABLE_JIT=1``) NumPy arrays of sixteen numbers stand in, which wrap, too.

Loads and stores are not checked against the bounds of the array, whatever Numba is told: whoever calls them
keeps room for all lanes.
"""

from __future__ import annotations

import operator

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import lower_builtin, models, register_model, type_callable

from ._bits import or_python
from ._jit import step

LANES = 16


class Lanes(types.Type):
    """The type of sixteen integers of so many bits."""

    def __init__(self, bits):
        self.bits = bits
        super().__init__(f"Lanes({LANES} x int{bits})")


@register_model(Lanes)
class LanesModel(models.PrimitiveModel):
    """How they are kept: as a vector of LLVM."""

    def __init__(self, manager, lanes):
        super().__init__(manager, lanes, vector_type(lanes.bits))


INT16, INT32 = Lanes(16), Lanes(32)
OF_ELEMENTS = {types.uint8: INT16, types.int16: INT16, types.int32: INT32}


def vector_type(bits, count=LANES):
    """The LLVM type."""
    return ir.VectorType(ir.IntType(bits), count)


# --------------------------------------------------------------------------------------------------
# Operators, between lanes, or lanes and one number


def _define(symbol, instruction):
    def result(left, right):
        lanes = left if isinstance(left, Lanes) else right
        if not isinstance(lanes, Lanes):
            return None
        return lanes if all(t == lanes or isinstance(t, types.Integer) for t in (left, right)) else None

    type_callable(symbol)(lambda context: result)

    def generate(context, builder, signature, arguments):
        lanes = signature.return_type
        left, right = (
            value if kind == lanes else _splat(context, builder, kind, lanes, value)
            for kind, value in zip(signature.args, arguments)
        )
        return getattr(builder, instruction)(left, right)

    for pair in ((Lanes, Lanes), (Lanes, types.Integer), (types.Integer, Lanes)):
        lower_builtin(symbol, *pair)(generate)


def _splat(context, builder, kind, lanes, value):
    """Put one number into all lanes."""
    element = ir.IntType(lanes.bits)
    number = builder.trunc(context.cast(builder, value, kind, types.int64), element)
    undefined = ir.Constant(vector_type(lanes.bits), ir.Undefined)
    first = builder.insert_element(undefined, number, ir.Constant(ir.IntType(32), 0))
    return builder.shuffle_vector(first, undefined, ir.Constant(vector_type(32), [0] * LANES))


for _symbol, _instruction in (
    (operator.add, "add"),
    (operator.sub, "sub"),
    (operator.mul, "mul"),
    (operator.lshift, "shl"),
    (operator.rshift, "ashr"),
):
    _define(_symbol, _instruction)


# --------------------------------------------------------------------------------------------------
# Widths and limits


@or_python(lambda lanes: lanes.astype(np.int32))
def wide(typing_context, lanes):
    """Lanes of int16 as int32."""

    def generate(context, builder, signature, arguments):
        return builder.sext(arguments[0], vector_type(32))

    return INT32(lanes), generate


@or_python(lambda lanes: lanes.astype(np.int16))
def narrow(typing_context, lanes):
    """Lanes of int32 as int16: their lower halves."""

    def generate(context, builder, signature, arguments):
        return builder.trunc(arguments[0], vector_type(16))

    return INT16(lanes), generate


@or_python(np.clip)
def clamped(typing_context, lanes, low, high):
    """Each lane, or the nearest number from `low` to `high`."""

    def generate(context, builder, signature, arguments):
        value = arguments[0]
        for comparison, bound, kind in zip("<>", arguments[1:], signature.args[1:]):
            limit = _splat(context, builder, kind, lanes, bound)
            value = builder.select(builder.icmp_signed(comparison, value, limit), limit, value)
        return value

    return lanes(lanes, low, high), generate


@step
def saturated(lanes):
    """Lanes of int32 as int16, clamped."""
    return narrow(clamped(lanes, -32768, 32767))


@or_python(lambda lanes, limit: bool((np.abs(lanes.astype(np.int32)) >= limit).any()))
def any_beyond(typing_context, lanes, limit):
    """Whether the magnitude of any lane of int16 is at least the limit, which is positive."""

    def generate(context, builder, signature, arguments):
        limit = _splat(context, builder, signature.args[1], INT16, arguments[1])
        sign = builder.ashr(arguments[0], ir.Constant(vector_type(16), [15] * LANES))
        magnitude = builder.sub(builder.xor(arguments[0], sign), sign)  # −32768 becomes 32768, unsigned
        beyond = builder.bitcast(builder.icmp_unsigned(">=", magnitude, limit), ir.IntType(LANES))
        return builder.icmp_unsigned("!=", beyond, ir.Constant(ir.IntType(LANES), 0))

    return types.boolean(lanes, limit), generate


# --------------------------------------------------------------------------------------------------
# Loads and stores


def _load_in_python(array, position):
    return array[position : position + LANES].astype(np.int16 if array.dtype == np.uint8 else array.dtype)


@or_python(_load_in_python)
def load(typing_context, array, position):
    """Sixteen elements of an array from `position` on; bytes become lanes of int16."""
    lanes = OF_ELEMENTS[array.dtype]

    def generate(context, builder, signature, arguments):
        value = _load(context, builder, signature, arguments, LANES)
        return value if array.dtype.bitwidth == lanes.bits else builder.zext(value, vector_type(lanes.bits))

    return lanes(array, types.int64), generate


@or_python(lambda array, low, high: np.concatenate((array[low : low + 8], array[high : high + 8])))
def load_halves(typing_context, array, low, high):
    """Eight int16 of an array from `low` on, and eight from `high` on."""

    def generate(context, builder, signature, arguments):
        halves = [_load(context, builder, signature, (arguments[0], at), LANES // 2) for at in arguments[1:]]
        return builder.shuffle_vector(*halves, _indices(range(LANES)))

    return INT16(array, types.int64, types.int64), generate


def _store_in_python(array, position, *lanes):
    array[position : position + LANES * len(lanes)] = np.stack(lanes, axis=-1).ravel()


@or_python(_store_in_python)
def store(typing_context, array, position, lanes):
    """Write lanes into an array, of bytes the lower ones."""

    def generate(context, builder, signature, arguments):
        return _store(context, builder, signature, arguments, arguments[2])

    return types.void(array, types.int64, lanes), generate


@or_python(_store_in_python)
def store_pairs(typing_context, array, position, even, odd):
    """Write lanes into an array by turns."""

    def generate(context, builder, signature, arguments):
        order = _indices([i // 2 + LANES * (i % 2) for i in range(2 * LANES)])
        mixed = builder.shuffle_vector(arguments[2], arguments[3], order)
        return _store(context, builder, signature, arguments, mixed)

    return types.void(array, types.int64, even, odd), generate


@or_python(_store_in_python)
def store_triples(typing_context, array, position, first, second, third):
    """Write lanes into an array by turns."""

    def generate(context, builder, signature, arguments):
        both = builder.shuffle_vector(arguments[2], arguments[3], _indices(range(2 * LANES)))
        rest = builder.shuffle_vector(arguments[4], arguments[4], _indices(range(2 * LANES)))
        order = _indices([i // 3 + LANES * (i % 3) for i in range(3 * LANES)])
        mixed = builder.shuffle_vector(both, rest, order)
        return _store(context, builder, signature, arguments, mixed)

    return types.void(array, types.int64, first, second, third), generate


def _load(context, builder, signature, arguments, count):
    kind = vector_type(signature.args[0].dtype.bitwidth, count)
    return builder.load(_pointer(context, builder, signature, arguments, kind), align=1)


def _store(context, builder, signature, arguments, value):
    kind = vector_type(signature.args[0].dtype.bitwidth, value.type.count)
    value = value if value.type == kind else builder.trunc(value, kind)
    builder.store(value, _pointer(context, builder, signature, arguments, kind), align=1)
    return context.get_dummy_value()


def _pointer(context, builder, signature, arguments, kind):
    array = cgutils.create_struct_proxy(signature.args[0])(context, builder, value=arguments[0])
    return builder.bitcast(builder.gep(array.data, [arguments[1]]), kind.as_pointer())


def _indices(order):
    return ir.Constant(ir.VectorType(ir.IntType(32), len(order)), list(order))


# --------------------------------------------------------------------------------------------------
# Two matrices side by side


def _transpose_in_python(rows):
    return tuple(np.stack(rows).reshape(8, 2, 8).transpose(2, 1, 0).reshape(8, LANES))


@or_python(_transpose_in_python)
def transposed(typing_context, rows):
    """Two matrices of 8×8 int16 side by side, given by the rows of both: each turned into its transpose."""

    def generate(context, builder, signature, arguments):
        # Row i is zipped with row i + 4, three times over, as cards are in a perfect shuffle.
        lower = [half + i // 2 + LANES * (i % 2) for half in (0, 8) for i in range(8)]
        upper = [i + 4 for i in lower]
        values = [builder.extract_value(arguments[0], i) for i in range(8)]
        for _ in range(3):
            values = [
                builder.shuffle_vector(values[i], values[i + 4], _indices(order))
                for i in range(4)
                for order in (lower, upper)
            ]
        return cgutils.pack_array(builder, values, vector_type(16))

    return rows(rows), generate
