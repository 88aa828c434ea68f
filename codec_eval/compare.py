"""One picture through several codecs: what each file costs, what it keeps, and how long it takes.

`measure` runs one codec, `format_table` prints the measurements, `compare_bytes` says whether our files
are Pillow's, byte for byte. Rates come from the bytes of whole files, never from an estimate.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from codec_eval import metrics
from codec_eval.codec import Codec, Image, check_quality

__all__ = ["Measurement", "compare_bytes", "format_table", "measure"]

T = TypeVar("T")

_MOST_RUNS = 7
_TIMING_BUDGET = 1.0  # seconds for the timed runs of one direction: huge pictures get a single run


@dataclass(frozen=True)
class Measurement:
    """One codec at one quality on one picture.

    Parameters
    ----------
    codec : Codec
        Which.
    data : bytes
        The compressed file.
    decoded : ndarray of uint8, shape of the picture
        What `codec` decodes from it.
    bits_per_pixel, n_compression : float
        The rate, as in `codec_eval.metrics`.
    psnr : float
        In dB over all samples, infinite if nothing was lost.
    ssim : float or None
        Wang et al.'s, None for pictures smaller than its window.
    encode_seconds, decode_seconds : float
        Median of warm runs.
    quality : int
        That of `codec`.
    """

    codec: Codec
    data: bytes
    decoded: Image
    bits_per_pixel: float
    n_compression: float
    psnr: float
    ssim: float | None
    encode_seconds: float
    decode_seconds: float
    quality: int = 0


def measure(
    codec: Codec, image: Image, quality: int, *, step: Callable[[], object] | None = None
) -> Measurement:
    """Encode, decode, compare and time.

    Parameters
    ----------
    codec : Codec
        The codec.
    image : ndarray of uint8, shape (H, W) or (H, W, 3)
        The original.
    quality : int
        In the codec's range.
    step : callable, optional
        Called three times, after encoding, decoding and comparing, for a progress bar.

    Returns
    -------
    Measurement
        Times are medians of up to 7 runs after one that is not timed, or of as many as fit into a second.

    Raises
    ------
    ValueError
        If `quality` is out of range, or the decoded picture has another shape than the original.
    """
    check_quality(codec, quality)
    done = step or (lambda: None)
    data, encode_seconds = _median_seconds(lambda: codec.encode(image, quality))
    done()
    decoded, decode_seconds = _median_seconds(lambda: codec.decode(data))
    done()
    too_small = min(image.shape[:2]) < metrics.SSIM_WINDOW
    measurement = Measurement(
        codec=codec,
        data=data,
        decoded=decoded,
        bits_per_pixel=metrics.bits_per_pixel(len(data), image.shape),
        n_compression=metrics.n_compression(len(data), image.shape),
        psnr=metrics.psnr(image, decoded, data_range=255),
        ssim=None if too_small else metrics.ssim(image, decoded, data_range=255),
        encode_seconds=encode_seconds,
        decode_seconds=decode_seconds,
        quality=quality,
    )
    done()
    return measurement


def format_table(measurements: Sequence[Measurement]) -> str:
    """Lay measurements out as one table, numbers aligned on the right.

    Parameters
    ----------
    measurements : sequence of Measurement
        One a row.

    Returns
    -------
    str
        Lines without a final newline. An SSIM that does not exist is "–". Qualities are told where they are
        not all the same.
    """
    header: tuple[str, ...]
    header = ("codec", "bytes", "bpp", "N_compression", "PSNR dB", "SSIM", "encode ms", "decode ms")
    rows: list[tuple[str, ...]] = [
        (
            m.codec.name,
            f"{len(m.data):,}",
            f"{m.bits_per_pixel:.3f}",
            f"{m.n_compression:.4f}",
            f"{m.psnr:.2f}",
            "–" if m.ssim is None else f"{m.ssim:.4f}",
            f"{1e3 * m.encode_seconds:.2f}",
            f"{1e3 * m.decode_seconds:.2f}",
        )
        for m in measurements
    ]
    if len({m.quality for m in measurements}) > 1:
        header = (header[0], "quality", *header[1:])
        rows = [(row[0], str(m.quality), *row[1:]) for row, m in zip(rows, measurements)]
    widths = [max(len(cell) for cell in column) for column in zip(header, *rows)]
    lines = [
        "  ".join([row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:]))])
        for row in (header, *rows)
    ]
    return "\n".join([lines[0], "─" * len(lines[0]), *lines[1:]])


def compare_bytes(measurements: Sequence[Measurement]) -> str:
    """Say in one sentence whether our files are identical to Pillow's.

    Parameters
    ----------
    measurements : sequence of Measurement
        Pairs are found by name, ``jpeg-ours…`` and ``jpeg-pillow…``, and quality.

    Returns
    -------
    str
        The sentence; for files that differ it names the first byte that does.
    """
    by_name = {(m.codec.name, m.quality): m for m in measurements}
    pairs = [
        (m, by_name[peer])
        for (name, quality), m in by_name.items()
        if name.startswith("jpeg-ours")
        and (peer := (name.replace("jpeg-ours", "jpeg-pillow", 1), quality)) in by_name
    ]
    if not pairs:
        return "No file of Pillow's to compare our bytes with."
    differing = [
        f"{ours.codec.name} ({len(ours.data):,} bytes) and {peer.codec.name} ({len(peer.data):,}) "
        f"from byte {_first_difference(ours.data, peer.data):,} on"
        for ours, peer in pairs
        if ours.data != peer.data
    ]
    if differing:
        return f"Our bytes differ from Pillow's: {'; '.join(differing)}."
    sizes = ", ".join(f"all {len(ours.data):,} of {ours.codec.name}" for ours, _ in pairs)
    return f"Our bytes are identical to Pillow's: {sizes}."


def _median_seconds(call: Callable[[], T]) -> tuple[T, float]:
    """The result of `call` and the median time of its warm runs; at least one is timed."""
    result = call()
    times: list[float] = []
    while not times or (len(times) < _MOST_RUNS and sum(times) < _TIMING_BUDGET):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return result, statistics.median(times)


def _first_difference(a: bytes, b: bytes) -> int:
    """The offset of the first byte that differs, or the shorter length."""
    return next((i for i, (x, y) in enumerate(zip(a, b)) if x != y), min(len(a), len(b)))
