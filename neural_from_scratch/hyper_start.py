"""From a factorised prior to a hyperprior: the new layers learn alone first, and that is quick.

The transforms g_a and g_s of a trained factorised prior serve a hyperprior as they are: what is new is h_a,
h_s and the density of z, a tenth of the operations. While the transforms stand still, so do the latents of a
picture, and what is decoded. So the latents of many squares are made once, and the new layers learn from
these: nothing but bits is left of the loss,

    R = Σ −log₂ p(ŷ | h_s(z + u)) − v log₂ p(z + u),    z = h_a(y),     u from U(−½, ½)                   (1)

and a step takes a quarter of the time of one that trains everything. Pictures stay as good as they were, and
become cheaper. Everything may be trained together afterwards (`train`), from a point where both halves know
of each other.

**At first, telling costs nothing.** In the beginning h_s does not listen yet, so whatever z says is waste,
and at its full price all weights agree that z had better be silent. The ReLUs of h_a die, one by one, and
cannot come back when h_s would listen; what is left is a factorised prior, and a bad one. So the price v of
side information rises from nearly nothing, and is 1 for the last fifth of the steps (`price`).

**What is sent.** ŷ is y rounded as in a file. Noise makes a latent that rounds to nothing look wider than
it is; training needs it where gradients have to go through ŷ into g_a, and here none goes there. Where h_s
tells means, ŷ = μ + round(y − μ), and is held fixed while p is derived by μ. z keeps its noise: h_a learns
through it, and its density has to be right between whole numbers too, since its medians move.

**In units of each channel.** Latents of the first channels are a hundred times as large as those of the
last. So weights that hear the first must be small and weights that tell them large, and a step of Adam is of
one size for all weights. `step_sizes` gives it one for each channel, from the channel's spread s: with 1 / s
for what hears y and s for what tells of it, all goes as if y / s were heard and told. Before the first step
the new layers tell the spread of each channel and its middle, wherever it is: little more than the factorised
prior knew.

What latents of one σ are really like is counted when all is over (`fitted_tables`).

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

__all__ = ["last_layer", "latents_of_squares", "learn_alone", "price", "step_sizes"]

SIDE = 256  # of the squares, in pixels
SQUARES = 3072
AT_ONCE = 4
RATE = 1e-3
DENSITY = 10  # so much larger is the rate of the density of z
WARMUP, FINAL = 100, 0.02
CHEAP = 0.8  # of the steps: how long a bit of side information costs less than one of y
QUIET = 0.3
LEAST_SPREAD = 0.3
FEW = 32  # squares
LOUD = 2.0  # the standard deviation of z at first: less would drown in the noise


def latents_of_squares(
    model: Hyperprior, pictures: Pictures, seed: int, squares: int = SQUARES, side: int = SIDE
) -> NDArray[np.float32]:
    """Return the latents of squares that no training sees, (squares, M, side/16, side/16)."""
    cells = side // model.shrink
    made = np.empty((squares, model.latents, cells, cells), np.float32)
    with no_grad():
        for first in range(0, squares, AT_ONCE):
            part = made[first : first + AT_ONCE]
            part[:] = model.analyse(pictures.batch(seed, (1 << 31) - 1 - first, len(part), side)).data
    return made


def learn_alone(
    model: Hyperprior,
    latents: NDArray[np.float32],
    seed: int,
    steps: int,
    *,
    rate: float = RATE,
    from_nothing: bool = True,
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
        Of Adam, on 4 squares each.
    rate : float
        Of Adam, for h_a and h_s.
    from_nothing : bool
        Whether to begin anew, with a price that rises; else it is 1. After no steps, h_s tells the same for
        all places of a channel, nearly.
    progress : bool
        Whether to show a bar, on standard error.

    Returns
    -------
    float
        Bits a pixel, by equation 1 with v = 1, as a mean over the last tenth of the steps.

    Raises
    ------
    FloatingPointError
        If a gradient is not finite.
    """
    from tqdm import tqdm

    if from_nothing:
        _start(model, latents)
    named = {
        name: tensor
        for name, tensor in model.named_parameters()
        if tensor.requires_grad and not name.startswith(("g_a.", "g_s."))
    }
    density = {name: tensor for name, tensor in named.items() if name.startswith("entropy_bottleneck.")}
    layers = {name: tensor for name, tensor in named.items() if name not in density}
    sizes = step_sizes(model, latents)
    adam = Adam([Group(layers, rate, sizes=sizes), Group(density, DENSITY * rate)])
    pixels = AT_ONCE * latents.shape[2] * latents.shape[3] * model.shrink**2
    found = np.zeros(steps)
    for step in tqdm(range(steps), unit="step", desc="hyperprior alone", disable=not progress):
        rng = seeds.stream(seed, "hyperprior", step)
        y = latents[rng.integers(len(latents), size=AT_ONCE)]
        z = _noisy(model.hyper_analyse(Tensor(y)), rng)
        scales, means = model.expected(z, *y.shape[2:])
        likelihoods = {
            "y": gaussian_likelihood(Tensor(_sent(y, means)), scales, means),
            "z": model.entropy_bottleneck.likelihood(z),
        }
        adam.clear_gradients()
        told, side = (losses.rate({name: likelihoods[name]}, pixels) for name in ("y", "z"))
        (told + side * price(step, steps) if from_nothing else told + side).backward()
        clip_gradients(named, 1.0)
        adam.step(warmup_cosine(step, steps, min(WARMUP, steps), FINAL))
        found[step] = told.item() + side.item()
    model.entropy_bottleneck.find_quantiles()
    return float(found[-max(1, steps // 10) :].mean()) if steps else math.nan


def price(step: int, steps: int) -> float:
    """Return v of equation 1.

    Examples
    --------
    >>> [price(step, 1000) for step in (0, 399, 799, 999)]
    [0.00125, 0.5, 1.0, 1.0]
    """
    return min(1.0, (step + 1) / (CHEAP * steps))


def step_sizes(model: Hyperprior, latents: NDArray[np.float32]) -> dict[str, NDArray[np.float32]]:
    """Return how large steps of the layers next to y should be, for `optim.Group`.

    Parameters
    ----------
    model : Hyperprior
        On NumPy.
    latents : ndarray of float32, shape (K, M, h, w)
        y, of K squares.
    """
    spread = _spread(latents, np.median(latents, axis=(0, 2, 3)))
    sizes = dict(zip((id(tensor) for tensor in _next_to_latents(model)), _sizes(model, spread)))
    return {name: sizes[id(tensor)] for name, tensor in model.named_parameters() if id(tensor) in sizes}


def _sent(y: NDArray[np.float32], means: Tensor | None) -> NDArray[np.float32]:
    """Return what a decoder has, k or k + μ."""
    return np.rint(y) if means is None else np.rint(y - means.data) + means.data


def _start(model: Hyperprior, latents: NDArray[np.float32]) -> None:
    """Let the last layer tell the middle and the spread of each channel, and z be loud enough to be heard."""
    middle = np.median(latents, axis=(0, 2, 3))
    spread = _spread(latents, middle)
    tells = last_layer(model)
    assert tells.bias is not None
    tells.weight.data *= QUIET
    tells.bias.data[:] = np.concatenate([np.ones_like(spread), middle / spread][: 1 + model.has_means])
    for tensor, size in zip(_next_to_latents(model), _sizes(model, spread)):
        tensor.data *= size
    speaks = [layer for layer in model.h_a if isinstance(layer, Conv2d)][-1]
    assert speaks.bias is not None
    with no_grad():
        z = model.hyper_analyse(Tensor(latents[:FEW])).data
    middle, around = z.mean(axis=(0, 2, 3)), z.std(axis=(0, 2, 3))
    louder = LOUD / np.maximum(around, 1e-6)
    speaks.weight.data *= louder[:, np.newaxis, np.newaxis, np.newaxis]
    speaks.bias.data[:] = (speaks.bias.data - middle) * louder
    nothing = np.zeros(len(z[0]))
    model.entropy_bottleneck.fit_logistic(nothing, nothing + LOUD * math.sqrt(2 / math.pi))


def _spread(latents: NDArray[np.float32], middle: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the spread of each channel, (M,)."""
    distance = np.abs(latents - middle[:, np.newaxis, np.newaxis]).mean(axis=(0, 2, 3))
    return np.maximum(distance * math.sqrt(math.pi / 2), LEAST_SPREAD).astype(np.float32)


def _next_to_latents(model: Hyperprior) -> tuple[Tensor, Tensor, Tensor]:
    """Return the weights that hear y, and weights and biases that tell of it."""
    hears, tells = model.h_a[0], last_layer(model)
    assert isinstance(hears, Conv2d)
    assert tells.bias is not None
    return hears.weight, tells.weight, tells.bias


def _sizes(model: Hyperprior, spread: NDArray[np.float32]) -> tuple[NDArray[np.float32], ...]:
    """Return how large those are, for what is inside to be of size 1."""
    times = np.tile(spread, 2 if model.has_means else 1)
    return (
        np.float32(1) / spread[:, np.newaxis, np.newaxis],
        times[:, np.newaxis, np.newaxis, np.newaxis],
        times,
    )


def last_layer(model: Hyperprior) -> Conv2d:
    """Return the layer of h_s that tells what to expect."""
    return [layer for layer in model.h_s if isinstance(layer, Conv2d)][-1]


def _noisy(latents: Tensor, rng: np.random.Generator) -> Tensor:
    return ops.add(latents, rng.random(latents.shape, np.float32) - np.float32(0.5))
