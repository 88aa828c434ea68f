"""Threads: which pictures are worth them, and how work is handed out.

Kernels run without the interpreter's lock, so that threads of one process share the work, and no picture has
to be copied. A picture is cut into bands of whole rows of MCUs, which depend on nothing outside of them; the
result is the same to the last bit, however many threads there are.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor, wait
from functools import lru_cache
from itertools import pairwise
from typing import Any, TypeVar

from .arguments import checked_integer

__all__ = ["WORTH", "bands", "run_all", "threads_for"]

Result = TypeVar("Result")

LARGE = 1 << 19  # pixels from which threads gain more than they cost, if nobody has asked for them
WORTH = 1 << 19  # and samples of a stage below which it is not shared: to hand work over takes 0.1 ms
MAX_THREADS = 64


def threads_for(wanted: int | None, pixels: int) -> int:
    """Return how many threads to use: those asked for; or all cores for a large picture, and one for a small.

    Raises
    ------
    TypeError, ValueError
        If `wanted` is no number from 1 to 64.
    """
    if wanted is not None:
        return checked_integer("threads", wanted, 1, MAX_THREADS)
    return min(usable_cores(), MAX_THREADS) if pixels >= LARGE else 1


def usable_cores() -> int:
    """Return how many cores this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def bands(rows: int, step: int, parts: int) -> list[range]:
    """Cut `rows` into at most `parts` ranges, about the same in length, all but the last multiples of `step`.

    Examples
    --------
    >>> bands(100, 16, 3)
    [range(0, 48), range(48, 80), range(80, 100)]
    """
    groups = -(-rows // step)
    parts = max(min(parts, groups), 1)
    edges = [*(-(-groups * part // parts) * step for part in range(parts)), rows]
    return [range(first, stop) for first, stop in pairwise(edges)]


def run_all(function: Callable[..., Result], items: Iterable[Any], threads: int) -> list[Result]:
    """Call a function with each item, on some threads; return the results in order."""
    items = list(items)
    if threads == 1 or len(items) < 2:
        return [function(item) for item in items]
    # This thread takes its share: to wake another one takes longer than to go on.
    others = [_pool(threads - 1).submit(function, item) for item in items[1:]]
    try:
        first = function(items[0])
    finally:
        wait(others)
    return [first, *(other.result() for other in others)]


@lru_cache(maxsize=4)
def _pool(workers: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(workers, thread_name_prefix="jpeg")


def after_fork() -> None:
    """Forget the pools: a child process has none of their threads."""
    _pool.cache_clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=after_fork)
