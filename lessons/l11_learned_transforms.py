# %% [markdown]
# # 11 · Learned transforms: an autoencoder from nothing
# **Time**: 110 minutes · **Points**: 10
#
# **You will** let a photograph turn random numbers into a transform. **You will learn** what
# back-propagation is, how to catch a wrong gradient, and what no matrix can do. **You need** NumPy,
# the chain rule, lesson 3. Your own picture goes in by its name: `PHOTO = "holiday.png"`.

# %%
import matplotlib.pyplot as plt
import numpy as np

from codec_eval import default_photograph, read_picture
from jpeg_from_scratch.color import rgb_to_ycbcr
from jpeg_from_scratch.sampling import to_blocks
from neural_from_scratch import Tensor
from neural_from_scratch.gradcheck import gradient_error
from neural_from_scratch.optim import Adam, adam_step, warmup_cosine
from neural_from_scratch.tensor import record

PHOTO = None  # None is the photograph that Matplotlib ships
pixels = (read_picture(PHOTO) if PHOTO else default_photograph()).pixels
luma = rgb_to_ycbcr(pixels)[..., 0] if pixels.ndim == 3 else pixels
height, width = (min(side, 1024) // 8 * 8 for side in luma.shape)  # whole blocks, a megapixel
luma, spread = luma[:height, :width] - luma.mean(), luma.std() + 1e-9
blocks = to_blocks(luma / spread).reshape(-1, 64)  # one row, one 8×8 block
draw = np.random.default_rng(11)
seen, unseen = np.array_split(draw.permutation(blocks)[:4096], 2)  # to learn from, to be judged by
klt = np.linalg.eigh(seen.T @ seen)[1].T[:-4:-1]  # lesson 3: the best that three rows can do
BLUE, ORANGE, GREEN = "#0072b2", "#d55e00", "#009e73"  # told apart by everybody


def decibels(error):  # PSNR; an error is in units of `spread`
    return 10 * np.log10(255**2 / (np.mean(error**2) * spread**2 + 1e-9))


# %% [markdown]
# ## Why: when no formula helps
# In lesson 3 the best transform fell out of a formula, since all was a matrix and every error a
# square. Bend one step, and the formula is gone. What stays is a **loss** $L$, one number that says
# how bad the weights are, and the way downhill: against the **gradient**, the list of all
# $\partial L/\partial w_i$. Measure it: push weight $i$ both ways ($e_i$ is 1 there, else 0).
#
# $$\frac{\partial L}{\partial w_i} \approx \frac{L(w + h\,e_i) - L(w - h\,e_i)}{2h}$$
#
# By Taylor this errs by $h^2 L'''/6$. The one-sided $(L(w + h e_i) - L(w))/h$ errs by $h L''/2$.
# ### Exercise 11.1 – measure all slopes
# `np.ndindex` counts through an array of any shape.


# %%
def slopes(loss, weights, h=1e-5):
    """Return ∂L/∂w by central differences; `weights`, an array, is unchanged afterwards."""
    # BEGIN SOLUTION
    found = np.zeros(weights.shape)
    for place in np.ndindex(weights.shape):
        push = np.zeros(weights.shape)
        push[place] = h
        found[place] = (loss(weights + push) - loss(weights - push)) / (2 * h)
    return found
    # END SOLUTION


# %%
def check_11_1(fn=slopes):
    w, right = np.array([[1.0, 2.0], [-3.0, 0.5]]), np.array([[4.0, 5.0], [-6.0, 1.0]])
    found = fn(lambda w: (w**2).sum() + w[0, 0] * w[0, 1], w)
    hint = "Divide by 2h." if np.allclose(found, 2 * right, atol=1e-3) else "Only one at a time?"
    assert np.allclose(found, right, atol=1e-3), f"Σw² + w₀₀w₀₁: {right}, not {found}. {hint}"
    cube = fn(lambda w: (w**3).sum(), np.array([2.0]), 0.1)[0]
    assert abs(cube - 12.01) < 1e-6, f"w³ at 2, h = 0.1: 12.01, not {cube:.2f}; is it one-sided?"


# %%
check_11_1()  # 2 points

# %% [markdown]
# The smallest autoencoder: two neighbours $x = (a, b)$ become one number $y = w^\top x$, and two
# again, $\hat x = w y$. With two weights the loss, the mean of $|\hat x - x|^2$, is a landscape.

# %%
pairs, across = blocks.reshape(-1, 2)[:4000], np.linspace(-1.3, 1.3, 61)
lose = lambda w: np.mean((np.outer(pairs @ w, w) - pairs) ** 2)  # noqa: E731
fig, axes = plt.subplots(1, 2, figsize=(11, 4.6), layout="constrained")
ground = np.log10([[lose(np.array([p, q])) for p in across] for q in across])
fig.colorbar(axes[0].contour(across, across, ground, 16, cmap="cividis"), label="$\\log_{10} L$")
for start in ([0.2, -0.9], [-0.9, 0.3], [0.3, 1.2], [-0.1, -1.2]):
    path = [np.array(start)]
    for _ in range(60):
        path.append(path[-1] - 0.1 * slopes(lose, path[-1]))
    axes[0].plot(*np.transpose(path), ".-", color=ORANGE, ms=4, lw=1)
axes[0].set(title="Four walks downhill", xlabel="weight of $a$", ylabel="weight of $b$", aspect=1)
h, e = 10.0 ** np.arange(-14, 0), np.exp
for name, low, colour in (("central", h, BLUE), ("one-sided", 0 * h, ORANGE)):
    wrong = abs((e(1 + h) - e(1 - low)) / (h + low) - e(1))
    axes[1].loglog(h, wrong, "o-", color=colour, label=name)
axes[1].set(title="Slope of $e^w$ at 1, by differences", xlabel="$h$", ylabel="error")
axes[1].legend(frameon=False)
plt.show()

# %% [markdown]
# All walks end at $\pm(0.71, 0.71)$, the turn by 45° of lesson 3, and nobody told them. On the
# right, a trap: for tiny $h$ both losses agree in nearly all their digits, and rounding is left.
# ## The mathematics: every slope in two passes
# Measuring costs two passes a weight; a codec has a million. Let the blocks be the $m$ rows of $X$,
# and the autoencoder two matrices, 64 numbers → 3 → 64: $Y = X A$, $\hat X = Y B$, and $L$ the mean
# of all $n = 64m$ squares $(\hat x - x)^2$. Go *backwards*. How $L$ depends on $\hat X$ is plain:
# $\bar g = 2(\hat x - x)/n$ for each number. What do slopes $\bar G$ at the end of a step $Z = X W$
# say about its beginning? An $x_{ij}$ is in all $z_{ik}$ of its row, with the factor $w_{jk}$:
#
# $$z_{ik} = \sum_j x_{ij} w_{jk} \quad\Rightarrow\quad
# \frac{\partial L}{\partial x_{ij}} = \sum_k \bar g_{ik} w_{jk}, \qquad
# \frac{\partial L}{\partial w_{jk}} = \sum_i \bar g_{ik} x_{ij}.$$
#
# The first is handed on to the step before, the second is what we came for: **back-propagation**.
# ### Exercise 11.2 – a product, backwards
# Both sums are matrix products. If you doubt a transpose, look at the shapes.


# %%
def matmul_backward(x, w, slope):
    """Return ∂L/∂x and ∂L/∂w of z = x @ w, x (m, n), w (n, p); `slope` is ∂L/∂z, (m, p)."""
    # BEGIN SOLUTION
    return slope @ w.T, x.T @ slope
    # END SOLUTION


# %%
def check_11_2(fn=matmul_backward):
    x, w, slope = arrays = np.random.default_rng(2).normal(size=(3, 4, 4))
    leaves = [Tensor(array, requires_grad=True) for array in arrays[:2]]
    (leaves[0] @ leaves[1]).backward(slope)  # the library's
    for name, mine, leaf, other in zip("xw", fn(x, w, slope), leaves, (slope @ w, x @ slope)):
        hint = "a transpose is missing" if np.allclose(mine, other) else "which index is summed?"
        assert np.allclose(mine, leaf.grad), f"∂L/∂{name}: {hint}"
    shapes = [np.shape(part) for part in fn(np.ones((5, 2)), np.ones((2, 4)), np.ones((5, 4)))]
    assert shapes == [(5, 2), (2, 4)], f"slopes have their arrays' shapes, not {shapes}"


# %%
check_11_2()  # 2 points

# %% [markdown]
# **The library** has this in `ops.matmul`, its way back beside its way forward.
# ### Exercise 11.3 – the autoencoder, backwards


# %%
def loss_and_slopes(x, a, b):
    """Return L as a number, ∂L/∂A and ∂L/∂B: once forward, then `matmul_backward` twice."""
    # BEGIN SOLUTION
    y = x @ a
    error = y @ b - x
    at_y, by_b = matmul_backward(y, b, 2 * error / error.size)
    return np.mean(error**2), matmul_backward(x, a, at_y)[1], by_b
    # END SOLUTION


# %%
def check_11_3(fn=loss_and_slopes):
    x, a, b = (np.random.default_rng(3).normal(size=s) for s in ((20, 6), (6, 2), (2, 6)))
    leaves = Tensor(a, requires_grad=True), Tensor(b, requires_grad=True)
    error = x @ leaves[0] @ leaves[1] - x
    loss = (error * error).mean()
    loss.backward()
    found, right = fn(x, a, b), loss.item()
    assert abs(found[0] - right) < 1e-9, f"L, a mean of 120 squares: {right:.3f}, not {found[0]}"
    for name, mine, leaf in zip("AB", found[1:], leaves):
        ratio = np.sum(mine * leaf.grad) / np.sum(leaf.grad**2)
        hint = f"{ratio:.3g} times the right one: 2/n, n = 120, or the sign?"
        hint = hint if np.allclose(mine, ratio * leaf.grad) else "wrong way: what hands B back?"
        assert np.allclose(mine, leaf.grad), f"∂L/∂{name}: {hint}"


# %%
check_11_3()  # 3 points

# %% [markdown]
# Compare with `slopes`, always: the **gradient check**. A wrong gradient raises no error, it only
# learns badly. The library's check is `gradcheck.gradient_error`.
# ## Downhill, and why it crawls
# Plain descent is $w \leftarrow w - \eta\,\bar g$. But the loss is far steeper along bright–dark
# than along detail: what suits the one is a crawl for the other. **Adam** divides a slope by the
# root of the running mean of its square: steep or flat, a weight goes about $\eta$ a step.

# %%
fig, axes = plt.subplot_mosaic("eee012;eee345", figsize=(12, 4.4), layout="constrained")
for rate, style, colour in ((0.02, ":", GREEN), (0.2, "--", ORANGE), (0.02, "-", BLUE)):
    begin, curve = np.random.default_rng(0), []
    weights = [begin.normal(size=size) / 8 for size in ((64, 3), (3, 64))]
    means = [np.zeros((2, *w.shape)) for w in weights]
    for step in range(1, 301):
        curve.append(decibels(unseen @ weights[0] @ weights[1] - unseen))
        for w, slope, mean in zip(weights, loss_and_slopes(seen, *weights)[1:], means):
            if style == "-":
                adam_step(w, slope, *mean, rate, 0.9, 0.999, 1e-8, step)
            else:
                w -= rate * slope
    name = "Adam" if style == "-" else "descent"
    axes["e"].plot(curve, style, color=colour, label=f"{name}, $\\eta = {rate}$")
axes["e"].axhline(decibels(unseen @ klt.T @ klt - unseen), color="k", lw=1, label="KLT")
axes["e"].set(title="Random rows become a transform", xlabel="step", ylabel="PSNR, unseen, dB")
axes["e"].legend(frameon=False, loc="lower right")
for i, row in enumerate((*weights[1], *klt)):
    reach = np.abs(row).max()
    axes[f"{i}"].imshow(row.reshape(8, 8), cmap="gray", vmin=-reach, vmax=reach)
    axes[f"{i}"].set(title=f"{'KLT' if i > 2 else 'learned'}, row {i % 3}", xticks=[], yticks=[])
plt.show()

# %% [markdown]
# Adam reaches the KLT without an eigenvector. Its rows are mixtures of the KLT's, as only the space
# that they span counts: with any invertible $M$, the pair $AM$, $M^{-1}B$ loses as much.
# ## A tape that writes itself
# A long way back is tiresome, but every step does the same. So let each operation write it down
# when it is done: the **tape**. The library's `Tensor` is an array that remembers what made it, and
# `backward` walks that memory from the end; what was used twice gets two slopes, which *add*.
# `record(name, result, inputs, backward)` writes a line of it; `backward(slope)` returns a tuple,
# one slope for each input. With $\tanh' = 1 - \tanh^2$:
# ```python
# def tanh(x):  # x is a Tensor, x.data its array
#     y = np.tanh(x.data)
#     return record("tanh", y, (x,), lambda slope: (slope * (1 - y**2),))
# ```
# ### Exercise 11.4 – an operation of your own
# *Swish* is $x\,\sigma(x)$ with $\sigma(x) = 1/(1 + e^{-x}) = (1 + \tanh\frac x2)/2$, which cannot
# overflow: nearly 0 far left, nearly $x$ far right. And $\sigma' = \sigma(1 - \sigma)$.


# %%
def swish(x):
    """Return x σ(x) of a Tensor as a Tensor that knows its way back."""
    # BEGIN SOLUTION
    gate = 0.5 + 0.5 * np.tanh(0.5 * x.data)
    through = gate * (1 + x.data * (1 - gate))
    return record("swish", x.data * gate, (x,), lambda slope: (slope * through,))
    # END SOLUTION


# %%
def check_11_4(fn=swish):
    x = np.array([-3.0, -1.0, 0.0, 2.0])
    y, right = fn(Tensor(x, requires_grad=True)), x / (1 + np.exp(-x))
    assert isinstance(y, Tensor), f"a Tensor from `record`, please; yours is a {type(y).__name__}"
    assert np.allclose(y.data, right), f"swish of {x} is {right.round(3)}, not {y.data.round(3)}"
    assert y.node is not None, "nothing is on the tape: return what `record` returns"
    error, two = gradient_error(fn, [x]), y.node.backward(np.full(4, 2.0))[0]
    hint = "two terms, σ and x σ(1 − σ)?" if two[2] == 1 else "times the slope that comes in?"
    assert error < 1e-8, f"the gradient check fails: off by {error:.1g}. {hint}"
    far = fn(Tensor(np.array([-1000.0, 1000.0]))).data
    assert np.allclose(far, [0, 1000]), f"−1000 and 1000 give {far}, must be 0 and 1000: overflow?"


# %%
check_11_4()  # 3 points

# %% [markdown]
# ## What no matrix can do
# Your swish goes into a network on the library's tape, in paths beside the KLT that start near 0.

# %%
first = [draw.normal(size=s) / 32 for s in ((64, 64), (64, 3), (3, 64), (64, 64))] + [klt.T, klt]
net = a, b, c, d, down, up = [Tensor(w.copy(), requires_grad=True) for w in first]


def autoencode(x):
    y = swish(x @ a) @ b + x @ down
    return swish(y @ c) @ d + y @ up


adam, curves = Adam(net, rate=0.005), []
for step in range(1001):
    if step % 25 == 0:
        curves.append([step, *(decibels(autoencode(Tensor(x)).data - x) for x in (seen, unseen))])
    x = seen[draw.integers(len(seen), size=512)]
    error = autoencode(Tensor(x)) - x
    adam.clear_gradients()
    (error * error).mean().backward()
    adam.step(scale=warmup_cosine(step, 1001, warmup=20))
fig, axes = plt.subplots(1, 3, figsize=(13, 4.4), layout="constrained")
steps, *curves = np.transpose(curves)
axes[0].plot(steps, curves[0], "--", steps, curves[1], "-", color=BLUE)
axes[0].axhline(decibels(unseen @ klt.T @ klt - unseen), color="k", lw=1)
axes[0].set(title="Three numbers for 64", xlabel="step", ylabel="PSNR, dB")
axes[0].legend(["network, seen", "network, unseen", "KLT, unseen"], frameon=False)
bent, straight = autoencode(Tensor(blocks)).data, blocks @ klt.T @ klt
for axis, name, rows in zip(axes[1:], ("KLT", "network"), (straight, bent)):
    view = rows.reshape(height // 8, width // 8, 8, 8).swapaxes(1, 2).reshape(height, width)
    axis.imshow(view[height // 9 :, width // 4 :][:240, :240], cmap="gray", vmin=-2, vmax=2)
    axis.set(title=name, xlabel=f"{decibels(rows - blocks):.2f} dB", xticks=[], yticks=[])
plt.show()

# %% [markdown]
# A better picture from three numbers: blocks with an edge lie on a *curved* surface, and a matrix
# knows flat ones only. What was seen is learned by heart in part; the solid line is honest.
# ## In practice
# Codecs convolve instead of cutting blocks, and their nonlinearity is made for photographs: lesson
# 12. Our numbers still have endless digits: 13. To read: `tensor`, `ops/linear`, `optim`, `demo`.
# ## Sources
# Rumelhart, Hinton, Williams, "Learning representations by back-propagating errors", Nature 323,
# 1986 · Kingma, Ba, "Adam: a method for stochastic optimization", ICLR 2015
