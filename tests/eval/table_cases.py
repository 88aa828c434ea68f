"""Pictures for the tests of tables."""

from __future__ import annotations

import numpy as np


def picture(height: int, width: int, seed: int = 0) -> np.ndarray:
    """Waves and noise in colour, uint8."""
    rows, columns = np.mgrid[:height, :width]
    wave = 128 + 60 * np.sin(rows / (5 + seed)) + 40 * np.cos(columns / 7)
    noise = np.random.default_rng(seed).normal(0, 6, (height, width, 3))
    return np.clip(wave[..., np.newaxis] + noise, 0, 255).astype(np.uint8)
