"""The pickle in a PyTorch file, read without running it.

A *pickle* looks like data and is a program, for a small machine with a stack. ``K\\x03`` puts the number 3 on
it, ``X`` a string, ``)`` an empty tuple; ``t`` takes what lies above the last mark and puts a tuple of it. So
far nothing can happen. But ``c`` puts *anything that Python can import*, and ``R`` calls it: ``cos``,
``system``, a tuple with a command, ``R``, and the command runs, at the moment of reading.

Python's own `pickle.Unpickler` can be told to import only certain names. For files of strangers that is not
enough. It sets attributes of whatever lies on the stack (opcode ``b``), even of the very functions that were
allowed; and it takes memory as the file says: ``r\\x00\\x00\\x00\\x40``, five bytes, asks for a table of 2³¹
places. So here is a machine of our own, small enough to be looked through:

- it knows the opcodes that `torch.save` uses (protocol 2, without objects of other classes), and no others;
- a name is only a name: nothing is imported. Those in `GLOBALS` may stand on the stack, any other ends the
  reading;
- "calling" one of the three that can be called makes a dictionary or a `StoredTensor`, which says where the
  numbers are; there is nothing else to call;
- strings and tuples are as long as the bytes they were made of, the machine's table is a dictionary, keys are
  strings and short numbers: time and memory grow with the length of the pickle, and no faster.

>>> read_pickle(b"\\x80\\x02}X\\x01\\x00\\x00\\x00aK\\x03s.")
{'a': 3}
>>> read_pickle(b"\\x80\\x02cos\\nsystem\\nX\\x02\\x00\\x00\\x00ls\\x85R.")
Traceback (most recent call last):
...
ValueError: byte 2 of its pickle names 'os system', which no state dict needs: nothing was run

References
----------
Python's documentation of `pickletools`, whose ``genops`` splits a pickle into opcodes and their arguments.
PyTorch, ``torch/_utils.py``, for the arguments of the functions named here.
"""

from __future__ import annotations

import pickletools
from typing import Any, NamedTuple

__all__ = ["DTYPES", "Storage", "StoredTensor", "read_pickle"]

FLOATS = {"DoubleStorage": "f8", "FloatStorage": "f4", "HalfStorage": "f2", "BFloat16Storage": "u2"}
INTEGERS = {"LongStorage": "i8", "IntStorage": "i4", "ShortStorage": "i2", "CharStorage": "i1"}
DTYPES = FLOATS | INTEGERS | {"ByteStorage": "u1", "BoolStorage": "u1"}
"""How NumPy sees the bytes of PyTorch's storages; bfloat16 and bool need a step more."""

ORDERED_DICT = "collections OrderedDict"
TENSOR = "torch._utils _rebuild_tensor_v2"
PARAMETER = "torch._utils _rebuild_parameter"
STORAGES = {f"torch {name}": name for name in DTYPES}
GLOBALS = {ORDERED_DICT, TENSOR, PARAMETER, *STORAGES}

ARGUMENT = {"BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT", "BINUNICODE"}  # it is what they push
EMPTY = {"EMPTY_DICT": dict, "EMPTY_LIST": list, "EMPTY_TUPLE": tuple}
SINGLE = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
MAX_KEY = 80  # characters in the name of a storage; PyTorch counts them
TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}


class Storage(NamedTuple):
    """A piece of memory that tensors are views of.

    Attributes
    ----------
    kind : str
        A key of `DTYPES`.
    key : str
        Its name in the file.
    size : int
        In elements, as the pickle says; below 2⁶³, not negative.
    """

    kind: str
    key: str
    size: int


class StoredTensor(NamedTuple):
    """A view of a storage; the types are checked, what the numbers say is not.

    Attributes
    ----------
    storage : Storage
    offset : int
        Of the first element; in elements, like the strides.
    shape, strides : tuple of int
        Below 2⁶³, none negative.
    """

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


class _Global(NamedTuple):
    """A name, where Python would have what it stands for."""

    name: str


def read_pickle(data: bytes) -> Any:
    """Return what a pickle of PyTorch holds.

    Parameters
    ----------
    data : bytes
        ``data.pkl`` of a file of `torch.save`.

    Returns
    -------
    dict, list, tuple, str, int, float, bool, None or StoredTensor
        And what is in them; ordered dictionaries are plain ones. They may hold themselves.

    Raises
    ------
    ValueError
        For names and opcodes that a state dict does not need, tensors of other kinds, and for bytes that are
        no pickle. It says where.
    """
    machine, place = _Machine(), 0
    try:
        for opcode, argument, position in pickletools.genops(data):
            place = position or 0
            if opcode.name == "STOP":
                return machine.pop()
            machine.step(opcode.name, argument)
    except (IndexError, KeyError):
        raise ValueError(f"byte {place} of its pickle takes what is not there: damaged") from None
    except _Refusal as error:
        raise ValueError(f"byte {place} of its pickle {error}") from None
    except ValueError as error:  # of genops: no opcode, no end, no UTF-8
        raise ValueError(f"its pickle is damaged after byte {place}: {error}") from None
    raise ValueError("its pickle has no end")


class _Refusal(Exception):
    """What is wrong, as a phrase that follows the place."""


class _Machine:
    """Stack, marks in it, and the table of what may be taken again."""

    def __init__(self) -> None:
        self.stack: list[Any] = []
        self.marks: list[int] = []
        self.memo: dict[int, Any] = {}

    def pop(self) -> Any:
        """Take one thing."""
        return self.stack.pop()

    def pop_to_mark(self) -> list[Any]:
        """Take all above the last mark."""
        mark = self.marks.pop()
        items = self.stack[mark:]
        del self.stack[mark:]
        return items

    def step(self, name: str, argument: Any) -> None:
        """Carry out one opcode, by its name in `pickletools`."""
        push = self.stack.append
        if name in ARGUMENT:
            push(argument)
        elif name in EMPTY:
            push(EMPTY[name]())
        elif name in SINGLE:
            push(SINGLE[name])
        elif name in TUPLES:
            push(tuple([self.pop() for _ in range(TUPLES[name])][::-1]))
        else:
            match name:
                case "PROTO":
                    if argument != 2:
                        raise _Refusal(f"says protocol {argument}, torch.save writes 2 if not told otherwise")
                case "MARK":
                    self.marks.append(len(self.stack))
                case "TUPLE":
                    push(tuple(self.pop_to_mark()))
                case "BINPUT" | "LONG_BINPUT":
                    self.memo[argument] = self.stack[-1]
                case "BINGET" | "LONG_BINGET":
                    push(self.memo[argument])
                case "APPEND":
                    item = self.pop()
                    self._last(list).append(item)
                case "APPENDS":
                    items = self.pop_to_mark()
                    self._last(list).extend(items)
                case "SETITEM":
                    value, key = self.pop(), self.pop()
                    self._set([key, value])
                case "SETITEMS":
                    self._set(self.pop_to_mark())
                case "GLOBAL":
                    if argument not in GLOBALS:
                        raise _Refusal(
                            f"names {_short(argument)}, which no state dict needs: nothing was run"
                        )
                    push(_Global(argument))
                case "BINPERSID":
                    push(_storage(self.pop()))
                case "REDUCE":
                    arguments, function = self.pop(), self.pop()
                    push(_called(function, arguments))
                case "BUILD":  # the attributes of an OrderedDict: PyTorch's _metadata
                    self.pop()
                    self._last(dict)
                case _:
                    raise _Refusal(f"has the opcode {name}, which torch.save does not write")

    def _last(self, kind: type) -> Any:
        if type(self.stack[-1]) is not kind:
            raise _Refusal(f"takes a {type(self.stack[-1]).__name__} for a {kind.__name__}")
        return self.stack[-1]

    def _set(self, items: list[Any]) -> None:
        target = self._last(dict)
        if len(items) % 2:
            raise _Refusal("sets a key without a value")
        for key, value in zip(items[::2], items[1::2]):
            # Long numbers may be chosen to collide, nested tuples may be too deep to be hashed.
            if type(key) is not str and not (type(key) is int and abs(key) < 2**32):
                raise _Refusal(f"has a key that is a {type(key).__name__}")
            target[key] = value


def _called(function: Any, arguments: Any) -> Any:
    """Return what a call would have made."""
    name = function.name if type(function) is _Global else ""
    if type(arguments) is tuple:
        if name == ORDERED_DICT and not arguments:
            return {}
        if name == TENSOR and len(arguments) in (6, 7):
            return _tensor(*arguments)
        if name == PARAMETER and arguments and type(arguments[0]) is StoredTensor:
            return arguments[0]
    raise _Refusal(f"calls {name or 'what is no function'} in an unknown way")


def _storage(described: Any) -> Storage:
    """Return the storage of ``("storage", type, key, device, size)``."""
    match described:
        case ("storage", _Global(name), str(key), _, int(size)) if name in STORAGES:
            if 0 <= size < 1 << 63 and len(key) <= MAX_KEY:
                return Storage(STORAGES[name], key, size)
    raise _Refusal("describes a storage in an unknown way")


def _tensor(
    storage: Any, offset: Any, shape: Any, strides: Any, _grad: Any, _hooks: Any, metadata: Any = None
) -> StoredTensor:
    """Return the tensor of the arguments of `torch._utils._rebuild_tensor_v2`."""
    if metadata:
        raise _Refusal("has a tensor that is a conjugated or negated view")
    if type(storage) is not Storage or type(shape) is not tuple or type(strides) is not tuple:
        raise _Refusal("describes a tensor in an unknown way")
    if not all(type(number) is int and 0 <= number < 1 << 63 for number in (offset, *shape, *strides)):
        raise _Refusal("has a tensor whose offset, shape or strides are no natural numbers below 2^63")
    return StoredTensor(storage, offset, shape, strides)


def _short(text: str) -> str:
    return repr(text if len(text) <= 80 else f"{text[:80]}…")
