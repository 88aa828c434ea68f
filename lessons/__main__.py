"""``python -m lessons``: which lessons there are and how far you are; ``check 3``; ``open 3``."""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import sysconfig
import textwrap
from collections.abc import Callable, Sequence
from pathlib import Path

from tqdm import tqdm

from .tools import command, progress
from .tools.catalog import COURSE, Lesson, find_lesson, lessons
from .tools.cells import Cell, read_file
from .tools.exercises import exercises
from .tools.labs import learner_file, student_notebook, write_files
from .tools.running import CheckResult, Run, check_results, run_cells

__all__ = ["main"]

PROGRAM = "lessons"
EXAMPLES = """examples:
  python -m lessons                            # which there are, and how far you are
  python -m lessons open 3                     # make the notebook of lesson 3 and open it
  python -m lessons check 3                    # does what you wrote do what it should?
  python -m lessons check 3 --file alice.ipynb
  python -m lessons check 3 --figures out      # keep the figures as PNG files

exit code of check: 0 if all checks pass, 1 if one does not, 2 for an error
"""
# What opens a notebook: the program, and what stands between its name and the file's.
OPENERS = (("jupyter-lab", ()), ("jupyter-notebook", ()), ("code", ()))


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; see ``--help``.

    Returns
    -------
    int
        0; 1 if a check does not pass; 2 for an error.
    """
    arguments = _parser().parse_args(argv)
    return command.run(PROGRAM, lambda: arguments.run(arguments))


def _parser() -> command.Parser:
    parser = command.Parser(
        prog=PROGRAM,
        description="The course: lists the lessons; opens one; checks what you wrote.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--labs", type=Path, default=Path("labs"), help="your folder (default: labs)"
    )
    parser.set_defaults(run=_list)
    labs = command.Parser(add_help=False)  # --labs may stand behind the command as well
    labs.add_argument("--labs", type=Path, default=argparse.SUPPRESS, help="your folder")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")

    check = commands.add_parser("check", help="run the checks of a lesson", parents=[labs])
    check.add_argument("lesson", type=int, help="number of the lesson")
    check.add_argument(
        "--file", type=Path, help="notebook or script (default: the newer one in labs)"
    )
    check.add_argument(
        "--limit", type=_seconds, default=120.0, help="seconds to run (default: 120)"
    )
    check.add_argument("--figures", type=Path, help="folder for the figures, as PNG files")
    check.add_argument("--quick", action="store_true", help="leave out cells that draw")
    check.set_defaults(run=_check)

    opened = commands.add_parser(
        "open", help="make the notebook of a lesson and open it", parents=[labs]
    )
    opened.add_argument("lesson", type=int, help="number of the lesson")
    opened.set_defaults(run=_open)
    return parser


def _seconds(text: str) -> float:
    value = float(text)
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is not a number of seconds above 0")
    return value


def _list(arguments: argparse.Namespace) -> int:
    written = {lesson.number: lesson for lesson in lessons()}
    for number, title in COURSE.items():
        if number in written:
            lesson = written[number]
            state = progress.state(arguments.labs, lesson)
            print(f"{number:>3}  {title:<26} {lesson.minutes:>4} min   {state}")
        else:
            print(f"{number:>3}  {title:<26}    –       not written yet")
    return 0


def _open(arguments: argparse.Namespace) -> int:
    lesson = find_lesson(arguments.lesson)
    name = f"{lesson.name}.ipynb"
    path = arguments.labs / name
    if path.exists():
        print(f"{path} is there already: it is opened as it is")
    else:
        write_files(arguments.labs, {name: student_notebook(lesson)})
        print(f"made {path}")
    # Programs of a virtual environment that is not activated are not on the path.
    places = (None, sysconfig.get_path("scripts"))
    for program, options in OPENERS:
        found = next(filter(None, (shutil.which(program, path=place) for place in places)), None)
        if found:
            print(f"opening it with {program}", flush=True)
            if code := subprocess.call([found, *options, str(path)]):
                raise ValueError(f"{found} ended with exit code {code}; the notebook is {path}")
            return 0
    print("Found neither Jupyter nor VS Code. Open it with one of these:")
    print(f"  pip install jupyterlab && jupyter lab {path}")
    print(f"  code {path}        # VS Code with its extension for Python and Jupyter")
    return 0


def _check(arguments: argparse.Namespace) -> int:
    lesson = find_lesson(arguments.lesson)
    path = arguments.file or learner_file(arguments.labs, lesson)
    cells = read_file(path or lesson.path)
    if arguments.figures is not None:
        arguments.figures.mkdir(parents=True, exist_ok=True)
    print(f"Lesson {lesson.number} · {lesson.title}")
    if path is None:
        print(
            f"There is no lab of yours in {arguments.labs}: this is the lesson with its solutions."
        )
    with tqdm(delay=2, disable=None, unit="cell", leave=False) as bar:
        run = run_cells(
            cells,
            limit=arguments.limit,
            folder=path.resolve().parent if path else None,
            figures=arguments.figures,
            draw=not arguments.quick,
            progress=_shown_by(bar),
        )
    results = check_results(cells, run)
    print(f"{path or lesson.path.name}, {run.seconds:.1f} s\n")
    _print_results(lesson, results)
    _print_troubles(cells, run, arguments.limit)
    missing = {item.number for item in exercises(lesson.text)} - {item.number for item in results}
    for number in sorted(missing):
        print(f"  {number}  the cell that calls this check is gone")
    passed = sum(result.passed for result in results)
    print(f"\n{passed} of {len(results) + len(missing)} checks pass.")
    if path is not None and arguments.file is None:
        gone = [CheckResult(number, 0, "did not run") for number in sorted(missing)]
        progress.record(arguments.labs, lesson, [*results, *gone])
    return 0 if passed == len(results) + len(missing) else 1


def _shown_by(bar: tqdm) -> Callable[[int, int], None]:
    def show(done: int, of: int) -> None:
        bar.total, bar.n = of, done
        bar.update(0)

    return show


def _print_results(lesson: Lesson, results: Sequence[CheckResult]) -> None:
    names = {item.number: ", ".join(item.names) for item in exercises(lesson.text)}
    marks = {"passed": "✓", "failed": "✗", "not begun": "·", "did not run": "?"}
    width = max((len(name) for name in names.values()), default=0)
    for result in results:
        name = names.get(result.number, "")
        points = f"{result.points} point{'' if result.points == 1 else 's'}"
        print(
            f"  {marks[result.state]} {result.number}  {name:<{width}}  {points:>8}  {result.state}"
        )
        if result.message:
            print(textwrap.indent(textwrap.fill(result.message, 88), " " * 9))


def _print_troubles(cells: Sequence[Cell], run: Run, limit: float) -> None:
    """Say which cells failed, other than checks and what waits for an exercise."""
    for result in run.results:
        source = cells[result.index].source
        silent = ("NotImplementedError", "AssertionError")
        if result.error is None or result.error in silent or source.startswith("check_"):
            continue
        lines = source.splitlines()
        line = result.line or 1
        where = lines[line - 1].strip() if line <= len(lines) else ""
        print(f"\n  A cell failed in its line {line}: {where}")
        print(f"    {result.error}: {result.message}")
    if run.stopped_in is not None:
        first = cells[run.stopped_in].source.split("\n", 1)[0]
        why = f"at the limit of {limit:g} s" if run.seconds >= limit else "by a crash"
        print(f"\n  The run ended {why}, in the cell that begins: {first}")


if __name__ == "__main__":
    sys.exit(main())
