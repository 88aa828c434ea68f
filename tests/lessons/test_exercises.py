"""Exercises found by their marks and checks, and cut out."""

from __future__ import annotations

import doctest

import pytest
from lesson_cases import TINY

from lessons.tools import exercises as module
from lessons.tools.exercises import Exercise, check_call, cut_solutions, exercises, solution_lines


def test_a_check_finds_its_exercise_by_its_default() -> None:
    """Functions and classes, with their points."""
    assert exercises(TINY) == [Exercise("7.1", ("successor",), 1), Exercise("7.2", ("Pair",), 2)]


def test_a_solution_becomes_a_stub_that_names_the_exercise() -> None:
    """At the indentation of its mark; docstrings and all else stay."""
    cut = cut_solutions(TINY)
    assert '    raise NotImplementedError("exercise 7.1: write successor")\n' in cut
    assert '        raise NotImplementedError("exercise 7.2: write Pair")\n' in cut
    assert '"""Return the number that follows."""' in cut
    assert len(cut.splitlines()) == len(TINY.splitlines()) - 5


def test_lines_of_solutions() -> None:
    """Stripped, without the marks."""
    assert solution_lines(TINY) == ["following = number + OFFSET", "return following", "return a + b"]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("    # END SOLUTION\n", "", "line 21: '# BEGIN SOLUTION' inside|does not end|inside of"),
        ("    # BEGIN SOLUTION\n    following", "    following", "without a beginning"),
        ("# BEGIN SOLUTION", "## BEGIN SOLUTION", "alone in its line"),
        ("fn=successor", "fn=None", "no check has successor as a default"),
        ("check_7_1()  # 1 point", "check_7_1()", "calls that say their points"),
        ("OFFSET = 1", "# BEGIN SOLUTION\nOFFSET = 1\n# END SOLUTION", "outside of a function"),
    ],
)
def test_marks_that_do_not_belong_together(old: str, new: str, message: str) -> None:
    """A lesson's writer is told the line, or the name."""
    with pytest.raises(ValueError, match=message):
        cut_solutions(TINY.replace(old, new, 1))


@pytest.mark.parametrize(
    "source", ["check_7_1()", "check_7_1(mine)  # 1 point", "x = 1\ncheck_7_1()  # 1 point", ""]
)
def test_what_is_no_call_of_a_check(source: str) -> None:
    """A cell of its own, with the points."""
    assert check_call(source) is None


def test_examples() -> None:
    """Those in the docstrings."""
    assert doctest.testmod(module).failed == 0
