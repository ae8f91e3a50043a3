"""One warm process that searches: how a job gets there, how news reach it while it searches, how it ends."""

from __future__ import annotations

import multiprocessing as mp
import signal
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from multiprocessing.connection import Connection
from typing import Protocol

from solver.messages import Message, PlanFound, StartFound, WaysGone
from solver.parcel import Announced, pack, receive, send
from solver.plan import Plan
from solver.problem import Problem
from solver.reduce import merge_items

__all__ = ["DONE", "Beside", "Body", "Job", "Meanwhile", "Tell", "Worker", "search_here", "serve_pipe", "started"]

DONE = "done"
"""A search has ended by itself. Any other string from a process says why it failed."""
_READY = "ready"


@dataclass(frozen=True)
class Job:
    """One search: the problem, a valid plan to start from, and what it may use (see `solver.search.Limits`)."""

    problem: Problem
    start: Plan
    seconds: float | None
    work: float | None
    seed: int = 0
    helpers: int = 0
    """How many more searches may look for plans beside this one, where processes are idle; the search itself gets
    to know how many do."""
    awaits: bool = False
    """A better plan to start from will be among the news, once it is made."""
    helps: bool = False
    """Looks for plans only, beside a search that proves."""
    resumes: bool = False
    """The plan to start from is an earlier answer but for a little: better plans are looked for around it only."""
    merges: bool = False
    """Items that are alike are merged before the search; what it tells and hears is of the problem as it is here."""
    part: tuple[int, int] = (0, 1)
    """Which of how many helpers it is: with several each looks mainly at an own part of the bins."""
    ways: int = 0
    """Greedy ways that need not be gone again (`solver.greedy.ways`)."""


Tell = Callable[[object], None]
"""Receives the messages of `solver.search`."""
News = Callable[[], Iterator[Message | None]]
"""What other searches of the same job have found meanwhile; None: end."""


class Beside(Protocol):
    """A search that has begun, as its caller sees it while it makes the plan to start from; none of this waits."""

    def pass_on(self, message: Message) -> None:
        """Let the search know."""

    def listen(self) -> None:
        """Take what the search has told, as if the plan to start from were made."""


Meanwhile = Callable[[Beside | None], StartFound]
"""Makes the plan to start from, while a search has begun already; None: it has not."""


def search_here(job: Job, tell: Tell, news: News | None = None, began: float | None = None) -> None:
    """Search in this process until done; `began` (monotonic seconds) is when the job's time began, if not now."""
    # ortools takes most of a second to import: only the process that searches pays for it.
    from solver.search import Limits, Role, search  # noqa: PLC0415 - see above

    began = time.monotonic() if began is None else began
    if job.merges:
        job, tell, news = _merging(job, tell, news)
    seconds = None if job.seconds is None else job.seconds - (time.monotonic() - began)
    limits = Limits(seconds, job.work, job.seed + job.part[0])
    role = Role.HELPER if job.helps else Role.HELPED if job.helpers else Role.ALONE
    search(
        job.problem,
        job.start,
        limits,
        tell,
        news,
        role=role,
        awaits=job.awaits,
        resumes=job.resumes,
        ways=job.ways,
        part=job.part,
    )


def _merging(job: Job, tell: Tell, news: News | None) -> tuple[Job, Tell, News]:
    """The job with alike items merged, and its way of telling and hearing."""
    merged = merge_items(job.problem)

    fewer = len(merged.problem.items) < len(job.problem.items)

    def push(message: object) -> None:
        if fewer and isinstance(message, WaysGone):
            return  # the ways of another problem
        if isinstance(message, PlanFound):
            message = replace(message, plan=merged.push(message.plan))
        tell(message)

    def pull() -> Iterator[Message | None]:
        for message in news() if news is not None else ():
            yield replace(message, plan=merged.pull(message.plan)) if isinstance(message, PlanFound) else message

    return replace(job, problem=merged.problem, start=merged.pull(job.start)), push, pull


def _serve(pipe: Connection) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a Ctrl-C in the terminal is for the parent, which drains
    serve_pipe(pipe)


def serve_pipe(pipe: Connection) -> None:
    """Search what comes through the pipe, one job after the other, until the other end is closed."""
    import solver.search  # noqa: F401, PLC0415 - the import is what makes the process warm

    pipe.send(_READY)
    while True:
        try:
            began, turn, job = _receive(pipe)
        except EOFError:
            return
        try:
            search_here(job, pipe.send, partial(_news, pipe, turn), began)
            pipe.send(DONE)
        except (EOFError, OSError):  # nobody is there to hear it
            return
        except Exception as error:  # noqa: BLE001 - the parent decides; the process must answer whatever happens
            pipe.send(f"failed: {type(error).__name__}: {error}")


def _receive(pipe: Connection) -> tuple[float, int, Job]:
    """When the next job began to arrive, its number, and the job; its arrays are read-only.

    News that came too late for the last one are dropped.
    """
    while not isinstance(message := pipe.recv(), Announced):
        pass
    began = time.monotonic()
    job: Job = receive(pipe, message)
    return began, message.turn, job


def _news(pipe: Connection, turn: int) -> Iterator[Message | None]:
    while pipe.poll(0):
        meant, message = pipe.recv()
        if meant == turn:
            yield message


class Body(Protocol):
    """What runs at the other end of the pipe."""

    @property
    def pid(self) -> int | None:
        """Its process on this machine, if it is one."""

    def is_alive(self) -> bool:
        """False once it is known to be gone."""

    def kill(self) -> None:
        """End it at once."""

    def join(self, timeout: float | None = None) -> None:
        """Wait until it is gone."""


def started() -> Worker:
    """A new process on this machine."""
    context = mp.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs,), daemon=True)
    process.start()
    theirs.close()
    return Worker(ours, process)


class Worker:
    """The process as its parent sees it."""

    def __init__(self, pipe: Connection, process: Body, *, away: bool = False) -> None:
        self.pipe = pipe
        self.process = process
        self.away = away
        """On another machine: it helps, is nobody's leader, and takes no processor from anybody here."""
        self.ready = False
        self._sending = threading.Lock()
        self._turn = 0
        self._latest: tuple[int, Message | None] | None = None
        """What has not been sent yet, and for which job; only the latest matters."""
        self._sender: threading.Thread | None = None
        self._guard = threading.Lock()

    def wait_ready(self, seconds: float | None) -> bool:
        """True once the process has imported what it needs."""
        try:
            if not self.ready and self.pipe.poll(seconds):
                self.ready = self.pipe.recv() == _READY
        except (EOFError, OSError):
            return False
        return self.ready

    def give(self, job: Job) -> None:
        """Send a job with its arrays beside it: they are written as they lie in memory, and not copied before."""
        parcel = pack(job)
        with self._guard:
            self._turn += 1
            self._latest = None
        with self._sending:
            send(self.pipe, parcel, self._turn, away=self.away)

    def pass_on(self, message: Message) -> None:
        """News for the search, which it hears when it looks. Never waits: the pipe of a busy process may be full."""
        self._post(message)

    def stop(self) -> None:
        """Ask the search to end, which it does when it looks; never waits."""
        self._post(None)

    def _post(self, message: Message | None) -> None:
        with self._guard:
            self._latest = self._turn, message
            if self._sender is None:
                self._sender = threading.Thread(target=self._send_latest, daemon=True)
                self._sender.start()

    def _send_latest(self) -> None:
        while True:
            with self._guard:
                message, self._latest = self._latest, None
                if message is None:
                    self._sender = None
                    return
            try:
                with self._sending:
                    self.pipe.send(message)
            except (OSError, ValueError):  # killed meanwhile: nobody is there to hear it
                continue

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
