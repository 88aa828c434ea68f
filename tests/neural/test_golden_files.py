"""Files written once decode to the same latents for ever, and to the same pixels within one level."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from codec_elsewhere import of_file

from neural_from_scratch import codec, use_backend
from neural_from_scratch.models import MODELS
from neural_from_scratch.weights import qualities

FOLDER = Path(__file__).with_name("golden")
EXPECTED = json.loads((FOLDER / "golden.json").read_text("utf-8"))


def test_there_is_one_for_each_quality() -> None:
    shipped = [(model.name, quality) for model in MODELS.values() for quality in qualities(model.name)]
    assert sorted(EXPECTED) == sorted(f"{name}-{quality}.nfs" for name, quality in shipped)


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_golden_file(name: str, backend: str) -> None:
    """By either back end."""
    data = (FOLDER / name).read_bytes()
    with use_backend(backend):
        content = codec.open_file(data)
        pixels = codec.pixels_of(content)
    assert (of_file(content), len(data)) == (EXPECTED[name]["latents"], EXPECTED[name]["bytes"])
    expected = np.load((FOLDER / name).with_suffix(".npy"))
    assert np.abs(pixels.astype(int) - expected).max() <= 1
