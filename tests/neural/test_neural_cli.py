"""The command ``neural-from-scratch``: what it prints, what it writes, and how it says no."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from command_line import refused, run
from PIL import Image

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """A colour picture in a PNG file."""
    rows, columns = np.mgrid[:70, :80]
    waves = np.stack([128 + 100 * np.sin(rows / k + columns / 9) for k in (7, 11, 13)], axis=-1)
    folder = tmp_path / "in"
    folder.mkdir()
    path = folder / "photo.png"
    Image.fromarray(waves.astype(np.uint8)).save(path)
    return path


def test_demo(photo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A figure, and in words what is on it; no bar where stderr is no terminal; nothing else there."""
    out = tmp_path / "figure.png"
    assert run("demo", photo, "--steps", 10, "--out", out) == 0
    said, err = capsys.readouterr()
    assert err == ""
    assert "photo.png: 80 × 64 pixels; 10 steps" in said
    assert "24 × 8 × 10 whole numbers" in said
    assert "0.375 a pixel instead of 3" in said
    assert said.endswith(f"figure: {out}\n")
    with Image.open(out) as picture:
        assert picture.format == "PNG"
    assert sorted(os.listdir(tmp_path)) == ["figure.png", "in"]


def test_same_seed_same_words(photo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The seed decides; another one gives another network."""
    lines = []
    for seed in (1, 1, 2):
        assert run("demo", photo, "--steps", 3, "--seed", seed, "--out", tmp_path / "f.svg") == 0
        lines.append(capsys.readouterr().out.splitlines()[1])
    assert lines[0] == lines[1] != lines[2]


def test_bar_on_a_terminal(photo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It says how far it is, and how good the photograph has become."""

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    assert run("demo", photo, "--seconds", 0.6, "--out", tmp_path / "f.svg") == 0
    assert "learning" in terminal.getvalue()
    assert "dB" in terminal.getvalue()


def test_default_photograph(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without arguments but the length: Matplotlib's photograph, and a figure in the current folder."""
    monkeypatch.chdir(tmp_path)
    assert run("demo", "--steps", 1) == 0
    assert "grace_hopper.jpg: 512 × 600 pixels" in capsys.readouterr().out
    assert os.listdir(tmp_path) == ["learned.png"]


@pytest.mark.parametrize("arguments", [(), ("--help",), ("demo", "--help"), ("compress", "--help")])
def test_help(arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    """Help has examples; no command at all is an error that points to it."""
    code = run(*arguments)
    out, err = capsys.readouterr()
    if arguments:
        assert code == 0
        command = arguments[0] if len(arguments) > 1 else "demo"
        assert f"neural-from-scratch {command} photo.jpg" in out
        if command == "compress":
            assert "--model mean-scale-hyperprior --bpp 0.5" in out
    else:
        assert code == 2
        assert "--help" in err


@pytest.mark.parametrize(
    ("switch", "value", "words"),
    [
        ("--seconds", "0", "not above 0"),
        ("--seconds", "-3", "not above 0"),
        ("--seconds", "nan", "not above 0"),
        ("--seconds", "inf", "at most 86400"),
        ("--seconds", "soon", "'soon' is not a number"),
        ("--steps", "0", "not 1 or more"),
        ("--steps", "2.5", "'2.5' is not a whole number"),
        ("--seed", "-1", "not 0 or more"),
        ("--seed", "x", "'x' is not a whole number"),
    ],
)
def test_bad_numbers(switch: str, value: str, words: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The switch is named, and what is wrong with the number."""
    error = refused(capsys, "demo", f"{switch}={value}")
    assert switch in error
    assert words in error


def test_seconds_and_steps_exclude_each_other(capsys: pytest.CaptureFixture[str]) -> None:
    """One of them says how long."""
    assert "not allowed with" in refused(capsys, "demo", "--seconds", 1, "--steps", 1)


def test_bad_photographs(photo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Missing, a folder, no picture, too small, cut off: the file is named."""
    (tmp_path / "text.png").write_text("hello")
    Image.new("RGB", (63, 200)).save(tmp_path / "small.png")
    (tmp_path / "cut.png").write_bytes(photo.read_bytes()[:300])
    reasons = {
        "none.png": "No such file",
        "in": "Is a directory",
        "text.png": "not a picture",
        "small.png": "63×200, at least 64×64",
        "cut.png": "cannot be read",
    }
    for name, reason in reasons.items():
        error = refused(capsys, "demo", tmp_path / name, "--steps", 1, "--out", tmp_path / "f.png")
        assert name in error
        assert reason in error
    assert not (tmp_path / "f.png").exists()


def test_bad_figures(photo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Told before half a minute is spent: no such folder, a folder, an unknown ending."""
    reasons = {
        tmp_path / "none" / "f.png": "there is no folder",
        tmp_path / "f.jpeg": "must end in .png, .svg, .pdf",
        tmp_path / "f": "must end in",
        photo / "f.png": "there is no folder",
    }
    folder = tmp_path / "folder.png"
    folder.mkdir()
    reasons[folder] = "is a folder"
    for out, reason in reasons.items():
        error = refused(capsys, "demo", photo, "--seconds", 3000, "--out", out)
        assert str(out) in error
        assert reason in error


def test_folder_that_cannot_be_written_to(
    photo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Also told at once."""
    monkeypatch.setattr(os, "access", lambda *_: False)  # for root every folder can be written to
    assert "cannot be written to" in refused(capsys, "demo", photo, "--out", tmp_path / "f.png")


def test_late_failure_is_one_line_too(
    photo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A disk that is full when the figure is written."""

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device", "f.png")

    monkeypatch.setattr("neural_from_scratch.pictures.write_atomically", full)
    error = refused(capsys, "demo", photo, "--steps", 1, "--out", tmp_path / "f.png")
    assert error == "neural-from-scratch: error: f.png: No space left on device\n"


@pytest.mark.skipif(os.name != "posix", reason="signals as POSIX has them")
def test_interrupted(photo: Path, tmp_path: Path) -> None:
    """Ctrl-C while it learns: exit 130, one line, no figure, nothing half-written."""
    program = (
        "import sys; from neural_from_scratch import cli, demo; learn = demo.learn\n"
        "def told(*args, progress, **settings):\n"
        "    def show(done, learned):\n"
        "        if len(learned.losses) == 2: print('learning', flush=True)\n"
        "        progress(done, learned)\n"
        "    return learn(*args, progress=show, **settings)\n"
        "demo.learn = told\n"
        "sys.exit(cli.main(sys.argv[1:]))"
    )
    out = tmp_path / "out" / "f.png"
    out.parent.mkdir()
    command = [sys.executable, "-c", program, "demo", str(photo), "--seconds", "600", "--out", str(out)]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT, start_new_session=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "learning\n"
    time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    said, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert said == ""
    assert err == "neural-from-scratch: interrupted\n"
    assert os.listdir(out.parent) == []


def test_as_a_module() -> None:
    """``python -m neural_from_scratch`` is the command."""
    command = [sys.executable, "-m", "neural_from_scratch", "demo", "no-such-picture.png"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 2
    assert "no-such-picture.png: No such file" in done.stderr
    assert "Traceback" not in done.stderr
