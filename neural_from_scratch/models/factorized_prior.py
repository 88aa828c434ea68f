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

from typing import NamedTuple

import numpy as np
from numpy.typing import DTypeLike

from .. import ops
from ..arrays import Array, array_module
from ..entropy_models import FactorizedDensity
from ..layers import GDN, Conv2d, ConvTranspose2d, Sequential
from ..parameters import Layer, moved
from ..tensor import Tensor, as_tensor

__all__ = ["FactorizedPrior", "Forward", "pad_to_multiple"]


class Forward(NamedTuple):
    """What a pass in training gives.

    Attributes
    ----------
    decoded : Tensor, (N, 3, H, W)
        x̂, not clipped.
    latents : Tensor, (N, M, H/16, W/16)
        y, without noise.
    likelihoods : dict of Tensor
        ``{"y": p}``, of the shape of the latents: what `losses.rate` takes.
    """

    decoded: Tensor
    latents: Tensor
    likelihoods: dict[str, Tensor]


class FactorizedPrior(Layer):
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

    Examples
    --------
    >>> model = FactorizedPrior(8, 12, rng=np.random.default_rng(0))
    >>> y = model.analyse(Tensor(np.zeros((1, 3, 32, 48), np.float32)))
    >>> y.shape, model.synthesise(y).shape
    ((1, 12, 2, 3), (1, 3, 32, 48))
    """

    name = "factorized-prior"
    model_id = 1  # in files
    shrink = 16  # pixels a latent, in each direction

    def __init__(
        self, width: int, latents: int, *, rng: np.random.Generator, dtype: DTypeLike = np.float32
    ) -> None:
        def down(inputs: int, outputs: int) -> Conv2d:
            return Conv2d(inputs, outputs, 5, stride=2, padding=2, rng=rng, dtype=dtype)

        def up(inputs: int, outputs: int) -> ConvTranspose2d:
            return ConvTranspose2d(
                inputs, outputs, 5, stride=2, padding=2, output_padding=1, rng=rng, dtype=dtype
            )

        def gdn(inverse: bool = False) -> GDN:
            return GDN(width, inverse, dtype=dtype)

        self.width, self.latents = width, latents
        self.entropy_bottleneck = FactorizedDensity(latents, rng=rng, dtype=dtype)
        self.g_a = Sequential(
            down(3, width), gdn(), down(width, width), gdn(), down(width, width), gdn(), down(width, latents)
        )
        self.g_s = Sequential(
            *(up(latents, width), gdn(inverse=True)),
            *(up(width, width), gdn(inverse=True)),
            *(up(width, width), gdn(inverse=True)),
            up(width, 3),
        )

    def describe(self) -> str:
        """Return name and widths."""
        return f"FactorizedPrior({self.width}, {self.latents})"

    # ----------------------------------------------------------------------------------------------
    # The two halves

    def analyse(self, pictures: Tensor | Array) -> Tensor:
        """Map pictures (N, 3, H, W), H and W multiples of 16, to latents (N, M, H/16, W/16).

        Raises
        ------
        ValueError
            For another shape; `pad_to_multiple` helps.
        """
        x = as_tensor("analyse", "pictures", pictures)
        if x.ndim != 4 or x.shape[1] != 3 or x.shape[2] % self.shrink or x.shape[3] % self.shrink:
            raise ValueError(
                f"analyse: pictures have shape {x.shape}, must be (N, 3, H, W) with H and W multiples of "
                f"{self.shrink}"
            )
        return self.g_a(x)

    def synthesise(self, latents: Tensor | Array) -> Tensor:
        """Map latents back to pictures (N, 3, H, W), not clipped."""
        return self.g_s(as_tensor("synthesise", "latents", latents))

    # ----------------------------------------------------------------------------------------------
    # In training

    def forward(  # type: ignore[override]
        self, x: Tensor, noise: np.random.Generator | None = None
    ) -> Forward:
        """Pass pictures through with noise in place of rounding, or, without a generator, with rounding.

        Parameters
        ----------
        x : tensor or array, (N, 3, H, W)
        noise : numpy.random.Generator, optional
            Of NumPy whatever module x belongs to: U(−½, ½) is drawn there in float32 and moved, so that a
            graphics card sees the same numbers.

        Returns
        -------
        Forward
        """
        y = self.analyse(x)
        if noise is None:
            density = self.entropy_bottleneck
            noisy = Tensor(density.dequantize(density.quantize(y.data)))
        else:
            drawn = noise.random(y.shape, np.float32).astype(y.dtype, copy=False) - y.dtype.type(0.5)
            noisy = ops.add(y, moved(drawn, array_module(y.data)))
        return Forward(self.synthesise(noisy), y, {"y": self.entropy_bottleneck.likelihood(noisy)})


def pad_to_multiple(pictures: Array, multiple: int = FactorizedPrior.shrink) -> Array:
    """Repeat the last row and column of (N, C, H, W) until H and W are multiples.

    Examples
    --------
    >>> pad_to_multiple(np.arange(3.0).reshape(1, 1, 1, 3), 4)[0, 0, 0]
    array([0., 1., 2., 2.])
    """
    height, width = pictures.shape[2:]
    rows, columns = -height % multiple, -width % multiple
    if not (rows or columns):
        return pictures
    xp = array_module(pictures)
    return xp.pad(pictures, ((0, 0), (0, 0), (0, rows), (0, columns)), mode="edge")
