"""Parsers, and how errors leave a command: one line on stderr and exit code 2."""

from __future__ import annotations

import argparse
import io
import os
import sys
from collections.abc import Callable
from typing import NoReturn

__all__ = ["Parser", "run"]


class Parser(argparse.ArgumentParser):
    """Says what is wrong in one line, where `argparse` prints the usage as well."""

    def error(self, message: str) -> NoReturn:
        """Leave with exit code 2."""
        self.exit(2, f"{self.prog}: error: {message} (try: {self.prog} --help)\n")


def run(program: str, work: Callable[[], int]) -> int:
    """Do the work of a command and return the exit code.

    Parameters
    ----------
    program : str
        Its name, for error messages.
    work : callable
        Returns the exit code.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal that has no "·" shows "?"
    try:
        code = work()
        sys.stdout.flush()
    except BrokenPipeError:  # the reader of our output, `head` say, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (OSError, ValueError) as error:
        print(f"{program}: error: {_one_line(error)}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"{program}: interrupted", file=sys.stderr)
        return 130
    return code


def _one_line(error: BaseException) -> str:
    """The message without line breaks; for errors of the system which file and why."""
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return " ".join(str(error).split()) or type(error).__name__
