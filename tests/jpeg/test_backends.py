"""Reference and fast back end give the same files and pixels; a stage can be replaced by one of your own."""

from __future__ import annotations

import io
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from functools import partial
from itertools import product
from typing import Any

import codec_data
import jpeg_cases as cases
import jpeg_peers as peers
import jpeg_pictures as pictures
import numpy as np
import numpy.typing as npt
import pytest
from jpeg_cases import Tally
from PIL import Image

from jpeg_from_scratch import decode, encode, read

Count = Callable[[str], None]
Array = npt.NDArray[Any]

COLOUR = pictures.synthetic(37, 51, seed=11)


def small_inputs() -> Iterator[tuple[str, Array, dict[str, Any]]]:
    """Yield pictures and options that reach every branch of the encoder."""
    sizes = ((1, 1), (3, 5), (8, 8), (16, 16), (17, 9), (31, 40))
    subsamplings = ("4:4:4", "4:4:0", "4:2:2", "4:2:0", "4:1:1", "4:1:0", ((2, 2), (2, 1), (1, 2)))
    for (height, width), s, o in product(sizes, subsamplings, (False, True)):
        yield f"{height}×{width}", pictures.synthetic(height, width, 2), {"subsampling": s, "optimize": o}
    for quality, r in product((1, 25, 60, 95, 100), (0, 1, 4)):
        options = {"quality": quality, "restart_interval": r, "optimize": r == 1, "comment": "x" * r}
        yield "noise", pictures.noise(19, 27), options
        yield "grey", pictures.grey(pictures.synthetic(30, 21)), options
    yield "tables", COLOUR, {"quant_tables": [np.arange(1, 65).reshape(8, 8), np.full((8, 8), 300)]}
    yield from other_processes()


def other_processes() -> Iterator[tuple[str, Array, dict[str, Any]]]:
    """Yield pictures and options of every process but the baseline one, with restarts and without."""
    small, grey = COLOUR[:17, :22], pictures.grey(COLOUR)[:20, :30]
    deep = grey.astype(np.uint16) << 4 | 9
    cmyk = np.dstack([small, small[::-1, ::-1, 0]])
    for progressive, arithmetic, r in product((False, True), (False, True), (0, 2)):
        options: dict[str, Any] = {"arithmetic": arithmetic, "restart_interval": r}
        options |= {"progressive": True} if progressive else {}
        yield "colour", small, options
        yield "12 bit", deep, {**options, "precision": 12}
        yield "CMYK", cmyk, {**options, "color": "CMYK"}
        yield "YCCK", cmyk, {**options, "color": "YCCK"}
        yield "RGB", small, {**options, "color": "RGB"}
    for arithmetic, predictor in product((False, True), range(1, 8)):
        options = {"lossless": True, "arithmetic": arithmetic, "predictor": predictor}
        yield "lossless", small[:9], options
        yield "lossless, 16 bit", deep << 3, {**options, "precision": 16, "point_transform": predictor % 3}
        yield "lossless, restarts", grey[:9], {**options, "restart_interval": 3 * grey.shape[1]}


@pytest.mark.both_backends
def test_same_files_and_pixels(count: Count) -> None:
    """Whole files, and the pixels decoded from them."""
    tally = Tally("fast and reference: files and pixels")
    for name, image, options in small_inputs():
        fast = encode(image, backend="fast", **options)
        slow = cases.attempt(partial(encode, image, backend="reference", **options))
        tally.check(f"encode {name} {options}", slow, fast)
        pixels = cases.attempt(partial(decode, fast, backend="reference"))
        tally.check(f"decode {name} {options}", pixels, decode(fast, backend="fast"))
    count(tally.line())
    assert not tally.different, tally.report()


# Stages


def cosine_matrix() -> Array:
    """Return the 8×8 matrix of the orthonormal DCT-II: T.81 A.3.3 is C · block · Cᵀ."""
    n = np.arange(8)
    matrix = np.cos((2 * n[None, :] + 1) * n[:, None] * np.pi / 16) / 2
    matrix[0] /= np.sqrt(2)
    return matrix


def matrix_fdct(blocks: Array) -> Array:
    """Transform blocks (..., 8, 8) of level-shifted samples as a student would: two matrix products."""
    matrix = cosine_matrix()
    return matrix @ np.asarray(blocks, dtype=float) @ matrix.T


def test_a_matrix_product_is_a_transform() -> None:
    """The student's transform makes a real file; few coefficients round otherwise than the built-in's."""
    calls = []

    def fdct(blocks: Array) -> Array:
        calls.append(blocks.shape)
        assert blocks.shape[-2:] == (8, 8)
        assert blocks.min() >= -128
        assert blocks.max() <= 127
        return matrix_fdct(blocks)

    for image in (COLOUR, pictures.grey(COLOUR)):
        own = encode(image, 90, stages={"fdct": fdct}, backend="reference")
        theirs = peers.pillow_decode(own)
        assert theirs.shape == image.shape
        np.testing.assert_array_equal(decode(own, backend="reference"), theirs)
        built_in = read(encode(image, 90, backend="reference"))
        for i, (mine, others) in enumerate(zip(read(own).coefficients, built_in.coefficients)):
            difference = np.abs(mine.astype(int) - others)
            assert difference.max() <= 1, f"component {i}"
            assert difference.mean() < 0.02, f"component {i}: {difference.mean():.3f} of the coefficients"
    assert calls


def test_a_stage_is_used_whatever_the_backend(quick_backend: str) -> None:
    """With ``stages=`` the reference path runs, also where the fast one was asked for."""
    flat = encode(COLOUR, stages={"fdct": lambda blocks: np.zeros(blocks.shape)}, backend=quick_backend)
    assert len(np.unique(peers.pillow_decode(flat).reshape(-1, 3), axis=0)) == 1


def default_stages() -> dict[str, Callable[..., Any]]:
    """Return the public function of every stage that can be replaced."""
    from jpeg_from_scratch import coefficients, color, dct, huffman, quantization, sampling

    return {
        "rgb_to_ycbcr": color.rgb_to_ycbcr,
        "downsample": sampling.downsample,
        "fdct": dct.fdct,
        "quantize": quantization.quantize,
        "zigzag": coefficients.zigzag,
        "run_length": coefficients.run_length,
        "optimal_table": huffman.optimal_spec,
    }


@pytest.mark.parametrize(
    "name", ["rgb_to_ycbcr", "downsample", "fdct", "quantize", "zigzag", "run_length", "optimal_table"]
)
def test_every_stage_can_be_replaced(name: str) -> None:
    """A replaced stage is called, and one that does the same leaves the file as it is."""
    default = default_stages()
    calls = []

    def same(*args: Any, **keywords: Any) -> Any:
        calls.append(name)
        return default[name](*args, **keywords)

    image = COLOUR[:17, :23]
    own = encode(image, optimize=True, stages={name: same}, backend="reference")
    assert calls, f"{name} was never called"
    assert own == encode(image, optimize=True, backend="reference")


def test_a_failing_stage_says_so() -> None:
    """An exception in the caller's function reaches the caller."""

    def broken(blocks: Array) -> Array:
        raise ZeroDivisionError("mine")

    with pytest.raises(ZeroDivisionError, match="mine"):
        encode(COLOUR, stages={"fdct": broken}, backend="reference")


def test_a_stage_of_the_wrong_shape_is_named() -> None:
    """A transform that returns another shape is a mistake of the caller, named by its stage."""
    for wrong in (lambda blocks: blocks[:1], lambda blocks: blocks[..., :4], lambda blocks: None):
        with pytest.raises((TypeError, ValueError), match="fdct"):
            encode(COLOUR, stages={"fdct": wrong}, backend="reference")


# Without Numba

WITHOUT_NUMBA = """
    import sys, warnings

    class Blocker:
        def find_spec(self, name, path=None, target=None):
            if name.split(".")[0] in ("numba", "llvmlite"):
                raise ModuleNotFoundError(f"No module named {name!r}", name=name)

    sys.meta_path.insert(0, Blocker())
    import numpy as np
    from jpeg_from_scratch import decode, encode

    image = (np.indices((19, 27)).sum(axis=0) * 5).astype(np.uint8)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        data = encode(image)
        pixels = decode(data)
        encode(image)
    assert pixels.shape == image.shape
    assert not any(name.split(".")[0] == "numba" for name in sys.modules)
    about = [str(w.message) for w in caught if "numba" in str(w.message).lower()]
    assert len(about) == 1, [str(w.message) for w in caught]
    print(about[0], file=sys.stderr)
    sys.stdout.buffer.write(data)
"""


def run_without_numba(program: str) -> subprocess.CompletedProcess[bytes]:
    """Run a program in a fresh interpreter."""
    command = [sys.executable, "-c", textwrap.dedent(program)]
    return subprocess.run(command, capture_output=True, check=False, cwd=codec_data.REPOSITORY, timeout=120)


def test_without_numba() -> None:
    """The default back end falls back to the reference path, with one warning, and writes the same file."""
    run = run_without_numba(WITHOUT_NUMBA)
    assert run.returncode == 0, run.stderr.decode()
    image = (np.indices((19, 27)).sum(axis=0) * 5).astype(np.uint8)
    assert run.stdout == peers.pillow_encode(image)
    with Image.open(io.BytesIO(run.stdout)) as picture:
        assert picture.size == (27, 19)


def test_reference_without_numba_is_silent() -> None:
    """Who asks for the reference path is not warned."""
    program = WITHOUT_NUMBA.replace("(image)", '(image, backend="reference")').replace(
        "decode(data)", 'decode(data, backend="reference")'
    )
    program = program.replace("len(about) == 1", "not about").replace("about[0]", "about")
    run = run_without_numba(program)
    assert run.returncode == 0, run.stderr.decode()
