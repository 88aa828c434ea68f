"""Our pixels and coefficients are libjpeg-turbo's, for other people's files and for our own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

import jpeg_bad_files as bad_files
import jpeg_cases as cases
import jpeg_peers as peers
import jpeg_pictures as pictures
import jpeg_surgery as surgery
import numpy as np
import pytest
from jpeg_cases import DecodeCase, Tally

from jpeg_from_scratch import decode, encode

Count = Callable[[str], None]


def passed(tally: Tally, count: Count) -> None:
    """Hand in the counts, and fail on any difference."""
    count(tally.line())
    assert tally.tried > 0
    assert not tally.different, tally.report(40)


def equal(title: str, list_of_cases: Iterable[DecodeCase], backend: str, count: Count) -> None:
    """Compare all pixels of all cases."""
    passed(cases.compare_decode(title, list_of_cases, backend), count)


# Files made here


def test_files_by_pillow(backend: str, count: Count) -> None:
    """Qualities, subsamplings, sizes, restarts, optimised tables, quantisation tables."""
    equal("files by Pillow", cases.pillow_files(), backend, count)


def test_files_by_cjpeg(cjpeg: str, djpeg: str, backend: str, count: Count) -> None:
    """Odd sampling factors, and scans of one, two and three components."""
    equal("files by cjpeg", cases.cjpeg_files(), backend, count)


def test_odd_but_sound_files(backend: str) -> None:
    """Fill bytes, junk after EOI, missing standard tables, unknown segments: the pixels are the same."""
    tally = Tally("odd but sound files")
    for name, (data, plain) in bad_files.odd_but_sound_files().items():
        tally.check(name, cases.attempt(partial(decode, data, backend=backend)), peers.pillow_decode(plain))
    assert not tally.different, tally.report()


def spliced_files(step: int) -> Iterator[tuple[str, surgery.Factors, bytes]]:
    """Every `step`-th choice of factors 1 … 4, each file in three scans."""
    for factors in surgery.all_factors()[::step]:
        planes = [
            pictures.grey(pictures.synthetic(height, width, seed=i))
            for i, (height, width) in enumerate(surgery.component_sizes(factors, 19, 21))
        ]
        yield peers.factor_text(factors), factors, surgery.spliced(planes, factors, 19, 21)


def test_all_sampling_factors(quick_backend: str, count: Count) -> None:
    """All 4096 choices of factors for three components: libjpeg-turbo's pixels where its ratios are whole."""
    whole = (
        DecodeCase(name, data, peers.pillow_decode)
        for name, factors, data in spliced_files(1)
        if not surgery.is_fractional(factors)
    )
    equal("sampling factors, whole ratios", whole, quick_backend, count)


def test_some_sampling_factors(backend: str, count: Count) -> None:
    """Some of them in both back ends."""
    whole = (
        DecodeCase(name, data, peers.pillow_decode)
        for name, factors, data in spliced_files(37)
        if not surgery.is_fractional(factors)
    )
    equal("some sampling factors", whole, backend, count)


def test_fractional_ratios_of_flat_components(backend: str) -> None:
    """Where the components are flat, resampling by any ratio must leave them flat."""
    levels = (90, 140, 100)
    expected = peers.pillow_decode(
        surgery.spliced([np.full((19, 21), v, np.uint8) for v in levels], ((1, 1),) * 3, 19, 21, quality=100)
    )
    fractional = [f for f in surgery.all_factors() if surgery.is_fractional(f)]
    for factors in fractional[::53]:
        sizes = surgery.component_sizes(factors, 19, 21)
        planes = [np.full(size, v, np.uint8) for size, v in zip(sizes, levels)]
        pixels = decode(surgery.spliced(planes, factors, 19, 21, quality=100), backend=backend)
        assert pixels.shape == (19, 21, 3)
        assert pixels.dtype == np.uint8
        np.testing.assert_array_equal(pixels, expected, err_msg=peers.factor_text(factors))


@pytest.mark.parametrize(
    "factors",
    [
        ((3, 1), (2, 1), (2, 1)),
        ((1, 3), (1, 2), (1, 2)),
        ((3, 3), (2, 2), (2, 2)),
        ((4, 4), (3, 3), (3, 3)),
        ((2, 2), (3, 3), (1, 1)),
        ((4, 1), (3, 2), (1, 3)),
    ],
    ids=peers.factor_text,
)
def test_fractional_ratios_of_ramps(factors: surgery.Factors, backend: str) -> None:
    """A linear ramp, sampled at the centres of each component's samples, comes back as that ramp."""
    height, width = 96, 120
    h_max, v_max = max(h for h, _ in factors), max(v for _, v in factors)

    def ramp(shape: tuple[int, int], per_row: float, per_column: float) -> Any:
        """Sample 128 + per_row·y + per_column·x at the centres of `shape` equal parts of the picture."""
        rows = (np.arange(shape[0]) + 0.5) * (height / shape[0]) - height / 2
        columns = (np.arange(shape[1]) + 0.5) * (width / shape[1]) - width / 2
        return np.rint(128 + per_row * rows[:, None] + per_column * columns).astype(np.uint8)

    slopes = ((0.5, 0.4), (0.6, 0.3), (-0.3, 0.5))
    sizes = [(height * v // v_max, width * h // h_max) for h, v in factors]
    planes = [ramp(size, *slope) for size, slope in zip(sizes, slopes)]
    # R, G, B as identifiers: no colour conversion (libjpeg-turbo's guess), so each plane is seen alone.
    data = surgery.spliced(planes, factors, height, width, quality=100, identifiers=b"RGB")
    pixels = decode(data, backend=backend)
    for i, slope in enumerate(slopes):
        error = np.abs(pixels[..., i].astype(int) - ramp((height, width), *slope))
        inside = error[8:-8, 8:-8]
        assert inside.mean() < 0.8, f"component {i}: mean error {inside.mean():.2f}"
        assert inside.max() <= 3, f"component {i}: greatest error {inside.max()}"


COLOUR_RULES = {
    "JFIF": ("JFIF", None, (1, 2, 3)),
    "JFIF, ids R G B": ("JFIF", None, tuple(b"RGB")),
    "JFIF beats Adobe 0": ("JFIF", 0, (1, 2, 3)),
    "Adobe 0": (None, 0, (1, 2, 3)),
    "Adobe 1": (None, 1, (1, 2, 3)),
    "Adobe 1, ids R G B": (None, 1, tuple(b"RGB")),
    "ids 1 2 3": (None, None, (1, 2, 3)),
    "ids R G B": (None, None, tuple(b"RGB")),
    "ids r g b": (None, None, tuple(b"rgb")),
    "ids 0 1 2": (None, None, (0, 1, 2)),
    "ids 34 35 36": (None, None, (34, 35, 36)),
    "short JFIF, ids R G B": ("short", None, tuple(b"RGB")),
    "short Adobe 0": (None, "short", (1, 2, 3)),
}


@pytest.mark.parametrize("rule", COLOUR_RULES)
def test_colour_rules(rule: str, backend: str) -> None:
    """Which files are YCbCr and which RGB: JFIF, then Adobe's transform, then the identifiers."""
    jfif, adobe, identifiers = COLOUR_RULES[rule]
    planes = [pictures.grey(pictures.synthetic(16, 24, seed=i)) for i in range(3)]
    data = surgery.spliced(planes, ((1, 1),) * 3, 16, 24, identifiers=identifiers)
    marks = b""
    if jfif:
        payload = b"JFIF\0\1\1\0\0\1\0\1\0\0"
        marks += bytes(surgery.Part(surgery.APP0, payload if jfif == "JFIF" else payload[:12]))
    if adobe is not None:
        payload = b"Adobe\0\x64\0\0\0\0" + bytes([0 if adobe == "short" else adobe])
        marks += bytes(surgery.Part(surgery.APP14, payload[:11] if adobe == "short" else payload))
    data = surgery.inserted(data, surgery.DQT, marks)
    theirs = peers.pillow_decode(data)
    ours = decode(data, backend=backend)
    assert np.array_equal(ours, theirs), cases.pixel_difference(ours, theirs)


def test_our_files_in_other_decoders(djpeg: str, backend: str) -> None:
    """What we write is opened by Pillow and by djpeg, and all three see the same pixels."""
    tally = Tally("our files in Pillow and djpeg")
    subsamplings = ("4:4:4", "4:4:0", "4:2:2", "4:2:0", "4:1:1", "4:1:0", ((2, 2), (2, 1), (1, 2)))
    colour = pictures.synthetic(53, 71, seed=7)
    for image in (colour, pictures.grey(colour)):
        for subsampling in subsamplings if image.ndim == 3 else subsamplings[:1]:
            for quality, optimize, restart in ((30, True, 0), (75, False, 4), (100, True, 1)):
                data = encode(
                    image,
                    quality,
                    subsampling=subsampling if image.ndim == 3 else "4:2:0",
                    optimize=optimize,
                    restart_interval=restart,
                    comment="x",
                    backend=backend,
                )
                ours = cases.attempt(partial(decode, data, backend=backend))
                name = f"{image.shape} {subsampling} q {quality}"
                tally.check(f"{name}, Pillow", ours, peers.pillow_decode(data))
                tally.check(f"{name}, djpeg -strict: {peers.djpeg_complaint(data)}", ours, peers.djpeg(data))
    assert not tally.different, tally.report()


def test_bytes_like_input(backend: str) -> None:
    """bytes, bytearray and memoryview are all files; the result is the caller's to write to."""
    data = peers.pillow_encode(pictures.synthetic(20, 30))
    expected = decode(data, backend=backend)
    for kind in (bytearray, memoryview):
        np.testing.assert_array_equal(decode(kind(data), backend=backend), expected)
    assert expected.flags.writeable
    assert expected.flags.c_contiguous


def test_info(backend: str) -> None:
    """``info=True`` adds a `DecodeInfo`: no warnings, and all MCUs, for a sound file."""
    from jpeg_from_scratch import DecodeInfo

    data = peers.pillow_encode(pictures.synthetic(20, 35), comment="hello")
    pixels, info = decode(data, info=True, backend=backend)
    np.testing.assert_array_equal(pixels, decode(data, backend=backend))
    assert isinstance(info, DecodeInfo)
    assert list(info.warnings) == []
