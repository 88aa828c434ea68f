"""Small hyperpriors for tests: the transforms of `codec_cases`, and side information that says something."""

from __future__ import annotations

from functools import lru_cache

from codec_cases import WEIGHT, small_weights

from neural_from_scratch import seeds
from neural_from_scratch.data import generate_pictures
from neural_from_scratch.hyper_start import last_layer, latents_of_squares, learn_alone
from neural_from_scratch.models import MeanScaleHyperprior, ScaleHyperprior, model_named
from neural_from_scratch.weights import Weights, make_weights

NAMES = (ScaleHyperprior.name, MeanScaleHyperprior.name)


@lru_cache(maxsize=4)
def hyper_weights(name: str, seed: int = 0) -> Weights:
    cls = model_named(name)
    assert cls in (ScaleHyperprior, MeanScaleHyperprior)
    model = cls(12, 48, rng=seeds.stream(seed, "weights"))
    trained = small_weights(seed).model.state_dict()
    transforms = {key: array for key, array in trained.items() if key.startswith(("g_a.", "g_s."))}
    model.load_state_dict(model.state_dict() | transforms)
    pictures = generate_pictures(seed, count=4, side=64)
    learn_alone(model, latents_of_squares(model, pictures, seed, squares=16, side=64), seed, steps=0)
    last_layer(model).weight.data *= 0.5  # so that what it tells stays near what is so
    return make_weights(model.state_dict(), {"lambda": WEIGHT, "distortion": "mse"})
