"""A better file without another network: search for the latents of one picture.

The analysis network is a guess, made in one pass and learned from other pictures, at which latents serve
this picture best; the gap to the best ones is called *amortisation gap*. The decoder does not care where
latents come from. So let the encoder go on learning, with all weights as they are and the latents y of this
one picture in their place: minimise

    λ · 255² · MSE(x, g_s(y + u)) + bits(y + u) / pixels,      u from U(−½, ½), drawn anew at each step
    (1)

by Adam, from what the analysis network says. Noise stands for rounding, as it did in training (J. Campos, S.
Meierhans, A. Djelouah, C. Schroers, "Content adaptive optimization for neural image compression", 2019). The
gradient passes through the synthesis network, so that a step takes some three times as long as decoding.
Rounding in place of noise, with a gradient that looks past it, was tried and gains a third as much.

With another step than the trained one (`latent_coding`) λ is divided by its square: who rounds twice as
coarsely has four times the error, and wants bits to weigh four times as much. With λ as it was trained, the
search at a step of 40 / 64 would work against the step, towards fewer bits, and gain little more than half.

A large picture is searched strip by strip, with a margin that is searched twice (`strips`).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from . import losses, ops, seeds, strips
from .latent_coding import Coding
from .optim import Adam, Group
from .tensor import Tensor, no_grad

__all__ = ["refine"]

RATE = 0.05  # of Adam, at first; the end of half a cosine wave at the last step
FINAL = 0.1  # of it


def refine(
    coding: Coding, samples: NDArray[np.float32], latents: NDArray[np.float32], steps: int, seed: int = 0
) -> NDArray[np.float32]:
    """Return latents that cost less by equation 1.

    Parameters
    ----------
    coding : Coding
        How they will be coded; side information, where there is any, stays as it is.
    samples : ndarray of float32, shape (1, 3, H, W)
        The picture, in [0, 1]; H and W multiples of 16.
    latents : ndarray of float32, shape (1, M, H/16, W/16)
        What the analysis network makes of it.
    steps : int
    seed : int
        Of the noise.

    Returns
    -------
    ndarray of float32
        Latents, not rounded. Where those that were given cost less once they are rounded, they are returned.
    """
    result = latents.copy()
    shrink = coding.weights.model.shrink
    rows, columns = latents.shape[2:]
    cuts = strips.cut(rows, columns * shrink**2)
    for number, (first, last, above, beneath) in enumerate(cuts):
        part = coding.part(above, beneath)
        x = np.ascontiguousarray(samples[:, :, above * shrink : beneath * shrink])
        given = np.ascontiguousarray(latents[:, :, above:beneath])
        found = _search(part, x, given, steps, seed, number)
        if _cost(part, x, found) < _cost(part, x, given):
            result[:, :, first:last] = found[:, :, first - above : last - above]
    return result


def _search(
    coding: Coding, x: NDArray[np.float32], given: NDArray[np.float32], steps: int, seed: int, number: int
) -> NDArray[np.float32]:
    y = Tensor(given.copy(), requires_grad=True)
    adam = Adam([Group({"latents": y}, RATE)])
    for i in range(steps):
        drawn = seeds.stream(seed, "refinement", number, i).random(given.shape, np.float32)
        noise = (drawn - np.float32(0.5)) * np.float32(coding.step)
        adam.clear_gradients()
        _loss(coding, x, ops.add(y, noise)).backward()
        adam.step(FINAL + (1 - FINAL) * (1 + math.cos(math.pi * i / steps)) / 2)
    return y.data


def _loss(coding: Coding, x: NDArray[np.float32], y: Tensor) -> Tensor:
    weights = coding.weights
    return losses.rate_distortion(
        x,
        weights.model.synthesise(y),
        {"y": coding.likelihood(y)},
        weight=weights.weight / coding.step**2,
        distortion=weights.card.get("distortion", "mse"),
    ).loss


def _cost(coding: Coding, x: NDArray[np.float32], latents: NDArray[np.float32]) -> float:
    """Return the loss of latents once they are rounded."""
    with no_grad():
        return _loss(coding, x, Tensor(coding.dequantize(coding.quantize(latents)))).item()
