"""From the Karhunen–Loève transform to a network: first weights that already are a codec.

**What is known without learning.** Let x be a vector of samples with covariance C, and let the rows of an
orthonormal matrix W be the eigenvectors of C, by falling eigenvalue. The coefficients W x are
uncorrelated, and of all linear transforms this one, Karhunen and Loève's, packs the most energy into the
first so many. JPEG's cosine transform is an approximation to it that needs no statistics. A codec follows
at once: y = W x, round, x̂ = Wᵀ y.

**As a network.** Four convolutions with stride 2 make one latent position of 16×16 pixels. A 5×5 kernel
that is zero but for its taps (2, 2), (2, 3), (3, 2), (3, 3) sees, with padding 2, the pixels (2i, 2j) …
(2i + 1, 2j + 1) for the output (i, j): squares of 2×2 side by side, whose four *phases* are four samples
for each input channel. So a layer is a matrix for vectors of 4 · C_in samples, and its weights can be the
eigenvectors of their covariance:

    3 × 4 = 12 ─▶ 12 ─▶ 48 ─▶ 48 ─▶ 192 ─▶ N ─▶ 4 N ─▶ M

as long as a layer has fewer channels than that all are kept, then the strongest. This is done stage by
stage: the covariance of a stage is measured on what the stage before makes of training squares. The
synthesis layer is the transpose: a transposed convolution with the same taps puts Wᵀ y where the samples
came from.

A layer that steps by 4 (`nonlinear_transform`) is the same with squares of 4×4, whose 16 phases lie at the
taps 4 … 7 of its 9×9, and 3 × 16 = 48 ─▶ N. In general the taps from the padding on, as many as the stride.

**Normalisation.** GDN starts near the identity: β = 1 and a small γ on the diagonal, γ = 2·10⁻⁴. What it
bends, IGDN with the same numbers bends back to first order. Behind the last layer, where the brightness of
16×16 pixels may be a hundred steps from the middle, γ starts at a hundredth of that. ReLU is far from the
identity, but of two of them it can be made, x = max(x, 0) − max(−x, 0). So where ReLU follows, each axis gets
two channels, one with each sign, and there are half as many axes.

**How fine.** Rounding has the step 1, so the last stage is scaled by 1/Δ, and the first of the synthesis
by Δ. Which Δ? The loss is λ D + R, with D the mean squared error a *sample* in 8-bit units, R the bits a
*pixel*. An orthonormal transform keeps squared errors, and a fine uniform quantiser makes Δ²/12 of them a
coefficient: D = Δ²/12. Halving Δ costs one bit a coefficient, and a pixel has three: R = const − 3 log₂
Δ. Where the derivative of the sum

    λ Δ²/12 − 3 log₂ Δ    is zero,    λ Δ/6 = 3 / (Δ ln 2),    Δ² = 18 / (λ ln 2).                        (1)

At λ = 0.013 that is Δ = 45: coarse, and the assumption of a fine quantiser holds for few coefficients
only. As a start it is right enough.

**Where the scale goes.** All of 1/Δ could sit in the last analysis layer, and Δ in the first synthesis
layer, whose weights are then very small: some 0.01. But a step of Adam is of one size for all weights,
5·10⁻⁴, and a twentieth of a weight at each step is noise. So each of the first three stages doubles what
it makes, its synthesis halves it, and the last one has the rest. That changes nothing at step 0 but what
GDN sees. Measured at (64, 96), λ = 0.013, 400 steps, on pictures not trained on: the loss falls from 1.48
to 1.32 without it, to 1.29 with it; to 1.36 with 0.6 in the place of 2, to 1.32 with 3.

**What is left to learn.** At step 0 this is a block transform codec with 16×16 blocks, and it compresses
like one. Taps outside of the middle are zero, and become basis functions that overlap; channels to which
no eigenvector was given keep their random weights, but nobody listens to them yet; γ learns who masks
whom. Nothing of the first hours of training is spent on finding out that neighbouring pixels are alike.

The densities start as the logistic ones with the spread of their channels. What a hyperprior has besides the
transforms begins in another way (`hyper_start`).

**From one λ to the next.** A trained model is the best start for a neighbouring rate. By equation 1 its
latents should be finer or coarser by √(λ'/λ): `change_weight` scales them, and the densities with them.

References
----------
H. Hotelling, 1933; K. Karhunen, 1947; M. Loève, 1948. Equation 1 is high-rate theory: H. Gish & J. Pierce,
"Asymptotically efficient quantizing", IEEE Trans. Information Theory 14, 1968. V. Goyal, "Theoretical
foundations of transform coding", IEEE Signal Processing Magazine 18, 2001.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from . import ops, seeds
from .arrays import array_module
from .data import Pictures
from .hyper_start import last_layer
from .layers import ALPHA_MIN, GDN, Conv2d, ConvTranspose2d, ReLU
from .models import TransformCodec
from .models.hyperprior import Hyperprior
from .tensor import Tensor, no_grad

__all__ = ["change_weight", "optimal_step", "principal_axes", "warm_start"]

GAMMA = 2e-4  # on the diagonal of GDN: 1 % less at x = 10
GAMMA_OF_LATENTS = 2e-6  # the same at x = 100
GAIN = 2.0  # of each stage but the last
AT_ONCE = 8  # squares


def optimal_step(weight: float) -> float:
    """Return Δ of equation 1, in 8-bit units, for coefficients of an orthonormal transform.

    Examples
    --------
    >>> round(optimal_step(0.013), 2)
    44.69
    """
    if not 0 < weight < math.inf:
        raise ValueError(f"optimal_step: weight is {weight}, must be positive")
    return math.sqrt(18 / (weight * math.log(2)))


def principal_axes(covariance: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    """Return the eigenvectors of the largest eigenvalues as rows, (count, n), the strongest first.

    The sign, which is nobody's choice, is set so that each row's sum is not negative: a mean, where there is
    one, is a mean and not its negative.

    Examples
    --------
    >>> principal_axes(np.array([[2.0, 1.0], [1.0, 2.0]]), 2).round(3)
    array([[ 0.707,  0.707],
           [ 0.707, -0.707]])
    """
    _, vectors = np.linalg.eigh(covariance)
    axes = vectors.T[::-1][:count]
    sums = axes.sum(axis=1)
    firm = np.abs(sums) > 1e-9
    leading = axes[np.arange(len(axes)), np.abs(axes).argmax(axis=1)]
    return axes * np.where(np.where(firm, sums, leading) < 0, -1.0, 1.0)[:, None]


def warm_start(
    model: TransformCodec,
    pictures: Pictures,
    weight: float,
    seed: int,
    *,
    squares: int = 128,
    side: int = 128,
) -> None:
    """Set the weights of a model so that step 0 is a linear transform codec.

    Parameters
    ----------
    model : TransformCodec
        On NumPy; changed in place.
    pictures : Pictures
        To measure covariances on.
    weight : float
        λ of `losses.rate_distortion` with MSE; for MS-SSIM take the λ of MSE at about the same rate.
    seed : int
        The stream ``seeds.stream(seed, "crops", 2³² − 1)`` and those below are used, which no training
        reaches.
    squares, side : int
        How many crops of what size; `side` a multiple of 16.

    Raises
    ------
    ValueError
        For a weight that is not positive, or a side that is no multiple of 16.
    """
    step = optimal_step(weight) / 255
    stages = _stages(model)
    if stages[0].axes < 1:
        raise ValueError(f"warm_start: {model.describe()} has no two channels for an axis")
    if side % model.shrink or side < model.shrink or squares < 1:
        raise ValueError(f"warm_start: squares={squares}, side={side}, must be a multiple of {model.shrink}")
    batches = _batches(pictures, seed, squares, side)
    outermost = model.g_a[-1], model.g_s[0]
    for layer in (*model.g_a, *model.g_s):
        if isinstance(layer, GDN):
            _near_identity(layer, GAMMA_OF_LATENTS if layer in outermost else GAMMA)
    live, is_paired = 3, False
    last = 1 / (step * GAIN ** (len(stages) - 1))
    with no_grad():
        for stage in stages:
            maps = _made_by(model, batches, stage.place)
            if is_paired:
                maps = (x[:, :live] - x[:, live : 2 * live] for x in maps)
            mean, covariance = _statistics(maps, live, stage.down.stride[0])
            axes = principal_axes(covariance, min(len(covariance), stage.axes))
            _set_stage(stage, axes, mean, last if stage is stages[-1] else GAIN, is_paired)
            live, is_paired = len(axes), stage.has_pairs
    if not isinstance(model, Hyperprior):  # `hyper_start` sees to those
        _fit_density(model, batches, seed)


def change_weight(model: TransformCodec, old: float, new: float) -> None:
    """Make a model that was trained for one λ a start for another: latents finer or coarser by √(new / old).

    Parameters
    ----------
    model : TransformCodec
        Changed in place. The last analysis layer is multiplied by that factor f, the first synthesis layer
        divided by it: but for the rounding, pictures stay as they are. A normalisation between them and the
        latents passes f on if γ becomes γ f^(−α). A density becomes that of f · y; a hyperprior hears y / f,
        and what it tells is multiplied.
    old, new : float
        λ, of one distortion.

    Raises
    ------
    ValueError
        If one is not positive.
    """
    factor = optimal_step(old) / optimal_step(new)
    last, first = _stages(model)[-1].pair
    assert last.bias is not None
    for layer in (model.g_a[-1], model.g_s[0]):
        if isinstance(layer, GDN):
            _pass_on(layer, factor)
    last.weight.data *= factor
    last.bias.data *= factor
    first.weight.data /= factor
    if isinstance(model, Hyperprior):  # z stays, and what it says is multiplied
        hears, tells = model.h_a[0], last_layer(model)
        assert isinstance(hears, Conv2d)
        assert tells.bias is not None
        hears.weight.data /= factor
        tells.weight.data *= factor
        tells.bias.data *= factor
        return
    density = model.entropy_bottleneck
    # L(x / f): only the first matrix meets x, and the inverse of softplus is ln(eʰ − 1).
    stored = density.matrices[0]
    xp = array_module(stored.data)
    stored.data = xp.log(xp.expm1(ops.softplus(stored.data).data / factor))
    density.quantiles.data *= factor


class _Stage(NamedTuple):
    """A layer of the analysis, and that of the synthesis which undoes it."""

    place: int  # in g_a
    down: Conv2d
    up: ConvTranspose2d
    has_pairs: bool  # ReLU follows, and comes before `up`

    @property
    def pair(self) -> tuple[Conv2d, ConvTranspose2d]:
        return self.down, self.up

    @property
    def axes(self) -> int:
        """How many it has room for."""
        return self.down.outputs // (2 if self.has_pairs else 1)


def _stages(model: TransformCodec) -> list[_Stage]:
    """Return all stages, the one next to the picture first."""
    downs = [(place, layer) for place, layer in enumerate(model.g_a) if isinstance(layer, Conv2d)]
    ups = [layer for layer in model.g_s if isinstance(layer, ConvTranspose2d)]
    followers = [*model.g_a][1:]
    return [
        _Stage(place, down, up, place < len(followers) and isinstance(followers[place], ReLU))
        for (place, down), up in zip(downs, reversed(ups), strict=True)
    ]


def _batches(pictures: Pictures, seed: int, squares: int, side: int) -> list[NDArray[np.float32]]:
    """Return crops that no training sees."""
    return [
        pictures.batch(seed, (1 << 32) - 1 - i, min(AT_ONCE, squares - i * AT_ONCE), side)
        for i in range(-(-squares // AT_ONCE))
    ]


def _fit_density(model: TransformCodec, batches: list[NDArray[np.float32]], seed: int) -> None:
    """Set the densities of y to what the latents of some crops are like."""
    with no_grad():
        y = np.concatenate(list(_made_by(model, batches, len(model.g_a))))
    noise = seeds.stream(seed, "warm start").random(y.shape, np.float32) - np.float32(0.5)
    model.entropy_bottleneck.fit_logistic(*_middle_and_spread(y + noise))


def _middle_and_spread(latents: NDArray[np.float32]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the median of each channel, and the mean distance from it."""
    middle = np.median(latents, axis=(0, 2, 3)).astype(np.float64)
    spread = np.abs(latents - middle[:, None, None].astype(np.float32)).mean(axis=(0, 2, 3))
    return middle, spread.astype(np.float64)


def _made_by(
    model: TransformCodec, batches: list[NDArray[np.float32]], layers: int
) -> Iterator[NDArray[np.float32]]:
    """Yield what the first layers of the analysis make of each batch."""
    for batch in batches:
        x = Tensor(batch.astype(model.g_a[0].weight.dtype))  # type: ignore[attr-defined]
        yield model.g_a[:layers](x).data


def _statistics(
    maps: Iterator[NDArray[np.float32]], live: int, step: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the mean of each channel, (live,), and the covariance of their phases, (step² live, step² live).

    Phase (a, b) of channel c is row step² c + step a + b: the order of `ops.space_to_depth`.
    """
    phases = step**2
    total, products, count = np.zeros(phases * live), np.zeros((phases * live, phases * live)), 0
    for x in maps:
        sorted_out = ops.space_to_depth(Tensor(x[:, :live]), step).data
        vectors = sorted_out.swapaxes(0, 1).reshape(phases * live, -1).astype(np.float64)
        total += vectors.sum(axis=1)
        products += vectors @ vectors.T
        count += vectors.shape[1]
    mean = (total / count).reshape(live, phases).mean(axis=1)
    around = np.repeat(mean, phases)
    outer = np.outer(total / count, around)
    return mean, products / count - outer - outer.T + np.outer(around, around)


def _set_stage(
    stage: _Stage, axes: NDArray[np.float64], mean: NDArray[np.float64], scale: float, is_paired: bool
) -> None:
    """Let `down` compute ``scale · axes · (x − mean)`` of squares, and `up` undo it.

    Channels come twice, the second time with the other sign: those of x if `is_paired`, and those that are
    made if the stage has pairs.
    """
    down, up = stage.pair
    step, first = down.stride[0], down.padding[0]
    taps = axes.reshape(len(axes), mean.size, step, step)
    shifts, means = -scale * (axes @ np.repeat(mean, step**2)), mean
    if is_paired:
        taps, means = np.concatenate([taps, -taps], axis=1), np.concatenate([mean, -mean])
    if stage.has_pairs:
        taps, shifts = np.concatenate([taps, -taps]), np.concatenate([shifts, -shifts])
    made, live = taps.shape[:2]
    used = slice(first, first + step)
    dtype = down.weight.dtype
    forward, back = down.weight.data, up.weight.data
    forward[:made] = 0  # what has an axis does not listen to what has none
    forward[:made, :live, used, used] = scale * taps
    back[:, :live] = 0
    back[:made, :live, used, used] = taps / scale
    assert down.bias is not None
    assert up.bias is not None
    down.bias.data[:made] = shifts.astype(dtype)
    up.bias.data[:live] = means.astype(dtype)


def _near_identity(layer: GDN, gamma: float) -> None:
    """β = 1, γ = a number times I."""
    channels = layer.beta.size
    for parameter, value in ((layer.beta, np.ones(channels)), (layer.gamma, gamma * np.eye(channels))):
        parameter.data = ops.nonnegative_stored(value).astype(parameter.dtype)


def _pass_on(layer: GDN, factor: float) -> None:
    """Let GDN or IGDN of f · x be f times that of x."""
    alpha = layer.alpha
    if isinstance(alpha, Tensor):
        alpha = ops.nonnegative(alpha, ALPHA_MIN).data
    gamma = ops.nonnegative(layer.gamma).data * factor**-alpha
    layer.gamma.data = ops.nonnegative_stored(gamma).astype(layer.gamma.dtype)
