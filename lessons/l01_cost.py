# %% [markdown]
# # 1 · What a picture costs
# **Time**: 80 minutes · **Points**: 10
#
# **You will** write the measures that papers on compression print – entropy, PSNR, SSIM – and see
# seven pictures that one of them cannot tell apart. **You will learn** what each counts, what it is
# blind to, and why a table needs more than one column. **You need** NumPy, means, variances,
# logarithms. A picture of your own goes in by its name: `PHOTO = "holiday.png"`.

# %%
import math
import time

import matplotlib.pyplot as plt
import numpy as np
from scipy import ndimage

from codec_eval import bits_per_pixel, mse, ssim_and_ms_ssim, ssim_map
from codec_eval.images import default_photograph, read_picture
from jpeg_from_scratch import decode, encode

PHOTO = None  # None is the photograph that Matplotlib ships; yours needs 161 pixels each way
picture = (read_picture(PHOTO) if PHOTO else default_photograph()).pixels[:1024, :1024]
luma = picture @ np.array([0.299, 0.587, 0.114]) if picture.ndim == 3 else picture
grey = np.rint(luma).astype(np.uint8)  # brightness alone: lesson 2 has the colours
height, width = grey.shape
BLUE, ORANGE = "#0072b2", "#d55e00"  # told apart by everybody

# %% [markdown]
# ## Why: two numbers, and both can lie
# The portrait in this lesson has 504 × 592 pixels of three bytes, 895,104 in all. Matplotlib ships
# it, even a little wider, in 61,306. Fourteen bytes of fifteen are gone, and you would not have
# noticed. Who wants to do better must say what is **paid**, in bits, and what is **lost**: two
# numbers. You will build the ones that are in use, and then catch each of them lying.
# ## What is paid: bits per pixel
# *Bits per pixel* (bpp) are all bits of the file, headers too, shared out among the pixels. A
# colour pixel is one pixel. The *compression ratio* says how many times smaller the file is than
# the samples at one byte each, and there a colour pixel has three. So 1 bpp is a ratio of 8 for a
# grey picture, and of 24 for a colour one: who quotes a ratio must say of what.
#
# **The library** has `codec_eval.bits_per_pixel` and `compression_ratio`. Small pictures make both
# lie: our JPEG file of a single grey pixel has 333 bytes, and so 2,664 bits per pixel.
# ## What must be paid: entropy
# Values that come often should get short codes. Shannon found how short: what comes with the
# probability $p$ costs $-\log_2 p$ bits. A sure thing costs nothing, a fair coin 1 bit, a rare
# value many. The mean is the **entropy**. A code that knows only probabilities needs at least that:
#
# $$H = -\sum_v p_v \log_2 p_v.$$
# ### Exercise 1.1 – the entropy of numbers
# Count how often each value comes; `np.unique` can. What is not there must not be asked about.


# %%
def entropy(values):
    """Return the entropy, in bits a value, of an array of whole numbers of any shape."""
    # BEGIN SOLUTION
    counts = np.unique(values, return_counts=True)[1]
    p = counts / counts.sum()
    return float(-(p * np.log2(p)).sum())
    # END SOLUTION


# %%
def check_1_1(fn=entropy):
    coin, loaded, gap = (fn(np.array(v)) for v in ([0, 1], [7, 7, 7, 8], [0, 255]))
    assert not math.isnan(gap), "nan for values 0 and 255: what never comes has no logarithm"
    assert not math.isclose(coin, math.log(2)), "a coin is 1 bit; 0.69 is in nats: logarithm to 2"
    assert math.isclose(coin, 1), f"two values, equally often, are 1 bit, not {coin:.3f}: a sign?"
    assert math.isclose(loaded, 0.8113, abs_tol=1e-4), f"¾ and ¼: 0.811 bits, yours {loaded:.3f}"
    square = fn(np.array([[-3, -3], [5, 9]]))
    assert math.isclose(square, 1.5), f"[[−3, −3], [5, 9]]: 1.5 bits a value, not {square:.3f}"


# %%
check_1_1()  # 2 points

# %% [markdown]
# The same pixels in another order have the same entropy. So let us shuffle the photograph, take the
# difference of each pixel to its left neighbour, and write true files without loss (lesson 5).

# %%
shuffled = np.random.default_rng(1).permutation(grey.ravel()).reshape(grey.shape)
fig, axes = plt.subplot_mosaic([[*"abccdd"]], figsize=(13, 3.6), layout="constrained")
for axis, image, name in ((axes["a"], grey, "the photograph"), (axes["b"], shuffled, "shuffled")):
    bits = bits_per_pixel(len(encode(image, lossless=True, predictor=4)), grey.shape)
    axis.imshow(image, cmap="gray", vmin=0, vmax=255)
    axis.set(title=f"{name}\nlossless file: {bits:.2f} bpp", xticks=[], yticks=[])
steps = np.diff(grey.astype(int), axis=1), np.diff(shuffled.astype(int), axis=1)
axes["c"].hist(grey.ravel(), 256, range=(0, 256), color=BLUE, density=True)
axes["c"].set(title=f"pixels of both: {entropy(grey):.2f} bits", xlabel="value", ylabel="share")
for values, colour in zip(steps, (BLUE, ORANGE)):
    axes["d"].hist(values.ravel(), 121, range=(-60.5, 60.5), color=colour, density=True, alpha=0.7)
axes["d"].set(title="differences: photograph, shuffled", xlabel="difference", ylabel="share")
axes["d"].legend([f"{entropy(values):.2f} bits" for values in steps], frameon=False)
plt.show()

# %% [markdown]
# **So it lies.** There is no entropy of a picture, only of a model of it. The histogram finds both
# equally dear; one file is far below that "bound", the other costs more than 8 bits: who guesses
# noise from noise pays for it. Order is where the saving is; lessons 3, 5, 7 and 11 look for it.
# ## What is lost: MSE and PSNR
# Subtract, square, take the mean over all $N$ samples. PSNR, *peak signal-to-noise ratio*, is the
# same on a logarithmic scale, against the largest value $L$ that a sample **can** take, 255:
#
# $$\mathrm{MSE} = \frac1N \sum_i (x_i - y_i)^2, \qquad
# \mathrm{PSNR} = 10 \log_{10} \frac{L^2}{\mathrm{MSE}}\ \text{dB}.$$
#
# 50 dB nobody sees, 40 is good, 30 visible, 20 bad; half the error (in amplitude) is 6.02 dB more.
# ### Exercise 1.2 – PSNR
# A line or two in which most programs go wrong at first. What is 3 − 5, in bytes?


# %%
def psnr_8bit(original, decoded):
    """Return the PSNR in dB of two uint8 pictures of one shape; `math.inf` if they are equal."""
    # BEGIN SOLUTION
    error = np.mean((original.astype(float) - decoded) ** 2)
    return 20 * math.log10(255) - 10 * math.log10(error) if error else math.inf
    # END SOLUTION


# %%
def check_1_2(fn=psnr_8bit):
    three, five = np.full((4, 4), 3, np.uint8), np.full((4, 4), 5, np.uint8)
    up, down, mixed = fn(five, three), fn(three, five), fn(np.uint8([9, 9]), np.uint8([9, 29]))
    hint = "3 − 5 is 254 in uint8: cast to float before you subtract"
    assert math.isclose(up, down), f"5 against 3 is {up:.1f} dB, 3 against 5 {down:.1f}: {hint}"
    assert up > 8, "L is what a sample can take, 255, not the largest one that there is"
    assert math.isclose(up, 42.11, abs_tol=0.01), f"MSE 4 is 42.11 dB, not {up:.2f}: L², 10, log10?"
    assert not 29 < mixed < 30, "20² is 144 in uint8, but 2² still 4: cast before you subtract"
    assert math.isclose(mixed, 25.12, abs_tol=0.01), f"errors 0, 20: 25.12 dB, not {mixed:.2f}"
    assert fn(five, five) == math.inf, "equal pictures: no error, PSNR is infinite"


# %%
check_1_2()  # 2 points

# %% [markdown]
# **The library** has `codec_eval.psnr`, which takes $L$ from you (`data_range`): data cannot tell.
# ## Seven pictures, one PSNR
# Move the photograph by one pixel to the right. Nobody sees it, but every edge is now wrong by its
# full height. What else costs just as much? For each kind of damage we search the strength.


# %%
def same_error(damage, top):
    """Return the picture damage(k), 0 < k < top, whose MSE is that of a move by one pixel."""
    low = 0.0
    for _ in range(14):  # bisection: more strength, more error
        middle = (low + top) / 2
        image = np.clip(np.rint(damage(middle)), 0, 255).astype(np.uint8)
        low, top = (low, middle) if mse(grey, image) >= target else (middle, top)
    return image


moved = np.concatenate((grey[:, :1], grey[:, :-1]), axis=1)
target, x = mse(grey, moved), grey.astype(float)
hiss = np.random.default_rng(2).normal(size=grey.shape)
down, across = np.ogrid[:height, :width]
apart = np.hypot(down - 0.36 * height, across - 0.51 * width)
jpegs = [decode(encode(grey, quality)) for quality in range(1, 100, 2)]
seven = {
    "moved by a pixel": moved,
    "brighter": same_error(lambda k: x + k, 255),
    "less contrast": same_error(lambda k: x + k * (x.mean() - x), 1),
    "blurred": same_error(lambda k: ndimage.gaussian_filter(x, k), 30),
    "JPEG": min(jpegs, key=lambda image: abs(mse(grey, image) - target)),
    "noise": same_error(lambda k: x + k * hiss, 255),
    "a spot": same_error(lambda k: np.where(apart < k, 0, x), max(height, width)),
}

# %%
fig, axes = plt.subplots(2, 4, figsize=(12, 7.4), layout="constrained")
for axis, (name, image) in zip(axes.flat, {"the original": grey, **seven}.items()):
    axis.imshow(image[: height * 7 // 10, width // 6 :], cmap="gray", vmin=0, vmax=255)
    alike = ssim_and_ms_ssim(grey, image, data_range=255)
    score = "SSIM {:.3f}, MS-SSIM {:.3f}".format(*alike)
    axis.set(title=f"{name}: {psnr_8bit(grey, image):.1f} dB", xlabel=score, xticks=[], yticks=[])
plt.show()

# %% [markdown]
# **So it lies.** A mean does not know where the error is, nor what it looks like.
# ## What is lost, again: SSIM
# Wang et al. ask instead how alike two pictures are *within a window* of 11×11 pixels, with weights
# $w_i$ of a Gaussian that sum to 1. Three things may differ: mean, contrast, structure.
#
# $$\mathrm{SSIM} = \frac{(2\mu_x\mu_y + C_1)(2\sigma_{xy} + C_2)}
# {(\mu_x^2 + \mu_y^2 + C_1)(\sigma_x^2 + \sigma_y^2 + C_2)}, \qquad
# \mu_x = \sum_i w_i x_i, \quad \sigma_{xy} = \sum_i w_i (x_i - \mu_x)(y_i - \mu_y).$$
#
# $\sigma_x^2$ is $\sigma_{xx}$. $C_1$ and $C_2$ keep dark, flat windows from dividing 0 by 0.
# ### Exercise 1.3 – one window

# %%
C1, C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
WEIGHTS = np.exp(-(np.arange(-5, 6) ** 2) / (2 * 1.5**2))
WEIGHTS /= WEIGHTS.sum()
WINDOW = np.outer(WEIGHTS, WEIGHTS)  # 11×11, its sum is 1


# %%
def ssim_window(x, y):
    """Return the SSIM of two uint8 windows (11, 11), with the weights `WINDOW`, `C1` and `C2`."""
    # BEGIN SOLUTION
    mx, my = (WINDOW * x).sum(), (WINDOW * y).sum()
    vx, vy = (WINDOW * (x - mx) ** 2).sum(), (WINDOW * (y - my) ** 2).sum()
    both = (WINDOW * (x - mx) * (y - my)).sum()
    return (2 * mx * my + C1) * (2 * both + C2) / ((mx**2 + my**2 + C1) * (vx + vy + C2))
    # END SOLUTION


# %%
def check_1_3(fn=ssim_window):
    x = np.random.default_rng(4).integers(0, 200, (11, 11)).astype(np.uint8)
    dark, light, inverse = np.full_like(x, 50), np.full_like(x, 100), (199 - x).astype(np.uint8)
    assert math.isclose(fn(x, x), 1), f"a window against itself has SSIM 1, not {fn(x, x):.3f}"
    flat = fn(dark, light)
    assert abs(flat - 0.8) < 1e-3, f"flat 50 and 100: 0.800, not {flat:.3f}: the first factor?"
    assert fn(x, inverse) < 0, "a negative is alike with a minus: σ_xy keeps its sign"
    for y, name in ((x // 4 * 4, "coarse"), (x + 50, "brighter"), (x // 2, "flatter")):
        true, yours = ssim_map(x, y, data_range=255)[0, 0], fn(x, y)
        assert math.isclose(true, yours), f"{name}: {true:.4f}, not {yours:.4f}: weights in σ² too?"


# %%
check_1_3()  # 3 points

# %% [markdown]
# ### Exercise 1.4 – every window at once
# A loop over a quarter of a million windows takes seconds. But $\mu_x$ in all of them is a filtered
# picture, which `local_mean` makes. $\sigma_x^2$ needs the mean of something that each window has
# for itself, $x - \mu_x$. Or take the other formula, with the mean of $x^2$; $\sigma_{xy}$ has one.


# %%
def local_mean(plane):
    """Return the weighted mean in every whole window, (H, W) to (H − 10, W − 10)."""
    across = ndimage.correlate1d(np.asarray(plane, float), WEIGHTS, axis=1)
    return ndimage.correlate1d(across, WEIGHTS, axis=0)[5:-5, 5:-5]


# %%
def ssim_everywhere(x, y):
    """Return the SSIM in every window of two uint8 pictures, as an array (H − 10, W − 10)."""
    # BEGIN SOLUTION
    x, y = x.astype(float), y.astype(float)
    mx, my = local_mean(x), local_mean(y)
    vx, vy = local_mean(x * x) - mx * mx, local_mean(y * y) - my * my
    both = local_mean(x * y) - mx * my
    return (2 * mx * my + C1) * (2 * both + C2) / ((mx**2 + my**2 + C1) * (vx + vy + C2))
    # END SOLUTION


# %%
def check_1_4(fn=ssim_everywhere):
    x = np.add.outer(range(40), range(0, 60, 2)).astype(np.uint8)
    y = x + np.random.default_rng(5).integers(0, 9, x.shape).astype(np.uint8)
    yours, true = np.asarray(fn(x, y)), ssim_map(x, y, data_range=255)
    assert yours.shape == true.shape, f"a value for each of 30×20 windows, not {yours.shape}"
    assert np.allclose(fn(x, x), 1), "x against x is not 1 everywhere: x·x in uint8? − μ²?"
    assert np.allclose(yours, true), f"off by up to {np.abs(yours - true).max():.3f}: look at σ_xy"


# %%
check_1_4()  # 3 points

# %%
start = time.perf_counter()
[ssim_window(grey[:11, k : k + 11], moved[:11, k : k + 11]) for k in range(width - 10)]
loop = (time.perf_counter() - start) * (height - 10)
fig, axes = plt.subplots(2, 4, figsize=(12, 6.6), layout="constrained")
for column, name in zip(axes.T, ("moved by a pixel", "JPEG", "noise", "a spot")):
    start = time.perf_counter()
    alike = ssim_everywhere(grey, seven[name])
    seconds = time.perf_counter() - start
    shown = [column[0].imshow(np.abs(x - seven[name]), cmap="cividis", vmin=0, vmax=80)]
    shown.append(column[1].imshow(alike, vmin=0, vmax=1))
    column[0].set(title=f"{name}: {psnr_8bit(grey, seven[name]):.1f} dB", xticks=[], yticks=[])
    column[1].set(title=f"mean {alike.mean():.3f}", xticks=[], yticks=[])
fig.colorbar(shown[0], ax=axes[0], label="error, of 255")
fig.colorbar(shown[1], ax=axes[1], label="SSIM")
fig.supxlabel(f"All windows at once: {seconds:.2f} s. One by one: {loop:.0f} s.", fontsize="medium")
plt.show()

# %% [markdown]
# **The library** has `codec_eval.ssim_map`, equation (13) of Wang et al., and its mean, `ssim`.
# `ms_ssim` asks again at half the size, a quarter … a sixteenth, as if you stepped back, and
# multiplies, equation (7) of its paper. It forgives the move, and marks "brighter" best.
#
# **So they lie, too.** SSIM gives the hole in her face the best mark of all: around it, everything
# is perfect, and a mean is a mean. The move that nobody sees gets much less, even from MS-SSIM.
# ## In practice
# Give bpp from the bytes of the file, PSNR *and* MS-SSIM; say how means were taken (of PSNRs, or of
# MSEs?), and if PSNR is of R, G and B or of the luma, by which codecs look better. Compare at equal
# bits (lesson 16). SSIM with another program's window is another number. And look at the pictures.
# ## Sources
# Shannon, "A Mathematical Theory of Communication", Bell System Technical Journal 27, 1948 · Wang,
# Bovik, Sheikh, Simoncelli, "Image quality assessment: from error visibility to structural
# similarity", IEEE Trans. Image Processing 13(4), 2004 · Wang, Simoncelli, Bovik, "Multiscale
# structural similarity for image quality assessment", 37th Asilomar Conference, 2003
