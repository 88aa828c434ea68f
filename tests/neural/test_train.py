"""Training: it learns, goes on exactly where it stopped, and stops where numbers go bad."""

from __future__ import annotations

import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import strict_arrays

from neural_from_scratch import seeds, train
from neural_from_scratch.checkpoint import load_state, save_state
from neural_from_scratch.data import Pictures, generate_pictures
from neural_from_scratch.models import FactorizedPrior
from neural_from_scratch.train import Settings, Trainer, TrainingError

ROOT = Path(__file__).resolve().parents[2]
QUICK = {"batch": 2, "side": 32, "warmup": 3}


@pytest.fixture(scope="module")
def leaves() -> Pictures:
    """Pictures from nothing."""
    return generate_pictures(seed=0, count=3, side=64)


def trainer(pictures: Pictures, steps: int = 12, seed: int = 0, **settings: object) -> Trainer:
    """A small run; `seed` of the first weights only."""
    model = FactorizedPrior(4, 6, rng=seeds.stream(seed, "weights"))
    return Trainer(model, pictures, Settings(0.01, steps, **{**QUICK, **settings}))  # type: ignore[arg-type]


def assert_same(one: Trainer, other: Trainer) -> None:
    """Every number of both, bit for bit."""
    ours, theirs = one.state_dict(), other.state_dict()
    assert ours.keys() == theirs.keys()
    for name, array in ours.items():
        np.testing.assert_array_equal(array, theirs[name], err_msg=name)


class Bad(Pictures):
    """Pictures that are NaN at one step."""

    def __init__(self, pictures: Pictures, step: int) -> None:
        super().__init__([("a", pictures.picture(0))])
        self.bad_step = step

    def batch(self, seed: int, step: int, count: int, side: int) -> np.ndarray:
        batch = super().batch(seed, step, count, side)
        if step == self.bad_step:
            batch[0, 1, 2, 3] = np.nan
        return batch


# --------------------------------------------------------------------------------------------------
# It learns


def test_the_loss_falls(leaves: Pictures) -> None:
    """To less than half in a hundred steps."""
    run = trainer(leaves, steps=100, rate=4e-3)
    train.train(run, progress=False)
    assert run.steps_done == 100
    loss = run.curves["loss"]
    assert loss[-10:].mean() < 0.5 * loss[:5].mean()
    weighted = run.curves["bpp"] + 0.01 * run.curves["distortion"]
    np.testing.assert_allclose(loss, weighted, rtol=1e-5)
    density = run.model.entropy_bottleneck
    assert np.abs(density.logits(density.medians[:, 0].astype(np.float64))).max() < 1e-3  # found at the end


def test_groups_have_rates_of_their_own(leaves: Pictures) -> None:
    """The first step of Adam is the rate, times the warm-up's factor, for each number with a gradient."""
    run = trainer(leaves, warmup=4, rate=1e-3, density_rate=2e-2)
    before = run.model.state_dict()
    run.step()
    after = run.model.state_dict()
    moved = {name: np.abs(after[name] - before[name]).max() for name in before}
    assert moved["g_a.0.weight"] == pytest.approx(1e-3 / 4, rel=1e-2)
    assert moved["entropy_bottleneck.biases.4"] == pytest.approx(2e-2 / 4, rel=1e-2)
    assert moved["entropy_bottleneck.quantiles"] == 0


def test_ms_ssim(leaves: Pictures) -> None:
    """The other loss; its crops must be large enough."""
    large = generate_pictures(seed=0, count=1, side=176)
    run = trainer(large, steps=2, distortion="ms-ssim", side=176, batch=1)
    found = run.step()
    assert 0 < found.distortion.item() < 1
    assert found.loss.item() == pytest.approx(found.rate.item() + 0.01 * found.distortion.item(), rel=1e-5)
    with pytest.raises(ValueError, match="side=160"):
        Settings(10.0, 5, distortion="ms-ssim", side=160)


WRONG = """
    weight=0 weight=nan weight=-1 steps=-1 batch=0 side=40 side=0 rate=-1 density_rate=inf warmup=-1 final=2
    max_norm=0 seed=-1
"""


@pytest.mark.parametrize("wrong", [*WRONG.split(), "distortion=psnr"])
def test_settings_out_of_range_are_named(wrong: str) -> None:
    """Before anything is done."""
    name, _, text = wrong.partition("=")
    value = text if name == "distortion" else float(text)
    with pytest.raises(ValueError, match=f"out of range: {name}="):
        Settings(**{"weight": 0.01, "steps": 5, name: value})  # type: ignore[arg-type]


def test_warm_up_longer_than_the_run() -> None:
    """Is cut to it."""
    assert Settings(0.01, 4, warmup=100).scale(3) == 1


# --------------------------------------------------------------------------------------------------
# Stop and go on


@pytest.mark.parametrize("stop", [1, 7, 11])
def test_a_resumed_run_is_the_uninterrupted_one(leaves: Pictures, tmp_path: Path, stop: int) -> None:
    """Bit for bit: weights, Adam's means, curves; through a file, in a model that began elsewhere."""
    whole = trainer(leaves)
    train.train(whole, tmp_path / "whole.npz", progress=False)
    first = trainer(leaves)
    train.train(first, tmp_path / "part.npz", until=stop, progress=False)
    second = trainer(leaves, seed=99)
    second.resume(tmp_path / "part.npz")
    assert_same(first, second)
    assert second.steps_done == stop
    train.train(second, tmp_path / "part.npz", progress=False)
    assert_same(whole, second)
    assert (tmp_path / "whole.npz").read_bytes() == (tmp_path / "part.npz").read_bytes()


def test_a_checkpoint_keeps_the_sizes_of_steps(leaves: Pictures, tmp_path: Path) -> None:
    """Those that are given for a run that goes on are not looked at."""

    def sized(size: float) -> Trainer:
        run = trainer(leaves)
        sizes = {"g_a.0.weight": np.full((4, 1, 1, 1), size, np.float32)}
        return Trainer(run.model, leaves, run.settings, sizes)

    whole, first, second = sized(0.1), sized(0.1), sized(9)
    train.train(whole, progress=False)
    train.train(first, tmp_path / "run.npz", until=5, progress=False)
    second.resume(tmp_path / "run.npz")
    train.train(second, progress=False)
    assert_same(whole, second)


def test_checkpoints_come_at_regular_steps(leaves: Pictures, tmp_path: Path) -> None:
    """And at the end; `look` is called before each, and what it notes is kept."""
    path = tmp_path / "run.npz"

    def look(run: Trainer) -> None:
        run.notes.setdefault("seen", []).append(run.steps_done)
        if run.steps_done > 5:
            assert int(load_state(path)["step"]) == run.notes["seen"][-2]

    train.train(trainer(leaves), path, every=5, progress=False, look=look)
    assert [child.name for child in tmp_path.iterdir()] == ["run.npz"]
    again = trainer(leaves)
    again.resume(path)
    assert (again.steps_done, again.notes) == (12, {"seen": [5, 10, 12]})


def test_weights_of_a_checkpoint(leaves: Pictures, tmp_path: Path) -> None:
    """Alone, and as a model takes them."""
    run, path = trainer(leaves), tmp_path / "run.npz"
    train.train(run, path, until=2, progress=False)
    model = FactorizedPrior(4, 6, rng=seeds.stream(8, "weights"))
    model.load_state_dict(train.checkpoint_weights(path))
    for name, array in run.model.state_dict().items():
        np.testing.assert_array_equal(model.state_dict()[name], array)
    save_state(path, {"other": np.zeros(3)})
    with pytest.raises(ValueError, match=r"run\.npz: .*there are no weights"):
        train.checkpoint_weights(path)


def test_a_run_with_other_settings_is_refused(leaves: Pictures, tmp_path: Path) -> None:
    """Those that differ are named, and nothing has been changed."""
    path = tmp_path / "run.npz"
    train.train(trainer(leaves), path, until=2, progress=False)
    other = trainer(leaves, seed=5, rate=1e-3, batch=3)
    before = other.state_dict()
    with pytest.raises(ValueError, match=r"run\.npz: .*batch is 2, now 3; rate is 0\.0005, now 0\.001"):
        other.resume(path)
    for name, array in other.state_dict().items():
        np.testing.assert_array_equal(array, before[name])


def test_what_is_no_checkpoint_is_refused(leaves: Pictures, tmp_path: Path) -> None:
    """Weights alone, another model's, cut curves, moments that are missing: each changes nothing."""
    path = tmp_path / "run.npz"
    run = trainer(leaves)
    train.train(run, path, until=2, progress=False)
    good = load_state(path)
    cases = {
        "no checkpoint": {k: v for k, v in good.items() if k.startswith("model.")},
        "step is 3": {**good, "step": np.array(3)},
        "other settings than": {**good, "settings": np.array('{"weight": 1}')},
        r"missing: g_a\.0\.bias": {k: v for k, v in good.items() if k != "model.g_a.0.bias"},
        r"missing mean\.g_a\.0\.bias": {k: v for k, v in good.items() if k != "adam.mean.g_a.0.bias"},
        "misfit": {**good, "model.g_a.0.bias": np.zeros(5, np.float32)},
    }
    for cause, state in cases.items():
        save_state(path, state)
        fresh = trainer(leaves, seed=1)
        before = fresh.state_dict()
        with pytest.raises(ValueError, match=cause):
            fresh.resume(path)
        for name, array in fresh.state_dict().items():
            np.testing.assert_array_equal(array, before[name])


# --------------------------------------------------------------------------------------------------
# Numbers that go bad


def test_nan_stops_the_run_and_keeps_the_checkpoint(leaves: Pictures, tmp_path: Path) -> None:
    """The step is named; weights and file are those of the step before and of the last checkpoint."""
    path = tmp_path / "run.npz"
    run = trainer(Bad(leaves, 8))
    with pytest.raises(
        TrainingError, match=r"step 8: .*nan.*; the last good checkpoint is .*run\.npz"
    ) as raised:
        train.train(run, path, every=3, progress=False)
    assert raised.value.step == 8
    assert raised.value.checkpoint == path
    assert int(load_state(path)["step"]) == 6
    until = trainer(Bad(leaves, -1))
    train.train(until, until=8, progress=False)
    run.model.entropy_bottleneck.find_quantiles()
    assert_same(run, until)  # nothing of the bad step has arrived
    resumed = trainer(Bad(leaves, -1), seed=3)
    resumed.resume(path)
    train.train(resumed, progress=False)
    assert np.isfinite(resumed.curves["loss"]).all()


def test_nan_before_the_first_checkpoint(leaves: Pictures, tmp_path: Path) -> None:
    """Nothing was saved, and it says so."""
    with pytest.raises(TrainingError, match=r"step 1: .*; nothing was saved"):
        train.train(trainer(Bad(leaves, 1)), tmp_path / "run.npz", every=5, progress=False)
    assert not list(tmp_path.iterdir())


def test_bad_weights_do_not_replace_a_checkpoint(leaves: Pictures, tmp_path: Path) -> None:
    """Should one be infinite after a step, the file stays."""
    path = tmp_path / "run.npz"
    run = trainer(leaves)
    run.step()
    run.save(path)
    before = path.read_bytes()
    run.model.g_a[0].weight.data[0, 0, 0, 0] = np.inf  # type: ignore[attr-defined]
    with pytest.raises(TrainingError, match=r"g_a\.0\.weight has weights that are not finite"):
        run.save(path)
    assert path.read_bytes() == before


def test_interruption_writes_a_checkpoint(leaves: Pictures, tmp_path: Path) -> None:
    """Of the last whole step: going on from there is exact."""

    class Impatient(Bad):
        def batch(self, seed: int, step: int, count: int, side: int) -> np.ndarray:
            if step == self.bad_step:
                raise KeyboardInterrupt
            return super().batch(seed, step, count, side)

    path = tmp_path / "run.npz"
    with pytest.raises(KeyboardInterrupt):
        train.train(trainer(Impatient(leaves, 5)), path, progress=False)
    resumed, whole = trainer(Bad(leaves, -1), seed=7), trainer(Bad(leaves, -1))
    resumed.resume(path)
    assert resumed.steps_done == 5
    for run in (resumed, whole):
        train.train(run, progress=False)
    assert_same(resumed, whole)


def test_interruption_while_weights_change_writes_nothing(
    leaves: Pictures, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half of a step would not be resumed exactly."""
    run, path = trainer(leaves), tmp_path / "run.npz"
    run.step()
    run.save(path)
    before = path.read_bytes()

    def interrupted(_scale: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(run._adam, "step", interrupted)
    with pytest.raises(KeyboardInterrupt):
        train.train(run, path, progress=False)
    assert path.read_bytes() == before


# --------------------------------------------------------------------------------------------------
# To look at


def test_the_bar_shows_rate_quality_and_time_left(
    leaves: Pictures, capsys: pytest.CaptureFixture[str]
) -> None:
    """On standard error; nothing where it is not wanted."""
    run = trainer(leaves)
    train.train(run, progress=True)
    shown = capsys.readouterr()
    assert not shown.out
    assert "12/12" in shown.err
    assert f"bpp={run.curves['bpp'].mean():.3f}" in shown.err
    assert f"PSNR={10 * math.log10(255**2 / run.curves['distortion'].mean()):.2f} dB" in shown.err
    assert "<00:00" in shown.err
    train.train(trainer(leaves, steps=1), progress=False)
    assert not capsys.readouterr().err


def test_estimate_is_what_the_definition_says(leaves: Pictures) -> None:
    """Any size; bits of the padded latents over the pixels of the picture; decibels of bytes."""
    model = FactorizedPrior(4, 6, rng=seeds.stream(0, "weights"))
    model.entropy_bottleneck.find_quantiles()
    picture = leaves.picture(0)[:33, :50]
    found = train.estimate(model, picture)
    assert found.decoded.shape == picture.shape
    error = np.mean((found.decoded.astype(float) - picture) ** 2)
    assert found.psnr == pytest.approx(10 * math.log10(255**2 / error))
    padded = np.pad(picture, ((0, 15), (0, 14), (0, 0)), mode="edge")
    x = np.ascontiguousarray(padded.transpose(2, 0, 1)[None]).astype(np.float32) / np.float32(255)
    bits = -np.log2(model(x).likelihoods["y"].data.astype(float)).sum()
    assert found.bpp == pytest.approx(bits / (33 * 50), rel=1e-5)


def test_training_is_imported_without_what_it_may_not_need() -> None:
    """No figures, no kernels, no bar, no Pillow until they are used."""
    program = (
        "import sys; from neural_from_scratch import train, warm_start, data, models; print(*sys.modules)"
    )
    command = [sys.executable, "-W", "error", "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    loaded = {name.split(".")[0] for name in done.stdout.split()}
    assert not loaded & {"numba", "llvmlite", "matplotlib", "PIL", "tqdm"}


# --------------------------------------------------------------------------------------------------
# Elsewhere


def test_training_on_another_array_module(
    leaves: Pictures, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """What `--device gpu` does, on arrays that refuse any silent way to NumPy: the same run, by rounding."""
    strict = strict_arrays.asarray

    def asarray(value: object, dtype: object = None) -> strict_arrays.StrictArray:
        if isinstance(value, np.ndarray):  # said aloud: CuPy copies it to the card
            return strict_arrays.from_numpy(value if dtype is None else value.astype(dtype))
        return strict(value, dtype)

    monkeypatch.setattr(strict_arrays, "asarray", asarray)
    monkeypatch.setattr(strict_arrays.StrictArray, "get", strict_arrays.to_numpy, raising=False)
    here, there = trainer(leaves, steps=5), trainer(leaves, steps=5)
    there.model.to(strict_arrays)
    there = Trainer(there.model, leaves, there.settings)
    for run in (here, there):
        train.train(run, tmp_path / "run.npz", every=3, progress=False)
    np.testing.assert_allclose(there.curves["loss"], here.curves["loss"], rtol=1e-4)
    state = load_state(tmp_path / "run.npz")
    for name, array in here.state_dict().items():
        if name.startswith("model.g_"):
            np.testing.assert_allclose(state[name], array, atol=2e-3, err_msg=name)
