"""842 files by other people, of every process: coefficients, planes and pixels are libjpeg-turbo's.

The manifest of the corpus has its digests; `jpeg_corpus` says which file is in which list.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Any

import codec_data
import jpeg_cases as cases
import jpeg_corpus as corpus
import numpy as np
import pytest
from jpeg_cases import Tally

from jpeg_from_scratch import FormatError, JpegError, UnsupportedError, decode, read, write

Count = Callable[[str], None]
Manifest = list[dict[str, Any]]

SMALL = 64 * 64  # pixels: for both back ends


def passed(tally: Tally, count: Count) -> None:
    """Hand in the counts, and fail on any difference."""
    count(tally.line())
    assert tally.tried > 0
    assert not tally.different, tally.report(40)


# Valid files


@pytest.mark.big
def test_pixels(jpeg_manifest: Manifest, quick_backend: str, count: Count) -> None:
    """Every valid picture: 8 and 12 bits, Huffman and arithmetic, sequential, progressive and lossless."""
    entries = corpus.valid_files(jpeg_manifest)
    count(f"corpus, valid pictures: {corpus.counts(entries)}")
    passed(corpus.compare_pixels("corpus, pixels", entries, jpeg_manifest, quick_backend), count)
    assert len(entries) == 382


@pytest.mark.big
def test_planes(jpeg_manifest: Manifest, quick_backend: str, count: Count) -> None:
    """Their components before upsampling."""
    entries = corpus.valid_files(jpeg_manifest)
    passed(corpus.compare_planes("corpus, planes", entries, quick_backend), count)


@pytest.mark.big
def test_coefficients(jpeg_manifest: Manifest, quick_backend: str, count: Count) -> None:
    """Their quantised coefficients."""
    passed(corpus.compare_coefficients("corpus, coefficients", corpus.valid_files(jpeg_manifest)), count)


def test_small_files(jpeg_manifest: Manifest, backend: str, count: Count) -> None:
    """Pixels of the small files of all processes, in both back ends."""
    small = [e for e in corpus.valid_files(jpeg_manifest) if corpus.pixels(e) <= SMALL]
    passed(corpus.compare_pixels("corpus, small files", small, jpeg_manifest, backend), count)


def test_tables_only(jpeg_manifest: Manifest) -> None:
    """T.83 B1 has tables and no picture (B.5): it is read and written, and not decoded."""
    entry = next(e for e in jpeg_manifest if e["name"] == corpus.TABLES_ONLY)
    data = codec_data.jpeg_file(entry)
    tables = read(data)
    assert not tables.coefficients
    assert read(write(tables)) == tables
    with pytest.raises(JpegError, match="without a frame header"):
        decode(data)


def test_255_components(jpeg_manifest: Manifest) -> None:
    """T.83 B2 has 255 components, and its tables are in B1: all coefficients are read, and written again."""
    named = {entry["name"]: entry for entry in jpeg_manifest}
    tables = codec_data.jpeg_file(named[corpus.TABLES_ONLY])
    data = codec_data.jpeg_file(named[corpus.MANY_COMPONENTS])
    parts = read(data, tables=tables)
    assert len(parts.coefficients) == 255
    assert all(blocks.any() for blocks in parts.coefficients)
    assert read(write(parts)) == parts
    with pytest.raises(UnsupportedError, match="255 components"):
        decode(data, tables=tables)
    with pytest.raises(FormatError, match="quantization table 0 is used but not defined"):
        read(data)


def test_lossless_reference_of_t83(jpeg_manifest: Manifest) -> None:
    """Component D of T.83's stream O2 is the file D16.SRC, sample for sample."""
    source = codec_data.folder() / "jpeg" / "T83" / "D16.SRC"
    entry = next(e for e in jpeg_manifest if e["name"].endswith("pylibjpeg-data-O2-JPG.jpg"))
    wanted = np.frombuffer(source.read_bytes(), ">u2").reshape(257, 85)
    data = read(codec_data.jpeg_file(entry))
    i = next(i for i, c in enumerate(data.frame.components) if data.frame.component_shape(i) == wanted.shape)
    assert np.array_equal(data.samples[i][: wanted.shape[0], : wanted.shape[1]], wanted)


# Damaged files


@pytest.mark.big
def test_rescued_pixels(jpeg_manifest: Manifest, quick_backend: str, count: Count) -> None:
    """``strict=False``: the files that libjpeg-turbo decodes with warnings have its pixels."""
    entries = corpus.rescued_files(jpeg_manifest)
    count(f"corpus, damaged files that libjpeg-turbo decodes: {corpus.counts(entries)}")
    title = "corpus, damaged, pixels with strict=False"
    passed(corpus.compare_pixels(title, entries, jpeg_manifest, quick_backend, strict=False), count)
    assert len(entries) == 181


@pytest.mark.big
def test_rescued_coefficients(jpeg_manifest: Manifest, quick_backend: str, count: Count) -> None:
    """And its coefficients."""
    entries = corpus.rescued_files(jpeg_manifest)
    passed(corpus.compare_coefficients("corpus, damaged, coefficients", entries, strict=False), count)


def test_rescued_small_files(jpeg_manifest: Manifest, backend: str, count: Count) -> None:
    """The small ones among them, in both back ends."""
    small = [e for e in corpus.rescued_files(jpeg_manifest) if corpus.pixels(e) <= SMALL]
    title = "corpus, damaged small files, pixels with strict=False"
    passed(corpus.compare_pixels(title, small, jpeg_manifest, backend, strict=False), count)


@pytest.mark.big
def test_strictness(jpeg_manifest: Manifest, quick_backend: str, count: Count) -> None:
    """Strict decoding refuses what libjpeg-turbo refuses or warns of; exceptions have a reason."""
    tally = Tally("corpus, damaged files: refused when strict")
    decoded = []
    for entry in corpus.damaged_files(jpeg_manifest):
        tally.tried += 1
        result = cases.attempt(partial(decode, codec_data.jpeg_file(entry), backend=quick_backend))
        if isinstance(result, JpegError):
            continue
        reason = corpus.may_decode(entry)
        if isinstance(result, Exception) or not reason:
            said = entry["ref"].get("err") or sorted(set(entry["ref"]["warnings"]))
            tally.different.append(f"{entry['name']}: {corpus.shown(result)}; libjpeg-turbo: {said}")
        else:
            decoded.append(f"{entry['name']} ({reason})")
    count(f"corpus, damaged files that decode when strict: {len(decoded)}: {', '.join(decoded)}")
    passed(tally, count)


@pytest.mark.big
@pytest.mark.parametrize("strict", [True, False])
def test_never_another_exception(
    jpeg_manifest: Manifest, strict: bool, quick_backend: str, count: Count
) -> None:
    """Every file of the corpus decodes or raises a `JpegError`, and soon; JPEG-LS is refused by its name."""
    tally = Tally(f"corpus, all files, strict={strict}: a picture or a JpegError, soon")
    verdicts: Counter[str] = Counter()
    for entry in jpeg_manifest:
        data = codec_data.jpeg_file(entry)
        result, seconds = corpus.timed(partial(decode, data, strict=strict, backend=quick_backend))
        tally.tried += 1
        raised = isinstance(result, Exception)
        verdicts[type(result).__name__ if raised else "decoded"] += 1
        if raised and not isinstance(result, JpegError):
            tally.different.append(f"{entry['name']}: {corpus.shown(result)}")
        elif seconds > max(10, 2 + corpus.pixels(entry) / 1e6):
            tally.different.append(f"{entry['name']}: {seconds:.1f} s")
        elif entry["features"]["sof"] == "LS" and "JPEG-LS" not in str(result):
            tally.different.append(f"{entry['name']}: {corpus.shown(result)}, not JPEG-LS")
    verdict = ", ".join(f"{name} {times}" for name, times in verdicts.most_common())
    count(f"corpus, all files, strict={strict}: {verdict}")
    passed(tally, count)
