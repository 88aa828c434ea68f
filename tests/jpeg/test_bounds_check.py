"""Kernels never leave their arrays – and the check that is to find it out finds a planted overrun.

A compiled function reads out of range in silence, unless it is compiled with ``NUMBA_BOUNDSCHECK=1``. Code
that was compiled without the check, and kept on disk, is used again with it, in silence too: so a checked
run needs a ``NUMBA_CACHE_DIR`` of its own. Two machine instructions, `_bits.load_word` and
`_bits.store_word`, are never checked; here their callers run as plain Python with instructions that are.
"""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import codec_data
import numpy as np
import pytest
from conftest import COMPILED

pytestmark = pytest.mark.both_backends

# Byte 50 of an interval of four bytes. The array is a part of a larger one, so that nothing else is touched.
OVERRUN = """
    import numpy as np
    from jpeg_from_scratch._kernels._bit_reader import offset_of

    print(offset_of(np.zeros(4096, np.uint8)[:4], 0, 4, 100, 50))
"""


def run(program: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a program in a fresh interpreter."""
    folders = [codec_data.REPOSITORY, *(codec_data.REPOSITORY / name for name in ("tests", "tests/jpeg"))]
    path = os.pathsep.join([*map(str, folders), os.environ.get("PYTHONPATH", "")])
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        env={**os.environ, "PYTHONPATH": path, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


@pytest.mark.big
def test_a_planted_overrun_is_found(tmp_path: Path) -> None:
    """With the check and a cache of its own it is an `IndexError`; without, nothing happens."""
    unchecked = run(OVERRUN, NUMBA_BOUNDSCHECK="0", NUMBA_CACHE_DIR=str(tmp_path / "unchecked"))
    assert (unchecked.returncode, unchecked.stdout) == (0, "50\n"), unchecked.stderr
    checked = run(OVERRUN, NUMBA_BOUNDSCHECK="1", NUMBA_CACHE_DIR=str(tmp_path / "checked"))
    assert checked.returncode != 0
    assert "IndexError" in checked.stderr


def test_this_process_checks_if_it_is_told_to() -> None:
    """The same here: a run with ``NUMBA_BOUNDSCHECK=1`` that has taken unchecked code from disk fails."""
    from jpeg_from_scratch._kernels._bit_reader import offset_of

    interval = np.zeros(4096, np.uint8)[:4]
    if os.environ.get("NUMBA_BOUNDSCHECK") == "1" or not COMPILED:
        with pytest.raises(IndexError):
            offset_of(interval, 0, 4, 100, 50)
    else:
        assert offset_of(interval, 0, 4, 100, 50) == 50


# The two instructions as plain Python, checked; then noise is encoded, and mutants of it are decoded.
WORDS = """
    import numpy as np
    from jpeg_from_scratch._kernels import _bits

    loads = stores = 0

    def load_word(array, position):
        global loads
        loads += 1
        if not 0 <= position <= len(array) - 8:
            raise IndexError(f"load_word at {position} of {len(array)}")
        return np.uint64(int.from_bytes(array[position : position + 8].tobytes()))

    def store_word(array, position, word):
        global stores
        stores += 1
        if not 0 <= position <= len(array) - 8:
            raise IndexError(f"store_word at {position} of {len(array)}")
        array[position : position + 8] = np.frombuffer(int(word).to_bytes(8), np.uint8)

    _bits.load_word, _bits.store_word = load_word, store_word

    import jpeg_judge as judge
    import jpeg_mutants as mutants
    import jpeg_pictures as pictures
    from jpeg_from_scratch import decode, encode, read
    from jpeg_from_scratch.backend import get_backend

    np.seterr(over="ignore")
    colour = pictures.noise(17, 24)
    files = {"noise": encode(colour, 100, subsampling="4:2:0")}
    files["restarts"] = encode(colour, restart_interval=1)
    files["progressive"] = encode(colour, 90, progressive=True)
    files["lossless"] = encode(colour[:6, :8], lossless=True)
    seeds = mutants.Seeds(tuple(mutants.Seed(name, data) for name, data in files.items()))
    for number in range(120):
        mutant = mutants.mutant(seeds, number)
        for strict in (True, False):
            try:
                decode(mutant.data, strict=strict, max_pixels=2000)
            except judge.JpegError:
                pass
    for data in files.values():
        scan = data.rindex(b"\\xff\\xda") + 14
        for tail in (b"", b"\\xff\\x00" * 3, b"\\x00" * 3, b"\\x55" * 3, b"\\xff\\xff\\xff"):
            decode(data[:scan] + tail, strict=False)
    print(loads, stores)
"""


def test_whole_words_stay_within_their_arrays() -> None:
    """Damaged files and noise: every load and store of eight bytes has its room."""
    done = run(WORDS, NUMBA_DISABLE_JIT="1")
    assert done.returncode == 0, done.stderr[-2000:]
    loads, stores = map(int, done.stdout.split())
    assert loads > 10_000
    assert stores > 500
