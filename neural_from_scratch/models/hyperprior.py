"""What both hyperpriors share: side information z, which says how likely each latent of y is.

    y ─▶ h_a ─▶ z ─▶ rounding, p(ẑ) learned ─▶ ẑ ─▶ h_s ─▶ σ (and μ) ─▶ p(ŷ | μ, σ) Gaussian
             ⅟₄ of each side                             ×4

z is coded first, with a density for each channel as in the factorised model, and the decoder computes from it
what to expect of y before it reads y. So whatever h_s computes must be the same on both sides to the last
bit: in files it is computed in whole numbers (`integer_hyperprior`); here, where models learn, in floating
point.

A picture's latents need not have sides that are multiples of 4: z is made of y with its last row and column
repeated, and what h_s makes is cut to the size of y.
"""

from __future__ import annotations

from collections.abc import Mapping

from .. import ops
from ..arrays import array_module
from ..gaussian_model import gaussian_likelihood
from ..layers import Sequential
from ..tensor import Tensor, no_grad
from .transform_codec import TransformCodec

__all__ = ["FURTHER", "Hyperprior"]

FURTHER = 4  # latents of y a latent of z, in each direction


class Hyperprior(TransformCodec):
    """The base of both models.

    Attributes
    ----------
    h_a, h_s : Sequential
        The hyper-transforms.
    has_means : bool
        Whether h_s tells means too.
    """

    ignored_keys = tuple(
        f"gaussian_conditional.{name}"
        for name in (
            *("_offset", "_quantized_cdf", "_cdf_length", "scale_table", "scale_bound"),
            *("lower_bound_scale.bound", "likelihood_lower_bound.bound"),
        )
    )

    has_means: bool
    h_a: Sequential
    h_s: Sequential

    def hyper_analyse(self, y: Tensor) -> Tensor:
        """Map latents y (N, M, h, w) to side information z (N, N', ⌈h/4⌉, ⌈w/4⌉)."""
        raise NotImplementedError

    def expected(self, z: Tensor, rows: int, columns: int) -> tuple[Tensor, Tensor | None]:
        """Return what to expect of y, (N, M, rows, columns), if z says so: scales, and means or None."""
        made = self.h_s(z)[:, :, :rows, :columns]
        if not self.has_means:
            return made, None
        return made[:, : self.latents], made[:, self.latents :]

    def further_latents(self, y: Tensor) -> dict[str, Tensor]:
        """Return the side information, ``{"z": z}``."""
        return {"z": self.hyper_analyse(y)}

    def rounded(self, latents: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return ẑ, rounded about the medians, and ŷ = μ + round(y − μ)."""
        density = self.entropy_bottleneck
        z = Tensor(density.dequantize(density.quantize(latents["z"].data)))
        y = latents["y"]
        with no_grad():
            _, means = self.expected(z, *y.shape[2:])
        rint = array_module(y.data).rint
        rounded = rint(y.data) if means is None else rint(y.data - means.data) + means.data
        return {"z": z, "y": Tensor(rounded)}

    def likelihoods(self, latents: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return the probabilities of z by its channels' densities, and those of y given z."""
        z, y = latents["z"], latents["y"]
        return {
            "y": gaussian_likelihood(y, *self.expected(z, *y.shape[2:])),
            "z": self.entropy_bottleneck.likelihood(z),
        }


def edge_padded(y: Tensor, multiple: int = FURTHER) -> Tensor:
    """Repeat the last row and column of (N, C, H, W) until H and W are multiples, on the tape."""
    for axis in (2, 3):
        missing = -y.shape[axis] % multiple
        if missing:
            last = y[:, :, -1:] if axis == 2 else y[:, :, :, -1:]
            y = ops.concatenate([y, *[last] * missing], axis)
    return y
