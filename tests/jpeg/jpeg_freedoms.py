"""What of a file reading and writing may lose: fill bytes, padding bits, and what follows EOI.

- Fill bytes: X'FF' may be repeated before any marker (T.81 B.1.1.2).
- Padding bits: the last byte of an entropy-coded segment is filled up with ones (F.1.2.3); not every encoder
  does, and some add a whole byte of ones.
- Trailer: nothing is said of what follows EOI.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from functools import partial

import codec_data
import jpeg_cases as cases
import jpeg_corpus as corpus
import jpeg_surgery as surgery
from jpeg_cases import Tally

import jpeg_from_scratch as jpeg

# B.1.1.2: fill bytes may precede RSTm too
RESTART = re.compile(rb"\xff+([\xd0-\xd7])")


def compare_round_trips(entries: Iterable[corpus.Entry]) -> tuple[Tally, Counter[str]]:
    """Read and write corpus files.

    Returns
    -------
    tally : Tally
        `different` are the files that differ in more than the freedoms, or whose data differ when read again.
    reasons : Counter
        How many files come back ``"equal"``, and how many not, by what they lost.
    """
    tally = Tally("write(read(file)), corpus: equal but for fill, padding bits and trailer")
    reasons: Counter[str] = Counter()
    for entry in entries:
        data = codec_data.jpeg_file(entry)
        tally.tried += 1
        first = cases.attempt(partial(jpeg.read, data))
        again = first if isinstance(first, Exception) else cases.attempt(partial(jpeg.write, first))
        if isinstance(again, Exception):
            tally.different.append(f"{entry['name']}: {corpus.shown(again)}")
            continue
        difference = illegal_difference(data, again)
        if difference:
            tally.different.append(f"{entry['name']}: {difference}")
        elif jpeg.read(again) != first:
            tally.different.append(f"{entry['name']}: reading again gives another JpegData")
        else:
            reasons[" and ".join(lost(data, again)) or "equal"] += 1
    return tally, reasons


def line(tally: Tally, reasons: Counter[str]) -> str:
    """Return the counts in one line."""
    why = ", ".join(f"{times} {reason}" for reason, times in reasons.most_common() if reason != "equal")
    equal = reasons["equal"]
    return (
        f"write(read(file)) == file, corpus: tried {tally.tried}, equal {equal}, "
        f"not equal {tally.tried - equal} (lost: {why})"
    )


def lost(theirs: bytes, ours: bytes) -> list[str]:
    """Name the freedoms by which two files differ, which differ in nothing else."""
    their_parts, trailer = surgery.split(theirs)
    our_parts, _ = surgery.split(ours)
    fill = any(part.fill for part in their_parts)
    padding = any(a.entropy != b.entropy for a, b in zip(their_parts, our_parts))
    found = {"fill bytes": fill, "padding bits": padding, "what follows EOI": bool(trailer)}
    return [name for name, present in found.items() if present]


def illegal_difference(theirs: bytes, ours: bytes) -> str:
    """Say what differs beside fill bytes, padding bits and the trailer; empty if nothing."""
    try:
        their_parts, _ = surgery.split(theirs)
        our_parts, _ = surgery.split(ours)
    except (AssertionError, IndexError) as error:
        return f"cannot be split: {error}"
    if len(their_parts) != len(our_parts):
        return f"{len(our_parts)} segments, theirs {len(their_parts)}"
    for a, b in zip(their_parts, our_parts):
        if a.marker != b.marker or a.payload != b.payload:
            return f"segment X'FF{a.marker:02X}' at byte {a.offset} differs"
        difference = entropy_difference(a.entropy, b.entropy)
        if difference:
            return f"scan at byte {a.offset}: {difference}"
    return ""


def entropy_difference(theirs: bytes, ours: bytes) -> str:
    """Compare the unstuffed entropy-coded segments of a scan; the last bits may differ if ours are ones."""
    their_segments, our_segments = RESTART.split(theirs), RESTART.split(ours)
    if len(their_segments) != len(our_segments):
        return f"{len(our_segments) // 2} restart markers, theirs {len(their_segments) // 2}"
    for i, (a, b) in enumerate(zip(their_segments, our_segments)):
        a, b = a.rstrip(b"\xff").replace(b"\xff\x00", b"\xff"), b.replace(b"\xff\x00", b"\xff")
        if a == b:
            continue
        if a.startswith(b) and not a[len(b) :].strip(b"\xff"):
            continue  # theirs is padded by whole bytes more than it needs
        if len(a) != len(b) or a[:-1] != b[:-1]:
            return f"entropy-coded segment {i // 2}: {cases.first_difference(b, a)}"
        low = (1 << (a[-1] ^ b[-1]).bit_length()) - 1  # the bits from the first that differs to the end
        if low > 0x7F or b[-1] & low != low:
            return f"entropy-coded segment {i // 2}: last byte {b[-1]:02x}, theirs {a[-1]:02x}"
    return ""
