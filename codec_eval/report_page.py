"""A report as one HTML page that needs nothing else: figures are inline SVG, pictures are in the text.

No script, no request, system fonts, dark on white. On a phone nothing but the tables scrolls sideways, each
in its own box with its first column standing; figures come in two widths, of which the style sheet shows one.
On paper the page is the same, without its contents list and the single measurements.
"""

from __future__ import annotations

import base64
import html
from collections.abc import Sequence
from typing import TYPE_CHECKING

from codec_eval.inline_svg import inline_svg
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
    picture_points_table,
    speed_table,
)
from codec_eval.report_words import count, facts, strip_sentence, title
from codec_eval.strip import GAIN, Panel, Strip, encode_png

if TYPE_CHECKING:
    from codec_eval.report import Figure, Report

__all__ = ["MOST_POINTS", "page"]

MOST_POINTS = 4000
"""With more measurements than these, the page leaves single ones to the CSV and says so."""

_STYLE = """
:root { color-scheme: light; --ink: #1a1a1a; --faint: #595959; --rule: #dcdcdc; --zoom: 2; }
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body { margin: 0; background: #fff; color: var(--ink); font: 16px/1.55 system-ui, sans-serif; }
main { max-width: 1152px; margin: 0 auto; padding: 24px 16px 64px; }
h1 { font-size: 1.8rem; line-height: 1.2; margin: 0 0 .4em; text-wrap: balance; }
h2 { font-size: 1.3rem; line-height: 1.25; margin: 2.6em 0 .6em; padding-top: .5em;
  border-top: 2px solid var(--ink); }
h3 { font-size: 1.05rem; margin: 1.8em 0 .5em; }
p, dl, ol { max-width: 75ch; margin: .6em 0; }
a { color: #005a9c; }
.lede { font-size: 1.05rem; color: var(--faint); }
nav ul { list-style: none; display: flex; flex-wrap: wrap; gap: .2em 1.2em; margin: 1em 0; padding: 0; }
.note, .remarks { font-size: .875rem; color: var(--faint); }
.remarks { padding-left: 1.6em; }
.scroll { overflow-x: auto; margin: .8em 0; }
.scroll:focus-visible { outline: 2px solid #005a9c; outline-offset: 2px; }
table { border-collapse: collapse; font-size: .875rem; line-height: 1.35;
  font-variant-numeric: tabular-nums; }
th, td { padding: .38em .75em; text-align: right; white-space: nowrap; border-bottom: 1px solid var(--rule); }
thead th { vertical-align: bottom; border-bottom: 2px solid var(--ink); }
th:first-child { text-align: left; position: sticky; left: 0; background: #fff; padding-left: 0; }
tbody th { font-weight: 600; }
td small { display: block; color: #404040; font-size: .72rem; }
.words td, .words th { text-align: left; }
.words td:last-child { white-space: normal; min-width: 16em; }
.less-1 { background: #e6f1f9; } .less-2 { background: #cce4f4; } .less-3 { background: #a9d3ee; }
.more-1 { background: #fdf0e0; } .more-2 { background: #fae0bf; } .more-3 { background: #f6cb96; }
.curves { display: grid; gap: 24px 32px;
  grid-template-columns: repeat(auto-fit, minmax(min(100%, 460px), 1fr)); }
.curves figure { margin: 0; max-width: 640px; }
.curves svg { display: block; width: 100%; height: auto; }
.narrow { display: none; }
.strip { display: flex; flex-wrap: wrap; gap: 16px 8px; margin: 1em 0; }
.strip figure { margin: 0; width: calc(var(--across) * var(--zoom) * 1px); min-width: 152px; }
.strip img { display: block; width: calc(var(--across) * var(--zoom) * 1px); margin-bottom: 4px;
  height: calc(var(--down) * var(--zoom) * 1px); image-rendering: pixelated; }
.strip img.whole { object-fit: contain; object-position: 0 0; image-rendering: auto; }
.strip figcaption { font-size: .8125rem; line-height: 1.35; color: var(--faint); }
.strip b { display: block; color: var(--ink); overflow-wrap: anywhere; }
details { border-bottom: 1px solid var(--rule); }
summary { cursor: pointer; padding: .45em 0; }
dt { font-weight: 600; overflow-wrap: anywhere; }
dd { margin: 0 0 .7em; overflow-wrap: anywhere; }
@media (min-width: 720px) { :root { --zoom: 3; } }
@media (max-width: 599px) {
  h1 { font-size: 1.5rem; }
  .wide { display: none; } .narrow { display: block; }
  th, td { padding: .4em .5em; }
  thead th { white-space: normal; }
  th:first-child { white-space: normal; min-width: 6.8em; max-width: 8.5em; overflow-wrap: break-word; }
}
@media print {
  @page { margin: 14mm; }
  :root { --zoom: 1.75; }
  .strip figure { min-width: 0; }
  body { font-size: 10pt; }
  main { max-width: none; padding: 0; }
  nav, .singly { display: none; }
  h2 { margin-top: 1.6em; }
  h2, h3, thead { break-after: avoid; }
  figure, tr { break-inside: avoid; }
  .scroll { overflow: visible; }
  table { font-size: 7.5pt; }
  th, td { padding: .3em .5em; }
  td small { font-size: 6pt; white-space: normal; }
  thead th, th:first-child { white-space: normal; }
  .curves { grid-template-columns: 1fr 1fr; gap: 12px 16px; }
  .wide { display: block; } .narrow { display: none; }
  .less-1, .less-2, .less-3, .more-1, .more-2, .more-3 { print-color-adjust: exact; }
}
"""


def page(report: Report) -> str:
    """Lay a report out.

    Parameters
    ----------
    report : Report

    Returns
    -------
    str
        An HTML document.
    """
    codecs = list(report.codecs)
    sections = [
        ("glance", "At a glance", _table(glance_table(report.averages, report.points, codecs, report.base))),
        ("curves", "Rate–distortion curves", _curves(report)),
        ("bits", "The same bits", _strip(report)),
        ("bd", "BD-rate", _bd(report, codecs)),
        ("speed", "Speed", _table(speed_table(report.points, codecs))),
        ("pictures", "By picture", _pictures(report, codecs)),
        ("averages", "Averages", _averages(report)),
        ("made", "How this was made", _made(report)),
    ]
    heading = _text(title(report))
    links = "".join(f'<li><a href="#{key}">{name}</a></li>' for key, name, _ in sections)
    body = "\n".join(
        f'<section id="{key}" aria-labelledby="{key}-heading">\n<h2 id="{key}-heading">{name}</h2>\n'
        f"{content}\n</section>"
        for key, name, content in sections
    )
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{heading}</title>
<link rel="icon" href="data:,">
<style>{_STYLE}</style>
</head>
<body>
<main>
<h1>{heading}</h1>
<p class="lede">{_lede(report)}</p>
<nav aria-label="Contents"><ul>{links}</ul></nav>
{body}
</main>
</body>
</html>
"""


def _lede(report: Report) -> str:
    failed = f", {count(len(report.failed), 'failure')} listed below" if report.failed else ""
    return _text(
        f"Rate, distortion and speed from {count(len(report.points), 'measurement')}{failed}. Rates are made "
        "from the bytes of whole files."
    )


def _curves(report: Report) -> str:
    figures = "\n".join(_figure(figure) for figure in report.figures)
    return f'{_note(report.anchors_note)}<div class="curves">\n{figures}\n</div>'


def _figure(figure: Figure) -> str:
    """Both widths of a figure; a reader sees one, and a screen reader too."""
    drawings = "".join(
        f'<div class="{shown}">'
        + inline_svg(
            svg,
            prefix=f"{figure.measure.key}-{shown}",
            title=f"Rate–distortion curves: {figure.measure.label}",
            description=figure.description,
        )
        + "</div>"
        for shown, svg in (("wide", figure.svg), ("narrow", figure.narrow_svg))
    )
    return f"<figure>{drawings}</figure>"


def _strip(report: Report) -> str:
    if report.strip is None:
        return _note(report.strip_note)
    down, across = report.strip.size
    panels = "\n".join(_panel(panel, report.strip) for panel in report.strip.panels)
    return (
        f"<p>{_text(strip_sentence(report.strip))}</p>{_note(report.strip_note)}"
        f'<div class="strip" style="--across:{across};--down:{down}">\n{panels}\n</div>'
    )


def _panel(panel: Panel, strip: Strip) -> str:
    if panel is strip.panels[0]:
        alternatives = "The piece of the original.", "The whole picture; a frame shows where the piece is."
        kind = ' class="whole"'
    else:
        alternatives = f"The piece from {panel.name}.", f"What {panel.name} lost of it, {GAIN}× amplified."
        kind = ""
    first = _image(encode_png(panel.crop), alternatives[0])
    second = _image(encode_png(panel.below), alternatives[1], kind)
    lines = "<br>".join(map(_text, panel.caption))
    return f"<figure>{first}{second}<figcaption><b>{_text(panel.name)}</b>{lines}</figcaption></figure>"


def _image(png: bytes, alternative: str, attributes: str = "") -> str:
    data = base64.b64encode(png).decode()
    return f'<img{attributes} alt="{_text(alternative)}" src="data:image/png;base64,{data}">'


def _bd(report: Report, codecs: list[str]) -> str:
    if len(codecs) < 2:
        return _note("With one codec there is nothing to compare.")
    return _note(BD_NOTE) + _titled([bd_matrix(report.averages, codecs, measure) for measure in BD_MEASURES])


def _averages(report: Report) -> str:
    return _note(AVERAGES_NOTE) + _titled(averages_tables(report.averages))


def _titled(tables: Sequence[Table]) -> str:
    return "\n".join(f"<h3>{_text(table.title)}</h3>\n{_table(table)}" for table in tables)


def _pictures(report: Report, codecs: list[str]) -> str:
    parts = []
    if len(codecs) > 1:
        parts.append(_table(per_picture_table(report.points, codecs, report.base)))
    if len(report.points) > MOST_POINTS:
        parts.append(_note(f"The {len(report.points):,} single measurements are in the CSV of the sweep."))
        return "\n".join(parts)
    parts.append('<div class="singly"><h3>Every measurement</h3>')
    for picture in dict.fromkeys(point.picture for point in report.points):
        table = picture_points_table(report.points, picture)
        summary = f"{_text(picture)} · {count(len(table.rows), 'point')}"
        parts.append(f"<details><summary>{summary}</summary>{_table(table)}</details>")
    return "\n".join([*parts, "</div>"])


def _made(report: Report) -> str:
    rows = "".join(f"<dt>{_text(name)}</dt><dd>{_text(value)}</dd>\n" for name, value in facts(report))
    failures = ""
    if report.failed:
        failures = f"<h3>Failures</h3>{_table(failures_table(report.failed), kind='words')}"
    return f"<dl>\n{rows}</dl>{failures}"


def _table(table: Table, kind: str = "") -> str:
    """A table in a box of its own that scrolls, also by the keyboard, where the table is wider."""
    head = "".join(f'<th scope="col">{_text(name)}</th>' for name in table.header)
    rows = "\n".join(
        f'<tr><th scope="row">{_text(row[0].text)}</th>{"".join(map(_cell, row[1:]))}</tr>'
        for row in table.rows
    )
    remarks = "".join(f"<li>{_text(remark)}</li>" for remark in table.remarks)
    attributes = f' class="{kind}"' if kind else ""
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{_text(table.title)}">'
        f"<table{attributes}><thead><tr>{head}</tr></thead>\n<tbody>\n{rows}\n</tbody></table></div>\n"
        + _note(table.note)
        + (f'<ol class="remarks">{remarks}</ol>' if remarks else "")
    )


def _cell(cell: Cell) -> str:
    tone = f' class="{"less" if cell.tone < 0 else "more"}-{abs(cell.tone)}"' if cell.tone else ""
    mark = f"<sup>{cell.mark}</sup>" if cell.mark else ""
    small = f"<small>{_text(cell.small)}</small>" if cell.small else ""
    return f"<td{tone}>{_text(cell.text)}{mark}{small}</td>"


def _note(text: str) -> str:
    return f'<p class="note">{_text(text)}</p>' if text else ""


def _text(text: str) -> str:
    """Words in which nothing means anything to HTML, also between quotes."""
    return html.escape(text.encode("utf-8", "replace").decode())
