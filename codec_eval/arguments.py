"""Checks of what callers pass to the measures: each says which argument is wrong, and how."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["count", "pair", "pixels_and_samples", "positive", "require_picture"]


def pair(original: ArrayLike, decoded: ArrayLike) -> tuple[NDArray[np.generic], NDArray[np.generic]]:
    """Return both as arrays of real, finite numbers of one shape, not empty.

    Raises
    ------
    ValueError
        If the shapes differ, an array is empty, or a value is NaN or infinite.
    TypeError
        If an array does not hold real numbers.
    """
    x, y = _real_array(original, "original"), _real_array(decoded, "decoded")
    if x.shape != y.shape:
        raise ValueError(f"original has shape {x.shape}, decoded {y.shape}: they must be equal")
    return x, y


def require_picture(array: NDArray[np.generic]) -> None:
    """Raise `ValueError` unless the shape is (H, W) or (H, W, C)."""
    if array.ndim not in (2, 3):
        raise ValueError(f"original and decoded have shape {array.shape}: (H, W) or (H, W, C) is needed")


def positive(value: float, name: str) -> float:
    """Return a number that is finite and greater than 0; `TypeError` or `ValueError` for anything else."""
    if isinstance(value, bool) or not isinstance(value, (int, float, np.integer, np.floating)):
        raise TypeError(f"{name} is {value!r}: a number is needed")
    if not (math.isfinite(value) and value > 0):
        raise ValueError(f"{name} is {value!r}: it must be finite and greater than 0")
    return float(value)


def count(value: int, name: str) -> int:
    """Return an integer that is at least 1; `TypeError` or `ValueError` for anything else."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
        raise TypeError(f"{name} is {value!r}: an integer is needed")
    if value < 1:
        raise ValueError(f"{name} is {value!r}: it must be at least 1")
    return int(value)


def pixels_and_samples(shape: Sequence[int]) -> tuple[int, int]:
    """Return H·W and H·W·C of the shape (H, W) or (H, W, C)."""
    sides = [count(side, f"shape[{axis}]") for axis, side in enumerate(shape)]
    if len(sides) not in (2, 3):
        raise ValueError(f"shape is {tuple(shape)}: (H, W) or (H, W, C) is needed")
    return sides[0] * sides[1], math.prod(sides)


def _real_array(values: ArrayLike, name: str) -> NDArray[np.generic]:
    array = np.asarray(values)
    if array.dtype.kind not in "uif":
        raise TypeError(f"{name} has dtype {array.dtype}: integers or real floats are needed")
    if array.size == 0:
        raise ValueError(f"{name} is empty: shape {array.shape}")
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise ValueError(f"{name} holds NaN or infinite values")
    return array
