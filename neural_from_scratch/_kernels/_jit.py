"""How kernels are compiled: without Python's objects and lock, once a machine, and kept on disk."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba

__all__ = ["jit"]

# The error model: 1/0 is infinity, as in NumPy. With Python's each division may raise, and no loop becomes a
# vector loop. Contraction: a product and a sum may round once, as one instruction.
SETTINGS: dict[str, Any] = {"nogil": True, "error_model": "numpy", "fastmath": {"contract"}}


def jit(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile a kernel at its first call."""
    try:
        return numba.njit(cache=True, **SETTINGS)(function)
    except RuntimeError:  # Numba has no place for the compiled code
        return numba.njit(**SETTINGS)(function)
