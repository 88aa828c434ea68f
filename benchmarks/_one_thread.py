"""Imported first by the studies: one thread, if nobody says otherwise, and where this repository lies."""

from __future__ import annotations

import os
import sys
from pathlib import Path

for _variable in ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_variable, "1")  # before anybody reads them

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
