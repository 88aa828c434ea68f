"""What is read and written again is the same file: ``write(read(file)) == file``.

A file may hold three things that `JpegData` does not keep: fill bytes before markers, the padding bits at the
end of an entropy-coded segment, and what follows EOI. `jpeg_freedoms` finds out, without the code under test,
whether that is all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import product
from typing import Any

import jpeg_bad_files as bad_files
import jpeg_cases as cases
import jpeg_corpus as corpus
import jpeg_freedoms as freedoms
import jpeg_peers as peers
import jpeg_pictures as pictures
import numpy as np
import pytest
from jpeg_cases import Tally

from jpeg_from_scratch import encode, read, write

Count = Callable[[str], None]


def passed(tally: Tally, count: Count) -> None:
    """Hand in the counts, and fail on any difference."""
    count(tally.line())
    assert tally.tried > 0
    assert not tally.different, tally.report()


def rewritten(files: Iterator[tuple[str, bytes]], title: str) -> Tally:
    """Read and write every file and compare."""
    tally = Tally(f"write(read(file)) == file, {title}")
    for name, data in files:
        tally.check(name, cases.attempt(lambda data=data: write(read(data))), data)
    return tally


def files_by_pillow() -> Iterator[tuple[str, bytes]]:
    """Files by Pillow over all that it can vary in a sequential file."""
    for case in cases.pillow_files():
        yield case.name, case.data
    colour = pictures.synthetic(33, 47)
    more: dict[str, dict[str, Any]] = {
        "density": {"dpi": (300, 300)},
        "EXIF": {"exif": b"Exif\0\0MM\0*\0\0\0\x08\0\0\0\0\0\0"},
        "ICC in two segments": {"icc_profile": bytes(range(256)) * 300},
        "XMP": {"xmp": b"<x:xmpmeta/>"},
        "comment": {"comment": "Grüße"},
        "extra segments": {"extra": b"\xff\xed\x00\x06abcd\xff\xfe\x00\x02"},
        "RGB without conversion": {"keep_rgb": True},
        "restarts by rows": {"restart_marker_rows": 1},
        "smoothing": {"smooth": 40},
    }
    for (name, options), image in product(more.items(), (colour, pictures.grey(colour))):
        yield f"{name} {image.shape}", peers.pillow_encode(image, **options)


def test_files_by_pillow(count: Count) -> None:
    """Every file by Pillow comes back byte for byte."""
    passed(rewritten(files_by_pillow(), "Pillow"), count)


def test_files_by_cjpeg(cjpeg: str, count: Count) -> None:
    """Every sequential file by cjpeg comes back byte for byte."""
    image = pictures.synthetic(35, 51)
    more = {
        "RGB": ["-rgb", "-sample", "1x1"],
        "grey": ["-grayscale", "-optimize"],
        "restart by rows": ["-restart", "1"],
        "two qualities": ["-quality", "90,40", "-restart", "1B"],
    }
    files = [(case.name, case.data) for case in cases.cjpeg_files()]
    files += [(name, peers.cjpeg(image, *switches)) for name, switches in more.items()]
    files += [("16-bit tables", peers.cjpeg(image, "-quality", "3", baseline=False))]
    passed(rewritten(iter(files), "cjpeg"), count)


def test_our_own_files(backend: str, count: Count) -> None:
    """Every file by our encoder comes back byte for byte."""
    image = pictures.synthetic(41, 67)
    options = product(("4:4:4", "4:2:0", "4:1:0", ((2, 1), (1, 2), (1, 1))), (False, True), (0, 3))
    files = (
        (f"{s} {o} {r}", encode(image, subsampling=s, optimize=o, restart_interval=r, backend=backend))
        for s, o, r in options
    )
    passed(rewritten(files, f"ours [{backend}]"), count)


def test_equality_compares_segments_and_coefficients() -> None:
    """Two readings are equal; one changed coefficient or one segment less makes them unequal."""
    data = peers.pillow_encode(pictures.synthetic(24, 24))
    first, second = read(data), read(data)
    assert first == second
    second.coefficients[1] = second.coefficients[1].copy()
    second.coefficients[1][0, 0, 7, 7] += 1
    assert first != second
    third = read(data)
    del third.segments[0]
    assert first != third


def test_changed_coefficients_are_written() -> None:
    """A coefficient set to zero in `JpegData` is zero in the file, as another decoder reads it."""
    plane = pictures.grey(pictures.synthetic(32, 32))
    data = read(peers.pillow_encode(plane, quality=90))
    for coefficients in data.coefficients:
        coefficients[..., 1:, :] = 0
        coefficients[..., :, 1:] = 0
    pixels = peers.pillow_decode(write(data))
    blocks = pixels.reshape(4, 8, 4, 8).transpose(0, 2, 1, 3)
    assert all(len(np.unique(block)) == 1 for block in blocks.reshape(16, 8, 8)), "a block of DC only is flat"


@pytest.mark.parametrize("name", bad_files.odd_but_sound_files())
def test_odd_but_sound_files(name: str) -> None:
    """Only fill bytes, padding bits and the trailer may be lost."""
    data, _ = bad_files.odd_but_sound_files()[name]
    again = write(read(data))
    assert read(again) == read(data)
    if not name.endswith("EOI missing"):
        assert freedoms.illegal_difference(data, again) == ""


@pytest.mark.big
def test_corpus(jpeg_manifest: list[dict[str, Any]], count: Count) -> None:
    """The valid sequential files of the corpus: each difference is fill, padding bits or trailer."""
    tally, reasons = freedoms.compare_round_trips(corpus.sequential_files(jpeg_manifest))
    count(freedoms.line(tally, reasons))
    passed(tally, count)
