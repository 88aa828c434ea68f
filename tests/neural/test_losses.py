"""Losses: values against `codec_eval` and formulas, gradients against differences and PyTorch."""

import math

import numpy as np
import pytest
import strict_arrays

import codec_eval
from neural_from_scratch import losses
from neural_from_scratch.gradcheck import gradient_error
from neural_from_scratch.losses import ms_ssim, mse, psnr, rate, rate_distortion
from neural_from_scratch.tensor import Tensor


def rng(seed=0):
    return np.random.default_rng(seed)


def pictures(count=1, height=161, width=161, noise=0.05, seed=0, dtype=np.float64):
    """Smooth pictures of range 1 with detail, and noisy copies: (N, 3, H, W) twice."""
    generator = rng(seed)
    rows, columns = np.mgrid[:height, :width] / 20
    phases = generator.uniform(0, 6, (count, 3, 4, 1, 1))
    waves = np.sin(rows + phases[:, :, 0]) + np.cos(1.7 * columns + phases[:, :, 1] + rows * phases[:, :, 2])
    original = np.clip(0.5 + 0.2 * waves + 0.02 * generator.standard_normal(waves.shape), 0, 1)
    decoded = np.clip(original + noise * generator.standard_normal(waves.shape), 0, 1)
    return original.astype(dtype), decoded.astype(dtype)


def channels_last(picture):
    return picture.transpose(1, 2, 0)


# --------------------------------------------------------------------------------------------------
# MSE and PSNR


def test_mse_and_psnr_are_those_of_the_bench():
    x, y = pictures(count=3, noise=0.1)
    y[1] = x[1] + 0.01
    each = [codec_eval.mse(channels_last(a), channels_last(b)) for a, b in zip(x, y)]
    assert mse(x, y).item() == pytest.approx(np.mean(each), rel=1e-12)
    each = [codec_eval.psnr(channels_last(a), channels_last(b), data_range=1.0) for a, b in zip(x, y)]
    assert psnr(x, y).item() == pytest.approx(np.mean(each), rel=1e-12)


def test_psnr_is_averaged_over_pictures_and_not_taken_of_the_mean_error():
    black = np.zeros((2, 1, 4, 4))
    decoded = black.copy()
    decoded[0], decoded[1] = 0.1, 0.01
    assert psnr(black, decoded).item() == pytest.approx((20 + 40) / 2)


def test_psnr_of_other_ranges():
    x, y = pictures(noise=0.1)
    assert psnr(x * 255, y * 255, data_range=255).item() == pytest.approx(psnr(x, y).item(), rel=1e-12)


def test_psnr_of_identical_pictures_is_infinite_and_said_so():
    x, _ = pictures()
    with pytest.warns(RuntimeWarning, match="divide by zero"):
        assert psnr(x, x).item() == math.inf


def test_gradients_of_mse_and_psnr():
    arrays = [rng().random((2, 2, 3, 4)), rng(1).random((2, 2, 3, 4))]
    assert gradient_error(mse, arrays) < 1e-6
    assert gradient_error(lambda x, y: psnr(x, y, data_range=2.0), arrays) < 1e-6


# --------------------------------------------------------------------------------------------------
# Rate


def test_the_rate_is_the_entropy_for_symbols_that_come_as_often_as_they_should():
    p = np.array([0.5, 0.25, 0.125, 0.125])
    symbols = np.repeat(np.arange(4), [512, 256, 128, 128])
    assert rate(p[symbols], pixels=1024).item() == pytest.approx(1.75, rel=1e-12)


def test_a_mapping_a_list_and_one_tensor_mean_the_same():
    y, z = rng().uniform(0.1, 1, (2, 4, 3, 3)), rng(1).uniform(0.1, 1, (2, 5))
    expected = -(np.log2(y).sum() + np.log2(z).sum()) / 99
    both = Tensor(np.concatenate([y.ravel(), z.ravel()]))
    for likelihoods in {"y": y, "z": Tensor(z)}, [y, z], (Tensor(y), z), both, both.data:
        assert rate(likelihoods, 99).item() == pytest.approx(expected, rel=1e-12)


def test_the_rate_of_one_symbol_that_is_certain_is_nothing():
    assert rate(np.ones((1, 2, 3, 3)), 36).item() == 0


def test_gradient_of_the_rate():
    arrays = [rng().uniform(0.1, 1, (2, 3)), rng(1).uniform(0.1, 1, 4)]
    assert gradient_error(lambda y, z: rate({"y": y, "z": z}, 7), arrays) < 1e-6


def test_rate_and_distortion_are_added_as_compressai_does():
    x, y = pictures(count=2)
    p = rng().uniform(0.1, 1, (2, 4, 10, 10))
    pixels = 2 * 161 * 161
    found = rate_distortion(x, y, {"y": p}, weight=0.013)
    assert found.rate.item() == pytest.approx(-np.log2(p).sum() / pixels, rel=1e-12)
    assert found.distortion.item() == pytest.approx(255**2 * np.mean((x - y) ** 2), rel=1e-12)
    assert found.loss.item() == pytest.approx(found.rate.item() + 0.013 * found.distortion.item(), rel=1e-12)
    scaled = rate_distortion(x * 255, y * 255, p, weight=0.013, data_range=255)
    assert scaled.loss.item() == pytest.approx(found.loss.item(), rel=1e-12)
    found = rate_distortion(x, y, p, weight=8.73, distortion="ms-ssim")
    assert found.distortion.item() == pytest.approx(1 - ms_ssim(x, y).item(), rel=1e-12)
    assert found.loss.item() == pytest.approx(found.rate.item() + 8.73 * found.distortion.item(), rel=1e-12)


def test_gradient_of_rate_and_distortion_reaches_both():
    arrays = [rng().random((1, 2, 3, 4)), rng(1).random((1, 2, 3, 4)), rng(2).uniform(0.1, 1, 6)]
    error = gradient_error(lambda x, y, p: rate_distortion(x, y, p, weight=1e-4).loss, arrays)
    assert error < 1e-6


# --------------------------------------------------------------------------------------------------
# MS-SSIM

SIZES = [(161, 161), (176, 192), (163, 190), (199, 161)]


@pytest.mark.parametrize(("height", "width"), SIZES)
@pytest.mark.parametrize("noise", [0.002, 0.05, 0.5])
def test_ms_ssim_is_that_of_the_bench(height, width, noise):
    x, y = pictures(2, height, width, noise, seed=height)
    each = [codec_eval.ms_ssim(channels_last(a), channels_last(b), data_range=1.0) for a, b in zip(x, y)]
    assert ms_ssim(x, y).item() == pytest.approx(np.mean(each), abs=1e-12)
    assert ms_ssim(x * 255, y * 255, data_range=255).item() == pytest.approx(np.mean(each), abs=1e-12)
    x, y = x.astype(np.float32), y.astype(np.float32)
    assert ms_ssim(x, y).item() == pytest.approx(np.mean(each), abs=1e-6)


def test_ms_ssim_of_photographs_in_float32_in_any_layout(kodak):
    """Flat bright surfaces are what float32 finds hard, and what other layouts make harder."""
    for name in "kodim01", "kodim20":
        original = kodak[name].astype(np.float64)
        for noise in 1, 10:
            decoded = np.clip(original + rng().normal(0, noise, original.shape), 0, 255)
            expected = codec_eval.ms_ssim(original, decoded, data_range=255)
            x, y = (
                (picture.transpose(2, 0, 1)[None] / 255).astype(np.float32) for picture in (original, decoded)
            )
            assert not x.flags.c_contiguous
            assert ms_ssim(x, y).item() == pytest.approx(expected, abs=1e-6)
            x, y = np.ascontiguousarray(x), np.asfortranarray(y)
            assert ms_ssim(x, y).item() == pytest.approx(expected, abs=1e-6)


def test_ms_ssim_of_flat_surfaces_in_float32_in_any_layout():
    original = 0.98 + 0.002 * rng().standard_normal((400, 300, 3))
    decoded = original + 0.002 * rng(1).standard_normal(original.shape)
    expected = codec_eval.ms_ssim(original, decoded, data_range=1.0)
    x, y = (picture.transpose(2, 0, 1)[None].astype(np.float32) for picture in (original, decoded))
    assert not x.flags.c_contiguous
    assert ms_ssim(x, y).item() == pytest.approx(expected, abs=1e-6)
    assert ms_ssim(np.ascontiguousarray(x), np.asfortranarray(y)).item() == pytest.approx(expected, abs=1e-6)


def test_ms_ssim_of_identical_pictures_is_one_and_flat_there():
    x, _ = pictures()
    decoded = Tensor(x, requires_grad=True)
    similarity = ms_ssim(x, decoded)
    similarity.backward()
    assert similarity.item() == pytest.approx(1.0, abs=1e-14)
    assert np.abs(decoded.grad).max() < 1e-12


def test_gradient_of_ms_ssim_in_random_directions():
    x, y = pictures(height=163, width=162, noise=0.1)
    directions = 0.05 * rng(3).standard_normal((4, y.size))

    def along(of_x, of_y):
        return ms_ssim(
            Tensor(x) + (of_x @ directions).reshape(*x.shape),
            Tensor(y) + (of_y @ directions).reshape(*y.shape),
        )

    assert gradient_error(along, [np.full(4, 0.1), np.full(4, -0.1)]) < 1e-6


def test_gradient_of_the_window_and_of_halving():
    x = rng().random((1, 2, 12, 13))
    assert gradient_error(losses._window_mean, [x]) < 1e-6
    assert gradient_error(losses._halved, [x]) < 1e-6
    y = rng(1).random((1, 2, 12, 13))
    for coarsest in False, True:
        assert gradient_error(lambda x, y, c=coarsest: losses._similarity(x, y, 1.0, c), [x, y]) < 1e-6


def test_the_window_adds_up_to_one():
    assert losses._window_mean(Tensor(np.full((1, 1, 11, 14), 3.0))).data == pytest.approx(3.0, abs=1e-15)


def test_a_step_against_the_gradient_makes_pictures_more_alike():
    x, y = pictures(noise=0.2, dtype=np.float32)
    decoded = Tensor(y, requires_grad=True)
    before = ms_ssim(x, decoded)
    before.backward()
    step = 1e-2 * decoded.grad / np.abs(decoded.grad).max()
    assert ms_ssim(x, y + step).item() > before.item() + 1e-4


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_plane_with_a_negative_mean_counts_nothing_and_has_no_gradient(dtype):
    x, y = pictures(dtype=dtype)
    y[:, 1] = 1 - x[:, 1]
    decoded = Tensor(y, requires_grad=True)
    similarity = ms_ssim(x, decoded)
    similarity.backward()
    expected = codec_eval.ms_ssim(channels_last(x[0]), channels_last(y[0]), data_range=1.0)
    assert similarity.item() == pytest.approx(expected, abs=1e-6)
    assert (decoded.grad[:, 1] == 0).all()
    assert (decoded.grad[:, 0] != 0).any()
    assert np.isfinite(decoded.grad).all()


def test_nan_goes_through():
    x, y = pictures()
    y[0, 1, 80, 80] = np.nan
    assert math.isnan(ms_ssim(x, y).item())
    assert math.isnan(mse(x, y).item())
    assert math.isnan(psnr(x, y).item())
    assert math.isnan(rate(np.array([0.5, np.nan]), 4).item())


def test_ms_ssim_on_arrays_that_are_not_numpys():
    x, y = pictures(height=163, noise=0.1)
    there = Tensor(strict_arrays.from_numpy(y), requires_grad=True)
    similarity = ms_ssim(strict_arrays.from_numpy(x), there)
    similarity.backward()
    here = Tensor(y, requires_grad=True)
    expected = ms_ssim(x, here)
    expected.backward()
    assert similarity.item() == expected.item()
    assert (strict_arrays.to_numpy(there.grad) == here.grad).all()


# --------------------------------------------------------------------------------------------------
# Bad input

SMALL, WIDE = np.zeros((1, 3, 161, 160)), np.zeros((1, 3, 161, 161))


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: mse(SMALL, WIDE), ValueError, r"mse: .*\(1, 3, 161, 160\).*\(1, 3, 161, 161\)"),
        (
            lambda: mse(SMALL, SMALL.astype(np.float32)),
            TypeError,
            "mse: original is float64 .* decoded is float32",
        ),
        (lambda: mse(SMALL, [1.0]), TypeError, "mse: decoded is a list"),
        (lambda: mse(SMALL, SMALL.astype(np.uint8)), TypeError, "mse: decoded has dtype uint8"),
        (lambda: mse(SMALL[:0], SMALL[:0]), ValueError, r"mse: there are no numbers .*\(0, 3, 161, 160\)"),
        (lambda: psnr(SMALL[0], SMALL[0]), ValueError, r"psnr: original has shape \(3, 161, 160\)"),
        (lambda: psnr(SMALL, SMALL, data_range=0), ValueError, "psnr: data_range is 0"),
        (lambda: psnr(SMALL, SMALL, data_range=math.nan), ValueError, "psnr: data_range is nan"),
        (lambda: ms_ssim(SMALL, SMALL), ValueError, r"ms_ssim: .*\(1, 3, 161, 160\).* at least 161"),
        (lambda: ms_ssim(WIDE[:0], WIDE[:0]), ValueError, "ms_ssim: there are no numbers"),
        (lambda: ms_ssim(SMALL, WIDE), ValueError, "ms_ssim: original is float64 of shape"),
        (lambda: ms_ssim(WIDE, WIDE, data_range=-1), ValueError, "ms_ssim: data_range is -1"),
        (lambda: rate({}, 4), ValueError, "rate: likelihoods has no item"),
        (lambda: rate({"y": 0.5}, 4), TypeError, r"rate: likelihoods\['y'\] is a float"),
        (lambda: rate([np.ones(2), "z"], 4), TypeError, r"rate: likelihoods\[1\] is a str"),
        (lambda: rate([np.ones(2), np.ones(2, np.float32)], 4), TypeError, "float32"),
        (lambda: rate(np.ones(2), 0), ValueError, "rate: pixels is 0"),
        (lambda: rate(np.ones(2), 1.5), TypeError, "rate: pixels is 1.5"),
        (lambda: rate_distortion(WIDE, WIDE, np.ones(2), weight=-1), ValueError, "weight is -1"),
        (lambda: rate_distortion(WIDE, WIDE, np.ones(2), weight=math.nan), ValueError, "weight is nan"),
        (
            lambda: rate_distortion(WIDE, WIDE, np.ones(2), weight=1, distortion="ssim"),
            ValueError,
            "distortion is 'ssim', must be 'mse' or 'ms-ssim'",
        ),
    ],
)
def test_bad_input_is_named(call, error, words):
    with pytest.raises(error, match=words):
        call()


# --------------------------------------------------------------------------------------------------
# Against PyTorch


@pytest.mark.reference
@pytest.mark.parametrize(("height", "width"), SIZES)
def test_ms_ssim_and_its_gradient_are_those_of_pytorch_msssim(height, width):
    torch = pytest.importorskip("torch")
    pytorch_msssim = pytest.importorskip("pytorch_msssim")
    x, y = pictures(2, height, width, 0.1)
    decoded, theirs = Tensor(y, requires_grad=True), torch.tensor(y, requires_grad=True)
    similarity = ms_ssim(x, decoded)
    similarity.backward()
    # Their own window is float32.
    weights = torch.exp(-(torch.arange(-5, 6, dtype=torch.float64) ** 2) / (2 * 1.5**2))
    window = (weights / weights.sum()).repeat(3, 1, 1, 1)
    expected = pytorch_msssim.ms_ssim(torch.tensor(x), theirs, data_range=1.0, win=window)
    expected.backward()
    assert similarity.item() == pytest.approx(expected.item(), abs=1e-12)
    largest = np.abs(decoded.grad).max()
    assert np.abs(decoded.grad - theirs.grad.numpy()).max() < 1e-9 * largest


@pytest.mark.reference
def test_rate_and_distortion_and_gradients_are_those_of_pytorch():
    torch = pytest.importorskip("torch")
    x, y, p = rng().random((2, 3, 8, 8)), rng(1).random((2, 3, 8, 8)), rng(2).uniform(0.01, 1, (2, 5, 2, 2))
    ours = [Tensor(y, requires_grad=True), Tensor(p, requires_grad=True)]
    loss = rate_distortion(x, *ours, weight=0.01).loss
    loss.backward()
    theirs = [torch.tensor(array, requires_grad=True) for array in (y, p)]
    expected = torch.log(theirs[1]).sum() / (-math.log(2) * 2 * 64)
    expected = expected + 0.01 * 255**2 * torch.nn.functional.mse_loss(theirs[0], torch.tensor(x))
    expected.backward()
    assert loss.item() == pytest.approx(expected.item(), rel=1e-12)
    for one, other in zip(ours, theirs):
        assert one.grad == pytest.approx(other.grad.numpy(), rel=1e-10)
