"""Adam, clipping and schedules: the equations by hand, what PyTorch does, going on later, and wrong input."""

import math
from itertools import pairwise

import numpy as np
import pytest
from conftest import BACKENDS

from neural_from_scratch import optim
from neural_from_scratch.backend import get_backend, use_backend
from neural_from_scratch.optim import Adam, Group, clip_gradients, warmup_cosine
from neural_from_scratch.tensor import Tensor

SHAPES = {"weight": (4, 3, 5, 5), "bias": (4,), "scale": ()}


@pytest.fixture(params=BACKENDS)
def backend(request):
    with use_backend(request.param):
        yield request.param


def parameters(dtype=np.float64, seed=0):
    rng = np.random.default_rng(seed)
    return {
        name: Tensor(np.array(rng.standard_normal(shape), dtype), requires_grad=True)
        for name, shape in SHAPES.items()
    }


def give_gradients(network, seed):
    """Of very different sizes, as in training, and some of them 0."""
    rng = np.random.default_rng(seed)
    for tensor in network.values():
        gradient = rng.standard_normal(tensor.shape) * 10.0 ** rng.uniform(-6, 2, tensor.shape)
        tensor.grad = np.array(
            np.where(rng.random(tensor.shape) < 0.1 * (tensor.ndim > 0), 0, gradient), tensor.dtype
        )


def by_hand(values, gradients, rates, beta1, beta2, epsilon):
    """Algorithm 1 of Kingma & Ba, one number after the other."""
    results = []
    for position, start in enumerate(values):
        value, mean, square = start, 0.0, 0.0
        for number, (gradient, rate) in enumerate(zip(gradients, rates), 1):
            mean = beta1 * mean + (1 - beta1) * gradient[position]
            square = beta2 * square + (1 - beta2) * gradient[position] ** 2
            corrected = mean / (1 - beta1**number), square / (1 - beta2**number)
            value -= rate * corrected[0] / (math.sqrt(corrected[1]) + epsilon)
        results.append(value)
    return results


# --------------------------------------------------------------------------------------------------
# Adam


def test_steps_are_those_of_the_algorithm(backend):
    network = parameters()
    start = {name: tensor.data.ravel().copy() for name, tensor in network.items()}
    adam = Adam(network, rate=0.01, betas=(0.8, 0.95), epsilon=1e-6)
    scales, gradients = [1, 0.5, 2, 0, 1], []
    for step, scale in enumerate(scales):
        give_gradients(network, step)
        gradients.append({name: tensor.grad.ravel().copy() for name, tensor in network.items()})
        adam.step(scale)
    for name, tensor in network.items():
        expected = by_hand(
            start[name], [g[name] for g in gradients], [0.01 * s for s in scales], 0.8, 0.95, 1e-6
        )
        np.testing.assert_allclose(tensor.data.ravel(), expected, rtol=1e-12, atol=1e-14)


def test_first_step_is_the_rate_whatever_the_gradient(backend):
    x = Tensor(np.zeros(3), requires_grad=True)
    x.grad = np.array([1e-3, -1.0, 1e3])
    Adam([x], rate=0.25, epsilon=0).step()
    np.testing.assert_allclose(x.data, [-0.25, 0.25, -0.25])


def test_parameters_change_in_place(backend):
    network = parameters(np.float32)
    arrays = {name: tensor.data for name, tensor in network.items()}
    give_gradients(network, 0)
    copies = {name: array.copy() for name, array in arrays.items()}
    Adam(network).step()
    for name, tensor in network.items():
        assert tensor.data is arrays[name]
        assert tensor.dtype == np.float32
        assert np.any(tensor.data != copies[name])


def test_groups_have_settings_of_their_own(backend):
    network = parameters()
    together, alone = parameters(), parameters()
    own = {"weight": {"rate": 0.1}, "bias": {"betas": (0.5, 0.6)}, "scale": {"epsilon": 0.1}}
    groups = [Group({name: together[name]}, **settings) for name, settings in own.items()]
    adams = [Adam(groups, rate=0.02)]
    adams += [Adam({name: alone[name]}, **({"rate": 0.02} | settings)) for name, settings in own.items()]
    for step in range(3):
        give_gradients(together, step)
        give_gradients(alone, step)
        for adam in adams:
            adam.step()
    for name in network:
        np.testing.assert_array_equal(together[name].data, alone[name].data)
        assert np.any(together[name].data != network[name].data)


def test_with_sizes_all_goes_as_if_parameters_were_divided_by_them(backend):
    sizes = {
        "weight": np.array([0.01, 1, 4, 100, 7.0])[: parameters()["weight"].shape[-1]],
        "scale": np.array(3.0),
    }
    sized, divided = parameters(), parameters()
    sizes = {name: size.astype(sized[name].dtype) for name, size in sizes.items()}
    for name, size in sizes.items():
        divided[name].data /= size
    adams = Adam([Group(sized, sizes=sizes)], rate=0.02), Adam(divided, rate=0.02)
    for step in range(4):
        give_gradients(sized, step)
        give_gradients(divided, step)
        for name, size in sizes.items():
            divided[name].grad = divided[name].grad * size
        for adam in adams:
            adam.step()
    for name in sized:
        np.testing.assert_allclose(
            sized[name].data, divided[name].data * sizes.get(name, 1), rtol=2e-5, atol=1e-7
        )
        assert np.any(sized[name].data != parameters()[name].data)


def test_a_state_keeps_sizes():
    first, second = parameters(), parameters()
    sizes = [np.full((), size, first["weight"].dtype) for size in (4, 5)]
    one, other = (Adam([Group(it, sizes={"weight": size})]) for it, size in zip((first, second), sizes))
    give_gradients(first, 0)
    one.step()
    other.load_state_dict(one.state_dict())
    assert other.state_dict()["size.weight"] == 4
    assert "size.bias" not in other.state_dict()
    with pytest.raises(ValueError, match=r"unknown size\.weight"):
        Adam(parameters()).load_state_dict(one.state_dict())
    with pytest.raises(ValueError, match=r"missing size\.bias"):
        Adam([Group(parameters(), sizes={"weight": sizes[0], "bias": sizes[0]})]).load_state_dict(
            one.state_dict()
        )


@pytest.mark.parametrize(
    ("size", "words"),
    [
        (np.ones((2, 7, 1, 1), np.float32), "must go with"),
        (np.ones((), np.int32), "int32 .*must go with"),
        (np.zeros((), np.float32), "positive and finite"),
        (np.full((), np.nan, np.float32), "positive and finite"),
    ],
)
def test_sizes_that_do_not_fit(size, words):
    x = Tensor(np.ones((2, 3), np.float32), requires_grad=True)
    with pytest.raises(ValueError, match=f"the size of 'x' .*{words}"):
        Adam([Group({"x": x}, sizes={"x": size})])


def test_parameters_without_gradient_stay_and_do_not_count(backend):
    network = parameters()
    adam = Adam(network)
    give_gradients(network, 0)
    network["bias"].grad = None
    before = network["bias"].data.copy()
    adam.step()
    np.testing.assert_array_equal(network["bias"].data, before)
    assert "steps.bias" not in adam.state_dict()
    assert adam.state_dict()["steps.weight"] == 1


def test_clear_gradients_forgets_them():
    network = parameters()
    give_gradients(network, 0)
    Adam(network).clear_gradients()
    assert all(tensor.grad is None for tensor in network.values())


def test_going_on_later_is_the_same_as_never_having_stopped(backend):
    straight, stopped = parameters(), parameters()
    adam, first = Adam(straight), Adam(stopped)
    for step in range(6):
        give_gradients(straight, step)
        adam.step()
    for step in range(3):
        give_gradients(stopped, step)
        first.step()
    state = first.state_dict()
    second = Adam(stopped)
    second.load_state_dict(state)
    for step in range(3, 6):
        give_gradients(stopped, step)
        second.step()
    for name in straight:
        np.testing.assert_array_equal(straight[name].data, stopped[name].data)
    assert state["steps.weight"] == 3, "the state is a copy"


def test_a_state_that_does_not_fit_is_told_in_full_and_changes_nothing():
    network = parameters()
    adam = Adam(network)
    give_gradients(network, 0)
    adam.step()
    before = adam.state_dict()
    state = dict(before)
    del state["mean.weight"]
    state["square.bias"] = np.zeros(5)
    state["mean.scale"] = np.zeros((), np.float32)
    state["mean.other"] = np.zeros(3)
    with pytest.raises(ValueError, match="load_state_dict") as caught:
        adam.load_state_dict(state)
    for words in ("missing mean.weight", "square.bias is", "mean.scale is float32", "unknown mean.other"):
        assert words in str(caught.value)
    after = adam.state_dict()
    assert after.keys() == before.keys()
    for key in before:
        np.testing.assert_array_equal(after[key], before[key])


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_gradients_that_are_not_finite_are_named_and_nothing_moves(bad):
    network = parameters()
    give_gradients(network, 0)
    network["weight"].grad[1, 2, 3, 4] = bad
    before = {name: tensor.data.copy() for name, tensor in network.items()}
    for act in (Adam(network).step, lambda: clip_gradients(network, 1.0)):
        with pytest.raises(FloatingPointError, match=r"weight of shape \(4, 3, 5, 5\)") as caught:
            act()
        assert "bias" not in str(caught.value)
    for name, tensor in network.items():
        np.testing.assert_array_equal(tensor.data, before[name])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"rate": -1}, "rate=-1"),
        ({"rate": math.nan}, "rate=nan"),
        ({"betas": (1, 0.9)}, "betas"),
        ({"betas": (0.9, math.nan)}, "betas"),
        ({"epsilon": -1e-8}, "epsilon"),
        ({"parameters": []}, "no parameters"),
    ],
)
def test_settings_out_of_range(change, words):
    with pytest.raises(ValueError, match=words):
        Adam(**{"parameters": parameters()} | change)


def test_parameters_that_are_none_or_twice_there():
    x, fixed = Tensor(np.ones(2), requires_grad=True), Tensor(np.ones(2))
    with pytest.raises(ValueError, match="same parameter"):
        Adam([x, x])
    with pytest.raises(ValueError, match="the name 'a'"):
        Adam([Group({"a": x}), Group({"a": Tensor(np.ones(2), requires_grad=True)})])
    with pytest.raises(TypeError, match=r"'0' of shape \(2,\) requires no gradient"):
        Adam([fixed])
    with pytest.raises(TypeError, match="'w' is a ndarray"):
        Adam({"w": np.ones(2)})


# --------------------------------------------------------------------------------------------------
# The kernel


@pytest.mark.both_backends
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", [(), (0,), (1,), (3, 5), (200_001,)])
def test_kernel_does_what_the_reference_does(shape, dtype):
    rng = np.random.default_rng(0)
    results = []
    start = np.array(rng.standard_normal(shape), dtype)
    gradients = [np.array(rng.standard_normal(shape), dtype) for _ in range(3)]
    for name in ("fast", "reference"):
        arrays = [start.copy(), np.zeros_like(start), np.zeros_like(start)]
        for step, gradient in enumerate(gradients, 1):
            get_backend(name).adam(arrays[0], gradient, *arrays[1:], 0.1, 0.9, 0.999, 1e-8, step)
        results.append(arrays)
    for one, other in zip(*results):
        tolerance = 1e-5 if dtype == "float32" else 1e-13
        np.testing.assert_allclose(one, other, rtol=tolerance, atol=tolerance)


@pytest.mark.both_backends
def test_kernel_takes_arrays_that_are_not_contiguous():
    rng = np.random.default_rng(0)
    whole = rng.standard_normal((4, 6, 8))
    gradient = rng.standard_normal((8, 3)).T
    value, expected = whole[1, ::2], whole[1, ::2].copy()
    states = [np.zeros((3, 8)) for _ in range(4)]
    get_backend("fast").adam(value, gradient, *states[:2], 0.1, 0.9, 0.999, 1e-8, 1)
    optim.adam_step(expected, gradient, *states[2:], 0.1, 0.9, 0.999, 1e-8, 1)
    np.testing.assert_allclose(whole[1, ::2], expected, rtol=1e-13)
    contiguous = np.zeros((3, 8))
    get_backend("fast").adam(contiguous, gradient, *states[:2], 0.1, 0, 0, 0, 1)
    np.testing.assert_allclose(contiguous, -0.1 * np.sign(gradient), rtol=1e-13)


# --------------------------------------------------------------------------------------------------
# Clipping and schedules


def test_clipping_shortens_to_the_norm_and_keeps_the_direction():
    network = parameters()
    give_gradients(network, 0)
    before = {name: tensor.grad.copy() for name, tensor in network.items()}
    norm = math.sqrt(sum((gradient**2).sum() for gradient in before.values()))
    assert clip_gradients(network, norm / 4) == pytest.approx(norm)
    for name, tensor in network.items():
        np.testing.assert_allclose(tensor.grad, before[name] / 4, rtol=1e-12)


def test_clipping_leaves_short_gradients_and_those_without():
    network = parameters()
    give_gradients(network, 0)
    network["bias"].grad = None
    before = network["weight"].grad.copy()
    norm = clip_gradients(network.values(), 1e9)
    np.testing.assert_array_equal(network["weight"].grad, before)
    assert norm < 1e9
    assert clip_gradients([Tensor(np.ones(2), requires_grad=True)], 1) == 0


@pytest.mark.parametrize("max_norm", [0, -1, math.nan])
def test_a_norm_must_be_positive(max_norm):
    with pytest.raises(ValueError, match="max_norm"):
        clip_gradients(parameters(), max_norm)


def test_schedule_rises_in_a_line_and_falls_as_a_cosine():
    factors = [warmup_cosine(step, steps=110, warmup=10, final=0.1) for step in range(120)]
    np.testing.assert_allclose(factors[:10], np.arange(1, 11) / 10)
    assert factors[10] == 1
    assert factors[60] == pytest.approx(0.55)
    assert factors[35] == pytest.approx(0.1 + 0.9 * (1 + math.sqrt(0.5)) / 2)
    assert factors[110:] == [0.1] * 10
    assert all(before > after for before, after in pairwise(factors[10:111]))


@pytest.mark.parametrize(
    "arguments", [(-1, 10), (0, 0), (0, 10, 11), (0, 10, -1), (0, 10, 0, -0.1), (0, 10, 0, 1.1)]
)
def test_schedules_that_make_no_sense(arguments):
    with pytest.raises(ValueError, match="warmup_cosine"):
        warmup_cosine(*arguments)


# --------------------------------------------------------------------------------------------------
# PyTorch


@pytest.mark.reference
def test_adam_is_pytorchs(backend):
    torch = pytest.importorskip("torch")
    ours = parameters()
    theirs = {name: torch.nn.Parameter(torch.from_numpy(t.data.copy())) for name, t in ours.items()}
    fast = {"rate": 0.05, "betas": (0.5, 0.99), "epsilon": 1e-4}
    adam = Adam(
        [Group({"weight": ours["weight"]}), Group([("bias", ours["bias"]), ("scale", ours["scale"])], **fast)]
    )
    peer = torch.optim.Adam(
        [
            {"params": [theirs["weight"]]},
            {"params": [theirs["bias"], theirs["scale"]], "lr": 0.05, "betas": (0.5, 0.99), "eps": 1e-4},
        ]
    )
    for step in range(20):
        give_gradients(ours, step)
        for name in ours:
            theirs[name].grad = torch.from_numpy(ours[name].grad.copy())
        norm = clip_gradients(ours, 50.0)
        assert norm == pytest.approx(float(torch.nn.utils.clip_grad_norm_(theirs.values(), 50.0)))
        adam.step()
        peer.step()
    for name in ours:
        np.testing.assert_allclose(ours[name].data, theirs[name].detach().numpy(), rtol=1e-6, atol=1e-9)
