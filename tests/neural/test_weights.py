"""Files of weights: written and read to the same numbers, named by a hash, refused where they are none."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest
from codec_cases import small_weights
from hyper_cases import NAMES, hyper_weights

from neural_from_scratch import weights as module
from neural_from_scratch.checkpoint import load_state, save_state
from neural_from_scratch.weights import (
    load_weights,
    make_weights,
    qualities,
    read_weights,
    write_weights,
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file of weights."""
    write_weights(tmp_path / "w.npz", small_weights())
    return tmp_path / "w.npz"


def test_written_and_read(path: Path, tmp_path: Path) -> None:
    """The same parameters, tables, hash and card; the same bytes each time."""
    ours, read = small_weights(), read_weights(path)
    assert (read.hash, read.card, read.weight) == (ours.hash, ours.card, ours.weight)
    state = read.model.state_dict()
    for name, array in ours.model.state_dict().items():
        np.testing.assert_array_equal(array, state[name], err_msg=name)
        assert array.dtype == np.float32
        np.testing.assert_array_equal(array, array.astype(np.float16))
    for name in ("cdf", "lengths", "offsets"):
        np.testing.assert_array_equal(getattr(ours.tables, name), getattr(read.tables, name))
    write_weights(tmp_path / "again.npz", read)
    assert (tmp_path / "again.npz").read_bytes() == path.read_bytes()
    assert not any(tensor.requires_grad for tensor in read.model.parameters())


def test_tables_belong_to_the_rounded_numbers() -> None:
    """What is kept as float16 is what tables and medians are made of."""
    weights = small_weights()
    tables = weights.model.entropy_bottleneck.tables()
    np.testing.assert_array_equal(tables.cdf, weights.tables.cdf)
    logits = weights.model.entropy_bottleneck.logits(
        weights.model.entropy_bottleneck.medians[:, 0].astype(np.float64)
    )
    assert np.abs(logits).max() < 0.05  # of the median, to float16


def test_the_hash_is_of_numbers_and_not_of_the_card() -> None:
    ours = small_weights()
    state = ours.model.state_dict()
    assert make_weights(state, {"lambda": 1.0, "by": "somebody else"}).hash == ours.hash
    state["g_s.6.bias"] = state["g_s.6.bias"] + 1
    assert make_weights(state, ours.card).hash != ours.hash


def test_numbers_that_float16_has_not() -> None:
    state = small_weights().model.state_dict()
    state["g_a.0.weight"] = state["g_a.0.weight"] + np.float32(1e5)
    with pytest.raises(ValueError, match=r"not finite as float16: g_a\.0\.weight"):
        make_weights(state, {"lambda": 1.0})


def change(path: Path, **arrays: np.ndarray | None) -> None:
    """Write a file again with other members; None leaves one out."""
    state = {**load_state(path), **{name.replace("__", "."): array for name, array in arrays.items()}}
    save_state(path, {name: array for name, array in state.items() if array is not None})


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"card": None}, "card is missing"),
        ({"tables__cdf": None}, r"tables\.cdf is missing"),
        ({"g_a__0__weight": None}, r"g_a\.0\.weight is missing"),
        ({"g_s__6__bias": None}, r"missing: g_s\.6\.bias"),
        ({"g_a__0__weight": np.zeros(3, np.float16)}, "four dimensions"),
        ({"tables__offsets": np.zeros(3, np.int32)}, "cdf has 48 rows"),
        ({"tables__lengths": np.zeros(48, np.float32)}, "lengths is .*int32"),
        ({"card": np.array("{}")}, "lambda is missing"),
        ({"card": np.array('{"lambda": -1}')}, "card without λ"),
        ({"card": np.array("nothing")}, "Expecting value"),
        ({"surplus": np.zeros(3)}, "extra: surplus"),
    ],
)
def test_what_is_no_file_of_weights(path: Path, arrays: dict, words: str) -> None:
    change(path, **arrays)
    with pytest.raises(ValueError, match=words) as caught:
        read_weights(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("name", NAMES)
def test_hyperpriors_keep_edges_and_their_tables(name: str, path: Path) -> None:
    """Written and read to the same numbers; refused where they are not all there, or do not fit."""
    ours = hyper_weights(name)
    write_weights(path, ours)
    read = read_weights(path)
    assert read.hash == ours.hash != small_weights().hash
    assert type(read.model) is type(ours.model)
    assert read.scale_tables is not None
    np.testing.assert_array_equal(read.scale_tables.cdf, ours.scale_tables.cdf)
    np.testing.assert_array_equal(read.edges, ours.edges)
    assert "format" not in load_state(path)
    falling = ours.edges.copy()
    falling[3] = falling[2]
    weight = ours.model.state_dict()["h_s.2.weight"].astype(np.float16)
    weight[0, 0, 0, 0] = 40000
    for arrays, words in (
        ({"scale_edges": None}, "scale_edges is missing"),
        ({"scale_tables__cdf": None}, r"scale_tables\.cdf is missing"),
        ({"scale_edges": falling}, "scale_edges do not rise"),
        ({"scale_edges": ours.edges - ours.edges[1]}, "scale_edges do not rise from 0 on"),
        ({"scale_edges": ours.edges[1:]}, "scale_edges do not rise"),
        ({"scale_edges": ours.edges.astype(np.int64)}, "scale_edges do not rise"),
        ({"h_s__2__weight": weight}, "a weight of h_s is 40000.0, must be 32768 at most"),
    ):
        write_weights(path, ours)
        change(path, **arrays)
        with pytest.raises(ValueError, match=words) as caught:
            read_weights(path)
        assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    "claimed", [np.array(2), np.array(0), np.array([1, 1]), np.array("two"), np.array(1.5), np.array(1j)]
)
def test_another_format(path: Path, claimed: np.ndarray) -> None:
    """Refused by name, whatever else has changed in it; format 1 may be said."""
    change(path, format=np.array(1))
    assert read_weights(path).hash == small_weights().hash
    change(path, format=claimed, card=None)
    with pytest.raises(ValueError, match=r"weights of format .*; this is a reader of format 1") as caught:
        read_weights(path)
    assert str(path) in str(caught.value)


def test_damaged_files(path: Path, tmp_path: Path) -> None:
    """Cut, or no archive at all."""
    whole = path.read_bytes()
    for data in (b"", b"text", whole[: len(whole) // 2], whole[:-30]):
        path.write_bytes(data)
        with pytest.raises(ValueError, match=r"w\.npz"):
            read_weights(path)
    with pytest.raises(FileNotFoundError):
        read_weights(tmp_path / "none.npz")


def test_shipped_ones(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Found by their names, read once; the wheel would hold them all."""
    assert qualities()
    assert load_weights(qualities()[0]) is load_weights(qualities()[0])
    with pytest.raises(ValueError, match="quality=77, there are"):
        load_weights(77)
    for path in module.FOLDER.glob("*.npz"):
        with zipfile.ZipFile(path) as archive:
            assert {member.date_time for member in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
    monkeypatch.setattr(module, "FOLDER", tmp_path)
    assert qualities() == []
    load_weights.cache_clear()
    with pytest.raises(ValueError, match="there are none"):
        load_weights(3)
