# %% [markdown]
# # 2 · Colour and 4:2:0
# **Time**: 80 minutes · **Points**: 10
#
# **You will** turn red, green and blue into one brightness and two colour differences, throw away
# three quarters of the colour so that nobody misses it, and write a file through your code. **You
# will learn** what the eye lets us throw away, what the famous 0.299, 0.587, 0.114 are for, what
# 4:2:2 and 4:2:0 mean, and which pictures they ruin. **You need** NumPy, a matrix times a vector;
# lesson 1 helps. A picture of your own goes in by its name: `PHOTO = "holiday.png"`.

# %%
import io
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import PIL.Image
from scipy import ndimage

from codec_eval import default_photograph, psnr, psnr_luma, read_picture
from jpeg_from_scratch import color, encode, sampling

PHOTO = None  # None is the photograph that Matplotlib ships
rgb = (read_picture(PHOTO) if PHOTO else default_photograph()).pixels
rgb = np.dstack([rgb] * 3) if rgb.ndim == 2 else rgb  # a grey picture has three equal colours
height, width = (min(side, 1024) // 2 * 2 for side in rgb.shape[:2])
rgb = np.ascontiguousarray(rgb[:height, :width])

# %% [markdown]
# ## Why: two pictures, equally blurred
# Take the photograph apart into brightness and colour; how, comes below. Blur the brightness, and
# put both together again. Then blur the colour instead, by exactly as much.

# %%
parts = color.rgb_to_ycbcr(rgb)
fig, axes = plt.subplots(1, 3, figsize=(12, 4.3), layout="constrained")
cases = {"nothing is blurred": [], "the brightness": [0], "the colour": [1, 2]}
for axis, (name, blurred) in zip(axes, cases.items()):
    image = parts.copy()
    for i in blurred:
        image[..., i] = ndimage.gaussian_filter(parts[..., i], 5)
    axis.imshow(color.ycbcr_to_rgb(image)[: height * 5 // 6])
    axis.set(title=name, xticks=[], yticks=[])
plt.show()

# %% [markdown]
# The second is lost. On the third you must look for the damage: at the stripes of the flag, at the
# ribbons, at the lips. The eye sees detail in brightness, and hardly any in colour. But red, green
# and blue are *all three* bright and coloured: none can be made coarse. So we need other axes.
# ## The mathematics: one brightness, two differences
# Green looks brighter than red, and blue is dark. Television settled on the weights of BT.601:
#
# $$Y = K_R R + K_G G + K_B B, \qquad K_R = 0.299,\ K_G = 0.587,\ K_B = 0.114.$$
#
# They sum to 1, so that white has $Y = 255$. Colour is what is left without the brightness. Two
# differences are enough, $B - Y$ and $R - Y$; for grey both are 0. Each is *scaled so that it
# just fits*: with $R$, $G$, $B$ from 0 to 255, it shall run from −127.5 to +127.5, and no less.
# ### Exercise 2.1 – the matrix, from two numbers
# Which colour makes $B - Y$ largest, and how large is it then? From that follows the scale, and
# from the scale all nine numbers. HDTV has other weights, 0.2126 and 0.0722: keep it general.


# %%
def ycbcr_matrix(k_red=0.299, k_blue=0.114):
    """Return the (3, 3) matrix from (R, G, B) to (Y, scaled B − Y, scaled R − Y)."""
    # BEGIN SOLUTION
    luma = np.array([k_red, 1 - k_red - k_blue, k_blue])
    blue = (np.array([0, 0, 1]) - luma) / (2 * (1 - k_blue))
    red = (np.array([1, 0, 0]) - luma) / (2 * (1 - k_red))
    return np.array([luma, blue, red])
    # END SOLUTION


# %%
def check_2_1(fn=ycbcr_matrix):
    for matrix in (np.asarray(fn()), np.asarray(fn(0.2126, 0.0722))):
        assert matrix.shape == (3, 3), f"nine numbers, please; your array is {matrix.shape}"
        white, top = matrix.sum(axis=1), matrix.max(axis=1)[1:]
        assert abs(white[0] - 1) < 1e-9, f"weights sum to 1, yours to {white[0]:.3f}: K_G: the rest"
        assert np.abs(white[1:]).max() < 1e-9, f"grey gets the colour {white[1:]}: minus all of Y?"
        assert matrix[1].argmax() == 2, "row 1 is B − Y: its largest number stands at B"
        hint = "½ is asked for, reached when one colour is on: that minus its own share of Y"
        assert np.allclose(top, 0.5), f"your differences reach {top.round(3)} of 255; {hint}"
    assert np.allclose(fn()[0], [0.299, 0.587, 0.114]), "row 0 is Y, in the order R, G, B"


# %%
check_2_1()  # 2 points

# %% [markdown]
# ### Exercise 2.2 – a picture in Y, Cb, Cr
# A file wants bytes. Add 128 to both differences: now they are **Cb** and **Cr**, grey is 128.
# `rgb @ M.T` multiplies each pixel by $M$. Then round – and look well at where the largest lands.


# %%
def to_ycbcr(rgb):
    """Return Y, Cb, Cr of a uint8 picture (..., 3), as uint8, rounded to the nearest."""
    # BEGIN SOLUTION
    values = rgb @ ycbcr_matrix().T + [0, 128, 128]
    return np.clip(np.rint(values), 0, 255).astype(np.uint8)
    # END SOLUTION


# %%
def check_2_2(fn=to_ycbcr):
    colours = np.uint8([[90, 90, 90], [0, 0, 255], [255, 0, 0], [200, 20, 99], [7, 255, 3]])
    yours, true = fn(colours), color.rgb_to_ycbcr(colours)
    assert yours.dtype == np.uint8, f"uint8, please, not {yours.dtype}"
    assert yours.shape == (5, 3), f"five pixels became an array {yours.shape}"
    assert (yours[0] != [90, 0, 0]).any(), "grey has Cb = Cr = 128: bytes have no sign, so add 128"
    wraps = "255.5 is rounded to 256, and in uint8 that is 0: the most blue became the least"
    assert yours[1, 1] > 5, f"pure blue has Cb = {yours[1, 1]}: {wraps}"
    for name, a, b in zip(("grey", "blue", "red", "pink", "green"), yours.astype(int), true):
        assert np.abs(a - b).max() < 2, f"{name}: Y, Cb, Cr are {b}, yours {a}: M or M transposed?"
    assert (yours[3:] == true[3:]).all(), "off by one: round to the nearest, do not just cut off"


# %%
check_2_2()  # 2 points

# %%
planes = np.moveaxis(np.dstack([rgb, to_ycbcr(rgb)]), 2, 0)
fig, axes = plt.subplots(1, 6, figsize=(14, 3.2), layout="constrained")
for axis, name, plane in zip(axes, ("R", "G", "B", "Y", "Cb", "Cr"), planes):
    axis.imshow(plane, cmap="gray", vmin=0, vmax=255)
    axis.set(title=f"{name}, variance {plane.var():.0f}", xticks=[], yticks=[])
plt.show()

# %% [markdown]
# Three pictures became one picture and two shadows: Cb and Cr vary much less, and what they have is
# smooth. **The library** has `color.rgb_to_ycbcr`, ITU-T T.871, clause 7, in whole numbers (0.299
# is 19595/65536), so that all machines agree. It rounds Cb and Cr half *down*: 255.5 becomes 255.
#
# Back goes the inverse matrix, `color.ycbcr_to_rgb`. But a turned cube does not fill its box: most
# triples Y, Cb, Cr are no colour at all, for red would be −70 or blue 300.

# %%
cb, cr = np.meshgrid(np.arange(256), np.arange(256))
back = np.linalg.inv(ycbcr_matrix())
sample = to_ycbcr(rgb[::2, ::2]).reshape(-1, 3)
fig, axes = plt.subplots(1, 3, figsize=(12, 4.3), layout="constrained")
for axis, luma in zip(axes, (50, 125, 200)):
    cut = np.dstack([np.full(cb.shape, luma), cb - 128, cr - 128]) @ back.T
    real = ((cut >= 0) & (cut <= 255)).all(axis=2)
    axis.imshow(np.where(real[..., None], cut, 232).clip(0, 255).astype(int), origin="lower")
    near = sample[np.abs(sample[:, 0].astype(int) - luma) < 25]
    axis.plot(near[:, 1], near[:, 2], "k.", ms=1, alpha=0.15)
    axis.set(title=f"Y = {luma}: {real.mean():.0%} are colours", xlabel="Cb", ylabel="Cr")
fig.supxlabel("black: pixels of the photograph, with Y less than 25 away", fontsize="medium")
plt.show()

# %% [markdown]
# Not even of these does the portrait use many: it keeps to a path from blue wall by grey to skin.
# What comes often can be coded cheaply; later lessons live on that. First, something for nothing.
# ## 4:2:0: colour at half the size
# Keep of Cb and Cr one sample for every 2×2 pixels. Of 12 samples 6 are left: half of all is gone
# before any coding. The name **4:2:0** is from television; 4:2:2 halves the columns only, and
# 4:4:4 drops nothing. The new sample is the mean of the old ones,
# $m_{rc} = \frac14 (s_{2r,2c} + s_{2r,2c+1} + s_{2r+1,2c} + s_{2r+1,2c+1})$.
# ### Exercise 2.3 – smaller
# No loop: give the array four axes, two of length 2. A mean ends in 0, ¼, ½ or ¾. If all halves go
# up, the plane drifts upwards by ⅛: find a rounding that does not. (Four bytes add up to 1,020.)


# %%
def halve(plane):
    """Return the means of 2×2 samples of a uint8 plane of even sides, as uint8, fairly rounded."""
    # BEGIN SOLUTION
    means = plane.reshape(plane.shape[0] // 2, 2, plane.shape[1] // 2, 2).mean(axis=(1, 3))
    return np.rint(means).astype(np.uint8)  # halves to the even neighbour: up as often as down
    # END SOLUTION


# %%
def check_2_3(fn=halve):
    block, wide = np.array([[250, 250], [254, 254]], np.uint8), np.arange(48, dtype=np.uint8)
    small, ramp = np.asarray(fn(block)), np.asarray(fn(wide.reshape(4, 12)))
    assert ramp.shape == (2, 6), f"4×12 samples become 2×6, not {ramp.shape}"
    assert small.dtype == np.uint8, f"uint8, please, not {small.dtype}"
    assert small[0, 0] > 200, f"250, 250, 254, 254: the mean is 252, not {small[0, 0]}. In uint8?"
    assert np.abs(ramp[0] - np.arange(6.5, 17, 2)).max() < 1, "which four belong together?"
    noise = np.random.default_rng(6).integers(0, 250, (256, 256)).astype(np.uint8)
    drift = fn(noise).mean() - noise.mean()
    hint = "cut off?" if drift < -0.2 else "do all halves go the same way?"
    assert abs(drift) < 0.03, f"your plane drifts by {drift:+.3f} on the whole: {hint}"


# %%
check_2_3()  # 2 points

# %% [markdown]
# **The library**, `sampling.downsample`, adds 1 in even columns and 2 in odd ones before it divides
# by 4: down, up, down, up. So does libjpeg, whose samples these are (`h2v2_downsample`).
# ### Exercise 2.4 – larger
# The decoder has a sample for 2×2 pixels. To repeat it makes steps of two pixels. Better is a line
# between old samples. A new one lies a quarter of their distance from the nearest, three quarters
# from the next: which weights has it? Along the rows, then along the columns. Beyond the edge the
# last sample goes on. `np.pad(…, mode="edge")` and slices from 0 or 1 in steps of 2 help.


# %%
def double(plane):
    """Return a plane of twice the rows and columns, interpolated on a line, as uint8."""
    # BEGIN SOLUTION
    values = plane.astype(float)
    for _ in range(2):
        more = np.pad(values, ((1, 1), (0, 0)), mode="edge")
        rows = np.empty((2 * len(values), values.shape[1]))
        rows[0::2] = 0.75 * values + 0.25 * more[:-2]
        rows[1::2] = 0.75 * values + 0.25 * more[2:]
        values = rows.T
    return np.rint(values).astype(np.uint8)
    # END SOLUTION


# %%
def check_2_4(fn=double):
    line, flat = np.array([[0, 100, 200]] * 3, np.uint8), np.full((3, 4), 250, np.uint8)
    assert np.shape(fn(flat)) == (6, 8), f"3×4 samples become 6×8, not {np.shape(fn(flat))}"
    assert (fn(flat) == 250).all(), "a flat 250 is not flat any more: weights that sum to 1, uint8?"
    for name, row in (("across", fn(line)[2]), ("down", fn(line.T)[:, 2])):
        assert list(row[:2]) != [0, 0], f"{name}, 0, 100, 200 became {row}: that repeats"
        assert row[1] != 50, f"{name}, {row}: new samples do not lie on old ones and half-way"
        assert row[1] == 25, f"{name}, {row}: 25 = ¾ · 0 + ¼ · 100 comes after the first 0"
        assert list(row[::5]) == [0, 200], f"{name}, {row}: the edges go on as 0 and as 200"
    noise = np.random.default_rng(7).integers(0, 256, (5, 6)).astype(np.uint8)
    true = sampling.upsample(noise, 10, 12, h_samp=1, h_max=2, v_samp=1, v_max=2)
    worst = np.abs(fn(noise).astype(int) - true).max()
    assert worst < 2, f"noise is off by up to {worst}: nearest ¾, next ¼, in both directions"


# %%
check_2_4()  # 4 points

# %% [markdown]
# **The library** has this *triangle filter* as `sampling.upsample`; `_fancy_upsample` in libjpeg.
# T.81 says nothing on how to shrink or enlarge: two viewers may show one file differently.
# ## Your colours make a file
# `stages` puts your functions into the real encoder. Below: the most colourful corner, close up;
# what colour costs; and a picture made to be ruined, stripes of one pixel in colours of *equal* Y.

# %%
mine = {"rgb_to_ycbcr": to_ycbcr, "downsample": lambda s, h, top, *_: halve(s) if h < top else s}
Path("my_colours.jpg").write_bytes(encode(rgb, 85, stages=mine))
ycc = to_ycbcr(rgb)
coarse = [halve(ycc[..., i]) for i in (1, 2)]
steps = sum(np.hypot(*np.gradient(ycc[..., i].astype(float))) for i in (1, 2))
top, left = np.unravel_index(ndimage.uniform_filter(steps, 32).argmax(), steps.shape)
window = np.s_[max(top - 16, 0) :, max(left - 16, 0) :][:2]
stripes = np.tile(np.array([[60, 60, 255], [180, 48, 0]], np.uint8), (16, 8, 1))

# %%
fig, axes = plt.subplot_mosaic("012;345", figsize=(11, 7.4), layout="constrained")
repeated = np.dstack([ycc[..., 0], *(plane.repeat(2, 0).repeat(2, 1) for plane in coarse)])
smooth = np.dstack([ycc[..., 0], *(double(plane) for plane in coarse)])
shown = {"the original": rgb, "repeated": repeated, "interpolated": smooth}
for axis, (name, image) in zip((axes["0"], axes["1"], axes["2"]), shown.items()):
    image = image if name == "the original" else color.ycbcr_to_rgb(image)
    axis.imshow(image[window][:32, :32])
    axis.set(title=f"{name}: {psnr(rgb, image, data_range=255):.1f} dB", xticks=[], yticks=[])
names = ("4:4:4", "4:2:2", "4:2:0")
grey = len(encode(ycc[..., 0], 85))
for x, name in enumerate(names):
    data = encode(rgb, 85, subsampling=name)
    seen = np.asarray(PIL.Image.open(io.BytesIO(data)))
    axes["3"].bar(x, grey, color="0.6")
    axes["3"].bar(x, len(data) - grey, bottom=grey, color="#d55e00")
    scores = (measure(rgb, seen, data_range=255) for measure in (psnr, psnr_luma))
    axes["3"].text(x, len(data), "{:.1f} dB\nY: {:.1f}".format(*scores), ha="center", va="bottom")
axes["3"].set(title="quality 85: brightness and colour", ylabel="bytes", ymargin=0.2)
axes["3"].set_xticks(range(3), names)
ruined = np.asarray(PIL.Image.open(io.BytesIO(encode(stripes, 95, stages=mine))))
axes["4"].imshow(stripes)
axes["5"].imshow(ruined)
axes["4"].set(title="stripes of equal brightness", xticks=[], yticks=[])
axes["5"].set(title="the same as 4:2:0, quality 95", xticks=[], yticks=[])
plt.show()

# %% [markdown]
# Half of all samples are gone, but less than a sixth of the portrait's bytes: colour was cheap
# already. PSNR over R, G, B charges nearly a decibel for what nobody sees. PSNR of the luma charges
# nothing – and next to nothing for the stripes, of which nothing is left. Neither is the eye.
#
# (Interpolation does so well here, 5 dB, because Matplotlib's file is 4:2:0 itself, and its decoder
# used the same filter. A photograph remembers every codec that it has been through.)
# ## In practice
# Cameras write 4:2:2 or 4:2:0, web pages 4:2:0; for screenshots, red text and diagrams take 4:4:4.
# Learned codecs mostly take R, G and B as they are, and train their own axes.
# ## Sources
# Rec. ITU-R BT.601 and BT.709 (weights) · ITU-T T.871, clause 7 (conversion) · ITU-T T.81, A.1.1
# (sizes of components) · libjpeg: `jccolor.c`, `jcsample.c`, `jdsample.c`
