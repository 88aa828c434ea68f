"""The mean-scale hyperprior: where to expect each latent, and how far from there.

The block diagram (Minnen, Ballé & Toderici 2018, figure 2 without its context model):

    x ─▶ g_a ─▶ y ────────────▶ rounding about μ ─▶ ŷ ─▶ g_s ─▶ x̂    g_a, g_s as in `factorized_prior`
                │                  ▲ p(ŷ | μ, σ)
                ▼                  │
        conv 3×3, M→N             σ, μ   the first M channels, the last M
        LeakyReLU                 conv 3×3, 3M/2→2M
        conv 5×5, N→N, ½          LeakyReLU
        LeakyReLU                 conv 5×5, M→3M/2, ×2
        conv 5×5, N→N, ½          LeakyReLU
                │                 conv 5×5, N→M, ×2
                ▼                  ▲
                z ─▶ rounding ─▶ ẑ ┘  p(ẑ) learned: entropy_bottleneck

What differs from `scale_hyperprior`: y goes into h_a with its sign, since a mean has one; the slope of
LeakyReLU below 0 is 0.01; h_s is wider; and σ is what the last layer gives, bounded below by 0.11 like there.

Names and shapes of weights are CompressAI's ``MeanScaleHyperprior``, and so is the order (σ, μ).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import DTypeLike

from ..entropy_models import FactorizedDensity
from ..layers import Conv2d, LeakyReLU, Sequential
from ..tensor import Tensor
from .hyperprior import Hyperprior, edge_padded
from .transform_codec import down, four_down, four_up, up

__all__ = ["MeanScaleHyperprior"]


class MeanScaleHyperprior(Hyperprior):
    """The model.

    Parameters
    ----------
    width : int
        N, channels inside and of z.
    latents : int
        M, channels of y; even.
    rng : numpy.random.Generator
        Where first weights come from.
    dtype : dtype
        float32 or float64.

    Raises
    ------
    ValueError
        If M is odd.

    Examples
    --------
    >>> model = MeanScaleHyperprior(8, 12, rng=np.random.default_rng(0))
    >>> z = Tensor(np.zeros((1, 8, 1, 2), np.float32))
    >>> scales, means = model.expected(z, 4, 5)
    >>> scales.shape, means.shape
    ((1, 12, 4, 5), (1, 12, 4, 5))
    """

    name = "mean-scale-hyperprior"
    model_id = 4
    has_means = True

    def __init__(
        self, width: int, latents: int, *, rng: np.random.Generator, dtype: DTypeLike = np.float32
    ) -> None:
        if latents % 2:
            raise ValueError(f"MeanScaleHyperprior: latents={latents}, must be even")
        self.width, self.latents = width, latents
        self.entropy_bottleneck = FactorizedDensity(width, rng=rng, dtype=dtype)
        self.g_a = four_down(width, latents, rng=rng, dtype=dtype)
        self.g_s = four_up(width, latents, rng=rng, dtype=dtype)
        self.h_a = Sequential(
            *(Conv2d(latents, width, 3, padding=1, rng=rng, dtype=dtype), LeakyReLU()),
            *(down(width, width, rng=rng, dtype=dtype), LeakyReLU()),
            down(width, width, rng=rng, dtype=dtype),
        )
        between = latents * 3 // 2
        self.h_s = Sequential(
            *(up(width, latents, rng=rng, dtype=dtype), LeakyReLU()),
            *(up(latents, between, rng=rng, dtype=dtype), LeakyReLU()),
            Conv2d(between, 2 * latents, 3, padding=1, rng=rng, dtype=dtype),
        )

    def hyper_analyse(self, y: Tensor) -> Tensor:
        """Map latents y (N, M, h, w) to side information z (N, N', ⌈h/4⌉, ⌈w/4⌉)."""
        return self.h_a(edge_padded(y))
