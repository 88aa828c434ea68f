"""What `decode` can be asked for: CMYK as stored or inverted, upright pictures, tables from another file."""

from __future__ import annotations

import jpeg_peers as peers
import jpeg_pictures as pictures
import jpeg_surgery as surgery
import numpy as np
import pytest
from jpeg_surgery import DHT, DQT, EOI, SOI

from jpeg_from_scratch import FormatError, decode, encode, read, write

FOUR = pictures.four_inks(21, 34)
COLOUR = FOUR[..., :3].copy()


def exif(orientation: int) -> bytes:
    """Return a TIFF structure that says nothing but the orientation."""
    return b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0" + bytes([orientation, 0, 0, 0, 0, 0, 0])


@pytest.mark.parametrize("color", ["CMYK", "YCCK"])
def test_cmyk(color: str, backend: str) -> None:
    """By default the samples as stored; inverted, those of Pillow."""
    data = encode(FOUR, 95, color=color, backend=backend)
    stored, info = decode(data, info=True, backend=backend)
    assert info.color_space == color
    assert stored.shape == FOUR.shape
    # The made picture is noise in part, of which YCCK halves the resolution.
    assert np.abs(stored.astype(int) - FOUR).mean() < (3 if color == "CMYK" else 30)
    inverted = decode(data, cmyk="inverted", backend=backend)
    assert np.array_equal(inverted, peers.pillow_decode(data))
    assert np.array_equal(inverted, 255 - stored)


def test_inversion_is_for_cmyk_only(backend: str) -> None:
    """Three components stay what they are."""
    data = encode(COLOUR, backend=backend)
    assert np.array_equal(decode(data, cmyk="inverted", backend=backend), decode(data, backend=backend))
    with pytest.raises(ValueError, match="cmyk='upside down', allowed are 'stored' and 'inverted'"):
        decode(data, cmyk="upside down")


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation(orientation: int, backend: str) -> None:
    """The picture as stored, and upright as Pillow turns it."""
    from io import BytesIO

    from PIL import Image, ImageOps

    data = encode(COLOUR, exif=exif(orientation), backend=backend)
    pixels, info = decode(data, info=True, backend=backend)
    assert info.orientation == orientation
    assert (info.height, info.width) == pixels.shape[:2] == COLOUR.shape[:2]
    with Image.open(BytesIO(data)) as picture:
        upright = np.asarray(ImageOps.exif_transpose(picture))
    assert np.array_equal(decode(data, orientation=True, backend=backend), upright)


def abbreviated(data: bytes) -> tuple[bytes, bytes]:
    """Split a file into its tables (B.5) and a file without them (B.4)."""
    parts = surgery.split(data)[0]
    tables = [part for part in parts if part.marker in (DQT, DHT)]
    rest = [part for part in parts if part.marker not in (DQT, DHT)]
    return surgery.join([surgery.Part(SOI), *tables, surgery.Part(EOI)]), surgery.join(rest)


def test_abbreviated_formats(backend: str) -> None:
    """Tables may come in a file of their own (B.4, B.5)."""
    whole = encode(COLOUR, optimize=True, backend=backend)
    tables, rest = abbreviated(whole)
    with pytest.raises(FormatError, match="quantization table 0 is used but not defined"):
        decode(rest, backend=backend)
    assert np.array_equal(decode(rest, tables=tables, backend=backend), decode(whole, backend=backend))
    assert write(read(tables)) == tables
    together = write(read(rest, tables=tables))
    assert np.array_equal(decode(together, backend=backend), decode(whole, backend=backend))
    with pytest.raises(FormatError, match="without a frame header"):
        decode(tables, backend=backend)


def test_progressive_decodes_as_its_baseline_twin(backend: str) -> None:
    """All processes of one picture have the same coefficients, hence the same pixels."""
    expected = decode(encode(COLOUR, 60, backend=backend), backend=backend)
    for options in (
        {"optimize": True},
        {"progressive": True},
        {"arithmetic": True},
        {"arithmetic": True, "progressive": True},
        {"scans": [(0,), (1, 2)]},
        {"progressive": True, "restart_interval": 2},
        {"arithmetic": True, "restart_interval": 3},
    ):
        data = encode(COLOUR, 60, backend=backend, **options)
        assert np.array_equal(decode(data, backend=backend), expected), options


@pytest.mark.parametrize("bits", [2, 5, 8, 12, 16])
@pytest.mark.parametrize("arithmetic", [False, True])
def test_lossless_is_exact(bits: int, arithmetic: bool, backend: str) -> None:
    """Grey, RGB and CMYK samples of 2 to 16 bits come back, with every predictor and with restarts."""
    dtype = np.uint16 if bits > 8 else np.uint8
    samples = np.random.default_rng(bits).integers(0, 1 << bits, (13, 11, 4)).astype(dtype)
    for image, color in ((samples[..., 0], None), (samples[..., :3], None), (samples, "CMYK")):
        for predictor in range(1, 8):
            data = encode(
                image,
                lossless=True,
                arithmetic=arithmetic,
                predictor=predictor,
                precision=bits,
                color=color,
                restart_interval=22 * (predictor % 2),
                backend=backend,
            )
            back = decode(data, backend=backend)
            assert back.dtype == dtype
            assert np.array_equal(back, image), (image.shape, predictor)


def test_point_transform(backend: str) -> None:
    """The point transform drops low bits (A.4), which come back as zeros (H.2.1)."""
    for low in range(8):
        data = encode(COLOUR, lossless=True, point_transform=low, backend=backend)
        assert np.array_equal(decode(data, backend=backend), COLOUR >> low << low)
