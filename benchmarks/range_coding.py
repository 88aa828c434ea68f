"""How many symbols a second the range coder codes, beside constriction (`pip install constriction`).

    python benchmarks/range_coding.py               latents like those of a Kodak picture, and one table alone
    python benchmarks/range_coding.py --rounds 50   more of them
    python benchmarks/range_coding.py --json FILE   what was measured, every single run

Both code the same numbers with the same frequencies, one thread each: constriction's `RangeEncoder` with a
`Categorical` model a channel, and its `AnsCoder`, which is faster and gives the symbols back in reverse.
Models are made, and symbols counted from 0 as constriction wants them, before the clock starts; no value is
beyond its table. Everything decoded is compared first. The contestants take turns, and each round starts with
another one. A figure is the median in millions of symbols a second; a ratio is our speed by constriction's,
taken in each round, and the median of those: 1 is as fast. Bar: 0.7, aim: 1.0, against the range coder.

Tables that change with every value have no counterpart there but whole rows of probabilities for each symbol;
our `encode` and `decode` with an array of indexes stand in the table alone.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import _environment  # noqa: F401
import numpy as np

from neural_from_scratch import range_coder
from neural_from_scratch.entropy_tables import TOTAL, CdfTables

try:
    import constriction
except ImportError:
    constriction = None

BAR, AIM = 0.7, 1.0
CASES = {  # channels, values of a channel, spreads from … to
    "192 channels of 32×48, spreads 0.05–4": (192, 32 * 48, 0.05, 4.0),
    "192 channels of 32×48, spreads 0.02–0.6": (192, 32 * 48, 0.02, 0.6),
    "one table, a million, spread 8": (1, 1_000_000, 8.0, 8.0),
}


def case(channels: int, size: int, low: float, high: float) -> tuple[np.ndarray[Any, Any], CdfTables]:
    """Return values (channels, size) of two-sided exponential channels, and the tables of those."""
    rng = np.random.default_rng(0)
    spreads = np.exp(rng.uniform(np.log(low), np.log(high), channels))
    limits = np.ceil(8 * spreads).astype(int) + 1
    values = np.rint(rng.laplace(size=(channels, size)) * spreads[:, None])
    values = np.clip(values, -limits[:, None], limits[:, None]).astype(np.int32)
    pmfs = [np.exp(-np.abs(np.arange(-n, n + 1)) / max(s, 0.15)) for n, s in zip(limits, spreads)]
    return values, CdfTables.from_pmfs([p / p.sum() for p in pmfs], -limits, [1e-6] * channels)


def ours(values: np.ndarray[Any, Any], tables: CdfTables) -> dict[str, tuple[Callable[[], Any], ...]]:
    """Return our two ways: (encode, decode) each, with nothing left to do."""
    indexes = np.repeat(np.arange(len(tables), dtype=np.int32), values.shape[1])
    flat = values.reshape(-1)
    data = range_coder.encode_channels(values, tables)
    assert data == range_coder.encode(flat, indexes, tables)
    assert np.array_equal(range_coder.decode_channels(data, values.shape, tables), values)
    assert np.array_equal(range_coder.decode(data, indexes, tables), flat)
    tables.starts  # noqa: B018 – made at the first decoding, kept with the weights
    return {
        "ours": (
            lambda: range_coder.encode_channels(values, tables),
            lambda: range_coder.decode_channels(data, values.shape, tables),
        ),
        "ours, a table for each value": (
            lambda: range_coder.encode(flat, indexes, tables),
            lambda: range_coder.decode(data, indexes, tables),
        ),
    }


def theirs(values: np.ndarray[Any, Any], tables: CdfTables) -> dict[str, tuple[Callable[[], Any], ...]]:
    """Return constriction's two coders: (encode, decode) each."""
    stream = constriction.stream
    models = [
        stream.model.Categorical(np.diff(row[:length]).astype(np.float64) / TOTAL, perfect=False, lazy=False)
        for row, length in zip(tables.cdf, tables.lengths)
    ]
    symbols = list(values - tables.offsets[:, None])
    size = values.shape[1]

    def range_encode() -> Any:
        coder = stream.queue.RangeEncoder()
        for channel, model in zip(symbols, models):
            coder.encode(channel, model)
        return coder.get_compressed()

    def ans_encode() -> Any:
        coder = stream.stack.AnsCoder()
        for channel, model in zip(reversed(symbols), reversed(models)):
            coder.encode_reverse(channel, model)
        return coder.get_compressed()

    range_words, ans_words = range_encode(), ans_encode()

    def range_decode() -> Any:
        coder = stream.queue.RangeDecoder(range_words)
        return [coder.decode(model, size) for model in models]

    def ans_decode() -> Any:
        coder = stream.stack.AnsCoder(ans_words)
        return [coder.decode(model, size) for model in models]

    for decoded in (range_decode(), ans_decode()):
        assert np.array_equal(decoded, symbols)
    return {
        "constriction, range coder": (range_encode, range_decode),
        "constriction, ANS": (ans_encode, ans_decode),
    }


def take_turns(works: Sequence[Callable[[], Any]], rounds: int) -> list[list[float]]:
    """Return the seconds of every run of each of the works."""
    seconds: list[list[float]] = [[] for _ in works]
    for turn in range(rounds + 1):  # the first one warms up
        for k in range(len(works)):
            which = (turn + k) % len(works)
            start = time.perf_counter()
            works[which]()
            if turn:
                seconds[which].append(time.perf_counter() - start)
    return seconds


def main() -> int:
    """Print the table; return 1 if a ratio is below the bar."""
    parser = argparse.ArgumentParser(description="Symbols a second of the range coder, beside constriction.")
    parser.add_argument("--rounds", type=int, default=21)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write what was measured")
    arguments = parser.parse_args()
    if constriction is None:
        print("constriction is not installed (pip install constriction): our own speed only\n")
    print("| data | coder | bytes | encode M/s | decode M/s | our speed by theirs: encode | decode |")
    print("|---|---|---|---|---|---|---|")
    missed, record = 0, []
    for label, setting in CASES.items():
        values, tables = case(*setting)
        contestants = ours(values, tables) | (theirs(values, tables) if constriction else {})
        seconds = [
            take_turns([both[direction] for both in contestants.values()], arguments.rounds)
            for direction in (0, 1)
        ]
        for k, (name, (encode, _)) in enumerate(contestants.items()):
            made = encode()
            size = len(made) if isinstance(made, bytes) else made.nbytes
            speeds = [f"{values.size / statistics.median(s[k]) / 1e6:.0f}" for s in seconds]
            ratios = [statistics.median(t / o for t, o in zip(s[k], s[0])) for s in seconds]
            is_peer = name.startswith("constriction")
            missed += sum(ratio < BAR for ratio in ratios) if name == "constriction, range coder" else 0
            shown = [f"{ratio:.2f}" if is_peer else "" for ratio in ratios]
            print(f"| {label} | {name} | {size} | {' | '.join([*speeds, *shown])} |")
            record.append({"data": label, "coder": name, "bytes": size, "seconds": [s[k] for s in seconds]})
    if arguments.json:
        arguments.json.write_text(json.dumps(record, indent=1), "utf-8")
    if constriction is not None:
        print(f"\nbar {BAR}, aim {AIM}, against the range coder: missed {missed} times")
    return int(missed > 0)


if __name__ == "__main__":
    sys.exit(main())
