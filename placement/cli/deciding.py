"""Deciding from the command line: one warm solver process, Ctrl-C, and a sign of life."""

from __future__ import annotations

import gc
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from placement.model import Case, Decision, Placement
    from solver.workers import ProcessPool

__all__ = ["Session", "deciding", "seconds"]

_WARM_UP_S = 60.0


def seconds(text: str | None, option: str = "--time-limit") -> float | None:
    """The seconds of an option; None if it was not given. InputError if it is no duration."""
    if text is None:
        return None
    from placement.errors import InputError  # noqa: PLC0415 - with the one below
    from placement.units import parse_duration  # noqa: PLC0415 - --help does without

    try:
        return parse_duration(text) / 1e3
    except InputError as error:
        raise InputError(option, error.problem, error.mend) from None


class Session:
    """Decides one case after the other with the same solver process; made by `deciding`."""

    def __init__(self, workers: ProcessPool, interrupted: threading.Event) -> None:
        self.workers = workers
        """Its solver process, which may still be starting."""
        self._interrupted = interrupted
        self._since = time.monotonic()

    def ready(self) -> ProcessPool:
        """The solver process, once it has started (or has had its time to)."""
        self.workers.warm_up(_WARM_UP_S)
        return self.workers

    def decide(
        self,
        case: Case,
        limit_s: float | None,
        *,
        start: tuple[Placement, ...] | None = None,
        warm: Decision | None = None,
        label: str = "placing",
    ) -> Decision:
        """Decide a case within `limit_s` seconds from when the process is ready (None: the case's own budget).

        `start` are placements to judge as well, `warm` is an earlier answer to go on from. Timings gain `load_ms`
        (since the last decision, or since the start) and `warm_up_ms` (waiting for the process then). Ctrl-C ends the
        search with the best decision so far.
        """
        from placement.engine import decide  # noqa: PLC0415 - after the start of the process
        from placement.snapshot import Snapshot  # noqa: PLC0415

        snapshot = Snapshot.of(case)
        gc.freeze()  # a large case is hundreds of thousands of objects that no collection needs to walk again
        loaded = time.monotonic()
        if not self.workers.warm_up(_WARM_UP_S):
            sys.stderr.write("note: the solver process is not ready; deciding without it\n")
        ready = time.monotonic()
        with _progress(f"{label} {len(case.workloads)} workloads on {len(case.fleet.nodes)} nodes"):
            decision = decide(
                snapshot,
                clock=time.monotonic,
                workers=self.workers,
                start=start,
                warm=warm,
                deadline=None if limit_s is None else ready + limit_s,
                cancelled=self._interrupted.is_set,
            )
        self._interrupted.clear()  # the next search is another one
        before = {"load_ms": (loaded - self._since) * 1e3, "warm_up_ms": (ready - loaded) * 1e3}
        self._since = time.monotonic()
        return decision.model_copy(update={"timings": before | decision.timings})


@contextmanager
def deciding() -> Iterator[Session]:
    """A session with its solver process, which starts at once and imports the solver while the case is read.

    The first Ctrl-C in a search ends that search; a second one interrupts. The process does not hear it.
    """
    event = threading.Event()

    def on_interrupt(_number: int, _frame: object) -> None:
        if event.is_set():
            raise KeyboardInterrupt
        event.set()
        sys.stderr.write("\nstopping with the best decision so far; once more to give up\n")

    before = signal.signal(signal.SIGINT, on_interrupt)
    try:
        workers = _start()
        try:
            yield Session(workers, event)
        finally:
            workers.close()
    finally:
        signal.signal(signal.SIGINT, before)


def _start() -> ProcessPool:
    from solver.workers import ProcessPool, helpers_for  # noqa: PLC0415 - brings numpy

    # An ignored signal stays ignored in a process that is spawned meanwhile.
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        return ProcessPool(1, helpers=helpers_for(1))
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def _progress(task: str) -> Iterator[None]:
    """A line on stderr that shows the time, while someone watches."""
    if not sys.stderr.isatty():
        yield
        return
    from rich.console import Console  # noqa: PLC0415 - only where it is shown
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn  # noqa: PLC0415

    console = Console(stderr=True, markup=False, highlight=False, emoji=False)
    columns = SpinnerColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn()
    with Progress(*columns, console=console, transient=True) as progress:
        progress.add_task(task, total=None)
        yield
