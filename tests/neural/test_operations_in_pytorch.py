"""Every operation that PyTorch has too: the same values and the same gradients."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from operation_cases import CASES, OPERATIONS

from neural_from_scratch.backend import use_backend
from neural_from_scratch.tensor import Tensor

pytestmark = pytest.mark.reference
# Of these PyTorch has none: the gradients are an agreement of learned codecs, tested by its words; MS-SSIM is
# compared with pytorch_msssim in its own tests.
NOT_THERE = {"lower_bound", "nonnegative", "add_uniform_noise", "ms_ssim"}


@pytest.mark.parametrize("dtype", [np.float64, np.float32], ids=["float64", "float32"])
@pytest.mark.parametrize("operation", [name for name in OPERATIONS if name not in NOT_THERE])
def test_values_and_gradients(
    operation: str, dtype: type, backend: str, count: Callable[[str], None]
) -> None:
    """In both precisions, up to their rounding; relative to the largest number of each array."""
    torch = pytest.importorskip("torch")
    cases = [case for case in CASES if case.operation == operation and case.torch is not None]
    assert cases
    worst = 0.0
    for case in cases:
        arrays = [array.astype(dtype) for array in case.arrays]
        leaves = [Tensor(array, requires_grad=True) for array in arrays]
        peers = [torch.tensor(array, requires_grad=True) for array in arrays]
        with use_backend(backend):
            result = case.function(*leaves)
            weights = np.random.default_rng(2).standard_normal(result.shape).astype(dtype)
            result.backward(weights)
        theirs = case.torch(torch, *peers)
        assert result.shape == tuple(theirs.shape), str(case)
        theirs.backward(torch.tensor(weights))
        pairs = [
            (result.data, theirs.detach()),
            *((leaf.grad, peer.grad) for leaf, peer in zip(leaves, peers)),
        ]
        for ours, peer in pairs:
            expected = np.zeros_like(ours) if peer is None else peer.numpy()
            scale = max(1.0, np.abs(expected).max(initial=0))
            error = float(np.abs(ours - expected).max(initial=0)) / scale
            assert error < 100 * np.finfo(dtype).eps, str(case)
            worst = max(worst, error)
    count(f"PyTorch, {operation}, {np.dtype(dtype)}, {backend}: {len(cases)} cases, off by {worst:.1e}")
