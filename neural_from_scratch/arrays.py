"""Which array module an array belongs to: NumPy, CuPy, or whatever else brings its own.

Operations are written once, against the module of their inputs, so that a network trains on a graphics card
by nothing but arrays that live there. An array of another module never becomes a NumPy array on the way: that
would copy it off the card in silence.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any, TypeAlias

import numpy as np

__all__ = ["Array", "array_module", "as_array", "is_array", "special_functions"]

Array: TypeAlias = Any  # of NumPy, CuPy or another such module: shape (...), float32 or float64


def array_module(array: Array) -> Any:
    """Return the module that an array's functions are in.

    Examples
    --------
    >>> array_module(np.zeros(3)).__name__
    'numpy'
    """
    if isinstance(array, np.ndarray | np.generic):
        return np
    return sys.modules[type(array).__module__.partition(".")[0]]


def is_array(value: object) -> bool:
    """Tell whether a value is an array of some module, scalars of one included."""
    return hasattr(value, "dtype") and hasattr(value, "shape")


def as_array(value: Array) -> Array:
    """Return an array for a NumPy scalar, which is what NumPy makes of an array without axes; else the value.

    Examples
    --------
    >>> type(as_array(np.zeros(()) + 1)).__name__
    'ndarray'
    """
    return np.asarray(value) if isinstance(value, np.generic) else value


def special_functions(xp: Any) -> Any:
    """Return the module with `erf`, `expit` and their like that goes with an array module."""
    if xp is np:
        import scipy.special

        return scipy.special
    if xp.__name__ == "cupy":
        return _imported("cupyx.scipy.special")
    return xp.special


def _imported(name: str) -> ModuleType:
    import importlib

    return importlib.import_module(name)
