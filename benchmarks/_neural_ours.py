"""Our side of `neural_ops`: the network and the training step with `neural_from_scratch`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from neural_from_scratch import losses
from neural_from_scratch.layers import GDN, Conv2d, ConvTranspose2d, Sequential
from neural_from_scratch.optim import Adam
from neural_from_scratch.tensor import Tensor


def network(inner: int, latent: int) -> Sequential:
    """Return analysis and synthesis, four layers each, in a row."""
    rng = np.random.default_rng(0)

    def down(channels: int, out: int) -> Conv2d:
        return Conv2d(channels, out, 5, stride=2, padding=2, rng=rng)

    def up(channels: int, out: int) -> ConvTranspose2d:
        return ConvTranspose2d(channels, out, 5, stride=2, padding=2, output_padding=1, rng=rng)

    return Sequential(
        down(3, inner),
        GDN(inner),
        down(inner, inner),
        GDN(inner),
        down(inner, inner),
        GDN(inner),
        down(inner, latent),
        up(latent, inner),
        GDN(inner, inverse=True),
        up(inner, inner),
        GDN(inner, inverse=True),
        up(inner, inner),
        GDN(inner, inverse=True),
        up(inner, 3),
    )


def training_step(model: Sequential, batch: Any, rate: float) -> Callable[[], list[Any]]:
    """Return a function that takes a step (forward, MSE, backward, Adam) and returns loss and gradients."""
    parameters = model.parameters()
    optimiser = Adam(parameters, rate)
    target = Tensor(batch)

    def step() -> list[Any]:
        optimiser.clear_gradients()
        loss = losses.mse(model(target), target)
        loss.backward()
        optimiser.step()
        return [loss.data, *(parameter.grad for parameter in parameters)]

    return step
