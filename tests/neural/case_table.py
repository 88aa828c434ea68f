"""What the table of `operation_cases` is made with: its cases, and random numbers away from kinks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from neural_from_scratch.tensor import Tensor


@dataclass(frozen=True)
class Case:
    """One operation with arguments."""

    operation: str
    label: str
    function: Callable[..., Tensor]
    arrays: tuple[np.ndarray, ...]
    torch: Callable[..., Any] | None = None  # of (torch, *tensors)
    surrogate: Callable[..., Tensor] | None = None

    def __str__(self) -> str:
        return f"{self.operation}: {self.label}" if self.label else self.operation


CASES: list[Case] = []
rng = np.random.default_rng(20260)


def add(
    operation: str,
    label: str,
    function: Callable[..., Tensor],
    *arrays: np.ndarray,
    torch: Callable[..., Any] | None = None,
    surrogate: Callable[..., Tensor] | None = None,
) -> None:
    """Put a case into the table."""
    CASES.append(Case(operation, label, function, tuple(map(np.asarray, arrays)), torch, surrogate))


def normal(*shape: int) -> np.ndarray:
    """Random numbers about 0."""
    return np.asarray(rng.standard_normal(shape))


def apart(x: np.ndarray, *kinks: float, least: float = 0.01) -> np.ndarray:
    """Move what is nearer than `least` to a kink that far away from it."""
    for kink in kinks:
        x = np.where(np.abs(x - kink) < least, kink + np.where(x < kink, -least, least), x)
    return x


def positive(*shape: int) -> np.ndarray:
    """Random numbers from 0.3 to 2.3."""
    return np.asarray(rng.uniform(0.3, 2.3, shape))


def distinct(*shape: int) -> np.ndarray:
    """Random numbers about 0 that are at least 0.1 apart."""
    count = int(np.prod(shape))
    return (rng.permutation(count) - count / 2).reshape(shape) * 0.1


def random_shape(axes: int, longest: int = 4) -> tuple[int, ...]:
    """Random lengths."""
    return tuple(int(length) for length in rng.integers(1, longest + 1, axes))
