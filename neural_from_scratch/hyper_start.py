"""From a factorised prior to a hyperprior: the new layers learn alone first, and that is quick.

The transforms g_a and g_s of a trained factorised prior serve a hyperprior as they are: what is new is h_a,
h_s and the density of z, a tenth of the operations. While the transforms stand still, so do the latents of a
picture, and the error of what is decoded. So the latents of many squares are made once, and the new layers
learn from these: nothing but bits is left of the loss,

    R = Σ −log₂ p(y + u | h_s(z + u')) − log₂ p(z + u'),    z = h_a(y),     u and u' from U(−½, ½)      (1)

and a step takes a tenth of the time of one that trains everything. Then everything is trained together
(`train`), from a point where both halves know of each other.

**In units of each channel.** Latents of the first channels are a hundred times as large as those of the last,
and a step of Adam is of one size for all weights. So while the new layers learn, what they hear is y / s and
what they tell is times s, with the spread s of each channel; afterwards s goes into the weights of the first
and the last layer, and nothing else changes. Before the first step they tell the spread of each channel and
its middle, wherever it is: little more than the factorised prior knew.

Measured at (64, 96), λ = 0.013, from weights of 16,000 steps: see docs/models.md.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from . import losses, ops, seeds
from .data import Pictures
from .gaussian_model import gaussian_likelihood
from .layers import Conv2d
from .models.hyperprior import Hyperprior
from .optim import Adam, Group, clip_gradients, warmup_cosine
from .tensor import Tensor, no_grad

__all__ = ["last_layer", "latents_of_squares", "learn_alone"]

SIDE = 256  # of the squares, in pixels
SQUARES = 384
AT_ONCE = 4
RATE, DENSITY_RATE = 1e-3, 1e-2
WARMUP, FINAL = 100, 0.02
QUIET = 0.3
LEAST_SPREAD = 0.3
FEW = 32  # squares
LOUD = 2.0  # the standard deviation of z at first: less would drown in the noise


def latents_of_squares(
    model: Hyperprior, pictures: Pictures, seed: int, squares: int = SQUARES, side: int = SIDE
) -> NDArray[np.float32]:
    """Return the latents of squares that no training sees, (squares, M, side/16, side/16)."""
    made = []
    with no_grad():
        for first in range(0, squares, AT_ONCE):
            count = min(AT_ONCE, squares - first)
            batch = pictures.batch(seed, (1 << 31) - 1 - first // AT_ONCE, count, side)
            made.append(model.analyse(batch).data)
    return np.concatenate(made)


def learn_alone(
    model: Hyperprior,
    latents: NDArray[np.float32],
    seed: int,
    steps: int,
    *,
    rate: float = RATE,
    progress: bool = False,
) -> float:
    """Train h_a, h_s and the density of z on latents that stay as they are.

    Parameters
    ----------
    model : Hyperprior
        On NumPy; changed in place.
    latents : ndarray of float32, shape (K, M, h, w)
        y, of K squares.
    seed : int
        Of the order of squares, and of the noise.
    steps : int
        Of Adam, on 4 squares each. After none, h_s tells the same for all places of a channel, nearly.
    rate : float
        Of Adam, for h_a and h_s.
    progress : bool
        Whether to show a bar, on standard error.

    Returns
    -------
    float
        Bits a pixel, by equation 1, as a mean over the last tenth of the steps.

    Raises
    ------
    FloatingPointError
        If a gradient is not finite.
    """
    from tqdm import tqdm

    named = {
        name: tensor for name, tensor in model.named_parameters() if not name.startswith(("g_a.", "g_s."))
    }
    named = {name: tensor for name, tensor in named.items() if tensor.requires_grad}
    density = {name: tensor for name, tensor in named.items() if name.startswith("entropy_bottleneck.")}
    layers = {name: tensor for name, tensor in named.items() if name not in density}
    adam = Adam([Group(layers, rate), Group(density, DENSITY_RATE)])
    spread = _start(model, latents)
    pixels = AT_ONCE * latents.shape[2] * latents.shape[3] * model.shrink**2
    found = np.zeros(steps)
    for step in tqdm(range(steps), unit="step", desc="hyperprior alone", disable=not progress):
        rng = seeds.stream(seed, "hyperprior", step)
        y = latents[rng.integers(len(latents), size=AT_ONCE)]
        z = _noisy(model.hyper_analyse(Tensor(y / spread)), rng)
        scales, means = model.expected(z, *y.shape[2:])
        likelihoods = {
            "y": gaussian_likelihood(
                _noisy(Tensor(y), rng), scales * spread, None if means is None else means * spread
            ),
            "z": model.entropy_bottleneck.likelihood(z),
        }
        adam.clear_gradients()
        bits = losses.rate(likelihoods, pixels)
        bits.backward()
        clip_gradients(named, 1.0)
        adam.step(warmup_cosine(step, steps, min(WARMUP, steps), FINAL))
        found[step] = bits.item()
    _fold(model, spread)
    model.entropy_bottleneck.find_quantiles()
    return float(found[-max(1, steps // 10) :].mean()) if steps else math.nan


def _start(model: Hyperprior, latents: NDArray[np.float32]) -> NDArray[np.float32]:
    """Let the last layer tell the middle and the spread of each channel; return the spreads, (M, 1, 1)."""
    middle = np.median(latents, axis=(0, 2, 3))
    distance = np.abs(latents - middle[:, np.newaxis, np.newaxis]).mean(axis=(0, 2, 3))
    spread = np.maximum(distance * math.sqrt(math.pi / 2), LEAST_SPREAD).astype(np.float32)
    tells = last_layer(model)
    assert tells.bias is not None
    tells.weight.data *= QUIET
    tells.bias.data[:] = np.concatenate([np.ones_like(spread), middle / spread][: 1 + model.has_means])
    spread = spread[:, np.newaxis, np.newaxis]
    speaks = [layer for layer in model.h_a if isinstance(layer, Conv2d)][-1]
    assert speaks.bias is not None
    with no_grad():
        z = model.hyper_analyse(Tensor(latents[:FEW] / spread)).data
    middle, around = z.mean(axis=(0, 2, 3)), z.std(axis=(0, 2, 3))
    louder = LOUD / np.maximum(around, 1e-6)
    speaks.weight.data *= louder[:, np.newaxis, np.newaxis, np.newaxis]
    speaks.bias.data[:] = (speaks.bias.data - middle) * louder
    nothing = np.zeros(len(z[0]))
    model.entropy_bottleneck.fit_logistic(nothing, nothing + LOUD * math.sqrt(2 / math.pi))
    return spread


def _fold(model: Hyperprior, spread: NDArray[np.float32]) -> None:
    """Let h_a hear y in place of y / s, and h_s tell for itself what was times s."""
    hears, tells = model.h_a[0], last_layer(model)
    assert isinstance(hears, Conv2d)
    assert tells.bias is not None
    times = np.tile(spread.ravel(), 2 if model.has_means else 1)
    hears.weight.data /= spread
    tells.weight.data *= times[:, np.newaxis, np.newaxis, np.newaxis]
    tells.bias.data *= times


def last_layer(model: Hyperprior) -> Conv2d:
    """Return the layer of h_s that tells what to expect."""
    return [layer for layer in model.h_s if isinstance(layer, Conv2d)][-1]


def _noisy(latents: Tensor, rng: np.random.Generator) -> Tensor:
    return ops.add(latents, rng.random(latents.shape, np.float32) - np.float32(0.5))
