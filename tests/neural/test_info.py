"""``info``: what it says is what is in the file; damaged and foreign files are refused in one line."""

from __future__ import annotations

import os
import re
from pathlib import Path

import numpy as np
import pytest
from codec_cases import picture, small_weights
from command_line import refused, run
from PIL import Image

from neural_from_scratch import codec, container, inspection, range_coder
from neural_from_scratch.commands.info import describe
from neural_from_scratch.inspection import Inspection
from neural_from_scratch.weights import load_weights, qualities, write_weights


def coded(symbols: np.ndarray, width: int, height: int) -> bytes:
    """A file of these latents, whether a picture has them or not."""
    weights = small_weights()
    header = container.Header(weights.model.model_id, 0, weights.hash, width, height, container.RGB)
    return container.pack(header, range_coder.encode_channels(symbols, weights.tables))


@pytest.fixture(scope="module")
def data() -> bytes:
    """A file of a picture of 64×48 pixels."""
    return codec.encode(picture(48, 64), weights=small_weights())


@pytest.fixture(scope="module")
def found(data: bytes) -> Inspection:
    """What is in it."""
    return inspection.inspect(data, weights=small_weights())


@pytest.fixture
def place(data: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the file and the weights, to be in."""
    monkeypatch.chdir(tmp_path)
    Path("photo.nfs").write_bytes(data)
    write_weights("own.npz", small_weights())
    return tmp_path


# Fields


def test_fields_cover_the_file(data: bytes, found: Inspection) -> None:
    """One behind the other from the first byte to the last, each as it stands there."""
    offset = 0
    for field in found.fields:
        assert field.offset == offset
        stands = data[offset : offset + field.size]
        assert field.data == (b"" if field.name == "payload" else stands)
        offset += field.size
    assert offset == found.size == len(data)
    sizes = {field.name: field.size for field in found.fields}
    assert sizes["payload"] == len(found.content.payload)
    assert list(sizes)[:6] == ["magic", "version, mode", "model_id", "quality", "model_hash", "width"]


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 127), (130, 5), (33, 128)])
def test_sizes_are_where_varints_end(height: int, width: int) -> None:
    """Of one byte and of two."""
    data = codec.encode(picture(height, width)[:, :, 0], weights=small_weights())
    fields = {field.name: field for field in inspection.inspect(data, weights=small_weights()).fields}
    for name, number in (("width", width), ("height", height)):
        assert fields[name].data == container.varint(number)
        assert fields[name].meaning == f"{number}"
    assert fields["version, mode"].meaning == "version 1, grey"
    payload = fields["payload"]
    assert fields["payload length"].data == container.varint(payload.size)
    assert payload.offset + payload.size + 4 == len(data)


# Channels


def test_counts_are_the_latents(found: Inspection) -> None:
    """Zeros, the largest, the spread: as NumPy counts them."""
    symbols = found.content.symbols
    assert len(found.channels) == len(symbols)
    for channel, values in zip(found.channels, symbols):
        assert channel.size == values.size
        assert channel.zeros == np.sum(values == 0)
        assert abs(channel.largest) == np.abs(values).max()
        assert channel.largest in values
        assert channel.spread == pytest.approx(values.std())
    assert sum(channel.zeros for channel in found.channels) > 0


def test_bits_are_those_of_the_tables(found: Inspection) -> None:
    """Channel by channel, and in all; the file is near."""
    content = found.content
    for channel, values in zip(found.channels, content.symbols):
        bits = content.weights.tables.code_length(values, np.int32(channel.number))
        assert channel.bits == pytest.approx(bits)
    indexes = np.arange(len(content.symbols), dtype=np.int32)[:, np.newaxis, np.newaxis]
    assert found.bits == pytest.approx(content.weights.tables.code_length(content.symbols, indexes))
    assert abs(8 * len(content.payload) - found.bits) < 10


def test_bits_by_the_densities(found: Inspection) -> None:
    """The sum over all latents of what the model says."""
    density = found.content.weights.model.entropy_bottleneck
    values = density.dequantize(found.content.symbols[np.newaxis])
    expected = -np.log2(density.likelihood(values).data.astype(np.float64)).sum()
    assert found.density_bits == pytest.approx(expected, rel=1e-6)
    assert found.bits == pytest.approx(found.density_bits, rel=0.01)


def test_own_counts_are_the_least(found: Inspection) -> None:
    """No table is better than that of the counts; where all are alike it costs nothing."""
    for channel in found.channels:
        assert -1e-9 <= channel.own_bits <= channel.bits
        assert (channel.own_bits < 1e-9) == (len(channel.values) == 1)


def test_strongest_first(found: Inspection) -> None:
    """The most bits come first, and `holding` counts how many are needed."""
    bits = [channel.bits for channel in found.strongest()]
    assert bits == sorted((channel.bits for channel in found.channels), reverse=True)
    for share in (0.3, 0.9, 0.99):
        held = found.holding(share)
        assert sum(bits[: held - 1]) < share * found.bits <= sum(bits[:held])
    assert found.holding(0) == 0


def test_escapes_are_counted() -> None:
    """Values beyond a table, as far as numbers go."""
    tables = small_weights().tables
    symbols = np.zeros((len(tables), 2, 3), np.int32)
    beyond = int(tables.offsets[5] + tables.lengths[5] - 2)
    symbols[5, 0] = beyond, beyond - 1, int(tables.offsets[5]) - 1
    symbols[7, 1] = 2**31 - 1, -(2**31), 0
    found = inspection.inspect(coded(symbols, 48, 32), weights=small_weights())
    escapes = {channel.number: channel.escapes for channel in found.channels if channel.escapes}
    assert escapes == {5: 2, 7: 2}
    assert found.channels[7].largest == -(2**31)
    assert found.channels[5].largest == max(symbols[5].ravel().tolist(), key=abs)
    assert found.bits == pytest.approx(8 * len(found.content.payload), abs=10)


# The command


def test_words(place: Path, found: Inspection, capsys: pytest.CaptureFixture[str]) -> None:
    """All that was found, in lines that fit."""
    assert run("info", "photo.nfs", "--weights", "own.npz") == 0
    said, err = capsys.readouterr()
    assert err == ""
    assert said == describe(found, "photo.nfs") + "\n"
    lines = said.splitlines()
    assert max(map(len, lines)) <= 110
    assert lines[0].startswith(f"photo.nfs: {found.size:,} bytes, 64 × 48 pixels, RGB, ")
    assert f"{8 * found.size / (64 * 48):.3f} bits a pixel" in lines[0]
    assert re.search(r"^ +0 +4  magic +9e 4e 46 53 ", said, re.M)
    assert re.search(rf"^ +7 +4  model_hash +{small_weights().hash.hex(' ')} ", said, re.M)
    assert re.search(r"^model .* N = 12, M = 48, weights of one's own, λ = 0\.02$", said, re.M)
    assert re.search(rf"^overhead +{found.size - len(found.content.payload)} bytes$", said, re.M)
    assert re.search(r"^latents +48 channels of 4 × 3, 576 in all$", said, re.M)
    assert re.search(r"^  zero +\d+ \(\d+\.\d%\)$", said, re.M)
    assert f"{found.bits:,.1f}  by the integer tables" in said
    assert f"99% of the bits are in {found.holding(0.99)} channels of 48" in said
    table = said[said.index("channel  ") :].splitlines()[1:]
    assert [int(line.split()[0]) for line in table] == [c.number for c in found.strongest()[:10]]
    assert float(table[0].split()[1].replace(",", "")) == pytest.approx(found.strongest()[0].bits, abs=0.06)


def test_shipped_weights_need_no_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The file says which they are; λ is on their card."""
    monkeypatch.chdir(tmp_path)
    quality = qualities()[-1]
    Path("one.nfs").write_bytes(codec.encode(picture(16, 16), quality))
    assert run("info", "one.nfs") == 0
    said = capsys.readouterr().out
    weights = load_weights(quality)
    assert f", quality {quality}, λ = {weights.weight:g}\n" in said
    assert weights.hash.hex(" ") in said


def test_figure_is_written(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Beside the words, and nothing else is left there."""
    assert run("info", "photo.nfs", "--weights", "own.npz", "--plot", "bits.png") == 0
    assert capsys.readouterr().out.endswith("\nfigure: bits.png\n")
    with Image.open("bits.png") as figure:
        assert (figure.format, figure.width) == ("PNG", 1560)
    assert sorted(os.listdir()) == ["bits.png", "own.npz", "photo.nfs"]


def test_bad_figures_are_refused_first(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Before the file is even opened: it is not there."""
    os.mkdir("folder.png")
    for figure, reason in (
        ("none/bits.png", "there is no folder none"),
        ("bits.jpeg", "must end in .png, .svg, .pdf"),
        ("folder.png", "is a folder"),
    ):
        error = refused(capsys, "info", "no-such-file.nfs", "--plot", figure)
        assert figure in error
        assert reason in error


def test_figure_is_whole_or_not_there(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A disk that is full in the last moment leaves what was there before."""
    Path("bits.svg").write_text("old")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device", "bits.svg")

    monkeypatch.setattr(Path, "replace", full)
    error = refused(capsys, "info", "photo.nfs", "--weights", "own.npz", "--plot", "bits.svg")
    assert error.endswith("bits.svg: No space left on device\n")
    assert Path("bits.svg").read_text() == "old"


def test_bad_files(place: Path, data: bytes, capsys: pytest.CaptureFixture[str]) -> None:
    """Missing, foreign, cut, changed: the file is named, and what is wrong."""
    flipped = bytearray(data)
    flipped[len(data) // 2] ^= 4
    files = {
        "text.nfs": (b"hello, world", "byte 0, magic"),
        "empty.nfs": (b"", "byte 0, magic: no bytes at all"),
        "cut.nfs": (data[:-5], "it is cut"),
        "flipped.nfs": (bytes(flipped), "checksum"),
    }
    for name, (content, _) in files.items():
        Path(name).write_bytes(content)
    for name, (_, reason) in {**files, "none.nfs": (b"", "No such file")}.items():
        error = refused(capsys, "info", name, "--weights", "own.npz", "--plot", "bits.png")
        assert name in error
        assert reason in error


def test_other_weights(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Both hashes are named; without weights the file says that it needs some."""
    write_weights("other.npz", small_weights(1))
    error = refused(capsys, "info", "photo.nfs", "--weights", "other.npz")
    assert small_weights().hash.hex() in error
    assert small_weights(1).hash.hex() in error
    assert "weights of one's own" in refused(capsys, "info", "photo.nfs")
    assert "photo.nfs" in refused(capsys, "info", "photo.nfs", "--weights", "photo.nfs")


def test_large_pictures_are_refused(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A limit of one's own."""
    assert "max_pixels" in refused(
        capsys, "info", "photo.nfs", "--weights", "own.npz", "--max-pixels", 64 * 48 - 1
    )
    assert run("info", "photo.nfs", "--weights", "own.npz", "--max-pixels", 64 * 48) == 0
