"""``python -m lessons`` and ``python -m lessons.make_labs``: what they print, and how they fail."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from lesson_cases import LESSONS, ROOT, TINY, tiny_lesson

import lessons.__main__ as command
from lessons import make_labs
from lessons.tools.catalog import COURSE

needs_jupytext = pytest.mark.lessons


@pytest.fixture
def tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A course of one tiny lesson, and a folder for labs, which is returned."""
    lesson = tiny_lesson(tmp_path)
    for module in (command, make_labs):
        monkeypatch.setattr(module, "find_lesson", lambda number: lesson)
        monkeypatch.setattr(module, "lessons", lambda: [lesson])
    return tmp_path / "labs"


def run(*arguments: object) -> int:
    """Run the command in this process and return its exit code."""
    try:
        return command.main([str(argument) for argument in arguments])
    except SystemExit as error:
        return int(error.code or 0)


def one_line(capsys: pytest.CaptureFixture[str]) -> str:
    """What stands on stderr, which must be one line, while stdout is empty."""
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    return err


def test_list(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A line for each lesson of the course, written or not."""
    assert run("--labs", tmp_path) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(COURSE)
    assert sum("not begun" in line for line in lines) == len(LESSONS)


def test_as_a_module() -> None:
    """From the root of the repository, with its examples in --help."""
    for module, words in (("lessons", "open 3"), ("lessons.make_labs", "--force")):
        done = subprocess.run(
            [sys.executable, "-m", module, "--help"], cwd=ROOT, capture_output=True, text=True, check=True
        )
        assert "examples:" in done.stdout
        assert words in done.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("check", 99), "there is no lesson 99"),
        (("check", "three"), "invalid int value"),
        (("check", LESSONS[0].number, "--limit", "0"), "seconds above 0"),
        (("check", LESSONS[0].number, "--file", "nowhere.txt"), "neither a notebook"),
        (("frob",), "invalid choice"),
    ],
)
def test_mistakes(arguments: tuple[object, ...], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    """One line on stderr and exit code 2, never a traceback."""
    assert run(*arguments) == 2
    assert words in one_line(capsys)


def test_a_lesson_that_is_not_written_yet(capsys: pytest.CaptureFixture[str]) -> None:
    """It is named, and those that there are."""
    missing = sorted(set(COURSE) - {lesson.number for lesson in LESSONS})
    for number in missing[:1]:
        assert run("check", number) == 2
        assert "not written yet; there are:" in one_line(capsys)


def test_without_jupytext(
    tiny: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The error says what to install."""
    monkeypatch.setitem(sys.modules, "jupytext", None)
    for arguments in (("check", 7), ("open", 7)):
        assert run("--labs", tiny, *arguments) == 2
        assert "pip install '.[lessons]'" in one_line(capsys)
    assert make_labs.main(["--out", str(tiny)]) == 2
    assert not tiny.exists()


@needs_jupytext
@pytest.mark.parametrize("content", ["", "{", "[]", '{"cells": 3}'])
def test_a_damaged_notebook(
    content: str, tmp_path: Path, tiny: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Is named, in one line."""
    path = tmp_path / "damaged.ipynb"
    path.write_text(content)
    assert run("check", 7, "--file", path) == 2
    assert "damaged.ipynb" in one_line(capsys)


@needs_jupytext
def test_a_file_that_is_not_there(tiny: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The system's reason, with the name."""
    assert run("check", 7, "--file", tiny / "none.py") == 2
    assert "none.py: No such file" in one_line(capsys)


@needs_jupytext
def test_without_a_lab_the_lesson_itself_is_checked(tiny: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """And the command says so."""
    assert run("--labs", tiny, "check", 7) == 0
    out = capsys.readouterr().out
    assert "this is the lesson with its solutions" in out
    assert "2 of 2 checks pass." in out
    assert not tiny.exists()


@needs_jupytext
def test_from_stubs_to_done(tiny: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A lab is made, half done, done; the list knows each time."""
    assert make_labs.main(["--out", str(tiny)]) == 0
    assert run("--labs", tiny, "check", 7) == 1
    assert capsys.readouterr().out.count("not begun") == 2
    lab = tiny / "l07_tiny.py"
    lab.write_text(TINY.replace("a + b", "a - b"), "utf-8")
    assert run("--labs", tiny, "check", 7) == 1
    out = capsys.readouterr().out
    assert "✗ 7.2" in out
    assert "2 and 3 are 5" in out
    assert run("--labs", tiny) == 0
    assert "1 of 2 checks pass" in capsys.readouterr().out
    lab.write_text(TINY, "utf-8")
    assert run("--labs", tiny, "check", 7) == 0
    assert json.loads((tiny / "progress.json").read_text())["l07_tiny"]["passed"] == ["7.1", "7.2"]
    (tiny / "progress.json").write_text("damaged")
    assert run("--labs", tiny) == 0
    assert "begun" in capsys.readouterr().out


@needs_jupytext
def test_cells_that_fail_do_not_end_the_run(
    tiny: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A slip in one exercise, an exit and a command to Jupyter: the other exercise is still checked."""
    text = TINY.replace("following = number + OFFSET", "following = number +")
    path = tmp_path / "mine.py"
    path.write_text(text.replace("OFFSET = 1\n", "OFFSET = 1\nexit()\n\n# %%\n# %matplotlib inline\n"))
    assert run("check", 7, "--file", path) == 1
    out = capsys.readouterr().out
    assert "SyntaxError" in out
    assert "following = number +" in out
    assert "SystemExit" in out
    assert "? 7.1" in out
    assert "✓ 7.2" in out


@needs_jupytext
def test_an_endless_loop_ends(tiny: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """At the limit; the command says in which cell."""
    path = tmp_path / "mine.py"
    path.write_text(TINY.replace("OFFSET = 1", "while True:\n    pass"))
    assert run("check", 7, "--file", path, "--limit", 1.5) == 1
    out = capsys.readouterr().out
    assert "at the limit of 1.5 s, in the cell that begins: while True:" in out
    assert "0 of 2 checks pass." in out


@needs_jupytext
def test_a_check_that_is_gone_does_not_count_as_passed(
    tiny: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its cell was deleted."""
    path = tmp_path / "mine.py"
    path.write_text(TINY.replace("check_7_1()  # 1 point", ""))
    assert run("check", 7, "--file", path) == 1
    assert "7.1  the cell that calls this check is gone" in capsys.readouterr().out


@needs_jupytext
def test_a_learners_work_is_never_overwritten(tiny: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Unless --force says so."""
    assert make_labs.main(["--out", str(tiny)]) == 0
    assert make_labs.main(["--out", str(tiny)]) == 0
    assert capsys.readouterr().out.count("unchanged") == 4
    lab = tiny / "l07_tiny.py"
    lab.write_text("my work")
    assert make_labs.main(["--out", str(tiny)]) == 0
    assert "--force replaces it" in capsys.readouterr().out
    assert lab.read_text() == "my work"
    assert make_labs.main(["--out", str(tiny), "--force"]) == 0
    assert "replaced" in capsys.readouterr().out
    assert lab.read_text() != "my work"
    kept = ["l07_tiny.ipynb", "l07_tiny.py", "otter", "source"]
    assert sorted(path.name for path in tiny.iterdir()) == kept


@needs_jupytext
def test_a_folder_that_cannot_be_written(
    tiny: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file stands in its place."""
    (tmp_path / "labs").write_text("")
    assert make_labs.main(["--out", str(tiny)]) == 2
    assert "labs" in one_line(capsys)


@needs_jupytext
def test_open(tiny: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """The notebook is made once, and opened with what is there, or the command says how."""
    called: list[Any] = []
    monkeypatch.setattr(shutil, "which", lambda name, path=None: None)
    monkeypatch.setattr(subprocess, "call", lambda arguments: called.append(arguments) or 0)
    assert run("--labs", tiny, "open", 7) == 0
    assert "jupyter lab" in capsys.readouterr().out
    assert not called
    (tiny / "l07_tiny.ipynb").write_text("my work")
    monkeypatch.setattr(shutil, "which", lambda name, path=None: "/bin/code" if name == "code" else None)
    assert run("--labs", tiny, "open", 7) == 0
    assert called == [["/bin/code", str(tiny / "l07_tiny.ipynb")]]
    capsys.readouterr()
    monkeypatch.setattr(subprocess, "call", lambda arguments: 3)
    assert run("open", 7, "--labs", tiny) == 2
    assert "/bin/code ended with exit code 3" in capsys.readouterr().err
    assert (tiny / "l07_tiny.ipynb").read_text() == "my work"
