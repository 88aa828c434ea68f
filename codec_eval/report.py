"""From the points of a sweep to a report: one HTML page, the same as Markdown, and the figures as files.

A report is made from what a sweep left, its CSV and the record of versions beside it, and from the folder
of pictures; the same input gives the same bytes. The folder is needed for the strip alone: without it the
rest is made, and the page says what is missing.

=====================  ===============================================================================
`report.py`            what is in a report: curves, tables, the strip, how it was made
`report_tables.py`     its tables
`report_page.py`       the HTML page: one file, no script, nothing fetched
`report_markdown.py`   the same as Markdown, with PNG figures beside it
=====================  ===============================================================================
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from codec_eval.anchors import KODAK_PICTURES, published_points
from codec_eval.averages import AveragePoint, average_points, common_pictures
from codec_eval.images import read_picture, write_atomically
from codec_eval.plots import render_png as render_strip
from codec_eval.points import RatePoint, read_points
from codec_eval.rate_control import Match, Target, match_quality
from codec_eval.rd_plots import MEASURES, NARROW, Curve, Measure, rd_figure, render_png, render_svg
from codec_eval.registry import make_codec
from codec_eval.report_markdown import markdown
from codec_eval.report_page import page
from codec_eval.strip import Strip, build_strip, strip_figure
from codec_eval.sweep_record import Settings, read_settings

__all__ = ["DRAWN_ANCHORS", "Figure", "Report", "build_report", "write_report"]

DRAWN_ANCHORS = ("vtm", "bpg-444", "mbt2018-mean", "bmshj2018-hyperprior", "bmshj2018-factorized", "jpeg")
"""The published curves that are drawn: more would hide each other."""

_STRIP_BPP = 0.5


@dataclass(frozen=True)
class Figure:
    """The curves of one measure.

    Parameters
    ----------
    measure : Measure
    description : str
        What is to be seen, for those who cannot.
    svg, narrow_svg : str
        As wide as half a page, and as a phone.
    png : bytes
    """

    measure: Measure
    description: str
    svg: str
    narrow_svg: str
    png: bytes


@dataclass(frozen=True)
class Report:
    """All that a report says; page and Markdown say it in their ways.

    Parameters
    ----------
    folder : str
        The name of the folder of pictures.
    points, failed : sequence of RatePoint
        The measurements, and those that came to nothing.
    averages : sequence of AveragePoint
    pictures, averaged : sequence of str
        All that were to be measured; those that the averages are taken over.
    codecs : dict of str to str
        Names in the order of the sweep, and what each one is.
    qualities : dict of str to list of int
    base : str
        The first codec: what the others are compared with at a glance.
    figures : sequence of Figure
    strip : Strip or None
    strip_note : str
        Why there is no strip, or who is missing in it.
    anchors_note : str
        What the grey curves are; "" where none was asked for.
    program : str
        What measured, with its version; "" where no record of the sweep says it.
    """

    folder: str
    points: Sequence[RatePoint]
    failed: Sequence[RatePoint]
    averages: Sequence[AveragePoint]
    pictures: Sequence[str]
    averaged: Sequence[str]
    codecs: dict[str, str]
    qualities: dict[str, list[int]]
    base: str
    figures: Sequence[Figure]
    strip: Strip | None
    strip_note: str
    anchors_note: str
    program: str


def write_report(points_csv: Path, folder: Path, out: Path, *, anchors: bool = False) -> list[Path]:
    """Make the report of a sweep.

    Parameters
    ----------
    points_csv : Path
        The table of points.
    folder : Path
        Where the pictures are.
    out : Path
        The folder to write into, made if needed.
    anchors : bool
        Whether published curves are drawn too. They are means over the 24 Kodak pictures, and the report says
        so if its own are not.

    Returns
    -------
    list of Path
        The page first, then Markdown, then the figures.

    Raises
    ------
    OSError
        If a file cannot be read or written; each is written whole or not at all.
    ValueError
        If the table is damaged, or no point in it succeeded.
    """
    report = build_report(points_csv, folder, anchors=anchors)
    figures = out / "figures"
    figures.mkdir(parents=True, exist_ok=True)
    files = {out / "report.html": page(report).encode(), out / "report.md": markdown(report).encode()}
    for figure in report.figures:
        files[figures / f"{figure.measure.key}.svg"] = figure.svg.encode()
        files[figures / f"{figure.measure.key}.png"] = figure.png
    if report.strip is not None:
        with _any_characters():
            files[figures / "same-bits.png"] = render_strip(strip_figure(report.strip))
    for path, data in files.items():
        write_atomically(path, data)
    return list(files)


def build_report(points_csv: Path, folder: Path, *, anchors: bool = False) -> Report:
    """Gather what the report says; parameters and errors are those of `write_report`."""
    points = list(read_points(points_csv))
    finished = [point for point in points if not point.error]
    if not finished:
        reasons = "; ".join(dict.fromkeys(point.error for point in points)) or "it is empty"
        raise ValueError(f"{points_csv}: no point was measured ({reasons})")
    codecs = list(dict.fromkeys(point.codec for point in points))
    measured = [codec for codec in codecs if any(point.codec == codec for point in finished)]
    averages = average_points(finished)
    pictures = list(dict.fromkeys(point.picture for point in points))
    settings = _settings(points_csv.parent)
    strip, strip_note = _strip(finished, measured, folder)
    common = common_pictures(finished)
    return Report(
        folder=folder.resolve().name,
        points=finished,
        failed=[point for point in points if point.error],
        averages=averages,
        pictures=pictures,
        averaged=[picture for picture in pictures if picture in common],
        codecs={codec: settings.codecs.get(codec) or _description(codec) for codec in codecs},
        qualities={c: sorted({point.quality for point in points if point.codec == c}) for c in codecs},
        base=measured[0],
        figures=_figures(averages, codecs, anchors),
        strip=strip,
        strip_note=strip_note,
        anchors_note=_anchors_note(pictures) if anchors else "",
        program=settings.program,
    )


def _figures(averages: Sequence[AveragePoint], codecs: Sequence[str], anchors: bool) -> list[Figure]:
    """One for each measure that any point has."""
    figures = []
    for measure in MEASURES:
        curves = [_curve(averages, codec, index, measure) for index, codec in enumerate(codecs)]
        curves = [curve for curve in curves if curve.points]
        if not curves:
            continue
        description = _describe(measure, curves)
        if anchors:
            curves += _anchor_curves(measure)
        with _any_characters():
            wide, narrow = rd_figure(measure, curves), rd_figure(measure, curves, width=NARROW)
            figures.append(
                Figure(measure, description, render_svg(wide), render_svg(narrow), render_png(wide))
            )
    return figures


def _curve(averages: Sequence[AveragePoint], codec: str, style: int, measure: Measure) -> Curve:
    points, notes = [], []
    for point in averages:
        value = measure.value(point)
        if point.codec == codec and value is not None:
            points.append((point.bpp, value))
            unit = f" {measure.unit}" if measure.unit else ""
            notes.append(
                f"{codec}, quality {point.quality}: {point.bpp:.3f} bpp, {measure.text(value)}{unit}"
            )
    return Curve(codec, points, style, notes)


def _anchor_curves(measure: Measure) -> list[Curve]:
    """The published curves; MS-SSIM only in dB, because near 1 the curves cannot be told apart."""
    if measure.key not in ("psnr", "ms-ssim-db"):
        return []
    anchors = [anchor for anchor in published_points() if anchor.codec in DRAWN_ANCHORS]
    curves = []
    for codec in DRAWN_ANCHORS:
        values = [(anchor.bpp, measure.value(anchor)) for anchor in anchors if anchor.codec == codec]
        curves.append(Curve(codec, [(rate, value) for rate, value in values if value is not None]))
    return curves


def _anchors_note(pictures: Sequence[str]) -> str:
    note = (
        "Thin grey curves are published results on the 24 Kodak pictures, drawn where ours are, with their "
        "authors' figures (learned codecs without file headers; jpeg with the Huffman tables of T.81)."
    )
    if set(pictures) == set(KODAK_PICTURES):
        return note
    return (
        f"{note} Caution: this report is not about those 24 pictures, so the grey curves show where the "
        "field is and are no comparison."
    )


def _describe(measure: Measure, curves: Sequence[Curve]) -> str:
    """The ends of each curve in words."""
    unit = f" {measure.unit}" if measure.unit else ""
    ends = [
        f"{curve.name} from {measure.text(low[1])}{unit} at {low[0]:.2f} to {measure.text(high[1])}{unit} at "
        f"{high[0]:.2f} bits per pixel"
        for curve in curves
        for low, high in [(min(curve.points), max(curve.points))]
    ]
    return f"{measure.label} over bits per pixel, means over the pictures: {'; '.join(ends)}."


def _settings(folder: Path) -> Settings:
    """What the sweep recorded about itself; nothing where its record is missing or damaged."""
    try:
        return read_settings(folder)
    except (OSError, ValueError):
        return Settings("", {}, {})


def _description(codec: str) -> str:
    try:
        return make_codec(codec).description
    except Exception as error:  # another person's codec may do anything; the points are there all the same
        return f"not to be made here, so its version is unknown ({' '.join(str(error).split())})"


def _strip(points: Sequence[RatePoint], codecs: Sequence[str], folder: Path) -> tuple[Strip | None, str]:
    """The strip of a typical picture at a rate that all codecs reached, or why there is none."""
    name = _typical_picture(points)
    rates = {
        codec: [p.bpp for p in points if p.codec == codec and p.picture == name and p.bpp is not None]
        for codec in codecs
    }
    absent = [codec for codec, values in rates.items() if not values]
    ranges = [(min(values), max(values)) for values in rates.values() if values]
    low, high = max(low for low, _ in ranges), min(high for _, high in ranges)
    if low > high:
        return None, f"No strip: on {name} the codecs have no rate in common."
    target = Target("bpp", _STRIP_BPP if low <= _STRIP_BPP <= high else float(f"{(low * high) ** 0.5:.2g}"))
    try:
        picture = read_picture(folder / name)
    except (OSError, ValueError) as error:
        return None, f"No strip: {name} cannot be read ({' '.join(str(error).split())})."
    matches: list[Match] = []
    missing = [f"{codec} (it failed on {name})" for codec in absent]
    for codec in codecs:
        if codec in absent:
            continue
        try:
            matches.append(match_quality(make_codec(codec), picture.pixels, target))
        except Exception as error:  # as above: the strip goes on without it
            missing.append(f"{codec} ({' '.join(str(error).split()) or type(error).__name__})")
    note = f"Missing here: {', '.join(missing)}." if missing else ""
    if not matches:
        return None, f"No strip. {note}"
    return build_strip(picture.name, picture.pixels, matches), note


def _typical_picture(points: Sequence[RatePoint]) -> str:
    """The picture that is neither easy nor hard: the median of the rates that pictures needed."""
    rates: dict[str, list[float]] = {}
    for point in points:
        rates.setdefault(point.picture, []).append(point.bpp or 0.0)
    complete = common_pictures(points) or set(rates)
    ordered = sorted(complete, key=lambda picture: (fmean(rates[picture]), picture))
    return ordered[(len(ordered) - 1) // 2]


def _any_characters() -> AbstractContextManager[object]:
    """A name may hold characters that the figures' font lacks: a box is drawn, and nothing is said."""
    return warnings.catch_warnings(action="ignore", category=UserWarning)
