"""What `encode` was asked for, checked, and made into a frame, tables and scans.

All rules about which arguments go together stand here; each error says which two do not, and why.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from . import tables
from ._types import Array, Samples
from .arguments import (
    Subsampling,
    checked_choice,
    checked_comment,
    checked_image,
    checked_integer,
    quantization_tables,
    sampling_factors,
)
from .jpeg_data import (
    AppData,
    Comment,
    FrameComponent,
    FrameHeader,
    QuantizationTable,
    ScanComponent,
    ScanHeader,
    Segment,
)
from .metadata import adobe_segment, exif_segment, icc_segments
from .scan_scripts import ScriptEntry, checked_script, default_script

__all__ = ["Plan", "plan", "table_numbers"]

# JFIF 1.01, density 1:1 without a unit, no thumbnail (T.871, 10.1).
JFIF = AppData(0, b"JFIF\x00" + bytes((1, 1, 0, 0, 1, 0, 1, 0, 0)))

# By colour space: the channels, the identifiers of components, and which of two sets of tables each uses.
COLOR_SPACES: dict[str, tuple[bytes, tuple[int, ...]]] = {
    "grey": (b"\x01", (0,)),
    "YCbCr": (b"\x01\x02\x03", (0, 1, 1)),
    "RGB": (b"RGB", (0, 0, 0)),
    "CMYK": (b"CMYK", (0, 0, 0, 0)),
    "YCCK": (b"\x01\x02\x03\x04", (0, 1, 1, 0)),
}
ADOBE_TRANSFORMS = {"RGB": 0, "CMYK": 0, "YCCK": 2}
SHRINKING = ("YCbCr", "YCCK")  # the colour spaces with components that may be small


def table_numbers(color_space: str, components: int) -> list[int]:
    """Return for each component which set of tables it uses: 0, or 1 for chroma."""
    return list(COLOR_SPACES[color_space][1]) if color_space in COLOR_SPACES else [0] * components


@dataclass(frozen=True)
class Plan:
    """How a picture will be coded.

    Attributes
    ----------
    color_space : str
        Of the file: a key of `COLOR_SPACES`.
    frame : FrameHeader
    steps : list of QuantizationTable
        Empty in a lossless process.
    scans : list of ScanHeader
    head : list of Segment
        What stands before the quantization tables.
    restart_interval, point_transform : int
    optimize : bool
        Whether Huffman tables are made for the picture.
    """

    color_space: str
    frame: FrameHeader
    steps: list[QuantizationTable]
    scans: list[ScanHeader]
    head: list[Segment]
    restart_interval: int
    point_transform: int
    optimize: bool


def plan(
    image: Samples,
    quality: int,
    *,
    subsampling: Subsampling | None,
    optimize: bool,
    progressive: bool,
    scans: Sequence[ScriptEntry] | None,
    arithmetic: bool,
    lossless: bool,
    predictor: int | None,
    point_transform: int | None,
    precision: int | None,
    color: str | None,
    restart_interval: int,
    quant_tables: Array | Sequence[Array] | None,
    comment: str | bytes | None,
    exif: bytes | None,
    icc_profile: bytes | None,
    stages: Mapping[str, Callable[..., Any]] | None,
) -> Plan:
    """Check the arguments of `encode`, which describes them, and plan the file.

    Raises
    ------
    TypeError, ValueError
    """
    image = checked_image(image)
    color_space = _color_space(image, color, lossless)
    precision = _precision(image, precision, lossless)
    quality = checked_integer("quality", quality, 1, 100)
    _check_pairs(progressive, arithmetic, lossless, optimize, scans, predictor, point_transform)
    if stages is not None:
        _check_stages(stages, precision, progressive, arithmetic, lossless, color_space)
    identifiers, numbers = COLOR_SPACES[color_space]
    factors = _factors(subsampling, color_space, lossless)
    steps: list[QuantizationTable] = []
    if not lossless:
        steps = quantization_tables(quant_tables, quality, len(set(numbers)), len(identifiers))
    elif quant_tables is not None:
        raise ValueError("quant_tables and lossless=True exclude each other: nothing is quantised")
    own_tables = quant_tables is not None
    height, width = image.shape[:2]
    destinations = tuple(
        min(i if own_tables else number, max(len(steps) - 1, 0)) for i, number in enumerate(numbers)
    )
    process = _process(progressive, arithmetic, lossless, precision, steps)
    frame = _frame(process, precision, height, width, identifiers, tuple(factors), destinations)
    predictor = checked_integer("predictor", 1 if predictor is None else predictor, 1, 7)
    point_transform = checked_integer("point_transform", point_transform or 0, 0, precision - 1)
    restart_interval = checked_integer("restart_interval", restart_interval, 0, 65535)
    if lossless and restart_interval % frame.width:
        raise ValueError(
            f"restart_interval={restart_interval}, must be a multiple of the width, {frame.width}: "
            "a lossless file restarts only between lines (H.1.1)"
        )
    return Plan(
        color_space,
        frame,
        steps,
        _scans(frame, color_space, scans, predictor, point_transform),
        _head(color_space, comment, exif, icc_profile),
        restart_interval,
        point_transform,
        # The typical tables of K.3 are for 8 bits, and for scans that hold all coefficients.
        not arithmetic and (optimize or progressive or lossless or precision > 8),
    )


# --------------------------------------------------------------------------------------------------
# One rule each


def _color_space(image: Samples, color: str | None, lossless: bool) -> str:
    channels = 1 if image.ndim == 2 else image.shape[2]
    possible = [name for name, (identifiers, _) in COLOR_SPACES.items() if len(identifiers) == channels]
    if color is None:
        if channels == 4:
            raise ValueError(
                f"image has shape {image.shape}: four channels may be RGBA or CMYK; drop the alpha channel, "
                'or say color="CMYK" or color="YCCK"'
            )
        return "RGB" if lossless and channels == 3 else possible[0]
    if color not in possible:
        checked_choice("color", color, tuple(COLOR_SPACES))
        raise ValueError(f"color={color!r} for an image of shape {image.shape}, allowed are {possible}")
    if lossless and color in SHRINKING:
        raise ValueError(f"color={color!r} and lossless=True exclude each other: the conversion loses")
    return color


def _precision(image: Samples, precision: int | None, lossless: bool) -> int:
    deep = image.dtype == np.uint16
    if precision is None:
        precision = 8 if not deep else 16 if lossless else 12
    precision = checked_integer("precision", precision, 2, 16)
    if not lossless and precision not in (8, 12):
        raise ValueError(f"precision={precision}, allowed are 8 and 12, or 2 ... 16 with lossless=True")
    wanted = "uint16" if precision > 8 else "uint8"
    if image.dtype != wanted:
        raise TypeError(f"image has dtype {image.dtype}, must be {wanted} for precision={precision}")
    largest = int(image.max()) if precision < 8 * image.dtype.itemsize else 0
    if largest >= 1 << precision:
        hint = "; lossless=True takes 16 bits" if deep and not lossless else ""
        raise ValueError(f"image holds {largest}, {precision} bits hold 0 ... {(1 << precision) - 1}{hint}")
    return precision


def _check_pairs(
    progressive: bool,
    arithmetic: bool,
    lossless: bool,
    optimize: bool,
    scans: Sequence[ScriptEntry] | None,
    predictor: int | None,
    point_transform: int | None,
) -> None:
    if lossless and progressive:
        raise ValueError("progressive=True and lossless=True exclude each other: T.81 has no such process")
    if lossless and scans is not None:
        raise ValueError("scans and lossless=True exclude each other: a lossless file has one scan here")
    if arithmetic and optimize:
        raise ValueError("optimize=True and arithmetic=True exclude each other: there are no Huffman tables")
    for name, value in (("predictor", predictor), ("point_transform", point_transform)):
        if value is not None and not lossless:
            raise ValueError(f"{name}={value!r} needs lossless=True: the DCT processes have none")


def _check_stages(
    stages: Mapping[str, Callable[..., Any]],
    precision: int,
    progressive: bool,
    arithmetic: bool,
    lossless: bool,
    color_space: str,
) -> None:
    if progressive or arithmetic or lossless or precision != 8 or color_space not in ("grey", "YCbCr"):
        raise ValueError(
            "stages takes the place of stages of the sequential Huffman process for 8-bit grey or YCbCr; "
            "it excludes progressive, arithmetic, lossless, other precisions and colour spaces"
        )


def _factors(subsampling: Subsampling | None, color_space: str, lossless: bool) -> list[tuple[int, int]]:
    channels = len(COLOR_SPACES[color_space][0])
    if subsampling is None:
        subsampling = "4:2:0" if color_space in SHRINKING else "4:4:4"
    factors = sampling_factors(subsampling, channels)
    if lossless and set(factors) != {(1, 1)}:
        raise ValueError(
            f"subsampling={subsampling!r} and lossless=True exclude each other: samples drop out"
        )
    named = isinstance(subsampling, str) and subsampling != "4:4:4"
    if named and color_space not in SHRINKING and channels > 1:
        raise ValueError(
            f"subsampling={subsampling!r} names factors of Y, Cb and Cr, the colour space is {color_space}: "
            "give explicit factors"
        )
    return factors


def _process(
    progressive: bool, arithmetic: bool, lossless: bool, precision: int, steps: list[QuantizationTable]
) -> int:
    """Return the start-of-frame marker (Table B.1)."""
    if lossless:
        return tables.SOF11 if arithmetic else tables.SOF3
    if progressive:
        return tables.SOF10 if arithmetic else tables.SOF2
    if arithmetic:
        return tables.SOF9
    extended = precision > 8 or any(table.precision for table in steps)
    return tables.SOF1 if extended else tables.SOF0


@lru_cache(maxsize=64)  # with the geometry that a frame works out once
def _frame(
    process: int,
    precision: int,
    height: int,
    width: int,
    identifiers: bytes,
    factors: tuple[tuple[int, int], ...],
    quant_tables: tuple[int, ...],
) -> FrameHeader:
    components = tuple(
        FrameComponent(identifier, *pair, quant_table)
        for identifier, pair, quant_table in zip(identifiers, factors, quant_tables)
    )
    return FrameHeader(process, precision, height, width, components)


def _scans(
    frame: FrameHeader,
    color_space: str,
    scans: Sequence[ScriptEntry] | None,
    predictor: int,
    point_transform: int,
) -> list[ScanHeader]:
    numbers = table_numbers(color_space, len(frame.components))
    if scans is not None:
        try:
            return checked_script(scans, frame, numbers)
        except (TypeError, ValueError) as error:
            raise type(error)(f"scans={scans!r:.60}: {error}") from None
    # B.2.3 – at most 10 data units in an MCU; else a scan for each component
    fits = sum(component.h_samp * component.v_samp for component in frame.components) <= 10
    if frame.is_progressive:
        return default_script(len(frame.components), color_space, interleaved=fits)
    band = (predictor, 0, 0, point_transform) if frame.is_lossless else (0, 63, 0, 0)
    members = tuple(
        ScanComponent(i, number, 0 if frame.is_lossless else number) for i, number in enumerate(numbers)
    )
    return [ScanHeader(members, *band)] if fits else [ScanHeader((member,), *band) for member in members]


def _head(
    color_space: str, comment: str | bytes | None, exif: bytes | None, icc_profile: bytes | None
) -> list[Segment]:
    """What stands before the quantization tables, in the order of Pillow's files."""
    head: list[Segment] = []
    if color_space in ADOBE_TRANSFORMS:
        head.append(adobe_segment(ADOBE_TRANSFORMS[color_space]))
    else:
        head.append(JFIF)
    for name, value in (("exif", exif), ("icc_profile", icc_profile)):
        if value is not None and not isinstance(value, bytes):
            raise TypeError(f"{name} is a {type(value).__name__}, must be bytes")
    try:
        head += [] if exif is None else [exif_segment(exif)]
        head += [] if icc_profile is None else icc_segments(icc_profile)
    except ValueError as error:
        raise ValueError(f"exif or icc_profile: {error}") from None
    if comment is not None:
        head.append(Comment(checked_comment(comment)))
    return head
