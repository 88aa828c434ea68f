"""Checks of what a caller passes: each error names the argument, its value and what is allowed."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any, TypeAlias

import numpy as np

from . import tables
from ._types import Array, Samples
from .jpeg_data import QuantizationTable
from .markers import MAX_DIMENSION
from .quantization import scale_table
from .sampling import SUBSAMPLINGS

__all__ = [
    "Subsampling",
    "checked_bytes",
    "checked_choice",
    "checked_comment",
    "checked_image",
    "checked_integer",
    "quantization_tables",
    "sampling_factors",
]

Subsampling: TypeAlias = str | Sequence[tuple[int, int]]

MAX_COMMENT = 0xFFFF - 2


def checked_image(image: Samples) -> Samples:
    """Return a picture that `encode` can encode: uint8 or uint16, (H, W), (H, W, 3) or (H, W, 4)."""
    if not isinstance(image, np.ndarray):
        raise TypeError(f"image is a {type(image).__name__}, must be a NumPy array")
    if image.dtype not in (np.uint8, np.uint16):
        raise TypeError(f"image has dtype {image.dtype}, must be uint8, or uint16 for more than 8 bits")
    if image.ndim != 2 and not (image.ndim == 3 and image.shape[2] in (3, 4)):
        raise ValueError(
            f"image has shape {image.shape}, must be (H, W) grey, (H, W, 3) RGB or (H, W, 4) CMYK"
        )
    if not all(1 <= side <= MAX_DIMENSION for side in image.shape[:2]):
        raise ValueError(f"image has shape {image.shape}, each side must be 1 ... {MAX_DIMENSION}")
    return image


def checked_integer(name: str, value: Any, low: int, high: int | None = None) -> int:
    """Return a whole number from `low` to `high`."""
    try:
        integer = operator.index(value)
    except TypeError:
        raise TypeError(f"{name}={value!r} is a {type(value).__name__}, must be an integer") from None
    if integer < low or (high is not None and integer > high):
        allowed = f"{low} ... {high}" if high is not None else f"{low} and more"
        raise ValueError(f"{name}={integer}, allowed are {allowed}")
    return integer


def checked_choice(name: str, value: Any, allowed: Sequence[str]) -> str:
    """Return one of a few words."""
    if value not in allowed:
        raise ValueError(f"{name}={value!r}, allowed are {' and '.join(map(repr, allowed))}")
    return value


def checked_comment(comment: str | bytes) -> bytes:
    """Return the payload of a COM segment; a string becomes UTF-8."""
    if not isinstance(comment, str | bytes):
        raise TypeError(f"comment is a {type(comment).__name__}, must be str or bytes")
    payload = comment.encode() if isinstance(comment, str) else comment
    if len(payload) > MAX_COMMENT:
        raise ValueError(f"comment has {len(payload)} bytes, at most {MAX_COMMENT} fit a COM segment")
    return payload


def checked_bytes(data: bytes) -> bytes:
    """Return the bytes of a file, whatever holds them."""
    try:
        return data if isinstance(data, bytes) else bytes(memoryview(data))
    except TypeError:
        raise TypeError(f"data is a {type(data).__name__}, must be bytes") from None


def sampling_factors(subsampling: Subsampling, channels: int) -> list[tuple[int, int]]:
    """Return (horizontal, vertical) factors for each component, from a name or from themselves.

    A name says the factors of the brightness; black, the fourth component of YCCK, is as large.
    """
    if isinstance(subsampling, str):
        if subsampling not in SUBSAMPLINGS:
            names = ", ".join(SUBSAMPLINGS)
            raise ValueError(f"subsampling={subsampling!r}, allowed are {names} or explicit factors")
        full = SUBSAMPLINGS[subsampling]
        return [(1, 1)] if channels == 1 else [full, (1, 1), (1, 1), full][:channels]
    pairs = f"{channels} pair{'s' * (channels > 1)} (horizontal, vertical)"
    wanted = f"subsampling={subsampling!r}, must be a name or {pairs} of factors 1 ... 4"
    try:
        factors = [(operator.index(h_samp), operator.index(v_samp)) for h_samp, v_samp in subsampling]
    except (TypeError, ValueError):
        raise TypeError(wanted) from None
    if len(factors) != channels or not all(1 <= factor <= 4 for pair in factors for factor in pair):
        raise ValueError(wanted)
    return factors


def quantization_tables(
    quant_tables: Array | Sequence[Array] | None, quality: int, usual: int, channels: int
) -> list[QuantizationTable]:
    """Return the tables of a file: the caller's as they are, or those of Annex K.1 scaled by the quality.

    `usual` is how many of the latter there are, 1 or 2; of the caller's there may be one for each channel.
    """
    if quant_tables is None:
        return list(_scaled_tables(quality)[:usual])
    return _numbered(_checked_tables(quant_tables, channels))


@lru_cache(maxsize=100)
def _scaled_tables(quality: int) -> tuple[QuantizationTable, ...]:
    base = (tables.LUMINANCE_QUANTIZATION, tables.CHROMINANCE_QUANTIZATION)
    return tuple(_numbered(scale_table(table, quality) for table in base))


def _numbered(arrays: Iterable[Array]) -> list[QuantizationTable]:
    return [
        QuantizationTable(n, int(table.max() > 255), tuple(table.ravel().tolist()))
        for n, table in enumerate(arrays)
    ]


def _checked_tables(quant_tables: Array | Sequence[Array], channels: int) -> Array:
    try:
        arrays = np.asarray(quant_tables)
    except ValueError:
        raise ValueError("quant_tables has a ragged shape, must be (8, 8) or (n, 8, 8)") from None
    shape = arrays.shape
    arrays = arrays[np.newaxis] if arrays.ndim == 2 else arrays
    if arrays.ndim != 3 or arrays.shape[1:] != (8, 8) or not 1 <= len(arrays) <= channels:
        raise ValueError(
            f"quant_tables has shape {shape}, must be (8, 8) or (n, 8, 8) with n = 1 ... {channels}"
        )
    if not np.issubdtype(arrays.dtype, np.integer):
        raise TypeError(f"quant_tables has dtype {arrays.dtype}, must be integers")
    if arrays.min() < 1 or arrays.max() > 65535:
        raise ValueError(f"quant_tables holds {arrays.min()} ... {arrays.max()}, allowed are 1 ... 65535")
    return arrays
