"""The bench: any codec measured and compared, by the bytes of its files and the pictures they give back.

Read in this order:

1. `codec_eval.codec`   – what a codec has to offer: the `Codec` protocol
2. `codec_eval.metrics` – distortion (MSE, PSNR, SSIM) and rate (bits per pixel)
3. `codec_eval.images`  – pictures as honest originals, files written whole or not at all
4. `codec_eval.codecs`  – our JPEG, and Pillow's as its peer
5. `codec_eval.compare` – one picture through several codecs: the measurement and its table
6. `codec_eval.plots`   – the same as a figure
7. `codec_eval.cli`     – the command ``codec-eval compare``
"""

from __future__ import annotations

from codec_eval.codec import Codec, check_quality
from codec_eval.codecs import OurJpeg, PillowJpeg, jpeg_codecs
from codec_eval.compare import Measurement, compare_bytes, format_table, measure
from codec_eval.images import Picture, default_photograph, load, read_picture, save_png, write_atomically
from codec_eval.metrics import (
    bits_per_pixel,
    compression_ratio,
    dssim,
    mean_absolute_difference,
    mse,
    n_compression,
    psnr,
    ssim,
    ssim_global,
    ssim_map,
)
from jpeg_from_scratch._version import __version__

__all__ = [
    "Codec",
    "Measurement",
    "OurJpeg",
    "Picture",
    "PillowJpeg",
    "__version__",
    "bits_per_pixel",
    "check_quality",
    "compare_bytes",
    "compression_ratio",
    "default_photograph",
    "dssim",
    "format_table",
    "jpeg_codecs",
    "load",
    "mean_absolute_difference",
    "measure",
    "mse",
    "n_compression",
    "psnr",
    "read_picture",
    "save_png",
    "ssim",
    "ssim_global",
    "ssim_map",
    "write_atomically",
]
