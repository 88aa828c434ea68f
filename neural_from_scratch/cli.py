"""The command ``neural-from-scratch``: its parser, and how errors leave it.

Each command has a file in ``commands``. An error is one line on stderr and exit code 2; an output file is
complete or not there.
"""

from __future__ import annotations

import argparse
import io
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from .commands import compress, decompress, demo, evaluate, info, train
from .errors import NeuralError

__all__ = ["main"]

PROGRAM = "neural-from-scratch"
COMMANDS = (compress, decompress, info, evaluate, train, demo)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    argv : sequence of str, optional
        The arguments without the program's name; those of the process by default.

    Returns
    -------
    int
        The exit code: 0; 2 for an error; 130 if interrupted. Mistakes in the arguments themselves leave
        through `SystemExit`, with 2 as well.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal that has no "×" shows "?"
    arguments = _parser().parse_args(argv)
    try:
        arguments.run(arguments)
        sys.stdout.flush()
    except BrokenPipeError:  # the reader of our output, `head` say, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (NeuralError, OSError, ValueError, FloatingPointError, MemoryError) as error:
        print(f"{PROGRAM}: error: {_one_line(error)}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"{PROGRAM}: interrupted", file=sys.stderr)
        return 130
    return 0


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line, where `argparse` prints the usage as well."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{PROGRAM}: error: {message} (try: {self.prog} --help)\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog=PROGRAM,
        description="Learned image codecs, from scratch: gradients by hand, on NumPy arrays.",
        epilog="examples:\n" + "".join(command.EXAMPLES for command in COMMANDS),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for command in COMMANDS:
        command.add_parser(commands)
    return parser


def _one_line(error: BaseException) -> str:
    """Return the message without line breaks; for errors of the system which file and why."""
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return " ".join(str(error).split()) or type(error).__name__
