"""``strict=False``: what libjpeg-turbo makes of damaged files, to the last sample, and what is told of it.

`test_corpus` compares the damaged files of the corpus, `test_fuzz` mutants; here are cuts at every byte, and
restart markers that are missing, doubled or wrong, whose consequences can be worked out by hand.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from functools import cache, partial
from typing import Any

import jpeg_cases as cases
import jpeg_pictures as pictures
import jpeg_surgery as surgery
import numpy as np
import numpy.typing as npt
import pytest
from jpeg_cases import Tally
from jpeg_surgery import COM, DRI, EOI, SOI
from PIL import Image, ImageFile

from jpeg_from_scratch import FormatError, decode, encode

Count = Callable[[str], None]
Picture = npt.NDArray[Any]

GREY = 128


@cache
def small_files() -> dict[str, bytes]:
    """Return a small file of each process and of some arrangements, by name."""
    colour = pictures.synthetic(24, 40, seed=5)
    grey = pictures.grey(colour)
    deep = grey.astype(np.uint16) << 4 | 5
    cmyk = np.dstack([colour, grey[::-1]])
    return {
        "grey": encode(grey, 60),
        "4:2:0": encode(colour, 60),
        "4:1:0, restarts": encode(colour, 60, subsampling="4:1:0", restart_interval=1),
        "three scans": encode(colour, 60, scans=[(0,), (1,), (2,)]),
        "CMYK": encode(cmyk, 40, color="CMYK"),
        "12 bit": encode(deep, 60, precision=12),
        "progressive": encode(colour, 60, progressive=True),
        "progressive, restarts": encode(grey, 60, progressive=True, restart_interval=4),
        "progressive, 12 bit": encode(deep[:16, :16], 60, precision=12, progressive=True),
        "arithmetic": encode(colour, 60, arithmetic=True),
        "arithmetic, restarts": encode(colour, 60, arithmetic=True, restart_interval=2),
        "progressive arithmetic": encode(colour, 60, arithmetic=True, progressive=True),
        "lossless": encode(colour[:12, :16], lossless=True, color="RGB", predictor=4),
        "lossless, restarts": encode(grey[:10], lossless=True, predictor=1, restart_interval=40),
    }


def imagecodecs_decode(data: bytes) -> Any:
    """Return what libjpeg-turbo 3 decodes, warnings overlooked; or its error, an exception."""
    import imagecodecs

    return cases.attempt(partial(imagecodecs.jpeg8_decode, data))


def compare_with_imagecodecs(tally: Tally, name: str, data: bytes, backend: str = "fast") -> None:
    """Compare pixels wherever libjpeg-turbo decodes; where it refuses, so must we."""
    theirs = imagecodecs_decode(data)
    ours = cases.attempt(partial(decode, data, strict=False, backend=backend))
    if not isinstance(theirs, Exception):
        tally.check(name, ours, theirs)
    elif not isinstance(ours, Exception):
        tally.different.append(f"{name}: decoded to {ours.shape}, theirs: {theirs}")


# Cuts


@pytest.mark.reference
def test_every_cut_as_libjpeg_turbo(quick_backend: str, count: Count) -> None:
    """Each file cut off at each byte: the same pixels, or both refuse."""
    tally = Tally("lenient: files cut at every byte, against libjpeg-turbo")
    for name, data in small_files().items():
        for end in range(2, len(data)):
            compare_with_imagecodecs(tally, f"{name}, {end} bytes", data[:end], quick_backend)
    count(tally.line())
    assert not tally.different, tally.report()


def pillow_decode(data: bytes) -> Any:
    """Return what Pillow makes of a file that is cut off, or its error."""
    ImageFile.LOAD_TRUNCATED_IMAGES = True
    try:
        with Image.open(io.BytesIO(data)) as picture:
            return np.asarray(picture)
    except Exception as error:
        return error
    finally:
        ImageFile.LOAD_TRUNCATED_IMAGES = False


@pytest.mark.parametrize("name", ["grey", "4:2:0", "4:1:0, restarts", "CMYK", "progressive"])
def test_every_cut_of_the_data_as_pillow(name: str, quick_backend: str, count: Count) -> None:
    """Cut off within a scan, files give Pillow's pixels, which has the same library.

    Pillow puts EOI behind what is there, and inverts CMYK.
    """
    data = small_files()[name]
    tally = Tally(f"lenient: {name}, scans cut at every byte, against Pillow")
    for part in surgery.having(data, surgery.SOS):
        end = part.offset + len(bytes(part))
        for cut in range(end - len(part.entropy), end):
            theirs = pillow_decode(data[:cut])
            if isinstance(theirs, Exception):
                continue
            ours = partial(decode, data[:cut] + b"\xff\xd9", strict=False, cmyk="inverted")
            tally.check(f"{cut} bytes", cases.attempt(partial(ours, backend=quick_backend)), theirs)
    count(tally.line())
    assert tally.tried > 100
    assert not tally.different, tally.report()


@pytest.mark.both_backends
@pytest.mark.parametrize("name", small_files())
def test_both_back_ends_tell_the_same_of_a_cut(name: str) -> None:
    """Pixels and `DecodeInfo`, cut at every seventh byte of the last scan, and with a byte changed there."""
    data = small_files()[name]
    part = surgery.having(data, surgery.SOS)[-1]
    end = part.offset + len(bytes(part))
    for at in range(end - len(part.entropy), end, 7):
        for damaged in (data[:at], data[:at] + b"\xff\xd9", data[:at] + b"\x00\x55\xaa" + data[at + 3 :]):
            told = []
            for backend in ("fast", "reference"):
                result = cases.attempt(partial(decode, damaged, strict=False, info=True, backend=backend))
                told.append(str(result) if isinstance(result, Exception) else (result[0].tolist(), result[1]))
            assert told[0] == told[1], f"byte {at}"


# What is told


def test_missing_samples_are_mid_grey(backend: str) -> None:
    """What was decoded before the cut stays; the MCUs behind it are 128; `DecodeInfo` counts them."""
    image = np.tile(np.repeat(np.arange(0, 240, 20, np.uint8), 8), (16, 1))
    data = encode(image, 90)
    scan = surgery.having(data, surgery.SOS)[0]
    start = scan.offset + len(bytes(scan)) - len(scan.entropy)
    whole = decode(data, backend=backend)
    for kept in (0, 3, len(scan.entropy) // 2, len(scan.entropy) - 2):
        pixels, info = decode(data[: start + kept], strict=False, info=True, backend=backend)
        assert (info.mcus_total, info.warnings[0][:14]) == (24, "the data of th")
        blocks = pixels.reshape(2, 8, 12, 8).swapaxes(1, 2).reshape(24, 64)
        sound = whole.reshape(2, 8, 12, 8).swapaxes(1, 2).reshape(24, 64)
        fed = info.mcus_decoded
        np.testing.assert_array_equal(blocks[:fed], sound[:fed])
        assert (blocks[fed + 1 :] == GREY).all()
        assert fed < 24
        with pytest.raises(FormatError):
            decode(data[: start + kept], backend=backend)


@pytest.mark.parametrize("name", small_files())
def test_sound_files_have_no_warnings(name: str, backend: str) -> None:
    """Strict and lenient, the same pixels; all MCUs decoded; nothing to say."""
    data = small_files()[name]
    strict = decode(data, backend=backend)
    lenient, info = decode(data, strict=False, info=True, backend=backend)
    assert strict.dtype == lenient.dtype
    np.testing.assert_array_equal(strict, lenient)
    assert info.warnings == ()
    assert info.mcus_decoded == info.mcus_total


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (b"junk", "4 extraneous bytes"),
        (b"\xff\xec\x00\x01", "a length of 1"),
        (b"\xff\xdc\x00\x05abc", "wrong length"),
    ],
)
def test_overlooked_between_segments(more: bytes, said: str, backend: str) -> None:
    """What belongs nowhere is skipped, with a warning that says where; strict, it is the error."""
    data = small_files()["4:2:0"]
    at = surgery.having(data, surgery.SOF0)[0].offset
    damaged = data[:at] + more + data[at:]
    pixels, info = decode(damaged, strict=False, info=True, backend=backend)
    np.testing.assert_array_equal(pixels, decode(data, backend=backend))
    assert len(info.warnings) == 1
    assert said in info.warnings[0]
    with pytest.raises(FormatError) as caught:
        decode(damaged, backend=backend)
    assert str(caught.value) == info.warnings[0]


def test_a_component_without_a_scan_is_flat(backend: str) -> None:
    """Cut off behind the first of three scans: the colours are in the middle, and the picture grey."""
    data = small_files()["three scans"]
    second = surgery.having(data, surgery.SOS)[1].offset
    pixels, info = decode(data[:second] + b"\xff\xd9", strict=False, info=True, backend=backend)
    np.testing.assert_array_equal(pixels[..., 0], pixels[..., 1])
    np.testing.assert_array_equal(pixels[..., 0], pixels[..., 2])
    assert sum("without a scan of component" in warning for warning in info.warnings) == 2


def test_what_libjpeg_turbo_refuses_is_refused(backend: str) -> None:
    """Lenient is not credulous: no picture without a frame, a scan or a table."""
    data = small_files()["4:2:0"]
    for marker in (surgery.SOF0, surgery.SOS, surgery.DQT):
        with pytest.raises(FormatError):
            decode(surgery.without(data, marker), strict=False, backend=backend)
    with pytest.raises(FormatError):
        decode(data[2:], strict=False, backend=backend)


# Restart markers, by hand

LEVELS = (16, 40, 64, 88, 112, 144, 168, 192, 216, 240)
DC_BITS = surgery.dht(0, 0, [0, 3, 1], [0, 8, 9, 10])
AC_BITS = surgery.dht(1, 0, [1], [0])


def interval(level: int) -> bytes:
    """Return one flat block of a level, coded: the category, the bits, EOB.

    With steps of 1, the DC coefficient is eight times the level's distance from 128. The code of category 0
    is 00 and that of EOB is 0, so that a block of zero bits is flat and stays where it was.
    """
    difference = 8 * (level - GREY)
    size = abs(difference).bit_length()
    code = {8: "01", 9: "10", 10: "110"}[size]
    bits = difference if difference > 0 else difference + (1 << size) - 1
    return surgery.entropy_bits(f"{code}{bits:0{size}b}0")


def rst(m: int) -> bytes:
    """Return the marker RSTm; m counts on."""
    return bytes([0xFF, 0xD0 + m % 8])


def sound_pieces() -> list[bytes]:
    """Return interval, marker, interval, marker, … of a scan of one block each."""
    pieces = [interval(LEVELS[0])]
    for number, level in enumerate(LEVELS[1:]):
        pieces += [rst(number), interval(level)]
    return pieces


def file_of(pieces: Sequence[bytes]) -> bytes:
    """Return the grey file, a row of blocks, with these pieces as its scan."""
    frame = surgery.sof(8, 8 * len(LEVELS), [(1, 1, 1, 0)])
    scan = surgery.sos([(1, 0, 0)], b"".join(pieces))
    tables = [surgery.dqt([1] * 64), frame, DC_BITS, AC_BITS, surgery.Part(DRI, b"\0\1")]
    return surgery.join([surgery.Part(SOI), *tables, scan, surgery.Part(EOI)])


def edited(*changes: tuple[int, bytes]) -> list[bytes]:
    """Return the pieces with some of them replaced; piece 2·n + 1 is RSTn, piece 2·n interval n."""
    pieces = sound_pieces()
    for index, piece in changes:
        pieces[index] = piece
    return pieces


V = LEVELS
COMMENT = bytes(surgery.Part(COM, b"hello"))
# What is wrong, the pieces, and the levels that come of it; RST2 is piece 5, and block 3 follows it.
RESTARTS: dict[str, tuple[list[bytes], Sequence[int]]] = {
    "sound": (edited(), V),
    "missing": (edited((5, b"")), (*V[:3], GREY, *V[4:])),
    "two missing": (edited((5, b""), (7, b"")), (*V[:3], GREY, GREY, *V[5:])),
    "doubled": (edited((5, rst(2) + rst(2))), (*V[:3], GREY, *V[4:])),
    "three ahead": (edited((5, rst(5))), V),
    "four ahead": (edited((5, rst(6))), V),
    "three behind": (edited((5, rst(7))), V),
    "one ahead": (edited((5, rst(3))), (*V[:3], GREY, V[3], *V[5:])),
    "two ahead": (edited((5, rst(4))), (*V[:3], GREY, GREY, V[3], *V[6:])),
    "one behind": (edited((5, rst(1))), (*V[:3], GREY, *V[4:])),
    "two behind": (edited((5, rst(0))), (*V[:3], GREY, *V[4:])),
    "bytes before it": (edited((5, b"\x12\x34" + rst(2))), V),
    "stuffed zeros before it": (edited((5, b"\xff\x00\x12" + rst(2))), V),
    "fill bytes before it": (edited((5, b"\xff\xff" + rst(2))), V),
    "a byte of padding before it": (edited((5, b"\xff\x00" + rst(2))), V),
    "an impossible marker": (edited((5, b"\xff\x02" + rst(2))), V),
    "an impossible marker instead": (edited((5, b"\xff\xbf")), (*V[:3], GREY, *V[4:])),
    "a comment before it": (edited((5, COMMENT + rst(2))), (*V[:3], *[GREY] * 7)),
    "a comment within a block": (edited((6, COMMENT)), (*V[:3], *[GREY] * 7)),
    "EOI": (edited((5, b"\xff\xd9")), (*V[:3], *[GREY] * 7)),
    "no data in a block": (edited((6, b"")), (*V[:3], GREY, *V[4:])),
    "twice the data in a block": (edited((6, interval(V[3]) * 2)), V),
}
WITHOUT_DATA = ("doubled", "a comment within a block", "no data in a block")  # the block behind RST2
HARMLESS = ("sound", "fill bytes before it", "a byte of padding before it")


@pytest.mark.parametrize("name", RESTARTS)
def test_e24_resynchronisation(name: str, backend: str) -> None:
    """One restart marker is wrong: which blocks are lost, and which are found again."""
    pieces, levels = RESTARTS[name]
    data = file_of(pieces)
    pixels, info = decode(data, strict=False, info=True, backend=backend)
    assert pixels[3, 3::8].tolist() == list(levels)
    assert (pixels == np.repeat(np.array(levels, np.uint8), 8)).all()
    if name in HARMLESS:
        assert not info.warnings
        np.testing.assert_array_equal(decode(data, backend=backend), pixels)
        return
    assert info.warnings
    assert info.mcus_decoded == sum(level != GREY for level in levels)
    with pytest.raises(FormatError) as caught:
        decode(data, backend=backend)
    assert ("the data ends in MCU 3" if name in WITHOUT_DATA else info.warnings[0]) in str(caught.value)


@pytest.mark.reference
def test_e24_resynchronisation_as_libjpeg_turbo() -> None:
    """What was worked out by hand is what the library does."""
    for name, (pieces, levels) in RESTARTS.items():
        theirs = imagecodecs_decode(file_of(pieces))
        assert theirs[3, 3::8].tolist() == list(levels), name


def damaged_restarts(data: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield a file with each restart marker changed in every way."""
    found = [at for at in range(len(data) - 1) if data[at] == 0xFF and 0xD0 <= data[at + 1] <= 0xD7]
    for at in found:
        for m in range(8):
            yield f"marker at {at} now RST{m}", data[: at + 1] + bytes([0xD0 + m]) + data[at + 2 :]
            yield f"RST{m} before {at}", data[:at] + rst(m) + data[at:]
        for name, instead in {
            "no marker": b"",
            "EOI": b"\xff\xd9",
            "X'FF02'": b"\xff\x02",
            "a comment": COMMENT,
            "bytes and the marker": b"\x55" + data[at : at + 2],
        }.items():
            yield f"{name} at {at}", data[:at] + instead + data[at + 2 :]


@pytest.mark.reference
def test_damaged_restarts_of_every_process(quick_backend: str, count: Count) -> None:
    """The same for real pictures, with each kind of scan."""
    tally = Tally("lenient: restart markers damaged, against libjpeg-turbo")
    for name, data in small_files().items():
        if "restarts" in name:
            for what, damaged in damaged_restarts(data):
                compare_with_imagecodecs(tally, f"{name}: {what}", damaged, quick_backend)
    count(tally.line())
    assert tally.tried > 500
    assert not tally.different, tally.report()
