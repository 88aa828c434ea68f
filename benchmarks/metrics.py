"""How fast the metrics of `codec_eval` are, beside scikit-image and pytorch-msssim.

    python benchmarks/metrics.py                 one photograph, colour and grey
    python benchmarks/metrics.py --quick         five rounds instead of fifteen
    python benchmarks/metrics.py --array-code    without the compiled tile sums
    python benchmarks/metrics.py --json FILE     what was measured, for machines

All contestants take turns in one process, warm; a figure is the median of the runs, with the fastest and the
slowest beside it. Ours runs in one thread, and so does scikit-image; pytorch-msssim runs in one, and in as
many as there are processors. A ratio is the peer's median time by ours; the bar is 2. Before anything is
timed, the values are compared. Peers that are not installed are left out, with a word.

pytorch-msssim is timed as it is used on pictures: uint8 to float32 tensors, and back to a number. Its float32
values are a few 1e-7 off its own float64 ones.
"""

from __future__ import annotations

import _environment  # noqa: F401

# isort: split
import argparse
import json
import os
import platform
import statistics
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import codec_data
import jpeg_pictures as pictures
import numpy as np
from jpeg import take_turns

from codec_eval import PillowJpeg, metrics, similarity

try:
    from skimage.metrics import structural_similarity
except ModuleNotFoundError:
    structural_similarity = None
try:
    import pytorch_msssim
    import torch
except ModuleNotFoundError:
    torch = None

Picture = pictures.Picture
Contestants = dict[str, Callable[[], float]]

BAR = 2.0
QUALITY = 50


def photograph() -> tuple[str, Picture]:
    """Return a picture of Kodak's, or the sample photograph."""
    paths = {path.stem: path for path in codec_data.kodak_paths()}
    if "kodim05" in paths:
        return "kodim05", codec_data.load_picture(paths["kodim05"])
    return "sample photograph", pictures.photograph()


def ssim_contestants(x: Picture, y: Picture) -> Contestants:
    """Return who computes SSIM."""
    found: Contestants = {"ours": lambda: metrics.ssim(x, y, data_range=255)}
    options: dict[str, Any] = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
    axis = 2 if x.ndim == 3 else None
    if structural_similarity is not None:
        found["scikit-image"] = lambda: float(
            structural_similarity(x, y, data_range=255, channel_axis=axis, **options)
        )
    found |= torch_contestants(x, y, "ssim")
    return found


def ms_ssim_contestants(x: Picture, y: Picture) -> Contestants:
    """Return who computes MS-SSIM; `ours, with SSIM` gives both values."""
    both = metrics.ssim_and_ms_ssim
    return {
        "ours": lambda: metrics.ms_ssim(x, y, data_range=255),
        "ours, with SSIM": lambda: both(x, y, data_range=255)[1] or 0.0,
        **torch_contestants(x, y, "ms_ssim"),
    }


def torch_contestants(x: Picture, y: Picture, name: str) -> Contestants:
    """Return pytorch-msssim in one thread and in all."""
    if torch is None:
        return {}
    function = getattr(pytorch_msssim, name)

    def run(threads: int) -> float:
        torch.set_num_threads(threads)
        tensors = [torch.from_numpy(np.atleast_3d(a)).permute(2, 0, 1)[None].float() for a in (x, y)]
        return function(*tensors, data_range=255).item()

    found: Contestants = {}
    for threads in sorted({1, os.cpu_count() or 1}):
        words = f"pytorch-msssim, {threads} thread" + "s" * (threads > 1)
        found[words] = lambda threads=threads: run(threads)
    return found


def measured(title: str, contestants: Contestants, runs: int) -> Iterator[dict[str, Any]]:
    """Yield a row for each contestant, and print it."""
    values = {name: contestant() for name, contestant in contestants.items()}
    seconds = take_turns(contestants, runs)
    ours = statistics.median(seconds["ours"])
    print(f"\n{title:44}{'ms':>9}{'fastest':>9}{'slowest':>9}{'ratio':>8}{'value':>12}")
    for name, times in seconds.items():
        ratio = statistics.median(times) / ours
        verdict = "" if name.startswith("ours") else ("  ok" if ratio >= BAR else "  UNDER THE BAR")
        if abs(values[name] - values["ours"]) > 1e-5:
            verdict += "  OTHER VALUE"
        figures = [1e3 * value for value in (statistics.median(times), min(times), max(times))]
        numbers = "".join(f"{figure:9.1f}" for figure in figures)
        print(f"  {name:42}{numbers}{ratio:8.2f}{values[name]:12.7f}{verdict}")
        yield {
            "what": title,
            "name": name,
            "seconds": times,
            "ratio": ratio,
            "value": values[name],
            "ok": not verdict.strip("ok "),
        }


def main() -> int:
    """Measure and print; 1 if a ratio is under the bar, or a value differs."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="five rounds")
    parser.add_argument("--array-code", action="store_true", help="without the compiled tile sums")
    parser.add_argument("--json", type=Path, metavar="FILE")
    arguments = parser.parse_args()
    if arguments.array_code:
        module: Any = similarity
        module._fastest_tile_sums = lambda: module._tile_sums
    for peer, name in ((structural_similarity, "scikit-image"), (torch, "pytorch-msssim")):
        if peer is None:
            print(f"left out: {name} is not installed")
    name, colour = photograph()
    rows = []
    for kind, image in (("RGB", colour), ("grey", pictures.grey(colour))):
        codec = PillowJpeg()
        image = np.array(image)  # writable, as PyTorch asks for
        decoded = np.array(codec.decode(codec.encode(image, QUALITY)))
        title = f"{name}, {image.shape[1]}×{image.shape[0]} {kind}"
        runs = 5 if arguments.quick else 15
        rows += measured(f"SSIM, {title}", ssim_contestants(image, decoded), runs)
        rows += measured(f"MS-SSIM, {title}", ms_ssim_contestants(image, decoded), runs)
    if arguments.json:
        about = {"python": platform.python_version(), "numpy": np.__version__, "machine": platform.machine()}
        arguments.json.write_text(json.dumps({"about": about, "rows": rows}, indent=1))
    return 0 if all(row["ok"] for row in rows) else 1


if __name__ == "__main__":
    raise SystemExit(main())
