"""The command ``jpeg-from-scratch``: its parser, and how errors leave it.

Each command has a file in ``commands``. An error is one line on stderr and exit code 2; an output file is
complete or not there.
"""

from __future__ import annotations

import argparse
import os
import sys
import warnings
from collections.abc import Sequence
from typing import NoReturn

from . import __version__
from .backend import announce_compilation
from .commands import decode, encode, info, inspect, transcode
from .errors import JpegError

__all__ = ["main"]

COMMANDS = (encode, decode, transcode, info, inspect)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    argv : sequence of str, optional
        The arguments without the program's name; those of the process by default.

    Returns
    -------
    int
        The exit code: 0, or 2 for an error. Mistakes in the arguments leave through `SystemExit`, with 2 as
        well.
    """
    arguments = _parser().parse_args(argv)
    try:
        with announce_compilation(), warnings.catch_warnings(record=True) as notes:
            arguments.run(arguments)
        sys.stdout.flush()
        for note in dict.fromkeys(str(caught.message) for caught in notes):
            print(f"jpeg-from-scratch: note: {note}", file=sys.stderr)
    except BrokenPipeError:
        # The reader of our output, `head` say, has seen enough.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (JpegError, ValueError, OSError, MemoryError) as error:
        print(f"jpeg-from-scratch: error: {_one_line(error)}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("jpeg-from-scratch: interrupted", file=sys.stderr)
        return 130
    return 0


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line, where `argparse` prints the usage as well."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"jpeg-from-scratch: error: {message} (try: {self.prog} --help)\n")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="jpeg-from-scratch",
        description="JPEG (ITU-T T.81), from scratch: files equal to libjpeg-turbo's bit for bit.",
        epilog="examples:\n" + "".join(command.EXAMPLES for command in COMMANDS),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"jpeg-from-scratch {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for command in COMMANDS:
        command.add_parser(commands)
    return parser


def _one_line(error: BaseException) -> str:
    """Return the message without line breaks; for errors of the system which file and why."""
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return " ".join(str(error).split()) or type(error).__name__
