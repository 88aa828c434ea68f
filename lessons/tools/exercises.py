"""Exercises, checks and points of a lesson; the script without its solutions.

An exercise is a function (or a class) at the top level of the script, with a docstring and, between two
marks that nbgrader and Otter know too, its solution::

    def dct_matrix(n):
        '''Return …'''
        # BEGIN SOLUTION
        …
        # END SOLUTION

Its check takes it as a default, which is how the two find each other, and stands in a later cell; a cell of
its own calls the check and says what it is worth::

    def check_3_2(fn=dct_matrix):
        …

    check_3_2()  # 2 points
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

__all__ = ["BEGIN", "END", "Exercise", "check_call", "cut_solutions", "exercises", "solution_lines"]

BEGIN, END = "# BEGIN SOLUTION", "# END SOLUTION"

_CALL = re.compile(r"check_(\d+)_(\d+)\(\)  # (\d+) points?")
_CHECK = re.compile(r"check_(\d+)_(\d+)")


@dataclass(frozen=True)
class Exercise:
    """What a learner writes, and what that is worth.

    Parameters
    ----------
    number : str
        Of the lesson and within it: ``"3.1"``.
    names : tuple of str
        The functions or classes with a solution.
    points : int
        What its check is worth.
    """

    number: str
    names: tuple[str, ...]
    points: int


def check_call(source: str) -> tuple[str, int] | None:
    """Return number and points if `source` is nothing but the call of a check.

    Examples
    --------
    >>> check_call("check_3_1()  # 2 points")
    ('3.1', 2)
    """
    match = _CALL.fullmatch(source.strip())
    return (f"{match[1]}.{match[2]}", int(match[3])) if match else None


def exercises(text: str) -> list[Exercise]:
    """Return the exercises of a script, by number.

    Raises
    ------
    SyntaxError
        If the script is no Python.
    ValueError
        If solutions, checks and their calls do not belong together.
    """
    owners = _owners(text)
    points = {call[0]: call[1] for call in map(check_call, text.splitlines()) if call}
    tested = _tested(text)
    if set(points) != set(tested):
        raise ValueError(f"checks {sorted(tested)}, but calls that say their points {sorted(points)}")
    known = {name for names in tested.values() for name in names}
    if without := [name for name in owners if name not in known]:
        raise ValueError(f"no check has {without[0]} as a default")
    found = [
        Exercise(number, tuple(name for name in names if name in owners), points[number])
        for number, names in tested.items()
    ]
    if empty := [exercise.number for exercise in found if not exercise.names]:
        raise ValueError(f"check {empty[0]} has no function with a solution as a default")
    return sorted(found, key=lambda exercise: [int(part) for part in exercise.number.split(".")])


def cut_solutions(text: str) -> str:
    """Return a script with a `NotImplementedError` in place of each solution.

    Raises
    ------
    SyntaxError, ValueError
        As `exercises`.
    """
    exercise_of = {name: item.number for item in exercises(text) for name in item.names}
    owner = {first: (name, last) for name, regions in _owners(text).items() for first, last in regions}
    lines, out, skip_to = text.splitlines(), [], 0
    for number, line in enumerate(lines, 1):
        if number in owner:
            name, skip_to = owner[number]
            indent = line[: len(line) - len(line.lstrip())]
            out.append(f'{indent}raise NotImplementedError("exercise {exercise_of[name]}: write {name}")')
        elif number > skip_to:
            out.append(line)
    return "\n".join(out) + "\n"


def solution_lines(text: str) -> list[str]:
    """Return the lines of all solutions, stripped, without comments and empty ones."""
    lines = text.splitlines()
    inside = [line.strip() for first, last in _regions(text) for line in lines[first : last - 1]]
    return [line for line in inside if line and not line.startswith("#")]


def _regions(text: str) -> Iterator[tuple[int, int]]:
    """Yield the line numbers of the marks around each solution."""
    begin = None
    for number, line in enumerate(text.splitlines(), 1):
        mark = line.strip()
        if mark == BEGIN:
            if begin is not None:
                raise ValueError(f"line {number}: {BEGIN!r} inside of a solution")
            begin = number
        elif mark == END:
            if begin is None:
                raise ValueError(f"line {number}: {END!r} without a beginning")
            yield begin, number
            begin = None
        elif re.search(r"#+\s*(BEGIN|END)\s+SOLUTION", line):
            raise ValueError(f"line {number}: a mark must be {BEGIN!r} or {END!r}, alone in its line")
    if begin is not None:
        raise ValueError(f"line {begin}: a solution that does not end")


def _owners(text: str) -> dict[str, list[tuple[int, int]]]:
    """Return the solutions of each function or class at the top level."""
    definitions = [node for node in ast.parse(text).body if isinstance(node, (ast.FunctionDef, ast.ClassDef))]
    owners: dict[str, list[tuple[int, int]]] = {}
    for first, last in _regions(text):
        # A mark behind the last statement is a comment, which the tree does not know.
        inside = [node for node in definitions if node.lineno < first <= (node.end_lineno or 0)]
        if not inside:
            raise ValueError(f"line {first}: a solution outside of a function")
        owners.setdefault(inside[0].name, []).append((first, last))
    return owners


def _tested(text: str) -> dict[str, list[str]]:
    """Return for each check the names that are defaults of it."""
    tested = {}
    for node in ast.parse(text).body:
        match = _CHECK.fullmatch(node.name) if isinstance(node, ast.FunctionDef) else None
        if match and isinstance(node, ast.FunctionDef):
            defaults = [*node.args.defaults, *node.args.kw_defaults]
            names = [default.id for default in defaults if isinstance(default, ast.Name)]
            tested[f"{match[1]}.{match[2]}"] = names
    return tested
