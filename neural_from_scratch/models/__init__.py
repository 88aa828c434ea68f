"""Models, one a file, each named after its paper and written as its block diagram.

===========================  ==  ==========================================================================
`factorized_prior`           1   Ballé et al. 2018 without hyperprior: every latent is coded by itself
`nonlinear_transform`        2   Ballé et al. 2017: the same with three stages, the first of them 9×9
`scale_hyperprior`           3   Ballé et al. 2018: side information says how wide to expect each latent
`mean_scale_hyperprior`      4   Minnen et al. 2018 without context: and where
===========================  ==  ==========================================================================

The number is the one in files: it stays, whatever else comes. `transform_codec` holds what all of them share,
`hyperprior` what the last two do.

>>> model_of(1).name, model_named("scale-hyperprior").model_id
('factorized-prior', 3)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from ..arrays import Array
from ..errors import ModelError
from .factorized_prior import FactorizedPrior
from .mean_scale_hyperprior import MeanScaleHyperprior
from .nonlinear_transform import NonlinearTransform
from .scale_hyperprior import ScaleHyperprior
from .transform_codec import TransformCodec

__all__ = [
    "MODELS",
    "FactorizedPrior",
    "MeanScaleHyperprior",
    "NonlinearTransform",
    "ScaleHyperprior",
    "TransformCodec",
    "model_for",
    "model_named",
    "model_of",
]

MODELS: dict[int, type[TransformCodec]] = {
    model.model_id: model
    for model in (FactorizedPrior, NonlinearTransform, ScaleHyperprior, MeanScaleHyperprior)
}
"""The classes by the number in files."""


def model_of(model_id: int) -> type[TransformCodec]:
    """Return the class of a model's number; `ModelError` for one that is none."""
    if model_id not in MODELS:
        known = ", ".join(f"{number} ({model.name})" for number, model in MODELS.items())
        raise ModelError(f"unknown; there are {known}", model_id=model_id)
    return MODELS[model_id]


def model_named(name: str) -> type[TransformCodec]:
    """Return the class of a model's name; `ValueError` for one that is none."""
    for model in MODELS.values():
        if model.name == name:
            return model
    raise ValueError(f"model={name!r}, there are {', '.join(model.name for model in MODELS.values())}")


def model_for(state: Mapping[str, Array]) -> TransformCodec:
    """Return a model with first weights whose state has these names and, most likely, these shapes.

    Raises
    ------
    KeyError
        If a name is missing by which models are told apart.
    ValueError
        If these are the weights of no model here.
    """
    first = state["g_a.0.weight"]
    places = [0, 2, 4, 6]
    if first.ndim == 4 and first.shape[2:] == (9, 9):
        places = [0, 1, 2] if "g_a.1.weight" in state else [0, 2, 4]
    width, latents = _widths([state[f"g_a.{place}.weight"] for place in places])
    if len(places) == 3:
        return NonlinearTransform.of_state(width, latents, state)
    cls: type[FactorizedPrior | ScaleHyperprior | MeanScaleHyperprior] = FactorizedPrior
    if "h_s.4.weight" in state:
        told = len(state["h_s.4.weight"])
        cls = ScaleHyperprior if told == latents else MeanScaleHyperprior
    return cls(width, latents, rng=np.random.default_rng(0))


def _widths(weights: Sequence[Array]) -> tuple[int, int]:
    """Return N and M of the weights of all analysis layers.

    All of them have to fit, so that a forged file gets no model that is much larger than itself.
    """
    if any(weight.ndim != 4 or not weight.size for weight in weights):
        raise ValueError("the weights of a convolution have four dimensions, none of them 0")
    width, latents = len(weights[0]), len(weights[-1])
    channels = [3, *[width] * (len(weights) - 1), latents]
    if [weight.shape[:2] for weight in weights] != [*zip(channels[1:], channels)]:
        shapes = ", ".join("×".join(map(str, weight.shape)) for weight in weights)
        raise ValueError(f"the analysis layers do not fit together: {shapes}")
    return width, latents
