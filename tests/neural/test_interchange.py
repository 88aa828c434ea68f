"""Weights from and for CompressAI: there and back, names old and new, and what does not fit.

That PyTorch agrees is in test_interchange_in_pytorch.py; files that PyTorch would never write are in
test_torch_file.py.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from torch_files import archive, dictionary, tensor

from neural_from_scratch.checkpoint import save_state
from neural_from_scratch.entropy_tables import CdfTables
from neural_from_scratch.interchange import (
    factorized_prior_from,
    read_state_dict,
    tables_from,
    to_compressai,
    write_state_dict,
)
from neural_from_scratch.models import FactorizedPrior

State = dict[str, np.ndarray]
WIDTHS = {"factorized_N128_M192": (128, 192), "factorized_N192_M320": (192, 320)}


def perturbed(width: int = 6, latents: int = 9, seed: int = 0) -> FactorizedPrior:
    """A model of which every number is its own, after training has ended."""
    rng = np.random.default_rng(seed)
    model = FactorizedPrior(width, latents, rng=rng)
    for parameter in model.parameters():
        parameter.data = parameter.data + rng.normal(0, 0.1, parameter.shape).astype(np.float32)
    model.entropy_bottleneck.find_quantiles()
    return model


def same(one: State, other: State) -> bool:
    """Equal to the last bit."""
    return list(one) == list(other) and all(
        one[key].dtype == other[key].dtype
        and one[key].shape == other[key].shape
        and one[key].tobytes() == other[key].tobytes()
        for key in one
    )


def published(folder: Path, which: str) -> dict[str, tuple[int, ...]]:
    """The shapes of a published model, with tables of 50 columns."""
    path = folder / "kodak_results" / "state_dict_shapes.json"
    if not path.is_file():
        pytest.skip(f"no data: {path}")
    shapes: dict[str, list[Any]] = json.loads(path.read_text("utf-8"))[which]
    return {key: tuple(50 if axis == "Lmax" else axis for axis in shape) for key, shape in shapes.items()}


# --------------------------------------------------------------------------------------------------
# There and back


def test_what_goes_out_comes_back_exactly(tmp_path: Path) -> None:
    """Weights, and the tables that the model makes."""
    model, path = perturbed(), tmp_path / "weights.npz"
    state = to_compressai(model)
    write_state_dict(path, state)
    read = read_state_dict(path)
    assert same(read, state)
    again = factorized_prior_from(read)
    assert same(again.state_dict(), model.state_dict())
    assert again.describe() == "FactorizedPrior(6, 9)"
    assert same(to_compressai(again), state)
    tables, expected = tables_from(read), model.entropy_bottleneck.tables()
    assert tables is not None
    for part in ("cdf", "lengths", "offsets"):
        np.testing.assert_array_equal(getattr(tables, part), getattr(expected, part))


def test_tables_may_be_given() -> None:
    """Those that files were made with, for instance; as many as channels."""
    given = CdfTables.from_pmfs([[0.5, 0.5]] * 9, [-1] * 9, [0.0] * 9)
    state = to_compressai(perturbed(), given)
    np.testing.assert_array_equal(state["entropy_bottleneck._quantized_cdf"], given.cdf)
    np.testing.assert_array_equal(state["entropy_bottleneck._cdf_length"], [4] * 9)
    np.testing.assert_array_equal(state["entropy_bottleneck._offset"], [-1] * 9)
    with pytest.raises(ValueError, match="9 tables for 8 channels"):
        to_compressai(perturbed(latents=8), given)


def test_what_goes_out_is_a_copy() -> None:
    """Whoever changes it changes no model."""
    model = perturbed()
    before = model.state_dict()
    for array in to_compressai(model).values():
        array[...] = 0
    assert same(model.state_dict(), before)


def test_constants_are_those_of_compressai() -> None:
    """δ = 2⁻³⁶; √(10⁻⁶ + δ) and √δ; 10⁻⁹; ± ln(2·10⁹ − 1)."""
    state = to_compressai(perturbed())
    for half in ("g_a", "g_s"):
        for place in (1, 3, 5):
            for parameter, bound in (("beta", 1.00000727593e-3), ("gamma", 3.814697265625e-6)):
                key = f"{half}.{place}.{parameter}_reparam"
                np.testing.assert_array_equal(state[f"{key}.pedestal"], np.float32([2**-36]))
                np.testing.assert_array_equal(state[f"{key}.lower_bound.bound"], np.float32([bound]))
    np.testing.assert_array_equal(
        state["entropy_bottleneck.likelihood_lower_bound.bound"], np.float32([1e-9])
    )
    target = state["entropy_bottleneck.target"]
    np.testing.assert_allclose(target, [-21.4164130, 0, 21.4164130], rtol=1e-7)
    floats = [key for key, array in state.items() if array.dtype == np.float32]
    integers = [key for key, array in state.items() if array.dtype == np.int32]
    assert (len(floats), len(integers)) == (69, 3)


@pytest.mark.parametrize("which", WIDTHS)
def test_published_models(which: str, codec_data_folder: Path, count: Callable[[str], None]) -> None:
    """All names and shapes come in and go out: 72 keys each."""
    shapes = published(codec_data_folder, which)
    model = factorized_prior_from(_full(shapes))
    assert (model.width, model.latents) == WIDTHS[which]
    one = ([1.0] * 48, -24, 0.0)
    out = to_compressai(model, CdfTables.from_pmfs(*zip(*[one] * model.latents)))
    assert {key: array.shape for key, array in out.items()} == shapes
    count(f"interchange, {which}: {len(shapes)} keys, {model.parameter_count()} parameters")


@pytest.mark.parametrize("which", ["hyper_N128_M192", "mean_N192_M320"])
def test_other_published_models_are_refused(which: str, codec_data_folder: Path) -> None:
    """They have a hyperprior: keys of it, and a density of another number of channels."""
    state = {key: np.zeros(shape, np.float32) for key, shape in published(codec_data_folder, which).items()}
    with pytest.raises(
        ValueError, match=r"unexpected: h_a.0.weight, .* and 11 more\n .*matrices.0 is float32"
    ):
        factorized_prior_from(state)


def _full(shapes: dict[str, tuple[int, ...]]) -> State:
    """Arrays of these shapes, with CompressAI's constants."""
    constants = to_compressai(perturbed(1, 1))
    return {
        key: constants[key] if key.endswith(("pedestal", "bound", "target")) else np.zeros(shape, np.float32)
        for key, shape in shapes.items()
    }


# --------------------------------------------------------------------------------------------------
# Names


@pytest.mark.parametrize(
    "older",
    [
        lambda what, i: f"_{what}{i}",
        lambda what, i: {"matrix": "_matrices", "bias": "_biases", "factor": "_factors"}[what] + f".{i}",
    ],
    ids=["_matrix0", "_matrices.0"],
)
def test_older_names(older: Callable[[str, int], str]) -> None:
    """Both kinds."""
    model = perturbed()
    state = {}
    for key, array in to_compressai(model).items():
        for newer, what in (("matrices", "matrix"), ("biases", "bias"), ("factors", "factor")):
            prefix = f"entropy_bottleneck.{newer}."
            if key.startswith(prefix):
                key = f"entropy_bottleneck.{older(what, int(key.removeprefix(prefix)))}"
        state[key] = array
    assert sum("entropy_bottleneck._" in key for key in state) == 14 + 3
    assert same(factorized_prior_from(state).state_dict(), model.state_dict())
    state["entropy_bottleneck.matrices.0"] = np.zeros((9, 3, 1))
    with pytest.raises(ValueError, match=r"has 'entropy_bottleneck.matrices.0' twice"):
        factorized_prior_from(state)


@pytest.mark.parametrize("prefix", ["module.", "_orig_mod.", "module._orig_mod."])
def test_what_wrappers_put_in_front(prefix: str, tmp_path: Path) -> None:
    """Of DataParallel and of torch.compile; not where it would hide a name."""
    path = tmp_path / "weights.npz"
    save_state(path, {f"{prefix}a": np.zeros(2), "b.module.c": np.ones(2)})
    assert list(read_state_dict(path)) == ["a", "b.module.c"]
    save_state(path, {f"{prefix}a": np.zeros(2), "a": np.ones(2)})
    with pytest.raises(ValueError, match=r"weights.npz: has 'a' twice"):
        read_state_dict(path)


def test_a_file_is_told_by_its_name(tmp_path: Path) -> None:
    """.npz, or PyTorch's under whatever name."""
    data = archive(dictionary({"module.a": tensor()}), {"0": np.arange(6, dtype="<f4").tobytes()})
    for name in ("weights.pth", "weights.pt", "weights.pth.tar", "weights"):
        (tmp_path / name).write_bytes(data)
        state = read_state_dict(tmp_path / name)
        np.testing.assert_array_equal(state["a"], [[0, 1, 2], [3, 4, 5]])
    (tmp_path / "weights.npz").write_bytes(data)
    with pytest.raises(ValueError, match=r"'archive/data.pkl' is no .npy array: .* PyTorch's"):
        read_state_dict(tmp_path / "weights.npz")
    save_state(tmp_path / "weights.pth", {"a": np.zeros(2)})
    with pytest.raises(ValueError, match=r"has 0 members data.pkl"):
        read_state_dict(tmp_path / "weights.pth")
    with pytest.raises(ValueError, match=r"weights: the name of a file of weights must end in .npz"):
        write_state_dict(tmp_path / "weights", state)
    for name in ("none.npz", "none.pth"):
        with pytest.raises(FileNotFoundError):
            read_state_dict(tmp_path / name)


def test_an_npz_may_not_be_larger_than_allowed(tmp_path: Path) -> None:
    """Told by its directory, before anything is unpacked."""
    path = tmp_path / "weights.npz"
    np.savez_compressed(path, a=np.zeros(1 << 20))
    assert path.stat().st_size < 20_000
    with pytest.raises(ValueError, match=r"claims 8388736 bytes, allowed are 8000000"):
        read_state_dict(path, max_bytes=8_000_000)
    assert read_state_dict(path, max_bytes=8_400_000)["a"].size == 1 << 20


# --------------------------------------------------------------------------------------------------
# What does not fit


def _without(state: State, *keys: str) -> State:
    return {key: array for key, array in state.items() if key not in keys}


MISFITS: dict[str, tuple[Callable[[State], State], str]] = {
    "nothing": (lambda s: {}, r"missing: entropy_bottleneck.matrices.0, .* and 35 more"),
    "one missing": (lambda s: _without(s, "g_s.3.gamma"), r"missing: g_s.3.gamma$"),
    "the widest missing": (lambda s: _without(s, "g_a.6.weight"), r"missing: g_a.6.weight\n"),
    "one more": (lambda s: s | {"g_a.7.weight": np.zeros(1)}, r"unexpected: g_a.7.weight$"),
    "both": (
        lambda s: _without(s, "g_a.0.bias") | {"g_a.0.bia": np.zeros(6)},
        r"missing: g_a.0.bias\n  unexpected: g_a.0.bia$",
    ),
    "GDN's of another width": (
        lambda s: s | {"g_a.1.gamma": np.eye(7, dtype=np.float32)},
        r"g_a.1.gamma is float32 of shape \(7, 7\), must be floating-point of shape \(6, 6\)$",
    ),
    "a transposed convolution the wrong way": (
        lambda s: s | {"g_s.0.weight": s["g_s.0.weight"].swapaxes(0, 1)},
        r"g_s.0.weight is .* \(6, 9, 5, 5\), must be .* \(9, 6, 5, 5\)$",
    ),
    "whole numbers": (
        lambda s: s | {"g_a.0.bias": np.zeros(6, np.int64)},
        r"g_a.0.bias is int64 of shape \(6,\), must be floating-point",
    ),
    "no array": (lambda s: s | {"g_a.0.bias": [0.0] * 6}, r"g_a.0.bias is a list, must be an array"),  # type: ignore[dict-item]
    "not a number": (
        lambda s: s | {"g_a.0.bias": np.array([0, 0, np.nan, 0, 0, 0])},
        r"g_a.0.bias has numbers that are not finite",
    ),
    "too large for float32": (
        lambda s: s | {"g_a.0.bias": np.full(6, 1e39)},
        r"g_a.0.bias has numbers that are not finite as float32",
    ),
    "another bound": (
        lambda s: s | {"g_a.3.beta_reparam.lower_bound.bound": np.float32([0.1])},
        r"g_a.3.beta_reparam.lower_bound.bound is \[0.10.*\], must be \[0.0010",
    ),
    "another pedestal": (
        lambda s: s | {"g_s.5.gamma_reparam.pedestal": np.float32([1e-4])},
        r"g_s.5.gamma_reparam.pedestal is \[9.99.*e-05\], must be \[1.45.*e-11\]",
    ),
    "wrong everywhere": (
        lambda s: {key: array[:0] for key, array in s.items()},
        r"matrices.0 is float32 of shape \(0, 3, 1\)|must be",
    ),
}


@pytest.mark.parametrize("name", MISFITS)
def test_what_does_not_fit_is_listed(name: str) -> None:
    """All of it, up to a length that can be read."""
    change, words = MISFITS[name]
    state = change(to_compressai(perturbed()))
    with pytest.raises(ValueError, match=words) as caught:
        factorized_prior_from(state)
    assert str(caught.value).startswith("these are no weights of a FactorizedPrior\n")
    assert len(str(caught.value)) < 2000


def test_constants_may_be_absent_or_rounded_and_halves_become_float32() -> None:
    """A network in float16 holds 2⁻³⁶ as 0; another tail mass is the business of training."""
    model = perturbed()
    state = {
        key: array.astype(np.float16) if array.dtype.kind == "f" else array
        for key, array in to_compressai(model).items()
    }
    state["entropy_bottleneck.target"] = np.float32([-9, 0, 9])
    loaded = factorized_prior_from(state).state_dict()
    for key, array in model.state_dict().items():
        assert loaded[key].dtype == np.float32
        np.testing.assert_array_equal(loaded[key], array.astype(np.float16))
    assert same(factorized_prior_from(model.state_dict()).state_dict(), model.state_dict())


def test_a_shape_alone_takes_no_memory() -> None:
    """A million channels without a number: refused before a model of that width is made."""
    state = to_compressai(perturbed())
    state["g_a.0.weight"] = np.zeros((10**6, 3, 5, 0), np.float32)
    state["g_a.6.weight"] = np.zeros((10**6, 0, 5, 5), np.float32)
    tracemalloc.start()
    with pytest.raises(ValueError, match=r"must be floating-point of shape \(1000000, 3, 1\)"):
        factorized_prior_from(state)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1 << 20


def test_tables_that_are_none() -> None:
    """Empty before CompressAI's update(); damaged ones are named."""
    state = to_compressai(perturbed())
    names = [f"entropy_bottleneck.{name}" for name in ("_quantized_cdf", "_cdf_length", "_offset")]
    assert tables_from(_without(state, *names)) is None
    assert tables_from(state | dict.fromkeys(names, np.zeros(0, np.int32))) is None
    with pytest.raises(ValueError, match="only 2 are there"):
        tables_from(_without(state, "entropy_bottleneck._offset"))
    with pytest.raises(TypeError, match="cdf is an array of float32"):
        tables_from(state | {names[0]: state[names[0]].astype(np.float32)})
    with pytest.raises(ValueError, match=r"table 0 .* does not rise strictly"):
        tables_from(state | {names[0]: state[names[0]][:, ::-1]})


def test_pytorch_is_not_needed(tmp_path: Path) -> None:
    """Nor anything of its size, nor Python's unpickler, to read its files."""
    path = tmp_path / "weights.pth"
    path.write_bytes(archive(dictionary({"a": tensor()}), {"0": bytes(24)}))
    program = (
        "import sys, pickle, _pickle; pickle.Unpickler = pickle.loads = pickle.load = _pickle.load = None; "
        "from neural_from_scratch.interchange import read_state_dict; "
        f"print(read_state_dict({str(path)!r})['a'].shape, *{{'torch', 'numba', 'scipy'}} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "(2, 3)"
