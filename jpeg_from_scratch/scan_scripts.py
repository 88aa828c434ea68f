"""Scan scripts (being written)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from .jpeg_data import FrameHeader, ScanComponent, ScanHeader

ScriptEntry: TypeAlias = tuple[Sequence[int], int, int, int, int]


def default_script(components: int, color: str) -> list[ScanHeader]:
    """Placeholder."""
    raise NotImplementedError


def checked_script(
    scans: Sequence[ScriptEntry], frame: FrameHeader, table_numbers: Sequence[int]
) -> list[ScanHeader]:
    """Placeholder; `table_numbers`: per component of the frame, its Huffman tables or statistics."""
    return [
        ScanHeader(tuple(ScanComponent(i, table_numbers[i], table_numbers[i]) for i in entry[0]), *entry[1:])
        for entry in scans
    ]
