"""What is compared with libjpeg-turbo, as lists of cases, and how a list is counted.

The tests and ``benchmarks/equality.py`` walk the same lists. A case holds a picture or a file, our options,
and a function that asks the peer; the peer is asked when the case's turn comes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from itertools import product
from typing import Any

import jpeg_peers as peers
import jpeg_pictures as pictures
import numpy as np
import numpy.typing as npt

import jpeg_from_scratch as jpeg

Picture = npt.NDArray[np.uint8]

QUALITIES = (1, 10, 50, 75, 90, 95, 100)
PILLOW_SUBSAMPLINGS = ("4:4:4", "4:2:2", "4:2:0")
CJPEG_SUBSAMPLINGS = {"4:4:0": "1x2,1x1,1x1", "4:1:1": "4x1,1x1,1x1", "4:1:0": "4x2,1x1,1x1"}
EXPLICIT_FACTORS = (
    ((2, 2), (2, 1), (1, 2)),
    ((1, 1), (2, 2), (2, 2)),
    ((3, 1), (1, 1), (1, 1)),
    ((1, 3), (1, 3), (1, 1)),
    ((2, 3), (1, 1), (1, 1)),
    ((1, 2), (1, 2), (1, 2)),
    ((4, 1), (2, 1), (1, 1)),
    ((1, 4), (1, 2), (1, 1)),
    ((2, 1), (1, 2), (1, 1)),
    ((4, 1), (4, 1), (1, 1)),
    ((1, 1), (1, 1), (4, 2)),
)
# More than ten blocks to an MCU (B.2.3): written in one scan a component.
LARGE_FACTORS = (((4, 2), (2, 1), (1, 1)), ((4, 4), (1, 1), (1, 1)), ((2, 2), (2, 2), (2, 2)))
ODD_SIZES = ((1, 1), (7, 9), (17, 33), (40, 56), (33, 17), (2, 65), (65, 2), (100, 3))

SCAN_SCRIPTS = {
    "3 scans": "0;1;2;",
    "chroma first": "2;1;0;",
    "luma, then chroma": "0;1,2;",
    "two and one": "0,1;2;",
    "outer and inner": "0,2;1;",
}


@dataclass
class Tally:
    """How many cases of a list were tried, and which were not equal."""

    title: str
    tried: int = 0
    different: list[str] = field(default_factory=list)

    def line(self) -> str:
        """Return the counts in one line."""
        equal = self.tried - len(self.different)
        return f"{self.title}: tried {self.tried}, equal {equal}, not equal {len(self.different)}"

    def report(self, at_most: int = 12) -> str:
        """Return the counts and the first cases that differ."""
        lines = [self.line(), *self.different[:at_most]]
        if len(self.different) > at_most:
            lines.append(f"… and {len(self.different) - at_most} more")
        return "\n  ".join(lines)

    def check(self, name: str, ours: Any, theirs: Any) -> None:
        """Count one comparison, of bytes or of arrays; `ours` may be the exception that came instead."""
        self.tried += 1
        if isinstance(ours, Exception):
            self.different.append(f"{name}: {type(ours).__name__}: {ours}")
        elif isinstance(ours, bytes):
            if ours != theirs:
                self.different.append(f"{name}: {first_difference(ours, theirs)}")
        elif ours.shape != theirs.shape or ours.dtype != theirs.dtype or not np.array_equal(ours, theirs):
            self.different.append(f"{name}: {pixel_difference(ours, theirs)}")


def first_difference(ours: bytes, theirs: bytes) -> str:
    """Say where two files part."""
    at = next((i for i, (a, b) in enumerate(zip(ours, theirs)) if a != b), min(len(ours), len(theirs)))
    return (
        f"first at byte {at} of {len(ours)} (theirs {len(theirs)}): "
        f"ours {ours[at : at + 8].hex(' ')}, theirs {theirs[at : at + 8].hex(' ')}"
    )


def pixel_difference(ours: Picture, theirs: Picture) -> str:
    """Say where two pictures part."""
    if ours.shape != theirs.shape or ours.dtype != theirs.dtype:
        return f"ours is {ours.dtype} {ours.shape}, theirs {theirs.dtype} {theirs.shape}"
    unequal = ours != theirs
    at = tuple(int(i) for i in np.argwhere(unequal)[0])
    most = int(np.abs(ours.astype(int) - theirs).max())
    return (
        f"{int(unequal.sum())} of {ours.size} samples, first at {at}: "
        f"ours {ours[at]}, theirs {theirs[at]}; greatest difference {most}"
    )


def attempt(function: Callable[[], Any]) -> Any:
    """Return what `function` returns, or the exception that it raised."""
    try:
        return function()
    except Exception as error:
        return error


# Encoding


@dataclass(frozen=True)
class EncodeCase:
    """A picture, our options, and the peer's file."""

    name: str
    image: Picture
    options: Mapping[str, Any]
    peer: Callable[[], bytes]


def compare_encode(title: str, cases: Iterable[EncodeCase], backend: str) -> Tally:
    """Encode every case and compare whole files."""
    tally = Tally(f"encode, {title} [{backend}]")
    for case in cases:
        ours = attempt(partial(jpeg.encode, case.image, backend=backend, **case.options))
        tally.check(case.name, ours, case.peer())
    return tally


def pillow_case(
    name: str, image: Picture, theirs: Mapping[str, Any] | None = None, **ours: Any
) -> EncodeCase:
    """Return a case against Pillow; `theirs` are Pillow's names for options that it calls otherwise.

    For grey, `subsampling` is left out: given, it would change the factors of the grey component in Pillow.
    """
    if image.ndim == 2:
        ours.pop("subsampling", None)
    shared = {key: ours[key] for key in ("quality", "subsampling", "optimize", "comment") if key in ours}
    text = " ".join(f"{key}={value}" for key, value in ours.items() if key != "quant_tables")
    peer = partial(peers.pillow_encode, image, **shared, **(theirs or {}))
    return EncodeCase(f"{name} {image.shape} {text}", image, ours, peer)


def quality_cases(named: Mapping[str, Picture], qualities: Iterable[int] = QUALITIES) -> Iterator[EncodeCase]:
    """Every picture × quality × subsampling (one for grey) × optimize on and off."""
    qualities = tuple(qualities)
    for name in named:
        image = named[name]
        subsamplings = PILLOW_SUBSAMPLINGS if image.ndim == 3 else (None,)
        for q, s, o in product(qualities, subsamplings, (False, True)):
            yield pillow_case(name, image, quality=q, subsampling=s, optimize=o)


def size_cases(
    heights: Iterable[int] = range(1, 34), widths: Iterable[int] = range(1, 34)
) -> Iterator[EncodeCase]:
    """Every size at quality 75, in three subsamplings and grey, optimize on and off."""
    for height, width in product(heights, tuple(widths)):
        colour = pictures.piece(height, width)
        for image in (colour, pictures.grey(colour)):
            yield from quality_cases({"": image}, [75])


def restart_cases() -> Iterator[EncodeCase]:
    """Restart intervals of one MCU, less than a row, a row, more, and more than there are."""
    colour = pictures.synthetic(61, 83)
    for image in (colour, pictures.grey(colour)):
        subsamplings = PILLOW_SUBSAMPLINGS if image.ndim == 3 else (None,)
        for n, s, o in product((1, 2, 5, 6, 11, 12, 40, 1000, 65535), subsamplings, (False, True)):
            theirs = {"restart_marker_blocks": n}
            yield pillow_case("", image, theirs, quality=75, subsampling=s, optimize=o, restart_interval=n)


def comment_cases() -> Iterator[EncodeCase]:
    """Comments as text, in UTF-8, as bytes, and of the greatest length."""
    colour = pictures.synthetic(19, 21)
    for image, text in product(
        (colour, pictures.grey(colour)), ("a", "Grüße – 你好", b"\x00\xff\xd9bytes", "x" * 65533)
    ):
        case = pillow_case("", image, comment=text)
        yield EncodeCase(case.name[:60], image, case.options, case.peer)


def quant_table_cases() -> Iterator[EncodeCase]:
    """One to three tables, used as they are given: the first for component 0, the last for all the rest.

    A table with an element above 255 is written in 16 bits, and the frame becomes SOF1.
    """
    rng = np.random.default_rng(2)
    colour = pictures.synthetic(40, 52)
    tables = [rng.integers(1, top, (8, 8)) for top in (30, 90, 255)]
    wide = [rng.integers(1, top, (8, 8)) for top in (600, 2000, 32767)]
    flat = [np.full((8, 8), step) for step in (1, 255, 256)]
    for (name, three), n, image in product(
        {"8 bits": tables, "16 bits": wide, "flat": flat, "mixed": [tables[0], wide[0], flat[1]]}.items(),
        (1, 2, 3),
        (colour, pictures.grey(colour)),
    ):
        if image.ndim == 2 and n > 1:
            continue
        theirs = {"qtables": [table.ravel().tolist() for table in three[:n]]}
        for o in (False, True):
            yield pillow_case(f"{n} tables, {name}", image, theirs, optimize=o, quant_tables=three[:n])


def cjpeg_case(
    image: Picture, subsampling: Any, quality: int, optimize: bool, restart: int, scans: str | None = None
) -> EncodeCase:
    """Return a case against cjpeg, for factors that Pillow does not know."""
    text = CJPEG_SUBSAMPLINGS[subsampling] if isinstance(subsampling, str) else peers.factor_text(subsampling)
    switches = ["-quality", str(quality), "-sample", text]
    switches += ["-optimize"] if optimize else []
    switches += ["-restart", f"{restart}B"] if restart else []
    options = {
        "quality": quality,
        "subsampling": subsampling,
        "optimize": optimize,
        "restart_interval": restart,
    }
    peer = partial(peers.cjpeg, image, *switches, scans=scans)
    return EncodeCase(f"{image.shape} {' '.join(switches)}", image, options, peer)


def cjpeg_cases() -> Iterator[EncodeCase]:
    """4:4:0, 4:1:1, 4:1:0 and explicit factors, at odd sizes, with optimised tables and restarts."""
    for (height, width), s in product(ODD_SIZES, (*CJPEG_SUBSAMPLINGS, *EXPLICIT_FACTORS)):
        image = pictures.synthetic(height, width, seed=1)
        for quality, optimize, restart in ((75, False, 0), (20, True, 0), (95, False, 2), (75, True, 3)):
            yield cjpeg_case(image, s, quality, optimize, restart)
    for (height, width), s in product(ODD_SIZES, LARGE_FACTORS):
        image = pictures.synthetic(height, width, seed=6)
        for optimize, restart in product((False, True), (0, 3)):
            yield cjpeg_case(image, s, 75, optimize, restart, scans=SCAN_SCRIPTS["3 scans"])
    for quality, optimize in product(QUALITIES, (False, True)):
        for s in CJPEG_SUBSAMPLINGS:
            yield cjpeg_case(pictures.photograph()[100:239, 200:357], s, quality, optimize, 0)


# Decoding


@dataclass(frozen=True)
class DecodeCase:
    """A file, and the peer's pixels."""

    name: str
    data: bytes
    peer: Callable[[bytes], Picture]


def compare_decode(title: str, cases: Iterable[DecodeCase], backend: str) -> Tally:
    """Decode every case and compare all pixels."""
    tally = Tally(f"decode, {title} [{backend}]")
    for case in cases:
        ours = attempt(partial(jpeg.decode, case.data, backend=backend))
        tally.check(case.name, ours, case.peer(case.data))
    return tally


def pillow_files() -> Iterator[DecodeCase]:
    """Files by Pillow over qualities, subsamplings, sizes, restarts and optimised tables."""
    for case in quality_cases(
        {"": pictures.synthetic(45, 70), "grey": pictures.grey(pictures.noise(21, 40))}
    ):
        yield DecodeCase(case.name, case.peer(), peers.pillow_decode)
    edges = (1, 2, 3, 5, 8, 9, 16, 17, 31, 33)
    for case in (*size_cases(edges, edges), *restart_cases(), *quant_table_cases()):
        yield DecodeCase(case.name, case.peer(), peers.pillow_decode)


def cjpeg_files() -> Iterator[DecodeCase]:
    """Files by cjpeg: odd sampling factors; scans of one, two and three components; restarts."""
    every = [((1, 1), (1, 1), (1, 1)), ((2, 2), (1, 1), (1, 1)), *EXPLICIT_FACTORS]
    for (height, width), factors in product(ODD_SIZES, every):
        image = pictures.synthetic(height, width, seed=3)
        sample = ("-sample", peers.factor_text(factors))
        for switches in ((*sample, "-optimize"), (*sample, "-restart", "3B")):
            data = peers.cjpeg(image, *switches)
            yield DecodeCase(f"{image.shape} {' '.join(switches)}", data, peers.djpeg)
    for (height, width), factors, (name, script) in product(ODD_SIZES[1:5], every[:4], SCAN_SCRIPTS.items()):
        switches = ("-sample", peers.factor_text(factors), "-restart", "2B")
        data = peers.cjpeg(pictures.synthetic(height, width, seed=4), *switches, scans=script)
        yield DecodeCase(f"({height}, {width}) {' '.join(switches)}, {name}", data, peers.djpeg)
