"""The factorised-prior autoencoder: four layers down, rounding, four layers up, a density for each channel.

The block diagram (Ballé, Minnen, Singh, Hwang & Johnston 2018, figure 4 without its right half):

    x ─▶ conv ─▶ GDN ─▶ conv ─▶ GDN ─▶ conv ─▶ GDN ─▶ conv ─▶ y       g_a, analysis
       3→N, ½         N→N, ½         N→N, ½         N→M, ½    │
                                                        rounding, p(ŷ)   entropy_bottleneck
       N→3, ×2        N→N, ×2        N→N, ×2        M→N, ×2   ▼
    x̂ ◀─ conv ◀─ IGDN ◀─ conv ◀─ IGDN ◀─ conv ◀─ IGDN ◀─ conv ◀─ ŷ    g_s, synthesis

All kernels are 5×5; analysis steps by 2, synthesis is transposed, so that M latents stand for 16×16 pixels.
x is RGB in [0, 1]. Whatever N and M are, each latent is coded by itself: neighbours that resemble each other
are paid for twice, which is what later models (hyperprior, context) improve upon.

In training, `FactorizedPrior.forward` adds noise; in use, ``analyse`` → ``entropy_bottleneck.quantize`` gives
whole numbers, and ``entropy_bottleneck.dequantize`` → ``synthesise`` goes back. Names of weights are
CompressAI's.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import DTypeLike

from ..entropy_models import FactorizedDensity
from ..tensor import Tensor
from .transform_codec import TransformCodec, four_down, four_up

__all__ = ["FactorizedPrior"]


class FactorizedPrior(TransformCodec):
    """The model.

    Parameters
    ----------
    width : int
        N, channels inside. The paper has 128 at low and 192 at high rates.
    latents : int
        M, channels of y: 192 and 320 there.
    rng : numpy.random.Generator
        Where first weights come from.
    dtype : dtype
        float32 or float64.

    Attributes
    ----------
    g_a, g_s : Sequential
    entropy_bottleneck : FactorizedDensity
        Of y.

    Examples
    --------
    >>> model = FactorizedPrior(8, 12, rng=np.random.default_rng(0))
    >>> y = model.analyse(Tensor(np.zeros((1, 3, 32, 48), np.float32)))
    >>> y.shape, model.synthesise(y).shape
    ((1, 12, 2, 3), (1, 3, 32, 48))
    """

    name = "factorized-prior"
    model_id = 1

    def __init__(
        self, width: int, latents: int, *, rng: np.random.Generator, dtype: DTypeLike = np.float32
    ) -> None:
        self.width, self.latents = width, latents
        self.entropy_bottleneck = FactorizedDensity(latents, rng=rng, dtype=dtype)
        self.g_a = four_down(width, latents, rng=rng, dtype=dtype)
        self.g_s = four_up(width, latents, rng=rng, dtype=dtype)

    def rounded(self, latents: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return m + round(y − m), with the medians m."""
        density = self.entropy_bottleneck
        return {"y": Tensor(density.dequantize(density.quantize(latents["y"].data)))}

    def likelihoods(self, latents: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return the probability of each latent by the density of its channel."""
        return {"y": self.entropy_bottleneck.likelihood(latents["y"])}
