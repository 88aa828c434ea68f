"""The compiled twins of the stages, one file a stage. Nothing here is done that the reference does not do.

`fast_stages` hands them to `backend`; nobody else imports from here, and importing it imports Numba.
"""

from __future__ import annotations

from functools import partial
from typing import Any


def fast_stages(threads: int) -> dict[str, Any]:
    """Return the stages of the fast back end by the names that `backend.Backend` gives them."""
    from ..backend import ScanCoder
    from . import (
        arithmetic_lossless,
        arithmetic_progressive,
        arithmetic_sequential,
        color_sampling,
        dct,
        huffman_decode,
        huffman_encode,
        inverse_dct,
        lossless,
        picture,
        prediction,
        progressive_decode,
        progressive_encode,
        strips,
        unit_bits,
        upsampling,
    )

    return {
        "component_planes": color_sampling.component_planes,
        "plane_to_coefficients": dct.plane_to_coefficients,
        "image_to_coefficients": picture.image_to_coefficients,
        "coefficients_to_plane": partial(inverse_dct.coefficients_to_plane, threads=threads),
        "planes_to_image": partial(upsampling.planes_to_image, threads=threads),
        "strips": strips.strips_of,
        "samples_to_differences": prediction.samples_to_differences,
        "differences_to_samples": prediction.differences_to_samples,
        "add_unit_bits": unit_bits.add_unit_bits,
        "scan_coders": {
            "sequential": ScanCoder(
                partial(huffman_encode.encode_scan, threads=threads),
                partial(huffman_decode.decode_scan, threads=threads),
                partial(huffman_encode.count_symbols, threads=threads),
            ),
            "progressive": ScanCoder(
                progressive_encode.encode_scan,
                progressive_decode.decode_scan,
                progressive_encode.count_symbols,
            ),
            "lossless": ScanCoder(lossless.encode_scan, lossless.decode_scan, lossless.count_symbols),
            "sequential arithmetic": ScanCoder(
                arithmetic_sequential.encode_scan, arithmetic_sequential.decode_scan
            ),
            "progressive arithmetic": ScanCoder(
                arithmetic_progressive.encode_scan, arithmetic_progressive.decode_scan
            ),
            "lossless arithmetic": ScanCoder(
                arithmetic_lossless.encode_scan, arithmetic_lossless.decode_scan
            ),
        },
    }
