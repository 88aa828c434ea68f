"""Our learned codecs: those of `neural_from_scratch`, one for each model that is shipped with weights.

A learned codec has no knob. Each of its qualities is a network of its own, trained for one balance of bits
and errors, so there are a few of them (`LearnedCodec.qualities`) and nothing in between: a sweep takes all,
and rate control meets a number of bytes only as nearly as the ladder of networks allows. A hyperprior could
go on from there, by rounding more coarsely or more finely than in training (`neural_from_scratch.
rate_control`); the bench measures what was trained.

Which weights were measured belongs to what was measured. `LearnedCodec.description` names their hashes, which
stand in the files too; a sweep refuses to go on from points of other weights.

Nothing of `neural_from_scratch` is imported before a codec is asked for more than its name. Whether it is
listed depends on whether weights lie there (`has_weights`): a model without any can be made by its name, and
says that it has none once it is used.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from itertools import groupby
from pathlib import Path
from typing import ClassVar

from codec_eval.codec import Image, check_quality
from jpeg_from_scratch._version import __version__

__all__ = ["MODELS", "LearnedCodec", "has_weights"]

MODELS = ("factorized-prior", "scale-hyperprior", "mean-scale-hyperprior")
"""Those of `neural_from_scratch` that weights are trained for."""


@dataclass(frozen=True)
class LearnedCodec:
    """A model of `neural_from_scratch` with its shipped weights.

    Parameters
    ----------
    model : str
        Its name there.
    effort : int
        Steps of the encoder's search for better latents; the files are decoded as all others are.

    Raises
    ------
    ValueError
        For an effort below 0. A model without weights is one once its qualities are asked for.
    """

    model: str = "factorized-prior"
    effort: int = 0

    suffix: ClassVar[str] = ".nfs"

    def __post_init__(self) -> None:
        if self.effort < 0:
            raise ValueError(f"effort is {self.effort}: 0 or more is needed")

    @property
    def name(self) -> str:
        """``"factorized-prior"``, with ``-effort50`` and so on where the encoder searches."""
        return self.model + (f"-effort{self.effort}" if self.effort else "")

    @property
    def description(self) -> str:
        """Model and version, widths, hashes of the weights, effort."""
        search = f"; {self.effort} steps of search by the encoder" if self.effort else ""
        return _describe(self.model) + search

    @property
    def qualities(self) -> tuple[int, ...]:
        """The shipped ones, in increasing order."""
        from neural_from_scratch import weights

        known = tuple(weights.qualities(self.model))
        if not known:
            raise ValueError(f"no weights are shipped for {self.model!r}")
        return known

    @property
    def quality_range(self) -> tuple[int, int]:
        """The first and the last of `qualities`."""
        known = self.qualities
        return known[0], known[-1]

    def encode(self, image: Image, quality: int) -> bytes:
        """Compress uint8, ``(H, W)`` or ``(H, W, 3)``, into a complete file."""
        from neural_from_scratch import codec, weights

        check_quality(self, quality)
        return codec.encode(image, weights=weights.load_weights(int(quality), self.model), effort=self.effort)

    def decode(self, data: bytes) -> Image:
        """Decode; errors are those of `neural_from_scratch.codec.decode`."""
        from neural_from_scratch import codec

        return codec.decode(data)


def has_weights(model: str) -> bool:
    """Whether weights are shipped for a model; nothing is imported for the answer."""
    package = find_spec("neural_from_scratch")
    folders = (package.submodule_search_locations if package else None) or ()
    return any(any(Path(folder, "trained").glob(f"{model}-*.npz")) for folder in folders)


@lru_cache(maxsize=16)
def _describe(model: str) -> str:
    """Model, version, and the weights of each quality: those of equal widths together."""
    from neural_from_scratch import weights

    loaded = [weights.load_weights(quality, model) for quality in weights.qualities(model)]
    parts = []
    for sizes, group in groupby(loaded, key=lambda w: (w.model.width, w.model.latents)):
        hashes = ", ".join(f"{w.quality}: {w.hash.hex()}" for w in group)
        parts.append(f"N, M = {sizes[0]}, {sizes[1]}, weights {hashes}")
    return f"{model} of neural_from_scratch {__version__}; {'; '.join(parts)}"
