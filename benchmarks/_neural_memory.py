"""Twenty training steps, and by how many bytes the peak of this process's memory rose: `neural_ops` runs it.

python _neural_memory.py ours
python _neural_memory.py PyTorch

A step on a picture of 16×16 comes first, so that code is compiled and loaded, and what stays of it is not
counted.
"""

from __future__ import annotations

import sys
from pathlib import Path

import _neural_environment  # noqa: F401
import numpy as np

WIDTHS = (64, 96)
STEPS = 20
STATUS = Path("/proc/self/status")


def status(field: str) -> int:
    """Return a line of the system's account of this process, in bytes."""
    (line,) = [line for line in STATUS.read_text().splitlines() if line.startswith(field)]
    return 1024 * int(line.split()[1])


def main(library: str) -> None:
    """Train, and print the rise."""
    random = np.random.default_rng(4)
    small, batch = (random.random(shape, np.float32) for shape in ((1, 3, 16, 16), (8, 3, 128, 128)))
    if library == "ours":
        import _neural_ours as ours

        model = ours.network(*WIDTHS)
        ours.training_step(model, small, 1e-5)()
        step = ours.training_step(model, batch, 1e-5)
    else:
        import _torch_peer as peer
        import torch

        network = peer.network(*WIDTHS)
        peer.training_step(network, torch.from_numpy(small), 1e-5)()
        step = peer.training_step(network, torch.from_numpy(batch), 1e-5)
    Path("/proc/self/clear_refs").write_text("5")  # the peak is what is held now
    before = status("VmRSS:")
    for _ in range(STEPS):
        step()
    print(status("VmHWM:") - before)


if __name__ == "__main__":
    main(sys.argv[1])
