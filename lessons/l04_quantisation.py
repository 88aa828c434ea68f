# %% [markdown]
# # 4 · Quantisation: where the loss is
# **Time**: 90 minutes · **Points**: 10
#
# **You will** write the one line in which a JPEG loses, turn the quality knob, foretell bytes and
# error without making a file, and beat the standard's own table at one measure, to lose at another.
# **You will learn** what a step costs and saves, how to compare by rate *and* distortion, and why
# encoders cheat when they round. **You need** NumPy, entropy and PSNR (lesson 1), the DCT (3). A
# picture of your own goes in by its name: `PHOTO = "holiday.png"`.

# %%
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from scipy import stats

from codec_eval import bits_per_pixel, default_photograph, ms_ssim, psnr, read_picture
from codec_eval.bd_rate import bd_rate, decibels
from jpeg_from_scratch import dct, decode, encode, quantization, tables
from jpeg_from_scratch.color import rgb_to_ycbcr
from jpeg_from_scratch.sampling import to_blocks

PHOTO = None  # None is the photograph that Matplotlib ships; yours needs 168 pixels each way
pixels = (read_picture(PHOTO) if PHOTO else default_photograph()).pixels
luma = rgb_to_ycbcr(pixels)[..., 0] if pixels.ndim == 3 else pixels
height, width = (min(side, 640) // 8 * 8 for side in luma.shape)  # whole blocks
luma = np.ascontiguousarray(luma[:height, :width])
S = dct.fdct_definition(to_blocks(luma.astype(float) - 128))  # (block row, block column, v, u)
K1 = tables.LUMINANCE_QUANTIZATION
BLUE, ORANGE, GREEN = "#0072b2", "#d55e00", "#009e73"  # told apart by everybody

# %% [markdown]
# ## Why: the transform has saved nothing yet
# After the DCT there are as many numbers as before, and they are not even whole. Nothing is lost,
# and nothing gained. What comes after this lesson, run-lengths and codes, is undone to the bit. So
# nearly all loss of a JPEG file, and its saving, is in **one division and one rounding**:
#
# $$q = \operatorname{round}(S / \Delta), \qquad \hat S = q \cdot \Delta.$$
#
# The *step* $\Delta$ says how wrong a coefficient may become: by $\Delta/2$ at most. Each of the 64
# frequencies has a step of its own. These 64 are the *quantisation table*, and stand in the file.
# ### Exercise 4.1 – the line
# To the nearest whole number; what lies half-way goes *away* from zero, up or down. NumPy's own
# `rint` does something else there. Blocks come in stacks, and divide by a table as by one number.


# %%
def quantize(coefficients, table):
    """Return round(S / Δ) for S of shape (..., 8, 8), Δ (8, 8) or one number: whole numbers."""
    # BEGIN SOLUTION
    magnitude = np.floor(np.abs(coefficients) / table + 0.5)
    return (np.sign(coefficients) * magnitude).astype(int)
    # END SOLUTION


# %%
def check_4_1(fn=quantize):
    values = np.array([7, 9, 25, 8, 40, -9, -25, -8, -40])
    yours = np.asarray(fn(values, 16))
    assert yours.shape == (9,), f"nine coefficients became an array {yours.shape}"
    assert (yours == np.round(yours)).all(), "whole numbers, please: divide, then round"
    assert list(yours[:3]) == [0, 1, 2], f"7, 9, 25 by 16: 0, 1, 2, not {yours[:3]}: cut off?"
    assert list(yours[3:5]) == [1, 3], f"½ and 2½ go up to 1, 3, not {yours[3:5]}: to the even one?"
    assert list(yours[5:7]) == [-1, -2], f"−9, −25 by 16 give −1, −2, not {yours[5:7]}"
    assert list(yours[7:]) == [-1, -3], f"−½, −2½ go to −1, −3, away from 0, not {yours[7:]}"
    stack = np.random.default_rng(1).normal(0, 99, (2, 3, 8, 8))
    true = quantization.quantize(stack, K1)
    assert np.array_equal(fn(stack, K1), true), "a stack of blocks is wrong: S / Δ as whole arrays"


# %%
check_4_1()  # 2 points

# %% [markdown]
# **The library** has `quantization.quantize` and `dequantize`, T.81, A.3.4. Only the second is
# normative. How an encoder rounds is its own affair: remember that for the end of this lesson.
# ## What a step does
# If $\Delta$ is small, the error is as likely to be anything from $-\Delta/2$ to $\Delta/2$, and
# its mean square is
#
# $$\frac1\Delta \int_{-\Delta/2}^{\Delta/2} e^2\,de = \frac{\Delta^2}{12}.$$
#
# Half the step: a quarter of the error, 6.02 dB more, for one bit more. Is that so in a photograph?

# %%
fig, axes = plt.subplots(1, 3, figsize=(14, 4), layout="constrained")
axes[0].hist(S[..., 0, 1].ravel(), 241, range=(-60.5, 60.5), color=BLUE)
axes[0].vlines(np.arange(-55, 56, 11) + 5.5, 0, 20, color="k", lw=1)
axes[0].set(title="frequency (0, 1), and steps of 11", xlabel="coefficient", ylabel="blocks")
steps = 2.0 ** np.arange(-1, 9.5, 0.5)
four = {(0, 0): (BLUE, "o"), (0, 1): (ORANGE, "s"), (2, 2): (GREEN, "x"), (7, 7): ("k", "^")}
for (v, u), (colour, mark) in four.items():
    one, numbers = S[..., v, u], [quantize(S[..., v, u], step) for step in steps]
    error = [np.mean((one - step * q) ** 2) for step, q in zip(steps, numbers)]
    bits = [stats.entropy(np.unique(q, return_counts=True)[1], base=2) for q in numbers]
    axes[1].loglog(steps, error, color=colour, marker=mark, ms=4, label=f"frequency ({v}, {u})")
    axes[2].semilogx(steps, bits, color=colour, marker=mark, ms=4)
axes[1].loglog(steps, steps**2 / 12, "--", color="0.5", label="Δ²/12")
axes[1].set(title="what a step costs", xlabel="step Δ", ylabel="mean squared error")
axes[1].legend(frameon=False)
axes[2].set(title="what is left to pay", xlabel="step Δ", ylabel="entropy, bits a coefficient")
plt.show()

# %% [markdown]
# On the left of the middle picture it is. But each curve leaves the line and turns flat: when all
# has become 0, the error is the coefficient itself, however large the step. For high frequencies
# that is early: it costs next to nothing there, and saves all. *JPEG lives on its zeros.*
# ## The quality knob
# T.81, K.1, has an example table, found by trials with viewers: fine steps for low frequencies,
# coarse ones where the eye is weak. *Quality* is not in the standard but libjpeg's, and scales that
# table by a percentage: 100 % at quality 50; from there in a straight line to 0 % at 100; below
# 50 it is 5000 / quality, cut off to a whole number.
# ### Exercise 4.2 – turn it
# Round scaled steps to the nearest whole number, half up. Steps are bytes, from 1 to 255: what
# happens at quality 100, and what at 1?


# %%
def table_for(quality):
    """Return the (8, 8) table of steps for a quality of 1 … 100, from `K1`."""
    # BEGIN SOLUTION
    percent = 5000 // quality if quality < 50 else 200 - 2 * quality
    return np.clip((K1 * percent + 50) // 100, 1, 255)
    # END SOLUTION


# %%
def check_4_2(fn=table_for):
    assert np.shape(fn(50)) == (8, 8), f"an 8×8 table, please, not {np.shape(fn(50))}"
    assert np.array_equal(fn(50), K1), "quality 50 is K.1 as it stands: 100 %"
    assert np.min(fn(100)) > 0, "quality 100 gives steps of 0, and the next line divides by them"
    assert np.max(fn(1)) < 256, f"quality 1 has a step of {np.max(fn(1))}, and a byte ends at 255"
    first, below = fn(75)[0, 0], fn(25)[0, 0]
    assert first == 8, f"75 is half-way from 50 to 100, so 50 %: 16 becomes 8, not {first}"
    assert below == 32, f"at 25 it is 5000/25 = 200 %: 16 becomes 32, not {below}"
    for quality in range(1, 101):
        wrong = np.argwhere(fn(quality) != quantization.scale_table(K1, quality))
        hint = "5000 / quality cut off? Steps rounded, half up, not cut off?"
        assert not len(wrong), f"quality {quality}, row and column {wrong[0]}: off by one. {hint}"


# %%
check_4_2()  # 2 points

# %%
fig, axes = plt.subplot_mosaic("tsabc", figsize=(15, 3.4), layout="constrained")
kept = 100 * (quantize(S, table_for(50)) != 0).mean(axis=(0, 1))
for name, values, title in (("t", K1, "quality 50: the steps"), ("s", kept, "… and % not 0")):
    shade = np.log1p(values)
    axes[name].imshow(shade, cmap="cividis")
    for (v, u), value in np.ndenumerate(values):
        colour = "w" if shade[v, u] < (shade.min() + shade.max()) / 2 else "k"
        axes[name].text(u, v, f"{value:.0f}", ha="center", va="center", color=colour, fontsize=8)
    axes[name].set(title=title, xlabel="$u$", ylabel="$v$")
for name, quality in zip("abc", (5, 50, 90)):
    data = encode(luma, quality, optimize=True)
    crop = decode(data)[height // 9 :, width // 4 :][:240, :240]
    axes[name].imshow(crop, cmap="gray", vmin=0, vmax=255)
    axes[name].set(title=f"quality {quality}: {len(data):,} bytes", xticks=[], yticks=[])
plt.show()

# %% [markdown]
# **The library** has `quantization.scale_table`. Quality is a percentage of nothing: in another
# program 80 is another table. And 90 costs nearly three times as much as 50, for how much to see?
# ## Rate against distortion
# The DCT keeps lengths (lesson 3): an error in $S$ is as large in pixels, but for a last rounding.
# And entropy foretells the bits. So for any table we know both *without making a file*.
# ### Exercise 4.3 – both at once
# Rate: for each of the 64 frequencies the entropy of its numbers over all blocks (a plain loop;
# `scipy.stats.entropy` takes counts and `base=2`); the mean of the 64 is bits per pixel. Why?


# %%
def rate_and_distortion(coefficients, table):
    """Return (bits per pixel, MSE) for S of shape (rows, columns, 8, 8) and Δ of (8, 8)."""
    # BEGIN SOLUTION
    q = quantize(coefficients, table)
    counts = [np.unique(q[..., k // 8, k % 8], return_counts=True)[1] for k in range(64)]
    bits = float(np.mean([stats.entropy(count, base=2) for count in counts]))
    return bits, float(np.mean((coefficients - q * table) ** 2))
    # END SOLUTION


# %%
def check_4_3(fn=rate_and_distortion):
    coin = np.zeros((2, 4, 8, 8))
    coin[0, :, :4] = 20.0  # half of the frequencies are 20 in half of the blocks
    bits, error = fn(coin, np.full((8, 8), 2))
    assert bits != 32, "32 bits a block: a block has 64 pixels"
    assert bits > 0.4, f"half of the frequencies toss a coin: ½ bpp, not {bits:.3f}: base 2?"
    assert bits < 0.6, f"½ bpp, not {bits:.3f}: each frequency has a histogram of its own"
    assert error == 0, f"20 is a multiple of 2, so no error, not {error:.2f}: times Δ again?"
    table = quantization.scale_table(K1, 85)
    true = np.mean((S - table * quantization.quantize(S, table)) ** 2)
    yours = fn(S, table)[1]
    assert np.isclose(yours, true), f"quality 85: MSE {true:.2f}, not {yours:.2f}"


# %%
check_4_3()  # 3 points

# %% [markdown]
# ## The best table – for whom?
# We want little $D + \lambda R$: error plus, at some price, bits. At fine steps, frequency $k$ has
# $D_k = \Delta_k^2/12$ and $R_k = h_k - \log_2 \Delta_k$, with $h_k$ from the picture. A bit more
# for $k$ changes $D$ by the slope $dD_k/dR_k = -\frac{\ln 2}{6} \Delta_k^2$. If two slopes differ,
# move a bit to the steeper one, and $D$ falls. At the best **all steps are equal**: a *flat* table!
# Has the committee, with its 64 numbers, got it wrong? Measure, below.
# ## Cheat when you round
# Rounding to the nearest gives the least error. But most coefficients are small, a 0 in a run costs
# nearly nothing, and the ±1 that ends it five bits or more. So it pays to round *down* what is not
# far above half: a little more error, many fewer bits. The decoder need not know (only its half is
# normative). Good encoders weigh $D + \lambda R$ for each coefficient; here is the simplest rule.
# ### Exercise 4.4 – a wider zero
# Let a fraction of 0.6 or more go up, and less go down, towards zero: add 0.4 where you added 0.5.
# But not for DC, $u = v = 0$: its errors are steps between blocks, and everybody sees them.


# %%
def quantize_lazily(coefficients, table, add=0.4):
    """Return S / Δ rounded by ⌊… + add⌋ in size, DC by ⌊… + ½⌋; whole numbers, as `quantize`."""
    # BEGIN SOLUTION
    offset = np.full((8, 8), add)
    offset[0, 0] = 0.5
    return (np.sign(coefficients) * np.floor(np.abs(coefficients) / table + offset)).astype(int)
    # END SOLUTION


# %%
def check_4_4(fn=quantize_lazily):
    table = np.full((8, 8), 10)
    for size, rule in ((5.5, 0), (6.5, 1), (15.5, 1), (16.5, 2)):
        for sign in (1, -1):
            yours = np.asarray(fn(np.full((2, 8, 8), sign * size), table))
            assert yours.shape == (2, 8, 8), f"a stack (2, 8, 8) became {yours.shape}"
            got, mean = yours[0, 1, 2], yours[0, 0, 0]
            assert got == sign * rule, f"{sign * size} by 10 goes to {sign * rule}, not to {got}"
            nearest = sign * int(size / 10 + 0.5)
            assert mean == nearest, f"DC {sign * size} by 10 goes to {nearest}, as ever, not {mean}"
    assert np.array_equal(fn(S[0], K1, 0.5), quantize(S[0], K1)), "add = 0.5 is plain rounding"


# %%
check_4_4()  # 3 points

# %% [markdown]
# ## The contest, in bytes of true files
# The knob against flat tables against lazy rounding, your function being a stage of the encoder.
# MS-SSIM stands in dB, $-10 \log_{10}(1 - \text{MS-SSIM})$, and `bd_rate` is the mean difference of
# bits at equal quality (lesson 16). Green is foretold, by `rate_and_distortion`, without a file.

# %%
fig, axes = plt.subplot_mosaic("pmkf", figsize=(16, 4.2), layout="constrained")
knob, lazy = (8, 20, 40, 60, 80, 92), {"quantize": quantize_lazily}
flat = [np.full((8, 8), step) for step in (60, 34, 22, 14, 8, 4)]
files = {
    ("K.1", BLUE, "o-"): [encode(luma, quality, optimize=True) for quality in knob],
    ("flat", ORANGE, "s--"): [encode(luma, quant_tables=steps, optimize=True) for steps in flat],
    ("K.1, lazy", "k", "x:"): [encode(luma, q, optimize=True, stages=lazy) for q in knob],
}
for name, measure in (("p", psnr), ("m", ms_ssim)):
    base = None
    for (label, colour, style), series in files.items():
        bits = [bits_per_pixel(len(data), luma.shape) for data in series]
        good = [measure(luma, decode(data), data_range=255) for data in series]
        good = good if name == "p" else decibels(good)
        base = base or (bits, good)
        label = f"{label}: {bd_rate(*base, bits, good).percent:+.1f} %"
        axes[name].plot(bits, good, style, color=colour, label=label)
    label = {"p": "PSNR, dB", "m": "MS-SSIM, dB"}[name]
    axes[name].set(xlabel="bits per pixel, of files", ylabel=label)
    axes[name].legend(frameon=False, title="bits at equal quality")
Path("my_rounding.jpg").write_bytes(files["K.1, lazy", "k", "x:"][3])
bits, error = np.transpose([rate_and_distortion(S, table_for(quality)) for quality in knob])
axes["p"].plot(bits, 10 * np.log10(255**2 / error), "+", color=GREEN, ms=12)
coarser = (np.full((8, 8), step) for step in range(9, 256))
smaller = (encode(luma, quant_tables=table, optimize=True) for table in coarser)
usual = files["K.1", BLUE, "o-"][1]
rival = next((data for data in smaller if len(data) <= len(usual)), usual)
for name, data, title in (("k", usual, "K.1"), ("f", rival, "flat")):
    crop = decode(data)[height // 9 :, width // 2 :][:200, :200]
    axes[name].imshow(crop, cmap="gray", vmin=0, vmax=255)
    axes[name].set(title=f"{title}: {len(data):,} bytes", xticks=[], yticks=[])
plt.show()

# %% [markdown]
# PSNR says: the flat table saves nearly a fifth of the bits, as the mathematics has it. MS-SSIM:
# it *wastes* a quarter. Look at the wall and the skin: with equal steps soft shades become tiles,
# and the bits go into edges that were sharp enough. K.1 was not made for PSNR but for people. Both
# measures like lazy rounding: some per cent, for nothing, in files that every viewer opens.
# ## In practice
# Say *which* table when you say "JPEG at quality 75", and by which measure one codec beats another:
# two honest measures may disagree even in sign. Some encoders, such as mozjpeg, weigh error against
# bits number by number. A learned codec has no table: its transform is trained, with $\lambda$ in
# the loss, until a step of 1 is right everywhere (lesson 13).
# ## Sources
# ITU-T T.81, A.3.4 (quantisation, informative; its inverse, normative) and K.1 (example tables) ·
# libjpeg, `jcparam.c` (quality) · Bjøntegaard, "Calculation of average PSNR differences between
# RD-curves", ITU-T SG16/Q6, VCEG-M33, 2001
