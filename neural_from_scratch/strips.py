"""Large pictures in strips: the transforms run from top to bottom with a bounded amount of memory.

The maps between the layers are larger than the picture: 64 channels at half its size are 64 bytes a pixel,
and there are two or three of them at a time. Twelve megapixels would ask for more than two gigabytes. But a
latent sees only the pixels around it, so a strip of the picture gives a strip of the latents.

**How far a layer sees.** A 5×5 convolution with stride 2 and padding 2 makes row i of the rows 2i − 2 … 2i
+ 2. Where a strip is cut off, the zeros of the padding stand for rows that are not there, and spoil some
rows behind the cut. At an upper edge: row 0 after the first layer; row i after the next if 2i − 2 lies in
the spoiled rows, so rows 0 and 1; after the third 0 and 1, after the fourth 0 and 1. At a lower edge row i
is spoiled if 2i + 2 is: one row, after any number of layers. So `analyse` gives each strip two more rows of
latents above and, for the alignment below, two beneath, and drops what comes of them.

A transposed layer makes rows 2i − 2 … 2i + 2 of row i. Counted backwards the same way, the row above the
strip that is missing spoils 1, 3, 7, 15 rows, the one beneath it 2, 6, 14, 30: fewer than 16 and 32 rows of
pixels, that is one row of latents above and two beneath. `synthesise` takes two and two.

A 9×9 layer with stride 4 and padding 4, the outermost of `models.nonlinear_transform`, has 4i − 4 … 4i + 4 in
the place of these. Analysis, which begins with it: row 0 is spoiled, then 0 and 1, then 0 and 1; beneath one
row each time. Synthesis, which ends with it: above 1, 3, then 4 · 2 + 4 + 1 = 13 rows, beneath 2, 6, then 28.
The same margins serve. Normalisations look at one pixel only.

Strips begin at an even row of latents. Then each layer cuts its maps into the same tiles as it would without
strips, sums run in the same order, and the result is the same to the last bit (where the kernels do the
products; those of BLAS may take another order at the edge of a matrix).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from .models import TransformCodec
from .tensor import Tensor, no_grad

__all__ = ["PIXELS", "analyse", "cut", "synthesise"]

PIXELS = 1 << 20  # of a strip, about: some 200 MB while it is transformed
MARGIN = 2  # rows of latents above and beneath a strip


def analyse(model: TransformCodec, samples: NDArray[np.float32], pixels: int = PIXELS) -> NDArray[np.float32]:
    """Map a picture to latents, strip by strip.

    Parameters
    ----------
    model : TransformCodec
        Of NumPy.
    samples : ndarray of float32, shape (1, 3, H, W)
        H and W multiples of 16.
    pixels : int
        About how many a strip has.

    Returns
    -------
    ndarray of float32, shape (1, M, H/16, W/16)
    """
    step = model.shrink
    rows, columns = samples.shape[2] // step, samples.shape[3] // step
    latents = np.empty((1, model.latents, rows, columns), np.float32)
    with no_grad():
        for first, last, above, beneath in cut(rows, columns * step**2, pixels):
            part = Tensor(np.ascontiguousarray(samples[:, :, above * step : beneath * step]))
            latents[:, :, first:last] = model.analyse(part).data[:, :, first - above : last - above]
    return latents


def synthesise(
    model: TransformCodec, latents: NDArray[np.float32], pixels: int = PIXELS
) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """Map latents back, strip by strip.

    Parameters
    ----------
    model : TransformCodec
        Of NumPy.
    latents : ndarray of float32, shape (1, M, h, w)
    pixels : int

    Yields
    ------
    (int, ndarray of float32, shape (1, 3, rows, 16 w))
        The first row of a strip in the picture, and its samples, not clipped.
    """
    step = model.shrink
    rows, columns = latents.shape[2:]
    with no_grad():
        for first, last, above, beneath in cut(rows, columns * step**2, pixels):
            part = Tensor(np.ascontiguousarray(latents[:, :, above:beneath]))
            samples = model.synthesise(part).data
            yield first * step, samples[:, :, (first - above) * step : (last - above) * step]


def cut(rows: int, pixels_a_row: int, pixels: int = PIXELS) -> Iterator[tuple[int, int, int, int]]:
    """Yield (first, last + 1) of each strip, in rows of latents, and the same with its margins.

    Examples
    --------
    >>> list(cut(11, 1000, 4000))
    [(0, 4, 0, 6), (4, 8, 2, 10), (8, 11, 6, 11)]
    """
    height = max(2, pixels // pixels_a_row // 2 * 2)
    for first in range(0, rows, height):
        last = min(first + height, rows)
        yield first, last, max(first - MARGIN, 0), min(last + MARGIN, rows)
