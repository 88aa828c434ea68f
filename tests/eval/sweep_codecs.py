"""Codecs for tests of the sweep: a simple one that works, and others that each fail in their own way.

They are asked for as ``sweep_codecs:working`` and so on. In the folder that the environment variable
SWEEP_MARKS names, they leave a mark for each call, from whatever process it comes.
"""

from __future__ import annotations

import os
import secrets
import signal
import sys
import time
import zlib
from pathlib import Path
from typing import Any

import numpy as np

KEPT_QUALITY = 7  # loses one bit a sample


class Bits:
    """Keeps as many bits of each sample as `quality` says, and squeezes them with zlib."""

    name = "bits"
    description = "bits of samples, zlib" + os.environ.get("SWEEP_VERSION", "")
    suffix = ".bits"
    quality_range = (1, 8)

    def encode(self, image: Any, quality: int) -> Any:
        """Height, width, channels; then the samples."""
        mark("encode")
        shape = (*image.shape, 0)[:3]
        kept = image & np.uint8(0xFF << (8 - quality) & 0xFF)
        return np.array(shape, "<u4").tobytes() + zlib.compress(kept.tobytes())

    def decode(self, data: Any) -> Any:
        """The samples that were kept."""
        shape = tuple(int(n) for n in np.frombuffer(data[:12], "<u4") if n)
        return np.frombuffer(zlib.decompress(data[12:]), np.uint8).reshape(shape)


def mark(what: str) -> None:
    """Leave a file that says who was called."""
    folder = os.environ.get("SWEEP_MARKS")
    if folder:
        (Path(folder) / f"{what}-{os.getpid()}-{secrets.token_hex(4)}").touch()


def marks(what: str) -> list[Path]:
    """Return the marks that were left."""
    return list(Path(os.environ["SWEEP_MARKS"]).glob(f"{what}-*"))


class Raising(Bits):
    """Raises from quality 5 on, with a message of two lines."""

    def encode(self, image: Any, quality: int) -> Any:
        """Fail for high qualities."""
        if quality >= 5:
            raise RuntimeError("too fine\nfor me")
        return super().encode(image, quality)


class WrongShape(Bits):
    """Loses a row."""

    def decode(self, data: Any) -> Any:
        """All rows but the last."""
        return super().decode(data)[:-1]


class WrongType(Bits):
    """Gives floats."""

    def decode(self, data: Any) -> Any:
        """The samples as floats."""
        return super().decode(data).astype(float)


class NotBytes(Bits):
    """Gives text for a file."""

    def encode(self, image: Any, quality: int) -> Any:
        """No bytes."""
        return "text"


class Leaving(Bits):
    """Leaves the program."""

    def encode(self, image: Any, quality: int) -> Any:
        """Exit."""
        sys.exit("enough")


class Scribbling(Bits):
    """Changes the picture that it is given."""

    def encode(self, image: Any, quality: int) -> Any:
        """Encode, then blacken the argument."""
        data = super().encode(image, quality)
        image[:] = 0
        return data


class Fragile(Bits):
    """Raises as long as there is a mark ``broken``."""

    def encode(self, image: Any, quality: int) -> Any:
        """Fail or not."""
        if marks("broken"):
            raise RuntimeError("broken for now")
        return super().encode(image, quality)


class DyingOnce(Bits):
    """Kills the process that it runs in; the first time, at quality 3."""

    def encode(self, image: Any, quality: int) -> Any:
        """Die or encode."""
        if quality == 3 and not marks("died"):
            mark("died")
            os.kill(os.getpid(), signal.SIGKILL)
        return super().encode(image, quality)


class Dying(Bits):
    """Kills the process that it runs in, always at quality 3."""

    def encode(self, image: Any, quality: int) -> Any:
        """Die or encode."""
        if quality == 3:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().encode(image, quality)


class Slow(Bits):
    """Takes a while."""

    def encode(self, image: Any, quality: int) -> Any:
        """Encode, late."""
        time.sleep(0.1)
        return super().encode(image, quality)


working, raising, wrong_shape, wrong_type, not_bytes = (
    Bits(),
    Raising(),
    WrongShape(),
    WrongType(),
    NotBytes(),
)
leaving, scribbling, fragile, slow = Leaving(), Scribbling(), Fragile(), Slow()
dying_once, dying = DyingOnce(), Dying()
