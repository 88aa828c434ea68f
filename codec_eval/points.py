"""One measured point: a picture, through a codec, at a quality; and the CSV file that points stream to.

The CSV is the memory of a sweep: each finished point is a line in it at once, so that a stopped run goes on
where it stopped, and the report is made from it alone.
"""

from __future__ import annotations

import csv
import dataclasses
import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from codec_eval.images import write_atomically

__all__ = ["COLUMNS", "RatePoint", "encode_row", "format_row", "header", "read_points", "write_points"]

_ENCODING = {"encoding": "utf-8", "errors": "surrogateescape"}  # names of files need not be UTF-8


@dataclass(frozen=True)
class RatePoint:
    """One picture through one codec at one quality.

    Attributes
    ----------
    picture : str
        The file's name in its folder.
    codec : str
        The codec's name, with which the registry makes it.
    quality : int
    width, height, channels : int
        Of the picture; 0 if it could not be read.
    n_bytes : int or None
        The length of the compressed file. None, as all that follow, if the point failed.
    bpp : float or None
        8 · n_bytes / (width · height).
    mse : float or None
        Over all samples; `psnr` is made from it, and so is the PSNR of a mean MSE.
    psnr, psnr_y : float or None
        In dB, over all samples, and of the luma.
    ssim, ms_ssim : float or None
        None also for pictures too small for the window or the pyramid.
    encode_seconds, decode_seconds : float or None
    error : str
        Why the point failed, or "".
    """

    picture: str
    codec: str
    quality: int
    width: int
    height: int
    channels: int
    n_bytes: int | None = None
    bpp: float | None = None
    mse: float | None = None
    psnr: float | None = None
    psnr_y: float | None = None
    ssim: float | None = None
    ms_ssim: float | None = None
    encode_seconds: float | None = None
    decode_seconds: float | None = None
    error: str = ""

    @property
    def key(self) -> tuple[str, str, int]:
        """What tells points apart: picture, codec, quality."""
        return self.picture, self.codec, self.quality


COLUMNS = tuple(field.name for field in dataclasses.fields(RatePoint))
_WHOLE = ("quality", "width", "height", "channels", "n_bytes")
_TEXT = ("picture", "codec", "error")


def header() -> str:
    """Return the first line of the CSV."""
    return _line(COLUMNS)


def format_row(point: RatePoint) -> str:
    """Return the line of a point; a missing value is an empty cell."""
    return _line(["" if value is None else value for value in dataclasses.astuple(point)])


def encode_row(point: RatePoint) -> bytes:
    """Return the line of a point as it stands in the file, to be appended in one write."""
    return format_row(point).encode(**_ENCODING)


def write_points(path: Path, points: Iterable[RatePoint]) -> None:
    """Write a CSV file of points, whole or not at all; `OSError` if that fails."""
    write_atomically(path, header().encode() + b"".join(map(encode_row, points)))


def read_points(path: Path) -> Iterator[RatePoint]:
    """Yield the points of a CSV file; a last line that was cut off is left out.

    Raises
    ------
    ValueError
        If the file has other columns, or a line is not a point.
    """
    text = path.read_bytes().decode(**_ENCODING)
    lines = io.StringIO(text[: text.rfind("\n") + 1], newline="")
    rows = csv.reader(lines)
    if tuple(next(rows, ())) != COLUMNS:
        raise ValueError(f"{path}: not a table of points, its columns are not {', '.join(COLUMNS)}")
    for row in rows:
        try:
            yield RatePoint(**{name: _value(name, cell) for name, cell in zip(COLUMNS, row, strict=True)})
        except (ValueError, TypeError) as error:
            raise ValueError(f"{path}, line {rows.line_num}: not a point ({error})") from None


def _line(cells: object) -> str:
    stream = io.StringIO(newline="")
    csv.writer(stream, lineterminator="\n").writerow(cells)  # type: ignore[arg-type]
    return stream.getvalue()


def _value(name: str, cell: str) -> Any:
    if name in _TEXT:
        return cell
    if cell == "":
        return None
    return int(cell) if name in _WHOLE else float(cell)
