"""Bits per block: they add up to the file, and both back ends count the same."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import jpeg_cases as cases
import jpeg_mutants as mutants
import jpeg_peers as peers
import jpeg_pictures as pictures
import jpeg_surgery as surgery
import jpeg_traced as traced
import numpy as np
import pytest

from jpeg_from_scratch import FormatError, JpegError, encode, read
from jpeg_from_scratch.microscope import inspect
from jpeg_from_scratch.microscope.bit_counts import bits_per_block


def entropy_coded_length(data: bytes) -> tuple[int, int]:
    """Return the bits of all scans without stuffed zeros and RST markers, and how many segments there are."""
    bits, segments = 0, 0
    for part in surgery.having(data, surgery.SOS):
        restarts = sum(part.entropy.count(bytes([0xFF, 0xD0 + m])) for m in range(8))
        bits += 8 * (len(part.entropy) - part.entropy.count(b"\xff\x00") - 2 * restarts)
        segments += 1 + restarts
    return bits, segments


@pytest.mark.parametrize("name", traced.huffman_files())
def test_bits_add_up_to_the_file(name: str, backend: str) -> None:
    """All data but fewer than eight bits of padding a segment; padding blocks have their bits as well."""
    data = traced.huffman_files()[name]
    length, segments = entropy_coded_length(data)
    frame = read(data).frame
    counts = bits_per_block(data, backend=backend)
    assert [array.shape for array in counts] == [frame.block_shape(i) for i in range(len(counts))]
    total = sum(float(array.sum()) for array in counts)
    assert total <= length
    if all(frame.block_shape(i) == frame.padded_block_shape(i) for i in range(len(counts))):
        assert length - 8 * segments < total


@pytest.mark.parametrize("name", traced.files())
def test_bits_are_those_of_the_trace(name: str, backend: str) -> None:
    """Block for block what `inspect` lists."""
    data = traced.files()[name]
    counts = bits_per_block(data, backend=backend)
    rows, columns = read(data).frame.mcu_shape
    for place in ((0, 0), (0, 1), (rows // 2, columns // 2), (rows - 1, 0)):
        for unit in inspect(data, mcu=place).units:
            shape = counts[unit.component].shape
            if unit.row < shape[0] and unit.column < shape[1]:
                bits = sum(share.bits for share in unit.scans)
                # A trace rounds what a decision costs to four places.
                assert counts[unit.component][unit.row, unit.column] == pytest.approx(bits, abs=0.05)


def test_information_of_arithmetic_coding() -> None:
    """It adds up to the length of the file, and is less than Huffman codes take."""
    picture = pictures.grey(pictures.synthetic(64, 64, seed=3))
    arithmetic, huffman = (encode(picture, 80, arithmetic=choice) for choice in (True, False))
    total = float(bits_per_block(arithmetic)[0].sum())
    assert abs(total - entropy_coded_length(arithmetic)[0]) < 24
    assert total < float(bits_per_block(huffman)[0].sum())


def test_flat_blocks_are_cheap() -> None:
    """Where the picture is flat a block takes its DC difference and EOB, 2 + 4 bits with K.3's tables."""
    picture = np.zeros((32, 64), np.uint8)
    picture[:, 32:] = pictures.noise(32, 32)[..., 0]
    (counts,) = bits_per_block(peers.pillow_encode(picture, quality=80))
    assert (counts[1:, 1:4] == 6).all()
    assert (counts[:, 4:] > 100).all()


@pytest.mark.both_backends
def test_back_ends_agree_on_damaged_files(count: Callable[[str], None]) -> None:
    """The same counts, or the same error."""
    tally = cases.Tally("bits per block of mutants, fast and reference")
    huffman = traced.huffman_files()
    seeds = mutants.Seeds(tuple(mutants.Seed(name, data) for name, data in huffman.items()))
    for number in range(300):
        mutant = mutants.mutant(seeds, number, series=78)
        tally.tried += 1
        fast, slow = (
            cases.attempt(partial(bits_per_block, mutant.data, backend=backend, max_pixels=1 << 16))
            for backend in ("fast", "reference")
        )
        if isinstance(fast, Exception) or isinstance(slow, Exception):
            if type(fast) is not type(slow) or str(fast) != str(slow) or not isinstance(fast, JpegError):
                tally.different.append(f"{mutant.recipe}: {fast!r}, {slow!r}")
        elif not all(map(np.array_equal, fast, slow)):
            tally.different.append(f"{mutant.recipe}: {fast}, {slow}")
    count(tally.line())
    assert not tally.different, tally.report()


def test_files_of_which_nothing_can_be_read() -> None:
    """They are an error; of one that is cut in its data, what is there is counted."""
    data = traced.files()["baseline 4:2:0"]
    start = surgery.having(data, surgery.SOS)[0].offset
    for bad in (b"", b"text", data[: start - 5]):
        with pytest.raises(FormatError):
            bits_per_block(bad)
    whole, half = bits_per_block(data), bits_per_block(data[: start + 150])
    assert 0 < half[0].sum() < whole[0].sum()
    assert half[0][-1, -1] == 0
    assert half[0][0, 0] == whole[0][0, 0]
