"""Annex D and F.1.4 – the QM-coder and its models: the standard's vectors, exact intervals, bins by hand."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jpeg_from_scratch import tables
from jpeg_from_scratch.arithmetic import (
    AC_BINS,
    DC_BINS,
    DC_X1,
    Bins,
    Decoder,
    Encoder,
    ImpossibleValue,
    decode_ac,
    decode_difference,
    difference_class,
    encode_ac,
    encode_difference,
)
from jpeg_from_scratch.scan_progressive_arithmetic import encode_refinement

BOUNDED = settings(derandomize=True, max_examples=60, deadline=None)
EOI = b"\xff\xd9"
# K.4.1 – Test sequence for a small data set for the arithmetic coder
INPUT = bytes.fromhex("00020051000000C00352872AAAAAAAAA82C02000FCD79EF674EAABF7697EE74C")
CODED = bytes.fromhex("655B5144F7969D517855BFFF00FC5184C7CEF93900287D46708ECBC0F6")


def bits_of(data: bytes) -> list[int]:
    """Return the bits of a byte sequence, the highest first."""
    return [byte >> i & 1 for byte in data for i in range(7, -1, -1)]


def random_decisions(seed: int, count: int, contexts: int) -> list[tuple[int, int]]:
    """Return (bin, decision) pairs; each bin has its own probability, some of them extreme."""
    rng = np.random.default_rng(seed)
    probabilities = rng.choice([0.0005, 0.01, 0.1, 0.4, 0.5, 0.8, 0.999], contexts)
    places = rng.integers(0, contexts, count)
    return [(int(s), int(rng.random() < probabilities[s])) for s in places]


def encoded(decisions: list[tuple[int, int]], contexts: int) -> bytes:
    """Code decisions."""
    encoder, bins = Encoder(), Bins(contexts)
    for s, decision in decisions:
        encoder.code(bins, s, decision)
    return encoder.flush()


# Annex D – the coder


def test_k41_encoder() -> None:
    """256 decisions of one context become the 29 bytes that the standard prints, with a stuffed zero."""
    assert encoded([(0, bit) for bit in bits_of(INPUT)], 1) == CODED


def test_k41_decoder() -> None:
    """The bytes give the decisions again; none behind them is read."""
    decoder, bins = Decoder(CODED + EOI + b"slack", 0), Bins(1)
    assert [decoder.decode(bins, 0) for _ in range(256)] == bits_of(INPUT)
    assert decoder.position == len(CODED)
    assert not decoder.past_end


def test_d3_states_form_a_machine() -> None:
    """113 rows; an MPS never raises Qe, an LPS never lowers it much; only rows near one half turn the MPS."""
    rows = tables.ESTIMATION
    assert len(rows) == 113
    reached = {0}
    while True:
        more = reached | {n for i in reached for n in rows[i][1:3]}
        if more == reached:
            break
        reached = more
    assert reached == set(range(113)), "every row is reached from the first"
    for i, (qe, next_lps, next_mps, switch) in enumerate(rows):
        assert rows[next_mps][0] <= qe or (i, next_mps) in {(35, 9), (112, 111)} or qe < 0x5A7F, i
        assert rows[next_lps][0] >= qe or switch or qe > 0x5000, i
        assert switch == 0 or qe >= 0x5500, i
    assert [i for i, row in enumerate(rows) if row[3]] == [0, 14, 36, 64, 80, 88, 95, 105, 110, 112]


class ExactCoder:
    """The interval as whole numbers of any length: no bytes, no carry, no stack."""

    def __init__(self) -> None:
        self.low, self.size, self.shifts = 0, 0x10000, 0

    def code(self, bins: Bins, s: int, decision: int) -> None:
        """Narrow the interval."""
        qe, is_mps = bins.qe(s), decision == bins.mps[s]
        lower = self.size - qe
        takes_lower = is_mps != (lower < qe and lower < 0x8000)
        if not takes_lower:
            self.low += lower
        self.size = lower if takes_lower else qe
        if is_mps and lower >= 0x8000:
            return
        (bins.estimate_after_mps if is_mps else bins.estimate_after_lps)(s)
        while self.size < 0x8000:
            self.low, self.size, self.shifts = 2 * self.low, 2 * self.size, self.shifts + 1


@pytest.mark.parametrize("seed", range(40))
def test_d1_the_bytes_are_a_number_in_the_exact_interval(seed: int) -> None:
    """And no number with fewer bytes lies in it."""
    decisions = random_decisions(seed, 300 + 40 * seed, 5)
    exact, bins = ExactCoder(), Bins(5)
    for s, decision in decisions:
        exact.code(bins, s, decision)
    data = encoded(decisions, 5)
    plain = data.replace(b"\xff\x00", b"\xff")
    scale = Fraction(1, 1 << exact.shifts + 16)
    low, high = exact.low * scale, (exact.low + exact.size) * scale
    # The first bit of the first byte has the weight of A = X'8000', one half of X'10000'.
    number = Fraction(int.from_bytes(plain), 1 << 8 * len(plain))
    assert low <= number < high
    assert not plain or plain[-1] != 0
    shorter = Fraction(-(-low * (1 << 8 * len(plain) - 8)).__floor__(), 1 << 8 * len(plain) - 8)
    assert shorter >= high, "a number of fewer bytes would have done"


class WatchedEncoder(Encoder):
    """Count how often a carry met stacked bytes, and how often it made the last byte X'FF'."""

    def __init__(self) -> None:
        super().__init__()
        self.carries: list[tuple[int, bool]] = []

    def _carry(self) -> None:
        self.carries.append((self.st, self.data[-1] == 0xFE))
        super()._carry()


@pytest.mark.parametrize("length", [1, 2, 3, 10, 40])
@pytest.mark.parametrize("first", [0x38, 0xFF])
def test_d16_the_carry_runs_through_stacked_bytes(first: int, length: int) -> None:
    """A number like 38 00 00 00 5A ...: from below, the encoder has 37 FF FF FF until the first one-bit.

    With X'FF' as the first byte, the carry makes it out of X'FE', and stuffs a zero.
    """
    number = bytes((first, *[0] * length, *b"\x5a\x33" * 8))
    decoder = Decoder(number.replace(b"\xff", b"\xff\x00") + EOI, 0)
    decisions = [decoder.decode_fixed() for _ in range(8 * length + 60)]
    encoder = WatchedEncoder()
    for decision in decisions:
        encoder.code_fixed(decision)
    assert max(encoder.carries) == (length - 1, first == 0xFF)
    data = encoder.flush()
    assert data.replace(b"\xff\x00", b"\xff")[: length + 2] == number[: length + 2]
    decoder = Decoder(data + EOI, 0)
    assert [decoder.decode_fixed() for _ in decisions] == decisions


def test_d16_stacked_bytes_without_a_carry() -> None:
    """500,000 decisions: byte pairs X'FF 00', some of them side by side, and all decisions again."""
    decisions = random_decisions(1, 500_000, 9)
    data = encoded(decisions, 9)
    assert data.count(b"\xff\x00") > 50
    decoder, bins = Decoder(data + EOI, 0), Bins(9)
    assert all(decoder.decode(bins, s) == decision for s, decision in decisions)
    assert decoder.position == len(data)
    ones = Encoder()
    for _ in range(80):
        ones.code_fixed(1)
    assert ones.flush()[:16] == b"\xff\x00" * 8


@BOUNDED
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 1)), max_size=400), st.binary(max_size=3))
def test_d2_decoding_inverts_encoding(decisions: list[tuple[int, int]], behind: bytes) -> None:
    """Whatever stands behind the marker; no byte beyond it is read."""
    data = encoded(decisions, 4)
    decoder, bins = Decoder(data + EOI + behind, 0), Bins(4)
    assert [decoder.decode(bins, s) for s, _ in decisions] == [decision for _, decision in decisions]
    assert decoder.position <= len(data)


@pytest.mark.parametrize("decisions", [[], [0], [1], [0] * 1000, [1] * 1000, [0, 1] * 500])
def test_d2_short_and_monotonous_sequences(decisions: list[int]) -> None:
    """Nothing; one decision; all equal."""
    data = encoded([(0, decision) for decision in decisions], 1)
    decoder, bins = Decoder(data + EOI, 0), Bins(1)
    assert [decoder.decode(bins, 0) for _ in decisions] == decisions
    assert len(data.replace(b"\xff\x00", b"\xff")) <= (20 if len(set(decisions)) < 2 else 126)


def test_d1_an_empty_segment_has_no_bytes() -> None:
    """Zero is the number with the most zeros at its end, and all its bytes are left out."""
    assert Encoder().flush() == b""


@pytest.mark.parametrize("ones", [0.5, 1.0])
def test_the_fixed_estimate_never_learns(ones: float) -> None:
    """8000 decisions take about 1000 bytes, even if all are equal: Qe is not quite one half."""
    decisions = (np.random.default_rng(3).random(8000) < ones).astype(int).tolist()
    encoder = Encoder()
    for decision in decisions:
        encoder.code_fixed(decision)
    data = encoder.flush()
    assert 0.9 < len(data.replace(b"\xff\x00", b"\xff")) / 1000 < 1.06
    decoder = Decoder(data + EOI, 0)
    assert [decoder.decode_fixed() for _ in decisions] == decisions


def test_d26_zeros_behind_a_marker() -> None:
    """A segment that lost its end decodes as if zeros stood there; legal before a marker, not else."""
    cut = CODED[:9]
    padded, before_marker, at_end = (
        Decoder(data, 0) for data in (cut + bytes(60), cut + b"\xff\xff" + EOI, cut + b"\xff\xff")
    )
    runs = []
    for decoder in (padded, before_marker, at_end):
        bins = Bins(1)
        runs.append([decoder.decode(bins, 0) for _ in range(256)])
    assert runs[0] == runs[1] == runs[2]
    assert (before_marker.past_end, at_end.past_end) == (False, True)
    assert before_marker.position == at_end.position == len(cut)


def test_d26_fill_bytes_before_a_stuffed_zero() -> None:
    """X'FF FF FF 00' is one byte X'FF', as libjpeg-turbo reads it."""
    filled = CODED.replace(b"\xff\x00", b"\xff\xff\xff\x00")
    decoder, bins = Decoder(filled + EOI, 0), Bins(1)
    assert [decoder.decode(bins, 0) for _ in range(256)] == bits_of(INPUT)


def test_many_fill_bytes_are_passed_once() -> None:
    """A decoder at a marker behind a million fill bytes asks for zeros without looking at them again."""
    decoder, bins = Decoder(b"\xff" * 1_000_000 + b"\xd9", 0), Bins(1)
    for _ in range(20_000):
        decoder.decode(bins, 0)
    assert decoder.position == 0


def test_no_byte_is_read_before_it_is_needed() -> None:
    """The position is where libjpeg-turbo's decoder stands, so that left-over bytes can be told."""
    decoder, bins = Decoder(b"\x80" + bytes(8), 0), Bins(1)
    positions = []
    for _ in range(12):
        decoder.decode(bins, 0)
        positions.append(decoder.position)
    # Two bytes at the start. The second decision halves the interval; the third byte is read for the third.
    assert positions[:3] == [2, 2, 3]


# F.1.4 – the models, decision by decision


class Recorder(Encoder):
    """Writes down the bins and decisions instead of coding them; −1 stands for the fixed estimate."""

    def __init__(self) -> None:
        super().__init__()
        self.path: list[tuple[int, int]] = []

    def code(self, bins: Bins, s: int, decision: int) -> None:
        """Write a decision down."""
        self.path.append((s, decision))

    def code_fixed(self, decision: int) -> None:
        """Write a decision down."""
        self.path.append((-1, decision))


def path_of(code: Callable[[Encoder], None]) -> list[tuple[int, int]]:
    """Return the decisions that a function codes."""
    recorder = Recorder()
    code(recorder)
    return recorder.path


@pytest.mark.parametrize(
    ("difference", "expected"),
    [
        (0, "8:0"),
        (1, "8:1 9:0 10:0"),
        (-1, "8:1 9:1 11:0"),
        (2, "8:1 9:0 10:1 20:0"),
        (-3, "8:1 9:1 11:1 20:1 21:0 35:0"),
        (5, "8:1 9:0 10:1 20:1 21:1 22:0 36:0 36:0"),
        (-14, "8:1 9:1 11:1 20:1 21:1 22:1 23:0 37:1 37:0 37:1"),
    ],
)
def test_f4_bins_of_dc_differences(difference: int, expected: str) -> None:
    """Table F.4, S0 = 8: X1 is bin 20, the bits of Sz below its leading one are coded 14 bins further."""
    assert path_of(lambda encoder: encode_difference(encoder, Bins(49), 8, DC_X1, difference)) == path(
        expected
    )


def test_f4_the_largest_differences() -> None:
    """Sz = 32767 reaches X15 and M15, the last of the 49 bins."""
    found = path_of(lambda encoder: encode_difference(encoder, Bins(49), 16, DC_X1, -32768))
    yes = " ".join(f"{20 + i}:1" for i in range(14))
    assert found == path(f"16:1 17:1 19:1 {yes} 34:0" + 14 * " 48:1")
    with pytest.raises(ValueError, match="magnitude 32769, codes exist up to 32768"):
        encode_difference(Encoder(), Bins(49), 0, DC_X1, 32769)


@pytest.mark.parametrize(("lower", "upper"), [(low, up) for low in range(16) for up in range(low, 16)])
def test_f14412_classes_of_differences(lower: int, upper: int) -> None:
    """Against the rule as libjpeg-turbo applies it: by the leading bit of Sz."""
    for difference in {0, *(sign * (1 << n) + d for n in range(16) for d in (-1, 0, 1) for sign in (1, -1))}:
        sz = abs(difference) - 1
        leading = 0 if sz < 1 else 1 << sz.bit_length() - 1
        expected = 0
        if difference and leading >= 1 << lower >> 1:
            expected = (1 if difference > 0 else 2) + (2 if leading > 1 << upper >> 1 else 0)
        assert difference_class(difference, lower, upper) == expected, difference


def zigzag_of(**values: int) -> list[int]:
    """Return a zigzag sequence: ``k5=-1`` is coefficient 5."""
    zz = [0] * 64
    for name, value in values.items():
        zz[int(name[1:])] = value
    return zz


def path(text: str) -> list[tuple[int, int]]:
    """Read decisions: ``"4:0"`` is a 0 with bin 4, ``"f:1"`` a 1 with the fixed estimate."""
    items = (item.split(":") for item in text.split())
    return [(-1 if s == "f" else int(s), int(decision)) for s, decision in items]


RUN = " ".join(f"{3 * k - 2}:0" for k in range(1, 62))


@pytest.mark.parametrize(
    ("zz", "expected"),
    [
        pytest.param(zigzag_of(), "0:1", id="empty"),
        pytest.param(zigzag_of(k1=1), "0:0 1:1 f:0 2:0 3:1", id="one"),
        pytest.param(zigzag_of(k3=-2), "0:0 1:0 4:0 7:1 f:1 8:1 8:0 9:1", id="SP, SN and X1 share a bin"),
        pytest.param(
            zigzag_of(k5=3, k6=6),
            "0:0 1:0 4:0 7:0 10:0 13:1 f:0 14:1 14:1 189:0 203:0 "
            "15:0 16:1 f:0 17:1 17:1 217:1 218:0 232:0 232:1 18:1",
            id="up to Kx, and above",
        ),
        pytest.param(
            zigzag_of(k62=1, k63=1),
            f"0:0 {RUN} 184:1 f:0 185:0 186:0 187:1 f:0 188:0",
            id="no end behind the last coefficient",
        ),
    ],
)
def test_f5_bins_of_ac_coefficients(zz: list[int], expected: str) -> None:
    """Table F.5 with Kx = 5."""
    assert path_of(lambda encoder: encode_ac(encoder, Bins(245), zz, 1, 63, 5)) == path(expected)


@pytest.mark.parametrize(
    ("magnitudes", "expected"),
    [
        pytest.param({}, "9:1", id="empty"),
        pytest.param({4: 1}, "9:0 10:1 f:1 12:1", id="new"),
        pytest.param({4: 3}, "11:1 12:1", id="known: no end before it"),
        pytest.param({6: 2}, "10:0 13:0 17:0 18:1", id="zeros before a known one"),
        pytest.param({5: 2, 7: 1}, "10:0 14:0 15:0 16:0 19:1 f:1", id="the end is asked behind EOBx"),
    ],
)
def test_g2_bins_of_refinement(magnitudes: dict[int, int], expected: str) -> None:
    """Table G.2 for the band 4 ... 7: SE = 3 (K − 1), S0 = SE + 1, SC = SE + 2; all values negative."""
    values = [magnitudes.get(k, 0) for k in range(64)]
    code = partial(encode_refinement, bins=Bins(189), magnitudes=values, signs=[1] * 64, start=4, end=7)
    assert path_of(code) == path(expected)


def test_f14_differences_there_and_back() -> None:
    """Every length of numbers, both signs, in one stream with bins that learn."""
    rng = np.random.default_rng(5)
    numbers = [0, *(sign * ((1 << n) + d) for n in range(16) for d in (-1, 0) for sign in (1, -1))]
    values = rng.choice(numbers, 4000).tolist()
    encoder, bins = Encoder(), Bins(DC_BINS)
    for value in values:
        encode_difference(encoder, bins, 4, DC_X1, value)
    decoder, bins = Decoder(encoder.flush() + EOI, 0), Bins(DC_BINS)
    assert [decode_difference(decoder, bins, 4, DC_X1) for _ in values] == values


@BOUNDED
@given(st.data())
def test_f14_bands_there_and_back(data: st.DataObject) -> None:
    """Any coefficients in any band, for any Kx."""
    start = data.draw(st.integers(1, 63))
    end = data.draw(st.integers(start, 63))
    kx = data.draw(st.integers(1, 63))
    value = st.one_of(st.just(0), st.integers(-3, 3), st.integers(-32768, 32768))
    bands = data.draw(st.lists(st.lists(value, min_size=64, max_size=64), min_size=1, max_size=4))
    encoder, bins = Encoder(), Bins(AC_BINS)
    for zz in bands:
        encode_ac(encoder, bins, zz, start, end, kx)
    decoder, bins = Decoder(encoder.flush() + EOI, 0), Bins(AC_BINS)
    for zz in bands:
        expected = [(k, zz[k]) for k in range(start, end + 1) if zz[k]]
        assert list(decode_ac(decoder, bins, start, end, kx)) == expected


# What no encoder writes


def spelled(*path: tuple[int, int]) -> Iterator[Decoder]:
    """Yield a decoder that finds these decisions."""
    encoder, bins = Encoder(), Bins(AC_BINS)
    for s, decision in path:
        if s < 0:
            encoder.code_fixed(decision)
        else:
            encoder.code(bins, s, decision)
    yield Decoder(encoder.flush() + EOI, 0)


def test_f24_a_magnitude_above_32768() -> None:
    """A yes at X15 leads out of the tree."""
    (decoder,) = spelled((0, 1), (1, 0), (2, 1), *((20 + i, 1) for i in range(15)))
    with pytest.raises(ImpossibleValue):
        decode_difference(decoder, Bins(AC_BINS), 0, DC_X1)


def test_f24_zeros_past_the_end_of_a_band() -> None:
    """What was decoded before them is there; the error comes at the coefficient behind the last."""
    (decoder,) = spelled((0, 0), (1, 1), (-1, 1), (2, 0), (3, 0), (4, 0), (7, 0))
    values = decode_ac(decoder, Bins(AC_BINS), 1, 3, 5)
    assert next(values) == (1, -1)
    with pytest.raises(ImpossibleValue):
        next(values)
