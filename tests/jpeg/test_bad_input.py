"""Bad files: a `JpegError` that says what, where, and against which clause; never a picture in silence."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from functools import partial
from typing import Any

import jpeg_bad_files as bad_files
import jpeg_cases as cases
import jpeg_corpus as corpus
import jpeg_mutants as mutants
import jpeg_peers as peers
import jpeg_surgery as surgery
import numpy as np
import pytest
from jpeg_surgery import EOI, SOF0, SOI, SOS

from jpeg_from_scratch import (
    FormatError,
    JpegError,
    LimitError,
    UnsupportedError,
    decode,
    read,
)

Count = Callable[[str], None]

WRONG = bad_files.wrong_files()
# The frame itself is not what T.81 forbids; that this decoder has no such process is as good an answer.
FORMAT_OR_UNSUPPORTED = {"precision 9", "precision 0", "reserved marker X'FF02'", "JPG0", "JPG13"}


def assert_describes(error: FormatError, data: bytes) -> None:
    """Check that a `FormatError` has an offset within the file, a field and a clause, and says all three."""
    assert isinstance(error.offset, int)
    assert 0 <= error.offset <= len(data), f"offset {error.offset} in a file of {len(data)} bytes"
    assert error.field, "the field is empty"
    assert error.clause, "the clause is empty"
    assert error.message, "the message is empty"
    assert str(error.offset) in str(error)
    assert error.clause in str(error)
    assert "\n" not in str(error)


@pytest.mark.parametrize("name", WRONG)
def test_wrong_file(name: str, backend: str) -> None:
    """One thing is wrong, and the file is refused for it."""
    data = WRONG[name]
    expected = (FormatError, UnsupportedError) if name in FORMAT_OR_UNSUPPORTED else FormatError
    with pytest.raises(expected) as caught:
        decode(data, backend=backend)
    if isinstance(caught.value, FormatError):
        assert_describes(caught.value, data)


def test_djpeg_refuses_them_too(djpeg: str) -> None:
    """``djpeg -strict`` agrees on every one of these files, and on those that look odd but are sound."""
    content = [name for name, data in WRONG.items() if not peers.djpeg_complaint(data)]
    assert not content, f"djpeg -strict decodes {content}"
    for name, (data, _) in bad_files.odd_but_sound_files().items():
        complaint = peers.djpeg_complaint(data)
        assert complaint == ("Premature end of JPEG file" if "EOI missing" in name else ""), name


def test_zero_height(backend: str) -> None:
    """Height 0 announces a DNL segment (B.2.5), which must then come."""
    data = surgery.patched(bad_files.sound_files()["4:2:0"], SOF0, 1, 0, 0)
    with pytest.raises(FormatError, match="no DNL segment") as caught:
        decode(data, backend=backend)
    assert (caught.value.offset, caught.value.field) == (len(data) - 2, "Y")


@pytest.mark.parametrize("name", bad_files.unsupported_files())
def test_unsupported(name: str, backend: str) -> None:
    """Hierarchical processes are named."""
    data, word = bad_files.unsupported_files()[name]
    with pytest.raises(UnsupportedError) as caught:
        decode(data, backend=backend)
    words = (word, "hierarchical") if word == "differential" else (word,)
    assert any(w in caught.value.feature.lower() for w in words), caught.value.feature
    assert caught.value.feature in str(caught.value)


def test_more_components_than_libjpeg_has(backend: str) -> None:
    """Ten can be decoded; `read` takes all 255 that T.81 allows."""
    for count in (10, 11, 255):
        components = [(i, 1, 1, 0) for i in range(count)]
        scans = [surgery.sos([(i, 0, 0)], surgery.entropy_bits("00")) for i in range(count)]
        tables = [
            surgery.dqt([1] * 64),
            surgery.sof(8, 8, components),
            bad_files.SIMPLE_DC,
            bad_files.SIMPLE_AC,
        ]
        data = surgery.join([surgery.Part(SOI), *tables, *scans, surgery.Part(EOI)])
        assert len(read(data).coefficients) == count
        if count == 10:
            assert decode(data, backend=backend).shape == (8, 8, 10)
        else:
            with pytest.raises(UnsupportedError, match=f"{count} components"):
                decode(data, backend=backend)


@pytest.mark.parametrize("name", bad_files.sound_files())
def test_every_truncation_point(name: str, backend: str) -> None:
    """Cut anywhere, the file is a `FormatError`; only where nothing but EOI is lost, it is the picture."""
    data = bad_files.sound_files()[name]
    whole = decode(data, backend=backend)
    wrong = []
    for end in range(len(data)):
        result = cases.attempt(partial(decode, data[:end], backend=backend))
        if end >= len(data) - 2:
            if isinstance(result, Exception) or not np.array_equal(result, whole):
                wrong.append(f"{end} bytes (only EOI missing): {corpus.shown(result)}")
        elif not isinstance(result, FormatError):
            wrong.append(f"{end} bytes: {corpus.shown(result)}")
        else:
            assert_describes(result, data[:end])
    assert not wrong, f"{name}, {len(wrong)} of {len(data)} lengths: " + "; ".join(wrong[:8])


@pytest.mark.parametrize("name", bad_files.sound_files())
def test_read_refuses_what_is_cut(name: str) -> None:
    """`read` is as strict as `decode`."""
    data = bad_files.sound_files()[name]
    for end in range(0, len(data) - 2, 7):
        with pytest.raises(FormatError):
            read(data[:end])


def test_offsets_point_at_the_fault(backend: str) -> None:
    """The offset lies in the segment that is at fault."""
    for name, marker in (
        ("zero width", SOF0),
        ("sampling factors X'51'", SOF0),
        ("unknown component in SOS", SOS),
        ("Ss = 1", SOS),
        ("quantisation table 4 in DQT", surgery.DQT),
        ("Huffman table 4 in DHT", surgery.DHT),
        ("DRI length +1", surgery.DRI),
        ("SOF0 length -1", SOF0),
        ("text before SOF0", None),
    ):
        with pytest.raises(FormatError) as caught:
            decode(WRONG[name], backend=backend)
        if marker is None:
            start = WRONG[name].index(b"hello")
        else:
            start = WRONG[name].index(bytes([0xFF, marker]))
        length = 5 if marker is None else 2 + int.from_bytes(WRONG[name][start + 2 : start + 4], "big")
        assert start <= caught.value.offset <= start + length, f"{name}: {caught.value}, segment at {start}"


# Random damage


@pytest.mark.parametrize("name", bad_files.sound_files())
def test_mutants(name: str, backend: str, count: Count) -> None:
    """Random damage: a picture or a `JpegError`, nothing else; a decoded picture has the declared size."""
    number = 800 if backend == "fast" else 60
    decoded, wrong = 0, []
    for seed, data in enumerate(mutants.of(bad_files.sound_files()[name], number)):
        result = cases.attempt(partial(decode, data, backend=backend))
        if isinstance(result, FormatError):
            assert_describes(result, data)
        elif isinstance(result, np.ndarray):
            decoded += 1
        elif not isinstance(result, JpegError):
            wrong.append(f"mutant {seed}: {corpus.shown(result)}")
    count(f"mutants of {name} [{backend}]: tried {number}, decoded {decoded}, refused {number - decoded}")
    assert not wrong, f"{len(wrong)} of {number}: " + "; ".join(wrong[:8])


def verdict(data: bytes, backend: str) -> str:
    """Return the picture's digest, or the error in words."""
    result = cases.attempt(partial(decode, data, backend=backend))
    if isinstance(result, Exception):
        return f"{type(result).__name__}: {result}"
    return f"picture {result.shape} {hash(result.tobytes())}"


@pytest.mark.both_backends
def test_mutants_have_one_verdict() -> None:
    """Both back ends decode a damaged file to the same picture, or give the same error."""
    wrong = []
    for name, sound in bad_files.sound_files().items():
        for seed, data in enumerate(mutants.of(sound, 60)):
            fast, reference = verdict(data, "fast"), verdict(data, "reference")
            if fast != reference:
                wrong.append(f"{name}, mutant {seed}: fast {fast!r}, reference {reference!r}")
    for name, data in WRONG.items():
        fast, reference = verdict(data, "fast"), verdict(data, "reference")
        if fast != reference:
            wrong.append(f"{name}: fast {fast!r}, reference {reference!r}")
    assert not wrong, f"{len(wrong)} verdicts differ: " + "; ".join(wrong[:8])


# The caller's mistakes, and the errors themselves


@pytest.mark.parametrize("data", [None, "photo.jpg", 5, [0xFF, 0xD8]], ids=repr)
def test_data_of_the_wrong_type(data: Any) -> None:
    """A path or an array is not the content of a file."""
    with pytest.raises((TypeError, ValueError), match="data"):
        decode(data)


@pytest.mark.parametrize(
    "options", [{"max_pixels": 2.5}, {"max_scans": "many"}, {"max_memory": None}], ids=repr
)
def test_wrong_limits(options: dict[str, Any]) -> None:
    """Limits are whole numbers; the message names the one that is not."""
    with pytest.raises((TypeError, ValueError), match=next(iter(options))):
        decode(bad_files.sound_files()["grey"], **options)


def test_errors_travel_between_processes() -> None:
    """All errors survive pickling with their attributes and text."""
    errors = [
        FormatError("is 0", offset=7, field="X", clause="B.2.2"),
        UnsupportedError("progressive DCT (SOF2)"),
        LimitError("max_pixels", 10, 5),
    ]
    for error in errors:
        again = pickle.loads(pickle.dumps(error))
        assert type(again) is type(error)
        assert str(again) == str(error)
        assert vars(again) == vars(error)
        assert isinstance(error, JpegError)
