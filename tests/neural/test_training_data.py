"""Pictures to learn from: crops that are the same every time, damaged files, bounded memory, dead leaves."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from neural_from_scratch import seeds
from neural_from_scratch.data import Pictures, dead_leaves, generate_pictures, open_folder


def numbered(height: int = 40, width: int = 56) -> np.ndarray:
    """A picture in which every pixel tells where it is."""
    rows, columns = np.mgrid[:height, :width]
    return np.stack([rows, columns, np.full_like(rows, 200)], axis=-1).astype(np.uint8)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three good pictures, one of them in a folder below, and four files that are none."""
    (tmp_path / "below").mkdir()
    Image.fromarray(numbered()).save(tmp_path / "a.png")
    Image.fromarray(numbered(70, 33)).save(tmp_path / "below" / "b.PNG")
    Image.fromarray(numbered()[..., 0]).save(tmp_path / "grey.png")
    Image.fromarray(numbered(20, 90)).save(tmp_path / "low.png")
    (tmp_path / "cut.png").write_bytes((tmp_path / "a.png").read_bytes()[:-40])
    (tmp_path / "text.jpg").write_text("no picture")
    (tmp_path / "empty.webp").write_bytes(b"")
    (tmp_path / "notes.txt").write_text("passed over")
    return tmp_path


# --------------------------------------------------------------------------------------------------
# Crops


def test_a_batch_is_a_function_of_seed_and_step() -> None:
    """In whatever order it is asked for."""
    pictures = Pictures([("a", numbered()), ("b", numbered()[::-1])])
    one = [pictures.batch(3, step, 4, 16) for step in range(3)]
    for step in (2, 0, 1):
        np.testing.assert_array_equal(pictures.batch(3, step, 4, 16), one[step])
    assert (one[0] != one[1]).any()
    assert (pictures.batch(4, 0, 4, 16) != one[0]).any()


def test_crops_are_pieces_of_the_picture() -> None:
    """Every pixel where it was, or mirrored; from everywhere; about half of them mirrored."""
    batch = Pictures([("a", numbered())]).batch(0, 0, 400, 24)
    assert batch.shape == (400, 3, 24, 24)
    assert batch.dtype == np.float32
    levels = np.rint(batch * 255).astype(int)
    np.testing.assert_allclose(batch * 255, levels, atol=1e-4)
    tops, lefts, mirrored = (
        levels[:, 0, 0, 0],
        levels[:, 1, 0].min(axis=1),
        levels[:, 1, 0, 0] > levels[:, 1, 0, 1],
    )
    for crop, top, left, is_mirrored in zip(levels, tops, lefts, mirrored):
        expected = numbered()[top : top + 24, left : left + 24].transpose(2, 0, 1)
        np.testing.assert_array_equal(crop, expected[..., ::-1] if is_mirrored else expected)
    assert set(tops) == set(range(40 - 24 + 1))
    assert set(lefts) == set(range(56 - 24 + 1))
    assert 150 < mirrored.sum() < 250


def test_a_picture_of_just_the_side_is_enough() -> None:
    """One smaller is not, and is named."""
    pictures = Pictures([("small one", numbered(24, 24))])
    assert pictures.batch(0, 0, 2, 24).shape == (2, 3, 24, 24)
    with pytest.raises(ValueError, match="small one: 24×24 is smaller than 25×25"):
        pictures.batch(0, 0, 1, 25)


# --------------------------------------------------------------------------------------------------
# Folders


def test_folder_names_what_it_skips(folder: Path) -> None:
    """Good pictures in the order of their names; the others with a reason; other files not at all."""
    pictures = open_folder(folder, 32)
    assert pictures.names == ["a.png", "below/b.PNG", "grey.png"]
    assert [name for name, _ in pictures.skipped] == ["cut.png", "empty.webp", "low.png", "text.jpg"]
    reasons = dict(pictures.skipped)
    assert "32×32 is needed" in reasons["low.png"]
    assert "not a picture" in reasons["text.jpg"]
    assert str(folder) not in "".join(reasons.values())
    np.testing.assert_array_equal(pictures.picture(0), numbered())
    assert pictures.picture(2).shape == (40, 56, 3)


def test_folder_without_pictures_is_an_error(folder: Path, tmp_path: Path) -> None:
    """Empty, not there, a file, or with nothing that can be used: the last with reasons."""
    empty = tmp_path / "none here"
    empty.mkdir()
    with pytest.raises(
        ValueError, match=r"none here: 0 pictures that can be used, 1 are needed; no file ends in"
    ):
        open_folder(empty, 32)
    with pytest.raises(ValueError, match=r"(?s)3 pictures that can be used, 4 are needed\n.*\n  low\.png: "):
        open_folder(folder, 33, least=4)
    with pytest.raises(ValueError, match=r"(?s)0 pictures.*a\.png: the picture is 56×40"):
        open_folder(folder, 4000)
    with pytest.raises(FileNotFoundError):
        open_folder(tmp_path / "missing", 32)
    with pytest.raises(NotADirectoryError):
        open_folder(folder / "a.png", 32)


def test_memory_is_bounded(folder: Path) -> None:
    """What does not fit is decoded at each use, and the batches are the same."""
    everything = open_folder(folder, 32)
    sizes = [everything.picture(i).nbytes for i in range(3)]
    assert everything.kept_bytes == sum(sizes)
    for memory in (0, sizes[0], sizes[0] + sizes[2]):
        bounded = open_folder(folder, 32, memory=memory)
        assert bounded.kept_bytes <= memory
        assert bounded.names == everything.names
        np.testing.assert_array_equal(bounded.batch(0, 5, 6, 32), everything.batch(0, 5, 6, 32))


def test_training_photographs(codec_data_folder: Path) -> None:
    """The real ones, in a bounded part of the memory that they would take: enough, and none damaged."""
    path = codec_data_folder / "photos" / "validation"
    if not path.is_dir():
        pytest.skip(f"no data: {path}")
    pictures = open_folder(path, 128, memory=8 << 20)
    assert not pictures.skipped
    assert pictures.kept_bytes <= 8 << 20
    batch = pictures.batch(0, 0, 4, 128)
    assert 0.1 < batch.mean() < 0.9
    assert batch.std(axis=(1, 2, 3)).min() > 0.01


# --------------------------------------------------------------------------------------------------
# Dead leaves


def test_leaves_are_the_same_every_time() -> None:
    """Of a seed and a number."""
    pictures = generate_pictures(2, 3, 48)
    assert len(pictures) == 3
    again = dead_leaves(seeds.stream(2, "leaves", 1), 48, 48)
    np.testing.assert_array_equal(pictures.picture(1), again)
    assert (pictures.picture(0) != again).any()


def test_leaves_look_like_the_world_at_every_scale() -> None:
    """Their spectrum falls about as 1/f², as that of photographs; a white noise's would be flat."""
    power = np.zeros((128, 65))
    for i in range(4):
        grey = dead_leaves(seeds.stream(0, "leaves", i), 128, 128).mean(axis=2)
        power += np.abs(np.fft.rfft2((grey - grey.mean()) * np.outer(np.hanning(128), np.hanning(128)))) ** 2
    frequency = np.hypot(*np.meshgrid(np.fft.fftfreq(128), np.fft.rfftfreq(128), indexing="ij"))
    bands = np.geomspace(4 / 128, 0.4, 8)
    means = [power[(frequency >= low) & (frequency < high)].mean() for low, high in pairwise(bands)]
    slope = np.polyfit(np.log(bands[:-1]), np.log(means), 1)[0]
    assert -3.2 < slope < -1.5


@pytest.mark.parametrize(("height", "width"), [(1, 1), (16, 5), (33, 64)])
def test_leaves_of_any_size(height: int, width: int) -> None:
    """Down to one pixel."""
    picture = dead_leaves(np.random.default_rng(0), height, width)
    assert picture.shape == (height, width, 3)
    assert picture.dtype == np.uint8


def test_no_pictures_is_an_error() -> None:
    """Rather than a division by zero later."""
    with pytest.raises(ValueError, match="no picture"):
        Pictures([])
