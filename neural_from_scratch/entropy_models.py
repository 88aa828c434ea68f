"""How likely is each latent? A density for every channel, learned together with the transform.

An entropy coder spends −log₂ p bits on a symbol of probability p, so a codec that learns what to send must
learn p as well. The *factorised* model takes every latent as independent of all others, and those of one
channel as drawn from one distribution; what differs between channels is learned.

**The density.** A cumulative distribution function rises from 0 to 1, and any function that does is one. So
write c(x) = σ(L(x)) with the logistic σ and a rising function L, its *logit*, a small network of one number:

    h⁰ = H⁰ x + b⁰                    H⁰ is (3, 1), H¹ … H³ are (3, 3), H⁴ is (1, 3)
    xᵏ = hᵏ⁻¹ + aᵏ⁻¹ ⊙ tanh(hᵏ⁻¹)     k = 1 … 4                                                            (1)
    hᵏ = Hᵏ xᵏ + bᵏ                   L(x) = h⁴

It rises if every entry of H is positive and every entry of a is above −1. Both are had by what is stored: H =
softplus(Ĥ), a = tanh(â). Biases bend where; with â = 0, as at first, L is a straight line and the density the
logistic one.

**The probability of a whole number.** Training adds noise u from U(−½, ½) to a latent where use will round
it. The density of y + u is that of y convolved with a box of width 1,

    p(v) = c(v + ½) − c(v − ½),                                                                            (2)

which is, at whole distances from the median, just the probability of the rounding cell. One function serves
in training as a density and in use as a probability: that is the trick on which all of this rests.

**Far out.** For large L both terms of equation 2 round to 1, and their difference to 0, in float32 from L =
17 on: no bits of precision, and no gradient. But σ(u) − σ(l) = σ(−l) − σ(−u). With s = −1 if u + l > 0, else
1, equation 2 becomes s (σ(s u) − σ(s l)), where both terms are small exactly when the result is. What still
falls below 10⁻⁹ (30 bits) is set to that, with the one-sided gradient of `ops.lower_bound`.

**Rounding.** In use, what is sent is the whole number k = round(y − m), with the median m of the channel, and
the decoder puts m + k. The middle cell is then at the densest place. Medians and tails are found by bisection
once training is over: L rises, so L(q) = t has one solution.

**In integers.** `FactorizedDensity.tables` makes p(m + k) into the tables that the range coder and the file
know. From there on no floating-point number has a say.

References
----------
J. Ballé, D. Minnen, S. Singh, S. J. Hwang, N. Johnston, "Variational image compression with a scale
hyperprior", ICLR 2018, appendix 6.1. Names, shapes and first values are those of CompressAI's
``EntropyBottleneck``.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from . import ops
from .arrays import Array, array_module
from .backend import backend_for
from .entropy_tables import CdfTables, trim_tails
from .parameters import Layer, moved
from .tensor import Tensor, as_tensor

__all__ = ["FLOOR", "FactorizedDensity", "likelihood_on_tape"]

WIDTHS = (1, 3, 3, 3, 3, 1)  # of the values between the layers
LAYERS = len(WIDTHS) - 1
FLOOR = 1e-9  # no probability is below
TAIL = 1e-9  # what lies beyond the outer quantiles, both sides together
WIDEST = 1 << 13  # values to each side of the median that a table may hold


class FactorizedDensity(Layer):
    """One learned density for each channel; equations 1 and 2.

    Parameters
    ----------
    channels : int
    init_scale : float
        The first density is a logistic one of this scale: it is about this wide to each side.
    rng : numpy.random.Generator
        Where the first biases come from, U(−½, ½).
    dtype : dtype
        float32 or float64.

    Attributes
    ----------
    matrices : list of Tensor
        Ĥ⁰ … Ĥ⁴, as stored: (C, 3, 1), three of (C, 3, 3), (C, 1, 3).
    biases : list of Tensor
        b⁰ … b⁴: four of (C, 3, 1), (C, 1, 1).
    factors : list of Tensor
        â⁰ … â³, as stored: (C, 3, 1).
    quantiles : Tensor, shape (C, 1, 3)
        Lower tail, median and upper tail of each channel. No gradient: `find_quantiles` sets them. They are
        part of the state, since they say what a symbol means.

    Raises
    ------
    ValueError
        If there is no channel, or the scale is not positive.

    Examples
    --------
    >>> density = FactorizedDensity(2, rng=np.random.default_rng(0))
    >>> density.likelihood(Tensor(np.zeros((1, 2, 1, 1), np.float32))).data.ravel().round(3)
    array([0.024, 0.025], dtype=float32)
    """

    ignored_keys = (
        *("target", "_offset", "_quantized_cdf", "_cdf_length"),
        "likelihood_lower_bound.bound",
    )

    def __init__(
        self,
        channels: int,
        init_scale: float = 10.0,
        *,
        rng: np.random.Generator,
        dtype: DTypeLike = np.float32,
    ) -> None:
        if channels < 1 or not 0 < init_scale < math.inf:
            raise ValueError(f"FactorizedDensity: channels={channels}, init_scale={init_scale}, must be > 0")
        self.channels = channels
        shapes = list(zip(WIDTHS[1:], WIDTHS[:-1]))
        stored = [first_matrices(np.full(channels, init_scale), i) for i in range(LAYERS)]
        self.matrices = [Tensor(matrix.astype(dtype), requires_grad=True) for matrix in stored]
        self.biases = [
            Tensor(rng.uniform(-0.5, 0.5, (channels, rows, 1)).astype(dtype), requires_grad=True)
            for rows, _ in shapes
        ]
        self.factors = [
            Tensor(np.zeros((channels, rows, 1), dtype), requires_grad=True) for rows, _ in shapes[:-1]
        ]
        self.quantiles = Tensor(np.tile(np.array([-init_scale, 0, init_scale], dtype), (channels, 1, 1)))

    # ----------------------------------------------------------------------------------------------
    # Training

    def forward(self, values: Tensor) -> Tensor:
        """Return the likelihoods of values (N, C, H, W)."""
        return self.likelihood(values)

    def likelihood(self, values: Tensor | Array) -> Tensor:
        """Return p(v) of equation 2 for each value, at least 10⁻⁹.

        Parameters
        ----------
        values : tensor or array, (N, C, H, W), of the dtype of the parameters
            Latents with noise, or rounded ones (`dequantize`).

        Returns
        -------
        Tensor, of the same shape

        Raises
        ------
        TypeError, ValueError
            For another dtype or number of channels.
        """
        values = as_tensor("likelihood", "values", values)
        if values.ndim != 4 or values.shape[1] != self.channels:
            raise ValueError(
                f"likelihood: values have shape {values.shape}, must be (N, {self.channels}, H, W)"
            )
        if values.dtype != self.biases[0].dtype:
            raise TypeError(f"likelihood: values are {values.dtype}, parameters {self.biases[0].dtype}")
        matrices = [ops.softplus(matrix) for matrix in self.matrices]
        factors = [ops.tanh(factor) for factor in self.factors]
        compute = backend_for(values.data).density or likelihood_on_tape
        return ops.lower_bound(compute(values, matrices, self.biases, factors), FLOOR)

    # ----------------------------------------------------------------------------------------------
    # After training

    def find_quantiles(self, tail: float = TAIL) -> None:
        """Set `quantiles` to where c = tail / 2, ½ and 1 − tail / 2, by bisection in float64.

        The medians are kept as the parameters' dtype has them. No other number of the layer changes.
        """
        target = math.log(2 / tail - 1)
        found = self._solve(np.array([-target, 0.0, target]))
        xp = array_module(self.quantiles.data)
        self.quantiles.data = moved(found[:, None, :].astype(self.quantiles.dtype), xp)

    @property
    def medians(self) -> Array:
        """The medians m, shape (C, 1, 1)."""
        return self.quantiles.data[:, :, 1:2]

    def quantize(self, latents: Array) -> NDArray[np.int32]:
        """Return the symbols k = round(y − m), halves to the even one, as int32 of NumPy, (N, C, H, W).

        Raises
        ------
        ValueError
            If a latent is not finite, or a symbol would not fit.
        """
        symbols = moved(array_module(latents).rint(latents - self.medians), np)
        if not (np.abs(symbols) < 2**31 - 256).all():  # NaN is not below anything
            raise ValueError("quantize: latents are not finite, or too large for int32")
        return symbols.astype(np.int32)

    def dequantize(self, symbols: NDArray[np.integer]) -> Array:
        """Return m + k, of the parameters' dtype and array module."""
        medians = self.medians
        return moved(symbols.astype(medians.dtype), array_module(medians)) + medians

    def tables(self) -> CdfTables:
        """Return the integer tables of all channels: table c is of the symbols of channel c.

        They reach from the lower to the upper quantile; ends that are not worth their place are cut
        (`entropy_tables.trim_tails`). Computed in float64, once: they belong to the weights from then on.
        """
        quantiles = np.asarray(moved(self.quantiles.data, np), np.float64)[:, 0]
        pmfs, offsets, escapes = [], [], []
        for channel, (low, median, high) in enumerate(quantiles):
            first = max(math.floor(low - median), -WIDEST)
            last = min(math.ceil(high - median), WIDEST)
            edges = median + np.arange(first, last + 2) - 0.5
            logits = self.logits(np.broadcast_to(edges, (self.channels, edges.size)), only=channel)[0]
            lower, upper = logits[:-1], logits[1:]
            sign = np.where(lower + upper > 0, -1.0, 1.0)
            pmf = np.abs(_logistic(sign * upper) - _logistic(sign * lower))
            beyond = float(_logistic(lower[:1])[0] + _logistic(-upper[-1:])[0])
            pmf, first, beyond = trim_tails(pmf, first, beyond)
            pmfs.append(pmf)
            offsets.append(first)
            escapes.append(beyond)
        return CdfTables.from_pmfs(pmfs, offsets, escapes)

    def fit_logistic(self, middle: NDArray[Any], spread: NDArray[Any]) -> None:
        """Make each density the logistic one with this mean and mean absolute deviation: a first guess.

        Parameters
        ----------
        middle, spread : ndarray, shape (C,)
            In use, of latents with noise. A logistic density of scale s has E|x − m| = 2 s ln 2.
        """
        scale = np.maximum(spread, 1e-3) / (2 * math.log(2))
        xp, dtype = array_module(self.quantiles.data), self.quantiles.dtype
        for i, matrix in enumerate(self.matrices):
            matrix.data = moved(first_matrices(scale, i).astype(dtype), xp)
        for factor in self.factors:
            factor.data = xp.zeros_like(factor.data)
        # The biases that were drawn stay, but for the last, which moves the median to where it belongs.
        level = self.logits(np.asarray(middle, np.float64)[:, None])
        last = np.asarray(moved(self.biases[-1].data, np), np.float64) - level[:, :, None]
        self.biases[-1].data = moved(last.astype(dtype), xp)

    # ----------------------------------------------------------------------------------------------
    # In float64, on NumPy, without the tape

    def logits(self, x: NDArray[np.float64], only: int | None = None) -> NDArray[np.float64]:
        """Return L of each channel, without the tape: its distribution function is 1 / (1 + e^−L).

        Parameters
        ----------
        x : ndarray of float64, shape (C, K)
        only : int, optional
            One channel alone.

        Returns
        -------
        ndarray of float64, shape (C, K), or (1, K) of one channel
            On NumPy, whatever the parameters are on.
        """
        chosen = slice(None) if only is None else slice(only, only + 1)

        def part(tensor: Tensor) -> NDArray[np.float64]:
            return np.asarray(moved(tensor.data, np), np.float64)[chosen]

        x = x[chosen, None, :]
        for i, (matrix, bias) in enumerate(zip(self.matrices, self.biases)):
            x = np.logaddexp(0, part(matrix)) @ x + part(bias)
            if i < len(self.factors):
                x = x + np.tanh(part(self.factors[i])) * np.tanh(x)
        return x[:, 0]

    def _solve(self, targets: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return q with L(q) = t for each channel and target, (C, len(targets))."""
        goal = np.tile(targets, (self.channels, 1))
        low, high = np.full(goal.shape, -1.0), np.full(goal.shape, 1.0)
        for _ in range(40):  # a density wider than 2⁴⁰ would be none of latents
            too_high, too_low = self.logits(low) > goal, self.logits(high) < goal
            if not (too_high.any() or too_low.any()):
                break
            low, high = np.where(too_high, 2 * low, low), np.where(too_low, 2 * high, high)
        for _ in range(80):
            middle = (low + high) / 2
            is_below = self.logits(middle) < goal
            low, high = np.where(is_below, middle, low), np.where(is_below, high, middle)
        return (low + high) / 2


def first_matrices(scale: NDArray[Any], layer: int) -> NDArray[np.float64]:
    """Return Ĥ of a layer such that L, a line at first, has the slope 1 / scale; (C, rows, columns).

    Each layer has 1 / scale^(1/5) of it: softplus(Ĥ) = 1 / (scale^(1/5) · rows), since the layer after this
    one adds up its rows.

    Examples
    --------
    >>> first_matrices(np.array([10.0]), 4).round(4)  # ln(exp(10^−0.2) − 1)
    array([[[-0.1285, -0.1285, -0.1285]]])
    """
    rows, columns = WIDTHS[layer + 1], WIDTHS[layer]
    value = np.log(np.expm1(1 / (np.asarray(scale, np.float64) ** (1 / LAYERS) * rows)))
    return np.broadcast_to(value[:, None, None], (value.size, rows, columns)).copy()


def likelihood_on_tape(
    values: Tensor, matrices: list[Tensor], biases: list[Tensor], factors: list[Tensor]
) -> Tensor:
    """Return equation 2 for values (N, C, H, W), out of the operations of `ops`: the readable path.

    Parameters
    ----------
    values : Tensor, (N, C, H, W)
    matrices, biases, factors : list of Tensor
        H, b and a of equation 1, as used, not as stored.

    Returns
    -------
    Tensor, (N, C, H, W), without a floor
    """
    n, channels, height, width = values.shape
    x = values.transpose(1, 0, 2, 3).reshape(channels, 1, n * height * width)
    upper, lower = (_logits_on_tape(x + shift, matrices, biases, factors) for shift in (0.5, -0.5))
    xp = array_module(values.data)
    sign = 1 - 2 * (upper.data + lower.data > 0).astype(values.dtype)  # a constant: it has no slope
    sign = xp.asarray(sign)
    likelihood = (ops.sigmoid(upper * sign) - ops.sigmoid(lower * sign)) * sign
    return likelihood.reshape(channels, n, height, width).transpose(1, 0, 2, 3)


def _logits_on_tape(x: Tensor, matrices: list[Tensor], biases: list[Tensor], factors: list[Tensor]) -> Tensor:
    """Equation 1, for (C, 1, P)."""
    for i, (matrix, bias) in enumerate(zip(matrices, biases)):
        x = ops.matmul(matrix, x) + bias
        if i < len(factors):
            x = x + factors[i] * ops.tanh(x)
    return x


def _logistic(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """σ in float64; small results keep their relative precision."""
    return np.exp(-np.logaddexp(0, -x))
