"""Every operation on random shapes and at its edges: the table that several tests go through.

A case is a function of tensors that applies one operation, arrays to apply it to (float64, kept away from
kinks, where there is no derivative to compare with), where it is known the same in PyTorch, and where the
gradient is by agreement another function's, that function.
"""

from __future__ import annotations

import cases_of_numbers  # noqa: F401 – fills the table
import cases_of_pictures  # noqa: F401
from case_table import CASES, Case

__all__ = ["CASES", "OPERATIONS", "Case"]

OPERATIONS = sorted({one.operation for one in CASES})
