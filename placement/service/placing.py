"""Place from state to reservation: decide on one state, book on the next, decide once more where that fails."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from pydantic import ValidationError

from placement.errors import Contended, DeadlineExceeded, InputError, StaleVersion, Unreachable
from placement.model.case import Budget, Case
from placement.model.decision import Decision
from placement.model.document import input_error
from placement.model.policy import default_policy
from placement.model.state import Replica, Running
from placement.service.bodies import CheckBody, PlaceAnswer, PlaceBody
from placement.service.metrics import Metrics
from placement.service.times import Limits, Reserve, Times
from placement.snapshot import Snapshot
from placement.store import AlreadyRunning, State, Store
from placement.verify import verify_placements

__all__ = ["Decide", "Placed", "Placing", "snapshot_of"]


class Decide(Protocol):
    """`placement.engine.decide` with clock and workers filled in."""

    def __call__(self, case: Snapshot, *, cancelled: Callable[[], bool], deadline: float | None) -> Decision:
        """Decide a case until `deadline` (on `time.monotonic`); `cancelled` says that nobody waits any more."""


@dataclass(frozen=True)
class Placed:
    """The answer of a Place, and when its last solve ended or should have ended, whichever came first."""

    answer: PlaceAnswer
    solved_s: float


class Placing:
    """Decides and reserves. Its methods run in the threads of the calls; reservations are made one at a time."""

    def __init__(self, store: Store, decide: Decide, limits: Limits, reserve: Reserve, metrics: Metrics) -> None:
        self._store = store
        self._decide = decide
        self._limits = limits
        self._reserve = reserve
        self._metrics = metrics
        # The store would refuse the slower of two; in line, neither has to check its placements again in vain.
        self._booking = threading.Lock()

    def place(self, body: PlaceBody, times: Times, others: Callable[[], int], cancelled: Callable[[], bool]) -> Placed:
        """Decide a request and reserve what it places, if it wants that.

        `others` counts the other calls in progress. Raises InputError, NoFabric, AlreadyRunning, StaleVersion,
        DeadlineExceeded, Contended.
        """
        state = self._state(body)
        case, decision, solved_s = self._solve(body, state, times, others(), cancelled)
        booked = self._book(body, case, state, decision, times)
        if booked is None:
            self._metrics.conflict("decided_again")
            state = self._state(body)
            case, decision, solved_s = self._solve(body, state, times, others(), cancelled)
            booked = self._book(body, case, state, decision, times)
        if booked is None:
            self._metrics.conflict("aborted")
            raise Contended
        answer = PlaceAnswer(
            decision=decision,
            fabric_version=state.fabric.version,
            state_version=state.version,
            reserved_version=booked or None,
        )
        return Placed(answer, solved_s)

    def _state(self, body: PlaceBody) -> State:
        state = self._store.read()
        expected = body.expected_fabric_version
        if expected and expected != state.fabric.version:
            raise StaleVersion(expected, state.fabric.version)
        return state

    def _solve(
        self, body: PlaceBody, state: State, times: Times, others: int, cancelled: Callable[[], bool]
    ) -> tuple[Snapshot, Decision, float]:
        """One decision. The budget is taken here, after the wait for a free thread."""
        began_s = time.monotonic()
        remaining_ms = times.remaining_ms(began_s, self._limits, self._reserve.seconds)
        budget = body.budget(self._limits.default_solve_ms, remaining_ms)
        snapshot = snapshot_of(body, state, budget, body.seed)
        asked_ms = body.asked_ms(self._limits.default_solve_ms)
        until_s = times.until_s(began_s, budget.wall_ms, asked_ms, others, self._limits)
        decision = self._decide(snapshot, cancelled=cancelled, deadline=until_s)
        ended_s = time.monotonic()
        if cancelled():
            raise Unreachable("the caller went away, or the server is stopping; nothing was reserved")
        self._metrics.solved(decision, ended_s - began_s, len(body.workloads))
        return snapshot, decision, ended_s if until_s is None else min(ended_s, until_s)

    def _book(self, body: PlaceBody, case: Snapshot, state: State, decision: Decision, times: Times) -> str | None:
        """Reserve the placements; the new version, "" if there is nothing to reserve, None if they do not fit.

        DeadlineExceeded if the caller has stopped waiting.
        """
        if not body.reserves or not decision.placements:
            return ""
        new = _running(body, case.case, decision)
        with self._booking:
            while True:
                now = self._store.read()
                if now.version != state.version:
                    if not self._still_fits(body, case.case, now, decision):
                        return None
                    self._metrics.conflict("fitted")
                if times.deadline_s is not None and time.monotonic() > times.deadline_s:
                    raise DeadlineExceeded("the deadline passed while the call was decided; nothing was reserved")
                try:
                    return self._store.commit(now.version, add=new).version
                except StaleVersion:
                    continue  # the fabric was edited, or another server shares the store

    def _still_fits(self, body: PlaceBody, case: Case, now: State, decision: Decision) -> bool:
        """Whether placements that were decided on another state are valid on this one too."""
        if body.expected_fabric_version and body.expected_fabric_version != now.fabric.version:
            raise StaleVersion(body.expected_fabric_version, now.fabric.version)
        fresh = snapshot_of(body.model_copy(update={"now_s": case.now_s}), now, case.budget, case.seed)
        return not verify_placements(fresh, decision.placements)


def snapshot_of(body: PlaceBody | CheckBody, state: State, budget: Budget, seed: int = 0) -> Snapshot:
    """The case of a request on a state. InputError if its parts do not fit together; AlreadyRunning."""
    if body.use_server_state:
        for workload in body.workloads:
            if workload.id in state.running:
                raise AlreadyRunning(workload.id)
    try:
        case = Case(
            fleet=state.fabric.fleet,
            workloads=body.workloads,
            running=state.in_order if body.use_server_state else body.running,
            tenants=body.tenants,
            groups=body.groups,
            policy=default_policy() if body.policy is None else body.policy,
            budget=budget,
            seed=seed,
            now_s=int(time.time()) if body.now_s is None else body.now_s,
        )
    except ValidationError as error:
        raise input_error(error, "request") from None
    known: frozenset[str] = frozenset({"running"}) if body.use_server_state else frozenset()
    return Snapshot.of(case, state.fabric, known=known)


def _running(body: PlaceBody, case: Case, decision: Decision) -> list[Running]:
    """What runs once the decision is carried out."""
    workloads = {workload.id: workload for workload in body.workloads}
    found = []
    for placement in decision.placements:
        if placement.workload not in workloads:
            raise InputError("decision", f"{placement.workload!r} was not asked for", "report this as a defect")
        replicas = tuple(
            Replica(subgroup=one.subgroup, role=one.role, node=one.node, devices=one.devices)
            for one in placement.replicas
        )
        found.append(Running(workload=workloads[placement.workload], replicas=replicas, start_s=case.now_s))
    return found
