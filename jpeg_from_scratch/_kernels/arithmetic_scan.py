"""How a scan is handed to an arithmetic kernel, and taken back: what the three kinds of scans share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .._types import Array
from ..intervals import Progress, Status
from ..scan import Scan
from ._bit_reader import state_of, update
from ._scan import layout_arrays, slots
from .arithmetic import BINS, NO_CODE, REGISTERS, WRITTEN, flush, reset, start_encoder

__all__ = ["decode_with", "encode_with"]


def encode_with(
    kernel: Callable[..., int],
    scan: Scan,
    arrays: Sequence[Array],
    parameters: tuple[Any, ...],
    carried: tuple[Array, ...],
    most_bytes: int,
    too_large: Callable[[int], ValueError],
) -> bytes:
    """Code a scan.

    Parameters
    ----------
    kernel : callable
        Codes MCUs from a number on, until the last or until the output is nearly full, and returns the next.
    scan, arrays
        As for `encode_scan`.
    parameters : tuple
        What the kernel wants to know beside the layout.
    carried : tuple of ndarray
        What it carries from MCU to MCU.
    most_bytes : int
        That a data unit may take.
    too_large : callable
        Makes the error of a number that has no code.
    """
    layout = scan.layout
    units, factors = layout_arrays(layout)
    q, bins = np.zeros(REGISTERS, np.int64), np.zeros(BINS, np.uint8)
    start_encoder(q, 0)
    reset(bins)
    place = (slots(arrays), units, factors, layout.mcu_columns, layout.mcus, scan.restart_interval)
    # To begin with, two bytes a unit, and room for a few MCUs at least.
    out = np.empty(len(units) * (2 * layout.mcus + 4 * most_bytes), np.uint8)
    mcu = 0
    while mcu < layout.mcus:
        mcu = kernel(*place, *parameters, q, bins, *carried, out, mcu)
        if q[NO_CODE]:
            raise too_large(int(q[NO_CODE]))
        if mcu < layout.mcus:  # the buffer is full
            out = np.concatenate((out, np.empty_like(out)))
    flush(q, out)
    return out[: q[WRITTEN]].tobytes()


def decode_with(
    kernel: Callable[..., int],
    data: bytes,
    scan: Scan,
    arrays: Sequence[Array],
    parameters: tuple[Any, ...],
    progress: Progress,
    strict: bool,
) -> Status:
    """Decode a scan; `kernel` and `parameters` as for `encode_with`, the others as for `decode_scan`."""
    if not progress.prepared:
        layout = scan.layout
        progress.prepared = (
            np.frombuffer(data, np.uint8),
            slots(arrays),
            *layout_arrays(layout),
            layout.mcu_columns,
            layout.mcus,
            scan.restart_interval,
            *parameters,
        )
    state = state_of(progress)
    status = kernel(*progress.prepared, state, strict)
    update(progress, state)
    return Status(status)
