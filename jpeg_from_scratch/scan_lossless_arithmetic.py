"""One lossless scan ↔ differences, with arithmetic coding (H.1.2.3, H.2; the reference path).

A data unit is one sample, and what is coded is the difference between it and its prediction (`prediction`),
by the decisions that code a DC difference. It is expected to resemble the differences of the sample to its
left, Da, and of the sample above, Db. Each of the two is zero, small or large, above or below zero: 5 × 5
pairs of classes have their own bins for "is it zero?", for the sign and for "is it ±1?" (Figure H.2). The
bins for larger magnitudes come in two sets: one where Db is large, one where it is not (Table H.3).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from ._types import Array
from .arithmetic import Bins, decode_difference, difference_class, encode_difference
from .intervals import Progress, Status, decode_intervals
from .scan import Scan
from .scan_lossless import LARGEST, out_of_range
from .scan_sequential_arithmetic import IntervalDecoder, IntervalEncoder, encode_intervals, statistics_areas

__all__ = ["decode_scan", "encode_scan"]

# Table H.3 – Statistical model for lossless coding
LOSSLESS_BINS = 158
X1, X1_BELOW_LARGE = 100, 129
LARGE = 3  # `difference_class` gives 3 and 4 to large differences


class LosslessModel:
    """Differences, each conditioned on the two beside it (H.1.2.3.1, Two-dimensional statistical model).

    What lies outside the restart interval, or the component, counts as zero.
    """

    def __init__(self, scan: Scan, differences: Sequence[Array]) -> None:
        self.differences = differences
        self.areas = statistics_areas([member.dc_table for member in scan.header.components], LOSSLESS_BINS)
        self.bounds = scan.dc_conditioning
        self.first_rows: dict[int, int] = {}  # of each component in this restart interval

    def bins(self, j: int, row: int, column: int) -> tuple[Bins, int, int]:
        """Return the bins for a sample of component `j`: the area, S0 and X1 (Figure H.2)."""
        array = self.differences[j]
        first_row = self.first_rows.setdefault(j, row)
        left = int(array[row, column - 1]) if column else 0
        above = int(array[row - 1, column]) if row > first_row else 0
        left_class = difference_class(left, *self.bounds[j])
        above_class = difference_class(above, *self.bounds[j])
        return (
            self.areas[j],
            20 * left_class + 4 * above_class,
            X1_BELOW_LARGE if above_class >= LARGE else X1,
        )


# --------------------------------------------------------------------------------------------------
# Differences → decisions → bytes


def encode_scan(scan: Scan, differences: Sequence[Array]) -> bytes:
    """Code a scan (H.1.2.3 – Arithmetic coding of the modulo difference).

    Parameters
    ----------
    scan : Scan
    differences : sequence of ndarray of int32, shape (rows, columns)
        Per component of the scan, −32767 ... 32768, in whole MCUs.

    Returns
    -------
    bytes
        The entropy-coded data, RST markers included.

    Raises
    ------
    ValueError
        If a difference is out of range.
    """
    return encode_intervals(scan, partial(LosslessEncoder, scan, differences))


class LosslessEncoder(IntervalEncoder):
    """Code the differences of one restart interval."""

    def __init__(self, scan: Scan, differences: Sequence[Array]) -> None:
        super().__init__()
        self.differences = differences
        self.model = LosslessModel(scan, differences)

    def encode_unit(self, j: int, row: int, column: int) -> None:
        """Code one difference."""
        difference = int(self.differences[j][row, column])
        if not -LARGEST < difference <= LARGEST:
            raise out_of_range(difference)
        encode_difference(self.encoder, *self.model.bins(j, row, column), difference)


# --------------------------------------------------------------------------------------------------
# Bytes → decisions → differences


def decode_scan(
    data: bytes, scan: Scan, differences: Sequence[Array], progress: Progress, strict: bool
) -> Status:
    """Decode a scan (H.2 – Lossless decoder processes).

    Parameters
    ----------
    data, scan, progress, strict
        As for `scan_sequential.decode_scan`, and so is the result.
    differences : sequence of ndarray of int32, shape (rows, columns)
        Per component of the scan; filled in. Behind what is no code they stay as they are up to the next
        restart marker: give arrays of `prediction.MISSING`.
    """
    make = partial(LosslessDecoder, data, scan, differences, progress, strict)
    return decode_intervals(data, scan, progress, strict, make, starves=False)


class LosslessDecoder(IntervalDecoder):
    """Decode the differences of one restart interval."""

    def __init__(
        self,
        data: bytes,
        scan: Scan,
        differences: Sequence[Array],
        progress: Progress,
        strict: bool,
        position: int,
    ) -> None:
        super().__init__(data, progress, strict, position)
        self.differences = differences
        self.model = LosslessModel(scan, differences)

    def decode_values(self, j: int, row: int, column: int) -> None:
        """Decode one difference."""
        difference = decode_difference(self.decoder, *self.model.bins(j, row, column))
        # Modulo 2^16 these are the same number; H.1.2.1 has the positive one.
        self.differences[j][row, column] = LARGEST if difference == -LARGEST else difference
