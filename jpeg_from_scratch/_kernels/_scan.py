"""How a scan is laid out for the kernels: arrays instead of objects."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from .._types import Array
from ..scan import ScanLayout

MAX_COMPONENTS = 4  # of a scan (B.2.3)


def slots(arrays: Sequence[Array]) -> tuple[Array, ...]:
    """Four arrays, whatever the number of components: one type, so that a kernel is compiled once."""
    nothing = np.zeros((0,) * arrays[0].ndim, arrays[0].dtype)
    return (*map(np.ascontiguousarray, arrays), *[nothing] * (MAX_COMPONENTS - len(arrays)))


@lru_cache(maxsize=16)
def layout_arrays(layout: ScanLayout) -> tuple[Array, Array]:
    """Return the units of an MCU, (units, 3), and the factors of the components, (4, 2), as int64.

    They are kept for the next scan: nobody writes into them.
    """
    factors = np.ones((MAX_COMPONENTS, 2), np.int64)
    factors[: len(layout.factors)] = layout.factors
    return np.array(layout.units, np.int64), factors
