"""Lossless prediction: twin of `prediction`, sample by sample.

Why it is fast. The predictor is the same for a whole scan, so the compiler takes the choice of Table H.1 out
of the loop over a line and makes a loop for each. Where a predictor does not need the sample to the left,
eight samples or more are done at once.
"""

from __future__ import annotations

import numpy as np

from .._types import Array
from ..prediction import MISSING, Prediction
from ..scan import Scan
from ._jit import inline, jit

NO_DATA = np.int32(MISSING)


def samples_to_differences(samples: Array, scan: Scan, j: int) -> Array:
    """Subtract what is predicted; see `prediction.samples_to_differences`."""
    rule = Prediction.of(scan, j, samples)
    differences = np.zeros(samples.shape, np.int32)
    subtract_predictions(np.ascontiguousarray(samples), differences, *rule)
    return differences


def differences_to_samples(differences: Array, scan: Scan, j: int) -> Array:
    """Add what is predicted; see `prediction.differences_to_samples`."""
    rule = Prediction.of(scan, j, differences)
    samples = np.zeros(differences.shape, np.uint16)
    add_predictions(np.ascontiguousarray(differences), samples, *rule)
    return samples


@inline
def prediction_of(predictor, left, above, corner):
    """Table H.1 – Predictors for lossless coding; of int32."""
    if predictor == 1:
        return left
    if predictor == 2:
        return above
    if predictor == 3:
        return corner
    if predictor == 4:
        return np.int32(left + above - corner)
    if predictor == 5:
        return np.int32(left + ((above - corner) >> 1))
    if predictor == 6:
        return np.int32(above + ((left - corner) >> 1))
    return np.int32((left + above) >> 1)


@inline
def wrap(difference):
    """Twin of `prediction.wrap`."""
    return np.int32(((difference + 0x7FFF) & 0xFFFF) - 0x7FFF)


@jit
def subtract_predictions(samples, differences, predictor, origin, height, width, lines):
    """Twin of `prediction.samples_to_differences`."""
    for row in range(height):
        first = row % lines == 0
        line, out = samples[row], differences[row]
        above = line if first else samples[row - 1]
        out[0] = wrap(np.int32(line[0]) - np.int32(origin if first else above[0]))
        rule = np.int64(1) if first else predictor
        for column in range(1, width):
            left, up, corner = line[column - 1], above[column], above[column - 1]
            predicted = prediction_of(rule, np.int32(left), np.int32(up), np.int32(corner))
            out[column] = wrap(np.int32(line[column]) - predicted)


@jit
def add_predictions(differences, samples, predictor, origin, height, width, lines):
    """Twin of `prediction.differences_to_samples`."""
    for row in range(height):
        first = row % lines == 0
        line, out = differences[row], samples[row]
        if line[0] == NO_DATA:
            out[:width] = origin
            continue
        above = out if first else samples[row - 1]
        left = np.int32((line[0] + (origin if first else np.int64(above[0]))) & 0xFFFF)
        out[0] = left
        rule = np.int64(1) if first else predictor
        for column in range(1, width):
            up, corner = np.int32(above[column]), np.int32(above[column - 1])
            left = np.int32((line[column] + prediction_of(rule, left, up, corner)) & 0xFFFF)
            out[column] = left
