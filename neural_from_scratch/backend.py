"""Which code does the heavy work on NumPy arrays: the readable path or the fast one.

Three families of operations take nearly all the time of a learned codec: convolutions, GDN, and chains of
elementwise functions. Each of them exists twice with one signature: as array code in the file of its
operation (``"reference"``), which also serves every other array module, and as Numba kernels and BLAS calls
in ``_kernels/`` (``"fast"``), for NumPy. Operations ask `backend_for` and do not know which one they get. The
two differ by rounding only, and not at all where numbers are whole.

Numba is imported when the fast back end is first asked for; where it is not installed, the reference takes
its place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from .arrays import Array

__all__ = ["BACKENDS", "Backend", "backend_for", "get_backend", "use_backend"]

BACKENDS = ("fast", "reference")


@dataclass(frozen=True)
class Backend:
    """The heavy parts of the operations.

    Attributes
    ----------
    name : str
    correlate(x, weight, bias, stride, padding, groups) -> array
        Cross-correlation: what `ops.conv2d` computes (`ops.convolution` defines all three).
    correlate_transposed(gradient, weight, bias, stride, padding, groups, shape) -> array
        Its transpose with respect to x, of the given height and width: the backward of `conv2d`, and the
        forward of `conv_transpose2d`.
    correlate_weights(x, gradient, kernel, stride, padding, groups) -> array
        Its transpose with respect to the weight, of kernel size `kernel`.
    gdn(x, beta, gamma, alpha, epsilon, inverse) -> tuple of array
        The result of `ops.gdn`, and what `gdn_backward` will want.
    gdn_backward(gradient, x, beta, gamma, alpha, epsilon, inverse, kept, wanted) -> tuple
        Gradients with respect to x, beta, gamma, alpha and epsilon; None where `wanted` is false.
    adam(value, gradient, mean, square, rate, beta1, beta2, epsilon, step) -> None
        One step of Adam, in place.
    range_encode(values, indexes, repeat, tables) -> bytes
        `range_coder.encode`, with `repeat` values for each of the indexes.
    range_decode(data, indexes, repeat, tables) -> (values, consumed)
        Its inverse.
    whole_layer(layer, values) -> array of int32
        A layer of the integer hyper-decoder: `integer_layers.run_layer`.
    density : callable or None
        density(values, matrices, biases, factors) -> Tensor: what `entropy_models.likelihood_on_tape`
        computes, as one line of the tape; None stands for that function itself.
    """

    name: str
    correlate: Callable[..., Array]
    correlate_transposed: Callable[..., Array]
    correlate_weights: Callable[..., Array]
    gdn: Callable[..., tuple[Array, ...]]
    gdn_backward: Callable[..., tuple[Array | None, ...]]
    adam: Callable[..., None]
    range_encode: Callable[..., bytes]
    range_decode: Callable[..., tuple[Array, int]]
    whole_layer: Callable[..., Array]
    density: Callable[..., Any] | None = None


_chosen: ContextVar[str] = ContextVar("backend", default="fast")


def backend_for(array: Array) -> Backend:
    """Return the back end for an array: the one in use for NumPy's, the reference for all others."""
    return get_backend(_chosen.get() if isinstance(array, np.ndarray) else "reference")


@contextmanager
def use_backend(name: str) -> Iterator[None]:
    """Let operations on NumPy arrays inside use a back end.

    Raises
    ------
    ValueError
        For a name that is none.
    """
    get_backend(name)
    token = _chosen.set(name)
    try:
        yield
    finally:
        _chosen.reset(token)


@lru_cache(maxsize=4)
def get_backend(name: str) -> Backend:
    """Return the back end of a name; `ValueError` for a name that is none."""
    if name not in BACKENDS:
        raise ValueError(f"backend={name!r}, allowed are {' and '.join(map(repr, BACKENDS))}")
    if name == "fast":
        try:
            from ._kernels import fast_backend

            return fast_backend()
        except ModuleNotFoundError as error:
            if error.name not in ("numba", "llvmlite"):
                raise
    return reference_backend()


@lru_cache(maxsize=1)
def reference_backend() -> Backend:
    """Return the back end of plain array code."""
    from . import integer_layers, optim, range_coder
    from .ops import convolution
    from .ops.gdn import gdn_backward, gdn_forward  # `ops.gdn` itself is the operation

    return Backend(
        "reference",
        convolution.correlate,
        convolution.correlate_transposed,
        convolution.correlate_weights,
        gdn_forward,
        gdn_backward,
        optim.adam_step,
        range_coder.encode_values,
        range_coder.decode_values,
        integer_layers.run_layer,
    )
