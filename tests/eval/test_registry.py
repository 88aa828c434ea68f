"""Codecs by name: the built-in ones, entry points of installed packages, and objects of modules."""

from __future__ import annotations

import pickle
import sys
import textwrap
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from codec_eval import Codec, codec_names, default_qualities, make_codec
from codec_eval.codec import check_quality, qualities_of
from codec_eval.pillow_codecs import avif_available

CONTRACT = {
    *("jpeg-ours", "jpeg-ours-optimised", "jpeg-ours-444", "jpeg-ours-444-optimised"),
    *("jpeg-pillow", "jpeg-pillow-optimised", "jpeg-pillow-444", "jpeg-pillow-444-optimised"),
    *("jpeg-pillow-progressive", "jpeg2000", "webp"),
}

MODULE = """
    class Plain:
        name, description, suffix, quality_range = "plain", "as it is", ".raw", (1, 3)

        def encode(self, image, quality):
            return bytes(image.shape) + image.tobytes()

        def decode(self, data):
            raise NotImplementedError

    class Callable(Plain):
        name = "callable"

        def __call__(self):
            raise AssertionError("a codec is not called")

    def factory():
        return Plain()

    def broken():
        raise RuntimeError("no licence")

    class Needs:
        def __init__(self, argument):
            pass

    class Half:
        name = "half"
        def encode(self, image, quality):
            return b""

    instance = Plain()
    callable_instance = Callable()
    number = 5
    class holder:
        inside = Plain
"""


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, dict[str, str]], None]:
    """Install a module `third_party` and, under other names, packages that offer entry points."""
    (tmp_path / "third_party.py").write_text(textwrap.dedent(MODULE))
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "third_party", raising=False)

    def install(name: str, offers: dict[str, str]) -> None:
        info = tmp_path / f"{name}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        lines = [f"{key} = {value}" for key, value in offers.items()]
        (info / "entry_points.txt").write_text("\n".join(["[codec_eval.codecs]", *lines]) + "\n")

    return install


def test_the_built_in_names_make_codecs_of_these_names() -> None:
    names = codec_names()
    assert set(names) >= CONTRACT
    assert ("avif" in names) == avif_available()
    assert len(names) == len(set(names))
    descriptions = set()
    for name in names:
        codec = make_codec(name)
        assert isinstance(codec, Codec)
        assert codec.name == name
        assert type(pickle.loads(pickle.dumps(codec))) is type(codec)
        descriptions.add(codec.description)
    assert len(descriptions) == len(names)


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(
        ValueError, match=r"no codec is called 'jpeg-xl'; known: jpeg-ours, .*webp.*module:object"
    ):
        make_codec("jpeg-xl")
    with pytest.raises(TypeError, match="spec is None"):
        make_codec(None)  # type: ignore[arg-type]


@pytest.mark.usefixtures("package")
@pytest.mark.parametrize("what", ["Plain", "factory", "instance", "holder.inside"])
def test_an_object_of_a_module_may_be_class_factory_or_codec(what: str) -> None:
    codec = make_codec(f"third_party:{what}")
    assert codec.name == "plain"
    assert isinstance(codec, Codec)


@pytest.mark.usefixtures("package")
def test_a_codec_that_can_be_called_is_not_called() -> None:
    assert make_codec("third_party:callable_instance").name == "callable"


@pytest.mark.usefixtures("package")
@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("third_party:missing", "'third_party:missing' cannot be made: AttributeError"),
        ("no_such_module:x", "'no_such_module:x' cannot be made: ModuleNotFoundError"),
        ("third_party:broken", "cannot be made: RuntimeError: no licence"),
        ("third_party:Needs", "cannot be made: TypeError"),
        ("third_party:number", "is no codec: int lacks name, description, suffix"),
        ("third_party:Half", "is no codec: Half lacks description, suffix, quality_range, decode"),
        ("third_party:", "cannot be made"),
        (":x", "cannot be made"),
    ],
)
def test_what_is_no_codec_is_an_error_with_its_reason(spec: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make_codec(spec)


def test_the_module_may_lie_in_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "lies_here.py").write_text(textwrap.dedent(MODULE))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    assert make_codec("lies_here:Plain").name == "plain"


def test_an_installed_package_offers_a_codec(package: Any) -> None:
    package("someone", {"plain": "third_party:Plain"})
    assert codec_names()[-1] == "plain"
    assert make_codec("plain").description == "as it is"


def test_a_built_in_name_cannot_be_taken(package: Any) -> None:
    package("someone", {"webp": "third_party:Plain"})
    assert make_codec("webp").suffix == ".webp"
    assert codec_names().count("webp") == 1


def test_a_name_that_two_packages_offer_is_refused(package: Any) -> None:
    package("someone", {"plain": "third_party:Plain"})
    package("another", {"plain": "third_party:instance"})
    with pytest.raises(ValueError, match="offered by third_party:Plain and third_party:instance"):
        make_codec("plain")


def test_an_entry_point_must_have_the_name_of_its_codec(package: Any) -> None:
    package("someone", {"fancy": "third_party:Plain", "lost": "third_party:missing"})
    with pytest.raises(ValueError, match="its entry point third_party:Plain makes one called 'plain'"):
        make_codec("fancy")
    with pytest.raises(ValueError, match="codec 'lost' cannot be made: AttributeError"):
        make_codec("lost")
    assert {"fancy", "lost"} <= set(codec_names())  # names are listed without importing anything


def encoded_length(spec: str) -> int:
    """What a worker does with a specification."""
    return len(make_codec(spec).encode(np.zeros((16, 16, 3), np.uint8), 50))


def test_codecs_are_usable_in_worker_processes() -> None:
    specs = ["jpeg-pillow-progressive", "jpeg2000", "webp"]
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        assert list(pool.map(encoded_length, specs)) == [encoded_length(spec) for spec in specs]


# --- default qualities ------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [1, 2, 3, 8, 19])
def test_default_qualities_rise_within_the_range(count: int) -> None:
    for name in codec_names():
        codec = make_codec(name)
        qualities = default_qualities(codec, count)
        assert len(qualities) == min(count, len(qualities_of(codec)))
        assert qualities == sorted(set(qualities))
        assert codec.quality_range[0] <= qualities[0] <= qualities[-1] <= codec.quality_range[1]


class Scale:
    """Only what `default_qualities` looks at."""

    name = "scale"

    def __init__(self, lowest: int, highest: int) -> None:
        self.quality_range = lowest, highest


def test_default_qualities_of_small_and_odd_ranges() -> None:
    qualities: Any = default_qualities
    assert qualities(Scale(0, 7)) == [0, 1, 2, 3, 4, 5, 6, 7]
    assert qualities(Scale(3, 3), 5) == [3]
    assert qualities(Scale(0, 2), 8) == [0, 1, 2]
    assert qualities(Scale(0, 1000), 3) == [50, 500, 950]
    assert qualities(Scale(0, 100), 1) == [50]
    with pytest.raises(ValueError, match="is empty: 5 to 4"):
        qualities(Scale(5, 4))
    with pytest.raises(ValueError, match="count is 0"):
        qualities(Scale(0, 7), 0)
    chosen: Any = Scale(0, 100)
    chosen.useful_range = (20, 40)
    assert qualities(chosen, 3) == [20, 30, 40]


def test_a_codec_that_lists_its_qualities_gives_all_of_them_unless_fewer_are_asked_for() -> None:
    few: Any = Scale(2, 12)
    few.qualities = (2, 3, 4, 5, 6, 7, 8, 9, 10, 12)
    assert default_qualities(few) == list(few.qualities)
    assert default_qualities(few, 99) == list(few.qualities)
    assert default_qualities(few, 3) == [2, 6, 12]
    assert default_qualities(few, 1) == [6]
    check_quality(few, 12)
    with pytest.raises(ValueError, match=r"quality is 11: scale takes 2, 3, 4, 5, 6, 7, 8, 9, 10, 12$"):
        check_quality(few, 11)
    few.qualities = (2, 3)
    with pytest.raises(ValueError, match=r"quality is 4: scale takes 2 to 3$"):
        check_quality(few, 4)
