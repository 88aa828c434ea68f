# %% [markdown]
# # 16 · The contest: JPEG, JPEG 2000, WebP and our networks at the same bits, read honestly
# **Time**: 90 minutes · **Points**: 10
#
# **You will** hold a contest of codecs on your own pictures: one ruler, equal bytes, one number for
# two curves, and the table of SSIM, PSNR and N_compression that lab reports end with. **You will
# learn** how such tables go wrong though nobody lies, and what to ask of one. **You need** lesson
# 1; 8 and 14 help. Pictures go in by name: `PHOTO = "holiday.png"`, or that of a folder.

# %%
import functools
import math
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from codec_eval import codec_names, default_photograph, default_qualities, make_codec, read_picture
from codec_eval.bd_rate import decibels
from codec_eval.codec import qualities_of
from codec_eval.metrics import ms_ssim, psnr, ssim, ssim_global

PHOTO = None  # None is the photograph that Matplotlib ships
RIVALS = ("jpeg-ours", "jpeg-ours-optimised", "jpeg2000", "webp")  # "avif" is there, and slow


def prepared(path):
    """RGB, 768×576 at most, and half a block off the grid of a JPEG that it may come from."""
    pixels = read_picture(path).pixels
    colour = pixels if pixels.ndim == 3 else np.repeat(pixels[..., np.newaxis], 3, axis=2)
    return np.ascontiguousarray(colour[4:580, 4:772])


folder = PHOTO and Path(PHOTO).is_dir()
pictures = [prepared(path) for path in sorted(Path(PHOTO).glob("[!.]*"))[:10]] if folder else []
photo = pictures[0] if folder else prepared(PHOTO) if PHOTO else default_photograph().pixels
if len(pictures) < 2:  # ten pieces, five down and two across
    halves = [half for row in np.array_split(photo, 5) for half in np.array_split(row, 2, axis=1)]
    pictures = [np.ascontiguousarray(half) for half in halves]

known = {name: make_codec(name) for name in codec_names()}
networks = [name for name in known if hasattr(known[name], "qualities") and "effort" not in name]
codecs = {name: known[name] for name in (*RIVALS, *networks)}
shades = ("#999999", "#000000", "#009e73", "#e69f00", "#0072b2", "#d55e00", "#cc79a7")
colours = dict(zip(codecs, shades * 3))  # told apart by everybody
for name, codec in codecs.items():
    print(f"{name}: {codec.description}")

# %% [markdown]
# The last ones are networks, all that are registered: one of yours appears here by itself.
# ## Why: a table that proves nothing
# A term paper sent ten pictures through JPEG and through a neural autoencoder. JPEG had a mean SSIM
# of 0.89, the network of 0.66, *and* it needed more bytes. Is it the model? Its training data? The
# authors could not say. The third suspect should be the first: the ruler.
# ## One ruler
# A decoded JPEG is `uint8`, 0 to 255. A network gives floats, 0 to 1, and a few beyond. SSIM has
# two constants that belong to the *range* of samples, and a wrong range is no error message, just
# another number. This is one file, JPEG at quality 75, measured six times:

# %%
seen = codecs["jpeg-ours"].decode(codecs["jpeg-ours"].encode(photo, 75))
a, b, luma = photo / 255, seen / 255, [0.299, 0.587, 0.114]
rulers = {
    "right: 0 … 255, range 255": ssim(photo, seen, data_range=255),
    "0 … 255, range 1": ssim(photo, seen, data_range=1),
    "0 … 1, range 2": ssim(a, b, data_range=2),
    "0 … 1, range 255": ssim(a, b, data_range=255),
    "no window, one mean": ssim_global(photo, seen, data_range=255),
    "luma alone": ssim(a @ luma, b @ luma, data_range=1),
}
fig, axis = plt.subplots(figsize=(8, 2.7), layout="constrained")
bars = axis.barh(list(rulers), list(rulers.values()), color=["#0072b2"] + ["#e69f00"] * 5)
axis.bar_label(bars, fmt="%.3f", padding=3)
axis.set(title="One file, six rulers", xlabel="what is printed as SSIM", xlim=(0.5, 1.05))
axis.invert_yaxis()
plt.show()

# %% [markdown]
# Hold the fourth ruler to one codec and the first to another, and the contest is over.
# ### Exercise 16.1 – judge
# One function for all. What is no picture yet becomes one *first*; then `ssim` and `psnr` measure,
# both with `data_range=`. N_compression is bytes of the file over bytes of the samples.


# %%
def judge(original, decoded, n_bytes):
    """Return (N_compression, PSNR, SSIM); decoded is uint8, or floats for which 1 is white."""
    # BEGIN SOLUTION
    if decoded.dtype != np.uint8:
        decoded = np.rint(255 * np.clip(decoded, 0, 1)).astype(np.uint8)
    measures = psnr(original, decoded, data_range=255), ssim(original, decoded, data_range=255)
    return n_bytes / original.size, *measures
    # END SOLUTION


# %%
def check_16_1(fn=judge):
    x = np.tile(np.arange(0, 256, 3, dtype=np.uint8)[:, None, None], (1, 32, 3))
    y = np.roll(x, 2, axis=0)
    (n, db, like), right = fn(x, y, x.size // 4), psnr(x, y, data_range=255)
    hint = "the file stands above" if n > 1 else "three samples for each pixel?"
    assert math.isclose(n, 0.25), f"¼ of the samples' bytes: 0.25, not {n:.2f}; {hint}"
    assert math.isclose(db, right), f"{right:.2f} dB expected, not {db:.2f}: range? uint8 − uint8?"
    _, float_db, float_like = fn(x, np.where(y == 255, 1.02, (y - 0.4) / 255), 576)
    text = f"the same picture as floats: SSIM {float_like:.3f} in place of {like:.3f}"
    assert abs(float_like - like) < 0.01 or abs(float_db - db) > 0.1, f"{text}. Which range?"
    hint = "a picture first: 1.02 is cut, 6.6 is 7"
    assert abs(float_db - db) < 1e-6, f"{text}, {float_db:.2f} in place of {db:.2f} dB: {hint}"


# %%
check_16_1()  # 2 points

# %% [markdown]
# ## Equal bytes
# As a rule one codec has the better pictures and the other the smaller files, and nothing follows:
# "quality 75" here and "quality 4" there are words of two languages. So turn one knob until both
# files are equally long. More quality is more bytes, so halve the range, and again.
# `qualities_of(codec)` lists what there is, rising: 1 … 100 for JPEG, a few for networks.
# ### Exercise 16.2 – meet a number of bytes


# %%
def nearest_quality(codec, image, n_bytes):
    """Return the quality whose file, `codec.encode(image, quality)`, is nearest in length."""
    # BEGIN SOLUTION
    knob = qualities_of(codec)
    size = functools.cache(lambda i: len(codec.encode(image, knob[i])))
    low, high = 0, len(knob) - 1
    while low < high:
        middle = (low + high) // 2
        low, high = (middle + 1, high) if size(middle) < n_bytes else (low, middle)
    return knob[min((low, max(low - 1, 0)), key=lambda i: abs(size(i) - n_bytes))]
    # END SOLUTION


# %%
class Toy:
    """A codec that needs ten bytes for each step of quality, and counts its files."""

    def __init__(self, qualities):
        self.qualities, self.name, self.files = qualities, "toy", 0

    def encode(self, image, quality):
        assert quality in self.qualities, f"quality {quality} is none of {self.qualities}"
        self.files += 1
        return bytes(10 * quality)


def check_16_2(fn=nearest_quality):
    for wanted, right in ((504, 50), (506, 51), (3, 1), (997, 100), (5000, 100)):
        toy = Toy(range(1, 101))
        got, hint = fn(toy, None, wanted), "on which side? the last step? an end?"
        assert got == right, f"{wanted} bytes: {right} has {10 * right}, yours is {got}; {hint}"
        assert toy.files < 25, f"{toy.files} files for one answer; with halving, about 8"
    got = fn(Toy((2, 5, 7)), None, 62)
    assert got == 7, f"of the qualities 2, 5, 7, 62 bytes need 7, not {got}: a place in the list?"


# %%
check_16_2()  # 3 points

# %% [markdown]
# **The library** has `rate_control.match_quality`. All codecs at the bytes of the second network:

# %%
budget = len(codecs[networks[0]].encode(photo, 2))
crop = np.s_[len(photo) // 10 :, len(photo[0]) // 3 :]
fig, axes = plt.subplots(2, 1 + len(codecs) // 2, figsize=(12, 7.6), layout="constrained")
axes[0, 0].imshow(photo[crop][:170, :170])
axes[0, 0].set(title="the photograph", xlabel=f"{photo.size:,} bytes")
for axis, (name, codec) in zip(axes.ravel()[1:], codecs.items()):
    data = codec.encode(photo, nearest_quality(codec, photo, budget))
    _, db, similarity = judge(photo, codec.decode(data), len(data))
    axis.imshow(codec.decode(data)[crop][:170, :170])
    axis.set(title=name, xlabel=f"{len(data):,} bytes\n{db:.2f} dB, SSIM {similarity:.3f}")
plt.setp(axes, xticks=[], yticks=[])
plt.show()

# %% [markdown]
# ## Curves, and one number for two
# **BD-rate** (Bjøntegaard) says how much less one of two codecs spends for the same quality. With
# $R(q)$ the rate at a PSNR of $q$, and the interval from $q_0$ to $q_1$ that *both* curves cover,
#
# $$100 \left(10^{\,m} - 1\right) \%, \qquad m = \frac{1}{q_1 - q_0} \int_{q_0}^{q_1}
# \log_{10} R_b(q) - \log_{10} R_a(q) \; dq.$$
# Half the bits here and double there cancel; that is what the logarithm is for.
# ### Exercise 16.3 – BD-rate
# Straight lines between the points will do: `np.interp`, and a mean over many $q$.


# %%
def bd_percent(rate_a, psnr_a, rate_b, psnr_b):
    """Return by how many per cent curve b's rate differs from curve a's; all arrays rise."""
    # BEGIN SOLUTION
    q = np.linspace(max(psnr_a[0], psnr_b[0]), min(psnr_a[-1], psnr_b[-1]), 2001)
    gap = np.interp(q, psnr_b, np.log10(rate_b)) - np.interp(q, psnr_a, np.log10(rate_a))
    return 100 * (10 ** gap.mean() - 1)
    # END SOLUTION


# %%
def check_16_3(fn=bd_percent):
    q, rate = np.array([28.0, 31.0, 34.0]), np.array([0.2, 0.4, 0.8])
    got = fn(rate, q, rate / 2, q)
    hint = {100: "; b against a, not a against b", 0: "; a fraction?"}.get(round(got), "")
    assert abs(got + 50) < 0.4, f"half the bits at each q are −50 %, not {got:.1f}{hint}"
    got = fn(rate, q, rate * [0.5, 1, 2], q)
    assert abs(got) < 0.4, f"half here, double there: 0 %, not {got:.1f} %; means of logarithms?"
    got = fn(rate, q, np.array([0.1, 0.4, 1.6]), q + 3)
    assert abs(got + 64.6) < 0.4, f"−64.6 % expected, not {got:.1f}: both are in 31 … 34 dB only"


# %%
check_16_3()  # 3 points

# %%
curves = {}
for name, codec in codecs.items():
    files = [codec.encode(photo, quality) for quality in default_qualities(codec, 6)]
    back = [codec.decode(data) for data in files]
    likeness = decibels([ms_ssim(photo, image, data_range=255) for image in back])
    rate = [8 * len(data) / photo[..., 0].size for data in files]
    curves[name] = rate, [psnr(photo, image, data_range=255) for image in back], likeness
fig, axes = plt.subplots(1, 2, figsize=(12, 4.6), layout="constrained")
for axis, i, measure in zip(axes, (1, 2), ("PSNR", "MS-SSIM")):
    for (name, curve), style in zip(curves.items(), ("o:", "o-", "s-", "^-", "D-", "v-", "P-") * 3):
        percent = bd_percent(curves["jpeg-ours"][0], curves["jpeg-ours"][i], curve[0], curve[i])
        axis.semilogx(curve[0], curve[i], style, ms=4, color=colours[name])
        axis.lines[-1].set_label(f"{name}, {percent:+.0f} %")
    axis.set(title="BD-rate against jpeg-ours", xlabel="bits per pixel", ylabel=f"{measure}, dB")
    axis.legend(frameon=False)
plt.show()

# %% [markdown]
# (The library's `bd_rate.bd_rate` takes monotone cubics, and refuses curves that hardly overlap.)
# Read this as an adversary, here for Matplotlib's photograph. In PSNR, JPEG 2000 is ahead of the
# last network, −45 % to −37 %: over its whole range, the network over 29 to 33 dB. With MS-SSIM for
# a judge the network is ahead, −38 % to −22 %, *with the same files*. And JPEG is 9 % ahead of
# JPEG, by Huffman tables of its own. Which of both did that paper take?
# ## Ten pictures
# The table: a network's middle quality, and JPEG at its bytes. Without a folder the ten are pieces
# of one photograph, and the last line is that photograph uncut. We take the last network.


# %%
def duel(network, rival, image):
    """Judge a network's middle quality, and a rival at the bytes of its file: (2, 3)."""
    data = network.encode(image, qualities_of(network)[len(qualities_of(network)) // 2])
    other = rival.encode(image, nearest_quality(rival, image, len(data)))
    files = (network, data), (rival, other)
    return [judge(image, codec.decode(file), len(file)) for codec, file in files]


ours = networks[-1]
for rival in RIVALS[:2]:
    rows = np.array([duel(codecs[ours], codecs[rival], image) for image in (*pictures, photo)])
    print(f"\nN_compression, PSNR dB, SSIM of {ours}, of {rival}")
    for line, row in (*enumerate(rows, 1), ("mean without the last", rows[:-1].mean(axis=0))):
        print(line, *("{:.4f} {:.2f} {:.3f}".format(*values) for values in row), sep="   ")

# %% [markdown]
# Pieces of Matplotlib's photograph: ahead on ten of ten, by 3.9 dB! But uncut, by 1½. What changed
# are *headers*: before its first coded bit a JPEG spends 623 bytes, a third of these files. That is
# true of thumbnails, and says nothing of transforms.
# ### Exercise 16.4 – or was it luck?
# Say somebody is ahead on 7 of 10. If both were equally good, each picture would toss a coin: how
# often do ten coins show 7 heads *at least*? There are `math.comb(10, 7)` ways to show just 7.


# %%
def by_luck(wins, pictures):
    """Return how likely it is that so many coins show at least so many heads."""
    # BEGIN SOLUTION
    return sum(math.comb(pictures, k) for k in range(wins, pictures + 1)) / 2**pictures
    # END SOLUTION


# %%
def check_16_4(fn=by_luck):
    hints = {120: " That is exactly 7.", 56: " That is more than 7.", 352: " That is both ways."}
    text = f"7 of 10: 0.172 expected, not {fn(7, 10):.3f}.{hints.get(round(1024 * fn(7, 10)), '')}"
    assert math.isclose(fn(7, 10), 176 / 1024), text
    assert math.isclose(fn(0, 4), 1), f"0 wins at least are certain, but yours is {fn(0, 4):.3f}"


# %%
check_16_4()  # 2 points

# %% [markdown]
# 7 of 10 is luck every sixth time, 8 once in 18, ten of ten, as here, once in 1024. But ten pieces
# of one photograph are not ten coins: they fall together.
# ## In practice
# `codec-eval table photos --codec jpeg-ours@75,factorized-prior@4 --match-bytes factorized-prior`
# prints such tables, `codec-eval rd photos --out report` curves. Ask of any: which encoder, which
# settings; files or estimates; whose ruler; which interval; which pictures – were they JPEG before,
# or trained on? `docs/term-paper.md` and `docs/comparing-codecs.md` have what each is worth.
# ## Sources
# Wang, Bovik, Sheikh, Simoncelli, "Image quality assessment", IEEE Trans. Image Processing 13, 2004
# (SSIM) · Bjøntegaard, "Calculation of average PSNR differences between RD-curves", VCEG-M33, 2001
