"""What can be wrong with a file, in three classes.

A caller's own mistake (a wrong dtype, a quality of 101) is Python's `ValueError` or `TypeError`; what is
said here is about *files*:

==================  ====================================================================
`FormatError`       the file breaks ITU-T T.81: where, in which field, against which clause
`UnsupportedError`  the file may be fine, but it uses a feature this decoder does not have
`LimitError`        decoding would cost more than the caller allowed
==================  ====================================================================
"""

from __future__ import annotations

__all__ = ["FormatError", "JpegError", "LimitError", "UnsupportedError"]


class JpegError(Exception):
    """Base of every error about a JPEG file."""


class FormatError(JpegError):
    """The file is not a JPEG file, or a damaged one.

    Parameters
    ----------
    message : str
        What is wrong, with the value that was found.
    offset : int
        Byte offset in the file, counted from 0, of the field that is wrong.
    field : str
        The field, by its symbol in T.81 where it has one: ``"Lq"``, ``"entropy-coded data"``.
    clause : str
        The clause of ITU-T T.81 that says what should have been there.
    """

    def __init__(self, message: str, *, offset: int, field: str, clause: str) -> None:
        super().__init__(message, offset, field, clause)
        self.message = message
        self.offset = offset
        self.field = field
        self.clause = clause

    def __str__(self) -> str:
        return f"byte {self.offset}, {self.field}: {self.message} (T.81 {self.clause})"

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild, (type(self), self.args[0], self.__dict__)


class UnsupportedError(JpegError):
    """The file uses a feature of JPEG that is not implemented.

    Parameters
    ----------
    feature : str
        The feature, by name: ``"progressive DCT (SOF2)"``.
    """

    def __init__(self, feature: str) -> None:
        super().__init__(feature)
        self.feature = feature

    def __str__(self) -> str:
        return f"{self.feature} is not supported"


class LimitError(JpegError):
    """Decoding the file would pass a limit that the caller set.

    Parameters
    ----------
    limit : str
        The name of the limit, that of `decode`'s parameter where it is one: ``"max_pixels"``.
    value, allowed : int
        What the file asks for, and what is allowed.
    """

    def __init__(self, limit: str, value: int, allowed: int) -> None:
        super().__init__(limit, value, allowed)
        self.limit = limit
        self.value = value
        self.allowed = allowed

    def __str__(self) -> str:
        return f"{self.limit}: the file asks for {self.value:,}, allowed are {self.allowed:,}"


def _rebuild(cls: type[FormatError], message: str, state: dict[str, object]) -> FormatError:
    """Unpickle a `FormatError`, whose arguments are keyword-only (a worker process sends it home)."""
    error = cls.__new__(cls)
    Exception.__init__(error, message)
    error.__dict__.update(state)
    return error
