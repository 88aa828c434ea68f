"""How likely is a latent if somebody says what to expect? A Gaussian whose scale and mean are told.

The factorised model has one density for a whole channel: it must serve the sky and the grass. A *hyperprior*
sends a little side information first, from which the decoder computes, for every latent, a scale σ and, in
the second of these models, a mean μ. The density is then Gaussian,

    p(v | μ, σ) = Φ((v − μ + ½) / σ) − Φ((v − μ − ½) / σ),                                                (1)

for whole numbers as for latents with noise, just as equation 2 of `entropy_models`: the Gaussian convolved
with a box of width 1. Φ(x) = ½ erfc(−x / √2).

**Far out** both terms are near 1 and their difference is nothing. Equation 1 is symmetric about μ, so with
d = |v − μ| it is Φ((½ − d) / σ) − Φ((−½ − d) / σ), where both are small when the result is.

**Sharp** densities are bounded: σ ≥ 0.11, where a latent that is where it is expected costs 8·10⁻⁶ bits.
The bound lets gradients pass that would raise σ (`ops.lower_bound`).

**Rounding.** Where μ is told, what is sent is k = round(y − μ): latents lie at distances of whole numbers
from their means, so that the middle cell is always at the densest place, and one table for each σ serves all
means.

**Levels.** The range coder knows tables, not σ: there are 64, for scales from 0.11 to 256 in equal ratios of
1.131, and each latent takes the one whose level is nearest, by ratio. A density that is too wide by the
factor r costs about (ln r)² / ln 2 bits more; at the edge between two levels, r = √1.131, that is 0.005 bits,
and 0.002 in the mean. So it is with the integer tables: 0.0018 bits in the mean over all scales, each as
likely in the logarithm, 0.006 at most below σ = 50 and 0.009 up to 256, where 16 bits are few for so many
values. The next *higher* level would cost 0.005 in the mean. The edges are whole numbers, made once
(`integer_hyperprior`).

References
----------
J. Ballé, D. Minnen, S. Singh, S. J. Hwang, N. Johnston, "Variational image compression with a scale
hyperprior", ICLR 2018. Bounds, the number of levels and their range are CompressAI's
``GaussianConditional``, which takes the next higher level instead of the nearest.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from . import ops
from .arrays import Array
from .entropy_models import FLOOR
from .entropy_tables import CdfTables, trim_tails
from .tensor import Tensor, as_tensor

__all__ = [
    "LEAST_SCALE",
    "LEVELS",
    "REACH",
    "gaussian_likelihood",
    "gaussian_pmf",
    "scale_levels",
    "scale_tables",
]

LEVELS = 64
LEAST_SCALE, LARGEST_SCALE = 0.11, 256.0
REACH = 6.109410204869  # of a table in units of σ: 10⁻⁹ is beyond, both sides together


def gaussian_likelihood(
    values: Tensor | Array, scales: Tensor | Array, means: Tensor | Array | None = None
) -> Tensor:
    """Return p(v | μ, σ) of equation 1, at least 10⁻⁹.

    Parameters
    ----------
    values, scales : tensor or array, of one shape and dtype
        Scales below 0.11 are taken for that.
    means : tensor or array, optional
        Of the same shape; 0 without.

    Returns
    -------
    Tensor, of that shape

    Raises
    ------
    TypeError, ValueError
        For other dtypes, or shapes that differ.

    Examples
    --------
    >>> p = gaussian_likelihood(np.array([0.0, 1.0, -1.0]), np.full(3, 0.5))
    >>> p.data.round(4)  # the middle cell reaches as far as one σ to each side
    array([0.6827, 0.1573, 0.1573])
    """
    values = as_tensor("gaussian_likelihood", "values", values)
    scales = as_tensor("gaussian_likelihood", "scales", scales)
    given = {"values": values, "scales": scales}
    if means is not None:
        means = as_tensor("gaussian_likelihood", "means", means)
        given["means"] = means
    if len({tensor.dtype for tensor in given.values()}) > 1:
        found = ", ".join(f"{name} {tensor.dtype}" for name, tensor in given.items())
        raise TypeError(f"gaussian_likelihood: dtypes must be the same: {found}")
    if len({tensor.shape for tensor in given.values()}) > 1:
        found = ", ".join(f"{name} {tensor.shape}" for name, tensor in given.items())
        raise ValueError(f"gaussian_likelihood: shapes must be the same: {found}")
    distance = ops.absolute(values if means is None else values - means)
    # Φ(x) = ½ erfc(−x / √2): so many units of √2 σ from the far and from the near edge of the cell
    unit = ops.lower_bound(scales, LEAST_SCALE) * math.sqrt(2)
    near, far = ops.erfc((distance - 0.5) / unit), ops.erfc((distance + 0.5) / unit)
    return ops.lower_bound((near - far) * 0.5, FLOOR)


def scale_levels() -> NDArray[np.float64]:
    """Return the 64 scales that there are tables for.

    Examples
    --------
    >>> levels = scale_levels()
    >>> levels[[0, 1, 63]].round(4), levels.size
    (array([1.100e-01, 1.244e-01, 2.560e+02]), 64)
    """
    return np.geomspace(LEAST_SCALE, LARGEST_SCALE, LEVELS)


@lru_cache(maxsize=1)
def scale_tables() -> CdfTables:
    """Return the integer tables of all levels: table i is of k = round(v − μ) with the scale of level i.

    For weights whose latents nobody has counted (`fitted_tables`). Computed in float64, once: they belong to
    the weights from then on.
    """
    pmfs, offsets, escapes = [], [], []
    for scale in scale_levels():
        reach = math.ceil(scale * REACH)
        pmf = gaussian_pmf(np.arange(-reach, reach + 1), scale)
        pmf, first, beyond = trim_tails(pmf, -reach, 2 * float(_tail((reach + 0.5) / scale)))
        pmfs.append(pmf)
        offsets.append(first)
        escapes.append(beyond)
    return CdfTables.from_pmfs(pmfs, offsets, escapes)


def gaussian_pmf(values: NDArray[np.int64], scale: float) -> NDArray[np.float64]:
    """Return equation 1 for whole numbers and μ = 0, in float64."""
    distance = np.abs(values)
    return _tail((distance - 0.5) / scale) - _tail((distance + 0.5) / scale)


def _tail(x: NDArray[np.float64] | float) -> NDArray[np.float64]:
    """1 − Φ(x)."""
    from scipy.special import erfc

    return 0.5 * np.asarray(erfc(np.asarray(x) / math.sqrt(2)))
