"""The corpus of other people's JPEG files: which files are in which test, and how one is compared."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

import codec_data
import jpeg_cases as cases
import numpy as np
from jpeg_cases import Tally

import jpeg_from_scratch as jpeg

Entry = dict[str, Any]

ONLY_EOI_MISSING = "only EOI is missing"
FRACTIONAL = "fractional sampling ratio, legal by A.1.1"


def is_sequential(entry: Entry) -> bool:
    """Whether a file is baseline or extended sequential, Huffman, 8 bits, of one or three components."""
    features = entry["features"]
    return features.get("sof") in (0, 1) and features["precision"] == 8 and features["ncomp"] in (1, 3)


def sequential_files(manifest: Iterable[Entry]) -> list[Entry]:
    """Return the valid sequential files of which libjpeg-turbo's pixels are known."""
    return [e for e in manifest if e["kind"] == "valid" and is_sequential(e) and e["ref"].get("sha256")]


def damaged_sequential_files(manifest: Iterable[Entry]) -> list[Entry]:
    """Return the sequential files about which libjpeg-turbo warns, or which it refuses."""
    broken = [e for e in manifest if e["kind"] == "broken" and is_sequential(e)]
    return [e for e in broken if e["ref"].get("warnings") or e["ref"].get("err")]


def other_valid_files(manifest: Iterable[Entry]) -> list[Entry]:
    """Return the valid files of other processes, precisions and numbers of components."""
    valid = [e for e in manifest if e["kind"] == "valid" and e["features"]["sof"] is not None]
    return [e for e in valid if not is_sequential(e)]


def feature_words(entry: Entry) -> list[str]:
    """Return words of which the name of an unsupported feature contains at least one."""
    features = entry["features"]
    words = {
        2: ["progressive"],
        3: ["lossless"],
        9: ["arithmetic"],
        10: ["arithmetic", "progressive"],
        11: ["arithmetic", "lossless"],
    }.get(features["sof"], [])
    if features["sof"] in (5, 6, 7, 13, 14, 15) or features.get("hierarchical"):
        words += ["hierarchical", "differential"]
    if features["precision"] != 8:
        words.append(str(features["precision"]))
    if features["ncomp"] not in (1, 3):
        words.append("component")
    return words


def may_decode(entry: Entry) -> str:
    """Return why a damaged file may decode nevertheless; empty if it may not."""
    if entry["ref"].get("err") == "Fractional sampling not implemented yet":
        return FRACTIONAL
    if not entry["ref"].get("err") and set(entry["ref"]["warnings"]) == {"Premature end of JPEG file"}:
        return ONLY_EOI_MISSING
    return ""


def pixels(entry: Entry) -> int:
    """Return the number of pixels that the frame header declares."""
    return entry["features"]["width"] * entry["features"]["height"]


def shown(result: Any) -> str:
    """Return a short text for a picture or an exception."""
    if isinstance(result, Exception):
        return f"{type(result).__name__}: {result}"
    return f"decoded to {result.shape}"


def timed(function: Callable[[], Any]) -> tuple[Any, float]:
    """Return the result (or the exception) and the seconds that it took."""
    start = time.perf_counter()
    result = cases.attempt(function)
    return result, time.perf_counter() - start


def compare_pixels(entries: Sequence[Entry], backend: str) -> Tally:
    """Compare the digests of pixels; those of the library without SIMD are accepted too."""
    tally = Tally(f"corpus, pixels [{backend}]")
    for entry in entries:
        ref = entry["ref"]
        tally.tried += 1
        result = cases.attempt(partial(jpeg.decode, codec_data.jpeg_file(entry), backend=backend))
        if isinstance(result, Exception):
            tally.different.append(f"{entry['name']}: {shown(result)}")
        elif hashlib.sha256(result.tobytes()).hexdigest() not in (ref["sha256"], ref.get("sha256_no_simd")):
            features = entry["features"]
            shape = (ref["height"], ref["width"], ref["out_comp"])
            tally.different.append(
                f"{entry['name']}: other pixels ({result.shape}, theirs {shape}), "
                f"sampling {features['sampling']}, {features['scans']} scans, colour {features['colour']}"
            )
    return tally


def compare_coefficients(entries: Sequence[Entry]) -> Tally:
    """Compare the digests of quantised coefficients: int16 little-endian, natural order, no MCU padding."""
    tally = Tally("corpus, coefficients")
    for entry in entries:
        tally.tried += 1
        data = cases.attempt(partial(jpeg.read, codec_data.jpeg_file(entry)))
        if isinstance(data, Exception):
            tally.different.append(f"{entry['name']}: {shown(data)}")
            continue
        digest = hashlib.sha256()
        for i, blocks in enumerate(data.coefficients):
            rows, columns = data.block_shape(i)
            digest.update(np.ascontiguousarray(blocks[:rows, :columns]).astype("<i2").tobytes())
        if digest.hexdigest() != entry["ref"]["coef_sha256"]:
            shapes = [data.block_shape(i)[::-1] for i in range(len(data.coefficients))]
            tally.different.append(
                f"{entry['name']}: other coefficients, blocks {shapes}, theirs {entry['ref']['coef_blocks']}"
            )
    return tally
