"""The fast twins: Numba kernels and BLAS calls, for NumPy arrays. They do only what the reference does.

`fast_backend` hands them to `backend`; nobody else imports from here, and importing it imports Numba.
"""

from __future__ import annotations

from ..backend import Backend


def fast_backend() -> Backend:
    """Return the fast back end."""
    from . import adam, convolution, density, gdn, range_coder, whole_layers

    return Backend(
        "fast",
        convolution.correlate,
        convolution.correlate_transposed,
        convolution.correlate_weights,
        gdn.gdn_forward,
        gdn.gdn_backward,
        adam.adam_step,
        range_coder.encode_values,
        range_coder.decode_values,
        whole_layers.run_layer,
        density.likelihood,
    )
