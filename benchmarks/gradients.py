"""How right are the gradients? The largest error of each operation, as a table.

Every case of the tests' table is compared with central differences in float64:
max |a − n| / max(1, max |a|, max |n|), which must stay below 10⁻⁶.

    python benchmarks/gradients.py [--backend fast]
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(REPOSITORY), str(REPOSITORY / "tests" / "neural")]

from operation_cases import CASES, OPERATIONS  # noqa: E402

from neural_from_scratch.backend import BACKENDS, use_backend  # noqa: E402
from neural_from_scratch.gradcheck import gradient_error  # noqa: E402

BAR = 1e-6


def main() -> int:
    """Print the table; return 1 if any error is not below the bar."""
    parser = argparse.ArgumentParser(description="The largest gradient error of each operation.")
    parser.add_argument("--backend", choices=BACKENDS, help="only one of the two (default: both)")
    names = [chosen] if (chosen := parser.parse_args().backend) else list(BACKENDS)
    print("| operation | cases | " + " | ".join(names) + " |")
    print("|---|---|" + "---|" * len(names))
    largest = 0.0
    for operation in OPERATIONS:
        cases = [case for case in CASES if case.operation == operation]
        errors = []
        for name in names:
            with use_backend(name):
                errors.append(
                    max(
                        gradient_error(case.function, case.arrays, surrogate=case.surrogate) for case in cases
                    )
                )
        largest = max(largest, *errors)
        print(f"| {operation} | {len(cases)} | " + " | ".join(f"{error:.1e}" for error in errors) + " |")
    print(
        f"\nlargest of all: {largest:.1e}, bar {BAR:.0e}, {len(CASES)} cases of {len(OPERATIONS)} operations"
    )
    return 0 if largest < BAR else 1


if __name__ == "__main__":
    sys.exit(main())
