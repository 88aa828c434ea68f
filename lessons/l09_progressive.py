# %% [markdown]
# # 9 · Progressive: the picture arrives in waves
# **Time**: 120 minutes · **Points**: 12
#
# **You will** cut a photograph into bands and bits, code them wave by wave, and write a progressive
# file that any viewer opens. **You will learn** what a decoder knows after each wave, why a picture
# in pieces is *smaller*, and what the last bits cost. **You need** lessons 5 and 6; 8 helps.

# %%
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from codec_eval import default_photograph, psnr, read_picture
from jpeg_from_scratch import bitio, dct, decode, encode, huffman, read, scan_progressive, tables
from jpeg_from_scratch.color import rgb_to_ycbcr
from jpeg_from_scratch.jpeg_data import HuffmanTable, HuffmanTables
from jpeg_from_scratch.microscope import file_parts
from jpeg_from_scratch.sampling import from_blocks
from jpeg_from_scratch.scan import Scan
from jpeg_from_scratch.segment_bytes import format_segment

PHOTO = None  # None is the photograph that Matplotlib ships
pixels = (read_picture(PHOTO) if PHOTO else default_photograph()).pixels
luma = rgb_to_ycbcr(pixels)[..., 0] if pixels.ndim == 3 else pixels
height, width = (min(side, 768) // 8 * 8 for side in luma.shape)  # whole blocks
luma = np.ascontiguousarray(luma[:height, :width])
whole = encode(luma, progressive=True)
files = {"sequential": encode(luma, optimize=True), "progressive": whole}
coded = {k: [p for p in file_parts(data) if p.name == "data"] for k, data in files.items()}
jpeg = read(whole)
zz = jpeg.coefficients[0].reshape(-1, 64)[:, tables.NATURAL_INDEX].astype(int)  # (blocks, zigzag)


def by_library(header):
    """Return what the library sends of `zz` in a scan, as pairs (symbol or None, bits)."""
    items = scan_progressive.scan_symbols(Scan(jpeg.frame, header), jpeg.coefficients)
    return [(i.symbol, format(i.bits, f"0{i.length}b") if i.length else "") for i in items]


# %% [markdown]
# ## Why: the line is slow
# Half a file is half a picture, if it was written from top to bottom. A *progressive* file (T.81,
# Annex G) sends the whole picture coarsely, then what is missing, and again. Both rows below are
# the same picture, to the last coefficient; only the order differs.

# %%
fig, axes = plt.subplots(2, 3, figsize=(9, 7.2), layout="constrained")
for row, (name, data) in enumerate(files.items()):
    places = np.concatenate([range(p.offset, p.offset + p.length) for p in coded[name]])
    for axis, percent in zip(axes[row], (10, 25, 60)):
        seen = decode(data[: places[len(places) * percent // 100]], strict=False)
        axis.imshow(seen, cmap="gray", vmin=0, vmax=255)
        axis.set(title=f"{name}, {percent} % of {len(data):,} B", xticks=[], yticks=[])
        axis.set_xlabel(f"{psnr(luma, seen, data_range=255):.1f} dB")
plt.show()

# %% [markdown]
# ## Two knives
# A scan is told by four numbers. *Spectral selection*: it has the coefficients $S_s$ to $S_e$ in
# zigzag order. *Successive approximation*: of these it has the bits from $A_l$ upwards, if it is
# the first ($A_h = 0$), or bit $A_l$ alone, if the ones above, down to $A_h = A_l + 1$, were sent
# before. DC goes alone ($S_s = S_e = 0$) and first. What is left of a number $v$ above bit $A_l$?
# There are two answers (A.4). DC is divided by $2^{A_l}$ and rounded down. Of AC the size $|v|$ is,
# so that −1 and 1 both become 0: nearly all AC coefficients are small, and a 0 costs next to
# nothing. Rounded down, each −1 would stay a −1.
# ### Exercise 9.1 – what the decoder knows
# `>>` divides and rounds down. `1 << low` is what the lowest bit that was sent is worth.


# %%
def received(zz, scans):
    """Return what is known of `zz` (…, 64) after scans, tuples (Ss, Se, Ah, Al); 0 for the rest."""
    # BEGIN SOLUTION
    known = np.zeros_like(zz)
    for start, end, _, low in scans:
        band = zz[..., start : end + 1]
        rest = np.sign(band) * (np.abs(band) >> low) if start else band >> low
        known[..., start : end + 1] = rest << low
    return known
    # END SOLUTION


# %%
def check_9_1(fn=received):
    zz = np.tile([-7, 7, -7, -1], 16)[np.newaxis] + np.zeros((2, 1), int)
    dc, ac = fn(zz, [(0, 0, 0, 1)]), fn(zz, [(0, 0, 0, 0), (1, 5, 0, 2)])
    assert np.shape(dc) == (2, 64), f"two blocks (2, 64) became an array of shape {np.shape(dc)}"
    assert (dc[:, 1:] == 0).all(), "after a scan of DC, all AC coefficients are still 0"
    assert dc[0, 0] != -4, "DC is a number in 64ths: restore its place by << low"
    assert dc[0, 0] == -8, f"DC −7 without its lowest bit: ⌊−7/2⌋·2 = −8, yours {dc[0, 0]}"
    assert ac[0, 5] != 0, "coefficient 5 of the band 1 … 5 is missing: Se belongs to it"
    assert ac[0, 3] == 0, f"AC −1 at Al = 2 is 0: divide its size, not itself; yours {ac[0, 3]}"
    assert ac[0, 1:3].tolist() == [4, -4], f"AC 7 and −7 at Al = 2 are 4, −4; yours {ac[0, 1:3]}"
    assert ac[0, 0] == -7, "the second scan of the list has spoiled what the first had sent"


# %%
check_9_1()  # 2 points

# %% [markdown]
# With it, look at the six waves of libjpeg's script for grey pictures, in the library
# `scan_scripts.default_script`. Can you see what the last one sends? It is half of the file.

# %%
fig, axes = plt.subplots(2, 3, figsize=(9, 7.4), layout="constrained")
for n, (axis, part) in enumerate(zip(axes.ravel(), coded["progressive"]), 1):
    waves = [(s.spectral_start, s.spectral_end, s.approx_high, s.approx_low) for s in jpeg.scans]
    blocks = received(zz, waves[:n])[:, tables.ZIGZAG_INDEX].reshape(jpeg.coefficients[0].shape)
    samples = dct.idct_islow(blocks * jpeg.quantization_tables()[0].array()) + 128
    axis.imshow(from_blocks(samples)[:400, 80:420], cmap="gray", vmin=0, vmax=255)
    axis.set(title="{} … {}, bits {} → {}".format(*waves[n - 1]), xticks=[], yticks=[])
    quality = psnr(luma, from_blocks(samples).astype(np.uint8), data_range=255)
    axis.set_xlabel(f"{part.offset + part.length:,} bytes so far, {quality:.1f} dB")
plt.show()

# %% [markdown]
# ## Blocks that end together
# In most bands most blocks have nothing. A sequential file says "end of block" for each of them,
# 2 to 4 bits. Here one symbol ends a whole *run* of blocks (G.1.2.2, Table G.1): symbol $16n$ for
# $2^n$ … $2^{n+1} - 1$ blocks, and $n$ bits behind its code say how many more than $2^n$. This is
# why a progressive file is smaller. (`corrections` has its turn later: more bits, put behind.)
# ### Exercise 9.2 – end-of-band runs


# %%
def end_of_band(blocks, corrections=""):
    """Return [(symbol, bits + corrections)] for a run, all bits in a string; [] for 0 blocks."""
    # BEGIN SOLUTION
    n = blocks.bit_length() - 1
    return [(16 * n, format(blocks, "b")[1:] + corrections)] if blocks else []
    # END SOLUTION


# %%
def check_9_2(fn=end_of_band):
    assert fn(0) == [], f"no blocks: nothing is to be said, not {fn(0)}"
    assert fn(1) == [(0, "")], f"one block is symbol 0, EOB, without bits: [(0, '')], not {fn(1)}"
    assert fn(2)[0][0] != 1, "the symbol is 16·n: its lower half, a category, is 0"
    for blocks, item in ((2, (16, "0")), (5, (32, "01")), (4662, (192, "001000110110"))):
        assert fn(blocks) == [item], f"{blocks} blocks are {[item]}, yours {fn(blocks)}"
    assert fn(3, "01") == [(16, "101")], f"3 blocks, corrections 01: (16, '101'), not {fn(3, '01')}"


# %%
check_9_2()  # 2 points

# %% [markdown]
# ### Exercise 9.3 – the first scan of a band
# Go through the bands of all blocks. A value that is not 0 is a symbol, 16 · zeros before it + its
# category, and bits as always: of a positive number its own, of a negative one those of
# $v + 2^{category} - 1$. A run symbol has room for 15 zeros; 16 of them are the symbol F0 alone.
# Zeros up to the end of a band are never written: the block joins those that wait for their end.
# Before any symbol of a later block, those who wait must be told, by `end_of_band`.


# %%
def first_scan(bands):
    """Return a list of (symbol, bits) for bands, lists of numbers that are already divided."""
    # BEGIN SOLUTION
    items, waiting = [], 0
    for band in bands:
        zeros = 0
        for value in band:
            if value == 0:
                zeros += 1
                continue
            size = abs(value).bit_length()
            bits = value if value > 0 else value + (1 << size) - 1
            items += end_of_band(waiting) + [(0xF0, "")] * (zeros // 16)
            items.append((16 * (zeros % 16) + size, format(bits, f"0{size}b")))
            zeros = waiting = 0
        waiting += zeros > 0
    return items + end_of_band(waiting)
    # END SOLUTION


# %%
def check_9_3(fn=first_scan):
    for bands, want, hint in (
        ([[0, 5, 0, -1]], [(0x13, "101"), (0x11, "0")], "a band whose last is not 0 needs no end"),
        ([[3, 0]], [(2, "11"), (0, "")], "the zeros at the end are symbol 0"),
        ([[0, 0]] * 5, [(32, "01")], "five empty blocks are one run, told at the end of the scan"),
        ([[1, 0], [0, 0], [0, 2]], [(1, "1"), (16, "0"), (0x12, "10")], "2 wait before the 2"),
        ([[0] * 33 + [1]], [(0xF0, ""), (0xF0, ""), (0x11, "1")], "33 zeros: F0 F0, run 1"),
        ([[0] * 20], [(0, "")], "zeros at the end are not counted: no F0"),
    ):
        assert list(fn(bands)) == want, f"{bands[:3]}: {hint}: {want}, yours {fn(bands)}"
    bands = (np.sign(zz) * (np.abs(zz) >> 2))[:, 6:].tolist()  # libjpeg's third scan
    assert list(fn(bands)) == by_library(jpeg.scans[2]), "right for these, wrong for the photograph"


# %%
check_9_3()  # 3 points

# %% [markdown]
# ## One more bit
# A later scan sends bit $A_l$ of a band whose higher bits are known (G.1.2.3). Divided by $2^{A_l}$
# its values are of three kinds. ±1 is *new*: until now it was 0. A larger one is *old*: it gets one
# *correction bit*, the lowest of its size. Only new ones have symbols: 16 · zeros before + 1, then
# a sign bit, 1 for +. A run counts zeros and passes over old ones; their correction bits are
# collected, and follow the sign. Take 0 3 0 0 2 1 0:
#
# symbol 31 (hexadecimal: three zeros, a new one) · sign 1 · corrections 1 of 3, 0 of 2 · symbol 0.
# ### Exercise 9.4 – the refining scan
# F0 stands for 16 zeros as before, with the corrections so far behind it; write it when you meet a
# number that is not 0, and only if a new one, this or a later, is still to come in the band. If
# zeros or corrections are left at its end, the block waits, and its corrections wait with it.


# %%
def refining_scan(bands):
    """Return a list of (symbol, bits) for bands, lists of numbers that are already divided."""
    # BEGIN SOLUTION
    items, waiting, owed = [], 0, ""
    for band in bands:
        last_new = max((k for k, value in enumerate(band) if abs(value) == 1), default=-1)
        zeros, corrections = 0, ""
        for k, value in enumerate(band):
            while value and zeros > 15 and k <= last_new:
                items += [*end_of_band(waiting, owed), (0xF0, corrections)]
                zeros, corrections, waiting, owed = zeros - 16, "", 0, ""
            if abs(value) == 1:
                items += end_of_band(waiting, owed)
                items.append((16 * zeros + 1, str(int(value > 0)) + corrections))
                zeros, corrections, waiting, owed = 0, "", 0, ""
            elif value:
                corrections += str(abs(value) & 1)
            else:
                zeros += 1
        if zeros or corrections:
            waiting, owed = waiting + 1, owed + corrections
    return items + end_of_band(waiting, owed)
    # END SOLUTION


# %%
def check_9_4(fn=refining_scan):
    for bands, want, hint in (
        ([[0, -1]], [(0x11, "0")], "a new number: 16 · zeros + 1, and its sign, 0 for −"),
        ([[0, 3, 0, 0, 2, 1, 0]], [(0x31, "110"), (0, "")], "sign, then corrections; an end"),
        ([[1, -3]], [(1, "1"), (0, "1")], "the correction of −3, which is 1, goes with the end"),
        ([[0, 2], [3, 0], [0, 1]], [(16, "001"), (0x11, "1")], "2 blocks wait, corrections 0, 1"),
        ([[2] + [0] * 17 + [5, 1]], [(0xF0, "0"), (0x11, "11")], "F0 at the 5, behind it 0 of 2"),
        ([[1] + [0] * 17 + [5]], [(1, "1"), (0, "1")], "no new one behind the zeros: no F0"),
    ):
        assert list(fn(bands)) == want, f"{bands}: {hint}: {want}, yours {fn(bands)}"


# %%
check_9_4()  # 5 points

# %% [markdown]
# ## A file of your waves
# Each scan gets a Huffman table of its own, as in lesson 6. DC waves are easy, and lent to you by
# **the library**, which has all four kinds of scans in `scan_progressive`.

# %%
mine = whole[: whole.index(b"\xff\xc4")]  # all before the first table is the same
for scan in jpeg.scans:
    divided = np.sign(zz) * (np.abs(zz) >> scan.approx_low)
    code = refining_scan if scan.approx_high else first_scan
    bands = divided[:, scan.spectral_start : scan.spectral_end + 1].tolist()
    items = code(bands) if scan.spectral_start else by_library(scan)
    counts = np.bincount(np.array([s for s, _ in items if s is not None], int), minlength=256)
    spec, writer = huffman.optimal_spec(counts), bitio.BitWriter()
    table = huffman.encode_table(spec)
    for symbol, bits in items:
        if symbol is not None:
            writer.put(int(table.codes[symbol]), int(table.lengths[symbol]))
        writer.put(int("0" + bits, 2), len(bits))
    writer.pad()
    tables_before = HuffmanTables((HuffmanTable(int(scan.spectral_start > 0), 0, spec),))
    mine += format_segment(tables_before, jpeg.frame) if counts.any() else b""
    mine += format_segment(scan, jpeg.frame) + writer.data
Path("my_waves.jpg").write_bytes(mine + b"\xff\xd9")
print(f"my_waves.jpg: {len(mine) + 2:,} bytes, libjpeg's file: {mine + bytes([255, 217]) == whole}")

# %%
fig, axes = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
for (name, data), style in zip(files.items(), ("--", "-")):
    places = np.concatenate([range(p.offset, p.offset + p.length) for p in coded[name]])
    sizes = np.append(places[len(places) // 20 :: len(places) // 40], len(data))
    seen = [psnr(luma, decode(data[:n], strict=False), data_range=255) for n in sizes]
    axes[0].plot(sizes / 1000, seen, style, lw=2, label=name)
axes[0].set(title="How soon is it good?", xlabel="kB that have arrived", ylabel="PSNR, dB")
axes[0].legend()
names = [f"{s.spectral_start}…{s.spectral_end}\n{s.approx_high}→{s.approx_low}" for s in jpeg.scans]
axes[1].bar(range(6), [part.length for part in coded["progressive"]])
axes[1].set(title="What each wave costs", xlabel="band and bits", ylabel="bytes")
axes[1].set_xticks(range(6), names)
plt.show()

# %% [markdown]
# ## In practice
# `encode(image, scans=[((0,), 0, 0, 0, 1), …])` takes your own script. A decoder needs a limit:
# small files can ask for thousands of scans. And it guesses: at 10 % you saw no squares (K.8.1).
# ## Sources
# ITU-T T.81, A.4 (point transform), G.1.1 (bands and bits), G.1.2 (codes) · `jcphuff.c` of libjpeg
