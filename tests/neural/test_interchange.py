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
from neural_from_scratch.gaussian_model import LEVELS, scale_tables
from neural_from_scratch.interchange import (
    model_from,
    read_state_dict,
    tables_from,
    to_compressai,
    write_state_dict,
)
from neural_from_scratch.models import FactorizedPrior, MeanScaleHyperprior, ScaleHyperprior, TransformCodec
from neural_from_scratch.weights import make_weights

State = dict[str, np.ndarray]
KINDS = [FactorizedPrior, ScaleHyperprior, MeanScaleHyperprior]
PUBLISHED = {
    f"{name}_{widths}": kind
    for name, kind in zip(("factorized", "hyper", "mean"), KINDS)
    for widths in ("N128_M192", "N192_M320")
}


def perturbed(width: int = 6, latents: int = 9, seed: int = 0, kind: type = FactorizedPrior) -> Any:
    """A model of which every number is its own, after training has ended."""
    rng = np.random.default_rng(seed)
    model: TransformCodec = kind(width, latents, rng=rng)
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


@pytest.mark.parametrize("kind", KINDS)
def test_what_goes_out_comes_back_exactly(kind: type, tmp_path: Path) -> None:
    """Weights, and the tables that the model makes; and which model it is."""
    model, path = perturbed(latents=10, kind=kind), tmp_path / "weights.npz"
    state = to_compressai(model)
    write_state_dict(path, state)
    read = read_state_dict(path)
    assert same(read, state)
    again = model_from(read)
    assert type(again) is kind
    assert same(again.state_dict(), model.state_dict())
    assert again.describe() == f"{kind.__name__}(6, 10)"
    assert same(to_compressai(again), state)
    found, expected = [tables_from(read)], [model.entropy_bottleneck.tables()]
    if kind is FactorizedPrior:
        assert tables_from(read, "gaussian_conditional") is None
    else:
        found.append(tables_from(read, "gaussian_conditional"))
        expected.append(scale_tables())
    for part in ("cdf", "lengths", "offsets"):
        for one, other in zip(found, expected):
            np.testing.assert_array_equal(getattr(one, part), getattr(other, part))


@pytest.mark.parametrize("kind", KINDS)
def test_shipped_weights_go_out_and_come_back_the_same(kind: type) -> None:
    """As float16 has them: the hash that coded files name is the same again."""
    weights = make_weights(perturbed(latents=10, kind=kind).state_dict(), {"lambda": 0.01})
    state = to_compressai(weights.model, weights.tables, weights.scale_tables)
    again = make_weights(model_from(state).state_dict(), {"lambda": 0.01})
    assert type(again.model) is kind
    assert again.hash == weights.hash


def test_tables_may_be_given() -> None:
    """Those that files were made with, for instance; as many as channels, and as many as scales."""
    given = CdfTables.from_pmfs([[0.5, 0.5]] * 9, [-1] * 9, [0.0] * 9)
    state = to_compressai(perturbed(), given)
    np.testing.assert_array_equal(state["entropy_bottleneck._quantized_cdf"], given.cdf)
    np.testing.assert_array_equal(state["entropy_bottleneck._cdf_length"], [4] * 9)
    np.testing.assert_array_equal(state["entropy_bottleneck._offset"], [-1] * 9)
    with pytest.raises(ValueError, match="9 tables for 8 channels"):
        to_compressai(perturbed(latents=8), given)
    with pytest.raises(ValueError, match="tables of scales, but a FactorizedPrior has none"):
        to_compressai(perturbed(), given, scale_tables())
    model = perturbed(9, 10, kind=ScaleHyperprior)  # of z there are N
    of_scales = CdfTables.from_pmfs([[0.25] * 3] * LEVELS, [-1] * LEVELS, [0.25] * LEVELS)
    state = to_compressai(model, given, of_scales)
    np.testing.assert_array_equal(state["entropy_bottleneck._quantized_cdf"], given.cdf)
    np.testing.assert_array_equal(state["gaussian_conditional._quantized_cdf"], of_scales.cdf)
    with pytest.raises(ValueError, match="9 tables for 64 scales"):
        to_compressai(model, given, given)


def test_a_model_that_compressai_has_not() -> None:
    """Of another class, whatever its weights are called."""

    class Another(TransformCodec):
        pass

    with pytest.raises(TypeError, match="CompressAI has no Another"):
        to_compressai(Another())


def test_what_goes_out_is_a_copy() -> None:
    """Whoever changes it changes no model."""
    model = perturbed(latents=10, kind=MeanScaleHyperprior)
    before = model.state_dict()
    for array in to_compressai(model).values():
        array[...] = 0
    assert same(model.state_dict(), before)
    assert to_compressai(model)["gaussian_conditional._cdf_length"].min() > 2


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


@pytest.mark.parametrize("kind", KINDS[1:])
def test_constants_of_the_gaussian_are_those_of_compressai(kind: type) -> None:
    """64 scales from 0.11 to 256 in equal ratios, and none below; 10⁻⁹."""
    state = to_compressai(perturbed(2, 4, kind=kind))
    found = {key: array for key, array in state.items() if key.startswith("gaussian_conditional.")}
    assert len(found) == 7
    levels = np.exp(np.linspace(np.log(0.11), np.log(256), 64))
    np.testing.assert_allclose(found["gaussian_conditional.scale_table"], levels, rtol=1e-6)
    for name, value in (("scale_bound", 0.11), ("lower_bound_scale.bound", 0.11)):
        np.testing.assert_array_equal(found[f"gaussian_conditional.{name}"], np.float32([value]))
    bound = found["gaussian_conditional.likelihood_lower_bound.bound"]
    np.testing.assert_array_equal(bound, np.float32([1e-9]))


@pytest.mark.parametrize("which", PUBLISHED)
def test_published_models(which: str, codec_data_folder: Path, count: Callable[[str], None]) -> None:
    """All names and shapes come in and go out: 72 keys each, with a hyperprior 91."""
    shapes = published(codec_data_folder, which)
    model = model_from(_full(shapes, PUBLISHED[which]))
    assert type(model) is PUBLISHED[which]
    assert f"_N{model.width}_M{model.latents}" in which
    of_channels = _tables(model.entropy_bottleneck.channels, 50)
    of_scales = None if type(model) is FactorizedPrior else _tables(64, 3133)
    out = to_compressai(model, of_channels, of_scales)
    assert {key: array.shape for key, array in out.items()} == shapes
    assert len(shapes) == (72 if of_scales is None else 91)
    count(f"interchange, {which}: {len(shapes)} keys, {model.parameter_count()} parameters")


def _tables(rows: int, columns: int) -> CdfTables:
    """Tables of this size."""
    row = np.array([*range(columns - 1), 65536], np.int32)
    return CdfTables(np.tile(row, (rows, 1)), np.full(rows, columns, np.int32), np.zeros(rows, np.int32))


def _full(shapes: dict[str, tuple[int, ...]], kind: type) -> State:
    """Arrays of these shapes, with CompressAI's constants."""
    constants = to_compressai(perturbed(1, 2, kind=kind))
    ends = ("pedestal", "bound", "target", "scale_table")
    return {
        key: constants[key] if key.endswith(ends) else np.zeros(shape, np.float32)
        for key, shape in shapes.items()
    }


def test_a_model_with_a_context_is_refused() -> None:
    """CompressAI's ``JointAutoregressiveHierarchicalPriors`` has the same hyperprior, and two things more."""
    state = to_compressai(perturbed(6, 12, kind=MeanScaleHyperprior))
    state |= {
        "context_prediction.weight": np.zeros((24, 12, 5, 5), np.float32),
        "entropy_parameters.0.weight": np.zeros((40, 48, 1, 1), np.float32),
    }
    words = r"of a MeanScaleHyperprior\n  unexpected: context_prediction.weight, entropy_parameters.0.weight$"
    with pytest.raises(ValueError, match=words):
        model_from(state)


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
    assert same(model_from(state).state_dict(), model.state_dict())
    state["entropy_bottleneck.matrices.0"] = np.zeros((9, 3, 1))
    with pytest.raises(ValueError, match=r"has 'entropy_bottleneck.matrices.0' twice"):
        model_from(state)


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


Misfits = dict[str, tuple[Callable[[State], State], str]]
MISFITS: Misfits = {
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
        model_from(state)
    assert str(caught.value).startswith("these are no weights of a FactorizedPrior\n")
    assert len(str(caught.value)) < 2000


GAUSSIAN = "gaussian_conditional"
MISFITS_OF_HYPERPRIORS: Misfits = {
    "h_a missing": (
        lambda s: {key: array for key, array in s.items() if not key.startswith("h_a.")},
        r"missing: h_a.0.weight, h_a.0.bias, .*, h_a.4.bias$",
    ),
    "what tells how many channels are told": (
        lambda s: _without(s, "h_s.4.weight"),
        r"missing: h_s.4.weight$",
    ),
    "another scale bound": (
        lambda s: s | {f"{GAUSSIAN}.lower_bound_scale.bound": np.float32([0.2])},
        rf"{GAUSSIAN}.lower_bound_scale.bound is \[0.2.*\], must be \[0.1",
    ),
    "other scales": (
        lambda s: s | {f"{GAUSSIAN}.scale_table": np.geomspace(0.11, 64, 64, dtype=np.float32)},
        rf"{GAUSSIAN}.scale_table is \[0.121.*, .*, .*\], must be \[0.124.*, .*, .*\]$",
    ),
    "fewer scales": (
        lambda s: s | {f"{GAUSSIAN}.scale_table": s[f"{GAUSSIAN}.scale_table"][:50]},
        rf"{GAUSSIAN}.scale_table has shape \(50,\), must have \(64,\)$",
    ),
    "a bound that is empty": (
        lambda s: s | {f"{GAUSSIAN}.scale_bound": np.zeros(0, np.float32)},
        rf"{GAUSSIAN}.scale_bound has shape \(0,\), must have \(1,\)$",
    ),
    "a bound that is no array": (
        lambda s: s | {f"{GAUSSIAN}.scale_bound": [0.11]},  # type: ignore[dict-item]
        rf"{GAUSSIAN}.scale_bound is no array of floating-point numbers",
    ),
    "a density of M channels": (
        lambda s: s | {"entropy_bottleneck.quantiles": np.zeros((10, 1, 3), np.float32)},
        r"quantiles is float32 of shape \(10, 1, 3\), must be floating-point of shape \(6, 1, 3\)$",
    ),
    "something of the Gaussian that is new": (
        lambda s: s | {f"{GAUSSIAN}.tail_mass": np.float32([1e-9])},
        rf"unexpected: {GAUSSIAN}.tail_mass$",
    ),
}


@pytest.mark.parametrize("kind", KINDS[1:])
@pytest.mark.parametrize("name", MISFITS_OF_HYPERPRIORS)
def test_what_does_not_fit_a_hyperprior_is_listed(name: str, kind: type) -> None:
    """For both of them, after the name of the right one."""
    change, words = MISFITS_OF_HYPERPRIORS[name]
    state = change(to_compressai(perturbed(latents=10, kind=kind)))
    with pytest.raises(ValueError, match=words) as caught:
        model_from(state)
    assert str(caught.value).startswith(f"these are no weights of a {kind.__name__}\n")


def test_neither_one_nor_the_other() -> None:
    """A hyper-synthesis of scales that ends like one of means; means of an odd M; a bound of no Gaussian."""
    one, other = (to_compressai(perturbed(latents=10, kind=kind)) for kind in KINDS[1:])
    with pytest.raises(
        ValueError, match=r"MeanScaleHyperprior\n  h_s.0.weight is .* of shape \(6, 10, 5, 5\)$"
    ):
        model_from(other | {"h_s.0.weight": one["h_s.0.weight"]})
    odd = {
        f"{key}.bias": other[f"{key}.bias"][:last]
        for key, last in (("h_s.0", 9), ("h_s.2", 13), ("h_s.4", 18))
    }
    odd |= {"h_a.0.weight": other["h_a.0.weight"][:, :9], "h_s.0.weight": other["h_s.0.weight"][:, :9]}
    odd |= {"h_s.2.weight": other["h_s.2.weight"][:9, :13], "h_s.4.weight": other["h_s.4.weight"][:18, :13]}
    odd |= {key: to_compressai(perturbed())[key] for key in ("g_a.6.weight", "g_a.6.bias", "g_s.0.weight")}
    with pytest.raises(ValueError, match=r"MeanScaleHyperprior\n  M is 9, must be even here$"):
        model_from(other | odd)
    with pytest.raises(ValueError, match=rf"FactorizedPrior\n  unexpected: {GAUSSIAN}.scale_bound$"):
        model_from(to_compressai(perturbed()) | {f"{GAUSSIAN}.scale_bound": np.float32([0.11])})


@pytest.mark.parametrize("kind", KINDS)
def test_constants_may_be_absent_or_rounded_and_halves_become_float32(kind: type) -> None:
    """A network in float16 holds 2⁻³⁶ as 0; another tail mass is the business of training."""
    model = perturbed(latents=10, kind=kind)
    state = {
        key: array.astype(np.float16) if array.dtype.kind == "f" else array
        for key, array in to_compressai(model).items()
    }
    state["entropy_bottleneck.target"] = np.float32([-9, 0, 9])
    loaded = model_from(state).state_dict()
    for key, array in model.state_dict().items():
        assert loaded[key].dtype == np.float32
        np.testing.assert_array_equal(loaded[key], array.astype(np.float16))
    assert same(model_from(model.state_dict()).state_dict(), model.state_dict())


def test_a_shape_alone_takes_no_memory() -> None:
    """A million channels without a number: refused before a model of that width is made."""
    state = to_compressai(perturbed())
    state["g_a.0.weight"] = np.zeros((10**6, 3, 5, 0), np.float32)
    state["g_a.6.weight"] = np.zeros((10**6, 0, 5, 5), np.float32)
    tracemalloc.start()
    with pytest.raises(ValueError, match=r"must be floating-point of shape \(1000000, 3, 1\)"):
        model_from(state)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1 << 20


@pytest.mark.parametrize("kind", KINDS[1:])
def test_a_hyperprior_before_its_tables_are_made(kind: type) -> None:
    """Before CompressAI's update() even the table of scales is empty."""
    model = perturbed(latents=10, kind=kind)
    empty = [f"{GAUSSIAN}.{name}" for name in ("_quantized_cdf", "_cdf_length", "_offset", "scale_table")]
    state = to_compressai(model) | dict.fromkeys(empty, np.zeros(0, np.float32))
    assert tables_from(state, GAUSSIAN) is None
    assert tables_from(state) is not None
    assert same(model_from(state).state_dict(), model.state_dict())


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
