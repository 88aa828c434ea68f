"""A demonstration that learns: a tiny autoencoder and one photograph, for half a minute.

What a learned codec is made of, without its entropy coder:

                analysis                    rounding                 synthesis
    picture ──────────────────▶ latents y ──────────▶ whole numbers ŷ ──────────▶ picture again
    3 × H × W                   C × H/8 × W/8                                     3 × H × W

`Autoencoder` is this in three layers each way. `learn` shows it random patches of the photograph, adds noise
from U(−½, ½) to y in the place of rounding (`quantization` says why), and changes all weights so that the
mean squared error falls. From time to time it shows what the network makes of the whole photograph: there y
is really rounded.

The network knows only this photograph, has 3 numbers a pixel in and 3/8 of a number in between, and learns
all of it from nothing in a thousand steps or two. What it does not learn is to make the numbers ŷ cheap: that
takes a model of how likely they are and a rate term in the loss, so nothing is said about bits here.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from . import losses, seeds
from .layers import GDN, Conv2d, ConvTranspose2d, Layer, Sequential
from .optim import Adam, clip_gradients, warmup_cosine
from .pictures import Pixels, to_network, to_pixels
from .quantization import add_uniform_noise
from .tensor import Tensor, no_grad

__all__ = ["PATCH", "Autoencoder", "Learned", "Snapshot", "learn", "psnr", "whole_blocks"]

WIDTH, LATENTS = 32, 24  # channels inside, and of the latents
SHRINK = 8  # times smaller in each direction are the latents
GAIN = (
    8.0  # latents are this times what the last layer makes, so that a unit of noise is small from the start
)
BATCH, PATCH = 4, 64
RATE, MAX_NORM = 4e-3, 1.0
WARMUP = 0.08  # of the time
LOOKS = tuple(
    8 * 5**i for i in range(9)
)  # steps after which the photograph is looked at, beside start and end


class Autoencoder(Layer):
    """Three convolutions down, three transposed ones up, with GDN in between.

    Parameters
    ----------
    rng : numpy.random.Generator
        Where the first weights come from.
    width, latents : int
        Channels inside, and of the latents.

    Examples
    --------
    >>> network = Autoencoder(np.random.default_rng(0))
    >>> latents = network.encode(Tensor(np.zeros((1, 3, 64, 48), np.float32)))
    >>> latents.shape
    (1, 24, 8, 6)
    >>> network.decode(latents).shape
    (1, 3, 64, 48)
    """

    def __init__(self, rng: np.random.Generator, width: int = WIDTH, latents: int = LATENTS) -> None:
        def down(inputs: int, outputs: int) -> Conv2d:
            return Conv2d(inputs, outputs, 5, stride=2, padding=2, rng=rng)

        def up(inputs: int, outputs: int) -> ConvTranspose2d:
            return ConvTranspose2d(inputs, outputs, 5, stride=2, padding=2, output_padding=1, rng=rng)

        self.analysis = Sequential(
            down(3, width), GDN(width), down(width, width), GDN(width), down(width, latents)
        )
        self.synthesis = Sequential(
            up(latents, width),
            GDN(width, inverse=True),
            up(width, width),
            GDN(width, inverse=True),
            up(width, 3),
        )

    def encode(self, x: Tensor) -> Tensor:
        """Map pictures (N, 3, H, W) to latents (N, C, H/8, W/8), before rounding."""
        return self.analysis(x) * GAIN

    def decode(self, latents: Tensor) -> Tensor:
        """Map latents to pictures."""
        return self.synthesis(latents * (1 / GAIN))


@dataclass(frozen=True)
class Snapshot:
    """What the network makes of the whole photograph at some time.

    Attributes
    ----------
    step : int
        How many steps it has learned.
    picture : ndarray of uint8, shape (H, W, 3)
        From rounded latents.
    psnr : float
        To the photograph, in dB.
    """

    step: int
    picture: Pixels
    psnr: float


@dataclass
class Learned:
    """What there is to show.

    Attributes
    ----------
    photograph : ndarray of uint8, shape (H, W, 3)
    network : Autoencoder
    losses : list of float
        Mean squared error of each step's patches, with samples of −1 … 1 and noise in place of rounding.
    snapshots : list of Snapshot
        The first is from before the first step, the last from after the last one.
    latents : ndarray of float32, shape (C, H/8, W/8)
        Of the photograph, rounded, at the end.
    seconds : float
        That the steps took.
    """

    photograph: Pixels
    network: Autoencoder
    losses: list[float] = field(default_factory=list)
    snapshots: list[Snapshot] = field(default_factory=list)
    latents: npt.NDArray[np.float32] = field(default_factory=lambda: np.zeros((0, 0, 0), np.float32))
    seconds: float = 0.0

    @property
    def numbers_per_pixel(self) -> float:
        """How many latents there are for a pixel."""
        return self.latents.size / (self.photograph.shape[0] * self.photograph.shape[1])


def learn(
    photograph: Pixels,
    *,
    seconds: float = 30.0,
    steps: int | None = None,
    seed: int = 0,
    progress: Callable[[float, Learned], None] | None = None,
) -> Learned:
    """Train a network on one photograph.

    Parameters
    ----------
    photograph : ndarray of uint8, shape (H, W, 3)
        Of at least `PATCH` rows and columns; rows and columns beyond a multiple of 8 are left out.
    seconds : float
        How long to learn. How many steps that is depends on the machine, and so does the result.
    steps : int, optional
        How many steps to learn instead: the result is the same each time.
    seed : int
        Of first weights, patches and noise.
    progress : callable, optional
        Called before the first step and after each with the part of the work that is done, 0 … 1, and what
        there is so far.

    Returns
    -------
    Learned

    Raises
    ------
    ValueError
        If the photograph is too small, or `seconds` or `steps` are not positive.
    """
    photograph = whole_blocks(photograph)
    if not 0 < seconds < math.inf or (steps is not None and steps < 1):
        raise ValueError(f"learn: seconds={seconds}, steps={steps}, must be positive")
    network = Autoencoder(seeds.stream(seed, "weights"))
    learned = Learned(photograph, network)
    x = to_network(photograph)
    adam = Adam(network.named_parameters(), RATE)
    patches, noise = seeds.stream(seed, "patches"), seeds.stream(seed, "noise")

    first = _error(network, _patches(x, seeds.stream(seed, "rehearsal")), noise)
    first.backward()  # a rehearsal, without a step: compiling and loading shall not count as learning
    _look(learned, x)
    if progress is not None:
        progress(0.0, learned)
    done, start = 0.0, time.perf_counter()
    while done < 1:
        adam.clear_gradients()
        loss = _error(network, _patches(x, patches), noise)
        loss.backward()
        clip_gradients(network.named_parameters(), MAX_NORM)
        adam.step(warmup_cosine(int(1000 * done), 1000, int(1000 * WARMUP), final=0.02))
        learned.losses.append(loss.item())
        learned.seconds = time.perf_counter() - start
        done = len(learned.losses) / steps if steps else learned.seconds / seconds
        done = min(done, 1.0)
        if len(learned.losses) in LOOKS and done < 1:
            _look(learned, x)
        if progress is not None:
            progress(done, learned)
    _look(learned, x)
    return learned


def psnr(a: Pixels, b: Pixels) -> float:
    """10 log₁₀(255² / MSE), in dB, over all samples; infinite for equal pictures."""
    error = np.mean((a.astype(np.float64) - b) ** 2)
    return 10 * math.log10(255**2 / error) if error else math.inf


def whole_blocks(photograph: Pixels) -> Pixels:
    """Cut a photograph to a multiple of 8 rows and columns, from the middle; refuse one that is too small."""
    height, width = photograph.shape[:2]
    if min(height, width) < PATCH:
        raise ValueError(f"the picture is {width}×{height}, at least {PATCH}×{PATCH} is needed")
    top, left = height % SHRINK // 2, width % SHRINK // 2
    return photograph[top : top + height - height % SHRINK, left : left + width - width % SHRINK]


def _patches(x: npt.NDArray[np.float32], rng: np.random.Generator) -> npt.NDArray[np.float32]:
    """Cut `BATCH` squares of `PATCH` pixels anywhere, half of them mirrored."""
    height, width = x.shape[2:]
    rows = rng.integers(height - PATCH + 1, size=BATCH)
    columns = rng.integers(width - PATCH + 1, size=BATCH)
    mirrored = rng.integers(2, size=BATCH)
    pieces = [
        x[0, :, row : row + PATCH, column : column + PATCH][..., :: -1 if mirror else 1]
        for row, column, mirror in zip(rows, columns, mirrored)
    ]
    return np.stack(pieces)


def _error(network: Autoencoder, batch: npt.NDArray[np.float32], noise: np.random.Generator) -> Tensor:
    """The mean squared error, with noise in the place of rounding."""
    latents = add_uniform_noise(network.encode(Tensor(batch)), noise)
    return losses.mse(network.decode(latents), Tensor(batch))


def _look(learned: Learned, x: npt.NDArray[np.float32]) -> None:
    """Take a snapshot: the whole photograph, from latents that are really rounded."""
    with no_grad():
        learned.latents = np.rint(learned.network.encode(Tensor(x)).data[0])
        picture = to_pixels(learned.network.decode(Tensor(learned.latents[np.newaxis])).data)
    learned.snapshots.append(Snapshot(len(learned.losses), picture, psnr(learned.photograph, picture)))
