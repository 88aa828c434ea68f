"""A caller's mistakes in `encode`: the message names the argument, its value, and what is allowed."""

from __future__ import annotations

from typing import Any

import jpeg_pictures as pictures
import numpy as np
import pytest

from jpeg_from_scratch import JpegError, encode

COLOUR = pictures.synthetic(16, 24)
GREY = pictures.grey(COLOUR)
TABLE = np.full((8, 8), 16)

IMAGES = {
    "None": (None, ["None"]),
    "a path": ("photo.png", ["str"]),
    "a list": ([[1, 2], [3, 4]], ["list"]),
    "float64": (GREY / 255, ["float64", "uint8"]),
    "int64": (GREY.astype(int), ["int64", "uint8"]),
    "uint16": (GREY.astype(np.uint16), ["uint16", "uint8"]),
    "bool": (GREY > 9, ["bool", "uint8"]),
    "complex": (GREY.astype(complex), ["complex128", "uint8"]),
    "objects": (GREY.astype(object), ["object", "uint8"]),
    "no dimension": (np.zeros((), np.uint8), ["()", "(H, W"]),
    "one dimension": (GREY[0], ["(24,)", "(H, W"]),
    "two channels": (COLOUR[..., :2], ["(16, 24, 2)", "(H, W"]),
    "four channels": (np.dstack([COLOUR, GREY]), ["(16, 24, 4)", "(H, W"]),
    "a batch": (COLOUR[None], ["(1, 16, 24, 3)", "(H, W"]),
    "no rows": (COLOUR[:0], ["(0, 24, 3)"]),
    "no columns": (GREY[:, :0], ["(16, 0)"]),
    "too wide": (np.broadcast_to(np.uint8(0), (1, 65501)), ["65501", "65500"]),
    "too high": (np.broadcast_to(np.uint8(0), (65501, 2, 3)), ["65501", "65500"]),
}

OPTIONS: list[tuple[str, Any, list[str]]] = [
    *[("quality", value, ["1", "100"]) for value in (0, 101, -5, 10**30)],
    *[("quality", value, ["integer"]) for value in (75.5, "75", None, float("nan"))],
    *[("subsampling", value, ["4:2:0", "4:4:4"]) for value in ("4:1:2", "420", "")],
    *[
        ("subsampling", value, ["3 pairs", "1 ... 4"])
        for value in (
            None,
            2,
            2.0,
            ("4:2:0",),
            ((2, 2),),
            ((1, 1),) * 2,
            ((1, 1),) * 4,
            ((5, 1), (1, 1), (1, 1)),
            ((0, 1), (1, 1), (1, 1)),
            ((1, 1), (1, -1), (1, 1)),
            ((2, 2), (1, 1.5), (1, 1)),
            ((2, 2, 2), (1, 1), (1, 1)),
            ((2, "2"), (1, 1), (1, 1)),
        )
    ],
    *[("restart_interval", value, ["0", "65535"]) for value in (-1, 65536)],
    *[("restart_interval", value, ["integer"]) for value in (1.5, "3", None)],
    ("quant_tables", [], ["1", "3"]),
    ("quant_tables", "tables", ["(8, 8)"]),
    ("quant_tables", 5, ["(8, 8)"]),
    ("quant_tables", [TABLE] * 5, []),
    ("quant_tables", [TABLE[:7]], ["8"]),
    ("quant_tables", [np.zeros((8, 8), int)], ["1"]),
    ("quant_tables", [TABLE, np.full((8, 8), -3)], ["1"]),
    ("quant_tables", [np.full((8, 8), 65536)], []),
    ("quant_tables", [TABLE + 0.5], []),
    ("comment", 5, ["str", "bytes"]),
    ("comment", "x" * 65534, ["65533"]),
    ("comment", "ü" * 32767, ["65533"]),
    ("backend", "gpu", ["fast", "reference"]),
    ("backend", None, ["fast", "reference"]),
    ("stages", {"fdtc": lambda blocks: blocks}, ["fdct", "quantize"]),
    ("stages", {"fdct": 5}, ["fdct"]),
    ("stages", ["fdct"], []),
]


def shown(value: Any) -> str:
    """Return a short name for a parametrised test."""
    return repr(value).replace("\n", "")[:40]


@pytest.mark.parametrize("name", IMAGES)
def test_image(name: str, quick_backend: str) -> None:
    """Wrong types, dtypes, shapes and sizes of the picture."""
    image, words = IMAGES[name]
    with pytest.raises((TypeError, ValueError)) as caught:
        encode(image, backend=quick_backend)
    message = str(caught.value)
    assert not isinstance(caught.value, JpegError), "a caller's mistake is no error of a file"
    for word in ("image", *words):
        assert word in message, f"{word!r} is not in {message!r}"


@pytest.mark.parametrize(("argument", "value", "words"), OPTIONS, ids=shown)
def test_option(argument: str, value: Any, words: list[str], quick_backend: str) -> None:
    """Wrong types and values of every other argument."""
    options = {"backend": quick_backend} | {argument: value}
    with pytest.raises((TypeError, ValueError)) as caught:
        encode(COLOUR, **options)
    message = str(caught.value)
    for word in (argument, *words):
        assert word in message, f"{word!r} is not in {message!r}"
    scalar = isinstance(value, (int, float, str)) and len(str(value)) < 20
    said = str(value) in message or type(value).__name__ in message or argument == "quant_tables"
    assert said or not scalar, f"the value {value!r} is not in {message!r}"
    assert len(message) < 500, "the message prints a whole array or text"


def test_numpy_numbers_are_numbers(quick_backend: str) -> None:
    """A quality or interval that NumPy computed is as good as Python's."""
    ours = encode(COLOUR, np.int64(60), restart_interval=np.uint8(2), backend=quick_backend)
    assert ours == encode(COLOUR, 60, restart_interval=2, backend=quick_backend)


def test_options_are_keywords(quick_backend: str) -> None:
    """After image and quality, arguments are named."""
    with pytest.raises(TypeError):
        encode(COLOUR, 75, "4:2:0")  # type: ignore[misc]


def test_unknown_argument() -> None:
    """A misspelt argument is not swallowed."""
    with pytest.raises(TypeError, match="sub_sampling"):
        encode(COLOUR, sub_sampling="4:2:0")  # type: ignore[call-arg]
