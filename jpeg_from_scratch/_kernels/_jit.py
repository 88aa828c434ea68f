"""How kernels are compiled: once a machine, kept on disk where that is possible."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba


def jit(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile a kernel at its first call, without Python objects, and without the GIL.

    Numba keeps compiled code beside the source, or in the user's cache folder. Where neither can be
    written, it raises; then the kernel is compiled anew in each process.
    """
    try:
        return numba.njit(cache=True, nogil=True)(function)
    except RuntimeError:
        return numba.njit(nogil=True)(function)


# For the innermost steps: a call costs more than they do, and hides from the compiler what is constant.
inline = numba.njit(nogil=True, forceinline=True)

# The same for steps that only read and write arrays. Where one returns early, Numba fails to take out the
# counting of references to its arguments; in the arithmetic coder that took twice as long as all else.
NO_REFERENCES: dict[str, Any] = {"_nrt": False}
step = numba.njit(nogil=True, forceinline=True, **NO_REFERENCES)
