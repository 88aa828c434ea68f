# %% [markdown]
# # 8 · A JPEG file, byte by byte
# **Time**: 120 minutes · **Points**: 10
#
# **You will** write a JPEG file, equal to Pillow's byte for byte, and decode a stranger's. **You
# will learn** how a reader who has nothing but bytes finds the way, why FF is special, and what one
# wrong bit does. **You need** lessons 3 to 6, and Python's `bytes`.

# %%
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import PIL.Image
from matplotlib import cbook

from codec_eval import default_photograph, read_picture
from jpeg_from_scratch import coefficients, dct, decode, encode, huffman, quantization, read, tables
from jpeg_from_scratch.color import rgb_to_ycbcr
from jpeg_from_scratch.microscope import file_parts
from jpeg_from_scratch.sampling import to_blocks
from jpeg_from_scratch.scan import Scan

PHOTO = None  # None is the photograph that Matplotlib ships
STRANGER = None  # a baseline colour JPEG without restarts; None is the file of that photograph
pixels = (read_picture(PHOTO) if PHOTO else default_photograph()).pixels[:1024, :1024]
luma = rgb_to_ycbcr(pixels)[..., 0] if pixels.ndim == 3 else pixels
luma = np.ascontiguousarray(luma[: luma.shape[0] // 8 * 8, : luma.shape[1] // 8 * 8])
stranger = Path(STRANGER or cbook.get_sample_data("grace_hopper.jpg", asfileobj=False)).read_bytes()
SOI, EOI, SOS, SOF0, DQT, DHT, APP0 = 0xD8, 0xD9, 0xDA, 0xC0, 0xDB, 0xC4, 0xE0


def codes(spec):
    """Return {symbol: code as a string of 0 and 1} of a Huffman table (lesson 6)."""
    table = huffman.encode_table(spec)
    return {symbol: f"{table.codes[symbol]:0{table.lengths[symbol]}b}" for symbol in spec.values}


# %% [markdown]
# ## Why: a letter to a stranger
# Whoever opens your picture in thirty years has a row of bytes, and the standard, and nobody to
# ask. So all that is needed must be in these bytes. Here is a whole file, of 8×8 pixels.

# %%
tiny = encode(luma[-8:, -8:], optimize=True)
cells = np.ones((-(-len(tiny) // 24), 24, 4))
fig, axis = plt.subplots(figsize=(10, 3.4), layout="constrained")
for i, part in enumerate(file_parts(tiny)):
    color = plt.get_cmap("viridis")((i * 4 % 9 + 3) / 11)  # neighbours differ
    cells.reshape(-1, 4)[part.offset : part.offset + part.length] = color
    axis.plot([], [], "s", color=color, mec="k", ms=10, label=f"{part.length} {part.name}")
axis.imshow(cells, alpha=0.7)
for i, byte in enumerate(tiny):
    axis.text(i % 24, i // 24, f"{byte:02X}", ha="center", va="center", family="monospace")
axis.set(title=f"A JPEG file of {len(tiny)} bytes", xlabel="byte of a row", ylabel="row of 24")
axis.legend(loc="upper left", bbox_to_anchor=(1, 1), frameon=False)
plt.show()

# %% [markdown]
# More bytes than pixels! Nearly all is letterhead: 620 bytes with the usual tables for colour. The
# grammar (T.81, B.1.1) has one rule: **FF is the alarm.** With a code behind it, it is a *marker*.
# SOI (FFD8) begins a file, EOI (FFD9) ends it; these stand alone. Others open a *segment*: two
# bytes of length, the high one first, and a payload. The length counts itself, not the marker. So a
# reader can leap over what it does not know, and old programs open new files.
# ### Exercise 8.1 – a segment
# `number.to_bytes(2, "big")` makes two bytes of a number, `bytes([3, 5])` bytes of a list.


# %%
def segment(marker, payload):
    """Return the bytes of a segment: FF, the marker's code (a number), the length, the payload."""
    # BEGIN SOLUTION
    return bytes([0xFF, marker]) + (len(payload) + 2).to_bytes(2, "big") + payload
    # END SOLUTION


# %%
def check_8_1(fn=segment):
    hello = fn(0xFE, b"Hello")
    assert hello[:2] == b"\xff\xfe", f"a comment begins with ff fe, yours with {hello[:2].hex(' ')}"
    assert hello[2:4] != b"\0\5", "the length counts its own two bytes, too: 7 for 5 letters"
    assert hello[2:4] != b"\7\0", "your length is 07 00, low byte first; B.1.1.1 has the high first"
    assert hello == b"\xff\xfe\0\7Hello", f"Hello as a comment is ff fe 00 07 Hello, not {hello}"


# %%
check_8_1()  # 1 point

# %% [markdown]
# ## Bits in bytes, and the stuffed zero
# Behind the last header, SOS, codes follow each other without any length. They may make a byte FF
# by accident, which a reader would take for an alarm. So the writer *stuffs* a zero behind each FF
# of its own (F.1.2.3). Bits fill a byte from the top, and the last one is filled up with ones.
# ### Exercise 8.2 – from bits to bytes


# %%
def stuffed(bits):
    """Return the bytes of a string of 0 and 1, filled up with ones, a zero behind each FF."""
    # BEGIN SOLUTION
    bits += "1" * (-len(bits) % 8)
    data = bytes(int(bits[i : i + 8], 2) for i in range(0, len(bits), 8))
    return data.replace(b"\xff", b"\xff\0")
    # END SOLUTION


# %%
def check_8_2(fn=stuffed):
    one, rest, full, tail = (fn(b) for b in ("01000001", "0100000101", "1" * 9, "0" * 8 + "1111"))
    assert one == b"A", f"01000001 is one byte, 41, top bit first, no more; yours {one.hex(' ')}"
    assert rest != b"A\x40", "the last byte is filled up with ones, not with zeros"
    assert full != b"\xff\xff", "FF FF: no zero behind FF. A reader would look for a marker"
    assert tail != b"\0\xff", "1111 filled up gives FF as well, and needs its zero, too"
    assert full == b"\xff\0\xff\0", f"nine ones are ff 00 ff 00, not {full.hex(' ')}"


# %%
check_8_2()  # 2 points

# %% [markdown]
# ## The whole letter
# A block is its DC, as the difference from the last block's: the Huffman code of its *category*,
# how many bits its size has, then these bits; and the pairs of `run_length`, a symbol (16 · zeros
# before + category) and a value. F0 is 16 zeros without a value, 00 says that only zeros follow.
# SOF0 (B.2.2) has height before width. **The library** does all that in `writer.write`.

# %%
steps = quantization.scale_table(tables.LUMINANCE_QUANTIZATION, 75)
blocks = quantization.quantize(dct.fdct(to_blocks(luma).astype(int) - 128), steps)
dc, ac = huffman.HuffmanSpec.typical_dc()[0], huffman.HuffmanSpec.typical_ac()[0]
pieces, dc_codes, ac_codes, dc_pred = [], codes(dc), codes(ac), 0
for zz in map(coefficients.zigzag, blocks.reshape(-1, 8, 8)):
    difference, dc_pred = zz[0] - dc_pred, zz[0]
    pairs = [(dc_codes[coefficients.category(difference)], difference)]
    for code, value in pairs + [(ac_codes[s], v) for s, v in coefficients.run_length(zz)]:
        size = coefficients.category(value)
        pieces += [code, f"{coefficients.magnitude_bits(value, size):0{size}b}" if size else ""]
head = segment(APP0, b"JFIF\0" + bytes([1, 1, 0, 0, 1, 0, 1, 0, 0]))  # version, shape of pixels
head += segment(DQT, bytes([0, *coefficients.zigzag(steps)]))
head += segment(SOF0, bytes([8, *np.array(luma.shape, ">u2").tobytes(), 1, 1, 0x11, 0]))
head += segment(DHT, bytes([0x00, *dc.bits, *dc.values]))  # class (DC) and number of the table
head += segment(DHT, bytes([0x10, *ac.bits, *ac.values]))
head += segment(SOS, bytes([1, 1, 0x00, 0, 63, 0]))  # component 1, tables 0, zz from 0 to 63
Path("my_file.jpg").write_bytes(b"\xff\xd8" + head + stuffed("".join(pieces)) + b"\xff\xd9")
PIL.Image.fromarray(luma).save("my_peer.jpg", quality=75)
print("Equal to Pillow's:", Path("my_file.jpg").read_bytes() == Path("my_peer.jpg").read_bytes())

# %% [markdown]
# ## One wrong bit
# Who loses count of bits stays lost. How long? Turn over one bit at 60 places, one at a time: in a
# plain file, and in one with a *restart marker* (E.1.4) behind each row of MCUs, units of 16×16
# pixels. Markers are found without decoding, and behind one all predictions begin anew.

# %%
fig, axes = plt.subplots(1, 3, figsize=(11, 4.2), layout="constrained")
for axis, row, style in zip(axes, (0, -(-pixels.shape[1] // 16)), ("o", "x")):
    data, good, tries = encode(pixels, restart_interval=row), decode(encode(pixels)), []
    for place in range(len(data) // 8, len(data) - 2, len(data) // 68):
        bad = data[:place] + bytes([data[place] ^ 32]) + data[place + 1 :]
        if not {0xFF, 0xDF} & {*data[place - 1 : place + 1]}:  # markers stay as they are
            tries.append((100 * (decode(bad, strict=False) != good).mean(), place, bad))
    axes[2].plot([t[1] for t in tries], [t[0] for t in tries], style, label=f"restarts: {row > 0}")
    axis.imshow(decode(max(tries)[2], strict=False), cmap="gray", vmin=0, vmax=255)
    axis.set(title=f"The worst of {len(tries)}, restarts: {row > 0}", xticks=[], yticks=[])
axes[2].set(yscale="symlog", title="All", xlabel="place, bytes", ylabel="% of samples wrong")
axes[2].legend()
plt.show()

# %% [markdown]
# Most wrong bits do next to nothing: Huffman codes fall into step again by themselves. But where a
# DC difference has changed or a block is missing, all that follows is too bright or out of place.
# ## A stranger's file
# Reading is a walk: note the marker, go on behind it, or leap as far as the length says. Never
# *search* for FF: a payload may hold a thumbnail with its own FFD9. Only in the data behind SOS you
# must: there FF 00 is a byte, FFD0 … FFD7 are restarts, and any other FF ends the data. Before a
# marker, FF may repeat (B.1.1.2).
# ### Exercise 8.3 – the walk


# %%
def walk(data):
    """Return a list of (offset of the last FF, code, payload or b""), one for each but restarts."""
    # BEGIN SOLUTION
    parts, at = [], 0
    while not parts or parts[-1][1] != EOI:
        while data[at + 1] == 0xFF:
            at += 1
        marker = data[at + 1]
        size = 0 if marker in (SOI, EOI) else int.from_bytes(data[at + 2 : at + 4], "big")
        parts.append((at, marker, data[at + 4 : at + 2 + size]))
        at += 2 + size
        while marker == SOS and (data[at] < 0xFF or data[at + 1] in (0, *range(0xD0, 0xD8))):
            at += 1
    return parts
    # END SOLUTION


# %%
def check_8_3(fn=walk):
    scan, trap = b"\xff\xda\0\3xab\xff\0c\xff\xd0de\xff\0", b"\xff\xe1\0\x08Ex\xff\xd9\xff\xda"
    got = fn(b"\xff\xd8" + trap + b"\xff\xff\xff\xfe\0\2" + scan + scan + b"\xff\xd9 behind")
    listed = " ".join(f"{marker:02x}@{offset}" for offset, marker, _ in got)
    assert "d9@8" not in listed, "FF D9 in a payload is no marker: leap over it by the length"
    assert "00@" not in listed, "FF 00 in coded data is a byte, no marker"
    assert "d0@" not in listed, "FF D0 is a restart, inside the coded data: go on behind it"
    want = "d8@0 e1@2 fe@14 da@18 da@34 d9@50"
    assert listed == want, f"marker@offset must be {want}, yours {listed}. FF FF FE: the last FF"
    assert got[1][2] == b"Ex\xff\xd9\xff\xda", f"the payload of e1@2 has 6 bytes, yours {got[1][2]}"


# %%
check_8_3()  # 3 points

# %%
for offset, marker, payload in walk(stranger):
    print(f"{offset:6} FF{marker:02X} {len(payload):4} bytes  {payload[:24]}")

# %% [markdown]
# Of the file behind our photograph, the comment (FFFE) says where it is from. In SOF0 (FFC0) the
# factors 22 11 11 say that colours have half the size. The steps in DQT (FFDB), 6 4 5 …, are 40 %
# of the usual 16 11 12 …: the quality knob of lesson 4 stood at 80. Now the data.
# ### Exercise 8.4 – read a block
# `next_bit()` gives "0" or "1". Take bits until they are a code: nothing else says where it ends
# (F.2.2.3). Take as many more as its category says; `coefficients.extend(number, category)` makes
# the value of them. Symbol F0 is 16 zeros, 00 ends the block, and 64 numbers end it as well.


# %%
def read_block(next_bit, dc_symbols, ac_symbols):
    """Return 64 numbers in zigzag order, the DC difference first. `symbols`: {"010…": symbol}."""

    # BEGIN SOLUTION
    def number(symbols):
        code = next_bit()
        while code not in symbols:
            code += next_bit()
        run, size = divmod(symbols[code], 16)
        value = coefficients.extend(int("0" + "".join(next_bit() for _ in range(size)), 2), size)
        return [0] * run + [value] if run or size else []

    zz = number(dc_symbols) or [0]
    while len(zz) < 64:
        zz += number(ac_symbols) or [0] * (64 - len(zz))
    return zz
    # END SOLUTION


# %%
def check_8_4(fn=read_block):
    dc, ac = {"0": 0, "10": 3}, {"00": 0x00, "01": 0x01, "10": 0xF0, "110": 0x23}
    for bits, start in (
        ("10 011  110 101  00", [-4, 0, 0, 5]),
        ("10 111  10  01 0  10  01 1  00", [7, *[0] * 16, -1, *[0] * 16, 1]),
        ("0  " + "01 1  " * 63, [0] + [1] * 63),
    ):
        stream, want = iter(bits.replace(" ", "") + "0" * 30), start + [0] * (64 - len(start))
        got = list(fn(lambda s=stream: next(s), dc, ac))
        wrong = next((k for k in range(64) if got[k : k + 1] != want[k : k + 1]), None)
        assert wrong is None, f"{bits[:30]} is {want[:22]} …, but your number {wrong}: {got[:22]}"
        over = 30 - len(list(stream))
        assert over == 0, f"{bits[:30]} …: you took {over} bits too many; 64 numbers need no end"


# %%
check_8_4()  # 4 points

# %%
jpeg, (*_, (sos, _, payload), (end, _, _)) = read(stranger), walk(stranger)
data = stranger[sos + 4 + len(payload) : end].replace(b"\xff\0", b"\xff")
scan = Scan.of(jpeg.frame, *next(jpeg.scans_with_tables())[::-1])
used = [[{c: s for s, c in codes(t).items()} for t in pair] for pair in zip(scan.dc, scan.ac)]
mine = [np.zeros((*blocks.shape[:2], 64), int) for blocks in jpeg.coefficients]
bits, left, dc_pred = iter("".join(map("{:08b}".format, data))), [], [0] * len(mine)
for mcu in range(scan.layout.mcus):
    left.append(bits.__length_hint__())
    for j, row, column in scan.layout.blocks(mcu):
        zz = read_block(bits.__next__, *used[j])
        dc_pred[j] += zz[0]
        mine[j][row, column] = [dc_pred[j], *zz[1:]]
spent = -np.diff([*left, bits.__length_hint__()]).reshape(-1, scan.layout.mcu_columns)
same = [(m[..., tables.ZIGZAG_INDEX] == c).all() for m, c in zip(mine, jpeg.coefficients)]
print(f"{sum(m.size for m in mine):,} coefficients are the library's: {all(same)}")

# %%
fig, axes = plt.subplots(1, 2, figsize=(8.5, 4.4), layout="constrained")
axes[0].imshow(mine[0][..., 0], cmap="gray")
axes[0].set(title="DC, read by your code", xlabel="blocks", ylabel="blocks")
fig.colorbar(axes[1].imshow(spent, cmap="cividis"), label="bits")
axes[1].set(title="Where the bits went", xlabel="MCUs", ylabel="MCUs")
plt.show()

# %% [markdown]
# **The library** does it in `scan_sequential`; `jpeg-from-scratch inspect` shows every bit.
# ## In practice
# A file that you did not write may lie: 200 bytes can claim 65,535 × 65,535 pixels, and a length
# can point behind the end. Check before you take memory. And segments tell more than the picture:
# APP1 often has the time, the camera and the place.
# ## Sources
# ITU-T T.81, B.1, B.2 (syntax), C (tables), E.1.4, F.1.2, F.2.2 (coding) · JFIF 1.02, 1992
