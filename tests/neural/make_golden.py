"""Make the files of tests/neural/golden anew: python tests/neural/make_golden.py

One small file for each shipped quality, and ``golden.json``: what has to come out of it. To be run when
weights change, never to make a failing test pass: files that exist must stay readable (CHANGELOG.md says
when not).
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from codec_cases import picture
from codec_elsewhere import hashed

from neural_from_scratch import codec
from neural_from_scratch.weights import qualities

FOLDER = Path(__file__).with_name("golden")
SIZE = (40, 56)


def main() -> None:
    """Write files and what they hold."""
    FOLDER.mkdir(exist_ok=True)
    for old in FOLDER.iterdir():
        old.unlink()
    image, found = picture(*SIZE, seed=9), {}
    for quality in qualities():
        data = codec.encode(image, quality)
        name = f"factorized-prior-{quality}.nfs"
        (FOLDER / name).write_bytes(data)
        content = codec.open_file(data)
        np.save(FOLDER / f"factorized-prior-{quality}.npy", codec.pixels_of(content))
        found[name] = {"latents": hashed(content.symbols), "bytes": len(data)}
    (FOLDER / "golden.json").write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
