"""Mutants of small files: a picture or a `JpegError`, soon, for every one; libjpeg-turbo's view of them.

`jpeg_mutants` makes them, the same in every run; `jpeg_judge` says what is allowed. ``FUZZ_MUTANTS`` in the
environment sets how many there are (20,000), where every access to an array is checked and time is dear.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

import jpeg_cases as cases
import jpeg_corpus as corpus
import jpeg_judge as judge
import jpeg_mutants as mutants
import jpeg_peers as peers
import numpy as np
import pytest
from conftest import COMPILED
from jpeg_cases import Tally

from jpeg_from_scratch import JpegData, JpegError, decode, inspect, read, write

Count = Callable[[str], None]

PARTS = 10
MUTANTS = int(os.environ.get("FUZZ_MUTANTS", 20_000 if COMPILED else 1000))
COMPARED = min(MUTANTS, 3000)
PIXELS = judge.MAX_PIXELS if COMPILED else 2**12
SERIES = 0


@cache
def seeds() -> mutants.Seeds:
    """Return the small files of the corpus, or a few that are made here; all of them decoded once.

    That compiles the kernels, which may take longer than a mutant is allowed to.
    """
    chosen = mutants.corpus_seeds()
    chosen = chosen if chosen.readable else mutants.made_seeds()
    for seed in chosen.readable if COMPILED else ():
        for strict in (True, False):
            judge.judge(seed.data, strict)
    return chosen


def shown(mutant: mutants.Mutant, words: str) -> str:
    """Save a mutant, and return a line about it."""
    return f"{words}\n    {mutant.recipe}\n    saved as {judge.save(mutant)}"


@pytest.mark.parametrize("part", range(PARTS))
def test_a_picture_or_a_jpeg_error(part: int, quick_backend: str, count: Count) -> None:
    """Strict and lenient; and whatever is decoded strictly gives the same picture leniently."""
    outcomes: Counter[str] = Counter()
    wrong, slowest = [], 0.0
    numbers = range(MUTANTS * part // PARTS, MUTANTS * (part + 1) // PARTS)
    for number in numbers:
        mutant = mutants.mutant(seeds(), number, SERIES)
        judged = partial(judge.judge, mutant.data, backend=quick_backend, max_pixels=PIXELS)
        strict, lenient = (judged(strict) for strict in (True, False))
        for name, verdict in (("strict", strict), ("lenient", lenient)):
            outcomes[f"{name}: {verdict.outcome}"] += 1
            slowest = max(slowest, verdict.seconds)
            if verdict.finding:
                wrong.append(shown(mutant, f"{name}: {verdict.finding}"))
        if strict.outcome == "picture" and not same(strict.result, lenient.result):
            wrong.append(shown(mutant, f"strict: {strict.outcome}, lenient: {lenient.outcome}, not the same"))
    said = ", ".join(f"{outcome} {times}" for outcome, times in sorted(outcomes.items()))
    head = f"fuzz, part {part}: {len(numbers)} mutants, findings {len(wrong)}, slowest {slowest:.2f} s"
    count(f"{head}; {said}")
    assert not wrong, f"{len(wrong)} findings:\n" + "\n".join(wrong[:6])


def same(one: Any, other: Any) -> bool:
    """Whether two results are the same picture."""
    if not isinstance(one, np.ndarray) or not isinstance(other, np.ndarray):
        return False
    return one.dtype == other.dtype and np.array_equal(one, other)


# Both back ends


def told(data: bytes, strict: bool, backend: str) -> tuple[str, bytes]:
    """Return all that decoding tells: `DecodeInfo` and the samples, or the error in words."""
    run = partial(decode, data, strict=strict, info=True, max_pixels=2**12, backend=backend)
    result = cases.attempt(run)
    if isinstance(result, Exception):
        return f"{type(result).__name__}: {result}", b""
    pixels, info = result
    return f"{pixels.dtype} {pixels.shape} {info}", pixels.tobytes()


def test_damage_is_told(quick_backend: str, count: Count) -> None:
    """What lenient decoding has no warning for is decoded strictly, and what it has one for is refused.

    Both but for the end of the file instead of EOI, runs past the last coefficient, which libjpeg-turbo reads
    without a word, and limits.
    """
    silent = re.compile("the file ends without EOI|runs past")
    outcomes: Counter[str] = Counter()
    wrong = []
    for number in range(min(MUTANTS, 3000)):
        mutant = mutants.mutant(seeds(), number, SERIES + 4)
        options = {"max_pixels": PIXELS, "backend": quick_backend}
        lenient = cases.attempt(partial(decode, mutant.data, strict=False, info=True, **options))
        strict = cases.attempt(partial(decode, mutant.data, **options))
        warned = not isinstance(lenient, Exception) and not all(map(silent.search, lenient[1].warnings))
        refused = isinstance(strict, Exception)
        outcome = "refused" if isinstance(lenient, Exception) else "warned" if warned else "sound"
        outcomes[outcome] += 1
        if refused != (outcome != "sound"):
            said = lenient[1].warnings if warned else outcome
            wrong.append(shown(mutant, f"strict: {corpus.shown(strict)}\n    lenient: {said}"))
    count(f"fuzz, damage is told: findings {len(wrong)}, {dict(outcomes)}")
    assert not wrong, f"{len(wrong)} findings:\n" + "\n".join(wrong[:6])


def test_the_rest_of_the_interface(count: Count) -> None:
    """`inspect` shows what there is; what `read` accepts, `write` writes, or says why not."""
    outcomes: Counter[str] = Counter()
    wrong = []
    for number in range(min(MUTANTS, 500)):
        mutant = mutants.mutant(seeds(), number, SERIES + 5)
        if judge.megapixels(mutant.data) > 0.1:
            continue
        for name, run, allowed in (
            ("inspect", partial(inspect, mutant.data), JpegError),
            ("inspect an MCU", partial(inspect, mutant.data, mcu=(0, 1)), (JpegError, ValueError)),
            ("read, write, read", partial(read_and_write, mutant.data), (JpegError, ValueError)),
        ):
            result = cases.attempt(run)
            outcomes[f"{name}: {type(result).__name__ if isinstance(result, Exception) else 'done'}"] += 1
            if isinstance(result, Exception) and not isinstance(result, allowed):
                wrong.append(shown(mutant, f"{name}: {corpus.shown(result)}"))
    count(f"fuzz, the rest of the interface: findings {len(wrong)}, {dict(sorted(outcomes.items()))}")
    assert not wrong, f"{len(wrong)} findings:\n" + "\n".join(wrong[:6])


def read_and_write(data: bytes) -> JpegData:
    """Read a file strictly, write it, and read that; a second `JpegError` is a finding."""
    written = write(read(data, max_pixels=PIXELS))
    try:
        return read(written, strict=False)
    except JpegError as error:
        raise AssertionError(f"what was written cannot be read: {error}") from error


@pytest.mark.both_backends
def test_both_back_ends_tell_the_same(count: Count) -> None:
    """Pixels, warnings, numbers of MCUs, and errors with their offsets, of small pictures."""
    tally = Tally("fuzz, fast and reference")
    for number in range(min(MUTANTS, 600)):
        mutant = mutants.mutant(seeds(), number, SERIES + 1)
        for strict in (True, False):
            tally.tried += 1
            fast, reference = (told(mutant.data, strict, backend) for backend in ("fast", "reference"))
            if fast != reference:
                words = "other samples" if fast[0] == reference[0] else f"{fast[0]}\n    {reference[0]}"
                tally.different.append(shown(mutant, f"strict={strict}: {words}"))
    count(tally.line())
    assert not tally.different, tally.report(6)


# libjpeg-turbo, lenient: pixels


def imagecodecs_decode(data: bytes) -> Any:
    """Return what libjpeg-turbo 3 decodes, warnings overlooked; or its error, an exception."""
    import imagecodecs

    return cases.attempt(partial(imagecodecs.jpeg8_decode, data))


def may_differ(data: bytes, ours: Any) -> str:
    """Say why our pixels need not be theirs; empty if they must.

    Inside entropy-coded data X'FF' may stand several times before a stuffed zero, as libjpeg-turbo reads it;
    T.81 does not have that. Its quick way of decoding takes such a place for a marker, and when the slow way
    decodes the same MCU again, coefficients of the first attempt stay where the second has zeros.
    """
    if getattr(ours, "limit", "") == "max_dimension":
        return "a side above 65500: imagecodecs is built with a higher limit than libjpeg-turbo's own"
    sequential = any(piece.marker in (0xC0, 0xC1) for piece in mutants.pieces(data))
    if sequential and b"\xff\xff\x00" in data:
        return "X'FFFF00' in Huffman-coded data"
    return ""


@pytest.mark.reference
def test_lenient_pixels_are_those_of_libjpeg_turbo(quick_backend: str, count: Count) -> None:
    """Wherever imagecodecs decodes a mutant, so do we, to the same pixels; `may_differ` has two exceptions.

    Where it refuses we may decode: SOF11, DNL segments, ratios like 3 : 2 of sampling factors, lossless YCbCr
    or one with a scan for each component, components behind the fourth.
    """
    tally = Tally("fuzz, lenient pixels against libjpeg-turbo")
    others: Counter[str] = Counter()
    number = 0
    while tally.tried < COMPARED:
        mutant = mutants.mutant(seeds(), number, SERIES + 2)
        number += 1
        if judge.megapixels(mutant.data) > PIXELS / 1e6:
            continue
        theirs = imagecodecs_decode(mutant.data)
        ours = judge.judge(mutant.data, False, quick_backend, PIXELS).result
        if isinstance(theirs, Exception):
            others["decoded by us only" if isinstance(ours, np.ndarray) else "refused by both"] += 1
            continue
        equal = same(ours, theirs)
        if not equal and (reason := may_differ(mutant.data, ours)):
            others[reason] += 1
        else:
            tally.check("" if equal else shown(mutant, "other pixels"), ours, theirs)
    count(f"{tally.line()}; of {number} mutants, others: {dict(others)}")
    assert not tally.different, tally.report(6)


# libjpeg-turbo, strict: which files are refused


@dataclass(frozen=True)
class Departure:
    """Where `decode` and ``djpeg -strict`` need not agree: words of our error and of theirs, and why.

    The words are regular expressions; "" stands for no error.
    """

    ours: str
    theirs: str
    why: str


DEPARTURES = (
    Departure("", "Premature end of JPEG file", "nothing but EOI is missing: decoded, with a warning"),
    Departure("", "DNL not supported", "the height comes in a DNL segment (B.2.5)"),
    Departure("", "Fractional sampling", "ratios like 3 : 2 of sampling factors (A.1.1) are resampled"),
    Departure("", "SOF type 0xc3|SOF type 0xcb", "djpeg 2.1.5 has no lossless processes"),
    Departure("", "data precision", "djpeg 2.1.5 has no 12 bits"),
    Departure("", "Unsupported color conversion", "lossless YCbCr: the samples as stored"),
    Departure("", "2 extraneous bytes before", "a whole byte of padding bits before a marker"),
    Departure("extraneous bytes", "", "djpeg has read ahead, and does not count what it read"),
    Departure("no Huffman code fits", "", "djpeg's fast path takes such a code for symbol 0 in silence"),
    Departure("without a scan of component", "", "djpeg fills in grey"),
    Departure("Pq = ", "", "B.2.4.1 has 0 and 1; djpeg takes all but 0 for 1"),
    Departure("bytes for NL", "", "B.2.5 has two; djpeg skips the segment"),
    Departure("max_pixels|max_scans|max_memory", "", "a limit of ours"),
)


def departure(ours: str, theirs: str) -> Departure | None:
    """Return the reason for which two verdicts differ; None if there is none."""
    for known in DEPARTURES:
        same_kind = bool(known.ours) == bool(ours) and bool(known.theirs) == bool(theirs)
        if same_kind and re.search(known.ours, ours) and re.search(known.theirs, theirs):
            return known
    return None


def test_strict_refuses_what_djpeg_strict_refuses(djpeg: str, quick_backend: str, count: Count) -> None:
    """A mutant is refused by both or by none, but for the reasons in `DEPARTURES`."""
    wrong: list[str] = []
    reasons: Counter[str] = Counter()
    number = min(MUTANTS, 3000 if COMPILED else 300)
    for i in range(number):
        mutant = mutants.mutant(seeds(), i, SERIES + 3)
        if judge.megapixels(mutant.data) > PIXELS / 1e6:
            continue
        result = judge.judge(mutant.data, True, quick_backend, PIXELS).result
        ours = str(result) if isinstance(result, Exception) else ""
        theirs = peers.djpeg_complaint(mutant.data)
        if bool(ours) == bool(theirs):
            reasons["refused by both" if ours else "decoded by both"] += 1
        elif known := departure(ours, theirs):
            reasons[known.why] += 1
        else:
            wrong.append(
                shown(mutant, f"ours: {ours or corpus.shown(result)}\n    djpeg: {theirs or 'content'}")
            )
    tried = len(wrong) + reasons.total()
    count(f"fuzz, strict against djpeg -strict: {tried} mutants, unexplained {len(wrong)}, {dict(reasons)}")
    assert not wrong, f"{len(wrong)} of {tried}:\n" + "\n".join(wrong[:6])
