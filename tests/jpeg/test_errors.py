"""The three classes of errors about files: what they hold, what they say, how they travel."""

from __future__ import annotations

import copy
import pickle

import pytest

import jpeg_from_scratch
from jpeg_from_scratch.errors import FormatError, JpegError, LimitError, UnsupportedError

FORMAT = FormatError("Tq = 7, allowed are 0 ... 3", offset=24, field="Tq", clause="B.2.4.1")
UNSUPPORTED = UnsupportedError("progressive DCT (SOF2)")
LIMIT = LimitError("max_pixels", 4_290_250_000, 268_435_456)
ALL = (FORMAT, UNSUPPORTED, LIMIT)


def test_hierarchy() -> None:
    """All are `JpegError`, none is another, and none is a `ValueError`, which is a caller's mistake."""
    classes = (FormatError, UnsupportedError, LimitError)
    for cls in classes:
        assert issubclass(cls, JpegError)
        assert not issubclass(cls, (ValueError, TypeError, OSError))
        assert not any(issubclass(cls, other) for other in classes if other is not cls)
    assert issubclass(JpegError, Exception)


@pytest.mark.parametrize("name", ["FormatError", "JpegError", "LimitError", "UnsupportedError"])
def test_the_package_exports_them(name: str) -> None:
    """They can be caught by the names at the top of the package."""
    assert getattr(jpeg_from_scratch, name) is globals()[name]


def test_format_error_says_where_what_and_by_which_clause() -> None:
    """Attributes, and the sentence made of them."""
    assert (FORMAT.message, FORMAT.offset, FORMAT.field, FORMAT.clause) == (
        "Tq = 7, allowed are 0 ... 3",
        24,
        "Tq",
        "B.2.4.1",
    )
    assert str(FORMAT) == "byte 24, Tq: Tq = 7, allowed are 0 ... 3 (T.81 B.2.4.1)"


def test_format_error_takes_its_facts_by_name() -> None:
    """Three strings in a row would be mixed up."""
    with pytest.raises(TypeError):
        FormatError("message", 0, "field", "clause")  # type: ignore[misc]
    with pytest.raises(TypeError):
        FormatError("message", offset=0, field="field")  # type: ignore[call-arg]


def test_unsupported_error_names_the_feature() -> None:
    """The attribute, and the sentence."""
    assert UNSUPPORTED.feature == "progressive DCT (SOF2)"
    assert str(UNSUPPORTED) == "progressive DCT (SOF2) is not supported"


def test_limit_error_gives_both_numbers() -> None:
    """The attributes, and the sentence with readable numbers."""
    assert (LIMIT.limit, LIMIT.value, LIMIT.allowed) == ("max_pixels", 4_290_250_000, 268_435_456)
    assert str(LIMIT) == "max_pixels: the file asks for 4,290,250,000, allowed are 268,435,456"


@pytest.mark.parametrize("error", ALL, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_pickling(error: JpegError, protocol: int) -> None:
    """A worker process sends an error home whole."""
    again = pickle.loads(pickle.dumps(error, protocol))
    assert type(again) is type(error)
    assert again.__dict__ == error.__dict__
    assert str(again) == str(error)


@pytest.mark.parametrize("error", ALL, ids=lambda error: type(error).__name__)
def test_copying(error: JpegError) -> None:
    """`copy` goes the way of `pickle`."""
    for again in (copy.copy(error), copy.deepcopy(error)):
        assert type(again) is type(error)
        assert again.__dict__ == error.__dict__
        assert str(again) == str(error)


class LineError(FormatError):
    """A subclass, as an application may make one."""


def test_pickling_keeps_the_class_and_notes() -> None:
    """A subclass stays one, and what was noted on the error stays with it."""
    error = LineError("why", offset=1, field="f", clause="B.1")
    error.add_note("in photo.jpg")
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is LineError
    assert again.__notes__ == ["in photo.jpg"]
