"""Functions of each number for itself, and the four operations of arithmetic.

For y = f(x), elementwise, the Jacobian is diagonal: the gradient is ḡ · f'(x), and each docstring gives f'.
Where f' can be had from y, only y is kept: it is wanted by the next operation anyway, while x may be set
free. Where two inputs are broadcast against each other, one number of an input took part in several results,
so that its gradients are added (`tensor.unbroadcast`).

At a kink, where f' does not exist, one of the slopes on its two sides is taken, PyTorch's choice; each
docstring says which.

All functions here take tensors or arrays x of any shape, float32 or float64, and return a tensor of that
dtype. They raise `TypeError` for an input that is neither, or where dtypes are mixed, and `ValueError` where
two shapes cannot be broadcast. A plain number beside an array takes the array's dtype.

Examples
--------
>>> import numpy as np
>>> x = Tensor(np.array([-1.0, 0.0, 2.0]), requires_grad=True)
>>> y = softplus(x)
>>> y.data.round(4)
array([0.3133, 0.6931, 2.1269])
>>> y.backward(np.ones(3))
>>> x.grad.round(4)  # the sigmoid of x
array([0.2689, 0.5   , 0.8808])
"""

from __future__ import annotations

import math

import numpy as np

from ..arrays import Array, array_module, as_array, special_functions
from ..tensor import Number, Tensor, as_tensor, is_recorded, record, unbroadcast

__all__ = [
    "absolute",
    "add",
    "clip",
    "divide",
    "erf",
    "erfc",
    "exp",
    "leaky_relu",
    "log",
    "maximum",
    "minimum",
    "multiply",
    "negative",
    "power",
    "relu",
    "sigmoid",
    "softplus",
    "sqrt",
    "subtract",
    "tanh",
]


# --------------------------------------------------------------------------------------------------
# Arithmetic, with broadcasting


def add(x: Tensor | Array | Number, y: Tensor | Array | Number) -> Tensor:
    """x + y; ∂/∂x = ∂/∂y = 1."""
    x, y = pair("add", x, y)
    x_shape, y_shape = _wanted(x), _wanted(y)

    def backward(gradient: Array) -> tuple[Array | None, Array | None]:
        return (
            None if x_shape is None else unbroadcast(gradient, x_shape),
            None if y_shape is None else unbroadcast(gradient, y_shape),
        )

    return record("add", x.data + y.data, (x, y), backward)


def subtract(x: Tensor | Array | Number, y: Tensor | Array | Number) -> Tensor:
    """x − y; ∂/∂x = 1, ∂/∂y = −1."""
    x, y = pair("subtract", x, y)
    x_shape, y_shape = _wanted(x), _wanted(y)

    def backward(gradient: Array) -> tuple[Array | None, Array | None]:
        return (
            None if x_shape is None else unbroadcast(gradient, x_shape),
            None if y_shape is None else -unbroadcast(gradient, y_shape),
        )

    return record("subtract", x.data - y.data, (x, y), backward)


def multiply(x: Tensor | Array | Number, y: Tensor | Array | Number) -> Tensor:
    """x · y; ∂/∂x = y, ∂/∂y = x."""
    x, y = pair("multiply", x, y)
    x_shape, y_shape = _wanted(x), _wanted(y)
    x_data = x.data if y.requires_grad else None
    y_data = y.data if x.requires_grad else None

    def backward(gradient: Array) -> tuple[Array | None, Array | None]:
        return (
            None if x_shape is None else unbroadcast(gradient * y_data, x_shape),
            None if y_shape is None else unbroadcast(gradient * x_data, y_shape),
        )

    return record("multiply", x.data * y.data, (x, y), backward)


def divide(x: Tensor | Array | Number, y: Tensor | Array | Number) -> Tensor:
    """q = x / y; ∂/∂x = 1 / y, ∂/∂y = −x / y² = −q / y."""
    x, y = pair("divide", x, y)
    x_shape, y_shape = _wanted(x), _wanted(y)
    y_data = y.data
    result = x.data / y_data
    quotient = result if y.requires_grad else None

    def backward(gradient: Array) -> tuple[Array | None, Array | None]:
        part = gradient / y_data
        by_x = None if x_shape is None else unbroadcast(part, x_shape)
        by_y = None if y_shape is None else -unbroadcast(part * quotient, y_shape)
        return by_x, by_y

    return record("divide", result, (x, y), backward)


def negative(x: Tensor | Array) -> Tensor:
    """−x; f' = −1."""
    x = as_tensor("negative", "x", x)
    return record("negative", -x.data, (x,), lambda gradient: (-gradient,))


def power(x: Tensor | Array | Number, exponent: Tensor | Array | Number) -> Tensor:
    """y = xⁿ, with a number n or elementwise with n a tensor; ∂/∂x = n xⁿ⁻¹, ∂/∂n = y ln x.

    0⁰ is 1. Where x is 0 and n is not negative, ∂/∂n is 0, its limit from above for n > 0. The gradient for
    n of a negative x is NaN, for it is not a real number.

    Examples
    --------
    >>> import numpy as np
    >>> power(np.array([1.0, 4.0]), 0.5).data
    array([1., 2.])
    >>> power(2, np.array([-1.0, 3.0])).data
    array([0.5, 8. ])
    """
    if isinstance(exponent, int | float):
        return _power_of_number(as_tensor("power", "x", x), exponent)
    x, n = pair("power", x, exponent)
    xp = array_module(x.data)
    x_shape, n_shape = _wanted(x), _wanted(n)
    x_data, n_data, y = x.data, n.data, x.data**n.data

    def backward(gradient: Array) -> tuple[Array | None, Array | None]:
        by_x = by_n = None
        if x_shape is not None:
            # n xⁿ⁻¹ is 0 for n = 0, also where xⁿ⁻¹ is infinite.
            slope = n_data * x_data ** xp.where(n_data == 0, 1, n_data - 1)
            by_x = unbroadcast(gradient * slope, x_shape)
        if n_shape is not None:
            slope = y * xp.log(xp.where(x_data == 0, 1, x_data))
            by_n = unbroadcast(gradient * slope, n_shape)
        return by_x, by_n

    return record("power", y, (x, n), backward)


def _power_of_number(x: Tensor, n: Number) -> Tensor:
    x_data = x.data

    def backward(gradient: Array) -> tuple[Array]:
        if n == 0:
            return (array_module(x_data).zeros_like(gradient),)
        part = x_data ** (n - 1)
        part *= n
        part *= gradient
        return (part,)

    return record("power", x_data**n, (x,), backward)


def maximum(x: Tensor | Array | Number, y: Tensor | Array | Number) -> Tensor:
    """The greater of x and y, which gets the gradient; where they are equal each gets half of it."""
    x, y = pair("maximum", x, y)
    return _select("maximum", x, y, array_module(x.data).maximum(x.data, y.data))


def minimum(x: Tensor | Array | Number, y: Tensor | Array | Number) -> Tensor:
    """The smaller of x and y, which gets the gradient; where they are equal each gets half of it."""
    x, y = pair("minimum", x, y)
    return _select("minimum", x, y, array_module(x.data).minimum(x.data, y.data))


def _select(operation: str, x: Tensor, y: Tensor, result: Array) -> Tensor:
    x_shape, y_shape = _wanted(x), _wanted(y)
    is_x = is_y = None  # a byte for each number is less to keep than the numbers
    if is_recorded((x, y)):
        is_x, is_y = x.data == result, y.data == result

    def backward(gradient: Array) -> tuple[Array | None, Array | None]:
        xp = array_module(gradient)
        half = gradient * 0.5
        by_x = by_y = None
        if x_shape is not None:
            by_x = unbroadcast(xp.where(is_x, xp.where(is_y, half, gradient), 0), x_shape)
        if y_shape is not None:
            by_y = unbroadcast(xp.where(is_y, xp.where(is_x, half, gradient), 0), y_shape)
        return by_x, by_y

    return record(operation, result, (x, y), backward)


def pair(operation: str, x: Tensor | Array | Number, y: Tensor | Array | Number) -> tuple[Tensor, Tensor]:
    """Return two operands as tensors that fit together; a plain number takes the other's dtype.

    Raises
    ------
    TypeError
        If their dtypes differ, or one is neither tensor, array nor number.
    ValueError
        If their shapes cannot be broadcast.
    """
    if isinstance(y, int | float):
        x = as_tensor(operation, "x", x)
        y = Tensor(array_module(x.data).asarray(y, dtype=x.dtype))
    elif isinstance(x, int | float):
        y = as_tensor(operation, "y", y)
        x = Tensor(array_module(y.data).asarray(x, dtype=y.dtype))
    x, y = as_tensor(operation, "x", x), as_tensor(operation, "y", y)
    if x.dtype != y.dtype:
        raise TypeError(f"{operation}: x is {x.dtype} of shape {x.shape}, y is {y.dtype} of shape {y.shape}")
    try:
        np.broadcast_shapes(x.shape, y.shape)
    except ValueError:
        raise ValueError(
            f"{operation}: x of shape {x.shape} and y of shape {y.shape} do not go together"
        ) from None
    return x, y


def _wanted(x: Tensor) -> tuple[int, ...] | None:
    """Return the shape of the gradient that an operand wants, if any, so that no tensor is held for it."""
    return x.shape if x.requires_grad else None


# --------------------------------------------------------------------------------------------------
# Functions


def absolute(x: Tensor | Array) -> Tensor:
    """|x|; f' = sgn x, 0 at 0."""
    x = as_tensor("absolute", "x", x)
    xp, x_data = array_module(x.data), x.data
    return record("absolute", xp.abs(x_data), (x,), lambda gradient: (gradient * xp.sign(x_data),))


def exp(x: Tensor | Array) -> Tensor:
    """eˣ; f' = eˣ."""
    x = as_tensor("exp", "x", x)
    y = array_module(x.data).exp(x.data)
    return record("exp", y, (x,), lambda gradient: (gradient * y,))


def log(x: Tensor | Array) -> Tensor:
    """Natural logarithm ln x; f' = 1 / x."""
    x = as_tensor("log", "x", x)
    x_data = x.data
    return record("log", array_module(x_data).log(x_data), (x,), lambda gradient: (gradient / x_data,))


def sqrt(x: Tensor | Array) -> Tensor:
    """y = √x; f' = 1 / 2y, infinite at 0."""
    x = as_tensor("sqrt", "x", x)
    y = array_module(x.data).sqrt(x.data)

    def backward(gradient: Array) -> tuple[Array]:
        part = gradient / y
        part *= 0.5
        return (part,)

    return record("sqrt", y, (x,), backward)


def tanh(x: Tensor | Array) -> Tensor:
    """Hyperbolic tangent y; f' = 1 − y²."""
    x = as_tensor("tanh", "x", x)
    y = array_module(x.data).tanh(x.data)

    def backward(gradient: Array) -> tuple[Array]:
        part = y * y
        part *= gradient
        return (gradient - part,)

    return record("tanh", y, (x,), backward)


def sigmoid(x: Tensor | Array) -> Tensor:
    """y = 1 / (1 + e⁻ˣ); f' = y (1 − y)."""
    x = as_tensor("sigmoid", "x", x)
    y = special_functions(array_module(x.data)).expit(x.data)

    def backward(gradient: Array) -> tuple[Array]:
        part = 1 - y
        part *= y
        part *= gradient
        return (part,)

    return record("sigmoid", y, (x,), backward)


def softplus(x: Tensor | Array) -> Tensor:
    """y = ln(1 + eˣ); f' = eˣ / (1 + eˣ), the sigmoid, which is 1 − e⁻ʸ.

    Computed as max(x, 0) + ln(1 + e^−|x|), where nothing overflows and nothing is lost: for large x it is x,
    for large −x it is eˣ.
    """
    x = as_tensor("softplus", "x", x)
    xp = array_module(x.data)
    y = as_array(xp.abs(x.data))
    y *= -1
    xp.exp(y, out=y)
    xp.log1p(y, out=y)
    y += xp.maximum(x.data, 0)

    def backward(gradient: Array) -> tuple[Array]:
        part = xp.expm1(-y)
        part *= -1
        part *= gradient
        return (part,)

    return record("softplus", y, (x,), backward)


def relu(x: Tensor | Array) -> Tensor:
    """max(x, 0); f' = 1 for x > 0, else 0."""
    x = as_tensor("relu", "x", x)
    xp = array_module(x.data)
    y = xp.maximum(x.data, 0)
    return record("relu", y, (x,), lambda gradient: (xp.where(y > 0, gradient, 0),))


def leaky_relu(x: Tensor | Array, slope: float = 0.01) -> Tensor:
    """Return x for x > 0, else `slope` · x; f' = 1 for x > 0, else `slope`.

    With 0 < slope ≤ 1 this is max(x, slope · x), and y has the sign of x.

    Raises
    ------
    ValueError
        If the slope is not in (0, 1].
    """
    if not 0 < slope <= 1:
        raise ValueError(f"leaky_relu: slope is {slope}, must be above 0 and at most 1")
    x = as_tensor("leaky_relu", "x", x)
    xp = array_module(x.data)
    y = as_array(x.data * slope)
    xp.maximum(x.data, y, out=y)

    def backward(gradient: Array) -> tuple[Array]:
        return (xp.where(y > 0, gradient, gradient * slope),)

    return record("leaky_relu", y, (x,), backward)


def erf(x: Tensor | Array) -> Tensor:
    """Error function 2/√π ∫₀ˣ e^(−t²) dt; f' = 2/√π e^(−x²)."""
    x = as_tensor("erf", "x", x)
    x_data = x.data
    y = special_functions(array_module(x_data)).erf(x_data)
    return record("erf", y, (x,), lambda gradient: (_bell(gradient, x_data, 2 / math.sqrt(math.pi)),))


def erfc(x: Tensor | Array) -> Tensor:
    """1 − erf x, without loss for large x; f' = −2/√π e^(−x²)."""
    x = as_tensor("erfc", "x", x)
    x_data = x.data
    y = special_functions(array_module(x_data)).erfc(x_data)
    return record("erfc", y, (x,), lambda gradient: (_bell(gradient, x_data, -2 / math.sqrt(math.pi)),))


def _bell(gradient: Array, x: Array, factor: float) -> Array:
    """Return gradient · factor · e^(−x²)."""
    part = as_array(x * x)
    part *= -1
    array_module(x).exp(part, out=part)
    part *= gradient
    part *= factor
    return part


def clip(x: Tensor | Array, low: float | None = None, high: float | None = None) -> Tensor:
    """Return x, but not below `low` nor above `high`; f' = 1 from `low` to `high`, both included, else 0.

    A parameter that has left the interval gets no gradient and never comes back: see `ops.lower_bound`.

    Raises
    ------
    ValueError
        If there is neither bound, or low > high.
    """
    if (low is None and high is None) or (low is not None and high is not None and not low <= high):
        raise ValueError(
            f"clip: low is {low} and high is {high}, must be one number at least, low not above high"
        )
    x = as_tensor("clip", "x", x)
    xp = array_module(x.data)
    result = xp.clip(x.data, low, high)
    inside = (x.data == result) if is_recorded((x,)) else None
    return record("clip", result, (x,), lambda gradient: (xp.where(inside, gradient, 0),))
