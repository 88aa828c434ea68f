"""The tables of a report, as words and numbers; page and Markdown lay them out.

Every table says in its note what was averaged or compared, over what, and what is missing and why.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from codec_eval.averages import AveragePoint
from codec_eval.bd_rate import BdResult, bd_rate
from codec_eval.points import RatePoint
from codec_eval.rd_plots import MEASURES, Measure

__all__ = [
    "AVERAGES_NOTE",
    "BD_MEASURES",
    "BD_NOTE",
    "Cell",
    "Table",
    "averages_tables",
    "bd_matrix",
    "failures_table",
    "glance_table",
    "per_picture_table",
    "picture_points_table",
    "speed_table",
]

BY_KEY = {measure.key: measure for measure in MEASURES}
BD_MEASURES = (BY_KEY["psnr"], BY_KEY["ms-ssim-db"])
"""What a BD-rate is taken over: both are in dB, on which curves are nearly straight over log rate."""

_NO_VALUE = "–"


@dataclass(frozen=True)
class Cell:
    """One cell.

    Parameters
    ----------
    text : str
    small : str
        A second, smaller line.
    mark : int
        Number of the remark that belongs to it, 0 for none.
    tone : int
        From −3, much less, to 3, much more: how it may be tinted. The text says the same.
    """

    text: str
    small: str = ""
    mark: int = 0
    tone: int = 0


@dataclass(frozen=True)
class Table:
    """A table whose first column names the rows.

    Parameters
    ----------
    title : str
    header : sequence of str
    rows : sequence of sequences of Cell
    note : str
        How to read it.
    remarks : sequence of str
        Numbered from 1, for cells that have a mark.
    """

    title: str
    header: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    note: str = ""
    remarks: Sequence[str] = ()


AVERAGES_NOTE = (
    "Means over the pictures. PSNR in dB is the mean of the pictures' PSNRs, as the field quotes it; the "
    "PSNR of the mean MSE is another figure and stands beside it."
)
BD_NOTE = (
    "How many per cent more (+) or fewer (−) bits the codec of the row needs than the codec of the column "
    "for the same quality (Bjøntegaard's delta, monotone cubics of log rate): the mean over the interval "
    "that both curves cover. The interval stands below each figure, with the points that the row's and the "
    "column's curve have in it; another interval would give another figure. MS-SSIM is in dB, "
    "−10 log₁₀(1 − x)."
)


def bd_matrix(averages: Sequence[AveragePoint], codecs: Sequence[str], measure: Measure) -> Table:
    """Every codec against every other, at equal values of `measure`."""
    remarks: list[str] = []
    rows = []
    for judged in codecs:
        cells = [Cell(judged)]
        for base in codecs:
            if judged == base:
                cells.append(Cell("·"))
                continue
            result = _bd(averages, base, judged, measure)
            small = ""
            if isinstance(result, BdResult):
                low, high = result.interval
                small = f"{low:.1f}–{high:.1f} dB, {result.points_b}/{result.points_a} pts"
            cells.append(_bd_cell(result, remarks, small))
        rows.append(cells)
    return Table(
        f"At equal {measure.title}",
        ["codec ↓ against →", *codecs],
        rows,
        remarks=remarks,
    )


def glance_table(
    averages: Sequence[AveragePoint], points: Sequence[RatePoint], codecs: Sequence[str], base: str
) -> Table:
    """What most readers came for: bits against one codec, and speed."""
    remarks: list[str] = []
    rows = []
    for codec in codecs:
        cells = [Cell(codec)]
        for measure in BD_MEASURES:
            if codec == base:
                cells.append(Cell("reference"))
            else:
                cells.append(_bd_cell(_bd(averages, base, codec, measure), remarks))
        encode, decode = _speeds(points, codec)
        rows.append([*cells, Cell(_speed(encode)), Cell(_speed(decode))])
    return Table(
        "At a glance",
        ["codec", "bits at equal PSNR", "bits at equal MS-SSIM", "encode MP/s", "decode MP/s"],
        rows,
        f"Bits against {base} (BD-rate; fewer is better), speed in million pixels per second (median).",
        remarks,
    )


def per_picture_table(points: Sequence[RatePoint], codecs: Sequence[str], base: str) -> Table:
    """The BD-rate of each codec against one of them, picture by picture."""
    remarks: list[str] = []
    others = [codec for codec in codecs if codec != base]
    measure = BD_MEASURES[0]
    rows = []
    columns: dict[str, list[float]] = {codec: [] for codec in others}
    by_picture: dict[str, list[RatePoint]] = {}
    for point in points:
        by_picture.setdefault(point.picture, []).append(point)
    for picture, of_picture in by_picture.items():
        cells = [Cell(picture)]
        for codec in others:
            result = _bd(of_picture, base, codec, measure)
            cells.append(_bd_cell(result, remarks))
            if isinstance(result, BdResult):
                columns[codec].append(result.percent)
        rows.append(cells)
    rows.append([Cell("median"), *(_percent_cell(_median(columns[codec])) for codec in others)])
    return Table(
        "BD-rate by picture",
        ["picture", *others],
        rows,
        f"Bits against {base} at equal PSNR (RGB), on each picture's own curve. The spread is the reason why "
        "a claim from one picture is none.",
        remarks,
    )


def speed_table(points: Sequence[RatePoint], codecs: Sequence[str]) -> Table:
    """Encoding and decoding speed of each codec."""
    rows = []
    for codec in codecs:
        timed = [point for point in points if point.codec == codec and point.encode_seconds is not None]
        encode, decode = _speeds(points, codec)
        rows.append(
            [
                Cell(codec),
                Cell(_speed(_median(encode)), _range(encode)),
                Cell(_speed(_median(decode)), _range(decode)),
                Cell(f"{len(timed):,}"),
            ]
        )
    return Table(
        "Speed",
        ["codec", "encode MP/s", "decode MP/s", "points"],
        rows,
        "Million pixels per second: median over all pictures and qualities, below it the slowest and the "
        "fastest. Timed is the codec's call alone, from samples in memory to the bytes of a file and back, "
        "once for each point after a run that is not timed. Points that were measured side by side shared "
        "caches and memory: compare the rows with each other, not with other machines.",
    )


def averages_tables(averages: Sequence[AveragePoint]) -> list[Table]:
    """Every point of the curves, a table for each codec."""
    header = ["quality", "bpp", "PSNR", "of mean MSE", "luma", "SSIM", "MS-SSIM", "MS-SSIM dB", "pictures"]
    tables = []
    for codec in dict.fromkeys(point.codec for point in averages):
        rows = [
            [
                Cell(str(point.quality)),
                Cell(f"{point.bpp:.3f}"),
                Cell(BY_KEY["psnr"].text(point.psnr)),
                Cell(BY_KEY["psnr"].text(point.psnr_of_mean_mse)),
                *(Cell(measure.text(measure.value(point))) for measure in MEASURES[1:]),
                Cell(str(point.pictures)),
            ]
            for point in averages
            if point.codec == codec
        ]
        tables.append(Table(codec, header, rows))
    return tables


def picture_points_table(points: Sequence[RatePoint], picture: str) -> Table:
    """Every measurement of one picture."""
    rows = [
        [
            Cell(point.codec),
            Cell(str(point.quality)),
            Cell(f"{point.n_bytes:,}"),
            Cell(f"{point.bpp:.3f}"),
            *(Cell(measure.text(measure.value(point))) for measure in MEASURES[:4]),
            Cell(_milliseconds(point.encode_seconds)),
            Cell(_milliseconds(point.decode_seconds)),
        ]
        for point in points
        if point.picture == picture
    ]
    header = [
        "codec",
        "quality",
        "bytes",
        "bpp",
        "PSNR",
        "PSNR luma",
        "SSIM",
        "MS-SSIM",
        "encode ms",
        "decode ms",
    ]
    return Table(picture, header, rows)


def failures_table(failed: Sequence[RatePoint]) -> Table:
    """What could not be measured, and why."""
    rows = [[Cell(p.picture), Cell(p.codec), Cell(str(p.quality)), Cell(p.error)] for p in failed]
    return Table("Failures", ["picture", "codec", "quality", "reason"], rows)


def _bd(points: Sequence[Any], base: str, judged: str, measure: Measure) -> BdResult | str:
    """The BD-rate of one codec against another, or why there is none."""
    curves = []
    for codec in (base, judged):
        values = [(p.bpp, measure.value(p)) for p in points if p.codec == codec]
        known = [(rate, value) for rate, value in values if rate is not None and value is not None]
        if not known:
            return f"no value of {measure.title} for {codec}"
        curves += [[rate for rate, _ in known], [value for _, value in known]]
    try:
        return bd_rate(*curves)
    except ValueError as error:
        message = str(error).replace("curve a ", f"{base} ").replace("curve b ", f"{judged} ")
        return f"{judged} against {base}: {message}"


def _bd_cell(result: BdResult | str, remarks: list[str], small: str = "") -> Cell:
    """A cell of a figure, or of a refusal with its reason among the remarks."""
    if isinstance(result, BdResult):
        return _percent_cell(result.percent, small)
    if result not in remarks:
        remarks.append(result)
    return Cell(_NO_VALUE, mark=remarks.index(result) + 1)


def _percent_cell(percent: float | None, small: str = "") -> Cell:
    if percent is None:
        return Cell(_NO_VALUE)
    text = f"{abs(percent):.1f} %"
    sign = "" if text == "0.0 %" else ("−" if percent < 0 else "+")
    # Tones by ratio, so that −50 % is as far from 0 as +100 %.
    strength = abs(math.log2(max(1 + percent / 100, 1e-9)))
    tone = 0 if not sign else 1 if strength < 0.2 else 2 if strength < 0.6 else 3
    return Cell(sign + text, small, tone=-tone if percent < 0 else tone)


def _speeds(points: Sequence[RatePoint], codec: str) -> tuple[list[float], list[float]]:
    """Million pixels per second of each of the codec's points: encoding, decoding."""

    def rates(seconds: Callable[[RatePoint], float | None]) -> list[float]:
        return [
            point.width * point.height / 1e6 / taken
            for point in points
            if point.codec == codec and (taken := seconds(point))
        ]

    return rates(lambda point: point.encode_seconds), rates(lambda point: point.decode_seconds)


def _median(values: Sequence[float]) -> float | None:
    return statistics.median(values) if values else None


def _speed(values: float | Sequence[float] | None) -> str:
    """Three figures that count."""
    value = values if values is None or isinstance(values, (int, float)) else _median(values)
    if value is None:
        return _NO_VALUE
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def _range(values: Sequence[float]) -> str:
    return f"{_speed(min(values))}–{_speed(max(values))}" if values else ""


def _milliseconds(seconds: float | None) -> str:
    return _NO_VALUE if seconds is None else f"{1e3 * seconds:.1f}"
