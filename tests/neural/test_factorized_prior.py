"""The model: names and shapes, its two halves, padding, noise and rounding, and a twin in PyTorch."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from neural_from_scratch.errors import ModelError
from neural_from_scratch.models import MODELS, FactorizedPrior, model_of
from neural_from_scratch.models.transform_codec import pad_to_multiple
from neural_from_scratch.tensor import Tensor, no_grad


def small(dtype: type = np.float32, seed: int = 0) -> FactorizedPrior:
    """A model that is quick."""
    return FactorizedPrior(6, 9, rng=np.random.default_rng(seed), dtype=dtype)


def picture(shape: tuple[int, ...] = (2, 3, 32, 48), dtype: type = np.float32) -> np.ndarray:
    """Random samples of [0, 1]."""
    return np.random.default_rng(5).random(shape).astype(dtype)


def test_it_reads_as_the_block_diagram() -> None:
    """Four convolutions and three normalisations each way."""
    model = small()
    assert [layer.describe().split("(")[0] for layer in model.g_a] == ["Conv2d", "GDN"] * 3 + ["Conv2d"]
    assert [layer.describe().split("(")[0] for layer in model.g_s] == (
        ["ConvTranspose2d", "IGDN"] * 3 + ["ConvTranspose2d"]
    )
    assert repr(FactorizedPrior(128, 192, rng=np.random.default_rng(0))).startswith(
        "FactorizedPrior(128, 192)"
    )


def test_keys_and_shapes_are_those_of_compressai(codec_data_folder: Path) -> None:
    """Against the table of a published model at (128, 192)."""
    path = codec_data_folder / "kodak_results" / "state_dict_shapes.json"
    if not path.is_file():
        pytest.skip(f"no data: {path}")
    theirs = json.loads(path.read_text("utf-8"))["factorized_N128_M192"]
    model = FactorizedPrior(128, 192, rng=np.random.default_rng(0))
    ignored = set(model._ignored())
    assert len(theirs) == 72
    assert {name: tuple(shape) for name, shape in theirs.items() if name not in ignored} == {
        name: array.shape for name, array in model.state_dict().items()
    }


def test_halves_have_inverse_shapes() -> None:
    """M latents for 16×16 pixels, and back."""
    model, x = small(), picture()
    y = model.analyse(x)
    assert y.shape == (2, 9, 2, 3)
    assert model.synthesise(y).shape == x.shape


@pytest.mark.parametrize("shape", [(1, 3, 32, 40), (1, 3, 8, 32), (1, 1, 32, 32), (3, 32, 32)])
def test_other_shapes_are_refused(shape: tuple[int, ...]) -> None:
    """With the shape in the message."""
    with pytest.raises(ValueError, match="multiples of 16"):
        small().analyse(np.zeros(shape, np.float32))


def test_noise_comes_from_the_generator() -> None:
    """The same twice; without a generator, latents are whole distances from the median."""
    model, x = small(), picture()
    one, two = (model(x, np.random.default_rng(3)) for _ in range(2))
    np.testing.assert_array_equal(one.decoded.data, two.decoded.data)
    np.testing.assert_array_equal(one.likelihoods["y"].data, two.likelihoods["y"].data)
    assert (model(x, np.random.default_rng(4)).decoded.data != one.decoded.data).any()
    density = model.entropy_bottleneck
    rounded = density.dequantize(density.quantize(one.latents.data))
    used = model(x)
    np.testing.assert_array_equal(used.decoded.data, model.synthesise(rounded).data)
    np.testing.assert_array_equal(used.likelihoods["y"].data, density.likelihood(rounded).data)


def test_gradients_reach_every_parameter() -> None:
    """But the quantiles, which bisection sets."""
    model, x = small(), Tensor(picture())
    made = model(x, np.random.default_rng(0))
    ((made.decoded * made.decoded).sum() + made.likelihoods["y"].sum()).backward()
    without = [name for name, tensor in model.named_parameters() if tensor.grad is None]
    assert without == ["entropy_bottleneck.quantiles"]
    assert all(np.abs(t.grad).max() > 0 for t in model.parameters() if t.grad is not None)


def test_state_goes_out_and_in() -> None:
    """Another model with the same state does the same."""
    one, other, x = small(seed=1), small(seed=2), picture()
    one.entropy_bottleneck.find_quantiles()
    state = one.state_dict()
    state["g_a.1.beta_reparam.pedestal"] = np.zeros(1, np.float32)  # CompressAI's constants are passed over
    state["entropy_bottleneck._quantized_cdf"] = np.zeros((9, 4), np.int32)
    other.load_state_dict(state)
    with no_grad():
        np.testing.assert_array_equal(one(x).decoded.data, other(x).decoded.data)


@pytest.mark.parametrize(("height", "width"), [(1, 1), (16, 32), (17, 31), (15, 1)])
def test_padding_repeats_the_border(height: int, width: int) -> None:
    """What was there stays; what is new is the last row or column."""
    x = picture((1, 3, height, width))
    padded = pad_to_multiple(x)
    assert padded.shape[2] % 16 == padded.shape[3] % 16 == 0
    assert padded.shape[2] - height < 16
    assert padded.shape[3] - width < 16
    np.testing.assert_array_equal(padded[:, :, :height, :width], x)
    np.testing.assert_array_equal(
        padded[:, :, height:, 0], np.repeat(x[:, :, -1:, 0], padded.shape[2] - height, 2)
    )
    np.testing.assert_array_equal(
        padded[:, :, 0, width:], np.repeat(x[:, :, 0, -1:], padded.shape[3] - width, 2)
    )


def test_models_have_numbers() -> None:
    """And an unknown one is an error that says which there are."""
    assert MODELS[1] is FactorizedPrior
    assert model_of(1) is FactorizedPrior
    with pytest.raises(ModelError, match=r"model 77: unknown; there are 1 \(factorized-prior\)"):
        model_of(77)


@pytest.mark.reference
def test_a_twin_in_pytorch() -> None:
    """The same weights in PyTorch's layers: latents and pictures differ by less than 1e-5."""
    torch = pytest.importorskip("torch")
    functional = torch.nn.functional
    model, x = small(), picture()
    rng = np.random.default_rng(8)
    for name, parameter in model.named_parameters():
        if "gamma" in name:
            parameter.data += rng.uniform(0, 0.3, parameter.shape).astype(np.float32)
    state = {name: torch.tensor(array) for name, array in model.state_dict().items()}

    def gdn(v, key, inverse):
        beta, gamma = (state[f"{key}.{part}"] for part in ("beta", "gamma"))
        beta = torch.clamp(beta, min=(1e-6 + 2**-36) ** 0.5) ** 2 - 2**-36
        gamma = torch.clamp(gamma, min=2**-18) ** 2 - 2**-36
        norm = functional.conv2d(v * v, gamma[:, :, None, None], beta)
        return v * torch.sqrt(norm) if inverse else v / torch.sqrt(norm)

    def through(v, half, convolve, inverse, **settings):
        for i in range(7):
            key = f"{half}.{i}"
            if i % 2:
                v = gdn(v, key, inverse)
            else:
                v = convolve(v, state[f"{key}.weight"], state[f"{key}.bias"], stride=2, padding=2, **settings)
        return v

    y = through(torch.tensor(x), "g_a", functional.conv2d, False)
    ours = model.analyse(x)
    np.testing.assert_allclose(ours.data, y.numpy(), atol=1e-5)
    back = through(torch.tensor(ours.data), "g_s", functional.conv_transpose2d, True, output_padding=1)
    np.testing.assert_allclose(model.synthesise(ours).data, back.numpy(), atol=1e-5)
