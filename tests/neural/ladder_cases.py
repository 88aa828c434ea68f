"""Small models of several rates for tests, as if they were shipped."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

import pytest
from codec_cases import WEIGHT, small_weights
from hyper_cases import hyper_weights

from neural_from_scratch import weights as module
from neural_from_scratch.models import FactorizedPrior
from neural_from_scratch.models.hyperprior import Hyperprior
from neural_from_scratch.warm_start import change_weight
from neural_from_scratch.weights import Weights, load_weights, make_weights, model_for, write_weights


@lru_cache(maxsize=3)
def ladder(name: str) -> tuple[Weights, ...]:
    """Weights of qualities 1 to 3: finer latents from one to the next, nothing learned."""
    state = (small_weights() if name == FactorizedPrior.name else hyper_weights(name)).model.state_dict()
    made = []
    for number, factor in enumerate((0.002, 0.012, 0.06), 1):
        model = model_for(state)
        assert isinstance(model, FactorizedPrior | Hyperprior)
        model.load_state_dict(state)
        change_weight(model, WEIGHT, WEIGHT * factor)
        card = {"lambda": WEIGHT * factor, "distortion": "mse"}
        made.append(make_weights(model.state_dict(), card, number))
    return tuple(made)


@contextmanager
def shipped(folder: Path, *names: str) -> Iterator[None]:
    """Let the ladders of these models, and nothing else, be what is shipped."""
    for name in names:
        for weights in ladder(name):
            write_weights(folder / f"{name}-{weights.quality}.npz", weights)
    load_weights.cache_clear()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "FOLDER", folder)
        yield
    load_weights.cache_clear()
