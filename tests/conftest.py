"""Fixtures for every test: data outside the repository, back ends, other people's programs.

A test whose data or program is absent is skipped, and the end of the run says how many were. With
``CODEC_NO_SKIPS=1`` in the environment any skip makes the run fail, with the names of the tests.

Tests over long lists of cases loop inside, and hand their counts to the ``count`` fixture; the counts are
printed at the end, for passing tests too.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import codec_data
import numpy as np
import numpy.typing as npt
import pytest

NO_DATA = "no data: "
HAS_NUMBA = find_spec("numba") is not None
COMPILED = HAS_NUMBA and os.environ.get("NUMBA_DISABLE_JIT", "0") in ("", "0")
EXTRAS = {
    "reference": (
        "needs the extra `reference`; deselected without it",
        all(find_spec(name) for name in ("torch", "pytorch_msssim", "bjontegaard", "imagecodecs")),
    ),
    "cluster": ("needs the extra `distributed`; deselected without it", bool(find_spec("distributed"))),
    "lessons": (
        "needs the extra `lessons`; deselected without it",
        all(find_spec(name) for name in ("jupytext", "nbconvert", "ipykernel")),
    ),
    "labs": (
        "needs the extras `lessons` and `labs`; deselected without them",
        all(find_spec(name) for name in ("jupytext", "nbgrader", "otter")),
    ),
    "browser": (
        "needs playwright and the program chromium; deselected without them",
        bool(find_spec("playwright") and shutil.which("chromium")),
    ),
}
BACKENDS = ["fast", "reference"] if HAS_NUMBA else ["reference"]


def pytest_configure(config: pytest.Config) -> None:
    """Register markers; where Numba is absent, its absence is no news (one test looks at that warning)."""
    config.addinivalue_line("markers", "big: large inputs; deselected where nothing is compiled")
    config.addinivalue_line("markers", "both_backends: deselected where there is only the reference")
    for marker, (words, _) in EXTRAS.items():
        config.addinivalue_line("markers", f"{marker}: {words}")
    if not HAS_NUMBA:
        config.addinivalue_line("filterwarnings", "ignore:Numba is not installed:RuntimeWarning")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out large inputs where kernels would be interpreted, and comparisons with what is not there."""
    here = {"big": COMPILED, "both_backends": HAS_NUMBA}
    here |= {name: there for name, (_, there) in EXTRAS.items()}
    unwanted = [name for name, there in here.items() if not there]
    left_out = [item for item in items if any(item.get_closest_marker(name) for name in unwanted)]
    if left_out:
        items[:] = [item for item in items if item not in left_out]
        config.hook.pytest_deselected(items=left_out)


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> str:
    """Each back end that can run here."""
    return request.param


@pytest.fixture
def quick_backend() -> str:
    """The fastest back end that can run here, for tests in which the back end does not matter."""
    return BACKENDS[0]


@pytest.fixture
def count(record_property: Callable[[str, object], None]) -> Callable[[str], None]:
    """Print a line at the end of the run."""
    return lambda line: record_property("count", line)


@pytest.fixture(scope="session")
def codec_data_folder() -> Path:
    """The folder of data outside the repository."""
    folder = codec_data.folder()
    if not folder.is_dir():
        pytest.skip(f"{NO_DATA}{folder} does not exist (set CODEC_DATA)")
    return folder


class Pictures(Mapping[str, npt.NDArray[np.uint8]]):
    """The Kodak pictures by name, ``"kodim01"`` … ``"kodim24"``, each read when it is asked for."""

    def __init__(self, paths: list[Path], mode: str) -> None:
        self._paths = {path.stem: path for path in paths}
        self._mode = mode

    def __getitem__(self, name: str) -> npt.NDArray[np.uint8]:
        return codec_data.load_picture(self._paths[name], self._mode)

    def __iter__(self) -> Any:
        return iter(self._paths)

    def __len__(self) -> int:
        return len(self._paths)


def _kodak(folder: Path, mode: str) -> Pictures:
    paths = codec_data.kodak_paths()
    if len(paths) != 24:
        pytest.skip(f"{NO_DATA}{len(paths)} of the 24 Kodak pictures in {folder / 'kodak'}")
    return Pictures(paths, mode)


@pytest.fixture(scope="session")
def kodak(codec_data_folder: Path) -> Pictures:
    """The 24 Kodak pictures in colour, (H, W, 3) uint8."""
    return _kodak(codec_data_folder, "RGB")


@pytest.fixture(scope="session")
def kodak_grey(codec_data_folder: Path) -> Pictures:
    """The 24 Kodak pictures in grey, (H, W) uint8."""
    return _kodak(codec_data_folder, "L")


@pytest.fixture(scope="session")
def jpeg_manifest(codec_data_folder: Path) -> list[dict[str, Any]]:
    """The entries of the corpus of JPEG files."""
    entries = codec_data.jpeg_manifest()
    if not entries:
        pytest.skip(f"{NO_DATA}no manifest.json in {codec_data_folder / 'jpeg'}")
    return entries


def _program(name: str) -> str:
    path = shutil.which(name)
    if path is None:
        pytest.skip(f"the program {name} is not installed (Debian: libjpeg-turbo-progs)")
    return path


@pytest.fixture(scope="session")
def cjpeg() -> str:
    """Path of libjpeg-turbo's cjpeg."""
    return _program("cjpeg")


@pytest.fixture(scope="session")
def djpeg() -> str:
    """Path of libjpeg-turbo's djpeg."""
    return _program("djpeg")


def _skipped(reporter: Any) -> list[tuple[str, str]]:
    """Return (name, reason) of every skipped test of the run."""
    reports = reporter.stats.get("skipped", [])
    return [(r.nodeid, r.longrepr[2] if isinstance(r.longrepr, tuple) else str(r.longrepr)) for r in reports]


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print the counts, and how many tests had no data."""
    lines = [
        value
        for reports in terminalreporter.stats.values()
        for report in reports
        if getattr(report, "when", None) == "call"
        for key, value in report.user_properties
        if key == "count"
    ]
    if lines:
        terminalreporter.section("counts")
        for line in sorted(lines):
            terminalreporter.write_line(line)
    skipped = _skipped(terminalreporter)
    without_data = [name for name, reason in skipped if NO_DATA in reason]
    if without_data:
        terminalreporter.write_line(
            f"{len(without_data)} tests skipped because data is absent: {codec_data.folder()}"
        )
    if skipped and os.environ.get("CODEC_NO_SKIPS") == "1":
        names = ", ".join(name for name, _ in skipped)
        terminalreporter.write_line(f"CODEC_NO_SKIPS=1, but {len(skipped)} skipped: {names}", red=True)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail the run where a skip is not allowed."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    not_allowed = os.environ.get("CODEC_NO_SKIPS") == "1"
    if not_allowed and reporter is not None and _skipped(reporter) and session.exitstatus == 0:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
