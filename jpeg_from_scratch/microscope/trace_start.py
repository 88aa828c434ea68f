"""Where the reference decoder begins when one MCU is to be traced: as near to it as can be.

A decoder of Huffman codes that begins in the midst of a restart interval has to know three things: at which
bit, the DC coefficients before, and that no end-of-band run is under way. All three are known once the
compiled path has decoded the scan and counted the bits of its blocks. So a trace takes no longer at the end
of a large picture than at its beginning. Arithmetic decoders carry all their statistics, and can only begin
where these are reset: they decode from the restart marker before.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from .. import tables
from .._types import Array
from ..backend import Backend
from ..intervals import Progress
from ..scan import Scan
from . import noting

__all__ = ["Start", "starting_point"]

_MARKER = re.compile(rb"\xff[\x01-\xfe]")


class Start(NamedTuple):
    """How many bits of the interval come before, and the DC predictions; they are empty where not needed."""

    bits: int = 0
    dc_pred: tuple[int, ...] = ()


def starting_point(
    engine: Backend,
    data: bytes,
    scan: Scan,
    before: Sequence[Array],
    after: Sequence[Array],
    progress: Progress,
    mcu: int,
) -> Start:
    """Find the place from which MCU number `mcu` of a scan can be decoded.

    Parameters
    ----------
    engine : Backend
        Counts the bits.
    data : bytes
        The file.
    scan : Scan
    before, after : sequence of ndarray
        Per component of the scan, the data units before and after it.
    progress : Progress
        Where the scan begins; moved on to the first MCU to decode. `position` becomes that of its restart
        interval.
    mcu : int

    Returns
    -------
    Start
    """
    skip_intervals(data, scan, progress, mcu)
    header = scan.header
    interval = scan.restart_interval or scan.layout.mcus
    same_interval = mcu // interval == progress.mcu // interval
    if scan.frame.is_arithmetic or progress.starved or not same_interval:
        return Start()
    shapes = [array.shape[:2] for array in after]
    counts = [np.zeros(shape, np.float32) for shape in shapes]
    (engine.add_unit_bits or noting.add_unit_bits)(data, scan, before, progress, counts)
    spent = mcu_bits(scan, counts)
    first = mcu
    if scan.frame.is_progressive and header.spectral_start:
        # A block inside an end-of-band run has no other bits than correction bits.
        codes = spent - correction_bits(scan, before[0]) if header.approx_high else spent
        coded = np.flatnonzero(codes[progress.mcu : mcu + 1] > 0)
        first = progress.mcu + int(coded[-1]) if coded.size else progress.mcu
    if first == progress.mcu or not spent[first]:  # no bits: the data run out before
        return Start()
    bits = int(spent[progress.mcu : first].sum())
    progress.mcu = first
    return Start(bits, () if scan.frame.is_lossless else dc_predictions(scan, after, first))


def skip_intervals(data: bytes, scan: Scan, progress: Progress, mcu: int) -> None:
    """Go on to the restart interval of an MCU, if all markers on the way are the right ones."""
    if not scan.restart_interval or progress.starved or progress.ended:
        return
    position, here = progress.position, progress.mcu
    while here + scan.restart_interval <= mcu:
        here += scan.restart_interval
        found = _MARKER.search(data, position)
        if not found or data[found.start() + 1] != tables.RST0 + scan.restart_number(here):
            return
        position = found.end()
        progress.mcu, progress.position = here, position


def mcu_bits(scan: Scan, counts: Sequence[Array]) -> Array:
    """Add up the bits of data units MCU by MCU.

    Parameters
    ----------
    scan : Scan
    counts : sequence of ndarray, shape (rows, columns)
        Per component of the scan.

    Returns
    -------
    ndarray of float64, shape (mcus,)
    """
    rows, columns = scan.layout.mcu_rows, scan.layout.mcu_columns
    total = np.zeros((rows, columns))
    for (v, h), bits in zip(scan.layout.factors, counts):
        units = bits[: rows * v, : columns * h].reshape(rows, v, columns, h)
        total += units.sum(axis=(1, 3), dtype=np.float64)
    return total.ravel()


def correction_bits(scan: Scan, before: Array) -> Array:
    """Count the coefficients of each block that a refinement scan has a correction bit for (G.1.2.3)."""
    header, layout = scan.header, scan.layout
    band = tables.NATURAL_INDEX[header.spectral_start : header.spectral_end + 1]
    blocks = before[: layout.mcu_rows, : layout.mcu_columns].reshape(-1, 64)
    return np.count_nonzero(blocks[:, band], axis=1)


def dc_predictions(scan: Scan, after: Sequence[Array], mcu: int) -> tuple[int, ...]:
    """Return the DC coefficients that the blocks of an MCU are predicted from: those of the MCU before."""
    last = {j: (row, column) for j, row, column in scan.layout.blocks(mcu - 1)}
    low = scan.header.approx_low if scan.frame.is_progressive else 0
    return tuple(int(array[(*last[j], 0, 0)]) >> low for j, array in enumerate(after))
