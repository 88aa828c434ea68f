"""What to expect of the latents, computed in whole numbers: the same on every machine, to the last bit.

A decoder that reads y with tables chosen by σ must choose the tables that the encoder chose. One latent with
another table, and everything behind it is noise. But σ comes out of a network, h_s, and floating-point sums
depend on their order: on the processor, the library, the number of threads. Files of the field's own
libraries do not always decode on another computer than the one that wrote them, for just this reason. Here
h_s runs in integers (J. Ballé, N. Johnston, D. Minnen, "Integer networks for data compression with
latent-variable models", ICLR 2019), made of the trained weights, without training anew.

**Numbers.** A value v is the integer v · 2¹⁰, rounded: ten bits after the point. A weight w of layer l is w ·
2^g, rounded (halves to the even one), with the largest g, from 0 to 15, that keeps all of the layer's weights
within ±2¹⁵. Weights are kept as float16, which are integers times a power of two, so that this rounding is
the same everywhere.

    a_l = act(clip((W_l a_(l−1) + b_l + 2^(g−1)) >> g))          b_l has 10 + g bits after the point     (1)

`>>` rounds down, clip is to ±2²⁴, that is ±16384. ReLU is max(a, 0); LeakyReLU is a where a ≥ 0, else
(41 a + 2¹¹) >> 12, a slope of 0.01001. What goes in, a_0, is z: its whole numbers, and the medians rounded.

Sums are exact, whoever does them in whatever order: `integer_layers` has the proof.

**What it costs.** Values are off by a thousandth or two, and one σ in some hundreds is on the other side of
an edge, where both tables are as good; ``benchmarks/integer_cost.py`` counts the bits.

**From values to tables.** The edges between the 64 levels (`gaussian_model`) are integers too, kept with
the weights. A latent's table is the number of edges that its σ is above. Its mean, μ · 2¹⁰, is put back by
the decoder in float32, after the entropy decoder is done.

**Finer and coarser.** A file may be coded with a *step* other than 1, in 64ths: k = round((y − μ) · 64 /
step). Then σ is larger by 64 / step, in steps of the coder, and what is compared is 64 σ with step · edge:
for whole σ the same as σ with ⌊step · edge / 64⌋.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from .backend import backend_for
from .gaussian_model import scale_levels
from .integer_layers import LIMIT, POINT, whole, whole_layer
from .layers import LeakyReLU, ReLU
from .models.hyperprior import FURTHER, Hyperprior

__all__ = ["ONE_STEP", "Expected", "IntegerHyperDecoder", "scale_edges"]

ONE_STEP = 64  # the step of 1, in 64ths


def scale_edges() -> NDArray[np.int32]:
    """Return the 63 edges between the levels, as integers with `POINT` bits after the point.

    An edge is the geometric mean of its neighbours, rounded down: σ above it belongs to the upper one.

    Examples
    --------
    >>> scale_edges()[[0, 1, 62]]
    array([   119,    135, 246501], dtype=int32)
    """
    levels = scale_levels()
    return np.floor(np.sqrt(levels[1:] * levels[:-1]) * 2**POINT).astype(np.int32)


@dataclass(frozen=True, eq=False)
class Expected:
    """What to expect of latents, in integers.

    Attributes
    ----------
    scales : ndarray of int32, shape (M, h, w)
        σ · 2¹⁰; below 0 for "as narrow as can be".
    means : ndarray of int32, shape (M, h, w), or None
        μ · 2¹⁰.
    """

    scales: NDArray[np.int32]
    means: NDArray[np.int32] | None

    def indexes(self, edges: NDArray[np.int32], step: int = ONE_STEP) -> NDArray[np.int32]:
        """Return the number of the table for each latent, (M, h, w).

        Parameters
        ----------
        edges : ndarray of int32, shape (T − 1,)
            Between the tables, rising, from 0 on.
        step : int
            In 64ths, at most 2¹⁰.
        """
        thresholds = np.minimum(edges.astype(np.int64) * step // ONE_STEP, LIMIT)
        # Looking up a list of the tables of 0, 1, 2 … takes a tenth of the time that searching edges takes.
        kind = np.min_scalar_type(thresholds.size)
        table_of = np.repeat(np.arange(thresholds.size, dtype=kind), np.diff(thresholds, prepend=-1))
        table_of = np.append(table_of, kind.type(thresholds.size))
        indexes = np.empty(self.scales.shape, np.int32)
        for channel, scales in zip(
            indexes, self.scales
        ):  # what is found has another dtype: never all at once
            channel[:] = table_of.take(scales, mode="clip")
        return indexes

    @cached_property
    def float_means(self) -> NDArray[np.float32]:
        """μ in float32, exactly; 0 without means."""
        if self.means is None:
            return np.zeros((), np.float32)
        return np.ldexp(self.means.astype(np.float32), -POINT)


class IntegerHyperDecoder:
    """h_s of a hyperprior in integers.

    Parameters
    ----------
    model : Hyperprior
        Of NumPy, with weights as they are kept: numbers that float16 has.

    Raises
    ------
    ValueError
        If a weight is not one of float16, not finite or above 2¹⁵, a layer too wide, or of another kind:
        equation 1 would not be exact.
    """

    def __init__(self, model: Hyperprior) -> None:
        self._latents, self._has_means = model.latents, model.has_means
        self._medians = whole(np.asarray(model.entropy_bottleneck.medians), POINT)
        layers = [*model.h_s]
        self._layers = [
            whole_layer(layer, after)
            for layer, after in zip(layers, [*layers[1:], None])
            if not isinstance(layer, ReLU | LeakyReLU)
        ]

    def expected(self, symbols: NDArray[np.int32], rows: int, columns: int) -> Expected:
        """Return what to expect of y, (M, rows, columns), if the side information has these symbols.

        Parameters
        ----------
        symbols : ndarray of int32, shape (N, ⌈rows/4⌉, ⌈columns/4⌉)
            z less its medians, any numbers.

        Raises
        ------
        ValueError
            For another shape.
        """
        shape = (len(self._medians), -(-rows // FURTHER), -(-columns // FURTHER))
        if symbols.shape != shape:
            raise ValueError(f"symbols have shape {symbols.shape}, must be {shape}")
        values = np.clip(symbols * 2.0**POINT + self._medians, -LIMIT, LIMIT).astype(np.int32)
        run_layer = backend_for(values).whole_layer
        for layer in self._layers:
            values = run_layer(layer, values)
        told = values[:, :rows, :columns]
        if not self._has_means:
            return Expected(told, None)
        return Expected(told[: self._latents], told[self._latents :])
