# %% [markdown]
# # 6 · Huffman coding, from probabilities to codes
# **Time**: 110 minutes · **Points**: 12
#
# **You will** turn counts into code lengths, lengths into codes, a decoder's search into one look –
# and give a photograph tables of your own, in a file that any viewer opens. **You will learn** why
# a code divides a line, why none beats the entropy, what a limit of 16 bits costs, and when the
# tables that everybody uses are bad ones. **You need** lesson 1 (entropy); lesson 5 explains the
# symbols. A picture of your own goes in by its name: `PHOTO = "holiday.png"`.

# %%
from collections import Counter
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from codec_eval import default_photograph, read_picture
from jpeg_from_scratch import encode, huffman, read
from jpeg_from_scratch.coefficients import run_length, zigzag
from jpeg_from_scratch.color import rgb_to_ycbcr

PHOTO = None  # None is the photograph that Matplotlib ships
pixels = (read_picture(PHOTO) if PHOTO else default_photograph()).pixels
luma = rgb_to_ycbcr(pixels)[..., 0] if pixels.ndim == 3 else pixels
luma = np.ascontiguousarray(luma[:1024, :1024])
blocks = read(encode(luma, quality=75)).coefficients[0].reshape(-1, 8, 8)
symbols = [symbol for block in blocks for symbol, _ in run_length(zigzag(block))]
counts = Counter(symbols)  # a dictionary: symbol to how often it occurs
entropy = -sum(n / len(symbols) * np.log2(n / len(symbols)) for n in counts.values())
BLUE, ORANGE = "#0072b2", "#d55e00"  # told apart by everybody

# %% [markdown]
# ## Why: some things happen all the time
# Transform, rounding and run-lengths have made our photograph 67,908 symbols: "skip so many zeros;
# then comes a number of so many bits". 53 different ones occur, and six bits could name each. That
# would be 51 kB, more than the whole JPEG file (47 kB), which has the numbers, too. But "no zeros,
# then ±1" is every third symbol, and others come once. Morse gave E one dot, and Q four signs. How
# long *should* a code be? An event of probability $p$ carries $-\log_2 p$ bits (lesson 1).

# %%
ideal = np.full((16, 11), np.nan)
for symbol, n in counts.items():
    ideal[symbol >> 4, symbol & 15] = -np.log2(n / len(symbols))
fig, axis = plt.subplots(figsize=(8, 5.5), layout="constrained")
axis.imshow(ideal, cmap="cividis_r", aspect="auto", vmin=0, vmax=17)
for (run, size), bits in np.ndenumerate(ideal):
    label = "" if np.isnan(bits) else f"{bits:.1f}"
    axis.text(size, run, label, ha="center", va="center", color="w" if bits > 8 else "k")
axis.set(title="What each symbol should cost: $-\\log_2 p$, in bits", xticks=range(11))
axis.set(xlabel="bits of the number (0: none)", ylabel="zeros before it", yticks=range(16))
plt.show()

# %% [markdown]
# ## The mathematics: a code divides the line
# Codes follow each other without a comma, so none may be the beginning of another (*prefix code*).
# Put "0." before a stream of bits: it becomes a number between 0 and 1. All numbers that begin with
# a certain code of $l$ bits fill an interval $2^{-l}$ long, and those intervals do not overlap:
#
# $$\sum_k 2^{-l_k} \le 1 \qquad \text{(Kraft's inequality).}$$
#
# The other way round, lengths that keep to it have a code: lay their intervals end to end, the
# longest first. So a file need not say which codes, only how long they are. In whole numbers: start
# with zeros; the next code is the last plus one; where lengths grow, then put zeros behind. Such
# codes are **canonical** (T.81, Annex C). Lengths 2, 2, 3 have `00`, `01`, `100`.
# ### Exercise 6.1 – lengths to codes


# %%
def canonical(lengths):
    """Return the codes of ascending lengths as strings of 0 and 1: [1, 2, 2] gives 0, 10, 11."""
    # BEGIN SOLUTION
    codes, code, before = [], 0, 0
    for length in lengths:
        code <<= length - before
        codes.append(format(code, f"0{length}b"))
        code, before = code + 1, length
    return codes
    # END SOLUTION


# %%
def check_6_1(fn=canonical):
    codes, right = fn([2, 3, 5, 5]), ["00", "010", "01100", "01101"]
    assert np.shape(codes) == (4,), f"four lengths give a list of four codes; yours: {codes}"
    for code, wanted in zip(codes, right):
        assert isinstance(code, str), f"a code is a string, for 00 is not 0; yours: {code!r}"
        assert len(code) == len(wanted), f"{code} should have {len(wanted)} bits: leading zeros?"
    hint = "add one *before* you put zeros behind" if codes[1][:2] == codes[0] else "count upwards"
    assert codes == right, f"2, 3, 5, 5: {right}, not {codes}; {hint}"


# %%
check_6_1()  # 2 points

# %% [markdown]
# **The library** has `huffman.canonical_codes` (Figure C.2). Which lengths are best? The smallest
# mean $\sum p_k l_k$ under Kraft's condition is the entropy $H$, at $l_k = -\log_2 p_k$. No code
# beats that. These are no whole numbers; all rounded up, they cost less than $H + 1$.
# Huffman found the best whole ones by beginning at the *end*: the two rarest symbols get the
# longest codes, equal but for the last bit. So tie them together: now they are one symbol, as
# frequent as both. Go on until one is left. Each tie makes all codes in both groups a bit longer.
# ### Exercise 6.2 – Huffman's construction


# %%
def huffman_lengths(counts):
    """Return a dictionary: symbol to the length of its code, for {symbol: count}, two or more."""
    # BEGIN SOLUTION
    groups = [(count, i, [symbol]) for i, (symbol, count) in enumerate(counts.items())]
    lengths = dict.fromkeys(counts, 0)
    while len(groups) > 1:
        (count, i, rare), (other, _, next_rare), *groups = sorted(groups)
        groups.append((count + other, i, rare + next_rare))
        for symbol in rare + next_rare:
            lengths[symbol] += 1
    return lengths
    # END SOLUTION


# %%
def check_6_2(fn=huffman_lengths):
    for each, best in (((1, 1, 1, 1), 8), ((15, 7, 6, 6, 5), 87), ((32, 16, 8, 4, 2, 1), 119)):
        given = dict(zip("abcdef", each))
        lengths = fn(dict(given))
        assert {*(lengths or {})} == {*given}, f"a length for each of {[*given]}, not {lengths}"
        kraft = sum(2.0**-n for n in lengths.values())
        assert kraft <= 1, f"no code has the lengths {lengths}: their Kraft sum is {kraft:.2f}"
        cost = sum(given[symbol] * length for symbol, length in lengths.items())
        hint = {9: "does a group count as all in it?", 89: "do not split from the top, join"}
        hint = hint.get(cost, "do the two rarest join each time, and all their codes grow?")
        assert cost == best, f"counts {each} take {best} bits, yours {cost}: {hint}"


# %%
check_6_2()  # 3 points

# %%
own = huffman_lengths(counts)
top = sorted(own, key=counts.get, reverse=True)
shares = {1: [counts[s] / len(symbols) for s in top], 0: [2.0 ** -own[s] for s in top]}
fig, axis = plt.subplots(figsize=(11, 3), layout="constrained")
for row, widths in shares.items():
    left = np.cumsum([0, *widths[:-1]])
    axis.barh(
        row, widths, 0.7, left, color=["#56b4e9", "#cfe8f7"] * len(top), edgecolor="w", lw=0.5
    )
    for symbol, x, width in zip(top[:11], left, widths):
        name = f"{symbol >> 4}/{symbol & 15}" if symbol else "end"
        axis.text(x + width / 2, row, name, ha="center", va="center", size=8)
mean = sum(counts[s] * own[s] for s in own) / len(symbols)
axis.set(title=f"The line, divided: entropy {entropy:.3f}, mean length {mean:.3f} bits a symbol")
axis.set(yticks=[0, 1], yticklabels=["$2^{-l}$: Huffman's", "$p$: the ideal"], xlim=(0, 1))
axis.set(xlabel="numbers that begin with the code of zeros/bits")
plt.show()

# %% [markdown]
# Powers of ½ for shares of any size, and yet the mean is 1.2 % above the entropy. That is luck: for
# a symbol of 99 % a whole bit is 69 times too much. Lesson 7 is about that.
# ## Decoding: from a loop to one look
# The plain way takes a bit, compares with the codes of that length, and takes another (T.81,
# F.2.2.3, DECODE). But see the line: the next 16 bits are one of 65,536 numbers, of which canonical
# codes own one stretch after the other. Put down once whose each is, and decoding is one look.
# ### Exercise 6.3 – whose number is it?
# A code of 16 bits owns one number, one of 15 two. `np.repeat` lays out stretches without a loop.


# %%
def lookup(lengths):
    """Return (65536,) int: which of the ascending `lengths` is the code's that begins i, or −1."""
    # BEGIN SOLUTION
    stretches = 1 << (16 - np.asarray(lengths))
    table = np.full(1 << 16, -1)
    table[: stretches.sum()] = np.repeat(np.arange(len(lengths)), stretches)
    return table
    # END SOLUTION


# %%
def check_6_3(fn=lookup):
    table = np.asarray(fn([1, 3, 16]))
    assert table.shape == (65536,), f"16 bits make 65,536 numbers; your table: {table.shape}"
    for i, (first, end) in enumerate([(0, 32768), (32768, 40960), (40960, 40961)]):
        owners = {*table[first:end].tolist()}
        assert owners == {i}, f"{first} … {end - 1} are code {i}'s of [1, 3, 16], not {owners}'s"
    assert (table[40961:] == -1).all(), "numbers that begin with no code must be −1"
    found = fn(huffman.code_lengths(huffman.HuffmanSpec.typical_ac()[0]))[0b1010001111111011]
    assert found == 3, f"of K.5, 1010001111111011 begins with code 3, 1010, not with {found}"


# %%
check_6_3()  # 2 points

# %% [markdown]
# **The library** looks at 10 bits: that table stays in fast memory, and longer codes are rare.
# ## The limit of 16 bits
# A JPEG file says how many codes have 1, 2, … 16 bits. Huffman knows no limit: counts 1, 1, 2, 3,
# 5, 8 … join one by one. Cut codes short, and Kraft's sum grows beyond 1; somebody has to pay. Take
# *two* codes of the greatest length $i$, equal but for the last bit. One gets what both begin with,
# $i - 1$ bits. The other is homeless, and goes to the longest code of $j \le i - 2$ bits: that one
# becomes two of $j + 1$. The sum has stayed the same. Go on until none is too long.
# ### Exercise 6.4 – Adjust_BITS (T.81, Figure K.3)


# %%
def limit(numbers, longest=16):
    """Return, as a list for 0 … longest, how many codes have l bits; before, it was numbers[l]."""
    # BEGIN SOLUTION
    numbers = [*numbers, *[0] * (longest + 1 - len(numbers))]
    for i in range(len(numbers) - 1, longest, -1):
        while numbers[i]:
            j = max(length for length in range(1, i - 1) if numbers[length])
            for length, change in ((i, -2), (i - 1, 1), (j + 1, 2), (j, -1)):
                numbers[length] += change
    return numbers[: longest + 1]
    # END SOLUTION


# %%
def check_6_4(fn=limit):
    cases = [([0, 1, 1], 4, [0, 1, 1, 0, 0]), ([0, 1, 1, 1, 2], 3, [0, 1, 0, 4])]
    for numbers, longest, right in [*cases, ([0, 1, 1, 1, 1, 1, 2], 4, [0, 1, 0, 2, 4])]:
        out = list(fn(given := [*numbers], longest))
        assert given == numbers, "the list that you were given has changed: work on a copy"
        assert len(out) == longest + 1, f"entries 0 … {longest} are asked for; yours: {out}"
        assert sum(out) == sum(numbers), f"{sum(numbers)} codes went in, {sum(out)} came out: {out}"
        kraft = sum(n / 2**length for length, n in enumerate(out))
        assert kraft <= 1, f"{numbers} became {out}, with a Kraft sum of {kraft}. Who pays?"
        assert out == right, f"{numbers}, up to {longest}: {right}, not {out}. The greatest j?"


# %%
check_6_4()  # 3 points

# %% [markdown]
# ## The code of all ones, and a file
# The last byte of a scan is filled up with ones. They must not look like a symbol, so the code of
# ones only stays unused (C.2). K.2 does that so: add a symbol 256 that occurs once, build, limit,
# and drop it: as one code less of the greatest length that there is, for the last code is all ones.
# ### Exercise 6.5 – your table in a JPEG file
# `HuffmanSpec(bits, values)`: how many codes have 1, 2, … 16 bits; the symbols, short codes first.


# %%
def jpeg_table(frequencies):
    """Return the HuffmanSpec for symbols s < 256, each of which occurs frequencies[s] times."""
    # BEGIN SOLUTION
    occurring = {s: int(n) for s, n in enumerate(frequencies) if n} | {256: 1}
    lengths = huffman_lengths(occurring)
    numbers = limit(np.bincount([*lengths.values()]).tolist())
    numbers[max(length for length in range(17) if numbers[length])] -= 1
    return huffman.HuffmanSpec(numbers[1:], sorted(occurring.keys() - {256}, key=lengths.get))
    # END SOLUTION


# %%
def check_6_5(fn=jpeg_table):
    steep = np.where(np.arange(256) < 24, 2 ** np.minimum(np.arange(256), 24), 0)
    for frequencies in (np.bincount(symbols, minlength=256), steep):
        spec, occurring = fn(frequencies), np.flatnonzero(frequencies).tolist()
        assert isinstance(spec, huffman.HuffmanSpec), f"a HuffmanSpec, please, not {spec!r}"
        assert len(spec.bits) == 16, f"bits is for lengths 1 … 16, but has {len(spec.bits)} entries"
        assert sorted(spec.values) == occurring, "values: each symbol that occurs, without 256"
        assert sum(spec.bits) == len(occurring), f"{len(occurring)} symbols, {sum(spec.bits)} codes"
        kraft = sum(n / 2**length for length, n in enumerate(spec.bits, 1))
        assert kraft < 1, "the line is full, with a code of all ones: was 256 in, and dropped?"
        specs = spec, huffman.optimal_spec(frequencies)
        bits, best = (huffman.encode_table(each).lengths @ frequencies for each in specs)
        assert bits <= 1.0001 * best, f"{bits} bits; {best} are enough: short codes' values first?"


# %%
check_6_5()  # 2 points

# %%
Path("my_tables.jpg").write_bytes(encode(luma, stages={"optimal_table": jpeg_table}, optimize=True))
own, means = huffman_lengths(counts), {}
for longest in range((len(own) - 1).bit_length(), 17):
    lengths = np.repeat(range(longest + 1), limit(np.bincount([*own.values()]).tolist(), longest))
    means[longest] = lengths @ sorted(counts.values(), reverse=True) / len(symbols)
fig, axes = plt.subplots(1, 2, figsize=(11, 3.6), layout="constrained")
axes[0].plot(means.keys(), means.values(), "o-", color=BLUE)
axes[0].axhline(entropy, color=ORANGE, ls="--")
axes[0].set(title="What a limit costs (dashed: the entropy)", xlabel="longest code, bits")
axes[0].set(ylabel="bits a symbol")
for quality in (5, 10, 20, 35, 50, 65, 75, 85, 95):
    before, after = (len(encode(luma, quality, optimize=o)) for o in (False, True))
    axes[1].plot(before / 1000, 100 * (1 - after / before), "s", color=BLUE)
    axes[1].annotate(f" {quality}", (before / 1000, 100 * (1 - after / before)))
axes[1].set(title="What own tables save, by quality", xlabel="file with typical tables, kB")
axes[1].set(ylabel="% of the file, headers and all", ylim=(0, None))
plt.show()

# %% [markdown]
# 12 bits would do. The typical tables (T.81, K.3) suit fine pictures, and are bad for coarse ones.
# **The library** makes a picture's own in `huffman.optimal_spec` (K.2), as you do.
# ## In practice
# Pillow takes the typical tables unless told `optimize=True`; a fair comparison says which it used.
# ## Sources
# ITU-T T.81, Annex C, F.2.2.3, K.2, K.3 · D. A. Huffman, Proceedings of the IRE 40, 1952
