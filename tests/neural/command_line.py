"""Run `neural-from-scratch` as a user does, and see that it refuses as it should."""

from __future__ import annotations

import os

import pytest

from neural_from_scratch import cli


def run(*arguments: object) -> int:
    """Run the command in this process and return its exit code."""
    try:
        return cli.main([str(argument) for argument in arguments])
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else 1


def refused(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    """Run a command that must fail: exit 2, one line on stderr, which is returned, and nothing written."""
    before = sorted(os.listdir())
    code = run(*arguments)
    out, err = capsys.readouterr()
    assert (code, out) == (2, "")
    assert err.startswith("neural-from-scratch: error: ")
    assert err.count("\n") == 1
    assert sorted(os.listdir()) == before
    return err
