"""Small pictures for JPEG tests: made ones, and a photograph that a dependency ships."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt
from PIL import Image

Picture = npt.NDArray[np.uint8]


def synthetic(height: int, width: int, seed: int = 0) -> Picture:
    """Return a colour picture of shades, edges and noise: something for every coefficient.

    Parameters
    ----------
    height, width : int
        Size in pixels.
    seed : int
        Another seed, another picture.

    Returns
    -------
    ndarray of uint8, shape (height, width, 3)
    """
    rng = np.random.default_rng((seed, height, width))
    row = np.linspace(0, 1, height)[:, None, None]
    column = np.linspace(0, 1, width)[None, :, None]
    waves, phase = rng.uniform(0.5, 4, (2, 3)), rng.uniform(0, 2 * np.pi, 3)
    picture = 128 + 110 * np.sin(waves[0] * 6 * row + waves[1] * 6 * column + phase)
    disc = (row - 0.6) ** 2 + (column - 0.35) ** 2 < 0.06
    picture = np.where(disc, rng.uniform(0, 255, 3), picture)
    bar = (row > 0.15) & (row < 0.3) & (column > 0.1)
    picture = np.where(bar, rng.uniform(0, 255, 3), picture)
    picture = picture + rng.normal(0, 40, (height, width, 3)) * (column > 0.7)
    return np.clip(np.rint(picture), 0, 255).astype(np.uint8)


def noise(height: int, width: int, seed: int = 0) -> Picture:
    """Return uniform colour noise, (height, width, 3) uint8: the longest codes and the highest sizes."""
    return np.random.default_rng((seed, height, width)).integers(0, 256, (height, width, 3), dtype=np.uint8)


@lru_cache(maxsize=1)
def photograph() -> Picture:
    """Return the photograph of Grace Hopper in matplotlib's sample data, (H, W, 3) uint8.

    It is a JPEG file itself, so three rows and five columns are cut off: a block here is no block there.
    """
    from matplotlib import cbook

    with cbook.get_sample_data("grace_hopper.jpg") as stream, Image.open(stream) as picture:
        pixels = np.asarray(picture.convert("RGB"))[3:, 5:]
    pixels.setflags(write=False)
    return pixels


def piece(height: int, width: int) -> Picture:
    """Return a piece of the photograph, or at every third size noise, (height, width, 3) uint8.

    The place depends on the size, so that pieces differ in more than their edges.
    """
    if (height + 2 * width) % 3 == 0:
        return noise(height, width)
    whole = photograph()
    rng = np.random.default_rng((height, width))
    top = int(rng.integers(0, whole.shape[0] - height))
    left = int(rng.integers(0, whole.shape[1] - width))
    return whole[top : top + height, left : left + width]


def grey(picture: Picture) -> Picture:
    """Return the luma of a colour picture as Pillow computes it, (H, W) uint8."""
    return np.asarray(Image.fromarray(picture).convert("L"))


def four_inks(height: int, width: int) -> Picture:
    """Return a made picture of four channels, (H, W, 4): a piece of the photograph, and its grey."""
    colour = piece(height, width)
    return np.dstack([colour, 255 - grey(colour)])
