"""Convolution and its transpose: the work horse of every picture network.

What networks call convolution is *cross-correlation*, without the mirrored kernel. With a stride s and a
padding p, for picture n, output channel o, row y and column x, and W of shape (O, C, kh, kw), equation (1):

    Y[n, o, y, x] = b[o] + Σ_c Σ_i Σ_j  W[o, c, i, j] · X[n, c, s y + i − p, s x + j − p]

where X outside of its borders is zero. It is linear in X and in W; three sums follow from (1), and they are
all that forward and backward need:

- `correlate` is (1): X and W to Y.
- `correlate_transposed` sends Ȳ = ∂L/∂Y back to X̄. An X[n, c, u, v] took part in every Y[n, o, y, x] that
  has a tap (i, j) with u = s y + i − p and v = s x + j − p, with weight W[o, c, i, j], equation (2):

      X̄[n, c, u, v] = Σ_o Σ_(y,i: s y + i − p = u) Σ_(x,j: s x + j − p = v)  W[o, c, i, j] · Ȳ[n, o, y, x]

- `correlate_weights` sends it back to W, equation (3):

      W̄[o, c, i, j] = Σ_n Σ_y Σ_x  Ȳ[n, o, y, x] · X[n, c, s y + i − p, s x + j − p]

A *transposed* convolution is (2) used forward: each number of the small map paints a scaled copy of the
kernel into the large one, s apart. Its own gradients are (1) and (3) with the parts exchanged, so that
nothing new is needed. If s > 1, several heights of X lead to one height of Y; which one is meant is what
`output_padding` says.

With g groups, channels are cut in g equal parts that see nothing of each other, W has shape (O, C/g, kh, kw).

The array code below takes one tap (i, j) at a time. For a fixed tap, (1) is a product of the matrix W[:, :,
i, j] with the matrix of all pixels that this tap sees, which is a strided slice of the padded X. See V.
Dumoulin and F. Visin, "A guide to convolution arithmetic for deep learning", arXiv:1603.07285, for
pictures.

Examples
--------
>>> import numpy as np
>>> x = np.arange(16.0).reshape(1, 1, 4, 4)
>>> blur = np.full((1, 1, 2, 2), 0.25)
>>> conv2d(x, blur, stride=2).data[0, 0]
array([[ 2.5,  4.5],
       [10.5, 12.5]])
>>> conv_transpose2d(x[:, :, :1, :2], blur, stride=2).data[0, 0]
array([[0.  , 0.  , 0.25, 0.25],
       [0.  , 0.  , 0.25, 0.25]])
"""

from __future__ import annotations

from typing import TypeAlias

from ..arrays import Array, array_module
from ..backend import backend_for
from ..tensor import Tensor, as_tensor, record

__all__ = [
    "conv2d",
    "conv_transpose2d",
    "correlate",
    "correlate_definition",
    "correlate_transposed",
    "correlate_weights",
]

Pair: TypeAlias = tuple[int, int]


# --------------------------------------------------------------------------------------------------
# On the tape


def conv2d(
    x: Tensor | Array,
    weight: Tensor | Array,
    bias: Tensor | Array | None = None,
    stride: int | Pair = 1,
    padding: int | Pair = 0,
    groups: int = 1,
) -> Tensor:
    """Correlate pictures with a bank of kernels, equation (1).

    Backward: X̄ by equation (2), W̄ by (3), and b̄[o] = Σ_n Σ_y Σ_x Ȳ[n, o, y, x].

    Parameters
    ----------
    x : Tensor or array, shape (N, C, H, W)
    weight : Tensor or array, shape (O, C / groups, kh, kw)
    bias : Tensor or array, shape (O,), optional
    stride, padding : int or (int, int)
        For rows and columns; padding is with zeros, at both ends.
    groups : int
        Divides C and O.

    Returns
    -------
    Tensor, shape (N, O, H', W')
        With H' = ⌊(H + 2 p − kh) / s⌋ + 1, W' likewise.

    Raises
    ------
    TypeError
        If the dtypes differ, or stride, padding or groups are no whole numbers.
    ValueError
        If shapes do not fit; if the kernel is larger than the padded picture.
    """
    x, weight, bias_tensor = _operands("conv2d", x, weight, bias)
    stride, padding = _pair("conv2d", "stride", stride, 1), _pair("conv2d", "padding", padding, 0)
    _check_groups("conv2d", groups)
    if x.shape[1] != weight.shape[1] * groups:
        raise ValueError(
            f"conv2d: x of shape {x.shape} has {x.shape[1]} channels, weight of shape {weight.shape} "
            f"with groups={groups} takes {weight.shape[1] * groups}"
        )
    if weight.shape[0] % groups:
        raise ValueError(
            f"conv2d: groups={groups} does not divide the output channels of weight {weight.shape}"
        )
    _check_bias("conv2d", bias_tensor, weight, weight.shape[0])
    kernel, size = weight.shape[2:], x.shape[2:]
    if min(sizes_after(size, kernel, stride, padding)) < 1:
        raise ValueError(
            f"conv2d: weight of shape {weight.shape} is larger than x of shape {x.shape} "
            f"with padding={padding}"
        )
    backend = backend_for(x.data)
    bias_data = None if bias_tensor is None else bias_tensor.data
    y = backend.correlate(x.data, weight.data, bias_data, stride, padding, groups)

    def backward(gradient: Array) -> tuple[Array | None, ...]:
        x_gradient = weight_gradient = None
        if x.requires_grad:
            x_gradient = backend.correlate_transposed(
                gradient, weight.data, None, stride, padding, groups, size
            )
        if weight.requires_grad:
            weight_gradient = backend.correlate_weights(x.data, gradient, kernel, stride, padding, groups)
        return x_gradient, weight_gradient, *_bias_gradient(bias_tensor, gradient)

    return record("conv2d", y, _parents(x, weight, bias_tensor), backward)


def conv_transpose2d(
    x: Tensor | Array,
    weight: Tensor | Array,
    bias: Tensor | Array | None = None,
    stride: int | Pair = 1,
    padding: int | Pair = 0,
    output_padding: int | Pair = 0,
    groups: int = 1,
) -> Tensor:
    """Paint a scaled copy of the kernel for every number of the input: equation (2), used forward.

    Backward: as (2) is the transpose of (1), X̄ = `correlate` of Ȳ; W̄ is (3) with Ȳ for the picture and X for
    the gradient; b̄ as in `conv2d`.

    Parameters
    ----------
    x : Tensor or array, shape (N, C, H, W)
    weight : Tensor or array, shape (C, O / groups, kh, kw)
    bias : Tensor or array, shape (O,), optional
    stride, padding : int or (int, int)
        Of the convolution that this is the transpose of: padding *cuts* rows and columns off.
    output_padding : int or (int, int)
        Rows and columns more, at the end; less than the stride.
    groups : int
        Divides C and O.

    Returns
    -------
    Tensor, shape (N, O, H', W')
        With H' = (H − 1) s − 2 p + kh + output_padding, W' likewise.

    Raises
    ------
    TypeError
        If the dtypes differ, or stride, padding or groups are no whole numbers.
    ValueError
        If shapes do not fit; if nothing is left after cutting.
    """
    x, weight, bias_tensor = _operands("conv_transpose2d", x, weight, bias)
    stride, padding = (
        _pair("conv_transpose2d", "stride", stride, 1),
        _pair("conv_transpose2d", "padding", padding, 0),
    )
    more = _pair("conv_transpose2d", "output_padding", output_padding, 0)
    _check_groups("conv_transpose2d", groups)
    if x.shape[1] != weight.shape[0]:
        raise ValueError(
            f"conv_transpose2d: x of shape {x.shape} has {x.shape[1]} channels, "
            f"weight of shape {weight.shape} takes {weight.shape[0]}"
        )
    if x.shape[1] % groups:
        raise ValueError(
            f"conv_transpose2d: groups={groups} does not divide the {x.shape[1]} channels "
            f"of x of shape {x.shape} and weight of shape {weight.shape}"
        )
    _check_bias("conv_transpose2d", bias_tensor, weight, weight.shape[1] * groups)
    if more[0] >= stride[0] or more[1] >= stride[1]:
        raise ValueError(f"conv_transpose2d: output_padding={more} must be less than stride={stride}")
    kernel = weight.shape[2:]
    size = tuple((x.shape[2 + i] - 1) * stride[i] - 2 * padding[i] + kernel[i] + more[i] for i in range(2))
    if min(size) < 1 or min(x.shape[2:]) < 1:
        raise ValueError(
            f"conv_transpose2d: x of shape {x.shape} and weight of shape {weight.shape} with "
            f"stride={stride}, padding={padding} leave nothing: height and width {size}"
        )
    backend = backend_for(x.data)
    bias_data = None if bias_tensor is None else bias_tensor.data
    y = backend.correlate_transposed(x.data, weight.data, bias_data, stride, padding, groups, size)

    def backward(gradient: Array) -> tuple[Array | None, ...]:
        x_gradient = weight_gradient = None
        if x.requires_grad:
            x_gradient = backend.correlate(gradient, weight.data, None, stride, padding, groups)
        if weight.requires_grad:
            weight_gradient = backend.correlate_weights(gradient, x.data, kernel, stride, padding, groups)
        return x_gradient, weight_gradient, *_bias_gradient(bias_tensor, gradient)

    return record("conv_transpose2d", y, _parents(x, weight, bias_tensor), backward)


# --------------------------------------------------------------------------------------------------
# The three sums as array code; arguments have been checked


def correlate(x: Array, weight: Array, bias: Array | None, stride: Pair, padding: Pair, groups: int) -> Array:
    """Return Y of equation (1), shape (N, O, H', W'): a sum of one matrix product for each tap."""
    xp = array_module(x)
    (count, channels), (outputs, _, kh, kw) = x.shape[:2], weight.shape
    height, width = sizes_after(x.shape[2:], (kh, kw), stride, padding)
    padded = _padded(x, padding)
    y = xp.zeros((count, groups, outputs // groups, height * width), dtype=x.dtype)
    for i in range(kh):
        for j in range(kw):
            seen = _seen(padded, i, j, stride, (height, width))
            matrix = weight[:, :, i, j].reshape(groups, outputs // groups, channels // groups)
            y += xp.matmul(matrix, seen.reshape(count, groups, channels // groups, height * width))
    y = y.reshape(count, outputs, height, width)
    if bias is not None:
        y += bias.reshape(-1, 1, 1)
    return y


def correlate_transposed(
    gradient: Array, weight: Array, bias: Array | None, stride: Pair, padding: Pair, groups: int, shape: Pair
) -> Array:
    """Return X̄ of equation (2), shape (N, C, *shape): each tap adds to the slice that it saw.

    `shape`, the height and width of X, must be one that `correlate` takes to those of the gradient.
    """
    xp = array_module(gradient)
    (count, outputs, height, width), (_, inner, kh, kw) = gradient.shape, weight.shape
    columns = gradient.reshape(count, groups, outputs // groups, height * width)
    padded = xp.zeros(
        (count, groups * inner, shape[0] + 2 * padding[0], shape[1] + 2 * padding[1]), dtype=gradient.dtype
    )
    for i in range(kh):
        for j in range(kw):
            matrix = weight[:, :, i, j].reshape(groups, outputs // groups, inner).transpose(0, 2, 1)
            seen = _seen(padded, i, j, stride, (height, width))
            seen += xp.matmul(matrix, columns).reshape(seen.shape)
    x = padded[:, :, padding[0] : padding[0] + shape[0], padding[1] : padding[1] + shape[1]]
    return x.copy() if bias is None else x + bias.reshape(-1, 1, 1)


def correlate_weights(
    x: Array, gradient: Array, kernel: Pair, stride: Pair, padding: Pair, groups: int
) -> Array:
    """Return W̄ of equation (3), shape (O, C / groups, *kernel): a product over all pixels for each tap."""
    xp = array_module(x)
    (count, channels), (_, outputs, height, width) = x.shape[:2], gradient.shape
    padded = _padded(x, padding)
    columns = gradient.reshape(count, groups, outputs // groups, height * width)
    weight = xp.zeros((groups, outputs // groups, channels // groups, *kernel), dtype=x.dtype)
    for i in range(kernel[0]):
        for j in range(kernel[1]):
            seen = _seen(padded, i, j, stride, (height, width))
            pixels = seen.reshape(count, groups, channels // groups, height * width)
            weight[..., i, j] = xp.matmul(columns, pixels.transpose(0, 1, 3, 2)).sum(axis=0)
    return weight.reshape(outputs, channels // groups, *kernel)


def correlate_definition(
    x: Array, weight: Array, bias: Array | None, stride: Pair, padding: Pair, groups: int
) -> Array:
    """Return Y as equation (1) is printed, in plain loops: to read, and to test by.

    Examples
    --------
    >>> import numpy as np
    >>> one, two = np.ones((1, 1, 3, 3)), np.full((1, 1, 3, 3), 2.0)
    >>> correlate_definition(one, two, None, (2, 2), (1, 1), 1)[0, 0]
    array([[8., 8.],
           [8., 8.]])
    """
    xp = array_module(x)
    (count, _, rows, columns), (outputs, inner, kh, kw) = x.shape, weight.shape
    height, width = sizes_after((rows, columns), (kh, kw), stride, padding)
    y = xp.zeros((count, outputs, height, width), dtype=x.dtype)
    for n in range(count):
        for o in range(outputs):
            first = o // (outputs // groups) * inner  # the first channel that this group sees
            for row in range(height):
                for column in range(width):
                    for c in range(inner):
                        for i in range(kh):
                            for j in range(kw):
                                u = stride[0] * row + i - padding[0]
                                v = stride[1] * column + j - padding[1]
                                if 0 <= u < rows and 0 <= v < columns:
                                    y[n, o, row, column] += weight[o, c, i, j] * x[n, first + c, u, v]
                    if bias is not None:
                        y[n, o, row, column] += bias[o]
    return y


def sizes_after(size: tuple[int, ...], kernel: tuple[int, ...], stride: Pair, padding: Pair) -> Pair:
    """Return the height and width of Y.

    Examples
    --------
    >>> sizes_after((512, 768), (5, 5), (2, 2), (2, 2))
    (256, 384)
    """
    height = (size[0] + 2 * padding[0] - kernel[0]) // stride[0] + 1
    width = (size[1] + 2 * padding[1] - kernel[1]) // stride[1] + 1
    return height, width


def _padded(x: Array, padding: Pair) -> Array:
    if padding == (0, 0):
        return x
    count, channels, height, width = x.shape
    padded = array_module(x).zeros(
        (count, channels, height + 2 * padding[0], width + 2 * padding[1]), dtype=x.dtype
    )
    padded[:, :, padding[0] : padding[0] + height, padding[1] : padding[1] + width] = x
    return padded


def _seen(padded: Array, i: int, j: int, stride: Pair, size: Pair) -> Array:
    """Return what tap (i, j) sees of a padded picture, a view of shape (N, C, H', W')."""
    rows = slice(i, i + stride[0] * (size[0] - 1) + 1, stride[0])
    columns = slice(j, j + stride[1] * (size[1] - 1) + 1, stride[1])
    return padded[:, :, rows, columns]


# --------------------------------------------------------------------------------------------------
# Arguments


def _operands(
    operation: str, x: Tensor | Array, weight: Tensor | Array, bias: Tensor | Array | None
) -> tuple[Tensor, Tensor, Tensor | None]:
    x, weight = as_tensor(operation, "x", x), as_tensor(operation, "weight", weight)
    for name, map_ in ("x", x), ("weight", weight):
        if map_.ndim != 4:
            raise ValueError(
                f"{operation}: {name} has shape {map_.shape}, must have 4 axes; "
                f"x is {x.shape}, weight is {weight.shape}"
            )
    if 0 in weight.shape:
        raise ValueError(f"{operation}: weight of shape {weight.shape} is empty; x is {x.shape}")
    if bias is not None:
        bias = as_tensor(operation, "bias", bias)
    others: tuple[tuple[str, Tensor | None], ...] = (("weight", weight), ("bias", bias))
    for name, tensor in others:
        if tensor is not None and tensor.dtype != x.dtype:
            raise TypeError(
                f"{operation}: x is {x.dtype} of shape {x.shape}, "
                f"{name} is {tensor.dtype} of shape {tensor.shape}"
            )
    return x, weight, bias


def _pair(operation: str, argument: str, value: int | Pair, least: int) -> Pair:
    pair = value if isinstance(value, tuple) else (value, value)
    if len(pair) != 2 or not all(isinstance(number, int) for number in pair):
        raise TypeError(f"{operation}: {argument}={value!r}, must be a whole number or two of them")
    if min(pair) < least:
        raise ValueError(f"{operation}: {argument}={value!r}, must be at least {least}")
    return pair


def _check_groups(operation: str, groups: int) -> None:
    if not isinstance(groups, int):
        raise TypeError(f"{operation}: groups={groups!r}, must be a whole number")
    if groups < 1:
        raise ValueError(f"{operation}: groups={groups}, must be at least 1")


def _check_bias(operation: str, bias: Tensor | None, weight: Tensor, outputs: int) -> None:
    if bias is not None and bias.shape != (outputs,):
        raise ValueError(
            f"{operation}: bias has shape {bias.shape}, must be {(outputs,)} "
            f"for weight of shape {weight.shape}"
        )


def _parents(x: Tensor, weight: Tensor, bias: Tensor | None) -> tuple[Tensor, ...]:
    return (x, weight) if bias is None else (x, weight, bias)


def _bias_gradient(bias: Tensor | None, gradient: Array) -> tuple[Array | None, ...]:
    if bias is None:
        return ()
    return (gradient.sum(axis=(0, 2, 3)) if bias.requires_grad else None,)
