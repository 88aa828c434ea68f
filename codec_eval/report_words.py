"""The sentences of a report that page and Markdown share."""

from __future__ import annotations

from typing import TYPE_CHECKING

from codec_eval.strip import GAIN, Strip

if TYPE_CHECKING:
    from codec_eval.report import Report

__all__ = ["count", "facts", "strip_sentence", "title"]


def title(report: Report) -> str:
    """What the report is about: ``"5 codecs on 24 pictures of kodak"``."""
    codecs, pictures = count(len(report.codecs), "codec"), count(len(report.pictures), "picture")
    return f"{codecs} on {pictures} of {report.folder}"


def count(number: int, noun: str) -> str:
    """A number and its noun: ``"1 picture"``, ``"24 pictures"``."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def strip_sentence(strip: Strip) -> str:
    """How to look at the strip."""
    return (
        f"{strip.picture}, {strip.where}: the most detailed piece, from every codec at the quality that "
        f"comes nearest to {strip.target} without exceeding it. Rates and PSNR are those of the whole "
        f"picture. Below each piece is decoded − original, {GAIN}× amplified: mid-grey is no loss."
    )


def facts(report: Report) -> list[tuple[str, str]]:
    """How the report was made, as names and values."""
    sizes = sorted({(point.width, point.height) for point in report.points})
    shown = ", ".join(f"{width} × {height}" for width, height in sizes[:4])
    listed = [
        ("pictures", f"{', '.join(report.pictures)} ({shown}{' and others' if len(sizes) > 4 else ''})")
    ]
    if not report.averaged:
        listed.append(("averages", "each over its own pictures, for none was finished by all: no comparison"))
    elif list(report.averaged) != list(report.pictures):
        left_out = [picture for picture in report.pictures if picture not in report.averaged]
        listed.append(
            ("left out of averages", f"{', '.join(left_out)}: not every point of theirs was measured")
        )
    for codec, description in report.codecs.items():
        qualities = ", ".join(map(str, report.qualities[codec]))
        listed.append((codec, f"{description}; qualities {qualities}"))
    return [
        *listed,
        ("rates", "bytes of whole files, headers included; 8 bits a byte, divided by the pixels"),
        (
            "measured with",
            report.program or "no record of the sweep: versions are those found for the report",
        ),
        ("measured by", _command(report)),
        ("failures", count(len(report.failed), "point") + " failed" if report.failed else "none"),
    ]


def _command(report: Report) -> str:
    """The sweep as a command; qualities are named where all codecs have the same."""
    command = f"codec-eval rd {report.folder} --codecs {','.join(report.codecs)}"
    first, *others = report.qualities.values()
    if others and all(of_codec == first for of_codec in others):
        command += f" --qualities {','.join(map(str, first))}"
    return command
