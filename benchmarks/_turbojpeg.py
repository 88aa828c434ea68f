"""The system's libturbojpeg through ctypes: the one peer that writes arithmetic-coded files in this process.

libturbojpeg looks at the environment variable ``TJ_ARITHMETIC`` each time it encodes. The variable is set
during such a call only, because other copies of the library, like that of simplejpeg, look at it as well.
"""

from __future__ import annotations

import ctypes
import os
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

# turbojpeg.h
RGB = 0
SUBSAMPLINGS = {"4:4:4": 0, "4:2:2": 1, "4:2:0": 2}
NO_REALLOC, ACCURATE_DCT = 1024, 4096
ARITHMETIC = "TJ_ARITHMETIC"


@lru_cache(maxsize=1)
def loaded() -> Any:
    """Return libturbojpeg, or None where it is not installed."""
    try:
        found = ctypes.CDLL("libturbojpeg.so.0")
    except OSError:
        return None
    found.tjInitCompress.restype = ctypes.c_void_p
    found.tjBufSize.restype = ctypes.c_ulong
    return found


@lru_cache(maxsize=1)
def compressor() -> ctypes.c_void_p:
    """Return a handle, which lives as long as the process."""
    return ctypes.c_void_p(loaded().tjInitCompress())


def encode_arithmetic(image: npt.NDArray[np.uint8], quality: int, subsampling: str) -> bytes:
    """Return the arithmetic-coded file (SOF9) of an RGB picture, as libjpeg-turbo writes it."""
    image = np.ascontiguousarray(image)
    height, width = image.shape[:2]
    kind = SUBSAMPLINGS[subsampling]
    room = ctypes.create_string_buffer(loaded().tjBufSize(width, height, kind))
    start, size = ctypes.cast(room, ctypes.c_void_p), ctypes.c_ulong(len(room))
    os.environ[ARITHMETIC] = "1"
    try:
        failed = loaded().tjCompress2(
            compressor(),
            ctypes.c_void_p(image.ctypes.data),
            width,
            3 * width,
            height,
            RGB,
            ctypes.byref(start),
            ctypes.byref(size),
            kind,
            quality,
            NO_REALLOC | ACCURATE_DCT,
        )
    finally:
        del os.environ[ARITHMETIC]
    if failed:
        raise RuntimeError("tjCompress2 failed")
    return ctypes.string_at(start, size.value)
