"""A small codec for tests: a few channels, a linear start, a few steps; ready in a second."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from neural_from_scratch import seeds
from neural_from_scratch.data import dead_leaves, generate_pictures
from neural_from_scratch.models import FactorizedPrior
from neural_from_scratch.train import Settings, Trainer, train
from neural_from_scratch.warm_start import warm_start
from neural_from_scratch.weights import Weights, make_weights

WEIGHT = 0.02


@lru_cache(maxsize=2)
def small_weights(seed: int = 0) -> Weights:
    """Weights of a model with 12 and 48 channels."""
    pictures = generate_pictures(seed, count=4, side=64)
    model = FactorizedPrior(12, 48, rng=seeds.stream(seed, "weights"))
    warm_start(model, pictures, WEIGHT, seed, squares=16, side=64)
    train(Trainer(model, pictures, Settings(WEIGHT, 6, batch=2, side=32, seed=seed)), progress=False)
    return make_weights(model.state_dict(), {"lambda": WEIGHT, "distortion": "mse"})


def picture(height: int, width: int, seed: int = 0) -> NDArray[np.uint8]:
    """A picture that no model was trained on."""
    whole = dead_leaves(seeds.stream(seed, "tests"), max(height, 16), max(width, 16))
    return np.ascontiguousarray(whole[:height, :width])


def psnr(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> float:
    """In dB; for equal ones infinite."""
    error = float(np.mean(np.square(np.subtract(one, other, dtype=np.float64))))
    return 10 * math.log10(255**2 / error) if error else math.inf
