"""Random damage to sound files, the same in every run."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np


def of(sound: bytes, number: int, seed: int = 0) -> Iterator[bytes]:
    """Yield `number` damaged copies of a file: bytes changed, bits flipped, pieces cut, doubled or moved."""
    for i in range(number):
        rng = np.random.default_rng((seed, i, len(sound)))
        data = bytearray(sound)
        for _ in range(int(rng.integers(1, 4))):
            damage(data, rng)
        yield bytes(data)


def damage(data: bytearray, rng: np.random.Generator) -> None:
    """Do one thing to a file, in place."""
    if not data:
        return
    at, there = sorted(int(i) for i in rng.integers(0, len(data), 2))
    length = int(rng.integers(1, 12))
    kind = int(rng.integers(0, 8))
    if kind <= 1:
        data[at] ^= 1 << int(rng.integers(0, 8))
    elif kind == 2:
        data[at] = int(rng.integers(0, 256))
    elif kind == 3:
        data[at] = int(rng.choice([0, 1, 0x7F, 0x80, 0xFE, 0xFF]))
    elif kind == 4:
        del data[at : at + length]
    elif kind == 5:
        data[at:at] = data[there : there + length]
    elif kind == 6:
        data[at : at + 2] = bytes([0xFF, int(rng.integers(0xC0, 0x100))])
    else:
        del data[max(there, len(data) // 2) :]
