"""Encode or decode in a process of its own, with the kernels, threads and compiler that are asked for.

    python codec_elsewhere.py encode PICTURE.npy OUT.nfs        prints a JSON line: latents' hash, what ran
    python codec_elsewhere.py decode PIXELS FILES.nfs ...       one for each file; pixels to PIXELS.npz

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

from neural_from_scratch import codec
from neural_from_scratch.weights import load_weights, qualities


def hashed(symbols: np.ndarray) -> str:
    """Of latents."""
    return hashlib.sha256(symbols.astype("<i4").tobytes()).hexdigest()[:16]


def cores() -> list[str]:
    """The processors that BLAS takes itself to be on, one for each copy of it."""
    import scipy.linalg.cython_blas  # noqa: F401

    return sorted(
        {info["architecture"] for info in threadpoolctl.threadpool_info() if "architecture" in info}
    )


def main(task: str, first: str, *rest: str) -> None:
    """Do what the command line says."""
    if task == "encode":
        image = np.load(first)
        quality = qualities()[len(qualities()) // 2]
        Path(rest[0]).write_bytes(codec.encode(image, quality))
        found = [hashed(codec.latents_of(image, load_weights(quality)))]
    else:
        contents = [codec.open_file(Path(name).read_bytes()) for name in rest]
        found = [hashed(content.symbols) for content in contents]
        np.savez(first, *(codec.pixels_of(content) for content in contents))
    print(json.dumps({"latents": found, "cores": cores()}))


if __name__ == "__main__":
    main(*sys.argv[1:])
