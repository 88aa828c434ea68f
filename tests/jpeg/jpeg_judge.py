"""What may come of a damaged file, and whether it did: the oracle of the fuzz tests.

A decoder that others feed owes them a picture or a `JpegError`, soon: within two seconds, and one more for
each megapixel that the file's header announces. Anything else – another exception, a picture of another size,
an endless loop – is a finding.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import jpeg_corpus as corpus
import jpeg_mutants as mutants
import numpy as np

from jpeg_from_scratch import FormatError, JpegError, decode

MAX_PIXELS = 2**22
SECONDS, SECONDS_PER_MEGAPIXEL = 2.0, 1.0


@dataclass(frozen=True)
class Verdict:
    """What came of a file.

    `outcome` is ``"picture"`` or the name of the error's class; `finding` says what should not be, empty if
    nothing; `result` is the picture or the exception.
    """

    outcome: str
    seconds: float
    finding: str
    result: Any


def megapixels(data: bytes) -> float:
    """Return the size of the largest picture that a frame header of the file announces, in millions."""
    sizes = [0]
    for piece in mutants.pieces(data):
        if piece.marker in (*mutants.SOF, *mutants.OTHER_SOF):
            height = int.from_bytes(data[piece.start + 5 : piece.start + 7])
            width = int.from_bytes(data[piece.start + 7 : piece.start + 9])
            sizes.append(height * width)
    return max(sizes) / 1e6


def judge(data: bytes, strict: bool, backend: str = "fast", max_pixels: int = MAX_PIXELS) -> Verdict:
    """Decode a file, and say whether what came of it is allowed.

    What took too long is tried again: a kernel may have been compiled, or the machine was busy.
    """
    run = partial(decode, data, strict=strict, max_pixels=max_pixels, backend=backend)
    result, seconds = corpus.timed(run)
    if seconds > seconds_allowed(data, max_pixels):
        seconds = min(seconds, corpus.timed(run)[1])
    outcome = "picture" if isinstance(result, np.ndarray) else type(result).__name__
    return Verdict(outcome, seconds, finding(data, result, seconds, max_pixels), result)


def seconds_allowed(data: bytes, max_pixels: int = MAX_PIXELS) -> float:
    """Return how long a file may take."""
    return SECONDS + SECONDS_PER_MEGAPIXEL * min(megapixels(data), max_pixels / 1e6)


def finding(data: bytes, result: Any, seconds: float, max_pixels: int = MAX_PIXELS) -> str:
    """Say what is wrong with a result; empty if nothing is."""
    allowed = seconds_allowed(data, max_pixels)
    if seconds > allowed:
        return f"{seconds:.1f} s, allowed are {allowed:.1f}"
    if isinstance(result, FormatError):
        missing = [name for name in ("message", "field", "clause") if not getattr(result, name)]
        if missing or "\n" in str(result) or not 0 <= result.offset <= len(data):
            return f"an error that does not say enough: {result!r}"
        return ""
    if isinstance(result, JpegError):
        return ""
    if isinstance(result, Exception):
        return f"{type(result).__name__}: {result}"
    if result.dtype not in (np.uint8, np.uint16) or result.ndim not in (2, 3) or result.size == 0:
        return f"a picture of {result.dtype} {result.shape}"
    if result.shape[0] * result.shape[1] > max_pixels:
        return f"a picture of {result.shape} beyond the limit"
    return ""


def save(mutant: mutants.Mutant, folder: Path | None = None) -> Path:
    """Write a mutant to a file, for whoever looks into a finding, and return its path."""
    folder = folder or Path(tempfile.gettempdir(), "jpeg-fuzz-findings")
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"mutant-{mutant.series}-{mutant.number}.jpg"
    path.write_bytes(mutant.data)
    path.with_suffix(".txt").write_text(mutant.recipe + "\n", "utf-8")
    return path
