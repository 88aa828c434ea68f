"""Which code does the work: the readable path or the compiled one.

Each stage exists twice, with one signature and equal results to the last bit: as array code and plain
Python in the file named after the stage (``"reference"``; put in a row in `reference`), and as a Numba
kernel in ``_kernels/`` (``"fast"``). A `Backend` is the set of stages that `encoder` and `decoder` call; they
do not know which one they hold.

Numba is imported when the fast back end is first asked for. Where it is not installed, the reference back end
takes its place, with a warning.
"""

from __future__ import annotations

import contextlib
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

from . import (
    prediction,
    reference,
    scan_lossless,
    scan_lossless_arithmetic,
    scan_progressive,
    scan_progressive_arithmetic,
    scan_sequential,
    scan_sequential_arithmetic,
)
from ._types import Array, Coefficients, Samples
from .intervals import Progress, Status
from .jpeg_data import FrameHeader
from .scan import Scan

__all__ = ["BACKENDS", "Backend", "announce_compilation", "get_backend"]

BACKENDS = ("fast", "reference")


@dataclass(frozen=True)
class ScanCoder:
    """The coder of one kind of scans; `scan` says what each function must do.

    `count` is None where there are no Huffman tables.
    """

    encode: Callable[..., bytes]
    decode: Callable[..., Status]
    count: Callable[..., tuple[Array, Array]] | None = None


class Strips(Protocol):
    """A picture that is made some rows of MCUs at a time, in any order, by any thread: `_kernels.strips`.

    Attributes
    ----------
    image : ndarray, shape (H, W, 3), uint8
    rows : int
        Of MCUs.
    reach : int
        How many rows below (and above) must be decoded too.
    complete_rows : ndarray of int64, shape (1,)
        Where the decoder of the scan tells how many rows it has decoded.
    """

    image: Samples
    rows: int
    reach: int
    complete_rows: Array

    def complete(self) -> int:
        """Read `complete_rows`, such that all it promises can be seen by this thread."""

    def make(self, first: int, stop: int) -> None:
        """Make the lines of the rows from `first` to before `stop`."""


@dataclass(frozen=True)
class Backend:
    """The stages of both directions.

    Attributes
    ----------
    name : str
    threads : int
        How many threads may share the work.
    component_planes(image, frame, color_space) -> list of ndarray
        Picture → one plane per component, in whole blocks: colour and downsampling.
    plane_to_coefficients(plane, table, out, precision) -> None
        Plane → quantised coefficients, into the blocks of `out` that the plane covers.
    image_to_coefficients(image, frame, color_space, tables, outs) -> None
        The two stages above in one, for all components; None where it would be no faster.
    coefficients_to_plane(coefficients, table, height, width, precision) -> ndarray of uint8 or uint16
        Quantised coefficients → plane of the given size: the inverse of `plane_to_coefficients`. Blocks
        beyond that size, the padding to whole MCUs, are left out.
    planes_to_image(planes, frame, color_space) -> ndarray of uint8 or uint16
        Planes → picture of shape (H, W) or (H, W, C): upsampling and colour.
    strips(coefficients, tables, frame, color_space) -> Strips or None
        The last two stages in one, some rows at a time; None for the rarer pictures that take them one by
        one. The reference has no such thing.
    samples_to_differences(samples, scan, j) -> ndarray of int32
        Samples of a component of a lossless scan → differences from their predictions.
    differences_to_samples(differences, scan, j) -> ndarray of uint16
        The inverse of `samples_to_differences`.
    scan_coders : mapping of str to ScanCoder
        By the kind of scan: ``"sequential"``, ``"progressive"``, ``"lossless"``, and each of them followed by
        ``" arithmetic"``.
    add_unit_bits(data, scan, arrays, progress, counts) -> None
        How many bits of a scan each data unit takes, added to `counts`: for the microscope, whose own
        `noting` does it where this is None.
    """

    name: str
    component_planes: Callable[[Samples, FrameHeader, str], list[Samples]]
    plane_to_coefficients: Callable[[Samples, Array, Coefficients, int], None]
    coefficients_to_plane: Callable[[Coefficients, Array, int, int, int], Samples]
    planes_to_image: Callable[[Sequence[Samples], FrameHeader, str], Samples]
    samples_to_differences: Callable[[Array, Scan, int], Array]
    differences_to_samples: Callable[[Array, Scan, int], Array]
    scan_coders: Mapping[str, ScanCoder]
    image_to_coefficients: (
        Callable[[Samples, FrameHeader, str, Sequence[Array], Sequence[Coefficients]], None] | None
    ) = None
    add_unit_bits: Callable[[bytes, Scan, Sequence[Array], Progress, Sequence[Array]], None] | None = None
    strips: Callable[[Sequence[Coefficients], Sequence[Array], FrameHeader, str], Strips | None] | None = None
    threads: int = 1

    def scan_coder(self, frame: FrameHeader) -> ScanCoder:
        """Return the coder of the scans of a frame."""
        kind = "lossless" if frame.is_lossless else "progressive" if frame.is_progressive else "sequential"
        return self.scan_coders[kind + " arithmetic" * frame.is_arithmetic]


def get_backend(name: str, threads: int = 1) -> Backend:
    """Return the back end of a name; `ValueError` for a name that is none.

    The reference has one thread.
    """
    if name not in BACKENDS:
        raise ValueError(f"backend={name!r}, allowed are {' and '.join(map(repr, BACKENDS))}")
    if name == "reference":
        return reference_backend()
    try:
        return _fast_backend(threads)
    except ModuleNotFoundError as error:
        if error.name not in ("numba", "llvmlite"):
            raise
        _warn_without_numba()
        return reference_backend()


@lru_cache(maxsize=8)
def _fast_backend(threads: int) -> Backend:
    from ._kernels import fast_stages

    return Backend("fast", threads=threads, **fast_stages(threads))


@lru_cache(maxsize=1)
def _warn_without_numba() -> None:
    message = "Numba is not installed: the reference path does the work, 60 to 90 times slower"
    warnings.warn(message, RuntimeWarning, stacklevel=4)


@lru_cache(maxsize=1)
def reference_backend() -> Backend:
    """Return the back end that needs no Numba."""
    return Backend(
        name="reference",
        component_planes=reference.component_planes,
        plane_to_coefficients=reference.plane_to_coefficients,
        coefficients_to_plane=reference.coefficients_to_plane,
        planes_to_image=reference.planes_to_image,
        samples_to_differences=prediction.samples_to_differences,
        differences_to_samples=prediction.differences_to_samples,
        scan_coders={
            "sequential": ScanCoder(
                scan_sequential.encode_scan, scan_sequential.decode_scan, scan_sequential.count_symbols
            ),
            "progressive": ScanCoder(
                scan_progressive.encode_scan, scan_progressive.decode_scan, scan_progressive.count_symbols
            ),
            "lossless": ScanCoder(
                scan_lossless.encode_scan, scan_lossless.decode_scan, scan_lossless.count_symbols
            ),
            "sequential arithmetic": ScanCoder(
                scan_sequential_arithmetic.encode_scan, scan_sequential_arithmetic.decode_scan
            ),
            "progressive arithmetic": ScanCoder(
                scan_progressive_arithmetic.encode_scan, scan_progressive_arithmetic.decode_scan
            ),
            "lossless arithmetic": ScanCoder(
                scan_lossless_arithmetic.encode_scan, scan_lossless_arithmetic.decode_scan
            ),
        },
    )


@contextlib.contextmanager
def announce_compilation() -> Iterator[None]:
    """Say so on stderr, once, if kernels are compiled inside this context.

    Numba compiles a kernel at its first call on a machine and keeps the result on disk; a person who waits
    for that wants to know why.
    """
    try:
        from numba.core import event
    except ModuleNotFoundError:
        yield
        return

    class Announcer(event.Listener):
        said = False

        def on_start(self, _event: object) -> None:
            if not self.said:
                self.said = True
                print(
                    "compiling the kernels: once on this machine, some seconds ...",
                    file=sys.stderr,
                    flush=True,
                )

        def on_end(self, _event: object) -> None:
            pass

    with event.install_listener("numba:compile", Announcer()):
        yield
