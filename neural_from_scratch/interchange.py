"""Weights from and for CompressAI: a model as a dictionary of arrays, in and out.

CompressAI's ``FactorizedPrior``, ``ScaleHyperprior`` and ``MeanScaleHyperprior`` are the same networks as
those in `models`, and keys and layouts of the weights here are its own. So nothing is computed in between;
what there is to do is to know names:

- Which of the three it is, and how wide, is not written anywhere: keys and shapes say it. Only hyperpriors
  have ``h_a`` and ``h_s``, and where there are means, the last layer of h_s has 2 M channels, not M.

- Older versions call the density's parameters ``_matrix0`` or ``_matrices.0`` instead of ``matrices.0``, and
  ``_bias…``, ``_factor…`` likewise. Networks that were trained on several cards have ``module.`` in front.
- Some keys are constants, not weights: the pedestal 2⁻³⁶ and the bounds of GDN's parameters (equation 1 of
  `layers.GDN`), the floor of the likelihoods, the bound of scales and the 64 scales that there are tables
  for, and ``target``, the logits of the outer quantiles. Coming in, they are compared with ours, but for
  ``target``, which only training looks at; going out, they are made.
- ``_quantized_cdf``, ``_cdf_length`` and ``_offset`` are the integer tables: of ``entropy_bottleneck`` one
  for each channel, of ``gaussian_conditional`` one for each scale. `tables_from` reads them. In a checkpoint
  of training, where CompressAI's ``update()`` has not been called, they are empty, and so is
  ``scale_table``.

Layouts that are easily taken for another: γ of GDN is [output, input] (TensorFlow Compression has it
transposed), a transposed convolution's weight is (inputs, outputs, 5, 5), quantiles are (lower tail, median,
upper tail), and of what h_s tells, scales are the first M channels and means the last.

>>> model = MeanScaleHyperprior(8, 12, rng=np.random.default_rng(0))
>>> state = to_compressai(model)
>>> len(state), state["h_s.4.weight"].shape, state["gaussian_conditional._cdf_length"].shape
(91, (24, 18, 3, 3), (64,))
>>> again = model_from(state)
>>> again.describe()
'MeanScaleHyperprior(8, 12)'
>>> all((again.state_dict()[name] == array).all() for name, array in model.state_dict().items())
True
"""

from __future__ import annotations

import math
import os
import re
import zipfile
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .arrays import Array, is_array
from .checkpoint import ZIP_ERRORS, load_state, save_state
from .entropy_models import FLOOR, TAIL
from .entropy_tables import CdfTables
from .gaussian_model import LEAST_SCALE, LEVELS, scale_levels, scale_tables
from .layers import GDN
from .models import FactorizedPrior, MeanScaleHyperprior, ScaleHyperprior, TransformCodec
from .models.hyperprior import Hyperprior
from .ops.bounds import PEDESTAL
from .parameters import moved
from .torch_file import MAX_BYTES, load_torch

__all__ = ["model_from", "read_state_dict", "tables_from", "to_compressai", "write_state_dict"]

DENSITY, GAUSSIAN = "entropy_bottleneck", "gaussian_conditional"
TABLES = {"cdf": "_quantized_cdf", "lengths": "_cdf_length", "offsets": "_offset"}  # ours: CompressAI's
AROUND = re.compile(r"(module\.|_orig_mod\.)+")  # of DataParallel and of torch.compile
OLDER = re.compile(rf"{DENSITY}\._(matri(?:x|ces\.)|bias(?:es\.)?|factor(?:s\.)?)(\d)")
NEWER = {"m": "matrices", "b": "biases", "f": "factors"}
PATTERN = 7, 22  # widths of a model that shows where in its shapes they stand; see `_widths`
SHOWN = 8  # names or misfits in a message


# --------------------------------------------------------------------------------------------------
# Files


def read_state_dict(path: str | os.PathLike[str], *, max_bytes: int = MAX_BYTES) -> dict[str, NDArray[Any]]:
    """Read weights from an `.npz`, or from a file that PyTorch wrote; PyTorch is not needed.

    Parameters
    ----------
    path : path-like
        An `.npz` by its name; everything else is taken for a file of `torch.save`. Nothing in either is
        run: no pickles in an `.npz`, and see `torch_pickle` for PyTorch's.
    max_bytes : int
        What all arrays together may have; also the file.

    Returns
    -------
    dict of str to ndarray
        By the names in the file, without ``module.`` and ``_orig_mod.`` in front. A training checkpoint of
        PyTorch gives the state dict in it.

    Raises
    ------
    OSError
        If the file cannot be opened.
    ValueError
        If it is damaged, too large, of another kind, or holds anything but named arrays. The message names
        the file and the cause.
    """
    path = Path(path)
    found = _load_npz(path, max_bytes) if path.suffix == ".npz" else load_torch(path, max_bytes)
    state: dict[str, NDArray[Any]] = {}
    for key, array in found.items():
        match = AROUND.match(key)
        name = key[match.end() :] if match else key
        if name in state:
            raise ValueError(f"{path}: has {name!r} twice, with and without what stands in front of {key!r}")
        state[name] = array
    return state


def _load_npz(path: Path, max_bytes: int) -> dict[str, NDArray[Any]]:
    total = 0
    with suppress(*ZIP_ERRORS), zipfile.ZipFile(path) as archive:  # load_state will say what is wrong
        total = sum(info.file_size for info in archive.infolist())
    if total > max_bytes:
        raise ValueError(f"{path}: claims {total} bytes, allowed are {max_bytes}")
    return load_state(path)


def write_state_dict(path: str | os.PathLike[str], state: Mapping[str, Array]) -> None:
    """Write arrays to an `.npz`, whole or not at all; see `checkpoint.save_state`.

    Raises
    ------
    ValueError
        If the name does not end in ``.npz``, by which `read_state_dict` knows it.
    """
    if Path(path).suffix != ".npz":
        raise ValueError(f"{path}: the name of a file of weights must end in .npz")
    save_state(path, state)


# --------------------------------------------------------------------------------------------------
# In


def model_from(state: Mapping[str, Array]) -> TransformCodec:
    """Make a model of CompressAI's weights.

    Parameters
    ----------
    state : mapping of str to array
        The weights of a ``FactorizedPrior``, ``ScaleHyperprior`` or ``MeanScaleHyperprior`` of any widths N
        and M, of CompressAI or of this package. They become float32.

    Returns
    -------
    FactorizedPrior, ScaleHyperprior or MeanScaleHyperprior

    Raises
    ------
    ValueError
        If keys are missing or unexpected, shapes do not fit each other, numbers are no floating-point ones or
        not finite, or a constant is another than here. All that does not fit is listed, after the name of the
        model that the keys look like most.
    """
    state = _renamed(state)
    kind = _kind_of(state)
    pattern = kind(*PATTERN, rng=np.random.default_rng(0))
    shapes = {name: array.shape for name, array in pattern.state_dict().items()}
    constants = _constants(pattern)
    with_tables = [DENSITY, GAUSSIAN] if isinstance(pattern, Hyperprior) else [DENSITY]
    passed_over = {*constants, *(f"{part}.{name}" for part in with_tables for name in TABLES.values())}
    width, latents = (_first_axis(state, name) for name in ("g_a.0.weight", "g_a.6.weight"))
    widths = dict(zip(_widths(*PATTERN), _widths(width, latents)))
    wrong = [
        *_listed("missing", [name for name in shapes if name not in state]),
        *_listed("unexpected", [name for name in state if name not in shapes and name not in passed_over]),
    ]
    for name, shape in shapes.items():
        if name in state:
            wrong += _misfit(name, state[name], tuple(widths.get(axis, axis) for axis in shape))
    for name in constants:
        if name in state and name != f"{DENSITY}.target":  # that one only CompressAI's training looks at
            wrong += _other_constant(name, state[name], constants[name])
    if kind is MeanScaleHyperprior and latents % 2:
        wrong.append(f"M is {latents}, must be even here")
    if wrong:
        wrong[SHOWN:] = [f"and {len(wrong) - SHOWN} more"] if len(wrong) > SHOWN else []
        raise ValueError("\n  ".join([f"these are no weights of a {kind.__name__}", *wrong]))
    model = kind(width, latents, rng=np.random.default_rng(0))
    model.load_state_dict({name: state[name] for name in shapes})
    return model


def tables_from(state: Mapping[str, Array], part: str = DENSITY) -> CdfTables | None:
    """Return the integer tables among CompressAI's weights, or None if there are none.

    Parameters
    ----------
    state : mapping of str to array
    part : str
        ``"entropy_bottleneck"``, whose tables are of channels, or ``"gaussian_conditional"``, of scales.

    Raises
    ------
    TypeError, ValueError
        If they are no tables; see `CdfTables`.
    """
    found = [state.get(f"{part}.{name}") for name in TABLES.values()]
    arrays = [np.asarray(moved(array, np)) for array in found if array is not None and array.size]
    if not arrays:
        return None
    if len(arrays) < len(TABLES):
        raise ValueError(f"{part}: of {', '.join(TABLES.values())} only {len(arrays)} are there")
    return CdfTables(*arrays)


def _kind_of(state: Mapping[str, Array]) -> type[FactorizedPrior | ScaleHyperprior | MeanScaleHyperprior]:
    """Return the model that the keys look like, whatever else may be wrong with them."""
    if not any(name.startswith(("h_a.", "h_s.")) for name in state):
        return FactorizedPrior
    told, latents = (
        _first_axis(state, f"{name}.weight") or _first_axis(state, f"{name}.bias")
        for name in ("h_s.4", "g_a.6")
    )
    return MeanScaleHyperprior if told > latents else ScaleHyperprior


def _widths(width: int, latents: int) -> tuple[int, int, int, int]:
    """Return all numbers of channels that there are in a model: N, M, and, where means are told, 3M/2 and 2M.

    For `PATTERN` they are four different ones, and none is the side of a kernel or a width in a density.
    """
    return width, latents, latents * 3 // 2, latents * 2


def _renamed(state: Mapping[str, Array]) -> dict[str, Array]:
    """Return the dictionary with the names of today."""
    renamed: dict[str, Array] = {}
    for key, array in state.items():
        match = OLDER.fullmatch(key)
        name = f"{DENSITY}.{NEWER[match[1][0]]}.{match[2]}" if match else key
        if name in renamed:
            raise ValueError(f"has {name!r} twice, once under an older name")
        renamed[name] = array
    return renamed


def _first_axis(state: Mapping[str, Array], name: str) -> int:
    shape = getattr(state.get(name), "shape", ())
    return shape[0] if shape else 0


def _misfit(name: str, array: object, shape: tuple[int, ...]) -> list[str]:
    """Say what is wrong with one array of weights, if something is."""
    if not is_array(array):
        return [f"{name} is a {type(array).__name__}, must be an array"]
    if array.dtype.kind != "f" or array.shape != shape:  # type: ignore[attr-defined]
        return [f"{name} is {array.dtype} of shape {array.shape}, must be floating-point of shape {shape}"]  # type: ignore[attr-defined]
    with np.errstate(over="ignore"):
        is_finite = np.isfinite(np.asarray(moved(array, np)).astype(np.float32)).all()
    return [] if is_finite else [f"{name} has numbers that are not finite as float32"]


def _other_constant(name: str, array: Array, constant: NDArray[np.float32]) -> list[str]:
    """Say that a constant is another one, if it is; float16 holds some of them as 0."""
    if not is_array(array) or array.dtype.kind != "f":
        return [f"{name} is no array of floating-point numbers"]
    given = np.asarray(moved(array, np))
    if not given.size and constant.size > 1:  # scale_table, before CompressAI's update()
        return []
    if given.shape != constant.shape:
        return [f"{name} has shape {given.shape}, must have {constant.shape}"]
    off = np.flatnonzero(~np.isclose(given, constant, rtol=1e-2, atol=1e-7))[:3]
    return [f"{name} is {given[off].tolist()}, must be {constant[off].tolist()}"] if off.size else []


def _listed(what: str, names: list[str]) -> list[str]:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return [f"{what}: {', '.join(names[:SHOWN])}{more}"] if names else []


# --------------------------------------------------------------------------------------------------
# Out


def to_compressai(
    model: TransformCodec, tables: CdfTables | None = None, gaussian_tables: CdfTables | None = None
) -> dict[str, NDArray[Any]]:
    """Return all that ``load_state_dict`` of CompressAI's model of the same name asks for.

    Parameters
    ----------
    model : FactorizedPrior, ScaleHyperprior or MeanScaleHyperprior
        After `FactorizedDensity.find_quantiles`, or the tables are made of the first quantiles.
    tables : CdfTables, optional
        One row for each channel of ``entropy_bottleneck``: of y, or, with a hyperprior, of z. Without them,
        those that the model would make now.
    gaussian_tables : CdfTables, optional
        With a hyperprior, one row for each of the 64 scales; without them, `gaussian_model.scale_tables`.

    Returns
    -------
    dict of str to ndarray
        Copies, of NumPy: weights in the model's dtype, constants as float32, tables as int32.

    Raises
    ------
    TypeError
        For a model that CompressAI does not have.
    ValueError
        If there are more or fewer tables than channels or scales.

    Notes
    -----
    CompressAI codes with these tables, but not into files of our kind: its coder is another (rANS), and so is
    the code for values beyond a table; of a scale between two levels it takes the upper one, not the nearer;
    and its hyper-decoder computes in floating point. Latents, likelihoods and pictures are the same.
    """
    if not isinstance(model, FactorizedPrior | ScaleHyperprior | MeanScaleHyperprior):
        raise TypeError(f"to_compressai: CompressAI has no {type(model).__name__} of our kind")
    state = {name: np.asarray(moved(array, np)) for name, array in model.state_dict().items()}
    density = model.entropy_bottleneck
    tables = density.tables() if tables is None else tables
    state |= _integers(DENSITY, tables, density.channels, "channels")
    if isinstance(model, Hyperprior):
        gaussian_tables = scale_tables() if gaussian_tables is None else gaussian_tables
        state |= _integers(GAUSSIAN, gaussian_tables, LEVELS, "scales")
    elif gaussian_tables is not None:
        raise ValueError(f"to_compressai: tables of scales, but a {type(model).__name__} has none")
    return state | _constants(model)


def _integers(part: str, tables: CdfTables, rows: int, what: str) -> dict[str, NDArray[np.int32]]:
    """Return copies of tables by CompressAI's names."""
    if len(tables) != rows:
        raise ValueError(f"to_compressai: {len(tables)} tables for {rows} {what}")
    return {f"{part}.{name}": getattr(tables, ours).copy() for ours, name in TABLES.items()}


def _constants(model: TransformCodec) -> dict[str, NDArray[np.float32]]:
    """Return what CompressAI keeps among the weights although it never changes."""
    logit = math.log(2 / TAIL - 1)
    constants: dict[str, ArrayLike] = {
        f"{DENSITY}.target": [-logit, 0, logit],
        f"{DENSITY}.likelihood_lower_bound.bound": [FLOOR],
    }
    for name, half in (("g_a", model.g_a), ("g_s", model.g_s)):
        for place, layer in half.children():
            if isinstance(layer, GDN):
                for parameter, minimum in (("beta", layer.beta_min), ("gamma", 0.0)):
                    key = f"{name}.{place}.{parameter}_reparam"
                    constants[f"{key}.pedestal"] = [PEDESTAL]
                    constants[f"{key}.lower_bound.bound"] = [math.sqrt(minimum + PEDESTAL)]
    if isinstance(model, Hyperprior):
        constants |= {
            f"{GAUSSIAN}.scale_table": scale_levels(),
            f"{GAUSSIAN}.scale_bound": [LEAST_SCALE],
            f"{GAUSSIAN}.lower_bound_scale.bound": [LEAST_SCALE],
            f"{GAUSSIAN}.likelihood_lower_bound.bound": [FLOOR],
        }
    return {name: np.array(values, np.float32) for name, values in constants.items()}
