"""Pictures of 100 megapixels: what they cost in memory, and that no index, offset or length is too short."""

from __future__ import annotations

import io
import tracemalloc
from collections.abc import Callable

import jpeg_peers as peers
import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from jpeg_from_scratch import decode, encode

pytestmark = [pytest.mark.big, pytest.mark.both_backends]

Picture = npt.NDArray[np.uint8]

SIDE = 10_000
MOST = 12  # bytes a pixel, the picture and the file included


def shades(*shape: int) -> Picture:
    """Return a large picture: shades that grow to the right and downwards, each channel at its own speed."""
    image = np.empty(shape, np.uint8)
    channels = image[..., np.newaxis] if image.ndim == 2 else image
    for i in range(channels.shape[2]):
        down, right = (np.arange(side) // step for side, step in zip(shape, (3 + i, 5 - i)))
        np.add.outer(down.astype(np.uint8), right.astype(np.uint8), out=channels[..., i])
    return image


@pytest.mark.parametrize("shape", [(SIDE, SIDE), (SIDE, SIDE, 3)], ids=["grey", "4:2:0"])
def test_100_megapixels(
    shape: tuple[int, ...], count: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Encoded and decoded with two threads: Pillow's file, and Pillow's pixels."""
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)
    tracemalloc.start()
    try:
        image = shades(*shape)
        data = encode(image, threads=2)
        encoding = tracemalloc.get_traced_memory()[1] / SIDE**2
        expected = io.BytesIO()
        Image.fromarray(image).save(expected, format="JPEG", quality=75)
        assert data == expected.getvalue()
        del image, expected
        tracemalloc.reset_peak()
        pixels = decode(data, threads=2)
        decoding = tracemalloc.get_traced_memory()[1] / SIDE**2
    finally:
        tracemalloc.stop()
    assert np.array_equal(pixels, peers.pillow_decode(data))
    count(f"100 megapixels {shape}: {encoding:.1f} bytes a pixel to encode, {decoding:.1f} to decode")
    assert encoding < MOST
    assert decoding < MOST
