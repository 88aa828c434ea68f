"""What can be wrong with a file of a learned codec, in three classes.

A caller's own mistake (a wrong dtype, a quality that is none) is Python's `ValueError` or `TypeError`; what
is said here is about *files*:

=============  ========================================================================
`FormatError`  the bytes are not what docs/neural-format.md describes: where, which field
`LimitError`   decoding would cost more than the caller allowed
`ModelError`   the file is sound, but was made with a model or weights that are not here
=============  ========================================================================
"""

from __future__ import annotations

__all__ = ["FormatError", "LimitError", "ModelError", "NeuralError"]


class NeuralError(Exception):
    """Base of every error about a file of a learned codec."""


class FormatError(NeuralError):
    """Not a file of this format, or a damaged one.

    Parameters
    ----------
    message : str
        What is wrong, with the value that was found.
    offset : int
        Byte offset of the field that is wrong, counted from 0 in what was being read: the file, or the
        payload alone where only that was handed in.
    field : str
        The field, by its name in docs/neural-format.md: ``"width"``, ``"payload"``.
    """

    def __init__(self, message: str, *, offset: int, field: str) -> None:
        super().__init__(message, offset, field)
        self.message = message
        self.offset = offset
        self.field = field

    def __str__(self) -> str:
        return f"byte {self.offset}, {self.field}: {self.message}"

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild, (type(self), self.args, self.__dict__)


class LimitError(NeuralError):
    """Decoding the file would pass a limit that the caller set.

    Parameters
    ----------
    limit : str
        The name of the parameter: ``"max_pixels"``.
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


class ModelError(NeuralError):
    """The file was made with a model, a quality or weights that are not here.

    Parameters
    ----------
    message : str
        What the file asks for, and what there is.
    model_id : int
        The number of the model in the file.
    """

    def __init__(self, message: str, *, model_id: int) -> None:
        super().__init__(message, model_id)
        self.message = message
        self.model_id = model_id

    def __str__(self) -> str:
        return f"model {self.model_id}: {self.message}"

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild, (type(self), self.args, self.__dict__)


def _rebuild(cls: type[NeuralError], args: tuple[object, ...], state: dict[str, object]) -> NeuralError:
    """Unpickle an error whose arguments are keyword-only (a worker process sends it home)."""
    error = cls.__new__(cls)
    Exception.__init__(error, *args)
    error.__dict__.update(state)
    return error
