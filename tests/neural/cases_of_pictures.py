"""Cases of resampling, bounds, rounding, convolution, GDN and losses, for `operation_cases`."""

from __future__ import annotations

from typing import Any

import numpy as np
from case_table import add, apart, normal, positive, random_shape, rng

from neural_from_scratch import losses, ops, quantization
from neural_from_scratch.arrays import array_module
from neural_from_scratch.ops.bounds import PEDESTAL
from neural_from_scratch.tensor import Tensor

# --------------------------------------------------------------------------------------------------
# Resampling

for factor in 1, 2, 3, 4:
    for shape in (1, 1, 1, 1), (1, 2, 2, 3), (1, 1, *random_shape(2, 5)):
        for kind in "bilinear", "bicubic":
            function = getattr(ops, f"upsample_{kind}")
            add(
                f"upsample_{kind}",
                f"{shape} × {factor}",
                lambda x, f=function, r=factor: f(x, r),
                normal(*shape),
                torch=lambda torch, x, m=kind, r=factor: torch.nn.functional.interpolate(
                    x, scale_factor=r, mode=m, align_corners=False
                ),
            )
for size, stride in [(2, None), (1, 2), ((3, 2), (1, 2)), ((1, 3), None), (2, 3), (2, 1)]:
    add(
        "average_pool",
        f"size {size}, stride {stride}",
        lambda x, n=size, s=stride: ops.average_pool(x, n, s),
        normal(2, 2, 4, 5),
        torch=lambda torch, x, n=size, s=stride: torch.nn.functional.avg_pool2d(x, n, s),
    )

# --------------------------------------------------------------------------------------------------
# Bounds and rounding: gradients by agreement


def weights_of(shape: tuple[int, ...]) -> np.ndarray:
    """Return ∂L/∂y of `gradient_error`: it decides where the lower bound lets a gradient pass."""
    return np.random.default_rng(0).standard_normal(shape)


def bent(x: np.ndarray, bound: float) -> np.ndarray:
    """Return 1 where the gradient of a lower bound passes, else 0."""
    return ((x >= bound) | (weights_of(x.shape) < 0)).astype(np.float64)


def fresh_noise(x: Tensor) -> Tensor:
    """Add noise, the same at each call, of the array module of x."""
    xp = array_module(x.data) if isinstance(x, Tensor) else np
    return quantization.add_uniform_noise(x, xp.random.default_rng(5))


for shape in (12,), random_shape(3):
    x = apart(normal(*shape), 0.25)
    passing = bent(x, 0.25)
    add(
        "lower_bound",
        str(shape),
        lambda x: ops.lower_bound(x, 0.25),
        x,
        surrogate=lambda t, m=passing: t * m,
    )
    for least in 0.0, 0.04:
        edge = (least + PEDESTAL) ** 0.5
        x = apart(normal(*shape), edge)
        passing, above = bent(x, edge), (x >= edge) * 1.0
        add(
            "nonnegative",
            f"{shape}, minimum {least}",
            lambda x, v=least: ops.nonnegative(x, v),
            x,
            surrogate=lambda t, up=above, m=passing, e=edge: t * t * up + t * (2 * e * m * (1 - up)),
        )
    add(
        "round_straight_through",
        str(shape),
        quantization.round_straight_through,
        3 * normal(*shape),
        torch=lambda _, x: x + (x.round() - x).detach(),
        surrogate=lambda x: x,
    )
    add("add_uniform_noise", str(shape), fresh_noise, normal(*shape))

# --------------------------------------------------------------------------------------------------
# Convolution


def add_convolution(
    label: str,
    n: int,
    size: tuple[int, int],
    c: int,
    o: int,
    kernel: tuple[int, int],
    *,
    bias: bool = True,
    stride: Any = 1,
    padding: Any = 0,
    more: Any = 0,
    groups: int = 1,
) -> None:
    """Put a convolution and the transposed one with the same numbers into the table."""
    extra = [normal(o)] if bias else []
    settings: dict[str, Any] = {"stride": stride, "padding": padding, "groups": groups}
    add(
        "conv2d",
        label,
        lambda *x: ops.conv2d(*x, **settings),
        normal(n, c, *size),
        normal(o, c // groups, *kernel),
        *extra,
        torch=lambda t, *x: t.nn.functional.conv2d(*x, **settings),
    )
    pads, strides = np.broadcast_to(padding, 2), np.broadcast_to(stride, 2)
    small = [int((size[i] + 2 * pads[i] - kernel[i]) // strides[i] + 1) for i in (0, 1)]
    full = {**settings, "output_padding": more}
    add(
        "conv_transpose2d",
        label,
        lambda *x: ops.conv_transpose2d(*x, **full),
        normal(n, c, *small),
        normal(c, o // groups, *kernel),
        *extra,
        torch=lambda t, *x: t.nn.functional.conv_transpose2d(*x, **full),
    )


add_convolution("codec layer", 1, (6, 8), 2, 3, (5, 5), stride=2, padding=2, more=1)
add_convolution("1×1 map", 2, (1, 1), 2, 3, (5, 5), stride=2, padding=2, more=1)
add_convolution("1×1 kernel, no bias", 2, (3, 2), 2, 3, (1, 1), bias=False)
add_convolution("stride above kernel", 1, (7, 8), 1, 2, (2, 1), stride=(3, 4), more=(2, 3))
add_convolution("one channel", 1, (5, 4), 1, 1, (3, 3), padding=1)
add_convolution("each channel by itself", 1, (4, 4), 3, 3, (3, 3), padding=1, groups=3)
add_convolution("padding above kernel", 1, (6, 6), 1, 1, (2, 2), padding=3)
add_convolution("kernel as large as the map", 2, (3, 4), 2, 2, (3, 4))
for number in range(8):
    groups = int(rng.integers(1, 3))
    kernel, stride, padding = (
        tuple(int(one) for one in rng.integers(low, high, 2)) for low, high in ((1, 5), (1, 4), (0, 2))
    )
    size = tuple(max(k - 2 * p, 1) + int(m) for k, p, m in zip(kernel, padding, rng.integers(0, 4, 2)))
    while any((s + 2 * p - k) // t * t - 2 * p + k < 1 for s, p, k, t in zip(size, padding, kernel, stride)):
        padding = (0, 0)
        size = tuple(max(s, k) for s, k in zip(size, kernel))
    more = tuple(int(rng.integers(0, one)) for one in stride)
    add_convolution(
        f"{size}, kernel {kernel}, stride {stride}, padding {padding}, {more} more, {groups} groups",
        int(rng.integers(1, 3)),
        size,
        groups * int(rng.integers(1, 3)),
        groups * int(rng.integers(1, 3)),
        kernel,
        stride=stride,
        padding=padding,
        more=more,
        groups=groups,
        bias=bool(number % 2),
    )

# --------------------------------------------------------------------------------------------------
# GDN


def gdn_in_torch(
    torch: Any, x: Any, beta: Any, gamma: Any, alpha: Any = 2, epsilon: Any = 0.5, *, inverse: bool
) -> Any:
    """Return GDN with every power written out: |x| as (N, 1, C, P) to γ as (C, C, 1)."""
    flat = x.flatten(2)
    exponent = alpha if isinstance(alpha, int | float) else torch.broadcast_to(alpha, gamma.shape)[..., None]
    n = beta[:, None] + (gamma[..., None] * flat.abs()[:, None] ** exponent).sum(2)
    power = epsilon if isinstance(epsilon, int | float) else torch.broadcast_to(epsilon, beta.shape)[:, None]
    return (flat * n ** (power if inverse else -power)).reshape(x.shape)


for inverse in False, True:
    for shape in (1, 1, 1, 1), (2, 3, 2, 3), (1, *random_shape(3)):
        channels = shape[1]
        pre = "inverse, " * inverse
        for label, exponents in {
            "2, ½": (2, 0.5),
            "1, 1": (1, 1),
            "1.5, 0.7": (1.5, 0.7),
            "() and ()": (np.array(1.7), np.array(0.6)),
            "(C,) and (C,)": (1 + positive(channels), positive(channels)),
            "(C, C) and (C,)": (1 + positive(channels, channels), positive(channels)),
        }.items():
            learned = tuple(one for one in exponents if isinstance(one, np.ndarray))
            fixed = tuple(one for one in exponents if not isinstance(one, np.ndarray))
            add(
                "gdn",
                f"{pre}{shape}, α and ε {label}",
                lambda *x, e=fixed, i=inverse: ops.gdn(*x, *e, inverse=i),
                apart(normal(*shape), 0.0, least=0.1),
                positive(channels),
                positive(channels, channels) / 3,
                *learned,
                torch=lambda t, *x, e=fixed, i=inverse: gdn_in_torch(t, *x, *e, inverse=i),
            )

# --------------------------------------------------------------------------------------------------
# Losses

for shape in (1, 1, 1, 1), random_shape(4):
    x, y = normal(*shape), normal(*shape)
    add("mse", str(shape), losses.mse, x, y, torch=lambda t, x, y: t.nn.functional.mse_loss(x, y))
    add(
        "psnr",
        str(shape),
        lambda x, y: losses.psnr(x, y, data_range=255.0),
        x,
        y,
        torch=lambda t, x, y: (10 * t.log10(255**2 / ((x - y) ** 2).mean((1, 2, 3)))).mean(),
    )
    add(
        "rate_distortion",
        str(shape),
        lambda x, y, p: losses.rate_distortion(x, y, p, weight=0.003).loss,
        x,
        y,
        positive(5) / 3,
        torch=lambda t, x, y, p: (
            0.003 * 255**2 * t.nn.functional.mse_loss(x, y) - t.log2(p).sum() / (x.numel() / x.shape[1])
        ),
    )
add(
    "rate",
    "",
    lambda *p: losses.rate(list(p), 7),
    positive(2, 3) / 3,
    positive(4) / 3,
    torch=lambda t, *p: -sum(t.log2(one).sum() for one in p) / 7,
)

# Too many numbers to move each: some directions instead, through the same way back.
PICTURE = np.clip(0.5 + 0.2 * rng.standard_normal((1, 2, 161, 162)), 0, 1)
DIRECTIONS = rng.standard_normal((4, PICTURE.size)) * 0.05


def alike_along(steps: Tensor) -> Tensor:
    """Return the MS-SSIM of a picture and the same with so much of each direction added."""
    constants = (
        array_module(steps.data).asarray(one.tolist(), dtype=steps.dtype) for one in (PICTURE, DIRECTIONS)
    )
    picture, directions = constants
    return losses.ms_ssim(picture, (steps @ directions).reshape(*PICTURE.shape) + picture)


add("ms_ssim", "along four directions", alike_along, np.array([1.0, -0.5, 0.7, 2.0]))
