"""The scale hyperprior: how wide to expect each latent, told by a second, smaller autoencoder.

The block diagram (Ballé, Minnen, Singh, Hwang & Johnston 2018, figure 4):

    x ─▶ g_a ─▶ y ────────────▶ rounding ─▶ ŷ ─▶ g_s ─▶ x̂        g_a, g_s as in `factorized_prior`
                │                  ▲ p(ŷ | 0, σ)
               |y|                 │
                ▼                  σ
        conv 3×3, M→N             ReLU
        ReLU                      conv 3×3, N→M
        conv 5×5, N→N, ½          ReLU
        ReLU                      conv 5×5, N→N, ×2
        conv 5×5, N→N, ½          ReLU
                │                 conv 5×5, N→N, ×2
                ▼                  ▲
                z ─▶ rounding ─▶ ẑ ┘  p(ẑ) learned: entropy_bottleneck

y goes into h_a without its sign, for a scale is what is asked of it. What it finds is what every picture
codec knows: where one coefficient is large, those around it, and those of other channels at that place, are
likely large too. One z stands for 64×64 pixels and costs a few per cent of the bits.

Names and shapes of weights are CompressAI's ``ScaleHyperprior``.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import DTypeLike

from .. import ops
from ..entropy_models import FactorizedDensity
from ..layers import Conv2d, ReLU, Sequential
from ..tensor import Tensor
from .hyperprior import Hyperprior, edge_padded
from .transform_codec import down, four_down, four_up, up

__all__ = ["ScaleHyperprior"]


class ScaleHyperprior(Hyperprior):
    """The model.

    Parameters
    ----------
    width : int
        N, channels inside and of z: 128 in the paper at low rates, 192 at high ones.
    latents : int
        M, channels of y: 192 and 320.
    rng : numpy.random.Generator
        Where first weights come from.
    dtype : dtype
        float32 or float64.

    Examples
    --------
    >>> model = ScaleHyperprior(8, 12, rng=np.random.default_rng(0))
    >>> y = model.analyse(Tensor(np.zeros((1, 3, 64, 80), np.float32)))
    >>> y.shape, model.hyper_analyse(y).shape
    ((1, 12, 4, 5), (1, 8, 1, 2))
    """

    name = "scale-hyperprior"
    model_id = 3
    has_means = False

    def __init__(
        self, width: int, latents: int, *, rng: np.random.Generator, dtype: DTypeLike = np.float32
    ) -> None:
        self.width, self.latents = width, latents
        self.entropy_bottleneck = FactorizedDensity(width, rng=rng, dtype=dtype)
        self.g_a = four_down(width, latents, rng=rng, dtype=dtype)
        self.g_s = four_up(width, latents, rng=rng, dtype=dtype)
        self.h_a = Sequential(
            *(Conv2d(latents, width, 3, padding=1, rng=rng, dtype=dtype), ReLU()),
            *(down(width, width, rng=rng, dtype=dtype), ReLU()),
            down(width, width, rng=rng, dtype=dtype),
        )
        self.h_s = Sequential(
            *(up(width, width, rng=rng, dtype=dtype), ReLU()),
            *(up(width, width, rng=rng, dtype=dtype), ReLU()),
            *(Conv2d(width, latents, 3, padding=1, rng=rng, dtype=dtype), ReLU()),
        )

    def hyper_analyse(self, y: Tensor) -> Tensor:
        """Map latents y (N, M, h, w) to side information z (N, N', ⌈h/4⌉, ⌈w/4⌉)."""
        return self.h_a(edge_padded(ops.absolute(y)))
