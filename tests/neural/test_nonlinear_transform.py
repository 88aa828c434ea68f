"""The nonlinear transform codec: options, gradients, files, strips, first weights, a twin in PyTorch."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from codec_cases import picture, psnr
from command_line import run
from PIL import Image

from neural_from_scratch import codec, decode, encode, seeds, strips, use_backend, warm_start
from neural_from_scratch.data import Pictures, generate_pictures
from neural_from_scratch.models import MODELS, NonlinearTransform, model_for
from neural_from_scratch.tensor import Tensor, no_grad
from neural_from_scratch.train import Estimate, estimate
from neural_from_scratch.weights import Weights, make_weights, read_weights, write_weights

OPTIONS: dict[str, dict[str, object]] = {
    "paper": {},
    "(1, 1)": {"alpha": 1, "epsilon": 1},
    "(1.5, 0.3)": {"alpha": 1.5, "epsilon": 0.3},
    "by layer": {"alpha": 1.5, "learned_by": "layer"},
    "by channel": {"alpha": 1.5, "learned_by": "channel"},
    "relu": {"nonlinearity": "relu"},
    "none": {"nonlinearity": "none"},
}
WEIGHT = 0.013
all_options = pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS)


def small(width: int = 6, latents: int = 9, seed: int = 0, **options: object) -> NonlinearTransform:
    """A model that is quick."""
    return NonlinearTransform(width, latents, rng=seeds.stream(seed, "weights"), **options)  # type: ignore[arg-type]


def disturbed(model: NonlinearTransform) -> NonlinearTransform:
    """The same with every weight off its first value: γ full, exponents different in each place."""
    rng = np.random.default_rng(8)
    for name, parameter in model.named_parameters():
        if parameter.requires_grad and name.startswith("g_"):
            size = 0.2 if parameter.ndim < 4 else 0.02
            parameter.data = parameter.data + size * rng.random(parameter.shape).astype(parameter.dtype)
    return model


@pytest.fixture(scope="module")
def leaves() -> Pictures:
    """Pictures from nothing, of coarse leaves."""
    fine = [generate_pictures(seed=1, count=6, side=48).picture(number) for number in range(6)]
    return Pictures([(f"{i}", one.repeat(4, 0).repeat(4, 1)) for i, one in enumerate(fine)])


def started(pictures: Pictures, width: int = 24, latents: int = 40, **options: object) -> NonlinearTransform:
    """A model after its warm start."""
    model = small(width, latents, **options)
    warm_start.warm_start(model, pictures, WEIGHT, seed=0, squares=6, side=64)
    model.entropy_bottleneck.find_quantiles()
    return model


def weights_of(model: NonlinearTransform) -> Weights:
    """What files are made with."""
    return make_weights(model.state_dict(), {"lambda": WEIGHT})


# --------------------------------------------------------------------------------------------------
# The model


def test_it_reads_as_the_block_diagram() -> None:
    """A normalisation after each of three layers, and before each of three."""
    model = small()
    assert MODELS[2] is NonlinearTransform
    assert [layer.describe() for layer in model.g_a] == [
        *("Conv2d(3 → 6, 9×9, stride 4, padding 4)", "GDN(6)"),
        *("Conv2d(6 → 6, 5×5, stride 2, padding 2)", "GDN(6)"),
        *("Conv2d(6 → 9, 5×5, stride 2, padding 2)", "GDN(9)"),
    ]
    assert [layer.describe() for layer in model.g_s] == [
        *("IGDN(9)", "ConvTranspose2d(9 → 6, 5×5, stride 2, padding 2, output padding 1)"),
        *("IGDN(6)", "ConvTranspose2d(6 → 6, 5×5, stride 2, padding 2, output padding 1)"),
        *("IGDN(6)", "ConvTranspose2d(6 → 3, 9×9, stride 4, padding 4, output padding 3)"),
    ]
    relu = [layer.describe().split("(")[0] for layer in small(nonlinearity="relu").g_a]
    assert relu == ["Conv2d", "ReLU", "Conv2d", "ReLU", "Conv2d"]
    assert len(small(nonlinearity="none").g_a) == len(small(nonlinearity="none").g_s) == 3
    for wrong in ({"nonlinearity": "tanh"}, {"learned_by": "all"}, {"alpha": 0.9}, {"epsilon": 0.0}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            small(**wrong)


@all_options
def test_halves_have_inverse_shapes(options: dict[str, object]) -> None:
    """M latents for 16×16 pixels, and back."""
    model, x = small(**options), np.random.default_rng(5).random((2, 3, 32, 48)).astype(np.float32)
    y = model.analyse(x)
    assert y.shape == (2, 9, 2, 3)
    assert model.synthesise(y).shape == x.shape
    with pytest.raises(ValueError, match="multiples of 16"):
        model.analyse(x[:, :, :24])


@all_options
def test_gradients_reach_every_parameter(options: dict[str, object]) -> None:
    """Exponents that are learned too; those that are fixed are no parameters of training."""
    model, x = disturbed(small(**options)), np.random.default_rng(5).random((2, 3, 32, 48))
    made = model(x.astype(np.float32), np.random.default_rng(0))
    ((made.decoded * made.decoded).sum() + made.likelihoods["y"].sum()).backward()
    named = {name: tensor for name, tensor in model.named_parameters() if tensor.requires_grad}
    without = [name for name, tensor in named.items() if tensor.grad is None or not tensor.grad.any()]
    assert not without
    exponents = [name for name in named if name.endswith(("alpha", "epsilon"))]
    assert len(exponents) == (12 if "learned_by" in options else 0)


def test_gradients_of_exponents_are_those_of_differences() -> None:
    """Through the whole model, in float64."""
    model = NonlinearTransform(
        4, 5, rng=np.random.default_rng(0), dtype=np.float64, alpha=1.5, epsilon=0.7, learned_by="channel"
    )
    x = np.random.default_rng(1).random((1, 3, 16, 32))

    def value() -> Tensor:
        decoded = model.synthesise(model.analyse(x))
        return (decoded * decoded).sum()

    value().backward()
    for name in ("g_a.1.alpha", "g_a.5.epsilon", "g_s.0.alpha", "g_s.4.epsilon"):
        parameter = dict(model.named_parameters())[name]
        assert parameter.grad is not None
        before, found = parameter.data.copy(), []
        for step in (1e-5, -1e-5):
            parameter.data = before + step
            with no_grad():
                found.append(value().item())
        parameter.data = before
        assert parameter.grad.sum() == pytest.approx((found[0] - found[1]) / 2e-5, rel=1e-5)


# --------------------------------------------------------------------------------------------------
# Weights


@all_options
def test_weights_say_which_model_they_are_of(options: dict[str, object], tmp_path: Path) -> None:
    """Written and read, with whatever options: the same hash, the same latents."""
    weights = weights_of(disturbed(small(**options)))
    write_weights(tmp_path / "own.npz", weights)
    read = read_weights(tmp_path / "own.npz")
    assert read.hash == weights.hash
    assert isinstance(read.model, NonlinearTransform)
    assert read.model.describe() == weights.model.describe() == small(**options).describe()
    x = codec.to_samples(picture(32, 48))
    np.testing.assert_array_equal(read.model.analyse(x).data, weights.model.analyse(x).data)


def test_weights_of_another_model_are_refused() -> None:
    """Fixed exponents, widths that do not fit together, and what a forged file may say."""
    state = small().state_dict()
    with pytest.raises(ValueError, match=r"exponents are \[2.  0.5\], the model has \[1. 1.\]"):
        small(alpha=1, epsilon=1).load_state_dict(state)
    small().load_state_dict(state)
    for name, shape in (
        ("g_a.0.weight", (6, 1, 9, 9)),
        ("g_a.2.weight", (6, 6, 5, 0)),
        ("g_a.2.weight", (6, 7, 5, 5)),
        ("g_a.4.weight", (9, 6, 5)),
    ):
        with pytest.raises(ValueError, match=r"convolution have|do not fit together"):
            model_for(state | {name: np.zeros(shape, np.float32)})
    for exponents in ([2.0], [0.5, 1.0], [np.nan, 1.0]):
        with pytest.raises(ValueError, match=r"reshape|at least"):
            model_for(state | {"exponents": np.array(exponents, np.float32)})


# --------------------------------------------------------------------------------------------------
# Files


def test_files(leaves: Pictures) -> None:
    """There and back at odd sizes, in colour and grey, with a search too; the same bytes each time."""
    weights = weights_of(started(leaves, 12, 24))
    for height, width in ((1, 1), (17, 40)):
        image = picture(height, width)
        for one in (image, np.ascontiguousarray(image[..., 0])):
            data = encode(one, weights=weights)
            decoded = decode(data, weights=weights)
            assert decoded.shape == one.shape
            assert psnr(decoded, one) > 14
            assert encode(one, weights=weights) == data
            np.testing.assert_array_equal(
                codec.open_file(data, weights=weights).symbols, codec.latents_of(one, weights)[1]
            )
    assert decode(encode(image, weights=weights, effort=2), weights=weights).shape == image.shape


@pytest.mark.parametrize("options", [{}, {"nonlinearity": "none"}], ids=["gdn", "none"])
def test_strips_make_no_difference(
    options: dict[str, object], quick_backend: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Latents and pictures in strips are those of the whole; one row of margin would not do."""
    model = weights_of(disturbed(small(12, 24, **options))).model
    samples = codec.to_samples(picture(208, 48))

    def apart(pixels: int) -> tuple[float, float]:
        parts = strips.analyse(model, samples, pixels)
        made = np.concatenate([part for _, part in strips.synthesise(model, whole, pixels)], axis=2)
        return tuple(np.abs(a - b).max() / np.abs(b).max() for a, b in ((parts, whole), (made, expected)))

    with use_backend(quick_backend), no_grad():
        whole = strips.analyse(model, samples)
        ((_, expected),) = strips.synthesise(model, whole)
        for pixels in (1, 4000):
            assert max(apart(pixels)) < 1e-5
        monkeypatch.setattr(strips, "MARGIN", 1)
        assert min(apart(4000)) > 1e-5


def test_train_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By its name, from statistics, and then for a neighbouring λ."""
    monkeypatch.chdir(tmp_path)
    Path("photos").mkdir()
    Image.fromarray(picture(40, 48)).save("photos/0.png")
    common = ("--data", "photos", "--model", "nonlinear-transform", "--width", 4, "--latents", 6)
    common += ("--side", 32, "--batch", 2)
    assert run("train", *common, "--lambda", 0.01, "--steps", 3, "--out", "a.npz") == 0
    assert run("train", *common, "--lambda", 0.02, "--steps", 2, "--start", "a.npz", "--out", "b.npz") == 0
    assert read_weights("b.npz").card["model"] == "NonlinearTransform(4, 6)"


# --------------------------------------------------------------------------------------------------
# First weights


@pytest.mark.parametrize("nonlinearity", ["none", "relu"])
def test_first_stage_loses_nothing(leaves: Pictures, nonlinearity: str) -> None:
    """48 coefficients of 4×4 pixels of three colours; with ReLU each as a pair."""
    model = started(leaves, 96 if nonlinearity == "relu" else 50, 4, nonlinearity=nonlinearity)
    x = leaves.batch(9, 9, 2, 32)
    with no_grad():
        coefficients = model.g_a[0](Tensor(x)).data
        if nonlinearity == "relu":
            np.testing.assert_allclose(coefficients[:, :48], -coefficients[:, 48:96], atol=1e-4)
            coefficients = np.maximum(coefficients, 0)
        else:
            coefficients[:, 48:] = 77  # nobody listens
        back = model.g_s[-1](Tensor(coefficients)).data
    np.testing.assert_allclose(back, x, atol=2e-5)


@pytest.fixture(scope="module")
def linear(leaves: Pictures) -> Estimate:
    """What a model without any nonlinearity makes of a picture at step 0."""
    return estimate(started(leaves, nonlinearity="none"), leaves.picture(0)[:96, :96])


@all_options
def test_step_0_is_a_linear_codec(leaves: Pictures, linear: Estimate, options: dict[str, object]) -> None:
    """Few bits and many decibels, and a normalisation near the identity costs little of them."""
    found = estimate(started(leaves, **options), leaves.picture(0)[:96, :96])
    assert found.psnr > 22
    assert found.bpp < 1
    if "nonlinearity" not in options:
        assert abs(found.psnr - linear.psnr) < 0.5
        assert abs(found.bpp / linear.bpp - 1) < 0.1


@all_options
def test_another_weight_only_changes_the_scale_of_latents(
    leaves: Pictures, options: dict[str, object]
) -> None:
    """By √(new / old), through the outermost normalisations; pictures without rounding stay."""
    model, x = disturbed(started(leaves, 12, 24, **options)), leaves.batch(2, 2, 2, 32)
    before = model.analyse(x).data
    decoded = model.synthesise(before).data
    warm_start.change_weight(model, 0.01, 0.04)
    after = model.analyse(x).data
    np.testing.assert_allclose(after, 2 * before, rtol=1e-4, atol=1e-4 * np.abs(before).max())
    np.testing.assert_allclose(model.synthesise(after).data, decoded, atol=1e-4 * np.abs(decoded).max())


def test_relu_needs_two_channels(leaves: Pictures) -> None:
    """Refused before anything changes."""
    model = small(1, 4, nonlinearity="relu")
    before = model.state_dict()
    with pytest.raises(ValueError, match="no two channels"):
        warm_start.warm_start(model, leaves, WEIGHT, seed=0)
    for name, array in model.state_dict().items():
        np.testing.assert_array_equal(array, before[name])


# --------------------------------------------------------------------------------------------------
# The same in PyTorch


@pytest.mark.reference
@pytest.mark.parametrize("name", ["paper", "(1, 1)", "by channel", "relu"])
def test_a_twin_in_pytorch(name: str) -> None:
    """The same weights in PyTorch's operations: latents, pictures and gradients of exponents."""
    torch = pytest.importorskip("torch")
    functional = torch.nn.functional
    model = disturbed(small(**OPTIONS[name]))
    x = np.random.default_rng(5).random((2, 3, 32, 48)).astype(np.float32)
    state = {key: torch.tensor(array, requires_grad=True) for key, array in model.state_dict().items()}
    rules = {"beta": (1e-6, None), "gamma": (0.0, None), "alpha": (1.0, 0), "epsilon": (1e-6, 1)}

    def value(key: str, part: str):
        least, place = rules[part]
        if f"{key}.{part}" not in state:
            return state["exponents"][place]
        bound = (least + 2**-36) ** 0.5
        return torch.clamp(state[f"{key}.{part}"], min=bound) ** 2 - 2**-36

    def normalised(v, key: str, inverse: bool):
        alpha, epsilon = (value(key, part).reshape(-1, 1, 1) for part in ("alpha", "epsilon"))
        kernel = value(key, "gamma")[:, :, None, None]
        measure = functional.conv2d(v.abs() ** alpha, kernel, value(key, "beta"))
        return v * measure ** (epsilon if inverse else -epsilon)

    def through(v, half: str):
        for place, layer in enumerate(getattr(model, half)):
            key, kind = f"{half}.{place}", layer.describe().split("(")[0]
            if kind in ("GDN", "IGDN"):
                v = normalised(v, key, kind == "IGDN")
            elif kind == "ReLU":
                v = torch.relu(v)
            else:
                weight, bias = state[f"{key}.weight"], state[f"{key}.bias"]
                nine = weight.shape[-1] == 9
                settings = {"stride": 4 if nine else 2, "padding": 4 if nine else 2}
                if kind == "ConvTranspose2d":
                    settings["output_padding"] = 3 if nine else 1
                    v = functional.conv_transpose2d(v, weight, bias, **settings)
                else:
                    v = functional.conv2d(v, weight, bias, **settings)
        return v

    y = through(torch.tensor(x), "g_a")
    ours = model.analyse(x)
    np.testing.assert_allclose(ours.data, y.detach().numpy(), atol=1e-5)
    back, theirs = model.synthesise(ours), through(y, "g_s")
    np.testing.assert_allclose(back.data, theirs.detach().numpy(), atol=1e-5)
    (back * back).sum().backward()
    (theirs * theirs).sum().backward()
    for key, parameter in model.named_parameters():
        if key.startswith("g_"):
            gradient = state[key].grad.numpy()
            np.testing.assert_allclose(
                parameter.grad, gradient, rtol=1e-3, atol=1e-4 * np.abs(gradient).max()
            )
