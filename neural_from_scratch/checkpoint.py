"""Weights on disk: `.npz` files, written whole or not at all, and read without running what is in them.

An `.npz` is a ZIP archive with one `.npy` member for each array: a header that names dtype and shape, then
the numbers. NumPy can also put Python objects there, as *pickles*; reading one executes whatever its author
wished. Weights travel between people, so nothing here writes or reads a pickle.

A file from elsewhere may be damaged, or made to do damage: a header of a few bytes may declare terabytes.
Therefore headers are compared with what is there before memory is asked for.

`save_state` and `load_state` take what `parameters.Layer.state_dict` returns and `load_state_dict` takes,
with CompressAI's names for the keys: ``g_a.0.weight``.
"""

from __future__ import annotations

import math
import os
import secrets
import struct
import zipfile
import zlib
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from .arrays import Array, is_array
from .parameters import moved

__all__ = ["load_state", "save_state"]

_KINDS = "biufcSU"  # of dtypes that are plain numbers or text
ZIP_ERRORS = (
    *(zipfile.BadZipFile, zlib.error, struct.error, UnicodeError, OSError),
    *(EOFError, NotImplementedError, OverflowError, RuntimeError),
)  # what `zipfile` raises for archives that are none
_DEFLATE_BEST = 1100  # Deflate makes nothing smaller than by a factor of 1032


def save_state(path: str | os.PathLike[str], state: Mapping[str, Array]) -> None:
    """Write arrays to an `.npz` file.

    Parameters
    ----------
    path : path-like
        Where to, under exactly this name; a file there is replaced when the new one is complete.
    state : mapping of str to array
        Of NumPy or another array module; of numbers.

    Raises
    ------
    TypeError
        If a value is no array or holds Python objects, or a key is no string: nothing is written.
    ValueError
        If a key is empty, or has a character 0.
    OSError
        If the file cannot be written; what was there is unharmed, and nothing else is left behind.

    Notes
    -----
    Equal states give equal files, to the byte: members are stored in the order of the mapping, uncompressed
    (weights hardly compress) and without the time of day.
    """
    arrays = {}
    for key, value in state.items():
        if not isinstance(key, str):
            raise TypeError(f"save_state: the key {key!r} is a {type(key).__name__}, must be a string")
        if not key or "\0" in key:
            raise ValueError(f"save_state: the key {key!r} is empty or has a zero in it")
        if not is_array(value):
            raise TypeError(f"save_state: {key} is a {type(value).__name__}, must be an array")
        arrays[key] = np.asanyarray(moved(value, np))
        if arrays[key].dtype.kind not in _KINDS:
            raise TypeError(f"save_state: {key} has dtype {value.dtype}, which only a pickle could hold")
    path = Path(path)
    temporary = path.with_name(f".{secrets.token_hex(8)}.part")
    try:
        with temporary.open("xb") as file:
            with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
                for key, array in arrays.items():
                    with archive.open(f"{key}.npy", "w", force_zip64=True) as member:
                        np.lib.format.write_array(member, array, allow_pickle=False)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        with suppress(OSError):
            temporary.unlink()


def load_state(path: str | os.PathLike[str]) -> dict[str, NDArray[Any]]:
    """Read all arrays of an `.npz` file.

    Parameters
    ----------
    path : path-like
        A file of `save_state`, or of `numpy.savez` or `numpy.savez_compressed`.

    Returns
    -------
    dict of str to ndarray
        In the order of the file, in the byte order of this machine.

    Raises
    ------
    OSError
        If it cannot be opened.
    ValueError
        If it is no `.npz` file, is truncated or damaged, holds Python objects, or has members that are not
        what their headers say. The message names the file, the key and the cause.
    """
    path = Path(path)
    with path.open("rb") as file:
        start = file.read(6)
        if not start.startswith(b"PK"):
            raise ValueError(f"{path}: {_what_instead(start)}")
        length = file.seek(0, os.SEEK_END)
        try:
            with zipfile.ZipFile(file) as archive:
                return _read_members(path, archive, length)
        except ZIP_ERRORS as error:
            raise ValueError(f"{path}: truncated or damaged: {str(error) or type(error).__name__}") from error


def _what_instead(start: bytes) -> str:
    if not start:
        return "is empty, no .npz file"
    if start == b"\x93NUMPY":
        return "is one .npy array, no .npz file of several: it has no names"
    if start.startswith(b"\x80"):
        return "is no .npz file but a pickle, perhaps PyTorch's; it is not read, because that would run it"
    return f"is no .npz file, which begins with b'PK'; it begins with {start!r}"


def _read_members(path: Path, archive: zipfile.ZipFile, length: int) -> dict[str, NDArray[Any]]:
    state: dict[str, NDArray[Any]] = {}
    packed = 0
    for info in archive.infolist():
        key = info.filename.removesuffix(".npy")
        if key == info.filename:
            raise ValueError(f"{path}: the member {key!r} is no .npy array: no file of weights, or PyTorch's")
        if key in state:
            raise ValueError(f"{path}: {key!r} is there twice")
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise ValueError(
                f"{path}: {key!r} is packed by method {info.compress_type}, not 0 or 8 (Deflate)"
            )
        packed += info.compress_size  # together: members may overlap
        if packed > length or info.file_size > info.compress_size * _DEFLATE_BEST:
            raise ValueError(
                f"{path}: {key!r} claims {info.file_size} bytes, more than can be in {length} bytes"
            )
        with archive.open(info) as member:
            try:
                state[key] = _read_array(member, info.file_size)
            except ValueError as error:
                raise ValueError(f"{path}: {key!r} {error}") from error
    return state


def _read_array(member: IO[bytes], length: int) -> NDArray[Any]:
    """Read a `.npy` of `length` bytes. Errors are phrases that follow its name."""
    try:
        version = np.lib.format.read_magic(member)
        if version not in ((1, 0), (2, 0)):
            raise ValueError(f"version {version}")
        read_header = (
            np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        )
        shape, column_major, dtype = read_header(member)
    except Exception as error:  # NumPy parses the header as Python, which fails in a dozen ways
        raise ValueError(f"has no readable .npy header: {error}") from error
    if dtype.kind not in _KINDS:
        raise ValueError(f"has dtype {dtype}: Python objects or records are not read")
    size = math.prod(shape) * dtype.itemsize
    if min(shape, default=0) < 0 or size != length - member.tell():
        raise ValueError(
            f"should have {size} bytes for {dtype} of shape {shape}, has {length - member.tell()}"
        )
    data = member.read()  # to the end: only there the checksum is compared
    if len(data) != size:
        raise ValueError(f"is truncated: {len(data)} of {size} bytes")
    try:
        array = np.frombuffer(bytearray(data), dtype).reshape(shape, order="F" if column_major else "C")
    except (OverflowError, ValueError) as error:
        raise ValueError(f"has the impossible shape {shape}: {error}") from error
    return array.astype(dtype.newbyteorder("="), copy=False)
