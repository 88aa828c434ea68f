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

A file of a hyperprior has two streams, and its tables change from latent to latent: `prediction` looks at
these.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from .codec import Content, open_file
from .container import CHECKSUM_BYTES, FIXED_BYTES, MAX_PIXELS, RGB, VERSION, read_varint, varint
from .integer_hyperprior import ONE_STEP
from .latent_channels import Channel, count_channels
from .latent_coding import HyperCoding
from .prediction import Prediction, foresee
from .weights import Weights

__all__ = ["Field", "Inspection", "inspect"]

STREAMS = ("payload", "side information", "y")


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
        As it stands in the file; empty for what is range-coded, which is long.
    meaning : str
    """

    offset: int
    size: int
    name: str
    data: bytes
    meaning: str


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
        Of y, in the order of the model.
    prediction : Prediction or None
        With a hyperprior: its side information, and how well that foretold y.
    """

    size: int
    content: Content
    fields: list[Field]
    channels: list[Channel]
    prediction: Prediction | None = None

    @property
    def pixels(self) -> int:
        """Of the picture."""
        return self.content.header.width * self.content.header.height

    @property
    def bits(self) -> float:
        """By the tables, of all channels of y."""
        return math.fsum(channel.bits for channel in self.channels)

    @property
    def density_bits(self) -> float:
        """By the densities, of all channels of y."""
        return math.fsum(channel.density_bits for channel in self.channels)

    @property
    def streams(self) -> dict[str, int]:
        """The bytes that the range coder wrote, by the name of their field."""
        return {field.name: field.size for field in self.fields if field.name in STREAMS}

    def strongest(self) -> list[Channel]:
        """Return the channels of y, those with the most bits first."""
        return sorted(self.channels, key=lambda channel: (-channel.bits, channel.number))

    def holding(self, share: float) -> int:
        """Return how many of the strongest channels hold this share of the bits of y, from 0 to 1."""
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
    fields = _fields(bytes(data), content)
    if isinstance(content.coding, HyperCoding):
        return Inspection(len(data), content, fields, *foresee(content))
    return Inspection(len(data), content, fields, count_channels(content.symbols, content.weights))


def _fields(data: bytes, content: Content) -> list[Field]:
    header, weights, coding = content.header, content.weights, content.coding
    length = len(content.payload)
    maps, rows, columns = content.symbols.shape
    latents = f"{maps} × {rows} × {columns} latents"
    payload: list[tuple[str, int, str]] = [("payload", length, latents)]
    if isinstance(coding, HyperCoding):
        first = len(varint(coding.sixty_fourths))
        side, start = read_varint(memoryview(content.payload), first, "side length")
        of_z = " × ".join(map(str, coding.side.shape))
        payload = [
            (
                "step",
                first,
                f"{coding.sixty_fourths} of {ONE_STEP}: latents come in steps of {coding.step:g}",
            ),
            ("side length", start - first, f"{side:,} bytes"),
            ("side information", side, f"{of_z} latents: what to expect of y"),
            ("y", length - start - side, latents),
        ]
    described = (
        ("magic", 4, "a file of a learned codec"),
        ("version, mode", 1, f"version {VERSION}, {'RGB' if header.mode == RGB else 'grey'}"),
        ("model_id", 1, weights.model.name),
        ("quality", 1, f"λ = {weights.weight:g}" + ("" if header.quality else ", weights of one's own")),
        ("model_hash", FIXED_BYTES - 7, "of weights and tables; those here have the same"),
        ("width", len(varint(header.width)), f"{header.width:,}"),
        ("height", len(varint(header.height)), f"{header.height:,}"),
        ("payload length", len(varint(length)), f"{length:,} bytes"),
        *payload,
        ("checksum", CHECKSUM_BYTES, "CRC-32 of all that is before it"),
    )
    fields, offset = [], 0
    for name, size, meaning in described:
        stands = b"" if name in STREAMS else data[offset : offset + size]
        fields.append(Field(offset, size, name, stands, meaning))
        offset += size
    return fields
