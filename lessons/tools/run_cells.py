"""Run cells one after the other, in a process of their own. This file is the program of that process.

It gets the cells as JSON on its standard input, and writes a line of JSON for each to the file that its
argument names. A cell that fails does not stop the next one, as in a notebook where somebody goes on.
Figures are drawn off-screen; with a second argument each goes into that folder.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import sys
import time
import traceback
import types
import warnings
from typing import Any

_MAGIC = re.compile(r"^[%!].*$", re.MULTILINE)  # commands to a notebook, not Python


def main(results: str, figures: str | None) -> None:
    """Run what stands on the standard input."""
    # Annotations and pickles ask for the module that they are in.
    module = types.ModuleType("__main__")
    sys.modules["__main__"] = module
    warnings.filterwarnings("ignore", message=".*non-interactive.*")  # plt.show() off-screen
    cells = json.load(sys.stdin)
    with open(results, "a", encoding="utf-8") as out:
        for index, source in cells:
            start = time.perf_counter()
            error = _run(source, f"<cell {index}>", module.__dict__)
            if figures is not None:
                _save_figures(figures, index)
            seconds = time.perf_counter() - start
            print(json.dumps({"index": index, "seconds": seconds, **error}), file=out, flush=True)


def _run(source: str, name: str, namespace: dict[str, Any]) -> dict[str, Any]:
    try:
        exec(compile(_MAGIC.sub("", source), name, "exec"), namespace)
    except BaseException as error:  # an exit() of the learner's as well
        frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == name]
        line = error.lineno if isinstance(error, SyntaxError) else None
        if frames and line is None:
            line = frames[-1].lineno
        return {"error": type(error).__name__, "message": str(error)[:2000], "line": line}
    return {"error": None, "message": "", "line": None}


def _save_figures(folder: str, index: int) -> None:
    pyplot = sys.modules.get("matplotlib.pyplot")
    if pyplot is None:
        return
    for count, number in enumerate(pyplot.get_fignums(), 1):
        pyplot.figure(number).savefig(os.path.join(folder, f"cell-{index:03d}-{count}.png"), dpi=100)
        pyplot.close(number)


if __name__ == "__main__":
    with contextlib.suppress(BrokenPipeError):
        main(sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else None)
