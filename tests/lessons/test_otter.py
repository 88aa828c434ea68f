"""Otter takes the labs: each exercise is a question with its points and one test, and no solution is left."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from lesson_cases import LESSONS, NAMES, ROOT

from lessons.tools.catalog import Lesson
from lessons.tools.cells import Cell
from lessons.tools.exercises import exercises, solution_lines
from lessons.tools.labs import otter_notebook
from lessons.tools.otter import otter_cells

SOLUTION = Cell("code", "def twice(x):\n    # BEGIN SOLUTION\n    return 2 * x\n    # END SOLUTION")
CHECK = Cell("code", "def check_1_1(fn=twice):\n    assert fn(3) == 6")
CALL = Cell("code", "check_1_1()  # 2 points")
TEXT = Cell("markdown", "text")


def test_a_question() -> None:
    cells = otter_cells([TEXT, SOLUTION, CHECK, CALL, TEXT])
    assert cells[0].source.startswith("# ASSIGNMENT CONFIG")
    assert [cell.source for cell in cells[1:]] == [
        "text",
        "# BEGIN QUESTION\nname: q1_1\npoints: 2",
        "# BEGIN SOLUTION",
        SOLUTION.source,
        "# END SOLUTION",
        "# BEGIN TESTS",
        f"{CHECK.source}\n\n\ncheck_1_1()",
        "# END TESTS",
        "# END QUESTION",
        "text",
    ]
    assert [cell.kind for cell in cells] == ["raw", "markdown", *["raw"] * 2, "code", *["raw"] * 2] + [
        "code",
        "raw",
        "raw",
        "markdown",
    ]


@pytest.mark.parametrize("cells", [[SOLUTION], [SOLUTION, CHECK], [SOLUTION, TEXT, CHECK, CALL]])
def test_a_solution_without_a_check(cells: list[Cell]) -> None:
    with pytest.raises(ValueError, match=r"without its check behind it: def twice\(x\):"):
        otter_cells(cells)


@pytest.mark.lessons
@pytest.mark.parametrize("lesson", LESSONS, ids=NAMES)
def test_each_exercise_is_a_question(lesson: Lesson) -> None:
    sources = ["".join(cell["source"]) for cell in json.loads(otter_notebook(lesson))["cells"]]
    questions = [source for source in sources if source.startswith("# BEGIN QUESTION")]
    expected = [(f"q{item.number.replace('.', '_')}", item.points) for item in exercises(lesson.text)]
    assert questions == [f"# BEGIN QUESTION\nname: {name}\npoints: {points}" for name, points in expected]


@pytest.mark.labs
@pytest.mark.parametrize("lesson", [LESSONS[0], LESSONS[7], LESSONS[15]], ids=lambda lesson: lesson.name)
def test_otter_assign(lesson: Lesson, tmp_path: Path) -> None:
    path = tmp_path / f"{lesson.name}.ipynb"
    path.write_text(otter_notebook(lesson), "utf-8")
    program = "from otter.cli import cli; cli()"
    done = subprocess.run(
        [sys.executable, "-c", program, "assign", "--no-run-tests", path.name, "dist"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT), "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    notebook = json.loads((tmp_path / "dist" / "student" / path.name).read_text("utf-8"))
    left = {line.strip() for cell in notebook["cells"] for line in "".join(cell["source"]).splitlines()}
    assert not [line for line in solution_lines(lesson.text) if line in left]
    tests = notebook["metadata"]["otter"]["tests"].values()
    assert [test["points"] for test in tests] == [item.points for item in exercises(lesson.text)]
