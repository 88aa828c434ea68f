"""Files of `torch.save`, put together by hand, opcode by opcode: also such as PyTorch would never write."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping, Sequence


def text(words: str) -> bytes:
    """Push a string."""
    data = words.encode()
    return b"X" + len(data).to_bytes(4, "little") + data


def number(value: int) -> bytes:
    """Push a whole number of any size."""
    if 0 <= value < 256:
        return b"K" + bytes([value])
    data = value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)
    return b"\x8a" + bytes([len(data)]) + data


def numbers(values: Sequence[int]) -> bytes:
    """Push a tuple of them."""
    return b"(" + b"".join(map(number, values)) + b"t"


def dictionary(items: Mapping[str, bytes]) -> bytes:
    """Push a dictionary of what the bytes push."""
    return b"}(" + b"".join(text(key) + value for key, value in items.items()) + b"u"


def name(module: str, what: str) -> bytes:
    """Push what can be imported under this name."""
    return f"c{module}\n{what}\n".encode()


def storage(kind: str = "FloatStorage", key: str = "0", size: int = 6) -> bytes:
    """Push a storage."""
    return b"(" + text("storage") + name("torch", kind) + text(key) + text("cpu") + number(size) + b"tQ"


def tensor(
    memory: bytes | None = None,
    offset: int = 0,
    shape: Sequence[int] = (2, 3),
    strides: Sequence[int] = (3, 1),
    more: bytes = b"",
) -> bytes:
    """Push a tensor; of the storage "0" of six floats if none is given."""
    return (
        name("torch._utils", "_rebuild_tensor_v2")
        + b"("
        + (memory or storage())
        + number(offset)
        + numbers(shape)
        + numbers(strides)
        + b"\x89"
        + ORDERED
        + more
        + b"tR"
    )


ORDERED = name("collections", "OrderedDict") + b")R"


def pickled(program: bytes) -> bytes:
    """Make a pickle that leaves what the program pushes."""
    return b"\x80\x02" + program + b"."


def archive(
    program: bytes,
    storages: Mapping[str, bytes] | None = None,
    *,
    folder: str = "archive",
    members: Mapping[str, bytes] | None = None,
    method: int = zipfile.ZIP_STORED,
) -> bytes:
    """Make the file: the pickle, storages by their keys, and other members by their names."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as target:
        target.writestr(f"{folder}/data.pkl", pickled(program))
        for key, data in (storages or {}).items():
            target.writestr(f"{folder}/data/{key}", data)
        for member, data in (members or {}).items():
            target.writestr(member, data)
    return file.getvalue()
