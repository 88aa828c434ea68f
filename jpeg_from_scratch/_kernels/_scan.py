"""How a scan is laid out for the kernels: arrays instead of objects."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .._types import Array, Coefficients
from ..scan_sequential import ScanLayout

MAX_COMPONENTS = 4  # of a scan (B.2.3)
_NOTHING = np.zeros((0, 0, 8, 8), np.int16)


def slots(coefficients: Sequence[Coefficients]) -> tuple[Coefficients, ...]:
    """Four arrays, whatever the number of components: one type, so that a kernel is compiled once."""
    return (*map(np.ascontiguousarray, coefficients), *[_NOTHING] * (MAX_COMPONENTS - len(coefficients)))


def layout_arrays(layout: ScanLayout) -> tuple[Array, Array]:
    """Return the units of an MCU, (blocks, 3), and the factors of the components, (4, 2), as int64."""
    factors = np.ones((MAX_COMPONENTS, 2), np.int64)
    factors[: len(layout.factors)] = layout.factors
    return np.array(layout.units, np.int64), factors
