"""Make the files of tests/neural/golden anew: python tests/neural/make_golden.py

One small file for each quality of each model that is shipped, and ``golden.json``: what has to come out of
it. To be run when weights change, never to make a failing test pass: files that exist must stay readable
(CHANGELOG.md says when not).
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from codec_cases import picture
from codec_elsewhere import of_file

from neural_from_scratch import codec
from neural_from_scratch.models import MODELS
from neural_from_scratch.weights import qualities

FOLDER = Path(__file__).with_name("golden")
SIZE = (40, 56)


def main() -> None:
    """Write files and what they hold."""
    FOLDER.mkdir(exist_ok=True)
    for old in FOLDER.iterdir():
        old.unlink()
    image, found = picture(*SIZE, seed=9), {}
    shipped = [(model.name, quality) for model in MODELS.values() for quality in qualities(model.name)]
    for model, quality in shipped:
        data = codec.encode(image, quality, model=model)
        name = f"{model}-{quality}"
        (FOLDER / f"{name}.nfs").write_bytes(data)
        content = codec.open_file(data)
        np.save(FOLDER / f"{name}.npy", codec.pixels_of(content))
        found[f"{name}.nfs"] = {"latents": of_file(content), "bytes": len(data)}
    (FOLDER / "golden.json").write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
