"""A report as Markdown, with its figures as PNG files in the folder ``figures`` beside it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from codec_eval.report_tables import (
    AVERAGES_NOTE,
    BD_MEASURES,
    BD_NOTE,
    Cell,
    Table,
    averages_tables,
    bd_matrix,
    failures_table,
    glance_table,
    per_picture_table,
    speed_table,
)
from codec_eval.report_words import facts, strip_sentence, title
from codec_eval.strip import Strip

if TYPE_CHECKING:
    from codec_eval.report import Report

__all__ = ["markdown", "markdown_table"]


def markdown(report: Report) -> str:
    """Lay a report out.

    Parameters
    ----------
    report : Report

    Returns
    -------
    str
        With all that the page has but the single measurements, which the CSV holds.
    """
    codecs = list(report.codecs)
    parts = [f"# {_text(title(report))}"]
    parts += _section(glance_table(report.averages, report.points, codecs, report.base))
    parts += ["## Rate–distortion curves", _text(report.anchors_note)]
    parts += [
        f"![{_text(figure.description)}](figures/{figure.measure.key}.png)" for figure in report.figures
    ]
    parts += ["## The same bits", *_strip(report.strip), _text(report.strip_note)]
    if len(codecs) > 1:
        parts += ["## BD-rate", _text(BD_NOTE)]
        for measure in BD_MEASURES:
            parts += _section(bd_matrix(report.averages, codecs, measure), 3)
    parts += _section(speed_table(report.points, codecs))
    if len(codecs) > 1:
        parts += _section(per_picture_table(report.points, codecs, report.base))
    parts.append("Every single measurement is a line of points.csv.")
    parts += ["## Averages", _text(AVERAGES_NOTE)]
    for table in averages_tables(report.averages):
        parts += _section(table, 3)
    parts += ["## How this was made", "\n".join(f"- **{_text(k)}**: {_text(v)}" for k, v in facts(report))]
    if report.failed:
        parts += _section(failures_table(report.failed))
    return "\n\n".join(part for part in parts if part) + "\n"


def markdown_table(table: Table) -> str:
    """Lay a table out with bars: the first column to the left, numbers to the right."""
    rule = [":--", *("--:" for _ in table.header[1:])]
    rows = [
        [_text(name) for name in table.header],
        rule,
        *([_cell(cell) for cell in row] for row in table.rows),
    ]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _section(table: Table, level: int = 2) -> list[str]:
    remarks = "\n".join(f"{number}. {_text(remark)}" for number, remark in enumerate(table.remarks, 1))
    return [f"{'#' * level} {_text(table.title)}", markdown_table(table), _text(table.note), remarks]


def _strip(strip: Strip | None) -> Sequence[str]:
    if strip is None:
        return ()
    names = ", ".join(panel.name for panel in strip.panels)
    return _text(strip_sentence(strip)), f"![{_text(f'The same piece: {names}')}](figures/same-bits.png)"


def _cell(cell: Cell) -> str:
    mark = f" [{cell.mark}]" if cell.mark else ""
    return _text(cell.text) + mark + (f"<br>{_text(cell.small)}" if cell.small else "")


def _text(text: str) -> str:
    """Words in which nothing means anything to Markdown."""
    text = " ".join(text.encode("utf-8", "replace").decode().split())
    for character in "\\`*_[]<>|":
        text = text.replace(character, f"\\{character}")
    return text
