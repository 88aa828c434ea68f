"""Pictures to learn from: a folder of them, or none at all; and crops of them, the same every time.

A network learns from many small squares, each cut anywhere out of any picture, half of them mirrored.
Cutting must cost nothing beside a step of training, so pictures are decoded once and kept, as bytes: a
number of a float32 picture would take four times as much. What does not fit into the memory that is
allowed stays on disk, and is decoded each time a square is cut from it.

A batch is a function of (seed, step) and of nothing else (`seeds`): a run that is resumed sees the
squares that it would have seen.

Where there is no folder, pictures can be made. *Dead leaves* (Matheron 1968; Lee, Mumford & Huang 2001,
"Occlusion models for natural images") are discs that fall on each other, with radii of density r⁻³. It is
the one law that looks the same at every scale, and gives much of what photographs have: edges, flat
parts, a spectrum of about 1/f². What is learned from them compresses photographs worse than what is
learned from photographs, and far better than nothing.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from . import seeds
from .pictures import read_photograph

__all__ = ["Pictures", "dead_leaves", "generate_pictures", "open_folder", "picture_files"]

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".ppm", ".gif", ".jp2")
MEMORY = 2 << 30  # bytes
MOST = 64_000_000  # pixels of one picture; larger ones are made smaller
LEVELS = np.float32(1 / 255)

Picture = NDArray[np.uint8]


class Pictures:
    """Pictures, kept in memory or left on disk.

    Parameters
    ----------
    pictures : sequence of (name, picture)
        A picture is an array of uint8, (H, W, 3), or the path of a file that is decoded at each use.
    skipped : sequence of (name, reason)
        What could not be used; for the user to see.

    Raises
    ------
    ValueError
        If there are no pictures.

    Examples
    --------
    >>> pictures = generate_pictures(seed=0, count=2, side=48)
    >>> batch = pictures.batch(seed=0, step=7, count=4, side=32)
    >>> batch.shape, batch.dtype, bool(0 <= batch.min() < batch.max() <= 1)
    ((4, 3, 32, 32), dtype('float32'), True)
    """

    def __init__(
        self, pictures: Sequence[tuple[str, Picture | Path]], skipped: Sequence[tuple[str, str]] = ()
    ) -> None:
        if not pictures:
            raise ValueError("Pictures: there is no picture")
        self._pictures = list(pictures)
        self.skipped = list(skipped)

    def __len__(self) -> int:
        return len(self._pictures)

    @property
    def names(self) -> list[str]:
        """The names, in order."""
        return [name for name, _ in self._pictures]

    @property
    def kept_bytes(self) -> int:
        """How much memory the decoded pictures take."""
        return sum(picture.nbytes for _, picture in self._pictures if not isinstance(picture, Path))

    def picture(self, number: int) -> Picture:
        """Return a picture, uint8, (H, W, 3); of a file, a new array."""
        picture = self._pictures[number][1]
        return read_photograph(picture, MOST, 1) if isinstance(picture, Path) else picture

    def batch(self, seed: int, step: int, count: int, side: int) -> NDArray[np.float32]:
        """Return squares for a step of training: any picture, any place, half of them mirrored.

        Parameters
        ----------
        seed, step : int
            The stream ``seeds.stream(seed, "crops", step)`` decides.
        count : int
            How many.
        side : int
            Rows and columns of each.

        Returns
        -------
        ndarray of float32, shape (count, 3, side, side)
            In [0, 1]. Of NumPy; `parameters.moved` takes it to a graphics card.

        Raises
        ------
        ValueError
            If a picture is smaller than the square.
        """
        rng = seeds.stream(seed, "crops", step)
        result = np.empty((count, 3, side, side), np.float32)
        for square in result:
            number = int(rng.integers(len(self)))
            row, column, mirrored = rng.random(3)
            picture = self.picture(number)
            height, width = picture.shape[:2]
            if min(height, width) < side:
                raise ValueError(f"{self.names[number]}: {width}×{height} is smaller than {side}×{side}")
            top, left = int(row * (height - side + 1)), int(column * (width - side + 1))
            crop = picture[top : top + side, left : left + side]
            crop = crop[:, ::-1] if mirrored < 0.5 else crop
            np.multiply(crop.transpose(2, 0, 1), LEVELS, out=square)
        return result


def open_folder(
    folder: str | os.PathLike[str], side: int, *, memory: int = MEMORY, least: int = 1
) -> Pictures:
    """Decode the pictures of a folder; those in folders below it too.

    Parameters
    ----------
    folder : path-like
    side : int
        The squares that will be cut: a picture must have as many rows and columns.
    memory : int
        Bytes that decoded pictures may take. Files come in the order of their names; one that does not fit
        any more is left on disk.
    least : int
        How many pictures there must be.

    Returns
    -------
    Pictures
        ``skipped`` names files that are damaged or too small, and why. Files with no picture's suffix are
        passed over.

    Raises
    ------
    OSError
        If the folder cannot be read.
    ValueError
        If fewer than `least` pictures are left; the first reasons are named.
    """
    folder = Path(folder)
    list(os.scandir(folder))  # an error for what is no folder
    files = picture_files(folder)
    kept: list[tuple[str, Picture | Path]] = []
    skipped, free = [], memory
    for path in files:
        name = path.relative_to(folder).as_posix()
        try:
            picture = read_photograph(path, MOST, side)
        except (OSError, ValueError) as error:
            skipped.append((name, str(error).removeprefix(f"{path}: ")))
            continue
        fits = picture.nbytes <= free
        free -= picture.nbytes if fits else 0
        kept.append((name, picture if fits else path))
    if len(kept) < max(least, 1):
        reasons = "".join(f"\n  {name}: {reason}" for name, reason in skipped[:5])
        raise ValueError(
            f"{folder}: {len(kept)} pictures that can be used, {max(least, 1)} are needed"
            f"{reasons or f'; no file ends in {chr(44).join(SUFFIXES)}'}"
        )
    return Pictures(kept, skipped)


def picture_files(path: str | os.PathLike[str]) -> list[Path]:
    """Return the files below a folder that end like pictures, in the order of their names; or a file itself.

    Raises
    ------
    OSError
        If there is no such file or folder, or it cannot be read.
    """
    path = Path(path)
    if path.is_file():
        return [path]
    list(os.scandir(path))  # an error for what is no folder: `rglob` finds nothing in silence
    return sorted(file for file in path.rglob("*") if file.suffix.lower() in SUFFIXES and file.is_file())


# --------------------------------------------------------------------------------------------------
# Pictures from nothing


def generate_pictures(seed: int, count: int = 64, side: int = 256) -> Pictures:
    """Make pictures of dead leaves: number i is of the stream ``seeds.stream(seed, "leaves", i)``."""
    return Pictures(
        [(f"leaves {i}", dead_leaves(seeds.stream(seed, "leaves", i), side, side)) for i in range(count)]
    )


def dead_leaves(rng: np.random.Generator, height: int, width: int, smallest: float = 2.0) -> Picture:
    """Make one picture of dead leaves.

    Parameters
    ----------
    rng : numpy.random.Generator
    height, width : int
    smallest : float
        The least radius, in pixels; the largest is half the larger side.

    Returns
    -------
    ndarray of uint8, shape (height, width, 3)

    Notes
    -----
    Leaves fall until all but a hundredth is covered, at most 6000, and the latest lies below all others: the
    same picture as if it lay above, looked at from underneath, and what is covered is never painted. Each
    leaf has a colour, a slope of light across it, and a texture of noise, weak for most. The radius of
    density r⁻³ between a and b is (a⁻² − t (a⁻² − b⁻²))^(−½) for t from U(0, 1).

    Drawn at twice the size and averaged: edges are as soft as those of a photograph.
    """
    rows, columns = 2 * height, 2 * width
    canvas = np.full((rows, columns, 3), rng.uniform(0.2, 0.8, 3), np.float32)
    bare = np.ones((rows, columns), np.bool_)
    left = bare.size
    inner, outer = (2 * smallest) ** -2.0, float(max(rows, columns) / 2) ** -2.0
    for _ in range(6000):
        if left <= bare.size / 100:
            break
        radius = (inner - rng.random() * (inner - outer)) ** -0.5
        row, column = rng.uniform(-radius, rows + radius), rng.uniform(-radius, columns + radius)
        grey, tint = rng.beta(1.2, 1.2), rng.normal(0, 0.08, 3)
        slope, texture = rng.normal(0, 0.1, 2), rng.exponential(0.02)
        top, bottom = max(int(row - radius), 0), min(int(row + radius) + 1, rows)
        start, stop = max(int(column - radius), 0), min(int(column + radius) + 1, columns)
        if top >= bottom or start >= stop:
            continue
        down, right = np.ogrid[top:bottom, start:stop]
        down, right = (down - row) / radius, (right - column) / radius
        seen = (down**2 + right**2 <= 1) & bare[top:bottom, start:stop]
        covered = int(np.count_nonzero(seen))
        if not covered:
            continue
        light = grey + slope[0] * down + slope[1] * right
        light = light[seen] + texture * rng.standard_normal(covered)
        canvas[top:bottom, start:stop][seen] = light[:, None] + tint
        bare[top:bottom, start:stop] &= ~seen
        left -= covered
    small = canvas.reshape(height, 2, width, 2, 3).mean(axis=(1, 3))
    return np.rint(np.clip(small, 0, 1) * 255).astype(np.uint8)
