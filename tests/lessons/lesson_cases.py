"""The lessons that there are, for tests of all of them, and a tiny one for tests of the tools."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from lessons.tools.catalog import FOLDER, Lesson, find_lesson, lessons
from lessons.tools.exercises import check_call

ROOT = FOLDER.parent
LESSONS = lessons()
NAMES = [lesson.name for lesson in LESSONS]

TINY = '''# %% [markdown]
# # 7 · A tiny lesson
# **Time**: 5 minutes

# %%
OFFSET = 1


# %%
def successor(number):
    """Return the number that follows."""
    # BEGIN SOLUTION
    following = number + OFFSET
    return following
    # END SOLUTION


# %%
def check_7_1(fn=successor):
    assert fn(3) == 4, f"3 is followed by 4, not by {fn(3)}"


# %%
check_7_1()  # 1 point


# %%
class Pair:
    """Two numbers."""

    def total(self, a, b):
        """Return their sum."""
        # BEGIN SOLUTION
        return a + b
        # END SOLUTION


# %%
def check_7_2(cls=Pair):
    assert cls().total(2, 3) == 5, "2 and 3 are 5"


# %%
check_7_2()  # 2 points
'''


def tiny_lesson(folder: Path, text: str = TINY) -> Lesson:
    """Write the tiny lesson into a folder and return it."""
    path = folder / "l07_tiny.py"
    path.write_text(text, "utf-8")
    return Lesson(7, "l07_tiny", "A tiny lesson", 5, path)


def defined_by(
    number: int,
    *leaving_out: str,
    change: Callable[[str], str] = str,
    given: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Run a script without its figures and the calls of its checks, and return what it defines.

    Parameters
    ----------
    number : int
        Of the lesson.
    *leaving_out : str
        Cells that have one of these in them are left out, too.
    change : callable
        What is done to the text of a cell before it runs.
    given : mapping
        What is defined already.
    """
    namespace = dict(given or {})
    for cell in find_lesson(number).text.split("# %%"):
        draws = "plt." in cell.replace("import matplotlib.pyplot as plt", "")
        unwanted = draws or check_call(cell) or any(words in cell for words in leaving_out)
        if not (unwanted or cell.startswith(" [markdown]")):
            exec(change(cell), namespace)
    return namespace
