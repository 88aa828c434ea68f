"""Names for types that stand in many signatures."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Array: TypeAlias = npt.NDArray[Any]
"""An array; its dtype and shape are said in the docstring."""

Samples: TypeAlias = npt.NDArray[np.uint8]
"""Samples of a picture or of one component, 0 ... 255."""

Coefficients: TypeAlias = npt.NDArray[np.int16]
"""Quantised coefficients, shape (block rows, block columns, 8, 8), natural order."""
