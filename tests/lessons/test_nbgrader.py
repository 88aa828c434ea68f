"""nbgrader takes the labs: assignments are generated, solutions gone, points known."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
from lesson_cases import LESSONS, ROOT

from lessons.tools.exercises import exercises, solution_lines

pytestmark = pytest.mark.labs


def test_generate_assignment(tmp_path: Path) -> None:
    """For each lesson, in the folder that `make_labs` made."""
    from lessons import make_labs

    assert make_labs.main(["--out", str(tmp_path)]) == 0
    program = "from nbgrader.apps import NbGraderApp; NbGraderApp.launch_instance()"
    places = {name: str(tmp_path / "jupyter") for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "HOME")}
    # nbgrader calls alembic, which an environment has beside Python, activated or not.
    path = os.pathsep.join([sysconfig.get_path("scripts"), os.environ["PATH"]])
    for lesson in LESSONS:
        done = subprocess.run(
            [sys.executable, "-c", program, "generate_assignment", lesson.name],
            cwd=tmp_path,
            env={**os.environ, **places, "PATH": path, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr[-3000:]
        released = tmp_path / "release" / lesson.name / f"{lesson.name}.ipynb"
        cells = json.loads(released.read_text("utf-8"))["cells"]
        left = {line.strip() for cell in cells for line in "".join(cell["source"]).splitlines()}
        assert not [line for line in solution_lines(lesson.text) if line in left]
        graded = [cell["metadata"].get("nbgrader", {}) for cell in cells]
        points = [entry["points"] for entry in graded if entry.get("grade")]
        assert points == [item.points for item in exercises(lesson.text)]
