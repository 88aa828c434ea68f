"""What the models have in common: two transforms, latents that are coded, and one way through in training.

    x ─▶ g_a ─▶ y ─▶ noise or rounding ─▶ ŷ ─▶ g_s ─▶ x̂
                │                          │
                └──── further latents ─────┴──▶ how likely is each?

A model is a subclass with four things: its layers, `further_latents` (none, but for a hyperprior), `rounded`
and `likelihoods`. What is written here holds for all of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import DTypeLike

from .. import ops
from ..arrays import Array, array_module
from ..entropy_models import FactorizedDensity
from ..layers import GDN, Conv2d, ConvTranspose2d, Sequential
from ..parameters import Layer, moved
from ..tensor import Tensor, as_tensor

__all__ = ["Forward", "TransformCodec", "down", "four_down", "four_up", "pad_to_multiple", "up"]


class Forward(NamedTuple):
    """What a pass in training gives.

    Attributes
    ----------
    decoded : Tensor, (N, 3, H, W)
        x̂, not clipped.
    latents : Tensor, (N, M, H/16, W/16)
        y, without noise.
    likelihoods : dict of Tensor
        ``{"y": p}``, and ``"z"`` where there is a hyperprior, of the shapes of the latents: what
        `losses.rate` takes.
    """

    decoded: Tensor
    latents: Tensor
    likelihoods: dict[str, Tensor]


class TransformCodec(Layer):
    """The base of all models.

    Attributes
    ----------
    name : str
        In names of files and on the command line.
    model_id : int
        In coded files: it stays, whatever else comes.
    shrink : int
        Pixels a latent, in each direction.
    width, latents : int
        N, channels inside; M, channels of y.
    g_a, g_s : Sequential
        Analysis and synthesis.
    entropy_bottleneck : FactorizedDensity
        Learned densities: of y, or, where there is a hyperprior, of z.
    """

    name: str
    model_id: int
    shrink = 16

    width: int
    latents: int
    g_a: Sequential
    g_s: Sequential
    entropy_bottleneck: FactorizedDensity

    def describe(self) -> str:
        """Return name and widths."""
        return f"{type(self).__name__}({self.width}, {self.latents})"

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
    # What each model says for itself

    def further_latents(self, y: Tensor) -> dict[str, Tensor]:
        """Return what else is coded, by name: nothing here."""
        return {}

    def rounded(self, latents: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return the latents as a decoder has them, in floating point."""
        raise NotImplementedError

    def likelihoods(self, latents: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return the probability of each latent, with noise or rounded."""
        raise NotImplementedError

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
        latents = {"y": y, **self.further_latents(y)}
        if noise is None:
            coded = self.rounded(latents)
        else:
            coded = {name: _with_noise(latent, noise) for name, latent in latents.items()}
        return Forward(self.synthesise(coded["y"]), y, self.likelihoods(coded))


def _with_noise(latent: Tensor, noise: np.random.Generator) -> Tensor:
    drawn = noise.random(latent.shape, np.float32).astype(latent.dtype, copy=False) - latent.dtype.type(0.5)
    return ops.add(latent, moved(drawn, array_module(latent.data)))


# --------------------------------------------------------------------------------------------------
# Layers that the models are made of


def down(inputs: int, outputs: int, *, rng: np.random.Generator, dtype: DTypeLike) -> Conv2d:
    """Return a 5×5 convolution that halves both sides."""
    return Conv2d(inputs, outputs, 5, stride=2, padding=2, rng=rng, dtype=dtype)


def up(inputs: int, outputs: int, *, rng: np.random.Generator, dtype: DTypeLike) -> ConvTranspose2d:
    """Return a transposed 5×5 convolution that doubles both sides."""
    return ConvTranspose2d(inputs, outputs, 5, stride=2, padding=2, output_padding=1, rng=rng, dtype=dtype)


def four_down(width: int, latents: int, *, rng: np.random.Generator, dtype: DTypeLike) -> Sequential:
    """Return g_a of Ballé et al. 2018: 3 → N → N → N → M channels, GDN between the layers."""
    halved = partial(down, rng=rng, dtype=dtype)
    return Sequential(
        *(halved(3, width), GDN(width, dtype=dtype)),
        *(halved(width, width), GDN(width, dtype=dtype)),
        *(halved(width, width), GDN(width, dtype=dtype)),
        halved(width, latents),
    )


def four_up(width: int, latents: int, *, rng: np.random.Generator, dtype: DTypeLike) -> Sequential:
    """Return g_s, the mirror of g_a, with IGDN."""
    doubled = partial(up, rng=rng, dtype=dtype)
    return Sequential(
        *(doubled(latents, width), GDN(width, True, dtype=dtype)),
        *(doubled(width, width), GDN(width, True, dtype=dtype)),
        *(doubled(width, width), GDN(width, True, dtype=dtype)),
        doubled(width, 3),
    )


def pad_to_multiple(pictures: Array, multiple: int = TransformCodec.shrink) -> Array:
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
