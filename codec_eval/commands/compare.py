"""``codec-eval compare``: one photograph through our JPEG and Pillow's, as a table, files and a figure."""

from __future__ import annotations

import argparse
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from tqdm import tqdm

from codec_eval.codec import Codec, check_quality
from codec_eval.codecs import PILLOW_SUBSAMPLINGS, SUBSAMPLINGS, jpeg_codecs
from codec_eval.commands.settings import file_part, parse_settings, settled_quality
from codec_eval.compare import Measurement, compare_bytes, format_table, measure
from codec_eval.images import Picture, default_photograph, read_picture, save_png, write_atomically
from codec_eval.metrics import SSIM_WINDOW
from codec_eval.plots import comparison_figure, render_png
from codec_eval.registry import make_codec

__all__ = ["add_parser", "run"]

EXAMPLES = """\
  codec-eval compare                         a photograph that comes with Matplotlib
  codec-eval compare photo.png               yours: PNG, BMP, TIFF, WebP, PPM ...
  codec-eval compare photo.png --quality 30 --subsampling 4:4:4 --out results
  codec-eval compare photo.png --codec factorized-prior@4,webp      other codecs below the JPEGs
"""


def add_parser(commands: Any) -> None:
    """Declare the command and its arguments.

    Parameters
    ----------
    commands : the object that `argparse.ArgumentParser.add_subparsers` returns
    """
    compare = commands.add_parser(
        "compare",
        help="one photograph through our JPEG and Pillow's: a table, the files, a figure",
        description="Compress a photograph with our JPEG and with Pillow's (libjpeg-turbo), each with the\n"
        "default and with optimised Huffman tables; print what it cost and save the files and\n"
        "one figure: original, decoded, a crop at 4×, the error map.",
        epilog="examples:\n" + EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    compare.add_argument(
        "photo",
        nargs="?",
        type=Path,
        metavar="PHOTO",
        help="a picture, 8 bits, grey or RGB (default: Matplotlib's sample photograph)",
    )
    compare.add_argument(
        "--quality", type=int, default=75, metavar="Q", help="1 to 100, libjpeg's scale (default: 75)"
    )
    compare.add_argument(
        "--subsampling",
        choices=SUBSAMPLINGS,
        default="4:2:0",
        metavar="S",
        help=f"of the chroma, for colour: {', '.join(SUBSAMPLINGS)} (default: 4:2:0)",
    )
    compare.add_argument(
        "--codec",
        action="extend",
        type=parse_settings,
        default=[],
        metavar="NAME[@Q][,NAME…]",
        help="further codecs, names (codec-eval table --help lists them) or module:object, behind @ their "
        "quality (default: 75, or the middle of a codec's that has no such quality)",
    )
    compare.add_argument(
        "--out",
        type=Path,
        default=Path("codec-eval-out"),
        metavar="DIR",
        help="folder for the files, made if needed (default: codec-eval-out)",
    )
    compare.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Do the command."""
    further = [(make_codec(spec), quality) for spec, quality in dict.fromkeys(arguments.codec)]
    settings = [(codec, settled_quality(codec, quality, None)) for codec, quality in further]
    _compare(arguments.photo, arguments.quality, arguments.subsampling, settings, arguments.out)


def _compare(
    photo: Path | None, quality: int, subsampling: str, further: list[tuple[Codec, int]], out: Path
) -> None:
    """Measure, write, print: the whole command."""
    for codec in jpeg_codecs(subsampling):
        check_quality(codec, quality)
    picture = default_photograph() if photo is None else read_picture(photo)
    grey = picture.pixels.ndim == 2
    stem = Path(picture.name).stem
    figure_path = out / f"{stem}-q{quality}{'' if grey else '-' + subsampling.replace(':', '')}.png"
    if out.exists() and not out.is_dir():
        raise ValueError(f"--out {out}: not a folder")
    out.mkdir(parents=True, exist_ok=True)

    settings = [*((codec, quality) for codec in jpeg_codecs(subsampling, grey=grey)), *further]
    steps = 3 * len(settings) + 1
    with tqdm(total=steps, disable=None, leave=False, file=sys.stderr, unit="step") as progress:
        measurements = _measure_all(settings, picture, progress)
        written = [
            out / f"{stem}-q{m.quality}-{file_part(m.codec.name)}{m.codec.suffix}" for m in measurements
        ]
        for path, measurement in zip(written, measurements):
            write_atomically(path, measurement.data)
        if photo is None:
            written.append(out / f"{stem}-original.png")
            save_png(written[-1], picture.pixels)
        progress.set_description("figure")
        _save_figure(figure_path, picture, quality, measurements[0])
        progress.update()
    _print_report(picture, quality, subsampling, measurements)
    print(f"\nFiles in {out}: {', '.join(path.name for path in written)}\nFigure: {figure_path}")


def _measure_all(
    settings: Sequence[tuple[Codec, int]], picture: Picture, progress: tqdm[NoReturn]
) -> list[Measurement]:
    """Every codec in turn; what Numba compiles on the way is announced on stderr."""
    from jpeg_from_scratch.backend import announce_compilation

    measurements = []
    with announce_compilation():
        for codec, quality in settings:
            progress.set_description(codec.name)
            measurements.append(measure(codec, picture.pixels, quality, step=progress.update))
    return measurements


def _print_report(
    picture: Picture, quality: int, subsampling: str, measurements: Sequence[Measurement]
) -> None:
    """What was compared, the table, and what to know when reading it."""
    height, width = picture.pixels.shape[:2]
    grey = picture.pixels.ndim == 2
    kind = "grey" if grey else f"RGB, subsampling {subsampling}"
    size = f"{width} × {height} {kind}, {picture.pixels.size:,} bytes of samples"
    print(f"{picture.name}: {size}; quality {quality}")
    for note in picture.notes:
        print(f"Note: {note}")
    print(f"\n{format_table(measurements)}\n")
    longest = max(len(m.codec.name) for m in measurements)
    for m in measurements:
        print(f"{m.codec.name.ljust(longest)}  {m.codec.description}")
    print(
        "\nPSNR over all samples; SSIM of Wang et al. 2004, mean over the channels; times are warm medians."
    )
    if measurements[0].ssim is None:
        print(f"Note: the picture is smaller than SSIM's window of {SSIM_WINDOW}×{SSIM_WINDOW}: no SSIM.")
    if not grey and subsampling not in PILLOW_SUBSAMPLINGS:
        print(f"Note: Pillow has no {subsampling}: its rows are left out.")
    print(compare_bytes(measurements))


def _save_figure(path: Path, picture: Picture, quality: int, measurement: Measurement) -> None:
    ssim = "" if measurement.ssim is None else f" · SSIM {measurement.ssim:.4f}"
    with warnings.catch_warnings():
        # A file's name may hold characters that the figure's font lacks: it draws a box.
        warnings.filterwarnings("ignore", message=r"Glyph .* missing from (current )?font")
        figure = comparison_figure(
            picture.pixels,
            measurement.decoded,
            name=picture.name,
            codec=f"{measurement.codec.name}, quality {quality}",
            numbers=f"{len(measurement.data):,} bytes · {measurement.bits_per_pixel:.3f} bpp · "
            f"PSNR {measurement.psnr:.2f} dB{ssim}",
        )
        write_atomically(path, render_png(figure))
