"""Encode or decode in a process of its own, with the kernels, threads and compiler that are asked for.

    python codec_elsewhere.py encode PICTURE.npy FOLDER [WEIGHTS.npz ...]
    python codec_elsewhere.py decode PIXELS.npz FILES.nfs ... [WEIGHTS.npz ...]

What is encoded is a file for each kind of model: ``factorized-prior.nfs`` and so on, with the shipped weights
in the middle, and, where there are none, with those of that kind that are named. Both print a JSON line: for
each file hashes of its whole numbers, and, of a hyperprior, of what follows from them; and what BLAS ran on.

The environment decides: ``OPENBLAS_CORETYPE``, ``OPENBLAS_NUM_THREADS``, ``NUMBA_NUM_THREADS``,
``NUMBA_DISABLE_JIT``.
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path

import numpy as np
import threadpoolctl

from neural_from_scratch import codec, container
from neural_from_scratch.latent_coding import HyperCoding
from neural_from_scratch.models import MODELS
from neural_from_scratch.weights import Weights, load_weights, qualities, read_weights

STEPS = {"mean-scale-hyperprior": 100}  # in 64ths


def hashed(symbols: np.ndarray) -> str:
    """Of latents."""
    return hashlib.sha256(symbols.astype("<i4").tobytes()).hexdigest()[:16]


def cores() -> list[str]:
    """The processors that BLAS takes itself to be on, one for each copy of it."""
    import scipy.linalg.cython_blas  # noqa: F401

    return sorted(
        {info["architecture"] for info in threadpoolctl.threadpool_info() if "architecture" in info}
    )


def of_file(content: codec.Content) -> list[str]:
    """Hashes of what a file says, and of what follows from it."""
    coding = content.coding
    if not isinstance(coding, HyperCoding):
        return [hashed(content.symbols)]
    expected = coding.expected
    told = [expected.scales] if expected.means is None else [expected.scales, expected.means]
    return [
        hashed(one) for one in (content.symbols, coding.side, *told, coding.tables_of(content.symbols.shape))
    ]


def main(task: str, first: str, *rest: str) -> None:
    """Do what the command line says."""
    named = {one.hash: one for one in (read_weights(word) for word in rest if word.endswith(".npz"))}
    found = {}
    if task == "encode":
        image, folder = np.load(first), Path(rest[0])
        folder.mkdir()
        for weights in in_the_middle(list(named.values())):
            name, step = weights.model.name, STEPS.get(weights.model.name, 64)
            (folder / f"{name}.nfs").write_bytes(codec.encode(image, step=step, weights=weights))
            coding, symbols = codec.latents_of(image, weights, step=step)
            found[name] = [hashed(symbols), *([] if coding.side is None else [hashed(coding.side)])]
    else:
        pixels = []
        for word in rest:
            if word.endswith(".nfs"):
                data = Path(word).read_bytes()
                content = codec.open_file(data, weights=named.get(container.unpack(data)[0].model_hash))
                found[word] = of_file(content)
                pixels.append(codec.pixels_of(content))
        np.savez(first, *pixels)
    print(json.dumps({"found": found, "cores": cores()}))


def in_the_middle(others: list[Weights]) -> list[Weights]:
    """Shipped weights of each kind, and others of the kinds that are not shipped."""
    shipped = [(model.name, qualities(model.name)) for model in MODELS.values()]
    return [
        *(load_weights(numbers[len(numbers) // 2], name) for name, numbers in shipped if numbers),
        *(one for one in others if not qualities(one.model.name)),
    ]


if __name__ == "__main__":
    main(*sys.argv[1:])
