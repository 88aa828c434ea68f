"""Files that meet a target: bytes, bits a pixel, PSNR."""

from __future__ import annotations

import math
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest
from codec_cases import picture, psnr, small_weights
from hyper_cases import NAMES
from ladder_cases import ladder, shipped

from neural_from_scratch import losses, rate_control, strips
from neural_from_scratch.codec import decode, encode
from neural_from_scratch.container import unpack
from neural_from_scratch.integer_hyperprior import ONE_STEP
from neural_from_scratch.latent_coding import LARGEST_STEP
from neural_from_scratch.models import FactorizedPrior
from neural_from_scratch.rate_control import FINEST_STEP, Analysed, Chosen, Trial, encode_to, psnr_of
from neural_from_scratch.refinement import refine
from neural_from_scratch.weights import Weights

IMAGE = picture(60, 75)
USUAL, MOST = 22, 62  # files


@lru_cache(maxsize=3)
def rungs(name: str) -> tuple[Analysed, ...]:
    """The picture with each of the small weights."""
    return tuple(Analysed(IMAGE, weights) for weights in ladder(name))


def checked(
    chosen: Chosen, weights: tuple[Weights, ...], image: np.ndarray = IMAGE, most: int = USUAL
) -> Chosen:
    """See that what is said of a file is so."""
    used = weights[chosen.quality - 1]
    header, _ = unpack(chosen.data)
    assert (header.quality, header.model_hash) == (chosen.quality, used.hash)
    assert chosen.model == used.model.name
    assert chosen.data == encode(image, weights=used, step=chosen.step)
    assert chosen.psnr == psnr_of(image, decode(chosen.data, weights=used))
    assert chosen.files <= most
    return chosen


@pytest.mark.parametrize("name", NAMES)
def test_no_more_bytes_than_asked_for_and_no_better_picture_with_as_many(name: str) -> None:
    """Over the whole range; held against many steps of every quality."""
    weights = ladder(name)
    least = len(rungs(name)[0].trial(LARGEST_STEP).data)
    most = len(rungs(name)[-1].trial(FINEST_STEP).data)
    steps = [*range(FINEST_STEP, 2 * ONE_STEP, 4), *range(2 * ONE_STEP, LARGEST_STEP + 1, 32)]
    seen = set()
    for target in np.geomspace(least, 1.05 * most, 9).astype(int):
        chosen = encode_to(IMAGE, n_bytes=int(target), weights=weights)
        checked(chosen, weights, most=MOST if target < 1.1 * least else USUAL)  # nothing left to code: flat
        seen.add((chosen.quality, chosen.step > ONE_STEP))
        assert len(chosen.data) <= target
        if chosen.step > FINEST_STEP:
            assert len(rungs(name)[chosen.quality - 1].trial(chosen.step - 1).data) > target
        else:
            assert (chosen.quality, target > most) == (3, True)
        for rung in rungs(name):
            fitting = [step for step in steps if len(rung.trial(step).data) <= target]
            if fitting:
                best = max(rung.trial(step).psnr for step in fitting[:2])
                assert chosen.psnr > best - 0.15, (target, chosen.quality, chosen.step, rung.weights.quality)
    assert len(seen) >= 4  # qualities, finer and coarser: the steps are used


@pytest.mark.parametrize("name", NAMES)
def test_no_worse_a_picture_than_asked_for_and_no_smaller_file_as_good(name: str) -> None:
    weights = ladder(name)
    lowest = rungs(name)[0].trial(LARGEST_STEP).psnr
    highest = rungs(name)[-1].trial(FINEST_STEP).psnr
    for target in np.linspace(lowest + 0.1, highest - 0.01, 5):
        chosen = checked(encode_to(IMAGE, psnr=float(target), weights=weights), weights)
        assert chosen.psnr >= target
        own = rungs(name)[chosen.quality - 1]
        if chosen.step < LARGEST_STEP:  # a step more is not good enough, or saves nothing
            further = own.trial(chosen.step + 1)
            assert further.psnr < target or len(further.data) >= len(chosen.data)
        for rung in rungs(name):
            steps = (2 * chosen.step,) if rung is own else (32, 45, 64, 90, 128, 256)
            good = [len(rung.trial(step).data) for step in steps if rung.trial(step).psnr >= target]
            assert not good or len(chosen.data) <= 1.03 * min(good)


def test_bits_a_pixel_are_bytes_of_the_whole_file() -> None:
    weights = ladder(NAMES[0])
    rate = 1.013
    chosen = encode_to(IMAGE, bpp=rate, weights=weights)
    assert 0.97 * rate < 8 * len(chosen.data) / (60 * 75) <= rate
    assert chosen == encode_to(IMAGE, n_bytes=math.floor(rate * 60 * 75 / 8), weights=weights)
    assert chosen == encode_to(IMAGE, bpp=np.float32(rate), weights=[*weights])  # type: ignore[arg-type]


def test_a_factorised_prior_has_its_qualities_only() -> None:
    weights = ladder(FactorizedPrior.name)
    files = [encode(IMAGE, weights=used) for used in weights]
    sizes = [len(data) for data in files]
    psnrs = [psnr(IMAGE, decode(data, weights=used)) for data, used in zip(files, weights)]
    assert sizes == sorted(set(sizes))
    assert psnrs == sorted(set(psnrs))
    for i in range(3):
        for more in (0, 1):
            chosen = checked(encode_to(IMAGE, n_bytes=sizes[i] + more, weights=weights), weights)
            assert (chosen.data, chosen.step) == (files[i], ONE_STEP)
        chosen = encode_to(IMAGE, psnr=psnrs[i] - 1e-6, weights=weights)
        assert (chosen.data, chosen.quality) == (files[i], i + 1)
    with pytest.raises(
        ValueError,
        match=rf"{sizes[0] - 1} bytes cannot be met: the least possible is "
        rf"{sizes[0]} bytes \(factorized-prior, quality 1\)",
    ):
        encode_to(IMAGE, n_bytes=sizes[0] - 1, weights=weights)


def test_what_is_out_of_reach_is_an_error_that_says_what_is_not() -> None:
    weights = ladder(NAMES[1])
    least = len(rungs(NAMES[1])[0].trial(LARGEST_STEP).data)
    for target in ({"n_bytes": least - 1}, {"bpp": 1e-9}):
        with pytest.raises(ValueError, match=rf"least possible is {least} bytes .*quality 1, step \d+\)"):
            encode_to(IMAGE, weights=weights, **target)  # type: ignore[arg-type]
    highest = math.floor(100 * rungs(NAMES[1])[-1].trial(FINEST_STEP).psnr) / 100
    with pytest.raises(
        ValueError, match=rf"99 dB cannot .*most possible is {highest} dB .*quality 3, step 16"
    ):
        encode_to(IMAGE, psnr=99, weights=weights)
    own = small_weights()
    with pytest.raises(ValueError, match=r"\(factorized-prior, these weights\)"):
        encode_to(IMAGE, psnr=99, weights=own)


@pytest.mark.parametrize("image", [picture(1, 1), picture(7, 40)[..., 1], np.full((33, 18, 3), 90, np.uint8)])
def test_small_grey_and_even_pictures(image: np.ndarray) -> None:
    """Where one quality is hardly larger than another, or even smaller."""
    weights = ladder(NAMES[0])
    sizes = [len(encode(image, weights=used, step=step)) for used in weights for step in (16, 64, 1024)]
    for target in (min(sizes), sorted(sizes)[4], max(sizes) + 9):
        chosen = checked(encode_to(image, n_bytes=target, weights=weights), weights, image, MOST)
        assert len(chosen.data) <= target
    good = psnr(image, decode(encode(image, weights=weights[1]), weights=weights[1]))
    if math.isfinite(good):
        assert checked(encode_to(image, psnr=good, weights=weights), weights, image, MOST).psnr >= good


def test_each_set_of_weights_analyses_once(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = []
    analyse = strips.analyse
    monkeypatch.setattr(strips, "analyse", lambda *words: calls.append(words) or analyse(*words))
    for target in ({"n_bytes": 300}, {"psnr": 17.0}):
        calls.clear()
        encode_to(IMAGE, weights=ladder(NAMES[0]), **target)  # type: ignore[arg-type]
        assert len(calls) == len({id(model) for model, _ in calls}) <= 3


def test_steps_that_do_not_behave_end_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sizes that say nothing of the step: no more than thirty files for each neighbour, none above."""
    sizes = np.random.default_rng(0).integers(100, 3000, (4, LARGEST_STEP + 1))
    files = []

    def coded(self, step, latents):
        files.append(step)
        return Trial(self, step, bytes(int(sizes[self.weights.quality, step])), latents)

    monkeypatch.setattr(Analysed, "_coded", coded)
    for target in (120, 300, 1500, 2700, 2990):
        files.clear()
        with suppress(ValueError):
            assert len(encode_to(IMAGE, n_bytes=target, weights=ladder(NAMES[0])).data) <= target
        assert 2 <= len(files) <= MOST


@pytest.mark.parametrize("target", [{"n_bytes": 300}, {"psnr": 17.0}])
def test_a_search_for_better_latents_keeps_to_the_target(
    target: dict[str, float], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever it does to size and picture: the target is met, no worse than without, in three rounds."""
    weights = ladder(NAMES[1])
    plain = encode_to(IMAGE, weights=weights, **target)  # type: ignore[arg-type]
    rounds: list[float] = []
    for factor in (0.9, 1.3, 0.0):
        rounds.clear()

        def changed(coding, samples, latents, steps, factor=factor):
            rounds.append(coding.step)
            return latents * np.float32(factor)

        monkeypatch.setattr(rate_control, "refine", changed)
        chosen = encode_to(IMAGE, weights=weights, effort=5, **target)  # type: ignore[arg-type]
        assert 1 <= len(rounds) <= rate_control.ROUNDS
        assert len(set(rounds)) == len(rounds)
        assert chosen.psnr == psnr_of(IMAGE, decode(chosen.data, weights=weights[chosen.quality - 1]))
        if "psnr" in target:
            assert chosen.psnr >= 17
            assert len(chosen.data) <= len(plain.data)
        else:
            assert len(chosen.data) <= 300
            assert chosen.psnr >= plain.psnr
        assert chosen.files > plain.files


def test_a_search_gains() -> None:
    weights = ladder(NAMES[1])
    plain = encode_to(IMAGE, n_bytes=200, weights=weights)
    searched = encode_to(IMAGE, n_bytes=200, weights=weights, effort=30)
    assert 180 < len(searched.data) <= 200
    assert searched.psnr > plain.psnr + 0.1


@pytest.mark.parametrize(("step", "factor"), [(64, 1), (128, 0.25), (32, 4)])
def test_the_search_weighs_errors_by_the_step(
    step: int, factor: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    weighed = []
    real = losses.rate_distortion

    def noted(*words, weight, **named):
        weighed.append(weight)
        return real(*words, weight=weight, **named)

    monkeypatch.setattr(losses, "rate_distortion", noted)
    weights = ladder(NAMES[0])[1]
    samples = np.zeros((1, 3, 16, 16), np.float32)
    latents = strips.analyse(weights.model, samples)
    refine(rate_control.coding_for(weights, latents, step), samples, latents, 1)
    assert set(weighed) == {weights.weight * factor}


def test_shipped_weights_are_chosen_among_and_files_need_nothing_else(tmp_path: Path) -> None:
    with shipped(tmp_path, NAMES[0]):
        chosen = encode_to(IMAGE, n_bytes=800, model=NAMES[0])
        assert chosen.data == encode_to(IMAGE, n_bytes=800, weights=ladder(NAMES[0])).data
        assert psnr_of(IMAGE, decode(chosen.data)) == chosen.psnr
        for name in (NAMES[1], FactorizedPrior.name):
            with pytest.raises(ValueError, match=f"no weights are shipped for {name}"):
                encode_to(IMAGE, n_bytes=800, model=name)


def test_psnr_of_pictures() -> None:
    dark, light = np.zeros((5, 6, 3), np.uint8), np.full((5, 6, 3), 255, np.uint8)
    assert psnr_of(dark, light) == 0
    assert psnr_of(light, light) == math.inf
    assert psnr_of(IMAGE, IMAGE // 2) == pytest.approx(psnr(IMAGE, IMAGE // 2))


def test_mistakes_are_named() -> None:
    weights = ladder(NAMES[0])
    for given, message in (
        ({}, "none is given"),
        ({"bpp": 1, "psnr": 30}, "bpp and psnr are given"),
        ({"bpp": 0}, "bpp=0, must be a number above 0"),
        ({"n_bytes": -5}, "n_bytes=-5"),
        ({"psnr": math.nan}, "psnr=nan"),
        ({"psnr": math.inf}, "psnr=inf"),
        ({"bpp": 1, "effort": -1}, "effort=-1"),
        ({"bpp": 1, "model": "perpetuum"}, "model='perpetuum', there are factorized-prior"),
        ({"bpp": 1, "weights": []}, "one set at least"),
        ({"bpp": 1, "weights": [weights[0], small_weights()]}, "must be of one model"),
    ):
        with pytest.raises(ValueError, match=message):
            encode_to(IMAGE, **given)  # type: ignore[arg-type]
    for value in ("1", True, [1]):
        with pytest.raises(TypeError, match="must be a number"):
            encode_to(IMAGE, bpp=value, weights=weights)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="float64"):
        encode_to(IMAGE / 255, bpp=1, weights=weights)
    with pytest.raises(ValueError, match="shape"):
        encode_to(IMAGE[..., :2], bpp=1, weights=weights)
