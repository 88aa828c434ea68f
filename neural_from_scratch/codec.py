"""A picture into a file, and back: the learned codec as users meet it.

    picture ─▶ pad ─▶ analysis ─▶ y ─▶ whole numbers ─▶ range coder ─▶ container ─▶ file
    picture ◀─ crop ◀─ synthesis ◀─ ŷ ◀─ what was expected added ◀─ range decoder ◀─ container ◀─ file

Analysis and synthesis are floating-point networks, and may differ by a last digit from machine to machine.
What stands between them in the file is whole numbers, coded with whole-number tables: every machine reads
the same latents out of a file, and pictures from them that differ by rounding at most.

A grey picture is coded as a colour picture with three equal channels; the file says so, and `decode` returns
the mean of the three.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from . import container, strips
from .container import GREY, MAX_PIXELS, RGB, Header
from .errors import FormatError
from .integer_hyperprior import ONE_STEP
from .latent_coding import Coding, coding_for, read_payload, write_payload
from .models import FactorizedPrior
from .models.transform_codec import pad_to_multiple
from .refinement import refine
from .weights import Weights, check_hash, load_weights, weights_of

__all__ = [
    "DEFAULT_MODEL",
    "DEFAULT_QUALITY",
    "Content",
    "check_image",
    "decode",
    "encode",
    "header_of",
    "latents_of",
    "open_file",
    "pixels_of",
    "to_samples",
]

DEFAULT_QUALITY = 4
DEFAULT_MODEL = FactorizedPrior.name
Picture = NDArray[np.uint8]


def encode(
    image: Picture,
    quality: int = DEFAULT_QUALITY,
    *,
    model: str = DEFAULT_MODEL,
    step: int = ONE_STEP,
    effort: int = 0,
    weights: Weights | None = None,
) -> bytes:
    """Compress a picture.

    Parameters
    ----------
    image : ndarray of uint8, shape (H, W, 3) or (H, W)
        RGB or grey, of any size.
    quality : int
        Which of the shipped weights: 1 has the fewest bits; `weights.qualities` lists them.
    model : str
        Its name, as `models` lists them.
    step : int
        With a hyperprior, how coarsely latents are rounded, in 64ths: fewer bits above 64, more below.
    effort : int
        Steps of a search for better latents (`refinement`), each some three times as long as decoding.
    weights : Weights, optional
        Others, in place of the shipped ones: `decode` needs them too.

    Returns
    -------
    bytes
        A whole file; docs/neural-format.md.

    Raises
    ------
    TypeError
        If the image is no array of uint8.
    ValueError
        If it has another shape, no pixels, or there are no weights of that quality; for an effort below 0,
        and a step that the model has not.

    Examples
    --------
    >>> image = np.full((20, 30, 3), 128, np.uint8)
    >>> data = encode(image, 3)
    >>> decode(data).shape
    (20, 30, 3)
    """
    check_image(image)
    if effort < 0:
        raise ValueError(f"effort={effort}, must be 0 or more")
    used = load_weights(quality, model) if weights is None else weights
    return container.pack(header_of(image, used), write_payload(*latents_of(image, used, effort, step)))


def decode(data: bytes, *, max_pixels: int | None = MAX_PIXELS, weights: Weights | None = None) -> Picture:
    """Return the picture of a file.

    Parameters
    ----------
    data : bytes-like
        The whole file.
    max_pixels : int or None
        Most pixels that it may have; memory and time are bounded by this number. None: any.
    weights : Weights, optional
        What it was written with, if those are not the shipped ones.

    Returns
    -------
    ndarray of uint8, shape (H, W, 3) or (H, W)

    Raises
    ------
    FormatError
        If it is no such file, or damaged: offset, field and cause are named.
    LimitError
        If the picture is larger than allowed.
    ModelError
        If it was made with a model or weights that are not here.
    TypeError
        If `data` is no bytes.
    """
    content = open_file(data, max_pixels=max_pixels, weights=weights)
    return pixels_of(content)


@dataclass(frozen=True, eq=False)
class Content:
    """What a file holds, read but not yet made into a picture.

    Attributes
    ----------
    header : Header
    payload : bytes
        What the range coder wrote.
    symbols : ndarray of int32, shape (M, ⌈H/16⌉, ⌈W/16⌉)
        The latents, less what was expected of them: their medians, or means.
    coding : Coding
        How they are coded; with a hyperprior it holds the side information.
    weights : Weights
        What it was written with.
    """

    header: Header
    payload: bytes
    symbols: NDArray[np.int32]
    coding: Coding
    weights: Weights


def open_file(data: bytes, *, max_pixels: int | None = MAX_PIXELS, weights: Weights | None = None) -> Content:
    """Read a file up to its whole numbers; parameters and errors of `decode`."""
    header, payload = container.unpack(data, max_pixels=max_pixels)
    if weights is None:
        weights = weights_of(header.model_id, header.quality, header.model_hash)
    else:
        check_hash(weights, header.model_id, header.model_hash)
    shrink = weights.model.shrink
    rows, columns = -(-header.height // shrink), -(-header.width // shrink)
    try:
        coding, symbols = read_payload(payload, weights, rows, columns)
    except FormatError as error:  # counted from the payload on; say where in the file
        start = len(data) - container.CHECKSUM_BYTES - len(payload)
        raise FormatError(error.message, offset=start + error.offset, field=error.field) from error
    return Content(header, payload, symbols, coding, weights)


def header_of(image: Picture, weights: Weights) -> Header:
    """Return what a picture's file says about itself with these weights."""
    rows, columns = image.shape[:2]
    mode = RGB if image.ndim == 3 else GREY
    return Header(weights.model.model_id, weights.quality, weights.hash, columns, rows, mode)


def latents_of(
    image: Picture, weights: Weights, effort: int = 0, step: int = ONE_STEP
) -> tuple[Coding, NDArray[np.int32]]:
    """Return how a picture's latents are coded, and the whole numbers, (M, ⌈H/16⌉, ⌈W/16⌉)."""
    samples = to_samples(image)
    latents = strips.analyse(weights.model, samples)
    coding = coding_for(weights, latents, step)
    if effort:
        latents = refine(coding, samples, latents, effort)
    return coding, coding.quantize(latents)


def to_samples(image: Picture) -> NDArray[np.float32]:
    """Map a picture to what the network takes: (1, 3, H, W) in [0, 1], padded to multiples of 16."""
    samples = np.empty((1, 3, *image.shape[:2]), np.float32)
    np.divide(np.moveaxis(image, 2, 0) if image.ndim == 3 else image, np.float32(255), out=samples[0])
    return pad_to_multiple(samples)


def pixels_of(content: Content) -> Picture:
    """Return the picture of what a file holds."""
    header, model = content.header, content.weights.model
    with np.errstate(over="ignore"):
        latents = content.coding.dequantize(content.symbols)
    shape = (header.height, header.width)
    image = np.empty((*shape, 3) if header.mode == RGB else shape, np.uint8)
    with np.errstate(over="ignore", invalid="ignore"):
        for top, samples in strips.synthesise(model, latents):
            part = samples[0, :, : header.height - top, : header.width]
            levels = part.mean(axis=0) if header.mode == GREY else np.moveaxis(part, 0, 2)
            levels = np.rint(np.clip(levels, 0, 1) * np.float32(255))
            # A forged file may hold latents that no picture has, up to infinity minus infinity.
            image[top : top + len(levels)] = np.nan_to_num(levels)
    return image


def check_image(image: object) -> None:
    """Raise `TypeError` or `ValueError` for what is no picture."""
    if not isinstance(image, np.ndarray) or image.dtype != np.uint8:
        kind = f"an array of {image.dtype}" if isinstance(image, np.ndarray) else f"a {type(image).__name__}"
        raise TypeError(f"image is {kind}, must be an array of uint8")
    if image.ndim not in (2, 3) or (image.ndim == 3 and image.shape[2] != 3):
        raise ValueError(f"image has shape {image.shape}, must be (H, W, 3) or (H, W)")
    if not image.size:
        raise ValueError(f"image has shape {image.shape}: no pixels")
