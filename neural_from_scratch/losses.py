"""What training makes small: distortion, rate, and both together.

A codec that may spend R bits makes an error D, and less R means more D. Training looks for the best trade at
one price of errors, λ:

    L = R + λ D                                                                                            (1)

Each λ gives one network and one point of the curve of rate and distortion; Ballé et al. 2017, "End-to-end
optimized image compression", eq. 8.

====================  =============================================================================
`mse`, `psnr`         D as the mean squared error, and the same in decibels
`ms_ssim`             how alike pictures look, on five scales: D = 1 − MS-SSIM
`rate`                R: bits per pixel, from the probabilities that an entropy model gives
`rate_distortion`     equation (1)
====================  =============================================================================

Here they are numbers on the tape, of batches (N, C, H, W). What a finished codec is judged by are the bytes
of its files and the metrics of `codec_eval`, which agree with these.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, TypeAlias

from . import ops
from .arrays import Array, array_module
from .tensor import Tensor, as_tensor, record

__all__ = ["RateDistortion", "ms_ssim", "mse", "psnr", "rate", "rate_distortion"]

Likelihoods: TypeAlias = Tensor | Array | Mapping[str, Tensor | Array] | Sequence[Tensor | Array]

MS_SSIM_EXPONENTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
"""How much each scale counts, the finest first: section 3.2 of Wang, Simoncelli, Bovik (2003)."""

_WINDOW, _SIGMA = 11, 1.5
_SMALLEST_SIDE = (_WINDOW - 1) * 2 ** (len(MS_SSIM_EXPONENTS) - 1) + 1
_K1, _K2 = 0.01, 0.03


# --------------------------------------------------------------------------------------------------
# Distortion


def mse(original: Tensor | Array, decoded: Tensor | Array) -> Tensor:
    """Mean squared error: 1/n Σ (x̂ − x)² over all n numbers.

    Parameters
    ----------
    original, decoded : tensor or array
        x and x̂, of one shape and dtype.

    Returns
    -------
    Tensor, of shape ()

    Raises
    ------
    TypeError
        If one is no tensor or array, or the dtypes differ.
    ValueError
        If the shapes differ, or there are no numbers.

    Examples
    --------
    >>> import numpy as np
    >>> mse(np.array([3.0, 5.0]), np.array([5.0, 5.0])).item()
    2.0
    """
    x, y = _alike("mse", original, decoded)
    difference = y - x
    return ops.mean(difference * difference)


def psnr(original: Tensor | Array, decoded: Tensor | Array, *, data_range: float = 1.0) -> Tensor:
    """Peak signal-to-noise ratio in decibels: 20 log₁₀ `data_range` − 10 log₁₀ MSE of each picture, averaged.

    Parameters
    ----------
    original, decoded : tensor or array, (N, C, H, W)
    data_range : float
        The distance from the smallest to the largest value that a sample can take.

    Returns
    -------
    Tensor, of shape ()
        The mean over the N pictures; infinite if one is identical, of which NumPy warns.

    Raises
    ------
    TypeError, ValueError
        As for `mse`; `ValueError` also if there are not four axes, or `data_range` is not positive.

    Notes
    -----
    The mean of PSNRs is what papers report, and it is not the PSNR of the mean MSE, which is lower.

    Examples
    --------
    >>> import numpy as np
    >>> black = np.zeros((1, 3, 8, 8))
    >>> round(psnr(black, black + 0.1).item(), 6)
    20.0
    """
    x, y = _pictures("psnr", original, decoded, data_range)
    difference = y - x
    errors = ops.mean(difference * difference, axis=(1, 2, 3))
    return 20 * math.log10(data_range) - ops.mean(ops.log(errors)) * (10 / math.log(10))


# --------------------------------------------------------------------------------------------------
# Rate


def rate(likelihoods: Likelihoods, pixels: int) -> Tensor:
    """Bits per pixel that symbols of these probabilities take: −1/P Σ log₂ p.

    Parameters
    ----------
    likelihoods : tensor or array, or a mapping or sequence of them
        p of every symbol of a batch, of any shape and above 0: of all latents that are coded, such as ``{"y":
        …, "z": …}``.
    pixels : int
        P of the batch: N · H · W, with the size of the *picture*.

    Returns
    -------
    Tensor, of shape ()

    Raises
    ------
    TypeError
        If an item is no tensor or array, dtypes differ, or `pixels` is no whole number.
    ValueError
        If there is no item, or `pixels` is not positive.

    Notes
    -----
    An arithmetic coder that knows p spends −log₂ p bits on a symbol, but for some bytes at the end and the
    rounding of its tables (Shannon 1948, section 9): an estimate, which goes beside the length of the file.
    It is infinite for p = 0; entropy models keep p above a floor, as CompressAI's do above 10⁻⁹.

    Examples
    --------
    >>> import numpy as np
    >>> rate([np.full((1, 2, 4, 4), 0.25), np.full(16, 0.5)], pixels=64).item()  # (32 · 2 + 16 · 1) / 64
    1.25
    """
    if isinstance(pixels, bool) or not isinstance(pixels, int):
        raise TypeError(f"rate: pixels is {pixels!r}, must be a whole number")
    if pixels < 1:
        raise ValueError(f"rate: pixels is {pixels}, must be at least 1")
    total: Tensor | None = None
    for name, item in _named(likelihoods):
        logarithms = ops.sum(ops.log(as_tensor("rate", f"likelihoods{name}", item)))
        if total is not None and total.dtype != logarithms.dtype:
            raise TypeError(f"rate: likelihoods{name} is {logarithms.dtype}, those before are {total.dtype}")
        total = logarithms if total is None else total + logarithms
    if total is None:
        raise ValueError("rate: likelihoods has no item")
    return total * (-1 / (math.log(2) * pixels))


def _named(likelihoods: Likelihoods) -> Iterable[tuple[str, Tensor | Array]]:
    if isinstance(likelihoods, Mapping):
        return [(f"[{key!r}]", item) for key, item in likelihoods.items()]
    if isinstance(likelihoods, list | tuple):
        return [(f"[{i}]", item) for i, item in enumerate(likelihoods)]
    return [("", likelihoods)]


class RateDistortion(NamedTuple):
    """A loss and what it is made of; each a tensor of shape ().

    Attributes
    ----------
    loss : Tensor
        R + λ D.
    rate : Tensor
        R, bits per pixel.
    distortion : Tensor
        D: the mean squared error on the scale of 8-bit samples, or 1 − MS-SSIM.
    """

    loss: Tensor
    rate: Tensor
    distortion: Tensor


def rate_distortion(
    original: Tensor | Array,
    decoded: Tensor | Array,
    likelihoods: Likelihoods,
    *,
    weight: float,
    distortion: str = "mse",
    data_range: float = 1.0,
) -> RateDistortion:
    """R + λ D, equation (1): what a learned codec is trained with.

    Parameters
    ----------
    original, decoded : tensor or array, (N, C, H, W)
    likelihoods : tensor or array, or a mapping or sequence of them
        As for `rate`, whose pixels are those of the pictures.
    weight : float
        λ, not negative. As CompressAI's: 0.0018 to 0.18 for `"mse"`, 2.4 to 220 for `"ms-ssim"`.
    distortion : {"mse", "ms-ssim"}
        D = 255² MSE for samples of range 1, so that λ means the same for every `data_range`; or 1 − MS-SSIM.
    data_range : float
        As for `psnr`.

    Returns
    -------
    RateDistortion

    Raises
    ------
    TypeError, ValueError
        As for `psnr`, `ms_ssim` and `rate`; `ValueError` also for a distortion that is none, and a weight
        that is negative or not a number.

    Examples
    --------
    >>> import numpy as np
    >>> grey = np.full((1, 3, 4, 4), 0.5)
    >>> found = rate_distortion(grey, grey + 2 / 255, np.full(32, 0.5), weight=0.01)
    >>> [round(part.item(), 6) for part in found]  # 2 + 0.01 · 2²
    [2.04, 2.0, 4.0]
    """
    if not weight >= 0:
        raise ValueError(f"rate_distortion: weight is {weight}, must not be negative")
    x, y = _pictures("rate_distortion", original, decoded, data_range)
    if distortion == "mse":
        error = mse(x, y) * (255 / data_range) ** 2
    elif distortion == "ms-ssim":
        error = 1 - ms_ssim(x, y, data_range=data_range)
    else:
        raise ValueError(f"rate_distortion: distortion is {distortion!r}, must be 'mse' or 'ms-ssim'")
    bits = rate(likelihoods, x.shape[0] * x.shape[2] * x.shape[3])
    if bits.dtype != x.dtype:
        raise TypeError(f"rate_distortion: likelihoods are {bits.dtype}, original and decoded are {x.dtype}")
    return RateDistortion(bits + error * weight, bits, error)


# --------------------------------------------------------------------------------------------------
# MS-SSIM


def ms_ssim(original: Tensor | Array, decoded: Tensor | Array, *, data_range: float = 1.0) -> Tensor:
    """Multi-scale structural similarity of pictures, from 0 to 1 for identical ones, averaged over channels.

    Parameters
    ----------
    original, decoded : tensor or array, (N, C, H, W)
        H and W at least 161, so that the window fits on the coarsest scale.
    data_range : float
        The distance from the smallest to the largest value that a sample can take.

    Returns
    -------
    Tensor, of shape ()
        The mean over the N pictures and their C channels, each taken alone.

    Raises
    ------
    TypeError, ValueError
        As for `psnr`; `ValueError` also if a side is too short.

    Notes
    -----
    With means ⟨·⟩ over a Gaussian window of 11×11 that moves over the picture,

        cs = (2 (⟨x y⟩ − ⟨x⟩⟨y⟩) + C₂) / (⟨x²⟩ − ⟨x⟩² + ⟨y²⟩ − ⟨y⟩² + C₂)                                 (2)
        l = (2 ⟨x⟩⟨y⟩ + C₁) / (⟨x⟩² + ⟨y⟩² + C₁),   C₁ = (0.01 `data_range`)²,  C₂ = (0.03 `data_range`)²
        MS-SSIM = Π_j (mean cs_j)^w_j · (mean l₅ cs₅)^w₅,  j = 1 … 4                                       (3)

    over five scales, each half the size of that before. That is equations (6) to (7) of Wang, Simoncelli and
    Bovik 2003, "Multiscale structural similarity for image quality assessment", with the choices of
    ``pytorch_msssim`` and of `codec_eval`, whose values these are: a line of zeros before an odd side, and 0
    for a plane with a mean below 0. Such a plane has no gradient either: let networks begin with MSE. In
    float64 the values differ by rounding only, in float32 by some 10⁻⁷.

    In equation (2), which does not change if x and y are shifted by the same number, both are taken from the
    middle of their range: small differences of large numbers are what float32 is bad at.

    Examples
    --------
    >>> import numpy as np
    >>> ramp = np.tile(np.arange(192.0), (1, 1, 192, 1))
    >>> round(ms_ssim(ramp, ramp // 8 * 8, data_range=255).item(), 4)
    0.9703
    """
    x, y = _pictures("ms_ssim", original, decoded, data_range)
    if min(x.shape[2:]) < _SMALLEST_SIDE:
        raise ValueError(
            f"ms_ssim: original of shape {x.shape} and decoded of shape {y.shape} are too small, "
            f"height and width must be at least {_SMALLEST_SIDE}"
        )
    xp = array_module(x.data)
    last = len(MS_SSIM_EXPONENTS) - 1
    means = []
    for scale in range(last + 1):
        if scale:
            x, y = _halved(x), _halved(y)
        means.append(ops.mean(_similarity(x, y, data_range, coarsest=scale == last), axis=(2, 3)))
    # Where a mean is not above 0, the plane counts 0, and powers are taken of 1: those of 0 have no slope.
    alive = xp.stack([mean.data > 0 for mean in means]).all(axis=0).astype(x.dtype)
    product: Tensor | None = None
    for mean, exponent in zip(means, MS_SSIM_EXPONENTS):
        factor = ops.power(mean * alive + (1 - alive), exponent)
        product = factor * alive if product is None else product * factor
    assert product is not None
    return ops.mean(product)


def _similarity(x: Tensor, y: Tensor, data_range: float, coarsest: bool) -> Tensor:
    """Return the map of cs, equation (2), or on the coarsest scale of l · cs: (N, C, H − 10, W − 10)."""
    c1, c2 = (_K1 * data_range) ** 2, (_K2 * data_range) ** 2
    middle = data_range / 2
    x, y = x - middle, y - middle
    mean_x, mean_y = _window_mean(x), _window_mean(y)
    product, power = _window_mean(x * y), _window_mean(x * x + y * y)
    contrast = ((product - mean_x * mean_y) * 2 + c2) / (power - mean_x * mean_x - mean_y * mean_y + c2)
    if not coarsest:
        return contrast
    mean_x, mean_y = mean_x + middle, mean_y + middle
    return contrast * (mean_x * mean_y * 2 + c1) / (mean_x * mean_x + mean_y * mean_y + c1)


def _halved(x: Tensor) -> Tensor:
    """Average samples by 2×2, (H, W) to (⌈H/2⌉, ⌈W/2⌉)."""
    odd = [(length % 2, 0) for length in x.shape[2:]]
    return ops.average_pool(ops.pad(x, odd), 2)


def _window_mean(x: Tensor) -> Tensor:
    """Return means over the window: (N, C, H, W) to (N, C, H − 10, W − 10).

    y_rs = Σ_ij w_i w_j x_(r+i)(s+j) sends ḡ back as Σ_ij w_i w_j ḡ_(r−i)(s−j). The window is symmetric, so
    this is the same sum over ḡ with ten lines of zeros around it.
    """
    border = _WINDOW - 1

    def backward(gradient: Array) -> tuple[Array]:
        (n, c, height, width), xp = gradient.shape, array_module(gradient)
        wide = xp.zeros((n, c, height + 2 * border, width + 2 * border), dtype=gradient.dtype)
        wide[:, :, border:-border, border:-border] = gradient
        return (_slid(_slid(wide, 2), 3),)

    return record("window_mean", _slid(_slid(x.data, 2), 3), (x,), backward)


def _slid(x: Array, axis: int) -> Array:
    """Return weighted means along an axis, at each place where the window lies inside.

    Contiguous, whatever x is: the maps are averaged, and only over contiguous numbers does NumPy add in
    pairs. One after the other in float32, 400 000 numbers near 1 have a mean that is wrong by up to 7·10⁻⁵.
    """
    places = x.shape[axis] - _WINDOW + 1
    lead = (slice(None),) * axis
    seen = [x[(*lead, slice(k, k + places))] for k in range(_WINDOW)]
    radius, xp = _WINDOW // 2, array_module(x)
    result = xp.empty(seen[0].shape, dtype=x.dtype)
    xp.multiply(seen[radius], _WEIGHTS[0], out=result)
    for distance in range(1, radius + 1):
        both = seen[radius - distance] + seen[radius + distance]
        both *= _WEIGHTS[distance]
        result += both
    return result


def _gaussian() -> tuple[float, ...]:
    """Return the weights of the window's middle and of one side; all eleven add up to 1."""
    weights = [math.exp(-(distance**2) / (2 * _SIGMA**2)) for distance in range(_WINDOW // 2 + 1)]
    total = weights[0] + 2 * math.fsum(weights[1:])
    return tuple(weight / total for weight in weights)


_WEIGHTS = _gaussian()


# --------------------------------------------------------------------------------------------------
# Arguments


def _alike(operation: str, original: Tensor | Array, decoded: Tensor | Array) -> tuple[Tensor, Tensor]:
    x, y = as_tensor(operation, "original", original), as_tensor(operation, "decoded", decoded)
    both = f"original is {x.dtype} of shape {x.shape}, decoded is {y.dtype} of shape {y.shape}"
    if x.dtype != y.dtype:
        raise TypeError(f"{operation}: {both}")
    if x.shape != y.shape:
        raise ValueError(f"{operation}: {both}")
    if not x.size:
        raise ValueError(f"{operation}: there are no numbers to compare: {both}")
    return x, y


def _pictures(
    operation: str, original: Tensor | Array, decoded: Tensor | Array, data_range: float
) -> tuple[Tensor, Tensor]:
    x, y = _alike(operation, original, decoded)
    if x.ndim != 4:
        raise ValueError(f"{operation}: original has shape {x.shape}, must be (N, C, H, W); so must decoded")
    if not 0 < data_range < math.inf:
        raise ValueError(f"{operation}: data_range is {data_range}, must be positive and finite")
    return x, y
