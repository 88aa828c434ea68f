"""Lossless prediction: samples ↔ differences (H.1.2.1; the reference path).

The lossless process knows no blocks and no transform. Each sample is guessed from those of its neighbours
that the decoder has already, and what is coded is by how much the guess was wrong: differential pulse code
modulation (DPCM) in two dimensions. The names of the neighbours are those of Figure H.1:

    Rc  Rb
    Ra   x

and the predictor, 1 ... 7, is chosen once for a scan (Table H.1):

    1  Ra     2  Rb     3  Rc     4  Ra + Rb − Rc     5  Ra + (Rb − Rc) / 2     6  Rb + (Ra − Rc) / 2
    7  (Ra + Rb) / 2

Halving rounds down (A.5). There is nothing above the first line of a scan or of a restart interval: it starts
from the middle of the range, 2^(P − Pt − 1), and goes on with predictor 1. Each other line starts with
predictor 2.

A difference of two 16-bit numbers needs 17 bits. But differences are taken modulo 2^16, and the decoder adds
modulo 2^16, so that 16 bits are enough: −32767 ... 32768.

Interleaved components with sampling factors above 1 have samples that only complete MCUs (A.2.4). These are
no part of the prediction: their differences are zero, the cheapest to code, and the decoder leaves them zero.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ._types import Array
from .scan import Scan

__all__ = ["MISSING", "Prediction", "differences_to_samples", "samples_to_differences"]

MISSING = -32768  # stands for a difference that no data were there for; no true one has this value

# Table H.1 – Predictors for lossless coding, as functions of Ra, Rb, Rc
PREDICTORS: dict[int, Callable[..., Any]] = {
    1: lambda left, above, corner: left,
    2: lambda left, above, corner: above,
    3: lambda left, above, corner: corner,
    4: lambda left, above, corner: left + above - corner,
    5: lambda left, above, corner: left + (above - corner >> 1),
    6: lambda left, above, corner: above + (left - corner >> 1),
    7: lambda left, above, corner: left + above >> 1,
}


class Prediction(NamedTuple):
    """How one component of a scan is predicted.

    Attributes
    ----------
    predictor : int
        1 ... 7.
    origin : int
        What the first sample of a restart interval is predicted to be.
    height, width : int
        The samples that take part.
    lines : int
        The lines of a restart interval.
    """

    predictor: int
    origin: int
    height: int
    width: int
    lines: int

    @classmethod
    def of(cls, scan: Scan, j: int, array: Array) -> Prediction:
        """Return the prediction of component `j` of a scan; `ValueError` if `array` has another shape."""
        frame, header = scan.frame, scan.header
        i = header.components[j].component
        height, width = frame.component_shape(i)
        if array.shape != frame.padded_block_shape(i):
            raise ValueError(
                f"component {i} is an array of {array.shape}, must be {frame.padded_block_shape(i)}"
            )
        # H.1.1 – a restart interval is a whole number of MCU rows
        mcu_rows = scan.restart_interval // scan.layout.mcu_columns
        lines = mcu_rows * scan.layout.factors[j][0] or height
        origin = 1 << (frame.precision - header.approx_low - 1)
        return cls(header.spectral_start, origin, height, width, lines)


# --------------------------------------------------------------------------------------------------
# Samples → differences


def samples_to_differences(samples: Array, scan: Scan, j: int) -> Array:
    """Subtract from each sample of a component what its neighbours predict.

    Parameters
    ----------
    samples : ndarray of uint16, shape (rows, columns)
        After the point transform (A.4), in whole MCUs.
    scan : Scan
    j : int
        The component within the scan.

    Returns
    -------
    ndarray of int32, shape (rows, columns)
        −32767 ... 32768; zero where samples only complete MCUs.

    Examples
    --------
    >>> from jpeg_from_scratch.jpeg_data import FrameComponent, FrameHeader, ScanComponent, ScanHeader
    >>> frame = FrameHeader(0xC3, 8, 2, 3, (FrameComponent(1, 1, 1, 0),))
    >>> scan = Scan(frame, ScanHeader((ScanComponent(0, 0, 0),), 4, 0, 0, 0))
    >>> samples_to_differences(np.array([[130, 131, 135], [131, 132, 139]], np.uint16), scan, 0)
    array([[2, 1, 4],
           [1, 0, 3]], dtype=int32)
    """
    rule = Prediction.of(scan, j, samples)
    differences = np.zeros(samples.shape, np.int32)
    for first in range(0, rule.height, rule.lines):
        inside = slice(first, min(first + rule.lines, rule.height)), slice(rule.width)
        lines = samples[inside].astype(np.int32)
        differences[inside] = wrap(lines - predictions(lines, rule))
    return differences


def predictions(lines: Array, rule: Prediction) -> Array:
    """Predict all samples of a restart interval, of which all are known."""
    predicted = np.empty_like(lines)
    predicted[0, 0] = rule.origin
    predicted[0, 1:] = lines[0, :-1]
    predicted[1:, 0] = lines[:-1, 0]
    predicted[1:, 1:] = PREDICTORS[rule.predictor](lines[1:, :-1], lines[:-1, 1:], lines[:-1, :-1])
    return predicted


def wrap(differences: Array) -> Array:
    """Take differences modulo 2^16, in −32767 ... 32768.

    Examples
    --------
    >>> wrap(np.array([65535, 32768, -32768, -65535]))
    array([   -1, 32768, 32768,     1])
    """
    return (differences + 0x7FFF) % 0x10000 - 0x7FFF


# --------------------------------------------------------------------------------------------------
# Differences → samples


def differences_to_samples(differences: Array, scan: Scan, j: int) -> Array:
    """Add the differences to what is predicted: the inverse of `samples_to_differences`.

    Parameters
    ----------
    differences : ndarray of int32, shape (rows, columns)
        −32767 ... 32768. A line that starts with `MISSING` has no data: its samples become the middle of the
        range, 2^(P − Pt − 1), as in libjpeg-turbo.
    scan : Scan
    j : int
        The component within the scan.

    Returns
    -------
    ndarray of uint16, shape (rows, columns)
        Samples before the point transform is undone; zero where they only complete MCUs. In a damaged file
        they may have more than P − Pt bits.

    Notes
    -----
    libjpeg-turbo 3.1 departs from H.1.1 where a component with Vi > 1 is alone in its scan: after a restart,
    or without data, it lets prediction start anew only at a multiple of Vi lines.
    """
    rule = Prediction.of(scan, j, differences)
    samples = np.zeros(differences.shape, np.uint16)
    above = np.zeros(rule.width, np.int32)
    for row in range(rule.height):
        line = differences[row, : rule.width]
        if line[0] == MISSING:
            above = np.full(rule.width, rule.origin, np.int32)
        elif row % rule.lines == 0:
            above = (rule.origin + np.cumsum(line)) & 0xFFFF
        else:
            above = restored(line, above, rule.predictor) & 0xFFFF
        samples[row, : rule.width] = above
    return samples


def restored(line: Array, above: Array, predictor: int) -> Array:
    """Return the samples of a line, modulo 2^16, from its differences and the samples above."""
    start = line[:1] + above[:1]  # predictor 2
    line, above, corner = line[1:], above[1:], above[:-1]
    if predictor in (2, 3):
        return np.concatenate((start, line + PREDICTORS[predictor](0, above, corner)))
    if predictor in (1, 4, 5):
        # Ra plus something that is known: a running sum
        return np.cumsum(np.concatenate((start, line + PREDICTORS[predictor](0, above, corner))))
    # 6 and 7 halve a number with Ra in it: one sample after the other
    samples = start.tolist()
    predict = PREDICTORS[predictor]
    for difference, *known in zip(line.tolist(), above.tolist(), corner.tolist()):
        samples.append(difference + predict(samples[-1] & 0xFFFF, *known))
    return np.array(samples)
