# %% [markdown]
# # 15 · Hyperpriors: what to expect
# **Time**: 100 minutes · **Points**: 10
#
# **You will** send a little side information first, so that all else becomes cheaper: by hand, with
# one scale for each square of latents, and then with the small network that learned what to send.
# **You will learn** why a Gaussian that is told its width beats any density that is not, what that
# telling costs, and why such a network must compute in whole numbers. **You need** lesson 14, and
# the normal distribution. A picture of your own goes in by its name: `PHOTO = "holiday.png"`.

# %%
import matplotlib.pyplot as plt
import numpy as np
from scipy.special import erfc

from codec_eval import default_photograph, psnr, read_picture
from neural_from_scratch import codec, range_coder
from neural_from_scratch.errors import FormatError
from neural_from_scratch.gaussian_model import scale_levels
from neural_from_scratch.integer_layers import POINT

PHOTO = None  # None is the photograph that Matplotlib ships
pixels = (read_picture(PHOTO) if PHOTO else default_photograph()).pixels[:1024, :1024]
SCALE, MEAN_SCALE = "scale-hyperprior", "mean-scale-hyperprior"
models = ("factorized-prior", SCALE, MEAN_SCALE)
files = {model: codec.encode(pixels, 4, model=model) for model in models}
opened = {model: codec.open_file(data) for model, data in files.items()}
plain = opened["factorized-prior"]
symbols = plain.symbols  # whole numbers, (channel, row, column); each for 16×16 pixels
price = plain.weights.tables.bits(symbols, plain.coding.tables_of(symbols.shape))  # in bits
dear = np.where(np.median(symbols, axis=(1, 2)) == 0, price.sum(axis=(1, 2)), 0).argmax()
area = pixels.shape[0] * pixels.shape[1]
BLUE, ORANGE = "#0072b2", "#d55e00"  # told apart by everybody

# %% [markdown]
# ## Why: one density for the sky and the grass
# The codec of lesson 14 learned one density for each channel. It has to serve every place of every
# picture. Below is the dearest of the channels that are mostly 0, as a map, and as two histograms:
# of places where the *other* channels are calm, and of those where they are busy.

# %%
others = np.abs(np.delete(symbols, dear, axis=0)).mean(axis=0)
busy, places = others > np.median(others), np.arange(-9, 10)
fig, axes = plt.subplots(1, 3, figsize=(12, 4), layout="constrained")
axes[0].imshow(pixels, cmap="gray")
axes[0].set(title="The photograph", xticks=[], yticks=[])
shown = axes[1].imshow(np.abs(symbols[dear]), cmap="cividis", vmax=8)
axes[1].set(title=f"|latents| of channel {dear}", xlabel="column", ylabel="row")
fig.colorbar(shown, ax=axes[1], shrink=0.7)
for where, name, colour in ((~busy, "calm", BLUE), (busy, "busy", ORANGE)):
    share = (symbols[dear][where] == places[:, np.newaxis]).mean(axis=1)
    axes[2].plot(places, 100 * share, "o-", color=colour, label=f"others {name}")
axes[2].set(title="The same channel, twice", xlabel="whole number", ylabel="% of places")
axes[2].legend(frameon=False, loc="upper right")
plt.show()

# %% [markdown]
# Two widths. One density is too wide for one half and too narrow for the other, and both cost bits.
# ## The mathematics: a Gaussian for whole numbers
# Say how wide, and the shape is simple: nearly a normal density. What whole number $k$ gets is its
# area between $k - \frac12$ and $k + \frac12$,
#
# $$p(k \mid \sigma) = \Phi\!\left(\frac{k + \frac12}{\sigma}\right) -
# \Phi\!\left(\frac{k - \frac12}{\sigma}\right), \qquad
# \Phi(x) = \tfrac12\,\mathrm{erfc}\!\left(\frac{-x}{\sqrt2}\right).$$
#
# The trap: far to the right both terms are $1 - 10^{-20}$, and floats say the difference is 0. Then
# $-\log_2 p$ is infinite, in one half of the world only. The density is its own mirror image.
# ### Exercise 15.1 – the density
# Write it so that it holds for $k = 30$, $\sigma = 1.5$ as well as for $k = -30$.


# %%
def density(k, scale):
    """Return p(k | scale) for arrays of whole numbers and scales, by broadcasting; uses `erfc`."""
    # BEGIN SOLUTION
    near, far = (np.abs(k) - 0.5) / scale, (np.abs(k) + 0.5) / scale
    return (erfc(near / np.sqrt(2)) - erfc(far / np.sqrt(2))) / 2
    # END SOLUTION


# %%
def check_15_1(fn=density):
    k = np.arange(-40, 41)
    p, wide = np.asarray(fn(k, 1.5)), np.asarray(fn(k, np.full(81, 0.2)))
    assert p.shape == (81,), f"81 whole numbers gave an array of shape {p.shape}"
    assert abs(p.sum() - 1) < 1e-9, (
        f"the sum of all p is {p.sum():.3f}: edges at k ± ½? Half of erfc?"
    )
    assert abs(wide[40] - 0.98758) < 1e-4, f"p(0 | 0.2) is 0.9876, not {wide[40]:.4f}: divide by σ"
    assert p[10] > 0, f"p(−30) is {p[10]:.3g}; it is small, but not nothing"
    assert p[70] > 0, "p(30) is 0, p(−30) is not: 1 − 1. Which side has the digits? Use |k|"
    assert np.allclose(p, p[::-1], rtol=1e-9, atol=0), "p(k) and p(−k) differ"


# %%
check_15_1()  # 2 points

# %% [markdown]
# ### Exercise 15.2 – the best width
# Here are some latents. Which of a list of scales codes them in the fewest bits? (The sum of
# $-\log_2 p$; a $p$ of 0 is not possible, but it may be as small as $10^{-9}$: cut there.)


# %%
def best_level(values, scales):
    """Return (index, bits): the scale that needs fewest bits for all the values, and how many."""
    # BEGIN SOLUTION
    p = density(np.ravel(values)[:, np.newaxis], np.asarray(scales))
    bits = -np.log2(np.maximum(p, 1e-9)).sum(axis=0)
    return int(bits.argmin()), float(bits.min())
    # END SOLUTION


# %%
def check_15_2(fn=best_level):
    levels = scale_levels()
    index, bits = fn([[0, 0], [0, 0]], levels)
    assert index == 0, f"four zeros: the narrowest scale is best, not number {index}"
    assert bits < 1e-3, f"four zeros cost next to nothing with it, not {bits:.3f} bits"
    values = np.random.default_rng(1).normal(0, 5, 2000).round()
    index, bits = fn(values, levels)
    assert abs(levels[index] - 5) < 0.8, f"values with σ = 5: you chose {levels[index]:.2f}"
    assert abs(bits / 2000 - 4.37) < 0.1, f"{bits / 2000:.2f} bits a value; log₂(5 √(2πe)) is 4.37"
    assert fn([3000], [0.11])[1] < 30, "one value far out: cut p at 10⁻⁹, or the sum is infinite"


# %%
check_15_2()  # 2 points

# %% [markdown]
# ## Side information by hand
# Cut each channel into squares of $n × n$ latents, and send the best scale of each square before
# the square. Small squares know exactly how wide, and there are many to tell; large ones are cheap
# to tell and know little. Somewhere between is the best $n$. The library has 64 scales,
# `scale_levels()`: each is 1.13 times the one before, and a wrong neighbour costs 0.002 bits.
# ### Exercise 15.3 – what it costs to tell
# The indexes of a channel's squares go through an ideal coder that knows how often each occurs in
# this channel: $\sum -\log_2(\text{count} / \text{all})$. And the latents cost what 15.2 says.


# %%
def told_by_squares(channel, n, scales):
    """Return (bits of the side information, bits of the latents) of one channel, (rows, columns).

    Squares at the right and lower edges may be smaller.
    """
    # BEGIN SOLUTION
    rows, columns = channel.shape
    corners = [(r, c) for r in range(0, rows, n) for c in range(0, columns, n)]
    found = [best_level(channel[r : r + n, c : c + n], scales) for r, c in corners]
    counts = np.unique([index for index, _ in found], return_counts=True)[1]
    side = -(counts * np.log2(counts / counts.sum())).sum()
    return float(side), sum(bits for _, bits in found)
    # END SOLUTION


# %%
def check_15_3(fn=told_by_squares):
    levels = scale_levels()[::8]
    side, bits = fn(np.zeros((7, 9), int), 2, levels)
    assert abs(side) < 1e-9, f"all squares alike: telling costs 0 bits, not {side:.2f}"
    halves = np.zeros((8, 8), int)
    halves[:, 4:] = np.random.default_rng(2).normal(0, 20, (8, 4)).round()
    side, bits = fn(halves, 4, levels)
    assert abs(side - 4) < 1e-6, f"4 squares, two and two alike: 4 bits to tell, not {side:.2f}"
    whole = fn(halves, 8, levels)[1]
    assert bits < whole, "squares of 4 know more than one of 8: their latents must cost less"
    edge = fn(halves[:, 3:], 4, levels)[1] - fn(halves[:, 3:7], 4, levels)[1]
    assert edge > 20, "4 squares and a column of 8: that column's squares are missing"


# %%
check_15_3()  # 3 points

# %%
sizes, coarse = (3, 4, 6, 8, 12, 16), scale_levels()[::3]
costs = np.array([[told_by_squares(c, n, coarse) for c in symbols] for n in sizes]).sum(1) / area
fig, axis = plt.subplots(figsize=(7.5, 4), layout="constrained")
axis.bar(range(6), costs[:, 1], color="#7fb8d8", label="latents")
axis.bar(range(6), costs[:, 0], bottom=costs[:, 1], color=ORANGE, label="side information")
for model, style in zip(models, ("k--", "k:", "k-")):
    axis.plot([-0.6, 5.6], [8 * len(opened[model].payload) / area] * 2, style, label=model)
axis.set_xticks(range(6), sizes)
axis.set(title="One scale for each square of n × n", xlabel="$n$", ylabel="bits a pixel")
axis.legend(loc="lower center", ncols=2)
plt.show()

# %% [markdown]
# By hand, telling eats what knowing saves. The trouble: 96 channels tell the same story 96 times,
# for where one is busy, so are the others. And scales change slowly from square to square.
# ## A network that learned what to say
# Ballé, Minnen, Singh, Hwang and Johnston (2018) gave the job to a second autoencoder. From the
# latents $y$ its encoder makes few numbers $z$, one for 64×64 pixels; they are rounded and coded as
# in lesson 14. From $\hat z$ its decoder makes *a scale for every latent*. Both halves are trained
# with one loss, the bits of $z$ and of $y$ together, so $z$ says just as much as it is worth.

# %%
content = opened[SCALE]
side, told = content.coding.side, content.coding.expected.scales / 2**POINT
loud = np.abs(side).sum(axis=(1, 2)).argmax()
maps = {f"channel {loud} of $z$": side[loud], f"scales told for channel {dear}": told[dear]}
maps["and what came: |latents|"] = np.abs(content.symbols[dear])
fig, axes = plt.subplots(1, 3, figsize=(12, 4), layout="constrained")
for axis, (title, values) in zip(axes, maps.items()):
    fig.colorbar(axis.imshow(values, cmap="cividis"), ax=axis, shrink=0.7)
    axis.set(title=title, xlabel="column", ylabel="row")
plt.show()

# %% [markdown]
# ## Where, not only how wide
# Minnen, Ballé and Toderici (2018) let $h_s$ tell a mean too: an edge that goes on goes on in the
# latents as well. Then what is left to send is the distance, $k = \mathrm{round}(y - \mu)$, and
# the decoder has $\hat y = \mu + k$. Zero means "as expected", and costs least.

# %% [markdown]
# ## The same number on every machine
# The decoder must find *exactly* the encoder's scales, or it reads with another table. In floating
# point nobody promises that: a sum depends on its order, and that on processor and threads. And a
# range coder never finds back. Here one of many indexes is off by one, one float its last digit;
# the coder reads on, ends somewhere else, and refuses. What is left is what $z$ says: the means.

# %%
content = opened[MEAN_SCALE]
tables, coding = content.weights.scale_tables, content.coding
indexes = coding.tables_of(content.symbols.shape).ravel().copy()
data = range_coder.encode(content.symbols.ravel(), indexes, tables)
indexes[np.flatnonzero(indexes > 9)[0]] += 1
try:
    range_coder.decode(data, indexes, tables)
except FormatError as error:
    print(f"One of {indexes.size:,} indexes off by one: {error}")
latents = coding.dequantize(0 * content.symbols)
seen = content.weights.model.synthesise(latents).data[0].transpose(1, 2, 0).clip(0, 1)
fig, axes = plt.subplots(1, 2, figsize=(9, 4.6), layout="constrained")
axes[0].imshow(codec.pixels_of(content), cmap="gray")
axes[1].imshow(seen[: pixels.shape[0], : pixels.shape[1]])
for axis, title in zip(axes, ("Decoded", "From the side information alone")):
    axis.set(title=title, xticks=[], yticks=[])
plt.show()

# %% [markdown]
# The way out (Ballé, Johnston, Minnen 2019): after training, make $h_s$ integer arithmetic. Weights
# become $\mathrm{round}(w \cdot 2^b)$, sums of products are exact, and a sum of whole numbers does
# not care about its order. Division by $2^b$ is a shift, with a half added first: rounding.
# ### Exercise 15.4 – a layer in whole numbers
# Inputs are whole numbers already. Floats may be used once: to round the weights.


# %%
def whole_layer(weights, inputs, bits):
    """Return round(Σ w x) as int64, nearly: weights (m, n) with `bits` bits, inputs (n,) int64."""
    # BEGIN SOLUTION
    matrix = np.rint(np.asarray(weights) * 2.0**bits).astype(np.int64)
    return (matrix @ inputs + (1 << (bits - 1))) >> bits
    # END SOLUTION


# %%
def check_15_4(fn=whole_layer):
    rng = np.random.default_rng(7)
    weights, inputs = rng.normal(size=(5, 300)), rng.integers(-(2**20), 2**20, 300)
    out = np.asarray(fn(weights, inputs, 15))
    assert out.dtype == np.int64, f"whole numbers, please; yours are {out.dtype}"
    off = np.abs(out - weights @ inputs).max()
    assert off < 300 * 2**4 + 1, f"{off:.0f} off: round weights · 2^bits, and shift at the end?"
    order = rng.permutation(300)
    assert (fn(weights[:, order], inputs[order], 15) == out).all(), "another order, another sum"
    half = fn([[0.5]], np.array([3]), 4)[0]
    assert half == 2, f"½ · 3 with 4 bits is 1.5, which rounds to 2, not {half}: add half before >>"


# %%
check_15_4()  # 3 points

# %% [markdown]
# **The library** has the density in `gaussian_model` (equation 1), both models in
# `models/scale_hyperprior.py` and `mean_scale_hyperprior.py`, and `integer_layers`, which
# proves that no sum leaves the range where float64 is exact. This is what each model needs here:

# %%
fig, axis = plt.subplots(figsize=(7.5, 2.4), layout="constrained")
for model, (row, data) in zip(models, enumerate(files.values())):
    quality = psnr(pixels, codec.pixels_of(opened[model]), data_range=255)
    axis.barh(row, len(data), color=BLUE)
    axis.text(99, row, f"{len(data):,} bytes, {quality:.2f} dB", va="center", color="w")
axis.set_yticks(range(3), models)
axis.set(xlabel="bytes", title="Nearly the same picture, three prices")
plt.show()

# %% [markdown]
# ## In practice
# `neural-from-scratch info photo.nfs --plot bits.png` draws such maps. Side information is old: a
# JPEG's Huffman tables are some. New is that nobody designs it. Context models also look at latents
# that are decoded already: better, but one by one, and slow.
# ## Sources
# Ballé, Minnen, Singh, Hwang, Johnston, "Variational image compression with a scale hyperprior",
# ICLR 2018 · Minnen, Ballé, Toderici, "Joint autoregressive and hierarchical priors for learned
# image compression", NeurIPS 2018 · Ballé, Johnston, Minnen, "Integer networks for data compression
# with latent-variable models", ICLR 2019
