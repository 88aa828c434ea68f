"""Compiled code is kept where package and home cannot be written; and never taken from other people.

A copy of the package stands in a folder without write permission, and HOME in one, too. Who may do everything
could still write there, so an administrator's tests give up the right to (``setpriv``).
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import jpeg_from_scratch

pytestmark = [
    pytest.mark.both_backends,
    pytest.mark.skipif(not hasattr(os, "getuid"), reason="no owners of files as POSIX has them"),
]

# Prints the file's first and last byte, and how many kernels came from disk and how many were compiled.
PROGRAM = """
import numpy as np
import jpeg_from_scratch
from jpeg_from_scratch._kernels import dct, huffman_encode

data = jpeg_from_scratch.encode(np.arange(256, dtype=np.uint8).reshape(16, 16))
stats = [kernel.stats for kernel in (dct.transform_plane, huffman_encode.encode_mcus)]
found, made = (sum(sum(getattr(s, name).values()) for s in stats) for name in ("cache_hits", "cache_misses"))
print(jpeg_from_scratch.__file__)
print(data[:2].hex(), data[-2:].hex(), found, made)
"""
FOLDER = "jpeg-from-scratch-{}"


def own_name() -> str:
    """Return the name of this user's folder."""
    return FOLDER.format(os.getuid())


@pytest.fixture(name="locked")
def _locked(tmp_path: Path) -> Iterator[Path]:
    """A folder with a copy of the package, nothing of which can be written."""
    folder = tmp_path / "locked"
    source = Path(jpeg_from_scratch.__file__).parent
    shutil.copytree(source, folder / source.name, ignore=shutil.ignore_patterns("__pycache__"))
    folders = [folder, *(path for path in folder.rglob("*") if path.is_dir())]
    for path in folders:
        path.chmod(0o555)
    yield folder
    for path in folders:
        path.chmod(0o755)


def run(program: str, locked: Path, temporary: Path) -> str:
    """Run a program without privileges and without a home, on the locked package; return its output."""
    command = [sys.executable, "-W", "error", "-c", program]
    if os.getuid() == 0:
        if shutil.which("setpriv") is None:
            pytest.skip("needs the program setpriv (Debian: util-linux) or a user without privileges")
        command = ["setpriv", "--bounding-set", "-all", *command]
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("NUMBA", "XDG"))}
    environment |= {
        "PYTHONPATH": str(locked),
        "PYTHONSAFEPATH": "1",
        "HOME": str(locked / "home"),
        "TMPDIR": str(temporary),
    }
    result = subprocess.run(
        command, env=environment, capture_output=True, text=True, check=False, timeout=300, cwd=locked
    )
    assert (result.returncode, result.stderr) == (0, "")
    return result.stdout


@pytest.mark.big
def test_the_cache_among_temporary_files(locked: Path, tmp_path: Path) -> None:
    """The first process compiles, the second finds what the first left in a folder for its user alone."""
    temporary = tmp_path / "temporary"
    temporary.mkdir(mode=0o700)
    outputs = [run(PROGRAM, locked, temporary).splitlines() for _ in range(2)]
    assert outputs[0][0] == str(locked / "jpeg_from_scratch" / "__init__.py")
    assert [lines[1] for lines in outputs] == ["ffd8 ffd9 0 2", "ffd8 ffd9 2 0"]
    folder = temporary / own_name()
    assert folder.stat().st_mode & 0o777 == 0o700
    assert list(folder.rglob("*.nbc"))
    assert not list(locked.rglob("*.nbc"))


@pytest.mark.big
def test_no_cache_at_all(locked: Path, tmp_path: Path) -> None:
    """What others may have planted is left alone; then the kernels are compiled for this process only."""
    temporary = tmp_path / "temporary"
    temporary.mkdir(mode=0o700)
    planted = temporary / own_name()
    planted.mkdir()
    planted.chmod(0o777)
    assert run(PROGRAM, locked, temporary).splitlines()[1] == "ffd8 ffd9 0 2"
    assert not list(planted.iterdir())
    assert not list(locked.rglob("*.nbc"))


def private_folder(parent: Path) -> Path | None:
    """Call the function of the package; it imports Numba."""
    from jpeg_from_scratch._kernels import _jit

    return _jit.private_folder(str(parent))


def test_a_folder_of_ones_own(tmp_path: Path) -> None:
    """Made for its owner alone, whatever the umask allows; and taken again."""
    before = os.umask(0)
    try:
        folder = private_folder(tmp_path)
    finally:
        os.umask(before)
    assert folder == tmp_path / own_name()
    assert folder.stat().st_mode & 0o777 == 0o700
    assert private_folder(tmp_path) == folder


@pytest.mark.parametrize("mode", [0o770, 0o702, 0o777, 0o1777], ids=oct)
def test_a_folder_that_others_write(mode: int, tmp_path: Path) -> None:
    """Whoever may write there may leave code."""
    (tmp_path / own_name()).mkdir()
    (tmp_path / own_name()).chmod(mode)
    assert private_folder(tmp_path) is None


def test_a_link(tmp_path: Path) -> None:
    """It leads to wherever whoever made it pleases, now or later."""
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    (tmp_path / own_name()).symlink_to(tmp_path / "elsewhere")
    assert private_folder(tmp_path) is None


def test_a_file_in_its_place(tmp_path: Path) -> None:
    """No folder, no cache."""
    (tmp_path / own_name()).write_bytes(b"")
    assert private_folder(tmp_path) is None


def test_a_place_where_others_can_move_it(tmp_path: Path) -> None:
    """In a folder that all may write, without the sticky bit, anybody can put another in its place."""
    tmp_path.chmod(0o777)
    assert private_folder(tmp_path) is None
    tmp_path.chmod(0o1777)
    assert private_folder(tmp_path) == tmp_path / own_name()


def test_somebody_elses_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One with this user's name on it, but made by another."""
    other = os.getuid() + 1
    (tmp_path / FOLDER.format(other)).mkdir(mode=0o700)
    monkeypatch.setattr(os, "getuid", lambda: other)
    assert private_folder(tmp_path) is None


def test_no_temporary_folder(locked: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that is not there, one that cannot be written, and none."""
    import tempfile

    from jpeg_from_scratch._kernels import _jit

    def nowhere() -> str:
        raise FileNotFoundError("No usable temporary directory found")

    assert private_folder(locked / "absent") is None
    program = f"from jpeg_from_scratch._kernels import _jit\nprint(_jit.private_folder({str(locked)!r}))"
    assert run(program, locked, locked) == "None\n"
    monkeypatch.setattr(tempfile, "gettempdir", nowhere)
    assert _jit.private_folder() is None
