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
pickles: CompressAI's names for the parameters, ``tables.cdf``, ``tables.lengths``, ``tables.offsets``, with a
hyperprior the same of ``scale_tables`` and ``scale_edges``, and ``card``, which is JSON.

What these numbers mean, the arithmetic of `integer_hyperprior` for one, is *format* 1. Should it ever change,
a file will say so in one number more, ``format``, and have another hash by that. A file without one is of
format 1; one that says anything else is refused, not read as what it is not.
"""

from __future__ import annotations

import io
import json
import os
import re
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .arrays import Array
from .checkpoint import load_state
from .container import model_hash
from .entropy_tables import CdfTables
from .errors import ModelError
from .gaussian_model import scale_tables
from .integer_hyperprior import IntegerHyperDecoder, scale_edges
from .models import MODELS, FactorizedPrior, TransformCodec, model_for
from .models.hyperprior import Hyperprior
from .parameters import moved
from .pictures import write_atomically

__all__ = ["Weights", "load_weights", "make_weights", "qualities", "read_weights", "write_weights"]

FOLDER = Path(__file__).with_name("trained")
FORMAT = 1  # of what is in a file
TABLES = ("cdf", "lengths", "offsets")


@dataclass(frozen=True, eq=False)
class Weights:
    """A model that is ready for use.

    Attributes
    ----------
    model : TransformCodec
        float32, of NumPy. Nobody may change it: files name it by its hash.
    tables : CdfTables
        Row c is of channel c of the latents; with a hyperprior, of the side information.
    hash : bytes
        Four; `container.model_hash` of parameters as they are kept, and tables.
    quality : int
        0 for weights that are not shipped.
    card : dict
        Where they come from. ``card["lambda"]`` is λ.
    scale_tables : CdfTables or None
        With a hyperprior: row i is of latents whose scale is that of level i.
    edges : ndarray of int32 or None
        Between the levels; see `integer_hyperprior.scale_edges`.
    """

    model: TransformCodec
    tables: CdfTables
    hash: bytes
    quality: int
    card: dict[str, Any]
    scale_tables: CdfTables | None = None
    edges: NDArray[np.int32] | None = None

    @property
    def weight(self) -> float:
        """λ, of 255² · MSE."""
        return float(self.card["lambda"])

    @cached_property
    def hyper_decoder(self) -> IntegerHyperDecoder | None:
        """h_s in whole numbers, where there is a hyperprior."""
        return IntegerHyperDecoder(self.model) if isinstance(self.model, Hyperprior) else None


def qualities(model: str = FactorizedPrior.name) -> list[int]:
    """Return the qualities that are shipped for a model, the lowest first."""
    pattern = re.compile(rf"{re.escape(model)}-(\d+)\.npz")
    found = (pattern.fullmatch(path.name) for path in FOLDER.glob("*.npz"))
    return sorted(int(match[1]) for match in found if match)


@lru_cache(maxsize=16, typed=True)  # True is not quality 1
def load_weights(quality: int, model: str = FactorizedPrior.name) -> Weights:
    """Return shipped weights; they are read once and kept.

    Raises
    ------
    ValueError
        If there are none of that quality.
    """
    known = qualities(model)
    if isinstance(quality, bool) or not isinstance(quality, int) or quality not in known:
        raise ValueError(f"quality={quality!r}, there are {_ranges(known)} of {model}")
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
        `TransformCodec.state_dict`, after training.
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
    numbers = _numbers_of(model.entropy_bottleneck.tables(), "tables")
    if isinstance(model, Hyperprior):
        numbers |= {**_numbers_of(scale_tables(), "scale_tables"), "scale_edges": scale_edges()}
    return _assembled(kept, numbers, dict(card), quality, model)


def with_scale_tables(weights: Weights, tables: CdfTables) -> Weights:
    """Return the weights of a hyperprior with other tables for its levels, and so with another hash.

    Raises
    ------
    ValueError
        If there is no hyperprior, or another number of tables.
    """
    if weights.edges is None:
        raise ValueError(f"with_scale_tables: {weights.model.name} has no levels")
    whole = {**_numbers_of(weights.tables, "tables"), **_numbers_of(tables, "scale_tables")}
    whole["scale_edges"] = weights.edges
    return _assembled(_kept(weights.model), whole, weights.card, weights.quality, weights.model)


def write_weights(path: str | os.PathLike[str], weights: Weights) -> None:
    """Write a file of weights, whole or not at all."""
    arrays = _kept(weights.model)
    arrays |= _numbers_of(weights.tables, "tables")
    if weights.scale_tables is not None and weights.edges is not None:
        arrays |= {**_numbers_of(weights.scale_tables, "scale_tables"), "scale_edges": weights.edges}
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
        If it is none, damaged, or of a newer format: the file and what is wrong are named.
    """
    state = load_state(path)
    found = state.pop("format", np.array(FORMAT))
    if found.shape or found.dtype.kind not in "iu" or found != FORMAT:
        raise ValueError(f"{path}: weights of format {found}; this is a reader of format {FORMAT}")
    try:
        card = json.loads(str(state.pop("card")))
        whole = {name: state.pop(name) for name in [*state] if name.startswith(("tables.", "scale_"))}
        model = _model_of(state)
        if not isinstance(card, dict) or not 0 < float(card["lambda"]) < np.inf:
            raise ValueError("a card without λ")
        return _assembled(state, whole, card, quality, model)
    except KeyError as error:
        raise ValueError(f"{path}: no file of weights: {error.args[0]} is missing") from None
    except (ValueError, TypeError) as error:
        raise ValueError(f"{path}: no file of weights: {error}") from error


def _assembled(
    kept: Mapping[str, NDArray[Any]],
    whole: Mapping[str, NDArray[Any]],
    card: dict[str, Any],
    quality: int,
    model: TransformCodec,
) -> Weights:
    """Return weights of arrays as they are kept: floating-point parameters, and whole numbers."""
    tables, scale_tables, edges = _tables_in(whole, "tables"), None, None
    if len(tables) != model.entropy_bottleneck.channels:
        expected = model.entropy_bottleneck.channels
        raise ValueError(f"tables of {len(tables)} channels, the model has {expected}")
    if isinstance(model, Hyperprior):
        scale_tables, edges = _tables_in(whole, "scale_tables"), whole["scale_edges"]
        fits = edges.dtype == np.int32 and edges.shape == (len(scale_tables) - 1,)
        if not (fits and (np.diff(edges, prepend=np.int32(-1)) > 0).all()):
            raise ValueError("scale_edges do not rise from 0 on, from table to table")
    hashed = model_hash({**kept, **whole})
    weights = Weights(model, tables, hashed, quality, card, scale_tables, edges)
    _ = weights.hyper_decoder  # if its integers would not be exact, that is said now
    return weights


def _kept(model: TransformCodec) -> dict[str, NDArray[Any]]:
    """Return the parameters of weights as they are kept: nothing is lost, they were float16 before."""
    return {name: np.asarray(array).astype(np.float16) for name, array in model.state_dict().items()}


def _numbers_of(tables: CdfTables, name: str) -> dict[str, NDArray[Any]]:
    return {f"{name}.{part}": getattr(tables, part) for part in TABLES}


def _tables_in(whole: Mapping[str, NDArray[Any]], name: str) -> CdfTables:
    return CdfTables(*(whole[f"{name}.{part}"] for part in TABLES))


def _model_of(state: Mapping[str, NDArray[Any]]) -> TransformCodec:
    """Return the model whose state this is, in float32."""
    model = model_for(state)
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
