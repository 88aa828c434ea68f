"""Imported first by the benchmarks of the neural package: two threads, and where this repository lies."""

from __future__ import annotations

import os
import sys
from pathlib import Path

THREADS = 2
REPOSITORY = Path(__file__).resolve().parents[1]

for _variable in ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[_variable] = str(THREADS)  # before anybody reads them

sys.path.insert(0, str(REPOSITORY))
