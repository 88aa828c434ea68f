"""The codec: pictures of any size into files and back, the same on every path; and what it refuses."""

from __future__ import annotations

import io
import math
import tracemalloc

import numpy as np
import pytest
from codec_cases import picture, psnr, small_weights
from PIL import Image

from neural_from_scratch import codec, container, range_coder, strips, use_backend
from neural_from_scratch.codec import decode, encode
from neural_from_scratch.errors import FormatError, LimitError, ModelError, NeuralError
from neural_from_scratch.evaluation import estimated_bits, mean_of, measure
from neural_from_scratch.latent_coding import coding_for
from neural_from_scratch.pictures import default_photograph, read_photograph
from neural_from_scratch.refinement import _cost, refine
from neural_from_scratch.weights import FOLDER, Weights, load_weights, qualities

SIZES = [(1, 1), (1, 40), (33, 1), (16, 16), (17, 15), (47, 64)]


@pytest.mark.parametrize("size", SIZES)
def test_any_size_comes_back(size: tuple[int, int]) -> None:
    """RGB and grey, of the same shape, and like the original."""
    weights = small_weights()
    image = picture(*size)
    for original in (image, image[..., 1]):
        data = encode(original, weights=weights)
        decoded = decode(data, weights=weights)
        assert (decoded.shape, decoded.dtype) == (original.shape, np.uint8)
        assert psnr(original, decoded) > 15
        header, payload = container.unpack(data)
        assert (header.width, header.height) == size[::-1]
        assert len(data) - len(payload) <= 24


def test_the_file_holds_the_encoder_s_own_latents() -> None:
    """Not merely a like picture."""
    weights, image = small_weights(), picture(70, 50)
    _, symbols = codec.latents_of(image, weights)
    data = encode(image, weights=weights)
    content = codec.open_file(data, weights=weights)
    np.testing.assert_array_equal(content.symbols, symbols)
    assert np.count_nonzero(symbols) > 20
    np.testing.assert_array_equal(codec.pixels_of(content), decode(data, weights=weights))


def test_bits_are_those_of_the_estimate() -> None:
    """Within half a per cent and 16 bytes, the header aside."""
    weights, image = small_weights(), picture(128, 160)
    found = measure(image, weights, "leaves")
    assert abs(found.bpp - found.estimated) * image[..., 0].size / 8 <= 0.005 * found.size + 16 + 24
    assert found.size * 8 / image[..., 0].size == found.bpp
    assert math.isnan(found.ms_ssim)
    assert mean_of([found, found]).bpp == pytest.approx(found.bpp)


def test_strips_make_no_difference(quick_backend: str) -> None:
    """Latents and pictures in strips are those of the whole; rounded, they are the same."""
    weights = small_weights()
    samples = codec.to_samples(picture(208, 48))
    with use_backend(quick_backend):
        whole = strips.analyse(weights.model, samples)
        for pixels in (1, 4000):
            parts = strips.analyse(weights.model, samples, pixels)
            np.testing.assert_allclose(parts, whole, atol=1e-5 * np.abs(whole).max())
            np.testing.assert_array_equal(
                *(weights.model.entropy_bottleneck.quantize(y) for y in (parts, whole))
            )
        ((_, expected),) = strips.synthesise(weights.model, whole)
        for pixels in (1, 4000):
            made = list(strips.synthesise(weights.model, whole, pixels))
            assert len(made) > 2
            heights = [part.shape[2] for _, part in made]
            assert [top for top, _ in made] == np.cumsum([0, *heights])[:-1].tolist()
            together = np.concatenate([part for _, part in made], axis=2)
            np.testing.assert_allclose(together, expected, atol=1e-5)


def test_both_back_ends_agree() -> None:
    """Reference and kernels decode one file to the same latents, and pixels within one level."""
    weights, image = small_weights(), picture(48, 64)
    pictures, symbols = [], []
    data = encode(image, weights=weights)
    for name in ("fast", "reference"):
        with use_backend(name):
            content = codec.open_file(data, weights=weights)
            symbols.append(content.symbols)
            pictures.append(codec.pixels_of(content).astype(int))
    np.testing.assert_array_equal(*symbols)
    assert np.abs(pictures[0] - pictures[1]).max() <= 1


def test_search_never_loses() -> None:
    """Latents that no step improves are left as they were; the same search finds the same file."""
    weights = small_weights()
    samples = codec.to_samples(picture(32, 32))
    latents = strips.analyse(weights.model, samples)
    coding = coding_for(weights, latents)
    best = refine(coding, samples, latents, 40)
    again = refine(coding, samples, best, 1, seed=5)
    cost = [_cost(coding, samples, y) for y in (latents, best, again)]
    assert cost[2] <= cost[1] < cost[0]
    image = picture(32, 32)
    assert encode(image, effort=2, weights=weights) == encode(image, effort=2, weights=weights)


# --------------------------------------------------------------------------------------------------
# What is refused


@pytest.mark.parametrize(
    ("image", "error", "words"),
    [
        (np.zeros((4, 4), np.float32), TypeError, "float32, must be an array of uint8"),
        (np.zeros((4, 4), np.uint16), TypeError, "uint16"),
        ([[1, 2]], TypeError, "a list"),
        (np.zeros(4, np.uint8), ValueError, r"\(4,\)"),
        (np.zeros((4, 4, 4), np.uint8), ValueError, r"\(4, 4, 4\)"),
        (np.zeros((0, 4, 3), np.uint8), ValueError, "no pixels"),
    ],
)
def test_what_is_no_picture(image: object, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        encode(image, weights=small_weights())  # type: ignore[arg-type]


@pytest.mark.parametrize("quality", [0, 99, -1, 2.5, "3", True])
def test_no_such_quality(quality: object) -> None:
    with pytest.raises(ValueError, match="quality="):
        encode(picture(16, 16), quality)  # type: ignore[arg-type]


def test_negative_effort() -> None:
    with pytest.raises(ValueError, match="effort=-1"):
        encode(picture(16, 16), effort=-1, weights=small_weights())


def test_other_weights() -> None:
    """A file names its weights; shipped ones do not stand in for one's own, nor the other way round."""
    data = encode(picture(16, 16), weights=small_weights())
    with pytest.raises(ModelError, match="weights of one's own"):
        decode(data)
    with pytest.raises(ModelError, match="other ones"):
        decode(data, weights=small_weights(1))
    header, payload = container.unpack(data)
    for change in ({"model_id": 200}, {"quality": 250}):
        other = container.pack(container.Header(**{**header.__dict__, **change}), payload)
        with pytest.raises(ModelError, match="model"):
            decode(other)


def test_large_pictures_are_refused_before_memory_is_asked_for() -> None:
    weights = small_weights()
    header, payload = container.unpack(encode(picture(16, 16), weights=weights))
    size = {"width": 1 << 31, "height": 1 << 31}
    huge = container.pack(container.Header(**{**header.__dict__, **size}), payload)
    with pytest.raises(LimitError, match="max_pixels"):
        decode(huge, weights=weights)
    with pytest.raises(LimitError, match="max_pixels: the file asks for 256, allowed are 255"):
        decode(encode(picture(16, 16), weights=weights), weights=weights, max_pixels=255)


def test_a_small_file_of_a_large_picture_costs_little() -> None:
    """16384×16384 pixels out of thirty bytes: the payload ends at once, and so does decoding."""
    weights = small_weights()
    header, _ = container.unpack(encode(picture(16, 16), weights=weights))
    size = {"width": 1 << 14, "height": 1 << 14}
    small = container.pack(container.Header(**{**header.__dict__, **size}), b"\x80\x12\x34")
    tracemalloc.start()
    with pytest.raises(FormatError, match="byte 21, range-coded data: ends"):
        decode(small, weights=weights)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 10 * 4 * weights.model.latents * 2**20 / 4


def test_damage_is_found(count) -> None:
    """Cut anywhere, one bit flipped anywhere: a clear error, never a picture."""
    weights = small_weights()
    data = encode(picture(24, 24), weights=weights)
    cuts = [data[:end] for end in range(len(data))]
    flips = []
    for at in range(len(data)):
        for bit in (0, 7):
            flipped = bytearray(data)
            flipped[at] ^= 1 << bit
            flips.append(bytes(flipped))
    for damaged in (*cuts, *flips, data + b"\0", b"", b"\xff\xd8\xff\xe0"):
        with pytest.raises(NeuralError):
            decode(damaged, weights=weights)
    count(f"learned codec: {len(cuts) + len(flips) + 3} damaged files refused")


def test_forged_payloads_end_in_order(count) -> None:
    """Random payloads behind a right checksum: an error at its place, or a picture of the right size."""
    weights = small_weights()
    data = encode(picture(24, 40), weights=weights)
    header, payload = container.unpack(data)
    places = set()
    random = np.random.default_rng(5)
    outcomes = {"picture": 0, "error": 0}
    for i in range(300):
        forged = bytearray(payload)
        if i % 3 == 0:
            forged = bytearray(random.bytes(int(random.integers(0, 80))))
        else:
            for at in random.integers(0, len(forged), int(random.integers(1, 6))):
                forged[at] = int(random.integers(256))
            if i % 3 == 1:
                forged += random.bytes(int(random.integers(1, 9)))
        try:
            decoded = decode(container.pack(header, bytes(forged)), weights=weights)
        except FormatError as error:
            places.add((error.field, 13 < error.offset <= 26 + len(forged)))
            outcomes["error"] += 1
        else:
            assert decoded.shape == (24, 40, 3)
            outcomes["picture"] += 1
    assert outcomes["error"] > 250
    assert places == {("range-coded data", True)}
    count(f"learned codec: 300 forged payloads: {outcomes['error']} errors, {outcomes['picture']} pictures")


def test_latents_that_no_picture_has() -> None:
    """The largest whole numbers there are: infinities inside, bytes outside, no warning."""
    weights = small_weights()
    symbols = np.full((weights.model.latents, 1, 2), 2**31 - 300, np.int32)
    symbols[:, :, 1] *= -1
    header = container.Header(1, 0, weights.hash, 32, 16, container.RGB)
    data = container.pack(header, range_coder.encode_channels(symbols, weights.tables))
    assert decode(data, weights=weights).shape == (16, 32, 3)


# --------------------------------------------------------------------------------------------------
# With the weights that are shipped


SHIPPED_MODELS = ("factorized-prior", "scale-hyperprior", "mean-scale-hyperprior")
SHIPPED = [(name, quality) for name in SHIPPED_MODELS for quality in qualities(name)]


@pytest.mark.parametrize(("name", "fewest"), list(zip(SHIPPED_MODELS, (6, 4, 4))))
def test_shipped_weights_are_in_order(name: str, fewest: int) -> None:
    """Enough of them, λ rising with quality, 24 MB a model, cards complete."""
    found = [load_weights(quality, name) for quality in qualities(name)]
    assert [one.quality for one in found] == qualities(name)
    assert len(found) >= fewest
    rates = [one.weight for one in found]
    assert rates == sorted(rates)
    assert sum(path.stat().st_size for path in FOLDER.glob(f"{name}-*.npz")) < 24e6
    keys = ("lambda", "steps", "seed", "batch", "side", "rate", "hours", "data", "command", "validation")
    for one in found:
        for key in keys:
            assert key in one.card, (one.quality, key)
        assert one.weight == load_weights(one.quality).weight


@pytest.mark.parametrize(("name", "quality"), [one for one in SHIPPED if one[0] != SHIPPED_MODELS[0]])
def test_hyperpriors_need_fewer_bits(name: str, quality: int) -> None:
    """Less λ · MSE + bits a pixel than the factorised prior of the same λ, on a crop of a photograph."""
    image = photograph()

    def cost(weights: Weights) -> float:
        data = encode(image, weights=weights)
        error = float(np.mean(np.square(np.subtract(image, decode(data, weights=weights), dtype=float))))
        return weights.weight * error + 8 * len(data) / image[..., 0].size

    assert cost(load_weights(quality, name)) < cost(load_weights(quality))


@pytest.mark.parametrize(("name", "quality"), SHIPPED)
def test_shipped_weights_beat_jpeg(name: str, quality: int) -> None:
    """Fewer bits than Pillow's JPEG with optimised tables at the same PSNR, on a crop of a photograph."""
    image = photograph()
    data = encode(image, quality, model=name)
    ours = psnr(image, decode(data))
    for jpeg_quality in range(1, 100):
        file = io.BytesIO()
        Image.fromarray(image).save(file, "JPEG", quality=jpeg_quality, optimize=True)
        if psnr(image, np.asarray(Image.open(file))) >= ours:
            break
    assert len(data) < len(file.getvalue())


def test_search_gains() -> None:
    """Thirty steps lower λ · MSE + bits by 4 % and more on a photograph."""
    image = photograph()[:128, :128]
    weights, costs = load_weights(qualities()[len(qualities()) // 2]), []
    for effort in (0, 30):
        data = encode(image, weights.quality, effort=effort)
        error = float(np.mean(np.square(np.subtract(image, decode(data), dtype=np.float64))))
        costs.append(weights.weight * error + 8 * len(data) / image[..., 0].size)
    assert costs[1] < 0.96 * costs[0]


def photograph() -> np.ndarray:
    """256×256 pixels of a photograph that comes with a dependency."""
    whole = read_photograph(default_photograph(), 1 << 20, 16)
    return np.ascontiguousarray(whole[64:320, 128:384])


@pytest.mark.big
def test_bits_of_every_kodak_picture(kodak, count) -> None:
    """Within half a per cent and 16 bytes of the estimate, header and all."""
    worst = -math.inf
    for i, (name, image) in enumerate(sorted(kodak.items())):
        for quality in qualities() if i == 0 else [qualities()[i % len(qualities())]]:
            weights = load_weights(quality)
            size = len(encode(image, quality))
            estimate = estimated_bits(image, weights) / 8
            worst = max(worst, (size - estimate - 16) / estimate)
            assert abs(size - estimate) <= 0.005 * estimate + 16 + 8, (name, quality)
    count(f"learned codec: file sizes at most {worst:.3%} + 16 bytes above the estimate")
