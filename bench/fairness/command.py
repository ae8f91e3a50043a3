"""`python -m bench fairness`: the Philly job list by several methods, one row each, and a table over all rows."""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from bench.blocks import as_markdown
from bench.fairness.methods import Drf, Fifo, Ours, Sharing
from bench.fairness.simulate import replay
from bench.fairness.table import SUITE, fairness_blocks
from bench.machine import environment, load
from bench.rows import Row, Rows
from bench.suite import data_file
from bench.suites.philly import read_jobs
from placement.errors import InputError
from placement.units import parse_duration
from solver.workers import ProcessPool, Workers

__all__ = ["add_arguments", "run_fairness"]

_METHODS = ("fifo", "drf", "drf-backfill", "moorage", "moorage-fair-first")
_WARM_UP_S = 60.0
_SAY_S = 10.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of the command, but for `--data` and `--out`."""
    parser.add_argument("--methods", default=",".join(_METHODS), help="of these (default: %(default)s)")
    parser.add_argument("--nodes", type=int, default=50, help="nodes of 8 GPUs (default: %(default)s)")
    parser.add_argument("--period", default="10m", help="time between micro-batches (default: %(default)s)")
    parser.add_argument("--skip-hours", type=float, default=0.0, help="leave out what arrives before (default: 0)")
    parser.add_argument("--hours", type=float, help="stop after so many hours of the list (default: all of it)")
    parser.add_argument("--batch-ms", type=int, default=1000, help="time of `decide` per batch (default: %(default)s)")


def run_fairness(options: argparse.Namespace, data: Path | None, out: Path | None) -> int:
    """Measure what is not known yet and print the table; InputError for arguments and data that cannot be used."""
    names = options.methods.split(",")
    for name in names:
        if name not in _METHODS:
            raise InputError("--methods", f"there is no method {name!r}", f"use {', '.join(_METHODS)}")
    period_s, first_s = _period_s(options.period), int(3600 * options.skip_hours)
    if (
        not 16 <= options.nodes <= 1024
        or options.batch_ms < 1
        or period_s < 1
        or (options.hours is not None and options.hours <= 0)
    ):
        raise InputError(
            "--nodes, --batch-ms, --period, --hours",
            "one is out of range",
            "use 16-1024, 1 or more, 1s or more, above 0",
        )
    jobs = [job for job in read_jobs(data_file(data, "workloads/philly_jobs.csv.gz")) if job.start_s >= first_s]
    if not jobs:
        raise InputError("--skip-hours", "nothing arrives after them", "skip less")
    tenants = tuple(sorted({job.tenant for job in jobs}))
    until_s = math.inf if options.hours is None else first_s + 3600 * options.hours
    where = environment()
    found: list[Row] = []
    pool: ProcessPool | None = None
    try:
        with Rows.open(out) as rows:
            for name in names:
                limit = options.batch_ms if name.startswith("moorage") else None
                key = {"nodes": options.nodes, "period_s": period_s, "from_s": first_s, "hours": options.hours}
                identity = json.dumps([SUITE, key, name, limit, where["code"]], sort_keys=True)
                row = rows.known.get(identity)
                if row is None:
                    if limit is not None and pool is None:
                        pool = _started()
                    method = _method(name, options, pool, tenants)
                    row = {"identity": identity, "suite": SUITE, "instance": key, "method": name, "limit_ms": limit}
                    row |= {"load": load()}
                    began = time.monotonic()
                    figures = replay(
                        jobs,
                        options.nodes,
                        period_s,
                        method,
                        until_s=until_s,
                        tell=_teller(name, until_s, jobs[-1].start_s),
                    )
                    row |= {"figures": asdict(figures), "seconds": round(time.monotonic() - began, 1)}
                    if isinstance(method, Ours):
                        row |= {"decisions": len(method.took_ms), "proven": method.proven}
                        row |= {"decide_ms": {str(q): round(_quantile(method.took_ms, q), 1) for q in (50, 95, 100)}}
                    row["environment"] = where
                    rows.add(row)
                found.append(row)
    finally:
        if pool is not None:
            pool.close()
    sys.stdout.write(as_markdown(fairness_blocks(found)))
    return 0


def _method(name: str, options: argparse.Namespace, pool: Workers | None, tenants: tuple[str, ...]) -> Sharing:
    if name == "fifo":
        return Fifo()
    if name.startswith("drf") or pool is None:
        return Drf(backfill=name == "drf-backfill")
    return Ours(options.nodes, pool, options.batch_ms, tenants, name == "moorage-fair-first")


def _quantile(found: list[float], percent: int) -> float:
    """0 of none."""
    return sorted(found)[max(0, -(-len(found) * percent // 100) - 1)] if found else 0.0


def _started() -> ProcessPool:
    pool = ProcessPool(1)
    if not pool.warm_up(_WARM_UP_S):
        raise InputError("bench", "the solver process does not start", "see whether ortools imports")
    return pool


def _teller(name: str, until_s: float, last_s: int) -> Callable[[float], None]:
    """A line on stderr now and then."""
    end, said = min(until_s, last_s), time.monotonic()

    def tell(now: float) -> None:
        nonlocal said
        if time.monotonic() - said > _SAY_S:
            said = time.monotonic()
            sys.stderr.write(f"{name}: hour {now / 3600:.0f} of {end / 3600:.0f}\n")

    return tell


def _period_s(text: str) -> int:
    try:
        return parse_duration(text) // 1000
    except InputError as error:
        raise InputError("--period", error.problem, error.mend) from None
