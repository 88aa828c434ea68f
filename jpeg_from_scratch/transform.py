"""Lossless rotation, mirroring and cropping: blocks change places and signs, and nothing is decoded.

The basis functions of the DCT are even or odd. Mirror a row of eight samples, and the cosines of even
frequency stay what they are, those of odd frequency change their sign. So a block is mirrored left to right
by negating its coefficients of odd horizontal frequency u, top to bottom by negating those of odd vertical
frequency v, and transposed by exchanging u and v – and its quantisation table with it. A picture is mirrored
when its blocks are, and stand in reverse order. All eight symmetries of a rectangle are made of these steps;
no step rounds, so that doing and undoing one gives the same coefficients again.

There is one obstacle. A picture whose size is not a whole number of MCUs has partial MCUs at its right and
bottom edge, filled up with samples that are not shown. Padding can not be at the left or at the top, so
partial MCUs can not go there. `edges` says what is to be done about them:

    "perfect"  refuse, with a `ValueError` (the default: nobody gets a picture that is silently wrong)
    "trim"     leave them away: the picture gets smaller by up to an MCU, less one sample
    "keep"     leave them where they are, not mirrored: a strip of the edge is then wrong

They are named as the switches of jpegtran, which does "keep" without any. Coefficients equal jpegtran's.

Everything else in a file stays as it is: the process, the scans, the restart interval, application segments,
comments. (jpegtran writes no restart markers unless told to.) Huffman tables that are not the typical ones of
K.3 were made for the old order of blocks; they are made anew (K.2). The height of a DNL segment goes into the
frame header. Exif's statement of the picture's size is corrected; its orientation is reset if asked;
thumbnails inside Exif and JFIF segments are not turned.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeAlias

import numpy as np

from ._types import Array, Coefficients
from .arguments import checked_integer
from .backend import get_backend
from .huffman import HuffmanSpec, optimal_spec
from .jpeg_data import (
    BLOCK,
    AppData,
    FrameHeader,
    HuffmanTable,
    HuffmanTables,
    JpegData,
    NumberOfLines,
    QuantizationTable,
    QuantizationTables,
    RestartInterval,
    ScanHeader,
    Segment,
    TableSlots,
    describe_process,
)
from .metadata import EXIF_HEADER, gather_metadata
from .orientation import SYMMETRIES, Symmetry, exif_orientation, set_orientation, set_size
from .sampling import complete_partial_mcus
from .scan import Scan, needed_tables

__all__ = ["crop", "flip", "rotate", "transpose", "transverse", "upright"]

EDGES = ("perfect", "trim", "keep")
ROTATIONS = {90: SYMMETRIES[6], 180: SYMMETRIES[3], 270: SYMMETRIES[8]}
FLIPS = {"horizontal": SYMMETRIES[2], "vertical": SYMMETRIES[4]}

Blocks: TypeAlias = list[Coefficients]
"""Per component, its coefficients."""


# --------------------------------------------------------------------------------------------------
# What can be asked for


def rotate(
    data: JpegData, degrees: int, *, edges: str = "perfect", reset_orientation: bool = False
) -> JpegData:
    """Turn a picture clockwise.

    Parameters
    ----------
    data : JpegData
        Of a DCT process. It is not changed.
    degrees : {90, 180, 270}
    edges : {"perfect", "trim", "keep"}
        What happens to partial MCUs that would come to the left or to the top.
    reset_orientation : bool
        Set the Exif orientation, if there is one, to 1: what is turned must not be turned again.

    Returns
    -------
    JpegData

    Raises
    ------
    ValueError
        If an argument is none of these, if the file is lossless, or if partial MCUs are in the way.

    Examples
    --------
    >>> from jpeg_from_scratch import decode, encode, read, write
    >>> picture = np.repeat(np.array([[20, 200]], np.uint8), 8, axis=1).repeat(8, axis=0)
    >>> turned = decode(write(rotate(read(encode(picture, 100)), 90)))
    >>> turned.shape, turned[0, 0].item(), turned[15, 0].item()
    ((16, 8), 20, 200)
    """
    if degrees not in ROTATIONS:
        raise ValueError(f"degrees={degrees!r}, allowed are 90, 180 and 270")
    return _transformed(data, ROTATIONS[degrees], edges, reset_orientation)


def flip(
    data: JpegData, direction: str, *, edges: str = "perfect", reset_orientation: bool = False
) -> JpegData:
    """Mirror a picture: ``"horizontal"`` exchanges left and right, ``"vertical"`` top and bottom.

    Other parameters and errors as for `rotate`.
    """
    if direction not in FLIPS:
        raise ValueError(f"direction={direction!r}, allowed are 'horizontal' and 'vertical'")
    return _transformed(data, FLIPS[direction], edges, reset_orientation)


def transpose(data: JpegData, *, reset_orientation: bool = False) -> JpegData:
    """Exchange rows and columns; the upper left corner stays. No partial MCU is ever in the way."""
    return _transformed(data, SYMMETRIES[5], "perfect", reset_orientation)


def transverse(data: JpegData, *, edges: str = "perfect", reset_orientation: bool = False) -> JpegData:
    """Exchange rows and columns so that the upper right corner stays. Parameters as for `rotate`."""
    return _transformed(data, SYMMETRIES[7], edges, reset_orientation)


def upright(data: JpegData, *, edges: str = "perfect") -> JpegData:
    """Turn a picture as its Exif orientation says, and reset that. Parameters as for `rotate`."""
    orientation = exif_orientation(gather_metadata(data.segments).exif)
    return _transformed(data, SYMMETRIES[orientation], edges, reset_orientation=True)


def crop(data: JpegData, top: int, left: int, height: int, width: int) -> JpegData:
    """Cut out a region.

    Parameters
    ----------
    data : JpegData
        Of a DCT process. It is not changed.
    top, left : int
        The upper left corner in samples, from 0. If it is not at the corner of an MCU, then, as in jpegtran,
        the region is enlarged upwards and to the left, so that it begins at one.
    height, width : int
        The size of the region in samples before it is enlarged. Any size is possible: partial MCUs may be at
        the right and at the bottom.

    Returns
    -------
    JpegData

    Raises
    ------
    ValueError
        If the region is not inside the picture, or if the file is lossless.

    Examples
    --------
    >>> from jpeg_from_scratch import encode, read
    >>> data = crop(read(encode(np.zeros((50, 50), np.uint8))), 10, 16, 20, 5)
    >>> data.frame.height, data.frame.width
    (22, 5)
    """
    frame, blocks = _source(data)
    for name, start, size, available in (
        ("top, height", top, height, frame.height),
        ("left, width", left, width, frame.width),
    ):
        if not 0 <= checked_integer(name, start, 0) < start + checked_integer(name, size, 1) <= available:
            raise ValueError(f"{name} = {start}, {size}: the region is not inside the {available} samples")
    mcu_height, mcu_width = _mcu_size(frame)
    mcu_row, mcu_column = top // mcu_height, left // mcu_width
    cropped = replace(frame, height=height + top % mcu_height, width=width + left % mcu_width)
    moved = [
        array[mcu_row * component.v_samp :, mcu_column * component.h_samp :]
        for array, component in zip(blocks, frame.components)
    ]
    return _assembled(data, cropped, moved, SYMMETRIES[1], False)


# --------------------------------------------------------------------------------------------------
# Blocks


def _source(data: JpegData) -> tuple[FrameHeader, Blocks]:
    """Return the frame and the blocks to work on.

    A single component has MCUs of one block whatever its sampling factors (A.2.2); as in jpegtran they become
    1×1, so that nothing is in the way that needs not be.
    """
    frame = data.frame
    if frame.is_lossless:
        raise ValueError(
            f"{describe_process(frame.marker)}: only DCT processes have blocks that can be rearranged; "
            "decode the samples, turn them and encode them again, which loses nothing there"
        )
    expected = [(*frame.padded_block_shape(i), BLOCK, BLOCK) for i in range(len(frame.components))]
    if [array.shape for array in data.coefficients] != expected:
        shapes = [array.shape for array in data.coefficients]
        raise ValueError(f"coefficients have shapes {shapes}, the frame header says {expected}")
    if len(frame.components) > 1:
        return frame, data.coefficients
    rows, columns = frame.block_shape(0)
    single = replace(frame.components[0], h_samp=1, v_samp=1)
    return replace(frame, components=(single,)), [data.coefficients[0][:rows, :columns]]


def _mcu_size(frame: FrameHeader) -> tuple[int, int]:
    """(height, width) of an MCU in samples (A.2.3)."""
    return BLOCK * frame.v_max, BLOCK * frame.h_max


def _transformed(data: JpegData, symmetry: Symmetry, edges: str, reset_orientation: bool) -> JpegData:
    if edges not in EDGES:
        raise ValueError(f"edges={edges!r}, allowed are {', '.join(map(repr, EDGES))}")
    frame, blocks = _source(data)
    if symmetry.transposed:
        frame = replace(
            frame,
            height=frame.width,
            width=frame.height,
            components=tuple(replace(c, h_samp=c.v_samp, v_samp=c.h_samp) for c in frame.components),
        )
        blocks = [array.transpose(1, 0, 3, 2) for array in blocks]
    mcu_height, mcu_width = _mcu_size(frame)
    rows, columns = frame.height // mcu_height, frame.width // mcu_width  # of whole MCUs
    if symmetry.vertical:
        blocks = [_mirrored(array, rows * c.v_samp) for array, c in zip(blocks, frame.components)]
        frame = replace(frame, height=_movable_size("height", frame.height, mcu_height, edges))
    if symmetry.horizontal:
        blocks = [_turned(_mirrored, array, columns * c.h_samp) for array, c in zip(blocks, frame.components)]
        frame = replace(frame, width=_movable_size("width", frame.width, mcu_width, edges))
    return _assembled(data, frame, blocks, symmetry, reset_orientation)


def _movable_size(name: str, size: int, mcu_size: int, edges: str) -> int:
    """Return the size of the new picture along an axis that is mirrored."""
    whole = size - size % mcu_size
    if whole == size or edges == "keep":
        return size
    if edges == "perfect":
        raise ValueError(
            f"the {name} of {size} is no multiple of {mcu_size}, and partial MCUs can not be mirrored: "
            'choose edges="trim" to leave them away, or edges="keep" to leave them as they are'
        )
    if whole == 0:
        raise ValueError(f"the {name} of {size} is less than an MCU of {mcu_size}: trimmed, nothing is left")
    return whole


def _mirrored(blocks: Coefficients, rows: int) -> Coefficients:
    """Mirror the first `rows` rows of blocks top to bottom: in reverse order, odd frequencies v negated."""
    mirrored = blocks.copy()
    mirrored[:rows] = blocks[:rows][::-1]
    np.negative(mirrored[:rows, :, 1::2], out=mirrored[:rows, :, 1::2])
    return mirrored


def _turned(operation: Callable[[Coefficients, int], Coefficients], blocks: Coefficients, n: int) -> Array:
    """Do to columns what `operation` does to rows."""
    return operation(blocks.transpose(1, 0, 3, 2), n).transpose(1, 0, 3, 2)


def _in_whole_mcus(blocks: Coefficients, frame: FrameHeader, i: int, interleaved: bool) -> Coefficients:
    """Cut or enlarge the blocks of a component to whole MCUs of the frame (A.2.4).

    Blocks outside the component are coded in interleaved scans only, and are never seen.
    """
    rows, columns = frame.block_shape(i)
    whole = np.zeros((*frame.padded_block_shape(i), BLOCK, BLOCK), np.int16)
    whole[:rows, :columns] = blocks[:rows, :columns]
    if interleaved:
        complete_partial_mcus(whole, (rows, columns), frame.components[i].h_samp)
    return whole


# --------------------------------------------------------------------------------------------------
# Segments


def _assembled(
    data: JpegData, frame: FrameHeader, blocks: Blocks, symmetry: Symmetry, reset_orientation: bool
) -> JpegData:
    """Put the new file together."""
    interleaved = {m.component for scan in data.scans if len(scan.components) > 1 for m in scan.components}
    coefficients = [_in_whole_mcus(array, frame, i, i in interleaved) for i, array in enumerate(blocks)]
    segments = [
        _new_segment(segment, frame, symmetry, reset_orientation)
        for segment in data.segments
        if not isinstance(segment, NumberOfLines)
    ]
    if not frame.is_arithmetic:
        segments = _renew_huffman_tables(segments, frame, coefficients)
    return JpegData(segments, coefficients)


def _new_segment(
    segment: Segment, frame: FrameHeader, symmetry: Symmetry, reset_orientation: bool
) -> Segment:
    if isinstance(segment, FrameHeader):
        return frame
    if isinstance(segment, QuantizationTables) and symmetry.transposed:
        return QuantizationTables(tuple(map(_transposed_table, segment.tables)))
    if isinstance(segment, AppData) and segment.n == 1 and segment.payload.startswith(EXIF_HEADER):
        exif = set_size(segment.payload, frame.height, frame.width)
        return AppData(1, set_orientation(exif, 1) if reset_orientation else exif)
    return segment


def _transposed_table(table: QuantizationTable) -> QuantizationTable:
    return replace(table, values=tuple(table.array().T.ravel().tolist()))


def _renew_huffman_tables(
    segments: Sequence[Segment], frame: FrameHeader, coefficients: Blocks
) -> list[Segment]:
    """Replace, before each scan that uses them, tables that are not typical, or that lack a code."""
    typical = (HuffmanSpec.typical_dc(), HuffmanSpec.typical_ac())
    renewed: list[Segment] = []
    outdated: set[tuple[int, int]] = set()
    slots = TableSlots()
    for segment in segments:
        if isinstance(segment, HuffmanTables):
            kept = tuple(table for table in segment.tables if table.spec in typical[table.table_class])
            outdated |= {(table.table_class, table.destination) for table in segment.tables}
            outdated -= {(table.table_class, table.destination) for table in kept}
            if not kept:
                continue
            segment = HuffmanTables(kept)
        if isinstance(segment, ScanHeader):
            made = _tables_for_scan(segment, frame, coefficients, slots, outdated)
            # DHT comes before DRI, as libjpeg has it.
            place = len(renewed) - (bool(renewed) and isinstance(renewed[-1], RestartInterval))
            renewed[place:place] = made
            for new in made:
                slots.install(new)
        else:
            slots.install(segment)
        renewed.append(segment)
    return renewed


def _tables_for_scan(
    header: ScanHeader,
    frame: FrameHeader,
    coefficients: Blocks,
    slots: TableSlots,
    outdated: set[tuple[int, int]],
) -> list[HuffmanTables]:
    """Make the tables that a scan needs and does not have, in libjpeg's order: DC 0, AC 0, DC 1, AC 1."""
    needed = needed_tables(frame, header)
    if not any(needed):
        return []
    count = get_backend("fast").scan_coder(frame).count
    assert count is not None  # Huffman codes
    counts = count(
        Scan.of(frame, header, slots), [coefficients[member.component] for member in header.components]
    )
    sums: dict[tuple[int, int], Array] = {}
    for j, member in enumerate(header.components):
        for table_class, destination in enumerate((member.dc_table, member.ac_table)):
            if needed[table_class]:
                key = table_class, destination
                sums[key] = sums.get(key, 0) + counts[table_class][j]
    made = []
    for (table_class, destination), symbols in sums.items():
        spec = (slots.ac if table_class else slots.dc).get(destination)
        lacking = spec is None or not set(np.flatnonzero(symbols).tolist()) <= set(spec.values)
        if lacking or (table_class, destination) in outdated:
            made.append(HuffmanTables((HuffmanTable(table_class, destination, optimal_spec(symbols)),)))
    return made
