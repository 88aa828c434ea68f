# %% [markdown]
# # 10 · Speed: from the definition to the kernel
# **Time**: 110 minutes · **Points**: 10
#
# **You will** take a formula from five nested loops to compiled code, ten thousand times as fast,
# and measure it beside libjpeg-turbo. **You will learn** to count first, to measure without fooling
# yourself, to divide without a division, and to stop. **You need** the DCT (lesson 3), and Numba.

# %%
import io
import time
from pathlib import Path

import matplotlib.pyplot as plt
import numba
import numpy as np
import PIL.Image

from codec_eval import default_photograph, read_picture
from jpeg_from_scratch import dct, encode, read
from jpeg_from_scratch.backend import get_backend
from jpeg_from_scratch.color import rgb_to_ycbcr
from jpeg_from_scratch.sampling import to_blocks
from jpeg_from_scratch.scan import Scan

PHOTO = None  # None is the photograph that Matplotlib ships
pixels = (read_picture(PHOTO) if PHOTO else default_photograph()).pixels
pixels = np.ascontiguousarray(pixels[:1024, :1024])  # a megapixel
luma = rgb_to_ycbcr(pixels)[..., 0] if pixels.ndim == 3 else pixels
luma = np.ascontiguousarray(luma[: luma.shape[0] // 8 * 8, : luma.shape[1] // 8 * 8])
blocks = to_blocks(luma).astype(float).reshape(-1, 8, 8) - 128  # level-shifted
waves = dct.dct_matrix()  # row u, column x

# %% [markdown]
# ## Why: 4096 products
# The 2-D DCT (T.81, A.3.3) has two sums, for each of 64 coefficients. Here it is, as printed.


# %%
def definition(blocks, matrix, out):
    """Fill `out` with the DCT of each block: `matrix[v, y]` is c(v) cos((2y + 1) v π / 16)."""
    for n in range(len(blocks)):
        for v in range(8):
            for u in range(8):
                total = 0.0
                for y in range(8):
                    for x in range(8):
                        total += matrix[v, y] * matrix[u, x] * blocks[n, y, x]
                out[n, v, u] = total


# %% [markdown]
# How long does it take? The first call also pays for memory and for compilation. The machine does
# other things, which make some runs longer, and none shorter. So: once without a watch, then
# several times, and of these the *median*, which a few bad runs do not move.
# ### Exercise 10.1 – a watch


# %%
def median_time(function, repeats=5, clock=time.perf_counter):
    """Call `function` once, then `repeats` times; return the median of their times by `clock()`."""
    # BEGIN SOLUTION
    function()
    times = []
    for _ in range(repeats):
        start = clock()
        function()
        times.append(clock() - start)
    return float(np.median(times))
    # END SOLUTION


# %%
def check_10_1(fn=median_time):
    durations, now = [50, 3, 90, 1, 2, 4], [0.0]  # of the calls, by a clock that is no real one

    def work():
        now[0] += durations[min(work.calls, 5)]
        work.calls += 1

    work.calls = 0
    got = fn(work, 5, lambda: now[0])
    assert work.calls == 6, f"one call without the clock and 5 with it are 6, not {work.calls}"
    hints = {3.5: "the first call has no clock", 20: "that is the mean", 1: "that is the shortest"}
    told = f"calls of 3 90 1 2 4 s: the median is 3 s, yours {got} s"
    assert got == 3, f"{told}. {hints.get(got, 'Is the clock read before and after each call?')}"


# %%
check_10_1()  # 2 points

# %% [markdown]
# ## Count first
# The inner line runs 64 · 64 = 4096 times for a block. But the cosine of $y$ does not depend on
# $x$: sum up over $y$ first, keep the 64 results, then over $x$. How many products are left? A
# count holds on every machine. Then comes the compiler: `numba.njit` makes machine code of plain
# loops, numbers and arrays. What is the slowest Python is its best. (It knows no lists of mixed
# things; where a message of its speaks of *typing*, look for a name with two kinds of values.)
# ### Exercise 10.2 – a kernel
# Write it in plain loops. `temp = np.empty((8, 8))` is fine, once, before the loop over blocks.


# %%
def kernel(blocks, matrix, out):
    """Fill `out` with matrix · block · matrixᵀ for each of n blocks (n, 8, 8), in loops."""
    # BEGIN SOLUTION
    temp, eight = np.empty((8, 8)), range(8)
    for n in range(blocks.shape[0]):
        for v in eight:
            for x in eight:
                part = 0.0
                for y in eight:
                    part += matrix[v, y] * blocks[n, y, x]
                temp[v, x] = part
        for v in eight:
            for u in eight:
                part = 0.0
                for x in eight:
                    part += temp[v, x] * matrix[u, x]
                out[n, v, u] = part
    # END SOLUTION


# %%
class Counted(float):
    """A number that counts its products."""

    __array_ufunc__ = None  # NumPy's numbers leave the product to this class
    products = 0

    def __mul__(self, other):
        Counted.products += 1
        return float(self) * other

    __rmul__ = __mul__


def check_10_2(fn=kernel):
    some = np.random.default_rng(10).normal(0, 50, (3, 8, 8))
    want, got, Counted.products = dct.fdct_definition(some), np.full((3, 8, 8), np.nan), 0
    fn(some, np.array([[Counted(value) for value in row] for row in waves], object), got)
    assert not np.isnan(got).any(), "not all of `out` was filled: 64 numbers for each block"
    assert not np.allclose(got, want.swapaxes(1, 2)), "right, but v counts rows of `out`: swapped"
    assert np.allclose(got[0], want[0]), (
        f"wrong: S_00 must be {want[0, 0, 0]:.1f}, {got[0, 0, 0]:.1f}"
    )
    assert np.allclose(got, want), "block 0 is right, the others are not: does a sum start at 0?"
    each = Counted.products // 3
    assert each <= 1024, f"right, with {each} products a block; first over y, then over x: 1024"
    numba.njit(fn)(some, waves, got)
    assert np.allclose(got, want), "right in Python, but not when compiled"


# %%
check_10_2()  # 4 points

# %%
compiled, slow, out = numba.njit(kernel), numba.njit(definition), np.empty_like(blocks)
whole, coded, steps = get_backend("fast", 1), to_blocks(luma).astype(np.int16), np.full((8, 8), 16)
ways = {  # what is run, and for how many blocks
    "definition, Python": (lambda: definition(blocks[:2], waves, out), 2),
    "kernel, Python": (lambda: kernel(blocks[:8], waves, out), 8),
    "definition, Numba": (lambda: slow(blocks[:400], waves, out), len(blocks[:400])),
    "NumPy, matrix @ block @ matrixᵀ": (lambda: waves @ blocks @ waves.T, len(blocks)),
    "kernel, Numba": (lambda: compiled(blocks, waves, out), len(blocks)),
    "library, and the division": (lambda: whole.plane_to_coefficients(luma, steps, coded, 8), 0),
    "bytes to numbers, no more": (lambda: luma.astype(np.int16), 0),
}
per_pixel = {k: median_time(run) / 64e-9 / (n or len(blocks)) for k, (run, n) in ways.items()}

# %%
fig, axis = plt.subplots(figsize=(9, 3.4), layout="constrained")
bars = axis.barh(list(per_pixel), list(per_pixel.values()), color="#0072b2", log=True)
axis.bar_label(bars, [f"{v:,.0f}" if v > 9 else f"{v:.2g}" for v in per_pixel.values()], padding=3)
axis.set(title="From the definition to the kernel", xlabel="ns for a pixel")
axis.set(xlim=(0.01, 1e6), ylim=(6.6, -0.6))
plt.show()

# %% [markdown]
# The axis is logarithmic! Your own text, unchanged, became a thousand times faster by a compiler.
# **The library's** kernel (`_kernels/dct.py`) is faster again, though it quantises as well: it has
# 16-bit integers, of which a vector unit multiplies 16 or 32 at once, and blocks that stay in the
# first-level cache. The last bar is the floor: merely to look at each byte. There one stops.
# ## Divide without dividing
# Quantisation divides by 64 steps, and a vector unit cannot divide integers at all. But a step $d$
# is known before. Take $m = \lfloor 2^s / d \rfloor + 1$, a bit more than $2^s / d$, and in place
# of $n / d$ multiply and shift: $n m / 2^s$. As $m d = 2^s + e$ with $1 \le e \le d$, this is
# $n / d + n e / (d\,2^s)$. The excess does no harm while it is below $1 / d$. (Why? Think of what
# is missing from $n / d$ to the next whole number.) How large must $s$ be for all $n < 2^{15}$?
# ### Exercise 10.3 – a reciprocal
# Take the smallest $s$ that is surely enough, so that $m$ stays below $2^{16}$.


# %%
def reciprocal(d):
    """Return (m, s), whole numbers with n // d == n * m >> s for 0 ≤ n < 2**15; m < 2**16."""
    # BEGIN SOLUTION
    s = 15 + (d - 1).bit_length()
    return (1 << s) // d + 1, s
    # END SOLUTION


# %%
def check_10_3(fn=reciprocal):
    n = np.arange(1 << 15)
    for d in range(8, 2041, 8):  # eight times all steps: results of our transform are eightfold
        m, s = fn(d)
        told, got = f"d = {d}, m = {m}, s = {s}", n * m >> s
        assert m < 1 << 16, f"{told}: m has {m.bit_length()} bits, 16 at most: s is too large"
        bad = np.append(n[got != n // d], -1)[0]
        hint = "m must be a little more than 2^s / d" if m * d <= 1 << s else "s is too small"
        assert bad < 0, f"{told}: {bad} // {d} is {bad // d}, by you {got[bad]}; {hint}"


# %%
check_10_3()  # 3 points

# %% [markdown]
# That was a proof, by all 8,355,840 cases. **The library** has it in `_kernels.dct.reciprocals`.
# ## The whole, and when to stop
# A stage that takes the share $p$ of the time, made $g$ times as fast, makes the whole
# $1 / (1 - p + p / g)$ times as fast: **Amdahl's law**. Let us see what is worth your evening.
# ### Exercise 10.4 – Amdahl's law


# %%
def speedup(seconds, gains):
    """Return how many times as fast the whole becomes; both are dicts by stage, gains of some."""
    # BEGIN SOLUTION
    after = sum(spent / gains.get(stage, 1) for stage, spent in seconds.items())
    return sum(seconds.values()) / after
    # END SOLUTION


# %%
def check_10_4(fn=speedup):
    seconds = {"colours": 2, "transform": 6, "codes": 2}
    for gains, want in (({}, 1), ({"transform": 3}, 5 / 3), ({"transform": float("inf")}, 2.5)):
        got = fn(seconds, gains)
        assert abs(got - want) < 1e-9, f"{seconds} with gains {gains}: {want:.3g}, yours {got:.3g}"


# %%
check_10_4()  # 1 point

# %%
jpeg, image, by_pillow = read(encode(pixels)), PIL.Image.fromarray(pixels), io.BytesIO()
frame, (slots, header) = jpeg.frame, next(jpeg.scans_with_tables())
space, scan = "YCbCr" if pixels.ndim == 3 else "grey", Scan.of(frame, header, slots)
tables = [table.array() for table in jpeg.quantization_tables()]
planes, outs = whole.component_planes(pixels, frame, space), [0 * c for c in jpeg.coefficients]
stages = {
    "colours": lambda: whole.component_planes(pixels, frame, space),
    "transform": lambda: [whole.plane_to_coefficients(*p, 8) for p in zip(planes, tables, outs)],
    "codes": lambda: whole.scan_coder(frame).encode(scan, jpeg.coefficients),
}
seconds = {name: median_time(stage) for name, stage in stages.items()}
image.save(by_pillow, "JPEG", quality=75)  # equal first, then fast
print("Equal files:", by_pillow.getvalue() == encode(pixels) == encode(pixels, backend="reference"))
encoders = {
    "library, readable": lambda: encode(pixels, backend="reference"),
    "library, one thread": lambda: encode(pixels, threads=1),
    "Pillow: libjpeg-turbo": lambda: image.save(io.BytesIO(), "JPEG", quality=75),
}
totals = {k: 1e3 * median_time(run, 1 if "readable" in k else 25) for k, run in encoders.items()}
without = [speedup(seconds, {stage: float("inf")}) for stage in seconds]

# %%
fig, axes = plt.subplots(1, 2, figsize=(10, 3.2), layout="constrained")
bars = axes[0].bar(list(seconds), [1e3 * s for s in seconds.values()], color="#0072b2")
axes[0].bar_label(bars, [f"{gain:.2f}× if free" for gain in without])
axes[0].set(title="Where the library's time goes", ylabel="ms", ymargin=0.15)
bars = axes[1].barh(list(totals), list(totals.values()), color="#d55e00", log=True)
axes[1].bar_label(bars, fmt="%.3g", padding=3)
axes[1].set(title="The same file, three ways", xlabel="ms", xlim=(0.1, 1e4))
plt.show()

# %% [markdown]
# If the transform took no time at all, the encoder would not be twice as fast. So the work went on
# with colours and codes, and ended; `docs/performance.md` has all that was tried, won and lost.
# libjpeg-turbo's loops are assembly by hand. Now let your kernel make a file:


# %%
def my_fdct(blocks):
    """Return the DCT of blocks (…, 8, 8) by your compiled kernel."""
    compiled(1.0 * blocks.reshape(-1, 8, 8), waves, result := np.empty((blocks.size // 64, 8, 8)))
    return result.reshape(blocks.shape)


Path("my_kernel.jpg").write_bytes(encode(luma, stages={"fdct": my_fdct}, backend="reference"))

# %% [markdown]
# ## In practice
# Check before you time, and again after each change: a wrong result is easily made fast. Never let
# a time decide whether a test passes, for machines are busy; count. The rest of an encoder is
# entropy codes. There, one look into a table of 1024 entries replaces ten branches (`_bit_reader`).
# ## Sources
# ITU-T T.81, A.3.3, A.3.4 · the library's `docs/performance.md` and the heads of its `_kernels`
