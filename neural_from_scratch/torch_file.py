"""State dicts out of the files of `torch.save`, without PyTorch.

Since version 1.6 such a file (``.pth``, ``.pt``, ``.pth.tar``) is a ZIP archive of uncompressed members, all
in one folder:

==============  =====================================================================================
``data.pkl``    a pickle: dictionaries, strings, numbers, and for each tensor its storage, offset,
                shape and strides; see `torch_pickle`
``data/0`` …    the storages: bare numbers. Several tensors may be views of one
``byteorder``   ``little`` or ``big``; without it, little
others          versions and checksums of PyTorch's own, not needed here
==============  =====================================================================================

A tensor is a window on a storage: element (i, j, …) lies at offset + i·strides[0] + j·strides[1] + … A file
may say what it likes there; what has bounds is the storage. So every number is held against what is in the
archive before memory is taken, and the last element against the end of its storage. No window shows anything
else.

Only the tensors of the state dict are read: a checkpoint of training has much besides.
"""

from __future__ import annotations

import math
import os
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .checkpoint import ZIP_ERRORS
from .torch_pickle import DTYPES, StoredTensor, read_pickle

__all__ = ["MAX_BYTES", "load_torch"]

MAX_BYTES = 1 << 30
MAX_PICKLE = 1 << 22  # of data.pkl: some 40,000 tensors
MAX_AXES = 32
MAX_NAME = 200
WRAPPERS = ("state_dict", "model_state_dict", "network", "model")  # where checkpoints keep their state dicts
ADVICE = "in PyTorch, torch.save(model.state_dict(), path) writes a file that can be read"


def load_torch(path: str | os.PathLike[str], max_bytes: int = MAX_BYTES) -> dict[str, NDArray[Any]]:
    """Read the state dict in a file of `torch.save`.

    Parameters
    ----------
    path : path-like
    max_bytes : int
        What the file and all tensors together may have, each.

    Returns
    -------
    dict of str to ndarray
        In the order of the file, C-contiguous, in the byte order of this machine. bfloat16 becomes float32;
        other dtypes stay. If the file has a dictionary under ``"state_dict"``, ``"model_state_dict"``,
        ``"network"`` or ``"model"``, it is that one.

    Raises
    ------
    OSError
        If the file cannot be opened.
    ValueError
        If it is another kind of file (among them PyTorch's format before 1.6), damaged, too large, holds
        anything but tensors, or tensors that are not what they seem. The message names file and cause.
    """
    path = Path(path)
    with path.open("rb") as file:
        try:
            length = file.seek(0, os.SEEK_END)
            file.seek(0)
            _check_kind(file.read(32))
            if length > max_bytes:
                raise ValueError(f"has {length} bytes, allowed are {max_bytes}")
            with zipfile.ZipFile(file) as archive:
                return _Archive(archive, length).state(max_bytes)
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from error
        except ZIP_ERRORS as error:
            raise ValueError(f"{path}: truncated or damaged: {str(error) or type(error).__name__}") from error


def _check_kind(start: bytes) -> None:
    if start.startswith(b"PK"):
        return
    if not start:
        raise ValueError("is empty")
    if b"\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19." in start:  # the "magic number" of torch.save before 1.6
        raise ValueError(
            "is in PyTorch's format of before version 1.6, which is not read here; PyTorch converts it: "
            "torch.save(torch.load(path, weights_only=True), new_path)"
        )
    if start.startswith(b"\x80"):
        raise ValueError("is a bare pickle, no file of torch.save; it is not read, because that would run it")
    raise ValueError(f"is no file of torch.save, which begins with b'PK'; it begins with {start[:6]!r}")


class _Archive:
    """The members of one file, and the tensors in them. Errors are phrases that follow the file's name."""

    def __init__(self, archive: zipfile.ZipFile, length: int) -> None:
        self.archive = archive
        self.members: dict[str, zipfile.ZipInfo] = {}
        self.storages: dict[str, bytes] = {}
        total = 0
        for info in archive.infolist():
            name = info.filename
            if name in self.members:
                raise ValueError(f"has the member {name!r} twice")
            if info.compress_type != zipfile.ZIP_STORED or info.compress_size != info.file_size:
                raise ValueError(f"has the member {name!r} compressed, which torch.save never does")
            total += info.file_size  # together: members may overlap
            if total > length:
                raise ValueError(f"claims {total} bytes in its members, more than can be in {length} bytes")
            self.members[name] = info
        folders = [name[:-9] for name in self.members if name.endswith("/data.pkl") and name.count("/") == 1]
        if len(folders) != 1:
            raise ValueError(f"has {len(folders)} members data.pkl in a folder, a file of torch.save has one")
        self.folder = folders[0]
        if f"{self.folder}/constants.pkl" in self.members:
            raise ValueError(f"is a program of TorchScript, no state dict: {ADVICE}")
        self.order = self._byte_order()

    def _read(self, name: str, most: int) -> bytes:
        """Return a member of the folder; its checksum is compared."""
        info = self.members[f"{self.folder}/{name}"]
        if info.file_size > most:
            raise ValueError(f"has a {name} of {info.file_size} bytes, allowed are {most}")
        return self.archive.read(info)

    def _byte_order(self) -> str:
        if f"{self.folder}/byteorder" not in self.members:
            return "<"
        order = self._read("byteorder", 16)
        if order not in (b"little", b"big"):
            raise ValueError(f"has the byte order {order!r}")
        return "<" if order == b"little" else ">"

    def state(self, max_bytes: int) -> dict[str, NDArray[Any]]:
        """Return the arrays of the state dict."""
        tensors = _state_dict(read_pickle(self._read("data.pkl", MAX_PICKLE)))
        total = 0
        for key, tensor in tensors.items():
            self._check(key, tensor)
            total += math.prod(tensor.shape) * self._dtype(tensor).itemsize * (1 + _is_bfloat(tensor))
            if total > max_bytes:
                raise ValueError(f"has tensors of {total} bytes up to {key!r}, allowed are {max_bytes}")
        return {key: self._array(key, tensor) for key, tensor in tensors.items()}

    def _dtype(self, tensor: StoredTensor) -> np.dtype[Any]:
        return np.dtype(self.order + DTYPES[tensor.storage.kind])

    def _check(self, key: str, tensor: StoredTensor) -> None:
        """Hold what the pickle says of a tensor against what is in the archive."""
        storage, offset, shape, strides = tensor
        size = storage.size * self._dtype(tensor).itemsize
        info = self.members.get(f"{self.folder}/data/{storage.key}")
        if info is None and size:
            raise ValueError(f"has no member {storage.key!r} in its data, the storage of {key!r}")
        if info is not None and info.file_size != size:
            raise ValueError(
                f"has {info.file_size} bytes in the storage {storage.key!r}, but {key!r} needs one of {size}"
            )
        if len(shape) != len(strides) or len(shape) > MAX_AXES:
            raise ValueError(f"has {key!r} with {len(shape)} axes and {len(strides)} strides")
        last = offset + sum((axis - 1) * stride for axis, stride in zip(shape, strides))
        if 0 not in shape and last >= storage.size:
            raise ValueError(f"has {key!r} reach element {last} of a storage of {storage.size}")

    def _array(self, key: str, tensor: StoredTensor) -> NDArray[Any]:
        """Return a copy of what a tensor, checked before, is a window on."""
        storage, offset, shape, strides = tensor
        dtype = self._dtype(tensor)
        if 0 in shape:
            try:
                found = np.empty(shape, dtype)
            except (OverflowError, ValueError) as error:
                raise ValueError(f"has {key!r} of the impossible shape {shape}") from error
        else:
            if storage.key not in self.storages:
                self.storages[storage.key] = self.archive.read(f"{self.folder}/data/{storage.key}")
            steps = [stride * dtype.itemsize if axis > 1 else 0 for axis, stride in zip(shape, strides)]
            # NumPy compares the window with the buffer once more.
            found = np.ndarray(shape, dtype, self.storages[storage.key], offset * dtype.itemsize, steps)
        if storage.kind == "BoolStorage":
            return np.asarray(found != 0)
        if _is_bfloat(tensor):  # the upper half of a float32
            widened = np.asarray(found.astype(np.uint32, order="C") << np.uint32(16))
            return widened.view(np.float32)
        return found.astype(dtype.newbyteorder("="), order="C")


def _is_bfloat(tensor: StoredTensor) -> bool:
    return tensor.storage.kind == "BFloat16Storage"


def _state_dict(root: Any) -> dict[str, StoredTensor]:
    """Return the tensors of a state dict, or of the one in a checkpoint."""
    for _ in range(2):  # a checkpoint may hold itself
        inside = root if type(root) is dict else {}
        root = next((inside[name] for name in WRAPPERS if type(inside.get(name)) is dict), root)
    if type(root) is not dict:
        what = "one tensor without a name" if type(root) is StoredTensor else f"a {type(root).__name__}"
        raise ValueError(f"holds {what}, no dictionary of tensors: {ADVICE}")
    if not root:
        raise ValueError("holds no tensors")
    for key, value in root.items():
        if type(key) is not str or len(key) > MAX_NAME or not key.isprintable():
            raise ValueError(f"holds {str(key)[:80]!r}, which is no name of a tensor: {ADVICE}")
        if type(value) is not StoredTensor:
            raise ValueError(f"holds {key!r}, a {type(value).__name__} and no tensor: {ADVICE}")
    return root
