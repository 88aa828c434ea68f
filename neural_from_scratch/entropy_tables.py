"""From probabilities to whole numbers: the tables that decide what an entropy decoder reads.

An entropy model gives a probability to each value. A range coder divides an interval in those proportions,
and encoder and decoder must divide alike to the last unit. Floating-point numbers do not promise that:
another machine adds in another order, one cut moves by one unit, and everything behind it is noise. So
probabilities become integers *once*, after training. These integers belong to the weights and are never
computed again.

**Symbols.** A table covers the values offset, offset + 1, …, offset + K − 1, and one symbol more, the
*escape*: "a value beyond the table follows". Each of the K + 1 symbols has a frequency f_s ≥ 1, and the
frequencies of a table add up to N = 2^16. The table holds their running sums, 0 = c_0 < c_1 < … < c_(K+1) =
N: symbol s owns [c_s, c_(s+1)).

**Rule.** A symbol of probability p_s costs log2(N / f_s) bits instead of log2(1 / p_s). `quantize_pmf` makes
the mean cost

    Σ_s p_s log2(N / f_s)        with f_s ≥ 1 whole and Σ_s f_s = N                                  (1)

as small as it can be. It starts at f_s = max(1, ⌊p_s N⌋) and moves single counts: giving one to s saves
p_s log2((f_s + 1) / f_s), taking one costs p_s log2(f_s / (f_s − 1)). Counts are given where most is saved,
or taken where least is lost, until the sum is N; then they are moved from the least loss to the greatest gain
while that helps. Each further count saves less than the one before (the logarithm is concave), so a choice
that no single move improves is the best of all. TensorFlow Compression gives and takes by the same p·Δlog2.

**Bound.** With n = K + 1 symbols the choice g_s = 1 + ⌊p_s (N − n)⌋ is allowed (it sums to N at most; what is
left can only help), and g_s > p_s (N − n). The best is no worse, so that what is wasted,

    Σ_s p_s log2(p_s N / f_s)  <  log2(N / (N − n))  ≈  1.44 n / N bits a symbol:                        (2)

0.0006 bits at 25 symbols, for *any* probabilities. Rounding loss pushed to one symbol has no such bound.

**Tails.** A symbol that never comes still holds one count, which costs all others log2(N / (N − 1)) =
2.2·10⁻⁵ bits. A value that is not in the table costs the escape, its side, and a code of how far out it is,
an Elias gamma code:

    excess e = 0, 1, 2, …  is sent as  e + 1 = 1b…b in binary, after as many zeros as there are b    (3)

that is 2 ⌊log2(e + 1)⌋ + 1 bits: 1, 010, 011, 00100, … All of an int32 can be sent, whatever the table.
`trim_tails` cuts a table where the one price passes the other.

References
----------
J. Ballé, S. J. Hwang, N. Johnston, D. Minnen et al., TensorFlow Compression (`pmf_to_quantized_cdf`).
P. Elias, "Universal codeword sets and representations of the integers", IEEE Trans. Information Theory 21,
1975.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["PRECISION", "TOTAL", "CdfTables", "quantize_pmf", "trim_tails"]

PRECISION = 16  # bits
TOTAL = 1 << PRECISION  # N
TRIM = 2.0**-18  # see `trim_tails`


@dataclass(frozen=True, eq=False)
class CdfTables:
    """Integer tables, one a row, with the names and the layout of CompressAI's buffers.

    Attributes
    ----------
    cdf : ndarray of int32, shape (T, L)
        Running sums of the frequencies: row t is 0, …, 65536, strictly rising, then zeros. CompressAI:
        ``_quantized_cdf``.
    lengths : ndarray of int32, shape (T,)
        How much of each row is in use: one more than its symbols, the escape among them; 2 … L.
        ``_cdf_length``.
    offsets : ndarray of int32, shape (T,)
        The value of each table's symbol 0. ``_offset``.

    Raises
    ------
    TypeError
        If an array has another dtype.
    ValueError
        For shapes that do not fit, for a row that is no table, or one that covers values beyond int32; names
        the table.

    Examples
    --------
    >>> tables = CdfTables.from_pmfs([[0.25, 0.5, 0.25]], [-1], [0.0])
    >>> tables.cdf
    array([[    0, 16384, 49151, 65535, 65536]], dtype=int32)
    >>> tables.bits(np.array([0, -1, 1, 2], np.int32), np.int32(0)).round(2)
    array([ 1.,  2.,  2., 18.])
    """

    cdf: NDArray[np.int32]
    lengths: NDArray[np.int32]
    offsets: NDArray[np.int32]

    def __post_init__(self) -> None:
        for name, dimensions in (("cdf", 2), ("lengths", 1), ("offsets", 1)):
            array = getattr(self, name)
            if not isinstance(array, np.ndarray) or array.dtype != np.int32:
                raise TypeError(f"{name} is {_kind(array)}, must be an array of int32")
            if array.ndim != dimensions:
                raise ValueError(f"{name} has shape {array.shape}, must have {dimensions} dimensions")
        if not len(self.cdf) == len(self.lengths) == len(self.offsets):
            raise ValueError(
                f"cdf has {len(self.cdf)} rows, lengths {len(self.lengths)}, offsets {len(self.offsets)}"
            )
        for name in ("cdf", "lengths", "offsets"):  # what was checked stays as it is
            array = np.ascontiguousarray(getattr(self, name)).copy()
            array.flags.writeable = False
            object.__setattr__(self, name, array)
        wrong = self._wrong_rows()
        if wrong.any():
            t = int(wrong.argmax())
            raise ValueError(
                f"table {t} (offset {self.offsets[t]}, length {self.lengths[t]} of {self.cdf.shape[1]}) "
                f"does not rise strictly from 0 to {TOTAL}, is not padded with zeros, or leaves int32"
            )

    def _wrong_rows(self) -> NDArray[np.bool_]:
        """Which rows are no tables, (T,)."""
        columns = self.cdf.shape[1]
        if columns < 2:
            return np.ones(len(self.cdf), np.bool_)
        lengths = self.lengths.astype(np.int64)
        wrong = (lengths < 2) | (lengths > columns)
        last = np.clip(lengths - 1, 0, columns - 1)
        place = np.arange(columns)
        rises = np.diff(self.cdf.astype(np.int64), axis=1) > 0
        wrong |= self.cdf[:, 0] != 0
        wrong |= np.take_along_axis(self.cdf, last[:, None], axis=1)[:, 0] != TOTAL
        wrong |= (~rises & (place[1:] <= last[:, None])).any(axis=1)
        wrong |= ((self.cdf != 0) & (place > last[:, None])).any(axis=1)
        return wrong | (self.offsets + lengths - 3 > np.iinfo(np.int32).max)  # the last value

    @classmethod
    def from_pmfs(
        cls, pmfs: Sequence[ArrayLike], offsets: Iterable[int], escapes: Iterable[float]
    ) -> CdfTables:
        """Make tables of probabilities by the rule of this file.

        Parameters
        ----------
        pmfs : sequence of T arrays, float, shape (K_t,)
            Probabilities of the values offset, offset + 1, …; K_t may be 0 … 65535.
        offsets : T integers
            The value of the first one.
        escapes : T floats
            Probabilities of all that is beyond. Each table is scaled to the sum 1.

        Raises
        ------
        ValueError
            For a probability that is negative or not finite, a sum of 0, or more than 65536 symbols.
        """
        rows = [quantize_pmf([*np.asarray(p).ravel(), e]) for p, e in zip(pmfs, escapes, strict=True)]
        longest = max((row.size for row in rows), default=1)
        cdf = np.zeros((len(rows), longest + 1), np.int32)
        for row, frequencies in zip(cdf, rows):
            np.cumsum(frequencies, out=row[1 : frequencies.size + 1])
        lengths = np.array([row.size + 1 for row in rows], np.int32)
        return cls(cdf, lengths, np.fromiter((int(offset) for offset in offsets), np.int32))

    def __len__(self) -> int:
        return len(self.lengths)

    @cached_property
    def starts(self) -> NDArray[np.uint16]:
        """Where a decoder begins to look, (T, 256): the symbol that owns count 256 b of each table.

        A kernel that has found count c looks through row t from symbol ``starts[t, c >> 8]`` on. Symbols of
        great frequency, which are most of those in a file, are found at the first or second look.
        """
        starts = np.empty((len(self), 256), np.uint16)
        for row, cdf, length in zip(starts, self.cdf, self.lengths):
            row[:] = np.searchsorted(cdf[:length], np.arange(0, TOTAL, 256), side="right") - 1
        return starts

    def bits(self, values: NDArray[np.int32], indexes: NDArray[np.int32]) -> NDArray[np.float64]:
        """Return what each value costs an ideal coder with these tables.

        Parameters
        ----------
        values : ndarray of int32, any shape
        indexes : ndarray of int32, of a shape that broadcasts with that of the values
            Which table each one is coded with.

        Returns
        -------
        ndarray of float64
            log2(65536 / f), and side and excess where a value is beyond its table.
        """
        values, indexes = np.broadcast_arrays(values, indexes)
        symbols = values.astype(np.int64) - self.offsets[indexes]
        escape = self.lengths[indexes].astype(np.int64) - 2
        is_beyond = (symbols < 0) | (symbols >= escape)
        number = np.where(symbols < 0, -symbols, symbols - escape + 1)  # e + 1 of equation 3
        symbols = np.where(is_beyond, escape, symbols)
        frequencies = self.cdf[indexes, symbols + 1] - self.cdf[indexes, symbols]
        side_and_gamma = 2.0 * np.frexp(number.astype(np.float64))[1]
        return PRECISION - np.log2(frequencies) + np.where(is_beyond, side_and_gamma, 0.0)

    def code_length(self, values: NDArray[np.int32], indexes: NDArray[np.int32]) -> float:
        """Return the sum of `bits`, to hold the bytes of a real coder against."""
        return float(self.bits(values, indexes).sum())


def quantize_pmf(pmf: ArrayLike) -> NDArray[np.int32]:
    """Return whole frequencies for probabilities, with the least mean cost of all (equation 1).

    Parameters
    ----------
    pmf : array of float, shape (n,), n = 1 … 65536
        Probabilities, the escape's among them. They need not add up to 1, only to more than 0.

    Returns
    -------
    ndarray of int32, shape (n,)
        Each at least 1, together 65536. Among equals the first symbol gets more.

    Raises
    ------
    ValueError
        For a probability that is negative or not finite, a sum of 0, or a number of symbols that cannot be.

    Examples
    --------
    >>> quantize_pmf([0.1, 0.2, 0.0, 0.0])
    array([21845, 43689,     1,     1], dtype=int32)
    """
    p = np.asarray(pmf, np.float64)
    if p.ndim != 1 or not 1 <= p.size <= TOTAL:
        raise ValueError(f"pmf has shape {p.shape}, must be (n,) with n from 1 to {TOTAL}")
    if not (np.isfinite(p).all() and (p >= 0).all() and p.max() > 0):
        raise ValueError("pmf must be finite, nowhere negative, and somewhere positive")
    p = p / p.max()  # first, so that the sum is finite
    p /= p.sum()
    frequencies = np.maximum(1, np.floor(p * TOTAL)).astype(np.int64)
    _move_counts(p.tolist(), frequencies, TOTAL - int(frequencies.sum()))
    return frequencies.astype(np.int32)


def _move_counts(p: list[float], frequencies: NDArray[np.int64], missing: int) -> None:
    """Give or take counts until none is missing, then move them while that saves something; in place.

    Two heaps hold for each symbol what its next count would save, and what its last one is worth. An entry is
    made anew whenever its frequency changes; an old one is known by the frequency in it, and dropped.
    """
    counts: list[int] = frequencies.tolist()
    gains: list[tuple[float, int, int]] = []
    losses: list[tuple[float, int, int]] = []

    def gain(s: int) -> tuple[float, int, int]:
        return -p[s] * np.log2((counts[s] + 1) / counts[s]), s, counts[s]

    def loss(s: int) -> tuple[float, int, int]:
        worth = p[s] * np.log2(counts[s] / (counts[s] - 1)) if counts[s] > 1 else np.inf
        return worth, -s, counts[s]

    def change(s: int, step: int) -> None:
        counts[s] += step
        heapq.heappush(gains, gain(s))
        heapq.heappush(losses, loss(s))

    def best(heap: list[Any]) -> tuple[float, int]:
        while heap[0][2] != counts[abs(heap[0][1])]:
            heapq.heappop(heap)
        return heap[0][0], abs(heap[0][1])

    for s in range(len(p)):
        change(s, 0)
    while missing:
        step = 1 if missing > 0 else -1
        change(best(gains if step > 0 else losses)[1], step)
        missing -= step
    while True:
        (saved, to), (worth, source) = best(gains), best(losses)
        if -saved <= worth * (1 + 1e-12):  # rounding must not move a count there and back
            break
        change(source, -1)
        change(to, 1)
    frequencies[:] = counts


def trim_tails(pmf: ArrayLike, offset: int, escape: float) -> tuple[NDArray[np.float64], int, float]:
    """Leave to the escape what is cheaper there: the ends of a table whose values hardly ever come.

    Parameters
    ----------
    pmf : array of float, shape (K,)
        Probabilities of the values offset, offset + 1, …, adding up with `escape` to 1.
    offset : int
    escape : float
        Probability of all values beyond.

    Returns
    -------
    pmf, offset, escape
        Without the symbols of probability below 2^−18 at both ends; at least one is kept.

    Notes
    -----
    Keeping a symbol of probability p costs every other symbol 2^−16 / ln 2 = 2.2·10⁻⁵ bits. Leaving it costs
    about p · (1 + 1 to 5 + what the escape costs more than 16 bits, often nothing): side and gamma code. At p
    = 2^−18 that is 0.8 to 2.3·10⁻⁵ bits.

    Examples
    --------
    >>> trim_tails([2**-30, 0.25, 0.5, 0.25, 2**-20], -2, 0.0)
    (array([0.25, 0.5 , 0.25]), -1, 9.546056389808655e-07)
    """
    p = np.asarray(pmf, np.float64)
    if p.ndim != 1 or not p.size:
        raise ValueError(f"pmf has shape {p.shape}, must be (K,) with K of 1 at least")
    kept = np.flatnonzero(p >= TRIM)
    first, last = (int(kept[0]), int(kept[-1])) if kept.size else (int(p.argmax()), int(p.argmax()))
    escape = float(escape + p[:first].sum() + p[last + 1 :].sum())
    return p[first : last + 1], int(offset) + first, escape


def _kind(value: object) -> str:
    return f"an array of {value.dtype}" if isinstance(value, np.ndarray) else f"a {type(value).__name__}"
