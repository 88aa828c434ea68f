"""The table of a lab report: every picture through a codec at one quality, and the average.

Two forms of the same numbers: Markdown to read and paste, CSV to compute with. Times are left out, so that
the same pictures and codecs give the same table, byte for byte. `codec_eval.table_pairs` sets two codecs
against each other at equal bytes.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from codec_eval.codec import Codec
from codec_eval.points import RatePoint
from codec_eval.rate_distortion import measure_point
from codec_eval.similarity import MS_SSIM_SMALLEST_SIDE, SSIM_WINDOW
from codec_eval.table_cells import escaped, laid_out, means, numbers, values

__all__ = ["CSV_COLUMNS", "Section", "csv_table", "failures", "markdown_table", "measure_pictures"]

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
    "matched_to",
    "off_target",
    "error",
)

_HEADINGS = ("picture", "size", "bytes", "bpp", "N_compression", "PSNR dB", "SSIM", "MS-SSIM")
_LEGEND = (
    "bpp: bits of the file per pixel. N_compression: bytes of the file per byte of samples. PSNR over all "
    "samples. SSIM, MS-SSIM: mean over the channels. Averages are means over the pictures."
)


@dataclass(frozen=True)
class Section:
    """One codec at one setting: at a quality, or picture by picture at the bytes of another section.

    Parameters
    ----------
    points : sequence of RatePoint
        At least one; all of one codec, and of one quality unless there is a `reference`.
    reference : Section, optional
        Whose bytes were to be met, of the same pictures in the same order.
    """

    points: Sequence[RatePoint]
    reference: Section | None = None

    @property
    def codec(self) -> str:
        """The codec's specification."""
        return self.points[0].codec

    @property
    def title(self) -> str:
        """Codec and setting, in words."""
        if self.reference is None:
            return f"{self.codec}, quality {self.points[0].quality}"
        return f"{self.codec} at the bytes of {self.reference.title}"

    @property
    def measured(self) -> list[RatePoint]:
        """The points without an error."""
        return [point for point in self.points if not point.error]


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
        One of the codec's.
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


def markdown_table(section: Section, codec: Codec) -> str:
    """Lay out a codec at one quality as a section of Markdown.

    Parameters
    ----------
    section : Section
        Without a reference. Failed points are named below the table.
    codec : Codec
        For its description.

    Returns
    -------
    str
        Heading, description, table with the average in bold, notes; with a final line break.
    """
    measured = section.measured
    rows = [_HEADINGS, *map(_cells, measured)]
    if measured:
        rows.append(tuple(f"**{cell}**" if cell else "" for cell in _average_cells(measured)))
    parts = [f"## {section.title}", codec.description, laid_out(rows), *_notes(section.points, measured)]
    return "\n\n".join(parts) + "\n"


def failures(points: Sequence[RatePoint]) -> list[str]:
    """Return a note that names the failed points, or no note."""
    failed = [point for point in points if point.error]
    if not failed:
        return []
    listed = "\n".join(f"- {escaped(point.picture)}: {escaped(point.error)}" for point in failed)
    return [f"**Left out of table and average: {len(failed)} of {len(points)} pictures.**\n\n{listed}"]


def csv_table(sections: Iterable[Section]) -> str:
    """Lay out sections as CSV, an average after each.

    Parameters
    ----------
    sections : iterable of Section
        Failed points keep their row, with the message in the last column.

    Returns
    -------
    str
        The columns `CSV_COLUMNS`; the `picture` of an average is ``average``, and its `n_bytes` is empty.
        `matched_to` names codec and quality whose bytes were to be met, `off_target` by what fraction they
        were exceeded. Values that do not exist are empty cells.
    """
    stream = io.StringIO(newline="")
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(CSV_COLUMNS)
    for section in sections:
        other = section.reference
        matched_to = f"{other.codec}@{other.points[0].quality}" if other else ""
        wanted = [point.n_bytes for point in other.points] if other else [None] * len(section.points)
        for p, target in zip(section.points, wanted, strict=True):
            size = (p.width, p.height, p.channels) if p.width else ("", "", "")
            quality = "" if other and p.error else p.quality
            n_bytes = "" if p.n_bytes is None else p.n_bytes
            off = _rounded(p.n_bytes / target - 1) if p.n_bytes and target else ""
            row = map(_rounded, values(p))
            writer.writerow([p.picture, p.codec, quality, *size, n_bytes, *row, matched_to, off, p.error])
        if section.measured:
            quality = "" if other else section.points[0].quality
            row = map(_rounded, means(section.measured))
            writer.writerow(["average", section.codec, quality, *[""] * 4, *row, matched_to, "", ""])
    return stream.getvalue()


def _cells(point: RatePoint) -> tuple[str, ...]:
    size = f"{point.width}×{point.height}" + (" grey" if point.channels == 1 else "")
    return point.picture, size, f"{point.n_bytes:,}", *numbers(values(point))


def _average_cells(measured: Sequence[RatePoint]) -> tuple[str, ...]:
    return f"average of {len(measured)}", "", "", *numbers(means(measured))


def _rounded(value: float | None) -> str:
    return "" if value is None else f"{value:.6f}"


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
    return notes + failures(points)
