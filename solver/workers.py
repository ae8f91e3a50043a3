"""Where a search runs: in warm processes of its own that are killed when time is up, or in this process."""

from __future__ import annotations

import math
import os
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from multiprocessing.connection import wait
from typing import Protocol

from solver.collector import collection
from solver.messages import Message, PlanFound
from solver.worker import DONE, Job, Meanwhile, Tell, Worker, search_here, started

__all__ = ["Inline", "Job", "ProcessPool", "Workers", "helpers_for"]

_TICK_S = 0.05
"""How often a waiting call looks whether it was cancelled."""
_MARGIN, _MARGIN_S, _MARGIN_SHARE = 0.04, 0.05, 0.1
"""What a search is told to leave of its time, so that it mostly ends by itself and its process stays warm: the first
share, and so many seconds, but not more than the second share."""
_GRACE_S = 2.0
"""How long a search that was told to end, and is late, keeps its process; nobody waits for it meanwhile."""
_LOOK_S = 0.25
"""How often it is looked after."""
_WORTH = 25
"""A search gets help if more time is left than so often what it takes to send the problem."""
_LATE = "out of time"

Cancelled = Callable[[], bool]
"""True once nobody waits for the answer any more."""


class Workers(Protocol):
    """Runs searches."""

    def run(
        self, job: Job, tell: Tell, cancelled: Cancelled | None = None, meanwhile: Meanwhile | None = None
    ) -> str | None:
        """Run until done or until `job.seconds` are over; returns why it ended early, None if it ended by itself.

        `meanwhile` is called exactly once, in the calling thread, and makes the plan to start from; the search may
        begin with what needs none. Without it the search starts from `job.start`.
        """


def _processors() -> int:
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # no such call on this system
        return os.cpu_count() or 1


def helpers_for(size: int) -> int:
    """How many searches may help `size` others on this machine: one each, where each has a processor of its own."""
    return size if _processors() >= 2 * size else 0


class Inline:
    """Searches in the calling process: for tests and for callers that can wait. Cannot be killed."""

    def run(
        self, job: Job, tell: Tell, cancelled: Cancelled | None = None, meanwhile: Meanwhile | None = None
    ) -> str | None:
        """Run to the end."""
        began = time.monotonic()
        job = replace(job, start=meanwhile(None).plan if meanwhile else job.start, helpers=0)
        with collection():
            search_here(job, tell, began=began)
        return None


class ProcessPool:
    """A fixed number of warm worker processes, one search each.

    A process whose search is late is given up at once and returns when the search ends; if that takes too long it is
    killed and replaced. To kill it at once would cost a boot, a second of a processor that is short of time already.
    When `size` are busy, `run` waits for one until its own time is up and then says so. `spare` more processes stand
    by, so that the place of a killed one is taken at once: booting another takes a second or more.

    A job that asks for helpers gets processes that nobody else needs: of the `size` that are idle, and of `helpers`
    more that are there for this only. A helper leaves when another job wants its processor. Processes of other machines
    may join (`admit`); they help every job that asks for helpers, and are forgotten once they are gone.
    """

    def __init__(self, size: int = 1, spare: int = 0, helpers: int = 0) -> None:
        self._idle: list[Worker] = [started() for _ in range(size + spare + helpers)]
        self._spare = spare
        self._most = size + helpers
        """Most processes that search at a time."""
        self._size = size
        self._parallel = _processors() > 1
        """A search does not slow down what its caller does meanwhile."""
        self._away: list[Worker] = []
        """Idle processes of other machines."""
        self._helping: list[Worker] = []
        self._overdue: list[tuple[Worker, float]] = []
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

    def _take(self, until: float | None, cancelled: Cancelled | None) -> Worker | None:
        with self._condition:
            while True:
                self._gather()
                if self._idle and self._open > 0:
                    break
                if self._open > 0:
                    self._recall()
                left = _TICK_S if until is None else min(_TICK_S, until - time.monotonic())
                if self._closed or left <= 0 or (cancelled is not None and cancelled()):
                    return None
                self._condition.wait(left)
            # Killed from outside while idle: its place is taken before anyone counts on it.
            self._idle = [worker if worker.process.is_alive() else started() for worker in self._idle]
            # Asked now, not once at boot: a spare may have become ready while nobody looked.
            warm = next((i for i, worker in enumerate(self._idle) if worker.wait_ready(0)), 0)
            self._open -= 1
            taken = self._idle.pop(warm)
            if self.busy() > self._most:
                self._recall()
            return taken

    def admit(self, worker: Worker) -> bool:
        """Let a process of another machine help; False if the pool is closed."""
        with self._condition:
            if not self._closed:
                self._away.append(worker)
            return not self._closed

    def away(self) -> int:
        """Idle processes of other machines that are ready to help."""
        with self._condition:
            return sum(worker.process.is_alive() and worker.wait_ready(0) for worker in self._away)

    def busy(self) -> int:
        """Processes of this machine that search now, helpers among them."""
        return self._size - self._open + sum(not worker.away for worker in self._helping)

    def _recall(self) -> None:
        """Ask a helper to leave."""
        here = next((worker for worker in self._helping if not worker.away), None)
        if here is not None:
            here.stop()

    def _lend(self, most: int) -> list[Worker]:
        """Warm processes that nobody needs now: so many of this machine, and all of others."""
        with self._condition:
            lent: list[Worker] = []
            if most:
                self._away = [worker for worker in self._away if worker.process.is_alive()]
                lent = [worker for worker in self._away if worker.wait_ready(0)]
                self._away = [worker for worker in self._away if worker not in lent]
                self._helping += lent
                most += len(lent)
            while len(lent) < most and len(self._idle) > self._spare and self.busy() < self._most:
                warm = next((w for w in self._idle if w.process.is_alive() and w.wait_ready(0)), None)
                if warm is None:
                    break
                self._idle.remove(warm)
                self._helping.append(warm)
                lent.append(warm)
            return lent

    def _leave(self, worker: Worker) -> None:
        """A process gives up its place, or its part as a helper."""
        if worker in self._helping:
            self._helping.remove(worker)
        else:
            self._open += 1
        self._condition.notify()

    def _give(self, worker: Worker, instead: Worker | None = None) -> None:
        """A process is idle again, or another one in its place."""
        with self._condition:
            self._leave(worker)
            back = instead or worker
            if self._closed:
                back.kill()
            elif not back.away:
                self._idle.append(back)
            elif back.process.is_alive():
                self._away.append(back)

    def _excuse(self, worker: Worker) -> None:
        """Let a late search end by itself, without a place of its own."""
        with self._condition:
            self._leave(worker)
            if self._closed:
                worker.kill()
                return
            self._overdue.append((worker, time.monotonic() + _GRACE_S))
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
                (self._away if worker.away else self._idle).append(worker)
            elif time.monotonic() < until:
                waiting.append((worker, until))
            else:
                worker.kill()
                if not worker.away:
                    self._idle.append(started())
        self._overdue = waiting

    def run(
        self, job: Job, tell: Tell, cancelled: Cancelled | None = None, meanwhile: Meanwhile | None = None
    ) -> str | None:
        """See `Workers.run`. Cancelling is noticed within a tick."""
        until = None if job.seconds is None else time.monotonic() + job.seconds
        worker = self._take(time.monotonic(), None) if meanwhile and self._parallel else None
        if worker is not None and not worker.wait_ready(0):
            self._give(worker)
            worker = None
        if worker is None:
            if meanwhile is not None:
                job, meanwhile = replace(job, start=meanwhile(None).plan), None
            worker = self._take(until, cancelled)
        if worker is None:
            return "no idle worker"
        if not worker.wait_ready(None if until is None else max(0.0, until - time.monotonic())):
            # Still importing: the next call will want it.
            self._give(worker, None if worker.process.is_alive() else started())
            return "the worker was not ready in time"
        return _Talk([worker, *self._lend(job.helpers)], job, until, tell, cancelled, self._ended).run(meanwhile)

    def _ended(self, worker: Worker, reason: str | None) -> None:
        if reason in {None, _LATE}:
            (self._give if reason is None else self._excuse)(worker)
        else:
            worker.kill()
            self._give(worker, None if worker.away else started())

    def close(self) -> None:
        """Kill all idle workers and those with late searches; busy ones are killed when they come back."""
        with self._condition:
            self._closed = True
            idle = [*self._idle, *self._away, *(worker for worker, _ in self._overdue)]
            self._idle, self._away, self._overdue = [], [], []
            self._condition.notify_all()
        for worker in idle:
            worker.kill()


class _Talk:
    """One job in one process, and in others that help: plans go from each to the caller and to all others."""

    def __init__(
        self,
        searching: list[Worker],
        job: Job,
        until: float | None,
        tell: Tell,
        cancelled: Cancelled | None,
        ended: Callable[[Worker, str | None], None],
    ) -> None:
        self.leader = searching[0]
        self.searching = searching
        self.job = job
        self.until = until
        self.tell = tell
        self.cancelled = cancelled
        self.best: tuple[int, ...] | None = None
        """Values of the best plan that was passed on."""
        self.ended = ended
        """Hears at once of every search that has ended: None if by itself, else why its process is late or useless."""
        self.reason: str | None = None
        """The same of the leader."""

    def left(self) -> float:
        return math.inf if self.until is None else self.until - time.monotonic()

    def run(self, meanwhile: Meanwhile | None) -> str | None:
        """Talk until the leader has ended; helpers that have not by then are told to, and count as late.

        Helpers start once there is a plan: until then the caller needs the processor.
        """
        helpers = self.searching[1:]
        awaits = meanwhile is not None and not self.job.resumes
        began = time.monotonic()
        self.give(self.leader, replace(self.job, helpers=len(helpers), awaits=awaits))
        took = time.monotonic() - began
        if meanwhile is not None:
            first = meanwhile(self)
            self.best, self.job = first.values, replace(self.job, start=first.plan, ways=first.ways)
            if self.leader in self.searching:
                self.leader.pass_on(first)
        for number, helper in enumerate(helpers):
            job = replace(self.job, helps=True, part=(number, len(helpers)))
            if self.left() <= _WORTH * took:
                self.end(helper, None)
            elif helper.away:  # the line may be slow, and the leader wants to be heard
                threading.Thread(target=self.send_away, args=(helper, job), daemon=True).start()
            else:
                self.give(helper, job)
        while self.leader in self.searching:
            if self.cancelled is not None and self.cancelled():
                self.end(self.leader, "cancelled")
                break
            # Also where the caller took all the time: what was told meanwhile is heard once.
            over = self.left() <= 0
            for pipe in wait([w.pipe for w in self.searching], min(_TICK_S, max(0.0, self.left()))):
                worker = next(w for w in self.searching if w.pipe is pipe)
                self.hear(worker)
            if over:
                break
        for worker in list(self.searching):
            if worker is not self.leader:
                worker.stop()
            self.end(worker, _LATE)
        return self.reason

    def pass_on(self, message: Message) -> None:
        """See `Beside.pass_on`."""
        if self.leader in self.searching:
            self.leader.pass_on(message)

    def listen(self) -> None:
        """See `Beside.listen`."""
        while self.leader in self.searching and self.leader.pipe.poll(0):
            self.hear(self.leader)

    def give(self, worker: Worker, job: Job) -> None:
        """Send a job."""
        try:
            worker.give(self.timed(job))
        except OSError:
            self.end(worker, "the worker died")

    def timed(self, job: Job) -> Job:
        """The job with the time that is left."""
        if self.until is None:
            return replace(job, seconds=None)
        left = self.left()
        return replace(job, seconds=left * (1 - _MARGIN) - min(_MARGIN_S, left * _MARGIN_SHARE))

    def send_away(self, worker: Worker, job: Job) -> None:
        """Send a job to another machine; if that fails the line is cut, which is heard like any other end."""
        try:
            worker.give(self.timed(job))
        except OSError:
            worker.process.kill()

    def hear(self, worker: Worker) -> None:
        """One message."""
        try:
            message = worker.pipe.recv()
        except (EOFError, OSError):
            self.end(worker, "the worker died")
            return
        if isinstance(message, str):
            self.end(worker, None if message == DONE else message)
            return
        if isinstance(message, PlanFound) and (self.best is None or message.values < self.best):
            self.best = message.values
            for other in self.searching:
                if other is not worker:
                    other.pass_on(message)
        self.tell(message)

    def end(self, worker: Worker, reason: str | None) -> None:
        self.searching.remove(worker)
        if worker is self.leader:
            self.reason = reason
        self.ended(worker, reason)
