"""Trained weights: what is shipped, what a file of weights holds, and how one is made.

A codec is a model *and* its weights; a file that was written with others decodes to noise. So weights are
kept once and for all:

- as float16: half the bytes of float32, and eleven bits of precision, of which a picture shows nothing. What
  is computed with is these numbers, widened to float32; the tables below are made from them as well;
- with the integer tables of the range coder, computed once, when the file is made. On another machine the
  last digit of a logarithm may differ; these cannot;
- with a *card* that says where they come from: data, seed, settings, steps, hours, and what was measured.

`Weights.hash` is made of parameters and tables, and stands in each coded file (`container`). The card may be
corrected without making files unreadable.

The shipped ones are numbered by *quality*, from few bits to many. A file of weights is an `.npz` without
pickles: CompressAI's names for the parameters, ``tables.cdf``, ``tables.lengths``, ``tables.offsets``, and
``card``, which is JSON.
"""

from __future__ import annotations

import io
import json
import os
import re
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .arrays import Array
from .checkpoint import load_state
from .container import model_hash
from .entropy_tables import CdfTables
from .errors import ModelError
from .models import MODELS, FactorizedPrior
from .parameters import moved
from .pictures import write_atomically

__all__ = ["Weights", "load_weights", "make_weights", "qualities", "read_weights", "write_weights"]

FOLDER = Path(__file__).with_name("trained")
TABLES = ("cdf", "lengths", "offsets")


@dataclass(frozen=True, eq=False)
class Weights:
    """A model that is ready for use.

    Attributes
    ----------
    model : FactorizedPrior
        float32, of NumPy. Nobody may change it: files name it by its hash.
    tables : CdfTables
        Row c is of channel c of the latents.
    hash : bytes
        Four; `container.model_hash` of parameters as they are kept, and tables.
    quality : int
        0 for weights that are not shipped.
    card : dict
        Where they come from. ``card["lambda"]`` is λ.
    """

    model: FactorizedPrior
    tables: CdfTables
    hash: bytes
    quality: int
    card: dict[str, Any]

    @property
    def weight(self) -> float:
        """λ, of 255² · MSE."""
        return float(self.card["lambda"])


def qualities(model: str = FactorizedPrior.name) -> list[int]:
    """Return the qualities that are shipped for a model, the lowest first."""
    pattern = re.compile(rf"{re.escape(model)}-(\d+)\.npz")
    found = (pattern.fullmatch(path.name) for path in FOLDER.glob("*.npz"))
    return sorted(int(match[1]) for match in found if match)


@lru_cache(maxsize=16)
def load_weights(quality: int, model: str = FactorizedPrior.name) -> Weights:
    """Return shipped weights; they are read once and kept.

    Raises
    ------
    ValueError
        If there are none of that quality.
    """
    known = qualities(model)
    if isinstance(quality, bool) or not isinstance(quality, int) or quality not in known:
        raise ValueError(f"quality={quality!r}, there are {_ranges(known)}")
    return read_weights(FOLDER / f"{model}-{quality}.npz", quality)


def weights_of(model_id: int, quality: int, named: bytes) -> Weights:
    """Return the shipped weights that a coded file asks for.

    Raises
    ------
    ModelError
        If the model, the quality or the hash is none of ours.
    """
    cls = MODELS.get(model_id)
    if cls is None:
        known = ", ".join(f"{number} ({model.name})" for number, model in MODELS.items())
        raise ModelError(f"unknown; there are {known}", model_id=model_id)
    if quality not in qualities(cls.name):
        what = "weights of one's own, which have to be named" if quality == 0 else f"quality {quality}"
        raise ModelError(
            f"the file needs {what}; shipped are {_ranges(qualities(cls.name))}", model_id=model_id
        )
    weights = load_weights(quality, cls.name)
    check_hash(weights, model_id, named)
    return weights


def check_hash(weights: Weights, model_id: int, named: bytes) -> None:
    """Raise `ModelError` if a coded file was made with other weights."""
    if model_id != weights.model.model_id or named != weights.hash:
        raise ModelError(
            f"the file was made with weights {named.hex()}, these are {weights.hash.hex()}: other ones",
            model_id=model_id,
        )


def make_weights(state: Mapping[str, Array], card: Mapping[str, Any], quality: int = 0) -> Weights:
    """Make weights of a trained model's state: round to float16, find medians, compute tables.

    Parameters
    ----------
    state : mapping of str to array
        `FactorizedPrior.state_dict`, after training.
    card : mapping
        Of plain values; with ``"lambda"``.
    quality : int

    Raises
    ------
    ValueError
        If the state does not fit, or a number is not finite as float16.
    """
    with np.errstate(over="ignore"):
        kept = {name: np.asarray(moved(array, np)).astype(np.float16) for name, array in state.items()}
    wrong = [name for name, array in kept.items() if not np.isfinite(array).all()]
    if wrong:
        raise ValueError(f"make_weights: not finite as float16: {', '.join(wrong)}")
    model = _model_of(kept)
    # The median that is used is the median of the rounded density, rounded too.
    model.entropy_bottleneck.find_quantiles()
    name = "entropy_bottleneck.quantiles"
    kept[name] = np.asarray(model.state_dict()[name]).astype(np.float16)
    model = _model_of(kept)
    tables = model.entropy_bottleneck.tables()
    return _assembled(kept, tables, dict(card), quality, model)


def write_weights(path: str | os.PathLike[str], weights: Weights) -> None:
    """Write a file of weights, whole or not at all."""
    arrays: dict[str, NDArray[Any]] = {
        name: np.asarray(array).astype(np.float16) for name, array in weights.model.state_dict().items()
    }
    arrays |= {f"tables.{name}": getattr(weights.tables, name) for name in TABLES}
    arrays["card"] = np.array(json.dumps(weights.card, sort_keys=True, ensure_ascii=False))
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, array in arrays.items():
            member = zipfile.ZipInfo(f"{name}.npy")  # without the time: the same bytes each time
            member.compress_type = zipfile.ZIP_DEFLATED
            with archive.open(member, "w") as stream:
                np.lib.format.write_array(stream, np.asarray(array, order="C"), allow_pickle=False)
    write_atomically(path, file.getvalue())


def read_weights(path: str | os.PathLike[str], quality: int = 0) -> Weights:
    """Read a file of weights.

    Raises
    ------
    OSError
        If it cannot be read.
    ValueError
        If it is none, or damaged: the file and what is wrong are named.
    """
    state = load_state(path)
    try:
        tables = CdfTables(*(state.pop(f"tables.{name}") for name in TABLES))
        card = json.loads(str(state.pop("card")))
        model = _model_of(state)
        if len(tables) != model.latents:
            raise ValueError(f"tables of {len(tables)} channels, the model has {model.latents}")
        if not isinstance(card, dict) or not 0 < float(card["lambda"]) < np.inf:
            raise ValueError("a card without λ")
    except KeyError as error:
        raise ValueError(f"{path}: no file of weights: {error.args[0]} is missing") from None
    except (ValueError, TypeError) as error:
        raise ValueError(f"{path}: no file of weights: {error}") from error
    return _assembled(state, tables, card, quality, model)


def _assembled(
    kept: Mapping[str, NDArray[Any]],
    tables: CdfTables,
    card: dict[str, Any],
    quality: int,
    model: FactorizedPrior,
) -> Weights:
    hashed = {**kept, **{f"tables.{name}": getattr(tables, name) for name in TABLES}}
    return Weights(model, tables, model_hash(hashed), quality, card)


def _model_of(state: Mapping[str, NDArray[Any]]) -> FactorizedPrior:
    """Return the model whose state this is, in float32."""
    first, last = state["g_a.0.weight"], state["g_a.6.weight"]
    if first.ndim != 4 or last.ndim != 4:
        raise ValueError("the weights of a convolution have four dimensions")
    model = FactorizedPrior(len(first), len(last), rng=np.random.default_rng(0))
    model.load_state_dict({name: array.astype(np.float32) for name, array in state.items()})
    for parameter in model.parameters():
        parameter.requires_grad = False
    return model


def _ranges(numbers: list[int]) -> str:
    if not numbers:
        return "none"
    if numbers == list(range(numbers[0], numbers[-1] + 1)):
        return f"{numbers[0]} … {numbers[-1]}"
    return ", ".join(map(str, numbers))
