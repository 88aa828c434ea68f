"""Lesson 3: what a learner gets wrong most often, and what the checks say to it."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from lesson_cases import defined_by


@pytest.fixture(scope="module")
def lesson() -> dict[str, Any]:
    """What the script defines, without its figures."""
    return defined_by(3)


def cosines(n: int, shift: int = 1) -> Any:
    """Waves of length √(n / 2), and the first √n."""
    u, x = np.mgrid[:n, :n]
    return np.cos((2 * x + shift) * u * math.pi / (2 * n))


def matrix(n: int) -> Any:
    """The right one."""
    waves = cosines(n) * math.sqrt(2 / n)
    waves[0] /= math.sqrt(2)
    return waves


MISTAKES: list[tuple[str, Callable[..., Any], str]] = [
    ("check_3_1", lambda s: None, "n samples give n coefficients: a return"),
    ("check_3_1", lambda s: list(cosines(len(s)) @ s), "X_0 is 8 c_0 = 2.83, not 8.00"),
    ("check_3_1", lambda s: list(matrix(8)[:, : len(s)] @ s), "n samples give n coefficients"),
    ("check_3_1", lambda s: list(cosines(len(s)) @ s / math.sqrt(len(s))), "energy 55, your X"),
    ("check_3_2", lambda n: cosines(n) * math.sqrt(2 / n), "row 0 of your matrix has norm 1.41; rows of"),
    ("check_3_2", lambda n: matrix(n).T, "does u count the rows"),
    ("check_3_2", lambda n: matrix(8), r"n = 5 has the shape \(8, 8\)"),
    ("check_3_3", lambda b: matrix(8) @ b, "S_00 is"),
    ("check_3_3", lambda b: matrix(8) @ b.swapaxes(-1, -2) @ matrix(8).T, "in column 0: swapped"),
    ("check_3_4", lambda v: np.linalg.eigh(np.cov(v.T))[1], "your columns are the eigenvectors"),
    ("check_3_4", lambda v: np.linalg.eigh(np.cov(v.T))[1].T, "must fall"),
    ("check_3_4", lambda v: np.linalg.eigh(v.T @ v)[1].T[::-1], "Did you take off the mean"),
    ("check_3_5", lambda a: (a[:, :4], a[:, 4:]), "please; yours are"),
    ("check_3_5", lambda a: (a[1::2, :4], a[0::2, :4]), "sums are for waves that equal"),
]


@pytest.mark.parametrize(("check", "mistake", "words"), MISTAKES)
def test_a_check_teaches(lesson: dict[str, Any], check: str, mistake: Callable[..., Any], words: str) -> None:
    """The message names what is wrong."""
    with pytest.raises(AssertionError, match=words):
        lesson[check](mistake)


def test_the_file_that_is_made(lesson: dict[str, Any], tmp_path: Path) -> None:
    """The learner's transform makes a JPEG file that Pillow opens, nearly equal to the picture."""
    import io

    from PIL import Image

    from codec_eval import psnr
    from jpeg_from_scratch import encode

    crop = np.ascontiguousarray(lesson["luma"][:64, :64])
    data = encode(crop, stages={"fdct": lesson["fdct"]}, backend="reference")
    with Image.open(io.BytesIO(data)) as opened:
        assert opened.format == "JPEG"
        assert psnr(crop, np.asarray(opened), data_range=255) > 30
