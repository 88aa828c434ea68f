"""Block smoothing (K.8.1): progressive files that end early, as libjpeg-turbo shows them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import jpeg_cases as cases
import jpeg_peers as peers
import jpeg_pictures as pictures
import numpy as np
from jpeg_cases import Tally

from jpeg_from_scratch import decode, encode
from jpeg_from_scratch.smoothing import DC_ONLY, SOME_AC

Count = Callable[[str], None]


def test_weights() -> None:
    """Each estimate of a flat picture is zero, and the smoothed mean of a flat picture is the mean."""
    for table in (DC_ONLY, SOME_AC):
        for k, weights in table.items():
            assert weights.sum() == (256 if k == 0 else 0), k
    assert sorted(DC_ONLY) == list(range(10))
    assert sorted(SOME_AC) == [1, 2, 3, 4, 5]


def first_scans(data: bytes) -> list[bytes]:
    """Return the file cut off behind each of its scans, with EOI."""
    starts = [i for i in range(len(data)) if data.startswith(b"\xff\xda", i)]
    cuts = []
    for start in starts:
        end = start + 2
        while not (data[end] == 0xFF and data[end + 1] not in (0, *range(0xD0, 0xD8))):
            end += 1
        cuts.append(data[:end] + b"\xff\xd9")
    return cuts


SIZES = ((1, 1), (8, 8), (9, 25), (16, 16), (17, 33), (24, 16), (40, 56), (65, 47), (90, 100))


def test_files_that_end_after_each_scan(backend: str, count: Count) -> None:
    """Whole scans missing at the end, in three subsamplings and grey, at sizes around blocks and MCUs."""
    tally = Tally(f"progressive files cut behind each scan [{backend}]")
    for height, width in SIZES if backend == "fast" else SIZES[3:6]:
        colour = pictures.piece(height, width)
        for image in (colour, pictures.grey(colour)):
            for subsampling in cases.PILLOW_SUBSAMPLINGS if image.ndim == 3 else (None,):
                options = {"subsampling": subsampling} if subsampling else {}
                data = peers.pillow_encode(image, quality=60, progressive=True, **options)
                for n, cut in enumerate(first_scans(data), 1):
                    ours = cases.attempt(partial(decode, cut, backend=backend))
                    name = f"{image.shape} {subsampling}, {n} scans"
                    tally.check(name, ours, peers.pillow_decode(cut))
    count(tally.line())
    assert not tally.different, tally.report()


def test_scripts_with_little_ac(backend: str, count: Count) -> None:
    """Files that know some AC coefficients of low precision, or of one component only."""
    image = pictures.piece(41, 57)
    tally = Tally(f"short scan scripts [{backend}]")
    dc = ((0, 1, 2), 0, 0, 0, 0)
    for script in (
        [dc],
        [((0, 1, 2), 0, 0, 0, 3)],
        [dc, ((0,), 1, 5, 0, 3)],
        [dc, ((1,), 1, 63, 0, 1)],
        [dc, ((0,), 6, 63, 0, 0)],
        [dc, ((0,), 1, 1, 0, 13)],
        [((0, 1, 2), 0, 0, 0, 1), ((0,), 1, 63, 0, 2), ((2,), 2, 4, 0, 0)],
    ):
        for arithmetic in (False, True):
            data = encode(image, 40, progressive=True, scans=script, arithmetic=arithmetic, backend=backend)
            ours, info = decode(data, info=True, backend=backend)
            assert info.smoothed
            tally.check(f"{script}, arithmetic={arithmetic}", ours, peers.pillow_decode(data))
    count(tally.line())
    assert not tally.different, tally.report()


def test_data_that_end_within_a_scan(quick_backend: str, count: Count) -> None:
    """Below the row in which the data run out, what the scan before had known counts."""
    image = pictures.piece(90, 100)
    tally = Tally("progressive files cut anywhere, strict=False")
    for options in ({}, {"restart_marker_blocks": 3}):
        data = peers.pillow_encode(image, quality=60, progressive=True, **options)
        for end in range(len(data) * 2 // 5, len(data) - 2, 37):
            cut = data[:end] + b"\xff\xd9"
            ours = cases.attempt(partial(decode, cut, strict=False, backend=quick_backend))
            theirs = cases.attempt(partial(peers.pillow_decode, cut))
            if isinstance(theirs, Exception):
                continue
            tally.check(f"{end} of {len(data)} bytes, {options}", ours, theirs)
    count(tally.line())
    assert tally.tried > 50
    assert not tally.different, tally.report()


def test_complete_files_are_not_smoothed(backend: str) -> None:
    """Nor are sequential ones."""
    image = pictures.piece(20, 30)
    for progressive in (False, True):
        _, info = decode(encode(image, progressive=progressive, backend=backend), info=True, backend=backend)
        assert not info.smoothed


def test_smoothing_is_smooth(backend: str) -> None:
    """Of a smooth ramp, the means alone give the ramp back, and not a staircase."""
    ramp = np.tile(np.linspace(20, 230, 64), (64, 1)).astype(np.uint8)
    data = encode(ramp, 90, progressive=True, scans=[((0,), 0, 0, 0, 0)], backend=backend)
    inside = (decode(data, backend=backend).astype(int) - ramp)[16:-16, 16:-16]
    assert np.abs(inside).max() <= 5, "a staircase would be off by up to 12"
