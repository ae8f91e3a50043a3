"""The arguments of `python -m bench`, and what each command does."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from bench.blocks import as_markdown
from bench.compare import compare_folders
from bench.fairness.command import add_arguments as add_fairness
from bench.fairness.command import run_fairness
from bench.figures import score
from bench.machine import environment
from bench.registry import suites
from bench.replay.command import add_arguments, run_replays
from bench.report import blocks_of, write_picture, write_report
from bench.rows import Row, Rows, read_rows
from bench.run import Plan, run_suite
from bench.suite import Suite
from bench.suites.certificate_alone import alone_blocks
from bench.tables import troubles
from placement.errors import InputError
from placement.units import parse_duration

__all__ = ["run"]

_DATA = "MOORAGE_DATA"


def run(args: Sequence[str]) -> int:
    """Run a command: 0 if all is well, 1 if an answer is invalid, failed or below greedy, or a comparison found worse.

    InputError for arguments, files and data that cannot be used.
    """
    options = _parser().parse_args(args)
    if options.command == "list":
        return _list()
    if options.command == "report":
        pictures = [write_picture(Path(options.folder), options.picture)] if options.picture else []
        for path in (*write_report(Path(options.folder)), *pictures):
            sys.stdout.write(f"{path}\n")
        return 0
    if options.command == "compare":
        blocks, found = compare_folders(Path(options.old), Path(options.new))
        sys.stdout.write(as_markdown(blocks))
        return 1 if any(one.verdict == "worse" for one in found) else 0
    if options.command == "alone":
        sys.stdout.write(as_markdown(alone_blocks(read_rows(Path(options.folder)))))
        return 0
    if options.command == "fairness":
        return run_fairness(options, _data(options), None if options.out is None else Path(options.out))
    if options.command == "replay":
        return run_replays(options, _data(options), None if options.out is None else Path(options.out))
    return _run(options)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench", description="How good are the placements, and how fast?")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("list", help="list the suites, their methods and parameters")
    one = commands.add_parser("run", help="run suites; with --out they can be stopped and taken up again")
    one.add_argument("suite", nargs="+", metavar="SUITE", help="names of suites, or all")
    one.add_argument("--quick", action="store_true", help="a few small instances with short limits")
    one.add_argument("--seeds", type=int, help="number of seeds (default: what the suite says)")
    one.add_argument("--set", action="append", default=[], metavar="NAME=VALUE,...", help="other values of a parameter")
    one.add_argument("--limits", metavar="TIME,...", help="time limits, such as 250ms,1s,10s")
    one.add_argument("--methods", metavar="NAME,...", help="only these methods")
    one.add_argument("--rounds", type=int, help="repeat everything so often, every second time backwards")
    one.add_argument("--data", help=f"folder of measured data (default: {_DATA})")
    one.add_argument("--out", help="folder of results to add to; answers that it holds already are skipped")
    replays = commands.add_parser("replay", help="replay openb sequences by several methods and print the table")
    add_arguments(replays)
    replays.add_argument("--data", help=f"folder of measured data (default: {_DATA})")
    replays.add_argument("--out", help="folder of results to add to; replays that it holds already are skipped")
    fairness = commands.add_parser("fairness", help="replay the Philly job list and print how evenly tenants share")
    add_fairness(fairness)
    fairness.add_argument("--data", help=f"folder of measured data (default: {_DATA})")
    fairness.add_argument("--out", help="folder of results to add to; replays that it holds already are skipped")
    two = commands.add_parser("report", help="write report.html and summary.md into a folder of results")
    two.add_argument("folder", metavar="FOLDER")
    two.add_argument("--picture", metavar="SUITE", help="also write gap_SUITE.svg: gap against time of one suite")
    three = commands.add_parser("compare", help="say which cells of NEW are worse or better than in OLD beyond noise")
    three.add_argument("old", metavar="OLD")
    three.add_argument("new", metavar="NEW")
    four = commands.add_parser("alone", help="say which cases of the suite certificate one rule alone decides")
    four.add_argument(
        "folder",
        metavar="FOLDER",
        help="results of the suite with --set rules=rack+queue+disruption,rack,queue,disruption",
    )
    return parser


def _list() -> int:
    for suite in suites().values():
        sys.stdout.write(f"{suite.name:9} {suite.about}\n")
        for name, values in suite.grid.items():
            shown = " ".join(str(value) for value in values)
            sys.stdout.write(f"          {name}: {shown}\n")
        limits = " ".join(f"{limit:g}" for limit in suite.limits_s)
        sys.stdout.write(f"          methods: {' '.join(suite.methods)}; limits: {limits} s\n")
    return 0


def _run(options: argparse.Namespace) -> int:
    suites_chosen = _chosen(options.suite, _data(options) is not None)
    parameters = {name for suite in suites_chosen for name in suite.grid}
    for name in _settings(options):
        if name not in parameters:
            raise InputError("--set", f"there is no parameter {name!r}", f"use {', '.join(sorted(parameters))}")
    methods = {name for suite in suites_chosen for name in suite.methods}
    for name in [] if options.methods is None else options.methods.split(","):
        if name not in methods:
            raise InputError("--methods", f"there is no method {name!r}", f"use {', '.join(sorted(methods))}")
    plans = [_plan(suite, options) for suite in suites_chosen]
    out = None if options.out is None else Path(options.out)
    found: list[Row] = []
    with Rows.open(out) as rows:
        if out is not None:
            _log(out, plans)
        for plan in plans:
            found += run_suite(plan, rows, lambda line: print(line, file=sys.stderr))
    if out is not None:
        write_report(out)
    blocks = blocks_of(found, "this run" if out is None else out.resolve().name)
    sys.stdout.write(as_markdown(blocks))
    return 1 if troubles(score(found)) else 0


def _chosen(names: Sequence[str], has_data: bool) -> list[Suite]:
    known = suites()
    if "all" in names:
        return [suite for suite in known.values() if has_data or not suite.needs_data]
    for name in names:
        if name not in known:
            raise InputError("suite", f"there is no suite {name!r}", f"use {', '.join(known)} or all")
    return [known[name] for name in names]


def _plan(suite: Suite, options: argparse.Namespace) -> Plan:
    """What the options say about one of the suites."""
    chosen = {name: values for name, values in _settings(options).items() if name in suite.grid}
    grid = suite.settle(quick=options.quick, seeds=options.seeds, chosen=chosen)
    limits = suite.quick_limits_s if options.quick else suite.limits_s
    if options.limits is not None:
        limits = tuple(_seconds(text) for text in options.limits.split(","))
    rounds = suite.rounds if options.rounds is None else options.rounds
    if rounds < 1:
        raise InputError("--rounds", f"{rounds} is less than one", "use one or more")
    methods = None if options.methods is None else frozenset(options.methods.split(","))
    return Plan(suite, suite.specs(_data(options), grid), limits, rounds, methods)


def _settings(options: argparse.Namespace) -> dict[str, str]:
    """What `--set` says, by name."""
    pairs = [text.partition("=") for text in options.set]
    if any(not equals for _, equals, _ in pairs):
        raise InputError("--set", "it is no NAME=VALUE", "write for example nodes=128,1024")
    return {name: values for name, _, values in pairs}


def _seconds(text: str) -> float:
    try:
        return parse_duration(text) / 1e3
    except InputError as error:
        raise InputError("--limits", error.problem, error.mend) from None


def _data(options: argparse.Namespace) -> Path | None:
    named = options.data or os.environ.get(_DATA)
    if not named:
        return None
    if not Path(named).is_dir():
        raise InputError("--data", "there is no such folder", f"name the folder of measured data, or set {_DATA}")
    return Path(named)


def _log(out: Path, plans: Sequence[Plan]) -> None:
    """Note in the folder what was run, when and where: one JSON line per start."""
    started = {"command": sys.argv[1:], "suites": [plan.suite.name for plan in plans], "environment": environment()}
    with (out / "runs.jsonl").open("a", encoding="utf-8") as stream:
        stream.write(json.dumps(started) + "\n")
