"""What a sweep keeps on disk: the points so far, and what they were measured with.

``points.csv`` gets a line for each point at once, in one write, so that whatever stops the sweep, what is
done is kept. ``settings.json`` beside it names the program, the codecs with their descriptions, and the
pictures with their SHA-256. A later sweep into the same folder takes over finished points, and refuses
where they would not belong to it: measured with another version of a codec, on another picture of that
name, or not asked for now. A sweep may grow by codecs, qualities and pictures; a smaller one belongs into
another folder, so that a report is about what its command names.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from codec_eval.codec import Codec
from codec_eval.images import write_atomically
from codec_eval.points import RatePoint, encode_row, read_points, write_points
from jpeg_from_scratch._version import __version__

__all__ = ["SETTINGS_NAME", "PointStream", "Settings", "finished_points", "read_settings"]

SETTINGS_NAME = "settings.json"


@dataclass(frozen=True)
class Settings:
    """What points are measured with.

    Attributes
    ----------
    program : str
        Name and version of this program.
    codecs : mapping of str to str
        The description of each codec, by the name it was asked for.
    pictures : mapping of str to str
        SHA-256 of each file, by its name; "" for a file that cannot be read.
    """

    program: str
    codecs: Mapping[str, str]
    pictures: Mapping[str, str]

    @classmethod
    def of(cls, codecs: Mapping[str, Codec], pictures: Iterable[Path]) -> Settings:
        """Describe codecs, by the names they were asked for, and pictures."""
        return cls(
            f"codec-eval {__version__}",
            {name: codec.description for name, codec in codecs.items()},
            {path.name: _sha256(path) for path in pictures},
        )

    def write(self, folder: Path) -> None:
        """Write ``settings.json``; `OSError` if that fails."""
        text = json.dumps(asdict(self), indent=1)
        write_atomically(folder / SETTINGS_NAME, text.encode("ascii") + b"\n")


def read_settings(folder: Path) -> Settings:
    """Read the ``settings.json`` of a folder.

    Raises
    ------
    OSError
        If there is none.
    ValueError
        If it is not one.
    """
    path = folder / SETTINGS_NAME
    try:
        loaded: Any = json.loads(path.read_bytes())
        return Settings(str(loaded["program"]), dict(loaded["codecs"]), dict(loaded["pictures"]))
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path}: not the settings of a sweep ({error})") from None


def finished_points(
    path: Path, settings: Settings, wanted: Container[tuple[str, str, int]]
) -> dict[tuple[str, str, int], RatePoint]:
    """Return the points of an earlier sweep that need no second measurement.

    Parameters
    ----------
    path : Path
        Of ``points.csv``; it need not exist.
    settings : Settings
        Of the sweep to come.
    wanted : container of tuple
        The keys of the points of the sweep to come.

    Returns
    -------
    dict of RatePoint
        By key. Failed points are not among them: they are tried again.

    Raises
    ------
    ValueError
        If the earlier sweep measured something else (see the top of this file), or the file is no table
        of points.
    """
    if not path.exists():
        return {}
    latest = {point.key: point for point in read_points(path)}  # a point tried again stands further down
    finished = {key: point for key, point in latest.items() if not point.error}
    if not finished:
        return {}
    advice = f"take another --out, or remove {path}"
    if not (path.parent / SETTINGS_NAME).exists():
        raise ValueError(f"{path} has points, but no {SETTINGS_NAME} says how they were measured: {advice}")
    before = read_settings(path.parent)
    for what, old, new in _differences(before, settings, finished.values()):
        raise ValueError(f"{path} was measured with another {what} ({old}; now {new}): {advice}")
    for key in finished:
        if key not in wanted:
            picture, codec, quality = key
            raise ValueError(
                f"{path} holds points that are not asked for now, such as {picture} through {codec} at "
                f"quality {quality}: {advice}"
            )
    return finished


class PointStream:
    """``points.csv`` while a sweep runs: a context manager that appends points as they come.

    Parameters
    ----------
    path : Path
        Of the file. What it holds is replaced by `points`, which mends a line that was cut off.
    points : sequence of RatePoint
        Those that are finished.

    Raises
    ------
    OSError
        If the file cannot be written.
    """

    def __init__(self, path: Path, points: Sequence[RatePoint]) -> None:
        self._path = path
        write_points(path, points)
        self._file: IO[bytes] = path.open("ab", buffering=0)

    def append(self, point: RatePoint) -> None:
        """Add a line, in one write."""
        line = encode_row(point)
        if self._file.write(line) != len(line):
            raise OSError(28, "No space left on device", str(self._path))

    def __enter__(self) -> PointStream:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()


def _differences(
    before: Settings, now: Settings, finished: Iterable[RatePoint]
) -> Iterable[tuple[str, str, str]]:
    """Yield what finished points were measured with that is different now: what, then, now."""
    if before.program != now.program:
        yield "program", before.program, now.program
    for point in finished:
        for what, name, old, new in (
            ("codec", point.codec, before.codecs, now.codecs),
            ("picture", point.picture, before.pictures, now.pictures),
        ):
            if name in new and old.get(name) != new[name]:
                yield f"{what} {name}", str(old.get(name)), new[name]


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""
