"""The bench: any codec measured and compared, by the bytes of its files and the pictures they give back.

Read in this order:

 1. `codec_eval.codec`           – what a codec has to offer: the `Codec` protocol
 2. `codec_eval.metrics`         – distortion (MSE, PSNR) and rate (bits per pixel)
 3. `codec_eval.similarity`      – structural similarity on one scale and on five
 4. `codec_eval.images`          – pictures as honest originals, files written whole or not at all
 5. `codec_eval.codecs`          – our JPEG, and Pillow's as its peer
 6. `codec_eval.pillow_codecs`   – JPEG 2000, WebP, AVIF
 7. `codec_eval.neural_codecs`   – our learned codecs
 8. `codec_eval.registry`        – codecs by name, those of other packages too
 9. `codec_eval.compare`         – one picture through several codecs: the measurement and its table
10. `codec_eval.plots`           – the same as a figure
11. `codec_eval.points`          – one measured point, and the CSV file that points stream to
12. `codec_eval.rate_distortion` – the sweep: pictures × codecs × qualities (with `workers`, `sweep_record`)
13. `codec_eval.rate_control`    – the quality that meets a number of bytes, a rate, a PSNR
14. `codec_eval.table`           – pictures at one quality: the table of a lab report (with `table_cells`)
15. `codec_eval.table_pairs`     – two codecs at equal bytes
16. `codec_eval.averages`        – from points to curves
17. `codec_eval.bd_rate`         – the mean distance between two curves
18. `codec_eval.anchors`         – points of published codecs
19. `codec_eval.rd_plots`        – the curves drawn; `inline_svg` puts them into a page
20. `codec_eval.strip`           – the same crop from every codec at the same bits
21. `codec_eval.report`          – all of it on one page
22. `codec_eval.cli`             – ``codec-eval``, with a file in `codec_eval.commands` for each command

`codec_eval.arguments` checks what is passed to the measures; `codec_eval._kernels` holds compiled twins.
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
    ms_ssim,
    mse,
    n_compression,
    psnr,
    psnr_luma,
    ssim,
    ssim_and_ms_ssim,
    ssim_global,
    ssim_map,
)
from codec_eval.pillow_codecs import Avif, Jpeg2000, WebP
from codec_eval.registry import codec_names, default_qualities, make_codec
from jpeg_from_scratch._version import __version__

__all__ = [
    "Avif",
    "Codec",
    "Jpeg2000",
    "Measurement",
    "OurJpeg",
    "Picture",
    "PillowJpeg",
    "WebP",
    "__version__",
    "bits_per_pixel",
    "check_quality",
    "codec_names",
    "compare_bytes",
    "compression_ratio",
    "default_photograph",
    "default_qualities",
    "dssim",
    "format_table",
    "jpeg_codecs",
    "load",
    "make_codec",
    "mean_absolute_difference",
    "measure",
    "ms_ssim",
    "mse",
    "n_compression",
    "psnr",
    "psnr_luma",
    "read_picture",
    "save_png",
    "ssim",
    "ssim_and_ms_ssim",
    "ssim_global",
    "ssim_map",
    "write_atomically",
]
