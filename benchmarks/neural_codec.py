"""How long the learned codec takes for a picture, beside the same path in PyTorch and constriction.

    python benchmarks/neural_codec.py                   a Kodak picture's size, each shipped quality
    python benchmarks/neural_codec.py --quality 4       one of them
    python benchmarks/neural_codec.py --hyperpriors     hyperpriors beside the factorised prior
    python benchmarks/neural_codec.py --picture FILE    another picture
    python benchmarks/neural_codec.py --memory          peak memory of 12 megapixels, encoded and decoded
    python benchmarks/neural_codec.py --json FILE       what was measured, every single run

The peer has the same weights and the same tables: convolutions, GDN as a 1×1 convolution of x² and a root,
and rounding in PyTorch; constriction's range coder with a `Categorical` model a channel, made before the
clock starts. Values beyond a table are cut off for it, as it knows no escape. Both begin with an array of
bytes and end with one, and take turns, each after a rest, with two threads. A ratio is our time by theirs.
Bars: 0.3 s each way, and a ratio of 1.0; memory 2 GB.

A hyperprior is held against the factorised prior of the same λ and widths, by turns as well. The bar is 1.3.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import _neural_environment  # noqa: F401
import numpy as np

from neural_from_scratch import codec, container, range_coder
from neural_from_scratch.models import MeanScaleHyperprior, ScaleHyperprior
from neural_from_scratch.pictures import default_photograph, read_photograph
from neural_from_scratch.weights import Weights, load_weights, qualities

ROUNDS = 9
IDLE = 0.2  # seconds: threads of BLAS and of OpenMP wait for their next work in a busy loop
SECONDS_BAR, RATIO_BAR, HYPER_BAR, MEMORY_BAR = 0.3, 1.0, 1.3, 2e9
LARGE = (3000, 4000)


def peer(image: np.ndarray[Any, Any], weights: Weights) -> tuple[Callable[[], Any], Callable[[], Any]]:
    """Return PyTorch's and constriction's way to encode and to decode this picture."""
    import constriction
    import torch
    from torch.nn import functional

    torch.set_num_threads(2)
    state = {name: torch.from_numpy(array) for name, array in weights.model.state_dict().items()}
    tables, stream = weights.tables, constriction.stream
    models = [
        stream.model.Categorical(np.diff(row[:length]).astype(np.float64) / 65536, perfect=False, lazy=False)
        for row, length in zip(tables.cdf, tables.lengths)
    ]
    lowest, count = tables.offsets[:, None], tables.lengths[:, None] - 2
    medians = torch.from_numpy(np.asarray(weights.model.entropy_bottleneck.medians))
    pedestal = 2.0**-36
    norms = {}
    for half in ("g_a", "g_s"):
        for i in (1, 3, 5):
            beta = state[f"{half}.{i}.beta"].clamp(min=(1e-6 + pedestal) ** 0.5) ** 2 - pedestal
            gamma = state[f"{half}.{i}.gamma"].clamp(min=pedestal**0.5) ** 2 - pedestal
            norms[half, i] = (gamma[:, :, None, None], beta)

    def layer(x: Any, half: str, i: int) -> Any:
        if i % 2:
            norm = functional.conv2d(x * x, *norms[half, i])
            return x * (torch.rsqrt(norm) if half == "g_a" else torch.sqrt(norm))
        weight, bias = state[f"{half}.{i}.weight"], state[f"{half}.{i}.bias"]
        if half == "g_a":
            return functional.conv2d(x, weight, bias, stride=2, padding=2)
        return functional.conv_transpose2d(x, weight, bias, stride=2, padding=2, output_padding=1)

    rows, columns = image.shape[:2]

    def encode() -> Any:
        with torch.no_grad():
            x = torch.from_numpy(image).permute(2, 0, 1)[None].float() / 255
            x = functional.pad(x, (0, -columns % 16, 0, -rows % 16), mode="replicate")
            for i in range(7):
                x = layer(x, "g_a", i)
            return coded(torch.round(x[0] - medians).int().numpy())

    def coded(symbols: np.ndarray[Any, Any]) -> Any:
        kept = np.clip(symbols.reshape(len(symbols), -1) - lowest, 0, count - 1)
        coder = stream.queue.RangeEncoder()
        for channel, model in zip(kept.astype(np.int32), models):
            coder.encode(channel, model)
        return coder.get_compressed()

    _, symbols = codec.latents_of(image, weights)  # so that both decode the same numbers
    data, shape = coded(symbols), symbols.shape

    def decode() -> Any:
        coder = stream.queue.RangeDecoder(data)
        size = shape[1] * shape[2]
        symbols = np.stack([coder.decode(model, size) for model in models]) + lowest
        with torch.no_grad():
            x = torch.from_numpy(symbols.astype(np.float32)).reshape(1, *shape) + medians
            for i in range(7):
                x = layer(x, "g_s", i)
            x = x[0, :, :rows, :columns].clamp(0, 1).mul(255).round().byte()
            return x.permute(1, 2, 0).contiguous().numpy()

    return encode, decode


def turn(work: Callable[[], Any]) -> float:
    """Return the seconds of one run after a rest and one that does not count."""
    time.sleep(IDLE)
    work()
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def measured(image: np.ndarray[Any, Any], quality: int) -> list[dict[str, Any]]:
    """Compare, then take turns; a row to encode and one to decode."""
    weights = load_weights(quality)
    tables = weights.tables
    header, _ = container.unpack(codec.encode(image, quality))
    highest = tables.offsets + tables.lengths - 3
    inside = np.clip(
        codec.latents_of(image, weights)[1], tables.offsets[:, None, None], highest[:, None, None]
    )
    data = container.pack(header, range_coder.encode_channels(inside, tables))
    ours = (lambda: codec.encode(image, quality), lambda: codec.decode(data))
    theirs = peer(image, weights)
    difference = np.abs(codec.decode(data).astype(int) - theirs[1]().astype(int))
    rows = by_turns(f"quality {quality}", ours, theirs)
    return [{**row, "difference": int(difference.max())} for row in rows]


def beside_factorised(image: np.ndarray[Any, Any], model: str, quality: int) -> list[dict[str, Any]]:
    """Time a hyperprior beside the factorised prior of the same λ and widths."""
    weights = load_weights(quality, model)
    alike = [load_weights(other) for other in qualities()]
    plain = next(
        one
        for one in alike
        if one.weight == weights.weight and one.model.describe().endswith(widths(weights.model.describe()))
    )
    pairs = []
    for one in (weights, plain):
        data = codec.encode(image, weights=one)
        pairs.append(
            (
                lambda one=one: codec.encode(image, weights=one),
                lambda one=one, data=data: codec.decode(data, weights=one),
            )
        )
    return by_turns(f"{model} {quality}", *pairs)


def widths(description: str) -> str:
    """Return ``"(64, 96)"`` of a model's description."""
    return description[description.index("(") :]


def by_turns(
    name: str, ours: tuple[Callable[[], Any], ...], theirs: tuple[Callable[[], Any], ...]
) -> list[dict[str, Any]]:
    """Return a row to encode and one to decode, of two codecs that took turns."""
    rows = []
    for work, mine, other in zip(("encode", "decode"), ours, theirs):
        seconds: tuple[list[float], list[float]] = ([], [])
        for i in range(ROUNDS):
            for todo, kept in ((mine, seconds[0]), (other, seconds[1]))[:: -1 if i % 2 else 1]:
                kept.append(turn(todo))
        ratio = statistics.median(seconds[0]) / statistics.median(seconds[1])
        rows.append({"name": name, "work": work, "ours": seconds[0], "theirs": seconds[1], "ratio": ratio})
    return rows


def plain(image: np.ndarray[Any, Any], which: Sequence[int]) -> Iterator[list[dict[str, Any]]]:
    """Yield the rows of each quality of the factorised prior."""
    return (measured(image, quality) for quality in which)


def hyperpriors(image: np.ndarray[Any, Any]) -> Iterator[list[dict[str, Any]]]:
    """Yield the rows of each set of weights that has a hyperprior."""
    for model in (ScaleHyperprior.name, MeanScaleHyperprior.name):
        for quality in qualities(model):
            yield beside_factorised(image, model, quality)


def memory() -> None:
    """Encode and decode 12 megapixels in a process of its own, and print its peak."""
    script = (
        "import resource, numpy as np\n"
        "from neural_from_scratch import codec\n"
        f"rows, columns = {LARGE}\n"
        "y, x = np.ogrid[:rows, :columns]\n"
        "image = np.stack([(y * k + x * 3) // 16 % 256 for k in (1, 2, 5)], axis=2).astype(np.uint8)\n"
        "data = codec.encode(image)\n"
        "made = codec.decode(data)\n"
        "print(len(data), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    size, peak = map(int, done.stdout.split())
    print(
        f"{LARGE[1]}×{LARGE[0]}: {size:,} bytes, peak memory {peak / 1e9:.2f} GB (bar {MEMORY_BAR / 1e9:.0f})"
    )


def main() -> int:
    """Run what the command line asks for."""
    title, _, usage = (__doc__ or "").partition("\n\n")
    parser = argparse.ArgumentParser(
        description=title, epilog=usage, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quality", type=int, action="append")
    parser.add_argument("--picture", type=Path, metavar="FILE")
    parser.add_argument("--hyperpriors", action="store_true")
    parser.add_argument("--memory", action="store_true")
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args()
    if options.memory:
        memory()
        return 0
    if options.picture is None:
        photograph = read_photograph(default_photograph(), 1 << 22, 16)
        image = np.ascontiguousarray(np.tile(photograph, (1, 2, 1))[:512, :768])
    else:
        image = read_photograph(options.picture, 1 << 26, 1)
    print(f"{image.shape[1]}×{image.shape[0]}, {os.cpu_count()} cores, two threads, medians of {ROUNDS}")
    bar, other = (
        (HYPER_BAR, "factorised prior") if options.hyperpriors else (RATIO_BAR, "PyTorch + constriction")
    )
    print(f"{'':32} {'ours, ms (min–max)':>24} {other:>24} {'ratio':>6} {'pixels differ by':>17}")
    found = []
    for rows in hyperpriors(image) if options.hyperpriors else plain(image, options.quality or qualities()):
        for row in rows:
            found.append(row)
            cells = [
                f"{1000 * statistics.median(times):.0f} ({1000 * min(times):.0f}–{1000 * max(times):.0f})"
                for times in (row["ours"], row["theirs"])
            ]
            slow = statistics.median(row["ours"]) > SECONDS_BAR or row["ratio"] > bar
            print(
                f"{row['name'] + ' ' + row['work']:32} {cells[0]:>24} {cells[1]:>24} {row['ratio']:6.2f}"
                f" {row.get('difference', ''):17}{' OVER THE BAR' if slow else ''}",
                flush=True,
            )
    if options.json:
        options.json.write_text(json.dumps(found))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
