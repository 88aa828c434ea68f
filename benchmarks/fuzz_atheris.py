"""Coverage-guided fuzzing of the readable path with Atheris, which is no dependency of anything else here.

    pip install atheris
    python benchmarks/fuzz_atheris.py fuzz-corpus -max_len=4096 -max_total_time=600
    python benchmarks/fuzz_atheris.py crash-0123abcd          one file again

The first folder is libFuzzer's: it collects what reaches new lines, and starts with the small files of
`jpeg_mutants`. Every line of the package is instrumented; kernels are machine code and cannot be, so the
reference back end decodes, strictly and leniently, pictures of up to 4096 pixels. What may come of a file is
said in ``tests/jpeg/jpeg_judge.py``. Kernels are fuzzed by ``benchmarks/fuzz.py``, and compared with the
reference by ``tests/jpeg/test_fuzz.py``.
"""

from __future__ import annotations

import _environment  # noqa: F401

# isort: split
import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["jpeg_from_scratch"]):
    import jpeg_from_scratch  # noqa: F401

import jpeg_judge as judge
import jpeg_mutants as mutants

MAX_PIXELS = 4096
LARGEST_SEED = 2048


def decode_one(data: bytes) -> None:
    """Decode a file in both modes; raise what is no `JpegError`, or if the answer is wrong."""
    for strict in (True, False):
        verdict = judge.judge(data, strict, "reference", MAX_PIXELS)
        if isinstance(verdict.result, Exception) and not isinstance(verdict.result, judge.JpegError):
            raise verdict.result
        if verdict.finding:
            raise AssertionError(f"strict={strict}: {verdict.finding}")


def write_seeds(folder: Path) -> None:
    """Fill an empty folder with small files."""
    if folder.is_dir() and not any(folder.iterdir()):
        seeds = mutants.corpus_seeds()
        for seed in (seeds if seeds.readable else mutants.made_seeds()).readable:
            if len(seed.data) <= LARGEST_SEED:
                (folder / Path(seed.name.replace(" ", "-")).name).write_bytes(seed.data)


if __name__ == "__main__":
    folders = [Path(argument) for argument in sys.argv[1:] if not argument.startswith("-")]
    if folders and not folders[0].suffix and not folders[0].is_file():
        folders[0].mkdir(exist_ok=True)
        write_seeds(folders[0])
    atheris.Setup(sys.argv, decode_one)
    atheris.Fuzz()
