"""libjpeg-turbo as the tests reach it: inside Pillow, and by its programs cjpeg and djpeg."""

from __future__ import annotations

import io
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageFile

Picture = npt.NDArray[np.uint8]


def programs_installed() -> bool:
    """Whether cjpeg and djpeg can be run here."""
    return shutil.which("cjpeg") is not None and shutil.which("djpeg") is not None


def pillow_encode(image: Picture, mode: str | None = None, **options: Any) -> bytes:
    """Return the JPEG file that Pillow writes of `image`, (H, W) or (H, W, 3) uint8; `mode` for (H, W, 4).

    With ``optimize=True`` Pillow needs a buffer for the whole file, and guesses its size; a long thin picture
    does not fit, since blocks are wider than it, so room is made.
    """
    stream = io.BytesIO()
    usual = ImageFile.MAXBLOCK
    ImageFile.MAXBLOCK = max(usual, 4 * image.size, 64 * max(image.shape))
    try:
        Image.fromarray(image, mode).save(stream, format="JPEG", **options)
    finally:
        ImageFile.MAXBLOCK = usual
    return stream.getvalue()


def pillow_decode(data: bytes) -> Picture:
    """Return the pixels that Pillow reads, (H, W) or (H, W, 3) uint8."""
    with Image.open(io.BytesIO(data)) as picture:
        return np.asarray(picture)


def factor_text(factors: Sequence[tuple[int, int]]) -> str:
    """Return sampling factors as cjpeg takes them: ``((2, 2), (1, 1))`` is ``"2x2,1x1"``."""
    return ",".join(f"{h}x{v}" for h, v in factors)


def cjpeg(image: Picture, *switches: str, scans: str | None = None, baseline: bool = True) -> bytes:
    """Return the JPEG file that cjpeg writes of `image`; `scans` is the text of a scan script.

    Without `baseline`, low qualities make quantisation tables of 16 bits, and extended files.
    """
    height, width = image.shape[:2]
    head = f"P{5 if image.ndim == 2 else 6}\n{width} {height}\n255\n".encode()
    with tempfile.TemporaryDirectory() as folder:
        if scans is not None:
            script = Path(folder, "scans.txt")
            script.write_text(scans, "ascii")
            switches = (*switches, "-scans", str(script))
        command = ["cjpeg", *(["-baseline"] if baseline else []), *switches]
        return subprocess.run(command, input=head + image.tobytes(), capture_output=True, check=True).stdout


def djpeg(data: bytes) -> Picture:
    """Return the pixels that djpeg reads, (H, W) or (H, W, 3) uint8."""
    command = ["djpeg", "-dct", "int", "-pnm"]
    pnm = subprocess.run(command, input=data, capture_output=True, check=True).stdout
    kind, size, _, rest = pnm.split(b"\n", 3)
    width, height = map(int, size.split())
    return np.frombuffer(rest, np.uint8).reshape((height, width) + ((3,) if kind == b"P6" else ()))


def djpeg_complaint(data: bytes) -> str:
    """Return what ``djpeg -strict``, to which every warning is an error, says of a file; empty if content."""
    run = subprocess.run(["djpeg", "-strict", "-pnm"], input=data, capture_output=True, check=False)
    if run.returncode == 0:
        return ""
    return run.stderr.decode("ascii", "replace").strip() or f"exit status {run.returncode}"
