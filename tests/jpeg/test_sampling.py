"""Component sizes, smaller and larger planes, blocks: each against a scalar transcription of its rule."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import product
from math import floor
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jpeg_from_scratch import sampling
from jpeg_from_scratch.jpeg_data import FrameComponent, FrameHeader

Array = npt.NDArray[Any]

BOUNDED = settings(derandomize=True, max_examples=60, deadline=None)
# Every ratio of a component's factor to the largest one.
RATIOS = [(samp, largest) for largest in range(1, 5) for samp in range(1, largest + 1)]
WHOLE = [(samp, largest) for samp, largest in RATIOS if largest % samp == 0]
FRACTIONAL = [(samp, largest) for samp, largest in RATIOS if largest % samp]


def frame_of(factors: Sequence[tuple[int, int]], height: int, width: int) -> FrameHeader:
    """Return the frame header of a picture whose components have these factors (h, v)."""
    components = tuple(FrameComponent(i + 1, h, v, 0) for i, (h, v) in enumerate(factors))
    return FrameHeader(0xC0, 8, height, width, components)


def noise(height: int, width: int, seed: int = 0) -> Array:
    """Return a plane of random samples."""
    return np.random.default_rng((seed, height, width)).integers(0, 256, (height, width), dtype=np.uint8)


# A.1.1 – Dimensions and sampling factors


def test_a11_sizes_of_the_standards_example() -> None:
    """A.1.1 gives an example: 512 × 512, factors 4×1, 2×2, 1×1."""
    frame = frame_of([(4, 1), (2, 2), (1, 1)], 512, 512)
    assert [frame.component_shape(i) for i in range(3)] == [(256, 512), (512, 256), (256, 128)]


@pytest.mark.parametrize(
    ("factors", "size", "expected"),
    [
        ([(2, 2), (1, 1)], (17, 33), [(17, 33), (9, 17)]),
        ([(2, 2), (1, 1)], (1, 1), [(1, 1), (1, 1)]),
        ([(4, 2), (1, 1)], (5, 9), [(5, 9), (3, 3)]),
        ([(3, 1), (2, 1), (1, 1)], (10, 10), [(10, 10), (10, 7), (10, 4)]),
        ([(1, 3), (1, 2)], (7, 7), [(7, 7), (5, 7)]),
        ([(1, 1), (2, 2)], (15, 15), [(8, 8), (15, 15)]),
        ([(2, 1)], (9, 9), [(9, 9)]),
    ],
)
def test_a11_sizes_are_rounded_up(
    factors: list[tuple[int, int]], size: tuple[int, int], expected: list[tuple[int, int]]
) -> None:
    """⌈X·Hi/Hmax⌉ × ⌈Y·Vi/Vmax⌉, worked by hand, also where the ratio is fractional."""
    frame = frame_of(factors, *size)
    assert [frame.component_shape(i) for i in range(len(factors))] == expected


def test_names_of_subsampling() -> None:
    """J:a:b of the names: a of J columns keep their colour, and b more in the row below."""
    for name, (h_samp, v_samp) in sampling.SUBSAMPLINGS.items():
        reference, first, second = map(int, name.split(":"))
        assert h_samp == reference // first
        assert v_samp == (2 if second == 0 else 1)
    assert list(sampling.SUBSAMPLINGS) == ["4:4:4", "4:4:0", "4:2:2", "4:2:0", "4:1:1", "4:1:0"]


# Smaller


@pytest.mark.parametrize(
    ("plane", "ratio", "expected"),
    [
        # 2:1 – halves go down, up, down, up
        ([[10, 11, 10, 11, 0, 255, 255, 255]], (1, 2, 1, 1), [[10, 11, 127, 255]]),
        # 2×2 : 1 – sums of 4n + 0, 1, 2, 3 with +1, +2, +1, +2
        ([[1, 1, 1, 1, 2, 1, 2, 1], [1, 0, 1, 0, 1, 1, 1, 1]], (1, 2, 1, 2), [[1, 1, 1, 1]]),
        ([[1, 1, 1, 1, 1, 0, 1, 0], [0, 0, 0, 0, 0, 0, 0, 0]], (1, 2, 1, 2), [[0, 1, 0, 0]]),
        # 1:1 by 2:1 – halves go up in every column
        ([[10, 10, 0, 255], [11, 11, 1, 254]], (1, 1, 1, 2), [[11, 11, 1, 255]]),
        # 4:1 – two quarters go up
        ([[0, 0, 0, 1, 0, 0, 1, 1, 0, 1, 1, 1]], (1, 4, 1, 1), [[0, 1, 1]]),
        # 3:1 – one third goes down, two go up
        ([[0, 0, 1, 0, 1, 1, 5, 5, 5]], (1, 3, 1, 1), [[0, 1, 5]]),
        # 2×4 : 1 keeps to the plain rule, although 2:1 lies in it
        ([[1, 1, 1, 1], [0, 1, 0, 0], [0, 0, 1, 0], [0, 1, 0, 0]], (1, 2, 1, 4), [[1, 0]]),
        # 2 of 3: shares 1, ½ and ½, 1 – (2·9 + 0) / 3, (0 + 2·3) / 3
        ([[9, 0, 3]], (2, 3, 1, 1), [[6, 2]]),
    ],
)
def test_downsampling_by_hand(plane: Any, ratio: tuple[int, int, int, int], expected: Any) -> None:
    """Means and roundings worked by hand."""
    np.testing.assert_array_equal(sampling.downsample(np.array(plane, np.uint8), *ratio), expected)


def mean_over_area(plane: Array, h_samp: int, h_max: int, v_samp: int, v_max: int) -> list[list[Fraction]]:
    """Return the exact mean over the area of each new sample: h_max/h_samp × v_max/v_samp old ones."""

    def shares(start: Fraction, size: Fraction) -> dict[int, Fraction]:
        last = -(-(start + size) // 1)
        return {
            i: min(start + size, Fraction(i + 1)) - max(start, Fraction(i))
            for i in range(floor(start), int(last))
        }

    h_ratio, v_ratio = Fraction(h_max, h_samp), Fraction(v_max, v_samp)
    rows, columns = int(plane.shape[0] / v_ratio), int(plane.shape[1] / h_ratio)
    return [
        [
            sum(
                int(plane[y, x]) * v_share * h_share
                for y, v_share in shares(row * v_ratio, v_ratio).items()
                for x, h_share in shares(column * h_ratio, h_ratio).items()
            )
            / (h_ratio * v_ratio)
            for column in range(columns)
        ]
        for row in range(rows)
    ]


@pytest.mark.parametrize(("h_samp", "h_max"), RATIOS)
@pytest.mark.parametrize(("v_samp", "v_max"), RATIOS)
def test_downsampling_is_the_mean(h_samp: int, h_max: int, v_samp: int, v_max: int) -> None:
    """The exact mean; halves up, but for 2:1 and 2×2 : 1, where one column rounds down and the next up."""
    plane = noise(2 * v_max, 3 * h_max)
    shrunk = sampling.downsample(plane, h_samp, h_max, v_samp, v_max)
    exact = mean_over_area(plane, h_samp, h_max, v_samp, v_max)
    ratios = Fraction(h_max, h_samp), Fraction(v_max, v_samp)
    biases = {(2, 1): (Fraction(0), Fraction(1, 2)), (2, 2): (Fraction(1, 4), Fraction(1, 2))}
    down, up = biases.get(ratios, (Fraction(1, 2), Fraction(1, 2)))
    expected = [[floor(mean + (up if x % 2 else down)) for x, mean in enumerate(row)] for row in exact]
    assert shrunk.dtype == np.uint8
    assert shrunk.tolist() == expected


@pytest.mark.parametrize(("h_samp", "h_max"), RATIOS)
@pytest.mark.parametrize(("v_samp", "v_max"), RATIOS)
def test_constant_planes_stay_constant(h_samp: int, h_max: int, v_samp: int, v_max: int) -> None:
    """Smaller and larger, for every combination of factors: no rounding bias moves a constant."""
    factors = {"h_samp": h_samp, "h_max": h_max, "v_samp": v_samp, "v_max": v_max}
    for value in (0, 1, 127, 128, 254, 255):
        plane = np.full((4 * v_max, 4 * h_max), value, np.uint8)
        shrunk = sampling.downsample(plane, **factors)
        assert shrunk.shape == (4 * v_samp, 4 * h_samp)
        assert (shrunk == value).all()
        enlarged = sampling.upsample(shrunk, *plane.shape, **factors)
        np.testing.assert_array_equal(enlarged, plane)


@pytest.mark.parametrize(("h_samp", "h_max", "v_samp", "v_max"), [(1, 2, 1, 1), (1, 2, 1, 2), (1, 3, 1, 1)])
def test_downsampling_keeps_the_mean(h_samp: int, h_max: int, v_samp: int, v_max: int) -> None:
    """Where roundings alternate, or no half occurs, a plane does not get brighter."""
    plane = noise(384, 384)
    shrunk = sampling.downsample(plane, h_samp, h_max, v_samp, v_max)
    assert shrunk.mean() == pytest.approx(plane.mean(), abs=0.01)


@pytest.mark.parametrize(("h_samp", "h_max", "v_samp", "v_max"), [(1, 1, 1, 2), (1, 4, 1, 1), (2, 4, 1, 4)])
def test_downsampling_by_even_areas_is_brighter_by_half_a_step(
    h_samp: int, h_max: int, v_samp: int, v_max: int
) -> None:
    """Halves always up: of n equally frequent remainders, one too many goes up, 1 / 2n on the average."""
    plane = noise(512, 512)
    area = (h_max // h_samp) * (v_max // v_samp)
    shrunk = sampling.downsample(plane, h_samp, h_max, v_samp, v_max)
    assert shrunk.mean() - plane.mean() == pytest.approx(1 / (2 * area), abs=0.01)


# Larger


def triangle_upsampled(plane: Array, h_ratio: int, v_ratio: int) -> list[list[int]]:
    """Transcribe the triangle filter sample by sample, with the borders' own formulas."""
    height, width = plane.shape
    p = plane.tolist()

    def sums(y: int) -> list[int]:
        """Return row y before columns are enlarged, four times too large if v_ratio is 2."""
        if v_ratio == 1:
            return p[y]
        near = p[y // 2]
        other = y // 2 - 1 if y % 2 == 0 else y // 2 + 1
        far = p[min(max(other, 0), height - 1)]
        return [3 * a + b for a, b in zip(near, far)]

    out = []
    for y in range(height * v_ratio):
        s = sums(y)
        if h_ratio == 1:
            out.append([(a + (1 if y % 2 == 0 else 2)) >> 2 for a in s])
            continue
        row = []
        for i in range(width):
            left, right = s[max(i - 1, 0)], s[min(i + 1, width - 1)]
            if v_ratio == 1 and i == 0:
                row.append(s[0])
            elif v_ratio == 1:
                row.append((3 * s[i] + left + 1) >> 2)
            else:
                row.append((4 * s[0] + 8) >> 4 if i == 0 else (3 * s[i] + left + 8) >> 4)
            if v_ratio == 1 and i == width - 1:
                row.append(s[-1])
            elif v_ratio == 1:
                row.append((3 * s[i] + right + 2) >> 2)
            else:
                row.append((4 * s[-1] + 7) >> 4 if i == width - 1 else (3 * s[i] + right + 7) >> 4)
        out.append(row)
    return out


SIZES = list(product((1, 2, 3, 4, 9), (1, 2, 3, 4, 5, 11)))  # heights and widths of the small plane


@pytest.mark.parametrize(("h_ratio", "v_ratio"), [(2, 1), (2, 2), (1, 2)])
def test_triangle_filter(h_ratio: int, v_ratio: int) -> None:
    """Random planes of every small size, enlarged to even and to odd sizes."""
    factors = {"h_samp": 1, "h_max": h_ratio, "v_samp": 1, "v_max": v_ratio}
    for (rows, columns), seed in product(SIZES, range(3)):
        if h_ratio == 2 and columns < 3:
            continue
        plane = noise(rows, columns, seed)
        expected = np.array(triangle_upsampled(plane, h_ratio, v_ratio))
        for cut_rows, cut_columns in product(range(v_ratio), range(h_ratio)):
            height, width = rows * v_ratio - cut_rows, columns * h_ratio - cut_columns
            enlarged = sampling.upsample(plane, height, width, **factors)
            assert enlarged.dtype == np.uint8
            np.testing.assert_array_equal(enlarged, expected[:height, :width], f"{rows}×{columns}")


@pytest.mark.parametrize(("h_samp", "h_max"), WHOLE)
@pytest.mark.parametrize(("v_samp", "v_max"), WHOLE)
def test_other_whole_ratios_repeat_samples(h_samp: int, h_max: int, v_samp: int, v_max: int) -> None:
    """4:1, 3:1, 2×4 : 1 …; and 2:1 horizontally where the plane has fewer than three columns."""
    h_ratio, v_ratio = h_max // h_samp, v_max // v_samp
    triangle = (h_ratio, v_ratio) in ((2, 1), (2, 2), (1, 2))
    factors = {"h_samp": h_samp, "h_max": h_max, "v_samp": v_samp, "v_max": v_max}
    for rows, columns in SIZES:
        if triangle and (h_ratio == 1 or columns > 2):
            continue
        plane = noise(rows, columns)
        height, width = max(1, rows * v_ratio - 1), columns * h_ratio
        expected = [[plane[y // v_ratio, x // h_ratio] for x in range(width)] for y in range(height)]
        np.testing.assert_array_equal(sampling.upsample(plane, height, width, **factors), expected)


@pytest.mark.parametrize(("samp", "largest"), RATIOS)
@pytest.mark.parametrize("periods", [1, 2, 5])
def test_linear_taps(samp: int, largest: int, periods: int) -> None:
    """Weights are not negative and sum to 2 · largest; seen from the other end they are the same."""
    count, available = periods * largest, periods * samp
    index, weight = sampling.linear_taps(count, samp, largest, available)
    assert index.dtype == weight.dtype == np.int32
    assert weight.min() >= 0
    assert (weight.sum(axis=0) == 2 * largest).all()
    assert index.min() >= 0
    assert index.max() < available
    matrix = np.zeros((count, available), int)
    for tap in range(2):
        np.add.at(matrix, (np.arange(count), index[tap]), weight[tap])
    np.testing.assert_array_equal(matrix, matrix[::-1, ::-1])
    centre = (matrix * np.arange(available)).sum(axis=1) / (2 * largest)
    expected = (np.arange(count) + 0.5) * samp / largest - 0.5
    np.testing.assert_allclose(centre, np.clip(expected, 0, available - 1))


@pytest.mark.parametrize(("samp", "largest"), FRACTIONAL)
def test_fractional_upsampling_of_a_ramp_is_a_ramp(samp: int, largest: int) -> None:
    """Linear interpolation keeps what is linear, up to the rounding, along rows and along columns."""
    columns, width = 6 * samp, 6 * largest
    ramp = (7 * np.arange(columns)).astype(np.uint8)[np.newaxis].repeat(2, axis=0)
    position = (np.arange(width) + 0.5) * samp / largest - 0.5
    inside = (position >= 0) & (position <= columns - 1)
    assert inside.sum() >= width - 2
    wide = sampling.upsample(ramp, 2, width, h_samp=samp, h_max=largest, v_samp=1, v_max=1)
    high = sampling.upsample(ramp.T, width, 2, h_samp=1, h_max=1, v_samp=samp, v_max=largest)
    np.testing.assert_array_equal(wide, high.T)
    assert np.abs(wide[:, inside] - 7 * position[inside]).max() <= 0.5
    np.testing.assert_array_equal(wide[:, 0], ramp[:, 0])
    np.testing.assert_array_equal(wide[:, -1], ramp[:, -1])


@pytest.mark.parametrize(
    ("h", "v"), [((2, 3), (1, 1)), ((3, 4), (2, 3)), ((2, 3), (1, 2)), ((1, 2), (3, 4)), ((1, 1), (2, 3))]
)
def test_fractional_upsampling_against_exact_arithmetic(h: tuple[int, int], v: tuple[int, int]) -> None:
    """Both directions at once: the weighted mean of four samples, rounded once, halves up."""
    plane = noise(2 * v[0], 3 * h[0])
    height, width = 2 * v[1], 3 * h[1]
    enlarged = sampling.upsample(plane, height, width, h_samp=h[0], h_max=h[1], v_samp=v[0], v_max=v[1])

    def between(at: Fraction, last: int) -> list[tuple[int, Fraction]]:
        below = floor(at)
        pairs = [(below, 1 - (at - below)), (below + 1, at - below)]
        return [(min(max(i, 0), last), weight) for i, weight in pairs]

    half = Fraction(1, 2)
    for y, x in product(range(height), range(width)):
        rows = between((y + half) * Fraction(*v) - half, plane.shape[0] - 1)
        columns = between((x + half) * Fraction(*h) - half, plane.shape[1] - 1)
        exact = sum(int(plane[r, c]) * a * b for (r, a), (c, b) in product(rows, columns))
        assert enlarged[y, x] == floor(exact + half), (y, x)


# Blocks and edges


@BOUNDED
@given(st.integers(1, 5), st.integers(1, 5), st.integers(0, 99))
def test_to_blocks_and_back(rows: int, columns: int, seed: int) -> None:
    """Block [r, c] is the square at (8r, 8c); putting blocks together gives the plane again."""
    plane = noise(8 * rows, 8 * columns, seed)
    blocks = sampling.to_blocks(plane)
    assert blocks.shape == (rows, columns, 8, 8)
    for r, c in product(range(rows), range(columns)):
        np.testing.assert_array_equal(blocks[r, c], plane[8 * r : 8 * r + 8, 8 * c : 8 * c + 8])
    np.testing.assert_array_equal(sampling.from_blocks(blocks), plane)


def test_to_blocks_copies() -> None:
    """Work on the blocks leaves the picture as it is."""
    plane = noise(16, 16)
    before = plane.copy()
    sampling.to_blocks(plane)[...] = 0
    np.testing.assert_array_equal(plane, before)


@BOUNDED
@given(st.integers(1, 9), st.integers(1, 9), st.integers(1, 12), st.integers(1, 12))
def test_a24_padding_repeats_the_edge(height: int, width: int, new_height: int, new_width: int) -> None:
    """A.2.4: sample (y, x) of the result is the nearest sample of the plane; too large a plane is cropped."""
    plane = noise(height, width)
    padded = sampling.pad_to(plane, new_height, new_width)
    rows, columns = np.minimum(np.arange(new_height), height - 1), np.minimum(np.arange(new_width), width - 1)
    np.testing.assert_array_equal(padded, plane[rows[:, np.newaxis], columns])


def component_plane_by_hand(samples: Array, frame: FrameHeader, i: int) -> Array:
    """Transcribe the edges of libjpeg, new sample by new sample, for whole ratios."""
    component = frame.components[i]
    h_ratio, v_ratio = frame.h_max // component.h_samp, frame.v_max // component.v_samp
    rows, columns = frame.block_shape(i)
    groups = -(-frame.height // frame.v_max)  # row groups of Vmax rows, the last one completed
    new_rows = groups * component.v_samp
    out = np.empty((8 * rows, 8 * columns), np.uint8)
    for y, x in product(range(8 * rows), range(8 * columns)):
        row = min(y, new_rows - 1)
        total = sum(
            int(samples[min(row * v_ratio + v, frame.height - 1), min(x * h_ratio + h, frame.width - 1)])
            for v, h in product(range(v_ratio), range(h_ratio))
        )
        area = h_ratio * v_ratio
        bias = x % 2 + v_ratio - 1 if h_ratio == 2 and v_ratio <= 2 else area // 2
        out[y, x] = (total + bias) // area
    return out


@settings(BOUNDED, max_examples=40)
@given(
    st.integers(1, 20), st.integers(1, 20), st.sampled_from(WHOLE), st.sampled_from(WHOLE), st.integers(0, 9)
)
def test_edges_of_component_planes(
    height: int, width: int, h: tuple[int, int], v: tuple[int, int], seed: int
) -> None:
    """Columns are repeated before shrinking; rows up to a row group before, and up to whole blocks after."""
    frame = frame_of([(h[1], v[1]), (h[0], v[0])], height, width)
    samples = noise(height, width, seed)
    for i in range(2):
        plane = sampling.component_plane(samples, frame, i)
        np.testing.assert_array_equal(plane, component_plane_by_hand(samples, frame, i))


def test_rows_below_the_last_row_group_repeat_the_shrunk_row() -> None:
    """Where the two orders differ: 2×2 : 1 of three rows. The second new row is of row 2 twice, and goes on.

    A last row of (0, 3) means (0 + 3 + 0 + 3 + 1) / 4 = 1 in the first column.
    """
    samples = np.array([[100, 100], [100, 100], [0, 3]], np.uint8)
    plane = sampling.component_plane(samples, frame_of([(2, 2), (1, 1)], 3, 2), 1)
    assert plane.shape == (8, 8)
    assert plane[:, 0].tolist() == [100, 1, 1, 1, 1, 1, 1, 1]
    assert plane[1].tolist() == [1, 3, 3, 3, 3, 3, 3, 3]  # beyond the last column: (3 + 3 + 3 + 3 + 2) / 4


@pytest.mark.parametrize(("samp", "largest"), FRACTIONAL)
def test_component_planes_of_fractional_ratios(samp: int, largest: int) -> None:
    """The plane covers whole blocks, and where the picture ends it goes on with its last values."""
    frame = frame_of([(largest, largest), (samp, samp)], 13, 19)
    samples = noise(13, 19)
    samples[:, 10:] = 77
    plane = sampling.component_plane(samples, frame, 1)
    assert plane.shape == tuple(8 * n for n in frame.block_shape(1))
    width = frame.component_shape(1)[1]
    assert (plane[:, width:] == 77).all()
    last = -(-13 // largest) * samp
    np.testing.assert_array_equal(plane[last:], plane[last - 1 : last].repeat(len(plane) - last, axis=0))


def test_the_callers_own_downsampling_is_called_as_ours_is() -> None:
    """`shrink` gets the padded plane and the four factors, and its result is padded to blocks."""
    calls = []

    def shrink(plane: Array, *factors: int) -> Array:
        calls.append((plane.shape, factors))
        return sampling.downsample(plane, *factors)

    frame = frame_of([(2, 2), (1, 1)], 5, 6)
    plane = sampling.component_plane(noise(5, 6), frame, 1, shrink)
    assert calls == [((6, 16), (1, 2, 1, 2))]
    np.testing.assert_array_equal(plane, sampling.component_plane(noise(5, 6), frame, 1))
