"""Scripts and notebooks → cells.

Both are read by jupytext (the extra ``lessons``). A percent script has a line ``# %%`` above each cell of
code and ``# %% [markdown]`` above each cell of text, which is in comments.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["Cell", "read_file", "read_script"]


@dataclass(frozen=True)
class Cell:
    """A piece of a lesson.

    Parameters
    ----------
    kind : {"markdown", "code", "raw"}
        What it is.
    source : str
        Its text, without a line break at the end.
    """

    kind: str
    source: str


def read_script(text: str) -> list[Cell]:
    """Return the cells of a percent script.

    Raises
    ------
    ValueError
        If jupytext is not installed.
    """
    return _cells(_jupytext().reads(text, fmt="py:percent"))


def read_file(path: Path) -> list[Cell]:
    """Return the cells of a script or notebook.

    Raises
    ------
    OSError
        If the file cannot be read.
    ValueError
        If it is neither, or jupytext is not installed.
    """
    if path.suffix not in (".py", ".ipynb"):
        raise ValueError(f"{path}: neither a notebook (.ipynb) nor a script (.py)")
    jupytext = _jupytext()
    data = path.read_bytes()
    try:
        text = data.decode("utf-8")
        if path.suffix == ".py":
            return read_script(text)
        return _cells(jupytext.reads(text, fmt="ipynb"))
    except Exception as error:  # readers of notebooks raise nearly anything for a damaged file
        reason = " ".join(str(error).split())[:120]
        raise ValueError(f"{path}: cannot be read as a notebook: {reason}") from error


def _cells(notebook: Any) -> list[Cell]:
    return [Cell(cell["cell_type"], "".join(cell["source"])) for cell in notebook["cells"]]


def _jupytext() -> Any:
    try:
        import jupytext
    except ImportError:
        raise ValueError("this needs jupytext: pip install '.[lessons]'") from None
    return jupytext
