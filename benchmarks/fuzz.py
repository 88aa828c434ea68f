"""The long run of the fuzz test: mutants of small files, strict and lenient, on all cores; may be stopped.

    python benchmarks/fuzz.py                              one million mutants
    python benchmarks/fuzz.py --count 20000 --seed 7       another series
    python benchmarks/fuzz.py --state run.json             goes on where the same run was interrupted
    python benchmarks/fuzz.py --show 123456 --seed 7       one mutant: its recipe, and what becomes of it

Mutant number n of a seed is the same file everywhere. What is allowed to come of one is said in
``tests/jpeg/jpeg_judge.py``; the seeds are the files of the corpus up to 16 kB, or without it a few that are
made. Mutants with a finding are kept in a folder, with their recipes. The exit status is 1 if there are any.
"""

from __future__ import annotations

import _environment  # noqa: F401

# isort: split
import argparse
import json
import multiprocessing
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import jpeg_judge as judge
import jpeg_mutants as mutants
import numpy as np
from _peak import peak_memory
from tqdm import tqdm

CHUNK = 250
SLOWEST = 10
SAVE_EVERY = 20.0  # seconds
MODES = {"strict": True, "lenient": False}


@dataclass
class Result:
    """What came of some mutants.

    `outcomes` counts ``"lenient: picture"``, ``"strict: FormatError"`` and so on; `slowest` are pairs of
    seconds and a line of words; `chunks` the numbers of the chunks that are done.
    """

    seed: int
    chunks: list[int] = field(default_factory=list)
    mutants: int = 0
    seconds: float = 0.0
    peak: int = 0
    outcomes: dict[str, int] = field(default_factory=dict)
    findings: list[str] = field(default_factory=list)
    slowest: list[tuple[float, str]] = field(default_factory=list)

    def add(self, other: Result) -> None:
        """Take over what came of others."""
        self.chunks += other.chunks
        self.mutants += other.mutants
        self.seconds += other.seconds
        self.peak = max(self.peak, other.peak)
        self.outcomes = dict(Counter(self.outcomes) + Counter(other.outcomes))
        self.findings += other.findings
        self.slowest = sorted([*self.slowest, *other.slowest], key=lambda pair: -pair[0])[:SLOWEST]

    def summary(self) -> str:
        """Return everything in words."""
        lines = [f"{self.mutants:,} mutants of seed {self.seed}, each strict and lenient"]
        lines += [f"findings: {len(self.findings)}", *(f"  {finding}" for finding in self.findings[:20])]
        for mode in MODES:
            found = {key: n for key, n in sorted(self.outcomes.items()) if key.startswith(mode)}
            total = sum(found.values())
            lines += [f"  {key:32}{n:12,}{n / total:9.2%}" for key, n in found.items()]
        lines += ["slowest:", *(f"  {seconds:.2f} s  {words}" for seconds, words in self.slowest)]
        rate = self.mutants / self.seconds if self.seconds else 0
        lines += [
            f"rate: {rate:.0f} mutants a second on one core",
            f"peak memory: {self.peak / 2**20:.0f} MiB",
        ]
        return "\n".join(lines)


@cache
def seeds() -> mutants.Seeds:
    """Return the seeds, all of them decoded once: that compiles the kernels, and is not timed."""
    corpus = mutants.corpus_seeds()
    chosen = corpus if corpus.readable else mutants.made_seeds()
    for seed in chosen.readable:
        for strict in MODES.values():
            judge.judge(seed.data, strict)
    return chosen


def run_chunk(job: tuple[int, int, int, str]) -> Result:
    """Judge the mutants of one chunk: its number, how many they are, the seed, and the folder of findings."""
    chunk, length, seed, folder = job
    result, outcomes = Result(seed, [chunk], length), Counter[str]()
    files = seeds()
    start = time.perf_counter()
    for number in range(chunk * CHUNK, chunk * CHUNK + length):
        mutant = mutants.mutant(files, number, seed)
        verdicts = {mode: judge.judge(mutant.data, strict) for mode, strict in MODES.items()}
        for mode, verdict in verdicts.items():
            outcomes[f"{mode}: {verdict.outcome}"] += 1
            result.slowest.append((verdict.seconds, f"{mode}, {mutant.recipe}"))
            if verdict.finding:
                path = judge.save(mutant, Path(folder))
                result.findings.append(f"{mode}: {verdict.finding}; {mutant.recipe}; {path}")
        if verdicts["strict"].outcome == "picture" and not is_same(verdicts):
            path = judge.save(mutant, Path(folder))
            result.findings.append(f"strict and lenient differ; {mutant.recipe}; {path}")
    result.seconds = time.perf_counter() - start
    result.slowest = sorted(result.slowest, key=lambda pair: -pair[0])[:SLOWEST]
    result.outcomes, result.peak = dict(outcomes), peak_memory()
    return result


def is_same(verdicts: dict[str, judge.Verdict]) -> bool:
    """Whether lenient decoding gave the picture that strict decoding gave."""
    strict, lenient = (verdicts[mode].result for mode in MODES)
    return isinstance(lenient, np.ndarray) and np.array_equal(strict, lenient)


def results(jobs: list[tuple[int, int, int, str]], processes: int) -> Iterator[Result]:
    """Yield the results of chunks as they come."""
    if processes == 1:
        yield from map(run_chunk, jobs)
        return
    with multiprocessing.get_context("spawn").Pool(processes) as pool:
        yield from pool.imap_unordered(run_chunk, jobs)


def run(total: Result, jobs: list[tuple[int, int, int, str]], processes: int, state: Path | None) -> None:
    """Run what is left, and keep the state on disk; an interruption loses some seconds of it."""
    saved = time.monotonic()
    left = sum(job[1] for job in jobs)
    with tqdm(total=total.mutants + left, initial=total.mutants, unit=" mutants", mininterval=1) as bar:
        try:
            for result in results(jobs, processes):
                total.add(result)
                bar.set_postfix(findings=len(total.findings), refresh=False)
                bar.update(result.mutants)
                if state and time.monotonic() - saved > SAVE_EVERY:
                    save(total, state)
                    saved = time.monotonic()
        except KeyboardInterrupt:
            print("interrupted", file=sys.stderr)
    if state:
        save(total, state)


def save(total: Result, state: Path) -> None:
    """Write the state, whole or not at all."""
    beside = state.with_suffix(".new")
    beside.write_text(json.dumps(asdict(total)), "utf-8")
    beside.replace(state)


def load(state: Path | None, seed: int) -> Result:
    """Read the state of a run; a new one if there is none."""
    if state is None or not state.is_file():
        return Result(seed)
    kept: dict[str, Any] = json.loads(state.read_text("utf-8"))
    if kept["seed"] != seed:
        sys.exit(f"{state} is the state of seed {kept['seed']}, not {seed}")
    return Result(**{**kept, "slowest": [(seconds, words) for seconds, words in kept["slowest"]]})


def chunks(count: int, done: Iterable[int], seed: int, folder: str) -> list[tuple[int, int, int, str]]:
    """Return the chunks that are left."""
    finished = set(done)
    return [
        (chunk, min(CHUNK, count - chunk * CHUNK), seed, folder)
        for chunk in range(-(-count // CHUNK))
        if chunk not in finished
    ]


def show(number: int, seed: int, folder: str) -> int:
    """Say what one mutant is, and what becomes of it."""
    mutant = mutants.mutant(seeds(), number, seed)
    print(f"{mutant.recipe}\n{len(mutant.data):,} bytes, saved as {judge.save(mutant, Path(folder))}")
    verdicts = {mode: judge.judge(mutant.data, strict) for mode, strict in MODES.items()}
    for mode, verdict in verdicts.items():
        words = getattr(verdict.result, "shape", verdict.result)
        print(f"{mode}: {verdict.seconds:.3f} s, {verdict.outcome}: {words} {verdict.finding}")
    return int(any(verdict.finding for verdict in verdicts.values()))


def main() -> int:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--count", type=int, default=1_000_000, help="how many mutants (1,000,000)")
    parser.add_argument("--seed", type=int, default=1, help="which series of mutants (1)")
    parser.add_argument("--jobs", type=int, default=multiprocessing.cpu_count(), help="processes (all cores)")
    parser.add_argument("--state", type=Path, help="file in which the state is kept")
    parser.add_argument("--findings", default="fuzz-findings", help="folder of mutants with a finding")
    parser.add_argument("--show", type=int, metavar="NUMBER", help="only this mutant")
    options = parser.parse_args()
    if options.show is not None:
        return show(options.show, options.seed, options.findings)
    total = load(options.state, options.seed)
    run(
        total,
        chunks(options.count, total.chunks, options.seed, options.findings),
        options.jobs,
        options.state,
    )
    print(total.summary())
    return int(bool(total.findings))


if __name__ == "__main__":
    sys.exit(main())
