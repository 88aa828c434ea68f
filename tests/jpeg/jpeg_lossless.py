"""Lossless scans and pictures for the tests: made small, of every precision; and how they are decoded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from jpeg_from_scratch.backend import ScanCoder, get_backend
from jpeg_from_scratch.huffman import HuffmanSpec, optimal_spec
from jpeg_from_scratch.intervals import Progress, Status, resynchronise, scan_error
from jpeg_from_scratch.jpeg_data import (
    FrameComponent,
    FrameHeader,
    HuffmanTable,
    HuffmanTables,
    JpegData,
    RestartInterval,
    ScanComponent,
    ScanHeader,
    Segment,
)
from jpeg_from_scratch.prediction import MISSING
from jpeg_from_scratch.reader import MAX_MEMORY, MAX_PIXELS, MAX_SCANS, Limits, Reader
from jpeg_from_scratch.scan import Scan
from jpeg_from_scratch.tables import SOF3

Array = npt.NDArray[Any]
Factors = Sequence[tuple[int, int]]

ONE = [(1, 1)]
EOI = b"\xff\xd9"
# Category n has the code n, in five bits
SPEC = HuffmanSpec((0, 0, 0, 0, 17, *[0] * 11), tuple(range(17)))


def scan_of(
    factors: Factors,
    height: int,
    width: int,
    *members: int,
    predictor: int = 1,
    precision: int = 8,
    point_transform: int = 0,
    rows: int = 0,
    spec: HuffmanSpec | None = None,
) -> Scan:
    """Return a lossless scan of some components, or of all.

    `factors` are (h, v) of the components of the frame, `rows` the rows of MCUs of a restart interval.
    """
    components = tuple(FrameComponent(i + 1, h, v, 0) for i, (h, v) in enumerate(factors))
    frame = FrameHeader(SOF3, precision, height, width, components)
    chosen = tuple(ScanComponent(i, 0, 0) for i in members or range(len(factors)))
    scan = Scan(frame, ScanHeader(chosen, predictor, 0, 0, point_transform))
    return replace(scan, restart_interval=rows * scan.layout.mcu_columns, dc=(spec,) * len(chosen))


def smooth_samples(scan: Scan, seed: int = 0) -> list[Array]:
    """Return samples of all components that resemble their neighbours, as those of photographs do.

    They have P − Pt bits, and are zero where they only complete MCUs.
    """
    rng = np.random.default_rng(seed)
    bits = scan.frame.precision - scan.header.approx_low
    step = max(1, (1 << bits) >> 5)
    arrays = []
    for i in range(len(scan.frame.components)):
        height, width = scan.frame.component_shape(i)
        walk = rng.integers(-step, step + 1, (height, width)).cumsum(0).cumsum(1)
        array = np.zeros(scan.frame.padded_block_shape(i), np.uint16)
        array[:height, :width] = ((1 << bits) // 2 + walk).clip(0, (1 << bits) - 1)
        arrays.append(array)
    return arrays


def lossless_file(scan: Scan, samples: Sequence[Array], interleaved: bool = True) -> JpegData:
    """Return a picture, in one scan or in a scan for each component, with tables made for each scan."""
    engine = get_backend("fast")
    segments: list[Segment] = [scan.frame]
    components = scan.header.components
    for members in [components] if interleaved else [(component,) for component in components]:
        alone = replace(scan, header=replace(scan.header, components=members))
        rows = scan.restart_interval // scan.layout.mcu_columns
        alone = replace(alone, restart_interval=rows * alone.layout.mcu_columns)
        differences = [
            engine.samples_to_differences(samples[member.component], alone, j)
            for j, member in enumerate(members)
        ]
        count = engine.scan_coders["lossless"].count
        assert count is not None
        spec = optimal_spec(count(alone, differences)[0].sum(0))
        segments.append(HuffmanTables((HuffmanTable(0, 0, spec),)))
        segments.append(RestartInterval(alone.restart_interval))
        segments.append(alone.header)
    return JpegData(segments, samples=list(samples))


def picture_of(jpeg: JpegData) -> Array:
    """Return the samples as a picture, (H, W) or (H, W, C): shifted back, components repeated to full size.

    uint8 up to 8 bits, uint16 above: what libjpeg-turbo gives, which does not interpolate lossless samples.
    """
    frame = jpeg.frame
    shifts = {member.component: scan.approx_low for scan in jpeg.scans for member in scan.components}
    planes = []
    for i, (component, samples) in enumerate(zip(frame.components, jpeg.samples)):
        height, width = frame.component_shape(i)
        plane = samples[:height, :width].astype(np.uint32) << shifts[i]
        plane = plane.repeat(frame.v_max // component.v_samp, 0).repeat(frame.h_max // component.h_samp, 1)
        planes.append(plane[: frame.height, : frame.width])
    picture = planes[0] if len(planes) == 1 else np.stack(planes, -1)
    return picture.astype(np.uint8 if frame.precision <= 8 else np.uint16)


def coder(backend: str) -> ScanCoder:
    """Return the coder of lossless scans."""
    return get_backend(backend).scan_coders["lossless"]


def read_with(backend: str, data: bytes, strict: bool = True) -> Reader:
    """Read a file with a back end."""
    reader = Reader(data, Limits(MAX_PIXELS, MAX_SCANS, MAX_MEMORY), get_backend(backend), strict)
    reader.read()
    return reader


def empty_arrays(scan: Scan) -> list[Array]:
    """Return arrays for the differences of a scan, none of them known."""
    shapes = [scan.frame.padded_block_shape(member.component) for member in scan.header.components]
    return [np.full(shape, MISSING, np.int32) for shape in shapes]


def random_differences(scan: Scan, seed: int, largest: int = 40) -> list[Array]:
    """Return differences for all that a scan codes; `MISSING` where it codes nothing."""
    rng = np.random.default_rng(seed)
    arrays = empty_arrays(scan)
    for array, (v, h) in zip(arrays, scan.layout.factors):
        rows, columns = scan.layout.mcu_rows * v, scan.layout.mcu_columns * h
        array[:rows, :columns] = rng.integers(-largest, largest + 1, (rows, columns))
    return arrays


def decoded(backend: str, data: bytes, scan: Scan) -> tuple[list[Array], Progress]:
    """Decode a scan strictly."""
    arrays, progress = empty_arrays(scan), Progress(0)
    status = coder(backend).decode(data, scan, arrays, progress, True)
    if status != Status.DONE:
        raise scan_error(data, scan, progress, status)
    return arrays, progress


def decoded_leniently(backend: str, data: bytes, scan: Scan) -> tuple[list[Array], Progress]:
    """Decode a scan as libjpeg would."""
    arrays, progress = empty_arrays(scan), Progress(0)
    while coder(backend).decode(data, scan, arrays, progress, False) != Status.DONE:
        resynchronise(data, scan, progress)
    return arrays, progress
