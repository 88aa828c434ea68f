"""Our files are libjpeg-turbo's files, byte for byte.

Against Pillow for what Pillow can be asked for, against ``cjpeg -baseline`` for other sampling factors. Each
test walks a whole list of cases, names the ones that differ, and counts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import jpeg_cases as cases
import jpeg_peers as peers
import jpeg_pictures as pictures
import jpeg_processes as processes
import numpy as np
import pytest
from conftest import Pictures
from jpeg_cases import EncodeCase, Tally

Count = Callable[[str], None]

EDGE_SIZES = (1, 2, 7, 8, 9, 15, 16, 17, 24, 31, 32, 33)


def equal(title: str, list_of_cases: Iterable[EncodeCase], backend: str, count: Count) -> Tally:
    """Compare, hand in the counts, and fail on any difference."""
    tally = cases.compare_encode(title, list_of_cases, backend)
    count(tally.line())
    assert tally.tried > 0
    assert not tally.different, tally.report()
    return tally


@pytest.mark.big
def test_kodak_colour(kodak: Pictures, quick_backend: str, count: Count) -> None:
    """24 pictures × 7 qualities × 3 subsamplings × optimize on and off."""
    tally = equal("Kodak, colour", cases.quality_cases(kodak), quick_backend, count)
    assert tally.tried == 24 * 7 * 3 * 2


@pytest.mark.big
def test_kodak_grey(kodak_grey: Pictures, quick_backend: str, count: Count) -> None:
    """24 pictures in grey × 7 qualities × optimize on and off."""
    tally = equal("Kodak, grey", cases.quality_cases(kodak_grey), quick_backend, count)
    assert tally.tried == 24 * 7 * 2


def test_kodak_piece(kodak: Pictures, backend: str, count: Count) -> None:
    """A piece of one picture, small enough for both back ends."""
    piece = np.ascontiguousarray(kodak["kodim05"][200:263, 300:381])
    named = {"kodim05 piece": piece, "kodim05 piece, grey": pictures.grey(piece)}
    equal("piece of kodim05", cases.quality_cases(named, (10, 75, 95)), backend, count)


def test_every_size(quick_backend: str, count: Count) -> None:
    """1×1 to 33×33 at quality 75: three subsamplings and grey, optimize on and off."""
    tally = equal("sizes 1×1 … 33×33", cases.size_cases(), quick_backend, count)
    assert tally.tried == 33 * 33 * 4 * 2


def test_sizes_at_block_edges(backend: str, count: Count) -> None:
    """Sizes around the edges of blocks and MCUs, in both back ends."""
    equal("sizes at block edges", cases.size_cases(EDGE_SIZES[:8], EDGE_SIZES), backend, count)


def test_every_quality(quick_backend: str, count: Count) -> None:
    """Qualities 1 to 100 on a made picture of shades, edges and noise, in colour and grey."""
    colour = pictures.synthetic(47, 61)
    named = {"synthetic": colour, "synthetic, grey": pictures.grey(colour)}
    tally = equal("qualities 1 … 100", cases.quality_cases(named, range(1, 101)), quick_backend, count)
    assert tally.tried == 100 * 4 * 2


def test_photograph(quick_backend: str, count: Count) -> None:
    """A photograph of 597×507, which a dependency ships, in colour and grey."""
    colour = pictures.photograph()
    named = {"photograph": colour, "photograph, grey": pictures.grey(colour)}
    equal("photograph", cases.quality_cases(named, (10, 75, 95)), quick_backend, count)


def test_extreme_pictures(backend: str, count: Count) -> None:
    """Flat, saturated, checkered and noisy pictures: no symbol but EOB, and the longest codes."""
    checkers = np.indices((24, 40)).sum(axis=0) % 2 * np.uint8(255)
    flat = {f"flat {v}": np.full((17, 23, 3), v, np.uint8) for v in (0, 1, 127, 128, 129, 255)}
    hard = {
        "checkers": np.dstack([checkers, 255 - checkers, checkers]).astype(np.uint8),
        "black and white noise": pictures.noise(25, 33) // 128 * np.uint8(255),
        "noise": pictures.noise(40, 24, seed=9),
        "primaries": np.eye(3, dtype=np.uint8)[np.indices((19, 30)).sum(axis=0) // 5 % 3] * np.uint8(255),
    }
    for name, picture in list(hard.items()):
        hard[f"{name}, grey"] = np.ascontiguousarray(picture[..., 0])
    equal("extreme pictures", cases.quality_cases(flat | hard, (1, 50, 75, 100)), backend, count)


@pytest.mark.parametrize("shape", [(1, 65500), pytest.param((65500, 1), marks=pytest.mark.big), (3, 4099)])
def test_long_and_thin(shape: tuple[int, int], quick_backend: str, count: Count) -> None:
    """The longest sides that libjpeg-turbo allows."""
    colour = np.ascontiguousarray(np.broadcast_to(pictures.noise(1, 1), (*shape, 3)))
    colour[:, ::3] = pictures.noise(*colour[:, ::3].shape[:2])
    named = {"": colour, "grey": pictures.grey(colour)}
    equal(f"{shape[0]}×{shape[1]}", cases.quality_cases(named, [75]), quick_backend, count)


def test_restart_intervals(backend: str, count: Count) -> None:
    """``restart_marker_blocks`` from 1 to 65535."""
    equal("restart intervals", cases.restart_cases(), backend, count)


def test_comments(backend: str, count: Count) -> None:
    """``comment=`` as text and as bytes."""
    equal("comments", cases.comment_cases(), backend, count)


def test_quantization_tables(backend: str, count: Count) -> None:
    """``qtables=`` with one, two and three tables of 8 and 16 bits."""
    equal("quantisation tables", cases.quant_table_cases(), backend, count)


def test_other_sampling_factors(cjpeg: str, backend: str, count: Count) -> None:
    """4:4:0, 4:1:1, 4:1:0 and explicit factors: ``cjpeg -baseline -sample``, at odd sizes."""
    equal("cjpeg -sample", cases.cjpeg_cases(), backend, count)


def test_grey_with_factors(cjpeg: str, backend: str, count: Count) -> None:
    """Factors of a single component are written in the frame header, and change nothing else (A.2.2)."""
    image = pictures.grey(pictures.synthetic(21, 37))
    list_of_cases = [
        cases.cjpeg_case(image, ((h, v),), 75, o, 3) for h, v, o in ((2, 2, False), (1, 2, True))
    ]
    equal("cjpeg -sample, grey", list_of_cases, backend, count)


def test_names_are_factors(backend: str) -> None:
    """A subsampling by name is the same file as by its factors."""
    from jpeg_from_scratch import encode

    named = {
        "4:4:4": (1, 1),
        "4:4:0": (1, 2),
        "4:2:2": (2, 1),
        "4:2:0": (2, 2),
        "4:1:1": (4, 1),
        "4:1:0": (4, 2),
    }
    image = pictures.synthetic(33, 49)
    for name, luma in named.items():
        by_factors = encode(image, subsampling=(luma, (1, 1), (1, 1)), backend=backend)
        assert encode(image, subsampling=name, backend=backend) == by_factors, name


def test_fractional_factors(backend: str) -> None:
    """Ratios like 3 to 2, which libjpeg-turbo refuses, are legal (A.1.1): the picture comes back."""
    from jpeg_from_scratch import decode, encode

    rows, columns = np.indices((48, 61))
    smooth = np.dstack([2 * rows + columns, 3 * rows, 250 - 2 * rows - columns]).astype(np.uint8)
    for factors in (((3, 1), (2, 1), (2, 1)), ((3, 3), (2, 2), (1, 2)), ((2, 2), (3, 3), (1, 1))):
        data = encode(smooth, 95, subsampling=factors, backend=backend)
        error = np.abs(decode(data, backend=backend).astype(int) - smooth)
        assert error.mean() < 2, f"{factors}: mean error {error.mean():.2f}"


# Beyond baseline


@pytest.mark.big
def test_progressive_kodak(kodak: Pictures, kodak_grey: Pictures, quick_backend: str, count: Count) -> None:
    """24 pictures in three subsamplings and grey; ``benchmarks/equality.py`` has more qualities."""
    colour = processes.progressive_cases(kodak, (75,))
    grey = processes.progressive_cases(kodak_grey, (75,))
    equal("Kodak, progressive", (*colour, *grey), quick_backend, count)


@pytest.mark.big
def test_arithmetic_kodak(cjpeg: str, kodak: Pictures, kodak_grey: Pictures, count: Count) -> None:
    """Every sixth picture × 3 qualities × 2 subsamplings and grey × sequential and progressive."""
    some = {name: kodak[name] for name in list(kodak)[::6]}
    some |= {f"{name}, grey": kodak_grey[name] for name in some}
    list_of_cases = processes.arithmetic_cases(some, processes.ISSUE_QUALITIES)
    equal("Kodak, arithmetic", list_of_cases, "fast", count)


def test_progressive_sizes(backend: str, count: Count) -> None:
    """Sizes at the edges of blocks and MCUs, restart intervals."""
    equal("progressive sizes", processes.progressive_sizes(), backend, count)


def test_arithmetic_sizes(cjpeg: str, backend: str, count: Count) -> None:
    """Sizes at the edges of blocks and MCUs, restart intervals, flat pictures."""
    equal("arithmetic sizes", processes.arithmetic_sizes(), backend, count)


def test_scan_scripts(cjpeg: str, backend: str, count: Count) -> None:
    """A user's own scan scripts."""
    equal("scan scripts", processes.script_cases(), backend, count)


def test_colour_spaces(backend: str, count: Count) -> None:
    """RGB and CMYK, without conversion."""
    equal("RGB and CMYK", processes.color_cases(), backend, count)


def test_metadata(backend: str, count: Count) -> None:
    """Exif, ICC and a comment."""
    equal("metadata", processes.metadata_cases(), backend, count)


@pytest.mark.reference
def test_imagecodecs(backend: str, count: Count) -> None:
    """12 bits, YCCK, and lossless files of every predictor and precision."""
    equal("imagecodecs", processes.imagecodecs_cases(), backend, count)


def test_layout_of_the_array_does_not_matter(backend: str) -> None:
    """Views, strides and read-only arrays give the file of their values, and stay as they were."""
    from jpeg_from_scratch import encode

    whole = pictures.synthetic(50, 60)
    whole.setflags(write=False)
    views = {
        "every second": whole[::2, ::2],
        "upside down": whole[::-1],
        "mirrored": whole[:, ::-1],
        "BGR": whole[..., ::-1],
        "transposed": whole.transpose(1, 0, 2),
        "Fortran order": np.asfortranarray(whole),
        "one channel": whole[..., 1],
    }
    for name, view in views.items():
        values = view.copy()
        theirs = peers.pillow_encode(np.ascontiguousarray(view))
        assert encode(view, backend=backend) == theirs, name
        np.testing.assert_array_equal(view, values, err_msg=name)
