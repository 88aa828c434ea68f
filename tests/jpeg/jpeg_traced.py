"""Small files of every process, for the microscope: each with what makes its scans odd."""

from __future__ import annotations

from functools import lru_cache

import jpeg_pictures as pictures
import numpy as np

from jpeg_from_scratch import encode

COLOUR = pictures.synthetic(40, 56, seed=21)
GREY = pictures.grey(COLOUR)
DEEP = np.uint16(257) * np.arange(20, dtype=np.uint16)[:, None] * np.arange(31, dtype=np.uint16)


@lru_cache(maxsize=1)
def files() -> dict[str, bytes]:
    """Return files by what they are."""
    return {
        "baseline 4:2:0": encode(COLOUR, 60),
        "baseline grey, noise": encode(pictures.noise(16, 24)[..., 0].copy(), 98),
        "baseline 4:2:2, restarts": encode(COLOUR, 80, subsampling="4:2:2", restart_interval=3),
        "baseline 4:1:0": encode(COLOUR, 80, subsampling="4:1:0", optimize=True),
        "extended, 12 bit": encode(np.uint16(16) * GREY, 85, precision=12),
        "progressive 4:2:0": encode(COLOUR, 70, progressive=True),
        "progressive grey, restarts": encode(GREY, 90, progressive=True, restart_interval=4),
        "progressive, smooth": encode(GREY // 8 + 100, 30, progressive=True),
        "arithmetic": encode(COLOUR, 60, arithmetic=True),
        "arithmetic, restarts": encode(GREY, 90, arithmetic=True, restart_interval=5),
        "arithmetic progressive": encode(COLOUR, 70, arithmetic=True, progressive=True),
        "lossless": encode(COLOUR[:12, :15], lossless=True, predictor=6),
        "lossless, restarts": encode(GREY[:12, :15], lossless=True, predictor=4, restart_interval=30),
        "lossless, 16 bit": encode(DEEP, lossless=True, predictor=7, precision=16),
        "lossless arithmetic": encode(GREY[:12, :15], lossless=True, predictor=1, arithmetic=True),
    }


def is_arithmetic(name: str) -> bool:
    """Whether a file of `files` is arithmetic coded."""
    return "arithmetic" in name


def huffman_files() -> dict[str, bytes]:
    """Return those with Huffman codes."""
    return {name: data for name, data in files().items() if not is_arithmetic(name)}
