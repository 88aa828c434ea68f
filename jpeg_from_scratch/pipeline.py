"""Pictures made in strips of rows, by some threads: even while their scan is being decoded.

Where a Huffman code begins depends on the length of the one before, so that a scan without restart markers is
decoded by one thread. The stages behind it need not wait for its end, though: rows of MCUs that are decoded
will not change any more, if no second scan refines them. The decoder tells how far it is by a number in an
array, without a call. The other threads follow behind it: they take strips of rows in their order, wait until
the rows of a strip are there, and make it. Once the scan is over, this thread takes strips too.

Nothing is known here of damage. Should decoding end with an error, the picture is thrown away.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import wait
from threading import Lock

from ._types import Samples
from .backend import Strips
from .jpeg_data import ceil_div
from .parallel import bands, pool, run_all

__all__ = ["cut", "make", "make_while"]

WORTH = 1 << 18  # pixels below which one thread is as fast: to wake another takes 0.1 ms
MOST = 1 << 17  # pixels of a strip: its samples stay in the cache
ROWS = 6  # but not fewer rows of MCUs, where the picture is wide
SHARES = 8  # strips at the least, for threads: so that none waits long for another's last one
FOLLOWERS = 3  # threads behind a decoder: it has a third of the work or more, so that others would only wait
PATIENCE = 0.0001  # seconds between two looks at how far the decoder is


def cut(strips: Strips, threads: int) -> list[range]:
    """Cut the rows of MCUs of a picture into strips.

    Few are better: the rows beside each are transformed once more.
    """
    pixels = strips.image.shape[0] * strips.image.shape[1]
    step = max(MOST * strips.rows // pixels, ROWS)
    if threads > 1:
        step = min(step, ceil_div(strips.rows, max(SHARES, threads)))
    return bands(strips.rows, step, strips.rows)


def make(strips: Strips, threads: int) -> Samples:
    """Make a picture whose coefficients are all there."""
    threads = threads if strips.image.shape[0] * strips.image.shape[1] >= WORTH else 1
    run_all(lambda rows: strips.make(rows.start, rows.stop), cut(strips, threads), threads)
    return strips.image


def make_while(decode: Callable[[], None], strips: Strips, threads: int) -> Samples:
    """Decode a scan and make its picture.

    Parameters
    ----------
    decode : callable
        Decodes the scan and keeps ``strips.complete_rows`` up to date.
    strips : Strips
    threads : int
        How many threads there are, with this one; at least 2.

    Returns
    -------
    ndarray, shape (H, W, 3), uint8

    Raises
    ------
    Exception
        Of `decode`, or of any thread; after all threads are done.
    """
    waiting = deque(cut(strips, threads))
    # Held while the scan is decoded. A lock, because no interrupt comes between leaving its block and giving
    # it back; and because a thread that waits for it with a time limit wakes as soon as decoding is over.
    decoding = Lock()

    def is_decoded(rows: range) -> bool:
        """Wait for the rows of a strip; they never come if decoding has ended with an error."""
        needed = min(rows.stop + strips.reach, strips.rows)
        is_over = False
        while strips.complete() < needed:
            if is_over:
                return False
            is_over = decoding.acquire(timeout=PATIENCE)
            if is_over:
                decoding.release()
        return True

    def work() -> None:
        while waiting:
            try:
                rows = waiting.popleft()
            except IndexError:  # another thread was faster
                return
            if is_decoded(rows):
                strips.make(rows.start, rows.stop)

    others = []
    try:
        with decoding:
            for _ in range(min(threads - 1, FOLLOWERS, len(waiting) - 1)):
                others.append(pool(threads - 1).submit(work))
            decode()
        work()
    finally:
        waiting.clear()
        wait([other for other in others if not other.cancel()])  # one that has not begun is not needed
    for other in others:
        if not other.cancelled():
            other.result()
    return strips.image
