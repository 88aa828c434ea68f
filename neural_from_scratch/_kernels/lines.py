"""Loops along lines of numbers, the innermost part of the convolutions.

Few arrays in each loop, so that the compiler can tell that they do not overlap, and vectorises; a loop for
each common step, because a step that is a number in the code becomes a shuffle of whole vectors, and any
other one number after another.
"""

from __future__ import annotations

from numba import njit

__all__ = [
    "accumulate",
    "accumulate_alternating",
    "accumulate_two",
    "add",
    "biased",
    "biased_alternating",
    "biased_negated",
    "copy",
    "half_alternating",
    "half_sum",
    "interleave",
    "minus",
    "mix",
    "mix4",
    "negate",
    "plus",
    "split2",
    "split4",
    "subtract",
    "take",
]


@njit(nogil=True, cache=True)
def copy(out, a):
    """a."""
    for t in range(out.size):
        out[t] = a[t]


@njit(nogil=True, cache=True)
def negate(out, a):
    """−a."""
    for t in range(out.size):
        out[t] = -a[t]


@njit(nogil=True, cache=True)
def add(out, a, b):
    """a + b."""
    for t in range(out.size):
        out[t] = a[t] + b[t]


@njit(nogil=True, cache=True)
def subtract(out, a, b):
    """a − b."""
    for t in range(out.size):
        out[t] = a[t] - b[t]


@njit(nogil=True, cache=True)
def plus(out, a, b, c):
    """a + b + c."""
    for t in range(out.size):
        out[t] = a[t] + b[t] + c[t]


@njit(nogil=True, cache=True)
def minus(out, a, b, c):
    """a − b − c."""
    for t in range(out.size):
        out[t] = a[t] - b[t] - c[t]


@njit(nogil=True, cache=True)
def half_sum(out, a, b, c):
    """½ (a + b + c)."""
    half = out.dtype.type(0.5)
    for t in range(out.size):
        out[t] = half * (a[t] + b[t] + c[t])


@njit(nogil=True, cache=True)
def half_alternating(out, a, b, c):
    """½ (a − b + c)."""
    half = out.dtype.type(0.5)
    for t in range(out.size):
        out[t] = half * (a[t] - b[t] + c[t])


@njit(nogil=True, cache=True)
def mix(out, even, odd, count, bias):
    """Even and odd numbers by turns, with a bias."""
    for t in range(count):
        out[2 * t] = even[t] + bias
        out[2 * t + 1] = odd[t] + bias


@njit(nogil=True, cache=True)
def mix4(out, phases, count):
    """The numbers of four phases by turns: what `split4` takes apart."""
    a, b, c, d = phases[0], phases[1], phases[2], phases[3]
    for t in range(count):
        out[4 * t] = a[t]
        out[4 * t + 1] = b[t]
        out[4 * t + 2] = c[t]
        out[4 * t + 3] = d[t]


@njit(nogil=True, cache=True)
def split4(line, phases, count):
    """Each fourth number, for the four phases."""
    a, b, c, d = phases[0], phases[1], phases[2], phases[3]
    for t in range(count):
        a[t] = line[4 * t]
        b[t] = line[4 * t + 1]
        c[t] = line[4 * t + 2]
        d[t] = line[4 * t + 3]


@njit(nogil=True, cache=True)
def split2(line, phases, count):
    """Even and odd numbers."""
    a, b = phases[0], phases[1]
    for t in range(count):
        a[t] = line[2 * t]
        b[t] = line[2 * t + 1]


@njit(nogil=True, cache=True)
def accumulate_two(out, a, b):
    """Add two lines to one."""
    for t in range(out.size):
        out[t] += a[t] + b[t]


@njit(nogil=True, cache=True)
def take(out, line, step):
    """Numbers of a line at some step."""
    if step == 1:
        for t in range(out.size):
            out[t] = line[t]
    elif step == 2:
        for t in range(out.size):
            out[t] = line[2 * t]
    else:
        for t in range(out.size):
            out[t] = line[step * t]


@njit(nogil=True, cache=True)
def accumulate(out, a):
    """Add a line to another."""
    for t in range(out.size):
        out[t] += a[t]


@njit(nogil=True, cache=True)
def accumulate_alternating(out, a, b, c):
    """Add a − b + c to a line."""
    for t in range(out.size):
        out[t] += a[t] - b[t] + c[t]


@njit(nogil=True, cache=True)
def biased(out, a, bias):
    """a and a bias."""
    for t in range(out.size):
        out[t] = a[t] + bias


@njit(nogil=True, cache=True)
def biased_negated(out, a, bias):
    """−a and a bias."""
    for t in range(out.size):
        out[t] = bias - a[t]


@njit(nogil=True, cache=True)
def biased_alternating(out, a, b, c, bias):
    """a − b + c and a bias."""
    for t in range(out.size):
        out[t] = a[t] - b[t] + c[t] + bias


@njit(nogil=True, cache=True)
def interleave(out, lines, step):
    """Numbers of lines by turns."""
    if step == 1:
        out[:] = lines[0, : out.size]
    elif step == 2:
        even, odd = lines[0], lines[1]
        for t in range(out.size // 2):
            out[2 * t] = even[t]
            out[2 * t + 1] = odd[t]
        if out.size % 2:
            out[-1] = even[out.size // 2]
    else:
        for t in range(out.size):
            out[t] = lines[t % step, t // step]
