"""Decide the cases of a suite one by one, check every answer, and tell how long it will still take."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from bench.rows import Job, Row, Rows, environment
from placement.admission import screen
from placement.compile import lower
from placement.engine import decide
from placement.errors import InputError
from placement.model import Decision
from placement.snapshot import Snapshot
from placement.verify import verify
from solver.check import values
from solver.greedy import greedy
from solver.reduce import merge_items
from solver.workers import ProcessPool, Workers

__all__ = ["measure", "run_jobs"]

_WARM_UP_S = 60.0


_Tell = Callable[[Row, bool], None]
"""Told every row, and whether it was known before."""


def run_jobs(jobs: list[Job], rows: Rows) -> list[Row]:
    """Rows of all jobs, in their order; those that `rows` has are taken from there, the others measured and added."""
    first = environment()
    found = []
    pool: ProcessPool | None = None
    with _progress(len(jobs)) as tell:
        try:
            for job in jobs:
                identity = job.identity(first["code"])
                cached = rows.known.get(identity)
                if cached is None:
                    if pool is None:
                        pool = ProcessPool(1)
                    # Also after a search that had to be killed: a cold process is none of the answer's time.
                    if not pool.warm_up(_WARM_UP_S):
                        raise InputError("bench", "the solver process does not start", "see whether ortools imports")
                    load = environment() | {"git": first["git"], "code": first["code"]}
                    row: Row = {"identity": identity, "suite": job.suite, "key": dict(job.key), "environment": load}
                    row |= {"time_limit_ms": job.time_limit_ms, **measure(job, pool)}
                    rows.add(row)
                else:
                    row = cached
                found.append(row)
                tell(row, cached is not None)
        finally:
            if pool is not None:
                pool.close()
    return found


def measure(job: Job, workers: Workers) -> Row:
    """Decide one case and check the answer.

    `answer_ms` is what a caller waits for once the case is loaded; making and preparing the case, greedy on its own
    and the check are measured beside it. `below_greedy`: the answer is worse than greedy alone, which has no limit.
    """
    began = time.monotonic()
    snapshot = Snapshot.of(job.make())
    prepared = time.monotonic()
    decision = decide(
        snapshot, clock=time.monotonic, workers=workers, deadline=time.monotonic() + job.time_limit_ms / 1e3
    )
    answered = time.monotonic()
    violations = verify(snapshot, decision)
    verified = time.monotonic()
    floor, greedy_s = _greedy(snapshot)
    return {
        "case_id": decision.case_id,
        "size": {
            "nodes": len(snapshot.case.fleet.nodes),
            "running": len(snapshot.case.running),
            "pending": len(snapshot.case.workloads),
        },
        "status": decision.status.value,
        "reason": decision.fallback_reason,
        "gap": decision.gap,
        "gap_tier": decision.gap_tier,
        "placed": len(decision.placements),
        "tiers": _tiers(decision, floor),
        "below_greedy": [tier.value for tier in decision.tiers] > list(floor),
        "violations": list(violations),
        "prepare_ms": round((prepared - began) * 1e3, 1),
        "answer_ms": round((answered - prepared) * 1e3, 1),
        "verify_ms": round((verified - answered) * 1e3, 1),
        "greedy_alone_ms": round(greedy_s * 1e3, 1),
        "timings": {name: round(value, 1) for name, value in decision.timings.items()},
    }


def _tiers(decision: Decision, floor: tuple[int, ...]) -> list[Row]:
    return [
        {
            "tier": tier.tier,
            "value": tier.value,
            "bound": tier.bound,
            "gap": tier.gap,
            "bound_source": tier.bound_source,
            "do_nothing": tier.do_nothing,
            "greedy": greedy_value,
        }
        for tier, greedy_value in zip(decision.tiers, floor, strict=True)
    ]


def _greedy(snapshot: Snapshot) -> tuple[tuple[int, ...], float]:
    """Greedy's values on the problem that the engine solves, and its seconds."""
    rejected = screen(snapshot.case, snapshot.fabric)
    admitted = frozenset(workload.id for workload in snapshot.case.workloads) - rejected.keys()
    merged = merge_items(lower(snapshot.case, snapshot.fabric, only=admitted).problem).problem
    began = time.monotonic()
    plan, _ = greedy(merged)
    return values(merged, plan), time.monotonic() - began


@contextmanager
def _progress(total: int) -> Iterator[_Tell]:
    """A bar with the time left on a terminal, else a line per case; both on stderr."""
    console = Console(stderr=True, markup=False, highlight=False, emoji=False)
    if not console.is_terminal:
        yield _Lines(total)
        return
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    # A case takes as long as the time limit: the estimate looks at all of them, not at the last half minute.
    with Progress(*columns, console=console, transient=True, speed_estimate_period=86_400) as progress:
        task = progress.add_task("starting", total=total)

        def tell(row: Row, _known: bool) -> None:
            progress.update(task, advance=1, description=_describe(row))

        yield tell


class _Lines:
    """One line per case with the time left by the mean of the measured ones."""

    def __init__(self, total: int) -> None:
        self.total, self.done, self.measured = total, 0, 0
        self.began = time.monotonic()

    def __call__(self, row: Row, known: bool) -> None:
        self.done += 1
        self.measured += not known
        left = ""
        if self.measured and self.done < self.total:
            mean = (time.monotonic() - self.began) / self.measured
            left = f", about {mean * (self.total - self.done):.0f} s left"
        mark = " (known)" if known else ""
        sys.stderr.write(f"{self.done}/{self.total} {_describe(row)}{mark}{left}\n")


def _describe(row: Row) -> str:
    key = " ".join(f"{name}={value}" for name, value in row["key"].items())
    return f"{row['suite']} {key}: {row['status']} in {row['answer_ms'] / 1e3:.2f} s"
