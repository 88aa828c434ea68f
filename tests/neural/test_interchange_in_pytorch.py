"""Weights to and from PyTorch: files of torch.save, and twins of the models that compute the same."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from neural_from_scratch.backend import use_backend
from neural_from_scratch.gaussian_model import gaussian_likelihood, scale_tables
from neural_from_scratch.interchange import (
    model_from,
    read_state_dict,
    tables_from,
    to_compressai,
    write_state_dict,
)
from neural_from_scratch.models import FactorizedPrior, MeanScaleHyperprior, ScaleHyperprior, TransformCodec
from neural_from_scratch.models.hyperprior import Hyperprior
from neural_from_scratch.tensor import Tensor, no_grad

pytestmark = pytest.mark.reference
WIDTHS = 24, 36
BOUND = 1e-4
TWINS = {"Twin": FactorizedPrior, "ScaleTwin": ScaleHyperprior, "MeanScaleTwin": MeanScaleHyperprior}


@pytest.fixture
def torch() -> Any:
    """PyTorch; the tests are left out where it is not."""
    import torch

    return torch


def twin_of(name: str, torch: Any) -> Any:
    """A network of PyTorch with random weights."""
    import twin_in_pytorch

    torch.manual_seed(3)
    twin = getattr(twin_in_pytorch, name)(*WIDTHS)
    twin.disturb(seed=4)
    louder(twin)
    return twin


def louder(model: Any) -> None:
    """Let side information, of either's, be many whole numbers; and scales reach from 0 to far above 0.11."""
    if hasattr(model, "h_s"):
        for layer, factor in ((model.h_a[4], 20), *((model.h_s[i], 5) for i in (0, 2, 4))):
            layer.weight.data *= factor


@pytest.fixture(params=TWINS)
def twin(torch: Any, request: pytest.FixtureRequest) -> Any:
    """Each of them."""
    return twin_of(request.param, torch)


def compared(model: TransformCodec, twin: Any, torch: Any, count: Callable[[str], None], label: str) -> None:
    """Nothing differs by 10⁻⁴; say by how much at most."""
    off = {
        name: float(np.abs(ours - theirs.numpy()).max())
        for name, (ours, theirs) in side_by_side(model, twin, torch).items()
    }
    worst = max(off, key=lambda name: off[name])
    count(f"interchange, {model.describe()} {label}, {len(off)} arrays: off by {off[worst]:.0e} ({worst})")
    assert off[worst] < BOUND, off


def side_by_side(model: TransformCodec, twin: Any, torch: Any) -> dict[str, tuple[np.ndarray, Any]]:
    """Each thing that a codec needs, of both; each is made of the same numbers, so that nothing adds up."""
    rng = np.random.default_rng(5)
    x = rng.random((1, 3, 64, 128), np.float32)
    found: dict[str, tuple[np.ndarray, Any]] = {}
    with no_grad(), torch.no_grad():
        y = model.analyse(x).data
        found["y"] = y, twin.g_a(torch.tensor(x))
        assert 3 < np.abs(y).max() < 300
        if isinstance(model, Hyperprior):
            values = with_side_information(model, twin, torch, y, rng, found)
        else:
            values = looked_up(model, twin, torch, "y", y, rng, found)
        for name in ("rounded", "noisy"):
            pictures = model.synthesise(values[name]).data, twin.g_s(torch.tensor(values[name]))
            assert 0.1 < np.ptp(pictures[0]) < 20
            found[f"pictures, {name}"] = pictures
    return found


def looked_up(
    model: TransformCodec,
    twin: Any,
    torch: Any,
    name: str,
    latents: np.ndarray,
    rng: np.random.Generator,
    found: dict[str, tuple[np.ndarray, Any]],
) -> dict[str, np.ndarray]:
    """Compare what the learned densities make of latents; return them rounded and with noise."""
    density = model.entropy_bottleneck
    symbols = density.quantize(latents)
    assert len(np.unique(symbols)) > 8
    rounded = density.dequantize(symbols)
    found[f"{name}, rounded"] = rounded, twin.entropy_bottleneck.rounded(torch.tensor(latents))
    noisy = latents + rng.random(latents.shape, np.float32) - np.float32(0.5)
    for how, values in (("rounded", rounded), ("noisy", noisy), ("far", 30 * noisy)):  # far: at the floor
        p, q = density.likelihood(values).data, twin.entropy_bottleneck(torch.tensor(values))
        both_likely(f"p({name}), {how}", p, q, found)
    return {"rounded": rounded, "noisy": noisy}


def with_side_information(
    model: Hyperprior,
    twin: Any,
    torch: Any,
    y: np.ndarray,
    rng: np.random.Generator,
    found: dict[str, tuple[np.ndarray, Any]],
) -> dict[str, np.ndarray]:
    """Compare z, what is expected of y, and how likely y is then; return y rounded and with noise."""
    z = model.hyper_analyse(Tensor(y)).data
    found["z"] = z, twin.side(torch.tensor(y))
    side = looked_up(model, twin, torch, "z", z, rng, found)
    given = {"y": Tensor(y), "z": Tensor(z)}
    scales, means = model.expected(Tensor(side["rounded"]), *y.shape[2:])
    theirs = twin.expected(torch.tensor(side["rounded"]))
    found["scales"] = scales.data, theirs[0]
    assert (scales.data < 0.11).mean() > 0.1
    assert scales.data.max() > 4
    assert (means is not None) == (theirs[1] is not None) == model.has_means
    centre = None if means is None else torch.tensor(means.data)
    if means is not None:
        found["means"] = means.data, theirs[1]
        assert means.data.std() > 1
    rounded = model.rounded(given)["y"].data
    distance = torch.tensor(y) if centre is None else torch.tensor(y) - centre
    found["y, rounded"] = rounded, distance.round() + (0 if centre is None else centre)
    noisy = y + rng.random(y.shape, np.float32) - np.float32(0.5)
    for how, values in (("rounded", rounded), ("noisy", noisy), ("near", y / 10)):
        p = gaussian_likelihood(values, scales, means).data
        q = twin.gaussian_conditional(torch.tensor(values), torch.tensor(scales.data), centre)
        both_likely(f"p(y), {how}", p, q, found)
    return {"rounded": rounded, "noisy": noisy}


def both_likely(name: str, p: np.ndarray, q: Any, found: dict[str, tuple[np.ndarray, Any]]) -> None:
    """Note probabilities, and bits a value where there is no floor in most of them."""
    found[name] = p, q
    if not name.endswith("far"):
        found[f"bits, {name}"] = -np.log2(p).mean(), -q.log2().mean()


# --------------------------------------------------------------------------------------------------
# Twins


def test_weights_of_pytorch_compute_the_same_here(
    torch: Any, twin: Any, backend: str, tmp_path: Path, count: Callable[[str], None]
) -> None:
    """Saved by torch.save, read without it."""
    path = tmp_path / "checkpoint.pth.tar"
    torch.save({"epoch": 3, "state_dict": twin.state_dict(), "loss": torch.tensor(1.5)}, path)
    state = read_state_dict(path)
    assert list(state) == list(twin.state_dict())
    assert tables_from(state) is None
    model = model_from(state)
    assert type(model) is TWINS[type(twin).__name__]
    assert (model.width, model.latents) == WIDTHS
    with use_backend(backend):
        compared(model, twin, torch, count, f"from PyTorch, {backend}")


def lively(cls: type) -> TransformCodec:
    """A model of ours with random weights that say something."""
    rng = np.random.default_rng(8)
    model = cls(*WIDTHS, rng=rng)
    for name, parameter in model.named_parameters():
        size = 0.15 if "gamma" in name else 0.4 if "entropy" in name else 0.01
        parameter.data = parameter.data + rng.normal(0, size, parameter.shape).astype(np.float32)
    model.g_a[6].weight.data *= 40
    louder(model)
    model.entropy_bottleneck.find_quantiles()
    return model


@pytest.mark.parametrize("name", TWINS)
def test_weights_from_here_compute_the_same_in_pytorch(
    torch: Any, name: str, quick_backend: str, tmp_path: Path, count: Callable[[str], None]
) -> None:
    """All keys, none more; constants and tables arrive too."""
    model, path = lively(TWINS[name]), tmp_path / "weights.npz"
    write_state_dict(path, to_compressai(model))
    with np.load(path) as file:
        state = {key: torch.from_numpy(file[key]) for key in file.files}
    twin = twin_of(name, torch)
    constants = {key: value.clone() for key, value in twin.named_buffers() if value.numel()}
    twin.load_everything(state)
    for key, value in constants.items():
        torch.testing.assert_close(twin.state_dict()[key], value, rtol=1e-7, atol=0)
    assert len(constants) == 26 + 3 * isinstance(model, Hyperprior)
    tables = model.entropy_bottleneck.tables()
    np.testing.assert_array_equal(twin.entropy_bottleneck._quantized_cdf.numpy(), tables.cdf)
    if isinstance(model, Hyperprior):
        gaussian = twin.gaussian_conditional
        np.testing.assert_array_equal(gaussian._quantized_cdf.numpy(), scale_tables().cdf)
        levels = torch.linspace(np.log(0.11), np.log(256), 64).exp()  # as CompressAI makes them
        torch.testing.assert_close(gaussian.scale_table, levels, rtol=2e-6, atol=0)
    logits = twin.entropy_bottleneck.logits(twin.entropy_bottleneck.quantiles)[:, 0]
    assert (logits - twin.entropy_bottleneck.target).abs().max() < 1e-3  # CompressAI's auxiliary loss
    with use_backend(quick_backend):
        compared(model, twin, torch, count, f"to PyTorch, {quick_backend}")


@pytest.mark.parametrize("name", ["ScaleTwin", "MeanScaleTwin"])
def test_the_whole_way_with_noise(torch: Any, name: str, quick_backend: str) -> None:
    """As in training: the same noise, one pass, every likelihood and the picture."""
    twin = twin_of(name, torch)
    model = model_from({key: value.numpy() for key, value in twin.state_dict().items()})
    x = np.random.default_rng(6).random((2, 3, 64, 64), np.float32)
    rng = np.random.default_rng(9)
    with no_grad(), torch.no_grad(), use_backend(quick_backend):
        made = model(x, np.random.default_rng(9))
        y = twin.g_a(torch.tensor(x))
        z = twin.side(y)
        y, z = (latents + torch.tensor(rng.random(latents.shape, np.float32) - 0.5) for latents in (y, z))
        likely = {"y": twin.gaussian_conditional(y, *twin.expected(z)), "z": twin.entropy_bottleneck(z)}
        decoded = twin.g_s(y)
    assert made.likelihoods.keys() == likely.keys()
    for key, p in likely.items():
        assert np.abs(made.likelihoods[key].data - p.numpy()).max() < BOUND
    assert np.abs(made.decoded.data - decoded.numpy()).max() < BOUND


def test_there_and_back_through_pytorch(torch: Any, twin: Any, tmp_path: Path) -> None:
    """PyTorch → here → PyTorch: all bits of all weights."""
    torch.save(twin.state_dict(), tmp_path / "weights.pth")
    model = model_from(read_state_dict(tmp_path / "weights.pth"))
    out = to_compressai(model)
    again = type(twin)(*WIDTHS)
    again.load_everything({name: torch.from_numpy(array) for name, array in out.items()})
    for name, parameter in twin.named_parameters():
        assert torch.equal(again.get_parameter(name), parameter), name
    torch.save(again.state_dict(), tmp_path / "again.pth")
    state = read_state_dict(tmp_path / "again.pth")
    assert tables_from(state) is not None
    assert state.keys() == out.keys()
    for name, array in out.items():
        np.testing.assert_array_equal(state[name], array, strict=True)


# --------------------------------------------------------------------------------------------------
# Files


def read_like_pytorch(torch: Any, path: Path, thing: Any, inner: Callable[[Any], Any] = lambda x: x) -> None:
    """What is read here equals what torch.load reads."""
    torch.save(thing, path)
    theirs = inner(torch.load(path, weights_only=True))
    ours = read_state_dict(path)
    assert list(ours) == list(theirs)
    for name, tensor in theirs.items():
        expected = tensor.detach()
        expected = (expected.float() if expected.dtype == torch.bfloat16 else expected).numpy()
        np.testing.assert_array_equal(ours[name], expected, strict=True, err_msg=name)


def test_every_dtype(torch: Any, tmp_path: Path) -> None:
    """With the ends of their ranges."""
    floats = torch.tensor([0.0, -0.0, 1.0, -2.5, 65504.0, 6e-8, float("inf"), -float("inf"), float("nan")])
    state = {str(t): floats.to(t) for t in (torch.float16, torch.float32, torch.float64, torch.bfloat16)}
    for dtype in (torch.int8, torch.int16, torch.int32, torch.int64, torch.uint8):
        limits = torch.iinfo(dtype)
        state[str(dtype)] = torch.tensor([limits.min, 0, 1, limits.max], dtype=dtype)
    state["bool"] = torch.tensor([[True, False], [False, True]])
    read_like_pytorch(torch, tmp_path / "weights.pth", state)


def test_every_layout(torch: Any, tmp_path: Path) -> None:
    """Views, shared storages, expanded, empty and single ones, parameters."""
    base = torch.arange(120.0).reshape(2, 3, 4, 5)
    state = {
        "base": base,
        "again": base,
        "permuted": base.permute(3, 1, 0, 2),
        "slice": base[1, :, 1:3, ::2],
        "diagonal": base[0, 0].diagonal(),
        "flipped": base.flip(1),
        "channels last": base.contiguous(memory_format=torch.channels_last),
        "expanded": base[0, 0, 0].expand(7, 5),
        "number": base[1, 2, 3, 4],
        "one": torch.tensor(3),
        "empty": torch.zeros(0, 3),
        "nothing": torch.zeros(0, dtype=torch.int32),
        "strided": torch.as_strided(base, (3, 3), (2, 5), 7),
        "parameter": torch.nn.Parameter(base[0].clone()),
        "frozen": torch.nn.Parameter(base[1], requires_grad=False),
    }
    read_like_pytorch(torch, tmp_path / "weights.pt", state)


def test_a_training_checkpoint(torch: Any, tmp_path: Path) -> None:
    """As CompressAI's training script writes it: with optimisers, schedule and more."""
    model = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 5), torch.nn.BatchNorm2d(4), torch.nn.Linear(4, 2))
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    model[0](torch.ones(1, 3, 8, 8)).sum().backward()
    optimizer.step()
    schedule = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer)
    schedule.step(1.0)
    checkpoint = {
        "epoch": 7,
        "state_dict": torch.nn.DataParallel(model).state_dict(),
        "loss": torch.tensor(0.5),
        "optimizer": optimizer.state_dict(),
        "lr_scheduler": schedule.state_dict(),
    }
    assert next(iter(checkpoint["state_dict"])) == "module.0.weight"
    names = model.state_dict().keys()

    def inner(loaded: Any) -> Any:
        return dict(zip(names, loaded["state_dict"].values()))

    read_like_pytorch(torch, tmp_path / "checkpoint.pth.tar", checkpoint, inner)


def test_what_is_refused_says_why(torch: Any, tmp_path: Path) -> None:
    """Files that PyTorch does write."""
    path, ones = tmp_path / "weights.pth", torch.ones(3)
    network = torch.nn.Linear(2, 2)
    noted = torch.nn.Parameter(ones)
    noted.note = "something"
    cases: list[tuple[Any, dict[str, Any], str]] = [
        ({"a": ones}, {"_use_new_zipfile_serialization": False}, "PyTorch's format of before version 1.6"),
        ({"a": ones}, {"pickle_protocol": 4}, "says protocol 4"),
        (
            network,
            {},
            r"names 'torch\.nn\.modules\.linear Linear', which no state dict needs: nothing was run",
        ),
        ({"a": ones.to(torch.complex64)}, {}, "names 'torch ComplexFloatStorage'"),
        ({"a": ones.to(torch.uint16)}, {}, r"names 'torch\.storage UntypedStorage'|_rebuild_tensor_v3"),
        ({"a": torch.imag(torch.tensor([1 + 2j]).conj())}, {}, "conjugated or negated view"),
        ({"a": ones.to_sparse()}, {}, r"names 'torch\._utils _rebuild_sparse_tensor'"),
        ({"a": ones.to("meta")}, {}, r"names 'torch\._utils _rebuild_meta_tensor_no_storage'"),
        ({"a": noted}, {}, r"names 'torch\._utils _rebuild_parameter_with_state'"),
        ({"a": ones, "loss": np.float64(3)}, {}, r"names 'numpy\.\S+ scalar'"),
        ({"a": ones, "step": 3}, {}, "holds 'step', a int and no tensor"),
        ([ones], {}, "holds a list"),
        (ones, {}, "holds one tensor without a name"),
    ]
    for thing, options, words in cases:
        torch.save(thing, path, **options)
        with pytest.raises(ValueError, match=words) as caught:
            read_state_dict(path)
        assert str(caught.value).startswith(f"{path}: ")
    torch.save({"a": ones}, path, _use_new_zipfile_serialization=False)
    torch.save(torch.load(path, weights_only=True), path)  # as the message says
    assert read_state_dict(path)["a"].tolist() == [1, 1, 1]


def test_a_deep_copy_is_another_file_of_the_same(torch: Any, tmp_path: Path) -> None:
    """Names of storages and folders are PyTorch's business."""
    twin = twin_of("MeanScaleTwin", torch)
    torch.save(twin.state_dict(), tmp_path / "one.pth")
    torch.save(copy.deepcopy(twin).half().state_dict(), tmp_path / "halves.pth")
    one, halves = (read_state_dict(tmp_path / name) for name in ("one.pth", "halves.pth"))
    for name, array in one.items():
        expected = array.astype(np.float16) if array.dtype.kind == "f" else array
        np.testing.assert_array_equal(halves[name], expected, strict=True)
    assert model_from(halves).describe() == "MeanScaleHyperprior(24, 36)"
