"""The codecs of the bench: they do what the protocol says, and our files are Pillow's."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageFile

from codec_eval import Codec, OurJpeg, PillowJpeg, check_quality, jpeg_codecs
from codec_eval.codecs import PILLOW_SUBSAMPLINGS, SUBSAMPLINGS

pytestmark = pytest.mark.filterwarnings("ignore:Numba is not installed")

RGB = np.random.default_rng(2).integers(0, 256, (17, 33, 3), dtype=np.uint8)
FACTORS = {
    "4:4:4": (1, 1),
    "4:4:0": (1, 2),
    "4:2:2": (2, 1),
    "4:2:0": (2, 2),
    "4:1:1": (4, 1),
    "4:1:0": (4, 2),
}


def luma_factors(data: bytes) -> tuple[int, int]:
    """The sampling factors of the first component, as Pillow reads the file."""
    with Image.open(io.BytesIO(data)) as picture:
        _, h_samp, v_samp, _ = picture.layer[0]  # type: ignore[attr-defined]
    return h_samp, v_samp


@pytest.mark.parametrize("codec", jpeg_codecs(), ids=lambda codec: codec.name)
@pytest.mark.parametrize("image", [RGB, RGB[..., 0], RGB[:1, :1], RGB[:9, :7, 1]], ids=lambda i: str(i.shape))
def test_a_codec_gives_back_the_shape_it_was_given(codec: Codec, image: np.ndarray) -> None:
    assert isinstance(codec, Codec)
    data = codec.encode(image, 90)
    assert isinstance(data, bytes)
    decoded = codec.decode(data)
    assert (decoded.dtype, decoded.shape) == (np.uint8, image.shape)
    if codec.name.startswith("jpeg-ours"):
        peer = PillowJpeg(optimize=codec.name.endswith("optimised"))
        assert data == peer.encode(image, 90)
        np.testing.assert_array_equal(decoded, peer.decode(data))


@pytest.mark.parametrize(
    ("kind", "subsampling"),
    [(OurJpeg, s) for s in SUBSAMPLINGS] + [(PillowJpeg, s) for s in PILLOW_SUBSAMPLINGS],
)
def test_the_file_has_the_subsampling_that_the_description_says(kind: Any, subsampling: str) -> None:
    codec = kind(subsampling)
    assert luma_factors(codec.encode(RGB, 75)) == FACTORS[subsampling]
    assert subsampling in codec.description
    assert luma_factors(codec.encode(RGB[..., 0], 75)) == (1, 1)  # grey: none, whatever is set


def test_codecs_are_told_apart_by_name_and_description() -> None:
    codecs = [
        kind(subsampling, optimize)
        for kind, known in ((OurJpeg, SUBSAMPLINGS), (PillowJpeg, PILLOW_SUBSAMPLINGS))
        for subsampling in known
        for optimize in (False, True)
    ]
    assert (
        len({codec.name for codec in codecs}) == len({codec.description for codec in codecs}) == len(codecs)
    )
    assert "Annex K.3" in OurJpeg().description
    assert "optimised" in OurJpeg(optimize=True).description
    assert f"in Pillow {Image.__version__}" in PillowJpeg().description


def test_pillow_takes_part_only_where_it_knows_the_subsampling() -> None:
    assert [codec.name for codec in jpeg_codecs("4:2:2")] == [
        "jpeg-ours-422",
        "jpeg-pillow-422",
        "jpeg-ours-422-optimised",
        "jpeg-pillow-422-optimised",
    ]
    assert [codec.name for codec in jpeg_codecs("4:1:1")] == ["jpeg-ours-411", "jpeg-ours-411-optimised"]
    assert len(jpeg_codecs("4:1:1", grey=True)) == 4
    with pytest.raises(ValueError, match="subsampling is '4:1:1': PillowJpeg takes"):
        PillowJpeg("4:1:1")
    with pytest.raises(ValueError, match="subsampling is '420'"):
        jpeg_codecs("420")


def test_pillow_optimises_noise_that_overflows_its_own_buffer() -> None:
    noise = np.random.default_rng(3).integers(0, 256, (300, 300, 3), dtype=np.uint8)
    before = ImageFile.MAXBLOCK
    data = PillowJpeg("4:4:4", optimize=True).encode(noise, 75)
    assert PillowJpeg().decode(data).shape == noise.shape
    assert before == ImageFile.MAXBLOCK


def test_pillow_refuses_to_decode_what_is_not_grey_or_rgb() -> None:
    file = io.BytesIO()
    Image.new("CMYK", (8, 8)).save(file, format="JPEG")
    with pytest.raises(ValueError, match="mode CMYK"):
        PillowJpeg().decode(file.getvalue())


@pytest.mark.parametrize("subsampling", PILLOW_SUBSAMPLINGS)
def test_a_progressive_file_is_progressive_and_holds_the_same_picture(subsampling: str) -> None:
    progressive, sequential = PillowJpeg(subsampling, progressive=True), PillowJpeg(subsampling)
    data = progressive.encode(RGB, 80)
    with Image.open(io.BytesIO(data)) as picture:
        assert picture.info["progressive"] == 1
    assert luma_factors(data) == FACTORS[subsampling]
    assert progressive.name == sequential.name + "-progressive"
    assert "progressive" in progressive.description
    assert "optimised" in progressive.description
    np.testing.assert_array_equal(progressive.decode(data), sequential.decode(sequential.encode(RGB, 80)))


@pytest.mark.parametrize("progressive", [False, True])
def test_every_coding_holds_the_same_picture(progressive: bool) -> None:
    plain = OurJpeg().encode(RGB, 80)
    arithmetic = OurJpeg(progressive=progressive, arithmetic=True)
    assert arithmetic.name == "jpeg-ours" + "-progressive" * progressive + "-arithmetic"
    assert "arithmetic" in arithmetic.description
    assert "Huffman" not in arithmetic.description
    data = arithmetic.encode(RGB, 80)
    assert len(data) < len(plain)
    np.testing.assert_array_equal(arithmetic.decode(data), OurJpeg().decode(plain))
    if progressive:
        assert OurJpeg(progressive=True).encode(RGB, 80) == PillowJpeg(progressive=True).encode(RGB, 80)


def test_progressive_says_all_about_the_tables() -> None:
    assert PillowJpeg(optimize=True, progressive=True) == PillowJpeg(progressive=True)


@pytest.mark.parametrize("quality", [0, 101, -5])
def test_a_quality_out_of_range_names_codec_and_range(quality: int) -> None:
    with pytest.raises(ValueError, match=rf"quality is {quality}: jpeg-ours takes 1 to 100"):
        check_quality(OurJpeg(), quality)
