"""What a codec costs and what is left of a picture, measured on real files.

An *estimate* of the bits is what training works with: −log₂ of the likelihoods, in floating point. A *file*
has integer tables, a range coder that ends somewhere, and a header. `measure` makes the file, decodes it,
and says both, so that anybody can see how far apart they are: half a per cent and 16 bytes at most.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from . import losses, strips
from .codec import decode, encode, latents_of, to_samples
from .integer_hyperprior import ONE_STEP
from .tensor import Tensor, no_grad
from .weights import Weights

__all__ = ["Measured", "format_table", "mean_of", "measure"]

LEAST_SIDE = 176  # of a picture that MS-SSIM is defined for


@dataclass(frozen=True)
class Measured:
    """One picture, or the mean of several.

    Attributes
    ----------
    name : str
    size : int
        Bytes of the file.
    bpp : float
        Bits a pixel, of the whole file.
    estimated : float
        Bits a pixel by the model's likelihoods.
    psnr : float
        In dB, over all samples of the decoded picture.
    ms_ssim : float
        NaN for pictures with a side below 176.
    seconds : tuple of float
        To encode, and to decode.
    """

    name: str
    size: int
    bpp: float
    estimated: float
    psnr: float
    ms_ssim: float
    seconds: tuple[float, float]


def measure(
    picture: NDArray[np.uint8], weights: Weights, name: str = "", effort: int = 0, step: int = ONE_STEP
) -> Measured:
    """Encode and decode a picture, (H, W) or (H, W, 3) of uint8, and compare."""
    start = time.perf_counter()
    data = encode(picture, weights=weights, effort=effort, step=step)
    middle = time.perf_counter()
    decoded = decode(data, max_pixels=None, weights=weights)
    end = time.perf_counter()
    pixels = picture.shape[0] * picture.shape[1]
    error = float(np.mean(np.square(np.subtract(picture, decoded, dtype=np.float64))))
    psnr = 10 * math.log10(255**2 / error) if error else math.inf
    similar = math.nan
    if min(picture.shape[:2]) >= LEAST_SIDE:
        planes = [np.atleast_3d(array).transpose(2, 0, 1)[np.newaxis] for array in (picture, decoded)]
        with no_grad():
            similar = losses.ms_ssim(*(plane.astype(np.float64) for plane in planes), data_range=255).item()
    bits = estimated_bits(picture, weights, step) / pixels if not effort else math.nan
    return Measured(
        name, len(data), 8 * len(data) / pixels, bits, psnr, similar, (middle - start, end - middle)
    )


def estimated_bits(picture: NDArray[np.uint8], weights: Weights, step: int = ONE_STEP) -> float:
    """Return −Σ log₂ p of a picture's rounded latents, by the model's likelihoods in floating point.

    With another step than the trained one, of which the model knows nothing, scales and means are those of
    the integer hyper-decoder.
    """
    model = weights.model
    with no_grad():
        if step == ONE_STEP:
            y = Tensor(strips.analyse(model, to_samples(picture)))
            rounded = model.rounded({"y": y, **model.further_latents(y)})
            return losses.rate(model.likelihoods(rounded), 1).item()
        coding, symbols = latents_of(picture, weights, step=step)
        density = model.entropy_bottleneck
        z = density.dequantize(np.asarray(coding.side)[np.newaxis])
        likelihoods = {"y": coding.likelihood(Tensor(coding.dequantize(symbols))), "z": density.likelihood(z)}
        return losses.rate(likelihoods, 1).item()


def mean_of(found: Sequence[Measured], name: str = "mean") -> Measured:
    """Return the mean of several: each number is the mean over pictures, as usual in the field."""

    def mean(field: str) -> float:
        return float(np.mean([getattr(one, field) for one in found]))

    encode_seconds, decode_seconds = np.mean([one.seconds for one in found], axis=0).tolist()
    return Measured(
        name,
        round(mean("size")),
        mean("bpp"),
        mean("estimated"),
        mean("psnr"),
        mean("ms_ssim"),
        (encode_seconds, decode_seconds),
    )


def format_table(found: Sequence[Measured]) -> str:
    """Return a table of several pictures, with a last line for their mean."""
    width = max(len(one.name) for one in (*found, mean_of(found)))
    lines = [
        f"{'picture':{width}} {'bytes':>9} {'bpp':>7} {'estimate':>9} {'PSNR':>6} {'MS-SSIM':>8}"
        f" {'encode':>7} {'decode':>7}"
    ]
    lines += [
        f"{one.name:{width}} {one.size:9,} {one.bpp:7.4f} {one.estimated:9.4f} {one.psnr:6.2f}"
        f" {one.ms_ssim:8.4f} {one.seconds[0]:5.2f} s {one.seconds[1]:5.2f} s"
        for one in (*found, mean_of(found))
    ]
    return "\n".join(lines)
