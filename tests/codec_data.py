"""Where pictures and files that are not in the repository lie, for tests and benchmarks alike.

The folder is named by the environment variable ``CODEC_DATA``; without it, ``shared/data`` beside the
repository is looked at.
"""

from __future__ import annotations

import json
import os
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

REPOSITORY = Path(__file__).resolve().parents[1]

Picture = npt.NDArray[np.uint8]


def folder() -> Path:
    """Return the data folder, whether it exists or not."""
    return Path(os.environ.get("CODEC_DATA") or REPOSITORY.parent / "shared" / "data")


def kodak_paths() -> list[Path]:
    """Return the PNG files of the Kodak pictures in order of their numbers; empty where they are absent."""
    return sorted((folder() / "kodak").glob("kodim??.png"))


@lru_cache(maxsize=48)
def load_picture(path: Path, mode: str = "RGB") -> Picture:
    """Return the picture at `path`, uint8, (H, W, 3) in mode RGB or (H, W) in mode L; read only, cached."""
    with Image.open(path) as picture:
        pixels = np.asarray(picture.convert(mode))
    pixels.setflags(write=False)
    return pixels


@lru_cache(maxsize=1)
def jpeg_manifest() -> list[dict[str, Any]]:
    """Return the entries of the JPEG corpus; empty where it is absent."""
    path = folder() / "jpeg" / "manifest.json"
    return json.loads(path.read_text("utf-8"))["files"] if path.is_file() else []


def jpeg_file(entry: dict[str, Any]) -> bytes:
    """Return the bytes of the corpus file that `entry` of the manifest describes."""
    return (folder() / "jpeg" / entry["name"]).read_bytes()
