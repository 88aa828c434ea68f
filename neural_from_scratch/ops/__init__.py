"""The operations: each goes forward, knows its way back, and says in its docstring why that is right.

A file holds an operation or a family. In the order in which they are best read:

====  ================  ==================================================================================
1     `elementwise`     add, subtract, multiply, divide, negative, power, maximum, minimum, absolute, exp,
                        log, sqrt, tanh, sigmoid, softplus, relu, leaky_relu, erf, erfc, clip: the gradient
                        is ḡ · f'(x)
2     `reductions`      sum, mean, amax, logsumexp: what was added is copied, what was chosen gets all
3     `linear`          matmul: the shapes leave no other way
4     `shaping`         reshape, transpose, getitem, concatenate, pad, depth_to_space, space_to_depth:
                        numbers only move, and gradients move back
5     `resampling`      upsample_bilinear, upsample_bicubic, average_pool: a sparse matrix and its transpose
6     `bounds`          lower_bound, nonnegative: where the gradient is bent by agreement
7     `convolution`     conv2d, conv_transpose2d: each is the other's way back
8     `gdn`             gdn: divisive normalisation, and all that can be learned in it
====  ================  ==================================================================================

What all of them keep to: inputs are tensors or arrays of one dtype, float32 or float64, of NumPy or another
array module, contiguous or not; the result is a tensor of that dtype and module. Pictures are (batch,
channels, height, width). Nothing is changed in place. NaN goes through; `tensor.checks_finite` finds where
one began. Errors name the operation, the argument and the shapes.

Rounding and noise, which stand for each other, are in `quantization`, one floor up.
"""

from .bounds import lower_bound, nonnegative, nonnegative_stored
from .convolution import conv2d, conv_transpose2d
from .elementwise import (
    absolute,
    add,
    clip,
    divide,
    erf,
    erfc,
    exp,
    leaky_relu,
    log,
    maximum,
    minimum,
    multiply,
    negative,
    power,
    relu,
    sigmoid,
    softplus,
    sqrt,
    subtract,
    tanh,
)
from .gdn import gdn
from .linear import matmul
from .reductions import amax, logsumexp, mean, sum
from .resampling import average_pool, upsample_bicubic, upsample_bilinear
from .shaping import concatenate, depth_to_space, getitem, pad, reshape, space_to_depth, transpose

__all__ = [
    "absolute",
    "add",
    "amax",
    "average_pool",
    "clip",
    "concatenate",
    "conv2d",
    "conv_transpose2d",
    "depth_to_space",
    "divide",
    "erf",
    "erfc",
    "exp",
    "gdn",
    "getitem",
    "leaky_relu",
    "log",
    "logsumexp",
    "lower_bound",
    "matmul",
    "maximum",
    "mean",
    "minimum",
    "multiply",
    "negative",
    "nonnegative",
    "nonnegative_stored",
    "pad",
    "power",
    "relu",
    "reshape",
    "sigmoid",
    "softplus",
    "space_to_depth",
    "sqrt",
    "subtract",
    "sum",
    "tanh",
    "transpose",
    "upsample_bicubic",
    "upsample_bilinear",
]
