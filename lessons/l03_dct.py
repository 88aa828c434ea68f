# %% [markdown]
# # 3 · The DCT: from correlation to frequency
# **Time**: 100 minutes · **Points**: 10
#
# **You will** build the transform inside every JPEG file – as two loops, as one matrix, for all
# blocks of a photograph at once – and write a file through it that any viewer opens. **You will
# learn** why a change of axes makes numbers cheaper though it loses none of them, how close the DCT
# comes to the best that any such change can do, and why it is fast. **You need** NumPy, matrix
# products, variance. A picture of your own goes in by its name: `PHOTO = "holiday.png"`.

# %%
import io
import math
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import PIL.Image

from codec_eval import default_photograph, psnr, read_picture
from jpeg_from_scratch import dct, encode
from jpeg_from_scratch.color import rgb_to_ycbcr
from jpeg_from_scratch.sampling import to_blocks

PHOTO = None  # None is the photograph that Matplotlib ships
pixels = (read_picture(PHOTO) if PHOTO else default_photograph()).pixels
luma = rgb_to_ycbcr(pixels)[..., 0] if pixels.ndim == 3 else pixels
height, width = (min(side, 1024) // 8 * 8 for side in luma.shape)  # whole blocks, a megapixel
luma = np.ascontiguousarray(luma[:height, :width])
blocks = to_blocks(luma.astype(float) - 128)  # (block row, block column, 8, 8), level-shifted
waves = dct.dct_matrix()  # the library's own, for the figures
BLUE, ORANGE = "#0072b2", "#d55e00"  # told apart by everybody

# %% [markdown]
# ## Why: neighbours know each other
# Cover one pixel of a photograph with a finger. You can guess it from its neighbours, nearly right.
# So a list of pixels says the same thing many times over, and we pay for each time.

# %%
a, b = luma[:, 0::2].astype(float), luma[:, 1::2].astype(float)
pairs = np.histogram2d(a.ravel(), b.ravel(), 128, [[0, 256]] * 2)[0]
fig, axes = plt.subplots(1, 2, figsize=(10, 4.2), layout="constrained")
axes[0].imshow(np.log1p(pairs.T), origin="lower", extent=(0, 256, 0, 256), cmap="cividis")
axes[0].set(title="How often a pair occurs (log)", xlabel="pixel $a$", ylabel="its neighbour $b$")
turned = {"$a$": a, "$b$": b, "$(a+b)/√2$": (a + b) / 2**0.5, "$(a-b)/√2$": (a - b) / 2**0.5}
bars = axes[1].bar(list(turned), [v.var() for v in turned.values()], color=BLUE)
axes[1].bar_label(bars, fmt="%.0f")
axes[1].set(title="The same sum, shared differently", ylabel="variance", ymargin=0.1)
plt.show()

# %% [markdown]
# The cloud is a cigar, as wide along $a$ as along $b$. Now turn the axes by 45°, to
# $y_0 = (a + b)/\sqrt 2$, $y_1 = (a - b)/\sqrt 2$. If $a$ and $b$ have the variance $\sigma^2$ and
# the correlation $\rho$, these have $\sigma^2(1 + \rho)$ and $\sigma^2(1 - \rho)$. The sum stays: a
# turn loses nothing. But one number now carries nearly all, and the other can be coded cheaply.
# ## The mathematics: one turn for $n$ pixels
# The *discrete cosine transform* asks how much of each of $n$ cosine waves is in $n$ samples. Wave
# $u$ makes $u$ half turns on its way across, and is looked at in the middle of each pixel:
#
# $$X_u = c_u \sum_{x=0}^{n-1} s_x \cos\frac{(2x + 1)\,u\,\pi}{2n}, \qquad
# c_0 = \sqrt{1/n}, \quad c_u = \sqrt{2/n} \ \text{ for } u > 0.$$
#
# The waves stand at right angles, and $c_u$ makes each one 1 long. So this is a turn as well, now
# in $n$ dimensions, and keeps lengths: $\sum X_u^2 = \sum s_x^2$. For $n = 2$ it is the one above.
# ### Exercise 3.1 – the definition
# Write the formula down as it stands, sum and all. Speed comes later.


# %%
def dct_by_loop(samples):
    """Return the DCT of n samples as a list of n floats: one loop for u, one for x, `math.cos`."""
    # BEGIN SOLUTION
    n, out = len(samples), []
    for u in range(n):
        terms = [samples[x] * math.cos((2 * x + 1) * u * math.pi / (2 * n)) for x in range(n)]
        out.append(math.sqrt((2 if u else 1) / n) * sum(terms))
    return out
    # END SOLUTION


# %%
def check_3_1(fn=dct_by_loop):
    flat, ramp = fn([1] * 8), fn([1, 2, 3, 4, 5])
    assert (np.size(flat), np.size(ramp)) == (8, 5), "n samples give n coefficients: a return?"
    assert math.isclose(flat[0], 8**0.5), f"eight ones: X_0 is 8 c_0 = 2.83, not {flat[0]:.2f}"
    u = max(range(1, 8), key=lambda u: abs(flat[u]))
    assert abs(flat[u]) < 1e-9, f"equal samples hold no wave, but X_{u} = {flat[u]:.2f}: (2x + 1)?"
    energy = sum(value**2 for value in ramp)
    assert math.isclose(energy, 55), f"1 … 5 have energy 55, your X {energy:.1f}: c_u, n (not 8)?"
    assert math.isclose(ramp[1], -3.149, abs_tol=1e-3), f"X_1 of 1 … 5 is −3.149, not {ramp[1]:.3f}"


# %%
check_3_1()  # 1 point

# %% [markdown]
# ### Exercise 3.2 – all waves in a matrix
# The cosines do not depend on the samples, so compute them once: row $u$ of a matrix $A$ holds wave
# $u$, and $X = A s$. Two index arrays, one standing and one lying, fill it without a loop.


# %%
def dct_matrix(n):
    """Return A as an (n, n) array: in row u, column x, what s_x is multiplied by in X_u."""
    # BEGIN SOLUTION
    u, x = np.arange(n)[:, np.newaxis], np.arange(n)
    scale = np.where(u == 0, 1, 2) / n
    return np.sqrt(scale) * np.cos((2 * x + 1) * u * np.pi / (2 * n))
    # END SOLUTION


# %%
def check_3_2(fn=dct_matrix):
    for n in (8, 5):
        matrix = np.asarray(fn(n))
        assert matrix.shape == (n, n), f"your matrix for n = {n} has the shape {matrix.shape}"
        assert np.ptp(matrix[0]) < 1e-9, "row 0, wave 0, is not constant: does u count the rows?"
        for u, norm in enumerate(np.linalg.norm(matrix, axis=1)):
            rule = f"row {u} of your matrix has norm {norm:.2f}; rows of an orthonormal one have 1"
            assert abs(norm - 1) < 1e-9, rule
        u, v = np.unravel_index(np.abs(matrix @ matrix.T - np.eye(n)).argmax(), (n, n))
        worst = abs(matrix[u] @ matrix[v] - (u == v))
        assert worst < 1e-9, f"rows {u} and {v} have the product {worst:.2f}, not 0: no right angle"
    assert np.allclose(fn(8), dct.dct_matrix()), "orthonormal, but not the cosines of the formula"


# %%
check_3_2()  # 2 points

# %% [markdown]
# ## Two dimensions: 64 patterns
# A wave down times a wave across is a pattern. How much of pattern $(v, u)$ is in a block $s$ says
#
# $$S_{vu} = c_v c_u \sum_{y=0}^{7} \sum_{x=0}^{7} s_{yx}
# \cos\frac{(2x + 1)u\pi}{16} \cos\frac{(2y + 1)v\pi}{16}.$$

# %%
patterns = np.einsum("vy,ux->vuyx", *[waves / waves.max(1, keepdims=True)] * 2)
sheet = np.pad(patterns, ((0, 0), (0, 0), (0, 1), (0, 1)), constant_values=np.nan)
fig, axis = plt.subplots(figsize=(5, 5), layout="constrained")
axis.imshow(np.hstack(np.hstack(sheet)), cmap="gray", vmin=-1.2, vmax=1.2)
axis.set(title="The 64 patterns", xlabel="$u$, across", ylabel="$v$, down")
axis.set_xticks(np.arange(8) * 9 + 3.5, range(8))
axis.set_yticks(np.arange(8) * 9 + 3.5, range(8))
plt.show()

# %% [markdown]
# ### Exercise 3.3 – every block at once
# The double sum is a pair of single ones: the cosine of $y$ does not care about $x$. On which side
# of $s$ must a matrix stand to work on columns, and how does it get to the rows? `@` works on the
# last two axes and repeats itself over all others: one line does a block, or a whole photograph.


# %%
def fdct(blocks):
    """Return S for blocks s of shape (..., 8, 8), rows v, columns u, by your `dct_matrix`."""
    # BEGIN SOLUTION
    matrix = dct_matrix(8)
    return matrix @ blocks @ matrix.T
    # END SOLUTION


# %%
def check_3_3(fn=fdct):
    flat, ramp = fn(np.full((8, 8), 10.0)), fn(np.tile(np.arange(8.0), (8, 1)))
    assert np.shape(flat) == (8, 8), f"a block of 8×8 became an array of shape {np.shape(flat)}"
    assert abs(flat[0, 0] - 80) < 1e-6, f"64 tens: S_00 is 10·√8·√8 = 80, yours {flat[0, 0]:.1f}"
    hint = "Yours are in column 0: swapped." if abs(ramp[1, 0]) > 1e-6 else "A on one side only?"
    assert np.abs(ramp[1:]).max() < 1e-6, f"a ramp across has coefficients in row 0 only. {hint}"
    stack = np.random.default_rng(3).integers(-128, 128, (3, 5, 8, 8))
    assert np.shape(fn(stack)) == stack.shape, f"a stack {stack.shape} became {fn(stack).shape}"
    assert np.allclose(fn(stack), dct.fdct_definition(stack)), "noise is wrong: A each way round?"


# %%
check_3_3()  # 2 points

# %% [markdown]
# **The library** has `dct.fdct_definition`, the formula of T.81, A.3.3, as printed, and `dct.fdct`,
# the same in whole numbers, less than ¼ away, for files: there, all machines must agree to the bit.
# ## Energy compaction, and the bound
# A turn keeps the sum of variances, and so their mean. But fine coding of a number takes a constant
# and $\frac12 \log_2 \sigma_k^2$ bits, $\sigma_k^2$ its variance: bits follow the *geometric* mean.
# The ratio of both means is the **coding gain** $G$; 6.02 dB of it save one bit for each number.
#
# $$G = 10 \log_{10} \frac{\frac1N \sum_k \sigma_k^2}{(\prod_k \sigma_k^2)^{1/N}}\ \text{dB}$$
#
# Which turn gains most? A turn $B$ makes $B C B^\top$ of the covariance matrix $C$ of the samples,
# with the new variances on its diagonal. By Hadamard's inequality their product is at least
# $\det C$, which no turn changes, and equal to it when all else is 0. So the best turn makes $C$
# diagonal: the **Karhunen–Loève transform**, KLT.
# ### Exercise 3.4 – the best turn there is
# Eigenvectors make a symmetric matrix diagonal. `np.linalg.eigh` finds them; read in its
# documentation where they stand, and in which order.


# %%
def klt(vectors):
    """Return the KLT of m vectors (m, n): rows orthonormal, (n, n), the largest variance first."""
    # BEGIN SOLUTION
    columns = np.linalg.eigh(np.cov(vectors.T))[1]
    return columns.T[::-1]
    # END SOLUTION


# %%
def check_3_4(fn=klt):
    vectors = np.random.default_rng(5).normal(size=(500, 4)).cumsum(axis=1) + [90, 0, -90, 0]
    matrix, covariance = np.asarray(fn(vectors)), np.cov(vectors.T)
    assert matrix.shape == (4, 4), f"vectors of 4 numbers gave a matrix {matrix.shape}"
    assert np.allclose(matrix @ matrix.T, np.eye(4)), "the rows of your matrix are not orthonormal"
    after, other = matrix @ covariance @ matrix.T, matrix.T @ covariance @ matrix
    off, off_other = (np.abs(c - np.diag(c.diagonal())).max() for c in (after, other))
    assert off < 1e-6 or off_other > 1e-6, "your columns are the eigenvectors; rows are asked for"
    assert off < 1e-6, f"coefficients have a covariance of {off:.2g}. Did you take off the mean?"
    variances = after.diagonal().round(2)
    assert (np.diff(variances) <= 0).all(), f"the variances {variances} must fall from row to row"


# %%
check_3_4()  # 2 points

# %%
rows = blocks.reshape(-1, 8)  # every run of eight pixels across
best, x = klt(rows), np.arange(8)
turns = {"pixels": (np.eye(8), ORANGE, "o:"), "DCT": (waves, BLUE, "s-"), "KLT": (best, "k", "x--")}
fig, axes = plt.subplot_mosaic("e012;e345", figsize=(12, 4.4), layout="constrained")
for name, (matrix, colour, style) in turns.items():
    variances = np.sort((rows @ matrix.T).var(axis=0))[::-1]
    gain = 10 * np.log10(variances.mean()) - 10 * np.log10(variances).mean()
    share = 100 * variances.cumsum() / variances.sum()
    axes["e"].plot(x + 1, share, style, color=colour, label=f"{name}, gain {gain:.2f} dB")
axes["e"].set(title="Energy in the $k$ largest of 8", xlabel="$k$", ylabel="% of the variance")
axes["e"].legend(frameon=False)
for u in range(6):
    sign = np.sign(best[u] @ waves[u])  # an eigenvector may point either way
    axes[f"{u}"].plot(x, waves[u], color=BLUE, lw=4, alpha=0.4)
    axes[f"{u}"].plot(x, sign * best[u], "kx--", lw=1)
    axes[f"{u}"].set(title=f"wave {u} and row {u} of the KLT", ylim=(-0.75, 0.75), xlabel="$x$")
plt.show()

# %% [markdown]
# The photograph has found the cosines by itself. That is why Ahmed, Natarajan and Rao proposed
# them: if correlation fades as $\rho^d$ with distance, the KLT tends to the DCT as $\rho \to 1$. A
# KLT must be sent with each picture, and has no fast algorithm. The DCT is free, and this close.
# ## Fast: the mirror
# $A s$ takes 64 products. But a wave is its own mirror image, up to the sign:
# $A_{u,7-x} = (-1)^u A_{u,x}$. So $s_x$ and $s_{7-x}$ meet one factor: join them *before* that.
# ### Exercise 3.5 – half the products
# From the sums $s_x + s_{7-x}$ come four coefficients, from the differences the others. Which?


# %%
def halves(matrix):
    """Return two (4, 4) arrays: by the one, sums become coefficients, by the other, differences."""
    # BEGIN SOLUTION
    return matrix[0::2, :4], matrix[1::2, :4]
    # END SOLUTION


# %%
def check_3_5(fn=halves):
    parts, s = fn(waves), np.array([3, -1, 4, 1, -5, 9, 2, -6])
    assert np.shape(parts) == (2, 4, 4), f"two arrays (4, 4), please; yours are {np.shape(parts)}"
    hint = "sums are for waves that equal their mirror image"
    for name, u, joined in (("even", 0, s + s[::-1]), ("odd", 1, s - s[::-1])):
        assert np.allclose(parts[u] @ joined[:4], (waves @ s)[u::2]), f"{name} u: wrong; {hint}"


# %%
check_3_5()  # 3 points

# %% [markdown]
# The first of your matrices is a DCT of 4 again, times a constant: repeat. Loeffler, Ligtenberg and
# Moschytz need 11 products; `dct.fdct_islow` has their algorithm in integers, and explains it.
# ## Your transform makes a file
# `stages` puts your function into the real encoder. Below it keeps only coefficients with
# $u + v < k$, low frequencies first; Pillow, not this library, decodes the files.

# %%
Path("my_transform.jpg").write_bytes(encode(luma, stages={"fdct": fdct}, backend="reference"))
diagonal = np.add.outer(range(8), range(8))
fig, axes = plt.subplots(1, 4, figsize=(11, 3.8), layout="constrained")
for axis, k in zip(axes, (1, 2, 4, 15)):
    low = {"fdct": lambda blocks, k=k: fdct(blocks) * (diagonal < k)}
    data = encode(luma, 90, stages=low, backend="reference")
    seen = np.asarray(PIL.Image.open(io.BytesIO(data)))
    axis.imshow(seen[height // 9 :, width // 4 :][:240, :240], cmap="gray", vmin=0, vmax=255)
    axis.set(xlabel=f"{len(data):,} bytes, {psnr(luma, seen, data_range=255):.1f} dB")
    axis.set(title=f"{(diagonal < k).sum()} of 64 coefficients", xticks=[], yticks=[])
plt.show()

# %% [markdown]
# ## In practice
# Blocks of 8×8 give most of the gain, and an edge spoils only one; AV1 goes up to 64×64. Learned
# codecs train their transform (lessons 11, 12). The DCT loses nothing: rounding does (lesson 4).
# ## Sources
# ITU-T T.81, A.3.1 (level shift) and A.3.3 (FDCT, IDCT) · Ahmed, Natarajan, Rao, "Discrete Cosine
# Transform", IEEE Trans. Computers C-23, 1974 · Loeffler, Ligtenberg, Moschytz, "Practical fast 1-D
# DCT algorithms with 11 multiplications", ICASSP 1989 · Jayant, Noll, *Digital Coding of Waveforms*
