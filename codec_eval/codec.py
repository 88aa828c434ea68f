"""What the bench asks of a codec: a name, a range of qualities, `encode` and `decode`. Nothing else.

`Codec` is a protocol: a class is one by having these members, without importing or inheriting anything.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeAlias, runtime_checkable

import numpy as np
from numpy.typing import NDArray

__all__ = ["Codec", "Image", "check_quality", "qualities_of"]

Image: TypeAlias = NDArray[np.uint8]
"""A picture: uint8, ``(H, W)`` grey or ``(H, W, 3)`` RGB."""


@runtime_checkable
class Codec(Protocol):
    """A way to turn a picture into the bytes of a file and back.

    `decode` must need nothing but the bytes, so that their number is the whole rate; a codec holds its
    settings and no state between calls. To be measured by worker processes it must be picklable, or be known
    by a name (`codec_eval.registry`).

    Two members that the protocol does not ask for are used where they are there:

    ``useful_range``
        The lowest and the highest quality that people use, over which a sweep spreads its points by default.
    ``qualities``
        All qualities in increasing order, for a codec that has a few only: a sweep takes each of them.
    """

    @property
    def name(self) -> str:
        """Short, unlike any other codec's, and fit for a file name: ``"jpeg-ours-optimised"``."""
        ...

    @property
    def description(self) -> str:
        """One line that says exactly what was measured: program, version and settings."""
        ...

    @property
    def suffix(self) -> str:
        """The usual end of a file's name with the dot: ``".jpg"``."""
        ...

    @property
    def quality_range(self) -> tuple[int, int]:
        """The lowest and the highest `quality` that `encode` takes, both included."""
        ...

    def encode(self, image: Image, quality: int) -> bytes:
        """Compress a picture into a complete file; a higher `quality` means more bytes."""
        ...

    def decode(self, data: bytes) -> Image:
        """Turn the file back into a picture of the shape that was encoded."""
        ...


def qualities_of(codec: Codec) -> Sequence[int]:
    """Return all qualities that a codec has, in increasing order."""
    listed: Sequence[int] | None = getattr(codec, "qualities", None)
    if listed is not None:
        return listed
    lowest, highest = codec.quality_range
    return range(lowest, highest + 1)


def check_quality(codec: Codec, quality: int) -> None:
    """Raise `ValueError` if `quality` is none of the codec's.

    Parameters
    ----------
    codec : Codec
        Whose qualities count.
    quality : int
        The quality asked for.
    """
    known = qualities_of(codec)
    if quality not in known:
        lowest, highest = known[0], known[-1]
        gaps = len(known) < highest - lowest + 1
        words = ", ".join(map(str, known)) if gaps else f"{lowest} to {highest}"
        raise ValueError(f"quality is {quality}: {codec.name} takes {words}")
