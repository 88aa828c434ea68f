"""Every operation, in every case of the table: gradients against central differences."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from operation_cases import CASES, OPERATIONS

from neural_from_scratch import losses, ops, quantization
from neural_from_scratch.backend import use_backend
from neural_from_scratch.gradcheck import gradient_error

BAR = 1e-6


def test_no_operation_is_left_out() -> None:
    """The table has cases of all that is exported, but for what is not on the tape."""
    exported = {*ops.__all__, *quantization.__all__, *losses.__all__}
    assert exported - {"nonnegative_stored", "RateDistortion"} | {"gaussian_likelihood"} == set(OPERATIONS)


@pytest.mark.parametrize("operation", OPERATIONS)
def test_gradients_are_those_of_differences(
    operation: str, backend: str, count: Callable[[str], None]
) -> None:
    """Largest error of an operation over all of its cases and inputs, in float64."""
    cases = [case for case in CASES if case.operation == operation]
    with use_backend(backend):
        errors = {
            str(case): gradient_error(case.function, case.arrays, surrogate=case.surrogate) for case in cases
        }
    wrong = {name: error for name, error in errors.items() if not error < BAR}
    assert not wrong
    count(f"gradients, {operation}, {backend}: {len(cases)} cases, largest error {max(errors.values()):.1e}")
