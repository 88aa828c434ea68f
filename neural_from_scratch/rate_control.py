"""A file of so many bytes, or of so good a picture: which weights, and which step?

A learned codec has no knob for the rate. It has a few *qualities*, networks that were trained for one balance
of bits and errors each, and nothing in between; a hyperprior has a *step* besides (`latent_coding`): its
latents are rounded more coarsely or more finely than in training, and since it knows how wide each latent is,
its tables follow. So a handful of networks makes a ladder whose rungs can be moved:

    quality 3     step 64 ────▶ 45 ───▶ 32 ..     finer: more bits, up to the next quality's and beyond
    quality 4     .. 130 ◀─── 90 ◀──── step 64    coarser: fewer bits, down to the one before

**Which of the two** serves a rate between them? Each was trained for its own, and is worse the farther away
one pulls it, but not equally so in both directions; nor are all weights trained equally well, or a picture
the mean of all pictures (`benchmarks/rate_control.py` measures it). A file costs little here: the analysis
network runs once for each set of weights, and a step more is rounding and range coding only. So both are
pulled to the target, and the outcome decides:

===========  ====================================================================================
target       the best of what was tried is
===========  ====================================================================================
bytes, bpp   the best picture, by PSNR, of the largest files that are not above the target
PSNR         the smallest file whose picture is not below the target
===========  ====================================================================================

**The search.** Bytes and PSNR fall as the step grows and rise with the quality. Halving finds, at the step
that was trained, between which two neighbours the target lies: two or three analyses for six qualities. For
each neighbour a secant in ln step, with every third guess in the middle of what is left, then finds the
two steps, 1/64 apart, between which the target lies: some five files a neighbour, 30 at the very most. That
more step means less of both is true of the whole, not of every sixty-fourth: what is returned always meets
the target, but a neighbour of it may do so by a byte more. For a PSNR each file is decoded, too.

Steps reach from a quarter of the trained one to sixteen times it. Finer ones would not help: from 24/64 to
16/64 files grow by 23 to 31 % for 0.1 to 0.2 dB, as what is left of the error is the transforms' own. A
target beyond is an error if it cannot be met, and met with bytes to spare if it can.

**Factorised priors** have tables for one step only: the best of their few qualities is returned, and may be
far from the target.

**With a search for better latents** (`refinement`) the file becomes smaller and its picture better, by so
much as nobody knows before. So the target is moved by what the search changed, and the search made once
more: three times at most, until a file is within 1 %, or 0.05 dB. The best of those that meet the target
counts, the one without any search among them.

A PSNR is measured on this machine: pixels elsewhere may differ by a level here and there, and the PSNR in
its fourth digit.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from . import container, strips
from .codec import DEFAULT_MODEL, Content, check_image, header_of, pixels_of, to_samples
from .integer_hyperprior import ONE_STEP
from .latent_coding import LARGEST_STEP, Coding, FactorizedCoding, HyperCoding, coding_for, write_payload
from .models import model_named
from .refinement import refine
from .weights import Weights, load_weights, qualities

__all__ = ["FINEST_STEP", "Analysed", "Chosen", "Trial", "encode_to", "psnr_of"]

FINEST_STEP = ONE_STEP // 4
LEAST, MOST = 1e-15, 1e15  # of a target
ROUNDS = 3  # of searches for better latents
NEAR = {"bytes": 0.01, "psnr": 0.05}  # ln of bytes, dB
SLOPES = {"bytes": -0.75, "psnr": -2.5}  # of ln bytes, and of dB, by ln step: where the secant begins
FLAT = -1e-6  # a slope
Picture = NDArray[np.uint8]


@dataclass(frozen=True)
class Chosen:
    """A file that meets a target, and what it was made with.

    Attributes
    ----------
    data : bytes
        The whole file.
    model : str
    quality : int
        0 for weights of one's own.
    step : int
        In 64ths.
    psnr : float
        Of the decoded picture, in dB over all samples; infinite if nothing is lost.
    files : int
        How many were made to find it.
    """

    data: bytes
    model: str
    quality: int
    step: int
    psnr: float
    files: int


def encode_to(
    image: Picture,
    *,
    bpp: float | None = None,
    n_bytes: int | None = None,
    psnr: float | None = None,
    model: str = DEFAULT_MODEL,
    effort: int = 0,
    weights: Weights | Sequence[Weights] | None = None,
) -> Chosen:
    """Compress a picture into so many bytes at most, or so well at least.

    Parameters
    ----------
    image : ndarray of uint8, shape (H, W, 3) or (H, W)
        RGB or grey, of any size.
    bpp : float
        Bits a pixel of the whole file, header and all, at most.
    n_bytes : int
        Bytes of the whole file, at most.
    psnr : float
        In dB over all samples, at least. One of these three is given.
    model : str
        Whose shipped weights may be taken.
    effort : int
        Steps of a search for better latents; up to three such searches are made.
    weights : Weights, or several of one model
        Others, in place of the shipped ones, from few bits to many.

    Returns
    -------
    Chosen
        The file, which `decode` reads as any other, and what was chosen.

    Raises
    ------
    TypeError
        If the image is no array of uint8.
    ValueError
        If it has another shape, not one of the targets is given, a target is not above 0, there are no
        weights, or nothing meets the target: the nearest is named.

    Examples
    --------
    >>> image = np.full((20, 30, 3), 128, np.uint8)
    >>> chosen = encode_to(image, n_bytes=100)
    >>> len(chosen.data) <= 100, chosen.step
    (True, 64)
    """
    check_image(image)
    target = _target(image, bpp, n_bytes, psnr)
    if effort < 0:
        raise ValueError(f"effort={effort}, must be 0 or more")
    ladder = _ladder(image, model, weights)
    best = ladder.best(target)
    if best is None:
        raise ValueError(ladder.miss(target))
    if effort:
        best = _searched(ladder, target, best, effort)
    used = best.weights
    return Chosen(best.data, used.model.name, used.quality, best.step, best.psnr, ladder.files)


def psnr_of(picture: Picture, decoded: Picture) -> float:
    """Return 10 log₁₀(255² / MSE) over all samples, in dB; infinite for equal pictures."""
    error = int(np.square(np.subtract(picture, decoded, dtype=np.int32)).sum(dtype=np.int64))
    return 10 * math.log10(255**2 * picture.size / error) if error else math.inf


# --------------------------------------------------------------------------------------------------
# What is asked for


@dataclass(frozen=True)
class _Target:
    """Bytes at most, or a PSNR at least.

    `excess` is 0 where it is met exactly. It falls as the step grows, and rises with the quality.
    """

    kind: str
    value: float

    def excess(self, trial: Trial) -> float:
        """How much more than the target: ln of bytes by bytes, or dB."""
        if self.kind == "bytes":
            return math.log(len(trial.data) / self.value)
        return trial.psnr - self.value

    def is_met(self, trial: Trial) -> bool:
        excess = self.excess(trial)
        return excess <= 0 if self.kind == "bytes" else excess >= 0

    def nearness(self, trial: Trial) -> tuple[int, int]:
        """Of the files of one set of weights that meet it the least is the best; no picture is decoded."""
        size = len(trial.data)
        return -size if self.kind == "bytes" else size, trial.step

    def order(self, trial: Trial) -> tuple[float, float]:
        """Of those that meet it the least is the best."""
        size = float(len(trial.data))
        return (-trial.psnr, size) if self.kind == "bytes" else (size, -trial.psnr)

    def moved(self, before: Trial, after: Trial) -> _Target:
        """What to ask for without a search to get the target with one, if it changes as much again."""
        change = self.excess(after) - self.excess(before)
        return replace(
            self, value=self.value * math.exp(-change) if self.kind == "bytes" else self.value - change
        )

    def __str__(self) -> str:
        return f"{math.floor(self.value):,} bytes" if self.kind == "bytes" else f"{self.value:g} dB"


def _target(image: Picture, bpp: float | None, n_bytes: int | None, psnr: float | None) -> _Target:
    given = {"bpp": bpp, "n_bytes": n_bytes, "psnr": psnr}
    named = [name for name, value in given.items() if value is not None]
    if len(named) != 1:
        words = f"{' and '.join(named)} are given" if named else "none is given"
        raise ValueError(f"one of bpp, n_bytes and psnr is the target: {words}")
    value = given[named[0]]
    if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
        raise TypeError(f"{named[0]}={value!r}, must be a number")
    if not LEAST < value < MOST:  # NaN is not
        raise ValueError(f"{named[0]}={value}, must be a number above 0")
    if psnr is not None:
        return _Target("psnr", float(psnr))
    return _Target(
        "bytes", float(value) if bpp is None else float(value) * image.shape[0] * image.shape[1] / 8
    )


def _ladder(image: Picture, model: str, weights: Weights | Sequence[Weights] | None) -> _Ladder:
    """Return what may be tried; shipped weights are read when they are needed."""
    if weights is None:
        known = qualities(model_named(model).name)
        if not known:
            raise ValueError(f"no weights are shipped for {model}")
        return _Ladder(image, len(known), lambda number: load_weights(known[number], model))
    several = [weights] if isinstance(weights, Weights) else [*weights]
    if len({used.model.model_id for used in several}) != 1:
        raise ValueError("weights must be of one model, and one set at least")
    return _Ladder(image, len(several), several.__getitem__)


# --------------------------------------------------------------------------------------------------
# What is tried


@dataclass(frozen=True, eq=False)
class Trial:
    """A file; its picture is made if somebody asks how good it is.

    Attributes
    ----------
    rung : Analysed
    step : int
        In 64ths.
    data : bytes
        The whole file.
    latents : ndarray of float32, shape (1, M, ⌈H/16⌉, ⌈W/16⌉)
        What was rounded.
    """

    rung: Analysed
    step: int
    data: bytes
    latents: NDArray[np.float32]

    @property
    def weights(self) -> Weights:
        """What it was made with."""
        return self.rung.weights

    @cached_property
    def psnr(self) -> float:
        """Of the picture that a decoder makes, in dB."""
        return self.rung.psnr(self.step, self.latents)


class Analysed:
    """A picture and one set of weights: analysed once, coded for as many steps as one likes.

    Parameters
    ----------
    image : ndarray of uint8, shape (H, W, 3) or (H, W)
    weights : Weights
    """

    def __init__(self, image: Picture, weights: Weights) -> None:
        self.weights = weights
        self._image, self._header = image, header_of(image, weights)
        self._latents = strips.analyse(weights.model, to_samples(image))
        self._coding = coding_for(weights, self._latents)
        self.trials: dict[int, Trial] = {}

    @property
    def has_steps(self) -> bool:
        """Whether there is more than one."""
        return isinstance(self._coding, HyperCoding)

    def trial(self, step: int) -> Trial:
        """Return the file of a step, which is made once."""
        if step not in self.trials:
            self.trials[step] = self._coded(step, self._latents)
        return self.trials[step]

    def searched(self, step: int, effort: int) -> Trial:
        """Return the file of a step with latents that were searched for."""
        return self._coded(step, refine(self._at(step), to_samples(self._image), self._latents, effort))

    def psnr(self, step: int, latents: NDArray[np.float32]) -> float:
        """Return how good the picture is; the bytes of the file are not needed for it."""
        coding = self._at(step)
        content = Content(self._header, b"", coding.quantize(latents), coding, self.weights)
        return psnr_of(self._image, pixels_of(content))

    def _coded(self, step: int, latents: NDArray[np.float32]) -> Trial:
        coding = self._at(step)
        data = container.pack(self._header, write_payload(coding, coding.quantize(latents)))
        return Trial(self, step, data, latents)

    def _at(self, step: int) -> Coding:
        """Return the coding with this step: what z says does not depend on it."""
        coding = self._coding
        return coding if isinstance(coding, FactorizedCoding) else replace(coding, sixty_fourths=step)


class _Ladder:
    """A picture and all weights that there are for it."""

    def __init__(self, image: Picture, count: int, weights: Callable[[int], Weights]) -> None:
        self._image, self._count, self._weights = image, count, weights
        self._rungs: dict[int, Analysed] = {}
        self._searches = 0

    def best(self, target: _Target) -> Trial | None:
        """Return the best trial that meets the target, if there is one."""
        low, high = 0, self._count
        while low < high:  # which is the first that is above the target, at the step that was trained?
            middle = (low + high) // 2
            if target.excess(self._rung(middle).trial(ONE_STEP)) > 0:
                high = middle
            else:
                low = middle + 1
        neighbours = [self._rung(number) for number in (high - 1, high) if 0 <= number < self._count]
        met = [trial for rung in neighbours if (trial := _pulled(rung, target)) is not None]
        return min(met, key=target.order, default=None)

    def searched(self, trial: Trial, effort: int) -> Trial:
        """Return a trial with latents that were searched for."""
        self._searches += 1
        return trial.rung.searched(trial.step, effort)

    @property
    def files(self) -> int:
        """How many were made."""
        return sum(len(rung.trials) for rung in self._rungs.values()) + self._searches

    def miss(self, target: _Target) -> str:
        """Say what is nearest to a target that nothing meets."""
        trials = [trial for rung in self._rungs.values() for trial in rung.trials.values()]
        nearest = min(trials, key=lambda trial: abs(target.excess(trial)))
        used = nearest.weights
        if target.kind == "bytes":
            words = f"the least possible is {len(nearest.data):,} bytes"
        else:
            words = f"the most possible is {math.floor(100 * nearest.psnr) / 100:.2f} dB"
        made = f"quality {used.quality}" if used.quality else "these weights"
        step = f", step {nearest.step}" if nearest.rung.has_steps else ""
        return f"{target} cannot be met: {words} ({used.model.name}, {made}{step})"

    def _rung(self, number: int) -> Analysed:
        if number not in self._rungs:
            self._rungs[number] = Analysed(self._image, self._weights(number))
        return self._rungs[number]


def _pulled(rung: Analysed, target: _Target) -> Trial | None:
    """Return the best trial with one set of weights that meets the target, if there is one."""
    tried = [rung.trial(ONE_STEP), *(_steps(rung, target) if rung.has_steps else ())]
    return min(filter(target.is_met, tried), key=target.nearness, default=None)


def _steps(rung: Analysed, target: _Target) -> Iterator[Trial]:
    """Yield trials with steps to one side of the trained one, until the target lies between two of them."""
    at, excess = math.log(ONE_STEP), target.excess(rung.trial(ONE_STEP))
    low, high = (ONE_STEP, LARGEST_STEP + 1) if excess > 0 else (FINEST_STEP - 1, ONE_STEP)
    slope, count = SLOPES[target.kind], 0
    while high - low > 1:  # more than the target at `low`, no more at `high`, or beyond the ends
        count += 1
        guess = at - excess / slope
        nearest = round(math.exp(min(max(guess, math.log(low + 1)), math.log(high - 1))))
        step = min(max(nearest, low + 1), high - 1) if count % 3 else (low + high) // 2
        trial = rung.trial(step)
        yield trial
        before, at = (at, excess), math.log(step)
        excess = target.excess(trial)
        if excess > 0:
            low = step
        else:
            high = step
        found = (excess - before[1]) / (at - before[0])
        # Flat: on to the end of what is left. Rising, or a picture without any error: as in the beginning.
        slope = min(found, FLAT) if found <= 0 and math.isfinite(found) else SLOPES[target.kind]


def _searched(ladder: _Ladder, target: _Target, best: Trial, effort: int) -> Trial:
    """Return the best trial with a search for better latents that meets the target, or the one without."""
    plain, seen = best, set()
    for _ in range(ROUNDS):
        seen.add((plain.rung, plain.step))
        found = ladder.searched(plain, effort)
        if target.is_met(found):
            best = min(best, found, key=target.order)
            if abs(target.excess(found)) <= NEAR[target.kind]:
                break
        aim, rung = target.moved(plain, found), plain.rung
        following = _pulled(rung, aim) if rung.has_steps else ladder.best(aim)
        if following is None or (following.rung, following.step) in seen:
            break
        plain = following
    return best
