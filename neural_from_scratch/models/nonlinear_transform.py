"""The nonlinear transform codec: three stages down, each with a normalisation, rounding, three stages up.

The block diagram (Ballé, Laparra & Simoncelli 2017, "End-to-end optimized image compression", section 2 and
the appendix's figure of g_a and g_s):

    x ─▶ conv 9×9 ─▶ GDN ─▶ conv 5×5 ─▶ GDN ─▶ conv 5×5 ─▶ GDN ─▶ y        g_a, analysis
         3→N, ¼             N→N, ½             N→M, ½             │
                                                            rounding, p(ŷ)   entropy_bottleneck
         N→3, ×4            N→N, ×2            M→N, ×2            ▼
    x̂ ◀─ conv 9×9 ◀─ IGDN ◀─ conv 5×5 ◀─ IGDN ◀─ conv 5×5 ◀─ IGDN ◀─ ŷ     g_s, synthesis

The last GDN comes after the last convolution, and the first thing the synthesis does is to undo it: in the
paper a stage is convolution, subsampling, normalisation, and there are three of them. (The script ``bls2017``
of TensorFlow Compression leaves out that last pair; so does `factorized_prior`, a year later, which has four
layers of 5×5 in place of three.) The paper has N = M, and more channels at high rates; here both are free.

One layer of 9×9 that steps by 4 stands where two of 5×5 stand in `factorized_prior`. The maps at half the
picture's size, where most of that model's work is, do not exist: with N = M = 128 this is 11 thousand
multiplications a pixel each way; that model at (128, 192) takes 42 thousand.

**The normalisation** is a choice here, for `benchmarks/gdn_study.py` asks what it is worth:

    GDN     y_i = x_i / (β_i + Σ_j γ_ij |x_j|^α)^ε          IGDN    y_i = x_i · (β_i + Σ_j γ_ij |x_j|^α)^ε

The paper has (α, ε) = (2, ½); a later one has (1, 1), without a root (Johnston, Eban, Gordon & Ballé 2019);
where it all comes from, the exponents were learned (Ballé, Laparra & Simoncelli 2016, "Density modeling of
images using a generalized normalization transformation", eq. 3). Instead of GDN there can be ReLU, or nothing
at all: then g_a is one linear map, and of all that a network can be only a lapped transform is left.
ReLU stands between the stages only: behind the last it would take the sign of every latent.

A file of weights says which of these a model is: by the names that there are, and by ``exponents``, a pair of
numbers that training leaves alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import numpy as np
from numpy.typing import DTypeLike

from ..arrays import Array, is_array
from ..entropy_models import FactorizedDensity
from ..layers import GDN, Conv2d, ConvTranspose2d, Layer, ReLU, Sequential
from ..parameters import Unloaded, moved
from ..tensor import Tensor
from .transform_codec import TransformCodec, down, up

__all__ = ["LEARNED_BY", "NONLINEARITIES", "NonlinearTransform"]

NONLINEARITIES = ("gdn", "relu", "none")
LEARNED_BY = (None, "layer", "channel")
SAME = 1e-3  # of exponents, relative: weights are kept as float16


class NonlinearTransform(TransformCodec):
    """The model.

    Parameters
    ----------
    width : int
        N, channels inside.
    latents : int
        M, channels of y.
    rng : numpy.random.Generator
        Where first weights come from.
    dtype : dtype
        float32 or float64.
    nonlinearity : {"gdn", "relu", "none"}
        What stands behind a stage of the analysis, and before one of the synthesis.
    alpha, epsilon : float
        The exponents of GDN: α ≥ 1, ε ≥ 10⁻⁶. As they are, (2, ½) and (1, 1) are fast.
    learned_by : {None, "layer", "channel"}
        Whether exponents are learned, from there: one pair for each layer, or an α_j for each channel that
        is measured and an ε_i for each that is divided.

    Raises
    ------
    ValueError
        For an option that there is not, or exponents out of range.

    Attributes
    ----------
    exponents : Tensor, shape (2,)
        α and ε, where there is GDN with fixed ones.

    Examples
    --------
    >>> model = NonlinearTransform(8, 12, rng=np.random.default_rng(0))
    >>> y = model.analyse(Tensor(np.zeros((1, 3, 32, 48), np.float32)))
    >>> y.shape, model.synthesise(y).shape
    ((1, 12, 2, 3), (1, 3, 32, 48))
    >>> [layer.describe() for layer in model.g_a[:3]]
    ['Conv2d(3 → 8, 9×9, stride 4, padding 4)', 'GDN(8)', 'Conv2d(8 → 8, 5×5, stride 2, padding 2)']
    """

    name = "nonlinear-transform"
    model_id = 2

    def __init__(
        self,
        width: int,
        latents: int,
        *,
        rng: np.random.Generator,
        dtype: DTypeLike = np.float32,
        nonlinearity: str = "gdn",
        alpha: float = 2,
        epsilon: float = 0.5,
        learned_by: str | None = None,
    ) -> None:
        for option, value, known in (
            ("nonlinearity", nonlinearity, NONLINEARITIES),
            ("learned_by", learned_by, LEARNED_BY),
        ):
            if value not in known:
                there_are = ", ".join(map(repr, known))
                raise ValueError(f"NonlinearTransform: {option}={value!r}, there are {there_are}")
        self.width, self.latents = width, latents
        self.nonlinearity, self.learned_by = nonlinearity, learned_by
        if nonlinearity == "gdn" and learned_by is None:
            self.exponents = Tensor(np.array([alpha, epsilon], dtype))
        self.entropy_bottleneck = FactorizedDensity(latents, rng=rng, dtype=dtype)

        def bent(channels: int, inverse: bool = False, outermost: bool = False) -> list[Layer]:
            """Return what stands at one place: one layer or none."""
            if nonlinearity != "gdn":
                return [ReLU()] if nonlinearity == "relu" and not outermost else []
            a, e = (_start(value, channels, learned_by) for value in (alpha, epsilon))
            learn = learned_by is not None
            return [GDN(channels, inverse, a, e, learn_alpha=learn, learn_epsilon=learn, dtype=dtype)]

        unbent = partial(bent, inverse=True)
        self.g_a = Sequential(
            *(Conv2d(3, width, 9, stride=4, padding=4, rng=rng, dtype=dtype), *bent(width)),
            *(down(width, width, rng=rng, dtype=dtype), *bent(width)),
            *(down(width, latents, rng=rng, dtype=dtype), *bent(latents, outermost=True)),
        )
        self.g_s = Sequential(
            *(*unbent(latents, outermost=True), up(latents, width, rng=rng, dtype=dtype)),
            *(*unbent(width), up(width, width, rng=rng, dtype=dtype)),
            *unbent(width),
            ConvTranspose2d(width, 3, 9, stride=4, padding=4, output_padding=3, rng=rng, dtype=dtype),
        )

    def describe(self) -> str:
        """Return name and widths, and what is not as in the paper."""
        if self.nonlinearity != "gdn":
            return f"{super().describe()[:-1]}, {self.nonlinearity})"
        if self.learned_by is not None:
            return f"{super().describe()[:-1]}, exponents by {self.learned_by})"
        alpha, epsilon = (f"{float(value):.4g}" for value in moved(self.exponents.data, np))
        paper = (alpha, epsilon) == ("2", "0.5")
        return super().describe() if paper else f"{super().describe()[:-1]}, α {alpha}, ε {epsilon})"

    def rounded(self, latents: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return m + round(y − m), with the medians m."""
        density = self.entropy_bottleneck
        return {"y": Tensor(density.dequantize(density.quantize(latents["y"].data)))}

    def likelihoods(self, latents: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return the probability of each latent by the density of its channel."""
        return {"y": self.entropy_bottleneck.likelihood(latents["y"])}

    def load_state_dict(self, state: Mapping[str, Array], strict: bool = True) -> Unloaded:
        """Set the parameters, as `Layer.load_state_dict`; `ValueError` for a model with other exponents."""
        own, theirs = vars(self).get("exponents"), state.get("exponents")
        if own is not None and theirs is not None and is_array(theirs) and theirs.shape == (2,):
            here, there = moved(own.data, np), moved(theirs, np)
            if not np.allclose(there, here, rtol=SAME, atol=0):
                raise ValueError(f"load_state_dict: exponents are {there}, the model has {here}")
        return super().load_state_dict(state, strict)

    @classmethod
    def of_state(cls, width: int, latents: int, state: Mapping[str, Array]) -> NonlinearTransform:
        """Return a model with first weights and the options that this state has."""
        rng = np.random.default_rng(0)
        if "exponents" in state:
            alpha, epsilon = np.asarray(state["exponents"], np.float64).reshape(2).tolist()
            return cls(width, latents, rng=rng, alpha=alpha, epsilon=epsilon)
        if "g_a.1.alpha" in state:
            learned_by = "channel" if np.ndim(state["g_a.1.alpha"]) else "layer"
            return cls(width, latents, rng=rng, learned_by=learned_by)
        return cls(width, latents, rng=rng, nonlinearity="none" if "g_a.1.weight" in state else "relu")


def _start(exponent: float, channels: int, learned_by: str | None) -> float | Array:
    """Return an exponent for `layers.GDN`: a number, or where those that are learned begin."""
    if learned_by is None:
        return float(exponent)
    return np.full(() if learned_by == "layer" else (channels,), exponent, np.float64)
