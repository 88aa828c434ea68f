"""Weights on disk: whole or not at all, without pickles, and damaged files are refused with reasons."""

import io
import pickle
import struct
import zipfile

import numpy as np
import pytest

from neural_from_scratch.checkpoint import load_state, save_state

STATE = {
    "g_a.0.weight": np.arange(24, dtype=np.float32).reshape(2, 3, 2, 2),
    "g_a.0.bias": np.array([-1.5, np.nan]),
    "step": np.array(7),
    "mask": np.array([True, False]),
    "name": np.array("fäktorised"),
    "empty": np.zeros((0, 3), np.float32),
    "entropy_bottleneck._quantized_cdf": np.array([[0, 21845, 65536]], np.int32),
}


def same(one, other):
    return list(one) == list(other) and all(
        one[key].dtype == other[key].dtype
        and one[key].shape == other[key].shape
        and one[key].tobytes() == other[key].tobytes()
        for key in one
    )


def packed(members, method=zipfile.ZIP_STORED):
    """A ZIP archive of names and bytes."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, data in members:
            archive.writestr(name, data)
    return file.getvalue()


def npy(header, data=b"", version=b"\x01\x00"):
    """A `.npy` with a header made by hand."""
    text = header.encode("latin-1") + b"\n"
    return b"\x93NUMPY" + version + struct.pack("<H", len(text)) + text + data


def header(descr="'<f4'", shape="(2,)", order="False"):
    return f"{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}, }}"


# --------------------------------------------------------------------------------------------------
# There and back


def test_what_is_saved_comes_back_to_the_bit_and_in_order(tmp_path):
    save_state(tmp_path / "weights.npz", STATE)
    assert same(load_state(tmp_path / "weights.npz"), STATE)


def test_numpy_reads_it_without_pickle(tmp_path):
    save_state(tmp_path / "weights.npz", STATE)
    with np.load(tmp_path / "weights.npz", allow_pickle=False) as theirs:
        assert same(dict(theirs), STATE)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_what_numpy_saves_is_read(tmp_path, save):
    save(tmp_path / "weights.npz", **STATE)
    assert same(load_state(tmp_path / "weights.npz"), STATE)


def test_the_name_is_taken_as_it_is(tmp_path):
    save_state(tmp_path / "weights", STATE)
    assert [path.name for path in tmp_path.iterdir()] == ["weights"]


def test_equal_states_make_equal_files(tmp_path):
    for name in "one", "two":
        save_state(tmp_path / name, STATE)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_any_layout_and_byte_order_goes_in_and_loaded_arrays_may_be_changed(tmp_path):
    rows = np.arange(12, dtype=np.float32).reshape(3, 4)
    state = {
        "columns": rows.T,
        "steps": rows[::2, ::-1],
        "big": rows.astype(">f4"),
        "fortran": np.asfortranarray(rows),
    }
    save_state(tmp_path / "weights", state)
    loaded = load_state(tmp_path / "weights")
    for key, array in state.items():
        assert (loaded[key] == array).all()
        assert loaded[key].dtype == np.dtype(np.float32)
        loaded[key] += 1


def test_a_state_without_arrays_is_a_file_too(tmp_path):
    save_state(tmp_path / "weights", {})
    assert load_state(tmp_path / "weights") == {}


@pytest.mark.parametrize("key", ["a.npy", "x/y", "../up", "ä", " "])
def test_keys_are_only_names(tmp_path, key):
    save_state(tmp_path / "weights", {key: np.zeros(2)})
    assert list(load_state(tmp_path / "weights")) == [key]


# --------------------------------------------------------------------------------------------------
# Whole or not at all


@pytest.mark.parametrize(
    ("state", "error", "words"),
    [
        ({"a": np.zeros(2), "b": [1.0]}, TypeError, "b is a list, must be an array"),
        ({"a": np.array([{}])}, TypeError, "a has dtype object, which only a pickle could hold"),
        ({"a": np.zeros(1, [("x", "f4")])}, TypeError, "a has dtype"),
        ({1: np.zeros(2)}, TypeError, "the key 1 is a int"),
        ({"": np.zeros(2)}, ValueError, "is empty"),
        ({"a\0b": np.zeros(2)}, ValueError, "has a zero in it"),
    ],
)
def test_states_that_are_none_leave_the_old_file_alone(tmp_path, state, error, words):
    path = tmp_path / "weights"
    path.write_bytes(b"old")
    with pytest.raises(error, match=words):
        save_state(path, state)
    assert path.read_bytes() == b"old"
    assert len(list(tmp_path.iterdir())) == 1


def test_a_failure_in_the_middle_leaves_the_old_file_alone(tmp_path, monkeypatch):
    path = tmp_path / "weights"
    path.write_bytes(b"old")
    write, calls = np.lib.format.write_array, []

    def full(*args, **named):
        calls.append(0)
        if len(calls) == 3:
            raise OSError("no space left on device")
        write(*args, **named)

    monkeypatch.setattr(np.lib.format, "write_array", full)
    with pytest.raises(OSError, match="no space"):
        save_state(path, STATE)
    assert len(calls) == 3
    assert path.read_bytes() == b"old"
    assert len(list(tmp_path.iterdir())) == 1


def test_the_old_file_stays_until_the_new_one_takes_its_place(tmp_path, monkeypatch):
    path = tmp_path / "weights"
    path.write_bytes(b"old")

    def refuse(self, target):
        assert load_state(self).keys() == STATE.keys()
        raise PermissionError("no")

    monkeypatch.setattr(type(path), "replace", refuse)
    with pytest.raises(PermissionError):
        save_state(path, STATE)
    assert path.read_bytes() == b"old"
    assert len(list(tmp_path.iterdir())) == 1


def test_a_folder_that_is_not_there_is_an_os_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        save_state(tmp_path / "nowhere" / "weights", STATE)
    with pytest.raises(FileNotFoundError):
        load_state(tmp_path / "weights")


# --------------------------------------------------------------------------------------------------
# Files that are no weights


class Bomb:
    """Goes off when unpickled."""

    def __reduce__(self):
        return (pytest.fail, ("a pickle was run",))


GOOD = npy(header(), bytes(8))
BAD = {
    "no bytes": (b"", "is empty"),
    "text": (b"hello there", "is no .npz file"),
    "one array": (GOOD, "one .npy array"),
    "a pickle": (pickle.dumps(Bomb()), "a pickle, perhaps PyTorch's"),
    "only the start": (b"PK\x03\x04", "truncated or damaged"),
    "PyTorch's zip": (
        packed([("archive/data.pkl", pickle.dumps(Bomb()))]),
        "'archive/data.pkl' is no .npy array",
    ),
    "objects": (
        packed([("a.npy", npy(header("'|O'"), pickle.dumps([Bomb(), Bomb()])))]),
        "'a' has dtype object",
    ),
    "records": (packed([("a.npy", npy(header("[('x', '<f4')]"), bytes(8)))]), "Python objects or records"),
    "twice": (None, "'a' is there twice"),
    "no magic": (packed([("a.npy", bytes(99))]), "'a' has no readable .npy header"),
    "no header": (packed([("a.npy", b"")]), "'a' has no readable .npy header"),
    "a version to come": (packed([("a.npy", npy(header(), bytes(8), b"\x07\x00"))]), "version"),
    "code for a header": (packed([("a.npy", npy("__import__('os').abort()"))]), "no readable .npy header"),
    "half a header": (packed([("a.npy", npy("{'descr': ("))]), "no readable .npy header"),
    "deep brackets": (packed([("a.npy", npy("(" * 5000))]), "no readable .npy header"),
    "a dtype that is none": (packed([("a.npy", npy(header("'<q9'")))]), "no readable .npy header"),
    "terabytes": (
        packed([("a.npy", npy(header(shape="(1 << 40,)".replace("1 << 40", str(1 << 40)))))]),
        "should have",
    ),
    "too short": (packed([("a.npy", npy(header(), bytes(7)))]), "should have 8 bytes .* has 7"),
    "too long": (packed([("a.npy", npy(header(), bytes(9)))]), "should have 8 bytes .* has 9"),
    "negative": (packed([("a.npy", npy(header(shape="(-2, -1)"), bytes(8)))]), "should have"),
    "huge and empty": (packed([("a.npy", npy(header(shape=f"(0, {1 << 70})")))]), "impossible shape"),
    "too many axes": (packed([("a.npy", npy(header(shape=str((1,) * 70)), bytes(4)))]), "impossible shape"),
    "packed by LZMA": (packed([("a.npy", GOOD)], zipfile.ZIP_LZMA), "packed by method 14"),
}


@pytest.mark.parametrize("name", BAD)
@pytest.mark.filterwarnings("ignore:Duplicate name:UserWarning", "ignore:Reading `.npy`:UserWarning")
def test_files_that_are_no_weights_are_refused_with_the_reason(tmp_path, name):
    data, words = BAD[name]
    path = tmp_path / "weights.npz"
    path.write_bytes(packed([("a.npy", GOOD), ("a.npy", GOOD)]) if data is None else data)
    with pytest.raises(ValueError, match=words) as caught:
        load_state(path)
    assert str(caught.value).startswith(f"{path}: ")


def with_sizes(data, compressed, plain):
    """Change both sizes of every member, as the directory of an archive tells them."""
    data = bytearray(data)
    place = data.find(b"PK\x01\x02")
    while place >= 0:
        sizes = struct.unpack_from("<2L", data, place + 20)
        struct.pack_into("<2L", data, place + 20, sizes[0] + compressed, sizes[1] + plain)
        place = data.find(b"PK\x01\x02", place + 4)
    return bytes(data)


def test_members_that_must_share_bytes_are_refused(tmp_path):
    """As in a bomb: each fits in the file, all of them together do not."""
    data = packed([(f"{name}.npy", npy(header(shape="(1000,)"), bytes(4000))) for name in "ab"])
    (tmp_path / "weights.npz").write_bytes(with_sizes(data, 3000, 0))
    with pytest.raises(ValueError, match=r"'b' claims .* more than can be"):
        load_state(tmp_path / "weights.npz")


def test_a_member_shorter_than_it_claims_is_refused(tmp_path):
    data = packed([("a.npy", npy(header(), bytes(4)))])
    (tmp_path / "weights.npz").write_bytes(with_sizes(data, 0, 4))
    with pytest.raises(ValueError, match="'a' is truncated: 4 of 8 bytes"):
        load_state(tmp_path / "weights.npz")


def test_every_truncation_is_refused(tmp_path):
    path = tmp_path / "weights.npz"
    save_state(path, STATE)
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(ValueError, match=r"weights\.npz: "):
            load_state(path)


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.filterwarnings("ignore:Reading `.npy`:UserWarning", "ignore::SyntaxWarning")
def test_a_changed_byte_is_refused_or_changes_no_number(tmp_path, compressed):
    """The checksum guards names and numbers; a byte of the date may change unnoticed."""
    path = tmp_path / "weights.npz"
    state = {"weight": np.arange(6.0), "bias": np.ones(3, np.float32)}
    np.savez_compressed(path, **state) if compressed else save_state(path, state)
    whole = path.read_bytes()
    rng = np.random.default_rng(0)
    refused = 0
    for place in range(len(whole)):
        damaged = bytearray(whole)
        damaged[place] ^= int(rng.integers(1, 256))
        path.write_bytes(damaged)
        try:
            loaded = load_state(path)
        except ValueError:
            refused += 1
        else:
            assert all((loaded[key] == state[key]).all() for key in loaded if key in state)
    assert refused > len(whole) / 2
