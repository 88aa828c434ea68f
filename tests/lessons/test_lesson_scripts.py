"""What every lesson keeps to, read from its text."""

from __future__ import annotations

import ast
import re

import pytest
from lesson_cases import LESSONS, NAMES, ROOT

from lessons.tools.catalog import COURSE, FOLDER, Lesson
from lessons.tools.exercises import BEGIN, cut_solutions, exercises, solution_lines

ALLOWED = {
    *("jpeg_from_scratch", "neural_from_scratch", "codec_eval"),
    *("numpy", "numba", "scipy", "matplotlib", "PIL"),
}
STANDARD = {
    *("io", "math", "time", "pathlib", "fractions"),
    *("collections", "itertools", "heapq", "functools", "bisect"),
}

each_lesson = pytest.mark.parametrize("lesson", LESSONS, ids=NAMES)


def test_there_are_lessons() -> None:
    """The lessons are where the tests look, each once, as the plan of the course has them."""
    numbers = [lesson.number for lesson in LESSONS]
    assert numbers
    assert len(set(numbers)) == len(numbers)
    assert set(numbers) <= set(COURSE)


@each_lesson
def test_length(lesson: Lesson) -> None:
    """300 lines at most, none so long that a notebook scrolls."""
    lines = lesson.text.splitlines()
    assert len(lines) <= 300
    assert max(map(len, lines)) <= 100


@each_lesson
def test_imports(lesson: Lesson) -> None:
    """Installed packages only, so that a lab works in any folder: never the package of lessons."""
    names = set()
    for node in ast.walk(ast.parse(lesson.path.read_bytes())):  # "coding: x" on top names an encoding
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0
            names.add(str(node.module).split(".")[0])
    assert not names - ALLOWED - STANDARD


@each_lesson
def test_parts(lesson: Lesson) -> None:
    """What you will do, learn, need; one variable for a picture; figures; practice; sources."""
    text = lesson.text
    for part in ("**You will**", "learn**", "**You need**", "# ## In practice", "# ## Sources"):
        assert part in text.replace("\n# ", " ") or part in text
    assert re.search(r"^PHOTO = None\b", text, re.MULTILINE)
    assert text.count("plt.show()") >= 2


@each_lesson
def test_exercises(lesson: Lesson) -> None:
    """3 to 6, numbered in order, each with a docstring; the points add up to what the top says."""
    found = exercises(lesson.text)
    assert 3 <= len(found) <= 6
    assert [item.number for item in found] == [f"{lesson.number}.{i}" for i in range(1, len(found) + 1)]
    points = re.search(r"\*\*Points\*\*: (\d+)", lesson.text)
    assert points is not None
    assert sum(item.points for item in found) == int(points[1])
    documented = {
        node.name: ast.get_docstring(node)
        for node in ast.parse(lesson.text).body
        if isinstance(node, (ast.FunctionDef, ast.ClassDef))
    }
    assert all(documented[name] for item in found for name in item.names)
    assert all(f"Exercise {item.number} " in lesson.text for item in found)


@each_lesson
def test_no_solution_line_in_a_students_script(lesson: Lesson) -> None:
    """No line of a solution, and no mark, is left; what is left is Python."""
    cut = cut_solutions(lesson.text)
    compile(cut, lesson.name, "exec")
    assert BEGIN not in cut
    left = {line.strip() for line in cut.splitlines()}
    assert not [line for line in solution_lines(lesson.text) if line in left]
    assert cut.count("raise NotImplementedError") == lesson.text.count(BEGIN)


@each_lesson
def test_the_rest_of_a_students_script_is_the_lesson(lesson: Lesson) -> None:
    """Nothing else is cut, added or moved."""
    original = iter(lesson.text.splitlines())
    assert all(line in original or "raise NotImplementedError" in line for line in kept(lesson))


def kept(lesson: Lesson) -> list[str]:
    """The lines of a student's script, without the stubs."""
    lines = cut_solutions(lesson.text).splitlines()
    return [line for line in lines if 'raise NotImplementedError("exercise' not in line]


def test_the_map_names_all_lessons() -> None:
    """lessons/README.md has a row for each, with its time, and says which are not written yet."""
    page = (FOLDER / "README.md").read_text("utf-8")
    rows = {int(match[1]): match[0] for match in re.finditer(r"^\| (\d+) \|.*$", page, re.MULTILINE)}
    assert set(rows) == set(COURSE)
    written = {lesson.number: lesson for lesson in LESSONS}
    for number, title in COURSE.items():
        assert title in rows[number]
        if number in written:
            lesson = written[number]
            assert f"({lesson.path.name})" in rows[number]
            assert f"| {lesson.minutes} min |" in rows[number]
        else:
            assert "not written yet" in rows[number]


def test_the_course_is_described() -> None:
    """The plan of the house and the rules for contributors speak of lessons."""
    assert "## lessons" in (ROOT / "docs" / "architecture.md").read_text("utf-8")
    assert "## Write a lesson" in (ROOT / "CONTRIBUTING.md").read_text("utf-8")
