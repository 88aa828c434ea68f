"""Weights to and from PyTorch: files of torch.save, and a twin of the model that computes the same."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from neural_from_scratch.backend import use_backend
from neural_from_scratch.interchange import (
    factorized_prior_from,
    read_state_dict,
    tables_from,
    to_compressai,
    write_state_dict,
)
from neural_from_scratch.models import FactorizedPrior
from neural_from_scratch.tensor import no_grad

pytestmark = pytest.mark.reference
WIDTHS = 24, 36
BOUND = 1e-4


@pytest.fixture
def torch() -> Any:
    """PyTorch; the tests are left out where it is not."""
    import torch

    return torch


@pytest.fixture
def twin(torch: Any) -> Any:
    """A network of PyTorch with random weights."""
    from twin_in_pytorch import Twin

    torch.manual_seed(3)
    twin = Twin(*WIDTHS)
    twin.disturb(seed=4)
    return twin


def differences(model: FactorizedPrior, twin: Any, torch: Any, scale: float) -> dict[str, float]:
    """The largest difference of each thing that a codec needs."""
    rng = np.random.default_rng(5)
    x = rng.random((2, 3, 64, 80), np.float32)
    density = model.entropy_bottleneck
    with no_grad(), torch.no_grad():
        ours, theirs = model.analyse(x).data, twin.g_a(torch.tensor(x))
        found = {"latents": (ours, theirs)}
        assert 3 < np.abs(ours).max() < scale
        symbols = density.quantize(ours)
        assert len(np.unique(symbols)) > 8
        rounded = density.dequantize(symbols)
        found["rounded"] = (rounded, twin.entropy_bottleneck.rounded(torch.tensor(ours)))
        noisy = ours + rng.random(ours.shape, np.float32) - np.float32(0.5)
        far = 30 * noisy  # where the floor is
        for name, values in (("rounded", rounded), ("noisy", noisy), ("far", far)):
            p, q = density.likelihood(values).data, twin.entropy_bottleneck(torch.tensor(values))
            found[f"likelihoods, {name}"] = (p, q)
            if name != "far":
                found[f"bits a value, {name}"] = (-np.log2(p).mean(), -q.log2().mean())
        for name, values in (("rounded", rounded), ("noisy", noisy)):
            pictures = model.synthesise(values).data, twin.g_s(torch.tensor(values))
            assert 0.1 < np.ptp(pictures[0]) < 20
            found[f"pictures, {name}"] = pictures
    return {name: float(np.abs(a - b.numpy()).max()) for name, (a, b) in found.items()}


def compared(model: FactorizedPrior, twin: Any, torch: Any, count: Callable[[str], None], label: str) -> None:
    """Nothing differs by 10⁻⁴; say by how much."""
    off = differences(model, twin, torch, scale=300)
    count(f"interchange, {label}, off by " + ", ".join(f"{name} {value:.0e}" for name, value in off.items()))
    assert max(off.values()) < BOUND, off


# --------------------------------------------------------------------------------------------------
# A twin


def test_weights_of_pytorch_compute_the_same_here(
    torch: Any, twin: Any, backend: str, tmp_path: Path, count: Callable[[str], None]
) -> None:
    """Saved by torch.save, read without it."""
    path = tmp_path / "checkpoint.pth.tar"
    torch.save({"epoch": 3, "state_dict": twin.state_dict(), "loss": torch.tensor(1.5)}, path)
    state = read_state_dict(path)
    assert list(state) == list(twin.state_dict())
    assert tables_from(state) is None
    model = factorized_prior_from(state)
    assert model.describe() == "FactorizedPrior(24, 36)"
    with use_backend(backend):
        compared(model, twin, torch, count, f"from PyTorch, {backend}")


def test_weights_from_here_compute_the_same_in_pytorch(
    torch: Any, backend: str, tmp_path: Path, count: Callable[[str], None]
) -> None:
    """All keys, none more; the tables arrive too."""
    from twin_in_pytorch import Twin

    rng = np.random.default_rng(8)
    model = FactorizedPrior(*WIDTHS, rng=rng)
    for name, parameter in model.named_parameters():
        size = 0.15 if "gamma" in name else 0.4 if "entropy" in name else 0.01
        parameter.data = parameter.data + rng.normal(0, size, parameter.shape).astype(np.float32)
    model.g_a[6].weight.data = 40 * model.g_a[6].weight.data
    model.entropy_bottleneck.find_quantiles()
    path = tmp_path / "weights.npz"
    write_state_dict(path, to_compressai(model))
    with np.load(path) as file:
        state = {name: torch.from_numpy(file[name]) for name in file.files}
    twin = Twin(*WIDTHS)
    constants = {name: value.clone() for name, value in twin.state_dict().items() if "bound" in name}
    constants |= {name: value.clone() for name, value in twin.state_dict().items() if "pedestal" in name}
    twin.load_everything(state)
    assert all(torch.equal(twin.state_dict()[name], value) for name, value in constants.items())
    assert len(constants) == 25
    tables = model.entropy_bottleneck.tables()
    np.testing.assert_array_equal(twin.entropy_bottleneck._quantized_cdf.numpy(), tables.cdf)
    logits = twin.entropy_bottleneck.logits(twin.entropy_bottleneck.quantiles)[:, 0]
    assert (logits - twin.entropy_bottleneck.target).abs().max() < 1e-3  # CompressAI's auxiliary loss
    with use_backend(backend):
        compared(model, twin, torch, count, f"to PyTorch, {backend}")


def test_there_and_back_through_pytorch(torch: Any, twin: Any, tmp_path: Path) -> None:
    """PyTorch → here → PyTorch: all bits of all weights."""
    from twin_in_pytorch import Twin

    torch.save(twin.state_dict(), tmp_path / "weights.pth")
    model = factorized_prior_from(read_state_dict(tmp_path / "weights.pth"))
    again = Twin(*WIDTHS)
    again.load_everything({name: torch.from_numpy(array) for name, array in to_compressai(model).items()})
    for name, parameter in twin.named_parameters():
        assert torch.equal(again.get_parameter(name), parameter), name
    torch.save(again.state_dict(), tmp_path / "again.pth")
    state = read_state_dict(tmp_path / "again.pth")
    assert tables_from(state) is not None
    assert state.keys() == to_compressai(model).keys()
    for name, array in to_compressai(model).items():
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


def test_a_deep_copy_is_another_file_of_the_same(torch: Any, twin: Any, tmp_path: Path) -> None:
    """Names of storages and folders are PyTorch's business."""
    torch.save(twin.state_dict(), tmp_path / "one.pth")
    torch.save(copy.deepcopy(twin).half().state_dict(), tmp_path / "halves.pth")
    one, halves = (read_state_dict(tmp_path / name) for name in ("one.pth", "halves.pth"))
    for name, array in one.items():
        expected = array.astype(np.float16) if array.dtype.kind == "f" else array
        np.testing.assert_array_equal(halves[name], expected, strict=True)
    assert factorized_prior_from(halves).describe() == "FactorizedPrior(24, 36)"
