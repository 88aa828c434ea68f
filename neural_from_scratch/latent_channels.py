"""One channel of latents at a time: what comes in it, how often, and what that costs.

What a channel costs that is coded with one table depends only on how often it has each value. So all is
computed from counts, and a large picture asks for no more memory than its latents.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .entropy_tables import TOTAL, CdfTables
from .models import TransformCodec
from .tensor import no_grad
from .weights import Weights

__all__ = ["Channel", "count_channels", "densities", "is_beyond", "table_probabilities"]


@dataclass(frozen=True, eq=False)
class Channel:
    """One channel of latents.

    Attributes
    ----------
    number : int
        Which one, from 0.
    values : ndarray of int32, shape (K,)
        The values that come, rising, less what was expected: the channel's median, or each latent's mean.
    counts : ndarray of int64, shape (K,)
        How often each one does.
    bits, density_bits : float
        What all of it costs, by the tables and by the densities; where a hyperprior tells these, by those of
        its floating-point hyper-decoder.
    escapes : int
        How many values are beyond their table.
    scale : float or None
        With a hyperprior, of y: the root mean square of the scales that it tells, in steps.
    """

    number: int
    values: NDArray[np.int32]
    counts: NDArray[np.int64]
    bits: float
    density_bits: float
    escapes: int
    scale: float | None = None

    @property
    def size(self) -> int:
        """How many latents there are."""
        return int(self.counts.sum())

    @property
    def zeros(self) -> int:
        """How many of them are zero."""
        return int(self.counts[self.values == 0].sum())

    @property
    def largest(self) -> int:
        """The value that is farthest from zero; of two the positive one."""
        low, high = int(self.values[0]), int(self.values[-1])
        return low if -low > high else high

    @property
    def spread(self) -> float:
        """The standard deviation."""
        values = self.values.astype(np.float64)
        mean = np.average(values, weights=self.counts)
        return math.sqrt(np.average((values - mean) ** 2, weights=self.counts))

    @property
    def size_of_values(self) -> float:
        """Their root mean square: the spread about zero, not about the mean."""
        return math.sqrt(np.average(self.values.astype(np.float64) ** 2, weights=self.counts))

    @property
    def own_bits(self) -> float:
        """What it would cost by a table made of its own counts: the least for a code of single values."""
        return float(self.counts @ np.log2(self.size / self.counts))


def count_channels(symbols: NDArray[np.int32], weights: Weights) -> list[Channel]:
    """Return the channels of latents that are coded with learned densities, one table a channel.

    Parameters
    ----------
    symbols : ndarray of int32, shape (C, h, w)
        y of a factorised prior, z of a hyperprior.
    weights : Weights
    """
    tables = weights.tables
    counted = [np.unique(channel, return_counts=True) for channel in symbols]
    table = np.zeros((len(counted), max(len(values) for values, _ in counted)), np.float32)
    for row, (values, _) in zip(table, counted):
        row[: len(values)] = values
    likelihoods = densities(weights.model, table)
    channels = []
    for c, (values, counts) in enumerate(counted):
        index = np.array(c, np.int32)
        likelihood = likelihoods[c, : len(values)].astype(np.float64)
        channels.append(
            Channel(
                number=c,
                values=values,
                counts=counts,
                bits=float(counts @ tables.bits(values, index)),
                density_bits=float(counts @ -np.log2(likelihood)),
                escapes=int(counts[is_beyond(values, index, tables)].sum()),
            )
        )
    return channels


def is_beyond(values: NDArray[np.int32], indexes: NDArray[np.int32], tables: CdfTables) -> NDArray[np.bool_]:
    """Return which values are escaped if they are coded with the tables of these numbers."""
    places = values.astype(np.int64) - tables.offsets[indexes]
    return (places < 0) | (places >= tables.lengths[indexes] - 2)


def table_probabilities(tables: CdfTables, channel: int) -> NDArray[np.float64]:
    """Return the probabilities that a table stands for, its escape last.

    Examples
    --------
    >>> table_probabilities(CdfTables.from_pmfs([[0.25, 0.5, 0.25]], [-1], [0.0]), 0).round(3)
    array([0.25, 0.5 , 0.25, 0.  ])
    """
    return np.diff(tables.cdf[channel, : tables.lengths[channel]]) / TOTAL


def densities(model: TransformCodec, symbols: NDArray[np.floating]) -> NDArray[np.float32]:
    """Return the model's learned probability of each symbol; between whole numbers its density.

    Parameters
    ----------
    model : TransformCodec
    symbols : ndarray of float, shape (C, K)
        Row c is of channel c, less its median: of y, or of z with a hyperprior.

    Returns
    -------
    ndarray of float32, shape (C, K)
        Equation 2 of `entropy_models`, at least 10⁻⁹.
    """
    density = model.entropy_bottleneck
    values = symbols[np.newaxis, :, np.newaxis].astype(np.float32) + density.medians
    with no_grad():
        return density.likelihood(values).data[0, :, 0]
