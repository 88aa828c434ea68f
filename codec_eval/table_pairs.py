"""Two codecs on the same pictures at equal bytes: the pair of rows that settles an argument.

Codec A at its quality 75 and codec B at its quality 4 differ in two ways at once, in bytes and in what is
left of the picture. Where A has more of both, nothing follows. So give A, picture by picture, the quality
whose file is nearest in length to B's (`codec_eval.rate_control`), and compare what is left.

No knob is so fine that the lengths are equal: how far off they are stands beside them.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from codec_eval.codec import Codec
from codec_eval.images import load
from codec_eval.points import RatePoint
from codec_eval.rate_control import Target, match_quality
from codec_eval.rate_distortion import measure_point
from codec_eval.registry import make_codec
from codec_eval.table import Section, failures
from codec_eval.table_cells import laid_out, means, numbers, values

__all__ = ["averages_table", "measure_matched", "pairs_table"]

_HEADINGS = ("picture", "codec", "quality", "bytes", "bpp", "N_compression", "PSNR dB", "SSIM", "MS-SSIM")
_MEASURES = {"PSNR": 2, "SSIM": 3, "MS-SSIM": 4}  # places among `values`
_FAR = 0.05  # so many bytes more or less that a comparison begins to lean


def measure_matched(
    paths: Sequence[Path],
    codec_spec: str,
    reference: Section,
    *,
    step: Callable[[RatePoint], object] | None = None,
) -> Section:
    """Measure pictures, each at the quality whose file is nearest in length to that of another codec.

    Parameters
    ----------
    paths : sequence of Path
        Of the pictures.
    codec_spec : str
        What `codec_eval.registry.make_codec` understands.
    reference : Section
        What is to be met, of the same pictures in the same order.
    step : callable, optional
        Called with each point, for a progress bar.

    Returns
    -------
    Section
        Failed points are in it, with their `error`, also where the reference failed.
    """
    points = []
    for path, wanted in zip(paths, reference.points, strict=True):
        point = _matched(path, codec_spec, wanted)
        points.append(replace(point, error=point.error.removeprefix(f"{path}: ")))
        if step is not None:
            step(points[-1])
    return Section(points, reference)


def pairs_table(section: Section, codec: Codec) -> str:
    """Lay out a section and its reference as Markdown, two rows a picture.

    Parameters
    ----------
    section : Section
        What `measure_matched` returned.
    codec : Codec
        For its description.

    Returns
    -------
    str
        Heading, table with the averages, who is ahead and on how many pictures; with a final line break. The
        better figure of each pair is bold.
    """
    reference = _reference(section)
    pairs = [(a, b) for a, b in zip(section.points, reference.points) if not a.error]
    rows: list[Sequence[str]] = [_HEADINGS]
    for a, b in pairs:
        cells_a, cells_b = _emphasised(numbers(values(a)), numbers(values(b)))
        rows += [
            (b.picture, b.codec, str(b.quality), f"{b.n_bytes:,}", *cells_b),
            ("", a.codec, str(a.quality), f"{a.n_bytes:,} ({_percent(_off(a, b))})", *cells_a),
        ]
    if pairs:
        of_a, of_b = (means(points) for points in zip(*pairs))
        cells_a, cells_b = _emphasised(numbers(of_a), numbers(of_b))
        off = statistics.fmean(_off(a, b) for a, b in pairs)
        rows += [
            (f"**average of {len(pairs)}**", reference.codec, "", "", *cells_b),
            ("", section.codec, "", f"({_percent(off)})", *cells_a),
        ]
    parts = [
        f"## {section.title}",
        codec.description,
        f"{section.codec} is given, picture by picture, the quality whose file is nearest in length to that "
        f"of {reference.codec}; in brackets, how far off that is.",
        laid_out(rows, left=2),
        *_verdict(section, pairs),
        *failures(section.points),
    ]
    return "\n\n".join(parts) + "\n"


def averages_table(sections: Sequence[Section]) -> str:
    """Lay out the averages of sections as Markdown, a row each."""
    rows: list[Sequence[str]] = [("codec and setting", "pictures", *_HEADINGS[4:])]
    rows += [(s.title, str(len(s.measured)), *numbers(means(s.measured))) for s in sections if s.measured]
    return f"## Averages\n\n{laid_out(rows)}\n"


def _matched(path: Path, codec_spec: str, wanted: RatePoint) -> RatePoint:
    failed = RatePoint(path.name, codec_spec, 0, 0, 0, 0)
    if wanted.n_bytes is None:
        return replace(failed, error=f"nothing to match: {wanted.codec} failed")
    try:
        target = Target("bytes", wanted.n_bytes, either_side=True)
        quality = match_quality(make_codec(codec_spec), load(path), target).trial.quality
    except Exception as error:  # a third party's codec may raise anything
        return replace(failed, error=" ".join(f"{type(error).__name__}: {error}".split()))
    return measure_point(path, codec_spec, quality)


def _reference(section: Section) -> Section:
    if section.reference is None:
        raise ValueError(f"{section.title}: not matched to anything")
    return section.reference


def _off(point: RatePoint, wanted: RatePoint) -> float:
    """By what fraction of it the wanted length was exceeded."""
    assert point.n_bytes is not None
    assert wanted.n_bytes is not None
    return point.n_bytes / wanted.n_bytes - 1


def _percent(fraction: float) -> str:
    return f"{round(100 * fraction, 1) + 0.0:+.1f} %"  # + 0.0: no minus before a zero


def _emphasised(a: Sequence[str], b: Sequence[str]) -> tuple[list[str], list[str]]:
    """The two rows with the better of each measure in bold; what looks equal is left plain."""
    rows = list(a), list(b)
    for place in _MEASURES.values():
        pair = [_as_number(row[place]) for row in rows]
        for row, mine, other in zip(rows, pair, reversed(pair)):
            if mine > other:
                row[place] = f"**{row[place]}**"
    return rows


def _as_number(cell: str) -> float:
    return {"–": float("nan"), "∞": float("inf")}.get(cell) or float(cell)


def _verdict(section: Section, pairs: Sequence[tuple[RatePoint, RatePoint]]) -> list[str]:
    """Who is ahead on how many pictures, and whether the lengths are equal enough for that."""
    reference = _reference(section)
    counts = []
    for label, place in _MEASURES.items():
        known = [(values(a)[place], values(b)[place]) for a, b in pairs]
        both = [(x, y) for x, y in known if x is not None and y is not None]
        if both:
            counts.append(f"{label} on {sum(y > x for x, y in both)} of {len(both)}")
    notes = [f"{reference.codec} has the higher {', '.join(counts)} pictures."] if counts else []
    far = sum(abs(_off(a, b)) > _FAR for a, b in pairs)
    if far:
        notes.append(
            f"**Note: on {far} of {len(pairs)} pictures the nearest length is more than {100 * _FAR:.0f} % "
            "off: these are no equal bytes.**"
        )
    return notes
