"""A coded file, looked at: what each byte says, and what the bits are spent on.

A file has twenty-odd bytes of header; the rest is latents, a map of whole numbers for each channel. Nothing
in the file says what a channel costs, but the tables do: a symbol of frequency f costs log2(65536 / f) bits
(`entropy_tables`). Added up channel by channel, that shows what the learned transform has made of a picture:
some channels carry most of it, many are zero nearly everywhere.

Three sums of bits, each nearer to the file than the one before:

- by the *densities*: −log2 p with the probabilities as the model has them, real numbers. Training makes this
  sum small;
- by the *tables*: the same with whole frequencies, and with the price of escapes;
- in the *file*: bytes of the range coder.

What a channel costs depends only on how often it has each value, so all is computed from counts, and a
large picture asks for no more memory than its latents.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .codec import Content, open_file
from .container import CHECKSUM_BYTES, FIXED_BYTES, MAX_PIXELS, RGB, VERSION, varint
from .entropy_tables import TOTAL, CdfTables
from .models import TransformCodec
from .tensor import no_grad
from .weights import Weights

__all__ = ["Channel", "Field", "Inspection", "inspect"]


@dataclass(frozen=True)
class Field:
    """One field of a file, in the order of docs/neural-format.md.

    Attributes
    ----------
    offset : int
        Of its first byte.
    size : int
        In bytes.
    name : str
    data : bytes
        As it stands in the file; empty for the payload, which is long.
    meaning : str
    """

    offset: int
    size: int
    name: str
    data: bytes
    meaning: str


@dataclass(frozen=True, eq=False)
class Channel:
    """One channel of the latents.

    Attributes
    ----------
    number : int
        Which one, from 0.
    values : ndarray of int32, shape (K,)
        The values that come, rising, less the channel's median.
    counts : ndarray of int64, shape (K,)
        How often each one does.
    bits, density_bits : float
        What all of it costs, by the tables and by the densities.
    escapes : int
        How many values are beyond the table.
    """

    number: int
    values: NDArray[np.int32]
    counts: NDArray[np.int64]
    bits: float
    density_bits: float
    escapes: int

    @property
    def size(self) -> int:
        """How many latents there are."""
        return int(self.counts.sum())

    @property
    def zeros(self) -> int:
        """How many of them are zero."""
        return int(self.counts[self.values == 0].sum())

    @property
    def largest(self) -> int:
        """The value that is farthest from zero; of two the positive one."""
        low, high = int(self.values[0]), int(self.values[-1])
        return low if -low > high else high

    @property
    def spread(self) -> float:
        """The standard deviation."""
        values = self.values.astype(np.float64)
        mean = np.average(values, weights=self.counts)
        return math.sqrt(np.average((values - mean) ** 2, weights=self.counts))

    @property
    def own_bits(self) -> float:
        """What it would cost by a table made of its own counts: the least for a code of single values."""
        return float(self.counts @ np.log2(self.size / self.counts))


@dataclass(frozen=True, eq=False)
class Inspection:
    """What `inspect` found.

    Attributes
    ----------
    size : int
        Of the file, in bytes.
    content : Content
    fields : list of Field
    channels : list of Channel
        In the order of the model.
    """

    size: int
    content: Content
    fields: list[Field]
    channels: list[Channel]

    @property
    def pixels(self) -> int:
        """Of the picture."""
        return self.content.header.width * self.content.header.height

    @property
    def bits(self) -> float:
        """By the tables, of all channels."""
        return math.fsum(channel.bits for channel in self.channels)

    @property
    def density_bits(self) -> float:
        """By the densities, of all channels."""
        return math.fsum(channel.density_bits for channel in self.channels)

    def strongest(self) -> list[Channel]:
        """Return the channels, those with the most bits first."""
        return sorted(self.channels, key=lambda channel: (-channel.bits, channel.number))

    def holding(self, share: float) -> int:
        """Return how many of the strongest channels hold this share of all bits, from 0 to 1."""
        sums = np.cumsum([channel.bits for channel in self.strongest()])
        return int(np.searchsorted(sums, share * sums[-1])) + 1 if share > 0 else 0


def inspect(
    data: bytes, *, max_pixels: int | None = MAX_PIXELS, weights: Weights | None = None
) -> Inspection:
    """Read a file up to its latents, and count.

    Parameters
    ----------
    data : bytes-like
        The whole file.
    max_pixels : int or None
        Most pixels that the picture may have; None: any.
    weights : Weights, optional
        What it was written with, if those are not the shipped ones.

    Returns
    -------
    Inspection

    Raises
    ------
    FormatError, LimitError, ModelError, TypeError
        As `codec.decode`.
    """
    content = open_file(data, max_pixels=max_pixels, weights=weights)
    return Inspection(len(data), content, _fields(bytes(data), content), _channels(content))


def table_probabilities(tables: CdfTables, channel: int) -> NDArray[np.float64]:
    """Return the probabilities that a table stands for, its escape last.

    Examples
    --------
    >>> table_probabilities(CdfTables.from_pmfs([[0.25, 0.5, 0.25]], [-1], [0.0]), 0).round(3)
    array([0.25, 0.5 , 0.25, 0.  ])
    """
    return np.diff(tables.cdf[channel, : tables.lengths[channel]]) / TOTAL


def densities(model: TransformCodec, symbols: NDArray[np.floating]) -> NDArray[np.float32]:
    """Return the model's probability of each symbol; between whole numbers its density.

    Parameters
    ----------
    model : TransformCodec
    symbols : ndarray of float, shape (M, K)
        Row c is of channel c, less its median.

    Returns
    -------
    ndarray of float32, shape (M, K)
        Equation 2 of `entropy_models`, at least 10⁻⁹.
    """
    density = model.entropy_bottleneck
    values = symbols[np.newaxis, :, np.newaxis].astype(np.float32) + density.medians
    with no_grad():
        return density.likelihood(values).data[0, :, 0]


def _channels(content: Content) -> list[Channel]:
    model, tables = content.weights.model, content.weights.tables
    counted = [np.unique(channel, return_counts=True) for channel in content.symbols]
    symbols = np.zeros((len(counted), max(len(values) for values, _ in counted)), np.float32)
    for row, (values, _) in zip(symbols, counted):
        row[: len(values)] = values
    likelihoods = densities(model, symbols)
    channels = []
    for c, (values, counts) in enumerate(counted):
        places = values.astype(np.int64) - tables.offsets[c]
        is_beyond = (places < 0) | (places >= tables.lengths[c] - 2)
        channels.append(
            Channel(
                number=c,
                values=values,
                counts=counts,
                bits=float(counts @ tables.bits(values, np.array(c, np.int32))),
                density_bits=float(counts @ -np.log2(likelihoods[c, : len(values)].astype(np.float64))),
                escapes=int(counts[is_beyond].sum()),
            )
        )
    return channels


def _fields(data: bytes, content: Content) -> list[Field]:
    header, weights = content.header, content.weights
    length = len(content.payload)
    maps, rows, columns = content.symbols.shape
    described = (
        ("magic", 4, "a file of a learned codec"),
        ("version, mode", 1, f"version {VERSION}, {'RGB' if header.mode == RGB else 'grey'}"),
        ("model_id", 1, weights.model.name),
        ("quality", 1, f"λ = {weights.weight:g}" + ("" if header.quality else ", weights of one's own")),
        ("model_hash", FIXED_BYTES - 7, "of weights and tables; those here have the same"),
        ("width", len(varint(header.width)), f"{header.width:,}"),
        ("height", len(varint(header.height)), f"{header.height:,}"),
        ("payload length", len(varint(length)), f"{length:,} bytes"),
        ("payload", length, f"{maps} × {rows} × {columns} latents"),
        ("checksum", CHECKSUM_BYTES, "CRC-32 of all that is before it"),
    )
    fields, offset = [], 0
    for name, size, meaning in described:
        stands = b"" if name == "payload" else data[offset : offset + size]
        fields.append(Field(offset, size, name, stands, meaning))
        offset += size
    return fields
