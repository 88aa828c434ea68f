"""How work is cut and handed out: `parallel`, without a picture."""

from __future__ import annotations

import threading
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jpeg_from_scratch import parallel
from jpeg_from_scratch.parallel import bands, run_all, shared_by, threads_for

BOUNDED = settings(derandomize=True, max_examples=300, deadline=None)


@BOUNDED
@given(rows=st.integers(1, 5000), step=st.integers(1, 70), parts=st.integers(1, 70))
def test_bands(rows: int, step: int, parts: int) -> None:
    """All rows, in order, once; as many bands as wanted and possible; whole steps, shared fairly."""
    cut = bands(rows, step, parts)
    assert [row for band in cut for row in band] == list(range(rows))
    assert all(len(band) > 0 for band in cut)
    assert all(band.start % step == 0 for band in cut)
    groups = -(-rows // step)
    assert len(cut) == min(parts, groups)
    sizes = [-(-len(band) // step) for band in cut]
    assert max(sizes) - min(sizes) <= 1


def test_threads_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """As many as wanted; else all cores for a large picture, up to a limit, and one for a small."""
    monkeypatch.setattr(parallel, "usable_cores", lambda: 6)
    assert [threads_for(wanted, pixels) for wanted in (1, 7, 64) for pixels in (1, 1 << 30)] == [
        *(1, 1),
        *(7, 7),
        *(64, 64),
    ]
    assert threads_for(None, parallel.LARGE - 1) == 1
    assert threads_for(None, parallel.LARGE) == 6
    monkeypatch.setattr(parallel, "usable_cores", lambda: 500)
    assert threads_for(None, 1 << 30) == parallel.MAX_THREADS


def test_shared_by() -> None:
    """As many as there are, if each has enough to do; never none."""
    share = parallel.SHARE
    assert [shared_by(3, samples) for samples in (0, share, 2 * share - 1, 2 * share)] == [1, 1, 1, 2]
    assert [shared_by(threads, 3 * share) for threads in (1, 2, 3, 64)] == [1, 2, 3, 3]


def test_usable_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    """At least one, also where a system does not say which cores a process may use, or how many there are."""
    assert parallel.usable_cores() >= 1
    monkeypatch.delattr("os.sched_getaffinity", raising=False)
    monkeypatch.setattr("os.cpu_count", lambda: 3)
    assert parallel.usable_cores() == 3
    monkeypatch.setattr("os.cpu_count", lambda: None)
    assert parallel.usable_cores() == 1


@pytest.mark.parametrize(
    ("wanted", "error"),
    [(0, ValueError), (65, ValueError), (-1, ValueError), (1.5, TypeError), ("2", TypeError)],
)
def test_wrong_numbers_of_threads(wanted: object, error: type[Exception]) -> None:
    """The message names the argument and its value."""
    with pytest.raises(error, match=f"threads={wanted!r}"):
        threads_for(wanted, 1)  # type: ignore[arg-type]


@pytest.mark.parametrize("threads", [1, 2, 3, 64])
@pytest.mark.parametrize("number", [0, 1, 2, 50])
def test_results_stand_in_order(number: int, threads: int) -> None:
    """Whoever is done first."""

    def late(item: int) -> int:
        time.sleep(0.001 * (item % 3))
        return item * item

    assert run_all(late, range(number), threads) == [item * item for item in range(number)]


def test_work_is_shared() -> None:
    """Three items are worked on at the same time: each waits for the two others."""
    meeting = threading.Barrier(3)
    numbers = run_all(lambda _: meeting.wait(timeout=60), range(3), 3)
    assert sorted(numbers) == [0, 1, 2]


def test_whoever_is_free_takes_the_next_item() -> None:
    """One item may last as long as all others together: here it waits for them."""
    others_done = threading.Event()
    done: list[int] = []

    def work(item: int) -> bool:
        if item == 0:
            return others_done.wait(timeout=60)
        done.append(item)
        if len(done) == 20:
            others_done.set()
        return True

    assert run_all(work, range(21), 2) == [True] * 21


def test_the_largest_first() -> None:
    """Items are begun by size, equal ones as they come; results stand as the items do."""
    begun: list[str] = []
    words = ["of", "the", "four", "a", "largest", "bits"]

    def work(word: str) -> str:
        begun.append(word)
        return word.upper()

    parallel_results = run_all(work, words, 2, size=len)
    assert parallel_results == [word.upper() for word in words]
    assert sorted(begun) == sorted(words)
    assert begun.index("largest") <= 1
    assert begun.index("a") >= len(words) - 2


@pytest.mark.parametrize("threads", [2, 3])
def test_work_within_work(threads: int) -> None:
    """All threads may share work of their own at the same time, and none waits for ever."""

    def inner(item: int) -> int:
        time.sleep(0.0005)
        return item

    def outer(item: int) -> int:
        return sum(run_all(inner, range(item), threads))

    assert run_all(outer, range(20), threads) == [item * (item - 1) // 2 for item in range(20)]


def test_one_thread_is_the_callers() -> None:
    """No pool is made for it, nor for a single item."""
    here = threading.get_ident()
    assert run_all(lambda _: threading.get_ident(), range(5), 1) == [here] * 5
    assert run_all(lambda _: threading.get_ident(), range(1), 9) == [here]


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_the_first_error_is_raised(threads: int) -> None:
    """That of the first item in order that fails, whichever thread is faster; and work goes on after it."""

    def failing(item: int) -> int:
        if item in (3, 6):
            time.sleep(0.01 * (item == 3))
            raise ValueError(f"item {item}")
        return item

    with pytest.raises(ValueError, match="item 3"):
        run_all(failing, range(9), threads)
    assert run_all(abs, range(9), threads) == list(range(9))


def test_many_different_numbers_of_threads() -> None:
    """Pools that are let go of finish their work, and their threads end."""
    for threads in range(2, 20):
        assert run_all(abs, range(40), threads) == list(range(40))
    deadline = time.monotonic() + 30
    while (alive := [t for t in threading.enumerate() if t.name.startswith("jpeg")]) and len(alive) > 80:
        assert time.monotonic() < deadline, f"{len(alive)} threads"
        time.sleep(0.01)
