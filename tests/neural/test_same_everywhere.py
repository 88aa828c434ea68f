"""A file decodes to the encoder's own latents on every processor, with any threads, compiled or not.

Processes are told to take the processor for another one: OpenBLAS then runs other kernels, with other sums.
Those combinations that differ most are tried; with ``CODEC_ALL_PLACES=1`` in the environment all of them,
on a larger picture (three minutes).
"""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from codec_cases import picture
from hyper_cases import NAMES, hyper_weights

from neural_from_scratch.weights import write_weights

SCRIPT = Path(__file__).with_name("codec_elsewhere.py")
ROOT = SCRIPT.parents[2]
ALL = os.environ.get("CODEC_ALL_PLACES") == "1"
CORES = ("Prescott", "Sandybridge", "Haswell", "SkylakeX")
PLACES = [  # which processor, how many threads, whether kernels are compiled
    ("Prescott", 2, True),
    ("Sandybridge", 1, True),
    ("Haswell", 2, True),
    ("Haswell", 1, False),
    ("SkylakeX", 1, True),
]
if ALL:
    PLACES = list(itertools.product(CORES, (1, 2), (True, False)))
OLDER = {"SkylakeX": ("avx512f",), "Haswell": ("avx2", "fma"), "Sandybridge": ("avx",), "Prescott": ("sse3",)}
CALLED = {"Prescott": "Katmai"}  # builds without kernels for older processors call Prescott's by their name


def features() -> set[str]:
    """What the processor can do, in the words of Linux; nothing elsewhere."""
    listing = Path("/proc/cpuinfo")
    lines = listing.read_text().splitlines() if listing.is_file() else []
    words = next((line for line in lines if line.startswith("flags")), "").split()
    return {"sse3" if word == "pni" else word for word in words}


def run(place: tuple[str, int, bool], *words: object) -> dict:
    """Run the script in one of the places."""
    core, threads, compiled = place
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
        "OPENBLAS_CORETYPE": core,
        "OPENBLAS_NUM_THREADS": str(threads),
        "NUMBA_NUM_THREADS": str(threads),
        "NUMBA_DISABLE_JIT": "0" if compiled else "1",
    }
    done = subprocess.run(
        [sys.executable, str(SCRIPT), *map(str, words)],
        capture_output=True,
        text=True,
        env=environment,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.both_backends
def test_same_latents_everywhere(tmp_path: Path, count) -> None:
    """Each place reads out of every other one's file what that one put in; pixels within one level.

    Of a hyperprior's file each one computes the same integers, too.
    """
    here = features()
    places = [place for place in PLACES if set(OLDER[place[0]]) <= here]
    if not here:
        pytest.skip("not Linux on x86: OpenBLAS cannot be told which processor it is on")
    image = tmp_path / "picture.npy"
    np.save(image, picture(96, 64) if ALL else picture(48, 32))
    weights = [tmp_path / f"{name}.npz" for name in NAMES]
    for name, path in zip(NAMES, weights):
        write_weights(path, hyper_weights(name))
    folders = [tmp_path / f"{i}" for i in range(len(places))]
    with ThreadPoolExecutor(2) as pool:
        made = list(
            pool.map(lambda place, folder: run(place, "encode", image, folder, *weights), places, folders)
        )
        files = [file for folder in folders for file in sorted(folder.glob("*.nfs"))]
        outputs = [tmp_path / f"{i}-pixels.npz" for i in range(len(places))]
        read = list(pool.map(lambda place, out: run(place, "decode", out, *files, *weights), places, outputs))
    for place, one in zip(places, made):
        assert one["cores"] == [CALLED.get(place[0], place[0])]
    kinds = sorted({file.stem for file in files})
    assert {"factorized-prior", *NAMES} <= set(kinds)
    assert len(files) == len(kinds) * len(places)
    for one in read:
        assert one["found"] == read[0]["found"]
        for file in files:
            encoders_own = made[folders.index(file.parent)]["found"][file.stem]
            assert one["found"][str(file)][: len(encoders_own)] == encoders_own
    pixels = [list(np.load(out).values()) for out in outputs]
    for i in range(len(files)):
        several = np.array([one[i] for one in pixels], np.int16)
        assert np.ptp(several, axis=0).max() <= 1
    different = [len({tuple(one["found"][kind]) for one in made}) for kind in kinds]
    count(
        f"learned codecs: {len(places)} places, {len(places) * len(files)} decodings to the encoder's own "
        "latents; "
        + ", ".join(f"{number} different files of {kind}" for number, kind in zip(different, kinds))
        + "; left out: "
        + (", ".join(sorted({place[0] for place in PLACES} - {place[0] for place in places})) or "none")
    )
