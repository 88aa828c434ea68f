"""The caller's own functions in place of stages of the encoder.

A student writes a transform, and `encode` makes a real file through it:
``encode(image, stages={"fdct": mine})``. Each function takes what the one that it replaces takes, and what it
returns is checked at once, so that a mistake is named where it is made and never becomes a broken file.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial, wraps
from typing import Any

import numpy as np

from . import scan_sequential
from ._types import Array, Coefficients, Samples
from .backend import Backend, ScanCoder, reference_backend
from .coefficients import category
from .huffman import HuffmanSpec, encode_table
from .reference import component_planes, plane_to_coefficients

__all__ = ["STAGES", "backend_with_stages", "checked_stages"]

Stage = Callable[..., Any]


def backend_with_stages(stages: Mapping[str, Stage]) -> Backend:
    """Return the reference back end with checked stages in it."""
    base = reference_backend()
    planes: dict[str, Any] = {name: stages[name] for name in ("rgb_to_ycbcr", "downsample") if name in stages}
    transforms: dict[str, Any] = {name: stages[name] for name in ("fdct", "quantize") if name in stages}

    def transform(plane: Samples, table: Array, out: Coefficients, precision: int) -> None:
        wide: Array = np.zeros(out.shape, np.int64)
        plane_to_coefficients(plane, table, wide, precision, **transforms)
        _check_range(wide, ", ".join(sorted(transforms)))
        out[...] = wide

    return replace(
        base,
        name="reference with the caller's stages",
        component_planes=partial(component_planes, **planes),
        plane_to_coefficients=transform if transforms else base.plane_to_coefficients,
        scan_coders={
            "sequential": ScanCoder(
                partial(scan_sequential.encode_scan, stages=stages),
                scan_sequential.decode_scan,
                partial(scan_sequential.count_symbols, stages=stages),
            )
        },
    )


def checked_stages(stages: Mapping[str, Stage]) -> dict[str, Stage]:
    """Wrap the caller's functions so that what they return is checked.

    Raises
    ------
    TypeError, ValueError
        If `stages` is no mapping, has an unknown key, or a value that cannot be called.
    """
    if not isinstance(stages, Mapping):
        raise TypeError(f"stages is a {type(stages).__name__}, must be a mapping of names to functions")
    for name, function in stages.items():
        if name not in STAGES:
            raise ValueError(f"stages has the key {name!r}, allowed are {', '.join(STAGES)}")
        if not callable(function):
            raise TypeError(f"stages[{name!r}] is a {type(function).__name__}, must be callable")
    return {name: _checked(name, function) for name, function in stages.items()}


def _checked(name: str, function: Stage) -> Stage:
    @wraps(function)
    def stage(*arguments: Any) -> Any:
        return STAGES[name](name, function(*arguments), *arguments)

    return stage


# --------------------------------------------------------------------------------------------------
# What each stage must return


def _array(name: str, result: Any, shape: tuple[int, ...]) -> Array:
    array = np.asarray(result)
    if array.shape != shape:
        raise ValueError(f"stages[{name!r}] returned shape {array.shape}, must be {shape}")
    if array.dtype.kind not in "iuf" or not np.isfinite(array).all():
        raise ValueError(f"stages[{name!r}] returned {array.dtype} values, must be finite real numbers")
    return array


def _samples(name: str, result: Any, shape: tuple[int, ...]) -> Samples:
    array = _array(name, result, shape)
    if array.min() < 0 or array.max() > 255:
        raise ValueError(f"stages[{name!r}] returned {array.min()} ... {array.max()}, samples are 0 ... 255")
    return array.astype(np.uint8)


def _same_size(name: str, result: Any, rgb: Samples) -> Samples:
    return _samples(name, result, rgb.shape)


def _smaller(
    name: str, result: Any, plane: Samples, h_samp: int, h_max: int, v_samp: int, v_max: int
) -> Samples:
    return _samples(name, result, (plane.shape[0] * v_samp // v_max, plane.shape[1] * h_samp // h_max))


def _real_blocks(name: str, result: Any, blocks: Array) -> Array:
    return _array(name, result, blocks.shape)


def _whole_blocks(name: str, result: Any, blocks: Array, table: Array) -> Array:
    array = _array(name, result, blocks.shape)
    if not np.array_equal(array, np.rint(array)):
        raise ValueError(f"stages[{name!r}] returned fractions, must be whole numbers")
    return array


def _sequence(name: str, result: Any, block: Array) -> list[int]:
    zz = [int(value) for value in result]
    if sorted(zz) != sorted(block.ravel().tolist()):
        raise ValueError(
            f"stages[{name!r}] returned {len(zz)} numbers, must be the 64 of the block in another order"
        )
    return zz


def _symbols(name: str, result: Any, zz: list[int]) -> list[tuple[int, int]]:
    symbols = [(int(symbol), int(value)) for symbol, value in result]
    for symbol, value in symbols:
        if not 0 <= symbol <= 255 or category(value) != symbol & 15:
            raise ValueError(
                f"stages[{name!r}] returned the symbol {symbol:#x} for the value {value}, "
                f"whose category is {category(value)}"
            )
    return symbols


def _spec(name: str, result: Any, frequencies: Array) -> HuffmanSpec:
    if not isinstance(result, HuffmanSpec):
        raise TypeError(f"stages[{name!r}] returned a {type(result).__name__}, must be a HuffmanSpec")
    if len(result.bits) != 16 or sum(result.bits) != len(result.values):
        raise ValueError(
            f"stages[{name!r}] returned {len(result.values)} symbols for {sum(result.bits)} codes"
        )
    encode_table(result)  # raises for codes that overflow
    return result


STAGES: dict[str, Stage] = {
    "rgb_to_ycbcr": _same_size,
    "downsample": _smaller,
    "fdct": _real_blocks,
    "quantize": _whole_blocks,
    "zigzag": _sequence,
    "run_length": _symbols,
    "optimal_table": _spec,
}


def _check_range(coefficients: Array, names: str) -> None:
    """F.1.2.1, F.1.2.2 – the codes of 8-bit samples end at category 11 for DC differences, 10 for AC."""
    ac = coefficients.copy()
    ac[..., 0, 0] = 0
    for kind, values, limit in (("DC", coefficients[..., 0, 0], 1024), ("AC", ac, 1023)):
        worst = int(values.ravel()[np.abs(values).argmax()])
        if abs(worst) > limit:
            raise ValueError(
                f"stages {names}: a quantised {kind} coefficient of {worst}, "
                f"8-bit samples give at most ±{limit}"
            )
