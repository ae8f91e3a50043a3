"""Where a search runs: in a warm process of its own that is killed when time is up, or in this process."""

from __future__ import annotations

import math
import multiprocessing as mp
import pickle
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Protocol

from solver.plan import Plan
from solver.problem import Problem

__all__ = ["Inline", "Job", "ProcessPool", "Workers"]


_TICK_S = 0.05
"""How often a waiting call looks whether it was cancelled."""
_MARGIN, _MARGIN_S = 0.04, 0.05
"""What a search is told to leave of its time, so that it mostly ends by itself and its process stays warm."""
_GRACE_S = 2.0
"""How long a search that was told to end, and is late, keeps its process; nobody waits for it meanwhile."""
_LOOK_S = 0.25
"""How often it is looked after."""
_LATE = "out of time"


@dataclass(frozen=True)
class Job:
    """One search: the problem, a valid plan to start from, and what it may use (see `solver.search.Limits`)."""

    problem: Problem
    start: Plan
    seconds: float | None
    work: float | None
    seed: int = 0


Tell = Callable[[object], None]
"""Receives the messages of `solver.search`."""
Cancelled = Callable[[], bool]
"""True once nobody waits for the answer any more."""


class Workers(Protocol):
    """Runs searches."""

    def run(self, job: Job, tell: Tell, cancelled: Cancelled | None = None) -> str | None:
        """Run until done or until `job.seconds` are over; returns why it ended early, None if it ended by itself."""


def _search(job: Job, tell: Tell) -> None:
    # ortools takes most of a second to import: only the process that searches pays for it.
    from solver.search import Limits, search  # noqa: PLC0415 - see above

    search(job.problem, job.start, Limits(job.seconds, job.work, job.seed), tell)


class Inline:
    """Searches in the calling process: for tests and for callers that can wait. Cannot be killed."""

    def run(self, job: Job, tell: Tell, cancelled: Cancelled | None = None) -> str | None:
        """Run to the end."""
        _search(job, tell)
        return None


def _send(pipe: Connection, job: Job) -> None:
    """Send a job with its arrays beside it: they are written as they lie in memory, and not copied before."""
    buffers: list[pickle.PickleBuffer] = []
    head = pickle.dumps(job, protocol=5, buffer_callback=buffers.append)
    pipe.send(len(buffers))
    pipe.send_bytes(head)
    for buffer in buffers:
        pipe.send_bytes(buffer.raw())


def _receive(pipe: Connection) -> Job:
    """The job that `_send` has sent. Its arrays are read-only."""
    count = pipe.recv()
    head = pipe.recv_bytes()
    buffers = [pipe.recv_bytes() for _ in range(count)]
    job: Job = pickle.loads(head, buffers=buffers)  # noqa: S301 - the other end is our own parent process
    return job


def _serve(pipe: Connection) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a Ctrl-C in the terminal is for the parent, which drains
    import solver.search  # noqa: F401, PLC0415 - the import is what makes the process warm

    pipe.send("ready")
    while True:
        try:
            job = _receive(pipe)
        except EOFError:
            return
        try:
            _search(job, pipe.send)
            pipe.send("done")
        except Exception as error:  # noqa: BLE001 - the parent decides; the process must answer whatever happens
            pipe.send(f"failed: {type(error).__name__}: {error}")


class _Worker:
    def __init__(self) -> None:
        context = mp.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self.process: BaseProcess = context.Process(target=_serve, args=(theirs,), daemon=True)
        self.process.start()
        theirs.close()
        self.ready = False

    def wait_ready(self, seconds: float | None) -> bool:
        """True once the process has imported what it needs."""
        try:
            if not self.ready and self.pipe.poll(seconds):
                self.ready = self.pipe.recv() == "ready"
        except (EOFError, OSError):
            return False
        return self.ready

    def ended(self) -> bool:
        """True once the search has ended of which nobody hears any more; what it still tells is dropped."""
        try:
            while self.pipe.poll(0):
                if isinstance(self.pipe.recv(), str):
                    return True
        except (EOFError, OSError):
            self.process.kill()
            self.process.join(5)
            return True
        return False

    def kill(self) -> None:
        """End the process at once."""
        self.process.kill()
        self.process.join(5)
        self.pipe.close()


class ProcessPool:
    """A fixed number of warm worker processes, one search each.

    A process whose search is late is given up at once and returns when the search ends; if that takes too long it is
    killed and replaced. To kill it at once would cost a boot, a second of a processor that is short of time already.
    When `size` are busy, `run` waits for one until its own time is up and then says so. `spare` more processes stand
    by, so that the place of a killed one is taken at once: booting another takes a second or more.
    """

    def __init__(self, size: int = 1, spare: int = 0) -> None:
        self._idle: list[_Worker] = [_Worker() for _ in range(size + spare)]
        self._overdue: list[tuple[_Worker, float]] = []
        """Late searches, and when they are killed."""
        self._watched = False
        """Whether a timer looks after them: one for all, however many are late at once."""
        self._open = size
        self._condition = threading.Condition()
        self._closed = False

    def warm_up(self, seconds: float = 60.0) -> bool:
        """Wait until the idle workers are ready; False if one is not in time."""
        with self._condition:
            idle = list(self._idle)
        return all(worker.wait_ready(seconds) for worker in idle)

    def _take(self, until: float | None, cancelled: Cancelled | None) -> _Worker | None:
        with self._condition:
            while True:
                self._gather()
                if self._idle and self._open > 0:
                    break
                left = _TICK_S if until is None else min(_TICK_S, until - time.monotonic())
                if self._closed or left <= 0 or (cancelled is not None and cancelled()):
                    return None
                self._condition.wait(left)
            # Killed from outside while idle: its place is taken before anyone counts on it.
            self._idle = [worker if worker.process.is_alive() else _Worker() for worker in self._idle]
            # Asked now, not once at boot: a spare may have become ready while nobody looked.
            warm = next((i for i, worker in enumerate(self._idle) if worker.wait_ready(0)), 0)
            self._open -= 1
            return self._idle.pop(warm)

    def _give(self, worker: _Worker) -> None:
        with self._condition:
            self._open += 1
            if self._closed:
                worker.kill()
                return
            self._idle.append(worker)
            self._condition.notify()

    def _excuse(self, worker: _Worker) -> None:
        """Let a late search end by itself, without a place of its own."""
        with self._condition:
            self._open += 1
            if self._closed:
                worker.kill()
                return
            self._overdue.append((worker, time.monotonic() + _GRACE_S))
            self._condition.notify()
            if not self._watched:
                self._watched = True
                self._look_later()

    def _look_later(self) -> None:
        timer = threading.Timer(_LOOK_S, self._collect)
        timer.daemon = True
        timer.start()

    def _collect(self) -> None:
        """Look after late searches until there is none: nobody may ask for a process again."""
        with self._condition:
            self._gather()
            self._watched = bool(self._overdue)
            if self._watched:
                self._look_later()

    def _gather(self) -> None:
        """Take back the processes whose late search has ended, and replace those whose grace is over."""
        waiting = []
        for worker, until in self._overdue:
            if worker.ended():
                self._idle.append(worker)
            elif time.monotonic() < until:
                waiting.append((worker, until))
            else:
                worker.kill()
                self._idle.append(_Worker())
        self._overdue = waiting

    def run(self, job: Job, tell: Tell, cancelled: Cancelled | None = None) -> str | None:
        """See `Workers.run`. Cancelling is noticed within a tick."""
        until = None if job.seconds is None else time.monotonic() + job.seconds
        worker = self._take(until, cancelled)
        if worker is None:
            return "no idle worker"
        if not worker.wait_ready(None if until is None else max(0.0, until - time.monotonic())):
            # Still importing: the next call will want it.
            self._give(worker if worker.process.is_alive() else _Worker())
            return "the worker was not ready in time"
        reason = _converse(worker, job, until, tell, cancelled)
        if reason == _LATE:
            self._excuse(worker)
            return reason
        if reason is not None:
            worker.kill()
            worker = _Worker()
        self._give(worker)
        return reason

    def close(self) -> None:
        """Kill all idle workers and those with late searches; busy ones are killed when they come back."""
        with self._condition:
            self._closed = True
            idle = [*self._idle, *(worker for worker, _ in self._overdue)]
            self._idle, self._overdue = [], []
            self._condition.notify_all()
        for worker in idle:
            worker.kill()


def _converse(worker: _Worker, job: Job, until: float | None, tell: Tell, cancelled: Cancelled | None) -> str | None:
    """Send the job and pass on what the worker tells; returns why it must be killed, None if it is done."""

    def left() -> float:
        return math.inf if until is None else until - time.monotonic()

    try:
        own = None if until is None else left() * (1 - _MARGIN) - _MARGIN_S
        _send(worker.pipe, Job(job.problem, job.start, own, job.work, job.seed))
        while left() > 0:
            if cancelled is not None and cancelled():
                return "cancelled"
            if worker.pipe.poll(min(_TICK_S, max(0.0, left()))):
                message = worker.pipe.recv()
                if message == "done":
                    return None
                if isinstance(message, str):
                    return message
                tell(message)
    except (EOFError, OSError):
        return "the worker died"
    return _LATE
