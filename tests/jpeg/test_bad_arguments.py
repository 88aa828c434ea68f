"""A caller's mistakes in `encode`: the message names the argument, its value, and what is allowed."""

from __future__ import annotations

import re
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
    "uint16 above 12 bits": (GREY.astype(np.uint16) * 200, ["12 bits", "4095", "lossless=True"]),
    "int16": (GREY.astype(np.int16), ["int16", "uint8", "uint16"]),
    "bool": (GREY > 9, ["bool", "uint8"]),
    "complex": (GREY.astype(complex), ["complex128", "uint8"]),
    "objects": (GREY.astype(object), ["object", "uint8"]),
    "no dimension": (np.zeros((), np.uint8), ["()", "(H, W"]),
    "one dimension": (GREY[0], ["(24,)", "(H, W"]),
    "two channels": (COLOUR[..., :2], ["(16, 24, 2)", "(H, W"]),
    "four channels": (np.dstack([COLOUR, GREY]), ["(16, 24, 4)", "RGBA", "CMYK", "YCCK"]),
    "five channels": (np.dstack([COLOUR, GREY, GREY]), ["(16, 24, 5)", "(H, W"]),
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
    ("color", "rgb", ["RGB", "YCbCr"]),
    ("color", "grey", ["(16, 24, 3)", "YCbCr"]),
    ("color", "CMYK", ["(16, 24, 3)", "RGB"]),
    ("precision", 9, ["8 and 12", "lossless"]),
    ("precision", 17, ["2", "16"]),
    ("precision", 12, ["uint8", "uint16"]),
    ("predictor", 2, ["lossless"]),
    ("point_transform", 0, ["lossless"]),
    ("exif", "text", ["bytes"]),
    ("exif", b"x" * 65528, ["65533"]),
    ("icc_profile", "text", ["bytes"]),
    ("icc_profile", b"x" * (255 * 65519 + 1), ["16707345"]),
    ("scans", [], ["empty"]),
    ("scans", [(0, 1)], ["component 2"]),
    ("scans", [(0, 1, 2), (0,)], ["scan 2", "component 0"]),
    ("scans", [((0, 1, 2), 0, 5, 0, 0)], ["scan 1", "Se = 5"]),
    ("scans", ["0,1,2"], ["scan 1"]),
    ("scans", 5, ["scans"]),
    ("backend", "gpu", ["fast", "reference"]),
    ("backend", None, ["fast", "reference"]),
    ("stages", {"fdtc": lambda blocks: blocks}, ["fdct", "quantize"]),
    ("stages", {"fdct": 5}, ["fdct"]),
    ("stages", ["fdct"], []),
]


def shown(value: Any) -> str:
    """Return a short name for a parametrised test."""
    return re.sub(" at 0x[0-9a-f]+", "", repr(value)).replace("\n", "")[:40]  # the same in each process


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


LOSSLESS = {"lossless": True}
PAIRS: list[tuple[dict[str, Any], list[str]]] = [
    (LOSSLESS | {"progressive": True}, ["progressive", "lossless", "no such process"]),
    (LOSSLESS | {"subsampling": "4:2:0"}, ["subsampling", "lossless"]),
    (LOSSLESS | {"subsampling": ((2, 1), (1, 1), (1, 1))}, ["subsampling", "lossless"]),
    (LOSSLESS | {"quant_tables": TABLE}, ["quant_tables", "lossless", "nothing is quantised"]),
    (LOSSLESS | {"color": "YCbCr"}, ["color", "YCbCr", "lossless"]),
    (LOSSLESS | {"scans": [(0, 1, 2)]}, ["scans", "lossless"]),
    (LOSSLESS | {"restart_interval": 7}, ["restart_interval=7", "24", "H.1.1"]),
    (LOSSLESS | {"predictor": 0}, ["predictor", "1", "7"]),
    (LOSSLESS | {"predictor": 8}, ["predictor", "1", "7"]),
    (LOSSLESS | {"point_transform": 8}, ["point_transform", "0", "7"]),
    (LOSSLESS | {"precision": 1}, ["precision", "2", "16"]),
    (LOSSLESS | {"precision": 16}, ["precision", "uint8", "uint16"]),
    (LOSSLESS | {"precision": 4}, ["4 bits", "0 ... 15"]),
    ({"arithmetic": True, "optimize": True}, ["arithmetic", "optimize", "no Huffman tables"]),
    ({"color": "RGB", "subsampling": "4:2:0"}, ["subsampling", "RGB", "explicit factors"]),
    *[
        ({"stages": {"fdct": None}} | option, ["stages"])
        for option in ({"progressive": True}, {"arithmetic": True}, LOSSLESS, {"color": "RGB"})
    ],
    ({"progressive": True, "scans": [((0, 1, 2), 0, 0, 0, 1), ((0, 1), 1, 63, 0, 0)]}, ["scan 2", "AC"]),
    ({"progressive": True, "scans": [((0,), 0, 0, 0, 0)]}, ["DC", "component 1"]),
    (
        {"progressive": True, "scans": [((0, 1, 2), 0, 0, 0, 1), ((0, 1, 2), 0, 0, 2, 1)]},
        ["scan 2", "Ah = 2"],
    ),
    ({"progressive": True, "scans": [((0,), 1, 5, 0, 0)]}, ["scan 1", "before its DC"]),
    ({"progressive": True, "scans": [(0, 1, 2)]}, ["scan 1", "sequential"]),
]


@pytest.mark.parametrize(("options", "words"), PAIRS, ids=shown)
def test_what_does_not_go_together(options: dict[str, Any], words: list[str], quick_backend: str) -> None:
    """Pairs of arguments that exclude each other: the message names both and says why."""
    if "stages" in options:
        options = options | {"stages": {"fdct": lambda blocks: blocks}}
    with pytest.raises((TypeError, ValueError)) as caught:
        encode(COLOUR, **({"backend": quick_backend} | options))
    message = str(caught.value)
    for word in words:
        assert word in message, f"{word!r} is not in {message!r}"


def test_cmyk_is_never_guessed(quick_backend: str) -> None:
    """Four channels need a word; and the words for four need four channels."""
    four = np.dstack([COLOUR, GREY])
    with pytest.raises(ValueError, match="alpha"):
        encode(four, backend=quick_backend)
    with pytest.raises(ValueError, match="color='RGB'"):
        encode(four, color="RGB", backend=quick_backend)
    assert encode(four, color="CMYK", backend=quick_backend) != encode(
        four, color="YCCK", backend=quick_backend
    )


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
