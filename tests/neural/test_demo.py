"""The demonstration: it learns, the same each time, and its figure shows what it learned."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from neural_from_scratch import demo, pictures, plots, seeds
from neural_from_scratch.plots import learned as learned_plot
from neural_from_scratch.plots import page
from neural_from_scratch.tensor import Tensor

ROOT = Path(__file__).resolve().parents[2]
STEPS = 60


def painting(height: int, width: int) -> np.ndarray:
    """A sky, a hill and a sun, (H, W, 3) uint8."""
    rows, columns = np.mgrid[:height, :width]
    picture = np.stack([60 + 120 * rows / height, 90 + 90 * rows / height, 220 - 60 * rows / height], axis=-1)
    picture[rows > height * (0.6 + 0.1 * np.sin(columns / width * 7))] = (40, 110, 50)
    picture[(rows - height / 4) ** 2 + (columns - width / 3) ** 2 < (height / 8) ** 2] = (250, 220, 90)
    return np.rint(picture).astype(np.uint8)


@pytest.fixture(scope="module")
def learned() -> demo.Learned:
    """What is learned from a small picture in a few steps."""
    return demo.learn(painting(67, 90), steps=STEPS, seed=3)


def test_it_learns(learned: demo.Learned) -> None:
    """The loss falls, and the picture comes out of the noise."""
    before, after = learned.snapshots[0], learned.snapshots[-1]
    assert len(learned.losses) == STEPS
    assert np.mean(learned.losses[-5:]) < 0.4 * np.mean(learned.losses[:5])
    assert after.psnr > before.psnr + 4
    assert learned.seconds > 0


def test_snapshots_are_of_the_whole_picture(learned: demo.Learned) -> None:
    """Cut to a multiple of 8 from the middle; one before, one after, and those of `LOOKS` between."""
    assert np.array_equal(learned.photograph, painting(67, 90)[1:65, 1:89])
    assert [snapshot.step for snapshot in learned.snapshots] == [0, 8, 40, STEPS]
    for snapshot in learned.snapshots:
        assert snapshot.picture.shape == (64, 88, 3)
        assert snapshot.picture.dtype == np.uint8
        assert snapshot.psnr == demo.psnr(learned.photograph, snapshot.picture)


def test_last_picture_comes_from_whole_numbers(learned: demo.Learned) -> None:
    """The latents that are shown are rounded, and all that the last picture was made from."""
    assert learned.latents.shape == (24, 8, 11)
    assert np.array_equal(learned.latents, np.rint(learned.latents))
    assert np.ptp(learned.latents) > 2
    assert learned.numbers_per_pixel == 24 / 64
    picture = pictures.to_pixels(learned.network.decode(Tensor(learned.latents[np.newaxis])).data)
    assert np.array_equal(picture, learned.snapshots[-1].picture)


def test_same_seed_same_network() -> None:
    """With a number of steps all is decided by the seed."""
    picture = painting(64, 64)
    one, again, other = (demo.learn(picture, steps=4, seed=seed) for seed in (5, 5, 6))
    assert one.losses == again.losses
    assert np.array_equal(one.snapshots[-1].picture, again.snapshots[-1].picture)
    assert one.losses != other.losses


def test_time_is_kept() -> None:
    """It ends soon after the seconds that were asked for, and tells how far it is."""
    parts: list[float] = []
    learned = demo.learn(painting(64, 64), seconds=0.3, progress=lambda done, _: parts.append(done))
    assert parts[0] == 0
    assert parts[-1] == 1
    assert parts == sorted(parts)
    assert len(parts) == len(learned.losses) + 1
    assert 0.3 <= learned.seconds < 20


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"steps": 0}, "steps=0"),
        ({"seconds": 0.0}, "seconds=0"),
        ({"seconds": float("nan")}, "seconds=nan"),
        ({"seconds": float("inf")}, "seconds=inf"),
    ],
)
def test_nothing_to_do_is_refused(settings: dict[str, float], words: str) -> None:
    """No steps, no time."""
    with pytest.raises(ValueError, match=words):
        demo.learn(painting(64, 64), **settings)  # type: ignore[arg-type]


def test_small_pictures_are_refused() -> None:
    """A patch must fit."""
    with pytest.raises(ValueError, match="63×90"):
        demo.learn(painting(90, 63), steps=1)


def test_patches_come_from_everywhere() -> None:
    """Every row and column is in some patch, the corners too; half of them are mirrored."""
    places = np.arange(70 * 66, dtype=np.float32).reshape(1, 1, 70, 66)
    seen: set[float] = set()
    mirrored = 0
    rng = seeds.stream(0, "patches")
    for _ in range(200):
        batch = demo._patches(places, rng)
        assert batch.shape == (demo.BATCH, 1, demo.PATCH, demo.PATCH)
        seen.update(batch[:, 0, ::63, ::63].ravel())
        mirrored += int(np.sum(batch[:, 0, 0, 0] > batch[:, 0, 0, 1]))
    assert seen >= {0, 65, 69 * 66, 70 * 66 - 1}
    assert 0.4 < mirrored / (200 * demo.BATCH) < 0.6


def test_psnr() -> None:
    """One level everywhere is 48.13 dB."""
    a = painting(64, 64)
    assert demo.psnr(a, a + np.uint8(1)) == pytest.approx(10 * np.log10(255**2))
    assert demo.psnr(a, a) == float("inf")


# Pictures


def test_samples_there_and_back() -> None:
    """All 256 levels survive; what lies outside is clipped."""
    levels = np.arange(256, dtype=np.uint8).repeat(3).reshape(16, 16, 3)
    samples = pictures.to_network(levels)
    assert (samples.shape, samples.dtype) == ((1, 3, 16, 16), np.float32)
    assert (samples.min(), samples.max()) == (-1, 1)
    assert np.array_equal(pictures.to_pixels(samples), levels)
    assert pictures.to_pixels(2 * samples)[0, 0, 0] == 0
    assert pictures.to_pixels(2 * samples)[-1, -1, -1] == 255


def saved(path: Path, picture: Image.Image, **options: object) -> Path:
    """Save a picture and return where."""
    picture.save(path, **options)  # type: ignore[arg-type]
    return path


def test_modes_become_colour(tmp_path: Path) -> None:
    """Grey, palette, transparent: (H, W, 3)."""
    colours = Image.fromarray(painting(64, 80))
    for mode in ("L", "RGBA", "LA", "P", "1", "CMYK"):
        path = saved(tmp_path / f"{mode}.tif", colours.convert(mode))
        assert pictures.read_photograph(path, 1 << 20, 64).shape == (64, 80, 3)


def test_upright(tmp_path: Path) -> None:
    """Turned as the file says."""
    exif = Image.Exif()
    exif[0x0112] = 6
    path = saved(tmp_path / "turned.png", Image.fromarray(painting(64, 80)), exif=exif)
    assert np.array_equal(pictures.read_photograph(path, 1 << 20, 64), np.rot90(painting(64, 80), -1))


def test_large_ones_are_reduced(tmp_path: Path) -> None:
    """Averaged over squares until they are small enough; a picture of just the allowed size stays."""
    picture = np.zeros((200, 300, 3), np.uint8)
    picture[::2] = 200
    path = saved(tmp_path / "large.png", Image.fromarray(picture))
    assert np.array_equal(pictures.read_photograph(path, 200 * 300, 64), picture)
    half = pictures.read_photograph(path, 200 * 300 - 1, 64)
    assert half.shape == (100, 150, 3)
    assert (half == 100).all()
    with pytest.raises(
        ValueError, match=r"large.png: the picture is 100×67 \(reduced by 3\), at least 68×68"
    ):
        pictures.read_photograph(path, 7000, 68)


def test_no_pictures(tmp_path: Path) -> None:
    """Text, nothing, half a picture: an error that names the file."""
    whole = saved(tmp_path / "whole.png", Image.fromarray(painting(64, 64))).read_bytes()
    for name, data in (("text.png", b"hello"), ("empty.png", b""), ("half.png", whole[: len(whole) // 2])):
        (tmp_path / name).write_bytes(data)
        with pytest.raises(ValueError, match=name):
            pictures.read_photograph(tmp_path / name, 1 << 20, 64)
    with pytest.raises(FileNotFoundError):
        pictures.read_photograph(tmp_path / "none.png", 1 << 20, 64)


def test_default_photograph_is_found_without_matplotlib() -> None:
    """Its folder is looked for, Matplotlib is not imported."""
    program = (
        "import sys; from neural_from_scratch.pictures import default_photograph as d; "
        "print(d().is_file(), 'matplotlib' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stdout.split() == ["True", "False"]


def test_files_are_whole_or_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An error in the last moment leaves the old file, and nothing beside it."""
    path = tmp_path / "figure.png"
    pictures.write_atomically(path, b"old")

    def fail(*_: object) -> None:
        raise OSError("no space")

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(OSError, match="no space"):
        pictures.write_atomically(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


# The figure


@pytest.mark.parametrize("form", plots.FORMATS)
def test_figure(learned: demo.Learned, form: str) -> None:
    """Each format, the same bytes each time, with what was learned in words."""
    one, again = (plots.render(plots.plot_learned(learned, "hill.png"), form) for _ in range(2))
    assert one == again
    if form == "png":
        with Image.open(io.BytesIO(one)) as picture:
            assert picture.width == page.WIDTH * page.DPI
    if form == "svg":
        text = one.decode("utf-8")
        assert "hill.png" in text
        assert f"{learned.snapshots[-1].psnr:.1f} dB" in text


def test_figure_shows_the_pictures(learned: demo.Learned) -> None:
    """The three large panels hold photograph, before and after; then there is one for each channel."""
    figure = plots.plot_learned(learned, "$hill_1$.png")
    shown = [np.asarray(axes.images[0].get_array()) for axes in figure.axes if axes.images]
    expected = (learned.photograph, learned.snapshots[0].picture, learned.snapshots[-1].picture)
    for array, picture in zip(shown[:3], expected):
        assert np.array_equal(array, picture)
    assert np.array_equal(np.stack(shown[3:]), learned.latents)


@pytest.mark.parametrize("shape", [(64, 400), (400, 64)])
def test_figure_of_stripes(shape: tuple[int, int]) -> None:
    """Pictures of any shape, and a curve of one step."""
    learned = demo.learn(painting(*shape), steps=1)
    data = plots.render(plots.plot_learned(learned, "stripe"), "png")
    with Image.open(io.BytesIO(data)) as picture:
        assert picture.height < 1500


def test_smooth_is_a_mean_that_widens() -> None:
    """Constants stay, the first step stays itself, and noise becomes less."""
    noise = np.random.default_rng(0).random(1000)
    assert learned_plot._smooth(np.full(50, 3.0)) == pytest.approx(3.0)
    smooth = learned_plot._smooth(noise)
    assert smooth[0] == noise[0]
    assert smooth[500:].std() < 0.2 * noise[500:].std()


def test_drawing_leaves_pyplot_alone() -> None:
    """No display is needed, and nothing global changes."""
    program = (
        "import sys, numpy as np; from neural_from_scratch import demo, plots; "
        "l = demo.learn(np.zeros((64, 64, 3), np.uint8), steps=1); "
        "print('matplotlib' in sys.modules); plots.render(plots.plot_learned(l, 'x'), 'png'); "
        "print('matplotlib.pyplot' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stdout.split() == ["False", "False"]
