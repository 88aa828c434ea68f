"""The arrows of the architecture: who may import whom, and what an import may cost."""

from __future__ import annotations

import ast
import doctest
import importlib
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import codec_data
import pytest
from conftest import HAS_NUMBA

ROOT = codec_data.REPOSITORY
CODECS = ("jpeg_from_scratch", "jpeg2000_from_scratch", "neural_from_scratch")
BENCH = "codec_eval"
LEAVES = ("lessons", "tests", "docs", "benchmarks", "conftest")
PACKAGES = [name for name in (*CODECS, BENCH) if (ROOT / name / "__init__.py").is_file()]


def modules(package: str) -> list[Path]:
    """Return the files of a package."""
    return sorted((ROOT / package).rglob("*.py"))


def dotted(path: Path) -> str:
    """Return the name by which a file is imported."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def tree(path: Path) -> ast.Module:
    """Return the syntax tree of a file."""
    return ast.parse(path.read_text("utf-8"), str(path))


def imports(path: Path) -> Iterator[tuple[str, bool]]:
    """Yield (absolute dotted name, whether inside a function) for everything that a file imports.

    What only type checkers see, under ``if TYPE_CHECKING``, is left out.
    """

    def visit(node: ast.AST, inside: bool) -> Iterator[tuple[str, bool]]:
        if isinstance(node, ast.Import):
            yield from ((alias.name, inside) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                package = dotted(path).split(".") + (["x"] if path.name == "__init__.py" else [])
                base = ".".join([*package[: -node.level], *([base] if base else [])])
            yield from ((f"{base}.{alias.name}", inside) for alias in node.names)
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            for child in node.orelse:
                yield from visit(child, inside)
        else:
            within = inside or isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
            for child in ast.iter_child_nodes(node):
                yield from visit(child, within)

    yield from visit(tree(path), False)


def offences(package: str, forbidden: Callable[[Path, str, bool], bool]) -> list[str]:
    """Return the imports of a package for which `forbidden` is true."""
    return [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in modules(package)
        for name, inside in imports(path)
        if forbidden(path, name, inside)
    ]


def test_there_is_something_to_check() -> None:
    """The package is where this test looks, and its imports are seen."""
    assert "jpeg_from_scratch" in PACKAGES
    found = {name for path in modules("jpeg_from_scratch") for name, _ in imports(path)}
    assert "jpeg_from_scratch.tables" in found
    assert "numpy" in found


@pytest.mark.parametrize("package", [name for name in PACKAGES if name in CODECS])
def test_codecs_know_nothing_of_each_other(package: str) -> None:
    """No codec imports another codec, nor the bench on which it is measured."""
    others = {*CODECS, BENCH} - {package}
    assert not offences(package, lambda _path, name, _inside: name.split(".")[0] in others)


@pytest.mark.parametrize("package", PACKAGES)
def test_nobody_imports_leaves(package: str) -> None:
    """Lessons, tests, docs and benchmarks are imported by nobody."""
    assert not offences(package, lambda _path, name, _inside: name.split(".")[0] in LEAVES)


@pytest.mark.parametrize("package", [name for name in PACKAGES if name in CODECS])
def test_matplotlib_only_in_plots(package: str) -> None:
    """In a codec only ``plots.py`` or a folder ``plots`` draws, and imports Matplotlib only when asked."""

    def forbidden(path: Path, name: str, inside: bool) -> bool:
        draws = path.name == "plots.py" or path.parent.name == "plots"
        return name.split(".")[0] == "matplotlib" and not (inside and draws)

    assert not offences(package, forbidden)


@pytest.mark.parametrize("package", [name for name in PACKAGES if name in CODECS])
def test_numba_only_in_kernels(package: str) -> None:
    """Numba is named in ``_kernels``, and elsewhere only inside a function of the back end's file."""

    def forbidden(path: Path, name: str, inside: bool) -> bool:
        lazy = inside and path.name == "backend.py"
        return name.split(".")[0] == "numba" and "_kernels" not in path.parts and not lazy

    assert not offences(package, forbidden)


@pytest.mark.parametrize("package", [name for name in PACKAGES if name in CODECS])
def test_kernels_are_imported_lazily_by_the_backend(package: str) -> None:
    """Only ``backend.py`` imports ``_kernels``, and only when the fast back end is asked for."""

    def forbidden(path: Path, name: str, inside: bool) -> bool:
        if "_kernels" not in name.split(".") or "_kernels" in path.parts:
            return False
        return path.name != "backend.py" or not inside

    assert not offences(package, forbidden)


@pytest.mark.parametrize("package", [name for name in PACKAGES if name in CODECS])
def test_import_is_light(package: str) -> None:
    """Importing a codec loads NumPy, and none of the large dependencies."""
    program = f"import sys, {package}; print(*sorted({{name.split('.')[0] for name in sys.modules}}))"
    command = [sys.executable, "-W", "error", "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    loaded = set(done.stdout.split())
    assert "numpy" in loaded
    assert not loaded & {"numba", "llvmlite", "scipy", "matplotlib", "PIL", "tqdm", BENCH}


def test_training_is_light() -> None:
    """All that a learned codec is trained with works without what only figures, files and kernels need."""
    parts = ("checkpoint", "gradcheck", "layers", "losses", "optim", "quantization", "seeds")
    program = (
        f"import sys, neural_from_scratch; from neural_from_scratch import {', '.join(parts)}; "
        "print(*sorted({name.split('.')[0] for name in sys.modules}))"
    )
    command = [sys.executable, "-W", "error", "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    assert not set(done.stdout.split()) & {"numba", "llvmlite", "matplotlib", "PIL", "tqdm", BENCH}


# Words: docstrings, and the examples in them


def undocumented(path: Path) -> Iterator[str]:
    """Yield the public names of a file that have no docstring."""
    module = tree(path)
    if ast.get_docstring(module) is None:
        yield f"{path.relative_to(ROOT)}: the file itself"
    definitions = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    for node in module.body:
        if not isinstance(node, definitions) or node.name.startswith("_"):
            continue
        members = node.body if isinstance(node, ast.ClassDef) and not node.name.startswith("_") else []
        for item in (node, *members):
            public = isinstance(item, definitions) and not item.name.startswith("_")
            if public and ast.get_docstring(item) is None:
                owner = "" if item is node else f"{node.name}."
                yield f"{path.relative_to(ROOT)}:{item.lineno} {owner}{item.name}"


@pytest.mark.parametrize("package", PACKAGES)
def test_everything_public_has_a_docstring(package: str) -> None:
    """Files, and their public functions, classes and methods."""
    missing = [name for path in modules(package) for name in undocumented(path)]
    assert not missing, "\n".join(missing)


def runnable(package: str) -> list[str]:
    """Return the modules whose examples can be run here."""
    names = [dotted(path) for path in modules(package) if path.stem != "__main__"]
    return [name for name in names if HAS_NUMBA or "_kernels" not in name.split(".")]


@pytest.mark.parametrize("package", PACKAGES)
def test_examples_in_docstrings(
    package: str, count: Callable[[str], None], capsys: pytest.CaptureFixture[str]
) -> None:
    """Every example in a docstring prints what it says."""
    attempted, failed = 0, []
    for name in runnable(package):
        result = doctest.testmod(importlib.import_module(name), optionflags=doctest.NORMALIZE_WHITESPACE)
        attempted += result.attempted
        if result.failed:
            failed.append(name)
    count(f"examples in docstrings, {package}: {attempted} lines run")
    assert not failed, f"{failed}\n{capsys.readouterr().out}"
    assert attempted > 0
