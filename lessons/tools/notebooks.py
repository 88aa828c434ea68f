"""Cells → notebooks with nbgrader's metadata.

nbgrader knows a cell by ``metadata.nbgrader`` (schema 3). What each cell is follows from its text:

=========================================  ========================================================
has a solution, or its stub                a *solution* cell: graded through its checks
defines a check                            *locked*: put back as it was before a lab is graded
is the call of a check                     a *grade* cell with points, locked
all others                                 free to be changed
=========================================  ========================================================

Identifiers come from the exercise or the position, so that the same lesson always makes the same bytes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

from .cells import Cell
from .exercises import BEGIN, check_call

__all__ = ["notebook_text"]

_STUB = re.compile(r'raise NotImplementedError\("exercise (\d+)\.(\d+): write (\w+)"\)')
_DEFINES_CHECK = re.compile(r"^def check_(\d+)_(\d+)\(", re.MULTILINE)
_DEFINES = re.compile(r"^(?:def|class) (\w+)", re.MULTILINE)

_METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"file_extension": ".py", "mimetype": "text/x-python", "name": "python"},
}


def notebook_text(cells: Sequence[Cell], name: str, *, nbgrader: bool = True) -> str:
    """Return a notebook (nbformat 4.5), without outputs.

    Parameters
    ----------
    cells : sequence of Cell
        Of a lesson, or of a lesson without its solutions.
    name : str
        Of the lesson; part of the identifiers.
    nbgrader : bool
        Whether cells have its metadata.

    Returns
    -------
    str
        JSON as Jupyter writes it. The same for the same cells.
    """
    notebook = {
        "cells": [_cell(cell, f"{name}-{index:03d}", nbgrader) for index, cell in enumerate(cells)],
        "metadata": _METADATA,
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    return json.dumps(notebook, ensure_ascii=False, indent=1, sort_keys=True) + "\n"


def _cell(cell: Cell, position: str, nbgrader: bool) -> dict[str, Any]:
    grading = _grading(cell) if nbgrader else None
    out: dict[str, Any] = {
        "cell_type": cell.kind,
        "id": grading["grade_id"] if grading else position,
        "metadata": {"nbgrader": grading} if grading else {},
        "source": cell.source.splitlines(keepends=True),
    }
    if cell.kind == "code":
        out |= {"execution_count": None, "outputs": []}
    return out


def _grading(cell: Cell) -> dict[str, Any] | None:
    if cell.kind != "code":
        return None
    if call := check_call(cell.source):
        number, points = call
        return _entry(f"check-{number.replace('.', '-')}", grade=True, locked=True, points=points)
    if BEGIN in cell.source or _STUB.search(cell.source):
        names = _DEFINES.findall(cell.source)
        return _entry("solution-" + "-".join(names), solution=True)
    if numbers := _DEFINES_CHECK.findall(cell.source):
        return _entry("tests-" + "-".join("-".join(number) for number in numbers), locked=True)
    return None


def _entry(grade_id: str, **what: Any) -> dict[str, Any]:
    entry = {"grade": False, "locked": False, "solution": False, "task": False, "schema_version": 3}
    # nbgrader compares the type of cells that count with the one that it finds.
    kind = {"cell_type": "code"} if what.get("grade") else {}
    return {**entry, "grade_id": grade_id, **kind, **what}
