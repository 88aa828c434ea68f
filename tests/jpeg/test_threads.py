"""However many threads share the work, files, pixels, warnings and errors are the same.

Threads share rows of the picture, rows of blocks and MCUs of a scan: so sizes here are such that there are
fewer of them than threads, one more, or just as many, and edges fall at no round place.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from itertools import product
from typing import Any

import jpeg_bad_files as bad_files
import jpeg_cases as cases
import jpeg_mutants as mutants
import jpeg_pictures as pictures
import numpy as np
import numpy.typing as npt
import pytest
from jpeg_cases import Tally

from jpeg_from_scratch import decode, encode, parallel, read
from jpeg_from_scratch.backend import get_backend
from jpeg_from_scratch.huffman import HuffmanSpec
from jpeg_from_scratch.jpeg_data import HuffmanTable, HuffmanTables, JpegData
from jpeg_from_scratch.writer import optimize_tables, write_with

pytestmark = pytest.mark.both_backends

Array = npt.NDArray[Any]
Count = Callable[[str], None]
Options = dict[str, Any]

THREADS = (2, 3, 7, 64)
SIZES = ((1, 1), (8, 9), (17, 40), (49, 16), (50, 70), (130, 33), (3, 300))
SUBSAMPLINGS = ("4:4:4", "4:4:0", "4:2:2", "4:2:0", "4:1:1", "4:1:0", *cases.EXPLICIT_FACTORS)


@pytest.fixture(autouse=True)
def _share_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    """Share small pictures as if they were large."""
    monkeypatch.setattr(parallel, "SHARE", 1)


def baseline_cases() -> Iterator[tuple[Array, Options]]:
    """Yield pictures and options of the process in which most is shared."""
    for n, (size, subsampling) in enumerate(product(SIZES, SUBSAMPLINGS)):
        options: Options = {"subsampling": subsampling, "optimize": n % 2 == 1, "restart_interval": n % 5}
        yield pictures.piece(*size), options
    for size, optimize, restart_interval in product(SIZES, (False, True), (0, 1, 3, 11, 1000)):
        options = {"optimize": optimize, "restart_interval": restart_interval}
        yield pictures.grey(pictures.piece(*size)), options
        yield pictures.piece(*size), {**options, "color": "RGB"}
    for factors in cases.LARGE_FACTORS:  # a scan for each component
        yield pictures.piece(70, 50), {"subsampling": factors}
    for quality in (1, 50, 100):  # from blocks of a few bits to blocks of hundreds of bytes
        yield pictures.noise(70, 90), {"quality": quality}
        yield np.full((90, 130, 3), quality, np.uint8), {"quality": quality}


def other_cases() -> Iterator[tuple[Array, Options]]:
    """Yield pictures and options of other processes, colours and precisions."""
    colour, grey = pictures.piece(45, 52), pictures.grey(pictures.piece(61, 31))
    deep = grey.astype(np.uint16) << 4 | 5
    four = pictures.four_inks(37, 42)
    for progressive, arithmetic, r in product((False, True), (False, True), (0, 3)):
        options: Options = {"progressive": progressive, "arithmetic": arithmetic, "restart_interval": r}
        yield colour, options
        yield grey, options
        yield deep, {**options, "precision": 12}
        yield four, {**options, "color": "CMYK"}
        yield four, {**options, "color": "YCCK"}
    for arithmetic, predictor in product((False, True), (1, 4, 7)):
        options = {"lossless": True, "arithmetic": arithmetic, "predictor": predictor}
        yield colour, options
        yield deep << 4, options


@pytest.mark.parametrize("case_list", [baseline_cases, other_cases], ids=["baseline", "other processes"])
def test_same_files_and_pixels(
    case_list: Callable[[], Iterator[tuple[Array, Options]]], count: Count
) -> None:
    """Every kind of file, encoded and decoded by 2, 3, 7 and 64 threads, as by one."""
    tally = Tally(f"threads: {case_list.__name__.replace('_', ' ')}")
    for image, options in case_list():
        data = encode(image, threads=1, **options)
        pixels = decode(data, threads=1)
        for threads in THREADS:
            name = f"{image.shape} {options}, {threads} threads"
            tally.check(name, cases.attempt(partial(encode, image, threads=threads, **options)), data)
            tally.check(name, cases.attempt(partial(decode, data, threads=threads)), pixels)
    count(tally.line())
    assert not tally.different, tally.report()


def test_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a number, pictures from a limit on have as many threads as there are cores; others, one."""
    image = pictures.piece(200, 210)
    data, small = encode(image, threads=1), encode(image[:16, :16], threads=1)
    asked: list[int] = []
    monkeypatch.setattr(parallel, "LARGE", image.shape[0] * image.shape[1])
    monkeypatch.setattr(parallel, "usable_cores", lambda: asked.append(5) or 5)
    assert encode(image[:16, :16]) == small
    np.testing.assert_array_equal(decode(small), decode(small, threads=1))
    assert not asked
    assert encode(image) == data
    assert asked
    asked.clear()
    np.testing.assert_array_equal(decode(data), decode(data, threads=1))
    assert asked


def test_pictures_of_any_memory_order() -> None:
    """Bands of parts of pictures, and of pictures turned round."""
    image = pictures.piece(70, 90)
    for turned in (image[::-1], image[:, ::-1], image[::2, ::3], image.swapaxes(0, 1), image[..., ::-1]):
        assert encode(turned, threads=5) == encode(turned.copy(), threads=1)


@pytest.mark.parametrize(
    ("threads", "error"),
    [(0, ValueError), (65, ValueError), (-1, ValueError), (1.5, TypeError), ("2", TypeError)],
)
def test_wrong_numbers_of_threads(threads: Any, error: type[Exception]) -> None:
    """An error that names the argument, before a file is looked at."""
    with pytest.raises(error, match=f"threads={threads!r}"):
        encode(np.zeros((8, 8), np.uint8), threads=threads)
    with pytest.raises(error, match=f"threads={threads!r}"):
        decode(b"no file", threads=threads)


def test_numbers_of_threads_that_are_right() -> None:
    """None, and whatever is a whole number; the reference takes them too."""
    image = pictures.piece(20, 20)
    data = encode(image)
    for threads in (None, 64, np.int64(3), True):
        assert encode(image, threads=threads) == data
        np.testing.assert_array_equal(decode(data, threads=threads), decode(data))
    assert encode(image, threads=3, backend="reference") == data
    np.testing.assert_array_equal(decode(data, threads=3, backend="reference"), decode(data))


def test_stages_are_shared(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bands of a picture, and scans of a progressive file, are really worked on by several threads."""
    submitted: list[int] = []
    original = parallel.pool
    monkeypatch.setattr(parallel, "pool", lambda workers: submitted.append(workers) or original(workers))
    image = pictures.piece(130, 90)
    for options, stages in (({}, 2), ({"optimize": True}, 3), ({"progressive": True}, 3)):
        submitted.clear()
        encode(image, threads=2, **options)
        assert submitted == [1] * stages, options
    monkeypatch.setattr(parallel, "SHARE", 1 << 18)
    submitted.clear()
    encode(image, threads=2)
    assert not submitted


# Damaged data


def outcome(data: bytes, strict: bool, threads: int) -> tuple[Any, ...]:
    """Return what comes of a file: pixels and information, or the error."""
    try:
        pixels, info = decode(data, strict=strict, info=True, threads=threads)
    except Exception as error:
        return type(error), str(error)
    return pixels.shape, pixels.tobytes(), info


@pytest.mark.parametrize("strict", [True, False], ids=["strict", "lenient"])
def test_damaged_files(strict: bool, count: Count) -> None:
    """Files cut, and with bytes changed: the same pixels, warnings and counts, or the same error."""
    tried, read_on = 0, 0
    for n, (name, sound) in enumerate(bad_files.sound_files().items()):
        damaged = [sound[: len(sound) * k // 5] for k in (3, 4)]
        damaged += mutants.of(sound, 12, seed=n)
        for number, data in enumerate(damaged):
            expected = outcome(data, strict, 1)
            tried += 1
            read_on += len(expected) == 3
            for threads in (2, 7):
                assert outcome(data, strict, threads) == expected, f"{name}, {number}, {threads} threads"
    count(f"threads: damaged files, {'strict' if strict else 'lenient'}: {tried}, of which read {read_on}")
    assert 0 < read_on < tried


# Coefficients without a code


def error_of(function: Callable[[], Any]) -> str:
    """Return the message of the `ValueError` that a function raises."""
    with pytest.raises(ValueError) as caught:
        function()
    return str(caught.value)


def coefficients_of_a_picture(restart_interval: int) -> JpegData:
    """Return something to change; four rows of five MCUs."""
    return read(encode(pictures.piece(64, 80), restart_interval=restart_interval))


@pytest.mark.parametrize("restart_interval", [0, 3])
@pytest.mark.parametrize("places", [[(0, 0)], [(7, 9)], [(3, 5), (7, 0)], [(1, 1), (4, 4), (7, 9)]])
def test_coefficients_that_the_table_has_no_code_for(
    places: list[tuple[int, int]], restart_interval: int
) -> None:
    """Of several, the first in the order of the scan is told of, whichever thread is there first."""
    data = coefficients_of_a_picture(restart_interval)
    for n, (row, column) in enumerate(places):
        data.coefficients[0][row, column] = 0
        data.coefficients[0][row, column, 0, 1 + 2 * n] = 1500
    kept = error_of(partial(write_with, data, get_backend("reference")))
    assert kept == "the AC table of component 0 of the scan has no code for symbol X'0B'"
    for threads in (1, *THREADS):
        assert error_of(partial(write_with, data, get_backend("fast", threads))) == kept, f"{threads} threads"


@pytest.mark.parametrize("restart_interval", [0, 3])
@pytest.mark.parametrize("place", [(0, 0), (7, 9), (3, 5)])
def test_a_coefficient_too_large(place: tuple[int, int], restart_interval: int) -> None:
    """−32768 is the only number of 16 bits that no code exists for; both who code and who count say so."""
    data = coefficients_of_a_picture(restart_interval)
    data.coefficients[0][*place, 2, 3] = -32768
    for threads in (1, *THREADS):
        for function in (write_with, optimize_tables):
            kept = error_of(partial(function, data, get_backend("fast", threads)))
            assert kept == "a coefficient or DC difference of -32768, codes exist up to ±32767"


@pytest.mark.parametrize("restart_interval", [0, 3])
def test_a_dc_difference_too_large(restart_interval: int) -> None:
    """Each thread knows the DC coefficient before its first block, or that a restart forgets it.

    DC of a row goes from −1500 to 1500 somewhere, too much for the table.
    """
    missing = 0
    for column in range(10):
        data = coefficients_of_a_picture(restart_interval)
        for blocks in data.coefficients:
            blocks[..., 0, 0] = 0
        data.coefficients[0][4:6, column, 0, 0] = -1500
        data.coefficients[0][4:6, column + 1 :, 0, 0] = 1500
        results = [
            cases.attempt(partial(write_with, data, get_backend("fast", threads)))
            for threads in (1, *THREADS)
        ]
        expected = cases.attempt(partial(write_with, data, get_backend("reference")))
        assert {str(result) for result in results} == {str(expected)}, f"column {column}"
        missing += "no code for symbol X'0C'" in str(expected)
    assert 0 < missing < 10


@pytest.mark.parametrize("restart_interval", [0, 3])
def test_a_missing_code(restart_interval: int) -> None:
    """A table without the code of a symbol that comes up in the midst of the scan."""
    data = coefficients_of_a_picture(restart_interval)
    for blocks in data.coefficients:
        blocks[...] = 0
    for row, column in ((5, 3), (7, 7)):
        data.coefficients[0][row, column, 0, 1] = row
    poor = HuffmanSpec((1, 1) + (0,) * 14, (0x00, 0x01))
    typical = HuffmanSpec.typical_dc()[0]
    tables = [HuffmanTable(0, n, typical) for n in (0, 1)] + [HuffmanTable(1, n, poor) for n in (0, 1)]
    first = next(i for i, segment in enumerate(data.segments) if isinstance(segment, HuffmanTables))
    segments = [segment for segment in data.segments if not isinstance(segment, HuffmanTables)]
    data = replace(data, segments=[*segments[:first], HuffmanTables(tuple(tables)), *segments[first:]])
    kept = error_of(partial(write_with, data, get_backend("reference")))
    assert kept == "the AC table of component 0 of the scan has no code for symbol X'03'"
    for threads in (1, *THREADS):
        assert error_of(partial(write_with, data, get_backend("fast", threads))) == kept


def test_after_an_error_the_next_picture_is_sound() -> None:
    """Threads that were at work when another failed do no harm to what comes next."""
    data = coefficients_of_a_picture(0)
    sound = write_with(data, get_backend("fast"))
    data.coefficients[0][0, 0, 5, 5] = 3000
    for _ in range(20):
        error_of(partial(write_with, data, get_backend("fast", 7)))
        assert write_with(read(sound), get_backend("fast", 7)) == sound


# Callers that have threads and processes of their own


def test_several_threads_of_the_caller() -> None:
    """Two and more may encode and decode at the same time, each with threads."""
    images = [pictures.piece(60 + n, 90) for n in range(4)]
    expected = [encode(image, threads=1) for image in images]

    def work(n: int) -> bool:
        data = encode(images[n % 4], threads=1 + n % 5)
        pixels = decode(data, threads=1 + (n + 2) % 5)
        return data == expected[n % 4] and np.array_equal(pixels, decode(data, threads=1))

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(work, range(80)))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forked_child() -> None:
    """A child has none of its parent's threads, and starts its own."""
    image = pictures.piece(70, 90)
    data = encode(image, threads=4)
    pixels = decode(data, threads=4)
    child = os.fork()
    if child == 0:
        signal.alarm(60)  # should it wait for threads that it does not have
        status = 1
        try:
            again = encode(image, threads=4)
            status = 0 if again == data and np.array_equal(decode(again, threads=4), pixels) else 2
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert encode(image, threads=4) == data


def test_restarts_are_parts_of_their_own() -> None:
    """A marker between any two parts, whoever wrote them, and none at the end: 20 MCUs make 7 intervals."""
    image = pictures.piece(64, 80)
    data = encode(image, restart_interval=3, threads=7)
    markers = [data[i + 1] for i in range(len(data) - 1) if data[i] == 0xFF and 0xD0 <= data[i + 1] <= 0xD7]
    assert markers == [0xD0 + n % 8 for n in range(6)]
