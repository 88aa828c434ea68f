"""Cells run in order with a time limit, and what became of the checks among them.

They run in a process of their own (`run_cells`): a learner's endless loop can be stopped there, and an
``exit()`` ends nothing else.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from .catalog import FOLDER
from .cells import Cell
from .exercises import check_call

__all__ = ["CellResult", "CheckResult", "Run", "check_results", "run_cells"]

_DRAWS = re.compile(r"^\s*(plt|figure|fig)\.|plt\.subplots", re.MULTILINE)


@dataclass(frozen=True)
class CellResult:
    """What became of a cell.

    Parameters
    ----------
    index : int
        Its place among all cells, from 0.
    seconds : float
        How long it ran.
    error : str or None
        The name of the exception that ended it.
    message : str
        What the exception says.
    line : int or None
        Where in the cell it arose, from 1.
    """

    index: int
    seconds: float
    error: str | None = None
    message: str = ""
    line: int | None = None


@dataclass(frozen=True)
class Run:
    """What became of all cells.

    Parameters
    ----------
    results : tuple of CellResult
        One for each cell of code that ran to its end, in order.
    seconds : float
        For all of them, with the start of Python.
    stopped_in : int or None
        The place of the cell in which the run ended before its time: at the limit, or by a crash.
    """

    results: tuple[CellResult, ...]
    seconds: float
    stopped_in: int | None = None


@dataclass(frozen=True)
class CheckResult:
    """What became of a check.

    Parameters
    ----------
    number : str
        ``"3.1"``.
    points : int
        What it is worth.
    state : {"passed", "failed", "not begun", "did not run"}
        Not begun is an exercise whose stub stands there as it came.
    message : str
        What the check says, or why it did not run.
    """

    number: str
    points: int
    state: str
    message: str = ""

    @property
    def passed(self) -> bool:
        """Whether the exercise is done."""
        return self.state == "passed"


def run_cells(
    cells: Sequence[Cell],
    *,
    limit: float,
    folder: Path | None = None,
    figures: Path | None = None,
    draw: bool = True,
    progress: Callable[[int, int], None] = lambda done, of: None,
) -> Run:
    """Run the code of cells, one after the other; one that fails does not end the run.

    Parameters
    ----------
    cells : sequence of Cell
        Those of code run, the others are passed over.
    limit : float
        Seconds, after which the run is ended.
    folder : Path, optional
        The working directory; one that is removed afterwards by default.
    figures : Path, optional
        A folder for the figures, as PNG files.
    draw : bool
        Whether cells that draw run at all.
    progress : callable
        Called with the number of cells that are done and that there are.

    Returns
    -------
    Run
    """
    code = [
        (index, cell.source)
        for index, cell in enumerate(cells)
        if cell.kind == "code" and (draw or not _DRAWS.search(cell.source))
    ]
    paths = [str(FOLDER.parent), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {**os.environ, "MPLBACKEND": "agg", "PYTHONPATH": os.pathsep.join(paths)}
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as temporary:
        results = Path(temporary) / "results.jsonl"
        results.touch()
        program = Path(__file__).with_name("run_cells.py")
        command = [sys.executable, "-P", str(program), str(results)]
        if figures is not None:
            command.append(str(figures.resolve()))
        work = Path(temporary) / "work"
        work.mkdir()
        start = time.monotonic()
        process = subprocess.Popen(
            command,
            cwd=folder or work,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            assert process.stdin is not None
            with suppress(BrokenPipeError):  # Python could not start: no cell has run
                process.stdin.write(json.dumps(code).encode())
                process.stdin.close()
            while process.poll() is None and time.monotonic() - start < limit:
                time.sleep(0.05)
                progress(len(_read(results)), len(code))
        finally:
            if process.poll() is None:
                process.kill()
            process.wait()
        done = _read(results)
    stopped_in = code[len(done)][0] if len(done) < len(code) else None
    return Run(tuple(done), time.monotonic() - start, stopped_in)


def check_results(cells: Sequence[Cell], run: Run) -> list[CheckResult]:
    """Return what became of the checks that cells call, in order."""
    results = {result.index: result for result in run.results}
    out = []
    for index, cell in enumerate(cells):
        call = check_call(cell.source) if cell.kind == "code" else None
        if call is not None:
            out.append(CheckResult(*call, *_state(results.get(index))))
    return out


def _state(result: CellResult | None) -> tuple[str, str]:
    if result is None:
        return "did not run", "the run ended before"
    if result.error is None:
        return "passed", ""
    if result.error == "NotImplementedError":
        return "not begun", ""
    if result.error == "AssertionError":
        return "failed", result.message or "the check failed, but does not say why"
    if result.error == "NameError" and "check_" in result.message:
        return "did not run", "a cell above it failed"
    return "failed", f"your code raised {result.error}: {result.message}"


def _read(path: Path) -> list[CellResult]:
    lines = path.read_text("utf-8").split("\n")[:-1]  # what follows the last break is half a line
    return [CellResult(**json.loads(line)) for line in lines]
