# %% [markdown]
# # 13 · Learning with rounding: noise, densities, and rate as a loss
# **Time**: 120 minutes · **Points**: 10
#
# **You will** send gradients through a step that has none, learn how likely each number is, and let
# the latents of a trained codec go downhill on bits and error at once, into a real file. **You will
# learn** what stands for rounding, why noise does it so well, how a network becomes a probability,
# and what λ is. **You need** lessons 4 and 11. Your own picture: `PHOTO = "holiday.png"`.

# %%
import matplotlib.pyplot as plt
import numpy as np

from codec_eval import default_photograph, psnr, read_picture
from neural_from_scratch import Tensor, decode, ops
from neural_from_scratch.codec import to_samples
from neural_from_scratch.container import RGB, Header, pack
from neural_from_scratch.gradcheck import gradient_error
from neural_from_scratch.optim import Adam, warmup_cosine
from neural_from_scratch.quantization import add_uniform_noise
from neural_from_scratch.range_coder import encode_channels
from neural_from_scratch.tensor import record
from neural_from_scratch.weights import load_weights

PHOTO = None  # None is the photograph that Matplotlib ships
pixels = (read_picture(PHOTO) if PHOTO else default_photograph()).pixels
pixels = pixels if pixels.ndim == 3 else np.dstack([pixels] * 3)
pixels = pixels[: min(512, len(pixels) // 16 * 16), : min(512, pixels.shape[1] // 16 * 16)]
trained = load_weights(4)  # a codec that is shipped: network, densities, tables
model, density = trained.model, trained.model.entropy_bottleneck
BLUE, ORANGE, GREEN = "#0072b2", "#d55e00", "#009e73"  # told apart by everybody

# %% [markdown]
# ## Why: stairs have no slope
# A file holds whole numbers, so between analysis and synthesis a codec rounds its *latents* $y$.
# Training wants to know: what if $y$ were a little larger? Nothing, says rounding, it is the same
# number; or everything, at a step. The derivative is 0 nearly everywhere, and 0 teaches nothing: no
# gradient reaches the analysis network. A stand-in is needed, and two are in use. The bold one,
# **straight through**: round on the way forward, and pretend on the way back that nothing was done.
# ### Exercise 13.1 – straight through
# `record(name, result, inputs, backward)` of lesson 11 puts it on the tape. `np.rint` rounds.


# %%
def straight_through(x):
    """Return x, a Tensor, rounded; its gradient is passed on as it comes."""
    # BEGIN SOLUTION
    return record("straight_through", np.rint(x.data), (x,), lambda slope: (slope,))
    # END SOLUTION


# %%
def check_13_1(fn=straight_through):
    x = Tensor(np.array([-0.7, 0.4, 2.6]), requires_grad=True)
    y = fn(x)
    assert isinstance(y, Tensor), f"a Tensor by `record`, please; yours is a {type(y).__name__}"
    assert y.data.tolist() == [-1, 0, 3], f"−0.7, 0.4, 2.6 round to −1, 0, 3, not to {y.data}"
    assert y.node is not None, "nothing is on the tape, so no gradient can pass: use `record`"
    y.backward(np.array([5.0, -6.0, 7.0]))
    hint = "that is the honest slope of stairs" if not x.grad.any() else "unchanged, please"
    assert x.grad.tolist() == [5, -6, 7], f"5, −6, 7 came in, {x.grad} goes out: {hint}"
    assert x.data[0] == -0.7, "x itself has been rounded: leave it, and make a new array"


# %%
check_13_1()  # 2 points

# %% [markdown]
# The gentle one, **additive noise**: on the way forward add $u$, drawn evenly from $-½ … ½$. What
# comes out is as far off as after rounding, but at random; and the slope of $y + u$ is 1, honestly.

# %%
latents = model.analyse(to_samples(pixels)).data
loudest = latents.std(axis=(0, 2, 3)).argsort()[::-1]
values, draw = latents[0, loudest[6]].ravel(), np.random.default_rng(0)
noisy = np.concatenate([values + draw.random(values.size) - 0.5 for _ in range(50)])
at = np.linspace(-1, 4, 501)
error, slope = (np.rint(at) - 1.7) ** 2, 2 * (np.rint(at) - 1.7)
fig, axes = plt.subplots(1, 2, figsize=(12, 4), layout="constrained")
axes[0].plot(at, error, color=ORANGE, label="rounded: what counts")
axes[0].plot(at, (at - 1.7) ** 2 + 1 / 12, "--", color=BLUE, label="with noise, on average")
axes[0].plot(at, error + slope * (at - np.rint(at)), "k:", label="straight through, its slopes")
axes[0].set(title="Error, if 1.7 is wanted", xlabel="latent $y$", ylabel="square", ylim=(-1, 6))
axes[0].legend(frameon=False)
each = np.full(noisy.size, 10 / noisy.size)  # shares of all numbers, bins of a tenth
axes[1].hist(noisy, np.linspace(-8.55, 8.55, 172), weights=each, color=BLUE, label="$y + u$")
whole, count = np.unique(np.rint(values), return_counts=True)
axes[1].plot(whole, count / count.sum(), "o", color=ORANGE, label="share of each whole number")
axes[1].set(title="A channel of the photograph", xlabel="value", ylabel="density", xlim=(-8.5, 8.5))
axes[1].legend(frameon=False)
plt.show()

# %% [markdown]
# Left: stairs, what noise makes of them, and the slopes that straight-through believes in. Right:
# why noise is so good. The density of $y + u$ goes through every dot! Blurring with a box of width
# 1 gathers, at $k$, just what rounds to $k$. With the distribution function $c$ of $y$,
#
# $$p(v) = c(v + ½) - c(v - ½)$$
#
# is a *density* of noisy numbers while we train, and a *probability* of whole ones when we write.
# ## From a rising function to a probability
# $c$ rises from 0 to 1. Write $c = \sigma(L)$ with $\sigma(t) = 1/(1 + e^{-t})$ and any rising $L$,
# its **logit**. With $u = L(v + ½)$ and $l = L(v - ½)$, $p = \sigma(u) - \sigma(l)$. Far to the
# right both are 1 in float32: $p = 0$, of $-\log_2 0$ bits. But $\sigma(t) = 1 - \sigma(-t)$.
# ### Exercise 13.2 – the probability of a cell
# Where $u + l > 0$, use the mirror image, so that both terms are small.


# %%
def cell(upper, lower):
    """Return σ(u) − σ(l) of two Tensors, as a Tensor, precise on both sides; by `ops.sigmoid`."""
    # BEGIN SOLUTION
    side = np.where(upper.data + lower.data > 0, -1, 1).astype(upper.dtype)
    return (ops.sigmoid(upper * side) - ops.sigmoid(lower * side)) * side
    # END SOLUTION


# %%
def check_13_2(fn=cell):
    upper, lower = np.array([0.5, 2.0, -3.0, 30, -29]), np.array([-0.5, 1.0, -4.0, 29, -30])
    found = fn(*(Tensor(part.astype(np.float32)) for part in (upper, lower)))
    assert isinstance(found, Tensor), "a Tensor, please: only `ops` and operators have a way back"
    near, far = found.data[:3].round(4), found.data[3:]
    assert near[0] != 0, "u = ½, l = −½: u + l is 0, and your sign of it makes p = 0, not 0.2449"
    assert np.allclose(near, [0.2449, 0.1497, 0.0294], atol=2e-4), f"0.2449, 0.1497 …, not {near}"
    words = f"u, l = 30, 29 and −29, −30: p = 1.6e-13 both, not {far}; mirror where u + l > 0"
    assert np.allclose(far, 1.608e-13, rtol=0.01, atol=0), words
    error = gradient_error(fn, [upper[:3], lower[:3]])
    assert error < 1e-8, f"the gradient check fails by {error:.1g}; is a sign part of the tape?"


# %%
check_13_2()  # 2 points

# %% [markdown]
# Which $L$? A small network of one number in and one out, that cannot but rise:
#
# $$h_i = \mathrm{softplus}(\hat H_i)\, x_i + b_i, \qquad x_{i+1} = h_i + \tanh(\hat a_i)
# \tanh(h_i), \qquad L = h_4, \quad i = 0 … 4. \qquad (1)$$
#
# Products with positive numbers rise; so does $h + a \tanh h$ with $a > -1$. What is stored,
# $\hat H_i$ and $\hat a_i$, may be any numbers. Each channel has its own: three values wide inside.
# ### Exercise 13.3 – a density that is learned


# %%
def logit(x, matrices, biases, factors):
    """Return L for x (C, 1, P), a Tensor; lists of Ĥ (C, 3, 1) …, b, and â (one fewer), Tensors."""
    # BEGIN SOLUTION
    for i in range(len(matrices)):
        x = ops.softplus(matrices[i]) @ x + biases[i]
        if i < len(factors):
            x = x + ops.tanh(factors[i]) * ops.tanh(x)
    return x
    # END SOLUTION


# %%
def check_13_3(fn=logit):
    stored = density.matrices, density.biases, density.factors  # of the codec, 96 channels
    x = np.broadcast_to(np.linspace(-9, 9, 19, dtype=np.float32), (96, 1, 19)).copy()
    found = fn(Tensor(x), *stored)
    assert found.shape == (96, 1, 19), f"one L for each of (96, 1, 19) numbers, not {found.shape}"
    falls = int((np.diff(found.data[:, 0]) < 0).any(axis=1).sum())
    assert not falls, f"in {falls} of 96 channels L falls somewhere: softplus of Ĥ? h + …?"
    right = density.logits(x[:, 0].astype(float))
    hint = "no bend after the last layer; and tanh(â) tanh(h) is *added to* h"
    assert np.allclose(found.data[:, 0], right, atol=0.01), f"L rises, but is not (1): {hint}"


# %%
check_13_3()  # 3 points


# %%
def likelihood(v):
    x = v.transpose(1, 0, 2, 3).reshape(96, 1, -1)
    stored = density.matrices, density.biases, density.factors
    return ops.lower_bound(cell(logit(x + 0.5, *stored), logit(x - 0.5, *stored)), 1e-9)


# %%
whole = density.quantize(model.analyse(to_samples(pixels)).data)[0]  # steps from the median
near = np.linspace(-6, 6, 241, dtype=np.float32)
learned = likelihood(Tensor((density.medians + near)[None])).data[:, 0]
bits = -np.log2(likelihood(Tensor(density.dequantize(whole[None]))).data[:, 0]).mean(axis=1)
fig, axes = plt.subplots(1, 4, figsize=(14, 3.6), layout="constrained")
for axis, channel in zip(axes, bits.argsort()[[-1, -4, -12, -30]]):
    share = [(whole[channel] == k).mean() for k in range(-6, 7)]
    axis.bar(range(-6, 7), share, color=ORANGE, alpha=0.6, label="this photograph")
    axis.plot(near, learned[channel], color=BLUE, label="learned $p$")
    axis.set(title=f"channel {channel}: {bits[channel]:.2f} bits", xlabel="latent − median")
axes[0].set_ylabel("probability")
axes[0].legend(frameon=False)
plt.show()

# %% [markdown]
# The network has not seen this photograph: where the curve is off, it pays. **The library** is
# `entropy_models.FactorizedDensity`, with your formulas as equations 1 and 2.
# ## Rate is a loss
# An ideal coder spends $-\log_2 p$ bits on a number of probability $p$ (lesson 7). So the rate is a
# *sum of logarithms of what we just made differentiable*, and can be traded for error:
#
# $$L = R + \lambda D, \qquad R = -\frac1P \sum \log_2 p, \qquad D = 255^2 \cdot \mathrm{MSE}$$
#
# with $P$ pixels, and samples in $[0, 1]$. The price $\lambda$: what an error is worth, in bits.
# ### Exercise 13.4 – what a codec costs


# %%
def rate_distortion(x, decoded, p, weight):
    """Return R + λD: x an array and `decoded` a Tensor, (N, 3, H, W); p a Tensor; λ is `weight`."""
    # BEGIN SOLUTION
    count = x.shape[0] * x.shape[2] * x.shape[3]
    rate = -ops.sum(ops.log(p)) / (np.log(2) * count)
    error = decoded - x
    return rate + weight * 255**2 * ops.mean(error * error)
    # END SOLUTION


# %%
def check_13_4(fn=rate_distortion):
    x, p = np.full((2, 3, 4, 5), 0.5), Tensor(np.full((96, 1, 7), 0.25), requires_grad=True)
    found = fn(x, Tensor(x), p, 1.0)
    assert isinstance(found, Tensor), "a Tensor, please: `ops.log`, `ops.sum`, `ops.mean`"
    hints = {33.6 * 0.6931: "log₂ p is ln p / ln 2", -33.6: "bits are −log₂ p", 2: "P is pixels"}
    hint = next((words for wrong, words in hints.items() if abs(found.item() - wrong) < 0.01), "P?")
    assert abs(found.item() - 33.6) < 0.1, f"672 · 2 bits on 40 pixels: not {found.item()}; {hint}"
    mine = fn(x, Tensor(x + 0.1), p, 0.013).item() - 33.6
    assert abs(mine - 8.453) < 1e-3, f"off by 0.1: λD = 0.013 · 255² / 100 = 8.45, not {mine:.2f}"


# %%
check_13_4()  # 3 points

# %% [markdown]
# ## All of it, downhill
# This loss trains codecs, in days. Here is something for seconds: weights stay as they are, and the
# *latents of one picture* go on learning, from the guess of the analysis network. Each point below
# is a real file, decoded by the library, which knows nothing of how its numbers were found.

# %%
side = min(128, *pixels.shape[:2])
top, left = (pixels.shape[0] - side) // 4, (pixels.shape[1] - side) // 2
crop = np.ascontiguousarray(pixels[top : top + side, left : left + side])
samples = to_samples(crop)


def search(surrogate, weight, steps=40):
    y, path = Tensor(model.analyse(samples).data, requires_grad=True), []
    adam, header = Adam([y], rate=0.1), Header(1, trained.quality, trained.hash, side, side, RGB)
    for step in range(steps + 1):
        if step % 8 == 0:
            data = pack(header, encode_channels(density.quantize(y.data)[0], trained.tables))
            seen = decode(data)
            path.append((8 * len(data) / side**2, psnr(crop, seen, data_range=255)))
        v = surrogate(y)
        adam.clear_gradients()
        rate_distortion(samples, model.synthesise(v), likelihood(v), weight).backward()
        adam.step(scale=warmup_cosine(step, steps + 1, final=0.1))
    return np.transpose(path), seen


draw, middle = np.random.default_rng(1), density.medians
noise, bold = lambda y: add_uniform_noise(y, draw), lambda y: straight_through(y - middle) + middle
runs = (noise, 0.25, "v-", BLUE), (noise, 1, "o-", GREEN), (noise, 4, "^-", ORANGE)
fig, axes = plt.subplots(1, 4, figsize=(14, 3.8), layout="constrained")
for (surrogate, factor, style, colour), axis in zip(runs, axes[1:]):
    path, seen = search(surrogate, factor * trained.weight)
    axes[0].plot(*path, style, color=colour, label=f"noise, {factor:g} λ")
    axis.imshow(seen)
    result = f"{path[0, -1]:.2f} bits a pixel, {path[1, -1]:.1f} dB"
    axis.set(title=f"{factor:g} λ", xlabel=result, xticks=[], yticks=[])
axes[0].plot(*search(bold, trained.weight)[0], "kx:", label="straight through, 1 λ")
axes[0].set(title="40 steps from one start", xlabel="bits a pixel, of files", ylabel="PSNR, dB")
axes[0].legend(frameon=False)
plt.show()

# %% [markdown]
# At the price that the codec was trained for, noise finds fewer bits *and* less error here: the
# guess of the analysis network is good for all pictures, but not the best for this one. At other
# prices the same decoder goes along the trade. And straight-through gets lost: it knows the slope
# at one whole number, and leaps on the strength of it; noise has seen all that lies between.
# ## In practice
# `losses.rate_distortion` is yours; `train` trains with it, from the linear start of lesson 12;
# `refinement` is the search: `encode(…, effort=100)`. Are estimates true? Lesson 14.
# ## Sources
# Theis et al., "Lossy image compression with compressive autoencoders", ICLR 2017 · Ballé, Laparra,
# Simoncelli, "End-to-end optimized image compression", ICLR 2017, equation 8 · Ballé et al.,
# "Variational image compression with a scale hyperprior", ICLR 2018, appendix 6.1
