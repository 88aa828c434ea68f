"""Rate control: the quality at which a codec meets a number of bytes, a rate, or a PSNR.

A codec has one whole-numbered knob, and a higher quality should mean more bytes and a better picture. So
the quality is found by bisection: eight encodings for a range of 1 to 100. That the knob is monotone is an
assumption, not a fact (a JPEG quality changes sixty-four divisors at once, each rounded by itself), so the
neighbours of the result are tried as well, the best of everything tried is kept, and `Match.monotone` says
whether any two of the encodings were found in the wrong order.

===========  =====================================================================================
target       the best quality is
===========  =====================================================================================
bytes, bpp   the one with most bytes that are not above the target: a budget is not overdrawn
PSNR         the one with the lowest PSNR that is not below the target: a promise is kept
===========  =====================================================================================

A codec that cannot get there gives the end of its range that is nearest to the target, and
`Match.reached` is False. For a fair pair of files neither side counts as overdrawn: with
`Target.either_side` the nearest quality is the best one, below the target or above.

A codec may have a handful of qualities only, a learned one has a network for each. The search is the same;
`Match.distance` says how far the nearest of them is.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from codec_eval import metrics
from codec_eval.codec import Codec, Image, qualities_of

__all__ = ["Kind", "Match", "Target", "Trial", "match_quality"]

Kind = Literal["bytes", "bpp", "psnr"]
_NEIGHBOURS = 2  # on each side: a file that is one quality out of order is found


@dataclass(frozen=True)
class Target:
    """What is to be met.

    Parameters
    ----------
    kind : {"bytes", "bpp", "psnr"}
        Bytes of the whole file, bits per pixel of it, or PSNR in dB over all samples.
    value : float
        How much, above 0 and finite.
    either_side : bool
        Whether the nearest quality is the best one on whichever side of the target.

    Raises
    ------
    ValueError
        For another kind, or a value that is not a positive number.
    """

    kind: Kind
    value: float
    either_side: bool = False

    def __post_init__(self) -> None:
        if self.kind not in ("bytes", "bpp", "psnr"):
            raise ValueError(f"kind is {self.kind!r}: bytes, bpp or psnr is needed")
        if not (math.isfinite(self.value) and self.value > 0):
            raise ValueError(f"target is {self.value:g}: a positive number is needed")

    def of(self, trial: Trial) -> float:
        """What `trial` has of it, in the target's unit."""
        return {"bytes": float(trial.n_bytes), "bpp": trial.bits_per_pixel, "psnr": trial.psnr}[self.kind]

    def __str__(self) -> str:
        """As a person says it: ``"0.5 bpp"``, ``"30,000 bytes"``, ``"35 dB PSNR"``."""
        if self.kind == "bytes":
            return f"{self.value:,.0f} bytes"
        return f"{self.value:g} {'bpp' if self.kind == 'bpp' else 'dB PSNR'}"


@dataclass(frozen=True, eq=False)
class Trial:
    """A picture encoded once.

    Parameters
    ----------
    quality : int
    data : bytes
        The file.
    decoded : ndarray of uint8, shape of the picture
        What the codec makes of it.
    bits_per_pixel : float
    psnr : float
        In dB over all samples, infinite if nothing was lost.
    """

    quality: int
    data: bytes
    decoded: Image
    bits_per_pixel: float
    psnr: float

    @property
    def n_bytes(self) -> int:
        """The length of the file."""
        return len(self.data)


@dataclass(frozen=True, eq=False)
class Match:
    """What came out for one codec.

    Parameters
    ----------
    codec : Codec
    target : Target
    trial : Trial
        The best one.
    reached : bool
        False if the target lies outside what the codec can do: `trial` is then its nearest end.
    monotone : bool
        Whether, in everything that was tried, more quality meant no less of what the target counts.
    tried : tuple of int
        The qualities that were encoded, in increasing order.
    """

    codec: Codec
    target: Target
    trial: Trial
    reached: bool
    monotone: bool
    tried: tuple[int, ...]

    @property
    def distance(self) -> float:
        """How far from the target: for bytes and bpp a fraction of it (−0.02: 2 % below), for PSNR in dB."""
        achieved = self.target.of(self.trial)
        return (
            achieved - self.target.value if self.target.kind == "psnr" else achieved / self.target.value - 1
        )


def match_quality(
    codec: Codec, image: Image, target: Target, *, step: Callable[[], object] | None = None
) -> Match:
    """Find the quality that meets the target best.

    Parameters
    ----------
    codec : Codec
        Whose quality is turned.
    image : ndarray of uint8, shape (H, W) or (H, W, 3)
        The picture.
    target : Target
        What to meet; the table at the top of the file says which quality is best.
    step : callable, optional
        Called after each encoding, for a progress bar.

    Returns
    -------
    Match
        With the file and the decoded picture. Each quality is encoded at most once: for a range of 1 to
        100 that is 14 encodings at the most.

    Raises
    ------
    ValueError
        If the codec gives back a picture of another shape.
    """
    trials: dict[int, Trial] = {}

    def try_quality(quality: int) -> Trial:
        if quality not in trials:
            trials[quality] = _encode(codec, image, quality)
            if step is not None:
                step()
        return trials[quality]

    known = qualities_of(codec)
    found = _bisect(lambda i: target.of(try_quality(known[i])) >= target.value, 0, len(known) - 1)
    for neighbour in known[max(0, found - _NEIGHBOURS) : found + _NEIGHBOURS + 1]:
        try_quality(neighbour)
    for end in (known[0], known[-1]):  # they decide whether the target can be reached at all
        try_quality(end)

    best = min(trials.values(), key=lambda trial: _badness(target, trial))
    values = [target.of(trials[quality]) for quality in sorted(trials)]
    return Match(
        codec=codec,
        target=target,
        trial=best,
        reached=min(values) <= target.value <= max(values),
        monotone=all(a <= b for a, b in pairwise(values)),
        tried=tuple(sorted(trials)),
    )


def _bisect(enough: Callable[[int], bool], lowest: int, highest: int) -> int:
    """Return the lowest number that is enough, or `highest` if none is; `enough` is taken as monotone."""
    while lowest < highest:
        middle = (lowest + highest) // 2
        if enough(middle):
            highest = middle
        else:
            lowest = middle + 1
    return lowest


def _badness(target: Target, trial: Trial) -> tuple[bool, float, float, int]:
    """Order trials, the best first: on the right side of the target, near to it, and then by what is left.

    Among files of equal length the better picture wins, among equal pictures the shorter file.
    """
    value = target.of(trial)
    if target.kind == "psnr":
        wrong = value < target.value and not target.either_side
        return wrong, abs(value - target.value), trial.n_bytes, trial.quality
    wrong = value > target.value and not target.either_side
    return wrong, abs(value - target.value), -trial.psnr, trial.quality


def _encode(codec: Codec, image: Image, quality: int) -> Trial:
    data = codec.encode(image, quality)
    decoded = codec.decode(data)
    if decoded.shape != image.shape:
        raise ValueError(
            f"{codec.name} gives back a picture of shape {decoded.shape}: {image.shape} was encoded"
        )
    return Trial(
        quality,
        data,
        decoded,
        metrics.bits_per_pixel(len(data), image.shape),
        metrics.psnr(image, decoded, data_range=255),
    )
