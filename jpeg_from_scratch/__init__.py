"""JPEG (ITU-T T.81) from scratch: files that every viewer opens, bit for bit what libjpeg-turbo writes.

    >>> import numpy as np
    >>> import jpeg_from_scratch
    >>> photograph = np.zeros((32, 48, 3), np.uint8)
    >>> data = jpeg_from_scratch.encode(photograph, quality=80)
    >>> jpeg_from_scratch.decode(data).shape
    (32, 48, 3)

The files, in the order in which a picture passes through them – read them so:

 1. `color`            RGB ↔ YCbCr, CMYK ↔ YCCK
 2. `sampling`         component sizes, smaller and larger planes, blocks          A.1, A.2
 3. `dct`              the 8×8 transform, from the definition and in integers      A.3.3
 4. `quantization`     step sizes, the quality knob                                A.3.4
 5. `coefficients`     DC prediction, zigzag, run-lengths, category and bits       A.3.5, A.3.6, F.1.2
 6. `huffman`          codes from a table, the best table for a picture            C, K.2
 7. `bitio`            bits in bytes, stuffing                                     B.1.1.5
 8. `jpeg_data`        `JpegData`, the seam between bytes and pixels
 9. `markers`, `segment_bytes`    bytes → segments, and back                       B
10. `scan`, `intervals`    MCUs, symbols, restart intervals: what all scans share  A.2, E
11. `scan_sequential`  one baseline or extended scan ↔ coefficients                F
12. `options`, `encoder`, `writer`    pixels → `JpegData` → bytes: all of the above in a row
13. `reader`, `decoder`               bytes → `JpegData` → pixels

That is baseline JPEG. The rest of the standard:

14. `scan_progressive` a picture in waves; `progression` keeps the books, `scan_scripts` the order   G
15. `smoothing`        what is shown of a progressive file that ends early         K.8
16. `arithmetic`       the QM-coder and its statistics                             D
17. `scan_sequential_arithmetic`, `scan_progressive_arithmetic`                    F.1.4, G.1.3
18. `prediction`, `scan_lossless`, `scan_lossless_arithmetic`    samples exactly   H

What one does with files:

19. `metadata`, `orientation`         JFIF, Adobe, Exif, ICC; what the colours are; which way up
20. `transcoder`, `transform`         other codes, rotated, mirrored, cropped, without a loss
21. `microscope/`      what every byte and bit of a file means, in words and in pictures
22. `pillow_plugin`    Pillow opens and saves through this package

And behind it all:

23. `backend`          readable or compiled: who does the work
24. `reference`        the readable path: the stages above, in a row
25. `_kernels/`        the compiled path: a twin of each stage
26. `stages`           the caller's own functions in place of the encoder's

`parallel` shares the work among threads, `tables` holds the data of the standard, `errors` what can be wrong
with a file, `arguments` the checks of what a caller passes, `cli` and ``commands/`` the command line.
"""

from ._version import __version__
from .decoder import DecodeInfo, decode, read
from .encoder import encode
from .errors import FormatError, JpegError, LimitError, UnsupportedError
from .jpeg_data import JpegData
from .metadata import Metadata
from .microscope import inspect
from .transcoder import transcode
from .writer import write

__all__ = [
    "DecodeInfo",
    "FormatError",
    "JpegData",
    "JpegError",
    "LimitError",
    "Metadata",
    "UnsupportedError",
    "__version__",
    "decode",
    "encode",
    "inspect",
    "read",
    "register_pillow",
    "transcode",
    "write",
]


def register_pillow() -> None:
    """Let Pillow open and save through this package; see `pillow_plugin.register_pillow`."""
    from .pillow_plugin import register_pillow as register  # Pillow is imported only for those who ask

    register()
