"""The QM-coder for kernels: twin of `arithmetic` and of what `scan_sequential_arithmetic` has for all scans.

Why it is fast. A bin is one byte, Index · 2 + MPS; one look into a table gives Qe and both bytes that may
take its place. A is doubled as often as it must be in one shift. The decoder does not shift C at all: the
point within C moves instead (CT bits lie behind it), and C is compared with A shifted to there. And no
references are counted (`_jit.step`).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .._types import Array
from ..arithmetic import AC_BINS, DC_BINS, ESTIMATION, FIXED
from ..intervals import Status
from ..scan import Scan
from ._bit_reader import (
    BAD_CODE_AT,
    BAD_CODES,
    ENDED,
    MCU,
    POSITION,
    STARVED,
    STARVED_MCUS,
    after_restart,
    note_starved,
)
from ._bits import bit_length
from ._jit import jit, step
from ._scan import MAX_COMPONENTS

# The registers of a coder, an array of int64
A, C, CT = range(3)
AT, AT_MARKER, PAST_END, FAILED = range(3, 7)  # decoder: the offset of the byte that is read next
ST, WRITTEN, START = range(3, 6)  # encoder: bytes in the output, and where the segment starts there
NO_CODE = 6  # encoder: a number that the tree does not reach
REGISTERS = 7

LARGEST_SZ = (1 << 15) - 1
DC_OF, AC_OF = 0, MAX_COMPONENTS * DC_BINS  # where the areas start in the array of all bins
FIXED_BIN = AC_OF + MAX_COMPONENTS * AC_BINS
BINS = FIXED_BIN + 1
# A decision makes 15 shifts at most, less than two bytes, each with a stuffed zero; a number 36 decisions.
MOST_BYTES_OF_A_NUMBER = 36 * 4
MOST_BYTES_OF_A_BLOCK = 64 * MOST_BYTES_OF_A_NUMBER
DONE, PREMATURE_END, BAD_CODE, BAD_RESTART = map(int, Status)


def _transitions() -> Array:
    """Return Table D.3 by bin: Qe << 16 | the bin after an MPS << 8 | the bin after an LPS."""
    entries = []
    for qe, next_lps, next_mps, switch_mps in ESTIMATION:
        for mps in (0, 1):
            entries.append(qe << 16 | (next_mps << 1 | mps) << 8 | next_lps << 1 | mps ^ switch_mps)
    return np.array(entries, np.int64)


TRANSITIONS = _transitions()


def areas(destinations: Sequence[int], start: int, count: int) -> Array:
    """Return, per component of a scan, where its bins start; twin of `statistics_areas`."""
    found = np.zeros(MAX_COMPONENTS, np.int64)
    for j, destination in enumerate(destinations):
        found[j] = start + count * list(destinations).index(destination)
    return found


def model_arrays(scan: Scan) -> tuple[Array, Array, Array]:
    """Return where each component's DC and AC bins start, and its L, U and Kx, shape (4, 3), as int64."""
    members = scan.header.components
    bounds = np.zeros((MAX_COMPONENTS, 3), np.int64)
    for j, conditioning in enumerate(zip(scan.dc_conditioning, scan.ac_conditioning)):
        bounds[j] = (*conditioning[0], conditioning[1])
    return (
        areas([member.dc_table for member in members], DC_OF, DC_BINS),
        areas([member.ac_table for member in members], AC_OF, AC_BINS),
        bounds,
    )


@jit
def reset(bins):
    """Forget all statistics."""
    bins[:] = 0
    bins[FIXED_BIN] = FIXED << 1


@step
def difference_class(difference, lower, upper):
    """Twin of `arithmetic.difference_class`."""
    magnitude = abs(difference)
    if magnitude <= (1 << lower) >> 1:
        return np.int64(0)
    return 1 + np.int64(difference < 0) + 2 * np.int64(magnitude > (1 << upper))


# --------------------------------------------------------------------------------------------------
# Decoding


@jit
def start_decoder(q, data, position):
    """Figure D.22 – Initdec."""
    q[:] = 0
    q[AT] = position
    q[A] = 0x10000
    q[C] = byte_in(q, data) << 8
    q[C] |= byte_in(q, data)


@jit
def byte_in(q, data):
    """Twin of `Decoder._byte_in`: return the next byte, 0 from a marker on."""
    position = q[AT]
    if q[AT_MARKER] or position >= data.shape[0]:
        q[PAST_END] |= np.int64(q[AT_MARKER] == 0)
        q[AT_MARKER] = 1
        return np.int64(0)
    byte = np.int64(data[position])
    position += 1
    if byte == 0xFF:
        while position < data.shape[0] and data[position] == 0xFF:
            position += 1
        if position >= data.shape[0] or data[position] != 0:
            q[AT_MARKER] = 1
            q[PAST_END] = np.int64(position >= data.shape[0])
            return np.int64(0)
        position += 1
    q[AT] = position
    return byte


@step
def decode(q, data, bins, s):
    """Decode one decision with bin `s`; twin of `Decoder.decode`."""
    size, code, point = q[A], q[C], q[CT]
    if size < 0x8000:
        shift = 16 - bit_length(size)
        size <<= shift
        point -= shift
        while point < 0:
            code = code << 8 | byte_in(q, data)
            point += 8
        q[CT] = point
        q[C] = code
    state = np.int64(bins[s])
    entry = TRANSITIONS[state]
    qe = entry >> 16
    size -= qe
    decision = state & 1
    upper = size << point
    if code < upper:
        if size >= 0x8000:
            q[A] = size
            return decision
        exchanged = size < qe
    else:
        q[C] = code - upper
        exchanged = size >= qe
        size = qe
    q[A] = size
    if exchanged:
        bins[s] = entry & 0xFF
        return decision ^ 1
    bins[s] = entry >> 8 & 0xFF
    return decision


@step
def decode_magnitude(q, data, bins, first, x1, x2):
    """Twin of `Magnitude.decode`, plus one; −1 if there is none."""
    if decode(q, data, bins, first) == 0:
        return np.int64(1)
    if decode(q, data, bins, x1) == 0:
        return np.int64(2)
    length = np.int64(2)
    while decode(q, data, bins, x2 + length - 2):
        length += 1
        if length == 16:
            q[FAILED] = 1
            return np.int64(-1)
    sz = np.int64(1)
    for _ in range(length - 1):
        sz = sz << 1 | decode(q, data, bins, x2 + length + 12)
    return sz + 1


@step
def decode_difference(q, data, bins, s0, x1):
    """Twin of `arithmetic.decode_difference`; see ``q[FAILED]``."""
    if decode(q, data, bins, s0) == 0:
        return np.int64(0)
    negative = decode(q, data, bins, s0 + 1)
    magnitude = decode_magnitude(q, data, bins, s0 + 2 + negative, x1, x1 + 1)
    return -magnitude if negative else magnitude


@step
def decode_ac(q, data, bins, area, block, natural, band, kx, low):
    """Twin of `arithmetic.decode_ac`: decode a band into `block`, values times 2^`low`."""
    k, end = band
    while k <= end:
        s0 = area + 3 * k - 2
        if decode(q, data, bins, s0 - 1):
            return
        while decode(q, data, bins, s0) == 0:
            s0 += 3
            k += 1
            if k > end:
                q[FAILED] = 1
                return
        negative = decode(q, data, bins, FIXED_BIN)
        x2 = area + (189 if k <= kx else 217)
        magnitude = decode_magnitude(q, data, bins, s0 + 1, s0 + 1, x2)
        if magnitude < 0:
            return
        block[natural[k]] = np.int16((-magnitude if negative else magnitude) << low)
        k += 1


@jit
def next_interval(q, data, bins, state, mcu, restart_interval):
    """Find the next restart interval and start anew there. Returns whether its marker was found."""
    state[MCU], state[POSITION] = mcu, q[AT]
    if state[ENDED] == 0:
        after = after_restart(data, state[POSITION], (mcu // restart_interval - 1) % 8, False)
        if after < 0:
            return False
        state[POSITION], state[STARVED] = after, 0
    start_decoder(q, data, state[POSITION])
    reset(bins)
    return True


@jit
def settle(q, state, mcu, failed_before, strict):
    """After an MCU, note what was wrong; twin of `IntervalDecoder.decode_unit`. Returns a `Status`."""
    fails = q[FAILED] and not failed_before
    if strict and (q[PAST_END] or fails):
        state[MCU], state[POSITION] = mcu, q[AT]
        return PREMATURE_END if q[PAST_END] else BAD_CODE
    if q[PAST_END] and not failed_before:
        note_starved(state, q[AT])
    if fails:
        if state[BAD_CODE_AT] < 0:
            state[BAD_CODE_AT] = q[AT]
        state[BAD_CODES] += 1
    state[STARVED_MCUS] += state[STARVED]
    return DONE


# --------------------------------------------------------------------------------------------------
# Encoding


@jit
def start_encoder(q, written):
    """Figure D.12 – Initenc; `written`: where the segment starts in the output."""
    q[:] = 0
    q[A] = 0x10000
    q[CT] = 11
    q[WRITTEN] = written
    q[START] = written


@step
def encode(q, out, bins, s, decision):
    """Code one decision with bin `s`; twin of `Encoder.code`."""
    state = np.int64(bins[s])
    entry = TRANSITIONS[state]
    qe = entry >> 16
    size = q[A] - qe
    if decision == state & 1:
        if size >= 0x8000:
            q[A] = size
            return
        exchanged = size < qe
        bins[s] = entry >> 8 & 0xFF
    else:
        exchanged = size >= qe
        bins[s] = entry & 0xFF
    if exchanged:
        q[C] += size
        size = qe
    shift = 16 - bit_length(size)
    q[A] = size << shift
    if shift < q[CT]:
        q[C] <<= shift
        q[CT] -= shift
    else:
        shift_out(q, out, shift)


@jit
def shift_out(q, out, shift):
    """Shift C to the left by so many bits that at least one byte is complete."""
    while shift >= q[CT]:
        q[C] <<= q[CT]
        shift -= q[CT]
        byte_out(q, out)
        q[CT] = 8
    q[C] <<= shift
    q[CT] -= shift


@jit
def byte_out(q, out):
    """Twin of `Encoder._byte_out`."""
    byte = q[C] >> 19
    q[C] &= 0x7FFFF
    if byte == 0xFF:
        q[ST] += 1
        return
    written = q[WRITTEN]
    stacked = np.uint8(0xFF)
    if byte > 0xFF:
        out[written - 1] += np.uint8(1)
        if out[written - 1] == 0xFF:
            out[written] = 0
            written += 1
        stacked = np.uint8(0)
    for _ in range(q[ST]):
        out[written] = stacked
        written += 1
        if stacked:
            out[written] = 0
            written += 1
    q[ST] = 0
    out[written] = byte & 0xFF
    q[WRITTEN] = written + 1


@jit
def flush(q, out):
    """Twin of `Encoder.flush`; the end is in ``q[WRITTEN]``."""
    end = (q[C] + q[A] - 1) & ~0xFFFF
    q[C] = end if end >= q[C] else end + 0x8000
    q[C] <<= q[CT]
    byte_out(q, out)
    q[C] <<= 8
    byte_out(q, out)
    written = q[WRITTEN]
    while written > q[START] and out[written - 1] == 0:
        written -= 1
    if written > q[START] and out[written - 1] == 0xFF:
        out[written] = 0
        written += 1
    q[WRITTEN] = written


@jit
def restart_encoder(q, out, bins, m):
    """End an interval, put the marker RSTm, and start anew."""
    flush(q, out)
    written = q[WRITTEN]
    out[written] = 0xFF
    out[written + 1] = 0xD0 + m
    start_encoder(q, written + 2)
    reset(bins)


@step
def encode_magnitude(q, out, bins, first, x1, x2, magnitude):
    """Twin of `Magnitude.encode`; ``q[NO_CODE]`` takes what is too large."""
    sz = magnitude - 1
    if sz > LARGEST_SZ:
        q[NO_CODE] = magnitude
        return
    length = bit_length(sz)
    s = first
    for i in range(length):
        encode(q, out, bins, s, 1)
        s = x1 if i == 0 else x2 + i - 1
    encode(q, out, bins, s, 0)
    for i in range(length - 2, -1, -1):
        encode(q, out, bins, s + 14, sz >> i & 1)


@step
def encode_difference(q, out, bins, s0, x1, difference):
    """Twin of `arithmetic.encode_difference`."""
    if difference == 0:
        encode(q, out, bins, s0, 0)
        return
    encode(q, out, bins, s0, 1)
    negative = np.int64(difference < 0)
    encode(q, out, bins, s0 + 1, negative)
    encode_magnitude(q, out, bins, s0 + 2 + negative, x1, x1 + 1, abs(difference))


@step
def encode_ac(q, out, bins, area, block, natural, band, kx, low):
    """Twin of `arithmetic.encode_ac`, of magnitudes shifted right by `low`."""
    k, end = band
    last = end
    while last >= k and abs(np.int64(block[natural[last]])) >> low == 0:
        last -= 1
    while k <= last:
        s0 = area + 3 * k - 2
        encode(q, out, bins, s0 - 1, 0)
        value = np.int64(block[natural[k]])
        while abs(value) >> low == 0:
            encode(q, out, bins, s0, 0)
            s0 += 3
            k += 1
            value = np.int64(block[natural[k]])
        encode(q, out, bins, s0, 1)
        encode(q, out, bins, FIXED_BIN, np.int64(value < 0))
        x2 = area + (189 if k <= kx else 217)
        encode_magnitude(q, out, bins, s0 + 1, s0 + 1, x2, abs(value) >> low)
        k += 1
    if k <= end:
        encode(q, out, bins, area + 3 * (k - 1), 1)
