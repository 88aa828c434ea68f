"""Points of published codecs on Kodak, to lay our own curves beside.

The table ``data/kodak_anchors.csv`` holds figures only, as their authors published them:

============  ==============================================================================================
``codec``     what was measured; ``-msssim`` marks models trained for MS-SSIM, the others are for MSE
``bpp``       bits per pixel, mean over the 24 Kodak pictures
``psnr``      dB over RGB samples, mean of the 24 PSNRs (not the PSNR of the mean MSE)
``ms_ssim``   over RGB, mean of the 24; empty where it was not published
``source``    the file of the CompressAI project that holds the point; then program, version, chroma, paper
============  ==============================================================================================

What to know when comparing: the JPEG there is 4:2:0 with the default Huffman tables, and optimised ones save
10 to 18 % on Kodak; the rates of learned models count their entropy-coded strings and no file header; their
PSNR is of float reconstructions, up to 0.06 dB above that of 8-bit pictures.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files

__all__ = ["KODAK_PICTURES", "Anchor", "published_points"]

KODAK_PICTURES = tuple(f"kodim{number:02}.png" for number in range(1, 25))
"""The pictures that the published figures are means over, as their files are usually called."""


@dataclass(frozen=True)
class Anchor:
    """One published point; the columns are explained at the top of this file."""

    codec: str
    bpp: float
    psnr: float
    ms_ssim: float | None
    source: str


def published_points() -> list[Anchor]:
    """Return the published points, codec by codec, rates rising.

    Returns
    -------
    list of Anchor
        Of 16 codecs on Kodak.

    Examples
    --------
    >>> [anchor.psnr for anchor in published_points() if anchor.codec == "vtm"][:3]
    [26.1448, 28.493, 31.1999]
    """
    return list(_table())


@lru_cache(maxsize=1)
def _table() -> tuple[Anchor, ...]:
    text = (files("codec_eval") / "data" / "kodak_anchors.csv").read_text(encoding="utf-8")
    return tuple(
        Anchor(
            row["codec"],
            float(row["bpp"]),
            float(row["psnr"]),
            float(row["ms_ssim"]) if row["ms_ssim"] else None,
            row["source"],
        )
        for row in csv.DictReader(text.splitlines())
    )
