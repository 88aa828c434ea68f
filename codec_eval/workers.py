"""Many tasks on several processes, on a Dask cluster, or on any `concurrent.futures` executor.

`on_processes` and `on_executor` yield each task with its outcome as soon as it is there, in no fixed order.
An outcome is what the function returned, or the exception with which the task ended; nothing is lost. Only
so many tasks are handed out at a time as keep the workers busy, so that a sweep of a million points needs
no memory for a million futures.

A worker process may die: a codec written in C crashes, the system is out of memory. `concurrent.futures`
then gives up the whole pool, and cannot say which task it was. So the tasks under way are run again one by
one in a process of their own: the one that dies alone is the culprit. A Dask scheduler does likewise, and
gives a task up when three workers have died of it.
"""

from __future__ import annotations

import contextlib
import importlib
import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import (
    FIRST_COMPLETED,
    BrokenExecutor,
    CancelledError,
    Executor,
    Future,
    ProcessPoolExecutor,
    wait,
)
from typing import Any, TypeAlias, TypeVar

__all__ = ["available_processors", "dask_executor", "on_executor", "on_processes"]

Task = TypeVar("Task", bound=tuple[Any, ...])
Result = TypeVar("Result")
Outcomes: TypeAlias = Generator[tuple[Task, Result | BaseException], None, None]

_ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
_DASK_TIMEOUT = 30  # seconds, to reach the scheduler and for its first worker to appear


def available_processors() -> int:
    """Return how many processors this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on this system
        return os.cpu_count() or 1


def on_processes(
    function: Callable[..., Result], tasks: Iterable[Task], jobs: int, prepare: Callable[[], object]
) -> Outcomes[Task, Result]:
    """Run ``function(*task)`` for each task on a pool of processes.

    Parameters
    ----------
    function : callable
        At the top level of a module, as `prepare`: new processes import it.
    tasks : iterable of tuple
        The arguments.
    jobs : int
        How many processes. Each computes with one thread: BLAS and Numba are told so.
    prepare : callable
        Run once, in the first process, before the others start: compiles kernels into the cache on disk.
        What it raises is ignored.

    Yields
    ------
    task, outcome
        `ChildProcessError` for a task whose process died twice.

    Raises
    ------
    ChildProcessError
        If processes die before they get a task.
    """
    waiting = deque(tasks)
    first: Callable[[], object] | None = prepare
    while waiting:
        suspects = deque((yield from _until_one_dies(function, waiting, jobs, first)))
        first = None
        while suspects:
            for culprit in (yield from _until_one_dies(function, suspects, 1, None)):
                yield culprit, ChildProcessError("the process died, and again when this was all it had to do")


def on_executor(
    function: Callable[..., Result], tasks: Iterable[Task], executor: Executor, most_at_once: int = 1000
) -> Outcomes[Task, Result]:
    """Run ``function(*task)`` for each task on an executor of the caller's, which stays open.

    Raises
    ------
    ConnectionError
        If the executor breaks down or drops the tasks: a cluster that went away.
    """
    waiting = deque(tasks)
    running: dict[Future[Result], Task] = {}
    try:
        for task, outcome in _outcomes(executor, function, waiting, running, most_at_once):
            if isinstance(outcome, CancelledError):
                raise ConnectionError("the cluster went away, or dropped its tasks; what is measured is kept")
            yield task, outcome
    except BrokenExecutor as error:
        raise ConnectionError(f"the executor broke down: {error}") from error
    finally:
        for future in running:
            future.cancel()


@contextlib.contextmanager
def dask_executor(address: str, describe: Callable[[], object]) -> Iterator[Executor]:
    """Connect to a Dask cluster and give its executor.

    Parameters
    ----------
    address : str
        Of the scheduler, ``"tcp://host:8786"``.
    describe : callable
        Run here and on every worker: all must give the same, or the points would not be comparable.

    Raises
    ------
    ValueError
        If the package `distributed` is missing, or a worker describes itself otherwise.
    OSError
        If there is no scheduler at the address, or no worker at the scheduler.
    """
    try:
        distributed = importlib.import_module("distributed")
    except ModuleNotFoundError:
        raise ValueError("--dask needs the package distributed: pip install distributed") from None
    with distributed.Client(address, timeout=_DASK_TIMEOUT, set_as_default=False) as client:
        try:
            client.wait_for_workers(1, timeout=_DASK_TIMEOUT)
        except TimeoutError:
            raise OSError(f"the scheduler at {address} has no workers") from None
        here = describe()
        for worker, there in client.run(describe).items():
            if there != here:
                raise ValueError(f"worker {worker} would measure something else: {there}, and here {here}")
        executor = client.get_executor()
        try:
            yield executor
        finally:
            executor.shutdown(wait=False)


# --- inside -----------------------------------------------------------------------------------------


def _outcomes(
    executor: Executor,
    function: Callable[..., Result],
    waiting: deque[Task],
    running: dict[Future[Result], Task],
    most_at_once: int,
) -> Outcomes[Task, Result]:
    """Hand out, wait, yield. When this raises `BrokenExecutor`, `running` holds what had no outcome."""
    while waiting or running:
        while waiting and len(running) < most_at_once:
            running[executor.submit(function, *waiting[0])] = waiting[0]
            waiting.popleft()
        done, _ = wait(running, return_when=FIRST_COMPLETED)
        for future in done:
            outcome = _outcome(future)
            yield running.pop(future), outcome


def _outcome(future: Future[Result]) -> Result | BaseException:
    if future.cancelled():
        return CancelledError()
    error = future.exception()
    if isinstance(error, BrokenExecutor):
        raise error
    return future.result() if error is None else error


def _until_one_dies(
    function: Callable[..., Result], waiting: deque[Task], jobs: int, prepare: Callable[[], object] | None
) -> Generator[tuple[Task, Result | BaseException], None, list[Task]]:
    """Run tasks on a fresh pool; return those that were under way when a process died, [] at the end."""
    running: dict[Future[Result], Task] = {}
    with _process_pool(jobs) as pool:
        try:
            pool.submit(os.getpid).result()
        except BrokenExecutor:
            raise ChildProcessError(
                "worker processes die at once (a script that starts a sweep needs: if __name__ == '__main__')"
            ) from None
        try:
            if prepare is not None:
                with contextlib.suppress(Exception):  # if it breaks the pool, the tasks will tell why
                    pool.submit(prepare).result()
            # One process has one task: if it dies, the culprit is known.
            yield from _outcomes(pool, function, waiting, running, 1 if jobs == 1 else 2 * jobs)
        except BrokenExecutor:
            return list(running.values())
    return []


@contextlib.contextmanager
def _process_pool(jobs: int) -> Iterator[ProcessPoolExecutor]:
    """A pool whose processes end with this context, at once if it is left by an exception."""
    before = multiprocessing.active_children()
    spawn = multiprocessing.get_context("spawn")  # fork copies the locks of other threads, held or not
    with _one_thread_each():
        pool = _Pool(jobs, mp_context=spawn, initializer=_start_worker)
        try:
            yield pool
        except BaseException:
            for process in multiprocessing.active_children():
                if process not in before:
                    process.terminate()
            raise
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


class _Pool(ProcessPoolExecutor):
    """A pool whose processes are deaf to Ctrl-C from their first instruction on.

    A terminal sends it to every process of the group. One that is still importing, before `_start_worker`
    runs, would die of it and print a traceback. Processes are made in `submit`, and inherit what is blocked.
    """

    def submit(self, function: Callable[..., Any], /, *arguments: Any, **named: Any) -> Future[Any]:
        with _interrupts_held():
            return super().submit(function, *arguments, **named)


@contextlib.contextmanager
def _interrupts_held() -> Iterator[None]:
    """Let Ctrl-C wait until this context is left, where the system can do that."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextlib.contextmanager
def _one_thread_each() -> Iterator[None]:
    """The environment that new processes get: several processes with several threads each get in each
    other's way, and times of the codecs would depend on the number of processors.
    """
    before = {name: os.environ.get(name) for name in _ONE_THREAD}
    os.environ.update(dict.fromkeys(_ONE_THREAD, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _start_worker() -> None:
    """In a new process: Ctrl-C is the parent's business, and without the parent there is none."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_leave_with_parent, daemon=True).start()


def _leave_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
