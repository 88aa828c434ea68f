# %% [markdown]
# # 14 · From likelihoods to a file: range coding the latents, estimated against actual bits
# **Time**: 110 minutes · **Points**: 10
#
# **You will** take a network's promise – "this picture costs so many bits" – and keep it: make
# whole counts of densities, write the range coder that spends them, save a file that the library
# opens. **You will learn** why 114,000 numbers fit into 19 kB with hardly a byte wasted, where
# Huffman cannot follow, how one unit makes noise of a picture. **You need** lessons 7 and 13. Your
# own picture goes in by its name: `PHOTO = "holiday.png"`.

# %%
import math
from bisect import bisect_right
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from codec_eval import default_photograph, psnr, read_picture
from neural_from_scratch import container, decode, encode, range_coder
from neural_from_scratch.codec import to_samples
from neural_from_scratch.entropy_tables import CdfTables
from neural_from_scratch.weights import load_weights

PHOTO = None  # None is the photograph that Matplotlib ships
pixels = (read_picture(PHOTO) if PHOTO else default_photograph()).pixels[:640, :640]
weights = load_weights(4)  # the fourth of the networks that are shipped
density, tables = weights.model.entropy_bottleneck, weights.tables
latents = weights.model.analyse(to_samples(pixels)).data  # (1, 96, height / 16, width / 16)
lowest, highest = (t[:, None, None] for t in (tables.offsets, tables.offsets + tables.lengths - 3))
symbols = np.clip(density.quantize(latents)[0], lowest, highest).astype(np.int32)
BLUE, ORANGE, GREEN = "#0072b2", "#d55e00", "#009e73"  # told apart by everybody

# %% [markdown]
# ## Why: nobody wrote the file
# Lesson 13 learned with a *rate* in its loss: $\sum -\log_2 p$, over all latents. Many papers print
# this sum as bits per pixel, and stop. But it is a promise. A file has bytes, a beginning, an end,
# and a reader on another machine. What does keeping the promise cost? Guess: 10 %? 1 %?
# This is what there is to write: 96 maps, with one number for each 16×16 pixels. It is
# $k = \mathrm{round}(y - m)$, $m$ the median of its map; and for each map there is a density.

# %%
fig, axes = plt.subplots(2, 3, figsize=(11, 6), layout="constrained")
for (top, bottom), c in zip(axes.T, np.argsort(-symbols.std(axis=(1, 2)))[[0, 8, 60]]):
    reach = max(3, np.abs(symbols[c]).max())
    fig.colorbar(top.imshow(symbols[c], cmap="PuOr", vmin=-reach, vmax=reach), ax=top, label="$k$")
    top.set(title=f"map {c} of {len(symbols)}", xlabel="column", ylabel="row")
    k = np.linspace(-reach, reach, 40 * reach + 1, dtype=np.float32)
    learned = density.likelihood((k + density.medians)[np.newaxis])
    share = [(symbols[c] == v).mean() for v in k[::20]]
    bottom.bar(k[::20], share, 1, color=ORANGE, alpha=0.6, label="this picture")
    bottom.plot(k, learned.data[0, c, 0], color=BLUE, label="learned, $p$")
    bottom.set(xlabel="$k$", ylabel="share", yscale="log", ylim=(3e-4, 1.5))
axes[1, 0].legend(frameon=False)
plt.show()

# %% [markdown]
# ## Bits
# The densities were learned from other photographs, and still fit. With $c$ the distribution
# function of a map, and $k$ the whole number for all that lies within ½ of $m + k$,
#
# $$p(k) = c(m + k + ½) - c(m + k - ½), \qquad \text{bits} = \sum -\log_2 p(k).$$
# No $p$ stands before the logarithm: $\sum -p \log_2 p$ is the mean of all that *could* come. Here
# it has come, and each is paid once. (In the library: `FactorizedDensity.likelihood`, equation 2.)
# ### Exercise 14.1 – the promise


# %%
def promised_bits(cdf, values):
    """Return what an array of values m + k costs in all; `cdf(array)` is c for each number."""
    # BEGIN SOLUTION
    p = cdf(values + 0.5) - cdf(values - 0.5)
    return -np.log2(p).sum()
    # END SOLUTION


# %%
def check_14_1(fn=promised_bits):
    got = fn(lambda x: np.clip((x + 0.5) / 8, 0, 1), np.array([3.0, 5.0, 0.0, 7.0]))
    assert np.ndim(got) == 0, f"one number for all values, please; yours is {np.shape(got)}"
    assert not math.isclose(got, 12 * math.log(2)), "8.32 is in nats; bits need a log to base 2"
    assert not math.isclose(got, 1.5), "1.5 is Σ −p log p, the mean of what could come; this came"
    assert math.isclose(got, 12), f"four values, each one of 8: 4 · 3 = 12 bits, not {got:.2f}"
    steep = fn(lambda x: 1 / (1 + np.exp(-3 * x)), np.zeros(2))
    assert abs(steep - 1.309) < 1e-3, f"1.309 bits expected, not {steep:.3f}: ½ to each side?"


# %%
check_14_1()  # 1 point

# %% [markdown]
# ## Whole counts
# Encoder and decoder must divide an interval *alike*, to the last unit, and floats do not promise
# that. So each map gets a table, once, after training: symbol $s$ owns $f_s \ge 1$ of $N = 2^{16}$
# counts and costs $\log_2 (N / f_s)$ bits. A recipe for $n$ symbols: one count for each; the other
# $N - n$ in proportion to $p$, rounded down; what is left, to the likeliest. As then
# $f_s > p_s (N - n)$, less than $\log_2 \frac{N}{N - n}$ bits a symbol are wasted.
# ### Exercise 14.2 – a table


# %%
def frequencies(p, total=65536):
    """Return whole numbers ≥ 1 that add up to `total`, for probabilities that add up to 1."""
    # BEGIN SOLUTION
    f = 1 + np.floor(np.asarray(p) * (total - len(p))).astype(int)
    f[np.argmax(p)] += total - f.sum()
    return f
    # END SOLUTION


# %%
def check_14_2(fn=frequencies):
    for p, total in (([0.1, 0.3, 0.0, 0.6 - 1e-9, 1e-9, 0.0], 65536), ([1 / 7] * 7, 16)):
        f, n = np.asarray(fn(np.array(p), total)), len(p)
        assert (f.shape, f.dtype.kind) == ((n,), "i"), f"{n} integers, please, not {f}, {f.dtype}"
        assert f.min() >= 1, f"symbol {f.argmin()} owns no count: if it comes, nothing names it"
        assert f.sum() == total, f"your counts add up to {f.sum():,}, not {total:,}: what was left?"
        waste = sum(a * math.log2(a * total / b) for a, b in zip(p, f) if a)
        bound, rule = math.log2(total / (total - n)), "in proportion, after one for each?"
        assert waste < bound, f"{waste:.5f} bits wasted, by the recipe below {bound:.5f}: {rule}"


# %%
check_14_2()  # 2 points

# %% [markdown]
# The library's `quantize_pmf` moves counts on until no table is better, and its tables are
# *shipped* with the weights. A value beyond its table is sent as an *escape* and a code of how far
# out it is. To be short, the first cell moved such values (one of 113,664) to the table's end.
# ## The coder
# A message is an interval: from low on, width wide. A symbol that owns $f$ counts from $a$ on takes
# its share, and an interval that gets too narrow is written with 32 bits more:
#
# $$u = \lfloor \text{width} / 2^{16} \rfloor, \quad \text{low} \leftarrow \text{low} + u\,a, \quad
# \text{width} \leftarrow u\,f; \qquad \text{if width} < 2^{32}: \text{both} \cdot 2^{32}.$$
# Lesson 7 had to chase a *carry* into digits that were out already. Whole numbers in Python have no
# end: never cut low, and the carry walks by itself.
# ### Exercise 14.3 – narrower


# %%
def narrow(pairs):
    """Return (low, width, times grown) after all (a, f); begin with (0, 2**64 - 1, 0)."""
    # BEGIN SOLUTION
    low, width, grown = 0, 2**64 - 1, 0
    for start, frequency in pairs:
        unit = width >> 16
        low, width = low + unit * start, unit * frequency
        if width < 2**32:
            low, width, grown = low << 32, width << 32, grown + 1
    return low, width, grown
    # END SOLUTION


# %%
def check_14_3(fn=narrow):
    u, (low, width, grown) = 2**48 - 1, fn([(16384, 32768)])
    assert (low, width) == (u * 16384, u * 32768), f"a = ¼ N, f = ½ N: is low u·a, width u·f? u={u}"
    low, width, grown = fn([(65535, 1)] * 4)
    assert width >= 2**32, f"width is {width:,}, below 2**32: grow after a symbol, not before it"
    assert grown == 2, f"four symbols of 16 bits each grow it twice, not {grown} times"
    assert low == 0xFFFFFFFFFFFE << 80 | 1 << 32, f"low is {low:#x}: cut in front? left ungrown?"


# %%
check_14_3()  # 3 points

# %% [markdown]
# ## The end, and your file
# Any number in the interval names the message. But who reads $L$ bytes does not know what follows:
# they stand for all numbers that begin so, a *cell*. The shortest string whose cell lies inside the
# interval ends the file. Now send all latents, map by map, through your coder:


# %%
def shortest(low, width, grown):
    """The fewest bytes whose cell lies in the interval; of these, the first."""
    cells = ((n, 1 << 64 + 32 * grown - 8 * n) for n in range(4 * grown + 1, 4 * grown + 9))
    length, cell = next((n, cell) for n, cell in cells if -low % cell + cell <= width)
    return (-(-low // cell)).to_bytes(length, "big")  # cells begin at multiples of their width


rows = [cdf[:length].tolist() for cdf, length in zip(tables.cdf, tables.lengths)]
places = (symbols - lowest).reshape(len(rows), -1).tolist()  # 0, 1, … in their tables
owned = [(cdf[s], cdf[s + 1] - cdf[s]) for cdf, line in zip(rows, places) for s in line]
payload, theirs = shortest(*narrow(owned)), range_coder.encode_channels(symbols, tables)
header = container.unpack(encode(pixels))[0]  # model, weights, size
Path("my_file.nfs").write_bytes(container.pack(header, payload))
again = decode(Path("my_file.nfs").read_bytes())
print(
    "equal:", payload == theirs, len(payload), "bytes,", psnr(pixels, again, data_range=255), "dB"
)


# %%
def huffman_at_best(values):
    """The bits that no Huffman code of these values goes below: one for each, and their entropy."""
    n = np.unique(values, return_counts=True)[1]
    return max(values.size, (n * np.log2(values.size / n)).sum())


def costs(quality):
    """Bytes by Huffman codes, as promised, by the whole counts, range-coded, of the file."""
    used = load_weights(quality)
    learned = used.model.entropy_bottleneck
    k = learned.quantize(used.model.analyse(to_samples(pixels)).data)
    promised = -np.log2(learned.likelihood(learned.dequantize(k)).data).sum(dtype=float)
    counts = used.tables.code_length(k[0], np.arange(k.shape[1], dtype=np.int32)[:, None, None])
    coded, file = range_coder.encode_channels(k[0], used.tables), encode(pixels, quality)
    return sum(map(huffman_at_best, k[0])) / 8, promised / 8, counts / 8, len(coded), len(file)


cost, x = np.array([costs(quality) for quality in range(1, 7)]).T, np.arange(1, 7)
names = ("Huffman, at best", "promise", "whole counts", "range coder", "file")
fig, (left, right) = plt.subplots(1, 2, figsize=(11, 3.8), layout="constrained")
for i, move, colour in ((0, -1, ORANGE), (1, 0, GREEN), (4, 1, BLUE)):
    left.bar(x + 0.27 * move, cost[i] / 1000, 0.25, color=colour, label=names[i])
for i, style, colour in ((4, "^-", BLUE), (3, "o-", ORANGE), (2, "s-", GREEN)):
    right.plot(x, cost[i] - cost[1], style, color=colour, label=names[i])
left.set(title="What the latents take", xlabel="network", ylabel="kB")
right.set(title="More than was promised", xlabel="network", ylabel="bytes")
left.legend()
right.legend(loc="center right")
plt.show()

# %% [markdown]
# About **one byte**, and 22 around it: magic, hash of the weights, size, checksum. For $I$ bits in
# $S$ steps, theory allows $2.3 \cdot 10^{-5} S + 9$ bits more. Huffman codes, each made for its map
# of this very picture and sent for nothing, take more than twice as much in the first network: 93 %
# of its latents are 0, which should cost 0.1 bits, and no code is shorter than 1.
# ## And back
# The decoder knows width, and the *distance* from low to the number in the file: at first, that is
# the file's first 8 bytes. With $u$ as before, $\lfloor \text{distance} / u \rfloor$ is a count;
# its owner is the symbol (`bisect_right`). Then $u\,a$ goes off the distance. Where the encoder
# grew, both grow, and the distance takes in 4 bytes of the file; behind its end, zeros.
# ### Exercise 14.4 – the decoder


# %%
def read_symbols(data, cdfs):
    """Return a symbol for each cdf, a list 0, …, 65536 in which s owns cdf[s] up to cdf[s + 1]."""
    # BEGIN SOLUTION
    width, distance, place, out = 2**64 - 1, int.from_bytes(data[:8].ljust(8, b"\0")), 8, []
    for cdf in cdfs:
        unit = width >> 16
        s = bisect_right(cdf, distance // unit) - 1
        distance, width = distance - unit * cdf[s], unit * (cdf[s + 1] - cdf[s])
        if width < 2**32:
            digit = int.from_bytes(data[place : place + 4].ljust(4, b"\0"))
            distance, width, place = distance << 32 | digit, width << 32, place + 4
        out.append(s)
    return out
    # END SOLUTION


# %%
def check_14_4(fn=read_symbols):
    pair = CdfTables.from_pmfs([[0.7, 0.2, 0.1], [0.01, 0.99]], [0, 0], [1e-9, 1e-9])
    lists = [cdf[:length].tolist() for cdf, length in zip(pair.cdf, pair.lengths)]
    hints = {1: "8 bytes, zeros behind the end?", 4: "u·a off? u from the width before?"}
    for n, hint in (*hints.items(), (400, "4 bytes more where it grows, first byte on top?")):
        which, sent = np.int32([0, 1] * 200)[:n], np.int32([1, 0, 0, 0, 1] * 80)[:n]
        got = list(fn(range_coder.encode(sent, which, pair), [lists[t] for t in which]))
        assert len(got) == n, f"{n} cdfs, so {n} symbols, please; you return {len(got)}"
        i = next((i for i in range(n) if got[i] != sent[i]), 0)
        assert got[i] == sent[i], f"symbol {i} of {n} is {sent[i]}, you read {got[i]}: {hint}"


# %%
check_14_4()  # 4 points

# %% [markdown]
# ## Why whole numbers
# Say that another machine makes its own tables, and rounds one logarithm another way. In *one* of
# 96 tables, *one* of 65,536 counts moves to the next symbol:

# %%
shifted = [list(cdf) for cdf in rows]
shifted[5][int(np.diff(rows[5]).argmax()) + 1] -= 1
read = read_symbols(payload, [cdf for cdf in shifted for _ in range(symbols[0].size)])
misread = (np.reshape(read, symbols.shape) + tables.offsets[:, None, None]).astype(np.int32)
seen = weights.model.synthesise(density.dequantize(misread[np.newaxis])).data[0]
fig, axes = plt.subplots(1, 3, figsize=(12, 4.6), layout="constrained", width_ratios=[1, 1, 1.3])
axes[0].imshow(again, cmap="gray")
axes[1].imshow(np.clip(seen.transpose(1, 2, 0), 0, 1)[: len(again), : len(again[0])])
axes[2].plot(100 * (misread != symbols).mean(axis=(1, 2)), ".-", color=ORANGE)
for axis, title in zip(axes, ("your file", "one count moved, in table 5")):
    axis.set(title=title, xticks=[], yticks=[])
axes[2].set(title="Misread", xlabel="map, in the order of the file", ylabel="% of its latents")
plt.show()

# %% [markdown]
# ## In practice
# Maps 0 to 4 are right; then the decoder is off by a hair, and never finds back. So tables are
# shipped, and a file names the hash of its weights. Users ask again and again why a file is longer
# than its estimate (CompressAI's issues 52, 68, 236: mostly the tables), and why another computer
# decodes black squares (279). What the neighbours know of a latent saves more bits: lesson 15.
# ## Sources
# Ballé et al., "Variational image compression with a scale hyperprior", ICLR 2018 · Martin, "Range
# encoding", 1979 · the library's `entropy_tables.py`, `range_coder.py`, `docs/neural-format.md`
