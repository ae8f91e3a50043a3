"""Place from state to reservation: decide on one state, book on the next, decide once more where that fails."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Protocol

from pydantic import ValidationError

from placement.errors import Contended, DeadlineExceeded, StaleVersion, Unreachable
from placement.journal import Journal
from placement.ladder import least_ms, refuse_hurry
from placement.limits import InputLimits
from placement.model.case import Budget, Case
from placement.model.decision import Decision, PlacedReplica
from placement.model.document import input_error
from placement.model.policy import default_policy
from placement.model.state import Replica, Running
from placement.service.bodies import BatchBody, CheckBody, PlaceAnswer, WhatIfAnswer, WhatIfBody, joined, share
from placement.service.metrics import Metrics
from placement.service.times import Limits, Times, Usual
from placement.service.wire import encode
from placement.snapshot import Snapshot
from placement.store import AlreadyRunning, State, Store
from placement.v1 import placement_pb2 as pb
from placement.verify import verify_placements
from placement.whatif import Change, apply, compare

__all__ = ["Asked", "Decide", "Placed", "Placing", "snapshot_of"]


class Decide(Protocol):
    """`placement.engine.decide` with clock and workers filled in."""

    def __call__(
        self, case: Snapshot, *, cancelled: Callable[[], bool], deadline: float | None, warm: Decision | None = None
    ) -> Decision:
        """Decide a case until `deadline` (on `time.monotonic`); `cancelled` says that nobody waits any more.

        `warm` is an earlier decision to go on from.
        """


@dataclass(frozen=True, eq=False)
class Asked:
    """One Place: its request, its time, and whether its caller has gone away."""

    body: BatchBody
    times: Times
    gone: threading.Event


@dataclass(frozen=True)
class Placed:
    """The answer of a Place, and when its last solve ended or should have ended, whichever came first."""

    answer: PlaceAnswer
    message: pb.PlaceResponse
    solved_s: float


@dataclass(frozen=True)
class _Solved:
    snapshot: Snapshot
    decision: Decision
    ended_s: float


_Kept = tuple[int, Asked, Decision]
"""A call of a batch by its row, and its part of the joint decision."""


class Placing:
    """Decides and reserves. Its methods run in the threads of the calls; reservations are made one at a time."""

    def __init__(
        self,
        store: Store,
        decide: Decide,
        limits: Limits,
        reserve: Usual,
        metrics: Metrics,
        journal: Journal,
        inputs: InputLimits,
        stopping: threading.Event,
    ) -> None:
        self._store = store
        self._decide = decide
        self._limits = limits
        self._reserve = reserve
        self._metrics = metrics
        self._stopping = stopping
        self._greedy = Usual(limits.least_ms, limits.most_least_ms)
        self._journal = journal
        self._inputs = inputs
        # A journal may write files; no answer waits for that.
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="journal")
        # The store would refuse the slower of two; in line, neither has to check its placements again in vain.
        self._booking = threading.Lock()

    def close(self) -> None:
        """Wait until the journal has all decisions."""
        self._writer.shutdown(wait=True)

    def together(self, calls: Sequence[Asked]) -> list[Placed | Exception]:
        """Decide calls of one company as one case, and reserve what each of them got; an answer or error per call.

        Errors: InputError, NoFabric, AlreadyRunning, StaleVersion, DeadlineExceeded, Contended, Unreachable.
        """
        found: dict[int, Placed | Exception] = {}
        try:
            self._together(calls, found)
        except Exception as error:  # noqa: BLE001 - it is handed to whom it concerns
            if len(calls) == 1:
                return [error]
        # What is wrong with one is no fault of the others; what is reserved already stays so.
        return [found[row] if row in found else self.together([one])[0] for row, one in enumerate(calls)]

    def suppose(self, body: WhatIfBody, times: Times, gone: threading.Event) -> WhatIfAnswer:
        """Decide a request as it is and after a change; reserve nothing. Each side gets half of the time left.

        Raises what `together` answers with.
        """
        call = Asked(body.place.model_copy(update={"validate_only": True}), times, gone)
        state = self._store.read()
        error = self._refusal(call, state)
        if error is not None:
            raise error
        remaining_ms = times.remaining_ms(time.monotonic(), self._limits, self._reserve.seconds)
        budget = call.body.budget(self._limits.default_solve_ms, max(1, remaining_ms // 2))
        before = snapshot_of(call.body, state, budget, call.body.seed)
        changed = apply(before.case, Change(edits=body.edits, set=body.set))
        self._inputs.check_case(changed)
        after = Snapshot.of(changed)

        def cancelled() -> bool:
            return self._stopping.is_set() or gone.is_set()

        decisions: list[Decision] = []
        for side in (before, after):
            wall_ms = side.case.budget.wall_ms
            until_s = None if wall_ms is None else time.monotonic() + wall_ms / 1000
            # The other side goes on from the first, so that what differs is due to the change.
            known = decisions[0] if decisions else body.place.warm
            decision = self._decide(side, cancelled=cancelled, deadline=until_s, warm=known)
            self._writer.submit(self._journal.keep, side.case, decision, known)
            decisions.append(decision)
        return WhatIfAnswer(
            comparison=compare((before.case, decisions[0]), (after.case, decisions[1])),
            before=decisions[0],
            after=decisions[1],
            fabric_version=state.fabric.version,
            state_version=state.version,
        )

    def _together(self, calls: Sequence[Asked], found: dict[int, Placed | Exception]) -> None:
        """Fill `found`, by the row of the call. What is decided once more goes on from the first try, given time."""
        before: Decision | None = None
        for _ in range(2):
            state = self._store.read()
            open_ = [row for row in range(len(calls)) if row not in found]
            for row in open_:
                error = self._refusal(calls[row], state)
                if error is not None:
                    found[row] = error
            open_ = [row for row in open_ if row not in found]
            if not open_:
                break
            solved = self._solve([calls[row] for row in open_], state, before)
            before = None if calls[0].body.work else solved.decision
            found.update(self._book([(row, calls[row]) for row in open_], state, solved))
            if len(found) == len(calls):
                break
            self._metrics.conflict("decided_again")
        for row in range(len(calls)):
            if row not in found:
                self._metrics.conflict("aborted")
                found[row] = Contended()

    def _refusal(self, call: Asked, state: State) -> Exception | None:
        """Why a call must not be decided on this state."""
        expected = call.body.expected_fabric_version
        if expected and expected != state.fabric.version:
            return StaleVersion(expected, state.fabric.version)
        if call.gone.is_set() or self._stopping.is_set():
            return Unreachable("the caller went away, or the server is stopping; nothing was reserved")
        if call.body.use_server_state:
            twice = next((one.id for one in call.body.workloads if one.id in state.running), None)
            if twice is not None:
                return AlreadyRunning(twice)
        try:
            call.times.remaining_ms(time.monotonic(), self._limits, self._reserve.seconds)
        except DeadlineExceeded as error:
            return error
        return None

    def _solve(self, calls: Sequence[Asked], state: State, before: Decision | None) -> _Solved:
        """One decision for all of them, in the time of the most hurried. The time is taken here, after the wait.

        It goes on from the decision `before`, else from what the calls bring.
        """
        began_s = time.monotonic()
        body = calls[0].body
        if len(calls) > 1:
            body = body.model_copy(update={"workloads": tuple(one for call in calls for one in call.body.workloads)})
        asked, budgets = [], []
        for call in calls:
            asked.append(call.body.asked_ms(self._limits.default_solve_ms))
            remaining_ms = call.times.remaining_ms(began_s, self._limits, self._reserve.seconds)
            budgets.append(call.body.budget(self._limits.default_solve_ms, remaining_ms))
        hurried = min(range(len(calls)), key=lambda row: budgets[row].wall_ms or 0)
        snapshot = snapshot_of(body, state, budgets[hurried], body.seed)
        needed_ms = least_ms(snapshot)
        if len(calls) == 1 and body.work is None:
            refuse_hurry(snapshot, asked[0], "max_solve_time", left_ms=budgets[0].wall_ms)
        granted_ms = self._limits.least_ms + self._limits.least_per_workload_ms * (len(body.workloads) - 1)
        granted_ms = max(granted_ms, int(self._greedy.seconds * 1000), needed_ms)
        ends = [
            call.times.until_s(began_s, budget.wall_ms, asked_ms, granted_ms=granted_ms, needed_ms=needed_ms)
            for call, budget, asked_ms in zip(calls, budgets, asked, strict=True)
        ]
        until_s = min((end for end in ends if end is not None), default=None)

        def cancelled() -> bool:
            return self._stopping.is_set() or all(call.gone.is_set() for call in calls)

        warm = before or joined([call.body.warm for call in calls if call.body.warm is not None])
        decision = self._decide(snapshot, cancelled=cancelled, deadline=until_s, warm=warm)
        ended_s = time.monotonic()
        self._metrics.solved(decision, ended_s - began_s, len(body.workloads), len(calls))
        self._greedy.learn(_greedy_s(decision))
        self._writer.submit(self._journal.keep, snapshot.case, decision, warm)
        return _Solved(snapshot, decision, ended_s if until_s is None else min(ended_s, until_s))

    def _book(self, calls: list[tuple[int, Asked]], state: State, solved: _Solved) -> dict[int, Placed | Exception]:
        """Reserve what each call got; no entry for a call whose placements do not fit the state any more."""
        found: dict[int, Placed | Exception] = {}
        # Values, terms and certificates are those of all: they are put into a message once.
        common = encode(solved.decision.model_copy(update={"placements": (), "unplaced": ()}), pb.Decision())
        with self._booking:
            kept = []
            for row, call in calls:
                late = call.times.deadline_s is not None and time.monotonic() > call.times.deadline_s
                if call.gone.is_set() or self._stopping.is_set():
                    found[row] = Unreachable("the caller went away, or the server is stopping; nothing was reserved")
                elif late:
                    found[row] = DeadlineExceeded("the deadline passed while it was decided; nothing was reserved")
                else:
                    kept.append((row, call, share(solved.decision, call.body, whole=len(calls) == 1)))
            whole = len(kept) == len(calls)
            version = self._reserved(kept, state, solved, whole=whole)
            if version is None and len(kept) > 1:
                # One edited node must not cost all of them their places.
                kept = [one for one in kept if not _nodes(one[2]) & _changed(state, self._store.read())]
                version = self._reserved(kept, state, solved, whole=False)
        for row, call, part in kept if version is not None else ():
            reserved = call.body.reserves and _does_something(part)
            answer = PlaceAnswer(
                decision=part,
                fabric_version=state.fabric.version,
                state_version=state.version,
                reserved_version=version if reserved else None,
            )
            found[row] = Placed(answer, _message(answer, common), solved.ended_s)
        return found

    def _reserved(self, kept: list[_Kept], state: State, solved: _Solved, *, whole: bool) -> str | None:
        """Reserve it all: the version that has it, None if it does not fit; `whole`: these are all calls decided."""
        new = [one for _, call, part in kept if call.body.reserves for one in _running(call.body, solved, part)]
        changed, gone = _disturbed(solved.decision, state) if kept and kept[0][1].body.reserves else ([], [])
        if gone and not whole:
            return None  # it was disturbed for all of them together
        while new or gone:
            now = self._store.read()
            if now.version != state.version or not whole:
                as_it_was = all(now.running.get(name) == state.running[name] for name in gone)
                if not as_it_was or not _still_fits(kept[0][1].body, solved, now, new):
                    return None
                self._metrics.conflict("fitted")
            try:
                return self._store.commit(now.version, add=[*new, *changed], remove=gone).version
            except StaleVersion:
                continue  # the fabric was edited, or another server shares the store
        return ""


def snapshot_of(body: BatchBody | CheckBody, state: State, budget: Budget, seed: int = 0) -> Snapshot:
    """The case of a request on a state. InputError if its parts do not fit together; AlreadyRunning."""
    if body.use_server_state:
        for workload in body.workloads:
            if workload.id in state.running:
                raise AlreadyRunning(workload.id)
    fields: dict[str, Any] = {
        "workloads": body.workloads,
        "tenants": body.tenants,
        "groups": body.groups,
        "policy": default_policy() if body.policy is None else body.policy,
        "budget": budget,
        "seed": seed,
        "now_s": int(time.time()) if body.now_s is None else body.now_s,
    }
    try:
        if body.use_server_state:
            # The state is valid and sorted, and much larger than what comes with a call.
            case = Case.on(state.fabric.fleet, state.in_order, **fields)
            return Snapshot.of(case, state.fabric, known=state.json, usage=state.usage)
        return Snapshot.of(Case(fleet=state.fabric.fleet, running=body.running, **fields), state.fabric)
    except ValidationError as error:
        raise input_error(error, "request") from None


def _greedy_s(decision: Decision) -> float:
    """The time that a decision needs to have its greedy plan whole: that pass gets three fifths of it."""
    spent = decision.timings
    twice = 2 if decision.fallback_reason == "the greedy pass ran out of time" else 1
    return (spent.get("lower_ms", 0.0) + twice * spent.get("greedy_ms", 0.0) / 0.6) / 1000


def _still_fits(body: BatchBody, solved: _Solved, now: State, new: list[Running]) -> bool:
    """Whether work that was decided on another state, or with other work, is valid on this one."""
    expected = body.expected_fabric_version
    if expected and expected != now.fabric.version:
        return False
    case = solved.snapshot.case
    workloads = tuple(one.workload for one in new)
    fresh = body.model_copy(update={"now_s": case.now_s, "workloads": workloads})
    names = {workload.id for workload in workloads}
    placements = tuple(one for one in solved.decision.placements if one.workload in names)
    return not verify_placements(snapshot_of(fresh, now, case.budget, case.seed), placements, solved.decision)


def _disturbed(decision: Decision, state: State) -> tuple[list[Running], list[str]]:
    """Running work as it is after moves, shrinks and growths, and the ids of all that has changed."""
    after: dict[str, tuple[PlacedReplica | Replica, ...]] = {one.workload: one.replicas for one in decision.moves}
    after |= {one.workload: one.replicas for one in decision.shrinks}
    for one in decision.growths:
        after[one.workload] = (*after.get(one.workload, state.running[one.workload].replicas), *one.added)
    changed = [state.running[name].model_copy(update={"replicas": _seats(after[name])}) for name in after]
    return changed, [*after, *(one.workload for one in decision.evictions)]


def _does_something(decision: Decision) -> bool:
    """Whether it places anything, or changes what runs."""
    changes = (decision.placements, decision.moves, decision.shrinks, decision.evictions, decision.growths)
    return any(changes)


def _seats(replicas: Sequence[PlacedReplica | Replica]) -> tuple[Replica, ...]:
    return tuple(Replica(subgroup=one.subgroup, role=one.role, node=one.node, devices=one.devices) for one in replicas)


def _changed(before: State, after: State) -> set[str]:
    """The nodes that changed, or that work came to or left."""
    old = {node.id: node for node in before.fabric.nodes}
    found = {node.id for node in after.fabric.nodes if old.pop(node.id, None) != node} | set(old)
    for name in before.running.keys() ^ after.running.keys():
        work = before.running.get(name) or after.running[name]
        found |= {replica.node for replica in work.replicas}
    return found


def _nodes(decision: Decision) -> set[str]:
    return {replica.node for placement in decision.placements for replica in placement.replicas}


def _message(answer: PlaceAnswer, common: pb.Decision) -> pb.PlaceResponse:
    """The message of an answer, of which `common` is all but placements and verdicts."""
    found = pb.PlaceResponse(fabric_version=answer.fabric_version, state_version=answer.state_version)
    if answer.reserved_version is not None:
        found.reserved_version = answer.reserved_version
    found.decision.CopyFrom(common)
    for placement in answer.decision.placements:
        encode(placement, found.decision.placements.add())
    for refused in answer.decision.unplaced:
        encode(refused, found.decision.unplaced.add())
    return found


def _running(body: BatchBody, solved: _Solved, decision: Decision) -> list[Running]:
    """What runs once the decision is carried out."""
    workloads = {workload.id: workload for workload in body.workloads}
    found = []
    for placement in decision.placements:
        start_s = solved.snapshot.case.now_s
        found.append(
            Running(workload=workloads[placement.workload], replicas=_seats(placement.replicas), start_s=start_s)
        )
    return found
