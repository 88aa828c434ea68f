"""The files of a lab, never over those of a learner.

==============================  ====================================================================
``labs/l03_dct.ipynb``          the learner's notebook, without the solutions
``labs/l03_dct.py``             the same as a script
``labs/source/l03_dct/…``       the notebook with solutions, where nbgrader looks for an assignment
``labs/otter/l03_dct.ipynb``    the notebook with solutions, as ``otter assign`` takes it
==============================  ====================================================================
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from codec_eval.images import write_atomically

from .catalog import Lesson
from .cells import read_script
from .exercises import cut_solutions
from .notebooks import notebook_text
from .otter import otter_cells

__all__ = [
    "learner_file",
    "lesson_files",
    "otter_notebook",
    "solution_notebook",
    "student_notebook",
    "write_files",
]


def student_notebook(lesson: Lesson) -> str:
    """Return the notebook of a lesson without its solutions."""
    return notebook_text(read_script(_cut(lesson)), lesson.name)


def solution_notebook(lesson: Lesson) -> str:
    """Return the notebook of a lesson as it is."""
    return notebook_text(read_script(lesson.text), lesson.name)


def otter_notebook(lesson: Lesson) -> str:
    """Return the notebook of a lesson as it is, with what Otter has to know of it."""
    return notebook_text(otter_cells(read_script(lesson.text)), lesson.name, nbgrader=False)


def lesson_files(lesson: Lesson) -> dict[str, str]:
    """Return the files of a lab by their paths in the folder of labs.

    Raises
    ------
    ValueError
        If the lesson's marks are wrong, or jupytext is not installed.
    """
    return {
        f"{lesson.name}.ipynb": student_notebook(lesson),
        f"{lesson.name}.py": _cut(lesson),
        f"source/{lesson.name}/{lesson.name}.ipynb": solution_notebook(lesson),
        f"otter/{lesson.name}.ipynb": otter_notebook(lesson),
    }


def write_files(folder: Path, files: Mapping[str, str], force: bool = False) -> dict[str, str]:
    """Write files that are not there, each whole or not at all.

    Parameters
    ----------
    folder : Path
        Made if it is not there.
    files : mapping of str to str
        Paths in the folder, and what goes there.
    force : bool
        Replace files that are there and differ.

    Returns
    -------
    dict of str to str
        For each path ``"written"``, ``"replaced"``, ``"unchanged"``, or ``"kept"`` if the file there is
        another one, a learner's work perhaps.

    Raises
    ------
    OSError
        If a file cannot be written.
    """
    outcome = {}
    for name, text in files.items():
        path, data = folder / name, text.encode("utf-8")
        there = path.read_bytes() if path.exists() else None
        if there == data:
            outcome[name] = "unchanged"
            continue
        if there is not None and not force:
            outcome[name] = "kept"
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, data)
        outcome[name] = "written" if there is None else "replaced"
    return outcome


def learner_file(folder: Path, lesson: Lesson) -> Path | None:
    """Return the learner's notebook or script, whichever is newer; None where there is neither."""
    paths = [folder / f"{lesson.name}{suffix}" for suffix in (".ipynb", ".py")]
    there = [path for path in paths if path.is_file()]
    return max(there, key=lambda path: path.stat().st_mtime, default=None)


def _cut(lesson: Lesson) -> str:
    try:
        return cut_solutions(lesson.text)
    except (SyntaxError, ValueError) as error:
        raise ValueError(f"{lesson.path.name}: {error}") from None
