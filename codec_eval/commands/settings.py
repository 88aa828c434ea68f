"""``NAME@Q``: a codec at a quality, as several commands take it; and a codec's name in that of a file."""

from __future__ import annotations

import re

from codec_eval.codec import Codec, check_quality, qualities_of
from codec_eval.registry import default_qualities

__all__ = ["DEFAULT_QUALITY", "file_part", "parse_settings", "settled_quality"]

DEFAULT_QUALITY = 75


def parse_settings(text: str) -> list[tuple[str, int | None]]:
    """Return codecs and qualities from a list with commas between.

    Parameters
    ----------
    text : str
        ``"jpeg-ours@75,webp"``. Only a whole number at the end is a quality; codecs by ``module:object`` may
        hold other ``@``.

    Returns
    -------
    list of (str, int or None)
        Specification of the codec, and its quality where one is given.
    """
    found: list[tuple[str, int | None]] = []
    for part in filter(None, (part.strip() for part in text.split(","))):
        match = re.fullmatch(r"(.+)@(-?\d+)", part)
        found.append((match[1], int(match[2])) if match else (part, None))
    return found


def settled_quality(codec: Codec, own: int | None, for_all: int | None) -> int:
    """Return the quality for a codec: its own, that for all, 75, or the middle of what it has.

    Raises
    ------
    ValueError
        If the codec has no such quality.
    """
    if own is None and for_all is None:
        known = DEFAULT_QUALITY in qualities_of(codec)
        return DEFAULT_QUALITY if known else default_qualities(codec, 1)[0]
    quality = own if own is not None else for_all
    assert quality is not None
    check_quality(codec, quality)
    return quality


def file_part(name: str) -> str:
    """Return a codec's name as part of a file's name: those of other people may hold anything."""
    return "".join(c if c.isalnum() or c in "-_." else "_" for c in name)
