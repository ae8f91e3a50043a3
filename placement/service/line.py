"""The line before the solver: calls that reserve on the same state are decided together, one batch at a time.

Calls decided side by side on one state want the same best places, and all but one of them would be decided in vain.
So a call waits for the batch before it, unless that ends too late for it; then it is decided beside it, and the
store settles who was first. A batch is whatever stands in line when its turn comes; after a batch of several calls
the next one begins a moment later, since those who were just answered mostly come back with their next call. Without
that moment one of them would be decided alone, and all others would wait for it.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field

from placement.service.bodies import BatchBody
from placement.service.placing import Asked, Placed
from placement.service.times import Limits, Times, Usual

__all__ = ["Line"]

_PATIENCE_S = 1.0
"""How long a call waits for a batch that should have ended, unless its deadline is sooner."""

_MOST_BESIDE = 4
"""Batches at once, if each is too urgent to wait for those before it."""

Together = Callable[[Sequence[Asked]], list[Placed | Exception]]
"""`Placing.together`, which runs in a thread."""


@dataclass(eq=False)
class _Waiting:
    asked: Asked
    company: str | None
    ends_s: float
    """When its solve should end; it does not wait for a batch that ends later."""
    due_s: float
    """When it is decided whatever else runs."""
    answer: asyncio.Future[Placed]


@dataclass(eq=False)
class _Batch:
    calls: list[_Waiting]
    ends_s: float
    """When its solve should end."""
    names: set[str] = field(default_factory=set)


class Line:
    """Runs batches in the threads of `solves`. Lives on the event loop."""

    def __init__(self, together: Together, solves: Executor, limits: Limits, reserve: Usual) -> None:
        self._together = together
        self._solves = solves
        self._limits = limits
        self._reserve = reserve
        self._waiting: list[_Waiting] = []
        self._running: set[_Batch] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._gathering_until_s = 0.0

    async def place(self, body: BatchBody, times: Times, gone: threading.Event) -> Placed:
        """The answer to one call; its error is raised. Setting `gone` takes it out of its batch."""
        loop = asyncio.get_running_loop()
        ends_s = self._ends_s(body, times)
        patience_s = _PATIENCE_S if times.deadline_s is None else (times.deadline_s - ends_s) / 2
        due_s = ends_s + max(0.0, min(_PATIENCE_S, patience_s))
        one = _Waiting(Asked(body, times, gone), body.company, ends_s, due_s, loop.create_future())
        self._waiting.append(one)
        if one.company is not None and self._running:
            loop.call_later(max(0.0, due_s - time.monotonic()), self._pump)
        self._pump()
        try:
            return await one.answer
        except asyncio.CancelledError:
            gone.set()  # a thread cannot be cancelled, it has to look
            raise

    def _ends_s(self, body: BatchBody, times: Times) -> float:
        """When a solve for this call should end."""
        asked_s = times.came_s + body.asked_ms(self._limits.default_solve_ms) / 1000
        return asked_s if times.deadline_s is None else min(asked_s, times.deadline_s - self._reserve.seconds)

    def _pump(self) -> None:
        """Start every batch whose turn it is."""
        self._waiting = [one for one in self._waiting if not one.answer.done()]
        now_s = time.monotonic()
        for one in list(self._waiting):
            if one not in self._waiting:
                continue  # it has joined a batch just now
            turn_s = min((batch.ends_s for batch in self._running), default=now_s)
            # More beside each other than this would only take the processor from those that should end soon.
            hurried = one.ends_s < turn_s and len(self._running) < _MOST_BESIDE
            overdue = one.due_s <= now_s and len(self._running) < 2
            gathered = not self._running and (now_s >= self._gathering_until_s or one.ends_s <= self._gathering_until_s)
            if one.company is None or gathered or hurried or overdue:
                self._start(self._batch_of(one))

    def _batch_of(self, first: _Waiting) -> _Batch:
        """The first call and all in line that may be decided with it."""
        batch = _Batch([], first.ends_s)
        for one in [first, *(one for one in self._waiting if one is not first)]:
            ids = {workload.id for workload in one.asked.body.workloads}
            fits = one is first or (one.company is not None and one.company == first.company)
            if fits and not ids & batch.names and len(batch.names | ids) <= max(len(ids), self._limits.batch):
                batch.calls.append(one)
                batch.names |= ids
                batch.ends_s = min(batch.ends_s, one.ends_s)
        self._waiting = [one for one in self._waiting if one not in batch.calls]
        return batch

    def _start(self, batch: _Batch) -> None:
        if batch.calls[0].company is not None:
            self._running.add(batch)
        task = asyncio.get_running_loop().create_task(self._run(batch))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run(self, batch: _Batch) -> None:
        asked = [one.asked for one in batch.calls]
        try:
            found = await asyncio.get_running_loop().run_in_executor(self._solves, self._together, asked)
        except Exception as error:  # noqa: BLE001 - whatever it is, every caller must hear of it
            found = [error for _ in asked]
        self._running.discard(batch)
        for one, answer in zip(batch.calls, found, strict=True):
            if one.answer.done():
                continue
            if isinstance(answer, Exception):
                one.answer.set_exception(answer)
            else:
                one.answer.set_result(answer)
        if len(batch.calls) > 1:
            gather_s = self._limits.gather_ms / 1000
            self._gathering_until_s = time.monotonic() + gather_s
            asyncio.get_running_loop().call_later(gather_s, self._pump)
        self._pump()
