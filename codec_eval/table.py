"""The table of a lab report: every picture of a folder through a codec at one quality, and the average.

Two forms of the same numbers: Markdown to read and paste, CSV to compute with. Times are left out, so that
the same pictures and codecs give the same table, byte for byte.
"""

from __future__ import annotations

import csv
import io
import math
import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from codec_eval.codec import Codec
from codec_eval.metrics import n_compression
from codec_eval.points import RatePoint
from codec_eval.rate_distortion import measure_point
from codec_eval.similarity import MS_SSIM_SMALLEST_SIDE, SSIM_WINDOW

__all__ = ["CSV_COLUMNS", "csv_table", "markdown_table", "measure_pictures"]

CSV_COLUMNS = (
    "picture",
    "codec",
    "quality",
    "width",
    "height",
    "channels",
    "n_bytes",
    "bpp",
    "n_compression",
    "psnr",
    "ssim",
    "ms_ssim",
    "error",
)

_HEADINGS = ("picture", "size", "bytes", "bpp", "N_compression", "PSNR dB", "SSIM", "MS-SSIM")
_LEGEND = (
    "bpp: bits of the file per pixel. N_compression: bytes of the file per byte of samples. PSNR over all "
    "samples. SSIM, MS-SSIM: mean over the channels. Averages are means over the pictures."
)


def measure_pictures(
    paths: Iterable[Path], codec_spec: str, quality: int, *, step: Callable[[RatePoint], object] | None = None
) -> list[RatePoint]:
    """Measure pictures one after another; failed points are among the result, with their `error`.

    Parameters
    ----------
    paths : iterable of Path
        Of the pictures.
    codec_spec : str
        What `codec_eval.registry.make_codec` understands.
    quality : int
        In the codec's range.
    step : callable, optional
        Called with each point, for a progress bar.

    Returns
    -------
    list of RatePoint
        In the order of `paths`.
    """
    points = []
    for path in paths:
        point = measure_point(path, codec_spec, quality)
        # Without the way to the folder, the table of the same pictures is the same elsewhere.
        points.append(replace(point, error=point.error.removeprefix(f"{path}: ")))
        if step is not None:
            step(points[-1])
    return points


def markdown_table(points: Sequence[RatePoint], codec: Codec) -> str:
    """Lay out the points of one codec at one quality as a section of Markdown.

    Parameters
    ----------
    points : sequence of RatePoint
        Of one codec and quality, at least one. Failed ones are named below the table.
    codec : Codec
        For its description.

    Returns
    -------
    str
        Heading, description, table with the average in bold, notes; with a final line break.
    """
    measured = [point for point in points if not point.error]
    rows = [_HEADINGS, *map(_cells, measured)]
    if measured:
        rows.append(tuple(f"**{cell}**" if cell else "" for cell in _average_cells(measured)))
    rule = "|:--|" + "--:|" * (len(_HEADINGS) - 1)
    lines = [f"| {' | '.join(map(_escaped, row))} |" for row in rows]
    heading = f"## {points[0].codec}, quality {points[0].quality}"
    parts = [heading, codec.description, "\n".join([lines[0], rule, *lines[1:]]), *_notes(points, measured)]
    return "\n\n".join(parts) + "\n"


def csv_table(points: Iterable[RatePoint]) -> str:
    """Lay out points as CSV, an average after each codec.

    Parameters
    ----------
    points : iterable of RatePoint
        Those of a codec together. Failed ones keep their row, with the message in the last column.

    Returns
    -------
    str
        The columns `CSV_COLUMNS`; the `picture` of an average is ``average``, and its `n_bytes` is empty.
        Values that do not exist are empty cells.
    """
    groups: dict[str, list[RatePoint]] = {}
    for point in points:
        groups.setdefault(point.codec, []).append(point)
    stream = io.StringIO(newline="")
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(CSV_COLUMNS)
    for group in groups.values():
        for p in group:
            size = (p.width, p.height, p.channels) if p.width else ("", "", "")
            n_bytes = "" if p.n_bytes is None else p.n_bytes
            numbers = [_rounded(value) for value in _values(p)]
            writer.writerow([p.picture, p.codec, p.quality, *size, n_bytes, *numbers, p.error])
        measured = [point for point in group if not point.error]
        if measured:
            numbers = [_rounded(value) for value in _averages(measured)]
            writer.writerow(["average", group[0].codec, group[0].quality, "", "", "", "", *numbers, ""])
    return stream.getvalue()


def _values(point: RatePoint) -> tuple[float | None, ...]:
    """Bpp, N_compression, PSNR, SSIM, MS-SSIM."""
    ratio = None
    if point.n_bytes is not None:
        ratio = n_compression(point.n_bytes, (point.height, point.width, point.channels))
    return point.bpp, ratio, point.psnr, point.ssim, point.ms_ssim


def _averages(measured: Sequence[RatePoint]) -> list[float | None]:
    """The means of `_values`, each over the pictures that have the value."""
    columns = zip(*map(_values, measured))
    there = [[value for value in column if value is not None] for column in columns]
    return [statistics.fmean(values) if values else None for values in there]


def _cells(point: RatePoint) -> tuple[str, ...]:
    size = f"{point.width}×{point.height}" + (" grey" if point.channels == 1 else "")
    return point.picture, size, f"{point.n_bytes:,}", *_numbers(_values(point))


def _average_cells(measured: Sequence[RatePoint]) -> tuple[str, ...]:
    return f"average of {len(measured)}", "", "", *_numbers(_averages(measured))


def _numbers(values: Iterable[float | None]) -> tuple[str, ...]:
    return tuple(_number(value, digits) for value, digits in zip(values, (3, 4, 2, 4, 4)))


def _number(value: float | None, digits: int) -> str:
    if value is None:
        return "–"
    return "∞" if math.isinf(value) else f"{value:.{digits}f}"


def _rounded(value: float | None) -> str:
    return "" if value is None else f"{value:.6f}"


def _escaped(cell: str) -> str:
    """A cell that cannot break the table."""
    return " ".join(cell.replace("\\", "\\\\").replace("|", "\\|").split())


def _notes(points: Sequence[RatePoint], measured: Sequence[RatePoint]) -> list[str]:
    """What to know when reading the table: the legend, what failed, what is too small."""
    notes = [_LEGEND]
    for label, attribute, side in (
        ("SSIM", "ssim", SSIM_WINDOW),
        ("MS-SSIM", "ms_ssim", MS_SSIM_SMALLEST_SIDE),
    ):
        small = sum(getattr(point, attribute) is None for point in measured)
        if small:
            notes.append(f"Note: {small} of {len(measured)} pictures are under {side}×{side}: no {label}.")
    failed = [point for point in points if point.error]
    if failed:
        listed = "\n".join(f"- {_escaped(point.picture)}: {_escaped(point.error)}" for point in failed)
        notes.append(
            f"**Left out of table and average: {len(failed)} of {len(points)} pictures.**\n\n{listed}"
        )
    return notes
