"""Files written once decode to the same latents for ever, and to the same pixels within one level."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from codec_elsewhere import hashed

from neural_from_scratch import codec, use_backend
from neural_from_scratch.weights import qualities

FOLDER = Path(__file__).with_name("golden")
EXPECTED = json.loads((FOLDER / "golden.json").read_text("utf-8"))


def test_there_is_one_for_each_quality() -> None:
    assert len(EXPECTED) == len(qualities())


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_golden_file(name: str, backend: str) -> None:
    """By either back end."""
    data = (FOLDER / name).read_bytes()
    with use_backend(backend):
        content = codec.open_file(data)
        pixels = codec.pixels_of(content)
    assert (hashed(content.symbols), len(data)) == (EXPECTED[name]["latents"], EXPECTED[name]["bytes"])
    expected = np.load((FOLDER / name).with_suffix(".npy"))
    assert np.abs(pixels.astype(int) - expected).max() <= 1
