"""The arguments of `python -m bench`, and what each command does."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from bench import openb, proven
from bench.report import print_report
from bench.rows import Job, Rows
from bench.run import run_jobs
from placement.errors import InputError
from placement.units import parse_duration

__all__ = ["run"]

_DATA = "MOORAGE_DATA"
_SUITES = (("proven", proven.ABOUT), ("openb", openb.ABOUT))


def run(args: Sequence[str]) -> int:
    """Run a command: 0 if all is well, 1 if an answer failed its check or fell below greedy.

    InputError for arguments, files and data that cannot be used.
    """
    options = _parser().parse_args(args)
    if options.suite == "list":
        for name, about in _SUITES:
            sys.stdout.write(f"{name:8} {about}\n")
        return 0
    limit_ms = _time_limit(options.time_limit)
    jobs: list[Job]
    if options.suite == "proven":
        jobs = proven.jobs(
            options.fleet, options.nodes, options.pending, options.occupancy, options.seeds, time_limit_ms=limit_ms
        )
    else:
        jobs = openb.jobs(_data(options.data), time_limit_ms=limit_ms)
    with Rows.open(None if options.out is None else Path(options.out)) as rows:
        found = run_jobs(jobs, rows)
    print_report(found)
    return 1 if any(row["violations"] or row["below_greedy"] for row in found) else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench", description="Speed and proofs of `decide`.")
    suites = parser.add_subparsers(dest="suite", required=True)
    suites.add_parser("list", help="list the suites")
    one = suites.add_parser("proven", help=proven.ABOUT, description=proven.ABOUT)
    one.add_argument("--fleet", choices=(*proven.FLEETS, "all"), default="hgx")
    one.add_argument("--nodes", type=int, default=128)
    one.add_argument("--pending", type=int, default=40, help="workloads that wait")
    one.add_argument("--occupancy", type=float, default=0.8, help="share of the GPUs that running work holds")
    one.add_argument("--seeds", type=int, default=20, help="cases per fleet")
    two = suites.add_parser("openb", help=openb.ABOUT, description=openb.ABOUT)
    two.add_argument("--data", help=f"folder of measured data (default: {_DATA})")
    for each, limit in ((one, "10s"), (two, "2s")):
        each.add_argument("--time-limit", default=limit, help=f"time to decide (default: {limit})")
        each.add_argument("--out", help="file of JSON lines to add to; cases that it holds already are skipped")
    return parser


def _time_limit(text: str) -> int:
    try:
        return parse_duration(text)
    except InputError as error:
        raise InputError("--time-limit", error.problem, error.mend) from None


def _data(folder: str | None) -> Path:
    named = folder or os.environ.get(_DATA)
    if not named:
        raise InputError("--data", "no folder of measured data is named", f"give --data or set {_DATA}")
    path = Path(named) / "openb_replay"
    if not path.is_dir():
        raise InputError("--data", "there is no folder openb_replay in it", "name the folder that holds it")
    return path
