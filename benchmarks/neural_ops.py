"""How fast the operations of `neural_from_scratch` are beside PyTorch on two cores, and what bounds them.

    python benchmarks/neural_ops.py               every layer, GDN, a whole picture, a training step
    python benchmarks/neural_ops.py --quick       a few of them, in seconds
    python benchmarks/neural_ops.py --only conv   rows whose name contains this; may be given several times
    python benchmarks/neural_ops.py --memory      rise of peak memory over 20 training steps
    python benchmarks/neural_ops.py --plot FILE   draw the ratios
    python benchmarks/neural_ops.py --markdown    the same as a table for docs/performance-neural.md
    python benchmarks/neural_ops.py --json FILE   what was measured, for machines

Both libraries get the same numbers, and their results are compared before anything is timed. They take turns
in one process, with two threads each. Before each turn both are left idle for a moment, because threads of
either library wait for their next work in a busy loop, and run once without being timed. A ratio is our time
by PyTorch's: 1 is as fast, 0.5 twice as fast.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import _neural_environment  # noqa: F401
import _torch_peer as peer
import neural_report
import numpy as np
import torch

from neural_from_scratch import ops
from neural_from_scratch.tensor import Tensor, no_grad

Results = Sequence[Any]

RUNS = 9
SIZE = (512, 768)  # rows, columns of a whole picture
WIDTHS = ((128, 192), (64, 96))  # (N, M): channels inside, channels of the latents
IDLE = 0.2  # seconds: OpenBLAS keeps its threads busy for 0.1 s after the last product
SHORTEST = 0.03  # seconds that a turn takes at least; short work is done several times
BARS = {
    "conv": (1.2, 0.9),
    "transposed": (0.8, 0.6),
    "GDN": (1.0, 0.6),
    "network": (1.0, 0.8),
    "training": (1.3, 0.9),
}
MEMORY_BAR = 1.2
SAME = 1e-3  # of the largest number of a result; rounding of float32 stays far below


@dataclass(frozen=True)
class Contest:
    """The same work in both libraries.

    Attributes
    ----------
    ours, theirs : callable
        Return arrays, and tensors of PyTorch, of the same values.
    operations : float
        Multiplications and additions of the matrix products in it; the rest is left out.
    moved : float
        Bytes of inputs, outputs and weights, each counted once.
    """

    ours: Callable[[], Results]
    theirs: Callable[[], Results]
    operations: float
    moved: float


Row = tuple[
    str, str, bool, Callable[[], Contest]
]  # kind, name, whether it is one of the quick ones, preparation


# --------------------------------------------------------------------------------------------------
# The rows


def rows() -> Iterator[Row]:
    """Yield all there is to measure."""
    height, width = SIZE
    for inner, latent in WIDTHS:
        quick = inner == min(WIDTHS)[0]
        for depth, (channels, out) in enumerate(
            ((3, inner), (inner, inner), (inner, inner), (inner, latent))
        ):
            shape = (1, channels, height >> depth, width >> depth)
            yield "conv", f"conv {channels}-{out} {size(shape)}", quick, lambda s=shape, o=out: conv(s, o)
    for inner, latent in WIDTHS:
        quick = inner == min(WIDTHS)[0]
        for depth, (channels, out) in enumerate(
            ((latent, inner), (inner, inner), (inner, inner), (inner, 3))
        ):
            shape = (1, channels, height >> 4 - depth, width >> 4 - depth)
            yield (
                "transposed",
                f"transposed {channels}-{out} {size(shape)}",
                quick,
                lambda s=shape, o=out: conv(s, o, True),
            )
    for inner, _ in WIDTHS:
        for shape in ((1, inner, 256, 384), (1, inner, 128, 192), (1, inner, 64, 96), (8, inner, 64, 64)):
            for inverse in (False, True):
                name = f"{'IGDN' if inverse else 'GDN'} {inner} {size(shape)}"
                quick = shape == (1, 64, 128, 192)
                yield "GDN", f"{name} forward", quick, lambda s=shape, i=inverse: gdn(s, i, False)
                yield "GDN", f"{name} and backward", quick, lambda s=shape, i=inverse: gdn(s, i, True)
    for widths in WIDTHS:
        name = f"network {widths[0]}-{widths[1]} {width}x{height}"
        yield "network", name, widths == min(WIDTHS), lambda w=widths: whole_picture(*w)
    yield "training", "training 64-96 8x128x128", True, lambda: training(64, 96)


def size(shape: tuple[int, ...]) -> str:
    """Return columns × rows, and in front of them the number of pictures if there are several."""
    batch, _, height, width = shape
    return f"{width}x{height}" if batch == 1 else f"{batch}x{width}x{height}"


def conv(shape: tuple[int, int, int, int], out: int, transposed: bool = False) -> Contest:
    """5×5, stride 2, the layers of every codec after Ballé 2017: half the size, or twice."""
    random = np.random.default_rng(1)
    _, channels, height, width = shape
    x = random.standard_normal(shape, np.float32)
    weight = random.standard_normal(
        (channels, out, 5, 5) if transposed else (out, channels, 5, 5), np.float32
    )
    weight *= 0.2 / channels**0.5
    bias = random.standard_normal(out, np.float32)
    tensors = [torch.from_numpy(array) for array in (x, weight, bias)]

    def ours() -> Results:
        with no_grad():
            if transposed:
                return [ops.conv_transpose2d(x, weight, bias, stride=2, padding=2, output_padding=1).data]
            return [ops.conv2d(x, weight, bias, stride=2, padding=2).data]

    def theirs() -> Results:
        with torch.no_grad():
            if transposed:
                return [torch.conv_transpose2d(*tensors, stride=2, padding=2, output_padding=1)]
            return [torch.conv2d(*tensors, stride=2, padding=2)]

    small = height * width if transposed else height * width / 4
    large = 4 * small
    results = out * (large if transposed else small)
    return Contest(ours, theirs, 2 * weight.size * small, 4 * (x.size + weight.size + out + results))


def gdn(shape: tuple[int, int, int, int], inverse: bool, backward: bool) -> Contest:
    """y = x / √(β + γ x²), or the product; with backward, the gradients of all three as well."""
    random = np.random.default_rng(2)
    channels = shape[1]
    x, gradient = (random.standard_normal(shape, np.float32) for _ in range(2))
    beta = (1 + 0.2 * random.random(channels)).astype(np.float32)
    gamma = (0.1 * np.eye(channels) + 0.02 * random.random((channels, channels))).astype(np.float32)
    given = torch.from_numpy(gradient)
    leaves = [torch.from_numpy(array).clone().requires_grad_(backward) for array in (x, beta, gamma)]

    def ours() -> Results:
        if not backward:
            with no_grad():
                return [ops.gdn(x, beta, gamma, inverse=inverse).data]
        tensors = [Tensor(array, requires_grad=True) for array in (x, beta, gamma)]
        y = ops.gdn(*tensors, inverse=inverse)
        y.backward(gradient)
        return [y.data, *(tensor.grad for tensor in tensors)]

    def theirs() -> Results:
        y = peer.gdn(*leaves, inverse)
        return [y.detach(), *torch.autograd.grad(y, leaves, given)] if backward else [y]

    products = 3 if backward else 1  # the norm; the gradients of x and of gamma
    maps = 5 if backward else 2  # x, y; and gradient, x, gradient of x
    return Contest(ours, theirs, products * 2 * x.size * channels, maps * 4 * x.size)


def whole_picture(inner: int, latent: int) -> Contest:
    """Analysis and synthesis of one picture."""
    theirs, ours = same_networks(inner, latent)
    x = np.random.default_rng(3).random((1, 3, *SIZE), np.float32)
    tensor = torch.from_numpy(x)

    def run_ours() -> Results:
        with no_grad():
            return [ours(Tensor(x)).data]

    def run_theirs() -> Results:
        with torch.no_grad():
            return [theirs(tensor)]

    operations, moved = network_costs(inner, latent, SIZE[0] * SIZE[1])
    return Contest(run_ours, run_theirs, operations, moved)


def training(inner: int, latent: int) -> Contest:
    """A step on eight patches of 128×128."""
    import _neural_ours as mine

    theirs, ours = same_networks(inner, latent)
    batch = np.random.default_rng(4).random((8, 3, 128, 128), np.float32)
    operations, moved = network_costs(inner, latent, batch.size // 3)
    rate = 1e-5  # so small that both stay where they are
    return Contest(
        mine.training_step(ours, batch, rate),
        peer.training_step(theirs, torch.from_numpy(batch), rate),
        3 * operations,
        3 * moved,
    )


def same_networks(inner: int, latent: int) -> tuple[Any, Any]:
    """Return PyTorch's network and ours, with the same weights."""
    import _neural_ours as mine

    torch.manual_seed(5)
    theirs, ours = peer.network(inner, latent), mine.network(inner, latent)
    ours.load_state_dict({key: value.detach().numpy().copy() for key, value in theirs.state_dict().items()})
    return theirs, ours


def network_costs(inner: int, latent: int, pixels: int) -> tuple[float, float]:
    """Return operations of matrix products and bytes of maps, forward, analysis and synthesis."""
    products = sum(
        25 * channels * out / 4**depth
        for depth, (channels, out) in enumerate(
            ((3, inner), (inner, inner), (inner, inner), (inner, latent)), 1
        )
    )
    norms = sum(inner**2 / 4**depth for depth in (1, 2, 3))
    maps = 3 + sum(4 * inner / 4**depth for depth in (1, 2, 3)) + latent / 4**4
    return 2 * 2 * pixels * (products + norms), 2 * 4 * pixels * maps


# --------------------------------------------------------------------------------------------------
# Measuring


def difference(contest: Contest) -> float:
    """Return the largest distance of two results, as a part of the largest number of PyTorch's."""
    worst = 0.0
    for mine, other in zip(contest.ours(), contest.theirs(), strict=True):
        expected = other.numpy()
        if mine.shape != expected.shape or not np.isfinite(mine).all():
            return float("inf")
        worst = max(worst, float(np.abs(mine - expected).max() / max(np.abs(expected).max(), 1e-30)))
    return worst


def turn(work: Callable[[], Any]) -> float:
    """Return the seconds of one run, after a rest and a run that does not count."""
    time.sleep(IDLE)
    work()
    count, start = 0, time.perf_counter()
    while True:
        work()
        count += 1
        elapsed = time.perf_counter() - start
        if elapsed >= SHORTEST:
            return elapsed / count


def measured(kind: str, name: str, contest: Contest, runs: int, limits: dict[str, float]) -> dict[str, Any]:
    """Compare, then let both take turns; who begins changes from round to round."""
    distance = difference(contest)
    ours, theirs = [], []
    for i in range(runs):
        for work, seconds in ((contest.ours, ours), (contest.theirs, theirs))[:: -1 if i % 2 else 1]:
            seconds.append(turn(work))
    middle = statistics.median(ours)
    bound = max(contest.operations / limits["products"], contest.moved / limits["copy"])
    return {
        "kind": kind,
        "name": name,
        "difference": distance,
        "ours": ours,
        "theirs": theirs,
        "ratio": middle / statistics.median(theirs),
        "ratios": sorted(a / b for a, b in zip(ours, theirs)),
        "operations": contest.operations,
        "bytes": contest.moved,
        "gflops": contest.operations / middle / 1e9,
        "their_gflops": contest.operations / statistics.median(theirs) / 1e9,
        "bound": bound,
        "bar": BARS[kind][0],
        "aim": BARS[kind][1],
    }


def machine_limits() -> dict[str, float]:
    """Return what the machine can do: operations a second in a matrix product, bytes a second in a copy."""
    a, b = (np.random.default_rng(i).random((2048, 2048), np.float32) for i in range(2))
    c = np.empty_like(a)
    products = 2 * 2048**3 / min(turn(lambda: np.matmul(a, b, out=c)) for _ in range(5))
    source = np.ones(1 << 24, np.float32)
    target = np.zeros_like(source)
    copied = 2 * source.nbytes / min(turn(lambda: np.copyto(target, source)) for _ in range(5))
    return {"products": products, "copy": copied}


HEADING = (
    f"{'':34} {'ours, ms (min–max)':>22} {'PyTorch, ms (min–max)':>22} {'ratio (min–max)':>17}"
    f" {'bar':>4} {'aim':>4} {'GFLOP':>6} {'MB':>6}"
    f" {'GFLOP/s':>8} {'theirs':>6} {'bound':>6} {'differs by':>10}"
)


def show(row: dict[str, Any]) -> None:
    """Print one row; `bound` is the part of our time that the machine's limits account for."""

    def spread(values: Sequence[float], scale: float, digits: int) -> str:
        middle, low, high = (scale * f(values) for f in (statistics.median, min, max))
        return f"{middle:.{digits}f} ({low:.{digits}f}–{high:.{digits}f})"

    cells = (
        f"{row['name']:34}",
        f"{spread(row['ours'], 1000, 1):>22}",
        f"{spread(row['theirs'], 1000, 1):>22}",
        f"{row['ratio']:.2f} ({row['ratios'][0]:.2f}–{row['ratios'][-1]:.2f})".rjust(17),
        f"{row['bar']:4} {row['aim']:4}",
        f"{row['operations'] / 1e9:6.2f} {row['bytes'] / 1e6:6.1f}",
        f"{row['gflops']:8.0f} {row['their_gflops']:6.0f}",
        f"{row['bound'] / statistics.median(row['ours']):6.0%}",
        f"{row['difference']:10.1e}",
        "" if row["ratio"] <= row["bar"] else " OVER THE BAR",
        "" if row["difference"] < SAME else " NOT THE SAME",
    )
    print(*cells, flush=True)


def summary(found: Sequence[dict[str, Any]]) -> None:
    """Print, for each kind, the lowest, middle and highest ratio, and how many miss bar and aim."""
    words = ("ours / PyTorch", "rows", "lowest", "middle", "highest", "bar", "missed", "aim", "missed")
    print("\n{:14} {:>5} {:>7} {:>7} {:>7} {:>5} {:>7} {:>5} {:>7}".format(*words))
    for kind, (bar, aim) in BARS.items():
        ratios = [row["ratio"] for row in found if row["kind"] == kind]
        if ratios:
            low, middle, high = min(ratios), statistics.median(ratios), max(ratios)
            over_bar, over_aim = (sum(ratio > limit for ratio in ratios) for limit in (bar, aim))
            print(
                f"{kind:14} {len(ratios):5} {low:7.2f} {middle:7.2f} {high:7.2f}"
                f" {bar:5} {over_bar:7} {aim:5} {over_aim:7}"
            )


# --------------------------------------------------------------------------------------------------
# Memory


def memory() -> dict[str, Any]:
    """Let each library train in a process of its own, by turns, and compare by how much its memory rose."""
    script = Path(__file__).with_name("_neural_memory.py")
    risen: dict[str, list[int]] = {"ours": [], "PyTorch": []}
    for _ in range(3):
        for name, values in risen.items():
            done = subprocess.run(
                [sys.executable, str(script), name], capture_output=True, text=True, check=True
            )
            values.append(int(done.stdout))
    middle = {name: statistics.median(values) for name, values in risen.items()}
    ratio = middle["ours"] / middle["PyTorch"]
    for name, values in risen.items():
        print(
            f"{name:8} rose by {middle[name] / 1e6:.1f} MB ({min(values) / 1e6:.1f}–{max(values) / 1e6:.1f})"
        )
    print(f"ratio {ratio:.2f}, bar {MEMORY_BAR}")
    return {"risen": risen, "ratio": ratio, "bar": MEMORY_BAR}


# --------------------------------------------------------------------------------------------------


def conditions() -> dict[str, str]:
    """Return what the figures depend on."""
    listing = Path("/proc/cpuinfo")
    lines = listing.read_text().splitlines() if listing.is_file() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    packages = {name: version(name) for name in ("numpy", "scipy", "numba", "torch")}
    return {
        "machine": f"{names[0] if names else platform.machine()}, {os.cpu_count()} cores",
        "Python": platform.python_version(),
        **packages,
    }


def main() -> int:
    """Run what the command line asks for."""
    title, _, usage = (__doc__ or "").partition("\n\n")
    parser = argparse.ArgumentParser(
        description=title, epilog=usage, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="fewer rows, 3 runs")
    parser.add_argument("--only", action="append", metavar="NAME", help="rows whose name contains this")
    parser.add_argument("--runs", type=int, help=f"turns of each library (default {RUNS})")
    parser.add_argument("--memory", action="store_true", help="rise of peak memory over 20 training steps")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw the ratios, as SVG or PNG")
    parser.add_argument(
        "--markdown", action="store_true", help="print the table for docs/performance-neural.md"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write what was measured")
    options = parser.parse_args()

    results: dict[str, Any] = {"conditions": conditions()}
    print("; ".join(f"{key} {value}" for key, value in results["conditions"].items()))
    if options.memory:
        results["memory"] = memory()
    else:
        results["limits"] = limits = machine_limits()
        products, copied = (limits[name] / 1e9 for name in ("products", "copy"))
        print(f"{products:.0f} GFLOP/s in matrix products, copies at {copied:.1f} GB/s\n{HEADING}")
        found = results["rows"] = []
        for kind, name, quick, prepare in rows():
            unwanted = options.only and not any(part in name for part in options.only)
            if unwanted or (options.quick and not quick):
                continue
            runs = options.runs or (3 if options.quick else RUNS)
            found.append(measured(kind, name, prepare(), runs, limits))
            show(found[-1])
        summary(found)
        results["limits_after"] = after = machine_limits()
        slowed = after["products"] / limits["products"]
        print(f"\n{after['products'] / 1e9:.0f} GFLOP/s in matrix products at the end", end="")
        print("" if 0.8 < slowed < 1.25 else ": the machine was busy with something else, measure again")
        if options.plot:
            neural_report.draw(found, options.plot)
        if options.markdown:
            print(f"\n{neural_report.table(found)}")
    if options.json:
        options.json.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n", "utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
