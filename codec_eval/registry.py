"""Codecs by name: the built-in ones, those of other packages, and any object of an importable module.

A *specification* is what stands behind ``--codec`` on the command line:

===================  ==============================================================================
``jpeg2000``         a name: a built-in codec, or an entry point of the group ``codec_eval.codecs``
``module:object``    an object of a module: a codec, or a class or function that makes one
===================  ==============================================================================

Being text, it can be sent to worker processes and other machines, which make the codec for themselves.
"""

from __future__ import annotations

import functools
import importlib
import os
import sys
from collections.abc import Callable
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from codec_eval.codec import Codec, qualities_of
from codec_eval.codecs import PILLOW_SUBSAMPLINGS, SUBSAMPLINGS, OurJpeg, PillowJpeg
from codec_eval.neural_codecs import MODELS, LearnedCodec, has_weights
from codec_eval.pillow_codecs import Avif, Jpeg2000, WebP, avif_available

__all__ = ["ENTRY_POINT_GROUP", "codec_names", "default_qualities", "make_codec"]

ENTRY_POINT_GROUP = "codec_eval.codecs"
"""The group of entry points by which a package offers codecs."""

_MEMBERS = ("name", "description", "suffix", "quality_range", "encode", "decode")


def codec_names() -> list[str]:
    """Return the names that `make_codec` knows: the built-in codecs, then those of other packages, sorted.

    A learned codec without weights is left out.
    """
    known = _built_in()
    built_in = [
        name
        for name, codec in known.items()
        if not isinstance(codec, LearnedCodec) or has_weights(codec.model)
    ]
    return built_in + sorted(_offered().keys() - known.keys())


def make_codec(spec: str) -> Codec:
    """Make a codec from its specification.

    Parameters
    ----------
    spec : str
        A name of `codec_names`, or ``module:object``. The module may lie in the current folder; the object
        may be a codec, or a class or function that makes one when called without arguments.

    Returns
    -------
    Codec
        It holds no state, so callers may share it.

    Raises
    ------
    ValueError
        If the name is unknown (the message lists the known ones), the module or object does not exist, making
        the codec fails, or what is made lacks a member of `Codec`.

    Notes
    -----
    A built-in name cannot be taken by another package. A name that two packages offer is refused, and so is
    an entry point whose codec has another name than the entry point: a result must lead back to its codec.

    Examples
    --------
    >>> make_codec("jpeg-pillow-444").name
    'jpeg-pillow-444'
    >>> make_codec("codec_eval.codecs:OurJpeg").name
    'jpeg-ours'
    """
    if not isinstance(spec, str):
        raise TypeError(f"spec is {spec!r}: a codec's name or module:object is needed")
    if spec in _built_in():
        return _built_in()[spec]
    if ":" in spec:
        return _codec_from(spec, lambda: _object_at(spec))
    offers = _offered().get(spec)
    if offers is None:
        raise ValueError(f"no codec is called {spec!r}; known: {', '.join(codec_names())}, or module:object")
    if len(offers) > 1:
        places = " and ".join(sorted(offer.value for offer in offers))
        raise ValueError(f"codec {spec!r} is offered by {places}: say which as module:object")
    codec = _codec_from(spec, offers[0].load)
    if codec.name != spec:
        raise ValueError(f"codec {spec!r}: its entry point {offers[0].value} makes one called {codec.name!r}")
    return codec


def default_qualities(codec: Codec, count: int | None = None) -> list[int]:
    """Return qualities for a sweep: evenly spread over the range that people use.

    Parameters
    ----------
    codec : Codec
        Its ``qualities`` count if it lists them, its ``useful_range`` if it has one, otherwise its
        `quality_range` without the outer 5 %, where files are ruins or hardly smaller than lossless ones.
    count : int, optional
        How many, at least 1. Eight by default; all of them for a codec that lists its ``qualities``.

    Returns
    -------
    list of int
        Rising, both ends included; fewer than `count` where the range has fewer. One alone is the middle.

    Raises
    ------
    ValueError
        If `count` is less than 1, or the range is empty.

    Examples
    --------
    >>> default_qualities(make_codec("jpeg-ours"))
    [5, 18, 31, 44, 56, 69, 82, 95]
    """
    if count is not None and count < 1:
        raise ValueError(f"count is {count}: at least one quality is needed")
    if hasattr(codec, "qualities"):
        listed = qualities_of(codec)
        return [listed[i] for i in _spread(0, len(listed) - 1, count or len(listed))]
    lowest, highest = codec.quality_range
    if lowest > highest:
        raise ValueError(f"the quality range of {codec.name} is empty: {lowest} to {highest}")
    margin = (highest - lowest) // 20  # 0 for a scale of a few steps: all of them count
    lowest, highest = getattr(codec, "useful_range", (lowest + margin, highest - margin))
    return _spread(lowest, highest, count or 8)


def _spread(lowest: int, highest: int, count: int) -> list[int]:
    """Whole numbers evenly over a range with both its ends; one alone is the middle."""
    if count == 1:
        return [(lowest + highest) // 2]
    return sorted({round(lowest + (highest - lowest) * i / (count - 1)) for i in range(count)})


@functools.cache
def _built_in() -> dict[str, Codec]:
    """The built-in codecs by name, in the order in which they are listed."""
    codecs: list[Codec] = []
    for kind, known in ((OurJpeg, SUBSAMPLINGS), (PillowJpeg, PILLOW_SUBSAMPLINGS)):
        plain = ("4:2:0", "4:4:4")
        for subsampling in (*plain, *(name for name in known if name not in plain)):
            codecs += [kind(subsampling, optimize) for optimize in (False, True)]
    for subsampling in ("4:2:0", "4:4:4"):
        codecs += [OurJpeg(subsampling, progressive=True), PillowJpeg(subsampling, progressive=True)]
        codecs.append(OurJpeg(subsampling, arithmetic=True))
    codecs += [Jpeg2000(), WebP()]
    if avif_available():
        codecs += [Avif(), Avif("4:4:4")]
    codecs += [LearnedCodec(model, effort) for model in MODELS for effort in (0, 50)]
    return {codec.name: codec for codec in codecs}


def _offered() -> dict[str, list[EntryPoint]]:
    """The entry points of other packages by name; nothing is imported for it."""
    offered: dict[str, list[EntryPoint]] = {}
    for entry_point in sorted(entry_points(group=ENTRY_POINT_GROUP), key=lambda e: (e.name, e.value)):
        known = offered.setdefault(entry_point.name, [])
        if all(entry_point.value != other.value for other in known):  # one package, found twice on the path
            known.append(entry_point)
    return offered


def _object_at(spec: str) -> Any:
    """What ``module:object`` names; the object may be an attribute of an attribute."""
    module_name, _, object_name = spec.partition(":")
    here = os.getcwd()
    if here not in sys.path:  # installed commands start without the current folder
        sys.path.append(here)
    found: Any = importlib.import_module(module_name)
    for attribute in object_name.split("."):
        found = getattr(found, attribute)
    return found


def _codec_from(spec: str, load: Callable[[], Any]) -> Codec:
    """Load an object and make a codec of it; whatever goes wrong in other people's code is a `ValueError`."""
    try:
        found = load()
        if isinstance(found, type) or (callable(found) and not isinstance(found, Codec)):
            found = found()
    except Exception as error:
        raise ValueError(f"codec {spec!r} cannot be made: {type(error).__name__}: {error}") from error
    missing = [member for member in _MEMBERS if not hasattr(found, member)]
    if missing:
        raise ValueError(f"codec {spec!r} is no codec: {type(found).__name__} lacks {', '.join(missing)}")
    return found
