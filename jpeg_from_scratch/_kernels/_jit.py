"""How kernels are compiled: once a machine, kept on disk where that is possible.

Numba keeps compiled code in ``NUMBA_CACHE_DIR``, beside the source, or in the user's cache folder. Where none
of them can be written, as for a package that the administrator installed and a user without a home, there is
the folder for temporary files. Everybody may write there, and compiled code that is loaded is run: so only a
folder that belongs to this user alone is good enough. Without one, each process compiles anew.
"""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba

config: Any = numba.config  # its names are made at run time


def jit(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile a kernel at its first call, without Python objects, and without the GIL."""
    try:
        return numba.njit(cache=True, nogil=True)(function)
    except RuntimeError:  # Numba has no place for the compiled code
        return _jit_elsewhere(function)


def _jit_elsewhere(function: Callable[..., Any]) -> Callable[..., Any]:
    folder = private_folder()
    if folder is not None:
        usual, config.CACHE_DIR = config.CACHE_DIR, str(folder)
        try:
            return numba.njit(cache=True, nogil=True)(function)
        except RuntimeError:
            pass
        finally:
            config.CACHE_DIR = usual
    return numba.njit(nogil=True)(function)


def private_folder(parent: str | None = None) -> Path | None:
    """Return a folder for this user's compiled code among the temporary files; or None.

    It is made if it is not there. One that belongs to somebody else, that others may write, that is a link,
    or that others may put another in the place of, is not taken.
    """
    if not hasattr(os, "getuid"):  # Windows, where the temporary files are in the user's own folder anyway
        return None
    try:
        above = Path(os.path.realpath(tempfile.gettempdir() if parent is None else parent))
        folder = above / f"jpeg-from-scratch-{os.getuid()}"
        folder.mkdir(mode=0o700, exist_ok=True)
        outside, inside = above.stat(), folder.lstat()
    except OSError:
        return None
    movable = outside.st_mode & 0o022 and not outside.st_mode & stat.S_ISVTX
    if movable or outside.st_uid not in (0, os.getuid()):
        return None
    is_ours = stat.S_ISDIR(inside.st_mode) and inside.st_uid == os.getuid() and not inside.st_mode & 0o022
    return folder if is_ours else None


# For the innermost steps: a call costs more than they do, and hides from the compiler what is constant.
inline = numba.njit(nogil=True, forceinline=True)

# The same for steps that only read and write arrays. Where one returns early, Numba fails to take out the
# counting of references to its arguments; in the arithmetic coder that took twice as long as all else.
NO_REFERENCES: dict[str, Any] = {"_nrt": False}
step = numba.njit(nogil=True, forceinline=True, **NO_REFERENCES)
