"""Each compiled stage against its readable twin, bit for bit, on random, extreme and damaged input."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jpeg_from_scratch.backend import Backend, get_backend
from jpeg_from_scratch.color import rgb_to_ycbcr, ycbcr_to_rgb
from jpeg_from_scratch.dct import fdct_definition
from jpeg_from_scratch.huffman import HuffmanSpec, canonical_codes, code_lengths
from jpeg_from_scratch.jpeg_data import FrameComponent, FrameHeader, ceil_div

pytestmark = pytest.mark.both_backends

Array = npt.NDArray[Any]
Factors = Sequence[tuple[int, int]]

BOUNDED = settings(derandomize=True, max_examples=60, deadline=None)
PAIRS = list(product(range(1, 5), repeat=2))
SIZES = ((1, 1), (1, 2), (2, 1), (3, 5), (8, 8), (7, 17), (16, 16), (33, 9), (5, 70))


@pytest.fixture(name="fast")
def _fast() -> Backend:
    return get_backend("fast")


@pytest.fixture(name="reference")
def _reference() -> Backend:
    return get_backend("reference")


def frame_of(factors: Factors, height: int, width: int) -> FrameHeader:
    """Return the frame header of a picture whose components have these factors (h, v)."""
    components = tuple(FrameComponent(i + 1, h, v, 0) for i, (h, v) in enumerate(factors))
    return FrameHeader(0xC0, 8, height, width, components)


def space_of(frame: FrameHeader) -> str:
    """Return the usual colour space of a frame of one or three components."""
    return "YCbCr" if len(frame.components) == 3 else "grey"


def both_planes(
    fast: Backend, reference: Backend, image: Array, frame: FrameHeader
) -> tuple[list[Array], list[Array]]:
    """Return the planes that both make of a picture."""
    space = space_of(frame)
    return fast.component_planes(image, frame, space), reference.component_planes(image, frame, space)


def is_whole(factors: Factors) -> bool:
    """Whether every factor divides the largest."""
    h_max, v_max = max(h for h, _ in factors), max(v for _, v in factors)
    return not any(h_max % h or v_max % v for h, v in factors)


def noise(*shape: int, seed: int = 0) -> Array:
    """Return random samples."""
    return np.random.default_rng((seed, *shape)).integers(0, 256, shape, dtype=np.uint8)


def assert_same(ours: Sequence[Array], theirs: Sequence[Array], name: str = "") -> None:
    """Check that lists of arrays are equal, in shape and dtype too."""
    for i, (a, b) in enumerate(zip(ours, theirs, strict=True)):
        assert (a.shape, a.dtype) == (b.shape, b.dtype), f"{name}, plane {i}"
        np.testing.assert_array_equal(a, b, f"{name}, plane {i}")


def other_memory_orders(array: Array) -> dict[str, Array]:
    """Return the array as others may hand it over: a part of something, turned round, read only."""
    larger = np.full([2 * n for n in array.shape], 99, array.dtype)
    part = larger[tuple(slice(0, None, 2) for _ in array.shape)]
    part[...] = array
    locked = array.copy()
    locked.setflags(write=False)
    return {
        "part": part,
        "Fortran": np.asfortranarray(array),
        "reversed": np.ascontiguousarray(array[::-1, ::-1])[::-1, ::-1],
        "read only": locked,
    }


# Colour and downsampling


def test_component_planes_of_every_pair_of_factors(fast: Backend, reference: Backend) -> None:
    """Two components of all 256 pairs of factors 1 … 4, and a third of 1×1; whole and fractional ratios."""
    for n, (first, second) in enumerate(product(PAIRS, PAIRS)):
        height, width = SIZES[n % len(SIZES)]
        frame = frame_of([first, second, (1, 1)], height, width)
        image = noise(height, width, 3, seed=n)
        name = f"{first} {second} {height}×{width}"
        assert_same(*both_planes(fast, reference, image, frame), name)


@pytest.mark.parametrize("shape", SIZES, ids=lambda shape: f"{shape[0]}×{shape[1]}")
def test_component_planes_of_every_size(shape: tuple[int, int], fast: Backend, reference: Backend) -> None:
    """Every whole ratio of colour to brightness, at sizes that are no multiple of anything."""
    for factors in ([(h, v), (1, 1), (1, 1)] for h, v in PAIRS):
        frame, image = frame_of(factors, *shape), noise(*shape, 3)
        assert_same(*both_planes(fast, reference, image, frame), str(factors))


@pytest.mark.parametrize("factors", [[(1, 1)], [(2, 2)], [(3, 1)]])
def test_grey_planes(factors: Factors, fast: Backend, reference: Backend) -> None:
    """Grey needs no arithmetic, whatever its factors are."""
    for shape in SIZES:
        frame, image = frame_of(factors, *shape), noise(*shape)
        assert_same(*both_planes(fast, reference, image, frame), str(shape))


@pytest.mark.parametrize(
    "factors", [[(2, 2), (1, 1), (1, 1)], [(3, 2), (2, 1), (1, 1)]], ids=["whole", "fractional"]
)
def test_pictures_of_any_memory_order(factors: Factors, fast: Backend, reference: Backend) -> None:
    """Parts of pictures, turned ones, and ones that must not be written to."""
    image = noise(19, 23, 3)
    frame = frame_of(factors, 19, 23)
    expected = reference.component_planes(image, frame, space_of(frame))
    for name, other in other_memory_orders(image).items():
        assert_same(fast.component_planes(other, frame, space_of(frame)), expected, name)
    grey = frame_of([(1, 1)], 19, 23)
    expected = reference.component_planes(image[..., 0], grey, space_of(grey))
    for name, other in other_memory_orders(image[..., 0]).items():
        assert_same(fast.component_planes(other, grey, space_of(grey)), expected, name)


def test_planes_can_be_written_to(fast: Backend) -> None:
    """A plane is not the caller's picture, which stays as it was."""
    for image, factors in ((noise(8, 8), [(1, 1)]), (noise(8, 8, 3), [(1, 1)] * 3)):
        before = image.copy()
        frame = frame_of(factors, 8, 8)
        fast.component_planes(image, frame, space_of(frame))
        np.testing.assert_array_equal(image, before)


@pytest.mark.big
def test_every_colour_forward(fast: Backend) -> None:
    """All 2^24 triples RGB as a picture, against `color.rgb_to_ycbcr`."""
    image = np.empty((4096, 4096, 3), np.uint8)
    values = np.arange(1 << 24, dtype=np.uint32).reshape(4096, 4096)
    for i in range(3):
        image[..., i] = values >> 8 * i & 255
    planes = fast.component_planes(image, frame_of([(1, 1)] * 3, 4096, 4096), "YCbCr")
    for row in range(0, 4096, 256):
        expected = rgb_to_ycbcr(image[row : row + 256])
        assert_same([plane[row : row + 256] for plane in planes], list(np.moveaxis(expected, -1, 0)))


@pytest.mark.big
def test_every_colour_back(fast: Backend) -> None:
    """All 2^24 triples YCbCr, against `color.ycbcr_to_rgb`."""
    values = np.arange(1 << 24, dtype=np.uint32).reshape(4096, 4096)
    planes = [(values >> 8 * i & 255).astype(np.uint8) for i in range(3)]
    image = fast.planes_to_image(planes, frame_of([(1, 1)] * 3, 4096, 4096), "YCbCr")
    for row in range(0, 4096, 256):
        samples = np.stack([plane[row : row + 256] for plane in planes], axis=-1)
        np.testing.assert_array_equal(image[row : row + 256], ycbcr_to_rgb(samples))


# Transform and quantisation


def step_tables() -> dict[str, Array]:
    """Return tables of step sizes: ones, largest, random of 8 and of 16 bits."""
    rng = np.random.default_rng(2)
    return {
        "1": np.ones((8, 8), np.int32),
        "255": np.full((8, 8), 255, np.int32),
        "8 bit": rng.integers(1, 256, (8, 8)).astype(np.int32),
        "fine": rng.integers(1, 9, (8, 8)).astype(np.int32),
        "16 bit": rng.integers(1, 65536, (8, 8)).astype(np.int32),
        "powers": 2 ** rng.integers(0, 16, (8, 8)).astype(np.int32),
    }


def plane_of(kind: str, rows: int, columns: int) -> Array:
    """Return a plane of blocks: noise, extremes, or the patterns that make coefficients largest."""
    rng = np.random.default_rng((rows, columns))
    shape = (8 * rows, 8 * columns)
    if kind == "noise":
        return rng.integers(0, 256, shape, dtype=np.uint8)
    if kind == "extremes":
        return rng.choice(np.array([0, 255], np.uint8), shape)
    row, column = np.indices(shape)
    u, v = rng.integers(0, 8, (2, rows, columns)).repeat(8, axis=1).repeat(8, axis=2)
    cosine = np.cos((2 * (row % 8) + 1) * v * np.pi / 16) * np.cos((2 * (column % 8) + 1) * u * np.pi / 16)
    return np.where(cosine > 0, 255, 0).astype(np.uint8)


@pytest.mark.parametrize("table", step_tables())
@pytest.mark.parametrize("kind", ["noise", "extremes", "patterns"])
def test_plane_to_coefficients(kind: str, table: str, fast: Backend, reference: Backend) -> None:
    """One block, a few, as many as a strip of the kernel holds, one more, and several strips."""
    steps = step_tables()[table]
    for rows, columns in ((1, 1), (3, 5), (1, 32), (1, 33), (2, 70)):
        plane = plane_of(kind, rows, columns)
        ours, theirs = (np.zeros((rows, columns, 8, 8), np.int16) for _ in range(2))
        fast.plane_to_coefficients(plane, steps, ours, 8)
        reference.plane_to_coefficients(plane, steps, theirs, 8)
        assert_same([ours], [theirs], f"{rows}×{columns} blocks")


@BOUNDED
@given(
    seed=st.integers(0, 10_000),
    kind=st.sampled_from(["noise", "extremes", "patterns"]),
    largest=st.sampled_from([1, 2, 16, 255, 4095, 4096, 4097, 65535]),
    columns=st.integers(1, 40),
)
def test_any_steps(seed: int, kind: str, largest: int, columns: int) -> None:
    """Step sizes 1 … 65535, those around 2^12 among them, from which on every quotient is 0."""
    rng = np.random.default_rng(seed)
    steps = rng.integers(max(1, largest - 3), largest + 1, (8, 8)).astype(np.int32)
    steps[rng.random((8, 8)) < 0.5] = rng.integers(1, largest + 1)
    plane = plane_of(kind, 1, columns)
    ours, theirs = (np.zeros((1, columns, 8, 8), np.int16) for _ in range(2))
    get_backend("fast").plane_to_coefficients(plane, steps, ours, 8)
    get_backend("reference").plane_to_coefficients(plane, steps, theirs, 8)
    assert_same([ours], [theirs], f"{kind}, steps up to {largest}")


def test_every_step(fast: Backend, reference: Backend) -> None:
    """All step sizes 1 … 65535 once, on the blocks whose coefficients are largest."""
    plane = plane_of("patterns", 1, 3)
    for first in range(1, 65536, 64):
        steps = np.minimum(np.arange(first, first + 64, dtype=np.int32), 65535).reshape(8, 8)
        ours, theirs = (np.zeros((1, 3, 8, 8), np.int16) for _ in range(2))
        fast.plane_to_coefficients(plane, steps, ours, 8)
        reference.plane_to_coefficients(plane, steps, theirs, 8)
        assert_same([ours], [theirs], f"steps from {first} on")


def test_only_the_blocks_of_the_plane_are_filled(fast: Backend, reference: Backend) -> None:
    """`out` may be larger, for the padding to whole MCUs: what lies beyond is left as it is."""
    plane, steps = plane_of("noise", 3, 5), step_tables()["fine"]
    for engine in (fast, reference):
        out = np.full((4, 6, 8, 8), 7, np.int16)
        engine.plane_to_coefficients(plane, steps, out, 8)
        assert (out[3] == 7).all(), engine.name
        assert (out[:, 5] == 7).all(), engine.name
        exact = fdct_definition(plane[16:24, 32:40].astype(int) - 128) / steps
        assert np.abs(out[2, 4] - exact).max() < 0.75, engine.name


def test_planes_of_any_memory_order(fast: Backend, reference: Backend) -> None:
    """Forward, the plane; back, the coefficients."""
    plane, steps = plane_of("noise", 2, 3), step_tables()["fine"]
    expected = np.zeros((2, 3, 8, 8), np.int16)
    reference.plane_to_coefficients(plane, steps, expected, 8)
    for name, other in other_memory_orders(plane).items():
        out = np.zeros_like(expected)
        fast.plane_to_coefficients(other, steps, out, 8)
        assert_same([out], [expected], name)
    back = reference.coefficients_to_plane(expected, steps, 16, 24, 8)
    for name, blocks in other_memory_orders(expected).items():
        assert_same([fast.coefficients_to_plane(blocks, steps, 16, 24, 8)], [back], name)
    for name, table in other_memory_orders(steps).items():
        assert_same([fast.coefficients_to_plane(expected, table, 16, 24, 8)], [back], f"table, {name}")


# Dequantisation and inverse transform


def assert_same_plane(
    fast: Backend, reference: Backend, blocks: Array, steps: Array, height: int, width: int
) -> None:
    """Compare what both make of some coefficients."""
    before = blocks.copy()
    engines = fast, reference
    ours, theirs = (engine.coefficients_to_plane(blocks, steps, height, width, 8) for engine in engines)
    assert_same([ours], [theirs], f"{height}×{width}")
    np.testing.assert_array_equal(blocks, before)


@pytest.mark.parametrize("table", step_tables())
def test_coefficients_to_plane(table: str, fast: Backend, reference: Backend) -> None:
    """Coefficients of real blocks, at sizes that end within blocks; padding blocks are left out."""
    steps = step_tables()[table]
    for height, width in ((1, 1), (8, 8), (9, 17), (23, 40), (7, 257), (16, 264)):
        rows, columns = ceil_div(height, 8), ceil_div(width, 8)
        blocks = np.zeros((rows + 1, columns + 3, 8, 8), np.int16)
        reference.plane_to_coefficients(plane_of("noise", rows, columns), steps, blocks, 8)
        blocks[rows:] = blocks[:, columns:] = 99
        assert_same_plane(fast, reference, blocks, steps, height, width)


@BOUNDED
@given(
    seed=st.integers(0, 10_000),
    largest=st.sampled_from([1, 50, 1024, 8191, 8192, 16384, 32767]),
    density=st.sampled_from([0.02, 0.3, 1]),
    table=st.sampled_from(sorted(step_tables())),
)
def test_damaged_coefficients(seed: int, largest: int, density: float, table: str) -> None:
    """Products, sums and results that wrap or clamp do so in the same places."""
    rng = np.random.default_rng(seed)
    blocks = rng.integers(-largest - 1, largest + 1, (2, 5, 8, 8)) * (rng.random((2, 5, 8, 8)) < density)
    engines = get_backend("fast"), get_backend("reference")
    assert_same_plane(*engines, blocks.astype(np.int16), step_tables()[table], 16, 40)


@pytest.mark.parametrize("neighbours", ["flat", "noise", "one coefficient"])
def test_flat_blocks_beyond_8191(neighbours: str, fast: Backend, reference: Backend) -> None:
    """A block of row 0 only takes a short cut that wraps; its neighbours in the strip change nothing.

    Every DC from −8200 in steps up to 8200, and the ends of 16 bits, alone and with more of row 0.
    """
    levels = np.unique([*range(-8200, 8201, 50), -32768, -8193, -8192, -8191, 8190, 8191, 8192, 8193, 32767])
    blocks = np.zeros((2, 2 * len(levels), 8, 8), np.int16)
    blocks[:, ::2, 0, 0] = levels
    blocks[1, ::2, 0, 1:] = np.random.default_rng(1).integers(-9000, 9000, (len(levels), 7))
    if neighbours == "noise":
        blocks[:, 1::2] = np.random.default_rng(2).integers(-300, 300, blocks[:, 1::2].shape)
    elif neighbours == "one coefficient":
        blocks[:, 1::2, 7, 7] = 1
    height, width = 16, 8 * blocks.shape[1]
    assert_same_plane(fast, reference, blocks, np.ones((8, 8), np.int32), height, width)


@pytest.mark.parametrize("place", [(1, 0), (3, 4), (7, 7)])
def test_nearly_flat_blocks_beyond_8191(place: tuple[int, int], fast: Backend, reference: Backend) -> None:
    """One coefficient below row 0, and the rule clamps where the short cut wraps."""
    blocks = np.zeros((1, 64, 8, 8), np.int16)
    blocks[0, :, 0, 0] = np.linspace(-32768, 32767, 64)
    assert_same_plane(fast, reference, blocks, np.ones((8, 8), np.int32), 8, 512)
    blocks[0, :, *place] = 1
    assert_same_plane(fast, reference, blocks, np.ones((8, 8), np.int32), 8, 512)


def test_products_that_wrap_to_zero(fast: Backend, reference: Backend) -> None:
    """A quantised coefficient that is not zero, but whose product is: the block takes no short cut."""
    blocks = np.zeros((1, 2, 8, 8), np.int16)
    blocks[0, :, 0, 0] = 8192
    blocks[0, 0, 5, 5] = 2
    steps = np.ones((8, 8), np.int32)
    steps[5, 5] = 32768
    assert_same_plane(fast, reference, blocks, steps, 8, 16)
    plane = fast.coefficients_to_plane(blocks, steps, 8, 16, 8)
    assert (plane[:, :8] == 255).all(), "clamped"
    assert (plane[:, 8:] == 0).all(), "wrapped"
    steps[5, 5] = 0
    assert_same_plane(fast, reference, blocks, steps, 8, 16)


# Upsampling and colour


def planes_for(frame: FrameHeader, seed: int = 0) -> list[Array]:
    """Return random planes of the true size of each component."""
    return [noise(*frame.component_shape(i), seed=seed + i) for i in range(len(frame.components))]


@pytest.mark.parametrize("space", ["YCbCr", "RGB"])
def test_planes_to_image_of_every_pair_of_factors(space: str, fast: Backend, reference: Backend) -> None:
    """Two components of all 256 pairs of factors 1 … 4, and a third of 1×1; whole and fractional ratios."""
    for n, (first, second) in enumerate(product(PAIRS, PAIRS)):
        frame = frame_of([first, second, (1, 1)], *SIZES[n % len(SIZES)])
        planes = planes_for(frame, n)
        ours, theirs = (engine.planes_to_image(planes, frame, space) for engine in (fast, reference))
        assert_same([ours], [theirs], f"{first} {second} {SIZES[n % len(SIZES)]}")


@pytest.mark.parametrize(
    "luma", [(2, 1), (2, 2), (1, 2), (4, 1), (4, 2)], ids=lambda pair: f"{pair[0]}×{pair[1]}"
)
def test_planes_to_image_of_every_small_size(
    luma: tuple[int, int], fast: Backend, reference: Backend
) -> None:
    """Heights and widths 1 … 12: planes of one, two and three columns, and odd ends."""
    for height, width in product(range(1, 13), repeat=2):
        frame = frame_of([luma, (1, 1), (1, 1)], height, width)
        planes = planes_for(frame)
        ours, theirs = (engine.planes_to_image(planes, frame, "YCbCr") for engine in (fast, reference))
        assert_same([ours], [theirs], f"{height}×{width}")


@pytest.mark.parametrize("count", [1, 2, 4])
def test_other_numbers_of_planes(count: int, fast: Backend, reference: Backend) -> None:
    """One is grey, (H, W); two and four are put together without a change of colour."""
    frame = frame_of([(2, 2), *[(1, 1)] * 3][:count], 9, 7)
    planes = planes_for(frame)
    ours, theirs = (engine.planes_to_image(planes, frame, "unknown") for engine in (fast, reference))
    assert_same([ours], [theirs])
    assert ours.shape == ((9, 7) if count == 1 else (9, 7, count))


@pytest.mark.parametrize(
    "factors", [[(2, 2), (1, 1), (1, 1)], [(2, 1), (1, 1), (2, 1)], [(3, 3), (2, 2), (1, 1)]]
)
def test_decoded_planes_of_any_memory_order(factors: Factors, fast: Backend, reference: Backend) -> None:
    """A plane is cropped out of whole blocks: its rows do not follow each other in memory."""
    frame = frame_of(factors, 21, 30)
    planes = planes_for(frame)
    expected = reference.planes_to_image(planes, frame, "YCbCr")
    orders = [other_memory_orders(plane) for plane in planes]
    for name in orders[0]:
        image = fast.planes_to_image([order[name] for order in orders], frame, "YCbCr")
        assert_same([image], [expected], name)


def test_wide_pictures_fill_their_rows(fast: Backend, reference: Backend) -> None:
    """Around the widths at which a vector, or a scratch row, ends."""
    for width in (*range(14, 20), *range(30, 36), *range(62, 68), 255, 256, 257, 4099):
        for luma in ((2, 2), (2, 1), (4, 1), (3, 1)):
            frame = frame_of([luma, (1, 1), (1, 1)], 3, width)
            planes = planes_for(frame, width)
            ours, theirs = (engine.planes_to_image(planes, frame, "YCbCr") for engine in (fast, reference))
            assert_same([ours], [theirs], f"{luma} {width}")


# Other colours and precisions


@pytest.mark.parametrize("precision", [8, 12])
@pytest.mark.parametrize(
    ("space", "factors"),
    [
        ("grey", [(1, 1)]),
        ("YCbCr", [(2, 2), (1, 1), (1, 1)]),
        ("RGB", [(1, 1)] * 3),
        ("CMYK", [(1, 1)] * 4),
        ("CMYK", [(2, 1), (1, 2), (1, 1), (2, 1)]),
        ("YCCK", [(2, 2), (1, 1), (1, 1), (2, 2)]),
    ],
)
def test_other_colours_and_precisions(
    precision: int, space: str, factors: Factors, fast: Backend, reference: Backend
) -> None:
    """Pictures of one, three and four components, of 8 and 12 bits, through every stage and back."""
    largest, dtype = (1 << precision) - 1, np.uint8 if precision == 8 else np.uint16
    for height, width in ((1, 1), (9, 17), (24, 33)):
        frame = replace(frame_of(factors, height, width), precision=precision)
        rng = np.random.default_rng((height, precision))
        shape = (height, width) if space == "grey" else (height, width, len(factors))
        image = rng.integers(0, largest + 1, shape).astype(dtype)
        planes = [engine.component_planes(image, frame, space) for engine in (fast, reference)]
        assert_same(*planes, f"{space}, {height}×{width}")
        steps = rng.integers(1, 99, (8, 8)).astype(np.int32)
        back: list[list[Array]] = [[], []]
        for i, plane in enumerate(planes[0]):
            blocks = [np.zeros((*frame.padded_block_shape(i), 8, 8), np.int16) for _ in range(2)]
            for j, engine in enumerate((fast, reference)):
                engine.plane_to_coefficients(plane, steps, blocks[j], precision)
                size = frame.component_shape(i)
                back[j].append(engine.coefficients_to_plane(blocks[0], steps, *size, precision))
            assert_same(blocks[:1], blocks[1:], f"{space}, component {i}")
        assert_same(*back, f"{space}, back")
        pictures = [engine.planes_to_image(back[0], frame, space) for engine in (fast, reference)]
        assert_same(pictures[:1], pictures[1:], f"{space}, {height}×{width}")
        assert (pictures[0].shape, pictures[0].dtype) == (shape, dtype)


# Looking codes up


def peek_by_search(spec: HuffmanSpec, window: int, bits: int) -> int:
    """Find the code that a window starts with by trying all."""
    lengths = code_lengths(spec)
    for symbol, code, length in zip(spec.values, canonical_codes(lengths), lengths, strict=True):
        if length <= bits and window >> (bits - length) == code:
            return length << 8 | symbol
    return 0


@pytest.mark.parametrize(
    "spec",
    [
        *HuffmanSpec.typical_dc(),
        *HuffmanSpec.typical_ac(),
        HuffmanSpec((1,) * 16, tuple(range(16))),
        HuffmanSpec((0,) * 15 + (3,), (1, 2, 3)),
        HuffmanSpec((0,) * 16, ()),
    ],
    ids=["K.3", "K.4", "K.5", "K.6", "chain", "long only", "empty"],
)
def test_peek_table(spec: HuffmanSpec) -> None:
    """Every window of nine bits: length and symbol of the code in it, or 0 where the code is longer."""
    from jpeg_from_scratch._kernels._bit_reader import PEEK, peek_table

    table = peek_table(spec)
    assert table.shape == (1 << PEEK,)
    assert table.tolist() == [peek_by_search(spec, window, PEEK) for window in range(1 << PEEK)]


def kernel_test(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile a function that calls the kernels' machine instructions, as they are called there."""
    import numba

    return numba.njit(function)


def test_intrinsics() -> None:
    """Counting bits, and eight bytes at once, big end first, at any address."""
    from jpeg_from_scratch._kernels._bits import bit_length, load_word, store_word, trailing_zeros

    @kernel_test
    def lengths(values: Array) -> Array:
        out = np.empty(values.shape[0], np.int64)
        for i in range(values.shape[0]):
            out[i] = bit_length(values[i])
        return out

    @kernel_test
    def zeros(words: Array) -> Array:
        out = np.empty(words.shape[0], np.int64)
        for i in range(words.shape[0]):
            out[i] = trailing_zeros(words[i])
        return out

    @kernel_test
    def copy_word(source: Array, at: int, target: Array, to: int) -> int:
        word = load_word(source, at)
        store_word(target, to, word)
        return word

    values = np.array([0, 1, 2, 3, 4, 32767, 32768, 2**40, 2**63 - 1])
    assert lengths(values).tolist() == [int(value).bit_length() for value in values]
    words = np.uint64(1) << np.arange(64, dtype=np.uint64)
    assert zeros(words | np.uint64(1 << 63)).tolist() == list(range(64))
    source = np.arange(1, 20, dtype=np.uint8)
    for at in range(11):
        target = np.zeros(24, np.uint8)
        assert copy_word(source, at, target, at + 3) == int.from_bytes(source[at : at + 8].tobytes(), "big")
        assert target.tolist() == [0] * (at + 3) + source[at : at + 8].tolist() + [0] * (13 - at)
