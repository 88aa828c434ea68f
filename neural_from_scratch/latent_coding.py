"""From latents to the payload of a file, and back: which whole numbers, with which tables.

======================  =================================================================================
`FactorizedCoding`      one table a channel, known beforehand. The payload is what the range coder wrote.
`HyperCoding`           the side information first, then each latent with the table that it chooses
======================  =================================================================================

The payload of a hyperprior:

======  ===========  ==========================================================================
offset  bytes        field
======  ===========  ==========================================================================
0       1 or 2       step, in 64ths, a varint: 64 is the step that the model was trained with
        1 to 5       side length: of the side information in bytes, a varint too
        side length  side information: z, each channel with its own table
        the rest     y, each latent with the table that z says, less the mean that z says
======  ===========  ==========================================================================

The step makes rates between those of two trained models: latents are y / step, so that a larger step has
fewer bits and more error. The hyperprior knows, for it says how wide to expect y, and the coder divides that
by the step too (`integer_hyperprior`). A factorised prior has tables for the step 1 only.

Only whole numbers decide what is read (`integer_hyperprior`, `entropy_tables`, `range_coder`).
"""

from __future__ import annotations

import operator
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from . import range_coder
from .container import read_varint, varint
from .errors import FormatError
from .gaussian_model import gaussian_likelihood
from .integer_hyperprior import ONE_STEP, Expected
from .integer_layers import POINT
from .models.hyperprior import FURTHER, Hyperprior
from .tensor import Tensor, no_grad
from .weights import Weights

__all__ = [
    "LARGEST_STEP",
    "Coding",
    "FactorizedCoding",
    "HyperCoding",
    "coding_for",
    "read_payload",
    "write_payload",
]

LARGEST_STEP = 16 * ONE_STEP
Latents = NDArray[np.float32]
Symbols = NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class FactorizedCoding:
    """How the latents of every picture are coded by a factorised prior.

    Parameters
    ----------
    weights : Weights
    """

    weights: Weights
    step: float = 1.0
    side: None = None

    def part(self, first: int, last: int) -> FactorizedCoding:
        """Return the coding of some rows of latents."""
        return self

    def quantize(self, latents: Latents) -> Symbols:
        """Return the whole numbers of latents (1, M, h, w); (M, h, w)."""
        return self.weights.model.entropy_bottleneck.quantize(latents)[0]

    def dequantize(self, symbols: Symbols) -> Latents:
        """Return what a decoder makes of whole numbers (M, h, w); (1, M, h, w)."""
        latents: Latents = self.weights.model.entropy_bottleneck.dequantize(symbols[np.newaxis])
        return latents

    def likelihood(self, latents: Tensor) -> Tensor:
        """Return how likely latents (1, M, h, w) are, with noise or rounded."""
        return self.weights.model.entropy_bottleneck.likelihood(latents)

    def tables_of(self, shape: tuple[int, ...]) -> NDArray[np.int32]:
        """Return the number of the table of each latent, of the given shape (M, h, w)."""
        channels = np.arange(shape[0], dtype=np.int32)[:, np.newaxis, np.newaxis]
        return np.broadcast_to(channels, shape)


@dataclass(frozen=True, eq=False)
class HyperCoding:
    """How the latents of one picture are coded, by what its side information says.

    Parameters
    ----------
    weights : Weights
    side : ndarray of int32, shape (N, ⌈h/4⌉, ⌈w/4⌉)
        The symbols of z.
    expected : Expected
        Of y, from `side`.
    sixty_fourths : int
        The step.
    """

    weights: Weights
    side: Symbols
    expected: Expected
    sixty_fourths: int

    @property
    def step(self) -> float:
        """Of latents, between two whole numbers."""
        return self.sixty_fourths / ONE_STEP

    def part(self, first: int, last: int) -> HyperCoding:
        """Return the coding of some rows of latents."""
        scales, means = self.expected.scales[:, first:last], self.expected.means
        return replace(self, expected=Expected(scales, None if means is None else means[:, first:last]))

    def quantize(self, latents: Latents) -> Symbols:
        """Return the whole numbers round((y − μ) / step) of latents (1, M, h, w); (M, h, w)."""
        whole = np.rint((latents[0] - self.expected.float_means) / np.float32(self.step))
        if not (np.abs(whole) < 2**31 - 256).all():  # NaN is not below anything
            raise ValueError("quantize: latents are not finite, or too large for int32")
        return whole.astype(np.int32)

    def dequantize(self, symbols: Symbols) -> Latents:
        """Return what a decoder makes of whole numbers (M, h, w); (1, M, h, w)."""
        latents = symbols.astype(np.float32) * np.float32(self.step) + self.expected.float_means
        return latents[np.newaxis]

    def likelihood(self, latents: Tensor) -> Tensor:
        """Return how likely latents (1, M, h, w) are, with noise or rounded."""
        scales = np.ldexp(self.expected.scales.astype(np.float32), -POINT)[np.newaxis]
        distance = (latents - self.expected.float_means) * (1 / self.step)
        return gaussian_likelihood(distance, scales / np.float32(self.step))

    def tables_of(self, shape: tuple[int, ...]) -> NDArray[np.int32]:
        """Return the number of the table of each latent, of the given shape (M, h, w)."""
        assert self.weights.edges is not None
        return self.expected.indexes(self.weights.edges, self.sixty_fourths)


Coding = FactorizedCoding | HyperCoding


def coding_for(weights: Weights, latents: Latents, step: int = ONE_STEP) -> Coding:
    """Return how the latents (1, M, h, w) of a picture are coded.

    Parameters
    ----------
    weights : Weights
    latents : ndarray of float32, shape (1, M, h, w)
    step : int
        In 64ths; 64 where there is no hyperprior.

    Raises
    ------
    TypeError, ValueError
        For a step that is no whole number, or out of range.
    """
    model, step = weights.model, operator.index(step)
    if not isinstance(model, Hyperprior):
        if step != ONE_STEP:
            raise ValueError(f"step={step}, must be {ONE_STEP}: {model.name} has one only")
        return FactorizedCoding(weights)
    if not 1 <= step <= LARGEST_STEP:
        raise ValueError(f"step={step}, must be 1 … {LARGEST_STEP}")
    with no_grad():
        z = model.hyper_analyse(Tensor(latents)).data
    return _hyper_coding(weights, model.entropy_bottleneck.quantize(z)[0], latents.shape[2:], step)


def _hyper_coding(weights: Weights, side: Symbols, shape: tuple[int, ...], step: int) -> HyperCoding:
    assert weights.hyper_decoder is not None
    return HyperCoding(weights, side, weights.hyper_decoder.expected(side, *shape), step)


def write_payload(coding: Coding, symbols: Symbols) -> bytes:
    """Return the bytes of a picture's whole numbers (M, h, w)."""
    tables = coding.weights.tables
    if isinstance(coding, FactorizedCoding):
        return range_coder.encode_channels(symbols, tables)
    assert coding.weights.scale_tables is not None
    side = range_coder.encode_channels(coding.side, tables)
    indexes = coding.tables_of(symbols.shape)
    y = range_coder.encode(symbols.ravel(), indexes.ravel(), coding.weights.scale_tables)
    return b"".join((varint(coding.sixty_fourths), varint(len(side)), side, y))


def read_payload(payload: bytes, weights: Weights, rows: int, columns: int) -> tuple[Coding, Symbols]:
    """Return how a picture's latents were coded, and their whole numbers, (M, rows, columns).

    Raises
    ------
    FormatError
        If the payload is damaged; offsets are counted from its first byte.
    """
    model = weights.model
    shape = (model.latents, rows, columns)
    if not isinstance(model, Hyperprior):
        return FactorizedCoding(weights), range_coder.decode_channels(payload, shape, weights.tables)
    view = memoryview(payload)
    step, second = read_varint(view, 0, "step")
    if not 1 <= step <= LARGEST_STEP:
        raise FormatError(f"{step}, must be 1 … {LARGEST_STEP}", offset=0, field="step")
    length, start = read_varint(view, second, "side length")
    if length > len(payload) - start:
        raise FormatError(
            f"{length} bytes, but only {len(payload) - start} follow",
            offset=second,
            field="side length",
        )
    side_shape = (model.width, -(-rows // FURTHER), -(-columns // FURTHER))
    with _shifted(start):
        side = range_coder.decode_channels(payload[start : start + length], side_shape, weights.tables)
    coding = _hyper_coding(weights, side, (rows, columns), step)
    scale_tables = weights.scale_tables
    assert scale_tables is not None
    indexes = coding.tables_of(shape).ravel()
    with _shifted(start + length):
        y = range_coder.decode(payload[start + length :], indexes, scale_tables)
    return coding, y.reshape(shape)


@contextmanager
def _shifted(start: int) -> Iterator[None]:
    """Let errors count from the payload's first byte, not from where a stream begins in it."""
    try:
        yield
    except FormatError as error:
        raise FormatError(error.message, offset=start + error.offset, field=error.field) from error
