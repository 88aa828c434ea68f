# %% [markdown]
# # 7 · Arithmetic coding, or a whole picture in one number
# **Time**: 120 minutes · **Points**: 11
#
# **You will** put a thousand decisions into one fraction and get them out again, let a coder learn
# probabilities while it codes, and write the heart of JPEG's arithmetic coder, which must pass the
# standard's own test to the byte. **You will learn** how a symbol can cost 0.1 bits, why no
# probability is ever sent, and what beats Huffman: less the fractions of bits than the memory.
# **You need** lesson 6. A picture of your own goes in by its name: `PHOTO = "holiday.png"`.

# %%
import math
from fractions import Fraction
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from codec_eval import default_photograph, read_picture
from jpeg_from_scratch import arithmetic, encode, read, tables
from jpeg_from_scratch import scan_sequential_arithmetic as scans
from jpeg_from_scratch.color import rgb_to_ycbcr

PHOTO = None  # None is the photograph that Matplotlib ships
pixels = (read_picture(PHOTO) if PHOTO else default_photograph()).pixels
luma = rgb_to_ycbcr(pixels)[..., 0] if pixels.ndim == 3 else pixels
luma = np.ascontiguousarray(luma[:1024, :1024])
blocks = read(encode(luma, quality=75)).coefficients[0]  # (block row, block column, 8, 8)
flags = (blocks != 0).reshape(*blocks.shape[:2], 64)[..., tables.NATURAL_INDEX].astype(int)
BLUE, ORANGE = "#0072b2", "#d55e00"  # told apart by everybody

# %% [markdown]
# ## Why: a bit is too much
# Is this coefficient zero? Behind the first of each block that are 63 decisions between 0 and 1. At
# the end nearly all are zero: such a decision carries 0.1 bits, or 0.01. But a code has whole bits,
# and for two symbols Huffman's has one each, whatever their probabilities are.

# %%
share = np.clip(flags.mean(axis=(0, 1))[1:], 1e-9, 1 - 1e-9)
needed = -share * np.log2(share) - (1 - share) * np.log2(1 - share)
fig, axis = plt.subplots(figsize=(10, 3.2), layout="constrained")
axis.bar(range(1, 64), 1, color="#dddddd", label="Huffman")
axis.bar(range(1, 64), needed, color=BLUE, label="entropy")
axis.plot(range(1, 64), share, "o", color=ORANGE, ms=4, label="share that is there")
axis.set(title=f"63 flags: {needed.sum():.1f} bits", xlabel="zigzag place", ylabel="bits; share")
axis.legend(loc="upper right", framealpha=1)
plt.show()

# %% [markdown]
# In lesson 6 a code was an interval of numbers, $2^{-l}$ long. What if it may have *any* length?
# ## The mathematics: intervals in intervals
# Divide the line from 0 to 1: the lower part for decision 0, as long as that is probable, the upper
# for 1. Take the part of the first decision, and divide that for the second in the same way, and so
# on. After $n$ decisions the interval is as long as they are probable together, $\prod p_i$. To say
# where it is takes about $-\log_2 \prod p_i = \sum -\log_2 p_i$ bits: for each decision what it
# carries, and rounded up *once*, for the whole message.
# ### Exercise 7.1 – narrow the interval


# %%
def interval(decisions, zero):
    """Return (low, size) of decisions' interval; `zero`, a Fraction, is the probability of 0."""
    # BEGIN SOLUTION
    low, size = Fraction(0), Fraction(1)
    for decision in decisions:
        low += size * zero * decision
        size *= (1 - zero) if decision else zero
    return low, size
    # END SOLUTION


# %%
def check_7_1(fn=interval):
    zero = Fraction(3, 4)
    cases = [([], 0, 1), ([0], 0, zero), ([1], zero, 1 - zero)]
    for decisions, low, size in [*cases, ([1, 1, 0], Fraction(15, 16), Fraction(3, 64))]:
        found, given = fn(decisions, zero), f"{decisions}, P(0) = 3/4"
        assert np.shape(found) == (2,), f"low and size are asked for, not {found}"
        assert found[1] == size, f"{given}: size {size}, not {found[1]}: a product of probabilities"
        assert found[0] == low, f"{given}: from {low}, not {found[0]}. What lies below part 1?"


# %%
check_7_1()  # 1 point

# %% [markdown]
# ### Exercise 7.2 – the shortest number
# Any number inside will do. Take the one with the fewest bits behind the point: try 0 bits, 1, 2 …
# With $n$ bits there are the multiples of $2^{-n}$. Which is the first that is not below `low`?


# %%
def shortest(low, size):
    """Return the shortest binary fraction f, low ≤ f < low + size: "" is 0, "1" ½, "01" ¼."""
    # BEGIN SOLUTION
    n = 0
    while math.ceil(low * 2**n) >= (low + size) * 2**n:
        n += 1
    return format(math.ceil(low * 2**n), f"0{n}b") if n else ""
    # END SOLUTION


# %%
def check_7_2(fn=shortest):
    cases = [(0, 1, 1, ""), (8, 8, 24, "1"), (3, 5, 24, "01"), (9, 3, 24, "011"), (16, 8, 24, "11")]
    for first, length, whole, right in [*cases, (15, 1, 16, "1111"), (4, 1, 24, "0011")]:
        low, size = Fraction(first, whole), Fraction(length, whole)
        bits = fn(low, size)
        assert isinstance(bits, str), f"a string of 0 and 1, please, not {bits!r}"
        value = Fraction(int("0" + bits, 2), 2 ** len(bits))
        outside = f"0.{bits} is {value}, not in {low} … {low + size}: rounded down, or a zero lost?"
        assert low <= value < low + size, outside
        assert bits == right, f"in {low} … {low + size} is 0.{right or 0}, shorter than 0.{bits}"


# %%
check_7_2()  # 2 points

# %% [markdown]
# ### Exercise 7.3 – and back
# The decoder has the number and knows `zero`. In which part does the number lie? That is the first
# decision; narrow, and ask again. Nothing says where to stop: it must be told how many there are.


# %%
def decisions_of(bits, zero, count):
    """Return the list of `count` decisions whose interval holds the binary fraction 0.bits."""
    # BEGIN SOLUTION
    number, decisions = Fraction(int("0" + bits, 2), 2 ** len(bits)), []
    for _ in range(count):
        decisions.append(int(number >= zero))
        number = (number - zero) / (1 - zero) if decisions[-1] else number / zero
    return decisions
    # END SOLUTION


# %%
def check_7_3(fn=decisions_of):
    for bits, whole, right in (("1", 3, [1, 0, 1, 1]), ("", 2, [0, 0]), ("1", 2, [1, 0])):
        zero = Fraction(1, whole)
        found, given = fn(bits, zero, len(right)), f"0.{bits or 0} with P(0) = {zero}"
        assert np.shape(found) == (len(right),), f"{len(right)} decisions, please, not {found}"
        assert found[0] == right[0], f"{given} begins with {right[0]}: the edge is the upper part's"
        assert found == right, f"{given}: {right}, not {found}. Is each part divided anew?"


# %%
check_7_3()  # 2 points

# %%
message, zero = [0, 0, 1, 0, 0, 0], Fraction(4, 5)
some = flags[..., 35].ravel()[:1000].tolist()
many = shortest(*interval(some, 1 - Fraction(sum(some), len(some))))
fig, axis = plt.subplots(figsize=(9, 4), layout="constrained")
for row in range(len(message) + 1):
    low, size = interval(message[:row], zero)
    axis.barh(-row, [zero, 1 - zero], 0.4, [0, zero], color=["#56b4e9", "#e69f00"])
    axis.text(-0.01, -row, f"{float(low):.4f}", ha="right", va="center")
    axis.text(1.01, -row, f"{float(low + size):.4f}", va="center")
    for x, end in zip([zero, 1] if row == message.index(1) else [0, zero], (0, 1)):
        axis.plot([x, end], [-row - 0.2, -row - 0.8], "k:")
axis.set(title=f"0.{shortest(low, size)} is in all; {len(some)} flags (place 35): {len(many)} bits")
axis.set(xticks=[0.4, 0.9], xticklabels=["0", "1"], xlim=(-0.1, 1.1), ylim=(-6.25, 0.4))
axis.set(yticks=range(0, -7, -1), yticklabels=range(7), xlabel="decision", ylabel="decisions known")
plt.show()

# %% [markdown]
# ## Learning while coding
# Who tells the decoder `zero`? Nobody. Both sides count what has come so far: if $n_k$ of $i$
# decisions were $k$, the next one is $k$ with probability $(n_k + 1)/(i + 2)$ (*Laplace's rule*, as
# if there had been one of each at the beginning). The decoder knows all that this takes.
# ### Exercise 7.4 – what an adaptive code costs
# `np.cumsum` counts, for all decisions at once. But mind: what is known *before* a decision?


# %%
def adaptive_bits(decisions):
    """Return the bits, a float, that (n,) decisions 0 and 1 take with Laplace's probabilities."""
    # BEGIN SOLUTION
    decisions, i = np.asarray(decisions), np.arange(len(decisions))
    ones = np.cumsum(decisions) - decisions
    same = np.where(decisions == 1, ones, i - ones)
    return -np.log2((same + 1) / (i + 2)).sum()
    # END SOLUTION


# %%
def check_7_4(fn=adaptive_bits):
    for decisions, product in (([1], 2), ([0, 0], 3), ([1, 1, 1, 0], 20), ([1, 0] * 3, 140)):
        bits, right = fn(np.array(decisions)), math.log2(product)
        assert np.ndim(bits) == 0, f"one number is asked for, the sum of all, not {bits}"
        hint = "is decision i itself counted?" if bits < right - 1e-9 else "i + 2, and + 1?"
        assert math.isclose(bits, right), f"{decisions}: {right:.3f} bits, not {bits:.3f}; {hint}"


# %%
check_7_4()  # 2 points

# %%
there, place = flags[..., 1:], np.zeros_like(flags[..., 1:]) + np.arange(63)
last = np.pad(there, ((0, 0), (0, 0), (1, 0)))[..., :-1]  # was the coefficient before there?
left = np.pad(there, ((0, 0), (1, 0), (0, 0)))[:, :-1]  # was this one, in the block to the left?
memory = {"one counter": 0 * place, "one for each place": place}
memory |= {"… and the one before": 2 * place + last, "… and left": 4 * place + 2 * last + left}
fig, axis = plt.subplots(figsize=(10, 2.6), layout="constrained")
bits = [sum(adaptive_bits(there[w == c]) for c in np.unique(w)) for w in memory.values()]
names, kilobytes = ["Huffman, a bit each", *memory], np.array([there.size, *bits]) / 8000
axis.bar_label(axis.barh(names, kilobytes, color=BLUE), fmt=" %.1f")
axis.set(
    title="Which coefficients are there? All flags of the picture", xlabel="kB", ylim=(4.5, -0.5)
)
plt.show()

# %% [markdown]
# Fractions of bits save a quarter; to know more, nearly half of the rest. Which decisions share a
# counter is the *model*; there lies the art. (Huffman's way out are run-lengths, lesson 5: cheap
# decisions go together until they are worth a symbol. But there is one table for all of them.)
# ## JPEG's coder: no fractions, no product
# Fractions grow without end. The QM-coder (T.81, Annex D) keeps a *window*: C, the low end, and A,
# the size, of 16 bits. If A falls below X'8000', both are doubled, and a bit of C leaves on the
# left. C grows by addition, so a carry may still run after it: 0.0111 + 0.0001 is 0.1000. The last
# byte waits for that, and bytes X'FF' behind it, which would pass it on, are counted.
# And a product was slow. Doubling keeps A near its unit, X'AAAA'. So A times the probability of the
# *less probable* symbol, LPS, is about that probability in this unit, **Qe**. Take that! The lower
# part, A − Qe, is for the more probable one, MPS, the upper part, Qe, for the LPS. Should the upper
# part be the larger one, the two symbols change places.
# ### Exercise 7.5 – the heart of the QM-coder (Figures D.3, D.4)


# %%
def qm_step(a, c, qe, probable):
    """Return A and C after a decision, not yet doubled; `probable` says whether it is the MPS."""
    # BEGIN SOLUTION
    rest = a - qe
    return (rest, c) if probable == (rest >= qe) else (qe, c + rest)
    # END SOLUTION


# %%
def coder(step):  # the library's encoder, with another heart
    def code(self, bins, s, decision):
        probable = decision == bins.mps[s]
        self.a, self.c = step(self.a, self.c, bins.qe(s), probable)
        if self.a < 0x8000:  # always so after an LPS
            (bins.estimate_after_mps if probable else bins.estimate_after_lps)(s)
            self._renormalise()

    return type("Coder", (arithmetic.Encoder,), {"code": code})


def check_7_5(fn=qm_step):
    for a, qe, parts in ((0x10000, 0x5A1D, "lower upper"), (0xA5E3, 0x5A1D, "upper lower")):
        for name, part in zip(("MPS", "LPS"), parts.split()):
            right = (a - qe, 7) if part == "lower" else (qe, 7 + a - qe)
            found, given = fn(a, 7, qe, name == "MPS"), f"A {a:#x}, C 7, Qe {qe:#x}, {name}"
            assert found == right, f"{given}: take the {part} part, A and C {right}, not {found}"
    test = 0x00020051000000C00352872AAAAAAAAA82C02000FCD79EF674EAABF7697EE74C  # K.4.1
    encoder, bins = coder(fn)(), arithmetic.Bins(1)
    for bit in format(test, "0256b"):
        encoder.code(bins, 0, int(bit))
    right = "655b5144f7969d517855bfff00fc5184c7cef93900287d46708ecbc0f6"
    assert encoder.flush().hex() == right, "T.81's test K.4.1 fails: do you compare A − Qe with Qe?"


# %%
check_7_5()  # 4 points

# %% [markdown]
# **The library** has this in `arithmetic.Encoder.code`, and the models of F.1.4 below it. A counter
# is a row of Table D.3: after an MPS comes, as a rule, one of a smaller Qe, after an LPS a larger.
# So it forgets, and can follow the picture (left). Now a file goes through your step (right).

# %%
scans.Encoder = coder(qm_step)
Path("my_arithmetic.jpg").write_bytes(encode(luma, arithmetic=True, backend="reference"))
scans.Encoder = arithmetic.Encoder
encoder, bins, estimates = coder(qm_step)(), arithmetic.Bins(1), []
for decision in (decisions := flags[..., 10].ravel().tolist()):
    encoder.code(bins, 0, decision)
    estimates.append(abs(bins.mps[0] - bins.qe(0) / 0xAAAA))
fig, axes = plt.subplots(1, 2, figsize=(12, 3.6), layout="constrained")
axes[0].plot(estimates, color="#56b4e9", lw=0.6)
axes[0].plot(np.convolve(decisions, [1 / 150] * 150, "same"), color="k")
axes[0].set(title="Coefficient 10: estimate, mean of 150 blocks (black)", ylim=(0, 1))
axes[0].set(xlabel="block", ylabel="probability", xlim=(75, len(estimates) - 75))
qualities = (5, 10, 20, 35, 50, 65, 75, 85, 95)
typical = np.array([len(encode(luma, quality)) for quality in qualities])
for option, colour in (("optimize", ORANGE), ("arithmetic", BLUE)):
    sizes = np.array([len(encode(luma, quality, **{option: True})) for quality in qualities])
    axes[1].plot(qualities, 100 * sizes / typical, "o-", color=colour, label=f"{option}=True")
axes[1].set(title="The file", xlabel="quality", ylabel="% of that with typical tables")
axes[1].legend()
plt.show()

# %% [markdown]
# ## In practice
# Few programs read arithmetic JPEG: patents stood in its way. H.264, HEVC and AV1 live by
# adaptive arithmetic coding; learned codecs have range coders, which keep the product (lesson 14).
# ## Sources
# ITU-T T.81, Annex D, F.1.4, K.4.1 · I. Witten, R. Neal, J. Cleary, Comm. ACM 30, 1987
