"""`moorage solve`: decide a case and print the decision."""

from __future__ import annotations

import gc
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from placement.cli.changes import changed
from placement.cli.streams import OutputForm, check_writable, print_text, write_output

if TYPE_CHECKING:
    from placement.model import Case, Decision

__all__ = ["EXAMPLES", "exit_code", "solve"]

EXAMPLES = """\b
Examples:
  moorage solve case.json --time-limit 2s
  moorage solve case.json --work 500 --out decision.json      # the same answer on every machine
  moorage solve case.json --policy policy.toml -o json | jq .tiers
  cat case.json | moorage solve - --time-limit 500ms
"""
_WARM_UP_S = 60.0


def solve(
    path: Annotated[str, typer.Argument(metavar="CASE", help="Case file, .json or .json.gz; - = stdin.")],
    *,
    time_limit: Annotated[
        str | None, typer.Option("--time-limit", help="Time to decide once the case is loaded: 500ms, 2s, 1m.")
    ] = None,
    work: Annotated[
        int | None, typer.Option("--work", min=1, max=10**9, help="Deterministic work instead of time, in thousandths.")
    ] = None,
    policy: Annotated[str | None, typer.Option("--policy", help="Policy file (TOML) instead of the case's.")] = None,
    seed: Annotated[int | None, typer.Option("--seed", min=0, max=2**53, help="Seed instead of the case's.")] = None,
    out: Annotated[str | None, typer.Option("--out", help="File for the decision, .json or .json.gz.")] = None,
    output: Annotated[OutputForm, typer.Option("--output", "-o", help="What to print.")] = OutputForm.TABLE,
) -> int:
    """Decide where the pending work of a case runs.

    Without --time-limit and --work the case's own budget holds. With both, --work decides and --time-limit is the
    latest end. Ctrl-C ends the search and gives the best decision so far.
    """
    limit_s = None if time_limit is None else _seconds(time_limit)
    if out is not None:
        check_writable(out)
    case, decision = _decide(
        lambda: changed(path, policy=policy, seed=seed, work=work), limit_s, watched=sys.stderr.isatty()
    )
    if out is not None:
        write_output(out, decision.to_json() + "\n")
    if output is OutputForm.JSON:
        print_text(decision.to_json() + "\n")
    else:
        from placement.cli.table import print_decision  # noqa: PLC0415 - brings rich

        print_decision(case, decision)
    return exit_code(case, decision)


def _seconds(time_limit: str) -> float:
    from placement.errors import InputError  # noqa: PLC0415 - with the one below
    from placement.units import parse_duration  # noqa: PLC0415 - --help does without

    try:
        return parse_duration(time_limit) / 1e3
    except InputError as error:
        raise InputError("--time-limit", error.problem, error.mend) from None


def exit_code(case: Case, decision: Decision) -> int:
    """0 if all pending work is placed (or none was pending), 3 if none is, 4 if some is."""
    placed = {placement.workload for placement in decision.placements}
    waiting = [workload.id for workload in case.workloads if workload.id not in placed]
    if not waiting:
        return 0
    return 3 if len(waiting) == len(case.workloads) else 4


def _decide(load: Callable[[], Case], limit_s: float | None, *, watched: bool) -> tuple[Case, Decision]:
    """Load and decide; the solver process gets ready meanwhile, and its time counts for neither.

    Timings gain `load_ms` (reading, checking and indexing the case) and `warm_up_ms` (waiting for the process then).
    """
    began = time.monotonic()
    with _interruptible() as (start_workers, interrupted):
        # First of all: the process imports the solver while this one imports the rest and reads the case.
        workers = start_workers()
        try:
            from placement.engine import decide  # noqa: PLC0415 - after the start of the process
            from placement.snapshot import Snapshot  # noqa: PLC0415

            case = load()
            snapshot = Snapshot.of(case)
            gc.freeze()  # a large case is hundreds of thousands of objects that no collection needs to walk again
            loaded = time.monotonic()
            if not workers.warm_up(_WARM_UP_S):
                sys.stderr.write("note: the solver process is not ready; deciding without it\n")
            ready = time.monotonic()
            deadline = None if limit_s is None else ready + limit_s
            with _progress(case, watched=watched):
                decision = decide(
                    snapshot, clock=time.monotonic, workers=workers, deadline=deadline, cancelled=interrupted.is_set
                )
        finally:
            workers.close()
    before = {"load_ms": (loaded - began) * 1e3, "warm_up_ms": (ready - loaded) * 1e3}
    return case, decision.model_copy(update={"timings": before | decision.timings})


if TYPE_CHECKING:
    from solver.workers import ProcessPool

    _Start = Callable[[], ProcessPool]


@contextmanager
def _interruptible() -> Iterator[tuple[_Start, threading.Event]]:
    """Ctrl-C sets the event; a second one interrupts. Worker processes, started inside, do not hear it."""
    event = threading.Event()

    def start() -> ProcessPool:
        from solver.workers import ProcessPool  # noqa: PLC0415 - brings numpy

        # An ignored signal stays ignored in a process that is spawned meanwhile.
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            return ProcessPool(1)
        finally:
            signal.signal(signal.SIGINT, before)

    def on_interrupt(_number: int, _frame: object) -> None:
        if event.is_set():
            raise KeyboardInterrupt
        event.set()
        sys.stderr.write("\nstopping with the best decision so far; once more to give up\n")

    before = signal.signal(signal.SIGINT, on_interrupt)
    try:
        yield start, event
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def _progress(case: Case, *, watched: bool) -> Iterator[None]:
    """A line on stderr that shows the time, while someone watches."""
    if not watched:
        yield
        return
    from rich.console import Console  # noqa: PLC0415 - only where it is shown
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn  # noqa: PLC0415

    console = Console(stderr=True, markup=False, highlight=False, emoji=False)
    columns = SpinnerColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn()
    with Progress(*columns, console=console, transient=True) as progress:
        progress.add_task(f"placing {len(case.workloads)} workloads on {len(case.fleet.nodes)} nodes", total=None)
        yield
