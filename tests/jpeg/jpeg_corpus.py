"""The corpus of other people's JPEG files: which files are in which test, and how one is compared."""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

import codec_data
import jpeg_cases as cases
import numpy as np
import numpy.typing as npt
from jpeg_cases import Tally

import jpeg_from_scratch as jpeg
from jpeg_from_scratch.backend import get_backend
from jpeg_from_scratch.decoder import to_planes
from jpeg_from_scratch.reader import MAX_MEMORY, MAX_PIXELS, MAX_SCANS, Limits, Reader

Entry = dict[str, Any]

ONLY_EOI_MISSING = "only EOI is missing"
FRACTIONAL = "fractional sampling ratio, legal by A.1.1"

# The samples of this file are those of a twin that is not in the corpus; this is the picture of both.
TWIN = {
    "valid/d1e2b66272_jpegsuite-lossless-arithmetic-32x32x8-dnl.jpg": "lossless-huffman-32x32x8-grayscale.jpg"
}
TABLES_ONLY = "valid/48d3dc5026_pylibjpeg-data-B1-JPG.jpg"
MANY_COMPONENTS = "valid/b07e02e8ff_pylibjpeg-data-B2-JPG.jpg"


def valid_files(manifest: Iterable[Entry]) -> list[Entry]:
    """Return the valid files that are pictures: all but one of tables and one of 255 components."""
    return [e for e in manifest if e["kind"] == "valid" and e["name"] not in (TABLES_ONLY, MANY_COMPONENTS)]


def sequential_files(manifest: Iterable[Entry]) -> list[Entry]:
    """Return the valid 8-bit files of one or three components in the processes SOF0 and SOF1."""
    return [
        e
        for e in valid_files(manifest)
        if e["features"]["sof"] in (0, 1) and e["features"]["precision"] == 8
        if e["features"]["ncomp"] in (1, 3) and e["ref"].get("sha256")
    ]


def damaged_files(manifest: Iterable[Entry]) -> list[Entry]:
    """Return the files about which libjpeg-turbo warns, or which it refuses."""
    return [
        e for e in manifest if e["kind"] == "broken" and (e["ref"].get("warnings") or e["ref"].get("err"))
    ]


def rescued_files(manifest: Iterable[Entry]) -> list[Entry]:
    """Return the damaged files that libjpeg-turbo decodes with warnings."""
    return [e for e in damaged_files(manifest) if e["ref"]["status"] == "ok"]


def process(entry: Entry) -> str:
    """Return the process of a file, ``"SOF2"``."""
    return f"SOF{entry['features']['sof']}"


def counts(entries: Iterable[Entry]) -> str:
    """Return how many files there are of each process."""
    found = Counter(process(entry) for entry in entries)
    return ", ".join(f"{name} {found[name]}" for name in sorted(found, key=lambda name: (len(name), name)))


def may_decode(entry: Entry) -> str:
    """Return why a damaged file may decode nevertheless; empty if it may not."""
    if entry["ref"].get("err") == "Fractional sampling not implemented yet":
        return FRACTIONAL
    if not entry["ref"].get("err") and set(entry["ref"]["warnings"]) == {"Premature end of JPEG file"}:
        return ONLY_EOI_MISSING
    return ""


def pixel_digests(entry: Entry, manifest: Iterable[Entry]) -> set[str]:
    """Return the digests of pixels that are right, with vector code or without, or of a twin.

    A lossless file in YCbCr, which libjpeg-turbo does not convert, has its stored samples.
    """
    ref = entry["ref"]
    derived = ref.get("derived", {})
    digests = {ref.get("sha256"), ref.get("sha256_no_simd"), derived.get("sha256"), derived.get("up_sha256")}
    if entry["features"]["sof"] == 3:
        digests.add(ref.get("up_sha256"))
    if entry["name"] in TWIN:
        digests |= {e["ref"]["up_sha256"] for e in manifest if e["name"].endswith(TWIN[entry["name"]])}
    return digests - {None}


def pixels(entry: Entry) -> int:
    """Return the number of pixels that the frame header declares."""
    return (entry["features"]["width"] or 0) * (entry["features"]["height"] or 0)


def shown(result: Any) -> str:
    """Return a short text for a picture or an exception."""
    if isinstance(result, Exception):
        return f"{type(result).__name__}: {result}"
    return f"decoded to {result.shape}"


def timed(function: Callable[[], Any]) -> tuple[Any, float]:
    """Return the result (or the exception) and the seconds that it took.

    By the clock; on a machine that is busy with something else by what this process used of its processors,
    but by a quarter of the clock at least, so that a decoder that waits for nothing is found.
    """
    start = time.perf_counter(), time.process_time()
    result = cases.attempt(function)
    elapsed, used = time.perf_counter() - start[0], time.process_time() - start[1]
    return result, min(elapsed, max(used, elapsed / 4))


def compare_pixels(
    title: str, entries: Sequence[Entry], manifest: Iterable[Entry], backend: str, strict: bool = True
) -> Tally:
    """Compare the digests of pixels."""
    tally = Tally(f"{title} [{backend}]")
    for entry in entries:
        tally.tried += 1
        data = codec_data.jpeg_file(entry)
        result = cases.attempt(partial(jpeg.decode, data, strict=strict, backend=backend))
        if isinstance(result, Exception):
            tally.different.append(f"{entry['name']}: {shown(result)}")
        elif digest(result) not in pixel_digests(entry, manifest):
            tally.different.append(
                f"{entry['name']}: other pixels ({result.dtype} {result.shape}), {process(entry)}, "
                f"sampling {entry['features']['sampling']}, colour {entry['features']['colour']}"
            )
    return tally


def digest(array: npt.NDArray[Any]) -> str:
    """Return the digest of samples as the manifest has it: little-endian."""
    return hashlib.sha256(np.ascontiguousarray(array, array.dtype.newbyteorder("<")).tobytes()).hexdigest()


def reader_of(entry: Entry, backend: str, strict: bool = True) -> Reader:
    """Return a reader that has read a file."""
    limits = Limits(MAX_PIXELS, MAX_SCANS, MAX_MEMORY)
    reader = Reader(codec_data.jpeg_file(entry), limits, get_backend(backend), strict)
    reader.read()
    return reader


def compare_planes(title: str, entries: Sequence[Entry], backend: str) -> Tally:
    """Compare the digests of planes before upsampling, where the manifest has them."""
    tally = Tally(f"{title} [{backend}]")
    for entry in entries:
        wanted = {entry["ref"].get("planes_sha256"), entry["ref"].get("planes_sha256_no_simd")} - {None}
        if not wanted or "sha256_no_simd" in entry["ref"]:
            continue
        tally.tried += 1
        planes, _ = to_planes(reader_of(entry, backend), get_backend(backend))
        if digest(np.concatenate([plane.ravel() for plane in planes])) not in wanted:
            tally.different.append(f"{entry['name']}: other planes {[plane.shape for plane in planes]}")
    return tally


def compare_coefficients(title: str, entries: Sequence[Entry], strict: bool = True) -> Tally:
    """Compare the digests of quantised coefficients: int16 little-endian, natural order, no MCU padding."""
    tally = Tally(title)
    for entry in entries:
        if not entry["ref"].get("coef_sha256"):
            continue
        tally.tried += 1
        data = cases.attempt(partial(jpeg.read, codec_data.jpeg_file(entry), strict=strict))
        if isinstance(data, Exception):
            tally.different.append(f"{entry['name']}: {shown(data)}")
            continue
        found = hashlib.sha256()
        for i, blocks in enumerate(data.coefficients):
            rows, columns = data.block_shape(i)
            found.update(np.ascontiguousarray(blocks[:rows, :columns]).astype("<i2").tobytes())
        if found.hexdigest() != entry["ref"]["coef_sha256"]:
            shapes = [data.block_shape(i)[::-1] for i in range(len(data.coefficients))]
            tally.different.append(
                f"{entry['name']}: other coefficients, blocks {shapes}, theirs {entry['ref']['coef_blocks']}"
            )
    return tally
