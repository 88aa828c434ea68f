"""The plan of the course, and which lessons there are."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

__all__ = ["COURSE", "FOLDER", "Lesson", "find_lesson", "lessons"]

FOLDER = Path(__file__).resolve().parents[1]
"""Where the lessons are."""

COURSE = {
    1: "What a picture costs",
    2: "Colour and 4:2:0",
    3: "The DCT",
    4: "Quantisation",
    5: "Prediction",
    6: "Huffman coding",
    7: "Arithmetic coding",
    8: "A JPEG file, byte by byte",
    9: "Progressive",
    10: "Speed",
    11: "Learned transforms",
    12: "From KLT to GDN",
    13: "Learning with rounding",
    14: "From likelihoods to a file",
    15: "Hyperpriors",
    16: "The contest",
}
"""Number and short title of each lesson, written or not."""

_NAME = re.compile(r"l(\d\d)_\w+")
_TITLE = re.compile(r"^# # (\d+) · (.+)$", re.MULTILINE)
_TIME = re.compile(r"^# \*\*Time\*\*: (\d+) minutes", re.MULTILINE)


@dataclass(frozen=True)
class Lesson:
    """A lesson that is written.

    Parameters
    ----------
    number : int
        1 … 16.
    name : str
        Of the file, without suffix: ``"l03_dct"``. Its labs have the same.
    title : str
        As its first cell says.
    minutes : int
        How long a learner takes, as its first cell says.
    path : Path
        The script.
    """

    number: int
    name: str
    title: str
    minutes: int
    path: Path

    @property
    def text(self) -> str:
        """The script."""
        return self.path.read_text("utf-8")


def lessons(folder: Path = FOLDER) -> list[Lesson]:
    """Return the lessons that are written, in order.

    Raises
    ------
    ValueError
        If a script does not begin as a lesson must.
    """
    paths = sorted(path for path in folder.glob("l*.py") if _NAME.fullmatch(path.stem))
    return [_read(path) for path in paths]


def find_lesson(number: int, folder: Path = FOLDER) -> Lesson:
    """Return a lesson by its number.

    Raises
    ------
    ValueError
        If there is no such lesson, or it is not written yet.
    """
    found = {lesson.number: lesson for lesson in lessons(folder)}
    if number in found:
        return found[number]
    written = ", ".join(map(str, found)) or "none"
    if number in COURSE:
        raise ValueError(f"lesson {number}, {COURSE[number]!r}, is not written yet; there are: {written}")
    raise ValueError(f"there is no lesson {number}; there are: {written}")


def _read(path: Path) -> Lesson:
    text = path.read_text("utf-8")
    title, time, name = _TITLE.search(text), _TIME.search(text), _NAME.fullmatch(path.stem)
    if name is None or title is None or int(title[1]) != int(name[1]):
        raise ValueError(f"{path.name}: has no line '# # {path.stem[1:3]} · title' in its first cell")
    if time is None:
        raise ValueError(f"{path.name}: has no line '# **Time**: … minutes' in its first cell")
    return Lesson(int(name[1]), path.stem, title[2], int(time[1]), path)
