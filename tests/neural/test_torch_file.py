"""Files of torch.save, made by hand: what a tensor is, and what hostile ones cannot do."""

from __future__ import annotations

import os
import pickle
import struct
import time
import tracemalloc
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from torch_files import ORDERED, archive, dictionary, name, number, numbers, pickled, storage, tensor, text

from neural_from_scratch.torch_file import MAX_PICKLE, load_torch
from neural_from_scratch.torch_pickle import DTYPES, read_pickle

SIX = np.arange(6, dtype="<f4").tobytes()


@pytest.fixture
def load(tmp_path: Path) -> Callable[..., dict[str, np.ndarray]]:
    """Write bytes to a file and read it."""

    def load(data: bytes, **options: int) -> dict[str, np.ndarray]:
        path = tmp_path / "weights.pth"
        path.write_bytes(data)
        return load_torch(path, **options)

    return load


# --------------------------------------------------------------------------------------------------
# Tensors


def test_views_of_one_storage(load: Callable[..., dict[str, np.ndarray]]) -> None:
    """Offset and strides are honoured; what comes out is contiguous, writable and nobody else's."""
    views = {
        "whole": tensor(),
        "transposed": tensor(shape=(3, 2), strides=(1, 3)),
        "column": tensor(offset=1, shape=(2,), strides=(3,)),
        "one": tensor(offset=5, shape=(), strides=()),
        "repeated": tensor(offset=4, shape=(2, 3), strides=(0, 0)),
        "thin": tensor(offset=5, shape=(1, 1), strides=(1 << 62, 9)),
        "nothing": tensor(shape=(0, 3), strides=(3, 1)),
        "nothing far out": tensor(offset=99, shape=(3, 0), strides=(1, 1)),
        "of nothing": tensor(storage(key="none", size=0), shape=(0,), strides=(1,)),
    }
    state = load(archive(dictionary(views), {"0": SIX}))
    expected = {
        "whole": [[0, 1, 2], [3, 4, 5]],
        "transposed": [[0, 3], [1, 4], [2, 5]],
        "column": [1, 4],
        "one": 5,
        "repeated": [[4, 4, 4], [4, 4, 4]],
        "thin": [[5]],
        "nothing": np.zeros((0, 3)),
        "nothing far out": np.zeros((3, 0)),
        "of nothing": np.zeros(0),
    }
    assert list(state) == list(expected)
    for key, array in state.items():
        assert type(array) is np.ndarray
        assert array.dtype == np.float32
        assert array.flags.c_contiguous
        np.testing.assert_array_equal(array, np.array(expected[key], np.float32), strict=True)
        array[...] = 9
    assert state["whole"].tolist() == [[9] * 3] * 2


@pytest.mark.parametrize("order", ["little", "big", None])
@pytest.mark.parametrize("kind", DTYPES)
@pytest.mark.parametrize("shape", [(2, 3), ()], ids=["matrix", "number"])
def test_dtypes(
    kind: str, order: str | None, shape: tuple[int, ...], load: Callable[..., dict[str, np.ndarray]]
) -> None:
    """In both byte orders; bfloat16 becomes float32, a bool is what is not 0."""
    values = np.array([0, 1, 2, 100, 3, 1])
    mark = ">" if order == "big" else "<"
    if kind == "BFloat16Storage":
        data = (values.astype(np.float32).view(np.uint32) >> 16).astype(mark + "u2").tobytes()
        expected = values.astype(np.float32)
    else:
        data = values.astype(mark + DTYPES[kind]).tobytes()
        expected = values.astype(bool if kind == "BoolStorage" else DTYPES[kind])
    program = dictionary({"a": tensor(storage(kind), 0 if shape else 3, shape, (3, 1)[: len(shape)])})
    members = {"archive/byteorder": order.encode()} if order else {}
    found = load(archive(program, {"0": data}, members=members))["a"]
    assert type(found) is np.ndarray
    np.testing.assert_array_equal(found, expected.reshape(2, 3) if shape else expected[3], strict=False)
    assert found.dtype == expected.dtype
    assert found.dtype.isnative
    assert found.shape == shape


def test_what_surrounds_a_state_dict(load: Callable[..., dict[str, np.ndarray]]) -> None:
    """Ordered dictionaries with attributes, parameters, and the rest of a checkpoint, which is not read."""
    parameter = name("torch._utils", "_rebuild_parameter") + b"(" + tensor() + b"\x88" + ORDERED + b"tR"
    metadata = dictionary({"_metadata": ORDERED + text("") + dictionary({"version": number(1)}) + b"s"})
    inner = ORDERED + b"(" + text("a") + parameter + text("b") + tensor() + b"u" + metadata + b"b"
    members = {"0": SIX}
    for program in (
        inner,
        dictionary({"state_dict": inner}),
        dictionary({"epoch": number(3), "loss": tensor(storage(key="lost")), "network": inner}),
        dictionary({"model": dictionary({"state_dict": inner}), "optimizer": b"](K\x01K\x02e"}),
        dictionary({"model_state_dict": inner, "lr": b"G" + struct.pack(">d", 1e-4), "best": b"N"}),
    ):
        assert list(load(archive(program, members))) == ["a", "b"]
    names = dictionary({"model": tensor(), "network": tensor()})  # a tensor of that name is just a tensor
    assert list(load(archive(names, members))) == ["model", "network"]


def test_the_folder_may_have_any_name(load: Callable[..., dict[str, np.ndarray]]) -> None:
    """PyTorch takes the file's; other members are of no interest."""
    members = {"bmshj2018-1/version": b"3\n", "bmshj2018-1/.data/serialization_id": b"0123"}
    program = dictionary({"a": tensor()})
    assert list(load(archive(program, {"0": SIX}, folder="bmshj2018-1", members=members))) == ["a"]


# --------------------------------------------------------------------------------------------------
# Nothing runs


class Bomb:
    """Goes off when unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return (os.system, (f"touch {self.path}",))


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_bomb_does_not_go_off(protocol: int, tmp_path: Path) -> None:
    """Whichever way it is written, and wherever in the file it lies."""
    path, trace = tmp_path / "weights.pth", tmp_path / "trace"
    bomb = pickle.dumps({"a": Bomb(trace)}, protocol)
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("archive/data.pkl", bomb)
    with pytest.raises(
        ValueError, match=r"names 'posix system', which no|which torch.save does not write|says protocol"
    ):
        load_torch(path)
    assert not trace.exists()
    pickle.loads(bomb)
    assert trace.exists()  # it was a live one


@pytest.mark.parametrize(
    ("module", "what"),
    [
        *(
            ("os", "system"),
            ("posix", "system"),
            ("nt", "system"),
            ("builtins", "eval"),
            ("builtins", "exec"),
        ),
        *(("builtins", "getattr"), ("__builtin__", "eval"), ("subprocess", "Popen"), ("pickle", "loads")),
        *(("torch", "load"), ("torch.hub", "load"), ("torch.nn.modules.linear", "Linear")),
        *(("torch", "FloatStorage.__init__"), ("torch", "OrderedDict"), ("collections", "Counter")),
        *(
            ("collections", "OrderedDict.fromkeys"),
            ("collections OrderedDict", ""),
            ("torch", "floatstorage"),
        ),
        *(("torch._utils", "_rebuild_tensor"), ("torch._utils", "_rebuild_qtensor"), ("numpy", "ndarray")),
        *(("numpy._core.multiarray", "scalar"), ("torch.storage", "UntypedStorage"), ("x" * 10000, "y")),
        ("torch", "ComplexFloatStorage"),
    ],
)
def test_names_that_no_state_dict_needs(
    module: str, what: str, load: Callable[..., dict[str, np.ndarray]]
) -> None:
    """Refused by name, before anything else is looked at; the file's folder of storages is not even there."""
    for program in (
        name(module, what),
        dictionary({"a": tensor(), "b": name(module, what) + b"(" + text("true") + b"tR"}),
    ):
        with pytest.raises(ValueError, match=r"weights.pth: byte \d+ of its pickle names '") as caught:
            load(archive(program))
        assert module[:50] in str(caught.value)
        assert what[:50] in str(caught.value)
        assert len(str(caught.value)) < 400


FUNCTION = name("torch._utils", "_rebuild_tensor_v2")
DICT = name("collections", "OrderedDict")


@pytest.mark.parametrize(
    ("program", "words"),
    [
        (DICT + b"(}tR", "calls collections OrderedDict in an unknown way"),
        (DICT + b"}R", "calls collections OrderedDict in an unknown way"),
        (name("torch", "FloatStorage") + b")R", "calls torch FloatStorage in an unknown way"),
        (text("system") + b")R", "calls what is no function in an unknown way"),
        (ORDERED + b")R", "calls what is no function"),
        (FUNCTION + b")R", "calls torch._utils _rebuild_tensor_v2"),
        (name("torch._utils", "_rebuild_parameter") + b"(}tR", "calls torch._utils _rebuild_parameter"),
        (FUNCTION + dictionary({"__code__": b"N"}) + b"b", "takes a _Global for a dict"),
        (tensor() + dictionary({"storage": b"N"}) + b"b", "takes a StoredTensor for a dict"),
        (tensor() + text("a") + text("b") + b"s", "takes a StoredTensor for a dict"),
        (b"}" + text("a") + b"a", "takes a dict for a list"),
        (FUNCTION + b")\x81", "has the opcode NEWOBJ"),
        (b"(" + FUNCTION + b"o", "has the opcode OBJ"),
        (b"(ios\nsystem\n", "has the opcode INST"),
        (text("os") + text("system") + b"\x93", "has the opcode STACK_GLOBAL"),
        (b"\x82\x01", "has the opcode EXT1"),
        (b"P0\n", "has the opcode PERSID"),
        (b"\x80\x04", "says protocol 4"),
        (b"C\x01a", "has the opcode SHORT_BINBYTES"),
        (b"2", "has the opcode DUP"),
        (b"(tt", "takes what is not there"),
        (b"h\x07", "takes what is not there"),
        (b"R", "takes what is not there"),
        (b"u", "takes what is not there"),
        (b"}(K\x01u", "sets a key without a value"),
        (b"})K\x01s", "has a key that is a tuple"),
        (b"}" + number(1 << 61) + b"K\x01s", "has a key that is a int"),
        (b"}G" + bytes(8) + b"K\x01s", "has a key that is a float"),
        (b"X\xff\xff\xff\x7fabc", "is damaged after byte 0: expected 2147483647 bytes"),
        (b"\x8b\xff\xff\xff\x7fabc", "is damaged after byte 0: expected 2147483647 bytes|not enough data"),
        (b"X\x02\x00\x00\x00\xff\xff", "is damaged after byte 0: .*utf"),
        (b"\xff", r"is damaged after byte 0: .*opcode b'\\xff' unknown"),
    ],
)
def test_programs_that_a_state_dict_is_not(
    program: bytes, words: str, load: Callable[..., dict[str, np.ndarray]]
) -> None:
    """Calls of what cannot be called, changes of what is no dictionary, opcodes that nobody needs."""
    with pytest.raises(ValueError, match=words):
        load(archive(program, {"0": SIX}))


def test_nothing_stays_behind() -> None:
    """Names from a file change nothing here: the same reading gives the same afterwards."""
    before = dict(DTYPES)
    for program in (
        FUNCTION + b"N" + dictionary({"__defaults__": numbers([1])}) + b"\x86b",
        DICT + dictionary({"fromkeys": b"N"}) + b"b",
        ORDERED + b"N" + dictionary({"items": b"N"}) + b"\x86b",
    ):
        try:
            read_pickle(pickled(program))
        except ValueError:
            continue
    assert before == DTYPES
    assert read_pickle(pickled(ORDERED)) == {}
    assert read_pickle(pickled(dictionary({"a": tensor()})))["a"].shape == (2, 3)


# --------------------------------------------------------------------------------------------------
# Tensors that are not what they seem

LARGE = 1 << 62


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (tensor(offset=1), "has 'a' reach element 6 of a storage of 6"),
        (tensor(strides=(4, 1)), "has 'a' reach element 6 of a storage of 6"),
        (tensor(shape=(1, 7)), "has 'a' reach element 6 of a storage of 6"),
        (tensor(offset=6, shape=(), strides=()), "reach element 6 of a storage of 6"),
        (tensor(offset=LARGE), "has 'a' reach element"),
        (tensor(strides=(LARGE, LARGE)), "has 'a' reach element"),
        (
            tensor(shape=(2, 2), strides=(1 << 61, 1)),
            "has 'a' reach element",
        ),  # the bytes would wrap round to 0
        (tensor(offset=-1), "are no natural numbers"),
        (tensor(strides=(-3, 1)), "are no natural numbers"),
        (tensor(shape=(-2, -3)), "are no natural numbers"),
        (tensor(shape=(1 << 63, 0)), "are no natural numbers below"),
        (tensor(shape=(2,)), "with 1 axes and 2 strides"),
        (tensor(shape=(1,) * 33, strides=(1,) * 33), "with 33 axes"),
        (tensor(shape=(LARGE, 0)), r"of the impossible shape \(4611686018427387904, 0\)"),
        (tensor(strides=(0, 0), shape=(1 << 40, 3)), "has tensors of .* bytes up to 'a', allowed are"),
        (tensor(strides=(0,) * 32, shape=(LARGE,) * 32), "has tensors of .* bytes up to 'a', allowed are"),
        (tensor(storage(size=7)), "has 24 bytes in the storage '0', but 'a' needs one of 28"),
        (tensor(storage(size=5)), "has 24 bytes in the storage '0', but 'a' needs one of 20"),
        (tensor(storage(size=0), shape=(0, 3)), "has 24 bytes in the storage '0', but 'a' needs one of 0"),
        (tensor(storage("DoubleStorage")), "has 24 bytes in the storage '0', but 'a' needs one of 48"),
        (tensor(storage(size=1 << 60)), "has 24 bytes in the storage '0', but 'a' needs one of 4611686"),
        (tensor(storage(size=1 << 63)), "describes a storage in an unknown way"),
        (tensor(storage(size=-1)), "describes a storage in an unknown way"),
        (tensor(storage(key="1")), "has no member '1' in its data, the storage of 'a'"),
        (tensor(storage(key="../data.pkl")), "has no member '../data.pkl' in its data"),
        (tensor(storage(key="/etc/passwd")), "has no member '/etc/passwd' in its data"),
        (tensor(storage(key="x" * 81)), "describes a storage in an unknown way"),
        (tensor(storage("QuantizedStorage")), "names 'torch QuantizedStorage'"),
        (tensor(text("0")), "describes a tensor in an unknown way"),
        (tensor(tensor()), "describes a tensor in an unknown way"),
        (tensor(more=dictionary({"neg": b"\x88"})), "is a conjugated or negated view"),
        (tensor(more=b"}" + b"N"), "calls torch._utils _rebuild_tensor_v2 in an unknown way"),
        (b"(" + text("module") + DICT + text("0") + text("cpu") + b"NtQ", "describes a storage"),
        (b"NQ", "describes a storage in an unknown way"),
    ],
)
def test_tensors_that_are_not_what_they_seem(
    made: bytes, words: str, load: Callable[..., dict[str, np.ndarray]]
) -> None:
    """No element outside of a storage is ever looked at, no memory taken that the file does not fill."""
    data = archive(dictionary({"a": made}), {"0": SIX}, members={"archive/data/9": b"secret" * 9})
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match=words):
            load(data)
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("program", "words"),
    [
        (b"]", "holds a list, no dictionary of tensors"),
        (b"N", "holds a NoneType"),
        (tensor(), "holds one tensor without a name"),
        (b"}", "holds no tensors"),
        (dictionary({"a": tensor(), "b": number(3)}), "holds 'b', a int and no tensor"),
        (dictionary({"a": dictionary({"b": tensor()})}), "holds 'a', a dict and no tensor"),
        (dictionary({"state_dict": b"}"}), "holds no tensors"),
        (dictionary({"a\x1b[31m": tensor()}), r"holds 'a\\x1b\[31m', which is no name"),
        (dictionary({"a" * 201: tensor()}), "which is no name of a tensor"),
        (b"}(" + number(7) + tensor() + b"u", "holds '7', which is no name"),
        (b"}q\x00(" + text("state_dict") + b"h\x00u", "holds 'state_dict', a dict and no tensor"),
    ],
)
def test_contents_that_are_no_state_dict(
    program: bytes, words: str, load: Callable[..., dict[str, np.ndarray]]
) -> None:
    """With the advice what to save; the last one holds itself."""
    with pytest.raises(ValueError, match=words):
        load(archive(program, {"0": SIX}))


# --------------------------------------------------------------------------------------------------
# Time and memory


def test_a_thousand_views_of_one_storage_have_a_limit(load: Callable[..., dict[str, np.ndarray]]) -> None:
    """A file of 4 MB that would be 4 GB: counted before the first is made."""
    views = {str(i): tensor(storage(size=1 << 20), shape=(1 << 20,), strides=(1,)) for i in range(1000)}
    data = archive(dictionary(views), {"0": bytes(4 << 20)})
    tracemalloc.start()
    with pytest.raises(
        ValueError, match="has tensors of 1077936128 bytes up to '256', allowed are 1073741824"
    ):
        load(data)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 << 20
    with pytest.raises(ValueError, match=r"has \d+ bytes, allowed are 100"):
        load(data, max_bytes=100)


@pytest.mark.parametrize(
    ("program", "words"),
    [
        (b"}r\xff\xff\xff\xff", "holds no tensors"),  # Python's unpickler would ask for 64 GB here
        (b"\x96" + (1 << 40).to_bytes(8, "little"), "is damaged"),
        (b"\x8e" + (1 << 40).to_bytes(8, "little"), "is damaged"),
        (b"\x95" + (1 << 40).to_bytes(8, "little") + b"}", "has the opcode FRAME"),
        (b"]" * 50_000 + b"a" * 49_999, "holds a list"),
        (b")" + b"\x85" * 50_000, "holds a tuple"),
        (b"})" + b"\x85" * 50_000 + b"Ns", "has a key that is a tuple"),
        (b")" + b"q\x00h\x00h\x00\x87" * 20_000, "holds a tuple"),  # 3^20000 paths through it
    ],
    ids=["memo", "bytearray", "bytes", "frame", "lists", "tuples", "key", "laughs"],
)
def test_little_programs_of_great_appetite(
    program: bytes, words: str, load: Callable[..., dict[str, np.ndarray]]
) -> None:
    """Time and memory are those of the length of the pickle."""
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match=words):
            load(archive(program))
        assert tracemalloc.get_traced_memory()[1] < 1 << 26
    finally:
        tracemalloc.stop()


# --------------------------------------------------------------------------------------------------
# The archive


def test_files_of_other_kinds(load: Callable[..., dict[str, np.ndarray]]) -> None:
    """Each by its name, with what to do."""
    program = dictionary({"a": tensor()})
    old = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03.\x80\x02}q\x00"
    cases = [
        (b"", "is empty"),
        (b"hello there", "is no file of torch.save, which begins with b'PK'; it begins with b'hello '"),
        (old, "PyTorch's format of before version 1.6, .* PyTorch converts it: torch.save"),
        (pickle.dumps({"a": 1}), "is a bare pickle"),
        (b"PK\x03\x04", "truncated or damaged"),
        (archive(program, members={"archive/constants.pkl": b""}), "is a program of TorchScript"),
        (archive(program, members={"other/data.pkl": b""}), "has 2 members data.pkl in a folder"),
        (archive(program, folder="a/b"), "has 0 members data.pkl in a folder"),
        (archive(program, {"0": SIX}, method=zipfile.ZIP_DEFLATED), "data.pkl' compressed, which"),
        (archive(program, {"0": SIX}, members={"archive/byteorder": b"middle"}), "the byte order b'middle'"),
        (archive(program, {"0": SIX}, members={"archive/byteorder": bytes(99)}), "a byteorder of 99 bytes"),
        (archive(bytes(MAX_PICKLE)), "has a data.pkl of 4194307 bytes, allowed are 4194304"),
    ]
    for data, words in cases:
        with pytest.raises(ValueError, match=words) as caught:
            load(data)
        assert "weights.pth: " in str(caught.value)


@pytest.mark.filterwarnings("ignore:Duplicate name:UserWarning")
def test_a_member_that_is_there_twice(load: Callable[..., dict[str, np.ndarray]]) -> None:
    """Which one counts would be anybody's guess."""
    data = archive(dictionary({"a": tensor()}), {"0": SIX}, members={"archive/data/0": SIX})
    with pytest.raises(ValueError, match="has the member 'archive/data/0' twice"):
        load(data)


def test_members_that_claim_more_than_there_is(load: Callable[..., dict[str, np.ndarray]]) -> None:
    """In the archive's directory; together they may not have more than the file."""
    data = bytearray(archive(dictionary({"a": tensor(storage(size=1 << 28))}), {"0": SIX}))
    place = data.rfind(b"PK\x01\x02")
    struct.pack_into("<2L", data, place + 20, 1 << 30, 1 << 30)
    with pytest.raises(ValueError, match=r"claims 10737.* bytes in its members, more than can be in"):
        load(bytes(data))


def small_file() -> bytes:
    """Two tensors of one storage."""
    views = {"a": tensor(), "b": tensor(offset=3, shape=(3,), strides=(1,))}
    return archive(dictionary(views), {"0": SIX}, members={"archive/byteorder": b"little"})


def test_every_truncation_is_refused(tmp_path: Path) -> None:
    """By its name."""
    path, data = tmp_path / "weights.pth", small_file()
    path.write_bytes(data)
    assert list(load_torch(path)) == ["a", "b"]
    for length in reversed(range(len(data))):
        os.truncate(path, length)
        with pytest.raises(ValueError, match=r"weights\.pth: "):
            load_torch(path)


def test_a_changed_byte_is_refused_or_changes_no_number(tmp_path: Path) -> None:
    """The checksums guard names and numbers; a byte of the date may change unnoticed."""
    path, data = tmp_path / "weights.pth", small_file()
    path.write_bytes(data)
    whole, rng, refused = load_torch(path), np.random.default_rng(0), 0
    with path.open("r+b", buffering=0) as file:
        for place, byte in enumerate(data):
            file.seek(place)
            file.write(bytes([byte ^ int(rng.integers(1, 256))]))
            try:
                found = load_torch(path)
            except ValueError:
                refused += 1
            else:
                assert list(found) == list(whole)
                assert all((found[key] == whole[key]).all() for key in whole)
            file.seek(place)
            file.write(bytes([byte]))
    assert refused > len(data) / 2


def test_views_at_random_see_their_storage_or_are_refused(
    load: Callable[..., dict[str, np.ndarray]], count: Callable[[str], None]
) -> None:
    """Against the definition, element by element."""
    rng, refused = np.random.default_rng(3), 0
    for trial in range(300):
        views, expected = {}, {}
        size = int(rng.integers(0, 40))
        for i in range(int(rng.integers(1, 4))):
            axes = int(rng.integers(0, 5))
            shape = tuple(int(axis) for axis in rng.integers(0, 4, axes) + (rng.random() < 0.8))
            strides = tuple(int(stride) for stride in rng.integers(0, 9, axes))
            offset = int(rng.integers(0, 9))
            views[str(i)] = tensor(storage("ShortStorage", size=size), offset, shape, strides)
            places = [offset + int(np.dot(place, strides)) for place in np.ndindex(shape)]
            expected[str(i)] = np.array(places, np.int16).reshape(shape)
        data = archive(dictionary(views), {"0": np.arange(size, dtype="<i2").tobytes()})
        if any(array.size and array.max() >= size for array in expected.values()):
            refused += 1
            with pytest.raises(ValueError, match="reach element"):
                load(data)
        else:
            for key, array in load(data).items():
                np.testing.assert_array_equal(array, expected[key], strict=True, err_msg=f"trial {trial}")
    assert 75 < refused < 225
    count(f"files of torch.save: 300 files of views at random, {refused} rightly refused")


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of pickletools, for strings of Python 2
def test_mutants_of_the_pickle_are_read_or_refused(
    load: Callable[..., dict[str, np.ndarray]], count: Callable[[str], None]
) -> None:
    """With right checksums; nothing but `ValueError` comes out."""
    views = {"a": tensor(), "b": tensor(offset=1, shape=(2, 2)), "c": tensor(storage("HalfStorage", "1"))}
    program = pickled(dictionary({"state_dict": dictionary(views), "best": b"N", "epoch": number(300)}))
    storages = {"0": SIX, "1": bytes(12)}
    rng, parsed, read, slowest = np.random.default_rng(1), 0, 0, 0.0
    for _ in range(4000):
        mutant = bytearray(program)
        for _ in range(int(rng.integers(1, 4))):
            place, length = int(rng.integers(len(mutant))), int(rng.integers(1, 30))
            start = int(rng.integers(len(program)))
            kind = int(rng.integers(6))
            if kind < 4:
                mutant[place] = int(rng.integers(256)) if kind < 2 else mutant[place] ^ (1 << kind)
            elif kind == 4:
                del mutant[place : place + length]
            else:
                mutant[place:place] = program[start : start + length]
        begun = time.perf_counter()
        with suppress(ValueError):
            read_pickle(bytes(mutant))
            parsed += 1
            load(archive(bytes(mutant[2:-1]), storages))
            read += 1
        slowest = max(slowest, time.perf_counter() - begun)
    assert parsed > 100
    assert slowest < 2
    count(f"files of torch.save: 4000 mutants of a pickle, {parsed} are pickles, {read} state dicts")
