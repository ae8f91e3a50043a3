"""Our own methods: greedy alone, and the engine; on cases, and on other problems through an adapter to the solver."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from bench.method import Answer, CaseMethod, Method, Placements, answer_of
from bench.prepared import lowered
from placement.compile import lift
from placement.engine import decide
from placement.errors import InputError
from placement.model import Case, Decision
from placement.snapshot import Snapshot
from solver.greedy import greedy
from solver.plan import Plan
from solver.problem import Problem
from solver.solve import Budget, solve
from solver.workers import ProcessPool, helpers_for

__all__ = ["Adapter", "CaseGreedy", "Engine", "SolverGreedy", "SolverSearch"]

_WARM_UP_S = 60.0

S = TypeVar("S")
A = TypeVar("A")


class Adapter(Generic[S, A]):
    """How a subject of another family becomes a problem of the solver, and a plan an answer."""

    def __init__(self, lower: Callable[[S], tuple[Problem, Plan | None]], lift: Callable[[S, Plan], A]) -> None:
        self.lower = lower
        """The problem, and a plan that is known from the start."""
        self.lift = lift


class _Search:
    """One warm process for searches, started at the first use; the next search finds it warm again."""

    def __init__(self) -> None:
        self._pool: ProcessPool | None = None

    def ready(self) -> ProcessPool:
        """The pool with its process imported. Also after a search that had to be killed: that is no answer's time."""
        if self._pool is None:
            self._pool = ProcessPool(1, helpers=helpers_for(1))
        if not self._pool.warm_up(_WARM_UP_S):
            raise InputError("bench", "the solver process does not start", "see whether ortools imports")
        return self._pool

    def close(self) -> None:
        """End the process."""
        if self._pool is not None:
            self._pool.close()


class CaseGreedy(CaseMethod):
    """The engine's own first step without any search, and without a limit of time."""

    name = "greedy"
    timed = False

    def __init__(self) -> None:
        self._ready: _Ready | None = None

    def prepare(self, subject: Case) -> None:
        """Compile the fleet and count the running work."""
        self._ready = _snapshot(self._ready, subject)

    def answer(self, subject: Case, *, time_limit_s: float, seed: int) -> Answer[Placements]:
        """Lower, place item by item, lift."""
        self._ready = _snapshot(self._ready, subject)
        snapshot = self._ready.snapshot
        began = time.perf_counter()
        case = lowered(snapshot)
        ready = time.perf_counter()
        plan, _ = greedy(case.problem)
        done = time.perf_counter()
        lifted = lift(case, plan)
        return Answer(
            lifted.placements,
            disturbed=lifted,
            timings_ms={"lower_ms": (ready - began) * 1e3, "greedy_ms": (done - ready) * 1e3},
        )


class Engine(CaseMethod):
    """`placement.engine.decide` with one search process, as the service runs it."""

    name = "moorage"

    def __init__(self) -> None:
        self._ready: _Ready | None = None
        self._search = _Search()

    def prepare(self, subject: Case) -> None:
        """Compile the fleet, count the running work, have the search process warm."""
        self._ready = _snapshot(self._ready, subject)
        self._search.ready()

    def answer(
        self, subject: Case, *, time_limit_s: float, seed: int, warm: Decision | None = None
    ) -> Answer[Placements]:
        """Decide; the decision goes with the answer, so that its figures and proofs are verified too.

        `warm` is an earlier answer to go on from.
        """
        self._ready = _snapshot(self._ready, subject)
        snapshot = self._ready.snapshot
        workers = self._search.ready()
        until_s = time.monotonic() + time_limit_s
        decision = decide(snapshot, clock=time.monotonic, workers=workers, deadline=until_s, warm=warm)
        return answer_of(decision)

    def close(self) -> None:
        """End the search process."""
        self._search.close()


class SolverGreedy(Method[S, A]):
    """Greedy on a problem that is no case."""

    name = "greedy"
    timed = False

    def __init__(self, adapter: Adapter[S, A]) -> None:
        self._adapter = adapter

    def answer(self, subject: S, *, time_limit_s: float, seed: int) -> Answer[A]:
        """Adapt, place item by item."""
        began = time.perf_counter()
        problem, _ = self._adapter.lower(subject)
        ready = time.perf_counter()
        plan, _ = greedy(problem)
        done = time.perf_counter()
        timings = {"lower_ms": (ready - began) * 1e3, "greedy_ms": (done - ready) * 1e3}
        return Answer(self._adapter.lift(subject, plan), timings_ms=timings)


class SolverSearch(Method[S, A]):
    """`solver.solve` on a problem that is no case."""

    name = "moorage"

    def __init__(self, adapter: Adapter[S, A]) -> None:
        self._adapter = adapter
        self._search = _Search()

    def prepare(self, subject: S) -> None:
        """Have the search process warm."""
        self._search.ready()

    def answer(self, subject: S, *, time_limit_s: float, seed: int) -> Answer[A]:
        """Adapt and solve within what is left of the limit."""
        workers = self._search.ready()
        began = time.monotonic()
        problem, start = self._adapter.lower(subject)
        ready = time.monotonic()
        budget = Budget(deadline=began + time_limit_s, seed=seed)
        outcome = solve(problem, budget, clock=time.monotonic, workers=workers, start=start)
        return Answer(
            self._adapter.lift(subject, outcome.plan),
            bounds=tuple(bound.value for bound in outcome.bounds),
            timings_ms={"lower_ms": (ready - began) * 1e3, **outcome.timings},
            note=outcome.state.value + (f": {outcome.reason}" if outcome.reason else ""),
        )

    def close(self) -> None:
        """End the search process."""
        self._search.close()


@dataclass(frozen=True)
class _Ready:
    """A case and its snapshot, which has another form of it (canonical order)."""

    case: Case
    snapshot: Snapshot


def _snapshot(last: _Ready | None, case: Case) -> _Ready:
    """The snapshot of a case, made anew only if the case is another one than last time.

    As in the command and the server, no later garbage collection walks over it.
    """
    if last is not None and last.case is case:
        return last
    made = _Ready(case, Snapshot.of(case))
    gc.unfreeze()
    gc.collect()
    gc.freeze()
    return made
