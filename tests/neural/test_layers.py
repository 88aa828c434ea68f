"""Layers: parameters and their names, state dictionaries, repr, and the same numbers as PyTorch's layers."""

import copy

import numpy as np
import pytest
import strict_arrays

from neural_from_scratch import ops
from neural_from_scratch.backend import use_backend
from neural_from_scratch.checkpoint import load_state, save_state
from neural_from_scratch.gradcheck import gradient_error
from neural_from_scratch.layers import GDN, Conv2d, ConvTranspose2d, Layer, LeakyReLU, ReLU, Sequential
from neural_from_scratch.losses import mse
from neural_from_scratch.tensor import Tensor


def rng(seed=0):
    return np.random.default_rng(seed)


class Autoencoder(Layer):
    """A small codec with the names of CompressAI's."""

    def __init__(self, n=4, m=5, dtype=np.float32, seed=0):
        draw = {"rng": rng(seed), "dtype": dtype}
        self.g_a = Sequential(
            Conv2d(3, n, 5, 2, 2, **draw), GDN(n, dtype=dtype), Conv2d(n, m, 5, 2, 2, **draw), LeakyReLU()
        )
        self.g_s = Sequential(
            ConvTranspose2d(m, n, 5, 2, 2, 1, **draw),
            GDN(n, inverse=True, dtype=dtype),
            ConvTranspose2d(n, 3, 5, 2, 2, 1, **draw),
        )

    def forward(self, x):
        return self.g_s(self.g_a(x))


SHAPES = {
    "g_a.0.weight": (4, 3, 5, 5),
    "g_a.0.bias": (4,),
    "g_a.1.beta": (4,),
    "g_a.1.gamma": (4, 4),
    "g_a.2.weight": (5, 4, 5, 5),
    "g_a.2.bias": (5,),
    "g_s.0.weight": (5, 4, 5, 5),
    "g_s.0.bias": (4,),
    "g_s.1.beta": (4,),
    "g_s.1.gamma": (4, 4),
    "g_s.2.weight": (4, 3, 5, 5),
    "g_s.2.bias": (3,),
}


def picture(*shape, dtype=np.float32, seed=9):
    return rng(seed).random(shape).astype(dtype)


# --------------------------------------------------------------------------------------------------
# Parameters and names


def test_names_and_shapes_are_those_of_compressai_in_its_order():
    network = Autoencoder()
    assert {name: parameter.shape for name, parameter in network.named_parameters()} == SHAPES
    assert list(network.state_dict()) == list(SHAPES)
    assert network.parameter_count() == sum(int(np.prod(shape)) for shape in SHAPES.values())
    assert [name for name, _ in network.children()] == ["g_a", "g_s"]
    assert all(parameter.requires_grad for parameter in network.parameters())


def test_layers_in_lists_are_found_and_settings_are_not():
    class Nested(Layer):
        def __init__(self):
            self.blocks = [ReLU(), Conv2d(1, 1, 1, rng=rng()), (1, 2)]
            self.table = np.zeros(3)
            self.scales = [Tensor(np.zeros(2, np.float32)), 7]

    assert [name for name, _ in Nested().named_parameters()] == [
        "blocks.1.weight",
        "blocks.1.bias",
        "scales.0",
    ]


def test_a_layer_used_twice_has_two_names_and_counts_once():
    shared = Conv2d(2, 2, 3, 1, 1, rng=rng())
    network = Sequential(shared, ReLU(), shared)
    assert [name for name, _ in network.named_parameters()] == ["0.weight", "0.bias", "2.weight", "2.bias"]
    assert len(network.parameters()) == 2
    assert network.parameter_count() == 2 * 2 * 9 + 2
    network(Tensor(picture(1, 2, 4, 4))).sum().backward()
    assert shared.weight.grad is not None


def test_every_parameter_gets_a_gradient_and_forgets_it():
    network = Autoencoder()
    x = picture(2, 3, 16, 24)
    mse(x, network(Tensor(x))).backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert np.abs(parameter.grad).max() > 0, name
    network.zero_grad()
    assert all(parameter.grad is None for parameter in network.parameters())


def test_the_same_seed_gives_the_same_network_in_both_dtypes():
    single, double = Autoencoder(seed=3), Autoencoder(seed=3, dtype=np.float64)
    for (name, one), (_, two) in zip(single.named_parameters(), double.named_parameters()):
        assert (one.data == two.data.astype(np.float32)).all(), name
    other = Autoencoder(seed=4)
    assert (single.g_a[0].weight.data != other.g_a[0].weight.data).all()


@pytest.mark.parametrize(
    ("layer", "fan_in"),
    [
        (Conv2d(64, 32, 5, groups=2, rng=rng()), 32 * 25),
        (ConvTranspose2d(64, 32, 5, groups=2, rng=rng()), 16 * 25),
    ],
)
def test_first_weights_and_biases_fill_the_interval_that_pytorch_takes(layer, fan_in):
    for parameter, least in (layer.weight, 0.999), (layer.bias, 0.8):
        assert least < np.abs(parameter.data).max() * fan_in**0.5 <= 1


def test_a_layer_without_bias_has_none():
    layer = Conv2d(2, 3, 3, bias=False, rng=rng())
    assert layer.bias is None
    assert [name for name, _ in layer.named_parameters()] == ["weight"]
    assert layer(Tensor(picture(1, 2, 5, 5))).shape == (1, 3, 3, 3)


def test_a_layer_without_forward_says_so():
    with pytest.raises(NotImplementedError, match=r"Layer has no forward"):
        Layer()(Tensor(picture(1)))


def test_sequential_is_a_sequence():
    network = Autoencoder().g_a
    assert len(network) == 4
    assert list(network)[1] is network[1]
    assert isinstance(network[-1], LeakyReLU)
    half = network[:2]
    x = Tensor(picture(1, 3, 8, 8))
    assert (half(x).data == network[1](network[0](x)).data).all()
    assert Sequential()(x) is x


# --------------------------------------------------------------------------------------------------
# State dictionaries


def test_a_state_dict_is_a_copy_and_goes_into_a_twin():
    network, twin = Autoencoder(seed=1), Autoencoder(seed=2)
    state = network.state_dict()
    unloaded = twin.load_state_dict(state)
    assert unloaded == ((), ())
    x = Tensor(picture(1, 3, 16, 16))
    expected = network(x).data
    assert (twin(x).data == expected).all()
    for array in state.values():
        array[...] = 0
    assert (network(x).data == expected).all()
    assert (twin(x).data == expected).all()


def test_weights_go_to_disk_and_back(tmp_path):
    network, twin = Autoencoder(seed=1), Autoencoder(seed=2)
    save_state(tmp_path / "weights.npz", network.state_dict())
    twin.load_state_dict(load_state(tmp_path / "weights.npz"))
    x = Tensor(picture(1, 3, 16, 16))
    assert (twin(x).data == network(x).data).all()


def test_everything_that_does_not_fit_is_in_one_message_and_nothing_is_changed():
    network = Autoencoder()
    before = network.state_dict()
    state = {key: array + 1 for key, array in before.items()}
    del state["g_a.0.bias"], state["g_s.2.weight"]
    state["g_a.7.weight"] = state["entropy_bottleneck.quantiles"] = np.zeros(3)
    state["g_a.1.gamma"] = np.zeros((4, 3))
    state["g_s.1.beta"] = np.zeros(4, np.int32)
    state["g_s.0.bias"] = [0.0] * 4
    with pytest.raises(ValueError, match="do not fit") as caught:
        network.load_state_dict(state)
    assert str(caught.value).splitlines() == [
        "load_state_dict: Autoencoder and the dictionary do not fit",
        "  missing: g_a.0.bias, g_s.2.weight",
        "  extra: g_a.7.weight, entropy_bottleneck.quantiles",
        "  misfit: g_a.1.gamma is float64 of shape (4, 3), must be floating-point of shape (4, 4)",
        "  misfit: g_s.0.bias is a list, must be floating-point of shape (4,)",
        "  misfit: g_s.1.beta is int32 of shape (4,), must be floating-point of shape (4,)",
    ]
    for name, array in network.state_dict().items():
        assert (array == before[name]).all()


def test_what_is_missing_or_extra_may_be_let_pass_but_wrong_shapes_may_not():
    network = Autoencoder()
    unloaded = network.load_state_dict({"g_a.0.bias": np.full(4, 7.0), "else": np.zeros(1)}, strict=False)
    assert unloaded.missing == tuple(name for name in SHAPES if name != "g_a.0.bias")
    assert unloaded.extra == ("else",)
    assert (network.g_a[0].bias.data == 7).all()
    with pytest.raises(ValueError, match=r"misfit: g_a\.0\.bias"):
        network.load_state_dict({"g_a.0.bias": np.zeros(5)}, strict=False)


def test_compressais_constants_are_ignored_and_only_those():
    network = Autoencoder()
    state = network.state_dict()
    for gdn in "g_a.1", "g_s.1":
        for name in "beta", "gamma":
            state[f"{gdn}.{name}_reparam.pedestal"] = np.full(1, 2.0**-36, np.float32)
            state[f"{gdn}.{name}_reparam.lower_bound.bound"] = np.full(1, 2.0**-18, np.float32)
    assert network.load_state_dict(state) == ((), ())
    state["g_a.0.beta_reparam.pedestal"] = np.zeros(1, np.float32)
    with pytest.raises(ValueError, match=r"extra: g_a\.0\.beta_reparam\.pedestal"):
        network.load_state_dict(state)


def test_loading_keeps_dtype_and_identity_and_takes_any_layout():
    network = Autoencoder()
    parameters = network.parameters()
    network.load_state_dict({k: np.asfortranarray(v.astype(">f8")) for k, v in network.state_dict().items()})
    assert all(one is other for one, other in zip(parameters, network.parameters()))
    for parameter in parameters:
        assert parameter.dtype == np.float32
        assert parameter.data.dtype.isnative
        assert parameter.data.flags.c_contiguous


def test_a_deep_copy_is_another_network():
    network = Autoencoder()
    twin = copy.deepcopy(network)
    twin.g_a[0].bias.data[:] = 5
    assert (network.g_a[0].bias.data != 5).all()


# --------------------------------------------------------------------------------------------------
# Elsewhere: other dtypes, other array modules


def test_a_network_goes_to_float64_and_computes_there():
    network = Autoencoder()
    assert network.to(dtype=np.float64) is network
    assert all(parameter.dtype == np.float64 for parameter in network.parameters())
    assert network(Tensor(picture(1, 3, 8, 8, dtype=np.float64))).dtype == np.float64
    with pytest.raises(TypeError, match="dtype is int32"):
        network.to(dtype=np.int32)


def test_a_network_goes_to_another_array_module_and_back(monkeypatch):
    network = Autoencoder()
    network.g_a[1].epsilon = np.full(4, 0.5, np.float32)
    x = picture(1, 3, 8, 8)
    here = network(Tensor(x))
    here.sum().backward()
    expected = [parameter.grad for parameter in network.parameters()]
    # As CuPy: asarray() brings a NumPy array there, get() brings it back.
    asarray = strict_arrays.asarray
    monkeypatch.setattr(
        strict_arrays,
        "asarray",
        lambda value, *dtype, **named: (
            strict_arrays.from_numpy(value)
            if isinstance(value, np.ndarray)
            else asarray(value, *dtype, **named)
        ),
    )
    monkeypatch.setattr(strict_arrays.StrictArray, "get", strict_arrays.to_numpy, raising=False)
    network.to(strict_arrays)
    assert all(parameter.grad is None for parameter in network.parameters())
    assert isinstance(network.g_a[1].epsilon, strict_arrays.StrictArray)
    there = network(Tensor(strict_arrays.from_numpy(x)))
    there.sum().backward()
    assert strict_arrays.to_numpy(there.data) == pytest.approx(here.data, rel=1e-5, abs=1e-6)
    for parameter, gradient in zip(network.parameters(), expected):
        found = strict_arrays.to_numpy(parameter.grad)
        assert np.abs(found - gradient).max() < 1e-5 * max(1, np.abs(gradient).max())
    network.load_state_dict({name: array.get() for name, array in network.state_dict().items()})
    assert isinstance(network.g_a[0].weight.data, strict_arrays.StrictArray)
    network.to(np)
    assert isinstance(network.g_a[1].epsilon, np.ndarray)
    assert network(Tensor(x)).data == pytest.approx(here.data)


# --------------------------------------------------------------------------------------------------
# GDN's parameters


def test_gdn_starts_as_a_gentle_division():
    x = rng().standard_normal((2, 6, 3, 3))
    assert GDN(6, dtype=np.float64)(Tensor(x)).data == pytest.approx(x / np.sqrt(1 + 0.1 * x**2), rel=1e-9)
    inverse = GDN(6, inverse=True, dtype=np.float64)
    assert inverse(Tensor(x)).data == pytest.approx(x * np.sqrt(1 + 0.1 * x**2), rel=1e-9)
    simple = GDN(6, alpha=1, epsilon=1, dtype=np.float64)
    assert simple(Tensor(x)).data == pytest.approx(x / (1 + 0.1 * np.abs(x)), rel=1e-9)


def test_beta_and_gamma_cannot_leave_their_bounds_and_come_back():
    gdn = GDN(2, beta_min=0.01, dtype=np.float64)
    gdn.beta.data[:] = -3
    gdn.gamma.data[:] = -3
    x = Tensor(np.full((1, 2, 1, 1), 2.0))
    assert gdn(x).data.ravel() == pytest.approx([20, 20])  # 2 / √0.01
    (-gdn(x)).sum().backward()  # wants smaller measures: no further down
    assert (gdn.beta.grad == 0).all()
    assert (gdn.gamma.grad == 0).all()
    gdn.zero_grad()
    gdn(x).sum().backward()  # wants larger ones
    assert (gdn.beta.grad < 0).all()
    assert (gdn.gamma.grad < 0).all()


@pytest.mark.parametrize(
    ("alpha", "epsilon", "shapes"),
    [
        (2, 0.5, ((), ())),
        (np.linspace(1.2, 2.0, 3), np.array([0.4, 0.5, 1.0]), ((3,), (3,))),
        (np.linspace(1.2, 2.0, 9).reshape(3, 3), 0.7, ((3, 3), ())),
    ],
)
@pytest.mark.parametrize("inverse", [False, True])
def test_learned_exponents_are_parameters_with_gradients(alpha, epsilon, shapes, inverse):
    gdn = GDN(3, inverse, alpha, epsilon, learn_alpha=True, learn_epsilon=True, dtype=np.float64)
    names = [name for name, _ in gdn.named_parameters()]
    assert names == ["beta", "gamma", "alpha", "epsilon"]
    assert (gdn.alpha.shape, gdn.epsilon.shape) == shapes
    fixed = GDN(3, inverse, alpha, epsilon, dtype=np.float64)
    x = rng().uniform(0.3, 2, (2, 3, 2, 2)) * rng(1).choice([-1.0, 1.0], (2, 3, 2, 2))
    assert gdn(Tensor(x)).data == pytest.approx(fixed(Tensor(x)).data, rel=1e-9)
    start = [parameter.data + 0.05 * rng(2).random(parameter.shape) for parameter in gdn.parameters()]

    def function(x, *parameters):
        gdn.beta, gdn.gamma, gdn.alpha, gdn.epsilon = parameters
        return gdn(x)

    assert gradient_error(function, [x, *start]) < 1e-6


# --------------------------------------------------------------------------------------------------
# In words


def test_the_picture_of_a_network():
    network = Sequential(Sequential(Conv2d(3, 4, 5, rng=rng()), GDN(4)), ReLU())
    assert repr(network).splitlines() == [
        "Sequential                                         324 parameters",
        "  0  Sequential                                    324",
        "    0  Conv2d(3 → 4, 5×5)  weight 4×3×5×5, bias 4  304",
        "    1  GDN(4)              beta 4, gamma 4×4        20",
        "  1  ReLU",
    ]
    assert repr(ReLU()) == "ReLU"
    assert repr(Sequential(ReLU(), LeakyReLU(0.2))) == "Sequential\n  0  ReLU\n  1  LeakyReLU(0.2)"


@pytest.mark.parametrize(
    ("layer", "words"),
    [
        (lambda: Conv2d(4, 6, (3, 5), rng=rng()), "Conv2d(4 → 6, 3×5)"),
        (lambda: Conv2d(4, 6, 3, (1, 2), groups=2, rng=rng()), "Conv2d(4 → 6, 3×3, stride (1, 2), groups 2)"),
        (lambda: GDN(3, alpha=1, epsilon=1), "GDN(3, alpha 1, epsilon 1)"),
        (lambda: GDN(3, True, alpha=np.full((3, 3), 2.0)), "IGDN(3, alpha 3×3)"),
        (lambda: GDN(3, learn_epsilon=True), "GDN(3, epsilon learned)"),
    ],
)
def test_settings_that_are_not_the_usual_are_named(layer, words):
    assert layer().describe() == words


# --------------------------------------------------------------------------------------------------
# Bad input


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: Conv2d(3.0, 4, 5, rng=rng()), TypeError, r"Conv2d: inputs=3\.0 must be a whole number"),
        (lambda: Conv2d(3, 0, 5, rng=rng()), ValueError, "Conv2d: outputs=0 must be at least 1"),
        (lambda: Conv2d(3, 4, 0, rng=rng()), ValueError, "Conv2d: kernel=0 must be at least 1"),
        (
            lambda: Conv2d(3, 4, 2.5, rng=rng()),
            TypeError,
            r"Conv2d: kernel=2\.5 must be a whole number or two",
        ),
        (
            lambda: Conv2d(3, 4, (5, 5, 5), rng=rng()),
            TypeError,
            "Conv2d: kernel=.* must be a whole number or two",
        ),
        (lambda: Conv2d(3, 4, 5, padding=-1, rng=rng()), ValueError, "Conv2d: padding=-1 must be at least 0"),
        (lambda: Conv2d(3, 4, 5, stride=0, rng=rng()), ValueError, "Conv2d: stride=0"),
        (
            lambda: Conv2d(4, 6, 5, groups=4, rng=rng()),
            ValueError,
            "groups=4 does not divide inputs=4 and outputs=6",
        ),
        (lambda: Conv2d(3, 4, 5, rng=rng(), dtype=np.int32), TypeError, "dtype int32"),
        (
            lambda: ConvTranspose2d(3, 4, 5, 2, 2, 2, rng=rng()),
            ValueError,
            r"output_padding=\(2, 2\) must be below",
        ),
        (lambda: GDN(0), ValueError, "GDN: channels=0"),
        (lambda: GDN(2, beta_min=0), ValueError, "beta_min=0 must be positive"),
        (lambda: GDN(2, gamma_init=-1), ValueError, "gamma_init=-1"),
        (lambda: GDN(2, alpha=0.5), ValueError, r"GDN: alpha=0\.5 must be at least 1"),
        (lambda: GDN(2, epsilon=float("nan")), ValueError, "GDN: epsilon=nan must be at least 1e-06"),
        (
            lambda: GDN(2, alpha=np.ones(3)),
            ValueError,
            r"GDN: alpha has shape \(3,\), must be \(\) or \(2,\)",
        ),
        (lambda: GDN(2, epsilon=np.ones((2, 2))), ValueError, r"GDN: epsilon has shape \(2, 2\)"),
        (
            lambda: Sequential(ReLU(), ops.relu),
            TypeError,
            "Sequential: item 1 is a function, must be a layer",
        ),
    ],
)
def test_bad_settings_are_named(make, error, words):
    with pytest.raises(error, match=words):
        make()


def test_inputs_that_do_not_fit_are_named_by_the_operation():
    layer = Conv2d(3, 4, 5, rng=rng())
    with pytest.raises(ValueError, match=r"conv2d: .*\(1, 2, 8, 8\).*\(4, 3, 5, 5\)"):
        layer(Tensor(picture(1, 2, 8, 8)))
    with pytest.raises(TypeError, match=r"conv2d: .*float64.*float32"):
        layer(Tensor(picture(1, 3, 8, 8, dtype=np.float64)))


# --------------------------------------------------------------------------------------------------
# Against PyTorch


def in_pytorch(torch):
    """`Autoencoder` in PyTorch: GDN as CompressAI writes it, with its constants among the weights."""
    functional = torch.nn.functional

    class Bound(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x, bound):
            ctx.save_for_backward(x, bound)
            return torch.max(x, bound)

        @staticmethod
        def backward(ctx, gradient):
            x, bound = ctx.saved_tensors
            return torch.where((x >= bound) | (gradient < 0), gradient, 0), None

    class LowerBound(torch.nn.Module):
        def __init__(self, bound):
            super().__init__()
            self.register_buffer("bound", torch.tensor([float(bound)]))

    class NonNegative(torch.nn.Module):
        def __init__(self, minimum):
            super().__init__()
            self.register_buffer("pedestal", torch.tensor([2.0**-36]))
            self.lower_bound = LowerBound((minimum + 2.0**-36) ** 0.5)

        def forward(self, x):
            return Bound.apply(x, self.lower_bound.bound) ** 2 - self.pedestal

    class TheirGDN(torch.nn.Module):
        def __init__(self, channels, inverse=False):
            super().__init__()
            self.inverse = inverse
            self.beta = torch.nn.Parameter(torch.sqrt(torch.ones(channels) + 2.0**-36))
            self.gamma = torch.nn.Parameter(torch.sqrt(0.1 * torch.eye(channels) + 2.0**-36))
            self.beta_reparam, self.gamma_reparam = NonNegative(1e-6), NonNegative(0)

        def forward(self, x):
            gamma = self.gamma_reparam(self.gamma)[:, :, None, None]
            norm = functional.conv2d(x**2, gamma, self.beta_reparam(self.beta))
            return x * (torch.sqrt(norm) if self.inverse else torch.rsqrt(norm))

    nn = torch.nn
    network = nn.Module()
    network.g_a = nn.Sequential(
        nn.Conv2d(3, 4, 5, 2, 2), TheirGDN(4), nn.Conv2d(4, 5, 5, 2, 2), nn.LeakyReLU(0.01)
    )
    network.g_s = nn.Sequential(
        nn.ConvTranspose2d(5, 4, 5, 2, 2, 1), TheirGDN(4, True), nn.ConvTranspose2d(4, 3, 5, 2, 2, 1)
    )
    return network


def agree(torch, ours, theirs, dtype, tolerance):
    x = picture(2, 3, 32, 48, dtype=dtype)
    here, there = Tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
    y, expected = ours(here), theirs.g_s(theirs.g_a(there))
    assert np.abs(y.data - expected.detach().numpy()).max() < tolerance
    ours.zero_grad()
    theirs.zero_grad()
    mse(1 - x, y).backward()
    torch.nn.functional.mse_loss(expected, torch.tensor(1 - x)).backward()
    gradients = {name: parameter.grad.numpy() for name, parameter in theirs.named_parameters()}
    assert list(gradients) == [name for name, _ in ours.named_parameters()]
    gradients["x"] = there.grad.numpy()
    for name, parameter in [*ours.named_parameters(), ("x", here)]:
        largest = np.abs(gradients[name]).max()
        assert largest > 0, name
        assert np.abs(parameter.grad - gradients[name]).max() < tolerance * largest, name


@pytest.mark.reference
@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-8), (np.float32, 2e-4)])
def test_a_codec_with_the_same_weights_computes_the_same_and_learns_the_same(dtype, tolerance, backend):
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    theirs = in_pytorch(torch).to(torch.float64 if dtype == np.float64 else torch.float32)
    with torch.no_grad():
        for gdn in theirs.g_a[1], theirs.g_s[1]:
            gdn.beta += 0.3 * torch.rand(4)
            gdn.gamma += 0.3 * torch.randn(4, 4)  # some below the bound
    ours = Autoencoder(dtype=dtype)
    ours.load_state_dict({key: value.numpy() for key, value in theirs.state_dict().items()})
    with use_backend(backend):
        agree(torch, ours, theirs, dtype, tolerance)


@pytest.mark.reference
def test_pytorch_takes_our_weights():
    torch = pytest.importorskip("torch")
    theirs = in_pytorch(torch)
    ours = Autoencoder(seed=5)
    state = {key: torch.tensor(array) for key, array in ours.state_dict().items()}
    missing, extra = theirs.load_state_dict(state, strict=False)
    assert extra == []
    assert all("_reparam." in key for key in missing)
    agree(torch, ours, theirs, np.float32, 2e-4)
