"""The decoders of the reference path with readers that take notes, and what is counted with them.

`trace_steps` and `trace_decisions` have the two readers. Here stands which decoder a scan has, how a reader
is put into it, and the plainest use of the notes: how many bits each data unit has taken.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from .. import scan_lossless as lossless
from .. import scan_lossless_arithmetic as lossless_arithmetic
from .. import scan_progressive as progressive
from .. import scan_progressive_arithmetic as progressive_arithmetic
from .. import scan_sequential as sequential
from .. import scan_sequential_arithmetic as sequential_arithmetic
from .._types import Array
from ..intervals import Progress, decode_intervals
from ..scan import Scan
from .trace_decisions import NotingDecoder
from .trace_steps import NotingReader

__all__ = ["add_unit_bits", "interval_decoder", "noting"]


def interval_decoder(scan: Scan) -> tuple[Callable[..., Any], dict[str, Any]]:
    """Return the decoder of a scan's restart intervals, and what `decode_intervals` must be told of it."""
    options: dict[str, Any] = {"starves": False} if scan.frame.is_arithmetic else {}
    if scan.frame.is_lossless:
        if scan.frame.is_arithmetic:
            return lossless_arithmetic.LosslessDecoder, options
        return lossless.LosslessDecoder, {"finish": scan.layout.mcu_columns}
    if not scan.frame.is_progressive:
        sequential_module = sequential_arithmetic if scan.frame.is_arithmetic else sequential
        return sequential_module.SequentialDecoder, options
    module = progressive_arithmetic if scan.frame.is_arithmetic else progressive
    kinds = (
        (module.DcFirstDecoder, module.DcRefinementDecoder),
        (module.AcFirstDecoder, module.AcRefinementDecoder),
    )
    return kinds[scan.header.spectral_start > 0][scan.header.approx_high > 0], options


def noting(
    decoder: Any, scan: Scan, data: bytes, position: int, progress: Progress
) -> NotingReader | NotingDecoder:
    """Put a reader that takes notes into the decoder of a restart interval, and return it."""
    if scan.frame.is_arithmetic:
        decoder.decoder = noting_decoder = NotingDecoder(data, position)
        return noting_decoder
    decoder.reader = noting_reader = NotingReader(data, position, progress)
    return noting_reader


def add_unit_bits(
    data: bytes, scan: Scan, arrays: Sequence[Array], progress: Progress, counts: Sequence[Array]
) -> None:
    """Add up how many bits of a scan each data unit takes.

    Parameters
    ----------
    data : bytes
        The file.
    scan : Scan
    arrays : sequence of ndarray
        As for `decode_scan`: what the scans before have left. They are not changed.
    progress : Progress
        Where to begin; not changed. The end is where `decode_scan` would stop.
    counts : sequence of ndarray of float32, shape (rows, columns)
        Per component of the scan, added to. The bits of an end-of-band run count for the block that begins
        it; those of arithmetic coding are the information in the decisions, and no whole numbers.
    """
    own = replace(progress)
    kind, options = interval_decoder(scan)
    make = partial(_CountedInterval, data, scan, [array.copy() for array in arrays], own, counts, kind)
    decode_intervals(data, scan, own, False, make, **options)


class _CountedInterval:
    """The decoder of a restart interval that counts bits."""

    def __init__(
        self,
        data: bytes,
        scan: Scan,
        arrays: Sequence[Array],
        progress: Progress,
        counts: Sequence[Array],
        kind: Callable[..., Any],
        position: int,
    ) -> None:
        self.counts = counts
        self.decoder = kind(data, scan, arrays, progress, False, position)
        self.reader = noting(self.decoder, scan, data, position, progress)

    @property
    def position(self) -> int:
        """Offset of the byte that is read next."""
        return self.decoder.position

    def decode_unit(self, j: int, row: int, column: int) -> None:
        """Decode one data unit, and count its bits."""
        before = self.reader.used
        self.decoder.decode_unit(j, row, column)
        self.counts[j][row, column] += self.reader.used - before
