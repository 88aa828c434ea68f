"""What every byte and every bit of a file means, in words, in numbers and in pictures.

    >>> import numpy as np
    >>> from jpeg_from_scratch import encode, inspect
    >>> seen = inspect(encode(np.zeros((8, 8), np.uint8)), mcu=(0, 0))
    >>> [segment.name for segment in seen.segments][:4]
    ['SOI', 'APP0', 'DQT', 'SOF0']

The files, from the outside in:

1. `inspection`        a file on one screen; `inspect`: every field of every segment, and one MCU to its bits
2. `segment_fields`    a segment → its fields, with offset, value, meaning and clause
3. `segment_words`     a segment in a few words
4. `block_trace`       an MCU → the scans that touch it → steps → coefficients → samples
5. `trace_start`       where in the data to begin
6. `noting`            the reference decoders, with readers in them that take notes
7. `trace_steps`       notes of Huffman-coded data: codes, additional bits, correction bits
8. `trace_decisions`   notes of arithmetic-coded data: decisions, contexts, intervals
9. `bit_counts`        how many bits each block has taken
10. `text`             all of it for the screen
11. `plots`            heat maps and blocks; imports Matplotlib, and is imported only when asked
"""

from .bit_counts import bits_per_block
from .block_trace import BlockTrace, SampleTrace, ScanTrace
from .inspection import FilePart, Inspection, describe, file_parts, inspect
from .segment_fields import Field, SegmentView
from .text import inspection_text
from .trace_decisions import Decision
from .trace_steps import Step

__all__ = [
    "BlockTrace",
    "Decision",
    "Field",
    "FilePart",
    "Inspection",
    "SampleTrace",
    "ScanTrace",
    "SegmentView",
    "Step",
    "bits_per_block",
    "describe",
    "file_parts",
    "inspect",
    "inspection_text",
]
