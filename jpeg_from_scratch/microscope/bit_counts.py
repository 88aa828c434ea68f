"""How many bits of the file each block has taken: what a heat map shows.

The bits of a picture are not spread evenly: sky costs little, grass much. All bits of all scans are counted
for the block, or the sample of a lossless process, that they code; what is left are markers, headers, padding
and stuffed zeros.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from .._types import Array
from ..arguments import checked_bytes
from ..backend import ScanCoder, get_backend
from ..errors import JpegError
from ..intervals import Progress, Status
from ..reader import MAX_MEMORY, MAX_PIXELS, MAX_SCANS, Limits, Reader
from ..scan import Scan
from . import noting

__all__ = ["bits_per_block"]


def bits_per_block(
    data: bytes,
    *,
    max_pixels: int = MAX_PIXELS,
    max_scans: int = MAX_SCANS,
    max_memory: int = MAX_MEMORY,
    backend: str = "fast",
) -> list[Array]:
    """Count the bits of each block, over all scans.

    Parameters
    ----------
    data : bytes
        The file. Of a damaged one, what can be read is counted.
    max_pixels, max_scans, max_memory : int
        Limits, as for `decode`.
    backend : {"fast", "reference"}
        The counts are the same.

    Returns
    -------
    list of ndarray of float32, shape (block rows, block columns)
        Per component of the frame, without blocks that only complete MCUs; of samples in a lossless process.
        Counts are whole numbers for Huffman codes. With arithmetic coding they are the information in the
        decisions, −log₂ of their shares of the interval. The bits of an end-of-band run count for the block
        that begins it.

    Raises
    ------
    JpegError
        If nothing can be read.

    Examples
    --------
    >>> from jpeg_from_scratch import encode
    >>> picture = np.zeros((8, 16), np.uint8)
    >>> picture[:, 8:] = np.eye(8) * 255
    >>> bits_per_block(encode(picture))[0].tolist()
    [[18.0, 148.0]]
    """
    counter = _Counter(checked_bytes(data), Limits(max_pixels, max_scans, max_memory), backend)
    try:
        counter.reader.read()
    except JpegError:
        if not counter.counts:
            raise
    frame = counter.reader.jpeg.frame
    shapes = [frame.block_shape(i) for i in range(len(frame.components))]
    return [counts[:rows, :columns] for counts, (rows, columns) in zip(counter.counts, shapes)]


class _Counter:
    """Reads a file, and counts the bits of each scan before it is decoded."""

    def __init__(self, data: bytes, limits: Limits, backend: str) -> None:
        self.engine = get_backend(backend)
        coders = {
            kind: replace(coder, decode=partial(self._decode, coder))
            for kind, coder in self.engine.scan_coders.items()
        }
        self.reader = Reader(data, limits, replace(self.engine, scan_coders=coders), strict=False)
        self.counts: list[Array] = []

    def _decode(
        self,
        coder: ScanCoder,
        data: bytes,
        scan: Scan,
        arrays: Sequence[Array],
        progress: Progress,
        strict: bool,
    ) -> Status:
        frame = scan.frame
        if not self.counts:
            shapes = [frame.padded_block_shape(i) for i in range(len(frame.components))]
            self.counts = [np.zeros(shape, np.float32) for shape in shapes]
        counts = [self.counts[member.component] for member in scan.header.components]
        (self.engine.add_unit_bits or noting.add_unit_bits)(data, scan, arrays, progress, counts)
        return coder.decode(data, scan, arrays, progress, strict)
