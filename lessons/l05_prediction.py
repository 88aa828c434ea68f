# %% [markdown]
# # 5 · Prediction: send what could not be guessed
# **Time**: 110 minutes · **Points**: 12
#
# **You will** guess pixels from their neighbours in seven ways, put the coefficients of a block
# into the famous zigzag, count zeros in runs – and write a file through your own functions. **You
# will learn** why differences are cheap, why a coder must guess from what the decoder has, and what
# the zigzag is worth in bytes. **You need** lesson 1 (entropy); for the second half, lesson 4. A
# picture of your own goes in by its name: `PHOTO = "holiday.png"`.

# %%
import io
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import PIL.Image

from codec_eval import default_photograph, read_picture
from jpeg_from_scratch import coefficients, encode, prediction, read
from jpeg_from_scratch.color import rgb_to_ycbcr

PHOTO = None  # None is the photograph that Matplotlib ships
pixels = (read_picture(PHOTO) if PHOTO else default_photograph()).pixels
luma = rgb_to_ycbcr(pixels)[..., 0] if pixels.ndim == 3 else pixels
luma = np.ascontiguousarray(luma[:768, :768])
blocks = read(encode(luma, quality=75)).coefficients[0].reshape(-1, 8, 8)
BLUE, ORANGE = "#0072b2", "#d55e00"  # told apart by everybody


def entropy(values):
    """Bits a value (lesson 1)."""
    share = np.unique(values, return_counts=True)[1] / np.size(values)
    return -(share * np.log2(share)).sum()


# %% [markdown]
# ## Why: a good guess is worth bits
# Guess a pixel by the one to its left, and send by how much that was wrong. Nothing is lost: who
# has all differences adds them up again. But most are small, and numbers that are mostly small have
# a small entropy. This is *differential pulse code modulation*, DPCM.
# ### Exercise 5.1 – differences
# A trap is waiting: pixels are `uint8`, and there 3 − 5 is 254.


# %%
def differences(values):
    """Return by how much each of n numbers exceeds the one before it; the first counts from 0."""
    # BEGIN SOLUTION
    return np.diff(np.asarray(values, int), prepend=0)
    # END SOLUTION


# %%
def check_5_1(fn=differences):
    out, right = np.asarray(fn(np.array([50, 52, 49, 255], np.uint8))), [50, 2, -3, 206]
    assert out.shape == (4,), f"four numbers have four differences, the first from 0; yours: {out}"
    assert out[2] != 253, "49 − 52 came out as 253: uint8 wraps. Make it int before you subtract"
    assert out.tolist() == right, f"50, 52, 49, 255: {right}, not {out}. The new less the old one?"


# %%
check_5_1()  # 1 point

# %%
across = np.array([differences(row) for row in luma])
fig, axes = plt.subplots(1, 2, figsize=(11, 4.2), layout="constrained", width_ratios=(1, 1.6))
axes[0].imshow(across, cmap="gray", vmin=-40, vmax=40)
axes[0].set(title="Differences, −40 … 40", xlabel="column", ylabel="row")
for values, colour, name in ((luma, ORANGE, "pixels"), (across, BLUE, "differences")):
    label = f"{name}: {entropy(values):.2f} bits each"
    axes[1].hist(values.ravel(), range(-100, 257), histtype="step", color=colour, label=label)
axes[1].set(title="How often each value occurs", xlabel="value", ylabel="pixels", yscale="log")
axes[1].legend(frameon=False)
plt.show()

# %% [markdown]
# **The library** does this to the first coefficient of each block, its mean, which is much like the
# one of the block before: `coefficients.dc_differences`, T.81, A.3.5. It makes 5.65 bits of 6.81.
# ## Guess from what the decoder has
# Lossy DPCM divides the differences by a step, and rounds. Then each is wrong by a little, and the
# decoder adds them all up: after a hundred pixels it is lost. The cure is to make its mistakes as
# well: to guess by the *decoder's* last value, not by the true one.
# ### Exercise 5.2 – the closed loop


# %%
def closed_loop(samples, step):
    """Return two lists: whole numbers to send, and the values that the decoder gets from them.

    The decoder begins at 0, and adds `step` times each number to the value that it had.
    """
    # BEGIN SOLUTION
    numbers, decoded, last = [], [], 0
    for sample in samples:
        numbers.append(round((sample - last) / step))
        last += step * numbers[-1]
        decoded.append(last)
    return numbers, decoded
    # END SOLUTION


# %%
def check_5_2(fn=closed_loop):
    samples, step = [100, 104, 108, 112, 116, 120, 60], 10
    found = fn(list(samples), step)
    assert np.shape(found) == (2, 7), f"two lists of seven are asked for; yours: {found}"
    added = np.cumsum(found[0]) * step
    assert np.array_equal(np.rint(found[0]), found[0]), f"whole numbers are sent, not {found[0]}"
    assert np.array_equal(added, found[1]), f"the decoder makes {added} of that, not {found[1]}"
    worst = np.abs(added - samples).max()
    assert worst <= 5, f"off by {worst}, over half a step: guessed by the true value? Cut off?"


# %%
check_5_2()  # 2 points

# %%
line, step = luma[luma.shape[0] // 2].astype(int), 16
adrift = np.cumsum(np.rint(np.diff(line, prepend=0) / step) * step)
fig, axis = plt.subplots(figsize=(11, 3), layout="constrained")
axis.plot(line, color="k", lw=1, label="one row of the picture")
axis.plot(adrift, color=ORANGE, ls="--", label="guessed from the true value")
axis.plot(closed_loop(line.tolist(), step)[1], color=BLUE, lw=1, label="closed loop")
axis.set(title=f"Decoded from steps of {step}", xlabel="column", ylabel="value")
axis.legend()
plt.show()

# %% [markdown]
# JPEG rounds its means *before* it takes differences, so there the question does not arise.
# ## Two dimensions: lossless JPEG
# T.81 has a mode without a transform, Annex H. Its decoder goes row by row, so it has the neighbour
# Ra to the left, Rb above, and Rc above Ra. One of seven guesses is chosen for the whole picture:
#
# | 1 | 2 | 3 | 4 | 5 | 6 | 7 |
# |---|---|---|---|---|---|---|
# | Ra | Rb | Rc | Ra + Rb − Rc | Ra + (Rb − Rc)/2 | Rb + (Ra − Rc)/2 | (Ra + Rb)/2 |
#
# Halving rounds down (`>> 1`). The first row is guessed by 1, the first column by 2, and the first
# sample is 128. 4 lays a plane through all three: no slope surprises it, but their noise adds up.
# ### Exercise 5.3 – all guesses at once
# The encoder knows all samples. So Ra of all of them is one slice of the picture. And Rb, and Rc?


# %%
def predicted(samples, predictor):
    """Return the guesses, (h, w) int, for samples, (h, w) uint8, by `predictor`, 1 … 7."""
    # BEGIN SOLUTION
    samples = np.asarray(samples, int)
    ra, rb, rc = samples[1:, :-1], samples[:-1, 1:], samples[:-1, :-1]
    rules = [ra, rb, rc, ra + rb - rc, ra + (rb - rc >> 1), rb + (ra - rc >> 1), ra + rb >> 1]
    guesses = np.full(samples.shape, 128)
    guesses[0, 1:], guesses[1:, 0] = samples[0, :-1], samples[:-1, 0]
    guesses[1:, 1:] = rules[predictor - 1]
    return guesses
    # END SOLUTION


# %%
def check_5_3(fn=predicted):
    samples = np.array([[200, 7, 50], [250, 30, 255], [0, 255, 98]], np.uint8)
    for k in range(1, 8):
        out, rule = np.asarray(fn(samples, k)), prediction.Prediction(k, 128, 3, 3, 3)
        assert out.shape == (3, 3), f"a guess for each of 3×3 samples, please, not {out.shape}"
        right = prediction.predictions(samples.astype(int), rule)
        for row, column in np.argwhere(out != right):
            hint = "int, then >> 1?" if row and column else "the first is 128; then Ra, below Rb."
            wrong = f"row {row}, column {column} is {right[row, column]}, not {out[row, column]}"
            raise AssertionError(f"predictor {k} of {samples.tolist()}: {wrong}; {hint}")


# %%
check_5_3()  # 3 points

# %%
guessed = {k: luma - predicted(luma, k) for k in range(1, 8)}
fig, axes = plt.subplots(1, 4, figsize=(13, 3.8), layout="constrained")
for axis, k in zip(axes, (1, 4, 7)):
    axis.imshow(guessed[k][: luma.shape[0] // 2], cmap="gray", vmin=-30, vmax=30)
    axis.set(title=f"Predictor {k}, −30 … 30", xticks=[], yticks=[])
sizes = [8 * len(encode(luma, lossless=True, predictor=k)) / luma.size for k in guessed]
axes[3].plot(guessed.keys(), sizes, "s", color=ORANGE, label="the file")
axes[3].plot(guessed.keys(), [entropy(wrong) for wrong in guessed.values()], "o", label="entropy")
axes[3].set(title="Lossless JPEG", xlabel="predictor", ylabel="bits a pixel")
axes[3].legend()
plt.show()

# %% [markdown]
# 8 bits have become 4.85, and every pixel comes back. **The library** has this in `prediction.py`.
# There the decoder shows what the encoder's slices hide: most guesses wait for the sample before.
# ## Runs: prediction for coefficients
# After quantisation (lesson 4) most of the 64 coefficients of a block are zero. So "zero" is a good
# guess, and what costs is to say *where* it is wrong. Say it rarely: find an order in which zeros
# stand together, count these, and stop where nothing else follows. Low frequencies first, then, and
# those lie on diagonals of equal row + column. The **zigzag** (T.81, A.3.6) goes from (0, 0) to
# (0, 1), down to (1, 0), on to (2, 0), up by (1, 1) to (0, 2), on to (0, 3), down again …
# ### Exercise 5.4 – the order, without typing it


# %%
def zigzag_order(n):
    """Return the n² places (row, column) of an n×n block in zigzag order."""
    # BEGIN SOLUTION
    places = [(row, column) for row in range(n) for column in range(n)]
    return sorted(places, key=lambda place: (sum(place), place[1 - sum(place) % 2]))
    # END SOLUTION


# %%
def check_5_4(fn=zigzag_order):
    order, natural = [tuple(place) for place in fn(8)], np.arange(64).reshape(8, 8)
    assert len(set(order)) == 64, f"64 different places, please, not {len(set(order))}"
    assert order[1] == (0, 1), f"from (0, 0) it goes across, to row 0, column 1, not to {order[1]}"
    falls = (np.diff([sum(place) for place in order]) < 0).any()
    assert not falls, f"one diagonal after the other: row + column never falls; {order[:9]}"
    for k, (place, right) in enumerate(zip(order, coefficients.zigzag(natural))):
        hint = f"{k} is {divmod(right, 8)}, not {place}: every second diagonal goes up"
        assert natural[place] == right, hint
    assert len(fn(3)) == 9, "that is right for n = 8, but not for 3"


# %%
check_5_4()  # 2 points

# %% [markdown]
# ### Exercise 5.5 – runs and sizes
# Behind the first, each coefficient that is not zero becomes a *symbol* and a value. The symbol is
# a byte, 16 · run + size: how many zeros stand before it, and how many bits its magnitude has (1
# for ±1, 2 for ±2 and ±3, …: Table F.2). Sixteen zeros of a longer run are a symbol 0xF0, ZRL, with
# the value 0. If only zeros follow, be it one, a symbol 0, EOB, value 0, says so (F.1.2.2).


# %%
def runs(zz):
    """Return a list of (symbol, value) for 64 ints in zigzag order; the first is left out."""
    # BEGIN SOLUTION
    symbols, run = [], 0
    for value in zz[1:]:
        if value == 0:
            run += 1
            continue
        symbols += [(0xF0, 0)] * (run // 16)
        symbols.append((16 * (run % 16) + abs(value).bit_length(), value))
        run = 0
    return symbols + [(0, 0)] * (run > 0)
    # END SOLUTION


# %%
def check_5_5(fn=runs):
    cases = {"zeros only: one EOB": [9], "15 zeros, 1: symbol 0xF1": [0] * 16 + [1]}
    cases |= {"the size of −2 is that of 2: 2 bits; two zeros before it": [9, 5, 0, 0, -2]}
    cases |= {"16 zeros, 1: ZRL, then a run of 0": [0] * 17 + [1], "no zeros, no EOB": [3] * 64}
    for what, start in (cases | {"62 zeros, 4: three ZRL, a run of 14": [0] * 63 + [4]}).items():
        zz = start + [0] * (64 - len(start))
        found, right = fn(zz), coefficients.run_length(zz)
        assert found == right, f"{what}. {right[:4]}, not {found and found[:4]}"


# %%
check_5_5()  # 4 points

# %% [markdown]
# **The library** has `coefficients.zigzag` and `coefficients.run_length`. Now a file goes through
# yours, and two through other orders. Viewers, Pillow for one, take all for zigzag.

# %%
place = zigzag_order(8)
orders = {"zigzag": place, "row by row": sorted(place), "backwards": [place[0], *place[:0:-1]]}
fig, axes = plt.subplots(1, 3, figsize=(13, 4), layout="constrained")
for name, order in orders.items():
    stages = {"zigzag": lambda block, order=order: [block[p] for p in order], "run_length": runs}
    data = encode(luma, optimize=True, stages=stages)
    axes[1].bar_label(axes[1].bar(name, len(data) / 1000, color=BLUE), fmt="%.1f")
    if name == "zigzag":
        Path("my_zigzag.jpg").write_bytes(data)
    elif name == "row by row":
        axes[2].imshow(PIL.Image.open(io.BytesIO(data)), cmap="gray")
axes[0].imshow((blocks != 0).mean(axis=0), cmap="cividis", vmin=0, vmax=1)
axes[0].plot([p[1] for p in place], [p[0] for p in place], "w.-")
axes[0].set(title="Not zero: yellow always, blue never", xlabel="column", ylabel="row")
axes[1].set(title="The same coefficients in a file", ylabel="kB")
axes[2].set(title="Row by row, seen by Pillow", xticks=[], yticks=[])
plt.show()

# %% [markdown]
# The zigzag saves a tenth. Backwards is no disaster, for runs are as long there, just elsewhere.
# ## In practice
# PNG guesses too, by a rule for each row: Paeth's takes of Ra, Rb, Rc the one nearest to predictor
# 4. JPEG-LS changes its rule at edges. Video guesses blocks, from the picture before. Learned
# codecs guess no values, but how likely each is (lessons 13 to 15).
# ## Sources
# ITU-T T.81, A.3.5, A.3.6, F.1.2.2, Annex H (Table H.1)
