"""The learned codecs on the bench: one more codec, of few qualities, that costs nothing until it is used."""

from __future__ import annotations

import pickle
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from codec_data import REPOSITORY
from PIL import Image

from codec_eval import Codec, default_qualities, make_codec, neural_codecs, psnr, registry
from codec_eval.codec import qualities_of
from codec_eval.neural_codecs import MODELS, LearnedCodec, has_weights
from codec_eval.points import read_points
from codec_eval.rate_control import Target, match_quality
from codec_eval.rate_distortion import measure_point, sweep
from neural_from_scratch import codec as neural
from neural_from_scratch import weights as weights_module
from neural_from_scratch.container import unpack
from neural_from_scratch.errors import FormatError, NeuralError
from neural_from_scratch.models import MODELS as MODELS_THERE
from neural_from_scratch.models import model_named
from neural_from_scratch.weights import load_weights, make_weights, qualities, write_weights

pytestmark = pytest.mark.filterwarnings("ignore:Numba is not installed")

CODEC = make_codec("factorized-prior")
KNOWN = qualities()


def photograph(height: int, width: int) -> np.ndarray:
    """Smooth colours, an edge and some grain, uint8."""
    rows, columns = np.mgrid[:height, :width]
    wave = np.stack([128 + 80 * np.sin(rows / 17 + i) * np.cos(columns / (11 + i)) for i in range(3)], -1)
    wave[rows + columns > width] *= 0.6
    return np.clip(wave + np.random.default_rng(5).normal(0, 4, wave.shape), 0, 255).astype(np.uint8)


RGB = photograph(32, 48)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A colour picture and a grey one."""
    folder = tmp_path / "pictures"
    folder.mkdir()
    Image.fromarray(RGB).save(folder / "colour.png")
    Image.fromarray(photograph(33, 17)[..., 1]).save(folder / "grey.png")
    return folder


def test_it_is_a_codec_with_the_shipped_qualities() -> None:
    assert isinstance(CODEC, Codec)
    assert CODEC.suffix == ".nfs"
    assert list(qualities_of(CODEC)) == default_qualities(CODEC) == KNOWN
    assert CODEC.quality_range == (KNOWN[0], KNOWN[-1])
    copy = pickle.loads(pickle.dumps(CODEC))
    assert copy == CODEC
    assert copy.encode(RGB, KNOWN[0]) == CODEC.encode(RGB, KNOWN[0])


def test_the_description_names_model_widths_and_the_hashes_that_stand_in_files() -> None:
    assert CODEC.description.startswith("factorized-prior of neural_from_scratch 0.")
    assert "\n" not in CODEC.description
    for quality in KNOWN:
        model = load_weights(quality).model
        assert f"N, M = {model.width}, {model.latents}, weights" in CODEC.description
        header, _ = unpack(CODEC.encode(RGB, quality))
        assert header.quality == quality
        assert f"{quality}: {header.model_hash.hex()}" in CODEC.description


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (7, 9), (17, 33), (32, 48)])
@pytest.mark.parametrize("grey", [False, True])
def test_files_are_those_of_the_package_and_come_back_in_their_shape(
    size: tuple[int, int], grey: bool
) -> None:
    image = photograph(*size)[..., 1] if grey else photograph(*size)
    data = CODEC.encode(image, KNOWN[-1])
    assert data == neural.encode(image, KNOWN[-1])
    decoded = CODEC.decode(data)
    assert (decoded.dtype, decoded.shape) == (np.uint8, image.shape)
    assert psnr(image, decoded, data_range=255) > (25 if min(size) > 16 else 15)


def test_numbers_of_numpy_are_qualities_too() -> None:
    assert CODEC.encode(RGB, np.int64(KNOWN[0])) == CODEC.encode(RGB, KNOWN[0])  # type: ignore[arg-type]


def test_what_is_wrong_is_said() -> None:
    for quality in (0, KNOWN[-1] + 1, 75):
        with pytest.raises(ValueError, match=rf"quality is {quality}: factorized-prior takes"):
            CODEC.encode(RGB, quality)
    with pytest.raises(TypeError, match="float64"):
        CODEC.encode(RGB.astype(float), KNOWN[0])  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="shape"):
        CODEC.encode(RGB[..., :2], KNOWN[0])
    data = CODEC.encode(RGB, KNOWN[0])
    for damaged in (b"", b"\xff\xd8\xff", data[:-1], data[:20] + b"\0" + data[21:]):
        with pytest.raises(NeuralError):
            CODEC.decode(damaged)
    with pytest.raises(FormatError, match="checksum"):
        CODEC.decode(data[:-4] + bytes(4))
    with pytest.raises(ValueError, match="effort is -1"):
        LearnedCodec(effort=-1)
    with pytest.raises(ValueError, match="no weights are shipped for 'perpetuum'"):
        _ = LearnedCodec("perpetuum").quality_range


def test_models_are_listed_if_they_have_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those without are left out of every list, and say so when they are used."""
    names = registry.codec_names()
    for model in MODELS:
        assert model in {known.name for known in MODELS_THERE.values()}
        assert has_weights(model) == bool(qualities(model))
        assert (model in names) == (f"{model}-effort50" in names) == has_weights(model)
    assert not has_weights("perpetuum")
    monkeypatch.setattr(registry, "has_weights", lambda model: model == "scale-hyperprior")
    names = registry.codec_names()
    assert [name for name in names if name.startswith(MODELS)] == [
        "scale-hyperprior",
        "scale-hyperprior-effort50",
    ]
    assert "webp" in names


@pytest.fixture(params=["scale-hyperprior", "mean-scale-hyperprior"])
def hyperprior(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[LearnedCodec]:
    """One of the two with two sets of small weights, as if those were shipped."""
    monkeypatch.setattr(weights_module, "FOLDER", tmp_path)
    for cached in (load_weights, neural_codecs._describe):
        cached.cache_clear()
    codec = make_codec(request.param)
    assert isinstance(codec, LearnedCodec)
    with pytest.raises(ValueError, match=f"no weights are shipped for '{request.param}'"):
        codec.encode(RGB, 1)
    for quality in (1, 2):
        model = model_named(request.param)(4, 6, rng=np.random.default_rng(quality))  # type: ignore[call-arg]
        model.g_a[-1].weight.data *= 30 * quality  # type: ignore[attr-defined]
        made = make_weights(model.state_dict(), {"lambda": 0.01}, quality)
        write_weights(tmp_path / f"{request.param}-{quality}.npz", made)
    yield codec
    for cached in (load_weights, neural_codecs._describe):
        cached.cache_clear()


def test_hyperpriors_are_codecs_with_their_own_weights(hyperprior: LearnedCodec) -> None:
    assert hyperprior.qualities == (1, 2)
    assert default_qualities(hyperprior) == [1, 2]
    assert hyperprior.description.startswith(f"{hyperprior.model} of neural_from_scratch 0.")
    for quality in (1, 2):
        data = hyperprior.encode(RGB, quality)
        assert data == neural.encode(RGB, quality, model=hyperprior.model)
        header, _ = unpack(data)
        assert f"{quality}: {header.model_hash.hex()}" in hyperprior.description
        np.testing.assert_array_equal(hyperprior.decode(data), neural.decode(data))
    with pytest.raises(ValueError, match=f"quality is 3: {hyperprior.model} takes 1 to 2"):
        hyperprior.encode(RGB, 3)


def test_a_searching_encoder_is_another_codec(monkeypatch: pytest.MonkeyPatch) -> None:
    codec = LearnedCodec(effort=2)
    assert codec.name == "factorized-prior-effort2"
    assert codec.description.startswith(CODEC.description)
    assert "2 steps of search" in codec.description
    assert isinstance(make_codec("factorized-prior-effort50"), LearnedCodec)
    asked = []
    monkeypatch.setattr(neural, "encode", lambda image, **options: asked.append(options) or b"")
    codec.encode(RGB, KNOWN[0])
    CODEC.encode(RGB, KNOWN[-1])
    assert [options["effort"] for options in asked] == [2, 0]
    assert [options["weights"].quality for options in asked] == [KNOWN[0], KNOWN[-1]]


def test_nothing_is_imported_for_the_name() -> None:
    """The bench starts without the package, also when it lists its codecs and makes this one."""
    program = (
        "import sys, codec_eval, codec_eval.cli as cli; cli._parser(); "
        "names = codec_eval.codec_names(); codec = codec_eval.make_codec('factorized-prior'); "
        "assert codec.name in names; "
        "print(*sorted({name.split('.')[0] for name in sys.modules}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=REPOSITORY
    )
    loaded = set(done.stdout.split())
    assert "jpeg_from_scratch" in loaded
    assert not loaded & {"neural_from_scratch", "numba", "llvmlite", "threadpoolctl"}


def test_a_point_holds_the_bytes_of_the_file(folder: Path) -> None:
    point = measure_point(folder / "grey.png", "factorized-prior", KNOWN[0])
    assert point.error == ""
    assert point.channels == 1
    assert point.n_bytes == len(CODEC.encode(photograph(33, 17)[..., 1], KNOWN[0]))
    point = measure_point(folder / "grey.png", "factorized-prior", 99)
    assert "quality is 99: factorized-prior takes" in point.error


def test_a_sweep_takes_all_qualities_in_processes_beside_another_codec_with_its_own(folder: Path) -> None:
    out = folder.parent / "out" / "points.csv"
    codecs = ["jpeg-pillow", "factorized-prior"]
    summary = sweep(folder, codecs, {"jpeg-pillow": [60, 20]}, out, jobs=1, progress=False)
    assert summary.failed == 0
    assert list(read_points(out)) == summary.points
    for name in ("colour.png", "grey.png"):
        of_picture = [(p.codec, p.quality) for p in summary.points if p.picture == name]
        assert of_picture == [
            ("jpeg-pillow", 20),
            ("jpeg-pillow", 60),
            *(("factorized-prior", quality) for quality in KNOWN),
        ]
    ours = [p for p in summary.points if p.codec == "factorized-prior" and p.picture == "colour.png"]
    assert [p.n_bytes for p in ours] == [len(CODEC.encode(RGB, p.quality)) for p in ours]
    if len(ours) > 1:
        assert ours[0].bpp < ours[-1].bpp  # type: ignore[operator]
        assert ours[0].psnr < ours[-1].psnr  # type: ignore[operator]


def test_rate_control_finds_the_nearest_of_the_few() -> None:
    lengths = {quality: len(CODEC.encode(RGB, quality)) for quality in KNOWN}
    low, high = KNOWN[0], KNOWN[-1]
    match = match_quality(CODEC, RGB, Target("bytes", lengths[high] - 1))
    assert match.trial.n_bytes == max(n for n in lengths.values() if n < lengths[high])
    assert match.reached
    assert set(match.tried) <= set(KNOWN)
    match = match_quality(CODEC, RGB, Target("bytes", lengths[high] - 1, either_side=True))
    assert match.trial.quality == high
    match = match_quality(CODEC, RGB, Target("bytes", 1))
    assert (match.trial.quality, match.reached) == (low, False)
