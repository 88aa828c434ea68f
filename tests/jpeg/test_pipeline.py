"""Pictures made in strips, by threads that follow behind the decoder: the same pixels, warnings and errors.

Pictures here are small, so limits are lowered: strips of one row of MCUs, for any picture.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from itertools import permutations, product
from typing import Any

import jpeg_bad_files as bad_files
import jpeg_cases as cases
import jpeg_mutants as mutants
import jpeg_pictures as pictures
import jpeg_surgery as surgery
import numpy as np
import numpy.typing as npt
import pytest
from jpeg_cases import Tally

from jpeg_from_scratch import FormatError, decode, encode, pipeline, read
from jpeg_from_scratch.backend import get_backend

pytestmark = pytest.mark.both_backends

Array = npt.NDArray[Any]
Count = Callable[[str], None]

THREADS = (2, 3, 7)
SIZES = ((1, 1), (8, 9), (17, 40), (49, 16), (50, 70), (130, 33))
SUBSAMPLINGS = ("4:4:4", "4:4:0", "4:2:2", "4:2:0", "4:1:1", "4:1:0", *cases.EXPLICIT_FACTORS)


@pytest.fixture(autouse=True)
def _small_strips(monkeypatch: pytest.MonkeyPatch) -> None:
    cut_into(monkeypatch, 1)


def cut_into(monkeypatch: pytest.MonkeyPatch, rows: int) -> None:
    """Have pictures of any size cut into strips of so many rows of MCUs."""
    monkeypatch.setattr(pipeline, "WORTH", 1)
    monkeypatch.setattr(pipeline, "MOST", 1)
    monkeypatch.setattr(pipeline, "ROWS", rows)
    monkeypatch.setattr(pipeline, "SHARES", 1)


@pytest.fixture
def followed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return a list that has an entry, the number of threads, for each scan that threads follow."""
    calls: list[int] = []
    real = pipeline.make_while

    def noted(decode_scan: Callable[[], None], strips: Any, threads: int) -> Array:
        calls.append(threads)
        return real(decode_scan, strips, threads)

    monkeypatch.setattr(pipeline, "make_while", noted)
    return calls


# Sound files


def test_same_pixels(count: Count) -> None:
    """Every subsampling, restart markers or none, and threads or none, as the reference makes them."""
    tally = Tally("pipeline")
    for n, (size, subsampling) in enumerate(product(SIZES, SUBSAMPLINGS)):
        data = encode(pictures.piece(*size), subsampling=subsampling, restart_interval=3 * (n % 5 == 0))
        pixels = decode(data, backend="reference")
        for threads in (1, *THREADS):
            name = f"{size} {subsampling}, {threads} threads"
            tally.check(name, cases.attempt(partial(decode, data, threads=threads)), pixels)
    count(tally.line())
    assert not tally.different, tally.report()


@pytest.mark.parametrize("rows", [1, 2, 3, 4, 100])
def test_strips_of_any_height(rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """From a row to all of the picture: nothing is seen where they meet."""
    cut_into(monkeypatch, rows)
    for subsampling in ("4:4:4", "4:2:0", "4:4:0"):
        data = encode(pictures.piece(150, 45), subsampling=subsampling, quality=90)
        pixels = decode(data, backend="reference")
        for threads in (1, *THREADS):
            np.testing.assert_array_equal(decode(data, threads=threads), pixels)


@pytest.mark.parametrize("subsampling", ["4:4:4", "4:4:0", "4:2:0", ((1, 1), (2, 2), (2, 2))])
def test_strips_in_any_order(subsampling: Any) -> None:
    """They depend on coefficients only."""
    data = encode(pictures.piece(60, 50), subsampling=subsampling)
    jpeg = read(data)
    tables = [table.array() for table in jpeg.quantization_tables() if table is not None]
    make_strips = get_backend("fast").strips
    assert make_strips is not None
    pixels = decode(data, backend="reference")
    edges = (0, 1, 3, jpeg.frame.mcu_shape[0])
    for order in permutations(range(3)):
        strips = make_strips(jpeg.coefficients, tables, jpeg.frame, "YCbCr")
        assert strips is not None
        strips.image[:] = 99
        for k in order:
            strips.make(edges[k], edges[k + 1])
        np.testing.assert_array_equal(strips.image, pixels)


def other_files() -> Iterator[tuple[str, bytes]]:
    """Yield files that take the usual way: their scans, their components or their coders are others."""
    colour = pictures.piece(45, 52)
    yield "grey", encode(pictures.grey(colour))
    yield "CMYK", encode(pictures.four_inks(37, 42), color="CMYK")
    yield "restart markers", encode(colour, restart_interval=2)
    yield "progressive", encode(colour, progressive=True)
    yield "arithmetic", encode(colour, arithmetic=True)
    yield "lossless", encode(colour, lossless=True)
    yield "12 bits", encode(colour.astype(np.uint16) << 4, precision=12)
    yield "ratios of 3 : 2", encode(colour, subsampling=((3, 2), (2, 1), (1, 2)))
    yield "a scan for each component", encode(colour, subsampling=((4, 4), (1, 1), (1, 1)))
    yield "one column of blocks", encode(colour[:, :8], subsampling="4:4:4")


def test_which_files_are_followed(followed: list[int]) -> None:
    """Those whose only scan is sequential, with Huffman codes, of three components; by several threads."""
    data = encode(pictures.piece(45, 52))
    expected = decode(data, backend="reference")
    np.testing.assert_array_equal(decode(data, threads=1), expected)
    read(data)
    decode(data, threads=3, backend="reference")
    assert followed == []
    np.testing.assert_array_equal(decode(data, threads=3), expected)
    np.testing.assert_array_equal(decode(encode(pictures.piece(45, 52), optimize=True), threads=2), expected)
    assert followed == [3, 2]
    followed.clear()
    for name, other in other_files():
        pixels = decode(other, backend="reference")
        np.testing.assert_array_equal(decode(other, threads=3), pixels, err_msg=name)
        assert followed == [], name


def test_small_pictures_are_not_followed(followed: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor shared at all: to wake a thread takes longer."""
    data = encode(pictures.piece(40, 50))
    monkeypatch.setattr(pipeline, "WORTH", 40 * 50)
    decode(data, threads=2)
    assert followed == [2]
    monkeypatch.setattr(pipeline, "WORTH", 40 * 50 + 1)
    asked: list[int] = []
    run_all = pipeline.run_all

    def noted(function: Callable[..., Any], items: list[range], threads: int) -> list[Any]:
        asked.append(threads)
        return run_all(function, items, threads)

    monkeypatch.setattr(pipeline, "run_all", noted)
    decode(data, threads=2)
    assert (followed, asked) == ([2], [1])


def test_what_the_followers_made_is_the_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not made a second time."""
    data = encode(pictures.piece(45, 52))
    expected = decode(data, threads=1)
    monkeypatch.setattr(pipeline, "make", None)
    monkeypatch.setattr("jpeg_from_scratch.decoder.make", None)
    monkeypatch.setattr("jpeg_from_scratch.decoder.to_planes", None)
    np.testing.assert_array_equal(decode(data, threads=2), expected)
    with pytest.raises(TypeError):
        decode(data, threads=1)


@pytest.mark.parametrize("space", ["YCbCr", "RGB"])
def test_colours(space: str, followed: list[int]) -> None:
    """They are known before the scan."""
    data = encode(pictures.piece(45, 52), color=space)
    np.testing.assert_array_equal(decode(data, threads=2), decode(data, backend="reference"))
    assert followed == [2]


def test_b25_a_height_that_comes_after_the_scan(followed: list[int]) -> None:
    """A DNL segment is looked for before the scan is decoded."""
    data = encode(pictures.piece(45, 52))
    late = surgery.patched(data, surgery.SOF0, 1, 0, 0)
    late = late[:-2] + bytes.fromhex("FFDC 0004 002D") + late[-2:]
    np.testing.assert_array_equal(decode(late, threads=3), decode(data, threads=1))
    assert followed == [3]


# Damaged files


def outcome(data: bytes, strict: bool, threads: int) -> tuple[Any, ...]:
    """Return what comes of a file: pixels and information, or the error."""
    try:
        pixels, info = decode(data, strict=strict, info=True, threads=threads)
    except Exception as error:
        return type(error), str(error)
    return pixels.shape, pixels.tobytes(), info


def damaged_files() -> Iterator[tuple[str, bytes]]:
    """Yield files cut at many places, and with bytes changed."""
    files = {name: data for name, data in bad_files.sound_files().items() if name != "grey"}
    files["4:2:0, larger"] = encode(pictures.piece(90, 61))
    for n, (name, sound) in enumerate(files.items()):
        for length in range(len(sound) - 40, len(sound)):
            yield f"{name}, cut to {length}", sound[:length]
        for length in range(scan_start(sound), len(sound), 37):
            yield f"{name}, cut to {length}", sound[:length]
        for k, data in enumerate(mutants.of(sound, 40, seed=100 + n)):
            yield f"{name}, mutant {k}", data


def scan_start(sound: bytes) -> int:
    """Return where the entropy-coded data of a file are about to start."""
    return sound.index(bytes((0xFF, surgery.SOS)))


@pytest.mark.parametrize("strict", [True, False], ids=["strict", "lenient"])
def test_damaged_files(strict: bool, followed: list[int], count: Count) -> None:
    """The same pixels, warnings and counts, or the same error."""
    tried, read_on = 0, 0
    for name, data in damaged_files():
        expected = outcome(data, strict, 1)
        tried += 1
        read_on += len(expected) == 3
        for threads in (2, 7):
            assert outcome(data, strict, threads) == expected, f"{name}, {threads} threads"
    count(f"pipeline: damaged files, {'strict' if strict else 'lenient'}: {tried}, of which read {read_on}")
    assert 0 < read_on < tried
    assert len(followed) > tried / 2


@pytest.mark.parametrize("strict", [True, False], ids=["strict", "lenient"])
def test_a_second_scan(strict: bool, followed: list[int]) -> None:
    """Behind one that has all components: an error, and nobody sees the picture that was made."""
    parts, _ = surgery.split(encode(pictures.piece(45, 52)))
    twice = surgery.join([*parts[:-1], *parts[-2:]])
    with pytest.raises(FormatError, match="a second scan"):
        decode(twice, strict=strict, threads=2)
    assert followed == [2]


# Threads, without a picture


class FakeStrips:
    """Five rows that each take a while; what was made, by which thread, and whether it could be made yet."""

    def __init__(self, rows: int = 5, seconds: float = 0.0) -> None:
        self.rows, self.reach, self.seconds = rows, 1, seconds
        self.image = np.zeros((rows, 1, 3), np.uint8)
        self.complete_rows: Array = np.zeros(1, np.int64)
        self.made: list[int] = []
        self.threads: set[int] = set()
        self.one_is_made = threading.Event()
        self.begun: list[int] = []

    def complete(self) -> int:
        """How many rows are decoded."""
        return int(self.complete_rows[0])

    def make(self, first: int, stop: int) -> None:
        """Make rows; they and one below must be there."""
        self.begun += range(first, stop)
        assert self.complete() >= min(stop + 1, self.rows)
        time.sleep(self.seconds)
        self.made += range(first, stop)
        self.threads.add(threading.get_ident())
        self.one_is_made.set()


@pytest.mark.parametrize("threads", [2, 3, 7])
def test_rows_are_made_as_they_come(threads: int) -> None:
    """The first while the scan is being decoded, by another thread; each once its neighbours are there."""
    strips = FakeStrips()

    def decode_scan() -> None:
        strips.complete_rows[0] = 1
        assert not strips.one_is_made.wait(0.02)  # its lower neighbour is missing
        strips.complete_rows[0] = 2
        assert strips.one_is_made.wait(60)
        assert strips.made == [0]
        strips.complete_rows[0] = 5

    assert pipeline.make_while(decode_scan, strips, threads) is strips.image
    assert sorted(strips.made) == [0, 1, 2, 3, 4]
    assert strips.threads - {threading.get_ident()}


class Stop(BaseException):
    """Something like `KeyboardInterrupt`."""


@pytest.mark.parametrize("error", [ValueError, MemoryError, KeyboardInterrupt, Stop])
@pytest.mark.parametrize("threads", [2, 7])
def test_an_error_in_decoding(error: type[BaseException], threads: int) -> None:
    """It is raised when all threads are done, and they do not wait for rows that never come."""
    strips = FakeStrips(rows=50, seconds=0.01)

    def decode_scan() -> None:
        strips.complete_rows[0] = 30
        assert strips.one_is_made.wait(60)
        raise error

    with pytest.raises(error):
        pipeline.make_while(decode_scan, strips, threads)
    made = len(strips.made)
    assert made == len(strips.begun)
    assert 0 < made < 29
    time.sleep(0.03)
    assert len(strips.made) == made


@pytest.mark.parametrize("threads", [2, 7])
def test_an_error_in_a_follower(threads: int) -> None:
    """It is raised too."""
    strips = FakeStrips(rows=20)
    here = threading.get_ident()

    def failing(first: int, stop: int) -> None:
        strips.made.append(first)
        strips.one_is_made.set()
        if threading.get_ident() != here:
            raise MemoryError("no room for a strip")

    strips.make = failing  # type: ignore[method-assign]

    def decode_scan() -> None:
        strips.complete_rows[0] = 20
        assert strips.one_is_made.wait(60)

    with pytest.raises(MemoryError, match="no room for a strip"):
        pipeline.make_while(decode_scan, strips, threads)


def test_an_interrupt_while_this_thread_makes_strips() -> None:
    """The others end too."""
    strips = FakeStrips(rows=50, seconds=0.002)
    make, here = strips.make, threading.get_ident()

    def interrupted(first: int, stop: int) -> None:
        if threading.get_ident() == here:
            raise KeyboardInterrupt
        make(first, stop)

    strips.make = interrupted  # type: ignore[method-assign]

    def decode_scan() -> None:
        strips.complete_rows[0] = 50
        assert strips.one_is_made.wait(60)

    with pytest.raises(KeyboardInterrupt):
        pipeline.make_while(decode_scan, strips, 3)
    made = len(strips.made)
    assert made < 49
    time.sleep(0.02)
    assert len(strips.made) == made


def test_threads_that_are_busy_elsewhere() -> None:
    """This thread makes all, and does not wait for them."""
    release, strips = threading.Event(), FakeStrips()
    others = [pipeline.pool(2).submit(release.wait, 60) for _ in range(2)]
    try:
        pipeline.make_while(lambda: strips.complete_rows.fill(5), strips, 3)
        assert strips.made == [0, 1, 2, 3, 4]
        assert not any(other.done() for other in others)
    finally:
        release.set()


# What the decoder tells


@pytest.mark.parametrize("strict", [True, False], ids=["strict", "lenient"])
def test_rows_that_are_told_of_do_not_change(strict: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a file that ends early: those before the damage, or, lenient, all of them in the end."""
    told: list[int] = []
    kept: list[Any] = []

    def noted(decode_scan: Callable[[], None], strips: Any, threads: int) -> Array:
        kept.append(strips)
        try:
            decode_scan()
        finally:
            told.append(strips.complete())
        pipeline.run_all(lambda row: strips.make(row, row + 1), range(strips.rows), 1)
        return np.array(strips.image)

    sound = encode(pictures.piece(90, 61))
    pixels = decode(sound, threads=1)
    monkeypatch.setattr(pipeline, "make_while", noted)
    decode(sound, threads=2)
    assert told == [6]
    for length in range(scan_start(sound) + 20, len(sound), 50):
        cases.attempt(partial(decode, sound[:length], strict=strict, threads=2))
        if strict:
            rows = told[-1]
            for row in range(max(rows - 1, 0)):  # the last one looks at a row that is not there
                kept[-1].make(row, row + 1)
                np.testing.assert_array_equal(
                    kept[-1].image[16 * row : 16 * row + 16], pixels[16 * row :][:16]
                )
        else:
            assert told[-1] == 6
    if strict:
        assert set(told) == set(range(7))


def test_how_a_picture_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    """Into strips that fit the cache, several for each of some threads, and not thin ones."""
    monkeypatch.undo()

    def rows_of(height: int, width: int, rows: int, threads: int) -> list[int]:
        strips = FakeStrips(rows)
        strips.image = np.empty((height, width, 3), np.uint8)
        cut = pipeline.cut(strips, threads)
        assert [row for part in cut for row in part] == list(range(rows))
        return [len(part) for part in cut]

    assert rows_of(64, 64, 4, 1) == [4]
    assert rows_of(512, 768, 32, 1) == [10, 10, 10, 2]
    assert rows_of(512, 768, 32, 2) == [4] * 8
    assert rows_of(4096, 6144, 256, 2) == [6] * 42 + [4]
    assert rows_of(4096, 1024, 512, 2) == [16] * 32
