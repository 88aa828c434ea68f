"""``python -m lessons.make_labs --out labs/``: the labs of a class, made from the lessons.

For each lesson a notebook and a script without the solutions, and notebooks with them as nbgrader
and Otter take them (`lessons.tools.labs`). A file that is there is never replaced, unless
``--force`` says so: it may be somebody's work.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from tqdm import tqdm

from .tools import command
from .tools.catalog import find_lesson, lessons
from .tools.labs import lesson_files, write_files

__all__ = ["main"]

PROGRAM = "lessons.make_labs"
EXAMPLES = """examples:
  python -m lessons.make_labs --out labs/               # all lessons that there are
  python -m lessons.make_labs --out labs/ --lesson 3    # one of them
  python -m lessons.make_labs --out labs/ --force       # replace what is there, learners' work too
  cd labs && nbgrader generate_assignment l03_dct       # needs pip install '.[lessons,labs]'
  cd labs && otter assign otter/l03_dct.ipynb dist      # needs pip install otter-grader
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; see ``--help``.

    Returns
    -------
    int
        0, or 2 for an error.
    """
    parser = command.Parser(
        prog=PROGRAM,
        description="Make labs: without solutions for learners, with them for teachers.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--out", type=Path, default=Path("labs"), help="folder (default: labs)")
    parser.add_argument(
        "--lesson", type=int, action="append", help="this one only; may be repeated"
    )
    parser.add_argument(
        "--force", action="store_true", help="replace files that are there and differ"
    )
    arguments = parser.parse_args(argv)
    return command.run(PROGRAM, lambda: _make(arguments))


def _make(arguments: argparse.Namespace) -> int:
    chosen = [find_lesson(n) for n in arguments.lesson] if arguments.lesson else lessons()
    kept = False
    for lesson in tqdm(chosen, delay=2, disable=None, unit="lesson"):
        outcome = write_files(arguments.out, lesson_files(lesson), arguments.force)
        for name, what in outcome.items():
            kept = kept or what == "kept"
            tqdm.write(f"{what:<10} {arguments.out / name}", file=sys.stdout)
    if kept:
        print(
            "kept: the file there is another one, and may be somebody's work; --force replaces it"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
