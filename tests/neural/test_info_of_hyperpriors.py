"""``info`` of hyperpriors: both streams, what integers cost, and whether what was told is right."""

from __future__ import annotations

import math
import re
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest
from codec_cases import picture
from command_line import refused, run
from hyper_cases import NAMES, hyper_weights
from scipy.special import ndtr

from neural_from_scratch import codec, container, inspection
from neural_from_scratch.commands.info import describe
from neural_from_scratch.evaluation import estimated_bits
from neural_from_scratch.gaussian_model import gaussian_likelihood, scale_levels
from neural_from_scratch.inspection import Inspection
from neural_from_scratch.integer_hyperprior import Expected
from neural_from_scratch.latent_coding import HyperCoding, write_payload
from neural_from_scratch.prediction import FARTHEST, Prediction, told
from neural_from_scratch.tensor import Tensor
from neural_from_scratch.weights import write_weights

IMAGE = picture(72, 100)
both = pytest.mark.parametrize("name", NAMES)


@lru_cache
def data(name: str, step: int = 150) -> bytes:
    """A file of a picture whose latents have 5 rows and 7 columns; z has 2 and 2."""
    return codec.encode(IMAGE, weights=hyper_weights(name), step=step)


@lru_cache
def found(name: str, step: int = 150) -> Inspection:
    """What is in it."""
    return inspection.inspect(data(name, step), weights=hyper_weights(name))


def coding_of(looked: Inspection) -> HyperCoding:
    """How the file is coded."""
    assert isinstance(looked.content.coding, HyperCoding)
    return looked.content.coding


def prediction_of(looked: Inspection) -> Prediction:
    """What was found out about the side information."""
    assert looked.prediction is not None
    return looked.prediction


# Fields


@both
@pytest.mark.parametrize("step", [64, 150])
def test_fields_of_the_payload(name: str, step: int) -> None:
    """Step, length, side information and y stand in the payload's place, without a gap."""
    file, looked = data(name, step), found(name, step)
    offset = 0
    for field in looked.fields:
        assert field.offset == offset
        offset += field.size
    assert offset == len(file)
    fields = {field.name: field for field in looked.fields}
    assert [*fields][8:] == ["step", "side length", "side information", "y", "checksum"]
    assert fields["step"].data == container.varint(step)
    assert fields["side length"].data == container.varint(fields["side information"].size)
    assert looked.streams == {part: fields[part].size for part in ("side information", "y")}
    start = fields["step"].offset
    assert file[start : start + len(looked.content.payload)] == looked.content.payload
    assert start + len(looked.content.payload) == fields["checksum"].offset


# Bits


@both
def test_bits_are_those_of_the_tables(name: str) -> None:
    """Of each latent the table that the side information chose: by channel, by place, and in all."""
    looked = found(name)
    content, prediction, weights = looked.content, prediction_of(looked), hyper_weights(name)
    assert weights.scale_tables is not None
    bits = weights.scale_tables.bits(content.symbols, content.coding.tables_of(content.symbols.shape))
    assert [channel.bits for channel in looked.channels] == pytest.approx(bits.sum(axis=(1, 2)).tolist())
    np.testing.assert_allclose(prediction.map, bits.sum(axis=0))
    assert looked.bits == pytest.approx(bits.sum())
    side = coding_of(looked).side
    side_bits = weights.tables.bits(side, np.arange(len(side), dtype=np.int32)[:, np.newaxis, np.newaxis])
    np.testing.assert_allclose(prediction.side_map, side_bits.sum(axis=0))
    assert [channel.bits for channel in prediction.side] == pytest.approx(side_bits.sum(axis=(1, 2)).tolist())
    assert prediction.side_bits == pytest.approx(side_bits.sum())
    assert 0 <= 8 * looked.streams["y"] - looked.bits < 10
    assert 0 <= 8 * looked.streams["side information"] - prediction.side_bits < 10
    assert prediction.side_bits > 30


@both
def test_bits_by_floats_and_by_integers(name: str) -> None:
    """Sums of likelihoods are those of the coder and of the model: near to each other, not the same."""
    looked = found(name)
    coding, symbols = coding_of(looked), looked.content.symbols
    likelihood = coding.likelihood(Tensor(coding.dequantize(symbols))).data
    by_integers = -np.log2(likelihood, dtype=np.float64).sum()
    prediction = prediction_of(looked)
    assert prediction.likelihood_bits == pytest.approx(by_integers, rel=1e-5)
    model = coding.weights.model
    z = Tensor(model.entropy_bottleneck.dequantize(coding.side[np.newaxis]))
    scales, _ = model.expected(z, *symbols.shape[1:])  # type: ignore[attr-defined]
    by_floats = gaussian_likelihood(symbols.astype(np.float32), scales.data[0] / np.float32(coding.step)).data
    assert looked.density_bits == pytest.approx(-np.log2(by_floats, dtype=np.float64).sum(), rel=1e-6)
    assert looked.density_bits == pytest.approx(by_integers, rel=1e-3)
    assert looked.density_bits != prediction.likelihood_bits


@both
def test_bits_by_floats_are_the_estimate(name: str) -> None:
    """With a step of 1 it is what training would have said of this picture."""
    looked = found(name, 64)
    estimate = estimated_bits(IMAGE, hyper_weights(name))
    assert looked.density_bits + prediction_of(looked).side_density_bits == pytest.approx(estimate, rel=2e-3)


# Channels


@both
def test_channels_are_counted(name: str) -> None:
    """Zeros, the largest, the scale that was told; by level and value as often as NumPy finds it."""
    looked = found(name)
    coding, prediction = coding_of(looked), prediction_of(looked)
    for channel, values in zip(looked.channels, looked.content.symbols):
        assert channel.zeros == np.sum(values == 0)
        assert abs(channel.largest) == np.abs(values).max()
        assert channel.size_of_values == pytest.approx(math.sqrt(np.mean(values.astype(float) ** 2)))
        scales, means = told(coding, channel.number)
        assert (scales >= np.float32(0.11)).all()
        assert channel.scale == pytest.approx(math.sqrt(np.mean(scales.astype(float) ** 2)))
        raw = np.maximum(coding.expected.scales[channel.number] / 1024 / coding.step, 0.11)
        assert scales.ravel().tolist() == pytest.approx(raw.ravel().tolist())
        assert (means is None) == (coding.expected.means is None)
        if means is not None and coding.expected.means is not None:
            exact = coding.expected.means[channel.number] / 1024 / coding.step
            np.testing.assert_allclose(means, exact, rtol=1e-6)
    tables = coding.tables_of(looked.content.symbols.shape)
    assert prediction.counts.sum(axis=1).tolist() == np.bincount(tables.ravel(), minlength=64).tolist()
    assert np.count_nonzero(prediction.counts.sum(axis=1)) > 10  # it is no constant that is told
    values, often = np.unique(looked.content.symbols, return_counts=True)
    assert prediction.counts.sum(axis=0)[values + FARTHEST].tolist() == often.tolist()
    assert prediction.level_bits.sum() == pytest.approx(looked.bits)


def test_what_was_told_in_steps() -> None:
    """Scales and means are divided by the step; no scale is below 0.11."""
    scales = np.array([[[-4096, 0, 100], [1024, 2048, 2**24]]], np.int32)
    coding = HyperCoding(hyper_weights(NAMES[1]), scales, Expected(scales, 2 * scales), 128)
    found_scales, found_means = told(coding, 0)
    assert found_scales.ravel().tolist() == pytest.approx([0.11, 0.11, 0.11, 0.5, 1, 8192])
    assert found_means is not None
    assert found_means.ravel().tolist() == pytest.approx([-4, 0, 0.09765625, 1, 2, 16384])


@both
def test_forged_latents(name: str) -> None:
    """Side information and latents as far as numbers go: counted, and nothing warns."""
    weights = hyper_weights(name)
    assert weights.hyper_decoder is not None
    side = np.zeros((12, 1, 2), np.int32)
    side[0], side[1, 0, 0], side[2] = 2**31 - 1, -(2**31), -(2**20)
    symbols = np.zeros((48, 2, 5), np.int32)
    symbols[3, 0, :2] = 2**31 - 1, -(2**31)
    symbols[7, 1, 4] = 10**6
    coding = HyperCoding(weights, side, weights.hyper_decoder.expected(side, 2, 5), 64)
    header = container.Header(weights.model.model_id, 0, weights.hash, 80, 32, container.RGB)
    file = container.pack(header, write_payload(coding, symbols))
    looked = inspection.inspect(file, weights=weights)
    escapes = {channel.number: channel.escapes for channel in looked.channels if channel.escapes}
    assert escapes == {3: 2, 7: 1}
    assert looked.channels[3].largest == -(2**31)
    prediction = prediction_of(looked)
    assert looked.bits == pytest.approx(8 * looked.streams["y"], abs=10)
    assert math.isfinite(looked.density_bits + prediction.likelihood_bits + prediction.side_density_bits)
    assert prediction.counts.sum() == symbols.size
    assert "nan" not in describe(looked, "forged.nfs")


# Honesty


def predicted(counts: np.ndarray) -> Prediction:
    """A prediction of which only the counts matter."""
    nothing = np.zeros((1, 1))
    return Prediction([], 0.0, nothing, nothing, counts, counts.sum(axis=1).astype(float))


def drawn(factor: float, levels: range) -> np.ndarray:
    """How often each value comes, of a million a level, if scales are so many times those of the levels."""
    counts = np.zeros((64, 2 * FARTHEST + 1), np.int64)
    k = np.arange(-FARTHEST, FARTHEST + 1)
    for level in levels:
        scale = factor * scale_levels()[level]
        counts[level] = np.rint(1e6 * (ndtr((k + 0.5) / scale) - ndtr((k - 0.5) / scale)))
    return counts


def test_honest_scales_give_a_gaussian() -> None:
    """Whatever the scales are; narrow latents are left out of it."""
    edges = np.arange(-4, 4.1, 0.5)
    prediction = predicted(drawn(1, range(64)))
    np.testing.assert_allclose(prediction.normalised(edges), np.diff(ndtr(edges)), atol=2e-6)
    assert prediction.width == pytest.approx(1, abs=2e-3)
    assert predicted(drawn(1, range(19, 23))).width == pytest.approx(1, abs=5e-3)
    wide = np.count_nonzero(scale_levels() >= 1)
    assert prediction.wide_share == pytest.approx((wide / 64, wide / 64), abs=1e-4)


@pytest.mark.parametrize("factor", [0.5, 2.0])
def test_wrong_scales_are_seen(factor: float) -> None:
    """Too much in the middle, or too little, by what the width says."""
    prediction = predicted(drawn(factor, range(30, 50)))
    edges = np.array([-5, -1, 1, 5.0])
    middle = float(prediction.normalised(edges)[1])
    honest = 2 * ndtr(1 / factor) - 1
    assert middle == pytest.approx(honest, abs=0.03)
    assert abs(middle - (2 * ndtr(1) - 1)) > 0.2
    assert prediction.width == pytest.approx(factor, rel=0.05)


def test_no_wide_latents() -> None:
    """Then there is nothing to say."""
    prediction = predicted(drawn(1, range(10)))
    assert not prediction.normalised(np.linspace(-5, 5, 11)).any()
    assert math.isnan(prediction.width)
    assert prediction.wide_share == (0, 0)


# The command


@both
def test_words(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Both streams in four sums, their shares, and channels with what was expected of them."""
    monkeypatch.chdir(tmp_path)
    Path("photo.nfs").write_bytes(data(name))
    write_weights("own.npz", hyper_weights(name))
    assert run("info", "photo.nfs", "--weights", "own.npz") == 0
    said, err = capsys.readouterr()
    looked = found(name)
    prediction = prediction_of(looked)
    assert err == ""
    assert said == describe(looked, "photo.nfs") + "\n"
    assert max(map(len, said.splitlines())) <= 110
    assert re.search(rf"^model +{name}, N = 12, M = 48, ", said, re.M)
    assert re.search(r" 96 01 +150 of 64: latents come in steps of 2\.34375$", said, re.M)
    assert re.search(r"^overhead +19 bytes, and [34] in the payload$", said, re.M)
    sums = said[said.index("side information        latents") :].splitlines()[1:6]
    numbers = [[float(cell.replace(",", "")) for cell in line.split()[:3]] for line in sums[:4]]
    side, y = prediction.side_density_bits, looked.density_bits
    expected = [
        (side, y),
        (side, prediction.likelihood_bits),
        (prediction.side_bits, looked.bits),
        (8 * looked.streams["side information"], 8 * looked.streams["y"]),
    ]
    for row, (one, other) in zip(numbers, expected):
        assert row == pytest.approx([one, other, one + other], abs=0.06)
    one, other = expected[3]
    assert sums[4].split() == [f"{one / (one + other):.1%}", f"{other / (one + other):.1%}"]
    cost = (one + other) / (side + y) - 1
    assert f"the file   {cost:+.3%} beside".replace("-", "−") in said
    table = said[said.index("channel  ") :].splitlines()
    assert table[0].split()[4:] == ["expected", "found", "zero", "largest", "escapes"]
    strongest = looked.strongest()[0]
    cells = table[1].split()
    assert int(cells[0]) == strongest.number
    assert float(cells[4]) == pytest.approx(strongest.scale, abs=0.006)
    assert cells[-1] == f"{strongest.escapes}"
    assert refused(capsys, "info", "photo.nfs", "--weights", "photo.nfs")
