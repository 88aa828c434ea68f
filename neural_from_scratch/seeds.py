"""One seed for an experiment, and from it an independent stream of random numbers for each use.

A training run draws random numbers for its first weights, for the patches, for the noise that stands in for
quantisation. If all of them came from one generator, a change of the network would shift the patches too: two
runs would differ in everything. So every use has a stream of its own, found by its *name*: it gives the same
numbers whichever other streams exist, and in whatever order they are asked for.

A stream may have numbers behind its name. ``stream(seed, "noise", step)`` is a fresh stream for each step, so
that a run that is resumed at step 1000 draws what it would have drawn, and no state of a generator has to be
stored.
"""

from __future__ import annotations

import hashlib

import numpy as np

__all__ = ["stream"]


def stream(seed: int, name: str, *numbers: int) -> np.random.Generator:
    """Return the generator of a use of random numbers.

    Parameters
    ----------
    seed : int
        Of the whole experiment, at least 0, of any size.
    name : str
        Of the use, such as ``"weights"``; not empty.
    *numbers : int
        Tell streams of one name apart, such as the step; each from 0 to 2³² − 1.

    Returns
    -------
    numpy.random.Generator
        A new one each time, at the start of its stream.

    Raises
    ------
    TypeError
        If the seed or a number is no integer, or the name no string.
    ValueError
        If one is out of range, or the name is empty.

    Notes
    -----
    The name is hashed (SHA-256: Python's own `hash` differs from run to run) and goes with the numbers into
    `numpy.random.SeedSequence` as its spawn key, which mixes all of them so that streams are independent for
    all that is known. The bit generator is PCG64, named here, because NumPy reserves the right to change its
    default.

    Examples
    --------
    >>> stream(0, "weights").integers(100, size=4)
    array([98,  8, 28, 64])
    >>> stream(0, "noise", 7).integers(100, size=4)
    array([ 0, 38, 57, 18])
    """
    if not isinstance(name, str):
        raise TypeError(f"stream: name is a {type(name).__name__}, must be a string")
    if not name:
        raise ValueError("stream: name is empty")
    for argument, value in (("seed", seed), *(("numbers", number) for number in numbers)):
        if isinstance(value, bool) or not isinstance(value, int | np.integer):
            raise TypeError(f"stream: {argument} holds a {type(value).__name__}, must be an integer")
        if value < 0 or (argument == "numbers" and value >= 1 << 32):
            raise ValueError(
                f"stream: {argument} holds {value}, allowed are integers from 0 (numbers: below 2³²)"
            )
    words = np.frombuffer(hashlib.sha256(name.encode()).digest(), "<u4")
    key = (*map(int, words), *map(int, numbers))
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(int(seed), spawn_key=key)))
