"""Lists of cases beyond baseline: progressive, arithmetic, 12 bits, other colour spaces, lossless, metadata.

Peers: Pillow; ``cjpeg -baseline`` with ``-arithmetic`` and ``-progressive``; imagecodecs for what those two
cannot write. `jpeg_cases` has the lists for baseline files.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from itertools import product
from typing import Any

import jpeg_cases as cases
import jpeg_peers as peers
import jpeg_pictures as pictures
import numpy as np
from jpeg_cases import EncodeCase, Picture

ISSUE_QUALITIES = (10, 75, 95)
EDGE_SIZES = ((1, 1), (1, 17), (7, 9), (8, 8), (9, 7), (16, 16), (17, 33), (33, 17), (40, 56), (100, 3))
BAND_SCRIPTS = {
    "spectral selection": ("0,1,2: 0-0, 0, 0;0: 1-5, 0, 0;0: 6-63, 0, 0;1: 1-63, 0, 0;2: 1-63, 0, 0;"),
    "successive approximation": (
        "0,1,2: 0-0, 0, 2;0: 1-63, 0, 2;1: 1-63, 0, 2;2: 1-63, 0, 2;"
        "0,1,2: 0-0, 2, 1;0: 1-63, 2, 1;1: 1-63, 2, 1;2: 1-63, 2, 1;"
        "0,1,2: 0-0, 1, 0;0: 1-63, 1, 0;1: 1-63, 1, 0;2: 1-63, 1, 0;"
    ),
    "a scan for each component": (
        "0: 0-0, 0, 0;1: 0-0, 0, 0;2: 0-0, 0, 0;0: 1-63, 0, 0;1: 1-63, 0, 0;2: 1-63, 0, 0;"
    ),
    "only DC": "0,1,2: 0-0, 0, 0;",
}


def progressive_cases(named: Mapping[str, Picture], qualities: Iterable[int]) -> Iterator[EncodeCase]:
    """Pillow's ``progressive=True``: pictures × qualities × subsamplings."""
    qualities = tuple(qualities)
    for name in named:
        image = named[name]
        subsamplings = cases.PILLOW_SUBSAMPLINGS if image.ndim == 3 else (None,)
        for q, s in product(qualities, subsamplings):
            theirs = {"progressive": True}
            yield cases.pillow_case(name, image, theirs, quality=q, subsampling=s, progressive=True)


def progressive_sizes() -> Iterator[EncodeCase]:
    """Sizes at the edges of blocks and MCUs, restart intervals, and qualities with long runs of blocks."""
    for height, width in EDGE_SIZES:
        colour = pictures.piece(height, width)
        yield from progressive_cases({"": colour, "grey": pictures.grey(colour)}, (1, 75, 100))
    colour = pictures.synthetic(61, 83)
    for n, s in product((1, 2, 7, 40), cases.PILLOW_SUBSAMPLINGS):
        theirs = {"progressive": True, "restart_marker_blocks": n}
        yield cases.pillow_case("", colour, theirs, subsampling=s, progressive=True, restart_interval=n)


def arithmetic_cases(named: Mapping[str, Picture], qualities: Iterable[int]) -> Iterator[EncodeCase]:
    """``cjpeg -arithmetic``: pictures × qualities × 4:2:0 and 4:4:4 × sequential and progressive."""
    qualities = tuple(qualities)
    for name in named:
        image = named[name]
        for q, s, progressive in product(qualities, ("4:2:0", "4:4:4"), (False, True)):
            if image.ndim == 3 or s == "4:2:0":
                yield arithmetic_case(name, image, q, s, progressive)


def arithmetic_case(
    name: str, image: Picture, quality: int, subsampling: str, progressive: bool, restart: int = 0
) -> EncodeCase:
    """Return a case against cjpeg."""
    switches = ["-quality", str(quality), "-arithmetic"]
    switches += ["-sample", {"4:2:0": "2x2", "4:4:4": "1x1"}[subsampling]] if image.ndim == 3 else []
    switches += ["-progressive"] if progressive else []
    switches += ["-restart", f"{restart}B"] if restart else []
    options: dict[str, Any] = {"quality": quality, "arithmetic": True, "progressive": progressive}
    options |= {"restart_interval": restart, "subsampling": subsampling}
    peer = partial(peers.cjpeg, image, *switches)
    return EncodeCase(f"{name} {image.shape} {' '.join(switches)}", image, options, peer)


def arithmetic_sizes() -> Iterator[EncodeCase]:
    """Sizes at the edges of blocks, restart intervals, flat and noisy pictures."""
    for height, width in EDGE_SIZES:
        colour = pictures.piece(height, width)
        yield from arithmetic_cases({"": colour, "grey": pictures.grey(colour)}, (1, 75, 100))
    for n, s, progressive in product((1, 2, 7, 40), ("4:2:0", "4:4:4"), (False, True)):
        yield arithmetic_case("restarts", pictures.synthetic(61, 83), 75, s, progressive, n)
    flat = {f"flat {v}": np.full((17, 23, 3), v, np.uint8) for v in (0, 128, 255)}
    yield from arithmetic_cases(flat | {"noise": pictures.noise(40, 24)}, (1, 75, 100))


def script_cases() -> Iterator[EncodeCase]:
    """``cjpeg -scans``: a user's own script, progressive and sequential, Huffman and arithmetic."""
    image = pictures.synthetic(40, 56, seed=8)
    for name, script in BAND_SCRIPTS.items():
        for arithmetic in (False, True):
            options = {"progressive": True, "scans": entries(script), "arithmetic": arithmetic}
            switches = ["-sample", "2x2", *(["-arithmetic"] if arithmetic else [])]
            peer = partial(peers.cjpeg, image, *switches, scans=script)
            yield EncodeCase(f"{name}, arithmetic={arithmetic}", image, options, peer)
    for name, script in cases.SCAN_SCRIPTS.items():
        for optimize in (False, True):
            options = {"scans": entries(script), "optimize": optimize}
            switches = ["-sample", "2x2", *(["-optimize"] if optimize else [])]
            peer = partial(peers.cjpeg, image, *switches, scans=script)
            yield EncodeCase(f"{name}, optimize={optimize}", image, options, peer)


def entries(script: str) -> list[Any]:
    """Read a scan script of cjpeg as ours: ``0,1: 1-5, 0, 2;`` is ``((0, 1), 1, 5, 0, 2)``."""
    found: list[Any] = []
    for line in script.rstrip(";").split(";"):
        members, _, band = line.partition(":")
        components = tuple(int(i) for i in members.split(","))
        found.append((components, *map(int, band.replace("-", ",").split(","))) if band else components)
    return found


def color_cases() -> Iterator[EncodeCase]:
    """RGB and CMYK by Pillow, which inverts CMYK."""
    for height, width in EDGE_SIZES:
        four = pictures.four_inks(height, width)
        for q, optimize in ((30, True), (75, False), (95, False)):
            image = four[..., :3].copy()
            shared = {"quality": q, "optimize": optimize}
            peer = partial(peers.pillow_encode, image, keep_rgb=True, **shared)
            yield EncodeCase(f"RGB {image.shape} {shared}", image, {"color": "RGB", **shared}, peer)
            peer = partial(peers.pillow_encode, 255 - four, mode="CMYK", **shared)
            yield EncodeCase(f"CMYK {four.shape} {shared}", four, {"color": "CMYK", **shared}, peer)


def metadata_cases() -> Iterator[EncodeCase]:
    """Exif, ICC profiles of one and many segments, and a comment, by Pillow."""
    colour = pictures.synthetic(19, 21)
    exif = b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"
    for image, size in product((colour, pictures.grey(colour)), (1, 65519, 65520, 200_000)):
        profile = bytes(range(256)) * (size // 256 + 1)
        options = {"exif": exif, "icc_profile": profile[:size], "comment": "a comment"}
        peer = partial(peers.pillow_encode, image, **(options | {"exif": b"Exif\0\0" + exif}))
        yield EncodeCase(f"{image.shape} ICC profile of {size}", image, options, peer)


def deep(image: Picture, bits: int) -> Any:
    """Return the picture with samples of more bits, the low ones busy."""
    low = pictures.noise(*image.shape[:2], seed=3)
    low = low[..., 0] if image.ndim == 2 else low
    return ((image.astype(np.uint32) << 8 | low) >> (16 - bits)).astype(np.uint16)


def imagecodecs_cases() -> Iterator[EncodeCase]:
    """12 bits; YCCK; and every predictor and precision of the lossless process, by imagecodecs."""
    for (height, width), q in product(EDGE_SIZES, (10, 75, 95)):
        colour = pictures.piece(height, width)
        for image in (deep(colour, 12), deep(pictures.grey(colour), 12)):
            peer = by_imagecodecs(image, level=q, bitspersample=12)
            yield EncodeCase(f"12 bits {image.shape} q {q}", image, {"quality": q}, peer)
        four = pictures.four_inks(height, width)
        peer = by_imagecodecs(four, level=q, colorspace="CMYK", outcolorspace="YCCK")
        yield EncodeCase(f"YCCK {four.shape} q {q}", four, {"quality": q, "color": "YCCK"}, peer)
    for predictor, bits in product(range(1, 8), range(2, 17)):
        colour = pictures.piece(17, 23)
        for shallow in (colour, pictures.grey(colour)):
            image = deep(shallow, bits) if bits > 8 else (shallow >> (8 - bits))
            options = {"lossless": True, "predictor": predictor, "precision": bits}
            peer = by_imagecodecs(image, lossless=True, predictor=predictor, bitspersample=bits)
            yield EncodeCase(f"lossless {image.shape} {options}", image, options, peer)


def by_imagecodecs(image: Any, **options: Any) -> Callable[[], bytes]:
    """Return a function that encodes with imagecodecs, which is asked for only then."""

    def encoded() -> bytes:
        from imagecodecs import jpeg8_encode

        return bytes(jpeg8_encode(image, **options))

    return encoded
