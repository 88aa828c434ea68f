"""H.1.2.1 – Prediction of lossless samples: Table H.1, borders, restarts, arithmetic modulo 2^16."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from conftest import BACKENDS
from hypothesis import given, settings
from hypothesis import strategies as st
from jpeg_lossless import Array, scan_of, smooth_samples

from jpeg_from_scratch.backend import get_backend
from jpeg_from_scratch.prediction import MISSING
from jpeg_from_scratch.scan import Scan

BOUNDED = settings(derandomize=True, max_examples=60, deadline=None)
ONE = [(1, 1)]


def differences_of(backend: str, samples: Any, scan: Scan, j: int = 0) -> Array:
    """Return the differences of samples, and check their dtype."""
    differences = get_backend(backend).samples_to_differences(np.array(samples, np.uint16), scan, j)
    assert differences.dtype == np.int32
    return differences


def samples_of(backend: str, differences: Any, scan: Scan, j: int = 0) -> Array:
    """Return the samples of differences, and check their dtype."""
    samples = get_backend(backend).differences_to_samples(np.array(differences, np.int32), scan, j)
    assert samples.dtype == np.uint16
    return samples


def predicted_as_printed(samples: Array, scan: Scan, row: int, column: int) -> int:
    """H.1.2.1 and Table H.1 for one sample of a component that is alone in its frame, word by word."""
    first_line = row % (scan.restart_interval // samples.shape[1] or samples.shape[0]) == 0
    if first_line and column == 0:
        return 2 ** (scan.frame.precision - scan.header.approx_low - 1)
    if first_line:
        return int(samples[row, column - 1])
    rb = int(samples[row - 1, column])
    if column == 0:
        return rb
    ra, rc = int(samples[row, column - 1]), int(samples[row - 1, column - 1])
    match scan.header.spectral_start:
        case 1:
            return ra
        case 2:
            return rb
        case 3:
            return rc
        case 4:
            return ra + rb - rc
        case 5:
            return ra + ((rb - rc) >> 1)
        case 6:
            return rb + ((ra - rc) >> 1)
        case _:
            return (ra + rb) >> 1


# Table H.1


@pytest.mark.parametrize(
    ("predictor", "difference"),
    [(1, 60 - 31), (2, 60 - 20), (3, 60 - 25), (4, 60 - 26), (5, 60 - 28), (6, 60 - 23), (7, 60 - 25)],
)
def test_table_h1_by_hand(backend: str, predictor: int, difference: int) -> None:
    """Ra = 31, Rb = 20, Rc = 25, x = 60. Halves round down: (20 − 25) / 2 is −3, (31 − 25) / 2 is 3."""
    scan = scan_of(ONE, 2, 2, predictor=predictor)
    samples = [[25, 20], [31, 60]]
    assert differences_of(backend, samples, scan).tolist() == [[25 - 128, -5], [6, difference]]
    assert samples_of(backend, [[25 - 128, -5], [6, difference]], scan).tolist() == samples


@pytest.mark.parametrize("predictor", range(1, 8))
def test_h121_as_printed(backend: str, predictor: int) -> None:
    """Every sample of noise, with and without restarts, by the formulas as they stand in the standard."""
    rng = np.random.default_rng(predictor)
    for precision, point_transform, rows in ((8, 0, 0), (16, 0, 2), (12, 5, 1), (2, 1, 3)):
        scan = scan_of(
            ONE, 7, 9, predictor=predictor, precision=precision, point_transform=point_transform, rows=rows
        )
        samples = rng.integers(0, 1 << (precision - point_transform), (7, 9)).astype(np.uint16)
        differences = differences_of(backend, samples, scan)
        for row, column in np.ndindex(7, 9):
            expected = int(samples[row, column]) - predicted_as_printed(samples, scan, row, column)
            found = int(differences[row, column])
            assert (found - expected) % 2**16 == 0, (precision, row, column)
            assert -32767 <= found <= 32768
        np.testing.assert_array_equal(samples_of(backend, differences, scan), samples)


@pytest.mark.parametrize(
    ("precision", "point_transform"), [(2, 0), (2, 1), (8, 0), (8, 3), (16, 0), (16, 15)]
)
def test_h121_the_first_sample_is_predicted_from_the_middle(
    backend: str, precision: int, point_transform: int
) -> None:
    """2^(P − Pt − 1), for any predictor."""
    for predictor in range(1, 8):
        scan = scan_of(ONE, 1, 1, predictor=predictor, precision=precision, point_transform=point_transform)
        middle = 2 ** (precision - point_transform - 1)
        assert differences_of(backend, [[middle]], scan).tolist() == [[0]]
        assert differences_of(backend, [[0]], scan).tolist() == [[-middle if middle < 32768 else 32768]]


# Restart intervals (H.1.1)


def test_h11_prediction_starts_again_at_a_restart(backend: str) -> None:
    """Equal samples: a difference of 100 − 128 at the start of each interval of two lines, zero elsewhere."""
    scan = scan_of(ONE, 5, 3, predictor=2, rows=2)
    expected = np.zeros((5, 3), int)
    expected[::2, 0] = -28
    samples = np.full((5, 3), 100)
    assert differences_of(backend, samples, scan).tolist() == expected.tolist()
    assert samples_of(backend, expected, scan).tolist() == samples.tolist()


def test_h11_an_interval_counts_rows_of_mcus(backend: str) -> None:
    """A component of 2 × 2 samples an MCU: one row of MCUs is two of its lines, and one of the other's."""
    factors = [(2, 2), (1, 1)]
    scan = scan_of(factors, 6, 4, rows=1)
    large = differences_of(backend, np.full((6, 4), 100), scan, 0)
    small = differences_of(backend, np.full((3, 2), 100), scan, 1)
    assert large[:, 0].tolist() == [-28, 0] * 3
    assert small[:, 0].tolist() == [-28] * 3
    alone = scan_of(factors, 6, 4, 0, rows=1)
    assert differences_of(backend, np.full((6, 4), 100), alone)[:, 0].tolist() == [-28] * 6


# A.5 – modulo 2^16


def test_differences_are_taken_modulo_65536(backend: str) -> None:
    """From 0 to 65535 is −1, back again 1; 32768 has one name only."""
    scan = scan_of(ONE, 1, 6, precision=16)
    samples = [[32768, 0, 65535, 0, 32768, 1]]
    differences = differences_of(backend, samples, scan)
    assert differences.tolist() == [[0, 32768, -1, 1, 32768, -32767]]
    assert samples_of(backend, differences, scan).tolist() == samples


@pytest.mark.parametrize("predictor", range(1, 8))
def test_damaged_differences_wrap(backend: str, predictor: int) -> None:
    """The largest differences over and over: 8-bit samples leave 8 bits, and stay below 2^16."""
    scan = scan_of(ONE, 6, 5, predictor=predictor)
    differences = np.full((6, 5), 32767)
    samples = samples_of(backend, differences, scan)
    for row, column in np.ndindex(6, 5):
        expected = (32767 + predicted_as_printed(samples, scan, row, column)) % 2**16
        assert samples[row, column] == expected, (row, column)


# A.2.4 – samples that only complete MCUs


@pytest.mark.parametrize("predictor", range(1, 8))
def test_padding_is_no_part_of_the_prediction(backend: str, predictor: int) -> None:
    """5 × 7 samples of 2 × 2 an MCU are kept in 6 × 8: zero differences there, whatever stands there."""
    scan = scan_of([(2, 2), (1, 1)], 5, 7, predictor=predictor)
    samples = smooth_samples(scan, predictor)[0]
    assert samples.shape == (6, 8)
    differences = differences_of(backend, samples, scan)
    assert not differences[5:].any()
    assert not differences[:, 7:].any()
    filled = samples.copy()
    filled[5:], filled[:, 7:] = 200, 77
    np.testing.assert_array_equal(differences_of(backend, filled, scan), differences)
    differences[5:], differences[:, 7:] = 99, -99
    np.testing.assert_array_equal(samples_of(backend, differences, scan), samples)


# Damage


@pytest.mark.parametrize("predictor", range(1, 8))
def test_lines_without_data_are_mid_grey(backend: str, predictor: int) -> None:
    """Line 1 and 2 of 5 have no data; line 3 starts an interval; line 4 is predicted from it."""
    scan = scan_of(ONE, 5, 4, predictor=predictor, precision=10, point_transform=1, rows=3)
    samples = smooth_samples(scan)[0]
    differences = differences_of(backend, samples, scan)
    differences[1:3] = MISSING
    expected = samples.copy()
    expected[1:3] = 2**8
    np.testing.assert_array_equal(samples_of(backend, differences, scan), expected)


def test_no_data_at_all(backend: str) -> None:
    """The padding stays zero."""
    scan = scan_of([(2, 2), (1, 1)], 3, 3, predictor=7)
    samples = samples_of(backend, np.full((4, 4), MISSING), scan)
    assert samples.tolist() == [[128, 128, 128, 0]] * 3 + [[0] * 4]


@pytest.mark.parametrize("stage", [differences_of, samples_of])
def test_arrays_of_another_shape(backend: str, stage: Any) -> None:
    """The true size is not enough where MCUs are incomplete."""
    scan = scan_of([(2, 2), (1, 1)], 3, 3)
    with pytest.raises(ValueError, match=r"component 0 is an array of \(3, 3\), must be \(4, 4\)"):
        stage(backend, np.zeros((3, 3)), scan)


# Properties


@st.composite
def scans(draw: st.DrawFn) -> Scan:
    """One to three components of any precision, in a scan of all or of one."""
    factors = draw(st.sampled_from([ONE, [(2, 1)], [(1, 1)] * 3, [(2, 2), (1, 1), (1, 2)], [(1, 3), (2, 1)]]))
    precision = draw(st.integers(2, 16))
    members = draw(st.sampled_from([(), (0,), (len(factors) - 1,)]))
    return scan_of(
        factors,
        draw(st.integers(1, 12)),
        draw(st.integers(1, 12)),
        *members,
        predictor=draw(st.integers(1, 7)),
        precision=precision,
        point_transform=draw(st.integers(0, precision - 1)),
        rows=draw(st.integers(0, 4)),
    )


@BOUNDED
@given(scan=scans(), seed=st.integers(0, 2**32 - 1), noise=st.booleans())
def test_there_and_back(scan: Scan, seed: int, noise: bool) -> None:
    """Differences give the samples again, and both back ends the same differences."""
    rng = np.random.default_rng(seed)
    arrays = smooth_samples(scan, seed)
    for j, member in enumerate(scan.header.components):
        samples = arrays[member.component]
        height, width = scan.frame.component_shape(member.component)
        if noise:
            samples[:height, :width] = rng.integers(0, 2**16, (height, width))
        differences = [differences_of(name, samples, scan, j) for name in BACKENDS]
        for name, ours in zip(BACKENDS, differences):
            np.testing.assert_array_equal(ours, differences[0], name)
            np.testing.assert_array_equal(samples_of(name, ours, scan, j), samples, name)


@BOUNDED
@given(scan=scans(), seed=st.integers(0, 2**32 - 1), missing=st.booleans())
def test_any_differences_decode_alike(scan: Scan, seed: int, missing: bool) -> None:
    """Whatever a damaged file holds: the same samples in both back ends, and the differences back again."""
    rng = np.random.default_rng(seed)
    for j, member in enumerate(scan.header.components):
        height, width = scan.frame.component_shape(member.component)
        differences = np.zeros(scan.frame.padded_block_shape(member.component), np.int32)
        differences[:height, :width] = rng.integers(-32767, 32769, (height, width))
        if missing:
            differences[rng.random(len(differences)) < 0.3] = MISSING
        samples = [samples_of(name, differences, scan, j) for name in BACKENDS]
        for name, ours in zip(BACKENDS, samples):
            np.testing.assert_array_equal(ours, samples[0], name)
            if not missing:
                np.testing.assert_array_equal(differences_of(name, ours, scan, j), differences, name)
