"""Threads: which pictures are worth them, and how work is handed out.

Kernels run without the interpreter's lock, so that threads of one process share the work, and no picture has
to be copied. A picture is cut into bands of whole rows of MCUs, which depend on nothing outside of them; the
result is the same to the last bit, however many threads there are.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from itertools import pairwise
from queue import SimpleQueue
from typing import Any, TypeVar

from .arguments import checked_integer

__all__ = ["bands", "pool", "run_all", "shared_by", "threads_for"]

Result = TypeVar("Result")

LARGE = 1 << 18  # pixels from which a picture is shared, if nobody has asked for it
SHARE = 1 << 18  # samples that a thread must find to do in a stage: to wake it takes 0.1 ms
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


def shared_by(threads: int, samples: int) -> int:
    """Return how many of some threads a stage of so many samples is worth."""
    return max(min(threads, samples // SHARE), 1)


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


def run_all(
    function: Callable[..., Result],
    items: Iterable[Any],
    threads: int,
    size: Callable[[Any], float] | None = None,
) -> list[Result]:
    """Call a function with each item, on some threads; return the results in order.

    Each thread takes the next item when it is done with one, this one too: to wake another takes longer than
    to begin. Items of a large `size`, if that is given, are begun first, so that none is left for the end. A
    thread that wakes when nothing is left has nobody waiting for it; so a function that is called may itself
    call `run_all`: at worst it does everything alone.

    Raises
    ------
    Exception
        What the first item in order raised, after all have been worked on.
    """
    items = list(items)
    if threads == 1 or len(items) < 2:
        return [function(item) for item in items]
    numbered = list(enumerate(items))
    if size is not None:
        numbered.sort(key=lambda pair: -size(pair[1]))
    waiting = deque(numbered)
    done: SimpleQueue[tuple[int, Result | None, BaseException | None]] = SimpleQueue()

    def work() -> None:
        while waiting:
            try:
                number, item = waiting.popleft()
            except IndexError:  # another thread was faster
                return
            try:
                done.put((number, function(item), None))
            except BaseException as error:
                done.put((number, None, error))

    for _ in range(min(threads, len(items)) - 1):
        pool(threads - 1).submit(work)
    work()
    results: list[Any] = [None] * len(items)
    errors: dict[int, BaseException] = {}
    for _ in items:
        number, results[number], error = done.get()
        if error is not None:
            errors[number] = error
    if errors:
        raise errors[min(errors)]
    return results


@lru_cache(maxsize=4)
def pool(workers: int) -> ThreadPoolExecutor:
    """Return threads that wait for work: first come, first served."""
    return ThreadPoolExecutor(workers, thread_name_prefix="jpeg")


def after_fork() -> None:
    """Forget the pools: a child process has none of their threads."""
    pool.cache_clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=after_fork)
