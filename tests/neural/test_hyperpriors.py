"""Both hyperpriors: names and shapes, what is expected of latents, rounding, noise, gradients.

That PyTorch agrees is in test_interchange_in_pytorch.py.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from neural_from_scratch.gaussian_model import gaussian_likelihood
from neural_from_scratch.gradcheck import gradient_error
from neural_from_scratch.models import (
    MeanScaleHyperprior,
    ScaleHyperprior,
    model_for,
    model_named,
    model_of,
)
from neural_from_scratch.models.hyperprior import Hyperprior, edge_padded
from neural_from_scratch.tensor import Tensor, no_grad

KINDS = [ScaleHyperprior, MeanScaleHyperprior]


def lively(kind: type, dtype: type = np.float32, seed: int = 0) -> Hyperprior:
    """A model that is quick, with side information that is heard, and scales on both sides of their bound."""
    rng = np.random.default_rng(seed)
    model: Hyperprior = kind(6, 10, rng=rng, dtype=np.float64)
    for layer, factor in (
        (model.g_a[6], 30.0),
        (model.h_a[4], 20.0),
        *((model.h_s[i], 4.0) for i in (0, 2, 4)),
    ):
        layer.weight.data *= factor  # type: ignore[attr-defined]
    model.h_s[4].bias.data += rng.uniform(0, 2, model.h_s[4].bias.shape)  # type: ignore[attr-defined]
    model.entropy_bottleneck.find_quantiles()
    return model.to(dtype=dtype)


def picture(shape: tuple[int, ...] = (2, 3, 48, 80), dtype: type = np.float32) -> np.ndarray:
    """Random samples of [0, 1]."""
    return np.random.default_rng(5).random(shape).astype(dtype)


def latents(shape: tuple[int, ...] = (2, 10, 3, 5), dtype: type = np.float32) -> np.ndarray:
    """Random numbers of some steps."""
    return np.random.default_rng(6).normal(0, 4, shape).astype(dtype)


# --------------------------------------------------------------------------------------------------
# Names and shapes


@pytest.mark.parametrize(
    ("kind", "activation", "told", "last"),
    [
        (ScaleHyperprior, "ReLU", (6, 6, 10), ["ReLU"]),
        (MeanScaleHyperprior, "LeakyReLU(0.01)", (10, 15, 20), []),
    ],
)
def test_they_read_as_their_block_diagrams(
    kind: type, activation: str, told: tuple[int, int, int], last: list[str]
) -> None:
    """The papers' layers, in order."""
    model = kind(6, 10, rng=np.random.default_rng(0))
    halve, double = ", 5×5, stride 2, padding 2)", ", 5×5, stride 2, padding 2, output padding 1)"
    assert [layer.describe() for layer in model.h_a] == [
        *("Conv2d(10 → 6, 3×3, padding 1)", activation),
        *(f"Conv2d(6 → 6{halve}", activation),
        f"Conv2d(6 → 6{halve}",
    ]
    a, b, c = told
    assert [layer.describe() for layer in model.h_s] == [
        *(f"ConvTranspose2d(6 → {a}{double}", activation),
        *(f"ConvTranspose2d({a} → {b}{double}", activation),
        *(f"Conv2d({b} → {c}, 3×3, padding 1)", *last),
    ]
    assert model.entropy_bottleneck.channels == 6


@pytest.mark.parametrize("kind", KINDS)
def test_keys_and_shapes_are_those_of_compressai(kind: type, codec_data_folder: Path) -> None:
    """Against the table of a published model at (128, 192)."""
    path = codec_data_folder / "kodak_results" / "state_dict_shapes.json"
    if not path.is_file():
        pytest.skip(f"no data: {path}")
    which = "hyper_N128_M192" if kind is ScaleHyperprior else "mean_N128_M192"
    theirs = json.loads(path.read_text("utf-8"))[which]
    model = kind(128, 192, rng=np.random.default_rng(0))
    ignored = set(model._ignored())
    assert len(theirs) == 91
    assert ignored <= set(theirs)
    assert {name: tuple(shape) for name, shape in theirs.items() if name not in ignored} == {
        name: array.shape for name, array in model.state_dict().items()
    }


def test_models_have_numbers_and_names() -> None:
    """Those in files and on the command line; and weights tell which one they are of."""
    for kind, number, name in zip(KINDS, (3, 4), ("scale-hyperprior", "mean-scale-hyperprior")):
        assert model_of(number) is kind
        assert model_named(name) is kind
        assert type(model_for(lively(kind).state_dict())) is kind
    with pytest.raises(ValueError, match="latents=9, must be even"):
        MeanScaleHyperprior(6, 9, rng=np.random.default_rng(0))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("sides", [(16, 16), (16, 80), (48, 32), (64, 128), (80, 144)])
def test_any_size_goes_through(kind: type, sides: tuple[int, int]) -> None:
    """What is expected has the size of y; z that of y over 4, rounded up."""
    model, (rows, columns) = lively(kind), (sides[0] // 16, sides[1] // 16)
    with no_grad():
        made = model(picture((1, 3, *sides)))
        z = model.hyper_analyse(made.latents)
        scales, means = model.expected(z, rows, columns)
    assert made.decoded.shape == (1, 3, *sides)
    assert made.latents.shape == made.likelihoods["y"].shape == scales.shape == (1, 10, rows, columns)
    assert z.shape == made.likelihoods["z"].shape == (1, 6, -(-rows // 4), -(-columns // 4))
    assert (means is not None) == model.has_means
    assert means is None or means.shape == scales.shape
    for p in made.likelihoods.values():
        assert ((p.data >= 1e-9) & (p.data <= 1)).all()


@pytest.mark.parametrize("kind", KINDS)
def test_state_goes_out_and_in(kind: type) -> None:
    """Another model with the same state does the same; CompressAI's constants and tables are passed over."""
    one, other, x = lively(kind), kind(6, 10, rng=np.random.default_rng(9)), picture()
    state = one.state_dict()
    for name in ("_offset", "scale_table", "scale_bound", "lower_bound_scale.bound"):
        state[f"gaussian_conditional.{name}"] = np.zeros(3, np.float32)
    other.load_state_dict(state)
    with no_grad():
        for ours, theirs in zip(one(x).likelihoods.values(), other(x).likelihoods.values()):
            np.testing.assert_array_equal(ours.data, theirs.data)
    with pytest.raises(ValueError, match=r"extra: gaussian_conditional.tail_mass"):
        other.load_state_dict(state | {"gaussian_conditional.tail_mass": np.zeros(1, np.float32)})


# --------------------------------------------------------------------------------------------------
# Side information


@pytest.mark.parametrize("shape", [(1, 2, 1, 1), (2, 3, 4, 8), (1, 2, 3, 5), (2, 1, 6, 7)])
def test_edges_are_repeated(shape: tuple[int, ...]) -> None:
    """As NumPy does it, and only where something is missing."""
    y = np.random.default_rng(0).normal(size=shape)
    rows, columns = -shape[2] % 4, -shape[3] % 4
    expected = np.pad(y, ((0, 0), (0, 0), (0, rows), (0, columns)), mode="edge")
    np.testing.assert_array_equal(edge_padded(Tensor(y)).data, expected)
    assert gradient_error(edge_padded, [y]) < 1e-8
    whole = Tensor(y)
    assert (edge_padded(whole) is whole) == (rows == columns == 0)


@pytest.mark.parametrize("kind", KINDS)
def test_side_information_is_that_of_repeated_edges(kind: type) -> None:
    """So that the border of a picture is nothing special."""
    model, y = lively(kind), latents((1, 10, 5, 6))
    padded = np.pad(y, ((0, 0), (0, 0), (0, 3), (0, 2)), mode="edge")
    with no_grad():
        z, expected = model.hyper_analyse(Tensor(y)).data, model.hyper_analyse(Tensor(padded)).data
        np.testing.assert_array_equal(z, expected)
        opposite = model.hyper_analyse(Tensor(-y)).data
    assert (opposite == z).all() == (kind is ScaleHyperprior)  # which hears no signs


@pytest.mark.parametrize("rows", [1, 3, 8])
def test_scales_come_first_then_means(rows: int) -> None:
    """CompressAI's order, cut to the size of y from the upper left."""
    model = lively(MeanScaleHyperprior)
    z = Tensor(np.random.default_rng(1).normal(0, 4, (2, 6, 2, 1)).astype(np.float32))
    with no_grad():
        whole = model.h_s(z).data
        scales, means = model.expected(z, rows, 3)
    assert means is not None
    np.testing.assert_array_equal(scales.data, whole[:, :10, :rows, :3])
    np.testing.assert_array_equal(means.data, whole[:, 10:, :rows, :3])
    model = lively(ScaleHyperprior)
    with no_grad():
        scales, none = model.expected(z, rows, 3)
        np.testing.assert_array_equal(scales.data, model.h_s(z).data[:, :, :rows, :3])
    assert none is None
    assert scales.data.min() == 0  # ReLU


# --------------------------------------------------------------------------------------------------
# Rounding, noise, likelihoods


@pytest.mark.parametrize("kind", KINDS)
def test_rounding(kind: type) -> None:
    """z about its medians; y to whole numbers, or whole distances from the means that ẑ tells."""
    model, y = lively(kind), latents()
    with no_grad():
        z = model.hyper_analyse(Tensor(y)).data
        rounded = model.rounded({"y": Tensor(y), "z": Tensor(z)})
        _, means = model.expected(rounded["z"], 3, 5)
    density = model.entropy_bottleneck
    np.testing.assert_array_equal(rounded["z"].data, density.dequantize(density.quantize(z)))
    assert np.abs(rounded["z"].data - z).max() <= 0.5 + 1e-5
    found = rounded["y"].data
    assert np.abs(found - y).max() <= 0.5 + 1e-5
    assert found.dtype == np.float32
    if means is None:
        np.testing.assert_array_equal(found, np.rint(y))
    else:
        assert np.ptp(means.data) > 1
        np.testing.assert_array_equal(found, np.rint(y - means.data) + means.data)


@pytest.mark.parametrize("kind", KINDS)
def test_without_noise_a_pass_is_that_of_a_decoder(kind: type) -> None:
    """ŷ is what is synthesised, and what is likely is ŷ given ẑ."""
    model, x = lively(kind), picture()
    with no_grad():
        made = model(x)
        y = model.analyse(x)
        coded = model.rounded({"y": y, "z": model.hyper_analyse(y)})
        scales, means = model.expected(coded["z"], 3, 5)
        np.testing.assert_array_equal(made.latents.data, y.data)
        np.testing.assert_array_equal(made.decoded.data, model.synthesise(coded["y"]).data)
        likely = gaussian_likelihood(coded["y"], scales, means).data
        np.testing.assert_array_equal(made.likelihoods["y"].data, likely)
        np.testing.assert_array_equal(
            made.likelihoods["z"].data, model.entropy_bottleneck.likelihood(coded["z"]).data
        )
    assert len(np.unique(scales.data)) > 100
    assert (scales.data < 0.11).any()
    assert (scales.data > 1).any()


@pytest.mark.parametrize("kind", KINDS)
def test_noise_comes_from_the_generator(kind: type) -> None:
    """First for y, then for z, which is what tells of y in training."""
    model, x, rng = lively(kind), picture(), np.random.default_rng(3)
    with no_grad():
        made, again = (model(x, np.random.default_rng(3)) for _ in range(2))
        other = model(x, np.random.default_rng(4))
        y = made.latents.data
        z = model.hyper_analyse(made.latents).data
        noisy = {
            name: array + rng.random(array.shape, np.float32) - np.float32(0.5)
            for name, array in (("y", y), ("z", z))
        }
        expected = model.likelihoods({name: Tensor(array) for name, array in noisy.items()})
    for name, p in made.likelihoods.items():
        np.testing.assert_array_equal(p.data, again.likelihoods[name].data)
        np.testing.assert_allclose(p.data, expected[name].data, rtol=1e-4, atol=1e-7)
        assert (p.data != other.likelihoods[name].data).any()
    np.testing.assert_array_equal(made.decoded.data, again.decoded.data)


@pytest.mark.parametrize("kind", KINDS)
def test_float64_stays_float64(kind: type) -> None:
    """And is what float32 is, but for rounding."""
    x = picture()
    with no_grad():
        one, other = (
            lively(kind, dtype)(x.astype(dtype), np.random.default_rng(2))
            for dtype in (np.float32, np.float64)
        )
    for ours, theirs in zip(
        (one.decoded, *one.likelihoods.values()), (other.decoded, *other.likelihoods.values())
    ):
        assert (ours.dtype, theirs.dtype) == (np.float32, np.float64)
        np.testing.assert_allclose(ours.data, theirs.data, atol=1e-4)


# --------------------------------------------------------------------------------------------------
# Gradients


@pytest.mark.parametrize("kind", KINDS)
def test_gradients_reach_every_parameter(kind: type) -> None:
    """But the quantiles, which bisection sets."""
    model = lively(kind)
    made = model(Tensor(picture()), np.random.default_rng(0))
    loss = (made.decoded * made.decoded).sum()
    for p in made.likelihoods.values():
        loss = loss - p.sum()
    loss.backward()
    without = [name for name, tensor in model.named_parameters() if tensor.grad is None]
    assert without == ["entropy_bottleneck.quantiles"]
    assert all(np.abs(t.grad).max() > 0 for t in model.parameters() if t.grad is not None)


@pytest.mark.parametrize("kind", KINDS)
def test_likelihoods_have_the_gradients_of_differences(kind: type) -> None:
    """Through h_s, the cut, scales and means: with respect to y and to z, in float64."""
    model = lively(kind, np.float64)
    y, z = latents((1, 10, 2, 3), np.float64) / 4, latents((1, 6, 1, 1), np.float64)
    scales, _ = model.expected(Tensor(z), 2, 3)
    told = scales.data > 0.11  # below the bound the gradient is by agreement another
    assert told.any()

    def where_told(y: Tensor, z: Tensor) -> Tensor:
        return model.likelihoods({"y": y, "z": z})["y"] * told.astype(np.float64)

    assert (where_told(Tensor(y), Tensor(z)).data[told] > 2e-9).mean() > 0.5
    assert gradient_error(where_told, [y, z]) < 1e-6
