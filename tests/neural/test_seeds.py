"""One seed, and a stream of random numbers for each use."""

import subprocess
import sys

import numpy as np
import pytest

from neural_from_scratch.seeds import stream


def draw(seed, name, *numbers, size=64):
    return stream(seed, name, *numbers).integers(1 << 62, size=size)


def test_a_stream_is_the_same_each_time_it_is_asked_for():
    first = stream(3, "patches")
    assert first is not stream(3, "patches")
    first.random(1000)
    assert (draw(3, "patches") == draw(3, "patches")).all()


def test_a_stream_does_not_depend_on_the_process():
    code = "from neural_from_scratch.seeds import stream; print(stream(5, 'noise', 2).integers(1 << 62))"
    for hash_seed in "1", "2":
        run = subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONHASHSEED": hash_seed, "PYTHONPATH": ":".join(filter(None, sys.path))},
            capture_output=True,
            text=True,
            check=True,
        )
        assert int(run.stdout) == draw(5, "noise", 2, size=1)[0]


def test_another_seed_name_or_number_gives_another_stream():
    streams = [
        *(draw(seed, "weights") for seed in (0, 1, 2**32, 2**128, 2**128 + 1)),
        *(draw(0, name) for name in ("weight", "Weights", "weights ", "noise")),
        *(draw(0, "weights", *numbers) for numbers in ((0,), (1,), (0, 0), (0, 1), (1, 0), (2**32 - 1,))),
    ]
    firsts = {int(numbers[0]) for numbers in streams}
    assert len(firsts) == len(streams)


def test_streams_of_neighbouring_steps_are_not_correlated():
    noise = np.array([stream(0, "noise", step).standard_normal(4096) for step in range(12)])
    correlations = np.corrcoef(noise)[np.triu_indices(12, 1)]
    assert np.abs(correlations).max() < 5 / np.sqrt(4096)


def test_numpy_integers_are_integers():
    assert (draw(np.int64(3), "a", np.uint8(7)) == draw(3, "a", 7)).all()


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ((0, 1), TypeError, "name is a int"),
        ((0, ""), ValueError, "name is empty"),
        ((1.5, "a"), TypeError, "seed holds a float"),
        ((True, "a"), TypeError, "seed holds a bool"),
        ((-1, "a"), ValueError, "seed holds -1"),
        ((0, "a", "b"), TypeError, "numbers holds a str"),
        ((0, "a", -1), ValueError, "numbers holds -1"),
        ((0, "a", 2**32), ValueError, "numbers holds 4294967296"),
    ],
)
def test_bad_arguments_are_named(arguments, error, words):
    with pytest.raises(error, match=words):
        stream(*arguments)
