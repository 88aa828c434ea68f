"""A stand-in for CuPy: an array module whose arrays never become NumPy arrays by themselves.

On a graphics card an implicit conversion to NumPy is an error or a slow copy. Where there is no card, nobody
notices: a NumPy array is a NumPy array. So the operations are run on these arrays too. They keep their
numbers in a NumPy array that nobody else can reach, and raise `TypeError`

- for `numpy.asarray`, NumPy's functions and its operators, `float`, `int`, iteration and use as an index;
- where a NumPy array comes in, as operand, index or argument;
- where float32 meets float64, which NumPy would promote in silence.

The module has only functions that CuPy has under the same name, listed in `FUNCTIONS`. What is asked for
openly is given: `bool` and `item` of a single number (a transfer in CuPy too), and `to_numpy` for tests.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from types import EllipsisType, SimpleNamespace
from typing import Any

import numpy as np
import scipy.special

CUPY_HAS = """
    abs add arange argmax broadcast_to clip concatenate dot einsum empty empty_like exp expm1 full
    isfinite isinf isnan log log1p log2 matmul maximum minimum moveaxis multiply ones ones_like power rint
    sign sqrt square stack subtract sum swapaxes tanh tensordot where zeros zeros_like
"""
ARRAYS_HAVE = "all any astype copy max mean min ravel reshape squeeze sum swapaxes transpose"
FUNCTIONS, METHODS = frozenset(CUPY_HAS.split()), frozenset(ARRAYS_HAVE.split())
float32, float64 = np.float32, np.float64


class StrictArray:
    """An array of this module; see above."""

    __slots__ = ("__numbers",)
    __array_ufunc__ = None  # numpy.exp(x) raises TypeError, and ndarray + x is left to __radd__
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, numbers: np.ndarray) -> None:
        self.__numbers = numbers

    shape = property(lambda self: self.__numbers.shape)
    dtype = property(lambda self: self.__numbers.dtype)
    ndim = property(lambda self: self.__numbers.ndim)
    size = property(lambda self: self.__numbers.size)
    T = property(lambda self: StrictArray(self.__numbers.T))

    def item(self) -> Any:
        return self.__numbers.item()

    def __bool__(self) -> bool:
        return bool(self.__numbers)

    def __len__(self) -> int:
        return len(self.__numbers)

    def __repr__(self) -> str:
        return f"StrictArray({self.__numbers!r})"

    def _opened(self) -> np.ndarray:
        return self.__numbers

    def __getitem__(self, index: Any) -> StrictArray:
        return _wrapped(self.__numbers[_index(index)])

    def __setitem__(self, index: Any, value: Any) -> None:
        self.__numbers[_index(index)] = _unwrapped((self, value))[1]

    def __getattr__(self, name: str) -> Callable[..., StrictArray]:
        if name not in METHODS:
            raise AttributeError(f"StrictArray has no {name}")
        return lambda *args, **named: _called(getattr(self.__numbers, name), args, named)

    def _refuse(self, *_: Any, **__: Any) -> Any:
        raise TypeError("implicit conversion of a StrictArray")

    __array__ = __array_function__ = __float__ = __int__ = __index__ = __complex__ = __iter__ = _refuse


def _operator(name: str) -> None:
    """Give StrictArray an operator, with its reflected and in-place forms."""
    function = getattr(operator, name)

    def forward(self: StrictArray, other: Any) -> StrictArray:
        return _called(function, (self, other), {})

    def reflected(self: StrictArray, other: Any) -> StrictArray:
        return _called(function, (other, self), {})

    def in_place(self: StrictArray, other: Any) -> StrictArray:
        numbers, operand = _unwrapped((self, other))
        assert getattr(operator, f"i{plain}")(numbers, operand) is numbers
        return self

    plain = name.strip("_")
    setattr(StrictArray, f"__{plain}__", forward)
    if plain not in ("lt", "le", "gt", "ge", "eq", "ne"):
        setattr(StrictArray, f"__r{plain}__", reflected)
        setattr(StrictArray, f"__i{plain}__", in_place)


def _unary(name: str) -> None:
    function = getattr(operator, name)
    setattr(StrictArray, f"__{name}__", lambda self: _called(function, (self,), {}))


for _name in ["add", "sub", "mul", "truediv", "pow", "matmul", "and_", "or_", "xor"]:
    _operator(_name)
for _name in ["lt", "le", "gt", "ge", "eq", "ne"]:
    _operator(_name)
for _name in ["neg", "abs", "invert"]:
    _unary(_name)


# --------------------------------------------------------------------------------------------------
# In and out


def from_numpy(array: np.ndarray) -> StrictArray:
    """Return a copy of a NumPy array as an array of this module."""
    return StrictArray(np.array(array))


def to_numpy(array: StrictArray) -> np.ndarray:
    """Return a copy as a NumPy array."""
    assert isinstance(array, StrictArray)
    return np.array(array._opened())


def asarray(value: Any, dtype: Any = None) -> StrictArray:
    """Return an array for a number or list of numbers."""
    if isinstance(value, StrictArray):
        return value if dtype in (None, value.dtype) else value.astype(dtype)
    _unwrapped((value,))
    return StrictArray(np.asarray(value, dtype=dtype))


def _wrapped(result: Any) -> Any:
    """Wrap a result; an array without axes stays an array, as in CuPy."""
    return StrictArray(np.asarray(result)) if isinstance(result, np.ndarray | np.generic) else result


def _unwrapped(values: tuple[Any, ...]) -> list[Any]:
    """Return the NumPy arrays within arguments, all else as it is; raise for what must not be there."""
    result, dtypes = [], set()
    for value in values:
        if isinstance(value, np.ndarray | np.generic):
            raise TypeError(f"a NumPy array of shape {value.shape} among StrictArrays")
        if isinstance(value, StrictArray):
            value = value._opened()
            if value.dtype.kind == "f":
                dtypes.add(value.dtype)
        elif isinstance(value, list | tuple):
            value = type(value)(_unwrapped(tuple(value)))
            dtypes |= {one.dtype for one in value if isinstance(one, np.ndarray) and one.dtype.kind == "f"}
        result.append(value)
    if len(dtypes) > 1:
        raise TypeError(f"mixed dtypes: {', '.join(sorted(map(str, dtypes)))}")
    return result


def _called(function: Callable[..., Any], args: tuple[Any, ...], named: dict[str, Any]) -> Any:
    opened = _unwrapped((*args, *named.values()))
    result = function(*opened[: len(args)], **dict(zip(named, opened[len(args) :])))
    return named["out"] if named.get("out") is not None else _wrapped(result)


def _index(index: Any) -> Any:
    for one in index if isinstance(index, tuple) else (index,):
        if not (one is None or isinstance(one, int | slice | EllipsisType)):
            raise TypeError(f"index with a {type(one).__name__}")
    return index


# --------------------------------------------------------------------------------------------------
# The module's functions


def __getattr__(name: str) -> Callable[..., Any]:
    if name not in FUNCTIONS:
        raise AttributeError(f"strict_arrays has no {name}; if CuPy has it, it belongs in FUNCTIONS")
    return lambda *args, **named: _called(getattr(np, name), args, named)


def _special(name: str) -> Callable[..., Any]:
    return lambda *args, **named: _called(getattr(scipy.special, name), args, named)


special = SimpleNamespace(**{name: _special(name) for name in ("erf", "erfc", "expit", "log_ndtr", "ndtr")})


class Generator:
    """Random numbers as StrictArrays; the same as NumPy's for a seed."""

    def __init__(self, seed: int) -> None:
        self._generator = np.random.default_rng(seed)

    def random(self, size: Any = None, dtype: Any = np.float64) -> StrictArray:
        return _wrapped(self._generator.random(size, dtype=dtype))


random = SimpleNamespace(default_rng=Generator)
