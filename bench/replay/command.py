"""`python -m bench replay`: openb sequences by several methods, one row each, and a table over all rows."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path

from bench.machine import environment, load
from bench.replay.bound import upper_bound
from bench.replay.methods import METHODS, Given, ReplayMethod
from bench.replay.reference import read_reference
from bench.replay.sequence import PUBLISHED_SEED, TRACES, Sequence, permuted, read_sequence
from bench.replay.simulate import Mark, replay
from bench.replay.table import replay_table
from bench.rows import Row, Rows
from placement.errors import InputError
from solver.workers import ProcessPool

__all__ = ["add_arguments", "run_replays"]

SUITE = "openb-replay"
_BATCHES = (1, 10, 50, 200)
_BOUND_AT = (95, 98, 100)
_WARM_UP_S = 60.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command, but for `--data` and `--out`."""
    names = [method.name for method in METHODS]
    parser.add_argument("--traces", default=",".join(TRACES), help=f"of {', '.join(TRACES)} (default: all)")
    parser.add_argument("--methods", default=",".join(names), help=f"of {', '.join(names)} (default: all)")
    parser.add_argument("--batches", default="1,10,50,200", help="sizes of micro-batches (default: %(default)s)")
    parser.add_argument("--permutations", type=int, default=0, help="sequences besides the published one")
    parser.add_argument("--until", type=int, default=100, help="load in percent at which to stop (default: 100)")
    parser.add_argument("--batch-ms", type=int, default=1000, help="time of `decide` per batch (default: 1000)")


def run_replays(options: argparse.Namespace, data: Path | None, out: Path | None) -> int:
    """Measure what is not known yet and print the table; InputError for arguments and data that cannot be used."""
    if data is None:
        raise InputError("--data", "no folder of measured data is named", "give --data or set MOORAGE_DATA")
    traces = _chosen("--traces", options.traces, TRACES)
    wanted = _chosen("--methods", options.methods, tuple(method.name for method in METHODS))
    methods = [method for method in METHODS if method.name in wanted]
    batches = tuple(int(size) for size in _chosen("--batches", options.batches, tuple(map(str, _BATCHES))))
    if not 50 <= options.until <= 130 or options.permutations < 0 or options.batch_ms < 1:
        raise InputError(
            "--until, --permutations, --batch-ms", "one is out of range", "use 50-130, 0 or more, 1 or more"
        )
    pool: ProcessPool | None = None
    if any(method.searches for method in methods):
        pool = ProcessPool(1)
        if not pool.warm_up(_WARM_UP_S):
            raise InputError("bench", "the solver process does not start", "see whether ortools imports")
    where = environment()
    found: list[Row] = []
    try:
        with Rows.open(out) as rows:
            for sequence in _sequences(data, traces, options.permutations):
                for method in methods:
                    for batch in batches if method.batched else (1,):
                        key = {"trace": sequence.trace, "seed": sequence.seed, "batch": batch}
                        limit = options.batch_ms if method.searches else None
                        meaning = [SUITE, key, method.name, limit, options.until, where["code"]]
                        identity = json.dumps(meaning, sort_keys=True)
                        row = rows.known.get(identity)
                        if row is None:
                            given = Given(pool, options.batch_ms)
                            row = {"identity": identity, "suite": SUITE, "instance": key, "method": method.name}
                            row |= {
                                "limit_ms": limit,
                                "load": load(),
                                **_measure(sequence, method, batch, options.until, given),
                            }
                            row["environment"] = where
                            rows.add(row)
                        found.append(row)
                        sys.stderr.write(
                            f"{sequence.trace} {sequence.seed} {method.name} {batch}: {row['marks'][-1]}\n"
                        )
    finally:
        if pool is not None:
            pool.close()
    sys.stdout.write(replay_table(found, read_reference(data)))
    return 0


def _measure(sequence: Sequence, method: ReplayMethod, batch: int, until: int, given: Given) -> Row:
    marks, seconds = replay(sequence, method.make(sequence, given), batch=batch, until=until)
    return {
        "reference": method.reference,
        "capacity_milli": sequence.capacity_milli,
        "seconds": round(seconds, 3),
        "marks": [_plain(mark, sequence) for mark in marks],
        "bounds": {str(at): round(upper_bound(sequence, at), 3) for at in _BOUND_AT if at <= until},
    }


def _plain(mark: Mark, sequence: Sequence) -> Row:
    return {
        "percent": mark.percent,
        "arrived": mark.arrived,
        "allocation": round(mark.allocation(sequence.capacity_milli), 4),
        "failed": mark.failed,
        "failed_without_gpu": mark.failed_without_gpu,
    }


def _sequences(data: Path, traces: tuple[str, ...], permutations: int) -> Iterator[Sequence]:
    """The published sequences first, then permutations of each with seeds 1, 2, ..."""
    published = [read_sequence(data, trace) for trace in traces]
    yield from published
    for seed in range(1, permutations + 1):
        # The published order is not a permutation of ours, whatever its seed is called.
        for sequence in published:
            yield permuted(sequence, seed if seed < PUBLISHED_SEED else seed + 1)


def _chosen(option: str, text: str, known: tuple[str, ...]) -> tuple[str, ...]:
    names = tuple(text.split(","))
    for name in names:
        if name not in known:
            raise InputError(option, f"there is no {name!r}", f"use {', '.join(known)}")
    return names
