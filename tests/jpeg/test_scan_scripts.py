"""Scan scripts: libjpeg's own, users', and what is wrong with one; cjpeg is given the same scripts."""

from __future__ import annotations

import io
import subprocess
from collections.abc import Sequence
from typing import Any

import jpeg_peers as peers
import numpy as np
import numpy.typing as npt
import pytest
from jpeg_cases import Tally
from PIL import Image

from jpeg_from_scratch import read
from jpeg_from_scratch.backend import get_backend
from jpeg_from_scratch.jpeg_data import FrameComponent, FrameHeader, ScanHeader
from jpeg_from_scratch.scan import Scan
from jpeg_from_scratch.scan_scripts import checked_script, default_script
from jpeg_from_scratch.tables import SOF0, SOF1, SOF2, SOF3, SOF9, SOF10

Picture = npt.NDArray[np.uint8]

YCC = (0, 1, 1)  # the tables of three components
RNG = np.random.default_rng(4)
COLOURS: Picture = RNG.integers(0, 256, (33, 41, 3), np.uint8)
GREY: Picture = np.ascontiguousarray(COLOURS[..., 1])

# Legal progressive scripts for three components of 2x2, 1x1, 1x1
PROGRESSIVE: dict[str, list[Any]] = {
    "DC only": [((0, 1, 2), 0, 0, 0, 0)],
    "spectral selection": [
        ((0, 1, 2), 0, 0, 0, 0),
        ((0,), 1, 5, 0, 0),
        ((1,), 1, 63, 0, 0),
        ((0,), 6, 63, 0, 0),
        ((2,), 1, 63, 0, 0),
    ],
    "one component after the other": [
        *(((i,), 0, 0, 0, 0) for i in (2, 0, 1)),
        *(((i,), 1, 63, 0, 0) for i in (1, 2, 0)),
    ],
    "DC in pairs, bit by bit": [
        ((0, 2), 0, 0, 0, 3),
        ((1,), 0, 0, 0, 1),
        ((0, 2), 0, 0, 3, 2),
        ((0,), 0, 0, 2, 1),
        ((0, 1), 0, 0, 1, 0),
    ],
    "bands that overlap later": [
        ((0, 1, 2), 0, 0, 0, 0),
        ((0,), 1, 10, 0, 3),
        ((0,), 11, 63, 0, 3),
        ((0,), 5, 20, 3, 2),
        ((0,), 1, 4, 3, 2),
        ((0,), 21, 63, 3, 2),
        ((0,), 1, 63, 2, 1),
    ],
    "from bit 10": [((0, 1, 2), 0, 0, 0, 10), *(((0, 1, 2), 0, 0, n, n - 1) for n in range(10, 0, -1))],
    "one coefficient at a time": [((0, 1, 2), 0, 0, 0, 0), *(((1,), k, k, 0, 0) for k in range(1, 64))],
}
SEQUENTIAL: dict[str, list[Any]] = {
    "one each": [(0,), (1,), (2,)],
    "last first": [(2,), ((1,), 0, 63, 0, 0), (0,)],
    "two and one": [(0, 2), (1,)],
    "all": [(0, 1, 2)],
}
# Illegal ones, and a part of the message
ILLEGAL_PROGRESSIVE: list[tuple[list[Any], str]] = [
    ([((0, 1, 2), 0, 5, 0, 0)], "scan 1 of the script: .* DC and AC coefficients in one"),
    ([((0, 1, 2), 0, 0, 0, 0), ((0,), 6, 5, 0, 0)], "scan 2 of the script: .* Ss <= Se"),
    ([((0, 1, 2), 0, 0, 0, 0), ((0, 1), 1, 5, 0, 0)], "scan 2 of the script: .* AC coefficients of 2"),
    ([((0, 1), 0, 0, 0, 0), ((2,), 1, 5, 0, 0)], "scan 2 .* of component 2 before its DC"),
    ([((0, 1, 2), 0, 0, 1, 0)], "scan 1 of the script: Ah = 1 for coefficient 0 of component 0"),
    ([((0, 1, 2), 0, 0, 0, 2), ((0,), 0, 0, 2, 0)], "scan 2 of the script: .* by one bit"),
    ([((0, 1, 2), 0, 0, 0, 2), ((0,), 0, 0, 1, 0)], "scan 2 .* Ah = 1 .* of which 2 bits"),
    ([((0, 1, 2), 0, 0, 0, 0), ((0,), 0, 0, 0, 0)], "scan 2 .* coefficient 0 of component 0 has been sent"),
    (
        [((0, 1, 2), 0, 0, 0, 0), ((1,), 1, 5, 0, 0), ((1,), 5, 9, 0, 0)],
        "scan 3 .* coefficient 5 of component 1 has been sent before",
    ),
    (
        [((0, 1, 2), 0, 0, 0, 0), ((1,), 1, 5, 0, 2), ((1,), 1, 9, 2, 1)],
        "scan 3 .* Ah = 2 for coefficient 6 of component 1",
    ),
    ([((0, 1), 0, 0, 0, 0)], "no DC scan of component 2"),
    ([((0, 2, 1), 0, 0, 0, 0)], r"scan 1 .* components \(0, 2, 1\), of 0 ... 2, each once and in order"),
    ([((0, 0), 0, 0, 0, 0)], r"scan 1 .* components \(0, 0\)"),
    ([((0, 1, 3), 0, 0, 0, 0)], r"scan 1 .* components \(0, 1, 3\)"),
]
ILLEGAL_SEQUENTIAL: list[tuple[list[Any], str]] = [
    ([(0,), (1,)], "no scan of component 2"),
    ([(0, 1), (1, 2)], "scan 2 of the script: component 1 has been sent before"),
    ([((0, 1, 2), 0, 63, 0, 1)], "scan 1 of the script: .* sequential scan"),
    ([((0, 1, 2), 0, 5, 0, 0)], "scan 1 of the script: .* sequential scan"),
]


def frame_of(marker: int, factors: Sequence[tuple[int, int]] = ((2, 2), (1, 1), (1, 1))) -> FrameHeader:
    """Return the header of a frame with these factors (h, v)."""
    return FrameHeader(
        marker, 8, 33, 41, tuple(FrameComponent(i + 1, h, v, 0) for i, (h, v) in enumerate(factors))
    )


def script_text(script: Sequence[Any]) -> str:
    """Return a script as cjpeg reads it."""
    lines = []
    for entry in script:
        members, *band = entry if isinstance(entry[0], tuple) else (entry,)
        text = ",".join(map(str, members))
        lines.append(text + (": {}-{}, {}, {}".format(*band) if band else "") + ";")
    return "\n".join(lines)


def assert_same_scans(data: bytes, script: Sequence[ScanHeader], name: str) -> None:
    """Compare the headers of a file with a script; and what the script codes with what is in the file."""
    jpeg = read(data)
    assert jpeg.scans == list(script), name
    engine = get_backend("reference")
    at = 0
    for slots, header in jpeg.scans_with_tables():
        scan = Scan.of(jpeg.frame, header, slots)
        coded = engine.scan_coder(jpeg.frame).encode(
            scan, [jpeg.coefficients[member.component] for member in header.components]
        )
        at = data.index(coded + b"\xff", at) + len(coded)


@pytest.mark.parametrize("arithmetic", [False, True])
def test_libjpegs_script(cjpeg: str, arithmetic: bool) -> None:
    """Colour and grey, by cjpeg; the headers are equal to the last table number."""
    switches = ["-progressive", *["-arithmetic"] * arithmetic]
    for image, components, color in ((COLOURS, 3, "YCbCr"), (GREY, 1, "grey")):
        theirs = read(peers.cjpeg(image, *switches)).scans
        assert default_script(components, color) == theirs
    assert len(default_script(3, "YCbCr")) == 10


def test_libjpegs_script_for_other_colour_spaces(cjpeg: str) -> None:
    """RGB by cjpeg, CMYK by Pillow."""
    assert default_script(3, "RGB") == read(peers.cjpeg(COLOURS, "-progressive", "-rgb")).scans
    stream = io.BytesIO()
    Image.fromarray(COLOURS).convert("CMYK").save(stream, "JPEG", progressive=True)
    assert default_script(4, "CMYK") == read(stream.getvalue()).scans
    assert len(default_script(4, "CMYK")) == 2 + 4 * 4


def test_libjpegs_script_for_ycck() -> None:
    """Luma and black use the first tables, chroma the second."""
    script = default_script(4, "YCCK")
    assert [member.dc_table for member in script[0].components] == [0, 1, 1, 0]
    assert {scan.components[0].component: scan.components[0].ac_table for scan in script[1:5]} == {
        0: 0,
        1: 1,
        2: 1,
        3: 0,
    }


@pytest.mark.parametrize(("components", "scans"), [(5, 30), (255, 6 * 255)])
def test_more_than_four_components(components: int, scans: int) -> None:
    """Six scans a component: a scan holds four at most (B.2.3)."""
    script = default_script(components, "unknown")
    assert len(script) == scans
    assert all(len(scan.components) == 1 for scan in script)
    frame = frame_of(SOF2, [(1, 1)] * components)
    assert checked_script(entries(script), frame, [0] * components) == script


def entries(script: Sequence[ScanHeader]) -> list[Any]:
    """Return scan headers as entries."""
    return [
        (
            tuple(member.component for member in scan.components),
            scan.spectral_start,
            scan.spectral_end,
            scan.approx_high,
            scan.approx_low,
        )
        for scan in script
    ]


@pytest.mark.parametrize("interleaved", [False, True])
@pytest.mark.parametrize("marker", [SOF2, SOF10])
@pytest.mark.parametrize("color", ["YCbCr", "RGB"])
def test_libjpegs_script_is_legal(color: str, marker: int, interleaved: bool) -> None:
    """Given as a user's, it gives the same headers; without interleaving it has a DC scan a component."""
    script = default_script(3, color, interleaved=interleaved)
    assert len(script) == (10 if color == "YCbCr" else 14) + (0 if interleaved else 4)
    numbers = YCC if color == "YCbCr" else (0, 0, 0)
    assert checked_script(entries(script), frame_of(marker), numbers) == script


@pytest.mark.parametrize("name", PROGRESSIVE)
def test_progressive_scripts(name: str, cjpeg: str) -> None:
    """Headers and entropy-coded data are those of ``cjpeg -scans``."""
    script = checked_script(PROGRESSIVE[name], frame_of(SOF2), YCC)
    assert_same_scans(peers.cjpeg(COLOURS, scans=script_text(PROGRESSIVE[name])), script, name)


@pytest.mark.parametrize("name", SEQUENTIAL)
def test_sequential_scripts(name: str, cjpeg: str) -> None:
    """An entry may be the components alone; all sequential processes have the same headers."""
    script = checked_script(SEQUENTIAL[name], frame_of(SOF0), YCC)
    assert_same_scans(peers.cjpeg(COLOURS, scans=script_text(SEQUENTIAL[name])), script, name)
    for marker in (SOF1, SOF9):
        assert checked_script(SEQUENTIAL[name], frame_of(marker), YCC) == script


def test_lossless_scripts() -> None:
    """Ss is the predictor, Al the point transform (B.2.3); there are no AC tables."""
    frame = frame_of(SOF3, [(1, 1)] * 3)
    script = checked_script([((0,), 1, 0, 0, 2), ((1, 2), 7, 0, 0, 2)], frame, YCC)
    assert [(member.dc_table, member.ac_table) for member in script[1].components] == [(1, 0), (1, 0)]
    assert [scan.spectral_start for scan in script] == [1, 7]
    for wrong in ([(0, 1, 2)], [((0, 1, 2), 0, 0, 0, 0)], [((0, 1, 2), 1, 63, 0, 0)], [((0,), 1, 0, 0, 0)]):
        with pytest.raises(ValueError, match="script"):
            checked_script(wrong, frame, YCC)


@pytest.mark.parametrize(("script", "said"), ILLEGAL_PROGRESSIVE)
def test_illegal_progressive_scripts(script: list[Any], said: str, cjpeg: str) -> None:
    """Table B.3, G.1.1.1.1, G.1.1.1.2: the number of the scan, and why. cjpeg refuses them, too."""
    with pytest.raises(ValueError, match=said):
        checked_script(script, frame_of(SOF2), YCC)
    with pytest.raises(subprocess.CalledProcessError):
        peers.cjpeg(COLOURS, scans=script_text(script))


@pytest.mark.parametrize(("script", "said"), ILLEGAL_SEQUENTIAL)
def test_illegal_sequential_scripts(script: list[Any], said: str, cjpeg: str) -> None:
    """A component is sent once, with all its coefficients. cjpeg refuses them, too."""
    with pytest.raises(ValueError, match=said):
        checked_script(script, frame_of(SOF0), YCC)
    if (
        not said.endswith("sequential scan") or script[0][2] == 63
    ):  # else cjpeg takes it for a progressive one
        with pytest.raises(subprocess.CalledProcessError):
            peers.cjpeg(COLOURS, scans=script_text(script))


def test_illegal_shapes() -> None:
    """What is no script at all, and what does not fit into the frame."""
    frame = frame_of(SOF2)
    for script, error, said in (
        ([], ValueError, "the scan script is empty"),
        ([0], TypeError, "scan 1 of the script is 0"),
        (["0"], TypeError, "scan 1 of the script is '0'"),
        ([((0,), 0, 0, 0)], ValueError, r"scan 1 of the script is \(\(0,\), 0, 0, 0\)"),
        ([(0, 1, 2)], ValueError, "only a sequential scan is told by its components alone"),
        ([((), 0, 0, 0, 0)], ValueError, "scan 1 of the script: 0 components"),
        ([((0.5,), 0, 0, 0, 0)], TypeError, "scan 1 of the script: component=0.5"),
        ([((0, -1), 0, 0, 0, 0)], ValueError, "scan 1 of the script: component=-1"),
        ([((0,), 0, 64, 0, 0)], ValueError, "scan 1 of the script: Se=64"),
        ([((0,), 0, 0, 0, 14)], ValueError, "scan 1 of the script: .* Al is at most 13"),
    ):
        with pytest.raises(error, match=said):
            checked_script(script, frame, YCC)  # type: ignore[arg-type]
    large = frame_of(SOF2, [(4, 2), (2, 1), (1, 1)])
    with pytest.raises(ValueError, match="scan 1 of the script: an MCU of 11 blocks, allowed are 10"):
        checked_script([((0, 1, 2), 0, 0, 0, 0)], large, YCC)
    assert checked_script([((0, 1), 0, 0, 0, 0), ((2,), 0, 0, 0, 0)], large, YCC)
    five = frame_of(SOF2, [(1, 1)] * 5)
    with pytest.raises(ValueError, match=r"scan 1 of the script: 5 components, allowed are 1 ... 4"):
        checked_script([(range(5), 0, 0, 0, 0)], five, [0] * 5)


def random_script(rng: np.random.Generator) -> list[Any]:
    """Return a script that is legal now and then: mostly the next thing that could come."""
    script: list[Any] = []
    missing = np.full((3, 64), -1)
    for _ in range(rng.integers(1, 8)):
        i = int(rng.integers(3))
        known = missing[i, 0] >= 0
        start, end = (0, 0) if not known or rng.random() < 0.3 else sorted(rng.integers(1, 64, 2).tolist())
        band = missing[i, start : end + 1]
        members: tuple[int, ...] = (i,)
        if start == 0 and rng.random() < 0.7:
            members = tuple(j for j in range(3) if missing[j, 0] == missing[i, 0])
        if rng.random() < 0.8 and (band == band[0]).all():
            high = max(int(band[0]), 0)
        else:
            high = int(rng.integers(0, 4))
        low = high - 1 if high and rng.random() < 0.9 else int(rng.integers(0, 4))
        script.append((members, start, end, high, low))
        missing[list(members), start : end + 1] = low
    for j in range(3):
        if missing[j, 0] < 0 and rng.random() < 0.8:
            script.append(((j,), 0, 0, 0, 0))
    return script


def test_the_same_verdict_as_cjpegs(cjpeg: str, count: Any) -> None:
    """Random scripts: legal here exactly where cjpeg writes a file, which has the same scan headers."""
    rng = np.random.default_rng(11)
    tally, legal = Tally("scan scripts, verdicts"), 0
    for _ in range(300):
        script = random_script(rng)
        tally.tried += 1
        try:
            headers = checked_script(script, frame_of(SOF2), YCC)
        except ValueError as error:
            headers, problem = None, str(error)
        try:
            theirs = peers.cjpeg(COLOURS[:9, :9], scans=script_text(script))
        except subprocess.CalledProcessError as refused:
            if headers is not None:
                tally.different.append(f"{script}: legal here, {refused.stderr!r}")
            continue
        legal += 1
        if headers is None:
            tally.different.append(f"{script}: {problem}")
        elif headers != read(theirs).scans:
            tally.different.append(f"{script}: other headers")
    count(f"{tally.line()}; {legal} legal")
    assert 50 < legal < 250
    assert not tally.different, tally.report()
