"""Models, one a file, each named after its paper and written as its block diagram.

===========================  ==  ==========================================================================
`factorized_prior`           1   Ballé et al. 2018 without hyperprior: every latent is coded by itself
`scale_hyperprior`           3   Ballé et al. 2018: side information says how wide to expect each latent
`mean_scale_hyperprior`      4   Minnen et al. 2018 without context: and where
===========================  ==  ==========================================================================

The number is the one in files: it stays, whatever else comes. `transform_codec` holds what all of them share,
`hyperprior` what the last two do.

>>> model_of(1).name, model_named("scale-hyperprior").model_id
('factorized-prior', 3)
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ..arrays import Array
from ..errors import ModelError
from .factorized_prior import FactorizedPrior
from .mean_scale_hyperprior import MeanScaleHyperprior
from .scale_hyperprior import ScaleHyperprior
from .transform_codec import TransformCodec

__all__ = [
    "MODELS",
    "FactorizedPrior",
    "MeanScaleHyperprior",
    "ScaleHyperprior",
    "TransformCodec",
    "model_for",
    "model_named",
    "model_of",
]

MODELS: dict[int, type[TransformCodec]] = {
    model.model_id: model for model in (FactorizedPrior, ScaleHyperprior, MeanScaleHyperprior)
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
    first, last = state["g_a.0.weight"], state["g_a.6.weight"]
    if first.ndim != 4 or last.ndim != 4:
        raise ValueError("the weights of a convolution have four dimensions")
    width, latents = len(first), len(last)
    cls: type[FactorizedPrior | ScaleHyperprior | MeanScaleHyperprior] = FactorizedPrior
    if "h_s.4.weight" in state:
        told = len(state["h_s.4.weight"])
        cls = ScaleHyperprior if told == latents else MeanScaleHyperprior
    return cls(width, latents, rng=np.random.default_rng(0))
