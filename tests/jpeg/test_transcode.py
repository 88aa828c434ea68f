"""Transcoding: jpegtran's bytes, and the same coefficients whatever the way."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator
from itertools import product
from typing import Any

import codec_data
import jpeg_cases as cases
import jpeg_corpus as corpus
import jpeg_peers as peers
import jpeg_pictures as pictures
import numpy as np
import pytest
from jpeg_cases import Tally

from jpeg_from_scratch import JpegData, decode, encode, read, transcode, write

Count = Callable[[str], None]

WAYS: dict[str, dict[str, Any]] = {
    "": {},
    "-optimize": {"optimize": True},
    "-progressive": {"progressive": True},
    "-arithmetic": {"arithmetic": True},
    "-arithmetic -progressive": {"arithmetic": True, "progressive": True},
    "-restart 3B -optimize": {"restart_interval": 3, "optimize": True},
    "-restart 2B -progressive": {"restart_interval": 2, "progressive": True},
    "-restart 5B -arithmetic": {"restart_interval": 5, "arithmetic": True},
}


@pytest.fixture(scope="module")
def jpegtran() -> Callable[[bytes, str], bytes]:
    """Run libjpeg-turbo's jpegtran, which keeps all metadata."""
    program = shutil.which("jpegtran")
    if program is None:
        pytest.skip("the program jpegtran is not installed (Debian: libjpeg-turbo-progs)")

    def run(data: bytes, switches: str) -> bytes:
        command = [program, "-copy", "all", *switches.split()]
        return subprocess.run(command, input=data, capture_output=True, check=True).stdout

    return run


def files() -> Iterator[tuple[str, bytes]]:
    """Files by Pillow and cjpeg: sizes, subsamplings, processes."""
    for (height, width), kind in product(
        ((1, 1), (17, 33), (65, 47)), ("baseline", "optimized", "progressive")
    ):
        colour = pictures.piece(height, width)
        options = {"quality": 60, "comment": "a comment", "optimize": kind != "baseline"}
        options["progressive"] = kind == "progressive"
        yield f"grey {height}×{width} {kind}", peers.pillow_encode(pictures.grey(colour), **options)
        for subsampling in cases.PILLOW_SUBSAMPLINGS:
            name = f"{subsampling} {height}×{width} {kind}"
            yield name, peers.pillow_encode(colour, subsampling=subsampling, **options)
    four = pictures.four_inks(19, 35)
    yield "CMYK", peers.pillow_encode(four, mode="CMYK")
    yield "YCCK", encode(four, color="YCCK")
    yield "RGB", encode(four[..., :3], color="RGB")


def test_jpegtran(jpegtran: Callable[[bytes, str], bytes], count: Count) -> None:
    """Whole files are equal to ``jpegtran -copy all``'s."""
    tally = Tally("transcoded files, jpegtran")
    for name, data in files():
        parts = read(data)
        for switches, options in WAYS.items():
            ours = cases.attempt(lambda: write(transcode(parts, **options)))  # noqa: B023
            tally.check(f"{name} {switches}", ours, jpegtran(data, switches))
    count(tally.line())
    assert tally.tried == 39 * len(WAYS)
    assert not tally.different, tally.report()


def same(a: JpegData, b: JpegData) -> bool:
    """Whether two files have the same coefficients or samples, but for the padding to whole MCUs."""
    shapes = [a.block_shape(i) for i in range(len(a.frame.components))]
    pairs = zip(a.units, b.units, shapes)
    return all(np.array_equal(x[:rows, :columns], y[:rows, :columns]) for x, y, (rows, columns) in pairs)


@pytest.mark.big
def test_corpus(jpeg_manifest: list[dict[str, Any]], count: Count) -> None:
    """Valid files of every process, there and back: the same coefficients, and the same pixels."""
    tally = Tally("transcoded corpus: the same coefficients")
    for entry in corpus.valid_files(jpeg_manifest):
        if corpus.pixels(entry) > 256 * 256:
            continue
        parts = read(codec_data.jpeg_file(entry))
        lossless = parts.frame.is_lossless
        ways = [{}, {"arithmetic": True}] if lossless else [{}, {"progressive": True}, {"arithmetic": True}]
        for options in ways:
            tally.tried += 1
            there = cases.attempt(lambda: read(write(transcode(parts, **options))))  # noqa: B023
            if isinstance(there, Exception) or not same(parts, there):
                tally.different.append(f"{entry['name']} {options}: {there}")
    count(tally.line())
    assert tally.tried > 500
    assert not tally.different, tally.report()


def test_pixels_stay(backend: str) -> None:
    """From any process to any other, no pixel changes."""
    image = pictures.piece(33, 41)
    data = encode(image, 70, restart_interval=2, backend=backend)
    expected = decode(data, backend=backend)
    for first, second in product(WAYS.values(), repeat=2):
        data = write(transcode(transcode(read(data), **first), **second))
        assert np.array_equal(decode(data, backend=backend), expected), (first, second)


def test_lossless_files() -> None:
    """A lossless file changes its codes, and cannot become progressive."""
    image = pictures.piece(13, 17)
    huffman, arithmetic = (encode(image, lossless=True, predictor=4, arithmetic=a) for a in (False, True))
    assert write(transcode(read(huffman), arithmetic=True)) == arithmetic
    assert write(transcode(read(arithmetic))) == huffman
    with pytest.raises(ValueError, match=r"lossless file .* cannot become progressive"):
        transcode(read(huffman), progressive=True)


def test_what_does_not_go_together() -> None:
    """Arithmetic files have no Huffman tables; intervals have 16 bits."""
    parts = read(encode(pictures.piece(9, 9)))
    with pytest.raises(ValueError, match="no Huffman tables"):
        transcode(parts, arithmetic=True, optimize=True)
    with pytest.raises(ValueError, match="restart_interval=65536"):
        transcode(parts, restart_interval=65536)


def test_input_stays(backend: str) -> None:
    """The data that are transcoded are not changed."""
    data = encode(pictures.piece(20, 30), backend=backend)
    parts = read(data)
    transcode(parts, progressive=True)
    assert write(parts) == data


def test_metadata_and_height_stay() -> None:
    """Comments, Exif and ICC stay; a DNL segment becomes the height of the frame."""
    image = pictures.piece(20, 30)
    data = encode(image, comment="kept", icc_profile=b"profile" * 20_000, exif=b"II*\0\x08\0\0\0\0\0")
    head = data[: data.index(b"\xff\xdb")]
    assert write(transcode(read(data), progressive=True)).startswith(head)
    late = (
        data.replace(b"\x08\x00\x14\x00\x1e\x03", b"\x08\x00\x00\x00\x1e\x03")[:-2]
        + b"\xff\xdc\0\4\0\x14\xff\xd9"
    )
    assert np.array_equal(decode(late), decode(data))
    assert write(transcode(read(late))) == data
    assert write(read(late)) == late
