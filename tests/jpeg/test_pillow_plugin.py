"""The plugin: what Pillow refuses is read, everything else is left to Pillow, and files are written."""

from __future__ import annotations

import hashlib
import io
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import codec_data
import jpeg_peers as peers
import jpeg_pictures as pictures
import numpy as np
import pytest
from jpeg_cases import Tally
from PIL import Image, ImageFile, UnidentifiedImageError

import jpeg_from_scratch as jpeg
from jpeg_from_scratch.orientation import set_orientation
from jpeg_from_scratch.pillow_plugin import FORMAT, register_pillow

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning", "ignore::PIL.Image.DecompressionBombWarning")


@pytest.fixture(autouse=True)
def registered() -> Iterator[None]:
    """Register the plugin, and take it out of Pillow afterwards."""
    Image.init()
    before = list(Image.ID), dict(Image.OPEN), dict(Image.SAVE), dict(Image.MIME)
    register_pillow()
    yield
    Image.ID[:] = before[0]
    for registry, contents in zip((Image.OPEN, Image.SAVE, Image.MIME), before[1:]):
        registry.clear()
        registry.update(contents)


def others() -> list[str]:
    """Return the formats of Pillow without ours."""
    return [name for name in Image.ID if name != FORMAT]


def opened(data: bytes, formats: list[str] | None = None) -> Image.Image | None:
    """Return the picture that Pillow opens, None if it does not."""
    try:
        return Image.open(io.BytesIO(data), formats=formats)
    except (UnidentifiedImageError, OSError, Image.DecompressionBombError):
        return None


# Registering


def test_a_second_call_changes_nothing() -> None:
    """One entry, at the head of the list."""
    before = list(Image.ID), dict(Image.OPEN), dict(Image.SAVE)
    register_pillow()
    assert (list(Image.ID), dict(Image.OPEN), dict(Image.SAVE)) == before
    assert Image.ID[0] == FORMAT
    assert Image.ID.count(FORMAT) == 1
    assert Image.ID.index("JPEG") > 0
    assert FORMAT not in Image.EXTENSION.values(), "names of files stay Pillow's"


def test_the_package_does_not_import_pillow() -> None:
    """Only the plugin does, and it registers nothing by being imported; the order of imports is no matter."""
    program = (
        "import sys, jpeg_from_scratch; assert 'PIL' not in sys.modules\n"
        "from jpeg_from_scratch.pillow_plugin import register_pillow\n"
        "from PIL import Image; assert 'JPEG-FS' not in Image.ID\n"
        "register_pillow(); Image.preinit(); Image.init(); print(Image.ID[0], Image.ID.count('JPEG-FS'))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [FORMAT, "1"]


# What is Pillow's


def test_what_pillow_opens_stays_pillows(
    jpeg_manifest: list[dict[str, Any]], count: Callable[[str], None]
) -> None:
    """Every file of the corpus, also the damaged ones: the same class, but where Pillow would fail later."""
    kept, taken, wrong = 0, [], []
    for entry in jpeg_manifest:
        data = codec_data.jpeg_file(entry)
        alone = opened(data, others())
        together = opened(data)
        if alone is None:
            continue
        assert together is not None
        if type(together) is type(alone) and together.format == alone.format:
            kept += 1
            continue
        taken.append(entry["name"])
        try:
            alone.load()
            wrong.append(entry["name"])
        except OSError:
            pass
    count(f"corpus, Pillow: {kept} files left to it, {len(taken)} taken that fail there later")
    assert not wrong, "Pillow reads these to the end"
    assert kept > 500
    assert len(taken) > 15


@pytest.mark.parametrize("kind", ["L", "RGB", "CMYK", "progressive", "mpo"])
def test_ordinary_files(kind: str) -> None:
    """Pillow's class, mode and pixels; formats that are not JPEG too."""
    mode = kind if kind in ("L", "CMYK") else "RGB"
    picture = Image.fromarray(pictures.synthetic(20, 30)).convert(mode)
    stream = io.BytesIO()
    if kind == "mpo":
        picture.save(stream, "MPO", save_all=True, append_images=[picture])
    else:
        picture.save(stream, "JPEG", progressive=kind == "progressive")
    with Image.open(stream) as ours, Image.open(stream, formats=others()) as theirs:
        assert (type(ours), ours.mode) == (type(theirs), theirs.mode)
        assert np.array_equal(np.asarray(ours), np.asarray(theirs))


def test_small_arithmetic_files_are_left_to_pillow() -> None:
    """They fit its buffer."""
    data = peers.cjpeg(pictures.synthetic(20, 30), "-arithmetic")
    with Image.open(io.BytesIO(data)) as picture:
        assert picture.format == "JPEG"


@pytest.mark.parametrize(
    "data",
    [
        b"\xff\xd8\xff",
        b"\xff\xd8\xff\xd9",
        b"\xff\xd8\xff\xe0\x00",
        b"\xff\xd8\xff\xe0\x00\x01",
        b"\xff\xd8\xff\xff\xff",
        b"\xff\xd8\xff\xc0\x00\x0b\x0c\x00\x08\x00\x08\x01\x01\x11\x00",
        b"\xff\xd8\xff\xda\x00\x08\x01\x01\x00\x00\x3f\x00",
        b"\xff\xd8\xff\xc5\x00\x0b\x08\x00\x08\x00\x08\x01\x01\x11\x00\xff\xda\x00\x02",
        b"\xff\xd8\xff\xc0\x00\x0e\x0c\x00\x08\x00\x08\x02\x01\x11\x00\x02\x11\x00\xff\xda\x00\x02",
    ],
)
def test_no_file_of_anybody(data: bytes) -> None:
    """Headers that end or make no sense, hierarchical ones, two components: nobody's, and no other error."""
    assert opened(data, [FORMAT]) is None
    with pytest.raises(UnidentifiedImageError):
        Image.open(io.BytesIO(data), formats=[FORMAT])


# What Pillow refuses


def known_hashes(entry: dict[str, Any]) -> set[str]:
    """Return the digests of the samples that the manifest states; some files have none."""
    found = [
        source.get(key)
        for source in (entry["ref"], entry["ref"].get("derived") or {})
        for key in ("sha256", "sha256_no_simd", "up_sha256")
    ]
    return {digest for digest in found if digest}


def expected_pixels(entry: dict[str, Any]) -> np.ndarray:
    """Return the samples of a file from `decode`, checked by their digest where it is known."""
    pixels = jpeg.decode(codec_data.jpeg_file(entry))
    digest = hashlib.sha256(pixels.astype(pixels.dtype.newbyteorder("<")).tobytes()).hexdigest()
    known = known_hashes(entry)
    assert not known or digest in known, "decode gives other samples"
    return pixels


def refused(entries: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the valid files that Pillow does not read, and that have a mode."""
    return [
        entry
        for entry in entries
        if entry["kind"] == "valid"
        and entry["features"]["ncomp"] in (1, 3, 4)
        and (
            entry["pillow"]["verdict"] == "refused"
            or (entry["features"]["sof"] in (9, 10) and entry["bytes"] > 65536)
        )
    ]


def check_picture(tally: Tally, entry: dict[str, Any]) -> None:
    """Compare a picture of the plugin with the samples of the file."""
    precision, channels = entry["features"]["precision"], entry["features"]["ncomp"]
    name = f"{entry['name']} SOF{entry['features']['sof']} {precision} bits {channels} components"
    try:
        expected = expected_pixels(entry)
        with Image.open(io.BytesIO(codec_data.jpeg_file(entry))) as picture:
            ours = np.asarray(picture)
            form = picture.format, picture.mode, picture.info["precision"]
    except Exception as error:
        tally.check(name, error, None)
        return
    largest = 2**precision - 1
    if channels == 4:
        expected = largest - expected
    if channels > 1 and precision > 8:
        expected = np.floor(expected * 255.0 / largest + 0.5).astype(np.uint8)
    tally.check(name, ours, expected)
    modes = {1: "L" if precision <= 8 else "I;16", 3: "RGB", 4: "CMYK"}
    if form not in ((FORMAT, modes[channels], precision), (FORMAT, "YCbCr", precision)):
        tally.different.append(f"{name}: {form}")


def test_what_pillow_refuses_is_read(
    jpeg_manifest: list[dict[str, Any]], count: Callable[[str], None]
) -> None:
    """Samples as stored, or scaled to 8 bits where Pillow has no mode; hashes are the manifest's."""
    tally = Tally("corpus, refused by Pillow")
    entries = refused(jpeg_manifest)
    for entry in entries:
        check_picture(tally, entry)
    unknown = [entry["name"] for entry in entries if not known_hashes(entry)]
    count(f"{tally.line()}; of {len(unknown)} no hash is known")
    assert not tally.different, tally.report(99)
    assert tally.tried > 60
    assert len(unknown) <= 3, unknown


@pytest.mark.reference
@pytest.mark.parametrize("bits", [2, 7, 9, 12, 16])
def test_deep_grey(bits: int) -> None:
    """A lossless file by imagecodecs, bit for bit."""
    imagecodecs = pytest.importorskip("imagecodecs")
    samples = (
        np.random.default_rng(bits).integers(0, 2**bits, (13, 17)).astype(np.uint16 if bits > 8 else np.uint8)
    )
    data = imagecodecs.jpeg8_encode(samples, lossless=True, predictor=4, bitspersample=bits)
    with Image.open(io.BytesIO(data)) as picture:
        assert (picture.format, picture.mode) == (FORMAT, "I;16" if bits > 8 else "L")
        assert np.array_equal(np.asarray(picture), samples)


def test_large_arithmetic_files() -> None:
    """Over 64 KiB, where Pillow fails: the pixels of the same coefficients Huffman coded."""
    noise = pictures.noise(240, 320)
    data = peers.cjpeg(noise, "-arithmetic", "-quality", "95")
    assert len(data) > 65536
    with (
        Image.open(io.BytesIO(data), formats=["JPEG"]) as theirs,
        pytest.raises(OSError, match="broken data"),
    ):
        theirs.load()
    with Image.open(io.BytesIO(data)) as ours:
        assert (ours.format, ours.mode, ours.size) == (FORMAT, "RGB", (320, 240))
        assert np.array_equal(np.asarray(ours), peers.pillow_decode(peers.cjpeg(noise, "-quality", "95")))


def fractional() -> bytes:
    """Return a file with ratios of 3 : 2, and metadata."""
    factors = ((3, 1), (2, 1), (2, 1))
    data = jpeg.encode(pictures.synthetic(24, 50), subsampling=factors, comment=b"a comment")
    exif = b"Exif\0\0" + set_orientation(b"", 6)
    segment = b"\xff\xe1" + (len(exif) + 2).to_bytes(2, "big") + exif
    dense = data[:13] + bytes([1, 0, 72, 0, 96]) + data[18:20]
    return dense + segment + data[20:]


def test_fractional_factors_and_information(tmp_path: Path) -> None:
    """Pixels of `decode`; what Pillow knows of its own files is known of these, from a path too."""
    data = fractional()
    path = tmp_path / "fractional.jpg"
    path.write_bytes(data)
    with Image.open(path) as picture:
        assert (picture.format, picture.mode, picture.size) == (FORMAT, "RGB", (50, 24))
        assert np.array_equal(np.asarray(picture), jpeg.decode(data))
        assert picture.info["comment"] == b"a comment"
        assert picture.info["dpi"] == (72, 96)
        assert picture.getexif()[0x0112] == 6
        assert picture.get_format_mimetype() == "image/jpeg"
        assert picture.crop((1, 2, 11, 22)).resize((5, 5)).size == (5, 5)
        copy = picture.copy()
    assert np.array_equal(np.asarray(copy), jpeg.decode(data))


def test_files_of_dnl(jpeg_manifest: list[dict[str, Any]]) -> None:
    """The height is known when the file is opened."""
    entries = [entry for entry in refused(jpeg_manifest) if entry["features"]["dnl"]]
    baseline = next(entry for entry in entries if entry["features"]["sof"] == 0)
    with Image.open(io.BytesIO(codec_data.jpeg_file(baseline))) as picture:
        assert picture.size == (baseline["features"]["width"], baseline["features"]["dnl"])
        assert np.array_equal(np.asarray(picture), jpeg.decode(codec_data.jpeg_file(baseline)))


def test_damage_is_found_when_pixels_are_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """As with Pillow: an `OSError`, or, if told so, what can be read of it."""
    data = fractional()[:-200]
    with Image.open(io.BytesIO(data)) as picture, pytest.raises(OSError, match="broken JPEG file"):
        picture.load()
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    with Image.open(io.BytesIO(data)) as picture:
        assert np.array_equal(np.asarray(picture), jpeg.decode(data, strict=False))


# Writing


def saved(picture: Image.Image, **options: Any) -> bytes:
    """Return the file that the plugin writes."""
    stream = io.BytesIO()
    picture.save(stream, format=FORMAT, **options)
    return stream.getvalue()


@pytest.mark.parametrize("options", [{}, {"quality": 30, "subsampling": "4:4:4", "optimize": True}])
def test_save_writes_what_encode_writes(options: dict[str, Any], tmp_path: Path) -> None:
    """Grey and colour, into streams and files; the same bytes as Pillow's own."""
    for image in (pictures.synthetic(20, 30), pictures.grey(pictures.synthetic(20, 30))):
        data = saved(Image.fromarray(image), **options)
        assert data == jpeg.encode(image, **options)
        if image.ndim == 3:
            assert data == peers.pillow_encode(image, **options)
        path = tmp_path / "picture.jpg"
        Image.fromarray(image).save(path, format=FORMAT, **options)
        assert path.read_bytes() == data


@pytest.mark.parametrize("mode", ["P", "RGBA", "I", "F", "YCbCr"])
def test_modes_that_can_not_be_written(mode: str) -> None:
    """An `OSError`, as in Pillow."""
    with pytest.raises(OSError, match=f"cannot write mode {mode} as JPEG-FS"):
        saved(Image.new(mode, (8, 8)))


def test_options_that_there_are_not() -> None:
    """A `TypeError`, and a `ValueError` for a value that is wrong: nothing is ignored in silence."""
    picture = Image.new("L", (8, 8))
    with pytest.raises(TypeError, match="keep_rgb"):
        saved(picture, keep_rgb=True)
    with pytest.raises(ValueError, match="quality=101"):
        saved(picture, quality=101)


def test_cmyk_there_and_back() -> None:
    """Inverted on both ways, as in Pillow."""
    picture = Image.fromarray(pictures.synthetic(20, 30)).convert("CMYK")
    data = saved(picture, quality=95)
    stream = io.BytesIO()
    picture.save(stream, "JPEG", quality=95)
    assert data == stream.getvalue()


def test_deep_pictures_there_and_back() -> None:
    """12 bits, and 16 lossless ones."""
    samples = np.random.default_rng(3).integers(0, 65536, (16, 24)).astype(np.uint16)
    with Image.open(io.BytesIO(saved(Image.fromarray(samples), lossless=True))) as picture:
        assert (picture.mode, picture.info["precision"]) == ("I;16", 16)
        assert np.array_equal(np.asarray(picture), samples)
    smooth = (np.add.outer(np.arange(16), np.arange(24)) * 100).astype(np.uint16)
    with Image.open(io.BytesIO(saved(Image.fromarray(smooth), quality=100))) as picture:
        assert (picture.mode, picture.info["precision"]) == ("I;16", 12)
        assert np.abs(np.asarray(picture).astype(int) - smooth).max() <= 4


def test_metadata_are_written() -> None:
    """Exif, as Pillow's object or as bytes, and an ICC profile."""
    exif = Image.Exif()
    exif[0x0112] = 3
    for given in (exif, exif.tobytes()):
        with Image.open(
            io.BytesIO(saved(Image.new("RGB", (8, 8)), exif=given, icc_profile=b"profile"))
        ) as picture:
            assert picture.getexif()[0x0112] == 3
            assert picture.info["icc_profile"] == b"profile"
