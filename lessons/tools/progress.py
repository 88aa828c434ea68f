"""Which checks have passed: a small JSON file beside the labs, ``progress.json``."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from codec_eval.images import write_atomically

from .catalog import Lesson
from .labs import learner_file
from .running import CheckResult

__all__ = ["FILE", "record", "state"]

FILE = "progress.json"


def record(folder: Path, lesson: Lesson, results: Sequence[CheckResult]) -> None:
    """Keep what became of a lesson's checks.

    Raises
    ------
    OSError
        If the file cannot be written.
    """
    passed = [result.number for result in results if result.passed]
    known = {**_read(folder), lesson.name: {"passed": passed, "checks": len(results)}}
    text = json.dumps(known, indent=1, sort_keys=True) + "\n"
    write_atomically(folder / FILE, text.encode("utf-8"))


def state(folder: Path, lesson: Lesson) -> str:
    """Return how far a learner is, in words: ``"2 of 6 checks pass"``."""
    entry: Any = _read(folder).get(lesson.name)
    if learner_file(folder, lesson) is None:
        return "not begun"
    try:
        passed, checks = len(entry["passed"]), int(entry["checks"])
    except (KeyError, TypeError, ValueError):
        return "begun"
    return "done" if passed == checks else f"{passed} of {checks} checks pass"


def _read(folder: Path) -> dict[str, Any]:
    """What is known; nothing where the file is missing or damaged: the next check writes it again."""
    try:
        known = json.loads((folder / FILE).read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}
