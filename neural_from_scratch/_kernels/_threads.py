"""Two threads of Python that run kernels: each has work buffers of its own, and calls BLAS for itself alone.

A kernel that lets go of the interpreter (``nogil``) runs in a plain thread at full speed. One that
alternates between loops and matrix products, on a block of data that fits a cache, is best run as a whole
in each of several threads, with BLAS kept to one thread in each: BLAS's own threads would see only the
small products in the middle, and would wait for each other after every one of them.

A thread that is woken by another one often starts on that one's processor, where it waits: Linux moved it to
the idle one after as much as 40 ms, in which both together had been as fast as one alone. Therefore the
helping threads are told to keep off the processor that the caller is on.
"""

from __future__ import annotations

import ctypes
import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from functools import lru_cache
from typing import Any

import numpy as np
from numba import get_num_threads
from threadpoolctl import ThreadpoolController

__all__ = ["buffer", "run_all"]

LARGEST_KEPT = 1 << 24  # numbers in a work buffer that lives on after a call: 64 MiB of float32

_of_this_thread = threading.local()
_turn = threading.Lock()
_helpers: list[int] = []  # the system's numbers of the other threads
_kept_off: list[int] = []  # the processor that they keep off, and how many know


def run_all(function: Callable[[int], Any], count: int, blas: bool = True) -> None:
    """Call ``function(0)`` … ``function(count - 1)``, in any order and in as many threads as Numba has.

    What one call computes must not depend on which thread it runs in; then results do not depend on how many
    there are. An error in any of them is raised here, after all threads have come to rest. Functions that do
    not call BLAS are spared its limit with ``blas=False``.
    """
    workers = min(get_num_threads(), count)
    numbers = iter(range(count))

    def work() -> None:
        # `next` on a range's iterator is one step of the interpreter: no two threads get the same number.
        for number in numbers:
            function(number)

    # One at a time: BLAS has one limit for all callers, and two such calls would fight for the cores.
    with _turn, _blas().limit(limits=1) if blas else nullcontext():
        if workers > 1:
            _keep_apart()
        others = [_pool().submit(work) for _ in range(workers - 1)]
        try:
            work()
        finally:
            # Being woken takes about as long as what a helper still has to do, once nothing is left to take.
            while not all(other.done() for other in others):
                time.sleep(0)
            errors = [other.exception() for other in others]
    for error in errors:
        if error is not None:
            raise error


def buffer(name: str, size: int) -> np.ndarray:
    """Return this thread's work buffer of a name: `size` numbers of float32, whatever they are."""
    kept = _of_this_thread.__dict__.get(name)
    if kept is not None and kept.size >= size:
        return kept[:size]
    made = np.empty(size, np.float32)
    if size <= LARGEST_KEPT:
        _of_this_thread.__dict__[name] = made
    return made


@lru_cache(maxsize=1)
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(
        max_workers=max(get_num_threads(), 2) - 1,
        thread_name_prefix="kernels",
        initializer=lambda: _helpers.append(threading.get_native_id()),
    )


def _keep_apart() -> None:
    """Let the other threads run on all processors but this thread's. It may fail: then they run anywhere."""
    if (here := _processor()) is None or _kept_off == [here, len(_helpers)]:
        return
    others = os.sched_getaffinity(0) - {here}
    _kept_off[:] = here, len(_helpers)
    try:
        for helper in _helpers if others else ():
            os.sched_setaffinity(helper, others)
    except OSError:  # not allowed, or the thread is none of this process, after a fork
        pass


def _processor() -> int | None:
    if not hasattr(os, "sched_setaffinity") or (ask := _sched_getcpu()) is None:
        return None
    number = ask()
    return number if number >= 0 else None


@lru_cache(maxsize=1)
def _sched_getcpu() -> Any:
    return getattr(ctypes.PyDLL(None), "sched_getcpu", None)


@lru_cache(maxsize=1)
def _blas() -> Any:
    import scipy.linalg.cython_blas  # noqa: F401 – the library that Numba's products are in must be loaded

    return ThreadpoolController().select(user_api="blas")
