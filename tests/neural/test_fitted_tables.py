"""Tables that are counted: whole, even, near the Gaussian where nothing was seen, and better where it was."""

from __future__ import annotations

import numpy as np
import pytest
from codec_cases import small_weights
from hyper_cases import NAMES, hyper_weights

from neural_from_scratch import codec
from neural_from_scratch.data import generate_pictures
from neural_from_scratch.fitted_tables import FARTHEST, count_levels, fit_tables, fitted_tables
from neural_from_scratch.gaussian_model import LEVELS, scale_levels, scale_tables
from neural_from_scratch.hyper_start import latents_of_squares
from neural_from_scratch.models.hyperprior import Hyperprior
from neural_from_scratch.weights import Weights, read_weights, with_scale_tables, write_weights


def latents_for(weights: Weights, seed: int = 5) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    assert isinstance(weights.model, Hyperprior)
    return latents_of_squares(weights.model, generate_pictures(seed, 3, 64), seed, squares=6, side=64)


@pytest.mark.parametrize("name", NAMES)
def test_all_latents_are_counted(name: str) -> None:
    """Each once, as what it becomes in a file, in the level that its table is of."""
    weights = hyper_weights(name)
    y = latents_for(weights)
    counts = count_levels(weights, y)
    assert counts.sum() == y.size
    assert counts.shape == (LEVELS, FARTHEST + 2)
    by_hand = np.zeros_like(counts)
    from neural_from_scratch.latent_coding import coding_for

    for one in y:
        coding = coding_for(weights, one[np.newaxis])
        symbols = coding.quantize(one[np.newaxis])
        for i, k in zip(coding.tables_of(symbols.shape).ravel(), symbols.ravel()):
            by_hand[i, min(abs(int(k)), FARTHEST + 1)] += 1
    np.testing.assert_array_equal(counts, by_hand)


def test_where_nothing_was_counted_it_is_the_gaussian() -> None:
    """Nearly: a thousandth lies elsewhere."""
    tables, levels = fitted_tables(np.zeros((LEVELS, FARTHEST + 2), np.int64)), scale_levels()
    for i in (0, 20, 40, 63):
        within = np.arange(-int(levels[i]), int(levels[i]) + 1, dtype=np.int32)
        index = np.full(within.shape, i, np.int32)
        np.testing.assert_allclose(tables.bits(within, index), scale_tables().bits(within, index), atol=0.12)


def test_what_was_counted_is_what_the_table_says() -> None:
    """On both sides alike; what is far out is an escape, and what was never seen stays possible."""
    counts = np.zeros((LEVELS, FARTHEST + 2), np.int64)
    counts[10, :3] = 500_000, 300_000, 100_000
    counts[10, 40] = 50_000
    counts[10, FARTHEST + 1] = 50_000
    tables = fitted_tables(counts)
    values = np.array([0, 1, -1, 2, -2, 40, -40, 9, 3000], np.int32)
    bits = tables.bits(values, np.full(values.shape, 10, np.int32))
    expected = -np.log2([0.5, 0.15, 0.15, 0.05, 0.05, 0.025, 0.025])
    np.testing.assert_allclose(bits[:7], expected, atol=0.01)
    assert 13 < bits[7] < 20
    assert 4.3 < bits[8] < 4.4 + 2 * np.log2(3000) + 3


def test_a_level_that_is_always_far_out() -> None:
    """All of the mass beyond the table: still a table."""
    counts = np.zeros((LEVELS, FARTHEST + 2), np.int64)
    counts[0, FARTHEST + 1] = 1 << 40
    assert fitted_tables(counts).bits(np.zeros(1, np.int32), np.zeros(1, np.int32))[0] <= 16


@pytest.mark.parametrize("name", NAMES)
def test_files_with_them(name: str, tmp_path: object) -> None:
    """Smaller on what was counted; a file of weights keeps them, and files need just these weights."""
    weights = hyper_weights(name)
    fitted = fit_tables(weights, latents_for(weights))
    image = np.ascontiguousarray(generate_pictures(5, 3, 64).picture(0))
    before, after = (codec.encode(image, weights=used) for used in (weights, fitted))
    assert len(after) < len(before)
    path = f"{tmp_path}/fitted.npz"
    write_weights(path, fitted)
    again = read_weights(path)
    assert again.hash == fitted.hash != weights.hash
    assert (codec.decode(after, weights=again) == codec.decode(before, weights=weights)).all()


def test_only_hyperpriors_have_levels() -> None:
    with pytest.raises(ValueError, match="factorized-prior has no levels"):
        with_scale_tables(small_weights(), scale_tables())


def test_as_many_tables_as_levels() -> None:
    weights = hyper_weights(NAMES[0])
    with pytest.raises(ValueError, match="scale_edges do not rise"):
        with_scale_tables(weights, weights.tables)
