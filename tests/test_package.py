"""What is in the wheel: the packages, their data and entry points, and nothing else."""

from __future__ import annotations

import email.parser
import shutil
import subprocess
import sys
import zipfile
from importlib.util import find_spec
from pathlib import Path

import codec_data
import pytest

ROOT = codec_data.REPOSITORY
PACKAGES = {
    path.parent.name
    for path in ROOT.glob("*/__init__.py")
    if path.parent.name in ("jpeg_from_scratch", "jpeg2000_from_scratch", "neural_from_scratch", "codec_eval")
}
PACKAGING_FILES = ("setup.cfg", "pyproject.toml", "README.md", "LICENSE", "CHANGELOG.md")
LEFT_OUT = ("tests", "lessons", "benchmarks", "docs")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """The wheel, built from a copy of the tree, so that nothing is written into the tree itself."""
    missing = [name for name in ("build", "setuptools", "wheel") if find_spec(name) is None]
    if missing:
        pytest.skip(f"the wheel cannot be built without {', '.join(missing)}")
    source, target = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for name in PACKAGING_FILES:
        if (ROOT / name).is_file():
            shutil.copy(ROOT / name, source)
    for name in PACKAGES:
        ignore = shutil.ignore_patterns("__pycache__", "*.nbc", "*.nbi")
        shutil.copytree(ROOT / name, source / name, ignore=ignore)
    for name in LEFT_OUT:  # folders that look like packages and must not be taken for some
        (source / name).mkdir()
        (source / name / "__init__.py").write_text("")
    command = [
        sys.executable,
        "-m",
        "build",
        "--wheel",
        "--no-isolation",
        "--outdir",
        str(target),
        str(source),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    (path,) = target.glob("*.whl")
    return zipfile.ZipFile(path)


def metadata_file(wheel: zipfile.ZipFile, name: str) -> str:
    """Return the text of a file in the wheel's ``.dist-info``."""
    (path,) = [p for p in wheel.namelist() if p.endswith(f".dist-info/{name}")]
    return wheel.read(path).decode("utf-8")


def test_only_the_packages(wheel: zipfile.ZipFile) -> None:
    """No tests, lessons, benchmarks, docs: only the packages and the metadata."""
    folders = {name.split("/")[0] for name in wheel.namelist()}
    (info,) = [name for name in folders if name.endswith(".dist-info")]
    assert folders - {info} == PACKAGES


def test_all_of_the_packages(wheel: zipfile.ZipFile) -> None:
    """Every Python file, every subpackage, and ``py.typed`` of each package."""
    inside = set(wheel.namelist())
    for package in PACKAGES:
        files = {path.relative_to(ROOT).as_posix() for path in (ROOT / package).rglob("*.py")}
        assert files <= inside, sorted(files - inside)
        assert f"{package}/py.typed" in inside


def test_metadata(wheel: zipfile.ZipFile) -> None:
    """Name, version, licence, Python version, base dependencies, extras."""
    from jpeg_from_scratch import __version__

    fields = email.parser.Parser().parsestr(metadata_file(wheel, "METADATA"))
    assert fields["Name"] == "codecs-from-scratch"
    assert fields["Version"] == __version__
    assert fields["Requires-Python"] == ">=3.11"
    assert "BSD-3-Clause" in (fields["License-Expression"] or fields["License"])
    assert fields["Description-Content-Type"] == "text/markdown"
    required = [text for text in fields.get_all("Requires-Dist") if "extra ==" not in text]
    names = {text.split(">")[0].split("=")[0].strip().lower() for text in required}
    assert names == {"numpy", "scipy", "numba", "matplotlib", "pillow", "threadpoolctl", "tqdm"}
    extras = {"test", "reference", "lessons", "labs", "docs", "distributed", "gpu", "dev"}
    assert extras <= set(fields.get_all("Provides-Extra"))


def test_entry_points(wheel: zipfile.ZipFile) -> None:
    """All commands are there, and name functions that exist."""
    text = metadata_file(wheel, "entry_points.txt")
    assert "jpeg-from-scratch = jpeg_from_scratch.cli:main" in text
    assert "neural-from-scratch = neural_from_scratch.cli:main" in text
    assert "codec-eval = codec_eval.cli:main" in text
    inside = set(wheel.namelist())
    for package in ("jpeg_from_scratch", "neural_from_scratch", "codec_eval"):
        assert {f"{package}/cli.py", f"{package}/__main__.py"} <= inside


def test_the_wheel_alone_works(wheel: zipfile.ZipFile, tmp_path: Path) -> None:
    """Unpacked somewhere else, it encodes and decodes."""
    wheel.extractall(tmp_path)
    program = (
        "import numpy as np, jpeg_from_scratch as j; a = np.full((9, 9), 7, np.uint8); "
        "assert (j.decode(j.encode(a, backend='reference'), backend='reference') == a).all(); "
        "print(j.__file__)"
    )
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert Path(done.stdout.strip()).is_relative_to(tmp_path)
