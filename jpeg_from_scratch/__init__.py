"""JPEG (ITU-T T.81) from scratch: files that every viewer opens, bit for bit what libjpeg-turbo writes.

    >>> import numpy as np
    >>> import jpeg_from_scratch
    >>> photograph = np.zeros((32, 48, 3), np.uint8)
    >>> data = jpeg_from_scratch.encode(photograph, quality=80)
    >>> jpeg_from_scratch.decode(data).shape
    (32, 48, 3)

The files, in the order in which a picture passes through them – read them so:

 1. `color`            RGB ↔ YCbCr
 2. `sampling`         component sizes, smaller and larger planes, blocks          A.1, A.2
 3. `dct`              the 8×8 transform, from the definition and in integers      A.3.3
 4. `quantization`     step sizes, the quality knob                                A.3.4
 5. `coefficients`     DC prediction, zigzag, run-lengths, category and bits       A.3.5, A.3.6, F.1.2
 6. `huffman`          codes from a table, the best table for a picture            C, K.2
 7. `bitio`            bits in bytes, stuffing                                     B.1.1.5
 8. `scan_sequential`  one scan ↔ coefficients                                     F
 9. `jpeg_data`        `JpegData`, the seam between bytes and pixels
10. `markers`          segments ↔ bytes                                            B
11. `encoder`          pixels → `JpegData` → bytes: all of the above in a row
12. `decoder`          bytes → `JpegData` → pixels
13. `metadata`         JFIF, Adobe, Exif, ICC; what the colours are
14. `microscope`       what is where in a file, on one screen
15. `stages`           the caller's own functions in place of the encoder's
16. `backend`          readable or compiled: who does the work
17. `reference`        the readable path: the stages above, in a row
18. `_kernels/`        the compiled path: a twin of each stage

`tables` holds the data of the standard, `errors` what can be wrong with a file, `arguments` the checks of
what a caller passes, `cli` the command line.
"""

from ._version import __version__
from .decoder import DecodeInfo, decode, read
from .encoder import encode, write
from .errors import FormatError, JpegError, LimitError, UnsupportedError
from .jpeg_data import JpegData
from .metadata import Metadata

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
    "read",
    "write",
]
