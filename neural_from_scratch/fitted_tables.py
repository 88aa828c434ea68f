"""What latents are like that were said to have a scale: tables that are counted, in place of the Gaussian's.

A hyperprior says σ for each latent, and the coder takes the table of the level next to it (`gaussian_model`).
That table need not be the Gaussian's. What is told is never quite right: among latents that are said to have
one σ, some are narrower and some much wider, and a mixture of Gaussians of several widths has a higher peak
and longer tails than any of them. The Gaussian pays for each surprise: at 6 σ, 30 bits.

A decoder does not mind where a table comes from, for it comes with the weights. So when training is over, the
latents of many squares are counted, level by level, and table i becomes

    p_i(k) = (n_i(k) + n_i(−k) + A g_i(k)) / (2 Σ n_i + A),                                               (1)

with n_i(k) latents of level i that were k. They are counted on both sides of 0 at once: of a sign h_s knows
nothing. g_i is the Gaussian, of which a thousandth is spread over 0, ±1, ±2, … as 2^(−|k| / 3), so that
nothing that may come is impossible; it counts as much as A = 100 latents, and rules where a level hardly
occurs. Training still has the Gaussian, whose gradients bring σ to where it is least wrong.

Counted on pictures of the training, it saves on others: see docs/models.md.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from .entropy_tables import CdfTables, trim_tails
from .gaussian_model import LEVELS, REACH, gaussian_pmf, scale_levels
from .integer_hyperprior import ONE_STEP
from .latent_coding import coding_for
from .weights import Weights, with_scale_tables

__all__ = ["FARTHEST", "count_levels", "fit_tables", "fitted_tables"]

FARTHEST = 2048  # what lies further out is counted as an escape
PRIOR = 100.0  # A, in latents
SPREAD, DECAY = 1e-3, 3.0  # of g_i
LEAST_REACH = 64


def count_levels(weights: Weights, latents: NDArray[np.float32]) -> NDArray[np.int64]:
    """Count the whole numbers that latents of each level become.

    Parameters
    ----------
    weights : Weights
        Of a hyperprior.
    latents : ndarray of float32, shape (K, M, h, w)
        y, of K squares (`hyper_start.latents_of_squares`).

    Returns
    -------
    ndarray of int64, shape (64, FARTHEST + 2)
        Row i, column k: how many of level i were k or −k; the last column has all that are larger.
    """
    counts = np.zeros((LEVELS, FARTHEST + 2), np.int64)
    for first in range(len(latents)):
        y = latents[first : first + 1]
        coding = coding_for(weights, y, ONE_STEP)
        distances = np.minimum(np.abs(coding.quantize(y).astype(np.int64)), FARTHEST + 1)
        cells = coding.tables_of(distances.shape) * counts.shape[1] + distances
        counts += np.bincount(cells.ravel(), minlength=counts.size).reshape(counts.shape)
    return counts


def fitted_tables(counts: NDArray[np.int64]) -> CdfTables:
    """Return the tables of equation 1 for counts of `count_levels`.

    Examples
    --------
    >>> nothing = np.zeros((64, FARTHEST + 2), np.int64)
    >>> ones = nothing.copy()
    >>> ones[0, 1] = 900  # the narrowest level, and always 1 or −1
    >>> for counted in (nothing, ones):
    ...     print(fitted_tables(counted).bits(np.arange(3, dtype=np.int32), np.int32(0)).round(1))
    [ 0.  13.4 13.7]
    [ 4.2  1.1 17. ]
    """
    pmfs, offsets, escapes = [], [], []
    for scale, row in zip(scale_levels(), counts):
        reach = min(max(math.ceil(scale * REACH), LEAST_REACH), FARTHEST)
        values = np.arange(-reach, reach + 1)
        tail = 2.0 ** (-np.abs(values) / DECAY)
        prior = (1 - SPREAD) * gaussian_pmf(values, scale) + SPREAD * tail / tail.sum()
        counted = row[np.abs(values)] * np.where(values == 0, 2.0, 1.0)
        pmf = (counted + PRIOR * prior) / (2.0 * row.sum() + PRIOR)
        pmf, first, beyond = trim_tails(pmf, -reach, max(0.0, 1 - float(pmf.sum())))
        pmfs.append(pmf)
        offsets.append(first)
        escapes.append(beyond)
    return CdfTables.from_pmfs(pmfs, offsets, escapes)


def fit_tables(weights: Weights, latents: NDArray[np.float32]) -> Weights:
    """Return the weights of a hyperprior with fitted tables; parameters as of `count_levels`."""
    return with_scale_tables(weights, fitted_tables(count_levels(weights, latents)))
