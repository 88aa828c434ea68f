"""Cases of elementwise operations, the Gaussian, reductions, products and shaping, for `operation_cases`."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from case_table import add, apart, distinct, normal, positive, random_shape

from neural_from_scratch import ops
from neural_from_scratch.gaussian_model import gaussian_likelihood

# --------------------------------------------------------------------------------------------------
# Elementwise

# Broadcasting both ways, axes that are missing, numbers without axes, random lengths.
a, b, c = random_shape(3)
PAIRS = [
    ((), ()),
    ((3, 4), (3, 4)),
    ((2, 1, 3), (4, 1)),
    ((1,), (2, 3)),
    ((a, b, c), (b, 1)),
    ((c,), (a, 1, c)),
]

for left, right in PAIRS:
    label = f"{left} and {right}"
    for name in "add", "subtract", "multiply":
        add(
            name,
            label,
            getattr(ops, name),
            normal(*left),
            normal(*right),
            torch=lambda torch, x, y, name=name: getattr(torch, name)(x, y),
        )
    add("divide", label, ops.divide, normal(*left), positive(*right), torch=lambda _, x, y: x / y)
    add("power", label, ops.power, positive(*left), normal(*right), torch=lambda _, x, y: x**y)
    both = distinct(int(np.prod(left)) + int(np.prod(right)))
    low, high = both[: int(np.prod(left))].reshape(left), both[int(np.prod(left)) :].reshape(right)
    for name in "maximum", "minimum":
        add(
            name,
            label,
            getattr(ops, name),
            low,
            high,
            torch=lambda torch, x, y, name=name: getattr(torch, name)(x, y),
        )

add("add", "the same twice", lambda x: ops.add(x, x), normal(3), torch=lambda _, x: x + x)
add("add", "number", lambda x: 2 + x, normal(3, 2), torch=lambda _, x: 2 + x)
add("subtract", "from a number", lambda x: 2.5 - x, normal(3, 2), torch=lambda _, x: 2.5 - x)
add("multiply", "the same twice", lambda x: x * x, normal(3), torch=lambda _, x: x * x)
add("divide", "a number by it", lambda x: 1 / x, positive(2, 3), torch=lambda _, x: 1 / x)
add("divide", "by itself squared", lambda x: x / (x * x), positive(2, 3), torch=lambda _, x: x / (x * x))
for exponent in 0, 1, 2, 3, -1, 0.5, -1.5, 2.7:
    add(
        "power",
        f"exponent {exponent}",
        lambda x, n=exponent: ops.power(x, n),
        positive(*random_shape(2)),
        torch=lambda _, x, n=exponent: x**n,
    )
for exponent in 2, 3:
    add(
        "power",
        f"of negative numbers, exponent {exponent}",
        lambda x, n=exponent: x**n,
        -positive(2, 3),
        torch=lambda _, x, n=exponent: x**n,
    )
add("power", "of zero, exponent 2", lambda x: x**2, np.zeros(2), torch=lambda _, x: x**2)
add("power", "of a number", lambda n: 2**n, normal(3), torch=lambda _, n: 2**n)
add("power", "exponent 0 as tensor", ops.power, positive(3), np.zeros(3), torch=lambda _, x, n: x**n)

UNARY: dict[str, tuple[Callable[..., np.ndarray], tuple[float, ...]]] = {
    "negative": (normal, ()),
    "absolute": (normal, (0.0,)),
    "exp": (normal, ()),
    "log": (positive, ()),
    "sqrt": (positive, ()),
    "tanh": (normal, ()),
    "sigmoid": (normal, ()),
    "softplus": (normal, ()),
    "relu": (normal, (0.0,)),
    "leaky_relu": (normal, (0.0,)),
    "erf": (normal, ()),
    "erfc": (normal, ()),
}
IN_TORCH = {
    "softplus": lambda torch, x: torch.nn.functional.softplus(x, threshold=700),
    "leaky_relu": lambda torch, x: torch.nn.functional.leaky_relu(x),
}
for name, (draw, kinks) in UNARY.items():
    in_torch = IN_TORCH.get(name, lambda torch, x, name=name: getattr(torch, name)(x))
    for shape in (), (1,), random_shape(2), random_shape(4):
        add(name, str(shape), getattr(ops, name), apart(draw(*shape), *kinks), torch=in_torch)
for name in "tanh", "sigmoid", "softplus", "erf", "erfc", "relu", "absolute":
    in_torch = IN_TORCH.get(name, lambda torch, x, name=name: getattr(torch, name)(x))
    add(name, "far out", getattr(ops, name), np.array([-30.0, -8.0, -4.0, 4.0, 8.0, 30.0]), torch=in_torch)
add(
    "leaky_relu",
    "slope 0.2",
    lambda x: ops.leaky_relu(x, 0.2),
    apart(normal(3, 4), 0.0),
    torch=lambda torch, x: torch.nn.functional.leaky_relu(x, 0.2),
)
for low_end, high_end in (-0.5, 0.5), (None, 0.2), (-0.2, None):
    kinks = tuple(end for end in (low_end, high_end) if end is not None)
    add(
        "clip",
        f"{low_end} to {high_end}",
        lambda x, ends=(low_end, high_end): ops.clip(x, *ends),
        apart(normal(*random_shape(3)), *kinks),
        torch=lambda torch, x, ends=(low_end, high_end): torch.clip(x, *ends),
    )

# --------------------------------------------------------------------------------------------------
# The Gaussian, away from its floor and from the bound of scales


def gaussian_in_torch(torch, values, scales, means=0.0):
    """Φ at both ends of a cell, on the side where it is small."""
    distance, spread = (values - means).abs(), scales * 2**0.5
    return (torch.erfc((distance - 0.5) / spread) - torch.erfc((distance + 0.5) / spread)) / 2


values = np.linspace(-3.0, 3.0, 24).reshape(2, 3, 1, 4)
scales, means = np.linspace(2.0, 0.6, 24).reshape(values.shape), np.cos(7 * values)
for label, inputs in (("", (values, scales)), ("with means", (values, scales, means))):
    add("gaussian_likelihood", label, gaussian_likelihood, *inputs, torch=gaussian_in_torch)
add(
    "gaussian_likelihood",
    "sharp, wide and far out",
    gaussian_likelihood,
    *(np.array([0.0, 0.3, 0.7, -9.0, 4.0, -40.0]), np.array([0.12, 0.2, 0.15, 40.0, 1.0, 9.0])),
    torch=gaussian_in_torch,
)

# --------------------------------------------------------------------------------------------------
# Reductions and products

for name, in_torch in {
    "sum": lambda torch, x, axis, keep: torch.sum(x, axis, keepdim=keep),
    "mean": lambda torch, x, axis, keep: torch.mean(x, axis, keepdim=keep),
    "amax": lambda torch, x, axis, keep: torch.amax(x, axis, keepdim=keep),
    "logsumexp": lambda torch, x, axis, keep: torch.logsumexp(x, axis, keepdim=keep),
}.items():
    for shape, axis, keep in [
        ((), None, False),
        ((5,), None, True),
        ((2, 3), 0, False),
        ((2, 3, 4), (0, 2), True),
        ((2, 3, 4), -1, False),
        ((3, 2, 1, 2), (1, -1), False),
        (random_shape(4), (2, 0), False),
    ]:
        axes = tuple(range(len(shape))) if axis is None else axis
        function = getattr(ops, name)
        add(
            name,
            f"{shape} over {axis}",
            lambda x, f=function, a=axis, k=keep: f(x, a, k),
            distinct(*shape),
            torch=lambda t, x, f=in_torch, a=axes, k=keep: f(t, x, a, k),
        )
add("amax", "all equal", lambda x: ops.amax(x, axis=1), np.ones((2, 1)))
add(
    "logsumexp",
    "far out",
    lambda x: ops.logsumexp(x, axis=1),
    np.array([[900.0, 901.0], [-900.0, -902.0]]),
    torch=lambda torch, x: torch.logsumexp(x, 1),
)
for left, right in [
    ((2, 3), (3, 4)),
    ((1, 1), (1, 1)),
    ((3,), (3,)),
    ((2, 3), (3,)),
    ((3,), (3, 2)),
    ((4, 2, 3), (3, 2)),
    ((2, 3), (4, 3, 2)),
    ((2, 1, 2, 3), (4, 3, 2)),
    ((4, 2, 3), (3,)),
    ((3,), (4, 3, 2)),
    ((a, b, c), (1, c, a)),
]:
    add("matmul", f"{left} @ {right}", ops.matmul, normal(*left), normal(*right), torch=lambda _, x, y: x @ y)

# --------------------------------------------------------------------------------------------------
# Shaping

add("reshape", "", lambda x: ops.reshape(x, (4, -1)), normal(2, 6), torch=lambda _, x: x.reshape(4, -1))
add("reshape", "to a number", lambda x: ops.reshape(x, ()), normal(1, 1), torch=lambda _, x: x.reshape(()))
for axes in None, (0, 1, 2), (2, 0, 1), (1, -1, 0):
    add(
        "transpose",
        str(axes),
        lambda x, a=axes: ops.transpose(x, a),
        normal(*random_shape(3)),
        torch=lambda _, x, a=axes: x.permute(a or (2, 1, 0)),
    )
for index in [
    1,
    -1,
    slice(1, 3),
    (slice(None), 2),
    (..., slice(None, None, 2)),
    (0, None, slice(2, 2)),
    (1, 2, 0),
    None,
    (..., None, -1),
    (slice(0, 4, 3), slice(1, None), slice(0, 1)),
]:
    add(
        "getitem",
        str(index),
        lambda x, i=index: ops.getitem(x, i),
        normal(4, 3, 2),
        torch=lambda _, x, i=index: x[i],
    )
add("getitem", "backwards", lambda x: x[::-1, ::-2], normal(4, 3))
for axis in 0, 1, -1:
    shapes = [[2, 3, 2] for _ in range(3)]
    for shape, length in zip(shapes, (1, 3, 2)):
        shape[axis] = length
    add(
        "concatenate",
        f"axis {axis}",
        lambda *x, a=axis: ops.concatenate(x, a),
        *(normal(*one) for one in shapes),
        torch=lambda torch, *x, a=axis: torch.cat(x, a),
    )
add(
    "concatenate",
    "the same twice",
    lambda x: ops.concatenate([x, x], 1),
    normal(2, 2),
    torch=lambda torch, x: torch.cat([x, x], 1),
)
for mode, in_torch in ("zero", "constant"), ("reflect", "reflect"), ("replicate", "replicate"):
    for (top, bottom), (left, right) in [
        ((1, 1), (1, 1)),
        ((0, 2), (3, 0)),
        ((2, 2), (3, 3)),
        ((0, 0), (0, 1)),
    ]:
        add(
            "pad",
            f"{mode} {(top, bottom)} {(left, right)}",
            lambda x, p=((top, bottom), (left, right)), m=mode: ops.pad(x, p, m),
            normal(2, 2, 3, 4),
            torch=lambda t, x, p=(left, right, top, bottom), m=in_torch: t.nn.functional.pad(x, p, m),
        )
    add(
        "pad",
        f"{mode}, one axis",
        lambda x, m=mode: ops.pad(x, [2], m),
        normal(2, 3),
        torch=lambda t, x, m=in_torch: t.nn.functional.pad(x, (2, 2), m),
    )
for mode in "zero", "replicate":
    add("pad", f"{mode}, 1×1", lambda x, m=mode: ops.pad(x, 3, m), normal(1, 2, 1, 1))
for block in 1, 2, 3:
    add(
        "depth_to_space",
        f"block {block}",
        lambda x, r=block: ops.depth_to_space(x, r),
        normal(2, 2 * block**2, 1, 3),
        torch=lambda torch, x, r=block: torch.pixel_shuffle(x, r),
    )
    add(
        "space_to_depth",
        f"block {block}",
        lambda x, r=block: ops.space_to_depth(x, r),
        normal(2, 1, 2 * block, block),
        torch=lambda torch, x, r=block: torch.pixel_unshuffle(x, r),
    )
