"""Every lesson, made into a lab: stubs fail, solutions pass, notebooks are notebooks."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from lesson_cases import LESSONS, NAMES, ROOT

from lessons.tools.catalog import Lesson
from lessons.tools.exercises import cut_solutions, exercises, solution_lines
from lessons.tools.labs import solution_notebook, student_notebook

# Numba where it is: without it, lessons on networks would take minutes.
pytestmark = [pytest.mark.lessons, pytest.mark.big]

each_lesson = pytest.mark.parametrize("lesson", LESSONS, ids=NAMES)
LIMIT = 300  # seconds, far above the 30 that a lesson may take: machines are busy

ENVIRONMENT = {
    **os.environ,
    "MPLBACKEND": "agg",
    "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
}


@each_lesson
def test_every_check_fails_on_the_stub(lesson: Lesson) -> None:
    """With the stub's own words, and not because the check itself cannot run."""
    from lessons.tools.cells import read_script
    from lessons.tools.running import check_results, run_cells

    cells = read_script(cut_solutions(lesson.text))
    results = check_results(cells, run_cells(cells, limit=LIMIT, draw=False))
    states = {result.number: result.state for result in results}
    assert states == {item.number: "not begun" for item in exercises(lesson.text)}


@each_lesson
def test_the_solution_notebook_runs(lesson: Lesson, tmp_path: Path, count: Callable[[str], None]) -> None:
    """As Jupyter runs it, in an empty folder, without an error in any cell: so every check passes."""
    path = tmp_path / f"{lesson.name}.ipynb"
    path.write_text(solution_notebook(lesson), "utf-8")
    program = [sys.executable, "-m", "nbconvert", "--to", "notebook", "--execute", "--inplace"]
    options = [f"--ExecutePreprocessor.timeout={LIMIT}", "--log-level=ERROR"]
    environment = {name: value for name, value in ENVIRONMENT.items() if name != "MPLBACKEND"}
    start = time.monotonic()
    done = subprocess.run(
        [*program, *options, path.name],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=2 * LIMIT,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    count(f"{lesson.name}: notebook run in {time.monotonic() - start:.0f} s")
    cells = json.loads(path.read_text("utf-8"))["cells"]
    outputs = [output for cell in cells for output in cell.get("outputs", ())]
    assert sum("image/png" in output.get("data", {}) for output in outputs) >= 2


@pytest.mark.parametrize("lesson", LESSONS[:3], ids=NAMES[:3])
def test_as_a_plain_script(lesson: Lesson, tmp_path: Path) -> None:
    """In an empty folder."""
    subprocess.run(
        [sys.executable, str(lesson.path)],
        cwd=tmp_path,
        env=ENVIRONMENT,
        capture_output=True,
        check=True,
        timeout=LIMIT,
    )


@each_lesson
def test_a_picture_of_the_learner(lesson: Lesson, tmp_path: Path) -> None:
    """A small grey one, of sides that are no multiples of anything, by the variable at the top."""
    from PIL import Image

    from lessons.tools.cells import read_script
    from lessons.tools.running import run_cells

    rng = np.random.default_rng(lesson.number)
    noise = rng.normal(0, 3, (203, 171)).cumsum(0).cumsum(1)
    shades = 255 * (noise - noise.min()) / np.ptp(noise) + rng.normal(0, 4, noise.shape)
    Image.fromarray(np.clip(shades, 0, 255).astype(np.uint8)).save(tmp_path / "mine.png")
    text = lesson.text.replace("PHOTO = None", 'PHOTO = "mine.png"')
    run = run_cells(read_script(text), limit=LIMIT, folder=tmp_path)
    assert run.stopped_in is None
    assert [result for result in run.results if result.error] == []


@each_lesson
def test_notebooks_are_valid(lesson: Lesson) -> None:
    """nbformat 4.5; identifiers of cells and of nbgrader occur once."""
    import nbformat

    for text in (student_notebook(lesson), solution_notebook(lesson)):
        notebook = nbformat.reads(text, as_version=nbformat.NO_CONVERT)
        nbformat.validate(notebook)
        ids = [cell["id"] for cell in notebook["cells"]]
        assert len(set(ids)) == len(ids)
        graded = [cell["metadata"].get("nbgrader") for cell in notebook["cells"]]
        points = sum(entry["points"] for entry in graded if entry and entry["grade"])
        assert points == sum(item.points for item in exercises(lesson.text))


@each_lesson
def test_no_solution_line_in_a_students_notebook(lesson: Lesson) -> None:
    """Line by line of every cell."""
    cells = json.loads(student_notebook(lesson))["cells"]
    left = {line.strip() for cell in cells for line in cell["source"]}
    assert not [line for line in solution_lines(lesson.text) if line in left]


def test_the_same_lessons_make_the_same_bytes() -> None:
    """In another process too, whose hashes of strings are others."""
    program = (
        "import sys, hashlib; from lessons.tools.catalog import lessons; "
        "from lessons.tools.labs import lesson_files; "
        "files = [lesson_files(lesson) for lesson in lessons()]; "
        "sys.stdout.write(hashlib.sha256(repr(files).encode()).hexdigest())"
    )
    done = [
        subprocess.run(
            [sys.executable, "-c", program],
            cwd=ROOT,
            env={**ENVIRONMENT, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        )
        for seed in ("1", "2")
    ]
    assert done[0].stdout == done[1].stdout != ""
