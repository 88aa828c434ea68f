"""Adam in one pass: four arrays are read and three written once, instead of ten times.

The step of `optim.adam_step` has about ten operations on whole arrays, each of which goes through memory. A
loop does all of them for one number while it is in a register. Large parameters are cut into parts for the
threads; no number depends on another one, so that the cut makes no difference.
"""

from __future__ import annotations

import math

import numpy as np

from .. import optim
from ._jit import jit
from ._threads import run_all

__all__ = ["adam_step"]

PART = 1 << 16  # numbers


def adam_step(value, gradient, mean, square, rate, beta1, beta2, epsilon, step) -> None:
    """Do one step of Adam in place; see `optim.adam_step`. Arrays that are not contiguous take that."""
    if not (value.flags.c_contiguous and mean.flags.c_contiguous and square.flags.c_contiguous):
        optim.adam_step(value, gradient, mean, square, rate, beta1, beta2, epsilon, step)
        return
    arrays = [array.reshape(-1) for array in (value, np.ascontiguousarray(gradient), mean, square)]
    root_scale = 1 / math.sqrt(1 - beta2**step)
    number = value.dtype.type
    settings = [
        number(setting)
        for setting in (rate / (1 - beta1**step), beta1, 1 - beta1, beta2, 1 - beta2, root_scale, epsilon)
    ]

    def run(part: int) -> None:
        adam_part(*(array[part * PART : (part + 1) * PART] for array in arrays), *settings)

    if value.size <= PART:
        run(0)
    else:
        run_all(run, -(-value.size // PART))


@jit
def adam_part(value, gradient, mean, square, rate, beta1, rest1, beta2, rest2, root_scale, epsilon):
    """θ, m and v of one part, in the order of `optim.adam_step`."""
    for i in range(value.size):
        g = gradient[i]
        m = beta1 * mean[i] + rest1 * g
        v = beta2 * square[i] + rest2 * g * g
        mean[i] = m
        square[i] = v
        value[i] -= rate * m / (np.sqrt(v) * root_scale + epsilon)
