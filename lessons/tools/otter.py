"""Cells → those of Otter Assign, where raw cells say what is a question, its solution and its tests.

Each exercise becomes a question: the cell with the solution, and one test, which is the definition of the
check and its call together. So learners have the check's words, but not its code::

    # BEGIN QUESTION        with name and points
    # BEGIN SOLUTION
    def dct_matrix(n):      the cell of the lesson, marks and all
    # END SOLUTION
    # BEGIN TESTS
    def check_3_2(fn=dct_matrix): … check_3_2()
    # END TESTS
    # END QUESTION
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from .cells import Cell
from .exercises import BEGIN, check_call

__all__ = ["otter_cells"]

SETTINGS = "# ASSIGNMENT CONFIG\ninit_cell: true\nexport_cell: false"


def otter_cells(cells: Sequence[Cell]) -> list[Cell]:
    """Return the cells of a lesson as `otter assign` reads them.

    Parameters
    ----------
    cells : sequence of Cell
        With solutions.

    Raises
    ------
    ValueError
        If a solution is not followed by its check and the call of that.
    """
    return [Cell("raw", SETTINGS), *_questions(cells)]


def _questions(cells: Sequence[Cell]) -> Iterator[Cell]:
    rest = iter(enumerate(cells))
    for index, cell in rest:
        if BEGIN not in cell.source:
            yield cell
            continue
        check, call = (*cells[index + 1 : index + 3], Cell("raw", ""), Cell("raw", ""))[:2]
        worth = check_call(call.source)
        if worth is None:
            raise ValueError(f"a solution without its check behind it: {cell.source.splitlines()[0]}")
        number, points = worth
        yield Cell("raw", f"# BEGIN QUESTION\nname: q{number.replace('.', '_')}\npoints: {points}")
        yield Cell("raw", "# BEGIN SOLUTION")
        yield cell
        yield Cell("raw", "# END SOLUTION")
        yield Cell("raw", "# BEGIN TESTS")
        yield Cell("code", f"{check.source}\n\n\n{call.source.split('  #')[0]}")
        yield Cell("raw", "# END TESTS")
        yield Cell("raw", "# END QUESTION")
        next(rest)
        next(rest)
