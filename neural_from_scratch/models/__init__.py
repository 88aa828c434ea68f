"""Models, one a file, each named after its paper and written as its block diagram.

======================  ==  ===============================================================================
`factorized_prior`      1   Ballé et al. 2018 without hyperprior: every latent is coded by itself
======================  ==  ===============================================================================

The number is the one in files: it stays, whatever else comes.

>>> model_of(1).name
'factorized-prior'
"""

from __future__ import annotations

from ..errors import ModelError
from .factorized_prior import FactorizedPrior

__all__ = ["MODELS", "FactorizedPrior", "model_of"]

MODELS: dict[int, type[FactorizedPrior]] = {model.model_id: model for model in (FactorizedPrior,)}
"""The classes by the number in files."""


def model_of(model_id: int) -> type[FactorizedPrior]:
    """Return the class of a model's number; `ModelError` for one that is none."""
    if model_id not in MODELS:
        known = ", ".join(f"{number} ({model.name})" for number, model in MODELS.items())
        raise ModelError(f"unknown; there are {known}", model_id=model_id)
    return MODELS[model_id]
