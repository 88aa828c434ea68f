"""Scan scripts: what each scan of a file sends, in order.

A script is a sequence of entries, one a scan:

    (components, Ss, Se, Ah, Al)

`components` are indices into the components of the frame; Ss ... Se is the band of coefficients in zigzag
order; Ah and Al say which of their bits: Ah = 0 sends all down to bit Al, Ah = Al + 1 only bit Al. A grey
picture whose outlines come first, and the rest in two steps:

    [((0,), 0, 0, 0, 0), ((0,), 1, 5, 0, 1), ((0,), 6, 63, 0, 1), ((0,), 1, 63, 1, 0)]

In a sequential file every scan has all coefficients, so that the components say everything: an entry may be
``(0,)`` or ``(1, 2)``. `default_script` is the progressive script of libjpeg. `checked_script` takes a
user's, and refuses what T.81 does not allow.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

from .arguments import checked_integer
from .jpeg_data import FrameHeader, ScanComponent, ScanHeader
from .markers import scan_problem
from .progression import Progression

__all__ = ["ScriptEntry", "checked_script", "default_script"]

ScriptEntry: TypeAlias = tuple[Sequence[int], int, int, int, int] | Sequence[int]

MOST_COMPONENTS = 4  # of a scan (B.2.3) ...
MOST_BLOCKS = 10  # ... and data units of its MCU, if there are several
ALL_COEFFICIENTS = (0, 63, 0, 0)


# --------------------------------------------------------------------------------------------------
# The script of libjpeg


def default_script(components: int, color: str, *, interleaved: bool = True) -> list[ScanHeader]:
    """Return libjpeg's script for progressive files.

    Parameters
    ----------
    components : int
    color : str
        ``"YCbCr"`` and ``"YCCK"`` have chroma components, which use the second set of tables; three
        components in ``"YCbCr"`` get a script of their own.
    interleaved : bool
        Whether a DC scan holds all components. More than four do not fit into one scan in any case.

    Returns
    -------
    list of ScanHeader

    Notes
    -----
    A picture can be shown after the first scan. Then come the low frequencies of luma, to which the eye is
    most sensitive; of chroma, where there is little, everything; and at the end the last bits, which cost
    the most and are seen the least.

    References
    ----------
    T.81 leaves the script to the encoder; this one is `jpeg_simple_progression` of ``jcparam.c``.

    Examples
    --------
    >>> for scan in default_script(1, "grey"):
    ...     print(scan.spectral_start, scan.spectral_end, scan.approx_high, scan.approx_low)
    0 0 0 1
    1 5 0 2
    6 63 0 2
    1 63 2 1
    0 0 1 0
    1 63 1 0
    """
    chroma = (1, 2) if color in ("YCbCr", "YCCK") else ()
    numbers = [int(i in chroma) for i in range(components)]
    everything = tuple(range(components))
    alone = [(i,) for i in everything]
    together = [everything] if interleaved and components <= MOST_COMPONENTS else alone
    if components == 3 and color == "YCbCr":
        script: list[tuple[tuple[int, ...], int, int, int, int]] = [
            *((members, 0, 0, 0, 1) for members in together),
            ((0,), 1, 5, 0, 2),
            ((2,), 1, 63, 0, 1),
            ((1,), 1, 63, 0, 1),
            ((0,), 6, 63, 0, 2),
            ((0,), 1, 63, 2, 1),
            *((members, 0, 0, 1, 0) for members in together),
            ((2,), 1, 63, 1, 0),
            ((1,), 1, 63, 1, 0),
            ((0,), 1, 63, 1, 0),
        ]
    else:
        script = [
            *((members, 0, 0, 0, 1) for members in together),
            *((members, 1, 5, 0, 2) for members in alone),
            *((members, 6, 63, 0, 2) for members in alone),
            *((members, 1, 63, 2, 1) for members in alone),
            *((members, 0, 0, 1, 0) for members in together),
            *((members, 1, 63, 1, 0) for members in alone),
        ]
    return [_progressive_header(members, band, numbers) for members, *band in script]


def _progressive_header(members: Sequence[int], band: Sequence[int], numbers: Sequence[int]) -> ScanHeader:
    """Make a header; what a scan does not use is 0 in libjpeg's files (T.81 does not say)."""
    start, end, high, low = band
    has_dc_table = start == 0 and high == 0
    return ScanHeader(
        tuple(
            ScanComponent(i, numbers[i] if has_dc_table else 0, numbers[i] if start else 0) for i in members
        ),
        start,
        end,
        high,
        low,
    )


# --------------------------------------------------------------------------------------------------
# A user's script


def checked_script(
    scans: Sequence[ScriptEntry], frame: FrameHeader, numbers: Sequence[int]
) -> list[ScanHeader]:
    """Turn a scan script into scan headers.

    Parameters
    ----------
    scans : sequence of ScriptEntry
    frame : FrameHeader
        Its process says which scripts are legal.
    numbers : sequence of int
        Per component of the frame, which Huffman tables or statistics it uses.

    Returns
    -------
    list of ScanHeader

    Raises
    ------
    TypeError, ValueError
        If the script is illegal; the message has the number of the scan, from 1, and the reason.

    Notes
    -----
    A progressive script may end early, as libjpeg's may: T.81 does not ask for all bits of all coefficients.
    The first DC scan of each component is needed.

    Examples
    --------
    >>> from jpeg_from_scratch.jpeg_data import FrameComponent
    >>> grey = FrameHeader(0xC2, 8, 16, 16, (FrameComponent(1, 1, 1, 0),))
    >>> [scan.spectral_end for scan in checked_script([((0,), 0, 0, 0, 0), ((0,), 1, 63, 0, 0)], grey, [0])]
    [0, 63]
    >>> checked_script([((0,), 0, 0, 0, 1), ((0,), 1, 63, 1, 0)], grey, [0])
    Traceback (most recent call last):
    ValueError: scan 2 of the script: Ah = 1 for coefficient 1 of component 0, of which 0 bits are missing
    """
    if not isinstance(scans, Sequence) or isinstance(scans, str):
        raise TypeError(f"the scan script is a {type(scans).__name__}, must be a sequence of scans")
    if not len(scans):
        raise ValueError("the scan script is empty")
    headers = [_header(n, entry, frame, numbers) for n, entry in enumerate(scans, 1)]
    problems = _progressive_problems if frame.is_progressive else _sequential_problems
    for n, problem in enumerate(problems(headers, frame), 1):
        if problem:
            raise _script_error(n, problem)
    sent = {member.component for scan in headers if not _is_ac(scan, frame) for member in scan.components}
    for i in range(len(frame.components)):
        if i not in sent:
            raise ValueError(f"the script has no {'DC ' * frame.is_progressive}scan of component {i}")
    return headers


def _header(n: int, entry: ScriptEntry, frame: FrameHeader, numbers: Sequence[int]) -> ScanHeader:
    """Make the header of entry number `n` (B.2.3)."""
    members, band = _parts(n, entry, frame)
    count = len(frame.components)
    if not 1 <= len(members) <= MOST_COMPONENTS:
        raise _script_error(n, f"{len(members)} components, allowed are 1 ... {MOST_COMPONENTS}")
    if members[-1] >= count or list(members) != sorted(set(members)):
        raise _script_error(n, f"components {tuple(members)}, of 0 ... {count - 1}, each once and in order")
    factors = [(frame.components[i].h_samp, frame.components[i].v_samp) for i in members]
    blocks = sum(h_samp * v_samp for h_samp, v_samp in factors)
    if len(members) > 1 and blocks > MOST_BLOCKS:
        raise _script_error(n, f"an MCU of {blocks} blocks, allowed are {MOST_BLOCKS}")
    if frame.is_progressive:
        header = _progressive_header(members, band, numbers)
    else:
        ac_numbers = [0] * count if frame.is_lossless else numbers
        header = ScanHeader(tuple(ScanComponent(i, numbers[i], ac_numbers[i]) for i in members), *band)
    problem = scan_problem(frame, header)
    if problem:
        raise _script_error(n, problem)
    return header


def _parts(n: int, entry: ScriptEntry, frame: FrameHeader) -> tuple[list[int], list[int]]:
    """Take an entry apart: components; Ss, Se, Ah, Al."""
    name = f"scan {n} of the script"
    if not isinstance(entry, Sequence) or isinstance(entry, str | bytes):
        raise TypeError(f"{name} is {entry!r}, must be (components, Ss, Se, Ah, Al)")
    members: Any = entry
    band: Any = ALL_COEFFICIENTS
    if not entry or isinstance(entry[0], Sequence):
        if len(entry) != 5:
            raise ValueError(f"{name} is {entry!r}, must be (components, Ss, Se, Ah, Al)")
        members, *band = entry
    elif frame.is_progressive or frame.is_lossless:
        raise ValueError(f"{name} is {entry!r}; only a sequential scan is told by its components alone")
    return (
        [checked_integer(f"{name}: component", i, 0, 254) for i in members],
        [
            checked_integer(f"{name}: {key}", value, 0, 63)
            for key, value in zip(("Ss", "Se", "Ah", "Al"), band)
        ],
    )


def _progressive_problems(headers: Sequence[ScanHeader], frame: FrameHeader) -> Iterator[str]:
    """Say of each scan what is wrong with its place in the order (G.1.1.1.1, G.1.1.1.2)."""
    progression = Progression(len(frame.components))
    for scan in headers:
        repeated = ""
        for member in scan.components:
            missing = progression.missing[member.component, scan.spectral_start : scan.spectral_end + 1]
            if scan.approx_high == 0 and (missing >= 0).any():
                k = scan.spectral_start + int((missing >= 0).argmax())
                repeated = f"coefficient {k} of component {member.component} has been sent before"
        yield progression.add(scan) or repeated


def _sequential_problems(headers: Sequence[ScanHeader], frame: FrameHeader) -> Iterator[str]:
    """Say of each scan whether it repeats a component (B.2.3)."""
    sent: set[int] = set()
    for scan in headers:
        members = {member.component for member in scan.components}
        yield f"component {min(members & sent)} has been sent before" if members & sent else ""
        sent |= members


def _is_ac(scan: ScanHeader, frame: FrameHeader) -> bool:
    return frame.is_progressive and scan.spectral_start > 0


def _script_error(n: int, problem: str) -> ValueError:
    return ValueError(f"scan {n} of the script: {problem}")
