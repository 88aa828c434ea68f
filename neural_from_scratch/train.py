"""Training: crops, noise, a step of Adam, and again – so that it can be stopped anywhere and gone on with.

The loss is what a codec costs (`losses.rate_distortion`):

    λ · 255² · MSE + bpp      or      λ (1 − MS-SSIM) + bpp                                                (1)

λ is the exchange rate between bits and error: one trained model, one point on the curve. A step draws
crops, passes them through the model with noise in place of rounding, and lets `optim.Adam` change the
weights, with gradients that are clipped to norm 1. Rates go up in a line and then down half a cosine
wave. The transform and the densities have rates of their own: a density has few parameters, sees
thousands of latents at each step, and has to follow a transform that moves.

**Exact resume.** What a run does at step t depends on its weights, Adam's two means, the settings and t,
since all random numbers are drawn from streams named by seed and step (`seeds`). A checkpoint holds just
that, and the curves so far. A run that was stopped and goes on is, to the last bit, the run that was not
stopped.

**When numbers go bad.** A loss or gradient that is not finite ends the run before a weight has changed:
`TrainingError` names the step and the last good checkpoint, which stays as it is.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import losses, seeds
from .arrays import Array, array_module
from .checkpoint import load_state, save_state
from .data import Pictures
from .errors import NeuralError
from .models import TransformCodec
from .models.transform_codec import pad_to_multiple
from .optim import Adam, Group, clip_gradients, warmup_cosine
from .parameters import moved
from .tensor import Tensor, no_grad

__all__ = ["Estimate", "Settings", "Trainer", "TrainingError", "checkpoint_weights", "estimate", "train"]

DISTORTIONS = ("mse", "ms-ssim")
CURVES = ("loss", "bpp", "distortion")
SMOOTH = 100  # steps that the bar averages over


class TrainingError(NeuralError):
    """A run that cannot go on: the loss or a gradient is not finite, or a weight has become so.

    Parameters
    ----------
    message : str
    step : int
        The step that failed, from 0.
    checkpoint : Path or None
        The last good one.
    """

    def __init__(self, message: str, step: int, checkpoint: Path | None = None) -> None:
        super().__init__(message, step, checkpoint)
        self.message, self.step, self.checkpoint = message, step, checkpoint

    def __str__(self) -> str:
        kept = f"the last good checkpoint is {self.checkpoint}" if self.checkpoint else "nothing was saved"
        return f"step {self.step}: {self.message}; {kept}"


@dataclass(frozen=True)
class Settings:
    """All that decides a run, besides model and pictures.

    Attributes
    ----------
    weight : float
        λ.
    steps : int
        How many there will be: the end of the cosine wave. None, where layers have learned alone.
    distortion : {"mse", "ms-ssim"}
    batch, side : int
        Crops a step, and their rows and columns: a multiple of 16, for MS-SSIM at least 176.
    rate, density_rate : float
        Of Adam, for the transforms and for the densities.
    warmup : int
        Steps in which both rates go up.
    final : float
        The part of them that is left at the end.
    max_norm : float
        Of all gradients together.
    seed : int
        Of crops and noise.

    Raises
    ------
    ValueError
        For a setting out of range.
    """

    weight: float
    steps: int
    distortion: str = "mse"
    batch: int = 8
    side: int = 128
    rate: float = 5e-4
    density_rate: float = 1e-2
    warmup: int = 100
    final: float = 0.01
    max_norm: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        least = 176 if self.distortion == "ms-ssim" else 16
        checks = {
            "weight": 0 < self.weight < math.inf,
            "steps": self.steps >= 0,
            "distortion": self.distortion in DISTORTIONS,
            "batch": self.batch >= 1,
            "side": self.side >= least and self.side % 16 == 0,
            "rate": 0 < self.rate < math.inf,
            "density_rate": 0 < self.density_rate < math.inf,
            "warmup": self.warmup >= 0,
            "final": 0 <= self.final <= 1,
            "max_norm": self.max_norm > 0,
            "seed": self.seed >= 0,
        }
        wrong = [f"{name}={getattr(self, name)!r}" for name, is_right in checks.items() if not is_right]
        if wrong:
            raise ValueError(f"Settings: out of range: {', '.join(wrong)}")

    def scale(self, step: int) -> float:
        """Return the factor for the rates at a step."""
        return warmup_cosine(step, self.steps, min(self.warmup, self.steps), self.final)


class Trainer:
    """A run of training: a model, its optimiser, and how far it is.

    Parameters
    ----------
    model : TransformCodec
        Of NumPy, or moved to CuPy (``model.to(cupy)``); changed in place.
    pictures : Pictures
    settings : Settings
    sizes : mapping of str to array, optional
        Of steps, as in `optim.Group`: `hyper_start.step_sizes`. A checkpoint keeps them.

    Attributes
    ----------
    steps_done : int
    curves : dict of ndarray of float32, shape (settings.steps,)
        ``"loss"``, ``"bpp"`` and ``"distortion"`` (MSE in 8-bit units, or 1 − MS-SSIM) of each step that is
        done.
    notes : dict
        What a caller wants to have kept with the checkpoint, as JSON: hours, validation.
    is_whole : bool
        False only where a step was interrupted while weights changed: such a state is not to be saved.
    """

    def __init__(
        self,
        model: TransformCodec,
        pictures: Pictures,
        settings: Settings,
        sizes: Mapping[str, Array] | None = None,
    ) -> None:
        self.model, self.pictures, self.settings = model, pictures, settings
        named = {name: tensor for name, tensor in model.named_parameters() if tensor.requires_grad}
        density = {name: tensor for name, tensor in named.items() if name.startswith("entropy_bottleneck.")}
        transforms = {name: tensor for name, tensor in named.items() if name not in density}
        self._parameters = named
        if sizes is not None:
            xp = array_module(model.entropy_bottleneck.quantiles.data)
            sizes = {name: moved(size, xp) for name, size in sizes.items()}
        self._adam = Adam(
            [Group(transforms, settings.rate, sizes=sizes), Group(density, settings.density_rate)]
        )
        self.steps_done, self.is_whole = 0, True
        self.notes: dict[str, Any] = {}
        self.curves = {name: np.zeros(settings.steps, np.float32) for name in CURVES}

    def step(self) -> losses.RateDistortion:
        """Do one step; what is returned was measured before it.

        Raises
        ------
        TrainingError
            If the loss or a gradient is not finite. No weight has been changed by this step.
        """
        settings, step = self.settings, self.steps_done
        batch = self.pictures.batch(settings.seed, step, settings.batch, settings.side)
        x = Tensor(moved(batch, array_module(self.model.entropy_bottleneck.quantiles.data)))
        self._adam.clear_gradients()
        try:
            made = self.model(x, seeds.stream(settings.seed, "noise", step))
            found = losses.rate_distortion(
                x, made.decoded, made.likelihoods, weight=settings.weight, distortion=settings.distortion
            )
            found.loss.backward()
            clip_gradients(self._parameters, settings.max_norm)
        except FloatingPointError as error:
            raise TrainingError(str(error), step) from error
        self.is_whole = False
        try:
            self._adam.step(settings.scale(step))
        except FloatingPointError as error:
            self.is_whole = True  # Adam looks at all gradients first
            raise TrainingError(str(error), step) from error
        for name, value in zip(CURVES, found):
            self.curves[name][step] = value.item()
        self.steps_done += 1
        self.is_whole = True
        return found

    # ----------------------------------------------------------------------------------------------
    # Stop and go on

    def state_dict(self) -> dict[str, Array]:
        """Return what is needed to go on: ``model.…``, ``adam.…``, ``curve.…``, ``step``, ``settings``."""
        state: dict[str, Array] = {f"model.{name}": array for name, array in self.model.state_dict().items()}
        state |= {f"adam.{name}": array for name, array in self._adam.state_dict().items()}
        state |= {f"curve.{name}": curve[: self.steps_done].copy() for name, curve in self.curves.items()}
        state["step"] = np.array(self.steps_done, np.int64)
        state["settings"] = np.array(json.dumps(asdict(self.settings), sort_keys=True))
        return state

    def load_state_dict(self, state: Mapping[str, Array]) -> None:
        """Go on from a state.

        Raises
        ------
        ValueError
            If it is of another model, or of a run with other settings: these are named. Nothing has been
            changed then.
        """
        try:
            step, settings = int(state["step"]), json.loads(str(state["settings"]))
            curves = {name: state[f"curve.{name}"] for name in CURVES}
        except (KeyError, ValueError, TypeError) as error:
            raise ValueError(f"no checkpoint of a training run: {error}") from error
        own = asdict(self.settings)
        if not isinstance(settings, dict) or settings.keys() != own.keys():
            raise ValueError("no checkpoint of a training run: other settings than there are")
        differing = [
            f"{name} is {settings[name]!r}, now {own[name]!r}" for name in own if settings[name] != own[name]
        ]
        if differing:
            raise ValueError(f"the checkpoint is of a run with other settings: {'; '.join(differing)}")
        if not 0 <= step <= self.settings.steps or any(curve.shape != (step,) for curve in curves.values()):
            raise ValueError(f"no checkpoint of a training run: step is {step} of {self.settings.steps}")
        before = self.model.state_dict()
        xp = array_module(self.model.entropy_bottleneck.quantiles.data)
        self.model.load_state_dict(_below("model.", state))
        try:
            adam = _below("adam.", state)
            self._adam.load_state_dict({name: moved(array, xp) for name, array in adam.items()})
        except ValueError:
            self.model.load_state_dict(before)
            raise
        self.steps_done = step
        for name, curve in curves.items():
            self.curves[name][:step] = curve

    def check_weights(self) -> None:
        """Raise `TrainingError` if a weight is not finite."""
        for name, tensor in self._parameters.items():
            if not bool(array_module(tensor.data).isfinite(tensor.data).all()):
                raise TrainingError(f"{name} has weights that are not finite", self.steps_done)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write a checkpoint, whole or not at all.

        Raises
        ------
        TrainingError
            If a weight is not finite: what is there already is better.
        """
        self.check_weights()
        save_state(path, {**self.state_dict(), "notes": np.array(json.dumps(self.notes))})

    def resume(self, path: str | os.PathLike[str]) -> None:
        """Go on from a checkpoint; `ValueError`, which names the file, where that cannot be."""
        state = load_state(path)
        try:
            self.load_state_dict(state)
            self.notes = json.loads(str(state.get("notes", "{}")))
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from error


def checkpoint_weights(path: str | os.PathLike[str]) -> dict[str, Array]:
    """Return a checkpoint's weights alone, for ``model.load_state_dict``; `ValueError` if there are none."""
    weights = _below("model.", load_state(path))
    if not weights:
        raise ValueError(f"{path}: no checkpoint of a training run: there are no weights")
    return weights


def _below(prefix: str, state: Mapping[str, Array]) -> dict[str, Array]:
    return {name.removeprefix(prefix): array for name, array in state.items() if name.startswith(prefix)}


def train(
    trainer: Trainer,
    checkpoint: str | os.PathLike[str] | None = None,
    *,
    every: int = 500,
    until: int | None = None,
    progress: bool = True,
    look: Callable[[Trainer], None] | None = None,
) -> None:
    """Do the steps that are left, with a bar that shows bpp, PSNR and the time left.

    Parameters
    ----------
    trainer : Trainer
    checkpoint : path-like, optional
        Where to write, after every `every` steps and at the end.
    every : int
    until : int, optional
        Stop after this many steps in all.
    progress : bool
        Whether to show the bar, on standard error.
    look : callable, optional
        Called before each checkpoint is written, with the trainer: validation. What it puts into
        ``trainer.notes`` is kept.

    Raises
    ------
    TrainingError
        As `Trainer.step`; it names the last good checkpoint.
    KeyboardInterrupt
        When it is interrupted; a checkpoint is written first, unless weights were just changing.

    Notes
    -----
    Medians and tails are found for each checkpoint, so that it is a model to use. Training does not look at
    them.
    """
    path = None if checkpoint is None else Path(checkpoint)
    end = trainer.settings.steps if until is None else min(until, trainer.settings.steps)
    saved: Path | None = path if path is not None and trainer.steps_done and path.is_file() else None
    try:
        for _ in _bar(trainer, end, progress):
            trainer.step()
            done = trainer.steps_done
            if done % every == 0 or done == end:
                trainer.check_weights()
                trainer.model.entropy_bottleneck.find_quantiles()
                if look is not None:
                    look(trainer)
                if path is not None:
                    trainer.save(path)
                    saved = path
    except TrainingError as error:
        raise TrainingError(error.message, error.step, saved) from error
    except KeyboardInterrupt:
        if path is not None and trainer.steps_done and trainer.is_whole:
            trainer.model.entropy_bottleneck.find_quantiles()
            trainer.save(path)
        raise


def _bar(trainer: Trainer, end: int, show: bool) -> Iterator[int]:
    """Yield once for each step to do, and show what the steps before gave."""
    from tqdm import tqdm  # not needed for all else

    with tqdm(
        total=end, initial=trainer.steps_done, unit="step", disable=not show, dynamic_ncols=True
    ) as bar:
        while trainer.steps_done < end:
            yield trainer.steps_done
            bar.update()
            recent = slice(max(0, trainer.steps_done - SMOOTH), trainer.steps_done)
            bpp, error = (float(trainer.curves[name][recent].mean()) for name in ("bpp", "distortion"))
            quality = (
                {"PSNR": f"{10 * math.log10(255**2 / error):.2f} dB"}
                if trainer.settings.distortion == "mse"
                else {"MS-SSIM": f"{1 - error:.4f}"}
            )
            bar.set_postfix({"bpp": f"{bpp:.3f}", **quality}, refresh=False)


# --------------------------------------------------------------------------------------------------
# Looking at it


@dataclass(frozen=True)
class Estimate:
    """What a model makes of a picture.

    Attributes
    ----------
    bpp : float
        Bits a pixel by the model's own probabilities, without a file's overhead.
    psnr : float
        In dB, of the picture as bytes.
    decoded : ndarray of uint8, (H, W, 3)
    """

    bpp: float
    psnr: float
    decoded: NDArray[np.uint8]


def estimate(model: TransformCodec, picture: NDArray[np.uint8]) -> Estimate:
    """Pass one picture through, with rounding about the medians as they are (`find_quantiles`).

    Parameters
    ----------
    model : TransformCodec
    picture : ndarray of uint8, (H, W, 3)

    Returns
    -------
    Estimate
    """
    height, width = picture.shape[:2]
    samples = np.ascontiguousarray(picture.transpose(2, 0, 1)[np.newaxis] / np.float32(255))
    xp: Any = array_module(model.entropy_bottleneck.quantiles.data)
    with no_grad():
        made = model(Tensor(moved(pad_to_multiple(samples), xp)))
        bits = losses.rate(made.likelihoods, height * width).item()
    x = moved(made.decoded.data, np)[0, :, :height, :width].transpose(1, 2, 0)
    decoded = np.rint(np.clip(x, 0, 1) * 255).astype(np.uint8)
    error = float(np.mean((decoded.astype(np.float64) - picture) ** 2))
    return Estimate(bits, 10 * math.log10(255**2 / error) if error else math.inf, decoded)
