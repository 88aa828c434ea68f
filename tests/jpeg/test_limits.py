"""What a file may cost: limits hold before anything is paid for, and work is bounded by them and by the file.

The files here are small and ask for much: huge pictures, floods of scans and segments, and arrangements for
which a careless decoder looks at the same bytes again and again.
"""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from functools import cache, partial
from typing import Any

import jpeg_bad_files as bad_files
import jpeg_corpus as corpus
import jpeg_judge as judge
import jpeg_peers as peers
import jpeg_pictures as pictures
import jpeg_surgery as surgery
import numpy as np
import pytest
from jpeg_surgery import COM, DRI, SOF0, SOI, SOS

from jpeg_from_scratch import FormatError, JpegError, LimitError, decode, encode, read
from jpeg_from_scratch.reader import memory_estimate

DNL = 0xDC
PROCESSES = (0xC0, 0xC1, 0xC2, 0xC3, 0xC9, 0xCA, 0xCB)
LAST = {0xC2: (0, 0, 0), 0xCA: (0, 0, 0), 0xC3: (1, 0, 0), 0xCB: (1, 0, 0)}  # Ss, Se, Ah and Al of a scan


def tiny_file(height: int, width: int, components: int = 3, marker: int = SOF0, more: bytes = b"") -> bytes:
    """Return a file of less than 200 bytes that declares a picture of any size."""
    identifiers = range(1, components + 1)
    frame = surgery.sof(height, width, [(i, 1, 1, 0) for i in identifiers], marker)
    scan = surgery.sos([(i, 0, 0) for i in identifiers], bytes(8), LAST.get(marker, (0, 63, 0)))
    tables = [surgery.dqt([1] * 64), frame, bad_files.SIMPLE_DC, bad_files.SIMPLE_AC]
    return surgery.join([surgery.Part(SOI), *tables, scan]) + more + b"\xff\xd9"


def cost(function: Callable[[], Any]) -> tuple[Any, float, int]:
    """Return what a function returns or raises, the seconds it took, and the peak of memory."""
    tracemalloc.start()
    try:
        result, seconds = corpus.timed(function)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    return result, seconds, peak


# Huge pictures in small files


@pytest.mark.parametrize("strict", [True, False])
@pytest.mark.parametrize("marker", PROCESSES)
@pytest.mark.parametrize("shape", [(65500, 65500), (65535, 65535), (16385, 16384)])
def test_tiny_file_of_a_huge_picture(shape: tuple[int, int], marker: int, strict: bool, backend: str) -> None:
    """More than 2^28 pixels declared in 200 bytes: refused at once, with hardly any memory."""
    decode(bad_files.sound_files()["grey"], backend=backend)  # what is loaded once is not counted
    data = tiny_file(*shape, marker=marker)
    result, seconds, peak = cost(partial(decode, data, strict=strict, backend=backend))
    assert isinstance(result, LimitError), corpus.shown(result)
    if shape[0] <= 65500:
        assert (result.limit, result.value) == ("max_pixels", shape[0] * shape[1])
        assert result.allowed == 2**28
    else:
        assert (result.limit, result.value, result.allowed) == ("max_dimension", 65535, 65500)
    assert seconds < 2
    assert peak < 2**20, f"{peak:,} bytes"


@pytest.mark.big
@pytest.mark.parametrize("components", [1, 3])
@pytest.mark.parametrize("marker", PROCESSES)
def test_tiny_file_within_the_limits(components: int, marker: int, quick_backend: str) -> None:
    """A large picture that is allowed, in 200 bytes: its data end early, and that is found soon."""
    data = tiny_file(2000, 3500, components, marker)
    result, seconds = corpus.timed(partial(decode, data, backend=quick_backend))
    if marker not in (0xC9, 0xCA, 0xCB):  # arithmetic codes may end in zeros that are not sent
        assert isinstance(result, FormatError), corpus.shown(result)
        assert seconds < 2
    assert isinstance(result, FormatError | np.ndarray)
    assert seconds < 9
    result, seconds = corpus.timed(partial(decode, data, strict=False, backend=quick_backend))
    assert result.shape[:2] == (2000, 3500)
    assert seconds < 9


# Each limit


def test_max_pixels(backend: str) -> None:
    """One pixel too many, and just enough."""
    data = bad_files.sound_files()["4:2:0"]
    pixels = bad_files.HEIGHT * bad_files.WIDTH
    with pytest.raises(LimitError) as caught:
        decode(data, max_pixels=pixels - 1, backend=backend)
    error = caught.value
    assert (error.limit, error.value, error.allowed) == ("max_pixels", pixels, pixels - 1)
    assert decode(data, max_pixels=pixels, backend=backend).shape[:2] == (bad_files.HEIGHT, bad_files.WIDTH)


def test_max_scans(backend: str) -> None:
    """One scan too many, and just enough."""
    data = bad_files.sound_files()["three scans"]
    with pytest.raises(LimitError) as caught:
        decode(data, max_scans=2, backend=backend)
    assert (caught.value.limit, caught.value.value, caught.value.allowed) == ("max_scans", 3, 2)
    decode(data, max_scans=3, backend=backend)


def test_max_memory(backend: str) -> None:
    """Memory is counted before it is taken."""
    data = peers.pillow_encode(pictures.synthetic(400, 600))
    decode(data, backend=backend)
    result, _, peak = cost(partial(decode, data, max_memory=500_000, backend=backend))
    assert isinstance(result, LimitError), corpus.shown(result)
    assert (result.limit, result.allowed) == ("max_memory", 500_000)
    assert result.value > 500_000
    assert peak < 500_000
    assert decode(data, max_memory=result.value, backend=backend).shape == (400, 600, 3)


def test_max_memory_by_default(backend: str) -> None:
    """268 million pixels of three components fit into `max_pixels`, but not into `max_memory`."""
    result, seconds = corpus.timed(partial(decode, tiny_file(16384, 16384), backend=backend))
    assert isinstance(result, LimitError), corpus.shown(result)
    assert result.limit == "max_memory"
    assert result.value > result.allowed == 2**31
    assert seconds < 2


def kinds_of_pictures() -> dict[str, bytes]:
    """Return a file of each kind, large enough that what is loaded once does not matter."""
    colour = pictures.synthetic(800, 1200)
    grey = pictures.grey(colour)
    deep = grey.astype(np.uint16) << 4
    progressive = encode(colour, progressive=True)
    return {
        "4:2:0": encode(colour),
        "4:4:4": encode(colour, subsampling="4:4:4"),
        "colour finer than brightness": encode(colour, subsampling=((1, 1), (2, 2), (2, 2))),
        "grey": encode(grey),
        "progressive": progressive,
        "progressive, smoothed": progressive[: len(progressive) // 3],
        "arithmetic": encode(colour, arithmetic=True),
        "12 bit": encode(np.dstack([deep] * 3), precision=12),
        "CMYK": encode(np.dstack([colour, grey]), color="CMYK"),
        "YCCK": encode(np.dstack([colour, grey]), color="YCCK"),
        "lossless": encode(colour, lossless=True),
        "lossless, 16 bit": encode(deep << 4, lossless=True, precision=16),
        "lossless arithmetic": encode(grey, lossless=True, arithmetic=True),
    }


@pytest.mark.big
def test_no_more_memory_than_estimated(quick_backend: str) -> None:
    """`memory_estimate`, which `max_memory` is compared with, is an upper bound for every kind of file."""
    for name, data in kinds_of_pictures().items():
        run = partial(decode, data, strict=False, cmyk="inverted", backend=quick_backend)
        run()
        _, _, peak = cost(run)
        estimate = memory_estimate(read(data, strict=False).frame)
        assert peak < estimate + 5_000_000, f"{name}: {peak:,} bytes, estimated {estimate:,}"
        assert peak > estimate / 4, f"{name}: {peak:,} bytes, estimated {estimate:,}"


def test_limits_hold_for_read_too() -> None:
    """`read` makes no pixels, but takes the memory of coefficients."""
    data = tiny_file(65500, 4000)
    for limits in ({"max_pixels": 10**6}, {"max_memory": 10**6}):
        result, _, peak = cost(partial(read, data, **limits))
        assert isinstance(result, LimitError), corpus.shown(result)
        assert peak < 2**20


# DNL


def dnl(lines: int) -> bytes:
    """Return a DNL segment."""
    return bytes(surgery.Part(DNL, lines.to_bytes(2)))


def test_b25_lies_in_a_dnl_segment(backend: str) -> None:
    """The height that comes later is limited as one in the frame header is, before memory is taken."""
    options: dict[str, Any] = {"backend": backend, "strict": False}
    decode(tiny_file(0, 8, 1, more=dnl(8)), **options)
    for lines, limit in ((65535, "max_dimension"), (65500, "max_pixels")):
        data = tiny_file(0, 65500, 1, more=dnl(lines))
        result, seconds, peak = cost(partial(decode, data, **options))
        assert isinstance(result, LimitError), corpus.shown(result)
        assert result.limit == limit
        assert seconds < 2
        assert peak < 2**20
    data = tiny_file(0, 65500, 1, more=dnl(4000))
    result, _, peak = cost(partial(decode, data, max_memory=10**6, **options))
    assert getattr(result, "limit", "") == "max_memory"
    assert peak < 2**20
    pixels = decode(tiny_file(0, 8, 1, more=dnl(3000)), **options)
    assert pixels.shape == (3000, 8)
    for wrong in (b"", dnl(0), b"\xff\xdc\x00\x05\x00\x00\x08", b"\xff\xdc\x00"):
        with pytest.raises(FormatError, match="no DNL segment"):
            decode(tiny_file(0, 8, 1, more=wrong), **options)


# Floods and traps: strict and lenient within 2 s, one more for each megapixel, and one for each megabyte


def joined(frame: surgery.Part, *parts: bytes, ac: surgery.Part = bad_files.SIMPLE_AC) -> bytes:
    """Return a file of a frame, tables in which a zero byte holds four blocks, and what follows."""
    tables = [surgery.Part(SOI), surgery.dqt([1] * 64), frame, bad_files.SIMPLE_DC, ac]
    return surgery.join(tables) + b"".join(parts) + b"\xff\xd9"


def one(height: int, width: int, marker: int = SOF0) -> surgery.Part:
    """Return a frame header of one component."""
    return surgery.sof(height, width, [(1, 1, 1, 0)], marker)


def two(height: int, width: int, marker: int = SOF0) -> surgery.Part:
    """Return a frame header of two components, which scans may send one at a time."""
    return surgery.sof(height, width, [(1, 1, 1, 0), (2, 1, 1, 0)], marker)


def scan(data: bytes, last: tuple[int, int, int] = (0, 63, 0), component: int = 1) -> bytes:
    """Return a scan of one component."""
    return bytes(surgery.sos([(component, 0, 0)], data, last))


def comment(length: int = 0) -> bytes:
    """Return a COM segment."""
    return bytes(surgery.Part(COM, bytes(length)))


RESTART_1 = bytes(surgery.Part(DRI, b"\0\1"))
BLOCK = b"\x3f"  # a DC difference of category 0, EOB, and padding bits
JFIF_2 = bytes(surgery.Part(0xE0, b"JFIF\0\2" + bytes(8)))
LONGEST_RUN = surgery.dht(1, 0, [1], [0xE0])  # the code 0 stands for an EOB run of 16384 blocks and more


@cache
def traps() -> dict[str, bytes]:
    """Return files by the trap they set."""
    numbers = range(50_000)
    wrong = b"".join(BLOCK + bytes([0xFF, 0xD0 + (m + 4) % 8]) for m in numbers)
    ahead = b"".join(BLOCK + bytes([0xFF, 0xD0 + (3 * m + 1) % 8]) for m in numbers)
    junk = b"".join(BLOCK * 2 + bytes([0xFF, 0xD0 + m % 8]) for m in numbers)
    part_of_icc = b"ICC_PROFILE\0%c\xff" + bytes(50)
    icc = b"".join(bytes(surgery.Part(0xE2, part_of_icc % (1 + i % 255))) for i in range(30_000))
    more = comment(65000) * 99
    made = {
        "restart markers with the wrong number": joined(one(1800, 1800), RESTART_1, scan(wrong)),
        "restart markers ahead": joined(one(1800, 1800), RESTART_1, scan(ahead)),
        "bytes before each restart marker": joined(one(1800, 1800), RESTART_1, scan(junk)),
        "markers that do not exist": joined(one(1800, 1800), RESTART_1, scan((BLOCK + b"\xff\x02") * 10**5)),
        "no restart markers": joined(one(1800, 1800), RESTART_1, scan(BLOCK * 10**6)),
        "bits that are no code": joined(one(1800, 1800), scan(b"\x7f\xfe\xfd" * 10**5)),
        "comments, then scans": joined(two(8, 8), comment() * 10**5, scan(BLOCK) * 990),
        "scans before much": joined(two(8, 8), scan(BLOCK) * 990, scan(BLOCK, component=2), more),
        "a progressive scan before much": joined(
            one(8, 8, 0xC2), scan(BLOCK, (0, 0, 0)), scan(BLOCK, (1, 63, 0)) * 990, more
        ),
        "tables": joined(one(8, 8), bytes(bad_files.SIMPLE_AC) * 50_000, scan(BLOCK)),
        "JFIF segments": joined(one(8, 8), JFIF_2 * 50_000, scan(BLOCK)),
        "parts of an ICC profile": joined(one(8, 8), icc, scan(BLOCK)),
        "fill bytes": joined(one(8, 8), b"\xff" * 10**6, scan(BLOCK)),
        "stuffed zeros between segments": joined(one(8, 8), b"\xff\x00" * 10**6, scan(BLOCK)),
        "long runs": joined(
            one(1024, 1024, 0xC2),
            scan(b"\0" * 4096, (0, 0, 0)),
            scan(b"\x7f\xff\0", (1, 63, 0)) * 990,
            ac=LONGEST_RUN,
        ),
        "long runs of corrections": joined(
            one(1024, 1024, 0xC2),
            scan(b"\0" * 4096, (0, 0, 0)),
            scan(b"\x7f\xff\0", (1, 63, 0x21)) * 990,
            ac=LONGEST_RUN,
        ),
    }
    for marker in PROCESSES[1:]:
        last = LAST.get(marker, (0, 63, 0))
        again = scan(b"\x7f", last) * 990 + scan(b"\x7f", last, component=2)
        made[f"a scan sent again and again, SOF{marker - 0xC0}"] = joined(two(1024, 1024, marker), again)
    return made


@pytest.mark.big
@pytest.mark.parametrize("name", traps())
def test_traps(name: str, quick_backend: str) -> None:
    """Each ends in a picture or a `JpegError` in time."""
    data = traps()[name]
    allowed = judge.seconds_allowed(data) + len(data) / 10**6
    for strict in (True, False):
        run = partial(decode, data, strict=strict, backend=quick_backend)
        result, seconds = corpus.timed(run)
        if seconds > allowed:  # a kernel was compiled, or the machine is busy
            seconds = corpus.timed(run)[1]
        assert isinstance(result, JpegError | np.ndarray), corpus.shown(result)
        assert seconds < allowed, f"strict={strict}: {seconds:.1f} s, {corpus.shown(result)}"


@pytest.mark.parametrize("marker", [0xC0, 0xC2])
def test_flood_of_scans(marker: int, quick_backend: str) -> None:
    """Ten thousand scans stop at the limit, soon."""
    last = LAST.get(marker, (0, 63, 0))
    flood = joined(two(64, 64, marker), scan(b"\0" * 16, last) * 10_000)
    for strict in (True, False):
        result, seconds = corpus.timed(partial(decode, flood, strict=strict, backend=quick_backend))
        assert isinstance(result, JpegError), corpus.shown(result)
        assert seconds < 3


@pytest.mark.parametrize("interval", [1, 2, 65535])
def test_every_restart_interval(interval: int, backend: str) -> None:
    """The longest interval and the shortest, in a row of 65500 columns."""
    blocks = -(-65500 // 8)
    segments = -(-blocks // interval)
    pieces = [BLOCK if interval == 1 else b"\0" * -(-2 * min(interval, blocks) // 8)] * segments
    data = b"".join(piece + bytes([0xFF, 0xD0 + m % 8]) for m, piece in enumerate(pieces))[:-2]
    file = joined(one(1, 65500), bytes(surgery.Part(DRI, interval.to_bytes(2))), scan(data))
    pixels, info = decode(file, strict=False, info=True, backend=backend)
    assert pixels.shape == (1, 65500)
    assert (pixels == 128).all()
    assert info.mcus_decoded == blocks


def test_a_file_of_a_valid_number_of_scans(quick_backend: str) -> None:
    """255 scans and more are legal (B.2.3), and allowed by default."""
    script = [((0,), 0, 0, 0, 0), *(((0,), k, k, 0, 4) for k in range(1, 64))]
    script += [((0,), k, k, high, high - 1) for k in range(1, 64) for high in (4, 3, 2, 1)]
    image = pictures.grey(pictures.synthetic(16, 16))
    data = encode(image, scans=script, progressive=True, backend=quick_backend)
    assert len(surgery.having(data, SOS)) == 1 + 63 * 5
    np.testing.assert_array_equal(decode(data, backend=quick_backend), decode(encode(image)))
