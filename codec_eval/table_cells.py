"""What the tables of `codec-eval table` are made of: the numbers of a point, their means, cells, Markdown."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Sequence

from codec_eval.metrics import n_compression
from codec_eval.points import RatePoint

__all__ = ["escaped", "laid_out", "means", "numbers", "values"]

_DIGITS = (3, 4, 2, 4, 4)


def values(point: RatePoint) -> tuple[float | None, ...]:
    """Return bpp, N_compression, PSNR, SSIM and MS-SSIM of a point; None for what it lacks."""
    ratio = None
    if point.n_bytes is not None:
        ratio = n_compression(point.n_bytes, (point.height, point.width, point.channels))
    return point.bpp, ratio, point.psnr, point.ssim, point.ms_ssim


def means(points: Iterable[RatePoint]) -> list[float | None]:
    """Return the means of `values`, each over the points that have the value."""
    columns = zip(*map(values, points))
    there = [[value for value in column if value is not None] for column in columns]
    return [statistics.fmean(known) if known else None for known in there]


def numbers(row: Iterable[float | None]) -> tuple[str, ...]:
    """Return `values` or `means` as cells; "–" for None."""
    return tuple(_number(value, digits) for value, digits in zip(row, _DIGITS))


def laid_out(rows: Sequence[Sequence[str]], left: int = 1) -> str:
    """Return a table in Markdown: the first row as headings, the first `left` columns on the left."""
    rule = "|" + ":--|" * left + "--:|" * (len(rows[0]) - left)
    lines = [f"| {' | '.join(map(escaped, row))} |" for row in rows]
    return "\n".join([lines[0], rule, *lines[1:]])


def escaped(cell: str) -> str:
    """Return text on one line that cannot break a table."""
    return " ".join(cell.replace("\\", "\\\\").replace("|", "\\|").split())


def _number(value: float | None, digits: int) -> str:
    if value is None:
        return "–"
    return "∞" if math.isinf(value) else f"{value:.{digits}f}"
