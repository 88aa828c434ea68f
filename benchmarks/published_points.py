"""Does this bench measure as the field does? Pillow's JPEG on Kodak beside the published points of it.

    python benchmarks/published_points.py             bpp, PSNR, MS-SSIM at 19 qualities, ours and published
    python benchmarks/published_points.py --explain   the same with chroma scaled as IJG's libjpeg does it

The published points are those of CompressAI: Pillow 7.1.2, ``save(format="jpeg", quality=q)`` for q = 5, 10
… 95 and no other option, so 4:2:0 and the Huffman tables of T.81 Annex K.3; rate of the whole file; PSNR
over RGB and MS-SSIM, each the mean over the 24 pictures. The exit status is 1 if bpp is off by more than
0.5 % or PSNR by more than 0.15 dB anywhere.

What is found with libjpeg-turbo 3.2.0 (Pillow 13.0): bpp is equal at quality 5 and 0.28 % lower at 95; PSNR
is 0.07 dB higher at quality 5, 0.13 dB at 85, and 0.004 dB at 95. Nothing in the averaging depends on the
quality in this way; another libjpeg does. Pillow's wheels came to libjpeg-turbo at the end of 2021. The
libjpeg of the Independent JPEG Group makes 4:2:0 otherwise since its version 7: its encoder does not
average 2×2 samples of the chroma, but transforms 16×16 of them and keeps the 8×8 lowest coefficients; its
decoder transforms back to 16×16, where libjpeg-turbo transforms to 8×8 and interpolates with a triangle
filter. Files made that way hold a little more of the chroma's high frequencies, hence more bits.

``--explain`` computes just that in floating point, on the coefficients of `jpeg_from_scratch`, and the gaps
close: PSNR within 0.0035 dB of the published points (0.0069 at quality 20), MS-SSIM within 0.0003, bpp
within 0.13 %. Both halves are needed: files of libjpeg-turbo decoded in the IJG's way stay 0.027 dB below
the published point at quality 90, and 0.096 dB at 95.
"""

from __future__ import annotations

import _environment  # noqa: F401

# isort: split
import argparse
import statistics
from collections.abc import Callable, Sequence

import codec_data
import numpy as np
import numpy.typing as npt
from scipy.fft import dctn, idctn
from tqdm import tqdm

import jpeg_from_scratch as jpeg
from codec_eval import metrics
from codec_eval.anchors import published_points
from codec_eval.codecs import PillowJpeg
from jpeg_from_scratch import color

QUALITIES = range(5, 100, 5)
RATE_TOLERANCE = 0.005
PSNR_TOLERANCE = 0.15

Picture = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float64]
Codec = Callable[[Picture, int], tuple[int, Picture]]
"""Picture and quality → bytes of the file, and what is decoded from it."""


def pillow(image: Picture, quality: int) -> tuple[int, Picture]:
    """Encode and decode with Pillow as it is installed here."""
    data = PillowJpeg().encode(image, quality)
    return len(data), PillowJpeg().decode(data)


def scaled_by_dct(image: Picture, quality: int) -> tuple[int, Picture]:
    """4:2:0 as IJG's libjpeg makes it since version 7; the sides of the picture must be multiples of 16.

    The luma and all else are those of our encoder; only the chroma coefficients are replaced in the file.
    """
    data = jpeg.read(jpeg.encode(image, quality))
    tables = [table.array().astype(np.float64) for table in data.quantization_tables() if table is not None]
    ycbcr = np.asarray(color.rgb_to_ycbcr(image))
    planes = [_samples(data.coefficients[0] * tables[0])]
    for i in (1, 2):
        exact = _forward_16(ycbcr[..., i]) / tables[i]
        data.coefficients[i][:] = np.sign(exact) * np.floor(np.abs(exact) + 0.5)
        planes.append(_samples(_as_16(data.coefficients[i] * tables[i])))
    return len(jpeg.write(data)), np.asarray(color.ycbcr_to_rgb(np.stack(planes, axis=-1)))


def _forward_16(plane: Picture) -> Floats:
    """The 8×8 lowest of 16×16 coefficients, in the scale of an 8×8 transform, by block row and column."""
    height, width = plane.shape
    blocks = plane.reshape(height // 16, 16, width // 16, 16).swapaxes(1, 2).astype(np.float64) - 128
    return dctn(blocks, axes=(2, 3), norm="ortho")[:, :, :8, :8] / 2


def _as_16(coefficients: Floats) -> Floats:
    """8×8 coefficients as the lowest of 16×16, the others 0."""
    large = np.zeros((*coefficients.shape[:2], 16, 16))
    large[:, :, :8, :8] = 2 * coefficients
    return large


def _samples(coefficients: Floats) -> Picture:
    """Inverse transform of every block, at the size that it has."""
    blocks = idctn(coefficients, axes=(2, 3), norm="ortho")
    rows, columns, side, _ = blocks.shape
    plane = blocks.swapaxes(1, 2).reshape(rows * side, columns * side)
    return np.clip(np.rint(plane + 128), 0, 255).astype(np.uint8)


def means(codec: Codec, quality: int, pictures: Sequence[Picture]) -> tuple[float, float, float]:
    """Mean bpp, PSNR and MS-SSIM over the pictures."""
    rows = []
    for image in pictures:
        n_bytes, decoded = codec(image, quality)
        rows.append(
            (
                metrics.bits_per_pixel(n_bytes, image.shape),
                metrics.psnr(image, decoded, data_range=255),
                metrics.ms_ssim(image, decoded, data_range=255),
            )
        )
    bpp, psnr, ms_ssim = (statistics.fmean(column) for column in zip(*rows, strict=True))
    return bpp, psnr, ms_ssim


def main() -> int:
    """Print the table; 1 if a point is not reproduced."""
    summary, _, usage = (__doc__ or "").partition("\n\n")
    parser = argparse.ArgumentParser(
        description=summary, epilog=usage, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--explain", action="store_true", help="chroma as IJG's libjpeg since version 7")
    codec = scaled_by_dct if parser.parse_args().explain else pillow
    paths = codec_data.kodak_paths()
    if len(paths) != 24:
        parser.error(f"the 24 Kodak pictures are not in {codec_data.folder()}")
    pictures = [codec_data.load_picture(path) for path in paths]
    published = [point for point in published_points() if point.codec == "jpeg"]
    print(PillowJpeg().description if codec is pillow else (scaled_by_dct.__doc__ or "").splitlines()[0])
    print("quality     bpp  published    off %     PSNR  published   off dB   MS-SSIM  published      off")
    off_rates, off_psnrs = [], []
    for quality, point in zip(tqdm(QUALITIES, disable=None, leave=False), published, strict=True):
        bpp, psnr, ms_ssim = means(codec, quality, pictures)
        off_rates.append(bpp / point.bpp - 1)
        off_psnrs.append(psnr - point.psnr)
        ms_ssim_published = point.ms_ssim or float("nan")
        print(
            f"{quality:7}  {bpp:.4f}     {point.bpp:.4f}  {100 * off_rates[-1]:+7.3f}  {psnr:7.3f}    "
            f"{point.psnr:7.3f}  {off_psnrs[-1]:+7.4f}   {ms_ssim:.5f}    {ms_ssim_published:.5f}  "
            f"{ms_ssim - ms_ssim_published:+.5f}",
            flush=True,
        )
    rate, psnr = max(map(abs, off_rates)), max(map(abs, off_psnrs))
    reproduced = rate <= RATE_TOLERANCE and psnr <= PSNR_TOLERANCE
    print(
        f"at most {100 * rate:.3f} % and {psnr:.4f} dB off: "
        f"{'all points reproduced' if reproduced else 'NOT reproduced'} "
        f"(allowed: {100 * RATE_TOLERANCE} %, {PSNR_TOLERANCE} dB)"
    )
    return 0 if reproduced else 1


if __name__ == "__main__":
    raise SystemExit(main())
