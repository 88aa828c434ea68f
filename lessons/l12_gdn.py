# %% [markdown]
# # 12 · From KLT to GDN: what a matrix leaves behind
# **Time**: 110 minutes · **Points**: 10
#
# **You will** find out what is still alike in numbers without correlation, take it away with a
# nonlinearity, and put yours into a trained codec. **You will learn** how photographs differ from
# noise, where GDN comes from, how it goes backwards, and how a network starts as a transform.
# **You need** lessons 3 and 11. Your own picture goes in by its name: `PHOTO = "holiday.png"`.

# %%
import matplotlib.pyplot as plt
import numpy as np
from scipy.optimize import nnls

from codec_eval import default_photograph, psnr, read_picture
from jpeg_from_scratch.color import rgb_to_ycbcr
from jpeg_from_scratch.sampling import to_blocks
from neural_from_scratch import Tensor, decode, encode, ops, use_backend
from neural_from_scratch.codec import latents_of
from neural_from_scratch.layers import GDN, Sequential
from neural_from_scratch.models import FactorizedPrior
from neural_from_scratch.warm_start import principal_axes
from neural_from_scratch.weights import Weights, load_weights

PHOTO = None  # None is the photograph that Matplotlib ships
pixels = (read_picture(PHOTO) if PHOTO else default_photograph()).pixels
pixels = pixels if pixels.ndim == 3 else np.dstack([pixels] * 3)
height, width = (min(side, 512) // 16 * 16 for side in pixels.shape[:2])
pixels = np.ascontiguousarray(pixels[:height, :width])  # whole squares of 16, not too many
blocks = to_blocks(rgb_to_ycbcr(pixels)[..., 0].astype(float)).reshape(-1, 64)
blocks -= blocks.mean(axis=0)
x = (blocks @ principal_axes(blocks.T @ blocks, 16).T)[:, 1:]  # KLT, numbers 1 to 15 of 64
x /= x.std(axis=0) + 1e-9
BLUE, ORANGE = "#0072b2", "#d55e00"  # told apart by everybody

# %% [markdown]
# ## Why: uncorrelated is not independent
# The KLT of lesson 3 makes the correlation of any two numbers 0. Then why do codecs bother with
# networks? Because 0 correlation says only that one number does not tell the *sign* of another.
# A block of sky has all of them small, one of hair all of them large. They share a **loudness**.
# ### Exercise 12.1 – how wide, given a neighbour?
# Sort $b$ by what $a$ is beside it. If they were independent, each bin would be as wide as all.


# %%
def spread_given(a, b, edges):
    """Return the deviation of b where edges[k] <= a < edges[k + 1], for each k; NaN for none."""
    # BEGIN SOLUTION
    found = [b[(edges[k] <= a) & (a < edges[k + 1])] for k in range(len(edges) - 1)]
    return np.array([part.std() if part.size else np.nan for part in found])
    # END SOLUTION


# %%
def check_12_1(fn=spread_given):
    a, b = np.array([-1.5, -0.5, -0.5, 0.5, 0.5, 1.0]), np.array([9.0, 4.0, 6.0, -3.0, 3.0, 50.0])
    found = np.asarray(fn(a, b, [-2, -1, 0, 1, 2, 3]))
    assert np.isnan(found[4]), f"no a is between 2 and 3: NaN, not {found[4]}"
    assert abs(found[1] - 1) < 1e-9, f"b = 4 and 6 beside a = −0.5: width 1, not {found[1]:.2f}"
    hint = "a = 1 belongs to the bin above" if found[2] > 3.1 else "around the mean of the bin?"
    assert abs(found[2] - 3) < 1e-9, f"b = −3 and 3: width 3, not {found[2]:.2f}; {hint}"


# %%
check_12_1()  # 2 points


# %%
def bow_tie(axis, a, b, title):
    table, edges = np.histogram2d(a, b, 41, [[-4, 4]] * 2)[0].T, np.linspace(-4, 4, 11)
    table /= np.maximum(table.max(axis=0), 1)  # each column by itself
    axis.imshow(table, origin="lower", extent=(-4, 4, -4, 4), cmap="cividis")
    for sign in (-1, 1):
        axis.stairs(sign * spread_given(a, b, edges), edges, baseline=None, color=ORANGE, lw=2)
    axis.set(title=title, xlabel="number $a$", ylabel="number $b$, given $a$")


def heavy_tails(axis, values, title):
    at = np.linspace(-8, 8, 65)
    axis.hist(values / values.std(), at, density=True, color=BLUE, label="photograph")
    axis.semilogy(at, np.exp(-(at**2) / 2) / (2 * np.pi) ** 0.5, "k--", label="normal")
    axis.set(title=title, xlabel="value / deviation", ylabel="density", ylim=(1e-5, 2))
    axis.legend(frameon=False)


# %%
one, other = divmod(np.triu(np.corrcoef(np.abs(x).T), 1).argmax(), 15)  # the most alike in size
fig, axes = plt.subplots(1, 3, figsize=(13, 4), layout="constrained")
heavy_tails(axes[0], x[:, 4], "Number 5 of the KLT")
bow_tie(axes[1], x[:, one], x[:, other], f"Numbers {one + 1} and {other + 1}")
bow_tie(axes[2], x[:, one], np.random.default_rng(0).permutation(x[:, other]), "Shuffled")
plt.show()

# %% [markdown]
# A *bow tie*: where $a$ is large, $b$ is spread wide (the steps are $\pm$ one deviation), though
# their correlation is 0. Shuffled, on the right, nothing is left of it. On the left the same fact
# from another side: a mixture of quiet and loud blocks has **heavy tails**. No matrix can help.
# ## The mathematics: divide by what the others say
# If loudness is shared, guess the energy of $x_i$ from the others, and divide it out. With weights
# $\gamma_{ij} \ge 0$ and $\beta_i > 0$ it cannot become negative:
#
# $$n_i = \beta_i + \sum_j \gamma_{ij} x_j^2, \qquad y_i = \frac{x_i}{\sqrt{n_i}}$$
#
# This is **generalised divisive normalisation**, GDN. As loops, for one pixel with C channels:
# ```python
# for i in range(C):
#     energy = beta[i] + sum(gamma[i, j] * x[j] ** 2 for j in range(C))
#     y[i] = x[i] / energy**0.5
# ```
# ### Exercise 12.2 – GDN for pictures
# A network has arrays $(N, C, H, W)$: pictures, channels, rows, columns. No loop over pixels now:
# `np.einsum`, or `@` on a reshaped array. Keep the dtype: networks are float32.


# %%
def gdn(x, beta, gamma):
    """Return y for x (N, C, H, W), beta (C,), gamma (C, C), of the shape and dtype of x."""
    # BEGIN SOLUTION
    energy = np.einsum("ij,njhw->nihw", gamma, x**2) + beta[:, None, None]
    return x / np.sqrt(energy)
    # END SOLUTION


# %%
def check_12_2(fn=gdn):
    found = fn(np.array([3.0, 4.0]).reshape(1, 2, 1, 1), np.zeros(2), np.ones((2, 2)))
    assert np.shape(found) == (1, 2, 1, 1), f"x is (1, 2, 1, 1), your y {np.shape(found)}"
    hint = "; the root is missing" if np.allclose(found.ravel(), [0.12, 0.16]) else ""
    assert np.allclose(found.ravel(), [0.6, 0.8]), f"(3, 4) / 5 is (0.6, 0.8), not {found}{hint}"
    x, beta, gamma = np.random.default_rng(1).random((3, 3, 3)) + 0.1
    x, beta = np.stack([x, 2 * x])[:, :, :, None] * np.ones(3), beta[0]
    with use_backend("reference"):
        right, turned = (ops.gdn(x, beta, part).data for part in (gamma, gamma.T.copy()))
    found = fn(x, beta, gamma)
    hint = "γ[i, j]: what j adds to n_i" if np.allclose(found, turned) else "β is along channels"
    assert np.allclose(found, right), f"with three channels y is wrong: {hint}"
    assert fn(*(p.astype("f4") for p in (x, beta, gamma))).dtype == "f4", "float32 came in: keep it"


# %%
check_12_2()  # 2 points

# %% [markdown]
# **The library** has `ops.gdn`. Which $\beta$ and $\gamma$? Ask the photograph: guess $x_i^2$ from
# all other $x_j^2$ by least squares, with weights that are not negative.

# %%
beta, gamma, terms = np.zeros(15), np.zeros((15, 15)), np.column_stack([np.ones(len(x)), x**2])
for i in range(15):
    (beta[i], *gamma[i]), _ = nnls(terms * (np.arange(16) != i + 1), x[:, i] ** 2)
y = gdn(x.T[None, :, :, None], beta + 1e-6, gamma)[0, :, :, 0].T
fig, axes = plt.subplots(1, 4, figsize=(15, 3.8), layout="constrained")
heavy_tails(axes[0], y[:, 4], "Number 5 after GDN")
bow_tie(axes[1], y[:, one], y[:, other], f"Numbers {one + 1} and {other + 1} after GDN")
for axis, values, name in zip(axes[2:], (x, y), ("KLT", "KLT and GDN")):
    table, extent = np.corrcoef(np.abs(values).T), (0.5, 15.5, 15.5, 0.5)
    shown = axis.imshow(table, cmap="cividis", vmin=0, vmax=1, extent=extent)
    axis.set(title=f"Are sizes alike? {name}", xlabel="number", ylabel="number")
fig.colorbar(shown, label="correlation of $|x|$")
plt.show()

# %% [markdown]
# The bow tie is gone, and sizes say little about each other. Now **your GDN goes into a trained
# codec**, in its analysis network. The library, which knows nothing of it, reads the file.


# %%
class Yours(GDN):
    def forward(self, x):
        beta, gamma = ops.nonnegative(self.beta, self.beta_min), ops.nonnegative(self.gamma)
        return Tensor(gdn(x.data, beta.data, gamma.data))


trained, files = load_weights(4), {"the library's": encode(pixels, 4)}
for name in ("with your GDN", "each channel alone"):
    model = FactorizedPrior(64, 96, rng=np.random.default_rng())
    model.g_a = Sequential(*[Yours(64) if isinstance(part, GDN) else part for part in model.g_a])
    model.load_state_dict(trained.model.state_dict())
    for layer in model.g_a[1::2] if name == "each channel alone" else ():
        layer.gamma.data = layer.gamma.data * np.eye(64, dtype=np.float32)
    yours = Weights(model, trained.tables, trained.hash, trained.quality, trained.card)
    files[name] = encode(pixels, weights=yours)
fig, axes = plt.subplots(1, 3, figsize=(12, 4.4), layout="constrained")
for axis, (name, data) in zip(axes, files.items()):
    seen = decode(data)  # by the library
    axis.imshow(seen)
    quality = psnr(pixels, seen, data_range=255)
    axis.set(title=name, xlabel=f"{len(data):,} bytes, {quality:.1f} dB", xticks=[], yticks=[])
plt.show()

# %% [markdown]
# The same bytes. On the right all $\gamma_{ij}$ with $i \ne j$ are 0. The synthesis expects that
# loudness has been divided out; what has not been looks garish, and costs more.
# ## Backwards
# Let $g_i$ be slopes $\partial L/\partial y_i$ that arrive. $x_k$ acts on $y_k$ as the factor in
# front, and on *every* $y_i$ through $n_i$. So first find what arrives at $n_i$:
# $h_i = \partial L/\partial n_i = -\frac12\, g_i x_i n_i^{-3/2}$, since $y_i = x_i n_i^{-1/2}$.
# ### Exercise 12.3 – GDN backwards
# Three sums from there: how does $n_i$ depend on $x_k$, on $\beta_i$, on $\gamma_{ij}$?


# %%
def gdn_backward(x, beta, gamma, slope):
    """Return ∂L/∂x, ∂L/∂β, ∂L/∂γ for vectors x (m, C), a row a pixel; `slope` is ∂L/∂y, (m, C)."""
    # BEGIN SOLUTION
    n = beta + x**2 @ gamma.T
    h = -0.5 * slope * x * n**-1.5
    return slope / np.sqrt(n) + 2 * x * (h @ gamma), h.sum(axis=0), h.T @ x**2
    # END SOLUTION


# %%
def check_12_3(fn=gdn_backward):
    x, slope = np.random.default_rng(4).normal(size=(2, 5, 3))
    beta, gamma = np.array([1.0, 2, 3]), np.arange(9.0).reshape(3, 3) / 9
    leaves = [Tensor(part, requires_grad=True) for part in (x.T[None, :, :, None], beta, gamma)]
    with use_backend("reference"):
        ops.gdn(*leaves).backward(slope.T[None, :, :, None])
    by_x, by_beta, by_gamma = fn(x, beta, gamma, slope)
    direct = slope / np.sqrt(beta + x**2 @ gamma.T)
    assert not np.allclose(by_x, direct), "∂L/∂x: x also acts through n, and that part is missing"
    part, whole = by_x - direct, leaves[0].grad[0, :, :, 0].T - direct
    hint = "half of it, x² has 2x" if np.allclose(2 * part, whole) else "Σ over i, γ_ik"
    assert np.allclose(part, whole), f"∂L/∂x: the part through n is wrong: {hint}"
    assert np.shape(by_beta) == (3,), f"∂L/∂β, a sum over pixels, is {np.shape(by_beta)}, not (3,)"
    assert np.allclose(by_beta, leaves[1].grad), f"∂L/∂β is Σ h = {leaves[1].grad}, not {by_beta}"
    hint = "transposed" if np.allclose(np.transpose(by_gamma), leaves[2].grad) else "Σ h_i x_j²"
    assert np.allclose(by_gamma, leaves[2].grad), f"∂L/∂γ: {hint}"


# %%
check_12_3()  # 3 points

# %% [markdown]
# ## A linear start
# A network begins with random numbers, and spends hours to find that neighbours are alike. We know
# that. A layer is a 5×5 convolution with stride 2 and padding 2: output $(i, j)$ sums over pixels
# $2i - 2 … 2i + 2$ down and $2j - 2 … 2j + 2$ across, of all channels, one weight each. Let it see
# only $2i$, $2i + 1$ and $2j$, $2j + 1$: squares of 2×2 side by side. Then it is a matrix for $4C$
# numbers, such as their KLT, and the transposed convolution with these weights undoes it.
# ### Exercise 12.4 – a matrix as a convolution
# Which 4 of the 25 weights? Number $4c + 2a + b$ of a row is for channel $c$, pixel $(a, b)$.


# %%
def as_kernel(axes):
    """Return rows of a matrix (M, 4 C) as weights (M, C, 5, 5), of the dtype of `axes`."""
    # BEGIN SOLUTION
    kernel = np.zeros((len(axes), axes.shape[1] // 4, 5, 5), axes.dtype)
    kernel[:, :, 2:4, 2:4] = axes.reshape(len(axes), -1, 2, 2)
    return kernel
    # END SOLUTION


# %%
def check_12_4(fn=as_kernel):
    matrix, x = np.random.default_rng(2).normal(size=(5, 8)), np.arange(72.0).reshape(1, 2, 6, 6)
    kernel = fn(matrix)
    assert np.shape(kernel) == (5, 2, 5, 5), f"5 rows of 8 make (5, 2, 5, 5), not {kernel.shape}"
    assert np.count_nonzero(kernel) == 40, f"40 numbers, but {np.count_nonzero(kernel)} weights"
    taps = np.argwhere(kernel[0, 0])[0]
    assert (taps == 2).all(), f"your first tap is {taps}; tap t sees pixel 2i + t − 2, so 2i is 2"
    with use_backend("reference"):
        found = ops.conv2d(x, kernel, stride=2, padding=2).data[0, :, 1, 1]
    assert np.allclose(found, matrix @ x[0, :, 2:4, 2:4].ravel()), "the order: c, then a, then b?"


# %%
check_12_4()  # 3 points

# %%
stage, kernels = pixels.transpose(2, 0, 1)[None] / np.float32(255) - np.float32(0.5), []
for most in (12, 48, 64, 96):
    squares = ops.space_to_depth(stage, 2).data[0].reshape(4 * stage.shape[1], -1)
    kernels.append(as_kernel(principal_axes(squares @ squares.T, most).astype(np.float32)))
    stage = ops.conv2d(stage, kernels[-1], stride=2, padding=2).data
trained = load_weights(4)
loudest = np.abs(latents_of(pixels, trained)[1]).mean(axis=(1, 2)).argsort()[::-1][:8]
impulse = np.zeros((2, 8, 96, 5, 5), np.float32)  # one number is 1, all others are 0
impulse[0, range(8), range(8), 2, 2], impulse[1, range(8), loudest, 2, 2] = 1, 8
linear, rest = Tensor(impulse[0]), trained.model.synthesise(0 * impulse[1]).data
for kernel in kernels[::-1]:
    linear = ops.conv_transpose2d(linear, kernel, None, 2, 2, 1)
bent = trained.model.synthesise(impulse[1]).data - rest
fig, axes = plt.subplots(2, 8, figsize=(14, 4), layout="constrained")
for axis, picture in zip(axes.ravel(), (*linear.data, *bent)):
    axis.imshow(0.5 + picture[:, 16:64, 16:64].transpose(1, 2, 0) / (2 * np.abs(picture).max()))
    axis.set(xticks=[], yticks=[])
fig.suptitle("What one latent paints, 48×48 pixels: above, linear; below, after training")
plt.show()

# %% [markdown]
# Above, built without training: a KLT of squares of 16×16, with hard edges. Below, training has
# arrived at *cosines* again, now soft at the edges: neighbours overlap, and no blocks show.
# ## In practice
# `warm_start` does this, with GDN near the identity. A synthesis network has IGDN, which multiplies
# by $\sqrt n$. `layers.GDN` stores roots of $\beta$ and $\gamma$, which keeps both positive.
# ## Sources
# Ballé, Laparra, Simoncelli, "Density modeling of images using a generalized normalization
# transformation", ICLR 2016, equation 3
