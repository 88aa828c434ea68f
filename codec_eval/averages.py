"""From points to curves: each codec at each quality, averaged over the pictures as the field does it.

The PSNR of a codec on a set of pictures is the mean of the PSNRs of the pictures. The PSNR of the mean MSE is
another figure, lower, and dominated by the worst pictures; it stands beside it under its own name. The
rate is the mean of the bits per pixel.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from codec_eval.metrics import psnr_from_mse
from codec_eval.points import RatePoint

__all__ = ["AveragePoint", "average_points", "common_pictures"]


@dataclass(frozen=True)
class AveragePoint:
    """One codec at one quality, averaged over pictures.

    Attributes
    ----------
    codec : str
    quality : int
    bpp : float
        Mean of the bits per pixel of the pictures.
    psnr, psnr_y : float
        Means of the pictures' PSNRs in dB, over all samples and of the luma. Infinite if one picture came
        back without loss.
    psnr_of_mean_mse : float
        The PSNR of the mean of the pictures' MSEs.
    ssim, ms_ssim : float or None
        Means over the pictures that are large enough to have one; None if none is.
    encode_seconds, decode_seconds : float
        Means per picture.
    pictures : int
        How many the means were taken over.
    """

    codec: str
    quality: int
    bpp: float
    psnr: float
    psnr_y: float
    psnr_of_mean_mse: float
    ssim: float | None
    ms_ssim: float | None
    encode_seconds: float
    decode_seconds: float
    pictures: int


def average_points(points: Iterable[RatePoint]) -> list[AveragePoint]:
    """Average finished points over pictures, for each codec and quality.

    Parameters
    ----------
    points : iterable of RatePoint
        Of a sweep; failed ones may be among them.

    Returns
    -------
    list of AveragePoint
        Codecs in the order of their first point, qualities rising. All are means over the same pictures,
        `common_pictures`, for otherwise a codec that fails on the hard pictures would look good; only
        where no picture is common to all, each is a mean over its own, and `pictures` tells.
    """
    finished = [point for point in points if not point.error]
    common = common_pictures(finished)
    groups: dict[tuple[str, int], list[RatePoint]] = {}
    for point in finished:
        if point.picture in common or not common:
            groups.setdefault((point.codec, point.quality), []).append(point)
    codecs = {codec: place for place, codec in enumerate(dict.fromkeys(codec for codec, _ in groups))}
    order = sorted(groups, key=lambda key: (codecs[key[0]], key[1]))
    return [_average(codec, quality, groups[codec, quality]) for codec, quality in order]


def common_pictures(points: Iterable[RatePoint]) -> set[str]:
    """Return the pictures that every codec finished at every quality at which it finished any.

    Parameters
    ----------
    points : iterable of RatePoint
        Of a sweep; failed ones may be among them.

    Returns
    -------
    set of str
        Their names. A codec, or a quality of it, that failed on every picture rules out none.
    """
    finished: dict[tuple[str, int], set[str]] = {}
    for point in points:
        if not point.error:
            finished.setdefault((point.codec, point.quality), set()).add(point.picture)
    return set.intersection(*finished.values()) if finished else set()


def _average(codec: str, quality: int, points: Sequence[RatePoint]) -> AveragePoint:
    def mean(name: str) -> float:
        return math.fsum(getattr(point, name) for point in points) / len(points)

    def mean_if_any(name: str) -> float | None:
        values = [value for point in points if (value := getattr(point, name)) is not None]
        return statistics.fmean(values) if values else None

    return AveragePoint(
        codec=codec,
        quality=quality,
        bpp=mean("bpp"),
        psnr=mean("psnr"),
        psnr_y=mean("psnr_y"),
        psnr_of_mean_mse=psnr_from_mse(mean("mse"), data_range=255),
        ssim=mean_if_any("ssim"),
        ms_ssim=mean_if_any("ms_ssim"),
        encode_seconds=mean("encode_seconds"),
        decode_seconds=mean("decode_seconds"),
        pictures=len(points),
    )
