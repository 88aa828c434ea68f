"""How well a hyperprior foresaw the latents of one file.

The side information of a file says how wide to expect each latent of y, and with means where
(`models.hyperprior`). Whether that was worth its bits can be seen only when y is there, and that is done
here.

**Where the bits are.** A latent has a place and a channel. Summed over channels, its price is a map: the sky
costs little, the leaves much. The same for the side information, whose squares are sixteen times as large.

**What integers cost.** Four sums, each nearer to the file than the one before:

- by the likelihoods with the scales of the *float hyper-decoder*, which training made small;
- by the likelihoods with those of the *integer hyper-decoder* (`integer_hyperprior`);
- by the *tables*: 64 scales in place of all, whole frequencies, the price of escapes;
- in the *file*.

All are of the same whole numbers, those in the file.

**Whether it is honest.** If σ is right, k / σ is a standard Gaussian, k being the whole number in the file
and σ counted in steps. But k is rounded, so that only a cell is known, from (k − ½) / σ to (k + ½) / σ, and a
histogram of k / σ would be a comb. Here each latent is spread over its cell as a Gaussian is, cut off at its
ends: if σ is right, the sum over all latents is a standard Gaussian exactly, and if it is not, the cells have
too much or too little (C. Czado, T. Gneiting, L. Held, "Predictive model assessment for count data",
Biometrics 65, 2009, who do so with cells made even). Where σ is less than a step nearly all latents are 0 and
their cell is nearly all there is: such ones would hide the others, and are left out.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .codec import Content
from .gaussian_model import LEAST_SCALE, gaussian_likelihood, scale_levels
from .integer_hyperprior import Expected, scale_edges
from .integer_layers import POINT
from .latent_channels import Channel, count_channels, is_beyond
from .latent_coding import HyperCoding
from .models.hyperprior import Hyperprior
from .tensor import Tensor, no_grad

__all__ = ["Prediction", "foresee", "prices", "told"]

FARTHEST = 2048  # values beyond are counted as if they were this one
WIDE = 1.0  # steps: the least σ of a latent that shows whether σ is right


@dataclass(frozen=True, eq=False)
class Prediction:
    """What `foresee` found.

    Attributes
    ----------
    side : list of Channel
        The channels of z.
    likelihood_bits : float
        Of y, by the likelihoods with the scales of the integer hyper-decoder.
    map : ndarray of float64, shape (h, w)
        Bits of y at each place, by the tables, all channels together.
    side_map : ndarray of float64, shape (⌈h/4⌉, ⌈w/4⌉)
        The same of z.
    counts : ndarray of int64, shape (64, 2·2048 + 1)
        How often a latent whose scale is that of level i had the value j − 2048, at ``[i, j]``.
    level_bits : ndarray of float64, shape (64,)
        Bits of those latents, by the tables.
    """

    side: list[Channel]
    likelihood_bits: float
    map: NDArray[np.float64]
    side_map: NDArray[np.float64]
    counts: NDArray[np.int64]
    level_bits: NDArray[np.float64]

    @property
    def side_bits(self) -> float:
        """Of the side information, by the tables."""
        return math.fsum(channel.bits for channel in self.side)

    @property
    def side_density_bits(self) -> float:
        """Of the side information, by the densities."""
        return math.fsum(channel.density_bits for channel in self.side)

    @property
    def wide_share(self) -> tuple[float, float]:
        """How many latents are expected to be a step wide or more, and how many bits they have; 0 … 1."""
        first = _first_wide()
        latents = self.counts[first:].sum() / self.counts.sum()
        return float(latents), float(self.level_bits[first:].sum() / self.level_bits.sum())

    @property
    def width(self) -> float:
        """How wide those are that were found, of what was expected: 1 for an honest σ; NaN without any.

        Notes
        -----
        √(Σ k² / Σ (σ² + 1/12)): rounding adds a twelfth to the variance of a Gaussian that is a step wide.
        """
        first = _first_wide()
        counts = self.counts[first:]
        expected = counts.sum(axis=1) @ (scale_levels()[first:] ** 2 + 1 / 12)
        values = np.arange(-FARTHEST, FARTHEST + 1, dtype=np.float64)
        return math.sqrt((counts @ values**2).sum() / expected) if expected else math.nan

    def normalised(self, edges: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return which share of k / σ lies between edges, of the latents that are a step wide or more.

        Parameters
        ----------
        edges : ndarray of float64, shape (B + 1,)
            Rising, within ±6.

        Returns
        -------
        ndarray of float64, shape (B,)
            Shares of 1; zeros if there is no such latent.
        """
        from scipy.special import ndtr

        first, wanted = _first_wide(), ndtr(edges)
        found = np.zeros(edges.size - 1)
        for scale, counts in zip(scale_levels()[first:], self.counts[first:]):
            (places,) = np.nonzero(counts)
            k = (places - FARTHEST)[:, np.newaxis]
            near = np.abs(k[:, 0]) < 7 * scale + 0.5  # the others' cells are beyond the edges
            low, high = ndtr((k[near] - 0.5) / scale), ndtr((k[near] + 0.5) / scale)
            found += counts[places[near]] @ (np.diff(np.clip(wanted, low, high), axis=1) / (high - low))
        return found / max(self.counts[first:].sum(), 1)


def foresee(content: Content) -> tuple[list[Channel], Prediction]:
    """Look at the latents of a file with a hyperprior.

    Parameters
    ----------
    content : Content
        Whose coding is a `HyperCoding`.

    Returns
    -------
    channels : list of Channel
        Of y.
    prediction : Prediction
    """
    coding, weights, model = content.coding, content.weights, content.weights.model
    assert isinstance(coding, HyperCoding)
    assert isinstance(model, Hyperprior)
    assert weights.scale_tables is not None
    levels = scale_edges()
    maps, rows, columns = content.symbols.shape
    by_floats = _told_by_floats(coding, model, rows, columns)
    channels, likelihood_bits = [], []
    price = np.zeros((rows, columns))
    counts = np.zeros((levels.size + 1, 2 * FARTHEST + 1), np.int64)
    level_bits = np.zeros(levels.size + 1)
    for c in range(maps):  # one by one: what is made of a channel is many times as large as it is
        symbols = content.symbols[c]
        indexes, bits = prices(content, c)
        price += bits
        level = _only(coding, c).indexes(levels, coding.sixty_fourths)[0]
        level_bits += np.bincount(level.ravel(), bits.ravel(), level_bits.size)
        column = np.clip(symbols, -FARTHEST, FARTHEST) + FARTHEST
        counts += np.bincount((level * counts.shape[1] + column).ravel(), minlength=counts.size).reshape(
            counts.shape
        )
        scales, _ = told(coding, c)
        likelihood_bits.append(_bits(symbols, scales))
        values, often = np.unique(symbols, return_counts=True)
        channels.append(
            Channel(
                number=c,
                values=values,
                counts=often,
                bits=float(bits.sum()),
                density_bits=_bits(symbols, by_floats[c] / np.float32(coding.step)),
                escapes=int(is_beyond(symbols, indexes, weights.scale_tables).sum()),
                scale=math.sqrt(np.mean(np.square(scales, dtype=np.float64))),
            )
        )
    side_indexes = np.arange(len(coding.side), dtype=np.int32)[:, np.newaxis, np.newaxis]
    return channels, Prediction(
        side=count_channels(coding.side, weights),
        likelihood_bits=math.fsum(likelihood_bits),
        map=price,
        side_map=weights.tables.bits(coding.side, side_indexes).sum(axis=0),
        counts=counts,
        level_bits=level_bits,
    )


def prices(content: Content, channel: int) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
    """Return the numbers of the tables of a channel of y, and what each latent costs by them; (h, w)."""
    coding, weights = content.coding, content.weights
    assert isinstance(coding, HyperCoding)
    assert weights.scale_tables is not None
    assert weights.edges is not None
    indexes = _only(coding, channel).indexes(weights.edges, coding.sixty_fourths)[0]
    return indexes, weights.scale_tables.bits(content.symbols[channel], indexes)


def told(coding: HyperCoding, channel: int) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
    """Return what the side information says of a channel, in steps: scales, and means or None; (h, w).

    Scales are at least 0.11: no density is narrower.
    """
    expected, step = coding.expected, np.float32(coding.step)
    scales = np.ldexp(expected.scales[channel].astype(np.float32), -POINT) / step
    means = None if expected.means is None else expected.float_means[channel] / step
    return np.maximum(scales, np.float32(LEAST_SCALE)), means


def _only(coding: HyperCoding, channel: int) -> Expected:
    """The scales of one channel."""
    return Expected(coding.expected.scales[channel : channel + 1], None)


def _told_by_floats(coding: HyperCoding, model: Hyperprior, rows: int, columns: int) -> NDArray[np.float32]:
    """The scales of h_s as it was trained, (M, h, w); latents, not steps."""
    z = model.entropy_bottleneck.dequantize(coding.side[np.newaxis])
    with no_grad():
        scales, _ = model.expected(Tensor(z), rows, columns)
    return scales.data[0]


def _bits(symbols: NDArray[np.int32], scales: NDArray[np.float32]) -> float:
    """By the likelihoods, of (h, w)."""
    with no_grad():
        likelihood = gaussian_likelihood(symbols.astype(np.float32), scales).data
    return float(-np.log2(likelihood, dtype=np.float64).sum())


def _first_wide() -> int:
    """The first level that is a step wide or more."""
    return int(np.searchsorted(scale_levels(), WIDE))
